// bench_lock.c - a lock, beside a robust mutex of the C library
//
// SPDX-License-Identifier: MPL-2.0
//
//     bench_lock pair N         one process, nobody else there
//     bench_lock contended N    four workers, N times each
//
// The same work with both, in the same run: a counter in shared memory goes up
// by one. The mutex is what a C program would take otherwise: process-shared
// and robust, in the same kind of memory.

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <brood.h>

#include "bench.h"

enum {
    S_WORKERS = 4,
    S_ROUNDS_MAX = 100000000
};

// Shared, and there before the workers.
static struct {
    pthread_mutex_t mutex;
    long counter;
} * s_it;

static brood_lock_t *s_lock;

static void
s_by_lock (long n)
{
    for (long i = 0; i < n; i++) {
        if (brood_lock_acquire (s_lock, BROOD_FOREVER) < 0)
            exit (brood_perror ("acquire"));
        s_it->counter++;
        (void) brood_lock_release (s_lock);
    }
}

static void
s_by_mutex (long n)
{
    for (long i = 0; i < n; i++) {
        bench_expect (pthread_mutex_lock (&s_it->mutex) == 0, "mutex");
        s_it->counter++;
        pthread_mutex_unlock (&s_it->mutex);
    }
}

BROOD_EACH (add_by_lock, long, n)
{
    s_by_lock (*n);
    return 0;
}

BROOD_EACH (add_by_mutex, long, n)
{
    s_by_mutex (*n);
    return 0;
}

static void
s_init (brood_value_t *value)
{
    pthread_mutexattr_t attr;
    s_it = brood_value_ptr (value);
    s_lock = brood_lock_new ();
    if (!s_it || !s_lock)
        exit (brood_perror ("shared memory"));
    pthread_mutexattr_init (&attr);
    pthread_mutexattr_setpshared (&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust (&attr, PTHREAD_MUTEX_ROBUST);
    bench_expect (pthread_mutex_init (&s_it->mutex, &attr) == 0, "mutex");
    pthread_mutexattr_destroy (&attr);
}

static void
s_pair (const char *name, void (*add) (long n), long n)
{
    add (n / 10 + 1);
    s_it->counter = 0;
    const int64_t start = bench_now_ns ();
    add (n);
    const int64_t ns = bench_now_ns () - start;
    bench_expect (s_it->counter == n, "lost some");
    bench_report (name, (double) ns / (double) n, "ns");
}

static void
s_pairs (long n)
{
    s_pair ("lock pair lock", s_by_lock, n);
    s_pair ("lock pair robust mutex", s_by_mutex, n);
}

static int64_t
s_contend (brood_pool_t *pool, brood_mapper_fn *add, long n)
{
    long ns[S_WORKERS];
    for (int i = 0; i < S_WORKERS; i++)
        ns[i] = n;
    s_it->counter = 0;
    const int64_t start = bench_now_ns ();
    if (brood_pool_each (pool, add, ns, S_WORKERS) < 0)
        exit (brood_perror ("each"));
    const int64_t took = bench_now_ns () - start;
    bench_expect (s_it->counter == n * S_WORKERS, "lost some");
    return took;
}

static void
s_contended (long n)
{
    const size_t all = (size_t) n * S_WORKERS;
    brood_pool_t *pool = brood_pool_new ("local:4");
    if (!pool)
        exit (brood_perror ("pool"));
    (void) s_contend (pool, add_by_lock, n / 10 + 1);
    bench_rate ("lock contended lock",
                all,
                s_contend (pool, add_by_lock, n),
                "pairs/s");
    bench_rate ("lock contended robust mutex",
                all,
                s_contend (pool, add_by_mutex, n),
                "pairs/s");
    brood_pool_destroy (&pool);
}

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    brood_value_t *value = brood_value_new_sized (sizeof *s_it);
    s_init (value);
    const int smoke = bench_smoke (&argc, argv);
    if (!smoke && argc != 3)
        bench_usage ("bench_lock pair|contended N");
    const long n = smoke ? 500 : (long) bench_count (argv[2], S_ROUNDS_MAX);
    if (smoke || strcmp (argv[1], "pair") == 0)
        s_pairs (n);
    if (smoke || strcmp (argv[1], "contended") == 0)
        s_contended (n);
    brood_lock_destroy (&s_lock);
    brood_value_destroy (&value);
    return 0;
}
