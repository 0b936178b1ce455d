// test_owner_end.c - the owner ends, in every way, and nothing is left
//
// SPDX-License-Identifier: MPL-2.0
//
// The test starts itself again as an owner:
//
//     owner -- nursery -- 4 workers: one sleeps in a task
//                                    one has a daemon of its own (setsid)
//                                    one has a pool with a worker of its own
//                                    one sleeps in a task
//     500 tasks are queued
//
// When all that runs the owner says "ready", and ends, or is ended. What is
// asserted each time: the status is what the way of ending says; no process of
// the brood is left, no abstract name, nobody who holds the owner's stdout; and
// the owner has said nothing that it was not asked to.

#include "t_brood.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include <brood.h>

enum {
    QUEUED = 500,
    SLEEPERS = 4,   // Of which one in the pool within
    PROCESSES = 9,  // Owner, two nurseries, five workers, the daemon
    SOCKETS = 5,
    GONE_SECONDS = 5  // A second is promised; the machine may be busy
};

#define S_POOL_NAME "owner-end"

// --- The owner -------------------------------------------------------------

static atomic_int *s_asleep;  // In the arena
static brood_pool_t *s_pool;
static brood_future_t *s_first;

static int
s_sleep (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    atomic_fetch_add (s_asleep, 1);
    while (atomic_load (s_asleep) > 0)
        pause ();
    return 0;
}
BROOD_TASK (s_sleep);

static int
s_daemon (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    if (fork () == 0) {
        setsid ();
        for (;;)
            pause ();
    }
    return s_sleep (task, in, out);
}
BROOD_TASK (s_daemon);

static int
s_nest (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    (void) out;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_sleep, "nil");
    (void) brood_future_wait (f, BROOD_FOREVER);
    return brood_task_fail (task, "woken: %s", brood_error ());
}
BROOD_TASK (s_nest);

static int
s_answer (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    return brood_msg_pack (out, "42");
}
BROOD_TASK (s_answer);

static int
s_all_asleep (void *arg)
{
    (void) arg;
    return atomic_load (s_asleep) == SLEEPERS;
}

static void
s_say (const char *text)
{
    (void) !write (STDOUT_FILENO, text, strlen (text));
}

static int
s_begin (int with_daemon)
{
    static brood_array_t *array;
    array = brood_array_new (BROOD_INT, 1);
    s_asleep = brood_array_ptr (array);
    s_pool = brood_pool_new_with (
        &(brood_pool_options_t){ .spec = "local:4", .name = S_POOL_NAME });
    if (!s_pool)
        return brood_perror ("owner");
    s_first = brood_pool_submit (s_pool, s_sleep, "nil");
    brood_task_fn *const others[] = { with_daemon ? s_daemon : s_sleep,
                                      s_nest,
                                      s_sleep };
    for (int i = 0; i < 3; i++) {
        brood_future_t *f = brood_pool_submit (s_pool, others[i], "nil");
        brood_future_destroy (&f);
    }
    if (!t_eventually (s_all_asleep, NULL, 20)) {
        s_say ("not asleep\n");
        return 1;
    }
    for (int i = 0; i < QUEUED; i++) {
        brood_future_t *f = brood_pool_submit (s_pool, s_sleep, "nil");
        if (!f)
            return brood_perror ("owner");
        brood_future_destroy (&f);
    }
    s_say ("ready\n");
    return 0;
}

static int
s_end_by_waiting (void)
{
    (void) brood_future_wait (s_first, BROOD_FOREVER);
    return brood_perror ("woken");
}

static void
s_on_interrupt (int signal_no)
{
    (void) signal_no;
    brood_interrupt ();
}

// The first Ctrl-C asks, the second tells.
static int
s_end_by_handler (void)
{
    const struct sigaction action = { .sa_handler = s_on_interrupt,
                                      .sa_flags = SA_RESTART };
    sigaction (SIGINT, &action, NULL);
    s_say ("handles\n");
    if (brood_future_wait (s_first, BROOD_FOREVER) == 0 || errno != EINTR)
        return brood_perror ("wait");
    if (brood_pool_close (s_pool) < 0 || brood_pool_cancel (s_pool) < QUEUED)
        return brood_perror ("close");
    s_say ("closed\n");
    if (brood_pool_join (s_pool, BROOD_FOREVER) == 0 || errno != EINTR)
        return brood_perror ("join");
    if (brood_pool_terminate (s_pool) < 0)
        return brood_perror ("terminate");
    if (brood_future_wait (s_first, 0) < 0
        || brood_future_result (s_first, 0) != NULL || errno != EPIPE)
        return brood_perror ("result");
    brood_future_destroy (&s_first);
    brood_pool_destroy (&s_pool);
    return 5;
}

static int
s_end_by_return (void)
{
    return 6;
}

static void *
s_exit (void *arg)
{
    (void) arg;
    exit (7);
}

