// brd_stream.h - framed messages over stream sockets, between proven peers
//
// SPDX-License-Identifier: MPL-2.0
//
// What listeners, clients and managers speak (docs/rfc/3-stream.md). Never
// ZeroMQ: a listening libzmq process can be aborted by a stranger, has threads
// of its own and a wake-up more in each direction (decision 12).
//
//     connector                             listener
//     brd_stream_connect () -->             brd_listener_accept ()
//     brd_stream_open ()    <-- proofs -->  (in there)
//     brd_stream_send ()    -- frame -->    brd_stream_recv ()
//
// Nothing here waits: what cannot be done now is EAGAIN. Then the caller waits
// for brd_stream_fd () to be readable, or writable too if
// brd_stream_wants_write (), and calls again. Whatever a peer does costs its
// own connection and no more: memory grows only as bytes come, and a broken
// stream says the same at each further call.
//
// Addresses: "tcp://host:port" ("tcp://[::1]:port", "tcp://*:0"),
// "ipc:///path", "ipc://@name" (abstract). Over tcp all frames are encrypted;
// over ipc the peer must have our user id, be root, or we are.
//
// Threads and fork. Under its owner's lock; a child inherits nothing.

#ifndef BRD_STREAM_H
#define BRD_STREAM_H

#include <stddef.h>

typedef struct brd_stream brd_stream_t;

// Begins to connect. The key is used while opening, and copied. NULL with
//     EINVAL        not an address, or a name too long for one
//     ENOENT        no such host
//     ECONNREFUSED  ipc: nobody listens
//     EAGAIN        ipc: too many wait there already; try again
//     EACCES        ipc: another user's
//     EMFILE, ENOMEM
// Looks names up, which may take its time; digits do not.
brd_stream_t *
brd_stream_connect (const char *address, const void *key, size_t key_size);

// The same over a local socket that leads to a listener already, maybe not
// directly; it is the stream's on success.
//     EACCES        another user's
//     ENOMEM
brd_stream_t *
brd_stream_over (int fd, const void *key, size_t key_size);

// For brd_listener.c: the other side, over a socket just accepted, which is
// the stream's from now on; on failure it stays the caller's. NULL with EACCES
// (another user), ENOMEM.
brd_stream_t *
brd_stream_accepted (int fd, const void *key, size_t key_size);

// Closes; what is queued is lost.
void
brd_stream_destroy (brd_stream_t **self_p);

// Goes on with connecting and proving. 0 when both sides have proven that they
// know the key, and only then frames pass.
//     EAGAIN        not yet
//     EACCES        the keys differ
//     ECONNREFUSED  nobody listens, or the peer hung up
//     EPROTO        not one of ours, or of another version
//     EHOSTUNREACH, ENETUNREACH, ETIMEDOUT   of connect (2)
int
brd_stream_open (brd_stream_t *self);

// To poll. May change until brd_stream_open () has returned 0.
int
brd_stream_fd (const brd_stream_t *self);

// 1 if there is something to do as soon as the descriptor is writable.
int
brd_stream_wants_write (const brd_stream_t *self);

// 1 over tcp, 0 over ipc.
int
brd_stream_is_tcp (const brd_stream_t *self);

// --- Sending ---------------------------------------------------------------

// One frame: written as far as the socket takes it, the rest is copied and
// queued. Whoever answers peers looks at brd_stream_queued (), and parts with
// those that do not read.
//     EMSGSIZE      longer than BRD_WIRE_SIZE_MAX
//     EPIPE         the peer is gone
//     ENOMEM        and nothing was sent
int
brd_stream_send (brd_stream_t *self, const void *bytes, size_t size);

// For whoever waits: the same without the copy. *done begins at 0 and says how
// much has been taken; 0 when it is all with the socket, EAGAIN otherwise. The
// same frame must be given again until then, or be abandoned.
int
brd_stream_send_part (brd_stream_t *self,
                      const void *bytes,
                      size_t size,
                      size_t *done);

// After EAGAIN of send_part: the frame will not come, and the peer never sees
// any of it. Takes no memory; later calls write what there is to write. -1 with
//     EALREADY      nothing but its end is still here: it counts as sent, and
//                   flush sends it
int
brd_stream_abandon (brd_stream_t *self, size_t size, size_t done);

// Writes what is queued. 0 when all is written, EAGAIN, EPIPE.
int
brd_stream_flush (brd_stream_t *self);

size_t
brd_stream_queued (const brd_stream_t *self);  // Bytes

// --- Receiving -------------------------------------------------------------

// The next frame, whole, on loan until brd_stream_done (); until then it is
// the same one. Bytes of size 0 are NULL.
//     EAGAIN        none yet
//     EPIPE         none, and the peer is gone
//     EPROTO        what comes is not ours, or was tampered with
//     EBADMSG       the next is a descriptor
//     ENOMEM        now; the stream is as it was
int
brd_stream_recv (brd_stream_t *self, const void **ret_bytes, size_t *ret_size);

// Done with the frame that recv gave.
void
brd_stream_done (brd_stream_t *self);

// The same, but its bytes are the caller's (brd_mem_free).
void *
brd_stream_take (brd_stream_t *self, size_t *ret_size);

// --- Descriptors, over ipc -------------------------------------------------

// Sends a copy of fd. -1 with EAGAIN (earlier frames are queued; flush),
// ENOTSUP (tcp), EPIPE.
int
brd_stream_send_fd (brd_stream_t *self, int fd);

// The next descriptor, close-on-exec, the caller's. -1 as brd_stream_recv (),
// and
//     EBADMSG       the next is a frame
//     EMFILE        it came, and no number was free: it is lost
int
brd_stream_recv_fd (brd_stream_t *self);

#endif  // BRD_STREAM_H
