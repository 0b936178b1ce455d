// mandel.h - work that needs a CPU, in pieces of very unequal size
//
// SPDX-License-Identifier: MPL-2.0

#ifndef MANDEL_H
#define MANDEL_H

#include <stdint.h>

// One task of W7 is one row of the Mandelbrot set, -2.2 .. 0.8 by -1.3 .. 1.3.
// Rows through the middle cost about a hundred times those at the edge.
enum {
    MANDEL_ROWS = 1024,
    MANDEL_SMOKE_ROWS = 48,
    MANDEL_COLUMNS = 1024,
    MANDEL_ITERATIONS = 8000
};

// The sum over all MANDEL_ROWS rows, the same on every IEEE machine.
#define MANDEL_SUM 1628402053u

// Iterations spent on row of a picture of so many rows, over all columns.
// A smoke run's picture is narrower and shallower too.
uint64_t
mandel_row (int row, int rows);

#endif  // MANDEL_H
