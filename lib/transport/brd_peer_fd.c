// brd_peer_fd.c - a program at the other end of a stream socket
//
// SPDX-License-Identifier: MPL-2.0
//
//     send   header, bytes  -> the socket, as far as it takes them
//                           -> out, the rest        turn, recv: again
//     recv   the socket     -> in: [read | a message, on loan | more]
//
// Its owner sleeps on one descriptor, for reading. That is an epoll in which
// the socket is, for writing too while something waits for that.
//
// What is announced costs nothing: memory grows with what has come.
//
// Read next: brd_peer.h; broker/host/host_far.c and host_guest.c, the users.

#include "transport/brd_peer_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/brd_check.h"
#include "base/brd_error.h"
#include "base/brd_mem.h"
#include "base/brd_sys.h"
#include "wire/brd_le.h"

enum {
    S_READ = 65536,       // At least so much room before a read
    S_KEEP = 1024 * 1024  // Room that is kept when nothing is in it
};

typedef struct {
    brd_peer_t peer;  // First
    int socket;
    size_t size_max;
    size_t waiting_max;
    int deaf;       // 1: nothing gets there any more, what came is still good
    int error;      // errno it is gone with, 0
    int writing;    // 1: the epoll waits for writing too
    brd_buf_t out;  // From out_at on: not taken by the socket yet
    size_t out_at;
    brd_buf_t in;  // From in_at on: not read by the owner yet
    size_t in_at;
    size_t lent;  // Of a message on loan, with its header
} s_peer_t;

static s_peer_t *
s_self (brd_peer_t *peer)
{
    return (s_peer_t *) (void *) peer;
}

static int
s_is_passing (int error)
{
    return error == EAGAIN || error == EINTR || error == ENOBUFS
           || error == ENOMEM;
}

// It is gone. -1.
static int
s_end (s_peer_t *self, int error, const char *why)
{
    self->error = error;
    self->deaf = 1;
    (void) shutdown (self->socket, SHUT_RDWR);
    return brd_error_set (error, "%s", why);
}

static int
s_gone (const s_peer_t *self)
{
    return brd_error_set (
        self->error,
        "%s",
        self->error == EPROTO   ? "the other side has sent nonsense"
        : self->error == ENOMEM ? "no memory for messages of the other side"
                                : "the other side has hung up");
}

// An empty buffer that was large once is not kept.
static void
s_settle (brd_buf_t *buf, size_t *at_p)
{
    if (*at_p < buf->size)
        return;
    *at_p = buf->size = 0;
    if (buf->room > S_KEEP)
        brd_buf_fini (buf);
}

static void
s_make_room (brd_buf_t *buf, size_t *at_p)
{
    if (*at_p == 0)
        return;
    memmove (buf->bytes, buf->bytes + *at_p, buf->size - *at_p);
    buf->size -= *at_p;
    *at_p = 0;
}

// --- To the other side -----------------------------------------------------

static void
s_watch (s_peer_t *self)
{
    const int writing = self->out.size > 0;
    struct epoll_event event = { .events =
                                     writing ? EPOLLIN | EPOLLOUT : EPOLLIN };
    if (writing == self->writing)
        return;
    self->writing = writing;
    (void) epoll_ctl (self->peer.fd, EPOLL_CTL_MOD, self->socket, &event);
}

// The other side's end is not read yet, but will be.
static int
s_hung_up (s_peer_t *self, int error)
{
    self->deaf = 1;
    self->out.size = self->out_at = 0;
    s_watch (self);
    (void) shutdown (self->socket, SHUT_RDWR);
    return brd_error_set (error,
                          error == ENOMEM ? "no memory for half of a message"
                                          : "the other side has hung up");
}

