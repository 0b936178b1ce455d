// test_stopped.c - workers that are stopped, and what workers leave behind
//
// SPDX-License-Identifier: MPL-2.0
//
// A stopped worker is alive: its task waits, or runs out of its time, and then
// the text says why. What a worker has forked, and what that has forked, goes
// with it, whatever session it has fled to; and nobody stays a zombie.

#include "t_brood.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include <brood.h>

enum {
    DAEMONS = 100
};

static brood_array_t *s_array;
static atomic_int *s_shared;  // In the arena: a pid, a count

// Says who it is, waits to be let go, answers.
static int
s_hold (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    atomic_store (&s_shared[0], (int) getpid ());
    while (atomic_load (&s_shared[1]) == 0)
        usleep (1000);
    return brood_msg_pack (out, "%d", 7);
}
BROOD_TASK (s_hold);

static int
s_quick (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    return brood_msg_pack (out, "%d", 42);
}
BROOD_TASK (s_quick);

static int
s_is_set (void *arg)
{
    return atomic_load ((atomic_int *) arg);
}

static int
s_set_up (void **state)
{
    (void) state;
    atomic_store (&s_shared[0], 0);
    atomic_store (&s_shared[1], 0);
    return 0;
}

static int
s_is_stopped (void *arg)
{
    char stat[512];
    t_proc_line (*(pid_t *) arg, "stat", stat, sizeof stat);
    const char *state = strrchr (stat, ')');
    return state && state[1] == ' ' && state[2] == 'T';
}

static void
s_stop (pid_t pid)
{
    assert_int_equal (kill (pid, SIGSTOP), 0);
    assert_true (t_eventually (s_is_stopped, &pid, 10));
}

static int
s_gone (void *arg)
{
    return kill (*(pid_t *) arg, 0) < 0 && errno == ESRCH;
}

static void
s_test_timeout (void **state)
{
    (void) state;
    int n;
    brood_error_info_t info;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    BROOD_AUTO (future)
    f = brood_pool_submit_with (
        pool,
        s_hold,
        &(brood_task_options_t){ .timeout_ms = 700, .grace_ms = 100 },
        "nil");
    pid_t pid = t_eventually (s_is_set, &s_shared[0], 10);
    assert_true (pid > 0);
    s_stop (pid);
    // Others go on.
    for (int i = 0; i < 10; i++) {
        BROOD_AUTO (future) g = brood_pool_submit (pool, s_quick, "nil");
        assert_int_equal (brood_future_get (g, 20000, "%d", &n), 0);
    }
    assert_null (brood_future_result (f, 20000));
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (brood_future_done (f), 1);
    brood_error_info (&info);
    assert_int_equal (info.kind, BROOD_TIMEOUT);
    assert_int_equal (info.pid, pid);
    if (!strstr (info.text, "stopped"))
        fail_msg ("%s", info.text);
    assert_true (t_eventually (s_gone, &pid, 10));
    atomic_store (&s_shared[1], 1);
    BROOD_AUTO (future) h = brood_pool_submit (pool, s_hold, "nil");
    assert_int_equal (brood_future_get (h, 20000, "%d", &n), 0);
}

static void
s_test_continue (void **state)
{
    (void) state;
    int n;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_hold, "nil");
    const pid_t pid = t_eventually (s_is_set, &s_shared[0], 10);
    assert_true (pid > 0);
    s_stop (pid);
    atomic_store (&s_shared[1], 1);
    assert_int_equal (brood_future_wait (f, 300), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (brood_future_done (f), 0);
    assert_int_equal (kill (pid, SIGCONT), 0);
    assert_int_equal (brood_future_get (f, 20000, "%d", &n), 0);
    assert_int_equal (n, 7);
}

// It cannot leave of itself, and is not waited for.
static void
s_test_end (void **state)
{
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_hold, "nil");
    pid_t pid = t_eventually (s_is_set, &s_shared[0], 10);
    assert_true (pid > 0);
    s_stop (pid);
    brood_pool_destroy (&pool);
    assert_true (t_eventually (s_gone, &pid, 2));
    assert_null (brood_future_result (f, 0));
    assert_int_equal (errno, EPIPE);
    assert_int_equal (t_marked_wait (0, 5), 0);
}

// --- What workers have forked ----------------------------------------------

