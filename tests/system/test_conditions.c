// test_conditions.c - conditions and barriers between workers
//
// SPDX-License-Identifier: MPL-2.0

#include "t_sync.h"

enum {
    ITEMS = 300
};

static int *s_turns;                // Shared
static brood_barrier_t *s_barrier;  // Made before the pool, with an action

static void
s_act (void *arg)
{
    __atomic_add_fetch ((int *) arg, 1, __ATOMIC_SEQ_CST);
}

// --- Conditions ------------------------------------------------------------

typedef struct {
    int items;
    int taken;
    int done;
} s_shop_t;

static int
s_has_work (void *arg)
{
    const s_shop_t *shop = arg;
    return shop->items > 0 || shop->done;
}

// [condition, shop]: takes what is there until it is closed.
static int
s_consume (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref, *shop_ref;
    int taken = 0, open = 1;
    if (brood_msg_unpack (in, "[@%p, @%p]", &ref, &shop_ref) < 0)
        return -1;
    BROOD_AUTO (condition) condition = brood_condition_from (ref);
    BROOD_AUTO (value) value = brood_value_from (shop_ref);
    s_shop_t *shop = brood_value_ptr (value);
    while (open) {
        BROOD_WITH (condition, condition)
        {
            if (brood_condition_wait_for (condition, T_MS, s_has_work, shop)
                != 0)
                return brood_task_fail (task, "wait_for: %s", brood_error ());
            if (shop->items > 0) {
                shop->items--;
                shop->taken++;
                taken++;
            }
            else
                open = 0;
        }
    }
    return brood_msg_pack (out, "%d", taken);
}

static void
s_test_producer_and_consumers (void **state)
{
    (void) state;
    BROOD_AUTO (condition) condition = brood_condition_new ();
    BROOD_AUTO (value) value = brood_value_new_of (s_shop_t);
    s_shop_t *shop = brood_value_ptr (value);
    brood_future_t *futures[T_WORKERS];
    int sum = 0;
    for (int i = 0; i < T_WORKERS; i++)
        futures[i] = brood_pool_submit (t_pool,
                                        s_consume,
                                        "[@%p, @%p]",
                                        brood_ref (condition),
                                        brood_ref (value));
    for (int i = 0; i < ITEMS; i++) {
        BROOD_WITH (condition, condition)
        {
            shop->items++;
            assert_int_equal (brood_condition_notify (condition, 1), 0);
        }
    }
    BROOD_WITH (condition, condition)
    {
        shop->done = 1;
        assert_int_equal (brood_condition_notify_all (condition), 0);
    }
    for (int i = 0; i < T_WORKERS; i++) {
        int taken;
        assert_int_equal (brood_future_get (futures[i], T_MS, "%d", &taken), 0);
        sum += taken;
        brood_future_destroy (&futures[i]);
    }
    assert_int_equal (sum, ITEMS);
    assert_int_equal (shop->taken, ITEMS);
}

// [condition, said, pid]: waits in it.
static int
s_wait_in (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref, *said_ref, *pid_ref;
    (void) out;
    if (brood_msg_unpack (in, "[@%p, @%p, @%p]", &ref, &said_ref, &pid_ref) < 0)
        return -1;
    BROOD_AUTO (condition) condition = brood_condition_from (ref);
    BROOD_AUTO (value) said = brood_value_from (said_ref);
    BROOD_AUTO (value) pid = brood_value_from (pid_ref);
    if (brood_condition_acquire (condition, T_MS) != 0)
        return brood_task_fail (task, "not acquired");
    if (brood_value_get (pid) == 0)
        (void) brood_value_set (pid, getpid ());
    (void) brood_value_add (said, 1);
    const int rc = brood_condition_wait (condition, T_MS);
    if (rc < 0 || brood_condition_release (condition) < 0)
        return brood_task_fail (task, "wait: %s", brood_error ());
    return rc;
}

