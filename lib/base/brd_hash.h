// brd_hash.h - a number for bytes: 64-bit FNV-1a
//
// SPDX-License-Identifier: MPL-2.0
//
// The same in every process and every build. Two texts that meet are once in
// the life of the universe, unless somebody looks for them: it is no defence.

#ifndef BRD_HASH_H
#define BRD_HASH_H

#include <stddef.h>
#include <stdint.h>

#define BRD_HASH_EMPTY UINT64_C (14695981039346656037)

// Of what hash is of, and these behind it.
static inline uint64_t
brd_hash_add (uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ at[i]) * UINT64_C (1099511628211);
    return hash;
}

#endif  // BRD_HASH_H
