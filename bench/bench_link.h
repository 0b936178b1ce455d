// bench_link.h - W5, W9: what goes between the two ends of a link, and how fast
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BENCH_LINK_H
#define BENCH_LINK_H

#include <stddef.h>

// Every peer of W5 and W9, and brood, is a pair of functions for these two, so
// that all carry the same messages.
//
//     near --64 B--> far, and back            round trips, one at a time
//     near --64 B--> --64 B--> ... far        a stream
//     near --bulk--> --bulk--> ... far        64 KiB, 1 MiB, 64 MiB
//
// At the end of a stream, and after each 64 MiB of bulk, the far end answers
// with one byte: so no peer has more than that under way, and the clock stops
// when all has arrived. The far end looks at the first and the last byte of
// every message.
typedef struct {
    void *self;
    // Returns when bytes can be used again.
    void (*send) (void *self, const void *bytes, size_t size);
    // A message of that size, good until the next receive.
    const void *(*receive) (void *self, size_t size);
} bench_link_t;

typedef struct {
    size_t pings;
    size_t messages;    // Of the stream
    size_t bulk_bytes;  // Of each size; 0: this link carries none
} bench_link_plan_t;

extern const bench_link_plan_t bench_link_whole;
extern const bench_link_plan_t bench_link_smoke;

// One process calls near, which prints, the other one far, with the same plan.
void
bench_link_near (const bench_link_t *link, const bench_link_plan_t *plan);
void
bench_link_far (const bench_link_t *link, const bench_link_plan_t *plan);

// What the metrics of this program are named for; W5 if nothing is said.
void
bench_link_call (const char *workload);

// Prints "W5 bulk 1MiB" for so many bytes in messages of size.
void
bench_link_bulk (size_t size, size_t bytes, double ns);

// The three sizes of bulk.
enum {
    BENCH_LINK_SIZES = 3
};
extern const size_t bench_link_sizes[BENCH_LINK_SIZES];

#endif  // BENCH_LINK_H
