// test_core.c - the main road, refusals, and more effects than a step has
//
// SPDX-License-Identifier: MPL-2.0

#include "t_core.h"

#include "base/brd_fault.h"
#include "brood/brood_pool.h"

// --- The main road ---------------------------------------------------------

static void
s_test_road (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "deadline", "never" },
        { "open 1 workers 2", "start 1, start 2" },
        { "submit a", "" },
        { "stats 1",
          "workers 2 idle 0 pending 1 running 0 done 0 failed 0 restarts 0" },
        { "up 1", "offer a 1" },
        { "up 2", "" },
        { "submit b", "offer b 2" },
        { "stats 1",
          "workers 2 idle 0 pending 0 running 2 done 0 failed 0 restarts 0" },
        { "done a", "end a ok" },
        { "done b error 5", "end b EIO, idle 1" },
        { "stats 1",
          "workers 2 idle 2 pending 0 running 0 done 1 failed 1 restarts 0" },
        { "submit a", "offer a 2" },
        { "close 1", "" },
        { "submit b", "refused EPIPE" },
        { "done a", "end a ok, idle 1, stop 1, stop 2" },
        { "lost 1", "forget 1" },
        { "forget 1", "refused EINVAL" },
        { "lost 2", "forget 2, ended 1" },
        { "stats 1",
          "workers 0 idle 0 pending 0 running 0 done 2 failed 1 restarts 0" },
        { "forget 1", "" },
        { "stats 1", "refused ENOENT" },
        { "deadline", "never" },
    };
    T_CORE_RUN (lines);
}

static void
s_test_refusals (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "submit a", "refused EINVAL" },
        { "open 1 workers 0", "refused EINVAL" },
        { "open 1 workers 4097", "refused ENOSPC" },
        { "open 1 workers 1", "start 1" },
        { "open 1 workers 1", "refused EINVAL" },
        { "resize 1 0", "refused EINVAL" },
        { "resize 1 4097", "refused ENOSPC" },
        { "submit a pin 2", "refused EINVAL" },
        { "submit a pool 2", "refused EINVAL" },
        { "close 7", "" },
        { "cancel_pool 7", "" },
        { "forget 7", "" },
        { "up 9", "" },
        { "lost 9", "" },
        { "retire 1", "" },
    };
    T_CORE_RUN (lines);
}

// What arrives for a task that has ended is passed over.
static void
s_test_late (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "up 1", "" },
        { "up 1", "" },
        { "submit a", "offer a 1" },
        { "done a", "end a ok, idle 1" },
        { "done a", "" },
        { "back a", "" },
        { "kept a", "" },
        { "probed a 5", "" },
        { "cancel a", "" },
        { "kill a", "" },
        { "stats 1",
          "workers 1 idle 1 pending 0 running 0 done 1 failed 0 restarts 0" },
    };
    T_CORE_RUN (lines);
}

// An answer of the worker that had the task before is not taken for the answer
// of the one that has it now.
static void
s_test_stale_worker (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "up 1", "" },
        { "submit a retries 1", "offer a 1" },
        { "lost 1 a", "forget 1, start 2" },
        { "up 2", "offer a 2" },
    };
    t_core_t *self = t_core_new ();
    t_core_run_on (self, lines, T_CORE_COUNT (lines));
    brd_core_event_t event = { .type = BRD_CORE_DONE,
                               .worker = 1,
                               .task = &self->tasks[0] };
    brd_core_step (self->core, 0, &event, self->effects);
    assert_int_equal (self->effects->count, 0);
    event.worker = 2;
    brd_core_step (self->core, 0, &event, self->effects);
    assert_int_equal (self->effects->count, 2);
    t_core_destroy (self);
}

static void
s_test_two_pools (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 1", "start 1" },
        { "open 2 workers 1", "start 2" },
        { "up 1", "" },
        { "up 2", "" },
        { "submit a pool 2", "offer a 2" },
        { "submit b pool 1", "offer b 1" },
        { "terminate 2", "kill 2, end a EPIPE, idle 2" },
        { "done b", "end b ok, idle 1" },
        { "lost 2", "forget 2, ended 2" },
        { "forget 2", "" },
        { "open 2 workers 1", "start 3" },
    };
    T_CORE_RUN (lines);
}

// --- Many ------------------------------------------------------------------

enum {
    MANY = 5000
};

typedef struct {
    long ends;
    long offers;
    long starts;
    long kills;
    long stops;
    long forgets;
    long pool_ended;
    long pool_idle;
    int error;  // Of all ends
    uint32_t last_worker;
} s_count_t;

