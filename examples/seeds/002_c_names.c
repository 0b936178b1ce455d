// 002_c_names.c - seed 002-C: a name that was given, and one that was not
//
// SPDX-License-Identifier: MPL-2.0
//
// The second process has no name, and is the second one made: Process-2.
//
// Read next: 002_d_background.c.

#include <brood.h>
#include <stdio.h>
#include <unistd.h>

enum {
    SECOND_US = 20000  // 1000000 is the seed's pace
};

static int
my_func (void *arg)
{
    const char *name = brood_process_name (brood_process_current ());
    (void) arg;
    printf ("Starting process name = %s \n\n", name);
    usleep (3 * SECOND_US);
    printf ("Exiting process name = %s \n\n", name);
    return 0;
}

int
main (void)
{
    const brood_process_options_t named = { .name = "myFunc process" };
    BROOD_AUTO (process) process_with_name =
        brood_process_new_with (my_func, NULL, &named);
    BROOD_AUTO (process) process_with_default_name =
        brood_process_new (my_func, NULL);

    brood_process_start (process_with_name);
    brood_process_start (process_with_default_name);
    if (brood_process_join (process_with_name, -1) < 0
        || brood_process_join (process_with_default_name, -1) < 0)
        return brood_perror ("myFunc");
    return 0;
}
