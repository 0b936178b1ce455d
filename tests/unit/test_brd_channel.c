// test_brd_channel.c - what is sent comes out, once, in order, within bounds
//
// SPDX-License-Identifier: MPL-2.0
//
// test_brd_channel_peer.c is about who is at the other end.

#include "t_channel.h"

#include "base/brd_fault.h"
#include "base/brd_mem.h"
#include "wire/brd_limits.h"

static unsigned char s_bytes[BRD_CHANNEL_PACKET_MAX];

static void
s_test_options (void **state)
{
    (void) state;
    const brd_channel_options_t bad[] = {
        { .epoch = 0 },
        { .epoch = 1, .message_max = BRD_WIRE_SIZE_MAX + 1 },
        { .epoch = 1, .heartbeat_ns = -1 },
        { .epoch = 1, .heartbeat_ns = 6 * T_S },
        { .epoch = 1, .suspect_ns = 32 * T_S },
        { .epoch = 1, .lost_ns = BRD_NEVER },
        { .epoch = 1, .opening_ns = -1 },
        { .epoch = 1, .ack_ns = -1 },
        { .epoch = 1, .replay_ns = -1 },
        { .epoch = 1, .replay_ns = 33 * T_S },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        errno = 0;
        assert_null (brd_channel_new (&bad[i], 0));
        assert_int_equal (errno, EINVAL);
    }
    brd_channel_t *none = NULL;
    brd_channel_destroy (&none);
}

// Around a piece, a packet, and many of them; both ways; small ones share a
// packet.
static void
s_test_order (void **state)
{
    (void) state;
    static const size_t sizes[] = { 0,     1,      200,    65527,  65528,
                                    65529, 131056, 131057, 300000, 0 };
    const int count = sizeof sizes / sizeof *sizes;
    t_channels_t pair = t_channel_pair ((brd_channel_options_t){ 0 });
    for (int i = 0; i < count; i++) {
        assert_int_equal (t_channel_send (pair.a, i, sizes[i]), 0);
        assert_int_equal (t_channel_send (pair.b, ~i & 255, sizes[i]), 0);
    }
    t_channel_settle (&pair);
    for (int i = 0; i < count; i++) {
        t_channel_expect (pair.b, i, sizes[i]);
        t_channel_take (pair.b, i, sizes[i]);
        t_channel_take (pair.a, ~i & 255, sizes[i]);
    }
    t_channel_expect_none (pair.a);
    t_channel_expect_none (pair.b);
    for (int i = 0; i < 1000; i++)
        assert_int_equal (t_channel_send (pair.a, i & 255, 40), 0);
    assert_int_equal (t_channel_carry (pair.a, pair.b, pair.now), 1);
    for (int i = 0; i < 1000; i++)
        t_channel_take (pair.b, i & 255, 40);
    t_channel_end (&pair);
}

static void
s_test_taken (void **state)
{
    (void) state;
    t_channels_t pair =
        t_channel_pair ((brd_channel_options_t){ .message_max = 100000 });
    unsigned char *bytes = brd_mem_alloc (100000);
    assert_non_null (bytes);
    memset (bytes, 7, 100000);
    assert_int_equal (brd_channel_send_taken (pair.a, bytes, 100000), 0);
    // One that is refused stays the caller's.
    bytes = brd_mem_alloc (100001);
    assert_non_null (bytes);
    t_refused (brd_channel_send_taken (pair.a, bytes, 100001), EMSGSIZE);
    brd_fault_arm (BRD_FAULT_MEMORY, 1, ENOMEM);
    t_refused (brd_channel_send_taken (pair.a, bytes, 1), ENOMEM);
    brd_mem_free (bytes);
    assert_int_equal (brd_channel_send_taken (pair.a, NULL, 0), 0);
    t_channel_settle (&pair);
    t_channel_take (pair.b, 7, 100000);
    t_channel_take (pair.b, 0, 0);
    t_channel_end (&pair);
}

