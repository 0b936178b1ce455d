// brd_channel.c - a channel's life, its time, and who is at its other end
//
// SPDX-License-Identifier: MPL-2.0
//
//     OPENING --a packet to our epoch--> UP <--reached again--+
//        |                               |                    |
//        |                               +--suspect_ns--> SUSPECT
//        +--opening_ns--> LOST <--lost_ns-----------------+   |
//                         STALE <--another epoch, and alive---+
//
// LOST and STALE are for ever: whoever acted upon them is not contradicted.
//
// Read next: brd_channel_private.h for the other files, brd_channel_input.c for
// how the peer becomes known.

#include "wire/brd_channel.h"

#include <errno.h>
#include <string.h>

#include "base/brd_error.h"
#include "base/brd_mem.h"
#include "wire/brd_channel_private.h"
#include "wire/brd_limits.h"

#define S_MS INT64_C (1000000)
#define S_S INT64_C (1000000000)

// --- Life ------------------------------------------------------------------

static void
s_default (int64_t *at, int64_t value)
{
    if (*at == 0)
        *at = value;
}

static void
s_defaults (brd_channel_options_t *self)
{
    if (self->message_max == 0)
        self->message_max = BRD_WIRE_SIZE_MAX;
    if (self->window_items == 0)
        self->window_items = 1024;
    if (self->window_bytes == 0)
        self->window_bytes = 16 << 20;
    if (self->cap_items == 0)
        self->cap_items = 65536;
    if (self->cap_bytes == 0)
        self->cap_bytes = 256 << 20;
    s_default (&self->heartbeat_ns, 2 * S_S);
    s_default (&self->suspect_ns, 6 * S_S);
    s_default (&self->lost_ns, 32 * S_S);
    s_default (&self->opening_ns, self->lost_ns);
    s_default (&self->ack_ns, 10 * S_MS);
    s_default (&self->replay_ns, 1 * S_S);
}

static int
s_check (const brd_channel_options_t *self)
{
    if (self->epoch == 0)
        return brd_error_set (EINVAL, "a channel's epoch is not 0");
    if (self->message_max > BRD_WIRE_SIZE_MAX)
        return brd_error_set (EINVAL,
                              "no message has %llu bytes",
                              (unsigned long long) self->message_max);
    if (self->heartbeat_ns <= 0 || self->heartbeat_ns >= self->suspect_ns
        || self->suspect_ns >= self->lost_ns || self->lost_ns == BRD_NEVER)
        return brd_error_set (EINVAL,
                              "0 < heartbeat < suspect < lost < for ever");
    if (self->opening_ns < 0 || self->ack_ns < 0 || self->replay_ns < 0
        || self->replay_ns > self->lost_ns)
        return brd_error_set (EINVAL, "a channel's times");
    return 0;
}

brd_channel_t *
brd_channel_new (const brd_channel_options_t *options, int64_t now)
{
    brd_channel_options_t filled = *options;
    s_defaults (&filled);
    if (s_check (&filled) < 0)
        return NULL;
    brd_channel_t *self = brd_mem_alloc (sizeof *self);
    if (!self)
        return NULL;
    memset (self, 0, offsetof (brd_channel_t, bytes));
    self->options = filled;
    self->born = self->now = self->heard = self->sent_at = now;
    self->over = BRD_CHANNEL_UP;
    self->hello_at = now;
    self->hello_wait = filled.heartbeat_ns / 16 + 1;
    self->ack_at = BRD_NEVER;
    self->out.replay_at = BRD_NEVER;
    self->out.gap_acked = UINT64_MAX;
    return self;
}

void
brd_channel_destroy (brd_channel_t **self_p)
{
    if (!*self_p)
        return;
    brd_channel_send_free (&(*self_p)->out);
    brd_channel_recv_free (&(*self_p)->in);
    brd_mem_free (*self_p);
    *self_p = NULL;
}

