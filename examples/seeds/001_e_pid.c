// 001_e_pid.c - seed 001-E: a process learns its pid
//
// SPDX-License-Identifier: MPL-2.0
//
// It is a process of the system, so getpid () tells, and brood_process_pid ()
// says the same to the parent.
//
// Read next: 001_f_threads.c.

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
    printf ("%d\n", (int) getpid ());
    puts ("mission start.");
    usleep (5 * SECOND_US);
    puts (brood_process_name (brood_process_current ()));
    puts ("mission end.");
    return brood_process_pid (brood_process_current ()) != getpid ();
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
    return brood_process_exitcode (p);
}
