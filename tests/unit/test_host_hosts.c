// test_host_hosts.c - what a program below may say, byte by byte
//
// SPDX-License-Identifier: MPL-2.0
//
// Whatever it says, only what it had suffers: the pool it was in goes on.

#include "t_peer.h"

#include <fcntl.h>

#include "wire/brd_json.h"

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
    *self = (s_call_t){ .call = {
                            .core = { .pool = brd_host_pool_number (pool),
                                      .size_bytes = 1,
                                      .options = options },
                            .fn = t_number (t_double),
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
        .open = &t_wanted,
        .only = only,
        .remote = 1,
    };
    brd_host_pool_t *pool =
        brd_host_pool_open_hosts (brd_runtime_host (), &options);
    assert_non_null (pool);
    return pool;
}

static _Atomic int s_is_silent;

static int
s_maybe_silent (brd_peer_t *peer, int64_t now)
{
    (void) peer;
    (void) now;
    return s_is_silent;
}

static void
s_hears_open (brd_peer_t *peer)
{
    brd_frame_t frame;
    brd_wire_open_t open;
    assert_true (t_hear (peer, BRD_OP_OPEN, &frame));
    assert_int_equal (brd_frame_next_open (&frame, &open), 1);
    assert_true (open.name_size == 4 && memcmp (open.name, "pool", 4) == 0);
    peer->done (peer);
}

// The other end of a host of this pool, which was told what to open; *ret_above
// is the pool's.
static brd_peer_t *
s_host_at (brd_host_pool_t *pool,
           int (*silent) (brd_peer_t *peer, int64_t now),
           brd_peer_t **ret_above)
{
    brd_peer_t *peers[2];
    brd_host_t *host = brd_runtime_host ();
    t_pair (peers);
    if (silent)
        peers[0]->silent = silent;
    brd_host_lock (host);
    assert_int_equal (brd_host_pool_add_peer (pool, peers[0]), 0);
    brd_host_unlock (host);
    s_hears_open (peers[1]);
    *ret_above = peers[0];
    return peers[1];
}

// One that has a name, and so many slots.
static brd_peer_t *
s_host_called (brd_host_pool_t *pool, const char *name, uint32_t slots)
{
    brd_peer_t *peers[2];
    brd_host_t *host = brd_runtime_host ();
    t_pair (peers);
    brd_host_lock (host);
    assert_int_equal (brd_host_pool_add_host (pool, peers[0], name, 4711), 0);
    brd_host_unlock (host);
    s_hears_open (peers[1]);
    t_say_slots (peers[1], slots, 0, "");
    return peers[1];
}

static brd_peer_t *
s_host (brd_host_pool_t *pool, int (*silent) (brd_peer_t *peer, int64_t now))
{
    brd_peer_t *above;
    return s_host_at (pool, silent, &above);
}

// The seq of the only task that comes next.
static uint64_t
s_hears_task (brd_peer_t *peer, uint16_t attempt)
{
    brd_frame_t frame;
    brd_wire_task_t task;
    assert_true (t_hear (peer, BRD_OP_TASKS, &frame));
    assert_int_equal (brd_frame_next_task (&frame, &task), 1);
    assert_true (task.fn == t_number (t_double) && task.attempt == attempt);
    assert_true (task.flags == 0 && task.kind == BRD_TASK_MESSAGE);
    assert_true (task.size == 1 && memcmp (task.body, "\x15", 1) == 0);
    const uint64_t seq = task.seq;
    assert_int_equal (brd_frame_next_task (&frame, &task), 0);
    peer->done (peer);
    return seq;
}

// How many tasks have come by now and wait there; *ret_seq is of the last.
static int
s_hears_all (brd_peer_t *peer, uint64_t *ret_seq)
{
    brd_frame_t frame;
    brd_wire_task_t task;
    const void *bytes;
    size_t size;
    int count = 0;
    while (peer->recv (peer, &bytes, &size) == 0) {
        assert_int_equal (brd_frame_open (&frame, bytes, size), 0);
        while (frame.op == BRD_OP_TASKS
               && brd_frame_next_task (&frame, &task) == 1) {
            *ret_seq = task.seq;
            count++;
        }
        peer->done (peer);
    }
    return count;
}

