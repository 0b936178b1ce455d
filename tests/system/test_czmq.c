// test_czmq.c - czmq in a program that forks, and brood in czmq's loops
//
// SPDX-License-Identifier: MPL-2.0
//
// Only where czmq is found. czmq takes two signals, registers handlers for
// exits and forks, and has threads: what of it comes along into a worker must
// not matter there. Each program is a process of its own, since czmq is there
// once in each, and leaves by exit (), so that all such handlers run; ASan
// looks for leaks then. Nothing may be printed.

#include "t_process.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include <brood/brood_czmq.h>

enum {
    MS = 30000,
    TASKS = 20
};

// --- Tasks -----------------------------------------------------------------

static int
s_twice (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return brood_task_fail (task, "wanted a number");
    return brood_msg_pack (out, "%d", 2 * n);
}
BROOD_TASK (s_twice);

static int
s_is_default (int signal_no)
{
    struct sigaction now;
    return sigaction (signal_no, NULL, &now) == 0 && now.sa_handler == SIG_DFL;
}

// TCP sockets here that somebody could connect to; a worker's own is of another
// kind. One that a child had from its owner would keep the port when the owner
// is gone, with nobody behind it.
static int
s_listening (void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++) {
        int listens = 0, domain = AF_UNIX;
        socklen_t size = sizeof listens;
        if (getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0
            && getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0)
            count += domain == AF_INET && listens;
    }
    return count;
}

// What of the owner's czmq is here: its handler for SIGTERM, its sockets.
static int
s_look (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    return brood_msg_pack (
        out, "[%d, %d]", s_is_default (SIGTERM), s_listening ());
}
BROOD_TASK (s_look);

static _Noreturn void
s_say_and_wait (brood_queue_t *pids)
{
    T_MUST (brood_queue_put (pids, MS, "%d", (int) getpid ()) == 0);
    for (;;)
        pause ();
}

// Says its pid and waits for the end.
static int
s_wait (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    (void) out;
    if (brood_msg_unpack (in, "@%p", &ref) < 0)
        return brood_task_fail (task, "wanted a queue");
    s_say_and_wait (brood_queue_from (ref));
}
BROOD_TASK (s_wait);

// One message from a socket of its own to another.
static void
s_round_trip (void)
{
    zsock_t *in = zsock_new_pull ("@inproc://trip");
    zsock_t *out = zsock_new_push (">inproc://trip");
    T_MUST (in && out);
    BROOD_AUTO (msg) there = brood_msg_new ("{trip: %d}", 1);
    zmsg_t *zmsg = brood_msg_zmsg (there);
    T_MUST (zmsg_send (&zmsg, out) == 0);
    zmsg = zmsg_recv (in);
    BROOD_AUTO (msg) back = brood_msg_new_zmsg (&zmsg);
    T_MUST (brood_msg_equal (there, back) == 1);
    zsock_destroy (&in);
    zsock_destroy (&out);
}

// Uses czmq, then waits. quiet: 1 if czmq is told to leave signals alone.
static int
s_use_czmq (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    int quiet;
    (void) out;
    if (brood_msg_unpack (in, "[%d, @%p]", &quiet, &ref) < 0)
        return brood_task_fail (task, "wanted a number and a queue");
    if (quiet)
        zsys_handler_set (NULL);
    s_round_trip ();
    T_MUST (s_is_default (SIGTERM) == quiet);
    s_say_and_wait (brood_queue_from (ref));
}
BROOD_TASK (s_use_czmq);

static void
s_all_work (brood_pool_t *pool)
{
    for (int i = 0; i < TASKS; i++) {
        int n;
        BROOD_AUTO (future) f = brood_pool_submit (pool, s_twice, "%d", i);
        T_MUST (brood_future_get (f, MS, "%d", &n) == 0 && n == 2 * i);
    }
}

// --- Children of a program with czmq ---------------------------------------

// A live pair with a message on its way, over what has descriptors.
typedef struct {
    zsock_t *in;
    zsock_t *out;
} s_pair_t;

static s_pair_t
s_pair_new (void)
{
    s_pair_t pair = { zsock_new_pull (NULL), zsock_new_push (NULL) };
    T_MUST (pair.in && pair.out);
    T_MUST (zsock_bind (pair.in, "tcp://127.0.0.1:*") > 0);
    T_MUST (zsock_connect (pair.out, "%s", zsock_endpoint (pair.in)) == 0);
    T_MUST (!s_is_default (SIGTERM));  // Else this proves nothing
    return pair;
}

