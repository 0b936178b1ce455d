// sim_check.c - what must be true of everything, all the time
//
// SPDX-License-Identifier: MPL-2.0
//
// After every step: the counts. Now and then, more rarely the more there is so
// that a step costs about the same: the core's own invariants, and a look at
// every task and worker for somebody who waits too long. Nobody is accused of
// waiting before a whole bound has passed for both sides, so it does not matter
// that the looks are rare.

#include "sim.h"

#include "base/brd_clock.h"

// Tasks are held back for a fuller message at most so long.
#define SIM_HOLD (2 * SIM_MS)

static unsigned long long
s_id (const sim_task_t *task)
{
    return task->id;
}

// How long a task may wait beside an idle worker.
static int64_t
s_slack (const sim_t *self)
{
    return SIM_HOLD + 2 * self->scenario.late_ns;
}

// There and back, with a TICK too late on the way.
static int64_t
s_remote_slack (const sim_t *self)
{
    return s_slack (self) + 4 * self->scenario.link_delay_ns + SIM_MS;
}

// --- Counts ----------------------------------------------------------------

static void
s_check_pool (sim_t *self, const sim_pool_t *pool)
{
    brd_core_pool_stats_t stats;
    if (brd_core_pool_stats (self->core, pool->number, &stats) < 0)
        sim_fail (self, "pool %u has no stats", pool->number);
    if (stats.pending + stats.running != pool->live
        || stats.running != pool->in_flight)
        sim_fail (self,
                  "pool %u counts %ld pending, %ld running; they are %ld, %ld",
                  pool->number,
                  stats.pending,
                  stats.running,
                  pool->live - pool->in_flight,
                  pool->in_flight);
    if (stats.done != pool->done || stats.failed != pool->failed)
        sim_fail (self,
                  "pool %u counts %ld done, %ld failed; they are %ld, %ld",
                  pool->number,
                  stats.done,
                  stats.failed,
                  pool->done,
                  pool->failed);
    if (stats.workers > pool->workers || stats.idle > stats.workers)
        sim_fail (self,
                  "pool %u counts %ld workers, %ld idle; they are %ld",
                  pool->number,
                  stats.workers,
                  stats.idle,
                  pool->workers);
}

// --- Waiting ---------------------------------------------------------------

typedef struct {
    int64_t idle;    // The longest a worker has had nothing; 0: none has
    int64_t ready;   // The longest a task has waited that any worker can have
    int64_t behind;  // The same, offered to a worker that runs another
    const sim_worker_t *worker;
    const sim_task_t *task;
    const sim_task_t *held;
    int doubt;  // A dead worker, not reported yet, has tasks
} sim_wait_t;

static int
s_feedable (const sim_worker_t *worker)
{
    const brd_core_pool_options_t *options = &worker->pool->options;
    return worker->state == SIM_WORKER_UP && worker->up_told && !worker->stopped
           && !worker->killed && !worker->bad && !worker->retire_told
           && worker->place < options->workers
           // A successor waits until the one before it has finished.
           && worker->pool->holders[worker->place] == 0
           && (options->max_tasks == 0
               || worker->given < (long) options->max_tasks);
}

static void
s_check_times (sim_t *self, const sim_task_t *task)
{
    const brd_core_task_options_t *options = &task->options;
    const sim_worker_t *worker = task->worker;
    int64_t age = self->now - task->submitted;
    // A follower waits for the start of its leader, not its own.
    if (options->queue_timeout_ns > 0 && task->starts == 0
        && task->core.state != BRD_CORE_TASK_FOLLOWING
        && !(worker && worker->state == SIM_WORKER_DEAD)
        && age > options->queue_timeout_ns + s_remote_slack (self))
        sim_fail (
            self, "task %llu waits longer than its queue timeout", s_id (task));
    if (!worker || worker->state != SIM_WORKER_UP
        || worker->slots[task->slot].claim != SIM_CLAIM_RUNNING)
        return;
    int64_t ran = self->now - worker->slots[task->slot].started;
    if (options->timeout_ns > 0
        && ran > options->timeout_ns
                     + (options->grace_ns ? options->grace_ns : SIM_S)
                     + s_remote_slack (self))
        sim_fail (self,
                  "task %llu runs longer than its timeout and grace",
                  s_id (task));
}

