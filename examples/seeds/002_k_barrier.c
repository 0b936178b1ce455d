// 002_k_barrier.c - seed 002-K: two wait for each other, two do not
//
// SPDX-License-Identifier: MPL-2.0
//
// p1 comes to the barrier and waits until p2 comes; then both go on, at the
// same time. p3 and p4 know of no barrier. So that one can see who waits, p2
// starts a little after the others.
//
// Read next: 002_l_pool.c.

#include <brood.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
    PROCESSES = 4,
    LATE_US = 200000
};

typedef struct {
    brood_barrier_t *synchronizer;  // NULL: test_without_barrier
    brood_lock_t *serializer;
} Timed;

BROOD_PROCESS (Timed, self)
{
    const char *name = brood_process_name (brood_process_current ());
    struct timespec now;
    char date[32];
    if (self->synchronizer && brood_barrier_wait (self->synchronizer, -1) < 0)
        return brood_perror (name);
    timespec_get (&now, TIME_UTC);
    strftime (date, sizeof date, "%F %T", localtime (&now.tv_sec));
    BROOD_WITH (lock, self->serializer)
    {
        printf ("process %s ----> %s.%06ld\n", name, date, now.tv_nsec / 1000);
    }
    return 0;
}

int
main (void)
{
    BROOD_AUTO (barrier) synchronizer = brood_barrier_new (2);
    BROOD_AUTO (lock) serializer = brood_lock_new ();
    const Timed with = { synchronizer, serializer };
    const Timed without = { NULL, serializer };
    const struct {
        const char *name;
        const Timed *self;
    } all[PROCESSES] = {
        { "p1 - test_with_barrier", &with },
        { "p3 - test_without_barrier", &without },
        { "p4 - test_without_barrier", &without },
        { "p2 - test_with_barrier", &with },
    };

    for (int i = 0; i < PROCESSES; i++) {
        if (i == PROCESSES - 1)
            usleep (LATE_US);
        BROOD_AUTO (process) p = brood_process_new_of (Timed, all[i].self);
        brood_process_set_name (p, all[i].name);
        if (brood_process_start (p) < 0)
            return brood_perror (all[i].name);
    }
    return 0;
}