static void
s_pair_use (const s_pair_t *self)
{
    T_MUST (zstr_send (self->out, "hello") == 0);
    char *text = zstr_recv (self->in);
    T_MUST (text && strcmp (text, "hello") == 0);
    zstr_free (&text);
}

static void
s_pair_end (s_pair_t *self)
{
    zsock_destroy (&self->in);
    zsock_destroy (&self->out);
}

static void
s_look_inside (void *arg)
{
    (void) arg;
    int is_default, listening;
    s_pair_t pair = s_pair_new ();
    T_MUST (s_listening () >= 1);
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_look, "nil");
    T_MUST (brood_future_get (f, MS, "[%d, %d]", &is_default, &listening) == 0);
    T_MUST (is_default == 1 && listening == 0);
    s_pair_use (&pair);
    s_pair_end (&pair);
    T_MUST (brood_pool_shutdown (pool, MS) == 0);
    brood_future_destroy (&f);
    brood_pool_destroy (&pool);
    exit (0);
}

// Ends by SIGTERM the worker whose task has said its pid.
static void
s_terminate_one (brood_queue_t *pids, brood_future_t *f)
{
    int pid;
    brood_error_info_t info;
    T_MUST (brood_queue_get (pids, MS, "%d", &pid) == 0);
    T_MUST (kill (pid, SIGTERM) == 0);
    T_MUST (brood_future_get (f, MS, "*") == -1 && errno == ECHILD);
    brood_error_info (&info);
    T_MUST (info.signal == SIGTERM && info.pid == pid);
}

static void
s_pool_after_socket (void *arg)
{
    (void) arg;
    s_pair_t pair = s_pair_new ();
    BROOD_AUTO (queue) pids = brood_queue_new (0);
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    s_all_work (pool);
    BROOD_AUTO (future)
    f = brood_pool_submit (pool, s_wait, "@%p", brood_ref (pids));
    s_terminate_one (pids, f);
    s_all_work (pool);  // By the worker that took its place, too
    s_pair_use (&pair);
    s_pair_end (&pair);
    s_all_work (pool);
    T_MUST (brood_pool_shutdown (pool, MS) == 0);
    brood_future_destroy (&f);
    brood_pool_destroy (&pool);
    brood_queue_destroy (&pids);
    exit (0);
}

// Nothing is ended but by exit (), in either order of the two exit handlers.
static void
s_exit_with_all (void *arg)
{
    const int pool_first = arg != NULL;
    static brood_pool_t *pool;
    s_pair_t pair;
    if (pool_first)
        pool = brood_pool_new ("local:2");
    pair = s_pair_new ();
    if (!pool_first)
        pool = brood_pool_new ("local:2");
    s_all_work (pool);
    s_pair_use (&pair);
    s_pair_end (&pair);  // czmq prints what was left of these
    exit (0);
}

// A task may use czmq, whatever its owner did.
static void
s_czmq_in_task (void *arg)
{
    (void) arg;
    s_pair_t pair = s_pair_new ();
    BROOD_AUTO (queue) pids = brood_queue_new (0);
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    BROOD_AUTO (future)
    quiet =
        brood_pool_submit (pool, s_use_czmq, "[%d, @%p]", 1, brood_ref (pids));
    s_terminate_one (pids, quiet);
    s_all_work (pool);
    // One that has taken the signals is ended by the pool all the same.
    int pid;
    BROOD_AUTO (future)
    loud =
        brood_pool_submit (pool, s_use_czmq, "[%d, @%p]", 0, brood_ref (pids));
    T_MUST (brood_queue_get (pids, MS, "%d", &pid) == 0);
    T_MUST (brood_pool_terminate (pool) == 0);
    T_MUST (kill (pid, 0) == -1 && errno == ESRCH);
    T_MUST (brood_future_get (loud, 0, "*") == -1);
    s_pair_use (&pair);
    s_pair_end (&pair);
    brood_future_destroy (&quiet);
    brood_future_destroy (&loud);
    brood_pool_destroy (&pool);
    brood_queue_destroy (&pids);
    exit (0);
}

static int
s_child (void *arg)
{
    s_say_and_wait (arg);
}

