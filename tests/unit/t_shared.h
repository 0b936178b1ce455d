// t_shared.h - an arena with its root, and processes that die in it
//
// SPDX-License-Identifier: MPL-2.0

#ifndef T_SHARED_H
#define T_SHARED_H

#include "tests/t.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/brd_arena.h"
#include "base/brd_process.h"
#include "shared/brd_shared.h"

static brd_arena_t *t_arena;
static brd_shared_t *t_shared;

static inline int
t_shared_setup (void **state)
{
    (void) state;
    t_arena = brd_arena_new ((size_t) 64 << 20);
    t_shared = t_arena ? brd_shared_new (t_arena) : NULL;
    return t_shared && brd_process_become (BRD_ROLE_OWNER) == 0 ? 0 : -1;
}

static inline int
t_shared_teardown (void **state)
{
    (void) state;
    brd_arena_destroy (&t_arena);
    return 0;
}

// A child of the brood that runs fn and leaves with what it returns.
static inline pid_t
t_shared_fork (int (*fn) (void *arg), void *arg)
{
    const pid_t pid = fork ();
    if (pid == 0 && prctl (PR_SET_PDEATHSIG, SIGKILL) == 0)
        _exit (brd_process_become (BRD_ROLE_WORKER) < 0 ? 99 : fn (arg));
    assert_true (pid > 0);
    return pid;
}

// What its nursery does: sweep before the number is free. Its exit code, or
// minus the signal.
static inline int
t_shared_reap (pid_t pid)
{
    siginfo_t info;
    int status;
    assert_int_equal (waitid (P_PID, (id_t) pid, &info, WEXITED | WNOWAIT), 0);
    brd_shared_sweep (t_shared, pid);
    assert_int_equal (waitpid (pid, &status, 0), pid);
    return WIFEXITED (status) ? WEXITSTATUS (status) : -WTERMSIG (status);
}

static inline int
t_shared_kill (pid_t pid)
{
    assert_int_equal (kill (pid, SIGKILL), 0);
    return t_shared_reap (pid);
}

// 1 if the process, *(pid_t *) arg, sleeps on a word: of futex_waitv (), or of
// futex () where there is no such call. For t_eventually ().
static inline int
t_shared_sleeps (void *arg)
{
    char path[64];
    long number = -1;
    snprintf (path, sizeof path, "/proc/%d/syscall", (int) *(pid_t *) arg);
    FILE *file = fopen (path, "re");
    if (!file)
        return 0;
    const int got = fscanf (file, "%ld", &number);
    fclose (file);
    return got == 1 && (number == 449 || number == SYS_futex);
}

#endif  // T_SHARED_H
