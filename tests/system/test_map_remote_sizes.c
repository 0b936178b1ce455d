// test_map_remote_sizes.c - what is too large for a chunk, or cannot cross
//
// SPDX-License-Identifier: MPL-2.0
//
// As in test_map_remote.c, of pools that are used as if their workers were on
// other hosts.

#include "t.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <brood.h>

#include "base/brd_arena.h"
#include "host/host.h"
#include "workers/worker.h"

enum {
    N = 600
};

// In shared memory, made before any pool.
static struct {
    _Atomic int runs[N];  // How often each item was begun
} * s_shared;

static brood_pool_t *
s_pool_new (const char *spec)
{
    brd_host_pool_pretends = 1;
    brood_pool_t *pool = brood_pool_new (spec);
    brd_host_pool_pretends = 0;
    assert_non_null (pool);
    return pool;
}

BROOD_MAPPER (s_of_two, int, x, long, y)
{
    *y = 2L * *x;
    return 0;
}

static int
s_task (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    (void) task;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return -1;
    return brood_msg_pack (out, "%d", 3 * n);
}
BROOD_TASK (s_task);

// --- Sizes -----------------------------------------------------------------

typedef struct {
    char bytes[3 << 20];
} s_large_t;

BROOD_MAPPER (s_of_large, s_large_t, x, char, y)
{
    *y = (char) (x->bytes[0] + x->bytes[sizeof *x - 1]);
    return 0;
}

BROOD_MAPPER (s_to_large, char, x, s_large_t, y)
{
    memset (y, *x, sizeof *y);
    return 0;
}

typedef struct {
    char bytes[100000];
} s_middle_t;

BROOD_MAPPER (s_middle, s_middle_t, x, s_middle_t, y)
{
    memcpy (y, x, sizeof *y);
    return 0;
}

static long
s_tasks (brood_pool_t *pool)
{
    brood_pool_stats_t stats;
    assert_int_equal (brood_pool_stats (pool, &stats), 0);
    return stats.done;
}

// No more bytes than there should be in one message, but for one item alone.
static void
s_test_sizes (void **state)
{
    enum {
        LARGE = 3,
        MIDDLE = 100
    };
    char y[LARGE];
    (void) state;
    s_large_t *x = calloc (LARGE, sizeof *x);    // lint: a test
    s_middle_t *m = calloc (MIDDLE, sizeof *m);  // lint: a test
    assert_true (x && m);
    BROOD_AUTO (pool) pool = s_pool_new ("local:2");
    for (int i = 0; i < LARGE; i++)
        x[i].bytes[0] = x[i].bytes[sizeof *x - 1] = (char) (i + 1);
    long before = s_tasks (pool);
    assert_int_equal (brood_pool_map (pool, s_of_large, x, y, LARGE), 0);
    assert_int_equal (s_tasks (pool) - before, LARGE);
    for (int i = 0; i < LARGE; i++)
        assert_int_equal (y[i], 2 * (i + 1));
    assert_int_equal (brood_pool_map (pool, s_to_large, y, x, LARGE), 0);
    for (int i = 0; i < LARGE; i++)
        assert_int_equal (x[i].bytes[sizeof *x / 2], 2 * (i + 1));
    for (int i = 0; i < MIDDLE; i++)
        memset (&m[i], i, sizeof *m);
    before = s_tasks (pool);
    // 10 MB, in place.
    assert_int_equal (
        brood_pool_map_with (pool,
                             s_middle,
                             m,
                             m,
                             MIDDLE,
                             &(brood_map_options_t){ .chunk = MIDDLE }),
        0);
    assert_int_equal (s_tasks (pool) - before, MIDDLE / 10);
    for (int i = 0; i < MIDDLE; i++)
        assert_int_equal (m[i].bytes[77777], i);
    free (x);  // lint: a test
    free (m);  // lint: a test
}

static int
s_bytes (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    static char bytes[300000];
    int n;
    (void) task;
    if (brood_msg_unpack (in, "{n: %d}", &n) < 0)
        return -1;
    atomic_fetch_add (&s_shared->runs[n], 1);
    return brood_msg_pack (
        out, "{n: %d, b: <%zu %p>}", n, (size_t) n * 3000, (void *) bytes);
}

