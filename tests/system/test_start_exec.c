// test_start_exec.c - pools whose workers are the program anew
//
// SPDX-License-Identifier: MPL-2.0
//
// What is promised of copies holds, and what is not copied is as main finds it.
// Processes are in test_start_exec_process.c, programs whose main goes astray
// in test_start_exec_main.c.

#include "t_exec.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// As main finds it; owners change it.
static int s_number = 1;
static int s_argc;

static void
s_begin (void)
{
    T_MUST (brood_init (NULL, NULL) == 0);
    s_number = 5;
}

// --- Pools: what workers are -----------------------------------------------

static int
s_tell (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    return brood_msg_pack (
        out,
        "{number: %d, argc: %d, name: %s, place: %d, parent: %d, comm: %s}",
        s_number,
        s_argc,
        brood_task_name (task),
        brood_task_worker (task),
        brood_process_pid (brood_process_parent ()),
        brood_process_name (brood_process_current ()));
}
BROOD_TASK (s_tell);

// Not registered, and static: a function of the program all the same.
static int
s_twice (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    (void) task;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return -1;
    s_number += n;
    return brood_msg_pack (out, "%d", 2 * n);
}

static int
s_ask_twice (brood_pool_t *pool, int n)
{
    int answer = -1;
    BROOD_AUTO (msg) out = brood_pool_apply (pool, s_twice, "%d", n);
    if (out)
        T_MUST (brood_msg_unpack (out, "%d", &answer) == 0);
    return answer;
}

static int
s_ask_number (brood_pool_t *pool)
{
    int number = -1;
    BROOD_AUTO (msg) out = brood_pool_apply (pool, s_tell, "nil");
    T_MUST (out && brood_msg_get (out, "number", "%d", &number) == 0);
    return number;
}

static void
s_as_main_finds_it (void *arg)
{
    char name[64], comm[64];
    int argc, place, parent;
    (void) arg;
    s_begin ();
    BROOD_AUTO (pool) copies = brood_pool_new ("local:1");
    T_MUST (s_ask_number (copies) == 5);
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (T_BY_EXEC (2, .name = "anew"));
    T_MUST (pool && brood_pool_workers (pool) == 2);
    T_MUST (s_ask_number (pool) == 1);
    T_MUST (t_marked_named ("anew") > 0);
    BROOD_AUTO (msg) out = brood_pool_apply (pool, s_tell, "nil");
    T_MUST (brood_msg_unpack (
                out,
                "{argc: %d, name: %63s, place: %d, parent: %d, comm: %63s}",
                &argc,
                name,
                &place,
                &parent,
                comm)
            == 0);
    T_MUST (argc == 3 && strcmp (name, "s_tell") == 0);
    T_MUST (place >= 0 && place < 2 && parent == getpid ());
    T_MUST (strncmp (comm, "PoolWorker-", 11) == 0);
    T_MUST (s_ask_twice (pool, 21) == 42);
}

static void
s_test_as_main_finds_it (void **state)
{
    (void) state;
    t_exec_program (s_as_main_finds_it, NULL);
}

// --- Pools: all ways of giving work ----------------------------------------

BROOD_MAPPER (s_square, int, x, long, y)
{
    *y = (long) *x * *x + (arg ? *(const int *) arg : 0);
    return 0;
}

static void
s_maps (brood_pool_t *pool)
{
    enum {
        N = 2000
    };
    static int in[N];
    static long out[N];
    const int plus = 7;
    for (int i = 0; i < N; i++)
        in[i] = i;
    T_MUST (brood_pool_map (pool, s_square, in, out, N) == 0);
    for (int i = 0; i < N; i++)
        T_MUST (out[i] == (long) i * i);
    const brood_map_options_t copied = { .arg = &plus,
                                         .arg_size_bytes = sizeof plus };
    T_MUST (brood_pool_map_with (pool, s_square, in, out, N, &copied) == 0);
    T_MUST (out[3] == 16);
    const brood_map_options_t lent = { .arg = &plus };
    T_MUST (brood_pool_map_with (pool, s_square, in, out, N, &lent) == -1
            && errno == EINVAL);
    BROOD_AUTO (future)
    f = brood_pool_map_async (pool, s_square, in, out, N);
    T_MUST (brood_future_wait (f, 30000) == 0 && out[5] == 25);
}

