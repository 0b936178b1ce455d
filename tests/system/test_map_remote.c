// test_map_remote.c - maps over pools that share no memory with their workers
//
// SPDX-License-Identifier: MPL-2.0
//
// The pools are local ones, used as if their workers were on other hosts. That
// maps give what they give elsewhere is in test_pool_calls.c; here is what may
// go wrong on the way. What is too large, or cannot cross, is in
// test_map_remote_sizes.c; with a broker between: test_map_relay.c.

#include "t.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <brood.h>

#include "client/brd_code.h"
#include "host/host.h"
#include "wire/brd_chunk.h"
#include "workers/worker.h"

enum {
    N = 600,
    VICTIMS = 4
};

// In shared memory, made before any pool.
static struct {
    _Atomic int runs[N];  // How often each item was begun
    _Atomic int victims[VICTIMS];
    _Atomic int once;  // 1: it dies the first time only
    _Atomic int way;
    _Atomic int go;
    _Atomic pid_t pids[64];
    _Atomic int pid_count;
} * s_shared;

typedef enum {
    S_KILL,
    S_EXIT,
    S_ABORT,
    S_WAYS
} s_way_t;

static brood_pool_t *
s_pool_new (const char *spec)
{
    brd_host_pool_pretends = 1;
    brood_pool_t *pool = brood_pool_new (spec);
    brd_host_pool_pretends = 0;
    assert_non_null (pool);
    return pool;
}

static void
s_reset (s_way_t way)
{
    for (int i = 0; i < N; i++)
        atomic_store (&s_shared->runs[i], 0);
    for (int i = 0; i < VICTIMS; i++)
        atomic_store (&s_shared->victims[i], -1);
    atomic_store (&s_shared->once, 0);
    atomic_store (&s_shared->way, (int) way);
    atomic_store (&s_shared->go, 0);
    atomic_store (&s_shared->pid_count, 0);
}

static int
s_is_victim (int n)
{
    for (int i = 0; i < VICTIMS; i++) {
        if (atomic_load (&s_shared->victims[i]) == n)
            return 1;
    }
    return 0;
}

// An item begins: it is counted, and dies if it is to.
static void
s_begin (int n)
{
    const int run = atomic_fetch_add (&s_shared->runs[n], 1);
    if (!s_is_victim (n) || (run > 0 && atomic_load (&s_shared->once)))
        return;
    t_default_signals ();
    switch (atomic_load (&s_shared->way)) {
    case S_KILL:
        kill (getpid (), SIGKILL);
        break;
    case S_EXIT:
        _exit (3);
    default:
        abort ();
    }
}

BROOD_MAPPER (s_mapper, int, x, long, y)
{
    s_begin (*x);
    if (*x % 50 == 49)
        return brood_task_fail (brood_task_current (), "%d is odd", *x);
    *y = 3L * *x;
    return 0;
}

static int
s_task (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return -1;
    s_begin (n);
    if (n % 50 == 49)
        return brood_task_fail (task, "%d is odd", n);
    return brood_msg_pack (out, "%d", 3 * n);
}
BROOD_TASK (s_task);

BROOD_EACH (s_each, int, x)
{
    s_begin (*x);
    return *x % 50 == 49 ? -1 : 0;
}

// Every item has come to what it must, and ran once.
static void
s_check (const int *errors, const long *y)
{
    for (int i = 0; i < N; i++) {
        const int victim = s_is_victim (i);
        const int error = victim ? ECHILD : i % 50 == 49 ? EIO : 0;
        assert_int_equal (errors[i], error);
        assert_int_equal (atomic_load (&s_shared->runs[i]), 1);
        if (y)
            assert_int_equal (y[i], error ? -7 : 3L * i);
    }
}

static void
s_check_story (s_way_t way, const char *task, long item)
{
    brood_error_info_t info;
    brood_error_info (&info);
    assert_int_equal (errno, ECHILD);
    assert_int_equal (info.kind, BROOD_WORKER_DIED);
    assert_int_equal (info.item, item);
    assert_string_equal (info.task, task);
    assert_true (info.pid > 0);
    if (way == S_KILL)
        assert_int_equal (info.signal, SIGKILL);
    if (way == S_EXIT)
        assert_int_equal (info.status, 3);
}

