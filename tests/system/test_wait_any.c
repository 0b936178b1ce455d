// test_wait_any.c - waiting for different things at once
//
// SPDX-License-Identifier: MPL-2.0
//
// Each thing alone ends the wait when it becomes ready while the others do not,
// whoever drives the host meanwhile.

#include "t.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include <brood.h>

// In shared memory, made before the pool.
static struct {
    _Atomic int go;
    _Atomic int running;
} * s_shared;

static int
s_wait_for_go (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    (void) task;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return -1;
    atomic_fetch_add (&s_shared->running, 1);
    while (!atomic_load (&s_shared->go))
        usleep (500);
    return brood_msg_pack (out, "%d", n);
}
BROOD_TASK (s_wait_for_go);

static int
s_echo (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    (void) task;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return -1;
    return brood_msg_pack (out, "%d", n);
}
BROOD_TASK (s_echo);

static int
s_reset (void **state)
{
    (void) state;
    atomic_store (&s_shared->go, 0);
    atomic_store (&s_shared->running, 0);
    return 0;
}

static int
s_is_running (void *arg)
{
    return atomic_load (&s_shared->running) >= *(int *) arg;
}

static void
s_test_bad_calls (void **state)
{
    (void) state;
    int fd = 0;
    BROOD_AUTO (msg) msg = brood_msg_new ("nil");
    BROOD_AUTO (pool) pool = brood_pool_new ("inline");
    brood_wait_t none[] = { { .handle = NULL }, { .fd = NULL } };
    brood_wait_t both[] = { { .handle = msg, .fd = &fd } };
    brood_wait_t wrong[] = { { .handle = pool } };
    brood_wait_t option[] = { { .fd = &fd, .reserved_ = { 1 } } };
    assert_int_equal (brood_wait_any (NULL, 1, 0), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_wait_any (none, 0, 0), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_wait_any (none, 2, -2), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_wait_any (none, 2, 0), -1);
    assert_int_equal (errno, ENOENT);
    assert_int_equal (brood_wait_any (both, 1, 0), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_wait_any (wrong, 1, 0), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_wait_any (option, 1, 0), -1);
    assert_int_equal (errno, EINVAL);
}

