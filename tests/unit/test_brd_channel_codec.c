// test_brd_channel_codec.c - packets, against docs/rfc/4-session.md
//
// SPDX-License-Identifier: MPL-2.0

#include "t_vectors.h"

#include "t_channel.h"

#define S_A UINT64_C (0x0102030405060708)
#define S_B UINT64_C (0x1112131415161718)

static const char *const s_names[] = { "hello", "answer", "data", "beat" };

// Decodes it, and encodes it again.
static brd_channel_packet_t
s_read (const char *name, t_vector_t *vector)
{
    brd_channel_packet_t packet;
    unsigned char again[sizeof vector->bytes];
    t_vector_read (name, vector);
    assert_int_equal (
        brd_channel_codec_get (vector->bytes, vector->size, &packet), 0);
    brd_channel_codec_put (again, &packet);
    const unsigned char *at = packet.pieces;
    size_t size = BRD_CHANNEL_HEADER;
    for (unsigned i = 0; i < packet.count; i++) {
        const brd_channel_piece_t piece = brd_channel_codec_next (&at);
        size += brd_channel_codec_put_piece (again + size, &piece);
    }
    assert_ptr_equal (at, vector->bytes + vector->size);
    assert_int_equal (size, vector->size);
    assert_memory_equal (again, vector->bytes, size);
    return packet;
}

static void
s_test_vectors (void **state)
{
    (void) state;
    t_vector_t vector;
    brd_channel_packet_t packet = s_read ("hello", &vector);
    assert_true (packet.type == BRD_CHANNEL_HELLO && packet.flags == 0);
    assert_true (packet.from == S_A && packet.to == 0 && packet.stamp == 1);
    assert_true (packet.window_items == 1024);
    assert_true (packet.window_bytes == 16 << 20);
    packet = s_read ("answer", &vector);
    assert_true (packet.from == S_B && packet.to == S_A);
    assert_true (packet.stamp == 5001 && packet.echo == 1);
    assert_true (packet.held_us == 3 && packet.window_items == 4);
    packet = s_read ("data", &vector);
    assert_true (packet.type == BRD_CHANNEL_DATA && packet.count == 2);
    assert_true (packet.flags == BRD_CHANNEL_SURE && packet.size == 18);
    const unsigned char *at = packet.pieces;
    brd_channel_piece_t piece = brd_channel_codec_next (&at);
    assert_true (piece.size == 2 && piece.more == 0);
    assert_memory_equal (piece.bytes, "hi", 2);
    piece = brd_channel_codec_next (&at);
    assert_true (piece.size == 0 && piece.more == 0);
    packet = s_read ("beat", &vector);
    assert_true (packet.type == BRD_CHANNEL_BEAT && packet.ack == 2);
    assert_true (packet.taken_items == 1 && packet.taken_bytes == 2);
    assert_true (packet.echo == 7001 && packet.stamp == 9001);
}

static void
s_said (brd_channel_t *self, int64_t now, const char *name)
{
    static unsigned char bytes[BRD_CHANNEL_PACKET_MAX];
    t_vector_t vector;
    t_vector_read (name, &vector);
    assert_int_equal (t_channel_packet (self, now, bytes), vector.size);
    assert_memory_equal (bytes, vector.bytes, vector.size);
}

static void
s_told (brd_channel_t *self, int64_t now, const char *name)
{
    t_vector_t vector;
    t_vector_read (name, &vector);
    assert_int_equal (brd_channel_input (self, now, vector.bytes, vector.size),
                      0);
}

// The document's dialogue is what two channels say.
static void
s_test_dialogue (void **state)
{
    (void) state;
    brd_channel_t *a =
        t_channel_new ((brd_channel_options_t){ .epoch = S_A }, 0);
    brd_channel_t *b = t_channel_new (
        (brd_channel_options_t){
            .epoch = S_B, .window_items = 4, .window_bytes = 1000 },
        0);
    assert_int_equal (brd_channel_send (a, "hi", 2), 0);
    assert_int_equal (brd_channel_send (a, "", 0), 0);
    s_said (a, 0, "hello");
    s_told (b, 2000, "hello");
    s_said (b, 5000, "answer");
    s_told (a, 7000, "answer");
    s_said (a, 7000, "data");
    s_told (b, 7000, "data");
    const void *bytes;
    size_t size;
    assert_int_equal (brd_channel_recv (b, &bytes, &size), 0);
    assert_int_equal (size, 2);
    assert_memory_equal (bytes, "hi", 2);
    brd_channel_done (b);
    s_said (b, 9000, "beat");
    s_told (a, 9000, "beat");
    t_channel_take (b, 0, 0);
    assert_int_equal (t_channel_stats (a).messages_out, 2);
    brd_channel_destroy (&a);
    brd_channel_destroy (&b);
}