// --- Time ------------------------------------------------------------------

int64_t
brd_channel_later (int64_t a, int64_t b)
{
    return b == BRD_NEVER || a > BRD_NEVER - b ? BRD_NEVER : a + b;
}

static int64_t
s_lost_at (const brd_channel_t *self)
{
    return self->peer == 0
               ? brd_channel_later (self->born, self->options.opening_ns)
               : brd_channel_later (brd_channel_reached (self),
                                    self->options.lost_ns);
}

static int64_t
s_suspect_at (const brd_channel_t *self)
{
    return brd_channel_later (brd_channel_reached (self),
                              self->options.suspect_ns);
}

void
brd_channel_pass (brd_channel_t *self, int64_t now)
{
    if (now > self->now)
        self->now = now;
    const int64_t lost_at = s_lost_at (self);
    if (self->over == BRD_CHANNEL_UP && lost_at != BRD_NEVER
        && self->now >= lost_at)
        self->over = BRD_CHANNEL_LOST;
}

int
brd_channel_is_over (const brd_channel_t *self)
{
    return self->over != BRD_CHANNEL_UP;
}

int
brd_channel_say_over (const brd_channel_t *self)
{
    if (self->over == BRD_CHANNEL_STALE)
        return brd_error_set (ESTALE, "the other end was restarted");
    return brd_error_set (EPIPE, "the other end was not reached for too long");
}

static int64_t
s_earlier (int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t
brd_channel_deadline (const brd_channel_t *self)
{
    if (brd_channel_is_over (self))
        return BRD_NEVER;
    int64_t at = s_lost_at (self);
    if (self->peer != 0 && s_suspect_at (self) > self->now)
        at = s_earlier (at, s_suspect_at (self));
    if (self->on_loan)
        return at;
    if (self->challenge || brd_channel_send_ready (self))
        return s_earlier (at, self->now);
    if (self->peer == 0)
        return s_earlier (at, self->hello_at);
    at = s_earlier (at, self->ack_at);
    at = s_earlier (at, self->out.replay_at);
    return s_earlier (
        at, brd_channel_later (self->sent_at, self->options.heartbeat_ns));
}

// --- Who is there ----------------------------------------------------------

brd_channel_state_t
brd_channel_state (brd_channel_t *self, int64_t now)
{
    brd_channel_pass (self, now);
    if (brd_channel_is_over (self))
        return self->over;
    if (self->peer == 0)
        return BRD_CHANNEL_OPENING;
    return self->now >= s_suspect_at (self) ? BRD_CHANNEL_SUSPECT
                                            : BRD_CHANNEL_UP;
}

int64_t
brd_channel_heard (const brd_channel_t *self)
{
    return self->heard;
}

// A stamp is the time since birth, and 1, for 0 is none.
static int64_t
s_time_of (const brd_channel_t *self, uint64_t stamp)
{
    return stamp == 0 ? self->born : self->born + (int64_t) (stamp - 1);
}

int64_t
brd_channel_reached (const brd_channel_t *self)
{
    return s_time_of (self, self->echoed);
}

int64_t
brd_channel_contact (const brd_channel_t *self)
{
    return s_time_of (self, self->sure_echoed);
}

uint64_t
brd_channel_peer_epoch (const brd_channel_t *self)
{
    return self->peer;
}

void
brd_channel_stats (const brd_channel_t *self, brd_channel_stats_t *ret_stats)
{
    *ret_stats = self->stats;
    ret_stats->messages_out = self->out.gone_items;
    ret_stats->bytes_out = self->out.gone_bytes;
    ret_stats->queued_items = self->out.items - self->out.gone_items;
    ret_stats->queued_bytes = self->out.bytes - self->out.gone_bytes;
    ret_stats->held_items = self->in.held_items;
    ret_stats->held_bytes = self->in.held_bytes;
    ret_stats->rtt_ns = self->rtt;
}