static void
s_test_cap (void **state)
{
    (void) state;
    t_channels_t pair = t_channel_pair (
        (brd_channel_options_t){ .cap_items = 3, .cap_bytes = 100 });
    t_refused (brd_channel_send (pair.a, NULL, BRD_WIRE_SIZE_MAX + 1),
               EMSGSIZE);
    for (int i = 0; i < 3; i++)
        assert_int_equal (t_channel_send (pair.a, i, 10), 0);
    t_refused (t_channel_send (pair.a, 3, 10), ENOBUFS);
    // What has gone counts until it was acknowledged.
    t_channel_carry (pair.a, NULL, pair.now);
    t_refused (t_channel_send (pair.a, 3, 10), ENOBUFS);
    brd_channel_reconnected (pair.a, pair.now);
    t_channel_carry (pair.a, pair.b, pair.now);
    pair.now += 11 * T_MS;
    t_channel_settle (&pair);
    assert_int_equal (t_channel_send (pair.a, 3, 60), 0);
    assert_int_equal (t_channel_send (pair.a, 4, 40), 0);
    t_refused (t_channel_send (pair.a, 5, 1), ENOBUFS);
    t_channel_settle (&pair);
    pair.now += 11 * T_MS;
    t_channel_settle (&pair);
    // Larger than the cap: alone, and nothing with it.
    assert_int_equal (t_channel_send (pair.a, 5, 101), 0);
    t_refused (t_channel_send (pair.a, 6, 0), ENOBUFS);
    t_channel_settle (&pair);
    for (int i = 0; i < 3; i++)
        t_channel_take (pair.b, i, 10);
    t_channel_take (pair.b, 3, 60);
    t_channel_take (pair.b, 4, 40);
    t_channel_take (pair.b, 5, 101);
    t_channel_end (&pair);
}

// --- Packets ---------------------------------------------------------------

// A packet that was not taken is the next one, too, with news in its header.
static void
s_test_refused (void **state)
{
    (void) state;
    t_channels_t pair = t_channel_pair ((brd_channel_options_t){ 0 });
    const void *bytes;
    size_t size, again;
    assert_int_equal (t_channel_send (pair.a, 1, 100), 0);
    assert_int_equal (brd_channel_output (pair.a, pair.now, &bytes, &size), 0);
    brd_channel_packet_t packet;
    assert_int_equal (brd_channel_codec_get (bytes, size, &packet), 0);
    assert_int_equal (packet.ack, 0);
    // Nobody is to ask again before the transport can be tried.
    assert_true (brd_channel_deadline (pair.a) > pair.now);
    memcpy (s_bytes, bytes, size);
    assert_int_equal (t_channel_send (pair.a, 2, 100), 0);
    assert_int_equal (t_channel_send (pair.b, 3, 100), 0);
    t_channel_carry (pair.b, pair.a, pair.now);
    pair.now += T_MS;
    assert_int_equal (brd_channel_output (pair.a, pair.now, &bytes, &again), 0);
    assert_int_equal (again, size);
    assert_memory_equal ((const unsigned char *) bytes + BRD_CHANNEL_HEADER,
                         s_bytes + BRD_CHANNEL_HEADER,
                         size - BRD_CHANNEL_HEADER);
    const uint64_t stamp = packet.stamp;
    assert_int_equal (brd_channel_codec_get (bytes, size, &packet), 0);
    assert_true (packet.ack == 1 && packet.stamp == stamp + T_MS);
    t_channel_settle (&pair);
    t_channel_take (pair.b, 1, 100);
    t_channel_take (pair.b, 2, 100);
    t_channel_take (pair.a, 3, 100);
    // An ack that came on the way is not forgotten with it.
    assert_int_equal (t_channel_stats (pair.b).messages_out, 1);
    t_channel_end (&pair);
}

// What comes while a packet is with the transport is told by the next.
static void
s_test_on_loan (void **state)
{
    (void) state;
    t_channels_t pair = t_channel_pair ((brd_channel_options_t){ 0 });
    const void *bytes;
    size_t size;
    brd_channel_reconnected (pair.b, pair.now);
    assert_int_equal (brd_channel_output (pair.b, pair.now, &bytes, &size), 0);
    memcpy (s_bytes, bytes, size);
    assert_int_equal (t_channel_send (pair.a, 1, 100), 0);
    t_channel_carry (pair.a, pair.b, pair.now);
    t_channel_take (pair.b, 1, 100);
    brd_channel_sent (pair.b);
    assert_int_equal (brd_channel_input (pair.a, pair.now, s_bytes, size), 0);
    assert_int_equal (t_channel_stats (pair.a).messages_out, 0);
    pair.now += 10 * T_MS;
    assert_true (brd_channel_deadline (pair.b) <= pair.now);
    assert_int_equal (t_channel_carry (pair.b, pair.a, pair.now), 1);
    assert_int_equal (t_channel_stats (pair.a).messages_out, 1);
    t_channel_end (&pair);
}

