// sim_host.c - does what the core decides
//
// SPDX-License-Identifier: MPL-2.0
//
//     event --> core --> effects --> page, inbox, nursery (timers)
//       ^                   |
//       +---- answers <-----+   a reclaim or a probe that reads the page is
//                               answered before anything else happens
//
// This is the host's side of the contract in core.h, and the only place where
// bugs are planted. Everything that comes from a worker is checked against the
// slot and its seq, as a copy or a late answer may be about a task that has
// left long ago.
//
// Read next: sim_oracle.c, which is asked at every turn.

#include "sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_clock.h"
#include "base/brd_fault.h"

// --- The trace -------------------------------------------------------------

static void
s_mix (sim_t *self, uint64_t word)
{
    self->hash = (self->hash ^ word) * UINT64_C (0x100000001b3);
    self->hash ^= self->hash >> 29;
}

static const sim_task_t *
s_task (const brd_core_task_t *task)
{
    return task ? BRD_LIST_ITEM (task, const sim_task_t, core) : NULL;
}

static void
s_trace_event (sim_t *self, const brd_core_event_t *event)
{
    static const char *const names[] = {
        "POOL_OPEN",   "POOL_CLOSE",  "POOL_TERMINATE", "POOL_CANCEL",
        "POOL_RESIZE", "POOL_FORGET", "SUBMIT",         "CANCEL",
        "KILL",        "WORKER_JOIN", "WORKER_UP",      "WORKER_WIDTH",
        "WORKER_RTT",  "WORKER_DOWN", "WORKER_BAD",     "RETIRE",
        "ENDING",      "LOST",        "DONE",           "RECLAIMED",
        "KEPT",        "PROBED",      "FLUSH",          "TICK"
    };
    const sim_task_t *task = s_task (event->task);
    s_mix (self, (uint64_t) self->now);
    s_mix (self, (uint64_t) event->type | (uint64_t) event->error << 16);
    s_mix (self, (uint64_t) event->worker << 32 | event->pool);
    s_mix (self, task ? task->id : 0);
    if (self->options.verbose)
        sim_say (self,
                 "%-15s pool %u worker %u task %llu error %d",
                 names[event->type],
                 event->pool,
                 event->worker,
                 task ? (unsigned long long) task->id : 0,
                 event->error);
}

static void
s_trace_effect (sim_t *self, const brd_core_effect_t *effect)
{
    static const char *const names[] = { "DO_START", "DO_JOIN",   "DO_STOP",
                                         "DO_KILL",  "DO_OFFER",  "RECLAIM",
                                         "FLAG",     "KILL_TASK", "PROBE",
                                         "END",      "FORGET",    "BROKEN",
                                         "IDLE",     "ENDED" };
    const sim_task_t *task = s_task (effect->task);
    uint64_t error =
        (uint64_t) (effect->type == BRD_CORE_DO_END ? effect->outcome.error
                                                    : effect->error);
    s_mix (self, (uint64_t) effect->type | error << 16);
    s_mix (self, (uint64_t) effect->worker << 32 | effect->pool);
    s_mix (self, task ? task->id : 0);
    if (self->options.verbose)
        sim_say (self,
                 "    %-8s pool %u worker %u place %u task %llu error %d",
                 names[effect->type],
                 effect->pool,
                 effect->worker,
                 effect->place,
                 task ? (unsigned long long) task->id : 0,
                 (int) error);
}

// --- Effects ---------------------------------------------------------------

static sim_pool_t *
s_pool (sim_t *self, uint32_t number)
{
    if (number < 1 || number > SIM_POOLS || !self->pools[number - 1].open)
        sim_fail (self, "an effect names pool %u, which is not", number);
    sim_pool_t *pool = &self->pools[number - 1];
    if (pool->ended)
        sim_fail (self, "an effect names pool %u after its end", number);
    return pool;
}

static sim_worker_t *
s_worker (sim_t *self, uint32_t number)
{
    sim_worker_t *worker = brd_map_get (&self->numbers, number);
    if (!worker)
        sim_fail (self, "an effect names worker %u, which is not", number);
    if (worker->pool->ended)
        sim_fail (self, "an effect names worker %u of an ended pool", number);
    return worker;
}

