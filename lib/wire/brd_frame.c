// brd_frame.c - operations to bytes and back
//
// SPDX-License-Identifier: MPL-2.0
//
//     0        4    5    6      8       12     16
//     | "BRD1" | op | 0  | 0    | count | 0    |  entries, each 8-aligned
//
// Numbers are little endian. An entry's body follows it, padded with zeros to
// a multiple of 8, so that a reader on this host may use it where it lies. The
// offsets are written down in docs/rfc/1-wire.md and checked by
// tests/unit/test_brd_frame.c against tests/vectors/.
//
// Read next: workers/worker_loop.c and broker/host/host_turn.c, the two ends.

#include "wire/brd_frame.h"

#include <errno.h>
#include <string.h>

#include "base/brd_error.h"
#include "brood/brood_msg.h"
#include "wire/brd_le.h"
#include "wire/brd_limits.h"

enum {
    S_NICE_MAX = 40  // From the lowest to the highest
};

static const unsigned char s_magic[4] = { 'B', 'R', 'D', '1' };

static size_t
s_padded (size_t size)
{
    return (size + 7) & ~(size_t) 7;
}

int
brd_frame_begin (brd_buf_t *out, brd_op_t op)
{
    unsigned char *at = brd_buf_reserve (out, BRD_FRAME_HEADER);
    if (!at)
        return -1;
    memset (at, 0, BRD_FRAME_HEADER);
    memcpy (at, s_magic, sizeof s_magic);
    at[4] = (unsigned char) op;
    out->size += BRD_FRAME_HEADER;
    return 0;
}

// Room for a zeroed entry and its padded body, which is copied.
static unsigned char *
s_entry (brd_buf_t *out, size_t entry, const void *body, size_t size)
{
    const size_t whole = entry + s_padded (size);
    unsigned char *at = brd_buf_reserve (out, whole);
    if (!at)
        return NULL;
    memset (at, 0, entry);
    if (size > 0) {
        memset (at + whole - 8, 0, 8);
        memcpy (at + entry, body, size);
    }
    out->size += whole;
    return at;
}

int
brd_frame_add_task (brd_buf_t *out, const brd_wire_task_t *task)
{
    unsigned char *at = s_entry (out, BRD_FRAME_TASK, task->body, task->size);
    if (!at)
        return -1;
    brd_le_put (at, task->seq, 8);
    brd_le_put (at + 8, task->fn, 8);
    brd_le_put (at + 16, (uint64_t) task->timeout_ns, 8);
    brd_le_put (at + 24, task->size, 4);
    brd_le_put (at + 28, task->slot, 2);
    brd_le_put (at + 30, task->attempt, 2);
    at[32] = task->kind;
    at[33] = task->flags;
    at[34] = task->priority;
    brd_le_put (at + 36, task->grace_ms, 4);
    return 0;
}

int
brd_frame_add_result (brd_buf_t *out, const brd_wire_result_t *result)
{
    const int in_page = result->flags & BRD_RESULT_IN_PAGE;
    unsigned char *at = s_entry (
        out, BRD_FRAME_RESULT, result->body, in_page ? 0 : result->size);
    if (!at)
        return -1;
    brd_le_put (at, result->seq, 8);
    brd_le_put (at + 8, (uint64_t) result->time_ns, 8);
    brd_le_put (at + 16, (uint32_t) result->status, 4);
    brd_le_put (at + 20, result->size, 4);
    brd_le_put (at + 24, result->slot, 2);
    at[26] = result->flags;
    return 0;
}

int
brd_frame_add_note (brd_buf_t *out, const brd_wire_note_t *note)
{
    uint64_t done, total;
    unsigned char *at = s_entry (out, BRD_FRAME_NOTE, note->body, note->size);
    if (!at)
        return -1;
    memcpy (&done, &note->done, 8);
    memcpy (&total, &note->total, 8);
    brd_le_put (at, note->seq, 8);
    brd_le_put (at + 8, done, 8);
    brd_le_put (at + 16, total, 8);
    brd_le_put (at + 24, note->count, 4);
    brd_le_put (at + 28, note->size, 4);
    brd_le_put (at + 32, note->slot, 2);
    return 0;
}

