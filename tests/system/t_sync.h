// t_sync.h - tasks that hold what they are given, and die with it
//
// SPDX-License-Identifier: MPL-2.0
//
// One pool for all tests of a program. What a test makes later reaches the
// workers by ref, as any program would send it. A worker tells by a value how
// far it is, so nobody sleeps to wait for it.

#ifndef T_SYNC_H
#define T_SYNC_H

#include "t.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <brood.h>

enum {
    T_WORKERS = 4,
    T_MS = 20000  // Longer than anything that is not lost
};

static brood_pool_t *t_pool;

static inline int
t_sync_setup (void **state)
{
    (void) state;
    t_pool = brood_pool_new ("4");
    return t_pool ? 0 : -1;
}

static inline int
t_sync_teardown (void **state)
{
    (void) state;
    brood_pool_destroy (&t_pool);
    return 0;
}

typedef struct {
    brood_value_t *value;
    int64_t least;
} t_reached_t;

static inline int
t_has_reached (void *arg)
{
    const t_reached_t *reached = arg;
    return brood_value_get (reached->value) >= reached->least;
}

// Until somebody has added so much.
static inline void
t_wait_value (brood_value_t *value, int64_t least)
{
    t_reached_t reached = { value, least };
    assert_true (t_eventually (t_has_reached, &reached, 20));
}

// In a task: say so, and wait to be killed.
static inline void
t_say_and_stop (brood_value_t *said)
{
    (void) brood_value_add (said, 1);
    for (;;)
        pause ();
}

// For some microseconds, a few hundred at most: to hit any moment.
static inline void
t_spin (unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    for (volatile unsigned n = *seed >> 14; n > 0; n--)
        continue;
}

// A task that a signal ended: its future says so.
static inline void
t_must_be_killed (brood_future_t **future_p)
{
    brood_error_info_t info;
    assert_null (brood_future_result (*future_p, T_MS));
    brood_error_info (&info);
    assert_int_equal (info.signal, SIGKILL);
    brood_future_destroy (future_p);
}

#endif  // T_SYNC_H