static void
s_test_descriptors (void **state)
{
    (void) state;
    int one[2], two[2];
    assert_int_equal (pipe (one), 0);
    assert_int_equal (pipe (two), 0);
    // The same one twice, and one that is passed over.
    brood_wait_t on[] = {
        { .fd = &one[0] }, { .fd = &two[0] }, { .fd = &two[0] }, { .fd = NULL }
    };
    assert_int_equal (brood_wait_any (on, 4, 0), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (brood_wait_any (on, 4, 20), -1);
    assert_int_equal (errno, ETIMEDOUT);
    const int before = t_open_fds ();
    assert_int_equal (write (two[1], "x", 1), 1);
    assert_int_equal (brood_wait_any (on, 4, -1), 2);
    assert_true (!on[0].ready && on[1].ready && on[2].ready && !on[3].ready);
    // Nothing was taken, and an end is something to get, too.
    close (one[1]);
    assert_int_equal (brood_wait_any (on, 4, -1), 3);
    assert_true (on[0].ready);
    // A file is always ready.
    int file = open ("/proc/self/exe", O_RDONLY);
    brood_wait_t files[] = { { .fd = &file } };
    assert_int_equal (brood_wait_any (files, 1, -1), 1);
    close (file);
    assert_int_equal (t_open_fds (), before - 1);
    close (one[0]);
    close (two[0]);
    close (two[1]);
}

static void
s_test_future (void **state)
{
    (void) state;
    int ends[2];
    int running = 1;
    assert_int_equal (pipe (ends), 0);
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    BROOD_AUTO (future) slow = brood_pool_submit (pool, s_wait_for_go, "%d", 1);
    BROOD_AUTO (future) fast = brood_pool_submit (pool, s_echo, "%d", 2);
    brood_wait_t on[] = { { .handle = slow },
                          { .handle = fast },
                          { .fd = &ends[0] } };
    assert_int_equal (brood_wait_any (on, 3, -1), 1);
    assert_true (!on[0].ready && on[1].ready && !on[2].ready);
    on[1].handle = NULL;
    assert_int_equal (brood_wait_any (on, 3, 20), -1);
    assert_int_equal (errno, ETIMEDOUT);
    // The descriptor, while the future is waited for.
    assert_true (t_eventually (s_is_running, &running, 20));
    assert_int_equal (write (ends[1], "x", 1), 1);
    assert_int_equal (brood_wait_any (on, 3, -1), 1);
    assert_true (on[2].ready && !on[0].ready);
    on[2].fd = NULL;
    atomic_store (&s_shared->go, 1);
    assert_int_equal (brood_wait_any (on, 3, -1), 1);
    assert_true (on[0].ready);
    close (ends[0]);
    close (ends[1]);
}

static void *
s_wait_for_future (void *arg)
{
    (void) brood_future_wait (arg, BROOD_FOREVER);
    return NULL;
}

static void *
s_write_soon (void *arg)
{
    int running = 2;
    (void) t_eventually (s_is_running, &running, 20);
    usleep (20000);  // The wait has begun, mostly; it must end either way
    return write (*(int *) arg, "x", 1) == 1 ? NULL : arg;
}

// Another thread leads: this one follows, and its descriptor is heard still;
// when the leader has what it wants, this one leads.
static void
s_test_follower (void **state)
{
    (void) state;
    int ends[2];
    pthread_t leader, writer;
    void *failed;
    assert_int_equal (pipe (ends), 0);
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    BROOD_AUTO (future) a = brood_pool_submit (pool, s_wait_for_go, "%d", 1);
    BROOD_AUTO (future) b = brood_pool_submit (pool, s_wait_for_go, "%d", 2);
    assert_int_equal (pthread_create (&leader, NULL, s_wait_for_future, a), 0);
    assert_int_equal (pthread_create (&writer, NULL, s_write_soon, &ends[1]),
                      0);
    brood_wait_t on[] = { { .handle = b }, { .fd = &ends[0] } };
    assert_int_equal (brood_wait_any (on, 2, -1), 1);
    assert_true (on[1].ready);
    assert_int_equal (pthread_join (writer, &failed), 0);
    assert_null (failed);
    on[1].fd = NULL;
    atomic_store (&s_shared->go, 1);
    assert_int_equal (brood_wait_any (on, 2, -1), 1);
    assert_true (on[0].ready);
    assert_int_equal (pthread_join (leader, NULL), 0);
    close (ends[0]);
    close (ends[1]);
}

static int
s_count_to_three (brood_msg_t *item, void *arg)
{
    int *n = arg;
    if (*n == 3)
        return 0;
    return brood_msg_pack (item, "%d", (*n)++) < 0 ? -1 : 1;
}

static void
s_test_streams (void **state)
{
    (void) state;
    int n = 0, got;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    BROOD_AUTO (stream) fed = brood_pool_imap (pool, s_echo, BROOD_ORDERED);
    BROOD_AUTO (stream)
    pulled = brood_pool_imap_from (
        pool, s_echo, s_count_to_three, &n, BROOD_ORDERED, NULL);
    brood_wait_t on[] = { { .handle = fed }, { .handle = pulled } };
    for (int i = 0; i < 3; i++) {
        assert_int_equal (brood_wait_any (on, 2, -1), 1);
        assert_true (on[1].ready);
        assert_int_equal (brood_stream_next (pulled, 0, "%d", &got), 1);
        assert_int_equal (got, i);
    }
    // At its end it is ready for ever.
    assert_int_equal (brood_wait_any (on, 2, -1), 1);
    assert_true (on[1].ready);
    assert_int_equal (brood_stream_next (pulled, 0, "%d", &got), 0);
    on[1].handle = NULL;
    assert_int_equal (brood_wait_any (on, 2, 20), -1);
    assert_int_equal (brood_stream_feed (fed, "%d", 7), 0);
    assert_int_equal (brood_wait_any (on, 2, -1), 1);
    assert_int_equal (brood_stream_next (fed, 0, "%d", &got), 1);
    assert_int_equal (got, 7);
}

static int
s_put_and_leave (void *arg)
{
    brood_queue_t *queue = arg;
    return brood_queue_put (queue, -1, "%d", 5);
}

static int
s_send_and_leave (void *arg)
{
    return brood_conn_send (arg, -1, "%d", 6);
}

static int
s_set_and_leave (void *arg)
{
    return brood_event_set (arg);
}

// Each of them by another process, while the others stay as they are; and with
// a future among them, so that the host is waited in.
static void
s_test_shared (void **state)
{
    (void) state;
    int n;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future)
    future = brood_pool_submit (pool, s_wait_for_go, "%d", 1);
    BROOD_AUTO (queue) queue = brood_queue_new (10);
    BROOD_AUTO (event) event = brood_event_new ();
    brood_conn_t *left, *right;
    assert_int_equal (brood_pipe_new (1, &left, &right), 0);
    // From its first use on we hold it, and its sender's end is not its end.
    assert_int_equal (brood_conn_poll (left, 0), 0);
    for (int i = 0; i < 2; i++) {
        brood_wait_t on[] = { { .handle = queue },
                              { .handle = event },
                              { .handle = right },
                              { .handle = NULL },
                              { .handle = i == 0 ? NULL : future } };
        assert_int_equal (brood_wait_any (on, 5, 20), -1);
        assert_int_equal (errno, ETIMEDOUT);
        BROOD_AUTO (process) p = brood_process_new (s_put_and_leave, queue);
        assert_int_equal (brood_process_start (p), 0);
        assert_int_equal (brood_wait_any (on, 5, -1), 1);
        assert_true (on[0].ready);
        assert_int_equal (brood_queue_get (queue, 0, "%d", &n), 0);

        BROOD_AUTO (process) q = brood_process_new (s_send_and_leave, left);
        assert_int_equal (brood_process_start (q), 0);
        assert_int_equal (brood_wait_any (on, 5, -1), 1);
        assert_true (on[2].ready);
        assert_int_equal (brood_conn_recv (right, 0, "%d", &n), 0);

        BROOD_AUTO (process) r = brood_process_new (s_set_and_leave, event);
        assert_int_equal (brood_process_start (r), 0);
        assert_int_equal (brood_wait_any (on, 5, -1), 1);
        assert_true (on[1].ready);
        assert_int_equal (brood_event_clear (event), 0);

        // Their ends, last: all three processes are over in the end.
        on[3].handle = r;
        assert_int_equal (brood_wait_any (on, 5, -1), 1);
        assert_true (on[3].ready);
        assert_int_equal (brood_process_exitcode (r), 0);
        assert_int_equal (brood_process_join (p, -1), 0);
        assert_int_equal (brood_process_join (q, -1), 0);
    }
    brood_wait_t at_end[] = { { .handle = queue } };
    assert_int_equal (brood_queue_close (queue), 0);
    assert_int_equal (brood_wait_any (at_end, 1, -1), 1);
    atomic_store (&s_shared->go, 1);
    assert_int_equal (brood_future_wait (future, -1), 0);
    brood_conn_destroy (&left);
    brood_conn_destroy (&right);
}

