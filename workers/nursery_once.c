// nursery_once.c - what an only child is to be like
//
// SPDX-License-Identifier: MPL-2.0
//
//     nursery_child.c: set up as every child is
//       brd_nursery_once_apply
//         environment, limits, niceness, processor, folder
//       all had: the life pipe is closed           -> STARTED
//       one not: a complaint into it, and the end  -> FAILED, in start ()
//
// Async-signal-safe: a lock of libc's that another thread of the owner held at
// the fork is held here. The folder comes last, so that nothing is looked for
// in the wrong one.

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "workers/nursery_internal.h"

enum {
    S_CPU_SETS = 64  // As many processors as nursery_child.c knows
};

static int
s_limit (const brd_nursery_once_t *once)
{
    for (size_t i = 0; i < once->n_rlimits; i++) {
        const brood_rlimit_t *wish = &once->rlimits[i];
        const struct rlimit limit = { .rlim_cur = wish->soft,
                                      .rlim_max = wish->hard };
        if (setrlimit ((__rlimit_resource_t) wish->resource, &limit) < 0)
            return -1;
    }
    return 0;
}

static int
s_nice (int by)
{
    if (by == 0)
        return 0;
    errno = 0;
    return nice (by) == -1 && errno != 0 ? -1 : 0;
}

static int
s_run_on (int number)
{
    cpu_set_t sets[S_CPU_SETS];
    const size_t cpu = (size_t) number - 1;
    if (number == 0)
        return 0;
    if (cpu >= sizeof sets * 8) {
        errno = EINVAL;
        return -1;
    }
    CPU_ZERO_S (sizeof sets, sets);
    CPU_SET_S (cpu, sizeof sets, sets);
    return sched_setaffinity (0, sizeof sets, sets);
}

int
brd_nursery_once_apply (const brd_nursery_once_t *once,
                        brd_nursery_wish_t *ret_wish)
{
    // A worker's broken pipe is an error of its own; the user's process is as
    // any other.
    const struct sigaction action = { .sa_handler = SIG_DFL };
    (void) sigaction (SIGPIPE, &action, NULL);
    if (once->env)
        environ = (char **) (uintptr_t) once->env;
    *ret_wish = BRD_NURSERY_WISH_RLIMIT;
    if (s_limit (once) < 0)
        return -1;
    *ret_wish = BRD_NURSERY_WISH_NICE;
    if (s_nice (once->nice) < 0)
        return -1;
    *ret_wish = BRD_NURSERY_WISH_CPU;
    if (s_run_on (once->cpu) < 0)
        return -1;
    *ret_wish = BRD_NURSERY_WISH_CWD;
    return once->cwd ? chdir (once->cwd) : 0;
}
