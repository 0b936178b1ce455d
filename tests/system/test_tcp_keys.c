// test_tcp_keys.c - who gets in by which key, and who does not
//
// SPDX-License-Identifier: MPL-2.0

#include "t_tcp.h"

#include <stdio.h>
#include <time.h>
#include <zmq.h>

#include "transport/brd_tcp_private.h"
#include "wire/brd_join.h"
#include "wire/brd_token.h"

enum {
    LATER = 3600
};

static int
s_says (t_tcp_t *tcp, int n)
{
    return brd_tcp_dial_why (tcp->dials[n])[0] != '\0';
}

static void
s_assert_why (t_tcp_t *tcp, int n, const char *why)
{
    if (!strstr (brd_tcp_dial_why (tcp->dials[n]), why))
        fail_msg ("%s", brd_tcp_dial_why (tcp->dials[n]));
}

static brd_tcp_stats_t
s_stats (const t_tcp_t *tcp)
{
    brd_tcp_stats_t stats;
    brd_tcp_listen_stats (tcp->listen, &stats);
    return stats;
}

// --- The dialling end is careful, too --------------------------------------

// It knows another key than the listener has: nothing is said to it.
static void
s_test_wrong_server_key (void **state)
{
    (void) state;
    t_tcp_t tcp;
    brd_curve_t pair, other;
    assert_int_equal (brd_curve_make (&pair), 0);
    assert_int_equal (brd_curve_make (&other), 0);
    t_tcp_open (&tcp, t_tcp_anybody, NULL, 32, 16);
    const int one = t_tcp_dial_to (
        &tcp, brd_tcp_listen_address (tcp.listen), other.public_key, &pair);
    assert_true (t_tcp_until (&tcp, t_tcp_is_refused, one));
    s_assert_why (&tcp, one, "another key than the join string says");
    assert_int_equal (brd_tcp_dial_count (tcp.dials[one]), 0);
    assert_int_equal (brd_tcp_dial_due (tcp.dials[one], 0), BRD_NEVER);
    assert_int_equal (t_tcp_send (&tcp, one, "x", 1), -1);
    assert_int_equal (errno, EHOSTUNREACH);
    t_tcp_close (&tcp);
}

// Somebody who speaks ZMTP in the clear has taken the listener's place.
static void
s_test_no_server_key (void **state)
{
    (void) state;
    t_tcp_t tcp = { .time_scale = 0.2, .sleep_ms = 10 };
    brd_curve_t pair;
    char address[64];
    size_t size = sizeof address;
    assert_int_equal (brd_curve_make (&pair), 0);
    void *plain = brd_zmq_socket_new (ZMQ_ROUTER);
    assert_non_null (plain);
    assert_int_equal (zmq_bind (plain, "tcp://127.0.0.1:*"), 0);
    assert_int_equal (zmq_getsockopt (plain, ZMQ_LAST_ENDPOINT, address, &size),
                      0);
    const int one = t_tcp_dial_to (&tcp, address, pair.public_key, &pair);
    assert_true (t_tcp_until (&tcp, t_tcp_is_refused, one));
    s_assert_why (&tcp, one, "is no broker");
    brd_zmq_socket_close (plain);
    t_tcp_close (&tcp);
}

// --- Who may come in -------------------------------------------------------

static int
s_only (void *arg, const unsigned char key[BRD_CURVE_KEY], const char *host)
{
    (void) host;
    return memcmp (key, arg, BRD_CURVE_KEY) == 0;
}

static int
s_has_unheard (t_tcp_t *tcp, int n)
{
    return s_stats (tcp).unheard >= (uint64_t) n;
}