static void
s_fill (int *x, long *y)
{
    for (int i = 0; i < N; i++) {
        x[i] = i;
        y[i] = -7;
    }
}

// --- Deaths ----------------------------------------------------------------

static const size_t s_chunks[] = { 0, 1, 7, N };

static void
s_set_victims (int a, int b, int c)
{
    atomic_store (&s_shared->victims[0], a);
    atomic_store (&s_shared->victims[1], b);
    atomic_store (&s_shared->victims[2], c);
}

static void
s_test_deaths (void **state)
{
    int x[N], errors[N];
    long y[N];
    (void) state;
    for (s_way_t way = 0; way < S_WAYS; way++) {
        for (size_t i = 0; i < sizeof s_chunks / sizeof *s_chunks; i++) {
            const brood_map_options_t options = { .chunk = s_chunks[i],
                                                  .ret_errors = errors };
            BROOD_AUTO (pool) pool = s_pool_new ("local:2");
            s_fill (x, y);
            s_reset (way);
            s_set_victims (0, 333, N - 1);
            assert_int_equal (
                brood_pool_map_with (pool, s_mapper, x, y, N, &options), -1);
            s_check_story (way, "s_mapper", 0);
            s_check (errors, y);
        }
    }
}

static void
s_test_deaths_each (void **state)
{
    int x[N], errors[N];
    long y[N];
    (void) state;
    s_fill (x, y);
    for (size_t i = 0; i < sizeof s_chunks / sizeof *s_chunks; i++) {
        const brood_map_options_t options = { .chunk = s_chunks[i],
                                              .ret_errors = errors };
        BROOD_AUTO (pool) pool = s_pool_new ("local:2");
        s_reset (S_KILL);
        s_set_victims (20, 21, 300);
        assert_int_equal (brood_pool_map_sized (
                              pool, s_each, x, sizeof *x, NULL, 0, N, &options),
                          -1);
        s_check_story (S_KILL, "s_each", 20);
        s_check (errors, NULL);
    }
}

static void
s_test_deaths_msg (void **state)
{
    int errors[N];
    (void) state;
    BROOD_AUTO (msg) items = brood_msg_new ("[]");
    for (int i = 0; i < N; i++)
        assert_int_equal (brood_msg_append (items, "%d", i), 0);
    for (size_t i = 0; i < sizeof s_chunks / sizeof *s_chunks; i++) {
        const brood_map_options_t options = { .chunk = s_chunks[i],
                                              .ret_errors = errors };
        int n, j = 0;
        BROOD_AUTO (pool) pool = s_pool_new ("local:2");
        s_reset (S_EXIT);
        s_set_victims (1, 333, N - 2);
        BROOD_AUTO (msg)
        all = brood_pool_map_msg (pool, s_task, items, &options);
        s_check_story (S_EXIT, "s_task", 1);
        s_check (errors, NULL);
        brood_iter_t it = brood_msg_iter (all, "");
        for (; j < N && errors[j] != 0; j++)
            assert_int_equal (brood_iter_next (&it, "nil"), 1);
        for (; j < N; j++) {
            if (errors[j] != 0)
                assert_int_equal (brood_iter_next (&it, "nil"), 1);
            else {
                assert_int_equal (brood_iter_next (&it, "%d", &n), 1);
                assert_int_equal (n, 3 * j);
            }
        }
    }
}

// Told to a caller that asks for nothing else.
static void
s_test_deaths_plain (void **state)
{
    int x[N];
    long y[N];
    (void) state;
    BROOD_AUTO (pool) pool = s_pool_new ("local:2");
    s_fill (x, y);
    s_reset (S_KILL);
    s_set_victims (30, -1, -1);
    assert_int_equal (brood_pool_map (pool, s_mapper, x, y, N), -1);
    s_check_story (S_KILL, "s_mapper", 30);
    s_reset (S_KILL);
    s_set_victims (30, -1, -1);
    BROOD_AUTO (future) f = brood_pool_map_async (pool, s_mapper, x, y, N);
    assert_null (brood_future_result (f, 60000));
    s_check_story (S_KILL, "s_mapper", 30);
    for (int i = 0; i < N; i++)
        assert_int_equal (atomic_load (&s_shared->runs[i]), 1);
}

