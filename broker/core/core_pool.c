// core_pool.c - opening, ending and resizing pools, and what a step leaves
//
// SPDX-License-Identifier: MPL-2.0
//
// A pool is a row of places, each with a worker, and lists of tasks. It ends in
// one of two ways, and a broken one in the second, of itself:
//
//     close       no SUBMIT; when the last task has ended, all stop
//     terminate   no SUBMIT; all workers killed, all tasks end with an error
//
// Either is DO_POOL_ENDED when the last worker is gone.
//
// What may take more effects than a step has is never a loop over everything
// but a condition that settle () finds: "ending, and there are tasks". cancel
// must hit only what was there before it, though the lists may be long and new
// tasks come in behind: it makes the pool's epoch grow, each list has its older
// tasks in front, and what is older than the pool is doomed wherever it is met.
//
// Read next: core_check.c, which says all this as conditions.

#include "brood/brood_pool.h"

#include "core/core_internal.h"

// --- Places ----------------------------------------------------------------

static void
s_init_place (brd_core_place_t *self, brd_core_pool_t *pool, uint32_t number)
{
    self->pool = pool;
    self->number = number;
    brd_list_init (&self->vacant);
    brd_list_init (&self->pinned);
    for (int i = 0; i < BRD_CORE_PLACE_WORKERS; i++) {
        brd_core_worker_t *worker = &self->workers[i];
        worker->pool = pool;
        worker->place = self;
        worker->width = !pool->options.hosts;
        worker->load.at = worker->heavy.at = BRD_CORE_RANK_NONE;
        brd_list_init (&worker->load.link);
        brd_list_init (&worker->heavy.link);
        brd_list_init (&worker->tasks);
        pool->states[BRD_CORE_WORKER_IS_FREE]++;
    }
}

// Makes places up to count, or none.
static int
s_add_places (brd_core_t *core, brd_core_pool_t *pool, uint32_t count)
{
    const uint32_t old = pool->place_count;
    if (count <= old)
        return 0;
    const size_t more = (size_t) (count - old) * BRD_CORE_PLACE_WORKERS;
    if (brd_core_worker_reserve (core, core->workers_max + more) < 0)
        return -1;
    brd_core_place_t **places =
        brd_mem_resize (pool->places, count * sizeof *places);
    if (!places)
        goto error;
    pool->places = places;
    uint32_t made = old;
    for (; made < count; made++) {
        places[made] = brd_mem_zalloc (sizeof **places);
        if (!places[made])
            goto error_places;
    }
    for (uint32_t i = old; i < count; i++)
        s_init_place (places[i], pool, i);
    pool->place_count = count;
    return 0;

error_places:
    while (made > old)
        brd_mem_free (places[--made]);
error:
    core->workers_max -= more;
    return -1;
}

// Its host is leaving or gone, and what was to go to it alone goes nowhere. It
// is vacant once nothing of it is left: who joins then need not wait for
// anyone.
static int
s_clear_place (brd_core_t *core, brd_core_place_t *place)
{
    while (!brd_list_empty (&place->pinned))
        brd_core_task_cancel (
            core, BRD_LIST_ITEM (place->pinned.next, brd_core_task_t, link));
    for (int i = 0; i < BRD_CORE_PLACE_WORKERS; i++)
        if (place->workers[i].state != BRD_CORE_WORKER_IS_FREE)
            return 0;
    return 1;
}

void
brd_core_pool_vacate (brd_core_t *core, brd_core_place_t *place)
{
    brd_core_pool_t *pool = place->pool;
    if (pool->ending != 0 || place->current || place->number >= pool->target
        || (pool->options.joined && !s_clear_place (core, place)))
        return;
    // One that is waited for goes first: with on_demand it may be the only one
    // that is wanted.
    brd_list_remove (&place->vacant);
    if (brd_list_empty (&place->pinned))
        brd_list_append (&pool->vacant, &place->vacant);
    else
        brd_list_prepend (&pool->vacant, &place->vacant);
    brd_core_touch (core, pool);
}

// Tasks wait, ready or in advance, for which no worker is on its way.
static int
s_is_demanded (const brd_core_pool_t *pool)
{
    const long waiting =
        pool->ready_count + pool->inflight - (long) pool->busy_workers;
    return waiting > (long) pool->states[BRD_CORE_WORKER_IS_STARTING]
                         + (long) pool->idle;
}

