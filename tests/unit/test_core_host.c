// test_core_host.c - workers of N slots: hosts that come, answer late and go
//
// SPDX-License-Identifier: MPL-2.0

#include "t_core.h"

// One of two slots.
#define S_ONE \
    { "open 1 hosts 1 joined 1 guard 1000", "" }, { "join 1", "join 1" }, \
    { \
        "up 1 2", "" \
    }

static void
s_test_join (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 hosts 1 joined 1", "" },
        { "stats 1",
          "workers 0 idle 0 pending 0 running 0 done 0 failed 0 restarts 0" },
        { "submit a", "" },
        { "join 1", "join 1" },
        { "stats 1",
          "workers 0 idle 0 pending 1 running 0 done 0 failed 0 restarts 0" },
        { "up 1 3", "offer a 1" },
        { "stats 1",
          "workers 3 idle 2 pending 0 running 1 done 0 failed 0 restarts 0" },
        // Two more, one by one, and the rest waits.
        { "submit b", "offer b 1" },
        { "submit c", "offer c 1" },
        { "submit d", "" },
        // A second one; 0 counts as 1.
        { "join 1", "join 2" },
        { "up 2 0", "offer d 2" },
        { "done a", "end a ok" },
        { "done b", "end b ok" },
        { "done c", "end c ok" },
        { "done d", "end d ok, idle 1" },
        { "close 1", "stop 1, stop 2" },
        { "join 1", "refused EPIPE" },
        { "lost 1", "forget 1" },
        { "lost 2", "forget 2, ended 1" },
    };
    T_CORE_RUN (lines);
}

// A place is given anew only when nothing is left of who had it.
static void
s_test_place (void **state)
{
    (void) state;
    t_core_t *self = t_core_new ();
    static const t_core_line_t lines[] = {
        S_ONE,
        { "submit a", "offer a 1" },
        { "retire 1", "reclaim a 1" },
        { "join 1", "join 2" },
        { "kept a", "" },
        { "done a", "end a ok, stop 1, idle 1" },
        { "lost 1", "forget 1" },
        { "join 1", "join 3" },
    };
    t_core_run_on (self, lines, T_CORE_COUNT (lines));
    assert_int_equal (self->effects->items[0].place, 0);
    t_core_destroy (self);
}

static void
s_test_refused (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1 joined 1", "refused EINVAL" },
        { "open 1 workers 1 hosts 1 max_tasks 3", "refused EINVAL" },
        { "open 1 workers 1 hosts 1 on_demand 1", "refused EINVAL" },
        { "open 1 workers 0 hosts 1", "refused EINVAL" },
        { "join 1", "refused EPIPE" },
        { "open 1 workers 1", "start 1" },
        { "join 1", "refused EINVAL" },
        { "submit a each 1", "refused EINVAL" },
        { "width 1 5", "" },
        { "rtt 1 5", "" },
        { "up 1 5", "" },
        { "stats 1",
          "workers 1 idle 1 pending 0 running 0 done 0 failed 0 restarts 0" },
        { "open 2 hosts 1 joined 1", "" },
        { "join 2", "join 2" },
        { "up 2 2", "" },
        { "resize 2 3", "refused EINVAL" },
        { "submit a pool 2 pin 1", "refused EINVAL" },
        { "submit a pool 2 each 1", "refused EINVAL" },
        { "submit a pool 2 pin 2 each 1", "refused EINVAL" },
        { "submit a pool 2 pin 1 each 1", "offer a 2" },
        { "terminate 2", "kill 2, end a EPIPE, idle 2" },
        { "join 2", "refused EPIPE" },
    };
    T_CORE_RUN (lines);
}

// Free slots first, in proportion; then in advance, likewise.
static void
s_test_proportion (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 hosts 1 joined 1", "" },
        { "join 1", "join 1" },
        { "join 1", "join 2" },
        { "up 1 4", "" },
        { "up 2 2", "" },
        { "submit a", "offer a 2" },
        { "submit b", "offer b 1" },
        { "submit c", "offer c 1" },
        { "submit d", "offer d 2" },
        { "submit e", "offer e 1" },
        { "submit f", "offer f 1" },
        { "submit g", "" },
        { "submit h", "" },
        { "submit i", "" },
        { "submit j", "" },
        { "submit k", "" },
        { "submit l", "" },
        { "flush",
          "offer g 2, offer h 2, offer i 1, offer j 1, offer k 1, offer l 1" },
        { "submit m", "" },
        { "flush", "" },
    };
    T_CORE_RUN (lines);
}

