// brd_cells.h - the memory of values and arrays
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_CELLS_H
#define BRD_CELLS_H

#include <stddef.h>

#include "api/brd_shared_handle.h"
#include "brood/brood_value.h"
#include "shared/brd_lock.h"

// The object. Few bytes follow it in its slot, many are its block.
typedef struct {
    brd_lock_object_t locked;  // First
    uint64_t n;
    uint32_t type;    // brood_ctype_t; 0: bytes
    uint32_t inside;  // Where in the slot they begin; 0: in the block
} brd_cells_t;

// Bytes of one; 0 if there is no such type.
size_t
brd_cells_type_size (brood_ctype_t type);

// A handle as brd_shared_handle_new () makes it, published, on n zeros of size
// bytes; type 0 for bytes. The first lies at a multiple of align, which is a
// power of two up to 64. NULL as there; ENOSPC also for more than any memory.
void *
brd_cells_new (size_t handle_size,
               brd_kind_t kind,
               brood_ctype_t type,
               size_t size,
               size_t n,
               size_t align);

static inline brd_cells_t *
brd_cells_of (const brd_shared_handle_t *handle)
{
    return (brd_cells_t *) (void *) handle->hold.object;
}

void *
brd_cells_data (const brd_shared_handle_t *handle);

#endif  // BRD_CELLS_H
