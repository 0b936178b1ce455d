// test_managed_classes.c - locks, queues and so on by name, at a manager
//
// SPDX-License-Identifier: MPL-2.0
//
// The classes with two homes, in the other one, as programs use them: each is
// opened by name in two processes, and what its header says of deaths is so.
// The calls below them: test_manager_sync.c.

#include "t_process.h"

#include <signal.h>

enum {
    S_MS = 20000,  // Longer than anything that is not lost
    S_CHILDREN = 10
};

// Every child has it from its parent's memory.
static brood_manager_t *s_manager;

static int
s_setup (void **state)
{
    (void) state;
    s_manager = brood_manager_new ();
    return s_manager ? 0 : -1;
}

static int
s_teardown (void **state)
{
    (void) state;
    brood_manager_destroy (&s_manager);
    return 0;
}

// --- Children --------------------------------------------------------------

static brood_process_t *
s_start (int (*run) (void *arg))
{
    brood_process_t *child = brood_process_new (run, NULL);
    assert_int_equal (brood_process_start (child), 0);
    return child;
}

// What it returned, or minus the signal that killed it.
static int
s_end_of (brood_process_t **child_p)
{
    assert_int_equal (brood_process_join (*child_p, S_MS), 0);
    const int code = brood_process_exitcode (*child_p);
    brood_process_destroy (child_p);
    return code;
}

static int
s_run (int (*run) (void *arg))
{
    brood_process_t *child = s_start (run);
    return s_end_of (&child);
}

static int
s_is_ended (void *arg)
{
    return brood_process_join (arg, 0) == 0;
}

// --- Lock ------------------------------------------------------------------

static int
s_try_lock (void *arg)
{
    (void) arg;
    BROOD_AUTO (lock) lock = brood_lock_open (s_manager, "lock");
    const int rc = brood_lock_acquire (lock, 0);
    return rc < 0 ? errno : rc;
}

static int
s_wait_lock (void *arg)
{
    (void) arg;
    BROOD_AUTO (lock) lock = brood_lock_open (s_manager, "lock");
    const int rc = brood_lock_acquire (lock, -1);
    return rc < 0 || brood_lock_release (lock) < 0 ? errno : rc;
}

static int
s_die_with_lock (void *arg)
{
    (void) arg;
    brood_lock_t *lock = brood_lock_open (s_manager, "lock");
    T_MUST (brood_lock_acquire (lock, S_MS) == 0);
    raise (SIGKILL);
    return 0;
}

static void
s_test_lock (void **state)
{
    brood_lock_stats_t stats = { .acquired = 77 };
    (void) state;
    BROOD_AUTO (lock) lock = brood_lock_open (s_manager, "lock");
    assert_non_null (lock);
    assert_int_equal (brood_lock_acquire (lock, 0), 0);
    assert_int_equal (brood_lock_acquire (lock, 0), -1);
    assert_int_equal (errno, EDEADLK);
    assert_int_equal (brood_lock_locked (lock), 1);
    assert_int_equal (s_run (s_try_lock), ETIMEDOUT);
    brood_process_t *waiter = s_start (s_wait_lock);
    assert_int_equal (brood_lock_release (lock), 0);
    assert_int_equal (s_end_of (&waiter), 0);
    assert_int_equal (brood_lock_release (lock), -1);
    assert_int_equal (errno, EPERM);
    assert_int_equal (s_run (s_die_with_lock), -SIGKILL);
    assert_int_equal (brood_lock_acquire (lock, S_MS), 1);
    assert_int_equal (brood_lock_release (lock), 0);
    assert_int_equal (brood_lock_acquire (lock, 0), 0);
    assert_int_equal (brood_lock_release (lock), 0);
    assert_int_equal (brood_lock_locked (lock), 0);
    assert_int_equal (brood_lock_stats (lock, &stats), -1);
    assert_int_equal (errno, ENOTSUP);
    assert_int_equal (stats.acquired, 77);
    BROOD_AUTO (rlock) other = brood_rlock_open (s_manager, "lock");
    assert_null (other);
    assert_int_equal (errno, EEXIST);
    assert_null (brood_lock_open (NULL, "lock"));
    assert_int_equal (errno, EINVAL);
}