static void
s_count (const t_core_t *self, s_count_t *count)
{
    for (size_t i = 0; i < self->effects->count; i++) {
        const brd_core_effect_t *effect = &self->effects->items[i];
        count->ends += effect->type == BRD_CORE_DO_END;
        count->offers += effect->type == BRD_CORE_DO_OFFER;
        count->starts += effect->type == BRD_CORE_DO_START;
        count->kills += effect->type == BRD_CORE_DO_KILL;
        count->stops += effect->type == BRD_CORE_DO_STOP;
        count->forgets += effect->type == BRD_CORE_DO_FORGET;
        count->pool_ended += effect->type == BRD_CORE_DO_POOL_ENDED;
        count->pool_idle += effect->type == BRD_CORE_DO_POOL_IDLE;
        if (effect->type == BRD_CORE_DO_END)
            count->error = effect->outcome.error;
        if (effect->type == BRD_CORE_DO_START)
            count->last_worker = effect->worker;
    }
}

// The event, then TICKs while there is more. Returns how many.
static int
s_step_all (t_core_t *self, const brd_core_event_t *event, s_count_t *count)
{
    static const brd_core_event_t tick = { .type = BRD_CORE_TICK };
    int ticks = 0;
    assert_int_equal (
        brd_core_step (self->core, self->now, event, self->effects), 0);
    s_count (self, count);
    while (brd_core_more (self->core)) {
        assert_true (brd_core_deadline (self->core) <= self->now);
        brd_core_check (self->core);
        brd_core_step (self->core, self->now, &tick, self->effects);
        assert_true (self->effects->count > 0);
        s_count (self, count);
        ticks++;
    }
    brd_core_check (self->core);
    return ticks;
}

static brd_core_task_t *
s_submit_many (t_core_t *self, int n, const brd_core_task_options_t *options)
{
    brd_core_task_t *tasks = calloc ((size_t) n, sizeof *tasks);
    assert_non_null (tasks);
    for (int i = 0; i < n; i++) {
        tasks[i].pool = 1;
        tasks[i].options = options;
        const brd_core_event_t event = { .type = BRD_CORE_SUBMIT,
                                         .task = &tasks[i] };
        assert_int_equal (
            brd_core_step (self->core, self->now, &event, self->effects), 0);
    }
    return tasks;
}

static void
s_test_terminate_many (void **state)
{
    (void) state;
    t_core_t *self = t_core_new ();
    t_core_do (self, "open 1 workers 2");
    t_core_do (self, "up 1");
    brd_core_task_t *tasks = s_submit_many (self, MANY, NULL);
    const brd_core_event_t event = { .type = BRD_CORE_POOL_TERMINATE,
                                     .pool = 1 };
    s_count_t count = { 0 };
    assert_true (s_step_all (self, &event, &count) >= 4);
    assert_int_equal (count.ends, MANY);
    assert_int_equal (count.error, EPIPE);
    assert_int_equal (count.kills, 2);
    assert_int_equal (count.pool_idle, 1);
    assert_int_equal (brd_core_outstanding (self->core), 0);
    t_core_destroy (self);
    free (tasks);
}

// What is submitted between two steps of a long cancel is not its prey.
static void
s_test_cancel_many (void **state)
{
    (void) state;
    t_core_t *self = t_core_new ();
    t_core_do (self, "open 1 workers 1");
    brd_core_task_t *tasks = s_submit_many (self, MANY, NULL);
    t_core_do (self, "submit a priority 9");
    brd_core_event_t event = { .type = BRD_CORE_POOL_CANCEL, .pool = 1 };
    s_count_t count = { 0 };
    brd_core_step (self->core, 0, &event, self->effects);
    s_count (self, &count);
    assert_true (brd_core_more (self->core));
    memset (&self->tasks[1], 0xdd, sizeof self->tasks[1]);
    self->tasks[1] = (brd_core_task_t){ .pool = 1 };
    event =
        (brd_core_event_t){ .type = BRD_CORE_SUBMIT, .task = &self->tasks[1] };
    s_step_all (self, &event, &count);
    assert_int_equal (count.ends, MANY + 1);
    assert_int_equal (count.error, ECANCELED);
    assert_int_equal (brd_core_outstanding (self->core), 1);
    t_core_do (self, "up 1");
    assert_string_equal (self->text, "offer b 1");
    t_core_destroy (self);
    free (tasks);
}

