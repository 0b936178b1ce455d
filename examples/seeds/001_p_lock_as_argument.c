// 001_p_lock_as_argument.c - seed 001-P: a lock is an argument like any other
//
// SPDX-License-Identifier: MPL-2.0
//
// In Python a pool takes no Lock or RLock: "Lock objects should only be shared
// between processes through inheritance". Here any handle travels in a
// message: "@%p" with brood_ref (), and brood_<class>_from () on the other
// side.
//
// The tasks read and write a number in two steps, which only a lock makes one.
//
// Read next: 002_a_spawn.c, the third seed.

#include <brood.h>
#include <stdio.h>

enum {
    TASKS = 4,
    STEPS = 1000
};

static int
task (brood_task_t *self, const brood_msg_t *in, brood_msg_t *out)
{
    void *lock_ref, *counter_ref;
    (void) out;
    if (brood_msg_unpack (
            in, "{lock: @%p, counter: @%p}", &lock_ref, &counter_ref)
        < 0)
        return brood_task_fail (self, "wanted a lock and a counter");
    BROOD_AUTO (rlock) lock = brood_rlock_from (lock_ref);
    BROOD_AUTO (value) counter = brood_value_from (counter_ref);
    if (!lock || !counter)
        return -1;
    for (int i = 0; i < STEPS; i++)
        BROOD_WITH (rlock, lock)
        {
            brood_value_set (counter, brood_value_get (counter) + 1);
        }
    return 0;
}
BROOD_TASK (task);

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    BROOD_AUTO (rlock) lock = brood_rlock_new ();
    BROOD_AUTO (value) counter = brood_value_new (BROOD_LONG);
    for (int i = 0; i < TASKS; i++) {
        BROOD_AUTO (future) f = brood_pool_submit (pool,
                                                   task,
                                                   "{lock: @%p, counter: @%p}",
                                                   brood_ref (lock),
                                                   brood_ref (counter));
        if (!f)
            return brood_perror ("submit");
    }
    if (brood_pool_shutdown (pool, -1) < 0)
        return brood_perror ("shutdown");
    printf (
        "%d tasks, %lld steps\n", TASKS, (long long) brood_value_get (counter));
    return 0;
}
