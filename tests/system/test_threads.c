// test_threads.c - many owners' threads, one, or none of ours
//
// SPDX-License-Identifier: MPL-2.0
//
// What a whole process has or has not (a foreign loop, an idle keeper) is seen
// in a child of its own, which is forked before this program has used brood.

#include "t.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <brood.h>

enum {
    THREADS = 8,
    ROUNDS = 60,
    ITEMS = 50,
    MANY = 5000
};

// For children, which have no test to fail.
#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            printf ( \
                "line %d: %s (%s)\n", __LINE__, #condition, brood_error ()); \
            fflush (stdout); \
            _exit (1); \
        } \
    } while (0)

typedef struct {
    _Atomic int go;
    _Atomic int started;
    _Atomic int count;
    _Atomic int slots[MANY];
} s_shared_t;

static s_shared_t *s_shared;

static s_shared_t *
s_share (brood_array_t **ret_array)
{
    *ret_array = brood_array_new_sized (sizeof *s_shared, 1);
    return brood_array_ptr (*ret_array);
}

static int
s_twice (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    (void) task;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return -1;
    return brood_msg_pack (out, "%d", 2 * n);
}
BROOD_TASK (s_twice);

static int
s_writes (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    (void) task;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return -1;
    atomic_store (&s_shared->slots[n], n + 1);
    atomic_fetch_add (&s_shared->count, 1);
    return brood_msg_pack (out, "%d", n);
}
BROOD_TASK (s_writes);

static int
s_held (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    atomic_fetch_add (&s_shared->started, 1);
    while (!atomic_load (&s_shared->go) && !brood_task_cancelled (task))
        usleep (300);
    return brood_msg_pack (out, "%d", 1);
}
BROOD_TASK (s_held);

BROOD_MAPPER (s_square, int, x, long, y)
{
    *y = (long) *x * *x;
    return 0;
}

BROOD_MAPPER (s_mapper_held, int, x, int, y)
{
    atomic_fetch_add (&s_shared->started, 1);
    while (!brood_task_cancelled (brood_task_current ()))
        usleep (300);
    return *y = *x * 0;
}

// --- A child with a loop of its own ----------------------------------------

