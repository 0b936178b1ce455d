// brd_tcp_dial.c - the end of a link between hosts that dials
//
// SPDX-License-Identifier: MPL-2.0
//
//     DIALLING --due--> dial --handshake--> UP --connection lost--> DIALLING
//                        |                                          (later)
//                        `--no, or three times nothing--> REFUSED
//                           and never up before
//
// Each attempt has a socket of its own, and with it a new id and nothing left
// of the attempt before: libzmq would connect again by itself, under the same
// id, which the listener may still hold for alive; with jitter that is the same
// in every process of a brood; and for ever, whatever the other end says. It
// would also look up names in its I/O thread, and tell nobody when there is no
// such host.
//
// Read brd_tcp_listen.c next.

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_mem.h"
#include "base/brd_sys.h"
#include "transport/brd_endpoint.h"
#include "transport/brd_tcp_private.h"

enum {
    S_AGAIN_MS = 100,       // After the first failure
    S_AGAIN_MS_MAX = 5000,  // After many
    S_AGAIN_MS_MIN = 10,
    S_FAILED_MAX = 3,  // Handshakes in a row
    S_FULL_MS = 20,
    S_WHY_MAX = 512,  // As the text of an error
    S_NO = 400,       // What a listener answers to a key that may not come in
    S_NS_PER_MS = 1000000
};

struct brd_tcp_dial {
    brd_tcp_state_t state;
    brd_zmq_t *link;  // NULL between attempts
    brd_tcp_monitor_t monitor;
    int epoll;
    int is_full;     // 1: something could not be sent since the last turn
    int64_t since;   // When this attempt began, or was successful
    int64_t due;     // The next attempt, or the end of this one
    int n_attempts;  // Since it was up for a while
    int n_failed;    // Handshakes among them, in a row
    int next;        // Whose turn among the addresses
    int place;       // And among the places this name stands for
    uint64_t count;
    double time_scale;
    unsigned char key[BRD_CURVE_KEY];
    brd_curve_t pair;
    int n_addresses;
    char *addresses[BRD_TCP_ADDRESSES];
    char why[S_WHY_MAX];
};

static int
s_is_tcp (const char *address)
{
    return strncmp (address, "tcp://", 6) == 0;
}

brd_tcp_dial_t *
brd_tcp_dial_new (const brd_tcp_dial_options_t *options)
{
    brd_assert (options->n_addresses > 0
                && options->n_addresses <= BRD_TCP_ADDRESSES);
    brd_tcp_dial_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    self->time_scale = options->time_scale;
    self->pair = options->pair;
    memcpy (self->key, options->key, BRD_CURVE_KEY);
    self->epoll = brd_sys_epoll ();
    if (self->epoll < 0) {
        brd_error_system ("epoll");
        goto error;
    }
    for (int i = 0; i < options->n_addresses; i++) {
        const char *address = options->addresses[i];
        if (!s_is_tcp (address)) {
            brd_error_set (EINVAL, "%s: not a tcp:// address", address);
            goto error;
        }
        self->addresses[i] = brd_mem_strdup (address);
        if (!self->addresses[i])
            goto error;
        self->n_addresses++;
    }
    return self;

error:
    brd_tcp_dial_destroy (&self);
    return NULL;
}

static void
s_hang_up (brd_tcp_dial_t *self)
{
    if (!self->link)
        return;
    // libzmq closes them later, by threads of its own.
    (void) epoll_ctl (self->epoll, EPOLL_CTL_DEL, self->link->fd, NULL);
    if (self->monitor.pair)
        (void) epoll_ctl (self->epoll, EPOLL_CTL_DEL, self->monitor.fd, NULL);
    brd_tcp_monitor_fini (&self->monitor);
    brd_zmq_destroy (&self->link);
}

void
brd_tcp_dial_destroy (brd_tcp_dial_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    brd_tcp_dial_t *self = *self_p;
    const int saved_errno = errno;
    s_hang_up (self);
    brd_sys_close (&self->epoll);
    for (int i = 0; i < self->n_addresses; i++)
        brd_mem_free (self->addresses[i]);
    brd_curve_wipe (&self->pair);
    brd_mem_free (self);
    *self_p = NULL;
    errno = saved_errno;
}

// --- One attempt -----------------------------------------------------------

