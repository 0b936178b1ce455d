// host_guest.c - who gives work to a pool from elsewhere
//
// SPDX-License-Identifier: MPL-2.0
//
// For its guest the owner is a host with as many slots as the pool has workers;
// what the guest gives are calls of the pool like any other.
//
//     worker of ours        here                          the pool
//     INVITE (name)  -->    connect
//            <-- SLOTS
//     TASKS          -->    a call each                   SUBMIT
//            <-- RESULTS
//     RECLAIM, CANCEL, KILL, CREDIT
//     STOP           -->    what is left is killed
//            <-- RETIRE     when nothing is; forgotten soon after
//     dies                  what is left is cancelled, nobody is told
//
// Another program comes over a peer that somebody else has made, and says with
// OPEN what it wants: host_serve.c. Its end is the peer's.
//
// A task that waits occupies one of the workers it waits for. While all are
// occupied and a guest has given work, the pool has one more for it, so tasks
// may wait for tasks of their own pool.
//
// Read next: host_given.c, host_serve.c; host_far.c, the other end.

#include <errno.h>
#include <string.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_log.h"
#include "base/brd_mem.h"
#include "host/host_guest.h"
#include "wire/brd_frame.h"
#include "wire/brd_limits.h"

enum {
    S_GUESTS_MAX = 1024,      // Of one process
    S_FORGET_NS = 250000000,  // From RETIRE to the end of the connection
    S_RETRY_NS = 10000000,
    S_LEND_NS = 1000000000  // A worker stays lent so long after it was needed
};

// In place of a worker's number at the end of a peer's id.
#define S_GUEST UINT32_C (0x80000000)

// -1: not one a guest may send.
static int
s_message (brd_host_guest_t *self, const void *bytes, size_t size)
{
    brd_frame_t frame;
    if (brd_frame_open (&frame, bytes, size) < 0)
        return -1;
    switch (frame.op) {
    case BRD_OP_OPEN:
        return brd_host_serve_asked (self, bytes, size);
    case BRD_OP_TASKS:
        return brd_host_given_tasks (self, &frame);
    case BRD_OP_RECLAIM:
    case BRD_OP_CANCEL:
    case BRD_OP_KILL:
    case BRD_OP_CREDIT:
        return brd_host_given_asked (self, &frame);
    case BRD_OP_DUCT_BYTES:
    case BRD_OP_DUCT_CREDIT:
    case BRD_OP_DUCT_END:
        return brd_host_duct_from_above (self, &frame);
    case BRD_OP_STOP:
        self->leaving = 1;
        brd_host_given_stop (self, BRD_CORE_KILL);
        return 0;
    default:
        return brd_error_set (EPROTO, "not an operation of a guest");
    }
}

void
brd_host_guest_message (brd_host_guest_t *self, const void *bytes, size_t size)
{
    if (!self->here || s_message (self, bytes, size) == 0)
        return;
    // It has lost its mind, or its memory. Nobody else is the worse for it.
    brd_log (BROOD_LOG_ERROR,
             self->remote ? "%s: work from above: %s"
                          : "%s: work from a task: %s",
             self->pool ? self->pool->name : "no pool",
             brd_error_get ()->text);
    self->leaving = 1;
    brd_host_given_stop (self, BRD_CORE_KILL);
}

// --- Coming and going ------------------------------------------------------

brd_host_guest_t *
brd_host_guest_find (brd_host_t *self, const unsigned char peer[BRD_ZMQ_ID])
{
    uint32_t number;
    memcpy (&number, peer + BRD_ZMQ_ID - 4, 4);
    if (!(number & S_GUEST))
        return NULL;
    for (brd_list_t *i = self->guests.next; i != &self->guests; i = i->next) {
        brd_host_guest_t *guest = BRD_LIST_ITEM (i, brd_host_guest_t, link);
        if (memcmp (guest->peer, peer, BRD_ZMQ_ID) == 0)
            return guest;
    }
    return NULL;
}

