// test_remote_objects.c - managed objects, used from workers on other hosts
//
// SPDX-License-Identifier: MPL-2.0
//
// Two hosts that this one pretends to be: their workers share no memory with
// the program, nor an address of its manager's, so all they say to it goes
// through agent, broker and program. What can run anywhere runs on local
// workers and inline too, and must say the same.

#include "t_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    S_MS = 60000,
    S_WORKERS = 4,
    S_ITEMS = 10000,
    S_ROUNDS = 100,
    S_LARGE = 8 << 20
};

static brood_pool_t *
s_open (const char *spec)
{
    T_MUST (brood_init (NULL, NULL) == 0);
    brood_pool_t *pool = brood_pool_new (spec);
    T_MUST (pool != NULL);
    return pool;
}

static int
s_number (brood_msg_t *msg)
{
    int n = -1;
    T_MUST (msg && brood_msg_unpack (msg, "%d", &n) == 0);
    return n;
}

static brood_manager_t *
s_manager_in (const brood_msg_t *in)
{
    void *ref;
    return brood_msg_unpack (in, "@%p", &ref) < 0 ? NULL
                                                  : brood_manager_from (ref);
}

static int
s_expect (int error, const char *text)
{
    if (errno == error && strstr (brood_error (), text))
        return 1;
    fprintf (stderr, "%d: %s\n", errno, brood_error ());
    return 0;
}

// --- Tasks -----------------------------------------------------------------

// Who runs it: the agent.
static int
s_who (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    return brood_msg_pack (
        out, "%d", brood_process_pid (brood_process_parent ()));
}
BROOD_TASK (s_who);

static int
s_produce (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    int first, count;
    if (brood_msg_unpack (in, "[@%p, %d, %d]", &ref, &first, &count) < 0)
        return -1;
    BROOD_AUTO (queue) queue = brood_queue_from (ref);
    for (int i = first; i < first + count; i++) {
        if (brood_queue_put (queue, S_MS, "%d", i) < 0)
            return brood_task_fail (task, "%s", brood_error ());
    }
    return brood_msg_pack (out, "%d", count);
}
BROOD_TASK (s_produce);

// Until the queue is closed: a byte for each item, how often it came.
static int
s_consume (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    unsigned char seen[S_ITEMS] = { 0 };
    void *ref;
    int item;
    if (brood_msg_unpack (in, "@%p", &ref) < 0)
        return -1;
    BROOD_AUTO (queue) queue = brood_queue_from (ref);
    while (brood_queue_get (queue, S_MS, "%d", &item) == 0 && item >= 0
           && item < S_ITEMS)
        seen[item]++;
    if (errno != EPIPE)
        return brood_task_fail (task, "%s", brood_error ());
    return brood_msg_pack (out, "<%zu %p>", sizeof seen, (void *) seen);
}
BROOD_TASK (s_consume);

// By name; a number that only a lock keeps right.
static int
s_count (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    BROOD_AUTO (manager) manager = s_manager_in (in);
    BROOD_AUTO (lock) lock = brood_lock_open (manager, "lock");
    BROOD_AUTO (dict) dict = brood_dict_open (manager, "dict");
    BROOD_AUTO (list) list = brood_list_open (manager, "list");
    for (int i = 0; i < S_ROUNDS; i++) {
        if (brood_lock_acquire (lock, S_MS) != 0
            || brood_dict_get (dict, "n", "%d", &n) < 0
            || brood_dict_set (dict, "n", "%d", n + 1) < 0
            || brood_lock_release (lock) < 0)
            return brood_task_fail (task, "%s", brood_error ());
    }
    if (brood_list_append (list, "%d", n >= 0) < 0)
        return brood_task_fail (task, "%s", brood_error ());
    return brood_msg_pack (out, "nil");
}
BROOD_TASK (s_count);