// What is further away has more in advance: 1 ms of work for a near one, 1 ms
// and two ways for a far one.
static void
s_test_far (void **state)
{
    (void) state;
    t_core_t *self = t_core_new ();
    static const t_core_line_t lines[] = {
        { "open 1 hosts 1 joined 1", "" },
        { "join 1", "join 1" },
        { "up 1 1", "" },
        { "submit a", "offer a 1" },
        { "done a time 1000", "end a ok, idle 1" },
        { "submit a", "offer a 1" },
        { "submit b", "" },
        { "submit c", "" },
        { "submit d", "" },
        { "submit e", "" },
        { "submit f", "" },
        { "submit g", "" },
        { "submit h", "" },
        { "flush", "offer b 1" },
        { "flush", "" },
        { "rtt 1 2000", "" },
        { "flush", "offer c 1, offer d 1, offer e 1, offer f 1" },
        { "flush", "" },
        { "rtt 1 0", "" },
    };
    t_core_run_on (self, lines, T_CORE_COUNT (lines));
    t_core_destroy (self);
}

// A silent host is given nothing and asked for nothing, and nobody waits for
// what it was asked; what it has goes on.
static void
s_test_silent (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        S_ONE,
        { "submit a", "offer a 1" },
        { "submit b", "offer b 1" },
        { "submit c", "" },
        { "submit d", "" },
        { "flush", "offer c 1, offer d 1" },
        { "width 1 0", "" },
        { "submit e", "" },
        { "join 1", "join 2" },
        { "up 2 1", "offer e 2" },
        { "done e", "end e ok" },
        { "done a", "end a ok" },
        { "stats 1",
          "workers 1 idle 1 pending 0 running 3 done 2 failed 0 restarts 0" },
        // It talks again.
        { "width 1 2", "reclaim d 1" },
        { "width 1 0", "" },
        // What it was asked counts again.
        { "width 1 1", "" },
        { "back d", "offer d 2" },
        { "kept c", "" },
        { "done b", "end b ok" },
        { "done c", "end c ok" },
        { "done d", "end d ok, idle 1" },
    };
    T_CORE_RUN (lines);
}

// Slots come and go while tasks run.
static void
s_test_width (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        S_ONE,
        { "submit a", "offer a 1" },
        { "submit b", "offer b 1" },
        { "submit c", "" },
        { "width 1 3", "offer c 1" },
        { "width 1 1", "" },
        { "stats 1",
          "workers 1 idle 0 pending 0 running 3 done 0 failed 0 restarts 0" },
        { "done a", "end a ok" },
        { "done b", "end b ok" },
        { "submit d", "" },
        { "flush", "offer d 1" },
        { "width 9 5", "" },
        { "done c", "end c ok" },
        { "done d", "end d ok, idle 1" },
    };
    T_CORE_RUN (lines);
}

// What has not started goes back to where it was, the rest may have run.
static void
s_test_lost (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        S_ONE,
        { "submit a", "offer a 1" },
        { "submit b retries 1", "offer b 1" },
        { "submit c", "" },
        { "submit d retries 1 deaths_only 1", "" },
        { "flush", "offer c 1, offer d 1" },
        { "ending 1", "" },
        { "back c", "" },
        { "lost 1", "end a ECHILD maybe, forget 1" },
        { "join 1", "join 2" },
        { "up 2 4", "offer c 2, offer b 2, offer d 2" },
        { "ending 2", "" },
        { "done c", "end c ok" },
        { "lost 2",
          "end b ECHILD attempt 2 maybe, end d ECHILD attempt 2 maybe, forget "
          "2, idle 1" },
        { "stats 1",
          "workers 0 idle 0 pending 0 running 0 done 1 failed 3 restarts 0" },
    };
    T_CORE_RUN (lines);
}

