// torture_queues.c - queues, from birth to the last item
//
// SPDX-License-Identifier: MPL-2.0
//
// A put that failed has put nothing, a get that failed has taken nothing; what
// is counted is what is there.

#include "torture.h"

#include <errno.h>
#include <stdlib.h>

enum {
    S_ITEMS = 12,
    S_LARGE = 50000
};

// Puts i as an item of some size: 1, or 0 if that was not possible.
static int
s_put (brood_queue_t *queue, int i)
{
    static char bytes[S_LARGE];
    const size_t size = i % 4 == 1 ? S_LARGE : i % 4 == 2 ? 900 : 3;
    return TORTURE_OK (
        brood_queue_put (
            queue, TORTURE_MS, "[%d, <%zu %p>]", i, size, (void *) bytes)
        == 0);
}

static void
s_items (void)
{
    BROOD_AUTO (queue) queue = brood_queue_new (0);
    int put[S_ITEMS], n;
    long size = 0;
    if (!TORTURE_OK (queue))
        return;
    for (int i = 0; i < S_ITEMS; i++)
        size += put[i] = s_put (queue, i);
    if (TORTURE_OK (brood_queue_qsize (queue) >= 0))
        TORTURE_MUST (brood_queue_qsize (queue) == size);
    for (int i = 0; i < S_ITEMS; i++) {
        if (!put[i])
            continue;
        // One of the two ways, and if that failed it is still there.
        brood_msg_t *msg =
            i % 2 ? brood_queue_get_msg (queue, TORTURE_MS) : NULL;
        if (i % 2 && TORTURE_OK (msg)) {
            if (TORTURE_OK (brood_msg_unpack (msg, "[%d, *]", &n) == 0))
                TORTURE_MUST (n == i);
        }
        else if (!TORTURE_OK (brood_queue_get (queue, TORTURE_MS, "[%d, *]", &n)
                              == 0))
            TORTURE_MUST (brood_queue_get (queue, TORTURE_MS, "[%d, *]", &n)
                              == 0
                          && n == i);
        else
            TORTURE_MUST (n == i);
        brood_msg_destroy (&msg);
    }
    TORTURE_MUST (brood_queue_empty (queue) == 1);
}

static void
s_batches (void)
{
    BROOD_AUTO (queue) queue = brood_queue_new (0);
    BROOD_AUTO (msg) items = brood_msg_new ("[0, 1, [%d, %d], 3]", 2, 2);
    if (!TORTURE_OK (queue) || !TORTURE_OK (items))
        return;
    if (!TORTURE_OK (brood_queue_put_many (queue, TORTURE_MS, items) == 4))
        return;
    BROOD_AUTO (msg) got = brood_queue_get_many (queue, TORTURE_MS, 3);
    if (!TORTURE_OK (got)) {
        TORTURE_MUST (brood_queue_qsize (queue) == 4);
        return;
    }
    TORTURE_MUST (brood_queue_qsize (queue) == 1);
    (void) TORTURE_OK (brood_msg_unpack (got, "[0, 1, [2, 2]]") == 0);
}

static void
s_tasks (void)
{
    BROOD_AUTO (queue) dead = brood_queue_new (0);
    if (!TORTURE_OK (dead))
        return;
    const brood_queue_options_t options = { .joinable = 1,
                                            .deliveries_max = 2,
                                            .dead = dead };
    BROOD_AUTO (queue) queue = brood_queue_new_with (&options);
    int n, failed = 0;
    if (!TORTURE_OK (queue) || !TORTURE_OK (s_put (queue, 1)))
        return;
    while (failed < 4
           && TORTURE_OK (brood_queue_get (queue, 0, "[%d, *]", &n) == 0)) {
        TORTURE_MUST (brood_queue_deliveries (queue) == ++failed);
        TORTURE_MUST (brood_queue_task_failed (queue) == 0);
        if (brood_queue_qsize (dead) == 1)
            break;
    }
    // In one of the two.
    TORTURE_MUST (brood_queue_qsize (dead) + brood_queue_qsize (queue) == 1);
}

static int
s_put_seven (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    (void) out;
    if (brood_msg_unpack (in, "@%p", &ref) < 0)
        return brood_task_fail (task, "unpack");
    BROOD_AUTO (queue) queue = brood_queue_from (ref);
    if (!queue || brood_queue_put (queue, TORTURE_MS, "7") < 0)
        return brood_task_fail (task, "put");
    return 0;
}
BROOD_TASK (s_put_seven);

static void
s_worker (void)
{
    int n;
    BROOD_AUTO (queue) queue = brood_queue_new (0);
    if (!TORTURE_OK (queue))
        return;
    BROOD_AUTO (future)
    f = brood_pool_submit (
        torture_pool (), s_put_seven, "@%p", brood_ref (queue));
    if (!TORTURE_OK (f)
        || !TORTURE_OK (brood_future_get (f, TORTURE_MS, "*") == 0))
        return;
    if (TORTURE_OK (brood_queue_get (queue, 0, "%d", &n) == 0))
        TORTURE_MUST (n == 7);
}

const torture_scenario_t torture_queues[] = {
    { "items", s_items },   { "batches", s_batches }, { "tasks", s_tasks },
    { "worker", s_worker }, { NULL, NULL },
};
