// 001_n_executor.c - seed 001-N: an executor, ten tasks and a gentle end
//
// SPDX-License-Identifier: MPL-2.0
//
// ProcessPoolExecutor and Pool are one class. The results are not wanted, so
// each future is given up at once; its task runs on. shutdown waits for all of
// them, where destroy alone would end the workers in the midst of it.
//
// Read next: 001_o_done_callback.c, for the results.

#include <brood.h>
#include <stdio.h>
#include <unistd.h>

enum {
    SECOND_US = 50000  // 1000000 is the seed's pace
};

static int
task (brood_task_t *self, const brood_msg_t *in, brood_msg_t *out)
{
    int num;
    (void) out;
    if (brood_msg_unpack (in, "%d", &num) < 0)
        return brood_task_fail (self, "wanted a number");
    puts ("执行");
    usleep (2 * SECOND_US);
    return 0;
}
BROOD_TASK (task);

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) pool = brood_pool_new ("4");
    for (int i = 0; i < 10; i++) {
        BROOD_AUTO (future) f = brood_pool_submit (pool, task, "%d", i);
        if (!f)
            return brood_perror ("submit");
    }
    return brood_pool_shutdown (pool, -1) < 0 ? brood_perror ("shutdown") : 0;
}
