// 004_a_clock.c - seed 004-A: a process with two arguments
//
// SPDX-License-Identifier: MPL-2.0
//
// Several arguments are a struct; the child has it as it was at the start.
//
// Read next: 004_b_clock_process.c, where the struct has a name of its own.

#include <brood.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
    SECOND_US = 50000  // 1000000 is the seed's pace
};

typedef struct {
    int x;
    unsigned y;
} clock_args;

static int
run_clock (void *arg)
{
    const clock_args *args = arg;
    for (int i = 0; i < args->x; i++) {
        const time_t now = time (NULL);
        printf ("当前时间==%s", ctime (&now));
        usleep (args->y * SECOND_US);
    }
    return 0;
}

int
main (void)
{
    clock_args args = { 5, 1 };
    BROOD_AUTO (process) p = brood_process_new (run_clock, &args);
    brood_process_start (p);
    return brood_process_join (p, -1) < 0 ? brood_perror ("clock") : 0;
}
