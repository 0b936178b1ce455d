// test_core_worker.c - who is replaced, when, and who must wait for whom
//
// SPDX-License-Identifier: MPL-2.0

#include "t_core.h"

static void
s_test_idle_death (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 2", "start 1, start 2" },
        { "up 1", "" },
        { "up 2", "" },
        { "lost 1", "forget 1, start 3" },
        { "stats 1",
          "workers 2 idle 1 pending 0 running 0 done 0 failed 0 restarts 1" },
        { "submit a", "offer a 2" },
        { "submit b", "" },
        { "submit c", "" },
        { "up 3", "offer b 3, offer c 2" },
    };
    T_CORE_RUN (lines);
}

// The replacement has the place of the one it replaces.
static void
s_test_place (void **state)
{
    (void) state;
    t_core_t *self = t_core_new ();
    t_core_do (self, "open 1 workers 3");
    t_core_do (self, "up 2");
    t_core_do (self, "lost 2");
    assert_string_equal (self->text, "forget 2, start 4");
    assert_int_equal (self->effects->items[1].place, 1);
    t_core_destroy (self);
}

// The one that has had its tasks gets no more; its successor is started before
// it has finished, is given nothing until then, and everything after.
static void
s_test_max_tasks (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1 max_tasks 2", "start 1" },
        { "up 1", "" },
        { "submit a", "offer a 1" },
        { "done a", "end a ok, idle 1" },
        { "submit b", "offer b 1, start 2" },
        { "submit c", "" },
        { "up 2", "" },
        { "flush", "" },
        { "stats 1",
          "workers 2 idle 0 pending 1 running 1 done 1 failed 0 restarts 0" },
        { "done b", "end b ok, stop 1, offer c 2" },
        { "lost 1", "forget 1" },
        { "stats 1",
          "workers 1 idle 0 pending 0 running 1 done 2 failed 0 restarts 0" },
    };
    T_CORE_RUN (lines);
}

// With one task each, those that are slow to leave hold up the start of more:
// there are never more than three at a place.
static void
s_test_max_tasks_slow_exit (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1 max_tasks 1", "start 1" },
        { "up 1", "" },
        { "submit a", "offer a 1, start 2" },
        { "submit b", "" },
        { "submit c", "" },
        { "up 2", "" },
        { "done a", "end a ok, stop 1, offer b 2, start 3" },
        { "up 3", "" },
        { "done b", "end b ok, stop 2, offer c 3" },
        { "submit d", "" },
        { "lost 2", "forget 2, start 4" },
        { "up 4", "" },
        { "lost 1", "forget 1" },
        { "done c", "end c ok, stop 3, offer d 4, start 5" },
        { "done d", "end d ok, stop 4, idle 1" },
    };
    T_CORE_RUN (lines);
}

// What is taken back from a worker does not count as one of its tasks, but it
// never gets more than it may.
static void
s_test_max_tasks_reclaim (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 2 max_tasks 3", "start 1, start 2" },
        { "up 1", "" },
        { "submit a", "offer a 1" },
        { "submit b", "" },
        { "flush", "offer b 1" },
        { "up 2", "reclaim b 1" },
        { "back b", "offer b 2" },
        { "submit c", "" },
        { "submit d", "" },
        { "flush", "offer c 1, offer d 2" },
        { "done a", "end a ok" },
        { "done c", "end c ok, reclaim d 2" },
        { "kept d", "" },
        { "submit e", "offer e 1, start 3" },
    };
    T_CORE_RUN (lines);
}

static void
s_test_retire (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "retire 1", "" },
        { "up 1", "" },
        { "submit a", "offer a 1" },
        { "submit b", "" },
        { "flush", "offer b 1" },
        { "retire 1", "start 2, reclaim b 1, reclaim a 1" },
        { "retire 1", "" },
        { "back b", "" },
        { "kept a", "" },
        { "up 2", "" },
        { "flush", "" },
        { "done a", "end a ok, stop 1, offer b 2" },
        { "done b", "end b ok, idle 1" },
        // An idle one goes at once.
        { "retire 2", "start 3, stop 2" },
        { "lost 2", "forget 2" },
        { "stats 1",
          "workers 1 idle 0 pending 0 running 0 done 2 failed 0 restarts 0" },
    };
    T_CORE_RUN (lines);
}

