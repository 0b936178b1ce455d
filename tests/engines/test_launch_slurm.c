// test_launch_slurm.c - agents in a real Slurm, of the test's own
//
// SPDX-License-Identifier: MPL-2.0
//
// What holds for any engine is in test_launch_local.c. One test is run again
// inside an allocation: test_launch_slurm inside.

#include "t_launch.h"

#include "t_fixture.h"

static const double s_real = 1.0;

static int
s_is_queued (t_launch_t *t, int n)
{
    (void) n;
    return strstr (t->said[2], "queued") != NULL;
}

static void
s_squeue (void *arg)
{
    (void) arg;
    execlp ("squeue", "squeue", "-h", "-t", "all", "-o", "%T", (char *) NULL);
    _exit (99);
}

// Also what is still being cleared away.
static int
s_no_jobs (void *arg)
{
    int status;
    (void) arg;
    char *said = t_run_child (s_squeue, NULL, 60, &status);
    const int none = status == 0 && !strstr (said, "RUNNING")
                     && !strstr (said, "PENDING")
                     && !strstr (said, "COMPLETING");
    free (said);
    return none;
}

static void
s_assert_no_jobs (void)
{
    assert_true (t_eventually (s_no_jobs, NULL, T_LAUNCH_SECONDS));
}

static void
s_find (t_launch_t *t, size_t host, int n, t_agent_t *ret_agent)
{
    for (int i = 0; t_launch_report (t, i, ret_agent); i++) {
        char line[BRD_LAUNCH_SECRET_MAX];
        t_launch_line (host, n, line);
        if (ret_agent->hash
            == brd_hash_add (BRD_HASH_EMPTY, line, strlen (line)))
            return;
    }
    fail_msg ("no agent has secret %d of host %zu", n, host);
}

static void
s_check_given (const char *spec, const char *const *words, int slots)
{
    static const char *const nodes[] = { "n1", "n2" };
    t_launch_t t;
    t_agent_t agent = { .pid = 0 };
    t_launch_init (&t, spec, words, "T_MODE=", s_real);
    t_launch_until (&t, t_launch_reported, 2);
    const brd_hosts_t *hosts = brd_launch_hosts (t.launch);
    assert_int_equal (hosts->count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal (hosts->entries[i].name, nodes[i]);
        assert_int_equal (hosts->entries[i].slots, slots);
        s_find (&t, i, 1, &agent);
        assert_string_equal (agent.node, nodes[i]);
        assert_string_equal (agent.value, t.env[2] + 8);
        for (int k = 0; words[k]; k++)
            assert_string_equal (agent.words[k], words[k]);
    }
    t_launch_stop (&t);
    assert_int_equal (t.over, 2);
    assert_int_equal (t.ended, 0);
    assert_int_equal (t.last.status, 0);
    assert_non_null (strstr (t.said[1], "this is out\n"));
    assert_non_null (strstr (t.said[2], "this is err\n"));
    t_launch_fini (&t);
}

static const char *const s_words[] = { "two words", "",      "it's",
                                       "\"q\"",     "a\\b",  "*",
                                       "a\nb",      "a,b=c", NULL };

static void
s_test_given (void **state)
{
    (void) state;
    s_check_given ("slurm:-N2 --ntasks-per-node=3", s_words, 3);
    s_assert_no_jobs ();
}

static void
s_exec_inside (void *arg)
{
    char self[256];
    const ssize_t n = readlink ("/proc/self/exe", self, sizeof self - 1);
    (void) arg;
    self[n > 0 ? n : 0] = '\0';
    execlp ("salloc", "salloc", "-N2", "-c4", self, "inside", (char *) NULL);
    _exit (99);
}

// The allocation is whose it was, and stays.
static void
s_test_inside (void **state)
{
    int status;
    (void) state;
    char *said = t_run_child (s_exec_inside, NULL, 90, &status);
    if (status != 0)
        fail_msg ("%s", said);
    free (said);
    s_assert_no_jobs ();
}

static int
s_inside (void)
{
    // Not this program's children's mark.
    char mark[32];
    snprintf (mark, sizeof mark, "%ld", (long) getpid ());
    setenv ("BROOD_T_MARK", mark, 1);
    s_check_given ("slurm", s_words, 4);
    s_check_given ("slurm:-N1", s_words, 4);
    return 0;
}

