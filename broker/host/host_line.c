// host_line.c - the line of a worker that gives work to its owner's pool
//
// SPDX-License-Identifier: MPL-2.0
//
// An owner never listens. So the worker does, at a name nobody can guess, and
// tells it its owner, who connects. Who else found the name is not heard.

#include <errno.h>
#include <string.h>

#include "base/brd_error.h"
#include "base/brd_mem.h"
#include "base/brd_sys.h"
#include "host/host_internal.h"

typedef struct {
    brd_peer_t line;  // First
    brd_zmq_t *zmq;
    unsigned char owner[BRD_ZMQ_ID];
    brd_zmq_msg_t msg;
} s_line_t;

static s_line_t *
s_self (brd_peer_t *line)
{
    return (s_line_t *) (void *) line;
}

static int
s_send (brd_peer_t *line, brd_buf_t *out)
{
    s_line_t *self = s_self (line);
    return brd_zmq_send (self->zmq, self->owner, out);
}

static int
s_recv (brd_peer_t *line, const void **ret_bytes, size_t *ret_size)
{
    s_line_t *self = s_self (line);
    for (;;) {
        if (brd_zmq_recv (self->zmq, 0, &self->msg) < 0) {
            errno = EAGAIN;
            return -1;
        }
        if (memcmp (self->msg.peer, self->owner, BRD_ZMQ_ID) == 0)
            break;
        brd_zmq_drop_sender (self->zmq, &self->msg);
        brd_zmq_msg_done (&self->msg);
    }
    *ret_bytes = self->msg.bytes;
    *ret_size = self->msg.size;
    return 0;
}

static void
s_done (brd_peer_t *line)
{
    brd_zmq_msg_done (&s_self (line)->msg);
}

static void
s_destroy (brd_peer_t *line)
{
    s_line_t *self = s_self (line);
    brd_zmq_destroy (&self->zmq);
    brd_mem_free (self);
}

brd_peer_t *
brd_host_line_listen (const unsigned char owner[BRD_ZMQ_ID],
                      pid_t pid,
                      char ret_name[BRD_NURSERY_NAME_SIZE])
{
    s_line_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    memcpy (self->owner, owner, BRD_ZMQ_ID);
    int fd = brd_nursery_listen (ret_name);
    if (fd < 0) {
        brd_error_system ("a socket for the pool's owner");
        goto error;
    }
    self->zmq = brd_zmq_worker_new (fd, ret_name, pid);
    if (!self->zmq)
        goto error;
    self->line = (brd_peer_t){
        .fd = brd_zmq_fd (self->zmq),
        .send = s_send,
        .recv = s_recv,
        .done = s_done,
        .destroy = s_destroy,
    };
    return &self->line;

error:
    brd_sys_close (&fd);
    brd_mem_free (self);
    return NULL;
}
