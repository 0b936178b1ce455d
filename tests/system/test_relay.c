// test_relay.c - a program, its broker, and agents with workers
//
// SPDX-License-Identifier: MPL-2.0
//
// Work goes down two levels and its results come up; each of the processes
// dies, joins or leaves. Nobody waits in vain, everybody is told the truth,
// nothing is left.

#include "t_relay.h"

// --- Tasks -----------------------------------------------------------------

// Nobody has registered these: they are known by what they are.
static int
s_square (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    long x;
    if (brood_msg_unpack (in, "%ld", &x) < 0)
        return brood_task_fail (task, "wanted a number");
    if (x == 13)
        return brood_task_fail (task, "thirteen");
    return brood_msg_pack (out, "[%ld, %d]", x * x, (int) getppid ());
}

static int
s_echo (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    return brood_msg_pack (out, "@%p", brood_ref (in));
}

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

// Until it may end, or is told to.
static int
s_wait (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    atomic_fetch_add (&t_here->begun, 1);
    while (!atomic_load (&t_here->go)) {
        if (brood_task_cancelled (task)) {
            atomic_fetch_add (&t_here->heard, 1);
            return brood_task_fail (task, "told to end");
        }
        usleep (1000);
    }
    return brood_msg_pack (out, "%d", brood_task_attempt (task));
}

static int
s_hang (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    atomic_fetch_add (&t_here->begun, 1);
    while (pause () < 0)
        continue;
    return 0;
}

static int
s_tell (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return -1;
    for (int i = 0; i < n; i++)
        if (brood_task_emit (task, "%d", i) < 0
            || brood_task_progress (task, i, n) < 0)
            return -1;
    return brood_msg_pack (out, "%d", n);
}

static int
s_have_begun (void *n)
{
    return atomic_load (&t_here->begun) >= *(int *) n;
}

static void
s_await_begun (int n)
{
    assert_true (t_eventually (s_have_begun, &n, 60));
}

static int
s_have_heard (void *n)
{
    return atomic_load (&t_here->heard) >= *(int *) n;
}

static void
s_await_heard (int n)
{
    assert_true (t_eventually (s_have_heard, &n, 60));
}

static brood_future_t *
s_submit (const t_relay_t *relay, brood_task_fn *fn, int retries)
{
    const brood_task_options_t options = { .retries = retries };
    brood_future_t *future =
        brood_pool_submit_with (relay->pool, fn, &options, "nil");
    assert_non_null (future);
    return future;
}

static void
s_fails (brood_future_t *future, int error, const char *words)
{
    assert_null (brood_future_result (future, 60000));
    if (errno != error || !strstr (brood_error (), words))
        fail_msg ("%s: %s", strerror (errno), brood_error ());
}

// The pool is as good as ever.
static void
s_works (const t_relay_t *relay)
{
    long square;
    BROOD_AUTO (msg) one = brood_pool_apply (relay->pool, s_square, "%ld", 5L);
    if (!one)
        fail_msg ("%s", brood_error ());
    assert_int_equal (brood_msg_unpack (one, "[%ld, *]", &square), 0);
    assert_int_equal (square, 25);
}

// --- What goes well --------------------------------------------------------

static void
s_results (void *arg)
{
    enum {
        TASKS = 300
    };
    t_relay_t relay;
    brood_future_t *futures[TASKS];
    int parents[2] = { 0, 0 };
    (void) arg;
    t_relay (&relay, 2, 0);
    for (long i = 0; i < TASKS; i++) {
        futures[i] = brood_pool_submit (relay.pool, s_square, "%ld", i);
        assert_non_null (futures[i]);
    }
    for (long i = 0; i < TASKS; i++) {
        long square;
        int parent;
        if (i == 13) {
            s_fails (futures[i], EIO, "thirteen");
            brood_future_destroy (&futures[i]);
            continue;
        }
        if (brood_future_get (futures[i], 60000, "[%ld, %d]", &square, &parent)
            < 0)
            fail_msg ("%ld: %s", i, brood_error ());
        assert_int_equal (square, i * i);
        if (parents[0] == 0 || parents[0] == parent)
            parents[0] = parent;
        else
            parents[1] = parent;
        brood_future_destroy (&futures[i]);
    }
    assert_int_equal (brood_pool_wait (relay.pool, 60000), 0);
    t_relay_end (&relay);
}

// Larger than what travels by a place in memory that is shared.
static void
s_large (void *arg)
{
    t_relay_t relay;
    const size_t size = 3 * 1024 * 1024 + 5;
    char *bytes = malloc (size);
    void *back;
    size_t back_size;
    (void) arg;
    assert_non_null (bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char) (i % 251);
    t_relay (&relay, 1, 0);
    for (int i = 0; i < 5; i++) {
        BROOD_AUTO (msg)
        one = brood_pool_apply (
            relay.pool, s_echo, "<%zu %p>", size, (void *) bytes);
        if (!one)
            fail_msg ("%s", brood_error ());
        assert_int_equal (brood_msg_unpack (one, "<%zu %p>", &back_size, &back),
                          0);
        assert_int_equal (back_size, size);
        assert_memory_equal (back, bytes, size);
    }
    free (bytes);
    t_relay_end (&relay);
}

