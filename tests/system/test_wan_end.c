// test_wan_end.c - how sessions between hosts end
//
// SPDX-License-Identifier: MPL-2.0

#include "t_wan.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

// --- Not reached ----------------------------------------------------------

// Cut for longer than it may be: gone at both ends, for ever.
static void
s_test_lost (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 0.05);
    const brd_join_t join = t_wan_token (&wan, BRD_JOIN_BELOW, 1);
    t_wan_meet (&wan, join);
    wan.proxy->is_shut = 1;
    t_wan_proxy_cut (wan.proxy);
    assert_int_equal (t_wan_send (&wan.dials[0], 1000), 0);
    wan.turns = 0;
    assert_true (t_wan_until (&wan, t_wan_dial_is_gone, 0));
    assert_true (wan.turns < T_WAN_TURNS);
    assert_true (t_wan_until (&wan, t_wan_session_is_gone, 0));
    assert_int_equal (t_wan_state (&wan.dials[0]), BRD_WAN_LOST);
    assert_int_equal (t_wan_state (&wan.sessions[0]), BRD_WAN_LOST);
    assert_non_null (strstr (brd_wan_dial_why (wan.dials[0].dial),
                             "was not reached for too long"));
    assert_int_equal (t_wan_send (&wan.dials[0], 1000), -1);
    assert_int_equal (errno, EPIPE);
    assert_int_equal (t_wan_send (&wan.sessions[0], 1000), -1);
    assert_int_equal (errno, EPIPE);
    // It is over, though the way is free again.
    wan.proxy->is_shut = 0;
    const int accepted = wan.proxy->accepted;
    const brd_wan_stats_t stats = t_wan_stats (&wan);
    assert_int_equal (stats.sessions, 0);
    assert_int_equal (stats.connected, 0);
    assert_int_equal (stats.lost, 1);
    // Its key is nobody's now.
    const int second = t_wan_join (&wan, join);
    assert_true (t_wan_until (&wan, t_wan_dial_is_gone, second));
    assert_int_equal (t_wan_state (&wan.dials[second]), BRD_WAN_REFUSED);
    assert_non_null (strstr (brd_wan_dial_why (wan.dials[second].dial),
                             "does not let this key in"));
    assert_int_equal (t_wan_stats (&wan).joined, 1);
    assert_int_equal (wan.proxy->accepted, accepted + 1);
    t_wan_destroy (&wan.sessions[0]);
    t_wan_close (&wan);
}

// Nobody is there at all.
static void
s_test_nobody (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 0.05);
    wan.proxy->is_stalled[0] = 1;
    t_wan_join (&wan, t_wan_token (&wan, BRD_JOIN_BELOW, 1));
    assert_int_equal (t_wan_state (&wan.dials[0]), BRD_WAN_JOINING);
    assert_true (t_wan_until (&wan, t_wan_dial_is_gone, 0));
    assert_int_equal (t_wan_state (&wan.dials[0]), BRD_WAN_LOST);
    assert_non_null (
        strstr (brd_wan_dial_why (wan.dials[0].dial), "no answer"));
    t_wan_close (&wan);
}

// When the other end is told gone, what is done for it has had to stop before.
// Whatever the cut is like.
static void
s_lease (brd_join_role_t role, int first, int second)
{
    t_wan_t wan;
    t_wan_open (&wan, 0.02);
    t_wan_meet (&wan, t_wan_token (&wan, role, 1));
    t_wan_end_t *dial = &wan.dials[0], *session = &wan.sessions[0];
    t_wan_proxy_stall (wan.proxy, first, 1);
    assert_true (t_wan_until (&wan, t_wan_is_silent, 0));
    // The other way: what has healed makes nobody believe too much.
    t_wan_proxy_stall (wan.proxy, second, 1);
    if (first != second)
        t_wan_proxy_stall (wan.proxy, first, 0);
    assert_true (t_wan_until (&wan, t_wan_session_is_gone, 0));
    assert_true (brd_wan_line_lease_end (dial->peer) < session->gone_at);
    assert_true (t_wan_until (&wan, t_wan_dial_is_gone, 0));
    assert_true (brd_wan_line_lease_end (session->peer) < dial->gone_at);
    assert_true (brd_wan_line_contact (dial->peer)
                 < brd_wan_line_lease_end (dial->peer));
    t_wan_close (&wan);
}

