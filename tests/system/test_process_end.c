// test_process_end.c - the end of a process, and of those it has started
//
// SPDX-License-Identifier: MPL-2.0
//
// Each test is a program of its own that ends in some way while its processes
// run; what they noticed is in shared memory, and that nobody is left is seen
// by the mark they carry.

#include "t_process.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    EXITING = 8,  // Set by the program when its exit begins
    DONE,         // By a process that was waited for
    SIGNALLED     // By one that got SIGTERM
};

static _Atomic long *s_told;

static int
s_is_told (void *arg)
{
    return atomic_load ((_Atomic long *) arg) != 0;
}

static void
s_await (int i)
{
    T_MUST (t_eventually (s_is_told, (void *) &s_told[i], 20));
}

static void
s_forget (void)
{
    for (int i = 0; i < 32; i++)
        atomic_store (&s_told[i], 0);
}

static void
s_exit_begins (void)
{
    atomic_store (&s_told[EXITING], 1);
}

// Ends some time after its parent has begun to.
static int
s_late (void *arg)
{
    (void) arg;
    s_await (EXITING);
    usleep (100000);
    atomic_store (&s_told[DONE], getpid ());
    return 0;
}

static int
s_for_ever (void *arg)
{
    const int i = arg ? *(int *) arg : 0;
    atomic_store (&s_told[i], getpid ());
    for (;;)
        pause ();
    return 0;
}

static void
s_on_term (int signal_no)
{
    atomic_store (&s_told[SIGNALLED], signal_no);
    _exit (0);
}

static int
s_obedient (void *arg)
{
    signal (SIGTERM, s_on_term);
    return s_for_ever (arg);
}

static int
s_stubborn (void *arg)
{
    signal (SIGTERM, SIG_IGN);
    return s_for_ever (arg);
}

// One that runs when this returns.
static brood_process_t *
s_start (brood_process_fn *run, int daemon)
{
    brood_process_t *p = brood_process_new_with (
        run, NULL, &(brood_process_options_t){ .daemon = daemon });
    T_MUST (p && brood_process_start (p) == 0);
    return p;
}

static void
s_program (void (*fn) (void *arg))
{
    s_forget ();
    t_process_alone (fn);
    assert_int_equal (t_marked_wait (0, 20), 0);
}

// --- The owner leaves main -------------------------------------------------

static void
s_leave_running (void *arg)
{
    (void) arg;
    (void) s_start (s_late, 0);
    atexit (s_exit_begins);
    exit (0);
}

static void
s_test_exit_waits (void **state)
{
    (void) state;
    s_program (s_leave_running);
    assert_true (atomic_load (&s_told[DONE]) > 0);
}

static void
s_leave_given_up (void *arg)
{
    (void) arg;
    brood_process_t *p = s_start (s_late, 0);
    brood_process_destroy (&p);
    atexit (s_exit_begins);
    exit (0);
}

static void
s_test_exit_waits_for_the_given_up (void **state)
{
    (void) state;
    s_program (s_leave_given_up);
    assert_true (atomic_load (&s_told[DONE]) > 0);
}

static void
s_leave_daemon (void *arg)
{
    (void) arg;
    (void) s_start (s_obedient, 1);
    s_await (0);
    (void) s_start (s_late, 0);
    atexit (s_exit_begins);
    exit (0);
}

// The daemon gets SIGTERM, the other is waited for.
static void
s_test_exit_ends_daemons (void **state)
{
    (void) state;
    s_program (s_leave_daemon);
    assert_int_equal (atomic_load (&s_told[SIGNALLED]), SIGTERM);
    assert_true (atomic_load (&s_told[DONE]) > 0);
}

static void
s_leave_stubborn (void *arg)
{
    (void) arg;
    (void) s_start (s_stubborn, 1);
    s_await (0);
    exit (0);
}

static void
s_test_exit_kills_stubborn_daemons (void **state)
{
    (void) state;
    s_program (s_leave_stubborn);
}

static void
s_leave_stopped (void *arg)
{
    (void) arg;
    brood_process_t *p = s_start (s_stubborn, 1);
    s_await (0);
    T_MUST (brood_process_signal (p, SIGSTOP) == 0);
    exit (0);
}

static void
s_test_exit_ends_stopped_daemons (void **state)
{
    (void) state;
    s_program (s_leave_stopped);
}

static brood_process_t *s_kept;

static void
s_fini (void *arg)
{
    (void) arg;
    brood_process_t *p = s_start (s_late, 0);
    brood_process_t *never = brood_process_new (s_late, NULL);
    atomic_store (&s_told[EXITING], 1);
    brood_fini ();
    T_MUST (atomic_load (&s_told[DONE]) == brood_process_pid (p));
    T_MUST (brood_process_start (never) == -1 && errno == ENOTSUP);
    brood_process_destroy (&never);
    brood_process_destroy (&p);
    brood_fini ();
    exit (0);
}

