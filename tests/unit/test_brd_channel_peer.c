// test_brd_channel_peer.c - who is at a channel's other end, and since when not
//
// SPDX-License-Identifier: MPL-2.0

#include "t_channel.h"

static unsigned char s_bytes[BRD_CHANNEL_PACKET_MAX];

static brd_channel_packet_t
s_packet (brd_channel_t *self, int64_t now, size_t *ret_size)
{
    brd_channel_packet_t packet;
    *ret_size = t_channel_packet (self, now, s_bytes);
    assert_int_equal (brd_channel_codec_get (s_bytes, *ret_size, &packet), 0);
    return packet;
}

// --- Opening ---------------------------------------------------------------

static void
s_test_opening (void **state)
{
    (void) state;
    size_t size;
    brd_channel_t *a = t_channel_new ((brd_channel_options_t){ .epoch = 1 }, 5);
    brd_channel_t *b = t_channel_new ((brd_channel_options_t){ .epoch = 2 }, 5);
    assert_int_equal (brd_channel_state (a, 5), BRD_CHANNEL_OPENING);
    assert_int_equal (brd_channel_deadline (a), 5);
    // Messages wait until it is known to whom they go.
    assert_int_equal (t_channel_send (a, 1, 10), 0);
    assert_false (brd_channel_room (a, 10));
    brd_channel_packet_t packet = s_packet (a, 5, &size);
    assert_true (packet.type == BRD_CHANNEL_HELLO && packet.to == 0);
    assert_int_equal (t_channel_packet (a, 5, s_bytes + size), 0);
    assert_int_equal (brd_channel_input (b, 5, s_bytes, size), 0);
    assert_int_equal (brd_channel_peer_epoch (b), 0);
    assert_int_equal (brd_channel_state (b, 5), BRD_CHANNEL_OPENING);
    packet = s_packet (b, 5, &size);
    assert_true (packet.type == BRD_CHANNEL_HELLO && packet.to == 1);
    assert_int_equal (brd_channel_input (a, 5, s_bytes, size), 0);
    assert_int_equal (brd_channel_peer_epoch (a), 2);
    assert_int_equal (brd_channel_state (a, 5), BRD_CHANNEL_UP);
    packet = s_packet (a, 5, &size);
    assert_true (packet.type == BRD_CHANNEL_DATA && packet.to == 2);
    assert_int_equal (brd_channel_input (b, 5, s_bytes, size), 0);
    assert_int_equal (brd_channel_peer_epoch (b), 1);
    t_channel_take (b, 1, 10);
    brd_channel_destroy (&a);
    brd_channel_destroy (&b);
}

// Nobody is there: less and less often, until it is given up.
static void
s_test_nobody (void **state)
{
    (void) state;
    brd_channel_t *self = t_channel_new (
        (brd_channel_options_t){ .epoch = 1, .opening_ns = 60 * T_S }, 0);
    int hellos = 0;
    int64_t now = 0, last = 0;
    while (brd_channel_state (self, now) == BRD_CHANNEL_OPENING) {
        assert_true (now - last <= 2 * T_S);
        if (t_channel_packet (self, now, s_bytes) > 0) {
            last = now;
            hellos++;
        }
        assert_true (brd_channel_deadline (self) > now);
        now = brd_channel_deadline (self);
    }
    assert_int_equal (now, 60 * T_S);
    assert_true (hellos >= 30 && hellos <= 40);
    assert_int_equal (brd_channel_state (self, now), BRD_CHANNEL_LOST);
    assert_int_equal (brd_channel_deadline (self), BRD_NEVER);
    brd_channel_destroy (&self);
    self = t_channel_new (
        (brd_channel_options_t){ .epoch = 1, .opening_ns = BRD_NEVER }, 0);
    assert_int_equal (brd_channel_state (self, 1000000 * T_S),
                      BRD_CHANNEL_OPENING);
    brd_channel_destroy (&self);
}

// A hello that lay somewhere binds nobody to who is gone.
static void
s_test_old_hello (void **state)
{
    (void) state;
    size_t size;
    brd_channel_t *gone =
        t_channel_new ((brd_channel_options_t){ .epoch = 9 }, 0);
    (void) s_packet (gone, 0, &size);
    brd_channel_destroy (&gone);
    t_channels_t pair = { .now = T_S };
    pair.a = t_channel_new ((brd_channel_options_t){ .epoch = 1 }, pair.now);
    pair.b = t_channel_new ((brd_channel_options_t){ .epoch = 2 }, pair.now);
    assert_int_equal (brd_channel_input (pair.a, pair.now, s_bytes, size), 0);
    unsigned char hello[BRD_CHANNEL_HEADER];
    memcpy (hello, s_bytes, size);
    // To the one that is gone; then to whoever is there.
    assert_int_equal (s_packet (pair.a, pair.now, &size).to, 9);
    t_refused (brd_channel_input (pair.b, pair.now, s_bytes, size), ESTALE);
    pair.now += T_S;
    t_channel_settle (&pair);
    assert_int_equal (brd_channel_peer_epoch (pair.a), 2);
    assert_int_equal (brd_channel_peer_epoch (pair.b), 1);
    // And later, too, it ends nothing.
    t_refused (brd_channel_input (pair.a, pair.now, hello, size), ESTALE);
    t_channel_settle (&pair);
    assert_int_equal (brd_channel_state (pair.a, pair.now), BRD_CHANNEL_UP);
    assert_int_equal (t_channel_stats (pair.a).strangers, 1);
    t_channel_end (&pair);
}

