// brd_tcp_listen.c - the end of a link between hosts that is dialled
//
// SPDX-License-Identifier: MPL-2.0
//
//     new      option 93, CURVE, keys answered for, and only then: bind
//     turn     monitor --> guests     zap --> allow     strangers sent away
//              more than may be --> door closed; half of them --> open again
//              no descriptors   --> who waits is hung up on
//     recv     key? guest? admitted, or small and few --> to the caller
//
// Read brd_tcp_guests.c and brd_tcp_zap.c next.

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_mem.h"
#include "base/brd_sys.h"
#include "transport/brd_endpoint.h"
#include "transport/brd_tcp_private.h"

enum {
    S_FDS_BESIDE = 64,  // Descriptors for all that is not a connection
    S_FULL_MS = 20,
    S_NS_PER_MS = 1000000
};

struct brd_tcp_listen {
    brd_zmq_t *link;
    brd_tcp_monitor_t monitor;
    brd_tcp_zap_t zap;
    brd_tcp_guests_t guests;
    brd_tcp_allow_fn *allow;
    void *arg;
    uint64_t serial;  // The last that was given to anybody
    int epoll;
    int listen_fd;  // Ours; libzmq has another of the same socket
    int spare;      // Given up when there are no others
    int has_none;   // 1: libzmq wanted one and there was none
    int is_full;    // 1: something could not be sent since the last turn
    int peers_max;
    int strangers_max;
    int64_t stranger_ns;
    brd_tcp_stats_t stats;
    char address[BRD_ENDPOINT_TEXT_MAX];
};

static int
s_check_limits (const brd_tcp_listen_options_t *options)
{
    struct rlimit limit;
    brd_assert (options->strangers_max > 0
                && options->strangers_max <= options->peers_max);
    const rlim_t wanted = (rlim_t) options->peers_max
                          + (rlim_t) options->strangers_max + S_FDS_BESIDE;
    if (getrlimit (RLIMIT_NOFILE, &limit) < 0)
        return brd_error_system ("getrlimit");
    if (limit.rlim_cur >= wanted)
        return 0;
    const rlim_t had = limit.rlim_cur;
    limit.rlim_cur = wanted;
    if (limit.rlim_max >= wanted && setrlimit (RLIMIT_NOFILE, &limit) == 0)
        return 0;
    return brd_error_set (EMFILE,
                          "%d peers need %llu descriptors, and this process "
                          "may have %llu (ulimit -n)",
                          options->peers_max,
                          (unsigned long long) wanted,
                          (unsigned long long) had);
}

static int
s_bind (brd_tcp_listen_t *self, const char *address)
{
    brd_endpoint_t place;
    if (brd_endpoint_parse (&place, address, 1) < 0)
        return -1;
    if (!place.is_tcp)
        return brd_error_set (EINVAL, "%s: not a tcp:// address", address);
    int fd = brd_endpoint_listen (&place);
    if (fd < 0)
        return brd_error_prefix ("%s", address);
    // Those in the backlog get in after the door was closed.
    (void) listen (fd, self->strangers_max);
    self->listen_fd = brd_sys_dup (fd);
    self->spare = brd_sys_dup (fd);
    if (self->listen_fd < 0 || self->spare < 0) {
        brd_error_system ("dup");
        goto error;
    }
    if (brd_tcp_guests_open (&self->guests, self->listen_fd) < 0
        || brd_endpoint_text (&place, fd, self->address) < 0)
        goto error;
    // The address is for the form only: that of the descriptor counts.
    if (brd_zmq_set (self->link->socket, ZMQ_USE_FD, fd) < 0
        || brd_zmq_call_bind (self->link->socket, "tcp://127.0.0.1:0") < 0) {
        brd_zmq_fail (address);
        goto error;
    }
    return 0;

error:
    brd_sys_close (&fd);
    return -1;
}

