// test_host_relay.c - what programs above and below may say, byte by byte
//
// SPDX-License-Identifier: MPL-2.0
//
// The test speaks for the other program, through a pair: above a pool of ours,
// or below one. Whatever it says, only it suffers.

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

static int
s_double (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    long x;
    (void) task;
    return brood_msg_unpack (in, "%ld", &x) < 0
               ? -1
               : brood_msg_pack (out, "%ld", 2 * x);
}

// It says that it has begun.
static int
s_hang (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    (void) out;
    if (brood_task_emit (task, "nil") < 0)
        return -1;
    while (pause () < 0)
        continue;
    return 0;
}

static uint64_t
s_number (brood_task_fn *fn)
{
    const uint64_t number = brd_code_number (brd_pool_address (&fn));
    assert_true (number != 0);
    return number;
}

// --- Speaking --------------------------------------------------------------

static void
s_pair (brd_peer_t *ret_peers[2])
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
static int
s_hear (brd_peer_t *peer, brd_op_t op, brd_frame_t *frame)
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

static void
s_hears (brd_peer_t *peer, brd_op_t op)
{
    brd_frame_t frame;
    if (!s_hear (peer, op, &frame))
        fail_msg ("no operation %d has come", (int) op);
    peer->done (peer);
}

// The only note of such a message; its body is copied into text.
static brd_wire_note_t
s_hears_note (brd_peer_t *peer, brd_op_t op, char text[256])
{
    brd_frame_t frame;
    brd_wire_note_t note;
    assert_true (s_hear (peer, op, &frame));
    assert_int_equal (brd_frame_next_note (&frame, &note), 1);
    snprintf (text, 256, "%.*s", (int) note.size, (const char *) note.body);
    peer->done (peer);
    return note;
}

// It is gone, for us too.
static void
s_hears_end (brd_peer_t *peer)
{
    brd_frame_t frame;
    errno = 0;
    while (s_hear (peer, BRD_OP_RETIRE, &frame))
        peer->done (peer);
    assert_int_equal (errno, EPIPE);
}

static void
s_say (brd_peer_t *peer, brd_buf_t *out, uint32_t count)
{
    brd_frame_close (out, count);
    assert_int_equal (peer->send (peer, out), 0);
    brd_buf_fini (out);
}

static void
s_begin (brd_buf_t *out, brd_op_t op)
{
    brd_buf_init (out, BRD_WIRE_SIZE_MAX);
    assert_int_equal (brd_frame_begin (out, op), 0);
}

static void
s_say_note (brd_peer_t *peer, brd_op_t op, const brd_wire_note_t *note)
{
    brd_buf_t out;
    s_begin (&out, op);
    assert_int_equal (brd_frame_add_note (&out, note), 0);
    s_say (peer, &out, 1);
}

static void
s_say_slots (brd_peer_t *peer, uint32_t slots, int error, const char *why)
{
    const brd_wire_note_t note = {
        .seq = (uint64_t) error,
        .count = slots,
        .size = (uint32_t) strlen (why),
        .body = why,
    };
    s_say_note (peer, BRD_OP_SLOTS, &note);
}

static void
s_say_task (brd_peer_t *peer, const brd_wire_task_t *task)
{
    brd_buf_t out;
    s_begin (&out, BRD_OP_TASKS);
    assert_int_equal (brd_frame_add_task (&out, task), 0);
    s_say (peer, &out, 1);
}

static void
s_say_open (brd_peer_t *peer, const brd_wire_open_t *open)
{
    brd_buf_t out;
    s_begin (&out, BRD_OP_OPEN);
    assert_int_equal (brd_frame_add_open (&out, open), 0);
    s_say (peer, &out, 1);
}

static void
s_say_result (brd_peer_t *peer, const brd_wire_result_t *result)
{
    brd_buf_t out;
    s_begin (&out, BRD_OP_RESULTS);
    assert_int_equal (brd_frame_add_result (&out, result), 0);
    s_say (peer, &out, 1);
}

