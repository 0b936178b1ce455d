// broker_dial.c - between a program and a standing broker
//
// SPDX-License-Identifier: MPL-2.0
//
//     program --OPEN--> pool of one host, the standing broker
//                         dial (transport/brd_wan.h), to give work
//             <-SLOTS--   when that has some for this build
//     tasks, both ways    host_guest.c above, host_far.c below
//     program is gone --> so is this
//
// A link that breaks is gone on with; a broker that is lost or was restarted
// breaks the pool, which says so to the program.

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "client/brd_ticket.h"
#include "tools/ask.h"
#include "tools/broker.h"
#include "tools/tool.h"
#include "transport/brd_peer_fd.h"
#include "wire/brd_limits.h"

typedef struct {
    const brd_broker_given_t *given;
    const brd_place_t *place;
    double scale;
    brd_host_t *host;
    brd_host_pool_t *pool;
    brd_wan_dial_t *dial;
    int above;  // brd_broker_program_watch ()
} s_dial_t;

static int
s_dial (s_dial_t *self)
{
    brd_join_t join;
    brd_wan_dial_options_t options = {
        .join = &join,
        .time_scale = self->scale,
        .who = { .role = BRD_JOIN_ABOVE,
                 .slots = 1,
                 .pid = (uint32_t) getpid (),
                 .build_size = self->given->build_size },
    };
    brd_hello_who_t *who = &options.who;
    memcpy (who->build, self->given->build, self->given->build_size);
    if (gethostname (who->host, sizeof who->host - 1) < 0
        || who->host[0] == '\0')
        snprintf (who->host, sizeof who->host, "unknown");
    if (brd_ticket_of_place (self->place, BRD_JOIN_ABOVE, &join) < 0)
        return -1;
    self->dial = brd_wan_dial_new (&options);
    brd_join_wipe (&join);
    return self->dial ? 0 : -1;
}

// Or nobody waits for it any more.
static int
s_is_decided (void *arg)
{
    const s_dial_t *self = arg;
    return brd_host_pool_has_host (self->pool)
           || brd_broker_program_left (self->above);
}

// What the broker has to say of it, or what is wrong with the way there.
static brd_host_pool_t *
s_failed (const s_dial_t *self)
{
    const char *why = brd_wan_dial_why (self->dial);
    if (why[0] == '\0')
        why = brd_error_get ()->text;
    brd_error_set (EHOSTUNREACH,
                   "tcp://%.*s: %s",
                   (int) self->place->rest_size,
                   self->place->rest,
                   why);
    return NULL;
}

static brd_host_pool_t *
s_open (void *arg, const brd_wire_open_t *open)
{
    s_dial_t *self = arg;
    if (s_dial (self) < 0)
        return NULL;
    self->pool = brd_host_pool_open_hosts (
        self->host,
        &(brd_host_hosts_options_t){ .open = open, .only = 1, .remote = 1 });
    if (!self->pool)
        return NULL;
    brd_host_lock (self->host);
    const int rc =
        brd_host_pool_add_peer (self->pool, brd_wan_dial_peer (self->dial));
    brd_host_unlock (self->host);
    if (rc < 0)
        return NULL;
    while (brd_host_wait (self->host, s_is_decided, self, BRD_NEVER) < 0
           && errno == EINTR)
        continue;
    return brd_host_pool_check (self->pool) < 0 ? s_failed (self) : self->pool;
}

// That the program has left is the last thing to be heard there.
static void
s_end (s_dial_t *self)
{
    const int64_t deadline = brd_clock_deadline (BRD_BROKER_END_MS);
    int64_t now = brd_clock_now ();
    if (self->pool)
        brd_host_pool_end (self->pool);
    while (self->dial && !brd_wan_dial_settled (self->dial) && now < deadline) {
        brd_wan_dial_turn (self->dial, now);
        (void) poll (NULL, 0, 5);
        now = brd_clock_now ();
    }
}

int
brd_broker_dial (const brd_broker_given_t *given,
                 const brd_place_t *place,
                 brd_host_t *host,
                 double scale)
{
    static s_dial_t self;
    self = (s_dial_t){
        .given = given, .place = place, .host = host, .scale = scale
    };
    // Without somebody to answer questions it works all the same.
    brd_ask_t *ask = brd_ask_new (host, given->words[0]);
    if (ask && brd_ask_open_door (ask) < 0)
        brd_ask_destroy (&ask);
    self.above = brd_broker_program_watch (given);
    brd_peer_t *above = brd_peer_fd_new (given->fd, BRD_WIRE_SIZE_MAX);
    if (self.above < 0 || !above
        || brd_host_guest_serve (host, above, s_open, &self) < 0)
        return brd_tool_fail ("broker");
    if (ask)
        brd_ask_destroy (&ask);
    s_end (&self);
    return TOOL_OK;
}
