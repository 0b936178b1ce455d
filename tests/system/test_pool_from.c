// test_pool_from.c - a task gives work to a pool of its owner
//
// SPDX-License-Identifier: MPL-2.0
//
// Every call of a pool through a handle that brood_pool_from () made: in tasks
// of that pool and of others, in pools and owners of every kind, and in the
// process that made it. How things end is in test_pool_from_end.c.

#include "t_guest.h"

#include <pthread.h>

// --- What guests give ------------------------------------------------------

BROOD_MAPPER (s_double, int, x, int, y)
{
    if (*x == 13)
        return -1;
    *y = 2 * *x;
    return 0;
}

BROOD_EACH (s_nothing, int, x)
{
    return *x < 0;
}

static int
s_emit (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return -1;
    for (int i = 0; i < n; i++)
        if (brood_task_emit (task, "%d", i) < 0
            || brood_task_progress (task, i + 1, n) < 0)
            return -1;
    return brood_msg_pack (out, "%d", n);
}

// --- All calls -------------------------------------------------------------

static int
s_use_messages (brood_task_t *task, brood_pool_t *pool)
{
    long x, sum = 0;
    BROOD_AUTO (msg) one = brood_pool_apply (pool, t_square, "%ld", 7L);
    T_SEE (one && brood_msg_unpack (one, "%ld", &x) == 0 && x == 49);
    brood_future_t *f[T_ITEMS];
    for (long i = 0; i < T_ITEMS; i++) {
        f[i] = brood_pool_submit (pool, t_square, "%ld", i);
        T_SEE (f[i]);
    }
    for (long i = 0; i < T_ITEMS; i++) {
        const int rc = brood_future_get (f[i], -1, "%ld", &x);
        if (i == 13) {
            T_SEE (rc < 0 && errno == EIO && strstr (brood_error (), "thirteen")
                   && strstr (brood_error (), "t_square"));
        }
        else {
            T_SEE (rc == 0 && x == i * i);
        }
        brood_future_destroy (&f[i]);
    }
    BROOD_AUTO (msg) items = brood_msg_new ("[]");
    for (long i = 20; i < 20 + T_ITEMS; i++)
        T_SEE (brood_msg_append (items, "%ld", i) == 0);
    BROOD_AUTO (msg) all = brood_pool_map_msg (pool, t_square, items, NULL);
    T_SEE (all && brood_msg_len (all, "") == T_ITEMS);
    BROOD_AUTO (stream) s = brood_pool_imap (pool, t_square, BROOD_UNORDERED);
    T_SEE (s);
    for (long i = 100; i < 100 + T_ITEMS; i++)
        T_SEE (brood_stream_feed (s, "%ld", i) == 0);
    T_SEE (brood_stream_close (s) == 0);
    for (int i = 0; i < T_ITEMS; i++, sum += x)
        T_SEE (brood_stream_next (s, -1, "%ld", &x) == 1);
    T_SEE (brood_stream_next (s, -1, "%ld", &x) == 0);
    for (long i = 100; i < 100 + T_ITEMS; i++)
        sum -= i * i;
    T_SEE (sum == 0);
    return 0;
}

static void
s_tell (brood_future_t *future, void *arg)
{
    (void) future;
    *(int *) arg = 1;
}

static int
s_use_notes (brood_task_t *task, brood_pool_t *pool)
{
    enum {
        EMITS = 100
    };
    int x, told = 0;
    double done, total;
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_emit, "%d", EMITS);
    T_SEE (f && brood_future_then (f, s_tell, &told) == 0);
    for (int i = 0; i < EMITS; i++)
        T_SEE (brood_future_next (f, -1, "%d", &x) == 1 && x == i);
    T_SEE (brood_future_next (f, -1, "%d", &x) == 0);
    T_SEE (brood_future_get (f, -1, "%d", &x) == 0 && x == EMITS);
    T_SEE (brood_future_progress (f, &done, &total) == 0 && total == EMITS);
    T_SEE (brood_pool_shutdown (pool, -1) == 0 && told);
    return 0;
}

