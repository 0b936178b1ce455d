// brood_barrier.h - going on together
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BROOD_BARRIER_H
#define BROOD_BARRIER_H

#include "brood/brood_prelude.h"

#ifdef __cplusplus
extern "C" {
#endif

// What multiprocessing.Barrier is to Python.
//
//     brood_barrier_t *b = brood_barrier_new (2);
//     if (brood_barrier_wait (b, 5000) < 0)    // in two processes
//         return brood_perror ("barrier");     // EPIPE: it is broken
//
// It breaks, for all who wait and who come, when a waiter times out, is
// interrupted or dies, or somebody aborts it; brood_error () names that
// process. reset mends it. Once all are there they go through: what happens
// while the action runs breaks it for those who come next. At a manager none
// has an action.
//
// Where it lives. In the shared memory of this host. It goes with its last
// handle.
// At a manager (brood_barrier_open) each call is one to its process, and may
// also fail with EHOSTDOWN or ECONNRESET: see brood_manager.h.
//
// Threads and fork. Any thread, any process; each wait is one party.

// For so many parties.
BROOD_EXPORT BROOD_MUST_USE brood_barrier_t *
brood_barrier_new (int parties);

// And one of them, the last to come, calls action (arg) when all are there,
// before any goes on. It must not wait at a barrier or reset one (EDEADLK). It
// runs in any of the processes: those that were born after it was made have
// action and arg by inheritance; for others see brood_barrier_from ().
BROOD_EXPORT BROOD_MUST_USE brood_barrier_t *
brood_barrier_new_action (int parties, void (*action) (void *arg), void *arg);

// The barrier called name at a manager, made if there is none; a NULL name
// makes one nobody else can open.
//     EEXIST        the name is taken by another class, or for other parties
//     EHOSTDOWN     the manager is gone
BROOD_EXPORT BROOD_MUST_USE brood_barrier_t *
brood_barrier_open (brood_manager_t *manager, const char *name, int parties);

// A handle on the one whose ref came in a message.
//     ENOTSUP       it has an action that this process, older than the barrier,
//                   may not have: action must be in the program, or a library
//                   that was there at its start, and arg NULL or shared memory;
//                   or one of the two was started by exec (start_exec)
BROOD_EXPORT BROOD_MUST_USE brood_barrier_t *
brood_barrier_from (void *ref);

BROOD_EXPORT void
brood_barrier_destroy (brood_barrier_t **self_p);

// Waits for the others. Returns 0 .. parties - 1, each to one of them.
//     EPIPE         it is broken
//     ETIMEDOUT     this call broke it
BROOD_EXPORT int
brood_barrier_wait (brood_barrier_t *self, int timeout_ms);

// Empty and whole again; who waits gets EPIPE. While the action runs nobody
// waits for somebody to come, and these go through.
//     EDEADLK       in the action
BROOD_EXPORT int
brood_barrier_reset (brood_barrier_t *self);

// Breaks it, until it is reset.
BROOD_EXPORT int
brood_barrier_abort (brood_barrier_t *self);

BROOD_EXPORT int
brood_barrier_parties (brood_barrier_t *self);
// At this moment.
BROOD_EXPORT int
brood_barrier_n_waiting (brood_barrier_t *self);
// 1 or 0.
BROOD_EXPORT int
brood_barrier_broken (brood_barrier_t *self);

#ifdef __cplusplus
}
#endif

#endif  // BROOD_BARRIER_H
