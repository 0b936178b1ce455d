// brood_stream.c - items in, results out, as they come
//
// SPDX-License-Identifier: MPL-2.0
//
//     feed    waits while `window` items are unfinished -> an item, its call
//     ended   (the host's sink) ordered: the item waits for its turn
//                               unordered: to the end of the ready ones
//     next    waits for the first that can be read -> result or story
//     source  next pulls from it while fewer than `window` items are
//             unfinished or unread, so an endless one stays bounded
//
// Everything is guarded by the host's lock; the stream lives until its last
// item has ended, its user's handle or not.
//
// Read next: brood_pool.c; broker/host/host_drive.c for the waits.

#include "brood/brood_stream.h"

#include <errno.h>
#include <string.h>

#include "api/brd_job_run.h"
#include "api/brd_large.h"
#include "api/brd_outcome.h"
#include "api/brd_pool.h"
#include "api/brd_waitable.h"
#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_list.h"
#include "base/brd_mem.h"
#include "client/brd_msg.h"

enum {
    S_WINDOW = 4,        // Unfinished items for each worker, by default
    S_WINDOW_TINY = 64,  // The same, when they take next to no time
    S_TINY_NS = 100000
};

typedef struct {
    brd_call_t call;
    brd_list_t link;  // In order, or ready
    brood_stream_t *stream;
    long index;
    int done;
    void *body_large;       // NULL: in outcome.small
    brd_outcome_t outcome;  // Last: its small is the body's place until done
} s_item_t;

struct brood_stream {
    brd_handle_t handle;
    brood_pool_t *pool;  // A reference
    brd_host_t *host;
    brood_task_fn *fn;
    const char *name;
    int ordered;
    size_t window;  // 0: from the workers
    brd_core_task_options_t *options;
    uint8_t priority;
    int owned;  // 1: by the user
    int closed;
    int cancelled;
    long fed;
    long unfinished;
    long unread;
    long index;           // Of the item next () returned last
    int64_t finished_at;  // When the last item ended
    int64_t pace_ns;      // Between ends, smoothed
    brd_list_t items;     // In order of feeding, not read; unordered: those
                          // that have not ended
    brd_list_t ready;     // Unordered: ended, not read
    brood_msg_t *last;    // What next () looks at
    brood_source_fn *source;
    void *source_arg;
    int source_ended;
    brood_error_info_t *source_error;
};

// --- Lifetime --------------------------------------------------------------

static void
s_item_free (s_item_t *item)
{
    brd_list_remove (&item->link);
    brd_outcome_fini (&item->outcome);
    brd_large_free (item->body_large);
    brd_mem_free (item);
}

static void
s_free_list (brd_list_t *list)
{
    while (!brd_list_empty (list))
        s_item_free (BRD_LIST_ITEM (list->next, s_item_t, link));
}

// Locked. The memory goes with the last item under way.
static void
s_maybe_free (brood_stream_t *self)
{
    if (self->owned || self->unfinished > 0)
        return;
    s_free_list (&self->items);
    s_free_list (&self->ready);
    brood_msg_destroy (&self->last);
    brd_pool_unref (self->pool);
    brd_mem_free (self->options);
    brd_mem_free (self->source_error);
    brd_handle_fini (&self->handle);
    brd_mem_free (self);
}

static int
s_set_options (brood_stream_t *self, const brood_map_options_t *options)
{
    if (!options)
        return 0;
    if (brd_map_check_options (options) < 0)
        return -1;
    self->window = options->window;
    if (!options->task)
        return 0;
    self->options = brd_mem_alloc (sizeof *self->options);
    self->priority = (uint8_t) options->task->priority;
    return self->options ? brd_pool_task_options (options->task, self->options)
                         : -1;
}

brood_stream_t *
brood_pool_imap_from (brood_pool_t *pool,
                      brood_task_fn *fn,
                      brood_source_fn *source,
                      void *arg,
                      int order,
                      const brood_map_options_t *options)
{
    if (brd_pool_check (pool, &fn, "brood_pool_imap") < 0)
        return NULL;
    BRD_REQUIRE (order == BROOD_ORDERED || order == BROOD_UNORDERED, NULL);
    brood_stream_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    brd_handle_init (&self->handle, BRD_KIND_STREAM);
    brd_pool_ref (pool);
    self->pool = pool;
    self->host = pool->host;
    self->fn = fn;
    self->name = brd_pool_task_name (brd_pool_address (&fn));
    self->ordered = order == BROOD_ORDERED;
    self->owned = 1;
    self->index = -1;
    self->source = source;
    self->source_arg = arg;
    brd_list_init (&self->items);
    brd_list_init (&self->ready);
    if (s_set_options (self, options) < 0)
        brood_stream_destroy (&self);
    return self;
}

