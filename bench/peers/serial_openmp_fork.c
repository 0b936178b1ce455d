// serial_openmp_fork.c - peer: the limits, work without any messages
//
// SPDX-License-Identifier: MPL-2.0
//
//     serial_openmp_fork map serial|openmp|fork N    W1: squares of N numbers
//     serial_openmp_fork rows serial|openmp|fork     W7: Mandelbrot
//     serial_openmp_fork start N                     W6: N forked workers
//
// serial is a loop, openmp the same loop under a pragma with two threads, fork
// two processes on shared memory: for the map they are resident and woken by a
// byte through a pipe, for the rows they draw row numbers from a shared
// counter. For start the workers sit on socketpairs. No death is noticed and
// no result can be an error. Built without OpenMP, openmp ends with 77.

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "mandel.h"

enum {
    S_WORKERS = 2,
    S_MAP_REPEAT = 9,
    S_START_REPEAT = 5,
    S_NUMBERS_MAX = 1000000000,
    S_WORKERS_MAX = 1000
};

typedef enum {
    S_SERIAL,
    S_OPENMP,
    S_FORK
} how_t;

// --- W1 --------------------------------------------------------------------

typedef struct {
    const int64_t *in;
    int64_t *out;
    size_t n;
    int go[S_WORKERS][2];  // A pipe to each worker
    int done[2];           // One pipe back
} map_t;

// Not inlined: the function a user would give to a map.
__attribute__ ((noinline)) static int64_t
s_square (int64_t x)
{
    return x * x;
}

static void
s_range (const map_t *map, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        map->out[i] = s_square (map->in[i]);
}

static void
s_range_openmp (const map_t *map)
{
#ifdef _OPENMP
#pragma omp parallel for num_threads(S_WORKERS)
    for (size_t i = 0; i < map->n; i++)
        map->out[i] = s_square (map->in[i]);
#else
    (void) map;
#endif
}

static void
s_write (int fd, const void *bytes, size_t size)
{
    bench_check (write (fd, bytes, size) == (ssize_t) size, "write");
}

// Reads all of it; false at the end of the file.
static bool
s_read (int fd, void *bytes, size_t size)
{
    for (char *at = bytes; size > 0;) {
        ssize_t got = read (fd, at, size);
        bench_check (got >= 0, "read");
        if (got == 0)
            return false;
        at += got;
        size -= (size_t) got;
    }
    return true;
}

static void
s_map_worker (const map_t *map, int self)
{
    size_t worker = (size_t) self;
    char byte;
    for (int i = 0; i <= self; i++)
        close (map->go[i][1]);
    while (s_read (map->go[self][0], &byte, 1)) {
        s_range (map,
                 map->n * worker / S_WORKERS,
                 map->n * (worker + 1) / S_WORKERS);
        s_write (map->done[1], &byte, 1);
    }
    _exit (0);
}

static void
s_map_fork (map_t *map)
{
    bench_check (pipe (map->done) == 0, "pipe");
    for (int i = 0; i < S_WORKERS; i++) {
        bench_check (pipe (map->go[i]) == 0, "pipe");
        if (bench_fork () == 0)
            s_map_worker (map, i);
    }
}

static void
s_map_join (map_t *map)
{
    for (int i = 0; i < S_WORKERS; i++)
        close (map->go[i][1]);
    for (int i = 0; i < S_WORKERS; i++)
        wait (NULL);
}

static void
s_map (const map_t *map, how_t how)
{
    char bytes[S_WORKERS] = { 0 };
    if (how == S_SERIAL)
        s_range (map, 0, map->n);
    else if (how == S_OPENMP)
        s_range_openmp (map);
    else {
        for (int i = 0; i < S_WORKERS; i++)
            s_write (map->go[i][1], bytes, 1);
        bench_expect (s_read (map->done[0], bytes, sizeof bytes), "no answer");
    }
}

static void
s_measure_map (how_t how, size_t n)
{
    int64_t ns[S_MAP_REPEAT];
    int64_t *in = bench_shared (n * sizeof *in);
    int64_t *out = bench_shared (n * sizeof *out);
    map_t map = { .in = in, .out = out, .n = n };
    bench_fill (in, n, 0);
    if (how == S_FORK)
        s_map_fork (&map);
    s_map (&map, how);
    for (int i = 0; i < S_MAP_REPEAT; i++) {
        int64_t start = bench_now_ns ();
        s_map (&map, how);
        ns[i] = bench_now_ns () - start;
    }
    bench_expect (bench_squares (out, n, 0), "wrong squares");
    bench_map_rate (n, bench_median (ns, S_MAP_REPEAT));
    if (how == S_FORK)
        s_map_join (&map);
    bench_unshare (in, n * sizeof *in);
    bench_unshare (out, n * sizeof *out);
}

// --- W6 --------------------------------------------------------------------

static void
s_start_worker (const int *sockets, int self, int socket)
{
    int64_t x;
    for (int i = 0; i < self; i++)
        close (sockets[i]);
    while (s_read (socket, &x, sizeof x)) {
        x = s_square (x);
        s_write (socket, &x, sizeof x);
    }
    _exit (0);
}