// A lost host is no evidence against a task; a worker that died below is.
static void
s_test_poison (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1 hosts 1 restarts 1", "start 1" },
        { "up 1 2", "" },
        { "submit a retries 9", "offer a 1" },
        { "lost 1", "forget 1" },
        { "@100000 tick", "start 2" },
        { "up 2 2", "offer a 2" },
        { "lost 2", "forget 2" },
        { "@300000 tick", "start 3" },
        { "up 3 2", "offer a 3" },
        { "lost 3", "forget 3" },
        { "@700000 tick", "start 4" },
        { "up 4 2", "offer a 4" },
        { "done a error 10 maybe 1", "offer a 4" },
        { "done a error 10 lost 1", "offer a 4" },
        { "done a error 10", "offer a 4" },
        { "done a error 10", "offer a 4" },
        { "done a error 10", "end a ELOOP attempt 8, idle 1" },
        { "stats 1",
          "workers 2 idle 2 pending 0 running 0 done 0 failed 1 restarts 3" },
        // A finished task says that all is well.
        { "submit b", "offer b 4" },
        { "done b", "end b ok, idle 1" },
        { "lost 4", "forget 4" },
        { "deadline", "800000" },
    };
    T_CORE_RUN (lines);
}

// What DONE says, with retries and without.
static void
s_test_done (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        S_ONE,
        { "submit a", "offer a 1" },
        { "done a error 10", "end a ECHILD, idle 1" },
        { "submit a", "offer a 1" },
        { "done a error 10 lost 1", "end a ECHILD lost, idle 1" },
        { "submit a", "offer a 1" },
        { "done a error 10 maybe 1", "end a ECHILD maybe, idle 1" },
        { "submit a retries 1 deaths_only 1", "offer a 1" },
        { "done a error 110", "offer a 1" },
        { "done a error 110", "end a ETIMEDOUT attempt 2, idle 1" },
        { "submit a retries 1 deaths_only 1", "offer a 1" },
        { "done a error 5", "end a EIO, idle 1" },
        { "submit a retries 2", "offer a 1" },
        { "done a error 5", "offer a 1" },
        { "done a error 125", "end a ECANCELED attempt 2, idle 1" },
    };
    T_CORE_RUN (lines);
}

// One message; what is not started is ended below.
static void
s_test_cancel (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        S_ONE,
        { "submit a", "offer a 1" },
        { "submit b retries 3", "offer b 1" },
        { "cancel a", "flag a 1" },
        { "cancel a", "" },
        { "cancel_pool 1", "flag b 1" },
        // In any order, twice, and of others.
        { "kept b", "" },
        { "kept b", "" },
        { "done b by 7 error 5", "" },
        { "back a", "end a ECANCELED" },
        { "done a", "" },
        { "kept a", "" },
        { "probed a 5", "" },
        { "done b error 10", "end b ECANCELED, idle 1" },
        { "submit c", "offer c 1" },
        { "cancel c", "flag c 1" },
        { "done c", "end c ok, idle 1" },
    };
    T_CORE_RUN (lines);
}

// Killed below; the host itself only when nothing comes of that.
static void
s_test_kill (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        S_ONE,
        { "submit a", "offer a 1" },
        { "submit b", "offer b 1" },
        { "kill a 100", "kill_task a 1" },
        { "deadline", "1100" },
        { "kill a 50", "kill_task a 1" },
        { "deadline", "1050" },
        { "kept a", "" },
        { "@500 done a error 125", "end a ECANCELED" },
        { "deadline", "never" },
        { "kill b 100", "kill_task b 1" },
        { "@1599 tick", "" },
        { "@1600 tick", "kill 1" },
        { "submit c", "" },
        { "lost 1", "end b ECANCELED, forget 1" },
        { "join 1", "join 2" },
        { "up 2", "offer c 2" },
    };
    T_CORE_RUN (lines);
}

// The level below keeps the time; we ask whether it does.
static void
s_test_guard (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        S_ONE,
        { "submit a timeout 100 grace 10", "offer a 1" },
        { "submit b", "offer b 1" },
        { "deadline", "1110" },
        { "@1110 tick", "probe a 1" },
        { "deadline", "2110" },
        // It has not started: the same again.
        { "@1200 probed a 0", "" },
        { "deadline", "2310" },
        { "@2310 tick", "probe a 1" },
        // Now it has, a while ago, and the answer came twice.
        { "@2400 probed a 1500", "" },
        { "probed a 1500", "" },
        { "deadline", "2610" },
        { "@2610 tick", "probe a 1" },
        // It runs since then, so it should have been ended.
        { "@2620 probed a 1500", "kill 1" },
        { "lost 1", "end a ETIMEDOUT, end b ECHILD maybe, forget 1, idle 1" },
        // No answer at all.
        { "join 1", "join 2" },
        { "up 2 1", "" },
        { "submit a timeout 100 grace 10 retries 1", "offer a 2" },
        { "@3730 tick", "probe a 2" },
        { "@4730 tick", "kill 2" },
        { "lost 2", "forget 2" },
    };
    T_CORE_RUN (lines);
}