int
brd_frame_add_open (brd_buf_t *out, const brd_wire_open_t *open)
{
    const size_t size = (size_t) open->initargs_size + open->name_size;
    const size_t whole = BRD_FRAME_OPEN + s_padded (size);
    unsigned char *at = brd_buf_reserve (out, whole);
    if (!at)
        return -1;
    memset (at, 0, BRD_FRAME_OPEN);
    memset (at + whole - 8, 0, 8);
    brd_le_put (at, open->initializer, 8);
    brd_le_put (at + 8, (uint64_t) open->max_age_ns, 8);
    brd_le_put (at + 16, open->max_memory, 8);
    brd_le_put (at + 24, open->max_tasks, 4);
    brd_le_put (at + 28, (uint32_t) open->nice, 4);
    brd_le_put (at + 32, open->initargs_size, 4);
    brd_le_put (at + 36, open->name_size, 4);
    memcpy (at + 48, open->family, BRD_WIRE_FAMILY);
    at += BRD_FRAME_OPEN;
    if (open->initargs_size > 0)
        memcpy (at, open->initargs, open->initargs_size);
    if (open->name_size > 0)
        memcpy (at + open->initargs_size, open->name, open->name_size);
    out->size += whole;
    return 0;
}

int
brd_frame_add_duct (brd_buf_t *out, const brd_wire_duct_t *duct)
{
    unsigned char *at = s_entry (out, BRD_FRAME_DUCT, duct->body, duct->size);
    if (!at)
        return -1;
    brd_le_put (at, duct->duct, 8);
    brd_le_put (at + 8, duct->manager, 8);
    brd_le_put (at + 16, duct->count, 4);
    brd_le_put (at + 20, duct->size, 4);
    return 0;
}

void
brd_frame_close (brd_buf_t *out, uint32_t count)
{
    brd_le_put (out->bytes + 8, count, 4);
}

static int
s_bad (const char *what)
{
    return brd_error_set (EPROTO, "a message that is not brood's: %s", what);
}

void
brd_frame_put_place (unsigned char out[BRD_FRAME_PLACE],
                     uint64_t offset,
                     uint64_t size)
{
    brd_le_put (out, offset, 8);
    brd_le_put (out + 8, size, 8);
}

int
brd_frame_get_place (const void *body,
                     size_t body_size,
                     uint64_t *ret_offset,
                     uint64_t *ret_size)
{
    const unsigned char *at = body;
    if (body_size != BRD_FRAME_PLACE)
        return s_bad ("no place");
    const uint64_t size = brd_le_get (at + 8, 8);
    // No value is larger, so it fits where sizes of values do.
    if (size == 0 || size > BROOD_MSG_SIZE_MAX)
        return s_bad ("a place's size");
    *ret_offset = brd_le_get (at, 8);
    *ret_size = size;
    return 0;
}

int
brd_frame_put_story (brd_buf_t *out, const brd_wire_story_t *story)
{
    const size_t size =
        (size_t) BRD_FRAME_STORY + story->size + story->report_size;
    unsigned char *at = brd_buf_reserve (out, size);
    if (!at)
        return -1;
    memset (at, 0, BRD_FRAME_STORY);
    brd_le_put (at, (uint32_t) story->error, 4);
    brd_le_put (at + 4, (uint32_t) story->status, 4);
    brd_le_put (at + 8, (uint32_t) story->signal, 4);
    brd_le_put (at + 12, (uint32_t) story->pid, 4);
    brd_le_put (at + 16, story->bits, 4);
    brd_le_put (at + 20, story->report_size, 4);
    brd_le_put (at + 24, story->item, 8);
    brd_le_put (at + 32, story->claim_first, 8);
    brd_le_put (at + 40, story->claim_end, 8);
    if (story->size > 0)
        memcpy (at + BRD_FRAME_STORY, story->text, story->size);
    if (story->report_size > 0)
        memcpy (
            at + size - story->report_size, story->report, story->report_size);
    out->size += size;
    return 0;
}

int
brd_frame_get_story (const void *body,
                     size_t body_size,
                     brd_wire_story_t *ret_story)
{
    const unsigned char *at = body;
    if (body_size < BRD_FRAME_STORY)
        return s_bad ("no story");
    const uint64_t report = brd_le_get (at + 20, 4);
    if (report > body_size - BRD_FRAME_STORY)
        return s_bad ("a story's report");
    *ret_story = (brd_wire_story_t){
        .error = (int32_t) brd_le_get (at, 4),
        .status = (int32_t) brd_le_get (at + 4, 4),
        .signal = (int32_t) brd_le_get (at + 8, 4),
        .pid = (int32_t) brd_le_get (at + 12, 4),
        .bits = (uint32_t) brd_le_get (at + 16, 4),
        .item = brd_le_get (at + 24, 8),
        .claim_first = brd_le_get (at + 32, 8),
        .claim_end = brd_le_get (at + 40, 8),
        .size = (uint32_t) (body_size - BRD_FRAME_STORY - report),
        .text = (const char *) at + BRD_FRAME_STORY,
        .report_size = (uint32_t) report,
        .report = at + body_size - report,
    };
    return 0;
}

