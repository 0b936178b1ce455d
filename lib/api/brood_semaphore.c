// brood_semaphore.c - so many holders at a time
//
// SPDX-License-Identifier: MPL-2.0
//
// A brd_semaphore_t in the arena with a handle around it. What this process
// holds is counted in the handle's share.
//
// Read next: lib/shared/brd_semaphore.h.

#include "brood/brood_semaphore.h"

#include "api/brd_shared_handle.h"
#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "shared/brd_semaphore.h"

struct brood_semaphore {
    brd_shared_handle_t base;  // First
};

static brd_semaphore_t *
s_semaphore (const brood_semaphore_t *self)
{
    return (brd_semaphore_t *) (void *) self->base.hold.object;
}

static brood_semaphore_t *
s_new (int value, int most)
{
    brood_semaphore_t *self = brd_shared_handle_new (
        sizeof *self, BRD_KIND_SEMAPHORE, sizeof (brd_semaphore_t), 0);
    if (!self)
        return NULL;
    brd_semaphore_init (s_semaphore (self), (uint32_t) value, (uint32_t) most);
    brd_shared_handle_publish (&self->base);
    return self;
}

brood_semaphore_t *
brood_semaphore_new (int value)
{
    BRD_REQUIRE (value >= 0, NULL);
    return s_new (value, INT32_MAX);
}

brood_semaphore_t *
brood_semaphore_new_bounded (int value)
{
    BRD_REQUIRE (value >= 0, NULL);
    return s_new (value, value);
}

brood_semaphore_t *
brood_semaphore_from (void *ref)
{
    return brd_shared_handle_from (
        sizeof (brood_semaphore_t), BRD_KIND_SEMAPHORE, ref);
}

void
brood_semaphore_destroy (brood_semaphore_t **self_p)
{
    brd_shared_handle_destroy (self_p);
}

int
brood_semaphore_acquire (brood_semaphore_t *self, int timeout_ms)
{
    brd_sleep_t sleep;
    BRD_REQUIRE_SHARED (self, BRD_KIND_SEMAPHORE, -1);
    brd_sleep_begin (&sleep, brd_clock_deadline (timeout_ms));
    return brd_semaphore_acquire (
        s_semaphore (self), brd_hold_share (&self->base.hold), &sleep);
}

int
brood_semaphore_release (brood_semaphore_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_SEMAPHORE, -1);
    return brd_semaphore_release (s_semaphore (self),
                                  brd_hold_share (&self->base.hold));
}

long
brood_semaphore_value (brood_semaphore_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_SEMAPHORE, -1);
    return (long) brd_semaphore_value (s_semaphore (self));
}

int
brood_semaphore_stats (brood_semaphore_t *self, brood_lock_stats_t *ret_stats)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_SEMAPHORE, -1);
    BRD_REQUIRE (ret_stats, -1);
    brd_semaphore_t *semaphore = s_semaphore (self);
    *ret_stats = (brood_lock_stats_t){
        .acquired = atomic_load (&semaphore->acquired),
        .contended = atomic_load (&semaphore->contended),
    };
    return 0;
}
