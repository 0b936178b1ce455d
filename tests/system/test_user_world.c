// test_user_world.c - the program brood is used in is as it was
//
// SPDX-License-Identifier: MPL-2.0
//
// Signals, children, random numbers, environment, errno, memory: what a program
// has of its own before the first pool it has after the last, and meanwhile.
// Its output and descriptors: test_user_output.c; its own fork ():
// test_user_fork.c.

#include "t_brood.h"

#include <dirent.h>
#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <brood.h>

extern char **environ;

BROOD_MAPPER (s_double, int, x, long, y)
{
    *y = 2L * *x;
    return 0;
}

static int
s_random (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    return brood_msg_pack (out, "%ld", random () << 20 ^ lrand48 ());
}
BROOD_TASK (s_random);

static int
s_exit (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    _exit (3);
}
BROOD_TASK (s_exit);

static void
s_must (int condition, const char *what)
{
    if (condition)
        return;
    fprintf (stderr, "%s: %s, %s\n", what, strerror (errno), brood_error ());
    fflush (NULL);
    _exit (1);
}

static void
s_use (brood_pool_t *pool)
{
    enum {
        N = 100
    };
    int in[N];
    long out[N];
    for (int i = 0; i < N; i++)
        in[i] = i;
    s_must (brood_pool_map (pool, s_double, in, out, N) == 0, "map");
    for (int i = 0; i < N; i++)
        s_must (out[i] == 2 * i, "result");
    brood_msg_t *one = brood_pool_apply (pool, s_random, "nil");
    s_must (one != NULL, "apply");
    brood_msg_destroy (&one);
}

static void
s_ignore_future (brood_future_t *future, void *arg)
{
    (void) future;
    (void) arg;
}

// Everything that has a thread, a descriptor or a process behind it.
static void
s_use_all (void)
{
    brood_pool_t *pool = brood_pool_new ("local:2");
    s_must (pool != NULL, "pool");
    s_use (pool);
    brood_future_t *f = brood_pool_submit (pool, s_random, "nil");
    s_must (brood_future_then (f, s_ignore_future, NULL) == 0, "then");
    s_must (brood_future_wait (f, 20000) == 0, "wait");
    brood_future_destroy (&f);
    brood_pool_destroy (&pool);
}

// In a child that has not used brood yet; it ends with 0 if all was right.
static void
s_run (void (*fn) (void *arg))
{
    int status;
    char *said = t_run_child (fn, NULL, 80, &status);
    if (status != 0)
        fail_msg ("status %x: %s", status, said);
    free (said);
}

// --- Signals ---------------------------------------------------------------

typedef struct {
    struct sigaction actions[NSIG];
    sigset_t mask;
    struct itimerval timers[3];
} s_signals_t;

static void
s_look_at_signals (s_signals_t *ret_signals)
{
    memset (ret_signals, 0, sizeof *ret_signals);
    for (int i = 1; i < NSIG; i++)
        (void) sigaction (i, NULL, &ret_signals->actions[i]);
    sigprocmask (SIG_SETMASK, NULL, &ret_signals->mask);
    for (int i = 0; i < 3; i++)
        getitimer ((__itimer_which_t) i, &ret_signals->timers[i]);
}

// Member by member: the kernel fills the first 64 bits only.
static int
s_same_mask (const sigset_t *a, const sigset_t *b)
{
    for (int i = 1; i < NSIG; i++) {
        if (sigismember (a, i) != sigismember (b, i))
            return 0;
    }
    return 1;
}

static void
s_compare_signals (const s_signals_t *a, const s_signals_t *b)
{
    for (int i = 1; i < NSIG; i++) {
        const struct sigaction *x = &a->actions[i], *y = &b->actions[i];
        s_must (x->sa_handler == y->sa_handler && x->sa_flags == y->sa_flags,
                "an action has changed");
        s_must (s_same_mask (&x->sa_mask, &y->sa_mask), "an action's mask");
    }
    s_must (s_same_mask (&a->mask, &b->mask), "the mask has changed");
    for (int i = 0; i < 3; i++)
        s_must ((a->timers[i].it_value.tv_sec > 0)
                    == (b->timers[i].it_value.tv_sec > 0),
                "a timer");
}

static void
s_nothing (int signal_no)
{
    (void) signal_no;
}

static int
s_is_known (const long *tids, int count, long tid)
{
    for (int i = 0; i < count; i++) {
        if (tids[i] == tid)
            return 1;
    }
    return 0;
}

