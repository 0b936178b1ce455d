// test_pool_from_end.c - a task gives work to a pool, and one of them ends
//
// SPDX-License-Identifier: MPL-2.0
//
// Workers die of what a guest gives; a guest cancels, kills, leaves or dies;
// the owner closes, terminates, destroys, resizes, breaks or dies. Nobody waits
// in vain, everybody is told the truth, nothing is left.

#include "t_guest.h"

#include <signal.h>
#include <sys/wait.h>

// As the only argument: the program is an owner that will be killed.
#define S_BE_KILLED "be-killed"

// What is given here and there.
BROOD_MAPPER (s_double, int, x, int, y)
{
    *y = 2 * *x;
    return 0;
}

// --- Deaths below ----------------------------------------------------------

// Shared with all processes; made before any pool.
static brood_event_t *s_go;     // A task that waits may end
static brood_value_t *s_begun;  // Tasks that began to wait
static brood_value_t *s_heard;  // Those that heard they were cancelled

static int
s_die (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int attempts;
    if (brood_msg_unpack (in, "%d", &attempts) < 0)
        return -1;
    if (brood_task_attempt (task) <= attempts) {
        t_default_signals ();
        raise (SIGKILL);
    }
    return brood_msg_pack (out, "%d", brood_task_attempt (task));
}
BROOD_TASK (s_die);

BROOD_MAPPER (s_die_at_13, int, x, int, y)
{
    if (*x == 13) {
        t_default_signals ();
        raise (SIGKILL);
    }
    *y = 2 * *x;
    return 0;
}

// Until it is told to end, by s_go or by its caller.
static int
s_wait (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    brood_value_add (s_begun, 1);
    while (brood_event_wait (s_go, 1) < 0)
        if (brood_task_cancelled (task)) {
            brood_value_add (s_heard, 1);
            return brood_task_fail (task, "told to end");
        }
    return brood_msg_pack (out, "%d", (int) getpid ());
}
BROOD_TASK (s_wait);

// Until it is killed.
static int
s_hang (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    brood_value_add (s_begun, 1);
    while (pause () < 0)
        continue;
    return 0;
}
BROOD_TASK (s_hang);

static int
s_have_begun (void *n)
{
    return brood_value_get (s_begun) >= *(int *) n;
}

static int
s_await_begun (int n)
{
    return t_eventually (s_have_begun, &n, 30);
}

static int
s_have_heard (void *n)
{
    return brood_value_get (s_heard) >= *(int *) n;
}

static int
s_await_heard (int n)
{
    return t_eventually (s_have_heard, &n, 30);
}

static int
s_see_deaths (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    int parent, attempt;
    brood_error_info_t info;
    char words[64];
    (void) out;
    T_SEE (brood_msg_unpack (in, "[@%p, %d]", &ref, &parent) == 0);
    BROOD_AUTO (pool) pool = brood_pool_from (ref);
    T_SEE (pool);
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_die, "%d", 9);
    T_SEE (f && brood_future_get (f, -1, "%d", &attempt) < 0
           && errno == ECHILD);
    brood_error_info (&info);
    snprintf (words, sizeof words, "worker %d was killed by SIGKILL", info.pid);
    T_SEE (info.signal == SIGKILL && info.attempt == 1 && info.pid > 0
           && info.pid != (int) getpid () && info.host[0] != '\0'
           && strcmp (info.task, "s_die") == 0
           && strstr (brood_error (), words));
    // Another attempt is this process's to make.
    BROOD_AUTO (future)
    again = brood_pool_submit_with (
        pool, s_die, &(brood_task_options_t){ .retries = 2 }, "%d", 2);
    T_SEE (again && brood_future_get (again, -1, "%d", &attempt) == 0
           && attempt == 3);
    BROOD_AUTO (future)
    poison = brood_pool_submit_with (
        pool, s_die, &(brood_task_options_t){ .retries = 9 }, "%d", 9);
    T_SEE (poison && brood_future_get (poison, -1, "%d", &attempt) < 0
           && errno == ELOOP && strstr (brood_error (), "poison"));
    return 0;
}
BROOD_TASK (s_see_deaths);