// It is started again, the other host's is left alone.
static void
s_test_killed (void **state)
{
    (void) state;
    t_launch_t t;
    t_agent_t agent = { .pid = 0 };
    t_launch_init (&t, "slurm:-N2", NULL, "T_MODE=", s_real);
    t_launch_until (&t, t_launch_reported, 2);
    for (size_t host = 0; host < 2; host++)
        brd_launch_joined (t.launch, host, brd_clock_now ());
    s_find (&t, 1, 1, &agent);
    kill (agent.pid, SIGKILL);
    t_launch_until (&t, t_launch_ended, 1);
    assert_int_equal (t.last.host, 1);
    assert_int_not_equal (t.last.status, 0);
    t_launch_until (&t, t_launch_reported, 3);
    s_find (&t, 1, 2, &agent);
    assert_string_equal (agent.node, "n2");
    assert_int_equal (t.secrets[0], 1);
    t_launch_stop (&t);
    assert_int_equal (t.all_over, 1);
    t_launch_fini (&t);
    s_assert_no_jobs ();
}

static void
s_test_not_granted (void **state)
{
    (void) state;
    t_launch_t t;
    t_launch_init (&t, "slurm:-w n9", NULL, "T_MODE=", s_real);
    t_launch_until (&t, t_launch_all_over, 0);
    assert_int_equal (t.all_over, 1);
    assert_int_equal (t.started, 0);
    assert_true (t.last.host == BRD_LAUNCH_ALL);
    assert_int_not_equal (t.last.status, 0);
    assert_true (strlen (t.last.text) > 0);
    t_launch_fini (&t);
}

static void
s_scancel (void *arg)
{
    (void) arg;
    execlp ("scancel", "scancel", "--name=brood", (char *) NULL);
    _exit (99);
}

// The allocation is taken away: agents end, and are not started again.
static void
s_test_cancelled (void **state)
{
    (void) state;
    int status;
    t_launch_t t;
    t_launch_init (&t, "slurm:-N2", NULL, "T_MODE=", s_real);
    t_launch_until (&t, t_launch_reported, 2);
    free (t_run_child (s_scancel, NULL, 60, &status));
    t_launch_until (&t, t_launch_all_over, 0);
    assert_int_equal (t.all_over, 1);
    assert_int_equal (t.over, 2);
    t_launch_fini (&t);
    s_assert_no_jobs ();
}

// In the queue, where it may stay for days.
static void
s_test_queued (void **state)
{
    (void) state;
    t_launch_t t, other;
    t_launch_init (&t, "slurm:-N2 --exclusive", NULL, "T_MODE=", s_real);
    t_launch_until (&t, t_launch_reported, 2);
    t_launch_init (&other, "slurm:-N1", NULL, "T_MODE=", 0.01);
    t_launch_until (&other, s_is_queued, 1);
    t_launch_stop (&other);
    assert_int_equal (other.all_over, 1);
    assert_int_equal (other.started, 0);
    t_launch_stop (&t);
    brd_launch_destroy (&other.launch);
    unlink (other.reports);
    t_launch_fini (&t);
    s_assert_no_jobs ();
}

// Without stop.
static void
s_test_destroyed (void **state)
{
    (void) state;
    t_launch_t t;
    t_launch_init (&t, "slurm:-N2", NULL, "T_MODE=", s_real);
    t_launch_until (&t, t_launch_reported, 2);
    t_launch_fini (&t);
    s_assert_no_jobs ();
}

// Whoever launched is killed: agents end, and nothing stays allocated.
static void
s_test_orphans (void **state)
{
    (void) state;
    t_launch_orphaned ("slurm:-N2");
    s_assert_no_jobs ();
    assert_int_equal (t_marked_wait (0, T_LAUNCH_SECONDS), 0);
}

int
main (int argc, char **argv)
{
    if (argc > 1 && strcmp (argv[1], "inside") == 0)
        return s_inside ();
    t_mark (argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_given),
        cmocka_unit_test (s_test_inside),
        cmocka_unit_test (s_test_killed),
        cmocka_unit_test (s_test_not_granted),
        cmocka_unit_test (s_test_cancelled),
        cmocka_unit_test (s_test_queued),
        cmocka_unit_test (s_test_destroyed),
        cmocka_unit_test (s_test_orphans),
    };
    t_watchdog (170);
    if (!t_fixture_start ("slurm"))
        return T_FIXTURE_SKIP;
    setenv ("SLURM_CONF", t_fixture_path ("slurm.conf"), 1);
    const int rc = cmocka_run_group_tests (tests, NULL, NULL);
    t_fixture_stop ();
    return rc;
}