static void
s_notes (void *arg)
{
    enum {
        NOTES = 50  // More than may be ahead
    };
    t_relay_t relay;
    double done = 0, total = 0;
    (void) arg;
    t_relay (&relay, 1, 0);
    BROOD_AUTO (future)
    future = brood_pool_submit (relay.pool, s_tell, "%d", (int) NOTES);
    assert_non_null (future);
    for (int i = 0; i < NOTES; i++) {
        int told;
        if (brood_future_next (future, 60000, "%d", &told) != 1)
            fail_msg ("%d: %s", i, brood_error ());
        assert_int_equal (told, i);
    }
    assert_int_equal (brood_future_wait (future, 60000), 0);
    assert_int_equal (brood_future_progress (future, &done, &total), 0);
    assert_true (total == NOTES);
    // Nobody reads these, so there are no more than that.
    BROOD_AUTO (msg) alone = brood_pool_apply (relay.pool, s_tell, "%d", 10);
    assert_non_null (alone);
    t_relay_end (&relay);
}

// Memory is not shared: a leg of a map is not given at all.
static void
s_never (brd_call_t *call, const brd_call_end_t *end)
{
    (void) call;
    (void) end;
    fail_msg ("it was taken");
}

static void
s_map_leg (void *arg)
{
    t_relay_t relay;
    (void) arg;
    t_relay (&relay, 1, 0);
    brd_call_t call = {
        .core = { .pool = brd_host_pool_number (relay.pool->pool) },
        .kind = BRD_TASK_MAP,
        .ended = s_never,
    };
    assert_int_equal (brd_host_submit (relay.pool->host, &call), -1);
    assert_int_equal (errno, ENOTSUP);
    s_works (&relay);
    t_relay_end (&relay);
}

// --- What each worker is to be ---------------------------------------------

static int
s_begin (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    (void) out;
    if (brood_msg_unpack (in, "%d", &n) < 0 || n != 42)
        return brood_task_fail (task, "not what it was to be");
    if (nice (0) != 7)
        return brood_task_fail (task, "niceness is %d", nice (0));
    atomic_fetch_add (&t_here->ready, 1);
    return 0;
}

static int
s_begin_badly (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    (void) out;
    return brood_task_fail (task, "no licence");
}

static void
s_opened (void *arg)
{
    t_relay_t relay;
    const brd_host_pool_options_t options = {
        .name = "top",
        .nice = 7,
        .core = { .max_tasks = 1 },
        .setup = { .initializer = s_begin,
                   .initargs = (void *) (uintptr_t) "\x2a",
                   .initargs_size = 1 },
    };
    (void) arg;
    t_relay_with (&relay, 1, 0, &options);
    assert_int_equal (brood_pool_workers (relay.pool), 2);
    s_works (&relay);
    s_works (&relay);
    // A worker for each task, each begun as it should.
    assert_true (atomic_load (&t_here->ready) >= 2);
    t_relay_end (&relay);
}

static int
s_is_broken (void *pool)
{
    return brd_host_pool_check (pool) < 0;
}

static void
s_opened_badly (void *arg)
{
    t_relay_t relay;
    const brd_host_pool_options_t options = {
        .name = "top",
        .setup = { .initializer = s_begin_badly,
                   .initargs = (void *) (uintptr_t) "\xc0",
                   .initargs_size = 1 },
    };
    (void) arg;
    t_relay_with (&relay, 1, 0, &options);
    // It is known when the first worker has tried.
    assert_true (t_eventually (s_is_broken, relay.pool->pool, 60));
    assert_int_equal (brd_host_pool_check (relay.pool->pool), -1);
    assert_int_equal (errno, ENOEXEC);
    if (!strstr (brood_error (), "no licence"))
        fail_msg ("%s", brood_error ());
    t_relay_end (&relay);
}

// --- What goes wrong below -------------------------------------------------

