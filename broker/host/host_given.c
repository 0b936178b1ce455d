// host_given.c - what a guest has given, and what it is answered
//
// SPDX-License-Identifier: MPL-2.0
//
//     TASKS      a call of the pool each               -> SUBMIT
//     RECLAIM    CANCEL, if no worker has it yet       -> RECLAIMED, KEPT
//     CANCEL     CANCEL, KILL; its end is the answer
//     s_ended    RESULTS, gathered until the turn ends
//
// An answer that cannot be sent for want of memory is as good as none, so its
// guest is told to leave: by whatever gets through later.
//
// Read next: host_guest.c.

#include <errno.h>
#include <string.h>

#include "base/brd_check.h"
#include "base/brd_mem.h"
#include "host/host_guest.h"
#include "wire/brd_frame.h"
#include "wire/brd_job.h"
#include "wire/brd_limits.h"

enum {
    S_GONE_GRACE_NS = 1000000000  // For what nobody waits for any more
};

typedef struct {
    brd_call_t call;  // First
    brd_host_guest_t *guest;
    brd_list_t link;  // In guest.given
    uint64_t seq;     // The guest's
    uint16_t attempts_before;
    int reclaiming;  // 1: it is cancelled to be given back
    brd_core_task_options_t options;
    _Alignas(8) unsigned char body[];
} s_given_t;

// --- To the guest ----------------------------------------------------------

// A guest that cannot be answered is told to leave, by whatever gets through
// later; what it has given is ended for that.
static void
s_fail (brd_host_guest_t *self)
{
    self->out_count = 0;
    self->leaving = self->failed = 1;
    self->host->touched = 1;
}

// One that is gone was a worker's, whose death has its own report; a peer says
// so itself when it is read.
static int
s_send (brd_host_guest_t *self, brd_buf_t *out)
{
    self->host->touched = 1;
    if (self->remote)
        return !self->line || self->line->send (self->line, out) == 0
                       || errno == EPIPE || errno == EHOSTUNREACH
                   ? 0
                   : -1;
    return brd_zmq_send (self->host->link, self->peer, out) == 0
                   || errno == EHOSTUNREACH
               ? 0
               : -1;
}

void
brd_host_given_flush (brd_host_guest_t *self)
{
    if (self->out_count == 0)
        return;
    brd_frame_close (&self->out, self->out_count);
    self->out_count = 0;
    if (s_send (self, &self->out) < 0)
        s_fail (self);
}

int
brd_host_given_try_tell (brd_host_guest_t *self,
                         brd_op_t op,
                         const brd_wire_note_t *note)
{
    brd_buf_t out;
    int rc = -1;
    brd_host_given_flush (self);
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    if (brd_frame_begin (&out, op) == 0
        && (!note || brd_frame_add_note (&out, note) == 0)) {
        brd_frame_close (&out, note ? 1 : 0);
        rc = s_send (self, &out);
    }
    brd_buf_fini (&out);
    return rc;
}

void
brd_host_given_tell (brd_host_guest_t *self,
                     brd_op_t op,
                     const brd_wire_note_t *note)
{
    if (brd_host_given_try_tell (self, op, note) < 0)
        s_fail (self);
}

void
brd_host_given_pass (brd_host_guest_t *self, brd_buf_t *out)
{
    // After one that is missing nothing makes sense.
    if (self->deaf || (out && s_send (self, out) == 0))
        return;
    self->deaf = 1;
    s_fail (self);
}

static int
s_add_result (brd_host_guest_t *self, const brd_wire_result_t *result)
{
    // A large result goes alone.
    if (self->out_count > 0
        && self->out.size + result->size > 2 * BRD_WIRE_BATCH_BYTES)
        brd_host_given_flush (self);
    if (self->out_count == 0) {
        self->out.size = 0;
        if (brd_frame_begin (&self->out, BRD_OP_RESULTS) < 0)
            return -1;
    }
    if (brd_frame_add_result (&self->out, result) < 0)
        return -1;
    self->out_count++;
    return 0;
}

// --- What was given --------------------------------------------------------

static s_given_t *
s_find (const brd_host_guest_t *self, uint64_t seq)
{
    for (brd_list_t *i = self->given.next; i != &self->given; i = i->next) {
        s_given_t *given = BRD_LIST_ITEM (i, s_given_t, link);
        if (given->seq == seq)
            return given;
    }
    return NULL;
}