static void
s_test_lease (void **state)
{
    (void) state;
    for (int first = 0; first < 2; first++)
        for (int second = 0; second < 2; second++) {
            s_lease (BRD_JOIN_BELOW, first, second);
            s_lease (BRD_JOIN_ABOVE, first, second);
        }
}

// So long after the last contact.
static int
s_is_late (t_wan_t *wan, int ms)
{
    return brd_clock_now () - brd_wan_line_contact (wan->sessions[0].peer)
           > ms * INT64_C (1000000);
}

// What was said long ago and comes late is heard, and no reason to go on: the
// other end does not know that it was.
static void
s_test_old_news (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 0.05);
    t_wan_meet (&wan, t_wan_token (&wan, BRD_JOIN_ABOVE, 1));
    for (int from = 0; from < 2; from++)
        t_wan_proxy_stall (wan.proxy, from, 1);
    // The dialler says some more, and keeps that connection.
    wan.sleep_ms = 5;
    assert_true (t_wan_until (&wan, s_is_late, 4000 / 20));
    wan.is_asleep[0] = 1;
    assert_true (t_wan_until (&wan, s_is_late, 15000 / 20));
    t_wan_proxy_stall (wan.proxy, 0, 0);
    t_wan_pass (&wan, 20);
    wan.is_asleep[0] = 0;
    assert_true (t_wan_until (&wan, t_wan_dial_is_gone, 0));
    assert_true (brd_wan_line_lease_end (wan.sessions[0].peer)
                 < wan.dials[0].gone_at);
    t_wan_close (&wan);
}

static int64_t s_old_contact;

static int
s_has_contact (t_wan_t *wan, int n)
{
    return brd_wan_line_contact (wan->dials[n].peer) > s_old_contact;
}

// It goes on while all is well, though nobody has anything to say.
static void
s_test_contact (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 0.05);
    wan.who.lease_ms = 600000;
    t_wan_meet (&wan, t_wan_token (&wan, BRD_JOIN_BELOW, 1));
    s_old_contact = brd_wan_line_contact (wan.dials[0].peer);
    for (int i = 0; i < 5; i++) {
        assert_true (t_wan_until (&wan, s_has_contact, 0));
        s_old_contact = brd_wan_line_contact (wan.dials[0].peer);
        assert_true (s_old_contact <= brd_clock_now ());
        assert_int_equal (brd_wan_line_lease_end (wan.dials[0].peer)
                              - s_old_contact,
                          INT64_C (24000000000));  // 0.8 * 600 s * 0.05
    }
    assert_true (wan.turns < T_WAN_TURNS);
    t_wan_close (&wan);
}

// --- One end dies ----------------------------------------------------------

// Joins by what it reads, says something, and lives until it is killed, or its
// parent has died.
static void
s_child (int fd)
{
    (void) prctl (PR_SET_PDEATHSIG, SIGKILL);
    t_watchdog (110);
    t_wan_t wan = { .scale = 0.05 };
    brd_join_t join;
    wan.proxy = t_wan_proxy_new ();
    wan.who = (brd_hello_who_t){ .pid = (uint32_t) getpid (), .host = "kid" };
    if (read (fd, &join, sizeof join) != sizeof join)
        _exit (1);
    t_wan_join (&wan, join);
    assert_int_equal (t_wan_send (&wan.dials[0], 1000), 0);
    (void) t_wan_until (&wan, t_wan_dial_is_gone, 0);
    _exit (1);
}

static int
s_has_heard (t_wan_t *wan, int n)
{
    return wan->n_sessions > 0 && wan->sessions[0].got == (uint64_t) n;
}

