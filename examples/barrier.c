// barrier.c - going on together
//
// SPDX-License-Identifier: MPL-2.0
//
// Heat spreads along a rod. In each step every worker computes its part from
// the numbers of the step before, so none may begin a step before all have
// ended the last: they meet at a barrier, whose action exchanges the two arrays
// while nobody looks. A worker that died would break it, and the others would
// be told instead of waiting for ever.
//
// Read next: event.c, for one that starts all the others.

#include <brood.h>
#include <stdio.h>

enum {
    WORKERS = 3,
    CELLS = 3 * 20,
    STEPS = 500
};

struct rod {
    double cells[2][CELLS];
    int now;
    int steps;
};

// Made before the pool, so workers have them, and the action too.
static struct rod *rod;
static brood_barrier_t *barrier;

static void
next_step (void *arg)
{
    (void) arg;
    rod->now = !rod->now;
    rod->steps++;
}

BROOD_EACH (spread, int, part)
{
    const int begin = *part * CELLS / WORKERS;
    for (int step = 0; step < STEPS; step++) {
        const double *was = rod->cells[rod->now];
        double *will = rod->cells[!rod->now];
        for (int i = begin; i < begin + CELLS / WORKERS; i++) {
            const double left = was[i > 0 ? i - 1 : i];
            const double right = was[i < CELLS - 1 ? i + 1 : i];
            will[i] = was[i] + (left - 2 * was[i] + right) / 4;
        }
        if (brood_barrier_wait (barrier, 10000) < 0)
            return -1;
    }
    return 0;
}

int
main (int argc, char **argv)
{
    int parts[WORKERS] = { 0, 1, 2 };
    brood_init (&argc, &argv);
    BROOD_AUTO (value) value = brood_value_new_of (struct rod);
    rod = brood_value_ptr (value);
    BROOD_AUTO (barrier)
    mine = barrier = brood_barrier_new_action (WORKERS, next_step, NULL);
    BROOD_AUTO (pool) pool = brood_pool_new ("3");
    if (!rod || !barrier || !pool)
        return brood_perror ("barrier");
    rod->cells[0][0] = 100;
    if (brood_pool_each (pool, spread, parts, WORKERS) < 0)
        return brood_perror ("spread");
    double sum = 0;
    for (int i = 0; i < CELLS; i++)
        sum += rod->cells[rod->now][i];
    printf ("%d steps by %d workers\n", rod->steps, WORKERS);
    printf ("warmest %.3f, coldest %.3f, all the heat %.3f\n",
            rod->cells[rod->now][0],
            rod->cells[rod->now][CELLS - 1],
            sum);
    return 0;
}
