// brood_condition.h - waiting for a state that a lock guards
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BROOD_CONDITION_H
#define BROOD_CONDITION_H

#include "brood/brood_rlock.h"

#ifdef __cplusplus
extern "C" {
#endif

// What multiprocessing.Condition is to Python.
//
//     BROOD_WITH (condition, c) {
//         while (!*ready)
//             brood_condition_wait (c, -1);
//     }
//     ...
//     BROOD_WITH (condition, c) {
//         *ready = 1;
//         brood_condition_notify_all (c);
//     }
//
// A notify reaches exactly as many waiters as asked for, if there are so many,
// those first who wait longest; one that dies meanwhile passes it on. Still,
// look at the state in a loop.
//
// Where it lives. In the shared memory of this host, where it takes 64 KiB. It
// goes with its last handle.
// At a manager (brood_condition_open) each call is one to its process, and may
// also fail with EHOSTDOWN or ECONNRESET: see brood_manager.h.
//
// Threads and fork. Any thread, any process; wait and notify only by the holder
// (EPERM).

// With a lock of its own, an rlock as in Python.
BROOD_EXPORT BROOD_MUST_USE brood_condition_t *
brood_condition_new (void);

// With yours, so that several conditions share it. It lives as long as they do,
// whether or not its handles are destroyed. One at a manager makes a condition
// there.
BROOD_EXPORT BROOD_MUST_USE brood_condition_t *
brood_condition_new_on (brood_rlock_t *lock);

// The condition called name at a manager, made if there is none; a NULL name
// makes one nobody else can open.
//     EEXIST        the name is taken by another class, or a condition on
//                   an rlock
//     EHOSTDOWN     the manager is gone
BROOD_EXPORT BROOD_MUST_USE brood_condition_t *
brood_condition_open (brood_manager_t *manager, const char *name);

// A handle on the one whose ref came in a message.
BROOD_EXPORT BROOD_MUST_USE brood_condition_t *
brood_condition_from (void *ref);

BROOD_EXPORT void
brood_condition_destroy (brood_condition_t **self_p);

// The lock: see brood_rlock.h.
BROOD_EXPORT int
brood_condition_acquire (brood_condition_t *self, int timeout_ms);
BROOD_EXPORT int
brood_condition_release (brood_condition_t *self);

// Lets go of the lock, however often it is held, waits to be notified, and
// holds it again as often: in any case, also at ETIMEDOUT and EINTR. 1, whether
// it was notified or its time was up: a holder died with the lock meanwhile,
// and what it guards may be half done. At a manager that is told, after a wait
// whose time was up, by the next call that takes the lock.
//     ETIMEDOUT     it was not notified
//     EPERM         this thread does not hold the lock
//     ENOSPC        8192 threads wait already
BROOD_EXPORT int
brood_condition_wait (brood_condition_t *self, int timeout_ms);

// Waits until test (arg) is not 0, timeout_ms in all, and 1 as above. The lock
// is held whenever test is called.
//     ETIMEDOUT     it was 0 to the last
BROOD_EXPORT int
brood_condition_wait_for (brood_condition_t *self,
                          int timeout_ms,
                          int (*test) (void *arg),
                          void *arg);

// Wakes up to n waiters, or all.
//     EPERM         this thread does not hold the lock
BROOD_EXPORT int
brood_condition_notify (brood_condition_t *self, int n);
BROOD_EXPORT int
brood_condition_notify_all (brood_condition_t *self);

// As brood_lock_stats (), of its lock.
BROOD_EXPORT int
brood_condition_stats (brood_condition_t *self, brood_lock_stats_t *ret_stats);

// For BROOD_WITH.
static inline brood_condition_t *
brood_condition_enter_ (brood_condition_t *self)
{
    return brood_condition_acquire (self, BROOD_FOREVER) < 0 ? NULL : self;
}
static inline void
brood_condition_leave_ (brood_condition_t **self_p)
{
    if (*self_p)
        (void) brood_condition_release (*self_p);
    *self_p = NULL;
}

#ifdef __cplusplus
}
#endif

#endif  // BROOD_CONDITION_H
