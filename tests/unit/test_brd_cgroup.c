// test_brd_cgroup.c - quotas as container engines and clusters write them
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/brd_cgroup.h"

typedef struct {
    const char *path;
    const char *text;
} s_file_t;

typedef struct {
    const char *self;
    s_file_t files[4];
    int cpus;
    uint64_t memory;
} s_case_t;

static const s_case_t s_cases[] = {
    // v2, quota in the group itself, rounded up
    { "0::/a/b\n", { { "a/b/cpu.max", "150000 100000\n" } }, 2, UINT64_MAX },
    { "0::/a/b\n", { { "a/b/cpu.max", "max 100000\n" } }, INT_MAX, UINT64_MAX },
    { "0::/a\n", { { "a/cpu.max", "1000 100000\n" } }, 1, UINT64_MAX },
    // a group above is tighter
    { "0::/a/b\n",
      { { "a/b/cpu.max", "800000 100000\n" },
        { "a/cpu.max", "300000 100000\n" } },
      3,
      UINT64_MAX },
    { "0::/a/b\n",
      { { "a/b/cpu.max", "800000 100000\n" },
        { "cpu.max", "400000 100000\n" } },
      4,
      UINT64_MAX },
    // a container's view: the path is the host's, the mount our own
    { "0::/docker/0123\n",
      { { "cpu.max", "250000 100000\n" } },
      3,
      UINT64_MAX },
    { "0::/../../up\n", { { "cpu.max", "250000 100000\n" } }, 3, UINT64_MAX },
    { "0::/\n", { { "memory.max", "4096\n" } }, INT_MAX, 4096 },
    { "0::/a\n",
      { { "a/memory.max", "max\n" }, { "memory.max", "8192\n" } },
      INT_MAX,
      8192 },
    // v1 under either name, and no quota
    { "4:cpu,cpuacct:/a\n0::/\n",
      { { "cpu,cpuacct/a/cpu.cfs_quota_us", "200000\n" },
        { "cpu,cpuacct/a/cpu.cfs_period_us", "100000\n" } },
      2,
      UINT64_MAX },
    { "4:cpuacct,cpu:/a\n",
      { { "cpu/a/cpu.cfs_quota_us", "50000\n" },
        { "cpu/a/cpu.cfs_period_us", "100000\n" } },
      1,
      UINT64_MAX },
    { "1:cpu:/\n",
      { { "cpu/cpu.cfs_quota_us", "-1\n" },
        { "cpu/cpu.cfs_period_us", "100000\n" } },
      INT_MAX,
      UINT64_MAX },
    { "7:cpuset:/\n3:memory:/x/y\n1:cpu:/\n",
      { { "memory/x/memory.limit_in_bytes", "1048576\n" },
        { "memory/memory.limit_in_bytes", "9223372036854771712\n" } },
      INT_MAX,
      1048576 },
    // hybrid: v2 beside the v1 mounts
    { "2:name=systemd:/\n0::/a\n",
      { { "unified/a/cpu.max", "500000 100000\n" } },
      5,
      UINT64_MAX },
    // what nobody should write
    { "0::/\n", { { "cpu.max", "" } }, INT_MAX, UINT64_MAX },
    { "0::/\n", { { "cpu.max", "100000\n" } }, INT_MAX, UINT64_MAX },
    { "0::/\n", { { "cpu.max", "100000 0\n" } }, INT_MAX, UINT64_MAX },
    { "0::/\n", { { "cpu.max", "x y\n" } }, INT_MAX, UINT64_MAX },
    { "", { { "cpu.max", "100000 100000\n" } }, INT_MAX, UINT64_MAX },
    { "0:\n:\n\n::", { { "a", "" } }, INT_MAX, UINT64_MAX },
};

static void
s_write (const char *root, const s_file_t *file)
{
    char path[PATH_MAX];
    (void) snprintf (path, sizeof path, "%s/%s", root, file->path);
    for (char *slash = strchr (path + strlen (root) + 1, '/'); slash;
         slash = strchr (slash + 1, '/')) {
        *slash = '\0';
        (void) mkdir (path, 0700);
        *slash = '/';
    }
    FILE *stream = fopen (path, "w");
    assert_non_null (stream);
    assert_true (fputs (file->text, stream) >= 0);
    assert_int_equal (fclose (stream), 0);
}

static int
s_remove (const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void) st;
    (void) type;
    (void) ftw;
    return remove (path);
}

static void
s_test_cases (void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof s_cases / sizeof s_cases[0]; i++) {
        const s_case_t *c = &s_cases[i];
        char root[] = "/tmp/brood-cgroup-XXXXXX";
        assert_non_null (mkdtemp (root));
        for (size_t f = 0; f < 4 && c->files[f].path; f++)
            s_write (root, &c->files[f]);
        const int cpus = brd_cgroup_cpus (root, c->self);
        const uint64_t memory = brd_cgroup_memory (root, c->self);
        assert_int_equal (nftw (root, s_remove, 8, FTW_DEPTH | FTW_PHYS), 0);
        if (cpus != c->cpus || memory != c->memory)
            print_error ("case %zu: %s", i, c->self);
        assert_int_equal (cpus, c->cpus);
        assert_true (memory == c->memory);
    }
}

static void
s_test_this_machine (void **state)
{
    (void) state;
    assert_true (brd_cgroup_cpus (NULL, NULL) >= 1);
    assert_true (brd_cgroup_memory (NULL, NULL) > 0);
    assert_int_equal (brd_cgroup_cpus ("/nowhere", "0::/a\n"), INT_MAX);
}

static void
s_test_long (void **state)
{
    (void) state;
    static char self[20000];
    memset (self, '/', sizeof self - 1);
    memcpy (self, "0::", 3);
    assert_int_equal (brd_cgroup_cpus ("/nowhere", self), INT_MAX);
    memcpy (self, "1:cpu", 5);
    assert_int_equal (brd_cgroup_cpus ("/nowhere", self), INT_MAX);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_cases),
        cmocka_unit_test (s_test_this_machine),
        cmocka_unit_test (s_test_long),
    };
    t_watchdog (30);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
