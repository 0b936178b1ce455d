// test_queues.c - queues between real workers, and the deaths of these
//
// SPDX-License-Identifier: MPL-2.0

#include "t_brood.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <brood.h>

enum {
    MIB = 1 << 20,
    N = 10000,
    TOKENS = T_SANITIZED ? 20000 : 100000,
    KILLS = 2,  // A third one would be poison
    ROUNDS = 8,
    SIDES = 4
};

static brood_queue_t *s_queue;    // Inherited by workers
static brood_queue_t *s_results;  // The same

static void
s_destroy (void)
{
    brood_queue_destroy (&s_queue);
    brood_queue_destroy (&s_results);
}

// --- Tasks -----------------------------------------------------------------

// n texts of size bytes each, the first one large.
static int
s_put_texts (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n, size, large;
    if (brood_msg_unpack (in, "[%d, %d, %d]", &n, &size, &large) < 0)
        return brood_task_fail (task, "wanted three numbers");
    char *bytes = calloc (1, (size_t) large + (size_t) size);
    if (!bytes)
        return brood_task_fail (task, "memory");
    if (large > 0
        && brood_queue_put (
               s_queue, -1, "[-1, <%zu %p>]", (size_t) large, (void *) bytes)
               < 0)
        return brood_task_fail (task, "put");
    for (int i = 0; i < n; i++) {
        if (brood_queue_put (
                s_queue, -1, "[%d, <%zu %p>]", i, (size_t) size, (void *) bytes)
            < 0)
            return brood_task_fail (task, "put");
    }
    free (bytes);
    return brood_msg_pack (out, "%d", n);
}
BROOD_TASK (s_put_texts);

// Puts as many as it is told, and dies of it.
static int
s_put_and_die (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    (void) out;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return brood_task_fail (task, "wanted a number");
    for (int i = 0; i < n; i++) {
        if (brood_queue_put (s_queue, -1, "%d", i) < 0)
            return brood_task_fail (task, "put");
    }
    return kill (getpid (), SIGKILL);
}
BROOD_TASK (s_put_and_die);

static int
s_get_and_die (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    (void) in;
    (void) out;
    if (brood_queue_get (s_queue, -1, "%d", &n) < 0)
        return brood_task_fail (task, "get");
    return kill (getpid (), SIGKILL);
}
BROOD_TASK (s_get_and_die);

// Passes on what it gets until the end.
static int
s_pass_on (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n, count = 0;
    (void) in;
    while (brood_queue_get (s_queue, -1, "%d", &n) == 0) {
        if (brood_queue_put (s_results, -1, "%d", n) < 0
            || brood_queue_task_done (s_queue) < 0)
            return brood_task_fail (task, "pass on");
        count++;
    }
    return errno == EPIPE ? brood_msg_pack (out, "%d", count)
                          : brood_task_fail (task, "get");
}
BROOD_TASK (s_pass_on);

// The same with queues that came with the task; the first attempts are killed
// after so many microseconds, wherever they are then.
static int
s_pass_on_refs (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int us;
    void *queue, *results;
    if (brood_msg_unpack (in, "[%d, @%p, @%p]", &us, &queue, &results) < 0)
        return brood_task_fail (task, "wanted a number and two queues");
    s_queue = brood_queue_from (queue);
    s_results = brood_queue_from (results);
    const struct itimerval timer = {
        .it_value.tv_usec = brood_task_attempt (task) <= KILLS ? us : 0
    };
    (void) setitimer (ITIMER_REAL, &timer, NULL);
    const int rc = s_pass_on (task, in, out);
    brood_queue_destroy (&s_queue);
    brood_queue_destroy (&s_results);
    return rc;
}
BROOD_TASK (s_pass_on_refs);

static int
s_put_range_ref (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    void *ref;
    (void) out;
    if (brood_msg_unpack (in, "[%d, @%p]", &n, &ref) < 0)
        return brood_task_fail (task, "wanted a number and a queue");
    BROOD_AUTO (queue) queue = brood_queue_from (ref);
    for (int i = 0; i < n; i++) {
        if (brood_queue_put (queue, -1, "%d", i) < 0)
            return brood_task_fail (task, "put");
    }
    return 0;
}
BROOD_TASK (s_put_range_ref);

