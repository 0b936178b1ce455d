// test_wan.c - sessions between hosts, and connections that break
//
// SPDX-License-Identifier: MPL-2.0

#include "t_wan.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

// More than the window of a channel.
#define S_HUGE ((size_t) 20 << 20)

static void
s_test_both_ways (void **state)
{
    (void) state;
    static const size_t sizes[] = { 8, 100, 65528, 65529, 1 << 20, S_HUGE, 9 };
    t_wan_t wan;
    t_wan_open (&wan, 1.0);
    const int n = t_wan_join (&wan, t_wan_token (&wan, BRD_JOIN_BELOW, 1));
    // Before anybody is there.
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        assert_int_equal (t_wan_send (&wan.dials[n], sizes[i]), 0);
    assert_true (t_wan_until (&wan, t_wan_is_up, n));
    assert_int_equal (wan.n_sessions, 1);
    t_wan_end_t *session = &wan.sessions[0];
    assert_int_equal (session->who.role, BRD_JOIN_BELOW);
    assert_int_equal (session->who.slots, 3);
    assert_int_equal (session->who.pid, getpid ());
    assert_int_equal (session->who.lease_ms, BRD_WAN_LEASE_MS);
    assert_int_equal (session->who.build_size, 4);
    assert_memory_equal (session->who.build, "abcd", 4);
    assert_string_equal (session->who.host, "node7");
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            assert_int_equal (t_wan_send (session, sizes[i]), 0);
            assert_int_equal (t_wan_send (&wan.dials[n], sizes[i]), 0);
        }
        assert_true (t_wan_until (&wan, t_wan_has_all, n));
    }
    assert_int_equal (session->peer->silent (session->peer, brd_clock_now ()),
                      0);
    assert_true (session->peer->rtt (session->peer) > 0);
    assert_true (wan.dials[n].peer->rtt (wan.dials[n].peer) > 0);
    assert_string_equal (brd_wan_line_why (session->peer), "");
    const brd_wan_stats_t stats = t_wan_stats (&wan);
    assert_int_equal (stats.sessions, 1);
    assert_int_equal (stats.connected, 1);
    assert_int_equal (stats.joined, 1);
    assert_int_equal (stats.resumed, 0);
    t_wan_close (&wan);
}

// A role each, and a token of several uses.
static void
s_test_several (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 1.0);
    const brd_join_t join = t_wan_token (&wan, BRD_JOIN_BELOW, 2);
    t_wan_meet (&wan, join);
    t_wan_meet (&wan, t_wan_token (&wan, BRD_JOIN_ABOVE, 1));
    t_wan_meet (&wan, join);
    assert_int_equal (wan.n_sessions, 3);
    assert_int_equal (wan.sessions[1].who.role, BRD_JOIN_ABOVE);
    for (int n = 0; n < 3; n++)
        for (int i = 0; i < 100 * (n + 1); i++) {
            assert_int_equal (t_wan_send (&wan.dials[n], 1000), 0);
            assert_int_equal (t_wan_send (&wan.sessions[n], 1000), 0);
        }
    for (int n = 0; n < 3; n++)
        assert_true (t_wan_until (&wan, t_wan_has_all, n));
    t_wan_close (&wan);
}

// What is said is said at once, though nothing else happens for hours: whoever
// sends, or is done with something, is not left to the next heartbeat.
static void
s_test_at_once (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 1000.0);
    t_wan_meet (&wan, t_wan_token (&wan, BRD_JOIN_BELOW, 1));
    for (int i = 0; i < 5; i++) {
        // No ack is on its way any more.
        t_wan_pass (&wan, 20);
        assert_int_equal (t_wan_send (&wan.sessions[0], 1000), 0);
        assert_true (t_wan_until (&wan, t_wan_has_all, 0));
        t_wan_pass (&wan, 20);
        assert_int_equal (t_wan_send (&wan.dials[0], 1000), 0);
        assert_true (t_wan_until (&wan, t_wan_has_all, 0));
    }
    // Two windows: the second goes when the first was done with.
    for (int i = 0; i < 40; i++)
        assert_int_equal (t_wan_send (&wan.sessions[0], 1 << 20), 0);
    assert_true (t_wan_until (&wan, t_wan_has_all, 0));
    for (int i = 0; i < 40; i++)
        assert_int_equal (t_wan_send (&wan.dials[0], 1 << 20), 0);
    assert_true (t_wan_until (&wan, t_wan_has_all, 0));
    t_wan_close (&wan);
}

// --- Signals ---------------------------------------------------------------

static atomic_int s_is_quiet;
static pthread_t s_target;

