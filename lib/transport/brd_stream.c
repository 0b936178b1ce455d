// brd_stream.c - framed messages over stream sockets, between proven peers
//
// SPDX-License-Identifier: MPL-2.0
//
//            CONNECTING --> HELLO --> PROOF --> OPEN      any --> broken
//
//     send    frame -> records (sealed over tcp) -> out -> socket
//     recv    socket -> in -> records -> frame, lent until done
//
// A record is 4 bytes of header (how many bytes follow, what they are) and at
// most 64 KiB. A frame is as many of them as it takes, the last marked. So
// nobody declares how long a frame will be, memory grows with what has come,
// and the rest of a frame that is given up needs not be sent: one record takes
// the parts back.
//
// Sending and receiving break apart from each other: from a peer that has gone
// away, what it sent before is still to be received.
//
// Here: making one, opening and ending it. Read brd_stream_send.c next, then
// brd_stream_recv.c; brd_auth.c for the proofs, brd_endpoint.c for sockets.

#include "transport/brd_stream.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "base/brd_mem.h"
#include "base/brd_sys.h"
#include "transport/brd_stream_private.h"
#include "wire/brd_limits.h"

// --- Ends ------------------------------------------------------------------

int
brd_stream_ended (const brd_stream_end_t *end)
{
    return brd_error_set (end->error, "%s", end->text);
}

int
brd_stream_end (brd_stream_end_t *end, int error, const char *text)
{
    if (end->error == 0) {
        end->error = error;
        // Cut short where it does not fit.
        memcpy (end->text, text, strnlen (text, sizeof end->text - 1));
    }
    return brd_stream_ended (end);
}

// After the thread's error has been set.
static int
s_end_both (brd_stream_t *self)
{
    (void) brd_stream_end (&self->no_recv, errno, brd_error_get ()->text);
    if (self->no_send.error == 0)
        self->no_send = self->no_recv;
    return brd_stream_ended (&self->no_recv);
}

// --- Making and ending one -------------------------------------------------

static brd_stream_t *
s_new (brd_auth_role_t role, int is_tcp, const void *key, size_t key_size)
{
    unsigned char random[BRD_AUTH_RANDOM];
    if (brd_sys_random (random, sizeof random) < 0) {
        brd_error_system ("random bytes");
        return NULL;
    }
    brd_stream_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    self->fd = -1;
    self->role = role;
    self->is_tcp = is_tcp;
    self->state =
        role == BRD_AUTH_CONNECTOR ? BRD_STREAM_CONNECTING : BRD_STREAM_HELLO;
    brd_buf_init (&self->out, SIZE_MAX / 2);
    brd_buf_init (&self->in, BRD_STREAM_IN_MAX);
    brd_buf_init (&self->frame, BRD_WIRE_SIZE_MAX);
    self->auth = brd_auth_new (role, is_tcp, key, key_size, random);
    explicit_bzero (random, sizeof random);
    // Room for both hellos' and proofs' worth, so that opening cannot run out.
    if (!self->auth
        || !brd_buf_reserve (&self->out, BRD_AUTH_HELLO + BRD_AUTH_PROOF)
        || !brd_buf_reserve (&self->in, BRD_AUTH_HELLO + BRD_AUTH_PROOF))
        brd_stream_destroy (&self);
    return self;
}

void
brd_stream_destroy (brd_stream_t **self_p)
{
    brd_stream_t *self = *self_p;
    if (!self)
        return;
    const int saved_errno = errno;
    *self_p = NULL;
    // Bytes nobody read make the kernel reset a tcp connection, and the peer
    // then loses the last it was sent.
    if (self->is_tcp && self->fd >= 0) {
        char dropped[4096];
        for (int i = 0; i < 64; i++)
            if (brd_sys_recv (self->fd, dropped, sizeof dropped, MSG_DONTWAIT)
                <= 0)
                break;
    }
    brd_sys_close (&self->fd);
    for (int i = 0; i < self->n_fds; i++)
        brd_sys_close (&self->fds[i]);
    brd_auth_destroy (&self->auth);
    brd_mem_free (self->to);
    brd_buf_fini (&self->out);
    brd_buf_fini (&self->in);
    brd_buf_fini (&self->frame);
    brd_mem_free (self);
    errno = saved_errno;
}

static void
s_say_hello (brd_stream_t *self)
{
    self->state = BRD_STREAM_HELLO;
    brd_auth_hello (self->auth, self->out.bytes);
    self->out.size = BRD_AUTH_HELLO;
}

brd_stream_t *
brd_stream_accepted (int fd, const void *key, size_t key_size)
{
    int family = AF_UNIX;
    socklen_t size = sizeof family;
    (void) getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
    if (family == AF_UNIX && brd_endpoint_check_user (fd) < 0)
        return NULL;
    brd_stream_t *self =
        s_new (BRD_AUTH_LISTENER, family != AF_UNIX, key, key_size);
    if (!self)
        return NULL;
    self->fd = fd;
    if (self->is_tcp)
        brd_endpoint_tune (fd);
    s_say_hello (self);
    return self;
}

