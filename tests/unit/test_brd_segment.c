// test_brd_segment.c - sealed memory of an exact size, all of it there
//
// SPDX-License-Identifier: MPL-2.0

#include "t.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/brd_error.h"
#include "base/brd_segment.h"
#include "base/brd_sys.h"

static void
s_test_exact (void **state)
{
    static const size_t sizes[] = { 1, 4095, 4096, 4097, 123457, 40 << 20 };
    (void) state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct stat file;
        size_t size = 0;
        int fd = brd_segment_new (sizes[i]);
        assert_true (fd >= 0);
        assert_int_equal (fstat (fd, &file), 0);
        assert_int_equal (file.st_size, sizes[i]);
        // There, and not only promised.
        assert_true ((size_t) file.st_blocks * 512 >= sizes[i]);
        unsigned char *memory = brd_segment_map (fd, &size);
        assert_non_null (memory);
        assert_int_equal (size, sizes[i]);
        for (size_t k = 0; k < size; k++)
            assert_int_equal (memory[k], 0);
        memset (memory, 1, size);
        brd_sys_unmap (memory, size);
        brd_sys_close (&fd);
    }
}

static void
s_test_sealed (void **state)
{
    (void) state;
    int fd = brd_segment_new (100);
    assert_int_equal (ftruncate (fd, 0), -1);
    assert_int_equal (errno, EPERM);
    assert_int_equal (ftruncate (fd, 5000), -1);
    assert_int_equal (errno, EPERM);
    assert_int_equal (fcntl (fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    brd_sys_close (&fd);
}

static void
s_test_not_one (void **state)
{
    size_t size = 77;
    (void) state;
    int fds[] = { brd_sys_memfd ("t"), open ("/dev/zero", O_RDWR), -1 };
    assert_int_equal (ftruncate (fds[0], 4096), 0);
    for (int i = 0; i < 3; i++) {
        assert_null (brd_segment_map (fds[i], &size));
        assert_int_equal (errno, EPROTO);
        brd_sys_close (&fds[i]);
    }
    assert_int_equal (size, 77);
}

static void
s_test_too_much (void **state)
{
    static const size_t sizes[] = { SIZE_MAX, PTRDIFF_MAX, (size_t) 1 << 50 };
    (void) state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal (brd_segment_new (sizes[i]), -1);
        assert_int_equal (errno, ENOSPC);
        assert_non_null (strstr (brd_error_get ()->text, "bytes"));
    }
}

static void
s_beyond_limit (void *arg)
{
    const struct rlimit limit = { .rlim_cur = 8192, .rlim_max = 8192 };
    (void) arg;
    t_default_signals ();
    if (setrlimit (RLIMIT_FSIZE, &limit) < 0)
        _exit (1);
    // SIGXFSZ would be the end here.
    if (brd_segment_new (8193) != -1 || errno != ENOSPC)
        _exit (2);
    if (brd_segment_new (8192) < 0)
        _exit (3);
}

static void
s_test_file_limit (void **state)
{
    int status;
    (void) state;
    char *said = t_run_child (s_beyond_limit, NULL, 20, &status);
    assert_int_equal (status, 0);
    free (said);
}

static void
s_on_alarm (int signal_no)
{
    (void) signal_no;
}

// A profiler's timer must not keep fallocate () from ever getting done.
static void
s_test_signals (void **state)
{
    const struct sigaction action = { .sa_handler = s_on_alarm };
    struct sigaction before;
    const struct itimerval often = { { 0, 500 }, { 0, 500 } };
    const struct itimerval never = { { 0, 0 }, { 0, 0 } };
    (void) state;
    assert_int_equal (sigaction (SIGVTALRM, &action, &before), 0);
    assert_int_equal (setitimer (ITIMER_VIRTUAL, &often, NULL), 0);
    int fd = brd_segment_new ((size_t) 100 << 20);
    assert_int_equal (setitimer (ITIMER_VIRTUAL, &never, NULL), 0);
    assert_int_equal (sigaction (SIGVTALRM, &before, NULL), 0);
    assert_true (fd >= 0);
    brd_sys_close (&fd);
}

static int
s_mapped (void)
{
    char line[4096];
    int count = 0;
    FILE *file = fopen ("/proc/self/maps", "re");
    while (fgets (line, sizeof line, file))
        count += strstr (line, BRD_SEGMENT_NAME " ") != NULL;
    fclose (file);
    return count;
}

static void
s_test_unmap_all (void **state)
{
    enum {
        MANY = 300
    };
    size_t size;
    (void) state;
    int fd = brd_segment_new (4096);
    int other = brd_sys_memfd ("brood-arena");
    assert_int_equal (ftruncate (other, 4096), 0);
    char *kept = brd_sys_map_shared (other, 4096);
    for (int i = 0; i < MANY; i++) {
        assert_non_null (brd_segment_map (fd, &size));
        // Something between, or the kernel shows them as one.
        assert_non_null (brd_sys_map_private (4096));
    }
    assert_true (s_mapped () > 0);
    brd_segment_unmap_all ();
    assert_int_equal (s_mapped (), 0);
    kept[0] = 1;
    brd_sys_close (&fd);
    brd_sys_close (&other);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_exact),
        cmocka_unit_test (s_test_sealed),
        cmocka_unit_test (s_test_not_one),
        cmocka_unit_test (s_test_too_much),
        cmocka_unit_test (s_test_file_limit),
        cmocka_unit_test (s_test_signals),
        cmocka_unit_test (s_test_unmap_all),
    };
    t_watchdog (100);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
