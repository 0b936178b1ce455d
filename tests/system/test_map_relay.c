// test_map_relay.c - maps through a broker to agents
//
// SPDX-License-Identifier: MPL-2.0
//
// What test_map_remote.c promises of a pool next door, of one two levels below
// that shares nothing with the program but the test's own counters.

#include "t_relay.h"

enum {
    N = 600
};

// Of all processes.
static struct {
    _Atomic int runs[N];
} * s_shared;

static int
s_is_victim (int n)
{
    return n == 0 || n == 333 || n == N - 1;
}

static void
s_begin (int n)
{
    if (atomic_fetch_add (&s_shared->runs[n], 1) == 0 && s_is_victim (n)) {
        t_default_signals ();
        raise (SIGKILL);
    }
}

BROOD_MAPPER (s_mapper, int, x, long, y)
{
    s_begin (*x);
    if (*x % 50 == 49)
        return brood_task_fail (brood_task_current (), "%d is odd", *x);
    *y = 3L * *x;
    return 0;
}

static int
s_task (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return -1;
    s_begin (n);
    if (n % 50 == 49)
        return brood_task_fail (task, "%d is odd", n);
    return brood_msg_pack (out, "%d", 3 * n);
}

static const size_t s_chunks[] = { 0, 1, 7, N };

static void
s_reset (void)
{
    for (int i = 0; i < N; i++)
        atomic_store (&s_shared->runs[i], 0);
}

static int
s_expected (int n)
{
    return s_is_victim (n) ? ECHILD : n % 50 == 49 ? EIO : 0;
}

// Each item that dies costs itself, and all run once.
static void
s_deaths (void *arg)
{
    int x[N], errors[N];
    long y[N];
    t_relay_t relay;
    (void) arg;
    t_relay (&relay, 2, 0);
    for (size_t c = 0; c < sizeof s_chunks / sizeof *s_chunks; c++) {
        s_reset ();
        for (int i = 0; i < N; i++) {
            x[i] = i;
            y[i] = -7;
        }
        assert_int_equal (brood_pool_map_with (
                              relay.pool,
                              s_mapper,
                              x,
                              y,
                              N,
                              &(brood_map_options_t){ .chunk = s_chunks[c],
                                                      .ret_errors = errors }),
                          -1);
        if (errno != ECHILD)
            fail_msg ("%s", brood_error ());
        for (int i = 0; i < N; i++) {
            const int error = s_expected (i);
            assert_int_equal (errors[i], error);
            assert_int_equal (y[i], error ? -7 : 3L * i);
            assert_int_equal (atomic_load (&s_shared->runs[i]), 1);
        }
    }
    t_relay_end (&relay);
}

static void
s_messages (void *arg)
{
    int errors[N];
    t_relay_t relay;
    (void) arg;
    t_relay (&relay, 2, 0);
    BROOD_AUTO (msg) items = brood_msg_new ("[]");
    for (int i = 0; i < N; i++)
        assert_int_equal (brood_msg_append (items, "%d", i), 0);
    for (size_t c = 0; c < sizeof s_chunks / sizeof *s_chunks; c++) {
        s_reset ();
        BROOD_AUTO (msg)
        all =
            brood_pool_map_msg (relay.pool,
                                s_task,
                                items,
                                &(brood_map_options_t){ .chunk = s_chunks[c],
                                                        .ret_errors = errors });
        assert_int_equal (brood_msg_len (all, ""), N);
        brood_iter_t it = brood_msg_iter (all, "");
        for (int i = 0; i < N; i++) {
            int n;
            assert_int_equal (errors[i], s_expected (i));
            assert_int_equal (atomic_load (&s_shared->runs[i]), 1);
            if (errors[i] != 0)
                assert_int_equal (brood_iter_next (&it, "nil"), 1);
            else {
                assert_int_equal (brood_iter_next (&it, "%d", &n), 1);
                assert_int_equal (n, 3 * i);
            }
        }
    }
    t_relay_end (&relay);
}

