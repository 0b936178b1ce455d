// core_worker.c - the life of a worker, and what it holds
//
// SPDX-License-Identifier: MPL-2.0
//
//     DO_START                             DO_STOP
//     FREE --> STARTING --> UP --> RETIRING --> STOPPING
//                 |         |         |            |
//                 +---------+---------+------------+--> KILLED    DO_KILL
//                 +---------+---------+------------+------+--> DYING
//                 +---------+---------+------------+------+------+--> FREE
//                                                              DO_FORGET
//
// A worker belongs to a place for life. It is the place's current one until it
// retires, is lost, or could not be started; then the place is vacant and gets
// another (core_pool.c). One that retires and still runs a task keeps its
// successor waiting: a pool of four never runs five tasks. The successor is
// started early all the same, so that it is there when the other has finished.
//
// Read next: core_dispatch.c, which decides what a worker is given.

#include "core/core_internal.h"

#define S_BIT(state) (1u << BRD_CORE_WORKER_IS_##state)
#define S_GONE (S_BIT (DYING) | S_BIT (FREE))

// To which states each may move.
static const uint8_t s_allowed[BRD_CORE_WORKER_STATES] = {
    [BRD_CORE_WORKER_IS_FREE] = S_BIT (STARTING),
    [BRD_CORE_WORKER_IS_STARTING] = S_BIT (UP) | S_BIT (KILLED) | S_GONE,
    [BRD_CORE_WORKER_IS_UP] = S_BIT (RETIRING) | S_BIT (KILLED) | S_GONE,
    [BRD_CORE_WORKER_IS_RETIRING] = S_BIT (STOPPING) | S_BIT (KILLED) | S_GONE,
    [BRD_CORE_WORKER_IS_STOPPING] = S_BIT (KILLED) | S_GONE,
    [BRD_CORE_WORKER_IS_KILLED] = S_GONE,
    [BRD_CORE_WORKER_IS_DYING] = S_BIT (FREE),
};

static void
s_move (brd_core_worker_t *self, brd_core_worker_state_t state)
{
    brd_assert (s_allowed[self->state] & (1u << state));
    // Only these may hold tasks; one that stops or goes has none.
    brd_assert (self->count == 0 || state == BRD_CORE_WORKER_IS_RETIRING
                || state == BRD_CORE_WORKER_IS_KILLED
                || state == BRD_CORE_WORKER_IS_DYING);
    self->pool->states[self->state]--;
    self->pool->states[state]++;
    self->state = (uint8_t) state;
}

static void
s_emit (brd_core_t *core,
        brd_core_effect_type_t type,
        const brd_core_worker_t *self,
        brd_core_task_t *task)
{
    brd_core_effect_t *effect = brd_core_emit (core, type, self->pool->number);
    effect->worker = self->id;
    effect->place = self->place->number;
    effect->task = task;
}

// --- Numbers ---------------------------------------------------------------

int
brd_core_worker_reserve (brd_core_t *self, size_t count)
{
    size_t room = self->workers_mask + 1;
    while (room < 2 * count)
        room *= 2;
    if (room > self->workers_mask + 1) {
        brd_core_worker_t **workers = brd_mem_array (room, sizeof *workers);
        if (!workers)
            return -1;
        for (size_t i = 0; i <= self->workers_mask; i++)
            if (self->workers[i])
                workers[self->workers[i]->id & (room - 1)] = self->workers[i];
        brd_mem_free (self->workers);
        self->workers = workers;
        self->workers_mask = room - 1;
    }
    self->workers_max = count;
    return 0;
}

static uint32_t
s_next_id (brd_core_t *self)
{
    do
        self->last_worker++;
    while (self->last_worker == 0
           || self->workers[self->last_worker & self->workers_mask]);
    return self->last_worker;
}

// --- Load ------------------------------------------------------------------

