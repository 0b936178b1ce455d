// brd_items.h - the items of a queue, in the arena
//
// SPDX-License-Identifier: MPL-2.0
//
//     first -> chunk -> chunk -> chunk (last)
//              | head | item bytes | item bytes | ... | used
//
// The truth is the chain of chunks, how far each is used, and the word of each
// item; it changes by one store at a time, and a process may be killed between
// any two. All else, what is next, who has what, how many, is made from it, and
// made again when a process has died in the middle (brd_items_repair ()).
//
//     word:  GONE       its place is waste, until its chunk is
//            READY      to be got
//            TAKEN      somebody has it, and it may come back
//            and how often it was taken, and by whom (brd_seat_tag ())
//
// Everything here is called by one thread at a time, the holder of the queue's
// lock.

#ifndef BRD_ITEMS_H
#define BRD_ITEMS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/brd_arena.h"
#include "shared/brd_order.h"

enum {
    BRD_ITEM_GONE = 0,
    BRD_ITEM_READY = 1,
    BRD_ITEM_TAKEN = 2,
    // Counted up to here.
    BRD_ITEM_DELIVERIES_MAX = (1 << 15) - 1,
    // A larger one has a block of its own; two of these fill a chunk.
    BRD_ITEM_INLINE_MAX = BRD_ARENA_RUN / 2 - 128,
    // Lists of what is taken, by the taker's seat.
    BRD_ITEMS_TAKERS = 64
};

typedef struct brd_chunk brd_chunk_t;

// All zeros but arena, keeper and ordered: none. What every put and get writes
// to is one line of the cache, since it goes from CPU to CPU with them.
typedef struct {
    // The truth, but for the counters.
    _Alignas(64) _Atomic uint64_t number;  // Of the last put
    _Atomic uint64_t takes;                // Items taken or gone so far
    // Made from it.
    brd_chunk_t *last;
    brd_chunk_t *at;   // Where the items begin that never were taken,
    brd_item_t *root;  // and what comes before them; ordered: all
    size_t ready_bytes;
    uint32_t at_offset;
    uint32_t ready;
    uint32_t taken;
    // The truth, too.
    _Alignas(64) brd_chunk_t *_Atomic first;
    void *_Atomic pending;  // Memory about to be ours, or not any more...
    uint64_t pending_mark;  // ...and its mark
    brd_arena_t *arena;
    pid_t keeper;  // Whose the memory is: a process that outlives all
    int ordered;   // 1: by priority
    struct {
        brd_item_t *first;  // In the order they were taken
        brd_item_t *last;
    } takers[BRD_ITEMS_TAKERS];
} brd_items_t;

// What is put: bytes on loan, and if they are more than BRD_ITEM_INLINE_MAX the
// block of this process they lie in, which is the queue's on success.
typedef struct {
    const void *bytes;
    size_t size;
    int64_t priority;
    void *block;
} brd_item_new_t;

static inline int
brd_item_state (const brd_item_t *self)
{
    return (int) (atomic_load_explicit (&((brd_item_t *) self)->word,
                                        memory_order_relaxed)
                  & 3);
}

// How often it was taken.
static inline int
brd_item_deliveries (const brd_item_t *self)
{
    return (int) (atomic_load_explicit (&((brd_item_t *) self)->word,
                                        memory_order_relaxed)
                      >> 2
                  & BRD_ITEM_DELIVERIES_MAX);
}

// Who has it, or had it last.
static inline uint64_t
brd_item_tag (const brd_item_t *self)
{
    return atomic_load_explicit (&((brd_item_t *) self)->word,
                                 memory_order_relaxed)
           >> 17;
}

static inline const void *
brd_item_bytes (const brd_item_t *self)
{
    return self->block ? self->block : (const unsigned char *) (self + 1);
}

// One more at the tail. -1 with ENOSPC.
int
brd_items_add (brd_items_t *self, const brd_item_new_t *item);

// The next one, or NULL; and it is out of the order, though still READY: if
// this process dies it was never touched.
brd_item_t *
brd_items_peek (brd_items_t *self);
brd_item_t *
brd_items_pop (brd_items_t *self);

// It is back in its place; for what was popped and not changed since.
void
brd_items_unpop (brd_items_t *self, brd_item_t *item);

// What was popped is tag's now, and counted as taken once more.
void
brd_items_take (brd_items_t *self, brd_item_t *item, uint64_t tag);

// What was taken is back in its place. as_if_not: it was not taken at all.
void
brd_items_give_back (brd_items_t *self, brd_item_t *item, int as_if_not);

// What was popped or taken ends. Its block, if it had one, is this process's
// now, and returned to be freed when there is time.
void *
brd_items_remove (brd_items_t *self, brd_item_t *item);

// What tag has taken first of what it still has, NULL.
brd_item_t *
brd_items_taken_by (const brd_items_t *self, uint64_t tag);

// Any one that is taken and whose taker's tag does not live, NULL.
brd_item_t *
brd_items_orphan (const brd_items_t *self,
                  int (*lives) (void *arg, uint64_t tag),
                  void *arg);

// A holder of the lock has died: all is as it was before or after what it was
// doing.
void
brd_items_repair (brd_items_t *self);

// Frees everything. Nobody uses the queue any more.
void
brd_items_free (brd_items_t *self);

#endif  // BRD_ITEMS_H
