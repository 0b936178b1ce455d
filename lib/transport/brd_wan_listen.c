// brd_wan_listen.c - the end of sessions that is dialled
//
// SPDX-License-Identifier: MPL-2.0
//
//     turn   packets --known connection--> its session's channel
//                    --stranger----------> brd_wan_admit.c
//            timers  --due---------------> brd_wan_session_mind
//
// Read next: brd_wan_session.c.

#include <errno.h>
#include <string.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_mem.h"
#include "transport/brd_wan_private.h"

enum {
    S_SESSIONS_MAX = 65536
};

static int
s_check (const brd_wan_listen_options_t *options)
{
    if (options->sessions_max < 1 || options->sessions_max > S_SESSIONS_MAX
        || options->strangers_max < 1
        || options->strangers_max > S_SESSIONS_MAX)
        return brd_error_set (
            EINVAL, "1 to %d sessions and strangers", S_SESSIONS_MAX);
    if (options->build_size > BRD_HELLO_BUILD_MAX)
        return brd_error_set (EINVAL, "a build-id is not that long");
    if (brd_wan_line_millionths (options->time_scale) == 0)
        return brd_error_set (EINVAL, "not a time scale");
    return 0;
}

// Who connects again comes while the connection before is still counted.
static brd_tcp_listen_t *
s_tcp (brd_wan_listen_t *self, const brd_wan_listen_options_t *options)
{
    return brd_tcp_listen_new (&(brd_tcp_listen_options_t){
        .address = options->address,
        .pair = options->pair,
        .allow = brd_wan_admit_key,
        .arg = self,
        .peers_max = options->sessions_max + options->strangers_max,
        .strangers_max = options->strangers_max,
        .time_scale = options->time_scale });
}

brd_wan_listen_t *
brd_wan_listen_new (const brd_wan_listen_options_t *options)
{
    if (s_check (options) < 0)
        return NULL;
    brd_wan_listen_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    brd_list_init (&self->sessions);
    brd_map_init (&self->by_peer);
    brd_heap_init (&self->timers);
    self->book = options->book;
    self->joined = options->joined;
    self->arg = options->arg;
    self->sessions_max = options->sessions_max;
    self->time_scale = options->time_scale;
    self->cap_bytes = options->cap_bytes;
    self->build_size = options->build_size;
    if (self->build_size > 0)
        memcpy (self->build, options->build, self->build_size);
    if (brd_wan_line_out (&self->out) < 0
        || brd_heap_reserve (&self->timers, (size_t) self->sessions_max) < 0)
        goto error;
    self->tcp = s_tcp (self, options);
    if (!self->tcp)
        goto error;
    return self;

error:
    brd_wan_listen_destroy (&self);
    return NULL;
}

void
brd_wan_listen_destroy (brd_wan_listen_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    brd_wan_listen_t *self = *self_p;
    const int saved_errno = errno;
    while (!brd_list_empty (&self->sessions))
        brd_wan_session_free (
            BRD_LIST_ITEM (self->sessions.next, brd_wan_session_t, link));
    brd_tcp_listen_destroy (&self->tcp);
    brd_heap_fini (&self->timers);
    brd_map_fini (&self->by_peer);
    brd_buf_fini (&self->out);
    brd_mem_free (self);
    *self_p = NULL;
    errno = saved_errno;
}

const char *
brd_wan_listen_address (const brd_wan_listen_t *self)
{
    return brd_tcp_listen_address (self->tcp);
}

int
brd_wan_listen_fd (const brd_wan_listen_t *self)
{
    return brd_tcp_listen_fd (self->tcp);
}

// --- Turns -----------------------------------------------------------------

static void
s_packet (brd_wan_listen_t *self, const brd_zmq_msg_t *msg, int64_t now)
{
    brd_wan_session_t *session = brd_wan_session_of_peer (self, msg->peer);
    if (!session) {
        brd_wan_admit_stranger (self, msg, now);
        return;
    }
    brd_wan_line_input (&session->line, now, msg->bytes, msg->size);
    brd_wan_session_touch (session);
}

void
brd_wan_listen_turn (brd_wan_listen_t *self, int64_t now)
{
    brd_zmq_msg_t msg;
    brd_tcp_listen_turn (self->tcp, now);
    for (int n = 0; n < BRD_WAN_PACKETS_MAX; n++) {
        if (brd_tcp_listen_recv (self->tcp, &msg) < 0)
            break;
        s_packet (self, &msg, now);
        brd_zmq_msg_done (&msg);
    }
    // Each at most once.
    for (size_t n = self->timers.count; n > 0; n--) {
        brd_timer_t *timer = brd_heap_first (&self->timers);
        if (!timer || timer->due > now)
            break;
        brd_wan_session_mind (BRD_LIST_ITEM (timer, brd_wan_session_t, timer),
                              now);
    }
}

int64_t
brd_wan_listen_due (brd_wan_listen_t *self, int64_t now)
{
    const int64_t due = brd_tcp_listen_due (self->tcp, now);
    const brd_timer_t *timer = brd_heap_first (&self->timers);
    return timer && timer->due < due ? timer->due : due;
}

int
brd_wan_listen_settled (const brd_wan_listen_t *self)
{
    for (const brd_list_t *i = self->sessions.next; i != &self->sessions;
         i = i->next) {
        const brd_wan_session_t *session =
            BRD_LIST_ITEM (i, brd_wan_session_t, link);
        if (session->line.is_closed && !brd_wan_line_settled (&session->line))
            return 0;
    }
    return 1;
}

void
brd_wan_listen_stats (const brd_wan_listen_t *self, brd_wan_stats_t *ret)
{
    *ret = self->stats;
    brd_tcp_listen_stats (self->tcp, &ret->tcp);
}
