// 000_b_worker_process.c - seed 000-B: a subclass of Process
//
// SPDX-License-Identifier: MPL-2.0
//
// A subclass is a struct and its run. What the seed's __init__ keeps in self
// is what is in the struct; brood_process_new_of () copies it into the handle,
// so that `self` below may be overwritten for the next one. The name a process
// is given is also what ps and top show.
//
// Read next: 000_c_pool_of_names.c, when there are more names than processes.

#include <brood.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PROCESSES = 5,
    SECOND_US = 50000  // 1000000 is the seed's pace
};

typedef struct {
    char name[16];
} WorkerProcess;

static void
worker (const char *name)
{
    printf ("Started worker %s\n", name);
    const unsigned worker_time = (unsigned) random () % 4 + 1;
    usleep (worker_time * SECOND_US);
    printf ("%s worker finished in %u seconds\n", name, worker_time);
}

BROOD_PROCESS (WorkerProcess, self)
{
    worker (self->name);
    return 0;
}

int
main (void)
{
    brood_process_t *processes[PROCESSES];
    int failed = 0;
    for (int i = 0; i < PROCESSES; i++) {
        WorkerProcess self;
        snprintf (self.name, sizeof self.name, "computer_%d", i);
        processes[i] = brood_process_new_of (WorkerProcess, &self);
        brood_process_set_name (processes[i], self.name);
        if (brood_process_start (processes[i]) < 0)
            return brood_perror (self.name);
    }

    for (int i = 0; i < PROCESSES; i++) {
        if (brood_process_join (processes[i], -1) < 0)
            return brood_perror ("join");
        failed += brood_process_exitcode (processes[i]) != 0;
        brood_process_destroy (&processes[i]);
    }
    return failed;
}