static int
s_put_range (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int from, n;
    (void) out;
    if (brood_msg_unpack (in, "[%d, %d]", &from, &n) < 0)
        return brood_task_fail (task, "wanted two numbers");
    for (int i = 0; i < n; i++) {
        if (brood_queue_put (s_queue, -1, "%d", from + i) < 0)
            return brood_task_fail (task, "put");
    }
    return 0;
}
BROOD_TASK (s_put_range);

// Answers on the queue whose handle came in the question.
static int
s_answer (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    void *ref;
    (void) in;
    (void) out;
    if (brood_queue_get (s_queue, -1, "[%d, @%p]", &n, &ref) < 0)
        return brood_task_fail (task, "get");
    BROOD_AUTO (queue) reply = brood_queue_from (ref);
    return brood_queue_put (reply, -1, "%d", n + 1);
}
BROOD_TASK (s_answer);

// --- What is put is there --------------------------------------------------

// 001-K and P06: the producer ends before anybody has got anything.
static void
s_test_join_before_get (void **state)
{
    (void) state;
    const int large = T_SANITIZED ? 64 * MIB : 256 * MIB;
    const brood_queue_options_t options = { .capacity_bytes = 400 * MIB };
    s_queue = brood_queue_new_with (&options);
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future)
    f = brood_pool_submit (pool, s_put_texts, "[%d, %d, %d]", N, 1024, large);
    assert_int_equal (brood_future_get (f, 60000, "*"), 0);
    brood_pool_destroy (&pool);
    assert_int_equal (brood_queue_qsize (s_queue), N + 1);
    int n;
    size_t size;
    void *bytes;
    brood_msg_t *first = brood_queue_get_msg (s_queue, 0);
    assert_non_null (first);
    assert_int_equal (
        brood_msg_unpack (first, "[%d, <%zu %p>]", &n, &size, &bytes), 0);
    assert_int_equal (n, -1);
    assert_int_equal (size, large);
    brood_msg_destroy (&first);
    for (int i = 0; i < N; i++) {
        assert_int_equal (brood_queue_get (s_queue, 0, "[%d, *]", &n), 0);
        assert_int_equal (n, i);
    }
    assert_int_equal (brood_queue_empty (s_queue), 1);
    s_destroy ();
}

static void
s_test_putter_dies (void **state)
{
    (void) state;
    s_queue = brood_queue_new (0);
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_put_and_die, "%d", 500);
    assert_int_equal (brood_future_get (f, 60000, "*"), -1);
    assert_int_equal (errno, ECHILD);
    for (int i = 0; i < 500; i++) {
        int n;
        assert_int_equal (brood_queue_get (s_queue, 0, "%d", &n), 0);
        assert_int_equal (n, i);
    }
    assert_int_equal (brood_queue_empty (s_queue), 1);
    brood_pool_destroy (&pool);
    s_destroy ();
}

// P27: put, and it is there.
static void
s_test_exact (void **state)
{
    (void) state;
    s_queue = brood_queue_new (0);
    for (int i = 0; i < TOKENS; i++) {
        int n = -1;
        assert_int_equal (brood_queue_put (s_queue, 0, "%d", i), 0);
        assert_int_equal (brood_queue_empty (s_queue), 0);
        assert_int_equal (brood_queue_qsize (s_queue), 1);
        assert_int_equal (brood_queue_get (s_queue, 0, "%d", &n), 0);
        assert_int_equal (n, i);
        assert_int_equal (brood_queue_empty (s_queue), 1);
    }
    s_destroy ();
}

static _Atomic int *s_token;

static int
s_put_tokens (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    (void) out;
    for (int i = 0; i < TOKENS / 10; i++) {
        if (brood_queue_put (s_queue, -1, "%d", i) < 0)
            return brood_task_fail (task, "put");
        atomic_store (s_token, i + 1);
    }
    return 0;
}
BROOD_TASK (s_put_tokens);

