// lock.c - one process at a time, and what is left when that one dies
//
// SPDX-License-Identifier: MPL-2.0
//
// Workers share an array of two accounts. Money is moved in two steps, so
// whoever moves it holds the lock; BROOD_WITH lets go however its block is
// left. A task that is killed in between leaves the lock behind: nobody hangs,
// but the next acquire returns 1 instead of 0. What the lock guards may be half
// done then, and who is told so mends it.
//
// Read next: rlock.c, condition.c.

#include <brood.h>
#include <signal.h>
#include <stdio.h>

enum {
    MOVES = 2000,
    ALL = 1000000
};

// Made before the pool, so workers have both.
static brood_lock_t *lock;
static long *balance;

BROOD_EACH (move_some, int, amount)
{
    for (int i = 0; i < MOVES; i++) {
        BROOD_WITH (lock, lock)
        {
            balance[0] -= *amount;
            balance[1] += *amount;
        }
    }
    return 0;
}

BROOD_EACH (die_halfway, int, amount)
{
    BROOD_WITH (lock, lock)
    {
        balance[0] -= *amount;
        raise (SIGKILL);
        balance[1] += *amount;
    }
    return 0;
}

int
main (int argc, char **argv)
{
    int amounts[] = { 1, 2, 3, 4 };
    brood_lock_stats_t stats;
    brood_init (&argc, &argv);
    BROOD_AUTO (lock) mine = lock = brood_lock_new ();
    BROOD_AUTO (array) accounts = brood_array_new (BROOD_LONG, 2);
    balance = brood_array_ptr (accounts);
    BROOD_AUTO (pool) pool = brood_pool_new ("4");
    if (!pool || !lock || !balance)
        return brood_perror ("lock");
    balance[0] = ALL;

    if (brood_pool_each (pool, move_some, amounts, 4) < 0)
        return brood_perror ("move_some");
    printf (
        "%ld + %ld = %ld\n", balance[0], balance[1], balance[0] + balance[1]);
    if (brood_lock_stats (lock, &stats) == 0)
        printf ("the lock was taken %lu times\n",
                (unsigned long) stats.acquired);

    if (brood_pool_each (pool, die_halfway, amounts, 1) < 0)
        printf ("%s\n", brood_error ());
    const int told = brood_lock_acquire (lock, BROOD_FOREVER);
    printf ("acquire returned %d: %ld are missing\n",
            told,
            ALL - balance[0] - balance[1]);
    balance[0] = ALL - balance[1];
    brood_lock_release (lock);
    printf ("acquire returned %d\n", brood_lock_acquire (lock, BROOD_FOREVER));
    brood_lock_release (lock);
    return 0;
}
