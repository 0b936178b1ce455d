// launch.h - agents, started on hosts by the engines people have
//
// SPDX-License-Identifier: MPL-2.0
//
//     local:8?hosts=4     four of them on this host
//     ssh:n1,n2/8         one on each, through ssh (BROOD_SSH: another command)
//     slurm  slurm:-N2    one on each node of the allocation we are in, or of
//                         one that is asked for and held; through srun
//     mpi                 the other ranks of this job, which run already
//
// One agent to a host: the same command line everywhere, with the host's secret
// as the only line on its standard input. That stays open; its end says that
// the agent is to end, and so does our death. What an agent prints comes here.
//
// A launcher that ends is started again, later each time. One whose agent does
// not join within a minute has failed too, and after tries_max failures in a
// row the host is given up; at once, if it was turned away (BRD_JOIN_REFUSED).
// An agent that has been joined for a minute is no failure when it ends.
//
// mpi starts nothing: it leaves the secret where the ranks look for it
// (client/brd_rank.h), and tells of no starts and ends.
//
// Nothing here waits but destroy. Its owner makes turns:
//
//     turn; sleep on fd, until due
//
// Threads: one at a time. SIGCHLD may be at its default or caught, not ignored,
// and nobody else may wait for our children. Descriptors 0, 1 and 2 are open.

#ifndef LAUNCH_H
#define LAUNCH_H

#include <stddef.h>
#include <stdint.h>

#include "client/brd_place.h"

enum {
    BRD_LAUNCH_SECRET_MAX = 4096,  // With the zero
    BRD_LAUNCH_TRIES = 5
};

// What belongs to no host: an allocation. Its index in events.
#define BRD_LAUNCH_ALL SIZE_MAX

typedef enum {
    BRD_LAUNCH_STARTED,  // Its launcher runs
    BRD_LAUNCH_ENDED,    // It has ended, and is started again when due
    BRD_LAUNCH_OVER      // It has ended for good, or could not be started
} brd_launch_happened_t;

typedef struct {
    brd_launch_happened_t happened;
    size_t host;
    const char *name;
    int stopped;       // 1: it was told to end
    int late;          // 1: it was ended, as it did not join in time
    int error;         // Why it could not be started: an errno, or 0
    int status;        // Its exit code, -1 if there is none
    int signal;        // That ended it, or 0
    int tries;         // Starts since it last held
    const char *text;  // The end of what it said, or what was wrong; ""
} brd_launch_event_t;

typedef struct {
    // The hosts. On loan, as argv and env are, until destroy.
    const brd_place_t *place;
    // What runs there; argv[0] is a whole path.
    const char *const *argv;
    // NAME=value for it besides, NULL at the end; NULL: none. No secrets.
    const char *const *env;
    int tries_max;      // 0: BRD_LAUNCH_TRIES
    double time_scale;  // Multiplies all times; 0: 1.0
    // The line for a host, anew at each start; for mpi one for all ranks, that
    // new asks for with BRD_LAUNCH_ALL. -1 with a text: it is not started now,
    // which counts as a failure.
    int (*secret) (void *arg,
                   size_t host,
                   char ret_line[BRD_LAUNCH_SECRET_MAX]);
    // What follows may be called by turn, stop and lost, and calls none of
    // these. The event is on loan.
    void (*event) (void *arg, const brd_launch_event_t *event);
    // Bytes that an agent wrote to its 1 or 2. NULL: nobody listens.
    void (*said) (
        void *arg, size_t host, int stream, const char *bytes, size_t size);
    void *arg;
} brd_launch_options_t;

// For said: it goes where this process's own goes.
void
brd_launch_pass_on (
    void *arg, size_t host, int stream, const char *bytes, size_t size);

typedef struct brd_launch brd_launch_t;

// Nothing is started before the first turn. NULL with EINVAL (also ENOTSUP: a
// place without agents), ENOMEM or what the system says, and a text.
brd_launch_t *
brd_launch_new (const brd_launch_options_t *options);
// Whatever still runs is killed. Agents on other hosts then end by themselves;
// stop first, for them to be seen to.
void
brd_launch_destroy (brd_launch_t **self_p);

int
brd_launch_fd (const brd_launch_t *self);
void
brd_launch_turn (brd_launch_t *self, int64_t now);
int64_t
brd_launch_due (const brd_launch_t *self);

// The hosts, in order; those of an allocation are known once it is had. On loan
// until the next turn.
const brd_hosts_t *
brd_launch_hosts (const brd_launch_t *self);

// The agent of a host has come to whoever it was sent to.
void
brd_launch_joined (brd_launch_t *self, size_t host, int64_t now);
// It is not to be counted on any more: ended, and started again.
void
brd_launch_lost (brd_launch_t *self, size_t host, int64_t now);
// Tells all of them to end; who does not in five seconds gets SIGTERM, in five
// more SIGKILL. Each is OVER then. An allocation goes last. Again: nothing.
void
brd_launch_stop (brd_launch_t *self, int64_t now);
// 1 when nothing runs, nor will. An allocation stays until stop, though all its
// hosts be given up.
int
brd_launch_is_over (const brd_launch_t *self);

#endif  // LAUNCH_H
