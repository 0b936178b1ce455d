// sim_worker.c - a process that claims and runs tasks, and dies
//
// SPDX-License-Identifier: MPL-2.0
//
//              link                      claim              link
//     host --> inbox --> queue --> OFFERED -> RUNNING -> unsent --> outbox -->
//                                      \         |
//                                       TAKEN    +--> death: what was claimed
//                                     (skipped)       stays to be read
//
// A worker's life is a handful of timers. What it does at one of them takes no
// time; between them anything can happen to it. Its slots are the page in
// shared memory: they outlive it until its end has been reported.

#include "sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

sim_timer_t *
sim_worker_timer (sim_worker_t *worker, sim_timer_kind_t kind)
{
    return &worker->timers[kind - SIM_TIMER_BORN];
}

static void
s_at (sim_t *sim, sim_worker_t *self, sim_timer_kind_t kind, int64_t due)
{
    sim_world_at (sim, sim_worker_timer (self, kind), due);
}

static void
s_never (sim_t *sim, sim_worker_t *self, sim_timer_kind_t kind)
{
    sim_world_never (sim, sim_worker_timer (self, kind));
}

static int
s_armed (sim_worker_t *self, sim_timer_kind_t kind)
{
    return sim_worker_timer (self, kind)->timer.place != 0;
}

// --- Birth -----------------------------------------------------------------

static sim_worker_t *
s_take_free (sim_t *sim)
{
    sim_worker_t *self = sim->free_workers;
    if (self) {
        sim->free_workers = self->next_free;
        return self;
    }
    self = sim_must (calloc (1, sizeof *self));
    if (sim->worker_count == sim->worker_room) {
        sim->worker_room = sim->worker_room ? sim->worker_room * 2 : 16;
        sim->workers = sim_must (
            realloc (sim->workers, sim->worker_room * sizeof sim->workers[0]));
    }
    sim->workers[sim->worker_count++] = self;
    return self;
}

static void
s_clear (sim_worker_t *self)
{
    sim_ring_t rings[4] = {
        self->inbox, self->outbox, self->queue, self->unsent
    };
    *self = (sim_worker_t){ .running = SIM_NO_SLOT };
    for (int i = 0; i < 4; i++)
        rings[i].head = rings[i].count = 0;
    self->inbox = rings[0];
    self->outbox = rings[1];
    self->queue = rings[2];
    self->unsent = rings[3];
    for (int i = 0; i < BRD_CORE_INFLIGHT_MAX; i++)
        self->free_slots[i] = (uint16_t) (BRD_CORE_INFLIGHT_MAX - 1 - i);
    self->free_count = BRD_CORE_INFLIGHT_MAX;
    for (int i = 0; i < SIM_WORKER_TIMERS; i++) {
        self->timers[i].kind = (sim_timer_kind_t) (SIM_TIMER_BORN + i);
        self->timers[i].worker = self;
    }
}

sim_worker_t *
sim_worker_new (sim_t *sim, sim_pool_t *pool, uint32_t number, uint32_t place)
{
    sim_worker_t *self = s_take_free (sim);
    s_clear (self);
    self->state = SIM_WORKER_STARTING;
    self->number = number;
    self->place = place;
    self->pool = pool;
    s_at (sim,
          self,
          SIM_TIMER_BORN,
          sim->now
              + sim_rand_log (
                  &sim->rand, 50 * SIM_US, sim->scenario.start_delay_ns));
    return self;
}

void
sim_worker_free (sim_t *sim, sim_worker_t *self)
{
    for (int i = 0; i < SIM_WORKER_TIMERS; i++)
        sim_world_never (sim, &self->timers[i]);
    self->state = SIM_WORKER_FREE;
    self->next_free = sim->free_workers;
    sim->free_workers = self;
}

// --- Sending ---------------------------------------------------------------

static int64_t
s_arrival (sim_t *sim, int64_t *last)
{
    int64_t due =
        sim->now
        + sim_rand_log (&sim->rand, SIM_US, sim->scenario.link_delay_ns);
    if (due > *last)
        *last = due;
    return *last;
}

