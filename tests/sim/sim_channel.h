// sim_channel.h - two channels, their owners, and a transport that is bad
//
// SPDX-License-Identifier: MPL-2.0
//
//     sim_channel         the world: time, owners, restarts, the end of it
//     sim_channel_link    the transport: what it does to packets
//     sim_channel_model   what must be true
//
// The ends' clocks differ, so that one who compared them would be seen.

#ifndef SIM_CHANNEL_H
#define SIM_CHANNEL_H

#include "sim.h"
#include "wire/brd_channel.h"
#include "wire/brd_channel_codec.h"

enum {
    SIM_CHANNEL_FLIGHT = 512,  // Packets on the way, in one direction
    SIM_CHANNEL_LIVES = 4096   // Channels that ever were in a world
};

// One channel there was, whose epoch is its place, hashed.
typedef struct {
    uint64_t epoch;
    uint64_t sent;      // Messages it was given
    uint64_t received;  // Messages that came out of it
    uint64_t receiver;  // Epoch of the one that got its messages; 0: none yet
    int64_t born;
    int64_t lost_at;  // When it said LOST, in world time; 0: it did not
    int ended;        // Its owner has dropped it
    // The newest packet of this one that its peer has taken in, by when the
    // world saw it made; and whether the peer was pinned to it.
    int64_t arrived;
} sim_channel_life_t;

typedef struct {
    unsigned char *bytes;
    size_t size;
    uint64_t from;  // Epoch
    int64_t made;
    int64_t due;
} sim_channel_flying_t;

typedef struct {
    sim_channel_flying_t flying[SIM_CHANNEL_FLIGHT];
    int count;
    int64_t last_due;  // For a transport that keeps the order
    int cut;
} sim_channel_link_t;

typedef struct {
    brd_channel_t *channel;
    sim_channel_life_t *life;
    brd_channel_options_t options;
    int64_t offset;          // Of its clock
    sim_channel_link_t out;  // What it sends
    int refusing;            // The transport takes nothing now
} sim_channel_end_t;

// What a world's transport and owners are like, per mille or in ns.
typedef struct {
    unsigned loss, twice, cut, heal, reconnect, restart, refuse, lazy;
    int64_t delay;
    int ordered;
    int faultless;
    int split;          // Directions are cut and heal by themselves
    uint64_t messages;  // For each end to send
    uint64_t size_max;
} sim_channel_theme_t;

typedef struct {
    sim_rand_t rand;
    sim_channel_theme_t theme;
    int64_t now;
    sim_channel_end_t ends[2];
    sim_channel_life_t lives[SIM_CHANNEL_LIVES];
    int lives_count;
    int calm;  // Nothing bad happens any more
    int planted;
    uint64_t packets;
    uint64_t delivered;  // Messages
} sim_channel_t;

_Noreturn void
sim_channel_fail (const char *file, int line, const char *what);

#define SIM_CHANNEL_TRUE(what) \
    ((what) ? (void) 0 : sim_channel_fail (__FILE__, __LINE__, #what))

// The bug, once; 1 if it is to be now.
int
sim_channel_planted (sim_channel_t *self, const char *what);

// --- sim_channel_link.c ----------------------------------------------------

// Puts it on the way: or drops it, or twice. 0 if there is no room.
int
sim_channel_link_put (sim_channel_t *self,
                      int end,
                      const void *bytes,
                      size_t size);
// What is due goes into the channel at the other end.
void
sim_channel_link_deliver (sim_channel_t *self, int end);
// All that is on the way is lost.
void
sim_channel_link_clear (sim_channel_link_t *self);
// When the next is due; BRD_NEVER.
int64_t
sim_channel_link_due (const sim_channel_link_t *self);

// --- sim_channel_model.c ---------------------------------------------------

sim_channel_life_t *
sim_channel_model_life (sim_channel_t *self, uint64_t epoch);

// Message number index of the channel with this epoch: into bytes, its size.
size_t
sim_channel_model_size (const sim_channel_t *self,
                        uint64_t epoch,
                        uint64_t index);
void
sim_channel_model_fill (uint64_t epoch,
                        uint64_t index,
                        unsigned char *bytes,
                        size_t size);

// A message came out of this end.
void
sim_channel_model_received (sim_channel_t *self,
                            int end,
                            const unsigned char *bytes,
                            size_t size);
// This end has taken a packet in.
void
sim_channel_model_arrived (sim_channel_t *self,
                           int end,
                           const sim_channel_flying_t *packet);
void
sim_channel_model_check (sim_channel_t *self);

#endif  // SIM_CHANNEL_H
