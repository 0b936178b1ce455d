// test_host_serve.c - what a program above may say, byte by byte
//
// SPDX-License-Identifier: MPL-2.0
//
// Whatever it says, only it suffers: the pool it works with stays.

#include "t_peer.h"

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
    t_pair (peers);
    *self = (s_served_t){ .peer = peers[0], .pool = pool };
    assert_int_equal (pthread_create (&self->thread, NULL, s_serve, self), 0);
    return peers[1];
}

static void
s_served (s_served_t *self)
{
    assert_int_equal (pthread_join (self->thread, NULL), 0);
}

static brd_peer_t *
s_guest_with_pool (s_served_t *self, brood_pool_t *pool)
{
    char text[256];
    brd_peer_t *peer = s_guest (self, pool);
    t_say_open (peer, &t_wanted);
    const brd_wire_note_t slots = t_hears_note (peer, BRD_OP_SLOTS, text);
    assert_int_equal (slots.count, 2);
    return peer;
}

static void
s_hears_42 (brd_peer_t *peer, uint64_t seq)
{
    brd_frame_t frame;
    brd_wire_result_t result;
    assert_true (t_hear (peer, BRD_OP_RESULTS, &frame));
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
        .fn = t_number (t_double),
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
    t_say_task (peer, &task);
    s_hears_42 (peer, 1);
    // A function that is not here fails its own task.
    task.seq = 2;
    task.fn ^= UINT64_C (1) << 63;
    t_say_task (peer, &task);
    assert_true (t_hear (peer, BRD_OP_RESULTS, &frame));
    assert_int_equal (brd_frame_next_result (&frame, &result), 1);
    assert_true (result.seq == 2 && result.flags == BRD_RESULT_STORY);
    assert_int_equal (brd_frame_get_story (result.body, result.size, &story),
                      0);
    assert_true (story.error == EIO && story.size > 0);
    peer->done (peer);
    // Two hang; what is behind them is given back, and what has begun is not.
    for (task.seq = 3; task.seq < 7; task.seq++) {
        task.fn = t_number (task.seq < 5 ? t_hang : t_double);
        t_say_task (peer, &task);
        if (task.seq < 5)
            t_hears (peer, BRD_OP_EMIT);
    }
    char text[256];
    for (uint64_t seq = 6; seq > 2; seq--) {
        const brd_op_t op = seq > 4 ? BRD_OP_RECLAIMED : BRD_OP_KEPT;
        t_say_note (peer, BRD_OP_RECLAIM, &(brd_wire_note_t){ .seq = seq });
        assert_true (t_hears_note (peer, op, text).seq == seq);
    }
    // It leaves: what hangs is killed, and then it is told good-bye.
    t_say_bytes (peer, "BRD1\x8\0\0\0\0\0\0\0\0\0\0\0", 16);
    t_hears (peer, BRD_OP_RETIRE);
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
    t_say_open (peer, &t_wanted);
    peer->destroy (peer);
    s_served (&served);
    peer = s_guest_with_pool (&served, pool);
    brd_wire_task_t task = s_twice_21 (1);
    task.fn = t_number (t_hang);
    t_say_task (peer, &task);
    t_hears (peer, BRD_OP_EMIT);
    peer->destroy (peer);
    s_served (&served);
    peer = s_guest_with_pool (&served, pool);
    task = s_twice_21 (1);
    t_say_task (peer, &task);
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
    t_say_open (peer, &t_wanted);
    const brd_wire_note_t note = t_hears_note (peer, BRD_OP_SLOTS, text);
    assert_true (note.count == 0 && note.seq == ENOSPC);
    assert_string_equal (text, "all is let");
    t_hears_end (peer);
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
    task.fn = t_number (t_hang);
    t_say_task (peer, &task);
    t_hears (peer, BRD_OP_EMIT);
    brood_pool_destroy (&pool);
    t_hears (peer, BRD_OP_RETIRE);
    peer->destroy (peer);
    s_served (&served);
}

typedef struct {
    const char *name;
    const char *bytes;  // NULL: the task, changed
    size_t size;
    brd_wire_task_t task;
} s_nonsense_t;

static const s_nonsense_t s_nonsense[] = {
    { .name = "no frame", T_BYTES ("GET / HTTP/1.1\r\n") },
    { .name = "cut short", T_BYTES ("BRD1\1\0\0\0\1\0\0\0\0\0\0\0abcdefgh") },
    { .name = "a host's", T_BYTES ("BRD1\2\0\0\0\0\0\0\0\0\0\0\0") },
    { .name = "nothing to open", T_BYTES ("BRD1\x10\0\0\0\0\0\0\0\0\0\0\0") },
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
        task.fn = t_number (t_hang);
        t_say_task (peer, &task);
        t_hears (peer, BRD_OP_EMIT);
        task = nonsense->task;
        task.fn = t_number (t_double);
        task.seq = 2;
        task.size = 1;
        task.body = "\x15";
        if (nonsense->bytes)
            t_say_bytes (peer, nonsense->bytes, nonsense->size);
        else
            t_say_task (peer, &task);
        brd_frame_t frame;
        if (!t_hear (peer, BRD_OP_RETIRE, &frame))
            fail_msg ("%s is taken", nonsense->name);
        peer->done (peer);
        peer->destroy (peer);
        s_served (&served);
    }
    // A pool is opened once.
    brd_peer_t *peer = s_guest_with_pool (&served, pool);
    t_say_open (peer, &t_wanted);
    t_hears_end (peer);
    peer->destroy (peer);
    s_served (&served);
    assert_int_equal (served.asked, 1);
}