void
brd_core_worker_rank (brd_core_worker_t *self)
{
    const int in =
        brd_core_worker_is_fed (self) && !brd_core_worker_is_full (self);
    const uint32_t at = !in ? BRD_CORE_RANK_NONE
                        : brd_core_worker_is_host (self)
                            ? brd_core_host_load (self)
                            : self->count;
    const uint32_t free =
        in && self->count < self->width ? self->width - self->count : 0;
    brd_core_pool_t *pool = self->pool;
    pool->idle += free;
    pool->idle -= self->free;
    self->free = free;
    if (at == self->load.at)
        return;
    if (self->load.at == BRD_CORE_RANK_NONE)
        pool->loads_width += self->width;
    else if (at == BRD_CORE_RANK_NONE)
        pool->loads_width -= self->width;
    brd_core_ranks_put (&pool->loads, &self->load, at);
}

void
brd_core_worker_take (brd_core_worker_t *self, brd_core_task_t *task)
{
    brd_list_append (&self->tasks, &task->link);
    if (self->count++ == 0)
        self->pool->busy_workers++;
    self->spare += (uint32_t) brd_core_task_spare (task);
    self->whole += task->whole;
    self->bytes += task->size_bytes;
    self->offered++;
    self->pool->inflight++;
}

void
brd_core_worker_drop (brd_core_worker_t *self, brd_core_task_t *task)
{
    brd_list_remove (&task->link);
    if (--self->count == 0)
        self->pool->busy_workers--;
    self->spare -= (uint32_t) brd_core_task_spare (task);
    self->started -= (task->flags & BRD_CORE_TASK_STARTED) != 0;
    self->whole -= task->whole;
    self->bytes -= task->size_bytes;
    self->pool->inflight--;
    if (task->flags & BRD_CORE_TASK_RECLAIMING)
        brd_core_worker_answered (self, task);
}

void
brd_core_worker_mark (brd_core_worker_t *self,
                      brd_core_task_t *task,
                      unsigned flags)
{
    self->spare -= (uint32_t) brd_core_task_spare (task);
    self->started -= (task->flags & BRD_CORE_TASK_STARTED) != 0;
    task->flags = (uint8_t) (task->flags | flags);
    self->started += (task->flags & BRD_CORE_TASK_STARTED) != 0;
    self->spare += (uint32_t) brd_core_task_spare (task);
}

void
brd_core_worker_answered (brd_core_worker_t *self, brd_core_task_t *task)
{
    self->reclaiming--;
    if (self->width > 0)
        self->pool->reclaiming--;
    task->flags = (uint8_t) (task->flags & ~BRD_CORE_TASK_RECLAIMING);
}

void
brd_core_worker_reclaim (brd_core_t *core,
                         brd_core_worker_t *self,
                         brd_core_task_t *task)
{
    brd_core_worker_mark (self, task, BRD_CORE_TASK_RECLAIMING);
    self->reclaiming++;
    // Of one that is silent no answer is awaited.
    if (self->width > 0)
        self->pool->reclaiming++;
    s_emit (core, BRD_CORE_DO_RECLAIM, self, task);
}

int
brd_core_worker_reclaim_all (brd_core_t *core,
                             brd_core_worker_t *self,
                             const brd_core_task_t *except)
{
    for (brd_list_t *link = self->tasks.prev; link != &self->tasks;
         link = link->prev) {
        brd_core_task_t *task = BRD_LIST_ITEM (link, brd_core_task_t, link);
        if (task == except
            || (task->flags
                & (BRD_CORE_TASK_RECLAIMING | BRD_CORE_TASK_STARTED)))
            continue;
        if (brd_core_room (core) <= BRD_CORE_EFFECTS_KEPT)
            return 0;
        brd_core_worker_reclaim (core, self, task);
    }
    return 1;
}

// --- Coming ----------------------------------------------------------------