static void
s_say_bytes (brd_peer_t *peer, const char *bytes, size_t size)
{
    brd_buf_t out;
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    assert_int_equal (brd_buf_add (&out, bytes, size), 0);
    assert_int_equal (peer->send (peer, &out), 0);
    brd_buf_fini (&out);
}

// --- Above a pool of ours --------------------------------------------------

typedef struct {
    brd_peer_t *peer;
    brood_pool_t *pool;  // NULL: it cannot be had
    pthread_t thread;
    int asked;
} s_served_t;

static brd_host_pool_t *
s_open (void *arg, const brd_wire_open_t *open)
{
    s_served_t *self = arg;
    self->asked++;
    if (open->name_size != 4 || memcmp (open->name, "pool", 4) != 0) {
        brd_error_set (EINVAL, "another name");
        return NULL;
    }
    if (!self->pool) {
        brd_error_set (ENOSPC, "all is let");
        return NULL;
    }
    return self->pool->pool;
}

static void *
s_serve (void *arg)
{
    s_served_t *self = arg;
    if (brd_host_guest_serve (brd_runtime_host (), self->peer, s_open, self)
        < 0)
        abort ();
    return NULL;
}

// The other end of a guest that is being served.
static brd_peer_t *
s_guest (s_served_t *self, brood_pool_t *pool)
{
    brd_peer_t *peers[2];
    s_pair (peers);
    *self = (s_served_t){ .peer = peers[0], .pool = pool };
    assert_int_equal (pthread_create (&self->thread, NULL, s_serve, self), 0);
    return peers[1];
}

static void
s_served (s_served_t *self)
{
    assert_int_equal (pthread_join (self->thread, NULL), 0);
}

static const brd_wire_open_t s_wanted = { .name = "pool", .name_size = 4 };

static brd_peer_t *
s_guest_with_pool (s_served_t *self, brood_pool_t *pool)
{
    char text[256];
    brd_peer_t *peer = s_guest (self, pool);
    s_say_open (peer, &s_wanted);
    const brd_wire_note_t slots = s_hears_note (peer, BRD_OP_SLOTS, text);
    assert_int_equal (slots.count, 2);
    return peer;
}

static void
s_hears_42 (brd_peer_t *peer, uint64_t seq)
{
    brd_frame_t frame;
    brd_wire_result_t result;
    assert_true (s_hear (peer, BRD_OP_RESULTS, &frame));
    assert_int_equal (brd_frame_next_result (&frame, &result), 1);
    assert_true (result.seq == seq && result.status == 0 && result.flags == 0);
    assert_true (result.size == 1 && memcmp (result.body, "\x2a", 1) == 0);
    peer->done (peer);
}

static brd_wire_task_t
s_twice_21 (uint64_t seq)
{
    return (brd_wire_task_t){
        .seq = seq,
        .fn = s_number (s_double),
        .size = 1,
        .attempt = 1,
        .body = "\x15",
    };
}

static void
s_test_served (void **state)
{
    (void) state;
    s_served_t served;
    brd_frame_t frame;
    brd_wire_result_t result;
    brd_wire_story_t story;
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    assert_non_null (pool);
    brd_peer_t *peer = s_guest_with_pool (&served, pool);
    brd_wire_task_t task = s_twice_21 (1);
    s_say_task (peer, &task);
    s_hears_42 (peer, 1);
    // A function that is not here fails its own task.
    task.seq = 2;
    task.fn ^= UINT64_C (1) << 63;
    s_say_task (peer, &task);
    assert_true (s_hear (peer, BRD_OP_RESULTS, &frame));
    assert_int_equal (brd_frame_next_result (&frame, &result), 1);
    assert_true (result.seq == 2 && result.flags == BRD_RESULT_STORY);
    assert_int_equal (brd_frame_get_story (result.body, result.size, &story),
                      0);
    assert_true (story.error == EIO && story.size > 0);
    peer->done (peer);
    // Two hang; what is behind them is given back, and what has begun is not.
    for (task.seq = 3; task.seq < 7; task.seq++) {
        task.fn = s_number (task.seq < 5 ? s_hang : s_double);
        s_say_task (peer, &task);
        if (task.seq < 5)
            s_hears (peer, BRD_OP_EMIT);
    }
    char text[256];
    for (uint64_t seq = 6; seq > 2; seq--) {
        const brd_op_t op = seq > 4 ? BRD_OP_RECLAIMED : BRD_OP_KEPT;
        s_say_note (peer, BRD_OP_RECLAIM, &(brd_wire_note_t){ .seq = seq });
        assert_true (s_hears_note (peer, op, text).seq == seq);
    }
    // It leaves: what hangs is killed, and then it is told good-bye.
    s_say_bytes (peer, "BRD1\x8\0\0\0\0\0\0\0\0\0\0\0", 16);
    s_hears (peer, BRD_OP_RETIRE);
    peer->destroy (peer);
    s_served (&served);
    assert_int_equal (served.asked, 1);
}

