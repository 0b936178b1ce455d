// test_brd_code.c - functions by their file and their place in it
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <gnu/libc-version.h>
#include <stdlib.h>

#include "client/brd_code.h"
#include "client/brd_tasks.h"

static uint64_t
s_here (void (*fn) (void **state))
{
    return (uint64_t) (uintptr_t) fn;
}

static void
s_test_look (void **state)
{
    static brd_code_t code;
    const uint64_t fn = s_here (s_test_look);
    const uint64_t libc = (uint64_t) (uintptr_t) gnu_get_libc_version;
    (void) state;
    brd_code_look (&code);
    assert_true (code.count >= 3 && !code.moved);
    for (int i = 0; i < 3; i++) {
        assert_int_equal (brd_code_there (&code, fn), fn);
        assert_int_equal (brd_code_there (&code, libc), libc);
    }
    assert_int_equal (brd_code_there (&code, 0), 0);
    assert_int_equal (brd_code_there (&code, 1), 0);
    assert_int_equal (brd_code_there (&code, (uint64_t) (uintptr_t) &code), 0);
}

// As if another program had written it, in which everything lies elsewhere.
static void
s_move (brd_code_t *code, uint64_t by)
{
    for (size_t i = 0; i < code->count; i++) {
        code->segments[i].start += by;
        code->segments[i].end += by;
        code->segments[i].there = 0;
    }
}

static void
s_test_match (void **state)
{
    static brd_code_t code;
    const uint64_t by = UINT64_C (0x123456000);
    const uint64_t fn = s_here (s_test_match);
    (void) state;
    brd_code_look (&code);
    s_move (&code, by);
    uint64_t there[BRD_CODE_SEGMENTS_MAX];
    brd_code_t *asked = malloc (sizeof *asked);  // lint: a test
    assert_non_null (asked);
    *asked = code;
    assert_int_equal (brd_code_match (&code), 0);
    brd_code_answer (&code, there);
    brd_code_take (asked, there);
    code = *asked;
    free (asked);  // lint: a test
    assert_true (code.moved);
    assert_int_equal (brd_code_there (&code, fn + by), fn);
    assert_int_equal (
        brd_code_there (&code,
                        (uint64_t) (uintptr_t) gnu_get_libc_version + by),
        (uint64_t) (uintptr_t) gnu_get_libc_version);
    assert_int_equal (brd_code_there (&code, 7), 0);
}

// A library that was replaced: another file, or one of another length.
static void
s_test_replaced (void **state)
{
    static brd_code_t code;
    const uint64_t fn = s_here (s_test_replaced);
    (void) state;
    for (int i = 0; i < 2; i++) {
        brd_code_look (&code);
        for (size_t j = 0; j < code.count; j++) {
            if (fn < code.segments[j].start || fn >= code.segments[j].end)
                continue;
            if (i == 0)
                code.segments[j].file++;
            else
                code.segments[j].end += 4096;
        }
        assert_int_equal (brd_code_match (&code), 0);
        assert_int_equal (brd_code_there (&code, fn), 0);
        assert_int_not_equal (
            brd_code_there (&code, (uint64_t) (uintptr_t) gnu_get_libc_version),
            0);
    }
}

// Another program: nothing of its own is here, but what has the same name.
static void
s_test_names (void **state)
{
    static brd_code_t code;
    const brd_tasks_entry_t entries[] = {
        { .name = "a", .fn = s_here (s_test_match) },
        { .name = "b", .fn = s_here (s_test_replaced), .mapper = 1 },
    };
    (void) state;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal (brd_tasks_add (&entries[i]), 0);
    brd_code_look (&code);
    const size_t files = code.count;
    brd_code_add_names (&code);
    assert_true (code.named);
    assert_int_equal (code.count, files + 2);
    for (size_t i = 0; i < files; i++)
        code.segments[i].file++;
    // What the other has under these names.
    code.segments[files].start = 4096;
    code.segments[files].end = 4097;
    code.segments[files + 1].file++;
    assert_int_equal (brd_code_match (&code), 0);
    assert_int_equal (brd_code_there (&code, 4096), s_here (s_test_match));
    assert_int_equal (brd_code_there (&code, 4097), 0);
    assert_int_equal (brd_code_there (&code, s_here (s_test_match)), 0);
    assert_int_equal (brd_code_there (&code, s_here (s_test_replaced)), 0);
}

static void
s_test_file (void **state)
{
    const uint64_t fn = s_here (s_test_file);
    const uint64_t other = s_here (s_test_match);
    const uint64_t libc = (uint64_t) (uintptr_t) gnu_get_libc_version;
    int here;
    (void) state;
    assert_int_not_equal (brd_code_file (fn), 0);
    assert_int_equal (brd_code_file (fn), brd_code_file (other));
    assert_int_not_equal (brd_code_file (fn), brd_code_file (libc));
    assert_int_equal (brd_code_file ((uint64_t) (uintptr_t) &here), 0);
    assert_int_equal (brd_code_mark (fn), brd_code_mark (other));
    assert_int_not_equal (brd_code_mark (fn), brd_code_file (fn));
    assert_int_equal (brd_code_mark (0), 0);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_look),     cmocka_unit_test (s_test_match),
        cmocka_unit_test (s_test_replaced), cmocka_unit_test (s_test_names),
        cmocka_unit_test (s_test_file),
    };
    t_watchdog (30);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
