// test_brd_frame.c - the codec, against the bytes of docs/rfc/1-wire.md
//
// SPDX-License-Identifier: MPL-2.0

#include "t_vectors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_mem.h"
#include "wire/brd_frame.h"
#include "wire/brd_limits.h"

static void
s_same (const brd_buf_t *out, const t_vector_t *vector)
{
    assert_int_equal (out->size, vector->size);
    assert_memory_equal (out->bytes, vector->bytes, vector->size);
}

static void
s_test_tasks_one (void **state)
{
    (void) state;
    t_vector_t vector;
    brd_frame_t frame;
    brd_wire_task_t task;
    t_vector_read ("tasks-one", &vector);
    assert_int_equal (brd_frame_open (&frame, vector.bytes, vector.size), 0);
    assert_int_equal (frame.op, BRD_OP_TASKS);
    assert_int_equal (brd_frame_next_task (&frame, &task), 1);
    assert_true (task.seq == 7 && task.fn == UINT64_C (0x1122334455667788));
    assert_true (task.timeout_ns == 0 && task.slot == 3 && task.attempt == 1);
    assert_true (task.kind == BRD_TASK_MESSAGE && task.flags == 0);
    assert_int_equal (task.size, 1);
    assert_int_equal (*(const unsigned char *) task.body, 42);
    brd_buf_t out;
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    assert_int_equal (brd_frame_begin (&out, BRD_OP_TASKS), 0);
    assert_int_equal (brd_frame_add_task (&out, &task), 0);
    brd_frame_close (&out, 1);
    s_same (&out, &vector);
    brd_buf_fini (&out);
    assert_int_equal (brd_frame_next_task (&frame, &task), 0);
}

static void
s_test_tasks_two (void **state)
{
    (void) state;
    t_vector_t vector;
    brd_frame_t frame;
    brd_wire_task_t tasks[2];
    t_vector_read ("tasks-two", &vector);
    assert_int_equal (brd_frame_open (&frame, vector.bytes, vector.size), 0);
    assert_int_equal (brd_frame_next_task (&frame, &tasks[0]), 1);
    assert_int_equal (brd_frame_next_task (&frame, &tasks[1]), 1);
    assert_true (tasks[0].seq == 256 && tasks[0].timeout_ns == 1000000000);
    assert_true (tasks[0].flags == BRD_TASK_TIMED && tasks[0].attempt == 2);
    assert_true (tasks[0].slot == 255 && tasks[0].size == 6);
    assert_memory_equal (tasks[0].body, "\xa5hello", 6);
    assert_true (tasks[1].seq == 257 && tasks[1].kind == BRD_TASK_MAP);
    assert_true (tasks[1].size == 0 && tasks[1].slot == 0);
    brd_buf_t out;
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    assert_int_equal (brd_frame_begin (&out, BRD_OP_TASKS), 0);
    assert_int_equal (brd_frame_add_task (&out, &tasks[0]), 0);
    assert_int_equal (brd_frame_add_task (&out, &tasks[1]), 0);
    brd_frame_close (&out, 2);
    s_same (&out, &vector);
    brd_buf_fini (&out);
}

static void
s_test_results (void **state)
{
    (void) state;
    t_vector_t vector;
    brd_frame_t frame;
    brd_wire_result_t results[2];
    t_vector_read ("results-two", &vector);
    assert_int_equal (brd_frame_open (&frame, vector.bytes, vector.size), 0);
    assert_int_equal (brd_frame_next_result (&frame, &results[0]), 1);
    assert_int_equal (brd_frame_next_result (&frame, &results[1]), 1);
    assert_int_equal (brd_frame_next_result (&frame, &results[1]), 0);
    assert_true (results[0].seq == 7 && results[0].time_ns == 1000);
    assert_true (results[0].flags == BRD_RESULT_IN_PAGE);
    assert_true (results[0].size == 9 && results[0].slot == 3);
    assert_true (results[1].seq == 8 && results[1].status == -1);
    assert_true (results[1].size == 2 && results[1].slot == 4);
    assert_memory_equal (results[1].body, "no", 2);
    brd_buf_t out;
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    assert_int_equal (brd_frame_begin (&out, BRD_OP_RESULTS), 0);
    assert_int_equal (brd_frame_add_result (&out, &results[0]), 0);
    assert_int_equal (brd_frame_add_result (&out, &results[1]), 0);
    brd_frame_close (&out, 2);
    s_same (&out, &vector);
    brd_buf_fini (&out);
}