static void
s_process_after_socket (void *arg)
{
    (void) arg;
    int pid;
    s_pair_t pair = s_pair_new ();
    BROOD_AUTO (queue) pids = brood_queue_new (0);
    BROOD_AUTO (process) process = brood_process_new (s_child, pids);
    T_MUST (brood_process_start (process) == 0);
    T_MUST (brood_queue_get (pids, MS, "%d", &pid) == 0);
    T_MUST (brood_process_terminate (process) == 0);
    T_MUST (brood_process_join (process, MS) == 0);
    T_MUST (brood_process_exitcode (process) == -SIGTERM);
    s_pair_use (&pair);
    s_pair_end (&pair);
    brood_process_destroy (&process);
    brood_queue_destroy (&pids);
    exit (0);
}

// --- Loops -----------------------------------------------------------------

// A loop, and what its callbacks have seen.
typedef struct {
    zloop_t *loop;
    pthread_t thread;
    int wanted;  // Ends the loop when so many came
    int came;
    int sum;
    int elsewhere;  // In another thread than the loop's
    int action;     // What the first callback does besides
} s_seen_t;

enum {
    S_NOTHING,
    S_ADD,
    S_REMOVE,
    S_REMOVE_AND_ADD
};

static int
s_end (zloop_t *loop, int timer, void *arg)
{
    (void) loop;
    (void) timer;
    (void) arg;
    return -1;
}

static void
s_came (brood_future_t *future, void *arg)
{
    s_seen_t *seen = arg;
    int n;
    T_MUST (brood_future_get (future, 0, "%d", &n) == 0);
    seen->sum += n;
    seen->elsewhere += !pthread_equal (seen->thread, pthread_self ());
    if (seen->came++ == 0) {
        if (seen->action == S_REMOVE || seen->action == S_REMOVE_AND_ADD)
            brood_zloop_remove (seen->loop);
        if (seen->action == S_ADD || seen->action == S_REMOVE_AND_ADD)
            T_MUST (brood_zloop_add (seen->loop) == 0);
        if (seen->action == S_REMOVE)
            zloop_timer (seen->loop, 50, 1, s_end, NULL);
    }
    if (seen->came == seen->wanted)
        zloop_timer (seen->loop, 0, 1, s_end, NULL);
}

static void
s_submit_all (brood_pool_t *pool, s_seen_t *seen)
{
    for (int i = 0; i < seen->wanted; i++) {
        BROOD_AUTO (future) f = brood_pool_submit (pool, s_twice, "%d", i);
        T_MUST (brood_future_then (f, s_came, seen) == 0);
    }
}

// All come, in this thread, once.
static void
s_run (brood_pool_t *pool, zloop_t *loop, int action)
{
    s_seen_t seen = { .loop = loop,
                      .thread = pthread_self (),
                      .wanted = TASKS,
                      .action = action };
    s_submit_all (pool, &seen);
    T_MUST (zloop_start (loop) == -1);
    T_MUST (seen.came == TASKS && seen.sum == TASKS * (TASKS - 1));
    T_MUST (seen.elsewhere == 0);
}

static void
s_loops (void *arg)
{
    (void) arg;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    zloop_t *loop = zloop_new ();
    T_MUST (brood_zloop_add (loop) == 0);
    s_run (pool, loop, S_NOTHING);
    T_MUST (brood_zloop_add (loop) == 0);  // Twice
    s_run (pool, loop, S_NOTHING);
    s_run (pool, loop, S_ADD);
    s_run (pool, loop, S_REMOVE_AND_ADD);
    // A destroyed one: the next has its address, most likely.
    for (int i = 0; i < 3; i++) {
        zloop_destroy (&loop);
        brood_zloop_remove (loop);
        loop = zloop_new ();
        T_MUST (brood_zloop_add (loop) == 0);
        s_run (pool, loop, S_NOTHING);
    }
    zloop_destroy (&loop);
    brood_pool_destroy (&pool);
    exit (0);
}

// Taken out, it hands nothing out.
static void
s_removed (void *arg)
{
    (void) arg;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    zloop_t *loop = zloop_new ();
    T_MUST (brood_zloop_add (loop) == 0);
    T_MUST (brood_zloop_add (loop) == 0);
    brood_zloop_remove (loop);  // Once, for both
    s_seen_t seen = { .loop = loop,
                      .thread = pthread_self (),
                      .wanted = TASKS };
    s_submit_all (pool, &seen);
    zloop_timer (loop, 100, 1, s_end, NULL);
    T_MUST (zloop_start (loop) == -1);
    T_MUST (seen.came == 0);
    brood_zloop_remove (loop);  // Twice
    // Nothing was lost: the next loop has them all.
    zloop_t *other = zloop_new ();
    seen.loop = other;
    T_MUST (brood_zloop_add (other) == 0);
    T_MUST (zloop_start (other) == -1);
    T_MUST (seen.came == TASKS && seen.sum == TASKS * (TASKS - 1));
    zloop_destroy (&loop);
    zloop_destroy (&other);
    brood_pool_destroy (&pool);
    exit (0);
}

