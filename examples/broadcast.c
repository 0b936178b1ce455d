// broadcast.c - one call in every worker
//
// SPDX-License-Identifier: MPL-2.0
//
// For what each worker has of its own: caches to drop, counters to gather,
// libraries to set. The result is a list, one item per worker, by its place in
// the pool. Here each worker counts the tasks it has run, in a variable that is
// its own because a worker is a process; how they were shared out differs from
// run to run, the sum does not.
//
// Read next: initializer.c for what a worker does first.

#include <brood.h>
#include <stdio.h>

enum {
    WORKERS = 3,
    ITEMS = 100
};

static int served;

BROOD_MAPPER (serve, int, x, int, y)
{
    served++;
    *y = -*x;
    return 0;
}

static int
report (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int reset;
    if (brood_msg_unpack (in, "{reset: %d}", &reset) < 0)
        return brood_task_fail (task, "wanted {reset}");
    const int count = served;
    if (reset)
        served = 0;
    return brood_msg_pack (
        out, "{place: %d, served: %d}", brood_task_worker (task), count);
}
BROOD_TASK (report);

static int
sum_of_reports (brood_pool_t *pool)
{
    int place, count, sum = 0;
    BROOD_AUTO (msg) reports =
        brood_pool_broadcast (pool, report, "{reset: true}");
    if (!reports)
        return -1;
    brood_iter_t it = brood_msg_iter (reports, "");
    while (brood_iter_next (&it, "{place: %d, served: %d}", &place, &count)
           == 1) {
        printf ("worker %d has reported\n", place);
        sum += count;
    }
    return sum;
}

int
main (int argc, char **argv)
{
    int in[ITEMS], out[ITEMS];
    brood_init (&argc, &argv);
    for (int i = 0; i < ITEMS; i++)
        in[i] = i;
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (&(brood_pool_options_t){ .workers = WORKERS });
    if (brood_pool_map (pool, serve, in, out, ITEMS) < 0)
        return brood_perror ("serve");
    for (int round = 1; round <= 2; round++) {
        const int sum = sum_of_reports (pool);
        if (sum < 0)
            return brood_perror ("report");
        printf ("together they have served %d\n", sum);
    }
    return 0;
}
