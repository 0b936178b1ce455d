// brd_picture.h - carries out a picture: arguments to bytes, bytes to outputs
//
// SPDX-License-Identifier: MPL-2.0
//
// What pictures are: brood/brood_msg.h.

#ifndef BRD_PICTURE_H
#define BRD_PICTURE_H

#include <stdarg.h>
#include <stddef.h>

#include "base/brd_buf.h"
#include "base/brd_handle.h"

// Outputs one unpacking picture can have: they are collected and written when
// all is known to fit, so none is when something does not.
#define BRD_PICTURE_OUTPUTS_MAX 64

// What a handle of the kinds BRD_KIND_MSG and BRD_KIND_REF begins with. Packed
// with "@%p" its bytes become part of the message (they are checked then).
typedef struct {
    brd_handle_t handle;
    const unsigned char *bytes;
    size_t size;
} brd_picture_part_t;

// Appends the value to out. Moves *args on. -1 with EINVAL (the picture cannot
// be read, or an argument is NULL or no handle that can travel), EBADMSG (an
// embedded message is none), EMSGSIZE or ENOMEM, and out as it was.
int
brd_picture_pack (brd_buf_t *out, const char *picture, va_list *args);

// The same for a place that may be too small: 1 and no error text if it is (see
// brd_value_fixed ()), else 0 or -1. The value will stand in depth containers.
int
brd_picture_try (brd_buf_t *out, int depth, const char *picture, va_list *args);

// 0 if a live handle of this kind and with this place can travel in a picture,
// or -1 with EINVAL; function is for the text.
int
brd_picture_may_travel (const brd_handle_t *handle, const char *function);

// The bytes to read: one value; with pair, two that are a map's key and value,
// and the picture is "key: value".
typedef struct {
    const unsigned char *bytes;
    size_t size;
    int pair;
    const char *where;  // The path it is at, for error texts; may be NULL

    // Makes what "@%p" yields from the value at bytes: an object that begins
    // with a brd_handle_t, or NULL with errno. NULL: "@%p" is EINVAL.
    void *(*ref) (void *arg, const unsigned char *bytes, size_t size);
    void *arg;
} brd_picture_source_t;

// Moves *args on. -1 with EINVAL (the picture cannot be read) or EBADMSG (the
// value does not look like that), and then nothing was written; a NULL output
// is left out. args NULL: only says whether it would fit.
int
brd_picture_unpack (const brd_picture_source_t *source,
                    const char *picture,
                    va_list *args);

#endif  // BRD_PICTURE_H
