// test_bad_calls.c - what must not be done is refused, and harms nobody
//
// SPDX-License-Identifier: MPL-2.0
//
// NULL and wrong handles, options out of range, pictures that lie, handles of
// the owner inside a worker, payloads too deep, too large or empty.

#include "t.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <brood.h>

#define MIB ((size_t) 1024 * 1024)

static int
s_echo (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    return brood_msg_pack (out, "@%p", brood_ref (in));
}
BROOD_TASK (s_echo);

static int
s_fails (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    (void) out;
    if (brood_msg_unpack (in, "{n: %d}", &n) < 0)
        return 7;
    return n == 0 ? -3 : brood_task_fail (task, "n is %d", n);
}
BROOD_TASK (s_fails);

BROOD_MAPPER (s_copy, int, x, int, y)
{
    *y = *x;
    return 0;
}

#define INVALID(call) \
    do { \
        errno = 0; \
        assert_true (!(call)); \
        assert_int_equal (errno, EINVAL); \
        assert_true (brood_error ()[0] != '\0'); \
    } while (0)
#define INVALID_INT(call) \
    do { \
        errno = 0; \
        assert_int_equal ((call), -1); \
        assert_int_equal (errno, EINVAL); \
        assert_true (brood_error ()[0] != '\0'); \
    } while (0)

static void
s_check_usable (brood_pool_t *pool)
{
    BROOD_AUTO (msg) out = brood_pool_apply (pool, s_echo, "[1, %s]", "two");
    assert_int_equal (brood_msg_unpack (out, "[1, \"two\"]"), 0);
}

// --- Handles ---------------------------------------------------------------

// pool is NULL, or something that is no pool.
static void
s_check_no_pool (brood_pool_t *pool)
{
    int x[2] = { 0 };
    brood_pool_stats_t stats;
    brood_msg_t *msg = brood_msg_new ("1");
    BROOD_AUTO (msg) items = brood_msg_new ("[1]");
    INVALID (brood_pool_submit (pool, s_echo, "nil"));
    INVALID (brood_pool_submit_with (pool, s_echo, NULL, "nil"));
    INVALID (brood_pool_submit_msg (pool, s_echo, NULL, &msg));
    INVALID (brood_pool_apply (pool, s_echo, "nil"));
    INVALID (brood_pool_map_msg (pool, s_echo, items, NULL));
    INVALID (brood_pool_imap (pool, s_echo, BROOD_ORDERED));
    INVALID (brood_pool_broadcast (pool, s_echo, "nil"));
    INVALID (brood_pool_map_async (pool, s_copy, x, x, 2));
    INVALID_INT (brood_pool_map (pool, s_copy, x, x, 2));
    INVALID_INT (brood_pool_close (pool));
    INVALID_INT (brood_pool_join (pool, 0));
    INVALID_INT (brood_pool_wait (pool, 0));
    INVALID_INT (brood_pool_shutdown (pool, 0));
    INVALID_INT (brood_pool_terminate (pool));
    INVALID_INT ((int) brood_pool_cancel (pool));
    INVALID_INT (brood_pool_resize (pool, 1));
    INVALID_INT (brood_pool_workers (pool));
    INVALID_INT (brood_pool_stats (pool, &stats));
    assert_non_null (msg);
    brood_msg_destroy (&msg);
}

static void
s_check_no_future (brood_future_t *future)
{
    int n;
    double done;
    INVALID_INT (brood_future_get (future, 0, "%d", &n));
    INVALID (brood_future_result (future, 0));
    INVALID_INT (brood_future_wait (future, 0));
    INVALID_INT (brood_future_next (future, 0, "%d", &n));
    INVALID_INT (brood_future_then (future, NULL, NULL));
    INVALID_INT (brood_future_cancel (future));
    INVALID_INT (brood_future_kill (future, 0));
    INVALID_INT (brood_future_done (future));
    INVALID_INT (brood_future_running (future));
    INVALID_INT (brood_future_cancelled (future));
    INVALID (brood_future_error (future));
    INVALID_INT (brood_future_progress (future, &done, NULL));
    INVALID_INT (brood_future_set_result (future, "1"));
    INVALID_INT (brood_future_set_error (future, "no"));
    if (future) {
        INVALID_INT (brood_future_wait_all (&future, 1, 0, 0));
        INVALID_INT ((int) brood_future_wait_any (&future, 1, 0));
    }
}