// Killed in its wait: the lock is free, and the notify reaches the other.
static void
s_test_waiter_dies (void **state)
{
    (void) state;
    BROOD_AUTO (condition) condition = brood_condition_new ();
    BROOD_AUTO (value) said = brood_value_new (BROOD_INT);
    BROOD_AUTO (value) pid = brood_value_new (BROOD_INT);
    brood_future_t *futures[2];
    for (int i = 0; i < 2; i++) {
        futures[i] = brood_pool_submit (t_pool,
                                        s_wait_in,
                                        "[@%p, @%p, @%p]",
                                        brood_ref (condition),
                                        brood_ref (said),
                                        brood_ref (pid));
        t_wait_value (said, i + 1);
    }
    // Held again by us: both are in their wait.
    assert_int_equal (brood_condition_acquire (condition, T_MS), 0);
    assert_int_equal (brood_condition_notify (condition, 1), 0);
    assert_int_equal (kill ((pid_t) brood_value_get (pid), SIGKILL), 0);
    t_must_be_killed (&futures[0]);
    assert_int_equal (brood_condition_release (condition), 0);
    assert_non_null (brood_future_result (futures[1], T_MS));
    brood_future_destroy (&futures[1]);
}

static void
s_test_condition_errors (void **state)
{
    (void) state;
    int no = 0;
    BROOD_AUTO (rlock) rlock = brood_rlock_new ();
    BROOD_AUTO (condition) first = brood_condition_new_on (rlock);
    BROOD_AUTO (condition) second = brood_condition_new_on (rlock);
    assert_int_equal (brood_condition_wait (first, 0), -1);
    assert_int_equal (errno, EPERM);
    assert_int_equal (brood_condition_notify (first, 1), -1);
    assert_int_equal (errno, EPERM);
    assert_int_equal (brood_condition_notify_all (first), -1);
    assert_int_equal (errno, EPERM);
    assert_int_equal (brood_condition_wait_for (first, 0, s_has_work, &no), -1);
    assert_int_equal (errno, EPERM);
    assert_int_equal (brood_condition_release (first), -1);
    assert_int_equal (errno, EPERM);
    // One lock for both, and for whoever else has it.
    assert_int_equal (brood_rlock_acquire (rlock, 0), 0);
    assert_int_equal (brood_condition_notify (first, 1), 0);
    assert_int_equal (brood_condition_notify (second, 1), 0);
    assert_int_equal (brood_condition_notify (second, -1), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_condition_wait_for (second, 10, NULL, NULL), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_condition_wait (first, 10), -1);
    assert_int_equal (errno, ETIMEDOUT);
    brood_lock_stats_t stats;
    assert_int_equal (brood_condition_stats (first, &stats), 0);
    assert_int_equal (stats.holder, getpid ());
    assert_int_equal (brood_condition_release (second), 0);
    assert_int_equal (brood_rlock_release (rlock), -1);
    assert_null (brood_condition_new_on (NULL));
    assert_int_equal (errno, EINVAL);
}

typedef struct {
    int looks;
    int enough;
} s_looks_t;

static int
s_look (void *arg)
{
    s_looks_t *looks = arg;
    return ++looks->looks >= looks->enough;
}

