// worker_chunk.c - part of a map whose owner shares no memory with us
//
// SPDX-License-Identifier: MPL-2.0
//
// It comes as a message and its report goes as a result, so it is a task like
// any other, and travels as one. Elements are run from a copy that is aligned
// as arrays are, outputs are written into the report.
//
//     bounce, in the arena   [report, its outputs | arg | elements]
//     each item              its number to the page, run, outcome
//     enough                 the time is used up, the task was flagged, the
//                            outputs are too many: the rest goes back undone
//
// What must survive our death at any instruction: which item we are in (the
// page, written before the item starts), and the report of those before it: its
// place is in the page too, and our host sends on what is there. Read
// lib/api/brd_job_chunk.c next, where the owner puts the pieces together.

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "client/brd_code.h"
#include "client/brd_msg.h"
#include "wire/brd_chunk.h"
#include "wire/brd_value.h"
#include "workers/worker.h"

enum {
    S_LOOKS = 64,  // At the clock, in the time a chunk has
    // Of message results, to begin with; one report's room is doubled when it
    // is full.
    S_ROOM = 65536 - 4096
};

typedef struct {
    brood_task_t *task;
    brd_worker_t *worker;
    brd_page_t *page;
    brd_chunk_order_t order;
    brd_chunk_writer_t report;
    uint64_t fn;
    const char *items;
    void *arg;
    int status;  // Of the last item that failed
    int64_t began_at;
    uint64_t look;  // The item before which the clock is looked at next
} s_chunk_t;

static size_t
s_aligned (size_t size)
{
    return (size + BRD_CHUNK_ALIGN - 1) / BRD_CHUNK_ALIGN * BRD_CHUNK_ALIGN;
}

// --- Enough ----------------------------------------------------------------

static int
s_is_flagged (const s_chunk_t *self)
{
    return atomic_load_explicit (&self->page->cancel, memory_order_relaxed)
               == self->task->seq
           || atomic_load_explicit (&self->worker->leave, memory_order_relaxed);
}

// The clock costs more than an item may: so it is looked at again when part of
// the time should have passed, going by what items took so far.
static int
s_is_late (s_chunk_t *self, uint64_t i)
{
    const int64_t budget = self->order.budget_ns;
    if (budget == 0 || i < self->look)
        return 0;
    const int64_t passed = brd_clock_now () - self->began_at;
    if (passed >= budget)
        return 1;
    const uint64_t each = (uint64_t) passed / i + 1;
    const uint64_t more = (uint64_t) budget / S_LOOKS / each;
    self->look = i + 1 + (more < i ? more : i);
    return 0;
}

// 1 if the items from this one on are not to be begun. One always is, so that
// every chunk comes nearer to its end.
static int
s_is_enough (s_chunk_t *self, uint64_t i)
{
    return i > 0
           && (s_is_flagged (self) || s_is_late (self, i)
               || ((self->order.flags & BRD_CHUNK_STOP) && self->status != 0)
               || ((self->order.flags & BRD_CHUNK_MESSAGES)
                   && self->report.outputs_size >= BRD_CHUNK_BYTES));
}

// --- Items -----------------------------------------------------------------

static void
s_begin_item (s_chunk_t *self, uint64_t i)
{
    atomic_store_explicit (
        &self->page->item, self->order.first + i + 1, memory_order_release);
}

// What the task said of a single item goes out with it.
static void
s_failed (s_chunk_t *self, uint64_t i, int status)
{
    brood_task_t *task = self->task;
    self->status = status;
    brd_worker_explain (task, status);
    if (self->order.flags & BRD_CHUNK_SINGLE)
        return;
    brd_chunk_write_failure (&self->report, i, EIO, task->text);
    task->text[0] = '\0';
    brd_error_forget ();
}

static uint64_t
s_run_elements (s_chunk_t *self)
{
    const brd_chunk_order_t *order = &self->order;
    const char *in = self->items;
    unsigned char *out = order->out_size > 0 ? self->report.outputs : NULL;
    brood_mapper_fn *fn;
    memcpy (&fn, &self->fn, sizeof fn);
    uint64_t i = 0;
    for (; i < order->count && !s_is_enough (self, i); i++) {
        s_begin_item (self, i);
        const int status = fn (in, out, self->arg);
        if (status != 0)
            s_failed (self, i, status);
        in += order->in_size;
        out = out ? out + order->out_size : NULL;
    }
    return i;
}

// --- Messages --------------------------------------------------------------

// Another report with more room, which takes the place of the first when it is
// whole.
static int
s_grow (s_chunk_t *self, size_t size)
{
    brd_worker_t *worker = self->worker;
    brd_arena_t *arena = worker->setup->arena;
    brd_chunk_writer_t *old = &self->report, report;
    const uint64_t count = self->order.count;
    const size_t room = 2 * old->room + size;
    const size_t whole = brd_chunk_report_size (count, room);
    void *block = brd_arena_alloc (arena, whole, worker->self, 0);
    if (!block)
        return -1;
    brd_chunk_write (&report, block, count, room, 0);
    memcpy (report.text, old->text, old->text_room);
    memcpy (report.outcomes, old->outcomes, (size_t) count);
    brd_chunk_write_output (&report, old->outputs, old->outputs_size);
    self->page->chunk = brd_arena_offset (arena, block);
    self->page->chunk_size = whole;
    void *before = worker->bounce;
    worker->bounce = block;
    worker->bounce_size = whole;
    self->report = report;
    brd_arena_free (arena, before);
    return 0;
}

