// test_strangers.c - who else can reach a worker, and systems without room
//
// SPDX-License-Identifier: MPL-2.0
//
// A worker listens on an abstract socket, which has a name and no permissions.
// Another user is turned away at the door; what comes from the same user and is
// not the owner is shown out, whatever it says; and the pool's work goes on.
// Then the places where there is no room for a pool at all.

#include "t_brood.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <zmq.h>

#include <brood.h>

#include "base/brd_buf.h"
#include "transport/brd_zmq.h"
#include "wire/brd_frame.h"

enum {
    WORKERS = 2,
    NOBODY = 65534,
    NEWCOMER = 54321  // Has no other process
};

static int
s_twice (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return brood_task_fail (task, "wanted a number");
    return brood_msg_pack (out, "%d", 2 * n);
}
BROOD_TASK (s_twice);

// --- The pool that is bothered ---------------------------------------------

enum {
    TASKS = 300
};

typedef struct {
    brood_pool_t *pool;
    brood_future_t *futures[TASKS];
    t_sockets_t sockets;
} s_victim_t;

// used: the workers have been given work, and have a link; others only listen.
static void
s_open (s_victim_t *self, int used)
{
    self->pool = brood_pool_new ("local:2");
    assert_non_null (self->pool);
    if (used) {
        BROOD_AUTO (msg) all = brood_pool_broadcast (self->pool, s_twice, "4");
        assert_int_equal (brood_msg_len (all, ""), WORKERS);
    }
    t_sockets_marked (&self->sockets);
    assert_true (self->sockets.count >= WORKERS);
    for (int i = 0; i < TASKS; i++)
        self->futures[i] =
            used ? brood_pool_submit (self->pool, s_twice, "%d", i) : NULL;
}

static void
s_check (s_victim_t *self)
{
    int n;
    brood_pool_stats_t stats;
    for (int i = 0; i < TASKS; i++) {
        if (!self->futures[i])
            self->futures[i] = brood_pool_submit (self->pool, s_twice, "%d", i);
        if (brood_future_get (self->futures[i], 20000, "%d", &n) < 0)
            fail_msg ("%d: %s", i, brood_error ());
        assert_int_equal (n, 2 * i);
        brood_future_destroy (&self->futures[i]);
    }
    assert_int_equal (brood_pool_stats (self->pool, &stats), 0);
    assert_int_equal (stats.restarts, 0);
    assert_int_equal (stats.workers, WORKERS);
    brood_pool_destroy (&self->pool);
}

// --- Raw strangers ---------------------------------------------------------

static int
s_connect (const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    memcpy (address.sun_path, name, strlen (name));
    address.sun_path[0] = '\0';
    const int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0
        || connect (fd,
                    (const struct sockaddr *) &address,
                    (socklen_t) (offsetof (struct sockaddr_un, sun_path)
                                 + strlen (name)))
               < 0)
        return -1;
    return fd;
}

// Reads until it is hung up on. How much there was, -1 if nobody hangs up.
static long
s_await_end (int fd)
{
    char bytes[256];
    long size = 0;
    for (;;) {
        struct pollfd one = { .fd = fd, .events = POLLIN };
        if (poll (&one, 1, 10000) != 1)
            return -1;
        const ssize_t n = read (fd, bytes, sizeof bytes);
        if (n <= 0)
            return size;
        size += n;
    }
}

#define S_GREETING \
    "\xff\0\0\0\0\0\0\0\0\x7f\x03\0NULL\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" \
    "\0\0" \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define S_READY "\x04\x1c\5READY\xbSocket-Type\0\0\0\6DEALER"

static const struct {
    const char *name;
    const char *bytes;
    size_t size;
    int ends;  // 1: it is hung up on; 0: more of it might make sense
} s_speeches[] = {
    { "garbage",
      "GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n"
      "and so on, and so on, and so on, and so on",
      90,
      0 },
    { "greeting, then garbage", S_GREETING "what what what", 64 + 14, 1 },
    { "a huge command",
      S_GREETING "\x06\x3f\xff\xff\xff\xff\xff\xff\xff",
      73,
      1 },
    { "a huge message",
      S_GREETING S_READY "\x02\x3f\xff\xff\xff\xff\xff\xff\xff",
      64 + 30 + 9,
      1 },
};

static void
s_speak (const s_victim_t *victim)
{
    for (size_t i = 0; i < sizeof s_speeches / sizeof *s_speeches; i++) {
        for (int j = 0; j < victim->sockets.count; j++) {
            const int fd = s_connect (victim->sockets.names[j]);
            assert_true (fd >= 0);
            (void) !send (
                fd, s_speeches[i].bytes, s_speeches[i].size, MSG_NOSIGNAL);
            if (s_speeches[i].ends && s_await_end (fd) < 0)
                fail_msg ("%s: nobody hangs up", s_speeches[i].name);
            close (fd);
        }
    }
}

static void
s_test_garbage (void **state)
{
    (void) state;
    for (int used = 0; used < 2; used++) {
        s_victim_t victim;
        s_open (&victim, used);
        s_speak (&victim);
        s_check (&victim);
    }
}

