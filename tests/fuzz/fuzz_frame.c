// fuzz_frame.c - any bytes as a message between two processes
//
// SPDX-License-Identifier: MPL-2.0
//
// What is taken is read to the end, byte by byte, and written again: then it
// must read the same. What is refused says EPROTO.

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/brd_check.h"
#include "wire/brd_frame.h"
#include "wire/brd_limits.h"

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t size);

// Somebody must look at the bytes for a sanitizer to see where they lie.
static unsigned
s_touch (const void *body, size_t size)
{
    const unsigned char *at = body;
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += at[i];
    return sum;
}

static int
s_next_task (brd_frame_t *frame, brd_buf_t *out)
{
    brd_wire_task_t task;
    const int more = brd_frame_next_task (frame, &task);
    if (more == 1) {
        brd_assert (task.slot < BRD_PAGE_SLOTS);
        (void) s_touch (task.body, task.size);
        brd_assert (brd_frame_add_task (out, &task) == 0);
    }
    return more;
}

static void
s_tell_again (const brd_wire_result_t *result)
{
    brd_wire_story_t story, again;
    brd_buf_t out;
    if (brd_frame_get_story (result->body, result->size, &story) < 0)
        return;
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    brd_assert (brd_frame_put_story (&out, &story) == 0);
    brd_assert (out.size == result->size);
    brd_assert (brd_frame_get_story (out.bytes, out.size, &again) == 0);
    brd_assert (again.error == story.error && again.item == story.item);
    (void) s_touch (again.text, again.size);
    brd_buf_fini (&out);
}

static int
s_next_result (brd_frame_t *frame, brd_buf_t *out)
{
    brd_wire_result_t result;
    const int more = brd_frame_next_result (frame, &result);
    if (more == 1) {
        brd_assert (result.slot < BRD_PAGE_SLOTS && result.time_ns >= 0);
        if (!(result.flags & BRD_RESULT_IN_PAGE))
            (void) s_touch (result.body, result.size);
        if (!(result.flags & BRD_RESULT_IN_PAGE)
            && (result.flags & BRD_RESULT_STORY))
            s_tell_again (&result);
        brd_assert (brd_frame_add_result (out, &result) == 0);
    }
    return more;
}

static int
s_next_note (brd_frame_t *frame, brd_buf_t *out)
{
    brd_wire_note_t note;
    const int more = brd_frame_next_note (frame, &note);
    if (more == 1) {
        (void) s_touch (note.body, note.size);
        brd_assert (brd_frame_add_note (out, &note) == 0);
    }
    return more;
}

static int
s_next_open (brd_frame_t *frame, brd_buf_t *out)
{
    brd_wire_open_t open;
    const int more = brd_frame_next_open (frame, &open);
    if (more == 1) {
        brd_assert (open.name_size < BROOD_NAME_SIZE && open.max_age_ns >= 0);
        (void) s_touch (open.initargs, open.initargs_size);
        (void) s_touch (open.name, open.name_size);
        brd_assert (brd_frame_add_open (out, &open) == 0);
    }
    return more;
}

static int
s_next_duct (brd_frame_t *frame, brd_buf_t *out)
{
    brd_wire_duct_t duct;
    const int more = brd_frame_next_duct (frame, &duct);
    if (more == 1) {
        brd_assert (duct.size <= BRD_WIRE_DUCT_WINDOW);
        (void) s_touch (duct.body, duct.size);
        brd_assert (brd_frame_add_duct (out, &duct) == 0);
    }
    return more;
}

// Copies a message entry by entry: how many, or -1 when it is refused.
static int
s_copy (const uint8_t *bytes, size_t size, brd_buf_t *out)
{
    brd_frame_t frame;
    int count = 0, more = 0;
    errno = 0;
    if (brd_frame_open (&frame, bytes, size) < 0)
        return -1;
    brd_assert (brd_frame_begin (out, frame.op) == 0);
    do {
        if (frame.op == BRD_OP_TASKS)
            more = s_next_task (&frame, out);
        else if (frame.op == BRD_OP_RESULTS)
            more = s_next_result (&frame, out);
        else if (frame.op == BRD_OP_OPEN)
            more = s_next_open (&frame, out);
        else if (frame.op >= BRD_OP_DUCT_OPEN && frame.op <= BRD_OP_DUCT_END)
            more = s_next_duct (&frame, out);
        else if (frame.op != BRD_OP_STOP && frame.op != BRD_OP_RETIRE)
            more = s_next_note (&frame, out);
        count += more == 1;
    } while (more == 1);
    brd_frame_close (out, (uint32_t) count);
    return more < 0 ? -1 : count;
}

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t size)
{
    brd_buf_t once, twice;
    brd_buf_init (&once, BRD_WIRE_SIZE_MAX);
    brd_buf_init (&twice, BRD_WIRE_SIZE_MAX);
    const int count = s_copy (bytes, size, &once);
    if (count < 0)
        brd_assert (errno == EPROTO);
    else {
        // A copy is the same but for gaps, and its copy is the same.
        brd_assert (s_copy (once.bytes, once.size, &twice) == count);
        brd_assert (once.size == twice.size);
        brd_assert (memcmp (once.bytes, twice.bytes, once.size) == 0);
    }
    brd_buf_fini (&once);
    brd_buf_fini (&twice);
    return 0;
}
