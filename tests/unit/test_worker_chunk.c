// test_worker_chunk.c - part of a map, run where it came to
//
// SPDX-License-Identifier: MPL-2.0
//
// A worker without a process: what a chunk's function does with an order, and
// what is in the page and in the arena whenever it could die.

#include "tests/t.h"

#include <errno.h>
#include <stdalign.h>
#include <string.h>
#include <unistd.h>

#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "client/brd_code.h"
#include "client/brd_msg.h"
#include "client/brd_tasks.h"
#include "wire/brd_chunk.h"
#include "wire/brd_value.h"
#include "workers/worker.h"

enum {
    N = 1000,
    S_SEQ = 7
};

static brd_worker_setup_t s_setup;
static brd_worker_t s_worker;
static brood_task_t s_task;
static long s_seen;  // Items run

static uint64_t
s_number (const void *fn_p)
{
    uint64_t fn = 0;
    memcpy (&fn, fn_p, sizeof (void (*) (void)));
    return brd_code_number (fn);
}

static int
s_set_up (void **state)
{
    (void) state;
    memset (&s_worker, 0, sizeof s_worker);
    memset (&s_task, 0, sizeof s_task);
    s_setup.arena = brd_arena_new ((size_t) 64 << 20);
    assert_non_null (s_setup.arena);
    s_worker.setup = &s_setup;
    s_worker.self = (uint32_t) getpid ();
    s_worker.page = brd_arena_alloc (
        s_setup.arena, sizeof *s_worker.page, s_worker.self, 1);
    assert_non_null (s_worker.page);
    brd_handle_init (&s_task.handle, BRD_KIND_TASK);
    s_task.worker = &s_worker;
    s_task.seq = S_SEQ;
    s_seen = 0;
    return 0;
}

static int
s_tear_down (void **state)
{
    (void) state;
    brd_arena_free (s_setup.arena, s_worker.bounce);
    brd_arena_free (s_setup.arena, s_worker.page);
    assert_int_equal (brd_arena_used (s_setup.arena), 0);
    brd_arena_destroy (&s_setup.arena);
    return 0;
}

// Runs an order; 0 and its report, on loan until the next.
static int
s_run (const brd_chunk_order_t *order, brd_chunk_report_t *ret_report)
{
    static unsigned char copy[4 << 20];
    size_t size;
    brd_buf_t buf;
    brd_buf_init (&buf, BROOD_MSG_SIZE_MAX);
    assert_int_equal (brd_chunk_put_order (&buf, order), 0);
    brood_msg_t *in = brd_msg_new_view (buf.bytes, buf.size);
    brood_msg_t *out = brd_msg_new_empty ();
    assert_true (in && out);
    const int status = brd_worker_run (&s_task, brd_worker_chunk, in, out);
    if (status == 0) {
        const void *bytes = brd_msg_data (out, &size);
        assert_true (size <= sizeof copy);
        memcpy (copy, bytes, size);
        assert_int_equal (brd_value_check (copy, size, 4, NULL), 0);
        assert_int_equal (brd_chunk_get_report (copy, size, ret_report), 0);
        assert_int_equal (ret_report->pid, getpid ());
        assert_int_equal (s_worker.page->chunk_seq, S_SEQ);
    }
    assert_int_equal (s_worker.page->item, 0);
    brood_msg_destroy (&in);
    brood_msg_destroy (&out);
    brd_buf_fini (&buf);
    return status;
}

// --- Elements --------------------------------------------------------------

// What a dying worker would leave: its item, and a report of those before.
static void
s_check_page (long index)
{
    const brd_page_t *page = s_worker.page;
    brd_chunk_report_t report;
    const void *bytes = brd_arena_at (s_setup.arena, page->chunk);
    assert_int_equal (page->item, index + 1);
    assert_int_equal (page->chunk_seq, S_SEQ);
    assert_true (page->claim_first == 100 && page->claim_end > 100);
    assert_true (
        brd_arena_holds (s_setup.arena, bytes, (size_t) page->chunk_size));
    assert_int_equal (
        brd_chunk_get_report (bytes, (size_t) page->chunk_size, &report), 0);
    for (long i = 100; i < index; i++) {
        long y;
        memcpy (&y, report.outputs + (i - 100) * (long) sizeof y, sizeof y);
        assert_int_equal (report.outcomes[i - 100], i % 10 == 3 ? EIO : 0);
        assert_true (i % 10 == 3 || y == 3 * i);
    }
}

typedef struct {
    _Alignas(BRD_CHUNK_ALIGN) long factor;
} s_arg_t;

