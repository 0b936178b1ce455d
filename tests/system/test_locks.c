// test_locks.c - lock and rlock between workers, and the death of holders
//
// SPDX-License-Identifier: MPL-2.0
//
// Python refuses locks as arguments of pool tasks and hangs when a holder is
// killed. Here both are plain use.

#include "t_sync.h"

enum {
    ROUNDS = 5000,
    TASKS = 8
};

static brood_lock_t *s_inherited;  // Made before the pool
static long *s_plain;              // Shared, guarded by it or by nothing

// --- Exclusion -------------------------------------------------------------

static int
s_count (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *lock_ref, *value_ref;
    (void) out;
    if (brood_msg_unpack (in, "[@%p, @%p]", &lock_ref, &value_ref) < 0)
        return -1;
    BROOD_AUTO (lock) lock = brood_lock_from (lock_ref);
    BROOD_AUTO (value) value = brood_value_from (value_ref);
    long *counter = brood_value_ptr (value);
    if (!lock || !counter)
        return -1;
    for (int i = 0; i < ROUNDS; i++) {
        BROOD_WITH (lock, lock)
        {
            const long was = *(volatile long *) counter;
            *(volatile long *) counter = was + 1;
        }
    }
    return brood_lock_locked (lock) < 0
               ? brood_task_fail (task, "the lock is no more")
               : 0;
}

static void
s_test_argument_of_tasks (void **state)
{
    (void) state;
    BROOD_AUTO (lock) lock = brood_lock_new ();
    BROOD_AUTO (value) value = brood_value_new (BROOD_LONG);
    brood_future_t *futures[TASKS];
    for (int i = 0; i < TASKS; i++) {
        futures[i] = brood_pool_submit (
            t_pool, s_count, "[@%p, @%p]", brood_ref (lock), brood_ref (value));
        assert_non_null (futures[i]);
    }
    for (int i = 0; i < TASKS; i++) {
        assert_non_null (brood_future_result (futures[i], T_MS));
        brood_future_destroy (&futures[i]);
    }
    assert_int_equal (brood_value_get (value), TASKS * ROUNDS);
    brood_lock_stats_t stats;
    assert_int_equal (brood_lock_stats (lock, &stats), 0);
    assert_int_equal (stats.acquired, TASKS * ROUNDS);
    assert_true (stats.contended <= stats.acquired);
    assert_int_equal (stats.holder, 0);
}

BROOD_EACH (count_inherited, int, n)
{
    for (int i = 0; i < ROUNDS; i++) {
        if (*n == 0)
            __atomic_store_n (s_plain,
                              __atomic_load_n (s_plain, __ATOMIC_RELAXED) + 1,
                              __ATOMIC_RELAXED);
        else
            BROOD_WITH (lock, s_inherited)
            {
                ++*s_plain;
            }
    }
    return 0;
}

static void
s_test_inherited (void **state)
{
    (void) state;
    int ns[TASKS];
    *s_plain = 0;
    for (int i = 0; i < TASKS; i++)
        ns[i] = 1;
    assert_int_equal (brood_pool_each (t_pool, count_inherited, ns, TASKS), 0);
    assert_int_equal (*s_plain, TASKS * ROUNDS);
}

static void *
s_thread (void *arg)
{
    (void) arg;
    for (int i = 0; i < ROUNDS; i++)
        BROOD_WITH (lock, s_inherited)
        {
            ++*s_plain;
        }
    return NULL;
}

