// host_duct_socket.c - the end of a duct that is a socket
//
// SPDX-License-Identifier: MPL-2.0
//
//     socket --recv, as far as the window lets it--> BYTES to the other end
//     BYTES --> out --send, as far as it takes them--> socket; then CREDIT
//     socket's end --> END;   END --> what is in out, then the socket's end
//
// All of them are in one epoll, which is a source of the host's while there are
// any; each is armed
// for one event at a time, so one whose window is used up costs nothing, not
// even when it has hung up. A turn reads each that is ready once.
//
// Credit is given a quarter of the window at a time: the other end has three
// quarters left until then.
//
// Read next: host_gateway.c, where workers' sockets come from; brd_gateway.c.

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_sys.h"
#include "host/host_duct.h"

enum {
    S_EVENTS = 32,  // In one turn
    S_READ = 32768,
    S_CREDIT = BRD_WIRE_DUCT_WINDOW / 4,
    S_RETRY_NS = 20000000
};

// What may still come out of the socket, and into it.
static uint32_t *
s_window (brd_host_duct_t *self, int out_of)
{
    return out_of == self->is_manager ? &self->down : &self->up;
}

static size_t
s_waiting (const brd_host_duct_t *self)
{
    return self->out.size - self->out_at;
}

static void
s_free (brd_host_duct_t *self)
{
    brd_host_ducts_t *ducts = &self->host->ducts;
    ducts->retrying -= self->retry_at != BRD_NEVER;
    if (self->fd >= 0) {
        // A copy that a fork has made must not keep it, nor be heard of.
        (void) epoll_ctl (ducts->source.fd, EPOLL_CTL_DEL, self->fd, NULL);
        (void) shutdown (self->fd, SHUT_RDWR);
        brd_sys_close (&self->fd);
    }
    brd_host_duct_free (self);
}

// The socket is over: the other end is told.
static void
s_over (brd_host_duct_t *self, int error)
{
    brd_wire_duct_t end = { .count = (uint32_t) error };
    if (self->state != BRD_HOST_DUCT_CLOSING)
        brd_host_duct_tell (self, !self->is_manager, BRD_OP_DUCT_END, &end);
    s_free (self);
}

// --- Sleeping on it --------------------------------------------------------

static uint32_t
s_wanted (brd_host_duct_t *self)
{
    uint32_t wanted = s_waiting (self) > 0 ? EPOLLOUT : 0;
    if (self->state == BRD_HOST_DUCT_ASKING
        || (self->state == BRD_HOST_DUCT_OPEN && *s_window (self, 1) > 0))
        wanted |= EPOLLIN;
    return wanted;
}

// What it is armed for besides does no harm.
static void
s_arm (brd_host_duct_t *self)
{
    const uint32_t wanted = s_wanted (self);
    struct epoll_event event = { .events = wanted | EPOLLONESHOT,
                                 .data.ptr = self };
    if (self->fd < 0 || (wanted & ~self->armed) == 0)
        return;
    self->armed = wanted;
    (void) epoll_ctl (
        self->host->ducts.source.fd, EPOLL_CTL_MOD, self->fd, &event);
}

