// test_core_task.c - how a task can end, and in what it can be delayed
//
// SPDX-License-Identifier: MPL-2.0

#include "t_core.h"

// --- Deaths and retries ----------------------------------------------------

static void
s_test_death (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "up 1", "" },
        { "submit a", "offer a 1" },
        { "submit b", "" },
        { "flush", "offer b 1" },
        // b had not been started: somebody else runs it, it is not blamed.
        { "back b", "" },
        { "lost 1 a", "end a ECHILD, forget 1, start 2" },
        { "up 2", "offer b 2" },
        { "done b", "end b ok, idle 1" },
    };
    T_CORE_RUN (lines);
}

// It had finished, but its result is gone: not poison, but a death.
static void
s_test_lost_result (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "up 1", "" },
        { "submit a", "offer a 1" },
        { "submit b retries 1 deaths_only 1", "" },
        { "flush", "offer b 1" },
        { "lost 1", "end a ECHILD lost, forget 1, start 2" },
        { "up 2", "offer b 2" },
        { "lost 2 b", "end b ECHILD attempt 2, forget 2, start 3, idle 1" },
    };
    T_CORE_RUN (lines);
}

static void
s_test_retries (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "up 1", "" },
        { "submit a retries 1", "offer a 1" },
        { "done a error 5", "offer a 1" },
        { "done a error 5", "end a EIO attempt 2, idle 1" },
        { "submit a retries 2", "offer a 1" },
        { "done a error 5", "offer a 1" },
        { "done a", "end a ok attempt 2, idle 1" },
        // A failure is not a death.
        { "submit a retries 2 deaths_only 1", "offer a 1" },
        { "lost 1 a", "forget 1, start 2" },
        { "up 2", "offer a 2" },
        { "done a error 5", "end a EIO attempt 2, idle 1" },
    };
    T_CORE_RUN (lines);
}

static void
s_test_retry_delay (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "up 1", "" },
        { "submit a retries 3 delay 100", "offer a 1" },
        { "@10 done a error 5", "" },
        { "deadline", "110" },
        { "@109 tick", "" },
        { "@110 tick", "offer a 1" },
        { "@200 done a error 5", "" },
        { "deadline", "400" },
        { "@400 tick", "offer a 1" },
        { "@400 done a error 5", "" },
        { "deadline", "800" },
        { "stats 1",
          "workers 1 idle 1 pending 1 running 0 done 0 failed 0 restarts 0" },
        { "@500 cancel a", "end a ECANCELED attempt 4, idle 1" },
        { "deadline", "never" },
    };
    T_CORE_RUN (lines);
}

// Three workers died running it: it is not tried again, whatever is left.
static void
s_test_poison (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "up 1", "" },
        { "submit a retries 9", "offer a 1" },
        { "lost 1 a", "forget 1, start 2" },
        { "up 2", "offer a 2" },
        { "lost 2 a", "forget 2, start 3" },
        { "up 3", "offer a 3" },
        { "lost 3 a", "end a ELOOP attempt 3, forget 3, start 4, idle 1" },
    };
    T_CORE_RUN (lines);
}

// Those we have killed ourselves are no sign of poison.
static void
s_test_no_poison (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1 restarts 1", "start 1" },
        { "up 1", "" },
        { "submit a retries 3 timeout 10 grace 10", "offer a 1" },
        { "@10 tick", "probe a 1" },
        { "probed a 0", "" },
        { "@20 tick", "probe a 1" },
        { "probed a 1", "flag a 1" },
        { "@30 tick", "kill 1" },
        { "lost 1 a", "forget 1, start 2" },
        { "up 2", "offer a 2" },
        { "@40 tick", "probe a 2" },
        { "probed a 30", "flag a 2" },
        { "@50 tick", "kill 2" },
        { "lost 2 a", "forget 2, start 3" },
        { "up 3", "offer a 3" },
        { "@60 tick", "probe a 3" },
        { "probed a 50", "flag a 3" },
        { "@70 tick", "kill 3" },
        { "lost 3 a", "forget 3, start 4" },
        { "up 4", "offer a 4" },
        { "done a", "end a ok attempt 4, idle 1" },
    };
    T_CORE_RUN (lines);
}

