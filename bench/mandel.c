// mandel.c - work that needs a CPU, in pieces of very unequal size
//
// SPDX-License-Identifier: MPL-2.0
//
// The peers call the very same object code, Python's through ctypes, so W7
// measures how rows are handed out and nothing else. Built without fused
// multiply-add (see CMakeLists.txt): the sum is a constant to check against.

#include "mandel.h"

static int
s_point (double cr, double ci, int most)
{
    double x = 0;
    double y = 0;
    int i = 0;
    while (i < most && x * x + y * y < 4.0) {
        double next = x * x - y * y + cr;
        y = 2 * x * y + ci;
        x = next;
        i++;
    }
    return i;
}

uint64_t
mandel_row (int row, int rows)
{
    int scale = MANDEL_ROWS / rows;
    int columns = MANDEL_COLUMNS / scale;
    int iterations = MANDEL_ITERATIONS / scale;
    double ci = -1.3 + 2.6 * row / rows;
    uint64_t sum = 0;
    for (int column = 0; column < columns; column++) {
        double cr = -2.2 + 3.0 * column / columns;
        sum += (uint64_t) s_point (cr, ci, iterations);
    }
    return sum;
}
