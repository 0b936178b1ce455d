// brood_value.h - one number, or one struct, in shared memory
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BROOD_VALUE_H
#define BROOD_VALUE_H

#include "brood/brood_rlock.h"

#ifdef __cplusplus
extern "C" {
#endif

// What multiprocessing.Value is to Python.
//
//     brood_value_t *counter = brood_value_new (BROOD_INT);
//     brood_value_add (counter, 1);                  // atomic, any process
//
//     int *n = brood_value_ptr (counter);            // a plain C pointer
//     BROOD_WITH (rlock, brood_value_lock (counter)) { *n *= 2; }
//
// `++*n` without the lock loses updates, here as everywhere.
//
// Structs: brood_value_t *v = brood_value_new_of (struct account).
//
// Where it lives. In the shared memory of this host, zeroed, at one address in
// every process. Its ref reaches processes of this host only. The last handle
// gone, it is gone; pointers too.
//
// Threads and fork. The handle: any thread. The memory: as C has it. Atomics do
// not ask for the lock: what one changes under it another may not add to.

// C types, for values and arrays.
typedef enum brood_ctype {
    BROOD_CHAR = 1,
    BROOD_INT,
    BROOD_UINT,
    BROOD_LONG,
    BROOD_ULONG,
    BROOD_FLOAT32,
    BROOD_DOUBLE,
    BROOD_INT8,
    BROOD_UINT8,
    BROOD_INT16,
    BROOD_UINT16,
    BROOD_INT32,
    BROOD_UINT32,
    BROOD_INT64,
    BROOD_UINT64
} brood_ctype_t;

// 0 to begin with.
//     ENOSPC        no such room in the shared memory
BROOD_EXPORT BROOD_MUST_USE brood_value_t *
brood_value_new (brood_ctype_t type);

// So many bytes, aligned for any type.
BROOD_EXPORT BROOD_MUST_USE brood_value_t *
brood_value_new_sized (size_t size_bytes);
#define brood_value_new_of(type) brood_value_new_sized (sizeof (type))

// A handle on the one whose ref came in a message.
BROOD_EXPORT BROOD_MUST_USE brood_value_t *
brood_value_from (void *ref);

BROOD_EXPORT void
brood_value_destroy (brood_value_t **self_p);

// The memory, on loan while the handle lives.
BROOD_EXPORT void *
brood_value_ptr (const brood_value_t *self);

// Its own lock, on loan while the handle lives: destroying it does nothing, and
// it cannot travel but with the value. Python's get_lock ().
BROOD_EXPORT brood_rlock_t *
brood_value_lock (const brood_value_t *self);

// Atomic, in all processes and threads, without the lock; for integers of any
// size. Numbers are converted as C converts them; what is larger than INT64_MAX
// comes out negative. Those that return the number return 0, with errno, on
// failure.
//     EINVAL        the type is a float or a struct

BROOD_EXPORT int64_t
brood_value_get (const brood_value_t *self);
BROOD_EXPORT int
brood_value_set (brood_value_t *self, int64_t number);

// Adds, as in C without overflow being an error, and returns the new number. To
// subtract, add the negative.
BROOD_EXPORT int64_t
brood_value_add (brood_value_t *self, int64_t number);

// Sets it to number unless it is larger; returns what it is then.
BROOD_EXPORT int64_t
brood_value_max (brood_value_t *self, int64_t number);

// Sets it and returns what it was.
BROOD_EXPORT int64_t
brood_value_exchange (brood_value_t *self, int64_t number);

// 1 if it was expected and now is number, 0 if it was not and stays, -1.
BROOD_EXPORT int
brood_value_swap_if (brood_value_t *self, int64_t expected, int64_t number);

#ifdef __cplusplus
}
#endif

#endif  // BROOD_VALUE_H
