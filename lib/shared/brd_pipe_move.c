// brd_pipe_move.c - messages into a ring and out of it
//
// SPDX-License-Identifier: MPL-2.0
//
//     send      take `sending`, wait for room, write the record behind tail,
//               move tail, wake who awaits bytes
//     peek      take `receiving`, wait until tail is not head: the record
//     take      move head, wake who awaits room, let go of `receiving`
//
// A record counts from the moment tail has passed it, and until head has. So a
// sender killed at any point has sent it or not, and what a receiver that is
// killed was reading is still the next for others. The locks are given free by
// the sweep (brd_lock.h), and there is nothing to repair.
//
// A block belongs to its sender until it is in the ring, and to the process
// that outlives all from just before. Killed between these two stores, it
// stays behind until the brood ends: the other order could free a block under
// its reader.
//
// The ring is read where it lies. Who writes to it has the same memory as we
// and can do worse: its bytes are trusted as our own.
//
// Read next: brd_pipe_fd.c.

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "shared/brd_pipe_private.h"

// --- Sending ---------------------------------------------------------------

static int
s_may_send (brd_pipe_end_t *self)
{
    if (brd_pipe_use (self) < 0)
        return -1;
    if (self->end == 0 && !brd_pipe_of (self)->duplex)
        return brd_error_set (EPERM, "this end of the pipe only receives");
    return 0;
}

// Bytes from tail to behind the record, with what is left out at the ring's
// end, where it would not lie in one piece.
static uint64_t
s_need (uint64_t tail, uint64_t span)
{
    const uint64_t left = BRD_PIPE_RING - tail % BRD_PIPE_RING;
    return left < span ? left + span : span;
}

// The acquire pairs with the receiver's release: its reads of what lay there
// are over.
static int
s_has_room (brd_pipe_ring_t *ring, uint64_t need, uint64_t weight)
{
    const uint64_t tail =
        atomic_load_explicit (&ring->tail, memory_order_relaxed);
    const uint64_t head =
        atomic_load_explicit (&ring->head, memory_order_acquire);
    const int64_t blocks =
        (int64_t) (ring->blocks_sent - atomic_load (&ring->blocks_taken));
    return tail + need - head <= BRD_PIPE_RING
           && (weight == 0 || blocks <= 0
               || (uint64_t) blocks + weight <= BRD_PIPE_BLOCKS_MAX);
}

static int
s_await_room (brd_pipe_end_t *self,
              brd_pipe_ring_t *ring,
              brd_sleep_t *sleep,
              uint64_t need,
              uint64_t weight)
{
    brd_pipe_t *pipe = brd_pipe_of (self);
    for (int fresh = 0;; fresh = 1) {
        if (atomic_load (&self->closed))
            return brd_error_set (EBADF, "this end was closed");
        const uint64_t changes = atomic_load (&pipe->changes);
        if (brd_pipe_is_gone (pipe, 1 - self->end, fresh))
            return brd_error_set (EPIPE, "nobody holds the other end");
        if (s_has_room (ring, need, weight))
            return 0;
        atomic_store (&ring->awaits_room, 1);
        atomic_thread_fence (memory_order_seq_cst);
        if (s_has_room (ring, need, weight)
            || atomic_load (&pipe->changes) != changes)
            continue;
        if (brd_pipe_sleep (sleep, &ring->awaits_room) < 0) {
            atomic_store (&ring->awaits_room, 0);
            return -1;
        }
    }
}

static void
s_write (brd_pipe_t *pipe,
         int end,
         const brd_pipe_record_t *record,
         const void *bytes)
{
    brd_pipe_ring_t *ring = &pipe->rings[end];
    unsigned char *base = brd_pipe_bytes (pipe, end);
    uint64_t tail = atomic_load_explicit (&ring->tail, memory_order_relaxed);
    const uint64_t left = BRD_PIPE_RING - tail % BRD_PIPE_RING;
    const uint64_t span = brd_pipe_span (record);
    if (left < span) {
        const brd_pipe_record_t skip = { .kind = BRD_PIPE_SKIP };
        memcpy (base + tail % BRD_PIPE_RING, &skip, sizeof skip);
        tail += left;
    }
    unsigned char *to = base + tail % BRD_PIPE_RING;
    memcpy (to, record, sizeof *record);
    if (record->size > 0)
        memcpy (to + sizeof *record, bytes, record->size);
    atomic_store_explicit (&ring->tail, tail + span, memory_order_release);
}

