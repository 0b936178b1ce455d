// 003_d_value.c - seed 003-D: four processes count in shared memory
//
// SPDX-License-Identifier: MPL-2.0
//
//     $ 003_d_value [COUNT]
//
// `counter.value += 1` reads, then writes, each under the value's lock; what
// another process writes between the two is lost. That is the first line, and
// it says 4000 only as long as the processes are short and miss each other:
// try a million. With the lock held over both steps, or as one atomic step,
// the count is right, always.
//
// Read next: 004_a_clock.c, the fifth seed.

#include <brood.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PROCESSES = 4
};

static int count = 1000;

static int
increment (void *counter)
{
    for (int i = 0; i < count; i++)
        brood_value_set (counter, brood_value_get (counter) + 1);
    return 0;
}

static int
increment_locked (void *counter)
{
    for (int i = 0; i < count; i++)
        BROOD_WITH (rlock, brood_value_lock (counter))
        {
            brood_value_set (counter, brood_value_get (counter) + 1);
        }
    return 0;
}

static int
increment_atomic (void *counter)
{
    for (int i = 0; i < count; i++)
        brood_value_add (counter, 1);
    return 0;
}

static int
in_four (brood_process_fn *run, const char *how)
{
    brood_process_t *processes[PROCESSES];
    BROOD_AUTO (value) counter = brood_value_new (BROOD_INT);
    for (int i = 0; i < PROCESSES; i++) {
        processes[i] = brood_process_new (run, counter);
        if (brood_process_start (processes[i]) < 0)
            return brood_perror ("start");
    }
    for (int i = 0; i < PROCESSES; i++) {
        if (brood_process_join (processes[i], -1) < 0)
            return brood_perror ("join");
        brood_process_destroy (&processes[i]);
    }
    printf (
        "Counter value%s: %lld\n", how, (long long) brood_value_get (counter));
    return 0;
}

int
main (int argc, char **argv)
{
    if (argc > 1)
        count = atoi (argv[1]);
    return in_four (increment, "") || in_four (increment_locked, ", locked")
           || in_four (increment_atomic, ", atomic");
}
