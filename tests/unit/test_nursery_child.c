// test_nursery_child.c - what a worker is born with, and what not
//
// SPDX-License-Identifier: MPL-2.0

#include "t_nursery.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>

static void
s_sleep (void)
{
    for (;;)
        pause ();
}

// Starts one worker, waits until it has told n things.
static void
s_one (t_nursery_t *nursery, t_nursery_main_fn *worker_main, int n)
{
    t_nursery_start (nursery, worker_main);
    t_nursery_bear (nursery, 1);
    for (int i = 0; i < n; i++)
        (void) t_nursery_told (nursery, i);
}

// --- Birth -----------------------------------------------------------------

static void
s_main_birth (const brd_nursery_birth_t *birth)
{
    t_nursery_t *nursery = birth->arg;
    t_nursery_tell (nursery, birth->worker);
    t_nursery_tell (nursery, birth->place);
    t_nursery_tell (nursery, (long) birth->page);
    t_nursery_tell (nursery, birth->nursery);
    t_nursery_tell (nursery, getppid ());
    t_nursery_tell (nursery, getpgrp () == getpid () ? 1 : -1);
    t_nursery_tell (nursery, getsid (0));
    t_nursery_tell (nursery, (long) brd_process_role ());
    t_nursery_tell (nursery, (long) strlen (birth->name));
    s_sleep ();
}

static void
s_test_birth (void **state)
{
    (void) state;
    t_nursery_t nursery;
    s_one (&nursery, s_main_birth, 9);
    const long want[] = { 1,           1, 65537,       nursery.pid,
                          nursery.pid, 1, nursery.pid, BRD_ROLE_WORKER,
                          39 };
    for (int i = 0; i < 9; i++)
        assert_int_equal (t_nursery_told (&nursery, i), want[i]);
    t_nursery_end (&nursery);
}

static void
s_nothing (int signal_no)
{
    (void) signal_no;
}

// 1 if all is as promised, -1 - the first signal that is not.
static long
s_judge_signals (void)
{
    sigset_t mask;
    sigprocmask (SIG_SETMASK, NULL, &mask);
    for (int i = 1; i < SIGRTMAX; i++) {
        struct sigaction action;
        if (sigaction (i, NULL, &action) < 0)
            continue;  // libc's own
        if (sigismember (&mask, i) == 1)
            return -1 - i;
        if (action.sa_handler != (i == SIGPIPE ? SIG_IGN : SIG_DFL))
            return -1 - i;
    }
    return 1;
}

static void
s_main_signals (const brd_nursery_birth_t *birth)
{
    t_nursery_tell (birth->arg, s_judge_signals ());
    s_sleep ();
}

static void
s_test_signals_are_default (void **state)
{
    (void) state;
    struct sigaction before[_NSIG];
    const struct sigaction mine = { .sa_handler = s_nothing };
    for (int i = 1; i < SIGRTMAX; i++)
        if (i != SIGALRM)
            (void) sigaction (i, &mine, &before[i]);
    t_nursery_t nursery;
    s_one (&nursery, s_main_signals, 1);
    for (int i = 1; i < SIGRTMAX; i++)
        if (i != SIGALRM)
            (void) sigaction (i, &before[i], NULL);
    assert_int_equal (t_nursery_told (&nursery, 0), 1);
    t_nursery_end (&nursery);
}

static void
s_main_options (const brd_nursery_birth_t *birth)
{
    t_nursery_t *nursery = birth->arg;
    char name[16];
    cpu_set_t cpus;
    prctl (PR_GET_NAME, name);
    sched_getaffinity (0, sizeof cpus, &cpus);
    t_nursery_tell (nursery, strcmp (name, "a-title-too-l/1") == 0 ? 1 : -1);
    t_nursery_tell (nursery, getpriority (PRIO_PROCESS, 0) + 100);
    t_nursery_tell (nursery, CPU_COUNT (&cpus));
    struct rlimit files;
    getrlimit (RLIMIT_NOFILE, &files);
    t_nursery_tell (nursery, (long) files.rlim_cur);
    s_sleep ();
}

