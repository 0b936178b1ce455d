// test_threads_at_fork.c - pools are made while other threads hold libc's locks
//
// SPDX-License-Identifier: MPL-2.0
//
// fork () copies the locks that other threads hold, and not the threads. Four
// of them are in the time zone, stdio, malloc and the resolver all the time,
// while pools are made and workers are replaced; no worker may hang on a lock
// whose holder it never had. The malloc of sanitizers, unlike libc's, stays
// locked in a fork: without them.

#include "t_brood.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>

#include <brood.h>

enum {
    POOLS = 100,
    REPLACEMENTS = 200,
    WORKERS = 2,
    THREADS = 4
};

static atomic_int s_quit;
static atomic_long s_busy[4];  // Rounds of each

// A lock that is held most of the time leaves no moment to fork in.
static void
s_rest (void)
{
    for (volatile int i = 0; i < 2000; i++)
        continue;
}

static void *
s_in_malloc (void *arg)
{
    void *blocks[64] = { 0 };
    unsigned i = 0;
    (void) arg;
    while (!atomic_load (&s_quit)) {
        i = i * 1103515245 + 12345;
        void **block = &blocks[i >> 16 & 63];
        free (*block);
        *block = malloc (16 + (i >> 8 & 8191));
        atomic_fetch_add (&s_busy[2], 1);
    }
    for (i = 0; i < 64; i++)
        free (blocks[i]);
    return NULL;
}

static void *
s_in_stdio (void *arg)
{
    char text[64];
    FILE *file = fopen ("/dev/null", "we");
    (void) arg;
    while (!atomic_load (&s_quit)) {
        fprintf (file, "%ld %s %f\n", random (), "text", 1.5);
        snprintf (text, sizeof text, "%d", fileno (stdout));
        fflush (NULL);
        s_rest ();
        atomic_fetch_add (&s_busy[1], 1);
    }
    fclose (file);
    return NULL;
}

static void *
s_in_time (void *arg)
{
    struct tm tm;
    (void) arg;
    while (!atomic_load (&s_quit)) {
        const time_t now = time (NULL);
        (void) localtime_r (&now, &tm);
        s_rest ();
        atomic_fetch_add (&s_busy[0], 1);
    }
    return NULL;
}

static void *
s_in_resolver (void *arg)
{
    (void) arg;
    const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST,
                                    .ai_socktype = SOCK_STREAM };
    while (!atomic_load (&s_quit)) {
        struct addrinfo *found = NULL;
        if (getaddrinfo ("127.0.0.1", "80", &hints, &found) == 0)
            freeaddrinfo (found);
        (void) setenv ("S_NOISE", "1", 1);
        atomic_fetch_add (&s_busy[3], 1);
    }
    return NULL;
}

// In the worker, what the threads were doing.
static int
s_use_libc (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    struct tm tm;
    const time_t now = time (NULL);
    int leave;
    if (brood_msg_unpack (in, "%d", &leave) < 0)
        return brood_task_fail (task, "wanted a number");
    void *block = malloc (5000);
    if (!block || !localtime_r (&now, &tm))
        return brood_task_fail (task, "libc");
    free (block);
    FILE *file = fopen ("/dev/null", "we");
    if (!file)
        return brood_task_fail (task, "fopen");
    fprintf (file, "%ld\n", random ());
    fclose (file);
    if (leave)
        _exit (3);
    return brood_msg_pack (out, "%d", tm.tm_year);
}
BROOD_TASK (s_use_libc);

static void
s_start_threads (pthread_t threads[THREADS])
{
    static void *(*const mains[4]) (
        void *) = { s_in_time, s_in_stdio, s_in_malloc, s_in_resolver };
    atomic_store (&s_quit, 0);
    for (int i = 0; i < THREADS; i++) {
        atomic_store (&s_busy[i], 0);
        assert_int_equal (pthread_create (&threads[i], NULL, mains[i], NULL),
                          0);
    }
}

static void
s_stop_threads (pthread_t threads[THREADS])
{
    atomic_store (&s_quit, 1);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal (pthread_join (threads[i], NULL), 0);
        assert_true (atomic_load (&s_busy[i]) > 0);
    }
}

static void
s_check_task (brood_pool_t *pool, int leave)
{
    int year;
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_use_libc, "%d", leave);
    const int rc = brood_future_get (f, 30000, "%d", &year);
    if (leave ? rc == 0 || errno != ECHILD : rc < 0)
        fail_msg ("%s", brood_error ());
}

static void
s_test_pools (void **state)
{
    (void) state;
    pthread_t threads[THREADS];
    s_start_threads (threads);
    for (int i = 0; i < POOLS; i++) {
        BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
        if (!pool)
            fail_msg ("%d: %s", i, brood_error ());
        for (int j = 0; j < WORKERS; j++)
            s_check_task (pool, 0);
    }
    s_stop_threads (threads);
}

static void
s_test_replacements (void **state)
{
    (void) state;
    pthread_t threads[THREADS];
    s_start_threads (threads);
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (&(brood_pool_options_t){
        .spec = "local:2", .restarts_max = 2 * REPLACEMENTS });
    assert_non_null (pool);
    for (int i = 0; i < REPLACEMENTS; i++) {
        s_check_task (pool, 1);
        s_check_task (pool, 0);
    }
    s_stop_threads (threads);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_pools),
        cmocka_unit_test (s_test_replacements),
    };
    if (T_SANITIZED) {
        fprintf (stderr, "to be run without sanitizers: their malloc\n");
        return 77;
    }
    t_watchdog (110);
    if (brood_init (&argc, &argv) < 0)
        return brood_perror (argv[0]);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
