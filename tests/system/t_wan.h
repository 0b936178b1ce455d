// t_wan.h - both ends of sessions between hosts, and what lies between them
//
// SPDX-License-Identifier: MPL-2.0
//
// One thread makes the turns of all of them, and sleeps just as long as they
// say. Messages are numbered, so that each end notices when one is lost, comes
// twice or out of order.
//
//     t_wan_t wan;
//     t_wan_open (&wan, 1.0);
//     int one = t_wan_join (&wan, t_wan_token (&wan, BRD_JOIN_BELOW, 1));
//     t_wan_send (&wan.dials[one], 100);
//     t_wan_until (&wan, check, n);

#ifndef T_WAN_H
#define T_WAN_H

#include "tests/t.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "base/brd_mem.h"
#include "transport/brd_wan.h"

enum {
    T_WAN_ENDS = 8,
    T_WAN_PAIRS = 64,
    T_WAN_SECONDS = 90,
    T_WAN_PIPE = 65536,
    // Far more than are made by who sleeps as long as it may, far less than by
    // who does not sleep.
    T_WAN_TURNS = 3000
};

// --- What lies between -----------------------------------------------------

// A connection to the proxy, and its own to the listener.
typedef struct {
    int fds[2];  // 0: to the dialling end
    int is_stalled[2];
    size_t at[2], size[2];  // Of what came by it and has not left
    unsigned char *bytes[2];
} t_wan_pair_t;

typedef struct {
    int fd;
    in_port_t port;
    in_port_t to;
    int is_shut;        // 1: who connects is hung up on
    int is_stalled[2];  // Those to come; [1]: what the listener says
    int accepted;
    t_wan_pair_t pairs[T_WAN_PAIRS];
} t_wan_proxy_t;

static inline int
t_wan_tcp (void)
{
    const int fd =
        socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true (fd >= 0);
    return fd;
}

static inline int
t_wan_connect (in_port_t port)
{
    const int fd = t_wan_tcp ();
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = port };
    at.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
    if (connect (fd, (struct sockaddr *) &at, sizeof at) < 0)
        assert_int_equal (errno, EINPROGRESS);
    return fd;
}

static inline t_wan_proxy_t *
t_wan_proxy_new (void)
{
    t_wan_proxy_t *self = calloc (1, sizeof *self);
    assert_non_null (self);
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t size = sizeof at;
    at.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
    self->fd = t_wan_tcp ();
    assert_int_equal (bind (self->fd, (struct sockaddr *) &at, size), 0);
    assert_int_equal (listen (self->fd, 64), 0);
    assert_int_equal (getsockname (self->fd, (struct sockaddr *) &at, &size),
                      0);
    self->port = at.sin_port;
    return self;
}

static inline void
t_wan_pair_end (t_wan_pair_t *self)
{
    for (int i = 0; i < 2 && self->bytes[0]; i++) {
        close (self->fds[i]);
        free (self->bytes[i]);
    }
    *self = (t_wan_pair_t){ .fds = { -1, -1 } };
}

// Ends all connections.
static inline void
t_wan_proxy_cut (t_wan_proxy_t *self)
{
    for (int i = 0; i < T_WAN_PAIRS; i++)
        t_wan_pair_end (&self->pairs[i]);
}

// From now on nothing passes that comes from there (0: the dialling end), or
// all that waited; on the connections there are, and those to come.
static inline void
t_wan_proxy_stall (t_wan_proxy_t *self, int from, int on)
{
    self->is_stalled[from] = on;
    for (int i = 0; i < T_WAN_PAIRS; i++)
        self->pairs[i].is_stalled[from] = on;
}

static inline void
t_wan_proxy_accept (t_wan_proxy_t *self)
{
    int fd;
    while ((fd = accept4 (self->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK))
           >= 0) {
        t_wan_pair_t *pair = self->pairs;
        self->accepted++;
        if (self->is_shut) {
            close (fd);
            continue;
        }
        while (pair->bytes[0])
            pair++;
        assert_true (pair < self->pairs + T_WAN_PAIRS);
        *pair = (t_wan_pair_t){ .fds = { fd, t_wan_connect (self->to) } };
        for (int i = 0; i < 2; i++) {
            pair->is_stalled[i] = self->is_stalled[i];
            pair->bytes[i] = malloc (T_WAN_PIPE);
            assert_non_null (pair->bytes[i]);
        }
    }
}

