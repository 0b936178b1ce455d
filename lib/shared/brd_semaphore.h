// brd_semaphore.h - so many holders at a time
//
// SPDX-License-Identifier: MPL-2.0
//
// Permits that are free, and in each share those that its process holds. A
// permit that one process acquires and another releases is a signal rather than
// a seat: such releases are counted too, and whoever takes a permit while there
// are any takes one of these and holds nothing:
//
//     free + held by shares == initial value + given by others
//
// That is true at every moment but between the two steps of one call.

#ifndef BRD_SEMAPHORE_H
#define BRD_SEMAPHORE_H

#include "base/brd_sleep.h"
#include "shared/brd_lock.h"
#include "shared/brd_object.h"

// What a call that changes two words is about to do, for the sweep.
typedef struct {
    _Atomic uint64_t share;  // Arena offset; 0: nothing
    _Atomic int32_t count;   // Of the share afterwards
    _Atomic uint32_t turn;   // Of the word before
} brd_semaphore_intent_t;

typedef struct {
    brd_object_t object;  // First
    brd_lock_t guard;     // For calls, not for sweeps
    _Atomic uint64_t word;
    brd_semaphore_intent_t intent;
    uint32_t most;  // Free ones
    _Atomic uint64_t acquired;
    _Atomic uint64_t contended;
} brd_semaphore_t;

// Of an object that nobody has found yet. value <= most <= INT32_MAX.
void
brd_semaphore_init (brd_semaphore_t *self, uint32_t value, uint32_t most);

// -1 with ETIMEDOUT, EINTR, ENOSPC (no seat). share is this process's.
int
brd_semaphore_acquire (brd_semaphore_t *self,
                       brd_share_t *share,
                       brd_sleep_t *sleep);

// -1 with EOVERFLOW: as many are free as there may be; ENOSPC.
int
brd_semaphore_release (brd_semaphore_t *self, brd_share_t *share);

uint32_t
brd_semaphore_value (const brd_semaphore_t *self);

extern const brd_kind_class_t brd_semaphore_class;

#endif  // BRD_SEMAPHORE_H