brood_stream_t *
brood_pool_imap (brood_pool_t *pool, brood_task_fn *fn, int order)
{
    return brood_pool_imap_from (pool, fn, NULL, NULL, order, NULL);
}

// --- Ends ------------------------------------------------------------------

// How fast items end, over all workers: tiny ones get a wider window.
static void
s_pace (brood_stream_t *self)
{
    const int64_t now = brd_clock_now ();
    if (self->finished_at > 0) {
        const int64_t gap = now - self->finished_at;
        self->pace_ns = self->pace_ns > 0 ? (7 * self->pace_ns + gap) / 8 : gap;
    }
    self->finished_at = now;
}

static void
s_item_ended (s_item_t *item, const brd_call_end_t *end)
{
    brood_stream_t *self = item->stream;
    self->unfinished--;
    s_pace (self);
    // What a cancel has kept from starting is nobody's result.
    if (self->cancelled && end->error == ECANCELED) {
        self->unread--;
        s_item_free (item);
    }
    else {
        brd_outcome_keep (&item->outcome, end, self->name, item->index, 1);
        item->done = 1;
        if (!self->ordered) {
            brd_list_remove (&item->link);
            brd_list_append (&self->ready, &item->link);
        }
    }
    brd_host_changed (self->host);
    s_maybe_free (self);
}

static void
s_call_ended (brd_call_t *call, const brd_call_end_t *end)
{
    s_item_ended (BRD_LIST_ITEM (call, s_item_t, call), end);
}

// --- Feeding ---------------------------------------------------------------

static long
s_window (const brood_stream_t *self)
{
    const long each = self->pace_ns > 0 && self->pace_ns < S_TINY_NS
                          ? S_WINDOW_TINY
                          : S_WINDOW;
    return self->window > 0 ? (long) self->window : each * self->pool->workers;
}

static int
s_has_room (void *arg)
{
    const brood_stream_t *self = arg;
    return self->closed || self->cancelled || self->pool->ended
           || self->unfinished < s_window (self);
}

static int
s_may_feed (brood_stream_t *self)
{
    brd_host_lock (self->host);
    const int closed = self->closed || self->cancelled;
    const long unread = self->unread;
    brd_host_unlock (self->host);
    if (closed)
        return brd_error_set (EPIPE, "the stream is closed");
    if (self->pool->closed || self->pool->ended)
        return brd_error_set (EPIPE, "the pool is closed");
    if (unread >= BROOD_STREAM_UNREAD_MAX)
        return brd_error_set (
            ENOSPC, "%d results have not been read", BROOD_STREAM_UNREAD_MAX);
    return 0;
}

static s_item_t *
s_item_new (brood_stream_t *self, const brood_msg_t *msg)
{
    size_t size;
    const void *bytes = brd_msg_data (msg, &size);
    if (bytes && brd_pool_check_body (self->pool, bytes, size) < 0)
        return NULL;
    s_item_t *item = bytes ? brd_mem_alloc (sizeof *item) : NULL;
    if (!item)
        return NULL;
    memset (item, 0, offsetof (s_item_t, outcome.small));
    brd_list_init (&item->link);
    item->stream = self;
    if (brd_large_set_body (
            &item->call, &item->outcome, &item->body_large, bytes, size)
        < 0) {
        s_item_free (item);
        return NULL;
    }
    item->call.fn = brd_pool_there (self->pool, brd_pool_address (&self->fn));
    item->call.core.options = self->options;
    item->call.core.priority = self->priority;
    item->call.ended = s_call_ended;
    if (self->pool->pool)
        item->call.core.pool = brd_host_pool_number (self->pool->pool);
    return item;
}

// Runs the item in the caller; its end comes the same way.
static int
s_run_inline (brood_stream_t *self, s_item_t *item, const brood_msg_t *msg)
{
    brd_inline_t call;
    brd_call_end_t end;
    brood_msg_t *out = brd_msg_new_empty ();
    if (!out)
        return -1;
    brd_inline_init (&call, self->options, NULL);
    brd_inline_call (&call, self->pool, self->fn, msg, out, &end);
    brd_host_lock (self->host);
    s_item_ended (item, &end);
    brd_host_unlock (self->host);
    brood_msg_destroy (&out);
    return 0;
}