// -1: the connection has ended.
static inline int
t_wan_pair_carry (t_wan_pair_t *self, int from)
{
    while (!self->is_stalled[from]) {
        if (self->size[from] == 0) {
            const ssize_t n =
                recv (self->fds[from], self->bytes[from], T_WAN_PIPE, 0);
            if (n == 0 || (n < 0 && errno != EAGAIN && errno != ENOTCONN))
                return -1;
            if (n < 0)
                return 0;
            self->size[from] = (size_t) n;
            self->at[from] = 0;
        }
        const ssize_t n = send (self->fds[!from],
                                self->bytes[from] + self->at[from],
                                self->size[from],
                                MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != ENOTCONN)
            return -1;
        if (n < 0)
            return 0;
        self->at[from] += (size_t) n;
        self->size[from] -= (size_t) n;
    }
    return 0;
}

static inline void
t_wan_proxy_turn (t_wan_proxy_t *self)
{
    t_wan_proxy_accept (self);
    for (int i = 0; i < T_WAN_PAIRS; i++) {
        t_wan_pair_t *pair = &self->pairs[i];
        if (pair->bytes[0]
            && (t_wan_pair_carry (pair, 0) < 0
                || t_wan_pair_carry (pair, 1) < 0))
            t_wan_pair_end (pair);
    }
}

static inline nfds_t
t_wan_proxy_poll (const t_wan_proxy_t *self, struct pollfd *fds)
{
    nfds_t n = 0;
    fds[n++] = (struct pollfd){ .fd = self->fd, .events = POLLIN };
    for (int i = 0; i < T_WAN_PAIRS; i++) {
        const t_wan_pair_t *pair = &self->pairs[i];
        for (int from = 0; from < 2 && pair->bytes[0]; from++) {
            if (pair->is_stalled[from])
                continue;
            const int waits = pair->size[from] > 0;
            fds[n].fd = pair->fds[waits ? !from : from];
            fds[n++].events = waits ? POLLOUT : POLLIN;
        }
    }
    return n;
}

static inline void
t_wan_proxy_free (t_wan_proxy_t *self)
{
    if (!self)
        return;
    t_wan_proxy_cut (self);
    close (self->fd);
    free (self);
}

// --- Both ends -------------------------------------------------------------

typedef struct {
    brd_wan_dial_t *dial;  // NULL: of the listener
    brd_peer_t *peer;
    brd_hello_who_t who;
    uint64_t sent;
    uint64_t got;
    int is_deaf;  // 1: it receives nothing
    int is_gone;
    int64_t gone_at;
} t_wan_end_t;

typedef struct {
    double scale;
    int turns;         // So far
    int patience_s;    // Of t_wan_until (); 0: T_WAN_SECONDS
    int is_asleep[2];  // 1: makes no turns; [0]: the dialling end
    int sleep_ms;      // At most; 0: as long as they say
    brd_curve_t pair;
    brd_token_book_t *book;
    brd_wan_listen_t *listen;
    brd_hello_who_t wanted;  // Its build counts
    const char *refuses;     // What joined () says
    uint64_t cap_bytes;
    t_wan_proxy_t *proxy;
    brd_hello_who_t who;
    t_wan_end_t dials[T_WAN_ENDS];
    int n_dials;
    t_wan_end_t sessions[T_WAN_ENDS];
    int n_sessions;
} t_wan_t;

static inline const char *
t_wan_joined (void *arg, brd_peer_t *peer, const brd_hello_who_t *who)
{
    t_wan_t *self = arg;
    assert_int_equal (peer->fd, -1);
    if (self->refuses)
        return self->refuses;
    assert_true (self->n_sessions < T_WAN_ENDS);
    self->sessions[self->n_sessions++] =
        (t_wan_end_t){ .peer = peer, .who = *who };
    return NULL;
}

static inline void
t_wan_listen (t_wan_t *self)
{
    self->listen = brd_wan_listen_new (
        &(brd_wan_listen_options_t){ .address = "tcp://127.0.0.1:0",
                                     .pair = self->pair,
                                     .book = self->book,
                                     .build = self->wanted.build,
                                     .build_size = self->wanted.build_size,
                                     .joined = t_wan_joined,
                                     .arg = self,
                                     .sessions_max = 4,
                                     .strangers_max = 16,
                                     .time_scale = self->scale,
                                     .cap_bytes = self->cap_bytes });
    if (!self->listen)
        fail_msg ("%s", brd_error_get ()->text);
    const char *colon = strrchr (brd_wan_listen_address (self->listen), ':');
    if (self->proxy)
        self->proxy->to = htons ((uint16_t) strtol (colon + 1, NULL, 10));
}

static inline void
t_wan_open (t_wan_t *self, double scale)
{
    *self = (t_wan_t){ .scale = scale };
    self->who = (brd_hello_who_t){ .slots = 3,
                                   .pid = (uint32_t) getpid (),
                                   .build_size = 4,
                                   .build = "abcd",
                                   .host = "node7" };
    assert_int_equal (brd_curve_make (&self->pair), 0);
    self->book = brd_token_new ();
    assert_non_null (self->book);
    self->proxy = t_wan_proxy_new ();
    t_wan_listen (self);
}

