// test_brd_mem.c - memory, and saying that there is none
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <errno.h>
#include <string.h>

#include "base/brd_error.h"
#include "base/brd_fault.h"
#include "base/brd_mem.h"

static void
s_test_blocks (void **state)
{
    (void) state;
    char *text = brd_mem_strdup ("brood");
    assert_string_equal (text, "brood");
    text = brd_mem_resize (text, 4096);
    assert_string_equal (text, "brood");
    brd_mem_free (text);

    const unsigned char zeros[64] = { 0 };
    unsigned char *bytes = brd_mem_array (16, 4);
    assert_memory_equal (bytes, zeros, 64);
    brd_mem_free (bytes);
    bytes = brd_mem_zalloc (64);
    assert_memory_equal (bytes, zeros, 64);
    brd_mem_free (bytes);
}

static void
s_test_nothing_is_something (void **state)
{
    (void) state;
    void *blocks[] = { brd_mem_alloc (0),
                       brd_mem_zalloc (0),
                       brd_mem_array (0, 8),
                       brd_mem_resize (NULL, 0) };
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        assert_non_null (blocks[i]);
        brd_mem_free (blocks[i]);
    }
}

static void
s_test_free_keeps_errno (void **state)
{
    (void) state;
    errno = EBUSY;
    brd_mem_free (NULL);
    brd_mem_free (brd_mem_alloc (1 << 20));
    assert_int_equal (errno, EBUSY);
}

static void
s_assert_failed (const void *memory)
{
    assert_null (memory);
    assert_int_equal (errno, ENOMEM);
    assert_int_equal (brd_error_get ()->kind, BROOD_NO_MEMORY);
    assert_non_null (strstr (brd_error_get ()->text, "out of memory"));
    errno = 0;
    brd_error_set (EINVAL, "another");
}

static void
s_test_overflow (void **state)
{
    (void) state;
    s_assert_failed (brd_mem_array (SIZE_MAX / 2, 3));
    s_assert_failed (brd_mem_array (3, SIZE_MAX / 2));
}

static void
s_arm (void)
{
    brd_fault_arm (BRD_FAULT_MEMORY, 1, ENOMEM);
}

static void
s_test_each_can_fail (void **state)
{
    (void) state;
    char *old = brd_mem_strdup ("old");
    s_arm ();
    s_assert_failed (brd_mem_alloc (8));
    s_arm ();
    s_assert_failed (brd_mem_zalloc (8));
    s_arm ();
    s_assert_failed (brd_mem_array (2, 8));
    s_arm ();
    s_assert_failed (brd_mem_strdup ("x"));
    s_arm ();
    s_assert_failed (brd_mem_resize (old, 1000));
    assert_string_equal (old, "old");
    brd_mem_free (old);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_blocks),
        cmocka_unit_test (s_test_nothing_is_something),
        cmocka_unit_test (s_test_free_keeps_errno),
        cmocka_unit_test (s_test_overflow),
        cmocka_unit_test (s_test_each_can_fail),
    };
    t_watchdog (30);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
