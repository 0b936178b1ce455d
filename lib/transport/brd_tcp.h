// brd_tcp.h - a link between hosts: tcp, encrypted, both ends known
//
// SPDX-License-Identifier: MPL-2.0
//
//     brd_tcp_dial                        brd_tcp_listen
//     DEALER, CURVE client                ROUTER, CURVE server
//     knows the listener's key   ------>  knows which keys may come in
//     brd_tcp_dial_send          ------>  brd_tcp_listen_recv    (peer's id)
//     brd_tcp_dial_recv          <------  brd_tcp_listen_send    (peer's id)
//
// A message is one packet: bytes up to BRD_TCP_SIZE_MAX, all of them or none.
// ZeroMQ is the transport, never the promise: packets are lost with their
// connection, and nobody says which. brd_channel knows what is owed.
//
// Both ends are driven by turns and wait for nothing:
//
//     brd_tcp_..._turn (now)
//     recv until EAGAIN, send what there is
//     poll brd_tcp_..._fd () for reading, until brd_tcp_..._due (now)
//
// Each connection has an id of its own: 16 random bytes, new whenever the
// dialling end connects again. A peer that comes back is another peer here;
// what makes it the same is a session, in what it says. So nobody can take
// another's place by its id (there is no ROUTER_HANDOVER), and nobody waits
// until a dead connection has been noticed.
//
// Threads. Each end is used under its owner's lock. Fork: a child never touches
// them.

#ifndef BRD_TCP_H
#define BRD_TCP_H

#include <stddef.h>
#include <stdint.h>

#include "base/brd_buf.h"
#include "transport/brd_curve.h"
#include "transport/brd_zmq.h"

enum {
    BRD_TCP_ID = BRD_ZMQ_ID,
    BRD_TCP_SIZE_MAX = 65536 + 1024,  // A chunk, and what is around it
    BRD_TCP_QUEUE = 64,               // Packets that wait, each way, per peer
    BRD_TCP_ADDRESSES = 8,

    // Of a peer that is not admitted:
    BRD_TCP_STRANGER_SIZE = 4096,  // Bytes of a packet
    BRD_TCP_STRANGER_PACKETS = 4,  // In all
    BRD_TCP_STRANGER_MS = 10000    // To be admitted, with the handshake
};

// --- The end that dials ----------------------------------------------------

typedef struct brd_tcp_dial brd_tcp_dial_t;

typedef enum {
    BRD_TCP_DIALLING,  // Not connected; it tries again by itself
    BRD_TCP_UP,
    BRD_TCP_REFUSED  // For good: brd_tcp_dial_why ()
} brd_tcp_state_t;

typedef struct {
    const char *const *addresses;  // tcp://host:port, tried in turn
    int n_addresses;
    unsigned char key[BRD_CURVE_KEY];  // The listener's
    brd_curve_t pair;                  // Our own
    double time_scale;                 // 1.0: as the times below say
} brd_tcp_dial_options_t;

// Dials at the first turn, and again, later each time (0.1 to 5 s, at random
// within a half), whenever the connection is lost. Names are looked up at each
// attempt, which may take as long as the name server does. NULL with EINVAL,
// ENOTSUP (libzmq without CURVE), EMFILE, ENOMEM.
brd_tcp_dial_t *
brd_tcp_dial_new (const brd_tcp_dial_options_t *options);

// What has not left is dropped.
void
brd_tcp_dial_destroy (brd_tcp_dial_t **self_p);

// Does what is due and says what it is now. Refused is
//     the listener says that our key may not come in
//     three times in a row the listener hung up at once, or spoke no CURVE,
//     while keys were exchanged: it has another key than the one we know, or
//     is another program. Not once it was up: then what is between is at fault
brd_tcp_state_t
brd_tcp_dial_turn (brd_tcp_dial_t *self, int64_t now);

// When a turn is due though nothing happens: now, if packets wait; soon, if
// something could not be sent; BRD_NEVER. Asked for before each sleep.
int64_t
brd_tcp_dial_due (brd_tcp_dial_t *self, int64_t now);

// Readable when something may have happened; the same for life.
int
brd_tcp_dial_fd (const brd_tcp_dial_t *self);

// Why it is not up, or was not the last time; "" if nothing went wrong yet. On
// loan until the next turn.
const char *
brd_tcp_dial_why (const brd_tcp_dial_t *self);

// How many connections there have been: another number is another connection,
// and what was sent on the one before may be lost.
uint64_t
brd_tcp_dial_count (const brd_tcp_dial_t *self);

// Hangs up, and dials again as if the connection had been lost; of one that is
// dialling, ends this attempt. why is what brd_tcp_dial_why () says then.
void
brd_tcp_dial_again (brd_tcp_dial_t *self, int64_t now, const char *why);