// The main thread is in the middle of a wait.
static int
s_end_by_thread (void)
{
    pthread_t thread;
    if (pthread_create (&thread, NULL, s_exit, NULL) != 0)
        return 1;
    (void) brood_future_wait (s_first, BROOD_FOREVER);
    for (;;)
        pause ();
}

static int
s_end_now (void)
{
    _exit (8);
}

static int
s_end_by_abort (void)
{
    const struct rlimit no_core = { 0, 0 };
    (void) setrlimit (RLIMIT_CORE, &no_core);
    t_default_signals ();
    abort ();
}

// The same process lives on, as something that knows nothing of brood.
static int
s_end_by_exec (void)
{
    execl ("/bin/cat", "cat", (char *) NULL);
    return 1;
}

// The thread that made the pool leaves; nothing happens.
static int
s_end_by_leaving (void)
{
    pthread_exit (NULL);
}

static void
s_end_in_then (brood_future_t *future, void *arg)
{
    (void) future;
    (void) arg;
    exit (9);
}

static int
s_end_by_callback (void)
{
    if (brood_future_then (s_first, s_end_in_then, NULL) < 0)
        return brood_perror ("then");
    (void) brood_pool_terminate (s_pool);
    for (;;)
        pause ();
}

// Its nursery is killed: all its work fails, and another pool works.
static int
s_end_after_nursery (void)
{
    brood_pool_t *pool;
    int n = 0;
    if (brood_future_get (s_first, 20000, "*") == 0)
        return 1;
    const int worker_died = errno == ECHILD && brood_error ()[0] != '\0';
    BROOD_AUTO (future) f = brood_pool_submit (s_pool, s_answer, "nil");
    if (f && brood_future_get (f, 20000, "*") == 0)
        return 2;
    if (errno != EPIPE || !strstr (brood_error (), "nursery died"))
        return brood_perror ("later");
    if (brood_pool_wait (s_pool, 20000) < 0)
        return brood_perror ("wait");
    brood_pool_destroy (&s_pool);
    pool = brood_pool_new ("local:2");
    BROOD_AUTO (future) g = brood_pool_submit (pool, s_answer, "nil");
    if (brood_future_get (g, 20000, "%d", &n) < 0)
        return brood_perror ("again");
    brood_pool_destroy (&pool);
    return worker_died && n == 42 ? 10 : 3;
}

// --- The test --------------------------------------------------------------

typedef struct {
    const char *name;
    int (*end) (void);
    int signals[3];  // Sent to its process group, each when it has said:
    const char *says[3];
    int code;    // It exits with, if
    int signal;  // of 0
} s_way_t;

static const s_way_t s_ways[] = {
    { "kill", s_end_by_waiting, { SIGKILL }, { "ready" }, 0, SIGKILL },
    { "int", s_end_by_waiting, { SIGINT }, { "ready" }, 0, SIGINT },
    { "term", s_end_by_waiting, { SIGTERM }, { "ready" }, 0, SIGTERM },
    { "hup", s_end_by_waiting, { SIGHUP }, { "ready" }, 0, SIGHUP },
    { "stop",
      s_end_by_waiting,
      { SIGSTOP, SIGKILL },
      { "ready", "ready" },
      0,
      SIGKILL },
    { "handler",
      s_end_by_handler,
      { SIGINT, SIGINT },
      { "handles", "closed" },
      5,
      0 },
    { "return", s_end_by_return, { 0 }, { 0 }, 6, 0 },
    { "thread", s_end_by_thread, { 0 }, { 0 }, 7, 0 },
    { "_exit", s_end_now, { 0 }, { 0 }, 8, 0 },
    { "callback", s_end_by_callback, { 0 }, { 0 }, 9, 0 },
    { "abort", s_end_by_abort, { 0 }, { 0 }, 0, SIGABRT },
    { "leave", s_end_by_leaving, { SIGKILL }, { "ready" }, 0, SIGKILL },
    { "exec", s_end_by_exec, { 0 }, { 0 }, 0, 0 },
    { "nursery", s_end_after_nursery, { 0 }, { 0 }, 10, 0 },
};

// What a worker's daemon is to its nursery nobody else is: whoever kills that
// one has the daemon left.
static int
s_has_daemon (const s_way_t *way)
{
    return way->end != s_end_after_nursery;
}

static int
s_owner (const char *name)
{
    for (size_t i = 0; i < sizeof s_ways / sizeof *s_ways; i++) {
        if (strcmp (s_ways[i].name, name) != 0)
            continue;
        const int rc = s_begin (s_has_daemon (&s_ways[i]));
        // The test looks at it before it ends.
        char go;
        if (rc != 0 || read (STDIN_FILENO, &go, 1) != 1)
            return 1;
        return s_ways[i].end ();
    }
    return 2;
}

typedef struct {
    pid_t pid;
    int in;   // Its stdin
    int out;  // Its stdout and stderr
    char said[8192];
    size_t size;
} s_child_t;

