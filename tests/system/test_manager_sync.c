// test_manager_sync.c - queues, locks and so on at a manager, and their deaths
//
// SPDX-License-Identifier: MPL-2.0
//
// The managed halves by themselves, since their classes stand on two homes.
// Clients are children of a pool, so that they can be killed.

#include "t_brood.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include <brood.h>

#include "api/brd_manager_handle.h"
#include "client/brd_remote_sync.h"

// What a worker does with an object it inherited, before it dies or not.
typedef enum {
    S_ACQUIRE,
    S_TAKE,
    S_GET,
    S_WAIT_NOTIFIED,
    S_WAIT_OTHERS,
    S_WAIT_SET
} s_what_t;

static brd_remote_t s_object;

static int
s_do (s_what_t what)
{
    BROOD_AUTO (msg) item = NULL;
    switch (what) {
    case S_ACQUIRE:
        return brd_remote_sync_acquire (&s_object, -1);
    case S_TAKE:
        return brd_remote_sync_take (&s_object, -1);
    case S_GET:
        item = brd_remote_sync_get_msg (&s_object, -1);
        return item ? 0 : -1;
    case S_WAIT_NOTIFIED:
        if (brd_remote_sync_acquire (&s_object, -1) < 0)
            return -1;
        if (brd_remote_sync_wait_notified (&s_object, -1) < 0)
            return -1;
        return brd_remote_sync_release (&s_object);
    case S_WAIT_OTHERS:
        return brd_remote_sync_wait_others (&s_object, -1);
    case S_WAIT_SET:
        return brd_remote_sync_wait_set (&s_object, -1);
    }
    return -1;
}

static int
s_do_and_die (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int what;
    (void) task;
    (void) out;
    if (brood_msg_unpack (in, "%d", &what) < 0 || s_do ((s_what_t) what) < 0)
        return 1;
    raise (SIGKILL);
    return 2;
}
BROOD_TASK (s_do_and_die);

static int
s_do_and_answer (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int what;
    (void) task;
    if (brood_msg_unpack (in, "%d", &what) < 0)
        return 1;
    return brood_msg_pack (out, "%d", s_do ((s_what_t) what));
}
BROOD_TASK (s_do_and_answer);

static void
s_die_having (brood_pool_t *pool, s_what_t what)
{
    brood_future_t *future =
        brood_pool_submit (pool, s_do_and_die, "%d", (int) what);
    assert_int_equal (brood_future_get (future, -1, "*"), -1);
    assert_int_equal (errno, ECHILD);
    brood_future_destroy (&future);
}

// --- Deaths ----------------------------------------------------------------

static void
s_test_lock (void **state)
{
    (void) state;
    BROOD_AUTO (manager) manager = brood_manager_new ();
    assert_int_equal (brd_remote_sync_open (
                          &s_object, manager->session, BRD_KIND_LOCK, "lock"),
                      0);
    BROOD_AUTO (pool) pool = brood_pool_new ("1");
    assert_int_equal (brd_remote_sync_acquire (&s_object, 0), 0);
    assert_int_equal (brd_remote_sync_acquire (&s_object, 0), -1);
    assert_int_equal (errno, EDEADLK);
    assert_int_equal (brd_remote_sync_locked (&s_object), 1);
    assert_int_equal (brd_remote_sync_release (&s_object), 0);
    assert_int_equal (brd_remote_sync_release (&s_object), -1);
    assert_int_equal (errno, EPERM);
    s_die_having (pool, S_ACQUIRE);
    assert_int_equal (brd_remote_sync_acquire (&s_object, 20000), 1);
    assert_int_equal (brd_remote_sync_release (&s_object), 0);
    assert_int_equal (brd_remote_sync_acquire (&s_object, 0), 0);
    brd_remote_fini (&s_object);
}

