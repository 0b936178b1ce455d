// test_nursery.c - the contract of workers/nursery.h, with real processes
//
// SPDX-License-Identifier: MPL-2.0
//
// What workers inherit is in test_nursery_child.c, their descendants are in
// test_nursery_kin.c.

#include "t_nursery.h"

#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/un.h>

static void
s_main_sleep (const brd_nursery_birth_t *birth)
{
    (void) birth;
    for (;;)
        pause ();
}

// Each number ends in its own way.
static void
s_main_ends (const brd_nursery_birth_t *birth)
{
    switch (birth->worker) {
    case 1:
        _exit (0);
    case 2:
        _exit (3);
    case 3:
        raise (SIGKILL);
        break;
    default:
        raise (SIGSEGV);
    }
}

static void
s_test_start_and_end (void **state)
{
    (void) state;
    const int fds = t_open_fds ();
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_sleep);
    assert_true (nursery.pid > 0);
    assert_int_not_equal (getpgid (nursery.pid), getpgid (0));
    assert_int_equal (getsid (nursery.pid), nursery.pid);
    t_nursery_no_children ();
    pid_t workers[20];
    for (uint32_t i = 0; i < 20; i++)
        workers[i] = t_nursery_bear (&nursery, i + 1);
    const pid_t pid = nursery.pid;
    errno = 77;
    brd_nursery_end (&nursery.fd, nursery.pid, 5000);
    assert_int_equal (errno, 77);
    t_nursery_gone (pid);
    // They were the nursery's to reap, so they are not even zombies.
    for (int i = 0; i < 20; i++)
        assert_int_equal (t_nursery_state (workers[i]), 0);
    t_nursery_end (&nursery);
    assert_int_equal (t_open_fds (), fds);
}

static void
s_test_statuses (void **state)
{
    (void) state;
    static const int statuses[] = { 0, 3 << 8, SIGKILL, SIGSEGV };
    // A core of a test is of no use, and slow.
    const struct rlimit none = { 0 };
    setrlimit (RLIMIT_CORE, &none);
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_ends);
    for (uint32_t i = 0; i < 4; i++) {
        const pid_t pid = t_nursery_bear (&nursery, i + 1);
        const brd_nursery_report_t report =
            t_nursery_expect (&nursery, BRD_NURSERY_ENDED, i + 1);
        assert_int_equal (report.status, statuses[i]);
        assert_int_equal (report.pid, pid);
        assert_int_equal (report.closed, 0);
    }
    assert_int_equal (t_nursery_children (&nursery), 0);
    t_nursery_end (&nursery);
}

static void
s_main_stop (const brd_nursery_birth_t *birth)
{
    raise (SIGSTOP);
    s_main_sleep (birth);
}

static void
s_test_stop_and_continue (void **state)
{
    (void) state;
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_stop);
    const pid_t pid = t_nursery_bear (&nursery, 7);
    t_nursery_expect (&nursery, BRD_NURSERY_STOPPED, 7);
    kill (pid, SIGCONT);
    t_nursery_expect (&nursery, BRD_NURSERY_CONTINUED, 7);
    kill (pid, SIGSTOP);
    t_nursery_expect (&nursery, BRD_NURSERY_STOPPED, 7);
    t_nursery_command (&nursery, BRD_NURSERY_KILL, 7);
    const brd_nursery_report_t report =
        t_nursery_expect (&nursery, BRD_NURSERY_ENDED, 7);
    assert_int_equal (report.status, SIGKILL);
    t_nursery_end (&nursery);
}

static void
s_main_close_all (const brd_nursery_birth_t *birth)
{
    for (int fd = 0; fd < 1024; fd++)
        close (fd);
    if (birth->worker == 2)
        _exit (5);
    s_main_sleep (birth);
}

static void
s_test_closed_descriptors (void **state)
{
    (void) state;
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_close_all);
    t_nursery_bear (&nursery, 1);
    brd_nursery_report_t report =
        t_nursery_expect (&nursery, BRD_NURSERY_ENDED, 1);
    assert_int_equal (report.status, SIGKILL);
    assert_int_equal (report.closed, 1);
    // One that goes on to die is not accused.
    t_nursery_bear (&nursery, 2);
    report = t_nursery_expect (&nursery, BRD_NURSERY_ENDED, 2);
    if (!report.closed)
        assert_int_equal (report.status, 5 << 8);
    t_nursery_end (&nursery);
}