static int
s_see_deaths_in_maps (brood_task_t *task,
                      const brood_msg_t *in,
                      brood_msg_t *out)
{
    void *ref;
    int parent, numbers[T_ITEMS], doubled[T_ITEMS], errors[T_ITEMS];
    brood_error_info_t info;
    (void) out;
    T_SEE (brood_msg_unpack (in, "[@%p, %d]", &ref, &parent) == 0);
    BROOD_AUTO (pool) pool = brood_pool_from (ref);
    T_SEE (pool);
    for (int i = 0; i < T_ITEMS; i++)
        numbers[i] = i;
    const brood_map_options_t options = { .chunk = 5, .ret_errors = errors };
    T_SEE (brood_pool_map_with (
               pool, s_die_at_13, numbers, doubled, T_ITEMS, &options)
               < 0
           && errno == ECHILD);
    brood_error_info (&info);
    T_SEE (info.item == 13 && info.signal == SIGKILL && info.pid > 0
           && strstr (brood_error (), "s_die_at_13 item 13: worker")
           && strstr (brood_error (), "killed by SIGKILL"));
    for (int i = 0; i < T_ITEMS; i++)
        T_SEE (errors[i] == (i == 13 ? ECHILD : 0)
               && (i == 13 || doubled[i] == 2 * i));
    BROOD_AUTO (msg) items = brood_msg_new ("[0, 1, 0]");
    int failed[3];
    const brood_map_options_t again = { .ret_errors = failed };
    BROOD_AUTO (msg) all = brood_pool_map_msg (pool, s_die, items, &again);
    T_SEE (all && failed[0] == 0 && failed[1] == ECHILD && failed[2] == 0);
    return 0;
}
BROOD_TASK (s_see_deaths_in_maps);

static void
s_test_deaths (void **state)
{
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("3");
    t_expect (pool, s_see_deaths, pool);
    t_expect (pool, s_see_deaths_in_maps, pool);
}

// --- Ends that are asked for -----------------------------------------------

static int
s_see_ends (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    int parent, pid;
    brood_error_info_t info;
    (void) out;
    T_SEE (brood_msg_unpack (in, "[@%p, %d]", &ref, &parent) == 0);
    BROOD_AUTO (pool) pool = brood_pool_from (ref);
    T_SEE (pool);
    BROOD_AUTO (future)
    late = brood_pool_submit_with (
        pool,
        s_hang,
        &(brood_task_options_t){ .timeout_ms = 50, .grace_ms = 1 },
        "nil");
    T_SEE (late && brood_future_get (late, -1, "%d", &pid) < 0
           && errno == ETIMEDOUT);
    brood_error_info (&info);
    T_SEE (info.pid > 0 && strstr (brood_error (), "timed out in worker")
           && strstr (brood_error (), "killed for it"));

    BROOD_AUTO (future) told = brood_pool_submit (pool, s_wait, "nil");
    T_SEE (told && s_await_begun (2));
    T_SEE (brood_future_cancel (told) == 0);
    T_SEE (s_await_heard (1) && brood_future_get (told, -1, "%d", &pid) < 0
           && errno == ECANCELED && brood_future_cancelled (told) == 1);

    BROOD_AUTO (future) dead = brood_pool_submit (pool, s_hang, "nil");
    T_SEE (dead && s_await_begun (3));
    T_SEE (brood_future_kill (dead, 1) == 0);
    T_SEE (brood_future_get (dead, -1, "%d", &pid) < 0 && errno == ECANCELED);
    T_SEE (strstr (brood_error (), "cancelled"));
    return 0;
}
BROOD_TASK (s_see_ends);

