// host_effects.c - what the core has decided is done here
//
// SPDX-License-Identifier: MPL-2.0
//
// One function for each effect of core.h. None of them steps the core: what
// must follow is put off (brd_host_put_off) until host_turn.c has done all
// effects of the step.

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/brd_check.h"
#include "base/brd_error.h"
#include "host/host_internal.h"
#include "wire/brd_chunk.h"

static brd_call_t *
s_call (brd_core_task_t *task)
{
    return (brd_call_t *) (void *) task;  // core is its first member
}

static brd_host_pool_t *
s_pool (brd_host_t *self, uint32_t number)
{
    for (brd_list_t *i = self->pools.next; i != &self->pools; i = i->next) {
        brd_host_pool_t *pool = BRD_LIST_ITEM (i, brd_host_pool_t, link);
        if (pool->number == number)
            return pool;
    }
    return NULL;
}

// A start that fails here and one that fails in the nursery are the same to the
// core: WORKER_DOWN, after this step.
static void
s_start (brd_host_t *self, const brd_core_effect_t *effect)
{
    brd_host_pool_t *pool = s_pool (self, effect->pool);
    brd_assert (pool != NULL);
    brd_host_worker_t *worker =
        brd_host_worker_new (pool, effect->worker, effect->place);
    if (worker && brd_host_pool_command (pool, BRD_NURSERY_START, worker) == 0)
        return;
    pool->down_error = errno;
    pool->down++;
    brd_assert (self->down_count < sizeof self->downs / sizeof *self->downs);
    self->downs[self->down_count++] = effect->worker;
}

static void
s_stop (brd_host_t *self, const brd_core_effect_t *effect)
{
    brd_host_worker_t *worker = brd_host_worker_find (self, effect->worker);
    if (!worker || worker->pool->ending)
        return;
    if (!worker->page) {
        brd_host_far_stop (worker->far);
        return;
    }
    // One that has nothing to tidy up and was never connected to is not
    // worth a connection.
    if (worker->connected || worker->pool->setup.initializer)
        brd_host_worker_tell (worker, BRD_OP_STOP, NULL);
    else
        (void) brd_host_pool_command (worker->pool, BRD_NURSERY_KILL, worker);
}

static void
s_kill (brd_host_t *self, const brd_core_effect_t *effect)
{
    brd_host_worker_t *worker = brd_host_worker_find (self, effect->worker);
    if (worker && !worker->page)
        brd_host_far_give_up (worker->far);
    else if (worker && !worker->pool->ending)
        (void) brd_host_pool_command (worker->pool, BRD_NURSERY_KILL, worker);
}

static void
s_offer (brd_host_t *self, const brd_core_effect_t *effect)
{
    brd_host_worker_t *worker = brd_host_worker_find (self, effect->worker);
    brd_assert (worker != NULL);
    if (worker->page)
        brd_host_worker_offer (worker, s_call (effect->task));
    else
        brd_host_far_offer (worker, s_call (effect->task));
}

static void
s_flag (const brd_core_effect_t *effect)
{
    brd_call_t *call = s_call (effect->task);
    if (!call->worker)
        return;
    if (!call->worker->page) {
        brd_host_far_tell (call->worker, call, BRD_OP_CANCEL, 0);
        return;
    }
    atomic_store (&call->worker->page->cancel, call->seq);
    // It may be waiting for credit, asleep; this wakes it.
    if (call->noted) {
        const brd_wire_note_t note = { .seq = call->seq };
        brd_host_worker_tell (call->worker, BRD_OP_CREDIT, &note);
    }
}

static void
s_kill_task (const brd_core_effect_t *effect)
{
    brd_call_t *call = s_call (effect->task);
    const int64_t ms = effect->time_ns / 1000000;
    if (call->worker && !call->worker->page)
        brd_host_far_tell (call->worker,
                           call,
                           BRD_OP_KILL,
                           ms < UINT32_MAX ? (uint32_t) ms : UINT32_MAX);
}

// A host below knows it from its own worker.
static void
s_retell (const brd_wire_story_t *story, brd_call_end_t *end)
{
    end->pid = story->pid;
    end->signal = story->signal;
    end->status = story->status;
    end->stopped = (story->bits & BRD_STORY_STOPPED) != 0;
    end->closed = (story->bits & BRD_STORY_CLOSED) != 0;
    end->item = story->item;
    end->claim_first = story->claim_first;
    end->claim_end = story->claim_end;
    end->report = story->report_size > 0 ? story->report : NULL;
    end->report_size = story->report_size;
}

static void
s_read_page (const brd_page_t *page, brd_call_end_t *end)
{
    end->page = page;
    end->item = atomic_load (&page->item);
    end->claim_first = page->claim_first;
    end->claim_end = page->claim_end;
}

// What it had done of a chunk lies in the arena, as far as it can be believed.
static void
s_read_report (const brd_host_worker_t *worker,
               const brd_call_t *call,
               brd_call_end_t *end)
{
    const brd_page_t *page = worker->page;
    const brd_arena_t *arena = worker->pool->host->arena;
    const void *bytes = brd_arena_at (arena, page->chunk);
    const size_t size = (size_t) page->chunk_size;
    brd_chunk_report_t report;
    if (atomic_load (&page->chunk_seq) != call->seq || !bytes
        || !brd_arena_holds (arena, bytes, size)
        || brd_chunk_get_report (bytes, size, &report) < 0)
        return;
    end->report = bytes;
    end->report_size = (size_t) (report.outputs + report.outputs_size
                                 - (const unsigned char *) bytes);
}