static void
s_messages (brood_pool_t *pool)
{
    int n, sum = 0;
    BROOD_AUTO (msg) items = brood_msg_new ("[%d, %d, %d]", 1, 2, 3);
    BROOD_AUTO (msg) all = brood_pool_map_msg (pool, s_twice, items, NULL);
    T_MUST (all && brood_msg_get (all, "[2]", "%d", &n) == 0 && n == 6);
    BROOD_AUTO (stream) stream = brood_pool_imap (pool, s_twice, BROOD_ORDERED);
    for (int i = 0; i < 20; i++)
        T_MUST (brood_stream_feed (stream, "%d", i) == 0);
    T_MUST (brood_stream_close (stream) == 0);
    while (brood_stream_next (stream, 30000, "%d", &n) == 1)
        sum += n;
    T_MUST (sum == 380);
    BROOD_AUTO (msg) each = brood_pool_broadcast (pool, s_twice, "%d", 4);
    T_MUST (each && brood_msg_len (each, NULL) == 2);
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_twice, "%d", 8);
    T_MUST (brood_future_get (f, 30000, "%d", &n) == 0 && n == 16);
}

static void
s_all_ways (void *arg)
{
    (void) arg;
    s_begin ();
    BROOD_AUTO (pool) pool = brood_pool_new_with (T_BY_EXEC (2, .pin = 1));
    s_maps (pool);
    s_messages (pool);
    T_MUST (brood_pool_resize (pool, 3) == 0);
    T_MUST (s_ask_twice (pool, 1) == 2);
    T_MUST (brood_pool_shutdown (pool, 30000) == 0);
}

static void
s_test_all_ways (void **state)
{
    (void) state;
    t_exec_program (s_all_ways, NULL);
}

// --- Pools: initializers, deaths -------------------------------------------

static int
s_prepare (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    (void) out;
    if (brood_msg_unpack (in, "{number: %d, event: @%p}", &s_number, &ref) < 0)
        return brood_task_fail (task, "nothing to begin with");
    BROOD_AUTO (event) event = brood_event_from (ref);
    return brood_event_set (event);
}

static int
s_die (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    s_number = 77;
    if (brood_task_attempt (task) == 1)
        kill (getpid (), SIGKILL);
    return brood_msg_pack (out, "%d", s_number);
}

static void
s_initializer (void *arg)
{
    (void) arg;
    s_begin ();
    BROOD_AUTO (event) event = brood_event_new ();
    BROOD_AUTO (msg)
    args = brood_msg_new ("{number: %d, event: @%p}", 33, brood_ref (event));
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (
        T_BY_EXEC (2, .initializer = s_prepare, .initargs = args));
    T_MUST (pool && brood_event_wait (event, 30000) == 0);
    brood_event_destroy (&event);
    T_MUST (s_ask_number (pool) == 33);
    BROOD_AUTO (pool)
    bad = brood_pool_new_with (T_BY_EXEC (2, .initializer = s_prepare));
    if (bad) {
        BROOD_AUTO (msg) out = brood_pool_apply (bad, s_tell, "nil");
        T_MUST (!out);
    }
    T_MUST (errno == ENOEXEC && strstr (brood_error (), "to begin with"));
}

static void
s_deaths (void *arg)
{
    brood_pool_stats_t stats;
    (void) arg;
    s_begin ();
    BROOD_AUTO (pool) pool = brood_pool_new_with (T_BY_EXEC (1, .nice = 0));
    const brood_task_options_t again = { .retries = 1, .only_deaths = 1 };
    int number = 0;
    BROOD_AUTO (future)
    f = brood_pool_submit_with (pool, s_die, &again, "nil");
    T_MUST (brood_future_get (f, 30000, "%d", &number) == 0 && number == 77);
    BROOD_AUTO (future) lost = brood_pool_submit (pool, s_die, "nil");
    T_MUST (brood_future_wait (lost, 30000) == 0);
    T_MUST (!brood_future_result (lost, 0) && errno == ECHILD);
    // The next one begins where the first did.
    T_MUST (s_ask_number (pool) == 1);
    T_MUST (brood_pool_stats (pool, &stats) == 0 && stats.restarts == 2);
}

static void
s_test_initializer (void **state)
{
    (void) state;
    t_exec_program (s_initializer, NULL);
}

