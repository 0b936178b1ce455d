// test_host_drain.c - hosts that are left alone, and what is told of them
//
// SPDX-License-Identifier: MPL-2.0
//
// The test speaks for the hosts.

#include "t_hosts.h"

#include "wire/brd_json.h"

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
    t_call_t calls[5];
    uint64_t seqs[4], other[2];
    brd_host_pool_t *pool = t_hosts_pool (0);
    brd_peer_t *one = t_hosts_called (pool, "alpha", 2);
    assert_true (t_eventually (t_hosts_has_slots, pool, 30));
    for (int i = 0; i < 4; i++)
        t_call_submit (&calls[i], pool, NULL);
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
    brd_peer_t *two = t_hosts_called (pool, "beta", 2);
    s_hears_tasks (two, 2, other);
    for (int i = 0; i < 2; i++) {
        t_hosts_says_done (one, seqs[i]);
        t_hosts_says_done (two, other[i]);
    }
    for (int i = 0; i < 4; i++) {
        t_call_await (&calls[i]);
        assert_int_equal (calls[i].end.error, 0);
    }
    // Nothing new; nor for another of its name.
    brd_peer_t *again = t_hosts_called (pool, "alpha", 8);
    t_call_submit (&calls[4], pool, NULL);
    t_hosts_says_done (two, t_hosts_hears_task (two, 1));
    t_call_await (&calls[4]);
    const void *bytes;
    size_t size;
    assert_int_equal (one->recv (one, &bytes, &size), -1);
    assert_int_equal (again->recv (again, &bytes, &size), -1);
    assert_int_equal (errno, EAGAIN);
    two->destroy (two);
    assert_true (t_eventually (t_hosts_has_none, pool, 30));
    // Both are back, the one that had not joined too.
    assert_int_equal (s_drain ("alpha", 0), 0);
    assert_int_equal (s_drain ("alpha", 0), 0);
    assert_int_equal (brd_host_pool_slots (pool), 10);
    one->destroy (one);
    assert_true (t_eventually (s_has_eight_slots, pool, 30));
    assert_int_equal (s_drain ("alpha", 1), 0);
    t_call_submit (&calls[4], pool, NULL);
    assert_int_equal (s_drain ("alpha", 0), 0);
    t_hosts_says_done (again, t_hosts_hears_task (again, 1));
    t_call_await (&calls[4]);
    assert_int_equal (calls[4].end.error, 0);
    again->destroy (again);
    t_hosts_end (pool);
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
    brd_host_pool_t *pool = t_hosts_pool (0);
    for (int i = 0; i < 8; i++)
        hosts[i] = t_hosts_called (pool, "gamma", 1);
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
    t_hosts_end (pool);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_drain),
        cmocka_unit_test (s_test_report),
    };
    t_watchdog (120);
    brood_init (&argc, &argv);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
