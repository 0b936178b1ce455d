// test_futures.c - every future ends, exactly once, and tells everybody
//
// SPDX-License-Identifier: MPL-2.0
//
// Tasks are held by flags in shared memory, so what is pending and what runs is
// known and not guessed. Options of tasks are in test_task_options.c.

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
    TASKS = 60,
    CANCELS = 10000
};

static struct {
    _Atomic int go;
    _Atomic int started;
    _Atomic int emitted;
    _Atomic int runs[CANCELS];
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
    atomic_fetch_add (&s_shared->runs[n], 1);
    return brood_msg_pack (out, "%d", 2 * n);
}
BROOD_TASK (s_twice);

static int
s_held (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    atomic_fetch_add (&s_shared->started, 1);
    while (!atomic_load (&s_shared->go)) {
        if (brood_task_cancelled (task))
            return brood_msg_pack (out, "%s", "told");
        usleep (300);
    }
    return brood_msg_pack (out, "%s", "released");
}
BROOD_TASK (s_held);

static int
s_deaf (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    atomic_fetch_add (&s_shared->started, 1);
    while (!atomic_load (&s_shared->go))
        usleep (300);
    return brood_msg_pack (out, "%s", "released");
}
BROOD_TASK (s_deaf);

static void
s_await_started (int n)
{
    while (atomic_load (&s_shared->started) < n)
        (void) brood_dispatch (1);
}

// --- Looking and waiting ---------------------------------------------------

static void
s_test_life (void **state)
{
    (void) state;
    char text[16];
    int n;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future) a = brood_pool_submit (pool, s_held, "nil");
    BROOD_AUTO (future) b = brood_pool_submit (pool, s_twice, "%d", 4);
    s_await_started (1);
    assert_int_equal (brood_future_running (a), 1);
    assert_int_equal (brood_future_running (b), 0);
    assert_int_equal (brood_future_done (a), 0);
    assert_int_equal (brood_future_done (b), 0);
    assert_null (brood_future_error (a));
    for (int timeout_ms = 0; timeout_ms < 20; timeout_ms += 10) {
        assert_int_equal (brood_future_get (a, timeout_ms, "%15s", text), -1);
        assert_int_equal (errno, ETIMEDOUT);
        assert_int_equal (brood_future_wait (a, timeout_ms), -1);
        assert_int_equal (errno, ETIMEDOUT);
        assert_null (brood_future_result (b, timeout_ms));
        assert_int_equal (errno, ETIMEDOUT);
    }
    atomic_store (&s_shared->go, 1);
    // As often as one likes, and no picture harms it.
    for (int i = 0; i < 3; i++) {
        assert_int_equal (brood_future_get (a, -1, "%15s", text), 0);
        assert_string_equal (text, "released");
        n = 77;
        assert_int_equal (brood_future_get (a, -1, "%d", &n), -1);
        assert_int_equal (errno, EBADMSG);
        assert_int_equal (n, 77);
        assert_int_equal (brood_future_get (b, -1, "%d", &n), 0);
        assert_int_equal (n, 8);
    }
    assert_int_equal (brood_future_running (a), 0);
    assert_int_equal (brood_future_done (a), 1);
    assert_int_equal (brood_future_cancelled (a), 0);
    assert_int_equal (brood_future_cancel (a), 0);
    BROOD_AUTO (future) bad = brood_pool_submit (pool, s_twice, "%d", -4);
    assert_int_equal (brood_future_wait (bad, -1), 0);
    assert_null (brood_future_result (bad, -1));
    assert_int_equal (errno, EIO);
    assert_non_null (strstr (brood_future_error (bad), "wanted a number"));
    assert_non_null (strstr (brood_future_error (bad), "s_twice"));
}

