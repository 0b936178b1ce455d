// test_pool_end.c - every way a pool ends, in any order, from any thread
//
// SPDX-License-Identifier: MPL-2.0
//
// What is asserted all over: the call returns, every future has an outcome, and
// no process is left behind.

#include "t.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <brood.h>

enum {
    WORKERS = 2,
    QUEUED = 100000
};

// The promise is 2 s; a sanitizer makes everything else slow, not the promise.
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define TERMINATE_MS 15000
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TERMINATE_MS 15000
#endif
#endif
#ifndef TERMINATE_MS
#define TERMINATE_MS 2000
#endif

static struct {
    _Atomic int go;
    _Atomic int started;
    _Atomic int runs;
} * s_shared;

static int
s_setup (void **state)
{
    (void) state;
    atomic_store (&s_shared->go, 0);
    atomic_store (&s_shared->started, 0);
    atomic_store (&s_shared->runs, 0);
    return 0;
}

// No process of any pool survives a test.
static int
s_teardown (void **state)
{
    (void) state;
    return t_marked_wait (0, 10);
}

static int
s_tiny (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    (void) task;
    atomic_fetch_add (&s_shared->runs, 1);
    return brood_msg_unpack (in, "%d", &n) < 0
               ? -1
               : brood_msg_pack (out, "%d", 2 * n);
}
BROOD_TASK (s_tiny);

// Hears nothing and never ends.
static int
s_endless (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    atomic_fetch_add (&s_shared->started, 1);
    // The compiler must not see that this never ends.
    while (atomic_load (&s_shared->started) >= 0)
        sched_yield ();
    return 0;
}
BROOD_TASK (s_endless);

// Ends when it is told to, by its flag or by a cancel.
static int
s_held (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    atomic_fetch_add (&s_shared->started, 1);
    while (!atomic_load (&s_shared->go) && !brood_task_cancelled (task))
        usleep (500);
    return brood_msg_pack (out, "%d", atomic_load (&s_shared->go));
}
BROOD_TASK (s_held);

static int
s_pid (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    return brood_msg_pack (out, "%d", (int) getpid ());
}
BROOD_TASK (s_pid);

BROOD_MAPPER (s_map_endless, int, x, int, y)
{
    atomic_fetch_add (&s_shared->started, 1);
    for (;;)
        sched_yield ();
    return *y = *x;
}

static void
s_await_started (int n)
{
    while (atomic_load (&s_shared->started) < n)
        (void) brood_dispatch (1);
}

