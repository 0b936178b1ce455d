// brd_tcp_monitor.c - what libzmq tells of a socket's connections
//
// SPDX-License-Identifier: MPL-2.0
//
//     I/O thread --event, value--> a pair of sockets --> brd_tcp_monitor_next
//
// The I/O thread waits for room when nobody takes its events, and with it all
// connections: so there is room for any number, and they are taken each turn.

#include <stdio.h>
#include <string.h>

#include "transport/brd_tcp_private.h"

int
brd_tcp_monitor_init (brd_tcp_monitor_t *self, void *socket, int events)
{
    // A name nobody else has, since the socket lives as long as it.
    char name[48];
    snprintf (name, sizeof name, "inproc://brood-monitor-%p", socket);
    *self = (brd_tcp_monitor_t){ .socket = socket };
    size_t size = sizeof self->fd;
    self->pair = brd_zmq_socket_new (ZMQ_PAIR);
    if (!self->pair)
        return -1;
    if (brd_zmq_set (self->pair, ZMQ_RCVHWM, 0) < 0
        || brd_zmq_call_monitor (socket, name, events) < 0
        || brd_zmq_call_connect (self->pair, name) < 0
        || brd_zmq_call_getsockopt (self->pair, ZMQ_FD, &self->fd, &size) < 0) {
        brd_zmq_fail ("zmq_socket_monitor");
        brd_tcp_monitor_fini (self);
        return -1;
    }
    return 0;
}

void
brd_tcp_monitor_fini (brd_tcp_monitor_t *self)
{
    if (!self->pair)
        return;
    (void) brd_zmq_call_monitor (self->socket, NULL, 0);
    brd_zmq_socket_close (self->pair);
    self->pair = NULL;
}

int
brd_tcp_monitor_next (brd_tcp_monitor_t *self, int *ret_event, int *ret_value)
{
    zmq_msg_t msg;
    zmq_msg_init (&msg);
    if (brd_zmq_call_msg_recv (&msg, self->pair, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close (&msg);
        return 0;
    }
    uint16_t event = 0;
    int32_t value = 0;
    const unsigned char *bytes = zmq_msg_data (&msg);
    if (zmq_msg_size (&msg) >= sizeof event + sizeof value) {
        memcpy (&event, bytes, sizeof event);
        memcpy (&value, bytes + sizeof event, sizeof value);
    }
    // The address behind it names no connection among many.
    while (zmq_msg_more (&msg)
           && brd_zmq_call_msg_recv (&msg, self->pair, ZMQ_DONTWAIT) >= 0)
        continue;
    zmq_msg_close (&msg);
    *ret_event = event;
    *ret_value = value;
    return 1;
}
