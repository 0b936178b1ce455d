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

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// A world that takes longer than this has come to a standstill.
#define S_WORLD_SECONDS 60

typedef struct {
    sim_options_t world;
    long seconds;
    long steps;
    int single;  // A seed, and nothing that asks for more than one
    int twice;
} s_options_t;

// Shared between parent and child.
typedef struct {
    uint64_t seed;  // Of the world that is running
    long seeds;
    long steps;
    long tasks;
    long deaths;
    double fake_s;
} s_totals_t;

static const char *const s_plants[SIM_PLANTS] = {
    "none",         "lost-reclaim", "double-done",
    "forget-death", "ignore-taken", "lost-offer"
};

static double
s_clock (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static void
s_replay (const s_options_t *options, uint64_t seed, const char *why)
{
    printf ("sim: seed %llu fails: %s\nreplay with: sim --seed %llu",
            (unsigned long long) seed,
            why,
            (unsigned long long) seed);
    if (options->world.workers_max > 0)
        printf (" --workers %u", options->world.workers_max);
    if (options->world.plant != SIM_PLANT_NONE)
        printf (" --plant %s", s_plants[options->world.plant]);
    puts (" --verbose");
    fflush (stdout);
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
s_run_seed (const s_options_t *options, uint64_t seed, s_totals_t *totals)
{
    sim_options_t world = options->world;
    sim_result_t result;
    world.seed = seed;
    totals->seed = seed;
    alarm (S_WORLD_SECONDS);
    if (sim_world_run (&world, &result) < 0) {
        s_replay (options, seed, result.why);
        return -1;
    }
    s_add (totals, &result);
    if (options->single)
        printf ("sim: trace %016llx\n", (unsigned long long) result.hash);
    if (!options->twice)
        return 0;
    uint64_t hash = result.hash;
    if (sim_world_run (&world, &result) < 0 || result.hash != hash) {
        s_replay (options, seed, "its trace is another the second time");
        return -1;
    }
    return 0;
}

static int
s_run_seeds (const s_options_t *options, s_totals_t *totals)
{
    double end = s_clock () + (double) options->seconds;
    for (uint64_t seed = options->world.seed;; seed++) {
        if (s_run_seed (options, seed, totals) < 0)
            return -1;
        if (options->single
            || (options->steps > 0 ? totals->steps >= options->steps
                                   : s_clock () >= end))
            return 0;
    }
}

// As s_run_seeds (), and survives it.
static int
s_run_guarded (const s_options_t *options, s_totals_t *totals)
{
    fflush (NULL);
    pid_t pid = fork ();
    if (pid < 0) {
        perror ("sim: fork");
        return -1;
    }
    if (pid == 0) {
        int rc = s_run_seeds (options, totals);
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
    s_replay (options, totals->seed, why);
    return -1;
}

// --- Options ---------------------------------------------------------------

static int
s_usage (void)
{
    fputs ("sim [--seed N] [--seconds S | --steps N] [--workers N] [--twice]\n"
           "    [--verbose] [--plant BUG]\n"
           "--seed 0: a seed from the clock; workers: at most 4096. BUG:",
           stderr);
    for (int i = 1; i < SIM_PLANTS; i++)
        fprintf (stderr, " %s", s_plants[i]);
    fputc ('\n', stderr);
    return -1;
}

static int
s_parse_plant (s_options_t *options, const char *name)
{
    for (int i = 0; i < SIM_PLANTS; i++)
        if (strcmp (name, s_plants[i]) == 0) {
            options->world.plant = (sim_plant_t) i;
            return 0;
        }
    return s_usage ();
}

static int
s_parse_one (s_options_t *options, int option)
{
    unsigned long long number = optarg ? strtoull (optarg, NULL, 0) : 0;
    switch (option) {
    case 's':
        options->world.seed = number;
        options->single = number != 0;
        return 0;
    case 't':
        options->seconds = (long) number;
        return 0;
    case 'n':
        options->steps = (long) number;
        return 0;
    case 'w':
        options->world.workers_max = (uint32_t) number;
        return number > SIM_PLACES ? s_usage () : 0;
    case '2':
        options->twice = 1;
        return 0;
    case 'v':
        options->world.verbose = 1;
        setvbuf (stdout, NULL, _IOLBF, 0);  // The core may abort
        return 0;
    case 'p':
        return s_parse_plant (options, optarg);
    default:
        return s_usage ();
    }
}

static int
s_parse (s_options_t *options, int argc, char **argv)
{
    static const struct option known[] = {
        { "seed", required_argument, NULL, 's' },
        { "seconds", required_argument, NULL, 't' },
        { "steps", required_argument, NULL, 'n' },
        { "workers", required_argument, NULL, 'w' },
        { "twice", no_argument, NULL, '2' },
        { "verbose", no_argument, NULL, 'v' },
        { "plant", required_argument, NULL, 'p' },
        { NULL, 0, NULL, 0 }
    };
    *options = (s_options_t){ .world = { .seed = 1 } };
    int option;
    while ((option = getopt_long (argc, argv, "", known, NULL)) != -1)
        if (s_parse_one (options, option) < 0)
            return -1;
    if (optind < argc)
        return s_usage ();
    if (options->seconds > 0 || options->steps > 0)
        options->single = 0;
    if (options->seconds == 0)
        options->seconds = 10;
    if (options->world.seed == 0) {
        sim_rand_t rand;
        sim_rand_seed (&rand, (uint64_t) (s_clock () * 1e6));
        options->world.seed = sim_rand_next (&rand) >> 20;
    }
    return 0;
}

int
main (int argc, char **argv)
{
    s_options_t options;
    if (s_parse (&options, argc, argv) < 0)
        return 2;
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
    int rc = options.single ? s_run_seeds (&options, totals)
                            : s_run_guarded (&options, totals);
    double seconds = s_clock () - begin;
    printf ("sim: %ld seeds from %llu, %ld steps (%.0f/s), %ld tasks, "
            "%ld deaths, %.0f s of fake time in %.1f s\n",
            totals->seeds,
            (unsigned long long) options.world.seed,
            totals->steps,
            (double) totals->steps / seconds,
            totals->tasks,
            totals->deaths,
            totals->fake_s,
            seconds);
    munmap (totals, sizeof *totals);
    return rc < 0;
}
