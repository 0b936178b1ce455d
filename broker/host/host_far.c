// host_far.c - a host below: a worker of many slots, reached by messages alone
//
// SPDX-License-Identifier: MPL-2.0
//
// What a page says at once of a worker next door, a host has to be asked and
// answers when it does. So each delivery has its seq, and an answer about one
// that is not there any more is old news.
//
//     line ready        SLOTS      -> JOIN, then UP; WIDTH when it changes
//     offer             into out                      flush: one message
//     reclaim, cancel   RECLAIM, CANCEL, KILL         RECLAIMED, KEPT, RESULTS
//     result            RESULTS    -> DONE, with its story if it went wrong
//     end               STOP, until RETIRE            LOST
//
// Read next: host_guest.c, the other end.

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_log.h"
#include "base/brd_mem.h"
#include "host/host_internal.h"
#include "wire/brd_frame.h"
#include "wire/brd_limits.h"

enum {
    S_END_MS = 30000,  // For all that is to be ended: it may be in our memory
    S_RETRY_NS = 10000000,
    S_MESSAGES_MAX = 256  // In one go
};

static void
s_event (brd_host_t *host,
         brd_core_event_type_t type,
         uint32_t worker,
         uint32_t count)
{
    const brd_core_event_t event = {
        .type = type,
        .worker = worker,
        .count = count,
    };
    (void) brd_host_step (host, &event);
}

// --- To it -----------------------------------------------------------------

// The next turn does what follows: what it has from us may be using our memory,
// so it is not left to itself, but told to end all of it.
void
brd_host_far_give_up (brd_host_pool_t *pool)
{
    pool->far_failed = 1;
    pool->host->touched = 1;
}

static void
s_send (brd_host_worker_t *self, brd_buf_t *out)
{
    brd_peer_t *line = self->pool->line;
    self->pool->host->touched = 1;
    if (line->send (line, out) == 0)
        return;
    self->pool->far_left |= errno == EHOSTUNREACH;
    brd_host_far_give_up (self->pool);
}

static int
s_append (brd_host_worker_t *self, const brd_call_t *call)
{
    unsigned char place[BRD_FRAME_PLACE];
    const brd_core_task_options_t *options = call->core.options;
    const int64_t grace_ms = options ? options->grace_ns / 1000000 : 0;
    brd_wire_task_t task = {
        .seq = call->seq,
        .fn = call->fn,
        .timeout_ns = options ? options->timeout_ns : 0,
        .size = call->core.size_bytes,
        .attempt = call->core.attempt,
        .kind = call->kind,
        .flags = call->core.whole ? BRD_TASK_WHOLE : 0,
        .priority = call->core.priority,
        .grace_ms = grace_ms < UINT32_MAX ? (uint32_t) grace_ms : UINT32_MAX,
        .body = call->body,
    };
    brd_host_worker_place (self, call, &task, place);
    if (self->out_count == 0) {
        self->out.size = 0;
        if (brd_frame_begin (&self->out, BRD_OP_TASKS) < 0)
            return -1;
        brd_list_append (&self->pool->host->dirty, &self->dirty);
    }
    if (brd_frame_add_task (&self->out, &task) < 0)
        return -1;
    self->out_count++;
    return 0;
}

void
brd_host_far_offer (brd_host_worker_t *self, brd_call_t *call)
{
    call->worker = self;
    call->bytes = NULL;  // Of an attempt before
    call->size = 0;
    call->block = NULL;
    call->story = NULL;
    call->seq = ++self->pool->host->seq;
    brd_list_append (&self->far_calls, &call->held);
    self->held++;
    if (s_append (self, call) < 0)
        brd_host_far_give_up (self->pool);
    else if (self->out_count == BRD_WIRE_BATCH_MAX
             || self->out.size > BRD_WIRE_BATCH_BYTES)
        brd_host_far_flush (self);
}

void
brd_host_far_flush (brd_host_worker_t *self)
{
    brd_list_remove (&self->dirty);
    if (self->out_count == 0)
        return;
    brd_frame_close (&self->out, self->out_count);
    self->out_count = 0;
    s_send (self, &self->out);
}

