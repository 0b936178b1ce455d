// brd_items.c - the items of a queue, in the arena
//
// SPDX-License-Identifier: MPL-2.0
//
//     add      room in the last chunk, or one more | bytes | used    (commits)
//     take     word READY -> TAKEN                                   (commits)
//     remove   word -> GONE (commits) | block, and chunk if nothing lives in it
//
// Memory that is about to be the queue's is named in `pending` before it is
// given to the keeper, and memory that is not any more before it is taken out
// of the chain. So whoever repairs finds it: what the truth does not lead to is
// freed, by its mark, if that was not done already.
//
// Most queues are first in, first out and give nothing back. For them the next
// item is simply the next in the chunk; the heap holds what has come back, and
// all items of a queue with priorities.
//
// A chunk that is drained is freed; the last one is used again from its start,
// so that a queue that is mostly empty stays in the same few lines of cache.
//
// Read next: brd_queue.c.

#include "shared/brd_items.h"

#include <string.h>
#include <unistd.h>

#include "base/brd_check.h"

struct brd_chunk {
    brd_chunk_t *_Atomic next;
    _Atomic uint32_t used;  // Offset behind its last item
    // Made from the items.
    uint32_t live;  // Not GONE
    brd_chunk_t *prev;
    unsigned char spare[40];
};

_Static_assert(sizeof (brd_chunk_t) == 64 && sizeof (brd_item_t) == 64,
               "a line of the cache each");

enum {
    S_ALIGN = 16
};

// --- Places ----------------------------------------------------------------

static brd_item_t *
s_item (brd_chunk_t *chunk, uint32_t offset)
{
    return (brd_item_t *) (void *) ((char *) chunk + offset);
}

static uint32_t
s_used (const brd_chunk_t *chunk)
{
    return atomic_load_explicit (&((brd_chunk_t *) chunk)->used,
                                 memory_order_relaxed);
}

static brd_chunk_t *
s_next (const brd_chunk_t *chunk)
{
    return atomic_load_explicit (&((brd_chunk_t *) chunk)->next,
                                 memory_order_relaxed);
}

static brd_chunk_t *
s_first (const brd_items_t *self)
{
    return atomic_load_explicit (&((brd_items_t *) self)->first,
                                 memory_order_relaxed);
}

static uint32_t
s_stride (size_t inline_size)
{
    const size_t size = sizeof (brd_item_t) + inline_size;
    return (uint32_t) ((size + S_ALIGN - 1) / S_ALIGN * S_ALIGN);
}

static uint32_t
s_stride_of (const brd_item_t *item)
{
    return s_stride (item->block ? 0 : (size_t) item->size);
}

static brd_chunk_t *
s_chunk_of (const brd_items_t *self, const brd_item_t *item)
{
    const uint64_t offset = brd_arena_offset (self->arena, item);
    return brd_arena_at (self->arena, offset / BRD_ARENA_RUN * BRD_ARENA_RUN);
}

// Of counters that the holder of the lock alone writes to.
static uint64_t
s_count_up (_Atomic uint64_t *counter)
{
    const uint64_t n = atomic_load_explicit (counter, memory_order_relaxed) + 1;
    atomic_store_explicit (counter, n, memory_order_relaxed);
    return n;
}

static void
s_set_word (brd_item_t *item, int state, int deliveries, uint64_t tag)
{
    // Everything it depends on is written before, also for who is killed next.
    atomic_store_explicit (&item->word,
                           (uint64_t) state | (uint64_t) deliveries << 2
                               | tag << 17,
                           memory_order_release);
}

// --- Memory ----------------------------------------------------------------

static void
s_pending_begin (brd_items_t *self, void *memory)
{
    self->pending_mark = brd_arena_mark (self->arena, memory);
    atomic_store_explicit (&self->pending, memory, memory_order_release);
}

static void
s_pending_end (brd_items_t *self)
{
    atomic_store_explicit (&self->pending, NULL, memory_order_release);
}

// One more chunk at the end of the chain.
static brd_chunk_t *
s_grow (brd_items_t *self)
{
    brd_chunk_t *chunk =
        brd_arena_alloc (self->arena, BRD_ARENA_RUN, (uint32_t) getpid (), 0);
    if (!chunk)
        return NULL;
    memset (chunk, 0, sizeof *chunk);
    chunk->used = sizeof *chunk;
    chunk->prev = self->last;
    s_pending_begin (self, chunk);
    if (brd_arena_give (self->arena, chunk, (uint32_t) self->keeper) < 0) {
        s_pending_end (self);
        return NULL;
    }
    atomic_store_explicit (self->last ? &self->last->next : &self->first,
                           chunk,
                           memory_order_release);
    self->last = chunk;
    if (!self->at) {
        self->at = chunk;
        self->at_offset = sizeof *chunk;
    }
    s_pending_end (self);
    return chunk;
}