// A child, a grandchild in a session of its own, and one whose parent is gone.
static int
s_family (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    if (fork () == 0) {
        if (fork () == 0) {
            setsid ();
            if (fork () == 0) {
                atomic_fetch_add (&s_shared[2], 1);
                for (;;)
                    pause ();
            }
            atomic_fetch_add (&s_shared[2], 1);
            _exit (0);
        }
        atomic_fetch_add (&s_shared[2], 1);
        for (;;)
            pause ();
    }
    while (atomic_load (&s_shared[2]) < 3)
        usleep (1000);
    return s_hold (task, NULL, out);
}
BROOD_TASK (s_family);

static void
s_test_family (void **state)
{
    (void) state;
    enum {
        NURSERY_AND_WORKER = 2
    };
    const int signals[] = { SIGKILL, SIGSEGV };
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    for (int i = 0; i < 2; i++) {
        atomic_store (&s_shared[0], 0);
        atomic_store (&s_shared[2], 0);
        BROOD_AUTO (future) f = brood_pool_submit (pool, s_family, "nil");
        const pid_t pid = t_eventually (s_is_set, &s_shared[0], 10);
        assert_true (pid > 0);
        // Two of the three live, and one zombie at most.
        assert_true (t_marked (NULL, 0) >= NURSERY_AND_WORKER + 2);
        assert_int_equal (kill (pid, signals[i]), 0);
        assert_null (brood_future_result (f, 20000));
        assert_int_equal (errno, ECHILD);
        assert_int_equal (t_marked_wait (NURSERY_AND_WORKER, 5), 0);
    }
}

// The same by a timeout, and by the end of the pool.
static void
s_test_family_of_late (void **state)
{
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future)
    f = brood_pool_submit_with (
        pool,
        s_family,
        &(brood_task_options_t){ .timeout_ms = 500, .grace_ms = 1 },
        "nil");
    assert_null (brood_future_result (f, 20000));
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (t_marked_wait (2, 5), 0);
    atomic_store (&s_shared[0], 0);
    atomic_store (&s_shared[2], 0);
    BROOD_AUTO (future) g = brood_pool_submit (pool, s_family, "nil");
    assert_true (t_eventually (s_is_set, &s_shared[0], 10));
    brood_pool_destroy (&pool);
    assert_int_equal (t_marked_wait (0, 5), 0);
}

// Daemons that end while their worker lives: the nursery reaps them.
static int
s_daemons (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    for (int i = 0; i < DAEMONS; i++) {
        const pid_t pid = fork ();
        if (pid < 0)
            return brood_task_fail (task, "fork");
        if (pid == 0) {
            if (fork () == 0)
                atomic_fetch_add (&s_shared[3], 1);
            _exit (0);
        }
        while (waitpid (pid, NULL, 0) < 0)
            if (errno != EINTR)
                return brood_task_fail (task, "waitpid: %s", strerror (errno));
    }
    return brood_msg_pack (out, "%d", (int) getppid ());
}
BROOD_TASK (s_daemons);

static int
s_all_ran (void *arg)
{
    (void) arg;
    return atomic_load (&s_shared[3]) == DAEMONS;
}

// The children of the nursery are its worker, and nobody else.
static int
s_one_child (void *arg)
{
    char line[4096], path[64];
    const int pid = *(int *) arg;
    int n = 0;
    snprintf (path, sizeof path, "task/%d/children", pid);
    t_proc_line ((pid_t) pid, path, line, sizeof line);
    for (const char *at = strchr (line, ' '); at; at = strchr (at + 1, ' '))
        n++;
    return n == 1;
}

static void
s_test_zombies (void **state)
{
    (void) state;
    int nursery;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_daemons, "nil");
    if (brood_future_get (f, 40000, "%d", &nursery) < 0)
        fail_msg ("%s", brood_error ());
    assert_true (t_eventually (s_all_ran, NULL, 10));
    assert_true (t_eventually (s_one_child, &nursery, 5));
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup (s_test_timeout, s_set_up),
        cmocka_unit_test_setup (s_test_continue, s_set_up),
        cmocka_unit_test_setup (s_test_end, s_set_up),
        cmocka_unit_test_setup (s_test_family, s_set_up),
        cmocka_unit_test_setup (s_test_family_of_late, s_set_up),
        cmocka_unit_test_setup (s_test_zombies, s_set_up),
    };
    t_mark (argv);
    t_watchdog (110);
    if (brood_init (&argc, &argv) < 0)
        return brood_perror (argv[0]);
    s_array = brood_array_new (BROOD_INT, 4);
    s_shared = brood_array_ptr (s_array);
    if (!s_shared)
        return brood_perror (argv[0]);
    const int failed = cmocka_run_group_tests (tests, NULL, NULL);
    brood_array_destroy (&s_array);
    return failed;
}
