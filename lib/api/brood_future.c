// brood_future.c - a result that will come
//
// SPDX-License-Identifier: MPL-2.0
//
//     submit        the future is the call: one allocation for both
//     the core says END -> s_ended, under the host's lock: result or story
//                          into the future, callbacks queued, done = 1
//     get, wait     brd_host_wait: drives until done
//     destroy       lets go; the task runs on, its end frees the memory
//
// Read next: brd_future.h, brood_pool.c; broker/host/host_drive.c.

#include "brood/brood_future.h"

#include <errno.h>
#include <string.h>

#include "api/brd_future.h"
#include "api/brd_job_run.h"
#include "api/brd_large.h"
#include "api/brd_pool.h"
#include "api/brd_runtime.h"
#include "api/brd_waitable.h"
#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_mem.h"
#include "client/brd_msg.h"
#include "wire/brd_picture.h"

struct brd_future_then {
    brd_callback_t callback;  // First
    brd_future_then_t *next;
    brood_future_t *future;
    brood_future_fn *fn;
    void *arg;
};

// Counts ends, to tell which future ended first.
static _Atomic uint64_t s_order;

// --- Inside ----------------------------------------------------------------

// Looked up only when there is something to tell.
static const char *
s_name (const brood_future_t *self)
{
    return self->name ? self->name : brd_pool_task_name (self->call.fn);
}

static void
s_noted (brd_call_t *call, brd_op_t op, const brd_wire_note_t *note)
{
    brd_future_note (BRD_LIST_ITEM (call, brood_future_t, call), op, note);
}

static void
s_ended (brd_call_t *call, const brd_call_end_t *end)
{
    brood_future_t *self = BRD_LIST_ITEM (call, brood_future_t, call);
    self->under_way = 0;
    brd_future_end (self, end);
    brd_future_unref (self);
}

brood_future_t *
brd_future_new (brd_host_t *host, const char *name)
{
    brood_future_t *self = brd_mem_alloc (sizeof *self);
    if (!self)
        return NULL;
    memset (self, 0, offsetof (brood_future_t, outcome.small));
    brd_handle_init (&self->handle, BRD_KIND_FUTURE);
    self->host = host;
    self->name = name;
    atomic_init (&self->refs, 1);
    atomic_init (&self->owned, 1);
    self->then_end = &self->then;
    self->emits_end = &self->emits;
    self->call.ended = s_ended;
    self->call.noted = s_noted;
    return self;
}

int
brd_future_set_body (brood_future_t *self, const void *bytes, size_t size)
{
    return brd_large_set_body (
        &self->call, &self->outcome, &self->body_large, bytes, size);
}

int
brd_future_submit (brood_future_t *self)
{
    brd_future_ref (self);
    self->under_way = 1;
    if (brd_host_submit (self->host, &self->call) == 0)
        return 0;
    self->under_way = 0;
    atomic_fetch_sub (&self->refs, 1);
    return -1;
}

void
brd_future_ref (brood_future_t *self)
{
    atomic_fetch_add_explicit (&self->refs, 1, memory_order_relaxed);
}

static void
s_free_emits (brood_future_t *self)
{
    while (self->emits) {
        brd_future_emit_t *next = self->emits->next;
        brd_mem_free (self->emits);
        self->emits = next;
    }
}

void
brd_future_unref (brood_future_t *self)
{
    if (atomic_fetch_sub (&self->refs, 1) > 1)
        return;
    s_free_emits (self);
    brood_msg_destroy (&self->msg);
    brood_msg_destroy (&self->emitted);
    brd_outcome_fini (&self->outcome);
    brd_large_free (self->body_large);
    brd_mem_free (self->options);
    brd_handle_fini (&self->handle);
    brd_mem_free (self);
}

// Whatever it is waiting for the end of this future can go on.
static void
s_publish (brood_future_t *self)
{
    self->order = atomic_fetch_add (&s_order, 1) + 1;
    atomic_store_explicit (&self->done, 1, memory_order_release);
    brd_large_free (self->body_large);
    self->body_large = NULL;
    while (self->then) {
        brd_future_then_t *then = self->then;
        self->then = then->next;
        brd_host_callback (self->host, &then->callback);
    }
    brd_host_changed (self->host);
}

void
brd_future_end_info (brood_future_t *self, const brood_error_info_t *info)
{
    brd_outcome_keep_info (&self->outcome, info);
    s_publish (self);
}

void
brd_future_end (brood_future_t *self, const brd_call_end_t *end)
{
    const int wanted = self->owned || self->then;
    const char *name = end->error == 0 ? "" : s_name (self);
    brd_outcome_keep (&self->outcome, end, name, -1, wanted);
    s_publish (self);
}

