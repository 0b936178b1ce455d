// brd_heap.c - who is due first: a binary heap of deadlines
//
// SPDX-License-Identifier: MPL-2.0
//
// items[1] is the earliest, the children of n are 2n and 2n + 1. Each timer
// knows its place, so that moving and removing need no search.

#include "base/brd_heap.h"

#include "base/brd_check.h"
#include "base/brd_mem.h"

enum {
    ROOM_MIN = 16
};

void
brd_heap_init (brd_heap_t *self)
{
    *self = (brd_heap_t){ .items = NULL };
}

void
brd_heap_fini (brd_heap_t *self)
{
    for (size_t i = 1; i <= self->count; i++)
        self->items[i]->place = 0;
    brd_mem_free (self->items);
    brd_heap_init (self);
}

static void
s_put (brd_heap_t *self, brd_timer_t *timer, size_t place)
{
    self->items[place] = timer;
    timer->place = place;
}

static void
s_up (brd_heap_t *self, brd_timer_t *timer)
{
    size_t place = timer->place;
    while (place > 1 && self->items[place / 2]->due > timer->due) {
        s_put (self, self->items[place / 2], place);
        place /= 2;
    }
    s_put (self, timer, place);
}

static void
s_down (brd_heap_t *self, brd_timer_t *timer)
{
    size_t place = timer->place;
    for (;;) {
        size_t child = 2 * place;
        if (child > self->count)
            break;
        if (child < self->count
            && self->items[child + 1]->due < self->items[child]->due)
            child++;
        if (self->items[child]->due >= timer->due)
            break;
        s_put (self, self->items[child], place);
        place = child;
    }
    s_put (self, timer, place);
}

int
brd_heap_reserve (brd_heap_t *self, size_t n)
{
    // One more than are in: items[0] is unused.
    if (n < self->room)
        return 0;
    size_t room = self->room > 0 ? self->room : ROOM_MIN;
    while (room <= n && room <= SIZE_MAX / 2 / sizeof *self->items)
        room *= 2;
    if (room <= n)
        return brd_error_set (ENOMEM, "too many timers");
    brd_timer_t **items =
        brd_mem_resize (self->items, room * sizeof *self->items);
    if (!items)
        return -1;
    self->items = items;
    self->room = room;
    return 0;
}

int
brd_heap_set (brd_heap_t *self, brd_timer_t *timer, int64_t due)
{
    if (timer->place == 0) {
        if (brd_heap_reserve (self, self->count + 1) < 0)
            return -1;
        s_put (self, timer, ++self->count);
    }
    brd_assert (self->items[timer->place] == timer);
    timer->due = due;
    s_up (self, timer);
    s_down (self, timer);
    return 0;
}

void
brd_heap_remove (brd_heap_t *self, brd_timer_t *timer)
{
    if (timer->place == 0)
        return;
    brd_assert (self->items[timer->place] == timer);
    brd_timer_t *last = self->items[self->count--];
    if (last != timer) {
        s_put (self, last, timer->place);
        s_up (self, last);
        s_down (self, last);
    }
    timer->place = 0;
}

brd_timer_t *
brd_heap_first (const brd_heap_t *self)
{
    return self->count > 0 ? self->items[1] : NULL;
}
