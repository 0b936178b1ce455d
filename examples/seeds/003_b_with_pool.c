// 003_b_with_pool.c - seed 003-B: a pool for the length of a block
//
// SPDX-License-Identifier: MPL-2.0
//
// BROOD_AUTO (pool) is `with Pool(4) as p`: the pool ends with the block,
// however it is left, and its workers with it.
//
// Read next: 003_c_producer_first.c.

#include <brood.h>
#include <stdio.h>

enum {
    COUNT = 5
};

BROOD_MAPPER (square, int, x, int, y)
{
    *y = *x * *x;
    return 0;
}

int
main (int argc, char **argv)
{
    const int numbers[COUNT] = { 1, 2, 3, 4, 5 };
    int results[COUNT];
    brood_init (&argc, &argv);
    {
        BROOD_AUTO (pool) p = brood_pool_new ("4");
        if (brood_pool_map (p, square, numbers, results, COUNT) < 0)
            return brood_perror ("square");
    }
    for (int i = 0; i < COUNT; i++)
        printf ("%s%d", i > 0 ? ", " : "[", results[i]);
    puts ("]");
    return 0;
}