// What is known of the worker that had it last, and of a pool that has ended.
static void
s_describe (brd_host_t *self,
            const brd_core_effect_t *effect,
            const brd_call_t *call,
            brd_call_end_t *end)
{
    brd_host_pool_t *pool = s_pool (self, effect->pool);
    if (end->error == ECANCELED && pool)
        pool->cancelled++;
    if ((end->error == EPIPE || end->error == ENOEXEC) && pool && !end->bytes) {
        end->bytes = pool->reason;
        end->size = strlen (pool->reason);
    }
    const brd_host_worker_t *worker =
        brd_host_worker_find (self, effect->outcome.worker);
    if (!worker || !worker->page)
        return;
    end->pid = worker->pid;
    end->stopped = worker->stopped;
    end->closed = worker->closed;
    // One that lives goes on writing to its page.
    if (!worker->ended)
        return;
    s_read_page (worker->page, end);
    s_read_report (worker, call, end);
    if (WIFSIGNALED (worker->status))
        end->signal = WTERMSIG (worker->status);
    else if (WIFEXITED (worker->status))
        end->status = WEXITSTATUS (worker->status);
}

static void
s_end (brd_host_t *self, const brd_core_effect_t *effect)
{
    brd_call_t *call = s_call (effect->task);
    const brd_call_t *source = effect->leader ? s_call (effect->leader) : call;
    brd_call_end_t end = {
        .error = effect->outcome.error,
        .attempt = effect->outcome.attempt,
        .lost = effect->outcome.lost,
        .maybe = effect->outcome.maybe,
        .status = source->status,
        .bytes = source->bytes,
        .size = source->size,
        // What others follow is copied by all of them.
        .block = source == call ? call->block : NULL,
    };
    // Most calls end well, and then nobody asks where.
    if (end.error != 0 || call->kind == BRD_TASK_MAP)
        s_describe (self, effect, source, &end);
    if (end.error != 0 && source->story)
        s_retell (source->story, &end);
    if (call->asked != 0) {
        brd_list_remove (&call->later);
        call->asked = 0;
    }
    brd_host_worker_t *worker = call->worker;
    if (worker) {
        if (worker->page)
            worker->slots[call->slot] = NULL;
        brd_list_remove (&call->held);
        worker->held--;
        call->worker = NULL;
    }
    // A pool that ends says so at once. But a worker that still runs a leg
    // writes to the caller's arrays until it is dead, and the caller must not
    // have them back before.
    if (worker && call->kind == BRD_TASK_MAP && !worker->ended) {
        call->status = end.error;
        brd_list_append (&worker->ghosts, &call->later);
        return;
    }
    self->changed = 1;
    call->ended (call, &end);
}

// Why: the initializer's own words, or what the last worker died of.
static void
s_broken (brd_host_t *self, const brd_core_effect_t *effect)
{
    brd_host_pool_t *pool = s_pool (self, effect->pool);
    if (!pool || pool->broken != 0)
        return;
    pool->broken = effect->error;
    self->changed = 1;
    if (pool->reason[0] == '\0')
        snprintf (pool->reason,
                  sizeof pool->reason,
                  pool->down > 0
                      ? "the pool is broken: workers cannot be started"
                      : "the pool is broken: its workers only die");
    brd_host_guests_broken (self, pool);
}

static void
s_forget (brd_host_t *self, const brd_core_effect_t *effect)
{
    brd_host_worker_t *worker = brd_host_worker_find (self, effect->worker);
    if (worker)
        brd_host_worker_free (worker);
}

static void
s_pool_ended (brd_host_t *self, const brd_core_effect_t *effect)
{
    brd_host_pool_t *pool = s_pool (self, effect->pool);
    if (pool)
        pool->ended = 1;
    self->changed = 1;
}

void
brd_host_effect (brd_host_t *self, const brd_core_effect_t *effect)
{
    switch (effect->type) {
    case BRD_CORE_DO_START:
        s_start (self, effect);
        break;
    case BRD_CORE_DO_JOIN:
        s_pool (self, effect->pool)->far_joined = effect->worker;
        break;
    case BRD_CORE_DO_STOP:
        s_stop (self, effect);
        break;
    case BRD_CORE_DO_KILL:
        s_kill (self, effect);
        break;
    case BRD_CORE_DO_OFFER:
        s_offer (self, effect);
        break;
    case BRD_CORE_DO_RECLAIM:
        brd_host_put_off (self, s_call (effect->task), BRD_HOST_ASKED_RECLAIM);
        break;
    case BRD_CORE_DO_PROBE:
        brd_host_put_off (self, s_call (effect->task), BRD_HOST_ASKED_PROBE);
        break;
    case BRD_CORE_DO_FLAG:
        s_flag (effect);
        break;
    case BRD_CORE_DO_END:
        s_end (self, effect);
        break;
    case BRD_CORE_DO_FORGET:
        s_forget (self, effect);
        break;
    case BRD_CORE_DO_POOL_BROKEN:
        s_broken (self, effect);
        break;
    case BRD_CORE_DO_POOL_IDLE:
        self->changed = 1;
        break;
    case BRD_CORE_DO_POOL_ENDED:
        s_pool_ended (self, effect);
        break;
    case BRD_CORE_DO_KILL_TASK:
        s_kill_task (effect);
        break;
    }
}
