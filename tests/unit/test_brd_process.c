// test_brd_process.c - a fork behind our back is seen, our own is not mistaken
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "base/brd_fault.h"
#include "base/brd_process.h"

static void
s_run (void (*fn) (void *arg), void *arg)
{
    int status;
    char *output = t_run_child (fn, arg, 20, &status);
    if (status != 0)
        print_error ("%s\n", output);
    free (output);
    assert_int_equal (status, 0);
}

// Whatever happens to a process happens in a child: there is no way back.
static void
s_nothing (void *arg)
{
    (void) arg;
    brd_assert (brd_process_role () == BRD_ROLE_NONE);
    brd_assert (brd_process_birth () == 0);
}

static void
s_no_memory (void *arg)
{
    (void) arg;
    brd_fault_arm (BRD_FAULT_SYSTEM, 1, ENOMEM);
    brd_assert (brd_process_become (BRD_ROLE_OWNER) == -1);
    brd_assert (errno == ENOMEM);
    brd_assert (brd_process_role () == BRD_ROLE_NONE);
    brd_assert (brd_process_become (BRD_ROLE_OWNER) == 0);
    brd_assert (brd_process_role () == BRD_ROLE_OWNER);
}

static void
s_stray (void *arg)
{
    (void) arg;
    brd_assert (brd_process_role () == BRD_ROLE_STRAY);
    brd_assert (brd_process_birth () == 0);
}

static void
s_worker (void *arg)
{
    const uint32_t *parents_birth = arg;
    brd_assert (brd_process_role () == BRD_ROLE_STRAY);
    brd_assert (brd_process_become (BRD_ROLE_WORKER) == 0);
    brd_assert (brd_process_role () == BRD_ROLE_WORKER);
    brd_assert (brd_process_birth () == *parents_birth + 1);
    s_run (s_stray, NULL);
    brd_assert (brd_process_role () == BRD_ROLE_WORKER);
}

static void
s_owner (void *arg)
{
    (void) arg;
    brd_assert (brd_process_become (BRD_ROLE_OWNER) == 0);
    brd_assert (brd_process_role () == BRD_ROLE_OWNER);
    uint32_t birth = brd_process_birth ();
    brd_assert (birth == 1);
    s_run (s_stray, NULL);
    s_run (s_worker, &birth);
    brd_assert (brd_process_role () == BRD_ROLE_OWNER);
    brd_assert (brd_process_birth () == birth);
}

static void
s_test_roles (void **state)
{
    (void) state;
    s_run (s_nothing, NULL);
    s_run (s_owner, NULL);
    s_run (s_no_memory, NULL);
    // None of them was us.
    assert_int_equal (brd_process_role (), BRD_ROLE_NONE);
}

// Reads the role until it is known.
static void *
s_look (void *arg)
{
    _Atomic int *looking = arg;
    brd_role_t role;
    do {
        role = brd_process_role ();
        brd_assert (role != BRD_ROLE_STRAY);
        atomic_store (looking, 1);
    } while (role == BRD_ROLE_NONE);
    brd_assert (brd_process_birth () == 1);
    return NULL;
}

static void
s_become_watched (void *arg)
{
    pthread_t thread;
    _Atomic int looking = 0;
    (void) arg;
    brd_assert (pthread_create (&thread, NULL, s_look, &looking) == 0);
    while (atomic_load (&looking) == 0)
        sched_yield ();
    brd_assert (brd_process_become (BRD_ROLE_OWNER) == 0);
    pthread_join (thread, NULL);
}

// Two threads that used brood first at the same time: one was told that it was
// in a child of the program's own fork.
static void
s_test_first_use_by_two (void **state)
{
    (void) state;
    for (int i = 0; i < 200; i++)
        s_run (s_become_watched, NULL);
}

static void
s_one_cpu (void *arg)
{
    (void) arg;
    cpu_set_t set;
    brd_assert (sched_getaffinity (0, sizeof set, &set) == 0);
    size_t cpu = 0;
    while (!CPU_ISSET (cpu, &set))
        cpu++;
    CPU_ZERO (&set);
    CPU_SET (cpu, &set);
    brd_assert (sched_setaffinity (0, sizeof set, &set) == 0);
    brd_assert (brd_process_cpus () == 1);
}

static void
s_test_cpus (void **state)
{
    (void) state;
    unsetenv ("BROOD_CPUS");
    errno = EBUSY;
    const int cpus = brd_process_cpus ();
    assert_int_equal (errno, EBUSY);
    assert_true (cpus >= 1);
    s_run (s_one_cpu, NULL);
    // It caps and never raises; what makes no sense does not count.
    setenv ("BROOD_CPUS", "1", 1);
    assert_int_equal (brd_process_cpus (), 1);
    const char *const no_caps[] = {
        "1000000", "", "0", "-1", "2x", "many", "99999999999999999999"
    };
    for (size_t i = 0; i < sizeof no_caps / sizeof no_caps[0]; i++) {
        setenv ("BROOD_CPUS", no_caps[i], 1);
        assert_int_equal (brd_process_cpus (), cpus);
    }
    unsetenv ("BROOD_CPUS");
}

// A worker killed on a busy machine was said to have closed its descriptors:
// it had, dying.
static void
s_test_is_ending (void **state)
{
    (void) state;
    siginfo_t info;
    int ends[2];
    assert_int_equal (pipe (ends), 0);
    const pid_t pid = fork ();
    if (pid == 0) {
        char byte;
        close (ends[1]);
        (void) !read (ends[0], &byte, 1);
        _exit (0);
    }
    assert_true (pid > 0);
    assert_int_equal (brd_process_is_ending (getpid ()), 0);
    assert_int_equal (brd_process_is_ending (pid), 0);
    close (ends[0]);
    close (ends[1]);
    assert_int_equal (waitid (P_PID, (id_t) pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal (brd_process_is_ending (pid), 1);
    assert_int_equal (waitpid (pid, NULL, 0), pid);
    assert_int_equal (brd_process_is_ending (pid), 0);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_roles),
        cmocka_unit_test (s_test_first_use_by_two),
        cmocka_unit_test (s_test_cpus),
        cmocka_unit_test (s_test_is_ending),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