static void
s_test_dialler_killed (void **state)
{
    (void) state;
    t_wan_t wan;
    int fds[2], status;
    assert_int_equal (pipe (fds), 0);
    const pid_t child = fork ();
    if (child == 0) {
        close (fds[1]);
        s_child (fds[0]);
    }
    assert_true (child > 0);
    t_wan_open (&wan, 0.05);
    const brd_join_t join = t_wan_token (&wan, BRD_JOIN_BELOW, 1);
    assert_int_equal (write (fds[1], &join, sizeof join), sizeof join);
    assert_true (t_wan_until (&wan, s_has_heard, 1));
    assert_int_equal (wan.sessions[0].who.pid, child);
    assert_int_equal (kill (child, SIGKILL), 0);
    assert_int_equal (waitpid (child, &status, 0), child);
    assert_true (WIFSIGNALED (status));
    // More may have been said to it than it lived to hear.
    assert_int_equal (t_wan_send (&wan.sessions[0], 1000), 0);
    assert_true (t_wan_until (&wan, t_wan_session_is_gone, 0));
    assert_int_equal (t_wan_state (&wan.sessions[0]), BRD_WAN_LOST);
    // Who has its key does not go on with it.
    t_wan_join (&wan, join);
    assert_true (t_wan_until (&wan, t_wan_dial_is_gone, 0));
    assert_int_equal (t_wan_state (&wan.dials[0]), BRD_WAN_REFUSED);
    assert_int_equal (wan.n_sessions, 1);
    close (fds[0]);
    close (fds[1]);
    t_wan_close (&wan);
}

// Another listener with the same key at the same address: the session is over,
// and nothing of it is heard there.
static void
s_restart (int n_uses, const char *why)
{
    t_wan_t wan;
    t_wan_open (&wan, 1.0);
    t_wan_meet (&wan, t_wan_token (&wan, BRD_JOIN_BELOW, n_uses));
    t_wan_proxy_stall (wan.proxy, 0, 1);
    for (int i = 0; i < 10; i++)
        assert_int_equal (t_wan_send (&wan.dials[0], 10000), 0);
    t_wan_pass (&wan, 1);
    wan.n_sessions = 0;
    brd_wan_listen_destroy (&wan.listen);
    t_wan_listen (&wan);
    t_wan_proxy_cut (wan.proxy);
    t_wan_proxy_stall (wan.proxy, 0, 0);
    assert_true (t_wan_until (&wan, t_wan_dial_is_gone, 0));
    assert_int_equal (t_wan_state (&wan.dials[0]), BRD_WAN_STALE);
    assert_non_null (strstr (brd_wan_dial_why (wan.dials[0].dial), why));
    assert_int_equal (t_wan_send (&wan.dials[0], 1000), -1);
    assert_int_equal (errno, EPIPE);
    assert_int_equal (wan.n_sessions, 0);
    assert_int_equal (t_wan_stats (&wan).joined, 0);
    t_wan_close (&wan);
}

static void
s_test_listener_restarted (void **state)
{
    (void) state;
    s_restart (1, "does not know this session");
    s_restart (2, "the session is over");
}

// --- An owner is done ------------------------------------------------------

static int
s_is_settled (t_wan_t *wan, int n)
{
    return brd_wan_dial_settled (wan->dials[n].dial)
           && brd_wan_listen_settled (wan->listen);
}

static int
s_has_sessions (t_wan_t *wan, int n)
{
    return t_wan_stats (wan).sessions == n;
}

// What was sent before is heard, though the connection breaks.
static void
s_test_dial_destroyed (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 0.1);
    wan.who.lease_ms = 3600000;
    t_wan_meet (&wan, t_wan_token (&wan, BRD_JOIN_BELOW, 1));
    t_wan_proxy_stall (wan.proxy, 0, 1);
    for (int i = 0; i < 30; i++)
        assert_int_equal (t_wan_send (&wan.dials[0], 300000), 0);
    // What comes to it from now on is nobody's, and holds nobody up.
    for (int i = 0; i < 300; i++)
        assert_int_equal (t_wan_send (&wan.sessions[0], 100000), 0);
    t_wan_destroy (&wan.dials[0]);
    assert_int_equal (brd_wan_dial_settled (wan.dials[0].dial), 0);
    t_wan_pass (&wan, 1);
    t_wan_proxy_cut (wan.proxy);
    t_wan_proxy_stall (wan.proxy, 0, 0);
    assert_true (t_wan_until (&wan, s_is_settled, 0));
    assert_int_equal (wan.sessions[0].got, 30);
    t_wan_destroy (&wan.sessions[0]);
    assert_true (t_wan_until (&wan, s_has_sessions, 0));
    t_wan_close (&wan);
}