static void
s_test_twice (void **state)
{
    (void) state;
    t_channels_t pair = t_channel_pair ((brd_channel_options_t){ 0 });
    assert_int_equal (t_channel_send (pair.a, 1, 100), 0);
    const size_t size = t_channel_packet (pair.a, pair.now, s_bytes);
    for (int i = 0; i < 3; i++)
        assert_int_equal (brd_channel_input (pair.b, pair.now, s_bytes, size),
                          0);
    t_channel_take (pair.b, 1, 100);
    t_channel_expect_none (pair.b);
    assert_int_equal (t_channel_stats (pair.b).pieces_twice, 2);
    // Its sender seems not to have got the ack: it gets one now.
    assert_int_equal (t_channel_carry (pair.b, pair.a, pair.now), 1);
    assert_int_equal (t_channel_stats (pair.a).messages_out, 1);
    assert_int_equal (t_channel_stats (pair.a).queued_items, 0);
    t_channel_end (&pair);
}

// The first of three is lost: the others tell, and all go again at once; once.
static void
s_test_gap (void **state)
{
    (void) state;
    t_channels_t pair = t_channel_pair ((brd_channel_options_t){ 0 });
    for (int i = 0; i < 3; i++) {
        assert_int_equal (t_channel_send (pair.a, i, 60000), 0);
        t_channel_carry (pair.a, i == 0 ? NULL : pair.b, pair.now);
    }
    t_channel_expect_none (pair.b);
    assert_int_equal (t_channel_stats (pair.b).pieces_early, 2);
    assert_int_equal (t_channel_stats (pair.b).held_items, 0);
    pair.now += 100;
    t_channel_settle (&pair);
    for (int i = 0; i < 3; i++)
        t_channel_take (pair.b, i, 60000);
    assert_int_equal (t_channel_stats (pair.a).replays, 1);
    assert_int_equal (t_channel_stats (pair.a).pieces_again, 3);
    t_channel_end (&pair);
}

// A beat tells of it as well; and two ends that miss something do not answer
// beats with beats.
static void
s_test_gap_both (void **state)
{
    (void) state;
    t_channels_t pair = t_channel_pair ((brd_channel_options_t){ 0 });
    assert_int_equal (t_channel_send (pair.a, 1, 10), 0);
    assert_int_equal (t_channel_send (pair.b, 2, 10), 0);
    t_channel_carry (pair.a, NULL, pair.now);
    t_channel_carry (pair.b, NULL, pair.now);
    // Probes that are lost as well, so that only the beats are left.
    for (int i = 0; i < 5; i++) {
        pair.now += T_S;
        t_channel_carry (pair.a, NULL, pair.now);
        t_channel_carry (pair.b, NULL, pair.now);
    }
    pair.now += 2 * T_S;
    assert_true (t_channel_settle (&pair) <= 12);
    t_channel_take (pair.b, 1, 10);
    t_channel_take (pair.a, 2, 10);
    t_channel_end (&pair);
}

// All were lost, and nobody says so: one packet goes again, after 1, 2, 4 ...;
// when its ack shows that the rest is missing, that goes too.
static void
s_test_missed_ack (void **state)
{
    (void) state;
    t_channels_t pair =
        t_channel_pair ((brd_channel_options_t){ .heartbeat_ns = 30 * T_S,
                                                 .suspect_ns = 60 * T_S,
                                                 .lost_ns = 100 * T_S });
    for (int i = 0; i < 5; i++)
        assert_int_equal (t_channel_send (pair.a, i, 60000), 0);
    assert_int_equal (t_channel_carry (pair.a, NULL, pair.now), 5);
    for (int i = 0; i < 4; i++) {
        const int64_t wait = T_S << i;
        assert_int_equal (brd_channel_deadline (pair.a), pair.now + wait);
        pair.now += wait - 1;
        assert_int_equal (t_channel_carry (pair.a, NULL, pair.now), 0);
        pair.now += 1;
        assert_int_equal (
            t_channel_carry (pair.a, i == 3 ? pair.b : NULL, pair.now), 1);
    }
    pair.now += 10 * T_MS;
    assert_int_equal (t_channel_carry (pair.b, pair.a, pair.now), 1);
    assert_int_equal (t_channel_carry (pair.a, pair.b, pair.now), 4);
    for (int i = 0; i < 5; i++)
        t_channel_take (pair.b, i, 60000);
    t_channel_end (&pair);
}