// Its place in the line is not lost while the answer is on its way.
static void
s_test_queue_timeout (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 hosts 1 joined 1 guard 1000", "" },
        { "submit a queue 100", "" },
        { "@100 tick", "end a ETIMEDOUT, idle 1" },
        { "join 1", "join 1" },
        { "up 1 1", "" },
        { "submit a", "offer a 1" },
        { "submit b queue 100 timeout 5000 grace 1", "" },
        { "flush", "offer b 1" },
        { "@200 tick", "reclaim b 1" },
        { "deadline", "1200" },
        // It has started just then, and runs on.
        { "@300 kept b", "" },
        { "deadline", "1200" },
        { "@1200 tick", "probe b 1" },
        { "@1300 probed b 150", "" },
        { "deadline", "6151" },
        { "done b", "end b ok" },
        { "submit c queue 100", "" },
        { "flush", "offer c 1" },
        { "@1400 tick", "reclaim c 1" },
        { "back c", "end c ETIMEDOUT" },
    };
    T_CORE_RUN (lines);
}

// Back to the loaded one's free slots is not where it goes; and it ends.
static void
s_test_take_back (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        S_ONE,
        { "submit a", "offer a 1" },
        { "submit b", "offer b 1" },
        { "submit c", "" },
        { "submit d", "" },
        { "flush", "offer c 1, offer d 1" },
        { "join 1", "join 2" },
        // One answer is awaited, and is for one of the free slots.
        { "up 2 2", "reclaim d 1, reclaim c 1" },
        { "kept d", "reclaim b 1" },
        // Two are seen to run, so a does not.
        { "kept b", "reclaim a 1" },
        { "kept a", "" },
        { "back c", "offer c 2" },
        { "done a", "end a ok" },
        { "deadline", "never" },
        { "done b", "end b ok" },
        { "done c", "end c ok" },
        { "done d", "end d ok, idle 1" },
    };
    T_CORE_RUN (lines);
}

// Legs of a map take a slot each for long, and the others are as before.
static void
s_test_whole (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        S_ONE,
        { "submit a whole 1", "offer a 1" },
        { "submit b", "offer b 1" },
        { "submit c", "" },
        { "submit d", "" },
        { "flush", "offer c 1" },
        { "flush", "" },
        { "done b", "end b ok, offer d 1" },
    };
    T_CORE_RUN (lines);
}

// For every worker of one host; ended when that has gone.
static void
s_test_each (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 hosts 1 joined 1", "" },
        { "join 1", "join 1" },
        { "submit a pin 1 each 1", "" },
        { "join 1", "join 2" },
        { "up 2 1", "" },
        { "submit b pin 2 each 1 retries 1", "offer b 2" },
        { "down 1", "forget 1, end a ECANCELED" },
        { "submit a pin 1 each 1", "refused EINVAL" },
        { "lost 2", "end b ECHILD maybe, forget 2, idle 1" },
        { "join 1", "join 3" },
        { "up 3 1", "" },
        { "submit b pin 2 each 1", "refused EINVAL" },
    };
    T_CORE_RUN (lines);
}

// Tasks of one key run one at a time, whatever is free; the shared outcome of
// once is that of one; the higher priority goes first.
static void
s_test_order (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        S_ONE,
        { "submit a key 1 retries 1", "offer a 1" },
        { "submit b key 1", "" },
        { "submit c once 1", "offer c 1" },
        { "submit d once 1", "" },
        { "submit e", "" },
        { "submit f priority 5", "" },
        { "done a error 10 maybe 1", "offer f 1, offer e 1, offer a 1" },
        { "done f", "end f ok" },
        { "done e", "end e ok" },
        { "done a", "end a ok attempt 2, offer b 1" },
        { "done c error 10 maybe 1",
          "end d ECHILD maybe of c, end c ECHILD maybe" },
        { "done b", "end b ok, idle 1" },
    };
    T_CORE_RUN (lines);
}

