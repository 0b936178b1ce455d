// brd_shared_handle.c - what a handle of every shared class begins with
//
// SPDX-License-Identifier: MPL-2.0
//
//     new       memory for the handle, the object with a hold, the ref
//     open      memory for the handle; the class's call to its manager
//     from      memory for the handle, ref -> a hold, or a manager's object
//     check     is it one, may we use it; a share, if it came through a fork
//     destroy   the hold is dropped, the memory freed; or the manager is told
//
// The memory comes first: what fails then has nothing to undo that others could
// have seen.
//
// Read next: lib/shared/brd_object.h; lib/client/brd_remote.c, the other home.

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
brd_shared_handle_open (size_t handle_size)
{
    return s_memory (handle_size, BRD_KIND_NONE);
}

void *
brd_shared_handle_opened (void *self, int rc)
{
    if (rc == 0)
        return self;
    s_free (self);
    return NULL;
}

// By a ref that was resolved.
static int
s_from (brd_shared_handle_t *self, const brd_ref_t *ref)
{
    if (brd_remote_is (ref))
        return brd_remote_from_ref (&self->remote, ref);
    if (brd_hold_from (
            brd_runtime_shared (), brd_runtime_brood (), ref, &self->hold)
        < 0)
        return -1;
    self->handle.ref = *ref;
    return 0;
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
    return brd_shared_handle_opened (self, s_from (self, &found));
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
    if (brd_remote_is (&self->handle.ref))
        brd_remote_fini (&self->remote);
    else
        brd_hold_drop (&self->hold);
    s_free (self);
    errno = saved_errno;
}

int
brd_shared_handle_require_arena (const brd_shared_handle_t *self,
                                 const char *function)
{
    if (!brd_remote_is (&self->handle.ref))
        return 0;
    return brd_error_set (ENOTSUP,
                          "%s: the %s is at a manager, which keeps no such "
                          "numbers",
                          function,
                          brd_kind_text ((brd_kind_t) self->handle.ref.kind));
}
