// test_core_dispatch.c - who gets what, what is held back, what is taken back
//
// SPDX-License-Identifier: MPL-2.0

#include "t_core.h"

// A worker whose tasks take 1 us each may hold 256.
static const t_core_line_t s_tiny[] = {
    { "open 1 workers 2", "start 1, start 2" },
    { "up 1", "" },
    { "up 2", "" },
    { "submit a", "offer a 2" },
    { "done a time 1", "end a ok, idle 1" },
};

static t_core_t *
s_tiny_pool (void)
{
    t_core_t *self = t_core_new ();
    t_core_run_on (self, s_tiny, T_CORE_COUNT (s_tiny));
    return self;
}

static void
s_test_priority (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "submit a", "" },
        { "submit b priority 9", "" },
        { "submit c priority 3", "" },
        { "submit d priority 9", "" },
        { "submit e priority 200", "" },
        { "up 1", "offer b 1, offer d 1" },
        { "done b", "end b ok, offer e 1" },
        { "done d", "end d ok, offer c 1" },
        { "done e", "end e ok, offer a 1" },
    };
    T_CORE_RUN (lines);
}

// Nothing measured: one to run and one in advance, the idle ones first.
static void
s_test_spread (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 3", "start 1, start 2, start 3" },
        { "up 1", "" },
        { "up 2", "" },
        { "up 3", "" },
        { "submit a", "offer a 3" },
        { "submit b", "offer b 2" },
        { "submit c", "offer c 1" },
        { "submit d", "" },
        { "submit e", "" },
        { "submit f", "" },
        { "submit g", "" },
        { "flush", "offer d 3, offer e 2, offer f 1" },
        { "flush", "" },
        { "deadline", "never" },
        { "done b", "end b ok, offer g 2" },
    };
    T_CORE_RUN (lines);
}

// Ten for two: five and five, though one could take them all.
static void
s_test_share (void **state)
{
    (void) state;
    t_core_t *self = s_tiny_pool ();
    for (char name = 'b'; name <= 'k'; name++) {
        char line[] = "submit ?";
        line[7] = name;
        t_core_do (self, line);
    }
    t_core_do (self, "flush");
    int counts[3] = { 0 };
    for (int i = 1; i <= 10; i++)
        counts[self->tasks[i].worker]++;
    assert_int_equal (counts[1], 5);
    assert_int_equal (counts[2], 5);
    t_core_destroy (self);
}

static void
s_test_hold (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        // Idle ones get theirs at once, busy ones not.
        { "@100 submit a", "offer a 2" },
        { "submit b", "offer b 1" },
        { "@200 submit c", "" },
        { "deadline", "1200" },
        { "@300 submit d", "" },
        { "deadline", "1200" },
        { "@1199 tick", "" },
        { "@1200 tick", "offer c 2, offer d 1" },
        { "deadline", "never" },
        // A flush does not wait.
        { "submit e", "" },
        { "flush", "offer e 2" },
        { "deadline", "never" },
        // Somebody at half or less is fed when it has finished one.
        { "submit f", "" },
        { "submit g", "" },
        { "done a time 1", "end a ok, offer f 1, offer g 2" },
        { "deadline", "never" },
        // The last one held is cancelled.
        { "submit h", "" },
        { "deadline", "2200" },
        { "cancel h", "end h ECANCELED" },
        { "deadline", "never" },
    };
    t_core_t *self = s_tiny_pool ();
    t_core_run_on (self, lines, T_CORE_COUNT (lines));
    t_core_destroy (self);
}

static brd_core_task_t *
s_submit (t_core_t *self, brd_core_task_t *tasks, int n, long *offers)
{
    for (int i = 0; i < n; i++) {
        tasks[i] = (brd_core_task_t){ .pool = 1 };
        const brd_core_event_t event = { .type = BRD_CORE_SUBMIT,
                                         .task = &tasks[i] };
        assert_int_equal (
            brd_core_step (self->core, self->now, &event, self->effects), 0);
        for (size_t j = 0; j < self->effects->count; j++)
            *offers += self->effects->items[j].type == BRD_CORE_DO_OFFER;
    }
    brd_core_check (self->core);
    return tasks + n;
}

