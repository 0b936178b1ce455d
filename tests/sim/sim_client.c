// sim_client.c - those who give work, change their minds, and cause trouble
//
// SPDX-License-Identifier: MPL-2.0
//
// One client acts at random moments, a fault strikes at others. When the
// actions are used up comes the calm: nobody acts and nothing breaks any more
// but what tasks do themselves, and all there is must end.

#include "sim.h"

#include <errno.h>

#include "base/brd_clock.h"

static int
s_chance (sim_t *self, unsigned per_mille)
{
    return sim_rand_chance (&self->rand, per_mille);
}

static int64_t
s_log (sim_t *self, int64_t low, int64_t high)
{
    return sim_rand_log (&self->rand, low, high);
}

static int
s_pool_event (sim_t *self,
              sim_pool_t *pool,
              brd_core_event_type_t type,
              uint32_t count)
{
    return sim_host_step (self,
                          &(brd_core_event_t){ .type = type,
                                               .pool = pool->number,
                                               .count = count });
}

// --- Pools -----------------------------------------------------------------

static void
s_draw_pool (sim_t *self, sim_pool_t *pool)
{
    brd_core_pool_options_t *options = &pool->options;
    *options =
        (brd_core_pool_options_t){ .workers = self->scenario.workers_max };
    if (sim_rand_below (&self->rand, 3) == 0)
        options->workers = (uint32_t) s_log (self, 1, options->workers);
    if (s_chance (self, 150))
        options->max_tasks = (uint32_t) s_log (self, 1, 100);
    options->restarts_max = sim_rand_below (&self->rand, 3) == 0
                                ? (uint32_t) s_log (self, 1, 20)
                                : (uint32_t) s_log (self, 20, 4000);
    if (s_chance (self, 50))
        options->restarts_max = s_chance (self, 500) ? 0 : 10000;
    options->on_demand = s_chance (self, 200);
}

static void
s_open (sim_t *self)
{
    sim_pool_t *pool = NULL;
    for (int i = 0; i < SIM_POOLS && !pool; i++)
        if (!self->pools[i].open)
            pool = &self->pools[i];
    if (!pool)
        return;
    *pool = (sim_pool_t){ .number = pool->number, .open = 1, .idle = 1 };
    s_draw_pool (self, pool);
    pool->length = (sim_length_t) sim_rand_below (&self->rand, SIM_LENGTHS);
    pool->calm = pool->options.workers == 1 && pool->options.max_tasks == 0;
    pool->excused = pool->options.workers;
    pool->most_workers = pool->options.workers;
    pool->window = self->now;
    for (int i = 0; i < SIM_KEYS; i++) {
        brd_list_init (&pool->keys[i]);
        brd_list_init (&pool->onces[i]);
    }
    brd_core_event_t event = { .type = BRD_CORE_POOL_OPEN,
                               .pool = pool->number,
                               .pool_options = &pool->options };
    if (sim_host_step (self, &event) < 0)
        sim_fail (self, "POOL_OPEN failed: errno %d", errno);
}

static void
s_forget (sim_t *self, sim_pool_t *pool)
{
    if (s_pool_event (self, pool, BRD_CORE_POOL_FORGET, 0) < 0)
        sim_fail (self, "POOL_FORGET failed: errno %d", errno);
    pool->open = 0;
}

static void
s_resize (sim_t *self, sim_pool_t *pool)
{
    uint32_t old = pool->options.workers;
    uint32_t count =
        (uint32_t) s_log (self, 1, (int64_t) self->scenario.workers_max * 2);
    pool->calm = 0;
    pool->excused += count;
    pool->options.workers = count;
    if (count > pool->most_workers)
        pool->most_workers = count;
    if (s_pool_event (self, pool, BRD_CORE_POOL_RESIZE, count) < 0) {
        if (errno == ENOMEM)
            sim_fail (self, "POOL_RESIZE failed: errno %d", errno);
        pool->options.workers = old;
    }
}

static void
s_close (sim_t *self, sim_pool_t *pool, brd_core_event_type_t type)
{
    if (type == BRD_CORE_POOL_TERMINATE)
        pool->terminated = 1;
    else
        pool->closed = 1;
    s_pool_event (self, pool, type, 0);
}

static void
s_cancel_pool (sim_t *self, sim_pool_t *pool)
{
    for (size_t i = 0; i < self->live_count; i++)
        if (self->live[i]->pool == pool && !self->live[i]->cancelled)
            self->live[i]->cancelled = self->now;
    s_pool_event (self, pool, BRD_CORE_POOL_CANCEL, 0);
}

static sim_pool_t *
s_some_pool (sim_t *self)
{
    sim_pool_t *pool = &self->pools[sim_rand_below (&self->rand, SIM_POOLS)];
    return pool->open ? pool : NULL;
}