static int
s_put_story (brd_buf_t *out, const brd_call_end_t *end)
{
    const brd_wire_story_t story = {
        .error = end->error,
        .status = end->status,
        .signal = end->signal,
        .pid = end->pid,
        .bits = (end->lost ? BRD_STORY_LOST : 0u)
                | (end->stopped ? BRD_STORY_STOPPED : 0u)
                | (end->closed ? BRD_STORY_CLOSED : 0u)
                | (end->maybe ? BRD_STORY_MAYBE : 0u),
        .item = end->item,
        .claim_first = end->claim_first,
        .claim_end = end->claim_end,
        .size = (uint32_t) end->size,
        .text = end->bytes,
        .report_size = (uint32_t) end->report_size,
        .report = end->report,
    };
    return brd_frame_put_story (out, &story);
}

// A result that lies in the arena stays there, and belongs to the guest.
static void
s_give_block (brd_host_guest_t *self,
              const brd_call_end_t *end,
              brd_wire_result_t *result,
              unsigned char place[BRD_FRAME_PLACE])
{
    brd_arena_t *arena = self->host->arena;
    if (self->remote || !end->block
        || brd_arena_give (arena, *end->block, self->pid) < 0)
        return;
    brd_frame_put_place (
        place, brd_arena_offset (arena, *end->block), end->size);
    *end->block = NULL;
    result->flags = BRD_RESULT_IN_ARENA;
    result->size = BRD_FRAME_PLACE;
    result->body = place;
}

static void
s_answer (s_given_t *given, const brd_call_end_t *end)
{
    brd_host_guest_t *self = given->guest;
    unsigned char place[BRD_FRAME_PLACE];
    brd_buf_t story;
    brd_buf_init (&story, BRD_WIRE_SIZE_MAX);
    brd_wire_result_t result = {
        .seq = given->seq,
        .time_ns = given->call.time_ns,
        .status = end->error == 0    ? 0
                  : end->status != 0 ? end->status
                                     : -1,
        .size = (uint32_t) end->size,
        .body = end->bytes,
    };
    int rc = 0;
    if (end->error == 0)
        s_give_block (self, end, &result, place);
    else {
        rc = s_put_story (&story, end);
        result.flags = BRD_RESULT_STORY;
        result.size = (uint32_t) story.size;
        result.body = story.bytes;
    }
    if (rc < 0 || s_add_result (self, &result) < 0)
        s_fail (self);
    else if (self->out_count == BRD_WIRE_BATCH_MAX
             || self->out.size > BRD_WIRE_BATCH_BYTES)
        brd_host_given_flush (self);
    brd_buf_fini (&story);
}

static void
s_ended (brd_call_t *call, const brd_call_end_t *end)
{
    s_given_t *given = (s_given_t *) (void *) call;
    brd_host_guest_t *self = given->guest;
    const brd_wire_note_t note = { .seq = given->seq };
    brd_list_remove (&given->link);
    if (self->here && given->reclaiming && end->error == ECANCELED)
        brd_host_given_tell (self, BRD_OP_RECLAIMED, &note);
    else if (self->here)
        s_answer (given, end);
    brd_mem_free (given);
}

static void
s_noted (brd_call_t *call, brd_op_t op, const brd_wire_note_t *note)
{
    s_given_t *given = (s_given_t *) (void *) call;
    brd_host_guest_t *self = given->guest;
    brd_wire_note_t passed = *note;
    if (op == BRD_OP_KEPT)
        given->reclaiming = 0;
    passed.seq = given->seq;
    passed.slot = 0;
    if (self->here)
        brd_host_given_tell (self, op, &passed);
    else if (op == BRD_OP_EMIT)
        brd_host_credit (self->host, call, 1);
}

// Where the body lies: in the message, or in a block of the guest's.
static int
s_locate (const brd_host_guest_t *self, brd_wire_task_t *task)
{
    uint64_t offset, size;
    if (!(task->flags & BRD_TASK_IN_ARENA))
        return 0;
    if (brd_frame_get_place (task->body, task->size, &offset, &size) < 0)
        return -1;
    task->body = brd_arena_at (self->host->arena, offset);
    task->size = (uint32_t) size;
    if (size > UINT32_MAX || !task->body
        || !brd_arena_holds (self->host->arena, task->body, (size_t) size))
        return brd_error_set (EPROTO, "a guest's task is nowhere");
    return 0;
}