static void
s_test_deaths (void **state)
{
    (void) state;
    t_exec_program (s_deaths, NULL);
}

// --- Handles as arguments --------------------------------------------------

static int
s_use (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *array_ref, *lock_ref, *queue_ref, *barrier_ref, *conn_ref, *dict_ref;
    void *shm_ref, *action_ref;
    int n = 0;
    (void) out;
    if (brood_msg_unpack (in,
                          "{array: @%p, lock: @%p, queue: @%p, barrier: @%p, "
                          "conn: @%p, dict: @%p, shm: @%p, action: @%p}",
                          &array_ref,
                          &lock_ref,
                          &queue_ref,
                          &barrier_ref,
                          &conn_ref,
                          &dict_ref,
                          &shm_ref,
                          &action_ref)
        < 0)
        return brood_task_fail (task, "%s", brood_error ());
    BROOD_AUTO (array) array = brood_array_from (array_ref);
    BROOD_AUTO (lock) lock = brood_lock_from (lock_ref);
    BROOD_AUTO (queue) queue = brood_queue_from (queue_ref);
    BROOD_AUTO (barrier) barrier = brood_barrier_from (barrier_ref);
    BROOD_AUTO (conn) conn = brood_conn_from (conn_ref);
    BROOD_AUTO (dict) dict = brood_dict_from (dict_ref);
    BROOD_AUTO (shm) shm = brood_shm_from (shm_ref);
    // Its action is at an address that is something else here.
    BROOD_AUTO (barrier) strange = brood_barrier_from (action_ref);
    if (strange || errno != ENOTSUP)
        return brood_task_fail (task, "an action of elsewhere");
    for (int i = 0; i < 1000; i++)
        BROOD_WITH (lock, lock)
    ((long *) brood_array_ptr (array))[0]++;
    if (brood_barrier_wait (barrier, 30000) < 0
        || brood_conn_send (conn, 30000, "%d", 11) < 0
        || brood_dict_get (dict, "there", "%d", &n) < 0 || n != 12
        || strcmp (brood_shm_ptr (shm), "in it") != 0)
        return brood_task_fail (task, "%s", brood_error ());
    return brood_queue_put (queue, 30000, "%d", brood_task_worker (task));
}

static void
s_no_action (void *arg)
{
    (void) arg;
    _exit (97);
}

static void
s_handles (void *arg)
{
    int n;
    brood_conn_t *near, *far;
    (void) arg;
    s_begin ();
    BROOD_AUTO (manager) manager = brood_manager_new ();
    BROOD_AUTO (dict) dict = brood_dict_open (manager, "dict");
    T_MUST (brood_dict_set (dict, "there", "%d", 12) == 0);
    BROOD_AUTO (array) array = brood_array_new (BROOD_LONG, 1);
    BROOD_AUTO (lock) lock = brood_lock_new ();
    BROOD_AUTO (queue) queue = brood_queue_new (0);
    BROOD_AUTO (barrier) barrier = brood_barrier_new (2);
    BROOD_AUTO (barrier)
    action = brood_barrier_new_action (1, s_no_action, NULL);
    BROOD_AUTO (shm) shm = brood_shm_new (NULL, 100);
    strcpy (brood_shm_ptr (shm), "in it");
    T_MUST (brood_pipe_new (0, &near, &far) == 0);
    BROOD_AUTO (pool) pool = brood_pool_new_with (T_BY_EXEC (2, .nice = 1));
    brood_future_t *both[2];
    for (int i = 0; i < 2; i++)
        both[i] = brood_pool_submit (
            pool,
            s_use,
            "{array: @%p, lock: @%p, queue: @%p, barrier: @%p, conn: @%p, "
            "dict: @%p, shm: @%p, action: @%p}",
            brood_ref (array),
            brood_ref (lock),
            brood_ref (queue),
            brood_ref (barrier),
            brood_ref (far),
            brood_ref (dict),
            brood_ref (shm),
            brood_ref (action));
    for (int i = 0; i < 2; i++) {
        T_MUST (brood_future_wait (both[i], 30000) == 0);
        T_MUST (brood_future_result (both[i], 0) != NULL);
        brood_future_destroy (&both[i]);
        T_MUST (brood_queue_get (queue, 30000, "%d", &n) == 0);
        T_MUST (brood_conn_recv (near, 30000, "%d", &n) == 0 && n == 11);
    }
    T_MUST (((long *) brood_array_ptr (array))[0] == 2000);
    brood_conn_destroy (&near);
    brood_conn_destroy (&far);
}