static void
s_note_emit (brood_future_t *self, const brd_wire_note_t *note)
{
    // A worker that does not mind its credit gets no more of our memory.
    if (self->under_way && self->emit_count >= 4 * BRD_WORKER_EMIT_WINDOW)
        return;
    brd_future_emit_t *emit =
        self->owned ? brd_mem_alloc (sizeof *emit + note->size) : NULL;
    if (!emit) {
        // Nobody reads it, or there is no room: the task must not wait for us.
        brd_host_credit (self->host, &self->call, 1);
        return;
    }
    emit->next = NULL;
    emit->size = note->size;
    memcpy (emit->bytes, note->body, note->size);
    *self->emits_end = emit;
    self->emits_end = &emit->next;
    self->emit_count++;
}

void
brd_future_note (brood_future_t *self, brd_op_t op, const brd_wire_note_t *note)
{
    if (op == BRD_OP_PROGRESS) {
        self->progress_done = note->done;
        self->progress_total = note->total;
    }
    else if (op == BRD_OP_EMIT)
        s_note_emit (self, note);
    brd_host_changed (self->host);
}

// --- Waiting ---------------------------------------------------------------

static int
s_is_done (void *arg)
{
    const brood_future_t *self = arg;
    return atomic_load_explicit (&self->done, memory_order_acquire) != 0;
}

static int
s_wait (brood_future_t *self, int timeout_ms)
{
    if (s_is_done (self))
        return 0;
    return brd_host_wait (
        self->host, s_is_done, self, brd_clock_deadline (timeout_ms));
}

const brd_waitable_t brd_future_waitable = {
    .ready = s_is_done,
    .on_host = 1,
};

static int
s_fail (const brood_future_t *self)
{
    return brd_outcome_check (&self->outcome, s_name (self));
}

int
brood_future_wait (brood_future_t *self, int timeout_ms)
{
    BRD_REQUIRE_MINE (self, BRD_KIND_FUTURE, -1);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, -1);
    return s_wait (self, timeout_ms);
}

static const unsigned char s_nil = 0xc0;

// 0 when there is a result.
static int
s_await_result (brood_future_t *self, int timeout_ms)
{
    if (s_wait (self, timeout_ms) < 0)
        return -1;
    return self->outcome.error != 0 ? s_fail (self) : 0;
}

// The result as a message, made when first asked for.
static brood_msg_t *
s_msg (brood_future_t *self)
{
    brd_host_lock (self->host);
    if (!self->msg)
        self->msg = brd_msg_new_view (self->outcome.result, self->outcome.size);
    brood_msg_t *msg = self->msg;
    brd_host_unlock (self->host);
    return msg;
}

const brood_msg_t *
brood_future_result (brood_future_t *self, int timeout_ms)
{
    BRD_REQUIRE_MINE (self, BRD_KIND_FUTURE, NULL);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, NULL);
    return s_await_result (self, timeout_ms) < 0 ? NULL : s_msg (self);
}

// "@%p": what is unpacked belongs to a message, so now there must be one.
static void *
s_ref (void *arg, const unsigned char *bytes, size_t size)
{
    brood_msg_t *msg = s_msg (arg);
    return msg ? brd_ref_add (msg, bytes, size) : NULL;
}

int
brood_future_get (brood_future_t *self,
                  int timeout_ms,
                  const char *picture,
                  ...)
{
    BRD_REQUIRE_MINE (self, BRD_KIND_FUTURE, -1);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER && picture != NULL, -1);
    if (s_await_result (self, timeout_ms) < 0)
        return -1;
    const int empty = self->outcome.size == 0;
    const brd_picture_source_t source = {
        .bytes = empty ? &s_nil : self->outcome.result,
        .size = empty ? 1 : self->outcome.size,
        .ref = s_ref,
        .arg = self,
    };
    va_list args;
    va_start (args, picture);
    const int rc = brd_picture_unpack (&source, picture, &args);
    va_end (args);
    return rc;
}

typedef struct {
    brood_future_t *const *futures;
    size_t n;
    int first_error;
    long found;  // any: index of the one that ended first
} s_many_t;

static int
s_all_done (void *arg)
{
    const s_many_t *many = arg;
    int all = 1;
    for (size_t i = 0; i < many->n; i++) {
        brood_future_t *future = many->futures[i];
        if (!future)
            continue;
        if (!s_is_done (future))
            all = 0;
        else if (many->first_error && future->outcome.error != 0)
            return 1;
    }
    return all;
}

static int
s_any_done (void *arg)
{
    s_many_t *many = arg;
    uint64_t first = UINT64_MAX;
    for (size_t i = 0; i < many->n; i++) {
        brood_future_t *future = many->futures[i];
        if (future && s_is_done (future) && future->order < first) {
            first = future->order;
            many->found = (long) i;
        }
    }
    return first != UINT64_MAX;
}

