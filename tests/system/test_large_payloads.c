// test_large_payloads.c - many bytes there and back, through the arena
//
// SPDX-License-Identifier: MPL-2.0
//
// Arguments and results from 256 KiB on lie in shared memory: they come out as
// they went in on every road, their blocks are given back whatever becomes of
// the task, and where the arena has no room they travel as messages.

#include "t.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <brood.h>

#include "api/brd_runtime.h"

enum {
    LARGE = 3000000,
    HUGE = 64 << 20
};

static const size_t s_sizes[] = { 262100, 262144, 262200, LARGE, HUGE };

static unsigned char *s_bytes;

static void
s_fill (void)
{
    s_bytes = malloc (HUGE);
    assert_non_null (s_bytes);
    for (size_t i = 0; i < HUGE; i++)
        s_bytes[i] = (unsigned char) (i * 7 + i / 251);
}

// The bytes back, from the second on.
static int
s_echo (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    size_t size;
    void *bytes;
    if (brood_msg_unpack (in, "[<%zu %p>]", &size, &bytes) < 0)
        return brood_task_fail (task, "no bytes");
    return brood_msg_pack (
        out, "[<%zu %p>]", size - 1, (void *) ((char *) bytes + 1));
}
BROOD_TASK (s_echo);

static int
s_die (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    (void) out;
    if (brood_task_attempt (task) == 1)
        raise (SIGKILL);
    return s_echo (task, in, out);
}
BROOD_TASK (s_die);

static void
s_check (const void *bytes, size_t size, size_t sent)
{
    assert_int_equal (size, sent - 1);
    assert_int_equal (memcmp (bytes, s_bytes + 1, size), 0);
}

// 1: the result was found in the arena.
static int
s_submit_and_check (brood_pool_t *pool, size_t sent)
{
    size_t size;
    void *bytes;
    BROOD_AUTO (future)
    f = brood_pool_submit (pool, s_echo, "[<%zu %p>]", sent, (void *) s_bytes);
    assert_non_null (f);
    assert_int_equal (brood_future_get (f, 60000, "[<%zu %p>]", &size, &bytes),
                      0);
    s_check (bytes, size, sent);
    return brd_arena_offset (brd_runtime_arena (), bytes) != 0;
}

static size_t
s_used (void)
{
    return brd_arena_used (brd_runtime_arena ());
}

static int
s_is_back (void *arg)
{
    return s_used () <= *(size_t *) arg;
}

static void
s_test_futures (void **state)
{
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    (void) s_submit_and_check (pool, 1000);
    size_t used = s_used ();
    for (size_t i = 0; i < sizeof s_sizes / sizeof *s_sizes; i++)
        assert_int_equal (s_submit_and_check (pool, s_sizes[i]),
                          s_sizes[i] > 262100);
    assert_true (t_eventually (s_is_back, &used, 20));
}

static void
s_test_apply_and_stream (void **state)
{
    (void) state;
    size_t size;
    void *bytes;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    (void) s_submit_and_check (pool, 1000);
    size_t used = s_used ();
    brood_msg_t *answer = brood_pool_apply (
        pool, s_echo, "[<%zu %p>]", (size_t) LARGE, (void *) s_bytes);
    assert_non_null (answer);
    assert_int_equal (brood_msg_unpack (answer, "[<%zu %p>]", &size, &bytes),
                      0);
    s_check (bytes, size, LARGE);
    brood_msg_destroy (&answer);

    brood_stream_t *stream = brood_pool_imap (pool, s_echo, BROOD_ORDERED);
    for (int i = 0; i < 20; i++)
        assert_int_equal (brood_stream_feed (stream,
                                             "[<%zu %p>]",
                                             (size_t) LARGE - (size_t) i,
                                             (void *) s_bytes),
                          0);
    assert_int_equal (brood_stream_close (stream), 0);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal (
            brood_stream_next (stream, 60000, "[<%zu %p>]", &size, &bytes), 1);
        s_check (bytes, size, LARGE - i);
    }
    brood_stream_destroy (&stream);
    assert_true (t_eventually (s_is_back, &used, 20));
}

// A worker that dies with it, a second attempt, a result nobody wants, a pool
// that ends: all blocks come back.
static void
s_test_ends (void **state)
{
    (void) state;
    size_t size;
    void *bytes;
    brood_pool_t *pool = brood_pool_new ("local:2");
    (void) s_submit_and_check (pool, 1000);
    size_t used = s_used ();
    brood_future_t *f = brood_pool_submit (
        pool, s_die, "[<%zu %p>]", (size_t) LARGE, (void *) s_bytes);
    assert_int_equal (brood_future_wait (f, 60000), 0);
    assert_int_equal (brood_future_get (f, 0, "*"), -1);
    assert_int_equal (errno, ECHILD);
    brood_future_destroy (&f);

    f = brood_pool_submit_with (pool,
                                s_die,
                                &(brood_task_options_t){ .retries = 2 },
                                "[<%zu %p>]",
                                (size_t) LARGE,
                                (void *) s_bytes);
    assert_int_equal (brood_future_get (f, 60000, "[<%zu %p>]", &size, &bytes),
                      0);
    s_check (bytes, size, LARGE);
    brood_future_destroy (&f);

    for (int i = 0; i < 20; i++) {
        f = brood_pool_submit (
            pool, s_echo, "[<%zu %p>]", (size_t) LARGE, (void *) s_bytes);
        brood_future_destroy (&f);
    }
    assert_int_equal (brood_pool_wait (pool, 60000), 0);
    assert_true (t_eventually (s_is_back, &used, 20));

    brood_future_t *many[20];
    for (int i = 0; i < 20; i++)
        many[i] = brood_pool_submit (
            pool, s_echo, "[<%zu %p>]", (size_t) LARGE, (void *) s_bytes);
    brood_pool_destroy (&pool);
    for (int i = 0; i < 20; i++)
        brood_future_destroy (&many[i]);
    assert_true (t_eventually (s_is_back, &used, 20));
}

static void
s_test_no_room (void **state)
{
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    (void) s_submit_and_check (pool, 1000);
    brd_arena_t *arena = brd_runtime_arena ();
    void *all =
        brd_arena_alloc (arena,
                         brd_arena_size (arena) - s_used () - 4 * BRD_ARENA_RUN,
                         (uint32_t) getpid (),
                         0);
    assert_non_null (all);
    assert_int_equal (s_submit_and_check (pool, LARGE), 0);
    brd_arena_free (arena, all);
    assert_int_equal (s_submit_and_check (pool, LARGE), 1);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_futures),
        cmocka_unit_test (s_test_apply_and_stream),
        cmocka_unit_test (s_test_ends),
        cmocka_unit_test (s_test_no_room),
    };
    t_watchdog (100);
    s_fill ();
    if (brood_init (&argc, &argv) < 0)
        return 1;
    const int rc = cmocka_run_group_tests (tests, NULL, NULL);
    free (s_bytes);
    return rc;
}