static s_given_t *
s_given_new (brd_host_guest_t *self, const brd_wire_task_t *task)
{
    const int stays = (task->flags & BRD_TASK_IN_ARENA) != 0;
    s_given_t *given = brd_mem_alloc (sizeof *given + (stays ? 0 : task->size));
    if (!given)
        return NULL;
    memset (given, 0, sizeof *given);
    if (!stays && task->size > 0)
        memcpy (given->body, task->body, task->size);
    given->guest = self;
    given->seq = task->seq;
    given->attempts_before =
        task->attempt > 0 ? (uint16_t) (task->attempt - 1) : 0;
    given->options.timeout_ns = task->timeout_ns;
    given->options.grace_ns = (int64_t) task->grace_ms * 1000000;
    given->call.core.options = &given->options;
    given->call.core.priority = task->priority;
    given->call.core.whole = (task->flags & BRD_TASK_WHOLE) != 0;
    given->call.core.size_bytes = task->size;
    given->call.fn = task->fn;
    given->call.kind = task->kind;
    given->call.body = stays ? task->body : given->body;
    given->call.ended = s_ended;
    given->call.noted = s_noted;
    return given;
}

// A task that the pool does not take has failed. errno says why.
static void
s_refuse (brd_host_guest_t *self, s_given_t *given)
{
    const char *words = errno == EPIPE && (!self->pool || !self->pool->broken)
                            ? "the pool is closed"
                            : brd_error_get ()->text;
    const brd_call_end_t end = {
        .error = errno == EPIPE || errno == ENOEXEC ? errno : EIO,
        .status = -1,
        .bytes = words,
        .size = strlen (words),
    };
    brd_list_append (&self->given, &given->link);
    s_ended (&given->call, &end);
}

// Between programs functions are numbers; who passes them on leaves them so.
static int
s_find_function (const brd_host_guest_t *self, brd_call_t *call)
{
    const int above = self->remote, below = self->pool->remote;
    if (above == below)
        return 0;
    call->fn = above ? brd_code_find (call->fn) : brd_code_number (call->fn);
    return call->fn == 0 ? -1 : 0;
}

static int
s_take (brd_host_guest_t *self, s_given_t *given)
{
    if (!self->pool || self->leaving)
        return brd_error_set (EPIPE, "the pool is closed");
    if (s_find_function (self, &given->call) < 0)
        return -1;
    if (self->pool->code
        && brd_code_there (self->pool->code, given->call.fn) == 0)
        return brd_error_set (EINVAL,
                              "the function was loaded after the pool was "
                              "made, its workers do not have it");
    given->call.core.pool = self->pool->number;
    self->pool->retried += given->attempts_before > 0;
    return brd_host_take (self->host, &given->call, given->attempts_before);
}

int
brd_host_given_tasks (brd_host_guest_t *self, brd_frame_t *frame)
{
    brd_wire_task_t task;
    int more;
    while ((more = brd_frame_next_task (frame, &task)) == 1) {
        if (task.priority >= BRD_CORE_PRIORITIES || task.timeout_ns < 0
            || (task.flags & ~(BRD_TASK_WHOLE | BRD_TASK_IN_ARENA)) != 0
            || (self->remote
                && ((task.flags & BRD_TASK_IN_ARENA) != 0
                    || task.kind != BRD_TASK_MESSAGE)))
            return brd_error_set (EPROTO, "a guest's task that is none");
        if (s_locate (self, &task) < 0)
            return -1;
        s_given_t *given = s_given_new (self, &task);
        if (!given) {
            s_fail (self);
            return 0;
        }
        if (s_take (self, given) < 0)
            s_refuse (self, given);
        else
            brd_list_append (&self->given, &given->link);
    }
    return more;
}

// --- What is asked ---------------------------------------------------------

