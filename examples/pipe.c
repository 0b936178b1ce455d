// pipe.c - two processes, a message each way, and the end
//
// SPDX-License-Identifier: MPL-2.0
//
// A pipe has two ends, and either may go to another process: here one travels
// to a worker as an argument of its task. The worker reads until the end, which
// comes when no process holds the other side any more; whether it was closed or
// its holder was killed makes no difference.
//
// Read next: listener.c, for programs that are not related.

#include <brood.h>
#include <stdio.h>

static int
square (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    int n, count = 0;
    if (brood_msg_unpack (in, "@%p", &ref) < 0)
        return brood_task_fail (task, "wanted an end of a pipe");
    BROOD_AUTO (conn) numbers = brood_conn_from (ref);
    while (brood_conn_recv (numbers, BROOD_FOREVER, "%d", &n) == 0) {
        if (brood_conn_send (
                numbers, BROOD_FOREVER, "{n: %d, square: %d}", n, n * n)
            < 0)
            return brood_task_fail (task, "%s", brood_error ());
        count++;
    }
    return brood_msg_pack (out, "%d", count);
}
BROOD_TASK (square);

int
main (int argc, char **argv)
{
    brood_conn_t *near, *far;
    brood_init (&argc, &argv);
    if (brood_pipe_new (1, &near, &far) < 0)
        return brood_perror ("pipe");
    BROOD_AUTO (pool) pool = brood_pool_new ("1");
    BROOD_AUTO (future) done =
        brood_pool_submit (pool, square, "@%p", brood_ref (far));

    for (int i = 1; i <= 5; i++) {
        int n, product;
        if (brood_conn_send (near, BROOD_FOREVER, "%d", i) < 0
            || brood_conn_recv (
                   near, 10000, "{n: %d, square: %d}", &n, &product)
                   < 0)
            return brood_perror ("pipe");
        printf ("%d squared is %d\n", n, product);
    }
    // Now nobody will send any more, and the worker is told so.
    brood_conn_destroy (&near);
    int count;
    if (brood_future_get (done, BROOD_FOREVER, "%d", &count) < 0)
        return brood_perror ("pipe");
    printf ("the worker had %d numbers before the end\n", count);
    brood_conn_destroy (&far);
    return 0;
}
