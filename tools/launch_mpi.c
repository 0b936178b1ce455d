// launch_mpi.c - the other ranks of this job, which run already
//
// SPDX-License-Identifier: MPL-2.0
//
//     mpirun -n 4 prog    rank 0 is the program, 1 to 3 are agents: they wait
//                         in brood_init () for what is left here
//
// Read next: client/brd_rank.h, where the ranks meet.

#include <errno.h>
#include <stdio.h>

#include "base/brd_error.h"
#include "base/brd_secret.h"
#include "client/brd_rank.h"
#include "tools/launch_engine.h"

static int
s_publish (brd_launch_t *self, const brd_rank_t *rank)
{
    char line[BRD_LAUNCH_SECRET_MAX] = "";
    const brd_launch_options_t *options = &self->options;
    int rc = options->secret (options->arg, BRD_LAUNCH_ALL, line);
    if (rc == 0)
        rc = brd_rank_publish (rank, line);
    brd_secret_wipe (line, sizeof line);
    self->has_met = rc == 0;
    return rc;
}

static int
s_begin (brd_launch_t *self)
{
    char text[64];
    brd_rank_t rank;
    if (brd_rank_read (&rank) < 0)
        return -1;
    if (rank.rank != 0)
        return brd_error_set (
            EINVAL, "this is rank %d; rank 0 is the program", rank.rank);
    if (rank.size < 2)
        return brd_error_set (EINVAL, "this job has no other ranks");
    (void) snprintf (text, sizeof text, "rank[1-%d]", rank.size - 1);
    if (brd_hosts_read (&self->hosts, text, text) < 0)
        return -1;
    return s_publish (self, &rank);
}

static void
s_end (brd_launch_t *self)
{
    brd_rank_t rank;
    if (self->has_met && brd_rank_read (&rank) == 0)
        brd_rank_withdraw (&rank);
    self->has_met = 0;
}

const brd_launch_engine_t brd_launch_mpi = {
    .kind = BRD_PLACE_MPI,
    .begin = s_begin,
    .end = s_end,
};
