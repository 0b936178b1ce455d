// test_core_check.c - a broken invariant is found, and the dump tells of it
//
// SPDX-License-Identifier: MPL-2.0

#include "t_core.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/core_internal.h"

static const t_core_line_t s_story[] = {
    { "open 1 workers 2", "start 1, start 2" },
    { "up 1", "" },
    { "submit a retries 1 timeout 100", "offer a 1" },
    { "submit b key 1", "" },
    { "submit c key 1 pin 2", "" },
    { "submit d priority 3", "" },
    { "submit e pin 2", "" },
    { "flush", "offer d 1" },
};

// --- Breaking --------------------------------------------------------------

// Each makes one thing untrue.
static void
s_break_state (t_core_t *self)
{
    self->tasks[1].state = BRD_CORE_TASK_BLOCKED;
}

static void
s_break_count (t_core_t *self)
{
    self->core->outstanding++;
}

static void
s_break_list (t_core_t *self)
{
    brd_list_remove (&self->tasks[1].link);
}

static void
s_break_inflight (t_core_t *self)
{
    brd_list_remove (&self->tasks[0].link);
}

static void
s_break_flags (t_core_t *self)
{
    self->tasks[0].flags |= BRD_CORE_TASK_STARTED;
}

static void
s_break_key (t_core_t *self)
{
    self->tasks[1].flags = 0;
}

static void
s_break_timer (t_core_t *self)
{
    brd_heap_remove (&self->core->timers, &self->tasks[0].timer);
    self->tasks[0].timer.place = 7;
}

static void
s_break_room (t_core_t *self)
{
    self->core->timers.room = 1;
}

static void
s_break_rank (t_core_t *self)
{
    brd_core_worker_t *worker = brd_core_worker (self->core, 1);
    brd_core_ranks_put (&worker->pool->loads, &worker->load, 0);
}

static void
s_break_heavy (t_core_t *self)
{
    brd_core_worker_t *worker = brd_core_worker (self->core, 1);
    brd_core_ranks_put (
        &worker->pool->heavies, &worker->heavy, BRD_CORE_RANK_NONE);
}

static void
s_break_place (t_core_t *self)
{
    brd_core_worker (self->core, 2)->place->current = NULL;
}

static void
s_break_held (t_core_t *self)
{
    self->core->held_due = 5;
}

// A worker comes up and nobody feeds it.
static void
s_break_idle (t_core_t *self)
{
    brd_core_worker_t *worker = brd_core_worker (self->core, 2);
    worker->pool->states[BRD_CORE_WORKER_IS_STARTING]--;
    worker->pool->states[BRD_CORE_WORKER_IS_UP]++;
    worker->state = BRD_CORE_WORKER_IS_UP;
    brd_core_worker_rank (worker);
}

static void
s_check_broken (void (*breaker) (t_core_t *), int i)
{
    t_core_t *self = t_core_new ();
    t_core_run_on (self, s_story, T_CORE_COUNT (s_story));
    const pid_t pid = fork ();
    assert_true (pid >= 0);
    if (pid == 0) {
        t_default_signals ();
        close (STDERR_FILENO);
        if (breaker)
            breaker (self);
        brd_core_check (self->core);
        _exit (0);
    }
    int status;
    assert_int_equal (waitpid (pid, &status, 0), pid);
    if (!breaker)
        assert_int_equal (status, 0);
    else if (!WIFSIGNALED (status) || WTERMSIG (status) != SIGABRT)
        fail_msg ("break %d is not seen", i);
    t_core_destroy (self);
}

static void
s_test_check (void **state)
{
    (void) state;
    static void (*const breakers[]) (t_core_t *) = {
        NULL,         s_break_state,    s_break_count,
        s_break_list, s_break_inflight, s_break_flags,
        s_break_key,  s_break_timer,    s_break_room,
        s_break_rank, s_break_heavy,    s_break_place,
        s_break_held, s_break_idle,
    };
    for (size_t i = 0; i < sizeof breakers / sizeof breakers[0]; i++)
        s_check_broken (breakers[i], (int) i);
}

// --- Dump ------------------------------------------------------------------

static void
s_test_dump (void **state)
{
    (void) state;
    t_core_t *self = t_core_new ();
    t_core_run_on (self, s_story, T_CORE_COUNT (s_story));
    const size_t size = brd_core_dump (self->core, NULL, 0);
    char *text = malloc (size + 1);
    assert_non_null (text);
    memset (text, 'x', size + 1);
    assert_int_equal (brd_core_dump (self->core, text, size + 1), size);
    assert_int_equal (strlen (text), size);
    static const char *const wanted[] = {
        "now 0 tasks 5 deadline 100000 more 0\n",
        "pool 1 tasks 5 ready 1 inflight 2",
        "  worker 1 place 0 up tasks 2 ",
        "  worker 2 place 1 starting tasks 0 ",
        "    task offered worker 1 attempt 1 ",
        " due 100000\n",
        "  pinned to place 1\n",
        "      task blocked worker 0 ",
    };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (!strstr (text, wanted[i]))
            fail_msg ("no \"%s\" in\n%s", wanted[i], text);
    // As much as fits, always ended.
    char small[10];
    assert_int_equal (brd_core_dump (self->core, small, sizeof small), size);
    assert_string_equal (small, "now 0 tas");
    assert_int_equal (brd_core_dump (self->core, small, 1), size);
    assert_string_equal (small, "");
    free (text);
    t_core_destroy (self);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_check),
        cmocka_unit_test (s_test_dump),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
