// names_owner.c - starting the keeper, and its end
//
// SPDX-License-Identifier: MPL-2.0
//
//     bind the control socket     in use: somebody was faster, and it is there
//     fork it, with the socket    (workers/nursery.c)
//
// The name of the socket decides who starts the keeper: two processes cannot
// both have it, and one that dies on the way leaves nothing. It listens before
// there is a keeper, so whoever connects meanwhile waits at the door; if the
// fork fails he is sent away and tries for himself.
//
// Read next: names_loop.c.

#include "names/names.h"

#include <errno.h>
#include <unistd.h>

#include "base/brd_error.h"
#include "base/brd_sys.h"
#include "client/brd_names.h"
#include "names/names_internal.h"
#include "transport/brd_endpoint.h"
#include "workers/nursery.h"

enum {
    S_END_MS = 2000
};

static int
s_listen (uint64_t brood)
{
    char address[BRD_NAMES_ADDRESS_SIZE];
    brd_endpoint_t at;
    brd_names_keeper_address (brood, address);
    if (brd_endpoint_parse (&at, address, 1) < 0)
        return -1;
    return brd_endpoint_listen (&at);
}

static int
s_fork (brd_names_keeper_t *self, brd_names_seed_t *seed)
{
    const brd_nursery_options_t options = {
        .serve = brd_names_loop_run,
        .arg = seed,
        .owner = seed->owner,
        .title = "brood-names",
        .keep_fds = &seed->control_fd,
        .keep_count = 1,
    };
    int peek;
    self->fd = brd_nursery_start (&options, &self->pid, &peek);
    if (self->fd >= 0 && !seed->by_owner)
        brd_sys_close (&self->fd);
    return self->pid > 0 ? 0 : -1;
}

int
brd_names_keeper_start (brd_names_keeper_t *self, uint64_t brood, pid_t owner)
{
    *self = (brd_names_keeper_t){ .fd = -1 };
    brd_names_seed_t seed = { .brood = brood,
                              .owner = owner,
                              .by_owner = owner == getpid (),
                              .control_fd = s_listen (brood) };
    if (seed.control_fd < 0)
        return errno == EADDRINUSE ? 0 : -1;
    const int rc = s_fork (self, &seed);
    brd_sys_close (&seed.control_fd);
    return rc;
}

void
brd_names_keeper_end (brd_names_keeper_t *self)
{
    brd_nursery_end (&self->fd, self->pid, S_END_MS);
}
