// brd_barrier.c - going on together
//
// SPDX-License-Identifier: MPL-2.0
//
//     word, upper half: how many have come, or who broke it and how
//     word, lower half: generation, state
//
//     FILLING --- the last one comes ---> FILLING of the next generation
//        |    \-- and there is an action -> ACTING --- done ---^
//        |                                     |
//        |                       time is up, death, abort: DOOMED: it goes
//        |                       through, and the next generation is broken
//        |  time is up, death, abort
//        +------------------------------> BROKEN
//        |                                  |
//        +-- reset --> EMPTYING <-- reset --+
//                         |
//                         +--> FILLING of the next generation
//
// Every arrow is one CAS of the whole word, and everybody sleeps on its lower
// half. A waiter says in its seat where it waits, and in which generation,
// before it is counted; so the sweep finds a dead one, and a reset those whom
// it sends away: they see another generation, as those do who have come
// through, and the mark in their seat makes the difference.
//
// Who comes while an action runs or a reset empties it waits for that first.

#include "shared/brd_barrier.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_futex.h"
#include "shared/brd_root.h"

enum {
    S_FILLING,
    S_ACTING,
    S_DOOMED,
    S_EMPTYING,
    S_BROKEN,
    S_STATES = 8
};

// How it was broken.
enum {
    S_DIED,
    S_TIMED_OUT,
    S_INTERRUPTED,
    S_ABORTED,
    S_RESET
};

// In a seat: 40 bits of place, 21 of generation, and
enum {
    S_SENT_AWAY = 1,  // By a reset
    S_ACTOR = 2,      // Runs the action, or a reset
    S_MARKS = 8
};

static const uint32_t s_generations = UINT32_C (1) << 21;  // In a seat

static const int s_pid_bits = 22;  // PID_MAX_LIMIT is 2^22

// --- Words -----------------------------------------------------------------

static uint32_t
s_phase (uint64_t word)
{
    return (uint32_t) word;
}

static uint32_t
s_state (uint64_t word)
{
    return s_phase (word) % S_STATES;
}

static uint32_t
s_generation (uint64_t word)
{
    return s_phase (word) / S_STATES;
}

static uint32_t
s_upper (uint64_t word)
{
    return (uint32_t) (word >> 32);
}

static uint64_t
s_word (uint32_t generation, uint32_t state, uint32_t upper)
{
    return (uint64_t) upper << 32 | (uint32_t) (generation * S_STATES + state);
}

static uint32_t
s_who (pid_t pid, uint32_t how)
{
    return how << s_pid_bits | (uint32_t) pid;
}

static _Atomic uint32_t *
s_lower (brd_barrier_t *self)
{
    _Atomic uint32_t *halves = (_Atomic uint32_t *) (void *) &self->word;
    return &halves[__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__];
}

static uint64_t
s_lower_offset (brd_barrier_t *self)
{
    return brd_arena_offset (self->object.shared->arena,
                             (const void *) s_lower (self));
}

static int
s_swap (brd_barrier_t *self, uint64_t *word, uint64_t next)
{
    return atomic_compare_exchange_strong (&self->word, word, next);
}

static void
s_wake (brd_barrier_t *self)
{
    brd_futex_wake (s_lower (self), INT_MAX, 1);
}

static int
s_say (uint32_t who)
{
    static const char *const hows[] = {
        [S_DIED] = "died while it waited",
        [S_TIMED_OUT] = "ran out of time",
        [S_INTERRUPTED] = "was interrupted",
        [S_ABORTED] = "aborted it",
        [S_RESET] = "reset it",
    };
    const uint32_t how = who >> s_pid_bits;
    return brd_error_set (EPIPE,
                          "the barrier is broken: process %u %s",
                          who & ((UINT32_C (1) << s_pid_bits) - 1),
                          how <= S_RESET ? hows[how] : "broke it");
}

// --- Seats -----------------------------------------------------------------

// What a seat says that waits here.
static uint64_t
s_place (brd_barrier_t *self, uint32_t generation, uint32_t marks)
{
    const uint64_t offset = brd_arena_offset (self->object.shared->arena, self);
    return (offset / 64 * s_generations + generation % s_generations) * S_MARKS
           + marks;
}

// The calling thread's; NULL with ENOSPC, or EDEADLK: it is at one already.
static brd_seat_t *
s_sit_down (brd_barrier_t *self)
{
    brd_shared_t *shared = self->object.shared;
    const uint32_t mine = brd_seat_mine (shared);
    if (mine == 0)
        return NULL;
    brd_seat_t *seat = brd_seat_at (shared, mine);
    if (atomic_load (&seat->barrier) != 0) {
        brd_error_set (EDEADLK, "a barrier's action cannot use barriers");
        return NULL;
    }
    // Whatever it changes, others may sleep on.
    atomic_store (
        &seat->sleeps,
        brd_arena_offset (shared->arena, (const void *) s_lower (self)));
    brd_seat_hold (seat, 1);
    return seat;
}

