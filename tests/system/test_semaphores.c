// test_semaphores.c - semaphores and events between workers
//
// SPDX-License-Identifier: MPL-2.0

#include "t_sync.h"

enum {
    SEATS = 2,
    TASKS = 12,
    ROUNDS = 500
};

static brood_semaphore_t *s_seats;  // Made before the pool, bounded
static int *s_inside;               // Shared, changed by atomics

BROOD_EACH (sit, int, n)
{
    for (int i = 0; i < ROUNDS + *n; i++) {
        BROOD_WITH (semaphore, s_seats)
        {
            if (__atomic_add_fetch (s_inside, 1, __ATOMIC_SEQ_CST) > SEATS)
                return brood_task_fail (brood_task_current (), "too many");
            __atomic_sub_fetch (s_inside, 1, __ATOMIC_SEQ_CST);
        }
    }
    return 0;
}

static void
s_test_seats (void **state)
{
    (void) state;
    int ns[TASKS] = { 0 };
    brood_lock_stats_t stats;
    assert_int_equal (brood_pool_each (t_pool, sit, ns, TASKS), 0);
    assert_int_equal (brood_semaphore_value (s_seats), SEATS);
    assert_int_equal (brood_semaphore_release (s_seats), -1);
    assert_int_equal (errno, EOVERFLOW);
    assert_int_equal (brood_semaphore_stats (s_seats, &stats), 0);
    assert_int_equal (stats.acquired, TASKS * ROUNDS);
    assert_int_equal (stats.holder, 0);
}

// [semaphore, how many, said, pid]
static int
s_hold (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref, *said_ref, *pid_ref;
    int n;
    (void) out;
    if (brood_msg_unpack (
            in, "[@%p, %d, @%p, @%p]", &ref, &n, &said_ref, &pid_ref)
        < 0)
        return -1;
    BROOD_AUTO (semaphore) semaphore = brood_semaphore_from (ref);
    BROOD_AUTO (value) said = brood_value_from (said_ref);
    BROOD_AUTO (value) pid = brood_value_from (pid_ref);
    for (int i = 0; i < n; i++) {
        if (brood_semaphore_acquire (semaphore, T_MS) < 0)
            return brood_task_fail (task, "not acquired");
    }
    (void) brood_value_set (pid, getpid ());
    t_say_and_stop (said);
    return 0;
}