static int
s_use_arrays (brood_task_t *task, brood_pool_t *pool)
{
    int in[T_ITEMS], out[T_ITEMS], errors[T_ITEMS];
    for (int i = 0; i < T_ITEMS; i++)
        in[i] = 100 + i;
    T_SEE (brood_pool_map (pool, s_double, in, out, T_ITEMS) == 0);
    for (int i = 0; i < T_ITEMS; i++)
        T_SEE (out[i] == 200 + 2 * i);
    T_SEE (brood_pool_each (pool, s_nothing, in, T_ITEMS) == 0);
    BROOD_AUTO (array) array = brood_array_new (BROOD_INT, T_ITEMS);
    int *a = brood_array_ptr (array);
    T_SEE (a);
    for (int i = 0; i < T_ITEMS; i++)
        a[i] = i;
    T_SEE (brood_pool_map_with (pool,
                                s_double,
                                a,
                                a,
                                T_ITEMS,
                                &(brood_map_options_t){ .ret_errors = errors })
               < 0
           && errno == EIO && strstr (brood_error (), "item 13"));
    for (int i = 0; i < T_ITEMS; i++) {
        T_SEE (a[i] == (i == 13 ? 13 : 2 * i));
        T_SEE (errors[i] == (i == 13 ? EIO : 0));
    }
    BROOD_AUTO (future)
    f = brood_pool_map_async (pool, s_double, in, out, T_ITEMS);
    T_SEE (f && brood_future_wait (f, -1) == 0);
    return 0;
}

// The work is done by workers of that pool, and not by this one.
static int
s_use_workers (brood_task_t *task, brood_pool_t *pool, int parent)
{
    int pid, of;
    brood_pool_stats_t stats;
    BROOD_AUTO (msg) one = brood_pool_apply (pool, t_parent, "nil");
    T_SEE (one && brood_msg_unpack (one, "[%d, %d]", &pid, &of) == 0);
    T_SEE (pid != (int) getpid () && of == parent);
    T_SEE (brood_pool_workers (pool) == 3);
    T_SEE (brood_pool_stats (pool, &stats) == 0 && stats.workers == 3
           && stats.done == 1);
    T_SEE (brood_pool_wait (pool, -1) == 0);
    T_SEE (brood_pool_resize (pool, 2) < 0 && errno == ENOTSUP);
    T_SEE (!brood_pool_broadcast (pool, t_parent, "nil") && errno == ENOTSUP);
    return 0;
}

static int
s_guest (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    int parent;
    (void) out;
    T_SEE (brood_msg_unpack (in, "[@%p, %d]", &ref, &parent) == 0);
    BROOD_AUTO (pool) pool = brood_pool_from (ref);
    T_SEE (pool);
    if (s_use_workers (task, pool, parent) < 0
        || s_use_messages (task, pool) < 0 || s_use_arrays (task, pool) < 0)
        return -1;
    return s_use_notes (task, pool);
}
BROOD_TASK (s_guest);

static void
s_test_own_pool (void **state)
{
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("3");
    t_expect (pool, s_guest, pool);
}

static void
s_test_another_pool (void **state)
{
    (void) state;
    BROOD_AUTO (pool) at = brood_pool_new ("1");
    BROOD_AUTO (pool) to = brood_pool_new ("3");
    t_expect (at, s_guest, to);
}

// --- Tasks that wait for tasks of their own pool ---------------------------

static int
s_deep (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    int depth, below;
    T_SEE (brood_msg_unpack (in, "[@%p, %d]", &ref, &depth) == 0);
    if (depth == 0)
        return brood_msg_pack (out, "0");
    BROOD_AUTO (pool) pool = brood_pool_from (ref);
    T_SEE (pool);
    BROOD_AUTO (msg)
    got = brood_pool_apply (
        pool, s_deep, "[@%p, %d]", brood_ref (pool), depth - 1);
    T_SEE (got && brood_msg_unpack (got, "%d", &below) == 0);
    return brood_msg_pack (out, "%d", below + 1);
}
BROOD_TASK (s_deep);

static int
s_has_one_worker (void *pool)
{
    brood_pool_stats_t stats;
    return brood_pool_stats (pool, &stats) == 0 && stats.workers == 1;
}

