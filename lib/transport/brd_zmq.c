// brd_zmq.c - ZeroMQ, fenced
//
// SPDX-License-Identifier: MPL-2.0
//
// Every option of the sockets between the processes of a host is set in
// s_link_new, each for a loss or a crash that was seen without it:
//
//     ROUTER_MANDATORY   else a message to a peer that is gone vanishes
//     SNDHWM, RCVHWM 0   the core's credit is the limit; a high-water mark
//                        would drop beyond it
//     LINGER 0           else ending hangs on a peer that does not read
//     RECONNECT_IVL -1   a dead worker does not come back under its name
//     HANDSHAKE_IVL 0    a worker greets when its initializer is done, however
//                        long that takes; strangers are kept out by uid
//     MAXMSGSIZE         else a header may make us reserve what it names
//     IPC_FILTER_UID     abstract names have no permissions of their own
//
// One context for each process, with one I/O thread, made when the first link
// is. A child has its parent's, which must never be touched: the birth number
// tells. Read brd_tcp_dial.c next: the same between hosts.

#include "transport/brd_zmq.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "base/brd_mem.h"
#include "base/brd_process.h"
#include "base/brd_sys.h"
#include "transport/brd_zmq_private.h"
#include "wire/brd_limits.h"

// The deprecated filter is compiled in and documented no more.
#ifndef ZMQ_IPC_FILTER_UID
#define ZMQ_IPC_FILTER_UID 59
#endif

// Below this a copy is cheaper than giving the memory to the I/O thread.
enum {
    S_COPY_MAX = 8192,
    S_SOCKETS_MAX = 1024  // Eight bytes each, whether there or not
};

// The process's context; see "No globals" in docs/decisions/0003-globals.md.
static struct {
    _Atomic uint32_t held;  // By a thread of the process so born, 0: by none
    void *context;
    uint32_t birth;
    int sockets;
} s_process;

// Held for as long as it takes to make a socket, and by nobody in a child that
// was forked meanwhile.
static void
s_lock (void)
{
    const uint32_t birth = brd_process_birth ();
    for (;;) {
        uint32_t held = 0;
        if (atomic_compare_exchange_strong (&s_process.held, &held, birth)
            || (held != birth
                && atomic_compare_exchange_strong (
                    &s_process.held, &held, birth)))
            return;
        sched_yield ();
    }
}

static void
s_unlock (void)
{
    atomic_store (&s_process.held, 0);
}

int
brd_zmq_fail (const char *what)
{
    const int error = zmq_errno ();
    return brd_error_set (
        error > 0 ? error : EPROTO, "%s: %s", what, zmq_strerror (error));
}

static void *
s_context (void)
{
    if (s_process.context && s_process.birth == brd_process_birth ())
        return s_process.context;
    void *context = zmq_ctx_new ();
    if (!context) {
        brd_zmq_fail ("zmq_ctx_new");
        return NULL;
    }
    zmq_ctx_set (context, ZMQ_IO_THREADS, 1);
    zmq_ctx_set (context, ZMQ_MAX_SOCKETS, S_SOCKETS_MAX);
    s_process.context = context;
    s_process.birth = brd_process_birth ();
    s_process.sockets = 0;
    return context;
}

int
brd_zmq_set (void *socket, int option, int value)
{
    return brd_zmq_call_setsockopt (socket, option, &value, sizeof value);
}

// The first socket of a context seeds rand (), and each ROUTER draws from it
// what it calls peers that come without a name. The sequence is the program's,
// so meanwhile there is another one; and who could guess that would make libzmq
// abort, by taking the next name, so it begins nobody knows where.
static void *
s_socket (void *context, int type)
{
    char numbers[128];
    unsigned seed;
    if (brd_sys_random (&seed, sizeof seed) < 0) {
        brd_error_system ("getrandom");
        return NULL;
    }
    char *program = initstate (seed, numbers, sizeof numbers);
    void *socket = zmq_socket (context, type);
    if (program)
        (void) setstate (program);
    if (!socket)
        brd_zmq_fail ("zmq_socket");
    return socket;
}

