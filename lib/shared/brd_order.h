// brd_order.h - items of a queue, the next one first
//
// SPDX-License-Identifier: MPL-2.0
//
// A pairing heap: putting one in is one comparison, taking the first one out
// log n, and no memory is needed but two links in the item itself. So an item
// that comes back to its queue always can.

#ifndef BRD_ORDER_H
#define BRD_ORDER_H

#include <stdatomic.h>
#include <stdint.h>

// In the arena, its bytes behind it or in a block.
typedef struct brd_item {
    _Atomic uint64_t word;  // brd_items.h
    uint64_t number;        // Of the put
    int64_t priority;       // The lowest is first
    uint64_t size;          // Of its bytes
    uint64_t taken;         // Of the get that took it
    unsigned char *block;   // NULL: they follow
    struct brd_item *next;
    struct brd_item *child;
} brd_item_t;

typedef enum {
    BRD_ORDER_QUEUE,  // By priority, then by number
    BRD_ORDER_TAKEN   // By taken
} brd_order_t;

void
brd_order_push (brd_item_t **root, brd_order_t order, brd_item_t *item);

// NULL when there is none.
brd_item_t *
brd_order_pop (brd_item_t **root, brd_order_t order);

#endif  // BRD_ORDER_H
