// test_pool_deaths.c - a worker dies: its one task fails, and nothing else
//
// SPDX-License-Identifier: MPL-2.0
//
// Every way a worker can end under a task, in every kind of call. What is
// asserted: the one task's error says what happened; all others have their
// results; the worker is replaced; the pool goes on.

#include "t.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <brood.h>

enum {
    N = 200,
    VICTIM = 57
};

typedef enum {
    S_KILL,
    S_SEGV,
    S_ABORT,
    S_EXIT,
    S_EXIT_NOW,
    S_OVERFLOW,
    S_CLOSE,
    S_THREAD_EXIT,
    S_WAYS
} s_way_t;

static const struct {
    const char *name;
    int signal;  // 0: any, or none
    int status;
    const char *words;
} s_ways[S_WAYS] = {
    [S_KILL] = { "kill", SIGKILL, 0, "killed by SIGKILL" },
    [S_SEGV] = { "segv", SIGSEGV, 0, "killed by SIGSEGV" },
    [S_ABORT] = { "abort", SIGABRT, 0, "killed by SIGABRT" },
    [S_EXIT] = { "exit", 0, 3, "exited with code 3" },
    [S_EXIT_NOW] = { "_exit", 0, 4, "exited with code 4" },
    [S_OVERFLOW] = { "overflow", SIGSEGV, 0, "killed by SIGSEGV" },
    [S_CLOSE] = { "close", 0, 0, "closed its descriptors" },
    [S_THREAD_EXIT] = { "pthread_exit", 0, 70, "exited with code 70" },
};

static volatile int s_depth;

// The compiler must not see that this never ends.
__attribute__ ((noinline)) static int
s_overflow (volatile char *before)
{
    volatile char here[4096];
    here[0] = before ? before[0] : 0;
    s_depth++;
    if (s_depth < 0)
        return 0;
    return s_overflow (here) + here[0];
}

static void
s_die (int way)
{
    // The sanitizers' own handlers would report first and exit with a code.
    t_default_signals ();
    const struct rlimit no_core = { 0, 0 };
    (void) setrlimit (RLIMIT_CORE, &no_core);
    switch (way) {
    case S_KILL:
        raise (SIGKILL);
        break;
    case S_SEGV:
        raise (SIGSEGV);
        break;
    case S_ABORT:
        abort ();
    case S_EXIT:
        exit (3);
    case S_EXIT_NOW:
        _exit (4);
    case S_OVERFLOW:
        (void) s_overflow (NULL);
        break;
    case S_CLOSE:
        for (int fd = 3; fd < 1024; fd++)
            close (fd);
        for (;;)
            pause ();
    default:
        pthread_exit (NULL);
    }
}

static int
s_task (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int way, n;
    if (brood_msg_unpack (in, "[%d, %d]", &way, &n) < 0)
        return brood_task_fail (task, "wanted [way, n]");
    if (way >= 0)
        s_die (way);
    return brood_msg_pack (out, "%d", 2 * n);
}
BROOD_TASK (s_task);

BROOD_MAPPER (s_mapper, int, x, long, y)
{
    if (*x < 0)
        s_die (-1 - *x);
    *y = 2L * *x;
    return 0;
}

static void
s_check_story (s_way_t way, const char *task, long item)
{
    brood_error_info_t info;
    assert_int_equal (errno, ECHILD);
    brood_error_info (&info);
    assert_int_equal (info.kind, BROOD_WORKER_DIED);
    assert_string_equal (info.task, task);
    assert_int_equal (info.item, item);
    assert_true (info.pid > 0 && info.attempt == 1);
    // Without its descriptors libzmq may abort before the nursery ends it.
    const int aborted =
        way == S_CLOSE && strstr (info.text, "killed by SIGABRT") != NULL;
    if (!aborted && !strstr (info.text, s_ways[way].words))
        fail_msg ("%s: %s", s_ways[way].name, info.text);
    if (s_ways[way].signal > 0)
        assert_int_equal (info.signal, s_ways[way].signal);
    if (s_ways[way].status > 0)
        assert_int_equal (info.status, s_ways[way].status);
}

static int
s_all_there (void *arg)
{
    brood_pool_stats_t stats;
    return brood_pool_stats (arg, &stats) == 0 && stats.workers == 2
           && stats.idle == 2;
}