static void
s_says_done (brd_peer_t *peer, uint64_t seq)
{
    t_say_result (
        peer, &(brd_wire_result_t){ .seq = seq, .size = 1, .body = "\x2a" });
}

static void
s_end (brd_host_pool_t *pool)
{
    brd_host_pool_end (pool);
    brd_host_pool_free (&pool);
}

static _Atomic int64_t s_rtt;

static int64_t
s_distance (const brd_peer_t *peer)
{
    (void) peer;
    return s_rtt;
}

enum {
    S_AHEAD = 150,
    S_TASK_NS = 1000000
};

typedef struct {
    brd_peer_t *host;
    int heard;
    int wanted;
} s_ahead_t;

static int
s_has_heard (void *arg)
{
    s_ahead_t *self = arg;
    uint64_t seq;
    self->heard += s_hears_all (self->host, &seq);
    return self->heard >= self->wanted;
}

// One slot, tasks of a millisecond: how many it gets while it answers none. It
// waits for so many, or, if they are not to come, a second.
static int
s_ahead (int64_t rtt, int64_t behind, int wanted, int seconds)
{
    static s_call_t calls[S_AHEAD];
    s_call_t first;
    brd_peer_t *above;
    brd_host_t *host = brd_runtime_host ();
    brd_host_pool_t *pool = s_pool (0);
    s_ahead_t ahead = { .host = s_host_at (pool, NULL, &above),
                        .wanted = wanted };
    s_rtt = rtt;
    brd_host_lock (host);
    above->rtt = s_distance;
    brd_host_unlock (host);
    t_say_note (ahead.host,
                BRD_OP_SLOTS,
                &(brd_wire_note_t){ .seq = (uint64_t) behind, .count = 1 });
    s_submit (&first, pool, NULL);
    t_say_result (ahead.host,
                  &(brd_wire_result_t){ .seq = s_hears_task (ahead.host, 1),
                                        .time_ns = S_TASK_NS });
    s_await (&first);
    for (int i = 0; i < S_AHEAD; i++)
        s_submit (&calls[i], pool, NULL);
    (void) t_eventually (s_has_heard, &ahead, seconds);
    ahead.host->destroy (ahead.host);
    s_end (pool);
    for (int i = 0; i < S_AHEAD; i++)
        s_await (&calls[i]);
    return ahead.heard;
}

// What it runs until more is there: a link's there and back, twice, as half of
// it is asked for anew when half is gone.
static void
s_test_distance (void **state)
{
    const int64_t ms = S_TASK_NS;
    (void) state;
    assert_in_range (s_ahead (0, 0, S_AHEAD, 1), 1, 10);
    assert_true (s_ahead (40 * ms, 0, 60, 60) >= 60);
    // Its own link is short, and what it has lies behind a long one.
    assert_true (s_ahead (0, 40 * ms, 60, 60) >= 60);
    assert_true (s_ahead (40 * ms, 40 * ms, 100, 60) >= 100);
    assert_true (s_ahead (40 * ms, INT64_MAX, 120, 60) >= 120);
}