// A shell starts what is in its background with SIGINT ignored.
static void
s_default_signals (void)
{
    static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
    const struct sigaction action = { .sa_handler = SIG_DFL };
    t_default_signals ();
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        sigaction (ends[i], &action, NULL);
}

static void
s_start (s_child_t *self, const char *name)
{
    int in[2], out[2];
    assert_int_equal (pipe2 (in, O_CLOEXEC), 0);
    assert_int_equal (pipe2 (out, O_CLOEXEC), 0);
    memset (self, 0, sizeof *self);
    self->pid = fork ();
    assert_true (self->pid >= 0);
    if (self->pid == 0) {
        setpgid (0, 0);
        alarm (0);
        s_default_signals ();
        dup2 (in[0], STDIN_FILENO);
        dup2 (out[1], STDOUT_FILENO);
        dup2 (out[1], STDERR_FILENO);
        execl ("/proc/self/exe", "owner", name, (char *) NULL);
        _exit (127);
    }
    close (in[0]);
    close (out[1]);
    self->in = in[1];
    self->out = out[0];
}

// 1 if there was something, 0 at the end, -1 when time is up.
static int
s_read (s_child_t *self, int seconds)
{
    struct pollfd fd = { .fd = self->out, .events = POLLIN };
    if (poll (&fd, 1, seconds * 1000) != 1)
        return -1;
    const size_t room = sizeof self->said - 1 - self->size;
    const ssize_t n = read (self->out, self->said + self->size, room);
    if (n > 0)
        self->size += (size_t) n;
    return n > 0;
}

static void
s_await (s_child_t *self, const char *text)
{
    while (!strstr (self->said, text)) {
        if (s_read (self, 30) != 1)
            fail_msg ("no \"%s\" but: %s", text, self->said);
    }
}

// What nobody asked it to say.
static int
s_noise (const char *said)
{
    static const char *const asked[] = { "ready\n", "handles\n", "closed\n" };
    size_t size = strlen (said);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
        size -= strstr (said, asked[i]) ? strlen (asked[i]) : 0;
    return (int) size;
}

static void
s_check_nothing_left (s_child_t *self,
                      const s_way_t *way,
                      const t_sockets_t *sockets)
{
    int status;
    assert_int_equal (waitpid (self->pid, &status, 0), self->pid);
    if (t_marked_wait (0, GONE_SECONDS) < 0)
        fail_msg ("%s: %d processes are left", way->name, t_marked (NULL, 0));
    // Nobody holds its stdout: the end of the file comes.
    int rc;
    while ((rc = s_read (self, GONE_SECONDS)) == 1)
        continue;
    if (rc < 0)
        fail_msg ("%s: somebody holds its stdout", way->name);
    assert_int_equal (t_sockets_left (sockets), 0);
    close (self->in);
    close (self->out);
    if (way->signal ? !WIFSIGNALED (status) || WTERMSIG (status) != way->signal
                    : !WIFEXITED (status) || WEXITSTATUS (status) != way->code)
        fail_msg ("%s: status %x; %s", way->name, status, self->said);
    if (s_noise (self->said) > 0)
        fail_msg ("%s: it said: %s", way->name, self->said);
}

static void
s_end (void **state)
{
    const s_way_t *way = *state;
    t_sockets_t sockets;
    s_child_t child;
    pid_t nursery = 0;
    assert_int_equal (t_marked (NULL, 0), 0);
    s_start (&child, way->name);
    s_await (&child, "ready\n");
    assert_int_equal (t_marked (NULL, 0), PROCESSES - !s_has_daemon (way));
    t_sockets_marked (&sockets);
    assert_true (sockets.count >= SOCKETS);
    assert_int_equal (t_sockets_left (&sockets), sockets.count);
    assert_int_equal (t_marked_has_files (NULL), 0);
    nursery = t_marked_named (S_POOL_NAME);
    assert_true (nursery > 0);
    assert_int_equal (write (child.in, "!", 1), 1);

    for (int i = 0; i < 3 && way->signals[i] != 0; i++) {
        s_await (&child, way->says[i]);
        assert_int_equal (kill (-child.pid, way->signals[i]), 0);
    }
    if (way->end == s_end_after_nursery)
        assert_int_equal (kill (nursery, SIGKILL), 0);
    if (way->end == s_end_by_exec) {
        assert_int_equal (t_marked_wait (1, GONE_SECONDS), 0);
        assert_int_equal (t_sockets_left (&sockets), 0);
        close (child.in);
        child.in = open ("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    s_check_nothing_left (&child, way, &sockets);
}

int
main (int argc, char **argv)
{
    enum {
        WAYS = sizeof s_ways / sizeof *s_ways
    };
    static struct CMUnitTest tests[WAYS];
    if (argc == 2)
        return s_owner (argv[1]);
    t_mark (argv);
    for (int i = 0; i < WAYS; i++)
        tests[i] = (struct CMUnitTest){ .name = s_ways[i].name,
                                        .test_func = s_end,
                                        .initial_state =
                                            (void *) (uintptr_t) &s_ways[i] };
    t_watchdog (110);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
