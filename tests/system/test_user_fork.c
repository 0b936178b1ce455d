// test_user_fork.c - the program forks by itself, behind brood's back
//
// SPDX-License-Identifier: MPL-2.0
//
// Such a child has a copy of every handle and of nothing behind them. It may
// ask anything and is told ENOTSUP; it may destroy, exit and die; and the
// parent, in the middle of its work, does not notice.

#include "t_brood.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <brood.h>

enum {
    FORKS = 100,
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

BROOD_MAPPER (s_double, int, x, long, y)
{
    *y = 2L * *x;
    return 0;
}

// One of each, as the parent has them when it forks.
typedef struct {
    brood_pool_t *pool;
    brood_future_t *future;
    brood_future_t *promise;
    brood_stream_t *stream;
    brood_array_t *array;
    brood_msg_t *msg;
    brood_progress_t *progress;
} s_all_t;

static void
s_destroy (s_all_t *all)
{
    brood_stream_destroy (&all->stream);
    brood_future_destroy (&all->future);
    brood_future_destroy (&all->promise);
    brood_array_destroy (&all->array);
    brood_msg_destroy (&all->msg);
    brood_progress_destroy (&all->progress);
    brood_pool_destroy (&all->pool);
}

static int s_loaded;    // There are threads that work
static s_all_t s_kept;  // What a child left alone, which is not lost
static int s_line;      // Of the call that was not refused

static void
s_refused (int failed, int line)
{
    if ((!failed || errno != ENOTSUP) && s_line == 0)
        s_line = line;
    errno = 0;
}
#define S_REFUSED(call) s_refused ((call) == -1, __LINE__)
#define S_REFUSED_OBJECT(call) s_refused ((call) == NULL, __LINE__)

static void
s_ask_pool (const s_all_t *all)
{
    int in[2] = { 1, 2 };
    long out[2];
    brood_pool_stats_t stats;
    brood_pool_t *pool = all->pool;
    S_REFUSED_OBJECT (brood_pool_new ("local:1"));
    S_REFUSED_OBJECT (brood_pool_new ("inline"));
    S_REFUSED (brood_init (NULL, NULL));
    S_REFUSED (brood_fd ());
    S_REFUSED (brood_dispatch (0));
    S_REFUSED (brood_pool_map (pool, s_double, in, out, 2));
    S_REFUSED_OBJECT (brood_pool_map_async (pool, s_double, in, out, 2));
    S_REFUSED_OBJECT (brood_pool_submit (pool, s_twice, "%d", 1));
    S_REFUSED_OBJECT (brood_pool_apply (pool, s_twice, "%d", 1));
    S_REFUSED_OBJECT (brood_pool_map_msg (pool, s_twice, all->msg, NULL));
    S_REFUSED_OBJECT (brood_pool_imap (pool, s_twice, BROOD_ORDERED));
    S_REFUSED_OBJECT (brood_pool_broadcast (pool, s_twice, "%d", 1));
    S_REFUSED (brood_pool_close (pool));
    S_REFUSED (brood_pool_join (pool, 0));
    S_REFUSED (brood_pool_wait (pool, BROOD_FOREVER));
    S_REFUSED (brood_pool_terminate (pool));
    S_REFUSED (brood_pool_cancel (pool));
    S_REFUSED (brood_pool_resize (pool, 3));
    S_REFUSED (brood_pool_workers (pool));
    S_REFUSED (brood_pool_stats (pool, &stats));
}

static void
s_ask_others (const s_all_t *all)
{
    int n;
    brood_future_t *const futures[] = { all->future, all->promise };
    S_REFUSED (brood_future_get (all->future, BROOD_FOREVER, "%d", &n));
    S_REFUSED_OBJECT (brood_future_result (all->future, BROOD_FOREVER));
    S_REFUSED (brood_future_wait (all->future, BROOD_FOREVER));
    S_REFUSED (brood_future_wait_all (futures, 2, BROOD_FOREVER, 0));
    S_REFUSED (brood_future_wait_any (futures, 2, BROOD_FOREVER));
    S_REFUSED (brood_future_next (all->future, BROOD_FOREVER, "*"));
    S_REFUSED (brood_future_cancel (all->future));
    S_REFUSED (brood_future_kill (all->future, 0));
    S_REFUSED (brood_future_done (all->future));
    S_REFUSED (brood_future_set_result (all->promise, "nil"));
    S_REFUSED (brood_stream_feed (all->stream, "%d", 1));
    S_REFUSED (brood_stream_close (all->stream));
    S_REFUSED (brood_stream_next (all->stream, BROOD_FOREVER, "%d", &n));
    S_REFUSED (brood_stream_cancel (all->stream));
    S_REFUSED_OBJECT (brood_array_new (BROOD_INT, 3));
    S_REFUSED_OBJECT (brood_ref (all->array));
    S_REFUSED_OBJECT (brood_array_ptr (all->array));
    S_REFUSED (brood_msg_unpack (all->msg, "[%d, *]", &n));
    S_REFUSED (brood_progress_update (all->progress, 2));
}

// Everything is asked for; then everything is destroyed; then the child ends
// as programs do.
static _Noreturn void
s_child (s_all_t *all)
{
    alarm (20);
    errno = 0;
    s_ask_pool (all);
    s_ask_others (all);
    brood_interrupt ();
    if (s_line > 0) {
        fprintf (stderr, "%s:%d: was not refused\n", __FILE__, s_line);
        _exit (3);
    }
    // The sanitizers' malloc may have been locked by another thread at the
    // fork; libc's may not.
    if (T_SANITIZED && s_loaded)
        _exit (0);
    s_kept = *all;
    s_destroy (all);
    brood_fini ();
    // A leak checker that looks in a child finds what only the threads knew
    // that the child does not have.
    if (T_SANITIZED || getpid () % 2)
        _exit (0);
    fflush (NULL);
    exit (0);
}

static atomic_int s_quit;
static atomic_long s_rounds;

// The load, in a thread of its own: the fork comes at any moment of it.
static void *
s_load (void *arg)
{
    brood_pool_t *pool = arg;
    static int in[N];
    static long out[N];
    while (!atomic_load (&s_quit)) {
        for (int i = 0; i < N; i++)
            in[i] = i;
        if (brood_pool_map (pool, s_double, in, out, N) < 0)
            return "map";
        for (int i = 0; i < N; i++) {
            if (out[i] != 2 * i)
                return "result";
        }
        int n;
        BROOD_AUTO (future) f = brood_pool_submit (pool, s_twice, "%d", 21);
        if (brood_future_get (f, 20000, "%d", &n) < 0 || n != 42)
            return "submit";
        atomic_fetch_add (&s_rounds, 1);
    }
    return NULL;
}

static void
s_make (s_all_t *all)
{
    all->pool = brood_pool_new ("local:2");
    all->future = brood_pool_submit (all->pool, s_twice, "%d", 4);
    all->promise = brood_future_new ();
    all->stream = brood_pool_imap (all->pool, s_twice, BROOD_ORDERED);
    all->array = brood_array_new (BROOD_INT, 10);
    all->msg = brood_msg_new ("[%d, %d]", 1, 2);
    all->progress = brood_progress_new ("bar", 3);
    assert_true (all->pool && all->future && all->promise && all->stream
                 && all->array && all->msg && all->progress);
    assert_int_equal (brood_stream_feed (all->stream, "%d", 5), 0);
}

static void
s_check_and_destroy (s_all_t *all)
{
    int n;
    assert_int_equal (brood_future_get (all->future, 20000, "%d", &n), 0);
    assert_int_equal (n, 8);
    assert_int_equal (brood_stream_next (all->stream, 20000, "%d", &n), 1);
    assert_int_equal (n, 10);
    assert_int_equal (brood_future_set_result (all->promise, "7"), 0);
    assert_int_equal (((int *) brood_array_ptr (all->array))[9], 0);
    s_destroy (all);
}

static void
s_test_fork (void **state)
{
    (void) state;
    s_all_t all;
    pthread_t load;
    void *trouble;
    s_make (&all);
    for (int i = 0; i < FORKS; i++) {
        if (i == 4) {
            assert_int_equal (pthread_create (&load, NULL, s_load, all.pool),
                              0);
            s_loaded = 1;
        }
        int status;
        fflush (NULL);
        const pid_t pid = fork ();
        assert_true (pid >= 0);
        if (pid == 0)
            s_child (&all);
        assert_int_equal (waitpid (pid, &status, 0), pid);
        assert_int_equal (status, 0);
    }
    atomic_store (&s_quit, 1);
    assert_int_equal (pthread_join (load, &trouble), 0);
    if (trouble)
        fail_msg ("the parent: %s: %s", (char *) trouble, brood_error ());
    assert_true (atomic_load (&s_rounds) > 0);
    s_check_and_destroy (&all);
}

// A child that lives on holds copies of what the parent has; the parent's end
// does not wait for it, nor does any worker live as long.
static int
s_alone_with (void *arg)
{
    return t_marked (NULL, 0) == *(int *) arg;
}

static void
s_test_child_outlives (void **state)
{
    (void) state;
    s_all_t all;
    int one = 1;
    s_make (&all);
    const pid_t pid = fork ();
    assert_true (pid >= 0);
    if (pid == 0) {
        alarm (60);
        for (;;)
            pause ();
    }
    s_check_and_destroy (&all);
    assert_true (t_eventually (s_alone_with, &one, 10));
    kill (pid, SIGKILL);
    assert_int_equal (waitpid (pid, NULL, 0), pid);
}

// exec from such a child: nothing of brood's goes along.
static void
s_test_exec (void **state)
{
    (void) state;
    s_all_t all;
    int status;
    s_make (&all);
    const pid_t pid = fork ();
    assert_true (pid >= 0);
    if (pid == 0) {
        execl ("/bin/sh",
               "sh",
               "-c",
               "! ls -l /proc/self/fd/ | grep -E 'memfd|event|socket'",
               (char *) NULL);
        _exit (127);
    }
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_int_equal (status, 0);
    s_check_and_destroy (&all);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_fork),
        cmocka_unit_test (s_test_child_outlives),
        cmocka_unit_test (s_test_exec),
    };
    (void) argc;
    t_mark (argv);
    t_watchdog (110);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