// --- Restarts --------------------------------------------------------------

static void
s_test_restart (void **state)
{
    (void) state;
    size_t size;
    const void *bytes;
    t_channels_t pair = t_channel_pair ((brd_channel_options_t){ 0 });
    assert_int_equal (t_channel_send (pair.b, 5, 10), 0);
    t_channel_settle (&pair);
    assert_int_equal (t_channel_send (pair.a, 1, 10), 0);
    size = t_channel_packet (pair.a, pair.now, s_bytes);
    brd_channel_destroy (&pair.b);
    pair.now += T_S;
    pair.b = t_channel_new ((brd_channel_options_t){ .epoch = 3 }, pair.now);
    // What was meant for the one before is not for this one.
    t_refused (brd_channel_input (pair.b, pair.now, s_bytes, size), ESTALE);
    // Its hello: is it alive? It is.
    (void) s_packet (pair.b, pair.now, &size);
    t_refused (brd_channel_input (pair.a, pair.now, s_bytes, size), ESTALE);
    assert_int_equal (brd_channel_state (pair.a, pair.now), BRD_CHANNEL_UP);
    brd_channel_packet_t packet = s_packet (pair.a, pair.now, &size);
    assert_true (packet.type == BRD_CHANNEL_HELLO && packet.to == 0);
    assert_int_equal (brd_channel_input (pair.b, pair.now, s_bytes, size), 0);
    (void) s_packet (pair.b, pair.now, &size);
    t_refused (brd_channel_input (pair.a, pair.now, s_bytes, size), ESTALE);
    assert_int_equal (brd_channel_state (pair.a, pair.now), BRD_CHANNEL_STALE);
    // It says nothing any more, takes nothing, and what came is still there.
    t_refused (t_channel_send (pair.a, 1, 1), ESTALE);
    t_refused (brd_channel_output (pair.a, pair.now, &bytes, &size), EAGAIN);
    t_refused (brd_channel_input (pair.a, pair.now, s_bytes, 1), ESTALE);
    assert_int_equal (brd_channel_deadline (pair.a), BRD_NEVER);
    assert_int_equal (brd_channel_state (pair.a, pair.now + 99 * T_S),
                      BRD_CHANNEL_STALE);
    t_channel_take (pair.a, 5, 10);
    t_refused (brd_channel_recv (pair.a, &bytes, &size), ESTALE);
    // The owner begins anew.
    brd_channel_destroy (&pair.a);
    pair.a = t_channel_new ((brd_channel_options_t){ .epoch = 4 }, pair.now);
    t_channel_settle (&pair);
    assert_int_equal (brd_channel_peer_epoch (pair.b), 4);
    assert_int_equal (brd_channel_peer_epoch (pair.a), 3);
    t_channel_expect_none (pair.b);
    t_channel_end (&pair);
}

// A transport that brings back what we said.
static void
s_test_mirror (void **state)
{
    (void) state;
    size_t size;
    t_channels_t pair = t_channel_pair ((brd_channel_options_t){ 0 });
    assert_int_equal (t_channel_send (pair.a, 1, 10), 0);
    size = t_channel_packet (pair.a, pair.now, s_bytes);
    t_refused (brd_channel_input (pair.a, pair.now, s_bytes, size), ESTALE);
    assert_int_equal (brd_channel_state (pair.a, pair.now), BRD_CHANNEL_UP);
    t_channel_end (&pair);
}

// --- Time ------------------------------------------------------------------

// Time passes; packets go the ways that are not cut.
static void
s_run (t_channels_t *self, int64_t until, int to_b, int to_a)
{
    while (self->now < until) {
        self->now += 100 * T_MS;
        t_channel_carry (self->a, to_b ? self->b : NULL, self->now);
        t_channel_carry (self->b, to_a ? self->a : NULL, self->now);
    }
}

