// test_process_nested.c - processes in processes, in workers, and pools in them
//
// SPDX-License-Identifier: MPL-2.0

#include "t_process.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static _Atomic long *s_told;

static void
s_tell (int i, long what)
{
    atomic_store (&s_told[i], what);
}

static long
s_told_of (int i)
{
    return atomic_load (&s_told[i]);
}

static void
s_program (void (*fn) (void *arg))
{
    for (int i = 0; i < 32; i++)
        s_tell (i, 0);
    t_process_alone (fn);
    assert_int_equal (t_marked_wait (0, 20), 0);
}

static int
s_return (void *arg)
{
    return arg ? *(int *) arg : 0;
}

static int
s_for_ever (void *arg)
{
    (void) arg;
    for (;;)
        pause ();
    return 0;
}

// Runs it to its end.
static int
s_run (brood_process_fn *run, void *arg)
{
    BROOD_AUTO (process) p = brood_process_new (run, arg);
    T_MUST (brood_process_start (p) == 0);
    T_MUST (brood_process_join (p, 30000) == 0);
    return brood_process_exitcode (p);
}

static int
s_is (const char *name, const char *wanted)
{
    return strcmp (name, wanted) == 0;
}

// --- Who is who ------------------------------------------------------------

static int
s_grandchild (void *arg)
{
    (void) arg;
    brood_process_t *current = brood_process_current ();
    brood_process_t *parent = brood_process_parent ();
    T_MUST (s_is (brood_process_name (current), "Process-2:1"));
    T_MUST (s_is (brood_process_name (parent), "Process-2"));
    T_MUST (brood_process_pid (parent) == s_told_of (0));
    BROOD_AUTO (process) p = brood_process_new (s_return, NULL);
    T_MUST (s_is (brood_process_name (p), "Process-2:1:1"));
    return 0;
}

static int
s_child (void *arg)
{
    brood_process_t *current = brood_process_current ();
    brood_process_t *parent = brood_process_parent ();
    s_tell (0, getpid ());
    T_MUST (current == *(brood_process_t **) arg);
    T_MUST (s_is (brood_process_name (current), "Process-2"));
    T_MUST (s_is (brood_process_name (parent), "MainProcess"));
    T_MUST (brood_process_pid (parent) == s_told_of (1));
    T_MUST (brood_process_is_alive (parent) == 1);
    T_MUST (brood_process_exitcode (parent) == BROOD_NO_EXITCODE);
    T_MUST (brood_process_join (parent, 0) == -1 && errno == ETIMEDOUT);
    T_MUST (brood_process_join (parent, 5) == -1 && errno == ETIMEDOUT);
    T_MUST (brood_process_kill (parent) == -1 && errno == EPERM);
    struct pollfd one = { .fd = brood_process_sentinel (parent),
                          .events = POLLIN };
    T_MUST (one.fd > 2 && poll (&one, 1, 0) == 0);
    T_MUST (brood_process_children (NULL, 0) == 0);
    brood_process_t *handle = current;
    brood_process_destroy (&handle);
    T_MUST (brood_process_current () == current);
    T_MUST (s_is (brood_process_name (current), "Process-2"));
    return s_run (s_grandchild, NULL);
}

static void
s_who (void *arg)
{
    (void) arg;
    brood_process_t *p = NULL;
    BROOD_AUTO (process) first = brood_process_new (s_return, NULL);
    s_tell (1, getpid ());
    p = brood_process_new (s_child, &p);
    T_MUST (brood_process_start (p) == 0);
    T_MUST (brood_process_join (p, 30000) == 0);
    T_MUST (brood_process_exitcode (p) == 0);
    brood_process_destroy (&p);
}

static void
s_test_who_is_who (void **state)
{
    (void) state;
    s_program (s_who);
}

// --- A handle from the parent's memory -------------------------------------

static brood_process_t *s_siblings[3];  // Runs, has ended, was not started