static void
s_test_handles (void **state)
{
    (void) state;
    t_exec_program (s_handles, NULL);
}

// --- Owners with threads ---------------------------------------------------

static pthread_mutex_t s_mutex = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int s_holds;

static void
s_lock (void)
{
    pthread_mutex_lock (&s_mutex);
}

static void
s_unlock (void)
{
    pthread_mutex_unlock (&s_mutex);
}

// The mutex and stdout for ever.
static void *
s_hold (void *arg)
{
    s_lock ();
    flockfile (stdout);
    s_holds = 1;
    for (;;)
        pause ();
    return arg;
}

static void *
s_hammer (void *arg)
{
    struct tm tm;
    for (unsigned i = 0;; i++) {
        const time_t now = (time_t) i;
        free (malloc (i % 70000));  // lint: what another thread is at
        (void) localtime_r (&now, &tm);
        (void) fprintf (stderr, "%s", "");
        (void) random ();  // lint: as above
    }
    return arg;
}

static int
s_take_locks (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    s_lock ();
    s_unlock ();
    printf ("%s", "");
    return brood_msg_pack (out, "%d", s_number);
}

static int
s_take_locks_too (void *arg)
{
    (void) arg;
    s_lock ();
    flockfile (stdout);
    return 4;
}

static void
s_threads (void *arg)
{
    pthread_t thread;
    (void) arg;
    s_begin ();
    T_MUST (pthread_create (&thread, NULL, s_hold, NULL) == 0);
    for (int i = 0; i < 3; i++)
        T_MUST (pthread_create (&thread, NULL, s_hammer, NULL) == 0);
    while (!s_holds)
        sched_yield ();
    // A library that sees to forks, and will never get its lock. TSan has fork
    // handlers run.
    if (!T_EXEC_TSAN)
        T_MUST (pthread_atfork (s_lock, s_unlock, s_unlock) == 0);
    for (int i = 0; i < 5; i++) {
        int number = 0;
        BROOD_AUTO (pool) pool = brood_pool_new_with (T_BY_EXEC (2, .nice = 0));
        BROOD_AUTO (msg) out = brood_pool_apply (pool, s_take_locks, "nil");
        T_MUST (out && brood_msg_unpack (out, "%d", &number) == 0);
        T_MUST (number == 1);
        BROOD_AUTO (process)
        p = brood_process_new_with (
            s_take_locks_too,
            NULL,
            &(brood_process_options_t){ .start_exec = 1 });
        T_MUST (brood_process_start (p) == 0);
        T_MUST (brood_process_join (p, 30000) == 0);
        T_MUST (brood_process_exitcode (p) == 4);
    }
    brood_fini ();
    syscall (SYS_exit_group, 0);  // stdout is locked, and TSan would flush it
}

static void
s_test_threads (void **state)
{
    (void) state;
    t_exec_program (s_threads, NULL);
}

// --- Lives and ends --------------------------------------------------------

static int
s_fresh (void *arg)
{
    return arg == NULL && s_number == 1 ? 6 : 1;
}

static int
s_for_ever (void *arg)
{
    (void) arg;
    for (;;)
        pause ();
    return 0;
}

static int
s_sleep (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    return s_for_ever (NULL);
}

static void
s_ends (void *arg)
{
    static const brood_process_options_t none;
    int fds[2];
    (void) arg;
    s_begin ();
    for (int i = 0; i < 2; i++) {
        BROOD_AUTO (process) p = t_exec_start (s_for_ever, NULL, 0, &none);
        T_MUST (brood_process_join (p, 1) == -1 && errno == ETIMEDOUT);
        T_MUST (brood_process_kill (p) == 0);
        T_MUST (brood_process_join (p, 30000) == 0);
        T_MUST (brood_process_exitcode (p) == -SIGKILL);
        // Neither the program's wait nor its SIGCHLD has met anybody.
        T_MUST (waitpid (-1, NULL, WNOHANG) == -1 && errno == ECHILD);
        brood_process_destroy (&p);
        fds[i] = t_open_fds ();  // With what waits make once
    }
    T_MUST (fds[0] == fds[1]);
    // Left to brood_fini (): daemons end.
    const brood_process_options_t daemon = { .daemon = 1 };
    brood_process_t *left = t_exec_start (s_for_ever, NULL, 0, &daemon);
    brood_process_destroy (&left);
}

