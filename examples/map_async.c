// map_async.c - a map that runs while the owner does something else
//
// SPDX-License-Identifier: MPL-2.0
//
// The future of a map ends when all items have ended; its result is nil, for
// the results are in the output array. Both arrays belong to the map until
// then. Nobody need wait to keep the workers fed: brood does that, too, while
// this thread computes.
//
// Read next: submit.c for futures of single tasks, then.c for callbacks.

#include <brood.h>
#include <stdio.h>

enum {
    STARTS = 3000
};

// Steps of Collatz's walk from n down to 1.
static int
steps_from (long n)
{
    int steps = 0;
    for (; n != 1; steps++)
        n = n % 2 ? 3 * n + 1 : n / 2;
    return steps;
}

BROOD_MAPPER (collatz, long, start, int, steps)
{
    *steps = steps_from (*start);
    return 0;
}

int
main (int argc, char **argv)
{
    long starts[STARTS], odd = 0;
    int steps[STARTS], longest = 0;
    brood_init (&argc, &argv);
    for (int i = 0; i < STARTS; i++)
        starts[i] = i + 1;

    BROOD_AUTO (pool) pool = brood_pool_new (NULL);
    BROOD_AUTO (future) walks =
        brood_pool_map_async (pool, collatz, starts, steps, STARTS);

    for (int i = 0; i < STARTS; i++)  // Meanwhile; starts is only read
        odd += starts[i] % 2;
    printf ("%ld of %d starts are odd\n", odd, STARTS);

    if (brood_future_get (walks, -1, "nil") < 0)
        return brood_perror ("collatz");
    for (int i = 1; i < STARTS; i++)
        if (steps[i] > steps[longest])
            longest = i;
    printf ("the longest walk is from %ld: %d steps\n",
            starts[longest],
            steps[longest]);
    return 0;
}
