// brd_channel_input.c - what a packet says, and whether it may
//
// SPDX-License-Identifier: MPL-2.0
//
//     bytes --codec--> packet --of whom?--> stranger: ESTALE
//                                 |         not known yet: hello, or pinned
//                                 +--> true? no: EPROTO, nothing changed
//                                       |
//                                       +--> echo, ack, credit, pieces
//
// The peer becomes known by a packet that is addressed to our epoch, for only
// somebody who has heard us can know that: what a dead one left in some queue
// is addressed to nobody, or to somebody before us.
//
// Once it is known, a hello of somebody else may be a restarted peer, or an old
// packet. We answer with a hello, to whoever is there; if the answer to that
// has another epoch, then that one lives after the peer was known, and the
// channel is over.
//
// Read next: docs/rfc/4-session.md.

#include <errno.h>

#include "base/brd_error.h"
#include "wire/brd_channel.h"
#include "wire/brd_channel_private.h"

// --- Strangers -------------------------------------------------------------

static int
s_strange (brd_channel_t *self, const char *what)
{
    self->stats.strangers++;
    return brd_error_set (ESTALE, "a packet %s", what);
}

static int
s_stranger (brd_channel_t *self, const brd_channel_packet_t *packet)
{
    if (packet->to == 0)
        self->challenge = 1;
    else if (packet->echo > self->pinned_stamp && packet->echo <= self->stamp)
        self->over = BRD_CHANNEL_STALE;
    return s_strange (self, "of another than the peer");
}

// A hello to nobody: whoever sent it is to learn of us.
static void
s_hello (brd_channel_t *self, const brd_channel_packet_t *packet)
{
    self->stats.packets_in++;
    if (self->peer != 0) {
        brd_channel_output_owe (self, 1);
        return;
    }
    self->stranger = packet->from;
    self->peer_stamp = packet->stamp;
    self->peer_stamp_at = self->now;
    self->hello_at = self->now;
}

// --- True? -----------------------------------------------------------------

static int
s_may (const brd_channel_t *self, const brd_channel_packet_t *packet)
{
    const brd_channel_sender_t *out = &self->out;
    if (packet->echo > self->stamp)
        return brd_error_set (EPROTO, "an echo of what was never sent");
    if (packet->ack > out->high)
        return brd_error_set (EPROTO, "an ack of what was never sent");
    if (packet->taken_items > out->whole_items
        || packet->taken_bytes > out->whole_bytes)
        return brd_error_set (EPROTO, "credit for what was never sent");
    if (self->peer != 0
        && (packet->window_items != out->window_items
            || packet->window_bytes != out->window_bytes))
        return brd_error_set (EPROTO, "another window than before");
    return brd_channel_recv_may (self, packet);
}

// --- What it says ----------------------------------------------------------

static void
s_pin (brd_channel_t *self, const brd_channel_packet_t *packet)
{
    self->peer = packet->from;
    self->stranger = 0;
    self->pinned_stamp = self->stamp;
    self->peer_stamp = 0;
    self->out.window_items = packet->window_items;
    self->out.window_bytes = packet->window_bytes;
    brd_channel_output_owe (self, 1);
}

// As RFC 6298 does it.
static void
s_round_trip (brd_channel_t *self, const brd_channel_packet_t *packet)
{
    int64_t sample = self->now - brd_channel_reached (self)
                     - (int64_t) packet->held_us * 1000;
    if (sample < 1)
        sample = 1;
    if (self->rtt == 0) {
        self->rtt = sample;
        self->rtt_var = sample / 2;
        return;
    }
    const int64_t off =
        self->rtt > sample ? self->rtt - sample : sample - self->rtt;
    self->rtt_var += (off - self->rtt_var) / 4;
    self->rtt += (sample - self->rtt) / 8;
}

static void
s_times (brd_channel_t *self, const brd_channel_packet_t *packet)
{
    self->heard = self->now;
    if (packet->stamp > self->peer_stamp) {
        self->peer_stamp = packet->stamp;
        self->peer_stamp_at = self->now;
    }
    if (packet->echo > self->echoed) {
        self->echoed = packet->echo;
        s_round_trip (self, packet);
    }
    if ((packet->flags & BRD_CHANNEL_SURE) && packet->echo > self->sure_echoed)
        self->sure_echoed = packet->echo;
}

static void
s_acks (brd_channel_t *self, const brd_channel_packet_t *packet)
{
    brd_channel_sender_t *out = &self->out;
    if (packet->taken_items > out->taken_items) {
        out->taken_items = packet->taken_items;
        out->taken_bytes = packet->taken_bytes;
    }
    if (packet->ack < out->acked)
        return;
    brd_channel_send_acked (self, packet->ack);
    if (packet->flags & BRD_CHANNEL_GAP)
        brd_channel_send_gap (self);
}

// A beat tells of a gap once: two ends that miss something would answer each
// other's beats with beats.
static void
s_early (brd_channel_t *self, const brd_channel_packet_t *packet)
{
    if (packet->count > 0 || !self->in.gap)
        brd_channel_output_owe (self, 1);
    self->stats.pieces_early += packet->count;
    self->in.gap = 1;
}

static int
s_pieces (brd_channel_t *self, const brd_channel_packet_t *packet)
{
    brd_channel_receiver_t *in = &self->in;
    if (packet->seq > in->seq) {
        s_early (self, packet);
        return 0;
    }
    if (packet->count == 0)
        return 0;
    const uint64_t seq = in->seq;
    const int rc = brd_channel_recv_take (self, packet);
    if (in->seq > seq)
        in->gap = 0;
    // What was here before: the ack of it was lost.
    const int at_once = packet->seq < seq
                        || in->new_items >= self->options.window_items / 4
                        || in->new_bytes >= self->options.window_bytes / 4;
    brd_channel_output_owe (self, at_once);
    return rc;
}

int
brd_channel_input (brd_channel_t *self,
                   int64_t now,
                   const void *bytes,
                   size_t size)
{
    brd_channel_packet_t packet;
    brd_channel_pass (self, now);
    if (brd_channel_is_over (self))
        return brd_channel_say_over (self);
    if (brd_channel_codec_get (bytes, size, &packet) < 0) {
        self->stats.refused++;
        return -1;
    }
    if (packet.from == self->options.epoch)
        return s_strange (self, "of our own");
    if (packet.to != 0 && packet.to != self->options.epoch)
        return s_strange (self, "to another before us");
    if (self->peer != 0 && packet.from != self->peer)
        return s_stranger (self, &packet);
    if (packet.to == 0) {
        s_hello (self, &packet);
        return 0;
    }
    if (s_may (self, &packet) < 0) {
        self->stats.refused++;
        return -1;
    }
    self->stats.packets_in++;
    if (self->peer == 0)
        s_pin (self, &packet);
    s_times (self, &packet);
    s_acks (self, &packet);
    if (packet.type == BRD_CHANNEL_HELLO)
        brd_channel_output_owe (self, 1);
    return s_pieces (self, &packet);
}