static void
s_test_only_one (void **state)
{
    (void) state;
    t_tcp_t tcp;
    brd_curve_t pair, other;
    assert_int_equal (brd_curve_make (&pair), 0);
    assert_int_equal (brd_curve_make (&other), 0);
    t_tcp_open (&tcp, s_only, pair.public_key, 32, 16);
    const int wrong = t_tcp_dial (&tcp, &other);
    assert_true (t_tcp_until (&tcp, t_tcp_is_refused, wrong));
    s_assert_why (&tcp, wrong, "does not let this key in");
    assert_true (t_tcp_until (&tcp, s_has_unheard, 1));
    assert_int_equal (s_stats (&tcp).refused, 1);
    t_tcp_round_trip (&tcp, t_tcp_dial (&tcp, &pair));
    assert_int_equal (s_stats (&tcp).refused, 1);
    t_tcp_close (&tcp);
}

// Clients in the clear, and with a password: never heard.
static void
s_test_no_client_key (void **state)
{
    (void) state;
    t_tcp_t tcp;
    brd_curve_t pair;
    assert_int_equal (brd_curve_make (&pair), 0);
    t_tcp_open (&tcp, t_tcp_anybody, NULL, 32, 16);
    for (int password = 0; password < 2; password++) {
        void *plain = brd_zmq_socket_new (ZMQ_DEALER);
        assert_non_null (plain);
        if (password) {
            zmq_setsockopt (plain, ZMQ_PLAIN_USERNAME, "brood", 5);
            zmq_setsockopt (plain, ZMQ_PLAIN_PASSWORD, "brood", 5);
        }
        assert_int_equal (
            zmq_connect (plain, brd_tcp_listen_address (tcp.listen)), 0);
        assert_int_equal (zmq_send (plain, "hello", 5, ZMQ_DONTWAIT), 5);
        assert_true (t_tcp_until (&tcp, s_has_unheard, password + 1));
        brd_zmq_socket_close (plain);
    }
    assert_int_equal (tcp.n_got, 0);
    assert_int_equal (s_stats (&tcp).refused, 0);
    t_tcp_round_trip (&tcp, t_tcp_dial (&tcp, &pair));
    t_tcp_close (&tcp);
}

// The socket of a listener, and nobody who answers for keys.
static void
s_test_no_handler (void **state)
{
    (void) state;
    t_tcp_t tcp = { .time_scale = 0.2, .sleep_ms = 10 };
    brd_curve_t pair, listener;
    brd_zmq_msg_t msg;
    char address[64];
    size_t size = sizeof address;
    assert_int_equal (brd_curve_make (&pair), 0);
    assert_int_equal (brd_curve_make (&listener), 0);
    brd_zmq_t *router = brd_tcp_common_router (&listener, tcp.time_scale);
    assert_non_null (router);
    assert_int_equal (zmq_bind (router->socket, "tcp://127.0.0.1:*"), 0);
    assert_int_equal (
        zmq_getsockopt (router->socket, ZMQ_LAST_ENDPOINT, address, &size), 0);
    const int one = t_tcp_dial_to (&tcp, address, listener.public_key, &pair);
    assert_true (t_tcp_until (&tcp, s_says, one));
    for (int i = 0; i < 100; i++)
        t_tcp_turn (&tcp);
    assert_int_equal (brd_tcp_dial_count (tcp.dials[one]), 0);
    assert_int_equal (brd_zmq_take (router, 0, &msg), -1);
    brd_zmq_destroy (&router);
    t_tcp_close (&tcp);
}

// One that makes no turns lets nobody in, and nobody gives up for that.
static void
s_test_no_turns (void **state)
{
    (void) state;
    t_tcp_t tcp;
    brd_curve_t pair;
    assert_int_equal (brd_curve_make (&pair), 0);
    t_tcp_open (&tcp, t_tcp_anybody, NULL, 32, 16);
    // It waits a little longer than the listener, which hangs up therefore.
    tcp.time_scale = 0.3;
    tcp.is_deaf = 1;
    const int one = t_tcp_dial (&tcp, &pair);
    const int64_t deadline = brd_clock_deadline (5000);
    while (brd_clock_now () < deadline) {
        t_tcp_turn (&tcp);
        assert_false (t_tcp_is_up (&tcp, one));
    }
    assert_false (t_tcp_is_refused (&tcp, one));
    tcp.is_deaf = 0;
    t_tcp_round_trip (&tcp, one);
    t_tcp_close (&tcp);
}

