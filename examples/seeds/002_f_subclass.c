// 002_f_subclass.c - seed 002-F: processes are named for their class
//
// SPDX-License-Identifier: MPL-2.0
//
// A struct without fields is not C; this one has one that nobody needs, and
// with NULL for the object it is zeros.
//
// Read next: 002_g_producer_consumer.c.

#include <brood.h>
#include <stdio.h>

typedef struct {
    int unused;
} MyProcess;

BROOD_PROCESS (MyProcess, self)
{
    printf ("called run method by %s\n",
            brood_process_name (brood_process_current ()));
    return 0;
}

int
main (void)
{
    for (int i = 0; i < 10; i++) {
        BROOD_AUTO (process) process = brood_process_new_of (MyProcess, NULL);
        brood_process_start (process);
        if (brood_process_join (process, -1) < 0)
            return brood_perror ("MyProcess");
    }
    return 0;
}