// Hosts that cannot come break a pool that starts them, not one they join.
static void
s_test_down (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1 hosts 1 restarts 2", "start 1" },
        { "submit a pool 1", "" },
        { "down 1", "forget 1" },
        { "@100000 tick", "start 2" },
        { "down 2", "forget 2, broken 1 EPIPE, end a EPIPE, idle 1" },
        { "open 2 hosts 1 joined 1 restarts 1", "" },
        { "submit b pool 2 queue 900000", "" },
        { "join 2", "join 3" },
        { "down 3", "forget 3" },
        { "join 2", "join 4" },
        { "up 4 1", "offer b 4" },
        { "lost 4", "end b ECHILD maybe, forget 4, idle 2" },
        { "join 2", "join 5" },
        { "lost 5", "forget 5" },
        { "deadline", "never" },
        { "close 2", "ended 2" },
        { "join 2", "refused EPIPE" },
    };
    T_CORE_RUN (lines);
}

// What it gives back goes elsewhere at once, whatever else it answers.
static void
s_test_retire (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        S_ONE,
        { "submit a", "offer a 1" },
        { "submit b", "offer b 1" },
        { "submit c", "" },
        { "flush", "offer c 1" },
        { "join 1", "join 2" },
        { "retire 1", "reclaim c 1, reclaim b 1, reclaim a 1" },
        { "retire 1", "" },
        { "up 2 4", "" },
        { "back b", "" },
        { "kept a", "offer b 2" },
        { "stats 1",
          "workers 6 idle 3 pending 0 running 3 done 0 failed 0 restarts 0" },
        // It falls silent, and then does answer.
        { "width 1 0", "" },
        { "back c by 1", "offer c 2" },
        { "width 1 2", "" },
        { "done b by 1", "" },
        { "back c by 1", "" },
        { "done a", "end a ok, stop 1" },
        { "width 1 9", "" },
        { "retire 1", "" },
        { "stats 1",
          "workers 4 idle 2 pending 0 running 2 done 1 failed 0 restarts 0" },
        { "lost 1", "forget 1" },
        { "up 1 4", "" },
        { "width 1 4", "" },
        { "lost 1", "" },
        { "done b", "end b ok" },
        { "done c", "end c ok, idle 1" },
        { "done c", "" },
        { "back c", "" },
    };
    T_CORE_RUN (lines);
}

// However short its tasks are and however far it is, what it holds is bounded.
static void
s_test_bound (void **state)
{
    (void) state;
    enum {
        WIDTH = 1000,
        COUNT = BRD_CORE_HOST_INFLIGHT_MAX + 1000
    };
    t_core_t *self = t_core_new ();
    brd_core_task_t *tasks = calloc (COUNT, sizeof *tasks);
    assert_non_null (tasks);
    static const t_core_line_t lines[] = {
        { "open 1 hosts 1 joined 1", "" },
        { "join 1", "join 1" },
        { "up 1 1000", "" },
        { "rtt 1 100000", "" },
        { "submit a", "offer a 1" },
        { "done a time 1", "end a ok, idle 1" },
    };
    t_core_run_on (self, lines, T_CORE_COUNT (lines));
    brd_core_event_t event;
    for (size_t i = 0; i < COUNT; i++) {
        tasks[i] = (brd_core_task_t){ .pool = 1 };
        event =
            (brd_core_event_t){ .type = BRD_CORE_SUBMIT, .task = &tasks[i] };
        assert_int_equal (brd_core_step (self->core, 0, &event, self->effects),
                          0);
    }
    event = (brd_core_event_t){ .type = BRD_CORE_FLUSH };
    do {
        assert_int_equal (brd_core_step (self->core, 0, &event, self->effects),
                          0);
        event.type = BRD_CORE_TICK;
    } while (brd_core_more (self->core));
    brd_core_pool_stats_t stats;
    assert_int_equal (brd_core_pool_stats (self->core, 1, &stats), 0);
    // The last few are not worth a message.
    assert_in_range (stats.running,
                     BRD_CORE_HOST_INFLIGHT_MAX - 64,
                     BRD_CORE_HOST_INFLIGHT_MAX);
    assert_int_equal (stats.running + stats.pending, COUNT);
    brd_core_check (self->core);
    t_core_destroy (self);
    free (tasks);
}