// --- Join strings and tokens: all of it together ---------------------------

typedef struct {
    t_tcp_t tcp;
    brd_token_book_t *book;
    brd_join_role_t role;  // What a packet asks for
    int64_t now;           // Seconds
    int admitted;
    int turned_down;
} s_broker_t;

static int
s_is_good (void *arg, const unsigned char key[BRD_CURVE_KEY], const char *host)
{
    const s_broker_t *self = arg;
    (void) host;
    return brd_token_is_good (self->book, key, self->now);
}

static void
s_open (s_broker_t *self)
{
    *self = (s_broker_t){ .book = brd_token_new (), .role = BRD_JOIN_BELOW };
    self->now = 1000000;
    assert_non_null (self->book);
    t_tcp_open (&self->tcp, s_is_good, self, 32, 16);
}

static void
s_close (s_broker_t *self)
{
    t_tcp_close (&self->tcp);
    brd_token_destroy (&self->book);
}

// A join string, as a broker gives it out.
static void
s_give_out (s_broker_t *self,
            brd_join_role_t role,
            int n_uses,
            char text[BRD_JOIN_TEXT_MAX])
{
    brd_curve_t token;
    brd_join_t join = { .role = role, .n_addresses = 1 };
    assert_int_equal (brd_curve_make (&token), 0);
    join.expires = self->now + LATER;
    strcpy (join.addresses[0], brd_tcp_listen_address (self->tcp.listen));
    memcpy (join.key, self->tcp.listener.public_key, BRD_JOIN_KEY);
    memcpy (join.token, token.secret_key, BRD_JOIN_TOKEN);
    assert_int_equal (
        brd_token_add (
            self->book, token.public_key, role, n_uses, join.expires),
        0);
    assert_int_equal (brd_join_print (&join, text), 0);
    brd_join_wipe (&join);
    brd_curve_wipe (&token);
}

// Dials as one who was given this text; the number of the new end.
static int
s_join (s_broker_t *self, const char *text)
{
    brd_join_t join;
    brd_curve_t pair;
    assert_int_equal (brd_join_parse (&join, text, strlen (text)), 0);
    assert_int_equal (brd_curve_of_secret (join.token, &pair), 0);
    return t_tcp_dial_to (&self->tcp, join.addresses[0], join.key, &pair);
}

// The broker: who says something is admitted if its token is good for that.
static void
s_serve (s_broker_t *self)
{
    brd_zmq_msg_t msg;
    unsigned char key[BRD_CURVE_KEY];
    brd_tcp_listen_turn (self->tcp.listen, brd_clock_now ());
    while (brd_tcp_listen_recv (self->tcp.listen, &msg) == 0) {
        brd_tcp_listen_key (&msg, key);
        if (brd_token_use (self->book, key, self->role, self->now) == 0) {
            assert_int_equal (brd_tcp_listen_admit (self->tcp.listen, &msg), 0);
            self->admitted++;
        }
        else {
            brd_tcp_listen_drop (self->tcp.listen, msg.peer);
            self->turned_down++;
        }
        brd_zmq_msg_done (&msg);
    }
}

// Until so many were admitted and turned down; dials say hello when they can.
static void
s_until (s_broker_t *self, int dial, int admitted, int turned_down)
{
    uint64_t said = 0;
    const int64_t deadline = brd_clock_deadline (T_TCP_SECONDS * 1000);
    self->tcp.is_deaf = 1;
    while (self->admitted < admitted || self->turned_down < turned_down) {
        assert_true (brd_clock_now () < deadline);
        s_serve (self);
        t_tcp_turn (&self->tcp);
        const uint64_t count = brd_tcp_dial_count (self->tcp.dials[dial]);
        if (count > said && t_tcp_send (&self->tcp, dial, "hello", 5) == 0)
            said = count;
    }
    assert_int_equal (self->admitted, admitted);
    assert_int_equal (self->turned_down, turned_down);
    self->tcp.is_deaf = 0;
}

