// brd_stream_recv.c - from the socket into records, from records into frames
//
// SPDX-License-Identifier: MPL-2.0
//
//     socket --> in --> record --(opened)--> frame --> lent, or taken
//
// What comes is a stranger's until it is proven otherwise: every length is
// checked before it is used, and nothing is reserved for bytes that are only
// announced. A record is taken out of `in` when all that it asks for could be
// done, so that a lack of memory loses nothing.
//
// Read docs/rfc/3-stream.md for the bytes.

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/brd_check.h"
#include "base/brd_sys.h"
#include "transport/brd_stream_private.h"
#include "wire/brd_limits.h"

// A descriptor that came with some bytes, or was lost. More than fit are of a
// peer that announces none.
static void
s_collect (brd_stream_t *self, int fd)
{
    if (fd == BRD_SYS_NO_FD)
        return;
    if (self->n_fds < BRD_STREAM_FDS_MAX)
        self->fds[self->n_fds++] = fd;
    else
        brd_sys_close (&fd);
}

ssize_t
brd_stream_read (brd_stream_t *self, size_t max)
{
    void *to = brd_buf_reserve (&self->in, max);
    if (!to)
        return -1;
    int fd = BRD_SYS_NO_FD;
    // A stranger's descriptors are not even taken.
    const ssize_t n = self->is_tcp || self->state != BRD_STREAM_OPEN
                          ? brd_sys_recv (self->fd, to, max, MSG_DONTWAIT)
                          : brd_sys_recv_fd (self->fd, to, max, &fd);
    if (n > 0) {
        self->in.size += (size_t) n;
        s_collect (self, fd);
    }
    if (n >= 0)
        return n;
    if (brd_stream_is_again ())
        return brd_stream_again ();
    if (errno == ENOMEM || errno == ENOBUFS)
        return brd_error_set (ENOMEM, "no memory to receive with");
    // Reset, or silent for too long: whatever it is, nothing more will come.
    return 0;
}

// More of what comes. Asks for as much as the last time filled.
static int
s_fill (brd_stream_t *self)
{
    if (self->in_used > 0) {
        self->in.size -= self->in_used;
        memmove (self->in.bytes, self->in.bytes + self->in_used, self->in.size);
        self->in_used = 0;
    }
    size_t max =
        self->in.room > BRD_STREAM_IN_MIN ? self->in.room : BRD_STREAM_IN_MIN;
    if (self->in.size == self->in.room)
        max = self->in.room * 2;
    if (max > BRD_STREAM_IN_MAX)
        max = BRD_STREAM_IN_MAX;
    const ssize_t n = brd_stream_read (self, max - self->in.size);
    if (n > 0)
        return 0;
    if (n < 0)
        return -1;
    return brd_stream_end (&self->no_recv, EPIPE, "the other end is gone");
}

static int
s_wrong (brd_stream_t *self, const char *text)
{
    return brd_stream_end (&self->no_recv, EPROTO, text);
}

// Part of a frame, and perhaps its last.
static int
s_part (brd_stream_t *self,
        int kind,
        const unsigned char *header,
        const unsigned char *bytes,
        size_t size)
{
    const size_t plain = self->is_tcp ? size - BRD_AUTH_SEAL : size;
    if (plain > BRD_WIRE_SIZE_MAX - self->frame.size)
        return s_wrong (self, "a frame is longer than the limit");
    unsigned char *to = brd_buf_reserve (&self->frame, plain);
    if (!to)
        return -1;
    if (!self->is_tcp)
        memcpy (to, bytes, plain);
    else if (brd_auth_open (self->auth, header, bytes, size, to) < 0)
        return s_wrong (self, brd_error_get ()->text);
    self->frame.size += plain;
    if (kind == BRD_STREAM_LAST)
        self->head = BRD_STREAM_WHOLE;
    return 0;
}

static int
s_take_back (brd_stream_t *self,
             const unsigned char *header,
             const unsigned char *bytes,
             size_t size)
{
    unsigned char nothing[1];
    if (self->is_tcp
        && brd_auth_open (self->auth, header, bytes, size, nothing) < 0)
        return s_wrong (self, brd_error_get ()->text);
    self->frame.size = 0;
    return 0;
}

