// brd_channel.h - messages in order, once each, over a link that loses them
//
// SPDX-License-Identifier: MPL-2.0
//
// One end of a line between two programs. Its owner moves packets between it
// and a transport that may lose, double, reorder, break and come back; what was
// sent at one end comes out at the other exactly once, whole and in order, or
// the channel says that it is over. It has no socket, clock or thread: time is
// what it is told.
//
//     brd_channel_send ()                                brd_channel_recv ()
//          |                                                     ^
//       [queue] --output--> transport (lossy) --input--> [whole messages]
//          ^--------------- acks, credit, echoes ---------------'
//
// An owner's turn:
//
//     for each packet that came:  brd_channel_input (self, now, ...)
//     while brd_channel_recv () == 0:  use it, brd_channel_done ()
//     while brd_channel_output (self, now, ...) == 0:
//         if the transport takes it:  brd_channel_sent ()
//         else:  break
//     sleep until brd_channel_deadline (), or something comes
//
// Epochs. Each channel has a number of its own, never used twice. A peer that
// was restarted has another: it gets nothing that was meant for the one before,
// and this channel is over.
//
// Who is there. What a packet proves goes by the time at which the packet that
// it answers was sent:
//
//     heard     the peer was there: a packet came
//     reached   the newest packet of ours that it has heard, by when we sent it
//     contact   the same, but only as told by a peer that knew that we hear it
//
// SUSPECT and LOST go by reached. A cut in either direction stops it at both
// ends. contact is for leases: it never is later than the peer's own reached by
// more than suspect_ns. So an end that stops what it does when contact is
// lease_ns old has stopped before the other says LOST, if only
// lost_ns > suspect_ns + lease_ns.
//
// Memory. What the peer can make this end hold is one window, or one message
// where that is larger; what its own side can, is the cap.
//
// Threads: one at a time.
//
// Read next: docs/rfc/4-session.md, decision 23.

#ifndef BRD_CHANNEL_H
#define BRD_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/brd_clock.h"

typedef struct brd_channel brd_channel_t;

// 0 is the default in all but epoch.
typedef struct {
    uint64_t epoch;        // Not 0, random: never used twice
    uint64_t message_max;  // Bytes of one message; the same at both ends;
                           // default and limit BRD_WIRE_SIZE_MAX
    // What the peer may send before messages of it are done with. A message
    // that is larger goes when no other is under way.
    uint32_t window_items;  // Default 1024
    uint32_t window_bytes;  // Default 16 MiB
    // What may wait here to be sent and acknowledged. A message that is larger
    // is taken when nothing else waits.
    uint64_t cap_items;    // Default 65536
    uint64_t cap_bytes;    // Default 256 MiB
    int64_t heartbeat_ns;  // Longest silence; default 2 s
    int64_t suspect_ns;    // Default 6 s
    int64_t lost_ns;       // Default 32 s
    int64_t opening_ns;    // How long a peer may take to be there at all;
                           // default lost_ns, BRD_NEVER: for ever
    int64_t ack_ns;        // How long an ack may wait for company; default
                           // 10 ms
    int64_t replay_ns;     // Shortest time until an ack is missed; default 1 s
} brd_channel_options_t;

typedef enum {
    BRD_CHANNEL_OPENING,  // The peer has not shown that it knows us
    BRD_CHANNEL_UP,
    BRD_CHANNEL_SUSPECT,  // Not reached for suspect_ns; may come back
    BRD_CHANNEL_LOST,     // Not reached for lost_ns: over
    BRD_CHANNEL_STALE     // The peer was restarted: over
} brd_channel_state_t;

