// torture_guests.c - tasks that give work to a pool of their owner
//
// SPDX-License-Identifier: MPL-2.0
//
// Faults hit the owner, who has guests, or the guest's process. Either way each
// guest comes to an end: what it waits for ends, and what it cannot have says
// why. One that waits in vain says that it has lost something.

#include "torture.h"

#include <errno.h>
#include <string.h>

enum {
    S_TASKS = 6,
    S_ITEMS = 40,
    S_LARGE = 300 * 1024
};

#define S_LOST "lost"

static int
s_twice (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return brood_task_fail (task, "wanted a number");
    return brood_msg_pack (out, "%d", 2 * n);
}

static int
s_echo (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    return brood_msg_pack (out, "@%p", brood_ref (in));
}

static int
s_until_told (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    (void) out;
    while (!brood_task_cancelled (task))
        continue;
    return -1;
}

BROOD_MAPPER (s_guests_item, int, x, int, y)
{
    *y = *x + 1;
    return 0;
}

// In a guest: a call that failed. A wait that was in vain is never allowed.
static int
s_failed (brood_task_t *task, const char *what)
{
    return brood_task_fail (task,
                            "%s: %s: %s",
                            errno == ETIMEDOUT ? S_LOST : "failed",
                            what,
                            brood_error ());
}

static brood_pool_t *
s_pool_of (brood_task_t *task, const brood_msg_t *in)
{
    void *ref;
    if (brood_msg_unpack (in, "@%p", &ref) < 0) {
        (void) s_failed (task, "the ref");
        return NULL;
    }
    brood_pool_t *pool = brood_pool_from (ref);
    if (!pool)
        (void) s_failed (task, "brood_pool_from");
    return pool;
}

static int
s_calls_of_guest (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    brood_future_t *f[S_TASKS] = { NULL };
    int n, rc = 0, given = 0;
    BROOD_AUTO (pool) pool = s_pool_of (task, in);
    if (!pool)
        return -1;
    for (; given < S_TASKS && rc == 0; given++) {
        f[given] = brood_pool_submit (pool, s_twice, "%d", given);
        if (!f[given])
            rc = s_failed (task, "submit");
    }
    for (int i = 0; i < S_TASKS; i++) {
        if (f[i] && brood_future_get (f[i], TORTURE_MS, "%d", &n) < 0)
            rc = s_failed (task, "get");
        else if (f[i] && n != 2 * i)
            rc = brood_task_fail (task, S_LOST ": another's result");
        brood_future_destroy (&f[i]);
    }
    return rc < 0 ? rc : brood_msg_pack (out, "%d", given);
}

static int
s_map_of_guest (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int numbers[S_ITEMS], more[S_ITEMS];
    const brood_map_options_t options = { .timeout_ms = TORTURE_MS };
    BROOD_AUTO (pool) pool = s_pool_of (task, in);
    if (!pool)
        return -1;
    for (int i = 0; i < S_ITEMS; i++)
        numbers[i] = i;
    if (brood_pool_map_with (
            pool, s_guests_item, numbers, more, S_ITEMS, &options)
        < 0)
        return s_failed (task, "map");
    for (int i = 0; i < S_ITEMS; i++)
        if (more[i] != i + 1)
            return brood_task_fail (task, S_LOST ": an item");
    return brood_msg_pack (out, "%d", S_ITEMS);
}

static int
s_large_of_guest (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    static char bytes[S_LARGE];
    BROOD_AUTO (pool) pool = s_pool_of (task, in);
    if (!pool)
        return -1;
    BROOD_AUTO (future)
    f = brood_pool_submit (
        pool, s_echo, "<%zu %p>", sizeof bytes, (void *) bytes);
    if (!f)
        return s_failed (task, "submit");
    const brood_msg_t *got = brood_future_result (f, TORTURE_MS);
    if (!got)
        return s_failed (task, "result");
    if (brood_msg_len (got, "") != S_LARGE)
        return brood_task_fail (task, S_LOST ": bytes");
    return brood_msg_pack (out, "%d", S_LARGE);
}

// Leaves while something runs: it is ended with the handle.
static int
s_leave_of_guest (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    BROOD_AUTO (pool) pool = s_pool_of (task, in);
    if (!pool)
        return -1;
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_until_told, "nil");
    if (!f)
        return s_failed (task, "submit");
    BROOD_AUTO (future) g = brood_pool_submit (pool, s_until_told, "nil");
    if (!g)
        return s_failed (task, "submit");
    if (brood_future_cancel (g) < 0)
        return s_failed (task, "cancel");
    if (brood_future_wait (g, TORTURE_MS) < 0)
        return s_failed (task, "wait");
    brood_pool_destroy (&pool);
    return brood_future_done (f) == 1
               ? brood_msg_pack (out, "%d", 1)
               : brood_task_fail (task, S_LOST ": not done");
}

static void
s_run (brood_task_fn *guest)
{
    int n;
    BROOD_AUTO (future)
    f = brood_pool_submit (
        torture_pool (), guest, "@%p", brood_ref (torture_pool ()));
    if (!TORTURE_OK (f))
        return;
    // It has waits of its own, one after the other.
    TORTURE_MUST (brood_future_wait (f, 4 * TORTURE_MS) == 0);
    if (!TORTURE_OK (brood_future_get (f, 0, "%d", &n) == 0))
        TORTURE_MUST (strstr (brood_error (), S_LOST) == NULL);
}

static void
s_calls (void)
{
    s_run (s_calls_of_guest);
}

static void
s_map (void)
{
    s_run (s_map_of_guest);
}

static void
s_large (void)
{
    s_run (s_large_of_guest);
}

static void
s_leave (void)
{
    s_run (s_leave_of_guest);
}

const torture_scenario_t torture_guests[] = {
    { "calls", s_calls }, { "map", s_map }, { "large", s_large },
    { "leave", s_leave }, { NULL, NULL },
};
