// bench.c - what every benchmark program and every peer needs
//
// SPDX-License-Identifier: MPL-2.0
//
// Clock, result lines, medians, and the little a benchmark asks of the system.
// A program that uses this reads like its workload: see bench_submit.c.

#include "bench.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int64_t
bench_now_ns (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000000000 + now.tv_nsec;
}

bool
bench_smoke (int *argc, char **argv)
{
    bool found = false;
    int kept = 1;
    for (int i = 1; i < *argc; i++)
        if (strcmp (argv[i], "--smoke") == 0)
            found = true;
        else
            argv[kept++] = argv[i];
    argv[kept] = NULL;
    *argc = kept;
    return found;
}

void
bench_check (bool ok, const char *what)
{
    if (ok)
        return;
    fprintf (stderr, "%s: %s\n", what, strerror (errno));
    // Peers have children and sockets that an orderly exit would wait for.
    _exit (1);
}

void
bench_expect (bool ok, const char *what)
{
    if (ok)
        return;
    fprintf (stderr, "%s\n", what);
    _exit (1);
}

void
bench_usage (const char *text)
{
    fprintf (stderr, "usage: %s\n", text);
    exit (64);
}

size_t
bench_count (const char *text, size_t most)
{
    char *end = NULL;
    errno = 0;
    unsigned long value = strtoul (text, &end, 10);
    if (errno != 0 || *text < '0' || *text > '9' || *end != '\0' || value < 1
        || value > most) {
        fprintf (stderr, "%s: not a number from 1 to %zu\n", text, most);
        exit (64);
    }
    return value;
}

void
bench_report (const char *metric, double value, const char *unit)
{
    printf ("%s\t%.6g\t%s\n", metric, value, unit);
    fflush (stdout);
}

void
bench_rate (const char *metric, size_t n, int64_t ns, const char *unit)
{
    bench_report (metric, (double) n * 1e9 / (double) ns, unit);
}

void
bench_map_rate (size_t n, int64_t ns)
{
    char metric[48];
    if (n % 1000000 == 0)
        snprintf (metric, sizeof metric, "W1 map %zuM", n / 1000000);
    else
        snprintf (metric, sizeof metric, "W1 map %zu", n);
    bench_rate (metric, n, ns, "items/s");
}

void
bench_start_stop (int workers, int64_t *ns, size_t count, long pss_kb)
{
    char metric[48];
    double ms = (double) bench_median (ns, count) / 1e6;
    snprintf (metric, sizeof metric, "W6 start+stop %d", workers);
    bench_report (metric, ms, "ms");
    snprintf (metric, sizeof metric, "W6 pss/worker %d", workers);
    bench_report (metric, (double) pss_kb / workers, "kB");
}

static int
s_compare (const void *a, const void *b)
{
    int64_t x = *(const int64_t *) a;
    int64_t y = *(const int64_t *) b;
    return (x > y) - (x < y);
}

int64_t
bench_median (int64_t *values, size_t count)
{
    qsort (values, count, sizeof *values, s_compare);
    return values[count / 2];
}

void
bench_latency (const char *name, int64_t *ns, size_t count)
{
    char metric[64];
    double median_us = (double) bench_median (ns, count) / 1e3;
    double p99_us = (double) ns[count - 1 - count / 100] / 1e3;
    snprintf (metric, sizeof metric, "%s median", name);
    bench_report (metric, median_us, "us");
    snprintf (metric, sizeof metric, "%s p99", name);
    bench_report (metric, p99_us, "us");
}

long
bench_pss_kb (pid_t pid)
{
    char path[64];
    char line[256];
    long kb = -1;
    snprintf (path, sizeof path, "/proc/%d/smaps_rollup", (int) pid);
    FILE *file = fopen (path, "r");
    bench_check (file != NULL, path);
    while (kb < 0 && fgets (line, sizeof line, file))
        if (strncmp (line, "Pss:", 4) == 0)
            kb = strtol (line + 4, NULL, 10);
    fclose (file);
    bench_check (kb >= 0, path);
    return kb;
}

pid_t
bench_fork (void)
{
    fflush (stdout);
    pid_t parent = getpid ();
    pid_t pid = fork ();
    bench_check (pid >= 0, "fork");
    if (pid == 0) {
        prctl (PR_SET_PDEATHSIG, SIGKILL);
        if (getppid () != parent)  // It ended before it could be asked to
            _exit (1);
    }
    return pid;
}

void
bench_kill (pid_t pid)
{
    kill (pid, SIGKILL);
    bench_check (waitpid (pid, NULL, 0) == pid, "waitpid");
}

void *
bench_shared (size_t size_bytes)
{
    // Populated, so that no run pays for first touch.
    void *memory = mmap (NULL,
                         size_bytes,
                         PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE,
                         -1,
                         0);
    bench_check (memory != MAP_FAILED, "mmap");
    return memory;
}

void
bench_unshare (void *memory, size_t size_bytes)
{
    munmap (memory, size_bytes);
}

void
bench_fill (int64_t *in, size_t n, int64_t offset)
{
    for (size_t i = 0; i < n; i++)
        in[i] = (int64_t) i + offset;
}

bool
bench_squares (const int64_t *out, size_t n, int64_t offset)
{
    for (size_t i = 0; i < n; i++) {
        int64_t x = (int64_t) i + offset;
        if (out[i] != x * x)
            return false;
    }
    return true;
}
