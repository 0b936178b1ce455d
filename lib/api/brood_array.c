// brood_array.c - many numbers, or structs, in shared memory
//
// SPDX-License-Identifier: MPL-2.0
//
// Read next: brd_cells.c, where the elements are.

#include "brood/brood_array.h"

#include "api/brd_cells.h"
#include "api/brd_rlock_loan.h"
#include "base/brd_check.h"

enum {
    S_ALIGN = 64
};

struct brood_array {
    brd_shared_handle_t base;  // First
    brood_rlock_t lock;
};

static brood_array_t *
s_with_lock (brood_array_t *self)
{
    if (self)
        brd_rlock_loan_begin (&self->lock, &self->base);
    return self;
}

brood_array_t *
brood_array_new_sized (size_t size_bytes, size_t n)
{
    BRD_REQUIRE (size_bytes > 0 && n > 0, NULL);
    return s_with_lock (brd_cells_new (
        sizeof (brood_array_t), BRD_KIND_ARRAY, 0, size_bytes, n, S_ALIGN));
}

brood_array_t *
brood_array_new (brood_ctype_t type, size_t n)
{
    const size_t size = brd_cells_type_size (type);
    BRD_REQUIRE (size > 0, NULL);
    return brood_array_new_sized (size, n);
}

brood_array_t *
brood_array_from (void *ref)
{
    return s_with_lock (
        brd_shared_handle_from (sizeof (brood_array_t), BRD_KIND_ARRAY, ref));
}

void
brood_array_destroy (brood_array_t **self_p)
{
    if (self_p && *self_p)
        brd_rlock_loan_end (&(*self_p)->lock);
    brd_shared_handle_destroy (self_p);
}

void *
brood_array_ptr (const brood_array_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_ARRAY, NULL);
    return brd_cells_data (&self->base);
}

size_t
brood_array_len (const brood_array_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_ARRAY, 0);
    return (size_t) brd_cells_of (&self->base)->n;
}

brood_rlock_t *
brood_array_lock (const brood_array_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_ARRAY, NULL);
    return &((brood_array_t *) self)->lock;
}