// Nothing lives in it any more.
static void
s_drained (brd_items_t *self, brd_chunk_t *chunk)
{
    brd_chunk_t *next = s_next (chunk);
    if (self->at == chunk) {
        self->at = next ? next : chunk;
        self->at_offset = sizeof *chunk;
    }
    if (!next) {
        atomic_store_explicit (
            &chunk->used, (uint32_t) sizeof *chunk, memory_order_release);
        return;
    }
    s_pending_begin (self, chunk);
    atomic_store_explicit (chunk->prev ? &chunk->prev->next : &self->first,
                           next,
                           memory_order_release);
    next->prev = chunk->prev;
    brd_arena_free (self->arena, chunk);
    s_pending_end (self);
}

// --- In --------------------------------------------------------------------

int
brd_items_add (brd_items_t *self, const brd_item_new_t *item)
{
    brd_assert ((item->size > BRD_ITEM_INLINE_MAX) == (item->block != NULL));
    const uint32_t stride = s_stride (item->block ? 0 : item->size);
    brd_chunk_t *chunk = self->last;
    if (!chunk || BRD_ARENA_RUN - s_used (chunk) < stride)
        chunk = s_grow (self);
    if (!chunk)
        return -1;
    const uint32_t used = s_used (chunk);
    brd_item_t *one = s_item (chunk, used);
    if (item->block) {
        s_pending_begin (self, item->block);
        if (brd_arena_give (self->arena, item->block, (uint32_t) self->keeper)
            < 0) {
            s_pending_end (self);
            return -1;
        }
    }
    else
        memcpy (one + 1, item->bytes, item->size);
    one->number = s_count_up (&self->number);
    one->priority = item->priority;
    one->size = item->size;
    one->taken = 0;
    one->block = item->block;
    s_set_word (one, BRD_ITEM_READY, 0, 0);
    atomic_store_explicit (&chunk->used, used + stride, memory_order_release);
    if (item->block)
        s_pending_end (self);
    chunk->live++;
    self->ready++;
    self->ready_bytes += item->size;
    if (self->ordered)
        brd_order_push (&self->root, BRD_ORDER_QUEUE, one);
    return 0;
}

// --- The next --------------------------------------------------------------

brd_item_t *
brd_items_peek (brd_items_t *self)
{
    if (self->root || self->ordered)
        return self->root;
    if (!self->at)
        return NULL;
    while (self->at_offset >= s_used (self->at)) {
        brd_chunk_t *next = s_next (self->at);
        if (!next)
            return NULL;
        self->at = next;
        self->at_offset = sizeof *next;
    }
    return s_item (self->at, self->at_offset);
}

brd_item_t *
brd_items_pop (brd_items_t *self)
{
    brd_item_t *item = brd_items_peek (self);
    if (!item)
        return NULL;
    if (self->root)
        (void) brd_order_pop (&self->root, BRD_ORDER_QUEUE);
    else
        self->at_offset += s_stride_of (item);
    (void) s_count_up (&self->takes);
    self->ready--;
    self->ready_bytes -= item->size;
    return item;
}

void
brd_items_unpop (brd_items_t *self, brd_item_t *item)
{
    self->ready++;
    self->ready_bytes += item->size;
    brd_order_push (&self->root, BRD_ORDER_QUEUE, item);
}

// --- Takers ----------------------------------------------------------------

static size_t
s_taker (uint64_t tag)
{
    return (size_t) (tag % BRD_ITEMS_TAKERS);
}

// At the end of its list, newest last.
static void
s_list (brd_items_t *self, brd_item_t *item)
{
    const size_t i = s_taker (brd_item_tag (item));
    item->next = NULL;
    if (self->takers[i].last)
        self->takers[i].last->next = item;
    else
        self->takers[i].first = item;
    self->takers[i].last = item;
    self->taken++;
}

static void
s_unlist (brd_items_t *self, brd_item_t *item)
{
    const size_t i = s_taker (brd_item_tag (item));
    brd_item_t *before = NULL;
    brd_item_t **link = &self->takers[i].first;
    while (*link != item) {
        before = *link;
        link = &before->next;
    }
    *link = item->next;
    if (self->takers[i].last == item)
        self->takers[i].last = before;
    self->taken--;
}

void
brd_items_take (brd_items_t *self, brd_item_t *item, uint64_t tag)
{
    int deliveries = brd_item_deliveries (item);
    if (deliveries < BRD_ITEM_DELIVERIES_MAX)
        deliveries++;
    item->taken = s_count_up (&self->takes);
    s_set_word (item, BRD_ITEM_TAKEN, deliveries, tag);
    s_list (self, item);
}

void
brd_items_give_back (brd_items_t *self, brd_item_t *item, int as_if_not)
{
    s_unlist (self, item);
    s_set_word (
        item, BRD_ITEM_READY, brd_item_deliveries (item) - as_if_not, 0);
    brd_items_unpop (self, item);
}

void *
brd_items_remove (brd_items_t *self, brd_item_t *item)
{
    brd_chunk_t *chunk = s_chunk_of (self, item);
    void *block = item->block;
    if (brd_item_state (item) == BRD_ITEM_TAKEN)
        s_unlist (self, item);
    if (block)
        s_pending_begin (self, block);
    s_set_word (item, BRD_ITEM_GONE, 0, 0);
    if (block) {
        (void) brd_arena_give (self->arena, block, (uint32_t) getpid ());
        s_pending_end (self);
    }
    if (--chunk->live == 0)
        s_drained (self, chunk);
    return block;
}

