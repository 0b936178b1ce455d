// brd_root.h - the inside of brd_shared_t, for this folder
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_ROOT_H
#define BRD_ROOT_H

#include "shared/brd_seat.h"
#include "shared/brd_shared.h"
#include "shared/brd_slab.h"

typedef struct {
    _Atomic uint32_t pid;    // Whose; 0: free
    _Atomic uint64_t stamp;  // Grows with each snapshot
} brd_snapshot_t;

struct brd_shared {
    brd_arena_t *arena;
    pid_t keeper;
    unsigned char secret[16];  // In the names of bells
    _Atomic uint64_t ids;      // Last one given to an object
    _Atomic uint64_t stamps;   // Of the last snapshot
    _Atomic uint32_t snapshots_top;
    brd_slabs_t slabs;
    brd_snapshot_t snapshots[BRD_SHARED_SNAPSHOTS_MAX];
    brd_seats_t seats;
};

// 1 if there is a snapshot younger than stamp.
int
brd_shared_has_snapshot_since (brd_shared_t *self, uint64_t stamp);

#endif  // BRD_ROOT_H
