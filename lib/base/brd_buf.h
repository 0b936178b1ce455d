// brd_buf.h - bytes that grow, up to a ceiling
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_BUF_H
#define BRD_BUF_H

#include <stddef.h>

typedef struct {
    unsigned char *bytes;
    size_t size;
    size_t room;
    size_t size_max;  // Growing beyond is EMSGSIZE
} brd_buf_t;

void
brd_buf_init (brd_buf_t *self, size_t size_max);
void
brd_buf_fini (brd_buf_t *self);

// Room for extra more bytes; their start, or NULL with ENOMEM or EMSGSIZE and
// the contents as they were. size does not change.
void *
brd_buf_reserve (brd_buf_t *self, size_t extra);

// Appends; -1 with ENOMEM or EMSGSIZE and the contents as they were.
int
brd_buf_add (brd_buf_t *self, const void *bytes, size_t size);

// Gives the bytes away (brd_mem_free) and is empty again; NULL if it was.
void *
brd_buf_steal (brd_buf_t *self, size_t *ret_size);

#endif  // BRD_BUF_H
