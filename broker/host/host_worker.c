// host_worker.c - one worker as its host sees it
//
// SPDX-License-Identifier: MPL-2.0
//
// A call that is offered gets a slot of the worker's page; the slot's word
// (brd_page.h) decides who has it from then on. Entries are gathered into one
// message until the turn ends.
//
//     offer    EMPTY -> OFFERED, entry into out           flush: one message
//     reclaim  OFFERED -> EMPTY by compare-and-swap
//     result   DONE or DONE_SENT -> EMPTY, event DONE
//     ended    sort the slots: DONE is a result, OFFERED goes back, RUNNING
//              was running, DONE_SENT may still be under way for S_GRACE_NS
//
// Read next: host_effects.c; workers/worker_loop.c is the other end.

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_mem.h"
#include "host/host_internal.h"
#include "wire/brd_frame.h"
#include "wire/brd_limits.h"

enum {
    S_GRACE_NS = 20000000
};

brd_host_worker_t *
brd_host_worker_find (brd_host_t *self, uint32_t number)
{
    return brd_map_get (&self->workers, number);
}

static brd_host_worker_t *
s_new (brd_host_pool_t *pool, uint32_t number, uint32_t place)
{
    brd_host_worker_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    self->pool = pool;
    self->number = number;
    self->place = place;
    brd_list_init (&self->dirty);
    brd_list_init (&self->buried);
    brd_list_init (&self->ghosts);
    brd_list_init (&self->far_calls);
    brd_buf_init (&self->out, BRD_WIRE_SIZE_MAX);
    return self;
}

// Known by its number from now on; on failure it is freed.
static brd_host_worker_t *
s_enter (brd_host_worker_t *self)
{
    if (brd_map_set (&self->pool->host->workers, self->number, self) < 0) {
        brd_host_worker_free (self);
        return NULL;
    }
    self->pool->live++;
    return self;
}

brd_host_worker_t *
brd_host_worker_new_far (brd_host_far_t *far, uint32_t number)
{
    brd_host_worker_t *self = s_new (far->pool, number, 0);
    if (!self)
        return NULL;
    self->far = far;
    return s_enter (self);
}

brd_host_worker_t *
brd_host_worker_new (brd_host_pool_t *pool, uint32_t number, uint32_t place)
{
    brd_host_t *host = pool->host;
    brd_host_worker_t *self = s_new (pool, number, place);
    if (!self)
        return NULL;
    self->free_count = BRD_PAGE_SLOTS;
    for (uint16_t i = 0; i < BRD_PAGE_SLOTS; i++)
        self->free_slots[i] = (uint16_t) (BRD_PAGE_SLOTS - 1 - i);
    memcpy (self->peer, host->id, BRD_ZMQ_ID);
    memcpy (self->peer + BRD_ZMQ_ID - 4, &number, 4);
    self->page = brd_arena_alloc (
        host->arena, sizeof *self->page, (uint32_t) getpid (), 1);
    if (!self->page) {
        brd_host_worker_free (self);
        return NULL;
    }
    return s_enter (self);
}

// What was put off until this worker is no more.
static void
s_end_ghosts (brd_host_worker_t *self)
{
    brd_list_t *link;
    while ((link = brd_list_pop (&self->ghosts)) != NULL) {
        brd_call_t *call = BRD_LIST_ITEM (link, brd_call_t, later);
        const brd_call_end_t end = {
            .error = call->status,
            .bytes = self->pool->reason,
            .size = strlen (self->pool->reason),
        };
        self->pool->host->changed = 1;
        call->ended (call, &end);
    }
}

void
brd_host_worker_free (brd_host_worker_t *self)
{
    brd_host_t *host = self->pool->host;
    s_end_ghosts (self);
    if (brd_map_get (&host->workers, self->number) == self) {
        brd_map_remove (&host->workers, self->number);
        self->pool->live--;
    }
    if (self->connected) {
        host->touched = 1;
        brd_zmq_disconnect (host->link, self->name);
    }
    brd_list_remove (&self->dirty);
    brd_list_remove (&self->buried);
    if (self->page && !brd_host_guests_bury (host, self) && self->pid > 0)
        brd_arena_sweep (host->arena, (uint32_t) self->pid);
    brd_arena_free (host->arena, self->page);
    brd_buf_fini (&self->out);
    brd_mem_free (self);
}