static void
s_refused (s_broker_t *self, int dial)
{
    assert_true (t_tcp_until (&self->tcp, t_tcp_is_refused, dial));
    s_assert_why (&self->tcp, dial, "used up, expired or withdrawn");
    assert_int_equal (brd_tcp_dial_count (self->tcp.dials[dial]), 0);
}

// Once is once: the second is not even let in.
static void
s_test_token_used_up (void **state)
{
    (void) state;
    s_broker_t broker;
    char text[BRD_JOIN_TEXT_MAX];
    s_open (&broker);
    s_give_out (&broker, BRD_JOIN_BELOW, 1, text);
    s_until (&broker, s_join (&broker, text), 1, 0);
    s_refused (&broker, s_join (&broker, text));
    assert_int_equal (broker.admitted, 1);
    s_close (&broker);
}

// Twice, at the same time: both are let in, and one is admitted.
static void
s_test_token_twice_at_once (void **state)
{
    (void) state;
    s_broker_t broker;
    char text[BRD_JOIN_TEXT_MAX];
    s_open (&broker);
    s_give_out (&broker, BRD_JOIN_BELOW, 1, text);
    const int one = s_join (&broker, text), two = s_join (&broker, text);
    assert_true (t_tcp_until (&broker.tcp, t_tcp_is_up, one));
    assert_true (t_tcp_until (&broker.tcp, t_tcp_is_up, two));
    assert_int_equal (t_tcp_send (&broker.tcp, one, "hello", 5), 0);
    s_until (&broker, two, 1, 1);
    s_close (&broker);
}

static void
s_test_token_expired (void **state)
{
    (void) state;
    s_broker_t broker;
    char text[BRD_JOIN_TEXT_MAX];
    s_open (&broker);
    s_give_out (&broker, BRD_JOIN_BELOW, 5, text);
    s_until (&broker, s_join (&broker, text), 1, 0);
    broker.now += LATER;
    s_refused (&broker, s_join (&broker, text));
    s_close (&broker);
}

static void
s_test_token_withdrawn (void **state)
{
    (void) state;
    s_broker_t broker;
    char text[BRD_JOIN_TEXT_MAX];
    brd_join_t join;
    brd_curve_t pair;
    s_open (&broker);
    s_give_out (&broker, BRD_JOIN_BELOW, 5, text);
    assert_int_equal (brd_join_parse (&join, text, strlen (text)), 0);
    assert_int_equal (brd_curve_of_secret (join.token, &pair), 0);
    brd_token_revoke (broker.book, pair.public_key);
    s_refused (&broker, s_join (&broker, text));
    s_close (&broker);
}

// It gets in, is not admitted, and has used nothing.
static void
s_test_token_of_another_role (void **state)
{
    (void) state;
    s_broker_t broker;
    char text[BRD_JOIN_TEXT_MAX];
    s_open (&broker);
    s_give_out (&broker, BRD_JOIN_WATCH, 1, text);
    const int one = s_join (&broker, text);
    s_until (&broker, one, 0, 1);
    broker.role = BRD_JOIN_WATCH;
    s_until (&broker, one, 1, 1);
    s_close (&broker);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_wrong_server_key),
        cmocka_unit_test (s_test_no_server_key),
        cmocka_unit_test (s_test_only_one),
        cmocka_unit_test (s_test_no_client_key),
        cmocka_unit_test (s_test_no_handler),
        cmocka_unit_test (s_test_no_turns),
        cmocka_unit_test (s_test_token_used_up),
        cmocka_unit_test (s_test_token_twice_at_once),
        cmocka_unit_test (s_test_token_expired),
        cmocka_unit_test (s_test_token_withdrawn),
        cmocka_unit_test (s_test_token_of_another_role),
    };
    t_watchdog (110);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
