// brood_semaphore.h - so many holders at a time
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BROOD_SEMAPHORE_H
#define BROOD_SEMAPHORE_H

#include "brood/brood_lock.h"

#ifdef __cplusplus
extern "C" {
#endif

// What Semaphore and BoundedSemaphore are to Python.
//
//     brood_semaphore_t *seats = brood_semaphore_new (3);
//     BROOD_WITH (semaphore, seats) { sit (); }
//
// Death of a holder. Permits that a process holds come back when it dies, or
// destroys the handle that acquired them. Those that one process acquires and
// another releases (a signal, not a seat) are counted for the value only:
// whoever takes a permit that was given so holds nothing. At a manager permits
// are the process's, by whatever handle, until it gives them back or ends.
//
// Where it lives. In the shared memory of this host. It goes with its last
// handle.
// At a manager (brood_semaphore_open) each call is one to its process, and may
// also fail with EHOSTDOWN or ECONNRESET: see brood_manager.h.
//
// Threads and fork. Any thread or process may release.

// value permits to begin with, 0 or more.
BROOD_EXPORT BROOD_MUST_USE brood_semaphore_t *
brood_semaphore_new (int value);

// The same, and a release beyond value is an error.
BROOD_EXPORT BROOD_MUST_USE brood_semaphore_t *
brood_semaphore_new_bounded (int value);

// The semaphore called name at a manager, made if there is none; a NULL name
// makes one nobody else can open.
//     EEXIST        the name is taken by another class, or has another value
//     EHOSTDOWN     the manager is gone
BROOD_EXPORT BROOD_MUST_USE brood_semaphore_t *
brood_semaphore_open (brood_manager_t *manager, const char *name, int value);

// The same, bounded.
BROOD_EXPORT BROOD_MUST_USE brood_semaphore_t *
brood_semaphore_open_bounded (brood_manager_t *manager,
                              const char *name,
                              int value);

// A handle on the one whose ref came in a message.
BROOD_EXPORT BROOD_MUST_USE brood_semaphore_t *
brood_semaphore_from (void *ref);

BROOD_EXPORT void
brood_semaphore_destroy (brood_semaphore_t **self_p);

//     ETIMEDOUT     no permit was free
BROOD_EXPORT int
brood_semaphore_acquire (brood_semaphore_t *self, int timeout_ms);

//     EOVERFLOW     bounded, and all permits are back already; or 2^31 - 1 are
BROOD_EXPORT int
brood_semaphore_release (brood_semaphore_t *self);

// Permits that are free at this moment.
BROOD_EXPORT long
brood_semaphore_value (brood_semaphore_t *self);

// As brood_lock_stats (); holder is 0, there may be many.
BROOD_EXPORT int
brood_semaphore_stats (brood_semaphore_t *self, brood_lock_stats_t *ret_stats);

// For BROOD_WITH.
static inline brood_semaphore_t *
brood_semaphore_enter_ (brood_semaphore_t *self)
{
    return brood_semaphore_acquire (self, BROOD_FOREVER) < 0 ? NULL : self;
}
static inline void
brood_semaphore_leave_ (brood_semaphore_t **self_p)
{
    if (*self_p)
        (void) brood_semaphore_release (*self_p);
    *self_p = NULL;
}

#ifdef __cplusplus
}
#endif

#endif  // BROOD_SEMAPHORE_H
