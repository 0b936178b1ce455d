// brd_pipe.c - messages between two ends, in the arena: who holds what
//
// SPDX-License-Identifier: MPL-2.0
//
//     handle made          share: MAY_HOLD
//     first use            share: MAY_HOLD -> HOLDS
//     close, drop, death   share ends (or says nothing any more)
//                          changes + 1, everybody who sleeps is woken
//
// Nobody counts holders: a process killed between its share and the count
// would leave a pipe that never ends, or one that ends under its users. The
// shares themselves are looked at, all that are in the arena, when a verdict is
// wanted and something has changed since the last one.
//
// A sleeper looks again after a second, whatever happens: a sweeper that is
// itself killed wakes nobody.
//
// Read next: brd_pipe_move.c, the messages.

#include <errno.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_futex.h"
#include "shared/brd_bell.h"
#include "shared/brd_pipe_private.h"
#include "shared/brd_root.h"

// In a share's count: which end, and what of it.
enum {
    END = 1,
    MAY_HOLD = 2,
    HOLDS = 4
};

static const int64_t s_look_again_ns = 1000000000;

// --- Waking ----------------------------------------------------------------

void
brd_pipe_wake (brd_pipe_t *self, _Atomic uint32_t *word)
{
    // The change before the look, or both sides could miss each other.
    atomic_thread_fence (memory_order_seq_cst);
    if (atomic_load_explicit (word, memory_order_relaxed) != 0
        && atomic_exchange (word, 0) != 0)
        brd_futex_wake (word, 1, 1);
    if (atomic_load_explicit (&self->object.watchers, memory_order_relaxed) > 0)
        brd_bell_ring (&self->object);
}

int
brd_pipe_sleep (brd_sleep_t *sleep, _Atomic uint32_t *word)
{
    brd_sleep_t slice = *sleep;
    const int64_t until = brd_clock_now () + s_look_again_ns;
    if (slice.deadline > until)
        slice.deadline = until;
    return brd_sleep_on (&slice, word, 1, 1);
}

static void
s_changed (brd_pipe_t *self)
{
    atomic_fetch_add (&self->changes, 1);
    for (int i = 0; i < 2; i++) {
        brd_pipe_wake (self, &self->rings[i].awaits_bytes);
        brd_pipe_wake (self, &self->rings[i].awaits_room);
    }
}

// --- Who holds what --------------------------------------------------------

int
brd_pipe_use (brd_pipe_end_t *self)
{
    if (atomic_load_explicit (&self->closed, memory_order_relaxed))
        return brd_error_set (EBADF, "this end was closed");
    brd_share_t *share = brd_hold_share (&self->hold);
    if (!share)
        return -1;
    if (atomic_load_explicit (&share->count, memory_order_relaxed) & HOLDS)
        return 0;
    brd_pipe_t *pipe = brd_pipe_of (self);
    atomic_store (&share->count, self->end | HOLDS);
    // Closed by another thread meanwhile: that must not be undone.
    if (atomic_load (&self->closed)) {
        atomic_store (&share->count, 0);
        s_changed (pipe);
        return brd_error_set (EBADF, "this end was closed");
    }
    atomic_store (&pipe->held[self->end], 1);
    s_changed (pipe);
    return 0;
}

typedef struct {
    const brd_object_t *object;
    int end;
    int holders;
    int others;  // Who may come to hold it
} s_look_t;

static void
s_look_at (void *arg, brd_slot_t *slot)
{
    s_look_t *look = arg;
    const brd_share_t *share = (const brd_share_t *) (void *) slot;
    if (slot->kind != 0 || share->object != look->object
        || brd_slab_state (atomic_load (&slot->word)) != BRD_SLAB_LIVE)
        return;
    const int count = atomic_load (&((brd_share_t *) share)->count);
    if ((count & END) != look->end)
        return;
    look->holders += (count & HOLDS) != 0;
    look->others += (count & MAY_HOLD) != 0;
}

static int
s_look (brd_pipe_t *self, int end)
{
    brd_shared_t *shared = self->object.shared;
    s_look_t look = { .object = &self->object, .end = end };
    // Before the look: who uses it first while we look is no former holder.
    const uint32_t was_held = atomic_load (&self->held[end]);
    brd_slab_each (&shared->slabs, shared->arena, s_look_at, &look);
    if (look.holders > 0)
        return 0;
    return was_held
           || (look.others == 0
               && !brd_shared_has_snapshot_since (shared, self->object.born));
}