// More followers than effects: the leader's end comes last, after all of them.
static void
s_test_follow_many (void **state)
{
    (void) state;
    const brd_core_task_options_t options = { .once = 1 };
    t_core_t *self = t_core_new ();
    t_core_do (self, "open 1 workers 1");
    t_core_do (self, "up 1");
    brd_core_task_t *tasks = s_submit_many (self, MANY, &options);
    const brd_core_event_t event = { .type = BRD_CORE_DONE, .task = &tasks[0] };
    s_count_t count = { 0 };
    s_step_all (self, &event, &count);
    assert_int_equal (count.ends, MANY);
    // An idle pool is told after the last end.
    const size_t last = self->effects->count - 1;
    assert_int_equal (self->effects->items[last].type, BRD_CORE_DO_POOL_IDLE);
    assert_ptr_equal (self->effects->items[last - 1].task, &tasks[0]);
    t_core_destroy (self);
    free (tasks);
}

// A key with many behind: each is doomed in turn, none runs.
static void
s_test_key_many (void **state)
{
    (void) state;
    const brd_core_task_options_t options = { .key = 1 };
    t_core_t *self = t_core_new ();
    t_core_do (self, "open 1 workers 1");
    t_core_do (self, "up 1");
    brd_core_task_t *tasks = s_submit_many (self, MANY, &options);
    brd_core_event_t event = { .type = BRD_CORE_POOL_CANCEL, .pool = 1 };
    s_count_t count = { 0 };
    s_step_all (self, &event, &count);
    assert_int_equal (count.ends, MANY - 1);
    event = (brd_core_event_t){ .type = BRD_CORE_KEPT, .task = &tasks[0] };
    s_step_all (self, &event, &count);
    event = (brd_core_event_t){ .type = BRD_CORE_DONE, .task = &tasks[0] };
    s_step_all (self, &event, &count);
    assert_int_equal (count.ends, MANY);
    assert_int_equal (count.error, 0);
    t_core_destroy (self);
    free (tasks);
}

static void
s_test_workers_many (void **state)
{
    (void) state;
    t_core_t *self = t_core_new ();
    self->pool_options = (brd_core_pool_options_t){ .workers = 4096 };
    brd_core_event_t event = { .type = BRD_CORE_POOL_OPEN,
                               .pool = 1,
                               .pool_options = &self->pool_options };
    s_count_t count = { 0 };
    s_step_all (self, &event, &count);
    assert_int_equal (count.starts, 4096);
    for (uint32_t i = 1; i <= 4096; i++) {
        event = (brd_core_event_t){ .type = BRD_CORE_WORKER_UP, .worker = i };
        s_step_all (self, &event, &count);
    }
    brd_core_task_t *tasks = s_submit_many (self, MANY, NULL);
    event = (brd_core_event_t){ .type = BRD_CORE_POOL_RESIZE,
                                .pool = 1,
                                .count = 1 };
    s_step_all (self, &event, &count);
    event = (brd_core_event_t){ .type = BRD_CORE_POOL_TERMINATE, .pool = 1 };
    s_step_all (self, &event, &count);
    assert_int_equal (count.ends, MANY);
    assert_int_equal (count.kills, 4096);
    for (uint32_t i = 1; i <= 4096; i++) {
        event = (brd_core_event_t){ .type = BRD_CORE_WORKER_LOST, .worker = i };
        brd_core_step (self->core, 0, &event, self->effects);
        s_count (self, &count);
    }
    assert_int_equal (count.forgets, 4096);
    assert_int_equal (count.pool_ended, 1);
    t_core_destroy (self);
    free (tasks);
}

// All timers at one moment.
static void
s_test_timers_many (void **state)
{
    (void) state;
    const brd_core_task_options_t options = { .queue_timeout_ns = 1000 };
    t_core_t *self = t_core_new ();
    t_core_do (self, "open 1 workers 1");
    brd_core_task_t *tasks = s_submit_many (self, MANY, &options);
    const brd_core_event_t event = { .type = BRD_CORE_TICK };
    s_count_t count = { 0 };
    self->now = 1000;
    s_step_all (self, &event, &count);
    assert_int_equal (count.ends, MANY);
    assert_int_equal (count.error, ETIMEDOUT);
    t_core_destroy (self);
    free (tasks);
}

// --- Numbers and memory ----------------------------------------------------

// A number is not given out again while others come and go.
static void
s_test_numbers (void **state)
{
    (void) state;
    t_core_t *self = t_core_new ();
    t_core_do (self, "open 1 workers 3 restarts 4096");
    t_core_do (self, "up 1");
    s_count_t count = { 0 };
    uint32_t last = 3;
    for (int i = 0; i < 1000; i++) {
        self->now += INT64_C (11000000000);
        const brd_core_event_t event = { .type = BRD_CORE_WORKER_LOST,
                                         .worker = last };
        s_step_all (self, &event, &count);
        assert_true (count.last_worker > last);
        last = count.last_worker;
    }
    t_core_do (self, "stats 1");
    assert_string_equal (
        self->text,
        "workers 3 idle 1 pending 0 running 0 done 0 failed 0 restarts 1000");
    t_core_destroy (self);
}

