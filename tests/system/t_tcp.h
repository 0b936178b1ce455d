// t_tcp.h - both ends of a link between hosts, on loopback
//
// SPDX-License-Identifier: MPL-2.0
//
// One thread makes the turns of all of them:
//
//     t_tcp_t tcp;
//     t_tcp_open (&tcp, t_tcp_only, &key);
//     int one = t_tcp_dial (&tcp, &pair);
//     t_tcp_until (&tcp, t_tcp_is_up, one)

#ifndef T_TCP_H
#define T_TCP_H

#include "tests/t.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "transport/brd_tcp.h"

enum {
    T_TCP_DIALS = 16,
    T_TCP_SECONDS = 30
};

typedef struct t_tcp {
    brd_tcp_listen_t *listen;
    brd_curve_t listener;
    double time_scale;
    int sleep_ms;  // At most, between looks
    int is_deaf;   // 1: the listener makes no turns
    brd_tcp_dial_t *dials[T_TCP_DIALS];
    int n_dials;
    int n_got;                       // Packets the listener took
    unsigned char peer[BRD_TCP_ID];  // The last one's
    unsigned char key[BRD_CURVE_KEY];
    char got[64];
    int admits;  // 1: whoever says something is admitted
    int echoes;  // 1: and gets it back
} t_tcp_t;

static inline void
t_tcp_close (t_tcp_t *self)
{
    for (int i = 0; i < self->n_dials; i++)
        brd_tcp_dial_destroy (&self->dials[i]);
    brd_tcp_listen_destroy (&self->listen);
    brd_zmq_term ();
}

// Lets everybody in.
static inline int
t_tcp_anybody (void *arg,
               const unsigned char key[BRD_CURVE_KEY],
               const char *host)
{
    (void) arg;
    (void) key;
    return strcmp (host, "127.0.0.1") == 0 || strcmp (host, "::1") == 0;
}

static inline void
t_tcp_open_scaled (t_tcp_t *self,
                   brd_tcp_allow_fn *allow,
                   void *arg,
                   int peers_max,
                   int strangers_max,
                   double time_scale)
{
    *self = (t_tcp_t){
        .time_scale = time_scale, .sleep_ms = 10, .admits = 1, .echoes = 1
    };
    assert_int_equal (brd_curve_make (&self->listener), 0);
    self->listen = brd_tcp_listen_new (
        &(brd_tcp_listen_options_t){ .address = "tcp://127.0.0.1:0",
                                     .pair = self->listener,
                                     .allow = allow,
                                     .arg = arg,
                                     .peers_max = peers_max,
                                     .strangers_max = strangers_max,
                                     .time_scale = self->time_scale });
    if (!self->listen)
        fail_msg ("%s", brd_error_get ()->text);
}

static inline void
t_tcp_open (t_tcp_t *self,
            brd_tcp_allow_fn *allow,
            void *arg,
            int peers_max,
            int strangers_max)
{
    t_tcp_open_scaled (self, allow, arg, peers_max, strangers_max, 0.2);
}

// The number of the new end.
static inline int
t_tcp_dial_to (t_tcp_t *self,
               const char *address,
               const unsigned char *key,
               const brd_curve_t *pair)
{
    brd_tcp_dial_options_t options = { .addresses = &address,
                                       .n_addresses = 1,
                                       .pair = *pair,
                                       .time_scale = self->time_scale };
    memcpy (options.key, key, BRD_CURVE_KEY);
    brd_tcp_dial_t *dial = brd_tcp_dial_new (&options);
    assert_non_null (dial);
    assert_true (self->n_dials < T_TCP_DIALS);
    self->dials[self->n_dials] = dial;
    return self->n_dials++;
}

static inline int
t_tcp_dial (t_tcp_t *self, const brd_curve_t *pair)
{
    return t_tcp_dial_to (self,
                          brd_tcp_listen_address (self->listen),
                          self->listener.public_key,
                          pair);
}

static inline int
t_tcp_send (t_tcp_t *self, int dial, const void *bytes, size_t size)
{
    brd_buf_t out;
    brd_buf_init (&out, BRD_TCP_SIZE_MAX);
    assert_int_equal (brd_buf_add (&out, bytes, size), 0);
    const int rc = brd_tcp_dial_send (self->dials[dial], &out);
    assert_int_equal (out.size, rc == 0 ? 0 : size);
    const int error = errno;
    brd_buf_fini (&out);
    errno = error;
    return rc;
}

static inline int
t_tcp_answer (t_tcp_t *self, const void *bytes, size_t size)
{
    brd_buf_t out;
    brd_buf_init (&out, BRD_TCP_SIZE_MAX);
    assert_int_equal (brd_buf_add (&out, bytes, size), 0);
    const int rc = brd_tcp_listen_send (self->listen, self->peer, &out);
    const int error = errno;
    brd_buf_fini (&out);
    errno = error;
    return rc;
}

// When there is a turn to make, at the latest.
static inline int64_t
t_tcp_due (t_tcp_t *self)
{
    const int64_t now = brd_clock_now ();
    int64_t due = brd_clock_deadline (self->sleep_ms);
    if (self->listen && !self->is_deaf) {
        const int64_t at = brd_tcp_listen_due (self->listen, now);
        due = at < due ? at : due;
    }
    for (int i = 0; i < self->n_dials; i++) {
        const int64_t at = brd_tcp_dial_due (self->dials[i], now);
        due = at < due ? at : due;
    }
    return due;
}

