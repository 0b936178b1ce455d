// brd_lock.c - one holder at a time, and what becomes of it when it dies
//
// SPDX-License-Identifier: MPL-2.0
//
//     word:  0                free
//            seat             held, nobody sleeps
//            seat | SLEEPERS  held, somebody may sleep
//            DIED             free; the last holder died with it
//            DIED | SLEEPERS  and somebody may sleep
//
//     acquire   free -> seat                          one CAS
//               held -> SLEEPERS, sleep on the word, try again with SLEEPERS
//     release   seat -> 0                             one exchange, and a wake
//     sweep     seat of the dead -> DIED              one CAS, and a wake
//
// Who has slept takes the lock with SLEEPERS set, since it cannot know whether
// others sleep: one wake too many at the end, and none too few. A wake-up that
// was spent on somebody who died before it could use it, or that a releaser did
// not live to send, is made good by the sweep (brd_seat_sweep_sleepers).
//
// What is held for some instructions only (brd_lock_enter) is worth a few looks
// before a sleep. The looks become rarer, so that the holder has its memory to
// itself.
//
// A seat is counted as holding before it takes the word and after it has given
// it back, so that no thread's seat is given to another while a lock names it.

#include "shared/brd_lock.h"

#include <errno.h>
#include <limits.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_futex.h"
#include "base/brd_pause.h"
#include "shared/brd_seat.h"

enum {
    S_LOOKS = 10,
    S_PAUSES_MAX = 16
};

static const uint32_t s_sleepers = UINT32_C (1) << 31;
static const uint32_t s_died = UINT32_C (1) << 30;

static uint32_t
s_seat (uint32_t word)
{
    return word & ~(s_sleepers | s_died);
}

// 0 or 1: held. 2: somebody else has it, and *word is what it says.
static int
s_take (brd_lock_t *self, uint32_t mine, uint32_t *word)
{
    while (s_seat (*word) == 0) {
        if (atomic_compare_exchange_weak_explicit (&self->word,
                                                   word,
                                                   mine | (*word & s_sleepers),
                                                   memory_order_acquire,
                                                   memory_order_relaxed))
            return (*word & s_died) != 0;
    }
    return 2;
}

// Counted by the holder alone; read by anybody.
static void
s_count (_Atomic uint64_t *counter)
{
    atomic_store_explicit (counter,
                           atomic_load_explicit (counter, memory_order_relaxed)
                               + 1,
                           memory_order_relaxed);
}

static uint64_t
s_offset (brd_lock_t *self, brd_shared_t *shared)
{
    return brd_arena_offset (brd_shared_arena (shared), self);
}

// The word says that somebody sleeps: 0 when it has changed meanwhile.
static int
s_announce (brd_lock_t *self, uint32_t *word)
{
    if ((*word & s_sleepers) != 0)
        return 1;
    if (!atomic_compare_exchange_strong (&self->word, word, *word | s_sleepers))
        return 0;
    *word |= s_sleepers;
    return 1;
}

static int
s_sleep (brd_lock_t *self, uint32_t word, brd_sleep_t *sleep)
{
    if (sleep)
        return brd_sleep_on (sleep, &self->word, word, 1);
    (void) brd_futex_wait (&self->word, word, BRD_NEVER, 1);
    return 0;
}

// -1 with errno as it is, and who it was.
static int
s_too_late (const brd_lock_t *self, brd_shared_t *shared)
{
    const pid_t holder = brd_lock_holder (self, shared);
    if (errno != ETIMEDOUT || holder == 0)
        return -1;
    return brd_error_set (
        ETIMEDOUT, "not free in time: process %d holds it", (int) holder);
}

// From the first look that found it taken to having it, or not.
static int
s_wait (brd_lock_t *self,
        brd_shared_t *shared,
        uint32_t mine,
        brd_sleep_t *sleep)
{
    brd_seat_t *seat = brd_seat_at (shared, mine);
    uint32_t word = atomic_load (&self->word);
    int got;
    int slept = 0;
    atomic_store (&seat->locks, s_offset (self, shared));
    while ((got = s_take (self, slept ? mine | s_sleepers : mine, &word))
           == 2) {
        if (!s_announce (self, &word))
            continue;
        slept = 1;
        if (s_sleep (self, word, sleep) < 0) {
            got = s_too_late (self, shared);
            break;
        }
        word = atomic_load (&self->word);
    }
    atomic_store (&seat->locks, 0);
    if (got >= 0 && slept)
        s_count (&self->contended);
    return got;
}

// As s_take (), after some looks.
static int
s_spin (brd_lock_t *self, uint32_t mine, uint32_t *word)
{
    int pauses = 1;
    int got = 2;
    for (int look = 0; look < S_LOOKS && got == 2; look++) {
        for (int i = 0; i < pauses; i++)
            brd_pause ();
        if (pauses < S_PAUSES_MAX)
            pauses *= 2;
        *word = atomic_load_explicit (&self->word, memory_order_relaxed);
        got = s_take (self, mine, word);
    }
    return got;
}

