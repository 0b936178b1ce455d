// test_tcp_faults.c - links between hosts when memory or a system call fails
//
// SPDX-License-Identifier: MPL-2.0
//
// The n-th allocation or call, for every n: an end is made, or is not and says
// why; and two that are made meet, whatever failed on the way.

#include "t_tcp.h"

#include "base/brd_fault.h"

enum {
    FAULTS_MAX = 200
};

static int
s_error (brd_fault_t kind)
{
    return kind == BRD_FAULT_MEMORY ? ENOMEM : EMFILE;
}

static brd_tcp_listen_t *
s_listen (void)
{
    brd_curve_t pair;
    assert_int_equal (brd_curve_make (&pair), 0);
    return brd_tcp_listen_new (
        &(brd_tcp_listen_options_t){ .address = "tcp://127.0.0.1:0",
                                     .pair = pair,
                                     .allow = t_tcp_anybody,
                                     .peers_max = 32,
                                     .strangers_max = 16,
                                     .time_scale = 1 });
}

static void
s_no_listener (brd_fault_t kind)
{
    int failed = 0;
    const int before = t_open_fds ();
    for (long n = 1; n < FAULTS_MAX; n++) {
        brd_fault_arm (kind, n, s_error (kind));
        brd_tcp_listen_t *listen = s_listen ();
        const int error = errno;
        brd_fault_arm (kind, 0, 0);
        if (listen) {
            brd_tcp_listen_destroy (&listen);
            break;
        }
        assert_int_equal (error, s_error (kind));
        assert_int_equal (brd_error_get ()->error, error);
        // What failed has let go of the place where keys are asked for.
        listen = s_listen ();
        assert_non_null (listen);
        brd_tcp_listen_destroy (&listen);
        failed++;
    }
    assert_true (failed > 0 && failed < FAULTS_MAX);
    brd_zmq_term ();
    assert_true (t_open_fds_fall_to (before));
}

static void
s_test_no_listener (void **state)
{
    (void) state;
    s_no_listener (BRD_FAULT_MEMORY);
    s_no_listener (BRD_FAULT_SYSTEM);
}

static void
s_no_dial (brd_fault_t kind)
{
    int failed = 0;
    const int before = t_open_fds ();
    const char *address = "tcp://127.0.0.1:1";
    brd_tcp_dial_options_t options = { .addresses = &address,
                                       .n_addresses = 1,
                                       .time_scale = 1 };
    for (long n = 1; n < FAULTS_MAX; n++) {
        brd_fault_arm (kind, n, s_error (kind));
        brd_tcp_dial_t *dial = brd_tcp_dial_new (&options);
        const int error = errno;
        brd_fault_arm (kind, 0, 0);
        if (dial) {
            brd_tcp_dial_destroy (&dial);
            break;
        }
        assert_int_equal (error, s_error (kind));
        failed++;
    }
    assert_true (failed > 0 && failed < FAULTS_MAX);
    assert_int_equal (t_open_fds (), before);
}

static void
s_test_no_dial (void **state)
{
    (void) state;
    s_no_dial (BRD_FAULT_MEMORY);
    s_no_dial (BRD_FAULT_SYSTEM);
}

// One end dials, the other takes it in, and one of their calls fails.
static void
s_meet (brd_fault_t kind)
{
    brd_curve_t pair;
    int met = 0;
    assert_int_equal (brd_curve_make (&pair), 0);
    for (long n = 1, count = 1; count >= n; n++) {
        t_tcp_t tcp;
        assert_true (n < FAULTS_MAX);
        t_tcp_open (&tcp, t_tcp_anybody, NULL, 32, 16);
        t_tcp_dial (&tcp, &pair);
        brd_fault_arm (kind, n, s_error (kind));
        assert_true (t_tcp_until (&tcp, t_tcp_is_up, 0));
        count = brd_fault_count (kind);
        brd_fault_arm (kind, 0, 0);
        t_tcp_round_trip (&tcp, 0);
        brd_tcp_stats_t stats;
        brd_tcp_listen_stats (tcp.listen, &stats);
        assert_int_equal (stats.peers, 1);
        t_tcp_close (&tcp);
        met++;
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

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_no_listener),
        cmocka_unit_test (s_test_no_dial),
        cmocka_unit_test (s_test_meet),
    };
    t_watchdog (110);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