int
brd_pipe_is_gone (brd_pipe_t *self, int end, int fresh)
{
    const uint64_t changes = atomic_load (&self->changes);
    const uint64_t verdict =
        atomic_load_explicit (&self->verdict[end], memory_order_relaxed);
    if (!fresh && verdict >> 1 == changes + 1)
        return (int) (verdict & 1);
    const int gone = s_look (self, end);
    atomic_store_explicit (&self->verdict[end],
                           (changes + 1) << 1 | (uint64_t) gone,
                           memory_order_relaxed);
    return gone;
}

// --- Life ------------------------------------------------------------------

int
brd_pipe_new (brd_shared_t *shared, int duplex, brd_pipe_end_t ret_ends[2])
{
    brd_pipe_end_t ends[2] = { { .end = 0 }, { .end = 1 } };
    if (brd_object_new (shared,
                        BRD_KIND_CONN,
                        sizeof (brd_pipe_t),
                        (size_t) BRD_PIPE_RING * (duplex ? 2 : 1),
                        &ends[0].hold)
        < 0)
        return -1;
    brd_pipe_of (&ends[0])->duplex = duplex;
    ends[1].hold.object = ends[0].hold.object;
    brd_object_publish (&ends[0].hold);
    for (int i = 0; i < 2; i++) {
        brd_share_t *share = brd_hold_share (&ends[i].hold);
        if (!share) {
            brd_hold_drop (&ends[0].hold);
            return -1;
        }
        atomic_store (&share->count, i | MAY_HOLD);
    }
    ret_ends[0] = ends[0];
    ret_ends[1] = ends[1];
    return 0;
}

void
brd_pipe_ref (const brd_pipe_end_t *self, uint64_t brood, brd_ref_t *ret_ref)
{
    brd_object_ref (self->hold.object, brood, ret_ref);
    ret_ref->spare = (uint32_t) self->end;
}

int
brd_pipe_from (brd_shared_t *shared,
               uint64_t brood,
               const brd_ref_t *ref,
               brd_pipe_end_t *ret_end)
{
    brd_pipe_end_t self = { .end = (int) (ref->spare & END) };
    if (brd_hold_from (shared, brood, ref, &self.hold) < 0)
        return -1;
    if (brd_pipe_use (&self) < 0) {
        brd_hold_drop (&self.hold);
        return -1;
    }
    *ret_end = self;
    return 0;
}

int
brd_pipe_close (brd_pipe_end_t *self)
{
    brd_share_t *share = brd_hold_share (&self->hold);
    if (!share)
        return -1;
    atomic_store (&self->closed, 1);
    if (atomic_exchange (&share->count, 0) != 0)
        s_changed (brd_pipe_of (self));
    return 0;
}

void
brd_pipe_drop (brd_pipe_end_t *self)
{
    brd_hold_drop (&self->hold);
}

// --- Death -----------------------------------------------------------------

static void
s_sweep (brd_object_t *object, pid_t pid)
{
    brd_pipe_t *self = (brd_pipe_t *) (void *) object;
    for (int i = 0; i < 2; i++) {
        brd_lock_sweep (&self->rings[i].sending, object->shared, pid);
        brd_lock_sweep (&self->rings[i].receiving, object->shared, pid);
        brd_lock_sweep (&self->rings[i].offering, object->shared, pid);
    }
}

static void
s_leave (brd_object_t *object, brd_share_t *share)
{
    if (atomic_load (&share->count) != 0)
        s_changed ((brd_pipe_t *) (void *) object);
}

// What nobody will receive.
static void
s_free (brd_object_t *object)
{
    brd_pipe_t *self = (brd_pipe_t *) (void *) object;
    brd_arena_t *arena = object->shared->arena;
    for (int i = 0; i < (self->duplex ? 2 : 1); i++) {
        const unsigned char *bytes = brd_pipe_bytes (self, i);
        const uint64_t tail = atomic_load (&self->rings[i].tail);
        uint64_t at = atomic_load (&self->rings[i].head);
        while (at < tail) {
            const brd_pipe_record_t *record =
                (const void *) (bytes + at % BRD_PIPE_RING);
            const brd_pipe_block_t *block = (const void *) (record + 1);
            if (record->kind == BRD_PIPE_BLOCK)
                brd_arena_free (arena, brd_arena_at (arena, block->offset));
            at += record->kind == BRD_PIPE_SKIP
                      ? BRD_PIPE_RING - at % BRD_PIPE_RING
                      : brd_pipe_span (record);
        }
    }
}

const brd_kind_class_t brd_pipe_class = {
    .sweep = s_sweep,
    .leave = s_leave,
    .free = s_free,
};
