// test_brd_lock.c - one holder, threads and processes, and the death of holders
//
// SPDX-License-Identifier: MPL-2.0

#include "t_shared.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/brd_clock.h"
#include "shared/brd_lock.h"
#include "shared/brd_object.h"
#include "shared/brd_seat.h"

enum {
    PROCESSES = 4,
    ROUNDS = 20000,
    KILLS = 100
};

// In the arena.
static struct {
    brd_lock_t lock;
    _Atomic int flag;
    long counter;  // Guarded by the lock
    long twin;     // The same, written after it
    _Atomic long told;
} * s_it;

static int
s_setup (void **state)
{
    if (t_shared_setup (state) < 0)
        return -1;
    s_it = brd_arena_alloc (t_arena, sizeof *s_it, (uint32_t) getpid (), 1);
    return s_it ? 0 : -1;
}

static int
s_reset (void **state)
{
    (void) state;
    memset (s_it, 0, sizeof *s_it);
    return 0;
}

// The lock lies in no object here: the sweep of the objects does not find it.
static int
s_reap (pid_t pid)
{
    siginfo_t info;
    assert_int_equal (waitid (P_PID, (id_t) pid, &info, WEXITED | WNOWAIT), 0);
    brd_lock_sweep (&s_it->lock, t_shared, pid);
    return t_shared_reap (pid);
}

static int
s_acquire (int timeout_ms)
{
    brd_sleep_t sleep;
    brd_sleep_begin (&sleep, brd_clock_deadline (timeout_ms));
    return brd_lock_acquire (&s_it->lock, t_shared, &sleep);
}

static void
s_test_alone (void **state)
{
    (void) state;
    assert_int_equal (brd_lock_locked (&s_it->lock), 0);
    assert_int_equal (brd_lock_release (&s_it->lock, t_shared), -1);
    assert_int_equal (errno, EPERM);
    assert_int_equal (s_acquire (0), 0);
    assert_int_equal (brd_lock_locked (&s_it->lock), 1);
    assert_int_equal (brd_lock_mine (&s_it->lock, t_shared), 1);
    assert_int_equal (brd_lock_holder (&s_it->lock, t_shared), getpid ());
    assert_int_equal (s_acquire (0), -1);
    assert_int_equal (errno, EDEADLK);
    assert_int_equal (brd_lock_release (&s_it->lock, t_shared), 0);
    assert_int_equal (s_it->lock.acquired, 1);
}

