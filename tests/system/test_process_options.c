// test_process_options.c - what a process is to be like
//
// SPDX-License-Identifier: MPL-2.0
//
// Its folder, environment, limits, niceness and processor: had before its code
// runs, or an error of start.

#include "t_process.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

// What children tell.
static struct {
    _Atomic long told[64];
} * s_shared;

static void
s_tell (int i, long what)
{
    atomic_store (&s_shared->told[i], what);
}

static long
s_told (int i)
{
    return atomic_load (&s_shared->told[i]);
}

static int
s_sleep (void *arg)
{
    (void) arg;
    for (;;)
        pause ();
    return 0;
}

static int
s_wishes (void *arg)
{
    (void) arg;
    char path[100];
    struct rlimit limit;
    const char *value = getenv ("T_PROCESS");
    s_tell (0, value && strcmp (value, "yes") == 0 ? 1 : -1);
    s_tell (1, strcmp (getcwd (path, sizeof path), "/") == 0 ? 1 : -1);
    getrlimit (RLIMIT_CORE, &limit);
    s_tell (2, limit.rlim_cur == 0 && limit.rlim_max == 4096 ? 1 : -1);
    s_tell (3, getpriority (PRIO_PROCESS, 0));
    cpu_set_t cpus;
    sched_getaffinity (0, sizeof cpus, &cpus);
    s_tell (4, CPU_COUNT (&cpus));
    // What it executes has that environment too.
    FILE *file = popen ("echo $T_PROCESS", "r");
    path[0] = '\0';
    s_tell (5,
            file && fgets (path, sizeof path, file)
                    && strcmp (path, "yes\n") == 0
                ? 1
                : -1);
    if (file)
        pclose (file);
    // It is an environment like any other.
    setenv ("T_PROCESS", "no", 1);
    s_tell (6, strcmp (getenv ("T_PROCESS"), "no") == 0 ? 1 : -1);
    return 0;
}

static int
s_first_cpu (void)
{
    cpu_set_t cpus;
    size_t cpu = 0;
    sched_getaffinity (0, sizeof cpus, &cpus);
    while (!CPU_ISSET (cpu, &cpus))
        cpu++;
    return (int) cpu + 1;
}

static void
s_test_wishes (void **state)
{
    (void) state;
    char path[300], entry[300];
    snprintf (path, sizeof path, "PATH=%s", getenv ("PATH"));
    snprintf (entry, sizeof entry, "T_PROCESS=yes");
    char *env[] = { path, entry, NULL };
    brood_rlimit_t limit = { RLIMIT_CORE, 0, 4096 };
    const int nice_now = getpriority (PRIO_PROCESS, 0);
    BROOD_AUTO (process)
    p = brood_process_new_with (s_wishes,
                                NULL,
                                &(brood_process_options_t){
                                    .cwd = "/",
                                    .env = env,
                                    .rlimits = &limit,
                                    .n_rlimits = 1,
                                    .nice = 3,
                                    .cpu = s_first_cpu (),
                                });
    // All copied.
    memset (entry, 'x', 5);
    env[0] = NULL;
    limit.soft = 77;
    assert_int_equal (brood_process_start (p), 0);
    assert_int_equal (brood_process_join (p, 20000), 0);
    assert_int_equal (s_told (0), 1);
    assert_int_equal (s_told (1), 1);
    assert_int_equal (s_told (2), 1);
    assert_int_equal (s_told (3), nice_now + 3 > 19 ? 19 : nice_now + 3);
    assert_int_equal (s_told (4), 1);
    assert_int_equal (s_told (5), 1);
    assert_int_equal (s_told (6), 1);
    assert_int_equal (getpriority (PRIO_PROCESS, 0), nice_now);
    assert_null (getenv ("T_PROCESS"));
}

// An error of start, with a text; then it can be tried again.
static void
s_test_wishes_that_fail (void **state)
{
    (void) state;
    const int fds = t_open_fds ();
    char folder[] = "/tmp/brood-test-XXXXXX";
    assert_non_null (mkdtemp (folder));
    assert_int_equal (rmdir (folder), 0);
    BROOD_AUTO (process)
    p = brood_process_new_with (
        s_sleep, NULL, &(brood_process_options_t){ .cwd = folder });
    assert_int_equal (brood_process_start (p), -1);
    assert_int_equal (errno, ENOENT);
    assert_non_null (strstr (brood_error (), folder));
    assert_non_null (strstr (brood_error (), brood_process_name (p)));
    assert_int_equal (brood_process_is_alive (p), 0);
    assert_int_equal (brood_process_pid (p), 0);
    assert_int_equal (t_open_fds (), fds);
    assert_int_equal (t_marked_wait (0, 20), 0);
    assert_int_equal (mkdir (folder, 0700), 0);
    assert_int_equal (brood_process_start (p), 0);
    assert_int_equal (brood_process_kill (p), 0);
    assert_int_equal (brood_process_join (p, 20000), 0);
    assert_int_equal (rmdir (folder), 0);

    const brood_rlimit_t limit = { RLIMIT_NOFILE, UINT64_MAX, UINT64_MAX };
    BROOD_AUTO (process)
    q = brood_process_new_with (
        s_sleep,
        NULL,
        &(brood_process_options_t){ .rlimits = &limit, .n_rlimits = 1 });
    assert_int_equal (brood_process_start (q), -1);
    assert_int_equal (errno, EPERM);
    assert_non_null (strstr (brood_error (), "rlimits"));
    BROOD_AUTO (process)
    r = brood_process_new_with (
        s_sleep, NULL, &(brood_process_options_t){ .cpu = 60001 });
    assert_int_equal (brood_process_start (r), -1);
    assert_int_equal (errno, EINVAL);
    assert_non_null (strstr (brood_error (), "CPU 60000"));
}

int
main (int argc, char **argv)
{
    (void) argc;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_wishes),
        cmocka_unit_test (s_test_wishes_that_fail),
    };
    t_mark (argv);
    t_watchdog (60);
    s_shared = t_share (sizeof *s_shared);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
