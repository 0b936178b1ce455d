// brd_frame.h - operations to bytes and back
//
// SPDX-License-Identifier: MPL-2.0
//
// Decoding is total: any bytes give entries or -1 with EPROTO, nothing is
// allocated, and what an entry points to lies inside the message.

#ifndef BRD_FRAME_H
#define BRD_FRAME_H

#include <stddef.h>

#include "base/brd_buf.h"
#include "wire/brd_wire.h"

enum {
    BRD_FRAME_HEADER = 16,
    BRD_FRAME_TASK = 40,
    BRD_FRAME_RESULT = 32,
    BRD_FRAME_NOTE = 40,
    BRD_FRAME_PLACE = 16,
    BRD_FRAME_STORY = 48,
    BRD_FRAME_OPEN = 80,
    BRD_FRAME_DUCT = 24
};

typedef struct {
    brd_op_t op;
    uint32_t left;  // Entries not read yet
    const unsigned char *at;
    const unsigned char *end;
} brd_frame_t;

// Starts a message in an empty buffer; entries are appended, then it is closed
// with their count. -1 with ENOMEM or EMSGSIZE, and the buffer as it was.
int
brd_frame_begin (brd_buf_t *out, brd_op_t op);
int
brd_frame_add_task (brd_buf_t *out, const brd_wire_task_t *task);
int
brd_frame_add_result (brd_buf_t *out, const brd_wire_result_t *result);
int
brd_frame_add_note (brd_buf_t *out, const brd_wire_note_t *note);
int
brd_frame_add_open (brd_buf_t *out, const brd_wire_open_t *open);
int
brd_frame_add_duct (brd_buf_t *out, const brd_wire_duct_t *duct);
void
brd_frame_close (brd_buf_t *out, uint32_t count);

// Where bytes lie in the arena, as a body of its own; and back: -1 with EPROTO
// if it is none.
void
brd_frame_put_place (unsigned char out[BRD_FRAME_PLACE],
                     uint64_t offset,
                     uint64_t size);
int
brd_frame_get_place (const void *body,
                     size_t body_size,
                     uint64_t *ret_offset,
                     uint64_t *ret_size);

// The body of a result that is a story: its text is appended. And back.
int
brd_frame_put_story (brd_buf_t *out, const brd_wire_story_t *story);
int
brd_frame_get_story (const void *body,
                     size_t body_size,
                     brd_wire_story_t *ret_story);

// Opens a message for reading. -1 with EPROTO.
int
brd_frame_open (brd_frame_t *self, const void *bytes, size_t size);

// The next entry: 1, 0 at the end (all bytes were used), -1 with EPROTO. Each
// for its own operation only.
int
brd_frame_next_task (brd_frame_t *self, brd_wire_task_t *ret_task);
int
brd_frame_next_result (brd_frame_t *self, brd_wire_result_t *ret_result);
int
brd_frame_next_note (brd_frame_t *self, brd_wire_note_t *ret_note);
int
brd_frame_next_open (brd_frame_t *self, brd_wire_open_t *ret_open);
int
brd_frame_next_duct (brd_frame_t *self, brd_wire_duct_t *ret_duct);

#endif  // BRD_FRAME_H
