// test_wan_strangers.c - who does not get into a session, and what it is told
//
// SPDX-License-Identifier: MPL-2.0

#include "t_wan.h"

#include "base/brd_log.h"

// --- What the listener's log has -------------------------------------------

static char s_log[8192];

// All of brood's lines here are of one thread.
static void
s_take_line (const brood_log_line_t *line, void *arg)
{
    (void) arg;
    const size_t size = strlen (s_log);
    snprintf (s_log + size, sizeof s_log - size, "%s\n", line->text);
}

static int
s_setup (void **state)
{
    (void) state;
    s_log[0] = '\0';
    brd_log_set_sink (BROOD_LOG_INFO, s_take_line, NULL);
    return 0;
}

static int
s_teardown (void **state)
{
    (void) state;
    brd_log_set_sink (0, NULL, NULL);
    return 0;
}

static void
s_is_logged (const char *text)
{
    if (!strstr (s_log, text))
        fail_msg ("no \"%s\" in: %s", text, s_log);
}

// Tries to join, and is told this.
static void
s_refused (t_wan_t *wan, brd_join_t join, const char *told)
{
    const int sessions = wan->n_sessions;
    const int n = t_wan_join (wan, join);
    assert_true (t_wan_until (wan, t_wan_dial_is_gone, n));
    assert_int_equal (t_wan_state (&wan->dials[n]), BRD_WAN_REFUSED);
    if (!strstr (brd_wan_dial_why (wan->dials[n].dial), told))
        fail_msg ("%s", brd_wan_dial_why (wan->dials[n].dial));
    assert_string_equal (brd_wan_line_why (wan->dials[n].peer),
                         brd_wan_dial_why (wan->dials[n].dial));
    assert_int_equal (t_wan_send (&wan->dials[n], 100), -1);
    assert_int_equal (errno, EPIPE);
    brd_wan_dial_destroy (&wan->dials[n].dial);
    wan->n_dials--;
    assert_int_equal (wan->n_sessions, sessions);
}

// --- Keys and tokens -------------------------------------------------------

static void
s_test_unknown_key (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 0.2);
    s_refused (&wan,
               t_wan_token (&wan, BRD_JOIN_BELOW, 0),
               "does not let this key in");
    assert_true (t_wan_stats (&wan).tcp.refused > 0);
    t_wan_close (&wan);
}

static void
s_test_wrong_listener (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 0.2);
    brd_join_t join = t_wan_token (&wan, BRD_JOIN_BELOW, 1);
    join.key[3] ^= 1;
    s_refused (&wan, join, "another key");
    assert_int_equal (t_wan_stats (&wan).refused, 0);
    t_wan_close (&wan);
}

// The key may come in, for it has a session; but it is not for another.
static void
s_test_used_up (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 1.0);
    const brd_join_t join = t_wan_token (&wan, BRD_JOIN_BELOW, 1);
    t_wan_meet (&wan, join);
    s_refused (&wan, join, "refuses: not admitted");
    s_is_logged ("node7, process ");
    s_is_logged ("is refused: a token that is used up");
    assert_int_equal (t_wan_send (&wan.sessions[0], 100), 0);
    assert_true (t_wan_until (&wan, t_wan_has_all, 0));
    assert_int_equal (t_wan_stats (&wan).refused, 1);
    t_wan_close (&wan);
}

static void
s_test_expired (void **state)
{
    (void) state;
    t_wan_t wan;
    brd_curve_t token;
    t_wan_open (&wan, 0.2);
    brd_join_t join = t_wan_token (&wan, BRD_JOIN_BELOW, 0);
    assert_int_equal (brd_curve_of_secret (join.token, &token), 0);
    assert_int_equal (
        brd_token_add (
            wan.book, token.public_key, BRD_JOIN_BELOW, 1, time (NULL) - 1),
        0);
    s_refused (&wan, join, "expired");
    t_wan_close (&wan);
}

// It is told nothing about the token, which is as good as before.
static void
s_test_role (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 1.0);
    brd_join_t join = t_wan_token (&wan, BRD_JOIN_BELOW, 1);
    join.role = BRD_JOIN_ABOVE;
    s_refused (&wan, join, "refuses: not admitted");
    s_is_logged ("a token of another role");
    join.role = BRD_JOIN_BELOW;
    t_wan_meet (&wan, join);
    t_wan_close (&wan);
}

// --- Programs --------------------------------------------------------------

