// test_brd_secret.c - a line that nobody else may read
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "base/brd_fault.h"
#include "base/brd_secret.h"

static char s_folder[] = "/tmp/brood-secret-XXXXXX";

static const char *
s_path (const char *name)
{
    static char path[128];
    snprintf (path, sizeof path, "%s/%s", s_folder, name);
    return path;
}

static int
s_setup (void **state)
{
    (void) state;
    return mkdtemp (s_folder) ? 0 : -1;
}

static int
s_teardown (void **state)
{
    (void) state;
    static const char *const names[] = {
        "one", "two", "link", "pipe", "folder"
    };
    for (size_t i = 0; i < 5; i++)
        (void) remove (s_path (names[i]));
    return rmdir (s_folder);
}

static void
s_refused (const char *path, const char *why)
{
    char line[16] = "before";
    assert_int_equal (brd_secret_read_file (path, line, sizeof line), -1);
    assert_int_equal (errno, EACCES);
    if (!strstr (brd_error_get ()->text, why))
        fail_msg ("%s", brd_error_get ()->text);
    assert_string_equal (line, "before");
}

static void
s_test_file (void **state)
{
    (void) state;
    char line[16];
    struct stat at;
    umask (0);
    assert_int_equal (brd_secret_write_file (s_path ("one"), "secret"), 0);
    assert_int_equal (stat (s_path ("one"), &at), 0);
    assert_int_equal (at.st_mode & 07777, 0600);
    assert_int_equal (brd_secret_read_file (s_path ("one"), line, sizeof line),
                      6);
    assert_string_equal (line, "secret");
    assert_int_equal (brd_secret_write_file (s_path ("one"), "other"), -1);
    assert_int_equal (errno, EEXIST);
    assert_int_equal (brd_secret_read_file (s_path ("none"), line, 16), -1);
    assert_int_equal (errno, ENOENT);
}

static void
s_test_others (void **state)
{
    (void) state;
    static const mode_t modes[] = { 0640, 0604, 0620, 0602, 0610, 0601 };
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal (chmod (s_path ("one"), modes[i]), 0);
        s_refused (s_path ("one"), "others may use it");
    }
    assert_int_equal (chmod (s_path ("one"), 0400), 0);
    char target[128], line[16];
    strcpy (target, s_path ("one"));
    assert_int_equal (brd_secret_read_file (target, line, sizeof line), 6);
    assert_int_equal (symlink (target, s_path ("link")), 0);
    s_refused (s_path ("link"), "symbolic link");
    assert_int_equal (mkfifo (s_path ("pipe"), 0600), 0);
    s_refused (s_path ("pipe"), "not a file");
    assert_int_equal (mkdir (s_path ("folder"), 0700), 0);
    s_refused (s_path ("folder"), "not a file");
    // Root may give a file away; who is not cannot try.
    if (geteuid () == 0) {
        assert_int_equal (chown (target, 65534, (gid_t) -1), 0);
        s_refused (target, "belongs to user 65534");
    }
}

static void
s_test_descriptor (void **state)
{
    (void) state;
    int fds[2];
    char line[8], rest[8] = "";
    assert_int_equal (pipe (fds), 0);
    assert_int_equal (write (fds[1], "first\nsecond\n", 13), 13);
    const int64_t soon = brd_clock_deadline (10000);
    assert_int_equal (brd_secret_read_fd (fds[0], line, sizeof line, soon), 5);
    assert_string_equal (line, "first");
    // What is behind it is still there.
    assert_int_equal (read (fds[0], rest, 7), 7);
    assert_memory_equal (rest, "second\n", 7);

    static const char nothing[8];
    assert_int_equal (write (fds[1], "12345678\n", 9), 9);
    assert_int_equal (brd_secret_read_fd (fds[0], line, sizeof line, soon), -1);
    assert_int_equal (errno, EMSGSIZE);
    assert_memory_equal (line, nothing, sizeof line);
    assert_int_equal (read (fds[0], rest, 1), 1);

    assert_int_equal (write (fds[1], "half", 4), 4);
    assert_int_equal (
        brd_secret_read_fd (fds[0], line, sizeof line, brd_clock_deadline (20)),
        -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_memory_equal (line, nothing, sizeof line);

    assert_int_equal (write (fds[1], "last", 4), 4);
    close (fds[1]);
    assert_int_equal (brd_secret_read_fd (fds[0], line, sizeof line, soon), 4);
    assert_string_equal (line, "last");
    assert_int_equal (brd_secret_read_fd (fds[0], line, sizeof line, soon), -1);
    assert_int_equal (errno, ENODATA);
    close (fds[0]);
}

// A call that fails leaves no secret in memory, and no half of one in a file.
static void
s_test_faults (void **state)
{
    (void) state;
    char line[16];
    static const char nothing[16];
    for (long n = 1;; n++) {
        brd_fault_arm (BRD_FAULT_SYSTEM, n, EIO);
        const int rc = brd_secret_write_file (s_path ("two"), "secret");
        const long count = brd_fault_count (BRD_FAULT_SYSTEM);
        brd_fault_arm (BRD_FAULT_SYSTEM, 0, 0);
        if (rc == 0)
            break;
        assert_int_equal (errno, EIO);
        assert_true (count >= n);
        assert_int_equal (access (s_path ("two"), F_OK), -1);
    }
    for (long n = 1;; n++) {
        memset (line, 'x', sizeof line);
        brd_fault_arm (BRD_FAULT_SYSTEM, n, EIO);
        const int rc = brd_secret_read_file (s_path ("two"), line, sizeof line);
        brd_fault_arm (BRD_FAULT_SYSTEM, 0, 0);
        if (rc == 6)
            break;
        assert_int_equal (errno, EIO);
        // Not opened: it was not touched.
        if (n > 1)
            assert_memory_equal (line, nothing, sizeof line);
    }
    assert_string_equal (line, "secret");
}

// A descriptor that does not block, whose bytes come one by one.
static void
s_test_slow (void **state)
{
    (void) state;
    int fds[2];
    char line[8];
    assert_int_equal (pipe2 (fds, O_NONBLOCK | O_CLOEXEC), 0);
    const pid_t child = fork ();
    if (child == 0) {
        for (const char *at = "slow\n"; *at; at++) {
            poll (NULL, 0, 5);
            if (write (fds[1], at, 1) != 1)
                _exit (1);
        }
        _exit (0);
    }
    assert_true (child > 0);
    assert_int_equal (
        brd_secret_read_fd (
            fds[0], line, sizeof line, brd_clock_deadline (20000)),
        4);
    assert_string_equal (line, "slow");
    assert_int_equal (waitpid (child, NULL, 0), child);
    close (fds[0]);
    close (fds[1]);
}

static void
s_test_differ (void **state)
{
    (void) state;
    unsigned char left[32], right[32];
    memset (left, 7, sizeof left);
    memset (right, 7, sizeof right);
    assert_int_equal (brd_secret_differ (left, right, sizeof left), 0);
    for (size_t i = 0; i < 8 * sizeof left; i++) {
        right[i / 8] ^= (unsigned char) (1 << i % 8);
        assert_int_equal (brd_secret_differ (left, right, sizeof left), 1);
        right[i / 8] = 7;
    }
    left[31] = 8;
    assert_int_equal (brd_secret_differ (left, right, 31), 0);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_file),       cmocka_unit_test (s_test_others),
        cmocka_unit_test (s_test_descriptor), cmocka_unit_test (s_test_faults),
        cmocka_unit_test (s_test_slow),       cmocka_unit_test (s_test_differ),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, s_setup, s_teardown);
}
