// lifecycle.c - the life of a pool: its size, its rests and its ends
//
// SPDX-License-Identifier: MPL-2.0
//
//     wait         nothing pending or running; the pool stays open
//     resize       more workers, or fewer once they are done
//     close, join  no more work; wait for what there is and for the workers
//     shutdown     close and join in one
//     terminate    now: what is not done fails with EPIPE
//     destroy      terminate, and free; NULL is fine
//
// Read next: cleanup.c.

#include <brood.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int
work (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int ms;
    if (brood_msg_unpack (in, "%d", &ms) < 0)
        return brood_task_fail (task, "wanted milliseconds");
    usleep ((unsigned) ms * 1000);
    return brood_msg_pack (out, "%d", ms);
}
BROOD_TASK (work);

// Fire and forget: the task runs whether or not anybody holds its future.
static int
give (brood_pool_t *pool, int count)
{
    for (int i = 0; i < count; i++) {
        BROOD_AUTO (future) f = brood_pool_submit (pool, work, "%d", 1);
        if (!f)
            return -1;
    }
    return 0;
}

static int
gentle_end (brood_pool_t *pool)
{
    brood_pool_stats_t stats;
    if (give (pool, 10) < 0 || brood_pool_wait (pool, -1) < 0
        || brood_pool_stats (pool, &stats) < 0)
        return -1;
    printf ("%d workers have done %ld tasks\n",
            brood_pool_workers (pool),
            stats.done);

    if (brood_pool_resize (pool, 4) < 0 || give (pool, 10) < 0)
        return -1;
    printf ("now there are %d\n", brood_pool_workers (pool));
    if (brood_pool_join (pool, 0) < 0)
        printf ("join before close: %s\n", strerror (errno));
    if (brood_pool_close (pool) < 0)
        return -1;
    if (give (pool, 1) < 0)
        printf ("submit after close: %s\n", strerror (errno));
    if (brood_pool_join (pool, -1) < 0 || brood_pool_stats (pool, &stats) < 0)
        return -1;
    printf ("in the end, %ld tasks\n", stats.done);
    return 0;
}

static int
quick_end (brood_pool_t *pool)
{
    BROOD_AUTO (future) f = brood_pool_submit (pool, work, "%d", 3600000);
    if (brood_pool_terminate (pool) < 0)
        return -1;
    if (brood_future_get (f, -1, "*") < 0)
        printf ("the one cut short: %s\n", strerror (errno));
    return 0;
}

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) first = brood_pool_new ("2");
    BROOD_AUTO (pool) second = brood_pool_new ("1");
    if (gentle_end (first) < 0 || quick_end (second) < 0)
        return brood_perror ("lifecycle");
    return 0;
}