// The vacant place whose turn it is; NULL: none is wanted. Those waited for
// are in front, or behind one that was until its task ended.
static brd_core_place_t *
s_next_vacant (const brd_core_pool_t *pool)
{
    const int any = !pool->options.on_demand || s_is_demanded (pool);
    if (!any && pool->pinned_count == 0)
        return NULL;
    for (brd_list_t *link = pool->vacant.next; link != &pool->vacant;
         link = link->next) {
        brd_core_place_t *place =
            BRD_LIST_ITEM (link, brd_core_place_t, vacant);
        if (any || !brd_list_empty (&place->pinned))
            return place;
    }
    return NULL;
}

int
brd_core_pool_fill (brd_core_t *core, brd_core_pool_t *pool)
{
    if (pool->ending != 0 || (pool->closed && pool->count == 0)
        || pool->start_timer.place != 0 || pool->options.joined)
        return 1;
    brd_core_place_t *place;
    while ((place = s_next_vacant (pool))) {
        if (brd_core_room (core) <= BRD_CORE_EVENT_EFFECTS)
            return 0;
        // Without room for one more at the place, it is vacated again when one
        // of those there is gone.
        brd_list_remove (&place->vacant);
        brd_core_worker_start (core, place);
    }
    return 1;
}

// --- Starting --------------------------------------------------------------

brd_core_place_t *
brd_core_pool_more (brd_core_t *core, brd_core_pool_t *pool)
{
    if (pool->place_count >= BROOD_POOL_WORKERS_MAX) {
        brd_error_set (
            ENOSPC, "a pool has at most %d hosts", BROOD_POOL_WORKERS_MAX);
        return NULL;
    }
    if (s_add_places (core, pool, pool->place_count + 1) < 0)
        return NULL;
    return pool->places[pool->target++];
}

void
brd_core_pool_delay (brd_core_t *core, brd_core_pool_t *pool)
{
    pool->start_delay = pool->start_delay == 0 ? BRD_CORE_START_DELAY_NS
                                               : 2 * pool->start_delay;
    if (pool->start_delay > BRD_CORE_START_DELAY_MAX_NS)
        pool->start_delay = BRD_CORE_START_DELAY_MAX_NS;
    const int rc = brd_heap_set (
        &core->starts, &pool->start_timer, core->now + pool->start_delay);
    brd_assert (rc == 0);
}

// --- Opening ---------------------------------------------------------------

static int
s_check_options (const brd_core_pool_options_t *options)
{
    if (options->joined && !options->hosts)
        return brd_error_set (EINVAL, "only hosts join a pool");
    if (options->hosts && (options->max_tasks != 0 || options->on_demand))
        return brd_error_set (
            EINVAL, "hosts have no max_tasks and do not come on demand");
    return 0;
}

static int
s_check_count (uint32_t count)
{
    if (count == 0)
        return brd_error_set (EINVAL, "a pool has at least one worker");
    if (count > BROOD_POOL_WORKERS_MAX)
        return brd_error_set (
            ENOSPC, "a pool has at most %d workers", BROOD_POOL_WORKERS_MAX);
    return 0;
}

static void
s_init (brd_core_pool_t *self, const brd_core_event_t *event)
{
    self->number = event->pool;
    self->options = *event->pool_options;
    self->limit = 2;
    if (self->options.guard_ns <= 0)
        self->options.guard_ns = BRD_CORE_GUARD_NS;
    self->deaths_max = self->options.restarts_max;
    if (self->deaths_max == 0)
        self->deaths_max = BRD_CORE_RESTARTS_DEFAULT;
    if (self->deaths_max > BRD_CORE_RESTARTS_MAX)
        self->deaths_max = BRD_CORE_RESTARTS_MAX;
    brd_list_init (&self->link);
    brd_list_init (&self->dirty);
    brd_list_init (&self->held);
    brd_list_init (&self->slack);
    brd_list_init (&self->delayed);
    brd_list_init (&self->vacant);
    for (int i = 0; i < BRD_CORE_PRIORITIES; i++)
        brd_list_init (&self->ready[i]);
    brd_map_init (&self->keys);
    brd_map_init (&self->onces);
    brd_core_ranks_init (&self->loads);
    brd_core_ranks_init (&self->heavies);
}