static void
s_release (brd_host_worker_t *self, brd_call_t *call)
{
    self->slots[call->slot] = NULL;
    self->free_slots[self->free_count++] = call->slot;
    self->held--;
    call->worker = NULL;
}

// A worker is connected to when it is first needed; until then it sleeps
// without a context.
static int
s_connect (brd_host_worker_t *self)
{
    brd_host_t *host = self->pool->host;
    if (self->connected)
        return 0;
    if (!host->link) {
        host->link = brd_zmq_host_new (host->id);
        if (!host->link)
            return -1;
        brd_host_watch (host, brd_zmq_fd (host->link));
        brd_host_ring (host);  // The leader sleeps without it
    }
    host->touched = 1;
    if (brd_zmq_connect (host->link, self->name, self->peer) < 0)
        return -1;
    self->connected = 1;
    return 0;
}

void
brd_host_worker_place (const brd_host_worker_t *self,
                       const brd_call_t *call,
                       brd_wire_task_t *task,
                       unsigned char place[BRD_FRAME_PLACE])
{
    const uint64_t offset =
        call->core.size_bytes < BRD_WIRE_ARENA_MIN || self->pool->remote
            ? 0
            : brd_arena_offset (self->pool->host->arena, call->body);
    if (offset == 0)
        return;
    brd_frame_put_place (place, offset, call->core.size_bytes);
    task->flags |= BRD_TASK_IN_ARENA;
    task->body = place;
    task->size = BRD_FRAME_PLACE;
}

static uint64_t
s_fn (const brd_host_worker_t *self, const brd_call_t *call)
{
#ifdef BRD_FAULTS
    if (self->pool->remote)
        return brd_code_find (call->fn);  // Next door after all
#endif
    (void) self;
    return call->fn;
}

uint16_t
brd_host_attempt (const brd_call_t *call)
{
    const uint32_t all = (uint32_t) call->core.attempt + call->attempts_before;
    return (uint16_t) (all < UINT16_MAX ? all : UINT16_MAX);
}

int
brd_host_worker_add (brd_host_worker_t *self, const brd_wire_task_t *task)
{
    if (self->out_count == 0) {
        self->out.size = 0;
        if (brd_frame_begin (&self->out, BRD_OP_TASKS) < 0)
            return -1;
    }
    if (brd_frame_add_task (&self->out, task) < 0)
        return -1;
    if (self->out_count++ == 0)
        brd_list_append (&self->pool->host->dirty, &self->dirty);
    return 0;
}

static int
s_append (brd_host_worker_t *self, const brd_call_t *call)
{
    const brd_core_task_options_t *options = call->core.options;
    const int64_t timeout_ns = options ? options->timeout_ns : 0;
    unsigned char place[BRD_FRAME_PLACE];
    brd_wire_task_t task = {
        .seq = call->seq,
        .fn = s_fn (self, call),
        .timeout_ns = timeout_ns,
        .size = call->core.size_bytes,
        .slot = call->slot,
        .attempt = brd_host_attempt (call),
        .kind = call->kind,
        .flags = timeout_ns > 0 ? BRD_TASK_TIMED : 0,
        .body = call->body,
    };
    brd_host_worker_place (self, call, &task, place);
    return brd_host_worker_add (self, &task);
}

// After a failure, errno. A worker that cannot be reached is of no use: it is
// ended, and what it was offered goes elsewhere.
static void
s_give_up (brd_host_worker_t *self)
{
    const brd_nursery_command_type_t type =
        errno == EHOSTUNREACH ? BRD_NURSERY_KILL_DEAF : BRD_NURSERY_KILL;
    (void) brd_host_pool_command (self->pool, type, self);
}

void
brd_host_worker_offer (brd_host_worker_t *self, brd_call_t *call)
{
    brd_host_t *host = self->pool->host;
    brd_assert (self->free_count > 0);
    call->worker = self;
    call->bytes = NULL;  // Of an attempt before
    call->size = 0;
    call->block = NULL;
    call->slot = self->free_slots[--self->free_count];
    call->seq = ++host->seq;
    self->slots[call->slot] = call;
    self->held++;
    atomic_store_explicit (&self->page->claim[call->slot],
                           BRD_CLAIM (call->seq, BRD_CLAIM_OFFERED),
                           memory_order_release);
    if (self->ended)
        return;  // Its burial gives it back
    if (s_connect (self) < 0 || s_append (self, call) < 0)
        s_give_up (self);
    else if (self->out_count == BRD_WIRE_BATCH_MAX
             || self->out.size > BRD_WIRE_BATCH_BYTES)
        brd_host_worker_flush (self);
    if (self->held > 1 && host->harvest_at == BRD_NEVER) {
        host->harvest_gap = 1000000;
        host->harvest_at = host->now + host->harvest_gap;
    }
}

