// 002_l_pool_methods.c - seed 002-L: apply, apply_async, map and map_async
//
// SPDX-License-Identifier: MPL-2.0
//
// What the text lists. apply waits for one result; apply_async is called
// submit, and its future is asked for the result when it is needed. map_async
// fills the array and calls back once, in a thread that runs all callbacks one
// after the other: a slow one delays the rest.
//
// Read next: 002_m_plus_ten.c.

#include <brood.h>
#include <stdio.h>

enum {
    INPUTS = 100
};

typedef struct {
    const int *outputs;
    int calls;
} report;

BROOD_MAPPER (square_of, int, data, int, result)
{
    *result = *data * *data;
    return 0;
}

static int
square (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int x;
    if (brood_msg_unpack (in, "%d", &x) < 0)
        return brood_task_fail (task, "wanted a number");
    return brood_msg_pack (out, "%d", x * x);
}
BROOD_TASK (square);

static void
mapped (brood_future_t *future, void *arg)
{
    report *r = arg;
    r->calls++;
    if (!brood_future_error (future))
        printf ("map_async: the last is %d\n", r->outputs[INPUTS - 1]);
}

int
main (int argc, char **argv)
{
    int inputs[INPUTS], outputs[INPUTS], x;
    report r = { outputs, 0 };
    brood_init (&argc, &argv);
    for (int i = 0; i < INPUTS; i++)
        inputs[i] = i;
    BROOD_AUTO (pool) pool = brood_pool_new ("4");

    BROOD_AUTO (msg) applied = brood_pool_apply (pool, square, "%d", 7);
    if (brood_msg_unpack (applied, "%d", &x) < 0)
        return brood_perror ("apply");
    printf ("apply: %d\n", x);

    BROOD_AUTO (future) async = brood_pool_submit (pool, square, "%d", 8);
    if (brood_future_get (async, -1, "%d", &x) < 0)
        return brood_perror ("apply_async");
    printf ("apply_async: %d\n", x);

    if (brood_pool_map (pool, square_of, inputs, outputs, INPUTS) < 0)
        return brood_perror ("map");
    printf ("map: the last is %d\n", outputs[INPUTS - 1]);

    outputs[INPUTS - 1] = 0;
    BROOD_AUTO (future) all =
        brood_pool_map_async (pool, square_of, inputs, outputs, INPUTS);
    if (brood_future_then (all, mapped, &r) < 0
        || brood_pool_shutdown (pool, -1) < 0)
        return brood_perror ("map_async");
    printf ("called back: %d\n", r.calls);
    return 0;
}
