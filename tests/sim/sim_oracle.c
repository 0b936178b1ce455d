// sim_oracle.c - what must be true of one task, worker or pool at one moment
//
// SPDX-License-Identifier: MPL-2.0
//
// The oracle knows two truths about a task: what the workers really did with it
// (starts, running, finished), which the core never sees, and what the host has
// told the core (told, told_error). An outcome must follow from the second and
// must not contradict the first.
//
// A task's memory is the host's after DO_END. Here it is then filled with a
// pattern, and, with ASan, forbidden, until it is used again much later: a core
// that looks or writes there is found.

#include "sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIM_ASAN 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SIM_ASAN 1
#endif

#ifdef SIM_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(memory, size) ((void) (memory))
#define ASAN_UNPOISON_MEMORY_REGION(memory, size) ((void) (memory))
#endif

#define SIM_PATTERN 0xdd
#define SIM_QUARANTINE 256

// Deaths a pool forgives that does not say how many.
#define SIM_RESTARTS 5

static unsigned long long
s_id (const sim_task_t *task)
{
    return task->id;
}

// --- Memory ----------------------------------------------------------------

static sim_task_t *
s_reuse (sim_t *self)
{
    if (self->free_count < SIM_QUARANTINE)
        return NULL;
    sim_task_t *task =
        BRD_LIST_ITEM (brd_list_pop (&self->free_tasks), sim_task_t, free_link);
    self->free_count--;
    ASAN_UNPOISON_MEMORY_REGION (&task->core, sizeof task->core);
    const unsigned char *bytes = (const unsigned char *) &task->core;
    for (size_t i = 0; i < sizeof task->core; i++)
        if (bytes[i] != SIM_PATTERN)
            sim_fail (self,
                      "the core wrote into task %llu after its DO_END "
                      "(offset %zu)",
                      s_id (task),
                      i);
    return task;
}

sim_task_t *
sim_oracle_task_new (sim_t *self, sim_pool_t *pool)
{
    sim_task_t *task = s_reuse (self);
    if (!task)
        task = sim_must (malloc (sizeof *task));
    *task = (sim_task_t){ .id = ++self->next_id,
                          .pool = pool,
                          .slot = SIM_NO_SLOT };
    brd_list_init (&task->key_link);
    brd_list_init (&task->once_link);
    return task;
}

// One whose end is wanted, or whose place is gone, leads nobody new: it and
// the newcomer may then run side by side.
static void
s_loosen (sim_task_t *task)
{
    brd_list_t *head = &task->pool->onces[(uint32_t) task->options.once - 1];
    for (brd_list_t *link = head->next; link != head; link = link->next) {
        sim_task_t *other = BRD_LIST_ITEM (link, sim_task_t, once_link);
        if (other != task
            && (other->cancelled
                || other->core.pin > task->pool->options.workers))
            task->loose = other->loose = 1;
    }
}

void
sim_oracle_submitted (sim_t *self, sim_task_t *task)
{
    if (self->live_count == self->live_room) {
        self->live_room = self->live_room ? self->live_room * 2 : 256;
        self->live = sim_must (
            realloc (self->live, self->live_room * sizeof self->live[0]));
    }
    task->place = self->live_count;
    self->live[self->live_count++] = task;
    task->live = 1;
    task->submitted = self->now;
    if (task->options.once != 0)
        s_loosen (task);
    task->pool->live++;
    self->tasks++;
}

// Also for one that was refused.
void
sim_oracle_task_free (sim_t *self, sim_task_t *task)
{
    sim_task_t *last = self->live[--self->live_count];
    self->live[task->place] = last;
    last->place = task->place;
    task->live = 0;
    task->pool->live--;
    brd_list_remove (&task->key_link);
    brd_list_remove (&task->once_link);
    memset (&task->core, SIM_PATTERN, sizeof task->core);
    ASAN_POISON_MEMORY_REGION (&task->core, sizeof task->core);
    brd_list_append (&self->free_tasks, &task->free_link);
    self->free_count++;
}

// --- Offers ----------------------------------------------------------------

