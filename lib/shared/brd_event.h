// brd_event.h - a flag to wait for
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_EVENT_H
#define BRD_EVENT_H

#include "base/brd_sleep.h"
#include "shared/brd_object.h"

// Zeros behind the head are an event that is not set.
typedef struct {
    brd_object_t object;  // First
    _Atomic uint32_t word;
} brd_event_t;

// Whoever waits by now will pass, whatever is done afterwards. -1 with ENOSPC
// (no seat) alone.
int
brd_event_set (brd_event_t *self);

void
brd_event_clear (brd_event_t *self);

int
brd_event_is_set (const brd_event_t *self);

// 0: it is set, or was since the call. -1 with ETIMEDOUT, EINTR.
int
brd_event_wait (brd_event_t *self, brd_sleep_t *sleep);

#endif  // BRD_EVENT_H
