// host_serve.c - a guest that is another program
//
// SPDX-License-Identifier: MPL-2.0
//
//     serve     a guest without a pool
//       OPEN    -> open (), with no lock held: the caller's
//               <- SLOTS, when the pool has some; or of 0, and why
//       as any  tasks as calls of the pool       host_guest.c, host_given.c
//     its peer is gone: what it gave is ended; then serve returns
//
// Read next: host_far.c, the other end; docs/decisions/0024-relays.md.

#include <errno.h>
#include <string.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_mem.h"
#include "host/host_guest.h"
#include "wire/brd_limits.h"

enum {
    S_MESSAGES_MAX = 256  // In one go
};

// On the stack of the thread that serves.
typedef struct brd_host_serving {
    brd_host_guest_t *guest;  // NULL: it is gone
    brd_buf_t opening;        // The message, once it has come
    int failed;               // 1: it could not be kept
} s_serving_t;

// --- Its peer --------------------------------------------------------------

// Nobody is told any more, and nobody wants what it gave.
static void
s_gone (brd_host_guest_t *self)
{
    brd_host_t *host = self->host;
    const brd_core_event_t event = { .type = BRD_CORE_TICK };
    brd_host_ignore (host, self->line->fd);
    self->line->destroy (self->line);
    self->line = NULL;
    self->here = 0;
    brd_host_duct_guest_lost (self);
    self->leaving = 1;
    host->touched = 1;
    brd_host_given_abandon (self);
    (void) brd_host_step (host, &event);  // Does what that has put off
}

int
brd_host_serve_drain (brd_host_guest_t *self)
{
    brd_peer_t *line = self->line;
    const void *bytes;
    size_t size;
    int count = 0;
    if (line->turn)
        line->turn (line, self->host->now);
    for (; count < S_MESSAGES_MAX; count++) {
        if (line->recv (line, &bytes, &size) < 0) {
            if (errno != EAGAIN)
                s_gone (self);
            break;
        }
        self->host->now = brd_clock_now ();
        brd_host_guest_message (self, bytes, size);
        line->done (line);
    }
    return count;
}

int64_t
brd_host_serve_deadline (const brd_host_guest_t *self)
{
    return self->line && self->line->due
               ? self->line->due (self->line, self->host->now)
               : BRD_NEVER;
}

void
brd_host_serve_end (brd_host_guest_t *self)
{
    if (self->line) {
        brd_host_ignore (self->host, self->line->fd);
        self->line->destroy (self->line);
        self->line = NULL;
    }
    brd_host_duct_guest_lost (self);
    if (self->serving)
        self->serving->guest = NULL;
    self->host->changed = 1;
}

// --- What it is told -------------------------------------------------------

// Nothing is said of a pool that has not had a slot yet.
void
brd_host_serve_resized (brd_host_guest_t *self)
{
    const uint32_t width = brd_host_pool_capacity (self->pool);
    const int64_t rtt = width > 0 ? self->pool->rtt : 0;
    const brd_wire_note_t slots = { .seq = (uint64_t) rtt, .count = width };
    if (width == self->width && !brd_host_is_other_rtt (rtt, self->rtt))
        return;
    self->width = width;
    self->rtt = rtt;
    brd_host_given_tell (self, BRD_OP_SLOTS, &slots);
}

void
brd_host_serve_refuse (brd_host_guest_t *self, int error, const char *why)
{
    const brd_wire_note_t slots = {
        .seq = (uint64_t) (error > 0 ? error : EIO),
        .size = (uint32_t) strlen (why),
        .body = why,
    };
    brd_host_given_tell (self, BRD_OP_SLOTS, &slots);
    self->leaving = 1;
    self->host->touched = 1;
}

int
brd_host_serve_asked (brd_host_guest_t *self, const void *bytes, size_t size)
{
    brd_frame_t frame;
    brd_wire_open_t open;
    s_serving_t *serving = self->serving;
    if (!self->remote || self->asked || self->pool || !serving
        || brd_frame_open (&frame, bytes, size) < 0
        || brd_frame_next_open (&frame, &open) != 1
        || brd_frame_next_open (&frame, &open) != 0)
        return brd_error_set (EPROTO, "not the time to open a pool");
    self->asked = 1;
    memcpy (self->family, open.family, sizeof self->family);
    serving->failed = brd_buf_add (&serving->opening, bytes, size) < 0;
    self->host->changed = 1;
    return 0;
}