int
brd_pipe_put (brd_pipe_end_t *self,
              brd_sleep_t *sleep,
              const brd_pipe_record_t *record,
              const void *bytes,
              brd_pipe_block_t *block)
{
    if (s_may_send (self) < 0)
        return -1;
    brd_pipe_t *pipe = brd_pipe_of (self);
    brd_shared_t *shared = pipe->object.shared;
    brd_pipe_ring_t *ring = &pipe->rings[1 - self->end];
    if (brd_lock_acquire (&ring->sending, shared, sleep) < 0)
        return -1;
    const uint64_t need =
        s_need (atomic_load_explicit (&ring->tail, memory_order_relaxed),
                brd_pipe_span (record));
    const uint64_t weight = block ? brd_pipe_weight (block->size) : 0;
    int rc = s_await_room (self, ring, sleep, need, weight);
    brd_arena_t *arena = brd_shared_arena (shared);
    if (rc == 0 && block)
        rc = brd_arena_give (arena,
                             brd_arena_at (arena, block->offset),
                             (uint32_t) brd_shared_keeper (shared));
    if (rc == 0) {
        s_write (pipe, 1 - self->end, record, bytes);
        // Whoever is killed between the two, here or where blocks are taken,
        // makes the limit looser and never one that is not reached again.
        ring->blocks_sent += weight;
    }
    (void) brd_lock_release (&ring->sending, shared);
    if (rc == 0)
        brd_pipe_wake (pipe, &ring->awaits_bytes);
    return rc;
}

static int
s_send_block (brd_pipe_end_t *self,
              brd_sleep_t *sleep,
              const void *bytes,
              size_t size,
              int is_value)
{
    // Before the copy is made, what can be known without it.
    if (s_may_send (self) < 0)
        return -1;
    brd_arena_t *arena = brd_shared_arena (brd_pipe_of (self)->object.shared);
    void *copy = brd_arena_alloc (arena, size, (uint32_t) getpid (), 0);
    if (!copy)
        return -1;
    memcpy (copy, bytes, size);
    brd_pipe_block_t block = { .offset = brd_arena_offset (arena, copy),
                               .size = size };
    const brd_pipe_record_t record = { .size = sizeof block,
                                       .kind = BRD_PIPE_BLOCK,
                                       .is_value = is_value != 0 };
    if (brd_pipe_put (self, sleep, &record, &block, &block) == 0)
        return 0;
    brd_arena_free (arena, copy);
    return -1;
}

int
brd_pipe_send (brd_pipe_end_t *self,
               brd_sleep_t *sleep,
               const void *bytes,
               size_t size,
               int is_value)
{
    if (size > BRD_PIPE_INLINE)
        return s_send_block (self, sleep, bytes, size, is_value);
    const brd_pipe_record_t record = { .size = (uint32_t) size,
                                       .kind = BRD_PIPE_BYTES,
                                       .is_value = is_value != 0 };
    return brd_pipe_put (self, sleep, &record, bytes, NULL);
}

// --- Receiving -------------------------------------------------------------

static int
s_has_bytes (brd_pipe_ring_t *ring)
{
    return atomic_load_explicit (&ring->tail, memory_order_acquire)
           != atomic_load_explicit (&ring->head, memory_order_relaxed);
}

static int
s_await_bytes (brd_pipe_end_t *self, brd_pipe_ring_t *ring, brd_sleep_t *sleep)
{
    brd_pipe_t *pipe = brd_pipe_of (self);
    for (int fresh = 0;; fresh = 1) {
        if (atomic_load (&self->closed))
            return brd_error_set (EBADF, "this end was closed");
        if (s_has_bytes (ring))
            return 0;
        const uint64_t changes = atomic_load (&pipe->changes);
        // What was sent before the end came first.
        if (brd_pipe_is_gone (pipe, 1 - self->end, fresh))
            return s_has_bytes (ring)
                       ? 0
                       : brd_error_set (EPIPE, "nobody holds the other end");
        atomic_store (&ring->awaits_bytes, 1);
        atomic_thread_fence (memory_order_seq_cst);
        if (s_has_bytes (ring) || atomic_load (&pipe->changes) != changes)
            continue;
        if (brd_pipe_sleep (sleep, &ring->awaits_bytes) < 0) {
            atomic_store (&ring->awaits_bytes, 0);
            return -1;
        }
    }
}

