// 002_d_background.c - seed 002-D: a process in the background
//
// SPDX-License-Identifier: MPL-2.0
//
// At the end of main the background process, a daemon, is ended, and the other
// is waited for. With an argument, the seed's second script: no daemons, and
// both come to their end.
//
// Read next: 002_e_kill.c.

#include <brood.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    SECOND_US = 50000  // 1000000 is the seed's pace
};

static int
foo (void *arg)
{
    const char *name = brood_process_name (brood_process_current ());
    const int first = strcmp (name, "background_process") == 0 ? 0 : 5;
    (void) arg;
    printf ("Starting %s \n\n", name);
    for (int i = first; i < first + 5; i++) {
        printf ("---> %d \n\n", i);
        usleep (SECOND_US);
    }
    printf ("Exiting %s \n\n", name);
    return 0;
}

int
main (int argc, char **argv)
{
    (void) argv;
    BROOD_AUTO (process) background_process = brood_process_new (foo, NULL);
    brood_process_set_name (background_process, "background_process");
    brood_process_set_daemon (background_process, argc == 1);

    BROOD_AUTO (process) no_background_process = brood_process_new (foo, NULL);
    brood_process_set_name (no_background_process, "NO_background_process");
    brood_process_set_daemon (no_background_process, 0);

    if (brood_process_start (background_process) < 0
        || brood_process_start (no_background_process) < 0)
        return brood_perror ("start");
    return 0;
}