static int
s_add (brd_host_duct_t *self, int fd)
{
    struct epoll_event event = { .events = EPOLLONESHOT | EPOLLIN,
                                 .data.ptr = self };
    if (epoll_ctl (self->host->ducts.source.fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return brd_error_system ("to sleep on a duct's socket");
    self->fd = fd;
    self->armed = EPOLLIN;
    return 0;
}

// --- Into the socket -------------------------------------------------------

static void
s_owe (brd_host_duct_t *self, size_t size)
{
    self->owed += (uint32_t) size;
    if (self->owed < S_CREDIT || self->state != BRD_HOST_DUCT_OPEN)
        return;
    brd_wire_duct_t credit = { .count = self->owed };
    *s_window (self, 0) += self->owed;
    self->owed = 0;
    brd_host_duct_tell (self, !self->is_manager, BRD_OP_DUCT_CREDIT, &credit);
}

// What nobody reads any more is as good as read: its end is still to be heard,
// behind what it has said.
static void
s_flush (brd_host_duct_t *self)
{
    size_t done = 0;
    const size_t size = s_waiting (self);
    if (self->fd < 0)
        return;
    while (done < size) {
        const ssize_t n = brd_sys_send (self->fd,
                                        self->out.bytes + self->out_at + done,
                                        size - done,
                                        MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == ENOMEM || errno == ENOBUFS))
            break;
        done = n < 0 ? size : done + (size_t) n;
    }
    self->out_at += done;
    if (s_waiting (self) == 0)
        self->out.size = self->out_at = 0;
    if (done > 0)
        s_owe (self, done);
}

static int
s_keep (brd_host_duct_t *self, const void *bytes, size_t size)
{
    if (self->out_at > 0) {
        memmove (
            self->out.bytes, self->out.bytes + self->out_at, s_waiting (self));
        self->out.size -= self->out_at;
        self->out_at = 0;
    }
    return brd_buf_add (&self->out, bytes, size);
}

void
brd_host_duct_socket_take (brd_host_duct_t *self,
                           const void *bytes,
                           size_t size)
{
    if (s_keep (self, bytes, size) < 0) {
        s_over (self, ENOMEM);
        return;
    }
    s_flush (self);
    s_arm (self);
}

void
brd_host_duct_socket_more (brd_host_duct_t *self)
{
    s_arm (self);
}

void
brd_host_duct_socket_end (brd_host_duct_t *self)
{
    self->state = BRD_HOST_DUCT_CLOSING;
    s_flush (self);
    if (self->fd < 0 || s_waiting (self) == 0)
        s_free (self);
    else
        s_arm (self);
}

// --- Out of the socket -----------------------------------------------------

// 1, or 0: it is no more.
static int
s_read (brd_host_duct_t *self)
{
    unsigned char bytes[S_READ];
    uint32_t *left = s_window (self, 1);
    if (*left == 0)
        return 1;
    const ssize_t n = brd_sys_recv (self->fd,
                                    bytes,
                                    *left < sizeof bytes ? *left : sizeof bytes,
                                    MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == ENOMEM || errno == ENOBUFS))
        return 1;
    if (n <= 0) {
        s_over (self, 0);
        return 0;
    }
    brd_wire_duct_t said = { .size = (uint32_t) n, .body = bytes };
    *left -= (uint32_t) n;
    brd_host_duct_tell (self, !self->is_manager, BRD_OP_DUCT_BYTES, &said);
    return 1;
}

static void
s_read_ask (brd_host_duct_t *self)
{
    const ssize_t n = brd_sys_recv (self->fd,
                                    self->ask + self->asked,
                                    sizeof self->ask - self->asked,
                                    MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        s_over (self, 0);
        return;
    }
    self->asked += n > 0 ? (size_t) n : 0;
    if (self->asked < sizeof self->ask)
        s_arm (self);
    else
        brd_host_gateway_asked (self);
}

static void
s_ready (brd_host_duct_t *self)
{
    self->armed = 0;
    if (self->state == BRD_HOST_DUCT_ASKING) {
        s_read_ask (self);
        return;
    }
    s_flush (self);
    if (self->state == BRD_HOST_DUCT_CLOSING && s_waiting (self) == 0)
        s_free (self);
    else if (self->state == BRD_HOST_DUCT_CLOSING || s_read (self))
        s_arm (self);
}

// --- Where it leads --------------------------------------------------------

static int
s_is_passing (int error)
{
    return error == EAGAIN || error == EMFILE || error == ENFILE
           || error == ENOMEM || error == ENOBUFS;
}