void *
brd_zmq_socket_new (int type)
{
    s_lock ();
    void *context = s_context ();
    void *socket = context ? s_socket (context, type) : NULL;
    if (socket)
        s_process.sockets++;
    s_unlock ();
    if (socket && brd_zmq_set (socket, ZMQ_LINGER, 0) < 0) {
        brd_zmq_fail ("zmq_setsockopt");
        brd_zmq_socket_close (socket);
        return NULL;
    }
    return socket;
}

void
brd_zmq_socket_close (void *socket)
{
    if (!socket)
        return;
    const int saved_errno = errno;
    zmq_close (socket);
    s_lock ();
    s_process.sockets--;
    s_unlock ();
    errno = saved_errno;
}

static int
s_set_all (void *socket, const brd_zmq_option_t *options)
{
    for (; options->option != 0; options++)
        if (brd_zmq_set (socket, options->option, options->value) < 0)
            return brd_zmq_fail ("zmq_setsockopt");
    return 0;
}

brd_zmq_t *
brd_zmq_link_new (int type, const brd_zmq_option_t *options)
{
    brd_zmq_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    self->type = type;
    self->socket = brd_zmq_socket_new (type);
    if (!self->socket)
        goto error;
    size_t size = sizeof self->fd;
    if (s_set_all (self->socket, options) < 0)
        goto error;
    if (brd_zmq_call_getsockopt (self->socket, ZMQ_FD, &self->fd, &size) < 0) {
        brd_zmq_fail ("ZMQ_FD");
        goto error;
    }
    return self;

error:
    brd_zmq_destroy (&self);
    return NULL;
}

static brd_zmq_t *
s_link_new (void)
{
    static const brd_zmq_option_t options[] = {
        { ZMQ_ROUTER_MANDATORY, 1 }, { ZMQ_SNDHWM, 0 },
        { ZMQ_RCVHWM, 0 },           { ZMQ_RECONNECT_IVL, -1 },
        { ZMQ_HANDSHAKE_IVL, 0 },    { 0, 0 },
    };
    const int64_t size_max = (int64_t) BRD_WIRE_SIZE_MAX;
    const uid_t uid = geteuid ();
    brd_zmq_t *self = brd_zmq_link_new (ZMQ_ROUTER, options);
    if (self
        && (brd_zmq_call_setsockopt (
                self->socket, ZMQ_MAXMSGSIZE, &size_max, sizeof size_max)
                < 0
            || brd_zmq_call_setsockopt (
                   self->socket, ZMQ_IPC_FILTER_UID, &uid, sizeof uid)
                   < 0)) {
        brd_zmq_fail ("zmq_setsockopt");
        brd_zmq_destroy (&self);
    }
    return self;
}

brd_zmq_t *
brd_zmq_host_new (const unsigned char id[BRD_ZMQ_ID])
{
    brd_assert (id[0] != 0);
    brd_zmq_t *self = s_link_new ();
    if (self
        && brd_zmq_call_setsockopt (
               self->socket, ZMQ_ROUTING_ID, id, BRD_ZMQ_ID)
               < 0) {
        brd_zmq_fail ("routing id");
        brd_zmq_destroy (&self);
    }
    return self;
}

static int
s_endpoint (char *buf, size_t size, const char *name)
{
    const size_t length = strlen (name);
    if (length + 7 > size)
        return brd_error_set (EINVAL, "address too long: %s", name);
    memcpy (buf, "ipc://", 6);
    memcpy (buf + 6, name, length + 1);
    return 0;
}

brd_zmq_t *
brd_zmq_worker_new (int listen_fd, const char *name, pid_t owner)
{
    char endpoint[128];
    if (s_endpoint (endpoint, sizeof endpoint, name) < 0)
        return NULL;
    brd_zmq_t *self = s_link_new ();
    if (!self)
        return NULL;
    self->owner = owner;
    self->address_size = sizeof self->address;
    if (getsockname (
            listen_fd, (struct sockaddr *) &self->address, &self->address_size)
        < 0) {
        brd_error_system ("getsockname");
        brd_zmq_destroy (&self);
    }
    if (self
        && (brd_zmq_set (self->socket, ZMQ_USE_FD, listen_fd) < 0
            || brd_zmq_call_bind (self->socket, endpoint) < 0)) {
        brd_zmq_fail (endpoint);
        brd_zmq_destroy (&self);
    }
    return self;
}

