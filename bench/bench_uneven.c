// bench_uneven.c - W7: work that needs the CPUs, in pieces of unequal size
//
// SPDX-License-Identifier: MPL-2.0
//
//     bench_uneven map|submit [efficiency]
//
// The rows of a Mandelbrot picture on two workers, as a typed map or as one
// submit per row. The time includes the start of the pool, as in the peers.
// With efficiency the rows are then computed once more without brood, and the
// share of two CPUs that was put to use is printed too; the runner leaves that
// out and takes the serial peer's time of the same round.

#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "brood/brood_error.h"
#include "brood/brood_init.h"
#include "brood/brood_pool.h"
#include "mandel.h"

BROOD_MAPPER (map_row, int, row, uint64_t, sum)
{
    *sum = mandel_row (*row, *(const int *) arg);
    return 0;
}

static int
submit_row (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int row, rows;
    if (brood_msg_unpack (in, "[%d, %d]", &row, &rows) < 0)
        return brood_task_fail (task, "wanted [row, rows]");
    return brood_msg_pack (out, "%lu", (unsigned long) mandel_row (row, rows));
}
BROOD_TASK (submit_row);

static uint64_t
s_map (brood_pool_t *pool, int rows)
{
    int in[MANDEL_ROWS];
    uint64_t out[MANDEL_ROWS];
    uint64_t sum = 0;
    brood_map_options_t options = { .arg = &rows,
                                    .arg_size_bytes = sizeof rows };
    for (int i = 0; i < rows; i++)
        in[i] = i;
    if (brood_pool_map_with (pool, map_row, in, out, (size_t) rows, &options)
        < 0)
        exit (brood_perror ("map"));
    for (int i = 0; i < rows; i++)
        sum += out[i];
    return sum;
}

static uint64_t
s_submit (brood_pool_t *pool, int rows)
{
    brood_future_t *futures[MANDEL_ROWS];
    uint64_t sum = 0;
    for (int i = 0; i < rows; i++)
        futures[i] = brood_pool_submit (pool, submit_row, "[%d, %d]", i, rows);
    for (int i = 0; i < rows; i++) {
        unsigned long result;
        if (brood_future_get (futures[i], BROOD_FOREVER, "%lu", &result) < 0)
            exit (brood_perror ("get"));
        sum += result;
        brood_future_destroy (&futures[i]);
    }
    return sum;
}

static uint64_t
s_serial (int rows)
{
    uint64_t sum = 0;
    for (int i = 0; i < rows; i++)
        sum += mandel_row (i, rows);
    return sum;
}

static void
s_measure (int submit, int rows, int efficiency)
{
    int64_t start = bench_now_ns ();
    brood_pool_t *pool = brood_pool_new ("local:2");
    uint64_t sum = submit ? s_submit (pool, rows) : s_map (pool, rows);
    int64_t wall_ns = bench_now_ns () - start;
    brood_pool_destroy (&pool);
    bench_report ("W7 wall", (double) wall_ns / 1e9, "s");
    if (efficiency) {
        start = bench_now_ns ();
        uint64_t serial_sum = s_serial (rows);
        int64_t serial_ns = bench_now_ns () - start;
        bench_expect (sum == serial_sum, "the sum differs from the serial one");
        bench_report ("W7 efficiency",
                      100 * (double) serial_ns / (2 * (double) wall_ns),
                      "% of 2 cores");
    }
    if (rows == MANDEL_ROWS)
        bench_expect (sum == MANDEL_SUM, "wrong sum");
}

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    if (bench_smoke (&argc, argv)) {
        s_measure (0, MANDEL_SMOKE_ROWS, 1);
        s_measure (1, MANDEL_SMOKE_ROWS, 1);
        return 0;
    }
    int efficiency = argc == 3 && strcmp (argv[2], "efficiency") == 0;
    if (argc != 2 + efficiency)
        bench_usage ("bench_uneven map|submit [efficiency]");
    if (strcmp (argv[1], "map") == 0)
        s_measure (0, MANDEL_ROWS, efficiency);
    else if (strcmp (argv[1], "submit") == 0)
        s_measure (1, MANDEL_ROWS, efficiency);
    else
        bench_usage ("bench_uneven map|submit [efficiency]");
    return 0;
}
