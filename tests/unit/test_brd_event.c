// test_brd_event.c - a set lets all pass who wait, whatever follows
//
// SPDX-License-Identifier: MPL-2.0

#include "t_shared.h"

#include <errno.h>
#include <pthread.h>

#include "base/brd_clock.h"
#include "shared/brd_bell.h"
#include "shared/brd_event.h"
#include "shared/brd_seat.h"

enum {
    THREADS = 4,
    PROCESSES = 2,
    ROUNDS = 300
};

static brd_hold_t s_hold;
static _Atomic int *s_passed;  // In the arena

static brd_event_t *
s_event (void)
{
    return (brd_event_t *) (void *) s_hold.object;
}

static int
s_setup (void **state)
{
    if (t_shared_setup (state) < 0)
        return -1;
    s_passed =
        brd_arena_alloc (t_arena, sizeof *s_passed, (uint32_t) getpid (), 1);
    return s_passed ? 0 : -1;
}

static int
s_new (void **state)
{
    (void) state;
    atomic_store (s_passed, 0);
    if (brd_object_new (
            t_shared, BRD_KIND_EVENT, sizeof (brd_event_t), 0, &s_hold)
        < 0)
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
s_wait (int timeout_ms)
{
    brd_sleep_t sleep;
    brd_sleep_begin (&sleep, brd_clock_deadline (timeout_ms));
    return brd_event_wait (s_event (), &sleep);
}

static void
s_test_alone (void **state)
{
    (void) state;
    assert_int_equal (brd_event_is_set (s_event ()), 0);
    assert_int_equal (s_wait (0), -1);
    assert_int_equal (errno, ETIMEDOUT);
    for (int i = 0; i < 2; i++)
        assert_int_equal (brd_event_set (s_event ()), 0);
    assert_int_equal (brd_event_is_set (s_event ()), 1);
    assert_int_equal (s_wait (0), 0);
    assert_int_equal (s_wait (-1), 0);
    for (int i = 0; i < 2; i++)
        brd_event_clear (s_event ());
    assert_int_equal (brd_event_is_set (s_event ()), 0);
    assert_int_equal (s_wait (10), -1);
    assert_int_equal (errno, ETIMEDOUT);
}

static int
s_process (void *arg)
{
    (void) arg;
    if (s_wait (-1) != 0)
        return 1;
    atomic_fetch_add (s_passed, 1);
    return 0;
}

static void *
s_thread (void *arg)
{
    return s_process (arg) == 0 ? NULL : arg;
}

// Nobody of those who wait by then is left behind, though it is clear before
// they run.
static void
s_test_set_and_clear (void **state)
{
    (void) state;
    for (int round = 0; round < ROUNDS; round++) {
        pid_t pids[PROCESSES];
        atomic_store (s_passed, 0);
        for (int i = 0; i < PROCESSES; i++)
            pids[i] = t_shared_fork (s_process, NULL);
        for (int i = 0; i < PROCESSES; i++)
            assert_true (t_eventually (t_shared_sleeps, &pids[i], 20));
        assert_int_equal (brd_event_set (s_event ()), 0);
        brd_event_clear (s_event ());
        for (int i = 0; i < PROCESSES; i++)
            assert_int_equal (t_shared_reap (pids[i]), 0);
        assert_int_equal (atomic_load (s_passed), PROCESSES);
    }
}

static void
s_test_threads (void **state)
{
    (void) state;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal (pthread_create (&threads[i], NULL, s_thread, NULL),
                          0);
    assert_int_equal (brd_event_set (s_event ()), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal (pthread_join (threads[i], NULL), 0);
    assert_int_equal (atomic_load (s_passed), THREADS);
}

// What a set does, but for its last step.
static int
s_set_and_stop (void *arg)
{
    (void) arg;
    const uint32_t mine = brd_seat_mine (t_shared);
    if (mine == 0)
        return 1;
    atomic_store (&brd_seat_at (t_shared, mine)->sleeps,
                  brd_arena_offset (t_arena, &s_event ()->word));
    atomic_store (&s_event ()->word, 5);
    atomic_store (s_passed, 100);
    for (;;)
        pause ();
}

// More than 100: who was asleep, but not on the word yet, has passed since.
static int
s_is_stopped (void *arg)
{
    (void) arg;
    return atomic_load (s_passed) >= 100;
}

static void
s_test_killed_before_the_wake (void **state)
{
    (void) state;
    pid_t sleepers[PROCESSES];
    for (int i = 0; i < PROCESSES; i++)
        sleepers[i] = t_shared_fork (s_process, NULL);
    for (int i = 0; i < PROCESSES; i++)
        assert_true (t_eventually (t_shared_sleeps, &sleepers[i], 20));
    const pid_t killed = t_shared_fork (s_set_and_stop, NULL);
    assert_true (t_eventually (s_is_stopped, NULL, 20));
    assert_int_equal (t_shared_kill (killed), -SIGKILL);
    for (int i = 0; i < PROCESSES; i++)
        assert_int_equal (t_shared_reap (sleepers[i]), 0);
}

// Who waits for several things hears of it.
static void
s_test_bell (void **state)
{
    (void) state;
    struct pollfd fds[2] = { { .events = POLLIN } };
    brd_sleep_t sleep;
    fds[0].fd = brd_bell_open (t_shared);
    assert_true (fds[0].fd >= 0);
    brd_sleep_begin (&sleep, brd_clock_deadline (20000));
    brd_bell_listen (t_shared);
    assert_int_equal (brd_bell_watch (&s_hold), 0);
    assert_int_equal (brd_event_set (s_event ()), 0);
    int ready = 0;
    while (ready == 0)
        ready = brd_sleep_poll (&sleep, fds, 1);
    assert_int_equal (ready, 1);
    brd_bell_unwatch (&s_hold);
    brd_bell_quiet (t_shared);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (s_test_alone, s_new, s_drop),
        cmocka_unit_test_setup_teardown (s_test_set_and_clear, s_new, s_drop),
        cmocka_unit_test_setup_teardown (s_test_threads, s_new, s_drop),
        cmocka_unit_test_setup_teardown (
            s_test_killed_before_the_wake, s_new, s_drop),
        cmocka_unit_test_setup_teardown (s_test_bell, s_new, s_drop),
    };
    t_watchdog (100);
    return cmocka_run_group_tests (tests, s_setup, t_shared_teardown);
}
