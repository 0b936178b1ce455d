// brd_channel_output.c - which packet is next, and when
//
// SPDX-License-Identifier: MPL-2.0
//
//     a hello      if the peer is not known, or somebody else said hello
//     data         if there is any that may go
//     data again   if an ack is missed
//     a beat       if something is owed to the peer, or it was silent here
//
// Every packet tells all that a beat does, so no beat waits behind data: it is
// in front of the next 64 KiB. The header is made when a packet is asked for,
// each time, for times and acks in it go stale.
//
// Read next: brd_channel_send.c for what is packed.

#include <errno.h>

#include "base/brd_check.h"
#include "base/brd_error.h"
#include "wire/brd_channel.h"
#include "wire/brd_channel_private.h"

void
brd_channel_output_owe (brd_channel_t *self, int at_once)
{
    const int64_t at =
        at_once ? self->now
                : brd_channel_later (self->now, self->options.ack_ns);
    self->owed++;
    if (at < self->ack_at)
        self->ack_at = at;
}

// --- The header ------------------------------------------------------------

static uint32_t
s_held_us (const brd_channel_t *self)
{
    const int64_t held = (self->now - self->peer_stamp_at) / 1000;
    return held < UINT32_MAX ? (uint32_t) held : UINT32_MAX;
}

// To somebody who has an epoch; a hello to nobody tells nothing but ours.
static void
s_tell (brd_channel_t *self, brd_channel_packet_t *packet)
{
    const brd_channel_receiver_t *in = &self->in;
    if (packet->type != BRD_CHANNEL_DATA)
        packet->seq = self->out.high;
    packet->ack = in->seq;
    packet->taken_items = in->taken_items;
    packet->taken_bytes = in->taken_bytes;
    packet->echo = self->peer_stamp;
    packet->held_us = s_held_us (self);
    packet->flags = in->gap ? BRD_CHANNEL_GAP : 0;
    if (self->peer != 0
        && self->now - brd_channel_reached (self) < self->options.suspect_ns)
        packet->flags |= BRD_CHANNEL_SURE;
}

static void
s_header (brd_channel_t *self)
{
    brd_channel_packet_t *packet = &self->packet;
    self->stamp = (uint64_t) (self->now - self->born) + 1;
    packet->from = self->options.epoch;
    packet->window_items = self->options.window_items;
    packet->window_bytes = self->options.window_bytes;
    packet->stamp = self->stamp;
    if (packet->to != 0)
        s_tell (self, packet);
    self->owed_built = self->owed;
    brd_channel_codec_put (self->bytes, packet);
}

// --- Which -----------------------------------------------------------------

static void
s_bare (brd_channel_t *self, brd_channel_type_t type, uint64_t to)
{
    self->packet = (brd_channel_packet_t){ .type = (uint8_t) type, .to = to };
}

static int
s_silent (const brd_channel_t *self)
{
    return self->now
           >= brd_channel_later (self->sent_at, self->options.heartbeat_ns);
}

// 1 if there is one.
static int
s_choose (brd_channel_t *self)
{
    brd_channel_sender_t *out = &self->out;
    if (self->peer == 0) {
        if (self->now < self->hello_at)
            return 0;
        s_bare (self, BRD_CHANNEL_HELLO, self->stranger);
        return 1;
    }
    if (self->challenge) {
        s_bare (self, BRD_CHANNEL_HELLO, 0);
        return 1;
    }
    s_bare (self, BRD_CHANNEL_DATA, self->peer);
    if (brd_channel_send_ready (self)) {
        brd_channel_send_pack (self);
        return 1;
    }
    if (self->now >= out->replay_at) {
        brd_channel_send_probe (self);
        return 1;
    }
    s_bare (self, BRD_CHANNEL_BEAT, self->peer);
    return self->now >= self->ack_at || s_silent (self);
}

int
brd_channel_output (brd_channel_t *self,
                    int64_t now,
                    const void **ret_bytes,
                    size_t *ret_size)
{
    brd_channel_pass (self, now);
    const int kept = self->on_loan && self->packet.count > 0;
    self->on_loan = 0;
    if (brd_channel_is_over (self) || (!kept && !s_choose (self)))
        return brd_error_set (EAGAIN, "no packet is to be sent now");
    s_header (self);
    self->on_loan = 1;
    *ret_bytes = self->bytes;
    *ret_size = BRD_CHANNEL_HEADER + self->packet.size;
    return 0;
}

// --- What became of it -----------------------------------------------------

// Hellos come less often the longer nobody answers.
static void
s_said_hello (brd_channel_t *self)
{
    self->stranger = 0;
    self->hello_at = brd_channel_later (self->now, self->hello_wait);
    self->hello_wait = brd_channel_later (self->hello_wait, self->hello_wait);
    if (self->hello_wait > self->options.heartbeat_ns)
        self->hello_wait = self->options.heartbeat_ns;
}

void
brd_channel_sent (brd_channel_t *self)
{
    const brd_channel_packet_t *packet = &self->packet;
    brd_assert (self->on_loan);
    self->on_loan = 0;
    self->stats.packets_out++;
    if (packet->type == BRD_CHANNEL_HELLO) {
        self->challenge = 0;
        if (self->peer == 0)
            s_said_hello (self);
        return;
    }
    self->sent_at = self->now;
    if (packet->count > 0)
        brd_channel_send_arm (self);
    self->in.told_items = packet->taken_items;
    self->in.told_bytes = packet->taken_bytes;
    // Something may have come while it was on loan.
    if (self->owed_built == self->owed) {
        self->ack_at = BRD_NEVER;
        self->in.new_items = 0;
        self->in.new_bytes = 0;
    }
}

void
brd_channel_reconnected (brd_channel_t *self, int64_t now)
{
    brd_channel_pass (self, now);
    self->on_loan = 0;
    if (self->peer == 0) {
        self->hello_at = self->now;
        return;
    }
    self->out.doublings = 0;
    brd_channel_send_again (self);
    brd_channel_send_arm (self);
    brd_channel_output_owe (self, 1);
}
