// core_check.c - what is true of the core after every step
//
// SPDX-License-Identifier: MPL-2.0
//
// Counts everything anew and compares. Slow on purpose: nothing here trusts a
// number kept elsewhere. Called by tests and by the simulator, never by a host.
//
//     tasks      each in the one list its state asks for, and all are found
//     timers     armed where they must be, in the heap where they say they are
//     workers    hold what they count, are ranked by it, keep their limits
//     promises   no idle worker while work waits; what is held back, or still
//                to be done, has a deadline
//
// Read next: tests/sim.

#include "core/core_internal.h"

// What was found in one pool.
typedef struct {
    long count;
    long ready;
    long pinned;
    long delayed;
    long inflight;
    long reclaiming;
    uint64_t width;
    uint64_t loads_width;
    long timers;
    uint32_t busy;
    uint64_t idle;
    uint32_t takeable;  // Sum over its workers that can be asked
} s_found_t;

static void
s_check_list (const brd_list_t *head)
{
    for (const brd_list_t *link = head->next; link != head; link = link->next) {
        brd_assert (link->next->prev == link);
        brd_assert (link->prev->next == link);
    }
}

// --- Tasks -----------------------------------------------------------------

static void
s_check_timer (const brd_core_t *core, const brd_core_task_t *task)
{
    if (task->timer.place != 0) {
        brd_assert (task->timer.place <= core->timers.count);
        brd_assert (core->timers.items[task->timer.place] == &task->timer);
    }
    const int armed = task->timer.place != 0;
    if (task->state == BRD_CORE_TASK_DELAYED)
        brd_assert (armed);
    if (task->state == BRD_CORE_TASK_READY
        || task->state == BRD_CORE_TASK_BLOCKED)
        brd_assert (armed == (task->queue_due != 0 && task->attempt == 1));
    if (task->state == BRD_CORE_TASK_ENDING)
        brd_assert (!armed);
}

static void
s_check_task (const brd_core_t *core,
              const brd_core_pool_t *pool,
              const brd_core_task_t *task,
              brd_core_task_state_t state,
              s_found_t *found)
{
    brd_assert (task->state == state);
    brd_assert (task->pool == pool->number);
    brd_assert (task->attempt >= 1);
    brd_assert (task->deaths <= BRD_CORE_POISON_DEATHS);
    brd_assert (task->priority < BRD_CORE_PRIORITIES);
    if (state != BRD_CORE_TASK_OFFERED)
        brd_assert (!(task->flags & BRD_CORE_TASK_RECLAIMING));
    if (state == BRD_CORE_TASK_READY || state == BRD_CORE_TASK_DELAYED)
        brd_assert (!(task->flags & ~BRD_CORE_TASK_HOLDER));
    s_check_timer (core, task);
    found->count++;
    found->timers += task->timer.place != 0;
}

// The list of those that hang on it: FOLLOWING, then BLOCKED.
static void
s_check_follow (const brd_core_t *core,
                const brd_core_pool_t *pool,
                const brd_core_task_t *task,
                s_found_t *found)
{
    int blocked = 0;
    s_check_list (&task->follow);
    for (const brd_list_t *link = task->follow.next; link != &task->follow;
         link = link->next) {
        const brd_core_task_t *other =
            BRD_LIST_ITEM (link, brd_core_task_t, link);
        if (other->state == BRD_CORE_TASK_BLOCKED) {
            blocked = 1;
            brd_assert (task->flags & BRD_CORE_TASK_HOLDER);
            brd_assert (other->options->key == task->options->key);
            s_check_task (core, pool, other, BRD_CORE_TASK_BLOCKED, found);
            // One level more, and no further: it holds no key.
            brd_assert (!(other->flags & BRD_CORE_TASK_HOLDER));
            s_check_follow (core, pool, other, found);
            continue;
        }
        brd_assert (!blocked);
        brd_assert (other->options->once == task->options->once);
        brd_assert (brd_list_empty (&other->follow));
        s_check_task (core, pool, other, BRD_CORE_TASK_FOLLOWING, found);
    }
}

