// brd_value.c - msgpack bytes as values
//
// SPDX-License-Identifier: MPL-2.0
//
//     byte -> fix form:          value in the byte itself
//          -> s_codes[byte]:     width bytes of number, then by type a payload
//
// Written by hand where msgpack-c would do, because its decoder allocates what
// a header claims before it looks whether so many bytes are there, and accepts
// what stands behind the value. tests/fuzz/fuzz_value.c holds the two against
// each other.
//
// Read next: brd_value_put.c, the other way; brd_picture_unpack.c, its user.

#include "wire/brd_value.h"

#include <endian.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/brd_error.h"
#include "wire/brd_limits.h"

// 0xc0 .. 0xdf. width is that of the number behind the byte: the value itself
// or the size or count of what follows. fixed is the size where there is none.
static const struct {
    uint8_t type;
    uint8_t width;
    uint8_t fixed;
} s_codes[32] = {
    [0x00] = { BROOD_NIL, 0, 0 },  // 0x01 (0xc1) is not msgpack
    [0x02] = { BROOD_BOOL, 0, 0 },       [0x03] = { BROOD_BOOL, 0, 0 },
    [0x04] = { BROOD_BYTES, 1, 0 },      [0x05] = { BROOD_BYTES, 2, 0 },
    [0x06] = { BROOD_BYTES, 4, 0 },      [0x07] = { BROOD_EXTENSION, 1, 0 },
    [0x08] = { BROOD_EXTENSION, 2, 0 },  [0x09] = { BROOD_EXTENSION, 4, 0 },
    [0x0a] = { BROOD_FLOAT, 4, 0 },      [0x0b] = { BROOD_FLOAT, 8, 0 },
    [0x0c] = { BROOD_INTEGER, 1, 0 },    [0x0d] = { BROOD_INTEGER, 2, 0 },
    [0x0e] = { BROOD_INTEGER, 4, 0 },    [0x0f] = { BROOD_INTEGER, 8, 0 },
    [0x10] = { BROOD_INTEGER, 1, 0 },    [0x11] = { BROOD_INTEGER, 2, 0 },
    [0x12] = { BROOD_INTEGER, 4, 0 },    [0x13] = { BROOD_INTEGER, 8, 0 },
    [0x14] = { BROOD_EXTENSION, 0, 1 },  [0x15] = { BROOD_EXTENSION, 0, 2 },
    [0x16] = { BROOD_EXTENSION, 0, 4 },  [0x17] = { BROOD_EXTENSION, 0, 8 },
    [0x18] = { BROOD_EXTENSION, 0, 16 }, [0x19] = { BROOD_TEXT, 1, 0 },
    [0x1a] = { BROOD_TEXT, 2, 0 },       [0x1b] = { BROOD_TEXT, 4, 0 },
    [0x1c] = { BROOD_LIST, 2, 0 },       [0x1d] = { BROOD_LIST, 4, 0 },
    [0x1e] = { BROOD_MAP, 2, 0 },        [0x1f] = { BROOD_MAP, 4, 0 },
};

static int
s_bad (void)
{
    errno = EBADMSG;
    return -1;
}

static size_t
s_left (const brd_value_cursor_t *self)
{
    return (size_t) (self->end - self->at);
}

// --- One value -------------------------------------------------------------

static uint64_t
s_big_endian (const unsigned char *at, unsigned width)
{
    // One load where it is worth it: most integers are short, floats are not.
    if (width == 8) {
        uint64_t word;
        memcpy (&word, at, sizeof word);
        return be64toh (word);
    }
    uint64_t number = 0;
    for (unsigned i = 0; i < width; i++)
        number = number << 8 | at[i];
    return number;
}

static void
s_set_signed (brd_value_t *value, int64_t number)
{
    value->type = BROOD_INTEGER;
    value->negative = number < 0;
    value->number.i = number;
}

static void
s_set_float (brd_value_t *value, uint64_t bits, unsigned width)
{
    if (width == 8) {
        memcpy (&value->number.f, &bits, sizeof value->number.f);
        return;
    }
    const uint32_t half = (uint32_t) bits;
    float number;
    memcpy (&number, &half, sizeof number);
    value->number.f = (double) number;
}

