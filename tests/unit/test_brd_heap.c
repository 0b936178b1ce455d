// test_brd_heap.c - the earliest deadline, whatever was done before
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <errno.h>

#include "base/brd_fault.h"
#include "base/brd_heap.h"

enum {
    TIMERS = 100
};

static uint32_t
s_random (uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void
s_check (const brd_heap_t *heap, const brd_timer_t *timers)
{
    size_t count = 0;
    int64_t least = INT64_MAX;
    for (int i = 0; i < TIMERS; i++) {
        if (timers[i].place == 0)
            continue;
        count++;
        assert_ptr_equal (heap->items[timers[i].place], &timers[i]);
        if (timers[i].due < least)
            least = timers[i].due;
    }
    assert_int_equal (count, heap->count);
    for (size_t i = 2; i <= heap->count; i++)
        assert_true (heap->items[i / 2]->due <= heap->items[i]->due);
    const brd_timer_t *first = brd_heap_first (heap);
    if (count == 0)
        assert_null (first);
    else
        assert_true (first->due == least);
}

static void
s_test_random (void **state)
{
    (void) state;
    brd_heap_t heap;
    brd_heap_init (&heap);
    brd_timer_t timers[TIMERS] = { { .place = 0 } };
    uint32_t seed = 1;
    for (int i = 0; i < 20000; i++) {
        brd_timer_t *timer = &timers[s_random (&seed) % TIMERS];
        if (s_random (&seed) % 3 == 0)
            brd_heap_remove (&heap, timer);
        else
            assert_int_equal (
                brd_heap_set (&heap, timer, s_random (&seed) % 50), 0);
        s_check (&heap, timers);
    }
    int64_t before = 0;
    for (brd_timer_t *timer; (timer = brd_heap_first (&heap)) != NULL;) {
        assert_true (timer->due >= before);
        before = timer->due;
        brd_heap_remove (&heap, timer);
        assert_int_equal (timer->place, 0);
    }
    brd_heap_fini (&heap);
}

static void
s_test_no_memory (void **state)
{
    (void) state;
    brd_heap_t heap;
    brd_heap_init (&heap);
    brd_timer_t timers[TIMERS] = { { .place = 0 } };
    int failed = 0;
    for (int i = 0; i < TIMERS; i++) {
        brd_fault_arm (BRD_FAULT_MEMORY, 1, ENOMEM);
        if (brd_heap_set (&heap, &timers[i], i) < 0) {
            assert_int_equal (errno, ENOMEM);
            assert_int_equal (timers[i].place, 0);
            failed++;
            assert_int_equal (brd_heap_set (&heap, &timers[i], i), 0);
        }
        s_check (&heap, timers);
    }
    assert_true (failed >= 3);
    // Moving one that is in cannot fail.
    brd_fault_arm (BRD_FAULT_MEMORY, 1, ENOMEM);
    assert_int_equal (brd_heap_set (&heap, &timers[99], -5), 0);
    assert_ptr_equal (brd_heap_first (&heap), &timers[99]);
    brd_fault_arm (BRD_FAULT_MEMORY, 0, 0);
    brd_heap_fini (&heap);
    // What was in it may be destroyed after it.
    assert_int_equal (timers[0].place, 0);
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
