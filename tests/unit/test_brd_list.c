// test_brd_list.c - links that live in their items
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include "base/brd_list.h"

typedef struct {
    int n;
    brd_list_t link;
} s_item_t;

static int
s_pop (brd_list_t *head)
{
    brd_list_t *link = brd_list_pop (head);
    return link ? BRD_LIST_ITEM (link, s_item_t, link)->n : -1;
}

static void
s_test_order (void **state)
{
    (void) state;
    brd_list_t head;
    brd_list_init (&head);
    assert_true (brd_list_empty (&head));
    assert_int_equal (s_pop (&head), -1);
    s_item_t items[4] = { { .n = 0 }, { .n = 1 }, { .n = 2 }, { .n = 3 } };
    brd_list_append (&head, &items[1].link);
    brd_list_append (&head, &items[2].link);
    brd_list_prepend (&head, &items[0].link);
    brd_list_append (&head, &items[3].link);
    assert_false (brd_list_empty (&head));
    for (int i = 0; i < 4; i++)
        assert_int_equal (s_pop (&head), i);
    assert_true (brd_list_empty (&head));
}

static void
s_test_remove (void **state)
{
    (void) state;
    brd_list_t head;
    brd_list_init (&head);
    s_item_t items[3] = { { .n = 0 }, { .n = 1 }, { .n = 2 } };
    for (int i = 0; i < 3; i++)
        brd_list_append (&head, &items[i].link);
    brd_list_remove (&items[1].link);
    // Twice is once, and in no list at all is fine.
    brd_list_remove (&items[1].link);
    brd_list_append (&head, &items[1].link);
    assert_int_equal (s_pop (&head), 0);
    assert_int_equal (s_pop (&head), 2);
    assert_int_equal (s_pop (&head), 1);
    assert_int_equal (s_pop (&head), -1);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_order),
        cmocka_unit_test (s_test_remove),
    };
    t_watchdog (30);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
