// brd_queue.c - a queue in the arena
//
// SPDX-License-Identifier: MPL-2.0
//
//     put     lock | room? no: sleep among the putters | add    | wake a getter
//     get     lock | item? no: sleep among the getters | take() | wake a putter
//
// Nobody is in the middle: each call is carried out by its caller, under a lock
// that is held for some hundred instructions. Small items are copied in and out
// meanwhile. A large one is copied before the lock is taken, and on the way out
// it is TAKEN while the lock is free again; should its getter die, it comes
// back like one that was not done.
//
// Deaths. The next one to take the lock repairs what a dead holder left
// (brd_items_repair ()). What a dead process had taken cannot be given back by
// the sweep, which takes no lock: it counts a death and wakes everybody, and
// whoever takes the lock first looks for items whose takers do not live
// (s_reap).
//
// Dead letters. An item that has been given out too often is copied to another
// queue and then ends here. The other's lock is taken while ours is held; as
// that one has no dead queue itself, it ends there. A process killed between
// the two steps leaves it in both.
//
// Read next: brd_items.c, brd_waiters.c.

#include "shared/brd_queue.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "base/brd_log.h"
#include "base/brd_pause.h"
#include "shared/brd_bell.h"
#include "shared/brd_seat.h"

enum {
    S_LOOKS = 40,  // Before a sleep; some microseconds
    S_PAUSES = 4   // Between two of them
};

// One call of somebody.
typedef struct {
    brd_shared_t *shared;
    uint64_t tag;
    int lingered;
    brd_wait_t wait;
} s_call_t;

// --- In and out of the lock ------------------------------------------------

static void
s_reap (brd_queue_t *self);

static int
s_enter (brd_queue_t *self)
{
    const int rc = brd_lock_enter (&self->lock, self->object.shared);
    if (rc < 0)
        return -1;
    if (rc == 1)
        brd_items_repair (&self->items);
    const uint32_t deaths = atomic_load (&self->deaths);
    if (deaths != self->reaped) {
        self->reaped = deaths;
        brd_waiters_reap (&self->getters);
        brd_waiters_reap (&self->putters);
        brd_waiters_reap (&self->joiners);
        s_reap (self);
    }
    return 0;
}

// For a thread that was inside already: it has its seat, and nothing can fail.
static void
s_enter_again (brd_queue_t *self)
{
    const int rc = s_enter (self);
    brd_assert (rc == 0);
}

static void
s_leave (brd_queue_t *self)
{
    const uint32_t dropped = self->dropped;
    self->dropped = 0;
    const int rc = brd_lock_release (&self->lock, self->object.shared);
    brd_assert (rc == 0);
    if (dropped > 0)
        brd_log (BROOD_LOG_WARNING,
                 "queue %llu: %u items dropped, delivered too often",
                 (unsigned long long) self->object.id,
                 dropped);
}

static int
s_begin (s_call_t *call, brd_queue_t *self, int timeout_ms)
{
    memset (call, 0, sizeof *call);
    call->shared = self->object.shared;
    call->tag = brd_seat_tag (call->shared);
    call->wait.timeout_ms = timeout_ms;
    call->wait.over = timeout_ms == 0 ? ETIMEDOUT : 0;
    return call->tag == 0 ? -1 : s_enter (self);
}

static brd_seat_t *
s_seat (const s_call_t *call)
{
    return brd_seat_at (call->shared, brd_seat_mine (call->shared));
}

// --- Waiting ---------------------------------------------------------------

// Something may be done within a moment, and a sleep is long.
static void
s_linger (_Atomic uint64_t *counter, uint64_t seen)
{
    for (int look = 0; look < S_LOOKS; look++) {
        for (int i = 0; i < S_PAUSES; i++)
            brd_pause ();
        if (atomic_load_explicit (counter, memory_order_relaxed) != seen)
            return;
    }
}