static int
s_threads (long *ret_tids, int max)
{
    int n = 0;
    DIR *dir = opendir ("/proc/self/task");
    struct dirent *one;
    s_must (dir != NULL, "/proc/self/task");
    while ((one = readdir (dir))) {
        if (one->d_name[0] != '.' && n < max)
            ret_tids[n++] = strtol (one->d_name, NULL, 10);
    }
    closedir (dir);
    return n;
}

// None of the program's signals may be delivered to a thread of brood's.
static int
s_blocks_all (long tid)
{
    static const int signals[] = { SIGHUP,  SIGINT,  SIGTERM, SIGCHLD,
                                   SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM };
    char path[64], line[256];
    unsigned long blocked = 0;
    snprintf (path, sizeof path, "/proc/self/task/%ld/status", tid);
    FILE *file = fopen (path, "re");
    while (file && fgets (line, sizeof line, file))
        (void) sscanf (line, "SigBlk: %lx", &blocked);
    if (file)
        fclose (file);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        if (!(blocked & 1UL << (signals[i] - 1)))
            return 0;
    }
    return 1;
}

static void
s_keep_signals (void *arg)
{
    s_signals_t before, after;
    long tids[64], old[64];
    (void) arg;
    struct sigaction action = { .sa_handler = s_nothing,
                                .sa_flags = SA_RESTART | SA_NODEFER };
    sigaddset (&action.sa_mask, SIGUSR2);
    sigaction (SIGINT, &action, NULL);
    sigaction (SIGCHLD, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction (SIGHUP, &action, NULL);
    sigset_t some;
    sigemptyset (&some);
    sigaddset (&some, SIGUSR2);
    sigaddset (&some, SIGRTMIN + 3);
    sigprocmask (SIG_BLOCK, &some, NULL);
    const struct itimerval timer = { .it_value = { .tv_sec = 1000 } };
    setitimer (ITIMER_REAL, &timer, NULL);
    s_look_at_signals (&before);

    const int old_count = s_threads (old, 64);
    s_must (brood_init (NULL, NULL) == 0, "init");
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    s_use (pool);
    s_use_all ();
    const int count = s_threads (tids, 64);
    s_must (count > old_count, "no thread to look at");
    for (int i = 0; i < count; i++)
        s_must (s_is_known (old, old_count, tids[i]) || s_blocks_all (tids[i]),
                "a thread takes signals");
    s_look_at_signals (&after);
    s_compare_signals (&before, &after);
    brood_pool_destroy (&pool);
    brood_fini ();
    s_look_at_signals (&after);
    s_compare_signals (&before, &after);
}

static void
s_test_signals (void **state)
{
    (void) state;
    s_run (s_keep_signals);
}

// --- Children --------------------------------------------------------------

enum {
    CHILDREN = 40
};

static _Atomic pid_t s_children[CHILDREN];
static atomic_int s_statuses[CHILDREN];  // One more than the status
static atomic_int s_strangers;
static atomic_int s_calls;

static void
s_note_child (pid_t pid, int status)
{
    for (int i = 0; i < CHILDREN; i++) {
        if (s_children[i] == pid) {
            atomic_store (&s_statuses[i], status + 1);
            return;
        }
    }
    atomic_fetch_add (&s_strangers, 1);
}

static void
s_reap_all (int signal_no)
{
    const int saved_errno = errno;
    int status;
    pid_t pid;
    (void) signal_no;
    atomic_fetch_add (&s_calls, 1);
    while ((pid = waitpid (-1, &status, WNOHANG)) > 0)
        s_note_child (pid, status);
    errno = saved_errno;
}

static void
s_bear (int i)
{
    sigset_t all, before;
    sigfillset (&all);
    pthread_sigmask (SIG_SETMASK, &all, &before);
    s_children[i] = fork ();
    s_must (s_children[i] >= 0, "fork");
    if (s_children[i] == 0)
        _exit (i);
    pthread_sigmask (SIG_SETMASK, &before, NULL);
}

static int
s_all_reaped (void *arg)
{
    (void) arg;
    for (int i = 0; i < CHILDREN; i++) {
        if (atomic_load (&s_statuses[i]) == 0)
            return 0;
    }
    return 1;
}

static void
s_check_statuses (void)
{
    s_must (t_eventually (s_all_reaped, NULL, 20), "a status is lost");
    for (int i = 0; i < CHILDREN; i++)
        s_must (atomic_load (&s_statuses[i]) - 1 == i << 8, "a wrong status");
}

// A worker's exit code arrives all the same.
static void
s_check_exit_code (brood_pool_t *pool)
{
    brood_error_info_t info;
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_exit, "nil");
    s_must (!brood_future_result (f, 20000) && errno == ECHILD, "ECHILD");
    brood_error_info (&info);
    s_must (info.status == 3, "exit code");
}

