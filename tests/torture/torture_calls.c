// torture_calls.c - tasks over messages: futures, streams, broadcasts
//
// SPDX-License-Identifier: MPL-2.0
//
// The promise under test: whatever fails, each task that was given ends exactly
// once, with its result or with an error, and each stream reaches its end.

#include "torture.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "t.h"

enum {
    S_TASKS = 6,
    S_LARGE = 20000,  // More than a future holds, and than is copied
    S_EMITS = 20      // More than may be unread
};

static int
s_twice (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return brood_task_fail (task, "wanted a number");
    return brood_msg_pack (out, "%d", 2 * n);
}
BROOD_TASK (s_twice);

static int
s_echo (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    size_t size;
    void *bytes;
    if (brood_msg_unpack (in, "<%zu %p>", &size, &bytes) < 0)
        return -1;
    return brood_msg_pack (out, "<%zu %p>", size, bytes);
}
BROOD_TASK (s_echo);

static int
s_emit (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    (void) brood_task_progress (task, 1, 2);
    for (int i = 0; i < S_EMITS; i++) {
        if (brood_task_emit (task, "%d", i) < 0)
            return -1;
    }
    brood_log_error ("emitted %d", S_EMITS);
    return brood_msg_pack (out, "%d", S_EMITS);
}
BROOD_TASK (s_emit);

static int
s_second_time (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    if (brood_task_attempt (task) < 2)
        return brood_task_fail (task, "not yet");
    return brood_msg_pack (out, "%d", 2);
}
BROOD_TASK (s_second_time);

static int
s_where (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    return brood_msg_pack (out, "%d", brood_task_worker (task));
}
BROOD_TASK (s_where);

// --- Futures ---------------------------------------------------------------

static void
s_apply (void)
{
    int n = 0;
    BROOD_AUTO (msg) out = brood_pool_apply (torture_pool (), s_twice, "%d", 4);
    if (TORTURE_OK (out)) {
        TORTURE_MUST (brood_msg_unpack (out, "%d", &n) == 0);
        TORTURE_MUST (n == 8);
    }
}

// Waits for each that was given, which ends; what it delivers is right.
static void
s_collect (brood_future_t **futures, int n)
{
    for (int i = 0; i < n; i++) {
        int twice = 0;
        if (futures[i]) {
            TORTURE_MUST (brood_future_wait (futures[i], TORTURE_MS) == 0);
            TORTURE_MUST (brood_future_done (futures[i]) == 1);
            if (TORTURE_OK (brood_future_get (futures[i], 0, "%d", &twice)
                            == 0))
                TORTURE_MUST (twice == 2 * i);
            else
                TORTURE_MUST (brood_future_error (futures[i]) != NULL);
        }
        brood_future_destroy (&futures[i]);
    }
}

static void
s_submit (void)
{
    brood_future_t *futures[S_TASKS];
    for (int i = 0; i < S_TASKS; i++) {
        futures[i] = brood_pool_submit (torture_pool (), s_twice, "%d", i);
        (void) TORTURE_OK (futures[i]);
    }
    s_collect (futures, S_TASKS);
}

static void
s_large (void)
{
    static unsigned char bytes[S_LARGE];
    size_t size = 0;
    void *got;
    memset (bytes, 5, sizeof bytes);
    BROOD_AUTO (future)
    f = brood_pool_submit (
        torture_pool (), s_echo, "<%zu %p>", sizeof bytes, (void *) bytes);
    if (!TORTURE_OK (f))
        return;
    const brood_msg_t *out = brood_future_result (f, TORTURE_MS);
    if (TORTURE_OK (out)
        && TORTURE_OK (brood_msg_unpack (out, "<%zu %p>", &size, &got) == 0))
        TORTURE_MUST (size == sizeof bytes && memcmp (got, bytes, size) == 0);
}

static void
s_submit_msg (void)
{
    int n = 0;
    brood_msg_t *msg = brood_msg_new ("%d", 21);
    if (!TORTURE_OK (msg))
        return;
    BROOD_AUTO (future)
    f = brood_pool_submit_msg (torture_pool (), s_twice, NULL, &msg);
    // Taken on success only.
    TORTURE_MUST ((msg == NULL) == TORTURE_OK (f));
    brood_msg_destroy (&msg);
    if (f && TORTURE_OK (brood_future_get (f, TORTURE_MS, "%d", &n) == 0))
        TORTURE_MUST (n == 42);
}

static void
s_options (void)
{
    static const brood_task_options_t options[S_TASKS] = {
        { .retries = 2, .retry_delay_ms = 1 },
        { .timeout_ms = 60000, .grace_ms = 5 },
        { .queue_timeout_ms = 60000 },
        { .priority = 9, .key = "k" },
        { .once = "o" },
        { .key = "k", .once = "another", .retries = 1 },
    };
    brood_future_t *futures[S_TASKS];
    for (int i = 0; i < S_TASKS; i++) {
        futures[i] = brood_pool_submit_with (
            torture_pool (), s_twice, &options[i], "%d", i);
        (void) TORTURE_OK (futures[i]);
    }
    s_collect (futures, S_TASKS);
}