static void
s_test_options (void **state)
{
    (void) state;
    const int nice_before = getpriority (PRIO_PROCESS, 0);
    struct rlimit files;
    getrlimit (RLIMIT_NOFILE, &files);
    const struct rlimit fewer = { .rlim_cur = files.rlim_max / 2,
                                  .rlim_max = files.rlim_max };
    assert_int_equal (setrlimit (RLIMIT_NOFILE, &fewer), 0);
    brd_nursery_options_t options = { .worker_main = s_main_options,
                                      .title = "a-title-too-long-for-it",
                                      .nice = 3,
                                      .pin = 1 };
    t_nursery_t nursery;
    t_nursery_start_with (&nursery, &options);
    t_nursery_bear (&nursery, 1);
    assert_int_equal (t_nursery_told (&nursery, 0), 1);
    const int nice_now = nice_before < 17 ? nice_before + 3 : 19;
    assert_int_equal (t_nursery_told (&nursery, 1), nice_now + 100);
    assert_int_equal (t_nursery_told (&nursery, 2), 1);
    assert_int_equal (t_nursery_told (&nursery, 3), fewer.rlim_cur);
    setrlimit (RLIMIT_NOFILE, &files);
    assert_int_equal (getpriority (PRIO_PROCESS, 0), nice_before);
    t_nursery_end (&nursery);
}

// --- Descriptors -----------------------------------------------------------

enum {
    S_OTHER = 1,
    S_ROOT,
    S_NULL
};

static int
s_same_file (const struct stat *one, const char *path)
{
    struct stat two;
    return stat (path, &two) == 0 && one->st_dev == two.st_dev
           && one->st_ino == two.st_ino;
}

// Of each number below 200 that is open: number * 10 + what it is.
static void
s_main_descriptors (const brd_nursery_birth_t *birth)
{
    for (int fd = 0; fd < 200; fd++) {
        struct stat status;
        const int flags = fcntl (fd, F_GETFL);
        if (flags < 0 || fd == birth->listen_fd || fd == birth->life_fd
            || fd == birth->owner_fd)
            continue;
        int what = S_OTHER;
        if (fstat (fd, &status) == 0 && s_same_file (&status, "/dev/null"))
            what = S_NULL;
        else if ((flags & O_PATH) && s_same_file (&status, "/"))
            what = S_ROOT;
        t_nursery_tell (birth->arg, fd * 10L + what);
    }
    t_nursery_tell (birth->arg, -1);
    s_sleep ();
}

// All that the owner has open, no number more and none less; only 0 to 2 and
// the kept one are what they were.
static void
s_test_descriptors (void **state)
{
    (void) state;
    int made[6];
    assert_int_equal (pipe (made), 0);
    assert_int_equal (pipe (made + 2), 0);
    assert_int_equal (dup2 (made[0], 150), 150);
    const int input = dup (0);
    dup2 (made[0], 0);
    made[4] = socket (AF_UNIX, SOCK_STREAM, 0);
    close (made[1]);  // A hole, which is to stay one or become ours
    char open_here[200] = { 0 };
    for (int fd = 0; fd < 200; fd++)
        open_here[fd] = fcntl (fd, F_GETFD) >= 0;

    brd_nursery_options_t options = { .worker_main = s_main_descriptors,
                                      .keep_fds = &made[2],
                                      .keep_count = 1 };
    t_nursery_t nursery;
    t_nursery_start_with (&nursery, &options);
    t_nursery_bear (&nursery, 1);
    long told;
    for (int i = 0; (told = t_nursery_told (&nursery, i)) > 0; i++) {
        const long fd = told / 10;
        assert_int_equal (open_here[fd], 1);
        open_here[fd] = 0;
        if (fd == 0)
            assert_int_equal (told % 10, S_NULL);
        else if (fd > 2)
            assert_int_equal (told % 10, fd == made[2] ? S_OTHER : S_ROOT);
    }
    for (int fd = 0; fd < 200; fd++)
        assert_int_equal (open_here[fd], 0);
    // Here they are as ever.
    assert_int_equal (write (made[3], "x", 1), 1);
    assert_int_equal (read (made[2], &(char){ 0 }, 1), 1);
    t_nursery_end (&nursery);
    dup2 (input, 0);
    close (input);
    made[1] = 150;
    for (int i = 0; i < 5; i++)
        close (made[i]);
}

static FILE *s_file;

// What the owner has not flushed is not written here either, and what is
// written here goes to nobody's socket.
static void
s_main_stale_file (const brd_nursery_birth_t *birth)
{
    t_nursery_t *nursery = birth->arg;
    int fds[2];
    int reused = pipe (fds) < 0;
    reused |= fds[0] == fileno (s_file) || fds[1] == fileno (s_file);
    fputs ("from the worker", s_file);
    t_nursery_tell (nursery, !reused && fflush (s_file) == EOF ? 1 : -1);
    exit (0);
}

