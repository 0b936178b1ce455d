// wait_any.c - results as they come
//
// SPDX-License-Identifier: MPL-2.0
//
// wait_any names the future that ended first; destroying it takes it out of
// the array, since destroy leaves NULL and NULLs are passed over. So the loop
// visits each once, the quick ones first, and ends when none is left.
//
// Read next: imap.c, the same for input that comes bit by bit.

#include <brood.h>
#include <errno.h>
#include <stdio.h>

enum {
    STEPS = 8,
    RUNS = STEPS * STEPS
};

// How badly the line y = a + b x misses three points.
static int
misfit (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    const double points[][2] = { { 0, 2 }, { 1, 5 }, { 2, 8 } };
    double a, b, sum = 0;
    if (brood_msg_unpack (in, "{a: %lf, b: %lf}", &a, &b) < 0)
        return brood_task_fail (task, "wanted {a, b}");
    for (int i = 0; i < 3; i++) {
        const double miss = a + b * points[i][0] - points[i][1];
        sum += miss * miss;
    }
    return brood_msg_pack (out, "{misfit: %f}", sum);
}
BROOD_TASK (misfit);

int
main (int argc, char **argv)
{
    brood_future_t *runs[RUNS];
    double best = 1e300, value;
    long i, best_run = -1, seen = 0;
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) pool = brood_pool_new (NULL);
    for (int run = 0; run < RUNS; run++)
        runs[run] = brood_pool_submit (pool,
                                       misfit,
                                       "{a: %f, b: %f}",
                                       (double) (run / STEPS),
                                       (double) (run % STEPS));

    while ((i = brood_future_wait_any (runs, RUNS, -1)) >= 0) {
        if (brood_future_get (runs[i], 0, "{misfit: %lf}", &value) < 0) {
            brood_perror ("misfit");
        }
        else if (value < best) {
            best = value;
            best_run = i;
        }
        brood_future_destroy (&runs[i]);
        seen++;
    }
    if (errno != ENOENT)
        return brood_perror ("wait_any");
    printf ("%ld runs, best is y = %ld + %ld x\n",
            seen,
            best_run / STEPS,
            best_run % STEPS);
    return 0;
}