int
brd_host_worker_reclaim (brd_host_worker_t *self, brd_call_t *call)
{
    uint64_t word = BRD_CLAIM (call->seq, BRD_CLAIM_OFFERED);
    if (!atomic_compare_exchange_strong (
            &self->page->claim[call->slot], &word, BRD_CLAIM_EMPTY))
        return 0;
    s_release (self, call);
    return 1;
}

void
brd_host_worker_flush (brd_host_worker_t *self)
{
    brd_list_remove (&self->dirty);
    if (self->out_count == 0)
        return;
    brd_frame_close (&self->out, self->out_count);
    self->out_count = 0;
    if (self->ended)
        return;
    self->pool->host->touched = 1;
    if (brd_zmq_send (self->pool->host->link, self->peer, &self->out) < 0)
        s_give_up (self);
}

void
brd_host_worker_tell (brd_host_worker_t *self,
                      brd_op_t op,
                      const brd_wire_note_t *note)
{
    brd_buf_t out;
    brd_host_worker_flush (self);
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    if (self->ended)
        return;
    if (s_connect (self) < 0 || brd_frame_begin (&out, op) < 0
        || (note && brd_frame_add_note (&out, note) < 0))
        goto error;
    brd_frame_close (&out, note ? 1 : 0);
    self->pool->host->touched = 1;
    if (brd_zmq_send (self->pool->host->link, self->peer, &out) == 0) {
        brd_buf_fini (&out);
        return;
    }

error:
    brd_buf_fini (&out);
    s_give_up (self);
}

// What came of a call, before it is known where its bytes lie.
typedef struct {
    int status;
    int64_t time_ns;
    const void *bytes;
    size_t size;
    int in_arena;  // bytes are a place
} s_result_t;

// What a worker says of places is believed only as far as it can be seen.
void *
brd_host_worker_block (const brd_host_worker_t *self,
                       const void *place,
                       size_t *size_p)
{
    brd_arena_t *arena = self->pool->host->arena;
    uint64_t offset, size;
    if (brd_frame_get_place (place, *size_p, &offset, &size) < 0)
        return NULL;
    void *block = brd_arena_at (arena, offset);
    if (!block || offset % BRD_ARENA_RUN != 0
        || !brd_arena_holds (arena, block, (size_t) size)
        || brd_arena_give (arena, block, (uint32_t) getpid ()) < 0)
        return NULL;
    *size_p = (size_t) size;
    return block;
}

// Frees the slot and tells the core. bytes stay where they are for the step.
static void
s_done (brd_host_worker_t *self, brd_call_t *call, s_result_t *result)
{
    static const char lost[] = "the result is not where its worker said";
    void *block = NULL;
    if (result->in_arena) {
        block = brd_host_worker_block (self, result->bytes, &result->size);
        if (block)
            result->bytes = block;
        else {
            result->status = -1;
            result->bytes = lost;
            result->size = sizeof lost - 1;
        }
    }
    const brd_core_event_t event = {
        .type = BRD_CORE_DONE,
        .task = &call->core,
        .error = result->status == 0 ? 0 : EIO,
        .time_ns = result->time_ns > 0 ? result->time_ns : 1,
    };
    atomic_store_explicit (
        &self->page->claim[call->slot], BRD_CLAIM_EMPTY, memory_order_relaxed);
    s_release (self, call);
    call->status = result->status;
    call->time_ns = event.time_ns;
    call->bytes = result->bytes;
    call->size = result->size;
    call->block = block ? &block : NULL;
    (void) brd_host_step (self->pool->host, &event);
    // The call may be gone; if it did not want the block, that goes too.
    brd_arena_free (self->pool->host->arena, block);
}

// The slot may be offered again within the step, and the worker write to it:
// so its bytes are taken out first.
static void
s_done_in_page (brd_host_worker_t *self, brd_call_t *call)
{
    const brd_page_result_t *slot = &self->page->results[call->slot];
    unsigned char bytes[BRD_PAGE_INLINE];
    // Read once: a worker that has lost its mind may write to it meanwhile.
    const uint32_t told = *(const volatile uint32_t *) &slot->size;
    const uint32_t size = told & ~BRD_PAGE_IN_ARENA;
    s_result_t result = {
        .status = slot->status,
        .time_ns = slot->time_ns,
        .bytes = bytes,
        .size = size <= BRD_PAGE_INLINE ? size : BRD_PAGE_INLINE,
        .in_arena = (told & BRD_PAGE_IN_ARENA) != 0,
    };
    memcpy (bytes, slot->bytes, result.size);
    s_done (self, call, &result);
}

