// core_host.c - what is different when a worker is a host
//
// SPDX-License-Identifier: MPL-2.0
//
// core.h says what a host is: a level below, with slots, reached by messages.
//
//     count   0 ........ width ........ low ........ limit
//             free slots | work in advance           |
//     load    0 ......... 128 ...................... 255
//
// So the least loaded host is the one with the largest part of its slots free;
// where none has any, the one that has used up most of what it is to hold in
// advance. That is what its slots do in BRD_CORE_TARGET_NS and while two
// messages are on their way: at half of it, low, it gets more, and what is left
// lasts until that is there.
//
// Which of its tasks run is not known, only that as many do as it has slots.
// Those seen to have started are among them, and of the others the oldest; the
// rest can be asked back. If that is wrong it answers KEPT, and one more is
// known to have started.
//
// Its tasks have a timer for one thing: that it has gone mad. Until then the
// level below keeps the time.
//
// Read next: core_pool.c.

#include "core/core_internal.h"

// Free slots are ranked below this number, work in advance from it on.
#define S_LOAD_WIDTH 128

// A large message in flight for so many slots at a time, and two for each.
#define S_LARGE_SLOTS 16

// What is further away than this is not fed better.
#define S_RTT_MAX INT64_C (10000000000)

// --- Coming ----------------------------------------------------------------

int
brd_core_host_join (brd_core_t *core, brd_core_pool_t *pool)
{
    if (!pool->options.joined)
        return brd_error_set (EINVAL, "nobody joins pool %u", pool->number);
    if (pool->ending != 0 || pool->stopped
        || (pool->closed && pool->count == 0))
        return brd_error_set (EPIPE, "the pool is closed");
    brd_core_place_t *place =
        brd_list_empty (&pool->vacant)
            ? brd_core_pool_more (core, pool)
            : BRD_LIST_ITEM (pool->vacant.next, brd_core_place_t, vacant);
    if (!place)
        return -1;
    brd_list_remove (&place->vacant);
    const int started = brd_core_worker_start (core, place);
    brd_assert (started);
    return 0;
}

void
brd_core_host_set_width (brd_core_worker_t *self, uint32_t count)
{
    brd_core_pool_t *pool = self->pool;
    if (count > BRD_CORE_WIDTH_MAX)
        count = BRD_CORE_WIDTH_MAX;
    // Silent or gone, it must not keep others waiting for its answers.
    if (self->width > 0 && count == 0)
        pool->reclaiming -= self->reclaiming;
    else if (self->width == 0 && count > 0)
        pool->reclaiming += self->reclaiming;
    if (self->load.at != BRD_CORE_RANK_NONE) {
        pool->loads_width -= self->width;
        pool->loads_width += count;
    }
    pool->width -= self->width;
    pool->width += count;
    self->width = count;
}

void
brd_core_host_width (brd_core_t *core, brd_core_worker_t *self, uint32_t count)
{
    if (!brd_core_worker_is_host (self)
        || (self->state != BRD_CORE_WORKER_IS_UP
            && self->state != BRD_CORE_WORKER_IS_RETIRING))
        return;
    brd_core_host_set_width (self, count);
    brd_core_worker_rank (self);
    if (count == 0)
        brd_core_ranks_put (
            &self->pool->heavies, &self->heavy, BRD_CORE_RANK_NONE);
    else
        brd_core_dispatch_weigh (self);
    if (brd_core_worker_is_fed (self))
        brd_core_worker_enter (core, self);
    else
        brd_core_touch (core, self->pool);
}

void
brd_core_host_rtt (brd_core_t *core, brd_core_worker_t *self, int64_t rtt)
{
    if (!brd_core_worker_is_host (self))
        return;
    self->rtt = rtt < 0 ? 0 : rtt < S_RTT_MAX ? rtt : S_RTT_MAX;
    // One that was full may have room now.
    brd_core_worker_rank (self);
    brd_core_touch (core, self->pool);
}

// --- Load ------------------------------------------------------------------

