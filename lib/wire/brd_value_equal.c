// brd_value_equal.c - are two messages the same value?
//
// SPDX-License-Identifier: MPL-2.0
//
// Bytes that are the same are the same value, which settles most. The rest is
// walked in step; a map's pair that does not stand in the same place on both
// sides is looked up by its key. The recursion is as deep as a message may be,
// and each value is compared once: only keys, which are then scalars, are
// looked at again.

#include <string.h>

#include "wire/brd_limits.h"
#include "wire/brd_value.h"

static int
s_equal (brd_value_cursor_t *left, brd_value_cursor_t *right, int depth);

static int
s_equal_lists (brd_value_cursor_t *left,
               brd_value_cursor_t *right,
               size_t count,
               int depth)
{
    for (size_t i = 0; i < count; i++) {
        if (!s_equal (left, right, depth))
            return 0;
    }
    return 1;
}

// 1 if all keys of one map are keys of the other: with duplicates, equal counts
// and values do not say so.
static int
s_has_keys (brd_value_cursor_t pairs, brd_value_cursor_t keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        brd_value_cursor_t value;
        brd_value_t key;
        if (brd_value_read (&keys, &key) < 0
            || brd_value_find (&pairs, count, &key, NULL, &value) != 1
            || brd_value_skip (&keys) < 0)
            return 0;
    }
    return 1;
}

static int
s_equal_maps (brd_value_cursor_t *left,
              brd_value_cursor_t *right,
              size_t count,
              int depth)
{
    const brd_value_cursor_t left_start = *left;
    const brd_value_cursor_t right_start = *right;
    int in_order = 1;
    for (size_t i = 0; i < count; i++) {
        brd_value_cursor_t left_at = *left;
        brd_value_cursor_t right_at = *right;
        brd_value_t key;
        if (brd_value_skip (right) < 0 || brd_value_skip (right) < 0)
            return 0;
        if (s_equal (&left_at, &right_at, depth)) {
            *left = left_at;
        }
        else {
            // A list or map as a key is never found.
            in_order = 0;
            if (brd_value_read (left, &key) < 0
                || brd_value_find (&right_start, count, &key, NULL, &right_at)
                       != 1)
                return 0;
        }
        if (!s_equal (left, &right_at, depth))
            return 0;
    }
    return in_order || s_has_keys (left_start, right_start, count);
}

static int
s_equal (brd_value_cursor_t *left, brd_value_cursor_t *right, int depth)
{
    brd_value_t a;
    brd_value_t b;
    if (brd_value_read (left, &a) < 0 || brd_value_read (right, &b) < 0)
        return 0;
    if (a.type != BROOD_LIST && a.type != BROOD_MAP)
        return brd_value_same (&a, &b);
    if (a.type != b.type || a.size != b.size || depth == 0)
        return 0;
    if (a.type == BROOD_LIST)
        return s_equal_lists (left, right, a.size, depth - 1);
    return s_equal_maps (left, right, a.size, depth - 1);
}

int
brd_value_equal (const void *left,
                 size_t left_size,
                 const void *right,
                 size_t right_size)
{
    if (left_size == right_size && memcmp (left, right, left_size) == 0)
        return 1;
    const unsigned char *l = left;
    const unsigned char *r = right;
    brd_value_cursor_t left_at = { l, l + left_size };
    brd_value_cursor_t right_at = { r, r + right_size };
    return s_equal (&left_at, &right_at, BRD_WIRE_DEPTH_MAX)
           && left_at.at == left_at.end && right_at.at == right_at.end;
}
