// core_dispatch.c - which worker gets which task, and who gives some back
//
// SPDX-License-Identifier: MPL-2.0
//
// The least loaded worker gets the next tasks; the question is when.
//
//     idle              at once
//     at half or less   when it has just come down to it; when there are
//                       BRD_CORE_HOLD_MAX ready; at FLUSH; after
//                       BRD_CORE_HOLD_NS at the latest
//     more than half    only BRD_CORE_HOLD_MAX at a time, up to its limit
//
// The limit is what the worker will do in BRD_CORE_TARGET_NS. Where tasks take
// longer than that, it is 2 and its half 1: a worker that has one to run gets
// one in advance and no message is saved, for none is worth saving.
//
// A guess in advance can be wrong: one long task may stand before many. So as
// soon as a worker has nothing to do, half of what the most loaded one has in
// advance is asked back, until there is something for each idle worker.
//
// A host (core_host.c) is a worker with many slots: idle is one that has a free
// slot, its limit counts for each slot and grows with the way to it, and shares
// are in proportion to slots.
//
// Finding the least and the most loaded is a matter of a few bits (ranks). The
// second ranking, of those that could give back, is put right downwards only
// when it is looked at: then a task that is done costs nothing there.
//
// Read next: core_pool.c.

#include "core/core_internal.h"

// --- Ranks -----------------------------------------------------------------

void
brd_core_ranks_init (brd_core_ranks_t *self)
{
    *self = (brd_core_ranks_t){ .count = 0 };
    for (int i = 0; i < BRD_CORE_RANKS; i++)
        brd_list_init (&self->lists[i]);
}

void
brd_core_ranks_put (brd_core_ranks_t *self, brd_core_rank_t *rank, uint32_t at)
{
    const uint32_t from = rank->at;
    rank->at = at;
    if (from != BRD_CORE_RANK_NONE) {
        brd_list_remove (&rank->link);
        if (brd_list_empty (&self->lists[from]))
            self->bits[from / 64] &= ~(UINT64_C (1) << from % 64);
        self->count--;
    }
    if (at != BRD_CORE_RANK_NONE) {
        // Of the idle ones the last one in is the first one out: its caches
        // are warm. Of the others, the one that has been at it for longest.
        if (at == 0)
            brd_list_prepend (&self->lists[at], &rank->link);
        else
            brd_list_append (&self->lists[at], &rank->link);
        self->bits[at / 64] |= UINT64_C (1) << at % 64;
        self->count++;
    }
}

static brd_core_rank_t *
s_first (const brd_core_ranks_t *self, int at)
{
    return BRD_LIST_ITEM (self->lists[at].next, brd_core_rank_t, link);
}

brd_core_rank_t *
brd_core_ranks_lowest (const brd_core_ranks_t *self)
{
    for (int i = 0; i <= BRD_CORE_RANKS / 64; i++)
        if (self->bits[i] != 0)
            return s_first (self, 64 * i + __builtin_ctzll (self->bits[i]));
    return NULL;
}

brd_core_rank_t *
brd_core_ranks_highest (const brd_core_ranks_t *self)
{
    for (int i = BRD_CORE_RANKS / 64; i >= 0; i--)
        if (self->bits[i] != 0)
            return s_first (self,
                            64 * i + 63 - __builtin_clzll (self->bits[i]));
    return NULL;
}

// --- Measure ---------------------------------------------------------------

void
brd_core_dispatch_measure (brd_core_pool_t *pool, int64_t time_ns)
{
    if (pool->average == 0)
        pool->average = time_ns;
    else
        pool->average += (time_ns - pool->average) / 8;
    if (pool->average <= 0)
        pool->average = 1;
    const int64_t limit = BRD_CORE_TARGET_NS / pool->average;
    pool->limit = limit < 2                       ? 2
                  : limit > BRD_CORE_INFLIGHT_MAX ? BRD_CORE_INFLIGHT_MAX
                                                  : (uint32_t) limit;
}

// --- Holding back ----------------------------------------------------------

static void
s_hold (brd_core_t *core, brd_core_pool_t *pool)
{
    if (!brd_list_empty (&pool->held))
        return;
    if (brd_list_empty (&core->held))
        core->held_due = brd_core_after (core->now, BRD_CORE_HOLD_NS);
    brd_list_append (&core->held, &pool->held);
}

void
brd_core_dispatch_release (brd_core_t *core, brd_core_pool_t *pool)
{
    if (brd_list_empty (&pool->held))
        return;
    brd_list_remove (&pool->held);
    if (brd_list_empty (&core->held))
        core->held_due = BRD_NEVER;
}

