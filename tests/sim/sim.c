// sim.c - runs made-up worlds around the core until one of them goes wrong
//
// SPDX-License-Identifier: MPL-2.0
//
//     sim                                 ten seconds of worlds
//     sim --seconds 3600 --seed 0         an hour of ones nobody has seen
//     sim --steps 200000 --twice          each world two times: same trace?
//     sim --seed 17                       world 17 alone, in this process
//     sim --seed 17 --verbose             ... and its story
//     sim --plant lost-reclaim            a model with a bug, to see it found
//
// Many worlds run in a child, so that whatever ends one (a broken promise, an
// assert in the core, a sanitizer, a loop without end) is reported by the
// parent with the command that repeats it. A single world runs right here, for
// a debugger.
//
// Read next: sim.h.

#include "sim.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// A world that takes longer than this has come to a standstill.
#define S_WORLD_SECONDS 60

static const char *const s_plants[] = { "lost-reclaim", "double-done",
                                        "forget-death", "ignore-taken",
                                        "lost-offer",   NULL };

enum {
    S_WORKERS,
    S_STEPS,
    S_TWICE
};

static sim_kit_option_t s_options[] = {
    [S_WORKERS] = { .name = "workers", .word = "N", .replays = 1 },
    [S_STEPS] = { .name = "steps", .word = "N" },
    [S_TWICE] = { .name = "twice" },
    { .name = NULL }
};

static sim_kit_t s_kit = {
    .name = "sim", .plants = s_plants, .options = s_options, .tells = 1
};

// Shared between parent and child.
typedef struct {
    uint64_t seed;  // Of the world that is running
    long seeds;
    long steps;
    long tasks;
    long deaths;
    double fake_s;
} s_totals_t;

static double
s_clock (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static void
s_failed (uint64_t seed, const char *why)
{
    printf ("sim: seed %llu fails: %s\n", (unsigned long long) seed, why);
    fflush (stdout);
    s_kit.seed = seed;
    sim_kit_replay (&s_kit);
}

// --- Worlds ----------------------------------------------------------------

static void
s_add (s_totals_t *totals, const sim_result_t *result)
{
    totals->seeds++;
    totals->steps += result->steps;
    totals->tasks += result->tasks;
    totals->deaths += result->deaths;
    totals->fake_s += (double) result->fake_ns / 1e9;
}

static int
s_run_seed (uint64_t seed, s_totals_t *totals)
{
    const sim_options_t world = {
        .seed = seed,
        .workers_max = (uint32_t) s_options[S_WORKERS].value,
        .plant = (sim_plant_t) s_kit.plant,
        .verbose = s_kit.verbose,
    };
    sim_result_t result;
    totals->seed = seed;
    alarm (S_WORLD_SECONDS);
    if (sim_world_run (&world, &result) < 0) {
        s_failed (seed, result.why);
        return -1;
    }
    s_add (totals, &result);
    if (s_kit.single)
        printf ("sim: trace %016llx\n", (unsigned long long) result.hash);
    if (!s_options[S_TWICE].value)
        return 0;
    uint64_t hash = result.hash;
    if (sim_world_run (&world, &result) < 0 || result.hash != hash) {
        s_failed (seed, "its trace is another the second time");
        return -1;
    }
    return 0;
}

static int
s_run_seeds (s_totals_t *totals)
{
    const double end = s_clock () + (double) s_kit.seconds;
    const long steps = (long) s_options[S_STEPS].value;
    for (uint64_t seed = s_kit.first;; seed++) {
        if (s_run_seed (seed, totals) < 0)
            return -1;
        if (s_kit.single
            || (steps > 0 ? totals->steps >= steps : s_clock () >= end))
            return 0;
    }
}

// As s_run_seeds (), and survives it.
static int
s_run_guarded (s_totals_t *totals)
{
    fflush (NULL);
    pid_t pid = fork ();
    if (pid < 0) {
        perror ("sim: fork");
        return -1;
    }
    if (pid == 0) {
        int rc = s_run_seeds (totals);
        fflush (NULL);
        // A world that failed leaves its core behind: no leak to report.
        if (rc < 0)
            _exit (1);
        exit (0);
    }
    int status;
    while (waitpid (pid, &status, 0) < 0)
        ;
    if (WIFEXITED (status) && WEXITSTATUS (status) <= 1)
        return WEXITSTATUS (status) ? -1 : 0;
    char why[80];
    if (WIFSIGNALED (status) && WTERMSIG (status) == SIGALRM)
        snprintf (why, sizeof why, "it does not come to an end");
    else if (WIFSIGNALED (status))
        snprintf (why, sizeof why, "signal %d", WTERMSIG (status));
    else
        snprintf (why, sizeof why, "exit code %d", WEXITSTATUS (status));
    s_failed (totals->seed, why);
    return -1;
}

int
main (int argc, char **argv)
{
    if (sim_kit_read (&s_kit, argc, argv) < 0)
        return 2;
    if (s_options[S_WORKERS].value > SIM_PLACES) {
        fprintf (stderr, "sim: at most %d workers\n", SIM_PLACES);
        return 2;
    }
    s_kit.single &= s_options[S_STEPS].value == 0;
    s_totals_t *totals = mmap (NULL,
                               sizeof *totals,
                               PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS,
                               -1,
                               0);
    if (totals == MAP_FAILED) {
        perror ("sim: mmap");
        return 2;
    }
    double begin = s_clock ();
    int rc = s_kit.single ? s_run_seeds (totals) : s_run_guarded (totals);
    double seconds = s_clock () - begin;
    printf ("sim: %ld seeds from %llu, %ld steps (%.0f/s), %ld tasks, "
            "%ld deaths, %.0f s of fake time in %.1f s\n",
            totals->seeds,
            (unsigned long long) s_kit.first,
            totals->steps,
            (double) totals->steps / seconds,
            totals->tasks,
            totals->deaths,
            totals->fake_s,
            seconds);
    munmap (totals, sizeof *totals);
    return rc < 0;
}