// It is gone without a word, at each of these places; the pool stays.
static void
s_test_guest_is_gone (void **state)
{
    (void) state;
    s_served_t served;
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    assert_non_null (pool);
    brd_peer_t *peer = s_guest (&served, pool);
    peer->destroy (peer);
    s_served (&served);
    peer = s_guest (&served, pool);
    s_say_open (peer, &s_wanted);
    peer->destroy (peer);
    s_served (&served);
    peer = s_guest_with_pool (&served, pool);
    brd_wire_task_t task = s_twice_21 (1);
    task.fn = s_number (s_hang);
    s_say_task (peer, &task);
    s_hears (peer, BRD_OP_EMIT);
    peer->destroy (peer);
    s_served (&served);
    peer = s_guest_with_pool (&served, pool);
    task = s_twice_21 (1);
    s_say_task (peer, &task);
    s_hears_42 (peer, 1);
    peer->destroy (peer);
    s_served (&served);
}

static void
s_test_refused (void **state)
{
    (void) state;
    s_served_t served;
    char text[256];
    brd_peer_t *peer = s_guest (&served, NULL);
    s_say_open (peer, &s_wanted);
    const brd_wire_note_t note = s_hears_note (peer, BRD_OP_SLOTS, text);
    assert_true (note.count == 0 && note.seq == ENOSPC);
    assert_string_equal (text, "all is let");
    s_hears_end (peer);
    peer->destroy (peer);
    s_served (&served);
}

// The pool ends under its guest.
static void
s_test_pool_ends (void **state)
{
    (void) state;
    s_served_t served;
    brood_pool_t *pool = brood_pool_new ("2");
    assert_non_null (pool);
    brd_peer_t *peer = s_guest_with_pool (&served, pool);
    brd_wire_task_t task = s_twice_21 (1);
    task.fn = s_number (s_hang);
    s_say_task (peer, &task);
    s_hears (peer, BRD_OP_EMIT);
    brood_pool_destroy (&pool);
    s_hears (peer, BRD_OP_RETIRE);
    peer->destroy (peer);
    s_served (&served);
}

typedef struct {
    const char *name;
    const char *bytes;  // NULL: the task, changed
    size_t size;
    brd_wire_task_t task;
} s_nonsense_t;

#define S_BYTES(text) .bytes = text, .size = sizeof text - 1

static const s_nonsense_t s_nonsense[] = {
    { .name = "no frame", S_BYTES ("GET / HTTP/1.1\r\n") },
    { .name = "cut short", S_BYTES ("BRD1\1\0\0\0\1\0\0\0\0\0\0\0abcdefgh") },
    { .name = "a host's", S_BYTES ("BRD1\2\0\0\0\0\0\0\0\0\0\0\0") },
    { .name = "nothing to open", S_BYTES ("BRD1\x10\0\0\0\0\0\0\0\0\0\0\0") },
    { .name = "a leg of a map", .task = { .kind = BRD_TASK_MAP } },
    { .name = "a place", .task = { .flags = BRD_TASK_IN_ARENA } },
    { .name = "a priority too high", .task = { .priority = 10 } },
    { .name = "a timeout in the past", .task = { .timeout_ns = -1 } },
};

