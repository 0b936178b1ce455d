// value.c - one number that all processes share
//
// SPDX-License-Identifier: MPL-2.0
//
// Three ways to count to the same number in four workers. `++*n` is three
// steps, and two processes that take them at the same time count once. The
// value's own lock makes them one, and so do the atomics, which are quicker.
//
// Read next: array.c, for many numbers; lock.c.

#include <brood.h>
#include <stdio.h>

enum {
    ROUNDS = 100000
};

typedef enum {
    PLAIN,
    LOCKED,
    ATOMIC
} way_t;

static brood_value_t *counter;  // Made before the pool

BROOD_EACH (count, way_t, way)
{
    volatile long *n = brood_value_ptr (counter);
    for (int i = 0; i < ROUNDS; i++) {
        if (*way == ATOMIC)
            brood_value_add (counter, 1);
        else if (*way == LOCKED)
            BROOD_WITH (rlock, brood_value_lock (counter))
            {
                *n = *n + 1;
            }
        else
            *n = *n + 1;
    }
    return 0;
}

static long long
count_by (brood_pool_t *pool, way_t way)
{
    way_t ways[] = { way, way, way, way };
    brood_value_set (counter, 0);
    if (brood_pool_each (pool, count, ways, 4) < 0)
        brood_perror ("count");
    return brood_value_get (counter);
}

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    BROOD_AUTO (value) mine = counter = brood_value_new (BROOD_LONG);
    BROOD_AUTO (pool) pool = brood_pool_new ("4");
    if (!counter || !pool)
        return brood_perror ("value");
    printf ("plain:  %s\n",
            count_by (pool, PLAIN) <= 4 * ROUNDS ? "some may be lost" : "?");
    printf ("locked: %lld\n", count_by (pool, LOCKED));
    printf ("atomic: %lld\n", count_by (pool, ATOMIC));
    printf ("the most of two: %lld\n",
            (long long) brood_value_max (counter, 500000));
    for (int i = 0; i < 2; i++)
        printf ("1 instead of 500000: %s\n",
                brood_value_swap_if (counter, 500000, 1) ? "done"
                                                         : "it is not");
    return 0;
}
