// nested.c - a task that makes a pool of its own
//
// SPDX-License-Identifier: MPL-2.0
//
// Workers may have workers. The inner pool belongs to the task that made it and
// ends with it; if the outer worker is killed, its workers are killed with it.
// Making a pool costs a few forks, so keep one in the worker's data if every
// task needs it (initializer.c).
//
// Read next: initializer.c.

#include <brood.h>
#include <stdio.h>

enum {
    WIDTH = 8
};

BROOD_MAPPER (square, int, x, int, y)
{
    *y = *x * *x;
    return 0;
}

// The sum of WIDTH squares, each taken in a process of its own pool.
static int
sum_of_squares (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int first, values[WIDTH], sum = 0;
    if (brood_msg_unpack (in, "%d", &first) < 0)
        return brood_task_fail (task, "wanted a number");
    for (int i = 0; i < WIDTH; i++)
        values[i] = first + i;

    BROOD_AUTO (pool) inner = brood_pool_new ("2");
    if (brood_pool_map (inner, square, values, values, WIDTH) < 0)
        return brood_task_fail (task, "inner pool: %s", brood_error ());
    for (int i = 0; i < WIDTH; i++)
        sum += values[i];
    return brood_msg_pack (out, "%d", sum);
}
BROOD_TASK (sum_of_squares);

int
main (int argc, char **argv)
{
    int sum;
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    BROOD_AUTO (stream) s =
        brood_pool_imap (pool, sum_of_squares, BROOD_ORDERED);
    for (int first = 0; first < 4; first++)
        if (brood_stream_feed (s, "%d", first * WIDTH) < 0)
            return brood_perror ("sum_of_squares");
    brood_stream_close (s);

    int got;
    while ((got = brood_stream_next (s, -1, "%d", &sum)) != 0) {
        if (got < 0)
            return brood_perror ("sum_of_squares");
        const long first = brood_stream_index (s) * WIDTH;
        printf ("squares of %ld to %ld: %d\n", first, first + WIDTH - 1, sum);
    }
    return 0;
}
