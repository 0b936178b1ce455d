// shared_ring.h - records from one process to another through shared memory
//
// SPDX-License-Identifier: MPL-2.0

#ifndef SHARED_RING_H
#define SHARED_RING_H

#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// One putter, one getter, neither of which may die: the least that carries
// anything between processes, and so the limit for queues and pipes. Inline,
// because a call would cost as much as the rest.
//
//     putter: record -> slots[head], head++     wakes the getter if it sleeps
//     getter: slots[tail] -> record, tail++     wakes the putter if it sleeps
//
// A side looks spin times before it sleeps. It sleeps on its flag and not on
// the other side's index: it sets the flag and then looks once more, the other
// side moves its index and then looks at the flag, so that one of them sees the
// other.

enum {
    SHARED_RING_SLOTS = 4096,  // A power of two: indices wrap at 2^32
    SHARED_RING_RECORD = 64
};

// Each side's words on their own cache line.
typedef struct {
    _Alignas(64) _Atomic uint32_t head;
    _Atomic uint32_t getter_sleeps;
    uint32_t tail_seen;  // By the putter, to look at tail seldom
    _Alignas(64) _Atomic uint32_t tail;
    _Atomic uint32_t putter_sleeps;
    uint32_t head_seen;
    _Alignas(64) unsigned char slots[SHARED_RING_SLOTS][SHARED_RING_RECORD];
} shared_ring_t;

// Waits until *index is not seen any more.
static inline void
shared_ring_wait (_Atomic uint32_t *index,
                  uint32_t seen,
                  _Atomic uint32_t *flag,
                  unsigned spin)
{
    for (unsigned i = 0; atomic_load (index) == seen; i++) {
        if (i < spin)
            continue;
        atomic_store (flag, 1);
        if (atomic_load (index) == seen)
            syscall (SYS_futex, flag, FUTEX_WAIT, 1, NULL, NULL, 0);
    }
}

static inline void
shared_ring_move (_Atomic uint32_t *index, uint32_t to, _Atomic uint32_t *flag)
{
    atomic_store (index, to);
    if (atomic_load (flag) != 0 && atomic_exchange (flag, 0) != 0)
        syscall (SYS_futex, flag, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static inline void
shared_ring_put (shared_ring_t *ring,
                 const void *record,
                 size_t size,
                 unsigned spin)
{
    uint32_t head = atomic_load_explicit (&ring->head, memory_order_relaxed);
    if (head - ring->tail_seen == SHARED_RING_SLOTS) {
        shared_ring_wait (
            &ring->tail, ring->tail_seen, &ring->putter_sleeps, spin);
        ring->tail_seen = atomic_load (&ring->tail);
    }
    memcpy (ring->slots[head % SHARED_RING_SLOTS], record, size);
    shared_ring_move (&ring->head, head + 1, &ring->getter_sleeps);
}

static inline void
shared_ring_get (shared_ring_t *ring, void *record, size_t size, unsigned spin)
{
    uint32_t tail = atomic_load_explicit (&ring->tail, memory_order_relaxed);
    if (tail == ring->head_seen) {
        shared_ring_wait (&ring->head, tail, &ring->getter_sleeps, spin);
        ring->head_seen = atomic_load (&ring->head);
    }
    memcpy (record, ring->slots[tail % SHARED_RING_SLOTS], size);
    shared_ring_move (&ring->tail, tail + 1, &ring->putter_sleeps);
}

#endif  // SHARED_RING_H
