// brd_wan_line.c - a channel that looks like a peer
//
// SPDX-License-Identifier: MPL-2.0
//
//     owner   send --> channel --pump--> carry: a packet leaves
//             recv <-- channel <--input-- a packet came
//
// Packets leave in turns only, so that many small messages share one.
//
// An end finds that it is over in three ways: the channel says so, the other
// end does, or more is to be kept for it than the cap.
//
// Read next: brd_wan_dial.c.

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_mem.h"
#include "base/brd_sys.h"
#include "brood/brood_pool.h"
#include "transport/brd_wan_private.h"
#include "wire/brd_limits.h"

#define S_MS INT64_C (1000000)

enum {
    S_HEARTBEAT_MS = 2000,
    S_SUSPECT_MS = 6000,
    S_BEHIND_MS = 2000,  // Lost so long after the lease
    S_REPLAY_MS = 1000,
    S_REPLAY_MS_MIN = 100,
    S_RETRY_MS = 10,
    S_TAKEN_MIN = 65536  // From this size on a message is not copied
};

// Two messages of the largest size, and a batch of the others beside them.
#define S_CAP_BYTES (2 * (uint64_t) BRD_WIRE_SIZE_MAX)

// Whoever cancels all a pool can have at once says so of each task.
#define S_CAP_ITEMS (4 * (uint64_t) BROOD_POOL_PENDING_MAX)

static brd_wan_line_t *
s_line (brd_peer_t *peer)
{
    return (brd_wan_line_t *) (void *) peer;
}

static const brd_wan_line_t *
s_const_line (const brd_peer_t *peer)
{
    return (const brd_wan_line_t *) (const void *) peer;
}

static void
s_touch (brd_wan_line_t *self)
{
    if (self->touched)
        self->touched (self);
}

// --- What a peer can do ----------------------------------------------------

static int
s_say_over (const brd_wan_line_t *self)
{
    return brd_error_set (EPIPE, "%s", self->why);
}

static int
s_queue (brd_wan_line_t *self, brd_buf_t *out)
{
    if (out->size < S_TAKEN_MIN) {
        const int rc = brd_channel_send (self->channel, out->bytes, out->size);
        out->size = rc == 0 ? 0 : out->size;
        return rc;
    }
    if (brd_channel_send_taken (self->channel, out->bytes, out->size) < 0)
        return -1;
    (void) brd_buf_steal (out, &(size_t){ 0 });
    return 0;
}

static int
s_send (brd_peer_t *peer, brd_buf_t *out)
{
    brd_wan_line_t *self = s_line (peer);
    if (self->over)
        return s_say_over (self);
    if (s_queue (self, out) < 0) {
        if (errno == ENOMEM)
            return -1;
        // Its owner believes that it was said, or that the peer is gone.
        brd_wan_line_end (self,
                          errno == ESTALE  ? BRD_WAN_STALE
                          : errno == EPIPE ? BRD_WAN_LOST
                                           : BRD_WAN_BROKEN,
                          brd_error_get ()->text);
        s_touch (self);
        return s_say_over (self);
    }
    s_touch (self);
    return 0;
}

static int
s_recv (brd_peer_t *peer, const void **ret_bytes, size_t *ret_size)
{
    brd_wan_line_t *self = s_line (peer);
    if (brd_channel_recv (self->channel, ret_bytes, ret_size) == 0) {
        self->on_loan = 1;
        return 0;
    }
    if (self->over)
        return s_say_over (self);
    if (errno != EAGAIN)
        return brd_error_set (EPIPE, "%s", brd_error_get ()->text);
    return -1;
}

static void
s_done (brd_peer_t *peer)
{
    brd_wan_line_t *self = s_line (peer);
    brd_assert (self->on_loan);
    self->on_loan = 0;
    brd_channel_done (self->channel);
    s_touch (self);
}

static int
s_silent (brd_peer_t *peer, int64_t now)
{
    return brd_wan_line_state (peer, now) == BRD_WAN_SUSPECT;
}

static int64_t
s_rtt (const brd_peer_t *peer)
{
    brd_channel_stats_t stats;
    brd_channel_stats (s_const_line (peer)->channel, &stats);
    return stats.rtt_ns;
}

static void
s_destroy (brd_peer_t *peer)
{
    brd_wan_line_t *self = s_line (peer);
    const int saved_errno = errno;
    if (self->on_loan)
        s_done (peer);
    self->is_closed = 1;
    s_touch (self);
    errno = saved_errno;
}

// --- Its life --------------------------------------------------------------

int
brd_wan_line_init (brd_wan_line_t *self,
                   uint64_t epoch,
                   uint32_t lease_ms,
                   double scale,
                   uint64_t cap_bytes)
{
    const double unit = scale * (double) S_MS;
    const int64_t replay_ns = (int64_t) (S_REPLAY_MS * unit);
    const int64_t least_ns = S_REPLAY_MS_MIN * S_MS;
    self->peer = (brd_peer_t){ .fd = -1,
                               .send = s_send,
                               .recv = s_recv,
                               .done = s_done,
                               .silent = s_silent,
                               .rtt = s_rtt,
                               .destroy = s_destroy };
    self->suspect_ns = (int64_t) (S_SUSPECT_MS * unit);
    self->lease_ns = (int64_t) (0.8 * lease_ms * unit);
    self->retry_at = BRD_NEVER;
    self->channel = brd_channel_new (
        &(brd_channel_options_t){
            .epoch = epoch,
            .cap_items = S_CAP_ITEMS,
            .cap_bytes = cap_bytes ? cap_bytes : S_CAP_BYTES,
            .heartbeat_ns = (int64_t) (S_HEARTBEAT_MS * unit),
            .suspect_ns = self->suspect_ns,
            .lost_ns = (int64_t) (((double) lease_ms + S_BEHIND_MS) * unit),
            .replay_ns = replay_ns > least_ns ? replay_ns : least_ns },
        brd_clock_now ());
    return self->channel ? 0 : -1;
}

