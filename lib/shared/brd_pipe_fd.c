// brd_pipe_fd.c - descriptors through a pipe
//
// SPDX-License-Identifier: MPL-2.0
//
//     sender                               receiver
//     listens at a name of its own
//     offer {serial, token, name} --ring-->
//        <--------------- connects, shows the token
//     the descriptor, by SCM_RIGHTS ---->
//                                          offer: OFFERED -> TAKEN
//        <--------------- hangs up
//     looks at the offer
//
// Memory cannot carry a descriptor, a socket can. The offer's word decides: one
// CAS to TAKEN by the receiver that has it, or to WITHDRAWN by the sender whose
// time is up; so both say the same of it. An offer whose sender has died is
// known by its lock, which is nobody's then, or by its name, where nobody
// listens.

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/brd_check.h"
#include "base/brd_sys.h"
#include "shared/brd_pipe_private.h"

static uint64_t
s_word (uint64_t serial, int state)
{
    return serial << 2 | (uint64_t) state;
}

// 1 if the offer is now what state says, by us.
static int
s_settle (brd_pipe_ring_t *ring, uint64_t serial, int state)
{
    uint64_t offered = s_word (serial, BRD_PIPE_OFFERED);
    return atomic_compare_exchange_strong (
        &ring->offer, &offered, s_word (serial, state));
}

int
brd_pipe_is_offered (brd_pipe_ring_t *ring, const brd_pipe_offer_t *offer)
{
    return atomic_load (&ring->offer)
               == s_word (offer->serial, BRD_PIPE_OFFERED)
           && brd_lock_locked (&ring->offering);
}

// --- The sender ------------------------------------------------------------

enum {
    LISTENS,
    PEER,
    SOCKETS
};

// A name that the kernel chooses, and nobody else has.
static int
s_listen (char ret_name[8])
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    socklen_t size = offsetof (struct sockaddr_un, sun_path);
    int fd = brd_sys_socket (AF_UNIX);
    if (fd >= 0 && brd_sys_bind (fd, (struct sockaddr *) &at, size) == 0
        && brd_sys_listen (fd) == 0) {
        size = sizeof at;
        if (getsockname (fd, (struct sockaddr *) &at, &size) == 0) {
            const size_t length =
                size - offsetof (struct sockaddr_un, sun_path);
            brd_assert (length > 1 && length < 8);
            memset (ret_name, 0, 8);
            memcpy (ret_name, at.sun_path + 1, length - 1);
            return fd;
        }
    }
    brd_error_system ("a socket to pass a descriptor on");
    brd_sys_close (&fd);
    return -1;
}

// What the peer says: the token, and is given the descriptor; or nothing more.
static void
s_serve (int *peer, const brd_pipe_offer_t *offer, int fd)
{
    unsigned char shown[sizeof offer->token];
    const ssize_t n = brd_sys_recv (*peer, shown, sizeof shown, MSG_DONTWAIT);
    if (n == (ssize_t) sizeof shown
        && memcmp (shown, offer->token, sizeof shown) == 0
        && brd_sys_send_fd (*peer, shown, 1, fd) == 1)
        return;
    brd_sys_close (peer);
}

// Until somebody has it. -1: time is up, or nobody will come.
static int
s_hand_over (brd_pipe_end_t *self,
             brd_pipe_ring_t *ring,
             brd_sleep_t *sleep,
             const brd_pipe_offer_t *offer,
             int listener,
             int fd)
{
    int peer = -1, rc;
    for (;;) {
        struct pollfd fds[SOCKETS + 1] = {
            [LISTENS] = { .fd = listener, .events = POLLIN },
            [PEER] = { .fd = peer, .events = POLLIN },
        };
        if (atomic_load (&ring->offer)
            == s_word (offer->serial, BRD_PIPE_TAKEN)) {
            rc = 0;
            break;
        }
        rc = brd_sleep_poll (sleep, fds, SOCKETS);
        if (rc < 0)
            break;
        if (atomic_load (&self->closed))
            rc = brd_error_set (EBADF, "this end was closed");
        else if (rc == 0
                 && brd_pipe_is_gone (brd_pipe_of (self), 1 - self->end, 1))
            rc = brd_error_set (EPIPE, "nobody holds the other end");
        if (rc < 0)
            break;
        if (fds[PEER].revents)
            s_serve (&peer, offer, fd);
        // One receiver at a time has the ring's lock: whoever comes later is
        // the one now.
        if (fds[LISTENS].revents) {
            brd_sys_close (&peer);
            peer = brd_sys_accept (listener);
            if (peer < 0 && errno != EAGAIN) {
                rc = brd_error_system ("accepting who is to have a descriptor");
                break;
            }
        }
    }
    brd_sys_close (&peer);
    return rc;
}

