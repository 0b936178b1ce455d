// test_netns_pool.c - a pool whose host is behind a wire that is cut
//
// SPDX-License-Identifier: MPL-2.0
//
//     test_netns_pool            makes two hosts, and starts on host a
//     test_netns_pool drive      which has a pool on host b, and cuts the wire
//     (BROOD_AGENT=1)            which is this program there
//
// Each task writes its number to a file that both hosts see, so it is known
// which have run, and how often. Times between hosts are a fifth of the real
// ones, and so are the cuts: a host is lost after 6.4 s without a word.

#include "tests/t.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <brood.h>

#include "t_fixture.h"

enum {
    S_TASKS = 3000
};

#define S_MUST(condition) \
    ((condition) ? (void) 0 : s_must_failed (#condition, __LINE__))

static void
s_must_failed (const char *condition, int line)
{
    fprintf (stderr, "line %d: %s: %s\n", line, condition, brood_error ());
    _exit (99);
}

// --- Tasks -----------------------------------------------------------------

static int
s_note (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    char path[256];
    if (brood_msg_unpack (in, "[%d, %255s]", &n, path) < 0)
        return brood_task_fail (task, "wanted a number and a file");
    const int fd = open (path, O_WRONLY | O_APPEND | O_CLOEXEC);
    const int16_t mark = (int16_t) n;
    if (fd < 0 || write (fd, &mark, sizeof mark) != sizeof mark)
        return brood_task_fail (task, "%s: %s", path, strerror (errno));
    close (fd);
    return brood_msg_pack (out, "%d", 2 * n);
}
BROOD_TASK (s_note);

static int
s_answer (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    return brood_msg_pack (out, "nil");
}
BROOD_TASK (s_answer);

static int
s_stay (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    (void) out;
    while (!brood_task_cancelled (task))
        usleep (1000);
    return -1;
}
BROOD_TASK (s_stay);

// --- On host a -------------------------------------------------------------

static char s_path[256];
static brood_future_t *s_futures[S_TASKS];

static void
s_sleep_ms (int ms)
{
    const struct timespec time = { ms / 1000, ms % 1000 * 1000000L };
    (void) nanosleep (&time, NULL);
}

// For so long the wire is as it is told, and then whole again.
static void
s_cut (const char *how, int ms)
{
    char line[32];
    snprintf (line, sizeof line, "0 0 0 %s", how);
    t_fixture_set (line);
    s_sleep_ms (ms);
    t_fixture_set ("0 0 0 none");
}

// The same, and until there is an answer: tcp's own patience grows with each
// cut, and does not go by our scale.
static void
s_cut_shortly (brood_pool_t *pool, const char *how, int ms)
{
    s_cut (how, ms);
    BROOD_AUTO (msg) answer = brood_pool_apply (pool, s_answer, "nil");
    S_MUST (answer != NULL);
}

// How often each has run, from the file.
static void
s_count (int ret_runs[S_TASKS])
{
    int16_t mark;
    memset (ret_runs, 0, S_TASKS * sizeof *ret_runs);
    FILE *file = fopen (s_path, "r");
    S_MUST (file != NULL);
    while (fread (&mark, sizeof mark, 1, file) == 1) {
        S_MUST (mark >= 0 && mark < S_TASKS);
        ret_runs[mark]++;
    }
    fclose (file);
}

static void
s_submit_all (brood_pool_t *pool)
{
    FILE *file = fopen (s_path, "w");
    S_MUST (file && fclose (file) == 0);
    for (int i = 0; i < S_TASKS; i++)
        S_MUST ((s_futures[i] =
                     brood_pool_submit (pool, s_note, "[%d, %s]", i, s_path)));
}

// Nothing is lost, and nothing done twice, by cuts that a session outlives.
static void
s_short_cuts (brood_pool_t *pool)
{
    int n, runs[S_TASKS];
    s_submit_all (pool);
    s_cut_shortly (pool, "both", 200);
    s_cut_shortly (pool, "ab", 1000);
    s_cut_shortly (pool, "ba", 1000);
    s_cut_shortly (pool, "both", 1000);
    for (int i = 0; i < S_TASKS; i++) {
        S_MUST (brood_future_get (s_futures[i], 100000, "%d", &n) == 0);
        S_MUST (n == 2 * i);
        brood_future_destroy (&s_futures[i]);
    }
    s_count (runs);
    for (int i = 0; i < S_TASKS; i++)
        S_MUST (runs[i] == 1);
}

// A cut that lasts: what the host had is lost, and it comes again.
static void
s_long_cut (brood_pool_t *pool)
{
    int n, runs[S_TASKS];
    BROOD_AUTO (future) one = brood_pool_submit (pool, s_stay, "nil");
    BROOD_AUTO (future) two = brood_pool_submit (pool, s_stay, "nil");
    s_submit_all (pool);
    s_cut ("both", 9000);
    S_MUST (brood_future_get (one, 100000, "nil") < 0 && errno == ECHILD);
    S_MUST (brood_future_get (two, 100000, "nil") < 0 && errno == ECHILD);
    int good[S_TASKS];
    for (int i = 0; i < S_TASKS; i++) {
        good[i] = brood_future_get (s_futures[i], 100000, "%d", &n) == 0;
        S_MUST (good[i] ? n == 2 * i : errno == ECHILD);
        brood_future_destroy (&s_futures[i]);
    }
    s_count (runs);
    for (int i = 0; i < S_TASKS; i++)
        S_MUST (good[i] ? runs[i] == 1 : runs[i] <= 1);
    BROOD_AUTO (msg)
    again = brood_pool_apply (pool, s_note, "[%d, %s]", 7, s_path);
    S_MUST (again != NULL);
}

// T_DIR is the fixture's folder.
static int
s_drive (void)
{
    const char *dir = getenv ("T_DIR");
    S_MUST (dir && strlen (dir) < sizeof t_fixture_dir);
    memcpy (t_fixture_dir, dir, strlen (dir) + 1);
    snprintf (t_fixture_script, sizeof t_fixture_script, T_ENGINES "/netns");
    snprintf (s_path, sizeof s_path, "%s/ran", t_fixture_dir);
    setenv ("BROOD_SSH", t_fixture_path ("ssh"), 1);
    setenv ("BROOD_TIME_SCALE", "0.2", 1);
    BROOD_AUTO (pool) pool = brood_pool_new ("ssh:b/2");
    S_MUST (pool != NULL);
    s_short_cuts (pool);
    s_long_cut (pool);
    S_MUST (brood_pool_shutdown (pool, 60000) == 0);
    return 0;
}

// --- On this side ----------------------------------------------------------

// Runs on host b what ssh would.
static void
s_make_ssh (void)
{
    const char *path = t_fixture_path ("ssh");
    FILE *file = fopen (path, "w");
    assert_non_null (file);
    fprintf (file,
             "#!/bin/sh\n"
             "for last; do :; done\n"
             "exec %s/b sh -c \"$last\"\n",
             t_fixture_dir);
    assert_int_equal (fclose (file), 0);
    assert_int_equal (chmod (path, 0700), 0);
}

static void
s_start_drive (void *arg)
{
    char self[256];
    const ssize_t n = readlink ("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    (void) arg;
    setenv ("T_DIR", t_fixture_dir, 1);
    const char *path = t_fixture_path ("a");
    execl (path, path, self, "drive", (char *) NULL);
    _exit (98);
}

static void
s_test_cuts (void **state)
{
    int status;
    (void) state;
    s_make_ssh ();
    char *said = t_run_child (s_start_drive, NULL, 150, &status);
    if (status != 0)
        fail_msg ("%x: %s", status, said);
    free (said);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_cuts),
    };
    if ((getenv ("BROOD_AGENT") || argc == 2) && brood_init (&argc, &argv) < 0)
        return brood_perror (argv[0]);
    if (argc == 2 && strcmp (argv[1], "drive") == 0)
        return s_drive ();
    t_mark (argv);
    t_watchdog (170);
    if (!t_fixture_start ("netns"))
        return T_FIXTURE_SKIP;
    const int failed = cmocka_run_group_tests (tests, NULL, NULL);
    t_fixture_stop ();
    return failed;
}