// What one slot runs while the host is waited for, and what it has then.
static uint64_t
s_per_slot (const brd_core_worker_t *self)
{
    const int64_t average = self->pool->average;
    if (average == 0)
        return 2;
    const int64_t ahead = (BRD_CORE_TARGET_NS + 2 * self->rtt) / average;
    return ahead < 1                           ? 2
           : ahead + 1 > BRD_CORE_INFLIGHT_MAX ? BRD_CORE_INFLIGHT_MAX
                                               : (uint64_t) ahead + 1;
}

uint32_t
brd_core_host_limit (const brd_core_worker_t *self)
{
    const uint64_t width = self->width;
    const uint64_t most = 4 * width > BRD_CORE_HOST_INFLIGHT_MAX
                              ? 4 * width
                              : BRD_CORE_HOST_INFLIGHT_MAX;
    uint64_t limit = width * s_per_slot (self);
    if (limit > most)
        limit = most;
    if (self->whole == 0)
        return (uint32_t) limit;
    // Behind those that take long nothing is to wait, but for one.
    const uint64_t slots = self->whole < width ? width - self->whole : 0;
    limit = slots * s_per_slot (self) + self->whole;
    return (uint32_t) (limit > most ? most : limit > width ? limit : width + 1);
}

int
brd_core_host_is_full (const brd_core_worker_t *self)
{
    if (self->count < self->width)
        return 0;
    const uint32_t large =
        self->width < S_LARGE_SLOTS ? self->width : S_LARGE_SLOTS;
    return self->count >= brd_core_host_limit (self)
           || (self->count >= 2 * self->width
               && self->bytes >= (uint64_t) large * BRD_CORE_INFLIGHT_BYTES);
}

uint32_t
brd_core_host_load (const brd_core_worker_t *self)
{
    const uint64_t count = self->count;
    const uint64_t width = self->width;
    if (count < width)
        return (uint32_t) (count * S_LOAD_WIDTH / width);
    // It is not full, so count is less than its limit.
    const uint64_t ahead = brd_core_host_limit (self) - width;
    return (uint32_t) (S_LOAD_WIDTH + (count - width) * S_LOAD_WIDTH / ahead);
}

uint32_t
brd_core_host_takeable (const brd_core_worker_t *self)
{
    if (self->width == 0)
        return 0;
    const uint32_t unknown =
        self->started < self->width ? self->width - self->started : 0;
    return self->spare > unknown ? self->spare - unknown : 0;
}

// By what it is for each slot, as that is how long it takes.
uint32_t
brd_core_host_weight (const brd_core_worker_t *self)
{
    const uint64_t takeable = brd_core_host_takeable (self);
    if (takeable == 0)
        return 0;
    const uint64_t weight = 1 + 4 * takeable / self->width;
    return weight > BRD_CORE_INFLIGHT_MAX ? BRD_CORE_INFLIGHT_MAX
                                          : (uint32_t) weight;
}

int
brd_core_host_return (brd_core_t *core, brd_core_pool_t *pool)
{
    for (uint32_t i = 0; i < pool->place_count; i++)
        for (int j = 0; j < BRD_CORE_PLACE_WORKERS; j++) {
            brd_core_worker_t *worker = &pool->places[i]->workers[j];
            if (!worker->returning)
                continue;
            if (worker->state == BRD_CORE_WORKER_IS_RETIRING
                && !brd_core_worker_reclaim_all (core, worker, NULL))
                return 0;
            worker->returning = 0;
        }
    pool->returning = 0;
    return 1;
}

// --- Answers ---------------------------------------------------------------

