// brood_event.c - a flag to wait for
//
// SPDX-License-Identifier: MPL-2.0
//
// A brd_event_t in the arena with a handle around it.
//
// Read next: lib/shared/brd_event.c.

#include "brood/brood_event.h"

#include "api/brd_shared_handle.h"
#include "api/brd_waitable.h"
#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "shared/brd_event.h"

struct brood_event {
    brd_shared_handle_t base;  // First
};

static brd_event_t *
s_event (const brood_event_t *self)
{
    return (brd_event_t *) (void *) self->base.hold.object;
}

brood_event_t *
brood_event_new (void)
{
    brood_event_t *self = brd_shared_handle_new (
        sizeof *self, BRD_KIND_EVENT, sizeof (brd_event_t), 0);
    if (self)
        brd_shared_handle_publish (&self->base);
    return self;
}

brood_event_t *
brood_event_from (void *ref)
{
    return brd_shared_handle_from (sizeof (brood_event_t), BRD_KIND_EVENT, ref);
}

void
brood_event_destroy (brood_event_t **self_p)
{
    brd_shared_handle_destroy (self_p);
}

int
brood_event_set (brood_event_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_EVENT, -1);
    return brd_event_set (s_event (self));
}

int
brood_event_clear (brood_event_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_EVENT, -1);
    brd_event_clear (s_event (self));
    return 0;
}

int
brood_event_is_set (brood_event_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_EVENT, -1);
    return brd_event_is_set (s_event (self));
}

int
brood_event_wait (brood_event_t *self, int timeout_ms)
{
    brd_sleep_t sleep;
    BRD_REQUIRE_SHARED (self, BRD_KIND_EVENT, -1);
    brd_sleep_begin (&sleep, brd_clock_deadline (timeout_ms));
    return brd_event_wait (s_event (self), &sleep);
}

// --- For brood_wait_any () -------------------------------------------------

static int
s_ready (void *handle)
{
    return brood_event_is_set (handle);
}

static brd_hold_t *
s_hold (void *handle)
{
    return &((brood_event_t *) handle)->base.hold;
}

const brd_waitable_t brd_event_waitable = { .ready = s_ready, .hold = s_hold };
