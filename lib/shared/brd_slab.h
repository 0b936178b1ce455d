// brd_slab.h - small pieces of the arena
//
// SPDX-License-Identifier: MPL-2.0
//
// Slots of 64 to 4096 bytes in runs of the arena that are never given back.
// Each begins with a word that says whose it is:
//
//     0                free
//     CLAIMED | pid    being made, or taken apart, by that process
//     LIVE | pid       made by, or the share of, that process
//
// claimed by one CAS and freed by one store, so a dead process is swept by
// looking at all words.

#ifndef BRD_SLAB_H
#define BRD_SLAB_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/brd_arena.h"

// The largest slot.
#define BRD_SLAB_SIZE_MAX 4096

enum {
    BRD_SLAB_CLASSES = 7,  // 64, 128 ... 4096
    BRD_SLAB_FREE = 0,
    BRD_SLAB_CLAIMED = 1,
    BRD_SLAB_LIVE = 2
};

// What every slot begins with.
typedef struct {
    _Atomic uint32_t word;  // pid << 2 | state
    uint32_t kind;          // brd_kind_t; 0: a share
} brd_slot_t;

// In the arena; zeros to begin with.
typedef struct {
    _Atomic uint64_t first[BRD_SLAB_CLASSES];  // Chain of slabs, arena offset
} brd_slabs_t;

static inline uint32_t
brd_slab_word (int state, pid_t pid)
{
    return (uint32_t) pid << 2 | (uint32_t) state;
}

static inline int
brd_slab_state (uint32_t word)
{
    return (int) (word & 3);
}

static inline pid_t
brd_slab_pid (uint32_t word)
{
    return (pid_t) (word >> 2);
}

// A slot of at least size bytes, CLAIMED by this process, zeroed behind the
// word. The slab's memory is given to keeper, a process that outlives all. NULL
// with ENOSPC.
void *
brd_slab_claim (brd_slabs_t *self,
                brd_arena_t *arena,
                size_t size,
                pid_t keeper);

// A slot is free again.
void
brd_slab_free (brd_arena_t *arena, brd_slot_t *slot);

// Calls fn with each slot that is not free, also those that change meanwhile.
// Takes no lock and no memory.
void
brd_slab_each (const brd_slabs_t *self,
               brd_arena_t *arena,
               void (*fn) (void *arg, brd_slot_t *slot),
               void *arg);

// 1 if memory is where a slot begins that is not free: for offsets from
// elsewhere.
int
brd_slab_has (const brd_slabs_t *self, brd_arena_t *arena, const void *memory);

#endif  // BRD_SLAB_H
