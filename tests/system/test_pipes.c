// test_pipes.c - pipes between the program and its workers
//
// SPDX-License-Identifier: MPL-2.0

#include "t_brood.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include <brood.h>

enum {
    MS = 20000,
    HUGE = 256 << 20
};

static brood_conn_t *
s_conn_of (const brood_msg_t *in)
{
    void *ref;
    return brood_msg_unpack (in, "@%p", &ref) < 0 ? NULL
                                                  : brood_conn_from (ref);
}

// Sends back what comes, as bytes, until the end.
static int
s_echo (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    BROOD_AUTO (conn) conn = s_conn_of (in);
    (void) task;
    int count = 0;
    brood_msg_t *msg;
    while ((msg = brood_conn_recv_msg (conn, -1))) {
        if (brood_conn_send_msg (conn, -1, &msg) < 0)
            return 1;
        count++;
    }
    return errno == EPIPE ? brood_msg_pack (out, "%d", count) : 1;
}
BROOD_TASK (s_echo);

// Takes one message and dies of it.
static int
s_die (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    BROOD_AUTO (conn) conn = s_conn_of (in);
    (void) task;
    (void) out;
    int n;
    if (brood_conn_recv (conn, -1, "%d", &n) < 0
        || brood_conn_send (conn, -1, "%d", n + 1) < 0)
        return 1;
    raise (SIGKILL);
    return 0;
}
BROOD_TASK (s_die);

static int
s_pass_fds (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    BROOD_AUTO (conn) conn = s_conn_of (in);
    (void) task;
    int fds[2];
    char byte;
    if (pipe (fds) < 0 || brood_conn_send_fd (conn, MS, fds[1]) < 0)
        return 1;
    close (fds[1]);
    if (read (fds[0], &byte, 1) != 1)
        return 1;
    return brood_msg_pack (out, "%d", byte);
}
BROOD_TASK (s_pass_fds);

typedef struct {
    brood_pool_t *pool;
    brood_conn_t *near, *far;
} s_world_t;

static int
s_begin (void **state)
{
    s_world_t *self = calloc (1, sizeof *self);
    self->pool = brood_pool_new ("1");
    assert_non_null (self->pool);
    assert_int_equal (brood_pipe_new (1, &self->near, &self->far), 0);
    *state = self;
    return 0;
}

static int
s_finish (void **state)
{
    s_world_t *self = *state;
    brood_conn_destroy (&self->near);
    brood_conn_destroy (&self->far);
    brood_pool_destroy (&self->pool);
    free (self);
    return 0;
}

// --- In one process --------------------------------------------------------

static void
s_test_pictures (void **state)
{
    s_world_t *self = *state;
    int n = 0;
    char text[20] = "";
    assert_int_equal (
        brood_conn_send (self->near, 0, "{a: %d, b: %s}", 7, "seven"), 0);
    // What does not fit stays, and writes nothing.
    for (int i = 0; i < 2; i++) {
        assert_int_equal (brood_conn_recv (self->far, 0, "[%d]", &n), -1);
        assert_int_equal (errno, EBADMSG);
        assert_int_equal (brood_conn_recv (self->far, 0, "{z: %d}", &n), -1);
        assert_int_equal (errno, EBADMSG);
        assert_int_equal (n, 0);
    }
    assert_int_equal (
        brood_conn_recv (self->far, 0, "{a: %d, b: %19s}", &n, text), 0);
    assert_int_equal (n, 7);
    assert_string_equal (text, "seven");
    // Longer than the stack's buffer, than the ring's part, than the ring.
    for (size_t size = 100; size < 300000; size *= 7) {
        char *bytes = calloc (1, size + 1), *got = calloc (1, size + 1);
        memset (bytes, 'x', size);
        assert_int_equal (brood_conn_send (self->near, 0, "%s", bytes), 0);
        brood_msg_t *msg = brood_conn_recv_msg (self->far, 0);
        assert_non_null (msg);
        brood_msg_t *copy = brood_msg_dup (msg);
        assert_int_equal (brood_conn_send_msg (self->far, 0, &msg), 0);
        assert_null (msg);
        char picture[20];
        snprintf (picture, sizeof picture, "%%%zus", size);
        msg = brood_conn_recv_msg (self->near, 0);
        assert_true (brood_msg_equal (msg, copy));
        brood_msg_destroy (&msg);
        brood_msg_destroy (&copy);
        free (bytes);
        free (got);
    }
    assert_int_equal (brood_conn_recv (self->far, 0, "*"), -1);
    assert_int_equal (errno, ETIMEDOUT);
}