static void
s_test_semaphore (void **state)
{
    (void) state;
    BROOD_AUTO (manager) manager = brood_manager_new ();
    assert_int_equal (brd_remote_sync_open_semaphore (
                          &s_object, manager->session, NULL, 1, 1),
                      0);
    BROOD_AUTO (pool) pool = brood_pool_new ("1");
    s_die_having (pool, S_TAKE);
    assert_int_equal (brd_remote_sync_take (&s_object, 20000), 0);
    assert_int_equal (brd_remote_sync_value (&s_object), 0);
    assert_int_equal (brd_remote_sync_take (&s_object, 20), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (brd_remote_sync_give (&s_object), 0);
    assert_int_equal (brd_remote_sync_give (&s_object), -1);
    assert_int_equal (errno, EOVERFLOW);
    brd_remote_fini (&s_object);
}

static void
s_test_queue (void **state)
{
    (void) state;
    BROOD_AUTO (manager) manager = brood_manager_new ();
    const brd_remote_queue_options_t options = { .capacity = 2, .joinable = 1 };
    assert_int_equal (brd_remote_sync_open_queue (
                          &s_object, manager->session, "jobs", &options),
                      0);
    BROOD_AUTO (pool) pool = brood_pool_new ("1");
    int full = 1;
    assert_int_equal (brd_remote_sync_put (&s_object, 0, "\x01", 1), 0);
    assert_int_equal (brd_remote_sync_size (&s_object, &full), 1);
    assert_int_equal (full, 0);
    assert_int_equal (brd_remote_sync_put (&s_object, 0, "\x02", 1), 0);
    assert_int_equal (brd_remote_sync_size (&s_object, &full), 2);
    assert_int_equal (full, 1);
    assert_int_equal (brd_remote_sync_put (&s_object, 20, "\x03", 1), -1);
    assert_int_equal (errno, ETIMEDOUT);
    // What was taken and not done comes back to the head.
    s_die_having (pool, S_GET);
    for (int i = 1; i <= 2; i++) {
        int number = 0;
        BROOD_AUTO (msg) item = brd_remote_sync_get_msg (&s_object, 20000);
        assert_int_equal (brood_msg_unpack (item, "%d", &number), 0);
        assert_int_equal (number, i);
        assert_int_equal (brd_remote_sync_join (&s_object, 0), -1);
        assert_int_equal (errno, ETIMEDOUT);
        assert_int_equal (brd_remote_sync_done (&s_object), 0);
    }
    assert_int_equal (brd_remote_sync_done (&s_object), -1);
    assert_int_equal (errno, EPERM);
    assert_int_equal (brd_remote_sync_failed (&s_object), -1);
    assert_int_equal (brd_remote_sync_join (&s_object, 0), 0);
    assert_int_equal (brd_remote_sync_close (&s_object), 0);
    assert_null (brd_remote_sync_get_msg (&s_object, -1));
    assert_int_equal (errno, EPIPE);
    brd_remote_fini (&s_object);
}

// A waiter that is killed does not swallow a notify.
static int
s_notify (void *arg)
{
    (void) arg;
    assert_int_equal (brd_remote_sync_acquire (&s_object, -1), 0);
    assert_int_equal (brd_remote_sync_notify (&s_object, -1), 0);
    assert_int_equal (brd_remote_sync_release (&s_object), 0);
    return 1;
}

static int
s_is_done (void *arg)
{
    (void) s_notify (NULL);
    return brood_future_done (arg) == 1;
}

static void
s_test_condition (void **state)
{
    (void) state;
    BROOD_AUTO (manager) manager = brood_manager_new ();
    assert_int_equal (
        brd_remote_sync_open_condition (&s_object, manager->session, "c", NULL),
        0);
    assert_int_equal (brd_remote_sync_wait_notified (&s_object, 0), -1);
    assert_int_equal (errno, EPERM);
    assert_int_equal (brd_remote_sync_acquire (&s_object, 0), 0);
    assert_int_equal (brd_remote_sync_wait_notified (&s_object, 20), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (brd_remote_sync_release (&s_object), 0);
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    brood_future_t *future =
        brood_pool_submit (pool, s_do_and_answer, "%d", (int) S_WAIT_NOTIFIED);
    assert_true (t_eventually (s_is_done, future, 20));
    int answer = -1;
    assert_int_equal (brood_future_get (future, -1, "%d", &answer), 0);
    assert_int_equal (answer, 0);
    brood_future_destroy (&future);
    brd_remote_fini (&s_object);
}

static int
s_one_waits (void *arg)
{
    (void) arg;
    brd_remote_barrier_t barrier;
    assert_int_equal (brd_remote_sync_barrier (&s_object, &barrier), 0);
    return barrier.waiting == 1;
}

static void
s_test_barrier (void **state)
{
    (void) state;
    BROOD_AUTO (manager) manager = brood_manager_new ();
    assert_int_equal (
        brd_remote_sync_open_barrier (&s_object, manager->session, "b", 2), 0);
    brood_pool_t *pool = brood_pool_new ("1");
    brood_future_t *future =
        brood_pool_submit (pool, s_do_and_answer, "%d", (int) S_WAIT_OTHERS);
    const int mine = brd_remote_sync_wait_others (&s_object, 20000);
    int index = -1;
    assert_int_equal (brood_future_get (future, -1, "%d", &index), 0);
    assert_true (mine >= 0 && index == 1 - mine);
    brood_future_destroy (&future);
    // A waiter dies: broken, by name.
    future =
        brood_pool_submit (pool, s_do_and_answer, "%d", (int) S_WAIT_OTHERS);
    assert_true (t_eventually (s_one_waits, NULL, 20));
    brood_pool_destroy (&pool);
    brood_future_destroy (&future);
    assert_int_equal (brd_remote_sync_wait_others (&s_object, 20000), -1);
    assert_int_equal (errno, EPIPE);
    assert_non_null (strstr (brood_error (), "brood-pool/0 (pid"));
    assert_int_equal (brd_remote_sync_reset (&s_object), 0);
    assert_int_equal (brd_remote_sync_wait_others (&s_object, 20), -1);
    assert_int_equal (errno, ETIMEDOUT);
    brd_remote_fini (&s_object);
}

static int
s_set (void *arg)
{
    return brd_remote_sync_set (&s_object) == 0 && brood_future_done (arg) == 1;
}

static void
s_test_event (void **state)
{
    (void) state;
    BROOD_AUTO (manager) manager = brood_manager_new ();
    assert_int_equal (
        brd_remote_sync_open (&s_object, manager->session, BRD_KIND_EVENT, "e"),
        0);
    BROOD_AUTO (pool) pool = brood_pool_new ("1");
    brood_future_t *future =
        brood_pool_submit (pool, s_do_and_answer, "%d", (int) S_WAIT_SET);
    assert_int_equal (brd_remote_sync_wait_set (&s_object, 20), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_true (t_eventually (s_set, future, 20));
    assert_int_equal (brd_remote_sync_is_set (&s_object), 1);
    assert_int_equal (brd_remote_sync_clear (&s_object), 0);
    assert_int_equal (brd_remote_sync_is_set (&s_object), 0);
    brood_future_destroy (&future);
    brd_remote_fini (&s_object);
}

// --- Interrupts ------------------------------------------------------------

static _Atomic int s_error;

static void *
s_acquire (void *arg)
{
    (void) arg;
    const int rc = brd_remote_sync_acquire (&s_object, -1);
    s_error = rc < 0 ? errno : 1000;
    return NULL;
}

static int
s_interrupt (void *arg)
{
    (void) arg;
    brood_interrupt ();
    return s_error != 0;
}

// A lock is not left to somebody who was told that he has it not.
static void
s_test_interrupt (void **state)
{
    (void) state;
    BROOD_AUTO (manager) manager = brood_manager_new ();
    assert_int_equal (
        brd_remote_sync_open (&s_object, manager->session, BRD_KIND_LOCK, "l"),
        0);
    assert_int_equal (brd_remote_sync_acquire (&s_object, 0), 0);
    pthread_t thread;
    s_error = 0;
    assert_int_equal (pthread_create (&thread, NULL, s_acquire, NULL), 0);
    assert_true (t_eventually (s_interrupt, NULL, 20));
    pthread_join (thread, NULL);
    assert_int_equal (s_error, EINTR);
    assert_int_equal (brd_remote_sync_release (&s_object), 0);
    assert_int_equal (brd_remote_sync_locked (&s_object), 0);
    brd_remote_fini (&s_object);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_lock),
        cmocka_unit_test (s_test_semaphore),
        cmocka_unit_test (s_test_queue),
        cmocka_unit_test (s_test_condition),
        cmocka_unit_test (s_test_barrier),
        cmocka_unit_test (s_test_event),
        cmocka_unit_test (s_test_interrupt),
    };
    (void) argc;
    t_mark (argv);
    t_watchdog (120);
    const int failed = cmocka_run_group_tests (tests, NULL, NULL);
    return failed || t_marked_wait (0, 20) < 0;
}