static int
s_watch (int epoll, int fd)
{
    struct epoll_event event = { .events = EPOLLIN };
    if (epoll_ctl (epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        return brd_error_system ("epoll_ctl");
    return 0;
}

static int
s_open (brd_tcp_listen_t *self, const brd_tcp_listen_options_t *options)
{
    if (s_check_limits (options) < 0)
        return -1;
    self->link = brd_tcp_common_router (&options->pair, options->time_scale);
    if (!self->link
        || brd_tcp_monitor_init (&self->monitor,
                                 self->link->socket,
                                 ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_ACCEPT_FAILED
                                     | ZMQ_EVENT_DISCONNECTED)
               < 0
        || brd_tcp_zap_init (&self->zap) < 0)
        return -1;
    self->epoll = brd_sys_epoll ();
    if (self->epoll < 0)
        return brd_error_system ("epoll");
    if (s_watch (self->epoll, self->link->fd) < 0
        || s_watch (self->epoll, self->monitor.fd) < 0
        || s_watch (self->epoll, self->zap.fd) < 0)
        return -1;
    return s_bind (self, options->address);
}

brd_tcp_listen_t *
brd_tcp_listen_new (const brd_tcp_listen_options_t *options)
{
    brd_tcp_listen_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    brd_assert (options->allow);
    brd_tcp_guests_init (&self->guests);
    self->epoll = self->listen_fd = self->spare = -1;
    self->allow = options->allow;
    self->arg = options->arg;
    self->peers_max = options->peers_max;
    self->strangers_max = options->strangers_max;
    self->stranger_ns = (int64_t) S_NS_PER_MS
                        * brd_tcp_common_ms (BRD_TCP_STRANGER_MS,
                                             options->time_scale,
                                             BRD_TCP_MS_MIN);
    if (s_open (self, options) < 0)
        brd_tcp_listen_destroy (&self);
    return self;
}

void
brd_tcp_listen_destroy (brd_tcp_listen_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    brd_tcp_listen_t *self = *self_p;
    const int saved_errno = errno;
    // Who answers for keys goes after whom it answers for.
    brd_tcp_monitor_fini (&self->monitor);
    brd_zmq_destroy (&self->link);
    brd_tcp_zap_fini (&self->zap);
    brd_tcp_guests_fini (&self->guests);
    brd_sys_close (&self->spare);
    brd_sys_close (&self->listen_fd);
    brd_sys_close (&self->epoll);
    brd_mem_free (self);
    *self_p = NULL;
    errno = saved_errno;
}

const char *
brd_tcp_listen_address (const brd_tcp_listen_t *self)
{
    return self->address;
}

int
brd_tcp_listen_fd (const brd_tcp_listen_t *self)
{
    return self->epoll;
}

// --- Turns -----------------------------------------------------------------

static void
s_take_events (brd_tcp_listen_t *self, int64_t now)
{
    int event, value;
    while (brd_tcp_monitor_next (&self->monitor, &event, &value))
        switch (event) {
        case ZMQ_EVENT_ACCEPTED:
            self->stats.accepted++;
            brd_tcp_guests_add (
                &self->guests, value, now + self->stranger_ns, self->serial);
            break;
        case ZMQ_EVENT_ACCEPT_FAILED:
            self->has_none |= value == EMFILE || value == ENFILE;
            break;
        case ZMQ_EVENT_DISCONNECTED:
            brd_tcp_guests_remove (&self->guests, value);
            break;
        default:
            break;
        }
}

// libzmq has told of a connection before it asks for its key, so whoever has a
// number was told of before it had one.
static void
s_answer_for_keys (brd_tcp_listen_t *self, int64_t now)
{
    brd_tcp_zap_request_t request;
    while (brd_tcp_zap_next (&self->zap, &request)) {
        uint64_t serial = 0;
        s_take_events (self, now);
        if (request.is_curve
            && self->allow (self->arg, request.key, request.host))
            serial = ++self->serial;
        else
            self->stats.refused++;
        brd_tcp_zap_answer (&self->zap, &request, serial);
    }
}

static void
s_send_away (brd_tcp_listen_t *self, brd_tcp_guest_t *guest)
{
    brd_tcp_guests_drop (&self->guests, guest);
    self->stats.sent_away++;
}

static void
s_mind_door (brd_tcp_listen_t *self)
{
    const brd_tcp_guests_t *guests = &self->guests;
    const int peers = guests->n_strangers + guests->n_admitted;
    const int full =
        guests->n_strangers >= self->strangers_max || peers >= self->peers_max;
    const int has_room = guests->n_strangers <= self->strangers_max / 2
                         && peers < self->peers_max;
    if (full && !self->stats.closed)
        self->stats.closed = brd_tcp_door_close (self->listen_fd, 1) == 0;
    else if (has_room && self->stats.closed)
        self->stats.closed = brd_tcp_door_close (self->listen_fd, 0) != 0;
}

void
brd_tcp_listen_turn (brd_tcp_listen_t *self, int64_t now)
{
    s_take_events (self, now);
    s_answer_for_keys (self, now);
    if (self->has_none || self->spare < 0)
        brd_tcp_door_clear (self->listen_fd, &self->spare);
    self->has_none = self->is_full = 0;
    brd_list_t *strangers = &self->guests.strangers;
    while (!brd_list_empty (strangers)) {
        brd_tcp_guest_t *oldest =
            BRD_LIST_ITEM (strangers->next, brd_tcp_guest_t, link);
        if (oldest->until > now)
            break;
        s_send_away (self, oldest);
    }
    s_mind_door (self);
}

int64_t
brd_tcp_listen_due (brd_tcp_listen_t *self, int64_t now)
{
    const brd_list_t *strangers = &self->guests.strangers;
    // The bell of what waits may have been used up by what was sent.
    if (brd_zmq_ready (self->link))
        return now;
    int64_t due = BRD_NEVER;
    if (!brd_list_empty (strangers))
        due = BRD_LIST_ITEM (strangers->next, brd_tcp_guest_t, link)->until;
    if (self->is_full && due > now + S_FULL_MS * (int64_t) S_NS_PER_MS)
        due = now + S_FULL_MS * (int64_t) S_NS_PER_MS;
    return due;
}

// --- Packets ---------------------------------------------------------------

int
brd_tcp_listen_send (brd_tcp_listen_t *self,
                     const unsigned char peer[BRD_TCP_ID],
                     brd_buf_t *out)
{
    void *socket = self->link->socket;
    if (brd_zmq_call_send (socket, peer, BRD_TCP_ID, ZMQ_SNDMORE | ZMQ_DONTWAIT)
        < 0) {
        self->is_full |= zmq_errno () == EAGAIN;
        return brd_zmq_fail ("send");
    }
    if (brd_tcp_common_send (socket, out) == 0)
        return 0;
    // What is begun must be ended: an empty packet is nobody's.
    const int saved_errno = errno;
    (void) brd_zmq_call_send (socket, "", 0, ZMQ_DONTWAIT);
    errno = saved_errno;
    return -1;
}

// 1 if the caller may see it. Nobody who means well sends an empty one.
static int
s_may_see (const brd_zmq_msg_t *msg, brd_tcp_guest_t *guest)
{
    if (msg->size == 0)
        return 0;
    return guest->is_admitted
           || (msg->size <= BRD_TCP_STRANGER_SIZE
               && guest->packets++ < BRD_TCP_STRANGER_PACKETS);
}

int
brd_tcp_listen_recv (brd_tcp_listen_t *self, brd_zmq_msg_t *ret_msg)
{
    int rc;
    while ((rc = brd_zmq_take (self->link, 0, ret_msg)) >= 0) {
        // What is left of somebody who is gone, or is being hung up on, is
        // nobody's.
        brd_tcp_guest_t *guest = brd_tcp_guests_sender (&self->guests, ret_msg);
        if (guest && !guest->is_dropped) {
            if (rc == 0 && s_may_see (ret_msg, guest))
                return 0;
            s_send_away (self, guest);
        }
        brd_zmq_msg_done (ret_msg);
    }
    return -1;
}

void
brd_tcp_listen_key (const brd_zmq_msg_t *msg,
                    unsigned char ret_key[BRD_CURVE_KEY])
{
    const uint64_t serial = brd_tcp_zap_sender (msg, ret_key);
    brd_assert (serial != 0);
}

int
brd_tcp_listen_admit (brd_tcp_listen_t *self, const brd_zmq_msg_t *msg)
{
    brd_tcp_guest_t *guest = brd_tcp_guests_sender (&self->guests, msg);
    if (!guest || guest->is_dropped)
        return brd_error_set (EHOSTUNREACH, "the peer is gone");
    brd_tcp_guests_admit (&self->guests, guest);
    return 0;
}

void
brd_tcp_listen_drop (brd_tcp_listen_t *self,
                     const unsigned char peer[BRD_TCP_ID])
{
    brd_tcp_guest_t *guest = brd_tcp_guests_find (&self->guests, peer);
    if (guest && !guest->is_dropped)
        brd_tcp_guests_drop (&self->guests, guest);
}

void
brd_tcp_listen_stats (const brd_tcp_listen_t *self, brd_tcp_stats_t *ret)
{
    *ret = self->stats;
    ret->unheard = self->guests.n_unheard;
    ret->strangers = self->guests.n_strangers;
    ret->peers = self->guests.n_strangers + self->guests.n_admitted;
}
