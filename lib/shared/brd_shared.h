// brd_shared.h - the root of all that processes share, and the sweep
//
// SPDX-License-Identifier: MPL-2.0
//
// One block of the arena, made by the owner at brood_init () and known to every
// process by inheritance.
//
// Death. Before a process is reaped, while its number cannot be another's, its
// nursery calls brd_shared_sweep (): locks it held are let go of and marked,
// what it waited for is passed on, its shares of objects end, and what it was
// making or taking apart is freed.
//
// Snapshots. A process born of a snapshot may use what was there at that
// moment through an inherited handle, though nobody else holds it any more. So
// an object that is given up lives on while there is a snapshot younger than
// it; the one who ends the last such snapshot frees it.

#ifndef BRD_SHARED_H
#define BRD_SHARED_H

#include <stdint.h>
#include <sys/types.h>

#include "base/brd_arena.h"

// Snapshots at a time; one a running nursery.
#define BRD_SHARED_SNAPSHOTS_MAX 8192

typedef struct brd_shared brd_shared_t;

// For the process that made the arena and outlives all others. NULL with
// ENOSPC.
brd_shared_t *
brd_shared_new (brd_arena_t *arena);

brd_arena_t *
brd_shared_arena (brd_shared_t *self);

// The process that outlives all others.
pid_t
brd_shared_keeper (const brd_shared_t *self);

// pid has ended, or is about to be reaped: all it held is let go of. No memory,
// no locks; any process may call it, several at once too. A thread that ends
// with something in its hands is swept like a process, but for what is the
// process's: pid | BRD_SEAT_ENDED.
void
brd_shared_sweep (brd_shared_t *self, pid_t pid);

// Before a nursery is forked: its number, or -1 with ENOSPC.
int
brd_shared_snapshot_begin (brd_shared_t *self);

// When it and its processes are gone. Takes -1.
void
brd_shared_snapshot_end (brd_shared_t *self, int number);

#endif  // BRD_SHARED_H