static int64_t
s_now_ms (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// --- However much is queued ------------------------------------------------

static void
s_test_terminate_full (void **state)
{
    (void) state;
    static brood_future_t *futures[QUEUED];
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    BROOD_AUTO (future) a = brood_pool_submit (pool, s_endless, "nil");
    BROOD_AUTO (future) b = brood_pool_submit (pool, s_endless, "nil");
    s_await_started (2);
    for (int i = 0; i < QUEUED; i++) {
        futures[i] = brood_pool_submit (pool, s_tiny, "%d", i);
        assert_non_null (futures[i]);
    }
    const int64_t before = s_now_ms ();
    assert_int_equal (brood_pool_terminate (pool), 0);
    assert_true (s_now_ms () - before < TERMINATE_MS);
    for (int i = 0; i < QUEUED; i++) {
        assert_int_equal (brood_future_done (futures[i]), 1);
        assert_null (brood_future_result (futures[i], 0));
        assert_int_equal (errno, EPIPE);
        brood_future_destroy (&futures[i]);
    }
    assert_null (brood_future_result (a, 0));
    assert_int_equal (errno, EPIPE);
    assert_null (brood_future_result (b, 0));
    assert_int_equal (errno, EPIPE);
    assert_int_equal (atomic_load (&s_shared->runs), 0);
    assert_int_equal (brood_pool_terminate (pool), 0);
}

// Not told, not waited for: leaving the scope is enough.
static void
s_test_scope (void **state)
{
    (void) state;
    BROOD_AUTO (future) f = NULL;
    {
        BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
        f = brood_pool_submit (pool, s_endless, "nil");
        s_await_started (1);
    }
    assert_int_equal (t_marked_wait (0, 0), 0);
    assert_null (brood_future_result (f, 0));
    assert_int_equal (errno, EPIPE);
}

// --- Any order -------------------------------------------------------------

typedef enum {
    S_CLOSE,
    S_JOIN,
    S_SHUTDOWN,
    S_CANCEL,
    S_TERMINATE,
    S_WAIT,
    S_VERBS
} s_verb_t;

static void
s_say (brood_pool_t *pool, s_verb_t verb, int *closed)
{
    switch (verb) {
    case S_CLOSE:
        assert_int_equal (brood_pool_close (pool), 0);
        *closed = 1;
        break;
    case S_JOIN:
        if (*closed)
            assert_int_equal (brood_pool_join (pool, -1), 0);
        else {
            assert_int_equal (brood_pool_join (pool, -1), -1);
            assert_int_equal (errno, EBUSY);
        }
        break;
    case S_SHUTDOWN:
        assert_int_equal (brood_pool_shutdown (pool, -1), 0);
        *closed = 1;
        break;
    case S_CANCEL:
        assert_true (brood_pool_cancel (pool) >= 0);
        break;
    case S_TERMINATE:
        assert_int_equal (brood_pool_terminate (pool), 0);
        *closed = 1;
        break;
    default:
        assert_int_equal (brood_pool_wait (pool, -1), 0);
    }
}

static void
s_check_closed (brood_pool_t *pool)
{
    int x[3] = { 0 };
    brood_msg_t *msg = brood_msg_new ("%d", 1);
    BROOD_AUTO (msg) items = brood_msg_new ("[1]");
    assert_null (brood_pool_submit (pool, s_tiny, "%d", 1));
    assert_int_equal (errno, EPIPE);
    assert_null (brood_pool_submit_msg (pool, s_tiny, NULL, &msg));
    assert_int_equal (errno, EPIPE);
    assert_null (brood_pool_apply (pool, s_tiny, "%d", 1));
    assert_int_equal (errno, EPIPE);
    assert_null (brood_pool_map_msg (pool, s_tiny, items, NULL));
    assert_int_equal (errno, EPIPE);
    assert_null (brood_pool_imap (pool, s_tiny, BROOD_ORDERED));
    assert_int_equal (errno, EPIPE);
    assert_null (brood_pool_broadcast (pool, s_tiny, "%d", 1));
    assert_int_equal (errno, EPIPE);
    assert_int_equal (brood_pool_map (pool, s_map_endless, x, x, 3), -1);
    assert_int_equal (errno, EPIPE);
    assert_null (brood_pool_map_async (pool, s_map_endless, x, x, 3));
    assert_int_equal (errno, EPIPE);
    assert_int_equal (brood_pool_resize (pool, 1), -1);
    assert_int_equal (errno, EPIPE);
    brood_msg_destroy (&msg);
}

static void
s_end_in_order (brood_pool_t *pool, const s_verb_t *verbs, int count)
{
    enum {
        TASKS = 30
    };
    brood_future_t *futures[TASKS];
    int closed = 0, n;
    for (int i = 0; i < TASKS; i++)
        futures[i] = brood_pool_submit (pool, s_tiny, "%d", i);
    for (int i = 0; i < count; i++) {
        s_say (pool, verbs[i], &closed);
        s_say (pool, verbs[i], &closed);
    }
    if (closed)
        s_check_closed (pool);
    for (int i = 0; i < TASKS; i++) {
        if (brood_future_get (futures[i], 30000, "%d", &n) < 0)
            assert_true (errno == ECANCELED || errno == EPIPE);
        else
            assert_int_equal (n, 2 * i);
        brood_future_destroy (&futures[i]);
    }
}

static void
s_test_any_order (void **state)
{
    (void) state;
    for (int i = 0; i < S_VERBS * S_VERBS * S_VERBS; i += 7) {
        const s_verb_t verbs[] = { (s_verb_t) (i % S_VERBS),
                                   (s_verb_t) (i / S_VERBS % S_VERBS),
                                   (s_verb_t) (i / S_VERBS / S_VERBS) };
        BROOD_AUTO (pool) pool = brood_pool_new (i % 2 ? "local:1" : "inline");
        assert_non_null (pool);
        s_end_in_order (pool, verbs, 3);
    }
}

// close lets all that was given end, and only then the workers go.
static void
s_test_gentle (void **state)
{
    (void) state;
    enum {
        TASKS = 500
    };
    static brood_future_t *futures[TASKS];
    int n, pids[WORKERS];
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    BROOD_AUTO (msg) all = brood_pool_broadcast (pool, s_pid, "nil");
    assert_int_equal (brood_msg_unpack (all, "[%d, %d]", &pids[0], &pids[1]),
                      0);
    BROOD_AUTO (future) held = brood_pool_submit (pool, s_held, "nil");
    s_await_started (1);
    for (int i = 0; i < TASKS; i++)
        futures[i] = brood_pool_submit (pool, s_tiny, "%d", i);
    assert_int_equal (brood_pool_wait (pool, 10), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (brood_pool_shutdown (pool, 10), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (brood_pool_join (pool, 0), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (brood_future_done (held), 0);
    s_check_closed (pool);
    atomic_store (&s_shared->go, 1);
    assert_int_equal (brood_pool_join (pool, -1), 0);
    for (int i = 0; i < TASKS; i++) {
        assert_int_equal (brood_future_get (futures[i], 0, "%d", &n), 0);
        assert_int_equal (n, 2 * i);
        brood_future_destroy (&futures[i]);
    }
    assert_int_equal (brood_future_get (held, 0, "%d", &n), 0);
    assert_int_equal (n, 1);
    for (int i = 0; i < WORKERS; i++)
        assert_true (kill (pids[i], 0) < 0 && errno == ESRCH);
}

// cancel empties the queue; the pool goes on.
static void
s_test_cancel (void **state)
{
    (void) state;
    enum {
        TASKS = 100
    };
    brood_future_t *futures[TASKS];
    int n;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    for (int round = 0; round < 20; round++) {
        (void) s_setup (NULL);
        BROOD_AUTO (future) held = brood_pool_submit (pool, s_held, "nil");
        s_await_started (1);
        for (int i = 0; i < TASKS; i++)
            futures[i] = brood_pool_submit (pool, s_tiny, "%d", i);
        assert_int_equal (brood_pool_cancel (pool), TASKS);
        // It was told, and said so by ending well with a 0.
        assert_int_equal (brood_future_get (held, 30000, "%d", &n), 0);
        assert_int_equal (n, 0);
        for (int i = 0; i < TASKS; i++) {
            assert_int_equal (brood_future_cancelled (futures[i]), 1);
            brood_future_destroy (&futures[i]);
        }
        BROOD_AUTO (future) more = brood_pool_submit (pool, s_tiny, "%d", 4);
        assert_int_equal (brood_future_get (more, 30000, "%d", &n), 0);
        assert_int_equal (n, 8);
        assert_int_equal (atomic_load (&s_shared->runs), 1);
    }
}

// --- From two threads ------------------------------------------------------

typedef struct {
    brood_pool_t *pool;
    s_verb_t verb;
    _Atomic int *ready;
    int pids[WORKERS];
    int left;  // Workers that lived when a call that ends them returned
} s_teller_t;

static void *
s_tell (void *arg)
{
    s_teller_t *self = arg;
    atomic_fetch_add (self->ready, 1);
    while (atomic_load (self->ready) < 2)
        sched_yield ();
    if (self->verb == S_TERMINATE)
        assert_int_equal (brood_pool_terminate (self->pool), 0);
    else if (self->verb == S_SHUTDOWN)
        assert_int_equal (brood_pool_shutdown (self->pool, -1), 0);
    else if (self->verb == S_CANCEL)
        (void) brood_pool_cancel (self->pool);
    else
        (void) brood_pool_wait (self->pool, -1);
    for (int i = 0; i < WORKERS; i++)
        self->left += kill (self->pids[i], 0) == 0;
    return NULL;
}

static void
s_end_from_two (s_verb_t one, s_verb_t two, int endless)
{
    _Atomic int ready = 0;
    pthread_t threads[2];
    (void) s_setup (NULL);
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    s_teller_t tellers[2] = { { .pool = pool, .verb = one, .ready = &ready },
                              { .pool = pool, .verb = two, .ready = &ready } };
    BROOD_AUTO (msg) all = brood_pool_broadcast (pool, s_pid, "nil");
    for (int i = 0; i < 2; i++)
        assert_int_equal (
            brood_msg_unpack (
                all, "[%d, %d]", &tellers[i].pids[0], &tellers[i].pids[1]),
            0);
    BROOD_AUTO (future)
    f = brood_pool_submit (pool, endless ? s_endless : s_tiny, "%d", 1);
    for (int i = 0; i < 2; i++)
        assert_int_equal (
            pthread_create (&threads[i], NULL, s_tell, &tellers[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join (threads[i], NULL);
    for (int i = 0; i < 2; i++) {
        if (tellers[i].verb == S_TERMINATE || tellers[i].verb == S_SHUTDOWN)
            assert_int_equal (tellers[i].left, 0);
    }
    if (one == S_TERMINATE || two == S_TERMINATE || one == S_SHUTDOWN)
        assert_int_equal (brood_future_done (f), 1);
}

static void
s_test_two_threads (void **state)
{
    (void) state;
    for (int round = 0; round < 3; round++) {
        s_end_from_two (S_TERMINATE, S_TERMINATE, 1);
        s_end_from_two (S_TERMINATE, S_SHUTDOWN, 1);
        s_end_from_two (S_TERMINATE, S_WAIT, 1);
        s_end_from_two (S_TERMINATE, S_CANCEL, 1);
        s_end_from_two (S_SHUTDOWN, S_SHUTDOWN, 0);
        s_end_from_two (S_SHUTDOWN, S_WAIT, 0);
    }
}

typedef struct {
    brood_pool_t *pool;
    brood_future_t *future;
    brood_stream_t *stream;
    int way;
    int error;
} s_waiter_t;

enum {
    W_GET,
    W_MAP,
    W_APPLY,
    W_NEXT,
    W_FEED,
    W_ALL,
    W_WAYS
};

// A wait that only the end of the pool ends.
static void *
s_wait (void *arg)
{
    s_waiter_t *self = arg;
    int x[2] = { 0 }, n, rc = 0;
    brood_msg_t *out = NULL;
    errno = 0;
    switch (self->way) {
    case W_GET:
        rc = brood_future_get (self->future, -1, "%d", &n);
        break;
    case W_MAP:
        rc = brood_pool_map (self->pool, s_map_endless, x, x, 2);
        break;
    case W_APPLY:
        out = brood_pool_apply (self->pool, s_endless, "nil");
        break;
    case W_NEXT:
        while ((rc = brood_stream_next (self->stream, -1, "%d", &n)) < 0
               && errno == EPIPE)
            self->error = errno;
        break;
    case W_FEED:
        while ((rc = brood_stream_feed (self->stream, "nil")) == 0)
            continue;
        break;
    default:
        rc = brood_future_wait_all (&self->future, 1, -1, 0);
    }
    if (rc < 0)
        self->error = errno;
    else if (!out && self->way == W_APPLY)
        self->error = errno;
    brood_msg_destroy (&out);
    return NULL;
}

static void
s_test_waiters (void **state)
{
    (void) state;
    for (int way = 0; way < W_WAYS; way++) {
        pthread_t thread;
        (void) s_setup (NULL);
        BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
        BROOD_AUTO (stream)
        stream = brood_pool_imap (pool, s_endless, BROOD_ORDERED);
        BROOD_AUTO (future) f = brood_pool_submit (pool, s_endless, "nil");
        s_waiter_t waiter = {
            .pool = pool, .future = f, .stream = stream, .way = way
        };
        assert_int_equal (brood_stream_feed (stream, "nil"), 0);
        s_await_started (2);
        assert_int_equal (pthread_create (&thread, NULL, s_wait, &waiter), 0);
        assert_int_equal (brood_pool_terminate (pool), 0);
        pthread_join (thread, NULL);
        assert_int_equal (waiter.error, way == W_ALL ? 0 : EPIPE);
    }
}

// --- What is left of a pool ------------------------------------------------

static void
s_count_call (brood_future_t *future, void *arg)
{
    atomic_fetch_add ((_Atomic int *) arg, brood_future_done (future));
}

static void
s_test_outlive (void **state)
{
    (void) state;
    int n, x[2] = { 0 };
    static _Atomic int calls;
    brood_pool_t *pool = brood_pool_new ("local:2");
    BROOD_AUTO (future) done = brood_pool_submit (pool, s_tiny, "%d", 21);
    BROOD_AUTO (stream) s = brood_pool_imap (pool, s_tiny, BROOD_ORDERED);
    BROOD_AUTO (stream) open = brood_pool_imap (pool, s_tiny, BROOD_UNORDERED);
    for (int i = 0; i < 4; i++)
        assert_int_equal (brood_stream_feed (s, "%d", i), 0);
    assert_int_equal (brood_pool_wait (pool, -1), 0);
    BROOD_AUTO (future) lost = brood_pool_submit (pool, s_endless, "nil");
    BROOD_AUTO (future)
    map = brood_pool_map_async (pool, s_map_endless, x, x, 2);
    assert_int_equal (brood_future_then (lost, s_count_call, &calls), 0);
    assert_int_equal (brood_stream_feed (s, "%d", 4), 0);
    brood_pool_destroy (&pool);
    assert_null (pool);
    assert_int_equal (brood_future_get (done, 0, "%d", &n), 0);
    assert_int_equal (n, 42);
    assert_null (brood_future_result (lost, 0));
    assert_int_equal (errno, EPIPE);
    assert_null (brood_future_result (map, 0));
    assert_int_equal (errno, EPIPE);
    assert_int_equal (brood_future_cancel (lost), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal (brood_stream_next (s, 0, "%d", &n), 1);
        assert_int_equal (n, 2 * i);
    }
    assert_int_equal (brood_stream_next (s, 0, "%d", &n), -1);
    assert_int_equal (errno, EPIPE);
    assert_int_equal (brood_stream_feed (s, "%d", 5), -1);
    assert_int_equal (errno, EPIPE);
    // Nothing can come any more, closed or not.
    assert_int_equal (brood_stream_next (s, -1, "%d", &n), 0);
    assert_int_equal (brood_stream_next (open, -1, "%d", &n), 0);
    while (atomic_load (&calls) < 1)
        usleep (500);
    assert_int_equal (atomic_load (&calls), 1);
}

static void
s_test_two_pools (void **state)
{
    (void) state;
    enum {
        TASKS = 100
    };
    brood_future_t *futures[2 * TASKS];
    int n, visited = 0;
    long i;
    BROOD_AUTO (pool) a = brood_pool_new ("local:2");
    BROOD_AUTO (pool) b = brood_pool_new ("local:1");
    BROOD_AUTO (future) stuck = brood_pool_submit (b, s_endless, "nil");
    s_await_started (1);
    for (i = 0; i < TASKS; i++) {
        futures[i] = brood_pool_submit (a, s_tiny, "%d", (int) i);
        futures[TASKS + i] = brood_pool_submit (b, s_tiny, "%d", (int) i);
    }
    for (i = 0; i < TASKS; i++)
        assert_int_equal (brood_future_get (futures[i], 30000, "%d", &n), 0);
    // The end of one is nothing to the other.
    brood_pool_destroy (&b);
    assert_int_equal (brood_pool_map (a, s_map_endless, &n, &n, 0), 0);
    while ((i = brood_future_wait_any (futures, 2 * TASKS, -1)) >= 0) {
        const int rc = brood_future_get (futures[i], 0, "%d", &n);
        assert_int_equal (rc, i < TASKS ? 0 : -1);
        if (rc < 0)
            assert_int_equal (errno, EPIPE);
        else
            assert_int_equal (n, 2 * (int) i);
        brood_future_destroy (&futures[i]);
        visited++;
    }
    assert_int_equal (visited, 2 * TASKS);
    BROOD_AUTO (msg) out = brood_pool_apply (a, s_tiny, "%d", 3);
    assert_int_equal (brood_msg_unpack (out, "6"), 0);
}

// --- Pools in pools --------------------------------------------------------

// Sums the leaves of a tree of pools, two workers each; from 10 up the leaves
// are endless.
static int
s_tree (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int depth, a, b;
    if (brood_msg_unpack (in, "%d", &depth) < 0)
        return -1;
    if (depth == 0) {
        atomic_fetch_add (&s_shared->runs, 1);
        return brood_msg_pack (out, "%d", 1);
    }
    if (depth == 10)
        return s_endless (task, in, out);
    depth--;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    BROOD_AUTO (future) left = brood_pool_submit (pool, s_tree, "%d", depth);
    BROOD_AUTO (future) right = brood_pool_submit (pool, s_tree, "%d", depth);
    if (brood_future_get (left, -1, "%d", &a) < 0
        || brood_future_get (right, -1, "%d", &b) < 0)
        return brood_task_fail (task, "%s", brood_error ());
    return brood_msg_pack (out, "%d", a + b);
}
BROOD_TASK (s_tree);

static void
s_test_nested (void **state)
{
    (void) state;
    int n = 0;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    BROOD_AUTO (future) a = brood_pool_submit (pool, s_tree, "%d", 2);
    BROOD_AUTO (future) b = brood_pool_submit (pool, s_tree, "%d", 2);
    if (brood_future_get (a, -1, "%d", &n) < 0)
        fail_msg ("%s", brood_error ());
    assert_int_equal (n, 4);
    assert_int_equal (brood_future_get (b, -1, "%d", &n), 0);
    assert_int_equal (n, 4);
    assert_int_equal (atomic_load (&s_shared->runs), 8);
}

// The outermost one goes: nothing of those inside is left, whatever they did.
static void
s_test_nested_terminate (void **state)
{
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_tree, "%d", 12);
    s_await_started (4);
    assert_int_equal (brood_pool_terminate (pool), 0);
    assert_null (brood_future_result (f, 0));
    assert_int_equal (errno, EPIPE);
}

// --- Over and over ---------------------------------------------------------

static void
s_test_flat (void **state)
{
    (void) state;
    int before = 0;
    for (int round = 0; round < 12; round++) {
        BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
        BROOD_AUTO (msg) out = brood_pool_apply (pool, s_tiny, "%d", round);
        assert_non_null (out);
        if (round % 2)
            assert_int_equal (brood_pool_shutdown (pool, -1), 0);
        brood_pool_destroy (&pool);
        if (round == 4)
            before = t_open_fds ();
    }
    assert_true (t_open_fds_fall_to (before));
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (
            s_test_terminate_full, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_test_scope, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_test_any_order, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_test_gentle, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_test_cancel, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (
            s_test_two_threads, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_test_waiters, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_test_outlive, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_test_two_pools, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_test_nested, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (
            s_test_nested_terminate, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_test_flat, s_setup, s_teardown),
    };
    t_mark (argv);
    t_watchdog (110);
    if (brood_init (&argc, &argv) < 0)
        return brood_perror (argv[0]);
    BROOD_AUTO (array) shared = brood_array_new_sized (sizeof *s_shared, 1);
    s_shared = brood_array_ptr (shared);
    return s_shared ? cmocka_run_group_tests (tests, NULL, NULL)
                    : brood_perror (argv[0]);
}
