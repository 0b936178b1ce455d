// host_turn.c - drain, step, flush
//
// SPDX-License-Identifier: MPL-2.0
//
//     turn:  reports of the nurseries    (if the leader was told of some)
//            messages, until there are none:
//              decode -> event -> brd_host_step
//            graves: burials that are due
//            flush: one TASKS message for each worker that was offered some
//            again, because sending may have used up the socket's signal
//
// The rule behind "again": ZeroMQ's descriptor is edge-triggered, and any call
// on the socket may consume the edge. So whoever has touched a socket takes it
// to EAGAIN before letting go of the lock; if a bound stops it, it rings the
// doorbell, and the leader comes back.
//
// Read next: host_effects.c, host_drive.c.

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_log.h"
#include "base/brd_sys.h"
#include "host/host_internal.h"
#include "wire/brd_frame.h"

enum {
    S_MESSAGES_MAX = 256,  // In one go, before sending again
    S_ROUNDS_MAX = 16,     // Of messages and sends in one turn
    S_HARVEST_GAP_MAX = 64000000
};

// --- The core --------------------------------------------------------------

static int
s_step_once (brd_host_t *self, const brd_core_event_t *event)
{
    brd_core_effects_t *effects = self->effects;
    if (brd_core_step (self->core, self->now, event, effects) < 0)
        return -1;
    for (size_t i = 0; i < effects->count; i++)
        brd_host_effect (self, &effects->items[i]);
    return 0;
}

static void
s_answer_reclaim (brd_host_t *self, brd_call_t *call)
{
    if (call->worker && !call->worker->page) {
        // It answers when the question has come there.
        brd_host_far_tell (call->worker, call, BRD_OP_RECLAIM, 0);
        return;
    }
    // Without one it has been taken back already.
    const int back =
        !call->worker || brd_host_worker_reclaim (call->worker, call);
    const brd_core_event_t event = {
        .type = back ? BRD_CORE_RECLAIMED : BRD_CORE_KEPT,
        .task = &call->core,
    };
    (void) s_step_once (self, &event);
}

static void
s_answer_probe (brd_host_t *self, brd_call_t *call)
{
    // A host keeps the time itself, and lives as long as its line: not yet.
    const brd_page_t *page = call->worker ? call->worker->page : NULL;
    brd_core_event_t event = { .type = BRD_CORE_PROBED, .task = &call->core };
    if (page && atomic_load (&page->started_seq) == call->seq)
        event.time_ns = atomic_load (&page->started_ns);
    (void) s_step_once (self, &event);
}

static void
s_submit (brd_host_t *self, brd_call_t *call)
{
    const brd_core_event_t event = { .type = BRD_CORE_SUBMIT,
                                     .task = &call->core };
    if (brd_host_check_reach (self, call) == 0
        && s_step_once (self, &event) == 0)
        return;
    const brd_call_end_t end = { .error = errno };
    self->changed = 1;
    if (call->asked != 0)
        brd_list_remove (&call->later);
    call->ended (call, &end);
}

static void
s_cancel (brd_host_t *self, brd_call_t *call)
{
    const brd_core_event_t event = {
        .type = call->grace_ns < 0 ? BRD_CORE_CANCEL : BRD_CORE_KILL,
        .task = &call->core,
        .time_ns = call->grace_ns,
    };
    (void) s_step_once (self, &event);
}

// The first thing that was put off for this call.
static void
s_do_asked (brd_host_t *self, brd_call_t *call)
{
    const int what = call->asked & -call->asked;
    call->asked &= ~what;
    if (call->asked != 0)
        brd_list_append (&self->later, &call->later);
    switch (what) {
    case BRD_HOST_ASKED_SUBMIT:
        s_submit (self, call);
        break;
    case BRD_HOST_ASKED_RECLAIM:
        s_answer_reclaim (self, call);
        break;
    case BRD_HOST_ASKED_PROBE:
        s_answer_probe (self, call);
        break;
    default:
        s_cancel (self, call);
    }
}

// One thing that must follow from the effects done so far; 0 if there is none.
static int
s_follow_up (brd_host_t *self)
{
    if (brd_core_more (self->core)) {
        const brd_core_event_t event = { .type = BRD_CORE_TICK };
        (void) s_step_once (self, &event);
        return 1;
    }
    brd_list_t *link = brd_list_pop (&self->later);
    if (link) {
        s_do_asked (self, BRD_LIST_ITEM (link, brd_call_t, later));
        return 1;
    }
    if (self->down_count > 0) {
        const brd_core_event_t event = {
            .type = BRD_CORE_WORKER_DOWN,
            .worker = self->downs[--self->down_count],
        };
        (void) s_step_once (self, &event);
        return 1;
    }
    return 0;
}