// --- Cancel and kill -------------------------------------------------------

static void
s_test_cancel (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "submit a", "" },
        { "cancel a", "end a ECANCELED, idle 1" },
        { "up 1", "" },
        // Not started.
        { "submit a", "offer a 1" },
        { "cancel a", "reclaim a 1" },
        { "cancel a", "" },
        { "back a", "end a ECANCELED, idle 1" },
        // Started: its result stands.
        { "submit a", "offer a 1" },
        { "cancel a", "reclaim a 1" },
        { "kept a", "flag a 1" },
        { "cancel a", "" },
        { "done a", "end a ok, idle 1" },
        // Its failure does not.
        { "submit a retries 5", "offer a 1" },
        { "cancel a", "reclaim a 1" },
        { "kept a", "flag a 1" },
        { "done a error 5", "end a ECANCELED, idle 1" },
        // Nor does a death.
        { "submit a retries 5", "offer a 1" },
        { "cancel a", "reclaim a 1" },
        { "kept a", "flag a 1" },
        { "lost 1 a", "end a ECANCELED, forget 1, start 2, idle 1" },
        // Nor a result that is lost.
        { "up 2", "" },
        { "submit a", "offer a 2" },
        { "cancel a", "reclaim a 2" },
        { "lost 2", "end a ECANCELED, forget 2, start 3, idle 1" },
    };
    T_CORE_RUN (lines);
}

static void
s_test_kill (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1 restarts 1", "start 1" },
        { "up 1", "" },
        { "submit a retries 5", "offer a 1" },
        { "submit b", "" },
        { "flush", "offer b 1" },
        { "kill a 100", "reclaim a 1" },
        { "kept a", "flag a 1" },
        { "deadline", "100" },
        { "@99 tick", "" },
        // b is taken out of danger first.
        { "@100 tick", "reclaim b 1, kill 1" },
        { "back b", "" },
        { "lost 1 a", "end a ECANCELED, forget 1, start 2" },
        { "up 2", "offer b 2" },
        // Without grace, and before the answer.
        { "kill b", "reclaim b 2" },
        { "kept b", "flag b 2, kill 2" },
        { "lost 2 b", "end b ECANCELED, forget 2, start 3, idle 1" },
        { "deadline", "never" },
        { "up 3", "" },
        { "submit a", "offer a 3" },
        { "kill a", "reclaim a 3" },
        { "back a", "end a ECANCELED, idle 1" },
        // A second kill may only hasten it.
        { "submit a", "offer a 3" },
        { "kill a 100", "reclaim a 3" },
        { "kept a", "flag a 3" },
        { "kill a 1000", "" },
        { "deadline", "200" },
        { "kill a 50", "" },
        { "deadline", "150" },
        { "@120 done a", "end a ok, idle 1" },
        { "deadline", "never" },
        { "submit a", "offer a 3" },
        { "kill a 100", "reclaim a 3" },
        { "kept a", "flag a 3" },
        { "kill a 1000", "" },
        { "@220 tick", "kill 3" },
    };
    T_CORE_RUN (lines);
}

// --- Timeouts --------------------------------------------------------------

static void
s_test_timeout (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1 restarts 1", "start 1" },
        { "up 1", "" },
        { "submit a timeout 100 grace 50", "offer a 1" },
        { "deadline", "100" },
        { "@100 tick", "probe a 1" },
        { "deadline", "never" },
        // It had waited in the worker: the time counts from its start.
        { "probed a", "" },
        { "deadline", "200" },
        { "@200 tick", "probe a 1" },
        { "probed a 150", "" },
        { "deadline", "250" },
        { "@250 tick", "probe a 1" },
        { "probed a 150", "flag a 1" },
        { "deadline", "300" },
        { "@300 tick", "kill 1" },
        { "deadline", "never" },
        { "lost 1 a", "end a ETIMEDOUT, forget 1, start 2, idle 1" },
    };
    T_CORE_RUN (lines);
}