static void
s_main_accept (const brd_nursery_birth_t *birth)
{
    t_nursery_t *nursery = birth->arg;
    struct pollfd listener = { .fd = birth->listen_fd, .events = POLLIN };
    poll (&listener, 1, -1);
    const int fd = accept (birth->listen_fd, NULL, NULL);
    t_nursery_tell (nursery, fd >= 0 ? (long) birth->worker : -1);
    s_main_sleep (birth);
}

static void
s_test_name_can_be_connected_to (void **state)
{
    (void) state;
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_accept);
    t_nursery_command (&nursery, BRD_NURSERY_START, 9);
    const brd_nursery_report_t report =
        t_nursery_expect (&nursery, BRD_NURSERY_STARTED, 9);
    assert_int_equal (strlen (report.name), 39);
    assert_memory_equal (report.name, "@brood/", 7);

    struct sockaddr_un address = { .sun_family = AF_UNIX };
    memcpy (address.sun_path + 1, report.name + 1, 38);
    const socklen_t size = offsetof (struct sockaddr_un, sun_path) + 39;
    const int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal (connect (fd, (struct sockaddr *) &address, size), 0);
    assert_int_equal (t_nursery_told (&nursery, 0), 9);
    close (fd);

    // The worker's alone: with it, the name is gone.
    t_nursery_command (&nursery, BRD_NURSERY_KILL, 9);
    t_nursery_expect (&nursery, BRD_NURSERY_ENDED, 9);
    const int again = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal (connect (again, (struct sockaddr *) &address, size), -1);
    assert_int_equal (errno, ECONNREFUSED);
    close (again);
    t_nursery_end (&nursery);
}

static void
s_test_a_number_is_used_once (void **state)
{
    (void) state;
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_sleep);
    const pid_t pid = t_nursery_bear (&nursery, 4);
    t_nursery_command (&nursery, BRD_NURSERY_START, 4);
    const brd_nursery_report_t report =
        t_nursery_expect (&nursery, BRD_NURSERY_FAILED, 4);
    assert_int_equal (report.error, EEXIST);
    t_nursery_alive (pid);
    t_nursery_command (&nursery, BRD_NURSERY_KILL, 5);  // Nobody: no answer
    t_nursery_command (&nursery, BRD_NURSERY_KILL, 4);
    t_nursery_expect (&nursery, BRD_NURSERY_ENDED, 4);
    t_nursery_bear (&nursery, 4);
    t_nursery_end (&nursery);
}

static void
s_test_garbage_is_ignored (void **state)
{
    (void) state;
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_sleep);
    assert_int_equal (send (nursery.fd, "x", 1, 0), 1);
    char bytes[500];
    memset (bytes, 0xff, sizeof bytes);
    assert_int_equal (send (nursery.fd, bytes, sizeof bytes, 0), sizeof bytes);
    t_nursery_command (&nursery, 99, 1);
    t_nursery_bear (&nursery, 1);
    t_nursery_end (&nursery);
}

// The terminal's signals and a clumsy kill are not for it.
static void
s_test_signals_do_not_reach_it (void **state)
{
    (void) state;
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_sleep);
    static const int signals[] = { SIGINT,  SIGTERM, SIGHUP,  SIGQUIT,
                                   SIGPIPE, SIGUSR1, SIGALRM, SIGTSTP };
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        assert_int_equal (kill (nursery.pid, signals[i]), 0);
    t_nursery_bear (&nursery, 1);
    t_nursery_end (&nursery);
}

// --- An owner that is slow -------------------------------------------------

static void
s_test_slow_owner_loses_no_report (void **state)
{
    (void) state;
    enum {
        N = 400
    };
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_ends);
    for (uint32_t i = 1; i <= N; i++)
        t_nursery_command (&nursery, BRD_NURSERY_START, i * 4 + 1);
    // Numbers from 4 on die of SIGSEGV; there are two reports of each.
    static char seen[N * 4 + 2];
    memset (seen, 0, sizeof seen);
    for (int i = 0; i < 2 * N; i++) {
        const brd_nursery_report_t report = t_nursery_next (&nursery);
        assert_in_range (report.worker, 5, N * 4 + 1);
        const int before = seen[report.worker]++;
        assert_int_equal (report.type,
                          before ? BRD_NURSERY_ENDED : BRD_NURSERY_STARTED);
        if (before)
            assert_int_equal (report.status, SIGSEGV);
        assert_in_range (before, 0, 1);
    }
    assert_int_equal (t_nursery_children (&nursery), 0);
    t_nursery_end (&nursery);
}

