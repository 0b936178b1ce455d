// test_brd_check.c - a caller's mistake is EINVAL, our own is an abort
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/brd_check.h"

static int
s_public (int n)
{
    BRD_REQUIRE (n > 0, -1);
    return n;
}

static int
s_options (const uint64_t reserved[2])
{
    const uint64_t words[2] = { reserved[0], reserved[1] };
    BRD_REQUIRE_ZERO (words, -1);
    return 0;
}

static void
s_test_require (void **state)
{
    (void) state;
    assert_int_equal (s_public (3), 3);
    errno = 0;
    assert_int_equal (s_public (0), -1);
    assert_int_equal (errno, EINVAL);
    assert_string_equal (brd_error_get ()->text,
                         "s_public: n > 0 does not hold");
}

static void
s_test_require_zero (void **state)
{
    (void) state;
    assert_int_equal (s_options ((const uint64_t[]){ 0, 0 }), 0);
    errno = 0;
    assert_int_equal (s_options ((const uint64_t[]){ 0, 1 }), -1);
    assert_int_equal (errno, EINVAL);
}

static void
s_fail (void *arg)
{
    t_default_signals ();
    const int n = *(int *) arg;
    brd_assert (n == 1);
}

static void
s_test_assert (void **state)
{
    (void) state;
    int status;
    int n = 1;
    char *output = t_run_child (s_fail, &n, 10, &status);
    assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
    assert_string_equal (output, "");
    free (output);

    n = 2;
    output = t_run_child (s_fail, &n, 10, &status);
    assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGABRT);
    assert_non_null (strstr (output, "brood: bug: "));
    assert_non_null (strstr (output, "test_brd_check.c:"));
    assert_non_null (strstr (output, ": n == 1 does not hold\n"));
    free (output);
}

static void
s_fail_long (void *arg)
{
    (void) arg;
    t_default_signals ();
    char text[2000];
    memset (text, 'e', sizeof text);
    text[sizeof text - 1] = '\0';
    brd_assert_failed (text, "file.c", 123456);
}

static void
s_test_assert_long (void **state)
{
    (void) state;
    int status;
    char *output = t_run_child (s_fail_long, NULL, 10, &status);
    assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGABRT);
    assert_int_equal (strlen (output), 512);
    assert_memory_equal (output, "brood: bug: file.c:123456: eee", 30);
    free (output);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_require),
        cmocka_unit_test (s_test_require_zero),
        cmocka_unit_test (s_test_assert),
        cmocka_unit_test (s_test_assert_long),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
