// brd_stream_private.h - the inside of a stream, for its three files
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_STREAM_PRIVATE_H
#define BRD_STREAM_PRIVATE_H

#include <errno.h>
#include <sys/types.h>

#include "base/brd_buf.h"
#include "transport/brd_auth.h"
#include "transport/brd_endpoint.h"
#include "transport/brd_stream.h"

enum {
    BRD_STREAM_HEADER = 4,
    BRD_STREAM_RECORD_MAX = 65536,  // Bytes of a frame in one record
    BRD_STREAM_IN_MIN = 4096,       // What one read asks for; doubles with need
    BRD_STREAM_IN_MAX =
        2 * (BRD_STREAM_HEADER + BRD_STREAM_RECORD_MAX + BRD_AUTH_SEAL),
    BRD_STREAM_KEEP = 1 << 20,  // A larger buffer is not kept
    BRD_STREAM_FDS_MAX = 4      // That came and have not been asked for
};

// What a record is.
enum {
    BRD_STREAM_PART = 0,
    BRD_STREAM_LAST = 1,
    BRD_STREAM_FORGET = 2,
    BRD_STREAM_DESCRIPTOR = 3
};

typedef enum {
    BRD_STREAM_CONNECTING,
    BRD_STREAM_HELLO,
    BRD_STREAM_PROOF,
    BRD_STREAM_OPEN
} brd_stream_state_t;

typedef enum {
    BRD_STREAM_NOTHING,
    BRD_STREAM_WHOLE,
    BRD_STREAM_IS_FD
} brd_stream_head_t;

// Why it is over, in one direction: said at each further call.
typedef struct {
    int error;
    char text[160];
} brd_stream_end_t;

struct brd_stream {
    int fd;
    brd_stream_state_t state;
    brd_auth_role_t role;
    int is_tcp;
    brd_auth_t *auth;
    int proven;          // The peer; and our last word may still be here
    brd_endpoint_t *to;  // While connecting
    int place;
    brd_stream_end_t no_send;
    brd_stream_end_t no_recv;
    brd_buf_t out;
    size_t out_sent;
    int in_part;      // Parts of a frame were sent, and its last not
    int owes_forget;  // They are to be taken back
    int may_undo;     // `out` is one record, and nothing of it has left
    int was_in_part;  // Before that
    brd_buf_t in;
    size_t in_used;
    brd_buf_t frame;
    brd_stream_head_t head;       // What recv would give
    int fds[BRD_STREAM_FDS_MAX];  // BRD_SYS_LOST_FD, too
    int n_fds;
};

// --- brd_stream.c ----------------------------------------------------------

// Says again why it is over; -1.
int
brd_stream_ended (const brd_stream_end_t *end);

// It is over, unless it was before: the first reason is the one. -1.
int
brd_stream_end (brd_stream_end_t *end, int error, const char *text);

// What happens all the time has no text, which would cost more than it.
static inline int
brd_stream_again (void)
{
    errno = EAGAIN;
    return -1;
}

static inline int
brd_stream_is_again (void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK;
}

// --- brd_stream_send.c -----------------------------------------------------

// What is queued, as far as it goes. 0, or -1 with EAGAIN, EPIPE, ENOMEM.
int
brd_stream_write (brd_stream_t *self);

// --- brd_stream_recv.c -----------------------------------------------------

// One read of at most max bytes into `in`: how many, 0 at the end, -1 with
// EAGAIN, ENOMEM.
ssize_t
brd_stream_read (brd_stream_t *self, size_t max);

#endif  // BRD_STREAM_PRIVATE_H