static void
s_get_up (brd_seat_t *seat)
{
    atomic_store (&seat->barrier, 0);
    atomic_store (&seat->sleeps, 0);
    brd_seat_hold (seat, -1);
}

// --- Breaking --------------------------------------------------------------

// 1 if it is broken by this, 0 if that generation is past that.
static int
s_break (brd_barrier_t *self, uint32_t generation, uint32_t who, int actor)
{
    uint64_t word = atomic_load (&self->word);
    for (;;) {
        uint32_t state = s_state (word);
        if (s_generation (word) % s_generations != generation % s_generations
            || state == S_BROKEN)
            return 0;
        if (state == S_FILLING || actor)
            state = S_BROKEN;
        else if (state == S_ACTING)
            state = S_DOOMED;
        else
            return state == S_DOOMED;
        if (s_swap (self, &word, s_word (s_generation (word), state, who)))
            break;
    }
    s_wake (self);
    return 1;
}

int
brd_barrier_abort (brd_barrier_t *self)
{
    brd_shared_t *shared = self->object.shared;
    const uint32_t mine = brd_seat_mine (shared);
    if (mine == 0)
        return -1;
    // An action may call this, and then its seat says so already.
    brd_seat_t *seat = brd_seat_at (shared, mine);
    const uint64_t before = atomic_load (&seat->sleeps);
    atomic_store (&seat->sleeps, s_lower_offset (self));
    for (;;) {
        const uint64_t word = atomic_load (&self->word);
        const uint32_t who = s_who (getpid (), S_ABORTED);
        if (s_state (word) == S_BROKEN
            || s_break (self, s_generation (word), who, 0))
            break;
    }
    atomic_store (&seat->sleeps, before);
    return 0;
}

// A wait has failed: -1 with errno as it is, or 0: look again.
static int
s_give_up (brd_barrier_t *self, uint32_t generation)
{
    const int error = errno;
    const uint32_t how = error == EINTR ? S_INTERRUPTED : S_TIMED_OUT;
    const uint64_t word = atomic_load (&self->word);
    if (s_break (self, generation, s_who (getpid (), how), 0)) {
        errno = error;
        return -1;
    }
    // A reset is a matter of moments.
    if (s_state (word) == S_EMPTYING)
        (void) brd_futex_wait (s_lower (self), s_phase (word), BRD_NEVER, 1);
    return 0;
}

// --- Wait ------------------------------------------------------------------

// One who has come waits for the others.
static int
s_stay (brd_barrier_t *self,
        brd_seat_t *seat,
        uint32_t generation,
        brd_sleep_t *sleep)
{
    for (;;) {
        const uint64_t word = atomic_load (&self->word);
        if (s_generation (word) != generation)
            return (atomic_load (&seat->barrier) & S_SENT_AWAY) != 0
                       ? brd_error_set (EPIPE, "the barrier was reset")
                       : 0;
        if (s_state (word) == S_BROKEN)
            return s_say (s_upper (word));
        if (brd_sleep_on (sleep, s_lower (self), s_phase (word), 1) < 0
            && s_give_up (self, generation) < 0)
            return -1;
    }
}

// All are there, and nobody goes on before this returns. 0: broken meanwhile.
static int
s_act (brd_barrier_t *self, uint32_t generation)
{
    self->action (self->arg);
    uint64_t word = atomic_load (&self->word);
    while (s_state (word) != S_BROKEN) {
        const int doomed = s_state (word) == S_DOOMED;
        if (s_swap (self,
                    &word,
                    s_word (generation + 1,
                            doomed ? S_BROKEN : S_FILLING,
                            doomed ? s_upper (word) : 0)))
            return 1;
    }
    return 0;
}

// The last one. 0: others were faster, or it was broken.
static int
s_finish (brd_barrier_t *self, uint64_t word)
{
    const uint32_t generation = s_generation (word);
    const uint64_t next = self->action ? s_word (generation, S_ACTING, 0)
                                       : s_word (generation + 1, S_FILLING, 0);
    if (!s_swap (self, &word, next))
        return 0;
    const int through = !self->action || s_act (self, generation);
    s_wake (self);
    return through;
}