void
brd_host_far_tell (brd_host_worker_t *self,
                   const brd_call_t *call,
                   brd_op_t op,
                   uint32_t count)
{
    const brd_wire_note_t note = { .seq = call->seq, .count = count };
    brd_buf_t out;
    brd_host_far_flush (self);
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    if (brd_frame_begin (&out, op) < 0 || brd_frame_add_note (&out, &note) < 0)
        brd_host_far_give_up (self->pool);
    else {
        brd_frame_close (&out, 1);
        s_send (self, &out);
    }
    brd_buf_fini (&out);
}

// --- From it ---------------------------------------------------------------

// Answers come about in the order of the offers: it is near the head.
static brd_call_t *
s_find (const brd_host_worker_t *self, uint64_t seq)
{
    for (brd_list_t *i = self->far_calls.next; i != &self->far_calls;
         i = i->next) {
        brd_call_t *call = BRD_LIST_ITEM (i, brd_call_t, held);
        if (call->seq == seq)
            return call;
    }
    return NULL;
}

static void
s_release (brd_host_worker_t *self, brd_call_t *call)
{
    brd_list_remove (&call->held);
    self->held--;
    call->worker = NULL;
}

// What the core is told: what it has no event for is a failure with a text.
static int
s_error (int status, const brd_wire_story_t *story)
{
    if (!story)
        return status == 0 ? 0 : EIO;
    switch (story->error) {
    case ECHILD:
    case ETIMEDOUT:
    case ECANCELED:
    case EPIPE:
    case ENOEXEC:
        return story->error;
    default:
        return EIO;
    }
}

// Tells the core; bytes stay where they are for the step.
static void
s_done (brd_host_worker_t *self,
        brd_call_t *call,
        const brd_wire_result_t *result,
        const brd_wire_story_t *story)
{
    static const char lost[] = "the result is not where its host said";
    brd_arena_t *arena = self->pool->host->arena;
    const int placed = (result->flags & BRD_RESULT_IN_ARENA) != 0;
    size_t size = result->size;
    void *block =
        placed ? brd_host_worker_block (self, result->body, &size) : NULL;
    const int gone = placed && !block;
    const brd_core_event_t event = {
        .type = BRD_CORE_DONE,
        .task = &call->core,
        .error = gone ? EIO : s_error (result->status, story),
        .time_ns = result->time_ns > 0 ? result->time_ns : 1,
        .lost = story && (story->bits & BRD_STORY_LOST),
        .maybe = story && (story->bits & BRD_STORY_MAYBE),
    };
    s_release (self, call);
    call->status = gone ? -1 : story ? story->status : result->status;
    call->bytes = gone    ? lost
                  : story ? (const void *) story->text
                  : block ? block
                          : result->body;
    call->size = gone ? sizeof lost - 1 : story ? story->size : size;
    call->block = block ? &block : NULL;
    call->story = story;
    (void) brd_host_step (self->pool->host, &event);
    // The call may be gone; if it did not want the block, that goes too.
    brd_arena_free (arena, block);
}

// -1: not one a host may send.
static int
s_result (brd_host_worker_t *self, const brd_wire_result_t *result)
{
    const int told = (result->flags & BRD_RESULT_STORY) != 0;
    brd_wire_story_t story;
    if ((result->flags & ~(BRD_RESULT_STORY | BRD_RESULT_IN_ARENA)) != 0
        || (told && (result->flags & BRD_RESULT_IN_ARENA))
        || (told
            && brd_frame_get_story (result->body, result->size, &story) < 0))
        return brd_error_set (EPROTO, "a host's result that is none");
    brd_call_t *call = s_find (self, result->seq);
    if (call)
        s_done (self, call, result, told ? &story : NULL);
    return 0;
}

static void
s_answer (brd_host_worker_t *self, uint64_t seq, brd_core_event_type_t type)
{
    brd_call_t *call = s_find (self, seq);
    if (!call)
        return;
    const brd_core_event_t event = { .type = type, .task = &call->core };
    if (type == BRD_CORE_RECLAIMED)
        s_release (self, call);
    (void) brd_host_step (self->pool->host, &event);
}

