// 001_a_start.c - seed 001-A: the smallest process
//
// SPDX-License-Identifier: MPL-2.0
//
// Nobody joins it: what was started is waited for when main returns. Giving up
// the handle, which BROOD_AUTO does, does not end the process.
//
// Read next: 001_b_argument.c.

#include <brood.h>
#include <stdio.h>

static int
task (void *arg)
{
    (void) arg;
    return 0;
}

int
main (void)
{
    puts ("Start...");
    BROOD_AUTO (process) p1 = brood_process_new (task, NULL);
    return brood_process_start (p1) < 0 ? brood_perror ("p1") : 0;
}