static void
s_test_places (void **state)
{
    (void) state;
    t_vector_t vector;
    brd_frame_t frame;
    brd_wire_result_t result;
    uint64_t offset, size;
    unsigned char place[BRD_FRAME_PLACE];
    t_vector_read ("results-place", &vector);
    assert_int_equal (brd_frame_open (&frame, vector.bytes, vector.size), 0);
    assert_int_equal (brd_frame_next_result (&frame, &result), 1);
    assert_int_equal (brd_frame_next_result (&frame, &result), 0);
    assert_true (result.flags == (BRD_RESULT_IN_PAGE | BRD_RESULT_IN_ARENA));
    assert_int_equal (result.size, BRD_FRAME_PLACE);
    t_vector_read ("place", &vector);
    assert_int_equal (
        brd_frame_get_place (vector.bytes, vector.size, &offset, &size), 0);
    assert_true (offset == 0x10000 && size == 300000);
    brd_frame_put_place (place, offset, size);
    assert_memory_equal (place, vector.bytes, sizeof place);
    // Cut short, of nothing, of more than there can be.
    assert_int_equal (
        brd_frame_get_place (place, sizeof place - 1, &offset, &size), -1);
    assert_int_equal (errno, EPROTO);
    brd_frame_put_place (place, 0x10000, 0);
    assert_int_equal (brd_frame_get_place (place, sizeof place, &offset, &size),
                      -1);
    brd_frame_put_place (place, 0x10000, UINT64_MAX);
    assert_int_equal (brd_frame_get_place (place, sizeof place, &offset, &size),
                      -1);
}

static void
s_check_note (const char *name, brd_op_t op, const brd_wire_note_t *want)
{
    t_vector_t vector;
    brd_frame_t frame;
    brd_wire_note_t note;
    t_vector_read (name, &vector);
    assert_int_equal (brd_frame_open (&frame, vector.bytes, vector.size), 0);
    assert_int_equal (frame.op, op);
    assert_int_equal (brd_frame_next_note (&frame, &note), 1);
    assert_true (note.seq == want->seq && note.slot == want->slot);
    assert_true (note.done == want->done && note.total == want->total);
    assert_true (note.count == want->count && note.size == want->size);
    if (want->size > 0)
        assert_memory_equal (note.body, want->body, want->size);
    brd_buf_t out;
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    assert_int_equal (brd_frame_begin (&out, op), 0);
    assert_int_equal (brd_frame_add_note (&out, want), 0);
    brd_frame_close (&out, 1);
    s_same (&out, &vector);
    brd_buf_fini (&out);
}

static void
s_test_notes (void **state)
{
    (void) state;
    s_check_note (
        "progress",
        BRD_OP_PROGRESS,
        &(brd_wire_note_t){ .seq = 7, .slot = 3, .done = 1, .total = 2 });
    s_check_note (
        "emit",
        BRD_OP_EMIT,
        &(brd_wire_note_t){ .seq = 7, .slot = 3, .size = 1, .body = "\xc3" });
    s_check_note ("credit",
                  BRD_OP_CREDIT,
                  &(brd_wire_note_t){ .seq = 7, .slot = 3, .count = 1 });
}