// The worker a task is in. NULL when it has just been taken out of it, within
// this very step.
static sim_worker_t *
s_holder (sim_t *self, const brd_core_effect_t *effect)
{
    const sim_task_t *task = s_task (effect->task);
    if (!task->live)
        sim_fail (self, "an effect names a task that has ended");
    if (!task->worker) {
        if (self->answer_count == 0)
            sim_fail (self,
                      "effect %d for task %llu, which is in no worker",
                      (int) effect->type,
                      (unsigned long long) task->id);
        return NULL;
    }
    if (task->worker->number != effect->worker)
        sim_fail (self,
                  "effect %d for task %llu names worker %u, not %u",
                  (int) effect->type,
                  (unsigned long long) task->id,
                  effect->worker,
                  task->worker->number);
    return task->worker;
}

static void
s_answer (sim_t *self,
          brd_core_event_type_t type,
          sim_task_t *task,
          uint32_t worker,
          int64_t time_ns)
{
    if (self->answer_count == self->answer_room) {
        self->answer_room = self->answer_room ? self->answer_room * 2 : 64;
        self->answers = sim_must (realloc (
            self->answers, self->answer_room * sizeof self->answers[0]));
    }
    self->answers[self->answer_count++] =
        (sim_answer_t){ .event = { .type = type,
                                   .worker = worker,
                                   .task = &task->core,
                                   .time_ns = time_ns },
                        .id = task->id };
}

static void
s_do_start (sim_t *self, const brd_core_effect_t *effect)
{
    sim_pool_t *pool = s_pool (self, effect->pool);
    if (effect->worker == 0)
        sim_fail (self, "DO_START without a number");
    if (brd_map_get (&self->numbers, effect->worker))
        sim_fail (self, "DO_START: worker %u is there", effect->worker);
    if (effect->place >= pool->options.workers)
        sim_fail (self,
                  "DO_START at place %u of %u",
                  effect->place,
                  pool->options.workers);
    sim_oracle_started_worker (self, pool);
    sim_worker_t *worker =
        sim_worker_new (self, pool, effect->worker, effect->place);
    pool->workers++;
    if (brd_map_set (&self->numbers, effect->worker, worker) < 0)
        sim_must (NULL);
}

static void
s_do_forget (sim_t *self, const brd_core_effect_t *effect)
{
    sim_worker_t *worker = s_worker (self, effect->worker);
    if (worker->state != SIM_WORKER_LOST)
        sim_fail (self, "DO_FORGET: worker %u lives", effect->worker);
    worker->pool->workers--;
    brd_map_remove (&self->numbers, effect->worker);
    sim_worker_free (self, worker);
}

static void
s_do_offer (sim_t *self, const brd_core_effect_t *effect)
{
    sim_task_t *task = BRD_LIST_ITEM (effect->task, sim_task_t, core);
    sim_worker_t *worker = s_worker (self, effect->worker);
    sim_oracle_offered (self, task, worker);
    int place = worker->free_slots[--worker->free_count];
    sim_worker_hold (self, worker, place, task);
    if (self->options.plant == SIM_PLANT_LOST_OFFER && !self->planted
        && sim_rand_below (&self->rand, 100) == 0) {
        self->planted = 1;
        return;
    }
    sim_worker_post (self,
                     worker,
                     (sim_mail_t){ .kind = SIM_MAIL_OFFER,
                                   .slot = (uint16_t) place,
                                   .seq = worker->slots[place].seq });
    if (sim_rand_chance (&self->rand, self->scenario.fault_per_mille))
        sim_worker_die_at (
            self,
            worker,
            self->now + sim_rand_between (&self->rand, 0, 1) * 100 * SIM_US);
}

int
sim_host_take (sim_slot_t *slot)
{
    if (slot->claim != SIM_CLAIM_OFFERED)
        return 0;
    slot->claim = SIM_CLAIM_TAKEN;
    return 1;
}

static int
s_plant_lost_reclaim (sim_t *self)
{
    if (self->options.plant != SIM_PLANT_LOST_RECLAIM || self->planted)
        return 0;
    self->planted = 1;
    return 1;
}

