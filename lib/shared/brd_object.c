// brd_object.c - an object in the arena, and who holds it
//
// SPDX-License-Identifier: MPL-2.0
//
//     new      slot CLAIMED, block, first share
//     publish  slot LIVE
//     from     ref -> slot LIVE with that id? a share
//     drop     share LIVE -> CLAIMED, the class is told, shares - 1
//     free     shares 0 -> GONE, slot LIVE -> CLAIMED, the class, block, slot
//
// A process may be killed between any two of these steps. Each order is chosen
// so that what is then left is swept, or lost (a slot, a count, at worst the
// object's memory till the owner ends), but never freed twice: a share stops
// being one before the object's count falls, and a block is forgotten before it
// is freed.
//
// Read next: brd_shared.c, the sweep.

#include "shared/brd_object.h"

#include <errno.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "base/brd_process.h"
#include "shared/brd_root.h"

static const uint32_t s_gone = UINT32_MAX;

// --- Shares ----------------------------------------------------------------

static uint64_t
s_pack (brd_shared_t *shared, const brd_share_t *share)
{
    return (uint64_t) (brd_process_birth () & 0xffffff) << 40
           | brd_arena_offset (shared->arena, share) / 64;
}

static brd_share_t *
s_unpack (brd_shared_t *shared, uint64_t word)
{
    if (brd_hold_birth (word) != (brd_process_birth () & 0xffffff))
        return NULL;
    return brd_arena_at (shared->arena, (word & 0xffffffffff) * 64);
}

// 0, or -1: it is being freed.
static int
s_count_up (brd_object_t *object)
{
    uint32_t shares = atomic_load (&object->shares);
    do {
        if (shares == s_gone)
            return brd_error_set (
                ENOENT,
                "the %s is gone",
                brd_kind_text ((brd_kind_t) object->slot.kind));
    } while (
        !atomic_compare_exchange_weak (&object->shares, &shares, shares + 1));
    return 0;
}

static void
s_live (brd_slot_t *slot, pid_t pid)
{
    atomic_store (&slot->word, brd_slab_word (BRD_SLAB_LIVE, pid));
}

static brd_share_t *
s_share_of (brd_object_t *object, pid_t pid)
{
    brd_shared_t *shared = object->shared;
    brd_share_t *self = brd_slab_claim (
        &shared->slabs, shared->arena, sizeof *self, shared->keeper);
    if (!self)
        return NULL;
    self->object = object;
    if (s_count_up (object) < 0) {
        brd_slab_free (shared->arena, &self->slot);
        return NULL;
    }
    s_live (&self->slot, pid);
    return self;
}

static brd_share_t *
s_share_new (brd_object_t *object)
{
    return s_share_of (object, getpid ());
}

brd_share_t *
brd_share_keep (brd_object_t *object)
{
    return s_share_of (object, object->shared->keeper);
}

int
brd_share_end (brd_share_t *self, uint32_t word)
{
    brd_object_t *object = self->object;
    brd_shared_t *shared = object->shared;
    const uint32_t mine = brd_slab_word (BRD_SLAB_CLAIMED, getpid ());
    if (!atomic_compare_exchange_strong (&self->slot.word, &word, mine))
        return 0;
    const int32_t watching = atomic_load (&self->watching);
    if (watching > 0)
        atomic_fetch_sub (&object->watchers, (uint32_t) watching);
    const brd_kind_class_t *class = brd_kind_class (object->slot.kind);
    if (class && class->leave)
        class->leave (object, self);
    if (atomic_fetch_sub (&object->shares, 1) == 1)
        brd_object_free_if_unheld (object);
    brd_slab_free (shared->arena, &self->slot);
    return 1;
}

// --- Objects ---------------------------------------------------------------

