// brd_value.h - msgpack bytes as values, and values as msgpack bytes
//
// SPDX-License-Identifier: MPL-2.0
//
// Reading is total: any bytes give values or -1, nothing is allocated and
// nothing beyond the end is touched. What came from outside the process goes
// through brd_value_check () once; whoever holds checked bytes may still not
// assume it, since all functions here look at the end of the bytes anyway.

#ifndef BRD_VALUE_H
#define BRD_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/brd_buf.h"
#include "base/brd_handle.h"
#include "brood/brood_msg.h"

// Values in one message, containers and map keys included. It bounds the time
// one message can take, as its size bounds the memory.
#define BRD_VALUE_NODES_MAX ((size_t) 1 << 28)

enum {
    BRD_VALUE_EXT_HANDLE = 0x42,  // The extension type of a handle
    BRD_VALUE_REF_SIZE = 32,      // Its payload: a brd_ref_t, little endian
    BRD_VALUE_HEAD_MAX = 9        // Longest head, or number
};

typedef struct {
    const unsigned char *at;
    const unsigned char *end;
} brd_value_cursor_t;

typedef struct {
    brood_type_t type;
    int ext;       // EXTENSION: its type, -128 .. 127
    int negative;  // INTEGER: number.i is the value, else number.u
    size_t size;   // TEXT, BYTES, EXTENSION, HANDLE: of bytes;
                   // LIST: items that follow; MAP: pairs
    union {
        uint64_t u;
        int64_t i;  // BOOL: 0 or 1
        double f;
    } number;
    const unsigned char *bytes;  // On loan from the message
} brd_value_t;

// --- Reading ---------------------------------------------------------------

// The value at the cursor, which then stands behind it; behind the head if it
// is a list or a map. -1 with EBADMSG and no text: the bytes are no value.
int
brd_value_read (brd_value_cursor_t *self, brd_value_t *ret_value);

// Passes a whole value, however deep; takes no stack. -1 as read.
int
brd_value_skip (brd_value_cursor_t *self);

// 0 if bytes are exactly one value of at most depth_max containers within each
// other, with all counts and sizes possible. -1 with EBADMSG and a text that
// names the byte. ret_nodes may be NULL.
int
brd_value_check (const void *bytes,
                 size_t size,
                 int depth_max,
                 size_t *ret_nodes);

// Looks through count pairs from self on for a scalar key; the first of equal
// keys counts. 1 and the place of its value, 0 if there is none, -1 as read.
// ret_pair (may be NULL) is the place of the pair.
int
brd_value_find (const brd_value_cursor_t *self,
                size_t count,
                const brd_value_t *key,
                brd_value_cursor_t *ret_pair,
                brd_value_cursor_t *ret_value);

// The same for text.
int
brd_value_find_text (const brd_value_cursor_t *self,
                     size_t count,
                     const char *key,
                     size_t size,
                     brd_value_cursor_t *ret_value);

// 1 if two scalars (text, bytes and extensions are) are the same value. An
// integer never equals a float, nor text bytes; the width of a number does not
// matter, a NaN equals a NaN. 0 for lists and maps.
int
brd_value_same (const brd_value_t *left, const brd_value_t *right);

// 1 if both are the same value: as brd_value_same () for scalars, lists item by
// item, maps in any order of their pairs, except where lists or maps are among
// the keys: those must have the same order. Takes a time that grows with the
// square of the pairs where the order differs. 0 also for bytes that are no
// value.
int
brd_value_equal (const void *left,
                 size_t left_size,
                 const void *right,
                 size_t right_size);

// -1, 0 or 1: the left one comes before, with, or after the right one in the
// order of sorting: nil, false, true, numbers, text, bytes, lists, maps,
// extensions. Numbers are compared as such, 1 and 1.0 are neither first, a NaN
// is less than any; lists item by item, maps by their pairs as they stand.
int
brd_value_order (const void *left,
                 size_t left_size,
                 const void *right,
                 size_t right_size);

// The payload of a HANDLE.
void
brd_value_ref (const brd_value_t *self, brd_ref_t *ret_ref);

// "int", "str", "array": as in error texts.
const char *
brd_value_type_text (brood_type_t type);

// --- Writing ---------------------------------------------------------------

// A buffer over memory of a fixed size, for values that are mostly small: it
// never allocates, and putting more into it is EMSGSIZE. Do not fini it.
static inline brd_buf_t
brd_value_fixed (void *memory, size_t room)
{
    return (brd_buf_t){ memory, 0, room, room };
}

// Each appends one value in its shortest form, or the head of a list or map,
// whose items the caller then appends. -1 with ENOMEM, or with EMSGSIZE and no
// text where the ceiling is hit; the contents are as they were.
int
brd_value_put_nil (brd_buf_t *out);
int
brd_value_put_bool (brd_buf_t *out, int value);
int
brd_value_put_int (brd_buf_t *out, int64_t value);
int
brd_value_put_uint (brd_buf_t *out, uint64_t value);
int
brd_value_put_float (brd_buf_t *out, double value);
int
brd_value_put_text (brd_buf_t *out, const char *text, size_t size);
int
brd_value_put_bytes (brd_buf_t *out, const void *bytes, size_t size);
int
brd_value_put_list (brd_buf_t *out, size_t count);
int
brd_value_put_map (brd_buf_t *out, size_t count);
int
brd_value_put_ref (brd_buf_t *out, const brd_ref_t *ref);

// Bytes that are a value already.
int
brd_value_put_raw (brd_buf_t *out, const void *bytes, size_t size);

// The head of the list or map at offset head gets another count; what follows
// moves when the head grows.
int
brd_value_set_count (brd_buf_t *out, size_t head, size_t count);

#endif  // BRD_VALUE_H