// Threads that are neither libzmq's nor were there before.
static int
s_threads (void)
{
    char path[300], name[32];
    int count = 0;
    DIR *folder = opendir ("/proc/self/task");
    for (struct dirent *entry; (entry = readdir (folder)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf (path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = fopen (path, "r");
        if (!file)
            continue;
        if (fgets (name, sizeof name, file) && strncmp (name, "ZMQbg", 5) != 0)
            count++;
        fclose (file);
    }
    closedir (folder);
    return count;
}

typedef struct {
    brood_pool_t *pool;
    pthread_t thread;
    int left;
    int more;
    int sum;
} s_loop_t;

static void
s_loop_done (brood_future_t *future, void *arg)
{
    s_loop_t *self = arg;
    int n = 0;
    CHECK (pthread_equal (self->thread, pthread_self ()));
    CHECK (brood_future_get (future, 0, "%d", &n) == 0);
    self->sum += n;
    self->left--;
    // Some give more work from inside the dispatch.
    if (self->more-- > 0) {
        BROOD_AUTO (future)
        more = brood_pool_submit (self->pool, s_twice, "%d", 0);
        CHECK (brood_future_then (more, s_loop_done, self) == 0);
        self->left++;
    }
}

static void *
s_nothing (void *arg)
{
    return arg;
}

static void *
s_keep (void *arg)
{
    usleep (2000);
    (void) brood_future_set_result (arg, "%d", 5);
    return NULL;
}

static void
s_child_loop (void *arg)
{
    pthread_t thread;
    (void) arg;
    // A sanitizer may start a thread of its own together with the first.
    CHECK (pthread_create (&thread, NULL, s_nothing, NULL) == 0);
    pthread_join (thread, NULL);
    const int before = s_threads ();
    CHECK (brood_init (NULL, NULL) == 0);
    const int fd = brood_fd ();
    CHECK (fd >= 0 && brood_fd () == fd);
    s_loop_t loop = { .thread = pthread_self (), .left = ITEMS, .more = 30 };
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    CHECK (pool);
    loop.pool = pool;
    for (int i = 0; i < ITEMS; i++) {
        BROOD_AUTO (future) f = brood_pool_submit (pool, s_twice, "%d", i);
        CHECK (brood_future_then (f, s_loop_done, &loop) == 0);
    }
    struct epoll_event event = { .events = EPOLLIN };
    const int epoll = epoll_create1 (EPOLL_CLOEXEC);
    CHECK (epoll_ctl (epoll, EPOLL_CTL_ADD, fd, &event) == 0);
    // The descriptor alone is enough to go by: a lost wake-up hangs here.
    while (loop.left > 0) {
        CHECK (epoll_wait (epoll, &event, 1, -1) == 1);
        CHECK (brood_dispatch (0) >= 0);
    }
    CHECK (loop.sum == ITEMS * (ITEMS - 1));
    // What another thread ends wakes the loop, although no worker has spoken.
    BROOD_AUTO (future) promise = brood_future_new ();
    CHECK (brood_future_then (promise, s_loop_done, &loop) == 0);
    loop.left = 1;
    CHECK (pthread_create (&thread, NULL, s_keep, promise) == 0);
    while (loop.left > 0) {
        CHECK (epoll_wait (epoll, &event, 1, -1) == 1);
        CHECK (brood_dispatch (0) >= 0);
    }
    pthread_join (thread, NULL);
    CHECK (loop.sum == ITEMS * (ITEMS - 1) + 5);
    // Nothing to do: nothing readable, after what is still to be heard.
    while (epoll_wait (epoll, &event, 1, 200) == 1)
        CHECK (brood_dispatch (0) == 0);
    BROOD_AUTO (future)
    timed = brood_pool_submit_with (
        pool, s_twice, &(brood_task_options_t){ .timeout_ms = 60000 }, "%d", 1);
    CHECK (brood_future_wait (timed, -1) == 0);
    CHECK (s_threads () == before);
    CHECK (brood_pool_shutdown (pool, -1) == 0);
    close (epoll);
    printf ("well\n");
    fflush (stdout);
}

// --- A child that does not wait --------------------------------------------

// Clock ticks this process has used so far, over all its threads.
static long
s_ticks (void)
{
    char text[1024];
    long user, system;
    FILE *file = fopen ("/proc/self/stat", "r");
    const size_t size = fread (text, 1, sizeof text - 1, file);
    fclose (file);
    text[size] = '\0';
    const char *at = strrchr (text, ')');
    CHECK (at
           && sscanf (at + 2,
                      "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld",
                      &user,
                      &system)
                  == 2);
    return user + system;
}

static void
s_check_quiet (void)
{
    const long before = s_ticks ();
    usleep (600000);
    // 60 ticks would be one busy thread.
    CHECK (s_ticks () - before < 20);
}

static void
s_child_keeper (void *arg)
{
    (void) arg;
    brood_array_t *array;
    CHECK ((s_shared = s_share (&array)) != NULL);
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    for (int i = 0; i < MANY; i++) {
        brood_future_t *f = brood_pool_submit (pool, s_writes, "%d", i);
        CHECK (f);
        brood_future_destroy (&f);
    }
    // From here on not one call: memory is looked at, and that is all.
    while (atomic_load (&s_shared->count) < MANY)
        continue;
    for (int i = 0; i < MANY; i++)
        CHECK (atomic_load (&s_shared->slots[i]) == i + 1);
    CHECK (brood_pool_wait (pool, -1) == 0);
    s_check_quiet ();
    // Nor is anybody busy while a task is.
    BROOD_AUTO (future) held = brood_pool_submit (pool, s_held, "nil");
    while (atomic_load (&s_shared->started) < 1)
        usleep (300);
    s_check_quiet ();
    atomic_store (&s_shared->go, 1);
    CHECK (brood_future_wait (held, -1) == 0);
    brood_pool_destroy (&pool);
    brood_array_destroy (&array);
    printf ("well\n");
    fflush (stdout);
}

static void
s_test_child (void **state)
{
    static void (*const children[]) (void *arg) = { s_child_loop,
                                                    s_child_keeper };
    (void) state;
    for (size_t i = 0; i < sizeof children / sizeof *children; i++) {
        int status;
        char *said = t_run_child (children[i], NULL, 60, &status);
        if (strcmp (said, "well\n") != 0 || status != 0)
            fail_msg ("child %zu, status %d: %s", i, status, said);
        free (said);
    }
}

// --- Many owners -----------------------------------------------------------

typedef struct {
    brood_pool_t *pool;
    int number;
    int wrong;  // Line of the first thing that was
} s_owner_t;

#define EXPECT(self, condition) \
    do { \
        if (!(condition) && (self)->wrong == 0) \
            (self)->wrong = __LINE__; \
    } while (0)

static void
s_own_futures (s_owner_t *self, int round)
{
    brood_future_t *futures[ITEMS];
    int n, dropped = 0;
    for (int i = 0; i < ITEMS; i++)
        futures[i] = brood_pool_submit (self->pool, s_twice, "%d", round + i);
    for (int i = 0; i < ITEMS; i += 7)
        dropped += brood_future_cancel (futures[i]) == 1;
    for (int i = 0; i < ITEMS; i++) {
        if (brood_future_get (futures[i], -1, "%d", &n) == 0)
            EXPECT (self, n == 2 * (round + i));
        else {
            EXPECT (self, errno == ECANCELED && i % 7 == 0);
            dropped--;
        }
        brood_future_destroy (&futures[i]);
    }
    EXPECT (self, dropped == 0);
}

static void
s_own_map (s_owner_t *self, int round)
{
    int x[ITEMS];
    long y[ITEMS];
    for (int i = 0; i < ITEMS; i++)
        x[i] = self->number + round + i;
    EXPECT (self, brood_pool_map (self->pool, s_square, x, y, ITEMS) == 0);
    for (int i = 0; i < ITEMS; i++)
        EXPECT (self, y[i] == (long) x[i] * x[i]);
}

static void
s_own_stream (s_owner_t *self, int round)
{
    int n, got, count = 0;
    BROOD_AUTO (stream) s = brood_pool_imap (self->pool, s_twice, round % 2);
    for (int i = 0; i < ITEMS; i++)
        EXPECT (self, brood_stream_feed (s, "%d", i) == 0);
    if (round % 5 == 0)
        return;
    EXPECT (self, brood_stream_close (s) == 0);
    while ((got = brood_stream_next (s, -1, "%d", &n)) == 1) {
        EXPECT (self, n == 2 * brood_stream_index (s));
        count++;
    }
    EXPECT (self, got == 0 && count == ITEMS);
}

static void
s_own_any (s_owner_t *self)
{
    brood_future_t *futures[5];
    long i;
    int count = 0;
    for (int k = 0; k < 5; k++)
        futures[k] = brood_pool_submit (self->pool, s_twice, "%d", k);
    while ((i = brood_future_wait_any (futures, 5, -1)) >= 0) {
        brood_future_destroy (&futures[i]);
        count++;
    }
    EXPECT (self, count == 5);
}

static void *
s_own (void *arg)
{
    s_owner_t *self = arg;
    brood_pool_stats_t stats;
    for (int round = 0; round < ROUNDS; round++) {
        switch ((round + self->number) % 5) {
        case 0:
            s_own_futures (self, round);
            break;
        case 1:
            s_own_map (self, round);
            break;
        case 2:
            s_own_stream (self, round);
            break;
        case 3:
            s_own_any (self);
            break;
        default:
            EXPECT (self, brood_pool_stats (self->pool, &stats) == 0);
            EXPECT (self, brood_dispatch (0) >= 0);
        }
    }
    return NULL;
}

// Nothing but waits, some of them short: the lead goes from hand to hand.
static void *
s_ask (void *arg)
{
    s_owner_t *self = arg;
    int n;
    for (int i = 0; i < 5 * ROUNDS; i++) {
        BROOD_AUTO (future)
        f = brood_pool_submit (self->pool, s_twice, "%d", i);
        int rc = -1;
        if (i % 3 == 0)
            while ((rc = brood_future_get (f, i % 2, "%d", &n)) < 0
                   && errno == ETIMEDOUT)
                continue;
        else
            rc = brood_future_get (f, -1, "%d", &n);
        EXPECT (self, rc == 0 && n == 2 * i);
    }
    return NULL;
}

static void
s_run_owners (void *(*fn) (void *arg))
{
    s_owner_t owners[THREADS] = { 0 };
    pthread_t threads[THREADS];
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    assert_non_null (pool);
    for (int i = 0; i < THREADS; i++) {
        owners[i].pool = pool;
        owners[i].number = i;
        assert_int_equal (pthread_create (&threads[i], NULL, fn, &owners[i]),
                          0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join (threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal (owners[i].wrong, 0);
    assert_int_equal (brood_pool_shutdown (pool, -1), 0);
}

static void
s_test_owners (void **state)
{
    (void) state;
    s_run_owners (s_own);
}

static void
s_test_hand_over (void **state)
{
    (void) state;
    s_run_owners (s_ask);
}

// --- Interrupt -------------------------------------------------------------

static _Atomic int s_interrupted;

static void *
s_sleep (void *arg)
{
    int n;
    if (brood_future_get (arg, -1, "%d", &n) < 0 && errno == EINTR)
        atomic_fetch_add (&s_interrupted, 1);
    return NULL;
}

static void *
s_sleep_map (void *arg)
{
    int x[10] = { 0 };
    if (brood_pool_map (arg, s_mapper_held, x, x, 10) < 0 && errno == EINTR)
        atomic_fetch_add (&s_interrupted, 1);
    return NULL;
}

static void
s_test_interrupt (void **state)
{
    (void) state;
    pthread_t threads[5];
    int n = 0;
    brood_array_t *array;
    s_shared = s_share (&array);
    assert_non_null (s_shared);
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_held, "nil");
    for (int i = 0; i < 4; i++)
        assert_int_equal (pthread_create (&threads[i], NULL, s_sleep, f), 0);
    assert_int_equal (pthread_create (&threads[4], NULL, s_sleep_map, pool), 0);
    // One that comes before the wait is not for it, so it is said again.
    while (atomic_load (&s_interrupted) < 5) {
        brood_interrupt ();
        usleep (1000);
    }
    for (int i = 0; i < 5; i++)
        pthread_join (threads[i], NULL);
    assert_int_equal (brood_future_done (f), 0);
    atomic_store (&s_shared->go, 1);
    assert_int_equal (brood_future_get (f, -1, "%d", &n), 0);
    assert_int_equal (n, 1);
    brood_pool_destroy (&pool);
    brood_array_destroy (&array);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_child),  // First: see above
        cmocka_unit_test (s_test_owners),
        cmocka_unit_test (s_test_hand_over),
        cmocka_unit_test (s_test_interrupt),
    };
    t_watchdog (110);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
