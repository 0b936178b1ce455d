// test_pool_calls.c - every call of a pool: processes, threads, inline, far
//
// SPDX-License-Identifier: MPL-2.0
//
// The calls are made once on a local pool, once on one of threads, once on an
// inline one, and once on one that is used as if its workers were on other
// hosts, by the same code with the same expectations: that is the promise of
// those three.
// Where workers come from and go to is in test_pool_workers.c.

#include "t.h"

#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <brood.h>

#include "host/host.h"

enum {
    N = 300
};

static const struct {
    const char *spec;
    int remote;
} s_ways[] = {
    { "local:2", 0 },
    { "threads:2", 0 },
    { "inline", 0 },
    { "local:2", 1 },
};

static brood_pool_t *
s_pool_new (size_t way)
{
    brd_host_pool_pretends = s_ways[way].remote;
    brood_pool_t *pool = brood_pool_new (s_ways[way].spec);
    brd_host_pool_pretends = 0;
    assert_non_null (pool);
    return pool;
}

// --- Callbacks -------------------------------------------------------------

static int
s_twice (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return brood_task_fail (task, "wanted a number");
    if (n < 0)
        return brood_task_fail (task, "%d is negative", n);
    return brood_msg_pack (out, "%d", 2 * n);
}
BROOD_TASK (s_twice);

// Not registered: its pool knows it by its address.
static int
s_thrice (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0 || n < 0)
        return -1;
    return brood_msg_pack (
        out, "{n: %d, name: %s}", 3 * n, brood_task_name (task));
}

BROOD_MAPPER (s_square, int, x, long, y)
{
    if (*x < 0)
        return brood_task_fail (brood_task_current (), "%d is negative", *x);
    *y = (long) *x * *x;
    return 0;
}

BROOD_MAPPER (s_increment, long, x, long, y)
{
    *y = *x + 1;
    return 0;
}

typedef struct {
    long factor;
    long offset;
} s_line_t;

BROOD_MAPPER (s_on_line, int, x, long, y)
{
    const s_line_t *line = arg;
    *y = line->factor * *x + line->offset;
    return 0;
}

static int
s_half (const void *in, void *out, void *arg)
{
    (void) arg;
    *(double *) out = *(const int *) in / 2.0;
    return 0;
}

static _Atomic long *s_sum;

BROOD_EACH (s_add, int, x)
{
    atomic_fetch_add (s_sum, *x);
    return 0;
}

// The first item fails; the others wait to be told that they are not wanted.
BROOD_MAPPER (s_first_fails, int, x, long, y)
{
    if (*x == 0)
        return -1;
    while (!brood_task_cancelled (brood_task_current ()))
        sched_yield ();
    *y = 1;
    return 0;
}

static int
s_first_task_fails (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0 || n == 0)
        return -1;
    while (!brood_task_cancelled (task))
        sched_yield ();
    return brood_msg_pack (out, "%d", n);
}

static int
s_until_told (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    while (!brood_task_cancelled (task))
        sched_yield ();
    return brood_msg_pack (out, "%d", 1);
}
BROOD_TASK (s_until_told);

BROOD_MAPPER (s_mapper_until_told, int, x, long, y)
{
    *y = 1;
    while (!brood_task_cancelled (brood_task_current ()))
        sched_yield ();
    return 0;
}

// --- Messages --------------------------------------------------------------

static void
s_check_failure (const char *task, const char *text, long item)
{
    brood_error_info_t info;
    assert_int_equal (errno, EIO);
    brood_error_info (&info);
    assert_int_equal (info.kind, BROOD_TASK_FAILED);
    assert_int_equal (info.item, item);
    assert_string_equal (info.task, task);
    assert_non_null (strstr (info.text, text));
    assert_non_null (strstr (info.text, task));
}

static void
s_check_apply (brood_pool_t *pool)
{
    int n;
    for (int i = 0; i < 20; i++) {
        BROOD_AUTO (msg) out = brood_pool_apply (pool, s_twice, "%d", i);
        assert_int_equal (brood_msg_unpack (out, "%d", &n), 0);
        assert_int_equal (n, 2 * i);
    }
    assert_null (brood_pool_apply (pool, s_twice, "%d", -4));
    s_check_failure ("s_twice", "-4 is negative", -1);
    assert_null (brood_pool_apply (pool, s_twice, "%s", "x"));
    s_check_failure ("s_twice", "wanted a number", -1);
}

