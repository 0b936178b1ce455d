// test_remote_chaos.c - workers, agents and brokers killed at any moment
//
// SPDX-License-Identifier: MPL-2.0
//
//     test_remote_chaos           seeds of the day's, which it says
//     T_SEED=17 test_remote_chaos the same kills again, about
//
// A hundred thousand tasks, and as many items of a map, on two hosts of four
// workers, which are killed all the time: most often a worker, now and then an
// agent; in rounds of their own the broker. A page that all of them share says
// how often each was begun. Each has one outcome; one that has a result was
// begun once, or, with retries, not more often than those allow; and nothing
// is left behind.

#include "t_remote.h"

#include <pthread.h>
#include <time.h>

#define S_SPEC "local:8?hosts=2"

enum {
    N = T_REMOTE_ITEMS,
    S_KILLS = 25,
    S_RETRIES = 3
};

static unsigned s_seed;

// --- What runs there -------------------------------------------------------

// Begun, and then busy for some microseconds, in which it may die.
static void
s_begin_item (int n)
{
    t_remote_note (n);
    for (volatile int i = 0; i < 10000; i++)
        continue;
}

static int
s_note (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return brood_task_fail (task, "wanted a number");
    s_begin_item (n);
    return brood_msg_pack (out, "%d", 2 * n);
}
BROOD_TASK (s_note);

BROOD_MAPPER (s_square, int, x, long, y)
{
    s_begin_item (*x);
    *y = (long) *x * *x;
    return 0;
}

// --- Who kills -------------------------------------------------------------

typedef struct {
    t_remote_page_t *page;
    int of_broker;  // 1: that one, once; 0: whoever runs something
    uint64_t random;
    _Atomic int over;
    int workers;
    int agents;
    int brokers;
} s_killer_t;

static unsigned
s_below (s_killer_t *self, unsigned n)
{
    self->random = self->random * UINT64_C (6364136223846793005) + 1;
    return (unsigned) (self->random >> 33) % n;
}

// Numbers are used again: only one of ours, and alive.
static int
s_kill (pid_t pid)
{
    pid_t pids[256];
    const int count = t_marked (pids, 256);
    for (int i = 0; i < count && i < 256; i++)
        if (pids[i] == pid)
            return kill (pid, SIGKILL) == 0;
    return 0;
}

static void
s_strike (s_killer_t *self, int of_agent)
{
    const long n = atomic_load (&self->page->begun) - 1;
    const int place = (int) (n - (int) s_below (self, 8)) & (T_REMOTE_LAST - 1);
    const pid_t worker = atomic_load (&self->page->last[place].worker);
    const pid_t agent = atomic_load (&self->page->last[place].agent);
    if (self->of_broker)
        self->brokers += s_kill (t_remote_parent (agent));
    else if (of_agent)
        self->agents += s_kill (agent);
    else
        self->workers += s_kill (worker);
}

// Each when some more have begun, or when nothing has for a while: agents take
// along what they had, and take their time to come again.
static void *
s_kill_all (void *arg)
{
    s_killer_t *self = arg;
    for (int i = 0; i < S_KILLS && !self->over; i++) {
        const unsigned most = self->of_broker ? N / 2 : N / S_KILLS;
        const long more = 1 + (long) s_below (self, most);
        const long until = atomic_load (&self->page->begun) + more;
        for (int ms = 0; ms < 3000 && !self->over
                         && atomic_load (&self->page->begun) < until;
             ms++)
            (void) usleep (1000);
        if (!self->over && atomic_load (&self->page->begun) > 0)
            s_strike (self, i % 5 == 4);
        if (self->brokers > 0)
            break;
    }
    return NULL;
}

// --- Rounds ----------------------------------------------------------------

typedef struct {
    char path[40];
    brood_pool_t *pool;
    s_killer_t killer;
    pthread_t thread;
    long good;
    long begun;
} s_round_t;

static void
s_begin (s_round_t *self, int of_broker)
{
    *self = (s_round_t){ .path = "/tmp/test_remote_chaos.XXXXXX" };
    // Agents that have died come again sooner.
    T_MUST (setenv ("BROOD_TIME_SCALE", "0.3", 1) == 0);
    self->killer.page = t_remote_page (self->path);
    self->killer.random = s_seed;
    self->killer.of_broker = of_broker;
    self->pool = t_remote_open (S_SPEC);
    T_MUST (pthread_create (&self->thread, NULL, s_kill_all, &self->killer)
            == 0);
}

