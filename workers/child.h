// child.h - a process that runs one function
//
// SPDX-License-Identifier: MPL-2.0
//
//     nursery  --fork-->  brd_child_main ()       child_main.c
//                           the class hears who it is now
//                           run (arg)
//                         exit ()
//
// Unlike a worker it has nobody to talk to: no page, no link, one thread.

#ifndef BRD_CHILD_H
#define BRD_CHILD_H

#include "brood/brood_process.h"
#include "shared/brd_shared.h"
#include "workers/nursery.h"

// The argument of its nursery; found in the snapshot.
typedef struct {
    brood_process_t *self;
    brood_process_fn *run;
    void *arg;
    // The first thing in the child: this process is self from now on.
    void (*born) (brood_process_t *self);
    const char *name;
    brd_shared_t *shared;  // Swept when it has died
} brd_child_setup_t;

// The nursery's worker_main; never returns.
void
brd_child_main (const brd_nursery_birth_t *birth);

// The nursery's ending: what pid held in shared memory is let go of. Also for
// its parent, when the nursery has died first.
void
brd_child_ending (void *arg, pid_t pid);

#endif  // BRD_CHILD_H