static int
s_give (brood_stream_t *self, const brood_msg_t *msg)
{
    // One that was destroyed looks as if it were inline.
    if (self->pool->ended)
        return brd_error_set (EPIPE, "the pool has ended");
    s_item_t *item = s_item_new (self, msg);
    if (!item)
        return -1;
    brd_host_lock (self->host);
    item->index = self->fed++;
    self->unfinished++;
    self->unread++;
    brd_list_append (&self->items, &item->link);
    brd_host_unlock (self->host);
    const int rc = self->pool->pool ? brd_host_submit (self->host, &item->call)
                                    : s_run_inline (self, item, msg);
    if (rc == 0)
        return 0;
    const int saved_errno = errno;
    if (self->pool->pool && (errno == EPIPE || errno == ENOEXEC))
        (void) brd_host_pool_check (self->pool->pool);
    brd_host_lock (self->host);
    self->fed--;
    self->unfinished--;
    self->unread--;
    s_item_free (item);
    brd_host_unlock (self->host);
    errno = saved_errno;
    return -1;
}

static int
s_feed (brood_stream_t *self, const brood_msg_t *msg)
{
    if (s_may_feed (self) < 0
        || brd_host_wait (self->host, s_has_room, self, BRD_NEVER) < 0
        || s_may_feed (self) < 0)
        return -1;
    return s_give (self, msg);
}

int
brood_stream_feed (brood_stream_t *self, const char *picture, ...)
{
    BRD_REQUIRE_MINE (self, BRD_KIND_STREAM, -1);
    BRD_REQUIRE (picture != NULL && !self->source, -1);
    brood_msg_t *msg = brd_msg_new_empty ();
    if (!msg)
        return -1;
    va_list args;
    va_start (args, picture);
    int rc = brood_msg_vpack (msg, picture, args);
    va_end (args);
    if (rc == 0)
        rc = s_feed (self, msg);
    brood_msg_destroy (&msg);
    return rc;
}

int
brood_stream_feed_msg (brood_stream_t *self, brood_msg_t **msg_p)
{
    BRD_REQUIRE_MINE (self, BRD_KIND_STREAM, -1);
    BRD_REQUIRE (msg_p != NULL && *msg_p != NULL && !self->source, -1);
    if (s_feed (self, *msg_p) < 0)
        return -1;
    brood_msg_destroy (msg_p);
    return 0;
}

int
brood_stream_close (brood_stream_t *self)
{
    BRD_REQUIRE_MINE (self, BRD_KIND_STREAM, -1);
    brd_host_lock (self->host);
    self->closed = 1;
    brd_host_changed (self->host);
    brd_host_unlock (self->host);
    return 0;
}

// One item from the source: 1, 0 at its end.
static int
s_pull_one (brood_stream_t *self, brood_msg_t *item)
{
    brd_msg_reset (item);
    const int more = self->source (item, self->source_arg);
    if (more == 1 && s_give (self, item) == 0)
        return 1;
    self->source_ended = 1;
    if (more == 0)
        return 0;
    // Its error comes after the results of what it gave.
    if (more < 0 && brd_error_get ()->text[0] == '\0')
        brd_error_set (EIO, "%s: the source failed", self->name);
    self->source_error = brd_mem_alloc (sizeof *self->source_error);
    if (self->source_error)
        *self->source_error = *brd_error_get ();
    return 0;
}

// 1 while the source is to be asked for more.
static int
s_wants_more (brood_stream_t *self)
{
    brd_host_lock (self->host);
    const int more = self->source && !self->source_ended && !self->cancelled
                     && self->unread < s_window (self);
    brd_host_unlock (self->host);
    return more;
}

static int
s_pull (brood_stream_t *self)
{
    if (!s_wants_more (self))
        return 0;
    brood_msg_t *item = brd_msg_new_empty ();
    if (!item)
        return -1;
    brd_error_forget ();
    while (s_wants_more (self) && s_pull_one (self, item))
        continue;
    brood_msg_destroy (&item);
    return 0;
}

// --- Reading ---------------------------------------------------------------

// The item that can be read now, or NULL.
static s_item_t *
s_readable (const brood_stream_t *self)
{
    const brd_list_t *list = self->ordered ? &self->items : &self->ready;
    if (brd_list_empty (list))
        return NULL;
    s_item_t *item = BRD_LIST_ITEM (list->next, s_item_t, link);
    return item->done ? item : NULL;
}

static int
s_at_end (const brood_stream_t *self)
{
    // A pool that has ended takes nothing more, which a source is told itself.
    const int no_more =
        self->source ? self->source_ended : self->closed || self->pool->ended;
    return (no_more || self->cancelled) && self->unread == 0;
}

static int
s_can_read (void *arg)
{
    const brood_stream_t *self = arg;
    // With a source, room is reason enough to come back: it may have more.
    const int pull = self->source && !self->source_ended && !self->cancelled
                     && self->unread < s_window (self);
    return s_readable (self) != NULL || s_at_end (self) || pull;
}