int
brd_host_step (brd_host_t *self, const brd_core_event_t *event)
{
    brd_assert (!self->stepping);
    self->stepping = 1;
    const int rc = s_step_once (self, event);
    const int saved_errno = errno;
    while (s_follow_up (self))
        continue;
    self->stepping = 0;
    errno = saved_errno;
    return rc;
}

// --- Messages --------------------------------------------------------------

static void
s_log_line (const brd_host_worker_t *worker, const brd_wire_note_t *note)
{
    brd_log ((brood_log_level_t) note->count,
             "%s-%u: %.*s",
             worker->pool->name,
             worker->place + 1,
             (int) (note->size < 4096 ? note->size : 4096),
             (const char *) note->body);
}

static int
s_note (brd_host_worker_t *worker, brd_frame_t *frame)
{
    brd_wire_note_t note;
    if (brd_frame_next_note (frame, &note) != 1)
        return -1;
    if (frame->op == BRD_OP_LOG) {
        s_log_line (worker, &note);
        return 0;
    }
    brd_call_t *call = worker->slots[note.slot];
    if (!call || call->seq != note.seq)
        return 0;
    if (call->noted) {
        call->noted (call, frame->op, &note);
        worker->pool->host->changed = 1;
    }
    else if (frame->op == BRD_OP_EMIT)
        brd_host_credit (worker->pool->host, call, 1);  // Nobody reads them
    return 0;
}

// -1: the message is not one a worker may send.
static int
s_message (brd_host_worker_t *worker, const brd_zmq_msg_t *msg)
{
    brd_frame_t frame;
    brd_wire_result_t result;
    int more = 0;
    if (brd_frame_open (&frame, msg->bytes, msg->size) < 0)
        return -1;
    switch (frame.op) {
    case BRD_OP_RESULTS:
        while ((more = brd_frame_next_result (&frame, &result)) == 1)
            brd_host_worker_result (worker, &result);
        return more;
    case BRD_OP_PROGRESS:
    case BRD_OP_EMIT:
    case BRD_OP_LOG:
        return s_note (worker, &frame);
    case BRD_OP_RETIRE: {
        const brd_core_event_t event = {
            .type = BRD_CORE_WORKER_RETIRE,
            .worker = worker->number,
        };
        return brd_host_step (worker->pool->host, &event);
    }
    case BRD_OP_INVITE: {
        brd_wire_note_t note;
        if (brd_frame_next_note (&frame, &note) != 1)
            return -1;
        brd_host_guest_invited (worker, &note);
        return 0;
    }
    default:
        return -1;
    }
}

static brd_host_worker_t *
s_sender (brd_host_t *self, const brd_zmq_msg_t *msg)
{
    uint32_t number;
    if (memcmp (msg->peer, self->id, BRD_ZMQ_ID - 4) != 0)
        return NULL;
    memcpy (&number, msg->peer + BRD_ZMQ_ID - 4, 4);
    brd_host_worker_t *worker = brd_host_worker_find (self, number);
    return worker && worker->page ? worker : NULL;
}

// From a worker, from a guest that one has invited, or else from one that has
// been buried.
static void
s_dispatch (brd_host_t *self, const brd_zmq_msg_t *msg)
{
    brd_host_guest_t *guest = brd_host_guest_find (self, msg->peer);
    if (guest) {
        brd_host_guest_message (guest, msg->bytes, msg->size);
        return;
    }
    brd_host_worker_t *worker = s_sender (self, msg);
    if (worker && s_message (worker, msg) < 0) {
        // A worker that talks nonsense has lost its mind, or its memory.
        brd_log (BROOD_LOG_ERROR,
                 "worker %d: %s",
                 (int) worker->pid,
                 brd_error_get ()->text);
        (void) brd_host_pool_command (worker->pool, BRD_NURSERY_KILL, worker);
    }
}

// Takes messages; returns how many.
static int
s_drain (brd_host_t *self)
{
    int count = 0;
    brd_zmq_msg_t msg;
    while (count < S_MESSAGES_MAX && brd_zmq_recv (self->link, 0, &msg) == 0) {
        count++;
        self->now = brd_clock_now ();
        s_dispatch (self, &msg);
        brd_zmq_msg_done (&msg);
    }
    return count;
}

