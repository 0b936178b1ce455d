// managed_lock.c - a lock that has a name
//
// SPDX-License-Identifier: MPL-2.0
//
// A lock in the host's memory is found by its handle. One at a manager is found
// by its name too, by whoever has the manager, from whatever program. It costs
// a call each time, and is the same in all else: the holder is a thread, and
// when it dies the next one is told by a 1.
//
// Read next: lock.c, manager.c.

#include <brood.h>
#include <signal.h>
#include <stdio.h>

// A process that gets its manager from its parent's memory, and nothing else.
static int
print_page (void *manager)
{
    BROOD_AUTO (lock) printer = brood_lock_open (manager, "printer");
    if (brood_lock_acquire (printer, BROOD_FOREVER) < 0)
        return brood_perror ("printer");
    printf ("half a page\n");
    fflush (stdout);
    raise (SIGKILL);
    return 0;
}

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    BROOD_AUTO (manager) manager = brood_manager_new ();
    BROOD_AUTO (lock) printer = brood_lock_open (manager, "printer");
    BROOD_AUTO (process) child = brood_process_new (print_page, manager);
    if (!printer || !child || brood_process_start (child) < 0
        || brood_process_join (child, BROOD_FOREVER) < 0)
        return brood_perror ("managed_lock");
    if (brood_lock_acquire (printer, BROOD_FOREVER) == 1)
        printf ("the other one died printing: a new page\n");
    return brood_lock_release (printer) < 0;
}