// A turn of each.
static inline void
t_tcp_turns (t_tcp_t *self)
{
    brd_zmq_msg_t msg;
    if (self->listen && !self->is_deaf) {
        brd_tcp_listen_turn (self->listen, brd_clock_now ());
        while (brd_tcp_listen_recv (self->listen, &msg) == 0) {
            memcpy (self->peer, msg.peer, BRD_TCP_ID);
            brd_tcp_listen_key (&msg, self->key);
            const size_t size =
                msg.size < sizeof self->got ? msg.size : sizeof self->got - 1;
            memcpy (self->got, msg.bytes, size);
            self->got[size] = '\0';
            self->n_got++;
            if (self->admits)
                assert_int_equal (brd_tcp_listen_admit (self->listen, &msg), 0);
            if (self->echoes)
                (void) t_tcp_answer (self, msg.bytes, msg.size);
            brd_zmq_msg_done (&msg);
        }
    }
    for (int i = 0; i < self->n_dials; i++)
        (void) brd_tcp_dial_turn (self->dials[i], brd_clock_now ());
}

// Until the next is due.
static inline void
t_tcp_sleep (t_tcp_t *self)
{
    struct pollfd fds[T_TCP_DIALS + 1];
    nfds_t n = 0;
    if (self->listen && !self->is_deaf)
        fds[n++].fd = brd_tcp_listen_fd (self->listen);
    for (int i = 0; i < self->n_dials; i++)
        fds[n++].fd = brd_tcp_dial_fd (self->dials[i]);
    for (nfds_t i = 0; i < n; i++)
        fds[i].events = POLLIN;
    (void) poll (fds, n, brd_clock_left_ms (t_tcp_due (self)));
}

static inline void
t_tcp_turn (t_tcp_t *self)
{
    t_tcp_turns (self);
    t_tcp_sleep (self);
}

// Turns until check (self, n) is not 0, and returns that; 0 after a long time,
// even if it was slept through.
static inline int
t_tcp_until (t_tcp_t *self, int (*check) (t_tcp_t *, int), int n)
{
    const int64_t deadline = brd_clock_deadline (T_TCP_SECONDS * 1000);
    int result = check (self, n);
    while (!result && brd_clock_now () < deadline) {
        t_tcp_turns (self);
        result = check (self, n);
        if (!result)
            t_tcp_sleep (self);
    }
    return brd_clock_now () < deadline ? result : 0;
}

static inline int
t_tcp_is_up (t_tcp_t *self, int n)
{
    return brd_tcp_dial_turn (self->dials[n], brd_clock_now ()) == BRD_TCP_UP;
}

static inline int
t_tcp_is_refused (t_tcp_t *self, int n)
{
    return brd_tcp_dial_turn (self->dials[n], brd_clock_now ())
           == BRD_TCP_REFUSED;
}

static inline int
t_tcp_has_got (t_tcp_t *self, int n)
{
    return self->n_got >= n;
}

// Takes one packet; its size, or 0. For t_tcp_until ().
static inline int
t_tcp_has_echo (t_tcp_t *self, int n)
{
    brd_zmq_msg_t msg;
    if (brd_tcp_dial_recv (self->dials[n], &msg) < 0) {
        assert_int_equal (errno, EAGAIN);
        return 0;
    }
    const int size = (int) msg.size;
    brd_zmq_msg_done (&msg);
    return size;
}

static inline void
t_tcp_round_trip (t_tcp_t *self, int n)
{
    brd_tcp_stats_t stats;
    if (!t_tcp_until (self, t_tcp_is_up, n)) {
        brd_tcp_listen_stats (self->listen, &stats);
        fail_msg ("%s; %d peers, %d strangers, %sclosed",
                  brd_tcp_dial_why (self->dials[n]),
                  stats.peers,
                  stats.strangers,
                  stats.closed ? "" : "not ");
    }
    assert_int_equal (t_tcp_send (self, n, "hello", 5), 0);
    assert_int_equal (t_tcp_until (self, t_tcp_has_echo, n), 5);
}

static inline in_port_t
t_tcp_port (const t_tcp_t *self)
{
    const char *colon = strrchr (brd_tcp_listen_address (self->listen), ':');
    return htons ((uint16_t) strtol (colon + 1, NULL, 10));
}

// A plain socket.
static inline int
t_tcp_socket (void)
{
    const int fd =
        socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true (fd >= 0);
    return fd;
}

static inline void
t_tcp_connect (const t_tcp_t *self, int fd)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = t_tcp_port (self) };
    at.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
    if (connect (fd, (struct sockaddr *) &at, sizeof at) < 0)
        assert_int_equal (errno, EINPROGRESS);
}

// One that is connected to the listener.
static inline int
t_tcp_raw (const t_tcp_t *self)
{
    const int fd = t_tcp_socket ();
    t_tcp_connect (self, fd);
    return fd;
}

// 1 if it was hung up on by now.
static inline int
t_tcp_is_over (int fd)
{
    char bytes[256];
    for (;;) {
        const ssize_t n = recv (fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return 1;
        if (n < 0)
            return 0;
    }
}

#endif  // T_TCP_H
