// 000_a_five_processes.c - seed 000-A: five processes at once
//
// SPDX-License-Identifier: MPL-2.0
//
// A process is a function and what it is given. It starts as a copy of the
// caller, so names[] is there without being sent. All five are started before
// the first is joined: they nap side by side, and the longest nap is the time
// it takes. Each copy draws other random numbers; brood sees to that.
//
// Read next: 000_b_worker_process.c, the same as a class.

#include <brood.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PROCESSES = 5,
    SECOND_US = 50000  // 1000000 is the seed's pace
};

static int
worker (void *arg)
{
    const char *name = arg;
    printf ("Started worker %s\n", name);
    const unsigned worker_time = (unsigned) random () % 4 + 1;
    usleep (worker_time * SECOND_US);
    printf ("%s worker finished in %u seconds\n", name, worker_time);
    return 0;
}

int
main (void)
{
    char names[PROCESSES][16];
    brood_process_t *processes[PROCESSES];
    int failed = 0;
    for (int i = 0; i < PROCESSES; i++) {
        snprintf (names[i], sizeof names[i], "computer_%d", i);
        processes[i] = brood_process_new (worker, names[i]);
        if (brood_process_start (processes[i]) < 0)
            return brood_perror (names[i]);
    }

    for (int i = 0; i < PROCESSES; i++) {
        if (brood_process_join (processes[i], -1) < 0)
            return brood_perror (names[i]);
        failed += brood_process_exitcode (processes[i]) != 0;
        brood_process_destroy (&processes[i]);
    }
    return failed;
}
