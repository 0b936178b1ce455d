// brd_sleep.c - a wait of the user's, which brood_interrupt () can end
//
// SPDX-License-Identifier: MPL-2.0
//
//     interrupt   bells[next] emptied, count + 1, count's futex woken,
//                 bells[this] rung
//     sleep_on    futex_waitv on {the word, count}: whichever changes
//     sleep_poll  the caller's descriptors and bells[count's parity]
//
// Between the look at a counter and the sleep on another word an interrupt
// would be lost, in a signal handler of the same thread above all; a sleep on
// both at once has no such moment. Where the kernel has no futex_waitv (before
// 5.16, or behind a filter), the sleep is cut into slices.
//
// A descriptor cannot be emptied while somebody who slept on it may not have
// looked yet. So there are two: a wait that began after an even number of
// interrupts sleeps on one, after an odd number on the other, and each is
// emptied only by the interrupt after its own.

#include "base/brd_sleep.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_futex.h"
#include "base/brd_sys.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

// TSan puts signals off until the program makes a call that it knows, and a
// system call made directly is none: a sleep must end for the handler to run.
#if defined __SANITIZE_THREAD__
#define S_SLICES 1
#elif defined __has_feature
#if __has_feature(thread_sanitizer)
#define S_SLICES 1
#endif
#endif
#ifndef S_SLICES
#define S_SLICES 0
#endif

enum {
    S_SLICE_NS = 20000000,  // Without futex_waitv
    S_POLL_MS = 1000        // Two interrupts before a sleeper has looked once
};

// The process's own; docs/decisions/0003-globals.md.
static _Atomic uint32_t s_count;
static _Atomic uint32_t s_heard;
static _Atomic int s_bells[2] = { -1, -1 };
static _Atomic int s_no_waitv = S_SLICES;

void
brd_sleep_begin (brd_sleep_t *self, int64_t deadline)
{
    self->deadline = deadline;
    self->heard = atomic_load (&s_heard);
}

int
brd_sleep_check (brd_sleep_t *self)
{
    const uint32_t count = atomic_load (&s_count);
    if (count != self->heard) {
        atomic_store (&s_heard, count);
        return brd_error_set (EINTR, "interrupted");
    }
    if (self->deadline != BRD_NEVER && brd_clock_now () >= self->deadline)
        return brd_error_set (ETIMEDOUT, "not done in time");
    return 0;
}

// --- On a word -------------------------------------------------------------

// 0, or -1 with errno ENOSYS or EPERM where there is no such call.
static int
s_wait_both (const brd_sleep_t *self,
             _Atomic uint32_t *word,
             uint32_t value,
             int shared)
{
    const uint32_t private = FUTEX_PRIVATE_FLAG;
    const struct futex_waitv both[2] = {
        { .uaddr = (uintptr_t) word,
          .val = value,
          .flags = FUTEX_32 | (shared ? 0 : private) },
        { .uaddr = (uintptr_t) &s_count,
          .val = self->heard,
          .flags = FUTEX_32 | private },
    };
    const struct timespec until = {
        .tv_sec = (time_t) (self->deadline / 1000000000),
        .tv_nsec = (long) (self->deadline % 1000000000),
    };
    const long rc = syscall (SYS_futex_waitv,
                             both,
                             2,
                             0,
                             self->deadline == BRD_NEVER ? NULL : &until,
                             CLOCK_MONOTONIC);
    return rc < 0 && (errno == ENOSYS || errno == EPERM) ? -1 : 0;
}

static void
s_wait_slice (const brd_sleep_t *self,
              _Atomic uint32_t *word,
              uint32_t value,
              int shared)
{
    const int64_t slice = brd_clock_now () + S_SLICE_NS;
    const int64_t until = slice < self->deadline ? slice : self->deadline;
    (void) brd_futex_wait (word, value, until, shared);
}

int
brd_sleep_on (brd_sleep_t *self,
              _Atomic uint32_t *word,
              uint32_t value,
              int shared)
{
    if (brd_sleep_check (self) < 0)
        return -1;
    if (atomic_load_explicit (&s_no_waitv, memory_order_relaxed))
        s_wait_slice (self, word, value, shared);
    else if (s_wait_both (self, word, value, shared) < 0)
        atomic_store (&s_no_waitv, 1);
    return 0;
}

// --- On descriptors --------------------------------------------------------

// Made when first slept on; -1 if there are none left, and then the sleep is
// cut into slices too.
static int
s_bell (uint32_t count)
{
    _Atomic int *bell = &s_bells[count & 1];
    int fd = atomic_load (bell);
    if (fd >= 0)
        return fd;
    int mine = brd_sys_eventfd ();
    if (mine < 0)
        return -1;
    if (atomic_compare_exchange_strong (bell, &fd, mine))
        return mine;
    brd_sys_close (&mine);
    return fd;
}

int
brd_sleep_poll (brd_sleep_t *self, struct pollfd *fds, size_t n)
{
    const int bell = s_bell (self->heard);
    // After the bell is there: an interrupt before would not have rung it.
    if (brd_sleep_check (self) < 0)
        return -1;
    int64_t left_ms = brd_clock_left_ms (self->deadline);
    const int longest_ms = bell >= 0 ? S_POLL_MS : S_SLICE_NS / 1000000;
    if (left_ms < 0 || left_ms > longest_ms)
        left_ms = longest_ms;
    fds[n] = (struct pollfd){ .fd = bell, .events = POLLIN };
    const int ready = poll (fds, n + 1, (int) left_ms);
    if (ready < 0 && errno != EINTR)
        return brd_error_system ("poll");
    if (ready <= 0)
        return 0;
    return ready - (fds[n].revents != 0);
}

// --- Interrupts ------------------------------------------------------------

void
brd_sleep_interrupt (void)
{
    const int saved_errno = errno;
    uint64_t rings = 1;
    uint32_t count = atomic_load (&s_count);
    const int next = atomic_load (&s_bells[(count + 1) & 1]);
    if (next >= 0)
        (void) !read (next, &rings, sizeof rings);
    count = atomic_fetch_add (&s_count, 1);
    brd_futex_wake (&s_count, INT_MAX, 0);
    const int bell = atomic_load (&s_bells[count & 1]);
    rings = 1;
    if (bell >= 0)
        (void) !write (bell, &rings, sizeof rings);
    errno = saved_errno;
}

uint32_t
brd_sleep_interrupts (void)
{
    return atomic_load (&s_count);
}

void
brd_sleep_reset (void)
{
    // The numbers were replaced when the descriptors of the parent were.
    atomic_store (&s_bells[0], -1);
    atomic_store (&s_bells[1], -1);
    atomic_store (&s_heard, atomic_load (&s_count));
}
