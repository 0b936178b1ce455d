// sim_tree_node.c - one core of the tree, and the workers of an agent
//
// SPDX-License-Identifier: MPL-2.0
//
//     timer, message --> step --> effects --> workers, messages
//                         ^          |
//                         +----------+  what workers answer at once
//
// Workers here are simple: they answer by their page, in the same instant, and
// the other simulator knows all that can happen to them. What is looked at is
// what a core is told by the one below.
//
// Read next: sim_tree_link.c.

#include "sim_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_clock.h"

// --- Jobs ------------------------------------------------------------------

sim_tree_job_t *
sim_tree_node_job (sim_tree_t *self,
                   sim_tree_node_t *node,
                   sim_tree_task_t *task)
{
    sim_tree_job_t *job = sim_must (calloc (1, sizeof *job));
    job->task = task;
    job->node = node;
    job->live = 1;
    job->core.options = &job->options;
    job->core.pool = SIM_TREE_POOL;
    brd_list_init (&job->link);
    brd_list_init (&job->all);
    brd_list_append (&self->jobs, &job->all);
    if (node->job_count == node->job_room) {
        node->job_room = node->job_room ? 2 * node->job_room : 64;
        node->jobs = sim_must (
            realloc (node->jobs, node->job_room * sizeof *node->jobs));
    }
    job->place = node->job_count;
    node->jobs[node->job_count++] = job;
    return job;
}

void
sim_tree_node_drop (sim_tree_job_t *job)
{
    sim_tree_node_t *node = job->node;
    sim_tree_job_t *last = node->jobs[--node->job_count];
    node->jobs[job->place] = last;
    last->place = job->place;
    job->live = 0;
}

static void
s_hold (sim_tree_t *self, sim_tree_worker_t *worker, sim_tree_job_t *job)
{
    if (job->worker)
        sim_tree_fail (self, "a task is given to two workers");
    job->worker = worker;
    job->asked = job->kept = 0;
    job->ready_seen = 0;
    brd_list_append (&worker->jobs, &job->link);
    worker->node->in_flight++;
    if (++worker->in_flight >= worker->width)
        worker->free_since = 0;
}

static void
s_stop (sim_tree_t *self, sim_tree_worker_t *worker)
{
    worker->running->task->running--;
    worker->running = NULL;
    sim_tree_never (self, sim_tree_node_timer (worker, SIM_TREE_RUN));
}

void
sim_tree_node_release (sim_tree_t *self, sim_tree_job_t *job)
{
    sim_tree_worker_t *worker = job->worker;
    if (!worker)
        return;
    if (worker->running == job)
        s_stop (self, worker);
    brd_list_remove (&job->link);
    worker->in_flight--;
    worker->node->in_flight--;
    job->worker = NULL;
}

// --- Workers ---------------------------------------------------------------

sim_tree_timer_t *
sim_tree_node_timer (sim_tree_worker_t *worker, sim_tree_kind_t kind)
{
    return &worker->timers[kind - SIM_TREE_BORN];
}

static void
s_start (sim_tree_t *self, sim_tree_worker_t *worker)
{
    if (!worker->up || worker->gone || worker->running
        || brd_list_empty (&worker->jobs))
        return;
    sim_tree_job_t *job =
        BRD_LIST_ITEM (worker->jobs.next, sim_tree_job_t, link);
    sim_tree_task_t *task = job->task;
    if (task->running > 0)
        sim_tree_fail (self,
                       "task %llu runs twice at a time",
                       (unsigned long long) task->id);
    if (task->ended && !self->terminated)
        sim_tree_fail (self,
                       "task %llu runs after its end",
                       (unsigned long long) task->id);
    task->running++;
    task->starts++;
    task->started = self->now;
    worker->running = job;
    worker->run_error =
        sim_rand_chance (&self->rand, self->scenario.fail_per_mille) ? EIO : 0;
    const int64_t took =
        task->run_ns / 2 + sim_rand_between (&self->rand, 0, task->run_ns);
    sim_tree_at (
        self, sim_tree_node_timer (worker, SIM_TREE_RUN), self->now + took);
    if (task->cruel
        || (!self->calm
            && sim_rand_chance (&self->rand, self->scenario.death_per_mille)))
        sim_tree_at (self,
                     sim_tree_node_timer (worker, SIM_TREE_DIE),
                     self->now + sim_rand_between (&self->rand, 0, took));
}

