// test_brd_config.c - names of places, in files
//
// SPDX-License-Identifier: MPL-2.0

#include "t.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/brd_error.h"
#include "base/brd_fault.h"
#include "base/brd_mem.h"
#include "client/brd_config.h"

static char s_folder[64];
static char s_path[128];

static void
s_write (const char *text)
{
    FILE *file = fopen (s_path, "w");
    assert_non_null (file);
    assert_int_equal (fwrite (text, 1, strlen (text), file), strlen (text));
    assert_int_equal (fclose (file), 0);
}

static void
s_test_lines (void **state)
{
    static const struct {
        const char *lines;
        const char *place;  // NULL: refused,
        int error;
        const char *why;  // and the text has this
    } tests[] = {
        { "a = ssh:n1", "ssh:n1", 0, NULL },
        { "# a = local\n\n  a=local:2 \r\n", "local:2", 0, NULL },
        { "b = inline\na = slurm:--qos=x -N2\n", "slurm:--qos=x -N2", 0, NULL },
        { "a = mpi\na = local\n", "mpi", 0, NULL },
        { "a = ssh:n1\nnonsense", "ssh:n1", 0, NULL },
        { "", NULL, ENOENT, "no place is called \"a\" in " },
        { "aa = mpi", NULL, ENOENT, "no place" },
        { "b = mpi\nnonsense\na = mpi", NULL, EINVAL, ":2: wanted NAME" },
        { "a =", NULL, EINVAL, ":1: wanted NAME" },
        { "= mpi", NULL, EINVAL, ":1: wanted NAME" },
        { "a = @b", NULL, EINVAL, ":1: wanted NAME" },
        { "a = 4", NULL, EINVAL, ":1: wanted NAME" },
    };
    (void) state;
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        char *text = NULL;
        s_write (tests[i].lines);
        const int rc = brd_config_place ("a", &text);
        if (tests[i].place) {
            assert_int_equal (rc, 0);
            assert_string_equal (text, tests[i].place);
            brd_mem_free (text);
            continue;
        }
        assert_int_equal (rc, -1);
        assert_int_equal (errno, tests[i].error);
        assert_non_null (strstr (brd_error_get ()->text, tests[i].why));
        assert_non_null (strstr (brd_error_get ()->text, s_path));
    }
}

// Where the files are: $XDG_CONFIG_HOME is asked before $HOME, and no file is
// no error.
static void
s_test_folders (void **state)
{
    char folder[96];
    char *text = NULL;
    (void) state;
    unsetenv ("BROOD_PLACES");
    setenv ("XDG_CONFIG_HOME", s_folder, 1);
    s_write ("here = mpi");
    assert_int_equal (brd_config_place ("here", &text), 0);
    assert_string_equal (text, "mpi");
    brd_mem_free (text);
    setenv ("XDG_CONFIG_HOME", "not a path", 1);
    setenv ("HOME", s_folder, 1);
    assert_int_equal (brd_config_place ("here", &text), -1);
    assert_int_equal (errno, ENOENT);
    snprintf (folder, sizeof folder, "%s/.config", s_folder);
    assert_int_equal (symlink (s_folder, folder), 0);
    assert_int_equal (brd_config_place ("here", &text), 0);
    brd_mem_free (text);
    assert_int_equal (unlink (folder), 0);
    unsetenv ("HOME");
    unsetenv ("XDG_CONFIG_HOME");
    assert_int_equal (brd_config_place ("brood-test-none", &text), -1);
    assert_int_equal (errno, ENOENT);
    setenv ("BROOD_PLACES", s_path, 1);
}

static void
s_test_faults (void **state)
{
    static const struct {
        brd_fault_t kind;
        int error;
    } kinds[] = { { BRD_FAULT_MEMORY, ENOMEM }, { BRD_FAULT_SYSTEM, EIO } };
    (void) state;
    s_write ("a = ssh:n1");
    for (size_t kind = 0; kind < 2; kind++) {
        char *text = NULL;
        long n = 0;
        for (;;) {
            brd_fault_arm (kinds[kind].kind, ++n, kinds[kind].error);
            const int rc = brd_config_place ("a", &text);
            brd_fault_arm (kinds[kind].kind, 0, 0);
            if (rc == 0)
                break;
            assert_int_equal (errno, kinds[kind].error);
        }
        assert_string_equal (text, "ssh:n1");
        brd_mem_free (text);
        assert_true (n > 2);
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_lines),
        cmocka_unit_test (s_test_folders),
        cmocka_unit_test (s_test_faults),
    };
    const char *tmp = getenv ("TMPDIR");
    snprintf (s_folder,
              sizeof s_folder,
              "%s/brood-config.XXXXXX",
              tmp && strlen (tmp) < 32 ? tmp : "/tmp");
    t_watchdog (60);
    if (!mkdtemp (s_folder))
        return 1;
    snprintf (s_path, sizeof s_path, "%s/brood", s_folder);
    if (mkdir (s_path, 0700) < 0)
        return 1;
    snprintf (s_path, sizeof s_path, "%s/brood/places", s_folder);
    setenv ("BROOD_PLACES", s_path, 1);
    const int failed = cmocka_run_group_tests (tests, NULL, NULL);
    unlink (s_path);
    *strrchr (s_path, '/') = '\0';
    rmdir (s_path);
    rmdir (s_folder);
    return failed;
}
