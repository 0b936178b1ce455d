// test_brd_auth.c - proofs and seals, against the bytes of docs/rfc/3-stream.md
//
// SPDX-License-Identifier: MPL-2.0

#include "t_vectors.h"

#include <errno.h>
#include <string.h>

#include "base/brd_mem.h"
#include "transport/brd_auth.h"

static const char s_key[] = "the key of the vectors, 32 bytes";

typedef struct {
    brd_auth_t *sides[2];  // By role
} s_pair_t;

static brd_auth_t *
s_side (brd_auth_role_t role, int sealed, const char *key)
{
    unsigned char random[BRD_AUTH_RANDOM];
    for (size_t i = 0; i < sizeof random; i++)
        random[i] =
            (unsigned char) (i + (role == BRD_AUTH_LISTENER ? 0x80 : 0));
    brd_auth_t *self = brd_auth_new (role, sealed, key, strlen (key), random);
    assert_non_null (self);
    return self;
}

static void
s_begin (s_pair_t *self, int sealed)
{
    unsigned char hello[BRD_AUTH_HELLO];
    for (int i = 0; i < 2; i++)
        self->sides[i] = s_side ((brd_auth_role_t) i, sealed, s_key);
    for (int i = 0; i < 2; i++) {
        brd_auth_hello (self->sides[i], hello);
        assert_int_equal (brd_auth_meet (self->sides[1 - i], hello), 0);
    }
}

static void
s_finish (s_pair_t *self)
{
    brd_auth_destroy (&self->sides[0]);
    brd_auth_destroy (&self->sides[1]);
}

static void
s_prove_both (s_pair_t *self)
{
    unsigned char proof[BRD_AUTH_PROOF];
    for (int i = 0; i < 2; i++) {
        brd_auth_prove (self->sides[i], proof);
        assert_int_equal (brd_auth_check (self->sides[1 - i], proof), 0);
    }
}

static void
s_check_vectors (const char *transport, int sealed)
{
    static const char *const roles[] = { "connector", "listener" };
    s_pair_t pair;
    s_begin (&pair, sealed);
    for (int i = 0; i < 2; i++) {
        unsigned char made[BRD_AUTH_PROOF];
        char name[64];
        t_vector_t vector;
        snprintf (name, sizeof name, "%s-hello-%s", transport, roles[i]);
        t_vector_read (name, &vector);
        brd_auth_hello (pair.sides[i], made);
        assert_int_equal (vector.size, BRD_AUTH_HELLO);
        assert_memory_equal (vector.bytes, made, BRD_AUTH_HELLO);
        snprintf (name, sizeof name, "%s-proof-%s", transport, roles[i]);
        t_vector_read (name, &vector);
        brd_auth_prove (pair.sides[i], made);
        assert_int_equal (vector.size, BRD_AUTH_PROOF);
        assert_memory_equal (vector.bytes, made, sealed ? 32 : BRD_AUTH_PROOF);
        assert_int_equal (brd_auth_check (pair.sides[1 - i], vector.bytes), 0);
    }
    if (sealed) {
        t_vector_t vector;
        unsigned char opened[5];
        t_vector_read ("tcp-record-listener", &vector);
        assert_int_equal (vector.size, 4 + 5 + BRD_AUTH_SEAL);
        assert_int_equal (brd_auth_open (pair.sides[BRD_AUTH_CONNECTOR],
                                         vector.bytes,
                                         vector.bytes + 4,
                                         vector.size - 4,
                                         opened),
                          0);
        assert_memory_equal (opened, "hello", 5);
    }
    s_finish (&pair);
}

static void
s_test_vectors (void **state)
{
    (void) state;
    s_check_vectors ("ipc", 0);
    s_check_vectors ("tcp", 1);
}

// Whichever bit of a hello or a proof is another one, somebody notices.
static void
s_test_each_bit (void **state)
{
    (void) state;
    for (int sealed = 0; sealed < 2; sealed++) {
        for (int bit = 0; bit < BRD_AUTH_HELLO * 8; bit++) {
            unsigned char hello[BRD_AUTH_HELLO], proof[BRD_AUTH_PROOF];
            brd_auth_t *near = s_side (BRD_AUTH_CONNECTOR, sealed, s_key);
            brd_auth_t *far = s_side (BRD_AUTH_LISTENER, sealed, s_key);
            brd_auth_hello (far, hello);
            assert_int_equal (brd_auth_meet (near, hello), 0);
            brd_auth_hello (near, hello);
            hello[bit / 8] ^= (unsigned char) (1 << bit % 8);
            if (brd_auth_meet (far, hello) == 0) {
                brd_auth_prove (near, proof);
                assert_int_equal (brd_auth_check (far, proof), -1);
                assert_int_equal (errno, EACCES);
            }
            else
                assert_int_equal (errno, EPROTO);
            brd_auth_destroy (&near);
            brd_auth_destroy (&far);
        }
        for (int bit = 0; bit < 32 * 8; bit++) {
            unsigned char proof[BRD_AUTH_PROOF];
            s_pair_t pair;
            s_begin (&pair, sealed);
            brd_auth_prove (pair.sides[0], proof);
            proof[bit / 8] ^= (unsigned char) (1 << bit % 8);
            assert_int_equal (brd_auth_check (pair.sides[1], proof), -1);
            assert_int_equal (errno, EACCES);
            s_finish (&pair);
        }
    }
}

