// brood_array.c - many numbers, or structs, in shared memory
//
// SPDX-License-Identifier: MPL-2.0
//
// The elements are the block of a shared object. Read lib/shared/brd_object.h
// next.

#include "brood/brood_array.h"

#include <errno.h>

#include "api/brd_shared_handle.h"
#include "base/brd_check.h"
#include "shared/brd_lock.h"

typedef struct {
    brd_lock_object_t locked;  // First
    uint64_t n;
} s_array_t;

struct brood_array {
    brd_shared_handle_t base;
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

static const s_array_t *
s_array (const brood_array_t *self)
{
    return (const s_array_t *) (const void *) self->base.hold.object;
}

brood_array_t *
brood_array_new_sized (size_t size_bytes, size_t n)
{
    size_t bytes;
    BRD_REQUIRE (size_bytes > 0 && n > 0, NULL);
    if (__builtin_mul_overflow (size_bytes, n, &bytes)) {
        brd_error_set (ENOSPC,
                       "an array of %zu elements of %zu bytes is too "
                       "large for any memory",
                       n,
                       size_bytes);
        return NULL;
    }
    brood_array_t *self = brd_shared_handle_new (
        sizeof *self, BRD_KIND_ARRAY, sizeof (s_array_t), bytes);
    if (!self)
        return NULL;
    ((s_array_t *) (void *) self->base.hold.object)->n = n;
    brd_shared_handle_publish (&self->base);
    return self;
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
    return brd_shared_handle_from (sizeof (brood_array_t), BRD_KIND_ARRAY, ref);
}

void
brood_array_destroy (brood_array_t **self_p)
{
    brd_shared_handle_destroy (self_p);
}

void *
brood_array_ptr (const brood_array_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_ARRAY, NULL);
    return brd_object_block (self->base.hold.object);
}

size_t
brood_array_len (const brood_array_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_ARRAY, 0);
    return (size_t) s_array (self)->n;
}