// The time is for all of it, however often it is woken; at its end there is one
// more look.
static void
s_test_wait_for (void **state)
{
    (void) state;
    s_looks_t at_once = { 0, 1 }, at_last = { 0, 2 }, never = { 0, 1000 };
    BROOD_AUTO (condition) condition = brood_condition_new ();
    assert_int_equal (brood_condition_acquire (condition, 0), 0);
    assert_int_equal (brood_condition_wait_for (condition, 0, s_look, &at_once),
                      0);
    assert_int_equal (
        brood_condition_wait_for (condition, 10, s_look, &at_last), 0);
    assert_int_equal (brood_condition_wait_for (condition, 10, s_look, &never),
                      -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (never.looks, 2);
    assert_int_equal (brood_condition_release (condition), 0);
}

// The lock of a value serves, and outlives its handle.
static void
s_test_on_a_value (void **state)
{
    (void) state;
    brood_value_t *value = brood_value_new (BROOD_INT);
    BROOD_AUTO (condition)
    condition = brood_condition_new_on (brood_value_lock (value));
    assert_int_equal (brood_rlock_acquire (brood_value_lock (value), 0), 0);
    assert_int_equal (brood_condition_notify (condition, 1), 0);
    assert_int_equal (brood_rlock_release (brood_value_lock (value)), 0);
    brood_value_destroy (&value);
    assert_int_equal (brood_condition_acquire (condition, 0), 0);
    assert_int_equal (brood_condition_release (condition), 0);
}

// --- Barriers --------------------------------------------------------------

// [barrier, said, pid]
static int
s_arrive (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref, *said_ref, *pid_ref;
    if (brood_msg_unpack (in, "[@%p, @%p, @%p]", &ref, &said_ref, &pid_ref) < 0)
        return -1;
    BROOD_AUTO (barrier) barrier = brood_barrier_from (ref);
    BROOD_AUTO (value) said = brood_value_from (said_ref);
    BROOD_AUTO (value) pid = brood_value_from (pid_ref);
    if (brood_value_get (pid) == 0)
        (void) brood_value_set (pid, getpid ());
    (void) brood_value_add (said, 1);
    const int index = brood_barrier_wait (barrier, T_MS);
    if (index < 0)
        return brood_task_fail (task, "%s", brood_error ());
    return brood_msg_pack (out, "%d", index);
}

static brood_future_t *
s_submit_arrive (brood_barrier_t *barrier,
                 brood_value_t *said,
                 brood_value_t *pid)
{
    return brood_pool_submit (t_pool,
                              s_arrive,
                              "[@%p, @%p, @%p]",
                              brood_ref (barrier),
                              brood_ref (said),
                              brood_ref (pid));
}

static int
s_is_waiting (void *arg)
{
    return brood_barrier_n_waiting (arg) > 0;
}

static void
s_test_all_arrive (void **state)
{
    (void) state;
    BROOD_AUTO (barrier) barrier = brood_barrier_new (T_WORKERS + 1);
    BROOD_AUTO (value) said = brood_value_new (BROOD_INT);
    BROOD_AUTO (value) pid = brood_value_new (BROOD_INT);
    brood_future_t *futures[T_WORKERS];
    int seen = 0;
    for (int i = 0; i < T_WORKERS; i++)
        futures[i] = s_submit_arrive (barrier, said, pid);
    const int mine = brood_barrier_wait (barrier, T_MS);
    assert_in_range (mine, 0, T_WORKERS);
    seen |= 1 << mine;
    for (int i = 0; i < T_WORKERS; i++) {
        int index;
        assert_int_equal (brood_future_get (futures[i], T_MS, "%d", &index), 0);
        seen |= 1 << index;
        brood_future_destroy (&futures[i]);
    }
    assert_int_equal (seen, (1 << (T_WORKERS + 1)) - 1);
    assert_int_equal (brood_barrier_parties (barrier), T_WORKERS + 1);
    assert_int_equal (brood_barrier_n_waiting (barrier), 0);
}

// Killed in its wait: the others hear who it was.
static void
s_test_party_dies (void **state)
{
    (void) state;
    char words[64];
    // One more than will come: till it is buried the dead one counts.
    BROOD_AUTO (barrier) barrier = brood_barrier_new (4);
    BROOD_AUTO (value) said = brood_value_new (BROOD_INT);
    BROOD_AUTO (value) pid = brood_value_new (BROOD_INT);
    brood_future_t *victim = s_submit_arrive (barrier, said, pid);
    assert_true (t_eventually (s_is_waiting, barrier, 20));
    brood_future_t *other = s_submit_arrive (barrier, said, pid);
    const int dead = (int) brood_value_get (pid);
    snprintf (words, sizeof words, "process %d died", dead);
    assert_int_equal (kill ((pid_t) dead, SIGKILL), 0);
    assert_int_equal (brood_barrier_wait (barrier, T_MS), -1);
    assert_int_equal (errno, EPIPE);
    assert_non_null (strstr (brood_error (), words));
    assert_null (brood_future_result (other, T_MS));
    assert_non_null (strstr (brood_error (), words));
    brood_future_destroy (&other);
    t_must_be_killed (&victim);
    assert_int_equal (brood_barrier_broken (barrier), 1);
    assert_int_equal (brood_barrier_reset (barrier), 0);
    assert_int_equal (brood_barrier_broken (barrier), 0);
}

// Workers were born after it, so any of them can act.
BROOD_EACH (arrive_inherited, int, n)
{
    for (int i = 0; i < *n; i++) {
        if (brood_barrier_wait (s_barrier, T_MS) < 0)
            return -1;
    }
    return 0;
}

static void
s_test_action (void **state)
{
    (void) state;
    int ns[T_WORKERS];
    *s_turns = 0;
    for (int i = 0; i < T_WORKERS; i++)
        ns[i] = 50;
    assert_int_equal (brood_pool_each (t_pool, arrive_inherited, ns, T_WORKERS),
                      0);
    assert_int_equal (*s_turns, 50);
}

// Younger than the workers: by ref, if they can have all of it.
static void
s_test_action_by_ref (void **state)
{
    (void) state;
    int mine = 0;
    BROOD_AUTO (value) said = brood_value_new (BROOD_INT);
    BROOD_AUTO (value) pid = brood_value_new (BROOD_INT);
    BROOD_AUTO (barrier) good = brood_barrier_new_action (1, s_act, s_turns);
    BROOD_AUTO (barrier) bad = brood_barrier_new_action (1, s_act, &mine);
    *s_turns = 0;
    brood_future_t *future = s_submit_arrive (good, said, pid);
    assert_non_null (brood_future_result (future, T_MS));
    brood_future_destroy (&future);
    assert_int_equal (*s_turns, 1);
    future = s_submit_arrive (bad, said, pid);
    assert_null (brood_future_result (future, T_MS));
    assert_non_null (strstr (brood_error (), "another process's memory"));
    brood_future_destroy (&future);
    // Here it is ours.
    BROOD_AUTO (barrier) again = brood_barrier_from (brood_ref (bad));
    assert_int_equal (brood_barrier_wait (again, 0), 0);
    assert_int_equal (mine, 1);
}

static void
s_test_barrier_errors (void **state)
{
    (void) state;
    assert_null (brood_barrier_new (0));
    assert_int_equal (errno, EINVAL);
    assert_null (brood_barrier_new_action (-1, s_act, NULL));
    assert_int_equal (errno, EINVAL);
    BROOD_AUTO (barrier) barrier = brood_barrier_new (2);
    assert_int_equal (brood_barrier_wait (barrier, 0), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (brood_barrier_wait (barrier, 0), -1);
    assert_int_equal (errno, EPIPE);
    assert_int_equal (brood_barrier_reset (barrier), 0);
    assert_int_equal (brood_barrier_abort (barrier), 0);
    assert_int_equal (brood_barrier_broken (barrier), 1);
    assert_int_equal (brood_barrier_wait (NULL, 0), -1);
    assert_int_equal (errno, EINVAL);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_producer_and_consumers),
        cmocka_unit_test (s_test_waiter_dies),
        cmocka_unit_test (s_test_condition_errors),
        cmocka_unit_test (s_test_wait_for),
        cmocka_unit_test (s_test_on_a_value),
        cmocka_unit_test (s_test_all_arrive),
        cmocka_unit_test (s_test_party_dies),
        cmocka_unit_test (s_test_action),
        cmocka_unit_test (s_test_action_by_ref),
        cmocka_unit_test (s_test_barrier_errors),
    };
    t_watchdog (110);
    if (brood_init (&argc, &argv) < 0)
        return brood_perror (argv[0]);
    BROOD_AUTO (value) turns = brood_value_new (BROOD_INT);
    s_turns = brood_value_ptr (turns);
    BROOD_AUTO (barrier)
    barrier = brood_barrier_new_action (T_WORKERS, s_act, s_turns);
    s_barrier = barrier;
    return cmocka_run_group_tests (tests, t_sync_setup, t_sync_teardown);
}
