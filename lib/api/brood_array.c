// brood_array.c - many numbers, or structs, in shared memory
//
// SPDX-License-Identifier: MPL-2.0
//
// The elements are the block of a shared object. Read lib/shared/brd_object.h
// next.

#include "brood/brood_array.h"

#include <errno.h>

#include "api/brd_runtime.h"
#include "base/brd_check.h"
#include "base/brd_handle.h"
#include "base/brd_mem.h"
#include "client/brd_msg.h"
#include "shared/brd_object.h"

typedef struct {
    brd_object_t object;  // First
    uint64_t n;
} s_array_t;

struct brood_array {
    brd_handle_t handle;
    brd_hold_t hold;
};

static size_t
s_type_size (brood_ctype_t type)
{
    switch (type) {
    case BROOD_CHAR:
    case BROOD_INT8:
    case BROOD_UINT8:
        return 1;
    case BROOD_INT16:
    case BROOD_UINT16:
        return 2;
    case BROOD_INT:
    case BROOD_UINT:
        return sizeof (int);
    case BROOD_FLOAT32:
    case BROOD_INT32:
    case BROOD_UINT32:
        return 4;
    case BROOD_LONG:
    case BROOD_ULONG:
        return sizeof (long);
    case BROOD_DOUBLE:
    case BROOD_INT64:
    case BROOD_UINT64:
        return 8;
    }
    return 0;
}

// Takes the hold; on failure it is dropped.
static brood_array_t *
s_handle (brd_hold_t *hold)
{
    brood_array_t *self = brd_mem_zalloc (sizeof *self);
    if (!self) {
        brd_hold_drop (hold);
        return NULL;
    }
    brd_handle_init (&self->handle, BRD_KIND_ARRAY);
    brd_object_ref (hold->object, brd_runtime_brood (), &self->handle.ref);
    self->hold = *hold;
    return self;
}

static const s_array_t *
s_array (const brood_array_t *self)
{
    return (const s_array_t *) (const void *) self->hold.object;
}

brood_array_t *
brood_array_new_sized (size_t size_bytes, size_t n)
{
    size_t bytes;
    brd_hold_t hold;
    BRD_REQUIRE (size_bytes > 0 && n > 0, NULL);
    if (brd_runtime_need () < 0)
        return NULL;
    if (__builtin_mul_overflow (size_bytes, n, &bytes)) {
        brd_error_set (ENOSPC,
                       "an array of %zu elements of %zu bytes is too "
                       "large for any memory",
                       n,
                       size_bytes);
        return NULL;
    }
    if (brd_object_new (brd_runtime_shared (),
                        BRD_KIND_ARRAY,
                        sizeof (s_array_t),
                        bytes,
                        &hold)
        < 0)
        return NULL;
    ((s_array_t *) (void *) hold.object)->n = n;
    brd_object_publish (&hold);
    return s_handle (&hold);
}

brood_array_t *
brood_array_new (brood_ctype_t type, size_t n)
{
    const size_t size = s_type_size (type);
    BRD_REQUIRE (size > 0, NULL);
    return brood_array_new_sized (size, n);
}

brood_array_t *
brood_array_from (void *ref)
{
    brd_ref_t found;
    brd_hold_t hold;
    if (brd_ref_resolve (ref, BRD_KIND_ARRAY, &found) < 0
        || brd_runtime_need () < 0
        || brd_hold_from (
               brd_runtime_shared (), brd_runtime_brood (), &found, &hold)
               < 0)
        return NULL;
    return s_handle (&hold);
}

void
brood_array_destroy (brood_array_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    const int saved_errno = errno;
    brood_array_t *self = *self_p;
    *self_p = NULL;
    brd_hold_drop (&self->hold);
    brd_handle_fini (&self->handle);
    brd_mem_free (self);
    errno = saved_errno;
}

void *
brood_array_ptr (const brood_array_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_ARRAY, NULL);
    return brd_object_block (self->hold.object);
}

size_t
brood_array_len (const brood_array_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_ARRAY, 0);
    return (size_t) s_array (self)->n;
}
