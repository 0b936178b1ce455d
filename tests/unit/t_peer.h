// t_peer.h - speaking for another program, above or below
//
// SPDX-License-Identifier: MPL-2.0
//
// The test has one end of a pair, the host the other.

#ifndef T_PEER_H
#define T_PEER_H

#include "t.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <brood.h>

#include "api/brd_pool.h"
#include "api/brd_runtime.h"
#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "base/brd_mem.h"
#include "client/brd_code.h"
#include "host/host.h"
#include "transport/brd_peer_fd.h"
#include "wire/brd_frame.h"
#include "wire/brd_limits.h"

static inline int
t_double (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    long x;
    (void) task;
    return brood_msg_unpack (in, "%ld", &x) < 0
               ? -1
               : brood_msg_pack (out, "%ld", 2 * x);
}

// It says that it has begun.
static inline int
t_hang (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    (void) out;
    if (brood_task_emit (task, "nil") < 0)
        return -1;
    while (pause () < 0)
        continue;
    return 0;
}

static inline uint64_t
t_number (brood_task_fn *fn)
{
    const uint64_t number = brd_code_number (brd_pool_address (&fn));
    assert_true (number != 0);
    return number;
}

// --- Speaking --------------------------------------------------------------

static inline void
t_pair (brd_peer_t *ret_peers[2])
{
    int fds[2];
    assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
                      0);
    for (int i = 0; i < 2; i++) {
        ret_peers[i] = brd_peer_fd_new (fds[i], BRD_WIRE_SIZE_MAX);
        assert_non_null (ret_peers[i]);
    }
}

// The next message of this operation, others passed over; on loan. 0: none.
static inline int
t_hear (brd_peer_t *peer, brd_op_t op, brd_frame_t *frame)
{
    const int64_t deadline = brd_clock_deadline (30000);
    const void *bytes;
    size_t size;
    while (brd_clock_now () < deadline) {
        struct pollfd fd = { .fd = peer->fd, .events = POLLIN };
        while (peer->recv (peer, &bytes, &size) == 0) {
            if (brd_frame_open (frame, bytes, size) == 0 && frame->op == op)
                return 1;
            peer->done (peer);
        }
        if (errno != EAGAIN)
            return 0;
        (void) poll (&fd, 1, 10);
    }
    return 0;
}

static inline void
t_hears (brd_peer_t *peer, brd_op_t op)
{
    brd_frame_t frame;
    if (!t_hear (peer, op, &frame))
        fail_msg ("no operation %d has come", (int) op);
    peer->done (peer);
}

// The only note of such a message; its body is copied into text.
static inline brd_wire_note_t
t_hears_note (brd_peer_t *peer, brd_op_t op, char text[256])
{
    brd_frame_t frame;
    brd_wire_note_t note;
    assert_true (t_hear (peer, op, &frame));
    assert_int_equal (brd_frame_next_note (&frame, &note), 1);
    snprintf (text, 256, "%.*s", (int) note.size, (const char *) note.body);
    peer->done (peer);
    return note;
}

// It is gone, for us too.
static inline void
t_hears_end (brd_peer_t *peer)
{
    brd_frame_t frame;
    errno = 0;
    while (t_hear (peer, BRD_OP_RETIRE, &frame))
        peer->done (peer);
    assert_int_equal (errno, EPIPE);
}

static inline void
t_say (brd_peer_t *peer, brd_buf_t *out, uint32_t count)
{
    brd_frame_close (out, count);
    assert_int_equal (peer->send (peer, out), 0);
    brd_buf_fini (out);
}

static inline void
t_begin (brd_buf_t *out, brd_op_t op)
{
    brd_buf_init (out, BRD_WIRE_SIZE_MAX);
    assert_int_equal (brd_frame_begin (out, op), 0);
}

static inline void
t_say_note (brd_peer_t *peer, brd_op_t op, const brd_wire_note_t *note)
{
    brd_buf_t out;
    t_begin (&out, op);
    assert_int_equal (brd_frame_add_note (&out, note), 0);
    t_say (peer, &out, 1);
}

static inline void
t_say_slots (brd_peer_t *peer, uint32_t slots, int error, const char *why)
{
    const brd_wire_note_t note = {
        .seq = (uint64_t) error,
        .count = slots,
        .size = (uint32_t) strlen (why),
        .body = why,
    };
    t_say_note (peer, BRD_OP_SLOTS, &note);
}

static inline void
t_say_task (brd_peer_t *peer, const brd_wire_task_t *task)
{
    brd_buf_t out;
    t_begin (&out, BRD_OP_TASKS);
    assert_int_equal (brd_frame_add_task (&out, task), 0);
    t_say (peer, &out, 1);
}

static inline void
t_say_open (brd_peer_t *peer, const brd_wire_open_t *open)
{
    brd_buf_t out;
    t_begin (&out, BRD_OP_OPEN);
    assert_int_equal (brd_frame_add_open (&out, open), 0);
    t_say (peer, &out, 1);
}

static inline void
t_say_result (brd_peer_t *peer, const brd_wire_result_t *result)
{
    brd_buf_t out;
    t_begin (&out, BRD_OP_RESULTS);
    assert_int_equal (brd_frame_add_result (&out, result), 0);
    t_say (peer, &out, 1);
}

static inline void
t_say_bytes (brd_peer_t *peer, const char *bytes, size_t size)
{
    brd_buf_t out;
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    assert_int_equal (brd_buf_add (&out, bytes, size), 0);
    assert_int_equal (peer->send (peer, &out), 0);
    brd_buf_fini (&out);
}

static const brd_wire_open_t t_wanted = { .name = "pool", .name_size = 4 };

#define T_BYTES(text) .bytes = text, .size = sizeof text - 1

#endif  // T_PEER_H