static void
s_test_build (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 1.0);
    brd_wan_listen_destroy (&wan.listen);
    wan.wanted = wan.who;
    t_wan_listen (&wan);
    const brd_join_t join = t_wan_token (&wan, BRD_JOIN_BELOW, 1);
    wan.who.build[3] ^= 1;
    s_refused (&wan, join, "another build");
    s_is_logged ("another build");
    wan.who.build_size = 3;
    s_refused (&wan, join, "another build");
    wan.who.build_size = 0;
    s_refused (&wan, join, "another build");
    // Who only looks is another program by nature.
    t_wan_meet (&wan, t_wan_token (&wan, BRD_JOIN_WATCH, 1));
    wan.who = wan.wanted;
    t_wan_meet (&wan, join);
    t_wan_close (&wan);
}

static void
s_test_scale (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 1.0);
    const brd_join_t join = t_wan_token (&wan, BRD_JOIN_BELOW, 1);
    wan.scale = 0.5;
    s_refused (&wan, join, "BROOD_TIME_SCALE");
    wan.scale = 1.0;
    t_wan_meet (&wan, join);
    t_wan_close (&wan);
}

static void
s_test_full (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 1.0);
    const brd_join_t join = t_wan_token (&wan, BRD_JOIN_BELOW, 5);
    for (int i = 0; i < 4; i++)
        t_wan_meet (&wan, join);
    s_refused (&wan, join, "as many here as there may be");
    t_wan_destroy (&wan.sessions[2]);
    t_wan_pass (&wan, 1);
    t_wan_meet (&wan, join);
    t_wan_close (&wan);
}

// What the owner says is told, as text.
static void
s_test_owner (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 1.0);
    const brd_join_t join = t_wan_token (&wan, BRD_JOIN_BELOW, 1);
    wan.refuses = "go \033[31maway";
    s_refused (&wan, join, "refuses: go ?[31maway");
    wan.refuses = NULL;
    t_wan_meet (&wan, join);
    assert_int_equal (t_wan_stats (&wan).sessions, 1);
    t_wan_close (&wan);
}

// What a program cannot be is found before anybody is asked.
static void
s_test_bad_options (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 1.0);
    brd_join_t join = t_wan_token (&wan, BRD_JOIN_BELOW, 1);
    for (int i = 0; i < 8; i++) {
        brd_wan_dial_options_t options = { .join = &join,
                                           .who = wan.who,
                                           .time_scale = 1.0 };
        options.who.role = i == 0 ? BRD_JOIN_ABOVE : BRD_JOIN_BELOW;
        options.who.host[0] = i == 1 ? '\0' : i == 2 ? '\n' : 'n';
        options.who.pid = i == 3 ? 0 : 1;
        options.who.lease_ms = i == 4   ? BRD_WAN_LEASE_MS_MIN - 1
                               : i == 5 ? BRD_WAN_LEASE_MS_MAX + 1
                                        : 0;
        options.time_scale = i == 6 ? 0 : 1.0;
        options.who.build_size = i == 7 ? BRD_HELLO_BUILD_MAX + 1 : 0;
        assert_null (brd_wan_dial_new (&options));
        assert_int_equal (errno, EINVAL);
        assert_int_equal (brd_error_get ()->error, EINVAL);
    }
    // There is one in a process.
    brd_wan_listen_destroy (&wan.listen);
    for (int i = 0; i < 5; i++) {
        const brd_wan_listen_options_t options = {
            .address = i == 4 ? "ipc://x" : "tcp://127.0.0.1:0",
            .pair = wan.pair,
            .book = wan.book,
            .build_size = i == 0 ? BRD_HELLO_BUILD_MAX + 1 : 0,
            .joined = t_wan_joined,
            .sessions_max = i == 1 ? 0 : 1,
            .strangers_max = i == 2 ? 0 : 1,
            .time_scale = i == 3 ? 0 : 1.0
        };
        assert_null (brd_wan_listen_new (&options));
        assert_int_equal (errno, EINVAL);
    }
    strcpy (join.addresses[0], "ipc://x");
    brd_wan_dial_options_t options = { .join = &join,
                                       .who = wan.who,
                                       .time_scale = 1.0 };
    options.who.role = BRD_JOIN_BELOW;
    assert_null (brd_wan_dial_new (&options));
    assert_int_equal (errno, EINVAL);
    t_wan_close (&wan);
}

// --- Those that say what they like -----------------------------------------

typedef struct {
    brd_tcp_dial_t *tcp;
    brd_curve_t pair;
    brd_hello_t hello;
    brd_hello_t answer;
    int n_answers;
} s_raw_t;