static void
s_check_unregistered (brood_pool_t *pool)
{
    int n;
    char name[16] = "?";
    BROOD_AUTO (msg) out = brood_pool_apply (pool, s_thrice, "%d", 7);
    assert_int_equal (brood_msg_unpack (out, "{n: %d, name: %15s}", &n, name),
                      0);
    assert_int_equal (n, 21);
    assert_string_equal (name, "");
    assert_null (brood_pool_apply (pool, s_thrice, "%d", -1));
    assert_int_equal (errno, EIO);
}

// Every option of a task, alone and with all others: none changes a result.
static void
s_check_task_options (brood_pool_t *pool)
{
    static const brood_task_options_t options[] = {
        { .retries = 3 },
        { .retries = 1, .retry_delay_ms = 1 },
        { .timeout_ms = 60000 },
        { .timeout_ms = 60000, .grace_ms = 5 },
        { .queue_timeout_ms = 60000 },
        { .priority = 9 },
        { .only_deaths = 1, .retries = 1 },
        { .key = "k" },
        { .once = "o" },
        { 0 },
        { 2, 1, 60000, 5, 60000, 4, 1, "key", "once too", { 0 } },
    };
    brood_future_t *futures[sizeof options / sizeof *options];
    const size_t count = sizeof options / sizeof *options;
    for (size_t i = 0; i < count; i++) {
        futures[i] =
            brood_pool_submit_with (pool, s_twice, &options[i], "%d", (int) i);
        assert_non_null (futures[i]);
    }
    for (size_t i = 0; i < count; i++) {
        int n = -1;
        assert_int_equal (brood_future_get (futures[i], 30000, "%d", &n), 0);
        assert_int_equal (n, 2 * (int) i);
        assert_int_equal (brood_future_done (futures[i]), 1);
        brood_future_destroy (&futures[i]);
    }
}

// Its first attempts fail.
static int
s_third_time (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    const int attempt = brood_task_attempt (task);
    if (attempt < 3)
        return brood_task_fail (task, "not at attempt %d", attempt);
    return brood_msg_pack (out, "%d", attempt);
}
BROOD_TASK (s_third_time);

static void
s_check_retries (brood_pool_t *pool)
{
    int n = 0;
    brood_error_info_t info;
    const brood_task_options_t twice = { .retries = 2 };
    const brood_task_options_t once = { .retries = 1, .retry_delay_ms = 1 };
    const brood_task_options_t deaths = { .retries = 5, .only_deaths = 1 };
    BROOD_AUTO (future)
    good = brood_pool_submit_with (pool, s_third_time, &twice, "nil");
    assert_int_equal (brood_future_get (good, 30000, "%d", &n), 0);
    assert_int_equal (n, 3);
    BROOD_AUTO (future)
    bad = brood_pool_submit_with (pool, s_third_time, &once, "nil");
    assert_null (brood_future_result (bad, 30000));
    s_check_failure ("s_third_time", "not at attempt 2", -1);
    brood_error_info (&info);
    assert_int_equal (info.attempt, 2);
    BROOD_AUTO (future)
    kept = brood_pool_submit_with (pool, s_third_time, &deaths, "nil");
    assert_null (brood_future_result (kept, 30000));
    s_check_failure ("s_third_time", "not at attempt 1", -1);
}

static void
s_check_submit_msg (brood_pool_t *pool)
{
    int n;
    brood_msg_t *msg = brood_msg_new ("%d", 50);
    BROOD_AUTO (future) f = brood_pool_submit_msg (pool, s_twice, NULL, &msg);
    assert_non_null (f);
    assert_null (msg);
    assert_int_equal (brood_future_get (f, 30000, "%d", &n), 0);
    assert_int_equal (n, 100);
    // What is refused is not taken.
    msg = brood_msg_new ("%d", 50);
    assert_null (brood_pool_submit_msg (
        pool, s_twice, &(brood_task_options_t){ .retries = -1 }, &msg));
    assert_int_equal (errno, EINVAL);
    assert_non_null (msg);
    brood_msg_destroy (&msg);
}

static void
s_progress (long done, long total, void *arg)
{
    long *last = arg;
    assert_true (done >= *last && done <= total && total == N);
    *last = done;
}