// Those who say nothing are no harm, as many as there are.
static void
s_test_silence (void **state)
{
    enum {
        SILENT = 6
    };
    (void) state;
    int fds[SILENT];
    s_victim_t victim;
    s_open (&victim, 0);
    for (int i = 0; i < SILENT; i++) {
        fds[i] = s_connect (victim.sockets.names[i % WORKERS]);
        assert_true (fds[i] >= 0);
    }
    s_check (&victim);
    for (int i = 0; i < SILENT; i++)
        close (fds[i]);
}

// --- Strangers who speak ZeroMQ --------------------------------------------

// In a child: what is so, or its end.
static void
s_must (int condition, const char *what)
{
    if (condition)
        return;
    printf ("%s: %s, %s\n", what, strerror (errno), brood_error ());
    fflush (stdout);
    _exit (1);
}

// Orders a worker would follow if they were its owner's.
static void
s_make_orders (brd_buf_t *stop, brd_buf_t *tasks)
{
    const brd_wire_task_t task = { .seq = 1, .fn = 0x1234, .slot = 3 };
    brd_buf_init (stop, 1000);
    brd_buf_init (tasks, 1000);
    s_must (brd_frame_begin (stop, BRD_OP_STOP) == 0, "begin");
    brd_frame_close (stop, 0);
    s_must (brd_frame_begin (tasks, BRD_OP_TASKS) == 0, "begin");
    s_must (brd_frame_add_task (tasks, &task) == 0, "add");
    brd_frame_close (tasks, 1);
}

// Each bears a name of its own: a second one of a name is not even read.
static void
s_order (void *context, int type, const char *name)
{
    static int strangers;
    char endpoint[T_NAME_SIZE + 8], events[32], id[BRD_ZMQ_ID + 1];
    const int none = 0, off = -1;
    brd_buf_t orders[2];
    void *socket = zmq_socket (context, type);
    snprintf (id, sizeof id, "stranger%08d", strangers++);
    zmq_setsockopt (socket, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt (socket, ZMQ_RECONNECT_IVL, &off, sizeof off);
    zmq_setsockopt (socket, ZMQ_ROUTING_ID, id, BRD_ZMQ_ID);
    if (type == ZMQ_ROUTER)
        zmq_setsockopt (socket, ZMQ_CONNECT_ROUTING_ID, "worker", 6);
    snprintf (endpoint, sizeof endpoint, "ipc://%s", name);
    snprintf (events, sizeof events, "inproc://%d", strangers);
    s_must (zmq_socket_monitor (socket, events, ZMQ_EVENT_DISCONNECTED) == 0,
            "zmq_socket_monitor");
    void *monitor = zmq_socket (context, ZMQ_PAIR);
    s_must (zmq_connect (monitor, events) == 0, "zmq_connect");
    s_must (zmq_connect (socket, endpoint) == 0, "zmq_connect");
    s_make_orders (&orders[0], &orders[1]);
    for (int i = 0; i < 6; i++) {
        if (type == ZMQ_ROUTER)
            zmq_send (socket, "worker", 6, ZMQ_SNDMORE | ZMQ_DONTWAIT);
        zmq_send (
            socket, orders[i % 2].bytes, orders[i % 2].size, ZMQ_DONTWAIT);
    }
    // It is shown the door.
    zmq_pollitem_t item = { .socket = monitor, .events = ZMQ_POLLIN };
    s_must (zmq_poll (&item, 1, 10000) == 1, "nobody hangs up");
    brd_buf_fini (&orders[0]);
    brd_buf_fini (&orders[1]);
    zmq_socket_monitor (socket, NULL, 0);
    zmq_close (monitor);
    zmq_close (socket);
}

// The program that ./test_strangers --stranger NAME... is.
static int
s_give_orders (char **names)
{
    void *context = zmq_ctx_new ();
    for (; *names; names++) {
        s_order (context, ZMQ_DEALER, *names);
        s_order (context, ZMQ_ROUTER, *names);
    }
    zmq_ctx_term (context);
    return 0;
}

// Another program, for a child of one with threads may not allocate.
static void
s_be_stranger (void *arg)
{
    t_sockets_t *sockets = arg;
    char self[] = "test_strangers", mode[] = "--stranger";
    char *argv[T_NAMES + 3] = { self, mode };
    for (int i = 0; i < sockets->count; i++)
        argv[i + 2] = sockets->names[i];
    execv ("/proc/self/exe", argv);
    _exit (127);
}

static void
s_test_orders (void **state)
{
    (void) state;
    for (int used = 0; used < 2; used++) {
        int status;
        s_victim_t victim;
        s_open (&victim, used);
        char *said = t_run_child (s_be_stranger, &victim.sockets, 30, &status);
        if (status != 0)
            fail_msg ("%x: %s", status, said);
        free (said);
        s_check (&victim);
    }
}

// --- Another user ----------------------------------------------------------

static void
s_become (uid_t uid)
{
    if (setgroups (0, NULL) < 0 || setresgid (uid, uid, uid) < 0
        || setresuid (uid, uid, uid) < 0)
        _exit (9);
    // The sanitizers look into /proc/self.
    (void) prctl (PR_SET_DUMPABLE, 1);
}

// Hung up on without a word: our own kind is greeted.
static void
s_knock (void *arg)
{
    const t_sockets_t *sockets = arg;
    s_become (NOBODY);
    for (int i = 0; i < sockets->count; i++) {
        const int fd = s_connect (sockets->names[i]);
        if (fd < 0)
            _exit (2);
        (void) !send (fd, S_GREETING S_READY, 64 + 30, MSG_NOSIGNAL);
        const long size = s_await_end (fd);
        if (size != 0) {
            printf ("%ld bytes came\n", size);
            fflush (stdout);
            _exit (3);
        }
        close (fd);
    }
}

static void
s_test_other_user (void **state)
{
    (void) state;
    if (geteuid () != 0)
        skip ();
    for (int used = 0; used < 2; used++) {
        int status;
        s_victim_t victim;
        s_open (&victim, used);
        char *said = t_run_child (s_knock, &victim.sockets, 30, &status);
        if (status != 0)
            fail_msg ("%x: %s", status, said);
        free (said);
        s_check (&victim);
    }
}

// --- No room ---------------------------------------------------------------

static void
s_work (void)
{
    int n;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:4");
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_twice, "21");
    s_must (brood_future_get (f, 20000, "%d", &n) == 0 && n == 42, "works");
}

