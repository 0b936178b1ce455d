// names_internal.h - what the keeper's two files share
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_NAMES_INTERNAL_H
#define BRD_NAMES_INTERNAL_H

#include <stdint.h>
#include <sys/types.h>

// What its maker has left in the snapshot.
typedef struct {
    uint64_t brood;
    pid_t owner;
    int by_owner;    // 1: started by the owner, the pair tells its end too
    int control_fd;  // Listening
} brd_names_seed_t;

// The nursery's serve; never returns.
void
brd_names_loop_run (void *arg, int pair_fd, int owner_fd);

#endif  // BRD_NAMES_INTERNAL_H
