// fuzz_picture.c - any picture, any bytes
//
// SPDX-License-Identifier: MPL-2.0
//
//     input: picture '\0' bytes
//
// Unpacked, all arguments are pointers, so each gets a block large enough for
// any text; what lies behind a block shows whether it was enough. Packed, all
// arguments are one place in memory, which is a text, a number and no handle,
// whatever a conversion takes it for.

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_check.h"
#include "brood/brood_msg.h"
#include "client/brd_msg.h"
#include "wire/brd_limits.h"
#include "wire/brd_picture.h"
#include "wire/brd_value.h"

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t size);

enum {
    S_INPUT_MAX = 4000,  // A text cannot be longer
    S_BLOCK = 4096
};

#define S_EIGHT(a) (a), (a), (a), (a), (a), (a), (a), (a)
#define S_SIXTY_FOUR(a) \
    S_EIGHT (a), S_EIGHT (a), S_EIGHT (a), S_EIGHT (a), S_EIGHT (a), \
        S_EIGHT (a), S_EIGHT (a), S_EIGHT (a)

static int
s_unpack (const brd_picture_source_t *source, const char *picture, ...)
{
    va_list args;
    va_start (args, picture);
    const int answer = brd_picture_unpack (source, picture, &args);
    va_end (args);
    return answer;
}

static int
s_pack (brd_buf_t *out, const char *picture, ...)
{
    va_list args;
    va_start (args, picture);
    const int answer = brd_picture_pack (out, picture, &args);
    va_end (args);
    return answer;
}

static void
s_fuzz_unpack (const char *picture, const uint8_t *bytes, size_t size)
{
    // What is not checked is read with the same care; refs need a message.
    static _Alignas(16) unsigned char block[S_BLOCK];
    static const unsigned char untouched[S_BLOCK];
    const brd_picture_source_t raw = { .bytes = bytes, .size = size };
    memset (block, 0, sizeof block);
    if (s_unpack (&raw, picture, S_SIXTY_FOUR (block), block) < 0)
        brd_assert (memcmp (block, untouched, sizeof block) == 0);
    brd_picture_source_t pair = raw;
    pair.pair = 1;
    (void) s_unpack (&pair, picture, S_SIXTY_FOUR (block), block);
    brood_msg_t *msg = brood_msg_new_bytes (bytes, size);
    if (!msg)
        return;
    const brd_picture_source_t checked = {
        .bytes = msg->bytes, .size = msg->size, .ref = brd_ref_add, .arg = msg
    };
    memset (block, 0, sizeof block);
    if (s_unpack (&checked, picture, S_SIXTY_FOUR (block), block) < 0)
        brd_assert (memcmp (block, untouched, sizeof block) == 0);
    brood_msg_destroy (&msg);
}

static void
s_fuzz_pack (const char *picture)
{
    // Two arguments a conversion at most ("%.*s"), and 64 are given.
    int conversions = 0;
    for (const char *c = picture; *c != '\0'; c++)
        conversions += *c == '%';
    if (conversions > 32)
        return;
    static char text[S_BLOCK] = "a text";
    brd_buf_t out;
    brd_buf_init (&out, 1 << 20);
    if (s_pack (&out, picture, S_SIXTY_FOUR (text)) == 0) {
        brd_assert (
            brd_value_check (out.bytes, out.size, BRD_WIRE_DEPTH_MAX, NULL)
            == 0);
        // Without arguments it is the picture of what it made.
        const brd_picture_source_t source = { .bytes = out.bytes,
                                              .size = out.size };
        if (conversions == 0)
            brd_assert (s_unpack (&source, picture) == 0);
    }
    else
        brd_assert (out.size == 0);
    brd_buf_fini (&out);
}

static void
s_fuzz_path (const char *path, const uint8_t *bytes, size_t size)
{
    brood_msg_t *msg = brood_msg_new_bytes (bytes, size);
    if (!msg)
        return;
    if (brood_msg_type (msg, path) > 0)
        brd_assert (brood_msg_len (msg, path) >= 0);
    brood_iter_t it = brood_msg_iter (msg, path);
    while (brood_iter_next (&it, "*: *") != 0 && it.private_[1] > 0)
        continue;
    brood_msg_destroy (&msg);
}

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t size)
{
    if (size > S_INPUT_MAX)
        return 0;
    const uint8_t *end = size > 0 ? memchr (bytes, '\0', size) : NULL;
    const size_t length = end ? (size_t) (end - bytes) : size;
    char *picture = malloc (length + 1);
    const size_t rest = end ? size - length - 1 : 0;
    uint8_t *exact = malloc (rest > 0 ? rest : 1);
    brd_assert (picture != NULL && exact != NULL);
    if (length > 0)
        memcpy (picture, bytes, length);
    picture[length] = '\0';
    if (rest > 0)
        memcpy (exact, end + 1, rest);
    s_fuzz_unpack (picture, exact, rest);
    s_fuzz_pack (picture);
    s_fuzz_path (picture, exact, rest);
    free (exact);
    free (picture);
    return 0;
}