void
sim_worker_post (sim_t *sim, sim_worker_t *self, sim_mail_t mail)
{
    if (self->state == SIM_WORKER_DEAD)
        return;
    int same = mail.kind == SIM_MAIL_OFFER && self->offer_step == sim->steps;
    if (mail.kind == SIM_MAIL_OFFER)
        self->offer_step = sim->steps;
    mail.due = same ? self->last_in : s_arrival (sim, &self->last_in);
    sim_ring_put (&self->inbox, mail);
    if (self->inbox.count == 1)
        s_at (sim, self, SIM_TIMER_INBOX, mail.due);
}

// To the host; sometimes the wire makes two of one.
static void
s_send (sim_t *sim, sim_worker_t *self, sim_mail_t mail)
{
    sim_ring_put (&self->outbox, mail);
    if (self->outbox.count == 1)
        s_at (sim, self, SIM_TIMER_OUTBOX, mail.due);
}

static void
s_send_now (sim_t *sim, sim_worker_t *self, sim_mail_t mail)
{
    mail.due = s_arrival (sim, &self->last_out);
    s_send (sim, self, mail);
}

static void
s_flush (sim_t *sim, sim_worker_t *self)
{
    s_never (sim, self, SIM_TIMER_FLUSH);
    if (self->unsent.count == 0)
        return;
    int64_t due = s_arrival (sim, &self->last_out);
    uint32_t n = self->unsent.count;
    int twice = sim_rand_chance (&sim->rand, sim->scenario.copy_per_mille);
    for (uint32_t i = 0; i < n; i++) {
        sim_mail_t mail = sim_ring_take (&self->unsent);
        mail.due = due;
        s_send (sim, self, mail);
        if (twice)
            sim_ring_put (&self->unsent, mail);
    }
    if (!twice)
        return;
    due = s_arrival (sim, &self->last_out);
    for (uint32_t i = 0; i < n; i++) {
        sim_mail_t mail = sim_ring_take (&self->unsent);
        mail.due = due;
        s_send (sim, self, mail);
    }
}

// --- Death -----------------------------------------------------------------

// Messages on their way when a process dies arrive up to some point, or all.
static void
s_cut_outbox (sim_t *sim, sim_worker_t *self)
{
    if (sim_rand_below (&sim->rand, 2))
        return;
    self->outbox.count =
        (uint32_t) sim_rand_below (&sim->rand, self->outbox.count + 1u);
    if (self->outbox.count == 0)
        s_never (sim, self, SIM_TIMER_OUTBOX);
}

static void
s_die (sim_t *sim, sim_worker_t *self, int cleanly)
{
    static const sim_timer_kind_t ends[] = { SIM_TIMER_BORN, SIM_TIMER_INBOX,
                                             SIM_TIMER_RUN,  SIM_TIMER_FLUSH,
                                             SIM_TIMER_THAW, SIM_TIMER_DEATH };
    sim_say (sim, "worker %u %s", self->number, cleanly ? "leaves" : "dies");
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        s_never (sim, self, ends[i]);
    self->state = SIM_WORKER_DEAD;
    self->inbox.count = 0;
    self->unsent.count = 0;
    if (self->running_task)
        self->running_task->running--;
    self->running_task = NULL;
    if (!cleanly) {
        sim->deaths++;
        s_cut_outbox (sim, self);
    }
    s_at (sim,
          self,
          SIM_TIMER_LOST,
          sim->now
              + sim_rand_log (
                  &sim->rand, 10 * SIM_US, sim->scenario.report_delay_ns));
}

// The nursery has reported the death. What is on the link still comes first.
static void
s_lost (sim_t *sim, sim_worker_t *self)
{
    if (!self->ending_told)
        sim_host_ending (sim, self);
    if (self->outbox.count > 0)
        s_at (sim, self, SIM_TIMER_LOST, self->last_out + 1);
    else
        sim_host_lost (sim, self);
}