// An object within an object, made here; a ref of it is the result.
static int
s_nest (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    int64_t sum;
    BROOD_AUTO (manager) manager = s_manager_in (in);
    BROOD_AUTO (dict) outer = brood_dict_open (manager, "outer");
    BROOD_AUTO (dict) inner = brood_dict_new (manager);
    if (brood_dict_set (inner, "a", "%d", 1) < 0
        || brood_dict_set (outer, "inner", "@%p", brood_ref (inner)) < 0
        || brood_dict_get (outer, "inner", "@%p", &ref) < 0)
        return brood_task_fail (task, "%s", brood_error ());
    BROOD_AUTO (dict) again = brood_dict_from (ref);
    if (brood_dict_add (again, "a", 41, &sum) < 0 || sum != 42)
        return brood_task_fail (task, "%s", brood_error ());
    return brood_msg_pack (out, "@%p", brood_ref (inner));
}
BROOD_TASK (s_nest);

// A value that many windows go by for, both ways.
static int
s_turn_round (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref, *bytes;
    size_t size;
    if (brood_msg_unpack (in, "@%p", &ref) < 0)
        return -1;
    BROOD_AUTO (dict) dict = brood_dict_from (ref);
    if (brood_dict_get (dict, "there", "<%zu %p>", &size, &bytes) < 0)
        return brood_task_fail (task, "%s", brood_error ());
    unsigned char *turned = malloc (size);
    for (size_t i = 0; turned && i < size; i++)
        turned[i] = ((unsigned char *) bytes)[size - 1 - i];
    const int rc =
        turned
            ? brood_dict_set (dict, "back", "<%zu %p>", size, (void *) turned)
            : -1;
    free (turned);
    return rc < 0 ? brood_task_fail (task, "%s", brood_error ())
                  : brood_msg_pack (out, "nil");
}
BROOD_TASK (s_turn_round);

static int
s_set_event (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    (void) task;
    if (brood_msg_unpack (in, "@%p", &ref) < 0)
        return -1;
    BROOD_AUTO (event) event = brood_event_from (ref);
    return brood_event_set (event) < 0 ? -1 : brood_msg_pack (out, "nil");
}
BROOD_TASK (s_set_event);

// --- The same program anywhere ---------------------------------------------

static void
s_queue_part (brood_pool_t *pool, brood_manager_t *manager)
{
    static unsigned char all[S_ITEMS];
    int count;
    brood_future_t *makers[2], *takers[2];
    BROOD_AUTO (queue) queue = brood_queue_open (manager, "jobs", NULL);
    for (int i = 0; i < 2; i++)
        T_MUST ((makers[i] = brood_pool_submit (pool,
                                                s_produce,
                                                "[@%p, %d, %d]",
                                                brood_ref (queue),
                                                i * S_ITEMS / 2,
                                                S_ITEMS / 2)));
    // Where tasks run at once, all have been put by now.
    if (brood_future_done (makers[1]) == 1)
        T_MUST (brood_queue_close (queue) == 0);
    for (int i = 0; i < 2; i++)
        T_MUST ((takers[i] = brood_pool_submit (
                     pool, s_consume, "@%p", brood_ref (queue))));
    for (int i = 0; i < 2; i++) {
        T_MUST (brood_future_get (makers[i], 2 * S_MS, "%d", &count) == 0);
        brood_future_destroy (&makers[i]);
    }
    (void) brood_queue_close (queue);
    for (int i = 0; i < 2; i++) {
        size_t size;
        void *seen;
        T_MUST (brood_future_get (takers[i], 2 * S_MS, "<%zu %p>", &size, &seen)
                == 0);
        T_MUST (size == sizeof all);
        for (int j = 0; j < S_ITEMS; j++)
            all[j] = (unsigned char) (all[j] + ((unsigned char *) seen)[j]);
        brood_future_destroy (&takers[i]);
    }
    for (int j = 0; j < S_ITEMS; j++)
        T_MUST (all[j] == 1);
    printf ("%d items, each once\n", S_ITEMS);
}