// How long to try.
enum {
    S_ONCE,
    S_SLEEP,
    S_SPIN
};

static int
s_acquire (brd_lock_t *self, brd_shared_t *shared, brd_sleep_t *sleep, int how)
{
    const uint32_t mine = brd_seat_mine (shared);
    if (mine == 0)
        return -1;
    brd_seat_t *seat = brd_seat_at (shared, mine);
    uint32_t word = atomic_load_explicit (&self->word, memory_order_relaxed);
    if (s_seat (word) == mine)
        return brd_error_set (EDEADLK, "this thread holds the lock already");
    brd_seat_hold (seat, 1);
    int got = s_take (self, mine, &word);
    if (got == 2 && how == S_SPIN)
        got = s_spin (self, mine, &word);
    if (got == 2)
        got = how != S_ONCE
                  ? s_wait (self, shared, mine, sleep)
                  : brd_error_set (ETIMEDOUT, "somebody else holds the lock");
    if (got < 0) {
        brd_seat_hold (seat, -1);
        return -1;
    }
    s_count (&self->acquired);
    return got;
}

int
brd_lock_acquire (brd_lock_t *self, brd_shared_t *shared, brd_sleep_t *sleep)
{
    return s_acquire (self, shared, sleep, S_SLEEP);
}

int
brd_lock_try (brd_lock_t *self, brd_shared_t *shared)
{
    return s_acquire (self, shared, NULL, S_ONCE);
}

int
brd_lock_enter (brd_lock_t *self, brd_shared_t *shared)
{
    return s_acquire (self, shared, NULL, S_SPIN);
}

int
brd_lock_release (brd_lock_t *self, brd_shared_t *shared)
{
    const uint32_t mine = brd_seat_mine (shared);
    if (mine == 0
        || s_seat (atomic_load_explicit (&self->word, memory_order_relaxed))
               != mine)
        return brd_error_set (EPERM, "this thread does not hold the lock");
    brd_seat_t *seat = brd_seat_at (shared, mine);
    // Killed between the next two, it would have let go and woken nobody.
    atomic_store_explicit (
        &seat->locks, s_offset (self, shared), memory_order_relaxed);
    const uint32_t word =
        atomic_exchange_explicit (&self->word, 0, memory_order_release);
    if ((word & s_sleepers) != 0)
        brd_futex_wake (&self->word, 1, 1);
    atomic_store_explicit (&seat->locks, 0, memory_order_release);
    brd_seat_hold (seat, -1);
    return 0;
}

int
brd_lock_mine (const brd_lock_t *self, brd_shared_t *shared)
{
    const uint32_t seat = s_seat (atomic_load_explicit (
        &((brd_lock_t *) self)->word, memory_order_relaxed));
    return seat != 0 && seat == brd_seat_mine (shared);
}

int
brd_lock_locked (const brd_lock_t *self)
{
    return s_seat (atomic_load (&((brd_lock_t *) self)->word)) != 0;
}

pid_t
brd_lock_holder (const brd_lock_t *self, brd_shared_t *shared)
{
    const uint32_t seat = s_seat (atomic_load (&((brd_lock_t *) self)->word));
    return seat == 0 ? 0
                     : (pid_t) atomic_load (&brd_seat_at (shared, seat)->pid);
}

void
brd_lock_stats (const brd_lock_t *self,
                brd_shared_t *shared,
                brood_lock_stats_t *ret_stats)
{
    brd_lock_t *lock = (brd_lock_t *) self;
    *ret_stats = (brood_lock_stats_t){
        .acquired = atomic_load (&lock->acquired),
        .contended = atomic_load (&lock->contended),
        .holder = brd_lock_holder (self, shared),
    };
}

int
brd_lock_is_of (const brd_lock_t *self, brd_shared_t *shared, pid_t pid)
{
    const uint32_t word = atomic_load (&((brd_lock_t *) self)->word);
    return brd_seat_is_of (shared, s_seat (word), pid);
}

void
brd_lock_sweep (brd_lock_t *self, brd_shared_t *shared, pid_t pid)
{
    uint32_t word = atomic_load (&self->word);
    do {
        if (!brd_seat_is_of (shared, s_seat (word), pid))
            return;
    } while (!atomic_compare_exchange_weak (
        &self->word, &word, s_died | (word & s_sleepers)));
    brd_futex_wake (&self->word, 1, 1);
}

static void
s_sweep (brd_object_t *object, pid_t pid)
{
    brd_lock_object_t *self = (brd_lock_object_t *) (void *) object;
    brd_lock_sweep (&self->lock, object->shared, pid);
}

const brd_kind_class_t brd_lock_class = { .sweep = s_sweep };