static void
s_sigchld_handler (void *arg)
{
    (void) arg;
    const struct sigaction action = { .sa_handler = s_reap_all };
    sigaction (SIGCHLD, &action, NULL);
    for (int i = 0; i < 10; i++)
        s_use_all ();
    // One thread, everything blocked around each fork: not even a call.
    s_must (atomic_load (&s_calls) == 0, "a SIGCHLD for nothing");
    s_must (waitpid (-1, NULL, WNOHANG) < 0 && errno == ECHILD, "a child");
    for (int i = 0; i < CHILDREN; i++) {
        s_bear (i);
        if (i % 8 == 0)
            s_use_all ();
    }
    s_check_statuses ();
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    s_check_exit_code (pool);
    s_must (waitpid (-1, NULL, WNOHANG) < 0 && errno == ECHILD, "a child");
    s_must (atomic_load (&s_strangers) == 0, "a child of ours was seen");
}

static void
s_sigchld_ignored (void *arg)
{
    (void) arg;
    const struct sigaction action = { .sa_handler = SIG_IGN };
    sigaction (SIGCHLD, &action, NULL);
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    s_use (pool);
    s_check_exit_code (pool);
    s_use_all ();
}

static atomic_int s_quit;

// Blocks in wait () whenever there is a child, as a supervisor does.
static void *
s_wait_loop (void *arg)
{
    (void) arg;
    while (!atomic_load (&s_quit)) {
        int status;
        const pid_t pid = wait (&status);
        if (pid > 0)
            s_note_child (pid, status);
        else if (errno == ECHILD)
            sched_yield ();
    }
    return NULL;
}

static void
s_waiting_thread (void *arg)
{
    pthread_t thread;
    (void) arg;
    s_must (pthread_create (&thread, NULL, s_wait_loop, NULL) == 0, "thread");
    for (int i = 0; i < CHILDREN; i++) {
        s_bear (i);
        if (i % 8 == 0)
            s_use_all ();
    }
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    s_check_exit_code (pool);
    // With a living pool, there is no child for it to block on.
    atomic_store (&s_quit, 1);
    pthread_join (thread, NULL);
    for (int i = 0; i < CHILDREN; i++) {
        // Of a child it saw before fork () had returned here.
        if (atomic_load (&s_statuses[i]) != 0)
            s_must (atomic_load (&s_statuses[i]) - 1 == i << 8, "status");
    }
    s_use (pool);
}

static void
s_test_sigchld (void **state)
{
    (void) state;
    s_run (s_sigchld_handler);
    s_run (s_sigchld_ignored);
    s_run (s_waiting_thread);
}

// --- Random numbers --------------------------------------------------------

static void
s_random_numbers (void *arg)
{
    enum {
        N = 20,
        WORKERS = 8
    };
    long wanted[N];
    (void) arg;
    srandom (42);
    srand48 (42);
    for (int i = 0; i < N; i++)
        wanted[i] = random () ^ lrand48 () << 32;
    srandom (42);
    srand48 (42);
    BROOD_AUTO (pool) pool = NULL;
    for (int i = 0; i < N; i++) {
        s_must (wanted[i] == (random () ^ lrand48 () << 32), "the sequence");
        if (i == 5)
            pool = brood_pool_new ("local:8");
        if (i == 8)
            s_use (pool);
        if (i == 10)
            s_use_all ();
    }
    BROOD_AUTO (msg) all = brood_pool_broadcast (pool, s_random, "nil");
    s_must (brood_msg_len (all, "") == WORKERS, "broadcast");
    long numbers[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        char path[16];
        snprintf (path, sizeof path, "[%d]", i);
        s_must (brood_msg_get (all, path, "%ld", &numbers[i]) == 0, "number");
        for (int j = 0; j < i; j++)
            s_must (numbers[i] != numbers[j], "two workers draw the same");
    }
}

static void
s_test_random (void **state)
{
    (void) state;
    s_run (s_random_numbers);
}

// --- Surroundings ----------------------------------------------------------

