// test_brd_semaphore.c - permits are neither lost nor made, whoever dies when
//
// SPDX-License-Identifier: MPL-2.0

#include "t_shared.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/brd_clock.h"
#include "shared/brd_seat.h"
#include "shared/brd_semaphore.h"

enum {
    BROOD = 78,
    VALUE = 3,
    PROCESSES = 4,
    ROUNDS = 3000,
    KILLS = 120
};

static brd_hold_t s_hold;

// In the arena.
static struct {
    _Atomic int inside;
    _Atomic int most;
    _Atomic int flag;
    _Atomic long turns;
} * s_it;

static int
s_setup (void **state)
{
    if (t_shared_setup (state) < 0)
        return -1;
    s_it = brd_arena_alloc (t_arena, sizeof *s_it, (uint32_t) getpid (), 1);
    return s_it ? 0 : -1;
}

static brd_semaphore_t *
s_semaphore (void)
{
    return (brd_semaphore_t *) (void *) s_hold.object;
}

static void
s_new (uint32_t value, uint32_t most)
{
    memset (s_it, 0, sizeof *s_it);
    assert_int_equal (
        brd_object_new (
            t_shared, BRD_KIND_SEMAPHORE, sizeof (brd_semaphore_t), 0, &s_hold),
        0);
    brd_semaphore_init (s_semaphore (), value, most);
    brd_object_publish (&s_hold);
}

static int
s_acquire (int timeout_ms)
{
    brd_sleep_t sleep;
    brd_sleep_begin (&sleep, brd_clock_deadline (timeout_ms));
    return brd_semaphore_acquire (
        s_semaphore (), brd_hold_share (&s_hold), &sleep);
}

static int
s_release (void)
{
    return brd_semaphore_release (s_semaphore (), brd_hold_share (&s_hold));
}

static uint32_t
s_value (void)
{
    return brd_semaphore_value (s_semaphore ());
}

static void
s_test_alone (void **state)
{
    (void) state;
    s_new (VALUE, VALUE);
    for (int i = 0; i < VALUE; i++)
        assert_int_equal (s_acquire (0), 0);
    assert_int_equal (s_value (), 0);
    assert_int_equal (s_acquire (10), -1);
    assert_int_equal (errno, ETIMEDOUT);
    for (int i = 0; i < VALUE; i++)
        assert_int_equal (s_release (), 0);
    assert_int_equal (s_release (), -1);
    assert_int_equal (errno, EOVERFLOW);
    assert_int_equal (s_value (), VALUE);
    assert_int_equal (s_semaphore ()->acquired, VALUE);
    assert_int_equal (s_semaphore ()->contended, 0);
    brd_hold_drop (&s_hold);
    // Not bounded: given by others, and at last no more.
    s_new (INT32_MAX - 1, INT32_MAX);
    assert_int_equal (s_release (), 0);
    assert_int_equal (s_release (), -1);
    assert_int_equal (errno, EOVERFLOW);
    brd_hold_drop (&s_hold);
}

static int
s_in_and_out (void *arg)
{
    (void) arg;
    for (int i = 0; i < ROUNDS; i++) {
        if (s_acquire (-1) != 0)
            return 1;
        const int inside = atomic_fetch_add (&s_it->inside, 1) + 1;
        int most = atomic_load (&s_it->most);
        while (inside > most
               && !atomic_compare_exchange_weak (&s_it->most, &most, inside))
            continue;
        atomic_fetch_sub (&s_it->inside, 1);
        if (s_release () != 0)
            return 2;
    }
    return 0;
}

static void
s_test_never_more (void **state)
{
    (void) state;
    for (uint32_t value = 1; value <= VALUE; value++) {
        pid_t pids[PROCESSES];
        s_new (value, value);
        for (int i = 0; i < PROCESSES; i++)
            pids[i] = t_shared_fork (s_in_and_out, NULL);
        assert_int_equal (s_in_and_out (NULL), 0);
        for (int i = 0; i < PROCESSES; i++)
            assert_int_equal (t_shared_reap (pids[i]), 0);
        assert_true (s_it->most <= (int) value);
        assert_int_equal (s_value (), value);
        brd_hold_drop (&s_hold);
    }
}

static int
s_flag_is (void *arg)
{
    return atomic_load (&s_it->flag) == *(int *) arg;
}

static void
s_wait_flag (int flag)
{
    assert_true (t_eventually (s_flag_is, &flag, 20));
}

static int
s_take_and_stop (void *arg)
{
    for (int i = *(int *) arg; i > 0; i--) {
        if (s_acquire (-1) != 0)
            return 1;
    }
    atomic_store (&s_it->flag, 1);
    for (;;)
        pause ();
}

// A dead holder's permits come back, and only his.
static void
s_test_death (void **state)
{
    (void) state;
    int two = 2;
    s_new (VALUE, VALUE);
    assert_int_equal (s_acquire (0), 0);
    const pid_t pid = t_shared_fork (s_take_and_stop, &two);
    s_wait_flag (1);
    assert_int_equal (s_value (), 0);
    assert_int_equal (t_shared_kill (pid), -SIGKILL);
    assert_int_equal (s_value (), 2);
    assert_int_equal (s_release (), 0);
    assert_int_equal (s_value (), VALUE);
    brd_hold_drop (&s_hold);
}

// What others have given back does not come back a second time.
static void
s_test_released_by_another (void **state)
{
    (void) state;
    int two = 2;
    s_new (VALUE, VALUE);
    const pid_t pid = t_shared_fork (s_take_and_stop, &two);
    s_wait_flag (1);
    assert_int_equal (s_release (), 0);
    assert_int_equal (s_value (), 2);
    assert_int_equal (t_shared_kill (pid), -SIGKILL);
    assert_int_equal (s_value (), VALUE);
    brd_hold_drop (&s_hold);
}

