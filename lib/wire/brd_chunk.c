// brd_chunk.c - part of a map, for workers that share no memory with its owner
//
// SPDX-License-Identifier: MPL-2.0
//
// A report's numbers have a fixed width, so that they can be written where they
// stand:
//
//     96 ac "brood.report"  ce done  ce pid  c5 text  c6 outcomes  c6 outputs
//
// The room for the text is such that the outputs are aligned.
//
// Read next: workers/worker_chunk.c, lib/api/brd_job_chunk.c.

#include "wire/brd_chunk.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <string.h>

#include "base/brd_error.h"
#include "wire/brd_value.h"

static const char s_order_tag[] = "brood.chunk";
static const char s_report_tag[] = "brood.report";

enum {
    S_ORDER_PARTS = 10,
    S_REPORT_PARTS = 6,
    S_DONE_AT = 1 + sizeof s_report_tag,  // The tag has a byte of head, no zero
    S_PID_AT = S_DONE_AT + 5,
    S_TEXT_AT = S_PID_AT + 5,
    S_TEXT_HEAD = 3,
    S_BYTES_HEAD = 5
};

// --- Reading ---------------------------------------------------------------

static int
s_bad (const char *what)
{
    return brd_error_set (EPROTO, "a map's chunk: %s", what);
}

static int
s_get_tag (brd_value_cursor_t *at,
           size_t parts,
           const char *tag,
           size_t tag_size)
{
    brd_value_t value;
    if (brd_value_read (at, &value) < 0 || value.type != BROOD_LIST
        || value.size != parts || brd_value_read (at, &value) < 0
        || value.type != BROOD_TEXT || value.size != tag_size
        || memcmp (value.bytes, tag, tag_size) != 0)
        return s_bad ("not what it should be");
    return 0;
}

static int
s_get_number (brd_value_cursor_t *at, uint64_t max, uint64_t *ret_number)
{
    brd_value_t value;
    if (brd_value_read (at, &value) < 0 || value.type != BROOD_INTEGER
        || value.negative || value.number.u > max)
        return s_bad ("a number");
    *ret_number = value.number.u;
    return 0;
}

static int
s_get_bytes (brd_value_cursor_t *at,
             int or_nil,
             const void **ret_bytes,
             size_t *ret_size)
{
    brd_value_t value;
    if (brd_value_read (at, &value) < 0
        || (value.type != BROOD_BYTES && !(or_nil && value.type == BROOD_NIL)))
        return s_bad ("bytes");
    const int is_nil = value.type == BROOD_NIL;
    *ret_bytes = is_nil ? NULL : value.bytes;
    *ret_size = is_nil ? 0 : value.size;
    return 0;
}

// --- Orders ----------------------------------------------------------------

int
brd_chunk_put_order (brd_buf_t *out, const brd_chunk_order_t *order)
{
    const size_t before = out->size;
    if (brd_value_put_list (out, S_ORDER_PARTS) == 0
        && brd_value_put_text (out, s_order_tag, sizeof s_order_tag - 1) == 0
        && brd_value_put_uint (out, order->fn) == 0
        && brd_value_put_uint (out, order->flags) == 0
        && brd_value_put_uint (out, order->first) == 0
        && brd_value_put_uint (out, order->count) == 0
        && brd_value_put_uint (out, order->in_size) == 0
        && brd_value_put_uint (out, order->out_size) == 0
        && brd_value_put_int (out, order->budget_ns) == 0
        && (order->arg ? brd_value_put_bytes (out, order->arg, order->arg_size)
                       : brd_value_put_nil (out))
               == 0
        && brd_value_put_bytes (out, order->items, order->items_size) == 0)
        return 0;
    out->size = before;
    return -1;
}

// What is said of sizes can be.
static int
s_check_order (const brd_chunk_order_t *order)
{
    uint64_t size;
    const int messages = (order->flags & BRD_CHUNK_MESSAGES) != 0;
    if (order->count < 1 || order->first > UINT64_MAX - 1 - order->count
        || ((order->flags & BRD_CHUNK_SINGLE) && order->count != 1))
        return s_bad ("the number of items");
    if (__builtin_mul_overflow (order->count, order->out_size, &size)
        || size > BROOD_MSG_SIZE_MAX
        || __builtin_mul_overflow (order->count, order->in_size, &size)
        || (messages ? order->in_size != 0 || order->out_size != 0
                     : order->in_size == 0 || size != order->items_size))
        return s_bad ("sizes");
    return 0;
}

int
brd_chunk_get_order (const void *bytes,
                     size_t size,
                     brd_chunk_order_t *ret_order)
{
    brd_chunk_order_t order = { 0 };
    uint64_t flags, budget;
    brd_value_cursor_t at = { bytes, (const unsigned char *) bytes + size };
    if (s_get_tag (&at, S_ORDER_PARTS, s_order_tag, sizeof s_order_tag - 1) < 0
        || s_get_number (&at, UINT64_MAX, &order.fn) < 0
        || s_get_number (&at, BRD_CHUNK_FLAGS, &flags) < 0
        || s_get_number (&at, UINT64_MAX, &order.first) < 0
        || s_get_number (&at, UINT32_MAX, &order.count) < 0
        || s_get_number (&at, SIZE_MAX, &order.in_size) < 0
        || s_get_number (&at, SIZE_MAX, &order.out_size) < 0
        || s_get_number (&at, INT64_MAX, &budget) < 0
        || s_get_bytes (&at, 1, &order.arg, &order.arg_size) < 0
        || s_get_bytes (&at, 0, &order.items, &order.items_size) < 0)
        return -1;
    order.flags = (uint32_t) flags;
    order.budget_ns = (int64_t) budget;
    if (s_check_order (&order) < 0)
        return -1;
    *ret_order = order;
    return 0;
}

