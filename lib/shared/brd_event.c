// brd_event.c - a flag to wait for
//
// SPDX-License-Identifier: MPL-2.0
//
//     word:  SET | SLEEPERS | how often it was set
//
//     set     not SET -> SET, count + 1, no SLEEPERS      one CAS, wake all
//     clear   SET -> not SET                              one CAS
//     wait    until SET, or the count is another than at the call
//
// The count is what a waiter passes by when clear () follows set () at once: it
// may be asleep through both. It would have to sleep through 2^30 of them to
// miss that one.
//
// Nobody holds an event, so nothing is swept but a wake-up that a setter did
// not live to send: its seat names the word meanwhile.

#include "shared/brd_event.h"

#include <errno.h>
#include <limits.h>

#include "base/brd_error.h"
#include "base/brd_futex.h"
#include "shared/brd_bell.h"
#include "shared/brd_seat.h"

static const uint32_t s_set = 1;
static const uint32_t s_sleepers = 2;
static const uint32_t s_one = 4;

static uint32_t
s_count (uint32_t word)
{
    return word / s_one;
}

int
brd_event_set (brd_event_t *self)
{
    brd_shared_t *shared = self->object.shared;
    const uint32_t mine = brd_seat_mine (shared);
    if (mine == 0)
        return -1;
    brd_seat_t *seat = brd_seat_at (shared, mine);
    uint32_t word = atomic_load (&self->word);
    atomic_store (&seat->sleeps,
                  brd_arena_offset (brd_shared_arena (shared), &self->word));
    while ((word & s_set) == 0
           && !atomic_compare_exchange_weak (
               &self->word, &word, ((word & ~s_sleepers) | s_set) + s_one))
        continue;
    if ((word & s_sleepers) != 0)
        brd_futex_wake (&self->word, INT_MAX, 1);
    if ((word & s_set) == 0)
        brd_bell_changed (&self->object);
    atomic_store (&seat->sleeps, 0);
    return 0;
}

void
brd_event_clear (brd_event_t *self)
{
    atomic_fetch_and (&self->word, ~s_set);
}

int
brd_event_is_set (const brd_event_t *self)
{
    return (atomic_load (&((brd_event_t *) self)->word) & s_set) != 0;
}

int
brd_event_wait (brd_event_t *self, brd_sleep_t *sleep)
{
    uint32_t word = atomic_load (&self->word);
    const uint32_t count = s_count (word);
    while ((word & s_set) == 0 && s_count (word) == count) {
        if ((word & s_sleepers) == 0
            && !atomic_compare_exchange_strong (
                &self->word, &word, word | s_sleepers))
            continue;
        if (brd_sleep_on (sleep, &self->word, word | s_sleepers, 1) < 0)
            return errno == ETIMEDOUT
                       ? brd_error_set (ETIMEDOUT, "not set in time")
                       : -1;
        word = atomic_load (&self->word);
    }
    return 0;
}
