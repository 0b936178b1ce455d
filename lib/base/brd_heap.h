// brd_heap.h - who is due first: a binary heap of deadlines
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_HEAP_H
#define BRD_HEAP_H

#include <stddef.h>
#include <stdint.h>

// Lives in the item that has the deadline.
typedef struct {
    int64_t due;
    size_t place;  // 1-based in the heap, 0: not in it
} brd_timer_t;

typedef struct {
    brd_timer_t **items;  // items[0] is unused
    size_t count;
    size_t room;
} brd_heap_t;

void
brd_heap_init (brd_heap_t *self);
void
brd_heap_fini (brd_heap_t *self);

// Room for n timers in all: up to so many brd_heap_set () cannot fail. -1 with
// ENOMEM and nothing has changed.
int
brd_heap_reserve (brd_heap_t *self, size_t n);

// Puts it in, or moves it; -1 with ENOMEM, and then it is not in it.
int
brd_heap_set (brd_heap_t *self, brd_timer_t *timer, int64_t due);
void
brd_heap_remove (brd_heap_t *self, brd_timer_t *timer);

// The earliest, or NULL; it stays in.
brd_timer_t *
brd_heap_first (const brd_heap_t *self);

#endif  // BRD_HEAP_H