// The place to connect to now, as libzmq wants it: digits.
static int
s_endpoint (brd_tcp_dial_t *self, char *ret, size_t size, int *ret_is_v6)
{
    brd_endpoint_t place;
    char host[64], port[16];
    const char *address = self->addresses[self->next];
    if (brd_endpoint_parse (&place, address, 0) < 0)
        return -1;
    if (self->place >= place.n_places)
        self->place = 0;
    const struct sockaddr *at =
        (const struct sockaddr *) &place.places[self->place];
    const int code = getnameinfo (at,
                                  place.sizes[self->place],
                                  host,
                                  sizeof host,
                                  port,
                                  sizeof port,
                                  NI_NUMERICHOST | NI_NUMERICSERV);
    if (code != 0)
        return brd_error_set (EINVAL, "%s: %s", address, gai_strerror (code));
    *ret_is_v6 = at->sa_family == AF_INET6;
    snprintf (
        ret, size, *ret_is_v6 ? "tcp://[%s]:%s" : "tcp://%s:%s", host, port);
    // The next attempt goes to the next place, then to the next address.
    if (++self->place >= place.n_places) {
        self->place = 0;
        self->next = (self->next + 1) % self->n_addresses;
    }
    return 0;
}

static int
s_watch (brd_tcp_dial_t *self, int fd)
{
    struct epoll_event event = { .events = EPOLLIN };
    if (epoll_ctl (self->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        return brd_error_system ("epoll_ctl");
    return 0;
}

static int
s_dial (brd_tcp_dial_t *self)
{
    // IMMEDIATE: what is sent waits for nobody who is not there.
    static const brd_zmq_option_t dealer[] = {
        { ZMQ_IMMEDIATE, 1 },
        { ZMQ_RECONNECT_IVL, -1 },
        { 0, 0 },
    };
    char endpoint[128];
    unsigned char id[BRD_TCP_ID];
    int is_v6 = 0;
    if (s_endpoint (self, endpoint, sizeof endpoint, &is_v6) < 0)
        return -1;
    if (brd_sys_random (id, sizeof id) < 0)
        return brd_error_system ("getrandom");
    // 0 begins the names a ROUTER gives.
    id[0] |= 1;
    self->link = brd_zmq_link_new (ZMQ_DEALER, dealer);
    if (!self->link)
        return -1;
    void *socket = self->link->socket;
    if (brd_tcp_common_secure (socket, &self->pair, self->key, self->time_scale)
            < 0
        || brd_tcp_monitor_init (&self->monitor, socket, ZMQ_EVENT_ALL) < 0
        || s_watch (self, self->link->fd) < 0
        || s_watch (self, self->monitor.fd) < 0)
        return -1;
    if (brd_zmq_call_setsockopt (socket, ZMQ_ROUTING_ID, id, sizeof id) < 0
        || brd_zmq_set (socket, ZMQ_IPV6, is_v6) < 0
        || brd_zmq_call_connect (socket, endpoint) < 0)
        return brd_zmq_fail (endpoint);
    return 0;
}

// --- What becomes of it ----------------------------------------------------

static int64_t
s_scaled (const brd_tcp_dial_t *self, int ms, int floor_ms)
{
    return (int64_t) S_NS_PER_MS
           * brd_tcp_common_ms (ms, self->time_scale, floor_ms);
}

static int64_t
s_handshake (const brd_tcp_dial_t *self)
{
    return s_scaled (self, BRD_TCP_HANDSHAKE_MS, BRD_TCP_MS_MIN);
}

static void
s_say (brd_tcp_dial_t *self, const char *what)
{
    snprintf (self->why, sizeof self->why, "%s", what);
}

void
brd_tcp_dial_stop (brd_tcp_dial_t *self)
{
    s_hang_up (self);
    self->state = BRD_TCP_REFUSED;
    self->due = BRD_NEVER;
}

// Tries again later: twice as late each time, and never together with others
// that lost the same listener.
static void
s_again (brd_tcp_dial_t *self, int64_t now)
{
    uint32_t dice = 0;
    if (self->n_failed >= S_FAILED_MAX) {
        brd_tcp_dial_stop (self);
        return;
    }
    s_hang_up (self);
    // One that is let in and sent away at once does not call for more of it.
    if (self->state == BRD_TCP_UP
        && now - self->since >= s_scaled (self, S_AGAIN_MS_MAX, 0))
        self->n_attempts = 0;
    self->state = BRD_TCP_DIALLING;
    int ms = S_AGAIN_MS;
    for (int i = 0; i < self->n_attempts && ms < S_AGAIN_MS_MAX; i++)
        ms *= 2;
    if (ms > S_AGAIN_MS_MAX)
        ms = S_AGAIN_MS_MAX;
    self->n_attempts++;
    // Without random numbers there is still a time.
    (void) brd_sys_random (&dice, sizeof dice);
    const int64_t half = s_scaled (self, ms, S_AGAIN_MS_MIN) / 2;
    self->due = now + half + (int64_t) dice % half;
}

void
brd_tcp_dial_again (brd_tcp_dial_t *self, int64_t now, const char *why)
{
    if (!self->link)
        return;
    s_say (self, why);
    s_again (self, now);
}

static void
s_come_up (brd_tcp_dial_t *self, int64_t now)
{
    self->state = BRD_TCP_UP;
    self->since = now;
    self->due = BRD_NEVER;
    self->count++;
    self->n_failed = 0;
    self->why[0] = '\0';
}

// The handshake came to nothing. Who has no time for it hangs up late; at once,
// who cannot read what we say.
static void
s_fail (brd_tcp_dial_t *self, int64_t now)
{
    if (now - self->since >= s_handshake (self) / 2) {
        s_say (self, "no answer");
        return;
    }
    // A listener that has proven its key once is still there for all we know:
    // what hangs up so is a tunnel without it behind.
    if (self->count == 0)
        self->n_failed++;
    s_say (self,
           "the other end hung up while keys were exchanged: it has another "
           "key than the join string says, or is no broker");
}

// One event; 1 if the connection has ended.
static int
s_event (brd_tcp_dial_t *self, int event, int value, int64_t now)
{
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        s_come_up (self, now);
        return 0;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        if (value == S_NO) {
            s_say (self,
                   "the broker does not let this key in: the join string is "
                   "used up, expired or withdrawn");
            self->n_failed = S_FAILED_MAX;
        }
        else
            s_say (self, "the broker has nobody who looks at keys");
        return 1;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        s_fail (self, now);
        return 1;
    case ZMQ_EVENT_CLOSED:
        s_say (self, "nobody listens there, or the way there is closed");
        return 1;
    case ZMQ_EVENT_DISCONNECTED:
        s_say (self, "the connection was lost");
        return 1;
    default:
        return 0;
    }
}

brd_tcp_state_t
brd_tcp_dial_turn (brd_tcp_dial_t *self, int64_t now)
{
    int event, value, ended = 0;
    self->is_full = 0;
    while (self->link && !ended
           && brd_tcp_monitor_next (&self->monitor, &event, &value))
        ended = s_event (self, event, value, now);
    if (self->link && !ended && now >= self->due) {
        s_say (self, "no answer");
        ended = 1;
    }
    if (ended)
        s_again (self, now);
    if (!self->link && self->state == BRD_TCP_DIALLING && now >= self->due) {
        self->since = now;
        self->due = now + s_handshake (self);
        if (s_dial (self) < 0) {
            s_say (self, brd_error_get ()->text);
            s_again (self, now);
        }
    }
    return self->state;
}

int64_t
brd_tcp_dial_due (brd_tcp_dial_t *self, int64_t now)
{
    // The bell of what waits may have been used up by what was sent.
    if (self->link && brd_zmq_ready (self->link))
        return now;
    if (self->is_full && self->due > now + S_FULL_MS * (int64_t) S_NS_PER_MS)
        return now + S_FULL_MS * (int64_t) S_NS_PER_MS;
    return self->due;
}

int
brd_tcp_dial_fd (const brd_tcp_dial_t *self)
{
    return self->epoll;
}

const char *
brd_tcp_dial_why (const brd_tcp_dial_t *self)
{
    return self->why;
}

uint64_t
brd_tcp_dial_count (const brd_tcp_dial_t *self)
{
    return self->count;
}

// --- Packets ---------------------------------------------------------------

int
brd_tcp_dial_send (brd_tcp_dial_t *self, brd_buf_t *out)
{
    if (self->state != BRD_TCP_UP)
        return brd_error_set (EHOSTUNREACH, "not connected");
    const int rc = brd_tcp_common_send (self->link->socket, out);
    self->is_full |= rc < 0 && errno == EAGAIN;
    return rc;
}

int
brd_tcp_dial_recv (brd_tcp_dial_t *self, brd_zmq_msg_t *ret_msg)
{
    errno = EAGAIN;
    while (self->link && brd_zmq_take (self->link, 0, ret_msg) == 0) {
        // An empty one is what is left of one that could not be sent.
        if (ret_msg->size > 0)
            return 0;
        brd_zmq_msg_done (ret_msg);
        errno = EAGAIN;
    }
    return -1;
}
