// test_host_hosts.c - what a program below may say, byte by byte
//
// SPDX-License-Identifier: MPL-2.0
//
// Whatever it says, only what it had suffers: the pool it was in goes on.

#include "t_hosts.h"

#include <fcntl.h>

// --- Below a pool of ours --------------------------------------------------

static _Atomic int s_is_silent;

static int
s_maybe_silent (brd_peer_t *peer, int64_t now)
{
    (void) peer;
    (void) now;
    return s_is_silent;
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

static _Atomic int64_t s_rtt;

static int64_t
s_distance (const brd_peer_t *peer)
{
    (void) peer;
    return s_rtt;
}

enum {
    S_AHEAD = 150,
    S_TRIES = 20,
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
s_ahead (int64_t rtt, int64_t behind, int wanted)
{
    static t_call_t calls[S_AHEAD];
    t_call_t first;
    brd_peer_t *above;
    brd_host_t *host = brd_runtime_host ();
    brd_host_pool_t *pool = t_hosts_pool (0);
    s_ahead_t ahead = { .host = t_hosts_at (pool, NULL, &above),
                        .wanted = wanted };
    s_rtt = rtt;
    brd_host_lock (host);
    above->rtt = s_distance;
    brd_host_unlock (host);
    t_say_note (ahead.host,
                BRD_OP_SLOTS,
                &(brd_wire_note_t){ .seq = (uint64_t) behind, .count = 1 });
    t_call_submit (&first, pool, NULL);
    t_say_result (
        ahead.host,
        &(brd_wire_result_t){ .seq = t_hosts_hears_task (ahead.host, 1),
                              .time_ns = S_TASK_NS });
    t_call_await (&first);
    for (int i = 0; i < S_AHEAD; i++)
        t_call_submit (&calls[i], pool, NULL);
    (void) t_eventually (s_has_heard, &ahead, 1);
    ahead.host->destroy (ahead.host);
    t_hosts_end (pool);
    for (int i = 0; i < S_AHEAD; i++)
        t_call_await (&calls[i]);
    return ahead.heard;
}

// On a machine that is busy with other things a task may seem to take long, and
// then nothing is to wait behind it.
static void
s_gets_ahead (int64_t rtt, int64_t behind, int wanted)
{
    int tries = 0;
    while (s_ahead (rtt, behind, wanted) < wanted)
        assert_true (++tries < S_TRIES);
}

// What it runs until more is there: a link's there and back, twice, as half of
// it is asked for anew when half is gone.
static void
s_test_distance (void **state)
{
    const int64_t ms = S_TASK_NS;
    (void) state;
    assert_in_range (s_ahead (0, 0, S_AHEAD), 1, 10);
    s_gets_ahead (40 * ms, 0, 60);
    // Its own link is short, and what it has lies behind a long one.
    s_gets_ahead (0, 40 * ms, 60);
    s_gets_ahead (40 * ms, 40 * ms, 100);
    s_gets_ahead (40 * ms, INT64_MAX, 120);
}

static void
s_test_hosts (void **state)
{
    (void) state;
    const brd_core_task_options_t again = { .retries = 1 };
    t_call_t a, b;
    brd_host_pool_t *pool = t_hosts_pool (0);
    brd_peer_t *one = t_hosts_one (pool, NULL);
    t_call_submit (&a, pool, NULL);
    t_say_slots (one, 1, 0, "");
    const uint64_t seq = t_hosts_hears_task (one, 1);
    // What is old news, and what is not about it.
    t_say_note (one, BRD_OP_KEPT, &(brd_wire_note_t){ .seq = seq + 99 });
    t_say_result (one, &(brd_wire_result_t){ .seq = seq + 99 });
    t_hosts_says_done (one, seq);
    t_call_await (&a);
    assert_true (a.end.error == 0 && a.text[0] == '\x2a');
    // It is gone: one may have run, the other is tried elsewhere.
    t_call_submit (&a, pool, NULL);
    (void) t_hosts_hears_task (one, 1);
    t_call_submit (&b, pool, &again);
    one->destroy (one);
    t_call_await (&a);
    assert_true (a.end.error == ECHILD && a.end.maybe);
    brd_peer_t *two = t_hosts_one (pool, NULL);
    t_say_slots (two, 4, 0, "");
    brd_frame_t frame;
    brd_wire_task_t task;
    assert_true (t_hear (two, BRD_OP_TASKS, &frame));
    assert_int_equal (brd_frame_next_task (&frame, &task), 1);
    const uint64_t second = task.seq;
    two->done (two);
    t_hosts_says_done (two, second);
    t_call_await (&b);
    assert_int_equal (b.end.error, 0);
    two->destroy (two);
    t_hosts_end (pool);
}

static int
s_has_three (void *pool)
{
    return brd_host_pool_slots (pool) == 3;
}

// The one to leave finishes what it has, and gets nothing new.
static void
s_test_spare (void **state)
{
    (void) state;
    t_call_t calls[3];
    brd_host_t *host = brd_runtime_host ();
    brd_host_pool_t *pool = t_hosts_pool (0);
    brd_peer_t *one = t_hosts_one (pool, NULL);
    t_say_slots (one, 1, 0, "");
    t_call_submit (&calls[0], pool, NULL);
    const uint64_t first = t_hosts_hears_task (one, 1);
    brd_host_lock (host);
    assert_int_equal (brd_host_pool_spare (pool), -1);
    brd_host_unlock (host);
    brd_peer_t *two = t_hosts_one (pool, NULL);
    t_say_slots (two, 2, 0, "");
    // Until then one would be given more than it can run.
    assert_true (t_eventually (s_has_three, pool, 60));
    for (int i = 1; i < 3; i++) {
        brd_frame_t frame;
        brd_wire_task_t task;
        t_call_submit (&calls[i], pool, NULL);
        assert_true (t_hear (two, BRD_OP_TASKS, &frame));
        assert_int_equal (brd_frame_next_task (&frame, &task), 1);
        const uint64_t seq = task.seq;
        two->done (two);
        if (i == 1)
            t_hosts_says_done (two, seq);
        else {
            // Each has one; the older is chosen.
            brd_host_lock (host);
            assert_int_equal (brd_host_pool_spare (pool), 0);
            assert_int_equal (brd_host_pool_spare (pool), -1);
            assert_int_equal (brd_host_pool_hosts (pool), 2);
            brd_host_unlock (host);
            t_hosts_says_done (two, seq);
        }
        t_call_await (&calls[i]);
    }
    t_hosts_says_done (one, first);
    t_call_await (&calls[0]);
    assert_int_equal (calls[0].end.error, 0);
    t_hears (one, BRD_OP_STOP);
    one->destroy (one);
    two->destroy (two);
    t_hosts_end (pool);
}

// A story's texts and numbers; a host that has nothing to do with it any more.
static void
s_test_stories (void **state)
{
    (void) state;
    brd_buf_t story;
    t_call_t a;
    brd_host_pool_t *pool = t_hosts_pool (0);
    brd_peer_t *one = t_hosts_one (pool, NULL);
    t_say_slots (one, 1, 0, "");
    t_call_submit (&a, pool, NULL);
    uint64_t seq = t_hosts_hears_task (one, 1);
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
    t_call_await (&a);
    assert_true (a.end.error == ECHILD && a.end.signal == 9 && a.end.pid == 77);
    assert_false (a.end.maybe);
    assert_string_equal (a.text, "no");
    // Its pool has ended, and nobody there had the task: for somebody else.
    t_call_submit (&a, pool, NULL);
    seq = t_hosts_hears_task (one, 1);
    brd_peer_t *two = t_hosts_one (pool, NULL);
    t_say_slots (two, 1, 0, "");
    const brd_wire_story_t closed = { .error = EPIPE };
    story.size = 0;
    assert_int_equal (brd_frame_put_story (&story, &closed), 0);
    t_say_slots (one, 0, EPIPE, "its workers only die");
    t_say_result (two, &(brd_wire_result_t){ .seq = seq });
    t_hears_end (one);
    t_call_await (&a);
    assert_true (a.end.error == ECHILD && a.end.maybe);
    t_call_submit (&a, pool, NULL);
    seq = t_hosts_hears_task (two, 1);
    t_say_result (two,
                  &(brd_wire_result_t){ .seq = seq,
                                        .status = -1,
                                        .flags = BRD_RESULT_STORY,
                                        .size = (uint32_t) story.size,
                                        .body = story.bytes });
    seq = t_hosts_hears_task (two, 1);
    t_hosts_says_done (two, seq);
    t_call_await (&a);
    assert_int_equal (a.end.error, 0);
    brd_buf_fini (&story);
    one->destroy (one);
    two->destroy (two);
    t_hosts_end (pool);
}

// A silent one gets nothing new, and keeps what it has.
static void
s_test_silent (void **state)
{
    (void) state;
    t_call_t a, b;
    s_is_silent = 0;
    brd_host_pool_t *pool = t_hosts_pool (0);
    brd_peer_t *one = t_hosts_one (pool, s_maybe_silent);
    t_say_slots (one, 2, 0, "");
    t_call_submit (&a, pool, NULL);
    const uint64_t seq = t_hosts_hears_task (one, 1);
    s_is_silent = 1;
    brd_host_ring (brd_runtime_host ());
    assert_true (t_eventually (t_hosts_has_none, pool, 30));
    t_call_submit (&b, pool, NULL);
    t_hosts_says_done (one, seq);
    t_call_await (&a);
    assert_int_equal (a.end.error, 0);
    const void *bytes;
    size_t size;
    assert_int_equal (one->recv (one, &bytes, &size), -1);
    assert_int_equal (errno, EAGAIN);
    s_is_silent = 0;
    brd_host_ring (brd_runtime_host ());
    const uint64_t second = t_hosts_hears_task (one, 1);
    t_hosts_says_done (one, second);
    t_call_await (&b);
    assert_int_equal (b.end.error, 0);
    one->destroy (one);
    t_hosts_end (pool);
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
    brd_host_pool_t *pool = t_hosts_pool (0);
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        t_call_t a;
        brd_peer_t *one = t_hosts_one (pool, NULL);
        t_say_slots (one, 1, 0, "");
        t_call_submit (&a, pool, NULL);
        const brd_wire_result_t result = {
            .seq = t_hosts_hears_task (one, 1),
            .flags = (uint8_t) nonsense[i].size,
            .size = 16,
            .body = "\0\0\1\0\0\0\0\0\1\0\0\0\0\0\0",
        };
        if (nonsense[i].bytes)
            t_say_bytes (one, nonsense[i].bytes, nonsense[i].size);
        else
            t_say_result (one, &result);
        t_hears_end (one);
        t_call_await (&a);
        assert_true (a.end.error == ECHILD && a.end.maybe);
        one->destroy (one);
    }
    t_hosts_end (pool);
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
    t_call_t calls[3];
    brd_peer_t *above;
    brd_host_pool_t *pool = t_hosts_pool (0);
    brd_peer_t *one = t_hosts_at (pool, NULL, &above);
    t_say_slots (one, 3, 0, "");
    assert_true (t_eventually (t_hosts_has_slots, pool, 30));
    brd_host_lock (brd_runtime_host ());
    above->send = s_send_nothing;
    brd_host_unlock (brd_runtime_host ());
    for (int i = 0; i < 3; i++)
        t_call_submit (&calls[i], pool, NULL);
    t_hears_end (one);
    brd_peer_t *two = t_hosts_one (pool, NULL);
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
        t_call_await (&calls[i]);
        assert_int_equal (calls[i].end.error, 0);
    }
    one->destroy (one);
    two->destroy (two);
    t_hosts_end (pool);
}