static void
s_nothing (int number)
{
    (void) number;
}

static void *
s_kill (void *arg)
{
    while (!s_is_quiet) {
        (void) pthread_kill (s_target, SIGUSR1);
        (void) poll (NULL, 0, 1);
    }
    return arg;
}

// They end calls, and no message.
static void
s_test_signals (void **state)
{
    (void) state;
    t_wan_t wan;
    pthread_t thread;
    const struct sigaction action = { .sa_handler = s_nothing };
    assert_int_equal (sigaction (SIGUSR1, &action, NULL), 0);
    t_wan_open (&wan, 0.05);
    wan.who.lease_ms = 3600000;
    s_is_quiet = 0;
    s_target = pthread_self ();
    assert_int_equal (pthread_create (&thread, NULL, s_kill, NULL), 0);
    t_wan_meet (&wan, t_wan_token (&wan, BRD_JOIN_BELOW, 1));
    for (int round = 0; round < 30; round++) {
        for (int i = 0; i < 30; i++) {
            assert_int_equal (t_wan_send (&wan.dials[0], 10000), 0);
            assert_int_equal (t_wan_send (&wan.sessions[0], 10000), 0);
        }
        if (round % 10 == 9)
            t_wan_proxy_cut (wan.proxy);
        assert_true (t_wan_until (&wan, t_wan_has_all, 0));
    }
    s_is_quiet = 1;
    assert_int_equal (pthread_join (thread, NULL), 0);
    t_wan_close (&wan);
}

// --- Connections that break ------------------------------------------------

static int
s_has_resumed (t_wan_t *wan, int n)
{
    return t_wan_stats (wan).resumed >= (uint64_t) n;
}

// In the midst of messages, over and over.
static void
s_test_cut (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 0.05);
    wan.who.lease_ms = 3600000;
    t_wan_meet (&wan, t_wan_token (&wan, BRD_JOIN_BELOW, 1));
    for (int cut = 1; cut <= 12; cut++) {
        const uint64_t before = wan.sessions[0].got;
        for (int i = 0; i < 30; i++) {
            const size_t size = i % 10 == 9 ? 1 << 20 : 5000;
            assert_int_equal (t_wan_send (&wan.dials[0], size), 0);
            assert_int_equal (t_wan_send (&wan.sessions[0], size), 0);
        }
        t_wan_pass (&wan, cut * 3);
        assert_true (wan.sessions[0].got >= before);
        t_wan_proxy_cut (wan.proxy);
        assert_true (t_wan_until (&wan, s_has_resumed, cut));
    }
    assert_true (t_wan_until (&wan, t_wan_has_all, 0));
    assert_int_equal (wan.n_sessions, 1);
    assert_int_equal (wan.dials[0].sent, 12 * 30);
    assert_int_equal (t_wan_stats (&wan).joined, 1);
    assert_int_equal (t_wan_stats (&wan).connected, 1);
    t_wan_close (&wan);
}

// All that is owed goes by the new connection at once: an ack would be missed
// when the patience of this test is over.
static void
s_test_again_at_once (void **state)
{
    (void) state;
    for (int from = 0; from < 2; from++) {
        t_wan_t wan;
        t_wan_open (&wan, 50.0);
        t_wan_meet (&wan, t_wan_token (&wan, BRD_JOIN_BELOW, 1));
        t_wan_pass (&wan, 20);
        t_wan_proxy_stall (wan.proxy, from, 1);
        t_wan_end_t *end = from == 0 ? &wan.dials[0] : &wan.sessions[0];
        for (int i = 0; i < 30; i++)
            assert_int_equal (t_wan_send (end, 1000), 0);
        t_wan_pass (&wan, 10);
        t_wan_proxy_cut (wan.proxy);
        t_wan_proxy_stall (wan.proxy, from, 0);
        wan.patience_s = 40;
        assert_true (t_wan_until (&wan, t_wan_has_all, 0));
        t_wan_close (&wan);
    }
}

static int
s_has_accepted (t_wan_t *wan, int n)
{
    return wan->proxy->accepted >= n;
}

// A tunnel that takes connections and has nobody behind: a handshake that
// comes to nothing is no refusal by a listener that was there before.
static void
s_test_tunnel (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 0.1);
    wan.who.lease_ms = 600000;
    t_wan_meet (&wan, t_wan_token (&wan, BRD_JOIN_BELOW, 1));
    wan.proxy->is_shut = 1;
    t_wan_proxy_cut (wan.proxy);
    assert_int_equal (t_wan_send (&wan.dials[0], 1000), 0);
    assert_int_equal (t_wan_send (&wan.sessions[0], 1000), 0);
    assert_true (t_wan_until (&wan, s_has_accepted, 6));
    wan.proxy->is_shut = 0;
    assert_true (t_wan_until (&wan, t_wan_has_all, 0));
    assert_int_equal (wan.sessions[0].got, 1);
    t_wan_close (&wan);
}