// It was only late: nothing but the one packet goes twice.
static void
s_test_late_ack (void **state)
{
    (void) state;
    t_channels_t pair = t_channel_pair ((brd_channel_options_t){ 0 });
    for (int i = 0; i < 5; i++)
        assert_int_equal (t_channel_send (pair.a, i, 60000), 0);
    assert_int_equal (t_channel_carry (pair.a, pair.b, pair.now), 5);
    pair.now += T_S;
    assert_int_equal (t_channel_carry (pair.a, pair.b, pair.now), 1);
    t_channel_settle (&pair);
    assert_int_equal (t_channel_stats (pair.a).pieces_again, 1);
    assert_int_equal (t_channel_stats (pair.a).queued_items, 0);
    for (int i = 0; i < 5; i++)
        t_channel_take (pair.b, i, 60000);
    t_channel_expect_none (pair.b);
    t_channel_end (&pair);
}

// At once, from the first that was not acknowledged, in the midst of a message.
static void
s_test_reconnected (void **state)
{
    (void) state;
    t_channels_t pair = t_channel_pair ((brd_channel_options_t){ 0 });
    assert_int_equal (t_channel_send (pair.a, 0, 100), 0);
    t_channel_settle (&pair);
    assert_int_equal (t_channel_send (pair.a, 1, 200000), 0);
    assert_int_equal (t_channel_send (pair.a, 2, 100), 0);
    size_t size = t_channel_packet (pair.a, pair.now, s_bytes);
    assert_int_equal (brd_channel_input (pair.b, pair.now, s_bytes, size), 0);
    pair.now += 10 * T_MS;
    t_channel_carry (pair.b, pair.a, pair.now);
    t_channel_carry (pair.a, NULL, pair.now);
    // One that was lent, and is not to be sent any more.
    assert_int_equal (t_channel_send (pair.a, 3, 100), 0);
    const void *bytes;
    assert_int_equal (brd_channel_output (pair.a, pair.now, &bytes, &size), 0);
    brd_channel_reconnected (pair.a, pair.now);
    assert_true (brd_channel_deadline (pair.a) <= pair.now);
    assert_int_equal (t_channel_carry (pair.a, pair.b, pair.now), 3);
    t_channel_take (pair.b, 0, 100);
    t_channel_take (pair.b, 1, 200000);
    t_channel_take (pair.b, 2, 100);
    t_channel_take (pair.b, 3, 100);
    assert_int_equal (t_channel_stats (pair.b).pieces_twice, 0);
    pair.now += 10 * T_MS;
    t_channel_settle (&pair);
    // Nothing is missing: a beat, so that each knows of the other.
    brd_channel_reconnected (pair.a, pair.now);
    assert_int_equal (t_channel_carry (pair.a, pair.b, pair.now), 1);
    t_channel_end (&pair);
}

// --- Credit ----------------------------------------------------------------

static void
s_test_credit_items (void **state)
{
    (void) state;
    t_channels_t pair =
        t_channel_pair ((brd_channel_options_t){ .window_items = 3 });
    for (int i = 0; i < 3; i++) {
        assert_true (brd_channel_room (pair.a, 10));
        assert_int_equal (t_channel_send (pair.a, i, 10), 0);
    }
    assert_false (brd_channel_room (pair.a, 10));
    assert_int_equal (t_channel_send (pair.a, 3, 10), 0);
    t_channel_settle (&pair);
    // They have arrived, and are acknowledged; but nobody is done with them.
    assert_int_equal (t_channel_stats (pair.b).messages_in, 3);
    assert_int_equal (t_channel_stats (pair.a).queued_items, 1);
    t_channel_expect (pair.b, 0, 10);
    pair.now += T_S;
    t_channel_settle (&pair);
    assert_int_equal (t_channel_stats (pair.b).messages_in, 3);
    brd_channel_done (pair.b);
    pair.now += 10 * T_MS;
    t_channel_settle (&pair);
    assert_int_equal (t_channel_stats (pair.b).messages_in, 4);
    assert_false (brd_channel_room (pair.a, 0));
    for (int i = 1; i < 4; i++)
        t_channel_take (pair.b, i, 10);
    t_channel_settle (&pair);
    assert_true (brd_channel_room (pair.a, 10));
    t_channel_end (&pair);
}

