// test_nursery_once.c - the nursery of a single process
//
// SPDX-License-Identifier: MPL-2.0

#include "t_nursery.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/pidfd.h>
#include <sys/resource.h>

static void
s_start (t_nursery_t *nursery,
         t_nursery_main_fn *worker_main,
         const brd_nursery_once_t *once)
{
    brd_nursery_options_t options = { .worker_main = worker_main,
                                      .title = "brood-test",
                                      .once = once };
    t_nursery_start_with (nursery, &options);
}

static void
s_main_sleep (const brd_nursery_birth_t *birth)
{
    (void) birth;
    for (;;)
        pause ();
}

// The nursery goes by itself: its end of the pair is closed after the last
// report, and its pidfd is readable no sooner.
static void
s_goes_alone (t_nursery_t *nursery, int watch)
{
    struct pollfd one = { .fd = watch, .events = POLLIN };
    assert_int_equal (poll (&one, 1, 20000), 1);
    assert_int_equal (t_nursery_next (nursery).type, 0);
    close (watch);
    t_nursery_end (nursery);
}

static void
s_main_exit (const brd_nursery_birth_t *birth)
{
    t_nursery_t *nursery = birth->arg;
    t_nursery_tell (nursery, birth->once && birth->listen_fd < 0 ? 1 : -1);
    t_nursery_tell (nursery, birth->name[0] == '\0' ? 1 : -1);
    t_nursery_tell (nursery, brd_nursery_birth () == birth ? 1 : -1);
    t_nursery_tell (nursery, birth->owner);
    t_nursery_tell (nursery, fcntl (birth->owner_fd, F_GETFD));
    _exit (42);
}

static void
s_test_one_and_gone (void **state)
{
    (void) state;
    t_nursery_t nursery;
    const brd_nursery_once_t once = { 0 };
    s_start (&nursery, s_main_exit, &once);
    const int watch = brd_nursery_watch (nursery.fd, nursery.pid);
    assert_true (watch >= 0);
    t_nursery_command (&nursery, BRD_NURSERY_START, 1);
    const brd_nursery_report_t born =
        t_nursery_expect (&nursery, BRD_NURSERY_STARTED, 1);
    const brd_nursery_report_t ended =
        t_nursery_expect (&nursery, BRD_NURSERY_ENDED, 1);
    assert_int_equal (ended.status, 42 << 8);
    assert_int_equal (ended.pid, born.pid);
    for (int i = 0; i < 3; i++)
        assert_int_equal (t_nursery_told (&nursery, i), 1);
    assert_int_equal (t_nursery_told (&nursery, 3), getpid ());
    assert_int_equal (t_nursery_told (&nursery, 4), FD_CLOEXEC);
    assert_null (brd_nursery_birth ());
    s_goes_alone (&nursery, watch);
    t_nursery_no_children ();
}

static void
s_test_only_one (void **state)
{
    (void) state;
    t_nursery_t nursery;
    const brd_nursery_once_t once = { 0 };
    s_start (&nursery, s_main_sleep, &once);
    t_nursery_bear (&nursery, 1);
    t_nursery_command (&nursery, BRD_NURSERY_START, 2);
    const brd_nursery_report_t report =
        t_nursery_expect (&nursery, BRD_NURSERY_FAILED, 2);
    assert_int_equal (report.error, EEXIST);
    assert_int_equal (t_nursery_children (&nursery), 1);
    t_nursery_end (&nursery);
}

// Stopping and continuing are not told: the next report is the end.
static void
s_test_signals (void **state)
{
    (void) state;
    t_nursery_t nursery;
    const brd_nursery_once_t once = { 0 };
    s_start (&nursery, s_main_sleep, &once);
    const pid_t pid = t_nursery_bear (&nursery, 1);
    static const uint32_t signals[] = { SIGSTOP, SIGCONT, SIGSTOP, SIGCONT };
    for (int i = 0; i < 4; i++) {
        const brd_nursery_command_t command = { .type = BRD_NURSERY_SIGNAL,
                                                .worker = 1,
                                                .signal = signals[i] };
        assert_int_equal (send (nursery.fd, &command, sizeof command, 0),
                          sizeof command);
    }
    const brd_nursery_command_t command = { .type = BRD_NURSERY_SIGNAL,
                                            .worker = 1,
                                            .signal = SIGUSR1 };
    assert_int_equal (send (nursery.fd, &command, sizeof command, 0),
                      sizeof command);
    const brd_nursery_report_t report =
        t_nursery_expect (&nursery, BRD_NURSERY_ENDED, 1);
    assert_int_equal (report.status, SIGUSR1);
    assert_int_equal (report.pid, pid);
    t_nursery_end (&nursery);
}

