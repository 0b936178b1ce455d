// brd_rank.h - which of a job's processes this one is, and where they meet
//
// SPDX-License-Identifier: MPL-2.0
//
// mpirun and srun start the same program so many times and tell each which it
// is, in its environment. Rank 0 is the program; it leaves a line, the secret,
// in a file of this user's that the others wait for:
//
//     $BROOD_MPI_DIR, $XDG_CACHE_HOME/brood or ~/.cache/brood
//
// which must be one folder on all hosts of the job, as homes are on clusters.
//
// Threads: none, the environment is read. Fork: nothing is kept.

#ifndef BRD_RANK_H
#define BRD_RANK_H

#include <stddef.h>
#include <stdint.h>

enum {
    BRD_RANK_JOB_MAX = 128,  // With the zero
    BRD_RANK_PATH_MAX = 4096,
    BRD_RANK_SIZE_MAX = 10000
};

typedef struct {
    int rank;
    int size;
    char job[BRD_RANK_JOB_MAX];  // Letters, digits, '.', '-' and '_'
} brd_rank_t;

// As BROOD_RANK, BROOD_SIZE and BROOD_JOB say, Open MPI, Slurm, or an MPI of
// MPICH's kind. -1 with ENOENT: this is no such process; EINVAL: what they say
// is not to be understood. Both with a text.
int
brd_rank_read (brd_rank_t *ret_self);

// The file, "" only in error: -1 with ENOENT (no home) or ENAMETOOLONG.
int
brd_rank_path (const brd_rank_t *self, char ret_path[BRD_RANK_PATH_MAX]);

// Rank 0: puts the line there, in the place of one that an earlier job of the
// same name has left. -1 with what the system says.
int
brd_rank_publish (const brd_rank_t *self, const char *line);
// Takes it away, if it is there.
void
brd_rank_withdraw (const brd_rank_t *self);

// The others: waits for the line. Its length, or -1 with ETIMEDOUT, EACCES (it
// is not this user's alone) or what brd_secret_read_file () says.
int
brd_rank_await (const brd_rank_t *self,
                char *ret_line,
                size_t size,
                int64_t deadline);

#endif  // BRD_RANK_H