static int
s_descriptor (brd_stream_t *self)
{
    if (self->is_tcp || self->frame.size > 0 || self->n_fds == 0)
        return s_wrong (self, "a descriptor was announced and did not come");
    self->head = BRD_STREAM_IS_FD;
    return 0;
}

static int
s_record (brd_stream_t *self,
          const unsigned char *header,
          const unsigned char *bytes,
          size_t size)
{
    switch (header[3]) {
    case BRD_STREAM_PART:
    case BRD_STREAM_LAST:
        return s_part (self, header[3], header, bytes, size);
    case BRD_STREAM_FORGET:
        return s_take_back (self, header, bytes, size);
    default:
        return s_descriptor (self);
    }
}

// The next record of what has come: 1, or 0 if not all of it has.
static int
s_parse (brd_stream_t *self)
{
    const unsigned char *at = self->in.bytes + self->in_used;
    const size_t there = self->in.size - self->in_used;
    if (there < BRD_STREAM_HEADER)
        return 0;
    const size_t size = at[0] | (size_t) at[1] << 8 | (size_t) at[2] << 16;
    const int kind = at[3];
    const size_t extra =
        self->is_tcp && kind != BRD_STREAM_DESCRIPTOR ? BRD_AUTH_SEAL : 0;
    if (kind > BRD_STREAM_DESCRIPTOR || size < extra
        || size - extra
               > (kind < BRD_STREAM_FORGET ? BRD_STREAM_RECORD_MAX : 0))
        return s_wrong (self, "what comes is not of this protocol");
    // Who sends empty parts for ever makes us work for nothing.
    if (kind == BRD_STREAM_PART && size == extra)
        return s_wrong (self, "a part of a frame is empty");
    if (there - BRD_STREAM_HEADER < size)
        return 0;
    if (s_record (self, at, at + BRD_STREAM_HEADER, size) < 0)
        return -1;
    self->in_used += BRD_STREAM_HEADER + size;
    return 1;
}

// Until there is a frame, or a descriptor, at the head.
static int
s_advance (brd_stream_t *self)
{
    brd_assert (self->state == BRD_STREAM_OPEN);
    while (self->head == BRD_STREAM_NOTHING) {
        if (self->no_recv.error == EPROTO)
            return brd_stream_ended (&self->no_recv);
        const int rc = s_parse (self);
        if (rc < 0)
            return -1;
        // The end is told when what came before it has been given.
        if (rc == 0 && self->no_recv.error != 0)
            return brd_stream_ended (&self->no_recv);
        if (rc == 0 && s_fill (self) < 0)
            return -1;
    }
    return 0;
}

int
brd_stream_recv (brd_stream_t *self, const void **ret_bytes, size_t *ret_size)
{
    if (s_advance (self) < 0)
        return -1;
    if (self->head == BRD_STREAM_IS_FD)
        return brd_error_set (EBADMSG, "the next is a descriptor");
    *ret_bytes = self->frame.size > 0 ? self->frame.bytes : NULL;
    *ret_size = self->frame.size;
    return 0;
}

void
brd_stream_done (brd_stream_t *self)
{
    brd_assert (self->head == BRD_STREAM_WHOLE);
    self->head = BRD_STREAM_NOTHING;
    self->frame.size = 0;
    if (self->frame.room > BRD_STREAM_KEEP)
        brd_buf_fini (&self->frame);
}

void *
brd_stream_take (brd_stream_t *self, size_t *ret_size)
{
    brd_assert (self->head == BRD_STREAM_WHOLE);
    self->head = BRD_STREAM_NOTHING;
    return brd_buf_steal (&self->frame, ret_size);
}

int
brd_stream_recv_fd (brd_stream_t *self)
{
    if (s_advance (self) < 0)
        return -1;
    if (self->head == BRD_STREAM_WHOLE)
        return brd_error_set (EBADMSG, "the next is not a descriptor");
    const int fd = self->fds[0];
    self->head = BRD_STREAM_NOTHING;
    self->n_fds--;
    memmove (self->fds, self->fds + 1, (size_t) self->n_fds * sizeof (int));
    if (fd >= 0)
        return fd;
    return brd_error_set (EMFILE,
                          "a descriptor came, and this process has no number "
                          "left for it");
}