static void
s_test_wait_all (void **state)
{
    (void) state;
    brood_future_t *futures[TASKS + 3];
    const size_t n = TASKS + 3;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    for (int i = 0; i < TASKS; i++)
        futures[i] = brood_pool_submit (pool, s_twice, "%d", i);
    futures[TASKS] = NULL;
    futures[TASKS + 1] = brood_pool_submit (pool, s_held, "nil");
    futures[TASKS + 2] = futures[3];
    assert_int_equal (brood_future_wait_all (futures, n, 30, 0), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (brood_future_wait_all (futures, TASKS, -1, 0), 0);
    for (int i = 0; i < TASKS; i++)
        assert_int_equal (brood_future_done (futures[i]), 1);
    // One that fails ends the wait, if asked for; else it is an end as any.
    BROOD_AUTO (future) bad = brood_pool_submit (pool, s_twice, "%d", -1);
    futures[TASKS] = bad;
    assert_int_equal (brood_future_wait_all (futures, n, -1, 1), 0);
    assert_int_equal (brood_future_done (bad), 1);
    assert_int_equal (brood_future_done (futures[TASKS + 1]), 0);
    assert_int_equal (brood_future_wait_all (futures, n, 20, 0), -1);
    atomic_store (&s_shared->go, 1);
    assert_int_equal (brood_future_wait_all (futures, n, -1, 0), 0);
    assert_int_equal (brood_future_wait_all (NULL, 0, -1, 0), 0);
    for (int i = 0; i < TASKS; i++)
        brood_future_destroy (&futures[i]);
    brood_future_destroy (&futures[TASKS + 1]);
}

// as_completed: each once, in the order in which they ended.
static void
s_test_wait_any (void **state)
{
    (void) state;
    brood_future_t *futures[TASKS];
    long i;
    int seen[TASKS] = { 0 }, count = 0, n;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    futures[0] = brood_pool_submit (pool, s_held, "nil");
    for (int k = 1; k < TASKS; k++)
        futures[k] = brood_pool_submit (pool, s_twice, "%d", k);
    while ((i = brood_future_wait_any (futures, TASKS, -1)) >= 0) {
        assert_int_equal (brood_future_done (futures[i]), 1);
        assert_int_equal (seen[i]++, 0);
        if (i > 0) {
            assert_int_equal (brood_future_get (futures[i], 0, "%d", &n), 0);
            assert_int_equal (n, 2 * (int) i);
        }
        brood_future_destroy (&futures[i]);
        // The held one is the last, because it is told only now.
        if (++count == TASKS - 1) {
            assert_int_equal (seen[0], 0);
            assert_int_equal (brood_future_wait_any (futures, TASKS, 10), -1);
            assert_int_equal (errno, ETIMEDOUT);
            atomic_store (&s_shared->go, 1);
        }
    }
    assert_int_equal (errno, ENOENT);
    assert_int_equal (count, TASKS);
    // Promises say exactly in which order they ended.
    for (int k = 0; k < 5; k++)
        futures[k] = brood_future_new ();
    for (int k = 0; k < 5; k++)
        assert_int_equal (brood_future_set_result (futures[k * 3 % 5], "%d", k),
                          0);
    for (int k = 0; k < 5; k++) {
        i = brood_future_wait_any (futures, 5, -1);
        assert_int_equal (i, k * 3 % 5);
        brood_future_destroy (&futures[i]);
    }
}

// --- Then ------------------------------------------------------------------

typedef struct {
    brood_pool_t *pool;
    pthread_t thread;
    _Atomic int calls;
    _Atomic int wrong;
    int order[8];
    int left;
} s_then_t;

static struct {
    s_then_t *self;
    int number;
} s_args[8];

static void
s_called (brood_future_t *future, void *arg)
{
    int n, *number = arg;
    s_then_t *self = s_args[*number].self;
    const int at = atomic_load (&self->calls);
    if (brood_future_done (future) != 1
        || brood_future_get (future, 0, "%d", &n) < 0)
        atomic_fetch_add (&self->wrong, 1);
    if (at > 0 && !pthread_equal (self->thread, pthread_self ()))
        atomic_fetch_add (&self->wrong, 1);
    self->thread = pthread_self ();
    self->order[at] = *number;
    atomic_store (&self->calls, at + 1);
}

// In order, once, not in the caller's thread, also when nobody waits and the
// handle is gone; at once when it is done already.
static void
s_test_then (void **state)
{
    (void) state;
    int n;
    s_then_t then = { 0 };
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    brood_future_t *held = brood_pool_submit (pool, s_deaf, "nil");
    brood_future_t *f = brood_pool_submit (pool, s_twice, "%d", 5);
    for (int i = 0; i < 4; i++) {
        s_args[i].self = &then;
        s_args[i].number = i;
        assert_int_equal (brood_future_then (f, s_called, &s_args[i].number),
                          0);
    }
    s_await_started (1);
    assert_int_equal (atomic_load (&then.calls), 0);
    BROOD_AUTO (future) late = brood_pool_submit (pool, s_twice, "%d", 6);
    brood_future_destroy (&f);
    atomic_store (&s_shared->go, 1);
    while (atomic_load (&then.calls) < 4)
        usleep (300);
    assert_int_equal (brood_future_get (late, -1, "%d", &n), 0);
    for (int i = 4; i < 8; i++) {
        s_args[i].self = &then;
        s_args[i].number = i;
        assert_int_equal (brood_future_then (late, s_called, &s_args[i].number),
                          0);
    }
    // join returns when they have run.
    assert_int_equal (brood_pool_shutdown (pool, -1), 0);
    assert_int_equal (atomic_load (&then.calls), 8);
    assert_int_equal (atomic_load (&then.wrong), 0);
    assert_false (pthread_equal (then.thread, pthread_self ()));
    for (int i = 0; i < 8; i++)
        assert_int_equal (then.order[i], i);
    brood_future_destroy (&held);
}

static _Atomic int s_inside, s_release;

static void
s_slow (brood_future_t *future, void *arg)
{
    (void) future;
    atomic_store (&s_inside, 1);
    while (!atomic_load (&s_release))
        usleep (300);
    atomic_fetch_add ((_Atomic int *) arg, 1);
}

static void *
s_let_on (void *arg)
{
    while (!atomic_load (&s_inside))
        usleep (300);
    // Time for a join that does not wait to be seen.
    usleep (20000);
    atomic_store (&s_release, 1);
    return arg;
}

// shutdown returns behind the last callback, however long that takes.
static void
s_test_then_settles (void **state)
{
    (void) state;
    static _Atomic int calls;
    pthread_t thread;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_twice, "%d", 5);
    assert_int_equal (brood_future_then (f, s_slow, &calls), 0);
    assert_int_equal (pthread_create (&thread, NULL, s_let_on, NULL), 0);
    assert_int_equal (brood_pool_shutdown (pool, -1), 0);
    assert_int_equal (atomic_load (&calls), 1);
    pthread_join (thread, NULL);
}

