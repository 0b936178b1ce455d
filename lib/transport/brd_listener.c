// brd_listener.c - where strangers come in, and who of them is let through
//
// SPDX-License-Identifier: MPL-2.0
//
//     accept (2) --> stranger --hello, proof--> proven --> the caller's
//                       |  5 s, wrong key, or 256 younger ones
//                       +--> sent away
//
// One epoll holds the listening socket and all strangers, so whoever waits for
// the listener has one descriptor to wait for. Strangers are in the order they
// came in, so the first is the next to run out of time.
//
// Read brd_stream.c next.

#include "transport/brd_listener.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_mem.h"
#include "base/brd_sys.h"
#include "transport/brd_endpoint.h"

enum {
    TURNS = 1024  // Of one accept; the descriptor stays readable
};

typedef struct {
    brd_stream_t *stream;
    int64_t deadline;
    int writes;  // 1: waits for room to say something
} s_stranger_t;

struct brd_listener {
    int fd;
    int epoll;
    brd_endpoint_t at;
    char address[BRD_ENDPOINT_TEXT_MAX];
    s_stranger_t strangers[BRD_LISTENER_STRANGERS];
    int n_strangers;
    size_t key_size;
    unsigned char key[];
};

static int
s_watch (brd_listener_t *self, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
    if (epoll_ctl (self->epoll, EPOLL_CTL_ADD, fd, &event) == 0)
        return 0;
    return brd_error_system ("epoll_ctl");
}

static int
s_listen (brd_listener_t *self, const char *address)
{
    if (brd_endpoint_parse (&self->at, address, 1) < 0)
        return -1;
    self->fd = brd_endpoint_listen (&self->at);
    if (self->fd < 0)
        return brd_error_prefix ("%s", address);
    self->epoll = brd_sys_epoll ();
    if (self->epoll < 0)
        return brd_error_system ("epoll");
    if (s_watch (self, self->fd) < 0)
        return -1;
    return brd_endpoint_text (&self->at, self->fd, self->address);
}

brd_listener_t *
brd_listener_new (const char *address, const void *key, size_t key_size)
{
    brd_listener_t *self = brd_mem_zalloc (sizeof *self + key_size);
    if (!self)
        return NULL;
    self->fd = -1;
    self->epoll = -1;
    self->key_size = key_size;
    memcpy (self->key, key, key_size);
    if (s_listen (self, address) < 0)
        brd_listener_destroy (&self);
    return self;
}

// Takes the i-th out of the row; the stream is the caller's.
static brd_stream_t *
s_take (brd_listener_t *self, int i)
{
    brd_stream_t *stream = self->strangers[i].stream;
    self->n_strangers--;
    memmove (&self->strangers[i],
             &self->strangers[i + 1],
             (size_t) (self->n_strangers - i) * sizeof self->strangers[0]);
    (void) epoll_ctl (self->epoll, EPOLL_CTL_DEL, brd_stream_fd (stream), NULL);
    return stream;
}

static void
s_send_away (brd_listener_t *self, int i)
{
    brd_stream_t *stream = s_take (self, i);
    brd_stream_destroy (&stream);
}

void
brd_listener_destroy (brd_listener_t **self_p)
{
    brd_listener_t *self = *self_p;
    if (!self)
        return;
    const int saved_errno = errno;
    *self_p = NULL;
    while (self->n_strangers > 0)
        s_send_away (self, self->n_strangers - 1);
    if (self->fd >= 0)
        brd_endpoint_remove (&self->at);
    brd_sys_close (&self->fd);
    brd_sys_close (&self->epoll);
    explicit_bzero (self->key, self->key_size);
    brd_mem_free (self);
    errno = saved_errno;
}

const char *
brd_listener_address (const brd_listener_t *self)
{
    return self->address;
}

int
brd_listener_fd (const brd_listener_t *self)
{
    return self->epoll;
}

int64_t
brd_listener_deadline (const brd_listener_t *self)
{
    return self->n_strangers > 0 ? self->strangers[0].deadline : BRD_NEVER;
}