static void
s_test_nonsense_of_guest (void **state)
{
    (void) state;
    s_served_t served;
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    assert_non_null (pool);
    for (size_t i = 0; i < sizeof s_nonsense / sizeof *s_nonsense; i++) {
        const s_nonsense_t *nonsense = &s_nonsense[i];
        brd_peer_t *peer = s_guest_with_pool (&served, pool);
        brd_wire_task_t task = s_twice_21 (1);
        task.fn = s_number (s_hang);
        s_say_task (peer, &task);
        s_hears (peer, BRD_OP_EMIT);
        task = nonsense->task;
        task.fn = s_number (s_double);
        task.seq = 2;
        task.size = 1;
        task.body = "\x15";
        if (nonsense->bytes)
            s_say_bytes (peer, nonsense->bytes, nonsense->size);
        else
            s_say_task (peer, &task);
        brd_frame_t frame;
        if (!s_hear (peer, BRD_OP_RETIRE, &frame))
            fail_msg ("%s is taken", nonsense->name);
        peer->done (peer);
        peer->destroy (peer);
        s_served (&served);
    }
    // A pool is opened once.
    brd_peer_t *peer = s_guest_with_pool (&served, pool);
    s_say_open (peer, &s_wanted);
    s_hears_end (peer);
    peer->destroy (peer);
    s_served (&served);
    assert_int_equal (served.asked, 1);
}

// --- Below a pool of ours --------------------------------------------------

typedef struct {
    brd_call_t call;  // First
    _Atomic int ended;
    brd_call_end_t end;
    char text[256];
} s_call_t;

static void
s_ended (brd_call_t *call, const brd_call_end_t *end)
{
    s_call_t *self = (s_call_t *) (void *) call;
    self->end = *end;
    snprintf (self->text,
              sizeof self->text,
              "%.*s",
              (int) end->size,
              end->bytes ? (const char *) end->bytes : "");
    self->ended = 1;
}

static int
s_has_ended (void *arg)
{
    return ((s_call_t *) arg)->ended;
}

static void
s_await (s_call_t *self)
{
    assert_int_equal (
        brd_host_wait (
            brd_runtime_host (), s_has_ended, self, brd_clock_deadline (30000)),
        0);
}

static void
s_submit (s_call_t *self,
          const brd_host_pool_t *pool,
          const brd_core_task_options_t *options)
{
    brood_task_fn *fn = s_double;
    *self = (s_call_t){ .call = {
                            .core = { .pool = brd_host_pool_number (pool),
                                      .size_bytes = 1,
                                      .options = options },
                            .fn = brd_pool_address (&fn),
                            .body = "\x15",
                            .ended = s_ended,
                        } };
    assert_int_equal (brd_host_submit (brd_runtime_host (), &self->call), 0);
}

static brd_host_pool_t *
s_pool (int only)
{
    const brd_host_hosts_options_t options = {
        .name = "above",
        .open = &s_wanted,
        .only = only,
        .remote = 1,
    };
    brd_host_pool_t *pool =
        brd_host_pool_open_hosts (brd_runtime_host (), &options);
    assert_non_null (pool);
    return pool;
}

static int
s_never_silent (brd_peer_t *peer, int64_t now)
{
    (void) peer;
    (void) now;
    return 0;
}

static _Atomic int s_is_silent;

static int
s_maybe_silent (brd_peer_t *peer, int64_t now)
{
    (void) peer;
    (void) now;
    return s_is_silent;
}

