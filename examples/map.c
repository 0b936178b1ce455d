// map.c - arrays in, arrays out, in the order of the elements
//
// SPDX-License-Identifier: MPL-2.0
//
// The elements are any C type, here a struct and a number. The second map shows
// what BROOD_MAPPER wraps: a function in qsort's manner, with pointers to one
// element each. It is not registered, so only pools of this host take it. Its
// input and output are the same array, which is allowed.
//
// No worker is sent elements one by one: brood hands out spans of the arrays,
// larger or smaller by the time they take.
//
// Read next: map_with.c for an argument and for errors of single elements.

#include <brood.h>
#include <stdio.h>

enum {
    RANGES = 100,
    WIDTH = 2000
};

typedef struct {
    int first;
    int last;
} range;

BROOD_MAPPER (count_primes, range, r, int, count)
{
    *count = 0;
    for (int n = r->first; n < r->last; n++) {
        int divisor = 2;
        while (divisor * divisor <= n && n % divisor != 0)
            divisor++;
        *count += n > 1 && divisor * divisor > n;
    }
    return 0;
}

static int
per_thousand (const void *in, void *out, void *arg)
{
    const int *count = in;
    int *share = out;
    (void) arg;
    *share = *count * 1000 / WIDTH;
    return 0;
}

int
main (int argc, char **argv)
{
    range ranges[RANGES];
    int counts[RANGES], primes = 0;
    brood_init (&argc, &argv);
    for (int i = 0; i < RANGES; i++)
        ranges[i] = (range){ i * WIDTH, (i + 1) * WIDTH };

    BROOD_AUTO (pool) pool = brood_pool_new (NULL);
    if (brood_pool_map (pool, count_primes, ranges, counts, RANGES) < 0)
        return brood_perror ("count_primes");
    for (int i = 0; i < RANGES; i++)
        primes += counts[i];
    printf ("%d primes below %d\n", primes, RANGES * WIDTH);

    if (brood_pool_map (pool, per_thousand, counts, counts, RANGES) < 0)
        return brood_perror ("per_thousand");
    printf ("of 1000 numbers, %d are prime at the start and %d at the end\n",
            counts[0],
            counts[RANGES - 1]);
    return 0;
}