static void
s_ran (sim_tree_t *self, sim_tree_worker_t *worker)
{
    sim_tree_job_t *job = worker->running;
    if (worker->run_error)
        job->task->failed++;
    else
        job->task->finished++;
    sim_tree_node_release (self, job);
    sim_tree_node_step (
        self,
        worker->node,
        (brd_core_event_t){ .type = BRD_CORE_DONE,
                            .worker = worker->number,
                            .error = worker->run_error,
                            .time_ns = self->now - job->task->started },
        job);
    s_start (self, worker);
}

// What it has not started goes back, the last first; what it ran is lost.
static void
s_die (sim_tree_t *self, sim_tree_worker_t *worker)
{
    sim_tree_node_t *node = worker->node;
    sim_tree_job_t *running = worker->running;
    brd_core_event_t event = { .type = BRD_CORE_WORKER_ENDING,
                               .worker = worker->number };
    if (worker->gone || !worker->up)
        return;
    worker->gone = 1;
    if (running) {
        running->task->deaths++;
        s_stop (self, worker);
    }
    sim_tree_node_step (self, node, event, NULL);
    event.type = BRD_CORE_RECLAIMED;
    brd_list_t *before;
    for (brd_list_t *link = worker->jobs.prev; link != &worker->jobs;
         link = before) {
        sim_tree_job_t *job = BRD_LIST_ITEM (link, sim_tree_job_t, link);
        before = link->prev;
        if (job == running)
            continue;
        sim_tree_node_release (self, job);
        sim_tree_node_step (self, node, event, job);
    }
    // A pool that was terminated has ended it already.
    if (running && running->live)
        sim_tree_node_release (self, running);
    event.type = BRD_CORE_WORKER_LOST;
    event.task = running ? &running->core : NULL;
    sim_tree_node_step (self, node, event, NULL);
}

static void
s_born (sim_tree_t *self, sim_tree_worker_t *worker)
{
    const int down =
        !self->calm
        && sim_rand_chance (&self->rand, self->scenario.down_per_mille);
    worker->up = !down;
    worker->gone = down;
    sim_tree_node_step (self,
                        worker->node,
                        (brd_core_event_t){ .type = down ? BRD_CORE_WORKER_DOWN
                                                         : BRD_CORE_WORKER_UP,
                                            .worker = worker->number },
                        NULL);
}

static void
s_flag (sim_tree_t *self, sim_tree_job_t *job)
{
    sim_tree_worker_t *worker = job->worker;
    if (worker->running != job || !job->task->polite)
        return;
    worker->run_error = EIO;
    sim_tree_at (self,
                 sim_tree_node_timer (worker, SIM_TREE_RUN),
                 self->now + sim_rand_between (&self->rand, 0, SIM_MS));
}

void
sim_tree_node_fire (sim_tree_t *self,
                    sim_tree_worker_t *worker,
                    sim_tree_kind_t kind)
{
    if (kind == SIM_TREE_BORN)
        s_born (self, worker);
    else if (kind == SIM_TREE_RUN)
        s_ran (self, worker);
    else
        s_die (self, worker);
}

static void
s_free_worker (sim_tree_t *self, sim_tree_worker_t *worker)
{
    for (int i = 0; i < SIM_TREE_WORKER_TIMERS; i++)
        sim_tree_never (self, &worker->timers[i]);
    if (worker->below)
        worker->below->above = NULL;
    brd_list_remove (&worker->link);
    free (worker->down.items);
    free (worker->back.items);
    free (worker);
}

// --- Effects ---------------------------------------------------------------