// It may close what it likes.
static void
s_main_close (const brd_nursery_birth_t *birth)
{
    for (int fd = 0; fd < 1024; fd++)
        close (fd);
    t_nursery_tell (birth->arg, 1);
    // Longer than a worker would be given.
    usleep (100000);
    _exit (7);
}

static void
s_test_closed_descriptors (void **state)
{
    (void) state;
    t_nursery_t nursery;
    const brd_nursery_once_t once = { 0 };
    s_start (&nursery, s_main_close, &once);
    t_nursery_bear (&nursery, 1);
    const brd_nursery_report_t report =
        t_nursery_expect (&nursery, BRD_NURSERY_ENDED, 1);
    assert_int_equal (report.status, 7 << 8);
    t_nursery_end (&nursery);
}

// In a session of its own, and left behind.
static void
s_main_kin (const brd_nursery_birth_t *birth)
{
    const pid_t pid = fork ();
    if (pid == 0) {
        setsid ();
        t_nursery_tell (birth->arg, getpid ());
        s_main_sleep (birth);
    }
    t_nursery_told (birth->arg, 0);
    _exit (0);
}

static void
s_test_kin_goes_first (void **state)
{
    (void) state;
    t_nursery_t nursery;
    const brd_nursery_once_t once = { 0 };
    s_start (&nursery, s_main_kin, &once);
    const int watch = brd_nursery_watch (nursery.fd, nursery.pid);
    t_nursery_bear (&nursery, 1);
    t_nursery_expect (&nursery, BRD_NURSERY_ENDED, 1);
    const pid_t kin = (pid_t) t_nursery_told (&nursery, 0);
    struct pollfd one = { .fd = watch, .events = POLLIN };
    assert_int_equal (poll (&one, 1, 20000), 1);
    assert_int_equal (t_nursery_state (kin), 0);
    s_goes_alone (&nursery, watch);
}

// --- What it is to be like -------------------------------------------------

static void
s_main_wishes (const brd_nursery_birth_t *birth)
{
    t_nursery_t *nursery = birth->arg;
    char path[100];
    struct rlimit limit;
    cpu_set_t cpus;
    getrlimit (RLIMIT_NOFILE, &limit);
    sched_getaffinity (0, sizeof cpus, &cpus);
    const char *value = getenv ("T_ONCE");
    t_nursery_tell (nursery, value && strcmp (value, "yes") == 0 ? 1 : -1);
    t_nursery_tell (nursery, getenv ("PATH") ? -1 : 1);
    t_nursery_tell (nursery, strcmp (getcwd (path, sizeof path), "/") ? -1 : 1);
    t_nursery_tell (nursery, limit.rlim_cur == 77 ? 1 : -1);
    t_nursery_tell (nursery, limit.rlim_max == 99 ? 1 : -1);
    t_nursery_tell (nursery, CPU_COUNT (&cpus) == 1 ? 1 : -1);
    t_nursery_tell (nursery, getpriority (PRIO_PROCESS, 0) == 5 ? 1 : -1);
    struct sigaction action;
    sigaction (SIGPIPE, NULL, &action);
    t_nursery_tell (nursery, action.sa_handler == SIG_DFL ? 1 : -1);
    t_nursery_tell (nursery, read (0, path, 1) == 1 && path[0] == 'x' ? 1 : -1);
    _exit (0);
}

