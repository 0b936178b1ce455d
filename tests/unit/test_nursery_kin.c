// test_nursery_kin.c - the descendants of workers, and when they go
//
// SPDX-License-Identifier: MPL-2.0

#include "t_nursery.h"

#include <sched.h>
#include <sys/resource.h>

static void
s_sleep (void)
{
    for (;;)
        pause ();
}

// Forks twice, as daemons do; the second has its own session, tells its pid
// once it has lost its parent, and does fn.
static void
s_daemon (t_nursery_t *nursery, void (*fn) (void))
{
    const pid_t child = fork ();
    if (child > 0)
        waitpid (child, NULL, 0);
    if (child != 0)
        return;
    const pid_t parent = getpid ();
    if (fork () > 0)
        _exit (0);
    setsid ();
    while (getppid () == parent)
        sched_yield ();
    t_nursery_tell (nursery, getpid ());
    fn ();
    _exit (0);
}

static void
s_main_daemon (const brd_nursery_birth_t *birth)
{
    s_daemon (birth->arg, s_sleep);
    s_sleep ();
}

static void
s_main_group (const brd_nursery_birth_t *birth)
{
    for (int i = 0; i < 3; i++) {
        if (fork () == 0) {
            (void) !fork ();
            t_nursery_tell (birth->arg, getpid ());
            s_sleep ();
        }
    }
    s_sleep ();
}

static void
s_test_group_is_killed (void **state)
{
    (void) state;
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_group);
    t_nursery_bear (&nursery, 1);
    for (int i = 0; i < 6; i++)
        (void) t_nursery_told (&nursery, i);
    t_nursery_command (&nursery, BRD_NURSERY_KILL, 1);
    t_nursery_expect (&nursery, BRD_NURSERY_ENDED, 1);
    for (int i = 0; i < 6; i++)
        t_nursery_gone ((pid_t) t_nursery_told (&nursery, i));
    assert_int_equal (t_marked_wait (1, 20), 0);
    t_nursery_end (&nursery);
}

// However the worker ends.
static void
s_main_leave_group (const brd_nursery_birth_t *birth)
{
    int fds[2];
    if (pipe (fds) < 0)
        _exit (1);
    if (fork () == 0) {
        t_nursery_tell (birth->arg, getpid ());
        (void) !write (fds[1], "x", 1);
        s_sleep ();
    }
    (void) !read (fds[0], &(char){ 0 }, 1);
    _exit (0);
}

static void
s_test_child_left_behind (void **state)
{
    (void) state;
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_leave_group);
    t_nursery_bear (&nursery, 1);
    t_nursery_expect (&nursery, BRD_NURSERY_ENDED, 1);
    t_nursery_gone ((pid_t) t_nursery_told (&nursery, 0));
    t_nursery_end (&nursery);
}

static int
s_has_children (void *arg)
{
    return t_nursery_children (arg) == 2;
}

// A worker's death takes its daemon along, and not the other worker's.
static void
s_test_daemon_goes_with_its_worker (void **state)
{
    (void) state;
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_daemon);
    t_nursery_bear (&nursery, 1);
    const pid_t first = (pid_t) t_nursery_told (&nursery, 0);
    t_nursery_bear (&nursery, 2);
    const pid_t second = (pid_t) t_nursery_told (&nursery, 1);
    assert_int_equal (t_nursery_children (&nursery), 4);
    t_nursery_command (&nursery, BRD_NURSERY_KILL, 1);
    t_nursery_expect (&nursery, BRD_NURSERY_ENDED, 1);
    t_nursery_gone (first);
    assert_true (t_eventually (s_has_children, &nursery, 20));
    t_nursery_alive (second);
    t_nursery_end (&nursery);
    t_nursery_gone (second);
}

static void
s_exec_and_sleep (void)
{
    execlp ("sleep", "sleep", "1000", (char *) NULL);
}

static void
s_main_exec (const brd_nursery_birth_t *birth)
{
    s_daemon (birth->arg, s_exec_and_sleep);
    s_sleep ();
}

static void
s_test_executed_daemon_too (void **state)
{
    (void) state;
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_exec);
    t_nursery_bear (&nursery, 1);
    const pid_t pid = (pid_t) t_nursery_told (&nursery, 0);
    t_nursery_command (&nursery, BRD_NURSERY_KILL, 1);
    t_nursery_expect (&nursery, BRD_NURSERY_ENDED, 1);
    t_nursery_gone (pid);
    t_nursery_end (&nursery);
}

