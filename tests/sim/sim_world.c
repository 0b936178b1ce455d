// sim_world.c - the clock, and what every part of the world needs
//
// SPDX-License-Identifier: MPL-2.0
//
//     earliest timer -> now = its time -> who it belongs to -> core steps
//          ^                                                      |
//          +------------------- new timers <----------------------+
//
// Time passes only between timers. A world has three parts: turmoil, in which
// the client acts and faults strike; calm, in which all that was submitted must
// end; and the end, in which the pools are closed one way or another.
//
// Read next: sim_host.c.

#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_clock.h"

static void
s_dump (sim_t *self)
{
    size_t size = brd_core_dump (self->core, NULL, 0) + 1;
    char *text = sim_must (malloc (size));
    brd_core_dump (self->core, text, size);
    puts (text);
    free (text);
}

void
sim_fail (sim_t *self, const char *format, ...)
{
    if (self->options.verbose)
        s_dump (self);
    int n = snprintf (self->why,
                      SIM_WHY_SIZE,
                      "at %.6f s, step %ld: ",
                      (double) self->now / 1e9,
                      self->steps);
    va_list args;
    va_start (args, format);
    vsnprintf (self->why + n, SIM_WHY_SIZE - (size_t) n, format, args);
    va_end (args);
    longjmp (*self->failed, 1);
}

void
sim_say (sim_t *self, const char *format, ...)
{
    if (!self->options.verbose)
        return;
    va_list args;
    va_start (args, format);
    sim_kit_say (self->now, format, args);
    va_end (args);
}

// --- Rings -----------------------------------------------------------------

static void
s_ring_grow (sim_ring_t *self)
{
    uint32_t room = self->room ? self->room * 2 : 16;
    sim_mail_t *items = sim_must (malloc (room * sizeof *items));
    for (uint32_t i = 0; i < self->count; i++)
        items[i] = *sim_ring_at (self, i);
    free (self->items);
    self->items = items;
    self->room = room;
    self->head = 0;
}

void
sim_ring_put (sim_ring_t *self, sim_mail_t mail)
{
    if (self->count == self->room)
        s_ring_grow (self);
    self->items[(self->head + self->count++) & (self->room - 1)] = mail;
}

sim_mail_t *
sim_ring_at (const sim_ring_t *self, uint32_t place)
{
    return &self->items[(self->head + place) & (self->room - 1)];
}

sim_mail_t
sim_ring_take (sim_ring_t *self)
{
    sim_mail_t mail = *sim_ring_at (self, 0);
    self->head = (self->head + 1) & (self->room - 1);
    self->count--;
    return mail;
}

// --- Timers ----------------------------------------------------------------

void
sim_world_at (sim_t *self, sim_timer_t *timer, int64_t due)
{
    sim_kit_at (&self->agenda, &timer->timer, due, self->now);
}

void
sim_world_never (sim_t *self, sim_timer_t *timer)
{
    sim_kit_never (&self->agenda, &timer->timer);
}

static void
s_fire (sim_t *self, sim_timer_t *timer)
{
    static const brd_core_event_t tick = { .type = BRD_CORE_TICK };
    switch (timer->kind) {
    case SIM_TIMER_TICK:
        self->tick_wanted = BRD_NEVER;
        sim_host_step (self, &tick);
        break;
    case SIM_TIMER_ACTION:
        sim_client_act (self);
        break;
    case SIM_TIMER_FAULT:
        sim_client_fault (self);
        break;
    default:
        sim_worker_fire (self, timer->worker, timer->kind);
    }
    if (self->ending)
        sim_client_sweep (self);
    sim_host_tick (self);
}

// Until done says so or nothing will ever happen again. 0 in the latter case.
static int
s_run (sim_t *self, int (*done) (const sim_t *self), int64_t until)
{
    while (!done (self)) {
        brd_timer_t *first = brd_heap_first (&self->agenda);
        if (!first)
            return 0;
        if (first->due > until)
            return 0;
        brd_heap_remove (&self->agenda, first);
        self->now = first->due;
        s_fire (self, BRD_LIST_ITEM (first, sim_timer_t, timer));
    }
    return 1;
}

static int
s_acted (const sim_t *self)
{
    return self->actions_left == 0;
}