// The number of offers that ending this one brings.
static long
s_done (t_core_t *self, brd_core_task_t *task)
{
    long offers = 0;
    const brd_core_event_t event = { .type = BRD_CORE_DONE,
                                     .task = task,
                                     .time_ns = 1000 };
    brd_core_step (self->core, self->now, &event, self->effects);
    for (size_t i = 0; i < self->effects->count; i++)
        offers += self->effects->items[i].type == BRD_CORE_DO_OFFER;
    return offers;
}

// Sixty-four are a message worth sending, up to the limit of 256. Then nothing,
// until as many fit again.
static void
s_test_batches (void **state)
{
    (void) state;
    enum {
        COUNT = 1000
    };
    t_core_t *self = t_core_new ();
    t_core_do (self, "open 1 workers 1");
    t_core_do (self, "up 1");
    t_core_do (self, "submit a");
    t_core_do (self, "done a time 1");
    brd_core_task_t *tasks = calloc (COUNT, sizeof *tasks);
    assert_non_null (tasks);
    long offers = 0;
    brd_core_task_t *next = s_submit (self, tasks, 64, &offers);
    assert_int_equal (offers, 1);
    next = s_submit (self, next, 1, &offers);
    assert_int_equal (offers, 65);
    s_submit (self, next, COUNT - 65, &offers);
    assert_int_equal (offers, 1 + 3 * 64);
    assert_int_equal (s_done (self, &tasks[0]), 64);
    for (int i = 1; i < 64; i++)
        assert_int_equal (s_done (self, &tasks[i]), 0);
    assert_int_equal (s_done (self, &tasks[64]), 64);
    t_core_destroy (self);
    free (tasks);
}

// With a limit of 10 there is never room for so many: at half it gets what
// there is room for.
static void
s_test_half (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "up 1", "" },
        { "submit z", "offer z 1" },
        { "done z time 100", "end z ok, idle 1" },
        { "submit a", "offer a 1" },
        { "submit b", "" },
        { "submit c", "" },
        { "submit d", "" },
        { "submit e", "" },
        { "submit f", "" },
        { "flush", "offer b 1, offer c 1, offer d 1, offer e 1, offer f 1" },
        // More than half: no reason to hurry, nothing is held either.
        { "submit g", "" },
        { "submit h", "" },
        { "flush", "" },
        { "deadline", "never" },
        { "done a time 100", "end a ok, offer g 1, offer h 1" },
    };
    T_CORE_RUN (lines);
}

// Long tasks: two each at most, and nothing is held that could start.
static void
s_test_long (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "up 1", "" },
        { "submit a", "offer a 1" },
        { "done a time 5000", "end a ok, idle 1" },
        { "submit a", "offer a 1" },
        { "submit b", "" },
        { "submit c", "" },
        { "flush", "offer b 1" },
        { "deadline", "never" },
        { "done a time 5000", "end a ok, offer c 1" },
    };
    T_CORE_RUN (lines);
}

// A whole one is no measure, and nothing is piled up behind it.
static void
s_test_whole (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "submit a whole 1", "offer a 2" },
        { "submit b", "offer b 1" },
        { "submit c whole 1", "" },
        { "submit d", "" },
        { "submit e", "" },
        { "submit f", "" },
        { "submit g", "" },
        { "flush", "offer c 2, offer d 1, offer e 1, offer f 1, offer g 1" },
        { "done a time 900000", "end a ok" },
        { "submit h", "" },
        { "flush", "offer h 2" },
        { "submit i", "" },
        { "flush", "offer i 1" },
    };
    t_core_t *self = s_tiny_pool ();
    t_core_run_on (self, lines, 7);
    t_core_do (self, "flush");
    assert_int_equal (self->effects->count, 5);
    int with[3] = { 0 };
    for (int i = 0; i < 7; i++)
        with[self->tasks[i].worker]++;
    assert_int_equal (with[self->tasks[0].worker], 2);
    t_core_run_on (self, lines + 8, 5);
    t_core_destroy (self);
}