static void
s_retries (void)
{
    int n = 0;
    const brood_task_options_t options = { .retries = 3, .retry_delay_ms = 1 };
    BROOD_AUTO (future)
    f = brood_pool_submit_with (
        torture_pool (), s_second_time, &options, "nil");
    if (TORTURE_OK (f)
        && TORTURE_OK (brood_future_get (f, TORTURE_MS, "%d", &n) == 0))
        TORTURE_MUST (n == 2);
}

static void
s_many (void)
{
    brood_future_t *futures[S_TASKS];
    int left = 0;
    for (int i = 0; i < S_TASKS; i++) {
        futures[i] = brood_pool_submit (torture_pool (), s_twice, "%d", i);
        left += TORTURE_OK (futures[i]);
    }
    if (left > 0)
        TORTURE_MUST (brood_future_wait_all (futures, S_TASKS, TORTURE_MS, 0)
                      == 0);
    for (;; left--) {
        const long i = brood_future_wait_any (futures, S_TASKS, TORTURE_MS);
        if (i < 0)
            break;
        TORTURE_MUST (brood_future_done (futures[i]) == 1);
        brood_future_destroy (&futures[i]);
    }
    TORTURE_MUST (errno == ENOENT && left == 0);
}

// Nobody waits, nobody reads: the pool works it off all the same.
static void
s_forget (void)
{
    for (int i = 0; i < S_TASKS; i++) {
        brood_future_t *f =
            brood_pool_submit (torture_pool (), s_twice, "%d", i);
        (void) TORTURE_OK (f);
        brood_future_destroy (&f);
    }
    TORTURE_MUST (brood_pool_wait (torture_pool (), TORTURE_MS) == 0);
}

// --- Callbacks -------------------------------------------------------------

static atomic_int s_called;

static void
s_then_fn (brood_future_t *future, void *arg)
{
    TORTURE_MUST (brood_future_done (future) == 1);
    atomic_fetch_add ((atomic_int *) arg, 1);
}

static int
s_all_called (void *arg)
{
    return atomic_load (&s_called) >= *(const int *) arg;
}

static void
s_then (void)
{
    int wanted = 0;
    atomic_store (&s_called, 0);
    for (int i = 0; i < S_TASKS; i++) {
        BROOD_AUTO (future)
        f = brood_pool_submit (torture_pool (), s_twice, "%d", i);
        if (!TORTURE_OK (f))
            continue;
        for (int j = 0; j < 2; j++)
            wanted +=
                TORTURE_OK (brood_future_then (f, s_then_fn, &s_called) == 0);
    }
    TORTURE_MUST (brood_pool_wait (torture_pool (), TORTURE_MS) == 0);
    // Each exactly once.
    TORTURE_MUST (t_eventually (s_all_called, &wanted, 5));
    TORTURE_MUST (atomic_load (&s_called) == wanted);
}

static void
s_promise (void)
{
    int n = 0, wanted = 0;
    atomic_store (&s_called, 0);
    BROOD_AUTO (future) f = brood_future_new ();
    if (!TORTURE_OK (f))
        return;
    wanted =
        TORTURE_OK (brood_future_then (f, s_then_fn, &s_called) == 0) ? 1 : 0;
    if (!TORTURE_OK (brood_future_set_result (f,
                                              "[%d, %s]",
                                              3,
                                              "a text that "
                                              "is more than a future can hold "
                                              "in itself, so it is elsewhere")
                     == 0)) {
        // It has not ended, or it ended without the result.
        if (brood_future_done (f) == 0)
            TORTURE_MUST (brood_future_set_error (f, "no memory") == 0);
    }
    TORTURE_MUST (brood_future_done (f) == 1);
    TORTURE_MUST (brood_future_set_result (f, "nil") < 0);
    if (TORTURE_OK (brood_future_get (f, 0, "[%d, *]", &n) == 0))
        TORTURE_MUST (n == 3);
    TORTURE_MUST (t_eventually (s_all_called, &wanted, 5));
}

static atomic_int s_lines;

static void
s_line (const brood_log_line_t *line, void *arg)
{
    (void) arg;
    TORTURE_MUST (line->text != NULL);
    atomic_fetch_add (&s_lines, 1);
}