// More than there are workers for: the rest is cancelled before it starts.
static int
s_see_cancels (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    enum {
        FUTURES = 60
    };
    void *ref;
    int parent, pid;
    brood_future_t *f[FUTURES];
    (void) out;
    T_SEE (brood_msg_unpack (in, "[@%p, %d]", &ref, &parent) == 0);
    BROOD_AUTO (pool) pool = brood_pool_from (ref);
    T_SEE (pool);
    for (int i = 0; i < FUTURES; i++) {
        f[i] = brood_pool_submit (pool, s_wait, "nil");
        T_SEE (f[i]);
    }
    T_SEE (s_await_begun (2));
    T_SEE (brood_pool_cancel (pool) >= 0);
    for (int i = 0; i < FUTURES; i++) {
        T_SEE (brood_future_get (f[i], 20000, "%d", &pid) < 0
               && errno == ECANCELED);
        brood_future_destroy (&f[i]);
    }
    T_SEE (brood_value_get (s_begun) < FUTURES);
    T_SEE (brood_value_get (s_begun) == brood_value_get (s_heard));
    BROOD_AUTO (msg) one = brood_pool_apply (pool, t_square, "%ld", 3L);
    T_SEE (one);
    return 0;
}
BROOD_TASK (s_see_cancels);

static void
s_test_ends (void **state)
{
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    t_expect (pool, s_see_ends, pool);
}

static void
s_test_cancels (void **state)
{
    (void) state;
    BROOD_AUTO (pool) at = brood_pool_new ("1");
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    t_expect (at, s_see_cancels, pool);
}

// destroy, terminate: what was given through the handle ends, nothing else.
static int
s_leave_early (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    int parent, pid;
    (void) out;
    T_SEE (brood_msg_unpack (in, "[@%p, %d]", &ref, &parent) == 0);
    BROOD_AUTO (pool) pool = brood_pool_from (ref);
    T_SEE (pool && brood_pool_join (pool, 0) < 0 && errno == EBUSY);
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_hang, "nil");
    T_SEE (f && s_await_begun (2));
    T_SEE (brood_pool_wait (pool, 1) < 0 && errno == ETIMEDOUT);
    T_SEE (brood_pool_terminate (pool) == 0);
    T_SEE (brood_future_get (f, 0, "%d", &pid) < 0 && errno == EPIPE);
    T_SEE (!brood_pool_submit (pool, s_hang, "nil") && errno == EPIPE);
    BROOD_AUTO (pool) again = brood_pool_from (ref);
    BROOD_AUTO (future) g = brood_pool_submit (again, s_hang, "nil");
    T_SEE (g && s_await_begun (3));
    brood_pool_destroy (&again);
    T_SEE (brood_future_get (g, 0, "%d", &pid) < 0 && errno == EPIPE);
    return 0;
}
BROOD_TASK (s_leave_early);

static int
s_has_one_task (void *pool)
{
    brood_pool_stats_t stats;
    return brood_pool_stats (pool, &stats) == 0
           && stats.pending + stats.running == 1;
}

static void
s_test_leave (void **state)
{
    (void) state;
    int pid;
    BROOD_AUTO (pool) at = brood_pool_new ("1");
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    BROOD_AUTO (future) own = brood_pool_submit (pool, s_wait, "nil");
    assert_true (s_await_begun (1));
    BROOD_AUTO (msg)
    done = brood_pool_apply (at, s_leave_early, "[@%p, 0]", brood_ref (pool));
    if (!done)
        fail_msg ("%s", brood_error ());
    assert_int_equal (brood_future_done (own), 0);
    assert_true (t_eventually (s_has_one_task, pool, 30));
    brood_event_set (s_go);
    assert_int_equal (brood_future_get (own, -1, "%d", &pid), 0);
}

// --- The owner ends its pool -----------------------------------------------

static brood_event_t *s_ended;  // The owner has done what a guest waits for

static int
s_refuses (void *pool)
{
    BROOD_AUTO (future) f = brood_pool_submit (pool, t_square, "%ld", 2L);
    return !f && errno == EPIPE;
}

