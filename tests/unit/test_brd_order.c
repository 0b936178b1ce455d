// test_brd_order.c - the first one comes out first
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include "shared/brd_order.h"

enum {
    ITEMS = 5000,
    PRIORITIES = 7
};

static brd_item_t s_items[ITEMS];

static unsigned
s_random (unsigned *seed)
{
    *seed = *seed * 1103515245 + 12345;
    return *seed >> 8;
}

static void
s_test_queue (void **state)
{
    (void) state;
    unsigned seed = 1;
    brd_item_t *root = NULL;
    assert_null (brd_order_pop (&root, BRD_ORDER_QUEUE));
    for (uint64_t i = 0; i < ITEMS; i++) {
        s_items[i].number = i;
        s_items[i].priority = (int64_t) (s_random (&seed) % PRIORITIES) - 3;
        brd_order_push (&root, BRD_ORDER_QUEUE, &s_items[i]);
    }
    const brd_item_t *last = NULL;
    for (int i = 0; i < ITEMS; i++) {
        const brd_item_t *item = brd_order_pop (&root, BRD_ORDER_QUEUE);
        assert_non_null (item);
        if (last)
            assert_true (item->priority > last->priority
                         || (item->priority == last->priority
                             && item->number > last->number));
        last = item;
    }
    assert_null (brd_order_pop (&root, BRD_ORDER_QUEUE));
}

// In and out in any order, compared with the plainest queue there is.
static void
s_test_mixed (void **state)
{
    (void) state;
    enum {
        N = 200
    };
    int in[N] = { 0 };
    unsigned seed = 7;
    brd_item_t *root = NULL;
    for (int round = 0; round < 20000; round++) {
        const unsigned i = s_random (&seed) % N;
        if (!in[i]) {
            in[i] = 1;
            s_items[i].taken = i;
            brd_order_push (&root, BRD_ORDER_TAKEN, &s_items[i]);
            continue;
        }
        unsigned first = 0;
        while (!in[first])
            first++;
        const brd_item_t *item = brd_order_pop (&root, BRD_ORDER_TAKEN);
        assert_non_null (item);
        assert_int_equal (item->taken, first);
        in[first] = 0;
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_queue),
        cmocka_unit_test (s_test_mixed),
    };
    t_watchdog (30);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
