// 002_n_no_guard.c - seed 002-N: no `if __name__ == '__main__'`
//
// SPDX-License-Identifier: MPL-2.0
//
// Python's children may import the main script, and without the guard would
// run it again, and start children, without end. Here nobody runs main twice:
// each worker says where it begins, in its task. Even a task that makes a pool
// of its own makes just that one.
//
// Read next: 003_a_two_processes.c, the fourth seed.

#include <brood.h>
#include <stdio.h>

BROOD_MAPPER (one_more, int, x, int, y)
{
    *y = *x + 1;
    return 0;
}

static int
with_a_pool (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int numbers[] = { 1, 2, 3, 4 };
    (void) in;
    BROOD_AUTO (pool) inner = brood_pool_new ("2");
    if (brood_pool_map (inner, one_more, numbers, numbers, 4) < 0)
        return brood_task_fail (task, "inner: %s", brood_error ());
    return brood_msg_pack (out, "%d", numbers[3]);
}
BROOD_TASK (with_a_pool);

int
main (int argc, char **argv)
{
    int n;
    puts ("main");
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    BROOD_AUTO (future) f = brood_pool_submit (pool, with_a_pool, "nil");
    if (brood_future_get (f, -1, "%d", &n) < 0)
        return brood_perror ("with_a_pool");
    printf ("%d\n", n);
    return 0;
}