static void
s_test_hosts (void **state)
{
    (void) state;
    const brd_core_task_options_t again = { .retries = 1 };
    s_call_t a, b;
    brd_host_pool_t *pool = s_pool (0);
    brd_peer_t *one = s_host (pool, NULL);
    s_submit (&a, pool, NULL);
    t_say_slots (one, 1, 0, "");
    const uint64_t seq = s_hears_task (one, 1);
    // What is old news, and what is not about it.
    t_say_note (one, BRD_OP_KEPT, &(brd_wire_note_t){ .seq = seq + 99 });
    t_say_result (one, &(brd_wire_result_t){ .seq = seq + 99 });
    s_says_done (one, seq);
    s_await (&a);
    assert_true (a.end.error == 0 && a.text[0] == '\x2a');
    // It is gone: one may have run, the other is tried elsewhere.
    s_submit (&a, pool, NULL);
    (void) s_hears_task (one, 1);
    s_submit (&b, pool, &again);
    one->destroy (one);
    s_await (&a);
    assert_true (a.end.error == ECHILD && a.end.maybe);
    brd_peer_t *two = s_host (pool, NULL);
    t_say_slots (two, 4, 0, "");
    brd_frame_t frame;
    brd_wire_task_t task;
    assert_true (t_hear (two, BRD_OP_TASKS, &frame));
    assert_int_equal (brd_frame_next_task (&frame, &task), 1);
    const uint64_t second = task.seq;
    two->done (two);
    s_says_done (two, second);
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
    brd_peer_t *one = s_host (pool, NULL);
    t_say_slots (one, 1, 0, "");
    s_submit (&a, pool, NULL);
    uint64_t seq = s_hears_task (one, 1);
    const brd_wire_story_t died = {
        .error = ECHILD, .signal = 9, .pid = 77, .size = 2, .text = "no"
    };
    brd_buf_init (&story, BRD_WIRE_SIZE_MAX);
    assert_int_equal (brd_frame_put_story (&story, &died), 0);
    t_say_result (one,
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
    brd_peer_t *two = s_host (pool, NULL);
    t_say_slots (two, 1, 0, "");
    const brd_wire_story_t closed = { .error = EPIPE };
    story.size = 0;
    assert_int_equal (brd_frame_put_story (&story, &closed), 0);
    t_say_slots (one, 0, EPIPE, "its workers only die");
    t_say_result (two, &(brd_wire_result_t){ .seq = seq });
    t_hears_end (one);
    s_await (&a);
    assert_true (a.end.error == ECHILD && a.end.maybe);
    s_submit (&a, pool, NULL);
    seq = s_hears_task (two, 1);
    t_say_result (two,
                  &(brd_wire_result_t){ .seq = seq,
                                        .status = -1,
                                        .flags = BRD_RESULT_STORY,
                                        .size = (uint32_t) story.size,
                                        .body = story.bytes });
    seq = s_hears_task (two, 1);
    s_says_done (two, seq);
    s_await (&a);
    assert_int_equal (a.end.error, 0);
    brd_buf_fini (&story);
    one->destroy (one);
    two->destroy (two);
    s_end (pool);
}

static int
s_has_slots (void *pool)
{
    return brd_host_pool_slots (pool) > 0;
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
    t_say_slots (one, 2, 0, "");
    s_submit (&a, pool, NULL);
    const uint64_t seq = s_hears_task (one, 1);
    s_is_silent = 1;
    brd_host_ring (brd_runtime_host ());
    assert_true (t_eventually (s_has_no_slots, pool, 30));
    s_submit (&b, pool, NULL);
    s_says_done (one, seq);
    s_await (&a);
    assert_int_equal (a.end.error, 0);
    const void *bytes;
    size_t size;
    assert_int_equal (one->recv (one, &bytes, &size), -1);
    assert_int_equal (errno, EAGAIN);
    s_is_silent = 0;
    brd_host_ring (brd_runtime_host ());
    const uint64_t second = s_hears_task (one, 1);
    s_says_done (one, second);
    s_await (&b);
    assert_int_equal (b.end.error, 0);
    one->destroy (one);
    s_end (pool);
}

// --- Drained ---------------------------------------------------------------

static int
s_drain (const char *name, int on)
{
    brd_host_lock (brd_runtime_host ());
    const int rc = brd_host_drain (brd_runtime_host (), name, on);
    const int error = errno;
    brd_host_unlock (brd_runtime_host ());
    errno = error;
    return rc;
}

// As JSON.
static const char *
s_reported (size_t size_max)
{
    static char text[65536];
    brd_buf_t value, json;
    brd_buf_init (&value, 65536);
    brd_buf_init (&json, sizeof text - 1);
    brd_host_lock (brd_runtime_host ());
    assert_int_equal (brd_host_report (brd_runtime_host (), &value, size_max),
                      0);
    brd_host_unlock (brd_runtime_host ());
    assert_int_equal (brd_json_write (&json, value.bytes, value.size), 0);
    snprintf (text, sizeof text, "%.*s", (int) json.size, (char *) json.bytes);
    brd_buf_fini (&value);
    brd_buf_fini (&json);
    return text;
}

static void
s_has (const char *text, const char *wanted)
{
    if (!strstr (text, wanted))
        fail_msg ("nothing of %s in %s", wanted, text);
}

// So many tasks, in however many messages.
static void
s_hears_tasks (brd_peer_t *peer, int count, uint64_t *ret_seqs)
{
    brd_frame_t frame;
    brd_wire_task_t task;
    for (int i = 0; i < count;) {
        assert_true (t_hear (peer, BRD_OP_TASKS, &frame));
        while (brd_frame_next_task (&frame, &task) == 1) {
            assert_true (i < count);
            assert_int_equal (task.attempt, 1);
            ret_seqs[i++] = task.seq;
        }
        peer->done (peer);
    }
}

// All four are asked back, once; two have started.
static void
s_gives_back (brd_peer_t *peer, const uint64_t *seqs)
{
    brd_frame_t frame;
    brd_wire_note_t note;
    assert_true (t_hear (peer, BRD_OP_RECLAIM, &frame));
    for (int i = 0; i < 4; i++) {
        assert_int_equal (brd_frame_next_note (&frame, &note), 1);
        assert_true (note.seq == seqs[i]);
    }
    assert_int_equal (brd_frame_next_note (&frame, &note), 0);
    peer->done (peer);
    for (int i = 0; i < 4; i++)
        t_say_note (peer,
                    i < 2 ? BRD_OP_KEPT : BRD_OP_RECLAIMED,
                    &(brd_wire_note_t){ .seq = seqs[i] });
}

static int
s_has_eight_slots (void *pool)
{
    return brd_host_pool_slots (pool) == 8;
}

// What it has started it keeps, and says so; all else is somebody else's.
static void
s_test_drain (void **state)
{
    (void) state;
    s_call_t calls[5];
    uint64_t seqs[4], other[2];
    brd_host_pool_t *pool = s_pool (0);
    brd_peer_t *one = s_host_called (pool, "alpha", 2);
    assert_true (t_eventually (s_has_slots, pool, 30));
    for (int i = 0; i < 4; i++)
        s_submit (&calls[i], pool, NULL);
    s_hears_tasks (one, 4, seqs);
    s_has (s_reported (4096),
           "\"name\": \"alpha\", \"pid\": 4711, \"slots\": 2, \"waiting\": 2, "
           "\"running\": 2, \"state\": \"up\"");
    assert_int_equal (s_drain ("alp", 1), -1);
    assert_int_equal (errno, ENOENT);
    assert_int_equal (s_drain ("", 1), -1);
    assert_int_equal (s_drain ("alpha", 1), 0);
    assert_int_equal (s_drain ("alpha", 1), 0);
    assert_int_equal (brd_host_pool_slots (pool), 0);
    s_has (s_reported (4096), "\"state\": \"draining\"");
    s_gives_back (one, seqs);
    brd_peer_t *two = s_host_called (pool, "beta", 2);
    s_hears_tasks (two, 2, other);
    for (int i = 0; i < 2; i++) {
        s_says_done (one, seqs[i]);
        s_says_done (two, other[i]);
    }
    for (int i = 0; i < 4; i++) {
        s_await (&calls[i]);
        assert_int_equal (calls[i].end.error, 0);
    }
    // Nothing new; nor for another of its name.
    brd_peer_t *again = s_host_called (pool, "alpha", 8);
    s_submit (&calls[4], pool, NULL);
    s_says_done (two, s_hears_task (two, 1));
    s_await (&calls[4]);
    const void *bytes;
    size_t size;
    assert_int_equal (one->recv (one, &bytes, &size), -1);
    assert_int_equal (again->recv (again, &bytes, &size), -1);
    assert_int_equal (errno, EAGAIN);
    two->destroy (two);
    assert_true (t_eventually (s_has_no_slots, pool, 30));
    // Both are back, the one that had not joined too.
    assert_int_equal (s_drain ("alpha", 0), 0);
    assert_int_equal (s_drain ("alpha", 0), 0);
    assert_int_equal (brd_host_pool_slots (pool), 10);
    one->destroy (one);
    assert_true (t_eventually (s_has_eight_slots, pool, 30));
    assert_int_equal (s_drain ("alpha", 1), 0);
    s_submit (&calls[4], pool, NULL);
    assert_int_equal (s_drain ("alpha", 0), 0);
    s_says_done (again, s_hears_task (again, 1));
    s_await (&calls[4]);
    assert_int_equal (calls[4].end.error, 0);
    again->destroy (again);
    s_end (pool);
    assert_int_equal (s_drain ("alpha", 0), -1);
    assert_int_equal (errno, ENOENT);
}

// A list that does not fit is cut, and says so.
static void
s_test_report (void **state)
{
    (void) state;
    brd_peer_t *hosts[8];
    brd_buf_t none;
    brd_host_pool_t *pool = s_pool (0);
    for (int i = 0; i < 8; i++)
        hosts[i] = s_host_called (pool, "gamma", 1);
    s_has (s_reported (1 << 16), "\"left_out\": 0");
    s_has (s_reported (400), "\"left_out\": ");
    assert_null (strstr (s_reported (400), "\"left_out\": 0"));
    s_has (s_reported (0), "\"workers\": [], \"left_out\": 8");
    brd_buf_init (&none, 64);
    brd_host_lock (brd_runtime_host ());
    assert_int_equal (brd_host_report (brd_runtime_host (), &none, 4096), -1);
    brd_host_unlock (brd_runtime_host ());
    assert_int_equal (none.size, 0);
    brd_buf_fini (&none);
    for (int i = 0; i < 8; i++)
        hosts[i]->destroy (hosts[i]);
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
        { T_BYTES ("GET / HTTP/1.1\r\n") },
        { T_BYTES ("BRD1\1\0\0\0\0\0\0\0\0\0\0\0") },
        { T_BYTES ("BRD1\x10\0\0\0\0\0\0\0\0\0\0\0") },
        { T_BYTES ("BRD1\x0a\0\0\0\0\0\0\0\0\0\0\0") },
        { T_BYTES ("BRD1\x0c\0\0\0\1\0\0\0\0\0\0\0") },
        { NULL, BRD_RESULT_IN_ARENA },
        { NULL, BRD_RESULT_IN_PAGE },
        { NULL, BRD_RESULT_STORY },
        { NULL, 128 },
    };
    brd_host_pool_t *pool = s_pool (0);
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        s_call_t a;
        brd_peer_t *one = s_host (pool, NULL);
        t_say_slots (one, 1, 0, "");
        s_submit (&a, pool, NULL);
        const brd_wire_result_t result = {
            .seq = s_hears_task (one, 1),
            .flags = (uint8_t) nonsense[i].size,
            .size = 16,
            .body = "\0\0\1\0\0\0\0\0\1\0\0\0\0\0\0",
        };
        if (nonsense[i].bytes)
            t_say_bytes (one, nonsense[i].bytes, nonsense[i].size);
        else
            t_say_result (one, &result);
        t_hears_end (one);
        s_await (&a);
        assert_true (a.end.error == ECHILD && a.end.maybe);
        one->destroy (one);
    }
    s_end (pool);
}

