// core_task.c - the life of a task
//
// SPDX-License-Identifier: MPL-2.0
//
// The states and their drawing are in core.h. Where a task is linked in each:
//
//     READY      pool->ready by priority, or place->pinned
//     OFFERED    worker->tasks
//     DELAYED    pool->delayed
//     BLOCKED    follow of the one of its key that is not BLOCKED, at the end
//     FOLLOWING  follow of its leader, at the front
//     ENDING     core->ending
//
// So what hangs on a task that ends is ended (FOLLOWING, first) or moves up
// (BLOCKED) without any search. A task of a key that is not BLOCKED is the
// key's HOLDER, in whatever state, until it ends: order is kept over retries.
//
// A task has one timer, for what its state waits for: the queue timeout, the
// next attempt, or, OFFERED, the first of
//
//     queue timeout -> ask it back; if it has started, let it run
//     attempt's end -> probe; when its time is really up, flag -> grace
//     grace, kill   -> the worker dies
//
// In a host that is core_host.c's, as all else that is different there.
//
// Read next: core_worker.c.

#include "brood/brood_pool.h"
#include "core/core_internal.h"

#define S_BIT(state) (1u << BRD_CORE_TASK_##state)
#define S_OVER (S_BIT (ENDING) | S_BIT (ENDED))

// To which states each may move.
static const uint8_t s_allowed[BRD_CORE_TASK_ENDED + 1] = {
    [BRD_CORE_TASK_NEW] = S_BIT (READY) | S_BIT (BLOCKED) | S_BIT (FOLLOWING),
    [BRD_CORE_TASK_READY] = S_BIT (OFFERED) | S_OVER,
    [BRD_CORE_TASK_OFFERED] = S_BIT (READY) | S_BIT (DELAYED) | S_OVER,
    [BRD_CORE_TASK_DELAYED] = S_BIT (READY) | S_OVER,
    [BRD_CORE_TASK_BLOCKED] = S_BIT (READY) | S_OVER,
    [BRD_CORE_TASK_FOLLOWING] = S_OVER,
    [BRD_CORE_TASK_ENDING] = S_BIT (ENDED),
};

static void
s_move (brd_core_task_t *self, brd_core_task_state_t state)
{
    brd_assert (s_allowed[self->state] & (1u << state));
    // It is in no list and has no timer between two states; a question that
    // was open has been answered.
    brd_assert (self->link.next == &self->link);
    brd_assert (self->timer.place == 0);
    brd_assert (!(self->flags & BRD_CORE_TASK_RECLAIMING));
    self->state = (uint8_t) state;
}

static uint64_t
s_key (const brd_core_task_t *self)
{
    return self->options ? self->options->key : 0;
}

static uint64_t
s_once (const brd_core_task_t *self)
{
    return self->options ? self->options->once : 0;
}

static int64_t
s_timeout (const brd_core_task_t *self)
{
    return self->options ? self->options->timeout_ns : 0;
}

// There is room for it: kept for each task from submit to end, so that what
// ends one never fails.
void
brd_core_task_arm (brd_core_t *core, brd_core_task_t *self, int64_t due)
{
    const int rc = brd_heap_set (&core->timers, &self->timer, due);
    brd_assert (rc == 0);
}

static void
s_disarm (brd_core_t *core, brd_core_task_t *self)
{
    if (self->timer.place != 0)
        brd_heap_remove (&core->timers, &self->timer);
}

brd_core_effect_t *
brd_core_task_emit (brd_core_t *core,
                    brd_core_effect_type_t type,
                    brd_core_task_t *self,
                    const brd_core_worker_t *worker)
{
    brd_core_effect_t *effect = brd_core_emit (core, type, self->pool);
    effect->worker = worker->id;
    effect->place = worker->place->number;
    effect->task = self;
    return effect;
}

// --- Waiting ---------------------------------------------------------------

static brd_core_place_t *
s_place (const brd_core_pool_t *pool, const brd_core_task_t *self)
{
    return pool->places[self->pin - 1];
}