static int
s_times (const void *in, void *out, void *arg)
{
    const long *x = in;
    const s_arg_t *times = arg;
    assert_int_equal ((uintptr_t) arg % alignof (s_arg_t), 0);
    assert_int_equal ((uintptr_t) out % alignof (long), 0);
    s_check_page (*x);
    s_seen++;
    if (*x % 10 == 3)
        return brd_error_set (EIO, "%ld ends in three", *x);
    *(long *) out = times->factor * *x;
    return 0;
}

static long s_in[N];
static const s_arg_t s_arg = { 3 };

static brd_chunk_order_t
s_times_order (uint64_t count)
{
    brood_mapper_fn *const fn = s_times;
    for (long i = 0; i < N; i++)
        s_in[i] = 100 + i;
    return (brd_chunk_order_t){
        .fn = s_number (&fn),
        .first = 100,
        .count = count,
        .in_size = sizeof *s_in,
        .out_size = sizeof (long),
        .arg = &s_arg,
        .arg_size = sizeof s_arg,
        .items = s_in,
        .items_size = count * sizeof *s_in,
    };
}

static void
s_test_elements (void **state)
{
    (void) state;
    for (uint64_t count = 1; count <= 60; count++) {
        brd_chunk_report_t report;
        const brd_chunk_order_t order = s_times_order (count);
        s_seen = 0;
        assert_int_equal (s_run (&order, &report), 0);
        assert_int_equal (s_seen, count);
        assert_int_equal (report.done, count);
        assert_int_equal (report.count, count);
        assert_int_equal (report.outputs_size, count * sizeof (long));
        for (uint64_t i = 0; i < count; i++)
            assert_int_equal (report.outcomes[i], i % 10 == 3 ? EIO : 0);
        if (count > 3) {
            assert_int_equal (report.text_size, strlen ("103 ends in three"));
            assert_memory_equal (
                report.text, "103 ends in three", report.text_size);
        }
    }
}

static void
s_test_stop (void **state)
{
    brd_chunk_report_t report;
    brd_chunk_order_t order = s_times_order (50);
    (void) state;
    order.flags = BRD_CHUNK_STOP;
    assert_int_equal (s_run (&order, &report), 0);
    assert_int_equal (report.done, 4);
    assert_int_equal (report.outcomes[3], EIO);
    assert_int_equal (s_seen, 4);
}

static void
s_test_single (void **state)
{
    brd_chunk_report_t report;
    brd_chunk_order_t order = s_times_order (1);
    (void) state;
    order.flags = BRD_CHUNK_SINGLE;
    assert_int_equal (s_run (&order, &report), 0);
    assert_int_equal (report.done, 1);
}

static int
s_fails (const void *in, void *out, void *arg)
{
    (void) in;
    (void) out;
    (void) arg;
    return brd_error_set (EDOM, "not this one");
}

static void
s_test_single_fails (void **state)
{
    brd_chunk_report_t report;
    brood_mapper_fn *const fn = s_fails;
    const brd_chunk_order_t order = {
        .fn = s_number (&fn),
        .flags = BRD_CHUNK_SINGLE,
        .count = 1,
        .in_size = 1,
        .items = "x",
        .items_size = 1,
    };
    (void) state;
    assert_int_equal (s_run (&order, &report), -1);
    assert_string_equal (s_task.text, "not this one");
}

// --- Enough ----------------------------------------------------------------

// Takes longer than any budget here.
static int
s_slow (const void *in, void *out, void *arg)
{
    const int64_t until = brd_clock_now () + 100000;
    (void) in;
    (void) out;
    (void) arg;
    s_seen++;
    while (brd_clock_now () < until)
        continue;
    return 0;
}

static int
s_is_told (const void *in, void *out, void *arg)
{
    (void) in;
    (void) out;
    (void) arg;
    if (++s_seen == 5)
        atomic_store (&s_worker.page->cancel, S_SEQ);
    return 0;
}

static int
s_leaves (const void *in, void *out, void *arg)
{
    (void) in;
    (void) out;
    (void) arg;
    if (++s_seen == 5)
        atomic_store (&s_worker.leave, 1);
    return 0;
}

static uint64_t
s_done (brood_mapper_fn *fn, int64_t budget_ns)
{
    brd_chunk_report_t report;
    const brd_chunk_order_t order = {
        .fn = s_number (&fn),
        .count = N,
        .in_size = 1,
        .budget_ns = budget_ns,
        .items = s_in,
        .items_size = N,
    };
    s_seen = 0;
    assert_int_equal (s_run (&order, &report), 0);
    assert_int_equal (report.done, s_seen);
    assert_int_equal (report.count, N);
    return report.done;
}

