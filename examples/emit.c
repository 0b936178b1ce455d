// emit.c - a task with many results
//
// SPDX-License-Identifier: MPL-2.0
//
// A task may send results before it ends. The reader takes them from the future
// as they come, and the task waits when the reader is far behind. What the task
// returns is its result, as always.
//
// Read next: imap.c, many tasks with one result each.

#include <brood.h>
#include <stdio.h>

static int
fibonacci (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    long limit, count = 0;
    if (brood_msg_unpack (in, "{limit: %ld}", &limit) < 0)
        return brood_task_fail (task, "wanted {limit}");
    for (long a = 0, b = 1; a < limit; count++) {
        if (brood_task_emit (task, "%ld", a) < 0)
            return -1;
        const long sum = a + b;
        a = b;
        b = sum;
    }
    return brood_msg_pack (out, "{count: %ld}", count);
}
BROOD_TASK (fibonacci);

int
main (int argc, char **argv)
{
    long number, count;
    int got;
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) pool = brood_pool_new ("1");
    BROOD_AUTO (future) f =
        brood_pool_submit (pool, fibonacci, "{limit: %ld}", 100L);
    while ((got = brood_future_next (f, -1, "%ld", &number)) == 1)
        printf ("%ld\n", number);
    if (got < 0 || brood_future_get (f, -1, "{count: %ld}", &count) < 0)
        return brood_perror ("fibonacci");
    printf ("%ld numbers\n", count);
    return 0;
}