static void
s_lock_part (brood_pool_t *pool, brood_manager_t *manager)
{
    int n;
    brood_future_t *futures[S_WORKERS];
    BROOD_AUTO (dict) dict = brood_dict_open (manager, "dict");
    BROOD_AUTO (list) list = brood_list_open (manager, "list");
    T_MUST (brood_dict_set (dict, "n", "%d", 0) == 0);
    for (int i = 0; i < S_WORKERS; i++)
        T_MUST ((futures[i] = brood_pool_submit (
                     pool, s_count, "@%p", brood_ref (manager))));
    for (int i = 0; i < S_WORKERS; i++) {
        T_MUST (brood_future_get (futures[i], 2 * S_MS, "nil") == 0);
        brood_future_destroy (&futures[i]);
    }
    T_MUST (brood_dict_get (dict, "n", "%d", &n) == 0);
    printf ("counted to %d, %ld times\n", n, brood_list_len (list));
}

static void
s_nested_part (brood_pool_t *pool, brood_manager_t *manager)
{
    int n = 0;
    void *ref = NULL;
    BROOD_AUTO (dict) outer = brood_dict_open (manager, "outer");
    BROOD_AUTO (msg)
    out = brood_pool_apply (pool, s_nest, "@%p", brood_ref (manager));
    T_MUST (out && brood_msg_unpack (out, "@%p", &ref) == 0);
    BROOD_AUTO (dict) inner = brood_dict_from (ref);
    T_MUST (brood_dict_get (inner, "a", "%d", &n) == 0);
    printf ("inner: %d, outer has %ld\n", n, brood_dict_len (outer));
}

static void
s_large_part (brood_pool_t *pool, brood_manager_t *manager)
{
    size_t size;
    void *back;
    unsigned char *bytes = malloc (S_LARGE);
    T_MUST (bytes != NULL);
    for (size_t i = 0; i < S_LARGE; i++)
        bytes[i] = (unsigned char) (i * 31 ^ i >> 11);
    BROOD_AUTO (dict) dict = brood_dict_new (manager);
    T_MUST (brood_dict_set (
                dict, "there", "<%zu %p>", (size_t) S_LARGE, (void *) bytes)
            == 0);
    BROOD_AUTO (msg)
    out = brood_pool_apply (pool, s_turn_round, "@%p", brood_ref (dict));
    T_MUST (out != NULL);
    T_MUST (brood_dict_get (dict, "back", "<%zu %p>", &size, &back) == 0);
    T_MUST (size == S_LARGE);
    for (size_t i = 0; i < S_LARGE; i++)
        T_MUST (((unsigned char *) back)[i] == bytes[S_LARGE - 1 - i]);
    free (bytes);
    printf ("%d MiB there and back\n", S_LARGE >> 20);
}

static void
s_event_part (brood_pool_t *pool, brood_manager_t *manager)
{
    BROOD_AUTO (event) event = brood_event_open (manager, "event");
    BROOD_AUTO (future)
    sets = brood_pool_submit (pool, s_set_event, "@%p", brood_ref (event));
    T_MUST (sets && brood_event_wait (event, S_MS) == 0);
    printf ("the event is set\n");
    T_MUST (brood_future_get (sets, S_MS, "nil") == 0);
}

static void
s_program (void *arg)
{
    BROOD_AUTO (pool) pool = s_open (arg);
    BROOD_AUTO (manager) manager = brood_manager_new ();
    T_MUST (manager != NULL);
    s_queue_part (pool, manager);
    s_lock_part (pool, manager);
    s_nested_part (pool, manager);
    s_large_part (pool, manager);
    s_event_part (pool, manager);
}

static char *
s_said (const char *spec)
{
    int status;
    char copy[64];
    snprintf (copy, sizeof copy, "%s", spec);
    char *said = t_run_child (s_program, copy, 200, &status);
    if (status != 0)
        fail_msg ("%s: %d: %s", spec, status, said);
    assert_int_equal (t_marked_wait (0, 20), 0);
    return said;
}

