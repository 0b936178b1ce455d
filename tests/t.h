// t.h - what every test program needs besides cmocka
//
// SPDX-License-Identifier: MPL-2.0
//
// The first include of a test: cmocka's header wants three others before it.
// A test program is one process with a clock on it:
//
//     int main (void)
//     {
//         const struct CMUnitTest tests[] = { cmocka_unit_test (s_test_x) };
//         t_watchdog (30);
//         return cmocka_run_group_tests (tests, NULL, NULL);
//     }

#ifndef T_H
#define T_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/types.h>

// Kills the program with SIGALRM when it still runs after so many seconds.
void
t_watchdog (unsigned seconds);

// Gives the signals cmocka and the sanitizers catch their default action: for a
// child that is to die of one and be seen to.
void
t_default_signals (void);

// Runs fn (arg) in a forked child, which leads a process group of its own and
// then ends with _exit (0). Returns what it wrote to stdout and stderr, '\0'
// terminated, yours to free; *ret_status is as from waitpid (2). After so many
// seconds the whole group is killed and the output says so.
char *
t_run_child (void (*fn) (void *arg), void *arg, int seconds, int *ret_status);

// Marks this process and everything it will fork or start: call first in main.
// Executes the program again, since /proc shows the environment of birth.
void
t_mark (char **argv);

// How many other living processes carry this process's mark, wherever they now
// hang in the process tree. Up to max of them into ret_pids, which may be NULL.
int
t_marked (pid_t *ret_pids, int max);

// Waits until no more than n of them are left. 0, or -1 after so many seconds.
int
t_marked_wait (int n, int seconds);

// Zeroed memory that this process and those forked from it from now on share,
// for ever.
void *
t_share (size_t size);

// Descriptors open in this process.
int
t_open_fds (void);

// Waits until no more than count are: libzmq closes its own in threads of its
// own, a moment later. 1, or 0 after ten seconds.
int
t_open_fds_fall_to (int count);

// Waits, looking every few milliseconds, until check (arg) is not 0, and
// returns that; 0 after so many seconds.
int
t_eventually (int (*check) (void *arg), void *arg, int seconds);

#endif  // T_H
