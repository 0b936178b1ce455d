// worker_map.c - a worker's leg of a map
//
// SPDX-License-Identifier: MPL-2.0
//
//     claim a range from job->next        (or have one of our own)
//       arrays in the arena:  run each item where it lies
//       arrays elsewhere:     read them into the bounce, run, write back
//       messages:             run each, append its result to our block
//     mark the range, count it, next
//
// Ranges start small and double until one takes S_RANGE_NS, and shrink again
// towards the end so that all legs end together.
//
// What must survive our death at any instruction: which item we are in (the
// page, written before the item starts), and the results of the items before
// it (in the arena as soon as they are made). Read lib/api/brood_map.c next,
// where the owner puts the pieces together.

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "client/brd_msg.h"
#include "workers/worker.h"

enum {
    S_RANGE_NS = 100000,      // What one range should take, about
    S_BOUNCE_BYTES = 131072,  // Each way
    S_BLOCK_BYTES = 262144    // Of message results
};

typedef struct {
    brd_worker_t *worker;
    brd_job_t *job;
    int single;
    int status;              // Of the single item
    uint64_t span;           // Items in the next range
    brd_job_block_t *block;  // Where message results go
    char *in;                // Of the range being run
    char *out;
} s_leg_t;

static void *
s_at (uint64_t address)
{
    return (void *) (uintptr_t) address;
}

static void
s_note_failure (s_leg_t *leg, uint64_t item, int error)
{
    brd_job_t *job = leg->job;
    brd_page_t *page = leg->worker->page;
    if (leg->single)
        return;  // The task's outcome says it
    if (job->plan.errors)
        ((int32_t *) s_at (job->plan.errors))[item] = error;
    if (page->failed_item == 0 || item + 1 < page->failed_item) {
        memcpy (page->text, leg->worker->task.text, sizeof page->text);
        page->failed_item = item + 1;
    }
    uint64_t first = atomic_load (&job->first_failed);
    while (
        (first == 0 || item + 1 < first)
        && !atomic_compare_exchange_weak (&job->first_failed, &first, item + 1))
        continue;
    if (job->plan.stop_at_error)
        atomic_store (&job->stop, 1);
}

// What has not started of a claimed range when the map is stopped.
static void
s_cancel_range (s_leg_t *leg, uint64_t first, uint64_t end)
{
    brd_job_t *job = leg->job;
    int32_t *errors = s_at (job->plan.errors);
    for (uint64_t i = first; errors && i < end; i++)
        errors[i] = ECANCELED;
    atomic_fetch_add (&job->cancelled, end - first);
}

// 1 once the rest of the items should not start. Only the job is asked: who
// cancels a leg stops its job.
static int
s_stopped (const brd_job_t *job)
{
    return (int) atomic_load_explicit (&job->stop, memory_order_relaxed);
}

// --- Arrays ----------------------------------------------------------------

// Results of [unwritten, end) go to the owner's memory; from here on they are
// there, whatever happens to us.
static int
s_write_back (s_leg_t *leg, uint64_t end)
{
    const brd_job_t *job = leg->job;
    brd_page_t *page = leg->worker->page;
    const uint64_t first = page->unwritten;
    if (job->plan.kind != BRD_JOB_PEEK || !leg->out || first >= end)
        return 0;
    struct iovec here = {
        .iov_base = leg->out + (first - page->range_first) * job->plan.out_size,
        .iov_len = (end - first) * job->plan.out_size,
    };
    struct iovec there = {
        .iov_base = s_at (job->plan.out + first * job->plan.out_size),
        .iov_len = here.iov_len,
    };
    if (process_vm_writev (job->plan.owner, &here, 1, &there, 1, 0)
        != (ssize_t) here.iov_len)
        return brd_error_system ("writing results to the owner");
    page->unwritten = end;
    return 0;
}

