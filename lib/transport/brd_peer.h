// brd_peer.h - how another program is reached, whatever lies between
//
// SPDX-License-Identifier: MPL-2.0
//
// Framed messages (wire/brd_frame.h) both ways, in order, none lost while it
// lives. Nothing here waits. Its owner makes turns:
//
//     turn; recv until EAGAIN, done after each; send what there is
//     sleep on fd, until due
//
// Threads: under its owner's lock. Fork: a child never touches it.

#ifndef BRD_PEER_H
#define BRD_PEER_H

#include <stddef.h>
#include <stdint.h>

#include "base/brd_buf.h"

typedef struct brd_peer brd_peer_t;

struct brd_peer {
    // Readable, once, when something may have come; -1: something else tells
    // its owner.
    int fd;
    // Sends what is in out and empties it. -1 with EPIPE or EHOSTUNREACH: it is
    // gone, ENOMEM.
    int (*send) (brd_peer_t *self, brd_buf_t *out);
    // The next message, on loan until done. -1 with EAGAIN; with anything else
    // it is gone: EPIPE it has left, EPROTO what has come is none, ENOMEM.
    int (*recv) (brd_peer_t *self, const void **ret_bytes, size_t *ret_size);
    void (*done) (brd_peer_t *self);
    // Does what is due by the clock; NULL: never anything.
    void (*turn) (brd_peer_t *self, int64_t now);
    // When a turn is due though nothing happens; NULL: never.
    int64_t (*due) (brd_peer_t *self, int64_t now);
    // 1 while nothing new should be given to it: it has not been heard for
    // longer than it should, or does not take what it was sent; NULL: never.
    int (*silent) (brd_peer_t *self, int64_t now);
    // ns from something said to the answer, smoothed, 0: not known yet; NULL:
    // nothing to speak of.
    int64_t (*rtt) (const brd_peer_t *self);
    void (*destroy) (brd_peer_t *self);
};

#endif  // BRD_PEER_H
