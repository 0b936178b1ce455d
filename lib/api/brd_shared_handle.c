// brd_shared_handle.c - what a handle of every shared class begins with
//
// SPDX-License-Identifier: MPL-2.0
//
//     new       memory for the handle, the object with a hold, the ref
//     from      memory for the handle, ref -> a hold
//     check     is it one, may we use it; a share, if it came through a fork
//     destroy   the hold is dropped, the memory freed
//
// The memory comes first: what fails then has nothing to undo that others could
// have seen.
//
// Read next: lib/shared/brd_object.h.

#include "api/brd_shared_handle.h"

#include <errno.h>
#include <string.h>

#include "api/brd_runtime.h"
#include "base/brd_check.h"
#include "base/brd_mem.h"
#include "client/brd_msg.h"

static void *
s_memory (size_t size, brd_kind_t kind)
{
    brd_assert (size >= sizeof (brd_shared_handle_t));
    if (brd_runtime_need () < 0)
        return NULL;
    brd_shared_handle_t *self = brd_mem_zalloc (size);
    if (self)
        brd_handle_init (&self->handle, kind);
    return self;
}

static void
s_free (brd_shared_handle_t *self)
{
    brd_handle_fini (&self->handle);
    brd_mem_free (self);
}

void *
brd_shared_handle_new (size_t handle_size,
                       brd_kind_t kind,
                       size_t object_size,
                       size_t block_size)
{
    brd_shared_handle_t *self = s_memory (handle_size, kind);
    if (!self)
        return NULL;
    if (brd_object_new (
            brd_runtime_shared (), kind, object_size, block_size, &self->hold)
        < 0) {
        s_free (self);
        return NULL;
    }
    brd_object_ref (self->hold.object, brd_runtime_brood (), &self->handle.ref);
    return self;
}

void
brd_shared_handle_publish (brd_shared_handle_t *self)
{
    brd_object_publish (&self->hold);
}

void *
brd_shared_handle_from (size_t handle_size, brd_kind_t kind, void *ref)
{
    brd_ref_t found;
    if (brd_ref_resolve (ref, kind, &found) < 0)
        return NULL;
    brd_shared_handle_t *self = s_memory (handle_size, kind);
    if (!self)
        return NULL;
    if (brd_hold_from (
            brd_runtime_shared (), brd_runtime_brood (), &found, &self->hold)
        < 0) {
        s_free (self);
        return NULL;
    }
    self->handle.ref = found;
    return self;
}

void
brd_shared_handle_destroy (void *self_p)
{
    brd_shared_handle_t *self = NULL;
    // Bytes: the pointer there is of the class's own type.
    if (self_p)
        memcpy (&self, self_p, sizeof (void *));
    if (!self)
        return;
    const int saved_errno = errno;
    memset (self_p, 0, sizeof (void *));
    brd_hold_drop (&self->hold);
    s_free (self);
    errno = saved_errno;
}

int
brd_shared_handle_check (const brd_shared_handle_t *self,
                         brd_kind_t kind,
                         const char *function)
{
    if (brd_handle_check (self ? &self->handle : NULL, kind, function) < 0)
        return -1;
    // A share is made behind the back of a const handle: it is the process's.
    return brd_hold_need_share ((brd_hold_t *) &self->hold);
}