// One outcome, which agrees with how often it was begun.
static void
s_judge (s_round_t *self, int item, int error, int retries)
{
    const int runs = atomic_load (&self->killer.page->runs[item]);
    const int bad =
        error == 0 ? runs < 1 || runs > 1 + retries
                   : runs > 1 + retries || (error != ECHILD && error != EPIPE);
    if (bad)
        fprintf (stderr,
                 "seed %u: item %d begun %d times, errno %d\n",
                 s_seed,
                 item,
                 runs,
                 error);
    T_MUST (!bad);
    self->good += error == 0;
    self->begun += runs;
}

static void
s_end (s_round_t *self, const char *what)
{
    self->killer.over = 1;
    T_MUST (pthread_join (self->thread, NULL) == 0);
    brood_pool_destroy (&self->pool);
    printf ("%s, seed %u: %ld of %d good, %ld begun; killed %d workers, %d "
            "agents, %d brokers\n",
            what,
            s_seed,
            self->good,
            N,
            self->begun,
            self->killer.workers,
            self->killer.agents,
            self->killer.brokers);
    T_MUST (self->good > 0 || self->killer.of_broker);
    T_MUST (munmap (self->killer.page, sizeof *self->killer.page) == 0);
    T_MUST (unlink (self->path) == 0);
}

static void
s_tasks (int of_broker, int retries, const char *what)
{
    static brood_future_t *futures[N];
    static int errors[N];
    const brood_task_options_t options = { .retries = retries };
    s_round_t round;
    s_begin (&round, of_broker);
    for (int i = 0; i < N; i++) {
        futures[i] =
            brood_pool_submit_with (round.pool, s_note, &options, "%d", i);
        errors[i] = futures[i] ? 0 : errno;
        T_MUST (futures[i] || (of_broker && errno == EPIPE));
    }
    for (int i = 0; i < N; i++) {
        int n = -1;
        if (!futures[i])
            continue;
        if (brood_future_get (futures[i], 100000, "%d", &n) < 0)
            errors[i] = errno;
        T_MUST (errors[i] != 0 || n == 2 * i);
        brood_future_destroy (&futures[i]);
    }
    // All have ended, nothing begins any more.
    for (int i = 0; i < N; i++)
        s_judge (&round, i, errors[i], retries);
    s_end (&round, what);
}

static void
s_items (int of_broker, const char *what)
{
    static int in[N], errors[N];
    static long out[N];
    // Small ones, as what an agent has is lost with it.
    const brood_map_options_t options = { .ret_errors = errors, .chunk = 100 };
    s_round_t round;
    for (int i = 0; i < N; i++)
        in[i] = i;
    s_begin (&round, of_broker);
    (void) brood_pool_map_with (round.pool, s_square, in, out, N, &options);
    for (int i = 0; i < N; i++) {
        T_MUST (errors[i] != 0 || out[i] == (long) i * i);
        s_judge (&round, i, errors[i], 0);
    }
    s_end (&round, what);
}

static void
s_tasks_die (void *arg)
{
    (void) arg;
    s_tasks (0, 0, "tasks");
}

static void
s_retries_die (void *arg)
{
    (void) arg;
    s_tasks (0, S_RETRIES, "tasks with retries");
}

static void
s_items_die (void *arg)
{
    (void) arg;
    s_items (0, "a map");
}

static void
s_tasks_of_broker (void *arg)
{
    (void) arg;
    s_tasks (1, 0, "tasks of a broker that dies");
}

static void
s_items_of_broker (void *arg)
{
    (void) arg;
    s_items (1, "a map of a broker that dies");
}

#define TEST(name) \
    static void s_test_##name (void **state) \
    { \
        (void) state; \
        t_remote_run (s_##name, S_SPEC, 0); \
    }

TEST (tasks_die)
TEST (retries_die)
TEST (items_die)
TEST (tasks_of_broker)
TEST (items_of_broker)

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_tasks_die),
        cmocka_unit_test (s_test_retries_die),
        cmocka_unit_test (s_test_items_die),
        cmocka_unit_test (s_test_tasks_of_broker),
        cmocka_unit_test (s_test_items_of_broker),
    };
    t_remote_begin (argc, argv, 280);
    const char *seed = getenv ("T_SEED");
    s_seed = seed ? (unsigned) atol (seed) : (unsigned) time (NULL);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
