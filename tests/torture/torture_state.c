// torture_state.c - maps, heaps, the core, the registry, the arena
//
// SPDX-License-Identifier: MPL-2.0
//
// What failed has changed nothing: every structure is looked through after each
// failure.

#include "torture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_arena.h"
#include "base/brd_heap.h"
#include "base/brd_map.h"
#include "base/brd_mem.h"
#include "client/brd_tasks.h"
#include "core/core.h"

enum {
    S_MANY = 200,
    S_TASKS = 30,
    S_WORKERS = 3
};

static void
s_map (void)
{
    static int values[S_MANY + 1];
    int there[S_MANY + 1] = { 0 };
    brd_map_t map;
    brd_map_init (&map);
    for (uint64_t key = 1; key <= S_MANY; key++) {
        there[key] = TORTURE_OK (brd_map_set (&map, key, &values[key]) == 0);
        for (uint64_t i = 1; i <= key; i++)
            TORTURE_MUST (brd_map_get (&map, i)
                          == (there[i] ? &values[i] : NULL));
    }
    for (uint64_t key = 1; key <= S_MANY; key++)
        TORTURE_MUST ((brd_map_remove (&map, key) != NULL) == there[key]);
    brd_map_fini (&map);
}

static void
s_heap (void)
{
    static brd_timer_t timers[S_MANY];
    brd_heap_t heap;
    size_t count = 0;
    memset (timers, 0, sizeof timers);
    brd_heap_init (&heap);
    for (int i = 0; i < S_MANY; i++) {
        const int64_t due = (int64_t) i * 7919 % 1009;
        if (TORTURE_OK (brd_heap_set (&heap, &timers[i], due) == 0))
            count++;
        else
            TORTURE_MUST (timers[i].place == 0);
    }
    int64_t last = -1;
    brd_timer_t *first;
    for (; (first = brd_heap_first (&heap)) != NULL; count--) {
        TORTURE_MUST (first->due >= last);
        last = first->due;
        brd_heap_remove (&heap, first);
    }
    TORTURE_MUST (count == 0);
    // What was reserved cannot fail.
    if (TORTURE_OK (brd_heap_reserve (&heap, 2 * S_MANY) == 0)) {
        for (int i = 0; i < S_MANY; i++)
            TORTURE_MUST (brd_heap_set (&heap, &timers[i], i) == 0);
    }
    brd_heap_fini (&heap);
}

// --- The core --------------------------------------------------------------

typedef struct {
    brd_core_t *core;
    brd_core_effects_t *effects;
    int64_t now;
    brd_core_task_t tasks[S_TASKS];
    int given[S_TASKS];
    int ended[S_TASKS];
    brd_core_task_t *offered[S_TASKS];
    size_t offered_count;
    uint32_t starts[64];
    size_t start_count;
} s_machine_t;

static void
s_note_effects (s_machine_t *self)
{
    for (size_t i = 0; i < self->effects->count; i++) {
        const brd_core_effect_t *effect = &self->effects->items[i];
        if (effect->type == BRD_CORE_DO_OFFER)
            self->offered[self->offered_count++] = effect->task;
        if (effect->type == BRD_CORE_DO_END)
            self->ended[effect->task - self->tasks]++;
        if (effect->type == BRD_CORE_DO_START)
            self->starts[self->start_count++] = effect->worker;
    }
}

static int
s_step (s_machine_t *self, const brd_core_event_t *event)
{
    self->now += 1000000;
    const int rc = brd_core_step (self->core, self->now, event, self->effects);
    const int error = errno;
    brd_core_check (self->core);
    if (rc == 0)
        s_note_effects (self);
    while (brd_core_more (self->core)) {
        const brd_core_event_t tick = { .type = BRD_CORE_TICK };
        TORTURE_MUST (
            brd_core_step (self->core, self->now, &tick, self->effects) == 0);
        s_note_effects (self);
    }
    errno = error;
    return rc;
}

// An event that may not fail: it tells of what has happened already.
static void
s_tell (s_machine_t *self, const brd_core_event_t *event)
{
    TORTURE_MUST (s_step (self, event) == 0);
}

// Every second worker cannot be started at first.
static void
s_start_workers (s_machine_t *self)
{
    for (int round = 0; round < 100 && self->start_count > 0; round++) {
        const uint32_t worker = self->starts[--self->start_count];
        s_tell (self,
                &(brd_core_event_t){ .type = round == 1 ? BRD_CORE_WORKER_DOWN
                                                        : BRD_CORE_WORKER_UP,
                                     .worker = worker });
        if (self->start_count == 0) {
            self->now += 2000000000;
            s_tell (self, &(brd_core_event_t){ .type = BRD_CORE_TICK });
        }
    }
}