// Partial results come in order; one may be lost for want of memory, and then
// the reader is told or the task fails.
static void
s_emits (void)
{
    int n = 0, last = -1, count = 0, got;
    brood_log_set (BROOD_LOG_ERROR, s_line, NULL);
    BROOD_AUTO (future) f = brood_pool_submit (torture_pool (), s_emit, "nil");
    if (TORTURE_OK (f)) {
        do {
            got = brood_future_next (f, TORTURE_MS, "%d", &n);
            if (!TORTURE_OK (got >= 0))
                continue;
            TORTURE_MUST (got == 0 || (n > last && n < S_EMITS));
            last = got == 1 ? n : last;
            count += got;
        } while (got == 1 || (got < 0 && brood_future_done (f) == 0));
        TORTURE_MUST (!torture_strict () || count == S_EMITS);
        TORTURE_MUST (brood_future_wait (f, TORTURE_MS) == 0);
        if (TORTURE_OK (brood_future_get (f, 0, "%d", &n) == 0))
            TORTURE_MUST (n == S_EMITS);
    }
    brood_log_set (0, NULL, NULL);
}

// --- Streams ---------------------------------------------------------------

// Reads to the end. Each item comes once, in order if that was wanted.
static void
s_read (brood_stream_t *stream, int order, int fed)
{
    int seen[S_TASKS] = { 0 }, n, got, count = 0;
    long last = -1;
    for (int calls = 0;
         (got = brood_stream_next (stream, TORTURE_MS, "%d", &n)) != 0;
         calls++) {
        TORTURE_MUST (calls < 3 * S_TASKS);
        const long index = brood_stream_index (stream);
        if (!TORTURE_OK (got == 1)) {
            // An item's error, or this call's own.
            count += index > last && order == BROOD_ORDERED;
            last = index > last ? index : last;
            continue;
        }
        TORTURE_MUST (index >= 0 && index < S_TASKS && !seen[index]++);
        TORTURE_MUST (n % 2 == 0 && n >= 0 && n < 2 * S_TASKS);
        TORTURE_MUST (order == BROOD_UNORDERED || index > last);
        last = index;
        count++;
    }
    TORTURE_MUST (!torture_strict () || count == fed);
}

static void
s_feed (int order)
{
    int fed = 0;
    BROOD_AUTO (stream) s = brood_pool_imap (torture_pool (), s_twice, order);
    if (!TORTURE_OK (s))
        return;
    for (int i = 0; i < S_TASKS; i++)
        fed += TORTURE_OK (brood_stream_feed (s, "%d", i) == 0);
    TORTURE_MUST (brood_stream_close (s) == 0);
    s_read (s, order, fed);
}

static void
s_ordered (void)
{
    s_feed (BROOD_ORDERED);
}

static void
s_unordered (void)
{
    s_feed (BROOD_UNORDERED);
}

static int
s_source (brood_msg_t *item, void *arg)
{
    int *next = arg;
    if (*next == S_TASKS)
        return 0;
    if (brood_msg_pack (item, "%d", *next) < 0)
        return -1;
    (*next)++;
    return 1;
}

// A source that could not be drawn from to its end is not the end: an error
// says so.
static void
s_from (void)
{
    int next = 0, n = 0, got, count = 0, failed = 0;
    const brood_task_options_t task = { .retries = 1 };
    const brood_map_options_t options = { .window = 3, .task = &task };
    BROOD_AUTO (stream)
    s = brood_pool_imap_from (
        torture_pool (), s_twice, s_source, &next, BROOD_ORDERED, &options);
    if (!TORTURE_OK (s))
        return;
    for (int calls = 0;
         (got = brood_stream_next (s, TORTURE_MS, "%d", &n)) != 0;
         calls++) {
        TORTURE_MUST (calls < 3 * S_TASKS);
        if (TORTURE_OK (got == 1))
            count++;
        else
            failed++;
    }
    TORTURE_MUST (count == S_TASKS || failed > 0);
}

// One that is given up with everything in it.
static void
s_drop (void)
{
    BROOD_AUTO (stream)
    s = brood_pool_imap (torture_pool (), s_twice, BROOD_ORDERED);
    if (!TORTURE_OK (s))
        return;
    for (int i = 0; i < S_TASKS; i++)
        (void) TORTURE_OK (brood_stream_feed (s, "%d", i) == 0);
    TORTURE_MUST (brood_stream_cancel (s) == 0);
}

static void
s_broadcast (void)
{
    const int workers = brood_pool_workers (torture_pool ());
    BROOD_AUTO (msg)
    all = brood_pool_broadcast (torture_pool (), s_where, "nil");
    if (!TORTURE_OK (all))
        return;
    int place, i = 0;
    brood_iter_t it = brood_msg_iter (all, "");
    while (brood_iter_next (&it, "%d", &place) == 1)
        TORTURE_MUST (place == i++);
    TORTURE_MUST (i == workers);
}

const torture_scenario_t torture_calls[] = {
    { "apply", s_apply },
    { "submit", s_submit },
    { "large", s_large },
    { "submit-msg", s_submit_msg },
    { "options", s_options },
    { "retries", s_retries },
    { "many", s_many },
    { "forget", s_forget },
    { "then", s_then },
    { "promise", s_promise },
    { "emits", s_emits },
    { "ordered", s_ordered },
    { "unordered", s_unordered },
    { "from", s_from },
    { "drop", s_drop },
    { "broadcast", s_broadcast },
    { NULL, NULL },
};
