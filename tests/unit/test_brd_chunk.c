// test_brd_chunk.c - orders and reports of parts of a map
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_error.h"
#include "brood/brood_msg.h"
#include "wire/brd_chunk.h"
#include "wire/brd_value.h"

static const brd_chunk_order_t s_order = {
    .fn = UINT64_C (0xabcdef0000001234),
    .flags = BRD_CHUNK_STOP,
    .first = 1000000,
    .count = 3,
    .in_size = 4,
    .out_size = 8,
    .budget_ns = 1000000000,
    .arg = "arg",
    .arg_size = 3,
    .items = "aaaabbbbcccc",
    .items_size = 12,
};

static int
s_put (brd_buf_t *out, const brd_chunk_order_t *order)
{
    brd_buf_init (out, BROOD_MSG_SIZE_MAX);
    return brd_chunk_put_order (out, order);
}

static void
s_test_order (void **state)
{
    brd_buf_t out;
    brd_chunk_order_t order;
    (void) state;
    assert_int_equal (s_put (&out, &s_order), 0);
    assert_int_equal (brd_value_check (out.bytes, out.size, 4, NULL), 0);
    assert_int_equal (brd_chunk_get_order (out.bytes, out.size, &order), 0);
    assert_int_equal (order.fn, s_order.fn);
    assert_int_equal (order.flags, s_order.flags);
    assert_int_equal (order.first, s_order.first);
    assert_int_equal (order.count, 3);
    assert_int_equal (order.in_size, 4);
    assert_int_equal (order.out_size, 8);
    assert_int_equal (order.budget_ns, s_order.budget_ns);
    assert_int_equal (order.arg_size, 3);
    assert_memory_equal (order.arg, "arg", 3);
    assert_int_equal (order.items_size, 12);
    assert_memory_equal (order.items, s_order.items, 12);
    for (size_t size = 0; size < out.size; size++) {
        assert_int_equal (brd_chunk_get_order (out.bytes, size, &order), -1);
        assert_int_equal (errno, EPROTO);
    }
    brd_buf_fini (&out);
}

// Sizes that cannot be are refused, whoever says them.
static void
s_test_order_bad (void **state)
{
    brd_chunk_order_t bad[10];
    (void) state;
    for (size_t i = 0; i < 10; i++)
        bad[i] = s_order;
    bad[0].count = 0;
    bad[1].count = 4;
    bad[2].in_size = 5;
    bad[3].in_size = 0;
    bad[4].flags = 8;
    bad[5].flags = BRD_CHUNK_SINGLE;
    bad[6].first = UINT64_MAX - 2;
    bad[7].out_size = UINT64_MAX;
    bad[8].flags = BRD_CHUNK_MESSAGES;
    bad[9].budget_ns = -1;
    for (size_t i = 0; i < 10; i++) {
        brd_buf_t out;
        brd_chunk_order_t order;
        assert_int_equal (s_put (&out, &bad[i]), 0);
        assert_int_equal (brd_chunk_get_order (out.bytes, out.size, &order),
                          -1);
        assert_int_equal (errno, EPROTO);
        brd_buf_fini (&out);
    }
}

static void *
s_memory (uint64_t count, size_t room)
{
    const size_t size = brd_chunk_report_size (count, room);
    void *memory = aligned_alloc (  // lint: a test
        BRD_CHUNK_ALIGN,
        (size + BRD_CHUNK_ALIGN - 1) / BRD_CHUNK_ALIGN * BRD_CHUNK_ALIGN);
    assert_non_null (memory);
    return memory;
}

// At any time it is a report, and a value, of what has been done.
static void
s_test_report (void **state)
{
    (void) state;
    for (uint64_t count = 1; count < 200; count += 7) {
        brd_chunk_writer_t writer;
        brd_chunk_report_t report;
        void *memory = s_memory (count, 8 * count);
        brd_chunk_write (&writer, memory, count, 8 * count, 8 * count);
        assert_int_equal ((uintptr_t) writer.outputs % BRD_CHUNK_ALIGN, 0);
        memset (writer.outputs, 'x', 8 * count);
        const size_t size = brd_chunk_written (&writer);
        assert_int_equal (size, brd_chunk_report_size (count, 8 * count));
        assert_int_equal (brd_chunk_get_report (memory, size, &report), 0);
        assert_int_equal (report.done, 0);
        brd_chunk_write_failure (&writer, count / 2, EIO, "the first");
        brd_chunk_write_failure (&writer, count - 1, ECHILD, "the last");
        brd_chunk_write_done (&writer, count, 4711);
        assert_int_equal (brd_value_check (memory, size, 4, NULL), 0);
        assert_int_equal (brd_chunk_get_report (memory, size, &report), 0);
        assert_int_equal (report.done, count);
        assert_int_equal (report.count, count);
        assert_int_equal (report.pid, 4711);
        assert_int_equal (report.text_size, 9);
        assert_memory_equal (report.text, "the first", 9);
        assert_int_equal (report.outcomes[count - 1], ECHILD);
        assert_int_equal (report.outputs_size, 8 * count);
        assert_ptr_equal (report.outputs, writer.outputs);
        for (size_t less = 0; less < size; less++)
            assert_int_equal (brd_chunk_get_report (memory, less, &report), -1);
        free (memory);  // lint: a test
    }
}

static void
s_test_outputs (void **state)
{
    brd_chunk_writer_t writer;
    brd_chunk_report_t report;
    void *memory = s_memory (3, 100);
    (void) state;
    brd_chunk_write (&writer, memory, 3, 100, 0);
    brd_chunk_write_output (&writer, "\x01", 1);
    brd_chunk_write_output (&writer, "\xa1x", 2);
    const size_t size = brd_chunk_written (&writer);
    // What is behind it is nobody's.
    assert_int_equal (brd_chunk_get_report (memory, size + 50, &report), 0);
    assert_int_equal (report.outputs_size, 3);
    assert_memory_equal (report.outputs, "\x01\xa1x", 3);
    free (memory);  // lint: a test
}

// Whatever is written over a report, reading it stays within it.
static void
s_test_garbage (void **state)
{
    brd_chunk_writer_t writer;
    brd_chunk_report_t report;
    unsigned seed = 4711;
    void *memory = s_memory (5, 40);
    (void) state;
    for (int i = 0; i < 20000; i++) {
        brd_chunk_write (&writer, memory, 5, 40, 40);
        const size_t size = brd_chunk_written (&writer);
        memset (writer.outputs, 0, 40);
        for (int j = 0; j < 3; j++) {
            const size_t at = j == 0 ? (size_t) rand_r (&seed) % 30
                                     : (size_t) rand_r (&seed) % size;
            ((unsigned char *) memory)[at] = (unsigned char) rand_r (&seed);
        }
        if (brd_chunk_get_report (memory, size, &report) < 0)
            continue;
        const unsigned char *end = (unsigned char *) memory + size;
        assert_true (report.done <= report.count);
        assert_true (report.outcomes + report.count <= end);
        assert_true (report.outputs + report.outputs_size <= end);
        assert_true (report.text + report.text_size <= (const char *) end);
    }
    free (memory);  // lint: a test
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_order),   cmocka_unit_test (s_test_order_bad),
        cmocka_unit_test (s_test_report),  cmocka_unit_test (s_test_outputs),
        cmocka_unit_test (s_test_garbage),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
