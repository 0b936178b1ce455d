// 001_o_done_callback.c - seed 001-O: a callback for each result
//
// SPDX-License-Identifier: MPL-2.0
//
// Callbacks run one at a time, in the order in which the tasks end, and all of
// them before shutdown returns. Lines of several processes do not mix: each
// worker writes a line at once.
//
// Read next: 001_p_lock_as_argument.c.

#include <brood.h>
#include <stdio.h>
#include <unistd.h>

enum {
    TASKS = 10,
    SECOND_US = 50000  // 1000000 is the seed's pace
};

static int
task (brood_task_t *self, const brood_msg_t *in, brood_msg_t *out)
{
    int num;
    if (brood_msg_unpack (in, "%d", &num) < 0)
        return brood_task_fail (self, "wanted a number");
    puts ("执行");
    usleep (2 * SECOND_US);
    return brood_msg_pack (out, "%d", num);
}
BROOD_TASK (task);

static void
done (brood_future_t *res, void *arg)
{
    int num, *n_done = arg;
    if (brood_future_get (res, 0, "%d", &num) < 0)
        return;
    printf ("%d\n", num);
    ++*n_done;
}

int
main (int argc, char **argv)
{
    int n_done = 0;
    setvbuf (stdout, NULL, _IOLBF, BUFSIZ);
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) pool = brood_pool_new ("4");
    for (int i = 0; i < TASKS; i++) {
        BROOD_AUTO (future) fur = brood_pool_submit (pool, task, "%d", i);
        if (brood_future_then (fur, done, &n_done) < 0)
            return brood_perror ("submit");
    }

    puts (brood_process_repr (brood_process_current ()));
    if (brood_pool_shutdown (pool, -1) < 0)
        return brood_perror ("shutdown");
    return n_done != TASKS;
}
