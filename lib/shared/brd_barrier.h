// brd_barrier.h - going on together
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_BARRIER_H
#define BRD_BARRIER_H

#include <sys/types.h>

#include "base/brd_sleep.h"
#include "shared/brd_object.h"

typedef struct {
    brd_object_t object;  // First
    _Atomic uint64_t word;
    uint32_t parties;
    pid_t maker;
    uint64_t mark;               // Of its code: who has it at that address
    void (*action) (void *arg);  // May be NULL
    void *arg;
} brd_barrier_t;

// 0 .. parties - 1. -1 with
//     EPIPE                it is broken; the text says by whom
//     ETIMEDOUT, EINTR     it is now, by this call
//     EDEADLK              this thread is in a barrier's action
//     ENOSPC               no seat
int
brd_barrier_wait (brd_barrier_t *self, brd_sleep_t *sleep);

// -1 with EDEADLK, ENOSPC.
int
brd_barrier_reset (brd_barrier_t *self);

// -1 with ENOSPC (no seat) alone. Also in the action.
int
brd_barrier_abort (brd_barrier_t *self);

uint32_t
brd_barrier_n_waiting (const brd_barrier_t *self);

int
brd_barrier_broken (const brd_barrier_t *self);

extern const brd_kind_class_t brd_barrier_class;

#endif  // BRD_BARRIER_H
