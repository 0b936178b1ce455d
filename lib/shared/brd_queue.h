// brd_queue.h - a queue in the arena
//
// SPDX-License-Identifier: MPL-2.0
//
// What a brood_queue_t is a handle of, for bytes: what they mean is the class's
// business. What is promised: brood/brood_queue.h.

#ifndef BRD_QUEUE_H
#define BRD_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "shared/brd_items.h"
#include "shared/brd_lock.h"
#include "shared/brd_object.h"
#include "shared/brd_waiters.h"

typedef struct brd_queue {
    brd_object_t object;  // First
    // Set before it is published, and never changed.
    size_t capacity;        // Items; 0: as many as there is room for
    size_t capacity_bytes;  // Not 0
    size_t size_max;        // Not 0, at most capacity_bytes
    int deliveries_max;     // 0: no limit
    int joinable;
    struct brd_queue *dead;  // NULL
    brd_share_t *dead_kept;  // Our share in it (brd_share_keep ())
    uint32_t dropped;        // Not yet logged; rare
    brd_waiters_t joiners;   // As rare
    // Three lines of the cache that go around: who waits for the lock looks at
    // the first alone.
    _Alignas(64) brd_lock_t lock;
    _Alignas(64) _Atomic uint32_t deaths;  // Of anybody in the brood...
    uint32_t reaped;                       // ...and of how many we know
    int closed;
    brd_waiters_t getters;
    brd_waiters_t putters;
    brd_items_t items;
} brd_queue_t;

extern const brd_kind_class_t brd_queue_class;

// Of a new object, zeros but for what is said above.
void
brd_queue_init (brd_queue_t *self, int ordered);

// Puts n items, in this order, waiting for room up to timeout_ms in all. Their
// block is NULL. How many were put, at least one; or -1, none, with ETIMEDOUT,
// EPIPE, EMSGSIZE (one is larger than size_max), EINTR, ENOSPC.
long
brd_queue_put (brd_queue_t *self,
               int timeout_ms,
               const brd_item_new_t *items,
               size_t n);

// Gets 1 to max items, waiting for the first up to timeout_ms. take is called
// with each and says 0, or -1 with errno: then all of them stay at the head.
// How many, or -1 with ETIMEDOUT, EPIPE, EINTR, or take's errno. take runs
// while nobody else can use the queue, unless the item is a large one.
long
brd_queue_get (brd_queue_t *self,
               int timeout_ms,
               size_t max,
               int (*take) (void *arg, const void *bytes, size_t size),
               void *arg);

int
brd_queue_close (brd_queue_t *self);

typedef struct {
    size_t ready;
    int full;
    int closed;
    int ended;  // 1: a get would say EPIPE
} brd_queue_state_t;

int
brd_queue_state (brd_queue_t *self, brd_queue_state_t *ret_state);

// About the oldest item the calling thread has; -1 with EPERM if it has none.
int
brd_queue_task_done (brd_queue_t *self);
int
brd_queue_task_failed (brd_queue_t *self);
int
brd_queue_deliveries (brd_queue_t *self);

// -1 with ETIMEDOUT, EINTR.
int
brd_queue_join (brd_queue_t *self, int timeout_ms);

#endif  // BRD_QUEUE_H