brd_stream_t *
brd_stream_over (int fd, const void *key, size_t key_size)
{
    if (brd_endpoint_check_user (fd) < 0)
        return NULL;
    brd_stream_t *self = s_new (BRD_AUTH_CONNECTOR, 0, key, key_size);
    if (!self)
        return NULL;
    self->fd = fd;
    s_say_hello (self);
    return self;
}

// Begins with the next place that can be begun with.
static int
s_next_place (brd_stream_t *self)
{
    brd_sys_close (&self->fd);
    while (self->place < self->to->n_places) {
        self->fd = brd_endpoint_connect (self->to, self->place++);
        if (self->fd >= 0)
            return 0;
    }
    return -1;
}

brd_stream_t *
brd_stream_connect (const char *address, const void *key, size_t key_size)
{
    brd_endpoint_t to;
    if (brd_endpoint_parse (&to, address, 0) < 0)
        return NULL;
    brd_stream_t *self = s_new (BRD_AUTH_CONNECTOR, to.is_tcp, key, key_size);
    if (!self)
        return NULL;
    self->to = brd_mem_alloc (sizeof *self->to);
    if (self->to)
        *self->to = to;
    if (!self->to || s_next_place (self) < 0
        || (!self->is_tcp && brd_endpoint_check_user (self->fd) < 0)) {
        brd_error_prefix ("%s", address);
        brd_stream_destroy (&self);
    }
    return self;
}

int
brd_stream_fd (const brd_stream_t *self)
{
    return self->fd;
}

int
brd_stream_is_tcp (const brd_stream_t *self)
{
    return self->is_tcp;
}

int
brd_stream_wants_write (const brd_stream_t *self)
{
    return self->state == BRD_STREAM_CONNECTING || self->owes_forget
           || self->out.size > self->out_sent;
}

// --- Opening ---------------------------------------------------------------

// The socket is connected, or not yet, or this place was the wrong one.
static int
s_connect (brd_stream_t *self)
{
    int error = 0;
    socklen_t size = sizeof error;
    struct pollfd one = { .fd = self->fd, .events = POLLOUT };
    if (poll (&one, 1, 0) <= 0)
        return brd_stream_again ();
    if (getsockopt (self->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        error = errno;
    if (error == 0) {
        if (self->is_tcp)
            brd_endpoint_tune (self->fd);
        brd_mem_free (self->to);
        self->to = NULL;
        s_say_hello (self);
        return 0;
    }
    errno = error;
    brd_error_system ("connect");
    return s_next_place (self) < 0 ? s_end_both (self) : 0;
}

// Exactly size bytes, since what follows them may need the peer proven.
static int
s_read_exactly (brd_stream_t *self, size_t size)
{
    while (self->in.size < size) {
        const ssize_t n = brd_stream_read (self, size - self->in.size);
        if (n < 0)
            return -1;
        if (n == 0) {
            brd_error_set (ECONNREFUSED, "the other side hung up");
            return s_end_both (self);
        }
    }
    self->in.size = 0;
    return 0;
}

static void
s_say (brd_stream_t *self, void (*what) (brd_stream_t *, unsigned char *))
{
    // Reserved when it was made; what was said before has been written.
    what (self, self->out.bytes + self->out.size);
    self->out.size += BRD_AUTH_PROOF;
}

static void
s_prove (brd_stream_t *self, unsigned char *ret)
{
    brd_auth_prove (self->auth, ret);
}

static void
s_refuse (brd_stream_t *self, unsigned char *ret)
{
    (void) self;
    brd_auth_refuse (ret);
}

static int
s_hello (brd_stream_t *self)
{
    if (s_read_exactly (self, BRD_AUTH_HELLO) < 0)
        return -1;
    if (brd_auth_meet (self->auth, self->in.bytes) < 0)
        return s_end_both (self);
    self->state = BRD_STREAM_PROOF;
    if (self->role == BRD_AUTH_CONNECTOR)
        s_say (self, s_prove);
    return 0;
}

static int
s_proof (brd_stream_t *self)
{
    if (s_read_exactly (self, BRD_AUTH_PROOF) < 0)
        return -1;
    const int good = brd_auth_check (self->auth, self->in.bytes) == 0;
    if (!good)
        (void) s_end_both (self);
    if (self->role == BRD_AUTH_LISTENER)
        s_say (self, good ? s_prove : s_refuse);
    if (!good) {
        (void) brd_stream_write (self);
        return brd_stream_ended (&self->no_recv);
    }
    self->proven = 1;
    return 0;
}

// Whatever is to be said and heard next, as far as it goes.
static int
s_step (brd_stream_t *self)
{
    if (self->no_recv.error != 0)
        return brd_stream_ended (&self->no_recv);
    if (self->state == BRD_STREAM_CONNECTING)
        return s_connect (self);
    // What the peer said is read even if it takes no more from us: it may be a
    // refusal.
    if (brd_stream_write (self) < 0 && (errno != EPIPE || self->proven))
        return -1;
    if (self->proven)
        self->state = BRD_STREAM_OPEN;
    else if (self->state == BRD_STREAM_HELLO)
        return s_hello (self);
    else
        return s_proof (self);
    return 0;
}

int
brd_stream_open (brd_stream_t *self)
{
    while (self->state != BRD_STREAM_OPEN)
        if (s_step (self) < 0)
            return -1;
    return 0;
}