// A cut in one direction is noticed at both ends; when it has healed, all that
// was said is there.
static void
s_test_one_way (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 0.05);
    wan.who.lease_ms = 3600000;
    t_wan_meet (&wan, t_wan_token (&wan, BRD_JOIN_BELOW, 1));
    for (int from = 0; from < 2; from++) {
        t_wan_proxy_stall (wan.proxy, from, 1);
        for (int i = 0; i < 50; i++) {
            assert_int_equal (t_wan_send (&wan.dials[0], 100000), 0);
            assert_int_equal (t_wan_send (&wan.sessions[0], 100000), 0);
        }
        wan.turns = 0;
        assert_true (t_wan_until (&wan, t_wan_is_silent, 0));
        assert_true (wan.turns < T_WAN_TURNS);
        assert_int_equal (t_wan_state (&wan.dials[0]), BRD_WAN_SUSPECT);
        t_wan_proxy_stall (wan.proxy, from, 0);
        assert_true (t_wan_until (&wan, t_wan_has_all, 0));
        assert_true (t_wan_until (&wan, t_wan_is_up, 0));
    }
    assert_int_equal (wan.n_sessions, 1);
    t_wan_close (&wan);
}

static int
s_is_suspect (t_wan_t *wan, int n)
{
    const int64_t now = brd_clock_now ();
    brd_peer_t *peer =
        wan->is_asleep[0] ? wan->sessions[n].peer : wan->dials[n].peer;
    return peer->silent (peer, now);
}

// One end is stopped for a while, and goes on.
static void
s_test_asleep (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 0.05);
    wan.who.lease_ms = 3600000;
    t_wan_meet (&wan, t_wan_token (&wan, BRD_JOIN_BELOW, 1));
    for (int end = 0; end < 2; end++) {
        wan.is_asleep[end] = 1;
        for (int i = 0; i < 100; i++) {
            assert_int_equal (t_wan_send (&wan.dials[0], 10000), 0);
            assert_int_equal (t_wan_send (&wan.sessions[0], 10000), 0);
        }
        assert_true (t_wan_until (&wan, s_is_suspect, 0));
        t_wan_pass (&wan, 5);
        wan.is_asleep[end] = 0;
        assert_true (t_wan_until (&wan, t_wan_has_all, 0));
        assert_true (t_wan_until (&wan, t_wan_is_up, 0));
    }
    assert_int_equal (wan.n_sessions, 1);
    t_wan_close (&wan);
}

// A connection that swallows all and never ends: there is another way.
static void
s_test_dead_connection (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 0.05);
    wan.who.lease_ms = 3600000;
    t_wan_meet (&wan, t_wan_token (&wan, BRD_JOIN_BELOW, 1));
    for (int from = 0; from < 2; from++) {
        t_wan_proxy_stall (wan.proxy, from, 1);
        wan.proxy->is_stalled[from] = 0;
        assert_int_equal (t_wan_send (&wan.dials[0], 1000), 0);
        assert_int_equal (t_wan_send (&wan.sessions[0], 1000), 0);
        assert_true (t_wan_until (&wan, s_has_resumed, from + 1));
        assert_true (t_wan_until (&wan, t_wan_has_all, 0));
        assert_true (t_wan_until (&wan, t_wan_is_up, 0));
    }
    t_wan_close (&wan);
}

// --- All of it -------------------------------------------------------------

static uint64_t s_dice;

static unsigned
s_roll (unsigned n)
{
    s_dice = s_dice * UINT64_C (6364136223846793005) + 1442695040888963407;
    return (unsigned) (s_dice >> 33) % n;
}

static void
s_step (t_wan_t *wan)
{
    switch (s_roll (8)) {
    case 0:
        t_wan_proxy_cut (wan->proxy);
        break;
    case 1:
        wan->proxy->is_shut = s_roll (2) == 0;
        break;
    case 2:
        t_wan_proxy_stall (wan->proxy, (int) s_roll (2), 1);
        break;
    case 3:
        t_wan_proxy_stall (wan->proxy, (int) s_roll (2), 0);
        break;
    case 4:
        // Those that come go another way.
        wan->proxy->is_stalled[s_roll (2)] = (int) s_roll (2);
        break;
    default:
        for (unsigned i = s_roll (5); i > 0; i--) {
            const size_t size = 8 + s_roll (s_roll (4) == 0 ? 300000 : 2000);
            t_wan_end_t *dial = &wan->dials[0], *session = &wan->sessions[0];
            assert_int_equal (
                t_wan_send (s_roll (2) == 0 ? dial : session, size), 0);
        }
    }
}