void
sim_worker_die_at (sim_t *sim, sim_worker_t *self, int64_t due)
{
    if (self->state == SIM_WORKER_DEAD || self->state == SIM_WORKER_LOST)
        return;
    sim_timer_t *timer = sim_worker_timer (self, SIM_TIMER_DEATH);
    if (timer->timer.place && timer->timer.due <= due)
        return;
    sim_world_at (sim, timer, due);
}

static void
s_death (sim_t *sim, sim_worker_t *self)
{
    if (self->state == SIM_WORKER_STARTING) {
        self->killed = 1;  // At its birth
        return;
    }
    if (self->bad && !self->killed)
        s_send_now (sim, self, (sim_mail_t){ .kind = SIM_MAIL_BAD });
    s_die (sim, self, self->bad && !self->killed);
}

// A chance to die within so long, in a world where things die.
static void
s_tempt (sim_t *sim, sim_worker_t *self, int64_t within_ns)
{
    if (sim_rand_chance (&sim->rand, sim->scenario.fault_per_mille))
        sim_worker_die_at (
            sim, self, sim->now + sim_rand_between (&sim->rand, 0, within_ns));
}

// --- Running ---------------------------------------------------------------

static int64_t
s_duration (sim_t *sim, const sim_task_t *task)
{
    int64_t about = task ? task->run_ns : SIM_MS;
    return about / 2 + sim_rand_between (&sim->rand, 0, about);
}

static void
s_start (sim_t *sim, sim_worker_t *self, int place)
{
    sim_slot_t *slot = &self->slots[place];
    sim_task_t *task = slot->task;
    int64_t duration = s_duration (sim, task);
    slot->claim = SIM_CLAIM_RUNNING;
    slot->started = sim->now;
    self->running = place;
    self->running_task = task;
    self->run_error =
        sim_rand_chance (&sim->rand, sim->scenario.fail_per_mille) ? EIO : 0;
    self->polite = task ? task->polite : 1;
    s_at (sim, self, SIM_TIMER_RUN, sim->now + duration);
    if (task) {
        sim_oracle_started (sim, task, self);
        if (task->cruel)
            sim_worker_die_at (
                sim,
                self,
                sim->now + sim_rand_between (&sim->rand, 0, duration / 2));
    }
    s_tempt (sim, self, duration);
    if (slot->flagged)
        sim_worker_flag (sim, self, place);
}

// 1 if the slot is this worker's to run: the CAS from OFFERED to RUNNING.
static int
s_claim (sim_t *sim, const sim_slot_t *slot, uint32_t seq)
{
    if (slot->seq == seq && slot->claim == SIM_CLAIM_OFFERED)
        return 1;
    if (sim->options.plant != SIM_PLANT_IGNORE_TAKEN || slot->seq != seq)
        return 0;
    sim->planted = 1;
    return slot->claim == SIM_CLAIM_TAKEN;
}

static void
s_work (sim_t *sim, sim_worker_t *self)
{
    if (self->state != SIM_WORKER_UP || self->frozen || self->bad
        || self->running != SIM_NO_SLOT)
        return;
    while (self->queue.count > 0) {
        sim_mail_t mail = sim_ring_take (&self->queue);
        if (s_claim (sim, &self->slots[mail.slot], mail.seq)) {
            s_start (sim, self, mail.slot);
            return;
        }
    }
    s_flush (sim, self);
    if (self->leaving)
        s_die (sim, self, 1);
}

static void
s_ran (sim_t *sim, sim_worker_t *self)
{
    int place = self->running;
    sim_slot_t *slot = &self->slots[place];
    slot->claim = SIM_CLAIM_DONE;
    if (self->running_task) {
        self->running_task->running--;
        self->running_task->finished = 1;
    }
    self->running = SIM_NO_SLOT;
    self->running_task = NULL;
    sim_ring_put (&self->unsent,
                  (sim_mail_t){ .kind = SIM_MAIL_DONE,
                                .slot = (uint16_t) place,
                                .seq = slot->seq,
                                .error = (uint8_t) self->run_error,
                                .time_ns = sim->now - slot->started });
    if (sim_rand_chance (&sim->rand, sim->scenario.fancy_per_mille / 100))
        s_send_now (sim, self, (sim_mail_t){ .kind = SIM_MAIL_RETIRE });
    s_tempt (sim, self, sim->scenario.link_delay_ns);
    if (self->unsent.count >= (uint32_t) sim->scenario.batch)
        s_flush (sim, self);
    else if (!s_armed (self, SIM_TIMER_FLUSH))
        s_at (sim, self, SIM_TIMER_FLUSH, sim->now + 200 * SIM_US);
    s_work (sim, self);
}

