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
// Where it lives. A pipe in shared memory: 64 KiB for each direction, and up to
// 16 MiB of messages longer than 8 KiB, or one that is longer; a send waits for
// room. A connection over a socket in the process that made it: ENOTSUP in
// others, and it has no ref.
//
// The end. An end is open as long as some process holds it. A process born
// after the pipe holds both ends; it says which one it does not use with
// brood_conn_close () (or destroy). When nobody holds an end, the other gets
// what was sent and then EPIPE; also if the holders were killed. A process
// holds an end from its first use of it (brood_conn_from () is one), so that a
// bystander (a pool worker, a later process) which never touches it keeps
// nothing open. An end that nobody has used yet is waited for as long as some
// process could come to use it.
//
// Delivery. Each message comes once, whole, and after those that were sent
// before it; what a killed process was sending is not seen, what it was
// receiving is still the next. Over a socket what is on its way when a side
// dies may be lost.
//
// Threads and fork. Any thread; several may send or receive on one end, each
// message goes to one. After close, calls of other threads that are waiting
// return EBADF.
//
// Errors.
//     EPIPE         send: nobody holds the other end; recv: that, and drained
//     EPERM         wrong direction: pipe not duplex
//     EBADF         this process has closed its end
//     ETIMEDOUT     no room, or nothing came
//     EBADMSG       recv: it does not fit the picture, was sent as bytes that
//                   are no message, or is a descriptor; it is still the next
//     EMSGSIZE      send: longer than BROOD_MSG_SIZE_MAX
//     EPROTO        socket: the peer does not keep to the protocol

// Makes both ends. Not duplex: the first only receives, the second only sends,
// as in Python. Both are yours to destroy.
BROOD_EXPORT int
brood_pipe_new (int duplex,
                brood_conn_t **ret_first,
                brood_conn_t **ret_second);

// Connects to a listener: "tcp://host:port", "tcp://[::1]:port",
// "ipc:///path", "ipc://@name". Python's Client (). Waits until the listener
// has accepted: both sides prove that they have the same key
// (brood_set_authkey) before anything is believed. Over tcp everything is
// encrypted; over ipc the other side must be of this user, or one of both root.
//     ECONNREFUSED  nobody listens, or the listener hung up
//     EACCES        the keys differ, or the users
//     ENOENT        no such host
//     EPROTO        not a listener of this library, or of another version
//     ETIMEDOUT
BROOD_EXPORT BROOD_MUST_USE brood_conn_t *
brood_conn_connect (const char *address, int timeout_ms);

// A handle on the end whose ref came in a message; this process holds the end.
//     ENOENT        the pipe is gone
BROOD_EXPORT BROOD_MUST_USE brood_conn_t *
brood_conn_from (void *ref);

// Closes and frees.
BROOD_EXPORT void
brood_conn_destroy (brood_conn_t **self_p);

// This process does not use this end any more, by this handle. Idempotent.
BROOD_EXPORT int
brood_conn_close (brood_conn_t *self);

// What "@%p" and "<%zu %p>" unpack to lives until the next recv on this handle
// with a "%p" in its picture; threads that share a handle use
// brood_conn_recv_msg () instead.
BROOD_EXPORT int
brood_conn_send (brood_conn_t *self, int timeout_ms, const char *picture, ...)
    BROOD_PRINTF (3, 4);
BROOD_EXPORT int
brood_conn_recv (brood_conn_t *self, int timeout_ms, const char *picture, ...)
    BROOD_SCANF (3, 4);

// The same with messages: taken on success, and yours to destroy. A large one
// that comes through a pipe is not copied: it stays in shared memory until it
// is destroyed.
BROOD_EXPORT int
brood_conn_send_msg (brood_conn_t *self, int timeout_ms, brood_msg_t **msg_p);
BROOD_EXPORT BROOD_MUST_USE brood_msg_t *
brood_conn_recv_msg (brood_conn_t *self, int timeout_ms);

// Bytes as they are, one message a call, also of none; recv returns how many,
// and gives the bytes of a message that was sent by a picture, too.
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

// Open descriptors, between processes of this host. Through a pipe send_fd
// waits until the other side has it; through a socket it does not. recv_fd
// returns one that is yours to close, close-on-exec.
//     ENOTSUP       over tcp
//     EMFILE        recv: no number is left. Through a pipe it is still the
//                   next, through a socket it is lost.
BROOD_EXPORT int
brood_conn_send_fd (brood_conn_t *self, int timeout_ms, int fd);
BROOD_EXPORT int
brood_conn_recv_fd (brood_conn_t *self, int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif  // BROOD_CONN_H
