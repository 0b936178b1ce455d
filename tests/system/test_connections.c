// test_connections.c - listeners and those who connect, over tcp and ipc
//
// SPDX-License-Identifier: MPL-2.0

#include "t_brood.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <brood.h>

enum {
    MS = 20000
};

static char s_abstract[80];

// Each test runs over both.
static const char *const s_addresses[] = { "tcp://127.0.0.1:0", s_abstract };

static brood_pool_t *s_pool;

static int
s_call (const brood_msg_t *in, brood_conn_t **ret_conn)
{
    char address[100];
    if (brood_msg_unpack (in, "%99s", address) < 0)
        return -1;
    *ret_conn = brood_conn_connect (address, MS);
    return *ret_conn ? 0 : -1;
}

// Connects, and sends back what comes until the end.
static int
s_echo (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    brood_conn_t *conn;
    if (s_call (in, &conn) < 0)
        return brood_task_fail (task, "%s", brood_error ());
    int count = 0;
    brood_msg_t *msg;
    while ((msg = brood_conn_recv_msg (conn, -1))) {
        if (brood_conn_send_msg (conn, -1, &msg) < 0)
            return 1;
        count++;
    }
    const int error = errno;
    brood_conn_destroy (&conn);
    return error == EPIPE ? brood_msg_pack (out, "%d", count) : 1;
}
BROOD_TASK (s_echo);

// Sends one message and is killed.
static int
s_die (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    brood_conn_t *conn;
    (void) task;
    (void) out;
    if (s_call (in, &conn) < 0 || brood_conn_send (conn, MS, "%d", 1) < 0)
        return 1;
    raise (SIGKILL);
    return 0;
}
BROOD_TASK (s_die);

// With another key: what connect says of it.
static int
s_wrong_key (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    brood_conn_t *conn;
    (void) task;
    if (brood_set_authkey ("another", 7) < 0 || s_call (in, &conn) == 0)
        return 1;
    const int error = errno;
    // What the program set holds for what is made from then on.
    if (brood_set_authkey ("the same", 8) < 0 || s_call (in, &conn) < 0)
        return brood_task_fail (task, "%s", brood_error ());
    brood_conn_destroy (&conn);
    return brood_msg_pack (out, "%d", error);
}
BROOD_TASK (s_wrong_key);

static int
s_pass_fd (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    brood_conn_t *conn;
    int fds[2];
    char byte;
    if (s_call (in, &conn) < 0 || pipe (fds) < 0)
        return brood_task_fail (task, "%s", brood_error ());
    const int rc = brood_conn_send_fd (conn, MS, fds[1]);
    const int error = errno;
    close (fds[1]);
    if (rc == 0 && read (fds[0], &byte, 1) != 1)
        return 1;
    close (fds[0]);
    brood_conn_destroy (&conn);
    return brood_msg_pack (out, "%d", rc == 0 ? 0 : error);
}
BROOD_TASK (s_pass_fd);

// The other end of a connection in this process, as another thread.
typedef struct {
    const char *address;
    brood_conn_t *conn;
} s_caller_t;

static void *
s_connect (void *arg)
{
    s_caller_t *self = arg;
    self->conn = brood_conn_connect (self->address, MS);
    return NULL;
}

static void
s_pair (const char *address, brood_conn_t **ret_near, brood_conn_t **ret_far)
{
    pthread_t thread;
    BROOD_AUTO (listener) listener = brood_listener_new (address);
    if (!listener)
        fail_msg ("%s", brood_error ());
    s_caller_t caller = { .address = brood_listener_address (listener) };
    assert_int_equal (pthread_create (&thread, NULL, s_connect, &caller), 0);
    *ret_near = brood_listener_accept (listener, MS);
    pthread_join (thread, NULL);
    assert_non_null (*ret_near);
    assert_non_null (caller.conn);
    *ret_far = caller.conn;
}

// --- Messages --------------------------------------------------------------

