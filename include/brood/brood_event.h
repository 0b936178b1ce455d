// brood_event.h - a flag to wait for
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BROOD_EVENT_H
#define BROOD_EVENT_H

#include "brood/brood_prelude.h"

#ifdef __cplusplus
extern "C" {
#endif

// What multiprocessing.Event is to Python.
//
//     brood_event_wait (go, -1);          // in any number of processes
//     brood_event_set (go);               // lets all of them run
//
// A set () lets everybody pass who waited before it, even if a clear ()
// follows at once.
//
// Where it lives. In the shared memory of this host. It goes with its last
// handle.
// At a manager (brood_event_open) each call is one to its process, and may
// also fail with EHOSTDOWN or ECONNRESET: see brood_manager.h.
//
// Threads and fork. Any thread, any process. Nobody holds an event, so no death
// changes one.

BROOD_EXPORT BROOD_MUST_USE brood_event_t *
brood_event_new (void);

// The event called name at a manager, made if there is none; a NULL name makes
// one nobody else can open.
//     EEXIST        the name is taken by another class
//     EHOSTDOWN     the manager is gone
BROOD_EXPORT BROOD_MUST_USE brood_event_t *
brood_event_open (brood_manager_t *manager, const char *name);

// A handle on the one whose ref came in a message.
BROOD_EXPORT BROOD_MUST_USE brood_event_t *
brood_event_from (void *ref);

BROOD_EXPORT void
brood_event_destroy (brood_event_t **self_p);

// Idempotent, both.
BROOD_EXPORT int
brood_event_set (brood_event_t *self);
BROOD_EXPORT int
brood_event_clear (brood_event_t *self);

// 1 or 0.
BROOD_EXPORT int
brood_event_is_set (brood_event_t *self);

// Waits until it is set. 0, also if it is not any more when this returns.
//     ETIMEDOUT     it was not
BROOD_EXPORT int
brood_event_wait (brood_event_t *self, int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif  // BROOD_EVENT_H
