// brd_zmq_private.h - what a link is made of
//
// SPDX-License-Identifier: MPL-2.0
//
// For lib/transport only: brd_zmq.c, links between the processes of one host,
// and brd_tcp_*.c, links between hosts.

#ifndef BRD_ZMQ_PRIVATE_H
#define BRD_ZMQ_PRIVATE_H

#include <sys/socket.h>
#include <sys/un.h>
#include <zmq.h>

#include "transport/brd_zmq.h"
#include "transport/brd_zmq_call.h"

struct brd_zmq {
    void *socket;
    int fd;
    int type;                    // ZMQ_ROUTER; ZMQ_DEALER: nobody is named
    pid_t owner;                 // Of the end that is connected to, and
    struct sockaddr_un address;  // where it listens; its size 0: the other end
    socklen_t address_size;
};

typedef struct {
    int option;
    int value;
} brd_zmq_option_t;

// A socket of this process's context, which drops what has not left when it is
// closed. NULL with EMFILE, ENOMEM.
void *
brd_zmq_socket_new (int type);

// Takes NULL.
void
brd_zmq_socket_close (void *socket);

// A link over such a socket, with these options, up to one of number 0.
brd_zmq_t *
brd_zmq_link_new (int type, const brd_zmq_option_t *options);

int
brd_zmq_set (void *socket, int option, int value);

// The error libzmq has set last, as ours; returns -1.
int
brd_zmq_fail (const char *what);

// As brd_zmq_recv (), but one without a name of our length is handed out as
// well: 1, and there is only its sender to find out.
int
brd_zmq_take (brd_zmq_t *self, int wait, brd_zmq_msg_t *ret_msg);

// The message behind it.
zmq_msg_t *
brd_zmq_msg (const brd_zmq_msg_t *msg);

#endif  // BRD_ZMQ_PRIVATE_H
