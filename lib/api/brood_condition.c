// brood_condition.c - waiting for a state that a lock guards
//
// SPDX-License-Identifier: MPL-2.0
//
// A brd_condition_t in the arena with a handle around it; the lock is in it, or
// in the object of another handle.
//
// Read next: lib/shared/brd_condition.c.

#include "brood/brood_condition.h"

#include <errno.h>

#include "api/brd_rlock_loan.h"
#include "api/brd_shared_handle.h"
#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "shared/brd_condition.h"

struct brood_condition {
    brd_shared_handle_t base;  // First
};

static brd_condition_t *
s_condition (const brood_condition_t *self)
{
    return (brd_condition_t *) (void *) self->base.hold.object;
}

static brood_condition_t *
s_new (brd_lock_object_t *on)
{
    brood_condition_t *self = brd_shared_handle_new (sizeof *self,
                                                     BRD_KIND_CONDITION,
                                                     sizeof (brd_condition_t),
                                                     BRD_CONDITION_BLOCK_SIZE);
    if (!self)
        return NULL;
    if (brd_condition_init (s_condition (self), on) < 0)
        brd_shared_handle_destroy (&self);
    else
        brd_shared_handle_publish (&self->base);
    return self;
}

brood_condition_t *
brood_condition_new (void)
{
    return s_new (NULL);
}

brood_condition_t *
brood_condition_new_on (brood_rlock_t *lock)
{
    BRD_REQUIRE_SHARED (lock, BRD_KIND_RLOCK, NULL);
    return s_new ((brd_lock_object_t *) (void *) lock->base.hold.object);
}

brood_condition_t *
brood_condition_from (void *ref)
{
    return brd_shared_handle_from (
        sizeof (brood_condition_t), BRD_KIND_CONDITION, ref);
}

void
brood_condition_destroy (brood_condition_t **self_p)
{
    brd_shared_handle_destroy (self_p);
}

int
brood_condition_acquire (brood_condition_t *self, int timeout_ms)
{
    brd_sleep_t sleep;
    BRD_REQUIRE_SHARED (self, BRD_KIND_CONDITION, -1);
    brd_sleep_begin (&sleep, brd_clock_deadline (timeout_ms));
    return brd_rlock_acquire (
        s_condition (self)->lock, self->base.hold.object->shared, &sleep);
}

int
brood_condition_release (brood_condition_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_CONDITION, -1);
    return brd_rlock_release (s_condition (self)->lock,
                              self->base.hold.object->shared);
}

int
brood_condition_wait (brood_condition_t *self, int timeout_ms)
{
    brd_sleep_t sleep;
    BRD_REQUIRE_SHARED (self, BRD_KIND_CONDITION, -1);
    brd_sleep_begin (&sleep, brd_clock_deadline (timeout_ms));
    return brd_condition_wait (s_condition (self), &sleep);
}

int
brood_condition_wait_for (brood_condition_t *self,
                          int timeout_ms,
                          int (*test) (void *arg),
                          void *arg)
{
    brd_sleep_t sleep;
    int died = 0;
    BRD_REQUIRE_SHARED (self, BRD_KIND_CONDITION, -1);
    BRD_REQUIRE (test, -1);
    brd_condition_t *condition = s_condition (self);
    if (!brd_lock_mine (condition->lock, self->base.hold.object->shared))
        return brd_error_set (EPERM, "this thread does not hold the condition");
    brd_sleep_begin (&sleep, brd_clock_deadline (timeout_ms));
    for (int rc = 0; !test (arg);) {
        if (rc < 0)
            return brd_error_set (ETIMEDOUT,
                                  died ? "not so in time; a holder of the "
                                         "condition died meanwhile"
                                       : "not so in time");
        rc = brd_condition_wait (condition, &sleep);
        if (rc > 0)
            died = 1;
        // At ETIMEDOUT a last look: a change may come without a notify.
        if (rc < 0 && errno != ETIMEDOUT)
            return -1;
    }
    return died;
}

int
brood_condition_notify (brood_condition_t *self, int n)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_CONDITION, -1);
    BRD_REQUIRE (n >= 0, -1);
    return brd_condition_notify (s_condition (self), (uint32_t) n);
}

int
brood_condition_notify_all (brood_condition_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_CONDITION, -1);
    return brd_condition_notify (s_condition (self), UINT32_MAX);
}

int
brood_condition_stats (brood_condition_t *self, brood_lock_stats_t *ret_stats)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_CONDITION, -1);
    BRD_REQUIRE (ret_stats, -1);
    brd_lock_stats (
        s_condition (self)->lock, self->base.hold.object->shared, ret_stats);
    return 0;
}