// In memory that ends where the prefix does, so that a sanitizer sees the first
// byte too many.
static void
s_test_cut_short (void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof s_names / sizeof *s_names; i++) {
        t_vector_t vector;
        brd_channel_packet_t packet;
        t_vector_read (s_names[i], &vector);
        for (size_t size = 0; size < vector.size; size++) {
            unsigned char *cut = malloc (size > 0 ? size : 1);
            assert_non_null (cut);
            memcpy (cut, vector.bytes, size);
            t_refused (brd_channel_codec_get (cut, size, &packet), EPROTO);
            free (cut);
        }
        vector.bytes[vector.size] = 0;
        t_refused (
            brd_channel_codec_get (vector.bytes, vector.size + 1, &packet),
            EPROTO);
    }
}

static const struct {
    const char *name;
    size_t at;
    unsigned char value;
} s_bad[] = {
    { "beat", 0, 'X' },   // Magic
    { "beat", 3, '2' },   // Version
    { "beat", 4, 0 },     // Type
    { "beat", 4, 4 },     // Type
    { "beat", 4, 3 },     // Data without a piece
    { "data", 4, 2 },     // A beat with pieces
    { "beat", 5, 4 },     // A flag that is none
    { "data", 6, 1 },     // Fewer pieces than there are
    { "data", 6, 3 },     // More
    { "hello", 5, 1 },    // To nobody, with a flag
    { "hello", 24, 1 },   // A seq
    { "hello", 32, 1 },   // An ack
    { "hello", 40, 1 },   // Messages done with
    { "hello", 48, 1 },   // Bytes
    { "hello", 72, 1 },   // An echo
    { "hello", 80, 1 },   // And how long it was held
    { "answer", 72, 0 },  // To somebody, without an echo
    { "answer", 56, 0 },  // A window of no message
    { "hello", 64, 0 },   // No stamp
    { "data", 84, 17 },   // Size of the pieces
    { "data", 86, 1 },    // A great size
    { "data", 88, 11 },   // A piece's size: over the end
    { "data", 88, 1 },    // And within
    { "data", 91, 128 },  // A great one
    { "data", 92, 1 },    // More to come of a piece that is not full
};

static void
s_test_bad_fields (void **state)
{
    (void) state;
    t_vector_t vector;
    brd_channel_packet_t packet;
    for (size_t i = 0; i < sizeof s_bad / sizeof *s_bad; i++) {
        t_vector_read (s_bad[i].name, &vector);
        vector.bytes[s_bad[i].at] = s_bad[i].value;
        t_refused (brd_channel_codec_get (vector.bytes, vector.size, &packet),
                   EPROTO);
    }
    t_vector_read ("beat", &vector);
    memset (vector.bytes + 8, 0, 8);  // From nobody
    t_refused (brd_channel_codec_get (vector.bytes, vector.size, &packet),
               EPROTO);
    t_vector_read ("beat", &vector);
    memset (vector.bytes + 16, 0, 8);  // A beat to nobody
    t_refused (brd_channel_codec_get (vector.bytes, vector.size, &packet),
               EPROTO);
    t_vector_read ("answer", &vector);
    memset (vector.bytes + 60, 0, 4);  // A window of no byte
    t_refused (brd_channel_codec_get (vector.bytes, vector.size, &packet),
               EPROTO);
    t_vector_read ("data", &vector);
    memset (vector.bytes + 24, 255, 8);  // Beyond the last number
    t_refused (brd_channel_codec_get (vector.bytes, vector.size, &packet),
               EPROTO);
}

// One byte more than fits is too large, in whatever pieces.
static void
s_test_largest (void **state)
{
    (void) state;
    static unsigned char bytes[BRD_CHANNEL_PACKET_MAX + 1];
    static unsigned char body[BRD_CHANNEL_PIECE_MAX + 1];
    brd_channel_packet_t packet = { .type = BRD_CHANNEL_DATA,
                                    .count = 1,
                                    .from = 1,
                                    .to = 2,
                                    .window_items = 1,
                                    .window_bytes = 1,
                                    .stamp = 1,
                                    .echo = 1 };
    brd_channel_piece_t piece = { .bytes = body,
                                  .size = BRD_CHANNEL_PIECE_MAX };
    for (int extra = 0; extra < 2; extra++) {
        packet.size =
            brd_channel_codec_put_piece (bytes + BRD_CHANNEL_HEADER, &piece);
        brd_channel_codec_put (bytes, &packet);
        const size_t size = BRD_CHANNEL_HEADER + packet.size;
        assert_int_equal (brd_channel_codec_get (bytes, size, &packet), -extra);
        piece.size++;
    }
}

static void
s_test_pieces (void **state)
{
    (void) state;
    static const struct {
        uint64_t size, pieces;
    } known[] = { { 0, 1 },       { 1, 1 },
                  { 65528, 1 },   { 65529, 2 },
                  { 131056, 2 },  { 131057, 3 },
                  { 655280, 10 }, { UINT32_MAX, 65545 } };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_int_equal (brd_channel_codec_pieces (known[i].size),
                          known[i].pieces);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_vectors),
        cmocka_unit_test (s_test_dialogue),
        cmocka_unit_test (s_test_cut_short),
        cmocka_unit_test (s_test_bad_fields),
        cmocka_unit_test (s_test_largest),
        cmocka_unit_test (s_test_pieces),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