static int
s_send_nothing (brd_peer_t *peer, brd_buf_t *out)
{
    (void) peer;
    (void) out;
    errno = EPIPE;
    return -1;
}

// What could not be sent was not started: it goes elsewhere, as if it had not
// been tried.
static void
s_test_unsent (void **state)
{
    (void) state;
    s_call_t calls[3];
    brd_peer_t *above;
    brd_host_pool_t *pool = s_pool (0);
    brd_peer_t *one = s_host_at (pool, NULL, &above);
    t_say_slots (one, 3, 0, "");
    assert_true (t_eventually (s_has_slots, pool, 30));
    brd_host_lock (brd_runtime_host ());
    above->send = s_send_nothing;
    brd_host_unlock (brd_runtime_host ());
    for (int i = 0; i < 3; i++)
        s_submit (&calls[i], pool, NULL);
    t_hears_end (one);
    brd_peer_t *two = s_host (pool, NULL);
    t_say_slots (two, 3, 0, "");
    for (int i = 0; i < 3;) {
        brd_frame_t frame;
        brd_wire_task_t task;
        assert_true (t_hear (two, BRD_OP_TASKS, &frame));
        for (; brd_frame_next_task (&frame, &task) == 1; i++) {
            assert_int_equal (task.attempt, 1);
            t_say_result (two,
                          &(brd_wire_result_t){
                              .seq = task.seq, .size = 1, .body = "\x2a" });
        }
        two->done (two);
    }
    for (int i = 0; i < 3; i++) {
        s_await (&calls[i]);
        assert_int_equal (calls[i].end.error, 0);
    }
    one->destroy (one);
    two->destroy (two);
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
    brd_peer_t *one = s_host (pool, NULL);
    t_say_slots (one, 0, ENOSPC, "all is let");
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
    one = s_host (pool, NULL);
    t_say_slots (one, 0, ENOEXEC, "the initializer failed: no licence");
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
        .setup = { .initializer = t_double,
                   .initargs = (void *) (uintptr_t) "\x2a",
                   .initargs_size = 1,
                   .max_age_ns = 5,
                   .max_memory = 6 },
        .name = "render",
        .nice = 3,
    };
    assert_int_equal (brd_host_pool_describe (&options, &open), 0);
    assert_true (open.initializer == t_number (t_double));
    assert_int_equal (brd_host_pool_undescribe (&open, name, &back), 0);
    assert_string_equal (back.name, "render");
    assert_true (back.setup.initializer == t_double && back.nice == 3);
    assert_true (back.setup.max_age_ns == 5 && back.setup.max_memory == 6);
    assert_true (back.core.max_tasks == 7 && back.setup.initargs_size == 1);
    assert_memory_equal (back.setup.initargs, "\x2a", 1);
    brd_mem_free (back.setup.initargs);
    open.initializer ^= UINT64_C (1) << 63;
    assert_int_equal (brd_host_pool_undescribe (&open, name, &back), -1);
    assert_int_equal (errno, EINVAL);
}

