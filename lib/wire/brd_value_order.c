// brd_value_order.c - which of two values comes first
//
// SPDX-License-Identifier: MPL-2.0
//
// One order over all values, so that any list can be sorted: nil, false, true,
// numbers, text, bytes, lists, maps, extensions. Integers and floats are
// compared as the numbers they are, without rounding; a NaN is less than any.
// Lists are compared item by item, maps by their pairs as they stand.
//
// Read next: brd_value_equal.c.

#include <math.h>
#include <string.h>

#include "wire/brd_limits.h"
#include "wire/brd_value.h"

static int
s_rank (const brd_value_t *value)
{
    switch (value->type) {
    case BROOD_NIL:
        return 0;
    case BROOD_BOOL:
        return 1;
    case BROOD_INTEGER:
    case BROOD_FLOAT:
        return 2;
    case BROOD_TEXT:
        return 3;
    case BROOD_BYTES:
        return 4;
    case BROOD_LIST:
        return 5;
    case BROOD_MAP:
        return 6;
    default:
        return 7;
    }
}

static int
s_order_integers (const brd_value_t *left, const brd_value_t *right)
{
    if (left->negative != right->negative)
        return left->negative ? -1 : 1;
    // Two negatives compare as their bits do.
    return (left->number.u > right->number.u)
           - (left->number.u < right->number.u);
}

// An integer and a float, which is no NaN.
static int
s_order_mixed (const brd_value_t *integer, double number)
{
    if (number >= 18446744073709551616.0)
        return -1;
    if (number < -9223372036854775808.0)
        return 1;
    // Cut off towards 0, which is what is left to compare if they are equal.
    brd_value_t whole = { .type = BROOD_INTEGER };
    double cut;
    if (number <= -1) {
        whole.negative = 1;
        whole.number.i = (int64_t) number;
        cut = (double) whole.number.i;
    }
    else {
        whole.number.u = number > 0 ? (uint64_t) number : 0;
        cut = (double) whole.number.u;
    }
    const int order = s_order_integers (integer, &whole);
    return order != 0 ? order : (cut > number) - (cut < number);
}

static int
s_order_numbers (const brd_value_t *left, const brd_value_t *right)
{
    const int left_nan = left->type == BROOD_FLOAT && isnan (left->number.f);
    const int right_nan = right->type == BROOD_FLOAT && isnan (right->number.f);
    if (left_nan || right_nan)
        return right_nan - left_nan;
    if (left->type == BROOD_INTEGER)
        return right->type == BROOD_INTEGER
                   ? s_order_integers (left, right)
                   : s_order_mixed (left, right->number.f);
    if (right->type == BROOD_INTEGER)
        return -s_order_mixed (right, left->number.f);
    return (left->number.f > right->number.f)
           - (left->number.f < right->number.f);
}

static int
s_order_bytes (const brd_value_t *left, const brd_value_t *right)
{
    const size_t size = left->size < right->size ? left->size : right->size;
    const int order = size > 0 ? memcmp (left->bytes, right->bytes, size) : 0;
    if (order != 0)
        return order < 0 ? -1 : 1;
    return (left->size > right->size) - (left->size < right->size);
}

static int
s_order_scalars (const brd_value_t *left, const brd_value_t *right)
{
    switch (left->type) {
    case BROOD_NIL:
        return 0;
    case BROOD_BOOL:
        return (left->number.i > right->number.i)
               - (left->number.i < right->number.i);
    case BROOD_INTEGER:
    case BROOD_FLOAT:
        return s_order_numbers (left, right);
    case BROOD_TEXT:
    case BROOD_BYTES:
        return s_order_bytes (left, right);
    default:
        if (left->ext != right->ext)
            return left->ext < right->ext ? -1 : 1;
        return s_order_bytes (left, right);
    }
}

static int
s_order (brd_value_cursor_t *left, brd_value_cursor_t *right, int depth)
{
    brd_value_t a;
    brd_value_t b;
    if (brd_value_read (left, &a) < 0 || brd_value_read (right, &b) < 0)
        return 0;
    const int rank = s_rank (&a);
    if (rank != s_rank (&b))
        return rank < s_rank (&b) ? -1 : 1;
    if (a.type != BROOD_LIST && a.type != BROOD_MAP)
        return s_order_scalars (&a, &b);
    const size_t count = a.size < b.size ? a.size : b.size;
    const size_t items = a.type == BROOD_MAP ? 2 * count : count;
    for (size_t i = 0; i < items && depth > 0; i++) {
        const int order = s_order (left, right, depth - 1);
        if (order != 0)
            return order;
    }
    return (a.size > b.size) - (a.size < b.size);
}

int
brd_value_order (const void *left,
                 size_t left_size,
                 const void *right,
                 size_t right_size)
{
    const unsigned char *l = left;
    const unsigned char *r = right;
    brd_value_cursor_t left_at = { l, l + left_size };
    brd_value_cursor_t right_at = { r, r + right_size };
    return s_order (&left_at, &right_at, BRD_WIRE_DEPTH_MAX);
}