// --- A broker --------------------------------------------------------------

static _Atomic int64_t s_rtt;

static int64_t
s_distance (const brd_peer_t *peer)
{
    (void) peer;
    return s_rtt;
}

static void
s_with_host (brd_host_pool_t *pool, brd_peer_t *ret_peers[2])
{
    brd_host_t *host = brd_runtime_host ();
    t_pair (ret_peers);
    ret_peers[0]->rtt = s_distance;
    brd_host_lock (host);
    assert_int_equal (brd_host_pool_add_peer (pool, ret_peers[0]), 0);
    brd_host_unlock (host);
    t_hears (ret_peers[1], BRD_OP_OPEN);
    t_say_slots (ret_peers[1], 1, 0, "");
}

// Its guest hears of slots as hosts come and go. What none of them has goes
// back; what it passes on it does not look into.
static void
s_test_broker (void **state)
{
    (void) state;
    enum {
        NUMBER = 0x1234  // Of no function here
    };
    char text[256];
    brd_frame_t frame;
    brd_wire_task_t task = { .seq = 7, .fn = NUMBER, .attempt = 3, .size = 1 };
    brd_wire_result_t result;
    brd_wire_story_t story;
    brd_peer_t *above[2], *below[2];
    brd_host_t *host = brd_runtime_host ();
    const brd_host_hosts_options_t options = { .name = "broker",
                                               .open = &t_wanted,
                                               .remote = 1 };
    brd_host_pool_t *pool = brd_host_pool_open_hosts (host, &options);
    assert_non_null (pool);
    t_pair (above);
    brd_host_lock (host);
    assert_int_equal (brd_host_guest_add (host, pool, above[0]), 0);
    brd_host_unlock (host);
    s_with_host (pool, below);
    assert_int_equal (t_hears_note (above[1], BRD_OP_SLOTS, text).count, 1);
    task.body = "\x15";
    t_say_task (above[1], &task);
    assert_true (t_hear (below[1], BRD_OP_TASKS, &frame));
    assert_int_equal (brd_frame_next_task (&frame, &task), 1);
    assert_true (task.fn == NUMBER && task.attempt == 3 && task.size == 1);
    below[1]->done (below[1]);
    below[1]->destroy (below[1]);
    assert_true (t_hear (above[1], BRD_OP_SLOTS, &frame));
    above[1]->done (above[1]);
    assert_true (t_hear (above[1], BRD_OP_RESULTS, &frame));
    assert_int_equal (brd_frame_next_result (&frame, &result), 1);
    assert_true (result.seq == 7 && result.flags == BRD_RESULT_STORY);
    assert_int_equal (brd_frame_get_story (result.body, result.size, &story),
                      0);
    assert_true (story.error == ECHILD && (story.bits & BRD_STORY_MAYBE));
    above[1]->done (above[1]);
    // There is nobody: it is better off above.
    task = (brd_wire_task_t){
        .seq = 8, .fn = NUMBER, .attempt = 1, .size = 1, .body = "\x15"
    };
    t_say_task (above[1], &task);
    assert_true (t_hears_note (above[1], BRD_OP_RECLAIMED, text).seq == 8);
    s_with_host (pool, below);
    assert_int_equal (t_hears_note (above[1], BRD_OP_SLOTS, text).count, 1);
    // What is wanted back is asked for below, and comes from there.
    task.seq = 9;
    t_say_task (above[1], &task);
    assert_true (t_hear (below[1], BRD_OP_TASKS, &frame));
    assert_int_equal (brd_frame_next_task (&frame, &task), 1);
    const brd_wire_note_t back = { .seq = task.seq };
    below[1]->done (below[1]);
    t_say_note (above[1], BRD_OP_RECLAIM, &(brd_wire_note_t){ .seq = 9 });
    assert_true (t_hears_note (below[1], BRD_OP_RECLAIM, text).seq == back.seq);
    t_say_note (below[1], BRD_OP_KEPT, &back);
    assert_true (t_hears_note (above[1], BRD_OP_KEPT, text).seq == 9);
    t_say_note (above[1], BRD_OP_RECLAIM, &(brd_wire_note_t){ .seq = 9 });
    t_hears (below[1], BRD_OP_RECLAIM);
    t_say_note (below[1], BRD_OP_RECLAIMED, &back);
    assert_true (t_hears_note (above[1], BRD_OP_RECLAIMED, text).seq == 9);
    above[1]->destroy (above[1]);
    below[1]->destroy (below[1]);
    brd_host_pool_end (pool);
    brd_host_pool_free (&pool);
}

