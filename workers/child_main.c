// child_main.c - the first and the last moments of a process
//
// SPDX-License-Identifier: MPL-2.0
//
//     nursery_child.c -> brd_child_main
//       name, log, the class's own
//       run (arg)
//       exit (): what the child registered, then s_leave () of
//                nursery_clean.c: output flushed, _exit
//
// Returning, exit () and pthread_exit () end in the same place. What the
// parent registered lies below s_leave () and is never reached.
//
// Read next: lib/api/brd_process_run.c, the parent's side.

#include "workers/child.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/brd_error.h"
#include "base/brd_log.h"
#include "base/brd_process.h"

// Other threads of its own would keep the process alive without its run.
static void
s_thread_left (void *arg)
{
    (void) arg;
    exit (0);  // lint: the user's process ends as any other
}

void
brd_child_main (const brd_nursery_birth_t *birth)
{
    const brd_child_setup_t *setup = birth->arg;
    pthread_cleanup_push (s_thread_left, NULL);
    brd_process_show (setup->name);
    brd_log_set_process (setup->name);
    // A function of the parent's program would be called in the wrong process.
    brd_log_set_sink (atomic_load (&brd_log_level), NULL, NULL);
    brd_error_forget ();
    setup->born (setup->self);
    exit (setup->run (setup->arg));  // lint: the user's process ends so
    pthread_cleanup_pop (0);
}

void
brd_child_ending (void *arg, pid_t pid)
{
    const brd_child_setup_t *setup = arg;
    brd_shared_sweep (setup->shared, pid);
    (void) brd_arena_sweep (brd_shared_arena (setup->shared), (uint32_t) pid);
}
