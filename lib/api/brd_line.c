// brd_line.c - one end of a connection over a socket, for several threads
//
// SPDX-License-Identifier: MPL-2.0
//
//     send   turn --> send_part, poll for writing, send_part ... --> turn over
//     peek   turn --> recv, poll for reading, recv ... --> the view is lent
//     take, leave                                      --> turn over
//
// A send that gives up takes back what has left (brd_stream_abandon). When only
// the end of the last record is still here it cannot: the message counts as
// sent, and goes on with the next send, or when the line is closed.
//
// Read next: lib/transport/brd_stream.c.

#include "api/brd_line.h"

#include <errno.h>
#include <sys/socket.h>

#include "api/brd_runtime.h"
#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_mem.h"
#include "shared/brd_lock.h"

enum {
    LINGER_MS = 1000,
    CROWD_MS = 10  // Before the next try where too many wait to be let in
};

struct brd_line {
    brd_stream_t *stream;
    brd_lock_t sending;
    brd_lock_t receiving;
    _Atomic int closed;
};

brd_line_t *
brd_line_new (brd_stream_t **stream_p)
{
    brd_line_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    self->stream = *stream_p;
    *stream_p = NULL;
    return self;
}

// Until the stream may go on, or the time is up.
static int
s_wait (const brd_stream_t *stream, brd_sleep_t *sleep, int events)
{
    struct pollfd fds[2] = {
        { .fd = brd_stream_fd (stream), .events = (short) events },
    };
    return brd_sleep_poll (sleep, fds, 1);
}

// Lets some time pass, unless that is up.
static int
s_pause (brd_sleep_t *sleep)
{
    struct pollfd none[1];
    brd_sleep_t pause = *sleep;
    const int64_t until = brd_clock_deadline (CROWD_MS);
    if (pause.deadline > until)
        pause.deadline = until;
    (void) brd_sleep_poll (&pause, none, 0);
    return brd_sleep_check (sleep);
}

static brd_stream_t *
s_connect (const char *address,
           const void *key,
           size_t key_size,
           brd_sleep_t *sleep)
{
    brd_stream_t *stream;
    while (!(stream = brd_stream_connect (address, key, key_size)))
        if (errno != EAGAIN || s_pause (sleep) < 0)
            return NULL;
    while (brd_stream_open (stream) < 0) {
        const int events =
            brd_stream_wants_write (stream) ? POLLIN | POLLOUT : POLLIN;
        if (errno == EAGAIN && s_wait (stream, sleep, events) >= 0)
            continue;
        brd_error_prefix ("%s", address);
        brd_stream_destroy (&stream);
        break;
    }
    return stream;
}

brd_line_t *
brd_line_connect (const char *address,
                  const void *key,
                  size_t key_size,
                  brd_sleep_t *sleep)
{
    brd_stream_t *stream = s_connect (address, key, key_size, sleep);
    brd_line_t *self = stream ? brd_line_new (&stream) : NULL;
    brd_stream_destroy (&stream);
    return self;
}

void
brd_line_destroy (brd_line_t **self_p)
{
    brd_line_t *self = *self_p;
    if (!self)
        return;
    const int saved_errno = errno;
    *self_p = NULL;
    brd_line_close (self);
    brd_stream_destroy (&self->stream);
    brd_mem_free (self);
    errno = saved_errno;
}

int
brd_line_fd (const brd_line_t *self)
{
    return brd_stream_fd (self->stream);
}

// --- Turns -----------------------------------------------------------------

static int
s_enter (brd_line_t *self, brd_lock_t *turn, brd_sleep_t *sleep)
{
    if (brd_lock_acquire (turn, brd_runtime_shared (), sleep) < 0)
        return -1;
    if (!atomic_load (&self->closed))
        return 0;
    (void) brd_lock_release (turn, brd_runtime_shared ());
    return brd_error_set (EBADF, "the connection was closed");
}

