// timeout.c - patience of the one who waits, and time given to a task
//
// SPDX-License-Identifier: MPL-2.0
//
// Two different things say ETIMEDOUT. The timeout of get is the patience of the
// caller: when it runs out nothing has happened to the task, and get may be
// called again. The timeout in the task's options is a limit: the task is told,
// and after a time of grace its worker is killed. brood_future_done () tells
// the two apart.
//
// Read next: retries.c.

#include <brood.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static int
nap (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int ms;
    if (brood_msg_unpack (in, "%d", &ms) < 0)
        return brood_task_fail (task, "wanted milliseconds");
    usleep ((unsigned) ms * 1000);
    return brood_msg_pack (out, "%s", "slept well");
}
BROOD_TASK (nap);

static int
listen (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    (void) out;
    while (!brood_task_cancelled (task))
        usleep (1000);
    return brood_task_fail (task, "stopped in good order");
}
BROOD_TASK (listen);

static int
ignore (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    while (pause () < 0)
        continue;
    return 0;
}
BROOD_TASK (ignore);

static void
tell (const char *who, brood_future_t *future, int timeout_ms)
{
    char text[32];
    if (brood_future_get (future, timeout_ms, "%31s", text) == 0)
        printf ("%s: %s\n", who, text);
    else if (errno == ETIMEDOUT && !brood_future_done (future))
        printf ("%s: not yet\n", who);
    else if (errno == ETIMEDOUT)
        printf ("%s: its time was up\n", who);
    else
        printf ("%s: %s\n", who, brood_error ());
}

int
main (int argc, char **argv)
{
    const brood_task_options_t limits = { .timeout_ms = 50, .grace_ms = 50 };
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) pool = brood_pool_new ("2");

    BROOD_AUTO (future) f = brood_pool_submit (pool, nap, "%d", 200);
    tell ("nap", f, 0);
    tell ("nap", f, 10000);

    BROOD_AUTO (future) g =
        brood_pool_submit_with (pool, listen, &limits, "nil");
    tell ("listen", g, 10000);

    BROOD_AUTO (future) h =
        brood_pool_submit_with (pool, ignore, &limits, "nil");
    tell ("ignore", h, 10000);

    BROOD_AUTO (future) i = brood_pool_submit (pool, nap, "%d", 1);
    tell ("another nap", i, 10000);
    return 0;
}