static void
s_test_enough (void **state)
{
    (void) state;
    // One always runs, and not many more than there is time for.
    assert_int_equal (s_done (s_slow, 1), 1);
    const uint64_t done = s_done (s_slow, 1000000);
    assert_true (done >= 1 && done <= 11);
    assert_int_equal (s_done (s_is_told, 0), 5);
    assert_int_equal (s_done (s_is_told, 0), 1);
    atomic_store (&s_worker.page->cancel, S_SEQ - 1);
    assert_int_equal (s_done (s_leaves, 0), 5);
    atomic_store (&s_worker.leave, 0);
}

// --- Messages --------------------------------------------------------------

// n bytes for the number n; none for 13.
static int
s_bytes (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    static unsigned char bytes[1 << 20];
    size_t size;
    const unsigned char *value = brd_msg_data (in, &size);
    brd_buf_t buf;
    (void) task;
    brd_value_cursor_t at = { value, value + size };
    brd_value_t number;
    s_seen++;
    if (brd_value_read (&at, &number) < 0 || number.number.u == 13)
        return brd_error_set (EIO, "no thirteen");
    brd_buf_init (&buf, BROOD_MSG_SIZE_MAX);
    assert_int_equal (
        brd_value_put_bytes (&buf, bytes, (size_t) number.number.u), 0);
    const int rc = brd_msg_copy (out, buf.bytes, buf.size);
    brd_buf_fini (&buf);
    return rc;
}

static uint64_t
s_run_messages (const uint64_t *numbers,
                uint64_t count,
                uint64_t say,
                brd_chunk_report_t *ret_report)
{
    brd_buf_t items;
    brood_task_fn *const fn = s_bytes;
    brd_buf_init (&items, BROOD_MSG_SIZE_MAX);
    for (uint64_t i = 0; i < count; i++)
        assert_int_equal (brd_value_put_uint (&items, numbers[i]), 0);
    const brd_chunk_order_t order = {
        .fn = s_number (&fn),
        .flags = BRD_CHUNK_MESSAGES,
        .count = say,
        .items = items.bytes,
        .items_size = items.size,
    };
    s_seen = 0;
    assert_int_equal (s_run (&order, ret_report), 0);
    brd_buf_fini (&items);
    assert_int_equal (ret_report->done, s_seen);
    return ret_report->done;
}

static void
s_test_messages (void **state)
{
    brd_chunk_report_t report;
    const uint64_t small[] = { 0, 1, 13, 300 };
    const uint64_t large[] = { 50000, 13, 50000, 400000, 300000, 400000, 5 };
    (void) state;
    assert_int_equal (s_run_messages (small, 4, 4, &report), 4);
    assert_int_equal (report.outcomes[2], EIO);
    assert_memory_equal (report.text, "no thirteen", report.text_size);
    brd_value_cursor_t at = { report.outputs,
                              report.outputs + report.outputs_size };
    for (int i = 0; i < 4; i++) {
        brd_value_t value;
        if (i == 2)
            continue;
        assert_int_equal (brd_value_read (&at, &value), 0);
        assert_int_equal (value.size, small[i]);
    }
    assert_ptr_equal (at.at, at.end);
    // Those that do not fit go into a larger report, until it is large enough.
    assert_int_equal (s_run_messages (large, 7, 7, &report), 6);
    assert_int_equal (report.outcomes[0], 0);
    assert_int_equal (report.outcomes[1], EIO);
    assert_memory_equal (report.text, "no thirteen", report.text_size);
    assert_true (report.outputs_size > 1200000);
    // Fewer than it says.
    assert_int_equal (s_run_messages (small, 2, 4, &report), 2);
}

// --- What is none ----------------------------------------------------------

static void
s_test_bad (void **state)
{
    brd_chunk_report_t report;
    brd_chunk_order_t order = s_times_order (10);
    (void) state;
    order.fn ^= UINT64_C (1) << 41;
    assert_int_equal (s_run (&order, &report), -1);
    assert_non_null (strstr (s_task.text, "not loaded"));
    order = s_times_order (10);
    order.items_size--;
    assert_int_equal (s_run (&order, &report), -1);
    assert_non_null (strstr (s_task.text, "sizes"));
    // More than the arena has.
    order = s_times_order (10);
    order.out_size = 100 << 20;
    assert_int_equal (s_run (&order, &report), -1);
    assert_int_equal (s_seen, 0);
}

int
main (void)
{
#define S_TEST(fn) cmocka_unit_test_setup_teardown (fn, s_set_up, s_tear_down)
    const struct CMUnitTest tests[] = {
        S_TEST (s_test_elements), S_TEST (s_test_stop),
        S_TEST (s_test_single),   S_TEST (s_test_single_fails),
        S_TEST (s_test_enough),   S_TEST (s_test_messages),
        S_TEST (s_test_bad),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