int
brd_core_pool_open (brd_core_t *core, const brd_core_event_t *event)
{
    const uint32_t workers = event->pool_options->workers;
    if (brd_core_pool (core, event->pool))
        return brd_error_set (EINVAL, "pool %u exists", event->pool);
    if (s_check_options (event->pool_options) < 0
        || (!event->pool_options->joined && s_check_count (workers) < 0))
        return -1;
    brd_core_pool_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return -1;
    s_init (self, event);
    self->deaths = brd_mem_array (self->deaths_max, sizeof *self->deaths);
    if (!self->deaths
        || brd_heap_reserve (&core->starts, core->pool_count + 1) < 0
        || (!self->options.joined && s_add_places (core, self, workers) < 0))
        goto error;
    if (brd_map_set (&core->numbers, (uint64_t) self->number + 1, self) < 0)
        goto error;
    core->pool_count++;
    brd_list_append (&core->pools, &self->link);
    self->target = self->place_count;
    for (uint32_t i = 0; i < self->target; i++)
        brd_core_pool_vacate (core, self->places[i]);
    return 0;

error:
    brd_core_pool_free (core, self);
    return -1;
}

void
brd_core_pool_free (brd_core_t *core, brd_core_pool_t *self)
{
    // One that was opened is in the list, one that could not be is not.
    if (!brd_list_empty (&self->link)) {
        brd_list_remove (&self->link);
        brd_map_remove (&core->numbers, (uint64_t) self->number + 1);
        core->pool_count--;
    }
    if (core->recent == self)
        core->recent = NULL;
    if (self->start_timer.place != 0)
        brd_heap_remove (&core->starts, &self->start_timer);
    brd_list_remove (&self->dirty);
    brd_core_dispatch_release (core, self);
    brd_core_dispatch_relax (core, self);
    for (uint32_t i = 0; i < self->place_count; i++)
        brd_mem_free (self->places[i]);
    core->workers_max -= (size_t) self->place_count * BRD_CORE_PLACE_WORKERS;
    brd_mem_free (self->places);
    brd_mem_free (self->deaths);
    brd_map_fini (&self->keys);
    brd_map_fini (&self->onces);
    brd_mem_free (self);
}

int
brd_core_pool_forget (brd_core_t *core, brd_core_pool_t *self)
{
    if (!self->ended)
        return brd_error_set (EINVAL, "pool %u has not ended", self->number);
    brd_core_pool_free (core, self);
    return 0;
}

// --- Ending ----------------------------------------------------------------

void
brd_core_pool_close (brd_core_t *core, brd_core_pool_t *self)
{
    self->closed = 1;
    brd_core_touch (core, self);
}

static void
s_begin_end (brd_core_t *core, brd_core_pool_t *self, int error)
{
    self->ending = error;
    if (self->start_timer.place != 0)
        brd_heap_remove (&core->starts, &self->start_timer);
    brd_core_dispatch_release (core, self);
    brd_core_dispatch_relax (core, self);
    brd_core_touch (core, self);
}

void
brd_core_pool_terminate (brd_core_t *core, brd_core_pool_t *self)
{
    self->closed = 1;
    if (self->ending == 0)
        s_begin_end (core, self, EPIPE);
    brd_core_touch (core, self);
}

void
brd_core_pool_break (brd_core_t *core, brd_core_pool_t *self, int error)
{
    if (self->ending != 0)
        return;
    self->broken = error;
    brd_core_emit (core, BRD_CORE_DO_POOL_BROKEN, self->number)->error = error;
    s_begin_end (core, self, error);
}

void
brd_core_pool_death (brd_core_t *core, brd_core_pool_t *self, int was_up)
{
    int64_t *slot = &self->deaths[self->death_count % self->deaths_max];
    *slot = core->now;
    self->death_count++;
    self->death_up |= was_up;
    // The slot of the next one is that of the oldest.
    slot = &self->deaths[self->death_count % self->deaths_max];
    if (self->death_count >= self->deaths_max
        && core->now - *slot <= BRD_CORE_RESTARTS_NS)
        brd_core_pool_break (core, self, self->death_up ? EPIPE : ENOEXEC);
}