static s_raw_t s_raws[4];

// What it says first is a HELLO all right.
static void
s_raw_open (t_wan_t *wan, int n, const brd_join_t *join)
{
    s_raw_t *self = &s_raws[n];
    const char *address = brd_wan_listen_address (wan->listen);
    brd_tcp_dial_options_t options = { .addresses = &address,
                                       .n_addresses = 1,
                                       .time_scale = wan->scale };
    *self = (s_raw_t){ .n_answers = 0 };
    memcpy (options.key, join->key, BRD_CURVE_KEY);
    assert_int_equal (brd_curve_of_secret (join->token, &self->pair), 0);
    options.pair = self->pair;
    self->tcp = brd_tcp_dial_new (&options);
    assert_non_null (self->tcp);
    self->hello = (brd_hello_t){ .type = BRD_HELLO_HELLO,
                                 .version = BRD_HELLO_VERSION,
                                 .who = wan->who,
                                 .epoch = 77,
                                 .session = "0123456789abcde" };
    self->hello.who.role = join->role;
    self->hello.who.lease_ms = BRD_WAN_LEASE_MS;
    self->hello.who.scale_millionths = (uint32_t) (wan->scale * 1e6 + 0.5);
    wan->sleep_ms = 5;
}

static int
s_raw_is_up (t_wan_t *wan, int n)
{
    (void) wan;
    return brd_tcp_dial_turn (s_raws[n].tcp, brd_clock_now ()) == BRD_TCP_UP;
}

static int
s_raw_is_down (t_wan_t *wan, int n)
{
    return !s_raw_is_up (wan, n);
}

static int
s_raw_has_answer (t_wan_t *wan, int n)
{
    s_raw_t *self = &s_raws[n];
    brd_zmq_msg_t msg;
    (void) s_raw_is_up (wan, n);
    if (brd_tcp_dial_recv (self->tcp, &msg) < 0)
        return 0;
    // After WELCOME come packets of the channel.
    if (brd_hello_get (msg.bytes, msg.size, &self->answer) == 0)
        self->n_answers++;
    brd_zmq_msg_done (&msg);
    return self->n_answers;
}

static void
s_raw_say (t_wan_t *wan, int n, const void *bytes, size_t size)
{
    brd_buf_t out;
    assert_true (t_wan_until (wan, s_raw_is_up, n));
    brd_buf_init (&out, BRD_TCP_SIZE_MAX);
    assert_int_equal (brd_buf_add (&out, bytes, size), 0);
    assert_int_equal (brd_tcp_dial_send (s_raws[n].tcp, &out), 0);
    brd_buf_fini (&out);
}

static void
s_raw_hello (t_wan_t *wan, int n)
{
    unsigned char bytes[BRD_HELLO_SIZE_MAX];
    s_raws[n].n_answers = 0;
    s_raw_say (wan, n, bytes, brd_hello_put (bytes, &s_raws[n].hello));
}

static void
s_raw_is_told (t_wan_t *wan, int n, brd_hello_reason_t reason, const char *text)
{
    s_raw_hello (wan, n);
    assert_true (t_wan_until (wan, s_raw_has_answer, n));
    const brd_hello_t *answer = &s_raws[n].answer;
    assert_int_equal (answer->type, BRD_HELLO_REFUSED);
    assert_int_equal (answer->reason, reason);
    if (!strstr (answer->text, text))
        fail_msg ("%s", answer->text);
}

static void
s_raw_is_welcome (t_wan_t *wan, int n)
{
    s_raw_hello (wan, n);
    assert_true (t_wan_until (wan, s_raw_has_answer, n));
    assert_int_equal (s_raws[n].answer.type, BRD_HELLO_WELCOME);
}

static void
s_raw_close (void)
{
    for (size_t i = 0; i < sizeof s_raws / sizeof s_raws[0]; i++)
        brd_tcp_dial_destroy (&s_raws[i].tcp);
}

static void
s_test_versions (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 1.0);
    const brd_join_t join = t_wan_token (&wan, BRD_JOIN_BELOW, 1);
    s_raw_open (&wan, 0, &join);
    s_raws[0].hello.version = 2;
    s_raw_is_told (&wan, 0, BRD_HELLO_NO, "protocol version 2");
    s_is_logged ("a stranger is refused: protocol version 2");
    s_raws[0].hello.version = BRD_HELLO_VERSION;
    s_raws[0].hello.who.lease_ms = BRD_WAN_LEASE_MS_MIN - 1;
    s_raw_is_told (&wan, 0, BRD_HELLO_NO, "a lease");
    s_raws[0].hello.who.lease_ms = BRD_WAN_LEASE_MS_MAX + 1;
    s_raw_is_told (&wan, 0, BRD_HELLO_NO, "a lease");
    s_raw_open (&wan, 1, &join);
    s_raw_is_welcome (&wan, 1);
    s_raw_close ();
    t_wan_close (&wan);
}