// How many of them there are; -1 if one is not a future.
static long
s_check_many (brood_future_t *const *futures, size_t n)
{
    long count = 0;
    for (size_t i = 0; i < n; i++) {
        if (!futures[i])
            continue;
        BRD_REQUIRE_MINE (futures[i], BRD_KIND_FUTURE, -1);
        count++;
    }
    return count;
}

int
brood_future_wait_all (brood_future_t *const *futures,
                       size_t n,
                       int timeout_ms,
                       int first_error)
{
    BRD_REQUIRE (futures != NULL || n == 0, -1);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, -1);
    const long count = s_check_many (futures, n);
    if (count <= 0)
        return (int) count;
    brd_host_t *host = brd_runtime_host ();
    s_many_t many = { .futures = futures, .n = n, .first_error = first_error };
    return host ? brd_host_wait (
               host, s_all_done, &many, brd_clock_deadline (timeout_ms))
                : -1;
}

long
brood_future_wait_any (brood_future_t *const *futures, size_t n, int timeout_ms)
{
    BRD_REQUIRE (futures != NULL || n == 0, -1);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, -1);
    const long count = s_check_many (futures, n);
    if (count < 0)
        return -1;
    if (count == 0)
        return brd_error_set (ENOENT, "no futures are left");
    brd_host_t *host = brd_runtime_host ();
    s_many_t many = { .futures = futures, .n = n };
    if (!host
        || brd_host_wait (
               host, s_any_done, &many, brd_clock_deadline (timeout_ms))
               < 0)
        return -1;
    return many.found;
}

static int
s_has_emit (void *arg)
{
    const brood_future_t *self = arg;
    return self->emits != NULL || s_is_done (arg);
}

int
brood_future_next (brood_future_t *self,
                   int timeout_ms,
                   const char *picture,
                   ...)
{
    BRD_REQUIRE_MINE (self, BRD_KIND_FUTURE, -1);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER && picture != NULL, -1);
    if (brd_host_wait (
            self->host, s_has_emit, self, brd_clock_deadline (timeout_ms))
        < 0)
        return -1;
    brd_host_lock (self->host);
    brd_future_emit_t *emit = self->emits;
    if (emit) {
        self->emits = emit->next;
        self->emit_count--;
        if (!self->emits)
            self->emits_end = &self->emits;
        if (self->under_way)
            brd_host_credit (self->host, &self->call, 1);
    }
    brd_host_unlock (self->host);
    if (!emit)
        return self->outcome.error != 0 ? s_fail (self) : 0;
    brood_msg_destroy (&self->emitted);
    self->emitted = brood_msg_new_bytes (emit->bytes, emit->size);
    brd_mem_free (emit);
    if (!self->emitted)
        return -1;
    va_list args;
    va_start (args, picture);
    const int rc = brood_msg_vunpack (self->emitted, picture, args);
    va_end (args);
    return rc < 0 ? -1 : 1;
}

// --- Callbacks -------------------------------------------------------------

static void
s_run_then (brd_callback_t *callback)
{
    brd_future_then_t *then = (brd_future_then_t *) (void *) callback;
    brood_future_t *future = then->future;
    then->fn (future, then->arg);
    brd_future_unref (future);
    brd_mem_free (then);
}

int
brood_future_then (brood_future_t *self, brood_future_fn *fn, void *arg)
{
    BRD_REQUIRE_MINE (self, BRD_KIND_FUTURE, -1);
    BRD_REQUIRE (fn != NULL, -1);
    brd_future_then_t *then = brd_mem_zalloc (sizeof *then);
    if (!then)
        return -1;
    if (brd_host_callbacks_start (self->host) < 0) {
        brd_mem_free (then);
        return -1;
    }
    then->callback.call = s_run_then;
    then->future = self;
    then->fn = fn;
    then->arg = arg;
    brd_host_lock (self->host);
    brd_future_ref (self);
    if (s_is_done (self))
        brd_host_callback (self->host, &then->callback);
    else {
        *self->then_end = then;
        self->then_end = &then->next;
    }
    brd_host_unlock (self->host);
    return 0;
}

// --- Cancelling ------------------------------------------------------------

static int
s_cancel (brood_future_t *self, int64_t grace_ns)
{
    brd_host_lock (self->host);
    const int away = self->under_way && brd_host_is_away (&self->call);
    if (self->under_way)
        brd_host_cancel (self->host, &self->call, grace_ns);
    if (self->run)
        brd_job_run_stop (self->run, grace_ns);
    const int gone = s_is_done (self) && self->outcome.error == ECANCELED;
    brd_host_unlock (self->host);
    return gone && !away;
}

int
brood_future_cancel (brood_future_t *self)
{
    BRD_REQUIRE_MINE (self, BRD_KIND_FUTURE, -1);
    return s_cancel (self, -1);
}