static void
s_note (brd_host_worker_t *self, brd_op_t op, const brd_wire_note_t *note)
{
    brd_host_t *host = self->pool->host;
    brd_call_t *call = s_find (self, note->seq);
    if (!call)
        return;
    if (call->noted) {
        call->noted (call, op, note);
        host->changed = 1;
    }
    else if (op == BRD_OP_EMIT)
        brd_host_credit (host, call, 1);  // Nobody reads them
}

static int
s_notes (brd_host_worker_t *self, brd_frame_t *frame)
{
    brd_wire_note_t note;
    int more;
    while ((more = brd_frame_next_note (frame, &note)) == 1) {
        if (frame->op == BRD_OP_RECLAIMED)
            s_answer (self, note.seq, BRD_CORE_RECLAIMED);
        else if (frame->op == BRD_OP_KEPT)
            s_answer (self, note.seq, BRD_CORE_KEPT);
        else
            s_note (self, frame->op, &note);
    }
    return more;
}

// --- Coming and going ------------------------------------------------------

void
brd_host_far_joined (brd_host_pool_t *pool, uint32_t number)
{
    pool->far_joined = number;
}

// A number without a host behind it does not stay.
static void
s_join (brd_host_pool_t *pool)
{
    brd_host_t *host = pool->host;
    const brd_core_event_t event = { .type = BRD_CORE_WORKER_JOIN,
                                     .pool = pool->number };
    if (brd_host_step (host, &event) < 0) {
        brd_host_far_give_up (pool);
        return;
    }
    brd_host_worker_t *self = brd_host_worker_new_far (pool, pool->far_joined);
    if (!self) {
        s_event (host, BRD_CORE_WORKER_DOWN, pool->far_joined, 0);
        brd_host_far_give_up (pool);
        return;
    }
    pool->far = self;
    s_event (host, BRD_CORE_WORKER_UP, self->number, pool->far_slots);
}

static void
s_slots (brd_host_pool_t *pool, uint32_t slots)
{
    pool->far_slots = slots;
    pool->host->changed = 1;
    if (pool->far)
        s_event (pool->host, BRD_CORE_WORKER_WIDTH, pool->far->number, slots);
    else if (slots == 0)
        pool->far_refused = 1;
    else if (!pool->ending)
        s_join (pool);
}

// The pool has no other: what it was given ends as if it were terminated.
static void
s_break (brd_host_pool_t *pool)
{
    const brd_core_event_t event = { .type = BRD_CORE_POOL_TERMINATE,
                                     .pool = pool->number };
    pool->broken = EPIPE;
    snprintf (pool->reason,
              sizeof pool->reason,
              "%s",
              pool->far_failed ? "the pool is broken: no memory on the way to "
                                 "its owner"
                               : "the pool's owner has closed or ended it");
    (void) brd_host_step (pool->host, &event);
}

static void
s_bury (brd_host_worker_t *self)
{
    brd_host_t *host = self->pool->host;
    const uint32_t number = self->number;
    self->ended = 1;
    while (!brd_list_empty (&self->far_calls))
        s_release (self,
                   BRD_LIST_ITEM (self->far_calls.next, brd_call_t, held));
    s_event (host, BRD_CORE_WORKER_ENDING, number, 0);
    s_event (host, BRD_CORE_WORKER_LOST, number, 0);
}

// It has left, or cannot be heard.
static void
s_lost (brd_host_pool_t *pool)
{
    brd_host_t *host = pool->host;
    brd_host_worker_t *self = pool->far;
    pool->far = NULL;
    pool->far_slots = 0;
    pool->far_left = 0;
    pool->far_retry_at = BRD_NEVER;
    host->changed = 1;
    brd_host_unwatch (host, pool->line->fd);
    pool->line->destroy (pool->line);
    pool->line = NULL;
    host->lines--;
    if (!pool->ending && pool->broken == 0
        && (pool->far_failed || !pool->far_stopped))
        s_break (pool);
    if (self)
        s_bury (self);
}