// --- Reports ---------------------------------------------------------------

int
brd_chunk_get_report (const void *bytes,
                      size_t size,
                      brd_chunk_report_t *ret_report)
{
    brd_chunk_report_t report = { 0 };
    const void *text, *outcomes, *outputs;
    uint64_t pid;
    size_t count;
    brd_value_cursor_t at = { bytes, (const unsigned char *) bytes + size };
    if (s_get_tag (&at, S_REPORT_PARTS, s_report_tag, sizeof s_report_tag - 1)
            < 0
        || s_get_number (&at, UINT32_MAX, &report.done) < 0
        || s_get_number (&at, INT_MAX, &pid) < 0
        || s_get_bytes (&at, 0, &text, &report.text_size) < 0
        || s_get_bytes (&at, 0, &outcomes, &count) < 0
        || s_get_bytes (&at, 0, &outputs, &report.outputs_size) < 0)
        return -1;
    if (report.done > count)
        return s_bad ("more was done than there is");
    report.count = count;
    report.pid = (int) pid;
    report.text = text;
    report.text_size = strnlen (text, report.text_size);
    report.outcomes = outcomes;
    report.outputs = outputs;
    *ret_report = report;
    return 0;
}

// --- Writing them ----------------------------------------------------------

// So that the outputs are aligned.
static size_t
s_text_room (uint64_t count)
{
    const size_t heads =
        S_TEXT_AT + S_TEXT_HEAD + S_BYTES_HEAD + (size_t) count + S_BYTES_HEAD;
    const size_t before = heads + BRD_CHUNK_TEXT + BRD_CHUNK_ALIGN - 1;
    return before / BRD_CHUNK_ALIGN * BRD_CHUNK_ALIGN - heads;
}

// A number of four bytes behind its code, the highest byte first; written at
// once, should this be the last thing its writer does.
static void
s_put_number (unsigned char *at, unsigned code, uint64_t number)
{
    const unsigned char bytes[4] = {
        (unsigned char) (number >> 24),
        (unsigned char) (number >> 16),
        (unsigned char) (number >> 8),
        (unsigned char) number,
    };
    at[0] = (unsigned char) code;
    memcpy (at + 1, bytes, sizeof bytes);
}

size_t
brd_chunk_report_size (uint64_t count, size_t room)
{
    return S_TEXT_AT + S_TEXT_HEAD + s_text_room (count) + S_BYTES_HEAD
           + (size_t) count + S_BYTES_HEAD + room;
}

static void
s_put_outputs_size (brd_chunk_writer_t *self)
{
    s_put_number (self->outputs - S_BYTES_HEAD, 0xc6, self->outputs_size);
}

void
brd_chunk_write (brd_chunk_writer_t *self,
                 void *memory,
                 uint64_t count,
                 size_t room,
                 size_t size)
{
    unsigned char *at = memory;
    self->bytes = memory;
    self->room = room;
    self->text_room = s_text_room (count);
    at[0] = 0x90 | S_REPORT_PARTS;
    at[1] = 0xa0 | (sizeof s_report_tag - 1);
    memcpy (at + 2, s_report_tag, sizeof s_report_tag - 1);
    brd_chunk_write_done (self, 0, 0);
    at += S_TEXT_AT;
    at[0] = 0xc5;
    at[1] = (unsigned char) (self->text_room >> 8);
    at[2] = (unsigned char) self->text_room;
    self->text = at + S_TEXT_HEAD;
    memset (self->text, 0, self->text_room);
    self->outcomes = self->text + self->text_room + S_BYTES_HEAD;
    s_put_number (self->outcomes - S_BYTES_HEAD, 0xc6, count);
    memset (self->outcomes, 0, (size_t) count);
    self->outputs = self->outcomes + count + S_BYTES_HEAD;
    self->outputs_size = size;
    s_put_outputs_size (self);
}

void
brd_chunk_write_failure (brd_chunk_writer_t *self,
                         uint64_t item,
                         int error,
                         const char *text)
{
    self->outcomes[item] =
        error > 0 && error <= UCHAR_MAX ? (unsigned char) error : EIO;
    if (self->text[0] == '\0')
        memcpy (self->text, text, strnlen (text, BRD_CHUNK_TEXT - 1));
}

void
brd_chunk_write_output (brd_chunk_writer_t *self,
                        const void *bytes,
                        size_t size)
{
    memcpy (self->outputs + self->outputs_size, bytes, size);
    self->outputs_size += size;
    // Whole before it is counted, should this be the last thing we do.
    atomic_signal_fence (memory_order_release);
    s_put_outputs_size (self);
}

void
brd_chunk_write_done (brd_chunk_writer_t *self, uint64_t done, int pid)
{
    s_put_number (self->bytes + S_DONE_AT, 0xce, done);
    s_put_number (self->bytes + S_PID_AT, 0xce, (uint64_t) pid);
}

size_t
brd_chunk_written (const brd_chunk_writer_t *self)
{
    return (size_t) (self->outputs - self->bytes) + self->outputs_size;
}