// --- Sources, and who sleeps ----------------------------------------------

typedef struct {
    brd_host_source_t source;  // First
    _Atomic int read;          // Bytes
    _Atomic int late;          // Turns when it was due by the clock
    int64_t at;
} s_source_t;

static void
s_source_turn (brd_host_source_t *source, int64_t now)
{
    s_source_t *self = (s_source_t *) (void *) source;
    char byte;
    while (read (source->fd, &byte, 1) == 1)
        self->read++;
    if (now >= self->at) {
        self->late++;
        self->at = BRD_NEVER;
    }
}

static int64_t
s_source_due (brd_host_source_t *source, int64_t now)
{
    (void) now;
    return ((s_source_t *) (void *) source)->at;
}

static int
s_has_read_two (void *arg)
{
    return ((s_source_t *) arg)->read == 2;
}

static int
s_was_late (void *arg)
{
    return ((s_source_t *) arg)->late == 1;
}

static void
s_source_begin (s_source_t *self, int fds[2])
{
    assert_int_equal (pipe2 (fds, O_CLOEXEC | O_NONBLOCK), 0);
    *self = (s_source_t){
        .source = { .fd = fds[0], .turn = s_source_turn, .due = s_source_due },
        .at = BRD_NEVER,
    };
    brd_host_lock (brd_runtime_host ());
    assert_int_equal (brd_host_source_add (brd_runtime_host (), &self->source),
                      0);
    brd_host_unlock (brd_runtime_host ());
}