// Lets go of the lock until another look is worth it. changes: what grows with
// each thing waited for; NULL if it is not worth lingering.
static void
s_wait (brd_queue_t *self,
        s_call_t *call,
        brd_waiters_t *line,
        _Atomic uint64_t *changes)
{
    if (changes && !call->lingered && line->lingers == 0) {
        const uint64_t seen = atomic_load (changes);
        call->lingered = 1;
        line->lingers = 1;
        s_leave (self);
        s_linger (changes, seen);
        s_enter_again (self);
        line->lingers = 0;
        return;
    }
    const uint32_t reaped = self->reaped;
    brd_waiters_enter (line, &call->wait);
    s_leave (self);
    // A sweep that did not see us in the line has counted its death before.
    if (atomic_load (&self->deaths) == reaped)
        brd_waiters_sleep (line, &call->wait);
    s_enter_again (self);
    brd_waiters_leave (line, &call->wait, call->tag);
}

// errno and text of a wait that is over.
static int
s_over (const s_call_t *call, const char *what)
{
    return call->wait.over == EINTR ? brd_error_set (EINTR, "interrupted")
                                    : brd_error_set (ETIMEDOUT, "%s", what);
}

// --- Put -------------------------------------------------------------------

static int
s_has_room (const brd_queue_t *self, size_t size)
{
    return (self->capacity == 0 || self->items.ready < self->capacity)
           && self->items.ready_bytes <= self->capacity_bytes
           && size <= self->capacity_bytes - self->items.ready_bytes;
}

// Of what was put so far, before the caller sleeps.
static void
s_wake_getters (brd_queue_t *self, size_t n)
{
    const uint32_t due = brd_waiters_due (&self->getters, n);
    s_leave (self);
    brd_waiters_wake (&self->getters, due);
    brd_bell_changed (&self->object);
    s_enter_again (self);
}

// Until there is room. *unsaid: what was put and nobody was told of yet.
static int
s_await_room (brd_queue_t *self, s_call_t *call, size_t size, size_t *unsaid)
{
    for (;;) {
        if (self->closed)
            return brd_error_set (EPIPE, "the queue is closed");
        if (s_has_room (self, size)
            && brd_waiters_may (
                &self->putters, call->shared, &call->wait, call->tag, 0))
            return 0;
        if (call->wait.over)
            return s_over (call, "the queue stayed full");
        if (*unsaid > 0)
            s_wake_getters (self, *unsaid);
        else
            s_wait (self, call, &self->putters, &self->items.takes);
        *unsaid = 0;
    }
}

// A large item's bytes, in a block of this process. Without the lock.
static int
s_copy_large (brd_queue_t *self, brd_item_new_t *item)
{
    item->block = brd_arena_alloc (
        self->items.arena, item->size, (uint32_t) getpid (), 0);
    if (!item->block)
        return -1;
    memcpy (item->block, item->bytes, item->size);
    return 0;
}

static int
s_put_one (brd_queue_t *self,
           s_call_t *call,
           const brd_item_new_t *item,
           size_t *unsaid)
{
    brd_item_new_t one = *item;
    int rc = s_await_room (self, call, one.size, unsaid);
    if (rc == 0 && one.size > BRD_ITEM_INLINE_MAX) {
        s_leave (self);
        rc = s_copy_large (self, &one);
        s_enter_again (self);
        if (rc == 0)
            rc = s_await_room (self, call, one.size, unsaid);
    }
    if (rc == 0)
        rc = brd_items_add (&self->items, &one);
    if (rc == 0)
        ++*unsaid;
    else
        brd_arena_free (self->items.arena, one.block);
    return rc;
}

