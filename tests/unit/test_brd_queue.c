// test_brd_queue.c - what is put is got, once and in order, whoever dies
//
// SPDX-License-Identifier: MPL-2.0

#include "t_queue.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/brd_sleep.h"

enum {
    N = 20000,
    PROCESSES = 4,
    KILLS = 120
};

static const brd_queue_t s_plain;

// --- Alone -----------------------------------------------------------------

static void
s_test_order (void **state)
{
    (void) state;
    brd_queue_t *q = t_queue_new (&s_plain);
    for (long i = 0; i < N; i++) {
        assert_int_equal (t_queue_put (q, 0, i), 0);
        assert_int_equal (t_queue_size (q), i + 1);
    }
    for (long i = 0; i < N; i++)
        assert_int_equal (t_queue_get (q, 0), i);
    assert_int_equal (t_queue_get (q, 0), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (t_queue_get (q, 20), -1);
    assert_int_equal (errno, ETIMEDOUT);
    t_queue_destroy ();
}

// Memory is used again, and given back but for one chunk.
static void
s_test_memory (void **state)
{
    (void) state;
    brd_queue_t *q = t_queue_new (&s_plain);
    const size_t used = brd_arena_used (t_arena);
    const size_t sizes[] = {
        8, 1000, BRD_ITEM_INLINE_MAX / 8 * 8, 40000, T_QUEUE_LARGE
    };
    for (long round = 0; round < 20; round++) {
        for (long i = 0; i < 50; i++)
            assert_int_equal (
                t_queue_put_sized (q, 0, i, sizes[(i + round) % 5], 0), 0);
        for (long i = 0; i < 50; i++)
            assert_int_equal (t_queue_get (q, 0), i);
        assert_true (brd_arena_used (t_arena) <= used + BRD_ARENA_RUN);
    }
    for (long i = 0; i < 50; i++)
        assert_int_equal (t_queue_put_sized (q, 0, i, sizes[i % 5], 0), 0);
    t_queue_destroy ();
    assert_true (brd_arena_used (t_arena) <= used);
}

static void
s_test_limits (void **state)
{
    (void) state;
    const brd_queue_t limits = { .capacity = 3,
                                 .capacity_bytes = 1000,
                                 .size_max = 800 };
    brd_queue_state_t is;
    brd_queue_t *q = t_queue_new (&limits);
    assert_int_equal (t_queue_put_sized (q, 0, 1, 808, 0), -1);
    assert_int_equal (errno, EMSGSIZE);
    assert_int_equal (t_queue_put_sized (q, 0, 1, 800, 0), 0);
    assert_int_equal (t_queue_put_sized (q, 0, 1, 400, 0), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (t_queue_put_sized (q, 0, 2, 200, 0), 0);
    assert_int_equal (brd_queue_state (q, &is), 0);
    assert_int_equal (is.full, 1);
    assert_int_equal (t_queue_get (q, 0), 1);
    assert_int_equal (t_queue_put (q, 0, 3), 0);
    assert_int_equal (t_queue_put (q, 0, 4), 0);
    assert_int_equal (t_queue_put (q, 10, 5), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (t_queue_size (q), 3);
    t_queue_destroy ();
}

// Out of shared memory: an error of that put, and nothing is lost.
static void
s_test_no_space (void **state)
{
    (void) state;
    const brd_queue_t limits = { .capacity_bytes = (size_t) 1 << 30 };
    const size_t used = brd_arena_used (t_arena);
    brd_queue_t *q = t_queue_new (&limits);
    for (int large = 0; large < 2; large++) {
        const size_t size = large ? T_QUEUE_LARGE : 8000;
        long n = 0;
        while (t_queue_put_sized (q, 0, n, size, 0) == 0)
            n++;
        assert_int_equal (errno, ENOSPC);
        assert_true (n > 400);
        assert_int_equal (t_queue_size (q), n);
        for (long i = 0; i < n; i++)
            assert_int_equal (t_queue_get (q, 0), i);
    }
    t_queue_destroy ();
    assert_true (brd_arena_used (t_arena) <= used + BRD_ARENA_RUN);
}

static void
s_test_priorities (void **state)
{
    (void) state;
    brd_queue_t limits = { .joinable = 1 };
    limits.items.ordered = 1;
    brd_queue_t *q = t_queue_new (&limits);
    for (long i = 0; i < 900; i++)
        assert_int_equal (t_queue_put_sized (q, 0, i, 8, (i * 7) % 9), 0);
    // One that comes back is where it was.
    const long first = t_queue_get (q, 0);
    assert_int_equal (brd_queue_task_failed (q), 0);
    assert_int_equal (t_queue_get (q, 0), first);
    assert_int_equal (brd_queue_task_done (q), 0);
    long last = first;
    for (long i = 1; i < 900; i++) {
        const long n = t_queue_get (q, 0);
        assert_true ((n * 7) % 9 > (last * 7) % 9
                     || ((n * 7) % 9 == (last * 7) % 9 && n > last));
        last = n;
        assert_int_equal (brd_queue_task_done (q), 0);
    }
    assert_int_equal (brd_queue_join (q, 0), 0);
    t_queue_destroy ();
}

static int
s_refuse (void *arg, const void *bytes, size_t size)
{
    (void) arg;
    (void) bytes;
    (void) size;
    return brd_error_set (EBADMSG, "no");
}

// What is refused stays at the head, also when others were taken before it.
static void
s_test_refused (void **state)
{
    (void) state;
    brd_queue_t *q = t_queue_new (&s_plain);
    for (int large = 0; large < 2; large++) {
        for (long i = 0; i < 5; i++)
            assert_int_equal (t_queue_put_sized (q, 0, i, large ? 50000 : 8, 0),
                              0);
        assert_int_equal (brd_queue_get (q, 0, 4, s_refuse, NULL), -1);
        assert_int_equal (errno, EBADMSG);
        assert_string_equal (brd_error_get ()->text, "no");
        assert_int_equal (t_queue_size (q), 5);
        for (long i = 0; i < 5; i++)
            assert_int_equal (t_queue_get (q, 0), i);
    }
    t_queue_destroy ();
}

typedef struct {
    long numbers[10];
    int n;
    int refuse_at;
} s_batch_t;

static int
s_take_batch (void *arg, const void *bytes, size_t size)
{
    s_batch_t *batch = arg;
    if (batch->n == batch->refuse_at)
        return brd_error_set (ENOMEM, "no");
    return t_queue_take_number (&batch->numbers[batch->n++], bytes, size);
}

static void
s_test_batch (void **state)
{
    (void) state;
    const brd_queue_t limits = { .capacity = 6 };
    brd_queue_t *q = t_queue_new (&limits);
    long numbers[10];
    brd_item_new_t items[10];
    for (long i = 0; i < 10; i++) {
        numbers[i] = i;
        items[i] = (brd_item_new_t){ .bytes = &numbers[i], .size = 8 };
    }
    assert_int_equal (brd_queue_put (q, 0, items, 4), 4);
    assert_int_equal (brd_queue_put (q, 10, items + 4, 6), 2);
    assert_int_equal (brd_queue_put (q, 0, items, 6), -1);
    assert_int_equal (errno, ETIMEDOUT);
    s_batch_t batch = { .refuse_at = 3 };
    assert_int_equal (brd_queue_get (q, 0, 5, s_take_batch, &batch), -1);
    assert_int_equal (errno, ENOMEM);
    batch = (s_batch_t){ .refuse_at = -1 };
    assert_int_equal (brd_queue_get (q, 0, 4, s_take_batch, &batch), 4);
    assert_int_equal (brd_queue_get (q, 0, 9, s_take_batch, &batch), 2);
    for (long i = 0; i < 6; i++)
        assert_int_equal (batch.numbers[i], i);
    t_queue_destroy ();
}

// --- Joinable --------------------------------------------------------------

static void
s_test_tasks (void **state)
{
    (void) state;
    const brd_queue_t limits = { .joinable = 1 };
    brd_queue_t *q = t_queue_new (&limits);
    assert_int_equal (brd_queue_join (q, 0), 0);
    assert_int_equal (brd_queue_task_done (q), -1);
    assert_int_equal (errno, EPERM);
    for (long i = 0; i < 4; i++)
        assert_int_equal (t_queue_put (q, 0, i), 0);
    assert_int_equal (t_queue_get (q, 0), 0);
    assert_int_equal (t_queue_get (q, 0), 1);
    assert_int_equal (t_queue_size (q), 2);
    // The oldest goes back to the head, before those never taken.
    assert_int_equal (brd_queue_deliveries (q), 1);
    assert_int_equal (brd_queue_task_failed (q), 0);
    assert_int_equal (brd_queue_task_failed (q), 0);
    assert_int_equal (brd_queue_task_failed (q), -1);
    assert_int_equal (errno, EPERM);
    for (long i = 0; i < 4; i++) {
        assert_int_equal (t_queue_get (q, 0), i);
        assert_int_equal (brd_queue_deliveries (q), i < 2 ? 2 : 1);
        assert_int_equal (brd_queue_join (q, 0), -1);
        assert_int_equal (errno, ETIMEDOUT);
        assert_int_equal (brd_queue_task_done (q), 0);
    }
    assert_int_equal (brd_queue_join (q, 0), 0);
    t_queue_destroy ();
}

static void *
s_get_and_end (void *arg)
{
    return t_queue_get (arg, 0) == 0 && t_queue_get (arg, 0) == 1 ? arg : NULL;
}

// Nobody else can do what a thread has that ended, so it comes back.
static void
s_test_end_of_thread (void **state)
{
    (void) state;
    const brd_queue_t limits = { .joinable = 1 };
    brd_queue_t *q = t_queue_new (&limits);
    pthread_t thread;
    void *rc;
    for (long i = 0; i < 3; i++)
        assert_int_equal (t_queue_put (q, 0, i), 0);
    assert_int_equal (pthread_create (&thread, NULL, s_get_and_end, q), 0);
    assert_int_equal (pthread_join (thread, &rc), 0);
    assert_ptr_equal (rc, q);
    assert_int_equal (t_queue_size (q), 3);
    for (long i = 0; i < 3; i++)
        assert_int_equal (t_queue_get (q, 0), i);
    t_queue_destroy ();
}

static void
s_test_dead_letters (void **state)
{
    (void) state;
    brd_hold_t hold;
    brd_queue_t *dead = t_queue_new_on (&hold, &s_plain);
    for (int large = 0; large < 2; large++) {
        const brd_queue_t limits = { .joinable = 1,
                                     .deliveries_max = 2,
                                     .dead = dead };
        brd_queue_t *q = t_queue_new (&limits);
        const size_t size = large ? 50000 : 8;
        assert_int_equal (t_queue_put_sized (q, 0, 7, size, 0), 0);
        assert_int_equal (t_queue_put_sized (q, 0, 8, size, 0), 0);
        assert_int_equal (t_queue_get (q, 0), 7);
        assert_int_equal (brd_queue_task_failed (q), 0);
        assert_int_equal (t_queue_get (q, 0), 7);
        assert_int_equal (brd_queue_task_failed (q), 0);
        assert_int_equal (t_queue_get (q, 0), 8);
        assert_int_equal (brd_queue_task_done (q), 0);
        assert_int_equal (brd_queue_join (q, 0), 0);
        t_queue_destroy ();
    }
    assert_int_equal (t_queue_get (dead, 0), 7);
    assert_int_equal (t_queue_get (dead, 0), 7);
    assert_int_equal (t_queue_get (dead, 0), -1);
    brd_hold_drop (&hold);
}

// --- Two -------------------------------------------------------------------

static int
s_get_forever (void *arg)
{
    const long n = t_queue_get (arg, -1);
    return n < 0 ? errno : (int) n;
}

static void
s_test_wakes_getter (void **state)
{
    (void) state;
    brd_queue_t *q = t_queue_new (&s_plain);
    const pid_t pid = t_shared_fork (s_get_forever, q);
    assert_true (t_eventually (t_queue_getter_waits, q, 20));
    assert_int_equal (t_queue_put (q, 0, 5), 0);
    assert_int_equal (t_shared_reap (pid), 5);
    t_queue_destroy ();
}

static int
s_put_forever (void *arg)
{
    return t_queue_put (arg, -1, 6) < 0 ? errno : 0;
}

static void
s_test_wakes_putter (void **state)
{
    (void) state;
    const brd_queue_t limits = { .capacity = 1 };
    brd_queue_t *q = t_queue_new (&limits);
    assert_int_equal (t_queue_put (q, 0, 5), 0);
    const pid_t pid = t_shared_fork (s_put_forever, q);
    assert_true (t_eventually (t_queue_putter_waits, q, 20));
    assert_int_equal (t_queue_get (q, 0), 5);
    assert_int_equal (t_shared_reap (pid), 0);
    assert_int_equal (t_queue_get (q, 0), 6);
    t_queue_destroy ();
}

static void
s_test_close (void **state)
{
    (void) state;
    const brd_queue_t limits = { .capacity = 1 };
    brd_queue_t *q = t_queue_new (&limits);
    const pid_t getter = t_shared_fork (s_get_forever, q);
    assert_true (t_eventually (t_queue_getter_waits, q, 20));
    assert_int_equal (brd_queue_close (q), 0);
    assert_int_equal (t_shared_reap (getter), EPIPE);
    assert_int_equal (brd_queue_close (q), 0);
    t_queue_destroy ();
    q = t_queue_new (&limits);
    assert_int_equal (t_queue_put (q, 0, 5), 0);
    const pid_t putter = t_shared_fork (s_put_forever, q);
    assert_true (t_eventually (t_queue_putter_waits, q, 20));
    assert_int_equal (brd_queue_close (q), 0);
    assert_int_equal (t_shared_reap (putter), EPIPE);
    assert_int_equal (t_queue_get (q, -1), 5);
    assert_int_equal (t_queue_get (q, -1), -1);
    assert_int_equal (errno, EPIPE);
    t_queue_destroy ();
}

static void *
s_get_interrupted (void *arg)
{
    return t_queue_get (arg, -1) < 0 && errno == EINTR ? arg : NULL;
}

static void
s_test_interrupt (void **state)
{
    (void) state;
    brd_queue_t *q = t_queue_new (&s_plain);
    pthread_t thread;
    void *rc;
    assert_int_equal (pthread_create (&thread, NULL, s_get_interrupted, q), 0);
    assert_true (t_eventually (t_queue_getter_waits, q, 20));
    brd_sleep_interrupt ();
    assert_int_equal (pthread_join (thread, &rc), 0);
    assert_ptr_equal (rc, q);
    t_queue_destroy ();
}

// --- Many ------------------------------------------------------------------

typedef struct {
    brd_queue_t *queue;
    brd_queue_t *results;
    long from;
    long n;
    size_t size;
} s_part_t;

static int
s_put_part (void *arg)
{
    const s_part_t *part = arg;
    for (long i = 0; i < part->n; i++) {
        const size_t size = i % 50 == 7 ? part->size : 8;
        if (t_queue_put_sized (part->queue, -1, part->from + i, size, 0) < 0)
            return 1;
    }
    return 0;
}

// Passes on what it gets until the end.
static int
s_pass_on (void *arg)
{
    const s_part_t *part = arg;
    long n;
    while ((n = t_queue_get (part->queue, -1)) >= 0) {
        if (t_queue_put (part->results, -1, n) < 0)
            return 1;
    }
    return errno == EPIPE ? 0 : 2;
}

// 4 put, 4 get, through little room: each item once, and those of one putter
// reach one getter in order.
static void
s_test_many (void **state)
{
    (void) state;
    const brd_queue_t limits = { .capacity = 100 };
    brd_hold_t hold;
    brd_queue_t *results = t_queue_new_on (&hold, &s_plain);
    brd_queue_t *q = t_queue_new (&limits);
    pid_t putters[PROCESSES], getters[PROCESSES];
    static char seen[PROCESSES * N];
    memset (seen, 0, sizeof seen);
    for (int i = 0; i < PROCESSES; i++) {
        s_part_t part = { .queue = q,
                          .results = results,
                          .from = (long) i * N,
                          .n = N,
                          .size = 40000 };
        getters[i] = t_shared_fork (s_pass_on, &part);
        putters[i] = t_shared_fork (s_put_part, &part);
    }
    for (int i = 0; i < PROCESSES; i++)
        assert_int_equal (t_shared_reap (putters[i]), 0);
    assert_int_equal (brd_queue_close (q), 0);
    for (int i = 0; i < PROCESSES; i++)
        assert_int_equal (t_shared_reap (getters[i]), 0);
    assert_int_equal (t_queue_size (results), PROCESSES * N);
    for (int i = 0; i < PROCESSES * N; i++) {
        const long n = t_queue_get (results, 0);
        assert_in_range (n, 0, PROCESSES * N - 1);
        assert_int_equal (seen[n], 0);
        seen[n] = 1;
    }
    t_queue_destroy ();
    brd_hold_drop (&hold);
}

// --- Deaths ----------------------------------------------------------------

// A put that returned has put, whatever happens next.
static int
s_put_and_die (void *arg)
{
    if (t_queue_put (arg, 0, 1) == 0
        && t_queue_put_sized (arg, 0, 2, T_QUEUE_LARGE, 0) == 0)
        (void) kill (getpid (), SIGKILL);
    return 1;
}

static void
s_test_put_and_die (void **state)
{
    (void) state;
    brd_queue_t *q = t_queue_new (&s_plain);
    const pid_t pid = t_shared_fork (s_put_and_die, q);
    assert_int_equal (t_shared_reap (pid), -SIGKILL);
    (void) brd_arena_sweep (t_arena, (uint32_t) pid);
    assert_int_equal (t_queue_get (q, 0), 1);
    assert_int_equal (t_queue_get (q, 0), 2);
    t_queue_destroy ();
}

static int
s_die_in_take (void *arg, const void *bytes, size_t size)
{
    (void) arg;
    (void) bytes;
    (void) size;
    (void) kill (getpid (), SIGKILL);
    return -1;
}

static int
s_get_and_die (void *arg)
{
    (void) brd_queue_get (arg, 0, 3, s_die_in_take, NULL);
    return 1;
}

// Dead in the middle of a get: nothing is missing.
static void
s_test_die_in_get (void **state)
{
    (void) state;
    brd_queue_t *q = t_queue_new (&s_plain);
    for (int large = 0; large < 2; large++) {
        for (long i = 0; i < 4; i++)
            assert_int_equal (t_queue_put_sized (q, 0, i, large ? 50000 : 8, 0),
                              0);
        const pid_t pid = t_shared_fork (s_get_and_die, q);
        assert_int_equal (t_shared_reap (pid), -SIGKILL);
        assert_int_equal (t_queue_size (q), 4);
        for (long i = 0; i < 4; i++)
            assert_int_equal (t_queue_get (q, 0), i);
    }
    t_queue_destroy ();
}

static int
s_get_two_and_wait (void *arg)
{
    s_part_t *part = arg;
    if (t_queue_get (part->queue, 0) < 0 || t_queue_get (part->queue, 0) < 0
        || t_queue_put (part->results, 0, 0) < 0)
        return 1;
    for (;;)
        pause ();
}

// What it had comes back to the head, in order, and those who wait notice; also
// the one that closed the queue meanwhile.
static void
s_test_taker_dies (void **state)
{
    (void) state;
    const brd_queue_t limits = { .joinable = 1 };
    brd_hold_t hold;
    brd_queue_t *results = t_queue_new_on (&hold, &s_plain);
    brd_queue_t *q = t_queue_new (&limits);
    s_part_t part = { .queue = q, .results = results };
    for (long i = 0; i < 3; i++)
        assert_int_equal (t_queue_put (q, 0, i), 0);
    const pid_t taker = t_shared_fork (s_get_two_and_wait, &part);
    assert_int_equal (t_queue_get (results, 20000), 0);
    assert_int_equal (t_queue_get (q, 0), 2);
    assert_int_equal (brd_queue_task_done (q), 0);
    assert_int_equal (brd_queue_close (q), 0);
    const pid_t waiter = t_shared_fork (s_get_forever, q);
    assert_true (t_eventually (t_queue_getter_waits, q, 20));
    assert_int_equal (t_shared_kill (taker), -SIGKILL);
    assert_int_equal (t_shared_reap (waiter), 0);
    assert_int_equal (t_queue_get (q, 0), 0);
    assert_int_equal (brd_queue_deliveries (q), 3);
    assert_int_equal (t_queue_get (q, 0), 1);
    assert_int_equal (brd_queue_task_done (q), 0);
    assert_int_equal (brd_queue_task_done (q), 0);
    assert_int_equal (brd_queue_join (q, 0), 0);
    t_queue_destroy ();
    brd_hold_drop (&hold);
}

static int
s_join_forever (void *arg)
{
    return brd_queue_join (arg, -1) < 0 ? errno : 0;
}

static int
s_joiner_waits (void *arg)
{
    return atomic_load (&((brd_queue_t *) arg)->joiners.asleep) > 0;
}

static void
s_test_join (void **state)
{
    (void) state;
    const brd_queue_t limits = { .joinable = 1 };
    brd_queue_t *q = t_queue_new (&limits);
    assert_int_equal (t_queue_put (q, 0, 1), 0);
    const pid_t pid = t_shared_fork (s_join_forever, q);
    assert_true (t_eventually (s_joiner_waits, q, 20));
    assert_int_equal (t_queue_get (q, 0), 1);
    assert_int_equal (brd_queue_task_done (q), 0);
    assert_int_equal (t_shared_reap (pid), 0);
    t_queue_destroy ();
}

// --- Deaths at any moment --------------------------------------------------

// In the arena: what each putter knows of itself.
typedef struct {
    brd_queue_t *queue;
    brd_queue_t *results;
    _Atomic long accepted[KILLS + PROCESSES];
} s_chaos_t;

typedef struct {
    s_chaos_t *chaos;
    int index;
} s_actor_t;

enum {
    PER_PUTTER = 1000000
};

static int
s_put_until_killed (void *arg)
{
    const s_actor_t *me = arg;
    for (long i = 0;; i++) {
        const size_t size = i % 40 == 3 ? 40000 : 8 + (size_t) (i % 9) * 800;
        if (t_queue_put_sized (me->chaos->queue,
                               -1,
                               (long) me->index * PER_PUTTER + i,
                               size,
                               0)
            < 0)
            return 1;
        atomic_store (&me->chaos->accepted[me->index], i + 1);
    }
}

static int
s_work_until_killed (void *arg)
{
    const s_actor_t *me = arg;
    long n;
    while ((n = t_queue_get (me->chaos->queue, -1)) >= 0) {
        if (t_queue_put (me->chaos->results, -1, n) < 0)
            return 1;
        if (brd_queue_task_done (me->chaos->queue) < 0)
            return 2;
    }
    return errno == EPIPE ? 0 : 3;
}

static int
s_progress (void *arg)
{
    const s_actor_t *me = arg;
    return atomic_load (&me->chaos->queue->items.takes) >= (uint64_t) me->index;
}

// Each accepted put is worked on, one or more times (its worker died), and what
// was not accepted at most by the luck of the last instant; in order per putter
// but for what came back. Never a hang.
static void
s_check_chaos (s_chaos_t *chaos, int putters)
{
    const size_t size = sizeof (char) * PER_PUTTER;
    char *seen = calloc ((size_t) putters, size);
    assert_non_null (seen);
    long n, twice = 0;
    while ((n = t_queue_get (chaos->results, 0)) >= 0) {
        assert_in_range (n, 0, (long) putters * PER_PUTTER - 1);
        twice += seen[n];
        seen[n] = 1;
    }
    assert_true (twice <= KILLS);
    for (int p = 0; p < putters; p++) {
        const long accepted = atomic_load (&chaos->accepted[p]);
        for (long i = 0; i < accepted; i++)
            assert_int_equal (seen[(long) p * PER_PUTTER + i], 1);
        assert_int_equal (seen[(long) p * PER_PUTTER + accepted + 1], 0);
    }
    free (seen);
}

static void
s_test_chaos (void **state)
{
    (void) state;
    const brd_queue_t limits = { .joinable = 1, .capacity = 60 };
    brd_hold_t hold;
    s_chaos_t *chaos =
        brd_arena_alloc (t_arena, sizeof *chaos, (uint32_t) getpid (), 1);
    assert_non_null (chaos);
    chaos->results = t_queue_new_on (&hold, &s_plain);
    chaos->queue = t_queue_new (&limits);
    pid_t putters[PROCESSES], workers[PROCESSES];
    s_actor_t actor = { .chaos = chaos };
    unsigned seed = 3;
    int born = 0;
    for (int i = 0; i < PROCESSES; i++) {
        actor.index = born++;
        putters[i] = t_shared_fork (s_put_until_killed, &actor);
        workers[i] = t_shared_fork (s_work_until_killed, &actor);
    }
    for (int i = 0; i < KILLS; i++) {
        s_actor_t until = { .chaos = chaos };
        until.index = (int) atomic_load (&chaos->queue->items.takes) + 20;
        assert_true (t_eventually (s_progress, &until, 20));
        seed = seed * 1103515245 + 12345;
        for (volatile unsigned n = seed >> 18; n > 0; n--)
            continue;
        const int victim = (int) (seed >> 8) % PROCESSES;
        pid_t *pids = i % 2 ? putters : workers;
        assert_int_equal (t_shared_kill (pids[victim]), -SIGKILL);
        (void) brd_arena_sweep (t_arena, (uint32_t) pids[victim]);
        actor.index = i % 2 ? born++ : -1;
        pids[victim] = t_shared_fork (
            i % 2 ? s_put_until_killed : s_work_until_killed, &actor);
    }
    for (int i = 0; i < PROCESSES; i++)
        assert_int_equal (t_shared_kill (putters[i]), -SIGKILL);
    assert_int_equal (brd_queue_close (chaos->queue), 0);
    for (int i = 0; i < PROCESSES; i++)
        assert_int_equal (t_shared_reap (workers[i]), 0);
    assert_int_equal (brd_queue_join (chaos->queue, 0), 0);
    s_check_chaos (chaos, born);
    t_queue_destroy ();
    brd_hold_drop (&hold);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_order),
        cmocka_unit_test (s_test_memory),
        cmocka_unit_test (s_test_limits),
        cmocka_unit_test (s_test_no_space),
        cmocka_unit_test (s_test_priorities),
        cmocka_unit_test (s_test_refused),
        cmocka_unit_test (s_test_batch),
        cmocka_unit_test (s_test_tasks),
        cmocka_unit_test (s_test_end_of_thread),
        cmocka_unit_test (s_test_dead_letters),
        cmocka_unit_test (s_test_wakes_getter),
        cmocka_unit_test (s_test_wakes_putter),
        cmocka_unit_test (s_test_close),
        cmocka_unit_test (s_test_interrupt),
        cmocka_unit_test (s_test_many),
        cmocka_unit_test (s_test_put_and_die),
        cmocka_unit_test (s_test_die_in_get),
        cmocka_unit_test (s_test_taker_dies),
        cmocka_unit_test (s_test_join),
        cmocka_unit_test (s_test_chaos),
    };
    t_watchdog (200);
    return cmocka_run_group_tests (tests, t_shared_setup, t_shared_teardown);
}