static void
s_check_map_msg (brood_pool_t *pool)
{
    int errors[N], n;
    long last = 0;
    BROOD_AUTO (msg) items = brood_msg_new ("[]");
    BROOD_AUTO (msg) empty = brood_msg_new ("[]");
    for (int i = 0; i < N; i++)
        assert_int_equal (brood_msg_append (items, "%d", i == 9 ? -9 : i), 0);
    assert_null (brood_pool_map_msg (pool, s_twice, items, NULL));
    s_check_failure ("s_twice", "-9 is negative", 9);
    BROOD_AUTO (msg)
    all = brood_pool_map_msg (pool,
                              s_twice,
                              items,
                              &(brood_map_options_t){ .ret_errors = errors,
                                                      .progress = s_progress,
                                                      .progress_arg = &last });
    assert_int_equal (brood_msg_len (all, ""), N);
    assert_int_equal (last, N);
    brood_iter_t it = brood_msg_iter (all, "");
    for (int i = 0; i < N; i++) {
        assert_int_equal (errors[i], i == 9 ? EIO : 0);
        if (i == 9)
            assert_int_equal (brood_iter_next (&it, "nil"), 1);
        else {
            assert_int_equal (brood_iter_next (&it, "%d", &n), 1);
            assert_int_equal (n, 2 * i);
        }
    }
    BROOD_AUTO (msg) none = brood_pool_map_msg (pool, s_twice, empty, NULL);
    assert_int_equal (brood_msg_type (none, ""), BROOD_LIST);
    assert_int_equal (brood_msg_len (none, ""), 0);
    BROOD_AUTO (msg) map = brood_msg_new ("{a: 1}");
    assert_null (brood_pool_map_msg (pool, s_twice, map, NULL));
    assert_int_equal (errno, EBADMSG);
}

static void
s_check_imap (brood_pool_t *pool, int order)
{
    int n, rc, seen[N] = { 0 };
    BROOD_AUTO (stream) s = brood_pool_imap (pool, s_twice, order);
    for (int i = 0; i < N; i++)
        assert_int_equal (brood_stream_feed (s, "%d", i == 9 ? -9 : i), 0);
    assert_int_equal (brood_stream_close (s), 0);
    for (int i = 0; (rc = brood_stream_next (s, 30000, "%d", &n)) != 0; i++) {
        const long index = brood_stream_index (s);
        assert_true (index >= 0 && index < N);
        assert_true (order == BROOD_UNORDERED || index == i);
        assert_int_equal (seen[index]++, 0);
        assert_int_equal (rc, index == 9 ? -1 : 1);
        if (rc < 0)
            s_check_failure ("s_twice", "-9 is negative", 9);
        else
            assert_int_equal (n, 2 * index);
    }
    for (int i = 0; i < N; i++)
        assert_int_equal (seen[i], 1);
}

static void
s_check_broadcast (brood_pool_t *pool)
{
    int n;
    BROOD_AUTO (msg) all = brood_pool_broadcast (pool, s_twice, "%d", 4);
    assert_int_equal (brood_msg_len (all, ""), brood_pool_workers (pool));
    brood_iter_t it = brood_msg_iter (all, "");
    while (brood_iter_next (&it, "%d", &n) == 1)
        assert_int_equal (n, 8);
    assert_null (brood_pool_broadcast (pool, s_twice, "%d", -4));
    s_check_failure ("s_twice", "-4 is negative", -1);
}

static void
s_test_messages (void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof s_ways / sizeof *s_ways; i++) {
        BROOD_AUTO (pool) pool = s_pool_new (i);
        s_check_apply (pool);
        s_check_unregistered (pool);
        s_check_task_options (pool);
        s_check_retries (pool);
        s_check_submit_msg (pool);
        s_check_map_msg (pool);
        s_check_imap (pool, BROOD_ORDERED);
        s_check_imap (pool, BROOD_UNORDERED);
        s_check_broadcast (pool);
    }
}

// --- Arrays ----------------------------------------------------------------

static void
s_check_squares (const long *y)
{
    for (int i = 0; i < N; i++)
        assert_int_equal (y[i], (long) i * i);
}

