// t_relay.h - a program, a broker, agents: all of them made by fork
//
// SPDX-License-Identifier: MPL-2.0
//
//     top  --pair-->  broker  --pairs-->  agents  -->  their workers
//       '--control--> agents' other ends, as they come
//
// Each is a brood of its own, and shares with the others only what the test
// gives them: t_here, of which all have the same page.

#ifndef T_RELAY_H
#define T_RELAY_H

#include "t.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <brood.h>

#include "api/brd_pool.h"
#include "api/brd_runtime.h"
#include "base/brd_clock.h"
#include "base/brd_mem.h"
#include "base/brd_sys.h"
#include "host/host.h"
#include "transport/brd_peer_fd.h"
#include "wire/brd_limits.h"

enum {
    T_AGENTS = 8
};

typedef struct {
    _Atomic int go;     // 1: who waits may end
    _Atomic int begun;  // Tasks that have
    _Atomic int heard;  // Those that were told to end
    _Atomic int ready;  // Initializers that have run
} t_here_t;

static t_here_t *t_here;

static inline void
t_here_new (void)
{
    t_here = t_share (sizeof *t_here);
}

// Descriptors of others would keep their ends open.
static inline void
t_keep_only (int one, int other)
{
    for (int fd = 3; fd < 100; fd++)
        if (fd != one && fd != other)
            close (fd);
}

static inline void
t_pair (int ret_fds[2])
{
    assert_int_equal (
        socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_fds), 0);
}

// --- An agent --------------------------------------------------------------

typedef struct {
    brd_host_t *host;
    uint32_t workers;
    brd_host_pool_t *pool;
} t_agent_t;

static inline brd_host_pool_t *
t_agent_open (void *arg, const brd_wire_open_t *open)
{
    t_agent_t *self = arg;
    char name[BROOD_NAME_SIZE];
    brd_host_pool_options_t options;
    if (brd_host_pool_undescribe (open, name, &options) < 0)
        return NULL;
    options.core.workers = self->workers;
    options.setup.leaving = brd_runtime_leave;
    self->pool = brd_host_pool_open (self->host, &options);
    if (!self->pool)
        brd_mem_free (options.setup.initargs);
    return self->pool;
}

static inline _Noreturn void
t_end (brd_host_pool_t *pool)
{
    if (pool) {
        brd_host_pool_end (pool);
        brd_host_pool_free (&pool);
    }
    brood_fini ();
    _exit (0);
}

// Its other end in *ret_fd.
static inline pid_t
t_agent (uint32_t workers, int *ret_fd)
{
    int fds[2];
    t_pair (fds);
    const pid_t pid = fork ();
    assert_true (pid >= 0);
    if (pid > 0) {
        close (fds[1]);
        *ret_fd = fds[0];
        return pid;
    }
    t_keep_only (fds[1], -1);
    t_agent_t self = { .host = brd_runtime_host (), .workers = workers };
    brd_peer_t *peer = brd_peer_fd_new (fds[1], BRD_WIRE_SIZE_MAX);
    if (!self.host || !peer
        || brd_host_guest_serve (self.host, peer, t_agent_open, &self) < 0)
        _exit (1);
    t_end (self.pool);
}

// --- A broker --------------------------------------------------------------

typedef struct {
    brd_host_source_t control;  // First
    brd_host_t *host;
    brd_host_pool_t *pool;  // NULL: not asked for yet
    brd_peer_t *early[T_AGENTS];
    int early_count;
} t_broker_t;

static inline void
t_broker_add (t_broker_t *self, brd_peer_t *peer)
{
    if (!self->pool)
        self->early[self->early_count++] = peer;
    else if (brd_host_pool_add_peer (self->pool, peer) < 0)
        peer->destroy (peer);
}

static inline void
t_broker_turn (brd_host_source_t *source, int64_t now)
{
    t_broker_t *self = (t_broker_t *) (void *) source;
    char byte;
    int fd;
    (void) now;
    for (;;) {
        const ssize_t n = brd_sys_recv_fd (source->fd, &byte, 1, &fd);
        if (n < 0)
            return;
        if (n == 0) {
            brd_host_source_remove (self->host, source);
            return;
        }
        brd_peer_t *peer = brd_peer_fd_new (fd, BRD_WIRE_SIZE_MAX);
        if (peer)
            t_broker_add (self, peer);
    }
}

static inline brd_host_pool_t *
t_broker_open (void *arg, const brd_wire_open_t *open)
{
    t_broker_t *self = arg;
    const brd_host_hosts_options_t options = {
        .name = "broker",
        .open = open,
        .remote = 1,
    };
    brd_host_pool_t *pool = brd_host_pool_open_hosts (self->host, &options);
    brd_host_lock (self->host);
    self->pool = pool;
    while (pool && self->early_count > 0)
        t_broker_add (self, self->early[--self->early_count]);
    brd_host_unlock (self->host);
    return pool;
}

