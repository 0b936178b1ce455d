// install_program.c - somebody else's program, built against an installed brood
//
// SPDX-License-Identifier: MPL-2.0

#include <brood.h>
#include <stdio.h>

BROOD_MAPPER (cube, int, x, long, y)
{
    *y = (long) *x * *x * *x;
    return 0;
}

int
main (int argc, char **argv)
{
    int in[] = { 1, 2, 3 };
    long out[3];
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    if (brood_pool_map (pool, cube, in, out, 3) < 0)
        return brood_perror (argv[0]);
    printf ("%ld %ld %ld\n", out[0], out[1], out[2]);
    return 0;
}
