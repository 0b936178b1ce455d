// brd_rlock_loan.h - an rlock that is part of another handle
//
// SPDX-License-Identifier: MPL-2.0
//
// Values and arrays have an rlock of their own, which their object begins with
// (brd_lock_object_t). The handle the user gets of it lies in theirs.

#ifndef BRD_RLOCK_LOAN_H
#define BRD_RLOCK_LOAN_H

#include "api/brd_shared_handle.h"
#include "brood/brood_rlock.h"
#include "shared/brd_lock.h"

struct brood_rlock {
    brd_shared_handle_t base;  // First
    int on_loan;               // 1: part of another handle
};

static inline brd_lock_t *
brd_rlock_loan_lock (const brood_rlock_t *self)
{
    return &((brd_lock_object_t *) (void *) self->base.hold.object)->lock;
}

// Zeroed memory is now an rlock handle on the owner's object.
void
brd_rlock_loan_begin (brood_rlock_t *self, const brd_shared_handle_t *owner);

// Takes one that never began.
void
brd_rlock_loan_end (brood_rlock_t *self);

#endif  // BRD_RLOCK_LOAN_H