static void
s_connect (brd_host_duct_t *self)
{
    brd_host_ducts_t *ducts = &self->host->ducts;
    ducts->retrying -= self->retry_at != BRD_NEVER;
    self->retry_at = BRD_NEVER;
    int fd = brd_gateway_connect (self->manager);
    if (fd >= 0 && s_add (self, fd) < 0)
        brd_sys_close (&fd);
    if (fd >= 0) {
        self->state = BRD_HOST_DUCT_OPEN;
        s_flush (self);
        s_arm (self);
    }
    else if (s_is_passing (errno)) {
        self->retry_at = self->host->now + S_RETRY_NS;
        ducts->retrying++;
    }
    else
        s_over (self, errno);
}

void
brd_host_duct_socket_connect (brd_host_duct_t *self, uint64_t manager)
{
    self->state = BRD_HOST_DUCT_WAITING;
    self->is_manager = 1;
    self->manager = manager;
    brd_list_append (&self->host->ducts.sockets, &self->link);
    if (brd_host_duct_socket_begin (self->host) < 0)
        s_over (self, errno);
    else
        s_connect (self);
}

int
brd_host_duct_socket_accept (brd_host_duct_t *self, int fd)
{
    if (s_add (self, fd) < 0)
        return -1;
    self->state = BRD_HOST_DUCT_ASKING;
    brd_list_append (&self->host->ducts.sockets, &self->link);
    return 0;
}

// --- Turns -----------------------------------------------------------------

static brd_host_t *
s_host (brd_host_source_t *source)
{
    return BRD_LIST_ITEM (source, brd_host_t, ducts.source);
}

static void
s_retry (brd_host_t *host, int64_t now)
{
    brd_list_t *sockets = &host->ducts.sockets;
    for (brd_list_t *i = sockets->next, *next; i != sockets; i = next) {
        brd_host_duct_t *self = BRD_LIST_ITEM (i, brd_host_duct_t, link);
        next = i->next;
        if (self->retry_at <= now)
            s_connect (self);
    }
}

static void
s_turn (brd_host_source_t *source, int64_t now)
{
    struct epoll_event events[S_EVENTS];
    brd_host_t *host = s_host (source);
    if (host->ducts.retrying > 0)
        s_retry (host, now);
    brd_host_gateway_turn (host, now);
    // Each event is another's, and what it ends is that one.
    const int count = epoll_wait (source->fd, events, S_EVENTS, 0);
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr)
            s_ready (events[i].data.ptr);
        else
            brd_host_gateway_admit (host, now);
    }
    if (brd_list_empty (&host->ducts.sockets) && host->ducts.door < 0) {
        brd_host_source_remove (host, source);
        host->ducts.watched = 0;
    }
}

static int64_t
s_due (brd_host_source_t *source, int64_t now)
{
    const brd_host_t *host = s_host (source);
    int64_t due = brd_host_gateway_due (host);
    (void) now;
    if (host->ducts.retrying == 0)
        return due;
    const brd_list_t *sockets = &host->ducts.sockets;
    for (const brd_list_t *i = sockets->next; i != sockets; i = i->next) {
        const brd_host_duct_t *self = BRD_LIST_ITEM (i, brd_host_duct_t, link);
        due = self->retry_at < due ? self->retry_at : due;
    }
    return due;
}

int
brd_host_duct_socket_begin (brd_host_t *host)
{
    brd_host_source_t *source = &host->ducts.source;
    if (source->fd < 0) {
        source->turn = s_turn;
        source->due = s_due;
        source->fd = brd_sys_epoll ();
    }
    if (source->fd < 0)
        return brd_error_system ("a descriptor for ducts");
    if (!host->ducts.watched && brd_host_source_add (host, source) < 0)
        return -1;
    host->ducts.watched = 1;
    return 0;
}

void
brd_host_duct_socket_stop (brd_host_t *host)
{
    brd_host_ducts_t *ducts = &host->ducts;
    brd_list_t *link;
    while ((link = brd_list_pop (&ducts->sockets)) != NULL)
        s_free (BRD_LIST_ITEM (link, brd_host_duct_t, link));
    if (ducts->watched)
        brd_host_source_remove (host, &ducts->source);
    ducts->watched = 0;
    brd_sys_close (&ducts->source.fd);
    brd_sys_close (&ducts->door);
}