static void
s_check_no_stream (brood_stream_t *stream)
{
    int n;
    brood_msg_t *msg = brood_msg_new ("1");
    INVALID_INT (brood_stream_feed (stream, "1"));
    INVALID_INT (brood_stream_feed_msg (stream, &msg));
    INVALID_INT (brood_stream_close (stream));
    INVALID_INT (brood_stream_next (stream, 0, "%d", &n));
    INVALID (brood_stream_next_msg (stream, 0));
    INVALID_INT ((int) brood_stream_index (stream));
    INVALID_INT (brood_stream_cancel (stream));
    assert_non_null (msg);
    brood_msg_destroy (&msg);
}

static void
s_test_handles (void **state)
{
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (msg) msg = brood_msg_new ("1");
    BROOD_AUTO (future) future = brood_pool_submit (pool, s_echo, "nil");
    s_check_no_pool (NULL);
    s_check_no_pool ((brood_pool_t *) (void *) msg);
    s_check_no_pool ((brood_pool_t *) (void *) future);
    s_check_no_future (NULL);
    s_check_no_future ((brood_future_t *) (void *) pool);
    s_check_no_stream (NULL);
    s_check_no_stream ((brood_stream_t *) (void *) future);
    // NULL says why it is NULL.
    brood_pool_t *none = brood_pool_new ("local:none");
    assert_null (none);
    INVALID (brood_pool_submit (none, s_echo, "nil"));
    assert_non_null (strstr (brood_error (), "local:none"));
    errno = 77;
    brood_pool_destroy (&none);
    brood_pool_destroy (NULL);
    brood_future_destroy (NULL);
    brood_stream_destroy (NULL);
    assert_int_equal (errno, 77);
    s_check_usable (pool);
}

// --- Arguments -------------------------------------------------------------

static void
s_test_arguments (void **state)
{
    (void) state;
    int x[4] = { 0 }, n;
    brood_task_fn *no_task = NULL;
    brood_mapper_fn *no_mapper = NULL;
    brood_msg_t *no_msg = NULL;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future) future = brood_pool_submit (pool, s_echo, "%d", 1);
    BROOD_AUTO (stream) stream = brood_pool_imap (pool, s_echo, BROOD_ORDERED);
    INVALID (brood_pool_submit (pool, no_task, "nil"));
    INVALID (brood_pool_submit (pool, s_echo, NULL));
    INVALID (brood_pool_submit_msg (pool, s_echo, NULL, NULL));
    INVALID (brood_pool_submit_msg (pool, s_echo, NULL, &no_msg));
    INVALID (brood_pool_apply (pool, s_echo, NULL));
    INVALID (brood_pool_broadcast (pool, s_echo, NULL));
    INVALID (brood_pool_map_msg (pool, s_echo, NULL, NULL));
    INVALID (brood_pool_imap (pool, no_task, BROOD_ORDERED));
    INVALID (brood_pool_imap (pool, s_echo, 2));
    INVALID (brood_pool_imap (pool, s_echo, -1));
    INVALID_INT (brood_pool_map (pool, no_mapper, x, x, 4));
    INVALID_INT (brood_pool_map_sized (pool, s_copy, NULL, 4, x, 4, 4, NULL));
    INVALID_INT (brood_pool_map_sized (pool, s_copy, x, 0, x, 4, 4, NULL));
    INVALID_INT (brood_pool_map_sized (pool, s_copy, x, 4, x, 0, 4, NULL));
    INVALID_INT (brood_pool_join (pool, -2));
    INVALID_INT (brood_pool_wait (pool, -2));
    INVALID_INT (brood_pool_resize (pool, 0));
    INVALID_INT (brood_pool_resize (pool, -1));
    INVALID_INT (brood_pool_resize (pool, BROOD_POOL_WORKERS_MAX + 1));
    INVALID_INT (brood_pool_stats (pool, NULL));
    INVALID_INT (brood_future_get (future, -2, "%d", &n));
    INVALID_INT (brood_future_get (future, -1, NULL));
    INVALID_INT (brood_future_wait (future, -5));
    INVALID_INT (brood_future_kill (future, -1));
    INVALID_INT (brood_future_then (future, NULL, NULL));
    INVALID_INT (brood_future_wait_all (NULL, 1, -1, 0));
    INVALID_INT ((int) brood_future_wait_any (NULL, 1, -1));
    INVALID_INT (brood_stream_feed (stream, NULL));
    INVALID_INT (brood_stream_feed_msg (stream, NULL));
    INVALID_INT (brood_stream_next (stream, -2, "%d", &n));
    INVALID_INT (brood_stream_next (stream, -1, NULL));
    INVALID_INT ((int) brood_dispatch (-2));
    INVALID (brood_task_current ());
    s_check_usable (pool);
}