static void
s_test_echo (void **state)
{
    (void) state;
    for (size_t i = 0; i < 2; i++) {
        BROOD_AUTO (listener) listener = brood_listener_new (s_addresses[i]);
        BROOD_AUTO (future)
        echo = brood_pool_submit (
            s_pool, s_echo, "%s", brood_listener_address (listener));
        brood_conn_t *conn = brood_listener_accept (listener, MS);
        assert_non_null (conn);
        int n;
        for (int k = 0; k < 300; k++) {
            assert_int_equal (brood_conn_send (conn, MS, "%d", k), 0);
            assert_int_equal (brood_conn_recv (conn, MS, "%d", &n), 0);
            assert_int_equal (n, k);
        }
        char *text = calloc (1, 3000001);
        memset (text, 't', 3000000);
        BROOD_AUTO (msg) out = brood_msg_new ("%s", text);
        BROOD_AUTO (msg) copy = brood_msg_dup (out);
        free (text);
        assert_int_equal (brood_conn_send_msg (conn, MS, &out), 0);
        assert_int_equal (brood_conn_poll (conn, MS), 1);
        BROOD_AUTO (msg) in = brood_conn_recv_msg (conn, MS);
        assert_true (brood_msg_equal (in, copy));
        brood_conn_destroy (&conn);
        assert_int_equal (brood_future_get (echo, MS, "%d", &n), 0);
        assert_int_equal (n, 301);
    }
}

static void
s_test_leaves (void **state)
{
    (void) state;
    for (size_t i = 0; i < 2; i++) {
        brood_conn_t *near, *far;
        char bytes[10];
        int n = 5;
        s_pair (s_addresses[i], &near, &far);
        assert_int_equal (brood_conn_poll (far, 0), 0);
        assert_int_equal (brood_conn_recv (far, 0, "%d", &n), -1);
        assert_int_equal (errno, ETIMEDOUT);
        assert_int_equal (brood_conn_send_bytes (near, 0, "\xc1\xc1", 2), 0);
        assert_int_equal (brood_conn_send (near, 0, "[1, 2]"), 0);
        assert_int_equal (brood_conn_send_bytes (near, 0, NULL, 0), 0);
        assert_int_equal (brood_conn_next_size (far, MS), 2);
        assert_int_equal (brood_conn_recv (far, MS, "%d", &n), -1);
        assert_int_equal (errno, EBADMSG);
        assert_int_equal (brood_conn_recv_bytes (far, MS, bytes, 1), -1);
        assert_int_equal (errno, EMSGSIZE);
        assert_int_equal (brood_conn_recv_bytes (far, MS, bytes, 10), 2);
        assert_int_equal (brood_conn_recv (far, MS, "%d", &n), -1);
        assert_int_equal (errno, EBADMSG);
        assert_int_equal (n, 5);
        assert_int_equal (brood_conn_recv (far, MS, "[1, %d]", &n), 0);
        assert_int_equal (n, 2);
        assert_int_equal (brood_conn_recv_bytes (far, MS, NULL, 0), 0);
        assert_null (brood_ref (far));
        assert_int_equal (errno, EINVAL);
        assert_int_equal (brood_conn_close (far), 0);
        assert_int_equal (brood_conn_close (far), 0);
        assert_int_equal (brood_conn_send (far, 0, "%d", 1), -1);
        assert_int_equal (errno, EBADF);
        assert_int_equal (brood_conn_recv (near, MS, "%d", &n), -1);
        assert_int_equal (errno, EPIPE);
        brood_conn_destroy (&near);
        brood_conn_destroy (&far);
    }
}

// A message whose time is up is never seen, though part of it had left; those
// around it are.
static void
s_test_send_times_out (void **state)
{
    (void) state;
    static char bytes[64 << 20], got[1 << 20];
    for (size_t i = 0; i < 2; i++) {
        brood_conn_t *near, *far;
        s_pair (s_addresses[i], &near, &far);
        assert_int_equal (brood_conn_send_bytes (near, MS, "first", 5), 0);
        for (int k = 0; k < 3; k++) {
            assert_int_equal (
                brood_conn_send_bytes (near, 50, bytes, sizeof bytes), -1);
            assert_int_equal (errno, ETIMEDOUT);
        }
        assert_int_equal (brood_conn_recv_bytes (far, MS, got, sizeof got), 5);
        // The other side has to read before there is room for more.
        assert_int_equal (brood_conn_recv_bytes (far, 50, got, sizeof got), -1);
        assert_int_equal (errno, ETIMEDOUT);
        assert_int_equal (brood_conn_send_bytes (near, MS, "last!!", 6), 0);
        assert_int_equal (brood_conn_recv_bytes (far, MS, got, sizeof got), 6);
        brood_conn_destroy (&near);
        brood_conn_destroy (&far);
    }
}