static void
s_test_same_everywhere (void **state)
{
    static const char *const specs[] = { "local:2", "inline", "threads:2" };
    (void) state;
    char *far = s_said ("local:4?hosts=2");
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        char *near = s_said (specs[i]);
        assert_string_equal (near, far);
        free (near);
    }
    assert_non_null (strstr (far, "counted to 400, 4 times"));
    free (far);
}

// --- On both hosts at once -------------------------------------------------

static int
s_meet (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    BROOD_AUTO (manager) manager = s_manager_in (in);
    BROOD_AUTO (barrier)
    barrier = brood_barrier_open (manager, "barrier", S_WORKERS);
    BROOD_AUTO (dict) hosts = brood_dict_open (manager, "hosts");
    char host[32];
    snprintf (
        host, sizeof host, "%d", brood_process_pid (brood_process_parent ()));
    if (brood_dict_add (hosts, host, 1, NULL) < 0
        || brood_barrier_wait (barrier, S_MS) < 0)
        return brood_task_fail (task, "%s", brood_error ());
    return brood_msg_pack (out, "nil");
}

// All workers are in it at once, two of each host.
static void
s_both (void *arg)
{
    brood_future_t *futures[S_WORKERS];
    BROOD_AUTO (pool) pool = s_open (arg);
    BROOD_AUTO (manager) manager = brood_manager_new ();
    for (int i = 0; i < S_WORKERS; i++)
        T_MUST ((futures[i] = brood_pool_submit (
                     pool, s_meet, "@%p", brood_ref (manager))));
    for (int i = 0; i < S_WORKERS; i++) {
        T_MUST (brood_future_get (futures[i], S_MS, "nil") == 0);
        brood_future_destroy (&futures[i]);
    }
    BROOD_AUTO (dict) hosts = brood_dict_open (manager, "hosts");
    T_MUST (brood_dict_len (hosts) == 2);
}

// A worker's initializer has used an object before it has its first task.
static int
s_begin (brood_task_t *worker, const brood_msg_t *in, brood_msg_t *out)
{
    BROOD_AUTO (manager) manager = s_manager_in (in);
    BROOD_AUTO (dict) dict = brood_dict_open (manager, "begun");
    (void) out;
    return brood_dict_add (dict, "n", 1, NULL) < 0
               ? brood_task_fail (worker, "%s", brood_error ())
               : 0;
}

static void
s_initializer (void *arg)
{
    long long n = 0;
    T_MUST (brood_init (NULL, NULL) == 0);
    BROOD_AUTO (manager) manager = brood_manager_new ();
    BROOD_AUTO (dict) dict = brood_dict_open (manager, "begun");
    BROOD_AUTO (msg) args = brood_msg_new ("@%p", brood_ref (manager));
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (&(brood_pool_options_t){
        .spec = arg, .initializer = s_begin, .initargs = args });
    BROOD_AUTO (msg) out = brood_pool_apply (pool, s_who, "nil");
    T_MUST (s_number (out) > 0);
    T_MUST (brood_dict_get (dict, "n", "%lld", &n) == 0 && n >= 1);
}

// A worker's own manager is of its host; the program's is still the program's.
static int
s_own_manager (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n = 0;
    BROOD_AUTO (manager) theirs = s_manager_in (in);
    BROOD_AUTO (manager) mine = brood_manager_new ();
    BROOD_AUTO (dict) here = brood_dict_new (mine);
    BROOD_AUTO (dict) there = brood_dict_open (theirs, "there");
    if (brood_dict_set (here, "n", "%d", 7) < 0
        || brood_dict_get (here, "n", "%d", &n) < 0
        || brood_dict_set (there, "n", "%d", n) < 0)
        return brood_task_fail (task, "%s", brood_error ());
    return brood_msg_pack (out, "%d", n);
}

