// test_host_guest.c - what a guest may say, byte by byte
//
// SPDX-License-Identifier: MPL-2.0
//
// A task that speaks for itself, on a line of its own: with the owner of its
// pool, in real messages. Whatever it says, only it suffers.

#include "t.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <brood.h>

#include "api/brd_pool.h"
#include "base/brd_clock.h"
#include "host/host.h"
#include "wire/brd_frame.h"
#include "wire/brd_limits.h"
#include "workers/worker.h"

#define S_SEE(fact) \
    do { \
        if (!(fact)) \
            return brood_task_fail ( \
                task, "line %d: %s [%s]", __LINE__, #fact, brood_error ()); \
    } while (0)

static int
s_double (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    long x;
    (void) task;
    return brood_msg_unpack (in, "%ld", &x) < 0
               ? -1
               : brood_msg_pack (out, "%ld", 2 * x);
}

static int
s_hang (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    while (pause () < 0)
        continue;
    return 0;
}

// It says that it has begun.
static int
s_begin (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    return brood_task_emit (task, "nil") < 0 ? -1 : s_hang (task, in, out);
}

static uint64_t
s_address (brood_task_fn *fn)
{
    return brd_pool_address (&fn);
}

// --- Speaking --------------------------------------------------------------

static int
s_invite (brood_task_t *task, uint64_t pool, const char *name, size_t size)
{
    const brd_wire_note_t note = {
        .seq = pool,
        .size = (uint32_t) size,
        .body = name,
    };
    return brd_worker_note (task->worker, BRD_OP_INVITE, &note);
}

// A line to the owner, which has been called; NULL.
static brd_peer_t *
s_call (brood_task_t *task, uint64_t pool)
{
    char name[BRD_NURSERY_NAME_SIZE];
    brd_peer_t *line = brd_host_line_listen (
        task->worker->setup->owner, task->worker->birth->owner, name);
    if (line && s_invite (task, pool, name, strlen (name)) < 0) {
        line->destroy (line);
        line = NULL;
    }
    return line;
}

// The next message of this operation, others passed over. -1 after a while.
static int
s_hear (brd_peer_t *line, brd_op_t op, brd_frame_t *frame)
{
    const int64_t deadline = brd_clock_deadline (20000);
    const void *bytes;
    size_t size;
    while (brd_clock_now () < deadline) {
        struct pollfd fd = { .fd = line->fd, .events = POLLIN };
        while (line->recv (line, &bytes, &size) == 0) {
            if (brd_frame_open (frame, bytes, size) == 0 && frame->op == op)
                return 0;
            line->done (line);
        }
        (void) poll (&fd, 1, 10);
    }
    return -1;
}

static int
s_hears (brd_peer_t *line, brd_op_t op)
{
    brd_frame_t frame;
    if (s_hear (line, op, &frame) < 0)
        return 0;
    line->done (line);
    return 1;
}

static int
s_say_task (brd_peer_t *line, const brd_wire_task_t *task)
{
    brd_buf_t out;
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    int rc = -1;
    if (brd_frame_begin (&out, BRD_OP_TASKS) == 0
        && brd_frame_add_task (&out, task) == 0) {
        brd_frame_close (&out, 1);
        rc = line->send (line, &out);
    }
    brd_buf_fini (&out);
    return rc;
}

static int
s_say_note (brd_peer_t *line, brd_op_t op, uint64_t seq)
{
    const brd_wire_note_t note = { .seq = seq, .count = 1 };
    brd_buf_t out;
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    int rc = -1;
    if (brd_frame_begin (&out, op) == 0
        && brd_frame_add_note (&out, &note) == 0) {
        brd_frame_close (&out, 1);
        rc = line->send (line, &out);
    }
    brd_buf_fini (&out);
    return rc;
}

static int
s_say_bytes (brd_peer_t *line, const void *bytes, size_t size)
{
    brd_buf_t out;
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    unsigned char *at = brd_buf_reserve (&out, size);
    int rc = -1;
    if (at) {
        memcpy (at, bytes, size);
        out.size = size;
        rc = line->send (line, &out);
    }
    brd_buf_fini (&out);
    return rc;
}

// --- What is in order ------------------------------------------------------

static const brd_wire_task_t s_twice_21 = {
    .seq = 1,
    .size = 1,
    .attempt = 1,
    .body = "\x15",
};

// The result of task seq: 42.
static int
s_hears_42 (brd_peer_t *line, uint64_t seq)
{
    brd_frame_t frame;
    brd_wire_result_t result;
    if (s_hear (line, BRD_OP_RESULTS, &frame) < 0
        || brd_frame_next_result (&frame, &result) != 1)
        return 0;
    const int good = result.seq == seq && result.status == 0
                     && result.flags == 0 && result.size == 1
                     && memcmp (result.body, "\x2a", 1) == 0;
    line->done (line);
    return good;
}

static int
s_behave (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    long pool;
    brd_frame_t frame;
    brd_wire_note_t note;
    brd_wire_task_t twice = s_twice_21;
    (void) out;
    S_SEE (brood_msg_unpack (in, "%ld", &pool) == 0);
    brd_peer_t *line = s_call (task, (uint64_t) pool);
    S_SEE (line && s_hear (line, BRD_OP_SLOTS, &frame) == 0);
    S_SEE (brd_frame_next_note (&frame, &note) == 1 && note.count == 2);
    line->done (line);
    twice.fn = s_address (s_double);
    S_SEE (s_say_task (line, &twice) == 0 && s_hears_42 (line, 1));
    // About what is not there, or not any more.
    for (uint64_t seq = 1; seq < 3; seq++) {
        S_SEE (s_say_note (line, BRD_OP_RECLAIM, seq) == 0);
        S_SEE (s_say_note (line, BRD_OP_CANCEL, seq) == 0);
        S_SEE (s_say_note (line, BRD_OP_KILL, seq) == 0);
        S_SEE (s_say_note (line, BRD_OP_CREDIT, seq) == 0);
    }
    twice.seq = 3;
    S_SEE (s_say_task (line, &twice) == 0 && s_hears_42 (line, 3));
    // A task that has started is not given back.
    twice.fn = s_address (s_begin);
    twice.seq = 4;
    S_SEE (s_say_task (line, &twice) == 0 && s_hears (line, BRD_OP_EMIT));
    S_SEE (s_say_note (line, BRD_OP_RECLAIM, 4) == 0);
    S_SEE (s_hears (line, BRD_OP_KEPT));
    S_SEE (s_say_note (line, BRD_OP_STOP, 0) == 0);
    // An entry where there is none to be is not in order.
    S_SEE (s_hears (line, BRD_OP_RETIRE));
    line->destroy (line);
    return 0;
}

// --- What is not -----------------------------------------------------------

typedef struct {
    const char *name;
    const void *bytes;  // NULL: the task, changed
    size_t size;
    brd_wire_task_t task;
} s_nonsense_t;

#define S_BYTES(text) .bytes = text, .size = sizeof text - 1

static const s_nonsense_t s_nonsense[] = {
    { .name = "no frame", S_BYTES ("GET / HTTP/1.1\r\n") },
    { .name = "cut short", S_BYTES ("BRD1\1\0\0\0\1\0\0\0\0\0\0\0abcdefgh") },
    { .name = "an operation of a worker",
      S_BYTES ("BRD1\2\0\0\0\0\0\0\0\0\0\0\0") },
    { .name = "an operation there is not",
      S_BYTES ("BRD1\x63\0\0\0\0\0\0\0\0\0\0\0") },
    { .name = "a priority too high",
      .task = { .seq = 9, .size = 1, .body = "\x15", .priority = 10 } },
    { .name = "a timeout in the past",
      .task = { .seq = 9, .size = 1, .body = "\x15", .timeout_ns = -1 } },
    { .name = "a flag there is not",
      .task = { .seq = 9, .size = 1, .body = "\x15", .flags = 128 } },
    { .name = "a place that is none",
      .task = { .seq = 9,
                .size = 1,
                .body = "\x15",
                .flags = BRD_TASK_IN_ARENA } },
    { .name = "a place outside",
      .task = { .seq = 9,
                .size = BRD_FRAME_PLACE,
                .body = "\xff\xff\xff\xff\xff\xff\xff\x0f\1\0\0\0\0\0\0\0",
                .flags = BRD_TASK_IN_ARENA } },
};

static int
s_talk (brood_task_t *task, uint64_t pool, const s_nonsense_t *nonsense)
{
    brd_wire_task_t hang = s_twice_21;
    brd_wire_task_t bad = nonsense->task;
    brd_peer_t *line = s_call (task, pool);
    S_SEE (line && s_hears (line, BRD_OP_SLOTS));
    // What it gave in order before ends with it.
    hang.fn = s_address (s_hang);
    S_SEE (s_say_task (line, &hang) == 0);
    bad.fn = s_address (s_double);
    S_SEE ((nonsense->bytes
                ? s_say_bytes (line, nonsense->bytes, nonsense->size)
                : s_say_task (line, &bad))
           == 0);
    if (!s_hears (line, BRD_OP_RETIRE))
        return brood_task_fail (task, "%s is taken", nonsense->name);
    line->destroy (line);
    return 0;
}

static int
s_rave (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    static const char long_name[BRD_NURSERY_NAME_SIZE + 1] = "@brood/";
    long pool;
    (void) out;
    S_SEE (brood_msg_unpack (in, "%ld", &pool) == 0);
    for (size_t i = 0; i < sizeof s_nonsense / sizeof *s_nonsense; i++)
        if (s_talk (task, (uint64_t) pool, &s_nonsense[i]) < 0)
            return -1;
    // Invitations to nowhere, and of a pool that is not.
    S_SEE (s_invite (task, (uint64_t) pool, "", 0) == 0);
    S_SEE (s_invite (task, (uint64_t) pool, long_name, sizeof long_name) == 0);
    S_SEE (s_invite (task, (uint64_t) pool, "@brood/nobody", 13) == 0);
    brd_peer_t *line = s_call (task, UINT64_C (1) << 40);
    S_SEE (line && s_hears (line, BRD_OP_RETIRE));
    line->destroy (line);
    return 0;
}

// A function the pool's workers do not have: its own task fails, no worker.
static int
s_stray (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    static const char words[] = "the function was loaded after";
    long pool;
    brd_frame_t frame;
    brd_wire_result_t result;
    brd_wire_story_t story;
    brd_wire_task_t stray = s_twice_21;
    (void) out;
    S_SEE (brood_msg_unpack (in, "%ld", &pool) == 0);
    brd_peer_t *line = s_call (task, (uint64_t) pool);
    S_SEE (line && s_hears (line, BRD_OP_SLOTS));
    stray.fn = (uint64_t) (uintptr_t) &pool;  // No code
    S_SEE (s_say_task (line, &stray) == 0);
    S_SEE (s_hear (line, BRD_OP_RESULTS, &frame) == 0
           && brd_frame_next_result (&frame, &result) == 1);
    S_SEE (result.flags == BRD_RESULT_STORY
           && brd_frame_get_story (result.body, result.size, &story) == 0);
    S_SEE (story.error == EIO && story.size > sizeof words
           && memcmp (story.text, words, sizeof words - 1) == 0);
    line->destroy (line);
    return 0;
}

// A stranger at the line is not heard: only the owner is.
static int
s_be_called (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    static const char wrong[] = "BRD1\x0a\0\0\0\0\0\0\0\0\0\0\0";
    const void *bytes;
    size_t size;
    char name[BRD_NURSERY_NAME_SIZE];
    unsigned char id[BRD_ZMQ_ID] = { 1, 2, 3 }, peer[BRD_ZMQ_ID] = { 4 };
    (void) in;
    (void) out;
    brd_peer_t *line = brd_host_line_listen (
        task->worker->setup->owner, task->worker->birth->owner, name);
    brd_zmq_t *stranger = brd_zmq_host_new (id);
    S_SEE (line && stranger && brd_zmq_connect (stranger, name, peer) == 0);
    brd_buf_t say;
    brd_buf_init (&say, BRD_WIRE_SIZE_MAX);
    S_SEE (brd_buf_add (&say, wrong, sizeof wrong - 1) == 0);
    S_SEE (brd_zmq_send (stranger, peer, &say) == 0);
    brd_buf_fini (&say);
    for (int i = 0; i < 20; i++) {
        struct pollfd fd = { .fd = line->fd, .events = POLLIN };
        (void) poll (&fd, 1, 10);
        S_SEE (line->recv (line, &bytes, &size) < 0 && errno == EAGAIN);
    }
    brd_zmq_destroy (&stranger);
    line->destroy (line);
    return 0;
}

// --- The tests -------------------------------------------------------------

static void
s_expect (brood_task_fn *guest)
{
    long x;
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    assert_non_null (pool);
    BROOD_AUTO (msg)
    done = brood_pool_apply (
        pool, guest, "%ld", (long) brd_host_pool_number (pool->pool));
    if (!done)
        fail_msg ("%s", brood_error ());
    // Nobody else has noticed.
    for (long i = 0; i < 20; i++) {
        BROOD_AUTO (msg) two = brood_pool_apply (pool, s_double, "%ld", i);
        assert_non_null (two);
        assert_int_equal (brood_msg_unpack (two, "%ld", &x), 0);
        assert_int_equal (x, 2 * i);
    }
}

static void
s_test_behave (void **state)
{
    (void) state;
    s_expect (s_behave);
}

static void
s_test_rave (void **state)
{
    (void) state;
    s_expect (s_rave);
}

static void
s_test_stray (void **state)
{
    (void) state;
    s_expect (s_stray);
}

static void
s_test_stranger (void **state)
{
    (void) state;
    s_expect (s_be_called);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_behave),
        cmocka_unit_test (s_test_rave),
        cmocka_unit_test (s_test_stray),
        cmocka_unit_test (s_test_stranger),
    };
    t_watchdog (120);
    brood_init (&argc, &argv);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