// One look at the word: an index, -1, or -2 to look again.
static int
s_come (brd_barrier_t *self, brd_seat_t *seat, brd_sleep_t *sleep)
{
    uint64_t word = atomic_load (&self->word);
    const uint32_t generation = s_generation (word);
    const uint32_t n = s_upper (word);
    const int last = n + 1 == self->parties;
    if (s_state (word) == S_BROKEN)
        return s_say (n);
    atomic_store (&seat->barrier,
                  s_place (self,
                           generation,
                           s_state (word) == S_FILLING && last ? S_ACTOR : 0));
    if (s_state (word) != S_FILLING) {
        if (brd_sleep_on (sleep, s_lower (self), s_phase (word), 1) < 0
            && s_give_up (self, generation) < 0)
            return -1;
        return -2;
    }
    if (last)
        return s_finish (self, word) ? (int) n : -2;
    if (!s_swap (self, &word, s_word (generation, S_FILLING, n + 1)))
        return -2;
    return s_stay (self, seat, generation, sleep) < 0 ? -1 : (int) n;
}

int
brd_barrier_wait (brd_barrier_t *self, brd_sleep_t *sleep)
{
    brd_seat_t *seat = s_sit_down (self);
    int rc = -2;
    if (!seat)
        return -1;
    while (rc == -2)
        rc = s_come (self, seat, sleep);
    s_get_up (seat);
    return rc;
}

// --- Reset -----------------------------------------------------------------

// Those who wait in this generation are told so.
static void
s_send_away (brd_barrier_t *self, uint32_t generation)
{
    brd_seats_t *seats = &self->object.shared->seats;
    const uint32_t top = atomic_load (&seats->top);
    for (uint32_t i = 1; i < top; i++) {
        uint64_t place = s_place (self, generation, 0);
        (void) atomic_compare_exchange_strong (
            &seats->seats[i].barrier, &place, place | S_SENT_AWAY);
    }
}

// One look at the word: 1, or 0 to look again.
static int
s_empty (brd_barrier_t *self, brd_seat_t *seat)
{
    uint64_t word = atomic_load (&self->word);
    const uint32_t generation = s_generation (word);
    const uint32_t state = s_state (word);
    if (state == S_ACTING || (state == S_FILLING && s_upper (word) == 0))
        return 1;
    if (state == S_DOOMED)
        return s_swap (self, &word, s_word (generation, S_ACTING, 0));
    if (state == S_EMPTYING) {
        (void) brd_futex_wait (s_lower (self), s_phase (word), BRD_NEVER, 1);
        return 0;
    }
    atomic_store (&seat->barrier, s_place (self, generation, S_ACTOR));
    if (!s_swap (self, &word, s_word (generation, S_EMPTYING, 0)))
        return 0;
    s_send_away (self, generation);
    atomic_store (&self->word, s_word (generation + 1, S_FILLING, 0));
    s_wake (self);
    return 1;
}

int
brd_barrier_reset (brd_barrier_t *self)
{
    brd_seat_t *seat = s_sit_down (self);
    if (!seat)
        return -1;
    while (!s_empty (self, seat))
        continue;
    s_get_up (seat);
    return 0;
}

// --- Questions -------------------------------------------------------------

uint32_t
brd_barrier_n_waiting (const brd_barrier_t *self)
{
    const uint64_t word = atomic_load (&((brd_barrier_t *) self)->word);
    switch (s_state (word)) {
    case S_FILLING:
        return s_upper (word);
    case S_ACTING:
    case S_DOOMED:
        return self->parties;
    default:
        return 0;
    }
}

int
brd_barrier_broken (const brd_barrier_t *self)
{
    const uint64_t word = atomic_load (&((brd_barrier_t *) self)->word);
    return s_state (word) == S_BROKEN;
}

// --- Death -----------------------------------------------------------------

static void
s_sweep (brd_object_t *object, pid_t pid)
{
    brd_barrier_t *self = (brd_barrier_t *) (void *) object;
    brd_seats_t *seats = &object->shared->seats;
    const uint32_t top = atomic_load (&seats->top);
    const pid_t process = (pid_t) ((uint32_t) pid & ~BRD_SEAT_ENDED);
    const uint64_t here = s_place (self, 0, 0) / S_MARKS / s_generations;
    for (uint32_t i = 1; i < top; i++) {
        const uint64_t place = atomic_load (&seats->seats[i].barrier);
        if (place / S_MARKS / s_generations != here
            || !brd_seat_is_of (object->shared, i, pid))
            continue;
        (void) s_break (self,
                        (uint32_t) (place / S_MARKS % s_generations),
                        s_who (process, S_DIED),
                        (place & S_ACTOR) != 0);
    }
}

const brd_kind_class_t brd_barrier_class = { .sweep = s_sweep };