// Into READY. first: ahead of all others of its priority, where it was.
static void
s_ready (brd_core_t *core,
         brd_core_pool_t *pool,
         brd_core_task_t *self,
         int first)
{
    s_move (self, BRD_CORE_TASK_READY);
    brd_list_t *head = &pool->ready[self->priority];
    if (self->pin != 0) {
        head = &s_place (pool, self)->pinned;
        pool->pinned_count++;
    }
    else {
        pool->ready_bits |= 1u << self->priority;
        pool->ready_count++;
    }
    if (first)
        brd_list_prepend (head, &self->link);
    else
        brd_list_append (head, &self->link);
    if (self->queue_due != 0 && self->attempt == 1)
        brd_core_task_arm (core, self, self->queue_due);
    if (self->pin != 0) {
        brd_core_place_t *place = s_place (pool, self);
        if (place->current)
            brd_core_dispatch_pinned (core, place->current);
        else
            brd_core_pool_vacate (core, place);
    }
    brd_core_touch (core, pool);
}

// Out of READY, DELAYED, BLOCKED or FOLLOWING, or out of its worker.
static void
s_unlink (brd_core_t *core, brd_core_pool_t *pool, brd_core_task_t *self)
{
    s_disarm (core, self);
    if (self->state == BRD_CORE_TASK_OFFERED) {
        brd_core_worker_drop (brd_core_worker (core, self->worker), self);
        return;
    }
    brd_list_remove (&self->link);
    if (self->state == BRD_CORE_TASK_DELAYED)
        pool->delayed_count--;
    if (self->state != BRD_CORE_TASK_READY)
        return;
    if (self->pin != 0) {
        pool->pinned_count--;
        return;
    }
    pool->ready_count--;
    if (brd_list_empty (&pool->ready[self->priority]))
        pool->ready_bits &= ~(1u << self->priority);
}

// --- The beginning ---------------------------------------------------------

static int
s_refuse (const brd_core_pool_t *pool, const brd_core_task_t *self)
{
    if (!pool)
        return brd_error_set (EINVAL, "there is no pool %u", self->pool);
    if (pool->broken != 0)
        return brd_error_set (pool->broken,
                              pool->broken == ENOEXEC
                                  ? "the pool is broken: its initializer fails"
                                  : "the pool is broken: its workers only die");
    if (pool->closed || pool->ending != 0)
        return brd_error_set (EPIPE, "the pool is closed");
    if (pool->options.hosts ? (self->pin != 0) != self->each : self->each)
        return brd_error_set (
            EINVAL, "only what is for each worker of a host has that place");
    if (brd_core_pool_lacks (pool, self->pin))
        return brd_error_set (EINVAL, "the pool has no place %u", self->pin);
    if (pool->count - pool->inflight >= BROOD_POOL_PENDING_MAX)
        return brd_error_set (ENOSPC, "too many tasks wait in the pool");
    return 0;
}

// A leader whose end is wanted would take the newcomer with it.
static brd_core_task_t *
s_leader (const brd_core_pool_t *pool, const brd_core_task_t *self)
{
    brd_core_task_t *leader = brd_map_get (&pool->onces, s_once (self));
    return leader && !(leader->flags & BRD_CORE_TASK_CANCELLED)
                   && !brd_core_pool_bars (pool, leader)
               ? leader
               : NULL;
}

// All that may fail for want of memory. *ret_leader and *ret_holder: whom it
// has to wait for.
static int
s_prepare (brd_core_t *core,
           brd_core_pool_t *pool,
           brd_core_task_t *self,
           brd_core_task_t **ret_leader,
           brd_core_task_t **ret_holder)
{
    brd_core_task_t *former = NULL;
    if (brd_heap_reserve (&core->timers, (size_t) core->outstanding + 1) < 0)
        return -1;
    if (s_once (self) != 0) {
        *ret_leader = s_leader (pool, self);
        if (*ret_leader)
            return 0;
        former = brd_map_get (&pool->onces, s_once (self));
        if (brd_map_set (&pool->onces, s_once (self), self) < 0)
            return -1;
    }
    if (s_key (self) != 0) {
        *ret_holder = brd_map_get (&pool->keys, s_key (self));
        if (!*ret_holder && brd_map_set (&pool->keys, s_key (self), self) < 0)
            goto error;
    }
    return 0;

error:
    if (former)
        brd_map_set (&pool->onces, s_once (self), former);
    else if (s_once (self) != 0)
        brd_map_remove (&pool->onces, s_once (self));
    return -1;
}

