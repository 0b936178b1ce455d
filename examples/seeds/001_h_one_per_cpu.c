// 001_h_one_per_cpu.c - seed 001-H: as many processes as CPUs
//
// SPDX-License-Identifier: MPL-2.0
//
// The seed's range(cpu_count, -1) is empty, so it starts none. This does what
// is meant, and each says its name, so that one can count them.
//
// Read next: 001_i_my_process.c.

#include <brood.h>
#include <stdio.h>
#include <stdlib.h>

static int
task (void *arg)
{
    (void) arg;
    puts (brood_process_name (brood_process_current ()));
    return 0;
}

int
main (void)
{
    int failed = 0;
    // Line by line, also into a file: main's lines keep their place then.
    setvbuf (stdout, NULL, _IOLBF, BUFSIZ);
    const int cpu_count = brood_cpu_count ();
    brood_process_t **all = calloc ((size_t) cpu_count, sizeof *all);
    if (!all)
        return 1;
    printf ("%d\n", cpu_count);
    for (int i = 0; i < cpu_count; i++) {
        all[i] = brood_process_new (task, NULL);
        brood_process_start (all[i]);
    }

    for (int i = 0; i < cpu_count; i++) {
        if (brood_process_join (all[i], -1) < 0)
            return brood_perror ("task");
        failed += brood_process_exitcode (all[i]) != 0;
        brood_process_destroy (&all[i]);
    }
    free (all);
    return failed;
}