void
brd_zmq_destroy (brd_zmq_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    brd_zmq_socket_close ((*self_p)->socket);
    brd_mem_free (*self_p);
    *self_p = NULL;
}

int
brd_zmq_connect (brd_zmq_t *self,
                 const char *name,
                 const unsigned char peer[BRD_ZMQ_ID])
{
    char endpoint[128];
    if (s_endpoint (endpoint, sizeof endpoint, name) < 0)
        return -1;
    if (brd_zmq_call_setsockopt (
            self->socket, ZMQ_CONNECT_ROUTING_ID, peer, BRD_ZMQ_ID)
            < 0
        || brd_zmq_call_connect (self->socket, endpoint) < 0)
        return brd_zmq_fail (endpoint);
    return 0;
}

void
brd_zmq_disconnect (brd_zmq_t *self, const char *name)
{
    char endpoint[128];
    const int saved_errno = errno;
    if (s_endpoint (endpoint, sizeof endpoint, name) == 0)
        (void) brd_zmq_call_disconnect (self->socket, endpoint);
    errno = saved_errno;
}

static void
s_free (void *bytes, void *hint)
{
    (void) hint;
    brd_mem_free (bytes);
}

// The body as a zmq_msg_t. Large ones hand their memory over, but only when
// the first frame has gone out, so that a refused message is still the
// caller's.
static int
s_body (zmq_msg_t *msg, brd_buf_t *out)
{
    if (out->size <= S_COPY_MAX) {
        if (zmq_msg_init_size (msg, out->size) < 0)
            return brd_zmq_fail ("zmq_msg_init_size");
        memcpy (zmq_msg_data (msg), out->bytes, out->size);
        out->size = 0;
        return 0;
    }
    size_t size;
    void *bytes = brd_buf_steal (out, &size);
    if (zmq_msg_init_data (msg, bytes, size, s_free, NULL) == 0)
        return 0;
    brd_zmq_fail ("zmq_msg_init_data");
    out->bytes = bytes;
    out->size = out->room = size;
    return -1;
}

int
brd_zmq_send (brd_zmq_t *self,
              const unsigned char peer[BRD_ZMQ_ID],
              brd_buf_t *out)
{
    zmq_msg_t msg;
    brd_assert (out->size > 0);
    if (brd_zmq_call_send (
            self->socket, peer, BRD_ZMQ_ID, ZMQ_SNDMORE | ZMQ_DONTWAIT)
        < 0)
        return brd_zmq_fail ("send");
    if (s_body (&msg, out) < 0) {
        // The message is begun and must be ended: an empty one is dropped by
        // the other side as not ours.
        const int saved_errno = errno;
        (void) brd_zmq_call_send (self->socket, "", 0, ZMQ_DONTWAIT);
        errno = saved_errno;
        return -1;
    }
    if (brd_zmq_call_msg_send (&msg, self->socket, ZMQ_DONTWAIT) < 0) {
        // Gone between the two frames: the peer's death has its own report.
        brd_zmq_fail ("send");
        zmq_msg_close (&msg);
        return -1;
    }
    return 0;
}

zmq_msg_t *
brd_zmq_msg (const brd_zmq_msg_t *msg)
{
    _Static_assert(sizeof msg->private_ >= sizeof (zmq_msg_t), "zmq_msg_t");
    return (zmq_msg_t *) (void *) msg->private_;
}

