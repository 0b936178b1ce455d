// by_hand.c - what the peers written on ZeroMQ share
//
// SPDX-License-Identifier: MPL-2.0
//
// To read next: zmq_by_hand.c, a pool, and zmq_objects.c, what processes share.

#include "by_hand.h"

#include <stdio.h>
#include <unistd.h>

#include <zmq.h>

#include "bench.h"

void
by_hand_address (char *ret_address)
{
    static int serial;
    snprintf (ret_address,
              BY_HAND_ADDRESS,
              "ipc://@bench-%d-%d",
              (int) getpid (),
              serial++);
}

void *
by_hand_socket (void *context, int type)
{
    void *socket = zmq_socket (context, type);
    bench_check (socket != NULL, "zmq_socket");
    int linger = 0;
    int water = 100000;
    int again_ms = 1;
    zmq_setsockopt (socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt (socket, ZMQ_SNDHWM, &water, sizeof water);
    zmq_setsockopt (socket, ZMQ_RCVHWM, &water, sizeof water);
    zmq_setsockopt (socket, ZMQ_RECONNECT_IVL, &again_ms, sizeof again_ms);
    return socket;
}