static void
s_test_questions (void **state)
{
    (void) state;
    s_check_note ("query",
                  BRD_OP_QUERY,
                  &(brd_wire_note_t){ .seq = 5, .size = 4, .body = "ping" });
    s_check_note ("report",
                  BRD_OP_REPORT,
                  &(brd_wire_note_t){ .seq = 5, .size = 1, .body = "\xc0" });
    s_check_note ("report-refused",
                  BRD_OP_REPORT,
                  &(brd_wire_note_t){
                      .seq = 6, .count = EPERM, .size = 2, .body = "no" });
}

// What only hosts say to each other.
static void
s_test_hosts (void **state)
{
    (void) state;
    static const char name[] = "@brood/00112233445566778899aabbccddeeff";
    s_check_note (
        "invite",
        BRD_OP_INVITE,
        &(brd_wire_note_t){ .seq = 2, .size = sizeof name - 1, .body = name });
    s_check_note ("slots", BRD_OP_SLOTS, &(brd_wire_note_t){ .count = 4 });
    s_check_note (
        "reclaimed", BRD_OP_RECLAIMED, &(brd_wire_note_t){ .seq = 10 });
    s_check_note ("kept", BRD_OP_KEPT, &(brd_wire_note_t){ .seq = 9 });
    s_check_note ("cancel", BRD_OP_CANCEL, &(brd_wire_note_t){ .seq = 9 });
    s_check_note (
        "kill", BRD_OP_KILL, &(brd_wire_note_t){ .seq = 9, .count = 250 });

    t_vector_t vector;
    brd_frame_t frame;
    brd_wire_note_t note;
    brd_wire_task_t task;
    brd_buf_t out;
    t_vector_read ("reclaim", &vector);
    assert_int_equal (brd_frame_open (&frame, vector.bytes, vector.size), 0);
    for (uint64_t seq = 9; seq < 11; seq++) {
        assert_int_equal (brd_frame_next_note (&frame, &note), 1);
        assert_true (note.seq == seq);
    }
    assert_int_equal (brd_frame_next_note (&frame, &note), 0);

    t_vector_read ("tasks-host", &vector);
    assert_int_equal (brd_frame_open (&frame, vector.bytes, vector.size), 0);
    assert_int_equal (brd_frame_next_task (&frame, &task), 1);
    assert_true (task.seq == 9 && task.priority == 5 && task.grace_ms == 250);
    assert_true (task.flags == BRD_TASK_WHOLE && task.attempt == 2);
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    assert_int_equal (brd_frame_begin (&out, BRD_OP_TASKS), 0);
    assert_int_equal (brd_frame_add_task (&out, &task), 0);
    brd_frame_close (&out, 1);
    s_same (&out, &vector);
    brd_buf_fini (&out);
}

static void
s_test_story (void **state)
{
    (void) state;
    t_vector_t vector;
    brd_frame_t frame;
    brd_wire_result_t result;
    brd_wire_story_t story;
    brd_buf_t out;
    t_vector_read ("results-story", &vector);
    assert_int_equal (brd_frame_open (&frame, vector.bytes, vector.size), 0);
    assert_int_equal (brd_frame_next_result (&frame, &result), 1);
    assert_true (result.seq == 9 && result.flags == BRD_RESULT_STORY);
    assert_int_equal (brd_frame_get_story (result.body, result.size, &story),
                      0);
    assert_true (story.error == ECHILD && story.signal == 9 && story.pid == 4711
                 && story.status == 0 && story.bits == BRD_STORY_STOPPED);
    assert_true (story.item == 14 && story.claim_first == 10
                 && story.claim_end == 20 && story.size == 2);
    assert_memory_equal (story.text, "no", 2);
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    assert_int_equal (brd_frame_put_story (&out, &story), 0);
    assert_int_equal (out.size, result.size);
    assert_memory_equal (out.bytes, result.body, out.size);
    brd_buf_fini (&out);
    assert_int_equal (
        brd_frame_get_story (result.body, BRD_FRAME_STORY - 1, &story), -1);
    assert_int_equal (errno, EPROTO);
}