static void *
s_interrupt (void *arg)
{
    (void) arg;
    usleep (20000);  // Before the wait or in it: EINTR either way
    brood_interrupt ();
    return NULL;
}

static void
s_test_interrupt (void **state)
{
    (void) state;
    int ends[2];
    assert_int_equal (pipe (ends), 0);
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_wait_for_go, "%d", 1);
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        brood_wait_t on[] = { { .fd = &ends[0] },
                              { .handle = i == 0 ? NULL : f } };
        assert_int_equal (pthread_create (&thread, NULL, s_interrupt, NULL), 0);
        assert_int_equal (brood_wait_any (on, 2, -1), -1);
        assert_int_equal (errno, EINTR);
        assert_int_equal (pthread_join (thread, NULL), 0);
    }
    atomic_store (&s_shared->go, 1);
    assert_int_equal (brood_future_wait (f, -1), 0);
    close (ends[0]);
    close (ends[1]);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup (s_test_bad_calls, s_reset),
        cmocka_unit_test_setup (s_test_descriptors, s_reset),
        cmocka_unit_test_setup (s_test_future, s_reset),
        cmocka_unit_test_setup (s_test_follower, s_reset),
        cmocka_unit_test_setup (s_test_streams, s_reset),
        cmocka_unit_test_setup (s_test_shared, s_reset),
        cmocka_unit_test_setup (s_test_interrupt, s_reset),
    };
    t_watchdog (100);
    s_shared = t_share (sizeof *s_shared);
    if (brood_init (&argc, &argv) < 0)
        return 1;
    return cmocka_run_group_tests (tests, NULL, NULL);
}
