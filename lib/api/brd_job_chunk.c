// brd_job_chunk.c - a map whose workers share no memory with us
//
// SPDX-License-Identifier: MPL-2.0
//
//     items nobody has had, and legs that came back with some undone
//       s_next: a chunk of them, its order packed (wire/brd_chunk.h)
//     a task like any other, of brood's own function  (workers/worker_chunk.c)
//     its end (s_ended, under the lock)
//       a report:  outcomes and outputs to where they belong
//       a death:   the report of what came before the item it died in, which
//                  has failed
//       what is left of the chunk is to be handed out again
//     nothing is left, or nothing more may be begun, and no chunk is under way
//       the run has ended
//
// How many items make a chunk. As many as should take S_AIM_NS, going by those
// that have ended; fewer, so that every worker gets a few of what is left, but
// not so few that a message costs more than they do; and no more bytes than
// BRD_CHUNK_BYTES each way. How long an item takes is a guess until the first
// ones have ended, and items differ: so a chunk that has run for S_BUDGET_NS
// comes back with what it has, and the rest is handed out anew.
//
// At most once. An item that a worker may have begun is never begun again,
// unless retries are asked for: then each item is a task of its own, and the
// core sees to them.
//
// Read next: brd_job_run.c, which waits and tells; workers/worker_chunk.c.

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "api/brd_job_private.h"
#include "base/brd_check.h"
#include "base/brd_mem.h"
#include "client/brd_code.h"
#include "wire/brd_chunk.h"
#include "wire/brd_limits.h"
#include "wire/brd_value.h"

enum {
    S_AIM_NS = 200000000,
    S_LEAST_NS = 2000000,
    S_EACH = 4,           // Chunks each worker should get of what is left
    S_WINDOW = 3,         // Under way for each worker
    S_WINDOW_TINY = 16,   // The same, while they take less than S_LEAST_NS
    S_WINDOW_SINGLE = 64  // And if they are single items
};

#define S_BUDGET_NS INT64_C (1000000000)
#define S_BLOCK_BYTES ((size_t) 262144)  // Of message results

static int
s_is_messages (const brd_job_run_t *self)
{
    return self->plan.kind == BRD_JOB_MESSAGES;
}

// --- How many --------------------------------------------------------------

static uint64_t
s_wish (const brd_job_run_t *self)
{
    if (self->single)
        return 1;
    if (self->plan.chunk > 0)
        return self->plan.chunk;
    const uint64_t width =
        (uint64_t) brd_host_pool_parallel (self->pool->pool) * S_EACH;
    const uint64_t left = self->plan.n - atomic_load (&self->job->next);
    uint64_t count = left / width + 1;
    if (self->item_ns == 0)
        return count;
    const uint64_t least = (uint64_t) (S_LEAST_NS / self->item_ns);
    const uint64_t most = (uint64_t) (S_AIM_NS / self->item_ns);
    if (count < least)
        count = least;
    if (count > most)
        count = most;
    return count > 0 ? count : 1;
}