// A token that was taken back after the handshake.
static void
s_test_withdrawn (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 1.0);
    const brd_join_t join = t_wan_token (&wan, BRD_JOIN_BELOW, 1);
    s_raw_open (&wan, 0, &join);
    assert_true (t_wan_until (&wan, s_raw_is_up, 0));
    brd_token_revoke (wan.book, s_raws[0].pair.public_key);
    s_raw_is_told (&wan, 0, BRD_HELLO_NO, "not admitted");
    s_is_logged ("an unknown token");
    s_raw_close ();
    t_wan_close (&wan);
}

// Whoever did not hear WELCOME says the same again: one session, one use. The
// newer connection is the session's, and the older is hung up on.
static void
s_test_same_session (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 1.0);
    const brd_join_t join = t_wan_token (&wan, BRD_JOIN_BELOW, 1);
    s_raw_open (&wan, 0, &join);
    s_raw_is_welcome (&wan, 0);
    const uint64_t epoch = s_raws[0].answer.epoch;
    s_raw_open (&wan, 1, &join);
    s_raw_is_welcome (&wan, 1);
    assert_int_equal (s_raws[1].answer.epoch, epoch);
    assert_true (t_wan_until (&wan, s_raw_is_down, 0));
    s_raw_open (&wan, 2, &join);
    s_raws[2].hello.peer = epoch;
    s_raw_is_welcome (&wan, 2);
    assert_true (t_wan_until (&wan, s_raw_is_down, 1));
    const brd_wan_stats_t stats = t_wan_stats (&wan);
    assert_int_equal (stats.joined, 1);
    assert_int_equal (stats.resumed, 2);
    assert_int_equal (stats.connected, 1);
    assert_int_equal (wan.n_sessions, 1);
    s_raw_close ();
    t_wan_close (&wan);
}

// Neither with another key, nor another id, nor other epochs.
static void
s_test_other_session (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 1.0);
    const brd_join_t join = t_wan_token (&wan, BRD_JOIN_BELOW, 2);
    const brd_join_t other = t_wan_token (&wan, BRD_JOIN_BELOW, 1);
    s_raw_open (&wan, 0, &join);
    s_raw_is_welcome (&wan, 0);
    const uint64_t epoch = s_raws[0].answer.epoch;
    s_raw_open (&wan, 1, &other);
    s_raws[1].hello.peer = epoch;
    s_raw_is_told (&wan, 1, BRD_HELLO_OVER, "over");
    s_raws[1].hello.peer = 0;
    s_raw_is_welcome (&wan, 1);
    assert_true (s_raws[1].answer.epoch != epoch);
    s_raw_open (&wan, 2, &join);
    s_raws[2].hello.epoch++;
    s_raw_is_told (&wan, 2, BRD_HELLO_OVER, "over");
    s_raws[2].hello.epoch--;
    s_raws[2].hello.peer = epoch + 1;
    s_raw_is_told (&wan, 2, BRD_HELLO_OVER, "over");
    s_raws[2].hello.peer = 0;
    s_raws[2].hello.session[5]++;
    s_raw_is_welcome (&wan, 2);
    assert_true (s_raws[2].answer.epoch != epoch);
    assert_int_equal (wan.n_sessions, 3);
    assert_int_equal (t_wan_stats (&wan).resumed, 0);
    assert_int_equal (t_wan_stats (&wan).connected, 3);
    assert_int_equal (s_raw_is_up (&wan, 0), 1);
    s_raw_close ();
    t_wan_close (&wan);
}

