// host_far.c - a host below: a worker of many slots, reached by messages alone
//
// SPDX-License-Identifier: MPL-2.0
//
// What a page says at once of a worker next door, a host has to be asked and
// answers when it does. So each delivery has its seq, and an answer about one
// that is not there any more is old news.
//
//     peer ready        SLOTS      -> JOIN, then UP; WIDTH when it changes
//     offer             into out                      flush: one message
//     reclaim, cancel   RECLAIM, CANCEL, KILL         RECLAIMED, KEPT, RESULTS
//     result            RESULTS    -> DONE, with its story if it went wrong
//     silent            WIDTH 0, until it is heard again
//     distance          RTT: its link's, and what it says is behind it
//     end               STOP, until RETIRE            LOST
//     managers' clients                               DUCT_...  host_duct.c
//
// One that is another program shares no memory with us: bodies and results
// travel whole, functions as numbers. What was sent to one that is lost may
// have run; what was not goes back.
//
// Read next: host_hosts.c, the pool it is in; host_guest.c, the other end.

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
    S_RETRY_NS = 10000000,
    S_MESSAGES_MAX = 256  // In one go
};

// No host is further than this, whatever it says.
#define S_BEHIND_MAX UINT64_C (3600000000000)

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

// The next turn does what follows. One that has something of ours in our own
// memory is not left to itself, but told to end all of it.
void
brd_host_far_give_up (brd_host_far_t *self)
{
    self->failed = 1;
    self->left |= self->pool->remote;
    self->pool->host->touched = 1;
}

static void
s_send (brd_host_far_t *self, brd_buf_t *out)
{
    self->pool->host->touched = 1;
    if (self->peer && self->peer->send (self->peer, out) == 0)
        return;
    self->left |= errno == EHOSTUNREACH || errno == EPIPE;
    brd_host_far_give_up (self);
}