// Why the only host will not have it is why the pool is broken.
static void
s_test_only (void **state)
{
    (void) state;
    t_call_t a;
    brd_host_pool_t *pool = t_hosts_pool (1);
    t_call_submit (&a, pool, NULL);
    brd_peer_t *one = t_hosts_one (pool, NULL);
    t_say_slots (one, 0, ENOSPC, "all is let");
    t_call_await (&a);
    assert_int_equal (a.end.error, EPIPE);
    assert_string_equal (a.text, "all is let");
    assert_int_equal (brd_host_pool_check (pool), -1);
    assert_int_equal (errno, EPIPE);
    one->destroy (one);
    t_hosts_end (pool);
    // And what is wrong with the initializer is said so.
    pool = t_hosts_pool (0);
    t_call_submit (&a, pool, NULL);
    one = t_hosts_one (pool, NULL);
    t_say_slots (one, 0, ENOEXEC, "the initializer failed: no licence");
    t_call_await (&a);
    assert_int_equal (a.end.error, ENOEXEC);
    assert_string_equal (a.text, "the initializer failed: no licence");
    one->destroy (one);
    t_hosts_end (pool);
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
    t_call_t a;
    s_source_t self;
    brd_host_t *host = brd_runtime_host ();
    brd_host_pool_t *pool = t_hosts_pool (0);
    brd_peer_t *one = t_hosts_one (pool, NULL);
    t_call_submit (&a, pool, NULL);
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
    t_hosts_end (pool);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_hosts),
        cmocka_unit_test (s_test_spare),
        cmocka_unit_test (s_test_stories),
        cmocka_unit_test (s_test_distance),
        cmocka_unit_test (s_test_silent),
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
