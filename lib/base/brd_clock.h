// brd_clock.h - one clock: CLOCK_MONOTONIC, in nanoseconds
//
// SPDX-License-Identifier: MPL-2.0
//
// Timeouts are turned into deadlines once, at the edge, and only deadlines
// travel inside.

#ifndef BRD_CLOCK_H
#define BRD_CLOCK_H

#include <stdint.h>

// A deadline that never comes.
#define BRD_NEVER INT64_MAX

int64_t
brd_clock_now (void);

// now + timeout_ms; BRD_NEVER for a negative timeout; saturates.
int64_t
brd_clock_deadline (int timeout_ms);

// Milliseconds until deadline, rounded up, for poll: -1 for BRD_NEVER, 0 when
// it has passed.
int
brd_clock_left_ms (int64_t deadline);

#endif  // BRD_CLOCK_H