static void
s_test_fini_waits (void **state)
{
    (void) state;
    s_program (s_fini);
}

static void
s_keep_exit (void *arg)
{
    (void) arg;
    brood_init_with (NULL, NULL, &(brood_options_t){ .keep_exit = 1 });
    s_kept = s_start (s_for_ever, 0);
    s_await (0);
    exit (0);
}

// Nobody is waited for; it ends with its owner all the same.
static void
s_test_keep_exit (void **state)
{
    (void) state;
    s_program (s_keep_exit);
}

static void
s_handler (int signal_no)
{
    (void) signal_no;
    brood_interrupt ();
}

static void *
s_interrupter (void *arg)
{
    (void) arg;
    s_await (EXITING);
    usleep (50000);
    kill (getpid (), SIGUSR1);
    return NULL;
}

static void
s_interrupted (void *arg)
{
    pthread_t thread;
    (void) arg;
    signal (SIGUSR1, s_handler);
    (void) s_start (s_obedient, 0);
    s_await (0);
    T_MUST (pthread_create (&thread, NULL, s_interrupter, NULL) == 0);
    pthread_detach (thread);
    atexit (s_exit_begins);
    exit (0);
}

static void
s_test_exit_interrupted (void **state)
{
    (void) state;
    s_program (s_interrupted);
    assert_int_equal (atomic_load (&s_told[SIGNALLED]), SIGTERM);
}

// --- Pools are there until then --------------------------------------------

static int
s_answer (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    return brood_msg_pack (out, "%d", 42);
}
BROOD_TASK (s_answer);

static void *
s_use_pool (void *arg)
{
    s_await (EXITING);
    usleep (50000);
    brood_msg_t *answer = brood_pool_apply (arg, s_answer, "nil");
    T_MUST (answer != NULL);
    brood_msg_destroy (&answer);
    atomic_store (&s_told[0], 1);
    return NULL;
}

static int
s_wait_for_pool (void *arg)
{
    (void) arg;
    s_await (0);
    atomic_store (&s_told[DONE], 1);
    return 0;
}

static void
s_pool_meanwhile (void *arg)
{
    pthread_t thread;
    (void) arg;
    static brood_pool_t *pool;
    pool = brood_pool_new ("local:1");
    T_MUST (pool != NULL);
    (void) s_start (s_wait_for_pool, 0);
    T_MUST (pthread_create (&thread, NULL, s_use_pool, pool) == 0);
    pthread_detach (thread);
    atexit (s_exit_begins);
    exit (0);
}

static void
s_test_pools_outlive_processes (void **state)
{
    (void) state;
    s_program (s_pool_meanwhile);
    assert_int_equal (atomic_load (&s_told[DONE]), 1);
}

// --- Children leave --------------------------------------------------------

static int
s_child_returns (void *arg)
{
    (void) s_start (s_late, 0);
    (void) s_start (s_obedient, 1);
    s_await (0);
    atexit (s_exit_begins);
    if (arg)
        exit (5);
    return 5;
}

static void
s_children_leave (void *arg)
{
    BROOD_AUTO (process) p = brood_process_new (s_child_returns, arg);
    T_MUST (brood_process_start (p) == 0);
    T_MUST (brood_process_join (p, 20000) == 0);
    T_MUST (brood_process_exitcode (p) == 5);
    T_MUST (atomic_load (&s_told[DONE]) > 0);
    T_MUST (atomic_load (&s_told[SIGNALLED]) == SIGTERM);
    T_MUST (atomic_load (&s_told[EXITING]) == 1);
}

static void
s_test_children_wait_for_theirs (void **state)
{
    (void) state;
    int by_exit = 1;
    s_forget ();
    free (t_process_program (s_children_leave, NULL));
    s_forget ();
    free (t_process_program (s_children_leave, &by_exit));
    assert_int_equal (t_marked_wait (0, 20), 0);
}

static int
s_child_dies (void *arg)
{
    (void) s_start (s_for_ever, 0);
    s_await (0);
    if (arg)
        raise (SIGKILL);
    _exit (0);
}

// Before join returns, what was below it is no more.
static void
s_children_die (void *arg)
{
    BROOD_AUTO (process) p = brood_process_new (s_child_dies, arg);
    T_MUST (brood_process_start (p) == 0);
    T_MUST (brood_process_join (p, 20000) == 0);
    T_MUST (brood_process_exitcode (p) == (arg ? -SIGKILL : 0));
    T_MUST (kill ((pid_t) atomic_load (&s_told[0]), 0) < 0 && errno == ESRCH);
}

static void
s_test_children_that_die_take_theirs_along (void **state)
{
    (void) state;
    int by_signal = 1;
    s_forget ();
    free (t_process_program (s_children_die, NULL));
    s_forget ();
    free (t_process_program (s_children_die, &by_signal));
    assert_int_equal (t_marked_wait (0, 20), 0);
}

