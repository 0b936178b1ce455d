// test_brd_map.c - a map against an array that knows better
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <errno.h>

#include "base/brd_fault.h"
#include "base/brd_map.h"

enum {
    KEYS = 512
};

static uint32_t
s_random (uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

// Neighbours, multiples of a page, and the ends of what there is.
static uint64_t
s_key (size_t i)
{
    switch (i % 3) {
    case 0:
        return i + 1;
    case 1:
        return (uint64_t) (i + 1) << 40;
    default:
        return UINT64_MAX - i * 4096;
    }
}

static void
s_check (const brd_map_t *map, void *const *expected)
{
    size_t count = 0;
    for (size_t i = 0; i < KEYS; i++) {
        assert_ptr_equal (brd_map_get (map, s_key (i)), expected[i]);
        count += expected[i] != NULL;
    }
    assert_int_equal (map->count, count);
    size_t place = 0;
    size_t walked = 0;
    uint64_t key;
    void *value;
    while ((value = brd_map_next (map, &place, &key)) != NULL) {
        assert_ptr_equal (value, brd_map_get (map, key));
        walked++;
    }
    assert_int_equal (walked, count);
}

static void
s_test_random (void **state)
{
    (void) state;
    static char things[1000];
    void *expected[KEYS] = { NULL };
    brd_map_t map;
    brd_map_init (&map);
    assert_null (brd_map_get (&map, 1));
    assert_null (brd_map_remove (&map, 1));
    s_check (&map, expected);
    uint32_t seed = 7;
    for (int i = 0; i < 40000; i++) {
        const size_t at = s_random (&seed) % KEYS;
        // Grows to nearly all keys, then shrinks to a few, and again.
        const uint32_t removes = i / 4000 % 2 == 0 ? 2 : 8;
        if (s_random (&seed) % 10 < removes) {
            assert_ptr_equal (brd_map_remove (&map, s_key (at)), expected[at]);
            expected[at] = NULL;
        }
        else {
            expected[at] = &things[s_random (&seed) % 1000];
            assert_int_equal (brd_map_set (&map, s_key (at), expected[at]), 0);
        }
        if (i % 100 == 0)
            s_check (&map, expected);
    }
    s_check (&map, expected);
    assert_true (map.room <= 1024);
    brd_map_fini (&map);
    assert_null (brd_map_get (&map, 1));
}

static void
s_test_no_memory (void **state)
{
    (void) state;
    static char things[KEYS];
    void *expected[KEYS] = { NULL };
    brd_map_t map;
    brd_map_init (&map);
    int failed = 0;
    for (size_t i = 0; i < KEYS; i++) {
        for (long n = 1; n <= 2; n++) {
            brd_fault_arm (BRD_FAULT_MEMORY, n, ENOMEM);
            if (!expected[i] && brd_map_set (&map, s_key (i), &things[i]) < 0) {
                assert_int_equal (errno, ENOMEM);
                s_check (&map, expected);
                failed++;
            }
            else {
                expected[i] = &things[i];
            }
        }
        brd_fault_arm (BRD_FAULT_MEMORY, 0, 0);
        assert_int_equal (brd_map_set (&map, s_key (i), &things[i]), 0);
        expected[i] = &things[i];
    }
    s_check (&map, expected);
    assert_true (failed >= 10);
    brd_map_fini (&map);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_random),
        cmocka_unit_test (s_test_no_memory),
    };
    t_watchdog (30);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