void
brd_host_worker_result (brd_host_worker_t *self,
                        const brd_wire_result_t *result)
{
    brd_call_t *call = self->slots[result->slot];
    if (!call || call->seq != result->seq)
        return;  // Taken from the page already, or late
    if (result->flags & BRD_RESULT_IN_PAGE) {
        const uint64_t word = atomic_load_explicit (
            &self->page->claim[result->slot], memory_order_acquire);
        if (word == BRD_CLAIM (call->seq, BRD_CLAIM_DONE))
            s_done_in_page (self, call);
        return;
    }
    s_result_t done = {
        .status = result->status,
        .time_ns = result->time_ns,
        .bytes = result->body,
        .size = result->size,
        .in_arena = (result->flags & BRD_RESULT_IN_ARENA) != 0,
    };
    s_done (self, call, &done);
}

uint32_t
brd_host_worker_harvest (brd_host_worker_t *self)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < BRD_PAGE_SLOTS; i++) {
        brd_call_t *call = self->slots[i];
        if (!call)
            continue;
        const uint64_t word =
            atomic_load_explicit (&self->page->claim[i], memory_order_acquire);
        if (word == BRD_CLAIM (call->seq, BRD_CLAIM_DONE)) {
            s_done_in_page (self, call);
            count++;
        }
    }
    return count;
}

void
brd_host_worker_ended (brd_host_worker_t *self, int status, int closed)
{
    brd_host_t *host = self->pool->host;
    const brd_core_event_t event = { .type = BRD_CORE_WORKER_ENDING,
                                     .worker = self->number };
    if (self->ended)
        return;
    self->ended = 1;
    self->status = status;
    self->closed = closed;
    self->bury_at = brd_clock_now () + S_GRACE_NS;
    brd_list_append (&host->graves, &self->buried);
    (void) brd_host_step (host, &event);
}

// The youngest call that had not started and can be had back, or NULL.
static brd_call_t *
s_youngest_offered (const brd_host_worker_t *self)
{
    brd_call_t *youngest = NULL;
    for (uint32_t i = 0; i < BRD_PAGE_SLOTS; i++) {
        brd_call_t *call = self->slots[i];
        if (call && (!youngest || call->seq > youngest->seq)
            && atomic_load (&self->page->claim[i])
                   == BRD_CLAIM (call->seq, BRD_CLAIM_OFFERED))
            youngest = call;
    }
    return youngest;
}

// What had not started goes back to the core, the youngest first: each goes to
// the head of its line.
static void
s_give_back (brd_host_worker_t *self)
{
    brd_call_t *call;
    while ((call = s_youngest_offered (self)) != NULL) {
        const brd_core_event_t event = { .type = BRD_CORE_RECLAIMED,
                                         .task = &call->core };
        if (brd_host_worker_reclaim (self, call))
            (void) brd_host_step (self->pool->host, &event);
    }
}

int
brd_host_worker_bury (brd_host_worker_t *self, int64_t now)
{
    brd_host_t *host = self->pool->host;
    brd_call_t *running = NULL;
    (void) brd_host_worker_harvest (self);
    s_give_back (self);
    for (uint32_t i = 0; i < BRD_PAGE_SLOTS; i++) {
        brd_call_t *call = self->slots[i];
        if (!call)
            continue;
        const int state = BRD_CLAIM_STATE (atomic_load (&self->page->claim[i]));
        if (state == BRD_CLAIM_DONE_SENT && now < self->bury_at)
            return 0;
        if (state == BRD_CLAIM_RUNNING)
            running = call;
    }
    brd_list_remove (&self->buried);
    // They are the core's again, and outlive us: one that will be tried again
    // must not point here.
    for (uint32_t i = 0; i < BRD_PAGE_SLOTS; i++) {
        if (self->slots[i])
            s_release (self, self->slots[i]);
    }
    const brd_core_event_t event = {
        .type = BRD_CORE_WORKER_LOST,
        .worker = self->number,
        .task = running ? &running->core : NULL,
    };
    (void) brd_host_step (host, &event);
    return 1;
}