static sim_tree_worker_t *
s_worker (sim_tree_t *self, sim_tree_node_t *node, uint32_t number)
{
    for (brd_list_t *link = node->workers.next; link != &node->workers;
         link = link->next) {
        sim_tree_worker_t *worker =
            BRD_LIST_ITEM (link, sim_tree_worker_t, link);
        if (worker->number == number)
            return worker;
    }
    sim_tree_fail (self, "an effect names worker %u, which is not", number);
}

static void
s_do_start (sim_tree_t *self,
            sim_tree_node_t *node,
            const brd_core_effect_t *effect)
{
    sim_tree_worker_t *worker = sim_must (calloc (1, sizeof *worker));
    worker->node = node;
    worker->number = effect->worker;
    worker->place = effect->place;
    brd_list_init (&worker->link);
    brd_list_init (&worker->jobs);
    brd_list_append (&node->workers, &worker->link);
    for (int i = 0; i < SIM_TREE_WORKER_TIMERS; i++) {
        worker->timers[i].kind = (sim_tree_kind_t) (SIM_TREE_BORN + i);
        worker->timers[i].owner = worker;
    }
    if (effect->type == BRD_CORE_DO_JOIN) {
        if (!self->joining)
            sim_tree_fail (self, "nobody has joined");
        worker->host = 1;
        worker->delay_ns =
            sim_rand_log (&self->rand, SIM_US, self->scenario.link_delay_ns);
        worker->below = self->joining;
        self->joining->above = worker;
        self->joining = NULL;
        return;
    }
    sim_tree_at (self,
                 sim_tree_node_timer (worker, SIM_TREE_BORN),
                 self->now
                     + sim_rand_log (&self->rand,
                                     50 * SIM_US,
                                     self->scenario.start_delay_ns));
}

static void
s_do_leave (sim_tree_t *self,
            sim_tree_worker_t *worker,
            brd_core_effect_type_t type)
{
    const int64_t soon =
        self->now
        + sim_rand_log (&self->rand, SIM_US, self->scenario.link_delay_ns);
    if (type == BRD_CORE_DO_STOP && worker->in_flight > 0)
        sim_tree_fail (self, "a worker with tasks is told to stop");
    worker->stopped |= type == BRD_CORE_DO_STOP;
    worker->killed |= type == BRD_CORE_DO_KILL;
    if (!worker->host) {
        // One that has not come up yet ends as soon as it has.
        sim_tree_timer_t *born = sim_tree_node_timer (worker, SIM_TREE_BORN);
        sim_tree_at (self,
                     sim_tree_node_timer (worker, SIM_TREE_DIE),
                     born->timer.place ? born->timer.due + 1 : soon);
    }
    else if (type == BRD_CORE_DO_STOP)
        sim_tree_link_down (
            self, worker, (sim_tree_mail_t){ .kind = SIM_TREE_MAIL_STOP });
    else if (worker->cut || !worker->below)
        sim_tree_link_cut (self, worker, BRD_NEVER);
    else if (worker->below->death.timer.place == 0)
        sim_tree_at (self, &worker->below->death, soon);
}

static void
s_do_offer (sim_tree_t *self, sim_tree_worker_t *worker, sim_tree_job_t *job)
{
    if (!worker->up || worker->gone || worker->stopped || worker->killed)
        sim_tree_fail (self, "a worker that leaves is given a task");
    s_hold (self, worker, job);
    if (!worker->host) {
        s_start (self, worker);
        return;
    }
    if (worker->suspect || worker->retired)
        sim_tree_fail (self, "a host that is silent or leaves is given a task");
    job->below = ++self->offers;
    if (brd_map_set (&self->above, job->below, job) < 0)
        sim_must (NULL);
    const sim_tree_mail_t mail = {
        .kind = SIM_TREE_MAIL_OFFER,
        .offer = job->below,
        .task = job->task,
        .priority = job->core.priority,
        .whole = job->core.whole,
        .options = { .timeout_ns = job->options.timeout_ns,
                     .grace_ns = job->options.grace_ns },
    };
    sim_tree_link_down (self, worker, mail);
}