// All there is of it as one text.
static void
s_describe (char *text, size_t size)
{
    size_t at = 0;
    char cwd[512];
    for (char **i = environ; *i; i++)
        at += (size_t) snprintf (text + at, size - at, "%s\n", *i);
    const mode_t mask = umask (0);
    umask (mask);
    at += (size_t) snprintf (text + at,
                             size - at,
                             "%s %s %o %d %d %d\n",
                             setlocale (LC_ALL, NULL),
                             getcwd (cwd, sizeof cwd),
                             (unsigned) mask,
                             getpriority (PRIO_PROCESS, 0),
                             (int) getpgrp (),
                             (int) getsid (0));
    for (int i = 0; i < RLIMIT_NLIMITS; i++) {
        struct rlimit limit;
        getrlimit ((__rlimit_resource_t) i, &limit);
        at += (size_t) snprintf (text + at,
                                 size - at,
                                 "%lx %lx\n",
                                 (unsigned long) limit.rlim_cur,
                                 (unsigned long) limit.rlim_max);
    }
    s_must (at < size, "room");
}

static void
s_surroundings (void *arg)
{
    static char before[1 << 17], after[1 << 17];
    (void) arg;
    setenv ("S_MINE", "yes", 1);
    s_describe (before, sizeof before);
    s_must (brood_init (NULL, NULL) == 0, "init");
    s_use_all ();
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (
        &(brood_pool_options_t){ .spec = "local:2", .nice = 3, .pin = 1 });
    s_use (pool);
    s_describe (after, sizeof after);
    s_must (strcmp (before, after) == 0, "the surroundings");
}

static void
s_test_surroundings (void **state)
{
    (void) state;
    s_run (s_surroundings);
}

static void
s_errno (void *arg)
{
    (void) arg;
    brood_pool_t *pool = brood_pool_new ("local:2");
    brood_array_t *array = brood_array_new (BROOD_INT, 10);
    brood_msg_t *msg = brood_msg_new ("[%d]", 1);
    brood_future_t *f = brood_pool_submit (pool, s_random, "nil");
    brood_stream_t *s = brood_pool_imap (pool, s_random, BROOD_ORDERED);
    s_must (brood_stream_feed (s, "nil") == 0, "feed");
    brood_progress_t *bar = brood_progress_new ("bar", 3);
    errno = 4711;
    brood_future_destroy (&f);
    s_must (errno == 4711, "future");
    brood_stream_destroy (&s);
    s_must (errno == 4711, "stream");
    brood_pool_destroy (&pool);
    s_must (errno == 4711, "pool");
    brood_array_destroy (&array);
    brood_msg_destroy (&msg);
    brood_progress_destroy (&bar);
    s_must (errno == 4711, "plain memory");
    brood_fini ();
}

static void
s_test_errno (void **state)
{
    (void) state;
    s_run (s_errno);
}

// --- Nothing is left behind ------------------------------------------------

static long
s_resident_kb (void)
{
    char line[256];
    long kb = 0;
    FILE *file = fopen ("/proc/self/status", "re");
    while (file && fgets (line, sizeof line, file))
        (void) sscanf (line, "VmRSS: %ld kB", &kb);
    if (file)
        fclose (file);
    return kb;
}

static void
s_cycles (void *arg)
{
    enum {
        WARM = 50,
        CYCLES = 300,
        KB_MAX = T_SANITIZED ? 64 * 1024 : 4 * 1024
    };
    int fds = 0;
    long kb = 0;
    long tids[64];
    int threads = 0;
    (void) arg;
    for (int i = 0; i < CYCLES; i++) {
        brood_pool_t *pool = brood_pool_new ("local:2");
        s_must (pool != NULL, "pool");
        if (i % 3 != 0)
            s_use (pool);
        brood_pool_destroy (&pool);
        if (i != WARM)
            continue;
        fds = t_open_fds ();
        kb = s_resident_kb ();
        threads = s_threads (tids, 64);
    }
    printf ("%ld kB, then %ld\n", kb, s_resident_kb ());
    s_must (t_open_fds_fall_to (fds), "descriptors are left");
    s_must (s_resident_kb () - kb < KB_MAX, "memory is left");
    s_must (s_threads (tids, 64) == threads, "threads are left");
}

static void
s_test_cycles (void **state)
{
    (void) state;
    s_run (s_cycles);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_signals),
        cmocka_unit_test (s_test_sigchld),
        cmocka_unit_test (s_test_random),
        cmocka_unit_test (s_test_surroundings),
        cmocka_unit_test (s_test_errno),
        cmocka_unit_test (s_test_cycles),
    };
    t_watchdog (110);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
