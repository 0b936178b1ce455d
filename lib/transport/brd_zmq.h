// brd_zmq.h - ZeroMQ, fenced
//
// SPDX-License-Identifier: MPL-2.0
//
// The door to libzmq. A link is one ROUTER socket; both ends of a link within a
// host are ROUTERs, so that each names the peer it writes to and ignores
// anybody else who may have found its address. Between hosts: brd_tcp.h.
//
//     host                              worker
//     brd_zmq_host_new                  (nursery bound and listens)
//     brd_zmq_connect (name, peer) -->  brd_zmq_worker_new (listen_fd)
//     brd_zmq_send    (peer)       -->  brd_zmq_recv
//     brd_zmq_recv                 <--  brd_zmq_send (owner's id)
//
// ZeroMQ is the transport, never the promise: sends do not block, are refused
// for peers that are gone (EHOSTUNREACH), and arriving is not implied. What is
// owed to whom is known above.
//
// Threads. A link is used by one thread at a time, under its owner's lock or
// because it is a worker's own. Fork: links of a parent are
// never touched in a child; the context is made anew there.

#ifndef BRD_ZMQ_H
#define BRD_ZMQ_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/brd_buf.h"

// Routing ids: 16 bytes, the first never 0.
enum {
    BRD_ZMQ_ID = 16
};

typedef struct brd_zmq brd_zmq_t;

// One received message. The body stays where ZeroMQ has it.
typedef struct {
    unsigned char peer[BRD_ZMQ_ID];
    const void *bytes;
    size_t size;
    uint64_t private_[8];  // A zmq_msg_t
} brd_zmq_msg_t;

// The end that connects. id names it to the peers. NULL with EMFILE, ENOMEM.
brd_zmq_t *
brd_zmq_host_new (const unsigned char id[BRD_ZMQ_ID]);

// The end that is connected to: listen_fd is bound to name, listening, and
// belongs to the link from now on. owner is the process of the other end. NULL
// with EMFILE, ENOMEM.
brd_zmq_t *
brd_zmq_worker_new (int listen_fd, const char *name, pid_t owner);

// Closes the socket; what was sent and has not left is dropped.
void
brd_zmq_destroy (brd_zmq_t **self_p);

// Starts a connection to name ("@brood/..."); the peer is peer from now on and
// can be sent to at once. Nothing reconnects. -1 with EINVAL, EMFILE.
int
brd_zmq_connect (brd_zmq_t *self,
                 const char *name,
                 const unsigned char peer[BRD_ZMQ_ID]);

// Ends the connection to name. Takes a name that is gone already.
void
brd_zmq_disconnect (brd_zmq_t *self, const char *name);

// Sends what is in out and empties it (its memory may be given away). -1 and
// out as it was:
//     EHOSTUNREACH  the peer is gone
//     ENOMEM
int
brd_zmq_send (brd_zmq_t *self,
              const unsigned char peer[BRD_ZMQ_ID],
              brd_buf_t *out);

// The next message: 0; -1 with EAGAIN when there is none (or, with wait set,
// never: it sleeps), EINTR after a signal. One of a shape that is not ours
// comes as an empty one, which no frame is; one without a name of our length is
// dropped with its sender. Give each back with brd_zmq_msg_done ().
int
brd_zmq_recv (brd_zmq_t *self, int wait, brd_zmq_msg_t *ret_msg);

// Sleeps until there may be a message, or fd is readable.
void
brd_zmq_sleep (brd_zmq_t *self, int fd);

void
brd_zmq_msg_done (brd_zmq_msg_t *msg);

// Moves a message to another place; from is done with. from and to may be the
// same: after the memory around it has moved.
void
brd_zmq_msg_move (brd_zmq_msg_t *to, brd_zmq_msg_t *from);

// Of a worker's end: disconnects whoever sent this message, if that is not the
// owner's process and has not gone already; msg must not be done yet.
void
brd_zmq_drop_sender (const brd_zmq_t *self, brd_zmq_msg_t *msg);

// A descriptor that becomes readable, once, when something may have happened.
// After any call here it may have been used up: take messages to EAGAIN before
// sleeping on it.
int
brd_zmq_fd (const brd_zmq_t *self);

// 1 if a message waits. Also does what the socket owes its threads.
int
brd_zmq_ready (brd_zmq_t *self);

// Ends the process's context once no link is open; for brood_fini ().
void
brd_zmq_term (void);

#endif  // BRD_ZMQ_H
