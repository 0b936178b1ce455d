// brd_semaphore.c - so many holders at a time
//
// SPDX-License-Identifier: MPL-2.0
//
//     word:  TURN | given by others (31) | SLEEPERS | free (31)
//
//     acquire   free > 0?   given > 0? free - 1, given - 1          one CAS
//                           else       free - 1; share's count + 1
//               else        SLEEPERS, sleep on the lower half
//     release   count > 0?  free + 1; count - 1
//               else        free + 1, given + 1                     one CAS
//     leave     free + what the share held, less what was given
//
// Where two words change, a process may die between the two. So calls are made
// one at a time, under a guard, and write down first what they will do; each
// such change of the word also turns TURN. A sweep that finds the guard in the
// hands of the dead looks whether the turn was taken, and then does the second
// half. Sweeps themselves change the word by CAS, without the guard and the
// turn.
//
// Waking. A release takes SLEEPERS back and wakes one. That one puts it there
// again when it takes its permit, since others may sleep, and wakes the next if
// there are more permits: a second release may have seen no SLEEPERS.

#include "shared/brd_semaphore.h"

#include <errno.h>
#include <limits.h>

#include "base/brd_check.h"
#include "base/brd_futex.h"
#include "shared/brd_seat.h"

static const uint64_t s_free_mask = INT32_MAX;
static const uint64_t s_sleepers = UINT64_C (1) << 31;
static const uint64_t s_given_one = UINT64_C (1) << 32;
static const uint64_t s_turn = UINT64_C (1) << 63;

static uint32_t
s_free (uint64_t word)
{
    return (uint32_t) (word & s_free_mask);
}

static uint32_t
s_given (uint64_t word)
{
    return (uint32_t) (word / s_given_one & s_free_mask);
}

// The half with what is free, on which waiters sleep.
static _Atomic uint32_t *
s_lower (brd_semaphore_t *self)
{
    _Atomic uint32_t *halves = (_Atomic uint32_t *) (void *) &self->word;
    return &halves[__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__];
}

void
brd_semaphore_init (brd_semaphore_t *self, uint32_t value, uint32_t most)
{
    brd_assert (value <= most && most <= INT32_MAX);
    atomic_store (&self->word, value);
    self->most = most;
}

// --- Both words ------------------------------------------------------------

// The word by change (modulo 2^64) and the turn, without drop and with add, and
// the share's count to count. Under the guard; what it was.
static uint64_t
s_change (brd_semaphore_t *self,
          brd_share_t *share,
          int by,
          uint64_t drop,
          uint64_t add)
{
    brd_semaphore_intent_t *intent = &self->intent;
    uint64_t word = atomic_load (&self->word);
    const int32_t count = atomic_load (&share->count) - by;
    atomic_store (&intent->count, count);
    atomic_store (&intent->turn, (word & s_turn) != 0);
    atomic_store (
        &intent->share,
        brd_arena_offset (brd_shared_arena (self->object.shared), share));
    while (!atomic_compare_exchange_weak (
        &self->word, &word, (((word ^ s_turn) + (uint64_t) by) & ~drop) | add))
        continue;
    atomic_store (&share->count, count);
    atomic_store (&intent->share, 0);
    return word;
}

// For the sweep: the second half of what the guard's dead holder had begun.
static void
s_complete (brd_semaphore_t *self)
{
    brd_semaphore_intent_t *intent = &self->intent;
    const uint64_t offset = atomic_load (&intent->share);
    const uint32_t turn = (atomic_load (&self->word) & s_turn) != 0;
    if (offset == 0)
        return;
    brd_share_t *share =
        brd_arena_at (brd_shared_arena (self->object.shared), offset);
    if (turn != atomic_load (&intent->turn))
        atomic_store (&share->count, atomic_load (&intent->count));
    atomic_store (&intent->share, 0);
}

// --- Acquire ---------------------------------------------------------------

// Under the guard: 1 with what was free before, or 0.
static int
s_take (brd_semaphore_t *self,
        brd_share_t *share,
        uint64_t add,
        uint32_t *ret_free)
{
    uint64_t word = atomic_load (&self->word);
    while (s_free (word) > 0 && s_given (word) > 0) {
        if (!atomic_compare_exchange_weak (
                &self->word, &word, (word - 1 - s_given_one) | add))
            continue;
        *ret_free = s_free (word);
        return 1;
    }
    // Only sweeps change it meanwhile, and these add.
    if (s_free (word) == 0)
        return 0;
    *ret_free = s_free (s_change (self, share, -1, 0, add));
    return 1;
}