static void
s_main_tell (const brd_nursery_birth_t *birth)
{
    t_nursery_tell (birth->arg, 1);
    s_main_sleep (birth);
}

// Nothing but the room in the pair wakes the nursery here.
static void
s_test_waiting_reports_are_sent (void **state)
{
    (void) state;
    enum {
        N = 400
    };
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_tell);
    for (uint32_t i = 1; i <= N; i++)
        t_nursery_command (&nursery, BRD_NURSERY_START, i);
    (void) t_nursery_told (&nursery, N - 1);
    for (int i = 0; i < N; i++)
        assert_int_equal (t_nursery_next (&nursery).type, BRD_NURSERY_STARTED);
    t_nursery_end (&nursery);
    assert_int_equal (t_marked_wait (0, 20), 0);
}

static int
s_count_fds (pid_t pid)
{
    char command[64];
    int n = -1;
    snprintf (command, sizeof command, "ls /proc/%d/fd | wc -l", (int) pid);
    FILE *file = popen (command, "r");
    assert_non_null (file);
    assert_int_equal (fscanf (file, "%d", &n), 1);
    pclose (file);
    return n;
}

static void
s_test_cycles_leave_nothing (void **state)
{
    (void) state;
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_sleep);
    const int mine = t_open_fds ();
    const int its = s_count_fds (nursery.pid);
    for (uint32_t i = 1; i <= 1000; i++) {
        t_nursery_bear (&nursery, i);
        t_nursery_command (&nursery, BRD_NURSERY_KILL, i);
        t_nursery_expect (&nursery, BRD_NURSERY_ENDED, i);
    }
    assert_int_equal (t_open_fds (), mine);
    assert_int_equal (s_count_fds (nursery.pid), its);
    assert_int_equal (t_nursery_children (&nursery), 0);
    t_nursery_end (&nursery);
    for (int i = 0; i < 50; i++) {
        t_nursery_start (&nursery, s_main_sleep);
        t_nursery_end (&nursery);
    }
    assert_int_equal (t_open_fds (), mine - 1);
    t_nursery_no_children ();
    assert_int_equal (t_marked_wait (0, 20), 0);
}

// --- The end ---------------------------------------------------------------

static void
s_test_nursery_killed (void **state)
{
    (void) state;
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_sleep);
    for (uint32_t i = 0; i < 8; i++)
        t_nursery_bear (&nursery, i);
    kill (nursery.pid, SIGKILL);
    assert_int_equal (t_nursery_next (&nursery).type, 0);
    assert_int_equal (t_marked_wait (0, 20), 0);
    t_nursery_end (&nursery);  // Of one that is dead
}

static void
s_test_end_of_a_stopped_nursery (void **state)
{
    (void) state;
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_sleep);
    for (uint32_t i = 0; i < 8; i++)
        t_nursery_bear (&nursery, i);
    kill (nursery.pid, SIGSTOP);
    const pid_t pid = nursery.pid;
    brd_nursery_end (&nursery.fd, pid, 50);
    t_nursery_gone (pid);
    assert_int_equal (t_marked_wait (0, 20), 0);
    t_nursery_end (&nursery);  // Again: nothing
}

static int
s_is_stopped (void *arg)
{
    return t_nursery_state (*(pid_t *) arg) == 'T';
}

// What is queued when the owner leaves is not carried out first.
static void
s_test_end_with_commands_waiting (void **state)
{
    (void) state;
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_sleep);
    kill (nursery.pid, SIGSTOP);
    assert_true (t_eventually (s_is_stopped, &nursery.pid, 20));
    for (uint32_t i = 0; i < 50; i++)
        t_nursery_command (&nursery, BRD_NURSERY_START, i);
    shutdown (nursery.fd, SHUT_WR);
    kill (nursery.pid, SIGCONT);
    assert_int_equal (t_nursery_next (&nursery).type, 0);
    t_nursery_end (&nursery);
}

