// brd_clock.c - one clock: CLOCK_MONOTONIC, in nanoseconds
//
// SPDX-License-Identifier: MPL-2.0

#include "base/brd_clock.h"

#include <limits.h>
#include <time.h>

static const int64_t s_ns_per_ms = 1000000;
static const int64_t s_ns_per_second = 1000000000;

int64_t
brd_clock_now (void)
{
    struct timespec now;
    // Cannot fail: the clock is there on every Linux.
    (void) clock_gettime (CLOCK_MONOTONIC, &now);
    return now.tv_sec * s_ns_per_second + now.tv_nsec;
}

int64_t
brd_clock_deadline (int timeout_ms)
{
    if (timeout_ms < 0)
        return BRD_NEVER;
    const int64_t now = brd_clock_now ();
    const int64_t timeout = timeout_ms * s_ns_per_ms;
    return timeout < BRD_NEVER - now ? now + timeout : BRD_NEVER;
}

int
brd_clock_left_ms (int64_t deadline)
{
    if (deadline == BRD_NEVER)
        return -1;
    const int64_t now = brd_clock_now ();
    if (deadline <= now)
        return 0;
    // Rounded down, a poll would wake before the deadline and find nothing due.
    const int64_t left = deadline - now;
    const int64_t left_ms = left / s_ns_per_ms + (left % s_ns_per_ms != 0);
    return left_ms < INT_MAX ? (int) left_ms : INT_MAX;
}