static void
s_test_options (void **state)
{
    (void) state;
    static const brood_task_options_t tasks[] = {
        { .retries = -1 },          { .retry_delay_ms = -1 },
        { .timeout_ms = -1 },       { .grace_ms = -1 },
        { .queue_timeout_ms = -1 }, { .priority = -1 },
        { .priority = 10 },         { .retries = INT_MAX },
        { .reserved_ = { 1 } },     { .reserved_ = { [11] = 1 } },
    };
    static const brood_map_options_t maps[] = {
        { .timeout_ms = -1 },  { .arg_size_bytes = 8 }, { .reserved_ = { 1 } },
        { .task = &tasks[0] }, { .task = &tasks[6] },
    };
    static char long_name[BROOD_NAME_SIZE + 1];
    memset (long_name, 'x', BROOD_NAME_SIZE);
    const brood_pool_options_t pools[] = {
        { .workers = -1 },      { .workers = BROOD_POOL_WORKERS_MAX + 1 },
        { .max_tasks = -1 },    { .max_seconds = -1 },
        { .restarts_max = -1 }, { .name = long_name },
        { .reserved_ = { 1 } }, { .reserved_ = { [14] = 1 } },
        { .spec = "local:0" },  { .spec = "nowhere" },
    };
    int x[4] = { 0 };
    BROOD_AUTO (msg) items = brood_msg_new ("[1, 2]");
    for (size_t i = 0; i < sizeof pools / sizeof *pools; i++)
        INVALID (brood_pool_new_with (&pools[i]));
    INVALID (brood_pool_new_with (NULL));
    for (int inside = 0; inside < 2; inside++) {
        BROOD_AUTO (pool) pool = brood_pool_new (inside ? "inline" : "local:1");
        for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
            INVALID (brood_pool_submit_with (pool, s_echo, &tasks[i], "nil"));
        for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
            INVALID_INT (brood_pool_map_with (pool, s_copy, x, x, 4, &maps[i]));
            INVALID (brood_pool_map_msg (pool, s_echo, items, &maps[i]));
            INVALID (brood_pool_imap_from (
                pool, s_echo, NULL, NULL, BROOD_ORDERED, &maps[i]));
        }
        s_check_usable (pool);
    }
}

// Pictures no compiler may see, since it would not let them pass.
static const char *
s_hidden (const char *picture)
{
    const char *volatile hidden = picture;
    return hidden;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"

static void
s_test_pictures (void **state)
{
    (void) state;
    static const char *const bad[] = { "",   "{",       "[1, 2",   "{a 1}",
                                       "%q", "[1,,2]",  "nil nil", "{: 1}",
                                       "%n", "{a: 1}}", "<%zu>",   "@" };
    int n = 5;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future) one = brood_pool_submit (pool, s_echo, "[1, \"x\"]");
    BROOD_AUTO (stream) stream = brood_pool_imap (pool, s_echo, BROOD_ORDERED);
    assert_int_equal (brood_future_wait (one, -1), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        INVALID (brood_pool_submit (pool, s_echo, s_hidden (bad[i])));
        INVALID (brood_pool_apply (pool, s_echo, s_hidden (bad[i])));
        INVALID (brood_pool_broadcast (pool, s_echo, s_hidden (bad[i])));
        INVALID_INT (brood_stream_feed (stream, s_hidden (bad[i])));
        assert_int_equal (brood_future_get (one, 0, s_hidden (bad[i])), -1);
        assert_true (errno == EINVAL || errno == EBADMSG);
    }
    assert_int_equal (brood_future_get (one, 0, "[%d]", &n), -1);
    assert_int_equal (errno, EBADMSG);
    assert_int_equal (brood_future_get (one, 0, "[%d, %d]", &n, &n), -1);
    assert_int_equal (errno, EBADMSG);
    assert_non_null (strstr (brood_error (), "[1]"));
    assert_int_equal (n, 5);
    s_check_usable (pool);
}

#pragma GCC diagnostic pop

// --- Inside a worker -------------------------------------------------------

static struct {
    brood_pool_t *pool;
    brood_future_t *future;
    brood_stream_t *stream;
} s_owners;