// With each number of descriptors that is too small, and then with enough.
static void
s_few_descriptors (void *arg)
{
    int refused = 0;
    struct rlimit before;
    (void) arg;
    getrlimit (RLIMIT_NOFILE, &before);
    const int open = t_open_fds ();
    for (int more = 0; more < 12; more++) {
        const struct rlimit few = { .rlim_cur = (rlim_t) (open + more),
                                    .rlim_max = before.rlim_max };
        setrlimit (RLIMIT_NOFILE, &few);
        brood_pool_t *pool = brood_pool_new ("local:2");
        if (!pool) {
            s_must (errno == EMFILE && brood_error ()[0] != '\0', "EMFILE");
            refused++;
        }
        else {
            // There may be none for the link any more: an error, or a result.
            // TSan has none either, to read what it is not to complain of.
            BROOD_AUTO (future)
            f = T_SANITIZED ? NULL : brood_pool_submit (pool, s_twice, "1");
            if (f)
                (void) brood_future_wait (f, 20000);
        }
        brood_pool_destroy (&pool);
    }
    s_must (refused >= 3, "it was not refused");
    setrlimit (RLIMIT_NOFILE, &before);
    s_work ();
}

static void
s_few_processes (void *arg)
{
    int refused = 0;
    (void) arg;
    s_become (NEWCOMER);
    for (rlim_t n = 1; n < 8; n++) {
        const struct rlimit few = { .rlim_cur = n, .rlim_max = 1000 };
        setrlimit (RLIMIT_NPROC, &few);
        brood_pool_t *pool = brood_pool_new ("local:8");
        s_must (pool == NULL, "there is a pool");
        s_must (errno == EAGAIN && brood_error ()[0] != '\0', "EAGAIN");
        s_must (waitpid (-1, NULL, WNOHANG) < 0 && errno == ECHILD, "a child");
        refused++;
    }
    const struct rlimit many = { .rlim_cur = 1000, .rlim_max = 1000 };
    setrlimit (RLIMIT_NPROC, &many);
    s_must (refused == 7, "refused");
    s_work ();
}

static void
s_run (void (*fn) (void *arg))
{
    int status;
    char *said = t_run_child (fn, NULL, 40, &status);
    if (status != 0)
        fail_msg ("status %x: %s", status, said);
    free (said);
    assert_int_equal (t_marked_wait (0, 5), 0);
}

static void
s_test_descriptors (void **state)
{
    (void) state;
    s_run (s_few_descriptors);
}

static void
s_test_processes (void **state)
{
    (void) state;
    if (geteuid () != 0)
        skip ();
    s_run (s_few_processes);
}

int
main (int argc, char **argv)
{
    // First those whose children must not have used brood before.
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_descriptors),
        cmocka_unit_test (s_test_processes),
        cmocka_unit_test (s_test_garbage),
        cmocka_unit_test (s_test_silence),
        cmocka_unit_test (s_test_orders),
        cmocka_unit_test (s_test_other_user),
    };
    if (argc > 1 && strcmp (argv[1], "--stranger") == 0)
        return s_give_orders (argv + 2);
    t_mark (argv);
    t_watchdog (110);
    const int failed = cmocka_run_group_tests (tests, NULL, NULL);
    if (failed == 0 && geteuid () != 0) {
        fprintf (stderr,
                 "not root: other users and RLIMIT_NPROC were not tested\n");
        return 77;
    }
    return failed;
}
