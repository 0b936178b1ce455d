// bench_submit.c - W2 and W3: tasks submitted one by one
//
// SPDX-License-Identifier: MPL-2.0
//
//     bench_submit all|window N    W2, two workers
//     bench_submit sync N          W3, one worker
//
// A task gets one number and returns its square. all: N submits, then N gets.
// window: 500 in flight, each get followed by the next submit. sync: one
// submit, its get, and again; the median and the 99th percentile of N.
//
// The peers: "tasks" in peers/zmq_by_hand.c keeps 500 in flight, Python's
// apply_async submits all, gearman 200.

#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "brood/brood_error.h"
#include "brood/brood_init.h"
#include "brood/brood_pool.h"

// A host of one worker, reached as any other: a broker, tcp, CURVE, an agent.
#define S_FAR "local:1?hosts=1"

#define S_USAGE "bench_submit all|window|sync|tcp|tcp-sync N"

enum {
    S_WINDOW = 500,
    S_FAR_WINDOW = 10000,
    S_TASKS_MAX = 5000000
};

static int
square (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    long x;
    if (brood_msg_unpack (in, "%ld", &x) < 0)
        return brood_task_fail (task, "wanted a number");
    return brood_msg_pack (out, "%ld", x * x);
}
BROOD_TASK (square);

// Ends the future, whose task was given x.
static void
s_collect (brood_future_t **future, long x)
{
    long y;
    if (brood_future_get (*future, BROOD_FOREVER, "%ld", &y) < 0)
        exit (brood_perror ("get"));
    bench_expect (y == x * x, "wrong square");
    brood_future_destroy (future);
}

// n tasks, at most window of them in flight; returns how long they took.
// futures has room for window. Failed submits show at the get.
static int64_t
s_tasks (brood_pool_t *pool, brood_future_t **futures, long n, long window)
{
    int64_t start = bench_now_ns ();
    for (long i = 0; i < n; i++) {
        if (i >= window)
            s_collect (&futures[i % window], i - window);
        futures[i % window] = brood_pool_submit (pool, square, "%ld", i);
    }
    for (long i = n > window ? n - window : 0; i < n; i++)
        s_collect (&futures[i % window], i);
    return bench_now_ns () - start;
}

static brood_pool_t *
s_pool (const char *spec)
{
    brood_pool_t *pool = brood_pool_new (spec);
    if (!pool)
        exit (brood_perror (spec));
    return pool;
}

static void
s_throughput (const char *spec, const char *metric, long n, long window)
{
    brood_future_t **futures = calloc ((size_t) window, sizeof *futures);
    bench_check (futures != NULL, "calloc");
    brood_pool_t *pool = s_pool (spec);
    s_tasks (pool, futures, n / 10 + 1, window);
    int64_t ns = s_tasks (pool, futures, n, window);
    bench_rate (metric, (size_t) n, ns, "tasks/s");
    brood_pool_destroy (&pool);
    free (futures);
}

static void
s_round_trips (const char *spec, const char *metric, long n)
{
    int64_t *ns = calloc ((size_t) n, sizeof *ns);
    bench_check (ns != NULL, "calloc");
    brood_pool_t *pool = s_pool (spec);
    for (long i = -n / 10; i < n; i++) {
        int64_t start = bench_now_ns ();
        brood_future_t *future = brood_pool_submit (pool, square, "%ld", i);
        s_collect (&future, i);
        if (i >= 0)
            ns[i] = bench_now_ns () - start;
    }
    bench_latency (metric, ns, (size_t) n);
    brood_pool_destroy (&pool);
    free (ns);
}

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    if (bench_smoke (&argc, argv)) {
        s_throughput ("local:2", "W2 tasks", 1500, 1500);
        s_throughput ("local:2", "W2 tasks", 1500, S_WINDOW);
        s_round_trips ("local:1", "W3 rtt", 100);
        return 0;
    }
    if (argc != 3)
        bench_usage (S_USAGE);
    long n = (long) bench_count (argv[2], S_TASKS_MAX);
    if (strcmp (argv[1], "all") == 0)
        s_throughput ("local:2", "W2 tasks", n, n);
    else if (strcmp (argv[1], "window") == 0)
        s_throughput ("local:2", "W2 tasks", n, S_WINDOW);
    else if (strcmp (argv[1], "sync") == 0)
        s_round_trips ("local:1", "W3 rtt", n);
    else if (strcmp (argv[1], "tcp") == 0)
        s_throughput (S_FAR, "W9 tasks", n, S_FAR_WINDOW);
    else if (strcmp (argv[1], "tcp-sync") == 0)
        s_round_trips (S_FAR, "W9 task rtt", n);
    else
        bench_usage (S_USAGE);
    return 0;
}
