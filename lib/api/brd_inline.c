// brd_inline.c - pools without processes: gdb, valgrind, and determinism
//
// SPDX-License-Identifier: MPL-2.0
//
// An inline pool runs each task in the thread that gives it, at once. The core
// and the host have no part in it; what a task sees and what its caller gets is
// the same. A task that crashes takes the program along: that is what it is
// for.

#include <errno.h>
#include <string.h>

#include "api/brd_pool.h"
#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "client/brd_msg.h"

static int
s_notify (brood_task_t *task, brd_op_t op, const brd_wire_note_t *note)
{
    brood_future_t *future = task->notify_arg;
    brd_host_lock (future->host);
    brd_future_note (future, op, note);
    brd_host_unlock (future->host);
    return 0;
}

static void
s_init (brood_task_t *task, const brd_inline_t *self, brood_pool_t *pool)
{
    memset (task, 0, offsetof (brood_task_t, text));
    task->text[0] = '\0';
    brd_handle_init (&task->handle, BRD_KIND_TASK);
    task->attempt = self->attempt;
    task->deadline = BRD_NEVER;
    brood_pool_t *whose = pool->of ? pool->of : pool;
    task->data = &whose->data;
    task->data_free = &whose->data_free;
    if (self->future) {
        task->notify = s_notify;
        task->notify_arg = self->future;
    }
}

static void
s_count (brood_pool_t *pool, int status)
{
    brood_pool_t *whose = pool->of ? pool->of : pool;
    brd_host_lock (pool->host);
    if (status == 0)
        whose->done++;
    else
        whose->failed++;
    brd_host_unlock (pool->host);
}

void
brd_inline_init (brd_inline_t *self,
                 const brd_core_task_options_t *options,
                 brood_future_t *future)
{
    // Nothing dies here but the program, so only failures are tried again.
    self->tries = options && !options->only_deaths ? options->retries + 1 : 1;
    self->attempt = 0;
    self->future = future;
    self->text[0] = '\0';
}

int
brd_inline_run (brd_inline_t *self,
                brood_pool_t *pool,
                brood_task_fn *fn,
                const brood_msg_t *in,
                brood_msg_t *out)
{
    brood_task_t task;
    size_t size;
    int status = -1;
    for (self->attempt = 1;; self->attempt++) {
        s_init (&task, self, pool);
        task.fn = brd_pool_address (&fn);
        brd_msg_reset (out);
        status = brd_worker_run (&task, fn, in, out);
        if (status == 0 && !brd_msg_data (out, &size)) {
            // What it packed by hand is no value.
            status = -1;
            brd_worker_explain (&task, status);
        }
        if (status == 0 || self->attempt >= self->tries)
            break;
    }
    if (status != 0)
        memcpy (self->text, task.text, sizeof self->text);
    s_count (pool, status);
    return status;
}

void
brd_inline_call (brd_inline_t *self,
                 brood_pool_t *pool,
                 brood_task_fn *fn,
                 const brood_msg_t *in,
                 brood_msg_t *out,
                 brd_call_end_t *ret_end)
{
    brd_call_end_t end = { 0 };
    end.status = brd_inline_run (self, pool, fn, in, out);
    end.attempt = self->attempt;
    if (end.status == 0)
        end.bytes = brd_msg_data (out, &end.size);
    else {
        end.error = EIO;
        end.bytes = self->text;
        end.size = strlen (self->text);
    }
    *ret_end = end;
}

int
brd_inline_map (brd_inline_t *self,
                brood_pool_t *pool,
                brood_mapper_fn *fn,
                const void *in,
                void *out,
                void *arg)
{
    brood_task_t task;
    int status = -1;
    for (self->attempt = 1;; self->attempt++) {
        s_init (&task, self, pool);
        task.fn = brd_pool_address (&fn);
        brd_error_forget ();
        brood_task_t *before = brd_worker_enter (&task);
        status = fn (in, out, arg);
        brd_worker_enter (before);
        if (status == 0 || self->attempt >= self->tries)
            break;
    }
    if (status != 0) {
        brd_worker_explain (&task, status);
        memcpy (self->text, task.text, sizeof self->text);
    }
    s_count (pool, status);
    return status;
}