static void
s_test_bytes (void **state)
{
    s_world_t *self = *state;
    char bytes[16];
    int n;
    assert_int_equal (brood_conn_poll (self->far, 0), 0);
    assert_int_equal (brood_conn_send_bytes (self->near, 0, "hello", 5), 0);
    assert_int_equal (brood_conn_send_bytes (self->near, 0, NULL, 0), 0);
    assert_int_equal (brood_conn_send_bytes (self->near, 0, "\x07", 1), 0);
    assert_int_equal (brood_conn_send (self->near, 0, "%d", 8), 0);
    assert_int_equal (brood_conn_poll (self->far, 0), 1);
    assert_int_equal (brood_conn_next_size (self->far, 0), 5);
    assert_int_equal (brood_conn_recv_bytes (self->far, 0, bytes, 4), -1);
    assert_int_equal (errno, EMSGSIZE);
    // Bytes that are no message are not taken for one.
    assert_int_equal (brood_conn_recv (self->far, 0, "%d", &n), -1);
    assert_int_equal (errno, EBADMSG);
    assert_null (brood_conn_recv_msg (self->far, 0));
    assert_int_equal (errno, EBADMSG);
    assert_int_equal (brood_conn_recv_fd (self->far, 0), -1);
    assert_int_equal (errno, EBADMSG);
    assert_int_equal (brood_conn_recv_bytes (self->far, 0, bytes, 16), 5);
    assert_memory_equal (bytes, "hello", 5);
    assert_int_equal (brood_conn_next_size (self->far, 0), 0);
    assert_int_equal (brood_conn_recv_bytes (self->far, 0, NULL, 0), 0);
    // Those that are one are, and the other way round.
    assert_int_equal (brood_conn_recv (self->far, 0, "%d", &n), 0);
    assert_int_equal (n, 7);
    assert_int_equal (brood_conn_recv_bytes (self->far, 0, bytes, 16), 1);
    assert_int_equal (bytes[0], 8);
}

static void
s_test_bad_calls (void **state)
{
    s_world_t *self = *state;
    brood_conn_t *first, *second;
    brood_msg_t *none = NULL;
    int n;
    assert_int_equal (brood_pipe_new (0, NULL, &second), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_conn_send (NULL, 0, "%d", 1), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_conn_send (self->near, -2, "%d", 1), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_conn_send_msg (self->near, 0, &none), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_conn_send_bytes (self->near, 0, NULL, 3), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_conn_send_bytes (
                          self->near, 0, "", (size_t) BROOD_MSG_SIZE_MAX + 1),
                      -1);
    assert_int_equal (errno, EMSGSIZE);
    assert_null (brood_conn_from (NULL));
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_pipe_new (0, &first, &second), 0);
    assert_int_equal (brood_conn_send (first, 0, "%d", 1), -1);
    assert_int_equal (errno, EPERM);
    assert_int_equal (brood_conn_recv (second, 0, "%d", &n), -1);
    assert_int_equal (errno, EPERM);
    assert_int_equal (brood_conn_send (second, 0, "%d", 1), 0);
    assert_int_equal (brood_conn_close (second), 0);
    assert_int_equal (brood_conn_close (second), 0);
    assert_int_equal (brood_conn_send (second, 0, "%d", 1), -1);
    assert_int_equal (errno, EBADF);
    assert_int_equal (brood_conn_recv (first, 0, "%d", &n), 0);
    assert_int_equal (brood_conn_recv (first, MS, "%d", &n), -1);
    assert_int_equal (errno, EPIPE);
    assert_int_equal (brood_conn_poll (first, MS), 1);
    brood_conn_destroy (&first);
    brood_conn_destroy (&second);
    brood_conn_destroy (&second);
    brood_conn_destroy (NULL);
}

static void
s_stray (void *arg)
{
    s_world_t *self = arg;
    int n;
    if (brood_conn_send (self->near, 0, "%d", 1) != -1 || errno != ENOTSUP
        || brood_conn_recv (self->far, 0, "%d", &n) != -1 || errno != ENOTSUP)
        printf ("not refused");
    brood_conn_destroy (&self->near);
    brood_conn_destroy (&self->far);
    fflush (stdout);
}

static void
s_test_user_fork (void **state)
{
    s_world_t *self = *state;
    int status, n;
    char *output = t_run_child (s_stray, self, 20, &status);
    assert_string_equal (output, "");
    assert_int_equal (status, 0);
    free (output);
    assert_int_equal (brood_conn_send (self->near, 0, "%d", 5), 0);
    assert_int_equal (brood_conn_recv (self->far, 0, "%d", &n), 0);
}

