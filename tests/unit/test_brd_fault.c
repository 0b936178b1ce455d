// test_brd_fault.c - the n-th call fails, once, with the errno armed
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <errno.h>
#include <limits.h>

#include "base/brd_fault.h"

static void
s_test_nth (void **state)
{
    (void) state;
    brd_fault_arm (BRD_FAULT_SYSTEM, 3, EMFILE);
    assert_int_equal (brd_fault_hit (BRD_FAULT_SYSTEM), 0);
    // The kinds count apart.
    assert_int_equal (brd_fault_hit (BRD_FAULT_MEMORY), 0);
    assert_int_equal (brd_fault_hit (BRD_FAULT_SYSTEM), 0);
    errno = 0;
    assert_int_equal (brd_fault_hit (BRD_FAULT_SYSTEM), 1);
    assert_int_equal (errno, EMFILE);
    assert_int_equal (brd_fault_hit (BRD_FAULT_SYSTEM), 0);
    assert_int_equal (brd_fault_count (BRD_FAULT_SYSTEM), 4);
}

static void
s_test_disarm (void **state)
{
    (void) state;
    brd_fault_arm (BRD_FAULT_SYSTEM, 1, EMFILE);
    brd_fault_arm (BRD_FAULT_SYSTEM, 0, 0);
    assert_int_equal (brd_fault_hit (BRD_FAULT_SYSTEM), 0);
    assert_int_equal (brd_fault_count (BRD_FAULT_SYSTEM), 1);
    brd_fault_arm (BRD_FAULT_SYSTEM, LONG_MAX, EMFILE);
    assert_int_equal (brd_fault_count (BRD_FAULT_SYSTEM), 0);
    assert_int_equal (brd_fault_hit (BRD_FAULT_SYSTEM), 0);
    brd_fault_arm (BRD_FAULT_SYSTEM, 0, 0);
}

static void
s_test_memory_is_enomem (void **state)
{
    (void) state;
    brd_fault_arm (BRD_FAULT_MEMORY, 1, EBUSY);
    errno = 0;
    assert_int_equal (brd_fault_hit (BRD_FAULT_MEMORY), 1);
    assert_int_equal (errno, ENOMEM);
    brd_fault_arm (BRD_FAULT_MEMORY, 0, 0);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_nth),
        cmocka_unit_test (s_test_disarm),
        cmocka_unit_test (s_test_memory_is_enomem),
    };
    t_watchdog (30);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
