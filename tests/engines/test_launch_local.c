// test_launch_local.c - agents on this host: started, watched, started again
//
// SPDX-License-Identifier: MPL-2.0
//
// What launchers do whatever the engine is, and the engine that is always
// there.

#include "t_launch.h"

#include <fcntl.h>

#include "base/brd_fault.h"

// Real times: nothing that these tests wait for.
static const double s_real = 1.0;
// So that a minute is a moment.
static const double s_quick = 0.01;

// --- What an agent is given ------------------------------------------------

static void
s_test_given (void **state)
{
    (void) state;
    t_launch_t t;
    t_agent_t agent = { .pid = 0 };
    const char *words[] = { "two words", "", "it's", NULL };
    // Neither a descriptor of ours nor a signal's disposition gets through.
    const int leak = open ("/dev/null", O_RDONLY);
    struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
    sigaction (SIGUSR1, &ignore, &before);
    sigset_t set;
    sigemptyset (&set);
    sigaddset (&set, SIGUSR2);
    sigprocmask (SIG_BLOCK, &set, NULL);
    assert_true (leak > 2);
    t_launch_init (&t, "local:8?hosts=3", words, "T_MODE=", s_real);
    const brd_hosts_t *hosts = brd_launch_hosts (t.launch);
    assert_int_equal (hosts->count, 3);
    assert_int_equal (hosts->entries[0].slots, 3);
    assert_int_equal (hosts->entries[2].slots, 2);
    assert_string_equal (hosts->entries[1].name, "local2");
    t_launch_until (&t, t_launch_reported, 3);
    for (int i = 0; i < 3; i++) {
        assert_true (t_launch_report (&t, i, &agent));
        assert_int_equal (agent.fds, 0);
        assert_int_equal (agent.signals, 0);
        assert_string_equal (agent.value, t.env[2] + 8);
        assert_int_equal (agent.n_words, 3);
        for (int k = 0; k < 3; k++)
            assert_string_equal (agent.words[k], words[k]);
        assert_int_equal (getsid (agent.pid), agent.pid);
        assert_true (t_launch_has_read (&t, (size_t) i, 1));
    }
    t_launch_stop (&t);
    assert_int_equal (t.started, 3);
    assert_int_equal (t.over, 3);
    assert_int_equal (t.last.stopped, 1);
    assert_int_equal (t.last.status, 0);
    assert_string_equal (t.last.text, "this is err");
    assert_non_null (strstr (t.said[1], "this is out\n"));
    assert_non_null (strstr (t.said[2], "this is err\n"));
    t_launch_fini (&t);
    close (leak);
    sigaction (SIGUSR1, &before, NULL);
    sigprocmask (SIG_UNBLOCK, &set, NULL);
}

// Ours comes along, and what is set takes the place of one of the same name.
static void
s_test_env (void **state)
{
    (void) state;
    t_launch_t t;
    setenv ("T_VALUE", "of before", 1);
    setenv ("T_MODE", "77", 1);
    t_launch_init (&t, "local", NULL, "T_NO_MODE=", s_real);
    t_agent_t agent = { .pid = 0 };
    t_launch_until (&t, t_launch_reported, 1);
    assert_true (t_launch_report (&t, 0, &agent));
    assert_string_equal (agent.value, t.env[2] + 8);
    t_launch_until (&t, t_launch_over, 1);
    assert_int_equal (t.last.status, 77);
    t_launch_fini (&t);
    unsetenv ("T_VALUE");
    unsetenv ("T_MODE");
}

// --- Ends ------------------------------------------------------------------

static void
s_test_killed (void **state)
{
    (void) state;
    t_launch_t t;
    t_agent_t agent = { .pid = 0 };
    t_launch_init (&t, "local?hosts=2", NULL, "T_MODE=", s_quick);
    t_launch_until (&t, t_launch_reported, 2);
    for (size_t host = 0; host < 2; host++)
        brd_launch_joined (t.launch, host, brd_clock_now ());
    assert_true (t_launch_report (&t, 0, &agent));
    kill (agent.pid, SIGKILL);
    t_launch_until (&t, t_launch_ended, 1);
    assert_int_equal (t.last.happened, BRD_LAUNCH_ENDED);
    assert_int_equal (t.last.signal, SIGKILL);
    assert_int_equal (t.last.status, -1);
    assert_int_equal (t.last.error, 0);
    const size_t host = t.last.host;
    t_launch_until (&t, t_launch_reported, 3);
    // With a secret of its own.
    assert_true (t_launch_has_read (&t, host, 2));
    assert_int_equal (t.secrets[1 - host], 1);
    t_launch_stop (&t);
    t_launch_fini (&t);
}