// Signals: who takes one holds nothing, however many he took.
static void
s_test_signals (void **state)
{
    (void) state;
    int many = 100;
    s_new (0, INT32_MAX);
    const pid_t pid = t_shared_fork (s_take_and_stop, &many);
    for (int i = 0; i < many + 3; i++)
        assert_int_equal (s_release (), 0);
    s_wait_flag (1);
    assert_int_equal (s_value (), 3);
    assert_int_equal (t_shared_kill (pid), -SIGKILL);
    assert_int_equal (s_value (), 3);
    brd_hold_drop (&s_hold);
}

// --- Between two steps -----------------------------------------------------

// As a call leaves it that is killed before, between and after its two stores.
static int
s_stop_within (void *arg)
{
    const int step = *(int *) arg;
    brd_semaphore_t *self = s_semaphore ();
    brd_share_t *share = brd_hold_share (&s_hold);
    if (s_acquire (0) != 0 || brd_lock_enter (&self->guard, t_shared) != 0)
        return 1;
    const uint64_t word = atomic_load (&self->word);
    atomic_store (&self->intent.count, 2);
    atomic_store (&self->intent.turn, (uint32_t) (word >> 63));
    atomic_store (&self->intent.share, brd_arena_offset (t_arena, share));
    if (step > 0)
        atomic_store (&self->word, (word ^ UINT64_C (1) << 63) - 1);
    if (step > 1)
        atomic_store (&share->count, 2);
    atomic_store (&s_it->flag, 1);
    for (;;)
        pause ();
}

static void
s_test_killed_within (void **state)
{
    (void) state;
    for (int step = 0; step < 3; step++) {
        s_new (VALUE, VALUE);
        const pid_t pid = t_shared_fork (s_stop_within, &step);
        s_wait_flag (1);
        assert_int_equal (t_shared_kill (pid), -SIGKILL);
        assert_int_equal (s_value (), VALUE);
        for (int i = 0; i < VALUE; i++)
            assert_int_equal (s_acquire (0), 0);
        brd_hold_drop (&s_hold);
    }
}

// Killed at any moment, asleep, woken, holding, between two stores.
static int
s_fight (void *arg)
{
    (void) arg;
    for (;;) {
        if (s_acquire (-1) != 0)
            return 1;
        atomic_fetch_add (&s_it->turns, 1);
        if (s_release () != 0)
            return 2;
    }
}

static int
s_has_turned (void *arg)
{
    return atomic_load (&s_it->turns) > *(long *) arg;
}

static void
s_test_killed_at_random (void **state)
{
    (void) state;
    pid_t pids[PROCESSES];
    unsigned seed = 1;
    s_new (2, 2);
    for (int i = 0; i < PROCESSES; i++)
        pids[i] = t_shared_fork (s_fight, NULL);
    for (int i = 0; i < KILLS; i++) {
        const int victim = i % PROCESSES;
        long turns = atomic_load (&s_it->turns);
        assert_true (t_eventually (s_has_turned, &turns, 20));
        for (volatile unsigned n = (seed = seed * 1103515245 + 12345) >> 18;
             n > 0;
             n--)
            continue;
        assert_int_equal (t_shared_kill (pids[victim]), -SIGKILL);
        pids[victim] = t_shared_fork (s_fight, NULL);
    }
    for (int i = 0; i < PROCESSES; i++)
        assert_int_equal (t_shared_kill (pids[i]), -SIGKILL);
    assert_int_equal (s_value (), 2);
    brd_hold_drop (&s_hold);
}

// --- Sleepers --------------------------------------------------------------

static void *
s_one (void *arg)
{
    (void) arg;
    if (s_acquire (-1) == 0)
        atomic_fetch_add (&s_it->turns, 1);
    return NULL;
}

static int
s_sleeps (void *arg)
{
    (void) arg;
    return (atomic_load (&s_semaphore ()->word) & UINT64_C (1) << 31) != 0;
}

// Two releases one after the other: the second sees nobody asleep, and still
// both sleepers wake.
static void
s_test_releases_in_a_row (void **state)
{
    (void) state;
    for (int round = 0; round < 50; round++) {
        pthread_t threads[PROCESSES];
        s_new (0, INT32_MAX);
        for (int i = 0; i < PROCESSES; i++)
            assert_int_equal (pthread_create (&threads[i], NULL, s_one, NULL),
                              0);
        assert_true (t_eventually (s_sleeps, NULL, 20));
        for (int i = 0; i < PROCESSES; i++)
            assert_int_equal (s_release (), 0);
        for (int i = 0; i < PROCESSES; i++)
            assert_int_equal (pthread_join (threads[i], NULL), 0);
        assert_int_equal (s_it->turns, PROCESSES);
        assert_int_equal (s_value (), 0);
        brd_hold_drop (&s_hold);
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_alone),
        cmocka_unit_test (s_test_never_more),
        cmocka_unit_test (s_test_death),
        cmocka_unit_test (s_test_released_by_another),
        cmocka_unit_test (s_test_signals),
        cmocka_unit_test (s_test_killed_within),
        cmocka_unit_test (s_test_killed_at_random),
        cmocka_unit_test (s_test_releases_in_a_row),
    };
    t_watchdog (100);
    return cmocka_run_group_tests (tests, s_setup, t_shared_teardown);
}