static void
s_offered_worker (sim_t *self, const sim_task_t *task, sim_worker_t *worker)
{
    const brd_core_pool_options_t *options = &worker->pool->options;
    const char *why = NULL;
    if (worker->pool != task->pool)
        why = "of another pool";
    else if (!worker->up_told)
        why = "that is not up";
    else if (worker->stopped || worker->killed || worker->bad_told)
        why = "that is leaving";
    else if (worker->ending_told)
        why = "that is dead";
    else if (worker->free_count == 0)
        why = "without room";
    else if (options->max_tasks > 0
             && worker->given >= (long) options->max_tasks)
        why = "that has had its max_tasks";
    else if (task->core.pin > 0 && worker->place != task->core.pin - 1)
        why = "it is not pinned to";
    if (why)
        sim_fail (self,
                  "task %llu offered to worker %u, %s",
                  s_id (task),
                  worker->number,
                  why);
    worker->given++;
}

void
sim_oracle_offered (sim_t *self, sim_task_t *task, sim_worker_t *worker)
{
    const brd_core_task_options_t *options = &task->options;
    if (!task->live)
        sim_fail (self, "a task that has ended is offered");
    if (task->worker)
        sim_fail (self, "task %llu offered twice", s_id (task));
    if (worker->pool->terminated || worker->pool->broken)
        sim_fail (self, "task %llu offered in a dead pool", s_id (task));
    s_offered_worker (self, task, worker);
    // Unless the end of its pool came in the same step.
    if (task->core.state < BRD_CORE_TASK_ENDING
        && (task->core.worker != worker->number
            || task->core.state != BRD_CORE_TASK_OFFERED))
        sim_fail (self, "task %llu does not know of its offer", s_id (task));
    if (task->core.attempt != task->starts + 1)
        sim_fail (self,
                  "task %llu: attempt %d, after %d starts",
                  s_id (task),
                  task->core.attempt,
                  task->starts);
    if (task->deaths >= BRD_CORE_POISON_DEATHS)
        sim_fail (self, "task %llu offered, and is poison", s_id (task));
    if (task->cancelled)
        sim_fail (self, "task %llu offered though cancelled", s_id (task));
    if (options->queue_timeout_ns > 0 && task->starts == 0
        && self->now > task->submitted + options->queue_timeout_ns
                           + self->scenario.late_ns)
        sim_fail (
            self, "task %llu offered after its queue timeout", s_id (task));
    task->told = SIM_TOLD_NOTHING;
    task->finished = 0;
    task->ready_seen = 0;
}

// --- Starts ----------------------------------------------------------------

// One worker, and nothing has disturbed it: what was submitted first starts
// first.
static void
s_started_order (sim_t *self, const sim_task_t *task)
{
    sim_pool_t *pool = task->pool;
    const brd_core_task_options_t *options = &task->options;
    int plain = !options->retries && !options->timeout_ns
                && !options->queue_timeout_ns && !options->key && !options->once
                && task->core.pin == 0;
    if (!pool->calm || !plain)
        return;
    uint64_t *last = &pool->order[task->core.priority];
    if (task->id < *last)
        sim_fail (self,
                  "task %llu starts after task %llu of its priority",
                  s_id (task),
                  (unsigned long long) *last);
    *last = task->id;
}

static void
s_started_key (sim_t *self, const sim_task_t *task)
{
    if (task->options.key == 0)
        return;
    const brd_list_t *head =
        &task->pool->keys[(uint32_t) task->options.key - 1];
    for (const brd_list_t *link = head->next; link != &task->key_link;
         link = link->next) {
        const sim_task_t *earlier =
            BRD_LIST_ITEM (link, const sim_task_t, key_link);
        if (earlier->live && earlier->core.state != BRD_CORE_TASK_FOLLOWING
            && earlier->core.state != BRD_CORE_TASK_NEW)
            sim_fail (self,
                      "task %llu starts before task %llu of its key has ended",
                      s_id (task),
                      s_id (earlier));
    }
}