// A child of the program's own fork has a copy of the owner's end.
static void
s_test_end_with_a_copy_elsewhere (void **state)
{
    (void) state;
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_sleep);
    const pid_t worker = t_nursery_bear (&nursery, 1);
    const pid_t child = fork ();
    if (child == 0) {
        s_main_sleep (NULL);
        _exit (1);
    }
    t_nursery_end (&nursery);
    t_nursery_gone (worker);
    kill (child, SIGKILL);
    waitpid (child, NULL, 0);
}

static void
s_die_as_owner (void *arg)
{
    (void) arg;
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_sleep);
    for (uint32_t i = 0; i < 8; i++)
        t_nursery_bear (&nursery, i);
    // This copy of our end outlives us, so only the pidfd can tell.
    const pid_t child = fork ();
    if (child == 0) {
        setsid ();
        s_main_sleep (NULL);
    }
    printf ("%d", (int) child);
    fflush (stdout);
    raise (SIGKILL);
}

static void
s_test_owner_killed (void **state)
{
    (void) state;
    int status;
    char *output = t_run_child (s_die_as_owner, NULL, 30, &status);
    assert_true (WIFSIGNALED (status));
    assert_int_equal (WTERMSIG (status), SIGKILL);
    const pid_t child = (pid_t) strtol (output, NULL, 10);
    free (output);
    assert_true (child > 0);
    assert_int_equal (t_marked_wait (1, 20), 0);
    pid_t left = 0;
    assert_int_equal (t_marked (&left, 1), 1);
    assert_int_equal (left, child);
    kill (child, SIGKILL);
    assert_int_equal (t_marked_wait (0, 20), 0);
}

// Then the nursery comes back to it, and must not stay as a zombie.
static void
s_be_a_reaper (void *arg)
{
    const int early = *(int *) arg;
    prctl (PR_SET_CHILD_SUBREAPER, 1);
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_sleep);
    t_nursery_bear (&nursery, 1);
    if (early) {
        kill (nursery.pid, SIGKILL);
        assert_int_equal (t_nursery_next (&nursery).type, 0);
        t_nursery_gone (nursery.pid);
    }
    t_nursery_end (&nursery);
    if (early)
        while (waitpid (-1, NULL, 0) > 0)  // Its worker came to us as well
            continue;
    t_nursery_no_children ();
    printf ("done");
}

static void
s_test_owner_is_a_reaper (void **state)
{
    (void) state;
    for (int early = 0; early < 2; early++) {
        char *output = t_run_child (s_be_a_reaper, &early, 30, NULL);
        assert_string_equal (output, "done");
        free (output);
    }
}

// --- The user's world ------------------------------------------------------

static _Atomic int s_handled;

static void
s_handler (int signal_no)
{
    (void) signal_no;
    atomic_fetch_add (&s_handled, 1);
}

static pid_t
s_child_that_exits (int code)
{
    const pid_t pid = fork ();
    assert_true (pid >= 0);
    if (pid == 0)
        _exit (code);
    siginfo_t info;
    assert_int_equal (waitid (P_PID, (id_t) pid, &info, WEXITED | WNOWAIT), 0);
    return pid;
}

static void
s_start_and_end (void)
{
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_ends);
    t_nursery_bear (&nursery, 2);
    const brd_nursery_report_t report =
        t_nursery_expect (&nursery, BRD_NURSERY_ENDED, 2);
    assert_int_equal (report.status, 3 << 8);
    t_nursery_end (&nursery);
}

static void
s_test_sigchld_handler_is_not_run (void **state)
{
    (void) state;
    struct sigaction before;
    const struct sigaction mine = { .sa_handler = s_handler };
    sigaction (SIGCHLD, &mine, &before);
    atomic_store (&s_handled, 0);
    for (int i = 0; i < 20; i++)
        s_start_and_end ();
    assert_int_equal (atomic_load (&s_handled), 0);
    struct sigaction now;
    sigaction (SIGCHLD, NULL, &now);
    assert_ptr_equal (now.sa_handler, s_handler);
    const pid_t pid = s_child_that_exits (4);
    assert_int_equal (atomic_load (&s_handled), 1);
    int status;
    assert_int_equal (wait (&status), pid);
    assert_int_equal (status, 4 << 8);
    sigaction (SIGCHLD, &before, NULL);
}

