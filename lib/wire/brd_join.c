// brd_join.c - a join string: where a broker is, and why it should let one in
//
// SPDX-License-Identifier: MPL-2.0
//
//     brood1:  base32 of
//     role 1 | addresses 1 | expires 8 | key 32 | token 32
//         | (length 1 | address) for each | checksum 4
//
// Numbers are big-endian, base32 is RFC 4648's in small letters, without
// padding: a double click selects it, and no shell minds it. The bits that are
// left in the last letter are 0, so a value has one text.
//
// Read brd_token.c next.

#include "wire/brd_join.h"

#include <errno.h>
#include <string.h>

#include "base/brd_error.h"
#include "base/brd_secret.h"

static const char s_prefix[] = "brood1:";
static const char s_letters[] = "abcdefghijklmnopqrstuvwxyz234567";

enum {
    S_PREFIX = sizeof s_prefix - 1,
    S_HEAD = 1 + 1 + 8 + BRD_JOIN_KEY + BRD_JOIN_TOKEN,
    S_CHECK = 4,
    S_BYTES_MAX =
        S_HEAD + BRD_JOIN_ADDRESSES * (1 + BRD_JOIN_ADDRESS_MAX) + S_CHECK
};

_Static_assert(S_PREFIX + (S_BYTES_MAX * 8 + 4) / 5 + 1 <= BRD_JOIN_TEXT_MAX,
               "the longest text has room");

// FNV-1a: for mistypes. Who means harm has the whole string.
static uint32_t
s_checksum (const unsigned char *bytes, size_t size)
{
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 16777619U;
    return hash;
}

static void
s_put (unsigned char *at, uint64_t value, int size)
{
    for (int i = size - 1; i >= 0; i--, value >>= 8)
        at[i] = (unsigned char) value;
}

static uint64_t
s_get (const unsigned char *at, int size)
{
    uint64_t value = 0;
    for (int i = 0; i < size; i++)
        value = value << 8 | at[i];
    return value;
}

static int
s_is_address (const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] <= ' ' || bytes[i] > '~')
            return 0;
    return size > 0;
}

// --- Printing --------------------------------------------------------------

static void
s_encode (const unsigned char *bytes, size_t size, char *text)
{
    uint32_t bits = 0;
    int n_bits = 0;
    for (size_t i = 0; i < size; i++) {
        bits = (bits << 8 | bytes[i]) & 0xfff;
        for (n_bits += 8; n_bits >= 5; n_bits -= 5)
            *text++ = s_letters[bits >> (n_bits - 5) & 31];
    }
    if (n_bits > 0)
        *text++ = s_letters[bits << (5 - n_bits) & 31];
    *text = '\0';
}

// How many bytes, with the checksum; 0: an address is none.
static size_t
s_pack (const brd_join_t *self, unsigned char bytes[S_BYTES_MAX])
{
    bytes[0] = (unsigned char) self->role;
    bytes[1] = (unsigned char) self->n_addresses;
    s_put (bytes + 2, (uint64_t) self->expires, 8);
    memcpy (bytes + 10, self->key, BRD_JOIN_KEY);
    memcpy (bytes + 10 + BRD_JOIN_KEY, self->token, BRD_JOIN_TOKEN);
    unsigned char *at = bytes + S_HEAD;
    for (int i = 0; i < self->n_addresses; i++) {
        const char *address = self->addresses[i];
        const size_t length = strnlen (address, sizeof self->addresses[i]);
        if (length > BRD_JOIN_ADDRESS_MAX || !s_is_address (address, length))
            return 0;
        *at++ = (unsigned char) length;
        memcpy (at, address, length);
        at += length;
    }
    const size_t size = (size_t) (at - bytes);
    s_put (at, s_checksum (bytes, size), S_CHECK);
    return size + S_CHECK;
}

int
brd_join_print (const brd_join_t *self, char text[BRD_JOIN_TEXT_MAX])
{
    unsigned char bytes[S_BYTES_MAX];
    if (self->n_addresses < 1 || self->n_addresses > BRD_JOIN_ADDRESSES
        || self->role < BRD_JOIN_BELOW || self->role > BRD_JOIN_ADMIN
        || self->expires < 0)
        return brd_error_set (EINVAL, "no join string has these values");
    const size_t size = s_pack (self, bytes);
    if (size > 0) {
        memcpy (text, s_prefix, S_PREFIX);
        s_encode (bytes, size, text + S_PREFIX);
    }
    brd_secret_wipe (bytes, sizeof bytes);
    return size > 0
               ? 0
               : brd_error_set (EINVAL, "no join string has such an address");
}