static void
s_test_one_worker (void **state)
{
    enum {
        DEPTH = 6
    };
    int depth;
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("1");
    for (int i = 0; i < 2; i++) {
        BROOD_AUTO (msg)
        got = brood_pool_apply (
            pool, s_deep, "[@%p, %d]", brood_ref (pool), DEPTH);
        if (!got)
            fail_msg ("%s", brood_error ());
        assert_int_equal (brood_msg_unpack (got, "%d", &depth), 0);
        assert_int_equal (depth, DEPTH);
    }
    // Those that were lent leave again.
    assert_true (t_eventually (s_has_one_worker, pool, 20));
    assert_int_equal (brood_pool_workers (pool), 1);
}

// Left open when the task ends.
static brood_pool_t *s_kept;

static int
s_keep (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    (void) out;
    T_SEE (brood_msg_unpack (in, "@%p", &ref) == 0);
    s_kept = brood_pool_from (ref);
    BROOD_AUTO (msg) got = brood_pool_apply (s_kept, t_square, "%ld", 2L);
    T_SEE (got);
    return 0;
}
BROOD_TASK (s_keep);

// What was lent leaves though the handle stays, and nobody waits for anything.
static void
s_test_kept (void **state)
{
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("1");
    const int before = t_marked (NULL, 0);
    BROOD_AUTO (msg)
    done = brood_pool_apply (pool, s_keep, "@%p", brood_ref (pool));
    if (!done)
        fail_msg ("%s", brood_error ());
    assert_int_equal (t_marked (NULL, 0), before + 1);
    assert_int_equal (t_marked_wait (before, 20), 0);
}

static void
s_test_many (void **state)
{
    enum {
        GUESTS = 40
    };
    int depth;
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("4");
    brood_future_t *f[GUESTS];
    for (int i = 0; i < GUESTS; i++) {
        f[i] = brood_pool_submit (
            pool, s_deep, "[@%p, %d]", brood_ref (pool), i % 4);
        assert_non_null (f[i]);
    }
    for (int i = 0; i < GUESTS; i++) {
        if (brood_future_get (f[i], -1, "%d", &depth) < 0)
            fail_msg ("%s", brood_error ());
        assert_int_equal (depth, i % 4);
        brood_future_destroy (&f[i]);
    }
}

// --- What is large ---------------------------------------------------------

static int
s_double_bytes (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    size_t size;
    void *bytes;
    if (brood_msg_unpack (in, "<%zu %p>", &size, &bytes) < 0)
        return brood_task_fail (task, "wanted bytes");
    return brood_msg_pack (
        out, "[<%zu %p>, <%zu %p>]", size, bytes, size, bytes);
}
BROOD_TASK (s_double_bytes);

static int
s_give_large (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    enum {
        SIZE = 8 << 20,
        ROUNDS = 4
    };
    void *ref;
    size_t a, b;
    void *at_a, *at_b;
    (void) out;
    T_SEE (brood_msg_unpack (in, "[@%p, 0]", &ref) == 0);
    BROOD_AUTO (pool) pool = brood_pool_from (ref);
    char *bytes = malloc (SIZE);
    T_SEE (pool && bytes);
    for (int i = 0; i < ROUNDS; i++) {
        memset (bytes, 'a' + i, SIZE);
        BROOD_AUTO (msg)
        got = brood_pool_apply (
            pool, s_double_bytes, "<%zu %p>", (size_t) SIZE, (void *) bytes);
        T_SEE (got
               && brood_msg_unpack (
                      got, "[<%zu %p>, <%zu %p>]", &a, &at_a, &b, &at_b)
                      == 0);
        T_SEE (a == SIZE && b == SIZE && memcmp (at_a, bytes, SIZE) == 0
               && memcmp (at_b, bytes, SIZE) == 0);
    }
    free (bytes);
    return 0;
}
BROOD_TASK (s_give_large);

static void
s_test_large (void **state)
{
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    t_used_before = brd_arena_used (brd_runtime_arena ());
    BROOD_AUTO (msg)
    done = brood_pool_apply (pool, s_give_large, "[@%p, 0]", brood_ref (pool));
    if (!done)
        fail_msg ("%s", brood_error ());
    brood_msg_destroy (&done);
    assert_true (t_eventually (t_is_idle, pool, 30));
    assert_true (t_eventually (t_is_swept, pool, 30));
}

