// test_process.c - the life of a process: start, join, signals, names
//
// SPDX-License-Identifier: MPL-2.0
//
// What it is to be like: test_process_options.c. Its end together with its
// parent's: test_process_end.c. Processes in processes and pools:
// test_process_nested.c. What the rest of the program notices:
// test_process_world.c.

#include "t_process.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

// What children tell.
static struct {
    _Atomic long told[64];
} * s_shared;

static void
s_tell (int i, long what)
{
    atomic_store (&s_shared->told[i], what);
}

static long
s_told (int i)
{
    return atomic_load (&s_shared->told[i]);
}

static int
s_is_told (void *arg)
{
    return atomic_load ((_Atomic long *) arg) != 0;
}

static void
s_await_told (int i)
{
    assert_true (t_eventually (s_is_told, &s_shared->told[i], 20));
}

static void
s_forget (void)
{
    memset (s_shared, 0, sizeof *s_shared);
}

static int
s_return (void *arg)
{
    return *(int *) arg;
}

static int
s_exit (void *arg)
{
    exit (*(int *) arg);
}

static int
s_raise (void *arg)
{
    signal (*(int *) arg, SIG_DFL);
    raise (*(int *) arg);
    return 0;
}

static int
s_sleep (void *arg)
{
    (void) arg;
    s_tell (0, getpid ());
    for (;;)
        pause ();
    return 0;
}

// Runs it to its end.
static int
s_run (brood_process_fn *run, void *arg)
{
    BROOD_AUTO (process) p = brood_process_new (run, arg);
    assert_int_equal (brood_process_start (p), 0);
    assert_int_equal (brood_process_join (p, 20000), 0);
    return brood_process_exitcode (p);
}

// --- Codes -----------------------------------------------------------------

static void *
s_leave_thread (void *arg)
{
    (void) arg;
    for (;;)
        pause ();
    return NULL;
}

static int
s_thread_exit (void *arg)
{
    pthread_t thread;
    (void) arg;
    assert_int_equal (pthread_create (&thread, NULL, s_leave_thread, NULL), 0);
    pthread_exit (NULL);
}

static int
s_exec (void *arg)
{
    (void) arg;
    execlp ("sh", "sh", "-c", "exit 9", (char *) NULL);
    return 127;
}

static void
s_test_exit_codes (void **state)
{
    (void) state;
    static const int codes[] = { 0, 1, 7, 128, 255, 256 + 9, -1 };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        int code = codes[i];
        assert_int_equal (s_run (s_return, &code), codes[i] & 255);
        assert_int_equal (s_run (s_exit, &code), codes[i] & 255);
    }
    static const int signals[] = { SIGTERM, SIGKILL, SIGUSR1, SIGPIPE };
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        int signal_no = signals[i];
        assert_int_equal (s_run (s_raise, &signal_no), -signals[i]);
    }
    assert_int_equal (s_run (s_thread_exit, NULL), 0);
    assert_int_equal (s_run (s_exec, NULL), 9);
}

