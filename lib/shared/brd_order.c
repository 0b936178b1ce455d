// brd_order.c - items of a queue, the next one first
//
// SPDX-License-Identifier: MPL-2.0
//
//     root (the first of all)
//       child -> a -> b -> c       each comes after the root, and is itself
//                |                 the first of what hangs on it
//                child -> ...
//
//     push   the later of two roots becomes the other's child
//     pop    a, b, c ... are joined two by two, then those from the right
//
// Nothing here is in the middle of anything when its process dies: the links
// are made again from the items (brd_items_repair ()).

#include "shared/brd_order.h"

#include <stddef.h>

static int
s_before (const brd_item_t *a, const brd_item_t *b, brd_order_t order)
{
    if (order == BRD_ORDER_TAKEN)
        return a->taken < b->taken;
    return a->priority != b->priority ? a->priority < b->priority
                                      : a->number < b->number;
}

// Two roots, each without a next, become one. Takes NULL.
static brd_item_t *
s_join (brd_item_t *a, brd_item_t *b, brd_order_t order)
{
    if (!a || !b)
        return a ? a : b;
    if (s_before (b, a, order)) {
        brd_item_t *first = b;
        b = a;
        a = first;
    }
    b->next = a->child;
    a->child = b;
    return a;
}

void
brd_order_push (brd_item_t **root, brd_order_t order, brd_item_t *item)
{
    item->next = NULL;
    item->child = NULL;
    *root = s_join (*root, item, order);
}

// Cuts the first two off the list and joins them.
static brd_item_t *
s_join_two (brd_item_t **list, brd_order_t order)
{
    brd_item_t *a = *list;
    brd_item_t *b = a->next;
    *list = b ? b->next : NULL;
    a->next = NULL;
    if (b)
        b->next = NULL;
    return s_join (a, b, order);
}

brd_item_t *
brd_order_pop (brd_item_t **root, brd_order_t order)
{
    brd_item_t *first = *root;
    if (!first)
        return NULL;
    brd_item_t *list = first->child;
    brd_item_t *pairs = NULL;
    while (list) {
        brd_item_t *pair = s_join_two (&list, order);
        pair->next = pairs;
        pairs = pair;
    }
    brd_item_t *all = NULL;
    while (pairs) {
        brd_item_t *pair = pairs;
        pairs = pair->next;
        pair->next = NULL;
        all = s_join (all, pair, order);
    }
    *root = all;
    return first;
}
