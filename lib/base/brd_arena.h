// brd_arena.h - shared memory at one address in every process of the brood
//
// SPDX-License-Identifier: MPL-2.0
//
// One sparse memfd, mapped shared and no-reserve at brood_init () and inherited
// by every process forked later. Handed out in runs of 64 KiB, each with one
// 64-bit word {owner slot, generation, state}: claimed, given over and freed by
// one CAS, so no process can die holding a lock, and a death is swept by
// looking for the dead owner's words.

#ifndef BRD_ARENA_H
#define BRD_ARENA_H

#include <stddef.h>
#include <stdint.h>

enum {
    BRD_ARENA_RUN = 65536
};

typedef struct brd_arena brd_arena_t;

// Maps it, with room for size bytes of blocks. size 0: $BROOD_ARENA (bytes,
// with K, M or G; EPROTO if it cannot be read), or else the least of RAM/2,
// cgroup limit/2 and, under valgrind, 4 GiB; but never more than RLIMIT_FSIZE
// and RLIMIT_AS/4. NULL with ENOMEM, EFBIG (size exceeds RLIMIT_FSIZE), EPROTO
// or the system's errno.
brd_arena_t *
brd_arena_new (size_t size);

// The one that another process has at that address, with its descriptor and
// span, for a program that was started anew. NULL with EEXIST (something is
// there) or the system's errno.
brd_arena_t *
brd_arena_join (int fd, void *at, size_t size);

// Bytes from the arena's address to its end.
size_t
brd_arena_span (const brd_arena_t *self);

// Its descriptor, the same number in every process that has inherited it; -1
// where the program has closed it, whatever has that number now.
int
brd_arena_fd (const brd_arena_t *self);

// This process starts nobody any more who needs it: closes it.
void
brd_arena_close_fd (brd_arena_t *self);

// Unmaps; only this process's view ends.
void
brd_arena_destroy (brd_arena_t **self_p);

// size bytes, 64-aligned (page-aligned in fact), owned by slot (a number from 1
// to 2^24 - 1 that names a process of the brood). zero: 1 gives zeros, 0
// anything. ENOSPC with a text that says how much there is and how to get more.
void *
brd_arena_alloc (brd_arena_t *self, size_t size, uint32_t slot, int zero);

// Takes NULL. Any process may free what any other has allocated, as long as it
// knows that the owner has not been swept: after that the place may be another
// block's. To be sure of a block, have it given first. Pages stay mapped for
// reuse up to a mark (64 MiB), beyond it they go back to the system.
void
brd_arena_free (brd_arena_t *self, void *block);

// What tells a block from all others that ever began at its place.
uint64_t
brd_arena_mark (const brd_arena_t *self, const void *block);

// Frees what is at that place if it still is the block of that mark: 1, or 0 if
// that was freed or swept already.
int
brd_arena_free_marked (brd_arena_t *self, void *block, uint64_t mark);

// From now on the block belongs to slot. -1 with ENOENT if there is no block
// any more: its owner had died and was swept. So give first, then tell the
// other process; it cannot be late then.
int
brd_arena_give (brd_arena_t *self, void *block, uint32_t slot);

// Frees all blocks of a dead slot; returns how many. Also ends what processes
// that are gone (reaped) had begun to free. No memory, no locks.
size_t
brd_arena_sweep (brd_arena_t *self, uint32_t slot);

// 1 if all of [memory, memory + size) lies in one allocated block.
int
brd_arena_holds (const brd_arena_t *self, const void *memory, size_t size);

// Places as numbers, for the wire; 0 is none.
uint64_t
brd_arena_offset (const brd_arena_t *self, const void *memory);
// NULL for an offset that is not inside.
void *
brd_arena_at (const brd_arena_t *self, uint64_t offset);

size_t
brd_arena_size (const brd_arena_t *self);
size_t
brd_arena_used (const brd_arena_t *self);

#endif  // BRD_ARENA_H
