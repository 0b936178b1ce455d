// then.c - callbacks when tasks end
//
// SPDX-License-Identifier: MPL-2.0
//
// brood_future_then () hands a function to a future, which calls it once, when
// the task has ended, whichever way. Callbacks run one at a time in a thread
// of brood's own, so the tally below needs no lock as long as main keeps its
// hands off until brood_pool_shutdown () has returned: the callbacks have all
// run by then. A future may be destroyed right after; its callback still comes.
//
// Read next: event_loop.c, where callbacks run in a loop of the program's own.

#include <brood.h>
#include <stdio.h>

typedef struct {
    int good;
    int bad;
    long sum;
} tally;

static int
cube (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    long n;
    if (brood_msg_unpack (in, "%ld", &n) < 0)
        return brood_task_fail (task, "wanted a number");
    if (n % 7 == 0)
        return brood_task_fail (task, "sevens are not for sale");
    return brood_msg_pack (out, "%ld", n * n * n);
}
BROOD_TASK (cube);

static void
add (brood_future_t *future, void *arg)
{
    tally *t = arg;
    long n;
    if (brood_future_get (future, 0, "%ld", &n) < 0) {
        t->bad++;
        return;
    }
    t->good++;
    t->sum += n;
}

int
main (int argc, char **argv)
{
    tally t = { 0, 0, 0 };
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) pool = brood_pool_new (NULL);
    for (long n = 1; n <= 20; n++) {
        BROOD_AUTO (future) f = brood_pool_submit (pool, cube, "%ld", n);
        if (brood_future_then (f, add, &t) < 0)
            return brood_perror ("cube");
    }
    if (brood_pool_shutdown (pool, -1) < 0)
        return brood_perror ("shutdown");
    printf ("%d cubes, sum %ld, and %d refusals\n", t.good, t.sum, t.bad);
    return 0;
}
