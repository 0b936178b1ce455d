// test_brd_rank.c - ranks are read as they are given, and meet
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "client/brd_rank.h"

static char s_folder[] = "/tmp/test_brd_rank.XXXXXX";

// This test may itself run under mpirun or in a job.
static int
s_set_up (void **state)
{
    static const char *const names[] = {
        "BROOD_RANK",     "BROOD_SIZE",
        "BROOD_JOB",      "OMPI_COMM_WORLD_RANK",
        "PMIX_NAMESPACE", "OMPI_MCA_orte_precondition_transports",
        "PMI_RANK",       "I_MPI_HYDRA_UUID",
        "SLURM_PROCID",   "SLURM_RESTART_COUNT",
    };
    (void) state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv (names[i]);
    setenv ("BROOD_MPI_DIR", s_folder, 1);
    return 0;
}

static void
s_set (const char *rank, const char *size, const char *job)
{
    setenv ("BROOD_RANK", rank, 1);
    setenv ("BROOD_SIZE", size, 1);
    setenv ("BROOD_JOB", job, 1);
}

// --- Who this is -----------------------------------------------------------

static void
s_test_starters (void **state)
{
    (void) state;
    brd_rank_t rank;
    assert_int_equal (brd_rank_read (&rank), -1);
    assert_int_equal (errno, ENOENT);
    setenv ("SLURM_PROCID", "3", 1);
    setenv ("SLURM_NTASKS", "4", 1);
    setenv ("SLURM_JOB_ID", "17", 1);
    setenv ("SLURM_STEP_ID", "0", 1);
    assert_int_equal (brd_rank_read (&rank), 0);
    assert_int_equal (rank.rank, 3);
    assert_int_equal (rank.size, 4);
    assert_string_equal (rank.job, "17.0");
    setenv ("SLURM_RESTART_COUNT", "1", 1);
    assert_int_equal (brd_rank_read (&rank), 0);
    assert_string_equal (rank.job, "17.0.1");
    setenv ("PMI_RANK", "2", 1);
    setenv ("PMI_SIZE", "3", 1);
    assert_int_equal (brd_rank_read (&rank), -1);
    assert_non_null (strstr (brd_error_get ()->text, "BROOD_JOB"));
    setenv ("I_MPI_HYDRA_UUID", "ab12", 1);
    assert_int_equal (brd_rank_read (&rank), 0);
    assert_int_equal (rank.rank, 2);
    setenv ("OMPI_COMM_WORLD_RANK", "0", 1);
    setenv ("OMPI_COMM_WORLD_SIZE", "2", 1);
    setenv ("PMIX_NAMESPACE", "prterun-a/b@1", 1);
    setenv ("OMPI_MCA_orte_precondition_transports", "12-34", 1);
    assert_int_equal (brd_rank_read (&rank), 0);
    assert_int_equal (rank.rank, 0);
    assert_string_equal (rank.job, "prterun-a_b_1.12-34");
    s_set ("1", "5", "mine");
    assert_int_equal (brd_rank_read (&rank), 0);
    assert_int_equal (rank.rank, 1);
    assert_string_equal (rank.job, "mine");
}

static void
s_test_refused (void **state)
{
    static const char *const bad[][2] = { { "x", "2" },  { "", "2" },
                                          { "-1", "2" }, { "2", "2" },
                                          { "0", "0" },  { "0", "" },
                                          { "1", "2x" }, { "0", "10001" } };
    char job[200];
    (void) state;
    brd_rank_t rank = { .rank = 7 };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        s_set (bad[i][0], bad[i][1], "job");
        assert_int_equal (brd_rank_read (&rank), -1);
        assert_int_equal (errno, EINVAL);
    }
    memset (job, 'j', sizeof job - 1);
    job[sizeof job - 1] = '\0';
    s_set ("0", "2", job);
    assert_int_equal (brd_rank_read (&rank), -1);
    s_set ("0", "2", "");
    assert_int_equal (brd_rank_read (&rank), -1);
    assert_int_equal (rank.rank, 7);
    job[BRD_RANK_JOB_MAX - 1] = '\0';
    s_set ("0", "2", job);
    assert_int_equal (brd_rank_read (&rank), 0);
    assert_string_equal (rank.job, job);
}

// --- Where they meet -------------------------------------------------------