// What accept (2) says of a peer that came and went, or of the network: the
// next one is another matter.
static int
s_is_of_peer (int error)
{
    switch (error) {
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENETDOWN:
    case ENETUNREACH:
    case ENONET:
    case EOPNOTSUPP:
        return 1;
    default:
        return 0;
    }
}

// One more into the row. -1: nobody waits (EAGAIN), somebody was sent away
// (EACCES), or there is no room for anybody (EMFILE and such).
static int
s_let_in (brd_listener_t *self)
{
    int fd;
    do
        fd = brd_sys_accept (self->fd);
    while (fd < 0 && s_is_of_peer (errno));
    if (fd < 0)
        return errno == EAGAIN ? brd_error_set (EAGAIN, "nobody connects")
                               : brd_error_system ("accept");
    brd_stream_t *stream = brd_stream_accepted (fd, self->key, self->key_size);
    if (!stream) {
        brd_sys_close (&fd);
        return -1;
    }
    if (s_watch (self, fd) < 0) {
        brd_stream_destroy (&stream);
        return -1;
    }
    if (self->n_strangers == BRD_LISTENER_STRANGERS)
        s_send_away (self, 0);
    self->strangers[self->n_strangers++] = (s_stranger_t){
        .stream = stream,
        .deadline = brd_clock_deadline (BRD_LISTENER_MS),
    };
    return 0;
}

static int
s_find (const brd_listener_t *self, int fd)
{
    for (int i = 0; i < self->n_strangers; i++)
        if (brd_stream_fd (self->strangers[i].stream) == fd)
            return i;
    return -1;
}

static void
s_await (brd_listener_t *self, s_stranger_t *stranger)
{
    const int writes = brd_stream_wants_write (stranger->stream);
    if (writes == stranger->writes)
        return;
    const int fd = brd_stream_fd (stranger->stream);
    struct epoll_event event = {
        .events = writes ? EPOLLIN | EPOLLOUT : EPOLLIN,
        .data.fd = fd,
    };
    (void) epoll_ctl (self->epoll, EPOLL_CTL_MOD, fd, &event);
    stranger->writes = writes;
}

// The i-th says what it can, and hears what there is: 1 and its stream when it
// is proven; 0; or -1 if it was sent away and the caller is to know.
static int
s_drive (brd_listener_t *self, int i, brd_stream_t **ret_stream)
{
    if (brd_stream_open (self->strangers[i].stream) == 0) {
        *ret_stream = s_take (self, i);
        return 1;
    }
    const int error = errno;
    if (error == EAGAIN || error == ENOMEM) {
        s_await (self, &self->strangers[i]);
        return 0;
    }
    s_send_away (self, i);
    errno = error;
    return error == EACCES ? -1 : 0;
}

// Something happened on a descriptor. As s_drive (), and -1 if nobody can be
// let in now.
static int
s_turn (brd_listener_t *self, int fd, brd_stream_t **ret_stream)
{
    if (fd != self->fd) {
        const int i = s_find (self, fd);
        brd_assert (i >= 0);
        return s_drive (self, i, ret_stream);
    }
    if (s_let_in (self) < 0)
        return errno == EAGAIN ? 0 : -1;
    // Our hello goes out now, whatever the stranger does.
    return s_drive (self, self->n_strangers - 1, ret_stream);
}

static void
s_expire (brd_listener_t *self)
{
    const int64_t now = self->n_strangers > 0 ? brd_clock_now () : 0;
    while (self->n_strangers > 0 && self->strangers[0].deadline <= now)
        s_send_away (self, 0);
}

brd_stream_t *
brd_listener_accept (brd_listener_t *self)
{
    struct epoll_event event;
    // One at a time: the kernel puts it at the end of its row, so that nobody
    // who keeps us busy keeps others out.
    for (int i = 0; i < TURNS; i++) {
        brd_stream_t *stream = NULL;
        if (epoll_wait (self->epoll, &event, 1, 0) <= 0)
            break;
        const int rc = s_turn (self, event.data.fd, &stream);
        if (rc != 0)
            return stream;
    }
    // After what has come was looked at: the caller may have been away.
    s_expire (self);
    errno = EAGAIN;
    return NULL;
}