static void
s_test_holder_dies (void **state)
{
    (void) state;
    BROOD_AUTO (semaphore) semaphore = brood_semaphore_new_bounded (3);
    BROOD_AUTO (value) said = brood_value_new (BROOD_INT);
    BROOD_AUTO (value) pid = brood_value_new (BROOD_INT);
    assert_int_equal (brood_semaphore_acquire (semaphore, 0), 0);
    brood_future_t *future = brood_pool_submit (t_pool,
                                                s_hold,
                                                "[@%p, 2, @%p, @%p]",
                                                brood_ref (semaphore),
                                                brood_ref (said),
                                                brood_ref (pid));
    t_wait_value (said, 1);
    assert_int_equal (brood_semaphore_value (semaphore), 0);
    assert_int_equal (brood_semaphore_acquire (semaphore, 0), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (kill ((pid_t) brood_value_get (pid), SIGKILL), 0);
    assert_int_equal (brood_semaphore_acquire (semaphore, T_MS), 0);
    assert_int_equal (brood_semaphore_acquire (semaphore, T_MS), 0);
    assert_int_equal (brood_semaphore_value (semaphore), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal (brood_semaphore_release (semaphore), 0);
    assert_int_equal (brood_semaphore_release (semaphore), -1);
    assert_int_equal (errno, EOVERFLOW);
    t_must_be_killed (&future);
}

// A handle that is destroyed with permits gives them back, like a death.
static void
s_test_destroyed_with_it (void **state)
{
    (void) state;
    BROOD_AUTO (semaphore) semaphore = brood_semaphore_new (2);
    brood_semaphore_t *second = brood_semaphore_from (brood_ref (semaphore));
    assert_int_equal (brood_semaphore_acquire (second, 0), 0);
    assert_int_equal (brood_semaphore_value (semaphore), 1);
    brood_semaphore_destroy (&second);
    assert_int_equal (brood_semaphore_value (semaphore), 2);
    // Given: not bounded, it may be more than there were.
    assert_int_equal (brood_semaphore_release (semaphore), 0);
    assert_int_equal (brood_semaphore_value (semaphore), 3);
}

static void
s_test_semaphore_errors (void **state)
{
    (void) state;
    assert_null (brood_semaphore_new (-1));
    assert_int_equal (errno, EINVAL);
    assert_null (brood_semaphore_new_bounded (-1));
    assert_int_equal (errno, EINVAL);
    BROOD_AUTO (semaphore) none = brood_semaphore_new_bounded (0);
    assert_int_equal (brood_semaphore_release (none), -1);
    assert_int_equal (errno, EOVERFLOW);
    assert_int_equal (brood_semaphore_acquire (none, 10), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (brood_semaphore_value (NULL), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_semaphore_stats (none, NULL), -1);
    assert_int_equal (errno, EINVAL);
}

// --- Events ----------------------------------------------------------------

// [event, said]
static int
s_await (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref, *said_ref;
    (void) task;
    (void) out;
    if (brood_msg_unpack (in, "[@%p, @%p]", &ref, &said_ref) < 0)
        return -1;
    BROOD_AUTO (event) event = brood_event_from (ref);
    BROOD_AUTO (value) said = brood_value_from (said_ref);
    (void) brood_value_add (said, 1);
    return brood_event_wait (event, T_MS);
}

// One set in one process lets all run in all others.
static void
s_test_event (void **state)
{
    (void) state;
    BROOD_AUTO (event) event = brood_event_new ();
    BROOD_AUTO (value) said = brood_value_new (BROOD_INT);
    brood_future_t *futures[T_WORKERS];
    assert_int_equal (brood_event_is_set (event), 0);
    assert_int_equal (brood_event_wait (event, 0), -1);
    assert_int_equal (errno, ETIMEDOUT);
    for (int i = 0; i < T_WORKERS; i++)
        futures[i] = brood_pool_submit (
            t_pool, s_await, "[@%p, @%p]", brood_ref (event), brood_ref (said));
    t_wait_value (said, T_WORKERS);
    assert_int_equal (brood_event_set (event), 0);
    for (int i = 0; i < T_WORKERS; i++) {
        assert_non_null (brood_future_result (futures[i], T_MS));
        brood_future_destroy (&futures[i]);
    }
    assert_int_equal (brood_event_set (event), 0);
    assert_int_equal (brood_event_is_set (event), 1);
    assert_int_equal (brood_event_wait (event, BROOD_FOREVER), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal (brood_event_clear (event), 0);
    assert_int_equal (brood_event_is_set (event), 0);
    assert_int_equal (brood_event_set (NULL), -1);
    assert_int_equal (errno, EINVAL);
}

static int
s_set (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    (void) task;
    (void) out;
    if (brood_msg_unpack (in, "@%p", &ref) < 0)
        return -1;
    BROOD_AUTO (event) event = brood_event_from (ref);
    return brood_event_set (event);
}

// Beside other things, one of them a descriptor that never is readable.
static void
s_test_wait_any (void **state)
{
    (void) state;
    int fds[2];
    assert_int_equal (pipe (fds), 0);
    BROOD_AUTO (event) never = brood_event_new ();
    BROOD_AUTO (event) event = brood_event_new ();
    brood_wait_t on[] = { { .handle = never },
                          { .fd = &fds[0] },
                          { .handle = event } };
    assert_int_equal (brood_wait_any (on, 3, 10), -1);
    assert_int_equal (errno, ETIMEDOUT);
    brood_future_t *future =
        brood_pool_submit (t_pool, s_set, "@%p", brood_ref (event));
    assert_int_equal (brood_wait_any (on, 3, T_MS), 1);
    assert_int_equal (on[0].ready, 0);
    assert_int_equal (on[1].ready, 0);
    assert_int_equal (on[2].ready, 1);
    assert_non_null (brood_future_result (future, T_MS));
    brood_future_destroy (&future);
    close (fds[0]);
    close (fds[1]);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_seats),
        cmocka_unit_test (s_test_holder_dies),
        cmocka_unit_test (s_test_destroyed_with_it),
        cmocka_unit_test (s_test_semaphore_errors),
        cmocka_unit_test (s_test_event),
        cmocka_unit_test (s_test_wait_any),
    };
    t_watchdog (110);
    if (brood_init (&argc, &argv) < 0)
        return brood_perror (argv[0]);
    BROOD_AUTO (value) inside = brood_value_new (BROOD_INT);
    s_inside = brood_value_ptr (inside);
    BROOD_AUTO (semaphore) seats = brood_semaphore_new_bounded (SEATS);
    s_seats = seats;
    return cmocka_run_group_tests (tests, t_sync_setup, t_sync_teardown);
}