// Kills all workers, ends all tasks. BLOCKED and FOLLOWING ones go with those
// they hang on.
static int
s_end_worker (brd_core_t *core, brd_core_worker_t *worker)
{
    if (worker->count == 0
        && (worker->state == BRD_CORE_WORKER_IS_FREE
            || worker->state == BRD_CORE_WORKER_IS_KILLED
            || worker->state == BRD_CORE_WORKER_IS_DYING))
        return 1;
    if (brd_core_room (core) < BRD_CORE_EVENT_EFFECTS)
        return 0;
    brd_core_worker_kill (core, worker, NULL);
    while (worker->count > 0)
        brd_core_task_doom (
            core, BRD_LIST_ITEM (worker->tasks.next, brd_core_task_t, link));
    return 1;
}

static int
s_end_workers (brd_core_t *core, brd_core_pool_t *self)
{
    const uint32_t *states = self->states;
    if (states[BRD_CORE_WORKER_IS_FREE] + states[BRD_CORE_WORKER_IS_KILLED]
                + states[BRD_CORE_WORKER_IS_DYING]
            == self->place_count * BRD_CORE_PLACE_WORKERS
        && self->inflight == 0)
        return 1;
    for (uint32_t i = 0; i < self->place_count; i++)
        for (int j = 0; j < BRD_CORE_PLACE_WORKERS; j++)
            if (!s_end_worker (core, &self->places[i]->workers[j]))
                return 0;
    return 1;
}

// Ends what is doomed at the front of a list. 0: no room.
static int
s_doom_list (brd_core_t *core, brd_core_pool_t *self, brd_list_t *head)
{
    while (!brd_list_empty (head)) {
        brd_core_task_t *task =
            BRD_LIST_ITEM (head->next, brd_core_task_t, link);
        if (!brd_core_pool_dooms (self, task))
            return 1;
        if (brd_core_room (core) <= BRD_CORE_EFFECTS_KEPT)
            return 0;
        brd_core_task_doom (core, task);
    }
    return 1;
}

static int
s_doom_waiting (brd_core_t *core, brd_core_pool_t *self)
{
    for (int i = BRD_CORE_PRIORITIES - 1; i >= 0; i--)
        if (!s_doom_list (core, self, &self->ready[i]))
            return 0;
    if (!s_doom_list (core, self, &self->delayed))
        return 0;
    for (uint32_t i = 0; self->pinned_count > 0 && i < self->place_count; i++)
        if (!s_doom_list (core, self, &self->places[i]->pinned))
            return 0;
    return 1;
}

// --- Cancelling ------------------------------------------------------------

void
brd_core_pool_cancel (brd_core_t *core, brd_core_pool_t *self)
{
    if (self->ending != 0)
        return;
    self->epoch++;
    self->sweeping = 1;
    brd_core_touch (core, self);
}

// The worker's own first, which need room; those behind them can wait for it.
// 0: there is not room for all a host has. What was done already is passed over
// when it goes on.
static int
s_sweep_worker (brd_core_t *core, brd_core_worker_t *worker)
{
    const brd_core_pool_t *pool = worker->pool;
    // From the last to the first, as all that is asked back. Nothing leaves
    // the list: what runs is flagged, the rest answers first.
    brd_list_t *link;
    for (link = worker->tasks.prev; link != &worker->tasks; link = link->prev) {
        brd_core_task_t *task = BRD_LIST_ITEM (link, brd_core_task_t, link);
        if (!brd_core_pool_dooms (pool, task)
            || (task->flags & BRD_CORE_TASK_CANCELLED))
            continue;
        if (brd_core_room (core) <= BRD_CORE_EFFECTS_KEPT)
            return 0;
        brd_core_task_cancel (core, task);
    }
    for (link = worker->tasks.next; link != &worker->tasks; link = link->next)
        brd_core_task_doom_blocked (
            core, BRD_LIST_ITEM (link, brd_core_task_t, link));
    worker->epoch = pool->epoch;
    return 1;
}

static int
s_sweep (brd_core_t *core, brd_core_pool_t *self)
{
    if (!s_doom_waiting (core, self))
        return 0;
    for (uint32_t i = 0; i < self->place_count; i++)
        for (int j = 0; j < BRD_CORE_PLACE_WORKERS; j++) {
            brd_core_worker_t *worker = &self->places[i]->workers[j];
            if (worker->count == 0 || worker->epoch == self->epoch)
                continue;
            if (brd_core_room (core) < BRD_CORE_EVENT_EFFECTS
                || !s_sweep_worker (core, worker))
                return 0;
        }
    self->sweeping = 0;
    return 1;
}

