// 004_c_clock_pool.c - seed 004-C: a pool of five tells the time twenty times
//
// SPDX-License-Identifier: MPL-2.0
//
// Also seed 004-E, "through simple configuration it is distributed": where the
// workers are is in BROOD_POOL, not in the source.
//
// Read next: 004_d_queue.c.

#include <brood.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
    COUNT = 20,
    SECOND_US = 50000  // 1000000 is the seed's pace
};

BROOD_EACH (tell_time, unsigned, k)
{
    for (unsigned i = 0; i < *k; i++) {
        const time_t now = time (NULL);
        printf ("%d当前时间==%s", (int) getpid (), ctime (&now));
        usleep (*k * SECOND_US);
    }
    return 0;
}

int
main (int argc, char **argv)
{
    unsigned l[COUNT];
    brood_init (&argc, &argv);
    for (int i = 0; i < COUNT; i++)
        l[i] = 1;

    BROOD_AUTO (pool) p = brood_pool_new ("5");
    return brood_pool_each (p, tell_time, l, COUNT) < 0
               ? brood_perror ("tell_time")
               : 0;
}
