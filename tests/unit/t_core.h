// t_core.h - the core told a story, line by line
//
// SPDX-License-Identifier: MPL-2.0
//
// A test of the core is a table: what happens, and what the core wants done.
//
//     { "open 1 workers 2", "start 1, start 2" },
//     { "up 1", "" },
//     { "submit a", "offer a 1" },
//     { "@500 done a", "end a ok, idle 1" },
//
// Times are microseconds; @500 sets the clock. Tasks are letters, in pool 1
// unless "pool" says otherwise. After each line every invariant is checked.
//
//     open P workers N [max_tasks N] [restarts N] [on_demand 1] [hosts 1]
//         [joined 1] [guard N]
//     close P   terminate P   cancel_pool P   resize P N   forget P
//     submit a [retries N] [deaths_only 1] [delay N] [timeout N] [grace N]
//         [queue N] [key N] [once N] [pool N] [priority N] [pin N] [size N]
//         [whole 1] [each 1]
//     cancel a   kill a [N]   done a [error N] [time N] [lost 1] [maybe 1]
//     back a   kept a   probed a [N]   up W [N]   down W   bad W   retire W
//     ending W   lost W [a]   flush   tick   deadline   stats P
//     join P   width W N   rtt W N
//
// An answer is from whoever has the task, or, "by W", from another.
//
//
// deadline and stats are no events: the right side is what they say.

#ifndef T_CORE_H
#define T_CORE_H

#include "tests/t.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_clock.h"
#include "core/core.h"

#define T_CORE_US INT64_C (1000)
#define T_CORE_TEXT 4096

typedef struct {
    const char *what;
    const char *then;
} t_core_line_t;

typedef struct {
    brd_core_t *core;
    brd_core_effects_t *effects;
    int64_t now;
    brd_core_task_t tasks[26];
    brd_core_task_options_t options[26];
    brd_core_pool_options_t pool_options;
    char text[T_CORE_TEXT];
} t_core_t;

static inline t_core_t *
t_core_new (void)
{
    t_core_t *self = calloc (1, sizeof *self);
    assert_non_null (self);
    self->core = brd_core_new ();
    assert_non_null (self->core);
    self->effects = malloc (sizeof *self->effects);
    assert_non_null (self->effects);
    return self;
}

static inline void
t_core_destroy (t_core_t *self)
{
    brd_core_destroy (&self->core);
    free (self->effects);
    free (self);
}

// --- What it says ----------------------------------------------------------

static inline const char *
t_core_errno (int error)
{
    static const struct {
        int error;
        const char *text;
    } names[] = {
        { 0, "ok" },
        { EIO, "EIO" },
        { ECHILD, "ECHILD" },
        { ECANCELED, "ECANCELED" },
        { ETIMEDOUT, "ETIMEDOUT" },
        { ELOOP, "ELOOP" },
        { EPIPE, "EPIPE" },
        { ENOEXEC, "ENOEXEC" },
        { EINVAL, "EINVAL" },
        { ENOSPC, "ENOSPC" },
        { ENOMEM, "ENOMEM" },
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].error == error)
            return names[i].text;
    return "?";
}

static inline char
t_core_name (const t_core_t *self, const brd_core_task_t *task)
{
    if (task < self->tasks || task >= self->tasks + 26)
        return '?';
    return (char) ('a' + (task - self->tasks));
}

static inline void
t_core_put_end (const t_core_t *self,
                const brd_core_effect_t *effect,
                char *text,
                size_t size)
{
    const brd_core_outcome_t *outcome = &effect->outcome;
    int n = snprintf (text,
                      size,
                      "end %c %s",
                      t_core_name (self, effect->task),
                      t_core_errno (outcome->error));
    if (outcome->attempt > 1)
        n += snprintf (
            text + n, size - (size_t) n, " attempt %d", outcome->attempt);
    if (outcome->lost)
        n += snprintf (text + n, size - (size_t) n, " lost");
    if (outcome->maybe)
        n += snprintf (text + n, size - (size_t) n, " maybe");
    if (effect->leader)
        snprintf (text + n,
                  size - (size_t) n,
                  " of %c",
                  t_core_name (self, effect->leader));
}

static inline void
t_core_put (const t_core_t *self,
            const brd_core_effect_t *effect,
            char *text,
            size_t size)
{
    static const char *const names[] = {
        "start",     "join",  "stop", "kill",   "offer",  "reclaim", "flag",
        "kill_task", "probe", "end",  "forget", "broken", "idle",    "ended",
    };
    const char *name = names[effect->type];
    switch (effect->type) {
    case BRD_CORE_DO_START:
    case BRD_CORE_DO_JOIN:
    case BRD_CORE_DO_STOP:
    case BRD_CORE_DO_KILL:
    case BRD_CORE_DO_FORGET:
        snprintf (text, size, "%s %u", name, effect->worker);
        return;
    case BRD_CORE_DO_OFFER:
    case BRD_CORE_DO_RECLAIM:
    case BRD_CORE_DO_FLAG:
    case BRD_CORE_DO_KILL_TASK:
    case BRD_CORE_DO_PROBE:
        snprintf (text,
                  size,
                  "%s %c %u",
                  name,
                  t_core_name (self, effect->task),
                  effect->worker);
        return;
    case BRD_CORE_DO_END:
        t_core_put_end (self, effect, text, size);
        return;
    case BRD_CORE_DO_POOL_BROKEN:
        snprintf (text,
                  size,
                  "%s %u %s",
                  name,
                  effect->pool,
                  t_core_errno (effect->error));
        return;
    default:
        snprintf (text, size, "%s %u", name, effect->pool);
    }
}

