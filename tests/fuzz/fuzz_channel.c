// fuzz_channel.c - any bytes as packets into a channel that is at work
//
// SPDX-License-Identifier: MPL-2.0
//
// Two channels talk; the input says when, and puts packets of its own between,
// whole or as true ones with some bytes changed, into the first. That one must
// refuse them or go on, hold no more than its window, and lend nothing that is
// no packet. The second gets what the first sends, which a forged packet may
// have made lie.
//
//     0 A 1 B   A, B sends a message       6 size bytes   a packet into A
//     2 A 3 B   packets arrive             7 n (at byte)  B's next, changed
//     4 A 5 B   one is lost                8 A 9 B        reconnected
//     10 A 11 B messages are taken         12             time passes
//
// Each is followed by a byte that says how much.

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_check.h"
#include "wire/brd_channel.h"
#include "wire/brd_channel_codec.h"

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t size);

typedef struct {
    const uint8_t *at;
    const uint8_t *end;
    int64_t now;
    brd_channel_t *ends[2];
} s_talk_t;

static uint8_t
s_byte (s_talk_t *self)
{
    return self->at < self->end ? *self->at++ : 0;
}

static void
s_check (s_talk_t *self)
{
    brd_channel_check (self->ends[0]);
    brd_channel_check (self->ends[1]);
}

// Into channel i, in memory that ends where the packet does. What is refused
// has changed nothing that can be seen.
static void
s_input (s_talk_t *self, int i, const uint8_t *bytes, size_t size)
{
    brd_channel_stats_t before, after;
    uint8_t *copy = malloc (size ? size : 1);
    brd_assert (copy);
    if (size)
        memcpy (copy, bytes, size);
    brd_channel_stats (self->ends[i], &before);
    const int rc = brd_channel_input (self->ends[i], self->now, copy, size);
    brd_assert (rc == 0 || errno == EPROTO || errno == ESTALE
                || errno == EPIPE);
    brd_channel_stats (self->ends[i], &after);
    free (copy);
    if (rc < 0) {
        after.refused = before.refused;
        after.strangers = before.strangers;
        brd_assert (memcmp (&before, &after, sizeof before) == 0);
    }
}

// The next packet of i, at most room bytes of it; 0: none.
static size_t
s_output (s_talk_t *self, int i, uint8_t out[BRD_CHANNEL_PACKET_MAX])
{
    const void *bytes;
    size_t size;
    brd_channel_packet_t packet;
    if (brd_channel_output (self->ends[i], self->now, &bytes, &size) < 0) {
        brd_assert (errno == EAGAIN);
        brd_assert (brd_channel_deadline (self->ends[i]) > self->now);
        return 0;
    }
    brd_assert (brd_channel_codec_get (bytes, size, &packet) == 0);
    memcpy (out, bytes, size);
    brd_channel_sent (self->ends[i]);
    return size;
}

static void
s_carry (s_talk_t *self, int i, unsigned most, int lost)
{
    static uint8_t bytes[BRD_CHANNEL_PACKET_MAX];
    size_t size;
    while (most-- > 0 && (size = s_output (self, i, bytes)) > 0)
        if (!lost)
            s_input (self, !i, bytes, size);
}

static void
s_send (s_talk_t *self, int i, unsigned size)
{
    static uint8_t message[255 * 600];
    const int rc = brd_channel_send (
        self->ends[i], message, size > 200 ? size * 600 : size);
    brd_assert (rc == 0 || errno == ENOBUFS || errno == EMSGSIZE
                || errno == EPIPE || errno == ESTALE);
}

static void
s_take (s_talk_t *self, int i, unsigned most)
{
    const void *bytes;
    size_t size;
    while (most-- > 0 && brd_channel_recv (self->ends[i], &bytes, &size) == 0) {
        volatile uint8_t last =
            size > 0 ? ((const uint8_t *) bytes)[size - 1] : 0;
        (void) last;
        brd_channel_done (self->ends[i]);
    }
}

static void
s_raw (s_talk_t *self, size_t size)
{
    if (size > (size_t) (self->end - self->at))
        size = (size_t) (self->end - self->at);
    s_input (self, 0, self->at, size);
    self->at += size;
}

static void
s_changed (s_talk_t *self, unsigned changes)
{
    static uint8_t bytes[BRD_CHANNEL_PACKET_MAX];
    const size_t size = s_output (self, 1, bytes);
    while (size > 0 && changes-- > 0) {
        const size_t at = s_byte (self);
        const uint8_t value = s_byte (self);
        bytes[at % size] = value;
    }
    s_input (self, 0, bytes, size);
}

static void
s_act (s_talk_t *self)
{
    const unsigned act = s_byte (self) % 13;
    const unsigned much = s_byte (self);
    const int i = act & 1;
    if (act < 2)
        s_send (self, i, much);
    else if (act < 6)
        s_carry (self, i, much % 8 + 1, act >= 4);
    else if (act == 6)
        s_raw (self, much);
    else if (act == 7)
        s_changed (self, much % 8);
    else if (act < 10)
        brd_channel_reconnected (self->ends[i], self->now);
    else if (act < 12)
        s_take (self, i, much);
    else
        self->now += (int64_t) much * much * 200000;
    s_check (self);
}

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t size)
{
    s_talk_t self = { .at = bytes, .end = bytes + size, .now = 1 };
    brd_channel_options_t options = { .message_max = 150000,
                                      .window_items = 4,
                                      .window_bytes = 1000,
                                      .cap_items = 8,
                                      .cap_bytes = 400000 };
    for (int i = 0; i < 2; i++) {
        options.epoch = (uint64_t) i + 1;
        self.ends[i] = brd_channel_new (&options, self.now);
        brd_assert (self.ends[i]);
    }
    while (self.at < self.end)
        s_act (&self);
    for (int i = 0; i < 2; i++) {
        (void) brd_channel_state (self.ends[i], self.now);
        brd_channel_destroy (&self.ends[i]);
    }
    return 0;
}
