// test_remote.c - the same program, its workers on other hosts
//
// SPDX-License-Identifier: MPL-2.0
//
// The whole road: a broker of the program's own, agents started by a launcher,
// which join through tcp. The hosts are this one, twice, and one that a command
// in ssh's place leads to. This program is its own agent: main begins with
// brood_init () there. What happens when much of it is killed is in
// test_remote_chaos.c; how it is with two hundred workers, in
// test_remote_many.c.

#include "t_remote.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    N = 500
};

static int
s_twice (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return brood_task_fail (task, "wanted a number");
    return brood_msg_pack (out, "%d", 2 * n);
}
BROOD_TASK (s_twice);

// Who runs it: the agent.
static int
s_who (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    return brood_msg_pack (
        out, "%d", brood_process_pid (brood_process_parent ()));
}

static int
s_die (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    (void) raise (SIGKILL);
    return 0;
}

static int
s_stay (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    (void) out;
    while (!brood_task_cancelled (task))
        usleep (1000);
    return brood_task_fail (task, "was asked to");
}

static int s_begun;

static int
s_begin (brood_task_t *worker, const brood_msg_t *in, brood_msg_t *out)
{
    (void) worker;
    (void) out;
    return brood_msg_unpack (in, "%d", &s_begun);
}

static int
s_ask_begun (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    return brood_msg_pack (out, "%d", s_begun);
}

BROOD_MAPPER (s_square, int, x, long, y)
{
    *y = (long) *x * *x;
    return *x == 77 ? -1 : 0;
}

static int
s_number (brood_pool_t *pool, brood_task_fn *fn)
{
    int n = -1;
    BROOD_AUTO (msg) out = brood_pool_apply (pool, fn, "nil");
    T_MUST (out && brood_msg_unpack (out, "%d", &n) == 0);
    return n;
}

static void
s_expect (int error, const char *text)
{
    if (errno != error || !strstr (brood_error (), text))
        fprintf (stderr, "%d: %s\n", errno, brood_error ());
    T_MUST (errno == error && strstr (brood_error (), text));
}

// --- What works there as it does here --------------------------------------

static void
s_calls (void *arg)
{
    static int in[N];
    static long out[N];
    int n;
    long count = 0;
    BROOD_AUTO (pool) pool = t_remote_open (arg);
    for (int i = 0; i < N; i++)
        in[i] = i + 100;
    T_MUST (brood_pool_map (pool, s_square, in, out, N) == 0);
    for (int i = 0; i < N; i++)
        T_MUST (out[i] == (long) in[i] * in[i]);
    in[7] = 77;
    T_MUST (brood_pool_map (pool, s_square, in, out, N) < 0);
    T_MUST (strstr (brood_error (), "7") && out[8] == 108 * 108);

    BROOD_AUTO (stream) stream = brood_pool_imap (pool, s_twice, BROOD_ORDERED);
    for (int i = 0; i < N; i++)
        T_MUST (brood_stream_feed (stream, "%d", i) == 0);
    T_MUST (brood_stream_close (stream) == 0);
    while (brood_stream_next (stream, 60000, "%d", &n) == 1)
        T_MUST (n == 2 * count++);
    T_MUST (count == N);

    BROOD_AUTO (msg) none = brood_pool_apply (pool, s_twice, "%s", "two");
    T_MUST (!none);
    s_expect (EIO, "wanted a number");
    none = brood_pool_apply (pool, s_die, "nil");
    T_MUST (!none);
    s_expect (ECHILD, "SIGKILL");

    BROOD_AUTO (future) stays = brood_pool_submit (pool, s_stay, "nil");
    while (brood_future_running (stays) == 0)
        usleep (1000);
    T_MUST (brood_future_cancel (stays) >= 0);
    T_MUST (brood_future_get (stays, 60000, "nil") < 0 && errno != ETIMEDOUT);
    T_MUST (brood_pool_shutdown (pool, 60000) == 0);
}

static void
s_initializer (void *arg)
{
    T_MUST (brood_init (NULL, NULL) == 0);
    BROOD_AUTO (msg) args = brood_msg_new ("%d", 42);
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (&(brood_pool_options_t){
        .spec = arg, .initializer = s_begin, .initargs = args });
    T_MUST (pool && s_number (pool, s_ask_begun) == 42);
    BROOD_AUTO (lock) lock = brood_lock_new ();
    BROOD_AUTO (msg)
    none = brood_pool_apply (pool, s_twice, "@%p", brood_ref (lock));
    T_MUST (!none);
    s_expect (ENOTSUP, "ref of a lock");
}

// --- What ends -------------------------------------------------------------

// Each task has one outcome, and the host comes again.
static void
s_agent_dies (void *arg)
{
    brood_future_t *futures[N];
    int lost = 0;
    BROOD_AUTO (pool) pool = t_remote_open (arg);
    const pid_t agent = s_number (pool, s_who);
    for (int i = 0; i < N; i++)
        T_MUST ((futures[i] = brood_pool_submit (pool, s_twice, "%d", i)));
    T_MUST (kill (agent, SIGKILL) == 0);
    for (int i = 0; i < N; i++) {
        int n = -1;
        const int rc = brood_future_get (futures[i], 60000, "%d", &n);
        T_MUST (rc == 0 ? n == 2 * i : errno == ECHILD);
        lost += rc < 0;
        brood_future_destroy (&futures[i]);
    }
    T_MUST (lost < N);
    T_MUST (s_number (pool, s_who) != agent);
}

