// test_remote_many.c - two hundred workers under ten agents
//
// SPDX-License-Identifier: MPL-2.0
//
// All on this machine, each agent with processes, sockets and a session of its
// own: what does not grow with that is seen here. Results are right, and when
// a host is killed in the middle, what it had ends and all else goes on.

#include "t_remote.h"

#define S_SPEC "local:200?hosts=10"

enum {
    S_TASKS = 20000,
    S_ITEMS = 1000000,
    S_WORKERS = 200
};

static int
s_twice (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return brood_task_fail (task, "wanted a number");
    t_remote_note (n);
    return brood_msg_pack (out, "%d", 2 * n);
}
BROOD_TASK (s_twice);

BROOD_MAPPER (s_square, int, x, long, y)
{
    *y = (long) *x * *x;
    return 0;
}

static int
s_has_all (void *arg)
{
    brood_pool_stats_t stats;
    return brood_pool_stats (arg, &stats) == 0 && stats.workers == S_WORKERS;
}

static void
s_map (brood_pool_t *pool)
{
    static int in[S_ITEMS];
    static long out[S_ITEMS];
    for (int i = 0; i < S_ITEMS; i++)
        in[i] = i;
    T_MUST (brood_pool_map (pool, s_square, in, out, S_ITEMS) == 0);
    for (int i = 0; i < S_ITEMS; i++)
        T_MUST (out[i] == (long) i * i);
}

// How many failed, because a host was killed when half had begun.
static int
s_tasks (brood_pool_t *pool, t_remote_page_t *page, int kills)
{
    static brood_future_t *futures[S_TASKS];
    int lost = 0;
    for (int i = 0; i < S_TASKS; i++)
        T_MUST ((futures[i] = brood_pool_submit (pool, s_twice, "%d", i)));
    while (kills && atomic_load (&page->begun) < S_TASKS / 2)
        (void) usleep (1000);
    if (kills)
        T_MUST (kill (atomic_load (&page->last[0].agent), SIGKILL) == 0);
    for (int i = 0; i < S_TASKS; i++) {
        int n = -1;
        const int rc = brood_future_get (futures[i], 100000, "%d", &n);
        T_MUST (rc == 0 ? n == 2 * i : kills && errno == ECHILD);
        lost += rc < 0;
        brood_future_destroy (&futures[i]);
    }
    for (int i = 0; i < S_TASKS; i++) {
        T_MUST (atomic_load (&page->runs[i]) <= 1);
        atomic_store (&page->runs[i], 0);
    }
    atomic_store (&page->begun, 0);
    return lost;
}

static void
s_many (void *arg)
{
    char path[] = "/tmp/test_remote_many.XXXXXX";
    t_remote_page_t *page = t_remote_page (path);
    // Who was killed comes again sooner.
    T_MUST (setenv ("BROOD_TIME_SCALE", "0.5", 1) == 0);
    BROOD_AUTO (pool) pool = t_remote_open (arg);
    T_MUST (t_eventually (s_has_all, pool, 100));
    T_MUST (s_tasks (pool, page, 0) == 0);
    s_map (pool);
    const int lost = s_tasks (pool, page, 1);
    T_MUST (t_eventually (s_has_all, pool, 100));
    s_map (pool);
    printf ("%d of %d tasks were lost with their host\n", lost, S_TASKS);
    T_MUST (unlink (path) == 0);
}

static void
s_test_many (void **state)
{
    (void) state;
    t_remote_run (s_many, S_SPEC, 0);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test (s_test_many) };
    t_remote_begin (argc, argv, 280);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
