// launch_run.h - one program that runs beside us
//
// SPDX-License-Identifier: MPL-2.0
//
//     0   a line, then nothing, open until close_in
//     1   to whoever hears it
//     2   the same; its end is kept, to tell what was wrong
//
// Nothing here waits, but for one that has been killed. 0, 1 and 2 of this
// process must be open.

#ifndef LAUNCH_RUN_H
#define LAUNCH_RUN_H

#include <stddef.h>
#include <sys/types.h>

enum {
    BRD_LAUNCH_RUN_LINE_MAX = 4096,  // With its newline: what a pipe takes
    BRD_LAUNCH_RUN_TAIL = 512
};

typedef struct {
    pid_t pid;  // 0: it does not run
    int process;
    int in;
    int out;
    int err;
    int status;  // Its exit code; -1 if a signal ended it
    int signal;
    size_t tail_size;
    char tail[BRD_LAUNCH_RUN_TAIL];
} brd_launch_run_t;

typedef void (brd_launch_run_said_fn) (void *arg,
                                       int stream,
                                       const char *bytes,
                                       size_t size);

void
brd_launch_run_init (brd_launch_run_t *self);
// Kills it if it runs.
void
brd_launch_run_fini (brd_launch_run_t *self);

// In epoll its descriptors have self for data. line is NULL for none, then 0 is
// open and empty. -1 with errno, and nothing runs.
int
brd_launch_run_start (brd_launch_run_t *self,
                      int epoll,
                      char *const *argv,
                      char *const *env,
                      const char *line);

// Takes what it has said. 1 once it has ended: status, signal and tail tell
// how, until the next start.
int
brd_launch_run_turn (brd_launch_run_t *self,
                     brd_launch_run_said_fn *said,
                     void *arg);

void
brd_launch_run_close_in (brd_launch_run_t *self);
void
brd_launch_run_kill (brd_launch_run_t *self, int signal);

// Adds a line to what it said to 2: what was wrong with it.
void
brd_launch_run_note (brd_launch_run_t *self, const char *text);

// The end of what it said to 2, without blanks behind, in its tail.
const char *
brd_launch_run_text (brd_launch_run_t *self);

#endif  // LAUNCH_RUN_H