static int
s_look_at_siblings (void *arg)
{
    (void) arg;
    brood_process_t *runs = s_siblings[0], *ended = s_siblings[1];
    brood_process_t *fresh = s_siblings[2];
    for (int i = 0; i < 3; i++) {
        T_MUST (brood_process_join (s_siblings[i], 0) == -1 && errno == EPERM);
        T_MUST (brood_process_terminate (s_siblings[i]) == -1
                && errno == EPERM);
        T_MUST (brood_process_kill (s_siblings[i]) == -1 && errno == EPERM);
        T_MUST (brood_process_signal (s_siblings[i], 1) == -1
                && errno == EPERM);
        T_MUST (brood_process_sentinel (s_siblings[i]) == -1 && errno == EPERM);
        T_MUST (brood_process_start (s_siblings[i]) == -1 && errno == EPERM);
        T_MUST (brood_process_set_name (s_siblings[i], "x") == -1
                && errno == EPERM);
        T_MUST (brood_process_set_daemon (s_siblings[i], 1) == -1
                && errno == EPERM);
    }
    T_MUST (brood_process_is_alive (runs) == 1);
    T_MUST (brood_process_pid (runs) == s_told_of (0));
    T_MUST (brood_process_exitcode (runs) == BROOD_NO_EXITCODE);
    T_MUST (brood_process_is_alive (ended) == 0);
    T_MUST (brood_process_exitcode (ended) == 0);
    T_MUST (brood_process_is_alive (fresh) == 0);
    T_MUST (s_is (brood_process_name (fresh), "Process-3"));
    // No number of ours is closed by that.
    const int fds = t_open_fds ();
    for (int i = 0; i < 3; i++)
        brood_process_destroy (&s_siblings[i]);
    T_MUST (t_open_fds () == fds);
    return 0;
}

static void
s_inherited (void *arg)
{
    (void) arg;
    s_siblings[0] = brood_process_new (s_for_ever, NULL);
    s_siblings[1] = brood_process_new (s_return, NULL);
    s_siblings[2] = brood_process_new (s_return, NULL);
    T_MUST (brood_process_start (s_siblings[0]) == 0);
    T_MUST (brood_process_start (s_siblings[1]) == 0);
    T_MUST (brood_process_join (s_siblings[1], 20000) == 0);
    s_tell (0, brood_process_pid (s_siblings[0]));
    T_MUST (s_run (s_look_at_siblings, NULL) == 0);
    // What the child gave up is here as it was.
    T_MUST (brood_process_is_alive (s_siblings[0]) == 1);
    T_MUST (brood_process_kill (s_siblings[0]) == 0);
    T_MUST (brood_process_join (s_siblings[0], 20000) == 0);
    for (int i = 0; i < 3; i++)
        brood_process_destroy (&s_siblings[i]);
}

static void
s_test_inherited_handles (void **state)
{
    (void) state;
    s_program (s_inherited);
}

// --- Pools -----------------------------------------------------------------

BROOD_MAPPER (s_square, int, x, long, y)
{
    *y = (long) *x * *x;
    return 0;
}

static int
s_with_pool (void *arg)
{
    (void) arg;
    int in[100];
    long out[100], sum = 0;
    for (int i = 0; i < 100; i++)
        in[i] = i;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    T_MUST (brood_pool_map (pool, s_square, in, out, 100) == 0);
    for (int i = 0; i < 100; i++)
        sum += out[i];
    return sum == 328350 ? 0 : 1;
}

static void
s_pools_in_processes (void *arg)
{
    (void) arg;
    brood_process_t *p[3];
    // The parent's own is another one.
    T_MUST (s_with_pool (NULL) == 0);
    for (int i = 0; i < 3; i++) {
        p[i] = brood_process_new (s_with_pool, NULL);
        T_MUST (brood_process_start (p[i]) == 0);
    }
    for (int i = 0; i < 3; i++) {
        T_MUST (brood_process_join (p[i], 30000) == 0);
        T_MUST (brood_process_exitcode (p[i]) == 0);
        brood_process_destroy (&p[i]);
    }
}

static void
s_test_pools_in_processes (void **state)
{
    (void) state;
    s_program (s_pools_in_processes);
}