// A callback gives more work, waits for other work, adds a callback to it.
static void
s_more (brood_future_t *future, void *arg)
{
    int n;
    s_then_t *self = arg;
    if (brood_future_get (future, 0, "%d", &n) < 0)
        atomic_fetch_add (&self->wrong, 1);
    atomic_fetch_add (&self->calls, 1);
    if (self->left-- > 0) {
        BROOD_AUTO (msg) out = brood_pool_apply (self->pool, s_twice, "%d", 1);
        BROOD_AUTO (future)
        next = brood_pool_submit (self->pool, s_twice, "%d", self->left);
        if (!out || brood_future_then (next, s_more, self) < 0)
            atomic_fetch_add (&self->wrong, 1);
    }
}

static void
s_test_then_more (void **state)
{
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    s_then_t then = { .pool = pool, .left = 50 };
    brood_future_t *f = brood_pool_submit (pool, s_twice, "%d", 9);
    assert_int_equal (brood_future_then (f, s_more, &then), 0);
    brood_future_destroy (&f);
    while (atomic_load (&then.calls) < 51)
        usleep (300);
    assert_int_equal (brood_pool_shutdown (pool, -1), 0);
    assert_int_equal (atomic_load (&then.calls), 51);
    assert_int_equal (atomic_load (&then.wrong), 0);
}