void
brd_host_far_pass (brd_host_far_t *self, brd_buf_t *out)
{
    // After one that is missing nothing makes sense.
    if (self->failed)
        return;
    if (out)
        s_send (self, out);
    else
        brd_host_far_give_up (self);
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
        .attempt = brd_host_attempt (call),
        .kind = call->kind,
        .flags = call->core.whole ? BRD_TASK_WHOLE : 0,
        .priority = call->core.priority,
        .grace_ms = grace_ms < UINT32_MAX ? (uint32_t) grace_ms : UINT32_MAX,
        .body = call->body,
    };
    if (!self->pool->remote)
        brd_host_worker_place (self, call, &task, place);
    // A large body goes alone.
    if (self->out_count > 0
        && self->out.size + task.size > 2 * BRD_WIRE_BATCH_BYTES)
        brd_host_far_flush (self);
    return brd_host_worker_add (self, &task);
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
        brd_host_far_give_up (self->far);
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
    s_send (self->far, &self->out);
    if (!self->far->failed)
        self->far->sent = self->pool->host->seq;
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
        brd_host_far_give_up (self->far);
    else {
        brd_frame_close (&out, 1);
        s_send (self->far, &out);
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

// Who has given it asked too. What is back goes on to there, so the core must
// not give it to anybody else: it is told before that nobody wants it.
static void
s_return (brd_host_worker_t *self, brd_call_t *call, brd_core_event_type_t type)
{
    const brd_wire_note_t note = { .seq = call->seq };
    const brd_core_event_t event = { .type = BRD_CORE_CANCEL,
                                     .task = &call->core };
    call->returning = 0;
    if (type == BRD_CORE_RECLAIMED)
        (void) brd_host_step (self->pool->host, &event);
    else
        call->noted (call, BRD_OP_KEPT, &note);
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
    if (call->returning)
        s_return (self, call, type);
    (void) brd_host_step (self->pool->host, &event);
}

// One host's pool has ended, not this one: 1 if the task is back for another,
// else its worker there is gone.
static int
s_is_turned_away (brd_host_worker_t *self,
                  uint64_t seq,
                  brd_wire_story_t *story)
{
    if (self->pool->only || (story->error != EPIPE && story->error != ENOEXEC))
        return 0;
    if (story->pid == 0) {
        s_answer (self, seq, BRD_CORE_RECLAIMED);
        return 1;
    }
    story->error = ECHILD;
    story->bits |= BRD_STORY_MAYBE;
    return 0;
}

// -1: not one a host may send.
static int
s_result (brd_host_worker_t *self, const brd_wire_result_t *result)
{
    const int told = (result->flags & BRD_RESULT_STORY) != 0;
    brd_wire_story_t story;
    if ((result->flags & ~(BRD_RESULT_STORY | BRD_RESULT_IN_ARENA)) != 0
        || ((told || self->pool->remote)
            && (result->flags & BRD_RESULT_IN_ARENA))
        || (told
            && brd_frame_get_story (result->body, result->size, &story) < 0))
        return brd_error_set (EPROTO, "a host's result that is none");
    if (told && s_is_turned_away (self, result->seq, &story))
        return 0;
    brd_call_t *call = s_find (self, result->seq);
    if (call)
        s_done (self, call, result, told ? &story : NULL);
    return 0;
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

// A number without a host behind it does not stay.
static int
s_join (brd_host_far_t *self)
{
    brd_host_pool_t *pool = self->pool;
    const brd_core_event_t event = { .type = BRD_CORE_WORKER_JOIN,
                                     .pool = pool->number };
    if (brd_host_step (pool->host, &event) < 0)
        return -1;
    self->worker = brd_host_worker_new_far (self, pool->far_joined);
    if (self->worker)
        return 0;
    s_event (pool->host, BRD_CORE_WORKER_DOWN, pool->far_joined, 0);
    return -1;
}

static void
s_width (const brd_host_far_t *self)
{
    s_event (self->pool->host,
             BRD_CORE_WORKER_WIDTH,
             self->worker->number,
             self->silent || self->draining ? 0 : self->slots);
    brd_host_hosts_count (self->pool);
}

// A far one has more to do while what comes next is on its way.
static void
s_measure (brd_host_far_t *self)
{
    const brd_peer_t *peer = self->peer;
    const int64_t rtt = self->behind + (peer->rtt ? peer->rtt (peer) : 0);
    if (!self->worker || !brd_host_is_other_rtt (rtt, self->rtt))
        return;
    const brd_core_event_t event = {
        .type = BRD_CORE_WORKER_RTT,
        .worker = self->worker->number,
        .time_ns = rtt,
    };
    self->rtt = rtt;
    (void) brd_host_step (self->pool->host, &event);
    brd_host_hosts_count (self->pool);
}

static void
s_up (brd_host_far_t *self)
{
    if (s_join (self) < 0) {
        brd_host_far_give_up (self);
        return;
    }
    s_event (self->pool->host,
             BRD_CORE_WORKER_UP,
             self->worker->number,
             self->slots);
    self->since = self->pool->host->now;
    s_width (self);
}

// It will not serve this pool, or no more. What is wrong with the initializer
// is wrong everywhere.
static void
s_refused (brd_host_far_t *self, const brd_wire_note_t *note)
{
    brd_host_pool_t *pool = self->pool;
    const int size = note->size < BRD_PAGE_TEXT ? (int) note->size : 0;
    const char *words = note->body;
    self->left = 1;
    brd_log (BROOD_LOG_ERROR, "%s: a host: %.*s", pool->name, size, words);
    if ((pool->only || note->seq == ENOEXEC) && pool->reason[0] == '\0')
        snprintf (pool->reason, sizeof pool->reason, "%.*s", size, words);
    if (note->seq == ENOEXEC && (self->worker || s_join (self) == 0))
        s_event (pool->host, BRD_CORE_WORKER_BAD, self->worker->number, 0);
}

// Who is invited says 0 once, and has none for us then.
static void
s_slots (brd_host_far_t *self, const brd_wire_note_t *note)
{
    brd_host_pool_t *pool = self->pool;
    self->slots = note->count;
    self->behind = note->count == 0           ? 0
                   : note->seq < S_BEHIND_MAX ? (int64_t) note->seq
                                              : (int64_t) S_BEHIND_MAX;
    pool->host->changed = 1;
    if (pool->remote && note->count == 0 && note->seq != 0)
        s_refused (self, note);
    else if (self->worker)
        s_width (self);
    else if (note->count == 0)
        pool->refused = pool->only && !pool->remote;
    else if (!pool->ending && !self->draining)
        s_up (self);
}

// All that is not for this host alone. Whether it has started is not asked of
// the core, which guesses: the host knows, and keeps what has.
static void
s_ask_back (brd_host_worker_t *self)
{
    brd_buf_t out;
    brd_list_t *i = self->far_calls.next;
    brd_host_far_flush (self);
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    while (i != &self->far_calls && !self->far->failed) {
        uint32_t count = 0;
        int rc = brd_frame_begin (&out, BRD_OP_RECLAIM);
        for (; rc == 0 && count < BRD_WIRE_BATCH_MAX && i != &self->far_calls;
             i = i->next) {
            const brd_call_t *call = BRD_LIST_ITEM (i, brd_call_t, held);
            const brd_wire_note_t note = { .seq = call->seq };
            if (call->core.pin != 0)
                continue;
            rc = brd_frame_add_note (&out, &note);
            count++;
        }
        if (rc < 0)
            brd_host_far_give_up (self->far);
        else if (count > 0) {
            brd_frame_close (&out, count);
            s_send (self->far, &out);
        }
        out.size = 0;
    }
    brd_buf_fini (&out);
}

void
brd_host_far_rest (brd_host_far_t *self, int on)
{
    if (self->draining == on || self->parting || self->stopped || self->left)
        return;
    self->draining = on;
    self->since = self->pool->host->now;
    if (self->worker) {
        s_width (self);
        if (on)
            s_ask_back (self->worker);
    }
    else if (!on && self->slots > 0 && !self->pool->ending)
        s_up (self);
}

void
brd_host_far_part (brd_host_far_t *self)
{
    brd_host_far_rest (self, 1);
    self->parting = 1;
    self->pool->host->touched = 1;
}

// The pool has no other: what it was given ends as if it were terminated.
static void
s_break (const brd_host_far_t *self)
{
    char why[BRD_PAGE_TEXT];
    if (self->pool->remote)
        snprintf (why,
                  sizeof why,
                  "the pool is broken: the program that ran its tasks is "
                  "gone%s%.120s",
                  self->why[0] != '\0' ? ": " : "",
                  self->why);
    else
        snprintf (why,
                  sizeof why,
                  "%s",
                  self->failed ? "the pool is broken: no memory on the way to "
                                 "its owner"
                               : "the pool's owner has closed or ended it");
    brd_host_pool_break (self->pool, EPIPE, why);
}

// What is with us still was not started; the youngest goes back first, each to
// the head of its line.
static void
s_bury (brd_host_worker_t *self)
{
    brd_host_t *host = self->pool->host;
    const uint64_t sent = self->far->sent;
    self->ended = 1;
    self->out_count = 0;
    s_event (host, BRD_CORE_WORKER_ENDING, self->number, 0);
    while (!brd_list_empty (&self->far_calls)) {
        brd_call_t *call =
            BRD_LIST_ITEM (self->far_calls.prev, brd_call_t, held);
        if (call->seq <= sent)
            break;
        s_answer (self, call->seq, BRD_CORE_RECLAIMED);
    }
    while (!brd_list_empty (&self->far_calls))
        s_release (self,
                   BRD_LIST_ITEM (self->far_calls.next, brd_call_t, held));
    s_event (host, BRD_CORE_WORKER_LOST, self->number, 0);
}

void
brd_host_far_lost (brd_host_far_t *self)
{
    brd_host_pool_t *pool = self->pool;
    brd_host_t *host = pool->host;
    host->changed = 1;
    brd_host_duct_far_lost (self);
    brd_host_ignore (host, self->peer->fd);
    self->peer->destroy (self->peer);
    self->peer = NULL;
    brd_list_remove (&self->link);
    host->remotes -= pool->remote ? 1 : 0;
    self->slots = 0;
    brd_host_hosts_count (pool);
    if (pool->only && !pool->ending && pool->broken == 0
        && (self->failed || !self->stopped))
        s_break (self);
    if (self->worker)
        s_bury (self->worker);
    brd_mem_free (self);
}

// -1: not one a host may send.
static int
s_message (brd_host_far_t *self, const void *bytes, size_t size)
{
    brd_host_worker_t *worker = self->worker;
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
        s_slots (self, &note);
        return 0;
    case BRD_OP_RESULTS:
        while (worker
               && (more = brd_frame_next_result (&frame, &result)) == 1) {
            if (s_result (worker, &result) < 0)
                return -1;
        }
        return more;
    case BRD_OP_PROGRESS:
    case BRD_OP_EMIT:
    case BRD_OP_RECLAIMED:
    case BRD_OP_KEPT:
        return worker ? s_notes (worker, &frame) : 0;
    case BRD_OP_DUCT_OPEN:
    case BRD_OP_DUCT_BYTES:
    case BRD_OP_DUCT_CREDIT:
    case BRD_OP_DUCT_END:
        return brd_host_duct_from_below (self, &frame);
    case BRD_OP_RETIRE:
        self->left = 1;
        return 0;
    default:
        return brd_error_set (EPROTO, "not an operation of a host");
    }
}

void
brd_host_far_stop (brd_host_far_t *self)
{
    brd_host_t *host = self->pool->host;
    brd_buf_t out;
    if (!self->peer || self->stopped)
        return;
    if (self->worker)
        brd_host_far_flush (self->worker);
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    self->stopped = brd_frame_begin (&out, BRD_OP_STOP) == 0
                    && self->peer->send (self->peer, &out) == 0;
    // It has not come yet, or has gone already: it has nothing of ours.
    self->left |= !self->stopped && (errno == EHOSTUNREACH || errno == EPIPE);
    brd_buf_fini (&out);
    self->retry_at = self->stopped ? BRD_NEVER : host->now + S_RETRY_NS;
    host->touched |= self->stopped || self->left;
}

// A silent one keeps what it has and gets nothing new.
static void
s_listen (brd_host_far_t *self)
{
    const int64_t now = self->pool->host->now;
    const int silent =
        self->peer->silent && self->peer->silent (self->peer, now);
    if (silent == self->silent)
        return;
    self->silent = silent;
    self->since = now;
    if (self->worker)
        s_width (self);
}

// Takes one message: 1, or 0 if there is none.
static int
s_take (brd_host_far_t *self)
{
    brd_peer_t *peer = self->peer;
    const void *bytes;
    size_t size;
    if (peer->recv (peer, &bytes, &size) < 0) {
        self->left = errno != EAGAIN;
        if (self->left)
            snprintf (
                self->why, sizeof self->why, "%.159s", brd_error_get ()->text);
        return 0;
    }
    self->pool->host->now = brd_clock_now ();
    if (s_message (self, bytes, size) < 0) {
        brd_log (BROOD_LOG_ERROR,
                 "%s: the host below: %s",
                 self->pool->name,
                 brd_error_get ()->text);
        self->left = 1;
    }
    peer->done (peer);
    return 1;
}

int
brd_host_far_drain (brd_host_far_t *self)
{
    const brd_host_t *host = self->pool->host;
    int count = 0;
    if (self->peer->turn)
        self->peer->turn (self->peer, host->now);
    while (count < S_MESSAGES_MAX && !self->left && s_take (self))
        count++;
    if (!self->left) {
        s_listen (self);
        s_measure (self);
    }
    if (self->retry_at == BRD_NEVER
            ? self->failed
                  || (self->parting && self->worker && self->worker->held == 0)
            : host->now >= self->retry_at)
        brd_host_far_stop (self);
    if (self->left)
        brd_host_far_lost (self);
    return count;
}

int64_t
brd_host_far_deadline (const brd_host_far_t *self)
{
    const int64_t due =
        self->peer->due ? self->peer->due (self->peer, self->pool->host->now)
                        : BRD_NEVER;
    return self->retry_at < due ? self->retry_at : due;
}
