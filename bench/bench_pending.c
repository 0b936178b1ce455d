// bench_pending.c - what a task costs while it waits
//
// SPDX-License-Identifier: MPL-2.0
//
//     bench_pending N
//
// Two workers are held by a task each; N tasks are submitted behind them.
//
//     heap  before | + N tasks and their futures | - the futures | all done
//                  |<------ with future -------->|
//                  |<--------- without future ---------------->|
//
// Bytes come from malloc's own books, which are exact, and from the resident
// set, which is what the machine sees (shared memory included). Then the
// workers are let go, and every task must end.

#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "brood/brood_array.h"
#include "brood/brood_error.h"
#include "brood/brood_init.h"
#include "brood/brood_pool.h"

// Of so many futures one is kept, to see that tasks ended as they should.
enum {
    S_WORKERS = 2,
    S_SAMPLE = 1000,
    S_TASKS_MAX = 9000000
};

// In the arena, and known to the workers because they are copies of us.
typedef struct {
    atomic_int holding;
    atomic_int open;
} gate_t;
static gate_t *s_gate;

static void
s_nap (void)
{
    struct timespec one_ms = { 0, 1000000 };
    nanosleep (&one_ms, NULL);
}

static int
hold (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    atomic_fetch_add (&s_gate->holding, 1);
    while (!atomic_load (&s_gate->open))
        s_nap ();
    return 0;
}
BROOD_TASK (hold);

static int
square (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    long x;
    if (brood_msg_unpack (in, "%ld", &x) < 0)
        return brood_task_fail (task, "wanted a number");
    return brood_msg_pack (out, "%ld", x * x);
}
BROOD_TASK (square);

static double
s_heap_bytes (void)
{
    struct mallinfo2 info = mallinfo2 ();
    return (double) info.uordblks + (double) info.hblkhd;
}

static double
s_resident_bytes (void)
{
    long total;
    long resident = 0;
    FILE *file = fopen ("/proc/self/statm", "r");
    bench_check (file != NULL, "/proc/self/statm");
    bench_expect (fscanf (file, "%ld %ld", &total, &resident) == 2, "statm");
    fclose (file);
    return (double) resident * (double) sysconf (_SC_PAGESIZE);
}

static void
s_hold_workers (brood_pool_t *pool)
{
    for (int i = 0; i < S_WORKERS; i++) {
        brood_future_t *held = brood_pool_submit (pool, hold, "nil");
        if (!held)
            exit (brood_perror ("submit"));
        brood_future_destroy (&held);
    }
    while (atomic_load (&s_gate->holding) < S_WORKERS)
        s_nap ();
}

static void
s_submit (brood_pool_t *pool, brood_future_t **futures, long n)
{
    int64_t start = bench_now_ns ();
    for (long i = 0; i < n; i++) {
        futures[i] = brood_pool_submit (pool, square, "%ld", i);
        if (!futures[i])
            exit (brood_perror ("submit"));
    }
    bench_rate (
        "pending submit", (size_t) n, bench_now_ns () - start, "tasks/s");
    brood_pool_stats_t stats;
    if (brood_pool_stats (pool, &stats) < 0)
        exit (brood_perror ("stats"));
    bench_expect (stats.pending + stats.running == n + S_WORKERS,
                  "tasks are missing");
}

static void
s_finish (brood_pool_t *pool, brood_future_t **futures, long n)
{
    int64_t start = bench_now_ns ();
    atomic_store (&s_gate->open, 1);
    if (brood_pool_wait (pool, BROOD_FOREVER) < 0)
        exit (brood_perror ("wait"));
    bench_rate (
        "pending drain", (size_t) n, bench_now_ns () - start, "tasks/s");
    brood_pool_stats_t stats;
    if (brood_pool_stats (pool, &stats) < 0)
        exit (brood_perror ("stats"));
    bench_expect (stats.done == n + S_WORKERS, "tasks were lost");
    for (long i = 0; i < n; i += S_SAMPLE) {
        long y;
        if (brood_future_get (futures[i], 0, "%ld", &y) < 0)
            exit (brood_perror ("get"));
        bench_expect (y == i * i, "wrong square");
        brood_future_destroy (&futures[i]);
    }
}

static void
s_measure (long n)
{
    brood_future_t **futures = malloc ((size_t) n * sizeof *futures);
    bench_check (futures != NULL, "malloc");
    for (long i = 0; i < n; i++)  // Resident before the books are opened
        futures[i] = NULL;
    brood_array_t *gate = brood_array_new_of (gate_t, 1);
    if (!gate)
        exit (brood_perror ("array"));
    s_gate = brood_array_ptr (gate);
    brood_pool_t *pool = brood_pool_new ("local:2");
    s_hold_workers (pool);

    double heap = s_heap_bytes ();
    double resident = s_resident_bytes ();
    s_submit (pool, futures, n);
    double count = (double) n;
    bench_report (
        "pending resident", (s_resident_bytes () - resident) / count, "B");
    bench_report ("pending with future", (s_heap_bytes () - heap) / count, "B");
    for (long i = 0; i < n; i++)
        if (i % S_SAMPLE != 0)
            brood_future_destroy (&futures[i]);
    bench_report (
        "pending without future", (s_heap_bytes () - heap) / count, "B");
    s_finish (pool, futures, n);
    brood_pool_destroy (&pool);
    brood_array_destroy (&gate);
    free (futures);
}

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    if (bench_smoke (&argc, argv))
        s_measure (3000);
    else if (argc == 2)
        s_measure ((long) bench_count (argv[1], S_TASKS_MAX));
    else
        bench_usage ("bench_pending N");
    return 0;
}
