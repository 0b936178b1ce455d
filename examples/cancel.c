// cancel.c - tasks that are no longer wanted
//
// SPDX-License-Identifier: MPL-2.0
//
// Cancelling asks. A task that has not started never will, and brood answers 1.
// One that runs is told, if it cares to look at brood_task_cancelled (), and
// brood answers 0: what becomes of it is for its future to say. For a task that
// does not listen there is brood_future_kill (), which ends it together with
// its worker after a time of grace; the pool replaces the worker.
//
// Read next: timeout.c for limits that need nobody to call.

#include <brood.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int
dig (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int deaf;
    if (brood_msg_unpack (in, "{deaf: %d}", &deaf) < 0)
        return brood_task_fail (task, "wanted {deaf}");
    while (deaf || !brood_task_cancelled (task))
        usleep (1000);
    return brood_msg_pack (out, "%s", "put the shovel down");
}
BROOD_TASK (dig);

// Waits until the task has begun, so that the answers below are certain.
static void
wait_for_start (brood_future_t *future)
{
    while (brood_future_running (future) == 0
           && brood_future_wait (future, 5) < 0 && errno == ETIMEDOUT)
        continue;
}

static void
tell (const char *who, brood_future_t *future)
{
    char text[64];
    if (brood_future_get (future, -1, "%63s", text) == 0)
        printf ("%s: %s\n", who, text);
    else
        printf ("%s: %s\n", who, strerror (errno));
}

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) pool = brood_pool_new ("1");

    BROOD_AUTO (future) first = brood_pool_submit (pool, dig, "{deaf: false}");
    BROOD_AUTO (future) second = brood_pool_submit (pool, dig, "{deaf: false}");
    wait_for_start (first);
    printf ("second: cancel answers %d\n", brood_future_cancel (second));
    printf ("first: cancel answers %d\n", brood_future_cancel (first));
    tell ("second", second);
    tell ("first", first);

    BROOD_AUTO (future) third = brood_pool_submit (pool, dig, "{deaf: true}");
    wait_for_start (third);
    printf ("third: kill answers %d\n", brood_future_kill (third, 20));
    tell ("third", third);

    BROOD_AUTO (future) fourth = brood_pool_submit (pool, dig, "{deaf: false}");
    BROOD_AUTO (future) fifth = brood_pool_submit (pool, dig, "{deaf: false}");
    wait_for_start (fourth);
    printf ("the pool's cancel answers %ld\n", brood_pool_cancel (pool));
    tell ("fourth", fourth);
    tell ("fifth", fifth);
    return 0;
}