// The first callback takes the loop out: those of its dispatch still come, and
// no others; the rest are the program's to dispatch.
static void
s_removed_inside (void *arg)
{
    (void) arg;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    zloop_t *loop = zloop_new ();
    T_MUST (brood_zloop_add (loop) == 0);
    s_seen_t seen = { .loop = loop,
                      .thread = pthread_self (),
                      .wanted = TASKS,
                      .action = S_REMOVE };
    s_submit_all (pool, &seen);
    T_MUST (zloop_start (loop) == -1);
    T_MUST (seen.came >= 1);
    while (seen.came < TASKS)
        T_MUST (brood_dispatch (MS) > 0);
    T_MUST (seen.sum == TASKS * (TASKS - 1));
    zloop_destroy (&loop);
    brood_pool_destroy (&pool);
    exit (0);
}

// --- Two loops, two threads ------------------------------------------------

static atomic_int s_both;

static void
s_came_to_both (brood_future_t *future, void *arg)
{
    int n;
    T_MUST (brood_future_get (future, 0, "%d", &n) == 0);
    (void) arg;
    atomic_fetch_add (&s_both, 1);
}

static int
s_end_when_all (zloop_t *loop, int timer, void *arg)
{
    (void) loop;
    (void) timer;
    (void) arg;
    return atomic_load (&s_both) == 10 * TASKS ? -1 : 0;
}

static void *
s_loop_of_its_own (void *arg)
{
    (void) arg;
    zloop_t *loop = zloop_new ();
    T_MUST (brood_zloop_add (loop) == 0);
    zloop_timer (loop, 2, 0, s_end_when_all, NULL);
    T_MUST (zloop_start (loop) == -1);
    zloop_destroy (&loop);
    return NULL;
}

static void
s_two_threads (void *arg)
{
    (void) arg;
    pthread_t threads[2];
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    for (int i = 0; i < 2; i++)
        T_MUST (pthread_create (&threads[i], NULL, s_loop_of_its_own, NULL)
                == 0);
    for (int i = 0; i < 10 * TASKS; i++) {
        BROOD_AUTO (future) f = brood_pool_submit (pool, s_twice, "%d", i);
        T_MUST (brood_future_then (f, s_came_to_both, NULL) == 0);
    }
    for (int i = 0; i < 2; i++)
        T_MUST (pthread_join (threads[i], NULL) == 0);
    T_MUST (atomic_load (&s_both) == 10 * TASKS);
    brood_pool_destroy (&pool);
    exit (0);
}

// --- The end of brood, and loops in children -------------------------------

static int
s_fini (zloop_t *loop, int timer, void *arg)
{
    (void) loop;
    (void) timer;
    (void) arg;
    brood_fini ();
    return 0;
}

static int
s_too_late (zloop_t *loop, int timer, void *arg)
{
    (void) loop;
    (void) timer;
    *(int *) arg = 1;
    return -1;
}

static void
s_brood_ends (void *arg)
{
    (void) arg;
    int late = 0;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    zloop_t *loop = zloop_new ();
    T_MUST (brood_zloop_add (loop) == 0);
    T_MUST (zloop_timer (loop, 1, 1, s_fini, NULL) >= 0);
    T_MUST (zloop_timer (loop, 10000, 1, s_too_late, &late) >= 0);
    T_MUST (zloop_start (loop) == -1);
    T_MUST (!late);
    T_MUST (strstr (brood_error (), "brood_fini ()"));
    T_MUST (brood_zloop_add (loop) == -1 && errno == ENOTSUP);
    brood_zloop_remove (loop);
    zloop_destroy (&loop);
    brood_pool_destroy (&pool);
    exit (0);
}

static int
s_mine_came (zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    (void) loop;
    (void) item;
    ++*(int *) arg;
    return -1;
}