static void
s_count (brood_future_t *future, void *arg)
{
    (void) future;
    atomic_fetch_add ((_Atomic int *) arg, 1);
}

// --- Cancel and kill -------------------------------------------------------

static void
s_test_cancel (void **state)
{
    (void) state;
    char text[16];
    static _Atomic int calls;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future) running = brood_pool_submit (pool, s_held, "nil");
    s_await_started (1);
    BROOD_AUTO (future) pending = brood_pool_submit (pool, s_twice, "%d", 1);
    assert_int_equal (brood_future_then (pending, s_count, &calls), 0);
    assert_int_equal (brood_future_cancel (pending), 1);
    assert_int_equal (brood_future_cancel (pending), 1);
    assert_int_equal (brood_future_done (pending), 1);
    assert_int_equal (brood_future_cancelled (pending), 1);
    assert_null (brood_future_result (pending, 0));
    assert_int_equal (errno, ECANCELED);
    assert_int_equal (brood_future_cancel (running), 0);
    assert_int_equal (brood_future_get (running, -1, "%15s", text), 0);
    assert_string_equal (text, "told");
    assert_int_equal (brood_pool_shutdown (pool, -1), 0);
    assert_int_equal (atomic_load (&calls), 1);
    assert_int_equal (atomic_load (&s_shared->runs[1]), 0);
}

// kill: the one that hears ends itself, the deaf one is ended; its neighbour
// behind it in the same worker is not touched.
static void
s_test_kill (void **state)
{
    (void) state;
    char text[16];
    int n;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future) hears = brood_pool_submit (pool, s_held, "nil");
    s_await_started (1);
    assert_int_equal (brood_future_kill (hears, 60000), 0);
    assert_int_equal (brood_future_get (hears, -1, "%15s", text), 0);
    assert_string_equal (text, "told");
    BROOD_AUTO (future) deaf = brood_pool_submit (pool, s_deaf, "nil");
    s_await_started (2);
    BROOD_AUTO (future) next = brood_pool_submit (pool, s_twice, "%d", 2);
    assert_int_equal (brood_future_kill (deaf, 1), 0);
    assert_null (brood_future_result (deaf, -1));
    assert_true (errno == ECANCELED || errno == ECHILD);
    assert_int_equal (brood_future_get (next, -1, "%d", &n), 0);
    assert_int_equal (n, 4);
    BROOD_AUTO (future) block = brood_pool_submit (pool, s_deaf, "nil");
    s_await_started (3);
    BROOD_AUTO (future) pending = brood_pool_submit (pool, s_twice, "%d", 3);
    assert_int_equal (brood_future_kill (pending, 0), 1);
    atomic_store (&s_shared->go, 1);
    assert_int_equal (brood_future_wait (block, -1), 0);
    assert_int_equal (atomic_load (&s_shared->runs[3]), 0);
}

static int
s_short (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    (void) task;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return -1;
    atomic_fetch_add (&s_shared->runs[n], 1);
    usleep (100);
    return brood_msg_pack (out, "%d", n);
}
BROOD_TASK (s_short);

