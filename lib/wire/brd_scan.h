// brd_scan.h - the words a picture is made of, and the place one has come to
//
// SPDX-License-Identifier: MPL-2.0
//
// For brd_picture_pack.c and brd_picture_unpack.c only.

#ifndef BRD_SCAN_H
#define BRD_SCAN_H

#include <stddef.h>

#include "wire/brd_limits.h"
#include "wire/brd_value.h"

// --- Words -----------------------------------------------------------------

typedef struct {
    const char *picture;
    const char *at;
} brd_scan_t;

// "%.*s" is { .letter = 's', .precision = BRD_SCAN_STAR }.
enum {
    BRD_SCAN_NONE = -1,
    BRD_SCAN_STAR = -2
};

typedef struct {
    char letter;    // d u f s p; i is d
    char length;    // 0, H (hh), h, l, q (ll), j, z, t
    int width;      // Or BRD_SCAN_NONE
    int precision;  // Or BRD_SCAN_NONE, BRD_SCAN_STAR
} brd_scan_conv_t;

// A constant text or a bare word; it stays in the picture.
typedef struct {
    const char *raw;
    size_t raw_size;
    size_t size;  // Without the escapes
} brd_scan_text_t;

// The next character that is not blank, '\0' at the end.
static inline char
brd_scan_peek (brd_scan_t *self)
{
    while (*self->at == ' ' || *self->at == '\n' || *self->at == '\t')
        self->at++;
    return *self->at;
}

// 1 and passes it if it is this one.
static inline int
brd_scan_take (brd_scan_t *self, char wanted)
{
    if (brd_scan_peek (self) != wanted)
        return 0;
    self->at++;
    return 1;
}

// EINVAL: the picture cannot be read at the scan's place; why may be NULL.
// Returns -1.
int
brd_scan_fail (const brd_scan_t *self, const char *why);

// Each passes what it reads: 0, or brd_scan_fail ().
int
brd_scan_conv (brd_scan_t *self, brd_scan_conv_t *ret_conv);
int
brd_scan_text (brd_scan_t *self, brd_scan_text_t *ret_text);  // "..."
int
brd_scan_key (brd_scan_t *self, brd_scan_text_t *ret_text);  // Or a bare word
int
brd_scan_number (brd_scan_t *self, brd_value_t *ret_value);

// true, false, nil: 0 with the value.
int
brd_scan_word (brd_scan_t *self, brd_value_t *ret_value);

// The text without its escapes, size bytes.
void
brd_scan_copy (const brd_scan_text_t *self, char *ret_text);

// 1 if it is this text.
int
brd_scan_is (const brd_scan_text_t *self, const void *bytes, size_t size);

// --- The place in the value ------------------------------------------------

typedef struct {
    const char *key;  // NULL: number is an index, or an integer key
    size_t key_size;
    int64_t number;
} brd_scan_step_t;

typedef struct {
    const char *start;  // A path the value is at; NULL: none
    int depth;
    brd_scan_step_t steps[BRD_WIRE_DEPTH_MAX];
} brd_scan_path_t;

enum {
    BRD_SCAN_PATH_SIZE = 200
};

// " at .size[1]", cut where it does not fit; "" for the whole value. buf has
// BRD_SCAN_PATH_SIZE bytes and is returned.
const char *
brd_scan_path (const brd_scan_path_t *self, char *buf);

#endif  // BRD_SCAN_H
