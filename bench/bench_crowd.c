// bench_crowd.c - processes that begin together and are timed as one
//
// SPDX-License-Identifier: MPL-2.0
//
// The owner looks at the counts every millisecond instead of being told: a call
// per item, or a wake-up at the end, would be part of what is measured, which
// takes hundreds of milliseconds. More often would help whoever is slow: a CPU
// that does not fall asleep wakes others sooner.
//
// To read next: peers/ring_pipe_mutex.c, whose queue and lock use this.

#include "bench_crowd.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

enum {
    S_LIMIT_S = 60
};

void
bench_crowd_init (bench_crowd_t *crowd)
{
    memset (crowd, 0, sizeof *crowd);
    bench_check (sem_init (&crowd->ready, 1, 0) == 0, "sem_init");
    bench_check (sem_init (&crowd->gate, 1, 0) == 0, "sem_init");
}

void
bench_crowd_fork (bench_crowd_t *crowd,
                  int members,
                  void (*body) (void *arg, int self),
                  void *arg)
{
    for (int i = 0; i < members; i++) {
        pid_t pid = bench_fork ();
        if (pid == 0) {
            body (arg, i);
            for (;;)
                pause ();
        }
        crowd->pids[i] = pid;
    }
}

void
bench_crowd_kill (bench_crowd_t *crowd)
{
    for (int i = 0; i < BENCH_CROWD_MAX && crowd->pids[i] > 0; i++)
        bench_kill (crowd->pids[i]);
}

void
bench_crowd_ready (bench_crowd_t *crowd)
{
    sem_post (&crowd->ready);
    bench_check (sem_wait (&crowd->gate) == 0, "sem_wait");
}

uint64_t
bench_crowd_counted (bench_crowd_t *crowd)
{
    uint64_t counted = 0;
    for (int i = 0; i < BENCH_CROWD_MAX; i++)
        counted += atomic_load (&crowd->tallies[i].count);
    return counted;
}

uint64_t
bench_crowd_sum (bench_crowd_t *crowd)
{
    uint64_t sum = 0;
    for (int i = 0; i < BENCH_CROWD_MAX; i++)
        sum += atomic_load (&crowd->tallies[i].sum);
    return sum;
}

int64_t
bench_crowd_run (bench_crowd_t *crowd, int members, uint64_t total)
{
    const int64_t limit_ns = (int64_t) S_LIMIT_S * 1000000000;
    const struct timespec nap = { 0, 1000000 };
    struct timespec limit;
    clock_gettime (CLOCK_REALTIME, &limit);
    limit.tv_sec += S_LIMIT_S;
    for (int i = 0; i < members; i++)
        bench_check (sem_timedwait (&crowd->ready, &limit) == 0,
                     "not everybody is ready");
    int64_t start = bench_now_ns ();
    for (int i = 0; i < members; i++)
        sem_post (&crowd->gate);
    while (bench_crowd_counted (crowd) < total) {
        bench_expect (bench_now_ns () - start < limit_ns, "something is lost");
        nanosleep (&nap, NULL);
    }
    int64_t ns = bench_now_ns () - start;
    bench_expect (bench_crowd_counted (crowd) == total, "too many");
    return ns;
}

// --- W4 and W8 -------------------------------------------------------------

bench_item_t
bench_queue_item (int pairs, int self, uint64_t index)
{
    uint64_t id = index * (uint64_t) pairs + (uint64_t) self;
    return (bench_item_t){ .id = id, .x = 0 };
}

void
bench_queue_run (bench_crowd_t *crowd, int pairs, uint64_t n)
{
    char metric[48];
    uint64_t total = n - n % (uint64_t) pairs;
    int64_t ns = bench_crowd_run (crowd, 2 * pairs, total);
    bench_expect (bench_crowd_sum (crowd) == total * (total - 1) / 2,
                  "wrong items");
    snprintf (metric, sizeof metric, "W4 queue %d-%d", pairs, pairs);
    bench_rate (metric, total, ns, "items/s");
}

void
bench_lock_run (bench_crowd_t *crowd, int contenders, uint64_t n)
{
    char metric[48];
    int64_t ns = bench_crowd_run (crowd, contenders, (uint64_t) contenders);
    snprintf (metric, sizeof metric, "W8 lock x%d", contenders);
    bench_rate (metric, n - n % (uint64_t) contenders, ns, "pairs/s");
}