void
sim_worker_flag (sim_t *sim, sim_worker_t *self, int place)
{
    self->slots[place].flagged = 1;
    if (self->running != place || !self->polite || self->state != SIM_WORKER_UP)
        return;
    int64_t left = sim_rand_between (&sim->rand, 10 * SIM_US, SIM_MS);
    self->run_error = EIO;
    if (self->frozen)
        self->run_left = left < self->run_left ? left : self->run_left;
    else if (sim->now + left
             < sim_worker_timer (self, SIM_TIMER_RUN)->timer.due)
        s_at (sim, self, SIM_TIMER_RUN, sim->now + left);
}

// --- Reading ---------------------------------------------------------------

static void
s_read (sim_t *sim, sim_worker_t *self, sim_mail_t mail)
{
    sim_slot_t *slot = &self->slots[mail.slot];
    int same = slot->seq == mail.seq;
    switch ((sim_mail_kind_t) mail.kind) {
    case SIM_MAIL_OFFER:
        sim_ring_put (&self->queue, mail);
        break;
    case SIM_MAIL_STOP:
        self->leaving = 1;
        break;
    case SIM_MAIL_RECLAIM:
        mail.kind =
            same && sim_host_take (slot) ? SIM_MAIL_RECLAIMED : SIM_MAIL_KEPT;
        s_send_now (sim, self, mail);
        break;
    case SIM_MAIL_FLAG:
        if (same)
            sim_worker_flag (sim, self, mail.slot);
        break;
    case SIM_MAIL_PROBE:
        mail.kind = SIM_MAIL_PROBED;
        mail.time_ns = same ? slot->started : 0;
        s_send_now (sim, self, mail);
        break;
    default:
        sim_fail (sim, "the model's worker cannot read %d", mail.kind);
    }
}

static void
s_inbox (sim_t *sim, sim_worker_t *self)
{
    // On another host it is the agent that reads, and an agent answers always.
    if (self->state != SIM_WORKER_UP || (self->frozen && !sim->scenario.remote))
        return;
    while (self->inbox.count > 0
           && sim_ring_at (&self->inbox, 0)->due <= sim->now)
        s_read (sim, self, sim_ring_take (&self->inbox));
    if (self->inbox.count > 0)
        s_at (sim, self, SIM_TIMER_INBOX, sim_ring_at (&self->inbox, 0)->due);
    s_work (sim, self);
}

static void
s_outbox (sim_t *sim, sim_worker_t *self)
{
    while (self->outbox.count > 0
           && sim_ring_at (&self->outbox, 0)->due <= sim->now)
        sim_host_receive (sim, self, sim_ring_take (&self->outbox));
    if (self->outbox.count > 0)
        s_at (sim, self, SIM_TIMER_OUTBOX, sim_ring_at (&self->outbox, 0)->due);
}

// --- Frozen, born ----------------------------------------------------------

void
sim_worker_freeze (sim_t *sim, sim_worker_t *self, int64_t until)
{
    if (self->state != SIM_WORKER_UP || self->frozen)
        return;
    sim_say (sim, "worker %u freezes", self->number);
    self->frozen = 1;
    if (self->running != SIM_NO_SLOT)
        self->run_left =
            sim_worker_timer (self, SIM_TIMER_RUN)->timer.due - sim->now;
    s_never (sim, self, SIM_TIMER_RUN);
    s_never (sim, self, SIM_TIMER_FLUSH);
    s_at (sim, self, SIM_TIMER_THAW, until);
}

