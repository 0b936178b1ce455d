// bench_queue.c - W4: small items through a queue
//
// SPDX-License-Identifier: MPL-2.0
//
//     bench_queue one P C N    P processes put, C get, N items one by one
//     bench_queue many P C N   the same, 100 at a time
//
//     task put (from, n) x P --> queue of 10,000 --> task get x C --> sums
//
// The queue is bounded, so that what is measured is a stream and not the
// memory. The pool is there before the clock starts, as the peers' connections
// are.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "brood/brood_error.h"
#include "brood/brood_init.h"
#include "brood/brood_pool.h"
#include "brood/brood_queue.h"

enum {
    S_CAPACITY = 10000,
    S_AT_A_TIME = 100,
    S_SIDES_MAX = 16,
    S_ITEMS_MAX = 100000000
};

// Before the pool is made, so that its workers have it.
static brood_queue_t *s_queue;

static int
put (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) out;
    long from, n;
    if (brood_msg_unpack (in, "[%ld, %ld]", &from, &n) < 0)
        return brood_task_fail (task, "wanted two numbers");
    for (long i = 0; i < n; i++) {
        if (brood_queue_put (s_queue, BROOD_FOREVER, "[%ld, %ld]", i, from + i)
            < 0)
            return brood_task_fail (task, "put");
    }
    return 0;
}
BROOD_TASK (put);

static int
put_many (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) out;
    long from, n;
    if (brood_msg_unpack (in, "[%ld, %ld]", &from, &n) < 0)
        return brood_task_fail (task, "wanted two numbers");
    BROOD_AUTO (msg) items = brood_msg_new ("[]");
    for (long i = 0; i < n; i++) {
        brood_msg_append (items, "[%ld, %ld]", i, from + i);
        if ((i + 1) % S_AT_A_TIME != 0 && i + 1 < n)
            continue;
        if (brood_queue_put_many (s_queue, BROOD_FOREVER, items) < 0)
            return brood_task_fail (task, "put_many");
        brood_msg_pack (items, "[]");
    }
    return 0;
}
BROOD_TASK (put_many);

// How many it got, and their sum.
static int
get (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    long x, count = 0, sum = 0;
    while (brood_queue_get (s_queue, BROOD_FOREVER, "[*, %ld]", &x) == 0) {
        count++;
        sum += x;
    }
    if (errno != EPIPE)
        return brood_task_fail (task, "get");
    return brood_msg_pack (out, "[%ld, %ld]", count, sum);
}
BROOD_TASK (get);

static int
get_many (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    long x, count = 0, sum = 0;
    brood_msg_t *items;
    while (
        (items = brood_queue_get_many (s_queue, BROOD_FOREVER, S_AT_A_TIME))) {
        brood_iter_t at = brood_msg_iter (items, "");
        while (brood_iter_next (&at, "[*, %ld]", &x) == 1) {
            count++;
            sum += x;
        }
        brood_msg_destroy (&items);
    }
    return brood_msg_pack (out, "[%ld, %ld]", count, sum);
}
BROOD_TASK (get_many);

static int
nothing (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    return 0;
}
BROOD_TASK (nothing);

// All workers are there.
static void
s_warm_up (brood_pool_t *pool)
{
    brood_msg_t *answers = brood_pool_broadcast (pool, nothing, "nil");
    if (!answers)
        exit (brood_perror ("pool"));
    brood_msg_destroy (&answers);
}

// Submits n tasks; part of the numbers each.
static void
s_submit (brood_pool_t *pool,
          brood_task_fn *fn,
          brood_future_t **futures,
          int tasks,
          long n)
{
    for (long i = 0; i < tasks; i++) {
        const long from = n * i / tasks;
        futures[i] = brood_pool_submit (
            pool, fn, "[%ld, %ld]", from, n * (i + 1) / tasks - from);
    }
}

static void
s_measure (int many, int putters, int getters, long n)
{
    brood_future_t *puts[S_SIDES_MAX], *gets[S_SIDES_MAX];
    char spec[32], metric[64];
    long all = 0, sum = 0;
    s_queue = brood_queue_new (S_CAPACITY);
    snprintf (spec, sizeof spec, "local:%d", putters);
    brood_pool_t *putting = brood_pool_new (spec);
    snprintf (spec, sizeof spec, "local:%d", getters);
    brood_pool_t *getting = brood_pool_new (spec);
    s_warm_up (putting);
    s_warm_up (getting);
    const int64_t start = bench_now_ns ();
    s_submit (getting, many ? get_many : get, gets, getters, n);
    s_submit (putting, many ? put_many : put, puts, putters, n);
    for (int i = 0; i < putters; i++) {
        if (brood_future_get (puts[i], BROOD_FOREVER, "*") < 0)
            exit (brood_perror ("put"));
        brood_future_destroy (&puts[i]);
    }
    brood_queue_close (s_queue);
    for (int i = 0; i < getters; i++) {
        long got, part;
        if (brood_future_get (gets[i], BROOD_FOREVER, "[%ld, %ld]", &got, &part)
            < 0)
            exit (brood_perror ("get"));
        all += got;
        sum += part;
        brood_future_destroy (&gets[i]);
    }
    const int64_t ns = bench_now_ns () - start;
    bench_expect (all == n && sum == n * (n - 1) / 2, "items were lost");
    snprintf (metric, sizeof metric, "W4 queue %d-%d", putters, getters);
    bench_rate (metric, (size_t) n, ns, "items/s");
    brood_pool_destroy (&putting);
    brood_pool_destroy (&getting);
    brood_queue_destroy (&s_queue);
}

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    if (bench_smoke (&argc, argv)) {
        s_measure (0, 2, 2, 2000);
        s_measure (1, 2, 2, 2000);
        return 0;
    }
    if (argc != 5
        || (strcmp (argv[1], "one") != 0 && strcmp (argv[1], "many") != 0))
        bench_usage ("bench_queue one|many P C N");
    s_measure (strcmp (argv[1], "many") == 0,
               (int) bench_count (argv[2], S_SIDES_MAX),
               (int) bench_count (argv[3], S_SIDES_MAX),
               (long) bench_count (argv[4], S_ITEMS_MAX));
    return 0;
}
