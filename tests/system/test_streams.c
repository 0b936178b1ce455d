// test_streams.c - items in, results out, and never more than a window between
//
// SPDX-License-Identifier: MPL-2.0
//
// How far a feeder or a source may run ahead is read from counters in shared
// memory. BROOD_STREAM_UNREAD_MAX is a million results: with an inline pool
// that many are made in a second or two, and without a sanitizer's cost.

#include "t.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <brood.h>

enum {
    N = 400,
    WINDOW = 6
};

static struct {
    _Atomic int go;
    _Atomic int started;
    _Atomic int runs;
} * s_shared;

static int
s_setup (void **state)
{
    (void) state;
    memset (s_shared, 0, sizeof *s_shared);
    return 0;
}

static int
s_twice (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0 || n < 0)
        return brood_task_fail (task, "wanted a number");
    atomic_fetch_add (&s_shared->runs, 1);
    return brood_msg_pack (out, "%d", 2 * n);
}
BROOD_TASK (s_twice);

static int
s_held (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return -1;
    atomic_fetch_add (&s_shared->started, 1);
    while (!atomic_load (&s_shared->go) && !brood_task_cancelled (task))
        usleep (300);
    return brood_msg_pack (out, "%d", 2 * n);
}
BROOD_TASK (s_held);

// Only the first item waits to be released.
static int
s_first_held (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return -1;
    return n == 0 ? s_held (task, in, out) : s_twice (task, in, out);
}
BROOD_TASK (s_first_held);

static void
s_await_started (int n)
{
    while (atomic_load (&s_shared->started) < n)
        (void) brood_dispatch (1);
}

// --- Sources ---------------------------------------------------------------

typedef struct {
    int given;
    int end;  // -1: none
    int error;
} s_source_t;

static int
s_pull (brood_msg_t *item, void *arg)
{
    s_source_t *self = arg;
    if (self->given == self->end) {
        errno = self->error;
        return self->error ? -1 : 0;
    }
    return brood_msg_pack (item, "%d", self->given++) < 0 ? -1 : 1;
}

// Any number of items may be to come: what was asked of the source is never
// further ahead of the reader than the window.
static void
s_check_endless (const char *spec, int order)
{
    int n, seen[N + WINDOW] = { 0 };
    s_source_t source = { .end = -1 };
    BROOD_AUTO (pool) pool = brood_pool_new (spec);
    BROOD_AUTO (stream)
    s = brood_pool_imap_from (pool,
                              s_twice,
                              s_pull,
                              &source,
                              order,
                              &(brood_map_options_t){ .window = WINDOW });
    assert_int_equal (source.given, 0);
    for (int i = 0; i < N; i++) {
        assert_int_equal (brood_stream_next (s, -1, "%d", &n), 1);
        const long index = brood_stream_index (s);
        assert_true (source.given <= i + WINDOW);
        assert_int_equal (n, 2 * index);
        assert_true (order == BROOD_UNORDERED || index == i);
        assert_int_equal (seen[index]++, 0);
    }
    assert_true (atomic_load (&s_shared->runs) <= N + WINDOW);
    assert_int_equal (brood_stream_cancel (s), 0);
    int got, left = 0;
    while ((got = brood_stream_next (s, -1, "%d", &n)) == 1)
        left++;
    assert_int_equal (got, 0);
    assert_true (left <= WINDOW);
}

static void
s_test_endless (void **state)
{
    (void) state;
    s_check_endless ("local:2", BROOD_ORDERED);
    s_setup (NULL);
    s_check_endless ("local:2", BROOD_UNORDERED);
    s_setup (NULL);
    s_check_endless ("threads:2", BROOD_ORDERED);
    s_setup (NULL);
    s_check_endless ("threads:2", BROOD_UNORDERED);
    s_setup (NULL);
    s_check_endless ("inline", BROOD_ORDERED);
    s_setup (NULL);
    s_check_endless ("inline", BROOD_UNORDERED);
}

// Without a window given it is small all the same.
static void
s_test_default_window (void **state)
{
    (void) state;
    int n;
    s_source_t source = { .end = -1 };
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    BROOD_AUTO (stream)
    s = brood_pool_imap_from (
        pool, s_twice, s_pull, &source, BROOD_ORDERED, NULL);
    for (int i = 0; i < 5000; i++) {
        assert_int_equal (brood_stream_next (s, -1, "%d", &n), 1);
        assert_int_equal (n, 2 * i);
        assert_true (source.given <= i + 2 * 64 + 1);
    }
}