static void
s_check_usable (brood_pool_t *pool)
{
    int in[10], n = 0;
    long out[10];
    for (int i = 0; i < 10; i++)
        in[i] = i;
    assert_int_equal (brood_pool_map (pool, s_mapper, in, out, 10), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal (out[i], 2 * i);
    brood_future_t *f = brood_pool_submit (pool, s_task, "[-1, %d]", 21);
    assert_int_equal (brood_future_get (f, 10000, "%d", &n), 0);
    assert_int_equal (n, 42);
    brood_future_destroy (&f);
    assert_true (t_eventually (s_all_there, pool, 10));
}

static void
s_submit_with_victim (brood_pool_t *pool, s_way_t way)
{
    static brood_future_t *futures[N];
    for (int i = 0; i < N; i++) {
        futures[i] = brood_pool_submit (
            pool, s_task, "[%d, %d]", i == VICTIM ? (int) way : -1, i);
        assert_non_null (futures[i]);
    }
    for (int i = 0; i < N; i++) {
        int n;
        const int rc = brood_future_get (futures[i], 20000, "%d", &n);
        if (i == VICTIM) {
            assert_int_equal (rc, -1);
            s_check_story (way, "s_task", -1);
        }
        else {
            if (rc < 0)
                fail_msg ("%s: %d: %s", s_ways[way].name, i, brood_error ());
            assert_int_equal (n, 2 * i);
        }
        brood_future_destroy (&futures[i]);
    }
}

static void
s_test_submit (void **state)
{
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    assert_non_null (pool);
    for (int way = 0; way < S_WAYS; way++) {
        s_submit_with_victim (pool, (s_way_t) way);
        s_check_usable (pool);
    }
}

static void
s_test_map (void **state)
{
    (void) state;
    static int in[N], errors[N];
    static long out[N];
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    for (int way = 0; way < S_WAYS; way++) {
        for (int i = 0; i < N; i++) {
            in[i] = i == VICTIM ? -1 - way : i;
            out[i] = -7;
        }
        const int rc = brood_pool_map_with (
            pool,
            s_mapper,
            in,
            out,
            N,
            &(brood_map_options_t){ .ret_errors = errors });
        assert_int_equal (rc, -1);
        s_check_story ((s_way_t) way, "s_mapper", VICTIM);
        for (int i = 0; i < N; i++) {
            assert_int_equal (errors[i], i == VICTIM ? ECHILD : 0);
            assert_int_equal (out[i], i == VICTIM ? -7 : 2 * i);
        }
        s_check_usable (pool);
    }
}

// The same where workers cannot be given the arrays' addresses.
static void
s_test_map_array (void **state)
{
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    BROOD_AUTO (array) a = brood_array_new (BROOD_INT, N);
    BROOD_AUTO (array) b = brood_array_new (BROOD_LONG, N);
    int *in = brood_array_ptr (a);
    long *out = brood_array_ptr (b);
    assert_true (in && out);
    for (int i = 0; i < N; i++)
        in[i] = i == VICTIM ? -1 - S_KILL : i;
    assert_int_equal (brood_pool_map (pool, s_mapper, in, out, N), -1);
    s_check_story (S_KILL, "s_mapper", VICTIM);
    for (int i = 0; i < N; i++)
        assert_int_equal (out[i], i == VICTIM ? 0 : 2 * i);
}

static void
s_test_map_msg (void **state)
{
    (void) state;
    int errors[N];
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    BROOD_AUTO (msg) items = brood_msg_new ("[]");
    for (int i = 0; i < N; i++)
        assert_int_equal (
            brood_msg_append (items, "[%d, %d]", i == VICTIM ? S_SEGV : -1, i),
            0);
    BROOD_AUTO (msg)
    out = brood_pool_map_msg (
        pool, s_task, items, &(brood_map_options_t){ .ret_errors = errors });
    assert_non_null (out);
    assert_int_equal (brood_msg_len (out, ""), N);
    for (int i = 0; i < N; i++) {
        char path[16];
        int n = -1;
        snprintf (path, sizeof path, "[%d]", i);
        assert_int_equal (errors[i], i == VICTIM ? ECHILD : 0);
        if (i == VICTIM)
            assert_int_equal (brood_msg_type (out, path), BROOD_NIL);
        else {
            assert_int_equal (brood_msg_get (out, path, "%d", &n), 0);
            assert_int_equal (n, 2 * i);
        }
    }
}

static void
s_check_stream (brood_pool_t *pool, int order)
{
    int seen[N] = { 0 }, n, got;
    long last = -1;
    BROOD_AUTO (stream) s = brood_pool_imap (pool, s_task, order);
    for (int i = 0; i < N; i++)
        assert_int_equal (
            brood_stream_feed (s, "[%d, %d]", i == VICTIM ? S_ABORT : -1, i),
            0);
    brood_stream_close (s);
    while ((got = brood_stream_next (s, 20000, "%d", &n)) != 0) {
        const long index = brood_stream_index (s);
        assert_true (index >= 0 && index < N && !seen[index]++);
        if (order == BROOD_ORDERED)
            assert_int_equal (index, last + 1);
        last = index;
        if (index == VICTIM) {
            assert_int_equal (got, -1);
            s_check_story (S_ABORT, "s_task", VICTIM);
        }
        else
            assert_true (got == 1 && n == 2 * (int) index);
    }
    for (int i = 0; i < N; i++)
        assert_int_equal (seen[i], 1);
}

static void
s_test_stream (void **state)
{
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    s_check_stream (pool, BROOD_ORDERED);
    s_check_stream (pool, BROOD_UNORDERED);
    s_check_usable (pool);
}

static int
s_pid (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    return brood_msg_pack (out, "%d", (int) getpid ());
}
BROOD_TASK (s_pid);

static int
s_restarted (void *arg)
{
    brood_pool_stats_t stats;
    return brood_pool_stats (arg, &stats) == 0 && stats.restarts == 1
           && stats.idle == 2;
}

// An idle worker's death is nobody's error.
static void
s_test_idle_death (void **state)
{
    (void) state;
    int pid;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_pid, "nil");
    assert_int_equal (brood_future_get (f, 10000, "%d", &pid), 0);
    assert_int_equal (kill (pid, SIGKILL), 0);
    // Somebody must drive for it to be seen: the wait does.
    for (int i = 0; i < 1000 && !s_restarted (pool); i++)
        (void) brood_dispatch (10);
    assert_true (s_restarted (pool));
    s_check_usable (pool);
}

