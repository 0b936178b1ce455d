// test_manager_deaths.c - clients of a manager, killed at random moments
//
// SPDX-License-Identifier: MPL-2.0
//
// For each class some processes do one thing over and over, and one after the
// other is killed: connecting, asking, waiting, woken, holding. Somebody always
// goes on, nothing is lost, and in the end nothing is held.

#include "t_sync.h"

#include "t_brood.h"

enum {
    S_CLIENTS = 3,
    S_KILLS = 15,
    S_PERMITS = 2,
    S_ROUNDS = 6,
    S_BRIEFLY_MS = 20
};

static brood_manager_t *s_manager;
static brood_value_t *s_turns;
static brood_dict_t *s_dict;

// --- A class ---------------------------------------------------------------

static void *
s_counter_new (const brood_msg_t *in)
{
    (void) in;
    return calloc (1, sizeof (int));
}

static int
s_counter_add (void *object, const brood_msg_t *in, brood_msg_t *out)
{
    int *count = object;
    (void) in;
    return brood_msg_pack (out, "%d", ++*count);
}

static int
s_counter_pid (void *object, const brood_msg_t *in, brood_msg_t *out)
{
    (void) object;
    (void) in;
    return brood_msg_pack (out, "%d", (int) getpid ());
}

static const brood_method_t s_methods[] = { { "add", s_counter_add },
                                            { "pid", s_counter_pid },
                                            { NULL, NULL } };

static const brood_class_t s_class = { .name = "Counter",
                                       .new_fn = s_counter_new,
                                       .destroy_fn = free,
                                       .methods = s_methods };

// --- Things to do ----------------------------------------------------------

static brood_lock_t *s_lock;
static brood_semaphore_t *s_semaphore;
static brood_condition_t *s_condition;
static brood_barrier_t *s_barrier;
static brood_event_t *s_event;
static brood_queue_t *s_jobs;
static brood_queue_t *s_results;
static brood_proxy_t *s_counter;

// Two calls that are one under the lock.
static int
s_use_lock (void)
{
    int n;
    return brood_lock_acquire (s_lock, T_MS) >= 0
           && brood_dict_get (s_dict, "n", "%d", &n) == 0
           && brood_dict_set (s_dict, "n", "%d", n + 1) == 0
           && brood_lock_release (s_lock) == 0;
}

static int
s_use_semaphore (void)
{
    return brood_semaphore_acquire (s_semaphore, T_MS) == 0
           && brood_semaphore_release (s_semaphore) == 0;
}

static int
s_use_condition (void)
{
    if (brood_condition_acquire (s_condition, T_MS) < 0
        || brood_condition_notify (s_condition, 1) < 0)
        return 0;
    if (brood_condition_wait (s_condition, S_BRIEFLY_MS) < 0
        && errno != ETIMEDOUT)
        return 0;
    return brood_condition_release (s_condition) == 0;
}

// Whoever dies breaks it, and one of the others makes it whole.
static int
s_use_barrier (void)
{
    while (brood_barrier_wait (s_barrier, T_MS) < 0) {
        if (errno != EPIPE || brood_barrier_reset (s_barrier) < 0)
            return 0;
    }
    return 1;
}

static int
s_use_event (void)
{
    return brood_event_set (s_event) == 0
           && (brood_event_wait (s_event, S_BRIEFLY_MS) == 0
               || errno == ETIMEDOUT)
           && brood_event_clear (s_event) == 0;
}

static int
s_use_queue (void)
{
    int i;
    return brood_queue_get (s_jobs, T_MS, "%d", &i) == 0
           && brood_queue_put (s_results, T_MS, "%d", i) == 0
           && brood_queue_task_done (s_jobs) == 0;
}

static int
s_use_dict (void)
{
    int64_t sum;
    return brood_dict_add (s_dict, "n", 1, &sum) == 0;
}

static int
s_use_proxy (void)
{
    BROOD_AUTO (msg) out = brood_proxy_call (s_counter, "add", "nil");
    return out != NULL;
}

// --- Killing ---------------------------------------------------------------

typedef struct {
    int (*use) (void);
} s_work_t;

static int
s_work (void *arg)
{
    const s_work_t *work = arg;
    while (work->use ())
        (void) brood_value_add (s_turns, 1);
    brood_perror ("a client");
    return 1;
}

static brood_process_t *
s_start (s_work_t *work)
{
    brood_process_t *process = brood_process_new (s_work, work);
    assert_non_null (process);
    assert_int_equal (brood_process_start (process), 0);
    return process;
}

static void
s_kill (brood_process_t **process_p)
{
    assert_int_equal (brood_process_kill (*process_p), 0);
    assert_int_equal (brood_process_join (*process_p, T_MS), 0);
    assert_int_equal (brood_process_exitcode (*process_p), -SIGKILL);
    brood_process_destroy (process_p);
}

