// ask_dial.c - who looks at a broker: its own end
//
// SPDX-License-Identifier: MPL-2.0
//
//     a number     ask_door.h -> brd_peer_fd
//     tcp://       a join string, this address -> brd_wan_dial
//
//     ask    QUERY n; turn, recv, sleep until REPORT n
//
// An answer is checked as a whole before anybody reads it.

#include "tools/ask_dial.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "base/brd_mem.h"
#include "base/brd_sys.h"
#include "client/brd_scale.h"
#include "client/brd_ticket.h"
#include "tools/ask.h"
#include "tools/ask_door.h"
#include "transport/brd_peer_fd.h"
#include "transport/brd_wan.h"
#include "wire/brd_frame.h"
#include "wire/brd_limits.h"
#include "wire/brd_value.h"

#define S_TCP "tcp://"

enum {
    S_MESSAGE_MAX = BRD_ASK_ANSWER_MAX + 4096
};

struct brd_ask_dial {
    brd_peer_t *peer;
    brd_wan_dial_t *dial;  // NULL: by the local door
    uint64_t asked;
};

// --- The local door --------------------------------------------------------

// -1, and no door, if there is none of this process.
static int
s_find_door (pid_t pid, brd_ask_door_t *ret_door)
{
    brd_ask_door_t *doors = NULL;
    const long count = brd_ask_door_list (&doors);
    int rc = -1;
    for (long i = 0; i < count; i++) {
        if (doors[i].pid != pid)
            continue;
        *ret_door = doors[i];
        rc = 0;
        // Somebody may have made one in another's name.
        if (doors[i].user == geteuid ())
            break;
    }
    brd_mem_free (doors);
    return rc < 0 && count >= 0
               ? brd_error_set (EHOSTUNREACH,
                                "no broker is process %ld here, or it is "
                                "another user's",
                                (long) pid)
               : rc;
}

static int
s_dial_door (brd_ask_dial_t *self, pid_t pid)
{
    brd_ask_door_t door;
    if (s_find_door (pid, &door) < 0)
        return -1;
    int fd = brd_ask_door_connect (&door);
    if (fd < 0)
        return -1;
    self->peer = brd_peer_fd_new (fd, S_MESSAGE_MAX);
    if (!self->peer)
        brd_sys_close (&fd);
    return self->peer ? 0 : -1;
}

// --- Another host ----------------------------------------------------------

// For looking, or for more than that.
static int
s_read_join (const brd_place_t *place, brd_join_t *ret_join)
{
    if (brd_ticket_of_place (place, BRD_JOIN_WATCH, ret_join) == 0)
        return 0;
    return errno == EINVAL
               ? brd_ticket_of_place (place, BRD_JOIN_ADMIN, ret_join)
               : -1;
}

static int
s_dial_join (brd_ask_dial_t *self, const brd_join_t *join)
{
    brd_wan_dial_options_t options = { .join = join };
    options.who.role = join->role;
    options.who.slots = 1;
    options.who.pid = (uint32_t) getpid ();
    if (gethostname (options.who.host, sizeof options.who.host - 1) < 0)
        (void) snprintf (
            options.who.host, sizeof options.who.host, "%s", "unknown");
    if (brd_scale_read (&options.time_scale) < 0)
        return -1;
    self->dial = brd_wan_dial_new (&options);
    if (!self->dial)
        return -1;
    self->peer = brd_wan_dial_peer (self->dial);
    return 0;
}

static int
s_dial_tcp (brd_ask_dial_t *self, const char *broker)
{
    brd_place_t place;
    brd_join_t join;
    if (brd_place_read (broker, &place) < 0)
        return -1;
    int rc = s_read_join (&place, &join);
    if (rc == 0)
        rc = s_dial_join (self, &join);
    brd_join_wipe (&join);
    brd_place_fini (&place);
    return rc;
}

// --- Asking ----------------------------------------------------------------

static int
s_say (brd_ask_dial_t *self, const char *question)
{
    const brd_wire_note_t note = { .seq = ++self->asked,
                                   .size = (uint32_t) strlen (question),
                                   .body = question };
    brd_buf_t out;
    brd_buf_init (&out, S_MESSAGE_MAX);
    int rc = brd_frame_begin (&out, BRD_OP_QUERY);
    if (rc == 0)
        rc = brd_frame_add_note (&out, &note);
    if (rc == 0) {
        brd_frame_close (&out, 1);
        rc = self->peer->send (self->peer, &out);
    }
    brd_buf_fini (&out);
    return rc;
}

