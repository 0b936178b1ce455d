// brood_rlock.h - a lock its holder may take again
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BROOD_RLOCK_H
#define BROOD_RLOCK_H

#include "brood/brood_lock.h"

#ifdef __cplusplus
extern "C" {
#endif

// What multiprocessing.RLock is to Python: brood_lock.h, except that the holder
// may acquire it again, and releases it as often.
//
//     BROOD_WITH (rlock, l) { d = update (d); }     // update may hold l too
//
// Death of a holder, where it lives, threads and fork: as brood_lock.h. However
// deep a dead holder had it, the next one holds it once.

BROOD_EXPORT BROOD_MUST_USE brood_rlock_t *
brood_rlock_new (void);

// A handle on the one whose ref came in a message.
BROOD_EXPORT BROOD_MUST_USE brood_rlock_t *
brood_rlock_from (void *ref);

BROOD_EXPORT void
brood_rlock_destroy (brood_rlock_t **self_p);

// Holds the lock once more: 0; 1 if its last holder died with it; -1 not held
// once more.
//     ETIMEDOUT     somebody else holds it
//     EAGAIN        this thread holds it 2^31 - 1 times
BROOD_EXPORT int
brood_rlock_acquire (brood_rlock_t *self, int timeout_ms);

// Takes one acquire back; the last one lets go.
//     EPERM         this thread does not hold it
BROOD_EXPORT int
brood_rlock_release (brood_rlock_t *self);

// As brood_lock_stats (); what the holder takes again is not counted.
BROOD_EXPORT int
brood_rlock_stats (brood_rlock_t *self, brood_lock_stats_t *ret_stats);

// For BROOD_WITH.
static inline brood_rlock_t *
brood_rlock_enter_ (brood_rlock_t *self)
{
    return brood_rlock_acquire (self, BROOD_FOREVER) < 0 ? NULL : self;
}
static inline void
brood_rlock_leave_ (brood_rlock_t **self_p)
{
    if (*self_p)
        (void) brood_rlock_release (*self_p);
    *self_p = NULL;
}

#ifdef __cplusplus
}
#endif

#endif  // BROOD_RLOCK_H
