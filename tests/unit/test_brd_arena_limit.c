// test_brd_arena_limit.c - how large the arena may be, and who says so
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

#include "base/brd_arena.h"
#include "base/brd_arena_limit.h"
#include "base/brd_check.h"

static void
s_test_read (void **state)
{
    (void) state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        { "0", 0 },
        { "1048576", 1 << 20 },
        { "512K", 512 << 10 },
        { "64M", 64 << 20 },
        { "64m", 64 << 20 },
        { "2G", UINT64_C (2) << 30 },
        { "18446744073709551615", UINT64_MAX },
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint64_t bytes = 1;
        assert_int_equal (brd_arena_limit_read (good[i].text, &bytes), 0);
        assert_true (bytes == good[i].bytes);
    }
    const char *const bad[] = { "",
                                "-1",
                                "x",
                                "1T",
                                "1MB",
                                " 1",
                                "1 M",
                                "+1",
                                "1.5G",
                                "18446744073709551616",
                                "99999999999G" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t bytes = 77;
        errno = 0;
        assert_int_equal (brd_arena_limit_read (bad[i], &bytes), -1);
        assert_int_equal (errno, EPROTO);
        assert_true (bytes == 77);
    }
}

static void
s_test_environment (void **state)
{
    (void) state;
    struct sysinfo info;
    assert_int_equal (sysinfo (&info), 0);
    const uint64_t ram = (uint64_t) info.totalram * info.mem_unit;
    uint64_t bytes;
    unsetenv ("BROOD_ARENA");
    assert_int_equal (brd_arena_limit (&bytes), 0);
    assert_true (bytes > 0 && bytes <= ram / 2);
    setenv ("BROOD_ARENA", "", 1);
    assert_int_equal (brd_arena_limit (&bytes), 0);
    assert_true (bytes <= ram / 2);
    setenv ("BROOD_ARENA", "64M", 1);
    assert_int_equal (brd_arena_limit (&bytes), 0);
    assert_true (bytes == 64 << 20);
    // Who asks for more than the guess gets it.
    setenv ("BROOD_ARENA", "1000G", 1);
    assert_int_equal (brd_arena_limit (&bytes), 0);
    assert_true (bytes == UINT64_C (1000) << 30);
    setenv ("BROOD_ARENA", "lots", 1);
    assert_int_equal (brd_arena_limit (&bytes), -1);
    assert_int_equal (errno, EPROTO);
    assert_null (brd_arena_new (0));
    assert_int_equal (errno, EPROTO);
    unsetenv ("BROOD_ARENA");
    setenv ("LD_PRELOAD", "/usr/libexec/valgrind/vgpreload_core.so", 1);
    assert_int_equal (brd_arena_limit (&bytes), 0);
    assert_true (bytes <= UINT64_C (4) << 30);
    unsetenv ("LD_PRELOAD");
}

static void
s_set_limit (__rlimit_resource_t resource, rlim_t bytes)
{
    struct rlimit limit;
    brd_assert (getrlimit (resource, &limit) == 0);
    limit.rlim_cur = bytes;
    brd_assert (setrlimit (resource, &limit) == 0);
}

// SIGXFSZ would end this child, and the test would see it.
static void
s_file_size (void *arg)
{
    (void) arg;
    s_set_limit (RLIMIT_FSIZE, 8 << 20);
    brd_arena_t *arena = brd_arena_new (0);
    brd_assert (arena != NULL);
    brd_assert (brd_arena_size (arena) <= 8 << 20);
    brd_assert (brd_arena_size (arena) > 7 << 20);
    char *block = brd_arena_alloc (arena, brd_arena_size (arena), 1, 1);
    brd_assert (block != NULL);
    memset (block, 1, brd_arena_size (arena));
    brd_arena_destroy (&arena);
    brd_assert (brd_arena_new (16 << 20) == NULL);
    brd_assert (errno == EFBIG);
    s_set_limit (RLIMIT_FSIZE, 0);
    brd_assert (brd_arena_new (0) == NULL);
    brd_assert (errno == ENOMEM);
    brd_assert (strstr (brd_error_get ()->text, "RLIMIT_FSIZE") != NULL);
}

static void
s_address_space (void *arg)
{
    (void) arg;
    s_set_limit (RLIMIT_AS, UINT64_C (1) << 50);
    uint64_t bytes;
    setenv ("BROOD_ARENA", "10000000G", 1);
    brd_assert (brd_arena_limit (&bytes) == 0);
    brd_assert (bytes == UINT64_C (1) << 48);
}

static void
s_test_rlimits (void **state)
{
    (void) state;
    void (*const children[]) (void *) = { s_file_size, s_address_space };
    for (int i = 0; i < 2; i++) {
        int status;
        char *output = t_run_child (children[i], NULL, 20, &status);
        assert_string_equal (output, "");
        assert_int_equal (status, 0);
        free (output);
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_read),
        cmocka_unit_test (s_test_environment),
        cmocka_unit_test (s_test_rlimits),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
