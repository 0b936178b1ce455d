// torture_processes.c - processes from birth to end
//
// SPDX-License-Identifier: MPL-2.0
//
// A process is started whole or not at all, and can then be tried again. One
// that was started ends, whatever fails meanwhile, and its code is right or, if
// nobody could see it, that of SIGKILL.

#include "torture.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static int
s_seven (void *arg)
{
    (void) arg;
    return 7;
}

static int
s_for_ever (void *arg)
{
    (void) arg;
    for (;;)
        pause ();
    return 0;
}

typedef struct {
    int code;
} Torture;

BROOD_PROCESS (Torture, self)
{
    return self->code;
}

// Faults go on counting in the nursery and in the child.
static int
s_is_code (const brood_process_t *p, int code)
{
    const int is = brood_process_exitcode (p);
    return is == code || (!torture_strict () && is == -SIGKILL);
}

static void
s_must_end (brood_process_t *p, int code)
{
    // A wait without a descriptor for interrupts is one all the same.
    while (!TORTURE_OK (brood_process_join (p, TORTURE_MS) == 0))
        TORTURE_MUST (errno != ETIMEDOUT);
    TORTURE_MUST (brood_process_is_alive (p) == 0);
    TORTURE_MUST (s_is_code (p, code));
}

static void
s_life (void)
{
    BROOD_AUTO (process) p = brood_process_new (s_seven, NULL);
    if (!TORTURE_OK (p))
        return;
    if (!TORTURE_OK (brood_process_start (p) == 0)) {
        TORTURE_MUST (brood_process_is_alive (p) == 0);
        TORTURE_MUST (brood_process_pid (p) == 0);
        // The fault may lie ahead of each nursery, whose count begins anew.
        if (!TORTURE_OK (brood_process_start (p) == 0))
            return;
    }
    s_must_end (p, 7);
}

static void
s_class (void)
{
    BROOD_AUTO (process) p = brood_process_new_of (Torture, &(Torture){ 9 });
    if (!TORTURE_OK (p) || !TORTURE_OK (brood_process_start (p) == 0))
        return;
    s_must_end (p, 9);
}

static void
s_options (void)
{
    char *env[] = { (char[]){ "A=1" }, (char[]){ "B=2" }, NULL };
    const int keep[] = { 0, 1 };
    const brood_rlimit_t limit = { 4, 0, 0 };
    BROOD_AUTO (process)
    p = brood_process_new_with (s_seven,
                                env,
                                &(brood_process_options_t){
                                    .name = "torture",
                                    .cwd = "/",
                                    .env = env,
                                    .keep_fds = keep,
                                    .n_keep_fds = 2,
                                    .rlimits = &limit,
                                    .n_rlimits = 1,
                                    .arg_size_bytes = sizeof env,
                                });
    if (!TORTURE_OK (p) || !TORTURE_OK (brood_process_start (p) == 0))
        return;
    s_must_end (p, 7);
}

// A wish that cannot be had, while other things fail too.
static void
s_no_folder (void)
{
    BROOD_AUTO (process)
    p = brood_process_new_with (
        s_seven, NULL, &(brood_process_options_t){ .cwd = "/nowhere" });
    if (!TORTURE_OK (p))
        return;
    TORTURE_MUST (brood_process_start (p) == -1);
    TORTURE_MUST (brood_error ()[0] != '\0');
    TORTURE_MUST (!torture_strict () || errno == ENOENT);
    TORTURE_MUST (brood_process_children (NULL, 0) == 0);
}

static void
s_signal (void)
{
    BROOD_AUTO (process) p = brood_process_new (s_for_ever, NULL);
    if (!TORTURE_OK (p) || !TORTURE_OK (brood_process_start (p) == 0))
        return;
    struct pollfd one = { .fd = brood_process_sentinel (p), .events = POLLIN };
    TORTURE_MUST (brood_process_children (NULL, 0) <= 1);
    while (!TORTURE_OK (brood_process_terminate (p) == 0))
        continue;
    TORTURE_MUST (poll (&one, 1, TORTURE_MS) == 1);
    s_must_end (p, -SIGTERM);
    TORTURE_MUST (brood_process_children (NULL, 0) == 0);
}

// Given up while it runs: the next one sees to it.
static void
s_give_up (void)
{
    for (int i = 0; i < 2; i++) {
        brood_process_t *p = brood_process_new (s_for_ever, NULL);
        if (TORTURE_OK (p) && TORTURE_OK (brood_process_start (p) == 0)) {
            while (!TORTURE_OK (brood_process_kill (p) == 0))
                continue;
        }
        brood_process_destroy (&p);
    }
}

const torture_scenario_t torture_processes[] = {
    { "life", s_life },       { "class", s_class },
    { "options", s_options }, { "no-folder", s_no_folder },
    { "signal", s_signal },   { "give-up", s_give_up },
    { NULL, NULL },
};