// With a report behind the text: both come back, and it cannot be longer than
// what there is.
static void
s_test_story_report (void **state)
{
    brd_buf_t out;
    brd_wire_story_t again;
    const brd_wire_story_t story = {
        .error = ECHILD,
        .size = 2,
        .text = "no",
        .report_size = 6,
        .report = "report",
    };
    (void) state;
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    assert_int_equal (brd_frame_put_story (&out, &story), 0);
    assert_int_equal (out.size, BRD_FRAME_STORY + 8);
    assert_int_equal (brd_frame_get_story (out.bytes, out.size, &again), 0);
    assert_int_equal (again.size, 2);
    assert_memory_equal (again.text, "no", 2);
    assert_int_equal (again.report_size, 6);
    assert_memory_equal (again.report, "report", 6);
    assert_int_equal (
        brd_frame_get_story (out.bytes, BRD_FRAME_STORY + 5, &again), -1);
    assert_int_equal (errno, EPROTO);
    brd_buf_fini (&out);
}

static void
s_test_open (void **state)
{
    (void) state;
    t_vector_t vector;
    brd_frame_t frame;
    brd_wire_open_t open;
    brd_wire_note_t note;
    brd_buf_t out;
    t_vector_read ("open", &vector);
    assert_int_equal (brd_frame_open (&frame, vector.bytes, vector.size), 0);
    assert_int_equal (frame.op, BRD_OP_OPEN);
    assert_int_equal (brd_frame_next_note (&frame, &note), -1);
    assert_int_equal (brd_frame_next_open (&frame, &open), 1);
    assert_true (open.initializer == UINT64_C (0x1122334455667788));
    assert_true (open.max_age_ns == 1000000000 && open.max_memory == 64 << 20);
    assert_true (open.max_tasks == 100 && open.nice == 5);
    assert_true (open.initargs_size == 1 && open.name_size == 6);
    assert_memory_equal (open.initargs, "\x2a", 1);
    assert_memory_equal (open.name, "render", 6);
    for (unsigned i = 0; i < BRD_WIRE_FAMILY; i++)
        assert_int_equal (open.family[i], i + 1);
    assert_int_equal (brd_frame_next_open (&frame, &open), 0);
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    assert_int_equal (brd_frame_begin (&out, BRD_OP_OPEN), 0);
    assert_int_equal (brd_frame_add_open (&out, &open), 0);
    brd_frame_close (&out, 1);
    s_same (&out, &vector);
    // A pool of which nothing is said.
    const brd_wire_open_t none = { .nice = -1 };
    out.size = 0;
    assert_int_equal (brd_frame_begin (&out, BRD_OP_OPEN), 0);
    assert_int_equal (brd_frame_add_open (&out, &none), 0);
    brd_frame_close (&out, 1);
    assert_int_equal (brd_frame_open (&frame, out.bytes, out.size), 0);
    assert_int_equal (brd_frame_next_open (&frame, &open), 1);
    assert_true (open.nice == -1 && open.name_size == 0);
    assert_int_equal (brd_frame_next_open (&frame, &open), 0);
    brd_buf_fini (&out);
}

static void
s_check_duct (const char *name, brd_op_t op, const brd_wire_duct_t *want)
{
    t_vector_t vector;
    brd_frame_t frame;
    brd_wire_duct_t duct;
    brd_wire_note_t note;
    brd_buf_t out;
    t_vector_read (name, &vector);
    assert_int_equal (brd_frame_open (&frame, vector.bytes, vector.size), 0);
    assert_int_equal (frame.op, op);
    assert_int_equal (brd_frame_next_note (&frame, &note), -1);
    assert_int_equal (brd_frame_next_duct (&frame, &duct), 1);
    assert_true (duct.duct == want->duct && duct.manager == want->manager);
    assert_true (duct.count == want->count && duct.size == want->size);
    if (want->size > 0)
        assert_memory_equal (duct.body, want->body, want->size);
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    assert_int_equal (brd_frame_begin (&out, op), 0);
    assert_int_equal (brd_frame_add_duct (&out, &duct), 0);
    brd_frame_close (&out, 1);
    s_same (&out, &vector);
    brd_buf_fini (&out);
    assert_int_equal (brd_frame_next_duct (&frame, &duct), 0);
}

