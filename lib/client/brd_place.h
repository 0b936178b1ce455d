// brd_place.h - where a pool runs, from one text
//
// SPDX-License-Identifier: MPL-2.0
//
//     4                      the place that is set, with 4 workers
//     local  local:8         processes of this host
//     local:8?hosts=4        the same, pretending to be 4 hosts
//     threads  threads:8     threads of this process
//     inline                 the caller
//     ssh:HOSTS  ssh:@FILE   agents started through ssh; brd_hosts.h
//     slurm  slurm:ARGS      through srun or sbatch, with its arguments
//     mpi                    the other ranks of this job
//     tcp://HOST:PORT        a standing broker; ?join=FILE has the join string
//     @NAME                  what the configuration calls so
//
// Pure but for ssh:@FILE: no environment, no defaults. Who can run what is the
// caller's affair.

#ifndef BRD_PLACE_H
#define BRD_PLACE_H

#include "client/brd_hosts.h"

typedef enum {
    BRD_PLACE_SET,  // A number alone
    BRD_PLACE_LOCAL,
    BRD_PLACE_THREADS,
    BRD_PLACE_INLINE,
    BRD_PLACE_SSH,
    BRD_PLACE_SLURM,
    BRD_PLACE_MPI,
    BRD_PLACE_TCP,
    BRD_PLACE_NAMED
} brd_place_kind_t;

typedef struct {
    brd_place_kind_t kind;
    int workers;       // 0: not said
    int hosts_here;    // local: hosts to pretend, 0: none
    brd_hosts_t ssh;   // The hosts
    const char *rest;  // Slurm's arguments, tcp's HOST:PORT..., a name; in text
    size_t rest_size;  // Of tcp's HOST:PORT
    const char *join;  // tcp's FILE, in text; NULL: not said
} brd_place_t;

// -1 with EINVAL and a text that points at where, ENOMEM, or what the file's
// reading says; then there is nothing to fini.
int
brd_place_read (const char *text, brd_place_t *ret_place);
void
brd_place_fini (brd_place_t *self);

#endif  // BRD_PLACE_H