static void
s_test_states (void **state)
{
    (void) state;
    s_forget ();
    BROOD_AUTO (process) p = brood_process_new (s_sleep, NULL);
    assert_non_null (p);
    assert_int_equal (brood_process_is_alive (p), 0);
    assert_int_equal (brood_process_pid (p), 0);
    assert_int_equal (brood_process_exitcode (p), BROOD_NO_EXITCODE);
    errno = 0;
    assert_int_equal (brood_process_join (p, 0), -1);
    assert_int_equal (errno, ECHILD);
    assert_int_equal (brood_process_terminate (p), -1);
    assert_int_equal (errno, ECHILD);
    errno = 0;
    assert_int_equal (brood_process_sentinel (p), -1);
    assert_int_equal (errno, ECHILD);

    assert_int_equal (brood_process_start (p), 0);
    assert_int_equal (brood_process_is_alive (p), 1);
    assert_int_equal (brood_process_exitcode (p), BROOD_NO_EXITCODE);
    assert_int_equal (brood_process_start (p), -1);
    assert_int_equal (errno, EBUSY);
    errno = 0;
    assert_int_equal (brood_process_join (p, 0), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (brood_process_join (p, 5), -1);
    assert_int_equal (errno, ETIMEDOUT);
    s_await_told (0);
    assert_int_equal (brood_process_pid (p), s_told (0));
    assert_int_not_equal (brood_process_pid (p), getpid ());

    assert_int_equal (brood_process_terminate (p), 0);
    assert_int_equal (brood_process_join (p, -1), 0);
    assert_int_equal (brood_process_exitcode (p), -SIGTERM);
    assert_int_equal (brood_process_is_alive (p), 0);
    assert_int_equal (brood_process_pid (p), s_told (0));
    for (int i = 0; i < 3; i++)
        assert_int_equal (brood_process_join (p, 0), 0);
    assert_int_equal (brood_process_start (p), -1);
    assert_int_equal (errno, EBUSY);
    // Nothing happens to one that has ended.
    assert_int_equal (brood_process_terminate (p), 0);
    assert_int_equal (brood_process_kill (p), 0);
    assert_int_equal (brood_process_signal (p, SIGUSR1), 0);
    assert_int_equal (brood_process_exitcode (p), -SIGTERM);
}

static void
s_test_bad_calls (void **state)
{
    (void) state;
    int reserved = 0;
    brood_process_options_t options = { 0 };
    options.reserved_[3] = 1;
    assert_null (brood_process_new_with (s_return, &reserved, &options));
    assert_int_equal (errno, EINVAL);
    assert_null (brood_process_new (NULL, NULL));
    assert_int_equal (errno, EINVAL);
    assert_null (brood_process_new_with (
        s_return, NULL, &(brood_process_options_t){ .arg_size_bytes = 4 }));
    assert_int_equal (errno, EINVAL);
    char name[BROOD_NAME_SIZE + 1];
    memset (name, 'x', sizeof name);
    name[BROOD_NAME_SIZE] = '\0';
    assert_null (brood_process_new_with (
        s_return, NULL, &(brood_process_options_t){ .name = name }));
    assert_int_equal (errno, EINVAL);
    assert_null (brood_process_new_with (
        s_return, NULL, &(brood_process_options_t){ .name = "" }));
    assert_int_equal (errno, EINVAL);
    const brood_rlimit_t locks = { RLIMIT_LOCKS, 1, 1 };
    assert_null (brood_process_new_with (
        s_return,
        NULL,
        &(brood_process_options_t){ .rlimits = &locks, .n_rlimits = 1 }));
    assert_int_equal (errno, EINVAL);
    const brood_rlimit_t crossed = { RLIMIT_CORE, 2, 1 };
    assert_null (brood_process_new_with (
        s_return,
        NULL,
        &(brood_process_options_t){ .rlimits = &crossed, .n_rlimits = 1 }));
    assert_int_equal (errno, EINVAL);

    BROOD_AUTO (process) p = brood_process_new (s_return, NULL);
    assert_int_equal (brood_process_signal (p, 0), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_process_signal (p, 65), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_process_join (p, -2), -1);
    assert_int_equal (errno, EINVAL);
    name[BROOD_NAME_SIZE] = '\0';
    assert_int_equal (brood_process_set_name (p, name), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_process_pid (NULL), -1);
    assert_int_equal (brood_process_exitcode (NULL), BROOD_NO_EXITCODE);
    assert_int_equal (brood_process_is_alive (NULL), -1);
    brood_process_destroy (NULL);
    brood_process_destroy (&(brood_process_t *){ NULL });
}

// --- Arguments -------------------------------------------------------------

static int s_variable = 1;

static int
s_isolated (void *arg)
{
    s_tell (0, ++s_variable);
    s_tell (1, ++*(int *) arg);
    return 0;
}

// It sees what there is at start, and neither sees the other's changes.
static void
s_test_memory_is_a_copy (void **state)
{
    (void) state;
    s_forget ();
    int lent = 10;
    BROOD_AUTO (process) p = brood_process_new (s_isolated, &lent);
    s_variable = 5;
    lent = 20;
    assert_int_equal (brood_process_start (p), 0);
    assert_int_equal (brood_process_join (p, 20000), 0);
    assert_int_equal (s_told (0), 6);
    assert_int_equal (s_told (1), 21);
    assert_int_equal (s_variable, 5);
    assert_int_equal (lent, 20);
}

static void
s_test_copied_argument (void **state)
{
    (void) state;
    brood_process_t *p[3];
    for (int i = 0; i < 3; i++)
        p[i] = brood_process_new_with (
            s_return,
            &i,
            &(brood_process_options_t){ .arg_size_bytes = sizeof i });
    *(int *) brood_process_self (p[2]) = 77;
    for (int i = 0; i < 3; i++) {
        assert_int_equal (brood_process_start (p[i]), 0);
        assert_int_equal (brood_process_join (p[i], 20000), 0);
        assert_int_equal (brood_process_exitcode (p[i]), i == 2 ? 77 : i);
        brood_process_destroy (&p[i]);
        assert_null (p[i]);
    }
}

typedef struct {
    int x, y;
} Clock;

BROOD_PROCESS (Clock, self)
{
    s_tell (0,
            strcmp (brood_process_name (brood_process_current ()), "Clock-2")
                ? -1
                : 1);
    return self->x * 10 + self->y;
}

static void
s_classes (void *arg)
{
    (void) arg;
    Clock clock = { 4, 2 };
    BROOD_AUTO (process) zero = brood_process_new_of (Clock, NULL);
    BROOD_AUTO (process) p = brood_process_new_of (Clock, &clock);
    BROOD_AUTO (process) other = brood_process_new (s_return, NULL);
    clock.x = 0;
    T_MUST (strcmp (brood_process_name (zero), "Clock-1") == 0);
    T_MUST (strcmp (brood_process_name (p), "Clock-2") == 0);
    T_MUST (strcmp (brood_process_name (other), "Process-3") == 0);
    T_MUST (((Clock *) brood_process_self (p))->x == 4);
    T_MUST (((Clock *) brood_process_self (zero))->x == 0);
    T_MUST (brood_process_start (p) == 0);
    T_MUST (brood_process_join (p, 20000) == 0);
    T_MUST (brood_process_exitcode (p) == 42);
    T_MUST (s_told (0) == 1);
    T_MUST (
        strcmp (brood_process_repr (p), "<Clock(Clock-2, stopped exitcode=42)>")
        == 0);
}

static void
s_test_classes (void **state)
{
    (void) state;
    s_forget ();
    t_process_alone (s_classes);
}

// --- Names -----------------------------------------------------------------

static int
s_names (void *arg)
{
    char comm[32];
    const char *name = brood_process_name (brood_process_current ());
    t_proc_line (getpid (), "comm", comm, sizeof comm);
    s_tell (0, strcmp (name, arg) == 0 ? 1 : -1);
    s_tell (1, strncmp (name, comm, 15) == 0 ? 1 : -1);
    s_tell (2, brood_process_set_name (brood_process_current (), "renamed"));
    t_proc_line (getpid (), "comm", comm, sizeof comm);
    s_tell (3, strcmp (comm, "renamed") == 0 ? 1 : -1);
    name = brood_process_name (brood_process_current ());
    s_tell (4, strcmp (name, "renamed") == 0 ? 1 : -1);
    s_tell (5, brood_process_pid (brood_process_current ()) == getpid ());
    s_tell (6, brood_process_is_alive (brood_process_current ()));
    return 0;
}

static void
s_test_names (void **state)
{
    (void) state;
    s_forget ();
    char name[] = "a name that is longer than ps can show";
    BROOD_AUTO (process)
    p = brood_process_new_with (
        s_names, name, &(brood_process_options_t){ .name = "first" });
    assert_string_equal (brood_process_name (p), "first");
    assert_int_equal (brood_process_set_name (p, name), 0);
    assert_int_equal (brood_process_start (p), 0);
    assert_int_equal (brood_process_set_name (p, "no"), -1);
    assert_int_equal (errno, EBUSY);
    assert_int_equal (brood_process_set_daemon (p, 1), -1);
    assert_int_equal (errno, EBUSY);
    assert_int_equal (brood_process_join (p, 20000), 0);
    for (int i = 0; i < 7; i++)
        assert_int_equal (s_told (i), i == 2 ? 0 : 1);
    assert_string_equal (brood_process_name (p), name);
}

static void
s_main_process (void *arg)
{
    (void) arg;
    brood_process_t *current = brood_process_current ();
    T_MUST (strcmp (brood_process_name (current), "MainProcess") == 0);
    T_MUST (brood_process_pid (current) == getpid ());
    T_MUST (brood_process_is_alive (current) == 1);
    T_MUST (brood_process_daemon (current) == 0);
    T_MUST (brood_process_join (current, 0) == -1);
    T_MUST (errno == EPERM);
    T_MUST (brood_process_kill (current) == -1);
    T_MUST (errno == EPERM);
    T_MUST (
        strcmp (brood_process_repr (current), "<Process(MainProcess, started)>")
        == 0);
    errno = 0;
    T_MUST (!brood_process_parent ());
    T_MUST (errno == ESRCH);
    brood_process_t *gone = current;
    brood_process_destroy (&gone);
    T_MUST (brood_process_current () == current);
    // The second object is the second, whatever the first is called.
    BROOD_AUTO (process)
    named = brood_process_new_with (
        s_return, NULL, &(brood_process_options_t){ .name = "myFunc" });
    BROOD_AUTO (process) second = brood_process_new (s_return, NULL);
    T_MUST (strcmp (brood_process_name (second), "Process-2") == 0);
}

static void
s_test_main_process (void **state)
{
    (void) state;
    s_forget ();
    t_process_alone (s_main_process);
}

static void
s_test_repr (void **state)
{
    (void) state;
    s_forget ();
    BROOD_AUTO (process)
    p = brood_process_new_with (
        s_sleep, NULL, &(brood_process_options_t){ .name = "it", .daemon = 1 });
    assert_int_equal (brood_process_daemon (p), 1);
    assert_string_equal (brood_process_repr (p),
                         "<Process(it, initial daemon)>");
    assert_int_equal (brood_process_set_daemon (p, 0), 0);
    assert_int_equal (brood_process_start (p), 0);
    assert_string_equal (brood_process_repr (p), "<Process(it, started)>");
    brood_process_terminate (p);
    brood_process_join (p, 20000);
    assert_string_equal (brood_process_repr (p),
                         "<Process(it, stopped exitcode=-SIGTERM)>");
}

static void
s_inline (void *arg)
{
    (void) arg;
    T_MUST (
        brood_init_with (NULL, NULL, &(brood_options_t){ .inline_calls = 1 })
        == 0);
    BROOD_AUTO (process) p = brood_process_new (s_return, NULL);
    T_MUST (brood_process_start (p) == -1 && errno == ENOTSUP);
    T_MUST (strstr (brood_error (), "inline_calls") != NULL);
}

static void
s_test_inline (void **state)
{
    (void) state;
    t_process_alone (s_inline);
}

// --- Signals and the sentinel ----------------------------------------------

static int
s_ready (int fd, int timeout_ms)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };
    return poll (&one, 1, timeout_ms);
}