static void
s_item_failed (s_leg_t *leg, uint64_t item, int status)
{
    brood_task_t *task = &leg->worker->task;
    brd_worker_explain (task, status);
    // A failed item's output stays as it was: what is before it goes out now,
    // what is behind it later.
    if (s_write_back (leg, item) < 0)
        s_note_failure (leg, item, EFAULT);
    leg->worker->page->unwritten = item + 1;
    s_note_failure (leg, item, EIO);
    leg->status = status;
    if (leg->single)
        return;  // The text goes out with the task
    task->text[0] = '\0';
    brd_error_forget ();
}

// The inner loop: one store and one load besides the call for each item.
// Returns where it stopped.
static uint64_t
s_run_items (s_leg_t *leg, uint64_t first, uint64_t end)
{
    const brd_job_t *job = leg->job;
    brd_page_t *page = leg->worker->page;
    const size_t in_size = job->plan.in_size, out_size = job->plan.out_size;
    void *arg = s_at (job->plan.arg);
    const char *in = leg->in;
    char *out = leg->out;
    brood_mapper_fn *fn;
    memcpy (&fn, &job->plan.fn, sizeof fn);
    uint64_t i = first;
    for (; i < end && !s_stopped (job); i++) {
        atomic_store_explicit (&page->item, i + 1, memory_order_release);
        const int status = fn (in, out, arg);
        if (status != 0)
            s_item_failed (leg, i, status);
        in += in_size;
        out = out ? out + out_size : NULL;
    }
    return i;
}

static void
s_fail_range (s_leg_t *leg, uint64_t first, uint64_t end, int error)
{
    snprintf (leg->worker->task.text,
              sizeof leg->worker->task.text,
              "%s",
              brd_error_get ()->text);
    for (uint64_t i = first; i < end; i++)
        s_note_failure (leg, i, error);
    leg->status = -1;
}

int
brd_worker_bounce (brd_worker_t *worker, size_t size)
{
    brd_arena_t *arena = worker->setup->arena;
    if (worker->bounce_size >= size)
        return 0;
    brd_arena_free (arena, worker->bounce);
    worker->bounce_size = 0;
    worker->bounce = brd_arena_alloc (arena, size, worker->self, 0);
    if (!worker->bounce)
        return -1;
    worker->bounce_size = size;
    return 0;
}

// Items that lie in the owner's memory pass through the bounce, so many at a
// time as fit.
static int64_t
s_run_peek (s_leg_t *leg, uint64_t first, uint64_t end)
{
    const brd_job_t *job = leg->job;
    brd_worker_t *worker = leg->worker;
    brd_page_t *page = worker->page;
    const uint64_t whole = job->plan.in_size + job->plan.out_size;
    const uint64_t fit =
        S_BOUNCE_BYTES / whole > 0 ? S_BOUNCE_BYTES / whole : 1;
    if (brd_worker_bounce (worker, (size_t) (fit * whole)) < 0)
        return -1;
    leg->in = worker->bounce;
    leg->out = job->plan.out ? leg->in + fit * job->plan.in_size : NULL;
    for (uint64_t at = first; at < end; at += fit) {
        const uint64_t stop = end - at < fit ? end : at + fit;
        const size_t size = (size_t) ((stop - at) * job->plan.in_size);
        page->range_first = page->unwritten = at;
        struct iovec here = { leg->in, size };
        struct iovec there = { s_at (job->plan.in + at * job->plan.in_size),
                               size };
        if (process_vm_readv (job->plan.owner, &here, 1, &there, 1, 0)
            != (ssize_t) size)
            return brd_error_system ("reading items from the owner");
        page->bounce_out =
            leg->out ? brd_arena_offset (worker->setup->arena, leg->out) : 0;
        const uint64_t ran = s_run_items (leg, at, stop);
        if (s_write_back (leg, ran) < 0)
            return -1;
        if (ran < stop)
            return (int64_t) ran;
    }
    return (int64_t) end;
}