static void
s_act_pool (sim_t *self)
{
    sim_pool_t *pool = s_some_pool (self);
    uint64_t kind = sim_rand_below (&self->rand, 100);
    if (!pool || kind < 10)
        s_open (self);
    else if (pool->ended)
        s_forget (self, pool);
    else if (kind < 50)
        s_resize (self, pool);
    else if (kind < 75)
        s_cancel_pool (self, pool);
    else
        s_close (self,
                 pool,
                 kind < 88 ? BRD_CORE_POOL_CLOSE : BRD_CORE_POOL_TERMINATE);
}

// --- Tasks -----------------------------------------------------------------

static int64_t
s_draw_run (sim_t *self, sim_length_t length)
{
    switch (length) {
    case SIM_TINY:
        return s_log (self, 200, 20 * SIM_US);
    case SIM_LONG:
        return s_log (self, 10 * SIM_MS, SIM_S);
    case SIM_HUGE:
        if (sim_rand_below (&self->rand, 200) == 0)
            return s_log (self, SIM_S, 20 * SIM_S);
        return s_log (self, SIM_US, 500 * SIM_US);
    default:
        return s_log (self, SIM_US, 300 * SIM_MS);
    }
}

static void
s_draw_options (sim_t *self, sim_pool_t *pool, sim_task_t *task)
{
    brd_core_task_options_t *options = &task->options;
    if (s_chance (self, 300)) {
        options->retries = (int) sim_rand_between (&self->rand, 1, 4);
        options->only_deaths = s_chance (self, 300);
        if (s_chance (self, 500))
            options->retry_delay_ns = s_log (self, SIM_US, SIM_S);
    }
    if (s_chance (self, 250)) {
        options->timeout_ns = s_log (self, 100 * SIM_US, 10 * SIM_S);
        if (s_chance (self, 700))
            options->grace_ns = s_log (self, SIM_US, SIM_S);
    }
    if (s_chance (self, 150))
        options->queue_timeout_ns = s_log (self, 100 * SIM_US, 5 * SIM_S);
    uint64_t which = sim_rand_below (&self->rand, SIM_KEYS);
    uint64_t name = (uint64_t) pool->number << 32 | (which + 1);
    if (s_chance (self, 300)) {
        options->key = name;
        brd_list_append (&pool->keys[which], &task->key_link);
    }
    if (s_chance (self, 150)) {
        options->once = name;
        brd_list_append (&pool->onces[which], &task->once_link);
    }
    if (s_chance (self, 100))
        task->core.pin =
            (uint32_t) s_log (self, 1, (int64_t) pool->options.workers + 1);
    if (s_chance (self, 300))
        task->core.priority =
            (uint8_t) sim_rand_below (&self->rand, BRD_CORE_PRIORITIES);
    task->core.options = options;
}

static sim_task_t *
s_draw_task (sim_t *self, sim_pool_t *pool)
{
    sim_task_t *task = sim_oracle_task_new (self, pool);
    task->core.pool = pool->number;
    task->run_ns = s_draw_run (self, pool->length);
    task->polite = s_chance (self, 700);
    task->cruel = s_chance (self, self->scenario.cruel_per_mille);
    task->core.size_bytes = (uint32_t) s_log (self, 1, 1 << 20);
    if (task->run_ns > 100 * SIM_MS)
        task->core.whole = (uint8_t) s_chance (self, 100);
    if (s_chance (self, self->scenario.fancy_per_mille))
        s_draw_options (self, pool, task);
    else if (s_chance (self, 500))
        task->core.options = &task->options;
    return task;
}

static void
s_submit (sim_t *self, sim_pool_t *pool)
{
    sim_task_t *task = s_draw_task (self, pool);
    brd_core_event_t event = { .type = BRD_CORE_SUBMIT, .task = &task->core };
    int idle = pool->idle;
    int pinned = task->core.pin > pool->options.workers;
    int gone = pool->closed || pool->terminated || pool->broken;
    pool->idle = 0;
    sim_oracle_submitted (self, task);
    if (sim_host_step (self, &event) == 0)
        return;
    int error = errno;
    pool->idle = idle;
    if (!(gone && error == EPIPE) && !(pinned && error == EINVAL)
        && !(pool->broken == ENOEXEC && error == ENOEXEC))
        sim_fail (self, "SUBMIT failed: errno %d", error);
}

// A pool that is of no use any more is put away, now or later, and a new one
// opened.
static void
s_renew (sim_t *self, sim_pool_t *pool)
{
    if (sim_rand_below (&self->rand, 3))
        return;
    if (pool->ended)
        s_forget (self, pool);
    else if (!pool->terminated && sim_rand_below (&self->rand, 2))
        s_close (self, pool, BRD_CORE_POOL_TERMINATE);
    else
        s_open (self);
}

static void
s_act_submit (sim_t *self)
{
    sim_pool_t *pool = s_some_pool (self);
    if (!pool)
        return;
    if (pool->closed || pool->terminated || pool->broken)
        s_renew (self, pool);
    if (!pool->open || pool->ended)
        return;
    int64_t n = s_log (self, 1, self->scenario.burst_max);
    for (int64_t i = 0; i < n; i++)
        if (self->live_count < (size_t) self->scenario.live_max)
            s_submit (self, pool);
    if (sim_rand_below (&self->rand, 2))
        sim_host_step (self, &(brd_core_event_t){ .type = BRD_CORE_FLUSH });
}