static void
s_clear (brd_core_t *core, brd_core_pool_t *pool, brd_core_task_t *self)
{
    self->state = BRD_CORE_TASK_NEW;
    self->flags = 0;
    self->attempt = 1;
    self->deaths = 0;
    self->worker = 0;
    self->queue_due = 0;
    self->error = 0;
    self->lost = 0;
    self->epoch = pool->epoch;
    self->timer.place = 0;
    self->timer.due = 0;
    if (self->priority >= BRD_CORE_PRIORITIES)
        self->priority = BRD_CORE_PRIORITIES - 1;
    brd_list_init (&self->link);
    brd_list_init (&self->follow);
    core->outstanding++;
    pool->count++;
    pool->busy = 1;
    if (self->options && self->options->queue_timeout_ns > 0)
        self->queue_due =
            brd_core_after (core->now, self->options->queue_timeout_ns);
}

int
brd_core_task_submit (brd_core_t *core, brd_core_task_t *self)
{
    brd_core_pool_t *pool = brd_core_pool (core, self->pool);
    brd_core_task_t *leader = NULL;
    brd_core_task_t *holder = NULL;
    if (s_refuse (pool, self) < 0
        || s_prepare (core, pool, self, &leader, &holder) < 0)
        return -1;
    s_clear (core, pool, self);
    if (!leader && !holder) {
        if (s_key (self) != 0)
            self->flags = BRD_CORE_TASK_HOLDER;
        s_ready (core, pool, self, 0);
        return 0;
    }
    s_move (self, leader ? BRD_CORE_TASK_FOLLOWING : BRD_CORE_TASK_BLOCKED);
    if (leader)
        brd_list_prepend (&leader->follow, &self->link);
    else
        brd_list_append (&holder->follow, &self->link);
    if (self->queue_due != 0)
        brd_core_task_arm (core, self, self->queue_due);
    return 0;
}

void
brd_core_task_offer (brd_core_t *core,
                     brd_core_task_t *self,
                     brd_core_worker_t *worker)
{
    s_unlink (core, worker->pool, self);
    s_move (self, BRD_CORE_TASK_OFFERED);
    self->flags &= BRD_CORE_TASK_HOLDER;
    self->worker = worker->id;
    brd_core_worker_take (worker, self);
    brd_core_task_emit (core, BRD_CORE_DO_OFFER, self, worker);
    int64_t due = BRD_NEVER;
    if (s_timeout (self) > 0)
        due = brd_core_after (core->now,
                              brd_core_worker_is_host (worker)
                                  ? brd_core_host_span (worker->pool, self)
                                  : s_timeout (self));
    if (self->queue_due != 0 && self->attempt == 1 && self->queue_due < due)
        due = self->queue_due;
    if (due != BRD_NEVER)
        brd_core_task_arm (core, self, due);
}

// --- The end ---------------------------------------------------------------

// Out of all books, and told.
static void
s_tell (brd_core_t *core,
        brd_core_pool_t *pool,
        brd_core_task_t *self,
        brd_core_task_t *leader)
{
    // A follower shares all its leader has to tell.
    const brd_core_task_t *of = leader ? leader : self;
    brd_core_effect_t *effect =
        brd_core_emit (core, BRD_CORE_DO_END, pool->number);
    effect->task = self;
    effect->leader = leader;
    effect->outcome.error = of->error;
    effect->outcome.attempt = of->attempt;
    effect->outcome.lost = of->lost == BRD_CORE_LOST_RESULT;
    effect->outcome.maybe = of->lost == BRD_CORE_LOST_MAYBE;
    effect->outcome.worker = of->worker;
    s_move (self, BRD_CORE_TASK_ENDED);
    if (of->error == 0)
        pool->done++;
    else
        pool->failed++;
    core->outstanding--;
    if (--pool->count == 0)
        brd_core_touch (core, pool);
}