// Waits for an item and takes it: 1, 0 at the end, -1.
static int
s_take (brood_stream_t *self, int timeout_ms, s_item_t **ret_item)
{
    const int64_t deadline = brd_clock_deadline (timeout_ms);
    s_item_t *item = NULL;
    for (;;) {
        if (s_pull (self) < 0
            || brd_host_wait (self->host, s_can_read, self, deadline) < 0)
            return -1;
        brd_host_lock (self->host);
        item = s_readable (self);
        const int over = !item && s_at_end (self);
        if (item) {
            brd_list_remove (&item->link);
            self->unread--;
            self->index = item->index;
            brd_host_changed (self->host);
        }
        brd_host_unlock (self->host);
        if (item || over)
            break;
    }
    *ret_item = item;
    if (item)
        return 1;
    if (!self->source_error)
        return 0;
    brd_error_take (self->source_error);
    brd_mem_free (self->source_error);
    self->source_error = NULL;
    return -1;
}

// The item's result as a message, or NULL with its story.
static brood_msg_t *
s_open (s_item_t *item)
{
    const brd_outcome_t *outcome = &item->outcome;
    brood_msg_t *msg = NULL;
    if (brd_outcome_check (outcome, item->stream->name) == 0)
        msg = outcome->size > 0
                  ? brood_msg_new_bytes (outcome->result, outcome->size)
                  : brd_msg_new_empty ();
    const int saved_errno = errno;
    s_item_free (item);
    errno = saved_errno;
    return msg;
}

int
brood_stream_next (brood_stream_t *self,
                   int timeout_ms,
                   const char *picture,
                   ...)
{
    s_item_t *item;
    BRD_REQUIRE_MINE (self, BRD_KIND_STREAM, -1);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER && picture != NULL, -1);
    const int got = s_take (self, timeout_ms, &item);
    if (got <= 0)
        return got;
    // What the last one lent is taken back now.
    brood_msg_destroy (&self->last);
    self->last = s_open (item);
    if (!self->last)
        return -1;
    va_list args;
    va_start (args, picture);
    const int rc = brood_msg_vunpack (self->last, picture, args);
    va_end (args);
    return rc < 0 ? -1 : 1;
}

brood_msg_t *
brood_stream_next_msg (brood_stream_t *self, int timeout_ms)
{
    s_item_t *item;
    BRD_REQUIRE_MINE (self, BRD_KIND_STREAM, NULL);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, NULL);
    const int got = s_take (self, timeout_ms, &item);
    if (got == 0)
        brd_error_set (ENODATA, "the stream is at its end");
    return got == 1 ? s_open (item) : NULL;
}

long
brood_stream_index (const brood_stream_t *self)
{
    BRD_REQUIRE_MINE (self, BRD_KIND_STREAM, -1);
    return self->index;
}

static int
s_prepare_to_wait (void *handle)
{
    return s_pull (handle);
}

// Room for more of a source is no reason here: it was pulled before.
static int
s_is_ready (void *handle)
{
    const brood_stream_t *self = handle;
    return s_readable (self) != NULL || s_at_end (self);
}

const brd_waitable_t brd_stream_waitable = {
    .prepare = s_prepare_to_wait,
    .ready = s_is_ready,
    .on_host = 1,
};

// --- Giving up -------------------------------------------------------------

// Locked. Asks the host to end what is under way.
static void
s_cancel (brood_stream_t *self)
{
    self->cancelled = self->closed = 1;
    brd_list_t *next;
    for (brd_list_t *i = self->items.next; i != &self->items; i = next) {
        s_item_t *item = BRD_LIST_ITEM (i, s_item_t, link);
        next = i->next;
        if (!item->done && self->pool->pool)
            brd_host_cancel_later (self->host, &item->call, -1);
    }
    brd_host_changed (self->host);
}

int
brood_stream_cancel (brood_stream_t *self)
{
    BRD_REQUIRE_MINE (self, BRD_KIND_STREAM, -1);
    brd_host_t *host = self->host;
    brd_host_lock (host);
    s_cancel (self);
    brd_host_follow_up (host);
    brd_host_unlock (host);
    return 0;
}

void
brood_stream_destroy (brood_stream_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    const int saved_errno = errno;
    brood_stream_t *self = *self_p;
    *self_p = NULL;
    if (brd_handle_check (&self->handle, BRD_KIND_STREAM, __func__) == 0
        && brd_handle_is_mine (&self->handle)) {
        brd_host_t *host = self->host;
        brd_host_lock (host);
        s_cancel (self);
        // The last item to end frees the stream, maybe in the follow-up.
        self->owned = 0;
        self->unfinished++;
        brd_host_follow_up (host);
        self->unfinished--;
        s_maybe_free (self);
        brd_host_unlock (host);
    }
    errno = saved_errno;
}