static inline void
t_core_render (t_core_t *self)
{
    size_t n = 0;
    self->text[0] = '\0';
    for (size_t i = 0; i < self->effects->count; i++) {
        char one[64];
        t_core_put (self, &self->effects->items[i], one, sizeof one);
        n += (size_t) snprintf (self->text + n,
                                sizeof self->text - n,
                                "%s%s",
                                i > 0 ? ", " : "",
                                one);
        if (n >= sizeof self->text)
            fail_msg ("too many effects for a line");
    }
}

// --- What happens ----------------------------------------------------------

// The number after a word of the line, or other.
static inline int64_t
t_core_word (const char *line, const char *word, int64_t other)
{
    char pattern[32];
    snprintf (pattern, sizeof pattern, " %s ", word);
    const char *at = strstr (line, pattern);
    return at ? strtoll (at + strlen (pattern), NULL, 10) : other;
}

static inline brd_core_task_t *
t_core_task (t_core_t *self, const char *line)
{
    const char *at = strchr (line, ' ');
    return at && at[1] >= 'a' && at[1] <= 'z' ? &self->tasks[at[1] - 'a']
                                              : NULL;
}

static inline void
t_core_fill_task (t_core_t *self, brd_core_task_t *task, const char *line)
{
    brd_core_task_options_t *options = &self->options[task - self->tasks];
    // As if its memory had been something else before.
    memset (task, 0xdd, sizeof *task);
    *options = (brd_core_task_options_t){
        .retries = (int) t_core_word (line, "retries", 0),
        .only_deaths = (int) t_core_word (line, "deaths_only", 0),
        .retry_delay_ns = T_CORE_US * t_core_word (line, "delay", 0),
        .timeout_ns = T_CORE_US * t_core_word (line, "timeout", 0),
        .grace_ns = T_CORE_US * t_core_word (line, "grace", 0),
        .queue_timeout_ns = T_CORE_US * t_core_word (line, "queue", 0),
        .key = (uint64_t) t_core_word (line, "key", 0),
        .once = (uint64_t) t_core_word (line, "once", 0),
    };
    static const brd_core_task_options_t none;
    task->options = memcmp (options, &none, sizeof none) == 0 ? NULL : options;
    task->pool = (uint32_t) t_core_word (line, "pool", 1);
    task->priority = (uint8_t) t_core_word (line, "priority", 0);
    task->pin = (uint32_t) t_core_word (line, "pin", 0);
    task->size_bytes = (uint32_t) t_core_word (line, "size", 0);
    task->whole = (uint8_t) t_core_word (line, "whole", 0);
    task->each = (uint8_t) t_core_word (line, "each", 0);
}

static inline brd_core_event_type_t
t_core_type (const char *line)
{
    static const struct {
        const char *word;
        brd_core_event_type_t type;
    } words[] = {
        { "open ", BRD_CORE_POOL_OPEN },
        { "close ", BRD_CORE_POOL_CLOSE },
        { "terminate ", BRD_CORE_POOL_TERMINATE },
        { "cancel_pool ", BRD_CORE_POOL_CANCEL },
        { "resize ", BRD_CORE_POOL_RESIZE },
        { "forget ", BRD_CORE_POOL_FORGET },
        { "submit ", BRD_CORE_SUBMIT },
        { "cancel ", BRD_CORE_CANCEL },
        { "kill ", BRD_CORE_KILL },
        { "join ", BRD_CORE_WORKER_JOIN },
        { "up ", BRD_CORE_WORKER_UP },
        { "width ", BRD_CORE_WORKER_WIDTH },
        { "rtt ", BRD_CORE_WORKER_RTT },
        { "down ", BRD_CORE_WORKER_DOWN },
        { "bad ", BRD_CORE_WORKER_BAD },
        { "retire ", BRD_CORE_WORKER_RETIRE },
        { "ending ", BRD_CORE_WORKER_ENDING },
        { "lost ", BRD_CORE_WORKER_LOST },
        { "done ", BRD_CORE_DONE },
        { "back ", BRD_CORE_RECLAIMED },
        { "kept ", BRD_CORE_KEPT },
        { "probed ", BRD_CORE_PROBED },
        { "flush", BRD_CORE_FLUSH },
        { "tick", BRD_CORE_TICK },
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strncmp (line, words[i].word, strlen (words[i].word)) == 0)
            return words[i].type;
    fail_msg ("what is \"%s\"?", line);
    return BRD_CORE_TICK;
}