static void
s_flush (brd_host_t *self)
{
    while (!brd_list_empty (&self->dirty)) {
        brd_host_worker_t *worker =
            BRD_LIST_ITEM (self->dirty.next, brd_host_worker_t, dirty);
        if (worker->page)
            brd_host_worker_flush (worker);
        else
            brd_host_far_flush (worker);
    }
    brd_host_guests_flush (self);
}

static void
s_bury (brd_host_t *self)
{
    for (brd_list_t *i = self->graves.next, *next; i != &self->graves;
         i = next) {
        next = i->next;
        (void) brd_host_worker_bury (
            BRD_LIST_ITEM (i, brd_host_worker_t, buried), self->now);
    }
}

static void
s_reports (brd_host_t *self)
{
    for (brd_list_t *i = self->pools.next; i != &self->pools; i = i->next)
        brd_host_pool_reports (BRD_LIST_ITEM (i, brd_host_pool_t, link));
}

int
brd_host_owes (const brd_host_t *self)
{
    return self->touched || !brd_list_empty (&self->dirty)
           || !brd_list_empty (&self->graves) || brd_host_guests_owe (self);
}

void
brd_host_turn (brd_host_t *self, int reports)
{
    self->now = brd_clock_now ();
    self->turning = 1;
    if (reports)
        s_reports (self);
    brd_host_sources_turn (self);
    for (int round = 0;; round++) {
        self->touched = 0;
        int taken = self->link ? s_drain (self) : 0;
        taken += brd_host_hosts_drain (self);
        taken += brd_host_guests_drain (self);
        s_bury (self);
        s_flush (self);
        if (!self->touched && taken < S_MESSAGES_MAX)
            break;
        if (round == S_ROUNDS_MAX) {
            brd_host_ring (self);
            break;
        }
    }
    self->turning = 0;
    // What was taken here the leader does not find any more.
    brd_host_hurry (self);
    if (self->changed)
        brd_host_hand_on (self);
}

// --- Time ------------------------------------------------------------------

int64_t
brd_host_deadline (const brd_host_t *self)
{
    int64_t due = brd_core_deadline (self->core);
    if (self->harvest_at < due)
        due = self->harvest_at;
    for (brd_list_t *i = self->graves.next; i != &self->graves; i = i->next) {
        const brd_host_worker_t *worker =
            BRD_LIST_ITEM (i, brd_host_worker_t, buried);
        if (worker->bury_at < due)
            due = worker->bury_at;
    }
    const int64_t guests = brd_host_guests_deadline (self);
    const int64_t hosts = brd_host_hosts_deadline (self);
    const int64_t sources = brd_host_sources_deadline (self);
    due = guests < due ? guests : due;
    due = hosts < due ? hosts : due;
    return sources < due ? sources : due;
}

// A worker in a long task may have results of earlier ones in its page that no
// message has told of. Looks get rarer while they find nothing.
static void
s_harvest (brd_host_t *self, int64_t now)
{
    uint32_t found = 0, held = 0;
    size_t place = 0;
    uint64_t number;
    brd_host_worker_t *worker;
    while ((worker = brd_map_next (&self->workers, &place, &number)) != NULL) {
        if (worker->page && worker->held > 1)
            held++;
    }
    for (place = 0; held > 0
                    && (worker = brd_map_next (&self->workers, &place, &number))
                           != NULL;) {
        if (worker->page && worker->held > 1)
            found += brd_host_worker_harvest (worker);
    }
    self->harvest_gap = found > 0 ? 1000000 : 2 * self->harvest_gap;
    if (self->harvest_gap > S_HARVEST_GAP_MAX)
        self->harvest_gap = S_HARVEST_GAP_MAX;
    self->harvest_at = held > 0 ? now + self->harvest_gap : BRD_NEVER;
}

void
brd_host_tick (brd_host_t *self, int64_t now)
{
    self->now = now;
    if (now >= self->harvest_at)
        s_harvest (self, now);
    if (now >= brd_core_deadline (self->core)) {
        const brd_core_event_t event = { .type = BRD_CORE_TICK };
        (void) brd_host_step (self, &event);
    }
}

void
brd_host_ring (brd_host_t *self)
{
    const uint64_t one = 1;
    const int saved_errno = errno;
    (void) !write (self->doorbell, &one, sizeof one);
    errno = saved_errno;
}
