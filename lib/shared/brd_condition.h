// brd_condition.h - waiting for a state that an rlock guards
//
// SPDX-License-Identifier: MPL-2.0
//
// Each waiter has a ticket in the condition's block, with a word of its own to
// sleep on. So a notify reaches whom it means, the one who waits longest, and
// the sweep sees who was notified and died before it went on.

#ifndef BRD_CONDITION_H
#define BRD_CONDITION_H

#include "base/brd_sleep.h"
#include "shared/brd_rlock.h"

// Threads that wait for one condition at a time: as many as fit a run.
#define BRD_CONDITION_WAITERS_MAX 8192

typedef struct {
    _Atomic uint32_t word;  // Ticket and state
    _Atomic uint32_t seat;  // Whose; 0: free
} brd_condition_waiter_t;

#define BRD_CONDITION_BLOCK_SIZE \
    (BRD_CONDITION_WAITERS_MAX * sizeof (brd_condition_waiter_t))

typedef struct {
    brd_lock_object_t own;  // First
    brd_lock_t *lock;       // Its own, or one of another object...
    brd_share_t *kept;      // ...in which it then has a share
    uint32_t tickets;       // Guarded by the lock
    _Atomic uint32_t top;   // No waiter from here on was ever used
} brd_condition_t;

// Of an object that nobody has found yet, with its block. on is NULL or an
// object with a lock, which will live as long. -1 with ENOENT, ENOSPC.
int
brd_condition_init (brd_condition_t *self, brd_lock_object_t *on);

// Lets go of the lock whatever its depth, waits to be notified and holds it
// again: 0, or 1 if a holder has died meanwhile, with or without being
// notified. -1 with
//     ETIMEDOUT, EINTR     not notified; holds it again
//     EPERM                this thread does not hold it
//     ENOSPC               too many waiters; holds it
int
brd_condition_wait (brd_condition_t *self, brd_sleep_t *sleep);

// Wakes those n who wait longest, or all there are. -1 with EPERM.
int
brd_condition_notify (brd_condition_t *self, uint32_t n);

extern const brd_kind_class_t brd_condition_class;

#endif  // BRD_CONDITION_H
