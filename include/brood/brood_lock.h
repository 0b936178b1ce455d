// brood_lock.h - one holder at a time
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BROOD_LOCK_H
#define BROOD_LOCK_H

#include "brood/brood_prelude.h"

#ifdef __cplusplus
extern "C" {
#endif

// What multiprocessing.Lock is to Python.
//
//     BROOD_WITH (lock, l) { ++*counter; }
//
// or, by hand,
//
//     if (brood_lock_acquire (l, 1000) < 0)
//         return brood_perror ("counter is busy");
//     ++*counter;
//     brood_lock_release (l);
//
// Death of a holder. The next acquire succeeds with 1 instead of 0, once: the
// lock is held, but what it guards may be half done.
//
// Where it lives. In the shared memory of this host: taking a free one asks
// nobody, neither another process nor the kernel. It goes with its last handle.
// At a manager (brood_lock_open) each call is one to its process, and may
// also fail with EHOSTDOWN or ECONNRESET: see brood_manager.h.
//
// Threads and fork. The holder is a thread; only it can release. A thread that
// ends with the lock has died with it.

BROOD_EXPORT BROOD_MUST_USE brood_lock_t *
brood_lock_new (void);

// The lock called name at a manager, made if there is none; a NULL name makes
// one nobody else can open.
//     EEXIST        the name is taken by another class
//     EHOSTDOWN     the manager is gone
BROOD_EXPORT BROOD_MUST_USE brood_lock_t *
brood_lock_open (brood_manager_t *manager, const char *name);

// A handle on the one whose ref came in a message.
BROOD_EXPORT BROOD_MUST_USE brood_lock_t *
brood_lock_from (void *ref);

BROOD_EXPORT void
brood_lock_destroy (brood_lock_t **self_p);

// Holds the lock: 0; 1 if its last holder died with it; -1 not held.
//     ETIMEDOUT     somebody else holds it
//     EDEADLK       this thread holds it
BROOD_EXPORT int
brood_lock_acquire (brood_lock_t *self, int timeout_ms);

// Lets go.
//     EPERM         this thread does not hold it
BROOD_EXPORT int
brood_lock_release (brood_lock_t *self);

// 1 if anybody holds it at this moment.
BROOD_EXPORT int
brood_lock_locked (brood_lock_t *self);

// What was and is, looked at without stopping anybody. ENOTSUP at a manager.
typedef struct {
    uint64_t acquired;   // How often it was taken...
    uint64_t contended;  // ...and how often only after a sleep
    long holder;         // The pid of the process that holds it now, 0
    BROOD_RESERVED (5);
} brood_lock_stats_t;

BROOD_EXPORT int
brood_lock_stats (brood_lock_t *self, brood_lock_stats_t *ret_stats);

// For BROOD_WITH.
static inline brood_lock_t *
brood_lock_enter_ (brood_lock_t *self)
{
    return brood_lock_acquire (self, BROOD_FOREVER) < 0 ? NULL : self;
}
static inline void
brood_lock_leave_ (brood_lock_t **self_p)
{
    if (*self_p)
        (void) brood_lock_release (*self_p);
    *self_p = NULL;
}

#ifdef __cplusplus
}
#endif

#endif  // BROOD_LOCK_H