static void
s_test_credit_bytes (void **state)
{
    (void) state;
    t_channels_t pair =
        t_channel_pair ((brd_channel_options_t){ .window_bytes = 1000 });
    assert_true (brd_channel_room (pair.a, 5000));
    assert_int_equal (t_channel_send (pair.a, 0, 600), 0);
    assert_true (brd_channel_room (pair.a, 400));
    assert_false (brd_channel_room (pair.a, 401));
    assert_int_equal (t_channel_send (pair.a, 1, 400), 0);
    // Larger than the window: when all before it were done with.
    assert_int_equal (t_channel_send (pair.a, 2, 200000), 0);
    assert_int_equal (t_channel_send (pair.a, 3, 1), 0);
    t_channel_settle (&pair);
    assert_int_equal (t_channel_stats (pair.b).held_bytes, 1000);
    t_channel_take (pair.b, 0, 600);
    pair.now += 10 * T_MS;
    t_channel_settle (&pair);
    assert_int_equal (t_channel_stats (pair.b).held_items, 1);
    t_channel_take (pair.b, 1, 400);
    pair.now += 10 * T_MS;
    t_channel_settle (&pair);
    assert_int_equal (t_channel_stats (pair.b).held_items, 1);
    t_channel_take (pair.b, 2, 200000);
    pair.now += 10 * T_MS;
    t_channel_settle (&pair);
    t_channel_take (pair.b, 3, 1);
    t_channel_end (&pair);
}

// --- Lies ------------------------------------------------------------------

// The piece of a peer that does as it likes; as in a packet that is else what
// it sent last.
static size_t
s_forge (brd_channel_packet_t packet, uint32_t size, uint32_t more)
{
    static const unsigned char zeros[BRD_CHANNEL_PIECE_MAX];
    const brd_channel_piece_t piece = { .bytes = zeros,
                                        .size = size,
                                        .more = more };
    packet.type = BRD_CHANNEL_DATA;
    packet.count = 1;
    packet.size =
        brd_channel_codec_put_piece (s_bytes + BRD_CHANNEL_HEADER, &piece);
    brd_channel_codec_put (s_bytes, &packet);
    return BRD_CHANNEL_HEADER + packet.size;
}

static brd_channel_packet_t
s_beat (t_channels_t *pair)
{
    brd_channel_packet_t packet;
    brd_channel_reconnected (pair->a, pair->now);
    const size_t size = t_channel_packet (pair->a, pair->now, s_bytes);
    assert_int_equal (brd_channel_codec_get (s_bytes, size, &packet), 0);
    return packet;
}

static void
s_lie (t_channels_t *pair, size_t size)
{
    const brd_channel_stats_t before = t_channel_stats (pair->b);
    t_refused (brd_channel_input (pair->b, pair->now, s_bytes, size), EPROTO);
    brd_channel_stats_t after = t_channel_stats (pair->b);
    assert_int_equal (after.refused, before.refused + 1);
    after.refused--;
    assert_memory_equal (&after, &before, sizeof after);
    brd_channel_check (pair->b);
}

// A peer cannot make us hold more than the window, nor a piece that fits
// nowhere.
static void
s_test_over_credit (void **state)
{
    (void) state;
    t_channels_t pair = t_channel_pair ((brd_channel_options_t){
        .window_items = 2, .window_bytes = 1000, .message_max = 200000 });
    brd_channel_packet_t packet = s_beat (&pair);
    s_lie (&pair, s_forge (packet, BRD_CHANNEL_PIECE_MAX, 134473));
    size_t size = s_forge (packet, BRD_CHANNEL_PIECE_MAX, 134472);
    assert_int_equal (brd_channel_input (pair.b, pair.now, s_bytes, size), 0);
    packet.seq++;
    s_lie (&pair, s_forge (packet, BRD_CHANNEL_PIECE_MAX, 134472));
    s_lie (&pair, s_forge (packet, 10, 0));
    s_lie (&pair, s_forge (packet, 0, 0));
    size = s_forge (packet, BRD_CHANNEL_PIECE_MAX, 68944);
    assert_int_equal (brd_channel_input (pair.b, pair.now, s_bytes, size), 0);
    packet.seq++;
    size = s_forge (packet, BRD_CHANNEL_PIECE_MAX, 3416);
    assert_int_equal (brd_channel_input (pair.b, pair.now, s_bytes, size), 0);
    packet.seq++;
    size = s_forge (packet, 3416, 0);
    assert_int_equal (brd_channel_input (pair.b, pair.now, s_bytes, size), 0);
    packet.seq++;
    s_lie (&pair, s_forge (packet, 0, 0));
    t_channel_take (pair.b, 0, 200000);
    size = s_forge (packet, 999, 0);
    assert_int_equal (brd_channel_input (pair.b, pair.now, s_bytes, size), 0);
    packet.seq++;
    s_lie (&pair, s_forge (packet, 2, 0));
    size = s_forge (packet, 1, 0);
    assert_int_equal (brd_channel_input (pair.b, pair.now, s_bytes, size), 0);
    packet.seq++;
    s_lie (&pair, s_forge (packet, 0, 0));
    t_channel_end (&pair);
}

