// brd_tcp_zap.c - who may come in
//
// SPDX-License-Identifier: MPL-2.0
//
//     handshake, in the I/O thread          the listener's turn
//     "may this key come in?" -------------> brd_tcp_zap_next
//        waits                  <----------- brd_tcp_zap_answer
//     what it says later bears <key><serial>, its User-Id
//
// ZeroMQ's authentication protocol (RFC 27) over a socket whose name is known
// to libzmq. It has no thread of its own: with nobody to answer, nobody gets
// in, and the answers end with the listener. What is asked comes from libzmq in
// this process; only the key in it is a stranger's.
//
// czmq's zauth would do, but for two things: when it lets any key in, it does
// not say which it was, and it brings a thread and czmq into every broker.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/brd_tcp_private.h"

// Where libzmq asks.
static const char s_place[] = "inproc://zeromq.zap.01";

enum {
    S_FRAMES = 7,
    S_ID = 1,
    S_HOST = 3,
    S_MECHANISM = 5,
    S_KEY = 6,
    S_KEY_TEXT = BRD_CURVE_KEY * 5 / 4,
    S_USER = S_KEY_TEXT + 16  // And its number, in hexadecimal digits
};

int
brd_tcp_zap_init (brd_tcp_zap_t *self)
{
    size_t size = sizeof self->fd;
    self->socket = brd_zmq_socket_new (ZMQ_REP);
    if (!self->socket)
        return -1;
    if (brd_zmq_call_bind (self->socket, s_place) < 0
        || brd_zmq_call_getsockopt (self->socket, ZMQ_FD, &self->fd, &size)
               < 0) {
        brd_zmq_fail ("answering for keys");
        brd_zmq_socket_close (self->socket);
        self->socket = NULL;
        return -1;
    }
    return 0;
}

void
brd_tcp_zap_fini (brd_tcp_zap_t *self)
{
    // By closing it the place gets free only when a thread of libzmq has time.
    if (self->socket)
        (void) brd_zmq_call_unbind (self->socket, s_place);
    brd_zmq_socket_close (self->socket);
    self->socket = NULL;
}

// --- Questions -------------------------------------------------------------

static void
s_text (char *to, size_t room, const void *bytes, size_t size)
{
    if (size < room)
        memcpy (to, bytes, size);
}

static void
s_take (brd_tcp_zap_request_t *request, int at, zmq_msg_t *msg)
{
    const void *bytes = zmq_msg_data (msg);
    const size_t size = zmq_msg_size (msg);
    switch (at) {
    case S_ID:
        s_text (request->id, sizeof request->id, bytes, size);
        request->id_size = size < sizeof request->id ? size : 0;
        break;
    case S_HOST:
        s_text (request->host, sizeof request->host, bytes, size);
        break;
    case S_MECHANISM:
        request->is_curve = size == 5 && memcmp (bytes, "CURVE", 5) == 0;
        break;
    case S_KEY:
        request->is_curve = request->is_curve && size == BRD_CURVE_KEY;
        if (request->is_curve)
            memcpy (request->key, bytes, BRD_CURVE_KEY);
        break;
    default:
        break;
    }
}

int
brd_tcp_zap_next (brd_tcp_zap_t *self, brd_tcp_zap_request_t *ret)
{
    int n = 0, more = 1;
    *ret = (brd_tcp_zap_request_t){ .is_curve = 0 };
    while (more) {
        zmq_msg_t msg;
        zmq_msg_init (&msg);
        if (brd_zmq_call_msg_recv (&msg, self->socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close (&msg);
            return 0;
        }
        s_take (ret, n++, &msg);
        more = zmq_msg_more (&msg);
        zmq_msg_close (&msg);
    }
    ret->is_curve = ret->is_curve && n == S_FRAMES;
    return 1;
}

// --- Answers ---------------------------------------------------------------

void
brd_tcp_zap_answer (brd_tcp_zap_t *self,
                    const brd_tcp_zap_request_t *request,
                    uint64_t serial)
{
    char user[S_USER + 1] = "";
    if (serial != 0) {
        (void) zmq_z85_encode (user, request->key, BRD_CURVE_KEY);
        snprintf (user + S_KEY_TEXT, 17, "%016" PRIx64, serial);
    }
    const struct {
        const char *bytes;
        size_t size;
    } frames[] = {
        { "1.0", 3 },
        { request->id, request->id_size },
        { serial != 0 ? "200" : "400", 3 },
        { "", 0 },
        { user, strlen (user) },
        { "", 0 },
    };
    const size_t n = sizeof frames / sizeof frames[0];
    for (size_t i = 0; i < n; i++)
        if (brd_zmq_call_send (self->socket,
                               frames[i].bytes,
                               frames[i].size,
                               i + 1 < n ? ZMQ_DONTWAIT | ZMQ_SNDMORE
                                         : ZMQ_DONTWAIT)
            < 0)
            return;
}

uint64_t
brd_tcp_zap_sender (const brd_zmq_msg_t *msg,
                    unsigned char ret_key[BRD_CURVE_KEY])
{
    char text[S_KEY_TEXT + 1];
    const char *user = zmq_msg_gets (brd_zmq_msg (msg), "User-Id");
    if (!user || strlen (user) != S_USER)
        return 0;
    memcpy (text, user, S_KEY_TEXT);
    text[S_KEY_TEXT] = '\0';
    if (!zmq_z85_decode (ret_key, text))
        return 0;
    return strtoull (user + S_KEY_TEXT, NULL, 16);
}