BROOD_MAPPER (s_plus, int, x, long, y)
{
    *y = *x + *(const int *) arg;
    return 0;
}

// Many times what one message has.
static void
s_large (void *arg)
{
    enum {
        LARGE = 2000000
    };
    t_relay_t relay;
    int *x = malloc (LARGE * sizeof *x);   // lint: a test
    long *y = malloc (LARGE * sizeof *y);  // lint: a test
    const int more = 5;
    (void) arg;
    assert_true (x && y);
    for (int i = 0; i < LARGE; i++)
        x[i] = i;
    t_relay (&relay, 2, 0);
    assert_int_equal (
        brood_pool_map_with (relay.pool,
                             s_plus,
                             x,
                             y,
                             LARGE,
                             &(brood_map_options_t){
                                 .arg = &more, .arg_size_bytes = sizeof more }),
        0);
    for (int i = 0; i < LARGE; i++)
        assert_int_equal (y[i], i + 5);
    free (x);  // lint: a test
    free (y);  // lint: a test
    t_relay_end (&relay);
}

BROOD_MAPPER (s_slow, int, x, long, y)
{
    atomic_fetch_add (&s_shared->runs[*x], 1);
    atomic_fetch_add (&t_here->begun, 1);
    usleep (2000);
    *y = 3L * *x;
    return 0;
}

static int
s_have_begun (void *n)
{
    return atomic_load (&t_here->begun) >= *(int *) n;
}

// What an agent takes along may have run, and does not run again.
static void
s_agent_dies (void *arg)
{
    static int x[N], errors[N];
    static long y[N];
    int begun = 50, failed = 0;
    t_relay_t relay;
    (void) arg;
    t_relay (&relay, 2, 0);
    for (int i = 0; i < N; i++)
        x[i] = i;
    const pid_t killer = fork ();
    if (killer == 0) {
        (void) t_eventually (s_have_begun, &begun, 60);
        kill (relay.agents[0], SIGKILL);
        _exit (0);
    }
    (void) brood_pool_map_with (
        relay.pool,
        s_slow,
        x,
        y,
        N,
        &(brood_map_options_t){ .ret_errors = errors, .chunk = 10 });
    for (int i = 0; i < N; i++) {
        assert_true (errors[i] == 0 || errors[i] == ECHILD);
        failed += errors[i] != 0;
        const int runs = atomic_load (&s_shared->runs[i]);
        assert_true (errors[i] == 0 ? runs == 1 && y[i] == 3L * i : runs <= 1);
    }
    // It had some in advance, but not all there were.
    assert_true (failed < N / 2);
    t_relay_end (&relay);
}

typedef struct {
    void (*fn) (void *arg);
} s_scene_t;

static void
s_test (void **state)
{
    const s_scene_t *scene = *state;
    int status;
    t_here_new ();
    s_reset ();
    setenv ("CMOCKA_TEST_ABORT", "1", 1);
    char *output = t_run_child (scene->fn, NULL, 100, &status);
    unsetenv ("CMOCKA_TEST_ABORT");
    if (!WIFEXITED (status) || WEXITSTATUS (status) != 0)
        fail_msg ("status %x: %s", (unsigned) status, output);
    free (output);
    assert_int_equal (t_marked_wait (0, 60), 0);
    munmap (t_here, sizeof *t_here);
}

#define S_TEST(scene) \
    { \
#scene, s_test, NULL, NULL, &(s_scene_t) \
        { \
            scene \
        } \
    }

int
main (int argc, char **argv)
{
    (void) argc;
    t_mark (argv);
    const struct CMUnitTest tests[] = {
        S_TEST (s_deaths),
        S_TEST (s_messages),
        S_TEST (s_large),
        S_TEST (s_agent_dies),
    };
    t_watchdog (400);
    s_shared = t_share (sizeof *s_shared);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