// Whatever fails for want of memory has changed nothing, and works the second
// time.
static void
s_test_memory (void **state)
{
    (void) state;
    static const t_core_line_t lines[] = {
        { "open 1 workers 2", "start 1, start 2" },
        { "submit a key 1 once 2 timeout 50", "" },
        { "submit b", "" },
        { "up 1", "offer a 1, offer b 1" },
        { "kill b 1000", "reclaim b 1" },
        { "resize 1 20",
          "start 3, start 4, start 5, start 6, start 7, start 8, start 9, "
          "start 10, start 11, start 12, start 13, start 14, start 15, "
          "start 16, start 17, start 18, start 19, start 20" },
    };
    t_core_t *self = t_core_new ();
    int failed = 0;
    for (size_t i = 0; i < T_CORE_COUNT (lines); i++) {
        for (long n = 1;; n++) {
            brd_fault_arm (BRD_FAULT_MEMORY, n, ENOMEM);
            t_core_do (self, lines[i].what);
            const long calls = brd_fault_count (BRD_FAULT_MEMORY);
            brd_fault_arm (BRD_FAULT_MEMORY, 0, 0);
            if (calls < n)
                break;
            assert_string_equal (self->text, "refused ENOMEM");
            failed++;
        }
        assert_string_equal (self->text, lines[i].then);
    }
    assert_true (failed >= 12);
    t_core_destroy (self);
}

// Refused at the last of three allocations, a task has left no trace: another
// with its once is not made to follow it.
static void
s_test_memory_once (void **state)
{
    (void) state;
    t_core_t *self = t_core_new ();
    t_core_do (self, "open 1 workers 1");
    brd_fault_arm (BRD_FAULT_MEMORY, 3, ENOMEM);
    t_core_do (self, "submit a key 1 once 2");
    brd_fault_arm (BRD_FAULT_MEMORY, 0, 0);
    assert_string_equal (self->text, "refused ENOMEM");
    memset (&self->tasks[0], 0, sizeof self->tasks[0]);
    t_core_do (self, "submit b key 1 once 2");
    assert_int_equal (self->tasks[1].state, BRD_CORE_TASK_READY);
    t_core_destroy (self);
}

// What ends a task takes no memory: who asks for that cannot try again.
static void
s_test_memory_end (void **state)
{
    (void) state;
    t_core_t *self = t_core_new ();
    t_core_do (self, "open 1 workers 1");
    t_core_do (self, "submit a");
    t_core_do (self, "submit b");
    t_core_do (self, "up 1");
    brd_fault_arm (BRD_FAULT_MEMORY, 1, ENOMEM);
    t_core_do (self, "kill a 1000");
    assert_string_equal (self->text, "reclaim a 1");
    t_core_do (self, "cancel b");
    assert_string_equal (self->text, "reclaim b 1");
    assert_int_equal (brd_fault_count (BRD_FAULT_MEMORY), 0);
    brd_fault_arm (BRD_FAULT_MEMORY, 0, 0);
    t_core_destroy (self);
}

static void
s_test_new (void **state)
{
    (void) state;
    for (long n = 1; n <= 2; n++) {
        brd_fault_arm (BRD_FAULT_MEMORY, n, ENOMEM);
        assert_null (brd_core_new ());
        assert_int_equal (errno, ENOMEM);
    }
    brd_fault_arm (BRD_FAULT_MEMORY, 0, 0);
    brd_core_destroy (NULL);
    brd_core_t *core = NULL;
    brd_core_destroy (&core);
    core = brd_core_new ();
    errno = EBUSY;
    brd_core_destroy (&core);
    assert_null (core);
    assert_int_equal (errno, EBUSY);
    assert_true (sizeof (brd_core_task_t) <= 120);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_road),
        cmocka_unit_test (s_test_refusals),
        cmocka_unit_test (s_test_late),
        cmocka_unit_test (s_test_stale_worker),
        cmocka_unit_test (s_test_two_pools),
        cmocka_unit_test (s_test_terminate_many),
        cmocka_unit_test (s_test_cancel_many),
        cmocka_unit_test (s_test_follow_many),
        cmocka_unit_test (s_test_key_many),
        cmocka_unit_test (s_test_workers_many),
        cmocka_unit_test (s_test_timers_many),
        cmocka_unit_test (s_test_numbers),
        cmocka_unit_test (s_test_memory),
        cmocka_unit_test (s_test_memory_once),
        cmocka_unit_test (s_test_memory_end),
        cmocka_unit_test (s_test_new),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