static void
s_parents_handler (void)
{
    printf ("the parent's handler\n");
}

static void
s_childs_handler (void)
{
    printf ("the child's handler, ");
}

static int
s_prints (void *arg)
{
    (void) arg;
    atexit (s_childs_handler);
    printf ("no newline, ");
    return 0;
}

static void
s_handlers (void *arg)
{
    (void) arg;
    atexit (s_parents_handler);
    brood_process_t *p = s_start (s_prints, 0);
    T_MUST (brood_process_join (p, 20000) == 0);
    // All of it is out.
    printf ("joined\n");
    brood_process_destroy (&p);
    exit (0);
}

static void
s_test_exit_handlers (void **state)
{
    (void) state;
    s_forget ();
    char *said = t_process_program (s_handlers, NULL);
    assert_string_equal (said,
                         "no newline, the child's handler, joined\n"
                         "the parent's handler\n");
    free (said);
}

// --- The owner is killed ---------------------------------------------------

static int
s_tree (void *arg)
{
    int depth = *(int *) arg;
    if (--depth == 0)
        return s_for_ever (NULL);
    BROOD_AUTO (process) left = brood_process_new (s_tree, &depth);
    BROOD_AUTO (process) right = brood_process_new (s_tree, &depth);
    T_MUST (brood_process_start (left) == 0);
    T_MUST (brood_process_start (right) == 0);
    atomic_fetch_add (&s_told[1], 2);
    (void) brood_process_join (left, -1);
    (void) brood_process_join (right, -1);
    return 0;
}

static int
s_tree_is_whole (void *arg)
{
    (void) arg;
    return atomic_load (&s_told[1]) == 6;  // Two of the first, four below them
}

static void
s_kill_owner (void *arg)
{
    int depth = 3;
    brood_process_t *p = brood_process_new (s_tree, &depth);
    T_MUST (p && brood_process_start (p) == 0);
    T_MUST (t_eventually (s_tree_is_whole, NULL, 20));
    raise (*(int *) arg);
}

static void
s_test_owner_killed (void **state)
{
    (void) state;
    static const int signals[] = { SIGKILL, SIGTERM, SIGINT };
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        int status, signal_no = signals[i];
        s_forget ();
        free (t_run_child (s_kill_owner, &signal_no, 60, &status));
        assert_true (WIFSIGNALED (status));
        assert_int_equal (WTERMSIG (status), signals[i]);
        assert_int_equal (t_marked_wait (0, 5), 0);
    }
}

// A node in the middle: its branch goes, the rest stays and hears of it.
static void
s_kill_branch (void *arg)
{
    int depth = 3;
    (void) arg;
    BROOD_AUTO (process) victim = brood_process_new (s_tree, &depth);
    BROOD_AUTO (process) other = brood_process_new (s_for_ever, &(int){ 3 });
    T_MUST (brood_process_start (victim) == 0);
    T_MUST (brood_process_start (other) == 0);
    T_MUST (t_eventually (s_tree_is_whole, NULL, 20));
    s_await (3);
    T_MUST (brood_process_kill (victim) == 0);
    T_MUST (brood_process_join (victim, 20000) == 0);
    T_MUST (brood_process_exitcode (victim) == -SIGKILL);
    // Itself, its nursery, and the one that is left.
    T_MUST (t_marked_wait (3, 5) == 0);
    T_MUST (brood_process_is_alive (other) == 1);
    T_MUST (brood_process_kill (other) == 0);
    T_MUST (brood_process_join (other, 20000) == 0);
}

static void
s_test_branch_killed (void **state)
{
    (void) state;
    s_program (s_kill_branch);
}

int
main (int argc, char **argv)
{
    (void) argc;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_exit_waits),
        cmocka_unit_test (s_test_exit_waits_for_the_given_up),
        cmocka_unit_test (s_test_exit_ends_daemons),
        cmocka_unit_test (s_test_exit_kills_stubborn_daemons),
        cmocka_unit_test (s_test_exit_ends_stopped_daemons),
        cmocka_unit_test (s_test_fini_waits),
        cmocka_unit_test (s_test_keep_exit),
        cmocka_unit_test (s_test_exit_interrupted),
        cmocka_unit_test (s_test_pools_outlive_processes),
        cmocka_unit_test (s_test_children_wait_for_theirs),
        cmocka_unit_test (s_test_children_that_die_take_theirs_along),
        cmocka_unit_test (s_test_exit_handlers),
        cmocka_unit_test (s_test_owner_killed),
        cmocka_unit_test (s_test_branch_killed),
    };
    t_mark (argv);
    t_watchdog (110);
    s_told = t_share (32 * sizeof *s_told);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