brd_item_t *
brd_items_taken_by (const brd_items_t *self, uint64_t tag)
{
    brd_item_t *item = self->takers[s_taker (tag)].first;
    while (item && brd_item_tag (item) != tag)
        item = item->next;
    return item;
}

brd_item_t *
brd_items_orphan (const brd_items_t *self,
                  int (*lives) (void *arg, uint64_t tag),
                  void *arg)
{
    for (size_t i = 0; self->taken > 0 && i < BRD_ITEMS_TAKERS; i++) {
        brd_item_t *item = self->takers[i].first;
        while (item && lives (arg, brd_item_tag (item)))
            item = item->next;
        if (item)
            return item;
    }
    return NULL;
}

// --- Repair ----------------------------------------------------------------

// Walks all items there are, in the order of their places, which is that of
// their numbers.
static void
s_each (brd_items_t *self,
        void (*fn) (brd_items_t *self,
                    brd_chunk_t *chunk,
                    brd_item_t *item,
                    uint64_t *arg),
        uint64_t *arg)
{
    brd_chunk_t *prev = NULL;
    for (brd_chunk_t *chunk = s_first (self); chunk; chunk = s_next (chunk)) {
        uint32_t offset = sizeof *chunk;
        chunk->prev = prev;
        while (offset < s_used (chunk)) {
            brd_item_t *item = s_item (chunk, offset);
            fn (self, chunk, item, arg);
            offset += s_stride_of (item);
        }
        self->last = prev = chunk;
    }
}

// What never was taken begins behind the last one that was.
static void
s_find_at (brd_items_t *self,
           brd_chunk_t *chunk,
           brd_item_t *item,
           uint64_t *border)
{
    if (brd_item_state (item) == BRD_ITEM_READY)
        return;
    self->at = chunk;
    self->at_offset =
        (uint32_t) ((char *) item - (char *) chunk) + s_stride_of (item);
    *border = item->number;
}

static void
s_count (brd_items_t *self,
         brd_chunk_t *chunk,
         brd_item_t *item,
         uint64_t *border)
{
    const int state = brd_item_state (item);
    if (state == BRD_ITEM_GONE)
        return;
    chunk->live++;
    if (item->block && item->block == atomic_load (&self->pending))
        s_pending_end (self);
    if (state == BRD_ITEM_TAKEN) {
        brd_order_push (&self->takers[0].first, BRD_ORDER_TAKEN, item);
        return;
    }
    self->ready++;
    self->ready_bytes += item->size;
    if (self->ordered || item->number < *border)
        brd_order_push (&self->root, BRD_ORDER_QUEUE, item);
}

// What was pending and is not part of the queue.
static void
s_settle_pending (brd_items_t *self)
{
    void *memory = atomic_load (&self->pending);
    for (brd_chunk_t *chunk = s_first (self); chunk; chunk = s_next (chunk)) {
        if (chunk == memory)
            memory = NULL;
    }
    if (memory)
        (void) brd_arena_free_marked (self->arena, memory, self->pending_mark);
    s_pending_end (self);
}

static void
s_relist_taken (brd_items_t *self)
{
    brd_item_t *taken = self->takers[0].first;
    brd_item_t *item;
    self->takers[0].first = NULL;
    while ((item = brd_order_pop (&taken, BRD_ORDER_TAKEN)))
        s_list (self, item);
}

void
brd_items_repair (brd_items_t *self)
{
    uint64_t border = 0;
    self->last = self->at = s_first (self);
    self->at_offset = sizeof (brd_chunk_t);
    self->root = NULL;
    self->ready = self->taken = 0;
    self->ready_bytes = 0;
    memset (self->takers, 0, sizeof self->takers);
    for (brd_chunk_t *chunk = s_first (self); chunk; chunk = s_next (chunk))
        chunk->live = 0;
    s_each (self, s_find_at, &border);
    s_each (self, s_count, &border);
    s_settle_pending (self);
    s_relist_taken (self);
    brd_chunk_t *next;
    for (brd_chunk_t *chunk = s_first (self); chunk; chunk = next) {
        next = s_next (chunk);
        if (chunk->live == 0)
            s_drained (self, chunk);
    }
}

static void
s_free_block (brd_items_t *self,
              brd_chunk_t *chunk,
              brd_item_t *item,
              uint64_t *unused)
{
    (void) chunk;
    (void) unused;
    if (brd_item_state (item) != BRD_ITEM_GONE)
        brd_arena_free (self->arena, item->block);
}

void
brd_items_free (brd_items_t *self)
{
    // Something a dead process was at; it may be one of the chunks.
    brd_items_repair (self);
    s_each (self, s_free_block, NULL);
    brd_chunk_t *chunk = s_first (self);
    atomic_store (&self->first, NULL);
    while (chunk) {
        brd_chunk_t *next = s_next (chunk);
        brd_arena_free (self->arena, chunk);
        chunk = next;
    }
}