static void
s_test_stale_file (void **state)
{
    (void) state;
    s_file = tmpfile ();
    assert_non_null (s_file);
    fputs ("once", s_file);
    t_nursery_t nursery;
    s_one (&nursery, s_main_stale_file, 1);
    assert_int_equal (t_nursery_told (&nursery, 0), 1);
    t_nursery_expect (&nursery, BRD_NURSERY_ENDED, 1);
    t_nursery_end (&nursery);
    fflush (s_file);
    struct stat status;
    assert_int_equal (fstat (fileno (s_file), &status), 0);
    assert_int_equal (status.st_size, 4);
    fclose (s_file);
}

static void
s_main_new_fd (const brd_nursery_birth_t *birth)
{
    const int fd = open ("/", O_RDONLY | O_CLOEXEC);
    const int low = birth->listen_fd < 3 || birth->life_fd < 3 || fd < 3;
    const int closed = fcntl (0, F_GETFD) < 0 || fcntl (1, F_GETFD) < 0
                       || fcntl (2, F_GETFD) < 0;
    t_nursery_tell (birth->arg, low || closed ? -1 : 1);
    s_sleep ();
}

static void
s_no_streams (void *arg)
{
    t_nursery_t *outer = arg;
    for (int fd = 0; fd < 3; fd++)
        close (fd);
    t_nursery_t nursery;
    s_one (&nursery, s_main_new_fd, 1);
    t_nursery_tell (outer, nursery.fd > 2 ? 1 : -1);
    t_nursery_tell (outer, t_nursery_told (&nursery, 0));
    t_nursery_end (&nursery);
}

static void
s_test_owner_without_streams (void **state)
{
    (void) state;
    t_nursery_t outer;
    t_nursery_share (&outer);
    free (t_run_child (s_no_streams, &outer, 30, NULL));
    assert_int_equal (t_nursery_told (&outer, 0), 1);
    assert_int_equal (t_nursery_told (&outer, 1), 1);
    munmap (outer.shared, sizeof *outer.shared);
}

// 1 if none of its descriptors but 1 and 2 is what ours all are.
static long
s_judge_full (pid_t nursery)
{
    char ours[64] = "";
    assert_true (readlink ("/proc/self/fd/1", ours, sizeof ours - 1) > 0);
    for (int fd = 3; fd < 40; fd++) {
        char path[64];
        char its[64] = "";
        snprintf (path, sizeof path, "/proc/%d/fd/%d", (int) nursery, fd);
        if (readlink (path, its, sizeof its - 1) > 0 && strcmp (its, ours) == 0)
            return -1;
    }
    return 2;
}

// No descriptor left to look into /proc with: the numbers are tried.
static void
s_full_table (void *arg)
{
    t_nursery_t *outer = arg;
    const struct rlimit files = { .rlim_cur = 40, .rlim_max = 40 };
    setrlimit (RLIMIT_NOFILE, &files);
    int last = -1;
    int fd;
    while ((fd = dup (1)) >= 0)
        last = fd;
    int peek;
    pid_t pid;
    const brd_nursery_options_t options = { .worker_main = s_main_descriptors };
    while ((fd = brd_nursery_start (&options, &pid, &peek)) < 0) {
        t_nursery_tell (outer, errno == EMFILE ? 1 : -1);
        close (last--);
    }
    t_nursery_tell (outer, s_judge_full (pid));
    brd_nursery_end (&fd, pid, -1);
}

static void
s_test_full_table (void **state)
{
    (void) state;
    t_nursery_t outer;
    t_nursery_share (&outer);
    free (t_run_child (s_full_table, &outer, 30, NULL));
    int i = 0;
    while (t_nursery_told (&outer, i) == 1)
        i++;
    assert_in_range (i, 2, 5);
    assert_int_equal (t_nursery_told (&outer, i), 2);
    munmap (outer.shared, sizeof *outer.shared);
}

// --- Random numbers, stdio, atexit -----------------------------------------

static void
s_main_random (const brd_nursery_birth_t *birth)
{
    t_nursery_tell (birth->arg, random () + 1);
    t_nursery_tell (birth->arg, rand () + 1L);
    t_nursery_tell (birth->arg, lrand48 () + 1);
    s_sleep ();
}

