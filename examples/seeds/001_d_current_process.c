// 001_d_current_process.c - seed 001-D: a process learns its name
//
// SPDX-License-Identifier: MPL-2.0
//
// brood_process_current () is the process that asks, in a child as in main.
// The name can be set until the process starts.
//
// Read next: 001_e_pid.c.

#include <brood.h>
#include <stdio.h>
#include <unistd.h>

enum {
    SECOND_US = 10000  // 1000000 is the seed's pace
};

static int
task (void *arg)
{
    (void) arg;
    puts ("mission start.");
    usleep (5 * SECOND_US);
    puts (brood_process_name (brood_process_current ()));
    puts ("mission end.");
    return 0;
}

int
main (void)
{
    BROOD_AUTO (process) p = brood_process_new (task, NULL);
    brood_process_set_name (p, "subprocess");
    brood_process_start (p);
    if (brood_process_join (p, -1) < 0)
        return brood_perror ("join");
    puts ("End");
    return 0;
}