// Cancels at random against short tasks: one outcome each, and what was said
// to be cancelled has not run and never will.
static void
s_test_random_cancels (void **state)
{
    (void) state;
    static brood_future_t *futures[CANCELS];
    static char gone[CANCELS];
    static _Atomic int calls;
    uint32_t random = 12345;
    int cancelled = 0, done = 0, n;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    for (int i = 0; i < CANCELS; i++) {
        futures[i] = brood_pool_submit (pool, s_short, "%d", i);
        assert_int_equal (brood_future_then (futures[i], s_count, &calls), 0);
        for (int k = 0; k < 2; k++) {
            random = random * 1664525u + 1013904223u;
            const int back = (int) (random >> 16) % 200;
            const int victim = i > back ? i - back : 0;
            if (random >> 8 & 1 && brood_future_cancel (futures[victim]) == 1) {
                gone[victim] = 1;
                assert_int_equal (atomic_load (&s_shared->runs[victim]), 0);
            }
        }
    }
    for (int i = 0; i < CANCELS; i++) {
        assert_int_equal (brood_future_wait (futures[i], -1), 0);
        assert_int_equal (brood_future_cancelled (futures[i]), gone[i]);
        if (!gone[i]) {
            assert_int_equal (brood_future_get (futures[i], 0, "%d", &n), 0);
            assert_int_equal (n, i);
            done++;
        }
        else
            cancelled++;
    }
    assert_int_equal (brood_pool_shutdown (pool, -1), 0);
    for (int i = 0; i < CANCELS; i++) {
        assert_int_equal (atomic_load (&s_shared->runs[i]), !gone[i]);
        brood_future_destroy (&futures[i]);
    }
    assert_int_equal (cancelled + done, CANCELS);
    assert_true (cancelled > 0 && done > 0);
    assert_int_equal (atomic_load (&calls), CANCELS);
}

// --- Progress and partial results ------------------------------------------

static int
s_reports (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    for (int i = 1; i <= 100; i++) {
        if (brood_task_progress (task, i, 100) < 0)
            return -1;
    }
    atomic_fetch_add (&s_shared->started, 1);
    while (!atomic_load (&s_shared->go))
        usleep (300);
    return brood_msg_pack (out, "nil");
}
BROOD_TASK (s_reports);

static void
s_test_progress (void **state)
{
    (void) state;
    double done = -1, total = -1;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_reports, "nil");
    assert_int_equal (brood_future_progress (f, &done, &total), 0);
    assert_true (done >= 0);
    // The last one always arrives, while the task still runs.
    while (done < 100) {
        (void) brood_dispatch (1);
        assert_int_equal (brood_future_progress (f, &done, &total), 0);
    }
    assert_true (total == 100);
    assert_int_equal (brood_future_done (f), 0);
    atomic_store (&s_shared->go, 1);
    assert_int_equal (brood_future_get (f, -1, "nil"), 0);
    assert_int_equal (brood_future_progress (f, &done, NULL), 0);
    assert_true (done == 100);
}

static int
s_emits (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n, i = 0;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return -1;
    for (; i < n || n < 0; i++) {
        if (brood_task_emit (task, "%d", i) < 0)
            break;
        atomic_store (&s_shared->emitted, i + 1);
    }
    return brood_msg_pack (out, "{count: %d}", i);
}
BROOD_TASK (s_emits);