static void
s_check_map (brood_pool_t *pool, const int *x, long *y)
{
    static const size_t chunks[] = { 1, 7, N, 2 * N };
    assert_int_equal (brood_pool_map (pool, s_square, x, y, N), 0);
    s_check_squares (y);
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        memset (y, 0, N * sizeof *y);
        assert_int_equal (
            brood_pool_map_with (pool,
                                 s_square,
                                 x,
                                 y,
                                 N,
                                 &(brood_map_options_t){ .chunk = chunks[i] }),
            0);
        s_check_squares (y);
    }
}

// in and out are one array.
static void
s_check_in_place (brood_pool_t *pool, long *y)
{
    for (int round = 0; round < 3; round++)
        assert_int_equal (brood_pool_map (pool, s_increment, y, y, N), 0);
    for (int i = 0; i < N; i++)
        assert_int_equal (y[i], (long) i * i + 3);
}

static void
s_check_map_options (brood_pool_t *pool, const int *x, long *y)
{
    int errors[N];
    double halves[N];
    const s_line_t line = { 3, 40 };
    memset (errors, 1, sizeof errors);
    assert_int_equal (brood_pool_map_with (
                          pool,
                          s_on_line,
                          x,
                          y,
                          N,
                          &(brood_map_options_t){ .arg = &line,
                                                  .arg_size_bytes = sizeof line,
                                                  .ret_errors = errors }),
                      0);
    for (int i = 0; i < N; i++) {
        assert_int_equal (y[i], 3 * i + 40);
        assert_int_equal (errors[i], 0);
    }
    assert_int_equal (
        brood_pool_map_with (
            pool,
            s_square,
            x,
            y,
            N,
            &(brood_map_options_t){
                .task = &(brood_task_options_t){ .retries = 1 } }),
        0);
    s_check_squares (y);
    // Not registered: nobody knows its sizes, so the caller's count.
    assert_int_equal (brood_pool_map (pool, s_half, x, halves, N), 0);
    for (int i = 0; i < N; i++)
        assert_true (halves[i] * 2 == i);
}

static void
s_check_map_errors (brood_pool_t *pool, int *x, long *y)
{
    int errors[N];
    x[200] = -200;
    x[100] = -100;
    for (int i = 0; i < N; i++)
        y[i] = -7;
    assert_int_equal (brood_pool_map (pool, s_square, x, y, N), -1);
    s_check_failure ("s_square", "-100 is negative", 100);
    assert_int_equal (
        brood_pool_map_with (pool,
                             s_square,
                             x,
                             y,
                             N,
                             &(brood_map_options_t){ .ret_errors = errors }),
        -1);
    s_check_failure ("s_square", "-100 is negative", 100);
    for (int i = 0; i < N; i++) {
        const int bad = i == 100 || i == 200;
        assert_int_equal (errors[i], bad ? EIO : 0);
        assert_int_equal (y[i], bad ? -7 : (long) i * i);
    }
    x[100] = 100;
    x[200] = 200;
}

static void
s_check_stop_at_error (brood_pool_t *pool, const int *x, long *y)
{
    int errors[N], cancelled = 0;
    const brood_map_options_t options = { .chunk = 1,
                                          .ret_errors = errors,
                                          .stop_at_error = 1 };
    assert_int_equal (
        brood_pool_map_with (pool, s_first_fails, x, y, N, &options), -1);
    assert_int_equal (errno, EIO);
    for (int i = 0; i < N; i++)
        cancelled += errors[i] == ECANCELED;
    assert_int_equal (errors[0], EIO);
    // One each is all that the workers can have begun.
    assert_true (cancelled >= N - brood_pool_workers (pool));

    BROOD_AUTO (msg) items = brood_msg_new ("[]");
    for (int i = 0; i < N; i++)
        assert_int_equal (brood_msg_append (items, "%d", i), 0);
    BROOD_AUTO (msg)
    all = brood_pool_map_msg (pool, s_first_task_fails, items, &options);
    assert_int_equal (brood_msg_len (all, ""), N);
    assert_int_equal (errors[0], EIO);
    cancelled = 0;
    for (int i = 0; i < N; i++)
        cancelled += errors[i] == ECANCELED;
    assert_true (cancelled >= N - brood_pool_workers (pool));
}