// --- Resizing --------------------------------------------------------------

int
brd_core_pool_resize (brd_core_t *core, brd_core_pool_t *self, uint32_t count)
{
    if (self->options.joined)
        return brd_error_set (EINVAL, "hosts join as they come");
    if (s_check_count (count) < 0 || s_add_places (core, self, count) < 0)
        return -1;
    const uint32_t old = self->target;
    self->target = count;
    for (uint32_t i = old; i < count; i++)
        brd_core_pool_vacate (core, self->places[i]);
    for (uint32_t i = count; i < old; i++)
        brd_list_remove (&self->places[i]->vacant);
    if (count < old)
        self->resizing = 1;
    brd_core_touch (core, self);
    return 0;
}

static int
s_empty_place (brd_core_t *core, brd_core_place_t *place)
{
    while (!brd_list_empty (&place->pinned)) {
        if (brd_core_room (core) <= BRD_CORE_EFFECTS_KEPT)
            return 0;
        brd_core_task_cancel (
            core, BRD_LIST_ITEM (place->pinned.next, brd_core_task_t, link));
    }
    // One that is still starting is told to go when it is up.
    brd_core_worker_t *worker = place->current;
    if (!worker || worker->state != BRD_CORE_WORKER_IS_UP)
        return 1;
    if (brd_core_room (core) < BRD_CORE_EVENT_EFFECTS)
        return 0;
    brd_core_worker_retire (core, worker, 1);
    return 1;
}

static int
s_empty_places (brd_core_t *core, brd_core_pool_t *self)
{
    for (uint32_t i = self->target; i < self->place_count; i++)
        if (!s_empty_place (core, self->places[i]))
            return 0;
    self->resizing = 0;
    return 1;
}

// --- Settling --------------------------------------------------------------

static int
s_feed_pinned (brd_core_t *core, brd_core_pool_t *self)
{
    self->pinned_left = 0;
    for (uint32_t i = 0; i < self->target && !self->pinned_left; i++)
        if (self->places[i]->current)
            brd_core_dispatch_pinned (core, self->places[i]->current);
    return !self->pinned_left;
}

// All workers that are up stop; those that start do so when they are.
static int
s_stop (brd_core_t *core, brd_core_pool_t *self)
{
    for (uint32_t i = 0; i < self->place_count; i++) {
        brd_core_worker_t *worker = self->places[i]->current;
        if (!worker || worker->state != BRD_CORE_WORKER_IS_UP)
            continue;
        if (brd_core_room (core) < BRD_CORE_EVENT_EFFECTS)
            return 0;
        brd_core_worker_retire (core, worker, 0);
    }
    self->stopped = 1;
    return 1;
}

static int
s_tell (brd_core_t *core, brd_core_pool_t *self, brd_core_effect_type_t type)
{
    if (brd_core_room (core) == 0)
        return 0;
    brd_core_emit (core, type, self->number);
    return 1;
}

// Nothing is pending or running.
static int
s_settle_empty (brd_core_t *core, brd_core_pool_t *self)
{
    if (self->busy) {
        if (!s_tell (core, self, BRD_CORE_DO_POOL_IDLE))
            return 0;
        self->busy = 0;
    }
    if (!self->closed)
        return 1;
    if (self->ending == 0 && !self->stopped && !s_stop (core, self))
        return 0;
    if (!self->ended
        && self->states[BRD_CORE_WORKER_IS_FREE]
               == self->place_count * BRD_CORE_PLACE_WORKERS) {
        if (!s_tell (core, self, BRD_CORE_DO_POOL_ENDED))
            return 0;
        self->ended = 1;
    }
    return 1;
}

int
brd_core_pool_settle (brd_core_t *core, brd_core_pool_t *self)
{
    if (self->ending != 0) {
        if (!s_end_workers (core, self) || !s_doom_waiting (core, self))
            return 0;
    }
    else if ((self->sweeping && !s_sweep (core, self))
             || (self->resizing && !s_empty_places (core, self))
             || (self->returning && !brd_core_host_return (core, self))
             || (self->pinned_left && !s_feed_pinned (core, self))
             || !brd_core_dispatch_feed (core, self)
             || !brd_core_dispatch_take_back (core, self)
             || !brd_core_pool_fill (core, self))
        return 0;
    return self->count > 0 || s_settle_empty (core, self);
}