static void
s_deaths (void *arg)
{
    t_relay_t relay;
    brood_error_info_t info;
    int attempt;
    (void) arg;
    t_relay (&relay, 2, 0);
    BROOD_AUTO (future) dies = brood_pool_submit (relay.pool, s_die, "%d", 9);
    s_fails (dies, ECHILD, "SIGKILL");
    brood_error_info (&info);
    assert_true (info.error == ECHILD && info.signal == SIGKILL && info.pid > 0
                 && info.attempt == 1);
    const brood_task_options_t again = { .retries = 2 };
    BROOD_AUTO (future)
    third = brood_pool_submit_with (relay.pool, s_die, &again, "%d", 2);
    if (brood_future_get (third, 60000, "%d", &attempt) < 0)
        fail_msg ("%s", brood_error ());
    assert_int_equal (attempt, 3);
    const brood_task_options_t timed = { .timeout_ms = 50, .grace_ms = 50 };
    BROOD_AUTO (future)
    late = brood_pool_submit_with (relay.pool, s_hang, &timed, "nil");
    s_fails (late, ETIMEDOUT, "");
    s_works (&relay);
    t_relay_end (&relay);
}

static void
s_cancels (void *arg)
{
    t_relay_t relay;
    (void) arg;
    t_relay (&relay, 1, 0);
    BROOD_AUTO (future) a = s_submit (&relay, s_wait, 0);
    BROOD_AUTO (future) b = s_submit (&relay, s_hang, 0);
    s_await_begun (2);
    // Both workers are busy: these wait, here or below.
    BROOD_AUTO (future) c = s_submit (&relay, s_wait, 0);
    BROOD_AUTO (future) d = s_submit (&relay, s_wait, 0);
    assert_true (brood_future_cancel (c) >= 0);
    s_fails (c, ECANCELED, "");
    assert_true (brood_future_cancel (a) >= 0);
    s_await_heard (1);
    s_fails (a, ECANCELED, "");
    assert_true (brood_future_kill (b, 0) >= 0);
    s_fails (b, ECANCELED, "");
    atomic_store (&t_here->go, 1);
    assert_int_equal (brood_future_wait (d, 60000), 0);
    s_works (&relay);
    t_relay_end (&relay);
}

// --- Agents come and go ----------------------------------------------------

// Two of two agents' workers hang; their agent dies.
static void
s_agent_dies (void *arg)
{
    t_relay_t relay;
    brood_error_info_t info;
    int attempt;
    (void) arg;
    t_relay (&relay, 1, 1);
    BROOD_AUTO (future) a = s_submit (&relay, s_wait, 0);
    BROOD_AUTO (future) b = s_submit (&relay, s_wait, 1);
    s_await_begun (2);
    t_relay_join (&relay, 1);
    kill (relay.agents[0], SIGKILL);
    s_fails (a, ECHILD, "");
    brood_error_info (&info);
    assert_int_equal (info.error, ECHILD);
    // The other one is tried again, where there is somebody.
    s_await_begun (3);
    atomic_store (&t_here->go, 1);
    if (brood_future_get (b, 60000, "%d", &attempt) < 0)
        fail_msg ("%s", brood_error ());
    assert_int_equal (attempt, 2);
    s_works (&relay);
    t_relay_end (&relay);
}

static void
s_agent_joins (void *arg)
{
    t_relay_t relay;
    (void) arg;
    t_relay (&relay, 0, 2);
    // Nobody is there: it waits.
    BROOD_AUTO (future) a = s_submit (&relay, s_wait, 0);
    assert_int_equal (brood_future_wait (a, 100), -1);
    assert_int_equal (errno, ETIMEDOUT);
    t_relay_join (&relay, 0);
    s_await_begun (1);
    // All there are are busy: the last of these waits, maybe below, and is had
    // back for who comes next.
    BROOD_AUTO (future) b = s_submit (&relay, s_wait, 0);
    BROOD_AUTO (future) c = s_submit (&relay, s_wait, 0);
    s_await_begun (2);
    t_relay_join (&relay, 1);
    s_await_begun (3);
    assert_int_equal (brood_pool_workers (relay.pool), 4);
    atomic_store (&t_here->go, 1);
    assert_int_equal (brood_future_wait (a, 60000), 0);
    assert_int_equal (brood_future_wait (b, 60000), 0);
    assert_int_equal (brood_future_wait (c, 60000), 0);
    t_relay_end (&relay);
}

// The last one goes, others come later. What was given meanwhile waits.
static void
s_agents_change (void *arg)
{
    t_relay_t relay;
    (void) arg;
    t_relay (&relay, 1, 3);
    for (int i = 0; i < 3; i++) {
        s_works (&relay);
        kill (relay.agents[i], SIGKILL);
        brood_future_t *futures[20];
        for (int j = 0; j < 20; j++)
            futures[j] = s_submit (&relay, s_echo, 3);
        t_relay_join (&relay, i + 1);
        for (int j = 0; j < 20; j++) {
            if (brood_future_wait (futures[j], 60000) < 0
                || !brood_future_result (futures[j], 0))
                fail_msg ("%d, %d: %s", i, j, brood_error ());
            brood_future_destroy (&futures[j]);
        }
    }
    t_relay_end (&relay);
}

// --- Above -----------------------------------------------------------------

