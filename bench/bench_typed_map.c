// bench_typed_map.c - W1: the squares of a million numbers by brood_pool_map ()
//
// SPDX-License-Identifier: MPL-2.0
//
//     bench_typed_map arena|plain N
//
// arena: both arrays are a brood_array, so workers read and write them in
// place. plain: both come from malloc, and the numbers have to travel. Two
// workers; the median of nine maps after one to warm up. Squaring costs less
// than touching memory, so what shows is what brood adds to it.
//
// The peers are "fork" in peers/serial_openmp_fork.c, which no map can beat by
// much, and "map raw" in peers/zmq_by_hand.c.

#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "brood/brood_array.h"
#include "brood/brood_error.h"
#include "brood/brood_init.h"
#include "brood/brood_pool.h"

enum {
    S_REPEAT = 9,
    S_NUMBERS_MAX = 1000000000
};

BROOD_MAPPER (square, int64_t, x, int64_t, y)
{
    *y = *x * *x;
    return 0;
}

static void
s_map (brood_pool_t *pool, const int64_t *in, int64_t *out, size_t n)
{
    if (brood_pool_map (pool, square, in, out, n) < 0)
        exit (brood_perror ("map"));
}

static void
s_measure (int64_t *in, int64_t *out, size_t n)
{
    int64_t ns[S_REPEAT];
    brood_pool_t *pool = brood_pool_new ("local:2");
    bench_fill (in, n, 0);
    s_map (pool, in, out, n);
    for (int i = 0; i < S_REPEAT; i++) {
        int64_t start = bench_now_ns ();
        s_map (pool, in, out, n);
        ns[i] = bench_now_ns () - start;
    }
    bench_expect (bench_squares (out, n, 0), "wrong squares");

    // Every map above wrote the same numbers: make sure that a map writes any.
    bench_fill (in, n, 7);
    s_map (pool, in, out, n);
    bench_expect (bench_squares (out, n, 7), "wrong squares of other numbers");
    bench_map_rate (n, bench_median (ns, S_REPEAT));
    brood_pool_destroy (&pool);
}

static void
s_arena (size_t n)
{
    brood_array_t *in = brood_array_new_of (int64_t, n);
    brood_array_t *out = brood_array_new_of (int64_t, n);
    if (!in || !out)
        exit (brood_perror ("arena arrays"));
    s_measure (brood_array_ptr (in), brood_array_ptr (out), n);
    brood_array_destroy (&in);
    brood_array_destroy (&out);
}

static void
s_plain (size_t n)
{
    int64_t *in = malloc (n * sizeof *in);
    int64_t *out = malloc (n * sizeof *out);
    bench_check (in && out, "malloc");
    s_measure (in, out, n);
    free (in);
    free (out);
}

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    if (bench_smoke (&argc, argv)) {
        s_arena (1);
        s_arena (10007);
        s_plain (1);
        s_plain (10007);
    }
    else if (argc == 3 && strcmp (argv[1], "arena") == 0)
        s_arena (bench_count (argv[2], S_NUMBERS_MAX));
    else if (argc == 3 && strcmp (argv[1], "plain") == 0)
        s_plain (bench_count (argv[2], S_NUMBERS_MAX));
    else
        bench_usage ("bench_typed_map arena|plain N");
    return 0;
}