// The death of one that retires makes way as well, and is a death.
static void
s_test_retire_death (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "up 1", "" },
        { "submit a", "offer a 1" },
        { "retire 1", "start 2, reclaim a 1" },
        { "kept a", "" },
        { "submit b", "" },
        { "up 2", "" },
        { "lost 1 a", "end a ECHILD, forget 1, offer b 2" },
    };
    T_CORE_RUN (lines);
}

// Between the death and its report nothing more goes to it.
static void
s_test_ending (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 2", "start 1, start 2" },
        { "up 1", "" },
        { "submit a", "offer a 1" },
        { "submit b", "" },
        { "flush", "offer b 1" },
        { "ending 1", "" },
        { "submit c", "" },
        { "flush", "" },
        { "done a", "end a ok" },
        { "back b", "" },
        { "up 2", "offer b 2, offer c 2" },
        { "lost 1", "forget 1, start 3" },
        { "up 3", "reclaim c 2" },
        { "ending 3", "" },
        { "back c", "" },
        { "flush", "offer c 2" },
    };
    T_CORE_RUN (lines);
}

// --- Too many deaths -------------------------------------------------------

static void
s_test_broken (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 2 restarts 3", "start 1, start 2" },
        { "up 1", "" },
        { "up 2", "" },
        { "@0 lost 1", "forget 1, start 3" },
        { "up 3", "" },
        { "@1000 lost 3", "forget 3, start 4" },
        { "up 4", "" },
        { "submit a", "offer a 4" },
        // A task that ends, well or not, says that something works.
        { "done a error 5", "end a EIO, idle 1" },
        { "@2000 lost 4", "forget 4, start 5" },
        { "@3000 up 5", "" },
        { "@3000 lost 5", "forget 5, start 6" },
        { "up 6", "" },
        { "submit a", "offer a 6" },
        { "submit b", "offer b 2" },
        // The first of three was 10 s and a bit before: not within 10 s.
        { "@10002001 lost 6 a", "end a ECHILD, forget 6, start 7" },
        { "@10002001 up 7", "" },
        { "@10003000 lost 7",
          "forget 7, broken 1 EPIPE, kill 2, end b EPIPE, "
          "idle 1" },
        { "submit c", "refused EPIPE" },
        { "lost 2", "forget 2" },
        { "close 1", "ended 1" },
        { "forget 1", "" },
    };
    T_CORE_RUN (lines);
}

static void
s_test_broken_default (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "up 1", "" },
        { "lost 1", "forget 1, start 2" },
        { "up 2", "" },
        { "lost 2", "forget 2, start 3" },
        { "up 3", "" },
        { "lost 3", "forget 3, start 4" },
        { "up 4", "" },
        { "lost 4", "forget 4, start 5" },
        { "up 5", "" },
        { "submit a", "offer a 5" },
        { "lost 5 a", "end a ECHILD, forget 5, broken 1 EPIPE, idle 1" },
    };
    T_CORE_RUN (lines);
}

// Workers that die before they are up: it is the initializer.
static void
s_test_broken_unborn (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1 restarts 2", "start 1" },
        { "submit a", "" },
        { "lost 1", "forget 1, start 2" },
        { "lost 2", "forget 2, broken 1 ENOEXEC, end a ENOEXEC, idle 1" },
        { "submit a", "refused ENOEXEC" },
    };
    T_CORE_RUN (lines);
}

static void
s_test_bad (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 2", "start 1, start 2" },
        { "up 1", "" },
        { "submit a", "offer a 1" },
        { "submit b", "" },
        { "bad 2",
          "broken 1 ENOEXEC, kill 1, end a ENOEXEC, kill 2, end b ENOEXEC, "
          "idle 1" },
        { "bad 1", "" },
        { "submit c", "refused ENOEXEC" },
        { "lost 1", "forget 1" },
        { "terminate 1", "" },
        { "lost 2", "forget 2, ended 1" },
    };
    T_CORE_RUN (lines);
}

// Deaths that were asked for are not counted.
static void
s_test_asked (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1 restarts 1", "start 1" },
        { "up 1", "" },
        { "submit a", "offer a 1" },
        { "kill a", "reclaim a 1" },
        { "kept a", "flag a 1, kill 1" },
        { "lost 1 a", "end a ECANCELED, forget 1, start 2, idle 1" },
        { "up 2", "" },
        { "retire 2", "start 3, stop 2" },
        { "lost 2", "forget 2" },
        { "up 3", "" },
        { "submit a", "offer a 3" },
    };
    T_CORE_RUN (lines);
}