static void
s_submit_all (s_machine_t *self)
{
    static const brd_core_task_options_t options[] = {
        { .retries = 1, .retry_delay_ns = 1000 },
        { .timeout_ns = 1000000000000 },
        { .queue_timeout_ns = 1000000000000 },
        { .key = 5 },
        { .once = 6 },
        { .key = 7, .once = 8, .retries = 2 },
    };
    for (size_t i = 0; i < S_TASKS; i++) {
        brd_core_task_t *task = &self->tasks[i];
        memset (task, 0, sizeof *task);
        task->pool = 1;
        task->options = i % 7 < 6 ? &options[i % 7] : NULL;
        self->given[i] =
            TORTURE_OK (s_step (self,
                                &(brd_core_event_t){ .type = BRD_CORE_SUBMIT,
                                                     .task = task })
                        == 0);
    }
}

// Runs what is offered; every fifth fails, and is perhaps tried again.
static void
s_work (s_machine_t *self)
{
    for (int round = 0; round < 1000; round++) {
        if (self->offered_count == 0) {
            self->now += 1000000000;
            s_tell (self, &(brd_core_event_t){ .type = BRD_CORE_TICK });
            if (self->offered_count == 0)
                return;
        }
        brd_core_task_t *task = self->offered[--self->offered_count];
        s_tell (self,
                &(brd_core_event_t){ .type = BRD_CORE_DONE,
                                     .task = task,
                                     .time_ns = 1000,
                                     .error = round % 5 == 0 ? EIO : 0 });
    }
}

static void
s_run_machine (s_machine_t *self)
{
    const brd_core_pool_options_t options = { .workers = S_WORKERS };
    if (!TORTURE_OK (s_step (self,
                             &(brd_core_event_t){ .type = BRD_CORE_POOL_OPEN,
                                                  .pool = 1,
                                                  .pool_options = &options })
                     == 0))
        return;
    s_start_workers (self);
    s_submit_all (self);
    (void) TORTURE_OK (
        s_step (self,
                &(brd_core_event_t){ .type = BRD_CORE_POOL_RESIZE,
                                     .pool = 1,
                                     .count = 2 * S_WORKERS })
        == 0);
    s_start_workers (self);
    s_work (self);
    for (int i = 0; i < S_TASKS; i++)
        TORTURE_MUST (self->ended[i] == self->given[i]);
}

static void
s_core (void)
{
    s_machine_t *self = brd_mem_zalloc (sizeof *self);
    if (!TORTURE_OK (self))
        return;
    self->effects = brd_mem_alloc (sizeof *self->effects);
    self->core = brd_core_new ();
    if (TORTURE_OK (self->core && self->effects))
        s_run_machine (self);
    brd_core_destroy (&self->core);
    brd_mem_free (self->effects);
    brd_mem_free (self);
}

// --- The registry and the arena --------------------------------------------

static void
s_registry (void)
{
    for (uint64_t i = 0; i < S_MANY; i++) {
        char name[32];
        snprintf (name, sizeof name, "torture-%d", (int) i);
        const brd_tasks_entry_t entry = { .name = name, .fn = 1000 + i };
        const int added = TORTURE_OK (brd_tasks_add (&entry) == 0);
        const brd_tasks_entry_t *found = brd_tasks_find (name);
        TORTURE_MUST ((found != NULL) == added);
        TORTURE_MUST (!found || brd_tasks_of (1000 + i) == found);
    }
    TORTURE_MUST (brd_tasks_find ("s_arm_worker") != NULL);
}

static void
s_arena (void)
{
    brd_arena_t *arena = brd_arena_new (1 << 22);
    if (!TORTURE_OK (arena))
        return;
    char *block = brd_arena_alloc (arena, 100000, 1, 1);
    if (TORTURE_OK (block)) {
        TORTURE_MUST (brd_arena_holds (arena, block, 100000));
        brd_arena_free (arena, block);
    }
    TORTURE_MUST (brd_arena_used (arena) == 0);
    brd_arena_destroy (&arena);
}

static int
s_nothing (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    return 0;
}

static void
s_public (void)
{
    (void) TORTURE_OK (brood_task_register ("s_nothing", s_nothing) == 0);
    brood_progress_t *bar = brood_progress_new ("tiles", 5);
    if (TORTURE_OK (bar))
        TORTURE_MUST (brood_progress_update (bar, 1) == 0);
    brood_progress_destroy (&bar);
}

const torture_scenario_t torture_state[] = {
    { "map", s_map },     { "heap", s_heap },
    { "core", s_core },   { "registry", s_registry },
    { "arena", s_arena }, { "public", s_public },
    { NULL, NULL },
};
