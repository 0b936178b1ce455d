// torture_life.c - pools from birth to end, deaths of workers, foreign loops
//
// SPDX-License-Identifier: MPL-2.0
//
// A pool is made whole or not at all. Its workers die and are replaced while
// things fail, and its end always comes: destroy leaves nothing.

#include "torture.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum {
    S_TASKS = 6
};

static int
s_twice (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return brood_task_fail (task, "wanted a number");
    return brood_msg_pack (out, "%d", 2 * n);
}

static int
s_die (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    raise (SIGKILL);
    return 0;
}

static int
s_until_told (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    while (!brood_task_cancelled (task))
        sched_yield ();
    return brood_msg_pack (out, "%d", 1);
}

// Does not listen.
static int
s_stubborn (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    for (;;)
        pause ();
    return 0;
}

static int
s_init (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    static int data;
    (void) out;
    if (brood_msg_unpack (in, "{n: %d}", &n) < 0 || n != 7)
        return brood_task_fail (task, "wanted {n: 7}");
    data = n;
    return brood_task_set_worker_data (task, &data, NULL);
}

static int
s_data (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    const int *data = brood_task_worker_data (task);
    return brood_msg_pack (out, "%d", data ? *data : 0);
}

static void
s_use (brood_pool_t *pool)
{
    brood_future_t *futures[S_TASKS];
    for (int i = 0; i < S_TASKS; i++) {
        futures[i] = brood_pool_submit (pool, s_twice, "%d", i);
        (void) TORTURE_OK (futures[i]);
    }
    for (int i = 0; i < S_TASKS; i++) {
        int n = 0;
        if (futures[i]) {
            TORTURE_MUST (brood_future_wait (futures[i], TORTURE_MS) == 0);
            if (TORTURE_OK (brood_future_get (futures[i], 0, "%d", &n) == 0))
                TORTURE_MUST (n == 2 * i);
        }
        brood_future_destroy (&futures[i]);
    }
}

// --- Birth and end ---------------------------------------------------------

static void
s_new (void)
{
    BROOD_AUTO (pool) pool = brood_pool_new (torture_spec ());
    if (TORTURE_OK (pool))
        s_use (pool);
}

static void
s_new_inline (void)
{
    BROOD_AUTO (pool) pool = brood_pool_new ("inline");
    if (TORTURE_OK (pool))
        s_use (pool);
}

static void
s_new_with (void)
{
    int n = 0;
    BROOD_AUTO (msg) args = brood_msg_new ("{n: 7}");
    if (!TORTURE_OK (args))
        return;
    const brood_pool_options_t options = { .spec = torture_spec (),
                                           .initializer = s_init,
                                           .initargs = args,
                                           .max_tasks = 2,
                                           .name = "torture" };
    BROOD_AUTO (pool) pool = brood_pool_new_with (&options);
    if (!TORTURE_OK (pool))
        return;
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_data, "nil");
    if (TORTURE_OK (f)
        && TORTURE_OK (brood_future_get (f, TORTURE_MS, "%d", &n) == 0))
        TORTURE_MUST (n == 7);
    s_use (pool);
}

static void
s_on_demand (void)
{
    const brood_pool_options_t options = { .spec = torture_spec (),
                                           .on_demand = 1 };
    BROOD_AUTO (pool) pool = brood_pool_new_with (&options);
    if (TORTURE_OK (pool))
        s_use (pool);
}

static void
s_shutdown (void)
{
    BROOD_AUTO (pool) pool = brood_pool_new (torture_spec ());
    if (!TORTURE_OK (pool))
        return;
    s_use (pool);
    TORTURE_MUST (brood_pool_close (pool) == 0);
    TORTURE_MUST (brood_pool_submit (pool, s_twice, "%d", 1) == NULL);
    (void) TORTURE_OK (brood_pool_join (pool, TORTURE_MS) == 0);
}

static void
s_terminate (void)
{
    brood_future_t *futures[S_TASKS];
    BROOD_AUTO (pool) pool = brood_pool_new (torture_spec ());
    if (!TORTURE_OK (pool))
        return;
    for (int i = 0; i < S_TASKS; i++) {
        futures[i] = brood_pool_submit (pool, s_stubborn, "nil");
        (void) TORTURE_OK (futures[i]);
    }
    TORTURE_MUST (brood_pool_terminate (pool) == 0);
    for (int i = 0; i < S_TASKS; i++) {
        if (futures[i])
            TORTURE_MUST (brood_future_done (futures[i]) == 1
                          && brood_future_error (futures[i]) != NULL);
        brood_future_destroy (&futures[i]);
    }
}

// Destroyed with all that is in it; the futures outlive it.
static void
s_destroy_busy (void)
{
    brood_future_t *futures[S_TASKS];
    brood_pool_t *pool = brood_pool_new (torture_spec ());
    if (!TORTURE_OK (pool))
        return;
    for (int i = 0; i < S_TASKS; i++) {
        futures[i] =
            brood_pool_submit (pool, i % 2 ? s_twice : s_until_told, "%d", i);
        (void) TORTURE_OK (futures[i]);
    }
    brood_pool_destroy (&pool);
    for (int i = 0; i < S_TASKS; i++) {
        if (futures[i])
            TORTURE_MUST (brood_future_done (futures[i]) == 1);
        brood_future_destroy (&futures[i]);
    }
}

