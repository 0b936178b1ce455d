// brood_barrier.c - going on together
//
// SPDX-License-Identifier: MPL-2.0
//
// A brd_barrier_t in the arena with a handle around it.
//
// An action is two addresses, of code and of its argument. In a process that
// was born after the barrier both are what they were; another one gets a handle
// by ref only, and only if the code is there and the argument is in memory that
// is the same everywhere.
//
// Read next: lib/shared/brd_barrier.c.

#include "brood/brood_barrier.h"

#include <errno.h>
#include <unistd.h>

#include "api/brd_manager_handle.h"
#include "api/brd_runtime.h"
#include "api/brd_shared_handle.h"
#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "client/brd_code.h"
#include "client/brd_remote_sync.h"
#include "shared/brd_barrier.h"

struct brood_barrier {
    brd_shared_handle_t base;  // First
};

static brd_barrier_t *
s_barrier (const brood_barrier_t *self)
{
    return (brd_barrier_t *) (void *) self->base.hold.object;
}

static uint64_t
s_mark (const brd_barrier_t *barrier)
{
    return brd_code_mark ((uint64_t) (uintptr_t) barrier->action);
}

// --- Life ------------------------------------------------------------------

brood_barrier_t *
brood_barrier_new_action (int parties, void (*action) (void *arg), void *arg)
{
    BRD_REQUIRE (parties > 0, NULL);
    brood_barrier_t *self = brd_shared_handle_new (
        sizeof *self, BRD_KIND_BARRIER, sizeof (brd_barrier_t), 0);
    if (!self)
        return NULL;
    brd_barrier_t *barrier = s_barrier (self);
    barrier->parties = (uint32_t) parties;
    barrier->maker = getpid ();
    barrier->action = action;
    barrier->arg = arg;
    barrier->mark = action ? s_mark (barrier) : 0;
    brd_shared_handle_publish (&self->base);
    return self;
}

brood_barrier_t *
brood_barrier_new (int parties)
{
    BRD_REQUIRE (parties > 0, NULL);
    return brood_barrier_new_action (parties, NULL, NULL);
}

brood_barrier_t *
brood_barrier_open (brood_manager_t *manager, const char *name, int parties)
{
    BRD_REQUIRE_HANDLE (manager, BRD_KIND_MANAGER, NULL);
    BRD_REQUIRE (parties > 0, NULL);
    brood_barrier_t *self = brd_shared_handle_open (sizeof *self);
    return self ? brd_shared_handle_opened (
               self,
               brd_remote_sync_open_barrier (
                   &self->base.remote, manager->session, name, parties))
                : NULL;
}

// 0, or -1 with ENOTSUP.
static int
s_check_action (const brd_barrier_t *barrier)
{
    if (!barrier->action || barrier->maker == getpid ())
        return 0;
    const int has_code =
        barrier->mark != 0 && barrier->mark == s_mark (barrier);
    const int has_arg =
        !barrier->arg
        || brd_arena_holds (brd_runtime_arena (), barrier->arg, 1);
    if (has_code && has_arg)
        return 0;
    return brd_error_set (ENOTSUP,
                          "the barrier's action cannot be called here: %s",
                          has_code ? "its arg is another process's memory"
                                   : "its code is not here, or elsewhere");
}

brood_barrier_t *
brood_barrier_from (void *ref)
{
    brood_barrier_t *self =
        brd_shared_handle_from (sizeof *self, BRD_KIND_BARRIER, ref);
    if (self && !brd_shared_handle_remote (&self->base)
        && s_check_action (s_barrier (self)) < 0)
        brd_shared_handle_destroy (&self);
    return self;
}

void
brood_barrier_destroy (brood_barrier_t **self_p)
{
    brd_shared_handle_destroy (self_p);
}

// --- At a manager ----------------------------------------------------------

typedef enum {
    S_PARTIES,
    S_WAITING,
    S_BROKEN
} s_number_t;

static int
s_ask (brd_remote_t *remote, s_number_t number)
{
    brd_remote_barrier_t state;
    if (brd_remote_sync_barrier (remote, &state) < 0)
        return -1;
    switch (number) {
    case S_PARTIES:
        return state.parties;
    case S_WAITING:
        return state.waiting;
    case S_BROKEN:
        break;
    }
    return state.broken;
}

// --- Use -------------------------------------------------------------------

int
brood_barrier_wait (brood_barrier_t *self, int timeout_ms)
{
    brd_sleep_t sleep;
    BRD_REQUIRE_SHARED (self, BRD_KIND_BARRIER, -1);
    brd_remote_t *remote = brd_shared_handle_remote (&self->base);
    if (remote)
        return brd_remote_sync_wait_others (remote, timeout_ms);
    brd_sleep_begin (&sleep, brd_clock_deadline (timeout_ms));
    return brd_barrier_wait (s_barrier (self), &sleep);
}

int
brood_barrier_reset (brood_barrier_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_BARRIER, -1);
    brd_remote_t *remote = brd_shared_handle_remote (&self->base);
    if (remote)
        return brd_remote_sync_reset (remote);
    return brd_barrier_reset (s_barrier (self));
}

int
brood_barrier_abort (brood_barrier_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_BARRIER, -1);
    brd_remote_t *remote = brd_shared_handle_remote (&self->base);
    if (remote)
        return brd_remote_sync_abort (remote);
    return brd_barrier_abort (s_barrier (self));
}

int
brood_barrier_parties (brood_barrier_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_BARRIER, -1);
    brd_remote_t *remote = brd_shared_handle_remote (&self->base);
    if (remote)
        return s_ask (remote, S_PARTIES);
    return (int) s_barrier (self)->parties;
}

int
brood_barrier_n_waiting (brood_barrier_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_BARRIER, -1);
    brd_remote_t *remote = brd_shared_handle_remote (&self->base);
    if (remote)
        return s_ask (remote, S_WAITING);
    return (int) brd_barrier_n_waiting (s_barrier (self));
}

int
brood_barrier_broken (brood_barrier_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_BARRIER, -1);
    brd_remote_t *remote = brd_shared_handle_remote (&self->base);
    if (remote)
        return s_ask (remote, S_BROKEN);
    return brd_barrier_broken (s_barrier (self));
}
