// brd_slab.c - small pieces of the arena
//
// SPDX-License-Identifier: MPL-2.0
//
//     brd_slabs_t.first[class] -> slab -> slab -> ...
//     slab (one run): | head | slot | slot | ... |
//
// A chain only grows, at its head, so whoever walks it needs no lock. A new
// slab is first the process's own; given to the keeper before it is linked, it
// is lost if its maker dies between the two: 64 KiB, once, rather than a chain
// that leads to memory of somebody else.

#include "shared/brd_slab.h"

#include <string.h>
#include <unistd.h>

#include "base/brd_check.h"

enum {
    S_SMALLEST = 64
};

typedef struct {
    uint64_t next;  // Arena offset, 0
    uint32_t stride;
    uint32_t count;
    _Atomic uint32_t hint;  // Where the last one was freed or claimed
    _Atomic uint32_t full;  // 1: not worth a look
    unsigned char spare[40];
} s_slab_t;

_Static_assert(sizeof (s_slab_t) == S_SMALLEST, "slots stay aligned");

static int
s_class (size_t size)
{
    int index = 0;
    while ((size_t) S_SMALLEST << index < size)
        index++;
    return index;
}

static brd_slot_t *
s_slot (s_slab_t *slab, uint32_t i)
{
    return (brd_slot_t *) (void *) ((char *) slab + sizeof *slab
                                    + (size_t) i * slab->stride);
}

static s_slab_t *
s_next (brd_arena_t *arena, uint64_t offset)
{
    return offset == 0 ? NULL : brd_arena_at (arena, offset);
}

static brd_slot_t *
s_claim_in (s_slab_t *slab)
{
    const uint32_t mine = brd_slab_word (BRD_SLAB_CLAIMED, getpid ());
    const uint32_t hint =
        atomic_load_explicit (&slab->hint, memory_order_relaxed);
    // Before the look: whoever frees one behind our back takes it back.
    atomic_store (&slab->full, 1);
    for (uint32_t n = 0; n < slab->count; n++) {
        const uint32_t i = (hint + n) % slab->count;
        brd_slot_t *slot = s_slot (slab, i);
        uint32_t word =
            atomic_load_explicit (&slot->word, memory_order_relaxed);
        if (word != BRD_SLAB_FREE
            || !atomic_compare_exchange_strong (&slot->word, &word, mine))
            continue;
        atomic_store (&slab->full, 0);
        atomic_store_explicit (&slab->hint, i + 1, memory_order_relaxed);
        memset ((char *) slot + sizeof slot->word,
                0,
                slab->stride - sizeof slot->word);
        return slot;
    }
    return NULL;
}

static s_slab_t *
s_grow (brd_slabs_t *self, brd_arena_t *arena, int index, pid_t keeper)
{
    s_slab_t *slab =
        brd_arena_alloc (arena, BRD_ARENA_RUN, (uint32_t) getpid (), 1);
    if (!slab)
        return NULL;
    slab->stride = (uint32_t) S_SMALLEST << index;
    slab->count = (BRD_ARENA_RUN - (uint32_t) sizeof *slab) / slab->stride;
    if (brd_arena_give (arena, slab, (uint32_t) keeper) < 0)
        return NULL;
    const uint64_t offset = brd_arena_offset (arena, slab);
    slab->next = atomic_load (&self->first[index]);
    while (!atomic_compare_exchange_weak (
        &self->first[index], &slab->next, offset))
        continue;
    return slab;
}

void *
brd_slab_claim (brd_slabs_t *self,
                brd_arena_t *arena,
                size_t size,
                pid_t keeper)
{
    brd_assert (size >= sizeof (brd_slot_t) && size <= BRD_SLAB_SIZE_MAX);
    const int index = s_class (size);
    for (s_slab_t *slab = s_next (arena, atomic_load (&self->first[index]));
         slab;
         slab = s_next (arena, slab->next)) {
        brd_slot_t *slot = atomic_load (&slab->full) ? NULL : s_claim_in (slab);
        if (slot)
            return slot;
    }
    // Of a new one that others fill at once there may be none left; then there
    // is another.
    brd_slot_t *slot = NULL;
    while (!slot) {
        s_slab_t *slab = s_grow (self, arena, index, keeper);
        if (!slab)
            return NULL;
        slot = s_claim_in (slab);
    }
    return slot;
}

void
brd_slab_free (brd_arena_t *arena, brd_slot_t *slot)
{
    const uint64_t offset = brd_arena_offset (arena, slot);
    s_slab_t *slab =
        brd_arena_at (arena, offset / BRD_ARENA_RUN * BRD_ARENA_RUN);
    const uint64_t i = (offset % BRD_ARENA_RUN - sizeof *slab) / slab->stride;
    atomic_store (&slot->word, BRD_SLAB_FREE);
    atomic_store_explicit (&slab->hint, (uint32_t) i, memory_order_relaxed);
    atomic_store (&slab->full, 0);
}

void
brd_slab_each (const brd_slabs_t *self,
               brd_arena_t *arena,
               void (*fn) (void *arg, brd_slot_t *slot),
               void *arg)
{
    for (int index = 0; index < BRD_SLAB_CLASSES; index++) {
        for (s_slab_t *slab = s_next (arena, atomic_load (&self->first[index]));
             slab;
             slab = s_next (arena, slab->next)) {
            for (uint32_t i = 0; i < slab->count; i++) {
                brd_slot_t *slot = s_slot (slab, i);
                if (atomic_load_explicit (&slot->word, memory_order_acquire)
                    != BRD_SLAB_FREE)
                    fn (arg, slot);
            }
        }
    }
}

int
brd_slab_has (const brd_slabs_t *self, brd_arena_t *arena, const void *memory)
{
    const uintptr_t at = (uintptr_t) memory;
    for (int index = 0; index < BRD_SLAB_CLASSES; index++) {
        for (s_slab_t *slab = s_next (arena, atomic_load (&self->first[index]));
             slab;
             slab = s_next (arena, slab->next)) {
            const uintptr_t begin = (uintptr_t) s_slot (slab, 0);
            if (at < begin || at - begin >= (size_t) slab->count * slab->stride)
                continue;
            return (at - begin) % slab->stride == 0
                   && atomic_load (&((const brd_slot_t *) memory)->word)
                          != BRD_SLAB_FREE;
        }
    }
    return 0;
}
