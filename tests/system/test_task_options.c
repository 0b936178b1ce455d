// test_task_options.c - timeouts, retries, priorities, keys: one by one
//
// SPDX-License-Identifier: MPL-2.0
//
// Tasks write into shared memory what became of them, so that a result alone is
// not believed.

#include "t.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <brood.h>

enum {
    TASKS = 60
};

static struct {
    _Atomic int go;
    _Atomic int started;
    _Atomic int told;
    _Atomic int inside;   // Tasks of one key at this moment
    _Atomic int overlap;  // 1: there were two
    _Atomic int attempts;
    _Atomic int count;
    _Atomic int order[4 * TASKS];
} * s_shared;

static int
s_setup (void **state)
{
    (void) state;
    memset (s_shared, 0, sizeof *s_shared);
    return 0;
}

static int
s_held (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    atomic_fetch_add (&s_shared->started, 1);
    while (!atomic_load (&s_shared->go))
        usleep (300);
    return brood_msg_pack (out, "%d", 1);
}
BROOD_TASK (s_held);

static int
s_hears (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    atomic_fetch_add (&s_shared->started, 1);
    while (!brood_task_cancelled (task))
        usleep (300);
    atomic_fetch_add (&s_shared->told, 1);
    return brood_msg_pack (out, "%d", 2);
}
BROOD_TASK (s_hears);

static int
s_notes (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    (void) task;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return -1;
    atomic_store (&s_shared->order[atomic_fetch_add (&s_shared->count, 1)], n);
    return brood_msg_pack (out, "%d", n);
}
BROOD_TASK (s_notes);

static void
s_await_started (int n)
{
    while (atomic_load (&s_shared->started) < n)
        (void) brood_dispatch (1);
}

static void
s_check_usable (brood_pool_t *pool)
{
    BROOD_AUTO (msg) out = brood_pool_apply (pool, s_notes, "%d", 5);
    assert_int_equal (brood_msg_unpack (out, "5"), 0);
}

// --- Timeouts --------------------------------------------------------------

static void
s_check_timed_out (brood_future_t *future)
{
    brood_error_info_t info;
    assert_null (brood_future_result (future, -1));
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (brood_future_done (future), 1);
    brood_error_info (&info);
    assert_int_equal (info.kind, BROOD_TIMEOUT);
    assert_true (info.task[0] != '\0');
    assert_non_null (strstr (info.text, info.task));
}

// Deaf ones are ended with their workers, all of them, and the pool goes on.
static void
s_test_timeout (void **state)
{
    (void) state;
    brood_future_t *futures[6];
    const brood_task_options_t options = { .timeout_ms = 100, .grace_ms = 1 };
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    for (int i = 0; i < 6; i++)
        futures[i] = brood_pool_submit_with (pool, s_held, &options, "nil");
    for (int i = 0; i < 6; i++) {
        s_check_timed_out (futures[i]);
        brood_future_destroy (&futures[i]);
    }
    assert_int_equal (atomic_load (&s_shared->started), 6);
    s_check_usable (pool);
}

// One that listens is told in time to end itself, and its worker lives on.
static void
s_test_grace (void **state)
{
    (void) state;
    brood_pool_stats_t stats;
    const brood_task_options_t options = { .timeout_ms = 20,
                                           .grace_ms = 60000 };
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future)
    f = brood_pool_submit_with (pool, s_hears, &options, "nil");
    assert_int_equal (brood_future_wait (f, -1), 0);
    assert_int_equal (atomic_load (&s_shared->told), 1);
    s_check_usable (pool);
    assert_int_equal (brood_pool_stats (pool, &stats), 0);
    assert_int_equal (stats.restarts, 0);
}

static int
s_time_left (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    return brood_msg_pack (out, "%d", brood_task_time_left (task));
}
BROOD_TASK (s_time_left);

static void
s_test_time_left (void **state)
{
    (void) state;
    int left;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future)
    f = brood_pool_submit_with (pool,
                                s_time_left,
                                &(brood_task_options_t){ .timeout_ms = 60000 },
                                "nil");
    assert_int_equal (brood_future_get (f, -1, "%d", &left), 0);
    assert_true (left > 0 && left <= 60000);
    BROOD_AUTO (future) g = brood_pool_submit (pool, s_time_left, "nil");
    assert_int_equal (brood_future_get (g, -1, "%d", &left), 0);
    assert_int_equal (left, BROOD_FOREVER);
}

// What waits too long for a worker never starts.
static void
s_test_queue_timeout (void **state)
{
    (void) state;
    brood_future_t *futures[20];
    const brood_task_options_t options = { .queue_timeout_ms = 20 };
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future) held = brood_pool_submit (pool, s_held, "nil");
    s_await_started (1);
    for (int i = 0; i < 20; i++)
        futures[i] = brood_pool_submit_with (pool, s_notes, &options, "%d", i);
    for (int i = 0; i < 20; i++) {
        s_check_timed_out (futures[i]);
        brood_future_destroy (&futures[i]);
    }
    atomic_store (&s_shared->go, 1);
    assert_int_equal (brood_future_wait (held, -1), 0);
    s_check_usable (pool);
    assert_int_equal (atomic_load (&s_shared->count), 1);
}