// With retries an item that killed its worker is tried again, alone.
static void
s_test_retries (void **state)
{
    int x[N], errors[N];
    long y[N];
    (void) state;
    BROOD_AUTO (pool) pool = s_pool_new ("local:2");
    s_fill (x, y);
    s_reset (S_KILL);
    s_set_victims (5, 400, -1);
    atomic_store (&s_shared->once, 1);
    const brood_task_options_t twice = { .retries = 1, .only_deaths = 1 };
    assert_int_equal (
        brood_pool_map_with (
            pool,
            s_mapper,
            x,
            y,
            N,
            &(brood_map_options_t){ .ret_errors = errors, .task = &twice }),
        -1);
    assert_int_equal (errno, EIO);
    for (int i = 0; i < N; i++) {
        assert_int_equal (errors[i], i % 50 == 49 ? EIO : 0);
        assert_int_equal (atomic_load (&s_shared->runs[i]),
                          i == 5 || i == 400 ? 2 : 1);
        assert_int_equal (y[i], i % 50 == 49 ? -7 : 3L * i);
    }
}

BROOD_MAPPER (s_stuck_at_ten, int, x, long, y)
{
    *y = *x;
    while (*x == 10)
        pause ();
    return 0;
}

// An item that does not end is killed when its time is up; others are not.
static void
s_test_item_timeout (void **state)
{
    int x[N], errors[N];
    long y[N];
    (void) state;
    BROOD_AUTO (pool) pool = s_pool_new ("local:2");
    s_fill (x, y);
    const brood_task_options_t timed = { .timeout_ms = 200, .grace_ms = 1 };
    const brood_map_options_t options = { .ret_errors = errors,
                                          .task = &timed };
    assert_int_equal (
        brood_pool_map_with (pool, s_stuck_at_ten, x, y, 20, &options), -1);
    assert_int_equal (errno, ETIMEDOUT);
    for (int i = 0; i < 20; i++)
        assert_int_equal (errors[i], i == 10 ? ETIMEDOUT : 0);
}

// Somebody kills workers all the time: each item has run once at most, and has
// either its result or an error.
static void *
s_killer (void *arg)
{
    (void) arg;
    while (!atomic_load (&s_shared->go)) {
        const int count = atomic_load (&s_shared->pid_count);
        if (count > 0)
            kill (atomic_load (&s_shared->pids[count % 64]), SIGKILL);
        usleep (3000);
    }
    return NULL;
}

BROOD_MAPPER (s_mapper_killed, int, x, long, y)
{
    static pid_t here;
    if (here != getpid ()) {
        here = getpid ();
        const int count = atomic_fetch_add (&s_shared->pid_count, 1) + 1;
        atomic_store (&s_shared->pids[count % 64], here);
    }
    atomic_fetch_add (&s_shared->runs[*x], 1);
    *y = 3L * *x;
    for (volatile int i = 0; i < 20000; i++)
        continue;
    return 0;
}

static void
s_test_killed_anywhere (void **state)
{
    int x[N], errors[N];
    long y[N];
    pthread_t killer;
    (void) state;
    brd_host_pool_pretends = 1;
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (
        &(brood_pool_options_t){ .spec = "local:2", .restarts_max = 100000 });
    brd_host_pool_pretends = 0;
    assert_non_null (pool);
    s_reset (S_KILL);
    assert_int_equal (pthread_create (&killer, NULL, s_killer, NULL), 0);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < N; i++)
            atomic_store (&s_shared->runs[i], 0);
        s_fill (x, y);
        (void) brood_pool_map_with (
            pool,
            s_mapper_killed,
            x,
            y,
            N,
            &(brood_map_options_t){ .ret_errors = errors,
                                    .chunk = round % 2 ? 50 : 0 });
        for (int i = 0; i < N; i++) {
            assert_true (errors[i] == 0 || errors[i] == ECHILD);
            assert_int_equal (y[i], errors[i] == 0 ? 3L * i : -7);
            const int runs = atomic_load (&s_shared->runs[i]);
            // Counted when it has begun: a kill may come before that.
            assert_true (errors[i] == 0 ? runs == 1 : runs <= 1);
        }
    }
    atomic_store (&s_shared->go, 1);
    pthread_join (killer, NULL);
}

