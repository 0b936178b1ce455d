// brd_rlock_loan.c - an rlock that is part of another handle
//
// SPDX-License-Identifier: MPL-2.0
//
//     begin   the same object, a share of its own with its first use
//     end     the share is dropped, the handle poisoned
//
// Its ref stays empty: the object is a value's, not an rlock's, and whoever has
// the value has the lock.

#include "api/brd_rlock_loan.h"

void
brd_rlock_loan_begin (brood_rlock_t *self, const brd_shared_handle_t *owner)
{
    brd_handle_init (&self->base.handle, BRD_KIND_RLOCK);
    self->base.hold.object = owner->hold.object;
    self->on_loan = 1;
}

void
brd_rlock_loan_end (brood_rlock_t *self)
{
    if (!self->on_loan)
        return;
    brd_hold_drop (&self->base.hold);
    brd_handle_fini (&self->base.handle);
}
