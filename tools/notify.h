// notify.h - what a supervisor is told: sd_notify(3)'s protocol
//
// SPDX-License-Identifier: MPL-2.0
//
// A datagram to the socket that $NOTIFY_SOCKET names; where it is not set,
// nothing. The protocol is stable and this small, so libsystemd is not needed.

#ifndef NOTIFY_H
#define NOTIFY_H

#include <stdint.h>

// "READY=1\nSTATUS=..."; what cannot be told is not.
void
brd_notify (const char *state);

// How often the supervisor wants to hear "WATCHDOG=1" from this process, in
// nanoseconds: half of what it allows. 0: never.
int64_t
brd_notify_watchdog (void);

#endif  // NOTIFY_H
