// brd_shared_handle.h - what a handle of every shared class begins with
//
// SPDX-License-Identifier: MPL-2.0
//
// A class whose objects lie in the arena has a handle that begins with this,
// and an object (brd_object_t first) that begins with that:
//
//     struct brood_lock {
//         brd_shared_handle_t base;  // First
//     };
//
//     brood_lock_t *self = brd_shared_handle_new (
//         sizeof *self, BRD_KIND_LOCK, sizeof (s_lock_t), 0);
//     if (!self)
//         return NULL;
//     ... what is not zero in self->base.hold.object ...
//     brd_shared_handle_publish (&self->base);
//     return self;
//
// brood_x_from () and brood_x_destroy () are one call each.

#ifndef BRD_SHARED_HANDLE_H
#define BRD_SHARED_HANDLE_H

#include "base/brd_handle.h"
#include "shared/brd_object.h"

typedef struct {
    brd_handle_t handle;
    brd_hold_t hold;
} brd_shared_handle_t;

// handle_size bytes, zeros behind the base, with a hold on a new object of
// object_size bytes, zeros behind its head, and a block of block_size bytes if
// that is not 0. Starts brood if need be. Nobody finds the object before
// publish. NULL with ENOMEM, ENOSPC, ENOTSUP.
void *
brd_shared_handle_new (size_t handle_size,
                       brd_kind_t kind,
                       size_t object_size,
                       size_t block_size);

void
brd_shared_handle_publish (brd_shared_handle_t *self);

// One more handle on what ref leads to. NULL with EINVAL (not a ref of that
// kind), ENOENT (gone), ENOMEM, ENOSPC, ENOTSUP.
void *
brd_shared_handle_from (size_t handle_size, brd_kind_t kind, void *ref);

// self_p points to a pointer to a handle. All a brood_x_destroy () does, unless
// the handle has more than its base: then that goes first.
void
brd_shared_handle_destroy (void *self_p);

// 0 if it may be used here: brd_handle_check (), and this process has its
// share. -1 with errno.
int
brd_shared_handle_check (const brd_shared_handle_t *self,
                         brd_kind_t kind,
                         const char *function);

// What public functions of shared classes begin with.
#define BRD_REQUIRE_SHARED(self, kind, result) \
    do { \
        if (brd_shared_handle_check ( \
                (self) ? &(self)->base : NULL, (kind), __func__) \
            < 0) \
            return result; \
    } while (0)

#endif  // BRD_SHARED_HANDLE_H
