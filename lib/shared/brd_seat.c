// brd_seat.c - which thread of which process
//
// SPDX-License-Identifier: MPL-2.0
//
//     first use      lowest free seat by one CAS of its pid
//     later          thread-local; the birth number tells that this is a child
//     thread ends    the seat is free, unless a lock still names it: then it is
//                    as if the thread's process had died, for that seat alone
//     process dies   the sweep frees all of pid's, after everything that names
//                    them has been cleaned

#include "shared/brd_seat.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "base/brd_futex.h"
#include "base/brd_process.h"
#include "shared/brd_root.h"

enum {
    S_TAG_SHIFT = 15
};

_Static_assert(BRD_SEATS_MAX == 1 << S_TAG_SHIFT, "a tag has the whole number");

// The thread's own; docs/decisions/0003-globals.md. Every lock and release asks
// for it: without a call, which the general model of a shared library needs, a
// pair takes a fifth less.
static _Thread_local __attribute__ ((tls_model ("initial-exec"))) struct {
    brd_shared_t *shared;
    uint32_t birth;
    uint32_t number;
} s_mine;

static pthread_once_t s_once = PTHREAD_ONCE_INIT;
static pthread_key_t s_key;
static int s_has_key;

static brd_seats_t *
s_seats (brd_shared_t *shared)
{
    return &shared->seats;
}

// A thread ends. Its parent's memory may be what we see if this is a child.
static void
s_leave (void *arg)
{
    (void) arg;
    brd_shared_t *shared = s_mine.shared;
    if (!shared || s_mine.birth != brd_process_birth ())
        return;
    s_mine.shared = NULL;
    brd_seat_t *seat = brd_seat_at (shared, s_mine.number);
    if (atomic_load (&seat->held) == 0) {
        atomic_fetch_add (&seat->epoch, 1);
        atomic_store (&seat->pid, 0);
        return;
    }
    const uint32_t ended = (uint32_t) getpid () | BRD_SEAT_ENDED;
    atomic_store (&seat->pid, ended);
    brd_shared_sweep (shared, (pid_t) ended);
}

static void
s_make_key (void)
{
    s_has_key = pthread_key_create (&s_key, s_leave) == 0;
}

static uint32_t
s_take (brd_seats_t *self)
{
    const uint32_t pid = (uint32_t) getpid ();
    for (uint32_t i = 1; i < BRD_SEATS_MAX; i++) {
        brd_seat_t *seat = &self->seats[i];
        uint32_t none = 0;
        if (atomic_load_explicit (&seat->pid, memory_order_relaxed) != 0)
            continue;
        // Before it is taken, or a sweep would not look far enough.
        uint32_t top = atomic_load (&self->top);
        while (top <= i
               && !atomic_compare_exchange_weak (&self->top, &top, i + 1))
            continue;
        if (!atomic_compare_exchange_strong (&seat->pid, &none, pid))
            continue;
        atomic_store (&seat->held, 0);
        atomic_store (&seat->bell, 0);
        atomic_store (&seat->sleeps, 0);
        atomic_store (&seat->locks, 0);
        atomic_store (&seat->barrier, 0);
        atomic_store (&seat->tid, (uint32_t) syscall (SYS_gettid));
        return i;
    }
    brd_error_set (ENOSPC,
                   "no more than %d threads can use shared objects at a time",
                   BRD_SEATS_MAX - 1);
    return 0;
}

// Not inlined: its registers would have to be saved each time.
static __attribute__ ((noinline)) uint32_t
s_sit_down (brd_shared_t *shared)
{
    const uint32_t number = s_take (s_seats (shared));
    if (number == 0)
        return 0;
    s_mine.shared = shared;
    s_mine.birth = brd_process_birth ();
    s_mine.number = number;
    // Without a key the seat is free when the process ends.
    (void) pthread_once (&s_once, s_make_key);
    if (s_has_key)
        (void) pthread_setspecific (s_key, &s_mine);
    return number;
}

uint32_t
brd_seat_mine (brd_shared_t *shared)
{
    if (s_mine.shared == shared && s_mine.birth == brd_process_birth ())
        return s_mine.number;
    return s_sit_down (shared);
}

brd_seat_t *
brd_seat_at (brd_shared_t *shared, uint32_t number)
{
    return &s_seats (shared)->seats[number % BRD_SEATS_MAX];
}

uint64_t
brd_seat_tag (brd_shared_t *shared)
{
    const uint32_t number = brd_seat_mine (shared);
    const uint64_t epoch = atomic_load_explicit (
        &brd_seat_at (shared, number)->epoch, memory_order_relaxed);
    return number == 0 ? 0 : epoch << S_TAG_SHIFT | number;
}

int
brd_seat_lives (brd_shared_t *shared, uint64_t tag)
{
    const uint32_t number = (uint32_t) tag & (BRD_SEATS_MAX - 1);
    return atomic_load (&brd_seat_at (shared, number)->epoch)
           == (uint32_t) (tag >> S_TAG_SHIFT);
}

static int
s_is_of (const brd_seat_t *seat, pid_t pid)
{
    const uint32_t of = atomic_load (&((brd_seat_t *) seat)->pid);
    return of == (uint32_t) pid || of == ((uint32_t) pid | BRD_SEAT_ENDED);
}

int
brd_seat_is_of (brd_shared_t *shared, uint32_t number, pid_t pid)
{
    return number != 0 && s_is_of (brd_seat_at (shared, number), pid);
}

// All of them: how many it owed a wake-up is not known.
static void
s_wake (brd_shared_t *shared, _Atomic uint64_t *place)
{
    const uint64_t sleeps = atomic_exchange (place, 0);
    _Atomic uint32_t *word =
        sleeps == 0 ? NULL : brd_arena_at (shared->arena, sleeps);
    if (word)
        brd_futex_wake (word, INT_MAX, 1);
}

void
brd_seat_sweep_tags (brd_shared_t *shared, pid_t pid)
{
    brd_seats_t *self = s_seats (shared);
    const uint32_t top = atomic_load (&self->top);
    for (uint32_t i = 1; i < top; i++) {
        if (s_is_of (&self->seats[i], pid))
            atomic_fetch_add (&self->seats[i].epoch, 1);
    }
}

void
brd_seat_sweep_sleepers (brd_shared_t *shared, pid_t pid)
{
    brd_seats_t *self = s_seats (shared);
    const uint32_t top = atomic_load (&self->top);
    for (uint32_t i = 1; i < top; i++) {
        brd_seat_t *seat = &self->seats[i];
        if (!s_is_of (seat, pid))
            continue;
        s_wake (shared, &seat->sleeps);
        s_wake (shared, &seat->locks);
    }
}

void
brd_seat_sweep (brd_shared_t *shared, pid_t pid)
{
    brd_seats_t *self = s_seats (shared);
    const uint32_t top = atomic_load (&self->top);
    for (uint32_t i = 1; i < top; i++) {
        if (s_is_of (&self->seats[i], pid))
            atomic_store (&self->seats[i].pid, 0);
    }
}
