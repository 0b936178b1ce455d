// 001_b_argument.c - seed 001-B: a process with an argument
//
// SPDX-License-Identifier: MPL-2.0
//
// One pointer is what a function gets; several arguments are a struct
// (004_a_clock.c). The child is a copy of its parent, so whatever the pointer
// leads to is there, and stays what it was at the start.
//
// Read next: 001_c_isolation.c.

#include <brood.h>
#include <stdio.h>

static int
task (void *args)
{
    puts (args);
    return 0;
}

static int
run (void)
{
    char args[] = "xxx";
    BROOD_AUTO (process) p1 = brood_process_new (task, args);
    return brood_process_start (p1);
}

int
main (void)
{
    return run () < 0 ? brood_perror ("run") : 0;
}