// Two at least, however large; more only within the limit of bytes.
static void
s_test_bytes (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "up 1", "" },
        { "submit a", "offer a 1" },
        { "done a time 1", "end a ok, idle 1" },
        { "submit a size 2000000", "offer a 1" },
        { "submit b size 2000000", "" },
        { "submit c size 2000000", "" },
        { "flush", "offer b 1" },
        { "done a time 1", "end a ok, offer c 1" },
        { "done b time 1", "end b ok" },
        { "done c time 1", "end c ok, idle 1" },
        { "submit a size 500000", "offer a 1" },
        { "submit b size 500000", "" },
        { "submit c size 500000", "" },
        { "submit d size 500000", "" },
        { "flush", "offer b 1, offer c 1" },
    };
    T_CORE_RUN (lines);
}

// --- Taking back -----------------------------------------------------------

static void
s_test_take_back (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 2", "start 1, start 2" },
        { "up 1", "" },
        { "submit a", "offer a 1" },
        { "done a time 100", "end a ok, idle 1" },
        { "submit a", "offer a 1" },
        { "submit b", "" },
        { "submit c", "" },
        { "submit d", "" },
        { "submit e", "" },
        { "submit f pin 1", "offer f 1" },
        { "flush", "offer b 1, offer c 1, offer d 1, offer e 1" },
        // Half of the four that wait and are anybody's; back in their order.
        { "up 2", "reclaim e 1, reclaim d 1" },
        { "back e", "" },
        { "back d", "offer d 2, offer e 2" },
        { "done d time 100", "end d ok" },
        { "done e time 100", "end e ok, reclaim c 1" },
        // Asked once, and it had started.
        { "flush", "" },
        { "kept c", "reclaim b 1" },
        { "kept b", "" },
        { "done a", "end a ok" },
        { "done b", "end b ok" },
        { "done c", "end c ok" },
        { "done f", "end f ok, idle 1" },
    };
    T_CORE_RUN (lines);
}

// One after the other, for each that has nothing to do.
static void
s_test_take_back_many (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 3", "start 1, start 2, start 3" },
        { "up 1", "" },
        { "submit a", "offer a 1" },
        { "done a time 200", "end a ok, idle 1" },
        { "submit a", "offer a 1" },
        { "submit b", "" },
        { "submit c", "" },
        { "submit d", "" },
        { "flush", "offer b 1, offer c 1, offer d 1" },
        { "up 2", "reclaim d 1, reclaim c 1" },
        { "up 3", "" },
        { "back d", "" },
        { "back c", "offer c 3, offer d 2" },
    };
    T_CORE_RUN (lines);
}

// Answers that do not come keep nobody from new work.
static void
s_test_take_back_slow (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 2", "start 1, start 2" },
        { "up 1", "" },
        { "submit a", "offer a 1" },
        { "submit b", "" },
        { "flush", "offer b 1" },
        { "up 2", "reclaim b 1" },
        { "submit c", "offer c 2" },
        { "kept b", "" },
    };
    T_CORE_RUN (lines);
}

// A worker that makes progress with next to nothing is let finish; one that
// does not is relieved.
static void
s_test_take_back_patience (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "@10 submit a", "offer a 2" },
        { "submit b", "offer b 1" },
        { "submit c", "" },
        { "submit d", "" },
        { "flush", "offer c 2, offer d 1" },
        { "@20 done a time 1", "end a ok" },
        { "@20 done c time 1", "end c ok" },
        { "deadline", "1010" },
        { "@1009 tick", "" },
        { "@1010 tick", "reclaim d 1" },
        { "back d", "offer d 2" },
        { "done d time 1", "end d ok" },
        { "deadline", "never" },
        { "done b time 1", "end b ok, idle 1" },
    };
    t_core_t *self = s_tiny_pool ();
    t_core_run_on (self, lines, T_CORE_COUNT (lines));
    t_core_destroy (self);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_priority),
        cmocka_unit_test (s_test_spread),
        cmocka_unit_test (s_test_share),
        cmocka_unit_test (s_test_hold),
        cmocka_unit_test (s_test_batches),
        cmocka_unit_test (s_test_half),
        cmocka_unit_test (s_test_long),
        cmocka_unit_test (s_test_whole),
        cmocka_unit_test (s_test_bytes),
        cmocka_unit_test (s_test_take_back),
        cmocka_unit_test (s_test_take_back_many),
        cmocka_unit_test (s_test_take_back_slow),
        cmocka_unit_test (s_test_take_back_patience),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