static brd_host_pool_t *
s_pool (brd_host_t *self, uint64_t number)
{
    for (brd_list_t *i = self->pools.next; i != &self->pools; i = i->next) {
        brd_host_pool_t *pool = BRD_LIST_ITEM (i, brd_host_pool_t, link);
        if (pool->number == number)
            return pool->ending || pool->broken ? NULL : pool;
    }
    return NULL;
}

static void
s_free (brd_host_guest_t *self)
{
    self->host->touched = 1;
    if (self->remote)
        brd_host_serve_end (self);
    else if (self->host->link)
        brd_zmq_disconnect (self->host->link, self->name);
    brd_list_remove (&self->link);
    brd_buf_fini (&self->out);
    explicit_bzero (self->family, sizeof self->family);
    brd_mem_free (self);
}

int
brd_host_guest_has_room (brd_host_t *self)
{
    brd_host_guest_t *left = NULL;
    uint32_t count = 0;
    for (brd_list_t *i = self->guests.next; i != &self->guests; i = i->next) {
        brd_host_guest_t *guest = BRD_LIST_ITEM (i, brd_host_guest_t, link);
        count++;
        if (!left && guest->retired)
            left = guest;
    }
    if (count < S_GUESTS_MAX)
        return 1;
    if (left)
        s_free (left);
    return left != NULL;
}

static int
s_is_known (const brd_host_t *self, const brd_wire_note_t *note)
{
    for (const brd_list_t *i = self->guests.next; i != &self->guests;
         i = i->next) {
        const brd_host_guest_t *guest =
            BRD_LIST_ITEM (i, brd_host_guest_t, link);
        if (strlen (guest->name) == note->size
            && memcmp (guest->name, note->body, note->size) == 0)
            return 1;
    }
    return 0;
}

static int
s_is_moved (const brd_host_pool_t *pool)
{
    return pool->code && pool->code->moved;
}

brd_host_guest_t *
brd_host_guest_new (brd_host_t *host)
{
    brd_host_guest_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    self->host = host;
    self->here = 1;
    self->forget_at = self->lent_till = BRD_NEVER;
    brd_list_init (&self->link);
    brd_list_init (&self->given);
    brd_buf_init (&self->out, BRD_WIRE_SIZE_MAX);
    return self;
}

// Who cannot be had as a guest gets no answer, and asks again.
void
brd_host_guest_invited (brd_host_worker_t *of, const brd_wire_note_t *note)
{
    brd_host_t *host = of->pool->host;
    const uint32_t number = S_GUEST | ++host->guests_made;
    if (note->size == 0 || note->size >= BRD_NURSERY_NAME_SIZE
        || s_is_known (host, note) || !brd_host_guest_has_room (host))
        return;
    brd_host_guest_t *self = brd_host_guest_new (host);
    if (!self)
        return;
    memcpy (self->name, note->body, note->size);
    memcpy (self->peer, host->id, BRD_ZMQ_ID);
    memcpy (self->peer + BRD_ZMQ_ID - 4, &number, 4);
    host->touched = 1;
    if (brd_zmq_connect (host->link, self->name, self->peer) < 0) {
        brd_mem_free (self);
        return;
    }
    self->pool = s_pool (host, note->seq);
    self->worker = of->number;
    self->pid = (uint32_t) of->pid;
    brd_list_append (&host->guests, &self->link);
    if (!self->pool) {
        self->leaving = 1;
        return;
    }
    // Where code lies elsewhere a function would have to be looked up, in maps
    // too, and what it points to as well: no slots for those.
    const int moved = s_is_moved (of->pool) || s_is_moved (self->pool);
    self->leaving = moved;
    const brd_wire_note_t slots = {
        .count = moved ? 0 : brd_host_pool_capacity (self->pool)
    };
    brd_host_given_tell (self, BRD_OP_SLOTS, &slots);
}

// Unless another of its guests runs still, or another process has the number by
// now.
static void
s_sweep (brd_host_guest_t *self)
{
    const brd_list_t *guests = &self->host->guests;
    for (const brd_list_t *i = guests->next; i != guests; i = i->next) {
        const brd_host_guest_t *other =
            BRD_LIST_ITEM (i, brd_host_guest_t, link);
        if (other != self && other->pid == self->pid)
            return;
    }
    size_t place = 0;
    uint64_t number;
    const brd_host_worker_t *worker;
    while ((worker = brd_map_next (&self->host->workers, &place, &number))
           != NULL) {
        if (worker->pid == (int32_t) self->pid)
            return;
    }
    brd_arena_sweep (self->host->arena, self->pid);
}