// The other end of a host of this pool, which was told what to open.
static brd_peer_t *
s_host (brd_host_pool_t *pool, int (*silent) (brd_peer_t *peer, int64_t now))
{
    brd_peer_t *peers[2];
    brd_frame_t frame;
    brd_wire_open_t open;
    brd_host_t *host = brd_runtime_host ();
    s_pair (peers);
    peers[0]->silent = silent;
    brd_host_lock (host);
    assert_int_equal (brd_host_pool_add_peer (pool, peers[0]), 0);
    brd_host_unlock (host);
    assert_true (s_hear (peers[1], BRD_OP_OPEN, &frame));
    assert_int_equal (brd_frame_next_open (&frame, &open), 1);
    assert_true (open.name_size == 4 && memcmp (open.name, "pool", 4) == 0);
    peers[1]->done (peers[1]);
    return peers[1];
}

// The seq of the only task that comes next.
static uint64_t
s_hears_task (brd_peer_t *peer, uint16_t attempt)
{
    brd_frame_t frame;
    brd_wire_task_t task;
    assert_true (s_hear (peer, BRD_OP_TASKS, &frame));
    assert_int_equal (brd_frame_next_task (&frame, &task), 1);
    assert_true (task.fn == s_number (s_double) && task.attempt == attempt);
    assert_true (task.flags == 0 && task.kind == BRD_TASK_MESSAGE);
    assert_true (task.size == 1 && memcmp (task.body, "\x15", 1) == 0);
    const uint64_t seq = task.seq;
    assert_int_equal (brd_frame_next_task (&frame, &task), 0);
    peer->done (peer);
    return seq;
}

static void
s_end (brd_host_pool_t *pool)
{
    brd_host_pool_end (pool);
    brd_host_pool_free (&pool);
}

static void
s_test_hosts (void **state)
{
    (void) state;
    const brd_core_task_options_t again = { .retries = 1 };
    s_call_t a, b;
    brd_host_pool_t *pool = s_pool (0);
    brd_peer_t *one = s_host (pool, s_never_silent);
    s_submit (&a, pool, NULL);
    s_say_slots (one, 1, 0, "");
    const uint64_t seq = s_hears_task (one, 1);
    // What is old news, and what is not about it.
    s_say_note (one, BRD_OP_KEPT, &(brd_wire_note_t){ .seq = seq + 99 });
    s_say_result (one, &(brd_wire_result_t){ .seq = seq + 99 });
    s_say_result (
        one, &(brd_wire_result_t){ .seq = seq, .size = 1, .body = "\x2a" });
    s_await (&a);
    assert_true (a.end.error == 0 && a.text[0] == '\x2a');
    // It is gone: one may have run, the other is tried elsewhere.
    s_submit (&a, pool, NULL);
    (void) s_hears_task (one, 1);
    s_submit (&b, pool, &again);
    one->destroy (one);
    s_await (&a);
    assert_true (a.end.error == ECHILD && a.end.maybe);
    brd_peer_t *two = s_host (pool, s_never_silent);
    s_say_slots (two, 4, 0, "");
    brd_frame_t frame;
    brd_wire_task_t task;
    assert_true (s_hear (two, BRD_OP_TASKS, &frame));
    assert_int_equal (brd_frame_next_task (&frame, &task), 1);
    const uint64_t second = task.seq;
    two->done (two);
    s_say_result (
        two, &(brd_wire_result_t){ .seq = second, .size = 1, .body = "\x2a" });
    s_await (&b);
    assert_int_equal (b.end.error, 0);
    two->destroy (two);
    s_end (pool);
}