#define REFUSED(call) \
    do { \
        errno = 0; \
        if (!(call) || errno != ENOTSUP) \
            return brood_task_fail ( \
                task, "line %d: %s: %d", __LINE__, #call, errno); \
    } while (0)

// Everything the owner has made is out of reach, and says so at once.
static int
s_meddles (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n, x[2] = { 0 };
    brood_pool_stats_t stats;
    brood_pool_t *pool = s_owners.pool;
    brood_future_t *future = s_owners.future;
    brood_stream_t *stream = s_owners.stream;
    (void) in;
    REFUSED (!brood_pool_submit (pool, s_echo, "nil"));
    REFUSED (!brood_pool_apply (pool, s_echo, "nil"));
    REFUSED (brood_pool_map (pool, s_copy, x, x, 2) < 0);
    REFUSED (brood_pool_close (pool) < 0);
    REFUSED (brood_pool_join (pool, 0) < 0);
    REFUSED (brood_pool_wait (pool, 0) < 0);
    REFUSED (brood_pool_terminate (pool) < 0);
    REFUSED (brood_pool_cancel (pool) < 0);
    REFUSED (brood_pool_resize (pool, 1) < 0);
    REFUSED (brood_pool_stats (pool, &stats) < 0);
    REFUSED (brood_future_get (future, -1, "%d", &n) < 0);
    REFUSED (brood_future_wait (future, -1) < 0);
    REFUSED (brood_future_done (future) < 0);
    REFUSED (brood_future_cancel (future) < 0);
    REFUSED (brood_future_wait_all (&future, 1, -1, 0) < 0);
    REFUSED (brood_future_wait_any (&future, 1, -1) < 0);
    REFUSED (brood_stream_feed (stream, "1") < 0);
    REFUSED (brood_stream_next (stream, -1, "%d", &n) < 0);
    REFUSED (brood_stream_close (stream) < 0);
    REFUSED (brood_stream_cancel (stream) < 0);
    // Giving them up is allowed and reaches nobody.
    brood_future_destroy (&future);
    brood_stream_destroy (&stream);
    brood_pool_destroy (&pool);
    return brood_msg_pack (out, "%d", 1);
}
BROOD_TASK (s_meddles);

static void
s_test_in_worker (void **state)
{
    (void) state;
    int n;
    // The second pool's workers have the first pool in their memory.
    BROOD_AUTO (pool) first = brood_pool_new ("local:1");
    BROOD_AUTO (future) future = brood_pool_submit (first, s_echo, "%d", 4);
    BROOD_AUTO (stream) stream = brood_pool_imap (first, s_echo, BROOD_ORDERED);
    assert_int_equal (brood_future_wait (future, -1), 0);
    s_owners.pool = first;
    s_owners.future = future;
    s_owners.stream = stream;
    BROOD_AUTO (pool) second = brood_pool_new ("local:1");
    BROOD_AUTO (future) f = brood_pool_submit (second, s_meddles, "nil");
    if (brood_future_get (f, -1, "%d", &n) < 0)
        fail_msg ("%s", brood_error ());
    assert_int_equal (brood_future_get (future, -1, "%d", &n), 0);
    assert_int_equal (n, 4);
    assert_int_equal (brood_stream_feed (stream, "%d", 3), 0);
    assert_int_equal (brood_stream_next (stream, -1, "%d", &n), 1);
    s_check_usable (first);
}

// In a child of the program's own fork: the same, for everything.
static void
s_test_in_child (void **state)
{
    (void) state;
    int status;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future) future = brood_pool_submit (pool, s_echo, "%d", 4);
    const pid_t pid = fork ();
    if (pid == 0) {
        int n, bad = 0;
        bad += brood_pool_submit (pool, s_echo, "nil") || errno != ENOTSUP;
        bad +=
            brood_future_get (future, -1, "%d", &n) != -1 || errno != ENOTSUP;
        bad += brood_pool_new ("local:1") || errno != ENOTSUP;
        brood_future_destroy (&future);
        brood_pool_destroy (&pool);
        _exit (bad);
    }
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_int_equal (status, 0);
    s_check_usable (pool);
}

// --- Payloads --------------------------------------------------------------

static void
s_test_large (void **state)
{
    (void) state;
    static const size_t sizes[] = {
        0, 1, 63, 64, 65, 4095, 4096, 65536, MIB - 1, MIB, MIB + 1, 64 * MIB
    };
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    unsigned char *bytes = malloc (64 * MIB);
    assert_non_null (bytes);
    for (size_t i = 0; i < 64 * MIB; i++)
        bytes[i] = (unsigned char) (i * 7 + i / 251);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t size = 99;
        void *back = NULL;
        BROOD_AUTO (future)
        f = brood_pool_submit (
            pool, s_echo, "<%zu %p>", sizes[i], (void *) bytes);
        assert_non_null (f);
        assert_int_equal (brood_future_get (f, -1, "<%zu %p>", &size, &back),
                          0);
        assert_int_equal (size, sizes[i]);
        assert_true (size == 0 || memcmp (bytes, back, size) == 0);
    }
    free (bytes);
}

