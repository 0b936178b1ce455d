// broker_standing.c - a broker that programs and agents come to
//
// SPDX-License-Identifier: MPL-2.0
//
//     listen (transport/brd_wan.h), with keys that survive it
//       who comes -> joined: broker_pools.c
//     until SIGTERM or SIGINT: all are told, and leave
//
// The main thread waits; who listens, signals and the supervisor are sources of
// the host's, so whichever thread drives does what is due for them.
//
// Read next: broker_pools.c.

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/brd_runtime.h"
#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "base/brd_log.h"
#include "base/brd_sys.h"
#include "brood/brood_log.h"
#include "client/brd_scale.h"
#include "tools/ask.h"
#include "tools/broker.h"
#include "tools/notify.h"
#include "tools/tool.h"

typedef struct {
    const brd_broker_standing_t *options;
    double scale;
    brd_host_t *host;
    brd_curve_t pair;
    brd_token_book_t *book;
    brd_wan_listen_t *listen;
    brd_broker_pools_t *pools;
    brd_ask_t *ask;
    brd_host_source_t listening;
    brd_host_source_t signals;
    brd_host_source_t watchdog;
    int64_t watchdog_ns;  // 0: there is none
    int64_t watchdog_at;
    int is_told;  // 1: to end
} s_broker_t;

// --- Who comes -------------------------------------------------------------

static const char *
s_joined (void *arg, brd_peer_t *peer, const brd_hello_who_t *who)
{
    s_broker_t *self = arg;
    const brd_broker_standing_t *options = self->options;
    if (who->role == BRD_JOIN_BELOW)
        return brd_broker_pools_hosts (self->pools)
                       >= (size_t) options->hosts_max
                   ? "there are as many hosts here as there may be"
                   : brd_broker_pools_add_host (self->pools, peer, who);
    if (who->role == BRD_JOIN_ABOVE)
        return brd_broker_pools_clients (self->pools)
                       >= (size_t) options->clients_max
                   ? "as many programs give work here as may"
                   : brd_broker_pools_add_client (self->pools, peer, who);
    return brd_ask_add (self->ask, peer, who->role == BRD_JOIN_ADMIN) < 0
               ? "the broker has no memory for one who asks"
               : NULL;
}

// --- Sources ---------------------------------------------------------------

static void
s_listen_turn (brd_host_source_t *source, int64_t now)
{
    s_broker_t *self = BRD_LIST_ITEM (source, s_broker_t, listening);
    brd_wan_listen_turn (self->listen, now);
    brd_broker_pools_turn (self->pools, now);
}

static int64_t
s_listen_due (brd_host_source_t *source, int64_t now)
{
    const s_broker_t *self = BRD_LIST_ITEM (source, s_broker_t, listening);
    const int64_t listen = brd_wan_listen_due (self->listen, now);
    const int64_t pools = brd_broker_pools_due (self->pools);
    return listen < pools ? listen : pools;
}

static void
s_signals_turn (brd_host_source_t *source, int64_t now)
{
    s_broker_t *self = BRD_LIST_ITEM (source, s_broker_t, signals);
    (void) now;
    if (!brd_tool_caught_end (source->fd))
        return;
    self->is_told = 1;
    brd_host_changed (self->host);
}

static void
s_watchdog_turn (brd_host_source_t *source, int64_t now)
{
    s_broker_t *self = BRD_LIST_ITEM (source, s_broker_t, watchdog);
    if (now < self->watchdog_at)
        return;
    brd_notify ("WATCHDOG=1");
    self->watchdog_at = now + self->watchdog_ns;
}

static int64_t
s_watchdog_due (brd_host_source_t *source, int64_t now)
{
    (void) now;
    return BRD_LIST_ITEM (source, s_broker_t, watchdog)->watchdog_at;
}

static int
s_add_sources (s_broker_t *self)
{
    self->listening =
        (brd_host_source_t){ .fd = brd_wan_listen_fd (self->listen),
                             .turn = s_listen_turn,
                             .due = s_listen_due };
    self->signals.turn = s_signals_turn;
    self->watchdog = (brd_host_source_t){ .fd = -1,
                                          .turn = s_watchdog_turn,
                                          .due = s_watchdog_due };
    self->watchdog_ns = brd_notify_watchdog ();
    brd_host_lock (self->host);
    int rc = brd_host_source_add (self->host, &self->signals);
    if (rc == 0)
        rc = brd_host_source_add (self->host, &self->listening);
    if (rc == 0 && self->watchdog_ns > 0)
        rc = brd_host_source_add (self->host, &self->watchdog);
    brd_host_unlock (self->host);
    return rc;
}

