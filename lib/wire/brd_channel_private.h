// brd_channel_private.h - what the files of a channel know of each other
//
// SPDX-License-Identifier: MPL-2.0
//
//     brd_channel         life, time, who is there
//     brd_channel_codec   packets to bytes and back
//     brd_channel_send    the queue; credit, acks, replay
//     brd_channel_recv    pieces to messages, and the user's end of it
//     brd_channel_input   what a packet says, and whether it may
//     brd_channel_output  which packet is next, and when
//     brd_channel_check   what must be true of all of it
//
// Pieces are numbered from 0. Sent and not acknowledged are [acked, high); the
// cursor is at the next to send, which is high, or before it during a replay:
//
//     first              cursor            last
//       v                  v                 v
//     [ . . | . ] [ . ] [ . . . ] [ . ] [ . . ]
//           ^acked                  ^high

#ifndef BRD_CHANNEL_PRIVATE_H
#define BRD_CHANNEL_PRIVATE_H

#include "wire/brd_channel.h"
#include "wire/brd_channel_codec.h"

// A message that waits to be sent or acknowledged.
typedef struct brd_channel_out {
    struct brd_channel_out *next;
    void *block;  // Where its bytes are; NULL: behind this
    uint64_t size;
    uint64_t seq;     // Of its first piece
    uint64_t pieces;  // How many it has
    uint64_t item;    // How many messages were before it
    uint64_t start;   // And how many bytes
} brd_channel_out_t;

// A message of the peer's, perhaps not whole yet.
typedef struct brd_channel_in {
    struct brd_channel_in *next;
    uint64_t size;
    uint64_t have;
    uint64_t room;
    unsigned char bytes[];
} brd_channel_in_t;

typedef struct {
    brd_channel_out_t *first;
    brd_channel_out_t *last;
    brd_channel_out_t *cursor;  // NULL: all were sent
    uint64_t cursor_seq;
    uint64_t acked;
    uint64_t high;
    uint64_t end;         // Number of the next message's first piece
    uint64_t items;       // Ever queued
    uint64_t bytes;       // Of those
    uint64_t gone_items;  // Ever acknowledged
    uint64_t gone_bytes;
    uint64_t whole_items;  // Ever sent to the last piece
    uint64_t whole_bytes;
    uint64_t taken_items;  // That the peer's user is done with
    uint64_t taken_bytes;
    uint32_t window_items;  // The peer's
    uint32_t window_bytes;
    int64_t replay_at;  // When an ack is missed
    unsigned doublings;
    // A packet went again to see whether all was lost: what was high then.
    uint64_t probed;
    // Where the cursor was sent back to last, and when: a peer's GAP says so
    // until it is mended.
    uint64_t gap_acked;
    int64_t gap_at;
} brd_channel_sender_t;

typedef struct {
    brd_channel_in_t *first;  // Whole ones
    brd_channel_in_t *last;
    brd_channel_in_t *partial;
    uint64_t seq;  // Of the piece waited for
    uint64_t held_items;
    uint64_t held_bytes;
    uint64_t taken_items;
    uint64_t taken_bytes;
    uint64_t told_items;  // As of those the peer was told last
    uint64_t told_bytes;
    int gap;
    // Since the peer was told last.
    uint64_t new_items;
    uint64_t new_bytes;
} brd_channel_receiver_t;

struct brd_channel {
    brd_channel_options_t options;
    int64_t born;
    int64_t now;               // The latest it was told
    brd_channel_state_t over;  // LOST, STALE; else UP
    uint64_t peer;             // Epoch; 0: not known for sure
    uint64_t stranger;         // Who said hello and was not answered; 0: nobody
    uint64_t peer_stamp;       // The newest of the peer's, and when it came
    int64_t peer_stamp_at;
    uint64_t stamp;         // The newest of ours
    uint64_t echoed;        // The newest of ours that came back
    uint64_t sure_echoed;   // From one who was sure
    uint64_t pinned_stamp;  // The newest of ours when the peer became known
    int64_t heard;
    int64_t rtt;  // Smoothed, and how far it strays; 0: not known
    int64_t rtt_var;
    int challenge;  // A hello goes to whoever is there
    int64_t hello_at;
    int64_t hello_wait;
    int64_t ack_at;
    int64_t sent_at;
    uint64_t owed;        // Grows when there is something new to tell
    uint64_t owed_built;  // As of the packet on loan
    brd_channel_sender_t out;
    brd_channel_receiver_t in;
    brd_channel_stats_t stats;
    // The packet on loan.
    int on_loan;
    brd_channel_packet_t packet;
    unsigned char bytes[BRD_CHANNEL_PACKET_MAX];
};

// --- brd_channel.c ---------------------------------------------------------

// Time passes; sees whether the channel is over.
void
brd_channel_pass (brd_channel_t *self, int64_t now);
int
brd_channel_is_over (const brd_channel_t *self);
// -1 with EPIPE or ESTALE.
int
brd_channel_say_over (const brd_channel_t *self);
// a + b, for times that may be BRD_NEVER; b is not negative.
int64_t
brd_channel_later (int64_t a, int64_t b);

// --- brd_channel_send.c ----------------------------------------------------

// 1 if a piece could go now.
int
brd_channel_send_ready (const brd_channel_t *self);
// Puts as many into the packet as fit, and moves the cursor; how many.
void
brd_channel_send_pack (brd_channel_t *self);
// The first packet that was not acknowledged, and the cursor stays.
void
brd_channel_send_probe (brd_channel_t *self);
// The cursor to what was not acknowledged.
void
brd_channel_send_again (brd_channel_t *self);
// The peer has all before ack, which is between acked and high.
void
brd_channel_send_acked (brd_channel_t *self, uint64_t ack);
// The peer misses what is at acked.
void
brd_channel_send_gap (brd_channel_t *self);
void
brd_channel_send_arm (brd_channel_t *self);
void
brd_channel_send_free (brd_channel_sender_t *self);

// --- brd_channel_recv.c ----------------------------------------------------

// Whether the pieces may come: -1 with EPROTO, and nothing has changed.
int
brd_channel_recv_may (const brd_channel_t *self,
                      const brd_channel_packet_t *packet);
// Takes those that are new. -1 with ENOMEM: not all of them.
int
brd_channel_recv_take (brd_channel_t *self, const brd_channel_packet_t *packet);
void
brd_channel_recv_free (brd_channel_receiver_t *self);

// --- brd_channel_output.c --------------------------------------------------

// The peer is to be told something: at once, or within ack_ns.
void
brd_channel_output_owe (brd_channel_t *self, int at_once);

#endif  // BRD_CHANNEL_PRIVATE_H