// A task that is neither BLOCKED nor FOLLOWING.
static void
s_check_root (const brd_core_t *core,
              const brd_core_pool_t *pool,
              const brd_core_task_t *task,
              brd_core_task_state_t state,
              s_found_t *found)
{
    s_check_task (core, pool, task, state, found);
    s_check_follow (core, pool, task, found);
    const uint64_t key = task->options ? task->options->key : 0;
    const int holder = (task->flags & BRD_CORE_TASK_HOLDER) != 0;
    brd_assert (holder == (key && brd_map_get (&pool->keys, key) == task));
    if (state != BRD_CORE_TASK_ENDING)
        brd_assert (holder == (key != 0));
}

static long
s_check_roots (const brd_core_t *core,
               const brd_core_pool_t *pool,
               const brd_list_t *head,
               brd_core_task_state_t state,
               s_found_t *found)
{
    long count = 0;
    s_check_list (head);
    for (const brd_list_t *link = head->next; link != head; link = link->next) {
        const brd_core_task_t *task =
            BRD_LIST_ITEM (link, brd_core_task_t, link);
        s_check_root (core, pool, task, state, found);
        count++;
    }
    return count;
}

static void
s_check_ready (const brd_core_t *core,
               const brd_core_pool_t *pool,
               s_found_t *found)
{
    for (int i = 0; i < BRD_CORE_PRIORITIES; i++) {
        const brd_list_t *head = &pool->ready[i];
        brd_assert ((int) (pool->ready_bits >> i & 1)
                    == !brd_list_empty (head));
        found->ready +=
            s_check_roots (core, pool, head, BRD_CORE_TASK_READY, found);
        for (const brd_list_t *link = head->next; link != head;
             link = link->next) {
            const brd_core_task_t *task =
                BRD_LIST_ITEM (link, brd_core_task_t, link);
            brd_assert (task->priority == i && task->pin == 0);
        }
    }
}

static void
s_check_ending (const brd_core_t *core,
                const brd_core_pool_t *pool,
                s_found_t *found)
{
    const brd_list_t *head = &core->ending;
    s_check_list (head);
    for (const brd_list_t *link = head->next; link != head; link = link->next) {
        const brd_core_task_t *task =
            BRD_LIST_ITEM (link, brd_core_task_t, link);
        if (task->pool == pool->number)
            s_check_root (core, pool, task, BRD_CORE_TASK_ENDING, found);
    }
}

// --- Workers ---------------------------------------------------------------

static void
s_check_inflight (const brd_core_t *core,
                  const brd_core_worker_t *worker,
                  s_found_t *found)
{
    uint32_t count = 0, spare = 0, whole = 0, started = 0, reclaiming = 0;
    uint64_t bytes = 0;
    const brd_list_t *head = &worker->tasks;
    s_check_roots (core, worker->pool, head, BRD_CORE_TASK_OFFERED, found);
    for (const brd_list_t *link = head->next; link != head; link = link->next) {
        const brd_core_task_t *task =
            BRD_LIST_ITEM (link, brd_core_task_t, link);
        brd_assert (task->worker == worker->id);
        brd_assert (task->pin == 0 || task->pin - 1 == worker->place->number);
        count++;
        spare += (uint32_t) brd_core_task_spare (task);
        whole += task->whole;
        bytes += task->size_bytes;
        started += (task->flags & BRD_CORE_TASK_STARTED) != 0;
        reclaiming += (task->flags & BRD_CORE_TASK_RECLAIMING) != 0;
    }
    brd_assert (started == worker->started && reclaiming == worker->reclaiming);
    found->reclaiming += worker->width > 0 ? reclaiming : 0;
    brd_assert (count == worker->count && spare == worker->spare);
    brd_assert (whole == worker->whole && bytes == worker->bytes);
    found->inflight += count;
}