static void
s_lose_the_mark (void)
{
    struct rlimit locks;
    getrlimit (RLIMIT_LOCKS, &locks);
    locks.rlim_cur = locks.rlim_max;
    setrlimit (RLIMIT_LOCKS, &locks);
    s_sleep ();
}

static void
s_main_unmarked (const brd_nursery_birth_t *birth)
{
    s_daemon (birth->arg, s_lose_the_mark);
    s_sleep ();
}

// Nobody knows whose it is, but the nursery's end is the end of all.
static void
s_test_unmarked_daemon_goes_with_the_nursery (void **state)
{
    (void) state;
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_unmarked);
    t_nursery_bear (&nursery, 1);
    const pid_t pid = (pid_t) t_nursery_told (&nursery, 0);
    // Deaths of others are no reason; the second START comes after the look
    // around that the first death led to.
    for (uint32_t i = 2; i <= 3; i++) {
        t_nursery_bear (&nursery, i);
        t_nursery_command (&nursery, BRD_NURSERY_KILL, i);
        t_nursery_expect (&nursery, BRD_NURSERY_ENDED, i);
    }
    t_nursery_alive (pid);
    t_nursery_end (&nursery);
    t_nursery_gone (pid);
}

static void
s_no_fn (void)
{
}

static void
s_main_many_daemons (const brd_nursery_birth_t *birth)
{
    for (int i = 0; i < 100; i++)
        s_daemon (birth->arg, s_no_fn);
    // Nothing came to this process that it did not fork itself.
    t_nursery_tell (birth->arg, wait (NULL) < 0 && errno == ECHILD ? 1 : -1);
    s_sleep ();
}

static int
s_only_the_worker (void *arg)
{
    return t_nursery_children (arg) == 1;
}

static void
s_test_daemons_leave_no_zombies (void **state)
{
    (void) state;
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_many_daemons);
    const pid_t pid = t_nursery_bear (&nursery, 1);
    for (int i = 0; i <= 100; i++)
        assert_int_not_equal (t_nursery_told (&nursery, i), -1);
    assert_true (t_eventually (s_only_the_worker, &nursery, 20));
    t_nursery_alive (pid);
    t_nursery_end (&nursery);
}

// Daemons that fork daemons, faster than anybody can look.
static void
s_breed (void)
{
    for (;;) {
        if (fork () == 0 && fork () == 0)
            setsid ();
        else
            break;
    }
}

static void
s_main_breed (const brd_nursery_birth_t *birth)
{
    s_daemon (birth->arg, s_breed);
    s_sleep ();
}

static void
s_test_fugitive (void **state)
{
    (void) state;
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_breed);
    t_nursery_bear (&nursery, 1);
    (void) t_nursery_told (&nursery, 0);
    t_nursery_end (&nursery);
    assert_int_equal (t_marked_wait (0, 20), 0);
}

// --- Nurseries in workers --------------------------------------------------

static void
s_main_outer (const brd_nursery_birth_t *birth)
{
    t_nursery_t *outer = birth->arg;
    t_nursery_t inner;
    t_nursery_start (&inner, s_main_daemon);
    t_nursery_bear (&inner, 1);
    t_nursery_bear (&inner, 2);
    (void) t_nursery_told (&inner, 1);
    // The program's wait () in a callback sees no child of ours either.
    t_nursery_tell (outer, wait (NULL) < 0 && errno == ECHILD ? 1 : -1);
    t_nursery_tell (outer, inner.pid);
    s_sleep ();
}

static void
s_test_nursery_of_a_worker (void **state)
{
    (void) state;
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_outer);
    t_nursery_bear (&nursery, 1);
    assert_int_equal (t_nursery_told (&nursery, 0), 1);
    (void) t_nursery_told (&nursery, 1);
    assert_int_equal (t_marked (NULL, 0), 7);
    t_nursery_command (&nursery, BRD_NURSERY_KILL, 1);
    t_nursery_expect (&nursery, BRD_NURSERY_ENDED, 1);
    assert_int_equal (t_marked_wait (1, 20), 0);
    t_nursery_end (&nursery);
    assert_int_equal (t_marked_wait (0, 20), 0);
}

