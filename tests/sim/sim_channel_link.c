// sim_channel_link.c - a transport, and what it does to packets
//
// SPDX-License-Identifier: MPL-2.0
//
//     put --lost? twice? cut?--> flying --due, in order or not--> the other end
//
// It also has the bugs that are planted: they change what a packet says, as a
// bug in a channel would.

#include "sim_channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/brd_le.h"

static void
s_fly (sim_channel_t *self, int end, const void *bytes, size_t size)
{
    sim_channel_link_t *link = &self->ends[end].out;
    sim_channel_flying_t *packet = &link->flying[link->count++];
    packet->bytes = malloc (size);
    SIM_CHANNEL_TRUE (packet->bytes);
    memcpy (packet->bytes, bytes, size);
    packet->size = size;
    packet->from = self->ends[end].life->epoch;
    packet->made = self->now;
    packet->due =
        self->now + sim_rand_between (&self->rand, 0, self->theme.delay);
    if (self->theme.ordered && packet->due < link->last_due)
        packet->due = link->last_due;
    link->last_due = packet->due;
}

int
sim_channel_link_put (sim_channel_t *self,
                      int end,
                      const void *bytes,
                      size_t size)
{
    sim_channel_link_t *link = &self->ends[end].out;
    if (link->count + 2 > SIM_CHANNEL_FLIGHT)
        return 0;
    self->packets++;
    if (link->cut
        || (!self->calm && sim_rand_chance (&self->rand, self->theme.loss)))
        return 1;
    s_fly (self, end, bytes, size);
    if (!self->calm && sim_rand_chance (&self->rand, self->theme.twice))
        s_fly (self, end, bytes, size);
    return 1;
}

// --- Bugs ------------------------------------------------------------------

static void
s_add (unsigned char *at, uint64_t more)
{
    brd_le_put (at, brd_le_get (at, 8) + more, 8);
}

static void
s_plant (sim_channel_t *self, int end, sim_channel_flying_t *packet)
{
    unsigned char *const at = packet->bytes;
    sim_channel_end_t *to = &self->ends[!end];
    const int data = at[4] == BRD_CHANNEL_DATA;
    if (data && brd_le_get (at + 24, 8) > 50
        && sim_channel_planted (self, "forge-seq"))
        s_add (at + 24, UINT64_MAX);
    if (data && packet->size > BRD_CHANNEL_HEADER + BRD_CHANNEL_PIECE + 8
        && sim_channel_planted (self, "forge-byte"))
        at[packet->size - 1] ^= 1;
    if (brd_le_get (at + 32, 8) > 20 && sim_channel_planted (self, "forge-ack"))
        s_add (at + 32, 1);
    if (brd_le_get (at + 72, 8) != 0 && to->out.count > 0
        && to->out.flying[to->out.count - 1].from == to->life->epoch
        && to->out.flying[to->out.count - 1].made
               > to->life->arrived + 10 * SIM_MS
        && sim_channel_planted (self, "forge-echo"))
        memcpy (at + 72, to->out.flying[to->out.count - 1].bytes + 64, 8);
}

// --- Delivery --------------------------------------------------------------

static void
s_input (sim_channel_t *self, int end, sim_channel_flying_t *packet)
{
    sim_channel_end_t *to = &self->ends[!end];
    s_plant (self, end, packet);
    const int rc = brd_channel_input (
        to->channel, self->now + to->offset, packet->bytes, packet->size);
    SIM_CHANNEL_TRUE (rc == 0 || errno == ESTALE || errno == EPIPE);
    if (rc == 0)
        sim_channel_model_arrived (self, !end, packet);
    free (packet->bytes);
}

void
sim_channel_link_deliver (sim_channel_t *self, int end)
{
    sim_channel_link_t *link = &self->ends[end].out;
    // In their order, those that are due.
    for (int i = 0; i < link->count;) {
        if (link->flying[i].due > self->now) {
            i++;
            continue;
        }
        sim_channel_flying_t packet = link->flying[i];
        link->count--;
        memmove (&link->flying[i],
                 &link->flying[i + 1],
                 (size_t) (link->count - i) * sizeof packet);
        s_input (self, end, &packet);
    }
}

void
sim_channel_link_clear (sim_channel_link_t *self)
{
    for (int i = 0; i < self->count; i++)
        free (self->flying[i].bytes);
    self->count = 0;
}

int64_t
sim_channel_link_due (const sim_channel_link_t *self)
{
    int64_t due = BRD_NEVER;
    for (int i = 0; i < self->count; i++)
        if (self->flying[i].due < due)
            due = self->flying[i].due;
    return due;
}
