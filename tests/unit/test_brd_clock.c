// test_brd_clock.c - timeouts become deadlines and deadlines poll's arguments
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <limits.h>

#include "base/brd_clock.h"

static void
s_test_now (void **state)
{
    (void) state;
    const int64_t before = brd_clock_now ();
    assert_true (before > 0);
    assert_true (brd_clock_now () >= before);
}

static void
s_test_deadline (void **state)
{
    (void) state;
    assert_true (brd_clock_deadline (-1) == BRD_NEVER);
    assert_true (brd_clock_deadline (INT_MIN) == BRD_NEVER);
    const int64_t before = brd_clock_now ();
    const int64_t deadline = brd_clock_deadline (1000);
    const int64_t after = brd_clock_now ();
    assert_true (deadline >= before + 1000000000);
    assert_true (deadline <= after + 1000000000);
    assert_true (brd_clock_deadline (0) <= brd_clock_now ());
    assert_true (brd_clock_deadline (INT_MAX)
                 >= before + INT64_C (1000000) * INT_MAX);
}

static void
s_test_left (void **state)
{
    (void) state;
    assert_int_equal (brd_clock_left_ms (BRD_NEVER), -1);
    assert_int_equal (brd_clock_left_ms (0), 0);
    assert_int_equal (brd_clock_left_ms (INT64_MIN), 0);
    assert_int_equal (brd_clock_left_ms (brd_clock_now ()), 0);
    assert_int_equal (brd_clock_left_ms (BRD_NEVER - 1), INT_MAX);
    // Rounded up: not yet due is never 0.
    const int64_t hour = INT64_C (3600) * 1000000000;
    const int left = brd_clock_left_ms (brd_clock_now () + hour);
    assert_true (left > 3500000 && left <= 3600000);
    int64_t deadline;
    int ms;
    do {
        deadline = brd_clock_now () + 900000;
        ms = brd_clock_left_ms (deadline);
    } while (brd_clock_now () >= deadline);
    assert_int_equal (ms, 1);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_now),
        cmocka_unit_test (s_test_deadline),
        cmocka_unit_test (s_test_left),
    };
    t_watchdog (30);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