// --- Parsing ---------------------------------------------------------------

// -1: it is none.
static int
s_digit (char letter)
{
    if (letter >= 'a' && letter <= 'z')
        return letter - 'a';
    // As some terminals and people write it.
    if (letter >= 'A' && letter <= 'Z')
        return letter - 'A';
    return letter >= '2' && letter <= '7' ? letter - '2' + 26 : -1;
}

// How many bytes; -1 for what is no base32, or too much of it.
static int
s_decode (const char *text, size_t size, unsigned char bytes[S_BYTES_MAX])
{
    uint32_t bits = 0;
    int n_bits = 0, n = 0;
    for (size_t i = 0; i < size; i++) {
        const int digit = s_digit (text[i]);
        if (digit < 0)
            return -1;
        bits = (bits << 5 | (uint32_t) digit) & 0xfff;
        n_bits += 5;
        if (n_bits < 8)
            continue;
        n_bits -= 8;
        if (n == S_BYTES_MAX)
            return -1;
        bytes[n++] = (unsigned char) (bits >> n_bits);
    }
    const int is_last = n_bits < 5 && (bits & ((1U << n_bits) - 1)) == 0;
    return is_last ? n : -1;
}

static int
s_take_addresses (brd_join_t *self, const unsigned char *at, size_t left)
{
    for (int i = 0; i < self->n_addresses; i++) {
        const size_t length = left > 0 ? at[0] : 0;
        if (left < 1 + length || !s_is_address ((const char *) at + 1, length))
            return -1;
        memcpy (self->addresses[i], at + 1, length);
        self->addresses[i][length] = '\0';
        at += 1 + length;
        left -= 1 + length;
    }
    return left == 0 ? 0 : -1;
}

static int
s_take (brd_join_t *self, const unsigned char *bytes, int n)
{
    if (n < S_HEAD + S_CHECK)
        return -1;
    const size_t size = (size_t) n - S_CHECK;
    if (s_get (bytes + size, S_CHECK) != s_checksum (bytes, size))
        return -1;
    const uint64_t expires = s_get (bytes + 2, 8);
    if (bytes[0] < BRD_JOIN_BELOW || bytes[0] > BRD_JOIN_ADMIN || bytes[1] < 1
        || bytes[1] > BRD_JOIN_ADDRESSES || expires > INT64_MAX)
        return -1;
    *self = (brd_join_t){
        .role = (brd_join_role_t) bytes[0],
        .n_addresses = bytes[1],
        .expires = (int64_t) expires,
    };
    memcpy (self->key, bytes + 10, BRD_JOIN_KEY);
    memcpy (self->token, bytes + 10 + BRD_JOIN_KEY, BRD_JOIN_TOKEN);
    return s_take_addresses (self, bytes + S_HEAD, size - S_HEAD);
}

static int
s_is_blank (char letter)
{
    return letter == ' ' || letter == '\t' || letter == '\n' || letter == '\r';
}

int
brd_join_parse (brd_join_t *self, const char *text, size_t size)
{
    unsigned char bytes[S_BYTES_MAX];
    brd_join_t join = { .n_addresses = 0 };
    while (size > 0 && s_is_blank (text[size - 1]))
        size--;
    while (size > 0 && s_is_blank (*text)) {
        text++;
        size--;
    }
    if (size < S_PREFIX || memcmp (text, s_prefix, S_PREFIX) != 0)
        return brd_error_set (EINVAL,
                              size > 5 && memcmp (text, s_prefix, 5) == 0
                                  ? "a join string of another version of brood"
                                  : "not a join string: one begins with %s",
                              s_prefix);
    const int n = s_decode (text + S_PREFIX, size - S_PREFIX, bytes);
    const int rc = n < 0 ? -1 : s_take (&join, bytes, n);
    if (rc == 0)
        *self = join;
    brd_secret_wipe (bytes, sizeof bytes);
    brd_join_wipe (&join);
    return rc == 0 ? 0
                   : brd_error_set (
                       EINVAL, "the join string is incomplete, or mistyped");
}

const char *
brd_join_purpose (brd_join_role_t role)
{
    switch (role) {
    case BRD_JOIN_BELOW:
        return "to do work";
    case BRD_JOIN_ABOVE:
        return "to give work";
    case BRD_JOIN_WATCH:
        return "to look";
    case BRD_JOIN_ADMIN:
        return "to look and to send hosts away";
    }
    return "for nothing";
}

void
brd_join_wipe (brd_join_t *self)
{
    brd_secret_wipe (self, sizeof *self);
}