// Back in time for the grace, but not for its timeout: too late, whatever it
// returns; and one second of grace if none is said.
static void
s_test_timeout_heeded (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "up 1", "" },
        { "submit a timeout 100 retries 1", "offer a 1" },
        { "@100 tick", "probe a 1" },
        { "probed a 0", "" },
        { "@200 tick", "probe a 1" },
        { "probed a 1", "flag a 1" },
        { "deadline", "1000200" },
        { "@300 done a", "offer a 1" },
        { "deadline", "400" },
        { "@400 tick", "probe a 1" },
        { "probed a 300", "flag a 1" },
        { "@500 done a", "end a ETIMEDOUT attempt 2, idle 1" },
        { "deadline", "never" },
    };
    T_CORE_RUN (lines);
}

static void
s_test_timeout_in_time (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "up 1", "" },
        { "submit a timeout 100", "offer a 1" },
        { "@100 done a", "end a ok, idle 1" },
        { "@100 probed a 1", "" },
        { "deadline", "never" },
    };
    T_CORE_RUN (lines);
}

// A kill in the far future does not replace a timeout that is near.
static void
s_test_timeout_and_kill (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "up 1", "" },
        { "submit a timeout 100 grace 10", "offer a 1" },
        { "kill a 5000", "reclaim a 1" },
        { "kept a", "flag a 1" },
        { "deadline", "100" },
        { "@100 tick", "probe a 1" },
        { "probed a 20", "" },
        { "deadline", "120" },
        { "@120 tick", "probe a 1" },
        { "probed a 20", "flag a 1" },
        { "deadline", "130" },
        { "@130 tick", "kill 1" },
        { "lost 1 a", "end a ECANCELED, forget 1, start 2, idle 1" },
    };
    T_CORE_RUN (lines);
}

static void
s_test_queue_timeout (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "submit a queue 100", "" },
        { "submit b queue 100 key 1", "" },
        { "submit c queue 90 key 1", "" },
        { "deadline", "90" },
        { "@90 tick", "end c ETIMEDOUT" },
        { "@100 tick", "end a ETIMEDOUT, end b ETIMEDOUT, idle 1" },
        { "up 1", "" },
        // Offered, and not started.
        { "submit a queue 100", "offer a 1" },
        { "deadline", "200" },
        { "@200 tick", "reclaim a 1" },
        { "back a", "end a ETIMEDOUT, idle 1" },
        // Offered, and started in time; its attempt has a timeout too.
        { "submit a queue 100 timeout 150", "offer a 1" },
        { "@300 tick", "reclaim a 1" },
        { "kept a", "probe a 1" },
        { "probed a 250", "" },
        { "deadline", "400" },
        { "@350 done a", "end a ok, idle 1" },
        { "deadline", "never" },
        // Taken back for another reason, it goes on waiting.
        { "submit a queue 100", "offer a 1" },
        { "retire 1", "start 2, reclaim a 1" },
        { "back a", "stop 1" },
        { "deadline", "450" },
        { "@450 tick", "end a ETIMEDOUT, idle 1" },
        // Once it was started there is no queue timeout any more.
        { "up 2", "" },
        { "submit a queue 100 retries 1 delay 500", "offer a 2" },
        { "@460 done a error 5", "" },
        { "deadline", "960" },
        { "cancel a", "end a ECANCELED attempt 2, idle 1" },
        { "deadline", "never" },
    };
    T_CORE_RUN (lines);
}

// --- Keys and onces --------------------------------------------------------

static void
s_test_key (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 2", "start 1, start 2" },
        { "up 1", "" },
        { "up 2", "" },
        { "submit a key 7 retries 1", "offer a 2" },
        { "submit b key 7", "" },
        { "submit c key 7", "" },
        { "submit d key 8", "offer d 1" },
        { "submit e key 7", "" },
        // The order is kept over a retry.
        { "done a error 5", "offer a 2" },
        { "cancel c", "end c ECANCELED" },
        { "done a", "end a ok attempt 2, offer b 2" },
        { "done b", "end b ok, offer e 2" },
        { "submit f key 7", "" },
        { "done e error 5", "end e EIO, offer f 2" },
        { "done f", "end f ok" },
        { "done d", "end d ok, idle 1" },
        { "submit a key 7", "offer a 1" },
        { "done a", "end a ok, idle 1" },
    };
    T_CORE_RUN (lines);
}

