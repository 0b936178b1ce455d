// brd_map.h - 64-bit keys to pointers
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_MAP_H
#define BRD_MAP_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t *keys;  // 0: free
    void **values;
    size_t count;
    size_t room;  // A power of two
} brd_map_t;

void
brd_map_init (brd_map_t *self);
void
brd_map_fini (brd_map_t *self);

// key is not 0, value is not NULL; replaces. -1 with ENOMEM.
int
brd_map_set (brd_map_t *self, uint64_t key, void *value);
void *
brd_map_get (const brd_map_t *self, uint64_t key);
void *
brd_map_remove (brd_map_t *self, uint64_t key);

// Walks: *place starts at 0; NULL at the end. Do not change it meanwhile.
void *
brd_map_next (const brd_map_t *self, size_t *place, uint64_t *ret_key);

#endif  // BRD_MAP_H
