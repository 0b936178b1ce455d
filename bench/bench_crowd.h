// bench_crowd.h - processes that begin together and are timed as one
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

// For W4 and W8. A crowd lies in memory that its members share.
//
//     member                          owner
//     connect                         init, fork
//     bench_crowd_ready () ---------> bench_crowd_run () opens the gate,
//     work, bench_crowd_count () ---> looks at the counts, and stops the
//                                     clock when they come to the total
//
// Members are forked by bench_crowd_fork (), or by somebody else who tells them
// where the crowd is. Nobody has to be told that it is over, so that a peer
// needs no message for the end.

enum {
    BENCH_CROWD_MAX = 8
};

// Each on its own cache line, and written by one member only.
typedef struct {
    _Alignas(64) _Atomic uint64_t count;
    _Atomic uint64_t sum;
} bench_tally_t;

typedef struct {
    sem_t ready;
    sem_t gate;
    bench_tally_t tallies[BENCH_CROWD_MAX];
    pid_t pids[BENCH_CROWD_MAX];  // Of those forked here
} bench_crowd_t;

void
bench_crowd_init (bench_crowd_t *crowd);

// Forks members, which run body (arg, 0), body (arg, 1) ... and then stay until
// they are killed: sockets may still hold what they have sent.
void
bench_crowd_fork (bench_crowd_t *crowd,
                  int members,
                  void (*body) (void *arg, int self),
                  void *arg);
void
bench_crowd_kill (bench_crowd_t *crowd);

// In a member: waits for the gate. The owner waits a minute at most.
void
bench_crowd_ready (bench_crowd_t *crowd);

// In a member: one more, and its value goes to the sum.
static inline void
bench_crowd_count (bench_crowd_t *crowd, int self, uint64_t value)
{
    bench_tally_t *tally = &crowd->tallies[self];
    uint64_t sum = atomic_load_explicit (&tally->sum, memory_order_relaxed);
    uint64_t count = atomic_load_explicit (&tally->count, memory_order_relaxed);
    atomic_store_explicit (&tally->sum, sum + value, memory_order_relaxed);
    atomic_store_explicit (&tally->count, count + 1, memory_order_release);
}

// In the owner: returns how long it took from the gate to the total.
int64_t
bench_crowd_run (bench_crowd_t *crowd, int members, uint64_t total);

// What all counts and all values come to.
uint64_t
bench_crowd_counted (bench_crowd_t *crowd);
uint64_t
bench_crowd_sum (bench_crowd_t *crowd);

// W4: pairs of producers and consumers, in one crowd of 2 * pairs members, the
// producers first. A producer puts n / pairs items, bench_queue_item () for
// each; consumers count them with their id.
typedef struct {
    uint64_t id;
    int64_t x;  // Makes it as long as the tasks of W2
} bench_item_t;

bench_item_t
bench_queue_item (int pairs, int self, uint64_t index);

// Runs them, checks the sum and prints "W4 queue 1-1".
void
bench_queue_run (bench_crowd_t *crowd, int pairs, uint64_t n);

// W8: contenders that each count once, when they have taken the lock
// n / contenders times. Prints "W8 lock x1".
void
bench_lock_run (bench_crowd_t *crowd, int contenders, uint64_t n);

#endif  // BENCH_CROWD_H
