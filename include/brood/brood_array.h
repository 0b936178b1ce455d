// brood_array.h - many numbers, or structs, in shared memory
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BROOD_ARRAY_H
#define BROOD_ARRAY_H

#include "brood/brood_rlock.h"
#include "brood/brood_value.h"

#ifdef __cplusplus
extern "C" {
#endif

// What multiprocessing.Array is to Python.
//
//     brood_array_t *a = brood_array_new (BROOD_DOUBLE, 1000000);
//     double *x = brood_array_ptr (a);
//     brood_pool_map (pool, root, x, x, brood_array_len (a));   // no copies
//
// Where it lives, threads and fork: as brood_value.h. The first element lies at
// a multiple of 64 bytes.

// n zeros.
//     ENOSPC        no such room in the shared memory
BROOD_EXPORT BROOD_MUST_USE brood_array_t *
brood_array_new (brood_ctype_t type, size_t n);

// n elements of size_bytes, aligned for any type.
BROOD_EXPORT BROOD_MUST_USE brood_array_t *
brood_array_new_sized (size_t size_bytes, size_t n);
#define brood_array_new_of(type, n) brood_array_new_sized (sizeof (type), (n))

// A handle on the one whose ref came in a message.
BROOD_EXPORT BROOD_MUST_USE brood_array_t *
brood_array_from (void *ref);

BROOD_EXPORT void
brood_array_destroy (brood_array_t **self_p);

// The first element, on loan while the handle lives.
BROOD_EXPORT void *
brood_array_ptr (const brood_array_t *self);

// Elements; 0 for NULL.
BROOD_EXPORT size_t
brood_array_len (const brood_array_t *self);

// Its own lock, on loan as brood_value_lock ().
BROOD_EXPORT brood_rlock_t *
brood_array_lock (const brood_array_t *self);

#ifdef __cplusplus
}
#endif

#endif  // BROOD_ARRAY_H