// The next of its key becomes the holder, and inherits those who wait.
static void
s_hand_on (brd_core_t *core, brd_core_pool_t *pool, brd_core_task_t *self)
{
    if (brd_list_empty (&self->follow)) {
        brd_map_remove (&pool->keys, s_key (self));
        return;
    }
    brd_core_task_t *next =
        BRD_LIST_ITEM (self->follow.next, brd_core_task_t, link);
    s_unlink (core, pool, next);
    if (!brd_list_empty (&self->follow)) {
        brd_list_t *first = self->follow.next;
        brd_list_t *last = self->follow.prev;
        brd_list_init (&self->follow);
        first->prev = next->follow.prev;
        last->next = &next->follow;
        next->follow.prev->next = first;
        next->follow.prev = last;
    }
    // Takes the place of self there, which needs no memory.
    const int rc = brd_map_set (&pool->keys, s_key (next), next);
    brd_assert (rc == 0);
    next->flags |= BRD_CORE_TASK_HOLDER;
    if (brd_core_pool_bars (pool, next))
        brd_core_task_end (core, next, brd_core_pool_doom (pool));
    else
        s_ready (core, pool, next, 0);
}

static int
s_has_followers (const brd_core_task_t *self)
{
    return !brd_list_empty (&self->follow)
           && BRD_LIST_ITEM (self->follow.next, brd_core_task_t, link)->state
                  == BRD_CORE_TASK_FOLLOWING;
}

static void
s_last (brd_core_t *core, brd_core_pool_t *pool, brd_core_task_t *self)
{
    const int holder = self->flags & BRD_CORE_TASK_HOLDER;
    // The memory is the host's only after this step, so it can still be read.
    s_tell (core, pool, self, NULL);
    if (holder)
        s_hand_on (core, pool, self);
}

void
brd_core_task_end (brd_core_t *core, brd_core_task_t *self, int error)
{
    brd_core_pool_t *pool = brd_core_pool (core, self->pool);
    s_disarm (core, self);
    if (s_once (self) != 0 && brd_map_get (&pool->onces, s_once (self)) == self)
        brd_map_remove (&pool->onces, s_once (self));
    self->error = (uint16_t) error;
    if (error != ECHILD)
        self->lost = 0;
    if (brd_list_empty (&self->follow)
        && brd_core_room (core) > BRD_CORE_EFFECTS_KEPT) {
        s_last (core, pool, self);
        return;
    }
    s_move (self, BRD_CORE_TASK_ENDING);
    brd_list_append (&core->ending, &self->link);
}

void
brd_core_task_finish (brd_core_t *core)
{
    brd_list_t *link;
    while ((link = core->ending.next) != &core->ending) {
        brd_core_task_t *self = BRD_LIST_ITEM (link, brd_core_task_t, link);
        brd_core_pool_t *pool = brd_core_pool (core, self->pool);
        while (s_has_followers (self) && brd_core_room (core) > 0) {
            brd_core_task_t *follower =
                BRD_LIST_ITEM (self->follow.next, brd_core_task_t, link);
            s_unlink (core, pool, follower);
            s_tell (core, pool, follower, self);
        }
        if (brd_core_room (core) == 0)
            return;
        brd_list_remove (link);
        s_last (core, pool, self);
    }
}

// Out of wherever it is.
static void
s_cut (brd_core_t *core, brd_core_task_t *self, int error)
{
    brd_core_pool_t *pool = brd_core_pool (core, self->pool);
    s_unlink (core, pool, self);
    brd_core_task_end (core, self, error);
    // It may have been the last one held back.
    brd_core_touch (core, pool);
}

void
brd_core_task_doom (brd_core_t *core, brd_core_task_t *self)
{
    brd_core_pool_t *pool = brd_core_pool (core, self->pool);
    s_cut (core, self, brd_core_pool_doom (pool));
}

void
brd_core_task_doom_blocked (brd_core_t *core, brd_core_task_t *self)
{
    const brd_core_pool_t *pool = brd_core_pool (core, self->pool);
    brd_list_t *link = self->follow.next;
    while (link != &self->follow) {
        brd_core_task_t *other = BRD_LIST_ITEM (link, brd_core_task_t, link);
        link = link->next;
        if (other->state == BRD_CORE_TASK_BLOCKED
            && brd_core_pool_dooms (pool, other))
            brd_core_task_doom (core, other);
    }
}

// --- An attempt is over ----------------------------------------------------