// One that fails at once is tried so often, later each time, and no more.
static void
s_test_given_up (void **state)
{
    (void) state;
    t_launch_t t;
    t_launch_init (&t, "local", NULL, "T_MODE=3", s_quick);
    const int64_t begin = brd_clock_now ();
    t_launch_until (&t, t_launch_over, 1);
    assert_int_equal (t.started, BRD_LAUNCH_TRIES);
    assert_int_equal (t.ended, BRD_LAUNCH_TRIES - 1);
    assert_int_equal (t.last.tries, BRD_LAUNCH_TRIES);
    assert_int_equal (t.last.status, 3);
    assert_int_equal (t.last.stopped, 0);
    // Pauses of 1, 2, 4 and 8 seconds.
    assert_true (brd_clock_now () - begin >= (int64_t) (15e9 * s_quick));
    assert_true (brd_launch_is_over (t.launch));
    assert_true (brd_launch_due (t.launch) == BRD_NEVER);
    t_launch_fini (&t);
}

// So is one that joins and does not hold.
static void
s_test_does_not_hold (void **state)
{
    (void) state;
    t_launch_t t;
    t_agent_t agent = { .pid = 0 };
    t_launch_init (&t, "local", NULL, "T_MODE=", s_quick);
    for (int i = 0; i < BRD_LAUNCH_TRIES; i++) {
        t_launch_until (&t, t_launch_reported, i + 1);
        const int64_t now = brd_clock_now ();
        assert_true (t_launch_report (&t, i, &agent));
        brd_launch_joined (t.launch, 0, now);
        kill (agent.pid, SIGKILL);
        while (t.ended + t.over == i) {
            // Time stands still, for the time it is up to be none.
            poll (&(struct pollfd){ brd_launch_fd (t.launch), POLLIN, 0 },
                  1,
                  1000);
            brd_launch_turn (t.launch, now);
        }
    }
    assert_int_equal (t.over, 1);
    t_launch_fini (&t);
}

static void
s_test_holds (void **state)
{
    (void) state;
    t_launch_t t;
    t_agent_t agent = { .pid = 0 };
    t_launch_init (&t, "local", NULL, "T_MODE=", s_quick);
    for (int i = 0; i < BRD_LAUNCH_TRIES + 1; i++) {
        t_launch_until (&t, t_launch_reported, i + 1);
        assert_true (t_launch_report (&t, i, &agent));
        // A minute ago.
        const int64_t minute = (int64_t) (60e9 * s_quick);
        brd_launch_joined (t.launch, 0, brd_clock_now () - minute);
        kill (agent.pid, SIGKILL);
        t_launch_until (&t, t_launch_ended, i + 1);
        assert_int_equal (t.last.tries, 0);
    }
    t_launch_stop (&t);
    t_launch_fini (&t);
}

static void
s_test_never_joins (void **state)
{
    (void) state;
    t_launch_t t;
    t_launch_init (&t, "local", NULL, "T_MODE=", s_quick);
    t_launch_until (&t, t_launch_ended, 1);
    assert_int_equal (t.last.late, 1);
    t_launch_until (&t, t_launch_reported, 2);
    brd_launch_joined (t.launch, 0, brd_clock_now ());
    t_launch_stop (&t);
    assert_int_equal (t.last.late, 0);
    t_launch_fini (&t);
}

// Codes that trying again would not change.
static void
s_test_final (void **state)
{
    static const char *const modes[] = {
        "T_MODE=0", "T_MODE=77", "T_MODE=126", "T_MODE=127"
    };
    (void) state;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        t_launch_t t;
        t_launch_init (&t, "local", NULL, modes[i], s_real);
        t_launch_until (&t, t_launch_over, 1);
        assert_int_equal (t.started, 1);
        assert_int_equal (t.last.status, atoi (modes[i] + 7));
        t_launch_fini (&t);
    }
}

static void
s_test_no_program (void **state)
{
    (void) state;
    t_launch_t t;
    t_launch_init (&t, "local", NULL, "T_MODE=", s_real);
    t.argv[0] = "/nowhere/agent";
    t_launch_until (&t, t_launch_over, 1);
    assert_int_equal (t.started, 0);
    assert_int_equal (t.last.error, ENOENT);
    assert_int_equal (t.last.status, -1);
    assert_non_null (strstr (t.last.text, "/nowhere/agent"));
    t_launch_fini (&t);
}

static void
s_test_no_secret (void **state)
{
    (void) state;
    t_launch_t t;
    t_launch_init (&t, "local", NULL, "T_MODE=", s_quick);
    t.secret_errno = ENOMEM;
    t_launch_until (&t, t_launch_ended, 2);
    assert_string_equal (t.last.text, "no secrets today");
    t.secret_errno = 0;
    t_launch_until (&t, t_launch_reported, 1);
    assert_int_equal (t.started, 1);
    t_launch_stop (&t);
    t_launch_fini (&t);
}

// --- Told to go ------------------------------------------------------------

static void
s_test_lost (void **state)
{
    (void) state;
    t_launch_t t;
    t_launch_init (&t, "local", NULL, "T_MODE=", s_quick);
    t_launch_until (&t, t_launch_reported, 1);
    brd_launch_joined (t.launch, 0, brd_clock_now ());
    brd_launch_lost (t.launch, 0, brd_clock_now ());
    brd_launch_lost (t.launch, 0, brd_clock_now ());
    // Ends with 0, and yet is started again.
    t_launch_until (&t, t_launch_reported, 2);
    assert_int_equal (t.ended, 1);
    t_launch_stop (&t);
    t_launch_fini (&t);
}