// A story's texts and numbers; a host that has nothing to do with it any more.
static void
s_test_stories (void **state)
{
    (void) state;
    brd_buf_t story;
    s_call_t a;
    brd_host_pool_t *pool = s_pool (0);
    brd_peer_t *one = s_host (pool, s_never_silent);
    s_say_slots (one, 1, 0, "");
    s_submit (&a, pool, NULL);
    uint64_t seq = s_hears_task (one, 1);
    const brd_wire_story_t died = {
        .error = ECHILD, .signal = 9, .pid = 77, .size = 2, .text = "no"
    };
    brd_buf_init (&story, BRD_WIRE_SIZE_MAX);
    assert_int_equal (brd_frame_put_story (&story, &died), 0);
    s_say_result (one,
                  &(brd_wire_result_t){ .seq = seq,
                                        .status = -1,
                                        .flags = BRD_RESULT_STORY,
                                        .size = (uint32_t) story.size,
                                        .body = story.bytes });
    s_await (&a);
    assert_true (a.end.error == ECHILD && a.end.signal == 9 && a.end.pid == 77);
    assert_false (a.end.maybe);
    assert_string_equal (a.text, "no");
    // Its pool has ended, and nobody there had the task: for somebody else.
    s_submit (&a, pool, NULL);
    seq = s_hears_task (one, 1);
    brd_peer_t *two = s_host (pool, s_never_silent);
    s_say_slots (two, 1, 0, "");
    const brd_wire_story_t closed = { .error = EPIPE };
    story.size = 0;
    assert_int_equal (brd_frame_put_story (&story, &closed), 0);
    s_say_slots (one, 0, EPIPE, "its workers only die");
    s_say_result (two, &(brd_wire_result_t){ .seq = seq });
    s_hears_end (one);
    s_await (&a);
    assert_true (a.end.error == ECHILD && a.end.maybe);
    s_submit (&a, pool, NULL);
    seq = s_hears_task (two, 1);
    s_say_result (two,
                  &(brd_wire_result_t){ .seq = seq,
                                        .status = -1,
                                        .flags = BRD_RESULT_STORY,
                                        .size = (uint32_t) story.size,
                                        .body = story.bytes });
    seq = s_hears_task (two, 1);
    s_say_result (
        two, &(brd_wire_result_t){ .seq = seq, .size = 1, .body = "\x2a" });
    s_await (&a);
    assert_int_equal (a.end.error, 0);
    brd_buf_fini (&story);
    one->destroy (one);
    two->destroy (two);
    s_end (pool);
}

static int
s_has_no_slots (void *pool)
{
    return brd_host_pool_slots (pool) == 0;
}

// A silent one gets nothing new, and keeps what it has.
static void
s_test_silent (void **state)
{
    (void) state;
    s_call_t a, b;
    s_is_silent = 0;
    brd_host_pool_t *pool = s_pool (0);
    brd_peer_t *one = s_host (pool, s_maybe_silent);
    s_say_slots (one, 2, 0, "");
    s_submit (&a, pool, NULL);
    const uint64_t seq = s_hears_task (one, 1);
    s_is_silent = 1;
    brd_host_ring (brd_runtime_host ());
    assert_true (t_eventually (s_has_no_slots, pool, 30));
    s_submit (&b, pool, NULL);
    s_say_result (
        one, &(brd_wire_result_t){ .seq = seq, .size = 1, .body = "\x2a" });
    s_await (&a);
    assert_int_equal (a.end.error, 0);
    const void *bytes;
    size_t size;
    assert_int_equal (one->recv (one, &bytes, &size), -1);
    assert_int_equal (errno, EAGAIN);
    s_is_silent = 0;
    brd_host_ring (brd_runtime_host ());
    const uint64_t second = s_hears_task (one, 1);
    s_say_result (
        one, &(brd_wire_result_t){ .seq = second, .size = 1, .body = "\x2a" });
    s_await (&b);
    assert_int_equal (b.end.error, 0);
    one->destroy (one);
    s_end (pool);
}

