// brd_condition.c - waiting for a state that an rlock guards
//
// SPDX-License-Identifier: MPL-2.0
//
//     a waiter's word:
//
//         FREE --- wait ---> WAITING --- notify ---> NOTIFIED
//           ^                   |                        |
//           |                   | time is up             | holds the lock again
//           +-------------------+------------------------+
//
// Only the holder of the lock makes a word WAITING, and notifies. Whoever's
// time is up takes the word back by CAS: it fails if a notify was faster, and
// then that has reached him. The sweep does the same for the dead, and gives a
// notification that it finds there to the next.
//
// The ticket stands in the word beside the state, so a CAS that is meant for
// one waiter cannot hit another who has his place by now.
//
// Read next: brd_rlock.c.

#include "shared/brd_condition.h"

#include <errno.h>

#include "base/brd_check.h"
#include "base/brd_futex.h"
#include "shared/brd_seat.h"

enum {
    S_FREE = 0,
    S_WAITING = 1,
    S_NOTIFIED = 2,
    S_STATES = 4
};

static brd_shared_t *
s_shared (const brd_condition_t *self)
{
    return self->own.object.shared;
}

static brd_condition_waiter_t *
s_waiters (const brd_condition_t *self)
{
    return brd_object_block (&self->own.object);
}

int
brd_condition_init (brd_condition_t *self, brd_lock_object_t *on)
{
    self->lock = on ? &on->lock : &self->own.lock;
    if (!on)
        return 0;
    self->kept = brd_share_keep (&on->object);
    return self->kept ? 0 : -1;
}

// --- Wait ------------------------------------------------------------------

// Under the lock. NULL with ENOSPC.
static brd_condition_waiter_t *
s_claim (brd_condition_t *self)
{
    const uint32_t mine = brd_seat_mine (s_shared (self));
    for (uint32_t i = 0; i < BRD_CONDITION_WAITERS_MAX; i++) {
        brd_condition_waiter_t *waiter = &s_waiters (self)[i];
        uint32_t none = 0;
        // First the mark, or a sweep would not look far enough.
        if (atomic_load (&self->top) <= i)
            atomic_store (&self->top, i + 1);
        if (atomic_compare_exchange_strong (&waiter->seat, &none, mine))
            return waiter;
    }
    brd_error_set (ENOSPC,
                   "no more than %d threads can wait for a condition",
                   BRD_CONDITION_WAITERS_MAX);
    return NULL;
}

static void
s_unclaim (brd_condition_waiter_t *waiter)
{
    atomic_store (&waiter->word, S_FREE);
    atomic_store (&waiter->seat, 0);
}

// 0: notified; -1: taken back.
static int
s_sleep (brd_condition_waiter_t *waiter, uint32_t waiting, brd_sleep_t *sleep)
{
    while (atomic_load (&waiter->word) == waiting) {
        if (brd_sleep_on (sleep, &waiter->word, waiting, 1) < 0)
            return atomic_compare_exchange_strong (
                       &waiter->word, &waiting, S_FREE)
                       ? -1
                       : 0;
    }
    return 0;
}

int
brd_condition_wait (brd_condition_t *self, brd_sleep_t *sleep)
{
    brd_shared_t *shared = s_shared (self);
    if (!brd_lock_mine (self->lock, shared))
        return brd_error_set (EPERM, "this thread does not hold the condition");
    brd_condition_waiter_t *waiter = s_claim (self);
    if (!waiter)
        return -1;
    brd_seat_t *seat = brd_seat_at (shared, brd_seat_mine (shared));
    const uint32_t waiting = self->tickets++ * S_STATES | S_WAITING;
    brd_seat_hold (seat, 1);
    atomic_store (&waiter->word, waiting);
    const uint32_t depth = brd_rlock_leave (self->lock, shared);
    const int rc = s_sleep (waiter, waiting, sleep);
    const int saved_errno = errno;
    const int died = brd_rlock_return (self->lock, shared, depth);
    s_unclaim (waiter);
    brd_seat_hold (seat, -1);
    errno = saved_errno;
    return died ? 1 : rc;
}

// --- Notify ----------------------------------------------------------------

// Who waits longest, with what his word is; NULL if nobody does.
static brd_condition_waiter_t *
s_oldest (const brd_condition_t *self, uint32_t *ret_word)
{
    brd_condition_waiter_t *oldest = NULL;
    const uint32_t top = atomic_load (&((brd_condition_t *) self)->top);
    for (uint32_t i = 0; i < top; i++) {
        brd_condition_waiter_t *waiter = &s_waiters (self)[i];
        const uint32_t word = atomic_load (&waiter->word);
        // Tickets go around; none is half a turn older than another.
        if (word % S_STATES != S_WAITING
            || (oldest && (int32_t) (word - *ret_word) > 0))
            continue;
        oldest = waiter;
        *ret_word = word;
    }
    return oldest;
}

// 1, or 0 if nobody waits. mine is the caller's seat, or NULL in a sweep.
static int
s_notify_oldest (brd_condition_t *self, brd_seat_t *mine)
{
    brd_condition_waiter_t *oldest;
    uint32_t word = 0;
    while ((oldest = s_oldest (self, &word))) {
        if (mine)
            atomic_store (
                &mine->sleeps,
                brd_arena_offset (brd_shared_arena (s_shared (self)), oldest));
        if (!atomic_compare_exchange_strong (
                &oldest->word, &word, word - S_WAITING + S_NOTIFIED))
            continue;
        brd_futex_wake (&oldest->word, 1, 1);
        return 1;
    }
    return 0;
}

int
brd_condition_notify (brd_condition_t *self, uint32_t n)
{
    brd_shared_t *shared = s_shared (self);
    if (!brd_lock_mine (self->lock, shared))
        return brd_error_set (EPERM, "this thread does not hold the condition");
    brd_seat_t *seat = brd_seat_at (shared, brd_seat_mine (shared));
    while (n > 0 && s_notify_oldest (self, seat))
        n--;
    atomic_store (&seat->sleeps, 0);
    return 0;
}

// --- Death -----------------------------------------------------------------

static void
s_sweep_waiter (brd_condition_t *self, brd_condition_waiter_t *waiter)
{
    const uint32_t word = atomic_exchange (&waiter->word, S_FREE);
    atomic_store (&waiter->seat, 0);
    if (word % S_STATES == S_NOTIFIED)
        (void) s_notify_oldest (self, NULL);
}

static void
s_sweep (brd_object_t *object, pid_t pid)
{
    brd_condition_t *self = (brd_condition_t *) (void *) object;
    const uint32_t top = atomic_load (&self->top);
    for (uint32_t i = 0; i < top; i++) {
        brd_condition_waiter_t *waiter = &s_waiters (self)[i];
        const uint32_t seat = atomic_load (&waiter->seat);
        if (brd_seat_is_of (object->shared, seat, pid))
            s_sweep_waiter (self, waiter);
    }
    brd_lock_sweep (&self->own.lock, object->shared, pid);
}

static void
s_free (brd_object_t *object)
{
    brd_condition_t *self = (brd_condition_t *) (void *) object;
    if (self->kept)
        (void) brd_share_end (self->kept, atomic_load (&self->kept->slot.word));
}

const brd_kind_class_t brd_condition_class = {
    .sweep = s_sweep,
    .free = s_free,
};