void
brd_core_dispatch_flush (brd_core_t *core)
{
    for (brd_list_t *link = core->held.next; link != &core->held;
         link = link->next) {
        brd_core_pool_t *pool = BRD_LIST_ITEM (link, brd_core_pool_t, held);
        pool->flush = 1;
        brd_core_touch (core, pool);
    }
}

// --- Feeding ---------------------------------------------------------------

void
brd_core_dispatch_weigh (brd_core_worker_t *worker)
{
    const uint32_t weight = brd_core_worker_weight (worker);
    if (weight > 0
        && (worker->heavy.at == BRD_CORE_RANK_NONE
            || weight > worker->heavy.at))
        brd_core_ranks_put (&worker->pool->heavies, &worker->heavy, weight);
}

static int
s_is_worn (const brd_core_worker_t *worker)
{
    const uint32_t max = worker->pool->options.max_tasks;
    return max != 0 && worker->offered >= max;
}

// The worker has got its share of tasks; before says how many it had.
static void
s_given (brd_core_t *core, brd_core_worker_t *worker, uint32_t before)
{
    if (worker->count == before)
        return;
    if (before == 0)
        worker->moved = core->now;
    brd_core_dispatch_weigh (worker);
    if (s_is_worn (worker))
        brd_core_worker_retire (core, worker, 0);
    else
        brd_core_worker_rank (worker);
}

void
brd_core_dispatch_pinned (brd_core_t *core, brd_core_worker_t *worker)
{
    brd_list_t *pinned = &worker->place->pinned;
    if (brd_list_empty (pinned) || !brd_core_worker_is_fed (worker))
        return;
    const uint32_t before = worker->count;
    while (!brd_list_empty (pinned) && !brd_core_worker_is_full (worker)
           && !s_is_worn (worker)) {
        if (brd_core_room (core) <= BRD_CORE_EFFECTS_KEPT) {
            worker->pool->pinned_left = 1;
            brd_core_touch (core, worker->pool);
            break;
        }
        brd_core_task_offer (
            core, BRD_LIST_ITEM (pinned->next, brd_core_task_t, link), worker);
    }
    s_given (core, worker, before);
}

static brd_core_task_t *
s_next (const brd_core_pool_t *pool)
{
    const int priority = 31 - __builtin_clz (pool->ready_bits);
    return BRD_LIST_ITEM (pool->ready[priority].next, brd_core_task_t, link);
}

// An even share of what is ready, in pieces that still can be evened out.
static uint32_t
s_share (const brd_core_pool_t *pool, const brd_core_worker_t *worker)
{
    if (pool->ready_count == 1)
        return 1;
    if (brd_core_worker_is_host (worker)) {
        const uint64_t all = pool->loads_width;
        const uint64_t even =
            ((uint64_t) pool->ready_count * worker->width + all - 1) / all;
        // All that are free first.
        const uint32_t most =
            worker->free > 0 ? worker->free : BRD_CORE_HOLD_MAX;
        return even > most ? most : (uint32_t) even;
    }
    const long workers = (long) pool->loads.count;
    const long share = (pool->ready_count + workers - 1) / workers;
    return share > BRD_CORE_HOLD_MAX ? BRD_CORE_HOLD_MAX : (uint32_t) share;
}

static void
s_give (brd_core_t *core, brd_core_pool_t *pool, brd_core_worker_t *worker)
{
    const uint32_t before = worker->count;
    for (uint32_t n = s_share (pool, worker);
         n > 0 && pool->ready_count > 0 && brd_core_room (core) > 0
         && !brd_core_worker_is_full (worker) && !s_is_worn (worker);
         n--)
        brd_core_task_offer (core, s_next (pool), worker);
    s_given (core, worker, before);
}

// It has enough to do, and a message would bring little.
static int
s_is_sated (const brd_core_pool_t *pool, const brd_core_worker_t *worker)
{
    if (worker->count <= brd_core_worker_low (worker))
        return 0;
    const uint32_t limit = brd_core_worker_limit (worker);
    const long room =
        worker->count < limit ? (long) (limit - worker->count) : 0;
    const long piece = room < pool->ready_count ? room : pool->ready_count;
    return piece < BRD_CORE_HOLD_MAX;
}