// It cannot clean up, but the one above it can.
static void
s_test_inner_nursery_killed (void **state)
{
    (void) state;
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_outer);
    const pid_t worker = t_nursery_bear (&nursery, 1);
    assert_int_equal (t_nursery_told (&nursery, 0), 1);
    kill ((pid_t) t_nursery_told (&nursery, 1), SIGKILL);
    assert_int_equal (t_marked_wait (2, 20), 0);
    t_nursery_alive (worker);
    t_nursery_end (&nursery);
}

static void
s_die_as_owner (void *arg)
{
    (void) arg;
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_outer);
    for (uint32_t i = 0; i < 4; i++)
        t_nursery_bear (&nursery, i);
    for (int i = 0; i < 8; i++)
        (void) t_nursery_told (&nursery, i);
    raise (SIGKILL);
}

static void
s_test_owner_killed (void **state)
{
    (void) state;
    int status;
    free (t_run_child (s_die_as_owner, NULL, 30, &status));
    assert_int_equal (status, SIGKILL);
    assert_int_equal (t_marked_wait (0, 20), 0);
}

// Each told while the number still belongs to the dead: it can be signalled.
static void
s_ending (void *arg, pid_t pid)
{
    t_nursery_tell (arg, kill (pid, 0) == 0 ? pid : -pid);
}

static int
s_was_told (const t_nursery_t *nursery, pid_t pid)
{
    int times = 0;
    for (int i = 0; i < atomic_load (&nursery->shared->count); i++)
        times += atomic_load (&nursery->shared->told[i]) == pid;
    return times;
}

// Its daemon's pid is told by itself, and once more at its end.
static int
s_daemon_ended (void *arg)
{
    const t_nursery_t *nursery = arg;
    const long daemon = atomic_load (&nursery->shared->told[0]);
    return s_was_told (nursery, (pid_t) daemon) == 2;
}

static void
s_test_ending_before_each_reaping (void **state)
{
    (void) state;
    t_nursery_t nursery;
    brd_nursery_options_t options = { .worker_main = s_main_daemon,
                                      .ending = s_ending };
    t_nursery_start_with (&nursery, &options);
    const pid_t worker = t_nursery_bear (&nursery, 1);
    (void) t_nursery_told (&nursery, 0);
    assert_int_equal (s_was_told (&nursery, worker), 0);
    t_nursery_command (&nursery, BRD_NURSERY_KILL, 1);
    t_nursery_expect (&nursery, BRD_NURSERY_ENDED, 1);
    // Before the report of it.
    assert_int_equal (s_was_told (&nursery, worker), 1);
    assert_true (t_eventually (s_daemon_ended, &nursery, 20));
    t_nursery_end (&nursery);
}

// Those the nursery's end kills too, and what they leave.
static void
s_test_ending_at_the_end (void **state)
{
    (void) state;
    t_nursery_t nursery;
    brd_nursery_options_t options = { .worker_main = s_main_daemon,
                                      .ending = s_ending };
    t_nursery_start_with (&nursery, &options);
    const pid_t worker = t_nursery_bear (&nursery, 1);
    (void) t_nursery_told (&nursery, 0);
    brd_nursery_end (&nursery.fd, nursery.pid, -1);
    assert_int_equal (s_was_told (&nursery, worker), 1);
    assert_true (s_daemon_ended (&nursery));
    t_nursery_end (&nursery);
}

int
main (int argc, char **argv)
{
    (void) argc;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_group_is_killed),
        cmocka_unit_test (s_test_child_left_behind),
        cmocka_unit_test (s_test_daemon_goes_with_its_worker),
        cmocka_unit_test (s_test_executed_daemon_too),
        cmocka_unit_test (s_test_unmarked_daemon_goes_with_the_nursery),
        cmocka_unit_test (s_test_daemons_leave_no_zombies),
        cmocka_unit_test (s_test_fugitive),
        cmocka_unit_test (s_test_nursery_of_a_worker),
        cmocka_unit_test (s_test_inner_nursery_killed),
        cmocka_unit_test (s_test_owner_killed),
        cmocka_unit_test (s_test_ending_before_each_reaping),
        cmocka_unit_test (s_test_ending_at_the_end),
    };
    t_mark (argv);
    t_watchdog (100);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