// --- RLock -----------------------------------------------------------------

static int
s_try_rlock (void *arg)
{
    (void) arg;
    BROOD_AUTO (rlock) rlock = brood_rlock_open (s_manager, "rlock");
    const int rc = brood_rlock_acquire (rlock, 0);
    return rc < 0 || brood_rlock_release (rlock) < 0 ? errno : rc;
}

static int
s_die_with_rlock (void *arg)
{
    (void) arg;
    brood_rlock_t *rlock = brood_rlock_open (s_manager, "rlock");
    T_MUST (brood_rlock_acquire (rlock, S_MS) == 0);
    T_MUST (brood_rlock_acquire (rlock, 0) == 0);
    raise (SIGKILL);
    return 0;
}

static void
s_test_rlock (void **state)
{
    brood_lock_stats_t stats;
    (void) state;
    BROOD_AUTO (rlock) rlock = brood_rlock_open (s_manager, "rlock");
    assert_int_equal (brood_rlock_acquire (rlock, 0), 0);
    assert_int_equal (brood_rlock_acquire (rlock, 0), 0);
    assert_int_equal (brood_rlock_release (rlock), 0);
    assert_int_equal (s_run (s_try_rlock), ETIMEDOUT);
    assert_int_equal (brood_rlock_release (rlock), 0);
    assert_int_equal (s_run (s_try_rlock), 0);
    // However deep it was held, the next one holds it once.
    assert_int_equal (s_run (s_die_with_rlock), -SIGKILL);
    assert_int_equal (brood_rlock_acquire (rlock, S_MS), 1);
    assert_int_equal (brood_rlock_release (rlock), 0);
    assert_int_equal (s_run (s_try_rlock), 0);
    assert_int_equal (brood_rlock_stats (rlock, &stats), -1);
    assert_int_equal (errno, ENOTSUP);
}

// --- Semaphore -------------------------------------------------------------

static int
s_wait_permit (void *arg)
{
    (void) arg;
    BROOD_AUTO (semaphore)
    semaphore = brood_semaphore_open (s_manager, "signal", 0);
    return brood_semaphore_acquire (semaphore, -1) < 0 ? errno : 0;
}

static int
s_die_with_permit (void *arg)
{
    (void) arg;
    brood_semaphore_t *seats =
        brood_semaphore_open_bounded (s_manager, "seats", 1);
    T_MUST (brood_semaphore_acquire (seats, S_MS) == 0);
    raise (SIGKILL);
    return 0;
}