static inline void
t_core_event (t_core_t *self, const char *line, brd_core_event_t *event)
{
    const char *space = strchr (line, ' ');
    const uint32_t number = space ? (uint32_t) strtoul (space, NULL, 10) : 0;
    const char *second = space ? strchr (space + 1, ' ') : NULL;
    const int64_t count = second ? strtoll (second, NULL, 10) : 0;
    *event = (brd_core_event_t){
        .type = t_core_type (line),
        .pool = number,
        .count = (uint32_t) count,
        .task = t_core_task (self, line),
        .error = (int) t_core_word (line, "error", 0),
        .lost = (uint16_t) t_core_word (line, "lost", 0),
        .maybe = (uint16_t) t_core_word (line, "maybe", 0),
        .worker = (uint32_t) t_core_word (line, "by", 0),
        .pool_options = &self->pool_options,
    };
    switch (event->type) {
    case BRD_CORE_POOL_OPEN:
        self->pool_options = (brd_core_pool_options_t){
            .workers = (uint32_t) t_core_word (line, "workers", 0),
            .max_tasks = (uint32_t) t_core_word (line, "max_tasks", 0),
            .restarts_max = (uint32_t) t_core_word (line, "restarts", 0),
            .on_demand = (int) t_core_word (line, "on_demand", 0),
            .hosts = (int) t_core_word (line, "hosts", 0),
            .joined = (int) t_core_word (line, "joined", 0),
            .guard_ns = T_CORE_US * t_core_word (line, "guard", 0),
        };
        return;
    case BRD_CORE_SUBMIT:
        t_core_fill_task (self, event->task, line);
        return;
    case BRD_CORE_WORKER_LOST:
        event->task = second ? t_core_task (self, second) : NULL;
        event->worker = number;
        return;
    case BRD_CORE_DONE:
        event->time_ns = T_CORE_US * t_core_word (line, "time", 0);
        return;
    case BRD_CORE_KILL:
    case BRD_CORE_PROBED:
        event->time_ns = T_CORE_US * count;
        return;
    case BRD_CORE_WORKER_RTT:
        event->time_ns = T_CORE_US * count;
        event->worker = number;
        return;
    default:
        if (!event->task)
            event->worker = number;
    }
}

static inline void
t_core_stats (t_core_t *self, const char *line)
{
    brd_core_pool_stats_t stats;
    const uint32_t pool = (uint32_t) strtoul (line + 6, NULL, 10);
    if (brd_core_pool_stats (self->core, pool, &stats) < 0) {
        snprintf (self->text, sizeof self->text, "refused ENOENT");
        return;
    }
    snprintf (self->text,
              sizeof self->text,
              "workers %ld idle %ld pending %ld running %ld done %ld failed "
              "%ld restarts %ld",
              stats.workers,
              stats.idle,
              stats.pending,
              stats.running,
              stats.done,
              stats.failed,
              stats.restarts);
}

// One line; what came of it is in self->text.
static inline void
t_core_do (t_core_t *self, const char *line)
{
    if (line[0] == '@') {
        char *end;
        self->now = T_CORE_US * strtoll (line + 1, &end, 10);
        line = end + 1;
    }
    if (strncmp (line, "stats ", 6) == 0) {
        t_core_stats (self, line);
        return;
    }
    if (strcmp (line, "deadline") == 0) {
        const int64_t due = brd_core_deadline (self->core);
        if (due == BRD_NEVER)
            snprintf (self->text, sizeof self->text, "never");
        else
            snprintf (self->text,
                      sizeof self->text,
                      "%lld",
                      (long long) (due / T_CORE_US));
        return;
    }
    brd_core_event_t event;
    t_core_event (self, line, &event);
    errno = 0;
    if (brd_core_step (self->core, self->now, &event, self->effects) < 0)
        snprintf (
            self->text, sizeof self->text, "refused %s", t_core_errno (errno));
    else
        t_core_render (self);
    brd_core_check (self->core);
}

static inline void
t_core_run_on (t_core_t *self, const t_core_line_t *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        t_core_do (self, lines[i].what);
        if (strcmp (self->text, lines[i].then) == 0)
            continue;
        char dump[8192];
        brd_core_dump (self->core, dump, sizeof dump);
        fail_msg ("line %zu, \"%s\":\n  want \"%s\"\n  have \"%s\"\n%s",
                  i + 1,
                  lines[i].what,
                  lines[i].then,
                  self->text,
                  dump);
    }
}

#define T_CORE_COUNT(lines) (sizeof (lines) / sizeof (lines)[0])

// The whole story, from an empty core.
#define T_CORE_RUN(lines) \
    do { \
        t_core_t *story_ = t_core_new (); \
        t_core_run_on (story_, (lines), T_CORE_COUNT (lines)); \
        t_core_destroy (story_); \
    } while (0)

#endif  // T_CORE_H