typedef struct {
    brood_conn_t *conn;
    int number;
    _Atomic int *count;
    int failed;
} s_part_t;

enum {
    EACH = 3000
};

static void *
s_send_many (void *arg)
{
    s_part_t *self = arg;
    for (int i = 0; i < EACH; i++)
        self->failed |=
            brood_conn_send (self->conn, -1, "[%d, %d]", self->number, i) < 0;
    return NULL;
}

static void *
s_recv_many (void *arg)
{
    s_part_t *self = arg;
    int last[2] = { -1, -1 }, who, i;
    while (brood_conn_recv (self->conn, -1, "[%d, %d]", &who, &i) == 0) {
        self->failed |= i <= last[who];
        last[who] = i;
        atomic_fetch_add (self->count, 1);
    }
    self->failed |= errno != EPIPE;
    return NULL;
}

// Two senders and two receivers on one connection: each message goes to one.
static void
s_test_threads (void **state)
{
    (void) state;
    for (size_t i = 0; i < 2; i++) {
        brood_conn_t *near, *far;
        pthread_t threads[4];
        s_part_t parts[4];
        _Atomic int count = 0;
        s_pair (s_addresses[i], &near, &far);
        for (int k = 0; k < 4; k++) {
            parts[k] = (s_part_t){ k < 2 ? near : far, k, &count, 0 };
            assert_int_equal (pthread_create (&threads[k],
                                              NULL,
                                              k < 2 ? s_send_many : s_recv_many,
                                              &parts[k]),
                              0);
        }
        for (int k = 0; k < 4; k++) {
            pthread_join (threads[k], NULL);
            assert_int_equal (parts[k].failed, 0);
            if (k == 1)
                brood_conn_close (near);
        }
        assert_int_equal (count, 2 * EACH);
        brood_conn_destroy (&near);
        brood_conn_destroy (&far);
    }
}

static void *
s_close (void *arg)
{
    brood_conn_close (arg);
    return NULL;
}

static void
s_test_waits_end (void **state)
{
    (void) state;
    for (size_t i = 0; i < 2; i++) {
        brood_conn_t *near, *far;
        pthread_t thread;
        int n;
        s_pair (s_addresses[i], &near, &far);
        brood_interrupt ();
        assert_int_equal (brood_conn_recv (near, -1, "%d", &n), -1);
        assert_int_equal (errno, EINTR);
        assert_int_equal (pthread_create (&thread, NULL, s_close, near), 0);
        assert_int_equal (brood_conn_recv (near, -1, "%d", &n), -1);
        assert_int_equal (errno, EBADF);
        pthread_join (thread, NULL);
        brood_conn_destroy (&near);
        brood_conn_destroy (&far);
    }
}

static void
s_test_peer_killed (void **state)
{
    (void) state;
    for (size_t i = 0; i < 2; i++) {
        int n;
        BROOD_AUTO (listener) listener = brood_listener_new (s_addresses[i]);
        BROOD_AUTO (future)
        dead = brood_pool_submit (
            s_pool, s_die, "%s", brood_listener_address (listener));
        BROOD_AUTO (conn) conn = brood_listener_accept (listener, MS);
        assert_int_equal (brood_conn_recv (conn, MS, "%d", &n), 0);
        assert_int_equal (brood_conn_recv (conn, -1, "%d", &n), -1);
        assert_int_equal (errno, EPIPE);
        assert_int_equal (brood_future_wait (dead, MS), 0);
    }
}

// --- Who comes in ----------------------------------------------------------

