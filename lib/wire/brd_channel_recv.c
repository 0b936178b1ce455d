// brd_channel_recv.c - pieces to whole messages, and those to the user
//
// SPDX-License-Identifier: MPL-2.0
//
//     packet --may?--> pieces --in order--> partial --whole--> [first .. last]
//                        |                                        |
//                        +-- known, or too early: dropped      recv, done
//                                                                 |
//                                              credit for the peer
//
// What comes too early is not kept: the peer is told what is missing and sends
// from there. It is rare, and what is not kept needs no bound.
//
// Read next: brd_channel_input.c.

#include <errno.h>
#include <string.h>

#include "base/brd_check.h"
#include "base/brd_error.h"
#include "base/brd_mem.h"
#include "wire/brd_channel.h"
#include "wire/brd_channel_private.h"

enum {
    S_ROOM_FIRST = 1 << 20  // What a message's first piece is believed
};

// --- What may come ---------------------------------------------------------

static int
s_may_begin (const brd_channel_t *self,
             uint64_t items,
             uint64_t bytes,
             uint64_t size)
{
    if (size > self->options.message_max)
        return brd_error_set (EPROTO,
                              "a message that is larger than any may be");
    if (items > 0
        && (items >= self->options.window_items
            || bytes + size > self->options.window_bytes))
        return brd_error_set (EPROTO, "more than there was credit for");
    return 0;
}

int
brd_channel_recv_may (const brd_channel_t *self,
                      const brd_channel_packet_t *packet)
{
    const brd_channel_receiver_t *in = &self->in;
    if (packet->seq > in->seq)
        return 0;
    const uint64_t known = in->seq - packet->seq;
    uint64_t left = in->partial ? in->partial->size - in->partial->have : 0;
    uint64_t items = in->held_items, bytes = in->held_bytes;
    const unsigned char *at = packet->pieces;
    for (unsigned i = 0; i < packet->count; i++) {
        const brd_channel_piece_t piece = brd_channel_codec_next (&at);
        const uint64_t size = (uint64_t) piece.size + piece.more;
        if (i < known)
            continue;
        if (left > 0 && size != left)
            return brd_error_set (EPROTO, "a piece of another message");
        if (left == 0) {
            if (s_may_begin (self, items, bytes, size) < 0)
                return -1;
            items++;
            bytes += size;
        }
        left = piece.more;
    }
    return 0;
}

// --- Taking it -------------------------------------------------------------

// The partial message with room for so many bytes more; NULL with ENOMEM, and
// it is as it was. Room doubles, for the size is only what the peer says.
static brd_channel_in_t *
s_grow (brd_channel_in_t *partial, uint64_t size, uint64_t more)
{
    const uint64_t have = partial ? partial->have : 0;
    uint64_t room = partial ? partial->room : 0;
    if (partial && have + more <= room)
        return partial;
    room = room > 0 ? 2 * room : S_ROOM_FIRST;
    if (room > size)
        room = size;
    brd_channel_in_t *grown =
        brd_mem_resize (partial, sizeof *grown + (size_t) room);
    if (!grown)
        return NULL;
    grown->next = NULL;
    grown->size = size;
    grown->have = have;
    grown->room = room;
    return grown;
}

static void
s_whole (brd_channel_t *self)
{
    brd_channel_receiver_t *in = &self->in;
    if (in->last)
        in->last->next = in->partial;
    else
        in->first = in->partial;
    in->last = in->partial;
    in->partial = NULL;
    self->stats.messages_in++;
    self->stats.bytes_in += in->last->size;
}

static int
s_take (brd_channel_t *self, const brd_channel_piece_t *piece)
{
    brd_channel_receiver_t *in = &self->in;
    const uint64_t size = (uint64_t) piece->size + piece->more;
    brd_channel_in_t *partial = s_grow (
        in->partial, in->partial ? in->partial->size : size, piece->size);
    if (!partial)
        return -1;
    if (!in->partial) {
        in->held_items++;
        in->held_bytes += size;
        in->new_items++;
    }
    in->partial = partial;
    if (piece->size > 0)
        memcpy (partial->bytes + partial->have, piece->bytes, piece->size);
    partial->have += piece->size;
    in->new_bytes += piece->size;
    in->seq++;
    if (piece->more == 0)
        s_whole (self);
    return 0;
}

int
brd_channel_recv_take (brd_channel_t *self, const brd_channel_packet_t *packet)
{
    brd_channel_receiver_t *in = &self->in;
    brd_assert (packet->seq <= in->seq);
    const uint64_t known = in->seq - packet->seq;
    const unsigned char *at = packet->pieces;
    for (unsigned i = 0; i < packet->count; i++) {
        const brd_channel_piece_t piece = brd_channel_codec_next (&at);
        if (i < known)
            self->stats.pieces_twice++;
        else if (s_take (self, &piece) < 0)
            return -1;
    }
    return 0;
}

void
brd_channel_recv_free (brd_channel_receiver_t *self)
{
    brd_mem_free (self->partial);
    while (self->first) {
        brd_channel_in_t *message = self->first;
        self->first = message->next;
        brd_mem_free (message);
    }
}

// --- The user's end --------------------------------------------------------

int
brd_channel_recv (brd_channel_t *self, const void **ret_bytes, size_t *ret_size)
{
    const brd_channel_in_t *message = self->in.first;
    if (!message && brd_channel_is_over (self))
        return brd_channel_say_over (self);
    if (!message)
        return brd_error_set (EAGAIN, "no whole message has come");
    *ret_bytes = message->bytes;
    *ret_size = (size_t) message->size;
    return 0;
}

void
brd_channel_done (brd_channel_t *self)
{
    brd_channel_receiver_t *in = &self->in;
    brd_channel_in_t *message = in->first;
    brd_assert (message);
    in->first = message->next;
    if (!in->first)
        in->last = NULL;
    in->held_items--;
    in->held_bytes -= message->size;
    in->taken_items++;
    in->taken_bytes += message->size;
    brd_mem_free (message);
    // Half a window, or the last message: the peer may be waiting for it.
    const int at_once =
        in->taken_items - in->told_items >= self->options.window_items / 2
        || in->taken_bytes - in->told_bytes >= self->options.window_bytes / 2;
    brd_channel_output_owe (self, at_once);
}
