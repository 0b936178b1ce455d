// test_brd_buf.c - bytes that grow, up to a ceiling
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <errno.h>
#include <string.h>

#include "base/brd_buf.h"
#include "base/brd_fault.h"
#include "base/brd_mem.h"

static void
s_test_add (void **state)
{
    (void) state;
    brd_buf_t buf;
    brd_buf_init (&buf, 100000);
    for (int i = 0; i < 100000; i++) {
        const unsigned char byte = (unsigned char) (i % 251);
        assert_int_equal (brd_buf_add (&buf, &byte, 1), 0);
    }
    assert_int_equal (buf.size, 100000);
    assert_true (buf.room <= 100000);
    for (int i = 0; i < 100000; i++)
        assert_int_equal (buf.bytes[i], i % 251);
    brd_buf_fini (&buf);
    assert_null (buf.bytes);
}

static void
s_test_ceiling (void **state)
{
    (void) state;
    brd_buf_t buf;
    brd_buf_init (&buf, 10);
    assert_int_equal (brd_buf_add (&buf, "12345678", 8), 0);
    errno = 0;
    assert_int_equal (brd_buf_add (&buf, "abc", 3), -1);
    assert_int_equal (errno, EMSGSIZE);
    assert_null (brd_buf_reserve (&buf, SIZE_MAX));
    assert_int_equal (errno, EMSGSIZE);
    assert_int_equal (buf.size, 8);
    assert_memory_equal (buf.bytes, "12345678", 8);
    assert_int_equal (brd_buf_add (&buf, "ab", 2), 0);
    assert_int_equal (brd_buf_add (&buf, NULL, 0), 0);
    assert_int_equal (buf.size, 10);
    brd_buf_fini (&buf);
}

static void
s_test_no_ceiling (void **state)
{
    (void) state;
    brd_buf_t buf;
    brd_buf_init (&buf, SIZE_MAX);
    assert_non_null (brd_buf_reserve (&buf, 0));
    assert_non_null (brd_buf_reserve (&buf, 1 << 20));
    assert_true (buf.room >= 1 << 20);
    assert_int_equal (buf.size, 0);
    brd_buf_fini (&buf);
    brd_buf_init (&buf, 0);
    assert_non_null (brd_buf_reserve (&buf, 0));
    brd_buf_fini (&buf);
}

static void
s_test_no_memory (void **state)
{
    (void) state;
    brd_buf_t buf;
    brd_buf_init (&buf, 1 << 20);
    assert_int_equal (brd_buf_add (&buf, "keep", 4), 0);
    brd_fault_arm (BRD_FAULT_MEMORY, 1, ENOMEM);
    assert_null (brd_buf_reserve (&buf, 4096));
    assert_int_equal (errno, ENOMEM);
    assert_int_equal (buf.size, 4);
    assert_memory_equal (buf.bytes, "keep", 4);
    assert_non_null (brd_buf_reserve (&buf, 4096));
    brd_buf_fini (&buf);
}

static void
s_test_steal (void **state)
{
    (void) state;
    brd_buf_t buf;
    brd_buf_init (&buf, 1 << 20);
    size_t size = 77;
    assert_null (brd_buf_steal (&buf, &size));
    assert_int_equal (size, 0);
    assert_int_equal (brd_buf_add (&buf, "mine", 4), 0);
    char *bytes = brd_buf_steal (&buf, &size);
    assert_int_equal (size, 4);
    assert_memory_equal (bytes, "mine", 4);
    assert_int_equal (buf.size, 0);
    assert_int_equal (brd_buf_add (&buf, "new", 3), 0);
    assert_memory_equal (bytes, "mine", 4);
    brd_mem_free (bytes);
    brd_buf_fini (&buf);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_add),
        cmocka_unit_test (s_test_ceiling),
        cmocka_unit_test (s_test_no_ceiling),
        cmocka_unit_test (s_test_no_memory),
        cmocka_unit_test (s_test_steal),
    };
    t_watchdog (30);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
