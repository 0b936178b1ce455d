// 002_a_spawn.c - seed 002-A: six processes, one after the other
//
// SPDX-License-Identifier: MPL-2.0
//
// Define, start, join. What a child has printed is out when join returns, so
// the lines come in order. The seed says that without join "the child does not
// end and must be killed by hand": it does end, in both languages, and main
// waits.
//
// Read next: 002_b_spawn_names.c.

#include <brood.h>
#include <stdio.h>

static int
my_func (void *arg)
{
    const int i = *(const int *) arg;
    printf ("calling myFunc from process n°: %d\n", i);
    for (int j = 0; j < i; j++)
        printf ("output from myFunc is :%d\n", j);
    return 0;
}

int
main (void)
{
    for (int i = 0; i < 6; i++) {
        BROOD_AUTO (process) process = brood_process_new (my_func, &i);
        brood_process_start (process);
        if (brood_process_join (process, -1) < 0)
            return brood_perror ("myFunc");
    }
    return 0;
}