// How many of the bytes the socket takes now. -1: the other side is gone.
static ssize_t
s_write (s_peer_t *self, const unsigned char *bytes, size_t size, int more)
{
    size_t done = 0;
    while (done < size) {
        const ssize_t n = brd_sys_send (self->socket,
                                        bytes + done,
                                        size - done,
                                        MSG_NOSIGNAL | MSG_DONTWAIT | more);
        if (n < 0 && s_is_passing (errno))
            break;
        if (n < 0)
            return s_hung_up (self, EPIPE);
        done += (size_t) n;
    }
    return (ssize_t) done;
}

static void
s_flush (s_peer_t *self)
{
    if (self->out.size == 0)
        return;
    const ssize_t n = s_write (
        self, self->out.bytes + self->out_at, self->out.size - self->out_at, 0);
    if (n < 0)
        return;
    self->out_at += (size_t) n;
    s_settle (&self->out, &self->out_at);
    s_watch (self);
}

static int
s_keep (s_peer_t *self, const void *bytes, size_t size)
{
    if (self->out_at > self->out.size / 2)
        s_make_room (&self->out, &self->out_at);
    return brd_buf_add (&self->out, bytes, size);
}

// Nothing waits, so the socket is asked first. What it has taken half of must
// be kept.
static int
s_send_now (s_peer_t *self,
            const unsigned char header[BRD_PEER_FD_HEADER],
            const brd_buf_t *out)
{
    ssize_t head =
        s_write (self, header, BRD_PEER_FD_HEADER, out->size ? MSG_MORE : 0);
    if (head < 0)
        return -1;
    ssize_t body = head == BRD_PEER_FD_HEADER
                       ? s_write (self, out->bytes, out->size, 0)
                       : 0;
    if (body < 0)
        return -1;
    if (s_keep (self, header + head, BRD_PEER_FD_HEADER - (size_t) head) == 0
        && s_keep (self, out->bytes + body, out->size - (size_t) body) == 0)
        return 0;
    self->out.size = self->out_at = 0;
    return head > 0 ? s_hung_up (self, ENOMEM) : -1;
}

static int
s_send_later (s_peer_t *self,
              const unsigned char header[BRD_PEER_FD_HEADER],
              const brd_buf_t *out)
{
    const size_t before = self->out.size - self->out_at;
    if (s_keep (self, header, BRD_PEER_FD_HEADER) == 0
        && s_keep (self, out->bytes, out->size) == 0)
        return 0;
    self->out.size = self->out_at + before;
    return -1;
}

static int
s_send (brd_peer_t *peer, brd_buf_t *out)
{
    s_peer_t *self = s_self (peer);
    unsigned char header[BRD_PEER_FD_HEADER];
    if (out->size > self->size_max)
        return brd_error_set (
            EMSGSIZE, "a message of more than %zu bytes", self->size_max);
    brd_le_put (header, out->size, sizeof header);
    s_flush (self);
    if (self->deaf || self->error != 0)
        return brd_error_set (EPIPE, "the other side has hung up");
    const int rc = self->out.size == 0 ? s_send_now (self, header, out)
                                       : s_send_later (self, header, out);
    s_watch (self);
    if (rc == 0)
        out->size = 0;
    return rc;
}

static int
s_silent (brd_peer_t *peer, int64_t now)
{
    const s_peer_t *self = s_self (peer);
    (void) now;
    return self->out.size - self->out_at > self->waiting_max;
}

// --- From it ---------------------------------------------------------------

// 1: a message is there, whole, of *ret_size bytes; 0: not yet; -1: none.
static int
s_look (s_peer_t *self, size_t *ret_size)
{
    const size_t there = self->in.size - self->in_at;
    if (there < BRD_PEER_FD_HEADER)
        return 0;
    const uint64_t size =
        brd_le_get (self->in.bytes + self->in_at, BRD_PEER_FD_HEADER);
    if (size > self->size_max)
        return s_end (self, EPROTO, "a message's size is nonsense");
    *ret_size = (size_t) size;
    return there - BRD_PEER_FD_HEADER >= size;
}