// --- Flow ------------------------------------------------------------------

typedef struct {
    int made;
    int read;
    int ahead;  // At most
} s_source_t;

static int
s_make (brood_msg_t *item, void *arg)
{
    enum {
        ITEMS = 500
    };
    s_source_t *self = arg;
    if (self->made == ITEMS)
        return 0;
    self->made++;
    if (self->made - self->read > self->ahead)
        self->ahead = self->made - self->read;
    return brood_msg_pack (item, "%ld", (long) self->made + 100) < 0 ? -1 : 1;
}

// A source is asked for no more than the window, and one that emits waits.
static int
s_see_flow (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    enum {
        WINDOW = 6,
        EMITS = 200
    };
    int parent;
    void *ref;
    long x;
    int n, got;
    double done, total;
    s_source_t source = { 0 };
    (void) out;
    T_SEE (brood_msg_unpack (in, "[@%p, %d]", &ref, &parent) == 0);
    BROOD_AUTO (pool) pool = brood_pool_from (ref);
    T_SEE (pool);
    BROOD_AUTO (stream)
    s = brood_pool_imap_from (pool,
                              t_square,
                              s_make,
                              &source,
                              BROOD_ORDERED,
                              &(brood_map_options_t){ .window = WINDOW });
    T_SEE (s);
    while ((got = brood_stream_next (s, -1, "%ld", &x)) == 1) {
        source.read++;
        T_SEE (x == (source.read + 100L) * (source.read + 100L));
    }
    T_SEE (got == 0 && source.read == 500 && source.ahead <= WINDOW + 1);

    // Its progress says how far it has come; nobody reads yet.
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_emit, "%d", EMITS);
    T_SEE (f && brood_future_next (f, -1, "%d", &n) == 1);
    T_SEE (brood_future_wait (f, 100) < 0 && errno == ETIMEDOUT);
    T_SEE (brood_future_progress (f, &done, &total) == 0 && done < EMITS / 2);
    while ((got = brood_future_next (f, -1, "%d", &n)) == 1)
        continue;
    T_SEE (got == 0 && n == EMITS - 1);
    return 0;
}
BROOD_TASK (s_see_flow);

static void
s_test_flow (void **state)
{
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("3");
    t_expect (pool, s_see_flow, pool);
}

// --- Threads, and many handles ---------------------------------------------

enum {
    S_THREADS = 4
};

static void *
s_work (void *arg)
{
    long x, failed = 0;
    for (long i = 100; i < 200; i++) {
        BROOD_AUTO (msg) one = brood_pool_apply (arg, t_square, "%ld", i);
        failed |= !one || brood_msg_unpack (one, "%ld", &x) < 0 || x != i * i;
    }
    return failed ? arg : NULL;
}

static int
s_use_threads (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    enum {
        HANDLES = 300
    };
    int parent;
    void *ref, *failed;
    pthread_t threads[S_THREADS];
    (void) out;
    T_SEE (brood_msg_unpack (in, "[@%p, %d]", &ref, &parent) == 0);
    BROOD_AUTO (pool) pool = brood_pool_from (ref);
    T_SEE (pool);
    for (int i = 0; i < S_THREADS; i++)
        T_SEE (pthread_create (&threads[i], NULL, s_work, pool) == 0);
    for (int i = 0; i < S_THREADS; i++)
        T_SEE (pthread_join (threads[i], &failed) == 0 && !failed);
    for (int i = 0; i < HANDLES; i++) {
        BROOD_AUTO (pool) one = brood_pool_from (ref);
        BROOD_AUTO (msg) got = brood_pool_apply (one, t_square, "%ld", 2L);
        T_SEE (one && got);
    }
    return 0;
}
BROOD_TASK (s_use_threads);

static void
s_test_threads (void **state)
{
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("3");
    const int fds = t_open_fds ();
    t_expect (pool, s_use_threads, pool);
    // Handles that have gone leave no connection behind.
    assert_true (t_open_fds_fall_to (fds + 8));
}

// --- Pools of other kinds, owners of other kinds ---------------------------

