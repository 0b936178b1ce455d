// test_brd_condition.c - exact wake-ups, in order, and none dies with a waiter
//
// SPDX-License-Identifier: MPL-2.0

#include "t_shared.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/brd_clock.h"
#include "shared/brd_condition.h"
#include "shared/brd_seat.h"

enum {
    PROCESSES = 5,
    ROUNDS = 40,
    ITEMS = 4000,
    KILLS = 60
};

static brd_hold_t s_hold;

// In the arena, guarded by the condition.
static struct {
    _Atomic int woken;
    _Atomic int order[PROCESSES];
    _Atomic int holds;
    int items;
    int taken;
    _Atomic int died;
} * s_it;

static brd_condition_t *
s_condition (void)
{
    return (brd_condition_t *) (void *) s_hold.object;
}

static int
s_setup (void **state)
{
    if (t_shared_setup (state) < 0)
        return -1;
    s_it = brd_arena_alloc (t_arena, sizeof *s_it, (uint32_t) getpid (), 1);
    return s_it ? 0 : -1;
}

static int
s_new (void **state)
{
    (void) state;
    memset (s_it, 0, sizeof *s_it);
    if (brd_object_new (t_shared,
                        BRD_KIND_CONDITION,
                        sizeof (brd_condition_t),
                        BRD_CONDITION_BLOCK_SIZE,
                        &s_hold)
            < 0
        || brd_condition_init (s_condition (), NULL) < 0)
        return -1;
    brd_object_publish (&s_hold);
    return 0;
}

static int
s_drop (void **state)
{
    (void) state;
    brd_hold_drop (&s_hold);
    return 0;
}

static int
s_acquire (void)
{
    brd_sleep_t sleep;
    brd_sleep_begin (&sleep, BRD_NEVER);
    return brd_rlock_acquire (s_condition ()->lock, t_shared, &sleep);
}

static void
s_release (void)
{
    assert_int_equal (brd_rlock_release (s_condition ()->lock, t_shared), 0);
}

static int
s_wait (int timeout_ms)
{
    brd_sleep_t sleep;
    brd_sleep_begin (&sleep, brd_clock_deadline (timeout_ms));
    return brd_condition_wait (s_condition (), &sleep);
}

static int
s_notify (uint32_t n)
{
    if (s_acquire () < 0)
        return -1;
    const int rc = brd_condition_notify (s_condition (), n);
    s_release ();
    return rc;
}

