// brd_process_private.h - what the parts of the class Process share
//
// SPDX-License-Identifier: MPL-2.0
//
//     brood_process.c          the class: who may call what
//     brd_process_options.c    what it is to be like: checked, copied
//     brd_process_run.c        start, watch, signal: the line to its nursery
//     brd_children.c           all of them: current, parent, the end
//
//     NEW -- start --> STARTING -- nursery's STARTED --> RUNNING
//      ^                  |                                 |
//      +---- failed ------+             sentinel readable,  v
//                                       by who looks first  ENDED
//
// No lock: the state moves by compare-and-swap, and what a nursery has said at
// the end can be read again and again (MSG_PEEK). So a fork in the middle of
// anything leaves nothing locked in the child.

#ifndef BRD_PROCESS_PRIVATE_H
#define BRD_PROCESS_PRIVATE_H

#include <stdatomic.h>

#include "api/brd_exec.h"
#include "base/brd_handle.h"
#include "base/brd_list.h"
#include "brood/brood_process.h"
#include "workers/child.h"

typedef enum {
    BRD_PROCESS_NEW,
    BRD_PROCESS_STARTING,
    BRD_PROCESS_RUNNING,
    BRD_PROCESS_ENDED
} brd_process_state_t;

// What it is to the process we are in.
typedef enum {
    BRD_PROCESS_IS_CHILD,
    BRD_PROCESS_IS_CURRENT,
    BRD_PROCESS_IS_PARENT
} brd_process_kin_t;

struct brood_process {
    brd_handle_t handle;
    _Atomic int state;
    _Atomic int exitcode;
    _Atomic int pid;
    _Atomic int daemon;
    brd_process_kin_t kin;

    // The line to its nursery; of a parent only watch.
    int fd;     // Our end of the pair
    int watch;  // A pidfd, -1 where there are none: the pair tells
    int snapshot;
    pid_t nursery;
    brd_child_setup_t setup;

    // brd_children.c, under its lock
    brd_list_t link;
    int listed;
    int pins;
    int given_up;  // 1: by destroy, while it ran

    brood_process_fn *run;
    void *arg;     // Lent, or object
    void *object;  // Ours, NULL
    size_t object_size;
    brood_msg_t *args;  // Ours, NULL; then it is arg
    int start_exec;
    char *executable;  // NULL: this program
    brd_nursery_once_t wishes;
    int *keep_fds;
    size_t n_keep_fds;

    char identity[BROOD_NAME_SIZE];  // "2:1"; "" in the owner
    char type[BROOD_NAME_SIZE];
    char name[BROOD_NAME_SIZE];
    char repr[4 * BROOD_NAME_SIZE];
};

// --- brd_process_options.c -------------------------------------------------

// Checks and copies; -1 with EINVAL, ENOTSUP, ENOMEM, and what was copied so
// far is freed with the rest.
int
brd_process_options_take (brood_process_t *self,
                          const brood_process_options_t *options);

void
brd_process_options_free (brood_process_t *self);

// --- brd_process_run.c -----------------------------------------------------

// -1 with errno as brood_process_start ().
int
brd_process_run_start (brood_process_t *self);

// 1 if it has ended; a child's exit code is there then. For a parent too.
int
brd_process_run_look (brood_process_t *self);

// Waits for that. -1 with ETIMEDOUT or EINTR.
int
brd_process_run_wait (brood_process_t *self, int64_t deadline);

// 0 also if it has ended. -1 with EAGAIN when its nursery does not listen.
int
brd_process_run_signal (brood_process_t *self, int signal);

// It cannot be signalled, or does not heed SIGKILL: its nursery ends it.
void
brd_process_run_abandon (brood_process_t *self);

// What readers of its end wait for.
int
brd_process_run_sentinel (const brood_process_t *self);

// Closes the line to one that has ended.
void
brd_process_run_close (brood_process_t *self);

// What its nursery is to be, but for exec; its pointers lead into self.
void
brd_process_run_nursery (brood_process_t *self,
                         brd_nursery_options_t *ret_nursery);

// --- brd_process_exec.c ----------------------------------------------------

// Into shared memory, for a program started anew. -1 as brd_exec_open ().
int
brd_process_exec_open (const brood_process_t *self, brd_exec_t *exec);

// --- brood_process.c -------------------------------------------------------

// One with nothing in it. NULL with ENOMEM.
brood_process_t *
brd_process_alloc (void);

// All there is of one that does not run.
void
brd_process_free (brood_process_t *self);

#endif  // BRD_PROCESS_PRIVATE_H
