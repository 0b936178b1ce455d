// host.c - the host's beginning and end, and the calls that pass through it
//
// SPDX-License-Identifier: MPL-2.0
//
// Read next: host_turn.c, where work is done; host_drive.c, by whom.

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "base/brd_mem.h"
#include "base/brd_sys.h"
#include "host/host_internal.h"

brd_host_t *
brd_host_new (brd_shared_t *shared)
{
    brd_host_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    pthread_mutex_init (&self->lock, NULL);
    self->shared = shared;
    self->arena = brd_shared_arena (shared);
    self->doorbell = self->timer = self->foreign = self->heeded = -1;
    self->ducts.source.fd = self->ducts.door = -1;
    self->ducts.door_due = BRD_NEVER;
    self->harvest_at = self->leader_wakes = BRD_NEVER;
    brd_list_init (&self->pools);
    brd_list_init (&self->dirty);
    brd_list_init (&self->graves);
    brd_list_init (&self->later);
    brd_list_init (&self->guests);
    brd_list_init (&self->drains);
    brd_list_init (&self->sources);
    brd_list_init (&self->followers);
    brd_list_init (&self->ducts.sockets);
    brd_map_init (&self->workers);
    self->callbacks_end = &self->callbacks;
    self->core = brd_core_new ();
    self->effects = brd_mem_alloc (sizeof *self->effects);
    if (!self->core || !self->effects)
        goto error;
    self->doorbell = brd_sys_eventfd ();
    if (self->doorbell < 0 || brd_sys_random (self->id, sizeof self->id) < 0) {
        brd_error_system ("the host of the pools cannot be made");
        goto error;
    }
    // Never 0 in front, where ZeroMQ keeps its own ids; and room for a
    // worker's number at the end.
    self->id[0] |= 1;
    memset (self->id + BRD_ZMQ_ID - 4, 0, 4);
    return self;

error:
    brd_host_destroy (&self);
    return NULL;
}

void
brd_host_stop (brd_host_t *self)
{
    for (brd_list_t *i = self->pools.next; i != &self->pools; i = i->next)
        brd_host_pool_stop (BRD_LIST_ITEM (i, brd_host_pool_t, link));
    brd_host_keeper_stop (self);
    brd_host_callbacks_stop (self);
    brd_host_guests_free (self);
    brd_host_duct_socket_stop (self);
    brd_zmq_destroy (&self->link);
    brd_zmq_term ();
    brd_sys_close (&self->doorbell);
    brd_sys_close (&self->timer);
    brd_sys_close (&self->foreign);
    brd_sys_close (&self->heeded);
}

void
brd_host_destroy (brd_host_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    const int saved_errno = errno;
    brd_host_t *self = *self_p;
    brd_host_stop (self);
    brd_core_destroy (&self->core);
    brd_map_fini (&self->workers);
    brd_host_drain_free (self);
    brd_mem_free (self->effects);
    pthread_mutex_destroy (&self->lock);
    brd_mem_free (self);
    *self_p = NULL;
    errno = saved_errno;
}

void
brd_host_lock (brd_host_t *self)
{
    pthread_mutex_lock (&self->lock);
}

const unsigned char *
brd_host_id (const brd_host_t *self)
{
    return self->id;
}

void
brd_host_unlock (brd_host_t *self)
{
    if (self->changed)
        brd_host_hand_on (self);
    pthread_mutex_unlock (&self->lock);
}

// What the step has sent may have used up the socket's signal, and may have
// made the leader's sleep too long.
static void
s_settle (brd_host_t *self)
{
    if (brd_host_owes (self))
        brd_host_turn (self, 0);
    brd_host_hurry (self);
    brd_host_keeper_call (self);
}

static void
s_prepare (brd_call_t *call)
{
    call->asked = 0;
    call->returning = 0;
    call->worker = NULL;
    call->status = 0;
    call->bytes = NULL;
    call->size = 0;
    call->block = NULL;
    call->story = NULL;
    call->time_ns = 0;
    call->attempts_before = 0;
    brd_list_init (&call->held);
}

int
brd_host_check_reach (const brd_host_t *self, const brd_call_t *call)
{
    if (call->kind != BRD_TASK_MAP || self->pools_of_hosts == 0)
        return 0;
    for (const brd_list_t *i = self->pools.next; i != &self->pools;
         i = i->next) {
        const brd_host_pool_t *pool = BRD_LIST_ITEM (i, brd_host_pool_t, link);
        if (pool->number == call->core.pool)
            return !pool->remote
                       ? 0
                       : brd_error_set (
                           ENOTSUP,
                           "a map in shared memory, and the pool's workers "
                           "have none of it");
    }
    return 0;
}

int
brd_host_take (brd_host_t *self, brd_call_t *call, uint16_t attempts_before)
{
    const brd_core_event_t event = { .type = BRD_CORE_SUBMIT,
                                     .task = &call->core };
    if (brd_host_check_reach (self, call) < 0)
        return -1;
    s_prepare (call);
    call->attempts_before = attempts_before;
    return brd_host_step (self, &event);
}

int
brd_host_submit (brd_host_t *self, brd_call_t *call)
{
    brd_host_lock (self);
    self->now = brd_clock_now ();
    const int rc = brd_host_take (self, call, 0);
    if (rc == 0)
        s_settle (self);
    const int error = errno;
    brd_host_unlock (self);
    errno = error;
    return rc;
}

void
brd_host_follow_up (brd_host_t *self)
{
    const brd_core_event_t event = { .type = BRD_CORE_TICK };
    if (self->stepping)
        return;
    self->now = brd_clock_now ();
    (void) brd_host_step (self, &event);
    s_settle (self);
}

void
brd_host_put_off (brd_host_t *self, brd_call_t *call, int what)
{
    if (call->asked == 0)
        brd_list_append (&self->later, &call->later);
    call->asked |= what;
}

void
brd_host_submit_later (brd_host_t *self, brd_call_t *call)
{
    s_prepare (call);
    brd_host_put_off (self, call, BRD_HOST_ASKED_SUBMIT);
    brd_host_follow_up (self);
}

void
brd_host_cancel_later (brd_host_t *self, brd_call_t *call, int64_t grace_ns)
{
    // One whose sink is being told, or will be when its worker is gone: the
    // link is used already, or about to be freed.
    if (call->core.state == BRD_CORE_TASK_ENDED)
        return;
    call->grace_ns = grace_ns;
    brd_host_put_off (self, call, BRD_HOST_ASKED_CANCEL);
}

void
brd_host_cancel (brd_host_t *self, brd_call_t *call, int64_t grace_ns)
{
    brd_host_cancel_later (self, call, grace_ns);
    brd_host_follow_up (self);
}

void
brd_host_credit (brd_host_t *self, brd_call_t *call, uint32_t count)
{
    const brd_wire_note_t note = { .seq = call->seq, .count = count };
    if (!call->worker)
        return;
    if (call->worker->page)
        brd_host_worker_tell (call->worker, BRD_OP_CREDIT, &note);
    else
        brd_host_far_tell (call->worker, call, BRD_OP_CREDIT, count);
    if (!self->turning)
        brd_host_turn (self, 0);
}

int
brd_host_running (const brd_call_t *call)
{
    return call->worker && call->worker->page
           && atomic_load (&call->worker->page->claim[call->slot])
                  == BRD_CLAIM (call->seq, BRD_CLAIM_RUNNING);
}

int
brd_host_is_away (const brd_call_t *call)
{
    return call->worker && !call->worker->page;
}

void
brd_host_changed (brd_host_t *self)
{
    self->changed = 1;
}