// A HELLO that is none is not answered, and nobody else notices.
static void
s_test_garbage (void **state)
{
    (void) state;
    t_wan_t wan;
    unsigned char bytes[BRD_HELLO_SIZE_MAX];
    t_wan_open (&wan, 1.0);
    t_wan_meet (&wan, t_wan_token (&wan, BRD_JOIN_BELOW, 1));
    const brd_join_t join = t_wan_token (&wan, BRD_JOIN_BELOW, 1);
    for (int i = 0; i < 4; i++) {
        s_raw_open (&wan, 0, &join);
        size_t size = brd_hello_put (bytes, &s_raws[0].hello);
        if (i == 0)
            size--;
        else if (i == 1)
            memset (bytes, 0xff, sizeof bytes);
        else if (i == 2)
            bytes[8] = 9;
        else {
            s_raws[0].hello.type = BRD_HELLO_WELCOME;
            size = brd_hello_put (bytes, &s_raws[0].hello);
        }
        s_raw_say (&wan, 0, bytes, size);
        assert_true (t_wan_until (&wan, s_raw_is_down, 0));
        assert_int_equal (s_raws[0].n_answers, 0);
        assert_int_equal (t_wan_stats (&wan).garbage, i + 1);
        s_raw_close ();
        assert_int_equal (t_wan_send (&wan.dials[0], 1000), 0);
        assert_true (t_wan_until (&wan, t_wan_has_all, 0));
    }
    assert_int_equal (wan.n_sessions, 1);
    t_wan_close (&wan);
}

// Who was admitted and says what no channel does harms its own session only.
static void
s_test_garbage_within (void **state)
{
    (void) state;
    t_wan_t wan;
    t_wan_open (&wan, 1.0);
    const brd_join_t join = t_wan_token (&wan, BRD_JOIN_BELOW, 1);
    t_wan_meet (&wan, t_wan_token (&wan, BRD_JOIN_BELOW, 1));
    s_raw_open (&wan, 0, &join);
    s_raw_is_welcome (&wan, 0);
    s_raw_hello (&wan, 0);
    assert_true (t_wan_until (&wan, t_wan_session_is_gone, 1));
    assert_int_equal (t_wan_state (&wan.sessions[1]), BRD_WAN_BROKEN);
    assert_true (t_wan_until (&wan, s_raw_is_down, 0));
    s_is_logged ("is gone: a packet that is not a channel's");
    assert_int_equal (t_wan_stats (&wan).sessions, 1);
    assert_int_equal (t_wan_send (&wan.dials[0], 1000), 0);
    assert_true (t_wan_until (&wan, t_wan_has_all, 0));
    s_raw_close ();
    t_wan_close (&wan);
}

// --- Many ------------------------------------------------------------------

// Strangers of all kinds come and stay, while a session works.
static void
s_test_flood (void **state)
{
    (void) state;
    t_wan_t wan;
    int fds[100];
    const size_t n = sizeof fds / sizeof fds[0];
    t_wan_open (&wan, 0.1);
    wan.who.lease_ms = 3600000;
    t_wan_meet (&wan, t_wan_token (&wan, BRD_JOIN_BELOW, 1));
    const brd_join_t join = t_wan_token (&wan, BRD_JOIN_BELOW, 1);
    s_raw_open (&wan, 0, &join);
    assert_true (t_wan_until (&wan, s_raw_is_up, 0));
    for (size_t i = 0; i < n; i++) {
        fds[i] = t_wan_connect (wan.proxy->to);
        if (i % 3 == 0)
            (void) send (fds[i], "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL);
        if (i % 10 == 0) {
            assert_int_equal (t_wan_send (&wan.dials[0], 20000), 0);
            assert_int_equal (t_wan_send (&wan.sessions[0], 20000), 0);
        }
        t_wan_pass (&wan, 1);
    }
    assert_true (t_wan_until (&wan, t_wan_has_all, 0));
    assert_int_equal (wan.sessions[0].got, 10);
    assert_int_equal (wan.proxy->accepted, 1);
    // The one with a good key who says nothing is sent away like them.
    assert_true (t_wan_until (&wan, s_raw_is_down, 0));
    for (size_t i = 0; i < n; i++)
        close (fds[i]);
    // And who comes now gets in.
    t_wan_meet (&wan, join);
    s_raw_close ();
    t_wan_close (&wan);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (
            s_test_unknown_key, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (
            s_test_wrong_listener, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_test_used_up, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_test_expired, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_test_role, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_test_build, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_test_scale, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_test_full, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_test_owner, s_setup, s_teardown),
        cmocka_unit_test (s_test_bad_options),
        cmocka_unit_test_setup_teardown (s_test_versions, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown (s_test_withdrawn, s_setup, s_teardown),
        cmocka_unit_test (s_test_same_session),
        cmocka_unit_test (s_test_other_session),
        cmocka_unit_test (s_test_garbage),
        cmocka_unit_test_setup_teardown (
            s_test_garbage_within, s_setup, s_teardown),
        cmocka_unit_test (s_test_flood),
    };
    t_watchdog (110);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
