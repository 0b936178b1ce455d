// test_batching.c - tiny tasks travel together, and none waits for another
//
// SPDX-License-Identifier: MPL-2.0
//
// No clock is looked at: a long task is one that waits for a flag which the
// test sets when it has seen what it wants to see. If the tiny ones had to wait
// for it, the test would wait for them until the watchdog ends it.

#include "t.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include <brood.h>

enum {
    TINY = 100
};

// In shared memory, made before the pools.
static struct {
    _Atomic int go;       // 1: the long tasks may end
    _Atomic int long_on;  // Long tasks that have started
    _Atomic int runs[2 * TINY];
} * s_shared;

static int
s_long (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    atomic_fetch_add (&s_shared->long_on, 1);
    while (!atomic_load (&s_shared->go))
        usleep (500);
    return brood_msg_pack (out, "%d", -1);
}
BROOD_TASK (s_long);

static int
s_tiny (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    (void) task;
    if (brood_msg_unpack (in, "%d", &n) < 0 || n < 0 || n >= 2 * TINY)
        return -1;
    atomic_fetch_add (&s_shared->runs[n], 1);
    return brood_msg_pack (out, "%d", n);
}
BROOD_TASK (s_tiny);

static int
s_setup (void **state)
{
    (void) state;
    atomic_store (&s_shared->go, 0);
    atomic_store (&s_shared->long_on, 0);
    for (int i = 0; i < 2 * TINY; i++)
        atomic_store (&s_shared->runs[i], 0);
    return 0;
}

// Teaches the pool that these tasks are tiny, so that it batches them.
static void
s_warm_up (brood_pool_t *pool)
{
    static brood_future_t *futures[2000];
    const size_t count = sizeof futures / sizeof *futures;
    for (size_t i = 0; i < count; i++)
        futures[i] = brood_pool_submit (pool, s_tiny, "%d", (int) i % TINY);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal (brood_future_wait (futures[i], -1), 0);
        brood_future_destroy (&futures[i]);
    }
    (void) s_setup (NULL);
}

static void
s_submit_tiny (brood_pool_t *pool, brood_future_t **futures, int first, int n)
{
    for (int i = 0; i < n; i++) {
        futures[i] = brood_pool_submit (pool, s_tiny, "%d", first + i);
        assert_non_null (futures[i]);
    }
}

static void
s_collect (brood_future_t **futures, int first, int count)
{
    for (int i = 0; i < count; i++) {
        int n;
        assert_int_equal (brood_future_get (futures[i], -1, "%d", &n), 0);
        assert_int_equal (n, first + i);
        assert_int_equal (atomic_load (&s_shared->runs[n]), 1);
        brood_future_destroy (&futures[i]);
    }
}

static void
s_release (brood_future_t **long_p)
{
    int n;
    assert_int_equal (brood_future_done (*long_p), 0);
    assert_int_equal (atomic_load (&s_shared->go), 0);
    atomic_store (&s_shared->go, 1);
    assert_int_equal (brood_future_get (*long_p, -1, "%d", &n), 0);
    assert_int_equal (n, -1);
    brood_future_destroy (long_p);
}

// What was sent along behind the long task is taken back and done elsewhere.
static void
s_test_long_at_head (void **state)
{
    (void) state;
    brood_future_t *futures[TINY];
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    s_warm_up (pool);
    for (int round = 0; round < 20; round++) {
        brood_future_t *slow = brood_pool_submit (pool, s_long, "nil");
        s_submit_tiny (pool, futures, 0, TINY);
        s_collect (futures, 0, TINY);
        s_release (&slow);
        (void) s_setup (NULL);
    }
}

// The same with the long one anywhere, and more workers than long ones.
static void
s_test_long_in_between (void **state)
{
    (void) state;
    brood_future_t *futures[2 * TINY];
    BROOD_AUTO (pool) pool = brood_pool_new ("local:3");
    s_warm_up (pool);
    for (int at = 0; at < TINY; at += 17) {
        s_submit_tiny (pool, futures, 0, at);
        brood_future_t *slow = brood_pool_submit (pool, s_long, "nil");
        s_submit_tiny (pool, futures + at, at, TINY - at);
        brood_future_t *slow_too = brood_pool_submit (pool, s_long, "nil");
        s_submit_tiny (pool, futures + TINY, TINY, TINY);
        s_collect (futures, 0, 2 * TINY);
        s_release (&slow);
        assert_int_equal (brood_future_wait (slow_too, -1), 0);
        brood_future_destroy (&slow_too);
        (void) s_setup (NULL);
    }
}

