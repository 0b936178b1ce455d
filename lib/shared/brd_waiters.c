// brd_waiters.c - those who wait for the same thing, in line
//
// SPDX-License-Identifier: MPL-2.0
//
// A wake-up takes its time, and until the woken one is there it still counts as
// asleep. So it is also counted as woken, and while it is on its way nobody
// else is woken, nor the system called:
//
//     enter    asleep + 1
//     due      word + 1, woken + 1
//     leave    woken - 1 (if there is any), asleep - 1
//
// Who leaves without having been woken, its time being over, takes another's
// woken away: a wake-up too many, which does no harm. After a death all are
// woken and none counts as woken; asleep may stay too high, which costs a
// wake-up of nobody now and then. One that was woken and then stopped (SIGSTOP)
// keeps the others waiting, so a sleep is never longer than a second.

#include "shared/brd_waiters.h"

#include <errno.h>
#include <limits.h>

#include "base/brd_clock.h"
#include "base/brd_futex.h"
#include "shared/brd_seat.h"

enum {
    S_PATIENCE = 8,  // Wake-ups in vain before it takes the turn
    S_SLICE_NS = 1000000000
};

static uint32_t
s_asleep (const brd_waiters_t *self)
{
    return atomic_load_explicit (&((brd_waiters_t *) self)->asleep,
                                 memory_order_relaxed);
}

int
brd_waiters_may (brd_waiters_t *self,
                 brd_shared_t *shared,
                 const brd_wait_t *wait,
                 uint64_t tag,
                 size_t ready)
{
    if (self->turn == 0 || self->turn == tag)
        return 1;
    if (!brd_seat_lives (shared, self->turn))
        self->turn = 0;
    return self->turn == 0 || ready > 1 || wait->over != 0;
}

void
brd_waiters_enter (brd_waiters_t *self, brd_wait_t *wait)
{
    wait->seen = atomic_load (&self->word);
    atomic_fetch_add (&self->asleep, 1);
}

void
brd_waiters_leave (brd_waiters_t *self, brd_wait_t *wait, uint64_t tag)
{
    if (self->woken > 0)
        self->woken--;
    atomic_fetch_sub (&self->asleep, 1);
    if (!wait->over && atomic_load (&self->word) != wait->seen)
        wait->vain++;
    if (wait->vain >= S_PATIENCE && self->turn == 0)
        self->turn = tag;
}

void
brd_waiters_sleep (brd_waiters_t *self, brd_wait_t *wait)
{
    if (!wait->begun)
        brd_sleep_begin (&wait->sleep, brd_clock_deadline (wait->timeout_ms));
    wait->begun = 1;
    brd_sleep_t slice = wait->sleep;
    const int64_t end = brd_clock_now () + S_SLICE_NS;
    if (end < slice.deadline)
        slice.deadline = end;
    if (brd_sleep_on (&slice, &self->word, wait->seen, 1) < 0)
        wait->over = errno;
}

uint32_t
brd_waiters_done (brd_waiters_t *self, uint64_t tag, size_t ready)
{
    if (self->turn != tag || tag == 0)
        return 0;
    self->turn = 0;
    return brd_waiters_due (self, ready);
}

uint32_t
brd_waiters_due (brd_waiters_t *self, size_t n)
{
    const uint32_t asleep = s_asleep (self);
    if (asleep <= self->woken || n == 0)
        return 0;
    uint32_t due = asleep - self->woken;
    // Whose turn it is must be among them.
    if (n != BRD_WAITERS_ALL && self->turn == 0) {
        if (self->woken > 0)
            return 0;
        due = 1;
    }
    atomic_fetch_add (&self->word, 1);
    self->woken += due;
    return due;
}

void
brd_waiters_wake (brd_waiters_t *self, uint32_t n)
{
    if (n > 0)
        brd_futex_wake (&self->word, n > INT_MAX ? INT_MAX : (int) n, 1);
}

void
brd_waiters_reap (brd_waiters_t *self)
{
    self->woken = 0;
    self->lingers = 0;
}

void
brd_waiters_sweep (brd_waiters_t *self)
{
    if (atomic_load (&self->asleep) == 0)
        return;
    atomic_fetch_add (&self->word, 1);
    brd_futex_wake (&self->word, INT_MAX, 1);
}