static void
s_test_ducts (void **state)
{
    (void) state;
    brd_wire_duct_t want = { .duct = 3, .manager = 0x0b400d };
    s_check_duct ("duct-open", BRD_OP_DUCT_OPEN, &want);
    want = (brd_wire_duct_t){ .duct = 3, .size = 2, .body = "hi" };
    s_check_duct ("duct-bytes", BRD_OP_DUCT_BYTES, &want);
    want = (brd_wire_duct_t){ .duct = 3, .count = 2 };
    s_check_duct ("duct-credit", BRD_OP_DUCT_CREDIT, &want);
    want = (brd_wire_duct_t){ .duct = 3, .count = ECONNREFUSED };
    s_check_duct ("duct-end", BRD_OP_DUCT_END, &want);
}

static void
s_test_stop (void **state)
{
    (void) state;
    t_vector_t vector;
    brd_frame_t frame;
    brd_wire_task_t task;
    t_vector_read ("stop", &vector);
    assert_int_equal (brd_frame_open (&frame, vector.bytes, vector.size), 0);
    assert_int_equal (frame.op, BRD_OP_STOP);
    assert_int_equal (brd_frame_next_task (&frame, &task), -1);
    assert_int_equal (errno, EPROTO);
}

// Reads to the end whatever the operation is; -1 as soon as anything is wrong.
static int
s_read_all (const unsigned char *bytes, size_t size)
{
    brd_frame_t frame;
    int more = 1;
    if (brd_frame_open (&frame, bytes, size) < 0)
        return -1;
    while (more == 1) {
        brd_wire_task_t task;
        brd_wire_result_t result;
        brd_wire_note_t note;
        brd_wire_open_t open;
        brd_wire_duct_t duct;
        more = frame.op == BRD_OP_TASKS  ? brd_frame_next_task (&frame, &task)
               : frame.op == BRD_OP_OPEN ? brd_frame_next_open (&frame, &open)
               : frame.op == BRD_OP_RESULTS
                   ? brd_frame_next_result (&frame, &result)
               : frame.op >= BRD_OP_DUCT_OPEN && frame.op <= BRD_OP_DUCT_END
                   ? brd_frame_next_duct (&frame, &duct)
               : frame.op == BRD_OP_STOP || frame.op == BRD_OP_RETIRE
                   ? 0
                   : brd_frame_next_note (&frame, &note);
    }
    return more;
}

// Every prefix of every message is refused, in memory that ends where the
// prefix does, so that a sanitizer sees the first byte too many.
static void
s_test_cut_short (void **state)
{
    (void) state;
    static const char *const names[] = {
        "tasks-one",     "tasks-two", "emit",       "results-two",
        "progress",      "credit",    "tasks-host", "invite",
        "slots",         "reclaim",   "kill",       "results-story",
        "results-place", "open",      "duct-open",  "duct-bytes",
        "duct-credit",   "duct-end",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        t_vector_t vector;
        t_vector_read (names[i], &vector);
        assert_int_equal (s_read_all (vector.bytes, vector.size), 0);
        for (size_t size = 0; size < vector.size; size++) {
            unsigned char *cut = malloc (size > 0 ? size : 1);
            assert_non_null (cut);
            memcpy (cut, vector.bytes, size);
            assert_int_equal (s_read_all (cut, size), -1);
            assert_int_equal (errno, EPROTO);
            free (cut);
        }
        vector.bytes[vector.size] = 0;
        assert_int_equal (s_read_all (vector.bytes, vector.size + 1), -1);
    }
}