static void
s_retry (brd_core_t *core, brd_core_pool_t *pool, brd_core_task_t *self)
{
    int64_t delay = self->options->retry_delay_ns;
    for (int i = 1; i < self->attempt && delay > 0 && delay <= BRD_NEVER / 2;
         i++)
        delay *= 2;
    self->attempt++;
    pool->retried++;
    self->lost = 0;
    self->flags &= BRD_CORE_TASK_HOLDER;
    if (delay <= 0) {
        s_ready (core, pool, self, 0);
        return;
    }
    s_move (self, BRD_CORE_TASK_DELAYED);
    brd_list_append (&pool->delayed, &self->link);
    pool->delayed_count++;
    brd_core_task_arm (core, self, brd_core_after (core->now, delay));
}

void
brd_core_task_failed (brd_core_t *core,
                      brd_core_task_t *self,
                      int error,
                      int death)
{
    brd_core_pool_t *pool = brd_core_pool (core, self->pool);
    const brd_core_task_options_t *options = self->options;
    s_disarm (core, self);
    if (brd_core_pool_dooms (pool, self))
        brd_core_task_end (core, self, brd_core_pool_doom (pool));
    else if (self->flags & BRD_CORE_TASK_CANCELLED)
        brd_core_task_end (core, self, ECANCELED);
    else if (self->deaths >= BRD_CORE_POISON_DEATHS)
        brd_core_task_end (core, self, ELOOP);
    else if (brd_core_pool_lacks (pool, self->pin))
        brd_core_task_end (core, self, error);
    else if (options && self->attempt <= options->retries
             && self->attempt < UINT16_MAX && (death || !options->only_deaths))
        s_retry (core, pool, self);
    else
        brd_core_task_end (core, self, error);
}

void
brd_core_task_done (brd_core_t *core,
                    brd_core_task_t *self,
                    const brd_core_event_t *event)
{
    brd_core_worker_t *worker = brd_core_worker (core, self->worker);
    brd_core_pool_t *pool = worker->pool;
    brd_core_worker_drop (worker, self);
    worker->moved = core->now;
    pool->death_count = 0;
    pool->death_up = 0;
    if (brd_core_worker_is_host (worker))
        pool->start_delay = 0;
    if (!self->whole && event->time_ns > 0)
        brd_core_dispatch_measure (pool, event->time_ns);
    // However it ended: it was told that it is too late.
    const int late = self->flags & BRD_CORE_TASK_TIMED_OUT;
    if (late)
        brd_core_task_failed (core, self, ETIMEDOUT, 1);
    else if (event->error == 0)
        brd_core_task_end (core, self, 0);
    else if (brd_core_worker_is_host (worker))
        brd_core_host_done (core, self, event);
    else
        brd_core_task_failed (core, self, event->error, 0);
    if (worker->count <= brd_core_worker_low (worker))
        pool->refill = 1;
    brd_core_worker_freed (core, worker);
}

void
brd_core_task_died (brd_core_t *core,
                    brd_core_task_t *self,
                    int running,
                    int asked)
{
    const int late = self->flags & BRD_CORE_TASK_TIMED_OUT;
    if (running && !asked)
        self->deaths++;
    self->lost = running ? 0 : BRD_CORE_LOST_RESULT;
    brd_core_task_failed (core, self, late ? ETIMEDOUT : ECHILD, 1);
}

void
brd_core_task_vanished (brd_core_t *core, brd_core_task_t *self)
{
    const int late = self->flags & BRD_CORE_TASK_TIMED_OUT;
    self->lost = BRD_CORE_LOST_MAYBE;
    brd_core_task_failed (core, self, late ? ETIMEDOUT : ECHILD, 1);
}

// --- Its end is wanted -----------------------------------------------------

void
brd_core_task_cancel (brd_core_t *core, brd_core_task_t *self)
{
    if (self->state == BRD_CORE_TASK_NEW || self->state >= BRD_CORE_TASK_ENDING
        || (self->flags & BRD_CORE_TASK_CANCELLED))
        return;
    if (self->state != BRD_CORE_TASK_OFFERED) {
        s_cut (core, self, ECANCELED);
        return;
    }
    brd_core_worker_t *worker = brd_core_worker (core, self->worker);
    self->flags |= BRD_CORE_TASK_CANCELLED;
    if (brd_core_worker_is_host (worker))
        brd_core_task_emit (core, BRD_CORE_DO_FLAG, self, worker);
    else if (self->flags & BRD_CORE_TASK_STARTED)
        brd_core_task_emit (core, BRD_CORE_DO_FLAG, self, worker);
    else if (!(self->flags & BRD_CORE_TASK_RECLAIMING))
        brd_core_worker_reclaim (core, worker, self);
}

