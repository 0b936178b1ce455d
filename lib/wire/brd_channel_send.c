// brd_channel_send.c - what waits to be sent, and to be acknowledged
//
// SPDX-License-Identifier: MPL-2.0
//
//     send --> [queue] --cursor--> packet          ack --> drops from the front
//                 ^                                GAP --> cursor back, at once
//                 +-- again -- reconnected, or a missed ack that proved a loss
//
// A message is cut at multiples of the largest piece, so that a number means
// the same bytes however often they go. Credit is asked for once, when a
// message begins; what had it keeps it.
//
// A missed ack sends one packet again and no more: on a transport that loses
// nothing it is only late, and all of it again would make it later. If the
// answer is that there is more missing, then all goes.
//
// Read next: brd_channel_output.c.

#include <errno.h>
#include <string.h>

#include "base/brd_error.h"
#include "base/brd_mem.h"
#include "wire/brd_channel.h"
#include "wire/brd_channel_private.h"

enum {
    S_DOUBLINGS_MAX = 4
};

// --- The queue -------------------------------------------------------------

static int
s_under_cap (const brd_channel_t *self, size_t size)
{
    const brd_channel_sender_t *out = &self->out;
    const uint64_t items = out->items - out->gone_items;
    const uint64_t bytes = out->bytes - out->gone_bytes;
    return items == 0
           || (items < self->options.cap_items
               && bytes + size <= self->options.cap_bytes);
}

static int
s_may_queue (const brd_channel_t *self, size_t size)
{
    if (brd_channel_is_over (self))
        return brd_channel_say_over (self);
    if (size > self->options.message_max)
        return brd_error_set (
            EMSGSIZE,
            "a message of %zu bytes exceeds the limit of %llu",
            size,
            (unsigned long long) self->options.message_max);
    if (!s_under_cap (self, size))
        return brd_error_set (
            ENOBUFS,
            "%llu messages wait to be sent or acknowledged already",
            (unsigned long long) (self->out.items - self->out.gone_items));
    return 0;
}

static void
s_queue (brd_channel_sender_t *self, brd_channel_out_t *message, size_t size)
{
    message->next = NULL;
    message->size = size;
    message->seq = self->end;
    message->pieces = brd_channel_codec_pieces (size);
    message->item = self->items;
    message->start = self->bytes;
    self->end += message->pieces;
    self->items++;
    self->bytes += size;
    if (self->last)
        self->last->next = message;
    else
        self->first = message;
    self->last = message;
    if (!self->cursor)
        self->cursor = message;
}

int
brd_channel_send (brd_channel_t *self, const void *bytes, size_t size)
{
    if (s_may_queue (self, size) < 0)
        return -1;
    brd_channel_out_t *message = brd_mem_alloc (sizeof *message + size);
    if (!message)
        return -1;
    message->block = NULL;
    if (size > 0)
        memcpy (message + 1, bytes, size);
    s_queue (&self->out, message, size);
    return 0;
}

int
brd_channel_send_taken (brd_channel_t *self, void *bytes, size_t size)
{
    if (s_may_queue (self, size) < 0)
        return -1;
    brd_channel_out_t *message = brd_mem_alloc (sizeof *message);
    if (!message)
        return -1;
    message->block = bytes;
    s_queue (&self->out, message, size);
    return 0;
}

static void
s_free (brd_channel_out_t *message)
{
    brd_mem_free (message->block);
    brd_mem_free (message);
}

void
brd_channel_send_free (brd_channel_sender_t *self)
{
    while (self->first) {
        brd_channel_out_t *message = self->first;
        self->first = message->next;
        s_free (message);
    }
}

// --- Credit ----------------------------------------------------------------

// For the message that has so many messages and bytes before it.
static int
s_credit (const brd_channel_sender_t *self,
          uint64_t item,
          uint64_t start,
          uint64_t size)
{
    if (item == self->taken_items)
        return 1;
    return item - self->taken_items < self->window_items
           && start + size - self->taken_bytes <= self->window_bytes;
}

int
brd_channel_room (const brd_channel_t *self, size_t size)
{
    const brd_channel_sender_t *out = &self->out;
    return !brd_channel_is_over (self) && self->peer != 0
           && size <= self->options.message_max && s_under_cap (self, size)
           && s_credit (out, out->items, out->bytes, size);
}

int
brd_channel_send_ready (const brd_channel_t *self)
{
    const brd_channel_sender_t *out = &self->out;
    const brd_channel_out_t *message = out->cursor;
    if (self->peer == 0 || !message)
        return 0;
    if (out->cursor_seq < out->high || out->cursor_seq > message->seq)
        return 1;
    return s_credit (out, message->item, message->start, message->size);
}

