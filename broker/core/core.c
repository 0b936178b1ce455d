// core.c - the state machine's one door
//
// SPDX-License-Identifier: MPL-2.0
//
// A step is three things in this order:
//
//     1. the event: one switch, one line per event
//     2. timers that are due: TICK is an event that has nothing but this
//     3. what the first two, or an earlier step, have left to do: tasks whose
//        end is not told yet, pools whose tasks can go to workers now
//
// 2 and 3 stop when the effects are full, and brd_core_more () says so. An
// event that fails (ENOMEM) does so before it has changed anything; 2 and 3
// cannot fail, because what they need was set aside when it was asked for:
// room for a task's timer when it was submitted, workers with the pool.
//
// Read next: core_task.c.

#include "core/core.h"

#include "core/core_internal.h"

brd_core_t *
brd_core_new (void)
{
    brd_core_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    self->workers = brd_mem_array (1, sizeof *self->workers);
    if (!self->workers) {
        brd_mem_free (self);
        return NULL;
    }
    brd_list_init (&self->pools);
    brd_list_init (&self->ending);
    brd_list_init (&self->dirty);
    brd_list_init (&self->held);
    brd_list_init (&self->slack);
    brd_map_init (&self->numbers);
    brd_heap_init (&self->timers);
    brd_heap_init (&self->starts);
    self->held_due = self->slack_due = BRD_NEVER;
    return self;
}

void
brd_core_destroy (brd_core_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    brd_core_t *self = *self_p;
    while (!brd_list_empty (&self->pools))
        brd_core_pool_free (
            self, BRD_LIST_ITEM (self->pools.next, brd_core_pool_t, link));
    brd_heap_fini (&self->starts);
    // Tasks not ended are left alone: their owner may have freed them.
    self->timers.count = 0;
    brd_heap_fini (&self->timers);
    brd_map_fini (&self->numbers);
    brd_mem_free (self->workers);
    brd_mem_free (self);
    *self_p = NULL;
}

brd_core_pool_t *
brd_core_pool_look (brd_core_t *self, uint32_t number)
{
    brd_core_pool_t *pool = brd_map_get (&self->numbers, (uint64_t) number + 1);
    if (pool)
        self->recent = pool;
    return pool;
}

// --- Events ----------------------------------------------------------------

// Events about a pool that exists.
static int
s_pool_event (brd_core_t *self,
              brd_core_pool_t *pool,
              const brd_core_event_t *event)
{
    switch (event->type) {
    case BRD_CORE_POOL_CLOSE:
        brd_core_pool_close (self, pool);
        return 0;
    case BRD_CORE_POOL_TERMINATE:
        brd_core_pool_terminate (self, pool);
        return 0;
    case BRD_CORE_POOL_CANCEL:
        brd_core_pool_cancel (self, pool);
        return 0;
    case BRD_CORE_POOL_RESIZE:
        return brd_core_pool_resize (self, pool, event->count);
    case BRD_CORE_WORKER_JOIN:
        return brd_core_host_join (self, pool);
    default:
        return brd_core_pool_forget (self, pool);
    }
}

// Events about a worker that exists.
static void
s_worker_event (brd_core_t *self,
                brd_core_worker_t *worker,
                const brd_core_event_t *event)
{
    switch (event->type) {
    case BRD_CORE_WORKER_UP:
        brd_core_worker_up (self, worker, event->count);
        return;
    case BRD_CORE_WORKER_DOWN:
        brd_core_worker_down (self, worker);
        return;
    case BRD_CORE_WORKER_BAD:
        brd_core_pool_break (self, worker->pool, ENOEXEC);
        return;
    case BRD_CORE_WORKER_RETIRE:
        if (worker->state == BRD_CORE_WORKER_IS_UP)
            brd_core_worker_retire (self, worker, 1);
        return;
    case BRD_CORE_WORKER_ENDING:
        brd_core_worker_ending (self, worker);
        return;
    case BRD_CORE_WORKER_WIDTH:
        brd_core_host_width (self, worker, event->count);
        return;
    case BRD_CORE_WORKER_RTT:
        brd_core_host_rtt (self, worker, event->time_ns);
        return;
    default:
        brd_core_worker_lost (self, worker, event->task);
    }
}

// Events from the worker that has the task. If the host names the worker, an
// answer of one that had it before is passed over.
static void
s_task_event (brd_core_t *self, const brd_core_event_t *event)
{
    brd_core_task_t *task = event->task;
    if (task->state != BRD_CORE_TASK_OFFERED
        || (event->worker != 0 && event->worker != task->worker))
        return;
    switch (event->type) {
    case BRD_CORE_DONE:
        brd_core_task_done (self, task, event);
        return;
    case BRD_CORE_RECLAIMED:
        brd_core_task_reclaimed (self, task);
        return;
    case BRD_CORE_KEPT:
        brd_core_task_kept (self, task);
        return;
    default:
        brd_core_task_probed (self, task, event->time_ns);
    }
}

