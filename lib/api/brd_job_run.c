// brd_job_run.c - a map while it runs: its legs, and what becomes of them
//
// SPDX-License-Identifier: MPL-2.0
//
// All that changes while it runs is guarded by the host's lock, or is an atomic
// of the job. The sink s_leg_ended is where things happen; it never runs user
// code and never waits.
//
// Accounting. Every item is counted in job->done exactly once: by the worker
// when the range it lies in has ended, or here for a range whose worker died in
// it. A mark is set for every range that is accounted for, or that has been
// handed out as a leg of its own.
//
// Read next: brd_job_setup.c, where the job is laid out; workers/worker_map.c.

#include "api/brd_job_run.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "api/brd_job_private.h"
#include "api/brd_runtime.h"
#include "api/brd_story.h"
#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_mem.h"

enum {
    S_PROGRESS_NS = 100000000
};

// --- Failures --------------------------------------------------------------

void
brd_map_story (brood_error_info_t *ret_info,
               const char *task,
               size_t item,
               int attempt,
               const char *text)
{
    const brd_call_end_t end = {
        .error = EIO,
        .attempt = attempt,
        .bytes = text,
        .size = strlen (text),
    };
    brd_story (ret_info, task, (long) item, &end);
}

// The story that is told in the end is that of the lowest failed item.
static void
s_keep_story (brd_job_run_t *self, uint64_t item, const brd_call_end_t *end)
{
    if (self->story_item != 0 && self->story_item <= item + 1)
        return;
    self->story_item = item + 1;
    brd_story (&self->story, self->name, (long) item, end);
}

void
brd_job_run_item_failed (brd_job_run_t *self,
                         uint64_t item,
                         const brd_call_end_t *end)
{
    brd_job_t *job = self->job;
    if (self->plan.errors)
        ((int32_t *) (uintptr_t) self->plan.errors)[item] = end->error;
    uint64_t first = atomic_load (&job->first_failed);
    while (
        (first == 0 || item + 1 < first)
        && !atomic_compare_exchange_weak (&job->first_failed, &first, item + 1))
        continue;
    if (self->plan.stop_at_error)
        atomic_store (&job->stop, 1);
    s_keep_story (self, item, end);
}

// --- Legs ------------------------------------------------------------------

static void
s_leg_ended (brd_call_t *call, const brd_call_end_t *end);

brd_job_leg_call_t *
brd_job_run_leg (brd_job_run_t *self, uint64_t first, uint64_t end)
{
    brd_job_leg_call_t *leg = brd_mem_zalloc (sizeof *leg);
    if (!leg)
        return NULL;
    leg->run = self;
    leg->order.job = brd_arena_offset (self->arena, self->job);
    leg->order.first = first;
    leg->order.end = end;
    leg->order.single = self->single ? 1 : 0;
    brd_buf_init (&leg->message, BRD_WIRE_SIZE_MAX);
    leg->call.core.pool = brd_host_pool_number (self->pool->pool);
    leg->call.core.whole = !self->single;
    leg->call.core.size_bytes = sizeof leg->order;
    leg->call.fn = self->plan.fn;
    leg->call.kind = BRD_TASK_MAP;
    leg->call.body = &leg->order;
    leg->call.ended = s_leg_ended;
    if (self->single && self->task_options.given) {
        leg->call.core.options = &self->task_options.core;
        leg->call.core.priority = self->task_options.priority;
    }
    brd_list_append (&self->legs, &leg->link);
    self->under_way++;
    return leg;
}

void
brd_job_run_leg_free (brd_job_leg_call_t *leg)
{
    leg->run->under_way--;
    brd_list_remove (&leg->link);
    brd_buf_fini (&leg->message);
    brd_mem_free (leg);
}

// Locked. Hands out a range, or with first == end a share of what is left.
static void
s_hand_out (brd_job_run_t *self, uint64_t first, uint64_t end)
{
    brd_job_leg_call_t *leg = brd_job_run_leg (self, first, end);
    if (leg)
        brd_host_submit_later (self->host, &leg->call);
    else if (self->error == 0)
        self->error = ENOMEM;
}

