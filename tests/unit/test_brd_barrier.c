// test_brd_barrier.c - all or none, and who it was
//
// SPDX-License-Identifier: MPL-2.0

#include "t_shared.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "shared/brd_barrier.h"
#include "shared/brd_seat.h"

enum {
    PARTIES = 4,
    GENERATIONS = 2000,
    ROUNDS = 40
};

static brd_hold_t s_hold;

// In the arena.
static struct {
    _Atomic int calls;
    _Atomic int turn[PARTIES + 1];
    _Atomic int acting;
    _Atomic int go_on;
    _Atomic int result;
} * s_it;

static brd_barrier_t *
s_barrier (void)
{
    return (brd_barrier_t *) (void *) s_hold.object;
}

static int
s_setup (void **state)
{
    if (t_shared_setup (state) < 0)
        return -1;
    s_it = brd_arena_alloc (t_arena, sizeof *s_it, (uint32_t) getpid (), 1);
    return s_it ? 0 : -1;
}

static void
s_new (uint32_t parties, void (*action) (void *arg))
{
    memset (s_it, 0, sizeof *s_it);
    assert_int_equal (
        brd_object_new (
            t_shared, BRD_KIND_BARRIER, sizeof (brd_barrier_t), 0, &s_hold),
        0);
    s_barrier ()->parties = parties;
    s_barrier ()->action = action;
    s_barrier ()->arg = s_it;
    brd_object_publish (&s_hold);
}

static int
s_wait (int timeout_ms)
{
    brd_sleep_t sleep;
    brd_sleep_begin (&sleep, brd_clock_deadline (timeout_ms));
    return brd_barrier_wait (s_barrier (), &sleep);
}

static void
s_count_call (void *arg)
{
    (void) arg;
    atomic_fetch_add (&s_it->calls, 1);
}

static void
s_test_alone (void **state)
{
    (void) state;
    s_new (1, s_count_call);
    for (int i = 0; i < 3; i++)
        assert_int_equal (s_wait (0), 0);
    assert_int_equal (s_it->calls, 3);
    assert_int_equal (brd_barrier_n_waiting (s_barrier ()), 0);
    assert_int_equal (brd_barrier_broken (s_barrier ()), 0);
    brd_hold_drop (&s_hold);
}

// Each index once in each generation, and nobody is a generation ahead.
static int
s_walk (void *arg)
{
    const int me = *(int *) arg;
    for (int i = 0; i < GENERATIONS; i++) {
        const int index = s_wait (-1);
        if (index < 0 || index >= PARTIES)
            return 1;
        atomic_fetch_add (&s_it->turn[index], 1);
        atomic_fetch_add (&s_it->acting, 1);
        if (s_wait (-1) < 0)
            return 2;
        if (atomic_load (&s_it->acting) != (i + 1) * PARTIES)
            return 3;
        if (s_wait (-1) < 0)
            return 4;
    }
    return me < 0;
}

static void
s_test_generations (void **state)
{
    (void) state;
    pid_t pids[PARTIES - 1];
    int me = 0;
    s_new (PARTIES, s_count_call);
    for (int i = 0; i < PARTIES - 1; i++)
        pids[i] = t_shared_fork (s_walk, &i);
    assert_int_equal (s_walk (&me), 0);
    for (int i = 0; i < PARTIES - 1; i++)
        assert_int_equal (t_shared_reap (pids[i]), 0);
    for (int i = 0; i < PARTIES; i++)
        assert_int_equal (s_it->turn[i], GENERATIONS);
    assert_int_equal (s_it->calls, 3 * GENERATIONS);
    brd_hold_drop (&s_hold);
}

// --- Breaking --------------------------------------------------------------

// What wait said: an index, or minus errno; the text must have the words.
static int
s_wait_and_tell (void *arg)
{
    const char *words = arg;
    const int rc = s_wait (-1);
    if (rc >= 0)
        return rc;
    return errno == EPIPE && strstr (brd_error_get ()->text, words) ? 50 : 51;
}

static int
s_n_waiting_is (void *arg)
{
    return brd_barrier_n_waiting (s_barrier ()) == *(uint32_t *) arg;
}

static void
s_wait_n (uint32_t n)
{
    assert_true (t_eventually (s_n_waiting_is, &n, 20));
}

static void
s_must_be_broken (const char *words)
{
    assert_int_equal (brd_barrier_broken (s_barrier ()), 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal (s_wait (-1), -1);
        assert_int_equal (errno, EPIPE);
        assert_non_null (strstr (brd_error_get ()->text, words));
    }
}

