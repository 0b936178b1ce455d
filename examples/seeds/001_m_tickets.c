// 001_m_tickets.c - seed 001-M: twenty processes buy tickets, one at a time
//
// SPDX-License-Identifier: MPL-2.0
//
//     $ echo 50 >f1.txt; 001_m_tickets; cat f1.txt
//
// How many are left is in a file. Who has read it must have written it before
// the next one reads, and a lock sees to that; a buyer that was killed would
// let go of it. With an argument nobody locks: all come at the same time, and
// tickets are sold twice.
//
// Read next: 001_n_executor.c.

#include <brood.h>
#include <stdio.h>
#include <unistd.h>

enum {
    PROCESSES = 20,
    SECOND_US = 10000  // 1000000 is the seed's pace
};

static int
buy (void)
{
    int current_num = 0;
    FILE *f = fopen ("f1.txt", "r");
    if (!f || fscanf (f, "%d", &current_num) != 1)
        return 1;
    fclose (f);

    puts ("开始排队抢票");
    usleep (SECOND_US);

    f = fopen ("f1.txt", "w");
    if (!f)
        return 1;
    fprintf (f, "%d\n", current_num - 1);
    return fclose (f) != 0;
}

static int
task (void *arg)
{
    brood_rlock_t *lock = arg;
    int failed = 1;
    BROOD_WITH (rlock, lock)
    {
        failed = buy ();
    }
    return failed;
}

static int
task_without (void *arg)
{
    return brood_barrier_wait (arg, -1) < 0 || buy ();
}

int
main (int argc, char **argv)
{
    brood_process_t *process_list[PROCESSES];
    int failed = 0;
    (void) argv;
    BROOD_AUTO (rlock) lock = brood_rlock_new ();
    BROOD_AUTO (barrier) together = brood_barrier_new (PROCESSES);
    for (int i = 0; i < PROCESSES; i++) {
        process_list[i] = argc > 1 ? brood_process_new (task_without, together)
                                   : brood_process_new (task, lock);
        if (brood_process_start (process_list[i]) < 0)
            return brood_perror ("start");
    }

    for (int i = 0; i < PROCESSES; i++) {
        if (brood_process_join (process_list[i], -1) < 0)
            return brood_perror ("join");
        failed += brood_process_exitcode (process_list[i]) != 0;
        brood_process_destroy (&process_list[i]);
    }
    return failed;
}