static void
s_test_lies (void **state)
{
    (void) state;
    t_channels_t pair = t_channel_pair ((brd_channel_options_t){ 0 });
    assert_int_equal (t_channel_send (pair.b, 1, 100000), 0);
    t_channel_packet (pair.b, pair.now, s_bytes);
    const brd_channel_packet_t truth = s_beat (&pair);
    brd_channel_packet_t lie = truth;
    lie.ack = 3;
    s_lie (&pair, s_forge (lie, 1, 0));
    // The first piece of two: that is no message yet.
    lie = truth;
    lie.taken_items = 1;
    s_lie (&pair, s_forge (lie, 1, 0));
    lie = truth;
    lie.taken_bytes = 1;
    s_lie (&pair, s_forge (lie, 1, 0));
    lie = truth;
    lie.echo = 2;
    s_lie (&pair, s_forge (lie, 1, 0));
    lie = truth;
    lie.window_items++;
    s_lie (&pair, s_forge (lie, 1, 0));
    lie = truth;
    lie.window_bytes--;
    s_lie (&pair, s_forge (lie, 1, 0));
    const size_t size = s_forge (truth, 1, 0);
    s_bytes[0] ^= 1;
    s_lie (&pair, size);
    s_bytes[0] ^= 1;
    assert_int_equal (brd_channel_input (pair.b, pair.now, s_bytes, size), 0);
    t_channel_end (&pair);
}

// As if the rest had been lost: what there was memory for is there, and the
// rest comes again.
static void
s_test_no_memory (void **state)
{
    (void) state;
    for (long n = 1; n <= 3; n++) {
        t_channels_t pair = t_channel_pair ((brd_channel_options_t){ 0 });
        brd_fault_arm (BRD_FAULT_MEMORY, 1, ENOMEM);
        t_refused (t_channel_send (pair.a, 9, 10), ENOMEM);
        for (int i = 0; i < 3; i++)
            assert_int_equal (t_channel_send (pair.a, i, 10), 0);
        const size_t size = t_channel_packet (pair.a, pair.now, s_bytes);
        brd_fault_arm (BRD_FAULT_MEMORY, n, ENOMEM);
        t_refused (brd_channel_input (pair.b, pair.now, s_bytes, size), ENOMEM);
        brd_channel_check (pair.b);
        assert_int_equal (t_channel_stats (pair.b).messages_in, n - 1);
        pair.now += T_S;
        t_channel_settle (&pair);
        for (int i = 0; i < 3; i++)
            t_channel_take (pair.b, i, 10);
        t_channel_expect_none (pair.b);
        t_channel_end (&pair);
    }
    brd_fault_arm (BRD_FAULT_MEMORY, 1, ENOMEM);
    errno = 0;
    assert_null (brd_channel_new (&(brd_channel_options_t){ .epoch = 1 }, 0));
    assert_int_equal (errno, ENOMEM);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_options),
        cmocka_unit_test (s_test_order),
        cmocka_unit_test (s_test_taken),
        cmocka_unit_test (s_test_cap),
        cmocka_unit_test (s_test_refused),
        cmocka_unit_test (s_test_on_loan),
        cmocka_unit_test (s_test_twice),
        cmocka_unit_test (s_test_gap),
        cmocka_unit_test (s_test_gap_both),
        cmocka_unit_test (s_test_missed_ack),
        cmocka_unit_test (s_test_late_ack),
        cmocka_unit_test (s_test_reconnected),
        cmocka_unit_test (s_test_credit_items),
        cmocka_unit_test (s_test_credit_bytes),
        cmocka_unit_test (s_test_over_credit),
        cmocka_unit_test (s_test_lies),
        cmocka_unit_test (s_test_no_memory),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
