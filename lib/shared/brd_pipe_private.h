// brd_pipe_private.h - the inside of a pipe, for its three files
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_PIPE_PRIVATE_H
#define BRD_PIPE_PRIVATE_H

#include "shared/brd_lock.h"
#include "shared/brd_pipe.h"

// What a record in a ring is.
typedef enum {
    BRD_PIPE_SKIP,   // Nothing: the next one begins at the ring's start
    BRD_PIPE_BYTES,  // A message, size bytes that follow
    BRD_PIPE_BLOCK,  // A message elsewhere: a brd_pipe_block_t follows
    BRD_PIPE_FD      // A descriptor is offered: a brd_pipe_offer_t follows
} brd_pipe_kind_t;

typedef struct {
    uint32_t size;  // Of what follows, which is padded to a multiple of 8
    uint16_t kind;
    uint16_t is_value;
} brd_pipe_record_t;

// From its beginning to the next one's.
static inline uint64_t
brd_pipe_span (const brd_pipe_record_t *self)
{
    return sizeof *self + ((uint64_t) self->size + 7) / 8 * 8;
}

typedef struct {
    uint64_t offset;
    uint64_t size;
} brd_pipe_block_t;

// What it takes of the arena.
static inline uint64_t
brd_pipe_weight (uint64_t block_size)
{
    return (block_size + BRD_ARENA_RUN - 1) / BRD_ARENA_RUN * BRD_ARENA_RUN;
}

enum {
    BRD_PIPE_OFFERED = 1,
    BRD_PIPE_TAKEN = 2,
    BRD_PIPE_WITHDRAWN = 3
};

typedef struct {
    uint64_t serial;
    unsigned char token[16];  // Who shows it is given the descriptor
    char name[8];             // Of the abstract socket where it is given
} brd_pipe_offer_t;

// One direction. Positions only grow; modulo the ring's size they are places.
typedef struct {
    _Alignas(64) brd_lock_t sending;
    _Atomic uint64_t tail;  // Written up to here
    uint64_t blocks_sent;   // Their weight; under `sending`
    _Alignas(64) brd_lock_t receiving;
    _Atomic uint64_t head;          // Received up to here
    _Atomic uint64_t blocks_taken;  // Under `receiving`
    // 1: the holder of `receiving` sleeps until there is something; the holder
    // of `sending`, until there is room
    _Alignas(64) _Atomic uint32_t awaits_bytes;
    _Atomic uint32_t awaits_room;
    brd_lock_t offering;     // Held as long as a descriptor is offered
    _Atomic uint64_t offer;  // Its serial << 2 | what became of it
} brd_pipe_ring_t;

typedef struct {
    brd_object_t object;  // First
    int duplex;
    _Atomic uint64_t changes;     // Of who holds what
    _Atomic uint32_t held[2];     // 1: by somebody, some time
    _Atomic uint64_t verdict[2];  // (changes + 1) << 1 | gone, when looked at
    brd_pipe_ring_t rings[2];     // By the end that receives
} brd_pipe_t;

static inline brd_pipe_t *
brd_pipe_of (const brd_pipe_end_t *self)
{
    return (brd_pipe_t *) (void *) self->hold.object;
}

static inline unsigned char *
brd_pipe_bytes (brd_pipe_t *pipe, int end)
{
    return (unsigned char *) brd_object_block (&pipe->object)
           + (size_t) end * BRD_PIPE_RING;
}

// --- brd_pipe.c ------------------------------------------------------------

// Before each use: this process holds the end now. -1 with EBADF, ENOENT,
// ENOSPC.
int
brd_pipe_use (brd_pipe_end_t *self);

// 1 if an end is gone. fresh: whatever was found out before.
int
brd_pipe_is_gone (brd_pipe_t *self, int end, int fresh);

// Sleeps until *word is not 1 any more, at most a second: then it is time to
// look who is still there.
int
brd_pipe_sleep (brd_sleep_t *sleep, _Atomic uint32_t *word);

// Somebody who waits on the object, or sleeps on the word, looks again.
void
brd_pipe_wake (brd_pipe_t *self, _Atomic uint32_t *word);

// --- brd_pipe_move.c -------------------------------------------------------

// Puts a record into the ring this end writes to. block: what it tells of, this
// process's until then, or NULL. -1 as brd_pipe_send ().
int
brd_pipe_put (brd_pipe_end_t *self,
              brd_sleep_t *sleep,
              const brd_pipe_record_t *record,
              const void *bytes,
              brd_pipe_block_t *block);

// --- brd_pipe_fd.c ---------------------------------------------------------

// 1 if whoever offers it still does.
int
brd_pipe_is_offered (brd_pipe_ring_t *ring, const brd_pipe_offer_t *offer);

#endif  // BRD_PIPE_PRIVATE_H