static int
s_payload (brd_value_cursor_t *self, brd_value_t *value)
{
    if (value->type == BROOD_EXTENSION) {
        if (s_left (self) < 1)
            return s_bad ();
        value->ext = (signed char) *self->at++;
        if (value->ext == BRD_VALUE_EXT_HANDLE
            && value->size == BRD_VALUE_REF_SIZE)
            value->type = BROOD_HANDLE;
    }
    if (value->size > s_left (self))
        return s_bad ();
    value->bytes = self->at;
    self->at += value->size;
    return 0;
}

// The byte was 0xc0 .. 0xdf and is passed.
static int
s_read_coded (brd_value_cursor_t *self, unsigned code, brd_value_t *value)
{
    const unsigned width = s_codes[code].width;
    if (s_codes[code].type == 0 || width > s_left (self))
        return s_bad ();
    const uint64_t number = s_big_endian (self->at, width);
    self->at += width;
    value->type = (brood_type_t) s_codes[code].type;
    switch (value->type) {
    case BROOD_BOOL:
        value->number.i = code == 0x03;
        return 0;
    case BROOD_INTEGER:
        value->negative = 0;
        value->number.u = number;
        if (code >= 0x10) {
            const unsigned shift = 64 - 8 * width;
            s_set_signed (value, (int64_t) (number << shift) >> shift);
        }
        return 0;
    case BROOD_FLOAT:
        s_set_float (value, number, width);
        return 0;
    case BROOD_LIST:
    case BROOD_MAP:
        value->size = (size_t) number;
        return 0;
    case BROOD_TEXT:
    case BROOD_BYTES:
    case BROOD_EXTENSION:
        value->size = (size_t) number + s_codes[code].fixed;
        return s_payload (self, value);
    default:
        return 0;
    }
}

int
brd_value_read (brd_value_cursor_t *self, brd_value_t *ret_value)
{
    if (self->at >= self->end)
        return s_bad ();
    const unsigned byte = *self->at++;
    if (byte < 0x80 || byte >= 0xe0) {
        s_set_signed (ret_value, (signed char) byte);
        return 0;
    }
    if (byte >= 0xc0)
        return s_read_coded (self, byte - 0xc0, ret_value);
    if (byte >= 0xa0) {
        ret_value->type = BROOD_TEXT;
        ret_value->size = byte & 0x1f;
        return s_payload (self, ret_value);
    }
    ret_value->type = byte >= 0x90 ? BROOD_LIST : BROOD_MAP;
    ret_value->size = byte & 0x0f;
    return 0;
}

// How many values follow as its own.
static uint64_t
s_children (const brd_value_t *value)
{
    if (value->type == BROOD_LIST)
        return value->size;
    return value->type == BROOD_MAP ? 2 * (uint64_t) value->size : 0;
}

int
brd_value_skip (brd_value_cursor_t *self)
{
    // Cannot overflow: each round reads a byte and adds less than 2^34.
    for (uint64_t left = 1; left > 0; left--) {
        brd_value_t value;
        if (brd_value_read (self, &value) < 0)
            return -1;
        left += s_children (&value);
    }
    return 0;
}

// --- A whole message -------------------------------------------------------

static int
s_check_failed (const brd_value_cursor_t *at, size_t offset, uint64_t nodes)
{
    if (nodes > BRD_VALUE_NODES_MAX)
        return brd_error_set (EBADMSG,
                              "not a value: more than %zu values in it",
                              BRD_VALUE_NODES_MAX);
    if (at->at < at->end && *at->at == 0xc1)
        return brd_error_set (EBADMSG, "not a value: byte %zu is 0xc1", offset);
    return brd_error_set (
        EBADMSG, "not a value: byte %zu promises more than there is", offset);
}

int
brd_value_check (const void *bytes,
                 size_t size,
                 int depth_max,
                 size_t *ret_nodes)
{
    const unsigned char *start = bytes;
    brd_value_cursor_t at = { start, size > 0 ? start + size : start };
    uint64_t left[BRD_WIRE_DEPTH_MAX + 1] = { 1 };  // To come, by depth
    int depth = 0;
    uint64_t nodes = 0;
    while (depth >= 0) {
        if (left[depth] == 0) {
            depth--;
            continue;
        }
        left[depth]--;
        const brd_value_cursor_t before = at;
        const size_t offset = (size_t) (at.at - start);
        brd_value_t value;
        if (++nodes > BRD_VALUE_NODES_MAX || brd_value_read (&at, &value) < 0)
            return s_check_failed (&before, offset, nodes);
        if (value.type != BROOD_LIST && value.type != BROOD_MAP)
            continue;
        if (s_children (&value) > s_left (&at))
            return s_check_failed (&before, offset, nodes);
        if (depth >= depth_max || depth >= BRD_WIRE_DEPTH_MAX)
            return brd_error_set (EBADMSG,
                                  "not a value: more than %d containers "
                                  "within each other at byte %zu",
                                  BRD_WIRE_DEPTH_MAX,
                                  offset);
        left[++depth] = s_children (&value);
    }
    if (at.at != at.end)
        return brd_error_set (
            EBADMSG, "not a value: %zu bytes too many behind it", s_left (&at));
    if (ret_nodes)
        *ret_nodes = (size_t) nodes;
    return 0;
}

