// host_keeper.c - drives while nobody waits
//
// SPDX-License-Identifier: MPL-2.0
//
// A program that submits and then computes for a minute must still feed its
// workers. The keeper is a thread that looks every millisecond while work is
// outstanding and leads only if nobody has driven since its last look; with
// nothing outstanding for a while it parks, without a timer. A caller that
// finds it leading rings it off, and it stays off for 10 ms, so a program that
// waits often is not slowed down by it.
//
// Once a foreign loop drives (brood_fd ()) there is no keeper.

#include "base/brd_clock.h"
#include "base/brd_futex.h"
#include "base/brd_log.h"
#include "base/brd_sys.h"
#include "host/host_internal.h"

enum {
    S_LOOK_NS = 1000000,
    S_LOOKS_IDLE = 100  // Without work, before it parks
};

// 1 if there is something to be driven though nobody waits: also guests, who
// may leave or die when no task is left, and who must be answered that we live.
static int
s_is_needed (const brd_host_t *self)
{
    return brd_core_outstanding (self->core) > 0 || self->remotes > 0
           || !brd_list_empty (&self->guests)
           || !brd_list_empty (&self->sources);
}

static int
s_may_lead (brd_host_t *self)
{
    return !self->quit && s_is_needed (self)
           && brd_list_empty (&self->followers)
           && brd_clock_now () >= self->keeper_off;
}

// Leads until somebody else wants to or nothing is left to do.
static void
s_lead (brd_host_t *self)
{
    const brd_core_event_t event = { .type = BRD_CORE_FLUSH };
    self->keeper_leads = 1;
    self->now = brd_clock_now ();
    (void) brd_host_step (self, &event);
    brd_host_turn (self, 1);
    while (s_may_lead (self))
        brd_host_lead (self, BRD_NEVER, -1);
    self->keeper_leads = 0;
    brd_host_hand_on (self);
}

// 0 if somebody holds the lock when it wakes: then somebody drives, and the
// keeper must not make him pay for waking it.
static int
s_sleep (brd_host_t *self, int64_t deadline)
{
    pthread_mutex_unlock (&self->lock);
    (void) brd_futex_wait (&self->keeper_word, 0, deadline, 0);
    atomic_store (&self->keeper_word, 0);
    return pthread_mutex_trylock (&self->lock) == 0;
}

// The lock is taken; it looks again a little later, and waits for it only if it
// is taken then too.
static void
s_wait_its_turn (brd_host_t *self)
{
    (void) brd_futex_wait (
        &self->keeper_word, 0, brd_clock_now () + S_LOOK_NS, 0);
    pthread_mutex_lock (&self->lock);
}

static void *
s_main (void *arg)
{
    brd_host_t *self = arg;
    int idle = 0;
    pthread_mutex_lock (&self->lock);
    while (!self->quit) {
        const uint64_t seen = self->turns;
        idle = s_is_needed (self) ? 0 : idle + 1;
        self->keeper_parked = idle >= S_LOOKS_IDLE;
        const int64_t until =
            self->keeper_parked ? BRD_NEVER : brd_clock_now () + S_LOOK_NS;
        if (!s_sleep (self, until)) {
            s_wait_its_turn (self);
            self->keeper_parked = 0;
            continue;
        }
        self->keeper_parked = 0;
        if (!self->leader && self->turns == seen && s_may_lead (self))
            s_lead (self);
    }
    pthread_mutex_unlock (&self->lock);
    return NULL;
}

static void
s_wake (brd_host_t *self)
{
    atomic_store (&self->keeper_word, 1);
    brd_futex_wake (&self->keeper_word, 1, 0);
}

void
brd_host_keeper_call (brd_host_t *self)
{
    if (self->foreign >= 0 || !s_is_needed (self))
        return;
    if (!self->keeper_made) {
        // Without it only the waits drive, as they must in any case; it is
        // tried again with the next call.
        if (self->quit || brd_sys_thread (&self->keeper, s_main, self) < 0)
            return;
        self->keeper_made = 1;
    }
    else if (self->keeper_parked) {
        self->keeper_parked = 0;
        s_wake (self);
    }
}

void
brd_host_keeper_stop (brd_host_t *self)
{
    brd_host_lock (self);
    const int made = self->keeper_made;
    self->quit = 1;
    s_wake (self);
    if (self->keeper_leads)
        brd_host_ring (self);
    self->keeper_made = 0;
    brd_host_unlock (self);
    if (made)
        pthread_join (self->keeper, NULL);
}