static int64_t
s_run_arrays (s_leg_t *leg, uint64_t first, uint64_t end)
{
    const brd_job_t *job = leg->job;
    leg->in = (char *) s_at (job->plan.in) + first * job->plan.in_size;
    leg->out = job->plan.out
                   ? (char *) s_at (job->plan.out) + first * job->plan.out_size
                   : NULL;
    return (int64_t) s_run_items (leg, first, end);
}

// --- Messages --------------------------------------------------------------

// Room for size bytes in this leg's block, or in a new one, chained to the job
// and the owner's at once, so that they are there after our death.
static unsigned char *
s_block_room (s_leg_t *leg, size_t size)
{
    brd_job_t *job = leg->job;
    brd_arena_t *arena = leg->worker->setup->arena;
    brd_job_block_t *block = leg->block;
    if (!block || block->size - block->used < size) {
        size_t room = sizeof *block + size;
        if (room < S_BLOCK_BYTES)
            room = S_BLOCK_BYTES;
        block = brd_arena_alloc (arena, room, (uint32_t) job->plan.owner, 0);
        if (!block)
            return NULL;
        block->used = sizeof *block;
        block->size = room;
        const uint64_t offset = brd_arena_offset (arena, block);
        block->next = atomic_load (&job->blocks);
        while (
            !atomic_compare_exchange_weak (&job->blocks, &block->next, offset))
            continue;
        leg->block = block;
    }
    unsigned char *at = (unsigned char *) block + block->used;
    block->used += size;
    return at;
}

static int
s_keep_result (s_leg_t *leg, uint64_t item)
{
    size_t size;
    const void *bytes = brd_msg_data (leg->worker->out, &size);
    unsigned char *at = bytes ? s_block_room (leg, size) : NULL;
    if (!at)
        return -1;
    memcpy (at, bytes, size);
    brd_job_result_t *result =
        (brd_job_result_t *) s_at (leg->job->plan.out) + item;
    result->offset = brd_arena_offset (leg->worker->setup->arena, at);
    result->size = (uint32_t) size;
    atomic_store_explicit (&result->done, 1, memory_order_release);
    return 0;
}

static int64_t
s_run_messages (s_leg_t *leg, uint64_t first, uint64_t end)
{
    brd_worker_t *worker = leg->worker;
    const brd_job_t *job = leg->job;
    const uint64_t *starts = s_at (job->plan.starts);
    brood_task_fn *fn;
    memcpy (&fn, &job->plan.fn, sizeof fn);
    uint64_t i = first;
    for (; i < end && !s_stopped (job); i++) {
        atomic_store_explicit (
            &worker->page->item, i + 1, memory_order_release);
        brd_msg_reset_view (worker->in,
                            (char *) s_at (job->plan.in) + starts[i],
                            (size_t) (starts[i + 1] - starts[i]));
        brd_msg_reset (worker->out);
        int status =
            brd_worker_run (&worker->task, fn, worker->in, worker->out);
        if (status == 0 && s_keep_result (leg, i) < 0) {
            status = -1;
            brd_worker_explain (&worker->task, status);
        }
        if (status != 0) {
            s_note_failure (leg, i, EIO);
            leg->status = status;
        }
    }
    return (int64_t) i;
}

// --- Ranges ----------------------------------------------------------------

static void
s_run_range (s_leg_t *leg, uint64_t first, uint64_t end)
{
    const brd_job_t *job = leg->job;
    brd_page_t *page = leg->worker->page;
    page->claim_first = page->range_first = page->unwritten = first;
    page->claim_end = end;
    page->bounce_out = 0;
    const int64_t ran =
        job->plan.kind == BRD_JOB_ARRAYS ? s_run_arrays (leg, first, end)
        : job->plan.kind == BRD_JOB_PEEK ? s_run_peek (leg, first, end)
                                         : s_run_messages (leg, first, end);
    if (ran < 0)
        s_fail_range (leg, page->range_first, end, errno);
    else if ((uint64_t) ran < end)
        s_cancel_range (leg, (uint64_t) ran, end);
}

