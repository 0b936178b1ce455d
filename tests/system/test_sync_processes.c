// test_sync_processes.c - handles that came along through a fork
//
// SPDX-License-Identifier: MPL-2.0
//
// A process uses its parent's handles as they are, however deep it was born,
// and whether or not the parent still has them.

#include "t_sync.h"

enum {
    CHILDREN = 3,
    ROUNDS = 2000
};

typedef struct {
    brood_lock_t *lock;
    brood_rlock_t *rlock;
    brood_semaphore_t *semaphore;
    brood_event_t *event;
    brood_condition_t *condition;
    brood_barrier_t *barrier;
    brood_value_t *value;
    brood_array_t *array;
} s_all_t;

static int s_calls;  // Each process has its own

static void
s_act (void *arg)
{
    ++*(int *) arg;
}

static void
s_make (s_all_t *all)
{
    all->lock = brood_lock_new ();
    all->rlock = brood_rlock_new ();
    all->semaphore = brood_semaphore_new_bounded (2);
    all->event = brood_event_new ();
    all->condition = brood_condition_new ();
    all->barrier = brood_barrier_new_action (CHILDREN + 1, s_act, &s_calls);
    all->value = brood_value_new (BROOD_INT);
    all->array = brood_array_new (BROOD_LONG, 4);
}

static void
s_unmake (s_all_t *all)
{
    brood_lock_destroy (&all->lock);
    brood_rlock_destroy (&all->rlock);
    brood_semaphore_destroy (&all->semaphore);
    brood_event_destroy (&all->event);
    brood_condition_destroy (&all->condition);
    brood_barrier_destroy (&all->barrier);
    brood_value_destroy (&all->value);
    brood_array_destroy (&all->array);
}

// --- All classes, one after the other --------------------------------------

static int
s_use (void *arg)
{
    s_all_t *all = arg;
    long *numbers = brood_array_ptr (all->array);
    if (brood_event_wait (all->event, T_MS) < 0)
        return 2;
    for (int i = 0; i < ROUNDS; i++) {
        BROOD_WITH (lock, all->lock)
        {
            ++numbers[0];
        }
        BROOD_WITH (rlock, all->rlock)
        {
            BROOD_WITH (rlock, all->rlock)
            {
                ++numbers[1];
            }
        }
        BROOD_WITH (rlock, brood_array_lock (all->array))
        {
            ++numbers[2];
        }
        BROOD_WITH (condition, all->condition)
        {
            ++numbers[3];
        }
        BROOD_WITH (semaphore, all->semaphore)
        {
            (void) brood_value_add (all->value, 1);
        }
    }
    return brood_barrier_wait (all->barrier, T_MS) < 0 ? 3 : 0;
}

// A child's child.
static int
s_use_below (void *arg)
{
    BROOD_AUTO (process) child = brood_process_new (s_use, arg);
    if (brood_process_start (child) < 0 || brood_process_join (child, T_MS) < 0)
        return 1;
    return brood_process_exitcode (child);
}

static void
s_test_all (void **state)
{
    (void) state;
    s_all_t all;
    brood_process_t *children[CHILDREN];
    s_make (&all);
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = brood_process_new (i == 0 ? s_use_below : s_use, &all);
        assert_int_equal (brood_process_start (children[i]), 0);
    }
    const long *numbers = brood_array_ptr (all.array);
    assert_int_equal (brood_event_set (all.event), 0);
    assert_true (brood_barrier_wait (all.barrier, T_MS) >= 0);
    for (int i = 0; i < CHILDREN; i++) {
        assert_int_equal (brood_process_join (children[i], T_MS), 0);
        assert_int_equal (brood_process_exitcode (children[i]), 0);
        brood_process_destroy (&children[i]);
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal (numbers[i], CHILDREN * ROUNDS);
    assert_int_equal (brood_value_get (all.value), CHILDREN * ROUNDS);
    assert_int_equal (brood_semaphore_value (all.semaphore), 2);
    s_unmake (&all);
}

// --- The parent's handle is gone -------------------------------------------

