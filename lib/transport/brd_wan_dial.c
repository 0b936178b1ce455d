// brd_wan_dial.c - the end of a session that dials
//
// SPDX-License-Identifier: MPL-2.0
//
//     connection --HELLO--> WELCOME --> packets --lost--> connection ...
//                           REFUSED --> over
//
// Whether the other end is there is known by the channel alone. tcp does not
// notice what is between and swallows all: so a connection on which nobody was
// reached for the suspect time is given up for another.
//
// Read next: brd_wan_listen.c.

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_mem.h"
#include "base/brd_sys.h"
#include "transport/brd_wan_private.h"

struct brd_wan_dial {
    brd_wan_line_t line;  // First
    brd_tcp_dial_t *tcp;
    brd_hello_t hello;  // Its peer is 0 until a WELCOME has come
    brd_buf_t out;
    uint64_t count;  // The connection it was said on
    int64_t since;   // And when
    int is_up;       // 1: that connection is there
    int is_stopped;  // 1: it is over, and nothing is done any more
};

static brd_wan_dial_t *
s_dial (brd_peer_t *peer)
{
    return (brd_wan_dial_t *) (void *) peer;
}

static void
s_turn (brd_peer_t *peer, int64_t now)
{
    brd_wan_dial_turn (s_dial (peer), now);
}

static int64_t
s_due (brd_peer_t *peer, int64_t now)
{
    return brd_wan_dial_due (s_dial (peer), now);
}

static int
s_carry (brd_wan_line_t *line, brd_buf_t *out)
{
    return brd_tcp_dial_send (((brd_wan_dial_t *) (void *) line)->tcp, out);
}

// --- Making one ------------------------------------------------------------

// A HELLO that its own decoder takes is one the listener takes.
static int
s_check_hello (const brd_hello_t *hello)
{
    unsigned char bytes[BRD_HELLO_SIZE_MAX];
    brd_hello_t back;
    const brd_hello_who_t *who = &hello->who;
    if (who->build_size > BRD_HELLO_BUILD_MAX)
        return brd_error_set (EINVAL, "a build-id is not that long");
    if (who->lease_ms < BRD_WAN_LEASE_MS_MIN
        || who->lease_ms > BRD_WAN_LEASE_MS_MAX)
        return brd_error_set (EINVAL,
                              "a lease is %d to %d ms",
                              BRD_WAN_LEASE_MS_MIN,
                              BRD_WAN_LEASE_MS_MAX);
    if (brd_hello_get (bytes, brd_hello_put (bytes, hello), &back) < 0)
        return brd_error_set (EINVAL, "who joins: %s", brd_error_get ()->text);
    return 0;
}

static int
s_init_hello (brd_wan_dial_t *self, const brd_wan_dial_options_t *options)
{
    brd_hello_t *hello = &self->hello;
    if (options->join->role != options->who.role)
        return brd_error_set (EINVAL, "this join string is for another role");
    hello->type = BRD_HELLO_HELLO;
    hello->version = BRD_HELLO_VERSION;
    hello->who = options->who;
    hello->who.scale_millionths = brd_wan_line_millionths (options->time_scale);
    if (hello->who.lease_ms == 0)
        hello->who.lease_ms = BRD_WAN_LEASE_MS;
    if (brd_sys_random (hello->session, sizeof hello->session) < 0)
        return brd_error_system ("getrandom");
    if (brd_wan_line_epoch (&hello->epoch) < 0)
        return -1;
    return s_check_hello (hello);
}

static brd_tcp_dial_t *
s_tcp (const brd_wan_dial_options_t *options)
{
    const char *addresses[BRD_JOIN_ADDRESSES];
    const brd_join_t *join = options->join;
    brd_tcp_dial_options_t tcp = { .addresses = addresses,
                                   .n_addresses = join->n_addresses,
                                   .time_scale = options->time_scale };
    for (int i = 0; i < join->n_addresses; i++)
        addresses[i] = join->addresses[i];
    memcpy (tcp.key, join->key, BRD_CURVE_KEY);
    brd_tcp_dial_t *dial = NULL;
    if (brd_curve_of_secret (join->token, &tcp.pair) == 0)
        dial = brd_tcp_dial_new (&tcp);
    brd_curve_wipe (&tcp.pair);
    return dial;
}

brd_wan_dial_t *
brd_wan_dial_new (const brd_wan_dial_options_t *options)
{
    brd_assert (options->join->n_addresses > 0
                && options->join->n_addresses <= BRD_JOIN_ADDRESSES);
    brd_wan_dial_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    if (s_init_hello (self, options) < 0
        || brd_wan_line_init (&self->line,
                              self->hello.epoch,
                              self->hello.who.lease_ms,
                              options->time_scale,
                              options->cap_bytes)
               < 0
        || brd_wan_line_out (&self->out) < 0)
        goto error;
    self->tcp = s_tcp (options);
    if (!self->tcp)
        goto error;
    self->line.carry = s_carry;
    self->line.peer.fd = brd_tcp_dial_fd (self->tcp);
    self->line.peer.turn = s_turn;
    self->line.peer.due = s_due;
    return self;

error:
    brd_wan_dial_destroy (&self);
    return NULL;
}

void
brd_wan_dial_destroy (brd_wan_dial_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    brd_wan_dial_t *self = *self_p;
    const int saved_errno = errno;
    brd_tcp_dial_destroy (&self->tcp);
    brd_wan_line_fini (&self->line);
    brd_buf_fini (&self->out);
    brd_mem_free (self);
    *self_p = NULL;
    errno = saved_errno;
}

brd_peer_t *
brd_wan_dial_peer (brd_wan_dial_t *self)
{
    return &self->line.peer;
}