long
brd_queue_put (brd_queue_t *self,
               int timeout_ms,
               const brd_item_new_t *items,
               size_t n)
{
    s_call_t call;
    size_t unsaid = 0;
    size_t done = 0;
    for (size_t i = 0; i < n; i++) {
        if (items[i].size > self->size_max)
            return brd_error_set (EMSGSIZE,
                                  "an item of %zu bytes, and %zu is the limit",
                                  items[i].size,
                                  self->size_max);
    }
    if (s_begin (&call, self, timeout_ms) < 0)
        return -1;
    while (done < n && s_put_one (self, &call, &items[done], &unsaid) == 0)
        done++;
    // One of those who wait for room may have been woken for what we leave.
    const size_t room = s_has_room (self, 1) ? 1 : 0;
    uint32_t putters = brd_waiters_done (&self->putters, call.tag, room);
    putters += brd_waiters_due (&self->putters, room);
    const uint32_t getters = brd_waiters_due (&self->getters, unsaid);
    s_leave (self);
    brd_waiters_wake (&self->getters, getters);
    brd_waiters_wake (&self->putters, putters);
    if (unsaid > 0)
        brd_bell_changed (&self->object);
    return done > 0 ? (long) done : -1;
}

// --- Get -------------------------------------------------------------------

// What is taken may come back, unless we are who has it: then nobody waits for
// anybody in a circle.
static int
s_may_come_back (const brd_queue_t *self, const s_call_t *call)
{
    return self->items.taken > 0
           && !brd_items_taken_by (&self->items, call->tag);
}

static int
s_await_item (brd_queue_t *self, s_call_t *call)
{
    for (;;) {
        const size_t ready = self->items.ready;
        if (ready > 0
            && brd_waiters_may (
                &self->getters, call->shared, &call->wait, call->tag, ready))
            return 0;
        if (ready == 0 && self->closed && !s_may_come_back (self, call))
            return brd_error_set (EPIPE, "the queue is closed and drained");
        if (call->wait.over)
            return s_over (call, "the queue stayed empty");
        s_wait (self, call, &self->getters, &self->items.number);
    }
}

// An item has ended: some wait for the last one.
static uint32_t
s_due_joiners (brd_queue_t *self)
{
    const brd_items_t *items = &self->items;
    return items->ready + items->taken == 0
               ? brd_waiters_due (&self->joiners, BRD_WAITERS_ALL)
               : 0;
}

// What was popped is the caller's. Its block is to be freed, NULL.
static void *
s_hand_over (brd_queue_t *self, const s_call_t *call, brd_item_t *item)
{
    if (!self->joinable)
        return brd_items_remove (&self->items, item);
    brd_seat_hold (s_seat (call), 1);
    brd_items_take (&self->items, item, call->tag);
    return NULL;
}

typedef struct {
    size_t max;
    int (*take) (void *arg, const void *bytes, size_t size);
    void *arg;
} s_taker_t;

// Small ones, all or none, while the lock is held.
static long
s_get_small (brd_queue_t *self, const s_call_t *call, const s_taker_t *taker)
{
    brd_item_t *popped = NULL;
    brd_item_t **end = &popped;
    brd_item_t *item;
    size_t n = 0;
    int rc = 0;
    while (rc == 0 && n < taker->max && (item = brd_items_peek (&self->items))
           && !item->block) {
        (void) brd_items_pop (&self->items);
        item->next = NULL;
        *end = item;
        end = &item->next;
        rc = taker->take (
            taker->arg, brd_item_bytes (item), (size_t) item->size);
        n++;
    }
    while ((item = popped)) {
        popped = item->next;
        if (rc < 0)
            brd_items_unpop (&self->items, item);
        else
            (void) s_hand_over (self, call, item);
    }
    return rc < 0 ? -1 : (long) n;
}

// A large one: it is taken, then copied with the lock free, then gone.
static long
s_get_large (brd_queue_t *self,
             const s_call_t *call,
             const s_taker_t *taker,
             void **ret_block)
{
    brd_item_t *item = brd_items_pop (&self->items);
    brd_seat_hold (s_seat (call), 1);
    brd_items_take (&self->items, item, call->tag);
    s_leave (self);
    const int rc =
        taker->take (taker->arg, brd_item_bytes (item), (size_t) item->size);
    const brood_error_info_t story = *brd_error_get ();
    s_enter_again (self);
    if (rc == 0 && self->joinable)
        return 1;
    if (rc == 0)
        *ret_block = brd_items_remove (&self->items, item);
    else
        brd_items_give_back (&self->items, item, 1);
    brd_seat_hold (s_seat (call), -1);
    return rc < 0 ? brd_error_take (&story) : 1;
}