// --- Its life --------------------------------------------------------------

static int
s_listen (s_broker_t *self)
{
    const brd_broker_standing_t *options = self->options;
    const brd_wan_listen_options_t listen = {
        .address = options->listen,
        .pair = self->pair,
        .book = self->book,
        .joined = s_joined,
        .arg = self,
        // Who only looks has room besides.
        .sessions_max = options->hosts_max + options->clients_max + 16,
        .strangers_max = options->strangers_max,
        .time_scale = self->scale,
    };
    brd_broker_keys_options_t keys = { .folder = options->keys,
                                       .addresses = options->addresses,
                                       .lasts_s = options->lasts_s };
    self->listen = brd_wan_listen_new (&listen);
    if (!self->listen)
        return -1;
    if (keys.addresses.n_addresses == 0)
        brd_broker_address_set (&keys.addresses,
                                brd_wan_listen_address (self->listen));
    return brd_broker_keys_strings (&keys, &self->pair, self->book);
}

static size_t
s_free_hosts (void *arg)
{
    return brd_broker_pools_free (arg);
}

static int
s_open (s_broker_t *self)
{
    self->signals.fd = brd_tool_catch_end ();
    if (self->signals.fd < 0 || brd_scale_read (&self->scale) < 0
        || brd_broker_keys_open (self->options->keys, &self->pair) < 0
        || brd_runtime_start (NULL) < 0)
        return -1;
    self->host = brd_runtime_host ();
    self->book = brd_token_new ();
    if (!self->host || !self->book)
        return -1;
    self->pools = brd_broker_pools_new (self->host, self->scale);
    self->ask = brd_ask_new (self->host, self->options->listen);
    if (!self->pools || !self->ask || s_listen (self) < 0)
        return -1;
    brd_ask_set_free (self->ask, s_free_hosts, self->pools);
    // Without a door it works all the same.
    if (brd_ask_open_door (self->ask) < 0)
        brd_log (BROOD_LOG_WARNING, "%s", brd_error_get ()->text);
    return s_add_sources (self);
}

static int
s_is_told (void *arg)
{
    return ((const s_broker_t *) arg)->is_told;
}

static void
s_say (const s_broker_t *self)
{
    char state[512];
    const char *address = brd_wan_listen_address (self->listen);
    snprintf (
        state, sizeof state, "READY=1\nSTATUS=listening at %.300s\n", address);
    fprintf (stdout, "%s\n", address);
    (void) fflush (stdout);
    brd_notify (state);
}

static void
s_end (s_broker_t *self)
{
    brd_notify ("STOPPING=1");
    brd_ask_destroy (&self->ask);
    const int rc = brd_broker_pools_end (self->pools);
    const int64_t deadline = brd_clock_deadline (BRD_BROKER_END_MS);
    int64_t now = brd_clock_now ();
    brd_host_lock (self->host);
    while (!brd_wan_listen_settled (self->listen) && now < deadline) {
        (void) poll (NULL, 0, 5);
        now = brd_clock_now ();
        brd_wan_listen_turn (self->listen, now);
    }
    if (rc < 0) {
        // A thread that still serves has the host in use.
        (void) fflush (NULL);
        _exit (TOOL_OK);
    }
    brd_host_source_remove (self->host, &self->listening);
    brd_host_source_remove (self->host, &self->signals);
    if (self->watchdog_ns > 0)
        brd_host_source_remove (self->host, &self->watchdog);
    brd_host_unlock (self->host);
    brd_broker_pools_destroy (&self->pools);
    brd_wan_listen_destroy (&self->listen);
    brd_token_destroy (&self->book);
    brd_curve_wipe (&self->pair);
    brd_sys_close (&self->signals.fd);
}

int
brd_broker_standing (const brd_broker_standing_t *options)
{
    static s_broker_t self;
    self.options = options;
    // Who comes and goes, unless BROOD_LOG asks for something else.
    if (!getenv ("BROOD_LOG"))
        brood_log_set (BROOD_LOG_INFO, NULL, NULL);
    if (s_open (&self) < 0)
        return brd_tool_fail ("broker");
    s_say (&self);
    while (brd_host_wait (self.host, s_is_told, &self, BRD_NEVER) < 0
           && errno == EINTR)
        continue;
    s_end (&self);
    return TOOL_OK;
}