// --- Broken reports --------------------------------------------------------

typedef enum {
    S_WRONG_TAG,
    S_TOO_SHORT,
    S_TOO_LONG,
    S_MORE_ITEMS,
    S_BREAKS
} s_break_t;

// A mapper that spoils what its worker is about to send.
BROOD_MAPPER (s_spoils, int, x, long, y)
{
    const brd_worker_t *worker = brood_task_current ()->worker;
    brd_chunk_report_t report;
    unsigned char *bytes =
        brd_arena_at (worker->setup->arena, worker->page->chunk);
    *y = *x;
    if (*x != 100
        || brd_chunk_get_report (bytes, worker->page->chunk_size, &report) < 0)
        return 0;
    unsigned char *size = (unsigned char *) (uintptr_t) report.outputs - 4;
    unsigned char *count = (unsigned char *) (uintptr_t) report.outcomes - 4;
    switch (atomic_load (&s_shared->way)) {
    case S_WRONG_TAG:
        bytes[4] = 'x';
        break;
    case S_TOO_SHORT:
        size[3] -= 8;
        break;
    case S_TOO_LONG:
        size[0] = 0x7f;
        break;
    default:
        count[3] += 1;
    }
    return 0;
}

static void
s_test_broken_report (void **state)
{
    int x[N], errors[N];
    long y[N];
    (void) state;
    BROOD_AUTO (pool) pool = s_pool_new ("local:2");
    for (s_break_t way = 0; way < S_BREAKS; way++) {
        const brood_map_options_t options = { .chunk = 30,
                                              .ret_errors = errors };
        s_fill (x, y);
        s_reset ((s_way_t) way);
        assert_int_equal (
            brood_pool_map_with (pool, s_spoils, x, y, N, &options), -1);
        assert_int_equal (errno, EIO);
        assert_non_null (strstr (brood_error (), "no report"));
        for (int i = 0; i < N; i++) {
            const int bad = i >= 90 && i < 120;
            assert_int_equal (errors[i], bad ? EIO : 0);
            assert_int_equal (y[i], bad ? -7 : i);
        }
    }
}

// A report that is one, but of another chunk: it has an item more.
BROOD_EACH (s_writes_another, int, x)
{
    const brd_worker_t *worker = brood_task_current ()->worker;
    brd_chunk_writer_t writer;
    if (*x == 100)
        brd_chunk_write (
            &writer,
            brd_arena_at (worker->setup->arena, worker->page->chunk),
            31,
            0,
            0);
    return 0;
}

static void
s_test_other_report (void **state)
{
    int x[N], errors[N];
    (void) state;
    BROOD_AUTO (pool) pool = s_pool_new ("local:2");
    const brood_map_options_t options = { .chunk = 30, .ret_errors = errors };
    for (int i = 0; i < N; i++)
        x[i] = i;
    assert_int_equal (
        brood_pool_map_sized (
            pool, s_writes_another, x, sizeof *x, NULL, 0, N, &options),
        -1);
    assert_non_null (strstr (brood_error (), "no report"));
    for (int i = 0; i < N; i++)
        assert_int_equal (errors[i], i >= 90 && i < 120 ? EIO : 0);
}

// A worker that dies when its report is spoiled, or is not of this chunk (way):
// what it had done is lost, and is not done again.
BROOD_MAPPER (s_spoils_and_dies, int, x, long, y)
{
    const brd_worker_t *worker = brood_task_current ()->worker;
    unsigned char *bytes =
        brd_arena_at (worker->setup->arena, worker->page->chunk);
    atomic_fetch_add (&s_shared->runs[*x], 1);
    *y = *x;
    if (*x != 100)
        return 0;
    if (atomic_load (&s_shared->way) == 0)
        bytes[4] = 'x';
    else
        atomic_fetch_sub (&worker->page->chunk_seq, 1);
    kill (getpid (), SIGKILL);
    return 0;
}