static void
s_test_heartbeats (void **state)
{
    (void) state;
    t_channels_t pair = t_channel_pair ((brd_channel_options_t){ 0 });
    const uint64_t packets = t_channel_stats (pair.a).packets_out;
    assert_int_equal (brd_channel_deadline (pair.a), pair.now + 2 * T_S);
    s_run (&pair, pair.now + 100 * T_S, 1, 1);
    assert_in_range (t_channel_stats (pair.a).packets_out - packets, 49, 51);
    assert_int_equal (brd_channel_state (pair.a, pair.now), BRD_CHANNEL_UP);
    assert_true (pair.now - brd_channel_reached (pair.a) <= 4 * T_S);
    assert_true (pair.now - brd_channel_contact (pair.a) <= 4 * T_S);
    // Data is one: no beat comes beside it. It passes between large ones.
    assert_int_equal (t_channel_send (pair.a, 1, 10000000), 0);
    pair.now += 3 * T_S;
    assert_int_equal (t_channel_carry (pair.a, pair.b, pair.now), 153);
    assert_int_equal (brd_channel_heard (pair.b), pair.now);
    t_channel_end (&pair);
}

// An ack waits for company, and a quarter of a window does not.
static void
s_test_acks (void **state)
{
    (void) state;
    t_channels_t pair = t_channel_pair (
        (brd_channel_options_t){ .window_items = 16, .ack_ns = 5 * T_MS });
    assert_int_equal (t_channel_send (pair.a, 1, 10), 0);
    t_channel_carry (pair.a, pair.b, pair.now);
    assert_int_equal (brd_channel_deadline (pair.b), pair.now + 5 * T_MS);
    assert_int_equal (t_channel_carry (pair.b, pair.a, pair.now), 0);
    assert_int_equal (t_channel_send (pair.b, 2, 10), 0);
    assert_int_equal (t_channel_carry (pair.b, pair.a, pair.now), 1);
    assert_int_equal (t_channel_stats (pair.a).messages_out, 1);
    assert_int_equal (brd_channel_deadline (pair.b), pair.now + T_S);
    pair.now += 5 * T_MS;
    t_channel_settle (&pair);
    for (int i = 0; i < 4; i++)
        assert_int_equal (t_channel_send (pair.a, 1, 10), 0);
    t_channel_carry (pair.a, pair.b, pair.now);
    assert_int_equal (t_channel_carry (pair.b, pair.a, pair.now), 1);
    assert_int_equal (t_channel_stats (pair.a).messages_out, 5);
    t_channel_end (&pair);
}

static void
s_check_cut (int to_b, int to_a)
{
    t_channels_t pair = t_channel_pair ((brd_channel_options_t){ 0 });
    s_run (&pair, pair.now + 10 * T_S, 1, 1);
    const int64_t cut = pair.now;
    s_run (&pair, cut + 1500 * T_MS, to_b, to_a);
    assert_int_equal (brd_channel_state (pair.a, pair.now), BRD_CHANNEL_UP);
    s_run (&pair, cut + 6500 * T_MS, to_b, to_a);
    assert_int_equal (brd_channel_state (pair.a, pair.now),
                      BRD_CHANNEL_SUSPECT);
    assert_int_equal (brd_channel_state (pair.b, pair.now),
                      BRD_CHANNEL_SUSPECT);
    // What can be heard was heard; it proves nothing.
    assert_true (!to_b || pair.now - brd_channel_heard (pair.b) <= 2 * T_S);
    assert_true (brd_channel_reached (pair.a) <= cut);
    assert_true (brd_channel_reached (pair.b) <= cut);
    assert_true (brd_channel_contact (pair.a) <= cut);
    assert_true (brd_channel_contact (pair.b) <= cut);
    // It comes back.
    s_run (&pair, pair.now + 5 * T_S, 1, 1);
    assert_int_equal (brd_channel_state (pair.a, pair.now), BRD_CHANNEL_UP);
    assert_int_equal (brd_channel_state (pair.b, pair.now), BRD_CHANNEL_UP);
    assert_true (brd_channel_contact (pair.a) > cut + 6 * T_S);
    assert_true (brd_channel_contact (pair.b) > cut + 6 * T_S);
    // And then it does not: both are lost, and stay so.
    s_run (&pair, pair.now + 33 * T_S, to_b, to_a);
    assert_int_equal (brd_channel_state (pair.a, pair.now), BRD_CHANNEL_LOST);
    assert_int_equal (brd_channel_state (pair.b, pair.now), BRD_CHANNEL_LOST);
    t_refused (t_channel_send (pair.a, 1, 1), EPIPE);
    t_refused (brd_channel_input (pair.a, pair.now, s_bytes, 1), EPIPE);
    assert_int_equal (t_channel_packet (pair.a, pair.now, s_bytes), 0);
    const void *bytes;
    size_t size;
    t_refused (brd_channel_recv (pair.a, &bytes, &size), EPIPE);
    assert_int_equal (brd_channel_deadline (pair.a), BRD_NEVER);
    t_channel_end (&pair);
}