// --- Its turns -------------------------------------------------------------

static void
s_say_hello (brd_wan_dial_t *self, int64_t now)
{
    unsigned char bytes[BRD_HELLO_SIZE_MAX];
    self->count = brd_tcp_dial_count (self->tcp);
    self->since = now;
    const size_t size = brd_hello_put (bytes, &self->hello);
    brd_assert (brd_buf_add (&self->out, bytes, size) == 0);
    if (brd_tcp_dial_send (self->tcp, &self->out) == 0)
        return;
    self->out.size = 0;
    self->is_up = 0;
    brd_tcp_dial_again (self->tcp, now, "it could not say who it is");
}

static void
s_connect (brd_wan_dial_t *self, int64_t now)
{
    const brd_tcp_state_t state = brd_tcp_dial_turn (self->tcp, now);
    const int is_new = self->count != brd_tcp_dial_count (self->tcp);
    self->is_up = state == BRD_TCP_UP;
    if (!self->is_up || is_new)
        self->line.is_connected = 0;
    if (self->is_up && is_new)
        s_say_hello (self, now);
    if (state != BRD_TCP_REFUSED)
        return;
    if (self->hello.peer == 0)
        brd_wan_line_end (
            &self->line, BRD_WAN_REFUSED, brd_tcp_dial_why (self->tcp));
    else
        brd_wan_line_end (&self->line,
                          BRD_WAN_STALE,
                          "the broker does not know this session any more");
}

static void
s_welcome (brd_wan_dial_t *self, uint64_t epoch, int64_t now)
{
    if (self->hello.peer != 0 && self->hello.peer != epoch) {
        brd_wan_line_end (
            &self->line, BRD_WAN_STALE, "the broker was restarted");
        return;
    }
    self->hello.peer = epoch;
    self->line.is_connected = 1;
    brd_channel_reconnected (self->line.channel, now);
}

// What is said to a HELLO.
static void
s_answer (brd_wan_dial_t *self, const brd_zmq_msg_t *msg, int64_t now)
{
    brd_hello_t answer;
    char why[BRD_WAN_WHY_MAX];
    int rc = brd_hello_get (msg->bytes, msg->size, &answer);
    if (rc == 0 && answer.type == BRD_HELLO_HELLO)
        rc = brd_error_set (EPROTO, "a HELLO, and it is the one to answer");
    if (rc < 0) {
        snprintf (
            why, sizeof why, "the broker: %.400s", brd_error_get ()->text);
        brd_wan_line_end (&self->line, BRD_WAN_BROKEN, why);
        return;
    }
    if (answer.type == BRD_HELLO_WELCOME) {
        s_welcome (self, answer.epoch, now);
        return;
    }
    snprintf (why, sizeof why, "the broker refuses: %s", answer.text);
    brd_wan_line_end (&self->line,
                      answer.reason == BRD_HELLO_OVER ? BRD_WAN_STALE
                                                      : BRD_WAN_REFUSED,
                      why);
}

static void
s_take (brd_wan_dial_t *self, int64_t now)
{
    brd_zmq_msg_t msg;
    for (int n = 0; n < BRD_WAN_PACKETS_MAX && !self->line.over; n++) {
        if (brd_tcp_dial_recv (self->tcp, &msg) < 0)
            break;
        if (self->line.is_connected)
            brd_wan_line_input (&self->line, now, msg.bytes, msg.size);
        else
            s_answer (self, &msg, now);
        brd_zmq_msg_done (&msg);
    }
}

// When this connection is given up; BRD_NEVER while somebody is reached by it.
static int64_t
s_patience (brd_wan_dial_t *self, int64_t now)
{
    if (!self->is_up
        || (self->line.is_connected
            && brd_wan_line_state (&self->line.peer, now) == BRD_WAN_UP))
        return BRD_NEVER;
    return self->since + self->line.suspect_ns;
}

static void
s_stop (brd_wan_dial_t *self)
{
    char why[BRD_WAN_WHY_MAX];
    const char *reason = brd_tcp_dial_why (self->tcp);
    if (self->is_up && self->hello.peer == 0)
        reason = "the broker does not answer";
    self->is_stopped = 1;
    if (self->line.over == BRD_WAN_LOST && reason[0] != '\0') {
        snprintf (why, sizeof why, "%.80s: %.400s", self->line.why, reason);
        memcpy (self->line.why, why, sizeof why);
    }
    brd_tcp_dial_stop (self->tcp);
}

void
brd_wan_dial_turn (brd_wan_dial_t *self, int64_t now)
{
    if (self->is_stopped)
        return;
    if (!self->line.over) {
        s_connect (self, now);
        s_take (self, now);
        brd_wan_line_pump (&self->line, now, &self->out);
        if (now >= s_patience (self, now)) {
            self->is_up = self->line.is_connected = 0;
            brd_tcp_dial_again (self->tcp, now, "the broker does not answer");
        }
    }
    if (self->line.over)
        s_stop (self);
}

int64_t
brd_wan_dial_due (brd_wan_dial_t *self, int64_t now)
{
    if (self->is_stopped)
        return BRD_NEVER;
    if (self->line.over)
        return now;
    const int64_t times[] = { brd_tcp_dial_due (self->tcp, now),
                              brd_wan_line_due (&self->line),
                              s_patience (self, now) };
    int64_t due = BRD_NEVER;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        due = times[i] < due ? times[i] : due;
    return due;
}

int
brd_wan_dial_settled (const brd_wan_dial_t *self)
{
    return brd_wan_line_settled (&self->line);
}

const char *
brd_wan_dial_why (const brd_wan_dial_t *self)
{
    return self->line.over ? self->line.why : brd_tcp_dial_why (self->tcp);
}