static void
s_test_semaphore (void **state)
{
    brood_lock_stats_t stats;
    (void) state;
    BROOD_AUTO (semaphore)
    signal = brood_semaphore_open (s_manager, "signal", 0);
    brood_process_t *waiter = s_start (s_wait_permit);
    assert_int_equal (brood_semaphore_release (signal), 0);
    assert_int_equal (s_end_of (&waiter), 0);
    assert_int_equal (brood_semaphore_value (signal), 0);
    BROOD_AUTO (semaphore)
    seats = brood_semaphore_open_bounded (s_manager, "seats", 1);
    assert_int_equal (s_run (s_die_with_permit), -SIGKILL);
    assert_int_equal (brood_semaphore_acquire (seats, S_MS), 0);
    assert_int_equal (brood_semaphore_acquire (seats, 0), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (brood_semaphore_release (seats), 0);
    assert_int_equal (brood_semaphore_release (seats), -1);
    assert_int_equal (errno, EOVERFLOW);
    assert_int_equal (brood_semaphore_value (seats), 1);
    assert_int_equal (brood_semaphore_stats (seats, &stats), -1);
    assert_int_equal (errno, ENOTSUP);
    assert_null (brood_semaphore_open_bounded (s_manager, "seats", 2));
    assert_int_equal (errno, EEXIST);
    assert_null (brood_semaphore_open (s_manager, "seats", 1));
    assert_int_equal (errno, EEXIST);
    assert_null (brood_semaphore_open (s_manager, NULL, -1));
    assert_int_equal (errno, EINVAL);
}

// --- Event -----------------------------------------------------------------

static int
s_wait_event (void *arg)
{
    (void) arg;
    BROOD_AUTO (event) event = brood_event_open (s_manager, "event");
    return brood_event_wait (event, -1) < 0 ? errno : 0;
}

static void
s_test_event (void **state)
{
    (void) state;
    BROOD_AUTO (event) event = brood_event_open (s_manager, "event");
    brood_process_t *waiter = s_start (s_wait_event);
    assert_int_equal (brood_event_wait (event, 0), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (brood_event_set (event), 0);
    assert_int_equal (s_end_of (&waiter), 0);
    assert_int_equal (brood_event_is_set (event), 1);
    assert_int_equal (brood_event_clear (event), 0);
    assert_int_equal (brood_event_is_set (event), 0);
    // Nobody would be told.
    brood_wait_t on = { .handle = event };
    assert_int_equal (brood_wait_any (&on, 1, 0), -1);
    assert_int_equal (errno, EINVAL);
    assert_non_null (strstr (brood_error (), "event at a manager"));
}

// --- Condition -------------------------------------------------------------

static int
s_wait_condition (void *arg)
{
    (void) arg;
    BROOD_AUTO (condition) c = brood_condition_open (s_manager, "condition");
    T_MUST (brood_condition_acquire (c, -1) >= 0);
    T_MUST (brood_condition_wait (c, -1) == 0);
    return brood_condition_release (c) < 0 ? errno : 0;
}

static int
s_notify_until_ended (void *arg)
{
    BROOD_AUTO (condition) c = brood_condition_open (s_manager, "condition");
    assert_int_equal (brood_condition_acquire (c, S_MS), 0);
    assert_int_equal (brood_condition_notify (c, 1), 0);
    assert_int_equal (brood_condition_release (c), 0);
    return s_is_ended (arg);
}

static int
s_count_up (void *arg)
{
    return ++*(int *) arg == 3;
}

static int
s_never (void *arg)
{
    (void) arg;
    return 0;
}

static void
s_test_condition (void **state)
{
    int count = 0;
    brood_lock_stats_t stats;
    (void) state;
    BROOD_AUTO (condition) c = brood_condition_open (s_manager, "condition");
    assert_int_equal (brood_condition_wait_for (c, 0, s_count_up, &count), -1);
    assert_int_equal (errno, EPERM);
    assert_int_equal (count, 0);
    assert_int_equal (brood_condition_notify_all (c), -1);
    assert_int_equal (errno, EPERM);
    brood_process_t *waiter = s_start (s_wait_condition);
    assert_true (t_eventually (s_notify_until_ended, waiter, 20));
    assert_int_equal (s_end_of (&waiter), 0);
    assert_int_equal (brood_condition_acquire (c, 0), 0);
    assert_int_equal (brood_condition_wait_for (c, 1, s_never, NULL), -1);
    assert_int_equal (errno, ETIMEDOUT);
    count = 2;
    assert_int_equal (brood_condition_wait_for (c, 0, s_count_up, &count), 0);
    assert_int_equal (brood_condition_release (c), 0);
    assert_int_equal (brood_condition_stats (c, &stats), -1);
    assert_int_equal (errno, ENOTSUP);
}

// Two conditions on one rlock at the manager.
static void
s_test_condition_on (void **state)
{
    (void) state;
    brood_rlock_t *rlock = brood_rlock_open (s_manager, NULL);
    BROOD_AUTO (condition) a = brood_condition_new_on (rlock);
    BROOD_AUTO (condition) b = brood_condition_new_on (rlock);
    assert_int_equal (brood_rlock_acquire (rlock, 0), 0);
    assert_int_equal (brood_condition_notify (a, 1), 0);
    assert_int_equal (brood_condition_notify_all (b), 0);
    assert_int_equal (brood_rlock_release (rlock), 0);
    brood_rlock_destroy (&rlock);
    assert_int_equal (brood_condition_acquire (a, 0), 0);
    assert_int_equal (brood_condition_release (b), 0);
}

// --- Barrier ---------------------------------------------------------------

static int
s_wait_barrier (void *arg)
{
    (void) arg;
    BROOD_AUTO (barrier) barrier = brood_barrier_open (s_manager, "barrier", 2);
    const int rc = brood_barrier_wait (barrier, -1);
    return rc < 0 ? errno + 100 : rc;
}

static int
s_one_waits (void *arg)
{
    return brood_barrier_n_waiting (arg) == 1;
}

static void
s_test_barrier (void **state)
{
    (void) state;
    BROOD_AUTO (barrier) barrier = brood_barrier_open (s_manager, "barrier", 2);
    assert_int_equal (brood_barrier_parties (barrier), 2);
    brood_process_t *other = s_start (s_wait_barrier);
    const int mine = brood_barrier_wait (barrier, S_MS);
    assert_true (mine == 0 || mine == 1);
    assert_int_equal (s_end_of (&other), 1 - mine);
    // A waiter dies: broken, by name.
    other = s_start (s_wait_barrier);
    assert_true (t_eventually (s_one_waits, barrier, 20));
    assert_int_equal (brood_process_kill (other), 0);
    assert_int_equal (s_end_of (&other), -SIGKILL);
    assert_int_equal (brood_barrier_wait (barrier, S_MS), -1);
    assert_int_equal (errno, EPIPE);
    assert_non_null (strstr (brood_error (), "Process-"));
    assert_int_equal (brood_barrier_broken (barrier), 1);
    assert_int_equal (brood_barrier_reset (barrier), 0);
    assert_int_equal (brood_barrier_broken (barrier), 0);
    assert_int_equal (brood_barrier_abort (barrier), 0);
    assert_int_equal (brood_barrier_wait (barrier, 0), -1);
    assert_int_equal (errno, EPIPE);
    assert_null (brood_barrier_open (s_manager, "barrier", 3));
    assert_int_equal (errno, EEXIST);
}

// --- Queue -----------------------------------------------------------------

static int
s_get_one (void *arg)
{
    int n;
    (void) arg;
    BROOD_AUTO (queue) queue = brood_queue_open (s_manager, "queue", NULL);
    return brood_queue_get (queue, -1, "%d", &n) < 0 ? errno + 100 : n;
}

static void
s_test_queue (void **state)
{
    char word[8];
    (void) state;
    BROOD_AUTO (queue) queue = brood_queue_open (s_manager, "queue", NULL);
    brood_process_t *getter = s_start (s_get_one);
    assert_int_equal (brood_queue_put (queue, -1, "%d", 42), 0);
    assert_int_equal (s_end_of (&getter), 42);
    assert_int_equal (brood_queue_empty (queue), 1);
    assert_int_equal (brood_queue_full (queue), 0);
    brood_msg_t *msg = brood_msg_new ("%s", "word");
    assert_int_equal (brood_queue_put_msg (queue, 0, &msg), 0);
    assert_null (msg);
    int n = 7;
    assert_int_equal (brood_queue_get (queue, 0, "%d", &n), -1);
    assert_int_equal (errno, EBADMSG);
    assert_int_equal (n, 7);
    assert_int_equal (brood_queue_qsize (queue), 1);
    assert_int_equal (brood_queue_get (queue, 0, "%7s", word), 0);
    assert_string_equal (word, "word");
    assert_int_equal (brood_queue_task_done (queue), -1);
    assert_int_equal (errno, EINVAL);
    const brood_queue_options_t other = { .capacity = 3 };
    assert_null (brood_queue_open (s_manager, "queue", &other));
    assert_int_equal (errno, EEXIST);
    assert_int_equal (brood_queue_close (queue), 0);
    assert_int_equal (brood_queue_put (queue, 0, "nil"), -1);
    assert_int_equal (errno, EPIPE);
    assert_null (brood_queue_get_many (queue, -1, 3));
    assert_int_equal (errno, EPIPE);
}

static void
s_test_queue_many (void **state)
{
    int a = 0, b = 0;
    (void) state;
    const brood_queue_options_t two = { .capacity = 2 };
    BROOD_AUTO (queue) queue = brood_queue_open (s_manager, NULL, &two);
    BROOD_AUTO (msg) three = brood_msg_new ("[1, 2, 3]");
    BROOD_AUTO (msg) none = brood_msg_new ("[]");
    assert_int_equal (brood_queue_put_many (queue, 0, none), 0);
    assert_int_equal (brood_queue_put_many (queue, 0, three), 2);
    assert_int_equal (brood_queue_full (queue), 1);
    assert_int_equal (brood_queue_put_many (queue, 0, three), -1);
    assert_int_equal (errno, ETIMEDOUT);
    BROOD_AUTO (msg) got = brood_queue_get_many (queue, 0, 9);
    assert_int_equal (brood_msg_unpack (got, "[%d, %d]", &a, &b), 0);
    assert_true (a == 1 && b == 2);
    assert_null (brood_queue_get_many (queue, 0, 9));
    assert_int_equal (errno, ETIMEDOUT);
    // What an item leads to lives as long as the list.
    brood_event_t *event = brood_event_open (s_manager, NULL);
    assert_int_equal (brood_event_set (event), 0);
    assert_int_equal (brood_queue_put (queue, 0, "@%p", brood_ref (event)), 0);
    brood_event_destroy (&event);
    void *ref;
    BROOD_AUTO (msg) refs = brood_queue_get_many (queue, 0, 9);
    assert_int_equal (brood_msg_unpack (refs, "[@%p]", &ref), 0);
    BROOD_AUTO (event) same = brood_event_from (ref);
    assert_int_equal (brood_event_is_set (same), 1);
}

static int
s_die_with_job (void *arg)
{
    (void) arg;
    const brood_queue_options_t options = { .joinable = 1 };
    brood_queue_t *jobs = brood_queue_open (s_manager, "jobs", &options);
    BROOD_AUTO (msg) job = brood_queue_get_msg (jobs, S_MS);
    T_MUST (job);
    raise (SIGKILL);
    return 0;
}

static void
s_test_queue_joinable (void **state)
{
    int n = 0;
    (void) state;
    const brood_queue_options_t options = { .joinable = 1 };
    BROOD_AUTO (queue) jobs = brood_queue_open (s_manager, "jobs", &options);
    assert_int_equal (brood_queue_put (jobs, 0, "5"), 0);
    assert_int_equal (s_run (s_die_with_job), -SIGKILL);
    assert_int_equal (brood_queue_get (jobs, S_MS, "%d", &n), 0);
    assert_int_equal (n, 5);
    assert_int_equal (brood_queue_deliveries (jobs), -1);
    assert_int_equal (errno, ENOTSUP);
    assert_int_equal (brood_queue_task_failed (jobs), 0);
    assert_int_equal (brood_queue_get (jobs, 0, "%d", &n), 0);
    assert_int_equal (brood_queue_join (jobs, 0), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (brood_queue_task_done (jobs), 0);
    assert_int_equal (brood_queue_join (jobs, S_MS), 0);
}

static void
s_test_queue_dead (void **state)
{
    int n = 0;
    (void) state;
    BROOD_AUTO (queue) here = brood_queue_new (0);
    BROOD_AUTO (queue) dead = brood_queue_open (s_manager, NULL, NULL);
    brood_queue_options_t options = { .joinable = 1,
                                      .deliveries_max = 1,
                                      .dead = dead };
    BROOD_AUTO (queue) jobs = brood_queue_open (s_manager, NULL, &options);
    assert_int_equal (brood_queue_put (jobs, 0, "6"), 0);
    assert_int_equal (brood_queue_get (jobs, 0, "%d", &n), 0);
    assert_int_equal (brood_queue_task_failed (jobs), 0);
    assert_int_equal (brood_queue_get (dead, 0, "%d", &n), 0);
    assert_int_equal (n, 6);
    // Both at one home.
    assert_null (brood_queue_new_with (&options));
    assert_int_equal (errno, EINVAL);
    options.dead = here;
    assert_null (brood_queue_open (s_manager, NULL, &options));
    assert_int_equal (errno, EINVAL);
}

// --- By ref ----------------------------------------------------------------

// One of each class; 0 if all work.
static int
s_use_all (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *refs[7];
    (void) task;
    if (brood_msg_unpack (in,
                          "[@%p, @%p, @%p, @%p, @%p, @%p, @%p]",
                          &refs[0],
                          &refs[1],
                          &refs[2],
                          &refs[3],
                          &refs[4],
                          &refs[5],
                          &refs[6])
        < 0)
        return 1;
    BROOD_AUTO (lock) lock = brood_lock_from (refs[0]);
    BROOD_AUTO (rlock) rlock = brood_rlock_from (refs[1]);
    BROOD_AUTO (semaphore) semaphore = brood_semaphore_from (refs[2]);
    BROOD_AUTO (event) event = brood_event_from (refs[3]);
    BROOD_AUTO (condition) condition = brood_condition_from (refs[4]);
    BROOD_AUTO (barrier) barrier = brood_barrier_from (refs[5]);
    BROOD_AUTO (queue) queue = brood_queue_from (refs[6]);
    if (brood_lock_acquire (lock, 0) < 0 || brood_lock_release (lock) < 0
        || brood_rlock_acquire (rlock, 0) < 0 || brood_rlock_release (rlock) < 0
        || brood_semaphore_release (semaphore) < 0
        || brood_event_set (event) < 0
        || brood_condition_acquire (condition, 0) < 0
        || brood_condition_notify_all (condition) < 0
        || brood_condition_release (condition) < 0
        || brood_barrier_wait (barrier, 0) < 0
        || brood_queue_put (queue, 0, "%d", 9) < 0)
        return 2;
    return brood_msg_pack (out, "%d", brood_lock_from (refs[1]) == NULL);
}
BROOD_TASK (s_use_all);

static void
s_test_refs (void **state)
{
    int is_refused = 0, n = 0;
    (void) state;
    BROOD_AUTO (pool) pool = brood_pool_new ("1");
    BROOD_AUTO (lock) lock = brood_lock_open (s_manager, NULL);
    BROOD_AUTO (rlock) rlock = brood_rlock_open (s_manager, NULL);
    BROOD_AUTO (semaphore)
    semaphore = brood_semaphore_open (s_manager, NULL, 0);
    BROOD_AUTO (event) event = brood_event_open (s_manager, NULL);
    BROOD_AUTO (condition) condition = brood_condition_open (s_manager, NULL);
    BROOD_AUTO (barrier) barrier = brood_barrier_open (s_manager, NULL, 1);
    BROOD_AUTO (queue) queue = brood_queue_open (s_manager, NULL, NULL);
    BROOD_AUTO (future)
    future = brood_pool_submit (pool,
                                s_use_all,
                                "[@%p, @%p, @%p, @%p, @%p, @%p, @%p]",
                                brood_ref (lock),
                                brood_ref (rlock),
                                brood_ref (semaphore),
                                brood_ref (event),
                                brood_ref (condition),
                                brood_ref (barrier),
                                brood_ref (queue));
    assert_int_equal (brood_future_get (future, S_MS, "%d", &is_refused), 0);
    assert_int_equal (is_refused, 1);
    assert_int_equal (brood_semaphore_value (semaphore), 1);
    assert_int_equal (brood_event_is_set (event), 1);
    assert_int_equal (brood_queue_get (queue, 0, "%d", &n), 0);
    assert_int_equal (n, 9);
}

// An rlock, a dict and a list of a manager, and ten children.
static int
s_enter (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *lock_ref, *dict_ref, *list_ref;
    char key[16];
    int i, value;
    (void) task;
    if (brood_msg_unpack (
            in, "[@%p, @%p, @%p, %d]", &lock_ref, &dict_ref, &list_ref, &i)
        < 0)
        return 1;
    BROOD_AUTO (rlock) lock = brood_rlock_from (lock_ref);
    BROOD_AUTO (dict) dict = brood_dict_from (dict_ref);
    BROOD_AUTO (list) list = brood_list_from (list_ref);
    snprintf (key, sizeof key, "%d", i);
    BROOD_WITH (rlock, lock)
    {
        if (brood_dict_set (dict, key, "%d", i) < 0)
            return 2;
        for (long at = 0; at < S_CHILDREN; at++) {
            if (brood_list_get (list, at, "%d", &value) < 0
                || brood_list_set (list, at, "%d", value - 10) < 0)
                return 3;
        }
    }
    return brood_msg_pack (out, "nil");
}
BROOD_TASK (s_enter);

static void
s_test_children (void **state)
{
    (void) state;
    BROOD_AUTO (rlock) lock = brood_rlock_open (s_manager, NULL);
    BROOD_AUTO (dict) dict = brood_dict_new (s_manager);
    BROOD_AUTO (list) list = brood_list_new (s_manager);
    for (int i = 0; i < S_CHILDREN; i++)
        assert_int_equal (brood_list_append (list, "%d", i), 0);
    BROOD_AUTO (pool) pool = brood_pool_new ("4");
    brood_future_t *futures[S_CHILDREN];
    for (int i = 0; i < S_CHILDREN; i++)
        futures[i] = brood_pool_submit (pool,
                                        s_enter,
                                        "[@%p, @%p, @%p, %d]",
                                        brood_ref (lock),
                                        brood_ref (dict),
                                        brood_ref (list),
                                        i);
    for (int i = 0; i < S_CHILDREN; i++) {
        assert_int_equal (brood_future_get (futures[i], S_MS, "*"), 0);
        brood_future_destroy (&futures[i]);
    }
    for (int i = 0; i < S_CHILDREN; i++) {
        char key[16];
        int value = -1;
        snprintf (key, sizeof key, "%d", i);
        assert_int_equal (brood_dict_get (dict, key, "%d", &value), 0);
        assert_int_equal (value, i);
        assert_int_equal (brood_list_get (list, i, "%d", &value), 0);
        // Ten children took ten away, and lost nothing of each other.
        assert_int_equal (value, i - 10 * S_CHILDREN);
    }
}

// --- The manager's end -----------------------------------------------------

static void
s_test_manager_end (void **state)
{
    (void) state;
    brood_manager_t *kept = s_manager;
    BROOD_AUTO (manager) manager = s_manager = brood_manager_new ();
    BROOD_AUTO (barrier) barrier = brood_barrier_open (manager, "barrier", 2);
    BROOD_AUTO (lock) lock = brood_lock_open (manager, "lock");
    BROOD_AUTO (queue) queue = brood_queue_open (manager, NULL, NULL);
    brood_process_t *waiter = s_start (s_wait_barrier);
    assert_true (t_eventually (s_one_waits, barrier, 20));
    assert_int_equal (brood_manager_shutdown (manager), 0);
    assert_int_equal (s_end_of (&waiter), ECONNRESET + 100);
    assert_int_equal (brood_lock_acquire (lock, -1), -1);
    assert_int_equal (errno, EHOSTDOWN);
    assert_int_equal (brood_queue_put (queue, -1, "1"), -1);
    assert_int_equal (errno, EHOSTDOWN);
    assert_null (brood_event_open (manager, "event"));
    assert_int_equal (errno, EHOSTDOWN);
    BROOD_AUTO (lock) other = brood_lock_from (brood_ref (lock));
    assert_null (other);
    assert_int_equal (errno, EHOSTDOWN);
    s_manager = kept;
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_lock),
        cmocka_unit_test (s_test_rlock),
        cmocka_unit_test (s_test_semaphore),
        cmocka_unit_test (s_test_event),
        cmocka_unit_test (s_test_condition),
        cmocka_unit_test (s_test_condition_on),
        cmocka_unit_test (s_test_barrier),
        cmocka_unit_test (s_test_queue),
        cmocka_unit_test (s_test_queue_many),
        cmocka_unit_test (s_test_queue_joinable),
        cmocka_unit_test (s_test_queue_dead),
        cmocka_unit_test (s_test_refs),
        cmocka_unit_test (s_test_children),
        cmocka_unit_test (s_test_manager_end),
    };
    (void) argc;
    t_mark (argv);
    t_watchdog (120);
    const int failed = cmocka_run_group_tests (tests, s_setup, s_teardown);
    return failed || t_marked_wait (0, 20) < 0;
}