static inline void
t_wan_close (t_wan_t *self)
{
    for (int i = 0; i < self->n_dials; i++)
        brd_wan_dial_destroy (&self->dials[i].dial);
    brd_wan_listen_destroy (&self->listen);
    brd_token_destroy (&self->book);
    t_wan_proxy_free (self->proxy);
    brd_zmq_term ();
}

// A join string for the listener, which lies behind the proxy; of a token that
// no book has, if n_uses is 0.
static inline brd_join_t
t_wan_token (t_wan_t *self, brd_join_role_t role, int n_uses)
{
    brd_join_t join = { .role = role, .n_addresses = 1 };
    brd_curve_t token;
    assert_int_equal (brd_curve_make (&token), 0);
    memcpy (join.key, self->pair.public_key, BRD_JOIN_KEY);
    memcpy (join.token, token.secret_key, BRD_JOIN_TOKEN);
    snprintf (join.addresses[0],
              sizeof join.addresses[0],
              "tcp://127.0.0.1:%d",
              ntohs (self->proxy->port));
    if (n_uses > 0)
        assert_int_equal (
            brd_token_add (self->book, token.public_key, role, n_uses, 0), 0);
    return join;
}

// The number of the new end, which is as who says.
static inline int
t_wan_join (t_wan_t *self, brd_join_t join)
{
    brd_wan_dial_options_t options = { .join = &join,
                                       .who = self->who,
                                       .time_scale = self->scale,
                                       .cap_bytes = self->cap_bytes };
    options.who.role = join.role;
    assert_true (self->n_dials < T_WAN_ENDS);
    t_wan_end_t *end = &self->dials[self->n_dials];
    *end = (t_wan_end_t){ .dial = brd_wan_dial_new (&options) };
    if (!end->dial)
        fail_msg ("%s", brd_error_get ()->text);
    end->peer = brd_wan_dial_peer (end->dial);
    assert_true (end->peer->fd >= 0);
    return self->n_dials++;
}

// --- Messages --------------------------------------------------------------

// The next, of this size.
static inline int
t_wan_send (t_wan_end_t *self, size_t size)
{
    brd_buf_t out;
    brd_buf_init (&out, (size_t) 1 << 30);
    unsigned char *bytes = brd_buf_reserve (&out, size);
    assert_true (bytes && size >= sizeof self->sent);
    memset (bytes, (int) (self->sent & 255), size);
    memcpy (bytes, &self->sent, sizeof self->sent);
    out.size = size;
    const int rc = self->peer->send (self->peer, &out);
    const int error = errno;
    assert_int_equal (out.size, rc == 0 ? 0 : size);
    brd_buf_fini (&out);
    self->sent += rc == 0;
    errno = error;
    return rc;
}

static inline void
t_wan_check (t_wan_end_t *self, const unsigned char *bytes, size_t size)
{
    uint64_t number;
    assert_true (size >= sizeof number);
    memcpy (&number, bytes, sizeof number);
    assert_int_equal (number, self->got);
    for (size_t i = sizeof number; i < size; i++)
        if (bytes[i] != (number & 255))
            fail_msg ("message %d has a wrong byte", (int) number);
    self->got++;
}

static inline void
t_wan_take (t_wan_end_t *self)
{
    const void *bytes;
    size_t size;
    if (!self->peer || self->is_deaf || self->is_gone)
        return;
    while (self->peer->recv (self->peer, &bytes, &size) == 0) {
        t_wan_check (self, bytes, size);
        self->peer->done (self->peer);
    }
    if (errno == EAGAIN)
        return;
    assert_int_equal (errno, EPIPE);
    self->is_gone = 1;
    self->gone_at = brd_clock_now ();
}

static inline void
t_wan_destroy (t_wan_end_t *self)
{
    self->peer->destroy (self->peer);
    self->peer = NULL;
}

// --- Turns -----------------------------------------------------------------

static inline void
t_wan_turn (t_wan_t *self)
{
    self->turns++;
    t_wan_proxy_turn (self->proxy);
    if (self->listen && !self->is_asleep[1])
        brd_wan_listen_turn (self->listen, brd_clock_now ());
    for (int i = 0; i < self->n_sessions && !self->is_asleep[1]; i++)
        t_wan_take (&self->sessions[i]);
    for (int i = 0; i < self->n_dials && !self->is_asleep[0]; i++) {
        t_wan_end_t *end = &self->dials[i];
        if (end->peer)
            end->peer->turn (end->peer, brd_clock_now ());
        else
            brd_wan_dial_turn (end->dial, brd_clock_now ());
        t_wan_take (end);
    }
}

