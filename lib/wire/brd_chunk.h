// brd_chunk.h - part of a map, for workers that share no memory with its owner
//
// SPDX-License-Identifier: MPL-2.0
//
// A chunk travels as the message of an ordinary task, its report as that task's
// result; docs/decisions/0026-maps-to-other-hosts.md. Both are msgpack lists,
// elements and outputs are bytes: who is at the other end runs the same program
// (client/brd_code.h), so an element is laid out there as it is here.
//
//     order     ["brood.chunk", fn, flags, first, count, in size, out size,
//                budget, arg | nil, elements]
//     report    ["brood.report", done, pid, text, outcomes, outputs]
//
// A report is written in place, item by item, in memory that outlives its
// worker: at any time it is the report of what has been done so far, and that
// is what is left at a death.

#ifndef BRD_CHUNK_H
#define BRD_CHUNK_H

#include <stddef.h>
#include <stdint.h>

#include "base/brd_buf.h"

// Bytes of elements, and of outputs with an outcome each, that one chunk should
// have at most. One item alone may have more.
#define BRD_CHUNK_BYTES ((size_t) 1 << 20)

// Elements and outputs lie at multiples of this, in the worker.
enum {
    BRD_CHUNK_ALIGN = 64,
    BRD_CHUNK_TEXT = 512  // Of the first failure
};

enum {
    BRD_CHUNK_SINGLE = 1,    // One item, whose failure is the task's
    BRD_CHUNK_STOP = 2,      // Nothing behind a failure
    BRD_CHUNK_MESSAGES = 4,  // Elements and outputs are msgpack values
    BRD_CHUNK_FLAGS = 7
};

typedef struct {
    uint64_t fn;  // brd_code_number ()
    uint32_t flags;
    uint64_t first;     // Index of the first item
    uint64_t count;     // 1 at least
    uint64_t in_size;   // Of an element; messages: 0
    uint64_t out_size;  // 0: no outputs, or messages
    int64_t budget_ns;  // When this has passed, what is left is given back; 0
    const void *arg;    // NULL: none
    size_t arg_size;
    const void *items;
    size_t items_size;
} brd_chunk_order_t;

// Appends it. -1 with ENOMEM, EMSGSIZE.
int
brd_chunk_put_order (brd_buf_t *out, const brd_chunk_order_t *order);

// On loan from bytes, and all sizes are possible. -1 with EPROTO.
int
brd_chunk_get_order (const void *bytes,
                     size_t size,
                     brd_chunk_order_t *ret_order);

// --- Reports ---------------------------------------------------------------

typedef struct {
    uint64_t done;   // Items, from the chunk's first on
    uint64_t count;  // Of the chunk
    int pid;
    const char *text;  // Of the first failure
    size_t text_size;
    const unsigned char *outcomes;  // An errno each, 0: all is well
    const unsigned char *outputs;  // Elements, of failed items too; messages: a
    size_t outputs_size;           // value for each that is well
} brd_chunk_report_t;

// On loan from bytes; what is behind it is passed over. -1 with EPROTO.
int
brd_chunk_get_report (const void *bytes,
                      size_t size,
                      brd_chunk_report_t *ret_report);

// Where its parts are while it is written.
typedef struct {
    unsigned char *bytes;
    size_t room;  // For outputs
    unsigned char *text;
    size_t text_room;
    unsigned char *outcomes;
    unsigned char *outputs;
    size_t outputs_size;
} brd_chunk_writer_t;

// Bytes a report needs that has room for so many of outputs.
size_t
brd_chunk_report_size (uint64_t count, size_t room);

// A report of nothing done, in memory of that size, aligned as above. Its
// outputs are size bytes, whatever is there.
void
brd_chunk_write (brd_chunk_writer_t *self,
                 void *memory,
                 uint64_t count,
                 size_t room,
                 size_t size);

void
brd_chunk_write_failure (brd_chunk_writer_t *self,
                         uint64_t item,
                         int error,
                         const char *text);

// Appends to the outputs, which have the room.
void
brd_chunk_write_output (brd_chunk_writer_t *self,
                        const void *bytes,
                        size_t size);

void
brd_chunk_write_done (brd_chunk_writer_t *self, uint64_t done, int pid);

// Its bytes so far.
size_t
brd_chunk_written (const brd_chunk_writer_t *self);

#endif  // BRD_CHUNK_H
