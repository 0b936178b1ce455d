// test_tcp_links.c - packets between hosts, and connections that come and go
//
// SPDX-License-Identifier: MPL-2.0

#include "t_tcp.h"

#include <stdio.h>
#include <sys/resource.h>

#include "transport/brd_tcp_private.h"

static void
s_test_round_trips (void **state)
{
    (void) state;
    t_tcp_t tcp;
    brd_curve_t pair;
    static char large[BRD_TCP_SIZE_MAX];
    assert_int_equal (brd_curve_make (&pair), 0);
    t_tcp_open (&tcp, t_tcp_anybody, NULL, 32, 16);
    const int one = t_tcp_dial (&tcp, &pair);
    assert_int_equal (t_tcp_send (&tcp, one, "early", 5), -1);
    assert_int_equal (errno, EHOSTUNREACH);
    t_tcp_round_trip (&tcp, one);
    assert_string_equal (tcp.got, "hello");
    assert_memory_equal (tcp.key, pair.public_key, BRD_CURVE_KEY);
    assert_int_equal (brd_tcp_dial_count (tcp.dials[one]), 1);
    memset (large, 'x', sizeof large);
    assert_int_equal (t_tcp_send (&tcp, one, large, sizeof large), 0);
    assert_int_equal (t_tcp_until (&tcp, t_tcp_has_echo, one), sizeof large);
    // And others, each with its own id.
    unsigned char first[BRD_TCP_ID];
    memcpy (first, tcp.peer, BRD_TCP_ID);
    const int two = t_tcp_dial (&tcp, &pair);
    t_tcp_round_trip (&tcp, two);
    assert_memory_not_equal (first, tcp.peer, BRD_TCP_ID);
    memcpy (tcp.peer, first, BRD_TCP_ID);
    assert_int_equal (t_tcp_answer (&tcp, "you", 3), 0);
    assert_int_equal (t_tcp_until (&tcp, t_tcp_has_echo, one), 3);
    t_tcp_close (&tcp);
}

static int
s_is_gone (t_tcp_t *tcp, int n)
{
    (void) n;
    return t_tcp_answer (tcp, "x", 1) < 0 && errno == EHOSTUNREACH;
}

static int
s_has_count (t_tcp_t *tcp, int n)
{
    return brd_tcp_dial_count (tcp->dials[0]) == (uint64_t) n;
}

static int
s_peers (t_tcp_t *tcp, int n)
{
    brd_tcp_stats_t stats;
    brd_tcp_listen_stats (tcp->listen, &stats);
    return stats.peers == n;
}

static int
s_says (t_tcp_t *tcp, int n)
{
    (void) n;
    return brd_tcp_dial_why (tcp->dials[n])[0] != '\0';
}

// Sleeps as long as both ends say, and no turn comes too late: what has come
// while something was sent is noticed, too.
static void
s_test_bells (void **state)
{
    (void) state;
    t_tcp_t tcp;
    brd_curve_t pair;
    assert_int_equal (brd_curve_make (&pair), 0);
    t_tcp_open_scaled (&tcp, t_tcp_anybody, NULL, 32, 16, 100);
    tcp.sleep_ms = 1000 * T_TCP_SECONDS;
    t_tcp_dial (&tcp, &pair);
    t_tcp_round_trip (&tcp, 0);
    for (int i = 0; i < 500; i++) {
        const int before = tcp.n_got;
        assert_int_equal (t_tcp_send (&tcp, 0, "one", 3), 0);
        // Uses up the bells of what comes meanwhile.
        for (int n = 0; n < i % 5; n++) {
            (void) t_tcp_answer (&tcp, "x", 1);
            assert_int_equal (t_tcp_send (&tcp, 0, "x", 1), 0);
        }
        assert_true (t_tcp_until (&tcp, t_tcp_has_got, before + 1 + i % 5));
        for (int n = 0; n < 1 + i % 5 * 2; n++)
            assert_true (t_tcp_until (&tcp, t_tcp_has_echo, 0));
    }
    t_tcp_close (&tcp);
}