static void
s_own (void *arg)
{
    int n;
    BROOD_AUTO (pool) pool = s_open (arg);
    BROOD_AUTO (manager) manager = brood_manager_new ();
    BROOD_AUTO (dict) there = brood_dict_open (manager, "there");
    BROOD_AUTO (msg)
    out = brood_pool_apply (pool, s_own_manager, "@%p", brood_ref (manager));
    T_MUST (s_number (out) == 7);
    T_MUST (brood_dict_get (there, "n", "%d", &n) == 0 && n == 7);
}

// The program neither waits nor calls; somebody drives for it.
static int
s_leave_file (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    char path[64];
    void *ref;
    (void) task;
    if (brood_msg_unpack (in, "[@%p, %63s]", &ref, path) < 0)
        return -1;
    BROOD_AUTO (dict) dict = brood_dict_from (ref);
    for (int i = 0; i < S_ROUNDS; i++) {
        if (brood_dict_add (dict, "n", 1, NULL) < 0)
            return -1;
    }
    return unlink (path) < 0 ? -1 : brood_msg_pack (out, "nil");
}

static int
s_is_gone (void *arg)
{
    return access (arg, F_OK) < 0;
}

static void
s_busy (void *arg)
{
    char path[] = "/tmp/test_remote_objects.XXXXXX";
    const int fd = mkstemp (path);
    T_MUST (fd >= 0 && close (fd) == 0);
    BROOD_AUTO (pool) pool = s_open (arg);
    BROOD_AUTO (manager) manager = brood_manager_new ();
    BROOD_AUTO (dict) dict = brood_dict_new (manager);
    BROOD_AUTO (future)
    future = brood_pool_submit (
        pool, s_leave_file, "[@%p, %s]", brood_ref (dict), path);
    T_MUST (future && t_eventually (s_is_gone, path, 60));
    T_MUST (brood_future_get (future, S_MS, "nil") == 0);
}

// --- Deaths ----------------------------------------------------------------

// Says that it has the lock, and how to kill it.
static int
s_hold (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) out;
    BROOD_AUTO (manager) manager = s_manager_in (in);
    BROOD_AUTO (lock) lock = brood_lock_open (manager, "lock");
    BROOD_AUTO (event) event = brood_event_open (manager, "held");
    BROOD_AUTO (dict) dict = brood_dict_open (manager, "pids");
    if (brood_lock_acquire (lock, S_MS) != 0
        || brood_dict_set (dict, "worker", "%d", (int) getpid ()) < 0
        || brood_dict_set (
               dict, "agent", "%d", brood_process_pid (brood_process_parent ()))
               < 0
        || brood_event_set (event) < 0)
        return brood_task_fail (task, "%s", brood_error ());
    for (;;)
        pause ();
}

static pid_t
s_parent_of (pid_t pid)
{
    char path[64];
    int parent = -1;
    snprintf (path, sizeof path, "/proc/%d/stat", (int) pid);
    FILE *file = fopen (path, "r");
    T_MUST (file && fscanf (file, "%*d (%*[^)]) %*c %d", &parent) == 1);
    fclose (file);
    return parent;
}