static void
s_leave (brd_lock_t *turn)
{
    (void) brd_lock_release (turn, brd_runtime_shared ());
}

// After a call on the stream has failed: 0 if it is to be made again.
static int
s_again (brd_line_t *self, brd_sleep_t *sleep, int events)
{
    if (errno == EAGAIN) {
        if (s_wait (self->stream, sleep, events) < 0)
            return -1;
        if (!atomic_load (&self->closed))
            return 0;
    }
    return atomic_load (&self->closed)
               ? brd_error_set (EBADF, "the connection was closed")
               : -1;
}

void
brd_line_close (brd_line_t *self)
{
    if (atomic_load (&self->closed))
        return;
    brd_sleep_t sleep;
    brd_sleep_begin (&sleep, brd_clock_deadline (LINGER_MS));
    // What a send that ran out of time has left behind.
    if (s_enter (self, &self->sending, &sleep) == 0) {
        while (brd_stream_flush (self->stream) < 0
               && s_again (self, &sleep, POLLOUT) == 0)
            continue;
        s_leave (&self->sending);
    }
    atomic_store (&self->closed, 1);
    (void) shutdown (brd_stream_fd (self->stream), SHUT_RDWR);
}

// --- Messages --------------------------------------------------------------

static int
s_send (brd_line_t *self, brd_sleep_t *sleep, const void *bytes, size_t size)
{
    size_t done = 0;
    while (brd_stream_send_part (self->stream, bytes, size, &done) < 0) {
        if (s_again (self, sleep, POLLOUT) == 0)
            continue;
        const int error = errno;
        if (error == EPIPE
            || brd_stream_abandon (self->stream, size, done) == 0) {
            errno = error;
            return -1;
        }
        break;
    }
    return 0;
}

int
brd_line_send (brd_line_t *self,
               brd_sleep_t *sleep,
               const void *bytes,
               size_t size)
{
    if (s_enter (self, &self->sending, sleep) < 0)
        return -1;
    const int rc = s_send (self, sleep, bytes, size);
    s_leave (&self->sending);
    return rc;
}

int
brd_line_peek (brd_line_t *self, brd_sleep_t *sleep, brd_pipe_view_t *ret_view)
{
    brd_pipe_view_t view = { .bytes = NULL };
    if (s_enter (self, &self->receiving, sleep) < 0)
        return -1;
    while (brd_stream_recv (self->stream, &view.bytes, &view.size) < 0) {
        view.is_fd = errno == EBADMSG;
        if (view.is_fd)
            break;
        if (s_again (self, sleep, POLLIN) < 0) {
            s_leave (&self->receiving);
            return -1;
        }
    }
    *ret_view = view;
    return 0;
}

void
brd_line_take (brd_line_t *self, void **ret_bytes)
{
    size_t size;
    if (ret_bytes)
        *ret_bytes = brd_stream_take (self->stream, &size);
    else
        brd_stream_done (self->stream);
    s_leave (&self->receiving);
}

void
brd_line_leave (brd_line_t *self)
{
    s_leave (&self->receiving);
}

// --- Descriptors -----------------------------------------------------------

int
brd_line_send_fd (brd_line_t *self, brd_sleep_t *sleep, int fd)
{
    if (s_enter (self, &self->sending, sleep) < 0)
        return -1;
    int rc;
    while ((rc = brd_stream_send_fd (self->stream, fd)) < 0
           && s_again (self, sleep, POLLOUT) == 0)
        continue;
    s_leave (&self->sending);
    return rc;
}

int
brd_line_recv_fd (brd_line_t *self, brd_sleep_t *sleep)
{
    if (s_enter (self, &self->receiving, sleep) < 0)
        return -1;
    int fd;
    while ((fd = brd_stream_recv_fd (self->stream)) < 0
           && s_again (self, sleep, POLLIN) == 0)
        continue;
    s_leave (&self->receiving);
    return fd;
}
