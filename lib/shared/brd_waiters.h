// brd_waiters.h - those who wait for the same thing, in line
//
// SPDX-License-Identifier: MPL-2.0
//
// For objects with a lock of their own (brd_lock_enter ()): who finds nothing
// in it goes to sleep here, and who changes it wakes as many as there is
// something for. All but wake, sleep and sweep is called with the lock held.
//
//     sleeper                            changer
//     look; nothing                      change
//     brd_waiters_enter ()               n = brd_waiters_due (1)
//     release the lock                   release the lock
//     brd_waiters_sleep ()               brd_waiters_wake (n)
//     take the lock
//     brd_waiters_leave (); look again
//
// Many are woken one by one, each by the one before: who wakes somebody with
// each change, when they come faster than anybody wakes up, makes a crowd that
// finds one thing each.
//
// The system wakes who sleeps longest, but somebody who did not sleep may be
// faster. Who was woken in vain a few times takes the turn: others who can wait
// then leave it the first thing there is (brd_waiters_may ()), and that is the
// bound.

#ifndef BRD_WAITERS_H
#define BRD_WAITERS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/brd_sleep.h"
#include "shared/brd_shared.h"

// Zeros are a line with nobody in it.
typedef struct {
    _Atomic uint32_t word;    // Changes with every wake-up
    _Atomic uint32_t asleep;  // Entered and not left
    uint32_t woken;           // Of those, how many were woken
    uint32_t lingers;         // Somebody looks, before it enters
    uint64_t turn;            // Tag of who comes next; 0
} brd_waiters_t;

// One call's wait. Zeros but timeout_ms; with that 0 begin with over ETIMEDOUT.
typedef struct {
    int timeout_ms;
    int begun;
    int over;  // ETIMEDOUT or EINTR: look once more, and that is it
    int vain;  // How often it was woken for nothing
    uint32_t seen;
    brd_sleep_t sleep;
} brd_wait_t;

// 0 if it is another one's turn, and this one can wait. ready: how many could
// be served.
int
brd_waiters_may (brd_waiters_t *self,
                 brd_shared_t *shared,
                 const brd_wait_t *wait,
                 uint64_t tag,
                 size_t ready);

void
brd_waiters_enter (brd_waiters_t *self, brd_wait_t *wait);
void
brd_waiters_leave (brd_waiters_t *self, brd_wait_t *wait, uint64_t tag);

// Without the lock: until it is worth another look.
void
brd_waiters_sleep (brd_waiters_t *self, brd_wait_t *wait);

// The call ends, with or without. How many are to be woken for its sake.
uint32_t
brd_waiters_done (brd_waiters_t *self, uint64_t tag, size_t ready);

// There is something for n more, or BRD_WAITERS_ALL: how many are to be woken.
// None if one was woken and is on its way: when that one has been here and
// there is still something, it calls this again.
#define BRD_WAITERS_ALL SIZE_MAX
uint32_t
brd_waiters_due (brd_waiters_t *self, size_t n);

// Without the lock.
void
brd_waiters_wake (brd_waiters_t *self, uint32_t n);

// With the lock, after a death: it may have been counted anywhere here.
void
brd_waiters_reap (brd_waiters_t *self);

// In a sweep: a wake-up may have been meant for the dead, or not have been made
// by it. All look again.
void
brd_waiters_sweep (brd_waiters_t *self);

#endif  // BRD_WAITERS_H