// Whatever happens on the way, if it ends some time.
static void
s_test_chaos (void **state)
{
    (void) state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        t_wan_t wan;
        s_dice = seed;
        t_wan_open (&wan, 0.02);
        wan.who.lease_ms = 3600000;
        t_wan_meet (&wan, t_wan_token (&wan, BRD_JOIN_BELOW, 1));
        for (int i = 0; i < 150; i++) {
            s_step (&wan);
            t_wan_pass (&wan, (int) s_roll (6));
        }
        wan.proxy->is_shut = 0;
        for (int from = 0; from < 2; from++)
            t_wan_proxy_stall (wan.proxy, from, 0);
        if (!t_wan_until (&wan, t_wan_has_all, 0))
            fail_msg ("seed %d: %d of %d and %d of %d, %s",
                      (int) seed,
                      (int) wan.sessions[0].got,
                      (int) wan.dials[0].sent,
                      (int) wan.dials[0].got,
                      (int) wan.sessions[0].sent,
                      brd_wan_dial_why (wan.dials[0].dial));
        assert_int_equal (wan.n_sessions, 1);
        t_wan_close (&wan);
    }
}

// --- The cap ---------------------------------------------------------------

// More is kept for the other end than may be: it is gone, and nothing that was
// taken is believed to be there.
static void
s_test_cap (void **state)
{
    (void) state;
    for (int of_dial = 0; of_dial < 2; of_dial++) {
        t_wan_t wan;
        t_wan_open (&wan, 0.05);
        brd_wan_listen_destroy (&wan.listen);
        wan.cap_bytes = 1 << 20;
        t_wan_listen (&wan);
        t_wan_meet (&wan, t_wan_token (&wan, BRD_JOIN_BELOW, 1));
        t_wan_end_t *end = of_dial ? &wan.dials[0] : &wan.sessions[0];
        wan.dials[0].is_deaf = wan.sessions[0].is_deaf = 1;
        int sent = 0;
        while (t_wan_send (end, 100000) == 0)
            sent++;
        assert_int_equal (errno, EPIPE);
        assert_int_equal (sent, 10);
        assert_int_equal (t_wan_state (end), BRD_WAN_BROKEN);
        assert_non_null (strstr (brd_wan_line_why (end->peer), "wait"));
        wan.dials[0].is_deaf = wan.sessions[0].is_deaf = 0;
        assert_true (t_wan_until (&wan, t_wan_dial_is_gone, 0));
        assert_true (t_wan_until (&wan, t_wan_session_is_gone, 0));
        // A dialler comes again, and is told.
        t_wan_end_t *other = of_dial ? &wan.sessions[0] : &wan.dials[0];
        assert_int_equal (t_wan_state (other),
                          of_dial ? BRD_WAN_LOST : BRD_WAN_STALE);
        t_wan_close (&wan);
    }
}

// Who receives nothing holds up its peer and nobody else, and is no less there.
static void
s_test_slow (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 1.0);
    const brd_join_t join = t_wan_token (&wan, BRD_JOIN_BELOW, 2);
    t_wan_meet (&wan, join);
    t_wan_meet (&wan, join);
    wan.dials[0].is_deaf = 1;
    for (int i = 0; i < 300; i++) {
        assert_int_equal (t_wan_send (&wan.sessions[0], 100000), 0);
        assert_int_equal (t_wan_send (&wan.sessions[1], 100000), 0);
    }
    assert_true (t_wan_until (&wan, t_wan_has_all, 1));
    assert_int_equal (t_wan_state (&wan.sessions[0]), BRD_WAN_UP);
    wan.dials[0].is_deaf = 0;
    assert_true (t_wan_until (&wan, t_wan_has_all, 0));
    t_wan_close (&wan);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_both_ways),
        cmocka_unit_test (s_test_several),
        cmocka_unit_test (s_test_at_once),
        cmocka_unit_test (s_test_signals),
        cmocka_unit_test (s_test_cut),
        cmocka_unit_test (s_test_again_at_once),
        cmocka_unit_test (s_test_tunnel),
        cmocka_unit_test (s_test_one_way),
        cmocka_unit_test (s_test_asleep),
        cmocka_unit_test (s_test_dead_connection),
        cmocka_unit_test (s_test_chaos),
        cmocka_unit_test (s_test_cap),
        cmocka_unit_test (s_test_slow),
    };
    t_watchdog (110);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