static long
s_get (brd_queue_t *self,
       s_call_t *call,
       const s_taker_t *taker,
       void **ret_block)
{
    if (s_await_item (self, call) < 0)
        return -1;
    const brd_item_t *item = brd_items_peek (&self->items);
    return item->block ? s_get_large (self, call, taker, ret_block)
                       : s_get_small (self, call, taker);
}

// Whoever waits because what another has may come back: it did not.
static size_t
s_due_getters (const brd_queue_t *self)
{
    return self->closed && self->items.taken == 0 ? BRD_WAITERS_ALL
                                                  : self->items.ready;
}

long
brd_queue_get (brd_queue_t *self,
               int timeout_ms,
               size_t max,
               int (*take) (void *arg, const void *bytes, size_t size),
               void *arg)
{
    s_call_t call;
    void *block = NULL;
    const s_taker_t taker = { .max = max, .take = take, .arg = arg };
    if (s_begin (&call, self, timeout_ms) < 0)
        return -1;
    const long n = s_get (self, &call, &taker, &block);
    // One of those who wait for an item may have been woken for what we leave.
    const size_t left = s_due_getters (self);
    uint32_t getters = brd_waiters_done (&self->getters, call.tag, left);
    getters += brd_waiters_due (&self->getters, left);
    const uint32_t putters =
        brd_waiters_due (&self->putters, n > 0 ? (size_t) n : 0);
    s_leave (self);
    brd_waiters_wake (&self->putters, putters);
    brd_waiters_wake (&self->getters, getters);
    brd_arena_free (self->items.arena, block);
    return n;
}

// --- What was taken --------------------------------------------------------

// A copy of the item in the dead queue. 0; 1: that is closed; -1: no memory.
static int
s_copy_to_dead (brd_queue_t *dead, const brd_item_t *item)
{
    brd_item_new_t copy = {
        .bytes = brd_item_bytes (item),
        .size = (size_t) item->size,
        .priority = item->priority,
    };
    if (copy.size > BRD_ITEM_INLINE_MAX && s_copy_large (dead, &copy) < 0)
        return -1;
    s_enter_again (dead);
    const int rc = dead->closed ? 1 : brd_items_add (&dead->items, &copy);
    if (rc != 0)
        brd_arena_free (dead->items.arena, copy.block);
    const uint32_t getters = brd_waiters_due (&dead->getters, rc == 0);
    s_leave (dead);
    brd_waiters_wake (&dead->getters, getters);
    brd_bell_changed (&dead->object);
    return rc;
}

// What was taken and will not be done: back to the head, or, if that was once
// too often, away. Without memory for a dead letter it is given out once more.
static void
s_return (brd_queue_t *self, brd_item_t *item)
{
    int rc = -1;
    if (self->deliveries_max > 0
        && brd_item_deliveries (item) >= self->deliveries_max)
        rc = self->dead ? s_copy_to_dead (self->dead, item) : 1;
    if (rc < 0) {
        brd_items_give_back (&self->items, item, 0);
        return;
    }
    self->dropped += rc == 1;
    brd_arena_free (self->items.arena, brd_items_remove (&self->items, item));
}

static int
s_lives (void *arg, uint64_t tag)
{
    return brd_seat_lives (arg, tag);
}

// Somebody has died since the last look.
static void
s_reap (brd_queue_t *self)
{
    const int saved_errno = errno;
    brd_item_t *item;
    while (
        (item = brd_items_orphan (&self->items, s_lives, self->object.shared)))
        s_return (self, item);
    errno = saved_errno;
}

// The calling thread's oldest, with the lock held; NULL, and it is not.
static brd_item_t *
s_begin_taken (s_call_t *call, brd_queue_t *self)
{
    if (s_begin (call, self, 0) < 0)
        return NULL;
    brd_item_t *item = brd_items_taken_by (&self->items, call->tag);
    if (item)
        return item;
    s_leave (self);
    brd_error_set (EPERM, "this thread has no item of the queue");
    return NULL;
}

