// 002_b_my_func.c - the target of seed 002-B, in a shared library of its own
//
// SPDX-License-Identifier: MPL-2.0
//
// The seed's myFunc.py. Nothing of brood is in it.
//
// Read next: 002_b_spawn_names.c.

#include "002_b_my_func.h"

#include <stdio.h>

int
my_func (void *arg)
{
    const int i = *(const int *) arg;
    printf ("calling myFunc from process n°: %d\n", i);
    for (int j = 0; j < i; j++)
        printf ("output from myFunc is :%d\n", j);
    return 0;
}
