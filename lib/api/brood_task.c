// brood_task.c - what a task may ask and say
//
// SPDX-License-Identifier: MPL-2.0
//
// The task itself is made in workers/worker_loop.c, or, for inline pools, in
// brd_inline.c. Everything here runs in the thread that runs the task.

#include "brood/brood_task.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "client/brd_msg.h"
#include "client/brd_tasks.h"
#include "workers/worker.h"

// At most ten reports a second leave a worker.
enum {
    S_PROGRESS_NS = 100000000
};

static uint64_t
s_address (const void *fn_p)
{
    uint64_t address = 0;
    memcpy (&address, fn_p, sizeof (void (*) (void)));
    return address;
}

int
brood_task_register (const char *name, brood_task_fn *fn)
{
    const brd_tasks_entry_t entry = { .name = name, .fn = s_address (&fn) };
    return brd_tasks_add (&entry);
}

int
brood_function_register (const char *name, void (*fn) (void))
{
    const brd_tasks_entry_t entry = { .name = name, .fn = s_address (&fn) };
    return brd_tasks_add (&entry);
}

int
brood_mapper_register (const char *name,
                       brood_mapper_fn *fn,
                       size_t in_size_bytes,
                       size_t out_size_bytes)
{
    const brd_tasks_entry_t entry = {
        .name = name,
        .fn = s_address (&fn),
        .in_size = in_size_bytes,
        .out_size = out_size_bytes,
        .mapper = 1,
    };
    return brd_tasks_add (&entry);
}

brood_task_t *
brood_task_current (void)
{
    brood_task_t *task = brd_worker_current ();
    if (!task)
        brd_error_set (EINVAL, "no task runs in this thread");
    return task;
}

int
brood_task_fail (brood_task_t *self, const char *format, ...)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_TASK, -1);
    BRD_REQUIRE (format != NULL, -1);
    va_list args;
    va_start (args, format);
    (void) vsnprintf (self->text, sizeof self->text, format, args);
    va_end (args);
    return -1;
}

static int
s_note (brood_task_t *self, brd_op_t op, brd_wire_note_t *note)
{
    note->seq = self->seq;
    note->slot = self->slot;
    if (self->worker)
        return brd_worker_note (self->worker, op, note);
    return self->notify ? self->notify (self, op, note) : 0;
}

int
brood_task_progress (brood_task_t *self, double done, double total)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_TASK, -1);
    // The clock costs more than a progress that nobody would see.
    const int64_t now = brd_clock_now ();
    if (now < self->progress_at && done < total)
        return 0;
    self->progress_at = now + S_PROGRESS_NS;
    brd_wire_note_t note = { .done = done, .total = total };
    return s_note (self, BRD_OP_PROGRESS, &note);
}

int
brood_task_emit (brood_task_t *self, const char *picture, ...)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_TASK, -1);
    BRD_REQUIRE (picture != NULL, -1);
    if (brood_task_cancelled (self) == 1)
        return brd_error_set (ECANCELED, "nobody wants more");
    brood_msg_t *msg = brd_msg_new_empty ();
    if (!msg)
        return -1;
    va_list args;
    va_start (args, picture);
    int rc = brood_msg_vpack (msg, picture, args);
    va_end (args);
    if (rc == 0) {
        size_t size;
        brd_wire_note_t note = { .body = brd_msg_data (msg, &size) };
        note.size = (uint32_t) size;
        rc = s_note (self, BRD_OP_EMIT, &note);
    }
    brood_msg_destroy (&msg);
    if (rc == 0 && self->worker && ++self->emitted >= BRD_WORKER_EMIT_WINDOW)
        rc = brd_worker_wait_credit (self->worker);
    return rc;
}

int
brood_task_cancelled (const brood_task_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_TASK, -1);
    if (self->job
        && atomic_load_explicit (&self->job->stop, memory_order_relaxed))
        return 1;
    if (!self->worker || self->seq == 0)
        return 0;
    const uint64_t seq = atomic_load_explicit (&self->worker->page->cancel,
                                               memory_order_relaxed);
    return seq == self->seq
           || atomic_load_explicit (&self->worker->leave, memory_order_relaxed);
}

int
brood_task_time_left (const brood_task_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_TASK, -1);
    return brd_clock_left_ms (self->deadline);
}

int
brood_task_attempt (const brood_task_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_TASK, -1);
    return self->attempt;
}

const char *
brood_task_name (const brood_task_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_TASK, "");
    const brd_tasks_entry_t *entry = brd_tasks_of (self->fn);
    return entry ? entry->name : "";
}

int
brood_task_worker (const brood_task_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_TASK, -1);
    return self->place;
}

void *
brood_task_worker_data (const brood_task_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_TASK, NULL);
    return self->data ? *self->data : NULL;
}

int
brood_task_set_worker_data (brood_task_t *self,
                            void *data,
                            void (*free_fn) (void *data))
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_TASK, -1);
    BRD_REQUIRE (self->data != NULL, -1);
    if (*self->data && *self->data_free && *self->data != data)
        (*self->data_free) (*self->data);
    *self->data = data;
    *self->data_free = free_fn;
    return 0;
}
