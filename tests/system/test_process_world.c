// test_process_world.c - what the rest of the program notices of processes
//
// SPDX-License-Identifier: MPL-2.0
//
// Nothing: its children, signals, output and descriptors are as they were. And
// what a process has of its own is its own: one thread, clean descriptors.

#include "t_process.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    MANY = 100
};

static int
s_return (void *arg)
{
    return arg ? *(int *) arg : 0;
}

static int
s_raise (void *arg)
{
    raise (*(int *) arg);
    return 0;
}

static int
s_for_ever (void *arg)
{
    (void) arg;
    for (;;)
        pause ();
    return 0;
}

// --- Children and signals --------------------------------------------------

// 100 processes that end as 0, 7, -9 and -15: every code is right.
static void
s_right_codes (void)
{
    static int ends[] = { 0, 7, SIGKILL, SIGTERM };
    brood_process_t *p[MANY];
    for (int i = 0; i < MANY; i++) {
        p[i] = brood_process_new (i % 4 < 2 ? s_return : s_raise, &ends[i % 4]);
        T_MUST (brood_process_start (p[i]) == 0);
    }
    for (int i = 0; i < MANY; i++) {
        const int end = ends[i % 4];
        T_MUST (brood_process_join (p[i], 30000) == 0);
        T_MUST (brood_process_exitcode (p[i]) == (i % 4 < 2 ? end : -end));
        brood_process_destroy (&p[i]);
    }
}

static void
s_ignored (void *arg)
{
    (void) arg;
    signal (SIGCHLD, SIG_IGN);
    s_right_codes ();
}

static _Atomic int s_met;
static _Atomic int s_stop;

static void *
s_wait_for_all (void *arg)
{
    (void) arg;
    while (!atomic_load (&s_stop)) {
        int status;
        const pid_t pid = waitpid (-1, &status, 0);
        // The one that a fork takes has nothing to say.
        if (pid > 0 && status != 0)
            atomic_fetch_add (&s_met, 1);
    }
    return NULL;
}

static void
s_waited (void *arg)
{
    pthread_t thread;
    (void) arg;
    T_MUST (pthread_create (&thread, NULL, s_wait_for_all, NULL) == 0);
    s_right_codes ();
    atomic_store (&s_stop, 1);
    pthread_join (thread, NULL);
    T_MUST (atomic_load (&s_met) == 0);
}

static _Atomic int s_caught;

static void
s_catch (int signal_no)
{
    (void) signal_no;
    atomic_fetch_add (&s_caught, 1);
}