// What it gave before the owner's close ends well; nothing is taken after it.
static int
s_see_close (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    int pid;
    (void) out;
    T_SEE (brood_msg_unpack (in, "[@%p, 0]", &ref) == 0);
    BROOD_AUTO (pool) pool = brood_pool_from (ref);
    T_SEE (pool);
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_wait, "nil");
    T_SEE (f && s_await_begun (1));
    T_SEE (brood_event_wait (s_ended, -1) == 0);
    BROOD_AUTO (future) late = brood_pool_submit (pool, t_square, "%ld", 2L);
    T_SEE (late && brood_future_wait (late, -1) == 0);
    T_SEE (brood_future_get (late, -1, "%d", &pid) < 0 && errno == EPIPE
           && strstr (brood_error (), "the pool is closed"));
    T_SEE (brood_event_set (s_go) == 0);
    T_SEE (brood_future_get (f, -1, "%d", &pid) == 0);
    // Now it is told that there will be no more.
    T_SEE (brood_pool_wait (pool, -1) == 0);
    T_SEE (t_eventually (s_refuses, pool, 30));
    BROOD_AUTO (pool) again = brood_pool_from (ref);
    BROOD_AUTO (future)
    none = again ? brood_pool_submit (again, t_square, "%ld", 2L) : NULL;
    T_SEE (!none || brood_future_get (none, -1, "%d", &pid) < 0);
    T_SEE (errno == EPIPE);
    return 0;
}
BROOD_TASK (s_see_close);

static void
s_test_owner_closes (void **state)
{
    (void) state;
    BROOD_AUTO (pool) at = brood_pool_new ("1");
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    BROOD_AUTO (future)
    f = brood_pool_submit (at, s_see_close, "[@%p, 0]", brood_ref (pool));
    assert_true (s_await_begun (1));
    assert_int_equal (brood_pool_close (pool), 0);
    assert_int_equal (brood_event_set (s_ended), 0);
    if (!brood_future_result (f, -1))
        fail_msg ("%s", brood_error ());
    assert_int_equal (brood_pool_join (pool, -1), 0);
}

// Terminated or destroyed: all it gave ends with EPIPE, and so do new calls.
static int
s_see_end (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    int pid;
    int numbers[T_ITEMS] = { 0 };
    (void) out;
    T_SEE (brood_msg_unpack (in, "[@%p, 0]", &ref) == 0);
    BROOD_AUTO (pool) pool = brood_pool_from (ref);
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_hang, "nil");
    BROOD_AUTO (future) g = brood_pool_submit (pool, s_hang, "nil");
    BROOD_AUTO (future) waits = brood_pool_submit (pool, s_hang, "nil");
    T_SEE (pool && f && g && waits && brood_value_add (s_begun, 1) > 0);
    T_SEE (brood_pool_map (pool, s_double, numbers, numbers, T_ITEMS) < 0
           && errno == EPIPE);
    T_SEE (brood_future_get (f, -1, "%d", &pid) < 0 && errno == EPIPE);
    T_SEE (brood_future_get (g, -1, "%d", &pid) < 0 && errno == EPIPE);
    T_SEE (brood_future_get (waits, -1, "%d", &pid) < 0 && errno == EPIPE);
    T_SEE (strstr (brood_error (), "not done: the pool was terminated"));
    BROOD_AUTO (msg) none = brood_pool_apply (pool, t_square, "%ld", 2L);
    T_SEE (!none && errno == EPIPE);
    BROOD_AUTO (pool) again = brood_pool_from (ref);
    T_SEE (!again && errno == EPIPE);
    return 0;
}
BROOD_TASK (s_see_end);

static void
s_end_under_guest (void (*end) (brood_pool_t **pool))
{
    BROOD_AUTO (pool) at = brood_pool_new ("1");
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    BROOD_AUTO (future)
    f = brood_pool_submit (at, s_see_end, "[@%p, 0]", brood_ref (pool));
    assert_true (s_await_begun (3));
    end (&pool);
    if (!brood_future_result (f, -1))
        fail_msg ("%s", brood_error ());
}

static void
s_terminate (brood_pool_t **pool)
{
    assert_int_equal (brood_pool_terminate (*pool), 0);
}

static void
s_test_owner_terminates (void **state)
{
    (void) state;
    s_end_under_guest (s_terminate);
}

static void
s_test_owner_destroys (void **state)
{
    (void) state;
    s_end_under_guest (brood_pool_destroy);
}