// Sets the marks of [first, end) whose grains are all its own: ranges from the
// counter are.
static void
s_mark (brd_job_run_t *self, uint64_t first, uint64_t end)
{
    brd_job_t *job = self->job;
    for (uint64_t g = first / self->plan.grain; g * self->plan.grain < end; g++)
        atomic_fetch_or (&job->marks[g / 64], (uint64_t) 1 << (g % 64));
}

// --- Deaths ----------------------------------------------------------------

// Results that were made and had not reached the owner's arrays.
static void
s_rescue_bounce (brd_job_run_t *self, const brd_page_t *page, uint64_t item)
{
    if (self->plan.kind != BRD_JOB_PEEK || page->bounce_out == 0
        || page->unwritten >= item || page->unwritten < page->range_first)
        return;
    const char *bounce = brd_arena_at (self->arena, page->bounce_out);
    const size_t size = (size_t) (item - page->unwritten) * self->plan.out_size;
    const size_t from =
        (size_t) (page->unwritten - page->range_first) * self->plan.out_size;
    if (bounce && brd_arena_holds (self->arena, bounce + from, size))
        memcpy ((char *) (uintptr_t) self->plan.out
                    + page->unwritten * self->plan.out_size,
                bounce + from,
                size);
}

// A message whose result lies there had ended, though its worker was killed
// before it could move on to the next.
static int
s_has_result (const brd_job_run_t *self, uint64_t item)
{
    size_t size;
    return self->plan.kind == BRD_JOB_MESSAGES
           && brd_job_run_result (self, (size_t) item, &size) != NULL;
}

// A worker has died in an item: it has failed, those before it in the claimed
// range have ended, those behind it are to be done.
static void
s_died_in_item (brd_job_run_t *self,
                const brd_job_leg_call_t *leg,
                const brd_call_end_t *end)
{
    brd_job_t *job = self->job;
    const uint64_t item = end->item - 1;
    const uint64_t first = end->claim_first, last = end->claim_end;
    if (item >= self->plan.n || first > item || last <= item
        || last > self->plan.n)
        return;  // The worker has written over its page: the marks will tell
    if (end->page)
        s_rescue_bounce (self, end->page, item);
    if (!s_has_result (self, item))
        brd_job_run_item_failed (self, item, end);
    if (leg->order.first == leg->order.end)
        s_mark (self, first, last);
    atomic_fetch_add (&job->done, item + 1 - first);
    if (item + 1 < last)
        s_hand_out (self, item + 1, last);
}

int
brd_job_run_is_death (int error)
{
    return error == ECHILD || error == ELOOP || error == ETIMEDOUT
           || error == ECANCELED;
}

void
brd_job_run_broken (brd_job_run_t *self, const brd_call_end_t *end)
{
    if (self->error != 0)
        return;
    self->error = end->error;
    brd_story (&self->story, self->name, -1, end);
    self->story_item = 0;
}

static void
s_leg_failed (brd_job_run_t *self,
              const brd_job_leg_call_t *leg,
              const brd_call_end_t *end)
{
    const int own = leg->order.first < leg->order.end;
    if (!brd_job_run_is_death (end->error) || self->error != 0) {
        brd_job_run_broken (self, end);
        return;
    }
    if (end->item > 0 && (end->signal > 0 || end->error == ECHILD))
        s_died_in_item (self, leg, end);
    else if (own && !end->lost)
        s_hand_out (self, leg->order.first, leg->order.end);
    // Somebody takes its place in what is left to be claimed.
    if (!own && !atomic_load (&self->job->stop)
        && atomic_load (&self->job->next) < self->plan.n)
        s_hand_out (self, 0, 0);
}

// --- The end ---------------------------------------------------------------