int
brd_core_worker_start (brd_core_t *core, brd_core_place_t *place)
{
    brd_core_worker_t *self = NULL;
    for (int i = 0; i < BRD_CORE_PLACE_WORKERS && !self; i++)
        if (place->workers[i].state == BRD_CORE_WORKER_IS_FREE)
            self = &place->workers[i];
    if (!self)
        return 0;
    self->id = s_next_id (core);
    self->offered = 0;
    self->asked = 0;
    self->was_up = 0;
    self->returning = 0;
    self->rtt = 0;
    self->epoch = place->pool->epoch;
    core->workers[self->id & core->workers_mask] = self;
    place->current = self;
    s_move (self, BRD_CORE_WORKER_IS_STARTING);
    s_emit (core,
            self->pool->options.joined ? BRD_CORE_DO_JOIN : BRD_CORE_DO_START,
            self,
            NULL);
    return 1;
}

void
brd_core_worker_enter (brd_core_t *core, brd_core_worker_t *self)
{
    brd_core_worker_rank (self);
    brd_core_dispatch_pinned (core, self);
    brd_core_touch (core, self->pool);
}

void
brd_core_worker_up (brd_core_t *core, brd_core_worker_t *self, uint32_t count)
{
    if (self->state != BRD_CORE_WORKER_IS_STARTING)
        return;
    brd_core_pool_t *pool = self->pool;
    self->was_up = 1;
    pool->downs = 0;
    s_move (self, BRD_CORE_WORKER_IS_UP);
    // That a host came up says little: one may die at each first task.
    if (pool->options.hosts)
        brd_core_host_set_width (self, count > 0 ? count : 1);
    else
        pool->start_delay = 0;
    if (self->place->number >= pool->target || pool->stopped)
        brd_core_worker_retire (core, self, 0);
    else if (brd_core_worker_is_fed (self))
        brd_core_worker_enter (core, self);
}

// --- Leaving ---------------------------------------------------------------

// It no longer keeps its successor waiting.
static void
s_give_way (brd_core_t *core, brd_core_worker_t *self)
{
    if (!self->leaving)
        return;
    self->leaving = 0;
    brd_core_place_t *place = self->place;
    place->leaving--;
    if (place->current && brd_core_worker_is_fed (place->current))
        brd_core_worker_enter (core, place->current);
}

// Into a state without return: it is neither given tasks nor asked for any.
static void
s_leave (brd_core_worker_t *self, brd_core_worker_state_t state)
{
    s_move (self, state);
    if (brd_core_worker_is_host (self))
        brd_core_host_set_width (self, 0);
    brd_core_worker_rank (self);
    brd_core_ranks_put (&self->pool->heavies, &self->heavy, BRD_CORE_RANK_NONE);
}

static void
s_stop (brd_core_t *core, brd_core_worker_t *self)
{
    self->asked = 1;
    s_leave (self, BRD_CORE_WORKER_IS_STOPPING);
    s_emit (core, BRD_CORE_DO_STOP, self, NULL);
    s_give_way (core, self);
}

void
brd_core_worker_retire (brd_core_t *core, brd_core_worker_t *self, int reclaim)
{
    brd_core_place_t *place = self->place;
    s_move (self, BRD_CORE_WORKER_IS_RETIRING);
    brd_core_worker_rank (self);
    if (self->count > 0) {
        self->leaving = 1;
        place->leaving++;
    }
    place->current = NULL;
    brd_core_pool_vacate (core, place);
    // The successor before the farewell.
    brd_core_pool_fill (core, self->pool);
    // A host may have more than a step has room for.
    if (reclaim && !brd_core_worker_reclaim_all (core, self, NULL))
        self->returning = self->pool->returning = 1;
    if (self->count == 0)
        s_stop (core, self);
    brd_core_touch (core, self->pool);
}

void
brd_core_worker_freed (brd_core_t *core, brd_core_worker_t *self)
{
    if (self->state == BRD_CORE_WORKER_IS_RETIRING && self->count == 0)
        s_stop (core, self);
    brd_core_worker_rank (self);
    if (brd_core_worker_is_fed (self))
        brd_core_dispatch_pinned (core, self);
    brd_core_touch (core, self->pool);
}

