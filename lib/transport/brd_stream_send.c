// brd_stream_send.c - frames into records, records into the socket
//
// SPDX-License-Identifier: MPL-2.0
//
//     send         frame --> all its records --> out --> as far as it goes
//     send_part    frame --> a record --> out --> socket; the next when it is
//                                                 all gone
//     abandon      the record in out, if nothing of it has left, is undone;
//                  parts that have left are taken back by FORGET
//
// Read brd_stream_recv.c next.

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/brd_check.h"
#include "base/brd_sys.h"
#include "transport/brd_stream_private.h"
#include "wire/brd_limits.h"

size_t
brd_stream_queued (const brd_stream_t *self)
{
    return self->out.size - self->out_sent;
}

int
brd_stream_write (brd_stream_t *self)
{
    while (self->out_sent < self->out.size) {
        const ssize_t n = brd_sys_send (self->fd,
                                        self->out.bytes + self->out_sent,
                                        self->out.size - self->out_sent,
                                        MSG_DONTWAIT);
        if (n >= 0) {
            self->out_sent += (size_t) n;
            self->may_undo = 0;
            continue;
        }
        if (brd_stream_is_again ())
            return brd_stream_again ();
        if (errno == ENOMEM || errno == ENOBUFS)
            return brd_error_set (ENOMEM, "no memory to send with");
        return brd_stream_end (&self->no_send, EPIPE, "the other end is gone");
    }
    self->out.size = 0;
    self->out_sent = 0;
    if (self->out.room > BRD_STREAM_KEEP)
        brd_buf_fini (&self->out);
    return 0;
}

static void
s_header (unsigned char ret[BRD_STREAM_HEADER], size_t size, int kind)
{
    ret[0] = (unsigned char) size;
    ret[1] = (unsigned char) (size >> 8);
    ret[2] = (unsigned char) (size >> 16);
    ret[3] = (unsigned char) kind;
}

// A record into the queue. ENOMEM, and nothing has happened.
static int
s_queue (brd_stream_t *self, int kind, const unsigned char *bytes, size_t size)
{
    const size_t sealed = self->is_tcp ? size + BRD_AUTH_SEAL : size;
    unsigned char *to =
        brd_buf_reserve (&self->out, BRD_STREAM_HEADER + sealed);
    if (!to)
        return -1;
    s_header (to, sealed, kind);
    if (self->is_tcp)
        brd_auth_seal (self->auth, to, bytes, size, to + BRD_STREAM_HEADER);
    else if (size > 0)
        memcpy (to + BRD_STREAM_HEADER, bytes, size);
    self->out.size += BRD_STREAM_HEADER + sealed;
    self->in_part = kind == BRD_STREAM_PART;
    self->may_undo = 0;
    return 0;
}

// What was given up is taken back before anything else is said.
static int
s_forget (brd_stream_t *self)
{
    if (self->owes_forget && s_queue (self, BRD_STREAM_FORGET, NULL, 0) < 0)
        return -1;
    self->owes_forget = 0;
    return 0;
}

// For who queues faster than the peer reads: what was sent makes room, in time
// proportional to what was sent.
static void
s_compact (brd_stream_t *self)
{
    if (self->out_sent < BRD_STREAM_KEEP / 16
        || self->out_sent < self->out.size / 2)
        return;
    self->out.size -= self->out_sent;
    memmove (self->out.bytes, self->out.bytes + self->out_sent, self->out.size);
    self->out_sent = 0;
}

static int
s_may_send (brd_stream_t *self)
{
    s_compact (self);
    brd_assert (self->state == BRD_STREAM_OPEN);
    if (self->no_send.error != 0)
        return brd_stream_ended (&self->no_send);
    return s_forget (self);
}

int
brd_stream_flush (brd_stream_t *self)
{
    return s_may_send (self) < 0 ? -1 : brd_stream_write (self);
}

static int
s_check_size (size_t size)
{
    if (size <= BRD_WIRE_SIZE_MAX)
        return 0;
    return brd_error_set (EMSGSIZE,
                          "%zu bytes are more than the limit of %zu",
                          size,
                          BRD_WIRE_SIZE_MAX);
}

