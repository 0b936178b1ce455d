// array.c - numbers in memory that all processes share
//
// SPDX-License-Identifier: MPL-2.0
//
// Workers have their own copy of the program's memory; an array is the
// exception, at the same address in all of them. A map over it copies nothing,
// and a task may write where it likes in it: results need not travel. Two tasks
// must not write to the same element at a time, so the work is divided by what
// is written: one row, one task.
//
// Read next: map.c, which does the same with plain arrays.

#include <brood.h>
#include <stdio.h>

enum {
    ROWS = 60,
    COLUMNS = 5000
};

static double *cells;  // Set before the pool is made, so workers have it too

BROOD_MAPPER (reciprocal, double, x, double, y)
{
    *y = 1 / *x;
    return 0;
}

BROOD_MAPPER (add_row, int, row, double, sum)
{
    *sum = 0;
    for (int column = 0; column < COLUMNS; column++)
        *sum += cells[*row * COLUMNS + column];
    return 0;
}

// Writes into the shared array itself: a running sum within the row.
BROOD_EACH (accumulate, int, row)
{
    for (int column = 1; column < COLUMNS; column++)
        cells[*row * COLUMNS + column] += cells[*row * COLUMNS + column - 1];
    return 0;
}

int
main (int argc, char **argv)
{
    int rows[ROWS];
    double sums[ROWS], total = 0;
    brood_init (&argc, &argv);
    BROOD_AUTO (array) array =
        brood_array_new (BROOD_DOUBLE, (size_t) ROWS * COLUMNS);
    if (!array)
        return brood_perror ("array");
    cells = brood_array_ptr (array);
    for (int i = 0; i < ROWS * COLUMNS; i++)
        cells[i] = i + 1;
    for (int row = 0; row < ROWS; row++)
        rows[row] = row;

    BROOD_AUTO (pool) pool = brood_pool_new (NULL);
    if (brood_pool_map (pool, reciprocal, cells, cells, brood_array_len (array))
            < 0
        || brood_pool_map (pool, add_row, rows, sums, ROWS) < 0
        || brood_pool_each (pool, accumulate, rows, ROWS) < 0)
        return brood_perror ("array");

    for (int row = 0; row < ROWS; row++)
        total += sums[row];
    printf ("1 + 1/2 + ... + 1/%zu = %.6f\n", brood_array_len (array), total);
    printf ("the first row of it, written by a worker: %.6f\n",
            cells[COLUMNS - 1]);
    return 0;
}
