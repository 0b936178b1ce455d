// 000_d_why_processes.c - seed 000-D: what the text says processes are good for
//
// SPDX-License-Identifier: MPL-2.0
//
// Three claims, each shown: what one process writes no other sees; two that
// compute do so at the same time, on two cores if there are two; and one can
// be killed, which a thread cannot, and leaves the others to their work.
//
// That two run at once is shown without a clock: each computes until it has
// seen the other get on. One after the other, the first would never end.
//
// Read next: 001_a_start.c, the second seed.

#include <brood.h>
#include <stdio.h>
#include <unistd.h>

static int private_number = 1;

static int
change (void *arg)
{
    (void) arg;
    private_number = 2;
    return private_number;
}

// Two values shared by two processes: how far each has got.
typedef struct {
    brood_value_t *mine;
    brood_value_t *theirs;
} Compute;

BROOD_PROCESS (Compute, self)
{
    const int64_t before = brood_value_get (self->theirs);
    while (brood_value_get (self->theirs) < before + 1000)
        brood_value_add (self->mine, 1);
    brood_value_add (self->mine, 1000);
    return 0;
}

static int
wait_to_be_killed (void *arg)
{
    for (;;)
        pause ();
    return arg != NULL;
}

int
main (void)
{
    BROOD_AUTO (process) changer = brood_process_new (change, NULL);
    brood_process_start (changer);
    if (brood_process_join (changer, -1) < 0)
        return brood_perror ("change");
    printf ("separate memory: %d there, %d here\n",
            brood_process_exitcode (changer),
            private_number);

    BROOD_AUTO (value) one = brood_value_new (BROOD_LONG);
    BROOD_AUTO (value) two = brood_value_new (BROOD_LONG);
    BROOD_AUTO (process) first =
        brood_process_new_of (Compute, &(Compute){ one, two });
    BROOD_AUTO (process) second =
        brood_process_new_of (Compute, &(Compute){ two, one });
    BROOD_AUTO (process) third = brood_process_new (wait_to_be_killed, NULL);
    if (brood_process_start (first) < 0 || brood_process_start (second) < 0
        || brood_process_start (third) < 0)
        return brood_perror ("start");
    brood_process_kill (third);
    if (brood_process_join (first, -1) < 0
        || brood_process_join (second, -1) < 0
        || brood_process_join (third, -1) < 0)
        return brood_perror ("join");
    puts ("several cores: each saw the other get on");
    printf ("one killed: %d, and the others: %d %d\n",
            brood_process_exitcode (third),
            brood_process_exitcode (first),
            brood_process_exitcode (second));
    return 0;
}