static int
s_guest_of_few (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    (void) out;
    T_SEE (brood_msg_unpack (in, "[@%p, 0]", &ref) == 0);
    BROOD_AUTO (pool) pool = brood_pool_from (ref);
    T_SEE (pool);
    return s_use_messages (task, pool) < 0 ? -1 : s_use_arrays (task, pool);
}
BROOD_TASK (s_guest_of_few);

static int
s_use_inside (brood_pool_t *pool)
{
    int rc = -1;
    BROOD_AUTO (msg)
    done =
        brood_pool_apply (pool, s_guest_of_few, "[@%p, 0]", brood_ref (pool));
    rc = done ? 0 : -1;
    if (rc < 0)
        fprintf (stderr, "%s\n", brood_error ());
    return rc;
}

static void
s_test_threads_below (void **state)
{
    (void) state;
    BROOD_AUTO (pool) at = brood_pool_new ("1");
    BROOD_AUTO (pool) pool = brood_pool_new ("threads:2");
    BROOD_AUTO (msg)
    done = brood_pool_apply (at, s_guest_of_few, "[@%p, 0]", brood_ref (pool));
    if (!done)
        fail_msg ("%s", brood_error ());
}

// A task that has a pool of its own, and gives it to that one's tasks.
static int
s_be_owner (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    (void) out;
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    T_SEE (pool && s_use_inside (pool) == 0);
    return 0;
}
BROOD_TASK (s_be_owner);

static void
s_test_nested (void **state)
{
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    BROOD_AUTO (msg) done = brood_pool_apply (pool, s_be_owner, "nil");
    if (!done)
        fail_msg ("%s", brood_error ());
}

static int
s_process_with_pool (void *arg)
{
    (void) arg;
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    return pool && s_use_inside (pool) == 0 ? 0 : 1;
}

static void
s_test_process (void **state)
{
    (void) state;
    BROOD_AUTO (process)
    process = brood_process_new (s_process_with_pool, NULL);
    assert_int_equal (brood_process_start (process), 0);
    assert_int_equal (brood_process_join (process, -1), 0);
    assert_int_equal (brood_process_exitcode (process), 0);
}

// --- In the process that made it -------------------------------------------

static void
s_test_second_handle (void **state)
{
    long x;
    brood_pool_stats_t stats;
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    BROOD_AUTO (pool) other = brood_pool_from (brood_ref (pool));
    assert_non_null (other);
    BROOD_AUTO (msg) one = brood_pool_apply (other, t_square, "%ld", 5L);
    assert_non_null (one);
    assert_int_equal (brood_pool_workers (other), 2);
    assert_int_equal (brood_pool_stats (other, &stats), 0);
    assert_int_equal (stats.done, 1);
    // It does not end the pool.
    assert_int_equal (brood_pool_terminate (other), -1);
    assert_int_equal (errno, ENOTSUP);
    assert_int_equal (brood_pool_resize (other, 3), -1);
    assert_int_equal (errno, ENOTSUP);
    assert_int_equal (brood_pool_cancel (other), -1);
    assert_int_equal (errno, ENOTSUP);
    assert_int_equal (brood_pool_shutdown (other, -1), 0);
    assert_null (brood_pool_apply (other, t_square, "%ld", 5L));
    assert_int_equal (errno, EPIPE);
    BROOD_AUTO (pool) third = brood_pool_from (brood_ref (pool));
    brood_pool_destroy (&other);
    BROOD_AUTO (future) f = brood_pool_submit (third, t_square, "%ld", 6L);
    assert_int_equal (brood_future_get (f, -1, "%ld", &x), 0);
    // Nor does it outlive it.
    assert_int_equal (brood_pool_close (pool), 0);
    assert_null (brood_pool_apply (third, t_square, "%ld", 5L));
    assert_int_equal (errno, EPIPE);
    brood_pool_destroy (&pool);
    assert_int_equal (brood_pool_stats (third, &stats), -1);
    assert_int_equal (errno, EPIPE);
    brood_pool_destroy (&third);
}