static void
s_broker_dies (void *arg)
{
    BROOD_AUTO (pool) pool = t_remote_open (arg);
    BROOD_AUTO (future) stays = brood_pool_submit (pool, s_stay, "nil");
    const pid_t broker = t_remote_parent (s_number (pool, s_who));
    T_MUST (kill (broker, SIGKILL) == 0);
    T_MUST (brood_future_get (stays, 60000, "nil") < 0 && errno != ETIMEDOUT);
    BROOD_AUTO (msg) none = brood_pool_apply (pool, s_twice, "%d", 1);
    T_MUST (!none);
    s_expect (EPIPE, "the pool is broken");
}

static void
s_owner_leaves (void *arg)
{
    brood_pool_t *pool = t_remote_open (arg);
    T_MUST (brood_pool_submit (pool, s_stay, "nil") != NULL);
    (void) s_number (pool, s_who);
    (void) raise (SIGKILL);
}

// --- What cannot be --------------------------------------------------------

static void
s_no_command (void *arg)
{
    T_MUST (setenv ("BROOD_BIN", "/nonexistent/brood", 1) == 0);
    T_MUST (brood_init (NULL, NULL) == 0);
    T_MUST (brood_pool_new (arg) == NULL);
    s_expect (ENOENT, "/nonexistent/brood");
    T_MUST (brood_pool_new_with (
                &(brood_pool_options_t){ .spec = arg, .start_exec = 1 })
            == NULL);
    T_MUST (errno == EINVAL);
    T_MUST (setenv ("BROOD_TIME_SCALE", "soon", 1) == 0);
    T_MUST (brood_pool_new (arg) == NULL);
    s_expect (EINVAL, "BROOD_TIME_SCALE");
}

static void
s_no_host (void *arg)
{
    (void) arg;
    T_MUST (setenv ("BROOD_SSH", "/bin/false", 1) == 0);
    T_MUST (brood_init (NULL, NULL) == 0);
    T_MUST (brood_pool_new ("ssh:nowhere") == NULL);
    s_expect (EHOSTUNREACH, "nowhere");
}

// A command in ssh's place.
static void
s_be_ssh (char *path, const char *script)
{
    const int fd = mkstemp (path);
    T_MUST (fd >= 0);
    T_MUST (dprintf (fd, "#!/bin/sh\nfor last; do :; done\n%s\n", script) > 0);
    T_MUST (fchmod (fd, 0700) == 0 && close (fd) == 0);
    T_MUST (setenv ("BROOD_SSH", path, 1) == 0);
}

// What is there was built from something else.
static void
s_other_build (void *arg)
{
    char path[] = "/tmp/test_remote.XXXXXX";
    (void) arg;
    s_be_ssh (path, "BROOD_AGENT=1 exec \"$T_OTHER\"");
    T_MUST (brood_init (NULL, NULL) == 0);
    T_MUST (brood_pool_new ("ssh:elsewhere/2") == NULL);
    s_expect (EHOSTUNREACH, "build");
    T_MUST (unlink (path) == 0);
}

// Which runs here what it is given.
static void
s_through_ssh (void *arg)
{
    char path[] = "/tmp/test_remote.XXXXXX";
    (void) arg;
    s_be_ssh (path, "exec sh -c \"$last\"");
    BROOD_AUTO (pool) pool = t_remote_open ("ssh:elsewhere/2");
    T_MUST (s_number (pool, s_who) != getpid ());
    T_MUST (brood_pool_workers (pool) == 2);
    T_MUST (unlink (path) == 0);
}

// It is killed before it has a host: what was to bring one ends too.
static void
s_leaves_early (void *arg)
{
    char path[] = "/tmp/test_remote.XXXXXX";
    char there[] = "/tmp/test_remote.XXXXXX";
    (void) arg;
    T_MUST (close (mkstemp (there)) == 0 && unlink (there) == 0);
    T_MUST (setenv ("T_THERE", there, 1) == 0);
    s_be_ssh (path, "touch \"$T_THERE\"; read line; cat");
    const pid_t program = fork ();
    T_MUST (program >= 0);
    if (program == 0) {
        T_MUST (brood_init (NULL, NULL) == 0);
        (void) !brood_pool_new ("ssh:nowhere");
        _exit (0);
    }
    while (access (there, F_OK) < 0)
        (void) sched_yield ();
    T_MUST (kill (program, SIGKILL) == 0);
    T_MUST (waitpid (program, NULL, 0) == program);
    T_MUST (unlink (there) == 0 && unlink (path) == 0);
}

// --- Running them ----------------------------------------------------------

#define TEST(name, signal_no) \
    static void s_test_##name (void **state) \
    { \
        (void) state; \
        t_remote_run (s_##name, "local:4?hosts=2", signal_no); \
    }

TEST (calls, 0)
TEST (initializer, 0)
TEST (agent_dies, 0)
TEST (broker_dies, 0)
TEST (owner_leaves, SIGKILL)
TEST (no_command, 0)
TEST (no_host, 0)
TEST (through_ssh, 0)
TEST (other_build, 0)
TEST (leaves_early, 0)

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_calls),
        cmocka_unit_test (s_test_initializer),
        cmocka_unit_test (s_test_agent_dies),
        cmocka_unit_test (s_test_broker_dies),
        cmocka_unit_test (s_test_owner_leaves),
        cmocka_unit_test (s_test_no_command),
        cmocka_unit_test (s_test_no_host),
        cmocka_unit_test (s_test_through_ssh),
        cmocka_unit_test (s_test_other_build),
        cmocka_unit_test (s_test_leaves_early),
    };
    t_remote_begin (argc, argv, 280);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
