// brood_rlock.c - a lock its holder may take again
//
// SPDX-License-Identifier: MPL-2.0
//
// A brd_lock_t in the arena with a handle around it, used with its depth. The
// object may be a value's or an array's too: all that have a lock begin with
// it.
//
// Read next: lib/shared/brd_rlock.c.

#include "brood/brood_rlock.h"

#include "api/brd_rlock_loan.h"
#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "shared/brd_rlock.h"

brood_rlock_t *
brood_rlock_new (void)
{
    brood_rlock_t *self = brd_shared_handle_new (
        sizeof *self, BRD_KIND_RLOCK, sizeof (brd_lock_object_t), 0);
    if (self)
        brd_shared_handle_publish (&self->base);
    return self;
}

brood_rlock_t *
brood_rlock_from (void *ref)
{
    return brd_shared_handle_from (sizeof (brood_rlock_t), BRD_KIND_RLOCK, ref);
}

void
brood_rlock_destroy (brood_rlock_t **self_p)
{
    if (self_p && *self_p && (*self_p)->on_loan)
        *self_p = NULL;
    else
        brd_shared_handle_destroy (self_p);
}

int
brood_rlock_acquire (brood_rlock_t *self, int timeout_ms)
{
    brd_sleep_t sleep;
    BRD_REQUIRE_SHARED (self, BRD_KIND_RLOCK, -1);
    brd_sleep_begin (&sleep, brd_clock_deadline (timeout_ms));
    return brd_rlock_acquire (
        brd_rlock_loan_lock (self), self->base.hold.object->shared, &sleep);
}

int
brood_rlock_release (brood_rlock_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_RLOCK, -1);
    return brd_rlock_release (brd_rlock_loan_lock (self),
                              self->base.hold.object->shared);
}

int
brood_rlock_stats (brood_rlock_t *self, brood_lock_stats_t *ret_stats)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_RLOCK, -1);
    BRD_REQUIRE (ret_stats, -1);
    brd_lock_stats (
        brd_rlock_loan_lock (self), self->base.hold.object->shared, ret_stats);
    return 0;
}
