// brd_zmq_call.h - libzmq's calls on a socket, whole in spite of signals
//
// SPDX-License-Identifier: MPL-2.0
//
// Every call on a socket first does what libzmq's own threads have asked of it,
// and looks for that with poll (). A signal that comes just then ends even a
// call that does not wait with EINTR, and nothing is done: half a message is
// left unsaid, messages that are there look as if they were not, a connection
// is not made. These begin again. lib/transport calls libzmq's sockets through
// them only; names, arguments and results are libzmq's.
//
// Threads: as libzmq's: one at a time for each socket.

#ifndef BRD_ZMQ_CALL_H
#define BRD_ZMQ_CALL_H

#include <stddef.h>
#include <zmq.h>

int
brd_zmq_call_send (void *socket, const void *bytes, size_t size, int flags);

int
brd_zmq_call_msg_send (zmq_msg_t *msg, void *socket, int flags);

// One that waits, without ZMQ_DONTWAIT, is ended by signals all the same.
int
brd_zmq_call_msg_recv (zmq_msg_t *msg, void *socket, int flags);

int
brd_zmq_call_bind (void *socket, const char *endpoint);

int
brd_zmq_call_unbind (void *socket, const char *endpoint);

int
brd_zmq_call_connect (void *socket, const char *endpoint);

int
brd_zmq_call_disconnect (void *socket, const char *endpoint);

int
brd_zmq_call_setsockopt (void *socket,
                         int option,
                         const void *value,
                         size_t size);

int
brd_zmq_call_getsockopt (void *socket, int option, void *value, size_t *size);

int
brd_zmq_call_monitor (void *socket, const char *endpoint, int events);

int
brd_zmq_call_ctx_term (void *context);

#endif  // BRD_ZMQ_CALL_H
