// test_launch_mpi.c - the ranks of a real mpirun meet
//
// SPDX-License-Identifier: MPL-2.0
//
// This program is run again by mpirun, as its ranks: 0 launches, the others
// find the secret as an agent does, and then are t_agent.

#include "t_launch.h"

#include "client/brd_rank.h"
#include "t_fixture.h"

// --- A rank ----------------------------------------------------------------

static int
s_agent (const brd_rank_t *rank)
{
    char line[BRD_LAUNCH_SECRET_MAX];
    char *argv[] = { T_AGENT, getenv ("T_REPORTS"), NULL };
    int fds[2];
    if (brd_rank_await (rank, line, sizeof line, brd_clock_deadline (1000 * 60))
            < 0
        || pipe (fds) < 0) {
        fprintf (stderr, "rank %d: %s\n", rank->rank, brood_error ());
        return 1;
    }
    dprintf (fds[1], "%s\n", line);
    close (fds[1]);
    dup2 (fds[0], STDIN_FILENO);
    execv (argv[0], argv);
    return 1;
}

static void
s_test_launch (void **state)
{
    brd_rank_t rank;
    t_launch_t t;
    char path[BRD_RANK_PATH_MAX];
    (void) state;
    assert_int_equal (brd_rank_read (&rank), 0);
    t_launch_prepare (&t, "mpi", NULL, "T_MODE=");
    unlink (t.reports);
    snprintf (t.reports, sizeof t.reports, "%s", getenv ("T_REPORTS"));
    t_launch_make (&t, 1.0);
    assert_non_null (t.launch);
    const size_t n = brd_launch_hosts (t.launch)->count;
    assert_int_equal (n, rank.size - 1);
    assert_string_equal (brd_launch_hosts (t.launch)->entries[0].name, "rank1");
    assert_int_equal (t.secrets[0], 1);
    assert_false (brd_launch_is_over (t.launch));
    t_launch_until (&t, t_launch_reported, (int) n);
    assert_int_equal (brd_rank_path (&rank, path), 0);
    for (size_t i = 0; i < n; i++) {
        // It stays until all have it.
        assert_int_equal (access (path, F_OK), 0);
        brd_launch_joined (t.launch, i, brd_clock_now ());
    }
    assert_int_equal (access (path, F_OK), -1);
    assert_true (t_launch_has_read (&t, 0, 1));
    brd_launch_stop (t.launch, brd_clock_now ());
    assert_true (brd_launch_is_over (t.launch));
    assert_int_equal (t.started + t.ended + t.over, 0);
    brd_launch_destroy (&t.launch);
    brd_place_fini (&t.place);
}

// --- Outside ---------------------------------------------------------------

static void
s_mpirun (void *ranks)
{
    char self[256];
    const ssize_t n = readlink ("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    const char *mpirun = t_fixture_path ("mpirun");
    execl (mpirun, mpirun, "-n", (char *) ranks, self, "rank", (char *) NULL);
    _exit (99);
}

static void
s_test_ranks (void **state)
{
    (void) state;
    char ranks[] = "4";
    int status;
    char *said = t_run_child (s_mpirun, ranks, 90, &status);
    if (status != 0)
        fail_msg ("%s", said);
    free (said);
    unlink (getenv ("T_REPORTS"));
    // The meeting place is empty.
    assert_int_equal (rmdir (getenv ("BROOD_MPI_DIR")), 0);
    assert_int_equal (t_marked_wait (0, T_LAUNCH_SECONDS), 0);
}

static void
s_test_refused (void **state)
{
    static const char *const argv[] = { "/bin/true", NULL };
    (void) state;
    t_launch_t t = { .started = 0 };
    brd_place_t place = { .kind = BRD_PLACE_MPI };
    const brd_launch_options_t options = {
        .place = &place,
        .argv = argv,
        .secret = t_launch_secret,
        .event = t_launch_event,
        .arg = &t,
    };
    setenv ("BROOD_JOB", "refused", 1);
    setenv ("BROOD_RANK", "1", 1);
    setenv ("BROOD_SIZE", "2", 1);
    assert_null (brd_launch_new (&options));
    assert_int_equal (errno, EINVAL);
    setenv ("BROOD_RANK", "0", 1);
    setenv ("BROOD_SIZE", "1", 1);
    assert_null (brd_launch_new (&options));
    assert_int_equal (errno, EINVAL);
    // One that never meets anybody leaves nothing.
    setenv ("BROOD_SIZE", "2", 1);
    brd_launch_t *launch = brd_launch_new (&options);
    assert_non_null (launch);
    brd_launch_stop (launch, brd_clock_now ());
    assert_int_equal (rmdir (getenv ("BROOD_MPI_DIR")), 0);
    brd_launch_destroy (&launch);
    t.secret_errno = ENOMEM;
    assert_null (brd_launch_new (&options));
    unsetenv ("BROOD_JOB");
    unsetenv ("BROOD_RANK");
    unsetenv ("BROOD_SIZE");
}

static int
s_be_rank (void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test (s_test_launch) };
    brd_rank_t rank;
    if (brd_rank_read (&rank) < 0)
        return 1;
    return rank.rank == 0 ? cmocka_run_group_tests (tests, NULL, NULL)
                          : s_agent (&rank);
}

int
main (int argc, char **argv)
{
    if (argc > 1 && strcmp (argv[1], "rank") == 0)
        return s_be_rank ();
    t_mark (argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_refused),
        cmocka_unit_test (s_test_ranks),
    };
    t_watchdog (110);
    if (!t_fixture_start ("mpi"))
        return T_FIXTURE_SKIP;
    setenv ("BROOD_MPI_DIR", t_fixture_path ("meet"), 1);
    setenv ("T_REPORTS", t_fixture_path ("reports"), 1);
    fclose (fopen (t_fixture_path ("reports"), "w"));
    const int rc = cmocka_run_group_tests (tests, NULL, NULL);
    t_fixture_stop ();
    return rc;
}
