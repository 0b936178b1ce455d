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

#include "api/brd_manager_handle.h"
#include "api/brd_rlock_loan.h"
#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "client/brd_remote_sync.h"
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
brood_rlock_open (brood_manager_t *manager, const char *name)
{
    BRD_REQUIRE_HANDLE (manager, BRD_KIND_MANAGER, NULL);
    brood_rlock_t *self = brd_shared_handle_open (sizeof *self);
    return self ? brd_shared_handle_opened (
               self,
               brd_remote_sync_open (
                   &self->base.remote, manager->session, BRD_KIND_RLOCK, name))
                : NULL;
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
    brd_remote_t *remote = brd_shared_handle_remote (&self->base);
    if (remote)
        return brd_remote_sync_acquire (remote, timeout_ms);
    brd_sleep_begin (&sleep, brd_clock_deadline (timeout_ms));
    return brd_rlock_acquire (
        brd_rlock_loan_lock (self), self->base.hold.object->shared, &sleep);
}

int
brood_rlock_release (brood_rlock_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_RLOCK, -1);
    brd_remote_t *remote = brd_shared_handle_remote (&self->base);
    if (remote)
        return brd_remote_sync_release (remote);
    return brd_rlock_release (brd_rlock_loan_lock (self),
                              self->base.hold.object->shared);
}

int
brood_rlock_stats (brood_rlock_t *self, brood_lock_stats_t *ret_stats)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_RLOCK, -1);
    BRD_REQUIRE (ret_stats, -1);
    if (brd_shared_handle_require_arena (&self->base, __func__) < 0)
        return -1;
    brd_lock_stats (
        brd_rlock_loan_lock (self), self->base.hold.object->shared, ret_stats);
    return 0;
}
