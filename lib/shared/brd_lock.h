// brd_lock.h - one holder at a time, and what becomes of it when it dies
//
// SPDX-License-Identifier: MPL-2.0
//
// A word in the arena: nobody, or the seat of the thread that holds it. Taking
// a free one is one CAS, giving it back one exchange. Those who wait sleep on
// the word. A holder that dies is found by the sweep, and the next one is told.
//
// Not a robust pthread mutex: a wait on one cannot be interrupted, cannot be
// measured against the clock we use under all sanitizers, and does not say who
// holds it.

#ifndef BRD_LOCK_H
#define BRD_LOCK_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/brd_sleep.h"
#include "brood/brood_lock.h"
#include "shared/brd_object.h"

typedef struct {
    _Atomic uint32_t word;
    uint32_t depth;              // Of a recursive one; set anew by who takes it
    _Atomic uint64_t acquired;   // How often it was taken...
    _Atomic uint64_t contended;  // ...and how often only after a sleep
} brd_lock_t;

// Zeros are a lock that nobody holds.

// 0: held. 1: held, and its last holder died with it. -1 with
//     EDEADLK       this thread holds it
//     ETIMEDOUT, EINTR (brd_sleep.h), ENOSPC (no seat)
int
brd_lock_acquire (brd_lock_t *self, brd_shared_t *shared, brd_sleep_t *sleep);

// The same at once: ETIMEDOUT if somebody else has it.
int
brd_lock_try (brd_lock_t *self, brd_shared_t *shared);

// For what is held for some instructions only, by code of ours: waits as long
// as it takes, uninterrupted. -1 with ENOSPC (no seat) alone.
int
brd_lock_enter (brd_lock_t *self, brd_shared_t *shared);

// -1 with EPERM: this thread does not hold it.
int
brd_lock_release (brd_lock_t *self, brd_shared_t *shared);

// 1 if this thread holds it.
int
brd_lock_mine (const brd_lock_t *self, brd_shared_t *shared);

// 1 if anybody does.
int
brd_lock_locked (const brd_lock_t *self);

// The process that holds it at this moment, 0.
pid_t
brd_lock_holder (const brd_lock_t *self, brd_shared_t *shared);

void
brd_lock_stats (const brd_lock_t *self,
                brd_shared_t *shared,
                brood_lock_stats_t *ret_stats);

// For sweeps: 1 if pid has it; let go of by those who died.
int
brd_lock_is_of (const brd_lock_t *self, brd_shared_t *shared, pid_t pid);
void
brd_lock_sweep (brd_lock_t *self, brd_shared_t *shared, pid_t pid);

// An object that is a lock, recursive or not; objects that have one begin with
// it.
typedef struct {
    brd_object_t object;  // First
    brd_lock_t lock;
} brd_lock_object_t;

extern const brd_kind_class_t brd_lock_class;

#endif  // BRD_LOCK_H