int
brood_future_kill (brood_future_t *self, int grace_ms)
{
    BRD_REQUIRE_MINE (self, BRD_KIND_FUTURE, -1);
    BRD_REQUIRE (grace_ms >= 0, -1);
    return s_cancel (self, (int64_t) grace_ms * 1000000);
}

// --- Questions -------------------------------------------------------------

int
brood_future_done (const brood_future_t *self)
{
    BRD_REQUIRE_MINE (self, BRD_KIND_FUTURE, -1);
    return (int) atomic_load_explicit (&self->done, memory_order_acquire);
}

int
brood_future_running (const brood_future_t *self)
{
    BRD_REQUIRE_MINE (self, BRD_KIND_FUTURE, -1);
    brd_host_lock (self->host);
    // Whether a host below has begun it, that one alone knows.
    const int running =
        self->under_way
        && (brd_host_running (&self->call) || brd_host_is_away (&self->call));
    brd_host_unlock (self->host);
    return running;
}

int
brood_future_cancelled (const brood_future_t *self)
{
    const int done = brood_future_done (self);
    return done <= 0 ? done : self->outcome.error == ECANCELED;
}

const char *
brood_future_error (const brood_future_t *self)
{
    const int done = brood_future_done (self);
    if (done <= 0 || self->outcome.error == 0)
        return NULL;
    return self->outcome.info ? self->outcome.info->text
                              : strerror (self->outcome.error);
}

int
brood_future_progress (const brood_future_t *self,
                       double *ret_done,
                       double *ret_total)
{
    BRD_REQUIRE_MINE (self, BRD_KIND_FUTURE, -1);
    brd_host_lock (self->host);
    if (ret_done)
        *ret_done = self->progress_done;
    if (ret_total)
        *ret_total = self->progress_total;
    brd_host_unlock (self->host);
    return 0;
}

// --- Promises --------------------------------------------------------------

brood_future_t *
brood_future_new (void)
{
    brd_host_t *host = brd_runtime_host ();
    return host ? brd_future_new (host, "promise") : NULL;
}

// Ends a promise unless it has ended; only the first time counts.
static int
s_settle (brood_future_t *self, const brd_call_end_t *end)
{
    int rc = 0;
    brd_host_lock (self->host);
    if (s_is_done (self) || self->under_way)
        rc = brd_error_set (EBUSY, "the future has its outcome already");
    else
        brd_future_end (self, end);
    brd_host_unlock (self->host);
    return rc;
}

int
brood_future_set_result (brood_future_t *self, const char *picture, ...)
{
    BRD_REQUIRE_MINE (self, BRD_KIND_FUTURE, -1);
    BRD_REQUIRE (picture != NULL, -1);
    brood_msg_t *msg = brd_msg_new_empty ();
    if (!msg)
        return -1;
    va_list args;
    va_start (args, picture);
    int rc = brood_msg_vpack (msg, picture, args);
    va_end (args);
    if (rc == 0) {
        brd_call_end_t end = { 0 };
        end.bytes = brd_msg_data (msg, &end.size);
        rc = s_settle (self, &end);
    }
    brood_msg_destroy (&msg);
    return rc;
}

int
brood_future_set_error (brood_future_t *self, const char *format, ...)
{
    BRD_REQUIRE_MINE (self, BRD_KIND_FUTURE, -1);
    BRD_REQUIRE (format != NULL, -1);
    char text[BRD_PAGE_TEXT];
    va_list args;
    va_start (args, format);
    const int length = vsnprintf (text, sizeof text, format, args);
    va_end (args);
    const brd_call_end_t end = {
        .error = EIO,
        .bytes = text,
        .size = length < 0                      ? 0
                : (size_t) length < sizeof text ? (size_t) length
                                                : sizeof text - 1,
    };
    return s_settle (self, &end);
}

// A task that is ahead of its reader must not wait for one that is gone.
static void
s_let_go (brood_future_t *self)
{
    uint32_t unread = 0;
    brd_host_lock (self->host);
    atomic_store (&self->owned, 0);
    for (brd_future_emit_t *emit = self->emits; emit; emit = emit->next)
        unread++;
    if (unread > 0 && self->under_way)
        brd_host_credit (self->host, &self->call, unread);
    brd_host_unlock (self->host);
}

void
brood_future_destroy (brood_future_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    const int saved_errno = errno;
    brood_future_t *self = *self_p;
    *self_p = NULL;
    // In a child of whatever kind the future is the parent's.
    if (brd_handle_check (&self->handle, BRD_KIND_FUTURE, __func__) == 0
        && brd_handle_is_mine (&self->handle)) {
        if (!s_is_done (self))
            s_let_go (self);
        brd_future_unref (self);
    }
    errno = saved_errno;
}