// 1: it is the answer; 0: to an earlier question; -1.
static int
s_read (const brd_ask_dial_t *self,
        const void *bytes,
        size_t size,
        brd_buf_t *ret_answer)
{
    brd_frame_t frame;
    brd_wire_note_t note;
    if (brd_frame_open (&frame, bytes, size) < 0 || frame.op != BRD_OP_REPORT
        || brd_frame_next_note (&frame, &note) != 1)
        return brd_error_set (EPROTO, "the broker's answer is none");
    if (note.seq != self->asked)
        return 0;
    if (note.count != 0)
        return brd_error_set (note.count <= 4095 ? (int) note.count : EPROTO,
                              "the broker: %.*s",
                              note.size < 400 ? (int) note.size : 400,
                              (const char *) note.body);
    if (brd_value_check (note.body, note.size, BRD_WIRE_DEPTH_MAX, NULL) < 0)
        return brd_error_set (EPROTO, "the broker's answer is no value");
    return brd_buf_add (ret_answer, note.body, note.size) < 0 ? -1 : 1;
}

// Why it is gone.
static int
s_gone (const brd_ask_dial_t *self)
{
    const int64_t now = brd_clock_now ();
    if (errno != EPIPE)
        return -1;
    if (!self->dial)
        return brd_error_set (EHOSTUNREACH, "the broker has hung up");
    const int refused = brd_wan_line_state (self->peer, now) == BRD_WAN_REFUSED;
    return brd_error_set (
        refused ? EACCES : EHOSTUNREACH, "%s", brd_wan_line_why (self->peer));
}

static int
s_late (const brd_ask_dial_t *self)
{
    const char *why = self->dial ? brd_wan_dial_why (self->dial) : "";
    return why[0] != '\0' ? brd_error_set (ETIMEDOUT, "no answer: %s", why)
                          : brd_error_set (ETIMEDOUT, "no answer in time");
}

int
brd_ask_dial_ask (brd_ask_dial_t *self,
                  const char *question,
                  int64_t deadline,
                  brd_buf_t *ret_answer)
{
    brd_peer_t *peer = self->peer;
    const void *bytes;
    size_t size;
    if (s_say (self, question) < 0)
        return s_gone (self);
    for (;;) {
        int64_t now = brd_clock_now ();
        int got = 0;
        if (peer->turn)
            peer->turn (peer, now);
        while (got == 0 && peer->recv (peer, &bytes, &size) == 0) {
            got = s_read (self, bytes, size, ret_answer);
            peer->done (peer);
        }
        if (got != 0)
            return got > 0 ? 0 : -1;
        if (errno != EAGAIN)
            return s_gone (self);
        now = brd_clock_now ();
        if (now >= deadline)
            return s_late (self);
        struct pollfd fd = { .fd = peer->fd, .events = POLLIN };
        const int64_t due = peer->due ? peer->due (peer, now) : BRD_NEVER;
        (void) poll (
            &fd, 1, brd_clock_left_ms (due < deadline ? due : deadline));
    }
}

// --- Its life --------------------------------------------------------------

brd_ask_dial_t *
brd_ask_dial_new (const char *broker)
{
    char *end;
    errno = 0;
    const long pid = strtol (broker, &end, 10);
    const int is_pid = errno == 0 && end != broker && *end == '\0' && pid > 0
                       && pid <= INT32_MAX;
    if (!is_pid && strncmp (broker, S_TCP, strlen (S_TCP)) != 0) {
        brd_error_set (EINVAL,
                       "%s: a broker is a process's number or tcp://HOST:PORT",
                       broker);
        return NULL;
    }
    brd_ask_dial_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    const int rc =
        is_pid ? s_dial_door (self, (pid_t) pid) : s_dial_tcp (self, broker);
    if (rc < 0)
        brd_ask_dial_destroy (&self);
    return self;
}

void
brd_ask_dial_destroy (brd_ask_dial_t **self_p)
{
    const int saved_errno = errno;
    brd_ask_dial_t *self = *self_p;
    *self_p = NULL;
    if (self->dial)
        brd_wan_dial_destroy (&self->dial);
    else if (self->peer)
        self->peer->destroy (self->peer);
    brd_mem_free (self);
    errno = saved_errno;
}
