// brd_channel_codec.c - packets of a channel to bytes and back
//
// SPDX-License-Identifier: MPL-2.0
//
//     0      4    5     6     8    16 24  32  40    48    56  60  64    72
//     |"BRC1"|type|flags|count|from|to|seq|ack|taken|taken|win|win|stamp|echo
//     80   84
//     |held|size|  pieces: | size | more | bytes |  | size | more | ...
//
// The offsets are written down in docs/rfc/4-session.md and checked by
// tests/unit/test_brd_channel_codec.c.
//
// Read next: brd_channel_input.c.

#include "wire/brd_channel_codec.h"

#include <errno.h>
#include <string.h>

#include "base/brd_error.h"
#include "wire/brd_le.h"

static const unsigned char s_magic[4] = { 'B', 'R', 'C', '1' };

void
brd_channel_codec_put (unsigned char out[BRD_CHANNEL_HEADER],
                       const brd_channel_packet_t *packet)
{
    memcpy (out, s_magic, sizeof s_magic);
    out[4] = packet->type;
    out[5] = packet->flags;
    brd_le_put (out + 6, packet->count, 2);
    brd_le_put (out + 8, packet->from, 8);
    brd_le_put (out + 16, packet->to, 8);
    brd_le_put (out + 24, packet->seq, 8);
    brd_le_put (out + 32, packet->ack, 8);
    brd_le_put (out + 40, packet->taken_items, 8);
    brd_le_put (out + 48, packet->taken_bytes, 8);
    brd_le_put (out + 56, packet->window_items, 4);
    brd_le_put (out + 60, packet->window_bytes, 4);
    brd_le_put (out + 64, packet->stamp, 8);
    brd_le_put (out + 72, packet->echo, 8);
    brd_le_put (out + 80, packet->held_us, 4);
    brd_le_put (out + 84, packet->size, 4);
}

size_t
brd_channel_codec_put_piece (unsigned char *out,
                             const brd_channel_piece_t *piece)
{
    brd_le_put (out, piece->size, 4);
    brd_le_put (out + 4, piece->more, 4);
    if (piece->size > 0)
        memcpy (out + BRD_CHANNEL_PIECE, piece->bytes, piece->size);
    return BRD_CHANNEL_PIECE + (size_t) piece->size;
}

static int
s_bad (const char *what)
{
    return brd_error_set (EPROTO, "a packet that is not a channel's: %s", what);
}

static void
s_read (const unsigned char *at, brd_channel_packet_t *packet)
{
    *packet = (brd_channel_packet_t){
        .type = at[4],
        .flags = at[5],
        .count = (uint16_t) brd_le_get (at + 6, 2),
        .from = brd_le_get (at + 8, 8),
        .to = brd_le_get (at + 16, 8),
        .seq = brd_le_get (at + 24, 8),
        .ack = brd_le_get (at + 32, 8),
        .taken_items = brd_le_get (at + 40, 8),
        .taken_bytes = brd_le_get (at + 48, 8),
        .window_items = (uint32_t) brd_le_get (at + 56, 4),
        .window_bytes = (uint32_t) brd_le_get (at + 60, 4),
        .stamp = brd_le_get (at + 64, 8),
        .echo = brd_le_get (at + 72, 8),
        .held_us = (uint32_t) brd_le_get (at + 80, 4),
        .pieces = at + BRD_CHANNEL_HEADER,
        .size = (size_t) brd_le_get (at + 84, 4),
    };
}

// Each is cut as its sender must have cut it, so that a number always means the
// same bytes: full if more of the message follows.
static int
s_check_pieces (const brd_channel_packet_t *packet)
{
    const unsigned char *at = packet->pieces;
    const unsigned char *const end = at + packet->size;
    for (unsigned i = 0; i < packet->count; i++) {
        if ((size_t) (end - at) < BRD_CHANNEL_PIECE)
            return s_bad ("a piece is cut short");
        const uint64_t size = brd_le_get (at, 4);
        const uint64_t more = brd_le_get (at + 4, 4);
        at += BRD_CHANNEL_PIECE;
        if (size > (size_t) (end - at))
            return s_bad ("a piece's bytes are cut short");
        if (more > 0 && size != BRD_CHANNEL_PIECE_MAX)
            return s_bad ("a piece's size");
        at += size;
    }
    return at == end ? 0 : s_bad ("bytes left over");
}

int
brd_channel_codec_get (const void *bytes,
                       size_t size,
                       brd_channel_packet_t *ret_packet)
{
    brd_channel_packet_t packet;
    if (size < BRD_CHANNEL_HEADER
        || memcmp (bytes, s_magic, sizeof s_magic) != 0)
        return s_bad ("no header");
    s_read (bytes, &packet);
    if (packet.type < BRD_CHANNEL_HELLO || packet.type > BRD_CHANNEL_DATA
        || (packet.flags & ~BRD_CHANNEL_FLAGS) != 0)
        return s_bad ("unknown type or flags");
    if (packet.size != size - BRD_CHANNEL_HEADER
        || packet.size > BRD_CHANNEL_ROOM)
        return s_bad ("its size");
    if ((packet.type == BRD_CHANNEL_DATA) != (packet.count > 0))
        return s_bad ("pieces where none are, or none");
    if (packet.from == 0
        || (packet.to == 0 && packet.type != BRD_CHANNEL_HELLO))
        return s_bad ("an epoch of 0");
    if (packet.to == 0
        && (packet.flags | packet.seq | packet.ack | packet.taken_items
            | packet.taken_bytes | packet.echo | packet.held_us)
               != 0)
        return s_bad ("news for nobody");
    if (packet.to != 0 && packet.echo == 0)
        return s_bad ("to somebody it has not heard");
    if (packet.seq > UINT64_MAX - packet.count)
        return s_bad ("its number");
    if (packet.window_items == 0 || packet.window_bytes == 0)
        return s_bad ("a window of 0");
    if (packet.stamp == 0)
        return s_bad ("no stamp");
    if (s_check_pieces (&packet) < 0)
        return -1;
    *ret_packet = packet;
    return 0;
}

brd_channel_piece_t
brd_channel_codec_next (const unsigned char **at)
{
    const brd_channel_piece_t piece = {
        .bytes = *at + BRD_CHANNEL_PIECE,
        .size = (uint32_t) brd_le_get (*at, 4),
        .more = (uint32_t) brd_le_get (*at + 4, 4),
    };
    *at = piece.bytes + piece.size;
    return piece;
}

uint64_t
brd_channel_codec_pieces (uint64_t size)
{
    return size == 0 ? 1 : (size - 1) / BRD_CHANNEL_PIECE_MAX + 1;
}
