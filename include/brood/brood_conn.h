// brood_conn.h - one end of a pipe, or of a connection over a socket
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BROOD_CONN_H
#define BROOD_CONN_H

#include "brood/brood_msg.h"

#ifdef __cplusplus
extern "C" {
#endif

// What Pipe () and Connection are to Python.
//
//     brood_conn_t *left, *right;
//     brood_pipe_new (1, &left, &right);
//     brood_conn_send (left, -1, "%d", 42);
//     brood_conn_recv (right, -1, "%d", &n);
//
// The end. An end is open as long as some process holds it. A process born
// after the pipe holds both ends; it says which one it does not use with
// brood_conn_close () (or destroy). When nobody holds an end, the other gets
// what was sent and then EPIPE; also if the holders were killed. A process
// holds an end from its first use of it, so that a bystander (a pool worker, a
// later process) which never touches it keeps nothing open.
//
// Threads and fork. Any thread; several may send or receive on one end, each
// message goes to one.
//
// Errors.
//     EPIPE         send: nobody holds the other end; recv: that, and drained
//     EPERM         wrong direction: pipe not duplex
//     EBADF         this process has closed its end
//     ETIMEDOUT     no room, or nothing came
//     EBADMSG       recv: it does not fit the picture; it is still the next

// Makes both ends. Not duplex: the first only receives, the second only sends,
// as in Python. Both are yours to destroy.
BROOD_EXPORT int
brood_pipe_new (int duplex,
                brood_conn_t **ret_first,
                brood_conn_t **ret_second);

// Connects to a listener: "tcp://host:port", "tcp://[::1]:port",
// "ipc:///path", "ipc://@name". Python's Client ().
//     ECONNREFUSED  nobody listens
//     EACCES        the keys differ
//     ETIMEDOUT
BROOD_EXPORT BROOD_MUST_USE brood_conn_t *
brood_conn_connect (const char *address, int timeout_ms);

// A handle on the end whose ref came in a message.
BROOD_EXPORT BROOD_MUST_USE brood_conn_t *
brood_conn_from (void *ref);

// Closes and frees.
BROOD_EXPORT void
brood_conn_destroy (brood_conn_t **self_p);

// This process does not use this end any more. Idempotent.
BROOD_EXPORT int
brood_conn_close (brood_conn_t *self);

BROOD_EXPORT int
brood_conn_send (brood_conn_t *self, int timeout_ms, const char *picture, ...)
    BROOD_PRINTF (3, 4);
BROOD_EXPORT int
brood_conn_recv (brood_conn_t *self, int timeout_ms, const char *picture, ...)
    BROOD_SCANF (3, 4);

// The same with messages: taken on success, and yours to destroy.
BROOD_EXPORT int
brood_conn_send_msg (brood_conn_t *self, int timeout_ms, brood_msg_t **msg_p);
BROOD_EXPORT BROOD_MUST_USE brood_msg_t *
brood_conn_recv_msg (brood_conn_t *self, int timeout_ms);

// Bytes as they are, one message a call; recv returns how many.
//     EMSGSIZE      recv: it is longer than the buffer; it is still the next
BROOD_EXPORT int
brood_conn_send_bytes (brood_conn_t *self,
                       int timeout_ms,
                       const void *bytes,
                       size_t size_bytes);
BROOD_EXPORT long
brood_conn_recv_bytes (brood_conn_t *self,
                       int timeout_ms,
                       void *buffer,
                       size_t size_bytes);

// Length in bytes of the next message, which stays.
BROOD_EXPORT long
brood_conn_next_size (brood_conn_t *self, int timeout_ms);

// 1 if recv would not wait (also at the end), 0 after timeout_ms if it would.
BROOD_EXPORT int
brood_conn_poll (brood_conn_t *self, int timeout_ms);

// Open descriptors, between processes of this host. recv_fd returns one that
// is yours to close.
BROOD_EXPORT int
brood_conn_send_fd (brood_conn_t *self, int timeout_ms, int fd);
BROOD_EXPORT int
brood_conn_recv_fd (brood_conn_t *self, int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif  // BROOD_CONN_H