// Its workers only die.
static int
s_see_break (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    enum {
        DEATHS = 20
    };
    void *ref;
    int x, broken = 0;
    (void) out;
    T_SEE (brood_msg_unpack (in, "[@%p, 0]", &ref) == 0);
    BROOD_AUTO (pool) pool = brood_pool_from (ref);
    T_SEE (pool);
    for (int i = 0; i < DEATHS && !broken; i++) {
        BROOD_AUTO (future) f = brood_pool_submit (pool, s_die, "%d", 1);
        T_SEE (f || errno == EPIPE);
        T_SEE (!f || brood_future_get (f, -1, "%d", &x) < 0);
        T_SEE (errno == ECHILD || errno == EPIPE);
        broken = errno == EPIPE;
    }
    T_SEE (broken && strstr (brood_error (), "broken"));
    return 0;
}
BROOD_TASK (s_see_break);

static void
s_test_owner_breaks (void **state)
{
    (void) state;
    const brood_pool_options_t options = { .spec = "1", .restarts_max = 2 };
    BROOD_AUTO (pool) at = brood_pool_new ("1");
    BROOD_AUTO (pool) pool = brood_pool_new_with (&options);
    BROOD_AUTO (msg)
    done = brood_pool_apply (at, s_see_break, "[@%p, 0]", brood_ref (pool));
    if (!done)
        fail_msg ("%s", brood_error ());
}

// --- The owner resizes its pool --------------------------------------------

static int
s_has_four (void *pool)
{
    return brood_pool_workers (pool) == 4;
}

static int
s_see_size (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    int pid;
    (void) out;
    T_SEE (brood_msg_unpack (in, "[@%p, 0]", &ref) == 0);
    BROOD_AUTO (pool) pool = brood_pool_from (ref);
    T_SEE (pool && brood_pool_workers (pool) == 2);
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_wait, "nil");
    T_SEE (f && s_await_begun (1));
    T_SEE (brood_event_wait (s_ended, -1) == 0);
    T_SEE (t_eventually (s_has_four, pool, 30));
    T_SEE (brood_event_set (s_go) == 0);
    T_SEE (brood_future_get (f, -1, "%d", &pid) == 0);
    return 0;
}
BROOD_TASK (s_see_size);

static void
s_test_owner_resizes (void **state)
{
    (void) state;
    BROOD_AUTO (pool) at = brood_pool_new ("1");
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    BROOD_AUTO (future)
    f = brood_pool_submit (at, s_see_size, "[@%p, 0]", brood_ref (pool));
    assert_true (s_await_begun (1));
    assert_int_equal (brood_pool_resize (pool, 4), 0);
    assert_int_equal (brood_event_set (s_ended), 0);
    if (!brood_future_result (f, -1))
        fail_msg ("%s", brood_error ());
}

// --- The guest dies --------------------------------------------------------

enum {
    S_FUTURES = 8,
    S_LARGE = 1 << 20,
    S_ITEMS = 100000
};

// Each leg stays in its first item until it is told to go on.
BROOD_MAPPER (s_slow_item, int, x, int, y)
{
    brood_value_add (s_begun, 1);
    if (!brood_event_is_set (s_go)) {
        (void) brood_event_wait (s_go, -1);
        // The guest is dead; what it lent us is there still.
        *y = *x + 1;
        brood_value_add (s_heard, 1);
    }
    return 0;
}

// Gives tasks that wait, large bodies among them, and a map, and is killed.
static int
s_die_as_guest (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    int maps;
    (void) out;
    T_SEE (brood_msg_unpack (in, "[@%p, %d]", &ref, &maps) == 0);
    BROOD_AUTO (pool) pool = brood_pool_from (ref);
    char *large = calloc (1, S_LARGE);
    brood_array_t *items = brood_array_new (BROOD_INT, S_ITEMS);
    T_SEE (pool && large && items);
    for (int i = 0; i < S_FUTURES && !maps; i++)
        T_SEE (brood_pool_submit (
            pool, s_wait, "<%zu %p>", (size_t) S_LARGE, (void *) large));
    int *x = brood_array_ptr (items);
    brood_future_t *f =
        maps ? brood_pool_map_async (pool, s_slow_item, x, x, S_ITEMS) : NULL;
    T_SEE (!maps || f);
    T_SEE (s_await_begun (2));
    raise (SIGKILL);
    return 0;
}
BROOD_TASK (s_die_as_guest);