static void
s_do_reclaim (sim_t *self, const brd_core_effect_t *effect)
{
    sim_worker_t *worker = s_holder (self, effect);
    if (!worker)
        sim_fail (self, "DO_RECLAIM of a task that is just coming back");
    sim_task_t *task = BRD_LIST_ITEM (effect->task, sim_task_t, core);
    sim_slot_t *slot = &worker->slots[task->slot];
    worker->pool->calm = 0;
    worker->pool->reclaimed = self->now;
    if (slot->asked)
        sim_fail (self,
                  "DO_RECLAIM of task %llu, twice",
                  (unsigned long long) task->id);
    if (sim_rand_chance (&self->rand, self->scenario.fault_per_mille))
        sim_worker_die_at (self, worker, self->now);
    if (self->scenario.remote) {
        slot->asked = 1;
        sim_worker_post (self,
                         worker,
                         (sim_mail_t){ .kind = SIM_MAIL_RECLAIM,
                                       .slot = (uint16_t) task->slot,
                                       .seq = slot->seq });
        return;
    }
    if (!sim_host_take (slot)) {
        s_answer (self, BRD_CORE_KEPT, task, worker->number, 0);
        return;
    }
    sim_worker_release (self, worker, task->slot);
    worker->given--;
    if (!s_plant_lost_reclaim (self))
        s_answer (self, BRD_CORE_RECLAIMED, task, worker->number, 0);
}

static void
s_do_in_worker (sim_t *self, const brd_core_effect_t *effect)
{
    sim_worker_t *worker = s_holder (self, effect);
    if (!worker)
        return;
    sim_task_t *task = BRD_LIST_ITEM (effect->task, sim_task_t, core);
    sim_slot_t *slot = &worker->slots[task->slot];
    int flag = effect->type == BRD_CORE_DO_FLAG;
    if (self->scenario.remote)
        sim_worker_post (
            self,
            worker,
            (sim_mail_t){ .kind = flag ? SIM_MAIL_FLAG : SIM_MAIL_PROBE,
                          .slot = (uint16_t) task->slot,
                          .seq = slot->seq });
    else if (flag)
        sim_worker_flag (self, worker, task->slot);
    else
        s_answer (self, BRD_CORE_PROBED, task, worker->number, slot->started);
}

static void
s_do_leave (sim_t *self, const brd_core_effect_t *effect)
{
    sim_worker_t *worker = s_worker (self, effect->worker);
    worker->pool->calm = 0;
    if (effect->type == BRD_CORE_DO_KILL) {
        worker->killed = 1;
        sim_worker_die_at (self,
                           worker,
                           self->now
                               + sim_rand_between (&self->rand, 0, SIM_MS));
        return;
    }
    if (worker->stopped)
        sim_fail (self, "DO_STOP of worker %u, twice", worker->number);
    worker->stopped = 1;
    worker->pool->excused++;
    sim_worker_post (self, worker, (sim_mail_t){ .kind = SIM_MAIL_STOP });
}

static void
s_do_pool (sim_t *self, const brd_core_effect_t *effect)
{
    sim_pool_t *pool = s_pool (self, effect->pool);
    if (effect->type == BRD_CORE_DO_POOL_BROKEN) {
        sim_oracle_broken (self, effect);
        return;
    }
    if (pool->live > 0)
        sim_fail (self,
                  "pool %u is idle or ended with %ld tasks",
                  pool->number,
                  pool->live);
    if (effect->type == BRD_CORE_DO_POOL_IDLE)
        pool->idle = 1;
    else
        sim_oracle_pool_ended (self, pool);
}

static void
s_do (sim_t *self, const brd_core_effect_t *effect)
{
    s_trace_effect (self, effect);
    switch (effect->type) {
    case BRD_CORE_DO_START:
        s_do_start (self, effect);
        break;
    case BRD_CORE_DO_STOP:
    case BRD_CORE_DO_KILL:
        s_do_leave (self, effect);
        break;
    case BRD_CORE_DO_OFFER:
        s_do_offer (self, effect);
        break;
    case BRD_CORE_DO_RECLAIM:
        s_do_reclaim (self, effect);
        break;
    case BRD_CORE_DO_FLAG:
    case BRD_CORE_DO_PROBE:
        s_do_in_worker (self, effect);
        break;
    case BRD_CORE_DO_END:
        sim_oracle_ended (self, effect);
        break;
    case BRD_CORE_DO_FORGET:
        s_do_forget (self, effect);
        break;
    default:
        s_do_pool (self, effect);
    }
}

// --- Steps -----------------------------------------------------------------

