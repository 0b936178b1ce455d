// brd_seat.h - which thread of which process
//
// SPDX-License-Identifier: MPL-2.0
//
// A lock's word has room for a small number, not for a process and a thread. So
// each thread that takes part in anything shared has a seat in the arena, for
// as long as it lives, and the word holds the seat's number. A dead process's
// seats are known by its pid; they are given to others only when nothing names
// them any more.

#ifndef BRD_SEAT_H
#define BRD_SEAT_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

#include "shared/brd_shared.h"

// Threads of a brood that use shared objects at a time. Numbers fit in 16 bits.
#define BRD_SEATS_MAX 32768

// In a seat's pid: the thread has ended, its process has not.
#define BRD_SEAT_ENDED (UINT32_C (1) << 31)

// A line of the cache each: its thread writes to it with every lock.
typedef struct {
    _Alignas(64) _Atomic uint32_t pid;  // 0: free
    _Atomic uint32_t tid;
    _Atomic uint32_t epoch;  // How many threads have had it and ended
    _Atomic uint32_t held;   // Things that name it: locks, items of queues
    _Atomic uint32_t bell;   // 1: sleeps on several things (brd_bell.h)
    // The word it sleeps on, which a wake-up meant for others may have been
    // spent on, or is about to wake; arena offset, 0
    _Atomic uint64_t sleeps;
    // The same for locks alone: one is often taken by who has slept.
    _Atomic uint64_t locks;
    _Atomic uint64_t barrier;  // It waits at (brd_barrier.c), 0
} brd_seat_t;

// In the arena, zeros to begin with. Seat 0 is nobody's.
typedef struct {
    _Atomic uint32_t top;  // No seat from here on was ever taken
    brd_seat_t seats[BRD_SEATS_MAX];
} brd_seats_t;

// The calling thread's, taken when first asked for; 0 with ENOSPC.
uint32_t
brd_seat_mine (brd_shared_t *shared);

brd_seat_t *
brd_seat_at (brd_shared_t *shared, uint32_t number);

// The calling thread among all there ever were: its seat (15 bits) and the
// epoch of that above. 0 with ENOSPC.
uint64_t
brd_seat_tag (brd_shared_t *shared);

// 0 once the thread has ended, from its sweep on.
int
brd_seat_lives (brd_shared_t *shared, uint64_t tag);

// 1 if the seat is pid's; with BRD_SEAT_ENDED, if it is of an ended thread of
// that process. In a sweep: the words that name it are to be cleaned.
int
brd_seat_is_of (brd_shared_t *shared, uint32_t number, pid_t pid);

// So many more, or fewer, things that are to be swept if the thread ends. For
// the calling thread's seat.
static inline void
brd_seat_hold (brd_seat_t *mine, int by)
{
    atomic_store_explicit (
        &mine->held,
        atomic_load_explicit (&mine->held, memory_order_relaxed)
            + (uint32_t) by,
        memory_order_relaxed);
}

// For the sweep, in this order: its tags are those of the dead, before anybody
// is told to look; whoever sleeps on a word that the process slept on, or was
// about to wake, looks again; its seats are free.
void
brd_seat_sweep_tags (brd_shared_t *shared, pid_t pid);
void
brd_seat_sweep_sleepers (brd_shared_t *shared, pid_t pid);
void
brd_seat_sweep (brd_shared_t *shared, pid_t pid);

#endif  // BRD_SEAT_H