// The first processor we may use, plus one.
static int
s_cpu (void)
{
    cpu_set_t cpus;
    sched_getaffinity (0, sizeof cpus, &cpus);
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET ((size_t) i, &cpus))
            return i + 1;
    }
    return 0;
}

static void
s_test_wishes (void **state)
{
    (void) state;
    t_nursery_t nursery;
    char *env[] = { (char[]){ "T_ONCE=yes" }, NULL };
    const brood_rlimit_t limit = { RLIMIT_NOFILE, 77, 99 };
    const brd_nursery_once_t once = {
        .cwd = "/",
        .env = env,
        .rlimits = &limit,
        .n_rlimits = 1,
        .nice = 5 - getpriority (PRIO_PROCESS, 0),
        .cpu = s_cpu (),
        .keep_stdin = 1,
    };
    int fds[2];
    const int input = dup (0);
    assert_int_equal (pipe (fds), 0);
    assert_int_equal (write (fds[1], "x", 1), 1);
    dup2 (fds[0], 0);
    s_start (&nursery, s_main_wishes, &once);
    t_nursery_bear (&nursery, 1);
    for (int i = 0; i < 9; i++)
        assert_int_equal (t_nursery_told (&nursery, i), 1);
    t_nursery_end (&nursery);
    dup2 (input, 0);
    close (input);
    close (fds[0]);
    close (fds[1]);
}

static void
s_test_wishes_that_fail (void **state)
{
    (void) state;
    const brood_rlimit_t limit = { RLIMIT_NOFILE, UINT64_MAX, UINT64_MAX };
    const struct {
        brd_nursery_once_t once;
        int wish;
        int error;
    } tries[] = {
        { { .cwd = "/nowhere/at/all" }, BRD_NURSERY_WISH_CWD, ENOENT },
        { { .rlimits = &limit, .n_rlimits = 1 },
          BRD_NURSERY_WISH_RLIMIT,
          EPERM },
        { { .cpu = 65536 }, BRD_NURSERY_WISH_CPU, EINVAL },
        { { .cpu = 65537 }, BRD_NURSERY_WISH_CPU, EINVAL },
    };
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        t_nursery_t nursery;
        s_start (&nursery, s_main_exit, &tries[i].once);
        const int watch = brd_nursery_watch (nursery.fd, nursery.pid);
        t_nursery_command (&nursery, BRD_NURSERY_START, 1);
        const brd_nursery_report_t report =
            t_nursery_expect (&nursery, BRD_NURSERY_FAILED, 1);
        assert_int_equal (report.wish, tries[i].wish);
        assert_int_equal (report.error, tries[i].error);
        t_nursery_expect (&nursery, BRD_NURSERY_ENDED, 1);
        // The user's function never ran.
        assert_int_equal (atomic_load (&nursery.shared->count), 0);
        s_goes_alone (&nursery, watch);
    }
}

// --- Watching --------------------------------------------------------------

static void
s_test_watch_of_the_dead (void **state)
{
    (void) state;
    t_nursery_t nursery;
    const brd_nursery_once_t once = { 0 };
    s_start (&nursery, s_main_sleep, &once);
    kill (nursery.pid, SIGKILL);
    struct pollfd pair = { .fd = nursery.fd };
    assert_int_equal (poll (&pair, 1, 20000), 1);
    assert_true ((pair.revents & POLLHUP) != 0);
    errno = 0;
    assert_int_equal (brd_nursery_watch (nursery.fd, nursery.pid), -1);
    // Whether its number is still there or not.
    assert_true (errno == ECONNRESET || errno == ESRCH);
    t_nursery_end (&nursery);
}

int
main (int argc, char **argv)
{
    (void) argc;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_one_and_gone),
        cmocka_unit_test (s_test_only_one),
        cmocka_unit_test (s_test_signals),
        cmocka_unit_test (s_test_closed_descriptors),
        cmocka_unit_test (s_test_kin_goes_first),
        cmocka_unit_test (s_test_wishes),
        cmocka_unit_test (s_test_wishes_that_fail),
        cmocka_unit_test (s_test_watch_of_the_dead),
    };
    t_mark (argv);
    t_watchdog (100);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