// Reads once: 1, 0 when there is nothing, -1. Room doubles with what is there.
static int
s_read (s_peer_t *self)
{
    s_settle (&self->in, &self->in_at);
    if (self->in_at > self->in.size / 2)
        s_make_room (&self->in, &self->in_at);
    if (!brd_buf_reserve (&self->in, S_READ))
        return s_end (self, ENOMEM, "no memory for what comes");
    const ssize_t n = brd_sys_recv (self->socket,
                                    self->in.bytes + self->in.size,
                                    self->in.room - self->in.size,
                                    MSG_DONTWAIT);
    if (n < 0 && s_is_passing (errno))
        return 0;
    if (n <= 0)
        return s_end (self, EPIPE, "the other side has hung up");
    self->in.size += (size_t) n;
    return 1;
}

static int
s_recv (brd_peer_t *peer, const void **ret_bytes, size_t *ret_size)
{
    s_peer_t *self = s_self (peer);
    size_t size = 0;
    int there, came = 1;
    brd_assert (self->lent == 0);
    s_flush (self);
    // What came whole before the end is still good.
    while ((there = self->error == EPROTO ? -1 : s_look (self, &size)) == 0
           && came == 1 && self->error == 0)
        came = s_read (self);
    if (there == 1) {
        *ret_bytes = self->in.bytes + self->in_at + BRD_PEER_FD_HEADER;
        *ret_size = size;
        self->lent = BRD_PEER_FD_HEADER + size;
        return 0;
    }
    if (self->error != 0)
        return s_gone (self);
    errno = EAGAIN;
    return -1;
}

static void
s_done (brd_peer_t *peer)
{
    s_peer_t *self = s_self (peer);
    self->in_at += self->lent;
    self->lent = 0;
    s_settle (&self->in, &self->in_at);
}

// --- Its life --------------------------------------------------------------

static void
s_turn (brd_peer_t *peer, int64_t now)
{
    (void) now;
    s_flush (s_self (peer));
}

static void
s_destroy (brd_peer_t *peer)
{
    s_peer_t *self = s_self (peer);
    s_flush (self);
    // Also for copies that a fork has made.
    (void) shutdown (self->socket, SHUT_RDWR);
    brd_sys_close (&self->peer.fd);
    brd_sys_close (&self->socket);
    brd_buf_fini (&self->in);
    brd_buf_fini (&self->out);
    brd_mem_free (self);
}

static int
s_open (s_peer_t *self)
{
    struct epoll_event event = { .events = EPOLLIN };
    const int flags = fcntl (self->socket, F_GETFL);
    self->peer.fd = brd_sys_epoll ();
    if (self->peer.fd < 0)
        return brd_error_system ("a descriptor for a peer");
    if (flags < 0 || fcntl (self->socket, F_SETFL, flags | O_NONBLOCK) < 0
        || epoll_ctl (self->peer.fd, EPOLL_CTL_ADD, self->socket, &event) < 0)
        return brd_error_set (EINVAL, "not a descriptor of a stream");
    return 0;
}

brd_peer_t *
brd_peer_fd_new (int fd, size_t size_max)
{
    s_peer_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    self->socket = fd;
    self->size_max = size_max;
    self->waiting_max =
        size_max < BRD_PEER_FD_WAITING / 2 ? 2 * size_max : BRD_PEER_FD_WAITING;
    if (s_open (self) < 0) {
        brd_sys_close (&self->peer.fd);
        brd_mem_free (self);
        return NULL;
    }
    // Two messages of the largest size, as one may come behind another.
    brd_buf_init (&self->in, 2 * (size_max + BRD_PEER_FD_HEADER) + S_READ);
    brd_buf_init (&self->out, SIZE_MAX / 2);
    self->peer.send = s_send;
    self->peer.recv = s_recv;
    self->peer.done = s_done;
    self->peer.turn = s_turn;
    self->peer.silent = s_silent;
    self->peer.destroy = s_destroy;
    return &self->peer;
}