static void
s_test_random_numbers_differ (void **state)
{
    (void) state;
    enum {
        N = 24
    };
    srandom (42);
    const long first = random ();
    const long second = random ();
    srandom (42);
    assert_int_equal (random (), first);
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_random);
    for (uint32_t i = 1; i <= N / 3; i++)
        t_nursery_bear (&nursery, i);
    for (int i = 0; i < N; i++)
        for (int k = 0; k < i; k++)
            assert_int_not_equal (t_nursery_told (&nursery, i),
                                  t_nursery_told (&nursery, k));
    assert_int_equal (random (), second);  // The owner's goes on
    t_nursery_end (&nursery);
}

static void
s_at_exit_of_owner (void)
{
    printf ("[owner's]");
}

static void
s_at_exit_of_worker (void)
{
    printf ("[worker's]");
}

static void
s_main_exit (const brd_nursery_birth_t *birth)
{
    (void) birth;
    atexit (s_at_exit_of_worker);
    printf ("worker ");
    exit (3);
}

// stdout is a pipe here, so nothing goes out by itself.
static void
s_owner_with_handlers (void *arg)
{
    (void) arg;
    // More than libc has room for without malloc.
    for (int i = 0; i < 40; i++)
        atexit (s_at_exit_of_owner);
    printf ("half");
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_exit);
    for (uint32_t i = 1; i <= 2; i++) {
        t_nursery_bear (&nursery, i);
        const brd_nursery_report_t report =
            t_nursery_expect (&nursery, BRD_NURSERY_ENDED, i);
        assert_int_equal (report.status, 3 << 8);
    }
    t_nursery_end (&nursery);
    exit (0);
}

static int
s_count (const char *text, const char *word)
{
    int n = 0;
    while ((text = strstr (text, word)) != NULL) {
        text += strlen (word);
        n++;
    }
    return n;
}

static void
s_test_stdio_and_exit (void **state)
{
    (void) state;
    int status;
    char *output = t_run_child (s_owner_with_handlers, NULL, 30, &status);
    assert_int_equal (status, 0);
    assert_int_equal (s_count (output, "half"), 1);
    assert_int_equal (s_count (output, "worker [worker's]"), 2);
    assert_int_equal (s_count (output, "[owner's]"), 40);
    free (output);
}

// --- The owner's memory ----------------------------------------------------

static int s_value = 1;

static void
s_main_value (const brd_nursery_birth_t *birth)
{
    t_nursery_tell (birth->arg, s_value++);
    s_sleep ();
}

// The same snapshot for the first and the last.
static void
s_test_snapshot (void **state)
{
    (void) state;
    s_value = 5;
    t_nursery_t nursery;
    s_one (&nursery, s_main_value, 1);
    s_value = 6;
    t_nursery_bear (&nursery, 2);
    assert_int_equal (t_nursery_told (&nursery, 0), 5);
    assert_int_equal (t_nursery_told (&nursery, 1), 5);
    t_nursery_end (&nursery);
}

static void
s_main_peek (const brd_nursery_birth_t *birth)
{
    int value = 0;
    const struct iovec here = { .iov_base = &value, .iov_len = sizeof value };
    const struct iovec there = { .iov_base = &s_value,
                                 .iov_len = sizeof s_value };
    const pid_t owner = (pid_t) t_nursery_told (birth->arg, 0);
    const int ok = process_vm_readv (owner, &here, 1, &there, 1, 0)
                       == (ssize_t) sizeof value
                   && value == s_value;
    t_nursery_tell (birth->arg, ok ? 2 : 1);
    s_sleep ();
}

static void
s_test_peek_is_true (void **state)
{
    (void) state;
    t_nursery_t nursery;
    t_nursery_start (&nursery, s_main_peek);
    t_nursery_tell (&nursery, getpid ());
    t_nursery_bear (&nursery, 1);
    assert_int_equal (t_nursery_told (&nursery, 1), nursery.peek ? 2 : 1);
    t_nursery_end (&nursery);
}

int
main (int argc, char **argv)
{
    (void) argc;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_birth),
        cmocka_unit_test (s_test_signals_are_default),
        cmocka_unit_test (s_test_options),
        cmocka_unit_test (s_test_descriptors),
        cmocka_unit_test (s_test_stale_file),
        cmocka_unit_test (s_test_owner_without_streams),
        cmocka_unit_test (s_test_full_table),
        cmocka_unit_test (s_test_random_numbers_differ),
        cmocka_unit_test (s_test_stdio_and_exit),
        cmocka_unit_test (s_test_snapshot),
        cmocka_unit_test (s_test_peek_is_true),
    };
    t_mark (argv);
    t_watchdog (100);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