// Of a worker: by its page.
static void
s_answer (sim_tree_t *self,
          const brd_core_effect_t *effect,
          sim_tree_job_t *job)
{
    sim_tree_worker_t *worker = job->worker;
    const int runs = worker->running == job;
    brd_core_event_t event = { .worker = effect->worker,
                               .time_ns = runs ? job->task->started : 0 };
    if (effect->type == BRD_CORE_DO_FLAG) {
        s_flag (self, job);
        return;
    }
    event.type = effect->type == BRD_CORE_DO_PROBE ? BRD_CORE_PROBED
                 : runs                            ? BRD_CORE_KEPT
                                                   : BRD_CORE_RECLAIMED;
    if (event.type == BRD_CORE_RECLAIMED)
        sim_tree_node_release (self, job);
    sim_tree_node_step (self, job->node, event, job);
}

static void
s_do_ask (sim_tree_t *self,
          const brd_core_effect_t *effect,
          sim_tree_job_t *job)
{
    sim_tree_worker_t *worker = job->worker;
    // What it was asked for may have come of an answer in this very instant.
    if (!worker || worker->number != effect->worker) {
        if (self->steps_left == 0)
            sim_tree_fail (self, "a worker is asked for what it has not");
        return;
    }
    if (!worker->host) {
        if (effect->type == BRD_CORE_DO_KILL_TASK)
            sim_tree_fail (self, "a worker is asked to kill its task");
        s_answer (self, effect, job);
        return;
    }
    static const sim_tree_mail_kind_t kinds[] = {
        [BRD_CORE_DO_RECLAIM] = SIM_TREE_MAIL_RECLAIM,
        [BRD_CORE_DO_FLAG] = SIM_TREE_MAIL_CANCEL,
        [BRD_CORE_DO_KILL_TASK] = SIM_TREE_MAIL_KILL,
        [BRD_CORE_DO_PROBE] = SIM_TREE_MAIL_PROBE,
    };
    sim_tree_mail_t mail = { .kind = kinds[effect->type], .offer = job->below };
    if (effect->type == BRD_CORE_DO_KILL_TASK)
        mail.time_ns = effect->time_ns;
    if (effect->type == BRD_CORE_DO_RECLAIM) {
        if (job->asked)
            sim_tree_fail (self, "a host is asked twice for the same task");
        job->asked = 1;
        if (++job->times > 1000)
            sim_tree_fail (self, "a task is taken back without end");
        job->node->reclaimed = self->now;
    }
    sim_tree_link_down (self, worker, mail);
}

static void
s_do_end (sim_tree_t *self,
          sim_tree_node_t *node,
          const brd_core_effect_t *effect)
{
    sim_tree_job_t *job = BRD_LIST_ITEM (effect->task, sim_tree_job_t, core);
    if (!job->live)
        sim_tree_fail (self, "a task ends twice");
    sim_tree_node_release (self, job);
    if (effect->outcome.error == 0)
        node->done++;
    else
        node->failed++;
    if (node == self->root)
        sim_tree_ended (self, effect);
    else
        sim_tree_link_ended (self, job, &effect->outcome);
    sim_tree_node_drop (job);
}

