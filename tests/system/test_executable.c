// test_executable.c - workers and processes that are another program
//
// SPDX-License-Identifier: MPL-2.0
//
//     test_executable WORKERS
//
// Both are programs as users build them, with the shared library: one that is
// linked into both is another in each.

#include "t.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <brood.h>

static const char *s_workers;

static int
twice (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return brood_task_fail (task, "wanted a number");
    return brood_msg_pack (out, "%d", 2 * n);
}
BROOD_TASK (twice);

static int
thrice (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    return brood_msg_pack (out, "%d", 3);
}
BROOD_TASK (thrice);

BROOD_MAPPER (square, int, x, long, y)
{
    *y = (long) *x * *x;
    return 0;
}

BROOD_MAPPER (cube, int, x, long, y)
{
    *y = (long) *x * *x * *x;
    return 0;
}

static int
run (void *arg)
{
    (void) arg;
    return 0;
}

static int
stray (void *arg)
{
    (void) arg;
    return 0;
}

static int
begin (brood_task_t *worker, const brood_msg_t *in, brood_msg_t *out)
{
    (void) worker;
    (void) in;
    (void) out;
    return -1;
}
BROOD_TASK (begin);

static brood_pool_t *
s_pool (const char *executable)
{
    return brood_pool_new_with (&(brood_pool_options_t){
        .workers = 2, .start_exec = 1, .executable = executable });
}

static void
s_expect (int error, const char *text)
{
    assert_int_equal (errno, error);
    if (!strstr (brood_error (), text))
        fail_msg ("%s", brood_error ());
}

static void
s_test_functions_by_name (void **state)
{
    const int in[] = { 1, 2, 3 };
    long out[3];
    int n;
    (void) state;
    BROOD_AUTO (pool) pool = s_pool (s_workers);
    if (!pool)
        fail_msg ("%s", brood_error ());
    BROOD_AUTO (msg) msg = brood_pool_apply (pool, twice, "%d", 21);
    if (!msg)
        fail_msg ("%s", brood_error ());
    assert_int_equal (brood_msg_unpack (msg, "%d", &n), 0);
    assert_int_equal (n, 1042);
    assert_int_equal (brood_pool_map (pool, square, in, out, 3), 0);
    assert_int_equal (out[2], 1009);
    assert_int_equal (brood_pool_shutdown (pool, 20000), 0);
}

// Of this program only, or of another shape there.
static void
s_test_functions_it_has_not (void **state)
{
    const int in[] = { 1 };
    long out[1];
    (void) state;
    BROOD_AUTO (pool) pool = s_pool (s_workers);
    assert_non_null (pool);
    assert_null (brood_pool_apply (pool, thrice, "nil"));
    s_expect (EINVAL, "not registered in both");
    assert_int_equal (brood_pool_map (pool, cube, in, out, 1), -1);
    s_expect (EINVAL, "not registered in both");
}

static void
s_test_initializer (void **state)
{
    (void) state;
    BROOD_AUTO (pool)
    pool =
        brood_pool_new_with (&(brood_pool_options_t){ .workers = 1,
                                                      .start_exec = 1,
                                                      .executable = s_workers,
                                                      .initializer = begin });
    if (!pool)
        fail_msg ("%s", brood_error ());
    BROOD_AUTO (msg) msg = brood_pool_apply (pool, twice, "%d", 1);
    assert_non_null (msg);
}

static void
s_test_processes (void **state)
{
    (void) state;
    BROOD_AUTO (msg) args = brood_msg_new ("%d", 41);
    const brood_process_options_t options = { .start_exec = 1,
                                              .executable = s_workers,
                                              .args = args };
    BROOD_AUTO (process) process = brood_process_new_with (run, NULL, &options);
    assert_non_null (process);
    if (brood_process_start (process) < 0)
        fail_msg ("%s", brood_error ());
    assert_int_equal (brood_process_join (process, 20000), 0);
    assert_int_equal (brood_process_exitcode (process), 42);
    BROOD_AUTO (process) none = brood_process_new_with (stray, NULL, &options);
    assert_non_null (none);
    assert_int_equal (brood_process_start (none), -1);
    s_expect (EINVAL, "not registered in both");
}

static void
s_test_must_exist (void **state)
{
    (void) state;
    assert_null (s_pool ("/nonexistent/workers"));
    s_expect (ENOENT, "/nonexistent/workers");
    assert_null (s_pool ("/"));
    s_expect (EACCES, "not a file");
    assert_null (s_pool ("/dev/null"));
    assert_int_equal (errno, EACCES);
    assert_null (brood_process_new_with (
        run,
        NULL,
        &(brood_process_options_t){ .start_exec = 1,
                                    .executable = "/nonexistent/workers" }));
    s_expect (ENOENT, "/nonexistent/workers");
    assert_null (brood_pool_new_with (
        &(brood_pool_options_t){ .workers = 1, .executable = s_workers }));
    s_expect (EINVAL, "without start_exec");
}

// Programs that are no workers of anybody.
static void
s_test_must_be_ours (void **state)
{
    (void) state;
    char name[] = "/tmp/test_executable.XXXXXX";
    assert_null (s_pool ("/bin/true"));
    s_expect (ENOEXEC, "/bin/true ended before brood_init ()");
    const int fd = mkstemp (name);
    assert_true (fd >= 0);
    assert_int_equal (write (fd, "\177ELF", 4), 4);
    assert_int_equal (fchmod (fd, 0700), 0);
    assert_int_equal (close (fd), 0);
    assert_null (s_pool (name));
    s_expect (ENOEXEC, "cannot be started");
    assert_int_equal (unlink (name), 0);
    assert_int_equal (setenv ("T_EXECUTABLE_WAY", "leave", 1), 0);
    assert_null (s_pool (s_workers));
    s_expect (ENOEXEC, "ended before brood_init ()");
    assert_int_equal (unsetenv ("T_EXECUTABLE_WAY"), 0);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_functions_by_name),
        cmocka_unit_test (s_test_functions_it_has_not),
        cmocka_unit_test (s_test_initializer),
        cmocka_unit_test (s_test_processes),
        cmocka_unit_test (s_test_must_exist),
        cmocka_unit_test (s_test_must_be_ours),
    };
    if (brood_function_register ("run", (void (*) (void)) run) < 0
        || brood_init (&argc, &argv) < 0)
        return brood_perror (argv[0]);
    if (argc != 2)
        return 2;
    s_workers = argv[1];
    t_watchdog (110);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
