// bench_core.c - the core alone: what an event and a worker cost
//
// SPDX-License-Identifier: MPL-2.0
//
//     bench_core N        N tasks through pools of 10 to 4,000 workers, and
//                         through pools of hosts: of 10,000 slots, and a
//                         hundred hosts of a hundred
//
// A model of a host does the effects, and no more: workers end what they have
// been given one after the other, for each that ends one more is submitted.
//
//     SUBMIT -> DO_OFFER -> DONE -> DO_END, twice as many waiting as workers
//
// So an event is half a task. Where the core looks for somebody one by one,
// events a second fall as workers grow. Bytes are malloc's own books.

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_clock.h"
#include "base/brd_list.h"
#include "bench.h"
#include "core/core.h"

enum {
    S_POOL = 1,
    S_TASKS_MAX = 100000000,
    S_TASK_NS = 1000000
};

typedef struct {
    brd_core_task_t core;
    brd_list_t link;  // In its worker's
} s_task_t;

typedef struct {
    brd_core_t *core;
    brd_core_effects_t *effects;
    int64_t now;
    long events;
    brd_list_t *workers;  // By number: what each has, the oldest first
    uint32_t workers_max;
    uint32_t started;  // Numbers that DO_START or DO_JOIN gave
    s_task_t **free;   // Tasks that have ended
    long free_count;
    long ended;
    int over;
} s_world_t;

static double
s_heap (void)
{
    struct mallinfo2 info = mallinfo2 ();
    return (double) info.uordblks + (double) info.hblkhd;
}

static void
s_step (s_world_t *self, const brd_core_event_t *event);

static s_task_t *
s_task (brd_core_task_t *core)
{
    return core ? BRD_LIST_ITEM (core, s_task_t, core) : NULL;
}

// A worker keeps what it has begun, which is its oldest.
static void
s_give_back (s_world_t *self, const brd_core_effect_t *effect)
{
    s_task_t *task = s_task (effect->task);
    const int runs = self->workers[effect->worker].next == &task->link;
    const brd_core_event_t event = {
        .type = runs ? BRD_CORE_KEPT : BRD_CORE_RECLAIMED,
        .worker = effect->worker,
        .task = effect->task,
    };
    if (!runs)
        brd_list_remove (&task->link);
    s_step (self, &event);
}

static void
s_do (s_world_t *self, const brd_core_effect_t *effect)
{
    s_task_t *task = s_task (effect->task);
    switch (effect->type) {
    case BRD_CORE_DO_START:
    case BRD_CORE_DO_JOIN:
        bench_expect (effect->worker <= self->workers_max, "a high number");
        brd_list_init (&self->workers[effect->worker]);
        self->started++;
        return;
    case BRD_CORE_DO_OFFER:
        brd_list_append (&self->workers[effect->worker], &task->link);
        return;
    case BRD_CORE_DO_RECLAIM:
        s_give_back (self, effect);
        return;
    case BRD_CORE_DO_END:
        self->ended++;
        self->free[self->free_count++] = task;
        return;
    case BRD_CORE_DO_POOL_IDLE:
        self->over = 1;
        return;
    default:
        bench_expect (0, "an effect that nothing has led to");
    }
}

// Effects of a step are done before the next one, whose place they take.
static void
s_step (s_world_t *self, const brd_core_event_t *event)
{
    static const brd_core_event_t tick = { .type = BRD_CORE_TICK };
    brd_core_effects_t *effects = self->effects;
    brd_core_effect_t *items = effects->items;
    self->now += 100;
    do {
        self->events++;
        bench_check (brd_core_step (self->core, self->now, event, effects) == 0,
                     "step");
        const size_t count = effects->count;
        brd_core_effect_t few[8];
        brd_core_effect_t *copy = few;
        if (count > 8)
            copy = malloc (count * sizeof *copy);
        bench_check (copy != NULL, "malloc");
        memcpy (copy, items, count * sizeof *copy);
        for (size_t i = 0; i < count; i++)
            s_do (self, &copy[i]);
        if (copy != few)
            free (copy);
        event = &tick;
    } while (brd_core_more (self->core)
             || brd_core_deadline (self->core) <= self->now);
}

static void
s_submit (s_world_t *self)
{
    s_task_t *task = self->free[--self->free_count];
    memset (task, 0, sizeof *task);
    task->core.pool = S_POOL;
    task->core.size_bytes = 8;
    brd_list_init (&task->link);
    s_step (
        self,
        &(brd_core_event_t){ .type = BRD_CORE_SUBMIT, .task = &task->core });
}

// The oldest of this worker's; 0: it has none.
static int
s_end_one (s_world_t *self, uint32_t worker)
{
    brd_list_t *link = brd_list_pop (&self->workers[worker]);
    if (!link)
        return 0;
    s_task_t *task = BRD_LIST_ITEM (link, s_task_t, link);
    s_step (self,
            &(brd_core_event_t){ .type = BRD_CORE_DONE,
                                 .worker = worker,
                                 .task = &task->core,
                                 .time_ns = S_TASK_NS });
    return 1;
}

