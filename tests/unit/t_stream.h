// t_stream.h - two ends of a stream in one process, and strangers
//
// SPDX-License-Identifier: MPL-2.0

#ifndef T_STREAM_H
#define T_STREAM_H

#include "t.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "brood/brood_error.h"
#include "transport/brd_endpoint.h"
#include "transport/brd_listener.h"
#include "transport/brd_stream.h"

#define T_KEY "a key that both sides know"
#define T_KEY_SIZE (sizeof T_KEY - 1)

static inline brd_listener_t *
t_listen (const char *address)
{
    brd_listener_t *listener = brd_listener_new (address, T_KEY, T_KEY_SIZE);
    if (!listener)
        fail_msg ("%s", brood_error ());
    return listener;
}

static inline brd_stream_t *
t_connect (const brd_listener_t *listener)
{
    brd_stream_t *stream =
        brd_stream_connect (brd_listener_address (listener), T_KEY, T_KEY_SIZE);
    if (!stream)
        fail_msg ("%s", brood_error ());
    return stream;
}

// Sleeps until something happens to either.
static inline void
t_wait (int one, int other)
{
    struct pollfd fds[2] = { { .fd = one, .events = POLLIN },
                             { .fd = other, .events = POLLIN } };
    (void) poll (fds, 2, 10);
}

// Both ends, open.
static inline void
t_pair (brd_listener_t *listener,
        brd_stream_t **ret_near,
        brd_stream_t **ret_far)
{
    brd_stream_t *near = t_connect (listener);
    brd_stream_t *far = NULL;
    int near_open = 0;
    while (!near_open || !far) {
        if (!near_open) {
            near_open = brd_stream_open (near) == 0;
            assert_true (near_open || errno == EAGAIN);
        }
        if (!far) {
            far = brd_listener_accept (listener);
            assert_true (far || errno == EAGAIN);
        }
        t_wait (brd_stream_fd (near), brd_listener_fd (listener));
    }
    *ret_near = near;
    *ret_far = far;
}

// The next frame of one end, while the other is given time to write it.
static inline void
t_recv (brd_stream_t *to,
        brd_stream_t *from,
        const void **ret_bytes,
        size_t *ret_size)
{
    while (brd_stream_recv (to, ret_bytes, ret_size) < 0) {
        if (errno != EAGAIN)
            fail_msg ("%s", brood_error ());
        assert_true (brd_stream_flush (from) == 0 || errno == EAGAIN);
        t_wait (brd_stream_fd (to), -1);
    }
}

// A socket of somebody who need not keep to any protocol; blocking.
static inline int
t_stranger (const brd_listener_t *listener)
{
    brd_endpoint_t at;
    assert_int_equal (
        brd_endpoint_parse (&at, brd_listener_address (listener), 0), 0);
    const int fd = socket (at.places[0].ss_family, SOCK_STREAM, 0);
    assert_true (fd >= 0);
    assert_int_equal (
        connect (fd, (struct sockaddr *) &at.places[0], at.sizes[0]), 0);
    return fd;
}

#endif  // T_STREAM_H
