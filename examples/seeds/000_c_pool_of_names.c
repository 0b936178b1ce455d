// 000_c_pool_of_names.c - seed 000-C: fifteen names, five at work
//
// SPDX-License-Identifier: MPL-2.0
//
// brood_pool_each () is map without results: it returns when all items are
// done. The seed must terminate its pool or be told of "6 leaked semaphore
// objects". Here terminate is a way to end a pool at once, and nothing leaks
// without it.
//
// Read next: 000_d_why_processes.c, what all this is good for.

#include <brood.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    NAMES = 15,
    SECOND_US = 50000  // 1000000 is the seed's pace
};

typedef char name_t[16];

BROOD_EACH (worker, name_t, name)
{
    printf ("Started worker %s\n", *name);
    const unsigned worker_time = (unsigned) random () % 4 + 1;
    usleep (worker_time * SECOND_US);
    printf ("%s worker finished in %u seconds\n", *name, worker_time);
    return 0;
}

int
main (int argc, char **argv)
{
    name_t process_names[NAMES];
    brood_init (&argc, &argv);
    for (int i = 0; i < NAMES; i++)
        snprintf (process_names[i], sizeof process_names[i], "computer_%d", i);

    BROOD_AUTO (pool) pool = brood_pool_new ("5");
    if (brood_pool_each (pool, worker, process_names, NAMES) < 0)
        return brood_perror ("worker");
    return brood_pool_terminate (pool) < 0 ? brood_perror ("pool") : 0;
}