// --- Coming ----------------------------------------------------------------

static brd_host_guest_t *
s_add (brd_host_t *host, brd_host_pool_t *pool, brd_peer_t *peer)
{
    if (!brd_host_guest_has_room (host)) {
        brd_error_set (ENOSPC, "no more guests");
        return NULL;
    }
    brd_host_guest_t *self = brd_host_guest_new (host);
    if (!self)
        return NULL;
    if (brd_host_heed (host, peer->fd) < 0) {
        brd_mem_free (self);
        return NULL;
    }
    self->remote = 1;
    self->line = peer;
    self->pool = pool;
    brd_list_append (&host->guests, &self->link);
    host->touched = 1;
    brd_host_keeper_call (host);
    return self;
}

int
brd_host_guest_add (brd_host_t *host, brd_host_pool_t *pool, brd_peer_t *peer)
{
    brd_host_guest_t *self = s_add (host, pool, peer);
    if (!self)
        return -1;
    brd_host_serve_resized (self);
    return 0;
}

// --- Serving ---------------------------------------------------------------

static int
s_has_asked (void *arg)
{
    const s_serving_t *self = arg;
    return !self->guest || self->guest->asked;
}

static int
s_has_gone (void *arg)
{
    return ((const s_serving_t *) arg)->guest == NULL;
}

static void
s_wait (brd_host_t *host, int (*done) (void *arg), s_serving_t *self)
{
    while (brd_host_wait (host, done, self, BRD_NEVER) < 0 && errno == EINTR)
        continue;
}

// With no lock held.
static brd_host_pool_t *
s_open (s_serving_t *self,
        brd_host_pool_t *(*open) (void *arg, const brd_wire_open_t *open),
        void *arg)
{
    brd_frame_t frame;
    brd_wire_open_t wanted;
    if (self->failed) {
        brd_error_set (ENOMEM, "no memory for what is to be opened");
        return NULL;
    }
    // It was read before.
    if (brd_frame_open (&frame, self->opening.bytes, self->opening.size) < 0
        || brd_frame_next_open (&frame, &wanted) != 1)
        return NULL;
    return open (arg, &wanted);
}

// The family's secret is in it.
static void
s_forget (s_serving_t *self)
{
    if (self->opening.size > 0)
        explicit_bzero (self->opening.bytes, self->opening.size);
    brd_buf_fini (&self->opening);
}

static void
s_answer (brd_host_t *host, s_serving_t *self, brd_host_pool_t *pool)
{
    const brood_error_info_t why = *brd_error_get ();
    brd_host_lock (host);
    host->now = brd_clock_now ();
    if (self->guest && self->guest->here && !pool)
        brd_host_serve_refuse (self->guest, why.error, why.text);
    else if (self->guest && self->guest->here && pool->broken)
        brd_host_serve_refuse (self->guest, pool->broken, pool->reason);
    else if (self->guest) {
        self->guest->pool = pool;
        if (pool)
            brd_host_serve_resized (self->guest);
    }
    brd_host_turn (host, 0);
    brd_host_unlock (host);
}

int
brd_host_guest_serve (brd_host_t *host,
                      brd_peer_t *peer,
                      brd_host_pool_t *(*open) (void *arg,
                                                const brd_wire_open_t *open),
                      void *arg)
{
    s_serving_t self = { .guest = NULL };
    brd_buf_init (&self.opening, BRD_WIRE_SIZE_MAX);
    brd_host_lock (host);
    self.guest = s_add (host, NULL, peer);
    if (self.guest)
        self.guest->serving = &self;
    const int rc = self.guest ? 0 : -1;
    brd_host_unlock (host);
    if (rc < 0)
        return -1;
    s_wait (host, s_has_asked, &self);
    if (self.opening.size > 0 || self.failed)
        s_answer (host, &self, s_open (&self, open, arg));
    s_forget (&self);
    s_wait (host, s_has_gone, &self);
    return 0;
}