static void
s_test_wrong_key (void **state)
{
    (void) state;
    for (size_t i = 0; i < 2; i++) {
        int error = 0;
        BROOD_AUTO (listener) listener = brood_listener_new (s_addresses[i]);
        BROOD_AUTO (future)
        wrong = brood_pool_submit (
            s_pool, s_wrong_key, "%s", brood_listener_address (listener));
        assert_null (brood_listener_accept (listener, MS));
        assert_int_equal (errno, EACCES);
        BROOD_AUTO (conn) conn = brood_listener_accept (listener, MS);
        assert_non_null (conn);
        assert_int_equal (brood_future_get (wrong, MS, "%d", &error), 0);
        assert_int_equal (error, EACCES);
    }
}

// Strangers who say nothing hold up neither the next one nor the time limit.
static void
s_test_strangers (void **state)
{
    (void) state;
    int strangers[20];
    BROOD_AUTO (listener) listener = brood_listener_new (s_abstract);
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    const char *name = strchr (s_abstract, '@') + 1;
    memcpy (at.sun_path + 1, name, strlen (name));
    for (int i = 0; i < 20; i++) {
        strangers[i] = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal (
            connect (strangers[i],
                     (struct sockaddr *) &at,
                     (socklen_t) (offsetof (struct sockaddr_un, sun_path) + 1
                                  + strlen (name))),
            0);
        assert_int_equal (send (strangers[i], "broo", (size_t) i % 5, 0),
                          i % 5);
    }
    assert_null (brood_listener_accept (listener, 20));
    assert_int_equal (errno, ETIMEDOUT);
    s_caller_t caller = { .address = s_abstract };
    pthread_t thread;
    assert_int_equal (pthread_create (&thread, NULL, s_connect, &caller), 0);
    BROOD_AUTO (conn) conn = brood_listener_accept (listener, MS);
    assert_non_null (conn);
    pthread_join (thread, NULL);
    assert_non_null (caller.conn);
    brood_conn_destroy (&caller.conn);
    for (int i = 0; i < 20; i++)
        close (strangers[i]);
}

static void
s_test_nobody (void **state)
{
    (void) state;
    assert_null (brood_conn_connect ("ipc://@brood-test/nobody", -1));
    assert_int_equal (errno, ECONNREFUSED);
    assert_null (brood_conn_connect ("nonsense", -1));
    assert_int_equal (errno, EINVAL);
    assert_null (brood_conn_connect (NULL, -1));
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_set_authkey ("", 0), -1);
    assert_int_equal (errno, EINVAL);
    for (size_t i = 0; i < 2; i++) {
        BROOD_AUTO (listener) listener = brood_listener_new (s_addresses[i]);
        assert_null (brood_listener_new (brood_listener_address (listener)));
        assert_int_equal (errno, EADDRINUSE);
        // Somebody listens and does not accept.
        assert_null (
            brood_conn_connect (brood_listener_address (listener), 30));
        assert_int_equal (errno, ETIMEDOUT);
        brood_interrupt ();
        assert_null (brood_listener_accept (listener, -1));
        assert_int_equal (errno, EINTR);
        assert_null (brood_listener_accept (listener, 0));
    }
}

static void
s_test_wait_any (void **state)
{
    (void) state;
    for (size_t i = 0; i < 2; i++) {
        int n;
        BROOD_AUTO (listener) listener = brood_listener_new (s_addresses[i]);
        brood_wait_t on[] = { { .handle = listener }, { .handle = NULL } };
        assert_int_equal (brood_wait_any (on, 1, 0), -1);
        assert_int_equal (errno, ETIMEDOUT);
        BROOD_AUTO (future)
        dead = brood_pool_submit (
            s_pool, s_die, "%s", brood_listener_address (listener));
        assert_int_equal (brood_wait_any (on, 1, MS), 1);
        BROOD_AUTO (conn) conn = brood_listener_accept (listener, 0);
        assert_non_null (conn);
        on[1].handle = conn;
        assert_int_equal (brood_wait_any (on, 2, MS), 1);
        assert_true (on[1].ready && !on[0].ready);
        assert_int_equal (brood_conn_recv (conn, 0, "%d", &n), 0);
        assert_int_equal (brood_wait_any (on, 2, MS), 1);
        assert_int_equal (brood_conn_recv (conn, 0, "%d", &n), -1);
        assert_int_equal (errno, EPIPE);
        assert_int_equal (brood_future_wait (dead, MS), 0);
    }
}