static void
s_test_timeout (void **state)
{
    (void) state;
    char words[64];
    s_new (3, NULL);
    snprintf (words, sizeof words, "process %d ran out of time", getpid ());
    const pid_t pid = t_shared_fork (s_wait_and_tell, words);
    s_wait_n (1);
    assert_int_equal (s_wait (10), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (t_shared_reap (pid), 50);
    s_must_be_broken (words);
    brd_hold_drop (&s_hold);
}

static void
s_test_death (void **state)
{
    (void) state;
    char words[64];
    s_new (3, NULL);
    const pid_t victim = t_shared_fork (s_wait_and_tell, words);
    s_wait_n (1);
    snprintf (words, sizeof words, "process %d died", (int) victim);
    const pid_t other = t_shared_fork (s_wait_and_tell, words);
    s_wait_n (2);
    assert_int_equal (t_shared_kill (victim), -SIGKILL);
    assert_int_equal (t_shared_reap (other), 50);
    s_must_be_broken (words);
    // And mended.
    assert_int_equal (brd_barrier_reset (s_barrier ()), 0);
    assert_int_equal (brd_barrier_broken (s_barrier ()), 0);
    assert_int_equal (s_wait (0), -1);
    assert_int_equal (errno, ETIMEDOUT);
    brd_hold_drop (&s_hold);
}

static void
s_test_abort (void **state)
{
    (void) state;
    char words[64];
    s_new (2, NULL);
    snprintf (words, sizeof words, "process %d aborted", getpid ());
    const pid_t pid = t_shared_fork (s_wait_and_tell, words);
    s_wait_n (1);
    for (int i = 0; i < 2; i++)
        assert_int_equal (brd_barrier_abort (s_barrier ()), 0);
    assert_int_equal (t_shared_reap (pid), 50);
    s_must_be_broken (words);
    brd_hold_drop (&s_hold);
}

static void
s_test_reset (void **state)
{
    (void) state;
    s_new (3, NULL);
    assert_int_equal (brd_barrier_reset (s_barrier ()), 0);
    for (int round = 0; round < ROUNDS; round++) {
        pid_t pids[2];
        for (int i = 0; i < 2; i++)
            pids[i] = t_shared_fork (s_wait_and_tell, "was reset");
        s_wait_n (2);
        assert_int_equal (brd_barrier_reset (s_barrier ()), 0);
        assert_int_equal (brd_barrier_broken (s_barrier ()), 0);
        assert_int_equal (brd_barrier_n_waiting (s_barrier ()), 0);
        for (int i = 0; i < 2; i++)
            assert_int_equal (t_shared_reap (pids[i]), 50);
    }
    brd_hold_drop (&s_hold);
}

static void *
s_interrupted (void *arg)
{
    return s_wait (-1) < 0 && errno == EINTR ? arg : NULL;
}

static void
s_test_interrupt (void **state)
{
    (void) state;
    pthread_t thread;
    void *interrupted;
    s_new (2, NULL);
    assert_int_equal (pthread_create (&thread, NULL, s_interrupted, s_it), 0);
    s_wait_n (1);
    brd_sleep_interrupt ();
    assert_int_equal (pthread_join (thread, &interrupted), 0);
    assert_ptr_equal (interrupted, s_it);
    s_must_be_broken ("was interrupted");
    brd_hold_drop (&s_hold);
}

// --- While the action runs -------------------------------------------------

static int
s_may_go_on (void *arg)
{
    (void) arg;
    return atomic_load (&s_it->go_on);
}

static int
s_is_acting (void *arg)
{
    (void) arg;
    return atomic_load (&s_it->acting);
}

static void
s_act_until_told (void *arg)
{
    (void) arg;
    atomic_store (&s_it->acting, 1);
    (void) t_eventually (s_may_go_on, NULL, 20);
}

static int
s_wait_only (void *arg)
{
    (void) arg;
    return s_wait (-1);
}

// Who acts dies: the others do not wait for ever.
static void
s_test_actor_dies (void **state)
{
    (void) state;
    char words[64];
    s_new (2, s_act_until_told);
    const pid_t other = t_shared_fork (s_wait_and_tell, "died while it");
    s_wait_n (1);
    const pid_t actor = t_shared_fork (s_wait_only, NULL);
    assert_true (t_eventually (s_is_acting, NULL, 20));
    assert_int_equal (t_shared_kill (actor), -SIGKILL);
    assert_int_equal (t_shared_reap (other), 50);
    snprintf (words, sizeof words, "process %d died", (int) actor);
    s_must_be_broken (words);
    brd_hold_drop (&s_hold);
}

// All are there, one of them dies, and one who comes later has no patience: the
// others go through, and the next generation is broken.
static void
s_test_doomed (void **state)
{
    (void) state;
    for (int way = 0; way < 3; way++) {
        s_new (2, s_act_until_told);
        const pid_t first = t_shared_fork (s_wait_only, NULL);
        s_wait_n (1);
        const pid_t actor = t_shared_fork (s_wait_only, NULL);
        assert_true (t_eventually (s_is_acting, NULL, 20));
        assert_int_equal (brd_barrier_n_waiting (s_barrier ()), 2);
        if (way == 0) {
            assert_int_equal (s_wait (10), -1);
            assert_int_equal (errno, ETIMEDOUT);
        }
        else if (way == 1)
            assert_int_equal (t_shared_kill (first), -SIGKILL);
        else
            assert_int_equal (brd_barrier_abort (s_barrier ()), 0);
        assert_int_equal (brd_barrier_broken (s_barrier ()), 0);
        atomic_store (&s_it->go_on, 1);
        assert_int_equal (t_shared_reap (actor), 1);
        if (way != 1)
            assert_int_equal (t_shared_reap (first), 0);
        assert_int_equal (brd_barrier_broken (s_barrier ()), 1);
        brd_hold_drop (&s_hold);
    }
}

// One too many waits for the next generation, not for this one.
static void
s_test_one_too_many (void **state)
{
    (void) state;
    s_new (2, s_act_until_told);
    const pid_t first = t_shared_fork (s_wait_only, NULL);
    s_wait_n (1);
    const pid_t actor = t_shared_fork (s_wait_only, NULL);
    assert_true (t_eventually (s_is_acting, NULL, 20));
    pid_t third = t_shared_fork (s_wait_only, NULL);
    assert_true (t_eventually (t_shared_sleeps, &third, 20));
    atomic_store (&s_it->go_on, 1);
    assert_int_equal (t_shared_reap (first), 0);
    assert_int_equal (t_shared_reap (actor), 1);
    s_wait_n (1);
    assert_int_equal (s_wait (-1), 1);
    assert_int_equal (t_shared_reap (third), 0);
    brd_hold_drop (&s_hold);
}

static void
s_misbehave (void *arg)
{
    (void) arg;
    if (s_wait (0) == -1 && errno == EDEADLK
        && brd_barrier_reset (s_barrier ()) == -1 && errno == EDEADLK
        && brd_barrier_abort (s_barrier ()) == 0)
        atomic_store (&s_it->result, 1);
}

static void
s_test_action_uses_it (void **state)
{
    (void) state;
    s_new (1, s_misbehave);
    assert_int_equal (s_wait (0), 0);
    assert_int_equal (s_it->result, 1);
    s_must_be_broken ("aborted it");
    brd_hold_drop (&s_hold);
}

// --- Under fire ------------------------------------------------------------

static int
s_come_again (void *arg)
{
    (void) arg;
    for (;;) {
        const int rc = s_wait (-1);
        if (rc < 0 && errno != EPIPE)
            return 1;
        if (rc < 0 && brd_barrier_reset (s_barrier ()) < 0)
            return 2;
        atomic_fetch_add (&s_it->calls, 1);
    }
}

static int
s_calls_are (void *arg)
{
    return atomic_load (&s_it->calls) >= *(int *) arg;
}

// Killed anywhere, reset by everybody: those who are left always go on.
static void
s_test_killed_at_random (void **state)
{
    (void) state;
    pid_t pids[PARTIES];
    s_new (PARTIES, s_count_call);
    for (int i = 0; i < PARTIES; i++)
        pids[i] = t_shared_fork (s_come_again, NULL);
    for (int i = 0; i < 2 * ROUNDS; i++) {
        int more = atomic_load (&s_it->calls) + 20 + i * 3;
        assert_true (t_eventually (s_calls_are, &more, 20));
        assert_int_equal (t_shared_kill (pids[i % PARTIES]), -SIGKILL);
        pids[i % PARTIES] = t_shared_fork (s_come_again, NULL);
    }
    for (int i = 0; i < PARTIES; i++)
        assert_int_equal (t_shared_kill (pids[i]), -SIGKILL);
    brd_hold_drop (&s_hold);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_alone),
        cmocka_unit_test (s_test_generations),
        cmocka_unit_test (s_test_timeout),
        cmocka_unit_test (s_test_death),
        cmocka_unit_test (s_test_abort),
        cmocka_unit_test (s_test_reset),
        cmocka_unit_test (s_test_interrupt),
        cmocka_unit_test (s_test_actor_dies),
        cmocka_unit_test (s_test_doomed),
        cmocka_unit_test (s_test_one_too_many),
        cmocka_unit_test (s_test_action_uses_it),
        cmocka_unit_test (s_test_killed_at_random),
    };
    t_watchdog (100);
    return cmocka_run_group_tests (tests, s_setup, t_shared_teardown);
}
