// brd_slots.h - fixed slots of bytes in memory that strangers share
//
// SPDX-License-Identifier: MPL-2.0
//
// Everything else in this folder is swept by a nursery when a process dies.
// Here the processes need not know of each other, may have the memory at
// different addresses, and nobody sweeps:
//
//     slot   | version | copy 0: size, bytes | copy 1: size, bytes |
//
// The last bit of the version says which copy counts. A writer fills the other
// one and counts the version up, which is one store: a reader sees the old
// bytes or the new ones, and so does everybody after a writer that was killed.
// Readers take no lock; they look at the version again and read once more if
// it has changed.
//
// Writers exclude each other by one robust mutex for all slots, which the
// kernel frees when its holder dies. There is nothing to repair then.

#ifndef BRD_SLOTS_H
#define BRD_SLOTS_H

#include <stddef.h>
#include <stdint.h>

// What is in the memory.
typedef struct brd_slots_memory brd_slots_memory_t;

// Where this process has it. What may not be spoilt under our hands is here.
typedef struct {
    brd_slots_memory_t *memory;
    size_t size;
    size_t n;
} brd_slots_t;

// Bytes of memory for n slots with room for so many bytes each. 0: more than
// any memory.
size_t
brd_slots_size (const uint32_t *rooms, size_t n);

// In zeroed memory of that size, at a multiple of 64: all slots are empty. -1
// with errno.
int
brd_slots_make (void *memory, size_t size, const uint32_t *rooms, size_t n);

// What somebody has made in size bytes of memory. Nothing to end. -1 with
// EPROTO: it is something else.
int
brd_slots_init (brd_slots_t *self, void *memory, size_t size);

// Bytes the i-th has room for; 0 if the memory has been spoilt.
size_t
brd_slots_room (const brd_slots_t *self, size_t i);

// A copy of its bytes, which takes room rounded up to a multiple of 8. -1 with
// EPROTO when the memory has been spoilt.
int
brd_slots_read (const brd_slots_t *self,
                size_t i,
                uint64_t *bytes,
                size_t *ret_size);

// -1 with EMSGSIZE, EPROTO, and ETIMEDOUT: a writer has been stopped in the
// middle.
int
brd_slots_write (const brd_slots_t *self,
                 size_t i,
                 const void *bytes,
                 size_t size);

// Nobody writes between these two. -1 with EPROTO, ETIMEDOUT.
int
brd_slots_lock (const brd_slots_t *self);
void
brd_slots_unlock (const brd_slots_t *self);

#endif  // BRD_SLOTS_H