// Hangs up for good: it is refused from now on, and nothing is due.
void
brd_tcp_dial_stop (brd_tcp_dial_t *self);

// One packet; out is empty afterwards. -1 and out as it was:
//     EHOSTUNREACH  not connected
//     EAGAIN        BRD_TCP_QUEUE packets wait already: after some turn
//     ENOMEM
int
brd_tcp_dial_send (brd_tcp_dial_t *self, brd_buf_t *out);

// The next packet, its peer zeros: 0; -1 with EAGAIN. Give it back with
// brd_zmq_msg_done ().
int
brd_tcp_dial_recv (brd_tcp_dial_t *self, brd_zmq_msg_t *ret_msg);

// --- The end that listens --------------------------------------------------
//
// A connection is a stranger until it is admitted. Who may finish the handshake
// at all is asked of allow (); who did, is admitted by what it says. A stranger
// has little time and little room, and there are only so many: when there are
// more, the kernel drops who wants to connect, until some are gone. When the
// process has no descriptor left, who comes is hung up on. Those who were
// admitted notice nothing of either.

typedef struct brd_tcp_listen brd_tcp_listen_t;

// 1 if who has this key may come in. host is its address, without the port; ""
// if that is longer than any.
typedef int
brd_tcp_allow_fn (void *arg,
                  const unsigned char key[BRD_CURVE_KEY],
                  const char *host);

typedef struct {
    const char *address;      // tcp://host:port; port 0: any
    brd_curve_t pair;         // Our own
    brd_tcp_allow_fn *allow;  // Called within turns
    void *arg;
    int peers_max;      // Connections, strangers among them
    int strangers_max;  // Of these; both are aimed at, and overshot by a burst
    double time_scale;
} brd_tcp_listen_options_t;

// Listens. There is one in a process, since libzmq asks one for keys. NULL with
//     EINVAL        not an address
//     EADDRINUSE    somebody else listens there; or is asked for keys
//     ENOTSUP       libzmq without CURVE, or one that would let everybody in
//                   when nobody answers for keys
//     EMFILE        peers_max is more than the descriptors this process may
//                   have; its soft limit is raised as far as that needs
//     EADDRNOTAVAIL, EACCES, ENOENT, ENOMEM
brd_tcp_listen_t *
brd_tcp_listen_new (const brd_tcp_listen_options_t *options);

// Hangs up on everybody; the address is free a moment later.
void
brd_tcp_listen_destroy (brd_tcp_listen_t **self_p);

// Where, with the real port. On loan.
const char *
brd_tcp_listen_address (const brd_tcp_listen_t *self);

// Answers for keys, counts who is there, sends strangers away whose time is
// over. Nobody gets in while no turns are made.
void
brd_tcp_listen_turn (brd_tcp_listen_t *self, int64_t now);

// As brd_tcp_dial_due ().
int64_t
brd_tcp_listen_due (brd_tcp_listen_t *self, int64_t now);
int
brd_tcp_listen_fd (const brd_tcp_listen_t *self);

// As brd_tcp_dial_send (), to this peer. EHOSTUNREACH: it is gone.
int
brd_tcp_listen_send (brd_tcp_listen_t *self,
                     const unsigned char peer[BRD_TCP_ID],
                     brd_buf_t *out);

// The next packet of anybody: 0; -1 with EAGAIN. Strangers that say too much
// are sent away, as is anybody whose packet is not of our form, and what they
// said is not seen here.
int
brd_tcp_listen_recv (brd_tcp_listen_t *self, brd_zmq_msg_t *ret_msg);

// The key of who sent it, which is proven.
void
brd_tcp_listen_key (const brd_zmq_msg_t *msg,
                    unsigned char ret_key[BRD_CURVE_KEY]);

// Who sent it is no stranger any more. -1 with EHOSTUNREACH: it is gone.
int
brd_tcp_listen_admit (brd_tcp_listen_t *self, const brd_zmq_msg_t *msg);

// Hangs up on a peer, stranger or not; takes one that is gone.
void
brd_tcp_listen_drop (brd_tcp_listen_t *self,
                     const unsigned char peer[BRD_TCP_ID]);

typedef struct {
    int peers;           // Connections now
    int strangers;       // Of these
    int closed;          // 1: the kernel drops who wants to connect
    uint64_t accepted;   // Connections, ever
    uint64_t refused;    // Keys that may not come in
    uint64_t unheard;    // Connections that ended before a packet, those, too
    uint64_t sent_away;  // Strangers
} brd_tcp_stats_t;

void
brd_tcp_listen_stats (const brd_tcp_listen_t *self, brd_tcp_stats_t *ret);

#endif  // BRD_TCP_H