void
brd_wan_line_fini (brd_wan_line_t *self)
{
    brd_channel_destroy (&self->channel);
}

int
brd_wan_line_epoch (uint64_t *ret_epoch)
{
    uint64_t epoch = 0;
    while (epoch == 0)
        if (brd_sys_random (&epoch, sizeof epoch) < 0)
            return brd_error_system ("getrandom");
    *ret_epoch = epoch;
    return 0;
}

uint32_t
brd_wan_line_millionths (double scale)
{
    const double millionths = scale * 1e6 + 0.5;
    return millionths >= 1 && millionths < UINT32_MAX ? (uint32_t) millionths
                                                      : 0;
}

int
brd_wan_line_out (brd_buf_t *out)
{
    brd_buf_init (out, BRD_TCP_SIZE_MAX);
    return brd_buf_reserve (out, BRD_TCP_SIZE_MAX) ? 0 : -1;
}

void
brd_wan_line_end (brd_wan_line_t *self, brd_wan_state_t state, const char *why)
{
    if (self->over)
        return;
    self->over = state;
    snprintf (self->why, sizeof self->why, "%s", why);
}

// --- Packets ---------------------------------------------------------------

// Nobody receives any more; what came has to make room for acks all the same.
static void
s_discard (brd_wan_line_t *self)
{
    const void *bytes;
    size_t size;
    while (brd_channel_recv (self->channel, &bytes, &size) == 0)
        brd_channel_done (self->channel);
}

// What the channel says, for ever, if it says so.
static void
s_look (brd_wan_line_t *self, int64_t now)
{
    switch (brd_channel_state (self->channel, now)) {
    case BRD_CHANNEL_LOST:
        brd_wan_line_end (
            self, BRD_WAN_LOST, "the other end was not reached for too long");
        break;
    case BRD_CHANNEL_STALE:
        brd_wan_line_end (self, BRD_WAN_STALE, "the other end was restarted");
        break;
    default:
        break;
    }
}

void
brd_wan_line_input (brd_wan_line_t *self,
                    int64_t now,
                    const void *bytes,
                    size_t size)
{
    if (self->over || brd_channel_input (self->channel, now, bytes, size) == 0)
        return;
    // What is not ours, or was no memory for, is as if it had been lost. The
    // way here changes no byte, so garbage was said.
    if (errno == EPROTO)
        brd_wan_line_end (self, BRD_WAN_BROKEN, brd_error_get ()->text);
}

void
brd_wan_line_pump (brd_wan_line_t *self, int64_t now, brd_buf_t *out)
{
    const void *bytes;
    size_t size;
    self->retry_at = BRD_NEVER;
    if (self->is_closed)
        s_discard (self);
    while (!self->over
           && brd_channel_output (self->channel, now, &bytes, &size) == 0) {
        if (!self->is_connected)
            break;
        brd_assert (brd_buf_add (out, bytes, size) == 0);
        if (self->carry (self, out) < 0) {
            out->size = 0;
            self->is_connected = errno != EHOSTUNREACH;
            if (self->is_connected)
                self->retry_at = now + S_RETRY_MS * S_MS;
            break;
        }
        brd_channel_sent (self->channel);
    }
    s_look (self, now);
}

int64_t
brd_wan_line_due (const brd_wan_line_t *self)
{
    if (self->over)
        return BRD_NEVER;
    const int64_t at = brd_channel_deadline (self->channel);
    return at < self->retry_at ? at : self->retry_at;
}

int
brd_wan_line_settled (const brd_wan_line_t *self)
{
    brd_channel_stats_t stats;
    brd_channel_stats (self->channel, &stats);
    return self->over || stats.queued_items == 0;
}

// --- What its owner may ask ------------------------------------------------

brd_wan_state_t
brd_wan_line_state (brd_peer_t *peer, int64_t now)
{
    brd_wan_line_t *self = s_line (peer);
    s_look (self, now);
    if (self->over)
        return self->over;
    switch (brd_channel_state (self->channel, now)) {
    case BRD_CHANNEL_OPENING:
        return BRD_WAN_JOINING;
    case BRD_CHANNEL_SUSPECT:
        return BRD_WAN_SUSPECT;
    default:
        return BRD_WAN_UP;
    }
}

const char *
brd_wan_line_why (const brd_peer_t *peer)
{
    return s_const_line (peer)->why;
}

int64_t
brd_wan_line_contact (const brd_peer_t *peer)
{
    return brd_channel_contact (s_const_line (peer)->channel);
}

int64_t
brd_wan_line_lease_end (const brd_peer_t *peer)
{
    const brd_wan_line_t *self = s_const_line (peer);
    return brd_wan_line_contact (peer) + self->lease_ns;
}