static void
s_test_session_destroyed (void **state)
{
    (void) state;
    t_wan_t wan;
    const void *bytes;
    size_t size;
    t_wan_open (&wan, 0.1);
    wan.who.lease_ms = 3600000;
    t_wan_meet (&wan, t_wan_token (&wan, BRD_JOIN_BELOW, 1));
    t_wan_end_t *session = &wan.sessions[0];
    session->is_deaf = 1;
    assert_int_equal (t_wan_send (&wan.dials[0], 1000), 0);
    assert_true (t_wan_until (&wan, s_is_settled, 0));
    for (int i = 0; i < 30; i++)
        assert_int_equal (t_wan_send (session, 300000), 0);
    // With a message on loan.
    assert_int_equal (session->peer->recv (session->peer, &bytes, &size), 0);
    t_wan_destroy (session);
    assert_int_equal (brd_wan_listen_settled (wan.listen), 0);
    t_wan_pass (&wan, 1);
    t_wan_proxy_cut (wan.proxy);
    assert_true (t_wan_until (&wan, t_wan_dial_is_gone, 0));
    assert_int_equal (wan.dials[0].got, 30);
    assert_int_equal (t_wan_state (&wan.dials[0]), BRD_WAN_STALE);
    assert_true (t_wan_until (&wan, s_has_sessions, 0));
    assert_int_equal (brd_wan_listen_settled (wan.listen), 1);
    assert_int_equal (t_wan_stats (&wan).lost, 0);
    t_wan_close (&wan);
}

// What is owed to one that is lost is owed to nobody.
static void
s_test_destroyed_and_lost (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 0.05);
    t_wan_meet (&wan, t_wan_token (&wan, BRD_JOIN_BELOW, 1));
    wan.proxy->is_shut = 1;
    t_wan_proxy_cut (wan.proxy);
    assert_int_equal (t_wan_send (&wan.dials[0], 1000), 0);
    assert_int_equal (t_wan_send (&wan.sessions[0], 1000), 0);
    t_wan_destroy (&wan.sessions[0]);
    t_wan_destroy (&wan.dials[0]);
    assert_int_equal (brd_wan_listen_settled (wan.listen), 0);
    assert_int_equal (brd_wan_dial_settled (wan.dials[0].dial), 0);
    assert_true (t_wan_until (&wan, s_is_settled, 0));
    assert_true (t_wan_until (&wan, s_has_sessions, 0));
    t_wan_close (&wan);
}

// Whole messages that came before the end are received after it.
static void
s_test_received_after_end (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 0.05);
    t_wan_meet (&wan, t_wan_token (&wan, BRD_JOIN_BELOW, 1));
    wan.sessions[0].is_deaf = 1;
    for (int i = 0; i < 20; i++)
        assert_int_equal (t_wan_send (&wan.dials[0], 5000), 0);
    assert_true (t_wan_until (&wan, s_is_settled, 0));
    wan.proxy->is_shut = 1;
    t_wan_proxy_cut (wan.proxy);
    assert_true (t_wan_until (&wan, t_wan_dial_is_gone, 0));
    assert_true (t_wan_until (&wan, s_has_sessions, 0));
    assert_int_equal (wan.sessions[0].got, 0);
    wan.sessions[0].is_deaf = 0;
    assert_true (t_wan_until (&wan, t_wan_session_is_gone, 0));
    assert_int_equal (wan.sessions[0].got, 20);
    t_wan_close (&wan);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_lost),
        cmocka_unit_test (s_test_nobody),
        cmocka_unit_test (s_test_lease),
        cmocka_unit_test (s_test_old_news),
        cmocka_unit_test (s_test_contact),
        cmocka_unit_test (s_test_dialler_killed),
        cmocka_unit_test (s_test_listener_restarted),
        cmocka_unit_test (s_test_dial_destroyed),
        cmocka_unit_test (s_test_session_destroyed),
        cmocka_unit_test (s_test_destroyed_and_lost),
        cmocka_unit_test (s_test_received_after_end),
    };
    t_watchdog (110);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
