// 003_a_two_processes.c - seed 003-A: two processes, and the end of both
//
// SPDX-License-Identifier: MPL-2.0
//
// Both nap at the same time. join returns once a child has ended and all it
// has printed is out, so the last line is the last.
//
// Read next: 003_b_with_pool.c.

#include <brood.h>
#include <stdio.h>
#include <unistd.h>

enum {
    SECOND_US = 50000  // 1000000 is the seed's pace
};

static int
worker (void *name)
{
    printf ("Worker %s is starting\n", (char *) name);
    usleep (2 * SECOND_US);
    printf ("Worker %s is done\n", (char *) name);
    return 0;
}

int
main (void)
{
    char a[] = "A", b[] = "B";
    BROOD_AUTO (process) process1 = brood_process_new (worker, a);
    BROOD_AUTO (process) process2 = brood_process_new (worker, b);

    brood_process_start (process1);
    brood_process_start (process2);

    if (brood_process_join (process1, -1) < 0
        || brood_process_join (process2, -1) < 0)
        return brood_perror ("worker");

    puts ("Both processes are done");
    return 0;
}
