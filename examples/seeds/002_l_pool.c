// 002_l_pool.c - seed 002-L: a pool squares a hundred numbers
//
// SPDX-License-Identifier: MPL-2.0
//
// The results stand in the order of the inputs. "4" is four workers wherever
// BROOD_POOL says that pools live; the source does not know (seed 004-E).
//
// Read next: 002_l_pool_methods.c, the other methods of the text.

#include <brood.h>
#include <stdio.h>

enum {
    INPUTS = 100
};

BROOD_MAPPER (function_square, int, data, int, result)
{
    *result = *data * *data;
    return 0;
}

int
main (int argc, char **argv)
{
    int inputs[INPUTS], pool_outputs[INPUTS];
    brood_init (&argc, &argv);
    for (int i = 0; i < INPUTS; i++)
        inputs[i] = i;

    BROOD_AUTO (pool) pool = brood_pool_new ("4");
    if (brood_pool_map (pool, function_square, inputs, pool_outputs, INPUTS)
        < 0)
        return brood_perror ("map");
    brood_pool_close (pool);
    if (brood_pool_join (pool, -1) < 0)
        return brood_perror ("join");

    printf ("Pool    : [");
    for (int i = 0; i < INPUTS; i++)
        printf ("%s%d", i > 0 ? ", " : "", pool_outputs[i]);
    puts ("]");
    return 0;
}