static void
s_started_once (sim_t *self, const sim_task_t *task)
{
    if (task->options.once == 0)
        return;
    const brd_list_t *head =
        &task->pool->onces[(uint32_t) task->options.once - 1];
    for (const brd_list_t *link = head->next; link != head; link = link->next) {
        const sim_task_t *other =
            BRD_LIST_ITEM (link, const sim_task_t, once_link);
        if (other != task && other->live && other->starts > 0 && !other->loose
            && !task->loose)
            sim_fail (self,
                      "task %llu starts beside task %llu of its once",
                      s_id (task),
                      s_id (other));
    }
}

void
sim_oracle_started (sim_t *self, sim_task_t *task, sim_worker_t *worker)
{
    sim_say (self, "worker %u starts task %llu", worker->number, s_id (task));
    task->starts++;
    task->running++;
    if (task->running > 1)
        sim_fail (self, "task %llu runs in two workers", s_id (task));
    if (task->starts > task->options.retries + 1)
        sim_fail (self,
                  "task %llu started %d times with %d retries",
                  s_id (task),
                  task->starts,
                  task->options.retries);
    if (task->cancelled && !self->scenario.remote && !task->pool->terminated
        && !task->pool->broken)
        sim_fail (self, "task %llu starts though cancelled", s_id (task));
    s_started_order (self, task);
    s_started_key (self, task);
    s_started_once (self, task);
}

// --- Ends ------------------------------------------------------------------

// NULL, or why the outcome cannot be.
static const char *
s_wrong_told (const sim_task_t *task, const brd_core_outcome_t *outcome)
{
    const brd_core_task_options_t *options = &task->options;
    // Or there is no place any more where it could be tried again.
    int last = task->starts > options->retries || task->cancelled
               || task->pool->broken || task->pool->terminated
               || task->core.pin > task->pool->options.workers;
    int lost = task->told == SIM_TOLD_LOST_RUNNING
               || task->told == SIM_TOLD_LOST_FINISHED;
    switch (outcome->error) {
    case 0:
        if (task->told != SIM_TOLD_DONE || task->told_error != 0)
            return "nobody said it was done";
        return task->finished ? NULL : "it has not run to its end";
    case EIO:
        if (task->told != SIM_TOLD_DONE || task->told_error != EIO)
            return "nobody said it failed";
        return last || options->only_deaths ? NULL : "it had retries left";
    default:
        if (!lost)
            return "its worker has not died";
        if (outcome->lost != (task->told == SIM_TOLD_LOST_FINISHED))
            return "lost is wrong";
        return last ? NULL : "it had retries left";
    }
}

static const char *
s_wrong_error (const sim_t *self,
               const sim_task_t *task,
               const brd_core_outcome_t *outcome)
{
    const brd_core_task_options_t *options = &task->options;
    int64_t age = self->now - task->submitted;
    switch (outcome->error) {
    case 0:
    case EIO:
    case ECHILD:
        return s_wrong_told (task, outcome);
    case ECANCELED:
        // Or its place has gone in a resize.
        return task->cancelled || task->core.pin > task->pool->options.workers
                   ? NULL
                   : "nobody cancelled it";
    case ETIMEDOUT:
        if (options->timeout_ns > 0 && task->starts > 0
            && age >= options->timeout_ns)
            return NULL;
        if (options->queue_timeout_ns > 0 && task->starts == 0
            && age >= options->queue_timeout_ns)
            return NULL;
        return "its time was not up";
    case ELOOP:
        return task->deaths >= BRD_CORE_POISON_DEATHS ? NULL
                                                      : "it killed too few";
    case EPIPE:
        return task->pool->terminated || task->pool->broken == EPIPE
                   ? NULL
                   : "its pool lives";
    case ENOEXEC:
        return task->pool->broken == ENOEXEC ? NULL : "its pool lives";
    default:
        return "there is no such outcome";
    }
}

static const char *
s_wrong_end (const sim_t *self,
             const sim_task_t *task,
             const brd_core_outcome_t *outcome)
{
    int dead = task->pool->terminated || task->pool->broken;
    if (outcome->attempt > task->options.retries + 1)
        return "too many attempts";
    if (task->starts > outcome->attempt && !dead)
        return "more starts than attempts";
    if (task->starts + 1 < outcome->attempt)
        return "an attempt that was none";
    if (task->running > 0 && !dead)
        return "it runs";
    if (outcome->lost && outcome->error != ECHILD)
        return "lost, with another error";
    return s_wrong_error (self, task, outcome);
}

