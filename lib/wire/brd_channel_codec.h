// brd_channel_codec.h - packets of a channel to bytes and back
//
// SPDX-License-Identifier: MPL-2.0
//
// Decoding is total: any bytes give a packet or -1 with EPROTO, nothing is
// allocated, and every piece lies inside the packet. Whether what it says is
// true is brd_channel_input.c's to judge.

#ifndef BRD_CHANNEL_CODEC_H
#define BRD_CHANNEL_CODEC_H

#include <stddef.h>
#include <stdint.h>

enum {
    BRD_CHANNEL_HEADER = 88,
    BRD_CHANNEL_PIECE = 8,          // In front of a piece's bytes
    BRD_CHANNEL_ROOM = 65536,       // Of all pieces of a packet
    BRD_CHANNEL_PIECE_MAX = 65528,  // Bytes of the largest: it fills a packet
    BRD_CHANNEL_PACKET_MAX = 65624
};

typedef enum {
    BRD_CHANNEL_HELLO = 1,  // The sender wants to be answered
    BRD_CHANNEL_BEAT = 2,   // Nothing but the header
    BRD_CHANNEL_DATA = 3    // Pieces
} brd_channel_type_t;

enum {
    BRD_CHANNEL_SURE = 1,  // The sender knows that the receiver hears it
    BRD_CHANNEL_GAP = 2,   // Something is missing at ack
    BRD_CHANNEL_FLAGS = 3
};

typedef struct {
    uint8_t type;
    uint8_t flags;
    uint16_t count;         // Of pieces
    uint64_t from;          // Epoch of the sender
    uint64_t to;            // And of the receiver; 0: not known
    uint64_t seq;           // Number of the first piece, or of the next to come
    uint64_t ack;           // Number of the piece waited for
    uint64_t taken_items;   // Messages the sender's user is done with
    uint64_t taken_bytes;   // Their bytes
    uint32_t window_items;  // How much more may be under way
    uint32_t window_bytes;
    uint64_t stamp;    // The sender's time
    uint64_t echo;     // The newest stamp it has of the receiver; 0: none
    uint32_t held_us;  // How long it has had that
    const unsigned char *pieces;
    size_t size;  // Of all of them
} brd_channel_packet_t;

typedef struct {
    const unsigned char *bytes;
    uint32_t size;
    uint32_t more;  // Bytes of the message that follow this piece
} brd_channel_piece_t;

// The header alone; pieces are put behind it.
void
brd_channel_codec_put (unsigned char out[BRD_CHANNEL_HEADER],
                       const brd_channel_packet_t *packet);

// Header and bytes of a piece; returns how many they are.
size_t
brd_channel_codec_put_piece (unsigned char *out,
                             const brd_channel_piece_t *piece);

// -1 with EPROTO.
int
brd_channel_codec_get (const void *bytes,
                       size_t size,
                       brd_channel_packet_t *ret_packet);

// The piece at *at, which is moved on; for packets that were read by the above,
// count times.
brd_channel_piece_t
brd_channel_codec_next (const unsigned char **at);

// Pieces of a message: one even if it is empty.
uint64_t
brd_channel_codec_pieces (uint64_t size);

#endif  // BRD_CHANNEL_CODEC_H