static int
s_all_ended (const sim_t *self)
{
    return self->live_count == 0;
}

static int
s_all_gone (const sim_t *self)
{
    for (int i = 0; i < SIM_POOLS; i++)
        if (self->pools[i].open)
            return 0;
    return 1;
}

static void
s_name_stuck (sim_t *self, const char *what)
{
    if (self->live_count > 0) {
        const sim_task_t *task = self->live[0];
        sim_fail (self,
                  "%s: %zu tasks do not end, task %llu of pool %u among them "
                  "(core state %d, worker %u)",
                  what,
                  self->live_count,
                  (unsigned long long) task->id,
                  task->pool->number,
                  task->core.state,
                  task->worker ? task->worker->number : 0);
    }
    sim_fail (self, "%s: a pool does not end", what);
}

// --- A life ----------------------------------------------------------------

static void
s_init (sim_t *self, const sim_options_t *options)
{
    self->options = *options;
    self->now = SIM_S;
    self->hash = UINT64_C (0xcbf29ce484222325);
    self->tick_wanted = BRD_NEVER;
    sim_rand_seed (&self->rand, options->seed);
    sim_scenario_draw (&self->scenario, &self->rand, options);
    brd_heap_init (&self->agenda);
    brd_map_init (&self->numbers);
    brd_list_init (&self->free_tasks);
    self->tick.kind = SIM_TIMER_TICK;
    self->action.kind = SIM_TIMER_ACTION;
    self->fault.kind = SIM_TIMER_FAULT;
    self->core = sim_must (brd_core_new ());
    self->effects = sim_must (malloc (sizeof *self->effects));
    for (int i = 0; i < SIM_POOLS; i++)
        self->pools[i].number = (uint32_t) i + 1;
}

static void
s_free_worker (sim_worker_t *worker)
{
    free (worker->inbox.items);
    free (worker->outbox.items);
    free (worker->queue.items);
    free (worker->unsent.items);
    free (worker);
}

// After a failure too, when the core may be in any state: it is left alone
// then, and its memory with it.
static void
s_fini (sim_t *self, int failed)
{
    if (!failed)
        brd_core_destroy (&self->core);
    brd_heap_fini (&self->agenda);  // Looks at the timers once more
    for (size_t i = 0; i < self->worker_count; i++)
        s_free_worker (self->workers[i]);
    for (size_t i = 0; i < self->live_count; i++)
        free (self->live[i]);
    brd_list_t *link;
    while ((link = brd_list_pop (&self->free_tasks)))
        free (BRD_LIST_ITEM (link, sim_task_t, free_link));
    free (self->workers);
    free (self->live);
    free (self->answers);
    free (self->effects);
    brd_map_fini (&self->numbers);
    free (self);
}

static void
s_finish (sim_t *self)
{
    if (brd_core_outstanding (self->core) != 0)
        sim_fail (self,
                  "the core counts %ld tasks at the end",
                  brd_core_outstanding (self->core));
    if (brd_core_deadline (self->core) != BRD_NEVER)
        sim_fail (self, "an empty core wants another TICK");
    brd_core_check (self->core);
}

static void
s_live (sim_t *self)
{
    sim_client_begin (self);
    s_run (self, s_acted, BRD_NEVER);
    sim_client_calm (self);
    if (!s_run (self, s_all_ended, self->progress_due))
        s_name_stuck (self, "in the calm");
    sim_check_all (self);
    sim_client_end (self);
    if (!s_run (self, s_all_gone, self->now + 600 * SIM_S))
        s_name_stuck (self, "at the end");
    s_finish (self);
}

int
sim_world_run (const sim_options_t *options, sim_result_t *result)
{
    jmp_buf failed;
    *result = (sim_result_t){ 0 };
    sim_t *volatile self = sim_must (calloc (1, sizeof *self));
    s_init (self, options);
    self->why = result->why;
    self->failed = &failed;
    volatile int rc = -1;
    if (setjmp (failed) == 0) {
        s_live (self);
        rc = 0;
    }
    result->hash = self->hash;
    result->steps = self->steps;
    result->tasks = self->tasks;
    result->deaths = self->deaths;
    result->fake_ns = self->now;
    s_fini (self, rc < 0);
    return rc;
}