static int
s_try (brd_semaphore_t *self, brd_share_t *share, int slept)
{
    brd_shared_t *shared = self->object.shared;
    uint32_t free = 0;
    if (brd_lock_enter (&self->guard, shared) < 0)
        return -1;
    const int got = s_take (self, share, slept ? s_sleepers : 0, &free);
    if (got) {
        atomic_fetch_add_explicit (&self->acquired, 1, memory_order_relaxed);
        if (slept)
            atomic_fetch_add_explicit (
                &self->contended, 1, memory_order_relaxed);
    }
    (void) brd_lock_release (&self->guard, shared);
    if (got && slept && free > 1)
        brd_futex_wake (s_lower (self), 1, 1);
    return got;
}

// None is free, and whoever changes that will wake us: 1.
static int
s_announce (brd_semaphore_t *self)
{
    uint64_t word = atomic_load (&self->word);
    while (s_free (word) == 0) {
        if ((word & s_sleepers) != 0
            || atomic_compare_exchange_weak (
                &self->word, &word, word | s_sleepers))
            return 1;
    }
    return 0;
}

static int
s_wait (brd_semaphore_t *self, brd_share_t *share, brd_sleep_t *sleep)
{
    int slept = 0, got = 0;
    while (got == 0) {
        if (s_announce (self)) {
            slept = 1;
            if (brd_sleep_on (sleep, s_lower (self), (uint32_t) s_sleepers, 1)
                < 0)
                return -1;
        }
        got = s_try (self, share, slept);
    }
    return got < 0 ? -1 : 0;
}

static uint64_t
s_offset (brd_semaphore_t *self)
{
    return brd_arena_offset (brd_shared_arena (self->object.shared),
                             (const void *) s_lower (self));
}

int
brd_semaphore_acquire (brd_semaphore_t *self,
                       brd_share_t *share,
                       brd_sleep_t *sleep)
{
    brd_shared_t *shared = self->object.shared;
    const int got = s_try (self, share, 0);
    if (got != 0)
        return got < 0 ? -1 : 0;
    brd_seat_t *seat = brd_seat_at (shared, brd_seat_mine (shared));
    atomic_store (&seat->sleeps, s_offset (self));
    const int rc = s_wait (self, share, sleep);
    atomic_store (&seat->sleeps, 0);
    return rc;
}

// --- Release ---------------------------------------------------------------

// Under the guard: what the word was, or -1 if all are free.
static int
s_give (brd_semaphore_t *self, brd_share_t *share, uint64_t *ret_word)
{
    uint64_t word = atomic_load (&self->word);
    if (s_free (word) >= self->most || s_given (word) >= INT32_MAX)
        return brd_error_set (EOVERFLOW,
                              "all %u permits of the semaphore are free",
                              s_free (word));
    if (atomic_load (&share->count) > 0) {
        *ret_word = s_change (self, share, 1, s_sleepers, 0);
        return 0;
    }
    while (!atomic_compare_exchange_weak (
        &self->word, &word, (word + 1 + s_given_one) & ~s_sleepers))
        continue;
    *ret_word = word;
    return 0;
}

int
brd_semaphore_release (brd_semaphore_t *self, brd_share_t *share)
{
    brd_shared_t *shared = self->object.shared;
    uint64_t word = 0;
    if (brd_lock_enter (&self->guard, shared) < 0)
        return -1;
    brd_seat_t *seat = brd_seat_at (shared, brd_seat_mine (shared));
    atomic_store (&seat->sleeps, s_offset (self));
    const int rc = s_give (self, share, &word);
    (void) brd_lock_release (&self->guard, shared);
    if ((word & s_sleepers) != 0)
        brd_futex_wake (s_lower (self), 1, 1);
    atomic_store (&seat->sleeps, 0);
    return rc;
}

uint32_t
brd_semaphore_value (const brd_semaphore_t *self)
{
    return s_free (atomic_load (&((brd_semaphore_t *) self)->word));
}

// --- Death -----------------------------------------------------------------

static void
s_sweep (brd_object_t *object, pid_t pid)
{
    brd_semaphore_t *self = (brd_semaphore_t *) (void *) object;
    if (!brd_lock_is_of (&self->guard, object->shared, pid))
        return;
    s_complete (self);
    brd_lock_sweep (&self->guard, object->shared, pid);
}

// What it holds is free again, unless others have given it back already.
static void
s_leave (brd_object_t *object, brd_share_t *share)
{
    brd_semaphore_t *self = (brd_semaphore_t *) (void *) object;
    const int32_t count = atomic_load (&share->count);
    if (count <= 0)
        return;
    uint64_t word = atomic_load (&self->word);
    uint32_t paid, back;
    do {
        const uint32_t given = s_given (word);
        paid = given < (uint32_t) count ? given : (uint32_t) count;
        back = (uint32_t) count - paid;
    } while (!atomic_compare_exchange_weak (
        &self->word, &word, word - paid * s_given_one + back));
    if (back > 0 && (word & s_sleepers) != 0)
        brd_futex_wake (s_lower (self), (int) back, 1);
}

const brd_kind_class_t brd_semaphore_class = {
    .sweep = s_sweep,
    .leave = s_leave,
};