static int
s_event (brd_core_t *self, const brd_core_event_t *event)
{
    brd_core_pool_t *pool;
    brd_core_worker_t *worker;
    switch (event->type) {
    case BRD_CORE_SUBMIT:
        return brd_core_task_submit (self, event->task);
    case BRD_CORE_DONE:
    case BRD_CORE_RECLAIMED:
    case BRD_CORE_KEPT:
    case BRD_CORE_PROBED:
        s_task_event (self, event);
        return 0;
    case BRD_CORE_FLUSH:
        brd_core_dispatch_flush (self);
        return 0;
    case BRD_CORE_TICK:
        return 0;
    case BRD_CORE_CANCEL:
        brd_core_task_cancel (self, event->task);
        return 0;
    case BRD_CORE_KILL:
        brd_core_task_kill (self, event->task, event->time_ns);
        return 0;
    case BRD_CORE_WORKER_JOIN:
        pool = brd_core_pool (self, event->pool);
        return pool ? s_pool_event (self, pool, event)
                    : brd_error_set (EPIPE, "there is no pool %u", event->pool);
    case BRD_CORE_WORKER_UP:
    case BRD_CORE_WORKER_WIDTH:
    case BRD_CORE_WORKER_RTT:
    case BRD_CORE_WORKER_DOWN:
    case BRD_CORE_WORKER_BAD:
    case BRD_CORE_WORKER_RETIRE:
    case BRD_CORE_WORKER_ENDING:
    case BRD_CORE_WORKER_LOST:
        worker = brd_core_worker (self, event->worker);
        if (worker)
            s_worker_event (self, worker, event);
        return 0;
    case BRD_CORE_POOL_OPEN:
        return brd_core_pool_open (self, event);
    case BRD_CORE_POOL_CLOSE:
    case BRD_CORE_POOL_TERMINATE:
    case BRD_CORE_POOL_CANCEL:
    case BRD_CORE_POOL_RESIZE:
    case BRD_CORE_POOL_FORGET:
        pool = brd_core_pool (self, event->pool);
        return pool ? s_pool_event (self, pool, event) : 0;
    }
    return brd_error_set (EINVAL, "event %d is not known", (int) event->type);
}

// --- Time ------------------------------------------------------------------

static int
s_due (const brd_core_t *self, const brd_heap_t *heap)
{
    const brd_timer_t *first = brd_heap_first (heap);
    return first && first->due <= self->now;
}

static void
s_fire (brd_core_t *self)
{
    while (s_due (self, &self->timers)
           && brd_core_room (self) >= BRD_CORE_EVENT_EFFECTS) {
        brd_timer_t *timer = brd_heap_first (&self->timers);
        brd_heap_remove (&self->timers, timer);
        brd_core_task_due (self, BRD_LIST_ITEM (timer, brd_core_task_t, timer));
    }
    while (s_due (self, &self->starts)) {
        brd_timer_t *timer = brd_heap_first (&self->starts);
        brd_heap_remove (&self->starts, timer);
        brd_core_touch (self,
                        BRD_LIST_ITEM (timer, brd_core_pool_t, start_timer));
    }
    brd_core_dispatch_tick (self);
}

// A pool that could not do all for lack of room goes to the end, so that none
// starves the others.
static void
s_settle (brd_core_t *self)
{
    for (;;) {
        if (!brd_list_empty (&self->ending))
            brd_core_task_finish (self);
        brd_list_t *link = brd_list_pop (&self->dirty);
        if (!link)
            return;
        brd_core_pool_t *pool = BRD_LIST_ITEM (link, brd_core_pool_t, dirty);
        if (!brd_core_pool_settle (self, pool)) {
            brd_core_touch (self, pool);
            return;
        }
    }
}

// --- The machine -----------------------------------------------------------

int
brd_core_step (brd_core_t *self,
               int64_t now,
               const brd_core_event_t *event,
               brd_core_effects_t *effects)
{
    brd_assert (now >= self->now);
    self->now = now;
    self->effects = effects;
    effects->count = 0;
    if (s_event (self, event) < 0)
        return -1;
    s_fire (self);
    s_settle (self);
    return 0;
}

int
brd_core_more (const brd_core_t *self)
{
    return !brd_list_empty (&self->ending) || !brd_list_empty (&self->dirty)
           || s_due (self, &self->timers);
}

static int64_t
s_earlier (int64_t due, const brd_heap_t *heap)
{
    const brd_timer_t *first = brd_heap_first (heap);
    return first && first->due < due ? first->due : due;
}

int64_t
brd_core_deadline (const brd_core_t *self)
{
    if (brd_core_more (self))
        return self->now;
    int64_t due =
        self->held_due < self->slack_due ? self->held_due : self->slack_due;
    due = s_earlier (due, &self->timers);
    return s_earlier (due, &self->starts);
}

long
brd_core_outstanding (const brd_core_t *self)
{
    return self->outstanding;
}

int
brd_core_pool_stats (const brd_core_t *self,
                     uint32_t number,
                     brd_core_pool_stats_t *ret_stats)
{
    const brd_core_pool_t *pool =
        brd_map_get (&self->numbers, (uint64_t) number + 1);
    if (!pool)
        return brd_error_set (ENOENT, "there is no pool %u", number);
    *ret_stats = (brd_core_pool_stats_t){
        .workers = pool->options.hosts
                       ? (long) pool->width
                       : (long) pool->states[BRD_CORE_WORKER_IS_STARTING]
                             + pool->states[BRD_CORE_WORKER_IS_UP]
                             + pool->states[BRD_CORE_WORKER_IS_RETIRING],
        .idle = (long) pool->idle,
        .pending = pool->count - pool->inflight,
        .running = pool->inflight,
        .done = pool->done,
        .failed = pool->failed,
        .retried = pool->retried,
        .restarts = pool->restarts,
    };
    return 0;
}