// 1 if the grain is accounted for. Sixty-four at a time where all are.
static int
s_marked (const brd_job_t *job, uint64_t grain, uint64_t *ret_next)
{
    const uint64_t word = atomic_load (&job->marks[grain / 64]);
    if (word == UINT64_MAX) {
        *ret_next = (grain / 64 + 1) * 64;
        return 1;
    }
    *ret_next = grain + 1;
    return (int) (word >> (grain % 64) & 1);
}

// Locked. Hands out what was claimed and never accounted for; 1 if anything.
static int
s_hand_out_missing (brd_job_run_t *self)
{
    brd_job_t *job = self->job;
    const uint64_t next = atomic_load (&job->next);
    const uint64_t claimed = next < self->plan.n ? next : self->plan.n;
    const uint64_t grains = (claimed + self->plan.grain - 1) / self->plan.grain;
    uint64_t first = 0, after;
    int open = 0, any = 0;
    for (uint64_t g = 0; g < grains; g = after) {
        const int marked = s_marked (job, g, &after);
        if (!marked && !open)
            first = g * self->plan.grain;
        if (marked && open)
            s_hand_out (self, first, g * self->plan.grain);
        any |= !marked;
        open = !marked;
    }
    if (open)
        s_hand_out (self, first, claimed);
    if (any)
        s_mark (self, 0, claimed);
    return any && self->under_way > 0;
}

void
brd_job_run_end (brd_job_run_t *self)
{
    self->finished = 1;
    brd_host_changed (self->host);
    if (self->future)
        brd_job_run_finish_async (self);
}

// Locked. Everything that will end has ended: what is left?
static void
s_all_legs_ended (brd_job_run_t *self)
{
    brd_job_t *job = self->job;
    if (self->starting)
        return;
    if (self->error == 0 && !atomic_load (&job->stop) && !self->single) {
        if (s_hand_out_missing (self))
            return;
        if (atomic_load (&job->next) < self->plan.n) {
            s_hand_out (self, 0, 0);
            if (self->under_way > 0)
                return;
        }
    }
    brd_job_run_end (self);
}

static void
s_single_ended (brd_job_run_t *self,
                const brd_job_leg_call_t *leg,
                const brd_call_end_t *end)
{
    atomic_fetch_add (&self->job->done, 1);
    if (end->error == 0)
        return;
    if (end->error == ECANCELED && atomic_load (&self->job->stop)) {
        if (self->plan.errors)
            ((int32_t *) (uintptr_t) self->plan.errors)[leg->order.first] =
                ECANCELED;
        atomic_fetch_add (&self->job->cancelled, 1);
        return;
    }
    brd_job_run_item_failed (self, leg->order.first, end);
    if (self->plan.stop_at_error)
        brd_job_run_stop (self, -1);
}

// A leg that ended well may have to tell of its lowest failed item.
static void
s_read_report (brd_job_run_t *self, const brd_call_end_t *end)
{
    brd_job_report_t report;
    if (!end->bytes || end->size < offsetof (brd_job_report_t, text)
        || end->size >= sizeof report)
        return;
    memcpy (&report, end->bytes, end->size);
    ((char *) &report)[end->size] = '\0';
    if (report.failed_item == 0 || report.failed_item > self->plan.n)
        return;
    const brd_call_end_t item = {
        .error = EIO,
        .attempt = end->attempt,
        .pid = end->pid,
        .bytes = report.text,
        .size = strlen (report.text),
    };
    s_keep_story (self, report.failed_item - 1, &item);
}

static void
s_leg_ended (brd_call_t *call, const brd_call_end_t *end)
{
    brd_job_leg_call_t *leg = BRD_LIST_ITEM (call, brd_job_leg_call_t, call);
    brd_job_run_t *self = leg->run;
    if (leg->order.single)
        s_single_ended (self, leg, end);
    else if (end->error == 0)
        s_read_report (self, end);
    else
        s_leg_failed (self, leg, end);
    brd_job_run_leg_free (leg);
    if (self->under_way == 0)
        s_all_legs_ended (self);
}

// --- Starting, stopping, waiting -------------------------------------------

