// bench_link.c - W5, W9: what goes between the two ends of a link, and how fast
//
// SPDX-License-Identifier: MPL-2.0
//
// Near and far walk through the same parts in the same order; the s_near_ and
// s_far_ functions of a part stand together. Each part has a tenth of itself,
// or one window of bulk, as a warm-up.
//
// To read next: "pipe" in peers/ring_pipe_mutex.c.

#include "bench_link.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum {
    S_SMALL = 64,
    S_WINDOW = 64 << 20
};

const size_t bench_link_sizes[BENCH_LINK_SIZES] = { 64 << 10,
                                                    1 << 20,
                                                    64 << 20 };

const bench_link_plan_t bench_link_whole = { 20000, 1000000, 512u << 20 };
const bench_link_plan_t bench_link_smoke = { 100, 1000, 64u << 20 };

static const char *s_workload = "W5";

void
bench_link_call (const char *workload)
{
    s_workload = workload;
}

// The message with this number: its first and its last byte say which it is.
static void
s_send (const bench_link_t *link, char *bytes, size_t size, size_t number)
{
    bytes[0] = (char) number;
    bytes[size - 1] = (char) (number + 1);
    link->send (link->self, bytes, size);
}

static void
s_receive (const bench_link_t *link, size_t size, size_t number)
{
    const char *bytes = link->receive (link->self, size);
    bench_expect (bytes[0] == (char) number
                      && bytes[size - 1] == (char) (number + 1),
                  "wrong message");
}

// --- Round trips -----------------------------------------------------------

static void
s_near_pings (const bench_link_t *link, size_t warm_up, size_t pings)
{
    char bytes[S_SMALL] = { 0 };
    int64_t *ns = calloc (pings, sizeof *ns);
    bench_check (ns != NULL, "calloc");
    for (size_t i = 0; i < warm_up + pings; i++) {
        int64_t start = bench_now_ns ();
        s_send (link, bytes, S_SMALL, i);
        s_receive (link, S_SMALL, i);
        if (i >= warm_up)
            ns[i - warm_up] = bench_now_ns () - start;
    }
    char metric[32];
    snprintf (metric, sizeof metric, "%s rtt 64B", s_workload);
    bench_latency (metric, ns, pings);
    free (ns);
}

static void
s_far_pings (const bench_link_t *link, size_t pings)
{
    char bytes[S_SMALL] = { 0 };
    for (size_t i = 0; i < pings; i++) {
        s_receive (link, S_SMALL, i);
        s_send (link, bytes, S_SMALL, i);
    }
}

// --- Streams ---------------------------------------------------------------

// Returns how long it took to the answer.
static int64_t
s_near_stream (const bench_link_t *link,
               char *bytes,
               size_t size,
               size_t messages)
{
    const char *answer;
    int64_t start = bench_now_ns ();
    for (size_t i = 0; i < messages; i++)
        s_send (link, bytes, size, i);
    answer = link->receive (link->self, 1);
    bench_expect (*answer == 'k', "wrong answer");
    return bench_now_ns () - start;
}

static void
s_far_stream (const bench_link_t *link, size_t size, size_t messages)
{
    for (size_t i = 0; i < messages; i++)
        s_receive (link, size, i);
    link->send (link->self, "k", 1);
}

static void
s_near_bulk (const bench_link_t *link, size_t size, size_t bulk_bytes)
{
    int64_t ns = 0;
    char *bytes = malloc (size);
    bench_check (bytes != NULL, "malloc");
    memset (bytes, 'b', size);
    s_near_stream (link, bytes, size, S_WINDOW / size);
    for (size_t done = 0; done < bulk_bytes; done += S_WINDOW)
        ns += s_near_stream (link, bytes, size, S_WINDOW / size);
    bench_link_bulk (size, bulk_bytes, (double) ns);
    free (bytes);
}

static void
s_far_bulk (const bench_link_t *link, size_t size, size_t bulk_bytes)
{
    s_far_stream (link, size, S_WINDOW / size);
    for (size_t done = 0; done < bulk_bytes; done += S_WINDOW)
        s_far_stream (link, size, S_WINDOW / size);
}

// --- The whole -------------------------------------------------------------

void
bench_link_bulk (size_t size, size_t bytes, double ns)
{
    char metric[48];
    const int small = size < 1 << 20;
    snprintf (metric,
              sizeof metric,
              "%s bulk %zu%s",
              s_workload,
              size >> (small ? 10 : 20),
              small ? "KiB" : "MiB");
    bench_report (metric, (double) bytes * 1e3 / ns, "MB/s");
}

void
bench_link_near (const bench_link_t *link, const bench_link_plan_t *plan)
{
    char bytes[S_SMALL] = { 0 };
    s_near_pings (link, plan->pings / 10, plan->pings);
    s_near_stream (link, bytes, S_SMALL, plan->messages / 10);
    int64_t ns = s_near_stream (link, bytes, S_SMALL, plan->messages);
    char metric[32];
    snprintf (metric, sizeof metric, "%s stream 64B", s_workload);
    bench_rate (metric, plan->messages, ns, "msg/s");
    for (int i = 0; plan->bulk_bytes > 0 && i < BENCH_LINK_SIZES; i++)
        s_near_bulk (link, bench_link_sizes[i], plan->bulk_bytes);
}

void
bench_link_far (const bench_link_t *link, const bench_link_plan_t *plan)
{
    s_far_pings (link, plan->pings / 10 + plan->pings);
    s_far_stream (link, S_SMALL, plan->messages / 10);
    s_far_stream (link, S_SMALL, plan->messages);
    for (int i = 0; plan->bulk_bytes > 0 && i < BENCH_LINK_SIZES; i++)
        s_far_bulk (link, bench_link_sizes[i], plan->bulk_bytes);
}
