// 002_b_spawn_names.c - seed 002-B: the target is in another file
//
// SPDX-License-Identifier: MPL-2.0
//
// Python puts it there so that a child can import it without running main
// again. A C program may put a function wherever it likes; here it comes from
// a shared library.
//
// Read next: 002_c_names.c.

#include "002_b_my_func.h"

#include <brood.h>

int
main (void)
{
    for (int i = 0; i < 6; i++) {
        BROOD_AUTO (process) process = brood_process_new (my_func, &i);
        brood_process_start (process);
        if (brood_process_join (process, -1) < 0)
            return brood_perror ("myFunc");
    }
    return 0;
}