static volatile sig_atomic_t s_caught;

static void
s_catch (int signal_no)
{
    s_caught = signal_no;
}

static int
s_handler (void *arg)
{
    (void) arg;
    struct sigaction action = { .sa_handler = s_catch };
    sigaction (SIGUSR1, &action, NULL);
    s_tell (0, 1);
    while (!s_caught)
        usleep (1000);
    s_tell (1, s_caught);
    return 3;
}

static void
s_test_signal_and_sentinel (void **state)
{
    (void) state;
    s_forget ();
    BROOD_AUTO (process) p = brood_process_new (s_handler, NULL);
    assert_int_equal (brood_process_start (p), 0);
    const int fd = brood_process_sentinel (p);
    assert_true (fd > 2);
    s_await_told (0);
    // Being stopped is not being ended.
    assert_int_equal (brood_process_signal (p, SIGSTOP), 0);
    assert_int_equal (s_ready (fd, 50), 0);
    assert_int_equal (brood_process_is_alive (p), 1);
    assert_int_equal (brood_process_signal (p, SIGCONT), 0);
    assert_int_equal (brood_process_signal (p, SIGUSR1), 0);
    assert_int_equal (s_ready (fd, 20000), 1);
    assert_int_equal (brood_process_exitcode (p), 3);
    assert_int_equal (brood_process_is_alive (p), 0);
    assert_int_equal (brood_process_join (p, 0), 0);
    assert_int_equal (s_told (1), SIGUSR1);
    // It stays readable.
    assert_int_equal (s_ready (fd, 0), 1);
    assert_int_equal (brood_process_sentinel (p), fd);
}