// --- None to be had --------------------------------------------------------

static void
s_test_down (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "submit a", "" },
        { "down 1", "forget 1" },
        { "deadline", "100000" },
        { "@99999 tick", "" },
        { "@100000 tick", "start 2" },
        { "deadline", "never" },
        { "down 2", "forget 2" },
        { "deadline", "300000" },
        { "@300000 tick", "start 3" },
        { "up 3", "offer a 3" },
        { "done a", "end a ok, idle 1" },
        { "lost 3", "forget 3, start 4" },
        { "down 4", "forget 4" },
        { "deadline", "400000" },
        { "terminate 1", "ended 1" },
        { "deadline", "never" },
    };
    T_CORE_RUN (lines);
}

// Not broken as long as one is left; broken when none is, and none can be had.
static void
s_test_down_broken (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 2 restarts 2", "start 1, start 2" },
        { "up 1", "" },
        { "submit a", "offer a 1" },
        { "down 2", "forget 2" },
        { "@100000 tick", "start 3" },
        { "down 3", "forget 3" },
        { "@300000 tick", "start 4" },
        { "lost 1 a", "end a ECHILD, forget 1, start 5, idle 1" },
        { "submit b", "" },
        { "down 5", "forget 5" },
        { "down 4", "forget 4, broken 1 EPIPE, end b EPIPE, idle 1" },
        { "deadline", "never" },
    };
    T_CORE_RUN (lines);
}

// --- On demand -------------------------------------------------------------

static void
s_test_on_demand (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 3 on_demand 1", "" },
        { "submit a", "start 1" },
        { "up 1", "offer a 1" },
        // It waits behind a: that is a demand.
        { "submit b", "start 2" },
        { "up 2", "offer b 2" },
        { "done a", "end a ok" },
        { "submit c", "offer c 1" },
        { "done b", "end b ok" },
        { "done c", "end c ok, idle 1" },
        // One that dies idle is replaced when it is missed.
        { "lost 1", "forget 1" },
        { "submit a", "offer a 2" },
        { "submit b", "start 3" },
        { "flush", "offer b 2" },
        { "up 3", "reclaim b 2" },
        { "back b", "offer b 3" },
        // Pinned to a place that has nobody, though others are free.
        { "done a", "end a ok" },
        { "submit c pin 1", "start 4" },
    };
    T_CORE_RUN (lines);
}

// The place that is asked for, though others come before it.
static void
s_test_on_demand_pinned (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 3 on_demand 1", "" },
        { "submit a pin 3", "start 1" },
        { "up 1", "offer a 1" },
        { "done a", "end a ok, idle 1" },
        { "lost 1", "forget 1" },
        { "submit a pin 3", "start 2" },
        { "up 2", "offer a 2" },
    };
    T_CORE_RUN (lines);
}

// One that nobody waits for any more does not stand in the way of another.
static void
s_test_on_demand_behind (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 3 on_demand 1", "" },
        { "submit a pin 2", "start 1" },
        { "down 1", "forget 1" },
        { "submit b pin 3", "" },
        { "cancel b", "end b ECANCELED" },
        { "@100000 tick", "start 2" },
        { "up 2", "offer a 2" },
    };
    T_CORE_RUN (lines);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_idle_death),
        cmocka_unit_test (s_test_place),
        cmocka_unit_test (s_test_max_tasks),
        cmocka_unit_test (s_test_max_tasks_slow_exit),
        cmocka_unit_test (s_test_max_tasks_reclaim),
        cmocka_unit_test (s_test_retire),
        cmocka_unit_test (s_test_retire_death),
        cmocka_unit_test (s_test_ending),
        cmocka_unit_test (s_test_broken),
        cmocka_unit_test (s_test_broken_default),
        cmocka_unit_test (s_test_broken_unborn),
        cmocka_unit_test (s_test_bad),
        cmocka_unit_test (s_test_asked),
        cmocka_unit_test (s_test_down),
        cmocka_unit_test (s_test_down_broken),
        cmocka_unit_test (s_test_on_demand),
        cmocka_unit_test (s_test_on_demand_pinned),
        cmocka_unit_test (s_test_on_demand_behind),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