static void
s_test_bad_fields (void **state)
{
    (void) state;
    static const struct {
        const char *name;
        size_t at;
        unsigned char value;
    } bad[] = {
        { "tasks-one", 0, 'X' },          // Magic
        { "tasks-one", 3, '2' },          // Version
        { "tasks-one", 4, 0 },            // Operation
        { "tasks-one", 4, 255 },          // Operation
        { "tasks-one", 8, 2 },            // More entries than there are
        { "tasks-one", 8, 0 },            // Fewer
        { "tasks-one", 9, 2 },            // 513 entries
        { "tasks-one", 16 + 27, 255 },    // Size
        { "tasks-one", 16 + 29, 1 },      // Slot 259
        { "tasks-one", 16 + 32, 2 },      // Kind
        { "results-two", 16 + 15, 128 },  // Negative time
        { "results-two", 16 + 20, 65 },   // Larger than a slot
        { "results-two", 16 + 25, 1 },    // Slot
        { "tasks-host", 16 + 32, 2 },     // Kind
        { "invite", 16 + 31, 128 },       // Size
        { "reclaim", 8, 3 },              // More entries than there are
        { "emit", 16 + 31, 128 },         // Size
        { "emit", 16 + 33, 1 },           // Slot
        { "open", 8, 2 },                 // More entries than there are
        { "open", 16 + 15, 128 },         // Negative age
        { "open", 16 + 28, 41 },          // Niceness
        { "open", 16 + 31, 128 },         // Niceness
        { "open", 16 + 35, 255 },         // Size of the initargs
        { "open", 16 + 36, 64 },          // Size of the name
        { "duct-open", 8, 2 },            // More entries than there are
        { "duct-open", 16, 0 },           // No number
        { "duct-open", 16 + 16, 1 },      // What only others have
        { "duct-bytes", 16 + 8, 1 },      // The same
        { "duct-bytes", 16 + 16, 1 },     // The same
        { "duct-bytes", 16 + 23, 1 },     // Size
        { "duct-credit", 16 + 18, 5 },    // More than a window
        { "duct-credit", 16 + 16, 0 },    // None
        { "duct-end", 16 + 8, 1 },        // What only others have
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        t_vector_t vector;
        t_vector_read (bad[i].name, &vector);
        vector.bytes[bad[i].at] = bad[i].value;
        errno = 0;
        assert_int_equal (s_read_all (vector.bytes, vector.size), -1);
        assert_int_equal (errno, EPROTO);
    }
}

// No memory: the message is as it was.
static void
s_test_ceiling (void **state)
{
    (void) state;
    brd_buf_t out;
    const brd_wire_task_t task = { .seq = 1, .size = 8, .body = "12345678" };
    brd_buf_init (&out, BRD_FRAME_HEADER + BRD_FRAME_TASK);
    assert_int_equal (brd_frame_begin (&out, BRD_OP_TASKS), 0);
    assert_int_equal (brd_frame_add_task (&out, &task), -1);
    assert_int_equal (errno, EMSGSIZE);
    assert_int_equal (out.size, BRD_FRAME_HEADER);
    brd_buf_fini (&out);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_tasks_one),
        cmocka_unit_test (s_test_tasks_two),
        cmocka_unit_test (s_test_results),
        cmocka_unit_test (s_test_places),
        cmocka_unit_test (s_test_notes),
        cmocka_unit_test (s_test_questions),
        cmocka_unit_test (s_test_hosts),
        cmocka_unit_test (s_test_story),
        cmocka_unit_test (s_test_open),
        cmocka_unit_test (s_test_ducts),
        cmocka_unit_test (s_test_story_report),
        cmocka_unit_test (s_test_stop),
        cmocka_unit_test (s_test_cut_short),
        cmocka_unit_test (s_test_bad_fields),
        cmocka_unit_test (s_test_ceiling),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