// The one worker keeps no results to itself while it works on.
static void
s_test_results_before_long (void **state)
{
    (void) state;
    brood_future_t *futures[TINY];
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    s_warm_up (pool);
    for (int round = 0; round < 10; round++) {
        s_submit_tiny (pool, futures, 0, TINY);
        brood_future_t *slow = brood_pool_submit (pool, s_long, "nil");
        s_collect (futures, 0, TINY);
        s_release (&slow);
        (void) s_setup (NULL);
    }
}

// Long tasks in all workers but one: what waits behind them goes to that one.
static void
s_test_no_worker_idle (void **state)
{
    (void) state;
    // One worker stays free: with a long task in each, a tiny one that was
    // given out in advance may rightly wait behind one.
    enum {
        LONGS = 3
    };
    brood_future_t *futures[TINY], *slow[LONGS];
    BROOD_AUTO (pool) pool = brood_pool_new ("local:4");
    s_warm_up (pool);
    for (int round = 0; round < 10; round++) {
        s_submit_tiny (pool, futures, 0, TINY);
        for (int i = 0; i < LONGS; i++)
            slow[i] = brood_pool_submit (pool, s_long, "nil");
        s_collect (futures, 0, TINY);
        while (atomic_load (&s_shared->long_on) < LONGS)
            (void) brood_dispatch (1);
        s_release (&slow[0]);
        for (int i = 1; i < LONGS; i++) {
            assert_int_equal (brood_future_wait (slow[i], -1), 0);
            brood_future_destroy (&slow[i]);
        }
        (void) s_setup (NULL);
    }
}

// All workers are in long tasks with tiny ones behind them; the first that
// comes free does them all, also those the others hold.
static void
s_test_one_frees_all (void **state)
{
    (void) state;
    brood_future_t *futures[TINY];
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    s_warm_up (pool);
    for (int round = 0; round < 10; round++) {
        brood_future_t *slow = brood_pool_submit (pool, s_long, "nil");
        brood_future_t *ended = brood_pool_submit_with (
            pool,
            s_long,
            &(brood_task_options_t){ .timeout_ms = 20, .grace_ms = 1 },
            "nil");
        s_submit_tiny (pool, futures, 0, TINY);
        s_collect (futures, 0, TINY);
        assert_null (brood_future_result (ended, -1));
        assert_int_equal (errno, ETIMEDOUT);
        brood_future_destroy (&ended);
        s_release (&slow);
        (void) s_setup (NULL);
    }
}

// Results that are too large for the page go by message: no difference.
static int
s_large (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    static char bytes[100000];
    (void) task;
    (void) in;
    return brood_msg_pack (out, "<%zu %p>", sizeof bytes, (void *) bytes);
}
BROOD_TASK (s_large);

static void
s_test_large_before_long (void **state)
{
    (void) state;
    brood_future_t *futures[TINY];
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    for (int i = 0; i < TINY; i++)
        futures[i] = brood_pool_submit (pool, s_large, "nil");
    brood_future_t *slow = brood_pool_submit (pool, s_long, "nil");
    for (int i = 0; i < TINY; i++) {
        size_t size;
        void *bytes;
        assert_int_equal (
            brood_future_get (futures[i], -1, "<%zu %p>", &size, &bytes), 0);
        assert_int_equal (size, 100000);
        brood_future_destroy (&futures[i]);
    }
    s_release (&slow);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup (s_test_long_at_head, s_setup),
        cmocka_unit_test_setup (s_test_long_in_between, s_setup),
        cmocka_unit_test_setup (s_test_results_before_long, s_setup),
        cmocka_unit_test_setup (s_test_no_worker_idle, s_setup),
        cmocka_unit_test_setup (s_test_one_frees_all, s_setup),
        cmocka_unit_test_setup (s_test_large_before_long, s_setup),
    };
    t_watchdog (110);
    if (brood_init (&argc, &argv) < 0)
        return brood_perror (argv[0]);
    BROOD_AUTO (array) shared = brood_array_new_sized (sizeof *s_shared, 1);
    s_shared = brood_array_ptr (shared);
    return s_shared ? cmocka_run_group_tests (tests, NULL, NULL)
                    : brood_perror (argv[0]);
}