// Threads of this process and workers, on one handle.
static void
s_test_threads_and_workers (void **state)
{
    (void) state;
    pthread_t threads[2];
    int ns[TASKS];
    *s_plain = 0;
    for (int i = 0; i < TASKS; i++)
        ns[i] = 1;
    for (int i = 0; i < 2; i++)
        assert_int_equal (pthread_create (&threads[i], NULL, s_thread, NULL),
                          0);
    assert_int_equal (brood_pool_each (t_pool, count_inherited, ns, TASKS), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal (pthread_join (threads[i], NULL), 0);
    assert_int_equal (*s_plain, (TASKS + 2) * ROUNDS);
}

// --- Death -----------------------------------------------------------------

// [lock or rlock, 0 or depth, said]: holds it, says so, and stops.
static int
s_hold (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref, *said_ref;
    int depth;
    (void) out;
    if (brood_msg_unpack (in, "[@%p, %d, @%p]", &ref, &depth, &said_ref) < 0)
        return -1;
    BROOD_AUTO (value) said = brood_value_from (said_ref);
    BROOD_AUTO (lock) lock = depth == 0 ? brood_lock_from (ref) : NULL;
    BROOD_AUTO (rlock) rlock = depth > 0 ? brood_rlock_from (ref) : NULL;
    if (depth == 0 && brood_lock_acquire (lock, T_MS) != 0)
        return brood_task_fail (task, "not acquired");
    for (int i = 0; i < depth; i++) {
        if (brood_rlock_acquire (rlock, T_MS) != 0)
            return brood_task_fail (task, "not acquired");
    }
    t_say_and_stop (said);
    return 0;
}

static void
s_test_lock_holder_dies (void **state)
{
    (void) state;
    BROOD_AUTO (lock) lock = brood_lock_new ();
    BROOD_AUTO (value) said = brood_value_new (BROOD_INT);
    brood_lock_stats_t stats;
    brood_future_t *future = brood_pool_submit (
        t_pool, s_hold, "[@%p, 0, @%p]", brood_ref (lock), brood_ref (said));
    t_wait_value (said, 1);
    assert_int_equal (brood_lock_locked (lock), 1);
    assert_int_equal (brood_lock_stats (lock, &stats), 0);
    assert_true (stats.holder > 0 && stats.holder != getpid ());
    assert_int_equal (brood_lock_acquire (lock, 0), -1);
    assert_int_equal (errno, ETIMEDOUT);
    char words[64];
    snprintf (words, sizeof words, "process %ld holds it", stats.holder);
    assert_non_null (strstr (brood_error (), words));
    assert_int_equal (kill ((pid_t) stats.holder, SIGKILL), 0);
    assert_int_equal (brood_lock_acquire (lock, T_MS), 1);
    assert_int_equal (brood_lock_release (lock), 0);
    assert_int_equal (brood_lock_acquire (lock, T_MS), 0);
    assert_int_equal (brood_lock_release (lock), 0);
    t_must_be_killed (&future);
}

static void
s_test_rlock_holder_dies (void **state)
{
    (void) state;
    BROOD_AUTO (rlock) rlock = brood_rlock_new ();
    BROOD_AUTO (value) said = brood_value_new (BROOD_INT);
    brood_lock_stats_t stats;
    brood_future_t *future = brood_pool_submit (
        t_pool, s_hold, "[@%p, 3, @%p]", brood_ref (rlock), brood_ref (said));
    t_wait_value (said, 1);
    assert_int_equal (brood_rlock_acquire (rlock, 0), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (brood_rlock_stats (rlock, &stats), 0);
    assert_int_equal (kill ((pid_t) stats.holder, SIGKILL), 0);
    // Held once, not four times.
    assert_int_equal (brood_rlock_acquire (rlock, T_MS), 1);
    assert_int_equal (brood_rlock_release (rlock), 0);
    assert_int_equal (brood_rlock_release (rlock), -1);
    assert_int_equal (errno, EPERM);
    t_must_be_killed (&future);
}

static void *
s_end_with_it (void *arg)
{
    return brood_lock_acquire (arg, T_MS) == 0 ? arg : NULL;
}

static void
s_test_holding_thread_ends (void **state)
{
    (void) state;
    pthread_t thread;
    void *held;
    BROOD_AUTO (lock) lock = brood_lock_new ();
    assert_int_equal (pthread_create (&thread, NULL, s_end_with_it, lock), 0);
    assert_int_equal (pthread_join (thread, &held), 0);
    assert_ptr_equal (held, lock);
    assert_int_equal (brood_lock_acquire (lock, T_MS), 1);
    assert_int_equal (brood_lock_release (lock), 0);
}

// --- The letter of the headers ---------------------------------------------

static void *
s_not_the_holder (void *arg)
{
    assert_int_equal (brood_lock_release (arg), -1);
    assert_int_equal (errno, EPERM);
    assert_int_equal (brood_lock_acquire (arg, 10), -1);
    assert_int_equal (errno, ETIMEDOUT);
    return NULL;
}

static void
s_test_lock_errors (void **state)
{
    (void) state;
    pthread_t thread;
    BROOD_AUTO (lock) lock = brood_lock_new ();
    assert_int_equal (brood_lock_release (lock), -1);
    assert_int_equal (errno, EPERM);
    assert_int_equal (brood_lock_acquire (lock, 0), 0);
    assert_int_equal (brood_lock_acquire (lock, T_MS), -1);
    assert_int_equal (errno, EDEADLK);
    assert_int_equal (pthread_create (&thread, NULL, s_not_the_holder, lock),
                      0);
    assert_int_equal (pthread_join (thread, NULL), 0);
    assert_int_equal (brood_lock_release (lock), 0);
    assert_int_equal (brood_lock_acquire (NULL, 0), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_lock_stats (lock, NULL), -1);
    assert_int_equal (errno, EINVAL);
    BROOD_AUTO (rlock) rlock = brood_rlock_new ();
    assert_null (brood_lock_from (brood_ref (rlock)));
    assert_int_equal (errno, EINVAL);
}

static void
s_test_with (void **state)
{
    (void) state;
    int inside = 0;
    BROOD_AUTO (lock) lock = brood_lock_new ();
    for (int i = 0; i < 3; i++) {
        BROOD_WITH (lock, lock)
        {
            if (i == 1)
                continue;
            inside++;
            assert_int_equal (brood_lock_locked (lock), 1);
        }
        assert_int_equal (brood_lock_locked (lock), 0);
    }
    assert_int_equal (inside, 2);
    // Held already: the block is skipped.
    assert_int_equal (brood_lock_acquire (lock, 0), 0);
    BROOD_WITH (lock, lock)
    {
        inside = 100;
    }
    assert_int_equal (inside, 2);
    assert_int_equal (errno, EDEADLK);
    assert_int_equal (brood_lock_release (lock), 0);
}

static void
s_test_rlock_depth (void **state)
{
    (void) state;
    brood_lock_stats_t stats;
    BROOD_AUTO (rlock) rlock = brood_rlock_new ();
    BROOD_AUTO (rlock) second = brood_rlock_from (brood_ref (rlock));
    assert_int_equal (brood_rlock_acquire (rlock, 0), 0);
    assert_int_equal (brood_rlock_acquire (second, 0), 0);
    assert_int_equal (brood_rlock_acquire (rlock, 0), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal (brood_rlock_stats (rlock, &stats), 0);
        assert_int_equal (stats.holder, getpid ());
        assert_int_equal (stats.acquired, 1);
        assert_int_equal (brood_rlock_release (second), 0);
    }
    assert_int_equal (brood_rlock_stats (rlock, &stats), 0);
    assert_int_equal (stats.holder, 0);
    assert_int_equal (brood_rlock_release (rlock), -1);
    assert_int_equal (errno, EPERM);
}

static void *
s_interrupted (void *arg)
{
    return brood_lock_acquire (arg, -1) < 0 && errno == EINTR ? arg : NULL;
}

// Whether it is before the wait or in it.
static void
s_test_interrupt (void **state)
{
    (void) state;
    pthread_t thread;
    void *interrupted;
    BROOD_AUTO (lock) lock = brood_lock_new ();
    assert_int_equal (brood_lock_acquire (lock, 0), 0);
    assert_int_equal (pthread_create (&thread, NULL, s_interrupted, lock), 0);
    brood_interrupt ();
    assert_int_equal (pthread_join (thread, &interrupted), 0);
    assert_ptr_equal (interrupted, lock);
    assert_int_equal (brood_lock_release (lock), 0);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_argument_of_tasks),
        cmocka_unit_test (s_test_inherited),
        cmocka_unit_test (s_test_threads_and_workers),
        cmocka_unit_test (s_test_lock_holder_dies),
        cmocka_unit_test (s_test_rlock_holder_dies),
        cmocka_unit_test (s_test_holding_thread_ends),
        cmocka_unit_test (s_test_lock_errors),
        cmocka_unit_test (s_test_with),
        cmocka_unit_test (s_test_rlock_depth),
        cmocka_unit_test (s_test_interrupt),
    };
    t_watchdog (110);
    if (brood_init (&argc, &argv) < 0)
        return brood_perror (argv[0]);
    BROOD_AUTO (value) plain = brood_value_new (BROOD_LONG);
    s_plain = brood_value_ptr (plain);
    BROOD_AUTO (lock) inherited = brood_lock_new ();
    s_inherited = inherited;
    return cmocka_run_group_tests (tests, t_sync_setup, t_sync_teardown);
}
