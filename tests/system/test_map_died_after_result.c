// test_map_died_after_result.c - an item whose result is there has not failed
//
// SPDX-License-Identifier: MPL-2.0
//
// A worker killed between leaving the result of a message map's item and going
// on to the next was told to have died in it: the item had an error and a
// result. The kill is placed by stepping the worker up to that moment; where
// ptrace is not allowed it comes before, and then the item must be a hole.

#include "t.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <brood.h>

#include "host/host.h"
#include "wire/brd_chunk.h"
#include "wire/brd_job.h"
#include "workers/worker.h"

enum {
    ITEMS = 8,
    KILLED = 3
};

// In shared memory, made before the pool.
static struct {
    _Atomic int go;       // 1: the worker may return from the item
    _Atomic int stepped;  // 1: it was killed after its result was there
    _Atomic int killed;   // 1: done, once
} * s_shared;

// 1 when the result of item KILLED is where its owner will find it: in the job,
// or, of a pool used as if it were remote, in the worker's report.
static int
s_is_there (const brood_task_t *task)
{
    const brd_page_t *page = task->worker->page;
    brd_chunk_report_t report;
    if (task->job)
        return atomic_load (
            &((brd_job_result_t *) (uintptr_t) task->job->plan.out)[KILLED]
                 .done);
    const void *bytes = brd_arena_at (task->worker->setup->arena, page->chunk);
    // Each is a byte.
    return bytes
           && brd_chunk_get_report (bytes, (size_t) page->chunk_size, &report)
                  == 0
           && report.outputs_size > KILLED;
}

static _Noreturn void
s_kill_when_done (pid_t worker, const brood_task_t *task)
{
    int status;
    const int traced = ptrace (PTRACE_ATTACH, worker, NULL, NULL) == 0
                       && waitpid (worker, &status, 0) == worker;
    atomic_store (&s_shared->go, 1);
    while (traced && !s_is_there (task)) {
        if (ptrace (PTRACE_SINGLESTEP, worker, NULL, NULL) < 0
            || waitpid (worker, &status, 0) != worker || !WIFSTOPPED (status))
            break;
    }
    atomic_store (&s_shared->stepped, s_is_there (task));
    kill (worker, SIGKILL);
    _exit (0);
}

static int
s_item (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return -1;
    if (n == KILLED && atomic_exchange (&s_shared->killed, 1) == 0) {
        const pid_t self = getpid ();
        (void) prctl (PR_SET_PTRACER, PR_SET_PTRACER_ANY);
        if (fork () == 0)
            s_kill_when_done (self, task);
        while (!atomic_load (&s_shared->go))
            usleep (500);
    }
    return brood_msg_pack (out, "%d", n * n);
}
BROOD_TASK (s_item);

static void
s_check (int remote)
{
    int errors[ITEMS];
    atomic_store (&s_shared->go, 0);
    atomic_store (&s_shared->killed, 0);
    brd_host_pool_pretends = remote;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    brd_host_pool_pretends = 0;
    assert_non_null (pool);
    BROOD_AUTO (msg)
    items = brood_msg_new (
        "[%d, %d, %d, %d, %d, %d, %d, %d]", 0, 1, 2, 3, 4, 5, 6, 7);
    BROOD_AUTO (msg)
    all = brood_pool_map_msg (
        pool,
        s_item,
        items,
        &(brood_map_options_t){ .ret_errors = errors, .chunk = ITEMS });
    assert_non_null (all);
    for (int i = 0; i < ITEMS; i++) {
        char path[16];
        int square = -1;
        snprintf (path, sizeof path, "[%d]", i);
        const int whole = brood_msg_get (all, path, "%d", &square) == 0;
        assert_int_equal (whole, errors[i] == 0);
        if (i != KILLED || atomic_load (&s_shared->stepped))
            assert_int_equal (square, i * i);
        else
            assert_int_equal (errors[i], ECHILD);
    }
}

static void
s_test (void **state)
{
    (void) state;
    s_check (0);
    s_check (1);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test (s_test) };
    t_watchdog (60);
    s_shared = t_share (sizeof *s_shared);
    if (brood_init (&argc, &argv) < 0)
        return 1;
    return cmocka_run_group_tests (tests, NULL, NULL);
}
