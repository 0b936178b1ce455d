// brd_large.h - where the bytes of calls lie
//
// SPDX-License-Identifier: MPL-2.0
//
// A call's body and its result are the same in turn: few bytes lie in the
// outcome itself, more are allocated, and large ones (BRD_WIRE_ARENA_MIN) lie
// in a block of the arena, where a worker reads, or has left, them.

#ifndef BRD_LARGE_H
#define BRD_LARGE_H

#include "api/brd_outcome.h"
#include "host/host.h"

// Room for so many bytes: in the arena if they are many and it has room, else
// allocated. NULL with ENOMEM.
void *
brd_large_alloc (size_t size);

// Takes NULL.
void
brd_large_free (void *memory);

// Makes a copy of bytes the call's body: in outcome->small, or in memory that
// *large then points to, to be freed when the call has ended. -1 with ENOMEM.
int
brd_large_set_body (brd_call_t *call,
                    brd_outcome_t *outcome,
                    void **large,
                    const void *bytes,
                    size_t size);

#endif  // BRD_LARGE_H