// Gives all legs to the core, until one is refused or the run is stopped.
static int
s_submit_legs (brd_job_run_t *self)
{
    const uint64_t count = self->single ? self->plan.n : self->plan.legs;
    for (uint64_t i = 0; i < count; i++) {
        brd_host_lock (self->host);
        const int stop = self->error != 0 || atomic_load (&self->job->stop);
        brd_job_leg_call_t *leg = NULL;
        if (!stop)
            leg = brd_job_run_leg (
                self, self->single ? i : 0, self->single ? i + 1 : 0);
        brd_host_unlock (self->host);
        if (stop)
            return 0;
        if (!leg)
            return -1;
        if (brd_host_submit (self->host, &leg->call) < 0) {
            const int error = errno;
            brd_host_lock (self->host);
            brd_job_run_leg_free (leg);
            brd_host_unlock (self->host);
            errno = error;
            return -1;
        }
        self->begun++;
    }
    return 0;
}

int
brd_job_run_begin (brd_job_run_t *self)
{
    brd_host_t *host = self->host;
    self->job->plan = self->plan;
    self->starting = 1;
    int rc = self->remote ? brd_job_chunk_begin (self) : s_submit_legs (self);
    const int error = errno;
    brd_host_lock (host);
    if (rc < 0 && self->begun > 0) {
        // Some run already, or have ended: the map ends through them. Fewer
        // legs do what more would have done; a single item has but its own.
        if (self->single && self->error == 0)
            self->error = error;
        if (self->single)
            brd_job_run_stop (self, -1);
        rc = 0;
    }
    self->starting = 0;
    if (rc == 0 && self->remote)
        brd_job_chunk_go_on (self);  // May be the end of self, as this:
    else if (rc == 0 && self->under_way == 0)
        s_all_legs_ended (self);
    brd_host_unlock (host);
    errno = error;
    return rc;
}

// Legs see job->stop and end with the item they are in; single items that have
// not started are cancelled; what still runs after grace_ns is ended, if >= 0.
void
brd_job_run_stop (brd_job_run_t *self, int64_t grace_ns)
{
    atomic_store (&self->job->stop, 1);
    for (brd_list_t *i = self->legs.next; i != &self->legs; i = i->next)
        brd_host_cancel_later (
            self->host,
            &BRD_LIST_ITEM (i, brd_job_leg_call_t, link)->call,
            grace_ns);
    brd_host_follow_up (self->host);
}

static int
s_is_finished (void *arg)
{
    return ((const brd_job_run_t *) arg)->finished;
}

static void
s_show (brd_job_run_t *self)
{
    const brood_map_options_t *options = self->options;
    if (options && options->progress)
        options->progress ((long) atomic_load (&self->job->done),
                           (long) self->plan.n,
                           options->progress_arg);
}

static void
s_time_out (brd_job_run_t *self)
{
    brd_host_lock (self->host);
    if (!self->finished && !self->timed_out) {
        self->timed_out = 1;
        brd_job_run_stop (self, 1000000000);
    }
    brd_host_unlock (self->host);
}

int
brd_job_run_wait (brd_job_run_t *self)
{
    const brood_map_options_t *options = self->options;
    const int showing = options && options->progress;
    int64_t deadline = options && options->timeout_ms > 0
                           ? brd_clock_deadline (options->timeout_ms)
                           : BRD_NEVER;
    if (brd_job_run_begin (self) < 0)
        return brd_map_refuse (options, self->plan.n);
    for (;;) {
        int64_t until = deadline;
        const int64_t look =
            showing ? brd_clock_now () + S_PROGRESS_NS : BRD_NEVER;
        if (look < until)
            until = look;
        if (brd_host_wait (self->host, s_is_finished, self, until) == 0)
            break;
        // An interrupted map cannot be left: its arrays are in use.
        if (errno == EINTR || brd_clock_now () >= deadline) {
            self->interrupted |= errno == EINTR;
            s_time_out (self);
            deadline = BRD_NEVER;
        }
        s_show (self);
    }
    s_show (self);
    return brd_job_run_finish (self);
}