static void
s_resize (void)
{
    BROOD_AUTO (pool) pool = brood_pool_new (torture_spec ());
    if (!TORTURE_OK (pool))
        return;
    (void) TORTURE_OK (brood_pool_resize (pool, 4) == 0);
    s_use (pool);
    (void) TORTURE_OK (brood_pool_resize (pool, 1) == 0);
    s_use (pool);
}

// --- Deaths and cancelling -------------------------------------------------

// Each ends, with whatever error; one that was refused does not count.
static void
s_must_end (brood_future_t **future_p)
{
    if (*future_p)
        TORTURE_MUST (brood_future_wait (*future_p, TORTURE_MS) == 0);
    brood_future_destroy (future_p);
}

static void
s_deaths (void)
{
    brood_pool_t *pool = torture_pool ();
    brood_future_t *f[4] = {
        brood_pool_submit (pool, s_die, "nil"),
        brood_pool_submit (pool, s_twice, "%d", 1),
        brood_pool_submit_with (
            pool, s_die, &(brood_task_options_t){ .retries = 1 }, "nil"),
        brood_pool_submit (pool, s_twice, "%d", 2),
    };
    for (int i = 0; i < 4; i++)
        s_must_end (&f[i]);
    s_use (pool);
}

static void
s_cancel (void)
{
    brood_pool_t *pool = torture_pool ();
    brood_future_t *f[S_TASKS];
    for (int i = 0; i < S_TASKS; i++) {
        f[i] = brood_pool_submit (pool, s_until_told, "nil");
        (void) TORTURE_OK (f[i]);
    }
    for (int i = S_TASKS - 1; i >= 0; i--) {
        if (f[i])
            TORTURE_MUST (brood_future_cancel (f[i]) >= 0);
    }
    for (int i = 0; i < S_TASKS; i++)
        s_must_end (&f[i]);
    s_use (pool);
}

static void
s_kill (void)
{
    brood_pool_t *pool = torture_pool ();
    brood_future_t *f[3] = {
        brood_pool_submit (pool, s_stubborn, "nil"),
        brood_pool_submit_with (
            pool,
            s_stubborn,
            &(brood_task_options_t){ .timeout_ms = 5, .grace_ms = 1 },
            "nil"),
        brood_pool_submit (pool, s_twice, "%d", 3),
    };
    if (f[0])
        TORTURE_MUST (brood_future_kill (f[0], 0) >= 0);
    for (int i = 0; i < 3; i++)
        s_must_end (&f[i]);
    s_use (pool);
}

static void
s_cancel_all (void)
{
    brood_pool_t *pool = torture_pool ();
    brood_pool_stats_t stats;
    brood_future_t *f[S_TASKS];
    for (int i = 0; i < S_TASKS; i++) {
        f[i] = brood_pool_submit (pool, s_until_told, "nil");
        (void) TORTURE_OK (f[i]);
    }
    TORTURE_MUST (brood_pool_cancel (pool) >= 0);
    for (int i = 0; i < S_TASKS; i++)
        s_must_end (&f[i]);
    TORTURE_MUST (brood_pool_stats (pool, &stats) == 0);
    TORTURE_MUST (stats.pending == 0 && stats.running == 0);
}

// --- Foreign loops ---------------------------------------------------------

static void
s_then_fn (brood_future_t *future, void *arg)
{
    TORTURE_MUST (brood_future_done (future) == 1);
    (*(int *) arg)++;
}

static void
s_dispatch (void)
{
    int called = 0, wanted = 0;
    const int fd = brood_fd ();
    if (!TORTURE_OK (fd >= 0))
        return;
    for (int i = 0; i < S_TASKS; i++) {
        BROOD_AUTO (future)
        f = brood_pool_submit (torture_pool (), s_twice, "%d", i);
        if (TORTURE_OK (f))
            wanted +=
                TORTURE_OK (brood_future_then (f, s_then_fn, &called) == 0);
    }
    for (int i = 0; i < 10000 && called < wanted; i++) {
        struct pollfd one = { .fd = fd, .events = POLLIN };
        TORTURE_MUST (poll (&one, 1, TORTURE_MS) == 1);
        TORTURE_MUST (brood_dispatch (0) >= 0);
    }
    TORTURE_MUST (called == wanted);
}

const torture_scenario_t torture_life[] = {
    { "new", s_new },
    { "new-with", s_new_with },
    { "on-demand", s_on_demand },
    { "shutdown", s_shutdown },
    { "terminate", s_terminate },
    { "destroy-busy", s_destroy_busy },
    { "resize", s_resize },
    { NULL, NULL },
};

const torture_scenario_t torture_deaths[] = {
    { "deaths", s_deaths },     { "cancel", s_cancel },
    { "kill", s_kill },         { "cancel-all", s_cancel_all },
    { "dispatch", s_dispatch }, { NULL, NULL },
};

// From the first call a program makes.
const torture_scenario_t torture_birth[] = {
    { "new", s_new },
    { "new-with", s_new_with },
    { "new-inline", s_new_inline },
    { "terminate", s_terminate },
    { NULL, NULL },
};
