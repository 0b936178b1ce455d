// launch_engine.h - what an engine knows, and what launch.c does for all
//
// SPDX-License-Identifier: MPL-2.0

#ifndef LAUNCH_ENGINE_H
#define LAUNCH_ENGINE_H

#include "base/brd_buf.h"
#include "tools/launch.h"
#include "tools/launch_run.h"
#include "tools/launch_words.h"

typedef struct {
    brd_place_kind_t kind;
    // Adds to self->hosts those it knows at once, and does what comes first. -1
    // with a text.
    int (*begin) (brd_launch_t *self);
    // Takes back what begin did, when nobody is awaited any more; perhaps more
    // than once. NULL only where there is a command: nothing.
    void (*end) (brd_launch_t *self);
    // What is run to get hosts, and holds them until its standard input ends.
    // NULL: begin knows them all.
    void (*hold) (const brd_launch_t *self, brd_launch_words_t *words);
    // The line that it printed, which it may spoil: adds hosts. -1 with a text.
    int (*held) (brd_launch_t *self, char *line);
    // What is run here to have the agent there. NULL: it runs already.
    void (*command) (const brd_launch_t *self,
                     const brd_hosts_entry_t *host,
                     brd_launch_words_t *words);
    int passes_env;  // 1: our environment, env included, comes to the agent
} brd_launch_engine_t;

extern const brd_launch_engine_t brd_launch_local;
extern const brd_launch_engine_t brd_launch_mpi;
extern const brd_launch_engine_t brd_launch_ssh;
extern const brd_launch_engine_t brd_launch_slurm;

//              +--------<-- ended: later again --<--------+
//              v                                          |
//     WAITING --> STARTING --joined--> UP                 |
//              due  |                   |                 |
//                   +--- late, lost, stop --> CLOSING ----+--> OVER
//
// CLOSING closes its standard input first, then kills it twice.
typedef enum {
    BRD_LAUNCH_WAITING,
    BRD_LAUNCH_STARTING,
    BRD_LAUNCH_UP,
    BRD_LAUNCH_CLOSING,
    BRD_LAUNCH_DONE
} brd_launch_state_t;

// A host, or the allocation.
typedef struct {
    brd_launch_run_t run;  // First: what epoll knows
    brd_launch_t *launch;
    size_t index;
    brd_launch_state_t state;
    int64_t due;    // Of the next move that is not somebody else's
    int64_t since;  // UP: when it joined
    int tries;
    int late;
    int kills;  // CLOSING: so far
} brd_launch_host_t;

struct brd_launch {
    const brd_launch_options_t options;
    const brd_launch_engine_t *engine;
    double time_scale;
    int tries_max;
    int epoll;
    int stopped;
    int is_gone;   // 1: what was allocated is no more
    char job[32];  // slurm: the allocation's
    int has_met;   // mpi: 1 while the secret is where the ranks meet
    brd_hosts_t hosts;
    brd_launch_host_t **each;  // Of hosts; they do not move, epoll knows them
    size_t n_each;
    brd_launch_host_t allocation;
    brd_buf_t line;  // What the allocation has printed, up to a newline
};

#endif  // LAUNCH_ENGINE_H