// Who learns of a put by other means finds the item.
static void
s_test_token (void **state)
{
    (void) state;
    BROOD_AUTO (array) array = brood_array_new (BROOD_INT, 1);
    assert_non_null (array);
    s_token = (_Atomic int *) brood_array_ptr (array);
    s_queue = brood_queue_new (0);
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_put_tokens, "nil");
    for (int i = 0; i < TOKENS / 10; i++) {
        int n;
        while (atomic_load (s_token) <= i)
            sched_yield ();
        assert_int_equal (brood_queue_get (s_queue, 0, "%d", &n), 0);
        assert_int_equal (n, i);
    }
    assert_int_equal (brood_future_get (f, 60000, "*"), 0);
    brood_pool_destroy (&pool);
    s_destroy ();
}

// 003-C: the producer is gone, and the consumer drains while it is not empty.
static void
s_test_drain (void **state)
{
    (void) state;
    s_queue = brood_queue_new (0);
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future)
    f = brood_pool_submit (pool, s_put_range, "[%d, %d]", 0, TOKENS);
    assert_int_equal (brood_future_get (f, 60000, "*"), 0);
    brood_pool_destroy (&pool);
    int count = 0, n;
    while (brood_queue_empty (s_queue) == 0) {
        assert_int_equal (brood_queue_get (s_queue, 0, "%d", &n), 0);
        assert_int_equal (n, count++);
    }
    assert_int_equal (count, TOKENS);
    s_destroy ();
}

// --- Many, and their deaths ------------------------------------------------

// 002-G, 002-H: all that was put comes out once; join waits for the last.
static void
s_test_producers_consumers (void **state)
{
    (void) state;
    static char seen[SIDES * N];
    memset (seen, 0, sizeof seen);
    s_queue = brood_queue_new_joinable (100);
    s_results = brood_queue_new (0);
    BROOD_AUTO (pool) getting = brood_pool_new ("local:4");
    BROOD_AUTO (pool) putting = brood_pool_new ("local:4");
    brood_future_t *gets[SIDES], *puts[SIDES];
    for (int i = 0; i < SIDES; i++) {
        gets[i] = brood_pool_submit (getting, s_pass_on, "nil");
        puts[i] =
            brood_pool_submit (putting, s_put_range, "[%d, %d]", i * N, N);
    }
    for (int i = 0; i < SIDES; i++) {
        assert_int_equal (brood_future_get (puts[i], 90000, "*"), 0);
        brood_future_destroy (&puts[i]);
    }
    assert_int_equal (brood_queue_join (s_queue, 60000), 0);
    assert_int_equal (brood_queue_qsize (s_results), SIDES * N);
    assert_int_equal (brood_queue_close (s_queue), 0);
    int all = 0;
    for (int i = 0; i < SIDES; i++) {
        int n;
        assert_int_equal (brood_future_get (gets[i], 60000, "%d", &n), 0);
        brood_future_destroy (&gets[i]);
        all += n;
    }
    assert_int_equal (all, SIDES * N);
    for (int i = 0; i < SIDES * N; i++) {
        int n;
        assert_int_equal (brood_queue_get (s_results, 0, "%d", &n), 0);
        assert_in_range (n, 0, SIDES * N - 1);
        assert_int_equal (seen[n], 0);
        seen[n] = 1;
    }
    brood_pool_destroy (&getting);
    brood_pool_destroy (&putting);
    s_destroy ();
}