// A range from the counter is marked, so that the owner knows what is missing
// if a leg dies; a range of our own was marked when it was handed out.
static void
s_mark (s_leg_t *leg, uint64_t first, uint64_t end)
{
    brd_job_t *job = leg->job;
    for (uint64_t g = first / job->plan.grain; g * job->plan.grain < end;) {
        const uint64_t word = g / 64, bit = g % 64;
        uint64_t last = (end - 1) / job->plan.grain;
        if (last / 64 > word)
            last = word * 64 + 63;
        const uint64_t count = last - g + 1;
        const uint64_t bits =
            (count == 64 ? ~(uint64_t) 0 : ((uint64_t) 1 << count) - 1) << bit;
        atomic_fetch_or (&job->marks[word], bits);
        g = last + 1;
    }
}

// Claims whole grains: as many as span says, but never more than an even share
// of half of what is left.
static int
s_claim (s_leg_t *leg, uint64_t *ret_first, uint64_t *ret_end)
{
    brd_job_t *job = leg->job;
    uint64_t first = atomic_load (&job->next);
    uint64_t end;
    do {
        if (first >= job->plan.n || atomic_load (&job->stop))
            return 0;
        const uint64_t left = job->plan.n - first;
        uint64_t span = job->plan.chunk > 0 ? job->plan.chunk : leg->span;
        if (job->plan.chunk == 0 && span > left / (2 * job->plan.legs))
            span = left / (2 * job->plan.legs);
        span = (span + job->plan.grain - 1) / job->plan.grain * job->plan.grain;
        if (span == 0)
            span = job->plan.grain;
        end = left < span ? job->plan.n : first + span;
    } while (!atomic_compare_exchange_weak (&job->next, &first, end));
    *ret_first = first;
    *ret_end = end;
    return 1;
}

static void
s_run_claimed (s_leg_t *leg)
{
    brd_job_t *job = leg->job;
    brd_page_t *page = leg->worker->page;
    uint64_t first, end;
    int64_t before = brd_clock_now ();
    leg->span = job->plan.grain;
    while (s_claim (leg, &first, &end)) {
        s_run_range (leg, first, end);
        s_mark (leg, first, end);
        atomic_store_explicit (&page->item, 0, memory_order_release);
        atomic_fetch_add (&job->done, end - first);
        const int64_t now = brd_clock_now ();
        if (now - before < S_RANGE_NS)
            leg->span *= 2;
        else if (now - before > 4 * S_RANGE_NS && leg->span > job->plan.grain)
            leg->span /= 2;
        before = now;
    }
}

int
brd_worker_map (brd_worker_t *self, const brd_job_leg_t *order)
{
    s_leg_t leg = { .worker = self, .single = order->single != 0 };
    leg.job = brd_arena_at (self->setup->arena, order->job);
    if (!leg.job)
        return -1;
    self->page->failed_item = 0;
    self->page->text[0] = '\0';
    self->task.job = leg.job;
    brood_task_t *before = brd_worker_enter (&self->task);
    if (order->first < order->end) {
        s_run_range (&leg, order->first, order->end);
        atomic_store_explicit (&self->page->item, 0, memory_order_release);
        if (!leg.single)
            atomic_fetch_add (&leg.job->done, order->end - order->first);
    }
    else
        s_run_claimed (&leg);
    brd_worker_enter (before);
    self->task.job = NULL;
    // A single item's failure is its task's; text was kept for it.
    return leg.single ? leg.status : 0;
}

const void *
brd_worker_map_report (brd_worker_t *self, size_t *ret_size)
{
    const brd_page_t *page = self->page;
    *ret_size = 0;
    if (page->failed_item == 0)
        return NULL;
    const size_t length = strnlen (page->text, sizeof page->text);
    self->report.failed_item = page->failed_item;
    memcpy (self->report.text, page->text, length);
    *ret_size = offsetof (brd_job_report_t, text) + length;
    return &self->report;
}
