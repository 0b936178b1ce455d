// sim_kit.h - what all programs here share
//
// SPDX-License-Identifier: MPL-2.0
//
// A program says what it is called, which bugs it can put into its model and
// what else it can be asked for; the rest is read, and told when a world fails,
// here:
//
//     static sim_kit_t s_kit = { .name = "sim_line", .plants = s_plants };
//
//     if (sim_kit_read (&s_kit, argc, argv) < 0)
//         return 2;
//     sim_kit_guard (&s_kit);
//     sim_kit_run (&s_kit, s_world);

#ifndef SIM_KIT_H
#define SIM_KIT_H

#include <stdarg.h>
#include <stdint.h>

#include "base/brd_heap.h"

#define SIM_US INT64_C (1000)
#define SIM_MS INT64_C (1000000)
#define SIM_S INT64_C (1000000000)

// --- Chance ----------------------------------------------------------------

typedef struct {
    uint64_t words[4];
} sim_rand_t;

void
sim_rand_seed (sim_rand_t *self, uint64_t seed);
uint64_t
sim_rand_next (sim_rand_t *self);

// 0 .. n - 1; n is not 0.
uint64_t
sim_rand_below (sim_rand_t *self, uint64_t n);

// low .. high, each as likely; or each magnitude as likely (low > 0).
int64_t
sim_rand_between (sim_rand_t *self, int64_t low, int64_t high);
int64_t
sim_rand_log (sim_rand_t *self, int64_t low, int64_t high);

// 1 in so many of a thousand cases.
int
sim_rand_chance (sim_rand_t *self, unsigned per_mille);

// --- The command line ------------------------------------------------------

// One that only this program has.
typedef struct {
    const char *name;
    const char *word;  // What its value is called; NULL: it has none
    uint64_t value;    // 0: not said; 1: said, of one without a value
    int replays;       // 1: what repeats a world says it too
} sim_kit_option_t;

typedef struct {
    const char *name;
    const char *const *plants;  // Ends with NULL
    sim_kit_option_t *options;  // Ends with one without a name; NULL: none
    int tells;                  // 1: it has a story, with --verbose
    // Read:
    uint64_t first;
    long seconds;
    int single;  // A seed, and no time
    int verbose;
    int plant;  // Its place in plants, from 1; 0: none
    // Of the world that runs, and of all so far.
    uint64_t seed;
    uint64_t seeds;
} sim_kit_t;

// -1: it has said how it is called.
int
sim_kit_read (sim_kit_t *self, int argc, char **argv);

// Worlds from the first seed on, until the time is over.
void
sim_kit_run (sim_kit_t *self, void (*world) (uint64_t seed));

// 1 if this is the bug that was asked for.
int
sim_kit_is_planted (const sim_kit_t *self, const char *plant);

// Says how to repeat the world that runs.
void
sim_kit_replay (const sim_kit_t *self);

// The same for whatever else may end the program: an assert, a sanitizer, an
// alarm.
void
sim_kit_guard (const sim_kit_t *self);

// It is wrong, and said so: how to repeat it, and the end.
_Noreturn void
sim_kit_fail (const sim_kit_t *self);
_Noreturn void
sim_kit_fail_at (const sim_kit_t *self,
                 const char *file,
                 int line,
                 const char *what);

// --- Worlds ----------------------------------------------------------------

// Memory or the end: the model itself must not fail.
void *
sim_must (void *memory);

// Arms, moves or takes away a timer. It is never in the past.
void
sim_kit_at (brd_heap_t *agenda, brd_timer_t *timer, int64_t due, int64_t now);
void
sim_kit_never (brd_heap_t *agenda, brd_timer_t *timer);

// A line of the story.
void
sim_kit_say (int64_t now, const char *format, va_list args)
    __attribute__ ((format (printf, 2, 0)));

#endif  // SIM_KIT_H