static int
s_op_known (int op)
{
    switch (op) {
#define S_CASE_(name, number, sender, text) case number:
        BRD_WIRE_OPS (S_CASE_)
#undef S_CASE_
        return 1;
    default:
        return 0;
    }
}

int
brd_frame_open (brd_frame_t *self, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    if (size < BRD_FRAME_HEADER || memcmp (at, s_magic, sizeof s_magic) != 0)
        return s_bad ("no header");
    if (!s_op_known (at[4]))
        return s_bad ("unknown operation");
    const uint32_t count = (uint32_t) brd_le_get (at + 8, 4);
    if (count > BRD_WIRE_BATCH_MAX)
        return s_bad ("too many entries");
    self->op = (brd_op_t) at[4];
    self->left = count;
    self->at = at + BRD_FRAME_HEADER;
    self->end = at + size;
    return 0;
}

// 1 if an entry is there and op is the message's, with all its fixed part in
// bounds; 0 at the end.
static int
s_next (brd_frame_t *self, int allowed, size_t entry)
{
    if (!allowed)
        return s_bad ("wrong operation");
    if (self->left == 0)
        return self->at == self->end ? 0 : s_bad ("bytes left over");
    if ((size_t) (self->end - self->at) < entry)
        return s_bad ("cut short");
    return 1;
}

// Steps over an entry and its body; NULL if the body is not all there.
static const void *
s_body (brd_frame_t *self, size_t entry, size_t size)
{
    const unsigned char *body = self->at + entry;
    if (s_padded (size) > (size_t) (self->end - body)) {
        s_bad ("body cut short");
        return NULL;
    }
    self->at = body + s_padded (size);
    self->left--;
    return body;
}

int
brd_frame_next_task (brd_frame_t *self, brd_wire_task_t *ret_task)
{
    const int more = s_next (self, self->op == BRD_OP_TASKS, BRD_FRAME_TASK);
    if (more <= 0)
        return more;
    const unsigned char *at = self->at;
    const brd_wire_task_t task = {
        .seq = brd_le_get (at, 8),
        .fn = brd_le_get (at + 8, 8),
        .timeout_ns = (int64_t) brd_le_get (at + 16, 8),
        .size = (uint32_t) brd_le_get (at + 24, 4),
        .slot = (uint16_t) brd_le_get (at + 28, 2),
        .attempt = (uint16_t) brd_le_get (at + 30, 2),
        .kind = at[32],
        .flags = at[33],
        .priority = at[34],
        .grace_ms = (uint32_t) brd_le_get (at + 36, 4),
    };
    if (task.slot >= BRD_PAGE_SLOTS || task.kind > BRD_TASK_MAP)
        return s_bad ("a task's slot or kind");
    const void *body = s_body (self, BRD_FRAME_TASK, task.size);
    if (!body)
        return -1;
    *ret_task = task;
    ret_task->body = body;
    return 1;
}

int
brd_frame_next_result (brd_frame_t *self, brd_wire_result_t *ret_result)
{
    const int more =
        s_next (self, self->op == BRD_OP_RESULTS, BRD_FRAME_RESULT);
    if (more <= 0)
        return more;
    const unsigned char *at = self->at;
    const brd_wire_result_t result = {
        .seq = brd_le_get (at, 8),
        .time_ns = (int64_t) brd_le_get (at + 8, 8),
        .status = (int32_t) brd_le_get (at + 16, 4),
        .size = (uint32_t) brd_le_get (at + 20, 4),
        .slot = (uint16_t) brd_le_get (at + 24, 2),
        .flags = at[26],
    };
    const int in_page = result.flags & BRD_RESULT_IN_PAGE;
    if (result.slot >= BRD_PAGE_SLOTS || result.time_ns < 0
        || (in_page && result.size > BRD_PAGE_INLINE))
        return s_bad ("a result's slot, time or size");
    const void *body =
        s_body (self, BRD_FRAME_RESULT, in_page ? 0 : result.size);
    if (!body)
        return -1;
    *ret_result = result;
    ret_result->body = body;
    return 1;
}

