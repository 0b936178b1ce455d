// hello.c - four numbers, squared by other processes
//
// SPDX-License-Identifier: MPL-2.0
//
// The smallest whole program: a function for one element, arrays for all of
// them, and a pool between. BROOD_MAPPER makes the function and registers its
// name. The pool has as many workers as this process may use CPUs, and
// BROOD_POOL in the environment changes that without a new build:
//
//     BROOD_POOL=local:8 ./hello
//     BROOD_POOL=inline gdb ./hello
//
// Read next: map.c for arrays, submit.c for messages.

#include <brood.h>
#include <stdio.h>

BROOD_MAPPER (square, int, x, long, y)
{
    *y = (long) *x * *x;
    return 0;
}

int
main (int argc, char **argv)
{
    int in[] = { 1, 2, 3, 4 };
    long out[4];
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) pool = brood_pool_new (NULL);
    if (brood_pool_map (pool, square, in, out, 4) < 0)
        return brood_perror (argv[0]);
    for (int i = 0; i < 4; i++)
        printf ("%d squared is %ld\n", in[i], out[i]);
    return 0;
}
