// bench.h - what every benchmark program and every peer needs
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// A benchmark prints one line per number, `metric<TAB>value<TAB>unit`, and
// nothing else on stdout. It checks its results itself and leaves with 1 when
// one is wrong. Exit 77 says that it cannot run here, and stderr says why.
//
// Nothing here knows brood, so that the peers are built without it.

#define BENCH_SKIP 77

// CLOCK_MONOTONIC in nanoseconds.
int64_t
bench_now_ns (void);

// Takes --smoke out of the arguments; true if it was there. A smoke run uses
// tiny sizes: its numbers say nothing, its checks everything.
bool
bench_smoke (int *argc, char **argv);

// A whole number between 1 and most from an argument; ends the program when it
// is none.
size_t
bench_count (const char *text, size_t most);

// End the program, naming what went wrong, unless ok: check for calls that set
// errno, expect for results.
void
bench_check (bool ok, const char *what);
void
bench_expect (bool ok, const char *what);

// Says how the program is called, and ends it with 64.
void
bench_usage (const char *text);

// Prints one line.
void
bench_report (const char *metric, double value, const char *unit);

// Prints n things in ns nanoseconds as things per second.
void
bench_rate (const char *metric, size_t n, int64_t ns, const char *unit);

// "W1 map 1M" and "W1 map 10M", the peers' names, for squaring n numbers.
void
bench_map_rate (size_t n, int64_t ns);

// "W6 start+stop 16" from cycles of it, "W6 pss/worker 16" from its sum.
void
bench_start_stop (int workers, int64_t *ns, size_t count, long pss_kb);

// Sorts the values and returns the middle one.
int64_t
bench_median (int64_t *values, size_t count);

// Sorts the values and prints "name median" and "name p99" in microseconds.
void
bench_latency (const char *name, int64_t *ns, size_t count);

// Proportional set size of a process; ends the program if it cannot be read.
long
bench_pss_kb (pid_t pid);

// Forks; the child is killed when its parent ends. 0 in the child.
pid_t
bench_fork (void);

// Kills a child and waits until it is gone.
void
bench_kill (pid_t pid);

// Zeroed memory that children share, and its end.
void *
bench_shared (size_t size_bytes);
void
bench_unshare (void *memory, size_t size_bytes);

// in[i] = i + offset; and whether each out[i] is the square of that.
void
bench_fill (int64_t *in, size_t n, int64_t offset);
bool
bench_squares (const int64_t *out, size_t n, int64_t offset);

#endif  // BENCH_H