static void
s_kill_guest (int maps)
{
    int x;
    BROOD_AUTO (pool) at = brood_pool_new ("1");
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    t_used_before = brd_arena_used (brd_runtime_arena ());
    BROOD_AUTO (future)
    f = brood_pool_submit (
        at, s_die_as_guest, "[@%p, %d]", brood_ref (pool), maps);
    assert_true (brood_future_get (f, -1, "%d", &x) < 0);
    assert_int_equal (errno, ECHILD);
    // What ran is told, what waited never begins, nothing is left behind; but
    // nothing goes as long as somebody uses it.
    if (maps) {
        assert_true (brd_arena_used (brd_runtime_arena ())
                     >= t_used_before + S_ITEMS * sizeof (int));
        brood_event_set (s_go);
    }
    assert_true (t_eventually (t_is_idle, pool, 30));
    if (maps) {
        // Each leg ended with the item it was in.
        assert_int_equal (brood_value_get (s_heard), 2);
        assert_int_equal (brood_value_get (s_begun), 2);
    }
    else {
        assert_true (brood_value_get (s_begun) < S_FUTURES);
        assert_int_equal (brood_value_get (s_heard), brood_value_get (s_begun));
    }
    assert_true (t_eventually (t_is_swept, pool, 30));
}

static void
s_test_guest_dies (void **state)
{
    (void) state;
    s_kill_guest (0);
}

static void
s_test_guest_dies_in_map (void **state)
{
    (void) state;
    s_kill_guest (1);
}

// --- The owner dies --------------------------------------------------------

// A program of its own: a child of fork () has no brood.
static int
s_be_killed (void)
{
    brood_pool_t *at = brood_pool_new ("1");
    brood_pool_t *pool = brood_pool_new ("2");
    brood_future_t *f =
        brood_pool_submit (at, s_see_end, "[@%p, 0]", brood_ref (pool));
    if (at && pool && f && s_await_begun (3))
        raise (SIGKILL);
    return 1;
}

static void
s_start_owner (void *arg)
{
    execl ("/proc/self/exe", arg, S_BE_KILLED, NULL);
}

static void
s_test_owner_dies (void **state)
{
    int status;
    char name[] = "test_pool_from";
    (void) state;
    const int before = t_marked (NULL, 0);
    char *output = t_run_child (s_start_owner, name, 60, &status);
    free (output);
    assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
    assert_int_equal (t_marked_wait (before, 30), 0);
}

static int
s_set_up (void **state)
{
    (void) state;
    s_go = brood_event_new ();
    s_ended = brood_event_new ();
    s_begun = brood_value_new (BROOD_LONG);
    s_heard = brood_value_new (BROOD_LONG);
    return s_go && s_ended && s_begun && s_heard ? 0 : -1;
}

static int
s_tear_down (void **state)
{
    (void) state;
    brood_event_destroy (&s_go);
    brood_event_destroy (&s_ended);
    brood_value_destroy (&s_begun);
    brood_value_destroy (&s_heard);
    return 0;
}

#define S_TEST(test) \
    cmocka_unit_test_setup_teardown (test, s_set_up, s_tear_down)

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        S_TEST (s_test_deaths),
        S_TEST (s_test_ends),
        S_TEST (s_test_cancels),
        S_TEST (s_test_leave),
        S_TEST (s_test_owner_closes),
        S_TEST (s_test_owner_terminates),
        S_TEST (s_test_owner_destroys),
        S_TEST (s_test_owner_breaks),
        S_TEST (s_test_owner_resizes),
        S_TEST (s_test_guest_dies),
        S_TEST (s_test_guest_dies_in_map),
        S_TEST (s_test_owner_dies),
    };
    t_mark (argv);
    t_watchdog (120);
    brood_init (&argc, &argv);
    if (argc > 1 && strcmp (argv[1], S_BE_KILLED) == 0)
        return s_set_up (NULL) < 0 ? 2 : s_be_killed ();
    return cmocka_run_group_tests (tests, NULL, NULL);
}