// -1: not one a host may send.
static int
s_message (brd_host_pool_t *pool, const void *bytes, size_t size)
{
    brd_host_worker_t *self = pool->far;
    brd_frame_t frame;
    brd_wire_result_t result;
    brd_wire_note_t note;
    int more = 0;
    if (brd_frame_open (&frame, bytes, size) < 0)
        return -1;
    switch (frame.op) {
    case BRD_OP_SLOTS:
        if (brd_frame_next_note (&frame, &note) != 1)
            return -1;
        s_slots (pool, note.count);
        return 0;
    case BRD_OP_RESULTS:
        while (self && (more = brd_frame_next_result (&frame, &result)) == 1) {
            if (s_result (self, &result) < 0)
                return -1;
        }
        return more;
    case BRD_OP_PROGRESS:
    case BRD_OP_EMIT:
    case BRD_OP_RECLAIMED:
    case BRD_OP_KEPT:
        return self ? s_notes (self, &frame) : 0;
    case BRD_OP_RETIRE:
        pool->far_left = 1;
        return 0;
    default:
        return brd_error_set (EPROTO, "not an operation of a host");
    }
}

static void
s_send_stop (brd_host_pool_t *pool)
{
    brd_buf_t out;
    if (!pool->line || pool->far_stopped)
        return;
    if (pool->far)
        brd_host_far_flush (pool->far);
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    pool->far_stopped = brd_frame_begin (&out, BRD_OP_STOP) == 0
                        && pool->line->send (pool->line, &out) == 0;
    // It has not come yet, or has gone already: it has nothing of ours.
    pool->far_left |= !pool->far_stopped && errno == EHOSTUNREACH;
    brd_buf_fini (&out);
    pool->far_retry_at =
        pool->far_stopped ? BRD_NEVER : pool->host->now + S_RETRY_NS;
    pool->host->touched |= pool->far_stopped;
}

static int
s_drain (brd_host_pool_t *pool)
{
    brd_peer_t *line = pool->line;
    const void *bytes;
    size_t size;
    int count = 0;
    while (count < S_MESSAGES_MAX && !pool->far_left) {
        if (line->recv (line, &bytes, &size) < 0) {
            pool->far_left = errno != EAGAIN;
            break;
        }
        count++;
        pool->host->now = brd_clock_now ();
        if (s_message (pool, bytes, size) < 0) {
            brd_log (BROOD_LOG_ERROR,
                     "%s: the host below: %s",
                     pool->name,
                     brd_error_get ()->text);
            pool->far_left = 1;
        }
        line->done (line);
    }
    if (pool->far_retry_at == BRD_NEVER ? pool->far_failed
                                        : pool->host->now >= pool->far_retry_at)
        s_send_stop (pool);
    if (pool->far_left)
        s_lost (pool);
    return count;
}

int64_t
brd_host_far_deadline (const brd_host_t *self)
{
    int64_t due = BRD_NEVER;
    if (self->lines == 0)
        return due;
    for (const brd_list_t *i = self->pools.next; i != &self->pools;
         i = i->next) {
        const brd_host_pool_t *pool = BRD_LIST_ITEM (i, brd_host_pool_t, link);
        if (pool->line && pool->far_retry_at < due)
            due = pool->far_retry_at;
    }
    return due;
}

int
brd_host_far_drain (brd_host_t *self)
{
    int count = 0;
    if (self->lines == 0)
        return 0;
    for (brd_list_t *i = self->pools.next; i != &self->pools; i = i->next) {
        brd_host_pool_t *pool = BRD_LIST_ITEM (i, brd_host_pool_t, link);
        if (pool->line)
            count += s_drain (pool);
    }
    return count;
}

static int
s_has_left (void *arg)
{
    return ((const brd_host_pool_t *) arg)->line == NULL;
}

void
brd_host_far_stop (brd_host_worker_t *self)
{
    s_send_stop (self->pool);
}

// The tasks are ended there too, and until they have they may use what is ours.
void
brd_host_far_end (brd_host_pool_t *pool, int64_t deadline)
{
    brd_host_t *host = pool->host;
    const int64_t patience = brd_clock_deadline (S_END_MS);
    if (patience < deadline)
        deadline = patience;
    brd_host_lock (host);
    host->now = brd_clock_now ();
    s_send_stop (pool);
    brd_host_turn (host, 0);
    brd_host_unlock (host);
    while (brd_host_wait (host, s_has_left, pool, deadline) < 0
           && errno == EINTR)
        continue;
    brd_host_lock (host);
    host->now = brd_clock_now ();
    if (pool->line)
        s_lost (pool);
    brd_host_unlock (host);
}