static void
s_test_empty (void **state)
{
    (void) state;
    static const char *const empties[] = { "nil", "[]", "{}", "\"\"" };
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    for (size_t i = 0; i < sizeof empties / sizeof *empties; i++) {
        brood_msg_t *in = brood_msg_new ("[%d]", 0);
        brood_msg_destroy (&in);
        in = brood_msg_new_json (strcmp (empties[i], "nil") == 0 ? "null"
                                                                 : empties[i]);
        BROOD_AUTO (msg) same = brood_msg_dup (in);
        BROOD_AUTO (future) f = brood_pool_submit_msg (pool, s_echo, NULL, &in);
        assert_int_equal (brood_msg_equal (brood_future_result (f, -1), same),
                          1);
    }
}

// Arrays in arrays, up to where a decoder gives up: the packer says no first.
static int
s_deepest (brood_msg_t **ret_msg)
{
    int depth = 1;
    brood_msg_t *msg = brood_msg_new ("[]");
    for (; depth < 1000; depth++) {
        brood_msg_t *outer = brood_msg_new ("[@%p]", brood_ref (msg));
        if (!outer)
            break;
        brood_msg_destroy (&msg);
        msg = outer;
    }
    *ret_msg = msg;
    return depth;
}

static int
s_digs (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    return brood_msg_pack (out, "[@%p]", brood_ref (in));
}
BROOD_TASK (s_digs);

static void
s_test_deep (void **state)
{
    (void) state;
    brood_msg_t *msg;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    const int depth = s_deepest (&msg);
    assert_true (depth > 16 && depth < 1000);
    BROOD_AUTO (msg) same = brood_msg_dup (msg);
    // One more here, and one more there.
    assert_null (brood_pool_submit (pool, s_echo, "[@%p]", brood_ref (same)));
    assert_true (errno == EINVAL || errno == EMSGSIZE || errno == EBADMSG);
    BROOD_AUTO (future) f = brood_pool_submit_msg (pool, s_echo, NULL, &msg);
    assert_int_equal (brood_msg_equal (brood_future_result (f, -1), same), 1);
    BROOD_AUTO (future)
    g = brood_pool_submit (pool, s_digs, "@%p", brood_ref (same));
    assert_null (brood_future_result (g, -1));
    assert_int_equal (errno, EIO);
    assert_non_null (strstr (brood_error (), "s_digs"));
    s_check_usable (pool);
}

// --- What is said ----------------------------------------------------------

static void
s_test_texts (void **state)
{
    (void) state;
    brood_error_info_t info;
    int x[4] = { 0 };
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    assert_null (brood_pool_apply (pool, s_fails, "{n: %d}", 6));
    assert_non_null (strstr (brood_error (), "s_fails"));
    assert_non_null (strstr (brood_error (), "n is 6"));
    // It said nothing: what it returned is said, or brood's own last error.
    assert_null (brood_pool_apply (pool, s_fails, "{n: %d}", 0));
    assert_non_null (strstr (brood_error (), "s_fails"));
    assert_non_null (strstr (brood_error (), "-3"));
    brood_error_info (&info);
    assert_int_equal (info.status, -3);
    assert_null (brood_pool_apply (pool, s_fails, "{m: %d}", 0));
    assert_non_null (strstr (brood_error (), "s_fails"));
    assert_non_null (strstr (brood_error (), ".n"));
    // The wrong sizes name the mapper and both pairs.
    assert_int_equal (brood_pool_map_sized (pool, s_copy, x, 8, x, 4, 2, NULL),
                      -1);
    assert_non_null (strstr (brood_error (), "s_copy"));
    assert_non_null (strstr (brood_error (), "8"));
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_handles),
        cmocka_unit_test (s_test_arguments),
        cmocka_unit_test (s_test_options),
        cmocka_unit_test (s_test_pictures),
        cmocka_unit_test (s_test_in_worker),
        cmocka_unit_test (s_test_in_child),
        cmocka_unit_test (s_test_large),
        cmocka_unit_test (s_test_empty),
        cmocka_unit_test (s_test_deep),
        cmocka_unit_test (s_test_texts),
    };
    t_watchdog (110);
    if (brood_init (&argc, &argv) < 0)
        return brood_perror (argv[0]);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