static int
s_is_duct (brd_op_t op)
{
    return op >= BRD_OP_DUCT_OPEN && op <= BRD_OP_DUCT_END;
}

int
brd_frame_next_note (brd_frame_t *self, brd_wire_note_t *ret_note)
{
    const int noted = self->op != BRD_OP_TASKS && self->op != BRD_OP_RESULTS
                      && self->op != BRD_OP_RETIRE && self->op != BRD_OP_STOP
                      && self->op != BRD_OP_OPEN && !s_is_duct (self->op);
    const int more = s_next (self, noted, BRD_FRAME_NOTE);
    if (more <= 0)
        return more;
    const unsigned char *at = self->at;
    const uint64_t done = brd_le_get (at + 8, 8),
                   total = brd_le_get (at + 16, 8);
    brd_wire_note_t note = {
        .seq = brd_le_get (at, 8),
        .count = (uint32_t) brd_le_get (at + 24, 4),
        .size = (uint32_t) brd_le_get (at + 28, 4),
        .slot = (uint16_t) brd_le_get (at + 32, 2),
    };
    memcpy (&note.done, &done, 8);
    memcpy (&note.total, &total, 8);
    if (note.slot >= BRD_PAGE_SLOTS)
        return s_bad ("a note's slot");
    note.body = s_body (self, BRD_FRAME_NOTE, note.size);
    if (!note.body)
        return -1;
    *ret_note = note;
    return 1;
}

int
brd_frame_next_open (brd_frame_t *self, brd_wire_open_t *ret_open)
{
    const int more = s_next (self, self->op == BRD_OP_OPEN, BRD_FRAME_OPEN);
    if (more <= 0)
        return more;
    const unsigned char *at = self->at;
    brd_wire_open_t open = {
        .initializer = brd_le_get (at, 8),
        .max_age_ns = (int64_t) brd_le_get (at + 8, 8),
        .max_memory = brd_le_get (at + 16, 8),
        .max_tasks = (uint32_t) brd_le_get (at + 24, 4),
        .nice = (int32_t) brd_le_get (at + 28, 4),
        .initargs_size = (uint32_t) brd_le_get (at + 32, 4),
        .name_size = (uint32_t) brd_le_get (at + 36, 4),
    };
    if (open.name_size >= BROOD_NAME_SIZE || open.max_age_ns < 0
        || open.nice < -S_NICE_MAX || open.nice > S_NICE_MAX)
        return s_bad ("a pool's name, age or niceness");
    open.initargs = s_body (
        self, BRD_FRAME_OPEN, (size_t) open.initargs_size + open.name_size);
    if (!open.initargs)
        return -1;
    open.name = (const char *) open.initargs + open.initargs_size;
    memcpy (open.family, at + 48, BRD_WIRE_FAMILY);
    *ret_open = open;
    return 1;
}

// What an operation has no use for is 0: then a broker that reads one entry and
// writes it again says the same.
static int
s_duct_fits (brd_op_t op, const brd_wire_duct_t *duct)
{
    switch (op) {
    case BRD_OP_DUCT_OPEN:
        return duct->manager != 0 && duct->count == 0 && duct->size == 0;
    case BRD_OP_DUCT_BYTES:
        return duct->manager == 0 && duct->count == 0 && duct->size > 0
               && duct->size <= BRD_WIRE_DUCT_WINDOW;
    case BRD_OP_DUCT_CREDIT:
        return duct->manager == 0 && duct->count > 0
               && duct->count <= BRD_WIRE_DUCT_WINDOW && duct->size == 0;
    default:
        return duct->manager == 0 && duct->size == 0;
    }
}

int
brd_frame_next_duct (brd_frame_t *self, brd_wire_duct_t *ret_duct)
{
    const int more = s_next (self, s_is_duct (self->op), BRD_FRAME_DUCT);
    if (more <= 0)
        return more;
    const unsigned char *at = self->at;
    brd_wire_duct_t duct = {
        .duct = brd_le_get (at, 8),
        .manager = brd_le_get (at + 8, 8),
        .count = (uint32_t) brd_le_get (at + 16, 4),
        .size = (uint32_t) brd_le_get (at + 20, 4),
    };
    if (duct.duct == 0 || !s_duct_fits (self->op, &duct))
        return s_bad ("a duct's number, manager, count or size");
    duct.body = s_body (self, BRD_FRAME_DUCT, duct.size);
    if (!duct.body)
        return -1;
    *ret_duct = duct;
    return 1;
}