static void *
s_other_thread (void *arg)
{
    (void) arg;
    assert_int_equal (s_acquire (20), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (brd_lock_try (&s_it->lock, t_shared), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (brd_lock_release (&s_it->lock, t_shared), -1);
    assert_int_equal (errno, EPERM);
    return NULL;
}

static void
s_test_holder_is_a_thread (void **state)
{
    (void) state;
    pthread_t thread;
    assert_int_equal (s_acquire (0), 0);
    assert_int_equal (pthread_create (&thread, NULL, s_other_thread, NULL), 0);
    assert_int_equal (pthread_join (thread, NULL), 0);
    assert_int_equal (brd_lock_release (&s_it->lock, t_shared), 0);
}

static int
s_count (void *arg)
{
    (void) arg;
    for (int i = 0; i < ROUNDS; i++) {
        if (s_acquire (-1) != 0 || s_it->counter != s_it->twin)
            return 1;
        s_it->counter++;
        s_it->twin++;
        if (brd_lock_release (&s_it->lock, t_shared) < 0)
            return 2;
    }
    return 0;
}

static void
s_test_exclusion (void **state)
{
    (void) state;
    pid_t pids[PROCESSES];
    for (int i = 0; i < PROCESSES; i++)
        pids[i] = t_shared_fork (s_count, NULL);
    assert_int_equal (s_count (NULL), 0);
    for (int i = 0; i < PROCESSES; i++)
        assert_int_equal (s_reap (pids[i]), 0);
    assert_int_equal (s_it->counter, (PROCESSES + 1) * ROUNDS);
}

static int
s_hold (void *arg)
{
    (void) arg;
    if (s_acquire (-1) < 0)
        return 1;
    atomic_store (&s_it->flag, 1);
    for (;;)
        pause ();
}

static int
s_flagged (void *arg)
{
    (void) arg;
    return atomic_load (&s_it->flag);
}

// The next one is told, once.
static void
s_test_death (void **state)
{
    (void) state;
    const pid_t pid = t_shared_fork (s_hold, NULL);
    assert_true (t_eventually (s_flagged, NULL, 20));
    assert_int_equal (brd_lock_holder (&s_it->lock, t_shared), pid);
    assert_int_equal (s_acquire (10), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (kill (pid, SIGKILL), 0);
    assert_int_equal (s_reap (pid), -SIGKILL);
    assert_int_equal (s_acquire (0), 1);
    assert_int_equal (brd_lock_release (&s_it->lock, t_shared), 0);
    assert_int_equal (s_acquire (0), 0);
    assert_int_equal (brd_lock_release (&s_it->lock, t_shared), 0);
}

static int
s_fight (void *arg)
{
    (void) arg;
    for (;;) {
        const int rc = s_acquire (-1);
        if (rc < 0)
            return 1;
        if (rc == 1)
            atomic_fetch_add (&s_it->told, 1);
        s_it->counter++;
        s_it->twin = s_it->counter;
        if (brd_lock_release (&s_it->lock, t_shared) < 0)
            return 2;
    }
}

// Killed at any moment, asleep, woken, holding: somebody always goes on.
static void
s_test_killed_at_random (void **state)
{
    (void) state;
    pid_t pids[PROCESSES];
    unsigned seed = 1;
    for (int i = 0; i < PROCESSES; i++)
        pids[i] = t_shared_fork (s_fight, NULL);
    for (int i = 0; i < KILLS; i++) {
        const int victim = i % PROCESSES;
        // Some progress, and then a little of chance.
        assert_true (s_acquire (20000) >= 0);
        assert_int_equal (brd_lock_release (&s_it->lock, t_shared), 0);
        for (volatile unsigned n = (seed = seed * 1103515245 + 12345) >> 18;
             n > 0;
             n--)
            continue;
        assert_int_equal (kill (pids[victim], SIGKILL), 0);
        assert_int_equal (s_reap (pids[victim]), -SIGKILL);
        pids[victim] = t_shared_fork (s_fight, NULL);
    }
    for (int i = 0; i < PROCESSES; i++) {
        assert_int_equal (kill (pids[i], SIGKILL), 0);
        assert_int_equal (s_reap (pids[i]), -SIGKILL);
    }
    assert_true (s_acquire (0) >= 0);
    assert_int_equal (brd_lock_release (&s_it->lock, t_shared), 0);
}

// A thread that ends with the lock in its hands is a holder that died. Its
// process has not: what that holds of other objects stays held.
static void *
s_acquire_and_end (void *arg)
{
    *(uint64_t *) arg = brd_seat_tag (t_shared);
    return brd_lock_enter (&s_it->lock, t_shared) == 0 ? arg : NULL;
}

static void
s_test_end_of_thread (void **state)
{
    (void) state;
    pthread_t thread;
    void *acquired;
    uint64_t tag;
    brd_hold_t hold, other;
    brd_ref_t ref;
    assert_int_equal (
        brd_object_new (
            t_shared, BRD_KIND_ARRAY, sizeof (brd_object_t), 0, &hold),
        0);
    brd_object_publish (&hold);
    brd_object_ref (hold.object, 1, &ref);
    assert_int_equal (pthread_create (&thread, NULL, s_acquire_and_end, &tag),
                      0);
    assert_int_equal (pthread_join (thread, &acquired), 0);
    assert_ptr_equal (acquired, &tag);
    assert_int_equal (brd_seat_lives (t_shared, tag), 0);
    assert_int_equal (brd_seat_lives (t_shared, brd_seat_tag (t_shared)), 1);
    // In no object: its sweep is ours to do.
    assert_int_equal (brd_lock_locked (&s_it->lock), 1);
    assert_int_equal (brd_hold_from (t_shared, 1, &ref, &other), 0);
    brd_hold_drop (&other);
    brd_hold_drop (&hold);
}

static void *
s_wait_and_interrupt (void *arg)
{
    (void) arg;
    return s_acquire (-1) == -1 && errno == EINTR ? arg : NULL;
}

static int
s_somebody_sleeps (void *arg)
{
    (void) arg;
    return (atomic_load (&s_it->lock.word) & UINT32_C (1) << 31) != 0;
}

static void
s_test_interrupt (void **state)
{
    (void) state;
    pthread_t thread;
    void *interrupted;
    assert_int_equal (s_acquire (0), 0);
    assert_int_equal (
        pthread_create (&thread, NULL, s_wait_and_interrupt, s_it), 0);
    assert_true (t_eventually (s_somebody_sleeps, NULL, 20));
    brd_sleep_interrupt ();
    assert_int_equal (pthread_join (thread, &interrupted), 0);
    assert_ptr_equal (interrupted, s_it);
    assert_int_equal (brd_lock_release (&s_it->lock, t_shared), 0);
}

static int
s_acquire_and_count (void *arg)
{
    (void) arg;
    const int rc = s_acquire (-1);
    atomic_store (&s_it->told, rc);
    return rc;
}

// What a release does, but for its last step.
static int
s_let_go_and_stop (void *arg)
{
    brd_seat_t *mine = brd_seat_at (t_shared, brd_seat_mine (t_shared));
    if (s_acquire (-1) < 0)
        return 1;
    atomic_store (&s_it->flag, 1);
    if (!t_eventually (s_somebody_sleeps, NULL, 20))
        return 2;
    atomic_store (&mine->locks, brd_arena_offset (t_arena, &s_it->lock));
    atomic_store (&s_it->lock.word, 0);
    atomic_store (&s_it->flag, 2);
    (void) arg;
    for (;;)
        pause ();
}

static int
s_flagged_twice (void *arg)
{
    (void) arg;
    return atomic_load (&s_it->flag) == 2;
}

static void
s_test_killed_before_the_wake (void **state)
{
    (void) state;
    const pid_t killed = t_shared_fork (s_let_go_and_stop, NULL);
    assert_true (t_eventually (s_flagged, NULL, 20));
    const pid_t sleeper = t_shared_fork (s_acquire_and_count, NULL);
    assert_true (t_eventually (s_flagged_twice, NULL, 20));
    assert_int_equal (kill (killed, SIGKILL), 0);
    assert_int_equal (s_reap (killed), -SIGKILL);
    assert_int_equal (s_reap (sleeper), 0);
}

static void *
s_hold_and_end (void *arg)
{
    brd_lock_object_t *it = arg;
    return brd_lock_try (&it->lock, t_shared) == 0 ? arg : NULL;
}

// As if its process had died, as far as the lock is concerned; what is the
// process's own stays.
static void
s_test_thread_ends (void **state)
{
    (void) state;
    pthread_t thread;
    void *held;
    brd_hold_t hold;
    assert_int_equal (
        brd_object_new (
            t_shared, BRD_KIND_LOCK, sizeof (brd_lock_object_t), 0, &hold),
        0);
    brd_object_publish (&hold);
    brd_lock_object_t *it = (brd_lock_object_t *) (void *) hold.object;
    assert_int_equal (pthread_create (&thread, NULL, s_hold_and_end, it), 0);
    assert_int_equal (pthread_join (thread, &held), 0);
    assert_ptr_equal (held, it);
    assert_int_equal (brd_lock_try (&it->lock, t_shared), 1);
    assert_int_equal (brd_lock_release (&it->lock, t_shared), 0);
    assert_int_equal (it->object.shares, 1);
    brd_hold_drop (&hold);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup (s_test_alone, s_reset),
        cmocka_unit_test_setup (s_test_holder_is_a_thread, s_reset),
        cmocka_unit_test_setup (s_test_exclusion, s_reset),
        cmocka_unit_test_setup (s_test_death, s_reset),
        cmocka_unit_test_setup (s_test_killed_at_random, s_reset),
        cmocka_unit_test_setup (s_test_interrupt, s_reset),
        cmocka_unit_test_setup (s_test_end_of_thread, s_reset),
        cmocka_unit_test_setup (s_test_killed_before_the_wake, s_reset),
        cmocka_unit_test_setup (s_test_thread_ends, s_reset),
    };
    t_watchdog (100);
    return cmocka_run_group_tests (tests, s_setup, t_shared_teardown);
}
