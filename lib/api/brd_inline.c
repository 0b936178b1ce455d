// brd_inline.c - pools without processes: gdb, valgrind, and determinism
//
// SPDX-License-Identifier: MPL-2.0
//
// An inline pool runs each task in the thread that gives it, at once. The core
// and the host have no part in it; what a task sees and what its caller gets is
// the same. A task that crashes takes the program along: that is what it is
// for.

#include <string.h>

#include "api/brd_pool.h"
#include "base/brd_clock.h"
#include "base/brd_error.h"

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
s_init (brood_task_t *task, brood_pool_t *pool, brood_future_t *future)
{
    memset (task, 0, offsetof (brood_task_t, text));
    task->text[0] = '\0';
    brd_handle_init (&task->handle, BRD_KIND_TASK);
    task->attempt = 1;
    task->deadline = BRD_NEVER;
    task->data = &pool->data;
    task->data_free = &pool->data_free;
    if (future) {
        task->notify = s_notify;
        task->notify_arg = future;
    }
}

static void
s_count (brood_pool_t *pool, int status)
{
    brd_host_lock (pool->host);
    if (status == 0)
        pool->done++;
    else
        pool->failed++;
    brd_host_unlock (pool->host);
}

int
brd_inline_run (brood_pool_t *pool,
                brood_task_fn *fn,
                const brood_msg_t *in,
                brood_msg_t *out,
                brood_future_t *future,
                char text[BRD_PAGE_TEXT])
{
    brood_task_t task;
    s_init (&task, pool, future);
    task.fn = brd_pool_address (&fn);
    const int status = brd_worker_run (&task, fn, in, out);
    if (status != 0)
        memcpy (text, task.text, BRD_PAGE_TEXT);
    s_count (pool, status);
    return status;
}

int
brd_inline_map (brood_pool_t *pool,
                brood_mapper_fn *fn,
                const void *in,
                void *out,
                void *arg,
                char text[BRD_PAGE_TEXT])
{
    brood_task_t task;
    s_init (&task, pool, NULL);
    task.fn = brd_pool_address (&fn);
    brd_error_forget ();
    brood_task_t *before = brd_worker_enter (&task);
    const int status = fn (in, out, arg);
    brd_worker_enter (before);
    if (status != 0) {
        brd_worker_explain (&task, status);
        memcpy (text, task.text, BRD_PAGE_TEXT);
    }
    s_count (pool, status);
    return status;
}
