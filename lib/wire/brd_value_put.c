// brd_value_put.c - values as msgpack bytes
//
// SPDX-License-Identifier: MPL-2.0
//
// Numbers and heads in their shortest form, so equal values are mostly equal
// bytes. A put that hits the ceiling says EMSGSIZE without a text: the caller
// may have a larger place to try (brd_picture_try ()), and a text would wipe
// the one the thread has.
//
// Read next: brd_picture_pack.c, which is made of these.

#include "wire/brd_value.h"

#include <errno.h>
#include <string.h>

static unsigned char *
s_room (brd_buf_t *out, size_t size)
{
    if (size <= out->room - out->size)
        return out->bytes + out->size;
    if (size > out->size_max || out->size > out->size_max - size) {
        errno = EMSGSIZE;
        return NULL;
    }
    return brd_buf_reserve (out, size);
}

static void
s_store (unsigned char *at, uint64_t number, unsigned width)
{
    for (unsigned i = width; i > 0; i--) {
        at[i - 1] = (unsigned char) number;
        number >>= 8;
    }
}

// The byte code, then number in width bytes; extra more bytes will follow.
static unsigned char *
s_head (brd_buf_t *out,
        unsigned code,
        uint64_t number,
        unsigned width,
        size_t extra)
{
    unsigned char *at = s_room (out, 1 + width + extra);
    if (!at)
        return NULL;
    at[0] = (unsigned char) code;
    s_store (at + 1, number, width);
    out->size += 1 + width + extra;
    return at + 1 + width;
}

static int
s_put (brd_buf_t *out, unsigned code, uint64_t number, unsigned width)
{
    return s_head (out, code, number, width, 0) ? 0 : -1;
}

// --- Numbers ---------------------------------------------------------------

int
brd_value_put_nil (brd_buf_t *out)
{
    return s_put (out, 0xc0, 0, 0);
}

int
brd_value_put_bool (brd_buf_t *out, int value)
{
    return s_put (out, value ? 0xc3 : 0xc2, 0, 0);
}

int
brd_value_put_uint (brd_buf_t *out, uint64_t value)
{
    if (value < 0x80)
        return s_put (out, (unsigned) value, 0, 0);
    if (value <= UINT8_MAX)
        return s_put (out, 0xcc, value, 1);
    if (value <= UINT16_MAX)
        return s_put (out, 0xcd, value, 2);
    if (value <= UINT32_MAX)
        return s_put (out, 0xce, value, 4);
    return s_put (out, 0xcf, value, 8);
}

int
brd_value_put_int (brd_buf_t *out, int64_t value)
{
    if (value >= 0)
        return brd_value_put_uint (out, (uint64_t) value);
    if (value >= -32)
        return s_put (out, (unsigned char) value, 0, 0);
    if (value >= INT8_MIN)
        return s_put (out, 0xd0, (uint64_t) value, 1);
    if (value >= INT16_MIN)
        return s_put (out, 0xd1, (uint64_t) value, 2);
    if (value >= INT32_MIN)
        return s_put (out, 0xd2, (uint64_t) value, 4);
    return s_put (out, 0xd3, (uint64_t) value, 8);
}

int
brd_value_put_float (brd_buf_t *out, double value)
{
    uint64_t bits;
    memcpy (&bits, &value, sizeof bits);
    return s_put (out, 0xcb, bits, 8);
}

// --- Bytes -----------------------------------------------------------------

int
brd_value_put_raw (brd_buf_t *out, const void *bytes, size_t size)
{
    unsigned char *at = s_room (out, size);
    if (!at)
        return -1;
    if (size > 0)
        memcpy (at, bytes, size);
    out->size += size;
    return 0;
}

static int
s_put_sized (brd_buf_t *out, unsigned code, const void *bytes, size_t size)
{
    // Its own test, or 1 + width + size could pass the end of size_t.
    if (size > out->size_max) {
        errno = EMSGSIZE;
        return -1;
    }
    unsigned char *at;
    if (size <= UINT8_MAX)
        at = s_head (out, code, size, 1, size);
    else if (size <= UINT16_MAX)
        at = s_head (out, code + 1, size, 2, size);
    else
        at = s_head (out, code + 2, size, 4, size);
    if (!at)
        return -1;
    if (size > 0)
        memcpy (at, bytes, size);
    return 0;
}

int
brd_value_put_text (brd_buf_t *out, const char *text, size_t size)
{
    if (size >= 32)
        return s_put_sized (out, 0xd9, text, size);
    unsigned char *at = s_head (out, 0xa0 | (unsigned) size, 0, 0, size);
    if (!at)
        return -1;
    if (size > 0)
        memcpy (at, text, size);
    return 0;
}

int
brd_value_put_bytes (brd_buf_t *out, const void *bytes, size_t size)
{
    return s_put_sized (out, 0xc4, bytes, size);
}

int
brd_value_put_ref (brd_buf_t *out, const brd_ref_t *ref)
{
    unsigned char *at =
        s_head (out, 0xc7, BRD_VALUE_REF_SIZE, 1, 1 + BRD_VALUE_REF_SIZE);
    if (!at)
        return -1;
    *at++ = BRD_VALUE_EXT_HANDLE;
    const uint64_t words[] = { ref->brood,
                               ref->object,
                               ref->offset,
                               (uint64_t) ref->spare << 32 | ref->kind };
    for (int word = 0; word < 4; word++) {
        for (int byte = 0; byte < 8; byte++)
            *at++ = (unsigned char) (words[word] >> 8 * byte);
    }
    return 0;
}

// --- Lists and maps --------------------------------------------------------

// fix is 0x80 or 0x90; the byte for 16 bits of count is code, then for 32.
static int
s_put_count (brd_buf_t *out, unsigned fix, unsigned code, size_t count)
{
    if (count < 16)
        return s_put (out, fix | (unsigned) count, 0, 0);
    if (count <= UINT16_MAX)
        return s_put (out, code, count, 2);
    if (count <= UINT32_MAX)
        return s_put (out, code + 1, count, 4);
    errno = EMSGSIZE;
    return -1;
}

int
brd_value_put_list (brd_buf_t *out, size_t count)
{
    return s_put_count (out, 0x90, 0xdc, count);
}

int
brd_value_put_map (brd_buf_t *out, size_t count)
{
    return s_put_count (out, 0x80, 0xde, count);
}

static size_t
s_head_size (unsigned byte)
{
    if (byte < 0xc0)
        return 1;
    return byte == 0xdc || byte == 0xde ? 3 : 5;
}

int
brd_value_set_count (brd_buf_t *out, size_t head, size_t count)
{
    unsigned char bytes[BRD_VALUE_HEAD_MAX];
    brd_buf_t made = brd_value_fixed (bytes, sizeof bytes);
    const unsigned old = out->bytes[head];
    const int is_map = (old & 0xf0) == 0x80 || old >= 0xde;
    if ((is_map ? brd_value_put_map (&made, count)
                : brd_value_put_list (&made, count))
        < 0)
        return -1;
    // A head that is longer than it must be is as good, and saves the move.
    const size_t size = s_head_size (old);
    if (size > made.size) {
        s_store (out->bytes + head + 1, count, (unsigned) size - 1);
        return 0;
    }
    const size_t grows = made.size - size;
    if (grows > 0) {
        if (!s_room (out, grows))
            return -1;
        unsigned char *at = out->bytes + head + size;
        memmove (at + grows, at, out->size - head - size);
        out->size += grows;
    }
    memcpy (out->bytes + head, bytes, made.size);
    return 0;
}