static void
s_test_wait_any (void **state)
{
    (void) state;
    s_forget ();
    int fds[2];
    assert_int_equal (pipe (fds), 0);
    BROOD_AUTO (process) p = brood_process_new (s_sleep, NULL);
    BROOD_AUTO (process) q = brood_process_new (s_sleep, NULL);
    brood_wait_t on[] = { { .handle = p }, { .handle = q }, { .fd = fds } };
    assert_int_equal (brood_wait_any (on, 3, 0), -1);
    assert_int_equal (errno, ECHILD);
    assert_int_equal (brood_process_start (p), 0);
    assert_int_equal (brood_process_start (q), 0);
    assert_int_equal (brood_wait_any (on, 3, 5), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (brood_process_kill (q), 0);
    assert_int_equal (brood_wait_any (on, 3, 20000), 1);
    assert_true (!on[0].ready && on[1].ready && !on[2].ready);
    assert_int_equal (brood_process_exitcode (q), -SIGKILL);
    assert_int_equal (write (fds[1], "x", 1), 1);
    assert_int_equal (brood_wait_any (on, 3, 20000), 2);
    assert_true (!on[0].ready && on[1].ready && on[2].ready);
    on[0].handle = brood_process_current ();
    assert_int_equal (brood_wait_any (on, 1, 0), -1);
    assert_int_equal (errno, EPERM);
    assert_int_equal (brood_process_kill (p), 0);
    assert_int_equal (brood_process_join (p, 20000), 0);
    close (fds[0]);
    close (fds[1]);
}

// One of those that wait at once.
static void *
s_join (void *arg)
{
    return brood_process_join (arg, 20000) == 0
                   && brood_process_exitcode (arg) == -SIGTERM
               ? arg
               : NULL;
}

// What its nursery has said at the end is there for all of them.
static void
s_test_many_join (void **state)
{
    (void) state;
    for (int round = 0; round < 20; round++) {
        pthread_t threads[8];
        BROOD_AUTO (process) p = brood_process_new (s_sleep, NULL);
        assert_int_equal (brood_process_start (p), 0);
        for (int i = 0; i < 8; i++)
            assert_int_equal (pthread_create (&threads[i], NULL, s_join, p), 0);
        assert_int_equal (brood_process_terminate (p), 0);
        for (int i = 0; i < 8; i++) {
            void *good;
            pthread_join (threads[i], &good);
            assert_non_null (good);
        }
    }
}

static void *
s_interrupt (void *arg)
{
    (void) arg;
    usleep (20000);
    brood_interrupt ();
    return NULL;
}

static void
s_test_interrupt (void **state)
{
    (void) state;
    s_forget ();
    pthread_t thread;
    BROOD_AUTO (process) p = brood_process_new (s_sleep, NULL);
    assert_int_equal (brood_process_start (p), 0);
    pthread_create (&thread, NULL, s_interrupt, NULL);
    assert_int_equal (brood_process_join (p, -1), -1);
    assert_int_equal (errno, EINTR);
    pthread_join (thread, NULL);
    brood_process_kill (p);
    assert_int_equal (brood_process_join (p, -1), 0);
}

// Its nursery is killed, from which nobody could hear how it ended.
static void
s_test_nursery_killed (void **state)
{
    (void) state;
    s_forget ();
    BROOD_AUTO (process) p = brood_process_new (s_sleep, NULL);
    assert_int_equal (brood_process_start (p), 0);
    s_await_told (0);
    char line[256];
    int nursery = 0;
    t_proc_line ((pid_t) s_told (0), "stat", line, sizeof line);
    const char *end = strrchr (line, ')');
    assert_non_null (end);
    assert_int_equal (sscanf (end, ") %*c %d", &nursery), 1);
    assert_int_equal (kill (nursery, SIGKILL), 0);
    assert_int_equal (brood_process_join (p, 20000), 0);
    assert_int_equal (brood_process_exitcode (p), -SIGKILL);
    assert_int_equal (brood_process_terminate (p), 0);
    assert_int_equal (t_marked_wait (0, 20), 0);
}

// --- Children --------------------------------------------------------------

static void
s_test_children (void **state)
{
    (void) state;
    brood_process_t *p[4], *alive[4];
    s_forget ();
    assert_int_equal (brood_process_children (NULL, 0), 0);
    for (int i = 0; i < 4; i++) {
        p[i] = brood_process_new (s_sleep, NULL);
        assert_int_equal (brood_process_children (NULL, 0), i);
        assert_int_equal (brood_process_start (p[i]), 0);
    }
    assert_int_equal (brood_process_children (alive, 2), 4);
    assert_true (alive[0] == p[0] && alive[1] == p[1]);
    brood_process_kill (p[1]);
    assert_int_equal (brood_process_join (p[1], 20000), 0);
    assert_int_equal (brood_process_children (alive, 4), 3);
    assert_true (alive[0] == p[0] && alive[1] == p[2] && alive[2] == p[3]);
    brood_process_kill (p[0]);
    brood_process_join (p[0], 20000);
    // Given up, and still there.
    brood_process_kill (p[2]);
    brood_process_destroy (&p[2]);
    for (int i = 0; i < 2; i++)
        brood_process_destroy (&p[i]);
    assert_int_equal (brood_process_children (alive, 4), 1);
    assert_true (alive[0] == p[3]);
    brood_process_kill (p[3]);
    assert_int_equal (brood_process_join (p[3], 20000), 0);
    brood_process_destroy (&p[3]);
    assert_int_equal (brood_process_children (NULL, 0), 0);
    assert_int_equal (t_marked_wait (0, 20), 0);
}

// What was destroyed while it ran is freed when it has ended.
static int
s_few_fds (void *arg)
{
    (void) brood_process_children (NULL, 0);
    return t_open_fds () <= *(int *) arg;
}

static void
s_test_nothing_is_left (void **state)
{
    (void) state;
    int fds = t_open_fds ();
    for (int i = 0; i < 20; i++) {
        BROOD_AUTO (process) p = brood_process_new (s_return, &i);
        assert_int_equal (brood_process_start (p), 0);
        assert_true (t_open_fds () <= fds + 3 * (i + 1));
    }
    assert_true (t_eventually (s_few_fds, &fds, 20));
    assert_int_equal (t_marked_wait (0, 20), 0);
}

int
main (int argc, char **argv)
{
    (void) argc;
    const struct CMUnitTest tests[] = {
        // In children that have not used brood before
        cmocka_unit_test (s_test_main_process),
        cmocka_unit_test (s_test_classes),
        cmocka_unit_test (s_test_inline),
        cmocka_unit_test (s_test_exit_codes),
        cmocka_unit_test (s_test_states),
        cmocka_unit_test (s_test_bad_calls),
        cmocka_unit_test (s_test_memory_is_a_copy),
        cmocka_unit_test (s_test_copied_argument),
        cmocka_unit_test (s_test_names),
        cmocka_unit_test (s_test_repr),
        cmocka_unit_test (s_test_signal_and_sentinel),
        cmocka_unit_test (s_test_wait_any),
        cmocka_unit_test (s_test_many_join),
        cmocka_unit_test (s_test_interrupt),
        cmocka_unit_test (s_test_nursery_killed),
        cmocka_unit_test (s_test_children),
        cmocka_unit_test (s_test_nothing_is_left),
    };
    t_mark (argv);
    t_watchdog (100);
    s_shared = t_share (sizeof *s_shared);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
