// test_t.c - the tests' own helpers
//
// SPDX-License-Identifier: MPL-2.0

#include "t.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void
s_speak (void *arg)
{
    printf ("out %s", (const char *) arg);
    fprintf (stderr, "err");
}

static void
s_segfault (void *arg)
{
    (void) arg;
    raise (SIGSEGV);
}

static void
s_hang_with_child (void *arg)
{
    (void) arg;
    fork ();
    for (;;)
        pause ();
}

static void
s_leave_child (void *arg)
{
    if (fork () == 0)
        pause ();
    printf ("%s", (const char *) arg);
}

static void
s_test_run_child (void **state)
{
    (void) state;
    int status = -1;
    char *output = t_run_child (s_speak, "there ", 10, &status);
    assert_int_equal (status, 0);
    assert_non_null (strstr (output, "out there"));
    assert_non_null (strstr (output, "err"));
    free (output);

    output = t_run_child (s_segfault, NULL, 10, &status);
    assert_true (WIFSIGNALED (status));
    assert_int_equal (WTERMSIG (status), SIGSEGV);
    free (output);
}

static void
s_test_run_child_hangs (void **state)
{
    (void) state;
    int status = -1;
    char *output = t_run_child (s_hang_with_child, NULL, 1, &status);
    assert_true (WIFSIGNALED (status));
    assert_int_equal (WTERMSIG (status), SIGKILL);
    assert_non_null (strstr (output, "out of time"));
    free (output);
    assert_int_equal (t_marked_wait (0, 10), 0);
}

// A grandchild holds the pipe; the child's end is the end.
static void
s_test_marked (void **state)
{
    (void) state;
    int status = -1;
    pid_t left = 0;
    char *output = t_run_child (s_leave_child, "gone", 10, &status);
    assert_int_equal (status, 0);
    assert_string_equal (output, "gone");
    free (output);

    assert_int_equal (t_marked (&left, 1), 1);
    assert_int_equal (t_marked_wait (0, 0), -1);
    assert_true (left > 0);
    kill (left, SIGKILL);
    assert_int_equal (t_marked_wait (0, 10), 0);
}

static void
s_test_open_fds (void **state)
{
    (void) state;
    int before = t_open_fds ();
    int fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal (t_open_fds (), before + 1);
    close (fd);
    assert_int_equal (t_open_fds (), before);
}

static int
s_third (void *arg)
{
    int *calls = arg;
    return ++*calls == 3 ? 7 : 0;
}

static int
s_never (void *arg)
{
    (void) arg;
    return 0;
}

static void
s_test_eventually (void **state)
{
    (void) state;
    int calls = 0;
    assert_int_equal (t_eventually (s_third, &calls, 10), 7);
    assert_int_equal (calls, 3);
    assert_int_equal (t_eventually (s_never, NULL, 0), 0);
}

static void
s_late (void *arg)
{
    (void) arg;
    t_watchdog (1);
    for (;;)
        pause ();
}

static void
s_test_watchdog (void **state)
{
    (void) state;
    int status = -1;
    free (t_run_child (s_late, NULL, 10, &status));
    assert_true (WIFSIGNALED (status));
    assert_int_equal (WTERMSIG (status), SIGALRM);
}

int
main (int argc, char **argv)
{
    (void) argc;
    t_mark (argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_run_child),
        cmocka_unit_test (s_test_run_child_hangs),
        cmocka_unit_test (s_test_marked),
        cmocka_unit_test (s_test_open_fds),
        cmocka_unit_test (s_test_eventually),
        cmocka_unit_test (s_test_watchdog),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