// Returns the memory of all workers if wanted.
static long
s_cycle (int count, bool pss)
{
    int sockets[S_WORKERS_MAX];
    pid_t pids[S_WORKERS_MAX];
    long kb = 0;
    for (int i = 0; i < count; i++) {
        int pair[2];
        bench_check (socketpair (AF_UNIX, SOCK_STREAM, 0, pair) == 0,
                     "socketpair");
        sockets[i] = pair[0];
        pids[i] = bench_fork ();
        if (pids[i] == 0) {
            close (pair[0]);
            s_start_worker (sockets, i, pair[1]);
        }
        close (pair[1]);
    }
    for (int64_t i = 0; i < count; i++)
        s_write (sockets[i], &i, sizeof i);
    for (int64_t i = 0; i < count; i++) {
        int64_t y = -1;
        bench_expect (s_read (sockets[i], &y, sizeof y) && y == i * i,
                      "wrong answer");
    }
    for (int i = 0; pss && i < count; i++)
        kb += bench_pss_kb (pids[i]);
    for (int i = 0; i < count; i++)
        close (sockets[i]);
    for (int i = 0; i < count; i++)
        waitpid (pids[i], NULL, 0);
    return kb;
}

static void
s_measure_start (int count)
{
    int64_t ns[S_START_REPEAT];
    s_cycle (count, false);
    for (int i = 0; i < S_START_REPEAT; i++) {
        int64_t start = bench_now_ns ();
        s_cycle (count, false);
        ns[i] = bench_now_ns () - start;
    }
    bench_start_stop (count, ns, S_START_REPEAT, s_cycle (count, true));
}

// --- W7 --------------------------------------------------------------------

typedef struct {
    atomic_int next;  // Row nobody has drawn yet
    _Atomic uint64_t sum;
} rows_t;

static uint64_t
s_rows_serial (int rows)
{
    uint64_t sum = 0;
    for (int i = 0; i < rows; i++)
        sum += mandel_row (i, rows);
    return sum;
}

static uint64_t
s_rows_openmp (int rows)
{
    uint64_t sum = 0;
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic) reduction(+ : sum) \
    num_threads(S_WORKERS)
    for (int i = 0; i < rows; i++)
        sum += mandel_row (i, rows);
#else
    (void) rows;
#endif
    return sum;
}

static uint64_t
s_rows_fork (int rows)
{
    rows_t *shared = bench_shared (sizeof *shared);
    for (int i = 0; i < S_WORKERS; i++)
        if (bench_fork () == 0) {
            uint64_t sum = 0;
            int row;
            while ((row = atomic_fetch_add (&shared->next, 1)) < rows)
                sum += mandel_row (row, rows);
            atomic_fetch_add (&shared->sum, sum);
            _exit (0);
        }
    for (int i = 0; i < S_WORKERS; i++)
        wait (NULL);
    uint64_t sum = atomic_load (&shared->sum);
    bench_unshare (shared, sizeof *shared);
    return sum;
}

static uint64_t
s_measure_rows (how_t how, int rows)
{
    int64_t start = bench_now_ns ();
    uint64_t sum = how == S_SERIAL   ? s_rows_serial (rows)
                   : how == S_OPENMP ? s_rows_openmp (rows)
                                     : s_rows_fork (rows);
    bench_report ("W7 wall", (double) (bench_now_ns () - start) / 1e9, "s");
    if (rows == MANDEL_ROWS)
        bench_expect (sum == MANDEL_SUM, "wrong sum");
    return sum;
}

// --- Calling ---------------------------------------------------------------

static bool
s_have_openmp (void)
{
#ifdef _OPENMP
    return true;
#else
    return false;
#endif
}

static void
s_smoke (void)
{
    uint64_t sum = s_measure_rows (S_SERIAL, MANDEL_SMOKE_ROWS);
    for (how_t how = S_SERIAL; how <= S_FORK; how++) {
        if (how == S_OPENMP && !s_have_openmp ())
            continue;
        s_measure_map (how, 10007);
        bench_expect (s_measure_rows (how, MANDEL_SMOKE_ROWS) == sum,
                      "sums differ");
    }
    s_measure_start (5);
}

static how_t
s_how (const char *text)
{
    if (strcmp (text, "serial") == 0)
        return S_SERIAL;
    if (strcmp (text, "fork") == 0)
        return S_FORK;
    if (strcmp (text, "openmp") != 0)
        bench_usage ("... serial|openmp|fork");
    if (!s_have_openmp ()) {
        fprintf (stderr, "built without OpenMP\n");
        exit (BENCH_SKIP);
    }
    return S_OPENMP;
}

int
main (int argc, char **argv)
{
    bool smoke = bench_smoke (&argc, argv);
    const char *what = argc > 2 ? argv[1] : "";
    if (smoke)
        s_smoke ();
    else if (argc == 4 && strcmp (what, "map") == 0)
        s_measure_map (s_how (argv[2]), bench_count (argv[3], S_NUMBERS_MAX));
    else if (argc == 3 && strcmp (what, "rows") == 0)
        s_measure_rows (s_how (argv[2]), MANDEL_ROWS);
    else if (argc == 3 && strcmp (what, "start") == 0)
        s_measure_start ((int) bench_count (argv[2], S_WORKERS_MAX));
    else
        bench_usage ("serial_openmp_fork map serial|openmp|fork N"
                     " | rows serial|openmp|fork | start N");
    return 0;
}
