// sim_kit.c - what all programs here share
//
// SPDX-License-Identifier: MPL-2.0
//
//     --seed N      worlds from this one on; alone, only this one; 0: from the
//                   clock
//     --seconds S   for so long; ten, if nothing is said
//     --plant BUG   a bug in the model, to see it found
//     --verbose     the story of the world, if it has one
//
// and what the program has besides. A world that fails is told with the line
// that repeats it.
//
// Read next: sim.c, or sim_line.c, which is shorter.

#include "sim_kit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/brd_clock.h"

// What a sanitizer finds is to be repeated, too; it does not abort.
#if defined __SANITIZE_ADDRESS__
#define S_SANITIZED 1
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define S_SANITIZED 1
#endif
#endif
#ifdef S_SANITIZED
#include <sanitizer/common_interface_defs.h>
#endif

// Who is asked when the program ends by itself.
static const sim_kit_t *s_guarded;

// --- Reading ---------------------------------------------------------------

static int
s_usage (const sim_kit_t *self)
{
    fprintf (stderr,
             "%s [--seed N] [--seconds S]%s",
             self->name,
             self->tells ? " [--verbose]" : "");
    for (const sim_kit_option_t *i = self->options; i && i->name; i++)
        fprintf (stderr,
                 " [--%s%s%s]",
                 i->name,
                 i->word ? " " : "",
                 i->word ? i->word : "");
    fputs ("\n    [--plant BUG]; seed 0: from the clock. BUG:", stderr);
    for (int i = 0; self->plants[i]; i++)
        fprintf (stderr, " %s", self->plants[i]);
    fputc ('\n', stderr);
    return -1;
}

static int
s_read_plant (sim_kit_t *self, const char *name)
{
    for (int i = 0; self->plants[i]; i++)
        if (strcmp (self->plants[i], name) == 0) {
            self->plant = i + 1;
            return 1;
        }
    return -1;
}

// How many words it took; -1: it is none.
static int
s_read_own (sim_kit_t *self, const char *name, const char *value)
{
    for (sim_kit_option_t *i = self->options; i && i->name; i++) {
        if (strcmp (i->name, name) != 0)
            continue;
        if (!i->word) {
            i->value = 1;
            return 0;
        }
        i->value = value ? strtoull (value, NULL, 0) : 0;
        return value ? 1 : -1;
    }
    return -1;
}

static int
s_read_one (sim_kit_t *self, const char *name, const char *value)
{
    if (self->tells && strcmp (name, "verbose") == 0) {
        self->verbose = 1;
        setvbuf (stdout, NULL, _IOLBF, 0);  // What is looked at may abort
        return 0;
    }
    if (!value)
        return s_read_own (self, name, value);
    if (strcmp (name, "plant") == 0)
        return s_read_plant (self, value);
    if (strcmp (name, "seconds") == 0)
        self->seconds = atol (value);
    else if (strcmp (name, "seed") == 0)
        self->first = strtoull (value, NULL, 0);
    else
        return s_read_own (self, name, value);
    return 1;
}

int
sim_kit_read (sim_kit_t *self, int argc, char **argv)
{
    static const uint64_t unsaid = UINT64_MAX;
    self->first = unsaid;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        const int took = strncmp (argv[i], "--", 2) == 0
                             ? s_read_one (self, argv[i] + 2, value)
                             : -1;
        if (took < 0)
            return s_usage (self);
        i += took;
    }
    self->single =
        self->first != unsaid && self->first != 0 && self->seconds == 0;
    if (self->first == 0) {
        sim_rand_t rand;
        sim_rand_seed (&rand, (uint64_t) brd_clock_now ());
        self->first = sim_rand_next (&rand) >> 20;
    }
    if (self->first == unsaid)
        self->first = 1;
    if (self->seconds == 0 && !self->single)
        self->seconds = 10;
    self->seed = self->first;
    return 0;
}

void
sim_kit_run (sim_kit_t *self, void (*world) (uint64_t seed))
{
    const time_t end = time (NULL) + self->seconds;
    do {
        self->seed = self->first + self->seeds++;
        world (self->seed);
    } while (time (NULL) < end);
}

int
sim_kit_is_planted (const sim_kit_t *self, const char *plant)
{
    return self->plant > 0
           && strcmp (self->plants[self->plant - 1], plant) == 0;
}

// --- Failing ---------------------------------------------------------------

// In one piece, and without stdio's buffer: it may be called by a signal.
void
sim_kit_replay (const sim_kit_t *self)
{
    char line[256];
    int n = snprintf (line,
                      sizeof line,
                      "replay with: %s --seed %llu",
                      self->name,
                      (unsigned long long) self->seed);
    for (const sim_kit_option_t *i = self->options; i && i->name; i++) {
        if (!i->replays || i->value == 0)
            continue;
        n += snprintf (line + n, sizeof line - (size_t) n, " --%s", i->name);
        if (i->word)
            n += snprintf (line + n,
                           sizeof line - (size_t) n,
                           " %llu",
                           (unsigned long long) i->value);
    }
    if (self->plant > 0)
        n += snprintf (line + n,
                       sizeof line - (size_t) n,
                       " --plant %s",
                       self->plants[self->plant - 1]);
    n += snprintf (line + n,
                   sizeof line - (size_t) n,
                   "%s\n",
                   self->tells ? " --verbose" : "");
    (void) !write (STDOUT_FILENO, line, (size_t) n);
}

static void
s_died (void)
{
    sim_kit_replay (s_guarded);
}

static void
s_aborted (int signal)
{
    (void) signal;
    s_died ();
    _exit (1);
}

void
sim_kit_guard (const sim_kit_t *self)
{
    s_guarded = self;
    (void) signal (SIGABRT, s_aborted);
    (void) signal (SIGALRM, s_aborted);
#ifdef S_SANITIZED
    __sanitizer_set_death_callback (s_died);
#endif
}

void
sim_kit_fail (const sim_kit_t *self)
{
    fflush (stdout);
    sim_kit_replay (self);
    _exit (1);
}

void
sim_kit_fail_at (const sim_kit_t *self,
                 const char *file,
                 int line,
                 const char *what)
{
    printf ("%s: %s:%d: %s does not hold\n", self->name, file, line, what);
    sim_kit_fail (self);
}

// --- Worlds ----------------------------------------------------------------

void *
sim_must (void *memory)
{
    if (!memory) {
        perror ("the simulator");
        abort ();
    }
    return memory;
}

void
sim_kit_at (brd_heap_t *agenda, brd_timer_t *timer, int64_t due, int64_t now)
{
    if (brd_heap_set (agenda, timer, due < now ? now : due) < 0)
        sim_must (NULL);
}

void
sim_kit_never (brd_heap_t *agenda, brd_timer_t *timer)
{
    if (timer->place)
        brd_heap_remove (agenda, timer);
}

void
sim_kit_say (int64_t now, const char *format, va_list args)
{
    printf ("%12.6f  ", (double) now / 1e9);
    vprintf (format, args);
    putchar ('\n');
}