// The head is held up: results behind it wait, in their order.
static void
s_test_held_head (void **state)
{
    (void) state;
    int n;
    s_source_t source = { .end = WINDOW };
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    BROOD_AUTO (stream)
    ordered = brood_pool_imap_from (
        pool, s_first_held, s_pull, &source, BROOD_ORDERED, NULL);
    assert_int_equal (brood_stream_next (ordered, 30, "%d", &n), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (brood_stream_next (ordered, 0, "%d", &n), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (brood_stream_index (ordered), -1);
    // Unordered, the others do not wait for it.
    s_source_t same = { .end = WINDOW };
    BROOD_AUTO (stream)
    unordered = brood_pool_imap_from (
        pool, s_twice, s_pull, &same, BROOD_UNORDERED, NULL);
    for (int i = 0; i < WINDOW; i++)
        assert_int_equal (brood_stream_next (unordered, -1, "%d", &n), 1);
    assert_int_equal (brood_stream_next (unordered, -1, "%d", &n), 0);
    assert_int_equal (brood_stream_next (ordered, 0, "%d", &n), -1);
    atomic_store (&s_shared->go, 1);
    for (int i = 0; i < WINDOW; i++) {
        assert_int_equal (brood_stream_next (ordered, -1, "%d", &n), 1);
        assert_int_equal (n, 2 * i);
        assert_int_equal (brood_stream_index (ordered), i);
    }
    assert_int_equal (brood_stream_next (ordered, -1, "%d", &n), 0);
    assert_int_equal (brood_stream_next (ordered, -1, "%d", &n), 0);
}

static void
s_test_unordered_passes (void **state)
{
    (void) state;
    int n;
    s_source_t source = { .end = N };
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    BROOD_AUTO (stream)
    s = brood_pool_imap_from (
        pool, s_first_held, s_pull, &source, BROOD_UNORDERED, NULL);
    for (int i = 1; i < N; i++) {
        assert_int_equal (brood_stream_next (s, -1, "%d", &n), 1);
        assert_true (brood_stream_index (s) != 0);
    }
    atomic_store (&s_shared->go, 1);
    assert_int_equal (brood_stream_next (s, -1, "%d", &n), 1);
    assert_int_equal (brood_stream_index (s), 0);
    assert_int_equal (brood_stream_next (s, -1, "%d", &n), 0);
}

// A source that fails: what it gave before comes first, then its error, once,
// then the end.
static int
s_pull_fail (brood_msg_t *item, void *arg)
{
    s_source_t *self = arg;
    if (self->given < self->end)
        return s_pull (item, arg);
    brood_msg_t *none = NULL;
    // An error of brood's own is what the reader hears.
    return brood_msg_append (none, "%d", 1);
}

static void
s_test_source_error (void **state)
{
    (void) state;
    int n;
    static const char *const specs[] = { "local:2", "inline" };
    for (int way = 0; way < 4; way++) {
        s_source_t source = { .end = 20, .error = EIO };
        BROOD_AUTO (pool) pool = brood_pool_new (specs[way & 1]);
        BROOD_AUTO (stream)
        s = brood_pool_imap_from (pool,
                                  s_twice,
                                  way & 2 ? s_pull_fail : s_pull,
                                  &source,
                                  BROOD_ORDERED,
                                  &(brood_map_options_t){ .window = 4 });
        for (int i = 0; i < 20; i++) {
            assert_int_equal (brood_stream_next (s, -1, "%d", &n), 1);
            assert_int_equal (n, 2 * i);
        }
        assert_int_equal (brood_stream_next (s, -1, "%d", &n), -1);
        assert_int_equal (errno, way & 2 ? EINVAL : EIO);
        assert_int_equal (brood_stream_next (s, -1, "%d", &n), 0);
        assert_int_equal (source.given, 20);
    }
}

// --- Feeding ---------------------------------------------------------------

typedef struct {
    brood_stream_t *stream;
    int count;
    _Atomic int fed;
    _Atomic int error;
} s_feeder_t;

static void *
s_feed (void *arg)
{
    s_feeder_t *self = arg;
    for (int i = 0; i < self->count; i++) {
        if (brood_stream_feed (self->stream, "%d", i) < 0) {
            atomic_store (&self->error, errno);
            return NULL;
        }
        atomic_fetch_add (&self->fed, 1);
    }
    (void) brood_stream_close (self->stream);
    return NULL;
}

// A feeder waits at the window until something has ended; nobody reads.
static void
s_test_feed_blocks (void **state)
{
    (void) state;
    pthread_t thread;
    int n;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    BROOD_AUTO (stream)
    s = brood_pool_imap_from (pool,
                              s_held,
                              NULL,
                              NULL,
                              BROOD_ORDERED,
                              &(brood_map_options_t){ .window = WINDOW });
    s_feeder_t feeder = { .stream = s, .count = 50 };
    assert_int_equal (pthread_create (&thread, NULL, s_feed, &feeder), 0);
    s_await_started (2);
    while (atomic_load (&feeder.fed) < WINDOW)
        (void) brood_dispatch (1);
    for (int i = 0; i < 20; i++) {
        (void) brood_dispatch (1);
        assert_int_equal (atomic_load (&feeder.fed), WINDOW);
    }
    atomic_store (&s_shared->go, 1);
    pthread_join (thread, NULL);
    assert_int_equal (atomic_load (&feeder.fed), 50);
    for (int i = 0; i < 50; i++) {
        assert_int_equal (brood_stream_next (s, -1, "%d", &n), 1);
        assert_int_equal (n, 2 * i);
    }
    assert_int_equal (brood_stream_next (s, -1, "%d", &n), 0);
}

static void
s_check_feed_and_read (brood_pool_t *pool, int order)
{
    enum {
        COUNT = 3000
    };
    pthread_t thread;
    static char seen[COUNT];
    int n, got, count = 0;
    memset (seen, 0, sizeof seen);
    BROOD_AUTO (stream) s = brood_pool_imap (pool, s_twice, order);
    s_feeder_t feeder = { .stream = s, .count = COUNT };
    assert_int_equal (pthread_create (&thread, NULL, s_feed, &feeder), 0);
    while ((got = brood_stream_next (s, -1, "%d", &n)) == 1) {
        const long index = brood_stream_index (s);
        assert_true (order == BROOD_UNORDERED || index == count);
        assert_int_equal (n, 2 * index);
        assert_int_equal (seen[index]++, 0);
        count++;
    }
    assert_int_equal (got, 0);
    assert_int_equal (count, COUNT);
    pthread_join (thread, NULL);
}

static void
s_test_two_threads (void **state)
{
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    s_check_feed_and_read (pool, BROOD_ORDERED);
    s_check_feed_and_read (pool, BROOD_UNORDERED);
    BROOD_AUTO (pool) same = brood_pool_new ("inline");
    s_check_feed_and_read (same, BROOD_ORDERED);
}

// A reader that sleeps is woken by another thread's close.
static void *
s_close (void *arg)
{
    usleep (2000);
    (void) brood_stream_close (arg);
    return NULL;
}

static void
s_test_close (void **state)
{
    (void) state;
    int n;
    pthread_t thread;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (stream) s = brood_pool_imap (pool, s_twice, BROOD_ORDERED);
    assert_int_equal (pthread_create (&thread, NULL, s_close, s), 0);
    assert_int_equal (brood_stream_next (s, -1, "%d", &n), 0);
    pthread_join (thread, NULL);
    assert_int_equal (brood_stream_close (s), 0);
    assert_int_equal (brood_stream_close (s), 0);
    assert_int_equal (brood_stream_feed (s, "%d", 1), -1);
    assert_int_equal (errno, EPIPE);
    assert_int_equal (brood_stream_next (s, -1, "%d", &n), 0);
    assert_null (brood_stream_next_msg (s, -1));
    assert_int_equal (errno, ENODATA);
}

// --- Reading ---------------------------------------------------------------

static void
s_test_next (void **state)
{
    (void) state;
    int n = 3;
    char text[8];
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (stream) s = brood_pool_imap (pool, s_twice, BROOD_ORDERED);
    assert_int_equal (brood_stream_index (s), -1);
    for (int i = 0; i < 5; i++)
        assert_int_equal (brood_stream_feed (s, "%d", i == 2 ? -2 : i), 0);
    brood_msg_t *msg = brood_msg_new ("%d", 5);
    assert_int_equal (brood_stream_feed_msg (s, &msg), 0);
    assert_null (msg);
    BROOD_AUTO (msg) first = brood_stream_next_msg (s, -1);
    assert_int_equal (brood_msg_unpack (first, "0"), 0);
    // What does not look like the picture counts as read.
    assert_int_equal (brood_stream_next (s, -1, "%7s", text), -1);
    assert_int_equal (errno, EBADMSG);
    assert_int_equal (brood_stream_index (s), 1);
    assert_int_equal (brood_stream_next (s, -1, "%d", &n), -1);
    assert_int_equal (errno, EIO);
    assert_non_null (strstr (brood_error (), "s_twice"));
    assert_int_equal (brood_stream_index (s), 2);
    for (int i = 3; i < 6; i++) {
        assert_int_equal (brood_stream_next (s, -1, "%d", &n), 1);
        assert_int_equal (n, 2 * i);
    }
    assert_int_equal (brood_stream_next (s, 10, "%d", &n), -1);
    assert_int_equal (errno, ETIMEDOUT);
}

// --- Giving up -------------------------------------------------------------

static void
s_test_cancel (void **state)
{
    (void) state;
    int n, got, count = 0;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (stream)
    s = brood_pool_imap_from (pool,
                              s_held,
                              NULL,
                              NULL,
                              BROOD_ORDERED,
                              &(brood_map_options_t){ .window = 100 });
    for (int i = 0; i < 50; i++)
        assert_int_equal (brood_stream_feed (s, "%d", i), 0);
    s_await_started (1);
    assert_int_equal (brood_stream_cancel (s), 0);
    assert_int_equal (brood_stream_cancel (s), 0);
    while ((got = brood_stream_next (s, -1, "%d", &n)) == 1)
        count++;
    assert_int_equal (got, 0);
    assert_int_equal (count, 1);
    assert_int_equal (atomic_load (&s_shared->started), 1);
    assert_int_equal (brood_stream_feed (s, "%d", 1), -1);
    assert_int_equal (errno, EPIPE);
    BROOD_AUTO (msg) out = brood_pool_apply (pool, s_twice, "%d", 1);
    assert_non_null (out);
}

// Midway, with results unread, items under way and items waiting.
static void
s_test_destroy (void **state)
{
    (void) state;
    int n;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    for (int round = 0; round < 30; round++) {
        s_source_t source = { .end = -1 };
        brood_stream_t *s =
            round % 3 == 2 ? brood_pool_imap_from (
                pool, s_twice, s_pull, &source, round % 2, NULL)
                           : brood_pool_imap (pool, s_twice, round % 2);
        for (int i = 0; i < 30 && round % 3 != 2; i++)
            assert_int_equal (brood_stream_feed (s, "%d", i), 0);
        for (int i = 0; i < round; i++)
            assert_int_equal (brood_stream_next (s, -1, "%d", &n), 1);
        brood_stream_destroy (&s);
        assert_null (s);
    }
    assert_int_equal (brood_pool_wait (pool, -1), 0);
}

// Unread results have a limit; behind it reading makes room again.
static void
s_test_unread_max (void **state)
{
    (void) state;
    int n;
    BROOD_AUTO (pool) pool = brood_pool_new ("inline");
    BROOD_AUTO (stream) s = brood_pool_imap (pool, s_twice, BROOD_UNORDERED);
    for (int i = 0; i < BROOD_STREAM_UNREAD_MAX; i++) {
        if (brood_stream_feed (s, "%d", i) < 0)
            fail_msg ("%d: %s", i, brood_error ());
    }
    assert_int_equal (brood_stream_feed (s, "%d", 1), -1);
    assert_int_equal (errno, ENOSPC);
    assert_int_equal (brood_stream_next (s, -1, "%d", &n), 1);
    assert_int_equal (brood_stream_feed (s, "%d", 1), 0);
    assert_int_equal (brood_stream_feed (s, "%d", 1), -1);
    assert_int_equal (errno, ENOSPC);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup (s_test_endless, s_setup),
        cmocka_unit_test_setup (s_test_default_window, s_setup),
        cmocka_unit_test_setup (s_test_held_head, s_setup),
        cmocka_unit_test_setup (s_test_unordered_passes, s_setup),
        cmocka_unit_test_setup (s_test_source_error, s_setup),
        cmocka_unit_test_setup (s_test_feed_blocks, s_setup),
        cmocka_unit_test_setup (s_test_two_threads, s_setup),
        cmocka_unit_test_setup (s_test_close, s_setup),
        cmocka_unit_test_setup (s_test_next, s_setup),
        cmocka_unit_test_setup (s_test_cancel, s_setup),
        cmocka_unit_test_setup (s_test_destroy, s_setup),
        cmocka_unit_test_setup (s_test_unread_max, s_setup),
    };
    t_watchdog (110);
    if (brood_init (&argc, &argv) < 0)
        return brood_perror (argv[0]);
    BROOD_AUTO (array) shared = brood_array_new_sized (sizeof *s_shared, 1);
    s_shared = brood_array_ptr (shared);
    return s_shared ? cmocka_run_group_tests (tests, NULL, NULL)
                    : brood_perror (argv[0]);
}