static void
s_end_taken (brd_queue_t *self, const s_call_t *call)
{
    brd_seat_hold (s_seat (call), -1);
    const uint32_t joiners = s_due_joiners (self);
    const uint32_t getters =
        brd_waiters_due (&self->getters, s_due_getters (self));
    s_leave (self);
    brd_waiters_wake (&self->joiners, joiners);
    brd_waiters_wake (&self->getters, getters);
    brd_bell_changed (&self->object);
}

int
brd_queue_task_done (brd_queue_t *self)
{
    s_call_t call;
    brd_item_t *item = s_begin_taken (&call, self);
    if (!item)
        return -1;
    void *block = brd_items_remove (&self->items, item);
    s_end_taken (self, &call);
    brd_arena_free (self->items.arena, block);
    return 0;
}

int
brd_queue_task_failed (brd_queue_t *self)
{
    s_call_t call;
    brd_item_t *item = s_begin_taken (&call, self);
    if (!item)
        return -1;
    s_return (self, item);
    s_end_taken (self, &call);
    return 0;
}

int
brd_queue_deliveries (brd_queue_t *self)
{
    s_call_t call;
    const brd_item_t *item = s_begin_taken (&call, self);
    if (!item)
        return -1;
    const int n = brd_item_deliveries (item);
    s_leave (self);
    return n;
}

int
brd_queue_join (brd_queue_t *self, int timeout_ms)
{
    s_call_t call;
    if (s_begin (&call, self, timeout_ms) < 0)
        return -1;
    int rc = 0;
    while (rc == 0 && self->items.ready + self->items.taken > 0) {
        if (call.wait.over)
            rc = s_over (&call, "not all items are done");
        else
            s_wait (self, &call, &self->joiners, NULL);
    }
    s_leave (self);
    return rc;
}

// --- The whole -------------------------------------------------------------

int
brd_queue_close (brd_queue_t *self)
{
    s_call_t call;
    if (s_begin (&call, self, 0) < 0)
        return -1;
    self->closed = 1;
    const uint32_t putters = brd_waiters_due (&self->putters, BRD_WAITERS_ALL);
    const uint32_t getters = brd_waiters_due (&self->getters, BRD_WAITERS_ALL);
    s_leave (self);
    brd_waiters_wake (&self->putters, putters);
    brd_waiters_wake (&self->getters, getters);
    brd_bell_changed (&self->object);
    return 0;
}

int
brd_queue_state (brd_queue_t *self, brd_queue_state_t *ret_state)
{
    s_call_t call;
    if (s_begin (&call, self, 0) < 0)
        return -1;
    *ret_state = (brd_queue_state_t){
        .ready = self->items.ready,
        .full = !s_has_room (self, 1),
        .closed = self->closed,
        .ended = self->closed && self->items.ready == 0
                 && !s_may_come_back (self, &call),
    };
    s_leave (self);
    return 0;
}

void
brd_queue_init (brd_queue_t *self, int ordered)
{
    self->items.arena = brd_shared_arena (self->object.shared);
    self->items.keeper = brd_shared_keeper (self->object.shared);
    self->items.ordered = ordered;
}

static void
s_sweep (brd_object_t *object, pid_t pid)
{
    brd_queue_t *self = (brd_queue_t *) (void *) object;
    brd_lock_sweep (&self->lock, object->shared, pid);
    atomic_fetch_add (&self->deaths, 1);
    brd_waiters_sweep (&self->getters);
    brd_waiters_sweep (&self->putters);
    brd_waiters_sweep (&self->joiners);
    brd_bell_changed (object);
}

static void
s_free (brd_object_t *object)
{
    brd_queue_t *self = (brd_queue_t *) (void *) object;
    brd_share_t *kept = self->dead_kept;
    // Before brd_queue_init () there is nothing.
    if (self->items.arena)
        brd_items_free (&self->items);
    self->dead = NULL;
    if (kept)
        (void) brd_share_end (kept, atomic_load (&kept->slot.word));
}

const brd_kind_class_t brd_queue_class = { .sweep = s_sweep, .free = s_free };
