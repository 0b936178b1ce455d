// brd_arena_limit.c - how large the arena may be
//
// SPDX-License-Identifier: MPL-2.0
//
// Two of the limits are guesses at what is wise (half of the memory there is)
// and give way to $BROOD_ARENA. Two are the kernel's and do not: beyond
// RLIMIT_FSIZE the owner would die of SIGXFSZ, and RLIMIT_AS counts address
// space, of which the program wants some too.

#include "base/brd_arena_limit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>

#include "base/brd_cgroup.h"
#include "base/brd_error.h"

static uint64_t
s_least (uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t
s_ram (void)
{
    struct sysinfo info;
    if (sysinfo (&info) < 0)
        return UINT64_MAX;
    return (uint64_t) info.totalram * info.mem_unit;
}

static uint64_t
s_rlimit (__rlimit_resource_t resource)
{
    struct rlimit limit;
    if (getrlimit (resource, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return UINT64_MAX;
    return limit.rlim_cur;
}

// Valgrind keeps tables for every page that is mapped, touched or not. It puts
// its own library in front of the program's, and that can be seen.
static int
s_valgrind (void)
{
    const char *preload = getenv ("LD_PRELOAD");
    return preload && strstr (preload, "/vgpreload_") != NULL;
}

static uint64_t
s_guess (void)
{
    const uint64_t memory = s_least (s_ram (), brd_cgroup_memory (NULL, NULL));
    const uint64_t half = memory / 2;
    return s_valgrind () ? s_least (half, UINT64_C (4) << 30) : half;
}

// The power of two a letter stands for, -1 for one that stands for none.
static int
s_shift (const char *suffix)
{
    if (suffix[0] == '\0')
        return 0;
    if (suffix[1] != '\0')
        return -1;
    switch (suffix[0]) {
    case 'K':
    case 'k':
        return 10;
    case 'M':
    case 'm':
        return 20;
    case 'G':
    case 'g':
        return 30;
    default:
        return -1;
    }
}

int
brd_arena_limit_read (const char *text, uint64_t *ret_bytes)
{
    // strtoull takes a minus and turns it round.
    if (text[0] < '0' || text[0] > '9')
        return brd_error_set (EPROTO, "BROOD_ARENA=%s is not a size", text);
    char *end;
    errno = 0;
    const unsigned long long n = strtoull (text, &end, 10);
    const int shift = s_shift (end);
    if (shift < 0)
        return brd_error_set (EPROTO,
                              "BROOD_ARENA=%s: bytes, or a number "
                              "with K, M or G, are wanted",
                              text);
    if (errno != 0 || n > UINT64_MAX >> shift)
        return brd_error_set (EPROTO, "BROOD_ARENA=%s is too large", text);
    *ret_bytes = (uint64_t) n << shift;
    return 0;
}

int
brd_arena_limit (uint64_t *ret_bytes)
{
    const char *text = getenv ("BROOD_ARENA");
    uint64_t bytes;
    if (!text || text[0] == '\0')
        bytes = s_guess ();
    else if (brd_arena_limit_read (text, &bytes) < 0)
        return -1;
    bytes = s_least (bytes, s_rlimit (RLIMIT_FSIZE));
    *ret_bytes = s_least (bytes, s_rlimit (RLIMIT_AS) / 4);
    return 0;
}
