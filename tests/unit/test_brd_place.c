// test_brd_place.c - every way to say where, and to say it wrong
//
// SPDX-License-Identifier: MPL-2.0

#include "t.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/brd_error.h"
#include "client/brd_place.h"

static const struct {
    const char *text;
    brd_place_kind_t kind;
    int workers;
    int hosts;         // Here, or through ssh
    const char *rest;  // NULL: none
} s_good[] = {
    { "4", BRD_PLACE_SET, 4, 0, NULL },
    { "local", BRD_PLACE_LOCAL, 0, 0, NULL },
    { "local:8", BRD_PLACE_LOCAL, 8, 0, NULL },
    { "local:8?hosts=4", BRD_PLACE_LOCAL, 8, 4, NULL },
    { "local?hosts=2", BRD_PLACE_LOCAL, 0, 2, NULL },
    { "threads", BRD_PLACE_THREADS, 0, 0, NULL },
    { "threads:4096", BRD_PLACE_THREADS, 4096, 0, NULL },
    { "inline", BRD_PLACE_INLINE, 0, 0, NULL },
    { "ssh:n1/8,n[2-3]", BRD_PLACE_SSH, 0, 3, NULL },
    { "slurm", BRD_PLACE_SLURM, 0, 0, NULL },
    { "slurm:-N2 -n64 -t 10", BRD_PLACE_SLURM, 0, 0, "-N2 -n64 -t 10" },
    { "mpi", BRD_PLACE_MPI, 0, 0, NULL },
    { "tcp://head:5555", BRD_PLACE_TCP, 0, 0, "head:5555" },
    { "tcp://[::1]:5555", BRD_PLACE_TCP, 0, 0, "[::1]:5555" },
    { "@cluster", BRD_PLACE_NAMED, 0, 0, "cluster" },
};

static void
s_test_good (void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof s_good / sizeof *s_good; i++) {
        brd_place_t place;
        if (brd_place_read (s_good[i].text, &place) < 0)
            fail_msg ("%s: %s", s_good[i].text, brd_error_get ()->text);
        const int hosts = place.kind == BRD_PLACE_SSH ? (int) place.ssh.count
                                                      : place.hosts_here;
        if (place.kind != s_good[i].kind || place.workers != s_good[i].workers
            || hosts != s_good[i].hosts)
            fail_msg ("%s: %d, %d workers, %d hosts",
                      s_good[i].text,
                      (int) place.kind,
                      place.workers,
                      hosts);
        if (s_good[i].rest)
            assert_string_equal (place.rest, s_good[i].rest);
        else
            assert_null (place.rest);
        brd_place_fini (&place);
    }
}

// The address ends where the file begins, which may have any letters.
static void
s_test_join (void **state)
{
    (void) state;
    brd_place_t place;
    assert_int_equal (brd_place_read ("tcp://[::1]:55?join=/k/a:b?c", &place),
                      0);
    assert_int_equal (place.rest_size, 8);
    assert_memory_equal (place.rest, "[::1]:55", 8);
    assert_string_equal (place.join, "/k/a:b?c");
    assert_int_equal (brd_place_read ("tcp://head:5555", &place), 0);
    assert_int_equal (place.rest_size, 9);
    assert_null (place.join);
}

static const struct {
    const char *text;
    const char *why;
} s_bad[] = {
    { "", "no such place at 0" },
    { "0", "1 to 4096 at 0" },
    { "4 ", "behind the number at 1" },
    { "4097", "1 to 4096 at 0" },
    { "99999999999999999999999", "1 to 4096 at 0" },
    { "-1", "no such place at 0" },
    { "Local", "no such place at 0" },
    { "localhost", "no such place at 5" },
    { "local:", "wanted a number of workers at 6" },
    { "local:-1", "wanted a number of workers at 6" },
    { "local:8?", "wanted ?hosts= at 7" },
    { "local:8?host=1", "wanted ?hosts= at 7" },
    { "local:8?hosts=", "wanted a number of workers at 14" },
    { "local:8?hosts=0", "1 to 4096 at 14" },
    { "local:8?hosts=2x", "behind the number at 15" },
    { "threads8", "no such place at 7" },
    { "threads:8?hosts=2", "behind the number at 9" },
    { "inline:2", "no such place at 6" },
    { "ssh", "no such place at 0" },
    { "ssh:", "wanted a host at 4" },
    { "ssh:n1,n[2", "not closed at 8" },
    { "slurms", "no such place at 0" },
    { "mpi:2", "no such place at 3" },
    { "tcp://", "HOST:PORT at 6" },
    { "tcp://head", "HOST:PORT at 6" },
    { "tcp://:5", "HOST:PORT at 6" },
    { "tcp://head:", "wanted a port at 11" },
    { "tcp://head:+5", "wanted a port at 11" },
    { "tcp://head:65536", "wanted a port at 11" },
    { "tcp://head:5x", "wanted a port at 11" },
    { "tcp://head:5?", "wanted ?join=FILE at 12" },
    { "tcp://head:5?join=", "wanted ?join=FILE at 12" },
    { "tcp://head:5?key=k", "wanted ?join=FILE at 12" },
    { "tcp://head?join=a:5", "HOST:PORT at 6" },
    { "@", "wanted a name at 1" },
    { "@../key", "wanted a name at 1" },
};

static void
s_test_bad (void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof s_bad / sizeof *s_bad; i++) {
        brd_place_t place;
        assert_int_equal (brd_place_read (s_bad[i].text, &place), -1);
        assert_int_equal (errno, EINVAL);
        if (!strstr (brd_error_get ()->text, s_bad[i].why)
            || !strstr (brd_error_get ()->text, s_bad[i].text))
            fail_msg ("%s: %s", s_bad[i].text, brd_error_get ()->text);
    }
}

static void
s_test_file (void **state)
{
    (void) state;
    brd_place_t place;
    char text[300];
    const char *folder = getenv ("TMPDIR");
    snprintf (text,
              sizeof text,
              "ssh:@%s/brood-place.%ld",
              folder ? folder : "/tmp",
              (long) getpid ());
    const char *path = text + 5;
    assert_int_equal (brd_place_read (text, &place), -1);
    assert_int_equal (errno, ENOENT);
    FILE *file = fopen (path, "w");
    assert_non_null (file);
    fputs ("# none yet\n", file);
    fclose (file);
    assert_int_equal (brd_place_read (text, &place), -1);
    assert_int_equal (errno, EINVAL);
    assert_non_null (strstr (brd_error_get ()->text, "no hosts"));
    file = fopen (path, "w");
    assert_non_null (file);
    fputs ("n1 slots=2\nn2\n", file);
    fclose (file);
    assert_int_equal (brd_place_read (text, &place), 0);
    assert_int_equal (place.ssh.count, 2);
    brd_place_fini (&place);
    unlink (path);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_good),
        cmocka_unit_test (s_test_join),
        cmocka_unit_test (s_test_bad),
        cmocka_unit_test (s_test_file),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