static void
s_test_cuts (void **state)
{
    (void) state;
    s_check_cut (0, 0);
    s_check_cut (0, 1);
    s_check_cut (1, 0);
}

// The deadline says when the state changes, to the nanosecond.
static void
s_test_deadline (void **state)
{
    (void) state;
    t_channels_t pair = t_channel_pair ((brd_channel_options_t){ 0 });
    const int64_t reached = brd_channel_reached (pair.a);
    int64_t now = pair.now;
    brd_channel_state_t seen = BRD_CHANNEL_UP;
    while (seen != BRD_CHANNEL_LOST) {
        const int64_t at = brd_channel_deadline (pair.a);
        assert_true (at > now);
        assert_int_equal (brd_channel_state (pair.a, at - 1), seen);
        now = at;
        t_channel_carry (pair.a, NULL, now);
        const brd_channel_state_t state_now = brd_channel_state (pair.a, now);
        if (state_now != seen)
            assert_int_equal (
                now, reached + (seen == BRD_CHANNEL_UP ? 6 * T_S : 32 * T_S));
        seen = state_now;
    }
    t_channel_end (&pair);
}

// The case for which contact is not reached: what B says is lost, then what A
// says is, and in between there is an echo of now. A's lease must run out
// before B gives it up.
static void
s_test_lease (void **state)
{
    (void) state;
    const int64_t lease = 24 * T_S;
    t_channels_t pair = t_channel_pair ((brd_channel_options_t){ 0 });
    s_run (&pair, pair.now + 10 * T_S, 1, 1);
    const int64_t cut = pair.now;
    s_run (&pair, cut + 20 * T_S, 1, 0);
    // One beat of B comes through, and the other way goes dark.
    brd_channel_reconnected (pair.b, pair.now);
    t_channel_carry (pair.b, pair.a, pair.now);
    assert_true (brd_channel_reached (pair.a) > cut + 17 * T_S);
    assert_true (brd_channel_contact (pair.a) <= cut);
    int64_t given_up = 0;
    while (brd_channel_state (pair.b, pair.now) != BRD_CHANNEL_LOST) {
        s_run (&pair, pair.now + 100 * T_MS, 0, 1);
        given_up = pair.now;
    }
    assert_true (brd_channel_contact (pair.a) + lease < given_up);
    t_channel_end (&pair);
}

static void
s_test_round_trip (void **state)
{
    (void) state;
    t_channels_t pair = { .now = T_S };
    pair.a = t_channel_new ((brd_channel_options_t){ .epoch = 1 }, pair.now);
    pair.b = t_channel_new ((brd_channel_options_t){ .epoch = 2 }, pair.now);
    assert_int_equal (t_channel_stats (pair.a).rtt_ns, 0);
    // 3 ms there, held for 500, 7 ms back.
    for (int i = 0; i < 50; i++) {
        t_channel_carry (pair.a, NULL, pair.now + 2 * T_S);
        pair.now += 2 * T_S;
        brd_channel_reconnected (pair.a, pair.now);
        size_t size = t_channel_packet (pair.a, pair.now, s_bytes);
        assert_int_equal (
            brd_channel_input (pair.b, pair.now + 3 * T_MS, s_bytes, size), 0);
        brd_channel_reconnected (pair.b, pair.now + 503 * T_MS);
        size = t_channel_packet (pair.b, pair.now + 503 * T_MS, s_bytes);
        assert_int_equal (
            brd_channel_input (pair.a, pair.now + 510 * T_MS, s_bytes, size),
            0);
    }
    assert_in_range (t_channel_stats (pair.a).rtt_ns, 9 * T_MS, 11 * T_MS);
    t_channel_end (&pair);
}

// A clock that is told backwards does no harm.
static void
s_test_backwards (void **state)
{
    (void) state;
    t_channels_t pair = t_channel_pair ((brd_channel_options_t){ 0 });
    s_run (&pair, pair.now + 10 * T_S, 1, 1);
    pair.now = 0;
    assert_int_equal (t_channel_send (pair.a, 1, 10), 0);
    t_channel_settle (&pair);
    t_channel_take (pair.b, 1, 10);
    assert_int_equal (brd_channel_state (pair.a, 0), BRD_CHANNEL_UP);
    t_channel_end (&pair);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_opening),
        cmocka_unit_test (s_test_nobody),
        cmocka_unit_test (s_test_old_hello),
        cmocka_unit_test (s_test_restart),
        cmocka_unit_test (s_test_mirror),
        cmocka_unit_test (s_test_heartbeats),
        cmocka_unit_test (s_test_acks),
        cmocka_unit_test (s_test_cuts),
        cmocka_unit_test (s_test_deadline),
        cmocka_unit_test (s_test_lease),
        cmocka_unit_test (s_test_round_trip),
        cmocka_unit_test (s_test_backwards),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