int
brd_object_new (brd_shared_t *shared,
                brd_kind_t kind,
                size_t size,
                size_t block_size,
                brd_hold_t *ret_hold)
{
    brd_object_t *self =
        brd_slab_claim (&shared->slabs, shared->arena, size, shared->keeper);
    if (!self)
        return -1;
    self->shared = shared;
    self->id = atomic_fetch_add (&shared->ids, 1) + 1;
    self->born = atomic_load (&shared->stamps);
    void *block = NULL;
    if (block_size > 0) {
        block = brd_arena_alloc (
            shared->arena, block_size, (uint32_t) getpid (), 1);
        if (!block)
            goto error;
        self->block = brd_arena_offset (shared->arena, block);
    }
    self->slot.kind = kind;
    // From here on the slot's fate is the block's: see the sweep.
    if (block
        && brd_arena_give (shared->arena, block, (uint32_t) shared->keeper) < 0)
        goto error;
    brd_share_t *share = s_share_new (self);
    if (!share)
        goto error;
    ret_hold->object = self;
    atomic_store (&ret_hold->share, s_pack (shared, share));
    return 0;

error:
    self->slot.kind = 0;
    brd_arena_free (shared->arena, block);
    brd_slab_free (shared->arena, &self->slot);
    return -1;
}

void
brd_object_publish (brd_hold_t *self)
{
    s_live (&self->object->slot, getpid ());
}

void *
brd_object_block (const brd_object_t *self)
{
    return self->block == 0 ? NULL
                            : brd_arena_at (self->shared->arena, self->block);
}

void
brd_object_ref (const brd_object_t *self, uint64_t brood, brd_ref_t *ret_ref)
{
    *ret_ref = (brd_ref_t){
        .brood = brood,
        .object = self->id,
        .offset = brd_arena_offset (self->shared->arena, self),
        .kind = self->slot.kind,
    };
}

void
brd_object_free_if_unheld (brd_object_t *self)
{
    brd_shared_t *shared = self->shared;
    uint32_t none = 0;
    if (atomic_load (&self->shares) != 0
        || brd_shared_has_snapshot_since (shared, self->born)
        || !atomic_compare_exchange_strong (&self->shares, &none, s_gone))
        return;
    atomic_store (&self->slot.word,
                  brd_slab_word (BRD_SLAB_CLAIMED, getpid ()));
    const brd_kind_class_t *class = brd_kind_class (self->slot.kind);
    if (class && class->free)
        class->free (self);
    void *block = brd_object_block (self);
    self->slot.kind = 0;
    self->block = 0;
    brd_arena_free (shared->arena, block);
    brd_slab_free (shared->arena, &self->slot);
}

// --- Holds -----------------------------------------------------------------

int
brd_hold_from (brd_shared_t *shared,
               uint64_t brood,
               const brd_ref_t *ref,
               brd_hold_t *ret_hold)
{
    brd_object_t *object =
        ref->brood == brood ? brd_arena_at (shared->arena, ref->offset) : NULL;
    brd_share_t *share = NULL;
    // An offset from a message: believed when a living object of that number
    // is there, and still is when we hold it.
    if (object && brd_slab_has (&shared->slabs, shared->arena, object)
        && object->slot.kind == ref->kind && object->id == ref->object)
        share = s_share_new (object);
    else
        brd_error_set (ENOENT,
                       "the %s is gone, or another program's",
                       brd_kind_text ((brd_kind_t) ref->kind));
    if (!share)
        return -1;
    if (object->id != ref->object
        || brd_slab_state (atomic_load (&object->slot.word)) != BRD_SLAB_LIVE) {
        (void) brd_share_end (share, atomic_load (&share->slot.word));
        return brd_error_set (ENOENT, "the object is gone");
    }
    ret_hold->object = object;
    atomic_store (&ret_hold->share, s_pack (shared, share));
    return 0;
}

brd_share_t *
brd_hold_share (brd_hold_t *self)
{
    brd_shared_t *shared = self->object->shared;
    uint64_t word = atomic_load_explicit (&self->share, memory_order_acquire);
    brd_share_t *share = s_unpack (shared, word);
    if (share)
        return share;
    share = s_share_new (self->object);
    if (!share)
        return NULL;
    if (atomic_compare_exchange_strong (
            &self->share, &word, s_pack (shared, share)))
        return share;
    // Another thread was faster.
    (void) brd_share_end (share, atomic_load (&share->slot.word));
    return s_unpack (shared, word);
}

void
brd_hold_drop (brd_hold_t *self)
{
    const int saved_errno = errno;
    brd_share_t *share =
        s_unpack (self->object->shared, atomic_load (&self->share));
    if (share)
        (void) brd_share_end (share, atomic_load (&share->slot.word));
    errno = saved_errno;
}
