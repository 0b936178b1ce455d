// 004_b_clock_process.c - seed 004-B: a class with what it needs in it
//
// SPDX-License-Identifier: MPL-2.0
//
// The struct is what __init__ keeps in self, and BROOD_PROCESS its run. Two of
// them run at the same time.
//
// Read next: 004_c_clock_pool.c.

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
} ClockProcess;

BROOD_PROCESS (ClockProcess, self)
{
    for (int i = 0; i < self->x; i++) {
        const time_t now = time (NULL);
        printf ("%d==%s", (int) getpid (), ctime (&now));
        usleep (self->y * SECOND_US);
    }
    return 0;
}

int
main (void)
{
    const ClockProcess self = { .x = 5, .y = 1 };
    BROOD_AUTO (process) p = brood_process_new_of (ClockProcess, &self);
    BROOD_AUTO (process) p1 = brood_process_new_of (ClockProcess, &self);
    brood_process_start (p);
    brood_process_start (p1);
    if (brood_process_join (p, -1) < 0 || brood_process_join (p1, -1) < 0)
        return brood_perror ("ClockProcess");
    return 0;
}
