// torture_exec.c - pools and processes that start by exec
//
// SPDX-License-Identifier: MPL-2.0
//
// Faults are the owner's, and those of the two processes that come before the
// exec; what fails in the program started anew is in test_start_exec_main.c. A
// start that fails leaves nothing: no program, no block, no descriptor.

#include "torture.h"

#include <signal.h>

static int s_number = 1;

static int
s_prepare (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) out;
    return brood_msg_unpack (in, "{number: %d}", &s_number);
}

static int
s_add (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return brood_task_fail (task, "wanted a number");
    return brood_msg_pack (out, "%d", s_number + n);
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

static void
s_ask (brood_pool_t *pool, int wanted)
{
    int n = 0;
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_add, "%d", 40);
    if (TORTURE_OK (f)
        && TORTURE_OK (brood_future_get (f, TORTURE_MS, "%d", &n) == 0))
        TORTURE_MUST (n == wanted);
}

static void
s_pool (void)
{
    s_number = 100;
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (
        &(brood_pool_options_t){ .workers = 1, .start_exec = 1 });
    if (TORTURE_OK (pool))
        s_ask (pool, 41);
}

static void
s_initializer (void)
{
    BROOD_AUTO (msg) args = brood_msg_new ("{number: %d}", 2);
    if (!TORTURE_OK (args))
        return;
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (&(brood_pool_options_t){
        .workers = 1,
        .start_exec = 1,
        .initializer = s_prepare,
        .initargs = args,
    });
    if (!TORTURE_OK (pool))
        return;
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_die, "nil");
    if (TORTURE_OK (f))
        TORTURE_MUST (brood_future_wait (f, TORTURE_MS) == 0);
    s_ask (pool, 42);
}

static int
s_code (void *arg)
{
    int n;
    return brood_msg_unpack (arg, "{code: %d}", &n) < 0 ? 1 : n + s_number;
}

static void
s_process (void)
{
    char *env[] = { (char[]){ "A=1" }, NULL };
    const int keep[] = { 0, 1 };
    const brood_rlimit_t limit = { 4, 0, 0 };
    BROOD_AUTO (msg) args = brood_msg_new ("{code: %d}", 8);
    if (!TORTURE_OK (args))
        return;
    BROOD_AUTO (process)
    p = brood_process_new_with (s_code,
                                NULL,
                                &(brood_process_options_t){
                                    .start_exec = 1,
                                    .args = args,
                                    .cwd = "/",
                                    .env = env,
                                    .keep_fds = keep,
                                    .n_keep_fds = 2,
                                    .rlimits = &limit,
                                    .n_rlimits = 1,
                                });
    if (!TORTURE_OK (p))
        return;
    // The fault may lie ahead of each nursery, whose count begins anew.
    if (!TORTURE_OK (brood_process_start (p) == 0)
        && !TORTURE_OK (brood_process_start (p) == 0))
        return;
    while (!TORTURE_OK (brood_process_join (p, TORTURE_MS) == 0))
        continue;
    const int code = brood_process_exitcode (p);
    TORTURE_MUST (code == 9 || (!torture_strict () && code == -SIGKILL));
}

const torture_scenario_t torture_exec[] = {
    { "pool", s_pool },
    { "initializer", s_initializer },
    { "process", s_process },
    { NULL, NULL },
};