// A follower has the outcome its leader will have, in the same step.
static void
s_ended_follower (sim_t *self,
                  const sim_task_t *task,
                  const brd_core_effect_t *effect)
{
    sim_task_t *leader = BRD_LIST_ITEM (effect->leader, sim_task_t, core);
    if (!leader->live || leader == task)
        sim_fail (self, "task %llu follows none", s_id (task));
    if (leader->pool != task->pool || task->options.once == 0
        || leader->options.once != task->options.once)
        sim_fail (self,
                  "task %llu follows task %llu without reason",
                  s_id (task),
                  s_id (leader));
    if (leader->owed && leader->owed_error != effect->outcome.error)
        sim_fail (self, "followers of %llu disagree", s_id (leader));
    self->owed += !leader->owed;
    leader->owed = 1;
    leader->owed_error = effect->outcome.error;
}

void
sim_oracle_ended (sim_t *self, const brd_core_effect_t *effect)
{
    sim_task_t *task = BRD_LIST_ITEM (effect->task, sim_task_t, core);
    if (!task->live)
        sim_fail (self, "task %llu ends twice", s_id (task));
    if (effect->leader)
        s_ended_follower (self, task, effect);
    else {
        const char *wrong = s_wrong_end (self, task, &effect->outcome);
        if (wrong)
            sim_fail (self,
                      "task %llu ends with errno %d at attempt %d "
                      "(%d starts): %s",
                      s_id (task),
                      effect->outcome.error,
                      effect->outcome.attempt,
                      task->starts,
                      wrong);
    }
    if (task->owed && task->owed_error != effect->outcome.error)
        sim_fail (self,
                  "task %llu ends with errno %d, its followers with %d",
                  s_id (task),
                  effect->outcome.error,
                  task->owed_error);
    self->owed -= task->owed;
    *(effect->outcome.error ? &task->pool->failed : &task->pool->done) += 1;
    if (task->worker)
        sim_worker_disown (self, task->worker, task->slot);
    sim_oracle_task_free (self, task);
}

// --- Workers and pools -----------------------------------------------------

// A pool whose workers only die starts a bounded number of them: what it was
// opened with, and one for each death it forgives.
void
sim_oracle_started_worker (sim_t *self, sim_pool_t *pool)
{
    if (pool->broken || pool->terminated)
        sim_fail (self, "DO_START in a dead pool %u", pool->number);
    if (self->now - pool->window > 10 * SIM_S) {
        pool->window = self->now;
        pool->starts = pool->excused = 0;
    }
    pool->starts++;
    long deaths = (long) pool->options.restarts_max;
    if (deaths == 0)
        deaths = SIM_RESTARTS;
    long bound = deaths + 2 * (long) pool->most_workers + 4;
    if (pool->starts - pool->excused > bound)
        sim_fail (self,
                  "pool %u started %ld workers without a finished task",
                  pool->number,
                  pool->starts);
}

void
sim_oracle_broken (sim_t *self, const brd_core_effect_t *effect)
{
    sim_pool_t *pool = &self->pools[effect->pool - 1];
    if (pool->broken)
        sim_fail (self, "pool %u breaks twice", pool->number);
    if (effect->error != EPIPE && effect->error != ENOEXEC)
        sim_fail (self, "a pool breaks with errno %d", effect->error);
    if (effect->error == ENOEXEC && pool->bads + pool->stillborn == 0)
        sim_fail (self, "no initializer of pool %u failed", pool->number);
    if (pool->troubles == 0)
        sim_fail (self, "pool %u breaks without a death", pool->number);
    pool->broken = effect->error;
}

void
sim_oracle_pool_ended (sim_t *self, sim_pool_t *pool)
{
    if (!pool->closed && !pool->terminated)
        sim_fail (self, "pool %u ends, and is open", pool->number);
    if (pool->workers > 0)
        sim_fail (
            self, "pool %u ends with %ld workers", pool->number, pool->workers);
    if (!pool->idle)
        sim_fail (self, "pool %u ends and was not idle", pool->number);
    pool->ended = 1;
}