typedef struct {
    uint64_t packets_in;    // Taken in, even if nothing in it was new
    uint64_t packets_out;   // That the transport took
    uint64_t messages_in;   // Whole ones
    uint64_t messages_out;  // That the peer has acknowledged
    uint64_t bytes_in;      // Of those
    uint64_t bytes_out;
    uint64_t pieces_twice;  // Came though they had been here
    uint64_t pieces_early;  // Came before one that was missing
    uint64_t pieces_again;  // Sent once more
    uint64_t replays;       // How often that was begun
    uint64_t refused;       // Packets that were garbage, or over the credit
    uint64_t strangers;     // Packets of, or to, another epoch
    uint64_t queued_items;  // Now: not acknowledged yet
    uint64_t queued_bytes;
    uint64_t held_items;  // Now: of the peer's, not done with
    uint64_t held_bytes;
    int64_t rtt_ns;  // Smoothed; 0: not known
} brd_channel_stats_t;

// NULL with EINVAL (times that contradict each other, an epoch of 0, a limit
// that is too large) or ENOMEM. now is CLOCK_MONOTONIC's, as all times here.
brd_channel_t *
brd_channel_new (const brd_channel_options_t *options, int64_t now);

// Takes NULL. Drops what is queued and held.
void
brd_channel_destroy (brd_channel_t **self_p);

// --- Messages --------------------------------------------------------------

// Queues a copy. Never waits. -1 with
//     ENOBUFS   the cap; nothing was queued
//     EMSGSIZE  larger than message_max
//     EPIPE     LOST
//     ESTALE    STALE
//     ENOMEM
int
brd_channel_send (brd_channel_t *self, const void *bytes, size_t size);

// The same without a copy: bytes are a block of brd_mem_alloc () and belong to
// the channel if it succeeds.
int
brd_channel_send_taken (brd_channel_t *self, void *bytes, size_t size);

// 1 if a message of this size would go now, with the peer's credit and below
// the cap; 0 if it would wait here or be refused.
int
brd_channel_room (const brd_channel_t *self, size_t size);

// The next whole message, on loan until brd_channel_done (); the same one until
// then. *ret_bytes is never NULL. -1 with EAGAIN if there is none; when the
// channel is over and all of them were taken, EPIPE or ESTALE.
int
brd_channel_recv (brd_channel_t *self,
                  const void **ret_bytes,
                  size_t *ret_size);

// The message on loan is done with: the peer gets credit for it.
void
brd_channel_done (brd_channel_t *self);

// --- Packets ---------------------------------------------------------------

// One packet that came; any bytes. -1 with
//     EPROTO  garbage, or more than the credit; nothing has changed
//     ESTALE  of or to another epoch; nothing was taken from it, but the
//             channel may be over, if it proves that the peer was restarted
//     ENOMEM  as if the rest of it had been lost
//     EPIPE   LOST already
int
brd_channel_input (brd_channel_t *self,
                   int64_t now,
                   const void *bytes,
                   size_t size);

// The next packet to send, on loan until the next call that is not const. Until
// brd_channel_sent () or brd_channel_reconnected () the next one is the same,
// with a header that is up to date. -1 with EAGAIN if there is none now.
int
brd_channel_output (brd_channel_t *self,
                    int64_t now,
                    const void **ret_bytes,
                    size_t *ret_size);

// The transport took it.
void
brd_channel_sent (brd_channel_t *self);

// The transport is a new one: what is not acknowledged goes again, at once.
void
brd_channel_reconnected (brd_channel_t *self, int64_t now);

// When to call brd_channel_output () or look at the state though nothing came;
// in the past if there is something to send now, unless that is a packet the
// transport did not take. BRD_NEVER when it is over.
int64_t
brd_channel_deadline (const brd_channel_t *self);

// --- Who is there ----------------------------------------------------------

brd_channel_state_t
brd_channel_state (brd_channel_t *self, int64_t now);

// Times, as told by now; before the first, when the channel was made.
int64_t
brd_channel_heard (const brd_channel_t *self);
int64_t
brd_channel_reached (const brd_channel_t *self);
int64_t
brd_channel_contact (const brd_channel_t *self);

// 0 while OPENING.
uint64_t
brd_channel_peer_epoch (const brd_channel_t *self);

void
brd_channel_stats (const brd_channel_t *self, brd_channel_stats_t *ret_stats);

// Asserts that what it holds is consistent; for tests.
void
brd_channel_check (const brd_channel_t *self);

#endif  // BRD_CHANNEL_H