static void
s_test_in_place (void **state)
{
    (void) state;
    BROOD_AUTO (pool) threads = brood_pool_new ("threads:2");
    assert_int_equal (s_use_inside (threads), 0);
    BROOD_AUTO (pool) here = brood_pool_new ("inline");
    assert_int_equal (s_use_inside (here), 0);
}

// --- What it cannot be had from --------------------------------------------

static int
s_see_refusals (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *gone, *inside, *event;
    (void) out;
    T_SEE (brood_msg_unpack (in, "[@%p, @%p, @%p]", &gone, &inside, &event)
           == 0);
    T_SEE (!brood_pool_from (NULL) && errno == EINVAL);
    T_SEE (!brood_pool_from (event) && errno == EINVAL
           && strstr (brood_error (), "not of a pool"));
    T_SEE (!brood_pool_from (gone) && errno == EPIPE);
    T_SEE (!brood_pool_from (inside) && errno == ENOTSUP
           && strstr (brood_error (), "inline"));
    return 0;
}
BROOD_TASK (s_see_refusals);

static brood_pool_t *s_parents;

static int
s_process_of_parent (void *arg)
{
    (void) arg;
    if (brood_pool_from (brood_ref (s_parents)) || errno != ENOTSUP)
        return 1;
    return strstr (brood_error (), "a task") ? 0 : 2;
}

static void
s_test_refusals (void **state)
{
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("1");
    BROOD_AUTO (pool) here = brood_pool_new ("inline");
    BROOD_AUTO (pool) gone = brood_pool_new ("1");
    BROOD_AUTO (event) event = brood_event_new ();
    BROOD_AUTO (msg)
    refs = brood_msg_new ("[@%p, @%p, @%p]",
                          brood_ref (gone),
                          brood_ref (here),
                          brood_ref (event));
    brood_pool_destroy (&gone);
    BROOD_AUTO (future)
    f = brood_pool_submit_msg (pool, s_see_refusals, NULL, &refs);
    if (!brood_future_result (f, -1))
        fail_msg ("%s", brood_error ());
    // A process that runs no task of the owner's is not heard.
    s_parents = pool;
    BROOD_AUTO (process)
    process = brood_process_new (s_process_of_parent, NULL);
    assert_int_equal (brood_process_start (process), 0);
    assert_int_equal (brood_process_join (process, -1), 0);
    assert_int_equal (brood_process_exitcode (process), 0);
}

// Code that lies elsewhere: neither way, yet.
static int
s_see_exec (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    (void) out;
    T_SEE (brood_msg_unpack (in, "@%p", &ref) == 0);
    T_SEE (!brood_pool_from (ref) && errno == ENOTSUP
           && strstr (brood_error (), "by exec"));
    return 0;
}
BROOD_TASK (s_see_exec);

static void
s_test_exec (void **state)
{
    (void) state;
    const brood_pool_options_t options = { .spec = "1", .start_exec = 1 };
    BROOD_AUTO (pool) pool = brood_pool_new ("1");
    BROOD_AUTO (pool) anew = brood_pool_new_with (&options);
    assert_non_null (anew);
    BROOD_AUTO (msg)
    to = brood_pool_apply (pool, s_see_exec, "@%p", brood_ref (anew));
    if (!to)
        fail_msg ("%s", brood_error ());
    BROOD_AUTO (msg)
    from = brood_pool_apply (anew, s_see_exec, "@%p", brood_ref (pool));
    if (!from)
        fail_msg ("%s", brood_error ());
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_own_pool),
        cmocka_unit_test (s_test_another_pool),
        cmocka_unit_test (s_test_one_worker),
        cmocka_unit_test (s_test_kept),
        cmocka_unit_test (s_test_many),
        cmocka_unit_test (s_test_large),
        cmocka_unit_test (s_test_flow),
        cmocka_unit_test (s_test_threads),
        cmocka_unit_test (s_test_threads_below),
        cmocka_unit_test (s_test_nested),
        cmocka_unit_test (s_test_process),
        cmocka_unit_test (s_test_second_handle),
        cmocka_unit_test (s_test_in_place),
        cmocka_unit_test (s_test_refusals),
        cmocka_unit_test (s_test_exec),
    };
    t_mark (argv);
    t_watchdog (120);
    brood_init (&argc, &argv);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
