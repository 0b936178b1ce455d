// 002_m_plus_ten.c - seed 002-M: map over nine numbers
//
// SPDX-License-Identifier: MPL-2.0
//
// The seed shows ten results, 14 among them, though 4 is not in its list.
// There are nine.
//
// Read next: 002_n_no_guard.c.

#include <brood.h>
#include <stdio.h>

BROOD_MAPPER (f, int, x, int, y)
{
    *y = *x + 10;
    return 0;
}

int
main (int argc, char **argv)
{
    const int numbers[] = { 1, 2, 3, 5, 6, 7, 8, 9, 10 };
    enum {
        COUNT = sizeof numbers / sizeof *numbers
    };
    int results[COUNT];
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) p = brood_pool_new ("5");
    if (brood_pool_map (p, f, numbers, results, COUNT) < 0)
        return brood_perror ("map");
    for (int i = 0; i < COUNT; i++)
        printf ("%s%d", i > 0 ? ", " : "[", results[i]);
    puts ("]");
    return 0;
}
