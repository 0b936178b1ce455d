// brd_map.c - 64-bit keys to pointers
//
// SPDX-License-Identifier: MPL-2.0
//
// Open addressing with linear probing, at most 3/4 full. A removal moves the
// following keys back instead of leaving a tombstone, so a map that lives for
// weeks with a million keys passing through it stays as fast as a new one.

#include "base/brd_map.h"

#include "base/brd_check.h"
#include "base/brd_mem.h"

enum {
    ROOM_MIN = 16
};

void
brd_map_init (brd_map_t *self)
{
    *self = (brd_map_t){ .keys = NULL };
}

void
brd_map_fini (brd_map_t *self)
{
    brd_mem_free (self->keys);
    brd_mem_free (self->values);
    brd_map_init (self);
}

// Keys are often counters or addresses: every bit of one must reach the low
// bits that choose the place.
static size_t
s_home (const brd_map_t *self, uint64_t key)
{
    key ^= key >> 32;
    key *= UINT64_C (0x9e3779b97f4a7c15);
    key ^= key >> 32;
    return (size_t) key & (self->room - 1);
}

// The key's place, or the free one where it would go. There always is one.
static size_t
s_find (const brd_map_t *self, uint64_t key)
{
    size_t place = s_home (self, key);
    while (self->keys[place] != 0 && self->keys[place] != key)
        place = (place + 1) & (self->room - 1);
    return place;
}

static int
s_grow (brd_map_t *self)
{
    brd_map_t bigger = {
        .count = self->count,
        .room = self->room > 0 ? 2 * self->room : ROOM_MIN,
    };
    bigger.keys = brd_mem_array (bigger.room, sizeof *bigger.keys);
    if (!bigger.keys)
        return -1;
    bigger.values = brd_mem_array (bigger.room, sizeof *bigger.values);
    if (!bigger.values) {
        brd_mem_free (bigger.keys);
        return -1;
    }
    for (size_t i = 0; i < self->room; i++) {
        if (self->keys[i] == 0)
            continue;
        const size_t place = s_find (&bigger, self->keys[i]);
        bigger.keys[place] = self->keys[i];
        bigger.values[place] = self->values[i];
    }
    brd_map_fini (self);
    *self = bigger;
    return 0;
}

int
brd_map_set (brd_map_t *self, uint64_t key, void *value)
{
    brd_assert (key != 0);
    brd_assert (value != NULL);
    if (self->room > 0) {
        const size_t place = s_find (self, key);
        if (self->keys[place] == key) {
            self->values[place] = value;
            return 0;
        }
    }
    if (self->count >= self->room / 4 * 3 && s_grow (self) < 0)
        return -1;
    const size_t place = s_find (self, key);
    self->keys[place] = key;
    self->values[place] = value;
    self->count++;
    return 0;
}

void *
brd_map_get (const brd_map_t *self, uint64_t key)
{
    if (key == 0 || self->count == 0)
        return NULL;
    return self->values[s_find (self, key)];
}

void *
brd_map_remove (brd_map_t *self, uint64_t key)
{
    if (key == 0 || self->count == 0)
        return NULL;
    const size_t mask = self->room - 1;
    size_t hole = s_find (self, key);
    void *value = self->values[hole];
    if (!value)
        return NULL;
    // A key further on may move into the hole if its home is not between the
    // two, going round the end.
    for (size_t at = (hole + 1) & mask; self->keys[at] != 0;
         at = (at + 1) & mask) {
        const size_t home = s_home (self, self->keys[at]);
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        self->keys[hole] = self->keys[at];
        self->values[hole] = self->values[at];
        hole = at;
    }
    self->keys[hole] = 0;
    self->values[hole] = NULL;
    self->count--;
    return value;
}

void *
brd_map_next (const brd_map_t *self, size_t *place, uint64_t *ret_key)
{
    while (*place < self->room) {
        const size_t at = (*place)++;
        if (self->keys[at] == 0)
            continue;
        if (ret_key)
            *ret_key = self->keys[at];
        return self->values[at];
    }
    return NULL;
}