static int
s_offer (brd_pipe_end_t *self,
         brd_pipe_ring_t *ring,
         brd_sleep_t *sleep,
         int fd)
{
    brd_pipe_offer_t offer = { .serial =
                                   (atomic_load (&ring->offer) >> 2) + 1 };
    if (brd_sys_random (offer.token, sizeof offer.token) < 0)
        return brd_error_system ("random bytes");
    int listener = s_listen (offer.name);
    if (listener < 0)
        return -1;
    const brd_pipe_record_t record = { .size = sizeof offer,
                                       .kind = BRD_PIPE_FD };
    atomic_store (&ring->offer, s_word (offer.serial, BRD_PIPE_OFFERED));
    int rc = brd_pipe_put (self, sleep, &record, &offer, NULL);
    if (rc == 0)
        rc = s_hand_over (self, ring, sleep, &offer, listener, fd);
    // Taken at the last moment is taken.
    if (rc < 0 && !s_settle (ring, offer.serial, BRD_PIPE_WITHDRAWN))
        rc = 0;
    brd_sys_close (&listener);
    return rc;
}

int
brd_pipe_send_fd (brd_pipe_end_t *self, brd_sleep_t *sleep, int fd)
{
    if (fcntl (fd, F_GETFD) < 0)
        return brd_error_system ("descriptor %d", fd);
    if (brd_pipe_use (self) < 0)
        return -1;
    brd_pipe_t *pipe = brd_pipe_of (self);
    brd_pipe_ring_t *ring = &pipe->rings[1 - self->end];
    brd_shared_t *shared = pipe->object.shared;
    if (brd_lock_acquire (&ring->offering, shared, sleep) < 0)
        return -1;
    const int rc = s_offer (self, ring, sleep, fd);
    (void) brd_lock_release (&ring->offering, shared);
    return rc;
}

// --- The receiver ----------------------------------------------------------

// A connection to whoever offers: -1 with ECONNREFUSED if nobody does.
static int
s_connect (const brd_pipe_offer_t *offer)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    const size_t length = strnlen (offer->name, sizeof offer->name);
    memcpy (at.sun_path + 1, offer->name, length);
    int fd = brd_sys_socket (AF_UNIX);
    if (fd < 0)
        return brd_error_system ("a socket to receive a descriptor by");
    if (brd_sys_connect (
            fd,
            (struct sockaddr *) &at,
            (socklen_t) (offsetof (struct sockaddr_un, sun_path) + 1 + length))
            == 0
        && brd_sys_send (fd, offer->token, sizeof offer->token, MSG_DONTWAIT)
               == (ssize_t) sizeof offer->token)
        return fd;
    brd_error_system ("to receive a descriptor");
    brd_sys_close (&fd);
    return -1;
}

// The descriptor, -1. ECONNREFUSED: it is not offered any more.
static int
s_fetch (const brd_pipe_offer_t *offer, brd_sleep_t *sleep)
{
    int peer = s_connect (offer);
    if (peer < 0)
        return -1;
    int fd = BRD_SYS_NO_FD;
    for (;;) {
        char byte;
        const ssize_t n = brd_sys_recv_fd (peer, &byte, 1, &fd);
        if (n == 1 && fd == BRD_SYS_LOST_FD)
            brd_error_set (EMFILE, "no number is left for a descriptor");
        else if (n >= 0 && fd < 0)
            brd_error_set (ECONNRESET, "the sender hung up");
        else if (n < 0 && errno == EAGAIN) {
            struct pollfd one[2] = { { .fd = peer, .events = POLLIN } };
            if (brd_sleep_poll (sleep, one, 1) >= 0)
                continue;
        }
        else if (n < 0)
            brd_error_system ("receiving a descriptor");
        break;
    }
    brd_sys_close (&peer);
    return fd < 0 ? -1 : fd;
}

// One try at the next message: the descriptor; -1; or -2: look again.
static int
s_recv_fd (brd_pipe_end_t *self, brd_sleep_t *sleep)
{
    brd_pipe_view_t view;
    if (brd_pipe_peek (self, sleep, &view) < 0)
        return -1;
    brd_pipe_ring_t *ring = &brd_pipe_of (self)->rings[self->end];
    brd_pipe_offer_t offer;
    if (!view.is_fd) {
        brd_pipe_leave (self);
        return brd_error_set (EBADMSG, "the next is not a descriptor");
    }
    memcpy (&offer, view.bytes, sizeof offer);
    int fd = s_fetch (&offer, sleep);
    if (fd >= 0 && s_settle (ring, offer.serial, BRD_PIPE_TAKEN)) {
        brd_pipe_take (self, &view, 0);
        return fd;
    }
    // Withdrawn meanwhile, or the sender has died: its name is nobody's.
    const int error = errno;
    const int again = fd >= 0 || error == ECONNREFUSED || error == EPIPE
                      || error == ECONNRESET || error == EAGAIN;
    if (error == ECONNREFUSED)
        (void) s_settle (ring, offer.serial, BRD_PIPE_WITHDRAWN);
    brd_sys_close (&fd);
    brd_pipe_leave (self);
    errno = error;
    return again ? -2 : -1;
}

int
brd_pipe_recv_fd (brd_pipe_end_t *self, brd_sleep_t *sleep)
{
    int fd;
    do
        fd = s_recv_fd (self, sleep);
    while (fd == -2 && brd_sleep_check (sleep) == 0);
    return fd < 0 ? -1 : fd;
}
