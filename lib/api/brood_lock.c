// brood_lock.c - one holder at a time
//
// SPDX-License-Identifier: MPL-2.0
//
// A brd_lock_t in the arena with a handle around it.
//
// Read next: lib/shared/brd_lock.c.

#include "brood/brood_lock.h"

#include "api/brd_shared_handle.h"
#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "shared/brd_lock.h"

struct brood_lock {
    brd_shared_handle_t base;  // First
};

static brd_lock_t *
s_lock (const brood_lock_t *self)
{
    return &((brd_lock_object_t *) (void *) self->base.hold.object)->lock;
}

brood_lock_t *
brood_lock_new (void)
{
    brood_lock_t *self = brd_shared_handle_new (
        sizeof *self, BRD_KIND_LOCK, sizeof (brd_lock_object_t), 0);
    if (self)
        brd_shared_handle_publish (&self->base);
    return self;
}

brood_lock_t *
brood_lock_from (void *ref)
{
    return brd_shared_handle_from (sizeof (brood_lock_t), BRD_KIND_LOCK, ref);
}

void
brood_lock_destroy (brood_lock_t **self_p)
{
    brd_shared_handle_destroy (self_p);
}

int
brood_lock_acquire (brood_lock_t *self, int timeout_ms)
{
    brd_sleep_t sleep;
    BRD_REQUIRE_SHARED (self, BRD_KIND_LOCK, -1);
    brd_sleep_begin (&sleep, brd_clock_deadline (timeout_ms));
    return brd_lock_acquire (
        s_lock (self), self->base.hold.object->shared, &sleep);
}

int
brood_lock_release (brood_lock_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_LOCK, -1);
    return brd_lock_release (s_lock (self), self->base.hold.object->shared);
}

int
brood_lock_locked (brood_lock_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_LOCK, -1);
    return brd_lock_locked (s_lock (self));
}

int
brood_lock_stats (brood_lock_t *self, brood_lock_stats_t *ret_stats)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_LOCK, -1);
    BRD_REQUIRE (ret_stats, -1);
    brd_lock_stats (s_lock (self), self->base.hold.object->shared, ret_stats);
    return 0;
}