static void
s_test_lost_report (void **state)
{
    int x[N], errors[N];
    long y[N];
    (void) state;
    BROOD_AUTO (pool) pool = s_pool_new ("local:2");
    const brood_map_options_t options = { .chunk = 30, .ret_errors = errors };
    for (int way = 0; way < 2; way++) {
        s_fill (x, y);
        s_reset ((s_way_t) way);
        assert_int_equal (
            brood_pool_map_with (pool, s_spoils_and_dies, x, y, N, &options),
            -1);
        assert_int_equal (errno, ECHILD);
        for (int i = 0; i < N; i++) {
            const int bad = i >= 90 && i <= 100;
            assert_int_equal (errors[i], bad ? ECHILD : 0);
            assert_int_equal (y[i], bad ? -7 : i);
            assert_int_equal (atomic_load (&s_shared->runs[i]), 1);
        }
    }
}

// --- Ends ------------------------------------------------------------------

BROOD_MAPPER (s_waits, int, x, long, y)
{
    *y = *x;
    atomic_store (&s_shared->go, 1);
    for (;;)
        pause ();
    return 0;
}

static void *
s_terminator (void *arg)
{
    while (!atomic_load (&s_shared->go))
        sched_yield ();
    (void) brood_pool_terminate (arg);
    return NULL;
}

static void
s_test_terminate (void **state)
{
    int x[N], errors[N];
    long y[N];
    pthread_t thread;
    (void) state;
    BROOD_AUTO (pool) pool = s_pool_new ("local:2");
    s_fill (x, y);
    s_reset (S_KILL);
    assert_int_equal (pthread_create (&thread, NULL, s_terminator, pool), 0);
    assert_int_equal (
        brood_pool_map_with (pool,
                             s_waits,
                             x,
                             y,
                             N,
                             &(brood_map_options_t){ .ret_errors = errors }),
        -1);
    assert_int_equal (errno, EPIPE);
    pthread_join (thread, NULL);
    for (int i = 0; i < N; i++)
        assert_int_equal (errors[i], EPIPE);
    assert_int_equal (
        brood_pool_map_with (pool,
                             s_waits,
                             x,
                             y,
                             N,
                             &(brood_map_options_t){ .ret_errors = errors }),
        -1);
    assert_int_equal (errno, EPIPE);
}

BROOD_MAPPER (s_of_two, int, x, long, y)
{
    *y = 2L * *x;
    return 0;
}

// A second map beside the first, from another thread.
static void *
s_other_map (void *arg)
{
    static int x[N];
    static long y[N];
    s_fill (x, y);
    for (int i = 0; i < 20; i++) {
        if (brood_pool_map (arg, s_of_two, x, y, N) < 0)
            return NULL;
    }
    return y;
}

static void
s_test_two_maps (void **state)
{
    int x[N];
    long y[N];
    pthread_t thread;
    void *other;
    (void) state;
    BROOD_AUTO (pool) pool = s_pool_new ("local:2");
    s_fill (x, y);
    assert_int_equal (pthread_create (&thread, NULL, s_other_map, pool), 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal (brood_pool_map (pool, s_of_two, x, y, N), 0);
    pthread_join (thread, &other);
    assert_non_null (other);
    for (int i = 0; i < N; i++) {
        assert_int_equal (y[i], 2L * i);
        assert_int_equal (((long *) other)[i], 2L * i);
    }
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_deaths),
        cmocka_unit_test (s_test_deaths_each),
        cmocka_unit_test (s_test_deaths_msg),
        cmocka_unit_test (s_test_deaths_plain),
        cmocka_unit_test (s_test_retries),
        cmocka_unit_test (s_test_item_timeout),
        cmocka_unit_test (s_test_killed_anywhere),
        cmocka_unit_test (s_test_broken_report),
        cmocka_unit_test (s_test_other_report),
        cmocka_unit_test (s_test_lost_report),
        cmocka_unit_test (s_test_terminate),
        cmocka_unit_test (s_test_two_maps),
    };
    t_watchdog (110);
    s_shared = t_share (sizeof *s_shared);
    if (brood_init (&argc, &argv) < 0)
        return brood_perror (argv[0]);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