static void
s_test_folders (void **state)
{
    char path[BRD_RANK_PATH_MAX];
    static char home[BRD_RANK_PATH_MAX + 10];
    (void) state;
    const brd_rank_t rank = { .rank = 0, .size = 2, .job = "j" };
    setenv ("HOME", "/home/anna", 1);
    setenv ("XDG_CACHE_HOME", "/cache", 1);
    setenv ("BROOD_MPI_DIR", "/work", 1);
    assert_int_equal (brd_rank_path (&rank, path), 0);
    assert_string_equal (path, "/work/mpi-j");
    unsetenv ("BROOD_MPI_DIR");
    assert_int_equal (brd_rank_path (&rank, path), 0);
    assert_string_equal (path, "/cache/brood/mpi-j");
    unsetenv ("XDG_CACHE_HOME");
    assert_int_equal (brd_rank_path (&rank, path), 0);
    assert_string_equal (path, "/home/anna/.cache/brood/mpi-j");
    unsetenv ("HOME");
    assert_int_equal (brd_rank_path (&rank, path), -1);
    assert_int_equal (errno, ENOENT);
    memset (home, 'h', sizeof home - 1);
    home[0] = '/';
    setenv ("HOME", home, 1);
    assert_int_equal (brd_rank_path (&rank, path), -1);
    assert_int_equal (errno, ENAMETOOLONG);
    home[BRD_RANK_PATH_MAX - 20] = '\0';
    setenv ("HOME", home, 1);
    assert_int_equal (brd_rank_path (&rank, path), -1);
}

static void
s_test_meet (void **state)
{
    char line[64], path[BRD_RANK_PATH_MAX], deeper[BRD_RANK_PATH_MAX];
    char half[BRD_RANK_PATH_MAX + sizeof ".new"];
    struct stat status;
    (void) state;
    const brd_rank_t rank = { .rank = 0, .size = 2, .job = "meet" };
    const brd_rank_t other = { .rank = 0, .size = 2, .job = "other" };
    snprintf (deeper, sizeof deeper, "%s/x/y", s_folder);
    setenv ("BROOD_MPI_DIR", deeper, 1);
    assert_int_equal (brd_rank_await (&rank, line, sizeof line, 0), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (brd_rank_publish (&rank, "an old one"), 0);
    // As has one that was killed before it had made its own whole.
    assert_int_equal (brd_rank_path (&rank, path), 0);
    snprintf (half, sizeof half, "%s.new", path);
    fclose (fopen (half, "w"));
    assert_int_equal (brd_rank_publish (&rank, "secret"), 0);
    assert_int_equal (brd_rank_await (&rank, line, sizeof line, 0), 6);
    assert_string_equal (line, "secret");
    assert_int_equal (brd_rank_await (&other, line, sizeof line, 0), -1);
    assert_int_equal (stat (path, &status), 0);
    assert_int_equal (status.st_mode & 0777, 0600);
    chmod (path, 0644);
    assert_int_equal (brd_rank_await (&rank, line, sizeof line, 0), -1);
    assert_int_equal (errno, EACCES);
    errno = EBUSY;
    brd_rank_withdraw (&rank);
    brd_rank_withdraw (&rank);
    assert_int_equal (errno, EBUSY);
    assert_int_equal (access (path, F_OK), -1);
    // Nothing beside it.
    assert_int_equal (rmdir (deeper), 0);
    snprintf (deeper, sizeof deeper, "%s/x", s_folder);
    assert_int_equal (rmdir (deeper), 0);
}

// One that comes later is waited for.
static void
s_test_wait (void **state)
{
    char line[64];
    (void) state;
    const brd_rank_t rank = { .rank = 0, .size = 2, .job = "wait" };
    const int64_t deadline = brd_clock_deadline (60000);
    const pid_t pid = fork ();
    if (pid == 0) {
        (void) brd_rank_publish (&rank, "secret");
        _exit (0);
    }
    assert_int_equal (brd_rank_await (&rank, line, sizeof line, deadline), 6);
    assert_int_equal (waitpid (pid, NULL, 0), pid);
    brd_rank_withdraw (&rank);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup (s_test_starters, s_set_up),
        cmocka_unit_test_setup (s_test_refused, s_set_up),
        cmocka_unit_test_setup (s_test_folders, s_set_up),
        cmocka_unit_test_setup (s_test_meet, s_set_up),
        cmocka_unit_test_setup (s_test_wait, s_set_up),
    };
    t_watchdog (60);
    if (!mkdtemp (s_folder))
        return 1;
    const int rc = cmocka_run_group_tests (tests, NULL, NULL);
    return rmdir (s_folder) < 0 ? 1 : rc;
}
