// brd_tcp_common.c - what both ends of a link between hosts are told
//
// SPDX-License-Identifier: MPL-2.0
//
// As in brd_zmq.c, each for something that was seen without it:
//
//     CURVE              read back: a key that libzmq did not like would leave
//                        a socket that talks to everybody, in the clear
//     MAXMSGSIZE         else a header may make us reserve what it names
//     SNDHWM, RCVHWM     what a peer that does not read, or is not read, can
//                        cost: so many packets of that size
//     TCP_MAXRT          how long what is sent may stay unacknowledged. It ends
//                        connections that are dead; ZeroMQ's heartbeats would
//                        end some that are not, and lose what is under way
//     HANDSHAKE_IVL      else who connects and says nothing stays
//     ZAP_DOMAIN, ZAP_ENFORCE_DOMAIN
//                        read back, too: without the second a libzmq that finds
//                        nobody to ask for keys lets everybody in
//     ROUTER_MANDATORY   else a packet to a peer that is gone vanishes
//
// Read brd_tcp_dial.c next.

#include <errno.h>
#include <string.h>

#include "base/brd_check.h"
#include "transport/brd_tcp_private.h"

// What CURVE adds to a packet: its name, a counter, a seal and a byte of flags.
enum {
    S_SEAL = 8 + 8 + 16 + 1
};

int
brd_tcp_common_ms (int ms, double scale, int floor_ms)
{
    const double scaled = ms * scale;
    return scaled < floor_ms ? floor_ms : (int) scaled;
}

static int
s_key (void *socket, int option, const unsigned char key[BRD_CURVE_KEY])
{
    return brd_zmq_call_setsockopt (socket, option, key, BRD_CURVE_KEY);
}

static int
s_curve (void *socket, const brd_curve_t *pair, const unsigned char *server_key)
{
    if (s_key (socket, ZMQ_CURVE_SECRETKEY, pair->secret_key) < 0)
        return -1;
    if (!server_key)
        return brd_zmq_set (socket, ZMQ_CURVE_SERVER, 1);
    if (s_key (socket, ZMQ_CURVE_PUBLICKEY, pair->public_key) < 0)
        return -1;
    return s_key (socket, ZMQ_CURVE_SERVERKEY, server_key);
}

int
brd_tcp_common_secure (void *socket,
                       const brd_curve_t *pair,
                       const unsigned char *server_key,
                       double scale)
{
    const int64_t size_max = BRD_TCP_SIZE_MAX + S_SEAL;
    const int handshake =
        brd_tcp_common_ms (BRD_TCP_HANDSHAKE_MS, scale, BRD_TCP_MS_MIN);
    const int maxrt =
        brd_tcp_common_ms (BRD_TCP_MAXRT_MS, scale, BRD_TCP_MS_MIN);
    if (brd_zmq_call_setsockopt (
            socket, ZMQ_MAXMSGSIZE, &size_max, sizeof size_max)
            < 0
        || brd_zmq_set (socket, ZMQ_SNDHWM, BRD_TCP_QUEUE) < 0
        || brd_zmq_set (socket, ZMQ_RCVHWM, BRD_TCP_QUEUE) < 0
        || brd_zmq_set (socket, ZMQ_HANDSHAKE_IVL, handshake) < 0
        || brd_zmq_set (socket, ZMQ_TCP_MAXRT, maxrt) < 0)
        return brd_zmq_fail ("zmq_setsockopt");
    int mechanism = ZMQ_NULL;
    size_t size = sizeof mechanism;
    if (s_curve (socket, pair, server_key) < 0
        || brd_zmq_call_getsockopt (socket, ZMQ_MECHANISM, &mechanism, &size)
               < 0
        || mechanism != ZMQ_CURVE)
        return brd_error_set (
            ENOTSUP,
            "this libzmq does not encrypt (CURVE), so there is no tcp");
    return 0;
}

// Asks for keys, or has nobody in.
static int
s_guard (void *socket)
{
    static const char domain[] = "brood";
    int enforced = 0;
    size_t size = sizeof enforced;
    if (brd_zmq_call_setsockopt (
            socket, ZMQ_ZAP_DOMAIN, domain, sizeof domain - 1)
            < 0
        || brd_zmq_set (socket, ZMQ_ZAP_ENFORCE_DOMAIN, 1) < 0
        || brd_zmq_call_getsockopt (
               socket, ZMQ_ZAP_ENFORCE_DOMAIN, &enforced, &size)
               < 0
        || enforced != 1)
        return brd_error_set (ENOTSUP,
                              "this libzmq would let everybody in when nobody "
                              "answers for keys, so there is no tcp");
    return 0;
}

brd_zmq_t *
brd_tcp_common_router (const brd_curve_t *pair, double scale)
{
    static const brd_zmq_option_t router[] = {
        { ZMQ_ROUTER_MANDATORY, 1 },
        { 0, 0 },
    };
    brd_zmq_t *link = brd_zmq_link_new (ZMQ_ROUTER, router);
    if (link
        && (s_guard (link->socket) < 0
            || brd_tcp_common_secure (link->socket, pair, NULL, scale) < 0))
        brd_zmq_destroy (&link);
    return link;
}

int
brd_tcp_common_send (void *socket, brd_buf_t *out)
{
    brd_assert (out->size > 0 && out->size <= BRD_TCP_SIZE_MAX);
    // A copy: it is encrypted, which is dearer, and what is refused is still
    // the caller's.
    if (brd_zmq_call_send (socket, out->bytes, out->size, ZMQ_DONTWAIT) < 0)
        return brd_zmq_fail ("send");
    out->size = 0;
    return 0;
}
