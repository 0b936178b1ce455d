// test_launch_ssh.c - agents through a real ssh, to a server of the test's own
//
// SPDX-License-Identifier: MPL-2.0
//
// What holds for any engine is in test_launch_local.c. The mark by which the
// tests know what they have started goes through ssh as T_VALUE does.

#include "t_launch.h"

#include "t_fixture.h"

static const double s_real = 1.0;
static const double s_quick = 0.01;

static int
s_pids_gone (void *arg)
{
    return kill (*(pid_t *) arg, 0) < 0;
}

// Through the login shell of whoever runs this.
static void
s_test_given (void **state)
{
    (void) state;
    const char *words[] = { "two words", "",      "it's", "\"q\"",
                            "a\\b\\\\",  "$HOME", "`id`", "$(id)",
                            "*",         "~",     "a\nb", "!!",
                            "#no",       ";|&<>", "A=b",  "-n",
                            "\xc3\xa4",  "{a,b}", NULL };
    t_launch_t t;
    t_agent_t agent = { .pid = 0 };
    t_launch_init (&t, "ssh:n[1-2],127.0.0.1/3", words, "T_MODE=", s_real);
    const brd_hosts_t *hosts = brd_launch_hosts (t.launch);
    assert_int_equal (hosts->count, 3);
    assert_string_equal (hosts->entries[1].name, "n2");
    assert_int_equal (hosts->entries[2].slots, 3);
    t_launch_until (&t, t_launch_reported, 3);
    for (int i = 0; i < 3; i++) {
        assert_true (t_launch_report (&t, i, &agent));
        assert_int_equal (agent.fds, 0);
        assert_string_equal (agent.value, t.env[2] + 8);
        assert_int_equal (agent.n_words, 18);
        for (int k = 0; k < 18; k++)
            assert_string_equal (agent.words[k], words[k]);
        assert_true (t_launch_has_read (&t, (size_t) i, 1));
    }
    t_launch_stop (&t);
    assert_int_equal (t.over, 3);
    assert_int_equal (t.last.status, 0);
    assert_string_equal (t.last.text, "this is err");
    assert_non_null (strstr (t.said[1], "this is out\n"));
    t_launch_fini (&t);
}

static void
s_test_odd_path (void **state)
{
    (void) state;
    t_launch_t t;
    t_launch_prepare (&t, "ssh:n1", NULL, "T_MODE=");
    const char *path = t_fixture_path ("an 'agent'=$odd");
    assert_int_equal (symlink (T_AGENT, path), 0);
    t.argv[0] = path;
    t_launch_make (&t, s_real);
    t_launch_until (&t, t_launch_reported, 1);
    t_launch_stop (&t);
    unlink (path);
    t_launch_fini (&t);
}

static void
s_test_agent_killed (void **state)
{
    (void) state;
    t_launch_t t;
    t_agent_t agent = { .pid = 0 };
    t_launch_init (&t, "ssh:n1", NULL, "T_MODE=", 0.05);
    t_launch_until (&t, t_launch_reported, 1);
    brd_launch_joined (t.launch, 0, brd_clock_now ());
    assert_true (t_launch_report (&t, 0, &agent));
    kill (agent.pid, SIGKILL);
    t_launch_until (&t, t_launch_ended, 1);
    assert_int_equal (t.last.status, 255);
    t_launch_until (&t, t_launch_reported, 2);
    assert_true (t_launch_has_read (&t, 0, 2));
    t_launch_stop (&t);
    t_launch_fini (&t);
}

// ssh is killed here, as if by an impatient owner: the agent sees the end.
static void
s_test_destroyed (void **state)
{
    (void) state;
    t_launch_t t;
    t_agent_t agent = { .pid = 0 };
    t_launch_init (&t, "ssh:n1", NULL, "T_MODE=", s_real);
    t_launch_until (&t, t_launch_reported, 1);
    assert_true (t_launch_report (&t, 0, &agent));
    t_launch_fini (&t);
    assert_true (t_eventually (s_pids_gone, &agent.pid, T_LAUNCH_SECONDS));
}

static void
s_test_final (void **state)
{
    (void) state;
    t_launch_t t;
    t_launch_init (&t, "ssh:n1", NULL, "T_MODE=", s_real);
    t.argv[0] = "/nowhere/agent";
    t_launch_until (&t, t_launch_over, 1);
    assert_int_equal (t.started, 1);
    assert_int_equal (t.last.status, 127);
    assert_non_null (strstr (t.last.text, "/nowhere/agent"));
    t_launch_fini (&t);
}

// A host that never comes up is told of, with what ssh says, and left alone.
static void
s_test_given_up (void **state)
{
    (void) state;
    t_launch_t t;
    t_launch_init (&t, "ssh:n1:1", NULL, "T_MODE=", s_quick);
    t_launch_until (&t, t_launch_over, 1);
    assert_int_equal (t.started, BRD_LAUNCH_TRIES);
    assert_int_equal (t.last.status, 255);
    assert_non_null (strstr (t.last.text, "refused"));
    assert_string_equal (t.last.name, "n1");
    t_launch_fini (&t);
}

// BROOD_SSH with words; what is said first counts.
static void
s_test_command (void **state)
{
    char command[320];
    char before[300];
    (void) state;
    t_launch_t t;
    snprintf (before, sizeof before, "%s", getenv ("BROOD_SSH"));
    snprintf (command, sizeof command, "%s  -p  1", before);
    setenv ("BROOD_SSH", command, 1);
    t_launch_init (&t, "ssh:n1", NULL, "T_MODE=", s_quick);
    t_launch_until (&t, t_launch_ended, 1);
    assert_non_null (strstr (t.last.text, "port 1:"));
    setenv ("BROOD_SSH", before, 1);
    t_launch_until (&t, t_launch_reported, 1);
    t_launch_stop (&t);
    t_launch_fini (&t);
}

static void
s_test_many (void **state)
{
    (void) state;
    t_launch_t t;
    t_launch_init (&t, "ssh:n[1-8]", NULL, "T_MODE=", s_real);
    t_launch_until (&t, t_launch_reported, 8);
    t_launch_stop (&t);
    assert_int_equal (t.over, 8);
    assert_int_equal (t.ended, 0);
    t_launch_fini (&t);
}

int
main (int argc, char **argv)
{
    (void) argc;
    t_mark (argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_given),
        cmocka_unit_test (s_test_odd_path),
        cmocka_unit_test (s_test_agent_killed),
        cmocka_unit_test (s_test_destroyed),
        cmocka_unit_test (s_test_final),
        cmocka_unit_test (s_test_given_up),
        cmocka_unit_test (s_test_command),
        cmocka_unit_test (s_test_many),
    };
    t_watchdog (110);
    if (!t_fixture_start ("sshd"))
        return T_FIXTURE_SKIP;
    setenv ("BROOD_SSH", t_fixture_path ("ssh"), 1);
    const int rc = cmocka_run_group_tests (tests, NULL, NULL);
    t_fixture_stop ();
    return rc;
}
