// test_pool_threads.c - pools whose workers are threads
//
// SPDX-License-Identifier: MPL-2.0
//
// What is the same as with processes is tested in test_pool_calls.c, by the
// same code. Here is what only threads do: they share the program's memory, and
// nobody can end them.

#include "t_process.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

// A task that runs until it is told not to, and counts.
static _Atomic int s_running;
static _Atomic int s_go_on;
static _Atomic int s_saw_cancel;

static int
s_stay (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    atomic_fetch_add (&s_running, 1);
    while (atomic_load (&s_go_on)) {
        if (brood_task_cancelled (task)) {
            atomic_fetch_add (&s_saw_cancel, 1);
            break;
        }
        sched_yield ();
    }
    atomic_fetch_sub (&s_running, 1);
    return brood_msg_pack (out, "nil");
}
BROOD_TASK (s_stay);

static int
s_runs (void *n)
{
    return atomic_load (&s_running) >= *(int *) n;
}

static void
s_await_running (int n)
{
    T_MUST (t_eventually (s_runs, &n, 20));
}

static int
s_twice (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return brood_task_fail (task, "wanted a number");
    return brood_msg_pack (out, "%d", 2 * n);
}
BROOD_TASK (s_twice);

// --- One process -----------------------------------------------------------

static int
s_where (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    char name[16] = "";
    sigset_t blocked;
    (void) task;
    (void) in;
    (void) pthread_getname_np (pthread_self (), name, sizeof name);
    pthread_sigmask (SIG_SETMASK, NULL, &blocked);
    return brood_msg_pack (out,
                           "[%d, %d, %s, %d]",
                           (int) getpid (),
                           (int) gettid (),
                           name,
                           sigismember (&blocked, SIGTERM));
}
BROOD_TASK (s_where);

static void
s_same_process (void *arg)
{
    int pids[2], tids[2], blocked;
    char names[2][16];
    (void) arg;
    const int open = t_open_fds ();
    brood_pool_t *pool = brood_pool_new_with (
        &(brood_pool_options_t){ .spec = "threads:2", .name = "crew" });
    T_MUST (pool != NULL && brood_pool_workers (pool) == 2);
    BROOD_AUTO (msg) all = brood_pool_broadcast (pool, s_where, "nil");
    for (int i = 0; i < 2; i++) {
        char path[8];
        snprintf (path, sizeof path, "[%d]", i);
        T_MUST (brood_msg_get (all,
                               path,
                               "[%d, %d, %15s, %d]",
                               &pids[i],
                               &tids[i],
                               names[i],
                               &blocked)
                == 0);
        T_MUST (pids[i] == getpid () && tids[i] != getpid () && blocked == 1);
    }
    T_MUST (tids[0] != tids[1]);
    T_MUST (strcmp (names[0], "crew/0") == 0);
    T_MUST (strcmp (names[1], "crew/1") == 0);
    T_MUST (waitpid (-1, NULL, WNOHANG) < 0 && errno == ECHILD);
    brood_pool_destroy (&pool);
    brood_fini ();
    T_MUST (t_open_fds_fall_to (open));
}

static void
s_test_same_process (void **state)
{
    (void) state;
    t_process_alone (s_same_process);
}

// --- Arrays ----------------------------------------------------------------

typedef struct {
    int numbers[1000];
    int squares[1000];
} s_arrays_t;

static int
s_square_there (const void *in, void *out, void *arg)
{
    const s_arrays_t *arrays = arg;
    const int *number = in;
    // No copies: the very items.
    if (number < arrays->numbers || number >= arrays->numbers + 1000)
        return 1;
    if (out != &arrays->squares[number - arrays->numbers])
        return 2;
    *(int *) out = *number * *number;
    return 0;
}

