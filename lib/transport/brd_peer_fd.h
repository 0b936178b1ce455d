// brd_peer_fd.h - a program at the other end of a stream socket
//
// SPDX-License-Identifier: MPL-2.0
//
// For a pair that was made before a fork, or any stream that is connected.
// Whoever holds the other end is believed to be who he should be; what he says
// is not: any bytes are messages, or the end of the peer.
//
// A message is 8 bytes of size, little endian, and so many bytes.

#ifndef BRD_PEER_FD_H
#define BRD_PEER_FD_H

#include "transport/brd_peer.h"

enum {
    BRD_PEER_FD_HEADER = 8,
    // What may wait to be read by the other side before it is called silent:
    // then nothing new should be given to it. What is sent all the same waits.
    // Where messages are small, two of them.
    BRD_PEER_FD_WAITING = 64 * 1024 * 1024
};

// Takes fd on success, and makes it non-blocking. Messages of more than
// size_max bytes are refused both ways: send fails with EMSGSIZE, recv with
// EPROTO. NULL with ENOMEM, EMFILE, or EINVAL for a descriptor that cannot be
// slept on.
//
// send   takes the message whole, now or when the other side reads, or -1:
//        EPIPE the other side is gone, ENOMEM there is no memory to keep it.
//        After ENOMEM the peer is gone too if half of the message was away.
// recv   besides EAGAIN and EPIPE: EPROTO nonsense has come, ENOMEM no memory
//        for what comes. After these it is gone: the same from then on.
brd_peer_t *
brd_peer_fd_new (int fd, size_t size_max);

#endif  // BRD_PEER_FD_H