static void
s_check_ranks (const brd_core_worker_t *worker, s_found_t *found)
{
    const brd_core_pool_t *pool = worker->pool;
    const int ranked = worker->load.at != BRD_CORE_RANK_NONE;
    // A limit that has grown since is seen when the worker's count changes.
    brd_assert (!ranked || brd_core_worker_is_fed (worker));
    if (ranked && !pool->options.hosts)
        brd_assert (worker->load.at == worker->count);
    else if (ranked)
        brd_assert (worker->load.at < BRD_CORE_INFLIGHT_MAX);
    else if (brd_core_worker_is_fed (worker))
        brd_assert (worker->count > worker->width);
    const uint32_t free = ranked && worker->count < worker->width
                              ? worker->width - worker->count
                              : 0;
    brd_assert (worker->free == free);
    found->idle += free;
    found->width += worker->width;
    found->loads_width += ranked ? worker->width : 0;
    const uint32_t takeable = brd_core_worker_takeable (worker);
    if (worker->state == BRD_CORE_WORKER_IS_UP
        || worker->state == BRD_CORE_WORKER_IS_RETIRING) {
        if (takeable > 0)
            brd_assert (worker->heavy.at != BRD_CORE_RANK_NONE
                        && worker->heavy.at >= brd_core_worker_weight (worker));
        found->takeable += takeable;
    }
    else
        brd_assert (worker->heavy.at == BRD_CORE_RANK_NONE);
}

static void
s_check_worker (const brd_core_t *core,
                const brd_core_worker_t *worker,
                s_found_t *found)
{
    const brd_core_pool_t *pool = worker->pool;
    const int free = worker->state == BRD_CORE_WORKER_IS_FREE;
    brd_assert (brd_core_worker (core, worker->id) == (free ? NULL : worker));
    if (pool->options.hosts)
        brd_assert (worker->width <= BRD_CORE_WIDTH_MAX);
    else
        brd_assert (worker->count <= BRD_CORE_INFLIGHT_MAX
                    && worker->width == 1);
    if (free || worker->state == BRD_CORE_WORKER_IS_STARTING)
        brd_assert (worker->width == !pool->options.hosts);
    if (pool->options.max_tasks != 0)
        brd_assert (worker->offered <= pool->options.max_tasks);
    if (free || worker->state == BRD_CORE_WORKER_IS_STARTING
        || worker->state == BRD_CORE_WORKER_IS_STOPPING)
        brd_assert (worker->count == 0);
    if (worker->state == BRD_CORE_WORKER_IS_RETIRING)
        brd_assert (worker->count > 0 && worker->leaving);
    if (worker->state == BRD_CORE_WORKER_IS_STARTING
        || worker->state == BRD_CORE_WORKER_IS_UP)
        brd_assert (worker->place->current == worker);
    s_check_inflight (core, worker, found);
    s_check_ranks (worker, found);
    found->busy += worker->count > 0;
}

static void
s_check_place (const brd_core_t *core,
               const brd_core_place_t *place,
               s_found_t *found)
{
    const brd_core_pool_t *pool = place->pool;
    uint32_t leaving = 0;
    int alive = 0;
    for (int i = 0; i < BRD_CORE_PLACE_WORKERS; i++) {
        const brd_core_worker_t *worker = &place->workers[i];
        s_check_worker (core, worker, found);
        leaving += worker->leaving;
        alive += worker->state != BRD_CORE_WORKER_IS_FREE;
    }
    brd_assert (leaving == place->leaving);
    brd_assert (!place->current
                || place->current->state != BRD_CORE_WORKER_IS_FREE);
    // A vacant place waits in the list, or for one of its workers to go.
    const int listed = !brd_list_empty (&place->vacant);
    brd_assert (!listed || !place->current);
    if (!place->current && pool->ending == 0 && place->number < pool->target)
        brd_assert (listed || alive == BRD_CORE_PLACE_WORKERS
                    || (pool->options.joined && alive > 0));
    if (pool->options.joined) {
        brd_assert (!listed || alive == 0);
        if (!place->current && pool->ending == 0)
            brd_assert (brd_list_empty (&place->pinned));
    }
    found->pinned +=
        s_check_roots (core, pool, &place->pinned, BRD_CORE_TASK_READY, found);
}