void
brd_core_host_done (brd_core_t *core,
                    brd_core_task_t *task,
                    const brd_core_event_t *event)
{
    switch (event->error) {
    case ECHILD:
        // What one worker below has died of is as if it had died here.
        task->lost = event->lost    ? BRD_CORE_LOST_RESULT
                     : event->maybe ? BRD_CORE_LOST_MAYBE
                                    : 0;
        task->deaths = (uint16_t) (task->deaths + !task->lost);
        brd_core_task_failed (core, task, ECHILD, 1);
        return;
    case ETIMEDOUT:
        brd_core_task_failed (core, task, ETIMEDOUT, 1);
        return;
    case ECANCELED:
        // Also if it was somebody else's wish: then it is not tried again.
        task->flags |= BRD_CORE_TASK_CANCELLED;
        brd_core_task_failed (core, task, ECANCELED, 0);
        return;
    default:
        brd_core_task_failed (core, task, event->error, 0);
    }
}

// Asks whether it has started, for an answer within the guard's time.
static void
s_probe (brd_core_t *core, brd_core_task_t *task, brd_core_worker_t *worker)
{
    task->flags |= BRD_CORE_TASK_PROBING;
    brd_core_task_emit (core, BRD_CORE_DO_PROBE, task, worker);
    brd_core_task_arm_attempt (
        core, task, brd_core_after (core->now, worker->pool->options.guard_ns));
}

static int
s_is_limited (const brd_core_task_t *task)
{
    return task->options && task->options->timeout_ns > 0;
}

void
brd_core_host_kept (brd_core_t *core, brd_core_task_t *task)
{
    brd_core_worker_t *worker = brd_core_worker (core, task->worker);
    // One more is known to run, so one less of the others is taken for it.
    brd_core_dispatch_weigh (worker);
    brd_core_touch (core, worker->pool);
}

// --- The guard -------------------------------------------------------------

int64_t
brd_core_host_span (const brd_core_pool_t *pool, const brd_core_task_t *task)
{
    const brd_core_task_options_t *options = task->options;
    const int64_t grace =
        options->grace_ns > 0 ? options->grace_ns : BRD_CORE_GRACE_NS;
    return brd_core_after (brd_core_after (options->timeout_ns, grace),
                           pool->options.guard_ns);
}

void
brd_core_host_kill (brd_core_t *core, brd_core_task_t *task, int64_t grace_ns)
{
    task->flags |= BRD_CORE_TASK_CANCELLED;
    brd_core_task_emit (
        core, BRD_CORE_DO_KILL_TASK, task, brd_core_worker (core, task->worker))
        ->time_ns = grace_ns;
}

// It does not end what it was to end.
static void
s_give_up (brd_core_t *core, brd_core_task_t *task)
{
    task->flags |= BRD_CORE_TASK_TIMED_OUT;
    brd_core_worker_kill (core, brd_core_worker (core, task->worker), task);
}

void
brd_core_host_probed (brd_core_t *core, brd_core_task_t *task, int64_t start)
{
    brd_core_worker_t *worker = brd_core_worker (core, task->worker);
    const int64_t span = brd_core_host_span (worker->pool, task);
    task->flags = (uint8_t) (task->flags & ~BRD_CORE_TASK_PROBING);
    if (start <= 0) {
        brd_core_task_arm_attempt (
            core, task, brd_core_after (core->now, span));
        return;
    }
    brd_core_worker_mark (worker, task, BRD_CORE_TASK_STARTED);
    brd_core_dispatch_weigh (worker);
    const int64_t due = brd_core_after (start, span);
    if (due <= core->now)
        s_give_up (core, task);
    else
        brd_core_task_arm_attempt (core, task, due);
}

void
brd_core_host_due (brd_core_t *core, brd_core_task_t *task)
{
    brd_core_worker_t *worker = brd_core_worker (core, task->worker);
    const int killed =
        (task->flags & BRD_CORE_TASK_KILL) && task->queue_due <= core->now;
    if (!killed && brd_core_task_expire (core, task)) {
        // The answer to this, or to a probe before it, is awaited as well.
        if (s_is_limited (task))
            brd_core_task_arm (
                core,
                task,
                brd_core_after (core->now, worker->pool->options.guard_ns));
        return;
    }
    if (killed || (task->flags & BRD_CORE_TASK_PROBING))
        s_give_up (core, task);
    else if (s_is_limited (task))
        s_probe (core, task, worker);
}
