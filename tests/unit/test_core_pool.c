// test_core_pool.c - closing, terminating, cancelling, resizing, pinning
//
// SPDX-License-Identifier: MPL-2.0

#include "t_core.h"

static void
s_test_close (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 2", "start 1, start 2" },
        { "up 1", "" },
        { "submit a retries 1", "offer a 1" },
        { "submit b", "" },
        { "close 1", "" },
        { "close 1", "" },
        { "submit c", "refused EPIPE" },
        // What there is is done to the end, with replacements if need be.
        { "lost 1 a", "forget 1, start 3" },
        { "up 3", "offer b 3, offer a 3" },
        { "done b", "end b ok" },
        // One that is still starting stops when it is up.
        { "done a", "end a ok attempt 2, idle 1, stop 3" },
        { "lost 3", "forget 3" },
        { "up 2", "stop 2" },
        { "lost 2", "forget 2, ended 1" },
    };
    T_CORE_RUN (lines);
}

static void
s_test_close_empty (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "close 1", "" },
        { "lost 1", "forget 1, ended 1" },
        { "open 2 workers 1 on_demand 1", "" },
        { "close 2", "ended 2" },
        { "terminate 2", "" },
        { "forget 2", "" },
    };
    T_CORE_RUN (lines);
}

static void
s_test_terminate (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 2", "start 1, start 2" },
        { "up 1", "" },
        { "submit a key 1", "offer a 1" },
        { "submit b key 1", "" },
        { "submit c once 1", "" },
        { "submit d once 1", "" },
        { "submit e retries 1 delay 100", "" },
        { "flush", "offer c 1" },
        { "terminate 1",
          "kill 1, end c EPIPE, kill 2, end e EPIPE, end d EPIPE of c" },
    };
    t_core_t *self = t_core_new ();
    t_core_run_on (self, lines, T_CORE_COUNT (lines) - 1);
    t_core_do (self, "terminate 1");
    assert_int_equal (brd_core_outstanding (self->core), 0);
    static const t_core_line_t rest[] = {
        { "submit f", "refused EPIPE" },
        { "done a", "" },
        { "up 2", "" },
        { "lost 1", "forget 1" },
        { "terminate 1", "" },
        { "down 2", "forget 2, ended 1" },
        { "deadline", "never" },
        { "forget 1", "" },
    };
    t_core_run_on (self, rest, T_CORE_COUNT (rest));
    t_core_destroy (self);
}

static void
s_test_terminate_leaving (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" }, { "up 1", "" },
        { "retire 1", "start 2, stop 1" }, { "terminate 1", "kill 1, kill 2" },
        { "lost 2", "forget 2" },          { "lost 1", "forget 1, ended 1" },
    };
    T_CORE_RUN (lines);
}

static void
s_test_cancel (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "up 1", "" },
        { "submit a key 1 retries 3", "offer a 1" },
        { "submit b", "" },
        { "flush", "offer b 1" },
        { "submit c", "" },
        { "submit d key 1", "" },
        { "submit e retries 1", "" },
        { "cancel_pool 1",
          "end c ECANCELED, end e ECANCELED, reclaim b 1, reclaim a 1, "
          "end d ECANCELED" },
        { "back b", "end b ECANCELED" },
        { "kept a", "flag a 1" },
        // It stays usable, also for the same key.
        { "submit f key 1", "" },
        { "submit g", "" },
        { "flush", "offer g 1" },
        { "done a error 5", "end a ECANCELED, offer f 1" },
        { "done g", "end g ok" },
        { "done f", "end f ok, idle 1" },
        { "cancel_pool 1", "" },
        { "submit a", "offer a 1" },
        { "done a error 5", "end a EIO, idle 1" },
    };
    T_CORE_RUN (lines);
}

// Cancelled between two attempts, and as its worker dies.
static void
s_test_cancel_retry (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "up 1", "" },
        { "submit a retries 1 delay 100", "offer a 1" },
        { "done a error 5", "" },
        { "cancel_pool 1", "end a ECANCELED attempt 2, idle 1" },
        { "submit a retries 1", "offer a 1" },
        { "cancel_pool 1", "reclaim a 1" },
        { "lost 1 a", "end a ECANCELED, forget 1, start 2, idle 1" },
    };
    T_CORE_RUN (lines);
}