static void *
s_interrupt (void *arg)
{
    (void) arg;
    brood_interrupt ();
    return NULL;
}

static void
s_test_interrupt (void **state)
{
    s_world_t *self = *state;
    pthread_t thread;
    int n;
    assert_int_equal (pthread_create (&thread, NULL, s_interrupt, NULL), 0);
    assert_int_equal (brood_conn_recv (self->far, -1, "%d", &n), -1);
    assert_int_equal (errno, EINTR);
    pthread_join (thread, NULL);
}

// What was unpacked on loan stays when the ring has gone on.
static void
s_test_loans (void **state)
{
    s_world_t *self = *state;
    static char bytes[1000], other[1000];
    size_t size;
    void *got;
    memset (bytes, 'a', sizeof bytes);
    memset (other, 'b', sizeof other);
    assert_int_equal (
        brood_conn_send (
            self->near, 0, "<%zu %p>", sizeof bytes, (void *) bytes),
        0);
    assert_int_equal (brood_conn_recv (self->far, 0, "<%zu %p>", &size, &got),
                      0);
    for (int i = 0; i < 200; i++) {
        assert_int_equal (
            brood_conn_send_bytes (self->near, 0, other, sizeof other), 0);
        assert_int_equal (
            brood_conn_recv_bytes (self->far, 0, other, sizeof other),
            sizeof other);
    }
    assert_int_equal (size, sizeof bytes);
    assert_memory_equal (got, bytes, size);
}

// --- With a worker ---------------------------------------------------------

static void
s_test_worker (void **state)
{
    s_world_t *self = *state;
    int n;
    BROOD_AUTO (future)
    echo = brood_pool_submit (self->pool, s_echo, "@%p", brood_ref (self->far));
    for (int i = 0; i < 1000; i++) {
        assert_int_equal (brood_conn_send (self->near, MS, "%d", i), 0);
        assert_int_equal (brood_conn_recv (self->near, MS, "%d", &n), 0);
        assert_int_equal (n, i);
    }
    // The far end's handle here was never used, and keeps nothing open.
    assert_int_equal (brood_conn_close (self->near), 0);
    assert_int_equal (brood_future_get (echo, MS, "%d", &n), 0);
    assert_int_equal (n, 1000);
}

static int
s_has_two (void *arg)
{
    int n = 0;
    return brood_conn_recv (arg, 0, "%d", &n) == 0 && n == 2;
}

// The one holder of the other end is killed: what it had sent, then the end.
static void
s_test_worker_killed (void **state)
{
    s_world_t *self = *state;
    int n;
    BROOD_AUTO (future)
    dead = brood_pool_submit (self->pool, s_die, "@%p", brood_ref (self->far));
    assert_int_equal (brood_conn_send (self->near, MS, "%d", 1), 0);
    assert_int_equal (brood_conn_send (self->near, MS, "%d", 2), 0);
    assert_int_equal (brood_conn_recv (self->near, MS, "%d", &n), 0);
    assert_int_equal (n, 2);
    assert_int_equal (brood_conn_recv (self->near, -1, "%d", &n), -1);
    assert_int_equal (errno, EPIPE);
    assert_int_equal (brood_future_wait (dead, MS), 0);
    // The next one finds what was not received. Until it is there, nobody is.
    BROOD_AUTO (future)
    echo = brood_pool_submit (self->pool, s_echo, "@%p", brood_ref (self->far));
    assert_int_equal (t_eventually (s_has_two, self->near, 20), 1);
    assert_int_equal (brood_conn_close (self->near), 0);
    assert_int_equal (brood_future_get (echo, MS, "%d", &n), 0);
    assert_int_equal (n, 1);
}

// An end in a message, and what it leads to after the message has gone.
static void
s_test_refs (void **state)
{
    s_world_t *self = *state;
    brood_conn_t *first, *second;
    void *ref;
    int n;
    assert_int_equal (brood_pipe_new (1, &first, &second), 0);
    BROOD_AUTO (future)
    echo = brood_pool_submit (self->pool, s_echo, "@%p", brood_ref (self->far));
    assert_int_equal (
        brood_conn_send (self->near, MS, "{back: @%p}", brood_ref (second)), 0);
    assert_int_equal (brood_conn_recv (self->near, MS, "{back: @%p}", &ref), 0);
    BROOD_AUTO (conn) third = brood_conn_from (ref);
    assert_non_null (third);
    assert_int_equal (brood_conn_send (third, 0, "%d", 3), 0);
    assert_int_equal (brood_conn_recv (first, 0, "%d", &n), 0);
    assert_null (brood_array_from (ref));
    assert_int_equal (errno, EINVAL);
    brood_conn_destroy (&third);
    brood_conn_destroy (&first);
    brood_conn_destroy (&second);
    assert_null (brood_conn_from (ref));
    assert_int_equal (errno, ENOENT);
    brood_conn_close (self->near);
    assert_int_equal (brood_future_wait (echo, MS), 0);
}