// In a worker the owner's number is somebody else's descriptor: a loop that was
// not added keeps what it polls. Then one of the worker's own.
static int
s_loop_in_task (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int fd, ends[2], came = 0;
    if (brood_msg_unpack (in, "%d", &fd) < 0 || pipe (ends) < 0)
        return brood_task_fail (task, "%s", brood_error ());
    T_MUST (dup2 (ends[0], fd) == fd && write (ends[1], "x", 1) == 1);
    zloop_t *loop = zloop_new ();
    zmq_pollitem_t item = { .fd = fd, .events = ZMQ_POLLIN };
    zloop_poller (loop, &item, s_mine_came, &came);
    zloop_timer (loop, 10000, 1, s_end, NULL);
    brood_zloop_remove (loop);
    T_MUST (zloop_start (loop) == -1);
    T_MUST (came == 1);
    zloop_destroy (&loop);

    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    loop = zloop_new ();
    T_MUST (brood_zloop_add (loop) == 0);
    s_run (pool, loop, S_NOTHING);
    zloop_destroy (&loop);
    return brood_msg_pack (out, "%d", came);
}
BROOD_TASK (s_loop_in_task);

static void
s_loops_in_task (void *arg)
{
    (void) arg;
    int n;
    s_pair_t pair = s_pair_new ();
    zloop_t *loop = zloop_new ();
    T_MUST (brood_zloop_add (loop) == 0);
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future)
    f = brood_pool_submit (pool, s_loop_in_task, "%d", brood_fd ());
    T_MUST (brood_future_get (f, MS, "%d", &n) == 0 && n == 1);
    // The owner's loop is as it was.
    s_run (pool, loop, S_NOTHING);
    zloop_destroy (&loop);
    s_pair_end (&pair);
    brood_future_destroy (&f);
    brood_pool_destroy (&pool);
    exit (0);
}

// In a child of the program's own fork.
static void
s_stray (void *arg)
{
    (void) arg;
    zloop_t *loop = zloop_new ();
    T_MUST (brood_zloop_add (loop) == 0);
    BROOD_AUTO (msg) msg = brood_msg_new ("1");
    const pid_t pid = fork ();
    if (pid == 0) {
        zloop_t *own = zloop_new ();
        T_MUST (brood_zloop_add (own) == -1 && errno == ENOTSUP);
        brood_zloop_remove (own);
        T_MUST (!brood_msg_zmsg (msg) && errno == ENOTSUP);
        zmsg_t *zmsg = zmsg_new ();
        zmsg_addmem (zmsg, "\x01", 1);
        T_MUST (!brood_msg_new_zmsg (&zmsg) && errno == ENOTSUP && zmsg);
        zmsg_addmem (zmsg, "\x01", 1);
        T_MUST (!brood_msg_new_zmsg (&zmsg) && errno == ENOTSUP && zmsg);
        // No leak of the loop's or the message's: it leaves with all of it.
        _exit (0);
    }
    int status;
    T_MUST (waitpid (pid, &status, 0) == pid && status == 0);
    zloop_destroy (&loop);
    brood_msg_destroy (&msg);
    exit (0);
}

// --- All of them -----------------------------------------------------------

static void
s_quiet (void (*fn) (void *arg), void *arg)
{
    char *said = t_process_program (fn, arg);
    assert_string_equal (said, "");
    free (said);
    assert_int_equal (t_marked_wait (0, 10), 0);
}

#define S_TEST(name) \
    static void s_test_##name (void **state) \
    { \
        (void) state; \
        s_quiet (s_##name, NULL); \
    }
S_TEST (look_inside)
S_TEST (pool_after_socket)
S_TEST (process_after_socket)
S_TEST (czmq_in_task)
S_TEST (loops)
S_TEST (removed)
S_TEST (removed_inside)
S_TEST (two_threads)
S_TEST (brood_ends)
S_TEST (loops_in_task)
S_TEST (stray)

static void
s_test_exits (void **state)
{
    (void) state;
    s_quiet (s_exit_with_all, NULL);
    s_quiet (s_exit_with_all, "the pool first");
}

int
main (int argc, char **argv)
{
    (void) argc;
    t_mark (argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_look_inside),
        cmocka_unit_test (s_test_pool_after_socket),
        cmocka_unit_test (s_test_process_after_socket),
        cmocka_unit_test (s_test_czmq_in_task),
        cmocka_unit_test (s_test_exits),
        cmocka_unit_test (s_test_loops),
        cmocka_unit_test (s_test_removed),
        cmocka_unit_test (s_test_removed_inside),
        cmocka_unit_test (s_test_two_threads),
        cmocka_unit_test (s_test_brood_ends),
        cmocka_unit_test (s_test_loops_in_task),
        cmocka_unit_test (s_test_stray),
    };
    t_watchdog (100);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