static void
s_handled (void *arg)
{
    (void) arg;
    static struct sigaction before[NSIG], after[NSIG];
    for (int i = 1; i < NSIG; i++) {
        const struct sigaction mine = { .sa_handler = s_catch };
        if (i != SIGSEGV && i != SIGBUS)
            (void) sigaction (i, &mine, NULL);
        (void) sigaction (i, NULL, &before[i]);
    }
    sigset_t mask, mask_after;
    sigemptyset (&mask);
    sigaddset (&mask, SIGUSR2);
    sigprocmask (SIG_SETMASK, &mask, NULL);
    s_right_codes ();
    T_MUST (waitpid (-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    T_MUST (atomic_load (&s_caught) == 0);
    sigprocmask (SIG_SETMASK, NULL, &mask_after);
    for (int i = 1; i < NSIG; i++) {
        (void) sigaction (i, NULL, &after[i]);
        T_MUST (after[i].sa_handler == before[i].sa_handler);
        T_MUST (sigismember (&mask, i) == sigismember (&mask_after, i));
    }
}

static void
s_test_children_and_signals (void **state)
{
    (void) state;
    t_process_alone (s_ignored);
    t_process_alone (s_waited);
    t_process_alone (s_handled);
}

// Orphans come to it, our nurseries too: they are reaped with their process.
static void
s_reaper (void *arg)
{
    (void) arg;
    T_MUST (prctl (PR_SET_CHILD_SUBREAPER, 1) == 0);
    s_right_codes ();
    T_MUST (waitpid (-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

static void
s_test_reaper (void **state)
{
    (void) state;
    t_process_alone (s_reaper);
}

// A kernel before 5.3, or a filter: the pair tells what the pidfds would.
static void
s_forbid_pidfds (void)
{
    struct sock_filter filter[] = {
        BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
        BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
        BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {
        .len = sizeof filter / sizeof *filter,
        .filter = filter,
    };
    T_MUST (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    T_MUST (prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
    T_MUST (pidfd_open (getpid (), 0) == -1 && errno == ENOSYS);
}

static int
s_parent_without_pidfds (void *arg)
{
    (void) arg;
    brood_process_t *parent = brood_process_parent ();
    T_MUST (brood_process_is_alive (parent) == 1);
    T_MUST (brood_process_join (parent, 5) == -1 && errno == ETIMEDOUT);
    T_MUST (brood_process_sentinel (parent) == -1 && errno == ENOTSUP);
    return 0;
}

static void
s_no_pidfds (void *arg)
{
    (void) arg;
    s_forbid_pidfds ();
    s_right_codes ();
    BROOD_AUTO (process) p = brood_process_new (s_for_ever, NULL);
    BROOD_AUTO (process) q = brood_process_new (s_parent_without_pidfds, NULL);
    T_MUST (brood_process_start (p) == 0);
    T_MUST (brood_process_signal (p, SIGSTOP) == 0);
    T_MUST (brood_process_signal (p, SIGCONT) == 0);
    struct pollfd one = { .fd = brood_process_sentinel (p), .events = POLLIN };
    T_MUST (poll (&one, 1, 50) == 0);
    T_MUST (brood_process_is_alive (p) == 1);
    T_MUST (brood_process_join (p, 5) == -1 && errno == ETIMEDOUT);
    T_MUST (brood_process_terminate (p) == 0);
    for (int i = 0; i < 3; i++) {
        T_MUST (poll (&one, 1, 20000) == 1);
        T_MUST (brood_process_join (p, 0) == 0);
    }
    T_MUST (brood_process_exitcode (p) == -SIGTERM);
    T_MUST (brood_process_start (q) == 0);
    T_MUST (brood_process_join (q, 20000) == 0);
    T_MUST (brood_process_exitcode (q) == 0);
}

static void
s_test_no_pidfds (void **state)
{
    (void) state;
    t_process_alone (s_no_pidfds);
    assert_int_equal (t_marked_wait (0, 20), 0);
}

// --- What it is born with --------------------------------------------------

static int
s_threads (void)
{
    DIR *dir = opendir ("/proc/self/task");
    int n = 0;
    struct dirent *one;
    T_MUST (dir != NULL);
    while ((one = readdir (dir)))
        n += one->d_name[0] != '.';
    closedir (dir);
    return n;
}

#if defined __has_feature
#if __has_feature(thread_sanitizer)
#define S_OWN_THREADS 2  // Its runtime has one
#endif
#endif
#ifndef S_OWN_THREADS
#define S_OWN_THREADS 1
#endif

static int
s_judge_birth (void *arg)
{
    const int *fds = arg;
    sigset_t mask;
    T_MUST (s_threads () <= S_OWN_THREADS);
    sigprocmask (SIG_SETMASK, NULL, &mask);
    for (int i = 1; i < SIGRTMAX; i++) {
        struct sigaction action;
        T_MUST (sigismember (&mask, i) != 1);
        if (sigaction (i, NULL, &action) == 0)
            T_MUST (action.sa_handler == SIG_DFL || i == SIGSEGV || i == SIGBUS
                    || i == SIGFPE);
    }
    // /dev/null
    char byte;
    T_MUST (read (0, &byte, 1) == 0);
    // The kept one is there, the other's number is taken, and by nothing.
    T_MUST (read (fds[0], &byte, 1) == 1 && byte == 'x');
    T_MUST (read (fds[1], &byte, 1) < 0 && errno == EBADF);
    T_MUST (fcntl (fds[1], F_GETFD) >= 0);
    T_MUST (getpgrp () == getpid ());
    T_MUST (brood_error ()[0] == '\0');
    return 0;
}

static void
s_birth (void *arg)
{
    int kept[2], other[2];
    (void) arg;
    T_MUST (pipe (kept) == 0 && pipe (other) == 0);
    T_MUST (write (kept[1], "x", 1) == 1 && write (other[1], "x", 1) == 1);
    signal (SIGUSR1, s_catch);
    signal (SIGPIPE, SIG_IGN);
    sigset_t all;
    sigfillset (&all);
    sigprocmask (SIG_SETMASK, &all, NULL);
    // Threads and sockets of the parent's stay there.
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    T_MUST (brood_pool_wait (pool, 20000) == 0);
    T_MUST (brood_process_new (NULL, NULL) == NULL);  // Leaves a text
    int fds[2] = { kept[0], other[0] };
    BROOD_AUTO (process)
    p = brood_process_new_with (s_judge_birth,
                                fds,
                                &(brood_process_options_t){
                                    .keep_fds = kept,
                                    .n_keep_fds = 1,
                                });
    T_MUST (brood_process_start (p) == 0);
    T_MUST (brood_process_join (p, 20000) == 0);
    T_MUST (brood_process_exitcode (p) == 0);
}

static void
s_test_birth (void **state)
{
    (void) state;
    t_process_alone (s_birth);
}

static int
s_read_line (void *arg)
{
    char line[100];
    (void) arg;
    return fgets (line, sizeof line, stdin) && strcmp (line, "for you\n") == 0
               ? 0
               : 1;
}

static void
s_stdin (void *arg)
{
    int fds[2];
    char line[100];
    (void) arg;
    T_MUST (pipe (fds) == 0 && dup2 (fds[0], 0) == 0);
    BROOD_AUTO (process)
    p = brood_process_new_with (
        s_read_line, NULL, &(brood_process_options_t){ .keep_stdin = 1 });
    // What the parent has read ahead is the parent's.
    T_MUST (write (fds[1], "one\ntwo\n", 8) == 8);
    T_MUST (fgets (line, sizeof line, stdin) != NULL);
    T_MUST (write (fds[1], "for you\n", 8) == 8);
    T_MUST (brood_process_start (p) == 0);
    T_MUST (brood_process_join (p, 20000) == 0);
    T_MUST (brood_process_exitcode (p) == 0);
    T_MUST (fgets (line, sizeof line, stdin) && strcmp (line, "two\n") == 0);
}

static void
s_test_stdin (void **state)
{
    (void) state;
    t_process_alone (s_stdin);
}

// It may close everything.
static int
s_close_all (void *arg)
{
    (void) arg;
    for (int fd = 0; fd < 1024; fd++)
        close (fd);
    usleep (100000);
    _exit (6);
}

static void
s_closes (void *arg)
{
    (void) arg;
    BROOD_AUTO (process) p = brood_process_new (s_close_all, NULL);
    T_MUST (brood_process_start (p) == 0);
    T_MUST (brood_process_join (p, 20000) == 0);
    T_MUST (brood_process_exitcode (p) == 6);
}

static void
s_test_closes_all (void **state)
{
    (void) state;
    t_process_alone (s_closes);
}

// --- Output ----------------------------------------------------------------

enum {
    PRINTERS = 4,
    LINES = 2000,
    WIDTH = 200
};

static int
s_print (void *arg)
{
    char line[WIDTH + 1];
    memset (line, 'a' + *(int *) arg, WIDTH);
    line[WIDTH] = '\0';
    for (int i = 0; i < LINES; i++)
        printf ("%s\n", line);
    if (*(int *) arg == 0)
        raise (SIGKILL);  // What was printed is out
    return 0;
}

static void
s_output (void *arg)
{
    brood_process_t *p[PRINTERS];
    (void) arg;
    // To be printed once, by whom it belongs to.
    for (int i = 0; i < 300; i++)
        printf ("unflushed\n");
    for (int i = 0; i < PRINTERS; i++) {
        p[i] = brood_process_new_with (
            s_print,
            &i,
            &(brood_process_options_t){ .arg_size_bytes = sizeof i });
        T_MUST (brood_process_start (p[i]) == 0);
    }
    for (int i = 0; i < PRINTERS; i++) {
        T_MUST (brood_process_join (p[i], 30000) == 0);
        brood_process_destroy (&p[i]);
    }
}

static void
s_test_output (void **state)
{
    (void) state;
    int counts[PRINTERS] = { 0 }, unflushed = 0;
    char *said = t_process_program (s_output, NULL);
    char *rest = said;
    for (char *line; (line = strsep (&rest, "\n")) != NULL;) {
        if (strcmp (line, "unflushed") == 0) {
            unflushed++;
            continue;
        }
        if (line[0] == '\0')
            continue;
        assert_int_equal (strlen (line), WIDTH);
        assert_int_equal (strspn (line, (char[]){ line[0], '\0' }), WIDTH);
        assert_in_range (line[0], 'a', 'a' + PRINTERS - 1);
        counts[line[0] - 'a']++;
    }
    assert_int_equal (unflushed, 300);
    for (int i = 0; i < PRINTERS; i++)
        assert_int_equal (counts[i], LINES);
    free (said);
}

static void
s_reader (const brood_log_line_t *line, void *arg)
{
    (void) line;
    (void) arg;
    printf ("in the wrong process\n");
}

static int
s_log (void *arg)
{
    (void) arg;
    brood_log_info ("hello");
    brood_log_debug ("not this");
    return 0;
}

static void
s_log_lines (void *arg)
{
    (void) arg;
    brood_log_set (BROOD_LOG_INFO, s_reader, NULL);
    BROOD_AUTO (process)
    p = brood_process_new_with (
        s_log, NULL, &(brood_process_options_t){ .name = "the-logger" });
    T_MUST (brood_process_start (p) == 0);
    T_MUST (brood_process_join (p, 20000) == 0);
}

// To stderr, with its name; the parent's function is not called in it.
static void
s_test_log (void **state)
{
    (void) state;
    char *said = t_process_program (s_log_lines, NULL);
    assert_non_null (strstr (said, "the-logger"));
    assert_non_null (strstr (said, "hello"));
    assert_null (strstr (said, "not this"));
    assert_null (strstr (said, "wrong process"));
    free (said);
}

// --- Limits ----------------------------------------------------------------

// As many as there is room for; then a clear error, nothing leaked, and room
// again when one has gone.
static void
s_no_descriptors (void *arg)
{
    enum {
        ROOM = 40
    };
    (void) arg;
    brood_process_t *p[ROOM] = { NULL };
    struct rlimit limit;
    int n = 0;
    getrlimit (RLIMIT_NOFILE, &limit);
    T_MUST (brood_init (NULL, NULL) == 0);
    limit.rlim_cur = (rlim_t) t_open_fds () + ROOM;
    T_MUST (setrlimit (RLIMIT_NOFILE, &limit) == 0);
    for (; n < ROOM; n++) {
        p[n] = brood_process_new (s_for_ever, NULL);
        T_MUST (p[n] != NULL);
        if (brood_process_start (p[n]) < 0)
            break;
    }
    T_MUST (n > 10 && n < ROOM && errno == EMFILE);
    T_MUST (strstr (brood_error (), "open files") != NULL);
    const int fds = t_open_fds ();
    for (int i = 0; i < 3; i++) {
        T_MUST (brood_process_start (p[n]) == -1 && errno == EMFILE);
        T_MUST (t_open_fds () == fds);
    }
    T_MUST (brood_process_kill (p[0]) == 0);
    T_MUST (brood_process_join (p[0], 20000) == 0);
    brood_process_destroy (&p[0]);
    T_MUST (brood_process_kill (p[1]) == 0);
    T_MUST (brood_process_join (p[1], 20000) == 0);
    brood_process_destroy (&p[1]);
    T_MUST (brood_process_start (p[n]) == 0);
    for (int i = 0; i <= n; i++) {
        if (p[i])
            T_MUST (brood_process_kill (p[i]) == 0);
        brood_process_destroy (&p[i]);
    }
}

static void
s_test_no_descriptors (void **state)
{
    (void) state;
    t_process_alone (s_no_descriptors);
    assert_int_equal (t_marked_wait (0, 20), 0);
}

// --- The program's own fork ------------------------------------------------

static void
s_stray (void *arg)
{
    (void) arg;
    brood_process_t *p = brood_process_new (s_for_ever, NULL);
    brood_process_t *fresh = brood_process_new (s_return, NULL);
    T_MUST (brood_process_start (p) == 0);
    const pid_t pid = fork ();
    if (pid == 0) {
        T_MUST (brood_process_start (fresh) == -1 && errno == ENOTSUP);
        T_MUST (brood_process_join (p, 0) == -1 && errno == ENOTSUP);
        T_MUST (brood_process_kill (p) == -1 && errno == ENOTSUP);
        T_MUST (brood_process_current () == NULL && errno == ENOTSUP);
        T_MUST (brood_process_new (s_return, NULL) == NULL);
        brood_process_destroy (&fresh);
        exit (0);  // Its exit is no end of ours
    }
    int status;
    T_MUST (waitpid (pid, &status, 0) == pid && status == 0);
    T_MUST (brood_process_is_alive (p) == 1);
    T_MUST (brood_process_kill (p) == 0);
    T_MUST (brood_process_join (p, 20000) == 0);
    T_MUST (brood_process_exitcode (p) == -SIGKILL);
    brood_process_destroy (&p);
    brood_process_destroy (&fresh);
}

static void
s_test_stray_fork (void **state)
{
    (void) state;
    t_process_alone (s_stray);
}

// --- Threads ---------------------------------------------------------------

// Those of the parent work on while it forks: no child is born with a lock
// that one of them held.
static void *
s_busy (void *arg)
{
    (void) arg;
    while (!atomic_load (&s_stop)) {
        brood_process_t *p = brood_process_new (s_return, NULL);
        (void) brood_process_children (NULL, 0);
        (void) brood_process_current ();
        brood_process_destroy (&p);
        // The sanitizers' malloc has locks that fork does not look after.
        usleep (200);
    }
    return NULL;
}

static int
s_use_locks (void *arg)
{
    (void) arg;
    BROOD_AUTO (process) p = brood_process_new (s_return, NULL);
    return p && brood_process_children (NULL, 0) == 0 ? 0 : 1;
}

static void *
s_start_many (void *arg)
{
    (void) arg;
    for (int i = 0; i < 25; i++) {
        BROOD_AUTO (process) p = brood_process_new (s_use_locks, NULL);
        T_MUST (brood_process_start (p) == 0);
        T_MUST (brood_process_join (p, 30000) == 0);
        T_MUST (brood_process_exitcode (p) == 0);
    }
    return NULL;
}

static void
s_threads_at_work (void *arg)
{
    pthread_t threads[4];
    (void) arg;
    for (int i = 0; i < 4; i++)
        T_MUST (pthread_create (
                    &threads[i], NULL, i < 2 ? s_busy : s_start_many, NULL)
                == 0);
    for (int i = 3; i >= 0; i--) {
        if (i == 1)
            atomic_store (&s_stop, 1);
        pthread_join (threads[i], NULL);
    }
}

static void
s_test_threads (void **state)
{
    (void) state;
    t_process_alone (s_threads_at_work);
    assert_int_equal (t_marked_wait (0, 20), 0);
}

int
main (int argc, char **argv)
{
    (void) argc;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_children_and_signals),
        cmocka_unit_test (s_test_reaper),
        cmocka_unit_test (s_test_no_pidfds),
        cmocka_unit_test (s_test_birth),
        cmocka_unit_test (s_test_stdin),
        cmocka_unit_test (s_test_closes_all),
        cmocka_unit_test (s_test_output),
        cmocka_unit_test (s_test_log),
        cmocka_unit_test (s_test_no_descriptors),
        cmocka_unit_test (s_test_stray_fork),
        cmocka_unit_test (s_test_threads),
    };
    t_mark (argv);
    t_watchdog (110);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