// --- Packing ---------------------------------------------------------------

static brd_channel_piece_t
s_piece (const brd_channel_sender_t *self)
{
    const brd_channel_out_t *message = self->cursor;
    const unsigned char *bytes =
        message->block ? message->block : (const void *) (message + 1);
    const uint64_t offset =
        (self->cursor_seq - message->seq) * BRD_CHANNEL_PIECE_MAX;
    const uint64_t left = message->size - offset;
    const uint64_t size =
        left < BRD_CHANNEL_PIECE_MAX ? left : BRD_CHANNEL_PIECE_MAX;
    return (brd_channel_piece_t){ .bytes = bytes + offset,
                                  .size = (uint32_t) size,
                                  .more = (uint32_t) (left - size) };
}

static void
s_step (brd_channel_t *self)
{
    brd_channel_sender_t *out = &self->out;
    brd_channel_out_t *message = out->cursor;
    const int first_time = out->cursor_seq == out->high;
    out->cursor_seq++;
    if (first_time)
        out->high = out->cursor_seq;
    else
        self->stats.pieces_again++;
    if (out->cursor_seq < message->seq + message->pieces)
        return;
    out->cursor = message->next;
    if (first_time) {
        out->whole_items = message->item + 1;
        out->whole_bytes = message->start + message->size;
    }
}

void
brd_channel_send_pack (brd_channel_t *self)
{
    brd_channel_packet_t *packet = &self->packet;
    unsigned char *const at = self->bytes + BRD_CHANNEL_HEADER;
    packet->seq = self->out.cursor_seq;
    packet->count = 0;
    packet->size = 0;
    while (brd_channel_send_ready (self)) {
        const brd_channel_piece_t piece = s_piece (&self->out);
        if (packet->size + BRD_CHANNEL_PIECE + piece.size > BRD_CHANNEL_ROOM)
            break;
        packet->size += brd_channel_codec_put_piece (at + packet->size, &piece);
        packet->count++;
        s_step (self);
    }
}

// --- Replay ----------------------------------------------------------------

void
brd_channel_send_arm (brd_channel_t *self)
{
    int64_t wait = brd_channel_later (self->rtt, 4 * self->rtt_var);
    if (wait < self->options.replay_ns)
        wait = self->options.replay_ns;
    for (unsigned i = 0; i < self->out.doublings; i++)
        wait = brd_channel_later (wait, wait);
    self->out.replay_at = self->out.acked < self->out.high
                              ? brd_channel_later (self->now, wait)
                              : BRD_NEVER;
}

void
brd_channel_send_again (brd_channel_t *self)
{
    brd_channel_sender_t *out = &self->out;
    out->probed = 0;
    if (out->acked == out->high)
        return;
    self->stats.replays++;
    out->cursor = out->first;
    out->cursor_seq = out->acked;
    out->gap_acked = out->acked;
    out->gap_at = self->now;
}

void
brd_channel_send_probe (brd_channel_t *self)
{
    brd_channel_sender_t *out = &self->out;
    brd_channel_out_t *const cursor = out->cursor;
    const uint64_t seq = out->cursor_seq;
    brd_channel_send_again (self);
    brd_channel_send_pack (self);
    // A short message may have let in more behind it.
    if (out->cursor_seq < seq) {
        out->cursor = cursor;
        out->cursor_seq = seq;
    }
    out->probed = out->high;
    if (out->doublings < S_DOUBLINGS_MAX)
        out->doublings++;
}

void
brd_channel_send_gap (brd_channel_t *self)
{
    brd_channel_sender_t *out = &self->out;
    // It says so until it is mended: once for each place and round trip.
    const int64_t wait = brd_channel_later (self->rtt, self->rtt_var);
    if (out->acked == out->gap_acked && self->now - out->gap_at <= wait)
        return;
    if (out->cursor_seq == out->high)
        brd_channel_send_again (self);
}

void
brd_channel_send_acked (brd_channel_t *self, uint64_t ack)
{
    brd_channel_sender_t *out = &self->out;
    if (ack == out->acked)
        return;
    out->acked = ack;
    while (out->first && out->first->seq + out->first->pieces <= ack) {
        brd_channel_out_t *message = out->first;
        out->first = message->next;
        if (out->cursor == message)
            out->cursor = out->first;
        out->gone_items++;
        out->gone_bytes += message->size;
        s_free (message);
    }
    if (!out->first)
        out->last = NULL;
    if (out->cursor_seq < ack)
        out->cursor_seq = ack;
    out->doublings = 0;
    if (out->probed > ack)
        brd_channel_send_again (self);
    else
        out->probed = 0;
    brd_channel_send_arm (self);
}