// 1 if something waits for a worker, and all the pool may have are occupied.
static int
s_lacks_worker (const brd_host_guest_t *self)
{
    const brd_host_pool_t *pool = self->pool;
    brd_core_pool_stats_t stats;
    return pool && !pool->hosts && !self->remote
           && !brd_list_empty (&self->given)
           && brd_core_pool_stats (self->host->core, pool->number, &stats) == 0
           && stats.idle == 0
           && stats.workers >= (long) (pool->size + pool->lent)
           && stats.pending + stats.running > stats.workers;
}

// A worker is lent while it is needed, and a little longer: a task that gives
// work, waits, and gives work again is not to cost a process each time.
static void
s_lend (brd_host_guest_t *self)
{
    const int64_t now = self->host->now;
    if (!self->lent && s_lacks_worker (self)) {
        self->lent = 1;
        brd_host_pool_lend (self->pool, 1);
    }
    if (!self->lent || !brd_list_empty (&self->given))
        self->lent_till = BRD_NEVER;
    else if (self->lent_till == BRD_NEVER)
        self->lent_till = now + S_LEND_NS;
    if (self->lent
        && (now >= self->lent_till
            || (brd_list_empty (&self->given)
                && (self->leaving || !self->here)))) {
        self->lent = 0;
        self->lent_till = BRD_NEVER;
        if (self->pool)
            brd_host_pool_lend (self->pool, -1);
    }
}

// It must hear of this, or it waits for ever.
static void
s_retire (brd_host_guest_t *self)
{
    const int64_t now = self->host->now;
    self->retired = brd_host_given_try_tell (self, BRD_OP_RETIRE, NULL) == 0;
    self->forget_at = now + (self->retired ? S_FORGET_NS : S_RETRY_NS);
}

// Nothing is given: who leaves may, and who has left long ago is forgotten.
static void
s_idle (brd_host_guest_t *self)
{
    const int due = self->host->now >= self->forget_at;
    if (!self->here && self->sweep)
        s_sweep (self);
    if (!self->here || (self->retired && due))
        s_free (self);
    else if (self->leaving && !self->retired
             && (due || self->forget_at == BRD_NEVER))
        s_retire (self);
}

// 1 if there is something to do for it now.
static int
s_owes (const brd_host_guest_t *self)
{
    const int64_t now = self->host->now;
    if (self->out_count > 0 || (self->failed && now >= self->stop_at))
        return 1;
    if (!brd_list_empty (&self->given))
        return !self->lent && s_lacks_worker (self);
    return !self->here || now >= self->forget_at
           || (self->leaving && self->forget_at == BRD_NEVER)
           || (self->lent
               && (self->lent_till == BRD_NEVER || now >= self->lent_till));
}

void
brd_host_guests_flush (brd_host_t *self)
{
    for (brd_list_t *i = self->guests.next, *next; i != &self->guests;
         i = next) {
        brd_host_guest_t *guest = BRD_LIST_ITEM (i, brd_host_guest_t, link);
        next = i->next;
        brd_host_given_flush (guest);
        if (guest->failed && self->now >= guest->stop_at) {
            guest->failed = 0;
            guest->stop_at = self->now + S_RETRY_NS;
            brd_host_given_stop (guest, BRD_CORE_KILL);
        }
        s_lend (guest);
        // Where nobody is, tasks are better off with who has given them.
        if (guest->remote && guest->pool && guest->pool->hosts
            && guest->pool->width == 0 && guest->here)
            brd_host_given_back (guest);
        if (brd_list_empty (&guest->given))
            s_idle (guest);
    }
}