// A pool in a process in a pool.
static int
s_worker_with_process (brood_task_t *task,
                       const brood_msg_t *in,
                       brood_msg_t *out)
{
    (void) in;
    char name[32];
    brood_process_t *parent = brood_process_parent ();
    snprintf (name, sizeof name, "PoolWorker-%d", brood_task_worker (task));
    T_MUST (s_is (brood_process_name (brood_process_current ()), name));
    T_MUST (brood_process_pid (brood_process_current ()) == getpid ());
    T_MUST (s_is (brood_process_name (parent), "MainProcess"));
    T_MUST (brood_process_pid (parent) == s_told_of (0));
    T_MUST (brood_process_is_alive (parent) == 1);
    T_MUST (brood_process_join (parent, 0) == -1 && errno == ETIMEDOUT);
    const int code = s_run (s_with_pool, NULL);
    BROOD_AUTO (process) p = brood_process_new (s_return, NULL);
    snprintf (name, sizeof name, "Process-%d:2", brood_task_worker (task));
    T_MUST (s_is (brood_process_name (p), name));
    return brood_msg_pack (out, "%d", code);
}
BROOD_TASK (s_worker_with_process);

static void
s_processes_in_workers (void *arg)
{
    (void) arg;
    s_tell (0, getpid ());
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    BROOD_AUTO (msg)
    codes = brood_pool_broadcast (pool, s_worker_with_process, "nil");
    T_MUST (codes != NULL);
    int code, n = 0;
    brood_iter_t it = brood_msg_iter (codes, "");
    while (brood_iter_next (&it, "%d", &code) == 1) {
        T_MUST (code == 0);
        n++;
    }
    T_MUST (n == 2);
}

static void
s_test_processes_in_workers (void **state)
{
    (void) state;
    s_program (s_processes_in_workers);
}

static int
s_late (void *arg)
{
    (void) arg;
    usleep (100000);
    s_tell (2, 1);
    return 0;
}

static int
s_leave_process (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    brood_process_t *p = brood_process_new (s_late, NULL);
    T_MUST (brood_process_start (p) == 0);
    brood_process_destroy (&p);
    return 0;
}
BROOD_TASK (s_leave_process);

// A worker that is told to leave waits for what its tasks have started.
static void
s_workers_wait (void *arg)
{
    (void) arg;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_leave_process, "nil");
    T_MUST (brood_future_wait (f, 20000) == 0);
    T_MUST (brood_pool_close (pool) == 0);
    T_MUST (brood_pool_join (pool, 20000) == 0);
    T_MUST (s_told_of (2) == 1);
}

static void
s_test_workers_wait (void **state)
{
    (void) state;
    s_program (s_workers_wait);
}

// A task that ends its worker takes along what it had started.
static int
s_die_with_process (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    brood_process_t *p = brood_process_new (s_for_ever, NULL);
    T_MUST (brood_process_start (p) == 0);
    s_tell (3, brood_process_pid (p));
    raise (SIGKILL);
    return 0;
}
BROOD_TASK (s_die_with_process);

static int
s_is_gone (void *arg)
{
    return kill (*(pid_t *) arg, 0) < 0 && errno == ESRCH;
}

static void
s_workers_die (void *arg)
{
    (void) arg;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future)
    f = brood_pool_submit (pool, s_die_with_process, "nil");
    T_MUST (brood_future_wait (f, 20000) == 0);
    T_MUST (brood_future_error (f) != NULL);
    pid_t pid = (pid_t) s_told_of (3);
    T_MUST (pid > 0 && t_eventually (s_is_gone, &pid, 5));
}

static void
s_test_workers_die (void **state)
{
    (void) state;
    s_program (s_workers_die);
}

// --- Deep ------------------------------------------------------------------

static int
s_deeper (void *arg)
{
    int depth = *(int *) arg;
    if (depth == 0)
        return 1;
    depth--;
    const int code = s_run (s_deeper, &depth);
    return code > 0 ? code + 1 : 0;
}

static void
s_deep (void *arg)
{
    (void) arg;
    T_MUST (s_run (s_deeper, &(int){ 10 }) == 11);
}

static void
s_test_deep (void **state)
{
    (void) state;
    s_program (s_deep);
}

int
main (int argc, char **argv)
{
    (void) argc;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_who_is_who),
        cmocka_unit_test (s_test_inherited_handles),
        cmocka_unit_test (s_test_pools_in_processes),
        cmocka_unit_test (s_test_processes_in_workers),
        cmocka_unit_test (s_test_workers_wait),
        cmocka_unit_test (s_test_workers_die),
        cmocka_unit_test (s_test_deep),
    };
    t_mark (argv);
    t_watchdog (110);
    s_told = t_share (32 * sizeof *s_told);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