static void
s_test_alone (void **state)
{
    (void) state;
    assert_int_equal (s_wait (0), -1);
    assert_int_equal (errno, EPERM);
    assert_int_equal (brd_condition_notify (s_condition (), 1), -1);
    assert_int_equal (errno, EPERM);
    // Three times held, free meanwhile, three times held again.
    for (int i = 0; i < 3; i++)
        assert_int_equal (s_acquire (), 0);
    assert_int_equal (s_wait (10), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (s_condition ()->own.lock.depth, 3);
    assert_int_equal (brd_condition_notify (s_condition (), UINT32_MAX), 0);
    // A notify before the wait is none.
    assert_int_equal (s_wait (10), -1);
    for (int i = 0; i < 3; i++)
        s_release ();
    assert_int_equal (brd_rlock_release (s_condition ()->lock, t_shared), -1);
}

// Says with which number it was woken.
static int
s_waiter (void *arg)
{
    const int n = *(int *) arg;
    if (s_acquire () < 0)
        return 1;
    const int rc = s_wait (-1);
    const int place = atomic_fetch_add (&s_it->woken, 1);
    atomic_store (&s_it->order[place % PROCESSES], n);
    s_release ();
    return rc == 0 ? 0 : 2;
}

static int
s_woken_is (void *arg)
{
    return atomic_load (&s_it->woken) >= *(int *) arg;
}

// Begun one after the other, so their order is known.
static void
s_start (pid_t *pids, int n)
{
    for (int i = 0; i < n; i++) {
        pids[i] = t_shared_fork (s_waiter, &i);
        assert_true (t_eventually (t_shared_sleeps, &pids[i], 20));
    }
}

static int
s_count_waiting (void)
{
    int count = 0;
    const brd_condition_waiter_t *waiters =
        brd_object_block (&s_condition ()->own.object);
    for (int i = 0; i < PROCESSES; i++)
        count += (waiters[i].word & 3) == 1;
    return count;
}

static void
s_test_exact_and_in_order (void **state)
{
    (void) state;
    for (int round = 0; round < ROUNDS; round++) {
        pid_t pids[PROCESSES];
        int one = 1, all = PROCESSES;
        atomic_store (&s_it->woken, 0);
        s_start (pids, PROCESSES);
        assert_int_equal (s_notify (1), 0);
        assert_int_equal (s_count_waiting (), PROCESSES - 1);
        assert_true (t_eventually (s_woken_is, &one, 20));
        assert_int_equal (s_notify (2), 0);
        assert_int_equal (s_count_waiting (), PROCESSES - 3);
        for (int i = 0; i < 3; i++)
            assert_int_equal (t_shared_reap (pids[i]), 0);
        assert_int_equal (s_it->woken, 3);
        assert_int_equal (s_it->order[0], 0);
        assert_int_equal (s_notify (round % 2 ? UINT32_MAX : PROCESSES), 0);
        assert_true (t_eventually (s_woken_is, &all, 20));
        for (int i = 3; i < PROCESSES; i++)
            assert_int_equal (t_shared_reap (pids[i]), 0);
        assert_int_equal (s_it->woken, PROCESSES);
    }
    // Nobody was left in the table: it is no longer than those who waited.
    assert_true (s_condition ()->top <= PROCESSES + 1);
}

// Notified, but killed before it holds the lock: the next one gets it.
static void
s_test_notified_dies (void **state)
{
    (void) state;
    pid_t pids[2];
    s_start (pids, 2);
    assert_int_equal (s_acquire (), 0);
    assert_int_equal (brd_condition_notify (s_condition (), 1), 0);
    assert_int_equal (s_count_waiting (), 1);
    assert_int_equal (kill (pids[0], SIGKILL), 0);
    assert_int_equal (t_shared_reap (pids[0]), -SIGKILL);
    assert_int_equal (s_count_waiting (), 0);
    assert_int_equal (s_it->woken, 0);
    s_release ();
    assert_int_equal (t_shared_reap (pids[1]), 0);
    assert_int_equal (s_it->woken, 1);
}

// Killed while it waits: no notification goes to it.
static void
s_test_waiter_dies (void **state)
{
    (void) state;
    pid_t pids[3];
    s_start (pids, 3);
    assert_int_equal (t_shared_kill (pids[0]), -SIGKILL);
    assert_int_equal (s_notify (1), 0);
    assert_int_equal (t_shared_reap (pids[1]), 0);
    assert_int_equal (s_count_waiting (), 1);
    assert_int_equal (s_notify (1), 0);
    assert_int_equal (t_shared_reap (pids[2]), 0);
}

static int
s_hold_and_stop (void *arg)
{
    if (s_acquire () != 0 || brd_condition_notify (s_condition (), 1) < 0)
        return 1;
    atomic_store (&s_it->holds, *(int *) arg);
    for (;;)
        pause ();
}

static int
s_somebody_holds (void *arg)
{
    return atomic_load (&s_it->holds) == *(int *) arg;
}

static int
s_waiter_is_told (void *arg)
{
    (void) arg;
    if (s_acquire () < 0)
        return 1;
    const int rc = s_wait (-1);
    s_release ();
    return rc == 1 ? 0 : 2;
}

// The holder dies: the waiter it notified holds the lock and is told.
static void
s_test_holder_dies (void **state)
{
    (void) state;
    int one = 1;
    pid_t waiter = t_shared_fork (s_waiter_is_told, NULL);
    assert_true (t_eventually (t_shared_sleeps, &waiter, 20));
    const pid_t holder = t_shared_fork (s_hold_and_stop, &one);
    assert_true (t_eventually (s_somebody_holds, &one, 20));
    assert_int_equal (t_shared_kill (holder), -SIGKILL);
    assert_int_equal (t_shared_reap (waiter), 0);
}

// Told even when its time is up: it would not hear of it again.
static int
s_time_out_and_be_told (void *arg)
{
    if (s_acquire () < 0)
        return 1;
    const int rc = s_wait (*(int *) arg);
    s_release ();
    return rc == 1 ? 0 : 2;
}

static int
s_hold_only (void *arg)
{
    (void) arg;
    if (s_acquire () != 0)
        return 1;
    atomic_store (&s_it->holds, 1);
    for (;;)
        pause ();
}

static int
s_nobody_waits (void *arg)
{
    (void) arg;
    return s_count_waiting () == 0;
}

static void
s_test_time_is_up_and_holder_dies (void **state)
{
    (void) state;
    int one = 1, timeout_ms = 1000;
    pid_t waiter = t_shared_fork (s_time_out_and_be_told, &timeout_ms);
    assert_true (t_eventually (t_shared_sleeps, &waiter, 20));
    const pid_t holder = t_shared_fork (s_hold_only, NULL);
    assert_true (t_eventually (s_somebody_holds, &one, 20));
    assert_true (t_eventually (s_nobody_waits, NULL, 20));
    assert_int_equal (t_shared_kill (holder), -SIGKILL);
    assert_int_equal (t_shared_reap (waiter), 0);
}

// --- Under fire ------------------------------------------------------------

static int
s_consume (void *arg)
{
    (void) arg;
    for (;;) {
        if (s_acquire () < 0)
            return 1;
        while (s_it->items == 0) {
            if (s_wait (-1) < 0)
                return 2;
        }
        s_it->items--;
        s_it->taken++;
        s_release ();
    }
}

// One item, one notify: were one lost, an item would stay.
static int
s_all_taken (void *arg)
{
    (void) arg;
    if (s_acquire () < 0)
        return 0;
    const int left = s_it->items;
    s_release ();
    return left == 0;
}

static void
s_produce (int n)
{
    for (int i = 0; i < n; i++) {
        assert_true (s_acquire () >= 0);
        s_it->items++;
        assert_int_equal (brd_condition_notify (s_condition (), 1), 0);
        s_release ();
    }
}

static void
s_test_killed_at_random (void **state)
{
    (void) state;
    pid_t pids[PROCESSES];
    for (int i = 0; i < PROCESSES; i++)
        pids[i] = t_shared_fork (s_consume, NULL);
    for (int i = 0; i < KILLS; i++) {
        const int victim = i % PROCESSES;
        s_produce (1 + i % 7);
        assert_int_equal (t_shared_kill (pids[victim]), -SIGKILL);
        assert_true (t_eventually (s_all_taken, NULL, 20));
        pids[victim] = t_shared_fork (s_consume, NULL);
    }
    s_produce (ITEMS);
    assert_true (t_eventually (s_all_taken, NULL, 20));
    for (int i = 0; i < PROCESSES; i++)
        assert_int_equal (t_shared_kill (pids[i]), -SIGKILL);
}

// Two conditions on one lock, which lives as long as they do.
static void
s_test_on_another_lock (void **state)
{
    (void) state;
    brd_hold_t lock_hold, hold, other;
    brd_ref_t ref;
    assert_int_equal (brd_object_new (t_shared,
                                      BRD_KIND_RLOCK,
                                      sizeof (brd_lock_object_t),
                                      0,
                                      &lock_hold),
                      0);
    brd_object_publish (&lock_hold);
    brd_object_ref (lock_hold.object, 7, &ref);
    brd_lock_object_t *lock = (brd_lock_object_t *) (void *) lock_hold.object;
    assert_int_equal (brd_object_new (t_shared,
                                      BRD_KIND_CONDITION,
                                      sizeof (brd_condition_t),
                                      BRD_CONDITION_BLOCK_SIZE,
                                      &hold),
                      0);
    brd_condition_t *condition = (brd_condition_t *) (void *) hold.object;
    assert_int_equal (brd_condition_init (condition, lock), 0);
    brd_object_publish (&hold);
    brd_hold_drop (&lock_hold);
    assert_int_equal (brd_lock_try (&lock->lock, t_shared), 0);
    assert_int_equal (brd_condition_notify (condition, 1), 0);
    assert_int_equal (brd_lock_release (&lock->lock, t_shared), 0);
    assert_int_equal (brd_hold_from (t_shared, 7, &ref, &other), 0);
    brd_hold_drop (&other);
    brd_hold_drop (&hold);
    assert_int_equal (brd_hold_from (t_shared, 7, &ref, &other), -1);
    assert_int_equal (errno, ENOENT);
}

#define S_TEST(test) cmocka_unit_test_setup_teardown (test, s_new, s_drop)

int
main (void)
{
    const struct CMUnitTest tests[] = {
        S_TEST (s_test_alone),
        S_TEST (s_test_exact_and_in_order),
        S_TEST (s_test_notified_dies),
        S_TEST (s_test_waiter_dies),
        S_TEST (s_test_holder_dies),
        S_TEST (s_test_time_is_up_and_holder_dies),
        S_TEST (s_test_killed_at_random),
        S_TEST (s_test_on_another_lock),
    };
    t_watchdog (100);
    return cmocka_run_group_tests (tests, s_setup, t_shared_teardown);
}
