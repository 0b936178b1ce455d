// t_guest.h - tasks that give work to a pool of their owner
//
// SPDX-License-Identifier: MPL-2.0
//
// A guest cannot use cmocka's asserts, as it is not in the test's process: it
// fails with a line number, which the test shows.

#ifndef T_GUEST_H
#define T_GUEST_H

#include "t.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <brood.h>

#include "api/brd_runtime.h"
#include "base/brd_arena.h"

enum {
    T_ITEMS = 300
};

// What is not so fails the guest's task, with the line and brood's last words.
#define T_SEE(fact) \
    do { \
        if (!(fact)) \
            return brood_task_fail ( \
                task, "line %d: %s [%s]", __LINE__, #fact, brood_error ()); \
    } while (0)

static inline int
t_square (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    long x;
    if (brood_msg_unpack (in, "%ld", &x) < 0)
        return brood_task_fail (task, "wanted a number");
    if (x == 13)
        return brood_task_fail (task, "thirteen");
    return brood_msg_pack (out, "%ld", x * x);
}
BROOD_TASK (t_square);

// Whose child it is: all workers of one pool have one parent.
static inline int
t_parent (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    return brood_msg_pack (out, "[%d, %d]", (int) getpid (), (int) getppid ());
}

static inline int
t_parent_of (brood_pool_t *pool)
{
    int pid, of;
    BROOD_AUTO (msg) one = brood_pool_apply (pool, t_parent, "nil");
    assert_non_null (one);
    assert_int_equal (brood_msg_unpack (one, "[%d, %d]", &pid, &of), 0);
    return of;
}

// In a worker of at, with the pool to.
static inline void
t_expect (brood_pool_t *at, brood_task_fn *guest, brood_pool_t *to)
{
    BROOD_AUTO (msg)
    done = brood_pool_apply (
        at, guest, "[@%p, %d]", brood_ref (to), t_parent_of (to));
    if (!done)
        fail_msg ("%s", brood_error ());
}

static inline int
t_is_idle (void *pool)
{
    brood_pool_stats_t stats;
    return brood_pool_stats (pool, &stats) == 0 && stats.pending == 0
           && stats.running == 0 && stats.workers == 2;
}

static size_t t_used_before;

// A call of the owner's own, so that it looks after what has left.
static inline int
t_is_swept (void *pool)
{
    BROOD_AUTO (msg) one = brood_pool_apply (pool, t_square, "%ld", 3L);
    return one && brd_arena_used (brd_runtime_arena ()) <= t_used_before;
}

#endif  // T_GUEST_H
