// test_wan_faults.c - sessions between hosts when memory or a system call fails
//
// SPDX-License-Identifier: MPL-2.0
//
// The n-th allocation or call, for every n: an end is made, or is not and says
// why; and two that are made meet, whatever failed on the way.

#include "t_wan.h"

#include "base/brd_fault.h"

enum {
    S_FAULTS_MAX = 300
};

static int
s_error (brd_fault_t kind)
{
    return kind == BRD_FAULT_MEMORY ? ENOMEM : EMFILE;
}

static brd_wan_listen_t *
s_listen (t_wan_t *wan)
{
    return brd_wan_listen_new (
        &(brd_wan_listen_options_t){ .address = "tcp://127.0.0.1:0",
                                     .pair = wan->pair,
                                     .book = wan->book,
                                     .joined = t_wan_joined,
                                     .arg = wan,
                                     .sessions_max = 4,
                                     .strangers_max = 16,
                                     .time_scale = 1 });
}

static void
s_no_listener (t_wan_t *wan, brd_fault_t kind)
{
    int failed = 0;
    for (long n = 1; n < S_FAULTS_MAX; n++, failed++) {
        brd_fault_arm (kind, n, s_error (kind));
        brd_wan_listen_t *listen = s_listen (wan);
        const int error = errno;
        brd_fault_arm (kind, 0, 0);
        if (listen) {
            brd_wan_listen_destroy (&listen);
            break;
        }
        assert_int_equal (error, s_error (kind));
        assert_int_equal (brd_error_get ()->error, error);
    }
    assert_true (failed > 0 && failed < S_FAULTS_MAX);
}

static void
s_no_dial (t_wan_t *wan, brd_fault_t kind)
{
    int failed = 0;
    const brd_join_t join = t_wan_token (wan, BRD_JOIN_BELOW, 0);
    brd_wan_dial_options_t options = { .join = &join,
                                       .who = wan->who,
                                       .time_scale = 1 };
    options.who.role = BRD_JOIN_BELOW;
    for (long n = 1; n < S_FAULTS_MAX; n++, failed++) {
        brd_fault_arm (kind, n, s_error (kind));
        brd_wan_dial_t *dial = brd_wan_dial_new (&options);
        const int error = errno;
        brd_fault_arm (kind, 0, 0);
        if (dial) {
            brd_wan_dial_destroy (&dial);
            break;
        }
        assert_int_equal (error, s_error (kind));
    }
    assert_true (failed > 0 && failed < S_FAULTS_MAX);
}

static void
s_test_none (void **state)
{
    (void) state;
    t_wan_t wan;
    const int before = t_open_fds ();
    t_wan_open (&wan, 1.0);
    brd_wan_listen_destroy (&wan.listen);
    s_no_listener (&wan, BRD_FAULT_MEMORY);
    s_no_listener (&wan, BRD_FAULT_SYSTEM);
    s_no_dial (&wan, BRD_FAULT_MEMORY);
    s_no_dial (&wan, BRD_FAULT_SYSTEM);
    t_wan_close (&wan);
    assert_true (t_open_fds_fall_to (before));
}

// The token is used once, whatever had to be begun again.
static void
s_meet (brd_fault_t kind)
{
    int met = 0;
    for (long n = 1, count = 1; count >= n; n++, met++) {
        t_wan_t wan;
        assert_true (n < S_FAULTS_MAX);
        t_wan_open (&wan, 0.05);
        wan.who.lease_ms = 3600000;
        t_wan_join (&wan, t_wan_token (&wan, BRD_JOIN_BELOW, 1));
        for (int i = 0; i < 3; i++)
            assert_int_equal (t_wan_send (&wan.dials[0], 70000), 0);
        brd_fault_arm (kind, n, s_error (kind));
        assert_true (t_wan_until (&wan, t_wan_has_all, 0));
        count = brd_fault_count (kind);
        brd_fault_arm (kind, 0, 0);
        assert_true (t_wan_until (&wan, t_wan_is_up, 0));
        assert_int_equal (t_wan_send (&wan.sessions[0], 70000), 0);
        assert_true (t_wan_until (&wan, t_wan_has_all, 0));
        assert_int_equal (wan.n_sessions, 1);
        assert_int_equal (t_wan_stats (&wan).joined, 1);
        t_wan_close (&wan);
    }
    assert_true (met > 1);
}

static void
s_test_meet (void **state)
{
    (void) state;
    s_meet (BRD_FAULT_MEMORY);
    s_meet (BRD_FAULT_SYSTEM);
}

// What could not be sent for want of memory can be sent later.
static void
s_test_send (void **state)
{
    (void) state;
    t_wan_t wan;
    brd_buf_t out;
    static const size_t sizes[] = { 100, 100000 };
    t_wan_open (&wan, 1.0);
    t_wan_meet (&wan, t_wan_token (&wan, BRD_JOIN_BELOW, 1));
    t_wan_end_t *dial = &wan.dials[0];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        brd_buf_init (&out, sizes[i]);
        unsigned char *bytes = brd_buf_reserve (&out, sizes[i]);
        assert_non_null (bytes);
        memset (bytes, (int) dial->sent, sizes[i]);
        memcpy (bytes, &dial->sent, sizeof dial->sent);
        out.size = sizes[i];
        brd_fault_arm (BRD_FAULT_MEMORY, 1, ENOMEM);
        assert_int_equal (dial->peer->send (dial->peer, &out), -1);
        assert_int_equal (errno, ENOMEM);
        brd_fault_arm (BRD_FAULT_MEMORY, 0, 0);
        assert_int_equal (out.size, sizes[i]);
        assert_int_equal (dial->peer->send (dial->peer, &out), 0);
        assert_int_equal (out.size, 0);
        dial->sent++;
        brd_buf_fini (&out);
    }
    assert_true (t_wan_until (&wan, t_wan_has_all, 0));
    t_wan_close (&wan);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_none),
        cmocka_unit_test (s_test_meet),
        cmocka_unit_test (s_test_send),
    };
    t_watchdog (110);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