// Returns how many turns they have had, but for those that were not counted.
static int64_t
s_kill_many (int (*use) (void))
{
    static unsigned seed = 1;
    s_work_t work = { use };
    brood_process_t *clients[S_CLIENTS];
    assert_int_equal (brood_value_set (s_turns, 0), 0);
    for (int i = 0; i < S_CLIENTS; i++)
        clients[i] = s_start (&work);
    for (int i = 0; i < S_KILLS; i++) {
        const int victim = i % S_CLIENTS;
        // Every other one is hardly born.
        if (i % 2 == 0)
            t_wait_value (s_turns, brood_value_get (s_turns) + 1);
        t_spin (&seed);
        s_kill (&clients[victim]);
        clients[victim] = s_start (&work);
    }
    t_wait_value (s_turns, brood_value_get (s_turns) + S_CLIENTS);
    for (int i = 0; i < S_CLIENTS; i++)
        s_kill (&clients[i]);
    return brood_value_get (s_turns);
}

static void
s_must_be_about (int64_t n, int64_t turns)
{
    assert_in_range (n, turns, turns + S_KILLS + S_CLIENTS);
}

// --- Tests -----------------------------------------------------------------

static void
s_count_new (void)
{
    assert_int_equal (brood_dict_set (s_dict, "n", "0"), 0);
}

static int
s_count (void)
{
    int n = -1;
    assert_int_equal (brood_dict_get (s_dict, "n", "%d", &n), 0);
    return n;
}

static void
s_test_lock (void **state)
{
    (void) state;
    s_lock = brood_lock_open (s_manager, "lock");
    s_count_new ();
    const int64_t turns = s_kill_many (s_use_lock);
    assert_true (brood_lock_acquire (s_lock, T_MS) >= 0);
    s_must_be_about (s_count (), turns);
    assert_int_equal (brood_lock_release (s_lock), 0);
    brood_lock_destroy (&s_lock);
}

static int
s_all_permits (void *arg)
{
    (void) arg;
    return brood_semaphore_value (s_semaphore) == S_PERMITS;
}

static void
s_test_semaphore (void **state)
{
    (void) state;
    s_semaphore =
        brood_semaphore_open_bounded (s_manager, "permits", S_PERMITS);
    (void) s_kill_many (s_use_semaphore);
    assert_true (t_eventually (s_all_permits, NULL, 20));
    brood_semaphore_destroy (&s_semaphore);
}

static void
s_test_condition (void **state)
{
    (void) state;
    s_condition = brood_condition_open (s_manager, "condition");
    (void) s_kill_many (s_use_condition);
    assert_true (brood_condition_acquire (s_condition, T_MS) >= 0);
    assert_int_equal (brood_condition_release (s_condition), 0);
    brood_condition_destroy (&s_condition);
}

static int
s_nobody_waits (void *arg)
{
    (void) arg;
    return brood_barrier_n_waiting (s_barrier) == 0;
}

static void
s_test_barrier (void **state)
{
    (void) state;
    s_barrier = brood_barrier_open (s_manager, "barrier", 2);
    (void) s_kill_many (s_use_barrier);
    assert_true (t_eventually (s_nobody_waits, NULL, 20));
    brood_barrier_destroy (&s_barrier);
}

static void
s_test_event (void **state)
{
    (void) state;
    s_event = brood_event_open (s_manager, "event");
    (void) s_kill_many (s_use_event);
    assert_int_equal (brood_event_set (s_event), 0);
    assert_int_equal (brood_event_wait (s_event, T_MS), 0);
    brood_event_destroy (&s_event);
}

static void *
s_feed (void *arg)
{
    (void) arg;
    for (int i = 0;; i++)
        if (brood_queue_put (s_jobs, T_MS, "%d", i) < 0)
            return (void *) (intptr_t) i;
}