static void
s_do (sim_tree_t *self, sim_tree_node_t *node, const brd_core_effect_t *effect)
{
    sim_tree_job_t *job =
        effect->task ? BRD_LIST_ITEM (effect->task, sim_tree_job_t, core)
                     : NULL;
    sim_tree_say (self,
                  "    node %d: effect %d worker %u task %llu error %d",
                  node->number,
                  (int) effect->type,
                  effect->worker,
                  job ? (unsigned long long) job->task->id : 0,
                  effect->outcome.error);
    switch (effect->type) {
    case BRD_CORE_DO_START:
    case BRD_CORE_DO_JOIN:
        s_do_start (self, node, effect);
        return;
    case BRD_CORE_DO_STOP:
    case BRD_CORE_DO_KILL:
        s_do_leave (self, s_worker (self, node, effect->worker), effect->type);
        return;
    case BRD_CORE_DO_OFFER:
        s_do_offer (self, s_worker (self, node, effect->worker), job);
        return;
    case BRD_CORE_DO_END:
        s_do_end (self, node, effect);
        return;
    case BRD_CORE_DO_FORGET:
        s_free_worker (self, s_worker (self, node, effect->worker));
        return;
    case BRD_CORE_DO_POOL_BROKEN:
        if (node == self->root)
            sim_tree_fail (self, "a pool that hosts join is broken");
        sim_tree_at (self, &node->death, self->now);
        return;
    case BRD_CORE_DO_POOL_IDLE:
        if (node->job_count > 0)
            sim_tree_fail (self, "a node with tasks is idle");
        return;
    case BRD_CORE_DO_POOL_ENDED:
        node->ended = 1;
        sim_tree_at (self, &node->death, self->now);
        return;
    default:
        s_do_ask (self, effect, job);
    }
}

// --- Steps -----------------------------------------------------------------

static uint32_t
s_width (const sim_tree_node_t *node)
{
    uint32_t width = 0;
    for (const brd_list_t *link = node->workers.next; link != &node->workers;
         link = link->next)
        width += BRD_LIST_ITEM (link, const sim_tree_worker_t, link)->width;
    return width;
}

static void
s_check (sim_tree_t *self, const sim_tree_node_t *node)
{
    brd_core_pool_stats_t stats;
    if (brd_core_pool_stats (node->core, SIM_TREE_POOL, &stats) < 0)
        sim_tree_fail (self, "node %d has no stats", node->number);
    if (stats.pending + stats.running != (long) node->job_count
        || brd_core_outstanding (node->core) != (long) node->job_count
        || stats.running != (long) node->in_flight)
        sim_tree_fail (self,
                       "node %d counts %ld pending, %ld running; it has %zu, "
                       "%u in workers",
                       node->number,
                       stats.pending,
                       stats.running,
                       node->job_count,
                       node->in_flight);
    if (stats.done != node->done || stats.failed != node->failed)
        sim_tree_fail (self, "node %d miscounts its ends", node->number);
    if (!node->agent
        && (stats.workers > (long) s_width (node)
            || stats.idle > stats.workers))
        sim_tree_fail (self,
                       "node %d counts %ld slots, %ld free; it has %u",
                       node->number,
                       stats.workers,
                       stats.idle,
                       s_width (node));
}

static int
s_step (sim_tree_t *self, sim_tree_node_t *node, const brd_core_event_t *event)
{
    self->total_steps++;
    sim_tree_say (self,
                  "node %d: event %d worker %u count %u error %d",
                  node->number,
                  (int) event->type,
                  event->worker,
                  event->count,
                  event->error);
    const int rc = brd_core_step (node->core, self->now, event, self->effects);
    const int error = errno;
    if (rc < 0 && self->effects->count > 0)
        sim_tree_fail (self, "an event was refused, with effects");
    const int idle = event->type == BRD_CORE_TICK && self->effects->count == 0
                     && self->idle_at == self->now;
    self->idle_ticks = idle ? self->idle_ticks + 1 : 0;
    self->idle_at = self->now;
    if (self->idle_ticks > 1000)
        sim_tree_fail (self, "a core wants TICKs and does nothing");
    for (size_t i = 0; i < self->effects->count; i++)
        s_do (self, node, &self->effects->items[i]);
    errno = error;
    return rc;
}

static int
s_whole_step (sim_tree_t *self, const sim_tree_step_t *step)
{
    static const brd_core_event_t tick = { .type = BRD_CORE_TICK };
    sim_tree_node_t *node = step->node;
    brd_core_event_t event = step->event;
    if (step->job)
        event.task = &step->job->core;
    const int rc = s_step (self, node, &event);
    const int error = errno;
    while (brd_core_more (node->core))
        s_step (self, node, &tick);
    sim_tree_node_tick (self, node);
    if (self->steps_left == 0 && rc == 0)
        s_check (self, node);
    if (!node->agent) {
        sim_tree_link_slots (self, node);
        sim_tree_link_give_back (self, node);
    }
    errno = error;
    return rc;
}