// --- Retries ---------------------------------------------------------------

typedef enum {
    S_FAIL,
    S_DIE
} s_way_t;

// Ends badly up to the given attempt.
static int
s_tries (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int way, bad;
    if (brood_msg_unpack (in, "[%d, %d]", &way, &bad) < 0)
        return -1;
    atomic_fetch_add (&s_shared->attempts, 1);
    const int attempt = brood_task_attempt (task);
    if (attempt <= bad && way == S_FAIL)
        return brood_task_fail (task, "at attempt %d", attempt);
    if (attempt <= bad)
        raise (SIGKILL);
    return brood_msg_pack (out, "%d", attempt);
}
BROOD_TASK (s_tries);

static void
s_check_tries (brood_pool_t *pool,
               const brood_task_options_t *options,
               s_way_t way,
               int bad,
               int error,
               int attempts)
{
    int n;
    brood_error_info_t info;
    atomic_store (&s_shared->attempts, 0);
    BROOD_AUTO (future)
    f = brood_pool_submit_with (
        pool, s_tries, options, "[%d, %d]", (int) way, bad);
    const int rc = brood_future_get (f, -1, "%d", &n);
    assert_int_equal (atomic_load (&s_shared->attempts), attempts);
    if (error == 0) {
        assert_int_equal (rc, 0);
        assert_int_equal (n, attempts);
        return;
    }
    assert_int_equal (rc, -1);
    assert_int_equal (errno, error);
    brood_error_info (&info);
    assert_int_equal (info.attempt, attempts);
}

static void
s_test_retries (void **state)
{
    (void) state;
    const brood_task_options_t none = { 0 };
    const brood_task_options_t two = { .retries = 2, .retry_delay_ms = 2 };
    const brood_task_options_t deaths = { .retries = 2, .only_deaths = 1 };
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (
        &(brood_pool_options_t){ .spec = "local:2", .restarts_max = 100 });
    s_check_tries (pool, &none, S_FAIL, 1, EIO, 1);
    s_check_tries (pool, &none, S_DIE, 1, ECHILD, 1);
    s_check_tries (pool, &two, S_FAIL, 2, 0, 3);
    s_check_tries (pool, &two, S_FAIL, 9, EIO, 3);
    s_check_tries (pool, &two, S_DIE, 1, 0, 2);
    s_check_tries (pool, &deaths, S_FAIL, 1, EIO, 1);
    s_check_tries (pool, &deaths, S_DIE, 2, 0, 3);
    s_check_usable (pool);
}

// A task that kills every worker it meets is put aside, whatever it may retry;
// nobody else loses anything.
static void
s_test_poison (void **state)
{
    (void) state;
    brood_future_t *futures[TASKS];
    int n;
    brood_error_info_t info;
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (
        &(brood_pool_options_t){ .spec = "local:2", .restarts_max = 1000 });
    BROOD_AUTO (future)
    bad = brood_pool_submit_with (pool,
                                  s_tries,
                                  &(brood_task_options_t){ .retries = 500 },
                                  "[%d, %d]",
                                  (int) S_DIE,
                                  10000);
    for (int i = 0; i < TASKS; i++)
        futures[i] = brood_pool_submit (pool, s_notes, "%d", i);
    assert_null (brood_future_result (bad, -1));
    assert_int_equal (errno, ELOOP);
    brood_error_info (&info);
    assert_int_equal (info.kind, BROOD_POISON);
    assert_true (info.attempt > 1 && info.attempt < 100);
    assert_int_equal (atomic_load (&s_shared->attempts), info.attempt);
    for (int i = 0; i < TASKS; i++) {
        assert_int_equal (brood_future_get (futures[i], -1, "%d", &n), 0);
        assert_int_equal (n, i);
        brood_future_destroy (&futures[i]);
    }
    assert_int_equal (atomic_load (&s_shared->count), TASKS);
}

// --- Order -----------------------------------------------------------------

// Higher ones first, and among equals the older.
static void
s_test_priority (void **state)
{
    (void) state;
    brood_future_t *futures[TASKS];
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future) held = brood_pool_submit (pool, s_held, "nil");
    s_await_started (1);
    for (int i = 0; i < TASKS; i++)
        futures[i] = brood_pool_submit_with (
            pool,
            s_notes,
            &(brood_task_options_t){ .priority = i % 10 },
            "%d",
            i);
    atomic_store (&s_shared->go, 1);
    for (int i = 0; i < TASKS; i++) {
        assert_int_equal (brood_future_wait (futures[i], -1), 0);
        brood_future_destroy (&futures[i]);
    }
    for (int i = 0; i < TASKS; i++)
        assert_int_equal (s_shared->order[i],
                          9 - i / (TASKS / 10) + i % (TASKS / 10) * 10);
}

// Of one key only one runs, in order of submission; keys do not wait for each
// other.
static int
s_keyed (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    if (atomic_fetch_add (&s_shared->inside, 1) > 0)
        atomic_store (&s_shared->overlap, 1);
    usleep (100);
    const int rc = s_notes (task, in, out);
    atomic_fetch_sub (&s_shared->inside, 1);
    return rc;
}
BROOD_TASK (s_keyed);