static void
s_move_head (brd_pipe_t *pipe, brd_pipe_ring_t *ring, uint64_t to)
{
    atomic_store_explicit (&ring->head, to, memory_order_release);
    brd_pipe_wake (pipe, &ring->awaits_room);
}

// The record at the head, if it is still one: offers that nobody makes any more
// and what is left out at the ring's end are passed over.
static int
s_view (brd_pipe_end_t *self, brd_pipe_ring_t *ring, brd_pipe_view_t *ret_view)
{
    brd_pipe_t *pipe = brd_pipe_of (self);
    const unsigned char *base = brd_pipe_bytes (pipe, self->end);
    const uint64_t head =
        atomic_load_explicit (&ring->head, memory_order_relaxed);
    const brd_pipe_record_t *record =
        (const void *) (base + head % BRD_PIPE_RING);
    if (record->kind == BRD_PIPE_SKIP) {
        s_move_head (pipe, ring, head + BRD_PIPE_RING - head % BRD_PIPE_RING);
        return 0;
    }
    const void *bytes = record + 1;
    brd_pipe_view_t view = { .bytes = bytes,
                             .size = record->size,
                             .is_value = record->is_value,
                             .is_fd = record->kind == BRD_PIPE_FD,
                             .next = head + brd_pipe_span (record) };
    if (view.is_fd && !brd_pipe_is_offered (ring, bytes)) {
        s_move_head (pipe, ring, view.next);
        return 0;
    }
    if (record->kind == BRD_PIPE_BLOCK) {
        const brd_pipe_block_t *block = bytes;
        view.block = brd_arena_at (brd_shared_arena (pipe->object.shared),
                                   block->offset);
        view.bytes = view.block;
        view.size = block->size;
    }
    *ret_view = view;
    return 1;
}

int
brd_pipe_peek (brd_pipe_end_t *self,
               brd_sleep_t *sleep,
               brd_pipe_view_t *ret_view)
{
    if (brd_pipe_use (self) < 0)
        return -1;
    brd_pipe_t *pipe = brd_pipe_of (self);
    if (self->end == 1 && !pipe->duplex)
        return brd_error_set (EPERM, "this end of the pipe only sends");
    brd_pipe_ring_t *ring = &pipe->rings[self->end];
    if (brd_lock_acquire (&ring->receiving, pipe->object.shared, sleep) < 0)
        return -1;
    do {
        if (s_await_bytes (self, ring, sleep) < 0) {
            brd_pipe_leave (self);
            return -1;
        }
    } while (s_view (self, ring, ret_view) == 0);
    return 0;
}

void
brd_pipe_leave (brd_pipe_end_t *self)
{
    brd_pipe_t *pipe = brd_pipe_of (self);
    (void) brd_lock_release (&pipe->rings[self->end].receiving,
                             pipe->object.shared);
}

void
brd_pipe_take (brd_pipe_end_t *self, brd_pipe_view_t *view, int keep_block)
{
    brd_pipe_t *pipe = brd_pipe_of (self);
    brd_pipe_ring_t *ring = &pipe->rings[self->end];
    if (view->block)
        atomic_fetch_add (&ring->blocks_taken, brd_pipe_weight (view->size));
    s_move_head (pipe, ring, view->next);
    brd_pipe_leave (self);
    if (!view->block)
        return;
    // Ours alone from here on.
    brd_arena_t *arena = brd_shared_arena (pipe->object.shared);
    if (keep_block) {
        const int rc =
            brd_arena_give (arena, view->block, (uint32_t) getpid ());
        brd_assert (rc == 0);
    }
    else
        brd_arena_free (arena, view->block);
}
