// initializer.c - what a worker prepares once and keeps
//
// SPDX-License-Identifier: MPL-2.0
//
// The initializer runs in each worker before its first task, with a message
// from the owner. What it keeps (a sieve here; a connection, a model, a parsed
// table in life) it hangs on the worker, and tasks find it there. The free
// function runs when the worker leaves.
//
// On this host there is a simpler way for data that does not change: whatever
// the program has in memory when it makes the pool, its workers have too. The
// initializer is for what must be a worker's own, and for workers elsewhere.
//
// Read next: broadcast.c, to change what workers keep.

#include <brood.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    int limit;
    char composite[];
} sieve;

static int
prepare (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int limit;
    (void) out;
    if (brood_msg_unpack (in, "{limit: %d}", &limit) < 0 || limit < 2)
        return brood_task_fail (task, "wanted {limit}, 2 or more");
    sieve *s = calloc (1, sizeof *s + (size_t) limit);
    if (!s)
        return brood_task_fail (task, "no memory for %d numbers", limit);
    s->limit = limit;
    for (int n = 2; n < limit; n++)
        for (int m = 2 * n; !s->composite[n] && m < limit; m += n)
            s->composite[m] = 1;
    return brood_task_set_worker_data (task, s, free);
}
BROOD_TASK (prepare);

static int
next_prime (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    const sieve *s = brood_task_worker_data (task);
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0 || n < 2)
        return brood_task_fail (task, "wanted a number, 2 or more");
    while (n < s->limit && s->composite[n])
        n++;
    if (n >= s->limit)
        return brood_task_fail (task, "beyond %d", s->limit);
    return brood_msg_pack (out, "%d", n);
}
BROOD_TASK (next_prime);

int
main (int argc, char **argv)
{
    int prime;
    brood_init (&argc, &argv);
    BROOD_AUTO (msg) args = brood_msg_new ("{limit: %d}", 100000);
    BROOD_AUTO (pool) pool = brood_pool_new_with (
        &(brood_pool_options_t){ .initializer = prepare, .initargs = args });
    for (int n = 10; n <= 100000; n *= 10) {
        BROOD_AUTO (msg) found = brood_pool_apply (pool, next_prime, "%d", n);
        if (found && brood_msg_unpack (found, "%d", &prime) == 0)
            printf ("after %d comes %d\n", n, prime);
        else
            printf ("after %d: %s\n", n, brood_error ());
    }
    return 0;
}
