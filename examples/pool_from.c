// pool_from.c - a task that gives work to the pool it runs in
//
// SPDX-License-Identifier: MPL-2.0
//
// Divide and conquer: a task too large halves itself, gives both halves to the
// pool and adds up what comes back. The pool travels as any handle does, and
// brood_pool_from () is a handle on it wherever it arrives: the work is done by
// the owner's workers. A task may wait for tasks of its own pool, however few
// workers that has: while it waits another takes its place.
//
// Read next: nested.c, where a task has a pool of its own.

#include <brood.h>
#include <stdio.h>

enum {
    SMALL = 2500
};

static long
count_primes (long first, long end)
{
    long count = 0;
    for (long n = first < 2 ? 2 : first; n < end; n++) {
        long divisor = 2;
        while (divisor * divisor <= n && n % divisor != 0)
            divisor++;
        count += divisor * divisor > n;
    }
    return count;
}

// How many primes there are from first up to, but not including, end.
static int
primes (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    long first, end, low, high;
    if (brood_msg_unpack (in, "[@%p, %ld, %ld]", &ref, &first, &end) < 0)
        return brood_task_fail (task, "wanted a pool and two numbers");
    if (end - first <= SMALL)
        return brood_msg_pack (out, "%ld", count_primes (first, end));

    const long middle = first + (end - first) / 2;
    BROOD_AUTO (pool) pool = brood_pool_from (ref);
    BROOD_AUTO (future) a = brood_pool_submit (
        pool, primes, "[@%p, %ld, %ld]", brood_ref (pool), first, middle);
    BROOD_AUTO (future) b = brood_pool_submit (
        pool, primes, "[@%p, %ld, %ld]", brood_ref (pool), middle, end);
    if (brood_future_get (a, -1, "%ld", &low) < 0
        || brood_future_get (b, -1, "%ld", &high) < 0)
        return brood_task_fail (task, "%s", brood_error ());
    return brood_msg_pack (out, "%ld", low + high);
}
BROOD_TASK (primes);

int
main (int argc, char **argv)
{
    long count;
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    BROOD_AUTO (msg) answer =
        brood_pool_apply (pool, primes, "[@%p, 0, 20000]", brood_ref (pool));
    if (!answer || brood_msg_unpack (answer, "%ld", &count) < 0)
        return brood_perror ("primes");
    printf ("primes below 20000: %ld\n", count);
    return 0;
}