static int
s_use_later (void *arg)
{
    s_all_t *all = arg;
    // Not before the parent has destroyed its handles: it says so by a value
    // that it keeps.
    t_reached_t gone = { all->value, 1 };
    if (!t_eventually (t_has_reached, &gone, 20))
        return 2;
    BROOD_WITH (lock, all->lock)
    {
        (void) brood_value_add (all->value, 1);
    }
    if (brood_semaphore_acquire (all->semaphore, 0) < 0
        || brood_event_set (all->event) < 0)
        return 3;
    return brood_value_get (all->value) == 2 ? 0 : 4;
}

static void
s_test_parent_gave_it_up (void **state)
{
    (void) state;
    s_all_t all;
    s_make (&all);
    BROOD_AUTO (process) child = brood_process_new (s_use_later, &all);
    assert_int_equal (brood_process_start (child), 0);
    brood_lock_destroy (&all.lock);
    brood_semaphore_destroy (&all.semaphore);
    brood_event_destroy (&all.event);
    assert_int_equal (brood_value_add (all.value, 1), 1);
    assert_int_equal (brood_process_join (child, T_MS), 0);
    assert_int_equal (brood_process_exitcode (child), 0);
    s_unmake (&all);
}

// --- Death -----------------------------------------------------------------

static int
s_hold_all (void *arg)
{
    s_all_t *all = arg;
    if (brood_lock_acquire (all->lock, T_MS) != 0
        || brood_rlock_acquire (all->rlock, T_MS) != 0
        || brood_rlock_acquire (all->rlock, T_MS) != 0
        || brood_condition_acquire (all->condition, T_MS) != 0
        || brood_rlock_acquire (brood_value_lock (all->value), T_MS) != 0
        || brood_semaphore_acquire (all->semaphore, T_MS) != 0
        || brood_semaphore_acquire (all->semaphore, T_MS) != 0)
        return 1;
    t_say_and_stop (all->value);
    return 0;
}

// One process that holds everything there is.
static void
s_test_holder_of_all_dies (void **state)
{
    (void) state;
    s_all_t all;
    s_make (&all);
    BROOD_AUTO (process) child = brood_process_new (s_hold_all, &all);
    assert_int_equal (brood_process_start (child), 0);
    t_wait_value (all.value, 1);
    assert_int_equal (brood_semaphore_value (all.semaphore), 0);
    assert_int_equal (brood_process_kill (child), 0);
    assert_int_equal (brood_lock_acquire (all.lock, T_MS), 1);
    assert_int_equal (brood_rlock_acquire (all.rlock, T_MS), 1);
    assert_int_equal (brood_condition_acquire (all.condition, T_MS), 1);
    assert_int_equal (brood_rlock_acquire (brood_value_lock (all.value), T_MS),
                      1);
    assert_int_equal (brood_semaphore_acquire (all.semaphore, T_MS), 0);
    assert_int_equal (brood_semaphore_acquire (all.semaphore, T_MS), 0);
    assert_int_equal (brood_lock_release (all.lock), 0);
    assert_int_equal (brood_rlock_release (all.rlock), 0);
    assert_int_equal (brood_condition_release (all.condition), 0);
    assert_int_equal (brood_rlock_release (brood_value_lock (all.value)), 0);
    assert_int_equal (brood_process_join (child, T_MS), 0);
    s_unmake (&all);
}

static int
s_leave_with_it (void *arg)
{
    s_all_t *all = arg;
    return brood_lock_acquire (all->lock, T_MS) == 0 ? 0 : 1;
}

// An exit is no better than a death for those who wait.
static void
s_test_holder_exits (void **state)
{
    (void) state;
    s_all_t all;
    s_make (&all);
    BROOD_AUTO (process) child = brood_process_new (s_leave_with_it, &all);
    assert_int_equal (brood_process_start (child), 0);
    assert_int_equal (brood_process_join (child, T_MS), 0);
    assert_int_equal (brood_process_exitcode (child), 0);
    assert_int_equal (brood_lock_acquire (all.lock, T_MS), 1);
    assert_int_equal (brood_lock_release (all.lock), 0);
    s_unmake (&all);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_all),
        cmocka_unit_test (s_test_parent_gave_it_up),
        cmocka_unit_test (s_test_holder_of_all_dies),
        cmocka_unit_test (s_test_holder_exits),
    };
    t_watchdog (110);
    if (brood_init (&argc, &argv) < 0)
        return brood_perror (argv[0]);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