// --- Other processes -------------------------------------------------------

static void
s_test_descriptors (void **state)
{
    (void) state;
    for (size_t i = 0; i < 2; i++) {
        int error = -1;
        BROOD_AUTO (listener) listener = brood_listener_new (s_addresses[i]);
        BROOD_AUTO (future)
        passed = brood_pool_submit (
            s_pool, s_pass_fd, "%s", brood_listener_address (listener));
        BROOD_AUTO (conn) conn = brood_listener_accept (listener, MS);
        const int fd = brood_conn_recv_fd (conn, MS);
        if (i == 0) {
            assert_int_equal (fd, -1);
            assert_int_equal (errno, EPIPE);
        }
        else {
            assert_int_equal (write (fd, "x", 1), 1);
            close (fd);
        }
        assert_int_equal (brood_future_get (passed, MS, "%d", &error), 0);
        assert_int_equal (error, i == 0 ? ENOTSUP : 0);
    }
}

// The parent's handles, in a process that was born later.
static brood_listener_t *s_listener;
static brood_conn_t *s_near, *s_far;

static int
s_use_inherited (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    (void) task;
    (void) in;
    const int refused =
        !brood_listener_accept (s_listener, 0) && errno == ENOTSUP
        && brood_conn_send (s_near, 0, "%d", 1) < 0 && errno == ENOTSUP
        && brood_conn_recv (s_far, 0, "%d", &n) < 0 && errno == ENOTSUP
        && brood_conn_close (s_far) < 0 && errno == ENOTSUP;
    brood_listener_destroy (&s_listener);
    brood_conn_destroy (&s_near);
    brood_conn_destroy (&s_far);
    return refused ? brood_msg_pack (out, "nil") : 1;
}
BROOD_TASK (s_use_inherited);

static void
s_test_inherited (void **state)
{
    (void) state;
    int n;
    s_listener = brood_listener_new ("tcp://127.0.0.1:0");
    s_pair (s_abstract, &s_near, &s_far);
    BROOD_AUTO (pool) pool = brood_pool_new ("1");
    BROOD_AUTO (future) used = brood_pool_submit (pool, s_use_inherited, "nil");
    assert_int_equal (brood_future_get (used, MS, "*"), 0);
    assert_int_equal (brood_conn_send (s_near, MS, "%d", 3), 0);
    assert_int_equal (brood_conn_recv (s_far, MS, "%d", &n), 0);
    brood_conn_destroy (&s_near);
    brood_conn_destroy (&s_far);
    brood_listener_destroy (&s_listener);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_echo),
        cmocka_unit_test (s_test_leaves),
        cmocka_unit_test (s_test_send_times_out),
        cmocka_unit_test (s_test_threads),
        cmocka_unit_test (s_test_waits_end),
        cmocka_unit_test (s_test_peer_killed),
        cmocka_unit_test (s_test_wrong_key),
        cmocka_unit_test (s_test_strangers),
        cmocka_unit_test (s_test_nobody),
        cmocka_unit_test (s_test_wait_any),
        cmocka_unit_test (s_test_descriptors),
        cmocka_unit_test (s_test_inherited),
    };
    t_mark (argv);
    t_watchdog (110);
    brood_init (&argc, &argv);
    snprintf (
        s_abstract, sizeof s_abstract, "ipc://@brood-test/%d", (int) getpid ());
    // Before the pool: its workers, the later ones too, have it from here.
    brood_set_authkey ("the same", 8);
    s_pool = brood_pool_new ("1");
    const int failed = cmocka_run_group_tests (tests, NULL, NULL);
    brood_pool_destroy (&s_pool);
    brood_fini ();
    return failed == 0 && t_marked_wait (0, 10) == 0 ? 0 : 1;
}
