// brd_wan.h - two programs on two hosts, each the other's peer
//
// SPDX-License-Identifier: MPL-2.0
//
//     brd_wan_dial                             brd_wan_listen
//     a join string, who it is                 a book of tokens, joined ()
//        |  HELLO ------------------------------->  token? session? build?
//        |  <--------------------- WELCOME, REFUSED
//     brd_peer_t                               brd_peer_t, one a session
//        |                                        |
//     brd_channel  <== nothing lost, in order ==> brd_channel
//        |                                        |
//     brd_tcp_dial <-- connections that break --> brd_tcp_listen
//
// A session begins when somebody is admitted, and lives on when a connection is
// lost: the dialling end connects again and goes on with it. It is over when
// the other end was not reached for its lease and 2 s, or was restarted, or
// refuses. Then it is over at both ends, whatever comes later, and each has a
// peer that is gone: what had come whole can still be received.
//
// Times, before the scale, which both ends must have alike: silent after 6 s, a
// heartbeat each 2 s, over after the lease and 2 s. What is done for the other
// end must have stopped at brd_wan_line_lease_end (): then it has before the
// other end says that this one is gone.
//
// Sending. What the other end has not acknowledged is kept, up to a cap that is
// far above what a pool's credit lets it be. A peer for whom more is to be kept
// is gone (EPIPE): nothing is lost that is not known to be.
//
// Destroying a peer. What was sent before is still delivered, by turns of its
// end: brd_wan_dial_settled (), brd_wan_listen_settled (). Nothing is received
// any more.
//
// Threads: each end under its owner's lock. Fork: a child never touches them.
//
// Read next: docs/rfc/5-security.md, "Before a session"; decision 25.

#ifndef BRD_WAN_H
#define BRD_WAN_H

#include "transport/brd_peer.h"
#include "transport/brd_tcp.h"
#include "wire/brd_hello.h"
#include "wire/brd_token.h"

enum {
    BRD_WAN_LEASE_MS = 30000,
    BRD_WAN_LEASE_MS_MIN = 21000,  // Else it could not be kept
    BRD_WAN_LEASE_MS_MAX = 3600000
};

// --- Peers of both ends ----------------------------------------------------

typedef enum {
    BRD_WAN_JOINING,  // Not admitted yet, or the other end has not answered
    BRD_WAN_UP,
    BRD_WAN_SUSPECT,  // Not reached for 6 s; may come back
    // Over:
    BRD_WAN_LOST,     // Not reached for too long
    BRD_WAN_STALE,    // The other end does not know the session any more
    BRD_WAN_REFUSED,  // It does not want this one
    BRD_WAN_BROKEN    // It said what no peer says; or the cap
} brd_wan_state_t;

brd_wan_state_t
brd_wan_line_state (brd_peer_t *peer, int64_t now);

// A sentence, once it is over; "" before. On loan until it is destroyed.
const char *
brd_wan_line_why (const brd_peer_t *peer);

// When the other end was last known to be there and to know that this one is
// (brd_channel.h, contact); when the peer was made, if it never was.
int64_t
brd_wan_line_contact (const brd_peer_t *peer);

// When what is done for the other end must have stopped: 0.8 of the lease
// later.
int64_t
brd_wan_line_lease_end (const brd_peer_t *peer);

// --- The end that dials ----------------------------------------------------

typedef struct brd_wan_dial brd_wan_dial_t;

typedef struct {
    const brd_join_t *join;
    brd_hello_who_t who;  // lease_ms 0: BRD_WAN_LEASE_MS
    double time_scale;    // Fills in who.scale_millionths
    uint64_t cap_bytes;   // 0: 4 GiB
} brd_wan_dial_options_t;

// Dials from its first turn on. Its peer's fd is readable when a turn may have
// something to do. NULL with
//     EINVAL   the join string is for another role; who has no name, pid or
//              such a lease; not an address
//     ENOTSUP  libzmq without CURVE
//     EMFILE, ENOMEM
brd_wan_dial_t *
brd_wan_dial_new (const brd_wan_dial_options_t *options);

// And its peer. What has not been acknowledged is dropped.
void
brd_wan_dial_destroy (brd_wan_dial_t **self_p);

// It makes the turns of both. Destroying it frees nothing here.
brd_peer_t *
brd_wan_dial_peer (brd_wan_dial_t *self);

// The turns, for when the peer was destroyed.
void
brd_wan_dial_turn (brd_wan_dial_t *self, int64_t now);
int64_t
brd_wan_dial_due (brd_wan_dial_t *self, int64_t now);

// 1 if all that was sent has been acknowledged, or it is over.
int
brd_wan_dial_settled (const brd_wan_dial_t *self);

// As brd_wan_line_why (), and why it is not connected before that. On loan
// until the next turn.
const char *
brd_wan_dial_why (const brd_wan_dial_t *self);

// --- The end that listens --------------------------------------------------

typedef struct brd_wan_listen brd_wan_listen_t;

// Somebody may join, by all that is known here. NULL: the peer is the caller's
// from now on, to destroy it, and the token is used; it may send to it at once.
// Else a sentence that it is told, there is no peer, and the token is as good
// as before. The peer's fd is -1: the listener's turns do what is due for it.
// It must not be destroyed within.
typedef const char *
brd_wan_joined_fn (void *arg, brd_peer_t *peer, const brd_hello_who_t *who);

typedef struct {
    const char *address;  // As brd_tcp_listen_options_t
    brd_curve_t pair;
    brd_token_book_t *book;  // On loan
    // The build-id that who works or gives work must have; 0 bytes: any.
    const unsigned char *build;
    size_t build_size;
    brd_wan_joined_fn *joined;
    void *arg;
    int sessions_max;
    int strangers_max;
    double time_scale;
    uint64_t cap_bytes;  // Of each session; 0: 4 GiB
} brd_wan_listen_options_t;

// NULL with errno of brd_tcp_listen_new (), and EINVAL: sessions_max,
// strangers_max, build_size or time_scale.
brd_wan_listen_t *
brd_wan_listen_new (const brd_wan_listen_options_t *options);

// And all peers, which are not to be touched any more.
void
brd_wan_listen_destroy (brd_wan_listen_t **self_p);

// Where, with the real port. On loan.
const char *
brd_wan_listen_address (const brd_wan_listen_t *self);

int
brd_wan_listen_fd (const brd_wan_listen_t *self);
void
brd_wan_listen_turn (brd_wan_listen_t *self, int64_t now);
int64_t
brd_wan_listen_due (brd_wan_listen_t *self, int64_t now);

// 1 if nobody whose peer was destroyed is still owed anything.
int
brd_wan_listen_settled (const brd_wan_listen_t *self);

typedef struct {
    int sessions;      // That are not over
    int connected;     // Of these
    uint64_t joined;   // Ever
    uint64_t resumed;  // Connections that went on with a session
    uint64_t refused;  // HELLOs that were answered with REFUSED
    uint64_t garbage;  // Strangers' packets that are no HELLO
    uint64_t lost;     // Sessions that are over, and nobody here ended
    brd_tcp_stats_t tcp;
} brd_wan_stats_t;

void
brd_wan_listen_stats (const brd_wan_listen_t *self, brd_wan_stats_t *ret);

#endif  // BRD_WAN_H