// The ends of its pairs in *ret_above and *ret_control.
static inline pid_t
t_broker (int *ret_above, int *ret_control)
{
    int above[2], control[2];
    t_pair (above);
    t_pair (control);
    const pid_t pid = fork ();
    assert_true (pid >= 0);
    if (pid > 0) {
        close (above[1]);
        close (control[1]);
        *ret_above = above[0];
        *ret_control = control[0];
        return pid;
    }
    t_keep_only (above[1], control[1]);
    t_broker_t self = {
        .control = { .fd = control[1], .turn = t_broker_turn },
        .host = brd_runtime_host (),
    };
    brd_peer_t *peer = brd_peer_fd_new (above[1], BRD_WIRE_SIZE_MAX);
    if (!self.host || !peer || fcntl (control[1], F_SETFL, O_NONBLOCK) < 0)
        _exit (1);
    brd_host_lock (self.host);
    const int rc = brd_host_source_add (self.host, &self.control);
    brd_host_unlock (self.host);
    if (rc < 0
        || brd_host_guest_serve (self.host, peer, t_broker_open, &self) < 0)
        _exit (1);
    t_end (self.pool);
}

// Hands an agent's end, or a broker's, to a broker.
static inline void
t_give (int control, int fd)
{
    assert_int_equal (brd_sys_send_fd (control, "x", 1, fd), 1);
    close (fd);
}

// --- The top ---------------------------------------------------------------

static inline int
t_top_has_host (void *pool)
{
    return brd_host_pool_has_host (pool);
}

// options: of each worker. The handle of a pool that works over this pair; it
// may have no host yet.
static inline brood_pool_t *
t_top (int fd, const brd_host_pool_options_t *options)
{
    brd_wire_open_t open;
    brd_host_t *host = brd_runtime_host ();
    assert_non_null (host);
    assert_int_equal (brd_host_pool_describe (options, &open), 0);
    const brd_host_hosts_options_t hosts = {
        .name = options->name,
        .open = &open,
        .only = 1,
        .remote = 1,
    };
    brood_pool_t *self = brd_mem_zalloc (sizeof *self);
    brd_peer_t *peer = brd_peer_fd_new (fd, BRD_WIRE_SIZE_MAX);
    assert_true (self && peer);
    self->pool = brd_host_pool_open_hosts (host, &hosts);
    assert_non_null (self->pool);
    brd_host_lock (host);
    assert_int_equal (brd_host_pool_add_peer (self->pool, peer), 0);
    brd_host_unlock (host);
    brd_handle_init (&self->handle, BRD_KIND_POOL);
    brd_list_init (&self->link);
    self->host = host;
    self->far = 1;
    self->workers = 1;
    snprintf (self->name, sizeof self->name, "%s", options->name);
    atomic_store (&self->refs, 1);
    brd_pool_enter (self);
    return self;
}

static inline void
t_top_wait (const brood_pool_t *self)
{
    assert_int_equal (
        brd_host_wait (
            self->host, t_top_has_host, self->pool, brd_clock_deadline (30000)),
        0);
}

// A top, a broker, and agents with two workers each. All are made before the
// top becomes a brood, and come when the broker hears of them.
typedef struct {
    brood_pool_t *pool;
    pid_t broker;
    int control;
    pid_t agents[T_AGENTS];
    int fds[T_AGENTS];
} t_relay_t;

static inline void
t_relay_join (const t_relay_t *self, int agent)
{
    t_give (self->control, self->fds[agent]);
}

// So many agents come at once, others may later.
static inline void
t_relay_with (t_relay_t *self,
              int agents,
              int later,
              const brd_host_pool_options_t *options)
{
    int above;
    self->broker = t_broker (&above, &self->control);
    for (int i = 0; i < agents + later; i++)
        self->agents[i] = t_agent (2, &self->fds[i]);
    for (int i = 0; i < agents; i++)
        t_relay_join (self, i);
    self->pool = t_top (above, options);
    if (agents > 0)
        t_top_wait (self->pool);
}

static inline void
t_relay (t_relay_t *self, int agents, int later)
{
    const brd_host_pool_options_t options = { .name = "top" };
    t_relay_with (self, agents, later, &options);
}

static inline void
t_relay_end (t_relay_t *self)
{
    brood_pool_destroy (&self->pool);
    close (self->control);
    // Nobody was asked to: all end because who was above is gone.
    while (wait (NULL) > 0)
        continue;
    assert_int_equal (errno, ECHILD);
}

#endif  // T_RELAY_H
