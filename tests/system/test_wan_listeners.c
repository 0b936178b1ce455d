// test_wan_listeners.c - what a dialler does about listeners that are odd
//
// SPDX-License-Identifier: MPL-2.0

#include "t_wan.h"

// --- One that answers as it is told ----------------------------------------

typedef struct {
    brd_tcp_listen_t *tcp;
    unsigned char bytes[BRD_HELLO_SIZE_MAX];  // What it says to a HELLO
    size_t size;                              // 0: nothing
    int n_hellos;
    brd_hello_t first;
    brd_hello_t last;
} s_odd_t;

static s_odd_t s_odd;

static int
s_anybody (void *arg, const unsigned char key[BRD_CURVE_KEY], const char *host)
{
    (void) arg;
    (void) key;
    (void) host;
    return 1;
}

static void
s_open (t_wan_t *wan, double scale)
{
    t_wan_open (wan, scale);
    brd_wan_listen_destroy (&wan->listen);
    s_odd = (s_odd_t){ .size = 0 };
    s_odd.tcp = brd_tcp_listen_new (
        &(brd_tcp_listen_options_t){ .address = "tcp://127.0.0.1:0",
                                     .pair = wan->pair,
                                     .allow = s_anybody,
                                     .peers_max = 16,
                                     .strangers_max = 16,
                                     .time_scale = 10.0 });
    assert_non_null (s_odd.tcp);
    const char *colon = strrchr (brd_tcp_listen_address (s_odd.tcp), ':');
    wan->proxy->to = htons ((uint16_t) strtol (colon + 1, NULL, 10));
    wan->sleep_ms = 5;
    t_wan_join (wan, t_wan_token (wan, BRD_JOIN_BELOW, 0));
}

static void
s_close (t_wan_t *wan)
{
    brd_tcp_listen_destroy (&s_odd.tcp);
    t_wan_close (wan);
}

static void
s_answers (brd_hello_type_t type, uint64_t epoch, uint16_t version)
{
    brd_hello_t hello = { .type = type,
                          .version = version,
                          .epoch = epoch,
                          .reason = BRD_HELLO_NO,
                          .text = "because",
                          .who = { .role = BRD_JOIN_BELOW,
                                   .pid = 1,
                                   .scale_millionths = 1,
                                   .host = "h" },
                          .session = "s" };
    s_odd.size = brd_hello_put (s_odd.bytes, &hello);
}

static void
s_turn (void)
{
    brd_zmq_msg_t msg;
    brd_buf_t out;
    brd_tcp_listen_turn (s_odd.tcp, brd_clock_now ());
    while (brd_tcp_listen_recv (s_odd.tcp, &msg) == 0) {
        // After WELCOME it is the channel that speaks.
        if (brd_hello_get (msg.bytes, msg.size, &s_odd.last) == 0) {
            if (s_odd.n_hellos++ == 0)
                s_odd.first = s_odd.last;
            brd_buf_init (&out, BRD_TCP_SIZE_MAX);
            assert_int_equal (brd_buf_add (&out, s_odd.bytes, s_odd.size), 0);
            if (s_odd.size > 0)
                assert_int_equal (
                    brd_tcp_listen_send (s_odd.tcp, msg.peer, &out), 0);
            brd_buf_fini (&out);
        }
        brd_zmq_msg_done (&msg);
    }
}

static int
s_has_hellos (t_wan_t *wan, int n)
{
    (void) wan;
    s_turn ();
    return s_odd.n_hellos >= n;
}

static int
s_is_gone (t_wan_t *wan, int n)
{
    s_turn ();
    return wan->dials[n].is_gone;
}

static void
s_ends (t_wan_t *wan, brd_wan_state_t state, const char *why)
{
    assert_true (t_wan_until (wan, s_is_gone, 0));
    assert_int_equal (t_wan_state (&wan->dials[0]), state);
    if (!strstr (brd_wan_dial_why (wan->dials[0].dial), why))
        fail_msg ("%s", brd_wan_dial_why (wan->dials[0].dial));
}

// --- And what comes of it --------------------------------------------------

// What it says of itself does not change, but for what it has learnt.
static void
s_test_hellos (void **state)
{
    (void) state;
    t_wan_t wan;
    s_open (&wan, 0.1);
    assert_true (t_wan_until (&wan, s_has_hellos, 1));
    assert_int_equal (s_odd.first.peer, 0);
    // Nobody has answered.
    t_wan_proxy_cut (wan.proxy);
    s_answers (BRD_HELLO_WELCOME, 5, BRD_HELLO_VERSION);
    assert_true (t_wan_until (&wan, s_has_hellos, 2));
    assert_memory_equal (&s_odd.last, &s_odd.first, sizeof s_odd.last);
    t_wan_pass (&wan, 10);
    t_wan_proxy_cut (wan.proxy);
    assert_true (t_wan_until (&wan, s_has_hellos, 3));
    assert_int_equal (s_odd.last.peer, 5);
    s_odd.last.peer = 0;
    assert_memory_equal (&s_odd.last, &s_odd.first, sizeof s_odd.last);
    s_close (&wan);
}

// Another epoch is another listener.
static void
s_test_other_epoch (void **state)
{
    (void) state;
    t_wan_t wan;
    s_open (&wan, 0.1);
    s_answers (BRD_HELLO_WELCOME, 5, BRD_HELLO_VERSION);
    assert_true (t_wan_until (&wan, s_has_hellos, 1));
    t_wan_pass (&wan, 10);
    assert_int_equal (wan.dials[0].is_gone, 0);
    t_wan_proxy_cut (wan.proxy);
    s_answers (BRD_HELLO_WELCOME, 6, BRD_HELLO_VERSION);
    s_ends (&wan, BRD_WAN_STALE, "restarted");
    s_close (&wan);
}

static void
s_test_answers (void **state)
{
    (void) state;
    static const struct {
        brd_hello_type_t type;
        uint16_t version;
        brd_wan_state_t state;
        const char *why;
    } answers[] = {
        { BRD_HELLO_REFUSED, 1, BRD_WAN_REFUSED, "refuses: because" },
        { BRD_HELLO_REFUSED, 9, BRD_WAN_REFUSED, "refuses: because" },
        { BRD_HELLO_WELCOME, 2, BRD_WAN_BROKEN, "protocol version 2" },
        { BRD_HELLO_HELLO, 1, BRD_WAN_BROKEN, "a HELLO" },
    };
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        t_wan_t wan;
        s_open (&wan, 0.1);
        s_answers (answers[i].type, 5, answers[i].version);
        s_ends (&wan, answers[i].state, answers[i].why);
        s_close (&wan);
    }
}

static void
s_test_garbage (void **state)
{
    (void) state;
    t_wan_t wan;
    s_open (&wan, 0.1);
    memset (s_odd.bytes, 'x', sizeof s_odd.bytes);
    s_odd.size = 100;
    s_ends (&wan, BRD_WAN_BROKEN, "not what is said before a session");
    s_close (&wan);
}

// Who does not answer is left for another connection, over and over.
static void
s_test_no_answer (void **state)
{
    (void) state;
    t_wan_t wan;
    s_open (&wan, 0.05);
    assert_true (t_wan_until (&wan, s_has_hellos, 2));
    s_ends (&wan, BRD_WAN_LOST, "the broker does not answer");
    assert_true (s_odd.n_hellos > 1);
    s_close (&wan);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_hellos),
        cmocka_unit_test (s_test_other_epoch),
        cmocka_unit_test (s_test_answers),
        cmocka_unit_test (s_test_garbage),
        cmocka_unit_test (s_test_no_answer),
    };
    t_watchdog (110);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