// A host that vanishes: no packet comes from there, not even that it is gone.
static void
s_test_silent_peer (void **state)
{
    (void) state;
    t_tcp_t tcp;
    brd_curve_t pair;
    assert_int_equal (brd_curve_make (&pair), 0);
    t_tcp_open_scaled (&tcp, t_tcp_anybody, NULL, 32, 16, 0.05);
    t_tcp_dial (&tcp, &pair);
    t_tcp_round_trip (&tcp, 0);
    for (int fd = 0; fd < 1024; fd++) {
        struct sockaddr_in at = { .sin_family = AF_UNSPEC };
        socklen_t size = sizeof at;
        if (getpeername (fd, (struct sockaddr *) &at, &size) == 0
            && at.sin_port == t_tcp_port (&tcp))
            assert_int_equal (brd_tcp_door_close (fd, 1), 0);
    }
    assert_int_equal (t_tcp_send (&tcp, 0, "x", 1), 0);
    // Both ends notice, and meet again.
    assert_true (t_tcp_until (&tcp, s_has_count, 2));
    assert_true (t_tcp_until (&tcp, s_peers, 1));
    t_tcp_round_trip (&tcp, 0);
    t_tcp_close (&tcp);
}

// The first address has nobody, the second the listener.
static void
s_test_addresses_in_turn (void **state)
{
    (void) state;
    t_tcp_t tcp;
    brd_curve_t pair;
    assert_int_equal (brd_curve_make (&pair), 0);
    t_tcp_open (&tcp, t_tcp_anybody, NULL, 32, 16);
    const char *const addresses[] = { "tcp://127.0.0.1:1",
                                      brd_tcp_listen_address (tcp.listen) };
    brd_tcp_dial_options_t options = { .addresses = addresses,
                                       .n_addresses = 2,
                                       .pair = pair,
                                       .time_scale = tcp.time_scale };
    memcpy (options.key, tcp.listener.public_key, BRD_CURVE_KEY);
    tcp.dials[tcp.n_dials++] = brd_tcp_dial_new (&options);
    assert_non_null (tcp.dials[0]);
    t_tcp_round_trip (&tcp, 0);
    t_tcp_close (&tcp);
}

static int
s_waits (t_tcp_t *tcp, int n)
{
    return !t_tcp_is_up (tcp, n) && s_says (tcp, n);
}

// Later each time, though it was let in each time.
static void
s_test_patience (void **state)
{
    (void) state;
    t_tcp_t tcp;
    brd_curve_t pair;
    int64_t longest = 0;
    assert_int_equal (brd_curve_make (&pair), 0);
    t_tcp_open_scaled (&tcp, t_tcp_anybody, NULL, 32, 16, 1);
    t_tcp_dial (&tcp, &pair);
    for (int i = 0; i < 5; i++) {
        t_tcp_round_trip (&tcp, 0);
        brd_tcp_listen_drop (tcp.listen, tcp.peer);
        assert_true (t_tcp_until (&tcp, s_waits, 0));
        const int64_t now = brd_clock_now ();
        const int64_t left = brd_tcp_dial_due (tcp.dials[0], now) - now;
        longest = left > longest ? left : longest;
    }
    // The fifth wait is 0.8 to 1.6 s.
    assert_true (longest > 500 * (int64_t) 1000000);
    t_tcp_close (&tcp);
}

// A peer that is dropped comes back as another one.
static void
s_test_drop (void **state)
{
    (void) state;
    t_tcp_t tcp;
    brd_curve_t pair;
    unsigned char first[BRD_TCP_ID];
    assert_int_equal (brd_curve_make (&pair), 0);
    t_tcp_open (&tcp, t_tcp_anybody, NULL, 32, 16);
    t_tcp_dial (&tcp, &pair);
    t_tcp_round_trip (&tcp, 0);
    memcpy (first, tcp.peer, BRD_TCP_ID);
    brd_tcp_listen_drop (tcp.listen, first);
    brd_tcp_listen_drop (tcp.listen, first);
    assert_true (t_tcp_until (&tcp, s_is_gone, 0));
    assert_true (t_tcp_until (&tcp, s_has_count, 2));
    t_tcp_round_trip (&tcp, 0);
    assert_memory_not_equal (first, tcp.peer, BRD_TCP_ID);
    brd_tcp_listen_drop (tcp.listen, first);
    t_tcp_round_trip (&tcp, 0);
    // One that ends is forgotten.
    brd_tcp_dial_destroy (&tcp.dials[0]);
    tcp.n_dials = 0;
    assert_true (t_tcp_until (&tcp, s_peers, 0));
    t_tcp_close (&tcp);
}

