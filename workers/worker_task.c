// worker_task.c - calling user code, and knowing which task it is in
//
// SPDX-License-Identifier: MPL-2.0
//
// Read next: lib/api/brood_task.c, what user code may ask here.

#include <stdio.h>
#include <string.h>

#include "base/brd_error.h"
#include "workers/worker.h"

// One for each thread, because an inline pool runs tasks in whichever thread
// calls it.
static _Thread_local brood_task_t *s_current;

brood_task_t *
brd_worker_current (void)
{
    return s_current;
}

brood_task_t *
brd_worker_enter (brood_task_t *task)
{
    brood_task_t *before = s_current;
    s_current = task;
    return before;
}

void
brd_worker_explain (brood_task_t *task, int status)
{
    const char *text = brd_error_get ()->text;
    if (task->text[0] != '\0')
        return;
    if (text[0] != '\0')
        snprintf (task->text, sizeof task->text, "%s", text);
    else
        snprintf (task->text, sizeof task->text, "returned %d", status);
}

int
brd_worker_run (brood_task_t *task,
                brood_task_fn *fn,
                const brood_msg_t *in,
                brood_msg_t *out)
{
    task->text[0] = '\0';
    brd_error_forget ();
    brood_task_t *before = brd_worker_enter (task);
    const int status = fn (task, in, out);
    brd_worker_enter (before);
    if (status != 0)
        brd_worker_explain (task, status);
    return status;
}