// Taken and not done: it comes back when its worker is dead, and after so many
// deaths it goes where such items go.
static void
s_test_taker_dies (void **state)
{
    (void) state;
    int n;
    s_results = brood_queue_new (0);
    const brood_queue_options_t options = { .joinable = 1,
                                            .deliveries_max = 3,
                                            .dead = s_results };
    s_queue = brood_queue_new_with (&options);
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    assert_int_equal (brood_queue_put (s_queue, 0, "%d", 7), 0);
    for (int i = 0; i < 2; i++) {
        BROOD_AUTO (future) f = brood_pool_submit (pool, s_get_and_die, "nil");
        assert_int_equal (brood_future_get (f, 60000, "*"), -1);
        assert_int_equal (errno, ECHILD);
    }
    assert_int_equal (brood_queue_get (s_queue, 60000, "%d", &n), 0);
    assert_int_equal (n, 7);
    assert_int_equal (brood_queue_deliveries (s_queue), 3);
    assert_int_equal (brood_queue_join (s_queue, 0), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (brood_queue_task_failed (s_queue), 0);
    assert_int_equal (brood_queue_join (s_queue, 0), 0);
    assert_int_equal (brood_queue_get (s_results, 0, "%d", &n), 0);
    assert_int_equal (n, 7);
    brood_pool_destroy (&pool);
    s_destroy ();
}

// Every item arrives: done once, or twice if it was passed on and not yet done.
static void
s_check_kills (int n)
{
    char *seen = calloc ((size_t) n, 1);
    int i, twice = 0;
    assert_non_null (seen);
    while (brood_queue_get (s_results, 0, "%d", &i) == 0) {
        assert_in_range (i, 0, n - 1);
        twice += seen[i];
        seen[i] = 1;
    }
    for (i = 0; i < n; i++)
        assert_int_equal (seen[i], 1);
    assert_true (twice <= SIDES * KILLS);
    free (seen);
}

// Workers that pass items on are killed at any moment.
static void
s_kill_some (brood_pool_t *getting, brood_pool_t *putting, int round)
{
    brood_future_t *gets[SIDES];
    const brood_task_options_t again = { .retries = KILLS };
    s_queue = brood_queue_new_joinable (50);
    s_results = brood_queue_new (0);
    void *queue = brood_ref (s_queue), *results = brood_ref (s_results);
    for (int i = 0; i < SIDES; i++)
        gets[i] = brood_pool_submit_with (getting,
                                          s_pass_on_refs,
                                          &again,
                                          "[%d, @%p, @%p]",
                                          500 + i * 700 + round * 311,
                                          queue,
                                          results);
    BROOD_AUTO (future)
    put =
        brood_pool_submit (putting, s_put_range_ref, "[%d, @%p]", N / 5, queue);
    assert_int_equal (brood_future_get (put, 60000, "*"), 0);
    assert_int_equal (brood_queue_join (s_queue, 60000), 0);
    assert_int_equal (brood_queue_close (s_queue), 0);
    for (int i = 0; i < SIDES; i++) {
        assert_int_equal (brood_future_get (gets[i], 60000, "*"), 0);
        brood_future_destroy (&gets[i]);
    }
    s_check_kills (N / 5);
    s_destroy ();
}

static void
s_test_kills (void **state)
{
    (void) state;
    const brood_pool_options_t hard = { .spec = "local:4",
                                        .restarts_max = 1000 };
    BROOD_AUTO (pool) getting = brood_pool_new_with (&hard);
    BROOD_AUTO (pool) putting = brood_pool_new ("local:1");
    for (int round = 0; round < ROUNDS; round++)
        s_kill_some (getting, putting, round);
    brood_pool_destroy (&getting);
    brood_pool_destroy (&putting);
}

// --- The class -------------------------------------------------------------

// QU-07: a queue in an item of a queue.
static void
s_test_handles (void **state)
{
    (void) state;
    int n;
    s_queue = brood_queue_new (0);
    BROOD_AUTO (pool) pool = brood_pool_new ("local:1");
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_answer, "nil");
    BROOD_AUTO (queue) reply = brood_queue_new (0);
    assert_int_equal (
        brood_queue_put (s_queue, 0, "[41, @%p]", brood_ref (reply)), 0);
    assert_int_equal (brood_queue_get (reply, 60000, "%d", &n), 0);
    assert_int_equal (n, 42);
    assert_int_equal (brood_future_get (f, 60000, "*"), 0);
    brood_pool_destroy (&pool);
    s_destroy ();
}

