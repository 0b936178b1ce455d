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

enum {
    S_WINDOW = 500,
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

static void
s_throughput (long n, long window)
{
    brood_future_t **futures = calloc ((size_t) window, sizeof *futures);
    bench_check (futures != NULL, "calloc");
    brood_pool_t *pool = brood_pool_new ("local:2");
    s_tasks (pool, futures, n / 10 + 1, window);
    int64_t ns = s_tasks (pool, futures, n, window);
    bench_rate ("W2 tasks", (size_t) n, ns, "tasks/s");
    brood_pool_destroy (&pool);
    free (futures);
}

static void
s_round_trips (long n)
{
    int64_t *ns = calloc ((size_t) n, sizeof *ns);
    bench_check (ns != NULL, "calloc");
    brood_pool_t *pool = brood_pool_new ("local:1");
    for (long i = -n / 10; i < n; i++) {
        int64_t start = bench_now_ns ();
        brood_future_t *future = brood_pool_submit (pool, square, "%ld", i);
        s_collect (&future, i);
        if (i >= 0)
            ns[i] = bench_now_ns () - start;
    }
    bench_latency ("W3 rtt", ns, (size_t) n);
    brood_pool_destroy (&pool);
    free (ns);
}

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    if (bench_smoke (&argc, argv)) {
        s_throughput (1500, 1500);
        s_throughput (1500, S_WINDOW);
        s_round_trips (100);
        return 0;
    }
    if (argc != 3)
        bench_usage ("bench_submit all|window|sync N");
    long n = (long) bench_count (argv[2], S_TASKS_MAX);
    if (strcmp (argv[1], "all") == 0)
        s_throughput (n, n);
    else if (strcmp (argv[1], "window") == 0)
        s_throughput (n, S_WINDOW);
    else if (strcmp (argv[1], "sync") == 0)
        s_round_trips (n);
    else
        bench_usage ("bench_submit all|window|sync N");
    return 0;
}