// What somebody had taken and not passed on comes back; what was passed on and
// not yet done comes twice.
static void
s_test_queue (void **state)
{
    (void) state;
    static char seen[1 << 20];
    const brood_queue_options_t jobs = { .joinable = 1, .capacity = 50 };
    pthread_t feeder;
    void *fed;
    int i;
    s_jobs = brood_queue_open (s_manager, "jobs", &jobs);
    s_results = brood_queue_open (s_manager, "results", NULL);
    assert_int_equal (pthread_create (&feeder, NULL, s_feed, NULL), 0);
    (void) s_kill_many (s_use_queue);
    assert_int_equal (brood_queue_close (s_jobs), 0);
    assert_int_equal (pthread_join (feeder, &fed), 0);
    const int count = (int) (intptr_t) fed;
    while (brood_queue_get (s_jobs, T_MS, "%d", &i) == 0) {
        assert_int_equal (brood_queue_put (s_results, T_MS, "%d", i), 0);
        assert_int_equal (brood_queue_task_done (s_jobs), 0);
    }
    assert_int_equal (errno, EPIPE);
    assert_int_equal (brood_queue_join (s_jobs, T_MS), 0);
    int twice = 0;
    while (brood_queue_get (s_results, 0, "%d", &i) == 0) {
        assert_in_range (i, 0, count - 1);
        assert_in_range (count, 0, sizeof seen);
        twice += seen[i];
        seen[i] = 1;
    }
    for (i = 0; i < count; i++)
        assert_int_equal (seen[i], 1);
    assert_in_range (twice, 0, S_KILLS + S_CLIENTS);
    brood_queue_destroy (&s_jobs);
    brood_queue_destroy (&s_results);
}

static void
s_test_dict (void **state)
{
    (void) state;
    s_count_new ();
    const int64_t turns = s_kill_many (s_use_dict);
    s_must_be_about (s_count (), turns);
}

static void
s_test_proxy (void **state)
{
    (void) state;
    s_counter = brood_proxy_new (s_manager, "Counter", "nil");
    assert_non_null (s_counter);
    const int64_t turns = s_kill_many (s_use_proxy);
    int n;
    BROOD_AUTO (msg) out = brood_proxy_call (s_counter, "add", "nil");
    assert_non_null (out);
    assert_int_equal (brood_msg_unpack (out, "%d", &n), 0);
    s_must_be_about (n - 1, turns);
    brood_proxy_destroy (&s_counter);
}

// --- The manager's own death -----------------------------------------------

static int
s_until_it_is_gone (void *arg)
{
    (void) arg;
    while (s_use_dict ())
        (void) brood_value_add (s_turns, 1);
    return errno == ECONNRESET || errno == EHOSTDOWN ? 0 : 1;
}

static void
s_kill_manager (unsigned *seed)
{
    brood_process_t *clients[S_CLIENTS];
    BROOD_AUTO (manager) manager = brood_manager_new ();
    BROOD_AUTO (dict) mine = brood_dict_new (manager);
    brood_dict_t *before = s_dict;
    assert_int_equal (brood_manager_register (manager, &s_class), 0);
    BROOD_AUTO (proxy) counter = brood_proxy_new (manager, "Counter", "nil");
    BROOD_AUTO (msg) out = brood_proxy_call (counter, "pid", "nil");
    int pid = 0;
    assert_int_equal (brood_msg_unpack (out, "%d", &pid), 0);
    s_dict = mine;
    assert_int_equal (brood_value_set (s_turns, 0), 0);
    for (int i = 0; i < S_CLIENTS; i++) {
        clients[i] = brood_process_new (s_until_it_is_gone, NULL);
        assert_int_equal (brood_process_start (clients[i]), 0);
    }
    t_wait_value (s_turns, 1);
    t_spin (seed);
    assert_int_equal (kill (pid, SIGKILL), 0);
    for (int i = 0; i < S_CLIENTS; i++) {
        assert_int_equal (brood_process_join (clients[i], T_MS), 0);
        assert_int_equal (brood_process_exitcode (clients[i]), 0);
        brood_process_destroy (&clients[i]);
    }
    s_dict = before;
}

static void
s_test_manager_killed (void **state)
{
    (void) state;
    unsigned seed = 7;
    for (int round = 0; round < S_ROUNDS; round++)
        s_kill_manager (&seed);
}

// --- All -------------------------------------------------------------------

static int
s_setup (void **state)
{
    (void) state;
    s_manager = brood_manager_new ();
    s_turns = brood_value_new (BROOD_LONG);
    s_dict = s_manager ? brood_dict_new (s_manager) : NULL;
    return s_turns && s_dict
                   && brood_manager_register (s_manager, &s_class) == 0
               ? 0
               : -1;
}

static int
s_teardown (void **state)
{
    (void) state;
    brood_dict_destroy (&s_dict);
    brood_value_destroy (&s_turns);
    brood_manager_destroy (&s_manager);
    return t_marked_wait (0, 20);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_lock),
        cmocka_unit_test (s_test_semaphore),
        cmocka_unit_test (s_test_condition),
        cmocka_unit_test (s_test_barrier),
        cmocka_unit_test (s_test_event),
        cmocka_unit_test (s_test_queue),
        cmocka_unit_test (s_test_dict),
        cmocka_unit_test (s_test_proxy),
        cmocka_unit_test (s_test_manager_killed),
    };
    (void) argc;
    t_mark (argv);
    t_watchdog (200);
    return cmocka_run_group_tests (tests, s_setup, s_teardown);
}
