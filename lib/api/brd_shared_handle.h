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
//
// Some of these classes have a second home, a manager. There the handle leads
// to an object by calls, and each method begins with
//
//     BRD_REQUIRE_SHARED (self, BRD_KIND_LOCK, -1);
//     brd_remote_t *remote = brd_shared_handle_remote (&self->base);
//     if (remote)
//         return brd_remote_sync_acquire (remote, timeout_ms);

#ifndef BRD_SHARED_HANDLE_H
#define BRD_SHARED_HANDLE_H

#include "base/brd_handle.h"
#include "client/brd_remote.h"
#include "shared/brd_object.h"

// Which of the two it is, the ref in their common head tells.
typedef struct {
    union {
        struct {
            brd_handle_t handle;
            brd_hold_t hold;
        };
        brd_remote_t remote;
    };
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

// Memory for a handle on an object at a manager, whose remote a
// brd_remote_sync_open_... () fills; opened is given what that returned. NULL
// with errno, and nothing is left.
void *
brd_shared_handle_open (size_t handle_size);
void *
brd_shared_handle_opened (void *self, int rc);

// One more handle on what ref leads to, in the arena or at a manager. NULL with
// EINVAL (not a ref of that kind), ENOENT (gone), ENOMEM, ENOSPC, ENOTSUP; at a
// manager also EHOSTDOWN, ECONNRESET.
void *
brd_shared_handle_from (size_t handle_size, brd_kind_t kind, void *ref);

// self_p points to a pointer to a handle. All a brood_x_destroy () does, unless
// the handle has more than its base: then that goes first.
void
brd_shared_handle_destroy (void *self_p);

// The half at a manager, or NULL: the object lies in the arena. A const handle
// is the caller's business; who calls counts for the process.
static inline brd_remote_t *
brd_shared_handle_remote (const brd_shared_handle_t *self)
{
    return brd_remote_is (&self->handle.ref) ? (brd_remote_t *) &self->remote
                                             : NULL;
}

// 0 if the object lies in the arena; -1 with ENOTSUP for what a manager does
// not keep.
int
brd_shared_handle_require_arena (const brd_shared_handle_t *self,
                                 const char *function);

// 0 if it may be used here: brd_handle_check (), and this process has its
// share, or a manager for its home. -1 with errno.
static inline int
brd_shared_handle_check (const brd_shared_handle_t *self,
                         brd_kind_t kind,
                         const char *function)
{
    if (brd_handle_check (self ? &self->handle : NULL, kind, function) < 0)
        return -1;
    if (brd_remote_is (&self->handle.ref))
        return 0;
    // A share is made behind the back of a const handle: it is the process's.
    return brd_hold_need_share ((brd_hold_t *) &self->hold);
}

// What public functions of shared classes begin with.
#define BRD_REQUIRE_SHARED(self, kind, result) \
    do { \
        if (brd_shared_handle_check ( \
                (self) ? &(self)->base : NULL, (kind), __func__) \
            < 0) \
            return result; \
    } while (0)

#endif  // BRD_SHARED_HANDLE_H
