// test_signals.c - a thousand signals a second, and Ctrl-C at the wrong moment
//
// SPDX-License-Identifier: MPL-2.0
//
// Every wait and every call of brood's in the owner is interrupted again and
// again, with SA_RESTART and without, and nothing is to be seen of it. Then
// brood_interrupt (), which is how a program wants to be interrupted.

#include "t_brood.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include <brood.h>

enum {
    N = 2000,
    ROUNDS = 4,
    ENOUGH = 200  // Signals while one kind of call is made
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

// --- The signals -----------------------------------------------------------

static atomic_int s_quit;
static atomic_long s_caught;
static pthread_t s_target;

static void
s_catch (int signal_no)
{
    (void) signal_no;
    atomic_fetch_add (&s_caught, 1);
}

static void *
s_shoot (void *arg)
{
    (void) arg;
    while (!atomic_load (&s_quit)) {
        pthread_kill (s_target, SIGUSR1);
        nanosleep (&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    return NULL;
}

static void
s_submits (brood_pool_t *pool)
{
    static brood_future_t *futures[N];
    int n;
    for (int i = 0; i < N; i++) {
        futures[i] = brood_pool_submit (pool, s_twice, "%d", i);
        assert_non_null (futures[i]);
    }
    for (int i = 0; i < N; i++) {
        if (brood_future_get (futures[i], 30000, "%d", &n) < 0)
            fail_msg ("%s", brood_error ());
        assert_int_equal (n, 2 * i);
        brood_future_destroy (&futures[i]);
    }
}

static void
s_maps (brood_pool_t *pool)
{
    static int in[N];
    static long out[N];
    for (int i = 0; i < N; i++) {
        in[i] = i;
        out[i] = -1;
    }
    if (brood_pool_map (pool, s_double, in, out, N) < 0)
        fail_msg ("%s", brood_error ());
    for (int i = 0; i < N; i++)
        assert_int_equal (out[i], 2 * i);
}

static void
s_streams (brood_pool_t *pool)
{
    int n;
    long count = 0;
    BROOD_AUTO (stream) s = brood_pool_imap (pool, s_twice, BROOD_ORDERED);
    for (int i = 0; i < N; i++) {
        if (brood_stream_feed (s, "%d", i) < 0)
            fail_msg ("%s", brood_error ());
    }
    assert_int_equal (brood_stream_close (s), 0);
    int got;
    while ((got = brood_stream_next (s, 30000, "%d", &n)) == 1)
        assert_int_equal (n, 2 * count++);
    if (got < 0)
        fail_msg ("%s", brood_error ());
    assert_int_equal (count, N);
}

static void
s_trips (brood_pool_t *pool)
{
    for (int i = 0; i < 100; i++) {
        int n;
        BROOD_AUTO (msg) msg = brood_pool_apply (pool, s_twice, "%d", i);
        if (!msg)
            fail_msg ("%s", brood_error ());
        assert_int_equal (brood_msg_unpack (msg, "%d", &n), 0);
        assert_int_equal (n, 2 * i);
    }
}

static void
s_pools (brood_pool_t *pool)
{
    (void) pool;
    for (int i = 0; i < 5; i++) {
        BROOD_AUTO (pool) own = brood_pool_new ("local:2");
        if (!own)
            fail_msg ("%s", brood_error ());
        s_maps (own);
        assert_int_equal (brood_pool_shutdown (own, 20000), 0);
    }
}

static void
s_under_fire (int flags)
{
    static void (*const works[]) (
        brood_pool_t *) = { s_submits, s_maps, s_streams, s_trips, s_pools };
    pthread_t shooter;
    const struct sigaction action = { .sa_handler = s_catch,
                                      .sa_flags = flags };
    struct sigaction before;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    assert_int_equal (sigaction (SIGUSR1, &action, &before), 0);
    s_target = pthread_self ();
    atomic_store (&s_quit, 0);
    assert_int_equal (pthread_create (&shooter, NULL, s_shoot, NULL), 0);
    for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
        const long wanted = atomic_load (&s_caught) + ENOUGH;
        int round = 0;
        do
            works[i](pool);
        while (++round < ROUNDS && atomic_load (&s_caught) < wanted);
    }
    atomic_store (&s_quit, 1);
    pthread_join (shooter, NULL);
    assert_true (atomic_load (&s_caught) > 50);
    assert_int_equal (sigaction (SIGUSR1, &before, NULL), 0);
}

static void
s_test_restart (void **state)
{
    (void) state;
    s_under_fire (SA_RESTART);
}

static void
s_test_no_restart (void **state)
{
    (void) state;
    s_under_fire (0);
}

// --- brood_interrupt () ----------------------------------------------------

// Waits for a promise nobody keeps.
static int
s_wait (brood_future_t *future, int timeout_ms)
{
    const int rc = brood_future_wait (future, timeout_ms);
    assert_int_equal (rc, -1);
    return errno;
}

// A handler cannot know whether its program is in a wait, or just before.
static void
s_test_before_the_wait (void **state)
{
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future) promise = brood_future_new ();
    brood_interrupt ();
    assert_int_equal (s_wait (promise, BROOD_FOREVER), EINTR);
    // Once.
    assert_int_equal (s_wait (promise, 20), ETIMEDOUT);
    s_maps (pool);
    brood_interrupt ();
    brood_interrupt ();
    assert_int_equal (brood_pool_close (pool), 0);
    assert_int_equal (brood_pool_join (pool, BROOD_FOREVER), -1);
    assert_int_equal (errno, EINTR);
    assert_int_equal (brood_pool_join (pool, 20000), 0);
}

static atomic_int s_waiting;

static void *
s_wait_in_thread (void *arg)
{
    atomic_fetch_add (&s_waiting, 1);
    return brood_future_wait (arg, 30000) < 0 && errno == EINTR ? NULL : arg;
}

static int
s_wait_three (void *arg)
{
    (void) arg;
    return atomic_load (&s_waiting) == 3;
}

// Of several threads that wait, each.
static void
s_test_all_waits (void **state)
{
    (void) state;
    pthread_t threads[3];
    BROOD_AUTO (future) promise = brood_future_new ();
    for (int i = 0; i < 3; i++)
        assert_int_equal (
            pthread_create (&threads[i], NULL, s_wait_in_thread, promise), 0);
    assert_true (t_eventually (s_wait_three, NULL, 10));
    // They are about to wait; that they do cannot be seen from here.
    nanosleep (&(struct timespec){ .tv_nsec = 200000000 }, NULL);
    brood_interrupt ();
    for (int i = 0; i < 3; i++) {
        void *trouble;
        assert_int_equal (pthread_join (threads[i], &trouble), 0);
        assert_null (trouble);
    }
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_restart),
        cmocka_unit_test (s_test_no_restart),
        cmocka_unit_test (s_test_before_the_wait),
        cmocka_unit_test (s_test_all_waits),
    };
    t_watchdog (110);
    if (brood_init (&argc, &argv) < 0)
        return brood_perror (argv[0]);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