static void
s_broker_dies (void *arg)
{
    t_relay_t relay;
    (void) arg;
    t_relay (&relay, 2, 0);
    BROOD_AUTO (future) a = s_submit (&relay, s_hang, 0);
    BROOD_AUTO (future) b = s_submit (&relay, s_hang, 5);
    s_await_begun (2);
    kill (relay.broker, SIGKILL);
    s_fails (a, EPIPE, "is gone");
    s_fails (b, EPIPE, "is gone");
    assert_null (brood_pool_submit (relay.pool, s_echo, "nil"));
    assert_int_equal (errno, EPIPE);
    t_relay_end (&relay);
}

// It is destroyed while tasks hang.
static void
s_top_ends (void *arg)
{
    t_relay_t relay;
    (void) arg;
    t_relay (&relay, 2, 0);
    BROOD_AUTO (future) a = s_submit (&relay, s_hang, 0);
    BROOD_AUTO (future) b = s_submit (&relay, s_wait, 0);
    s_await_begun (2);
    t_relay_end (&relay);
    s_fails (a, EPIPE, "");
    s_fails (b, EPIPE, "");
}

static void
s_top_closes (void *arg)
{
    t_relay_t relay;
    (void) arg;
    t_relay (&relay, 2, 0);
    BROOD_AUTO (future) a = s_submit (&relay, s_wait, 0);
    s_await_begun (1);
    assert_int_equal (brood_pool_close (relay.pool), 0);
    atomic_store (&t_here->go, 1);
    assert_int_equal (brood_pool_join (relay.pool, 60000), 0);
    assert_int_equal (brood_future_wait (a, 0), 0);
    t_relay_end (&relay);
}

static void
s_top_dies (void *arg)
{
    t_relay_t relay;
    (void) arg;
    t_relay (&relay, 2, 0);
    for (int i = 0; i < 8; i++)
        (void) s_submit (&relay, s_hang, 0);
    s_await_begun (4);
    kill (getpid (), SIGKILL);
}

// A broker below a broker.
static void
s_three_levels (void *arg)
{
    t_relay_t relay;
    int above, middle, control;
    const brd_host_pool_options_t options = { .name = "top" };
    (void) arg;
    relay.broker = t_broker (&above, &relay.control);
    (void) t_broker (&middle, &control);
    relay.agents[0] = t_agent (2, &relay.fds[0]);
    t_give (control, relay.fds[0]);
    t_give (relay.control, middle);
    relay.pool = t_top (above, &options);
    t_top_wait (relay.pool);
    s_works (&relay);
    BROOD_AUTO (future) dies = brood_pool_submit (relay.pool, s_die, "%d", 9);
    s_fails (dies, ECHILD, "SIGKILL");
    s_works (&relay);
    close (control);
    t_relay_end (&relay);
}

// --- The tests -------------------------------------------------------------

typedef struct {
    void (*fn) (void *arg);
    int signal;  // It ends with
} s_scene_t;

static void
s_test (void **state)
{
    const s_scene_t *scene = *state;
    int status;
    t_here_new ();
    // What fails in there is to end it there.
    setenv ("CMOCKA_TEST_ABORT", "1", 1);
    char *output = t_run_child (scene->fn, NULL, 100, &status);
    unsetenv ("CMOCKA_TEST_ABORT");
    const int good =
        scene->signal
            ? WIFSIGNALED (status) && WTERMSIG (status) == scene->signal
            : WIFEXITED (status) && WEXITSTATUS (status) == 0;
    if (!good)
        fail_msg ("status %x: %s", (unsigned) status, output);
    free (output);
    assert_int_equal (t_marked_wait (0, 60), 0);
    munmap (t_here, sizeof *t_here);
}

#define S_TEST(scene, signal) \
    { \
#scene, s_test, NULL, NULL, &(s_scene_t) \
        { \
            scene, signal \
        } \
    }

int
main (int argc, char **argv)
{
    t_mark (argv);
    if (argc > 1)
        cmocka_set_test_filter (argv[1]);
    const struct CMUnitTest tests[] = {
        S_TEST (s_results, 0),        S_TEST (s_large, 0),
        S_TEST (s_notes, 0),          S_TEST (s_map_leg, 0),
        S_TEST (s_opened, 0),         S_TEST (s_opened_badly, 0),
        S_TEST (s_deaths, 0),         S_TEST (s_cancels, 0),
        S_TEST (s_agent_dies, 0),     S_TEST (s_agent_joins, 0),
        S_TEST (s_agents_change, 0),  S_TEST (s_broker_dies, 0),
        S_TEST (s_top_ends, 0),       S_TEST (s_top_closes, 0),
        S_TEST (s_top_dies, SIGKILL), S_TEST (s_three_levels, 0),
    };
    t_watchdog (600);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