static void
s_test_once (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 2", "start 1, start 2" },
        { "up 1", "" },
        { "up 2", "" },
        { "submit a once 7", "offer a 2" },
        { "submit b once 7", "" },
        { "submit c once 7", "" },
        { "submit d once 8", "offer d 1" },
        { "submit e once 7", "" },
        { "cancel c", "end c ECANCELED" },
        { "done a error 5", "end e EIO of a, end b EIO of a, end a EIO" },
        // That is over: this one is new.
        { "submit a once 7", "offer a 2" },
        { "submit b once 7", "" },
        { "done d", "end d ok" },
        { "done a", "end b ok of a, end a ok, idle 1" },
        { "stats 1",
          "workers 2 idle 2 pending 0 running 0 done 3 failed 4 restarts 0" },
    };
    T_CORE_RUN (lines);
}

// Followers share a cancelled leader's outcome, but nobody joins it any more.
static void
s_test_once_cancelled (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "submit a once 7", "" },
        { "submit b once 7", "" },
        { "cancel a", "end b ECANCELED of a, end a ECANCELED, idle 1" },
        { "up 1", "" },
        { "submit a once 7", "offer a 1" },
        { "submit b once 7", "" },
        { "cancel a", "reclaim a 1" },
        { "submit c once 7", "" },
        { "kept a", "flag a 1" },
        { "done a error 5",
          "end b ECANCELED of a, end a ECANCELED, offer c 1" },
        { "submit d once 7", "" },
        { "done c", "end d ok of c, end c ok, idle 1" },
    };
    T_CORE_RUN (lines);
}

// A leader that waits for its key, with followers of its own.
static void
s_test_once_and_key (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "up 1", "" },
        { "submit a key 1 once 1", "offer a 1" },
        { "submit b key 1 once 2", "" },
        { "submit c key 1 once 2", "" },
        { "submit d key 1 once 1", "" },
        { "submit e key 1", "" },
        { "done a", "end d ok of a, end a ok, offer b 1" },
        { "submit f key 1 once 2", "" },
        { "done b", "end f ok of b, end c ok of b, end b ok, offer e 1" },
        { "done e", "end e ok, idle 1" },
    };
    T_CORE_RUN (lines);
}

// A follower waits for a worker as long as its leader does.
static void
s_test_once_queue_timeout (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "submit a once 7", "" },
        { "submit b once 7 queue 100", "" },
        { "submit c once 7 queue 200", "" },
        { "@100 tick", "end b ETIMEDOUT" },
        { "up 1", "offer a 1" },
        { "@200 tick", "" },
        { "deadline", "400" },
        { "retire 1", "start 2, reclaim a 1" },
        { "kept a", "" },
        { "@400 tick", "" },
        { "deadline", "never" },
        { "@900 done a", "stop 1, end c ok of a, end a ok, idle 1" },
    };
    T_CORE_RUN (lines);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_death),
        cmocka_unit_test (s_test_lost_result),
        cmocka_unit_test (s_test_retries),
        cmocka_unit_test (s_test_retry_delay),
        cmocka_unit_test (s_test_poison),
        cmocka_unit_test (s_test_no_poison),
        cmocka_unit_test (s_test_cancel),
        cmocka_unit_test (s_test_kill),
        cmocka_unit_test (s_test_timeout),
        cmocka_unit_test (s_test_timeout_heeded),
        cmocka_unit_test (s_test_timeout_in_time),
        cmocka_unit_test (s_test_timeout_and_kill),
        cmocka_unit_test (s_test_queue_timeout),
        cmocka_unit_test (s_test_key),
        cmocka_unit_test (s_test_once),
        cmocka_unit_test (s_test_once_cancelled),
        cmocka_unit_test (s_test_once_and_key),
        cmocka_unit_test (s_test_once_queue_timeout),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
