// brd_pool_far.c - a pool whose workers are on other hosts
//
// SPDX-License-Identifier: MPL-2.0
//
//     broker (broker/relay) --socket-- a pool of one host, which it is
//
// To this process the broker is the only host there is; how many there are
// behind it, and which, is its affair; so is whether it starts agents or brings
// the work to a standing broker. What workers there are to be is said once, and
// the first of them is waited for.
//
// Read next: tools/broker_program.c, the other end of the socket.

#include <errno.h>
#include <string.h>

#include "api/brd_pool.h"
#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "base/brd_sys.h"
#include "client/brd_scale.h"
#include "client/brd_ticket.h"
#include "transport/brd_peer_fd.h"
#include "wire/brd_limits.h"

enum {
    S_OPEN_MS = 600000  // A launcher's tries, a broker's patience end before
};

int
brd_pool_far_check (const brood_pool_options_t *options)
{
    if (options->start_exec || options->on_demand || options->pin
        || options->workers > 0)
        return brd_error_set (EINVAL,
                              "workers, start_exec, on_demand and pin are for "
                              "pools of this host; the place says how many "
                              "workers other hosts have");
    return 0;
}

static int
s_has_come (void *arg)
{
    return brd_host_pool_has_host (arg);
}

static brd_host_pool_t *
s_make (brood_pool_t *self, const brd_host_pool_options_t *options, int fd)
{
    brd_wire_open_t open;
    brd_peer_t *peer = brd_peer_fd_new (fd, BRD_WIRE_SIZE_MAX);
    if (!peer) {
        brd_sys_close (&fd);
        return NULL;
    }
    brd_host_pool_t *pool = NULL;
    if (brd_host_pool_describe (options, &open) == 0)
        pool = brd_host_pool_open_hosts (
            self->host,
            &(brd_host_hosts_options_t){
                .name = self->name, .open = &open, .only = 1, .remote = 1 });
    brd_host_lock (self->host);
    const int rc = pool ? brd_host_pool_add_peer (pool, peer) : -1;
    if (rc < 0)
        peer->destroy (peer);
    brd_host_unlock (self->host);
    if (rc < 0 && pool) {
        brd_host_pool_end (pool);
        brd_host_pool_free (&pool);
    }
    return pool;
}

// 0 when there is a host.
static int
s_await (brood_pool_t *self, brd_host_pool_t *pool)
{
    const int64_t deadline = brd_clock_deadline (S_OPEN_MS);
    if (brd_host_wait (self->host, s_has_come, pool, deadline) < 0
        || brd_host_pool_check (pool) < 0) {
        const brood_error_info_t story = *brd_error_get ();
        return story.error == EPIPE
                   ? brd_error_set (EHOSTUNREACH, "%s", story.text)
                   : -1;
    }
    self->workers = (int) brd_host_pool_slots (pool);
    return 0;
}

// What the broker would say too, where it has no errno any more.
static int
s_check (const char *spec)
{
    double scale;
    brd_place_t place;
    brd_join_t join;
    if (brd_scale_read (&scale) < 0 || brd_place_read (spec, &place) < 0)
        return -1;
    int rc = 0;
    if (place.kind == BRD_PLACE_TCP) {
        rc = brd_ticket_of_place (&place, BRD_JOIN_ABOVE, &join);
        brd_join_wipe (&join);
    }
    brd_place_fini (&place);
    return rc;
}

brd_host_pool_t *
brd_pool_far_open (brood_pool_t *self,
                   brd_host_pool_options_t *options,
                   const char *spec)
{
    int fd;
    if (s_check (spec) < 0 || brd_relay_start (&self->relay, spec, &fd) < 0)
        return NULL;
    self->relayed = 1;
    brd_host_pool_t *pool = s_make (self, options, fd);
    if (pool && s_await (self, pool) == 0)
        return pool;
    const brood_error_info_t story = *brd_error_get ();
    if (pool) {
        brd_host_pool_end (pool);
        brd_host_pool_free (&pool);
    }
    brd_pool_far_end (self);
    brd_error_take (&story);
    return NULL;
}

void
brd_pool_far_end (brood_pool_t *self)
{
    if (self->relayed)
        brd_relay_end (&self->relay);
    self->relayed = 0;
}
