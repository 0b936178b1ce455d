// t_queue.h - a queue in an arena, of numbers
//
// SPDX-License-Identifier: MPL-2.0

#ifndef T_QUEUE_H
#define T_QUEUE_H

#include "t_shared.h"

#include <errno.h>
#include <string.h>

#include "base/brd_error.h"
#include "shared/brd_queue.h"

// Sizes behind a number: what it weighs.
enum {
    T_QUEUE_LARGE = 100000
};

static brd_hold_t t_queue_hold;

// What new_with () of the class does. limits: what is set before publishing.
static inline brd_queue_t *
t_queue_new_on (brd_hold_t *ret_hold, const brd_queue_t *limits)
{
    assert_int_equal (
        brd_object_new (
            t_shared, BRD_KIND_QUEUE, sizeof (brd_queue_t), 0, ret_hold),
        0);
    brd_queue_t *self = (brd_queue_t *) (void *) ret_hold->object;
    self->capacity = limits->capacity;
    self->capacity_bytes =
        limits->capacity_bytes ? limits->capacity_bytes : (size_t) 32 << 20;
    self->size_max = limits->size_max ? limits->size_max : self->capacity_bytes;
    self->deliveries_max = limits->deliveries_max;
    self->joinable = limits->joinable;
    self->dead = limits->dead;
    if (self->dead) {
        self->dead_kept = brd_share_keep (&self->dead->object);
        assert_non_null (self->dead_kept);
    }
    brd_queue_init (self, limits->items.ordered);
    brd_object_publish (ret_hold);
    return self;
}

static inline brd_queue_t *
t_queue_new (const brd_queue_t *limits)
{
    return t_queue_new_on (&t_queue_hold, limits);
}

static inline void
t_queue_destroy (void)
{
    brd_hold_drop (&t_queue_hold);
}

// A number in size bytes, which say it all the way.
static inline int
t_queue_put_sized (
    brd_queue_t *self, int timeout_ms, long n, size_t size, int64_t priority)
{
    static _Thread_local long bytes[T_QUEUE_LARGE / sizeof (long)];
    assert_true (size >= sizeof n && size <= sizeof bytes);
    for (size_t i = 0; i < size / sizeof n; i++)
        bytes[i] = n;
    const brd_item_new_t item = { .bytes = bytes,
                                  .size = size,
                                  .priority = priority };
    return brd_queue_put (self, timeout_ms, &item, 1) == 1 ? 0 : -1;
}

static inline int
t_queue_put (brd_queue_t *self, int timeout_ms, long n)
{
    return t_queue_put_sized (self, timeout_ms, n, sizeof n, 0);
}

static inline int
t_queue_take_number (void *arg, const void *bytes, size_t size)
{
    const long *numbers = bytes;
    for (size_t i = 1; i < size / sizeof *numbers; i++) {
        if (numbers[i] != numbers[0])
            return brd_error_set (EBADMSG, "an item that was written to");
    }
    memcpy (arg, bytes, sizeof (long));
    return 0;
}

// The number, or -1 with errno.
static inline long
t_queue_get (brd_queue_t *self, int timeout_ms)
{
    long n;
    return brd_queue_get (self, timeout_ms, 1, t_queue_take_number, &n) == 1
               ? n
               : -1;
}

static inline long
t_queue_size (brd_queue_t *self)
{
    brd_queue_state_t state;
    assert_int_equal (brd_queue_state (self, &state), 0);
    return (long) state.ready;
}

// In /proc it would be a sleep in futex: here somebody is in the line.
static inline int
t_queue_getter_waits (void *queue)
{
    return atomic_load (&((brd_queue_t *) queue)->getters.asleep) > 0;
}

static inline int
t_queue_putter_waits (void *queue)
{
    return atomic_load (&((brd_queue_t *) queue)->putters.asleep) > 0;
}

#endif  // T_QUEUE_H