// --- Pools -----------------------------------------------------------------

static void
s_check_counts (const brd_core_pool_t *pool, const s_found_t *found)
{
    brd_assert (pool->count == found->count);
    brd_assert (pool->ready_count == found->ready);
    brd_assert (pool->pinned_count == found->pinned);
    brd_assert (pool->delayed_count == found->delayed);
    brd_assert (pool->inflight == found->inflight);
    brd_assert (pool->reclaiming == found->reclaiming);
    brd_assert (pool->busy_workers == found->busy);
    brd_assert (pool->idle == found->idle);
    brd_assert (pool->loads_width == found->loads_width);
    if (pool->options.hosts)
        brd_assert (pool->width == found->width);
    brd_assert (pool->limit >= 2 && pool->limit <= BRD_CORE_INFLIGHT_MAX);
    if (pool->ended)
        brd_assert (pool->closed && pool->count == 0);
}

// Nothing is left to do at once, so nothing may be waiting that need not.
static void
s_check_promises (const brd_core_pool_t *pool, const s_found_t *found)
{
    const int held = !brd_list_empty (&pool->held);
    const int slack = !brd_list_empty (&pool->slack);
    if (pool->ending != 0) {
        brd_assert (pool->count == 0 && !held && !slack);
        return;
    }
    if (found->idle > 0 && found->ready > 0)
        brd_assert (held);
    if ((long) found->idle > found->reclaiming && found->ready == 0)
        brd_assert (slack || found->takeable == 0);
    if (held)
        brd_assert (found->ready > 0);
    if (pool->closed && pool->count == 0)
        brd_assert (pool->stopped && !pool->busy);
    if (pool->count == 0)
        brd_assert (!pool->busy);
}

static void
s_check_pool (const brd_core_t *core,
              const brd_core_pool_t *pool,
              s_found_t *all)
{
    s_found_t found = { 0 };
    s_check_ready (core, pool, &found);
    found.delayed = s_check_roots (
        core, pool, &pool->delayed, BRD_CORE_TASK_DELAYED, &found);
    for (uint32_t i = 0; i < pool->place_count; i++)
        s_check_place (core, pool->places[i], &found);
    s_check_ending (core, pool, &found);
    s_check_counts (pool, &found);
    if (!brd_core_more (core))
        s_check_promises (pool, &found);
    all->count += found.count;
    all->timers += found.timers;
}

void
brd_core_check (const brd_core_t *self)
{
    s_found_t all = { 0 };
    size_t pools = 0;
    s_check_list (&self->pools);
    for (const brd_list_t *link = self->pools.next; link != &self->pools;
         link = link->next) {
        s_check_pool (self, BRD_LIST_ITEM (link, brd_core_pool_t, link), &all);
        pools++;
    }
    brd_assert (pools == self->pool_count);
    brd_assert (all.count == self->outstanding);
    brd_assert (all.timers == (long) self->timers.count);
    brd_assert (self->outstanding == 0
                || self->timers.room > (size_t) self->outstanding);
    brd_assert (brd_list_empty (&self->held) == (self->held_due == BRD_NEVER));
    brd_assert (brd_list_empty (&self->slack)
                == (self->slack_due == BRD_NEVER));
    for (size_t i = 2; i <= self->timers.count; i++)
        brd_assert (self->timers.items[i / 2]->due
                    <= self->timers.items[i]->due);
}
