// brd_wan_session.c - a session, at the end that listens
//
// SPDX-License-Identifier: MPL-2.0
//
//     new --attach--> connected --gone, or another--> detached --attach--> ...
//       |                                                |
//       '------- lost, broken: over, and its key is nobody's ------'
//                   free: over, or all was said; and its owner is done with it
//
// Each has a timer. Whatever happens to it sets that to now, and the listener's
// turn does what is due: so an owner may do anything at any time.
//
// Read next: brd_wan_admit.c.

#include <errno.h>
#include <string.h>

#include "base/brd_check.h"
#include "base/brd_hash.h"
#include "base/brd_log.h"
#include "base/brd_mem.h"
#include "transport/brd_wan_private.h"

static brd_wan_session_t *
s_session (brd_wan_line_t *line)
{
    return (brd_wan_session_t *) (void *) line;
}

static int
s_carry (brd_wan_line_t *line, brd_buf_t *out)
{
    brd_wan_session_t *self = s_session (line);
    return brd_tcp_listen_send (self->listen->tcp, self->peer, out);
}

void
brd_wan_session_touch (brd_wan_session_t *self)
{
    // There is room for the timer of each that is not over.
    brd_assert (brd_heap_set (&self->listen->timers, &self->timer, 0) == 0);
}

static void
s_touched (brd_wan_line_t *line)
{
    brd_wan_session_t *self = s_session (line);
    if (!self->is_ended)
        brd_wan_session_touch (self);
    else if (line->is_closed)
        brd_wan_session_free (self);
}

brd_wan_session_t *
brd_wan_session_new (brd_wan_listen_t *listen,
                     const brd_hello_t *hello,
                     const unsigned char key[BRD_CURVE_KEY])
{
    brd_wan_session_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    brd_list_init (&self->link);
    self->listen = listen;
    self->who = hello->who;
    self->peer_epoch = hello->epoch;
    memcpy (self->session, hello->session, sizeof self->session);
    memcpy (self->key, key, sizeof self->key);
    if (brd_wan_line_epoch (&self->epoch) < 0
        || brd_wan_line_init (&self->line,
                              self->epoch,
                              hello->who.lease_ms,
                              listen->time_scale,
                              listen->cap_bytes)
               < 0) {
        brd_mem_free (self);
        return NULL;
    }
    self->line.carry = s_carry;
    self->line.touched = s_touched;
    brd_list_append (&listen->sessions, &self->link);
    listen->stats.sessions++;
    return self;
}

void
brd_wan_session_free (brd_wan_session_t *self)
{
    brd_wan_session_detach (self);
    brd_heap_remove (&self->listen->timers, &self->timer);
    brd_list_remove (&self->link);
    self->listen->stats.sessions -= !self->is_ended;
    brd_wan_line_fini (&self->line);
    brd_mem_free (self);
}

// --- Its connection --------------------------------------------------------

static uint64_t
s_number (const unsigned char peer[BRD_TCP_ID])
{
    const uint64_t hash = brd_hash_add (BRD_HASH_EMPTY, peer, BRD_TCP_ID);
    return hash != 0 ? hash : 1;
}

brd_wan_session_t *
brd_wan_session_of_peer (const brd_wan_listen_t *listen,
                         const unsigned char peer[BRD_TCP_ID])
{
    brd_wan_session_t *self = brd_map_get (&listen->by_peer, s_number (peer));
    return self && memcmp (self->peer, peer, BRD_TCP_ID) == 0 ? self : NULL;
}

int
brd_wan_session_attach (brd_wan_session_t *self,
                        const unsigned char peer[BRD_TCP_ID])
{
    brd_map_t *by_peer = &self->listen->by_peer;
    // Ids are random, but for who looks for two that meet.
    if (brd_map_get (by_peer, s_number (peer)))
        return brd_error_set (EEXIST, "a connection that meets another");
    brd_wan_session_detach (self);
    if (brd_map_set (by_peer, s_number (peer), self) < 0)
        return -1;
    memcpy (self->peer, peer, BRD_TCP_ID);
    self->is_attached = self->line.is_connected = 1;
    self->listen->stats.connected++;
    return 0;
}

void
brd_wan_session_detach (brd_wan_session_t *self)
{
    if (!self->is_attached)
        return;
    self->is_attached = self->line.is_connected = 0;
    (void) brd_map_remove (&self->listen->by_peer, s_number (self->peer));
    brd_tcp_listen_drop (self->listen->tcp, self->peer);
    self->listen->stats.connected--;
}

// --- What is due -----------------------------------------------------------

static void
s_end (brd_wan_session_t *self)
{
    self->is_ended = 1;
    brd_wan_session_detach (self);
    brd_heap_remove (&self->listen->timers, &self->timer);
    self->listen->stats.sessions--;
    self->listen->stats.lost += !self->line.is_closed;
    brd_log (BROOD_LOG_WARNING,
             "%s, process %u, is gone: %s",
             self->who.host,
             self->who.pid,
             self->line.why);
}

void
brd_wan_session_mind (brd_wan_session_t *self, int64_t now)
{
    brd_wan_line_t *line = &self->line;
    brd_wan_line_pump (line, now, &self->listen->out);
    if (!line->is_connected)
        brd_wan_session_detach (self);
    if (line->over)
        s_end (self);
    if (line->is_closed && brd_wan_line_settled (line))
        brd_wan_session_free (self);
    else if (!line->over)
        brd_assert (brd_heap_set (&self->listen->timers,
                                  &self->timer,
                                  brd_wan_line_due (line))
                    == 0);
}
