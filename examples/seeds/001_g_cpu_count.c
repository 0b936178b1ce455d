// 001_g_cpu_count.c - seed 001-G: how many CPUs there are for us
//
// SPDX-License-Identifier: MPL-2.0
//
// Python's cpu_count () is of the machine. This one is of the process: what
// taskset or a container's quota leaves to it, and at most BROOD_CPUS.
//
// Read next: 001_h_one_per_cpu.c.

#include <brood.h>
#include <stdio.h>

int
main (void)
{
    printf ("%d\n", brood_cpu_count ());
    return 0;
}