static void
s_test_nonsense_of_host (void **state)
{
    (void) state;
    static const struct {
        const char *bytes;
        size_t size;
    } nonsense[] = {
        { S_BYTES ("GET / HTTP/1.1\r\n") },
        { S_BYTES ("BRD1\1\0\0\0\0\0\0\0\0\0\0\0") },
        { S_BYTES ("BRD1\x10\0\0\0\0\0\0\0\0\0\0\0") },
        { S_BYTES ("BRD1\x0a\0\0\0\0\0\0\0\0\0\0\0") },
        { S_BYTES ("BRD1\x0c\0\0\0\1\0\0\0\0\0\0\0") },
        { NULL, BRD_RESULT_IN_ARENA },
        { NULL, BRD_RESULT_IN_PAGE },
        { NULL, BRD_RESULT_STORY },
        { NULL, 128 },
    };
    brd_host_pool_t *pool = s_pool (0);
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        s_call_t a;
        brd_peer_t *one = s_host (pool, s_never_silent);
        s_say_slots (one, 1, 0, "");
        s_submit (&a, pool, NULL);
        const brd_wire_result_t result = {
            .seq = s_hears_task (one, 1),
            .flags = (uint8_t) nonsense[i].size,
            .size = 16,
            .body = "\0\0\1\0\0\0\0\0\1\0\0\0\0\0\0",
        };
        if (nonsense[i].bytes)
            s_say_bytes (one, nonsense[i].bytes, nonsense[i].size);
        else
            s_say_result (one, &result);
        s_hears_end (one);
        s_await (&a);
        assert_true (a.end.error == ECHILD && a.end.maybe);
        one->destroy (one);
    }
    s_end (pool);
}

// Why the only host will not have it is why the pool is broken.
static void
s_test_only (void **state)
{
    (void) state;
    s_call_t a;
    brd_host_pool_t *pool = s_pool (1);
    s_submit (&a, pool, NULL);
    brd_peer_t *one = s_host (pool, s_never_silent);
    s_say_slots (one, 0, ENOSPC, "all is let");
    s_await (&a);
    assert_int_equal (a.end.error, EPIPE);
    assert_string_equal (a.text, "all is let");
    assert_int_equal (brd_host_pool_check (pool), -1);
    assert_int_equal (errno, EPIPE);
    one->destroy (one);
    s_end (pool);
    // And what is wrong with the initializer is said so.
    pool = s_pool (0);
    s_submit (&a, pool, NULL);
    one = s_host (pool, s_never_silent);
    s_say_slots (one, 0, ENOEXEC, "the initializer failed: no licence");
    s_await (&a);
    assert_int_equal (a.end.error, ENOEXEC);
    assert_string_equal (a.text, "the initializer failed: no licence");
    one->destroy (one);
    s_end (pool);
}

// --- What each is to open --------------------------------------------------

static void
s_test_describe (void **state)
{
    (void) state;
    brd_wire_open_t open;
    char name[BROOD_NAME_SIZE];
    brd_host_pool_options_t back;
    const brd_host_pool_options_t options = {
        .core = { .max_tasks = 7 },
        .setup = { .initializer = s_double,
                   .initargs = (void *) (uintptr_t) "\x2a",
                   .initargs_size = 1,
                   .max_age_ns = 5,
                   .max_memory = 6 },
        .name = "render",
        .nice = 3,
    };
    assert_int_equal (brd_host_pool_describe (&options, &open), 0);
    assert_true (open.initializer == s_number (s_double));
    assert_int_equal (brd_host_pool_undescribe (&open, name, &back), 0);
    assert_string_equal (back.name, "render");
    assert_true (back.setup.initializer == s_double && back.nice == 3);
    assert_true (back.setup.max_age_ns == 5 && back.setup.max_memory == 6);
    assert_true (back.core.max_tasks == 7 && back.setup.initargs_size == 1);
    assert_memory_equal (back.setup.initargs, "\x2a", 1);
    brd_mem_free (back.setup.initargs);
    open.initializer ^= UINT64_C (1) << 63;
    assert_int_equal (brd_host_pool_undescribe (&open, name, &back), -1);
    assert_int_equal (errno, EINVAL);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_served),
        cmocka_unit_test (s_test_guest_is_gone),
        cmocka_unit_test (s_test_refused),
        cmocka_unit_test (s_test_pool_ends),
        cmocka_unit_test (s_test_nonsense_of_guest),
        cmocka_unit_test (s_test_hosts),
        cmocka_unit_test (s_test_stories),
        cmocka_unit_test (s_test_silent),
        cmocka_unit_test (s_test_nonsense_of_host),
        cmocka_unit_test (s_test_only),
        cmocka_unit_test (s_test_describe),
    };
    t_watchdog (240);
    brood_init (&argc, &argv);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
