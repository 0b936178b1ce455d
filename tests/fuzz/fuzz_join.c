// fuzz_join.c - any text for a join string
//
// SPDX-License-Identifier: MPL-2.0
//
// What is taken prints as one text, which is taken again as the same. The bytes
// are tried as they are, and as what a text stands for: no made-up text has the
// right checksum.

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/brd_check.h"
#include "wire/brd_join.h"

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t size);

enum {
    S_BODY_MAX = 2000
};

static void
s_try (const char *given, size_t size)
{
    brd_join_t join, again;
    char text[BRD_JOIN_TEXT_MAX];
    if (brd_join_parse (&join, given, size) < 0) {
        brd_assert (errno == EINVAL);
        return;
    }
    brd_assert (brd_join_print (&join, text) == 0);
    brd_assert (brd_join_parse (&again, text, strlen (text)) == 0);
    brd_assert (memcmp (&join, &again, sizeof join) == 0);
}

// The text that has this body and its checksum.
static void
s_try_body (const uint8_t *body, size_t size)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    char text[7 + S_BODY_MAX * 2] = "brood1:", *at = text + 7;
    uint32_t hash = 2166136261U, bits = 0;
    int n_bits = 0;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ body[i]) * 16777619U;
    for (size_t i = 0; i < size + 4; i++) {
        const uint32_t byte =
            i < size ? body[i] : hash >> (24 - 8 * (i - size)) & 255;
        bits = (bits << 8 | byte) & 0xfff;
        for (n_bits += 8; n_bits >= 5; n_bits -= 5)
            *at++ = letters[bits >> (n_bits - 5) & 31];
    }
    if (n_bits > 0)
        *at++ = letters[bits << (5 - n_bits) & 31];
    s_try (text, (size_t) (at - text));
}

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t size)
{
    s_try ((const char *) bytes, size);
    if (size <= S_BODY_MAX)
        s_try_body (bytes, size);
    return 0;
}