static void
s_look_task (sim_t *self, sim_task_t *task, sim_wait_t *wait)
{
    s_check_times (self, task);
    int64_t waited = 0;
    if (task->core.state == BRD_CORE_TASK_READY) {
        if (task->ready_seen == 0)
            task->ready_seen = self->now;
        waited = self->now - task->ready_seen;
    }
    if (task->core.pin > 0)
        return;
    if (waited > wait->ready) {
        wait->ready = waited;
        wait->task = task;
    }
    const sim_worker_t *worker = task->worker;
    if (!worker || worker->state != SIM_WORKER_UP)
        return;
    const sim_slot_t *slot = &worker->slots[task->slot];
    if (slot->claim != SIM_CLAIM_OFFERED || worker->running == SIM_NO_SLOT)
        return;
    waited = self->now - slot->offered;
    int64_t ran = self->now - worker->slots[worker->running].started;
    if (ran < waited)
        waited = ran;
    if (waited > wait->behind) {
        wait->behind = waited;
        wait->held = task;
    }
}

static void
s_look (sim_t *self, sim_wait_t *waits)
{
    for (size_t i = 0; i < self->live_count; i++) {
        sim_task_t *task = self->live[i];
        s_look_task (self, task, &waits[task->pool->number - 1]);
    }
    for (size_t i = 0; i < self->worker_count; i++) {
        const sim_worker_t *worker = self->workers[i];
        if (worker->state == SIM_WORKER_FREE)
            continue;
        sim_wait_t *wait = &waits[worker->pool->number - 1];
        if (worker->state == SIM_WORKER_DEAD && worker->in_flight > 0)
            wait->doubt = 1;
        if (worker->in_flight > 0 || !s_feedable (worker))
            continue;
        int64_t since = worker->pool->released[worker->place];
        if (since < worker->idle_since)
            since = worker->idle_since;
        int64_t idle = self->now - since;
        if (idle > wait->idle) {
            wait->idle = idle;
            wait->worker = worker;
        }
    }
}

static void
s_check_waits (sim_t *self)
{
    sim_wait_t waits[SIM_POOLS] = { { 0 } };
    s_look (self, waits);
    for (int i = 0; i < SIM_POOLS; i++) {
        const sim_wait_t *wait = &waits[i];
        int64_t slack = s_slack (self);
        if (self->pools[i].broken || self->pools[i].terminated)
            continue;
        if (wait->idle > slack && wait->ready > slack)
            sim_fail (self,
                      "worker %u is idle while task %llu waits",
                      wait->worker->number,
                      s_id (wait->task));
        slack = s_remote_slack (self);
        // What is being taken back may go to one that has become idle since, or
        // the dead one may be whom it is asked from.
        if (!wait->doubt && wait->idle > slack && wait->behind > slack
            && self->now - self->pools[i].reclaimed > slack)
            sim_fail (self,
                      "worker %u is idle while task %llu is held in worker %u "
                      "behind another",
                      wait->worker->number,
                      s_id (wait->held),
                      wait->held->worker->number);
    }
}

// --- When ------------------------------------------------------------------

void
sim_check_all (sim_t *self)
{
    brd_core_check (self->core);
    s_check_waits (self);
}

// After a FLUSH nothing is held back: no idle worker and no ready task.
static void
s_check_flush (sim_t *self)
{
    sim_wait_t waits[SIM_POOLS] = { { 0 } };
    for (size_t i = 0; i < self->worker_count; i++) {
        const sim_worker_t *worker = self->workers[i];
        if (worker->state == SIM_WORKER_UP && worker->in_flight == 0
            && s_feedable (worker))
            waits[worker->pool->number - 1].worker = worker;
    }
    for (size_t i = 0; i < self->live_count; i++) {
        const sim_task_t *task = self->live[i];
        const sim_worker_t *worker = waits[task->pool->number - 1].worker;
        if (worker && task->core.state == BRD_CORE_TASK_READY
            && task->core.pin == 0)
            sim_fail (self,
                      "task %llu is held back from worker %u after FLUSH",
                      s_id (task),
                      worker->number);
    }
}

void
sim_check_step (sim_t *self, const brd_core_event_t *event)
{
    long outstanding = brd_core_outstanding (self->core);
    if (outstanding != (long) self->live_count)
        sim_fail (self,
                  "the core counts %ld tasks, there are %zu",
                  outstanding,
                  self->live_count);
    for (int i = 0; i < SIM_POOLS; i++)
        if (self->pools[i].open && !self->pools[i].ended)
            s_check_pool (self, &self->pools[i]);
    if (event->type == BRD_CORE_FLUSH && self->live_count < 500)
        s_check_flush (self);
    self->steps_to_check--;
    if (self->steps_to_check > 0)
        return;
    self->steps_to_check =
        (long) (self->live_count + self->worker_count * 2) / 16 + 1;
    sim_check_all (self);
}