static void
s_test_stubborn (void **state)
{
    (void) state;
    t_launch_t t;
    t_launch_init (&t, "local?hosts=2", NULL, "T_MODE=stubborn", s_quick);
    t_launch_until (&t, t_launch_reported, 2);
    t_launch_stop (&t);
    assert_int_equal (t.over, 2);
    assert_int_equal (t.last.signal, SIGKILL);
    t_launch_fini (&t);
}

static void
s_test_destroyed (void **state)
{
    (void) state;
    t_launch_t t;
    const int before = t_open_fds ();
    t_launch_init (&t, "local?hosts=4", NULL, "T_MODE=stubborn", s_real);
    t_launch_until (&t, t_launch_reported, 4);
    t_launch_fini (&t);
    assert_int_equal (t_open_fds (), before);
    t_launch_init (&t, "local?hosts=4", NULL, "T_MODE=", s_real);
    t_launch_fini (&t);
    assert_int_equal (t.started, 0);
    assert_int_equal (t_open_fds (), before);
}

static void
s_test_stopped_early (void **state)
{
    (void) state;
    t_launch_t t;
    t_launch_init (&t, "local?hosts=2", NULL, "T_MODE=", s_real);
    assert_false (brd_launch_is_over (t.launch));
    brd_launch_stop (t.launch, brd_clock_now ());
    assert_true (brd_launch_is_over (t.launch));
    brd_launch_turn (t.launch, brd_clock_now ());
    assert_int_equal (t.started, 0);
    assert_int_equal (t.over, 2);
    assert_int_equal (t.last.error, ECANCELED);
    t_launch_fini (&t);
}

// Between two tries.
static void
s_test_stopped_waiting (void **state)
{
    (void) state;
    t_launch_t t;
    t_launch_init (&t, "local", NULL, "T_MODE=3", s_real);
    t_launch_until (&t, t_launch_ended, 1);
    t_launch_stop (&t);
    assert_int_equal (t.started, 1);
    assert_int_equal (t.over, 1);
    t_launch_fini (&t);
}

// Whoever launched is killed: the agents see the end of their input.
static void
s_test_orphans (void **state)
{
    (void) state;
    t_launch_orphaned ("local?hosts=2");
    assert_int_equal (t_marked_wait (0, T_LAUNCH_SECONDS), 0);
}

// --- Faults ----------------------------------------------------------------

// The n-th call of a kind fails. 1 if there was one.
static int
s_run_with_fault (brd_fault_t kind, long n)
{
    t_launch_t t = { .started = 0 };
    t_launch_prepare (&t, "local?hosts=2", NULL, "T_MODE=");
    brd_fault_arm (kind, n, EMFILE);
    t_launch_make (&t, s_quick);
    if (t.launch) {
        t_launch_until (&t, t_launch_reported, 2);
        t_launch_stop (&t);
        assert_int_equal (t.over, 2);
    }
    const int hit = brd_fault_count (kind) >= n;
    brd_fault_arm (kind, 0, 0);
    t_launch_fini (&t);
    return hit;
}

// Whatever fails once, both agents come and go.
static void
s_test_faults (void **state)
{
    (void) state;
    const int before = t_open_fds ();
    for (brd_fault_t kind = 0; kind < BRD_FAULT_KINDS; kind++)
        for (long n = 1; s_run_with_fault (kind, n); n++)
            assert_int_equal (t_open_fds (), before);
}

static void
s_test_refused (void **state)
{
    (void) state;
    static const char *const relative[] = { "agent", NULL };
    static const char *const whole[] = { "/bin/true", NULL };
    brd_place_t place = { .kind = BRD_PLACE_LOCAL };
    brd_launch_options_t options = { .place = &place, .argv = relative };
    assert_null (brd_launch_new (&options));
    assert_int_equal (errno, EINVAL);
    options.argv = whole;
    place.kind = BRD_PLACE_INLINE;
    assert_null (brd_launch_new (&options));
    assert_int_equal (errno, ENOTSUP);
    brd_launch_destroy (&(brd_launch_t *){ NULL });
}

int
main (int argc, char **argv)
{
    (void) argc;
    t_mark (argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_given),
        cmocka_unit_test (s_test_env),
        cmocka_unit_test (s_test_killed),
        cmocka_unit_test (s_test_given_up),
        cmocka_unit_test (s_test_does_not_hold),
        cmocka_unit_test (s_test_holds),
        cmocka_unit_test (s_test_never_joins),
        cmocka_unit_test (s_test_final),
        cmocka_unit_test (s_test_no_program),
        cmocka_unit_test (s_test_no_secret),
        cmocka_unit_test (s_test_lost),
        cmocka_unit_test (s_test_stubborn),
        cmocka_unit_test (s_test_destroyed),
        cmocka_unit_test (s_test_stopped_early),
        cmocka_unit_test (s_test_stopped_waiting),
        cmocka_unit_test (s_test_orphans),
        cmocka_unit_test (s_test_faults),
        cmocka_unit_test (s_test_refused),
    };
    t_watchdog (100);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