static void
s_source_end (s_source_t *self, const int fds[2])
{
    brd_host_lock (brd_runtime_host ());
    brd_host_source_remove (brd_runtime_host (), &self->source);
    brd_host_unlock (brd_runtime_host ());
    close (fds[0]);
    close (fds[1]);
}

// Nobody waits: the keeper looks after it.
static void
s_test_source (void **state)
{
    (void) state;
    int fds[2];
    s_source_t self;
    s_source_begin (&self, fds);
    assert_int_equal (write (fds[1], "ab", 2), 2);
    assert_true (t_eventually (s_has_read_two, &self, 30));
    brd_host_lock (brd_runtime_host ());
    self.at = brd_clock_deadline (20);
    brd_host_unlock (brd_runtime_host ());
    brd_host_ring (brd_runtime_host ());
    assert_true (t_eventually (s_was_late, &self, 30));
    s_source_end (&self, fds);
}

// A loop of the program's own; the last test, as nobody else drives from here
// on.
static void
s_test_foreign (void **state)
{
    (void) state;
    int fds[2];
    s_call_t a;
    s_source_t self;
    brd_host_t *host = brd_runtime_host ();
    brd_host_pool_t *pool = s_pool (0);
    brd_peer_t *one = s_host (pool, NULL);
    s_submit (&a, pool, NULL);
    s_source_begin (&self, fds);
    struct pollfd fd = { .fd = brd_host_fd (host), .events = POLLIN };
    assert_true (fd.fd >= 0);
    t_say_slots (one, 1, 0, "");
    assert_int_equal (write (fds[1], "ab", 2), 2);
    brd_frame_t frame;
    brd_wire_task_t task;
    const void *bytes;
    size_t size;
    while (one->recv (one, &bytes, &size) < 0) {
        assert_int_equal (poll (&fd, 1, 30000), 1);
        assert_true (brd_host_dispatch (host, 0) >= 0);
    }
    assert_int_equal (brd_frame_open (&frame, bytes, size), 0);
    assert_int_equal (brd_frame_next_task (&frame, &task), 1);
    const brd_wire_result_t result = { .seq = task.seq,
                                       .size = 1,
                                       .body = "\x2a" };
    one->done (one);
    t_say_result (one, &result);
    self.at = brd_clock_deadline (20);
    while (!a.ended || !self.late) {
        assert_int_equal (poll (&fd, 1, 30000), 1);
        assert_true (brd_host_dispatch (host, 0) >= 0);
    }
    assert_int_equal (a.end.error, 0);
    assert_int_equal (self.read, 2);
    s_source_end (&self, fds);
    one->destroy (one);
    s_end (pool);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_hosts),
        cmocka_unit_test (s_test_stories),
        cmocka_unit_test (s_test_distance),
        cmocka_unit_test (s_test_silent),
        cmocka_unit_test (s_test_drain),
        cmocka_unit_test (s_test_report),
        cmocka_unit_test (s_test_unsent),
        cmocka_unit_test (s_test_nonsense_of_host),
        cmocka_unit_test (s_test_only),
        cmocka_unit_test (s_test_describe),
        cmocka_unit_test (s_test_source),
        cmocka_unit_test (s_test_foreign),
    };
    t_watchdog (240);
    brood_init (&argc, &argv);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