int
brd_stream_send_part (brd_stream_t *self,
                      const void *bytes,
                      size_t size,
                      size_t *done)
{
    // The last record of size 0 is sent too: done goes one beyond size.
    brd_assert (*done <= size + 1);
    if (s_check_size (size) < 0 || brd_stream_flush (self) < 0)
        return -1;
    while (*done <= size) {
        const size_t left = size - *done;
        const size_t n =
            left > BRD_STREAM_RECORD_MAX ? BRD_STREAM_RECORD_MAX : left;
        const unsigned char *from =
            n > 0 ? (const unsigned char *) bytes + *done : NULL;
        const int was_in_part = self->in_part;
        if (s_queue (
                self, n < left ? BRD_STREAM_PART : BRD_STREAM_LAST, from, n)
            < 0)
            return -1;
        self->may_undo = 1;
        self->was_in_part = was_in_part;
        *done = n < left ? *done + n : size + 1;
        if (brd_stream_write (self) < 0)
            return -1;
    }
    return 0;
}

int
brd_stream_abandon (brd_stream_t *self, size_t size, size_t done)
{
    if (self->may_undo) {
        if (self->is_tcp)
            brd_auth_unseal (self->auth);
        self->out.size = 0;
        self->in_part = self->was_in_part;
        self->may_undo = 0;
    }
    else if (done > size)
        return brd_error_set (EALREADY, "it has left, but for its end");
    self->owes_forget |= self->in_part;
    return 0;
}

// All records into the queue, or none: then those there are not told apart
// from what was queued before.
static int
s_queue_all (brd_stream_t *self, const unsigned char *bytes, size_t size)
{
    const size_t n = size / BRD_STREAM_RECORD_MAX + 1;
    // Sealing a record cannot be undone, so the room must be there before.
    if (!brd_buf_reserve (&self->out,
                          size + n * (BRD_STREAM_HEADER + BRD_AUTH_SEAL)))
        return -1;
    size_t done = 0;
    do {
        const size_t left = size - done;
        const size_t part =
            left > BRD_STREAM_RECORD_MAX ? BRD_STREAM_RECORD_MAX : left;
        const int rc = s_queue (self,
                                part < left ? BRD_STREAM_PART : BRD_STREAM_LAST,
                                part > 0 ? bytes + done : NULL,
                                part);
        brd_assert (rc == 0);
        done += part;
    } while (self->in_part);
    return 0;
}

int
brd_stream_send (brd_stream_t *self, const void *bytes, size_t size)
{
    brd_assert (!self->in_part || self->owes_forget);
    if (s_check_size (size) < 0 || s_may_send (self) < 0
        || s_queue_all (self, bytes, size) < 0)
        return -1;
    if (brd_stream_write (self) == 0 || errno == EAGAIN || errno == ENOMEM)
        return 0;
    return -1;
}

int
brd_stream_send_fd (brd_stream_t *self, int fd)
{
    brd_assert (!self->in_part || self->owes_forget);
    if (self->is_tcp)
        return brd_error_set (ENOTSUP,
                              "a descriptor is of use on its own host only");
    // The rest of its header may have to be queued.
    if (brd_stream_flush (self) < 0
        || !brd_buf_reserve (&self->out, BRD_STREAM_HEADER))
        return -1;
    unsigned char *header = self->out.bytes;
    s_header (header, 0, BRD_STREAM_DESCRIPTOR);
    const ssize_t n = brd_sys_send_fd (self->fd, header, BRD_STREAM_HEADER, fd);
    if (n > 0) {
        // It went with the first byte.
        self->out.size = BRD_STREAM_HEADER;
        self->out_sent = (size_t) n;
        return 0;
    }
    if (brd_stream_is_again ())
        return brd_stream_again ();
    if (errno == EBADF || errno == ETOOMANYREFS || errno == ENOMEM
        || errno == ENOBUFS)
        return brd_error_system ("sending descriptor %d", fd);
    return brd_stream_end (&self->no_send, EPIPE, "the other end is gone");
}