static void
s_open (s_world_t *self, uint32_t workers, uint32_t slots)
{
    const brd_core_pool_options_t options = {
        .workers = slots > 0 ? 0 : workers,
        .hosts = slots > 0,
        .joined = slots > 0,
        .guard_ns = slots > 0 ? INT64_C (1000000000) : 0,
    };
    s_step (self,
            &(brd_core_event_t){ .type = BRD_CORE_POOL_OPEN,
                                 .pool = S_POOL,
                                 .pool_options = &options });
    for (uint32_t i = 0; slots > 0 && i < workers; i++)
        s_step (self,
                &(brd_core_event_t){ .type = BRD_CORE_WORKER_JOIN,
                                     .pool = S_POOL });
    bench_expect (self->started == workers, "workers are missing");
    for (uint32_t i = 1; i <= workers; i++)
        s_step (self,
                &(brd_core_event_t){
                    .type = BRD_CORE_WORKER_UP, .worker = i, .count = slots });
}

// So many tasks through them, in turns.
static void
s_run (s_world_t *self, uint32_t workers, long tasks, long waiting)
{
    long left = tasks;
    for (; waiting > 0 && left > 0; waiting--, left--)
        s_submit (self);
    while (self->ended < tasks)
        for (uint32_t i = 1; i <= workers; i++)
            for (int more = 1; more && s_end_one (self, i);) {
                more = 0;
                if (left > 0) {
                    s_submit (self);
                    left--;
                }
            }
    bench_expect (self->ended == tasks && self->over, "tasks are missing");
}

static void
s_measure (const char *name, uint32_t workers, uint32_t slots, long tasks)
{
    char metric[64];
    const long waiting = 4L * workers * (slots > 0 ? slots : 1);
    s_world_t self = { .workers_max = 2 * workers + 1, .now = 1000000000 };
    if (tasks < 2 * waiting)
        tasks = 2 * waiting;
    self.workers = calloc (self.workers_max + 1, sizeof *self.workers);
    self.free = calloc ((size_t) waiting + 1, sizeof (s_task_t *));
    s_task_t *all = calloc ((size_t) waiting + 1, sizeof *all);
    self.effects = malloc (sizeof *self.effects);
    bench_check (self.workers && self.free && all && self.effects, "malloc");
    for (long i = 0; i <= waiting; i++)
        self.free[self.free_count++] = &all[i];
    const double before = s_heap ();
    self.core = brd_core_new ();
    bench_check (self.core != NULL, "brd_core_new");
    s_open (&self, workers, slots);
    snprintf (metric, sizeof metric, "core bytes/worker %s", name);
    bench_report (metric, (s_heap () - before) / workers, "B");
    self.events = 0;
    const int64_t start = bench_now_ns ();
    s_run (&self, workers, tasks, waiting);
    snprintf (metric, sizeof metric, "core events %s", name);
    bench_rate (
        metric, (size_t) self.events, bench_now_ns () - start, "events/s");
    snprintf (metric, sizeof metric, "core events/task %s", name);
    bench_report (metric, (double) self.events / (double) tasks, "events");
    brd_core_destroy (&self.core);
    free (self.effects);
    free (self.workers);
    free (self.free);
    free (all);
}

// What waits and no worker has.
static void
s_measure_waiting (long tasks)
{
    s_world_t self = { .workers_max = 3, .now = 1000000000 };
    brd_list_t workers[4];
    self.workers = workers;
    s_task_t *all = calloc ((size_t) tasks, sizeof *all);
    self.free = calloc ((size_t) tasks, sizeof (s_task_t *));
    self.effects = malloc (sizeof *self.effects);
    bench_check (self.free && all && self.effects, "malloc");
    for (long i = 0; i < tasks; i++)
        self.free[self.free_count++] = &all[i];
    self.core = brd_core_new ();
    bench_check (self.core != NULL, "brd_core_new");
    s_open (&self, 1, 0);
    const double before = s_heap ();
    for (long i = 0; i < tasks; i++)
        s_submit (&self);
    bench_report ("core bytes/task",
                  (double) sizeof (brd_core_task_t)
                      + (s_heap () - before) / (double) tasks,
                  "B");
    while (self.ended < tasks)
        bench_expect (s_end_one (&self, 1), "a worker without a task");
    brd_core_destroy (&self.core);
    free (self.effects);
    free (self.free);
    free (all);
}

int
main (int argc, char **argv)
{
    static const struct {
        const char *name;
        uint32_t workers;
        uint32_t slots;  // Of each, if they are hosts
    } pools[] = {
        { "10", 10, 0 },         { "100", 100, 0 },
        { "10x10", 10, 10 },     { "1000", 1000, 0 },
        { "4000", 4000, 0 },     { "10x1000", 10, 1000 },
        { "100x100", 100, 100 }, { "1000x10", 1000, 10 },
    };
    const size_t smoke = 3;
    size_t count = sizeof pools / sizeof *pools;
    long tasks = 2000;
    if (bench_smoke (&argc, argv))
        count = smoke;
    else if (argc == 2)
        tasks = (long) bench_count (argv[1], S_TASKS_MAX);
    else
        bench_usage ("bench_core N");
    for (size_t i = 0; i < count; i++)
        s_measure (pools[i].name, pools[i].workers, pools[i].slots, tasks);
    s_measure_waiting (tasks);
    return 0;
}