static void
s_test_arrays (void **state)
{
    (void) state;
    static s_arrays_t arrays;
    for (int i = 0; i < 1000; i++)
        arrays.numbers[i] = i;
    BROOD_AUTO (pool) pool = brood_pool_new ("threads:3");
    assert_non_null (pool);
    assert_int_equal (
        brood_mapper_register (
            "square_there", s_square_there, sizeof (int), sizeof (int)),
        0);
    assert_int_equal (
        brood_pool_map_with (pool,
                             s_square_there,
                             arrays.numbers,
                             arrays.squares,
                             1000,
                             &(brood_map_options_t){ .arg = &arrays }),
        0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal (arrays.squares[i], i * i);
}

// --- Beginnings and ends of a worker ---------------------------------------

static _Atomic int s_data_made;
static _Atomic int s_data_freed;

static void
s_free_data (void *data)
{
    free (data);
    atomic_fetch_add (&s_data_freed, 1);
}

static int
s_init (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int bad;
    (void) out;
    if (brood_msg_unpack (in, "%d", &bad) < 0 || bad)
        return brood_task_fail (task, "not today");
    atomic_fetch_add (&s_data_made, 1);
    return brood_task_set_worker_data (task, malloc (100), s_free_data);
}
BROOD_TASK (s_init);

static void
s_test_initializer (void **state)
{
    (void) state;
    BROOD_AUTO (msg) good = brood_msg_new ("%d", 0);
    BROOD_AUTO (msg) bad = brood_msg_new ("%d", 1);
    brood_pool_options_t options = { .spec = "threads:2",
                                     .initializer = s_init,
                                     .initargs = good,
                                     .max_tasks = 3 };
    brood_pool_t *pool = brood_pool_new_with (&options);
    assert_non_null (pool);
    for (int i = 0; i < 30; i++) {
        int n;
        BROOD_AUTO (future) f = brood_pool_submit (pool, s_twice, "%d", i);
        assert_int_equal (brood_future_get (f, 20000, "%d", &n), 0);
        assert_int_equal (n, 2 * i);
    }
    brood_pool_destroy (&pool);
    // Nine have retired at least, and all are gone now.
    assert_true (atomic_load (&s_data_made) >= 10);
    assert_int_equal (atomic_load (&s_data_freed), atomic_load (&s_data_made));

    options.initargs = bad;
    pool = brood_pool_new_with (&options);
    if (pool) {
        BROOD_AUTO (future) f = brood_pool_submit (pool, s_twice, "1");
        if (f)
            assert_int_equal (brood_future_wait (f, 20000), 0);
        assert_null (brood_pool_submit (pool, s_twice, "1"));
    }
    assert_int_equal (errno, ENOEXEC);
    assert_non_null (strstr (brood_error (), "not today"));
    brood_pool_destroy (&pool);
}

// --- Threads that end in a task --------------------------------------------

static int
s_end_thread (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    pthread_exit (NULL);
}
BROOD_TASK (s_end_thread);

static void
s_test_thread_ends (void **state)
{
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("threads:2");
    BROOD_AUTO (future) bad = brood_pool_submit (pool, s_end_thread, "nil");
    assert_int_equal (brood_future_wait (bad, 20000), 0);
    assert_int_equal (brood_future_result (bad, 0) == NULL, 1);
    assert_int_equal (errno, ECHILD);
    assert_non_null (strstr (brood_error (), "s_end_thread"));
    for (int i = 0; i < 20; i++) {
        int n;
        BROOD_AUTO (future) f = brood_pool_submit (pool, s_twice, "%d", i);
        assert_int_equal (brood_future_get (f, 20000, "%d", &n), 0);
        assert_int_equal (n, 2 * i);
    }
}

// --- The end ---------------------------------------------------------------

// Those that run are told, and waited for; those that wait never start.
static void
s_test_terminate (void **state)
{
    (void) state;
    brood_future_t *futures[10];
    atomic_store (&s_go_on, 1);
    atomic_store (&s_saw_cancel, 0);
    brood_pool_t *pool = brood_pool_new ("threads:2");
    for (int i = 0; i < 10; i++) {
        futures[i] = brood_pool_submit (pool, s_stay, "nil");
        assert_non_null (futures[i]);
    }
    s_await_running (2);
    assert_int_equal (brood_pool_terminate (pool), 0);
    assert_int_equal (atomic_load (&s_running), 0);
    assert_int_equal (atomic_load (&s_saw_cancel), 2);
    for (int i = 0; i < 10; i++) {
        assert_null (brood_future_result (futures[i], 0));
        assert_int_equal (errno, EPIPE);
        brood_future_destroy (&futures[i]);
    }
    brood_pool_destroy (&pool);
}

static brood_pool_t *s_pool;

static int
s_wait_within (const void *in, void *out, void *arg)
{
    (void) in;
    (void) out;
    (void) arg;
    atomic_fetch_add (&s_running, 1);
    while (!brood_task_cancelled (brood_task_current ()))
        sched_yield ();
    atomic_fetch_sub (&s_running, 1);
    return 0;
}

// Waits for what another thread of the same pool does.
static int
s_map_within (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    char items[1] = { 0 };
    (void) task;
    (void) in;
    (void) brood_pool_map_with (s_pool,
                                s_wait_within,
                                items,
                                items,
                                1,
                                &(brood_map_options_t){ .arg = NULL });
    return brood_msg_pack (out, "nil");
}
BROOD_TASK (s_map_within);

static void
s_test_terminate_nested (void **state)
{
    (void) state;
    assert_int_equal (
        brood_mapper_register ("wait_within", s_wait_within, 1, 1), 0);
    s_pool = brood_pool_new ("threads:2");
    BROOD_AUTO (future) f = brood_pool_submit (s_pool, s_map_within, "nil");
    assert_non_null (f);
    s_await_running (1);
    assert_int_equal (brood_pool_terminate (s_pool), 0);
    assert_int_equal (atomic_load (&s_running), 0);
    brood_pool_destroy (&s_pool);
}

// Waiting for oneself is refused.
static int
s_end_own_pool (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int rcs[3], errors[3];
    brood_pool_t *pool = s_pool;
    (void) task;
    (void) in;
    rcs[0] = brood_pool_terminate (pool);
    errors[0] = errno;
    rcs[1] = brood_pool_wait (pool, BROOD_FOREVER);
    errors[1] = errno;
    rcs[2] = brood_pool_shutdown (pool, BROOD_FOREVER);
    errors[2] = errno;
    brood_pool_destroy (&pool);
    for (int i = 0; i < 3; i++) {
        if (rcs[i] == 0 || errors[i] != EDEADLK)
            return brood_task_fail (task, "%d: %d, %d", i, rcs[i], errors[i]);
    }
    return brood_msg_pack (out, "nil");
}
BROOD_TASK (s_end_own_pool);

static void
s_test_own_end (void **state)
{
    (void) state;
    s_pool = brood_pool_new ("threads:1");
    BROOD_AUTO (msg) done = brood_pool_apply (s_pool, s_end_own_pool, "nil");
    if (!done)
        fail_msg ("%s", brood_error ());
    brood_pool_destroy (&s_pool);
}

// A task may use the pool it runs in, as any thread.
static int
s_ask_other (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    (void) in;
    BROOD_AUTO (msg) done = brood_pool_apply (s_pool, s_twice, "%d", 21);
    if (!done || brood_msg_unpack (done, "%d", &n) < 0)
        return brood_task_fail (task, "%s", brood_error ());
    return brood_msg_pack (out, "%d", n);
}
BROOD_TASK (s_ask_other);

static void
s_test_nested (void **state)
{
    (void) state;
    s_pool = brood_pool_new ("threads:2");
    for (int i = 0; i < 50; i++) {
        int n = 0;
        BROOD_AUTO (msg) done = brood_pool_apply (s_pool, s_ask_other, "nil");
        if (!done || brood_msg_unpack (done, "%d", &n) < 0)
            fail_msg ("%s", brood_error ());
        assert_int_equal (n, 42);
    }
    brood_pool_destroy (&s_pool);
}

// --- A task that does not listen -------------------------------------------

static int
s_deaf (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    atomic_fetch_add (&s_running, 1);
    for (;;)
        pause ();
    return 0;
}
BROOD_TASK (s_deaf);

// The program's end is not held up by it.
static void
s_leave_deaf (void *arg)
{
    const int fini = arg != NULL;
    brood_pool_t *pool = brood_pool_new ("threads:2");
    T_MUST (pool != NULL);
    T_MUST (brood_pool_submit (pool, s_deaf, "nil") != NULL);
    T_MUST (brood_pool_submit (pool, s_twice, "1") != NULL);
    s_await_running (1);
    if (fini) {
        brood_fini ();
        brood_pool_destroy (&pool);
    }
    exit (0);
}

static void
s_test_deaf (void **state)
{
    int status;
    (void) state;
    for (int fini = 0; fini < 2; fini++) {
        char *said =
            t_run_child (s_leave_deaf, fini ? &fini : NULL, 40, &status);
        // What it leaves behind is what the sanitizers tell of.
        if (WIFSIGNALED (status) || WEXITSTATUS (status) == 99)
            fail_msg ("status %x: %s", status, said);
        free (said);
    }
}

// Its time is up: it is told, and its result counts when it comes.
static void
s_test_timeout (void **state)
{
    (void) state;
    atomic_store (&s_go_on, 1);
    atomic_store (&s_saw_cancel, 0);
    BROOD_AUTO (pool) pool = brood_pool_new ("threads:1");
    BROOD_AUTO (future)
    f = brood_pool_submit_with (
        pool,
        s_stay,
        &(brood_task_options_t){ .timeout_ms = 20, .grace_ms = 10 },
        "nil");
    assert_non_null (f);
    assert_int_equal (brood_future_wait (f, 20000), 0);
    assert_int_equal (atomic_load (&s_saw_cancel), 1);
    int n;
    BROOD_AUTO (future) next = brood_pool_submit (pool, s_twice, "4");
    assert_int_equal (brood_future_get (next, 20000, "%d", &n), 0);
    assert_int_equal (n, 8);
}

// --- Bad calls -------------------------------------------------------------

static void
s_test_bad_calls (void **state)
{
    (void) state;
    const brood_pool_options_t bad[] = {
        { .spec = "threads:0" },
        { .spec = "threads:x" },
        { .spec = "threadsx" },
        { .spec = "threads:2", .max_memory_bytes = 1 },
        { .spec = "threads:2", .start_exec = 1 },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_null (brood_pool_new_with (&bad[i]));
        assert_true (errno == EINVAL || errno == ENOTSUP);
        assert_true (brood_error ()[0] != '\0');
    }
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        // First those whose children must not have used brood before.
        cmocka_unit_test (s_test_same_process),
        cmocka_unit_test (s_test_deaf),
        cmocka_unit_test (s_test_arrays),
        cmocka_unit_test (s_test_initializer),
        cmocka_unit_test (s_test_thread_ends),
        cmocka_unit_test (s_test_terminate),
        cmocka_unit_test (s_test_terminate_nested),
        cmocka_unit_test (s_test_own_end),
        cmocka_unit_test (s_test_nested),
        cmocka_unit_test (s_test_timeout),
        cmocka_unit_test (s_test_bad_calls),
    };
    (void) argc;
    t_mark (argv);
    t_watchdog (110);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