static void
s_test_emit (void **state)
{
    (void) state;
    int n, count, got, expected = 0;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_emits, "%d", 500);
    while ((got = brood_future_next (f, -1, "%d", &n)) == 1)
        assert_int_equal (n, expected++);
    assert_int_equal (got, 0);
    assert_int_equal (expected, 500);
    assert_int_equal (brood_future_next (f, -1, "%d", &n), 0);
    assert_int_equal (brood_future_get (f, -1, "{count: %d}", &count), 0);
    assert_int_equal (count, 500);
    // One that never ends by itself is held back while nobody reads.
    BROOD_AUTO (future) endless = brood_pool_submit (pool, s_emits, "%d", -1);
    for (expected = 0; expected < 300; expected++) {
        assert_int_equal (brood_future_next (endless, -1, "%d", &n), 1);
        assert_int_equal (n, expected);
    }
    BROOD_AUTO (msg) out = brood_pool_apply (pool, s_twice, "%d", 1);
    assert_non_null (out);
    assert_true (atomic_load (&s_shared->emitted) <= 300 + 200);
    assert_int_equal (brood_future_cancel (endless), 0);
    // What was sent is still there, then the end.
    while ((got = brood_future_next (endless, -1, "%d", &n)) == 1)
        assert_int_equal (n, expected++);
    assert_int_equal (got, 0);
    assert_int_equal (brood_future_get (endless, -1, "{count: %d}", &count), 0);
    assert_true (count >= expected - 1 && count <= 300 + 200);
    // A reader that goes away holds nobody up.
    brood_future_t *left = brood_pool_submit (pool, s_emits, "%d", 5000);
    assert_int_equal (brood_future_next (left, -1, "%d", &n), 1);
    brood_future_destroy (&left);
    assert_int_equal (brood_pool_wait (pool, -1), 0);
    assert_int_equal (atomic_load (&s_shared->emitted), 5000);
}

// --- Promises --------------------------------------------------------------

static void *
s_keep (void *arg)
{
    usleep (1000);
    (void) brood_future_set_result (arg, "{n: %d}", 12);
    return NULL;
}

static void
s_test_promise (void **state)
{
    (void) state;
    int n = 0;
    pthread_t thread;
    static _Atomic int calls;
    BROOD_AUTO (future) f = brood_future_new ();
    BROOD_AUTO (future) bad = brood_future_new ();
    assert_int_equal (brood_future_done (f), 0);
    assert_int_equal (brood_future_wait (f, 5), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (brood_future_then (f, s_count, &calls), 0);
    // A thread that waits is woken although nothing of brood's moves.
    assert_int_equal (pthread_create (&thread, NULL, s_keep, f), 0);
    assert_int_equal (brood_future_get (f, -1, "{n: %d}", &n), 0);
    assert_int_equal (n, 12);
    pthread_join (thread, NULL);
    assert_int_equal (brood_future_set_result (f, "{n: %d}", 13), -1);
    assert_int_equal (errno, EBUSY);
    assert_int_equal (brood_future_set_error (f, "no"), -1);
    assert_int_equal (errno, EBUSY);
    assert_int_equal (brood_future_get (f, -1, "{n: %d}", &n), 0);
    assert_int_equal (n, 12);
    assert_int_equal (brood_future_set_error (bad, "out of %s", "tea"), 0);
    assert_null (brood_future_result (bad, -1));
    assert_int_equal (errno, EIO);
    assert_non_null (strstr (brood_error (), "out of tea"));
    while (atomic_load (&calls) < 1)
        usleep (300);
    assert_int_equal (atomic_load (&calls), 1);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup (s_test_life, s_setup),
        cmocka_unit_test_setup (s_test_wait_all, s_setup),
        cmocka_unit_test_setup (s_test_wait_any, s_setup),
        cmocka_unit_test_setup (s_test_then, s_setup),
        cmocka_unit_test_setup (s_test_then_settles, s_setup),
        cmocka_unit_test_setup (s_test_then_more, s_setup),
        cmocka_unit_test_setup (s_test_cancel, s_setup),
        cmocka_unit_test_setup (s_test_kill, s_setup),
        cmocka_unit_test_setup (s_test_random_cancels, s_setup),
        cmocka_unit_test_setup (s_test_progress, s_setup),
        cmocka_unit_test_setup (s_test_emit, s_setup),
        cmocka_unit_test_setup (s_test_promise, s_setup),
    };
    t_watchdog (110);
    if (brood_init (&argc, &argv) < 0)
        return brood_perror (argv[0]);
    BROOD_AUTO (array) shared = brood_array_new_sized (sizeof *s_shared, 1);
    s_shared = brood_array_ptr (shared);
    return s_shared ? cmocka_run_group_tests (tests, NULL, NULL)
                    : brood_perror (argv[0]);
}