// --- Keys ------------------------------------------------------------------

int
brd_value_same (const brd_value_t *left, const brd_value_t *right)
{
    if (left->type != right->type)
        return 0;
    switch (left->type) {
    case BROOD_NIL:
        return 1;
    case BROOD_BOOL:
        return left->number.i == right->number.i;
    case BROOD_INTEGER:
        return left->negative == right->negative
               && left->number.u == right->number.u;
    case BROOD_FLOAT:
        return left->number.f == right->number.f
               || (isnan (left->number.f) && isnan (right->number.f));
    case BROOD_EXTENSION:
        if (left->ext != right->ext)
            return 0;
        break;
    case BROOD_LIST:
    case BROOD_MAP:
        return 0;
    default:
        break;
    }
    return left->size == right->size
           && memcmp (left->bytes, right->bytes, left->size) == 0;
}

// Passes a pair; 1 if its key is this one, and ret_value where the value is.
static int
s_pass_pair (brd_value_cursor_t *at,
             const brd_value_t *key,
             brd_value_cursor_t *ret_value)
{
    const brd_value_cursor_t pair = *at;
    brd_value_t found;
    if (brd_value_read (at, &found) < 0)
        return -1;
    if (brd_value_same (&found, key)) {
        *ret_value = *at;
        return 1;
    }
    if (s_children (&found) > 0) {
        *at = pair;
        if (brd_value_skip (at) < 0)
            return -1;
    }
    return brd_value_skip (at);
}

int
brd_value_find (const brd_value_cursor_t *self,
                size_t count,
                const brd_value_t *key,
                brd_value_cursor_t *ret_pair,
                brd_value_cursor_t *ret_value)
{
    brd_value_cursor_t at = *self;
    for (size_t i = 0; i < count; i++) {
        const brd_value_cursor_t pair = at;
        const int answer = s_pass_pair (&at, key, ret_value);
        if (answer == 0)
            continue;
        if (answer > 0 && ret_pair)
            *ret_pair = pair;
        return answer;
    }
    return 0;
}

int
brd_value_find_text (const brd_value_cursor_t *self,
                     size_t count,
                     const char *key,
                     size_t size,
                     brd_value_cursor_t *ret_value)
{
    const brd_value_t text = { .type = BROOD_TEXT,
                               .size = size,
                               .bytes = (const unsigned char *) key };
    return brd_value_find (self, count, &text, NULL, ret_value);
}

// --- Handles, names --------------------------------------------------------

static uint64_t
s_little_endian (const unsigned char *at, unsigned width)
{
    uint64_t number = 0;
    for (unsigned i = width; i > 0; i--)
        number = number << 8 | at[i - 1];
    return number;
}

void
brd_value_ref (const brd_value_t *self, brd_ref_t *ret_ref)
{
    *ret_ref = (brd_ref_t){
        .brood = s_little_endian (self->bytes, 8),
        .object = s_little_endian (self->bytes + 8, 8),
        .offset = s_little_endian (self->bytes + 16, 8),
        .kind = (uint32_t) s_little_endian (self->bytes + 24, 4),
        .spare = (uint32_t) s_little_endian (self->bytes + 28, 4),
    };
}

const char *
brd_value_type_text (brood_type_t type)
{
    static const char *const texts[] = {
        [BROOD_NIL] = "nil",       [BROOD_BOOL] = "bool",
        [BROOD_INTEGER] = "int",   [BROOD_FLOAT] = "float",
        [BROOD_TEXT] = "str",      [BROOD_BYTES] = "bin",
        [BROOD_LIST] = "array",    [BROOD_MAP] = "map",
        [BROOD_HANDLE] = "handle", [BROOD_EXTENSION] = "ext",
    };
    return texts[type];
}