int
sim_tree_node_step (sim_tree_t *self,
                    sim_tree_node_t *node,
                    brd_core_event_t event,
                    sim_tree_job_t *job)
{
    const sim_tree_step_t step = { node, event, job };
    if (self->stepping) {
        if (self->step_count == self->step_room) {
            self->step_room = self->step_room ? 2 * self->step_room : 64;
            self->steps =
                sim_must (realloc (self->steps, self->step_room * sizeof step));
        }
        self->steps[self->step_count++] = step;
        self->steps_left++;
        return 0;
    }
    self->stepping = 1;
    const int rc = s_whole_step (self, &step);
    const int error = errno;
    for (size_t i = 0; i < self->step_count; i++) {
        const sim_tree_step_t next = self->steps[i];
        self->steps_left = self->step_count - i - 1;
        if (!next.job || next.job->live)
            s_whole_step (self, &next);
    }
    self->step_count = 0;
    self->stepping = 0;
    errno = error;
    return rc;
}

void
sim_tree_node_tick (sim_tree_t *self, sim_tree_node_t *node)
{
    const int64_t due = brd_core_deadline (node->core);
    if (due == BRD_NEVER)
        sim_tree_never (self, &node->tick);
    else
        sim_tree_at (
            self,
            &node->tick,
            due + sim_rand_between (&self->rand, 0, self->scenario.late_ns));
}

// --- Coming and going ------------------------------------------------------

sim_tree_node_t *
sim_tree_node_new (sim_tree_t *self, int agent)
{
    sim_tree_node_t *node = sim_must (calloc (1, sizeof *node));
    node->number = ++self->numbers;
    node->agent = agent;
    node->core = sim_must (brd_core_new ());
    node->tick.kind = SIM_TREE_TICK;
    node->tick.owner = node;
    node->death.kind = SIM_TREE_DEATH;
    node->death.owner = node;
    brd_list_init (&node->link);
    brd_list_init (&node->workers);
    brd_list_append (&self->nodes, &node->link);
    if (agent)
        node->size = (uint32_t) sim_rand_between (
            &self->rand,
            self->scenario.churn ? self->scenario.slots_max : 1,
            self->scenario.slots_max);
    self->joined++;
    const brd_core_pool_options_t options = {
        .workers = node->size,
        .restarts_max = agent ? 4096 : 0,
        .hosts = !agent,
        .joined = !agent,
        .guard_ns = 4 * self->scenario.lease_ns,
    };
    sim_tree_node_step (self,
                        node,
                        (brd_core_event_t){ .type = BRD_CORE_POOL_OPEN,
                                            .pool = SIM_TREE_POOL,
                                            .pool_options = &options },
                        NULL);
    return node;
}

void
sim_tree_node_destroy (sim_tree_t *self, sim_tree_node_t *node)
{
    sim_tree_never (self, &node->tick);
    sim_tree_never (self, &node->death);
    self->waiting -= node->waiting;
    brd_core_destroy (&node->core);
    while (node->job_count > 0) {
        sim_tree_node_release (self, node->jobs[0]);
        if (node->jobs[0]->above)
            brd_map_remove (&self->below, node->jobs[0]->above);
        sim_tree_node_drop (node->jobs[0]);
    }
    while (!brd_list_empty (&node->workers))
        s_free_worker (
            self, BRD_LIST_ITEM (node->workers.next, sim_tree_worker_t, link));
    if (node->above)
        node->above->below = NULL;
    node->above = NULL;
    free (node->jobs);
    node->jobs = NULL;
    brd_list_remove (&node->link);
    brd_list_append (&self->dead, &node->link);
}
