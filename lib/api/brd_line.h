// brd_line.h - one end of a connection over a socket, for several threads
//
// SPDX-License-Identifier: MPL-2.0
//
// A stream (transport/brd_stream.h), and waiting for it. Senders take turns,
// receivers too; one of each may be at it at a time.
//
// Threads. Any. Fork: of no use to a child.

#ifndef BRD_LINE_H
#define BRD_LINE_H

#include "base/brd_sleep.h"
#include "shared/brd_pipe.h"
#include "transport/brd_stream.h"

typedef struct brd_line brd_line_t;

// Takes the stream, which is open, on success.
brd_line_t *
brd_line_new (brd_stream_t **stream_p);

// Waits until the other side is proven. NULL as brd_stream_open (), ETIMEDOUT,
// EINTR.
brd_line_t *
brd_line_connect (const char *address,
                  const void *key,
                  size_t key_size,
                  brd_sleep_t *sleep);

void
brd_line_destroy (brd_line_t **self_p);

// To poll for reading.
int
brd_line_fd (const brd_line_t *self);

// The other side finds the end; calls under way return EBADF.
void
brd_line_close (brd_line_t *self);

// -1 with EPIPE, EMSGSIZE, EBADF, ETIMEDOUT, EINTR, ENOMEM, and then nothing
// was sent.
int
brd_line_send (brd_line_t *self,
               brd_sleep_t *sleep,
               const void *bytes,
               size_t size);

// As brd_pipe_peek (), and EPROTO, ENOMEM.
int
brd_line_peek (brd_line_t *self, brd_sleep_t *sleep, brd_pipe_view_t *ret_view);

// It was received. With ret_bytes, its bytes are the caller's.
void
brd_line_take (brd_line_t *self, void **ret_bytes);
void
brd_line_leave (brd_line_t *self);

// As brd_pipe_send_fd (), but returns at once; ENOTSUP over tcp.
int
brd_line_send_fd (brd_line_t *self, brd_sleep_t *sleep, int fd);
int
brd_line_recv_fd (brd_line_t *self, brd_sleep_t *sleep);

#endif  // BRD_LINE_H