static void
s_test_descriptors (void **state)
{
    s_world_t *self = *state;
    int n;
    BROOD_AUTO (future)
    passed = brood_pool_submit (
        self->pool, s_pass_fds, "@%p", brood_ref (self->far));
    const int fd = brood_conn_recv_fd (self->near, MS);
    assert_true (fd >= 0);
    assert_int_equal (write (fd, "x", 1), 1);
    close (fd);
    assert_int_equal (brood_future_get (passed, MS, "%d", &n), 0);
    assert_int_equal (n, 'x');
    assert_int_equal (brood_conn_send_fd (self->near, 0, 999), -1);
    assert_int_equal (errno, EBADF);
}

static void
s_test_wait_any (void **state)
{
    s_world_t *self = *state;
    int n;
    brood_wait_t on[] = { { .handle = self->near } };
    assert_int_equal (brood_wait_any (on, 1, 0), -1);
    assert_int_equal (errno, ETIMEDOUT);
    BROOD_AUTO (future)
    dead = brood_pool_submit (self->pool, s_die, "@%p", brood_ref (self->far));
    assert_int_equal (brood_conn_send (self->near, MS, "%d", 1), 0);
    assert_int_equal (brood_wait_any (on, 1, MS), 1);
    assert_int_equal (brood_conn_recv (self->near, 0, "%d", &n), 0);
    // The end is something to come for, too.
    assert_int_equal (brood_wait_any (on, 1, MS), 1);
    assert_int_equal (brood_conn_recv (self->near, 0, "%d", &n), -1);
    assert_int_equal (errno, EPIPE);
    assert_int_equal (brood_future_wait (dead, MS), 0);
}

// Larger than all limits of what may wait: it goes alone, and is not copied on
// its way out of shared memory.
static void
s_test_huge (void **state)
{
    s_world_t *self = *state;
    char *bytes = malloc (HUGE);
    assert_non_null (bytes);
    memset (bytes, 'h', HUGE);
    bytes[HUGE - 1] = '!';
    BROOD_AUTO (msg)
    out = brood_msg_new ("<%zu %p>", (size_t) HUGE, (void *) bytes);
    free (bytes);
    if (!out)
        fail_msg ("%s", brood_error ());
    assert_int_equal (brood_conn_send_msg (self->near, MS, &out), 0);
    assert_true (brood_conn_next_size (self->far, 0) > HUGE);
    BROOD_AUTO (msg) in = brood_conn_recv_msg (self->far, 0);
    assert_non_null (in);
    brood_conn_destroy (&self->far);
    size_t size;
    void *got;
    assert_int_equal (brood_msg_unpack (in, "<%zu %p>", &size, &got), 0);
    assert_int_equal (size, HUGE);
    assert_int_equal (((char *) got)[0], 'h');
    assert_int_equal (((char *) got)[HUGE - 1], '!');
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown (s_test_pictures, s_begin, s_finish),
        cmocka_unit_test_setup_teardown (s_test_bytes, s_begin, s_finish),
        cmocka_unit_test_setup_teardown (s_test_bad_calls, s_begin, s_finish),
        cmocka_unit_test_setup_teardown (s_test_user_fork, s_begin, s_finish),
        cmocka_unit_test_setup_teardown (s_test_interrupt, s_begin, s_finish),
        cmocka_unit_test_setup_teardown (s_test_loans, s_begin, s_finish),
        cmocka_unit_test_setup_teardown (s_test_worker, s_begin, s_finish),
        cmocka_unit_test_setup_teardown (
            s_test_worker_killed, s_begin, s_finish),
        cmocka_unit_test_setup_teardown (s_test_refs, s_begin, s_finish),
        cmocka_unit_test_setup_teardown (s_test_descriptors, s_begin, s_finish),
        cmocka_unit_test_setup_teardown (s_test_wait_any, s_begin, s_finish),
        cmocka_unit_test_setup_teardown (s_test_huge, s_begin, s_finish),
    };
    t_mark (argv);
    t_watchdog (110);
    brood_init (&argc, &argv);
    const int failed = cmocka_run_group_tests (tests, NULL, NULL);
    brood_fini ();
    return failed == 0 && t_marked_wait (0, 10) == 0 ? 0 : 1;
}