// Now and then the core's first few allocations fail: it must then have
// changed nothing, and the same event is given again.
static int
s_core_step (sim_t *self, const brd_core_event_t *event)
{
    int opens = event->type == BRD_CORE_POOL_OPEN
                || event->type == BRD_CORE_POOL_RESIZE;
    unsigned per_mille = self->scenario.memory_per_mille;
    int fault =
        sim_rand_chance (&self->rand, opens ? per_mille * 50 : per_mille);
    if (fault)
        brd_fault_arm (BRD_FAULT_MEMORY,
                       (long) sim_rand_below (&self->rand, opens ? 10 : 2) + 1,
                       ENOMEM);
    int rc = brd_core_step (self->core, self->now, event, self->effects);
    if (fault)
        brd_fault_arm (BRD_FAULT_MEMORY, 0, 0);
    if (rc == 0 || errno != ENOMEM)
        return rc;
    if (!fault)
        sim_fail (self, "ENOMEM with memory left");
    if (self->effects->count > 0)
        sim_fail (self, "ENOMEM, and %zu effects", self->effects->count);
    brd_core_check (self->core);
    return brd_core_step (self->core, self->now, event, self->effects);
}

static int
s_one_step (sim_t *self, const brd_core_event_t *event)
{
    self->steps++;
    s_trace_event (self, event);
    int rc = s_core_step (self, event);
    int error = errno;
    s_mix (self, (uint64_t) (rc < 0 ? error : 0));
    if (self->effects->count > BRD_CORE_EFFECTS_MAX)
        sim_fail (self, "%zu effects", self->effects->count);
    if (rc < 0 && self->effects->count > 0)
        sim_fail (self, "an event was refused, with effects");
    if (event->type == BRD_CORE_TICK && self->effects->count == 0)
        self->idle_ticks++;
    else
        self->idle_ticks = 0;
    for (size_t i = 0; i < self->effects->count; i++)
        s_do (self, &self->effects->items[i]);
    errno = error;
    return rc;
}

// One event and the TICKs it takes until all its effects are out.
static int
s_whole_step (sim_t *self, const brd_core_event_t *event)
{
    static const brd_core_event_t tick = { .type = BRD_CORE_TICK };
    int rc = s_one_step (self, event);
    int error = errno;
    while (brd_core_more (self->core)) {
        s_one_step (self, &tick);
        if (self->idle_ticks > 100)
            sim_fail (self, "the core wants more steps and does nothing");
    }
    if (self->owed > 0)
        sim_fail (self, "followers ended and their leader did not");
    errno = error;
    return rc;
}

int
sim_host_step (sim_t *self, const brd_core_event_t *event)
{
    if (self->stepping)
        sim_fail (self, "the model steps the core within a step");
    self->stepping = 1;
    int rc = s_whole_step (self, event);
    int error = errno;
    if (rc < 0 && event->type == BRD_CORE_SUBMIT)
        sim_oracle_task_free (self,
                              BRD_LIST_ITEM (event->task, sim_task_t, core));
    for (size_t i = 0; i < self->answer_count; i++) {
        sim_answer_t answer = self->answers[i];
        const sim_task_t *task = s_task (answer.event.task);
        if (task->live && task->id == answer.id)
            s_whole_step (self, &answer.event);
    }
    self->answer_count = 0;
    self->stepping = 0;
    sim_check_step (self, event);
    errno = error;
    return rc;
}

void
sim_host_tick (sim_t *self)
{
    int64_t deadline = brd_core_deadline (self->core);
    if (deadline == self->tick_wanted)
        return;
    if (self->idle_ticks > 100 && deadline <= self->now)
        sim_fail (self, "the core wants TICK after TICK and does nothing");
    self->tick_wanted = deadline;
    if (deadline == BRD_NEVER) {
        sim_world_never (self, &self->tick);
        return;
    }
    int64_t late = self->scenario.late_ns;
    if (late > 0)
        late = sim_rand_between (&self->rand, 0, late);
    sim_world_at (self, &self->tick, deadline + late);
}

// --- What comes from a worker ----------------------------------------------

static void
s_receive_done (sim_t *self, sim_worker_t *worker, const sim_mail_t *mail)
{
    sim_slot_t *slot = &worker->slots[mail->slot];
    sim_task_t *task = slot->task;
    sim_worker_release (self, worker, mail->slot);
    if (!task)
        return;
    task->told = SIM_TOLD_DONE;
    task->told_error = mail->error;
    sim_pool_t *pool = worker->pool;
    pool->troubles = pool->starts = pool->excused = 0;
    sim_host_step (self,
                   &(brd_core_event_t){ .type = BRD_CORE_DONE,
                                        .worker = worker->number,
                                        .task = &task->core,
                                        .error = mail->error,
                                        .time_ns = mail->time_ns });
}