void
brd_core_worker_kill (brd_core_t *core,
                      brd_core_worker_t *self,
                      const brd_core_task_t *victim)
{
    if (self->state == BRD_CORE_WORKER_IS_KILLED
        || self->state == BRD_CORE_WORKER_IS_DYING
        || self->state == BRD_CORE_WORKER_IS_FREE)
        return;
    // What it has not started goes elsewhere first: or it could end the victim
    // in this instant, and begin, and be killed in, an innocent one.
    // A host is killed when it does not answer.
    if (victim && !brd_core_worker_is_host (self))
        brd_core_worker_reclaim_all (core, self, victim);
    self->asked = 1;
    s_leave (self, BRD_CORE_WORKER_IS_KILLED);
    s_emit (core, BRD_CORE_DO_KILL, self, NULL);
}

// --- Gone ------------------------------------------------------------------

static void
s_forget (brd_core_t *core, brd_core_worker_t *self)
{
    brd_core_place_t *place = self->place;
    s_emit (core, BRD_CORE_DO_FORGET, self, NULL);
    s_leave (self, BRD_CORE_WORKER_IS_FREE);
    core->workers[self->id & core->workers_mask] = NULL;
    if (place->current == self)
        place->current = NULL;
    s_give_way (core, self);
    if (!place->current)
        brd_core_pool_vacate (core, place);
    brd_core_touch (core, self->pool);
}

void
brd_core_worker_down (brd_core_t *core, brd_core_worker_t *self)
{
    brd_core_pool_t *pool = self->pool;
    if (self->state != BRD_CORE_WORKER_IS_STARTING) {
        brd_core_worker_lost (core, self, NULL);
        return;
    }
    s_forget (core, self);
    if (pool->ending || pool->options.joined)
        return;
    // The system has no more to give: asking at once would make it worse. The
    // workers there are go on, whatever becomes of the missing ones.
    pool->downs++;
    if (pool->downs >= pool->deaths_max
        && pool->states[BRD_CORE_WORKER_IS_STARTING] == 0
        && pool->states[BRD_CORE_WORKER_IS_UP] == 0
        && pool->states[BRD_CORE_WORKER_IS_RETIRING] == 0) {
        brd_core_pool_break (core, pool, EPIPE);
        return;
    }
    brd_core_pool_delay (core, pool);
}

void
brd_core_worker_ending (brd_core_t *core, brd_core_worker_t *self)
{
    if (self->state == BRD_CORE_WORKER_IS_DYING)
        return;
    s_leave (self, BRD_CORE_WORKER_IS_DYING);
    brd_core_touch (core, self->pool);
}

void
brd_core_worker_lost (brd_core_t *core,
                      brd_core_worker_t *self,
                      const brd_core_task_t *running)
{
    brd_core_pool_t *pool = self->pool;
    const int current = self->place->current == self;
    // Once forgotten it may be its own successor.
    const int asked = self->asked;
    const int was_up = self->was_up;
    // Before a task of its own finds its way back to it.
    brd_core_worker_ending (core, self);
    // running may have ended, and its memory be something else by now: it is
    // compared, never looked into.
    brd_list_t *link;
    while ((link = self->tasks.next) != &self->tasks) {
        brd_core_task_t *task = BRD_LIST_ITEM (link, brd_core_task_t, link);
        brd_core_worker_drop (self, task);
        if (pool->options.hosts)
            brd_core_task_vanished (core, task);
        else
            brd_core_task_died (core, task, task == running, asked);
    }
    s_forget (core, self);
    if (pool->ending || pool->options.joined)
        return;
    if (current && self->place->number < pool->target && !pool->stopped)
        pool->restarts++;
    if (!asked && pool->options.hosts)
        brd_core_pool_delay (core, pool);
    else if (!asked)
        brd_core_pool_death (core, pool, was_up);
}
