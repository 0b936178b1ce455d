// sim_channel_model.c - what must be true of two channels
//
// SPDX-License-Identifier: MPL-2.0
//
//     once      the n-th message that comes out is the n-th that went in, whole
//     one       what one channel was given comes out of one other, never two
//     reached   nobody is believed to have heard what has not arrived
//     lease     who says LOST says it after the other's lease has run out
//     stale     who says that its peer is gone is right
//     bounds    brd_channel_check ()

#include <stdlib.h>
#include <string.h>

#include "sim_channel.h"

static uint64_t
s_hash (uint64_t a, uint64_t b)
{
    uint64_t z = (a ^ (b * UINT64_C (0x9e3779b97f4a7c15))) + 0x632be5ab;
    z = (z ^ (z >> 30)) * UINT64_C (0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C (0x94d049bb133111eb);
    return z ^ (z >> 31);
}

sim_channel_life_t *
sim_channel_model_life (sim_channel_t *self, uint64_t epoch)
{
    // The newest are asked for.
    for (int i = self->lives_count - 1; i >= 0; i--)
        if (self->lives[i].epoch == epoch)
            return &self->lives[i];
    return NULL;
}

// --- Messages --------------------------------------------------------------

size_t
sim_channel_model_size (const sim_channel_t *self,
                        uint64_t epoch,
                        uint64_t index)
{
    const uint64_t chance = s_hash (epoch, index);
    uint64_t max = self->theme.size_max;
    if (chance % 16 != 0)
        max = max < 200 ? max : 200;
    // Those that just fill a piece, or just do not.
    if (chance % 256 == 1 && self->theme.size_max > 65600)
        return (size_t) (65520 + (chance >> 16) % 16);
    return (size_t) ((chance >> 16) % (max + 1));
}

void
sim_channel_model_fill (uint64_t epoch,
                        uint64_t index,
                        unsigned char *bytes,
                        size_t size)
{
    for (size_t at = 0; at < size; at += 8) {
        const uint64_t word = s_hash (epoch + index, at);
        memcpy (bytes + at, &word, size - at < 8 ? size - at : 8);
    }
}

void
sim_channel_model_received (sim_channel_t *self,
                            int end,
                            const unsigned char *bytes,
                            size_t size)
{
    sim_channel_life_t *to = self->ends[end].life;
    const uint64_t peer = brd_channel_peer_epoch (self->ends[end].channel);
    sim_channel_life_t *from = sim_channel_model_life (self, peer);
    SIM_CHANNEL_TRUE (from);
    SIM_CHANNEL_TRUE (from->receiver == 0 || from->receiver == to->epoch);
    from->receiver = to->epoch;
    SIM_CHANNEL_TRUE (to->received < from->sent);
    SIM_CHANNEL_TRUE (size
                      == sim_channel_model_size (self, peer, to->received));
    unsigned char *expected = malloc (size + 8);
    SIM_CHANNEL_TRUE (expected);
    sim_channel_model_fill (peer, to->received, expected, size);
    SIM_CHANNEL_TRUE (size == 0 || memcmp (bytes, expected, size) == 0);
    free (expected);
    to->received++;
    self->delivered++;
}

// --- Times -----------------------------------------------------------------

void
sim_channel_model_arrived (sim_channel_t *self,
                           int end,
                           const sim_channel_flying_t *packet)
{
    sim_channel_life_t *life = sim_channel_model_life (self, packet->from);
    (void) end;
    if (packet->made > life->arrived)
        life->arrived = packet->made;
}

static void
s_check_times (sim_channel_t *self, sim_channel_end_t *end)
{
    const int64_t reached = brd_channel_reached (end->channel) - end->offset;
    const int64_t contact = brd_channel_contact (end->channel) - end->offset;
    SIM_CHANNEL_TRUE (contact <= reached);
    SIM_CHANNEL_TRUE (reached == end->life->born
                      || reached <= end->life->arrived);
    const sim_channel_life_t *peer =
        sim_channel_model_life (self, brd_channel_peer_epoch (end->channel));
    // The lease of the header, as long as it may be.
    const int64_t lease = end->options.lost_ns - end->options.suspect_ns;
    if (peer && peer->lost_at != 0)
        SIM_CHANNEL_TRUE (contact == end->life->born
                          || contact + lease <= peer->lost_at);
}

static void
s_check_stale (sim_channel_t *self, sim_channel_end_t *end)
{
    if (brd_channel_state (end->channel, self->now + end->offset)
        != BRD_CHANNEL_STALE)
        return;
    const sim_channel_life_t *peer =
        sim_channel_model_life (self, brd_channel_peer_epoch (end->channel));
    SIM_CHANNEL_TRUE (peer && peer->ended);
}

void
sim_channel_model_check (sim_channel_t *self)
{
    for (int i = 0; i < 2; i++) {
        sim_channel_end_t *end = &self->ends[i];
        brd_channel_check (end->channel);
        if (brd_channel_state (end->channel, self->now + end->offset)
                == BRD_CHANNEL_LOST
            && end->life->lost_at == 0)
            end->life->lost_at = self->now;
        s_check_times (self, end);
        s_check_stale (self, end);
    }
}
