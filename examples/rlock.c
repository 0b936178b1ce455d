// rlock.c - a lock for functions that call each other
//
// SPDX-License-Identifier: MPL-2.0
//
// Each function of a module takes the module's lock. With a plain lock, one
// that calls another would wait for itself (EDEADLK); an rlock may be taken
// again by the thread that holds it, and is free when it was released as often.
//
// Read next: value.c: values and arrays have an rlock of their own.

#include <brood.h>
#include <stdio.h>

static brood_rlock_t *rlock;
static long *shelf;  // How many there are of eight things

static void
add (int thing, long n)
{
    BROOD_WITH (rlock, rlock)
    {
        shelf[thing] += n;
    }
}

// Nobody sees a moment at which some are missing.
static void
swap (int one, int other, long n)
{
    BROOD_WITH (rlock, rlock)
    {
        add (one, -n);
        add (other, n);
    }
}

static long
total (void)
{
    long sum = 0;
    BROOD_WITH (rlock, rlock)
    {
        for (int i = 0; i < 8; i++)
            sum += shelf[i];
    }
    return sum;
}

BROOD_MAPPER (shuffle, int, seed, int, wrong)
{
    unsigned at = (unsigned) *seed;
    *wrong = 0;
    for (int i = 0; i < 1000; i++) {
        at = at * 1103515245 + 12345;
        swap (at >> 16 & 7, at >> 20 & 7, at >> 24 & 15);
        *wrong += total () != 800;
    }
    return 0;
}

int
main (int argc, char **argv)
{
    int seeds[] = { 1, 2, 3, 4 }, wrong[4];
    brood_init (&argc, &argv);
    BROOD_AUTO (rlock) mine = rlock = brood_rlock_new ();
    BROOD_AUTO (array) array = brood_array_new (BROOD_LONG, 8);
    shelf = brood_array_ptr (array);
    BROOD_AUTO (pool) pool = brood_pool_new (NULL);
    if (!pool || !rlock || !shelf)
        return brood_perror ("rlock");
    for (int i = 0; i < 8; i++)
        add (i, 100);
    if (brood_pool_map (pool, shuffle, seeds, wrong, 4) < 0)
        return brood_perror ("shuffle");
    printf ("%ld on the shelf, counted wrong %d times\n",
            total (),
            wrong[0] + wrong[1] + wrong[2] + wrong[3]);
    return 0;
}