// Takes the rest of a message that is too long; part is its last frame then.
static void
s_skip_rest (brd_zmq_t *self, zmq_msg_t *part)
{
    while (zmq_msg_more (part)) {
        zmq_msg_t rest;
        zmq_msg_init (&rest);
        if (brd_zmq_call_msg_recv (&rest, self->socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close (&rest);
            break;
        }
        zmq_msg_move (part, &rest);
    }
}

// The frame after the name, into its place. 0 if there is not just one.
static int
s_recv_body (brd_zmq_t *self, zmq_msg_t *msg)
{
    if (!zmq_msg_more (msg))
        return 0;
    zmq_msg_close (msg);
    zmq_msg_init (msg);
    if (brd_zmq_call_msg_recv (msg, self->socket, ZMQ_DONTWAIT) < 0)
        return 0;
    return !zmq_msg_more (msg);
}

int
brd_zmq_take (brd_zmq_t *self, int wait, brd_zmq_msg_t *ret_msg)
{
    zmq_msg_t *msg = brd_zmq_msg (ret_msg);
    zmq_msg_init (msg);
    if (brd_zmq_call_msg_recv (msg, self->socket, wait ? 0 : ZMQ_DONTWAIT)
        < 0) {
        // No text: this is how every look at an empty socket ends.
        const int error = zmq_errno ();
        zmq_msg_close (msg);
        errno = error;
        return -1;
    }
    int named = 1, ours = 0;
    if (self->type == ZMQ_DEALER) {
        memset (ret_msg->peer, 0, BRD_ZMQ_ID);
        ours = !zmq_msg_more (msg);
    }
    else if ((named = zmq_msg_size (msg) == BRD_ZMQ_ID)) {
        memcpy (ret_msg->peer, zmq_msg_data (msg), BRD_ZMQ_ID);
        ours = s_recv_body (self, msg);
    }
    if (!ours)
        s_skip_rest (self, msg);
    ret_msg->bytes = ours ? zmq_msg_data (msg) : "";
    ret_msg->size = ours ? zmq_msg_size (msg) : 0;
    return !named;
}

int
brd_zmq_recv (brd_zmq_t *self, int wait, brd_zmq_msg_t *ret_msg)
{
    int rc;
    while ((rc = brd_zmq_take (self, wait, ret_msg)) > 0) {
        brd_zmq_drop_sender (self, ret_msg);
        brd_zmq_msg_done (ret_msg);
    }
    return rc;
}

void
brd_zmq_msg_done (brd_zmq_msg_t *msg)
{
    zmq_msg_close (brd_zmq_msg (msg));
}

void
brd_zmq_msg_move (brd_zmq_msg_t *to, brd_zmq_msg_t *from)
{
    // A zmq_msg_t has no pointer to itself, but bytes may point into it.
    if (to != from)
        memcpy (to, from, sizeof *to);
    to->bytes = zmq_msg_data (brd_zmq_msg (to));
}

// Whether fd is a connection that was made to us, by somebody who is not the
// owner.
static int
s_is_stranger (const brd_zmq_t *self, int fd)
{
    struct ucred peer;
    struct sockaddr_un address = { .sun_family = AF_UNSPEC };
    socklen_t size = sizeof address;
    if (getsockname (fd, (struct sockaddr *) &address, &size) < 0
        || size != self->address_size
        || memcmp (&address, &self->address, size) != 0)
        return 0;
    size = sizeof peer;
    return getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0
           && peer.pid != self->owner;
}

void
brd_zmq_drop_sender (const brd_zmq_t *self, brd_zmq_msg_t *msg)
{
    // Only a number: the sender may have gone, and another have got it, even
    // the owner's connection or a file of the program's. What it is now is kept
    // by a number of our own while it is looked at.
    const int number = zmq_msg_get (brd_zmq_msg (msg), ZMQ_SRCFD);
    int fd = number < 0 ? -1 : brd_sys_dup (number);
    if (fd >= 0 && s_is_stranger (self, fd))
        (void) shutdown (fd, SHUT_RDWR);
    brd_sys_close (&fd);
}

void
brd_zmq_sleep (brd_zmq_t *self, int fd)
{
    zmq_pollitem_t items[] = { { .socket = self->socket, .events = ZMQ_POLLIN },
                               { .fd = fd, .events = ZMQ_POLLIN } };
    (void) zmq_poll (items, 2, -1);
}

int
brd_zmq_fd (const brd_zmq_t *self)
{
    return self->fd;
}

int
brd_zmq_ready (brd_zmq_t *self)
{
    int events = 0;
    size_t size = sizeof events;
    if (brd_zmq_call_getsockopt (self->socket, ZMQ_EVENTS, &events, &size) < 0)
        return 0;
    return (events & ZMQ_POLLIN) != 0;
}

void
brd_zmq_term (void)
{
    void *context = NULL;
    s_lock ();
    if (s_process.birth == brd_process_birth () && s_process.sockets == 0) {
        context = s_process.context;
        s_process.context = NULL;
    }
    s_unlock ();
    if (context)
        (void) brd_zmq_call_ctx_term (context);
}