// A SIGCHLD that waits to be taken, and the child it tells of, are as before.
static void
s_test_sigchld_pending_is_kept (void **state)
{
    (void) state;
    sigset_t set;
    sigset_t before;
    sigemptyset (&set);
    sigaddset (&set, SIGCHLD);
    sigprocmask (SIG_BLOCK, &set, &before);
    s_start_and_end ();
    const struct timespec at_once = { 0 };
    assert_int_equal (sigtimedwait (&set, NULL, &at_once), -1);

    const pid_t pid = s_child_that_exits (6);
    s_start_and_end ();
    siginfo_t info;
    assert_int_equal (sigtimedwait (&set, &info, &at_once), SIGCHLD);
    assert_int_equal (info.si_pid, pid);
    assert_int_equal (info.si_code, CLD_EXITED);

    // Taken, but not waited for: told again rather than not at all.
    s_start_and_end ();
    assert_int_equal (sigtimedwait (&set, &info, &at_once), SIGCHLD);
    assert_int_equal (info.si_pid, pid);
    int status;
    assert_int_equal (waitpid (-1, &status, 0), pid);
    assert_int_equal (status, 6 << 8);
    sigset_t now;
    sigprocmask (SIG_SETMASK, &before, &now);
    assert_int_equal (sigismember (&now, SIGCHLD), 1);
    assert_int_equal (sigismember (&now, SIGINT), 0);
}

static void
s_test_sigchld_ignored (void **state)
{
    (void) state;
    const struct sigaction ways[] = {
        { .sa_handler = SIG_IGN },
        { .sa_handler = s_handler, .sa_flags = SA_NOCLDWAIT },
    };
    struct sigaction before;
    sigaction (SIGCHLD, NULL, &before);
    for (int i = 0; i < 2; i++) {
        sigaction (SIGCHLD, &ways[i], NULL);
        s_start_and_end ();
        t_nursery_no_children ();
    }
    sigaction (SIGCHLD, &before, NULL);
}

static void *
s_waiter (void *arg)
{
    while (!atomic_load ((_Atomic int *) arg)) {
        if (wait (NULL) < 0)
            sched_yield ();
    }
    return NULL;
}

static void
s_test_thread_that_waits_for_all (void **state)
{
    (void) state;
    _Atomic int stop = 0;
    pthread_t thread;
    assert_int_equal (pthread_create (&thread, NULL, s_waiter, &stop), 0);
    for (int i = 0; i < 20; i++)
        s_start_and_end ();
    atomic_store (&stop, 1);
    pthread_join (thread, NULL);
}

// PDEATHSIG would end everything with the thread that made it.
static void *
s_starter (void *arg)
{
    t_nursery_start (arg, s_main_sleep);
    return NULL;
}

static void
s_test_starting_thread_may_leave (void **state)
{
    (void) state;
    t_nursery_t nursery;
    pthread_t thread;
    assert_int_equal (pthread_create (&thread, NULL, s_starter, &nursery), 0);
    pthread_join (thread, NULL);
    const pid_t pid = t_nursery_bear (&nursery, 1);
    t_nursery_bear (&nursery, 2);
    t_nursery_alive (pid);
    t_nursery_end (&nursery);
}

static void *
s_hammer (void *arg)
{
    while (!atomic_load ((_Atomic int *) arg)) {
        (void) random ();
        for (volatile int i = 0; i < 50; i++)
            continue;
    }
    return NULL;
}

// Those of no use come back to a program that is the reaper of orphans, and
// would be its zombies for ever.
static void
s_reap_useless (void *arg)
{
    pthread_t threads[2];
    _Atomic int stop = 0;
    (void) arg;
    prctl (PR_SET_CHILD_SUBREAPER, 1);
    for (int i = 0; i < 2; i++)
        pthread_create (&threads[i], NULL, s_hammer, &stop);
    for (int i = 0; i < 20; i++) {
        brd_nursery_options_t options = { .worker_main = s_main_sleep };
        pid_t pid;
        int peek;
        int fd = brd_nursery_start (&options, &pid, &peek);
        if (fd >= 0)
            brd_nursery_end (&fd, pid, -1);
    }
    atomic_store (&stop, 1);
    for (int i = 0; i < 2; i++)
        pthread_join (threads[i], NULL);
    if (waitpid (-1, NULL, WNOHANG) == -1 && errno == ECHILD)
        printf ("none");
}