// More than one step has room for: cancelled, given back, lost.
static void
s_test_many (void **state)
{
    (void) state;
    enum {
        COUNT = 5000
    };
    brd_core_effects_t *effects = calloc (1, sizeof *effects);
    brd_core_task_t *tasks = calloc (COUNT, sizeof *tasks);
    assert_non_null (effects);
    assert_non_null (tasks);
    static const brd_core_pool_options_t options = { .hosts = 1, .joined = 1 };
    static const brd_core_event_type_t kinds[] = { BRD_CORE_POOL_CANCEL,
                                                   BRD_CORE_WORKER_RETIRE,
                                                   BRD_CORE_WORKER_LOST,
                                                   BRD_CORE_POOL_TERMINATE };
    for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
        brd_core_t *core = brd_core_new ();
        brd_core_event_t event = { .type = BRD_CORE_POOL_OPEN,
                                   .pool = 1,
                                   .pool_options = &options };
        size_t seen[BRD_CORE_DO_POOL_ENDED + 1] = { 0 };
        assert_non_null (core);
        assert_int_equal (brd_core_step (core, 0, &event, effects), 0);
        event.type = BRD_CORE_WORKER_JOIN;
        assert_int_equal (brd_core_step (core, 0, &event, effects), 0);
        event = (brd_core_event_t){ .type = BRD_CORE_WORKER_UP,
                                    .worker = effects->items[0].worker,
                                    .count = COUNT };
        const uint32_t worker = event.worker;
        assert_int_equal (brd_core_step (core, 0, &event, effects), 0);
        for (size_t i = 0; i < COUNT; i++) {
            tasks[i] = (brd_core_task_t){ .pool = 1 };
            event = (brd_core_event_t){ .type = BRD_CORE_SUBMIT,
                                        .task = &tasks[i] };
            assert_int_equal (brd_core_step (core, 0, &event, effects), 0);
            assert_int_equal (effects->count, 1);
        }
        event = (brd_core_event_t){ .type = kinds[kind],
                                    .pool = 1,
                                    .worker = worker };
        do {
            assert_int_equal (brd_core_step (core, 0, &event, effects), 0);
            brd_core_check (core);
            for (size_t i = 0; i < effects->count; i++)
                seen[effects->items[i].type]++;
            event = (brd_core_event_t){ .type = BRD_CORE_TICK };
        } while (brd_core_more (core));
        const size_t ended = kind >= 2 ? COUNT : 0;
        assert_int_equal (seen[BRD_CORE_DO_END], ended);
        assert_int_equal (seen[BRD_CORE_DO_FLAG], kind == 0 ? COUNT : 0);
        assert_int_equal (seen[BRD_CORE_DO_RECLAIM], kind == 1 ? COUNT : 0);
        assert_int_equal (seen[BRD_CORE_DO_FORGET], kind == 2);
        assert_int_equal (seen[BRD_CORE_DO_KILL], kind == 3);
        brd_core_destroy (&core);
    }
    free (tasks);
    free (effects);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_join),
        cmocka_unit_test (s_test_place),
        cmocka_unit_test (s_test_refused),
        cmocka_unit_test (s_test_proportion),
        cmocka_unit_test (s_test_far),
        cmocka_unit_test (s_test_silent),
        cmocka_unit_test (s_test_width),
        cmocka_unit_test (s_test_lost),
        cmocka_unit_test (s_test_poison),
        cmocka_unit_test (s_test_done),
        cmocka_unit_test (s_test_cancel),
        cmocka_unit_test (s_test_kill),
        cmocka_unit_test (s_test_guard),
        cmocka_unit_test (s_test_queue_timeout),
        cmocka_unit_test (s_test_take_back),
        cmocka_unit_test (s_test_whole),
        cmocka_unit_test (s_test_each),
        cmocka_unit_test (s_test_order),
        cmocka_unit_test (s_test_down),
        cmocka_unit_test (s_test_retire),
        cmocka_unit_test (s_test_bound),
        cmocka_unit_test (s_test_many),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