// Nobody who does not know the key gets in by sending back what he was sent.
static void
s_test_reflection (void **state)
{
    (void) state;
    unsigned char hello[BRD_AUTH_HELLO], proof[BRD_AUTH_PROOF];
    for (int role = 0; role < 2; role++) {
        brd_auth_t *self = s_side ((brd_auth_role_t) role, 0, s_key);
        brd_auth_hello (self, hello);
        assert_int_equal (brd_auth_meet (self, hello), 0);
        brd_auth_prove (self, proof);
        assert_int_equal (brd_auth_check (self, proof), -1);
        assert_int_equal (errno, EACCES);
        brd_auth_refuse (proof);
        assert_int_equal (brd_auth_check (self, proof), -1);
        brd_auth_destroy (&self);
    }
}

static void
s_test_other_key (void **state)
{
    (void) state;
    static const char *const keys[] = { "",
                                        "the key of the vectors, 32 byte",
                                        "the key of the vectors, 32 bytes " };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        unsigned char hello[BRD_AUTH_HELLO], proof[BRD_AUTH_PROOF];
        brd_auth_t *near = s_side (BRD_AUTH_CONNECTOR, 0, keys[i]);
        brd_auth_t *far = s_side (BRD_AUTH_LISTENER, 0, s_key);
        brd_auth_hello (far, hello);
        assert_int_equal (brd_auth_meet (near, hello), 0);
        brd_auth_hello (near, hello);
        assert_int_equal (brd_auth_meet (far, hello), 0);
        brd_auth_prove (near, proof);
        assert_int_equal (brd_auth_check (far, proof), -1);
        assert_int_equal (errno, EACCES);
        brd_auth_prove (far, proof);
        assert_int_equal (brd_auth_check (near, proof), -1);
        brd_auth_destroy (&near);
        brd_auth_destroy (&far);
    }
}

// A public key whose products are all zeros would make everybody's secret the
// same.
static void
s_test_weak_point (void **state)
{
    (void) state;
    unsigned char hello[BRD_AUTH_HELLO];
    brd_auth_t *near = s_side (BRD_AUTH_CONNECTOR, 1, s_key);
    brd_auth_t *far = s_side (BRD_AUTH_LISTENER, 1, s_key);
    brd_auth_hello (far, hello);
    memset (hello + 8, 0, 32);
    assert_int_equal (brd_auth_meet (near, hello), -1);
    assert_int_equal (errno, EPROTO);
    brd_auth_destroy (&near);
    brd_auth_destroy (&far);
}

static void
s_test_seals (void **state)
{
    (void) state;
    s_pair_t pair;
    s_begin (&pair, 1);
    s_prove_both (&pair);
    static const unsigned char header[4] = { 22, 0, 0, 1 };
    unsigned char sealed[2][5 + BRD_AUTH_SEAL], opened[5];
    for (int i = 0; i < 2; i++) {
        brd_auth_t *from = pair.sides[i], *to = pair.sides[1 - i];
        brd_auth_seal (from, header, "first", 5, sealed[0]);
        assert_int_equal (
            brd_auth_open (to, header, sealed[0], sizeof sealed[0], opened), 0);
        assert_memory_equal (opened, "first", 5);
        // Not twice; not the other way round.
        assert_int_equal (
            brd_auth_open (to, header, sealed[0], sizeof sealed[0], opened),
            -1);
        assert_int_equal (errno, EPROTO);
        // One that never left is as if it had not been.
        brd_auth_seal (from, header, "wrong", 5, sealed[0]);
        brd_auth_unseal (from);
        brd_auth_seal (from, header, "right", 5, sealed[1]);
        unsigned char other[4] = { 22, 0, 0, 0 };
        assert_int_equal (
            brd_auth_open (to, other, sealed[1], sizeof sealed[1], opened), -1);
        assert_int_equal (
            brd_auth_open (to, header, sealed[1], sizeof sealed[1], opened), 0);
        assert_memory_equal (opened, "right", 5);
    }
    // Both directions have keys of their own.
    brd_auth_seal (pair.sides[0], header, "third", 5, sealed[0]);
    assert_int_equal (
        brd_auth_open (pair.sides[0], header, sealed[0], 22, opened), -1);
    s_finish (&pair);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_vectors),
        cmocka_unit_test (s_test_each_bit),
        cmocka_unit_test (s_test_reflection),
        cmocka_unit_test (s_test_other_key),
        cmocka_unit_test (s_test_weak_point),
        cmocka_unit_test (s_test_seals),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