static void
s_check_async (brood_pool_t *pool, int *x, long *y)
{
    long z[N];
    memset (y, 0, N * sizeof *y);
    BROOD_AUTO (future) a = brood_pool_map_async (pool, s_square, x, y, N);
    BROOD_AUTO (future) b = brood_pool_map_async (pool, s_square, x, z, N);
    BROOD_AUTO (future) none = brood_pool_map_async (pool, s_square, x, y, 0);
    assert_int_equal (brood_future_get (a, 30000, "nil"), 0);
    assert_int_equal (brood_future_get (b, 30000, "nil"), 0);
    assert_int_equal (brood_future_get (none, 30000, "nil"), 0);
    s_check_squares (y);
    s_check_squares (z);
    x[7] = -7;
    BROOD_AUTO (future) bad = brood_pool_map_async (pool, s_square, x, y, N);
    assert_int_equal (brood_future_wait (bad, 30000), 0);
    assert_null (brood_future_result (bad, 0));
    s_check_failure ("s_square", "-7 is negative", 7);
    assert_non_null (strstr (brood_future_error (bad), "-7 is negative"));
    x[7] = 7;
}

static void
s_check_each (brood_pool_t *pool, const int *x)
{
    atomic_store (s_sum, 0);
    assert_int_equal (brood_pool_each (pool, s_add, x, N), 0);
    assert_int_equal (atomic_load (s_sum), (long) N * (N - 1) / 2);
}