static void
s_receive_answer (sim_t *self, sim_worker_t *worker, const sim_mail_t *mail)
{
    sim_slot_t *slot = &worker->slots[mail->slot];
    sim_task_t *task = slot->task;
    brd_core_event_t event = { .worker = worker->number,
                               .time_ns = mail->time_ns };
    if (mail->kind == SIM_MAIL_RECLAIMED) {
        sim_worker_release (self, worker, mail->slot);
        worker->given--;
        if (s_plant_lost_reclaim (self))
            return;
        event.type = BRD_CORE_RECLAIMED;
    }
    else if (mail->kind == SIM_MAIL_KEPT) {
        slot->asked = 0;
        event.type = BRD_CORE_KEPT;
    }
    else
        event.type = BRD_CORE_PROBED;
    if (!task)
        return;
    event.task = &task->core;
    sim_host_step (self, &event);
}

void
sim_host_receive (sim_t *self, sim_worker_t *worker, sim_mail_t mail)
{
    const sim_slot_t *slot = &worker->slots[mail.slot];
    int mine = slot->used && slot->seq == mail.seq;
    if (self->options.plant == SIM_PLANT_DOUBLE_DONE
        && mail.kind == SIM_MAIL_DONE)
        mine = slot->used;
    brd_core_event_t event = { .worker = worker->number };
    switch ((sim_mail_kind_t) mail.kind) {
    case SIM_MAIL_DONE:
        if (mine)
            s_receive_done (self, worker, &mail);
        break;
    case SIM_MAIL_BAD:
        event.type = BRD_CORE_WORKER_BAD;
        worker->bad_told = 1;
        worker->pool->bads++;
        worker->pool->troubles++;
        sim_host_step (self, &event);
        break;
    case SIM_MAIL_RETIRE:
        event.type = BRD_CORE_WORKER_RETIRE;
        worker->retire_told = 1;
        worker->pool->excused++;
        worker->pool->calm = 0;
        sim_host_step (self, &event);
        break;
    default:
        if (mine)
            s_receive_answer (self, worker, &mail);
    }
}

// --- What comes from the nursery -------------------------------------------

// Gives back what the dead worker had not started.
static void
s_give_back (sim_t *self, sim_worker_t *worker)
{
    for (int i = 0; i < BRD_CORE_INFLIGHT_MAX; i++) {
        sim_slot_t *slot = &worker->slots[i];
        if (!slot->task
            || (slot->claim != SIM_CLAIM_OFFERED
                && slot->claim != SIM_CLAIM_TAKEN))
            continue;
        brd_core_event_t event = { .type = BRD_CORE_RECLAIMED,
                                   .worker = worker->number,
                                   .task = &slot->task->core };
        sim_worker_release (self, worker, i);
        worker->given--;
        sim_host_step (self, &event);
    }
}

// The slots of a dead worker; the task it was running, or NULL.
static sim_task_t *
s_read_page (sim_t *self, sim_worker_t *worker)
{
    sim_task_t *running = NULL;
    for (int i = 0; i < BRD_CORE_INFLIGHT_MAX; i++) {
        sim_slot_t *slot = &worker->slots[i];
        sim_task_t *task = slot->task;
        if (!task)
            continue;
        int ran = slot->claim == SIM_CLAIM_RUNNING;
        if (ran)
            running = task;
        task->told = ran ? SIM_TOLD_LOST_RUNNING : SIM_TOLD_LOST_FINISHED;
        task->deaths += ran && !worker->killed;
        sim_worker_release (self, worker, i);
    }
    return running;
}

void
sim_host_ending (sim_t *self, sim_worker_t *worker)
{
    worker->ending_told = 1;
    worker->pool->calm = 0;
    // One that holds nothing, and from which nothing more will come, is lost in
    // the next moment.
    if (worker->in_flight == 0 && worker->outbox.count == 0
        && sim_rand_below (&self->rand, 2))
        return;
    sim_host_step (self,
                   &(brd_core_event_t){ .type = BRD_CORE_WORKER_ENDING,
                                        .worker = worker->number });
}

void
sim_host_lost (sim_t *self, sim_worker_t *worker)
{
    if (self->options.plant == SIM_PLANT_FORGET_DEATH && !self->planted
        && worker->in_flight > 0) {
        self->planted = 1;
        return;
    }
    s_give_back (self, worker);
    sim_task_t *running = s_read_page (self, worker);
    worker->pool->troubles++;
    worker->state = SIM_WORKER_LOST;
    sim_worker_unhold (self, worker);
    brd_core_event_t event = { .type = BRD_CORE_WORKER_LOST,
                               .worker = worker->number };
    if (running)
        event.task = &running->core;
    sim_host_step (self, &event);
}
