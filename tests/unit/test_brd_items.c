// test_brd_items.c - killed between any two instructions, a queue is whole
//
// SPDX-License-Identifier: MPL-2.0
//
// A child makes one call while its parent lets it do instruction after
// instruction, and kills it at one of many places. Each time the queue must be
// as before the call or as after it, go on working, and have lost no memory.

#include "t_queue.h"

#include <limits.h>
#include <sys/ptrace.h>

#include "shared/brd_seat.h"

enum {
    ITEMS = 5,
    STEPS = 30000  // In all for one call, so long do they take
};

typedef struct {
    brd_queue_t *queue;
    int large;  // Items
    int late;   // Counts from where a get has the item on
} s_case_t;

static size_t
s_size (const s_case_t *one, long i)
{
    return one->large ? 40000 : 8 + 16 * (size_t) i;
}

static void
s_fill (const s_case_t *one)
{
    for (long i = 0; i < ITEMS; i++)
        assert_int_equal (
            t_queue_put_sized (one->queue, 0, i, s_size (one, i), 0), 0);
}

// From first on, in order.
static void
s_drain (const s_case_t *one, long first, long end)
{
    assert_int_equal (t_queue_size (one->queue), end - first);
    for (long i = first; i < end; i++) {
        assert_int_equal (t_queue_get (one->queue, 0), i);
        if (one->queue->joinable)
            assert_int_equal (brd_queue_task_done (one->queue), 0);
    }
    assert_int_equal (t_queue_get (one->queue, 0), -1);
    if (one->queue->joinable)
        assert_int_equal (brd_queue_join (one->queue, 0), 0);
}

// From here on the parent counts. What the first call of a process needs is
// there.
static void
s_count_from_here (void)
{
    (void) brd_seat_tag (t_shared);
    (void) ptrace (PTRACE_TRACEME, 0, NULL, NULL);
    (void) raise (SIGSTOP);
}

static int
s_put (void *arg)
{
    const s_case_t *one = arg;
    const long n[20] = { ITEMS, ITEMS, ITEMS, ITEMS, ITEMS, ITEMS,
                         ITEMS, ITEMS, ITEMS, ITEMS, ITEMS };
    const brd_item_new_t item = { .bytes = n, .size = s_size (one, ITEMS) };
    s_count_from_here ();
    return brd_queue_put (one->queue, 0, &item, 1) == 1 ? 0 : 1;
}

static int
s_take_nothing (void *arg, const void *bytes, size_t size)
{
    const s_case_t *one = arg;
    (void) bytes;
    (void) size;
    if (one->late)
        s_count_from_here ();
    return 0;
}

static int
s_get (void *arg)
{
    const s_case_t *one = arg;
    if (!one->late)
        s_count_from_here ();
    return brd_queue_get (one->queue, 0, 1, s_take_nothing, arg) == 1 ? 0 : 1;
}

static int
s_get_and_done (void *arg)
{
    const s_case_t *one = arg;
    if (t_queue_get (one->queue, 0) != 0)
        return 1;
    s_count_from_here ();
    return brd_queue_task_done (one->queue);
}

static int
s_get_and_failed (void *arg)
{
    const s_case_t *one = arg;
    if (t_queue_get (one->queue, 0) != 0)
        return 1;
    s_count_from_here ();
    return brd_queue_task_failed (one->queue);
}

