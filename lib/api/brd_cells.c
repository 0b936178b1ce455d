// brd_cells.c - the memory of values and arrays
//
// SPDX-License-Identifier: MPL-2.0
//
//     few bytes    slot:  | object, lock | n, type | cells |
//     many bytes   slot:  | object, lock | n, type |    block:  | cells |
//
// A block is a run of the arena, 64 KiB at least, of which a counter would use
// four bytes.

#include "api/brd_cells.h"

#include <errno.h>

#include "base/brd_check.h"
#include "shared/brd_slab.h"

size_t
brd_cells_type_size (brood_ctype_t type)
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

void *
brd_cells_new (size_t handle_size,
               brd_kind_t kind,
               brood_ctype_t type,
               size_t size,
               size_t n,
               size_t align)
{
    size_t bytes;
    // Slots are at multiples of 64 themselves.
    const size_t inside = (sizeof (brd_cells_t) + align - 1) / align * align;
    if (__builtin_mul_overflow (size, n, &bytes)) {
        brd_error_set (ENOSPC,
                       "%zu elements of %zu bytes are more than any memory "
                       "has",
                       n,
                       size);
        return NULL;
    }
    const int fits = bytes <= BRD_SLAB_SIZE_MAX - inside;
    brd_shared_handle_t *self =
        brd_shared_handle_new (handle_size,
                               kind,
                               fits ? inside + bytes : sizeof (brd_cells_t),
                               fits ? 0 : bytes);
    if (!self)
        return NULL;
    brd_cells_t *cells = brd_cells_of (self);
    cells->n = n;
    cells->type = type;
    cells->inside = fits ? (uint32_t) inside : 0;
    brd_shared_handle_publish (self);
    return self;
}

void *
brd_cells_data (const brd_shared_handle_t *handle)
{
    brd_cells_t *cells = brd_cells_of (handle);
    return cells->inside != 0 ? (char *) cells + cells->inside
                              : brd_object_block (&cells->locked.object);
}