static void
s_thaw (sim_t *sim, sim_worker_t *self)
{
    self->frozen = 0;
    if (self->running != SIM_NO_SLOT)
        s_at (sim, self, SIM_TIMER_RUN, sim->now + self->run_left);
    s_flush (sim, self);
    s_inbox (sim, self);
}

static void
s_born (sim_t *sim, sim_worker_t *self)
{
    const sim_scenario_t *scenario = &sim->scenario;
    brd_core_event_t event = { .worker = self->number };
    if (sim_rand_chance (&sim->rand, scenario->down_per_mille)) {
        self->state = SIM_WORKER_LOST;
        self->pool->troubles++;
        self->pool->excused++;
        event.type = BRD_CORE_WORKER_DOWN;
        sim_host_step (sim, &event);
        return;
    }
    if (self->killed
        || sim_rand_chance (&sim->rand, scenario->fault_per_mille)) {
        self->pool->stillborn++;
        s_die (sim, self, 0);
        return;
    }
    self->state = SIM_WORKER_UP;
    self->idle_since = sim->now;
    self->up_told = 1;
    if (sim_rand_chance (&sim->rand, scenario->bad_per_mille)) {
        self->bad = 1;
        sim_worker_die_at (
            sim, self, sim->now + sim_rand_log (&sim->rand, SIM_US, SIM_MS));
    }
    event.type = BRD_CORE_WORKER_UP;
    sim_host_step (sim, &event);
    s_inbox (sim, self);
}

// --- What it holds ---------------------------------------------------------

void
sim_worker_hold (sim_t *sim, sim_worker_t *self, int place, sim_task_t *task)
{
    sim_slot_t *slot = &self->slots[place];
    *slot = (sim_slot_t){ .task = task,
                          .seq = slot->seq + 1,
                          .claim = SIM_CLAIM_OFFERED,
                          .used = 1,
                          .offered = sim->now };
    task->worker = self;
    task->slot = place;
    self->pool->in_flight++;
    self->in_flight++;
    if (!self->holding)
        self->pool->holders[self->place]++;
    self->holding = 1;
}

void
sim_worker_unhold (sim_t *sim, sim_worker_t *self)
{
    if (!self->holding)
        return;
    self->holding = 0;
    if (--self->pool->holders[self->place] == 0)
        self->pool->released[self->place] = sim->now;
}

void
sim_worker_disown (sim_t *sim, sim_worker_t *self, int place)
{
    sim_task_t *task = self->slots[place].task;
    self->slots[place].task = NULL;
    if (!task)
        return;
    if (self->running_task == task)
        self->running_task = NULL;
    task->worker = NULL;
    task->slot = SIM_NO_SLOT;
    self->pool->in_flight--;
    if (--self->in_flight > 0)
        return;
    self->idle_since = sim->now;
    // One that is being killed, or dead, is in the way until it is forgotten.
    if (!self->killed && !self->ending_told)
        sim_worker_unhold (sim, self);
}

void
sim_worker_release (sim_t *sim, sim_worker_t *self, int place)
{
    sim_slot_t *slot = &self->slots[place];
    sim_worker_disown (sim, self, place);
    slot->used = 0;
    slot->asked = 0;
    self->free_slots[self->free_count++] = (uint16_t) place;
}

void
sim_worker_fire (sim_t *sim, sim_worker_t *self, sim_timer_kind_t kind)
{
    switch (kind) {
    case SIM_TIMER_BORN:
        s_born (sim, self);
        break;
    case SIM_TIMER_INBOX:
        s_inbox (sim, self);
        break;
    case SIM_TIMER_OUTBOX:
        s_outbox (sim, self);
        break;
    case SIM_TIMER_RUN:
        s_ran (sim, self);
        break;
    case SIM_TIMER_FLUSH:
        s_flush (sim, self);
        break;
    case SIM_TIMER_THAW:
        s_thaw (sim, self);
        break;
    case SIM_TIMER_DEATH:
        s_death (sim, self);
        break;
    case SIM_TIMER_LOST:
        s_lost (sim, self);
        break;
    default:
        sim_fail (sim, "the model's worker has no timer %d", (int) kind);
    }
}