// Runs fn in a child for at most so many instructions, and kills it then. How
// many it were.
static long
s_steps (int (*fn) (void *arg), s_case_t *one, long steps)
{
    int status;
    siginfo_t info;
    const pid_t pid = t_shared_fork (fn, one);
    assert_int_equal (waitpid (pid, &status, WUNTRACED), pid);
    assert_true (WIFSTOPPED (status));
    for (long i = 0; i < steps; i++) {
        assert_int_equal (ptrace (PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
        assert_int_equal (
            waitid (P_PID, (id_t) pid, &info, WEXITED | WSTOPPED | WNOWAIT), 0);
        if (info.si_code == CLD_EXITED) {
            assert_int_equal (t_shared_reap (pid), 0);
            return i;
        }
        assert_int_equal (waitpid (pid, &status, 0), pid);
    }
    assert_int_equal (t_shared_kill (pid), -SIGKILL);
    (void) brd_arena_sweep (t_arena, (uint32_t) pid);
    return steps;
}

// Kills fn at places all over it: the fewer instructions, the closer. check
// says what is there then, and drains it; done: the call had ended.
static void
s_kill_everywhere (int (*fn) (void *arg),
                   const brd_queue_t *limits,
                   int large,
                   int late,
                   void (*check) (const s_case_t *one, int done))
{
    s_case_t one = { .queue = t_queue_new (limits),
                     .large = large,
                     .late = late };
    s_fill (&one);
    const long all = s_steps (fn, &one, LONG_MAX);
    check (&one, 1);
    const size_t used = brd_arena_used (t_arena);
    const long points = STEPS / all + 1;
    for (long i = 0; i < points; i++) {
        s_fill (&one);
        (void) s_steps (fn, &one, 1 + i * all / points);
        check (&one, 0);
        assert_int_equal (brd_arena_used (t_arena), used);
    }
    t_queue_destroy ();
}

static void
s_check_put (const s_case_t *one, int done)
{
    const long size = t_queue_size (one->queue);
    assert_true (size == ITEMS + 1 || (!done && size == ITEMS));
    s_drain (one, 0, size);
}

static void
s_check_get (const s_case_t *one, int done)
{
    const long size = t_queue_size (one->queue);
    assert_true (size == ITEMS - 1 || (!done && size == ITEMS));
    s_drain (one, ITEMS - size, ITEMS);
}

// Given back, or its thread ended: all are there.
static void
s_check_all (const s_case_t *one, int done)
{
    (void) done;
    s_drain (one, 0, ITEMS);
}

static void
s_test_put (void **state)
{
    (void) state;
    const brd_queue_t plain = { .joinable = 0 };
    s_kill_everywhere (s_put, &plain, 0, 0, s_check_put);
}

static void
s_test_get (void **state)
{
    (void) state;
    const brd_queue_t plain = { .joinable = 0 };
    s_kill_everywhere (s_get, &plain, 0, 0, s_check_get);
    s_kill_everywhere (s_get, &plain, 0, 1, s_check_get);
    s_kill_everywhere (s_get, &plain, 1, 0, s_check_get);
    s_kill_everywhere (s_get, &plain, 1, 1, s_check_get);
}

// What was got and not done comes back when its process ends in good order too.
static void
s_test_get_joinable (void **state)
{
    (void) state;
    const brd_queue_t joinable = { .joinable = 1 };
    s_kill_everywhere (s_get, &joinable, 0, 0, s_check_all);
}

static void
s_test_done (void **state)
{
    (void) state;
    const brd_queue_t joinable = { .joinable = 1 };
    s_kill_everywhere (s_get_and_done, &joinable, 0, 0, s_check_get);
    s_kill_everywhere (s_get_and_done, &joinable, 1, 0, s_check_get);
}

static void
s_test_failed (void **state)
{
    (void) state;
    brd_queue_t joinable = { .joinable = 1 };
    s_kill_everywhere (s_get_and_failed, &joinable, 0, 0, s_check_all);
    joinable.items.ordered = 1;
    s_kill_everywhere (s_get_and_failed, &joinable, 0, 0, s_check_all);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_put),          cmocka_unit_test (s_test_get),
        cmocka_unit_test (s_test_get_joinable), cmocka_unit_test (s_test_done),
        cmocka_unit_test (s_test_failed),
    };
    t_watchdog (200);
    return cmocka_run_group_tests (tests, t_shared_setup, t_shared_teardown);
}
