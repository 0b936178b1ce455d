// crew.h - workers that are threads of this process
//
// SPDX-License-Identifier: MPL-2.0
//
// For "threads:N" pools. What a nursery is to processes, with the same commands
// and reports, but without a process in between:
//
//     host                               a thread of the crew
//     brd_crew_command START   --------> brd_worker_serve ()
//     fd is readable           <-------- STARTED
//     brd_crew_report                    ... tasks, as any worker ...
//     brd_crew_command KILL    --------> leaves after the task it is in
//     brd_crew_report          <-------- ENDED
//
// A thread cannot be ended from outside: who is to leave is asked, and its task
// sees brood_task_cancelled ().
//
// Threads. start, command, report and end are for one thread at a time.

#ifndef BRD_CREW_H
#define BRD_CREW_H

#include "workers/nursery.h"
#include "workers/worker.h"

typedef struct brd_crew brd_crew_t;

// Nobody is in it yet. Of options what is of workers: title, nice, pin; setup
// must outlive it. NULL with EMFILE, ENOMEM.
brd_crew_t *
brd_crew_new (const brd_worker_setup_t *setup,
              const brd_nursery_options_t *options);

// Readable while there are reports.
int
brd_crew_fd (const brd_crew_t *self);

// START or KILL. -1 with EAGAIN, EMFILE, ENOMEM: not started.
int
brd_crew_command (brd_crew_t *self, const brd_nursery_command_t *command);

// The next report: 1, or 0.
int
brd_crew_report (brd_crew_t *self, brd_nursery_report_t *ret_report);

// 1 in a thread of it.
int
brd_crew_is_mine (const brd_crew_t *self);

// Asks all to leave.
void
brd_crew_leave (brd_crew_t *self);

// 1 once everybody who was started has ENDED, as reported.
int
brd_crew_empty (const brd_crew_t *self);

// An empty one.
void
brd_crew_destroy (brd_crew_t **self_p);

#endif  // BRD_CREW_H
