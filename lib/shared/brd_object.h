// brd_object.h - an object in the arena, and who holds it
//
// SPDX-License-Identifier: MPL-2.0
//
// A public handle of a shared class is a brd_hold_t in private memory: the
// object, at one address everywhere, and this process's share in it:
//
//     handle (any process) --> object (arena) <-- share (arena, per process
//        brd_hold_t            brd_object_t        and handle)
//
// The object counts shares. A share ends when its handle is destroyed or its
// process dies; with the last one the object goes, unless a snapshot may still
// have a handle to it (brd_shared.h). A handle that came along through a fork
// gets a share of its own with its first use in the child.
//
// What a class keeps per process (permits it holds, an end of a pipe it has
// open) lies in the share, where the sweep finds it.
//
// Threads. A hold may be used by several threads, except that nobody may use it
// during or after its drop.

#ifndef BRD_OBJECT_H
#define BRD_OBJECT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/brd_handle.h"
#include "base/brd_process.h"
#include "shared/brd_shared.h"
#include "shared/brd_slab.h"

// What every object begins with; the class's own struct follows in its memory.
typedef struct {
    brd_slot_t slot;            // First; slot.kind is the class
    _Atomic uint32_t shares;    // Of processes; S_GONE once it is being freed
    _Atomic uint32_t watchers;  // Who is to be rung when it changes
    uint64_t id;                // Never used twice in a brood
    uint64_t born;              // Snapshots taken before it
    uint64_t block;             // Arena offset of its data, 0
    brd_shared_t *shared;
} brd_object_t;

// One process's part in an object, by one handle.
typedef struct {
    brd_slot_t slot;  // First; kind 0
    brd_object_t *object;
    _Atomic int32_t count;  // The class's own: permits, ends
    _Atomic int32_t watching;
} brd_share_t;

// What a class gives to this folder, once, in brd_kind_class ().
typedef struct {
    // pid has died: let go of what is held by it or one of its threads. May be
    // called for any living object of the class, by any process.
    void (*sweep) (brd_object_t *object, pid_t pid);
    // A share ends, with what its count says.
    void (*leave) (brd_object_t *object, brd_share_t *share);
    // Nobody holds it any more; its slot and block are freed afterwards.
    void (*free) (brd_object_t *object);
} brd_kind_class_t;

// NULL for kinds that are not objects. All three members may be NULL.
const brd_kind_class_t *
brd_kind_class (uint32_t kind);

// In the class's handle.
typedef struct {
    brd_object_t *object;
    _Atomic uint64_t share;  // Of which birth, and where
} brd_hold_t;

// The birth in a hold's word: 24 bits, the 40 others are the share's place in
// units of 64.
static inline uint64_t
brd_hold_birth (uint64_t word)
{
    return word >> 40;
}

// A new object of size bytes, all zeros behind its head, and a block of
// block_size bytes if that is not 0, with a hold on it. Nobody else can find it
// before brd_object_publish (). -1 with ENOSPC.
int
brd_object_new (brd_shared_t *shared,
                brd_kind_t kind,
                size_t size,
                size_t block_size,
                brd_hold_t *ret_hold);

// It is ready: others may find it.
void
brd_object_publish (brd_hold_t *self);

// Its data.
void *
brd_object_block (const brd_object_t *self);

// What brood_ref () gives away of it.
void
brd_object_ref (const brd_object_t *self, uint64_t brood, brd_ref_t *ret_ref);

// A hold on the object a ref leads to. -1 with ENOENT when it is gone or was
// another brood's, ENOSPC.
int
brd_hold_from (brd_shared_t *shared,
               uint64_t brood,
               const brd_ref_t *ref,
               brd_hold_t *ret_hold);

// This process's share, made if the hold came along through a fork. NULL with
// ENOENT or ENOSPC.
brd_share_t *
brd_hold_share (brd_hold_t *self);

// The same for who only wants it to be there: 0, or -1 with errno.
static inline int
brd_hold_need_share (brd_hold_t *self)
{
    const uint64_t word =
        atomic_load_explicit (&self->share, memory_order_acquire);
    return brd_hold_birth (word) == (brd_process_birth () & 0xffffff)
                   || brd_hold_share (self)
               ? 0
               : -1;
}

// Ends the share; takes one that was never made. errno stays.
void
brd_hold_drop (brd_hold_t *self);

// A share that one object has in another, and ends with brd_share_end () in its
// class's free (): the keeper's, so that no maker's death ends it. NULL with
// ENOENT or ENOSPC.
brd_share_t *
brd_share_keep (brd_object_t *object);

// For the sweep: the share ends, whoever calls. 1, or 0 if somebody else is at
// it.
int
brd_share_end (brd_share_t *self, uint32_t word);

// For those who end snapshots: frees an object nobody holds.
void
brd_object_free_if_unheld (brd_object_t *self);

#endif  // BRD_OBJECT_H
