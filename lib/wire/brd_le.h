// brd_le.h - numbers of messages: little endian, at any place
//
// SPDX-License-Identifier: MPL-2.0
//
// Compilers turn these into single moves where the machine is little endian.

#ifndef BRD_LE_H
#define BRD_LE_H

#include <stdint.h>

static inline void
brd_le_put (unsigned char *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (unsigned char) (value >> (8 * i));
}

static inline uint64_t
brd_le_get (const unsigned char *at, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint64_t) at[i] << (8 * i);
    return value;
}

#endif  // BRD_LE_H
