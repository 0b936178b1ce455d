// retries.c - tasks that deserve another chance, and one that does not
//
// SPDX-License-Identifier: MPL-2.0
//
// By default a task is started at most once. With retries it is tried again
// after a failure or the death of its worker, with a delay that doubles, and
// still has exactly one outcome. A task may thus run more than once: it should
// be one that can. A task that kills worker after worker is not tried for ever,
// whatever its retries: it is found to be poison.
//
// Read next: worker_death.c.

#include <brood.h>
#include <stdio.h>
#include <stdlib.h>

static int
flaky (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    const int attempt = brood_task_attempt (task);
    if (attempt < 3)
        return brood_task_fail (task, "not in the mood (%d)", attempt);
    return brood_msg_pack (out, "{attempt: %d}", attempt);
}
BROOD_TASK (flaky);

static int
unlucky (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    if (brood_task_attempt (task) == 1)
        abort ();
    return brood_msg_pack (out, "{attempt: %d}", brood_task_attempt (task));
}
BROOD_TASK (unlucky);

static int
hopeless (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    abort ();
}
BROOD_TASK (hopeless);

static void
try_it (brood_pool_t *pool, const char *name, brood_task_fn *fn, int retries)
{
    const brood_task_options_t options = { .retries = retries,
                                           .retry_delay_ms = 5 };
    int attempt;
    brood_error_info_t info;
    BROOD_AUTO (future) f = brood_pool_submit_with (pool, fn, &options, "nil");
    if (brood_future_get (f, -1, "{attempt: %d}", &attempt) == 0) {
        printf ("%s: succeeded at attempt %d\n", name, attempt);
        return;
    }
    brood_error_info (&info);
    printf ("%s: %s, attempt %d\n",
            name,
            brood_kind_name (info.kind),
            info.attempt);
}

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    try_it (pool, "flaky", flaky, 3);
    try_it (pool, "flaky, less patient", flaky, 1);
    try_it (pool, "unlucky", unlucky, 1);
    try_it (pool, "hopeless", hopeless, 10);
    return 0;
}