static void
s_test_resize (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 3", "start 1, start 2, start 3" },
        { "up 1", "" },
        { "up 2", "" },
        { "submit a", "offer a 2" },
        { "submit b", "offer b 1" },
        { "submit c", "" },
        { "submit d", "" },
        { "flush", "offer c 2, offer d 1" },
        // The surplus leaves after its current task.
        { "resize 1 1", "reclaim c 2, reclaim a 2" },
        { "back c", "" },
        { "kept a", "" },
        { "up 3", "stop 3" },
        { "lost 3", "forget 3" },
        { "done a", "end a ok, stop 2" },
        { "lost 2", "forget 2" },
        { "stats 1",
          "workers 1 idle 0 pending 1 running 2 done 1 failed 0 restarts 0" },
        { "done b", "end b ok, offer c 1" },
        { "resize 1 2", "start 4" },
        { "up 4", "reclaim c 1" },
        { "back c", "offer c 4" },
        { "resize 1 2", "" },
    };
    t_core_t *self = t_core_new ();
    t_core_run_on (self, lines, T_CORE_COUNT (lines));
    t_core_destroy (self);
}

// Down and up again while the surplus still has a task: the new one waits.
static void
s_test_resize_back (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 2", "start 1, start 2" },
        { "up 2", "" },
        { "submit a", "offer a 2" },
        { "resize 1 1", "reclaim a 2" },
        { "kept a", "" },
        { "resize 1 2", "start 3" },
        { "up 3", "" },
        { "submit b", "" },
        { "flush", "" },
        { "done a", "end a ok, stop 2, offer b 3" },
    };
    T_CORE_RUN (lines);
}

// --- Pinned ----------------------------------------------------------------

static void
s_test_pin (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 2", "start 1, start 2" },
        { "up 1", "" },
        { "submit a pin 1", "offer a 1" },
        { "submit b pin 2", "" },
        { "submit c pin 1", "offer c 1" },
        { "submit d pin 1", "" },
        { "flush", "" },
        { "done a", "end a ok, offer d 1" },
        // Not taken for a worker that has nothing to do.
        { "up 2", "offer b 2" },
        { "done b", "end b ok" },
        // It goes with the place, not with the worker.
        { "ending 1", "" },
        { "back d", "" },
        { "lost 1 c", "end c ECHILD, forget 1, start 3" },
        { "submit e", "offer e 2" },
        { "up 3", "offer d 3" },
        { "done d", "end d ok" },
        { "done e", "end e ok, idle 1" },
    };
    T_CORE_RUN (lines);
}

static void
s_test_pin_resize (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 2", "start 1, start 2" },
        { "submit a pin 2", "" },
        { "resize 1 1", "end a ECANCELED, idle 1" },
        { "submit a pin 2", "refused EINVAL" },
        { "resize 1 2", "" },
        { "submit a pin 2 retries 4", "" },
        { "up 2", "offer a 2" },
        { "submit b pin 2", "offer b 2" },
        { "resize 1 1", "reclaim b 2, reclaim a 2" },
        { "back b", "end b ECANCELED" },
        { "kept a", "" },
        { "done a error 5", "end a EIO, stop 2, idle 1" },
    };
    T_CORE_RUN (lines);
}

// Those that wait for something else when their place goes.
static void
s_test_pin_resize_later (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 2", "start 1, start 2" },
        { "up 1", "" },
        { "up 2", "" },
        { "submit a key 1", "offer a 2" },
        { "submit b key 1 pin 2", "" },
        { "submit c pin 2 retries 1 delay 100", "offer c 2" },
        { "submit d key 1", "" },
        { "done c error 5", "" },
        { "resize 1 1", "reclaim a 2" },
        { "kept a", "" },
        { "done a", "stop 2, end a ok, end b ECANCELED, offer d 1" },
        { "@100 tick", "end c ECANCELED attempt 2" },
        { "done d", "end d ok, idle 1" },
    };
    T_CORE_RUN (lines);
}

// A retry of a pinned task must not go back to the worker that just died.
static void
s_test_pin_retry (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "up 1", "" },
        { "submit a pin 1 retries 1", "offer a 1" },
        { "lost 1 a", "forget 1, start 2" },
        { "up 2", "offer a 2" },
        { "done a error 5", "end a EIO attempt 2, idle 1" },
    };
    T_CORE_RUN (lines);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_close),
        cmocka_unit_test (s_test_close_empty),
        cmocka_unit_test (s_test_terminate),
        cmocka_unit_test (s_test_terminate_leaving),
        cmocka_unit_test (s_test_cancel),
        cmocka_unit_test (s_test_cancel_retry),
        cmocka_unit_test (s_test_resize),
        cmocka_unit_test (s_test_resize_back),
        cmocka_unit_test (s_test_pin),
        cmocka_unit_test (s_test_pin_resize),
        cmocka_unit_test (s_test_pin_resize_later),
        cmocka_unit_test (s_test_pin_retry),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
