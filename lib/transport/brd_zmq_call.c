// brd_zmq_call.c - libzmq's calls on a socket, whole in spite of signals
//
// SPDX-License-Identifier: MPL-2.0

#include "transport/brd_zmq_call.h"

#include <errno.h>

static int
s_again (int rc)
{
    return rc < 0 && zmq_errno () == EINTR;
}

int
brd_zmq_call_send (void *socket, const void *bytes, size_t size, int flags)
{
    int rc;
    do
        rc = zmq_send (socket, bytes, size, flags);
    while (s_again (rc));
    return rc;
}

int
brd_zmq_call_msg_send (zmq_msg_t *msg, void *socket, int flags)
{
    int rc;
    do
        rc = zmq_msg_send (msg, socket, flags);
    while (s_again (rc));
    return rc;
}

int
brd_zmq_call_msg_recv (zmq_msg_t *msg, void *socket, int flags)
{
    int rc;
    do
        rc = zmq_msg_recv (msg, socket, flags);
    while ((flags & ZMQ_DONTWAIT) && s_again (rc));
    return rc;
}

int
brd_zmq_call_bind (void *socket, const char *endpoint)
{
    int rc;
    do
        rc = zmq_bind (socket, endpoint);
    while (s_again (rc));
    return rc;
}

int
brd_zmq_call_unbind (void *socket, const char *endpoint)
{
    int rc;
    do
        rc = zmq_unbind (socket, endpoint);
    while (s_again (rc));
    return rc;
}

int
brd_zmq_call_connect (void *socket, const char *endpoint)
{
    int rc;
    do
        rc = zmq_connect (socket, endpoint);
    while (s_again (rc));
    return rc;
}

int
brd_zmq_call_disconnect (void *socket, const char *endpoint)
{
    int rc;
    do
        rc = zmq_disconnect (socket, endpoint);
    while (s_again (rc));
    return rc;
}

int
brd_zmq_call_setsockopt (void *socket,
                         int option,
                         const void *value,
                         size_t size)
{
    int rc;
    do
        rc = zmq_setsockopt (socket, option, value, size);
    while (s_again (rc));
    return rc;
}

int
brd_zmq_call_getsockopt (void *socket, int option, void *value, size_t *size)
{
    int rc;
    do
        rc = zmq_getsockopt (socket, option, value, size);
    while (s_again (rc));
    return rc;
}

int
brd_zmq_call_monitor (void *socket, const char *endpoint, int events)
{
    int rc;
    do
        rc = zmq_socket_monitor (socket, endpoint, events);
    while (s_again (rc));
    return rc;
}

int
brd_zmq_call_ctx_term (void *context)
{
    int rc;
    do
        rc = zmq_ctx_term (context);
    while (s_again (rc));
    return rc;
}
