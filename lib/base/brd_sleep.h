// brd_sleep.h - a wait of the user's, which brood_interrupt () can end
//
// SPDX-License-Identifier: MPL-2.0
//
// Every wait for somebody else's action is one of these: begun once, with its
// deadline, and slept in as often as it takes.
//
//     brd_sleep_t sleep;
//     brd_sleep_begin (&sleep, brd_clock_deadline (timeout_ms));
//     while (!(there = look ()))
//         if (brd_sleep_on (&sleep, &word, seen, 1) < 0)
//             return -1;                        // ETIMEDOUT or EINTR
//
// An interrupt ends every wait that has begun, whatever it sleeps on; if there
// is none, it ends the next, since a signal handler cannot know whether the
// program is in a wait or just before it. Signals alone end nothing.

#ifndef BRD_SLEEP_H
#define BRD_SLEEP_H

#include <poll.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    int64_t deadline;
    uint32_t heard;  // Interrupts that were another wait's
} brd_sleep_t;

// deadline: CLOCK_MONOTONIC, BRD_NEVER.
void
brd_sleep_begin (brd_sleep_t *self, int64_t deadline);

// 0, or -1 with EINTR when an interrupt came since it began, ETIMEDOUT when its
// deadline has passed. Does not sleep.
int
brd_sleep_check (brd_sleep_t *self);

// Sleeps while *word is value. 0: look again (spurious returns happen); -1 as
// check. shared: processes wake each other on the word.
int
brd_sleep_on (brd_sleep_t *self,
              _Atomic uint32_t *word,
              uint32_t value,
              int shared);

// Sleeps until one of n descriptors is ready: how many are, with revents set;
// 0: look again; -1 as check. fds must have room for one more behind the n.
int
brd_sleep_poll (brd_sleep_t *self, struct pollfd *fds, size_t n);

// Ends all waits of this process. Safe in signal handlers.
void
brd_sleep_interrupt (void);

// How many interrupts there were, for who sleeps in a way of his own.
uint32_t
brd_sleep_interrupts (void);

// This process is another one now: nothing pending, no descriptors.
void
brd_sleep_reset (void);

#endif  // BRD_SLEEP_H