int
brd_core_dispatch_feed (brd_core_t *core, brd_core_pool_t *pool)
{
    const int defer = pool->defer && !pool->flush;
    int go =
        pool->flush || pool->refill || pool->ready_count >= BRD_CORE_HOLD_MAX;
    pool->defer = 0;
    while (pool->ready_count > 0) {
        const brd_core_rank_t *rank = brd_core_ranks_lowest (&pool->loads);
        if (!rank)
            break;
        brd_core_worker_t *worker =
            BRD_LIST_ITEM (rank, brd_core_worker_t, load);
        if (worker->count >= worker->width && s_is_sated (pool, worker))
            break;
        if (defer || (worker->count >= worker->width && !go)) {
            s_hold (core, pool);
            return 1;
        }
        if (brd_core_room (core) == 0)
            return 0;
        // A message is due anyway: let it carry all there is.
        go = 1;
        s_give (core, pool, worker);
    }
    pool->flush = pool->refill = 0;
    brd_core_dispatch_release (core, pool);
    return 1;
}

// --- Taking back -----------------------------------------------------------

static void
s_slacken (brd_core_t *core, brd_core_pool_t *pool, int64_t due)
{
    if (brd_list_empty (&pool->slack))
        brd_list_append (&core->slack, &pool->slack);
    if (due < core->slack_due)
        core->slack_due = due;
}

void
brd_core_dispatch_relax (brd_core_t *core, brd_core_pool_t *pool)
{
    if (brd_list_empty (&pool->slack))
        return;
    brd_list_remove (&pool->slack);
    if (brd_list_empty (&core->slack))
        core->slack_due = BRD_NEVER;
}

void
brd_core_dispatch_tick (brd_core_t *core)
{
    if (core->held_due <= core->now)
        brd_core_dispatch_flush (core);
    if (core->slack_due > core->now)
        return;
    core->slack_due = BRD_NEVER;
    brd_list_t *link;
    while ((link = brd_list_pop (&core->slack)))
        brd_core_touch (core, BRD_LIST_ITEM (link, brd_core_pool_t, slack));
}

static brd_core_worker_t *
s_heaviest (brd_core_pool_t *pool)
{
    brd_core_rank_t *rank;
    while ((rank = brd_core_ranks_highest (&pool->heavies))) {
        brd_core_worker_t *worker =
            BRD_LIST_ITEM (rank, brd_core_worker_t, heavy);
        const uint32_t weight = brd_core_worker_weight (worker);
        if (weight == rank->at)
            return worker;
        brd_core_ranks_put (
            &pool->heavies, rank, weight > 0 ? weight : BRD_CORE_RANK_NONE);
    }
    return NULL;
}

// When it will be a sign of trouble that it still has them.
static int64_t
s_patience (const brd_core_pool_t *pool, const brd_core_worker_t *worker)
{
    const int64_t work =
        pool->average * (int64_t) brd_core_worker_takeable (worker);
    const int64_t worth =
        (BRD_CORE_TAKE_BACK_NS + worker->rtt) * (int64_t) worker->width;
    return pool->average > 0 && work < worth
               ? worker->moved + BRD_CORE_TARGET_NS + worker->rtt
               : 0;
}

// What the free slots can use, where there may be far more.
static uint32_t
s_wanted (const brd_core_pool_t *pool)
{
    if (!pool->options.hosts)
        return BRD_CORE_INFLIGHT_MAX;
    const uint64_t free = pool->idle - (uint64_t) pool->reclaiming;
    return free < BRD_CORE_INFLIGHT_MAX / pool->limit
               ? (uint32_t) free * pool->limit
               : BRD_CORE_INFLIGHT_MAX;
}

static void
s_take_half (brd_core_t *core, brd_core_worker_t *worker)
{
    const uint32_t wanted = s_wanted (worker->pool);
    uint32_t n = (brd_core_worker_takeable (worker) + 1) / 2;
    if (n > wanted)
        n = wanted;
    brd_list_t *link = worker->tasks.prev;
    while (n > 0) {
        brd_core_task_t *task = BRD_LIST_ITEM (link, brd_core_task_t, link);
        link = link->prev;
        if (!brd_core_task_spare (task))
            continue;
        brd_core_worker_reclaim (core, worker, task);
        n--;
    }
}

int
brd_core_dispatch_take_back (brd_core_t *core, brd_core_pool_t *pool)
{
    while (pool->ready_count == 0 && (long) pool->idle > pool->reclaiming) {
        brd_core_worker_t *worker = s_heaviest (pool);
        if (!worker)
            break;
        const int64_t due = s_patience (pool, worker);
        if (due > core->now) {
            s_slacken (core, pool, due);
            return 1;
        }
        if (brd_core_room (core) < BRD_CORE_INFLIGHT_MAX)
            return 0;
        s_take_half (core, worker);
    }
    brd_core_dispatch_relax (core, pool);
    return 1;
}
