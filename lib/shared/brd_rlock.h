// brd_rlock.h - a lock its holder may take again
//
// SPDX-License-Identifier: MPL-2.0
//
// A brd_lock_t with its depth, which only the holder touches.

#ifndef BRD_RLOCK_H
#define BRD_RLOCK_H

#include "shared/brd_lock.h"

// As brd_lock_acquire (), and once more for who holds it: 0, or -1 with EAGAIN
// at 2^31 - 1 times. Never EDEADLK.
int
brd_rlock_acquire (brd_lock_t *self, brd_shared_t *shared, brd_sleep_t *sleep);

// Takes one back. -1 with EPERM: this thread does not hold it.
int
brd_rlock_release (brd_lock_t *self, brd_shared_t *shared);

// Lets go of it whatever its depth, which is returned; 0: not held by this
// thread, with EPERM.
uint32_t
brd_rlock_leave (brd_lock_t *self, brd_shared_t *shared);

// Holds it again that deep, as long as it takes. 0, or 1: its last holder died
// with it. For a thread that has a seat.
int
brd_rlock_return (brd_lock_t *self, brd_shared_t *shared, uint32_t depth);

#endif  // BRD_RLOCK_H