static void
s_test_priorities (void **state)
{
    (void) state;
    const brood_queue_options_t options = { .priorities = 1 };
    int priority;
    char text[8];
    s_queue = brood_queue_new_with (&options);
    assert_int_equal (brood_queue_put (s_queue, 0, "[5, %s]", "late"), 0);
    assert_int_equal (brood_queue_put (s_queue, 0, "[-2, %s]", "first"), 0);
    assert_int_equal (brood_queue_put (s_queue, 0, "[5, %s]", "later"), 0);
    BROOD_AUTO (msg)
    no_lists =
        brood_msg_new ("[nil, [1], [true, 2], [%f, 2], [1, 2, 3], 7]", 1.5);
    for (size_t i = 0; i < 6; i++) {
        char path[8];
        snprintf (path, sizeof path, "[%zu]", i);
        void *part;
        assert_int_equal (brood_msg_get (no_lists, path, "@%p", &part), 0);
        errno = 0;
        assert_int_equal (brood_queue_put (s_queue, 0, "@%p", part), -1);
        assert_int_equal (errno, EINVAL);
    }
    const char *wanted[] = { "first", "late", "later" };
    for (int i = 0; i < 3; i++) {
        assert_int_equal (
            brood_queue_get (s_queue, 0, "[%d, %7s]", &priority, text), 0);
        assert_string_equal (text, wanted[i]);
        assert_int_equal (priority, i == 0 ? -2 : 5);
    }
    s_destroy ();
}

static void
s_test_batches (void **state)
{
    (void) state;
    int n;
    s_queue = brood_queue_new (5);
    BROOD_AUTO (msg) items = brood_msg_new ("[0, 1, 2, 3]");
    BROOD_AUTO (msg) none = brood_msg_new ("[]");
    BROOD_AUTO (msg) no_list = brood_msg_new ("{a: 1}");
    assert_int_equal (brood_queue_put_many (s_queue, 0, none), 0);
    assert_int_equal (brood_queue_put_many (s_queue, 0, no_list), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_queue_put_many (s_queue, 0, items), 4);
    assert_int_equal (brood_queue_put_many (s_queue, 0, items), 1);
    assert_int_equal (brood_queue_put_many (s_queue, 0, items), -1);
    assert_int_equal (errno, ETIMEDOUT);
    BROOD_AUTO (msg) some = brood_queue_get_many (s_queue, 0, 3);
    assert_int_equal (brood_msg_unpack (some, "[0, 1, 2]"), 0);
    BROOD_AUTO (msg) rest = brood_queue_get_many (s_queue, 0, 1000000);
    assert_int_equal (brood_msg_unpack (rest, "[3, %d]", &n), 0);
    assert_int_equal (n, 0);
    assert_null (brood_queue_get_many (s_queue, 0, 1));
    assert_int_equal (errno, ETIMEDOUT);
    s_destroy ();
}

// A picture that does not fit takes nothing.
static void
s_test_picture_stays (void **state)
{
    (void) state;
    int n = 5;
    s_queue = brood_queue_new (0);
    assert_int_equal (brood_queue_put (s_queue, 0, "{a: %d}", 3), 0);
    assert_int_equal (brood_queue_put (s_queue, 0, "{a: %d}", 4), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal (brood_queue_get (s_queue, 0, "%d", &n), -1);
        assert_int_equal (errno, EBADMSG);
        assert_int_equal (n, 5);
        assert_int_equal (brood_queue_qsize (s_queue), 2);
    }
    assert_int_equal (brood_queue_get (s_queue, 0, "{a: %d}", &n), 0);
    assert_int_equal (n, 3);
    BROOD_AUTO (msg) msg = brood_queue_get_msg (s_queue, 0);
    assert_int_equal (brood_msg_unpack (msg, "{a: %d}", &n), 0);
    assert_int_equal (n, 4);
    assert_int_equal (brood_queue_put_msg (s_queue, 0, &msg), 0);
    assert_null (msg);
    s_destroy ();
}