void
brd_core_task_kill (brd_core_t *core, brd_core_task_t *self, int64_t grace_ns)
{
    if (self->state != BRD_CORE_TASK_OFFERED) {
        brd_core_task_cancel (core, self);
        return;
    }
    const brd_core_worker_t *worker = brd_core_worker (core, self->worker);
    if (grace_ns < 0)
        grace_ns = 0;
    int64_t due = brd_core_after (core->now, grace_ns);
    if (brd_core_worker_is_host (worker))
        due = brd_core_after (due, worker->pool->options.guard_ns);
    // It waits for no worker any more, so the field is free for this. What its
    // attempt still waits for may come sooner.
    if (!(self->flags & BRD_CORE_TASK_KILL) || due < self->queue_due)
        self->queue_due = due;
    self->flags |= BRD_CORE_TASK_KILL;
    if (self->timer.place == 0 || due < self->timer.due)
        brd_core_task_arm (core, self, due);
    if (brd_core_worker_is_host (worker))
        brd_core_host_kill (core, self, grace_ns);
    else
        brd_core_task_cancel (core, self);
}

// --- Answers ---------------------------------------------------------------

void
brd_core_task_reclaimed (brd_core_t *core, brd_core_task_t *self)
{
    brd_core_worker_t *worker = brd_core_worker (core, self->worker);
    brd_core_pool_t *pool = worker->pool;
    s_disarm (core, self);
    brd_core_worker_drop (worker, self);
    worker->offered--;
    self->worker = 0;
    if (brd_core_pool_bars (pool, self))
        brd_core_task_end (core, self, brd_core_pool_doom (pool));
    else if (self->flags & BRD_CORE_TASK_CANCELLED)
        brd_core_task_end (core, self, ECANCELED);
    else if (self->flags & BRD_CORE_TASK_EXPIRED)
        brd_core_task_end (core, self, ETIMEDOUT);
    else {
        self->flags &= BRD_CORE_TASK_HOLDER;
        s_ready (core, pool, self, 1);
    }
    // Those still asked back belong to the same share.
    pool->defer = pool->reclaiming > 0;
    brd_core_worker_freed (core, worker);
}

void
brd_core_task_kept (brd_core_t *core, brd_core_task_t *self)
{
    brd_core_worker_t *worker = brd_core_worker (core, self->worker);
    brd_core_worker_mark (worker, self, BRD_CORE_TASK_STARTED);
    if (self->flags & BRD_CORE_TASK_RECLAIMING)
        brd_core_worker_answered (worker, self);
    if (brd_core_worker_is_host (worker)) {
        brd_core_host_kept (core, self);
        return;
    }
    if (self->flags & BRD_CORE_TASK_CANCELLED)
        brd_core_task_emit (core, BRD_CORE_DO_FLAG, self, worker);
    // What was due had to wait for the answer.
    if (self->timer.place == 0 && (self->flags & BRD_CORE_TASK_TIMED_OUT))
        brd_core_task_arm (core, self, self->timer.due);
    else if (self->timer.place == 0) {
        if (self->flags & BRD_CORE_TASK_KILL)
            brd_core_task_arm (core, self, self->queue_due);
        if (s_timeout (self) > 0)
            brd_core_task_emit (core, BRD_CORE_DO_PROBE, self, worker);
    }
    brd_core_touch (core, worker->pool);
}

void
brd_core_task_arm_attempt (brd_core_t *core, brd_core_task_t *self, int64_t due)
{
    const int other = (self->flags & BRD_CORE_TASK_KILL)
                      || (self->queue_due > core->now && self->attempt == 1
                          && !(self->flags & BRD_CORE_TASK_STARTED));
    brd_core_task_arm (
        core, self, other && self->queue_due < due ? self->queue_due : due);
}