// Who holds a lock is killed: the worker, its agent, or the broker.
static void
s_kill (const char *spec, const char *whom)
{
    int pid;
    T_MUST (setenv ("BROOD_TIME_SCALE", "0.3", 1) == 0);
    BROOD_AUTO (pool) pool = s_open (spec);
    BROOD_AUTO (manager) manager = brood_manager_new ();
    BROOD_AUTO (lock) lock = brood_lock_open (manager, "lock");
    BROOD_AUTO (event) event = brood_event_open (manager, "held");
    BROOD_AUTO (dict) dict = brood_dict_open (manager, "pids");
    BROOD_AUTO (future)
    holds = brood_pool_submit (pool, s_hold, "@%p", brood_ref (manager));
    T_MUST (holds && brood_event_wait (event, S_MS) == 0);
    const int of_broker = strcmp (whom, "broker") == 0;
    T_MUST (brood_dict_get (dict, of_broker ? "agent" : whom, "%d", &pid) == 0);
    T_MUST (kill (of_broker ? s_parent_of (pid) : pid, SIGKILL) == 0);
    // Told that who had it is dead.
    T_MUST (brood_lock_acquire (lock, S_MS) == 1);
    T_MUST (brood_lock_release (lock) == 0);
    T_MUST (brood_future_get (holds, S_MS, "nil") < 0 && errno != ETIMEDOUT);
    // The others go on, on whatever host they are.
    if (!of_broker) {
        T_MUST (brood_dict_set (dict, "n", "%d", 0) == 0);
        BROOD_AUTO (dict) counts = brood_dict_open (manager, "dict");
        T_MUST (brood_dict_set (counts, "n", "%d", 0) == 0);
        BROOD_AUTO (msg)
        out = brood_pool_apply (pool, s_count, "@%p", brood_ref (manager));
        T_MUST (out != NULL);
    }
}

static void
s_worker_dies (void *arg)
{
    s_kill (arg, "worker");
}

static void
s_agent_dies (void *arg)
{
    s_kill (arg, "agent");
}

static void
s_broker_dies (void *arg)
{
    s_kill (arg, "broker");
}

// The end of a manager ends who waits in it, and what comes later.
static int
s_wait_for_ever (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    BROOD_AUTO (manager) manager = s_manager_in (in);
    BROOD_AUTO (event) waits = brood_event_open (manager, "waits");
    BROOD_AUTO (event) never = brood_event_open (manager, "never");
    if (brood_event_set (waits) < 0)
        return -1;
    const int waited = brood_event_wait (never, -1);
    const int first = errno;
    const int again = brood_event_set (never);
    return brood_msg_pack (out,
                           "[%d, %d, %d, %d]",
                           waited,
                           first == ECONNRESET || first == EHOSTDOWN,
                           again,
                           errno == EHOSTDOWN);
}

static void
s_manager_ends (void *arg)
{
    int waited, first, again, second;
    void *ref;
    BROOD_AUTO (pool) pool = s_open (arg);
    brood_manager_t *manager = brood_manager_new ();
    brood_event_t *waits = brood_event_open (manager, "waits");
    BROOD_AUTO (future)
    future =
        brood_pool_submit (pool, s_wait_for_ever, "@%p", brood_ref (manager));
    T_MUST (future && brood_event_wait (waits, S_MS) == 0);
    BROOD_AUTO (msg) args = brood_msg_new ("@%p", brood_ref (manager));
    brood_event_destroy (&waits);
    brood_manager_destroy (&manager);
    T_MUST (
        brood_future_get (
            future, S_MS, "[%d, %d, %d, %d]", &waited, &first, &again, &second)
        == 0);
    T_MUST (waited < 0 && first && again < 0 && second);
    // Who comes after the end is told so at once.
    T_MUST (brood_msg_unpack (args, "@%p", &ref) == 0);
    BROOD_AUTO (msg) out = brood_pool_apply (pool, s_count, "@%p", ref);
    T_MUST (!out && s_expect (EIO, "is NULL"));
}

// --- What cannot cross -----------------------------------------------------

static const char s_key[] = "the key of two programs";