static void *
s_get_in_thread (void *arg)
{
    (void) arg;
    int n;
    return brood_queue_get (s_queue, -1, "%d", &n) == -1 && errno == EPIPE
               ? s_queue
               : NULL;
}

static void
s_test_close (void **state)
{
    (void) state;
    pthread_t thread;
    void *woken;
    s_queue = brood_queue_new (0);
    assert_int_equal (pthread_create (&thread, NULL, s_get_in_thread, NULL), 0);
    assert_int_equal (brood_queue_close (s_queue), 0);
    assert_int_equal (pthread_join (thread, &woken), 0);
    assert_ptr_equal (woken, s_queue);
    assert_int_equal (brood_queue_put (s_queue, -1, "1"), -1);
    assert_int_equal (errno, EPIPE);
    s_destroy ();
}

static void
s_test_bad_calls (void **state)
{
    (void) state;
    BROOD_AUTO (queue) plain = brood_queue_new (0);
    BROOD_AUTO (queue) dead = NULL;
    const brood_queue_options_t good = { .joinable = 1,
                                         .deliveries_max = 1,
                                         .dead = plain };
    dead = brood_queue_new_with (&good);
    assert_non_null (dead);
    const brood_queue_options_t bad[] = {
        { .capacity = BROOD_QUEUE_CAPACITY_MAX + 1 },
        { .capacity_bytes = 100, .size_max_bytes = 101 },
        { .deliveries_max = 3 },
        { .joinable = 1, .deliveries_max = -1 },
        { .joinable = 1, .deliveries_max = BROOD_QUEUE_DELIVERIES_MAX + 1 },
        { .joinable = 1, .dead = plain },
        { .joinable = 1, .deliveries_max = 1, .dead = dead },
        { .joinable = 1, .deliveries_max = 1, .dead = plain, .priorities = 1 },
        { .reserved_ = { 1 } },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        errno = 0;
        assert_null (brood_queue_new_with (&bad[i]));
        assert_int_equal (errno, EINVAL);
    }
    assert_null (brood_queue_new_with (NULL));
    assert_int_equal (brood_queue_put (NULL, 0, "1"), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brood_queue_put (plain, -2, "1"), -1);
    assert_int_equal (errno, EINVAL);
    brood_msg_t *none = NULL;
    assert_int_equal (brood_queue_put_msg (plain, 0, &none), -1);
    assert_int_equal (errno, EINVAL);
    assert_null (brood_queue_get_many (plain, 0, 0));
    assert_int_equal (errno, EINVAL);
    int (*const joinable[]) (brood_queue_t *) = { brood_queue_task_done,
                                                  brood_queue_task_failed,
                                                  brood_queue_deliveries };
    for (size_t i = 0; i < 3; i++) {
        errno = 0;
        assert_int_equal (joinable[i](plain), -1);
        assert_int_equal (errno, EINVAL);
        assert_int_equal (joinable[i](dead), -1);
        assert_int_equal (errno, EPERM);
    }
    assert_int_equal (brood_queue_join (plain, 0), -1);
    assert_int_equal (errno, EINVAL);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_join_before_get),
        cmocka_unit_test (s_test_putter_dies),
        cmocka_unit_test (s_test_exact),
        cmocka_unit_test (s_test_token),
        cmocka_unit_test (s_test_drain),
        cmocka_unit_test (s_test_producers_consumers),
        cmocka_unit_test (s_test_taker_dies),
        cmocka_unit_test (s_test_kills),
        cmocka_unit_test (s_test_handles),
        cmocka_unit_test (s_test_priorities),
        cmocka_unit_test (s_test_batches),
        cmocka_unit_test (s_test_picture_stays),
        cmocka_unit_test (s_test_close),
        cmocka_unit_test (s_test_bad_calls),
    };
    t_mark (argv);
    t_watchdog (240);
    brood_init (&argc, &argv);
    const int failed = cmocka_run_group_tests (tests, NULL, NULL);
    brood_fini ();
    return failed != 0 || t_marked_wait (0, 20) < 0;
}
