// test_brd_curve.c - key pairs of CURVE
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <string.h>

#include "transport/brd_curve.h"

static void
s_test_make (void **state)
{
    (void) state;
    brd_curve_t one, two;
    assert_int_equal (brd_curve_make (&one), 0);
    assert_int_equal (brd_curve_make (&two), 0);
    assert_memory_not_equal (one.secret_key, two.secret_key, BRD_CURVE_KEY);
    assert_memory_not_equal (one.public_key, two.public_key, BRD_CURVE_KEY);
}

static void
s_test_of_secret (void **state)
{
    (void) state;
    brd_curve_t one, same;
    assert_int_equal (brd_curve_make (&one), 0);
    memset (&same, 0, sizeof same);
    assert_int_equal (brd_curve_of_secret (one.secret_key, &same), 0);
    assert_memory_equal (&same, &one, sizeof one);
}

// RFC 7748, section 5.2, one iteration: our keys are everybody's.
static void
s_test_vector (void **state)
{
    (void) state;
    static const unsigned char secret_key[BRD_CURVE_KEY] = { 9 };
    static const unsigned char public_key[BRD_CURVE_KEY] = {
        0x42, 0x2c, 0x8e, 0x7a, 0x62, 0x27, 0xd7, 0xbc, 0xa1, 0x35, 0x0b,
        0x3e, 0x2b, 0xb7, 0x27, 0x9f, 0x78, 0x97, 0xb8, 0x7b, 0xb6, 0x85,
        0x4b, 0x78, 0x3c, 0x60, 0xe8, 0x03, 0x11, 0xae, 0x30, 0x79,
    };
    brd_curve_t pair;
    assert_int_equal (brd_curve_of_secret (secret_key, &pair), 0);
    assert_memory_equal (pair.public_key, public_key, BRD_CURVE_KEY);
}

static void
s_test_wipe (void **state)
{
    (void) state;
    static const brd_curve_t nothing;
    brd_curve_t pair;
    assert_int_equal (brd_curve_make (&pair), 0);
    brd_curve_wipe (&pair);
    assert_memory_equal (&pair, &nothing, sizeof pair);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_make),
        cmocka_unit_test (s_test_of_secret),
        cmocka_unit_test (s_test_vector),
        cmocka_unit_test (s_test_wipe),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