static void
s_test_useless_snapshots_are_reaped (void **state)
{
    (void) state;
    char *output = t_run_child (s_reap_useless, NULL, 60, NULL);
    assert_string_equal (output, "none");
    free (output);
}

// random () has a lock that fork () does not look after. A snapshot in which it
// is held is of no use, and another one is taken.
static void
s_test_thread_inside_random (void **state)
{
    (void) state;
    _Atomic int stop = 0;
    pthread_t thread;
    assert_int_equal (pthread_create (&thread, NULL, s_hammer, &stop), 0);
    for (int i = 0; i < 20; i++)
        s_start_and_end ();
    atomic_store (&stop, 1);
    pthread_join (thread, NULL);
}

// --- Failures --------------------------------------------------------------

// One call fails, in each process on the way that gets so far.
static int
s_fail_call (long n, int error)
{
    t_nursery_t nursery;
    t_nursery_share (&nursery);
    const brd_nursery_options_t options = { .worker_main = s_main_sleep,
                                            .arg = &nursery };
    brd_fault_arm (BRD_FAULT_SYSTEM, n, error);
    nursery.fd = brd_nursery_start (&options, &nursery.pid, &nursery.peek);
    const int start_error = errno;
    brd_fault_arm (BRD_FAULT_SYSTEM, 0, 0);
    int failed = -1;
    if (nursery.fd < 0)
        assert_true (start_error == error || start_error == EAGAIN);
    else {
        t_nursery_command (&nursery, BRD_NURSERY_START, 1);
        t_nursery_command (&nursery, BRD_NURSERY_START, 2);
        failed = 0;
        int up = 0;
        while (up < 2) {
            const brd_nursery_report_t report = t_nursery_next (&nursery);
            up += report.type == BRD_NURSERY_STARTED;
            if (report.type == BRD_NURSERY_FAILED) {
                failed++;
                assert_int_equal (report.error, error);
                t_nursery_command (&nursery, BRD_NURSERY_START, report.worker);
            }
        }
    }
    t_nursery_end (&nursery);
    return failed;
}

static void
s_test_each_call_fails_once (void **state)
{
    (void) state;
    const int fds = t_open_fds ();
    int refused = 0;
    int failed = 0;
    for (long n = 1; n <= 20; n++) {
        const int result = s_fail_call (n, n % 2 ? ENOMEM : EMFILE);
        refused += result < 0;
        failed += result > 0;
        assert_int_equal (t_open_fds (), fds);
        t_nursery_no_children ();
        assert_int_equal (t_marked_wait (0, 20), 0);
    }
    assert_true (refused >= 3);  // The pair, both forks
    assert_true (failed >= 3);   // Name, pipe, fork of a worker
}

int
main (int argc, char **argv)
{
    (void) argc;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_start_and_end),
        cmocka_unit_test (s_test_statuses),
        cmocka_unit_test (s_test_stop_and_continue),
        cmocka_unit_test (s_test_closed_descriptors),
        cmocka_unit_test (s_test_name_can_be_connected_to),
        cmocka_unit_test (s_test_a_number_is_used_once),
        cmocka_unit_test (s_test_garbage_is_ignored),
        cmocka_unit_test (s_test_signals_do_not_reach_it),
        cmocka_unit_test (s_test_slow_owner_loses_no_report),
        cmocka_unit_test (s_test_waiting_reports_are_sent),
        cmocka_unit_test (s_test_cycles_leave_nothing),
        cmocka_unit_test (s_test_nursery_killed),
        cmocka_unit_test (s_test_end_of_a_stopped_nursery),
        cmocka_unit_test (s_test_end_with_commands_waiting),
        cmocka_unit_test (s_test_end_with_a_copy_elsewhere),
        cmocka_unit_test (s_test_owner_killed),
        cmocka_unit_test (s_test_owner_is_a_reaper),
        cmocka_unit_test (s_test_sigchld_handler_is_not_run),
        cmocka_unit_test (s_test_sigchld_pending_is_kept),
        cmocka_unit_test (s_test_sigchld_ignored),
        cmocka_unit_test (s_test_thread_that_waits_for_all),
        cmocka_unit_test (s_test_starting_thread_may_leave),
        cmocka_unit_test (s_test_thread_inside_random),
        cmocka_unit_test (s_test_useless_snapshots_are_reaped),
        cmocka_unit_test (s_test_each_call_fails_once),
    };
    t_mark (argv);
    t_watchdog (100);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