// How far the hosts are: a mean over their slots, and again when that changes
// by much.
static void
s_test_distance (void **state)
{
    (void) state;
    char text[256];
    brd_peer_t *above[2], *near[2], *far[2];
    brd_host_t *host = brd_runtime_host ();
    const brd_host_hosts_options_t options = { .name = "broker",
                                               .open = &t_wanted,
                                               .remote = 1 };
    brd_host_pool_t *pool = brd_host_pool_open_hosts (host, &options);
    assert_non_null (pool);
    t_pair (above);
    s_rtt = 0;
    brd_host_lock (host);
    assert_int_equal (brd_host_guest_add (host, pool, above[0]), 0);
    brd_host_unlock (host);
    s_with_host (pool, near);
    brd_wire_note_t slots = t_hears_note (above[1], BRD_OP_SLOTS, text);
    assert_true (slots.count == 1 && slots.seq == 0);
    s_with_host (pool, far);
    assert_int_equal (t_hears_note (above[1], BRD_OP_SLOTS, text).count, 2);
    t_say_note (far[1],
                BRD_OP_SLOTS,
                &(brd_wire_note_t){ .seq = 80000000, .count = 3 });
    do
        slots = t_hears_note (above[1], BRD_OP_SLOTS, text);
    while (slots.seq == 0);
    assert_true (slots.count == 4 && slots.seq == 60000000);
    s_rtt = 20000000;
    t_say_slots (far[1], 3, 0, "");  // They are with itself
    do
        slots = t_hears_note (above[1], BRD_OP_SLOTS, text);
    while (slots.seq != 20000000);
    assert_int_equal (slots.count, 4);
    above[1]->destroy (above[1]);
    near[1]->destroy (near[1]);
    far[1]->destroy (far[1]);
    brd_host_pool_end (pool);
    brd_host_pool_free (&pool);
}

// A pool that will have no hosts: who waits in it is told why; and one whose
// only host is lost, how that ended.
static void
s_test_broken (void **state)
{
    (void) state;
    char text[256];
    brd_peer_t *above[2], *below[2];
    brd_host_t *host = brd_runtime_host ();
    for (int only = 0; only < 2; only++) {
        const brd_host_hosts_options_t options = {
            .name = "broker", .open = &t_wanted, .only = only, .remote = 1
        };
        brd_host_pool_t *pool = brd_host_pool_open_hosts (host, &options);
        assert_non_null (pool);
        t_pair (above);
        s_with_host (pool, below);
        brd_host_lock (host);
        assert_int_equal (brd_host_guest_add (host, pool, above[0]), 0);
        assert_int_equal (brd_host_pool_hosts (pool), 1);
        assert_int_equal (brd_host_pool_is_broken (pool), 0);
        brd_host_unlock (host);
        assert_int_equal (t_hears_note (above[1], BRD_OP_SLOTS, text).count, 1);
        if (only)
            below[1]->destroy (below[1]);
        else {
            brd_host_lock (host);
            brd_host_pool_break (pool, EHOSTUNREACH, "nobody comes");
            brd_host_pool_break (pool, EPIPE, "a second time");
            brd_host_unlock (host);
        }
        brd_wire_note_t note;
        do
            note = t_hears_note (above[1], BRD_OP_SLOTS, text);
        while (note.count > 0 || note.seq == 0);
        assert_int_equal (note.seq, only ? EPIPE : EHOSTUNREACH);
        assert_non_null (strstr (text, only ? "hung up" : "nobody comes"));
        t_hears (above[1], BRD_OP_RETIRE);
        assert_int_equal (brd_host_pool_check (pool), -1);
        brd_host_lock (host);
        assert_int_equal (brd_host_pool_is_broken (pool), 1);
        assert_int_equal (brd_host_pool_add_peer (pool, NULL), -1);
        assert_int_equal (errno, EPIPE);
        brd_host_unlock (host);
        above[1]->destroy (above[1]);
        if (!only)
            below[1]->destroy (below[1]);
        brd_host_pool_end (pool);
        brd_host_pool_free (&pool);
    }
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_served),
        cmocka_unit_test (s_test_broker),
        cmocka_unit_test (s_test_distance),
        cmocka_unit_test (s_test_guest_is_gone),
        cmocka_unit_test (s_test_refused),
        cmocka_unit_test (s_test_broken),
        cmocka_unit_test (s_test_pool_ends),
        cmocka_unit_test (s_test_nonsense_of_guest),
    };
    t_watchdog (240);
    brood_init (&argc, &argv);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