// Results that no report has room for: the rest of the chunk is done in others.
static void
s_test_large_results (void **state)
{
    int n, i = 0;
    (void) state;
    BROOD_AUTO (pool) pool = s_pool_new ("local:2");
    BROOD_AUTO (msg) items = brood_msg_new ("[]");
    for (int j = 0; j < 100; j++)
        assert_int_equal (brood_msg_append (items, "{n: %d}", j), 0);
    const long before = s_tasks (pool);
    BROOD_AUTO (msg)
    all = brood_pool_map_msg (
        pool, s_bytes, items, &(brood_map_options_t){ .chunk = 100 });
    assert_int_equal (brood_msg_len (all, ""), 100);
    // 15 MB of results.
    assert_true (s_tasks (pool) - before >= 10);
    brood_iter_t it = brood_msg_iter (all, "");
    while (brood_iter_next (&it, "{n: %d}", &n) == 1) {
        assert_int_equal (n, i);
        assert_int_equal (atomic_load (&s_shared->runs[i++]), 1);
    }
    assert_int_equal (i, 100);
}

// --- What cannot cross -----------------------------------------------------

// Whether its message lies in what it shares with the owner here.
static int
s_is_shared (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    size_t size;
    const void *bytes = brood_msg_bytes (in, &size);
    return brood_msg_pack (
        out, "%d", brd_arena_holds (task->worker->setup->arena, bytes, size));
}
BROOD_TASK (s_is_shared);

static void
s_test_large_message (void **state)
{
    static char bytes[1 << 20];
    (void) state;
    for (int remote = 0; remote < 2; remote++) {
        int shared = -1;
        BROOD_AUTO (pool)
        pool = remote ? s_pool_new ("local:1") : brood_pool_new ("local:1");
        BROOD_AUTO (msg)
        out = brood_pool_apply (
            pool, s_is_shared, "<%zu %p>", sizeof bytes, (void *) bytes);
        assert_int_equal (brood_msg_unpack (out, "%d", &shared), 0);
        assert_int_equal (shared, !remote);
    }
}

static void
s_check_refused (const void *result)
{
    assert_null (result);
    assert_int_equal (errno, ENOTSUP);
    assert_non_null (strstr (brood_error (), "ref of a queue"));
    assert_non_null (strstr (brood_error (), "other hosts"));
}

static void
s_test_refs (void **state)
{
    (void) state;
    BROOD_AUTO (pool) pool = s_pool_new ("local:2");
    BROOD_AUTO (queue) q = brood_queue_new (0);
    assert_non_null (q);
    BROOD_AUTO (msg)
    items = brood_msg_new ("[1, {a: [%s, @%p]}]", "x", brood_ref (q));
    BROOD_AUTO (msg) one = brood_msg_new ("{q: @%p}", brood_ref (q));
    BROOD_AUTO (stream) s = brood_pool_imap (pool, s_task, BROOD_ORDERED);
    s_check_refused (brood_pool_submit (pool, s_task, "@%p", brood_ref (q)));
    s_check_refused (
        brood_pool_apply (pool, s_task, "[1, @%p]", brood_ref (q)));
    s_check_refused (brood_pool_submit_msg (pool, s_task, NULL, &one));
    assert_non_null (one);
    s_check_refused (brood_pool_map_msg (pool, s_task, items, NULL));
    s_check_refused (
        brood_pool_broadcast (pool, s_task, "[1, @%p]", brood_ref (q)));
    assert_int_equal (brood_stream_feed (s, "@%p", brood_ref (q)), -1);
    s_check_refused (NULL);
    // The stream goes on without it.
    int n = 0;
    assert_int_equal (brood_stream_feed (s, "%d", 4), 0);
    assert_int_equal (brood_stream_next (s, 30000, "%d", &n), 1);
    assert_int_equal (n, 12);
}

static void
s_test_bare_arg (void **state)
{
    int x[N], errors[N];
    long y[N];
    (void) state;
    BROOD_AUTO (pool) pool = s_pool_new ("local:2");
    memset (x, 0, sizeof x);
    const brood_map_options_t options = { .arg = x, .ret_errors = errors };
    assert_int_equal (brood_pool_map_with (pool, s_of_two, x, y, N, &options),
                      -1);
    assert_int_equal (errno, EINVAL);
    assert_non_null (strstr (brood_error (), "arg_size_bytes"));
    for (int i = 0; i < N; i++)
        assert_int_equal (errors[i], EINVAL);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_sizes),
        cmocka_unit_test (s_test_large_results),
        cmocka_unit_test (s_test_large_message),
        cmocka_unit_test (s_test_refs),
        cmocka_unit_test (s_test_bare_arg),
    };
    t_watchdog (110);
    s_shared = t_share (sizeof *s_shared);
    if (brood_init (&argc, &argv) < 0)
        return brood_perror (argv[0]);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