static void
s_act_cancel (sim_t *self, brd_core_event_type_t type)
{
    if (self->live_count == 0)
        return;
    sim_task_t *task =
        self->live[sim_rand_below (&self->rand, self->live_count)];
    if (!task->cancelled)
        task->cancelled = self->now;
    brd_core_event_t event = { .type = type, .task = &task->core };
    if (type == BRD_CORE_KILL && s_chance (self, 800))
        event.time_ns = s_log (self, SIM_US, SIM_S);
    sim_host_step (self, &event);
}

void
sim_client_act (sim_t *self)
{
    uint64_t kind = sim_rand_below (&self->rand, 100);
    if (s_chance (self, self->scenario.pool_per_mille))
        s_act_pool (self);
    else if (kind < 75)
        s_act_submit (self);
    else if (kind < 83)
        s_act_cancel (self, BRD_CORE_CANCEL);
    else if (kind < 87)
        s_act_cancel (self, BRD_CORE_KILL);
    else if (kind < 95)
        sim_host_step (self, &(brd_core_event_t){ .type = BRD_CORE_FLUSH });
    else
        sim_host_step (self, &(brd_core_event_t){ .type = BRD_CORE_TICK });
    if (--self->actions_left > 0)
        sim_world_at (
            self,
            &self->action,
            self->now + s_log (self, SIM_US, self->scenario.action_delay_ns));
}

// --- Faults ----------------------------------------------------------------

static void
s_next_fault (sim_t *self)
{
    if (self->scenario.fault_delay_ns > 0 && !self->calm)
        sim_world_at (
            self,
            &self->fault,
            self->now + s_log (self, SIM_US, self->scenario.fault_delay_ns));
}

void
sim_client_fault (sim_t *self)
{
    s_next_fault (self);
    if (self->worker_count == 0)
        return;
    sim_worker_t *worker =
        self->workers[sim_rand_below (&self->rand, self->worker_count)];
    if (worker->state != SIM_WORKER_UP && worker->state != SIM_WORKER_STARTING)
        return;
    if (sim_rand_below (&self->rand, 3) == 0)
        sim_worker_freeze (
            self, worker, self->now + s_log (self, SIM_MS, 20 * SIM_S));
    else
        sim_worker_die_at (self, worker, self->now);
}

// --- Beginning, calm and end -----------------------------------------------

void
sim_client_begin (sim_t *self)
{
    self->actions_left = self->scenario.actions;
    uint64_t pools = sim_rand_below (&self->rand, 5);
    for (uint64_t i = 0; i < (pools == 0 ? 3 : pools == 1 ? 2 : 1); i++)
        s_open (self);
    sim_world_at (self, &self->action, self->now);
    s_next_fault (self);
}

// What there is to do, were there a single worker that ends with each attempt.
static int64_t
s_work_left (const sim_t *self)
{
    const sim_scenario_t *scenario = &self->scenario;
    int64_t round = scenario->start_delay_ns + scenario->report_delay_ns
                    + 4 * scenario->link_delay_ns + 4 * scenario->late_ns;
    int64_t sum = 0;
    for (size_t i = 0; i < self->live_count; i++) {
        const sim_task_t *task = self->live[i];
        const brd_core_task_options_t *options = &task->options;
        sum += (options->retries + 1) * (2 * task->run_ns + round)
               + (options->retry_delay_ns << options->retries);
    }
    return sum;
}

void
sim_client_calm (sim_t *self)
{
    sim_say (self, "--- calm");
    self->calm = 1;
    self->scenario.fault_per_mille = 0;
    self->scenario.down_per_mille = 0;
    self->scenario.bad_per_mille = 0;
    sim_world_never (self, &self->fault);
    for (size_t i = 0; i < self->worker_count; i++) {
        sim_timer_t *thaw = sim_worker_timer (self->workers[i], SIM_TIMER_THAW);
        if (thaw->timer.place)
            sim_world_at (self, thaw, self->now);
    }
    self->progress_due = self->now + s_work_left (self) + 120 * SIM_S;
}

void
sim_client_end (sim_t *self)
{
    sim_say (self, "--- end");
    self->ending = 1;
    for (int i = 0; i < SIM_POOLS; i++) {
        sim_pool_t *pool = &self->pools[i];
        if (pool->open && !pool->ended && !pool->idle)
            sim_fail (self, "pool %u was never told to be idle", pool->number);
        if (pool->open && !pool->ended && !pool->terminated)
            s_close (self,
                     pool,
                     sim_rand_below (&self->rand, 2) ? BRD_CORE_POOL_CLOSE
                                                     : BRD_CORE_POOL_TERMINATE);
    }
    sim_client_sweep (self);
    sim_host_tick (self);
}

void
sim_client_sweep (sim_t *self)
{
    for (int i = 0; i < SIM_POOLS; i++)
        if (self->pools[i].open && self->pools[i].ended)
            s_forget (self, &self->pools[i]);
}