static void
s_check_counts (brood_pool_t *pool, const int *x, long *y)
{
    char small[N] = { 0 };
    assert_int_equal (brood_pool_map (pool, s_square, x, y, 0), 0);
    assert_int_equal (
        brood_pool_map_sized (pool, s_square, NULL, 4, NULL, 8, 0, NULL), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (
        brood_pool_map_sized (pool, s_half, NULL, 4, NULL, 0, 0, NULL), 0);
    assert_int_equal (brood_pool_map (pool, s_square, x, y, SIZE_MAX), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_pool_map (pool, s_square, x, y, SIZE_MAX / 4), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_pool_map (pool, s_square, small, y, N), -1);
    assert_int_equal (errno, EINVAL);
    assert_non_null (strstr (brood_error (), "s_square"));
    assert_int_equal (brood_pool_map (pool, s_square, x, small, N), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_pool_each (pool, s_square, x, N), -1);
    assert_int_equal (errno, EINVAL);
    assert_null (brood_pool_map_async (pool, s_square, small, y, N));
    assert_int_equal (errno, EINVAL);
}

static void
s_test_arrays (void **state)
{
    (void) state;
    static int plain_in[N];
    static long plain_out[N];
    BROOD_AUTO (array) in = brood_array_new (BROOD_INT, N);
    BROOD_AUTO (array) out = brood_array_new (BROOD_LONG, N);
    int *const ins[] = { plain_in, brood_array_ptr (in) };
    long *const outs[] = { plain_out, brood_array_ptr (out) };
    for (int i = 0; i < N; i++)
        ins[0][i] = ins[1][i] = i;
    for (size_t i = 0; i < sizeof s_ways / sizeof *s_ways; i++) {
        BROOD_AUTO (pool) pool = s_pool_new (i);
        // Plain and shared, and one of each.
        for (int way = 0; way < 4; way++) {
            int *x = ins[way & 1];
            long *y = outs[way >> 1];
            s_check_map (pool, x, y);
            s_check_in_place (pool, y);
            s_check_map_options (pool, x, y);
            s_check_map_errors (pool, x, y);
            s_check_stop_at_error (pool, x, y);
            s_check_async (pool, x, y);
            s_check_each (pool, x);
            s_check_counts (pool, x, y);
        }
    }
}

// --- What only processes can do --------------------------------------------

static void
s_check_map_timeout (size_t way)
{
    int x[N] = { 0 }, errors[N];
    long y[N], last = 0;
    const brood_map_options_t options = { .timeout_ms = 50,
                                          .ret_errors = errors,
                                          .progress = s_progress,
                                          .progress_arg = &last,
                                          .chunk = 1 };
    BROOD_AUTO (pool) pool = s_pool_new (way);
    assert_int_equal (
        brood_pool_map_with (pool, s_mapper_until_told, x, y, N, &options), -1);
    assert_int_equal (errno, ETIMEDOUT);
    for (int i = 2; i < N; i++)
        assert_int_equal (errors[i], ETIMEDOUT);
    BROOD_AUTO (msg) items = brood_msg_new ("[]");
    for (int i = 0; i < N; i++)
        assert_int_equal (brood_msg_append (items, "%d", i), 0);
    last = 0;
    BROOD_AUTO (msg)
    all = brood_pool_map_msg (pool, s_until_told, items, &options);
    assert_int_equal (brood_msg_len (all, ""), N);
    for (int i = 2; i < N; i++)
        assert_int_equal (errors[i], ETIMEDOUT);
    s_check_apply (pool);
}

static void
s_test_map_timeout (void **state)
{
    (void) state;
    s_check_map_timeout (0);
    s_check_map_timeout (3);
}

// One that nobody waits for is cancelled through its future.
static void
s_check_async_cancel (size_t way)
{
    int x[N] = { 0 };
    long y[N];
    BROOD_AUTO (pool) pool = s_pool_new (way);
    BROOD_AUTO (future)
    f = brood_pool_map_async (pool, s_mapper_until_told, x, y, N);
    assert_int_equal (brood_future_done (f), 0);
    (void) brood_future_cancel (f);
    assert_null (brood_future_result (f, 30000));
    assert_int_equal (errno, ECANCELED);
    assert_int_equal (brood_future_cancelled (f), 1);
    s_check_apply (pool);
}

static void
s_test_async_cancel (void **state)
{
    (void) state;
    s_check_async_cancel (0);
    s_check_async_cancel (3);
}

// Code that came after the workers were made is not in them.
static void
s_test_loaded_later (void **state)
{
    (void) state;
    static const char *const libraries[][2] = {
        { "libcrypt.so.1", "crypt" },
        { "liblzma.so.5", "lzma_version_number" },
        { "libbz2.so.1.0", "BZ2_bzlibVersion" },
    };
    void *library = NULL, *symbol = NULL;
    brood_task_fn *fn;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    for (size_t i = 0; i < 3 && !symbol; i++) {
        if (dlopen (libraries[i][0], RTLD_NOW | RTLD_NOLOAD))
            continue;
        library = dlopen (libraries[i][0], RTLD_NOW);
        symbol = library ? dlsym (library, libraries[i][1]) : NULL;
    }
    if (!symbol)
        skip ();
    memcpy (&fn, &symbol, sizeof fn);
    assert_null (brood_pool_submit (pool, fn, "nil"));
    assert_int_equal (errno, EINVAL);
    assert_non_null (strstr (brood_error (), "loaded after"));
    assert_null (brood_pool_apply (pool, fn, "nil"));
    assert_int_equal (errno, EINVAL);
    assert_null (brood_pool_imap (pool, fn, BROOD_ORDERED));
    assert_int_equal (errno, EINVAL);
    s_check_apply (pool);
    dlclose (library);
}

// A place by the name it has in a file.
static void
s_test_named_place (void **state)
{
    char path[] = "/tmp/brood-places.XXXXXX";
    (void) state;
    const int fd = mkstemp (path);
    assert_true (fd >= 0);
    assert_true (dprintf (fd, "far = local:2?hosts=1\nhere = local:2\n") > 0);
    close (fd);
    setenv ("BROOD_PLACES", path, 1);
    for (int far = 0; far < 2; far++) {
        BROOD_AUTO (pool) pool = brood_pool_new (far ? "@far" : "@here");
        assert_non_null (pool);
        assert_int_equal (brood_pool_workers (pool), 2);
        s_check_apply (pool);
    }
    assert_null (brood_pool_new ("@nowhere"));
    assert_int_equal (errno, ENOENT);
    assert_non_null (strstr (brood_error (), path));
    unsetenv ("BROOD_PLACES");
    unlink (path);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_messages),
        cmocka_unit_test (s_test_arrays),
        cmocka_unit_test (s_test_map_timeout),
        cmocka_unit_test (s_test_async_cancel),
        cmocka_unit_test (s_test_loaded_later),
        cmocka_unit_test (s_test_named_place),
    };
    t_watchdog (110);
    if (brood_init (&argc, &argv) < 0)
        return brood_perror (argv[0]);
    BROOD_AUTO (array) sum = brood_array_new (BROOD_LONG, 1);
    s_sum = brood_array_ptr (sum);
    return s_sum ? cmocka_run_group_tests (tests, NULL, NULL)
                 : brood_perror (argv[0]);
}