static int
s_keep_output (s_chunk_t *self, const brood_msg_t *out)
{
    size_t size;
    const void *bytes = brd_msg_data (out, &size);
    if (!bytes
        || (self->report.room - self->report.outputs_size < size
            && s_grow (self, size) < 0))
        return -1;
    brd_chunk_write_output (&self->report, bytes, size);
    return 0;
}

static void
s_run_message (s_chunk_t *self, uint64_t i, brood_msg_t *in, brood_msg_t *out)
{
    brood_task_fn *fn;
    memcpy (&fn, &self->fn, sizeof fn);
    s_begin_item (self, i);
    brd_msg_reset (out);
    int status = brd_worker_run (self->task, fn, in, out);
    if (status == 0 && s_keep_output (self, out) < 0)
        status = -1;
    if (status != 0)
        s_failed (self, i, status);
}

// The items are values one behind the other, read where they lie: in the
// message, which stays.
static uint64_t
s_run_messages (s_chunk_t *self)
{
    const brd_chunk_order_t *order = &self->order;
    brood_msg_t *in = brd_msg_new_empty (), *out = brd_msg_new_empty ();
    const unsigned char *items = order->items;
    brd_value_cursor_t at = { items, items + order->items_size };
    uint64_t i = 0;
    for (; in && out && i < order->count && !s_is_enough (self, i); i++) {
        const unsigned char *from = at.at;
        if (brd_value_skip (&at) < 0)
            break;  // Fewer than there should be
        brd_msg_reset_view (in, from, (size_t) (at.at - from));
        s_run_message (self, i, in, out);
    }
    brood_msg_destroy (&in);
    brood_msg_destroy (&out);
    return i;
}

// --- The chunk -------------------------------------------------------------

// The bounce: the report, and copies of what must be aligned.
static int
s_lay_out (s_chunk_t *self)
{
    const brd_chunk_order_t *order = &self->order;
    brd_worker_t *worker = self->worker;
    const int messages = (order->flags & BRD_CHUNK_MESSAGES) != 0;
    const size_t outputs = (size_t) (order->count * order->out_size);
    const size_t room = messages ? S_ROOM : outputs;
    const size_t report = brd_chunk_report_size (order->count, room);
    const size_t arg_at = s_aligned (report);
    const size_t items_at = arg_at + s_aligned (order->arg_size);
    const size_t whole = items_at + (messages ? 0 : order->items_size);
    atomic_store (&self->page->chunk_seq,
                  0);  // The one before is there no more
    if (brd_worker_bounce (worker, whole) < 0)
        return -1;
    char *block = worker->bounce;
    brd_chunk_write (&self->report, block, order->count, room, outputs);
    if (order->arg) {
        self->arg = block + arg_at;
        memcpy (self->arg, order->arg, order->arg_size);
    }
    if (!messages) {
        self->items = block + items_at;
        memcpy (block + items_at, order->items, order->items_size);
    }
    self->page->claim_first = order->first;
    self->page->claim_end = order->first + order->count;
    self->page->chunk = brd_arena_offset (worker->setup->arena, block);
    self->page->chunk_size = report;
    atomic_store (&self->page->chunk_seq, self->task->seq);
    return 0;
}

static int
s_run (s_chunk_t *self)
{
    brood_task_t *task = self->task;
    const uint64_t before = task->fn;
    if (self->order.budget_ns > 0)
        self->began_at = brd_clock_now ();
    task->fn = self->fn;  // Whose name is asked for
    const uint64_t done = self->order.flags & BRD_CHUNK_MESSAGES
                              ? s_run_messages (self)
                              : s_run_elements (self);
    task->fn = before;
    brd_chunk_write_done (&self->report, done, (int) getpid ());
    atomic_store_explicit (&self->page->item, 0, memory_order_release);
    return self->order.flags & BRD_CHUNK_SINGLE ? self->status : 0;
}

int
brd_worker_chunk (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    size_t size;
    s_chunk_t self = { .task = task, .worker = task->worker };
    const void *bytes = brd_msg_data (in, &size);
    if (!bytes || !self.worker
        || brd_chunk_get_order (bytes, size, &self.order) < 0)
        return -1;
    self.page = self.worker->page;
    self.fn = brd_code_find (self.order.fn);
    if (self.fn == 0 || s_lay_out (&self) < 0)
        return -1;
    const int status = s_run (&self);
    self.worker->precious = 1;
    if (status == 0)
        brd_msg_reset_view (
            out, self.report.bytes, brd_chunk_written (&self.report));
    return status;
}