static inline int64_t
t_wan_due (t_wan_t *self, int64_t due)
{
    const int64_t now = brd_clock_now ();
    if (self->listen && !self->is_asleep[1]) {
        const int64_t at = brd_wan_listen_due (self->listen, now);
        due = at < due ? at : due;
    }
    for (int i = 0; i < self->n_dials && !self->is_asleep[0]; i++) {
        t_wan_end_t *end = &self->dials[i];
        const int64_t at = end->peer ? end->peer->due (end->peer, now)
                                     : brd_wan_dial_due (end->dial, now);
        due = at < due ? at : due;
    }
    return due;
}

static inline void
t_wan_sleep (t_wan_t *self, int64_t deadline)
{
    struct pollfd fds[2 * T_WAN_PAIRS + 1 + T_WAN_ENDS + 1];
    const int64_t soon = brd_clock_deadline (self->sleep_ms);
    if (self->sleep_ms > 0 && soon < deadline)
        deadline = soon;
    nfds_t n = t_wan_proxy_poll (self->proxy, fds);
    if (self->listen && !self->is_asleep[1])
        fds[n++] = (struct pollfd){ .fd = brd_wan_listen_fd (self->listen),
                                    .events = POLLIN };
    for (int i = 0; i < self->n_dials && !self->is_asleep[0]; i++)
        if (self->dials[i].peer)
            fds[n++] = (struct pollfd){ .fd = self->dials[i].peer->fd,
                                        .events = POLLIN };
    (void) poll (fds, n, brd_clock_left_ms (t_wan_due (self, deadline)));
}

// Turns until check (self, n) is not 0, and returns that; 0 after a long time,
// even if it was slept through.
static inline int
t_wan_until (t_wan_t *self, int (*check) (t_wan_t *, int), int n)
{
    const int seconds = self->patience_s ? self->patience_s : T_WAN_SECONDS;
    const int64_t deadline = brd_clock_deadline (seconds * 1000);
    while (brd_clock_now () < deadline) {
        t_wan_turn (self);
        const int result = check (self, n);
        if (result)
            return brd_clock_now () < deadline ? result : 0;
        t_wan_sleep (self, deadline);
    }
    return 0;
}

// Some turns, with time for what lies between.
static inline void
t_wan_pass (t_wan_t *self, int n)
{
    for (int i = 0; i < n; i++) {
        t_wan_turn (self);
        t_wan_sleep (self, brd_clock_deadline (5));
    }
}

// --- What may be waited for ------------------------------------------------

static inline brd_wan_state_t
t_wan_state (t_wan_end_t *self)
{
    return brd_wan_line_state (self->peer, brd_clock_now ());
}

// Dial n and as many sessions as there are.
static inline int
t_wan_is_up (t_wan_t *self, int n)
{
    for (int i = 0; i < self->n_sessions; i++)
        if (self->sessions[i].peer && !self->sessions[i].is_gone
            && t_wan_state (&self->sessions[i]) != BRD_WAN_UP)
            return 0;
    return self->n_sessions > 0 && t_wan_state (&self->dials[n]) == BRD_WAN_UP;
}

static inline int
t_wan_dial_is_gone (t_wan_t *self, int n)
{
    return self->dials[n].is_gone;
}

static inline int
t_wan_session_is_gone (t_wan_t *self, int n)
{
    return self->sessions[n].is_gone;
}

// All that dial and session n have sent each other is there.
static inline int
t_wan_has_all (t_wan_t *self, int n)
{
    const t_wan_end_t *dial = &self->dials[n], *session = &self->sessions[n];
    return n < self->n_sessions && session->got == dial->sent
           && dial->got == session->sent;
}

// Both ends of session n.
static inline int
t_wan_is_silent (t_wan_t *wan, int n)
{
    brd_peer_t *dial = wan->dials[n].peer, *session = wan->sessions[n].peer;
    const int64_t now = brd_clock_now ();
    assert_false (wan->dials[n].is_gone || wan->sessions[n].is_gone);
    return dial->silent (dial, now) && session->silent (session, now);
}

// One that is up.
static inline int
t_wan_meet (t_wan_t *self, brd_join_t join)
{
    const int n = t_wan_join (self, join);
    if (!t_wan_until (self, t_wan_is_up, n))
        fail_msg ("%s", brd_wan_dial_why (self->dials[n].dial));
    return n;
}

static inline brd_wan_stats_t
t_wan_stats (const t_wan_t *self)
{
    brd_wan_stats_t stats;
    brd_wan_listen_stats (self->listen, &stats);
    return stats;
}

#endif  // T_WAN_H