static int
s_always_dies (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    s_die (S_KILL);
    return 0;
}
BROOD_TASK (s_always_dies);

// A pool whose workers only die is broken after a limit, not a fork storm.
static void
s_test_only_deaths (void **state)
{
    (void) state;
    enum {
        TASKS = 50
    };
    brood_future_t *futures[TASKS];
    int died = 0, broken = 0;
    brood_pool_stats_t stats;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    for (int i = 0; i < TASKS; i++) {
        futures[i] = brood_pool_submit (pool, s_always_dies, "nil");
        if (!futures[i])
            assert_int_equal (errno, EPIPE);
    }
    for (int i = 0; i < TASKS; i++) {
        if (!futures[i]) {
            broken++;
            continue;
        }
        assert_null (brood_future_result (futures[i], 20000));
        died += errno == ECHILD;
        broken += errno == EPIPE;
        brood_future_destroy (&futures[i]);
    }
    assert_int_equal (died + broken, TASKS);
    assert_true (died >= 5 && died <= 16 && broken > 0);
    assert_null (brood_pool_submit (pool, s_pid, "nil"));
    assert_int_equal (errno, EPIPE);
    assert_non_null (strstr (brood_error (), "broken"));
    assert_int_equal (brood_pool_stats (pool, &stats), 0);
    assert_true (stats.restarts <= 16);
}

static int
s_bad_init (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    (void) out;
    return brood_task_fail (task, "no coffee");
}

static void
s_test_initializer_fails (void **state)
{
    (void) state;
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (&(brood_pool_options_t){
        .spec = "local:2", .initializer = s_bad_init });
    if (!pool) {
        assert_int_equal (errno, ENOEXEC);
        return;
    }
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_pid, "nil");
    if (f)
        assert_null (brood_future_result (f, 20000));
    assert_int_equal (errno, ENOEXEC);
    assert_non_null (strstr (brood_error (), "no coffee"));
}

static int
s_crash_init (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    s_die (S_KILL);
    return 0;
}

static void
s_test_initializer_crashes (void **state)
{
    (void) state;
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (&(brood_pool_options_t){
        .spec = "local:2", .initializer = s_crash_init });
    if (!pool)
        return;
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_pid, "nil");
    if (f)
        assert_null (brood_future_result (f, 20000));
    assert_true (errno == ENOEXEC || errno == EPIPE);
}

// Random deaths all over: with retries every task ends well, and none twice.
static void
s_test_storm_with_retries (void **state)
{
    (void) state;
    enum {
        TASKS = 400
    };
    static brood_future_t *futures[TASKS];
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (
        &(brood_pool_options_t){ .spec = "local:3", .restarts_max = 1000 });
    for (int i = 0; i < TASKS; i++) {
        // The first attempt of some dies; they are told by their attempt.
        futures[i] =
            brood_pool_submit_with (pool,
                                    s_task,
                                    &(brood_task_options_t){ .retries = 2 },
                                    "[%d, %d]",
                                    -1,
                                    i);
        assert_non_null (futures[i]);
        if (i % 20 == 0) {
            BROOD_AUTO (future) pid = brood_pool_submit (pool, s_pid, "nil");
            int victim;
            if (brood_future_get (pid, 20000, "%d", &victim) == 0)
                kill (victim, SIGKILL);
        }
    }
    for (int i = 0; i < TASKS; i++) {
        int n;
        if (brood_future_get (futures[i], 20000, "%d", &n) < 0)
            fail_msg ("%d: %s", i, brood_error ());
        assert_int_equal (n, 2 * i);
        brood_future_destroy (&futures[i]);
    }
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_submit),
        cmocka_unit_test (s_test_map),
        cmocka_unit_test (s_test_map_array),
        cmocka_unit_test (s_test_map_msg),
        cmocka_unit_test (s_test_stream),
        cmocka_unit_test (s_test_idle_death),
        cmocka_unit_test (s_test_only_deaths),
        cmocka_unit_test (s_test_initializer_fails),
        cmocka_unit_test (s_test_initializer_crashes),
        cmocka_unit_test (s_test_storm_with_retries),
    };
    t_watchdog (110);
    if (brood_init (&argc, &argv) < 0)
        return brood_perror (argv[0]);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