// A listener that goes and comes again at the same place with the same key.
static void
s_test_listener_again (void **state)
{
    (void) state;
    t_tcp_t tcp;
    brd_curve_t pair;
    char address[64];
    assert_int_equal (brd_curve_make (&pair), 0);
    t_tcp_open (&tcp, t_tcp_anybody, NULL, 32, 16);
    t_tcp_dial (&tcp, &pair);
    t_tcp_round_trip (&tcp, 0);
    strcpy (address, brd_tcp_listen_address (tcp.listen));
    brd_tcp_listen_destroy (&tcp.listen);
    assert_true (t_tcp_until (&tcp, s_says, 0));
    for (int i = 0; i < 100; i++)
        t_tcp_turn (&tcp);
    assert_false (t_tcp_is_up (&tcp, 0));
    assert_false (t_tcp_is_refused (&tcp, 0));
    assert_int_equal (t_tcp_send (&tcp, 0, "x", 1), -1);
    assert_int_equal (errno, EHOSTUNREACH);
    brd_tcp_listen_options_t options = { .address = address,
                                         .pair = tcp.listener,
                                         .allow = t_tcp_anybody,
                                         .peers_max = 32,
                                         .strangers_max = 16,
                                         .time_scale = tcp.time_scale };
    const int64_t deadline = brd_clock_deadline (20000);
    while (!tcp.listen && brd_clock_now () < deadline) {
        tcp.listen = brd_tcp_listen_new (&options);
        if (!tcp.listen)
            assert_int_equal (errno, EADDRINUSE);
    }
    t_tcp_round_trip (&tcp, 0);
    t_tcp_close (&tcp);
}

// Nobody takes what is sent: it is refused, and nothing that was taken is lost.
static void
s_test_full (void **state)
{
    (void) state;
    t_tcp_t tcp;
    brd_curve_t pair;
    static char bytes[60000];
    int sent = 0;
    assert_int_equal (brd_curve_make (&pair), 0);
    t_tcp_open (&tcp, t_tcp_anybody, NULL, 32, 16);
    t_tcp_dial (&tcp, &pair);
    t_tcp_round_trip (&tcp, 0);
    tcp.is_deaf = 1;
    tcp.echoes = 0;
    tcp.n_got = 0;
    const int64_t deadline = brd_clock_deadline (20000);
    int full = 0;
    while (full < 20 && brd_clock_now () < deadline) {
        if (t_tcp_send (&tcp, 0, bytes, sizeof bytes) == 0) {
            sent++;
            full = 0;
            continue;
        }
        assert_int_equal (errno, EAGAIN);
        full++;
        t_tcp_turn (&tcp);
    }
    assert_int_equal (full, 20);
    // libzmq counts what has left by halves of it.
    assert_true (sent >= BRD_TCP_QUEUE / 2);
    tcp.is_deaf = 0;
    assert_true (t_tcp_until (&tcp, t_tcp_has_got, sent));
    assert_int_equal (tcp.n_got, sent);
    // The other way.
    int answered = 0;
    full = 0;
    while (full < 20 && brd_clock_now () < deadline) {
        if (t_tcp_answer (&tcp, bytes, sizeof bytes) == 0) {
            answered++;
            full = 0;
            continue;
        }
        assert_int_equal (errno, EAGAIN);
        full++;
        t_tcp_turn (&tcp);
    }
    for (int i = 0; i < answered; i++)
        assert_int_equal (t_tcp_until (&tcp, t_tcp_has_echo, 0), sizeof bytes);
    assert_int_equal (t_tcp_has_echo (&tcp, 0), 0);
    t_tcp_close (&tcp);
}

static void
s_bad_dial (const char *address, const char *why)
{
    t_tcp_t tcp = { .time_scale = 0.05, .sleep_ms = 10 };
    brd_curve_t pair;
    assert_int_equal (brd_curve_make (&pair), 0);
    const int one = t_tcp_dial_to (&tcp, address, pair.public_key, &pair);
    assert_true (t_tcp_until (&tcp, s_says, one));
    if (!strstr (brd_tcp_dial_why (tcp.dials[one]), why))
        fail_msg ("%s: %s", address, brd_tcp_dial_why (tcp.dials[one]));
    assert_false (t_tcp_is_refused (&tcp, one));
    t_tcp_close (&tcp);
}

