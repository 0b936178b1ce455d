// fuzz_chunk.c - any bytes for a part of a map
//
// SPDX-License-Identifier: MPL-2.0
//
// What is taken lies within the bytes, and is taken again as the same.

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/brd_check.h"
#include "brood/brood_msg.h"
#include "wire/brd_chunk.h"

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t size);

static void
s_within (const void *part, size_t part_size, const uint8_t *bytes, size_t size)
{
    const uint8_t *at = part;
    brd_assert (part_size == 0
                || (at >= bytes && part_size <= size
                    && (size_t) (at - bytes) <= size - part_size));
}

static void
s_try_order (const uint8_t *bytes, size_t size)
{
    brd_chunk_order_t order, again;
    brd_buf_t out;
    if (brd_chunk_get_order (bytes, size, &order) < 0)
        return;
    s_within (order.items, order.items_size, bytes, size);
    s_within (order.arg, order.arg_size, bytes, size);
    brd_buf_init (&out, BROOD_MSG_SIZE_MAX);
    brd_assert (brd_chunk_put_order (&out, &order) == 0);
    brd_assert (brd_chunk_get_order (out.bytes, out.size, &again) == 0);
    brd_assert (again.fn == order.fn && again.count == order.count
                && again.items_size == order.items_size);
    brd_buf_fini (&out);
}

static void
s_try_report (const uint8_t *bytes, size_t size)
{
    brd_chunk_report_t report;
    if (brd_chunk_get_report (bytes, size, &report) < 0)
        return;
    brd_assert (report.done <= report.count && report.pid >= 0);
    s_within (report.text, report.text_size, bytes, size);
    s_within (report.outcomes, (size_t) report.count, bytes, size);
    s_within (report.outputs, report.outputs_size, bytes, size);
}

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t size)
{
    s_try_order (bytes, size);
    s_try_report (bytes, size);
    return 0;
}
