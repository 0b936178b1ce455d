// brd_tcp_guests.c - who is connected, and who of them is a stranger
//
// SPDX-License-Identifier: MPL-2.0
//
//     ACCEPTED fd       --> stranger --admit--> admitted
//     DISCONNECTED fd   --> forgotten
//
// libzmq tells of connections by the numbers of their descriptors, and of a
// message's sender only that; and when a connection has ended, the next has its
// number, or a file of the program's. So
//
//   - each that is let in is given a number of ours, larger each time, which
//     all it sends bears: what a connection that is gone has left behind is not
//     taken for the next one's (brd_tcp_guests_sender ());
//   - before anybody is hung up on, the kernel is asked whether this descriptor
//     is a connection to our socket, and which. It is looked at under a number
//     of our own, since its own may change hands meanwhile; and that one is
//     always there, for when the process has no other left.
//
// Read brd_tcp_zap.c next, where the numbers are given.

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/brd_error.h"
#include "base/brd_mem.h"
#include "base/brd_sys.h"
#include "transport/brd_tcp_private.h"

void
brd_tcp_guests_init (brd_tcp_guests_t *self)
{
    *self = (brd_tcp_guests_t){ .listen_fd = -1, .look = -1 };
    brd_list_init (&self->strangers);
    brd_list_init (&self->admitted);
    brd_list_init (&self->leaving);
}

int
brd_tcp_guests_open (brd_tcp_guests_t *self, int listen_fd)
{
    self->listen_fd = listen_fd;
    self->look = brd_sys_dup (listen_fd);
    return self->look < 0 ? brd_error_system ("dup") : 0;
}

void
brd_tcp_guests_fini (brd_tcp_guests_t *self)
{
    for (size_t i = 0; i < self->room; i++)
        brd_mem_free (self->by_fd[i]);
    brd_mem_free (self->by_fd);
    brd_sys_close (&self->look);
    brd_tcp_guests_init (self);
}

// --- What a number stands for ----------------------------------------------

// The port that fd has here; 0: none.
static in_port_t
s_port (int fd)
{
    struct sockaddr_storage at = { .ss_family = AF_UNSPEC };
    socklen_t size = sizeof at;
    if (getsockname (fd, (struct sockaddr *) &at, &size) < 0)
        return 0;
    if (at.ss_family == AF_INET)
        return ((struct sockaddr_in *) &at)->sin_port;
    return at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *) &at)->sin6_port
                                    : 0;
}

// The cookie of a connection to our socket; 0: it is something else by now.
static uint64_t
s_cookie (const brd_tcp_guests_t *self, int fd)
{
    uint64_t cookie = 0;
    int listens = 1;
    socklen_t size = sizeof listens, cookie_size = sizeof cookie;
    if (s_port (fd) != s_port (self->listen_fd)
        || getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0
        || listens
        || getsockopt (fd, SOL_SOCKET, SO_COOKIE, &cookie, &cookie_size) < 0)
        return 0;
    return cookie;
}

// Hangs up on that connection, if the number is still its own. None is needed
// that is free, so it is done or there is nothing to do.
static void
s_hang_up (const brd_tcp_guests_t *self, int number, uint64_t cookie)
{
    const int saved_errno = errno;
    if (cookie != 0 && dup3 (number, self->look, O_CLOEXEC) >= 0) {
        if (s_cookie (self, self->look) == cookie)
            (void) shutdown (self->look, SHUT_RDWR);
        (void) dup3 (self->listen_fd, self->look, O_CLOEXEC);
    }
    errno = saved_errno;
}

// --- Coming and going ------------------------------------------------------

static int
s_make_room (brd_tcp_guests_t *self, size_t wanted)
{
    if (wanted <= self->room)
        return 0;
    const size_t room = wanted + wanted / 2 + 64;
    brd_tcp_guest_t **by_fd =
        brd_mem_resize (self->by_fd, room * sizeof (brd_tcp_guest_t *));
    if (!by_fd)
        return -1;
    for (size_t i = self->room; i < room; i++)
        by_fd[i] = NULL;
    self->by_fd = by_fd;
    self->room = room;
    return 0;
}

void
brd_tcp_guests_add (brd_tcp_guests_t *self,
                    int fd,
                    int64_t until,
                    uint64_t since)
{
    if (fd < 0)
        return;
    brd_tcp_guests_remove (self, fd);
    const uint64_t cookie = s_cookie (self, fd);
    brd_tcp_guest_t *guest = s_make_room (self, (size_t) fd + 1) == 0
                                 ? brd_mem_zalloc (sizeof *guest)
                                 : NULL;
    if (!guest) {
        s_hang_up (self, fd, cookie);
        return;
    }
    guest->fd = fd;
    guest->cookie = cookie;
    guest->until = until;
    guest->since = since;
    self->by_fd[fd] = guest;
    brd_list_append (&self->strangers, &guest->link);
    self->n_strangers++;
}

static brd_tcp_guest_t *
s_at (const brd_tcp_guests_t *self, int fd)
{
    return fd >= 0 && (size_t) fd < self->room ? self->by_fd[fd] : NULL;
}

void
brd_tcp_guests_remove (brd_tcp_guests_t *self, int fd)
{
    brd_tcp_guest_t *guest = s_at (self, fd);
    if (!guest)
        return;
    if (guest->is_admitted)
        self->n_admitted--;
    else
        self->n_strangers--;
    self->n_unheard += guest->serial == 0;
    brd_list_remove (&guest->link);
    brd_mem_free (guest);
    self->by_fd[fd] = NULL;
}

brd_tcp_guest_t *
brd_tcp_guests_sender (brd_tcp_guests_t *self, const brd_zmq_msg_t *msg)
{
    unsigned char key[BRD_CURVE_KEY];
    const uint64_t serial = brd_tcp_zap_sender (msg, key);
    brd_tcp_guest_t *guest =
        s_at (self, zmq_msg_get (brd_zmq_msg (msg), ZMQ_SRCFD));
    if (!guest || serial <= guest->since)
        return NULL;
    if (guest->serial == 0) {
        guest->serial = serial;
        memcpy (guest->peer, msg->peer, BRD_TCP_ID);
    }
    return guest->serial == serial ? guest : NULL;
}

static brd_tcp_guest_t *
s_find (brd_list_t *head, const unsigned char peer[BRD_TCP_ID])
{
    for (brd_list_t *at = head->next; at != head; at = at->next) {
        brd_tcp_guest_t *guest = BRD_LIST_ITEM (at, brd_tcp_guest_t, link);
        if (guest->serial != 0 && memcmp (guest->peer, peer, BRD_TCP_ID) == 0)
            return guest;
    }
    return NULL;
}

brd_tcp_guest_t *
brd_tcp_guests_find (brd_tcp_guests_t *self,
                     const unsigned char peer[BRD_TCP_ID])
{
    brd_tcp_guest_t *guest = s_find (&self->admitted, peer);
    return guest ? guest : s_find (&self->strangers, peer);
}

void
brd_tcp_guests_admit (brd_tcp_guests_t *self, brd_tcp_guest_t *guest)
{
    if (guest->is_admitted || guest->is_dropped)
        return;
    guest->is_admitted = 1;
    brd_list_remove (&guest->link);
    brd_list_append (&self->admitted, &guest->link);
    self->n_strangers--;
    self->n_admitted++;
}

void
brd_tcp_guests_drop (brd_tcp_guests_t *self, brd_tcp_guest_t *guest)
{
    s_hang_up (self, guest->fd, guest->cookie);
    guest->is_dropped = 1;
    brd_list_remove (&guest->link);
    brd_list_append (&self->leaving, &guest->link);
}
