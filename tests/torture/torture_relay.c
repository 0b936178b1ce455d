// torture_relay.c - a pool above, and below it, over a pair, the group's own
//
// SPDX-License-Identifier: MPL-2.0
//
// Both ends are in one program, so faults hit either. Each call comes to an
// end: its result, or why there is none; and so do the pool above and the guest
// below.

#include "torture.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/brd_pool.h"
#include "api/brd_runtime.h"
#include "base/brd_clock.h"
#include "client/brd_code.h"
#include "host/host.h"
#include "transport/brd_peer_fd.h"
#include "wire/brd_limits.h"

enum {
    S_CALLS = 6,
    S_LARGE = 300 * 1024
};

typedef struct {
    brd_call_t call;  // First
    int ended;
    int error;
    size_t size;
} s_call_t;

static int
s_same (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    return brood_msg_pack (out, "@%p", brood_ref (in));
}

static int
s_until_told (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    (void) out;
    while (!brood_task_cancelled (task))
        continue;
    return -1;
}

static void
s_ended (brd_call_t *call, const brd_call_end_t *end)
{
    s_call_t *self = (s_call_t *) (void *) call;
    self->ended = 1;
    self->error = end->error;
    self->size = end->size;
}

static int
s_has_ended (void *arg)
{
    return ((const s_call_t *) arg)->ended;
}

// 1 if it was taken.
static int
s_submit (s_call_t *self,
          const brd_host_pool_t *pool,
          brood_task_fn *fn,
          const void *body,
          size_t size)
{
    memset (self, 0, sizeof *self);
    self->call.core.pool = brd_host_pool_number (pool);
    self->call.core.size_bytes = (uint32_t) size;
    self->call.fn = brd_code_number (brd_pool_address (&fn));
    self->call.body = body;
    self->call.ended = s_ended;
    return TORTURE_OK (self->call.fn != 0)
           && TORTURE_OK (brd_host_submit (brd_runtime_host (), &self->call)
                          == 0);
}

static void
s_await (s_call_t *self)
{
    TORTURE_MUST (brd_host_wait (brd_runtime_host (),
                                 s_has_ended,
                                 self,
                                 brd_clock_deadline (2 * TORTURE_MS))
                  == 0);
}

// --- Below -----------------------------------------------------------------

static brd_host_pool_t *
s_open (void *arg, const brd_wire_open_t *open)
{
    (void) arg;
    (void) open;
    return torture_pool () ? torture_pool ()->pool : NULL;
}

static void *
s_serve (void *arg)
{
    brd_peer_t *peer = arg;
    if (brd_host_guest_serve (brd_runtime_host (), peer, s_open, NULL) < 0)
        peer->destroy (peer);
    return NULL;
}

// --- Above -----------------------------------------------------------------

typedef struct {
    brd_host_pool_t *pool;
    pthread_t below;
} s_relay_t;

static int
s_add (brd_host_pool_t *pool, brd_peer_t *peer)
{
    brd_host_t *host = brd_runtime_host ();
    brd_host_lock (host);
    const int rc = brd_host_pool_add_peer (pool, peer);
    brd_host_unlock (host);
    return rc;
}

// 1 if there is one.
static int
s_begin (s_relay_t *self)
{
    static const brd_wire_open_t open = { .name = "below", .name_size = 5 };
    const brd_host_hosts_options_t options = {
        .name = "above",
        .open = &open,
        .only = 1,
        .remote = 1,
    };
    int fds[2];
    if (!torture_pool ()
        || socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return 0;
    brd_peer_t *one = brd_peer_fd_new (fds[0], BRD_WIRE_SIZE_MAX);
    if (!TORTURE_OK (one != NULL)) {
        close (fds[0]);
        close (fds[1]);
        return 0;
    }
    brd_peer_t *other = brd_peer_fd_new (fds[1], BRD_WIRE_SIZE_MAX);
    if (!TORTURE_OK (other != NULL)) {
        one->destroy (one);
        close (fds[1]);
        return 0;
    }
    self->pool = brd_host_pool_open_hosts (brd_runtime_host (), &options);
    int good = TORTURE_OK (self->pool != NULL);
    if (good && !TORTURE_OK (s_add (self->pool, one) == 0)) {
        brd_host_pool_end (self->pool);
        brd_host_pool_free (&self->pool);
        good = 0;
    }
    if (!good) {
        one->destroy (one);
        other->destroy (other);
        return 0;
    }
    TORTURE_MUST (pthread_create (&self->below, NULL, s_serve, other) == 0);
    return 1;
}

static void
s_end (s_relay_t *self)
{
    brd_host_pool_end (self->pool);
    brd_host_pool_free (&self->pool);
    TORTURE_MUST (pthread_join (self->below, NULL) == 0);
}

// --- The scenarios ---------------------------------------------------------

static void
s_run (size_t size, int count)
{
    static unsigned char body[S_LARGE + 5] = { 0xc6 };
    s_relay_t relay;
    s_call_t calls[S_CALLS];
    int taken[S_CALLS];
    if (!s_begin (&relay))
        return;
    // A bin of so many bytes.
    for (size_t i = 0; i < 4; i++)
        body[1 + i] = (unsigned char) ((size - 5) >> (24 - 8 * i));
    for (int i = 0; i < count; i++)
        taken[i] = s_submit (&calls[i], relay.pool, s_same, body, size);
    for (int i = 0; i < count; i++) {
        if (!taken[i])
            continue;
        s_await (&calls[i]);
        if (calls[i].error == 0)
            TORTURE_MUST (calls[i].size > 0 && calls[i].size <= size);
        else
            TORTURE_MUST (!torture_strict ());
    }
    s_end (&relay);
}

static void
s_calls (void)
{
    s_run (100, S_CALLS);
}

static void
s_large (void)
{
    s_run (S_LARGE + 5, 2);
}

// It ends while something runs.
static void
s_leave (void)
{
    s_relay_t relay;
    s_call_t one, two;
    if (!s_begin (&relay))
        return;
    const int first = s_submit (&one, relay.pool, s_until_told, "\xc0", 1);
    const int second = s_submit (&two, relay.pool, s_until_told, "\xc0", 1);
    if (second) {
        brd_host_lock (brd_runtime_host ());
        if (!two.ended)
            brd_host_cancel (brd_runtime_host (), &two.call, 0);
        brd_host_unlock (brd_runtime_host ());
        s_await (&two);
    }
    s_end (&relay);
    TORTURE_MUST (!first || one.ended);
}

const torture_scenario_t torture_relay[] = {
    { "calls", s_calls },
    { "large", s_large },
    { "leave", s_leave },
    { NULL, NULL },
};