static void
s_test_nobody_there (void **state)
{
    (void) state;
    s_bad_dial ("tcp://127.0.0.1:1", "nobody listens there");
    // Longer than a name can be, so that no name server is asked.
    char address[128] = "tcp://";
    memset (address + 6, 'a', 64);
    strcpy (address + 70, ":5555");
    s_bad_dial (address, address);
    s_bad_dial ("tcp://127.0.0.1", "not of the form");
    s_bad_dial ("tcp://127.0.0.1:0", "not an address to connect to");
    brd_tcp_dial_options_t options = { .addresses =
                                           &(const char *){ "ipc://@here" },
                                       .n_addresses = 1 };
    assert_null (brd_tcp_dial_new (&options));
    assert_int_equal (errno, EINVAL);
}

// The keys of the last one.
static brd_curve_t s_listener;

static brd_tcp_listen_t *
s_listen (const char *address, int peers_max)
{
    assert_int_equal (brd_curve_make (&s_listener), 0);
    return brd_tcp_listen_new (
        &(brd_tcp_listen_options_t){ .address = address,
                                     .pair = s_listener,
                                     .allow = t_tcp_anybody,
                                     .peers_max = peers_max,
                                     .strangers_max = 8,
                                     .time_scale = 1 });
}

// The last is a name that stands for several places, of which one has nobody.
static void
s_test_places (void **state)
{
    (void) state;
    static const struct {
        const char *listen;
        const char *dial;
    } places[] = {
        { "tcp://[::1]:0", "tcp://[::1]" },
        { "tcp://*:0", "tcp://127.0.0.1" },
        { "tcp://localhost:0", "tcp://localhost" },
        { "tcp://127.0.0.1:0", "tcp://localhost" },
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        t_tcp_t tcp = {
            .time_scale = 0.2, .sleep_ms = 10, .admits = 1, .echoes = 1
        };
        char address[80];
        tcp.listen = s_listen (places[i].listen, 16);
        assert_non_null (tcp.listen);
        snprintf (address,
                  sizeof address,
                  "%s%s",
                  places[i].dial,
                  strrchr (brd_tcp_listen_address (tcp.listen), ':'));
        t_tcp_dial_to (&tcp, address, s_listener.public_key, &s_listener);
        t_tcp_round_trip (&tcp, 0);
        t_tcp_close (&tcp);
    }
}

static void
s_test_nowhere_to_listen (void **state)
{
    (void) state;
    struct rlimit limit, low;
    assert_null (s_listen ("ipc://@x", 16));
    assert_int_equal (errno, EINVAL);
    assert_null (s_listen ("tcp://127.0.0.1", 16));
    assert_int_equal (errno, EINVAL);
    brd_tcp_listen_t *one = s_listen ("tcp://127.0.0.1:0", 16);
    assert_non_null (one);
    // Only one is asked for keys.
    assert_null (s_listen ("tcp://127.0.0.1:0", 16));
    assert_int_equal (errno, EADDRINUSE);
    char address[64];
    strcpy (address, brd_tcp_listen_address (one));
    brd_tcp_listen_destroy (&one);

    assert_int_equal (getrlimit (RLIMIT_NOFILE, &limit), 0);
    low = (struct rlimit){ .rlim_cur = 200, .rlim_max = limit.rlim_max };
    assert_int_equal (setrlimit (RLIMIT_NOFILE, &low), 0);
    assert_null (s_listen ("tcp://127.0.0.1:0", 2000000000));
    assert_int_equal (errno, EMFILE);
    one = s_listen ("tcp://127.0.0.1:0", 400);
    assert_non_null (one);
    brd_tcp_listen_destroy (&one);
    // The soft limit is raised, and no further than that needs.
    assert_int_equal (getrlimit (RLIMIT_NOFILE, &low), 0);
    assert_true (low.rlim_cur > 400 && low.rlim_cur < 500);
    assert_int_equal (setrlimit (RLIMIT_NOFILE, &limit), 0);
    brd_zmq_term ();
}

// Nothing is left open.
static void
s_test_descriptors (void **state)
{
    (void) state;
    const int before = t_open_fds ();
    s_test_drop (state);
    assert_true (t_open_fds_fall_to (before));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_round_trips),
        cmocka_unit_test (s_test_bells),
        cmocka_unit_test (s_test_silent_peer),
        cmocka_unit_test (s_test_addresses_in_turn),
        cmocka_unit_test (s_test_patience),
        cmocka_unit_test (s_test_drop),
        cmocka_unit_test (s_test_listener_again),
        cmocka_unit_test (s_test_full),
        cmocka_unit_test (s_test_nobody_there),
        cmocka_unit_test (s_test_places),
        cmocka_unit_test (s_test_nowhere_to_listen),
        cmocka_unit_test (s_test_descriptors),
    };
    t_watchdog (110);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