static _Atomic int s_children;

static void
s_count_child (int signal)
{
    (void) signal;
    s_children++;
}

static void
s_waits (void *arg)
{
    (void) arg;
    s_begin ();
    const struct sigaction action = { .sa_handler = s_count_child };
    sigaction (SIGCHLD, &action, NULL);
    for (int i = 0; i < 3; i++) {
        BROOD_AUTO (pool) pool = brood_pool_new_with (T_BY_EXEC (2, .nice = 0));
        T_MUST (s_ask_twice (pool, 2) == 4);
        T_MUST (waitpid (-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    }
    T_MUST (s_children == 0);
}

static void
s_test_ends (void **state)
{
    (void) state;
    t_exec_program (s_ends, NULL);
    t_exec_program (s_waits, NULL);
}

static void
s_killed_owner (void *arg)
{
    static const brood_process_options_t none;
    (void) arg;
    s_begin ();
    brood_pool_t *pool = brood_pool_new_with (T_BY_EXEC (3, .nice = 0));
    T_MUST (pool && brood_pool_submit (pool, s_sleep, "nil") != NULL);
    T_MUST (t_exec_start (s_for_ever, NULL, 0, &none) != NULL);
    // The test, two nurseries, three workers, a process.
    T_MUST (t_marked (NULL, 0) == 7);
    kill (getpid (), SIGKILL);
}

static void
s_test_killed_owner (void **state)
{
    int status;
    (void) state;
    char *said = t_run_child (s_killed_owner, NULL, 60, &status);
    assert_string_equal (said, "");
    assert_int_equal (status, SIGKILL);
    // A second is promised; the machine may be busy.
    assert_int_equal (t_marked_wait (0, 20), 0);
    free (said);
}

// --- In each other ---------------------------------------------------------

static int
s_nest (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    static const brood_process_options_t none;
    (void) in;
    s_number = 9;
    BROOD_AUTO (pool) pool = brood_pool_new_with (T_BY_EXEC (1, .nice = 0));
    if (!pool)
        return brood_task_fail (task, "%s", brood_error ());
    t_exec_must_exit (t_exec_start (s_fresh, NULL, 0, &none), 6);
    BROOD_AUTO (pool) copies = brood_pool_new ("local:1");
    return brood_msg_pack (
        out, "[%d, %d]", s_ask_number (pool), s_ask_number (copies));
}

static void
s_nested (void *arg)
{
    int anew = 0, copied = 0;
    (void) arg;
    s_begin ();
    BROOD_AUTO (pool) pool = brood_pool_new_with (T_BY_EXEC (1, .nice = 0));
    BROOD_AUTO (pool) copies = brood_pool_new ("local:1");
    brood_pool_t *both[] = { pool, copies };
    for (int i = 0; i < 2; i++) {
        BROOD_AUTO (msg) out = brood_pool_apply (both[i], s_nest, "nil");
        T_MUST (out && brood_msg_unpack (out, "[%d, %d]", &anew, &copied) == 0);
        T_MUST (anew == 1 && copied == 9);
    }
}

static void
s_test_nested (void **state)
{
    (void) state;
    t_exec_program (s_nested, NULL);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_as_main_finds_it),
        cmocka_unit_test (s_test_all_ways),
        cmocka_unit_test (s_test_initializer),
        cmocka_unit_test (s_test_deaths),
        cmocka_unit_test (s_test_handles),
        cmocka_unit_test (s_test_threads),
        cmocka_unit_test (s_test_ends),
        cmocka_unit_test (s_test_killed_owner),
        cmocka_unit_test (s_test_nested),
    };
    // One with a space in it, and an empty one.
    if (argc == 1)
        execl ("/proc/self/exe", argv[0], "two words", "", NULL);
    s_argc = argc == 3 && strcmp (argv[1], "two words") == 0 ? argc : 0;
    t_exec_main (argc, argv, NULL);
    t_mark (argv);
    t_watchdog (110);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
