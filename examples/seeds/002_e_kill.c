// 002_e_kill.c - seed 002-E: the life of a process, and its exit code
//
// SPDX-License-Identifier: MPL-2.0
//
//     exit code    0      no error
//                > 0      what run returned, or exit () was given
//                < 0      minus the signal that ended it
//
// Right after terminate it is still there, as a rule: a signal takes its time,
// and join waits for the end.
//
// Read next: 002_f_subclass.c.

#include <brood.h>
#include <stdio.h>
#include <unistd.h>

static int
foo (void *arg)
{
    (void) arg;
    puts ("Starting function");
    for (int i = 0; i < 10; i++) {
        printf ("-->%d\n\n", i);
        sleep (1);
    }
    puts ("Finished function");
    return 0;
}

static void
show (const char *when, const brood_process_t *p)
{
    printf ("Process %s: %s %s\n",
            when,
            brood_process_repr (p),
            brood_process_is_alive (p) == 1 ? "True" : "False");
}

int
main (void)
{
    BROOD_AUTO (process) p = brood_process_new (foo, NULL);
    show ("before execution", p);
    if (brood_process_start (p) < 0)
        return brood_perror ("start");
    show ("running", p);
    brood_process_terminate (p);
    show ("terminated", p);
    if (brood_process_join (p, -1) < 0)
        return brood_perror ("join");
    show ("joined", p);
    printf ("Process exit code: %d\n", brood_process_exitcode (p));
    return 0;
}
