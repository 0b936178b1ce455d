// brd_wan_private.h - what a line between two hosts is made of
//
// SPDX-License-Identifier: MPL-2.0
//
// For brd_wan_*.c only.

#ifndef BRD_WAN_PRIVATE_H
#define BRD_WAN_PRIVATE_H

#include "base/brd_heap.h"
#include "base/brd_list.h"
#include "base/brd_map.h"
#include "transport/brd_wan.h"
#include "wire/brd_channel.h"

enum {
    BRD_WAN_WHY_MAX = 512,     // As the text of an error
    BRD_WAN_PACKETS_MAX = 256  // Taken in one turn
};

// --- A line: a channel that looks like a peer ------------------------------

typedef struct brd_wan_line brd_wan_line_t;

// What both ends have in common. Its end says how packets leave, and is told
// when the owner has done something.
struct brd_wan_line {
    brd_peer_t peer;  // First
    brd_channel_t *channel;
    brd_wan_state_t over;  // 0: not yet; as an end has found
    int is_closed;         // 1: the owner has destroyed its peer
    int on_loan;           // 1: the owner has a message
    int is_connected;      // 1: packets can leave
    int64_t suspect_ns;
    int64_t lease_ns;  // Of it, that is used
    int64_t retry_at;  // A packet could not leave
    // Sends what is in out. -1 with EAGAIN, EHOSTUNREACH, ENOMEM.
    int (*carry) (brd_wan_line_t *self, brd_buf_t *out);
    // The owner has sent, or is done with, something, or has destroyed it.
    // NULL: its end finds out.
    void (*touched) (brd_wan_line_t *self);
    char why[BRD_WAN_WHY_MAX];
};

// A channel with these times, of this epoch. -1 with EINVAL, ENOMEM.
int
brd_wan_line_init (brd_wan_line_t *self,
                   uint64_t epoch,
                   uint32_t lease_ms,
                   double scale,
                   uint64_t cap_bytes);
void
brd_wan_line_fini (brd_wan_line_t *self);

// It is over, for a reason, unless it is already.
void
brd_wan_line_end (brd_wan_line_t *self, brd_wan_state_t state, const char *why);

// A packet that came.
void
brd_wan_line_input (brd_wan_line_t *self,
                    int64_t now,
                    const void *bytes,
                    size_t size);

// Sends what there is; out has room for a packet.
void
brd_wan_line_pump (brd_wan_line_t *self, int64_t now, brd_buf_t *out);

// When to pump though nothing has happened.
int64_t
brd_wan_line_due (const brd_wan_line_t *self);

// 1 if nothing is owed to the other end.
int
brd_wan_line_settled (const brd_wan_line_t *self);

// As a HELLO says it; 0: not one.
uint32_t
brd_wan_line_millionths (double scale);

// A buffer with room for a packet; an epoch. -1 with errno.
int
brd_wan_line_out (brd_buf_t *out);
int
brd_wan_line_epoch (uint64_t *ret_epoch);

// --- A session, at the end that listens ------------------------------------

typedef struct {
    brd_wan_line_t line;  // First
    brd_list_t link;
    brd_timer_t timer;
    brd_wan_listen_t *listen;
    brd_hello_who_t who;
    unsigned char session[BRD_HELLO_SESSION];
    unsigned char key[BRD_CURVE_KEY];
    unsigned char peer[BRD_TCP_ID];  // Its connection, while it is connected
    uint64_t epoch;
    uint64_t peer_epoch;
    int is_attached;  // 1: to that connection
    int is_ended;     // 1: it is over, and waits for its owner
} brd_wan_session_t;

struct brd_wan_listen {
    brd_tcp_listen_t *tcp;
    brd_token_book_t *book;
    brd_wan_joined_fn *joined;
    void *arg;
    brd_list_t sessions;
    brd_map_t by_peer;  // Those that are connected
    brd_heap_t timers;
    brd_buf_t out;
    int sessions_max;
    double time_scale;
    uint64_t cap_bytes;
    size_t build_size;
    unsigned char build[BRD_HELLO_BUILD_MAX];
    brd_wan_stats_t stats;
};

// Who is not in a session: nothing, or a new one, or an old one connected anew.
void
brd_wan_admit_stranger (brd_wan_listen_t *self,
                        const brd_zmq_msg_t *msg,
                        int64_t now);

// 1 if who has this key may finish the handshake.
int
brd_wan_admit_key (void *arg,
                   const unsigned char key[BRD_CURVE_KEY],
                   const char *host);

// Makes one that has no connection. NULL with EMFILE, ENOMEM.
brd_wan_session_t *
brd_wan_session_new (brd_wan_listen_t *listen,
                     const brd_hello_t *hello,
                     const unsigned char key[BRD_CURVE_KEY]);
void
brd_wan_session_free (brd_wan_session_t *self);

// The one that has this connection, or NULL.
brd_wan_session_t *
brd_wan_session_of_peer (const brd_wan_listen_t *listen,
                         const unsigned char peer[BRD_TCP_ID]);

// From now on it has this connection, and no other. -1 with ENOMEM.
int
brd_wan_session_attach (brd_wan_session_t *self,
                        const unsigned char peer[BRD_TCP_ID]);
void
brd_wan_session_detach (brd_wan_session_t *self);

// Something has happened to one that is not over: it is minded in this turn, or
// the next.
void
brd_wan_session_touch (brd_wan_session_t *self);

// Does what is due for it; it may be free afterwards.
void
brd_wan_session_mind (brd_wan_session_t *self, int64_t now);

#endif  // BRD_WAN_PRIVATE_H