static void
s_time_out (brd_core_t *core, brd_core_task_t *self, brd_core_worker_t *worker)
{
    const int64_t grace = self->options->grace_ns;
    self->flags |= BRD_CORE_TASK_TIMED_OUT;
    brd_core_task_emit (core, BRD_CORE_DO_FLAG, self, worker);
    brd_core_task_arm_attempt (
        core,
        self,
        brd_core_after (core->now, grace > 0 ? grace : BRD_CORE_GRACE_NS));
}

void
brd_core_task_probed (brd_core_t *core, brd_core_task_t *self, int64_t start)
{
    brd_core_worker_t *worker = brd_core_worker (core, self->worker);
    if (s_timeout (self) <= 0 || (self->flags & BRD_CORE_TASK_TIMED_OUT))
        return;
    if (brd_core_worker_is_host (worker)) {
        brd_core_host_probed (core, self, start);
        return;
    }
    if (start <= 0) {
        brd_core_task_arm_attempt (
            core, self, brd_core_after (core->now, s_timeout (self)));
        return;
    }
    brd_core_worker_mark (worker, self, BRD_CORE_TASK_STARTED);
    const int64_t due = brd_core_after (start, s_timeout (self));
    if (due <= core->now)
        s_time_out (core, self, worker);
    else
        brd_core_task_arm_attempt (core, self, due);
}

// --- Time passes -----------------------------------------------------------

int
brd_core_task_expire (brd_core_t *core, brd_core_task_t *self)
{
    if (self->queue_due == 0 || self->queue_due > core->now
        || self->attempt != 1
        || (self->flags
            & (BRD_CORE_TASK_STARTED | BRD_CORE_TASK_EXPIRED
               | BRD_CORE_TASK_CANCELLED)))
        return 0;
    const int asked = self->flags & BRD_CORE_TASK_RECLAIMING;
    self->flags |= BRD_CORE_TASK_EXPIRED;
    if (!asked)
        brd_core_worker_reclaim (
            core, brd_core_worker (core, self->worker), self);
    return 1;
}

static void
s_due_offered (brd_core_t *core, brd_core_task_t *self)
{
    brd_core_worker_t *worker = brd_core_worker (core, self->worker);
    const unsigned flags = self->flags;
    const int over = self->queue_due <= core->now;
    if ((flags & BRD_CORE_TASK_TIMED_OUT)
        || ((flags & BRD_CORE_TASK_KILL) && over)) {
        if (!(flags & BRD_CORE_TASK_RECLAIMING)
            || (flags & BRD_CORE_TASK_STARTED))
            brd_core_worker_kill (core, worker, self);
        return;
    }
    if (brd_core_task_expire (core, self))
        return;
    if (s_timeout (self) > 0 && !(flags & BRD_CORE_TASK_RECLAIMING))
        brd_core_task_emit (core, BRD_CORE_DO_PROBE, self, worker);
}

void
brd_core_task_due (brd_core_t *core, brd_core_task_t *self)
{
    brd_core_pool_t *pool = brd_core_pool (core, self->pool);
    if (self->state == BRD_CORE_TASK_OFFERED) {
        if (pool->options.hosts)
            brd_core_host_due (core, self);
        else
            s_due_offered (core, self);
        return;
    }
    if (self->state == BRD_CORE_TASK_DELAYED) {
        if (brd_core_pool_bars (pool, self)) {
            brd_core_task_doom (core, self);
            return;
        }
        s_unlink (core, pool, self);
        s_ready (core, pool, self, 0);
        return;
    }
    // It waits for a worker as long as its leader does; an offer may be taken
    // back, so that is looked at again.
    if (self->state == BRD_CORE_TASK_FOLLOWING) {
        const brd_core_task_t *leader =
            brd_map_get (&pool->onces, s_once (self));
        if (!leader || leader->attempt > 1
            || (leader->flags & BRD_CORE_TASK_STARTED))
            return;
        if (leader->state == BRD_CORE_TASK_OFFERED) {
            brd_core_task_arm (
                core,
                self,
                brd_core_after (core->now, self->options->queue_timeout_ns));
            return;
        }
    }
    s_cut (core, self, ETIMEDOUT);
}