static void
s_test_key (void **state)
{
    (void) state;
    brood_future_t *futures[4 * TASKS];
    BROOD_AUTO (pool) pool = brood_pool_new ("local:3");
    BROOD_AUTO (future)
    held = brood_pool_submit_with (
        pool, s_held, &(brood_task_options_t){ .key = "other" }, "nil");
    for (int i = 0; i < 4 * TASKS; i++)
        futures[i] = brood_pool_submit_with (
            pool, s_keyed, &(brood_task_options_t){ .key = "one" }, "%d", i);
    for (int i = 0; i < 4 * TASKS; i++) {
        assert_int_equal (brood_future_wait (futures[i], -1), 0);
        brood_future_destroy (&futures[i]);
    }
    assert_int_equal (atomic_load (&s_shared->overlap), 0);
    for (int i = 0; i < 4 * TASKS; i++)
        assert_int_equal (s_shared->order[i], i);
    assert_int_equal (brood_future_done (held), 0);
    atomic_store (&s_shared->go, 1);
    assert_int_equal (brood_future_wait (held, -1), 0);
}

// The second with the same text is not run, and has the first one's outcome;
// cancelling one of them leaves the other alone.
static void
s_test_once (void **state)
{
    (void) state;
    int n;
    const brood_task_options_t once = { .once = "this" };
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future) held = brood_pool_submit (pool, s_held, "nil");
    s_await_started (1);
    BROOD_AUTO (future)
    a = brood_pool_submit_with (pool, s_notes, &once, "%d", 1);
    BROOD_AUTO (future)
    b = brood_pool_submit_with (pool, s_notes, &once, "%d", 2);
    BROOD_AUTO (future)
    c = brood_pool_submit_with (pool, s_notes, &once, "%d", 3);
    assert_int_equal (brood_future_cancel (c), 1);
    assert_int_equal (brood_future_done (a), 0);
    atomic_store (&s_shared->go, 1);
    assert_int_equal (brood_future_get (a, -1, "%d", &n), 0);
    assert_int_equal (n, 1);
    assert_int_equal (brood_future_get (b, -1, "%d", &n), 0);
    assert_int_equal (n, 1);
    assert_int_equal (brood_future_cancelled (c), 1);
    assert_int_equal (atomic_load (&s_shared->count), 1);
}

// The options of an item of a map are those of a task.
BROOD_MAPPER (s_item, int, x, int, y)
{
    atomic_fetch_add (&s_shared->attempts, 1);
    if (*x == 7 && brood_task_attempt (brood_task_current ()) < 3)
        return -1;
    if (*x == 9)
        raise (SIGKILL);
    while (*x == 11)
        usleep (300);
    *y = 2 * *x;
    return 0;
}

static void
s_test_map (void **state)
{
    (void) state;
    int x[TASKS], y[TASKS], errors[TASKS];
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (
        &(brood_pool_options_t){ .spec = "local:2", .restarts_max = 100 });
    for (int i = 0; i < TASKS; i++) {
        x[i] = i;
        y[i] = -5;
    }
    const brood_task_options_t task = { .retries = 2,
                                        .timeout_ms = 700,
                                        .grace_ms = 1 };
    assert_int_equal (
        brood_pool_map_with (
            pool,
            s_item,
            x,
            y,
            TASKS,
            &(brood_map_options_t){ .ret_errors = errors, .task = &task }),
        -1);
    for (int i = 0; i < TASKS; i++) {
        const int bad = i == 9 || i == 11;
        assert_int_equal (y[i], bad ? -5 : 2 * i);
        if (bad)
            assert_true (errors[i] == ECHILD || errors[i] == ELOOP
                         || errors[i] == ETIMEDOUT);
        else
            assert_int_equal (errors[i], 0);
    }
    assert_int_equal (errors[11], ETIMEDOUT);
    s_check_usable (pool);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup (s_test_timeout, s_setup),
        cmocka_unit_test_setup (s_test_grace, s_setup),
        cmocka_unit_test_setup (s_test_time_left, s_setup),
        cmocka_unit_test_setup (s_test_queue_timeout, s_setup),
        cmocka_unit_test_setup (s_test_retries, s_setup),
        cmocka_unit_test_setup (s_test_poison, s_setup),
        cmocka_unit_test_setup (s_test_priority, s_setup),
        cmocka_unit_test_setup (s_test_key, s_setup),
        cmocka_unit_test_setup (s_test_once, s_setup),
        cmocka_unit_test_setup (s_test_map, s_setup),
    };
    t_watchdog (110);
    const struct rlimit no_core = { 0, 0 };
    (void) setrlimit (RLIMIT_CORE, &no_core);
    if (brood_init (&argc, &argv) < 0)
        return brood_perror (argv[0]);
    BROOD_AUTO (array) shared = brood_array_new_sized (sizeof *s_shared, 1);
    s_shared = brood_array_ptr (shared);
    return s_shared ? cmocka_run_group_tests (tests, NULL, NULL)
                    : brood_perror (argv[0]);
}