static void
s_cancel (brd_host_guest_t *self,
          s_given_t *given,
          brd_core_event_type_t type,
          int64_t grace_ns)
{
    const brd_core_event_t event = {
        .type = type,
        .task = &given->call.core,
        .time_ns = grace_ns,
    };
    (void) brd_host_step (self->host, &event);
}

// Given back is what has not started, as far as that is known here: a host
// below is asked. It was taken out of its worker's hands before the core hears
// of it, so that it is not flagged if it has started.
static void
s_reclaim (brd_host_guest_t *self, s_given_t *given)
{
    const brd_wire_note_t note = { .seq = given->seq };
    brd_call_t *call = &given->call;
    brd_host_worker_t *worker = call->worker;
    if (call->core.state == BRD_CORE_TASK_ENDING
        || (worker && worker->page
            && !brd_host_worker_reclaim (worker, call))) {
        brd_host_given_tell (self, BRD_OP_KEPT, &note);
        return;
    }
    given->reclaiming = 1;
    if (call->worker) {
        call->returning = 1;
        brd_host_far_tell (worker, call, BRD_OP_RECLAIM, 0);
    }
    else
        s_cancel (self, given, BRD_CORE_CANCEL, 0);
}

int
brd_host_given_asked (brd_host_guest_t *self, brd_frame_t *frame)
{
    brd_wire_note_t note;
    int more;
    while ((more = brd_frame_next_note (frame, &note)) == 1) {
        s_given_t *given = s_find (self, note.seq);
        if (!given)
            continue;  // Its result is on the way
        if (frame->op == BRD_OP_RECLAIM)
            s_reclaim (self, given);
        else if (frame->op == BRD_OP_CANCEL)
            s_cancel (self, given, BRD_CORE_CANCEL, 0);
        else if (frame->op == BRD_OP_KILL)
            s_cancel (
                self, given, BRD_CORE_KILL, (int64_t) note.count * 1000000);
        else
            brd_host_credit (self->host, &given->call, note.count);
    }
    return more;
}

// A step may end several: each time from the head.
void
brd_host_given_stop (brd_host_guest_t *self, brd_core_event_type_t type)
{
    brd_list_t ask;
    brd_list_init (&ask);
    while (!brd_list_empty (&self->given)) {
        s_given_t *given = BRD_LIST_ITEM (self->given.next, s_given_t, link);
        brd_list_remove (&given->link);
        brd_list_append (&ask, &given->link);
        s_cancel (self, given, type, 0);
    }
    brd_list_t *link;
    while ((link = brd_list_pop (&ask)) != NULL)
        brd_list_append (&self->given, link);
}

// A step may end several, or offer one to a host that has just come: each time
// from the head, past those a host has.
void
brd_host_given_back (brd_host_guest_t *self)
{
    brd_list_t *i = self->given.next;
    while (i != &self->given) {
        s_given_t *given = BRD_LIST_ITEM (i, s_given_t, link);
        if (given->reclaiming || given->call.worker
            || given->call.core.state == BRD_CORE_TASK_ENDING) {
            i = i->next;
            continue;
        }
        s_reclaim (self, given);
        i = self->given.next;
    }
}

// --- Nobody wants it any more ----------------------------------------------

// Legs of its maps end with the item they are in.
static void
s_stop_jobs (brd_host_guest_t *self)
{
    for (brd_list_t *i = self->given.next; i != &self->given; i = i->next) {
        const s_given_t *given = BRD_LIST_ITEM (i, s_given_t, link);
        brd_job_leg_t leg;
        if (given->call.kind != BRD_TASK_MAP
            || given->call.core.size_bytes != sizeof leg)
            continue;
        memcpy (&leg, given->body, sizeof leg);
        brd_job_t *job = brd_arena_at (self->host->arena, leg.job);
        if (job && brd_arena_holds (self->host->arena, job, sizeof *job))
            atomic_store (&job->stop, 1);
    }
}

void
brd_host_given_abandon (brd_host_guest_t *self)
{
    self->out_count = 0;
    if (!self->remote)
        s_stop_jobs (self);
    for (brd_list_t *i = self->given.next; i != &self->given; i = i->next)
        brd_host_cancel_later (self->host,
                               &BRD_LIST_ITEM (i, s_given_t, link)->call,
                               self->remote ? S_GONE_GRACE_NS : -1);
}