int
brd_host_guests_owe (const brd_host_t *self)
{
    for (const brd_list_t *i = self->guests.next; i != &self->guests;
         i = i->next) {
        if (s_owes (BRD_LIST_ITEM (i, brd_host_guest_t, link)))
            return 1;
    }
    return 0;
}

int64_t
brd_host_guests_deadline (const brd_host_t *self)
{
    int64_t due = BRD_NEVER;
    for (const brd_list_t *i = self->guests.next; i != &self->guests;
         i = i->next) {
        const brd_host_guest_t *guest =
            BRD_LIST_ITEM (i, brd_host_guest_t, link);
        if (guest->forget_at < due)
            due = guest->forget_at;
        if (guest->lent_till < due)
            due = guest->lent_till;
        if (guest->failed && guest->stop_at < due)
            due = guest->stop_at;
        const int64_t line = brd_host_serve_deadline (guest);
        due = line < due ? line : due;
    }
    return due;
}

// Every guest of its is put off until a turn: steps are not for here.
int
brd_host_guests_bury (brd_host_t *self, const brd_host_worker_t *worker)
{
    int busy = 0;
    for (brd_list_t *i = self->guests.next; i != &self->guests; i = i->next) {
        brd_host_guest_t *guest = BRD_LIST_ITEM (i, brd_host_guest_t, link);
        if (guest->remote || guest->worker != worker->number)
            continue;
        guest->worker = 0;
        guest->here = 0;
        self->touched = 1;
        brd_host_given_abandon (guest);
        if (brd_list_empty (&guest->given))
            continue;
        guest->sweep = 1;
        busy = 1;
    }
    return busy;
}

void
brd_host_guests_resized (brd_host_t *self, const brd_host_pool_t *pool)
{
    const brd_wire_note_t slots = { .count = brd_host_pool_capacity (pool) };
    for (brd_list_t *i = self->guests.next; i != &self->guests; i = i->next) {
        brd_host_guest_t *guest = BRD_LIST_ITEM (i, brd_host_guest_t, link);
        if (guest->pool != pool || !guest->here || guest->leaving)
            continue;
        if (guest->remote)
            brd_host_serve_resized (guest);
        else
            brd_host_given_tell (guest, BRD_OP_SLOTS, &slots);
    }
}

int
brd_host_guests_drain (brd_host_t *self)
{
    int count = 0;
    for (brd_list_t *i = self->guests.next; i != &self->guests; i = i->next) {
        brd_host_guest_t *guest = BRD_LIST_ITEM (i, brd_host_guest_t, link);
        if (guest->line)
            count += brd_host_serve_drain (guest);
    }
    return count;
}

// A task of ours has its tasks' ends; another program has other hosts.
void
brd_host_guests_broken (brd_host_t *self, const brd_host_pool_t *pool)
{
    for (brd_list_t *i = self->guests.next; i != &self->guests; i = i->next) {
        brd_host_guest_t *guest = BRD_LIST_ITEM (i, brd_host_guest_t, link);
        if (guest->pool == pool && guest->remote && guest->here)
            brd_host_serve_refuse (guest, pool->broken, pool->reason);
    }
}

void
brd_host_guests_turn_out (brd_host_t *self, const brd_host_pool_t *pool)
{
    for (brd_list_t *i = self->guests.next; i != &self->guests; i = i->next) {
        brd_host_guest_t *guest = BRD_LIST_ITEM (i, brd_host_guest_t, link);
        if (guest->pool != pool)
            continue;
        guest->pool = NULL;
        guest->lent = 0;
        guest->leaving = 1;
        self->touched = 1;
    }
}

void
brd_host_guests_closed (brd_host_t *self, const brd_host_pool_t *pool)
{
    for (brd_list_t *i = self->guests.next; i != &self->guests; i = i->next) {
        brd_host_guest_t *guest = BRD_LIST_ITEM (i, brd_host_guest_t, link);
        if (guest->pool != pool)
            continue;
        guest->leaving = 1;
        self->touched = 1;
    }
}

void
brd_host_guests_free (brd_host_t *self)
{
    while (!brd_list_empty (&self->guests))
        s_free (BRD_LIST_ITEM (self->guests.next, brd_host_guest_t, link));
}