// Another program, which says where its manager is, until fd ends.
static pid_t
s_other_program (char ret_address[128], int *ret_fd)
{
    int fds[2];
    T_MUST (socketpair (AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    const pid_t pid = fork ();
    if (pid != 0) {
        T_MUST (pid > 0 && close (fds[1]) == 0);
        T_MUST (read (fds[0], ret_address, 128) > 0);
        *ret_fd = fds[0];
        return pid;
    }
    char address[128] = "";
    close (fds[0]);
    T_MUST (brood_init (NULL, NULL) == 0);
    T_MUST (brood_set_authkey (s_key, sizeof s_key) == 0);
    brood_manager_t *manager = brood_manager_serve ("tcp://127.0.0.1:0");
    snprintf (address, sizeof address, "%s", brood_manager_address (manager));
    T_MUST (write (fds[1], address, sizeof address) == sizeof address);
    (void) !read (fds[1], address, 1);
    brood_fini ();
    _exit (0);
}

static void
s_refused (void *arg)
{
    char address[128], name[64];
    int fd, status = -1;
    brood_conn_t *near, *far;
    const pid_t other = s_other_program (address, &fd);
    BROOD_AUTO (pool) pool = s_open (arg);
    BROOD_AUTO (queue) queue = brood_queue_new (0);
    snprintf (name, sizeof name, "test_remote_objects.%d", (int) getpid ());
    BROOD_AUTO (shm) shm = brood_shm_new (name, 4096);
    T_MUST (queue && shm && brood_pipe_new (1, &near, &far) == 0);
    void *const refs[] = { brood_ref (queue),
                           brood_ref (shm),
                           brood_ref (near) };
    for (size_t i = 0; i < sizeof refs / sizeof *refs; i++) {
        BROOD_AUTO (msg) none = brood_pool_apply (pool, s_who, "@%p", refs[i]);
        T_MUST (!none && s_expect (ENOTSUP, "use one at a manager"));
    }
    T_MUST (brood_set_authkey (s_key, sizeof s_key) == 0);
    BROOD_AUTO (manager) theirs = brood_manager_connect (address, S_MS);
    BROOD_AUTO (dict) there = brood_dict_new (theirs);
    T_MUST (there != NULL);
    BROOD_AUTO (msg)
    none = brood_pool_apply (pool, s_who, "@%p", brood_ref (there));
    T_MUST (!none && s_expect (ENOTSUP, "of another program"));
    none = brood_pool_apply (pool, s_who, "@%p", brood_ref (theirs));
    T_MUST (!none && s_expect (ENOTSUP, "of another program"));
    // One that is served is of this program all the same.
    BROOD_AUTO (manager) ours = brood_manager_serve ("tcp://127.0.0.1:0");
    BROOD_AUTO (dict) dict = brood_dict_open (ours, "dict");
    T_MUST (brood_dict_set (dict, "n", "%d", 0) == 0);
    BROOD_AUTO (msg)
    out = brood_pool_apply (pool, s_count, "@%p", brood_ref (ours));
    T_MUST (out != NULL);
    brood_conn_destroy (&near);
    brood_conn_destroy (&far);
    T_MUST (close (fd) == 0 && waitpid (other, &status, 0) == other);
    T_MUST (status == 0);
}

// --- Running them ----------------------------------------------------------

static void
s_run (void (*fn) (void *arg))
{
    char spec[] = "local:4?hosts=2";
    int status;
    char *output = t_run_child (fn, spec, 100, &status);
    if (status != 0)
        fail_msg ("%d: %s", status, output);
    free (output);
    assert_int_equal (t_marked_wait (0, 20), 0);
}

#define TEST(name) \
    static void s_test_##name (void **state) \
    { \
        (void) state; \
        s_run (s_##name); \
    }

TEST (both)
TEST (initializer)
TEST (own)
TEST (busy)
TEST (worker_dies)
TEST (agent_dies)
TEST (broker_dies)
TEST (manager_ends)
TEST (refused)

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_same_everywhere),
        cmocka_unit_test (s_test_both),
        cmocka_unit_test (s_test_initializer),
        cmocka_unit_test (s_test_own),
        cmocka_unit_test (s_test_busy),
        cmocka_unit_test (s_test_worker_dies),
        cmocka_unit_test (s_test_agent_dies),
        cmocka_unit_test (s_test_broker_dies),
        cmocka_unit_test (s_test_manager_ends),
        cmocka_unit_test (s_test_refused),
    };
    if (getenv ("BROOD_AGENT")) {
        (void) brood_init (&argc, &argv);
        return 98;
    }
    t_mark (argv);
    t_watchdog (280);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