// Messages from first on, to last at most, that are no more bytes than should
// be: the starts are in order.
static uint64_t
s_fit_messages (const brd_job_run_t *self, uint64_t first, uint64_t last)
{
    const uint64_t *starts = (const uint64_t *) (uintptr_t) self->plan.starts;
    uint64_t low = first + 1, high = last;
    while (low < high) {
        const uint64_t middle = low + (high - low + 1) / 2;
        if (starts[middle] - starts[first] <= BRD_CHUNK_BYTES)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

// Where a chunk ends that begins at first.
static uint64_t
s_chunk_end (const brd_job_run_t *self, uint64_t first, uint64_t last)
{
    const brd_job_plan_t *plan = &self->plan;
    uint64_t count = s_wish (self);
    // An outcome is a byte.
    const uint64_t widest =
        plan->in_size > plan->out_size + 1 ? plan->in_size : plan->out_size + 1;
    const uint64_t fit = BRD_CHUNK_BYTES / widest;
    if (count > fit)
        count = fit > 0 ? fit : 1;
    if (count < last - first)
        last = first + count;
    return s_is_messages (self) ? s_fit_messages (self, first, last) : last;
}

// What a worker has in advance it begins before it can be told that it should
// not.
static uint64_t
s_window (const brd_job_run_t *self)
{
    const int tiny = self->chunk_ns > 0 && self->chunk_ns < S_LEAST_NS;
    const int each = self->plan.stop_at_error ? 1
                     : !tiny                  ? S_WINDOW
                     : self->single           ? S_WINDOW_SINGLE
                                              : S_WINDOW_TINY;
    return (uint64_t) brd_host_pool_parallel (self->pool->pool)
           * (uint64_t) each;
}

static void
s_smooth (int64_t *time_p, int64_t now)
{
    if (now < 1)
        now = 1;
    *time_p = *time_p == 0 ? now : (3 * *time_p + now) / 4;
}

// --- Handing out -----------------------------------------------------------

static void
s_ended (brd_call_t *call, const brd_call_end_t *end);

// The call, from the leg's range.
static int
s_prepare (brd_job_run_t *self, brd_job_leg_call_t *leg)
{
    const brd_job_plan_t *plan = &self->plan;
    const uint64_t first = leg->order.first;
    const uint64_t count = leg->order.end - first;
    const char *in = (const char *) (uintptr_t) plan->in;
    const uint64_t *starts = (const uint64_t *) (uintptr_t) plan->starts;
    const int messages = s_is_messages (self);
    brood_task_fn *const fn = brd_worker_chunk;
    const brd_chunk_order_t order = {
        .fn = self->number,
        .flags = (self->single ? BRD_CHUNK_SINGLE : 0u)
                 | (plan->stop_at_error ? BRD_CHUNK_STOP : 0u)
                 | (messages ? BRD_CHUNK_MESSAGES : 0u),
        .first = first,
        .count = count,
        .in_size = messages ? 0 : plan->in_size,
        .out_size = messages ? 0 : plan->out_size,
        .budget_ns = self->single || plan->chunk > 0 ? 0 : S_BUDGET_NS,
        .arg = messages ? NULL : (const void *) (uintptr_t) plan->arg,
        .arg_size = self->options ? self->options->arg_size_bytes : 0,
        .items = messages ? in + starts[first] : in + first * plan->in_size,
        .items_size = messages ? starts[leg->order.end] - starts[first]
                               : count * plan->in_size,
    };
    leg->message.size = 0;
    if (brd_chunk_put_order (&leg->message, &order) < 0)
        return -1;
    memset (&leg->call, 0, sizeof leg->call);
    leg->call.core.pool = brd_host_pool_number (self->pool->pool);
    leg->call.core.size_bytes = (uint32_t) leg->message.size;
    leg->call.fn = brd_pool_there (self->pool, brd_pool_address (&fn));
    leg->call.kind = BRD_TASK_MESSAGE;
    leg->call.body = leg->message.bytes;
    leg->call.ended = s_ended;
    if (self->single && self->task_options.given) {
        leg->call.core.options = &self->task_options.core;
        leg->call.core.priority = self->task_options.priority;
    }
    return 0;
}

// A leg that is under way no more, with the items it has left.
static void
s_put_back (brd_job_leg_call_t *leg)
{
    brd_job_run_t *self = leg->run;
    brd_list_remove (&leg->link);
    brd_list_append (&self->todo, &leg->link);
    self->under_way--;
}

// The next items as a leg; what came back before what nobody has had.
static brd_job_leg_call_t *
s_take (brd_job_run_t *self)
{
    brd_job_t *job = self->job;
    if (brd_list_empty (&self->todo)) {
        const uint64_t first = atomic_load (&job->next);
        const uint64_t end = s_chunk_end (self, first, self->plan.n);
        brd_job_leg_call_t *leg = brd_job_run_leg (self, first, end);
        if (leg)
            atomic_store (&job->next, end);
        return leg;
    }
    brd_job_leg_call_t *old =
        BRD_LIST_ITEM (self->todo.next, brd_job_leg_call_t, link);
    const uint64_t first = old->order.first;
    const uint64_t end = s_chunk_end (self, first, old->order.end);
    if (end < old->order.end) {
        brd_job_leg_call_t *leg = brd_job_run_leg (self, first, end);
        if (leg)
            old->order.first = end;
        return leg;
    }
    brd_list_remove (&old->link);
    brd_list_append (&self->legs, &old->link);
    self->under_way++;
    return old;
}

// Locked. A chunk ready to go; NULL if there is none, or no room for more, or
// error is set.
static brd_job_leg_call_t *
s_next (brd_job_run_t *self)
{
    const int any = !brd_list_empty (&self->todo)
                    || atomic_load (&self->job->next) < self->plan.n;
    if (!any || self->error != 0 || atomic_load (&self->job->stop)
        || self->under_way >= s_window (self))
        return NULL;
    brd_job_leg_call_t *leg = s_take (self);
    if (leg && s_prepare (self, leg) == 0)
        return leg;
    self->error = errno;
    if (leg)
        s_put_back (leg);
    return NULL;
}

int
brd_job_chunk_init (brd_job_run_t *self, uint64_t fn)
{
    self->number = brd_code_number (fn);
    return self->number != 0 ? 0 : -1;
}

int
brd_job_chunk_begin (brd_job_run_t *self)
{
    for (;;) {
        brd_host_lock (self->host);
        brd_job_leg_call_t *leg = s_next (self);
        int error = self->error;
        brd_host_unlock (self->host);
        if (leg && brd_host_submit (self->host, &leg->call) == 0) {
            self->begun++;
            continue;
        }
        if (leg) {
            error = errno;
            brd_host_lock (self->host);
            s_put_back (leg);
            brd_host_unlock (self->host);
        }
        errno = error;
        return error != 0 ? -1 : 0;
    }
}

// Submitting may end others, whose sinks come back here: they leave it to the
// first.
void
brd_job_chunk_go_on (brd_job_run_t *self)
{
    brd_job_leg_call_t *leg;
    if (self->handing_out)
        return;
    self->handing_out = 1;
    while ((leg = s_next (self)) != NULL)
        brd_host_submit_later (self->host, &leg->call);
    self->handing_out = 0;
    if (self->under_way == 0)
        brd_job_run_end (self);
}

// --- What has been done ----------------------------------------------------

// The items before this one have been accounted for.
static void
s_advance (brd_job_leg_call_t *leg, uint64_t item)
{
    atomic_fetch_add (&leg->run->job->done, item - leg->order.first);
    leg->order.first = item;
}

// Those before item have all failed the same way.
static void
s_fail_items (brd_job_leg_call_t *leg, uint64_t item, const brd_call_end_t *end)
{
    for (uint64_t i = leg->order.first; i < item; i++)
        brd_job_run_item_failed (leg->run, i, end);
    s_advance (leg, item);
}

static void
s_fail_with (brd_job_leg_call_t *leg,
             uint64_t item,
             const brd_call_end_t *end,
             const char *text)
{
    const brd_call_end_t failed = {
        .error = EIO,
        .attempt = end->attempt,
        .bytes = text,
        .size = strlen (text),
    };
    s_fail_items (leg, item, &failed);
}

// Room for a message's result, in the chain the job's blocks are freed by.
static unsigned char *
s_room (brd_job_run_t *self, size_t size)
{
    brd_job_block_t *block = self->block;
    if (!block || block->size - block->used < size) {
        size_t whole = sizeof *block + size;
        if (whole < S_BLOCK_BYTES)
            whole = S_BLOCK_BYTES;
        block = brd_arena_alloc (self->arena, whole, (uint32_t) getpid (), 0);
        if (!block)
            return NULL;
        block->next = atomic_load (&self->job->blocks);
        block->used = sizeof *block;
        block->size = whole;
        atomic_store (&self->job->blocks,
                      brd_arena_offset (self->arena, block));
        self->block = block;
    }
    unsigned char *at = (unsigned char *) block + block->used;
    block->used += size;
    return at;
}

// One value of the outputs. -1: there is none, or no room for it.
static int
s_keep_message (brd_job_run_t *self, uint64_t item, brd_value_cursor_t *at)
{
    const unsigned char *from = at->at;
    if (at->at == at->end || brd_value_skip (at) < 0)
        return brd_error_set (EBADMSG, "its result is no value");
    const size_t size = (size_t) (at->at - from);
    if (brd_value_check (from, size, BRD_WIRE_DEPTH_MAX, NULL) < 0)
        return -1;
    unsigned char *to = s_room (self, size);
    if (!to)
        return -1;
    memcpy (to, from, size);
    brd_job_result_t *result = (brd_job_result_t *) self->results + item;
    result->offset = brd_arena_offset (self->arena, to);
    result->size = (uint32_t) size;
    atomic_store (&result->done, 1);
    return 0;
}

static void
s_keep_element (brd_job_run_t *self, uint64_t item, const unsigned char *output)
{
    if (self->plan.out)
        memcpy ((char *) (uintptr_t) self->plan.out
                    + item * self->plan.out_size,
                output,
                (size_t) self->plan.out_size);
}

// The first done items of a report of this leg.
static void
s_account (brd_job_leg_call_t *leg,
           const brd_chunk_report_t *report,
           uint64_t done,
           const brd_call_end_t *end)
{
    brd_job_run_t *self = leg->run;
    const uint64_t first = leg->order.first;
    const int messages = s_is_messages (self);
    brd_value_cursor_t at = { report->outputs,
                              report->outputs + report->outputs_size };
    brd_call_end_t failed = {
        .attempt = end->attempt,
        .pid = report->pid,
        .bytes = report->text,
        .size = report->text_size,
    };
    for (uint64_t i = 0; i < done; i++) {
        failed.error = report->outcomes[i];
        if (failed.error == 0 && !messages)
            s_keep_element (
                self, first + i, report->outputs + i * self->plan.out_size);
        else if (failed.error == 0 && s_keep_message (self, first + i, &at) < 0)
            s_fail_with (leg, first + i + 1, end, brd_error_get ()->text);
        else if (failed.error != 0) {
            brd_job_run_item_failed (self, first + i, &failed);
            failed.size = 0;  // It was the first one's
        }
        if (leg->order.first == first + i)
            s_advance (leg, first + i + 1);
    }
}

// A report of this very chunk; -1: what has come is none.
static int
s_read (const brd_job_leg_call_t *leg,
        const void *bytes,
        size_t size,
        brd_chunk_report_t *ret_report)
{
    const brd_job_run_t *self = leg->run;
    const uint64_t count = leg->order.end - leg->order.first;
    if (!bytes || brd_chunk_get_report (bytes, size, ret_report) < 0)
        return -1;
    if (ret_report->count != count
        || (!s_is_messages (self)
            && ret_report->outputs_size != count * self->plan.out_size))
        return -1;
    return 0;
}

// --- Ends ------------------------------------------------------------------

static void
s_reported (brd_job_leg_call_t *leg, const brd_call_end_t *end)
{
    brd_job_run_t *self = leg->run;
    brd_chunk_report_t report;
    if (s_read (leg, end->bytes, end->size, &report) < 0 || report.done == 0) {
        // Its items may have run, and so are not run again.
        s_fail_with (leg,
                     leg->order.end,
                     end,
                     "what its worker has sent is no report of a map");
        return;
    }
    s_smooth (&self->chunk_ns, leg->call.time_ns);
    s_smooth (&self->item_ns, leg->call.time_ns / (int64_t) report.done);
    s_account (leg, &report, report.done, end);
}

// 1 if the item behind the first `before` of a report had ended as well, though
// its worker had not begun the next: its failure is there, or its result.
static int
s_had_ended (const brd_job_run_t *self,
             const brd_chunk_report_t *report,
             uint64_t before)
{
    brd_value_cursor_t at = { report->outputs,
                              report->outputs + report->outputs_size };
    if (before >= report->count || report->outcomes[before] != 0)
        return before < report->count;
    if (!s_is_messages (self))
        return 0;
    for (uint64_t i = 0; i < before; i++) {
        if (report->outcomes[i] == 0 && brd_value_skip (&at) < 0)
            return 0;
    }
    return at.at < at.end;
}

// The worker died. The item it was in has failed, if it was in one; what comes
// before it was done, and is lost if there is no report of it.
static void
s_died (brd_job_leg_call_t *leg, const brd_call_end_t *end)
{
    const brd_job_run_t *self = leg->run;
    brd_chunk_report_t report;
    const int known = s_read (leg, end->report, end->report_size, &report) == 0;
    const int within =
        end->item > leg->order.first && end->item <= leg->order.end;
    const uint64_t item = within ? end->item - 1 : leg->order.end;
    if (known) {
        const uint64_t before = item - leg->order.first;
        const uint64_t done = !within ? report.done
                              : s_had_ended (self, &report, before) ? before + 1
                                                                    : before;
        s_account (leg, &report, done, end);
    }
    else if (within || end->lost || end->maybe) {
        brd_call_end_t lost = *end;
        lost.lost |= within;
        s_fail_items (leg, item, &lost);
    }
    if (within && leg->order.first == item)
        s_fail_items (leg, item + 1, end);
}

static void
s_failed (brd_job_leg_call_t *leg, const brd_call_end_t *end)
{
    brd_job_run_t *self = leg->run;
    const int cancelled =
        end->error == ECANCELED && atomic_load (&self->job->stop);
    if (self->single && !cancelled)
        s_fail_items (leg, leg->order.end, end);
    else if (!self->single && !brd_job_run_is_death (end->error))
        brd_job_run_broken (self, end);
    else if (end->error == ECHILD || end->error == ELOOP || end->signal > 0)
        s_died (leg, end);
}

static void
s_ended (brd_call_t *call, const brd_call_end_t *end)
{
    brd_job_leg_call_t *leg = BRD_LIST_ITEM (call, brd_job_leg_call_t, call);
    brd_job_run_t *self = leg->run;
    if (end->error == 0)
        s_reported (leg, end);
    else
        s_failed (leg, end);
    // Its order is not needed any more, and may be large.
    brd_buf_fini (&leg->message);
    if (leg->order.first < leg->order.end)
        s_put_back (leg);
    else
        brd_job_run_leg_free (leg);
    // Others that have begun hear of a failure that stops the map.
    if (self->plan.stop_at_error && atomic_load (&self->job->first_failed) != 0)
        brd_job_run_stop (self, -1);
    if (!self->starting)
        brd_job_chunk_go_on (self);
}

// --- The end ---------------------------------------------------------------

static void
s_cancel_items (brd_job_run_t *self, uint64_t first, uint64_t end)
{
    brd_job_t *job = self->job;
    int32_t *errors = (int32_t *) (uintptr_t) self->plan.errors;
    for (uint64_t i = first; errors && i < end; i++)
        errors[i] = ECANCELED;
    atomic_fetch_add (&job->cancelled, end - first);
    if (self->single)
        atomic_fetch_add (&job->done, end - first);
}

void
brd_job_chunk_settle (brd_job_run_t *self)
{
    brd_list_t *link;
    const uint64_t next = atomic_load (&self->job->next);
    while ((link = brd_list_pop (&self->todo)) != NULL) {
        brd_job_leg_call_t *leg =
            BRD_LIST_ITEM (link, brd_job_leg_call_t, link);
        s_cancel_items (self, leg->order.first, leg->order.end);
        brd_buf_fini (&leg->message);
        brd_mem_free (leg);
    }
    s_cancel_items (self, next, self->plan.n);
    atomic_store (&self->job->next, self->plan.n);
    self->begun = self->plan.n;
}
