// worker_death.c - a task that takes its worker along, and what is left
//
// SPDX-License-Identifier: MPL-2.0
//
// Whatever kills a worker, its one task fails, with an error that says how it
// died; no other task is touched, and a new worker takes the place, from the
// same memory as the first. errno is ECHILD; brood_error () has the story in a
// line, brood_error_info () in fields.
//
// Read next: retries.c, to try such a task again.

#include <brood.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
perish (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    char how[16];
    if (brood_msg_unpack (in, "%15s", how) < 0)
        return brood_task_fail (task, "wanted a way to go");
    if (strcmp (how, "abort") == 0)
        abort ();
    if (strcmp (how, "kill") == 0)
        raise (SIGKILL);
    if (strcmp (how, "exit") == 0)
        exit (3);
    return brood_msg_pack (out, "%s", "alive and well");
}
BROOD_TASK (perish);

static void
tell (const char *way, brood_future_t *future)
{
    char text[32];
    brood_error_info_t info;
    if (brood_future_get (future, -1, "%31s", text) == 0) {
        printf ("%-6s %s\n", way, text);
        return;
    }
    brood_error_info (&info);
    printf ("%-6s %s\n", way, info.text);
    printf ("       %s: signal %d, exit code %d\n",
            brood_kind_name (info.kind),
            info.signal,
            info.status);
}

int
main (int argc, char **argv)
{
    const char *ways[] = { "abort", "stay", "kill", "stay", "exit", "stay" };
    enum {
        COUNT = sizeof ways / sizeof *ways
    };
    brood_future_t *futures[COUNT];
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    for (int i = 0; i < COUNT; i++)
        futures[i] = brood_pool_submit (pool, perish, "%s", ways[i]);
    for (int i = 0; i < COUNT; i++) {
        tell (ways[i], futures[i]);
        brood_future_destroy (&futures[i]);
    }
    printf ("and the pool has %d workers\n", brood_pool_workers (pool));
    return 0;
}
