// brd_arena_place.c - where in memory the arena is
//
// SPDX-License-Identifier: MPL-2.0
//
// A program that is started anew (exec) must have it at the same address, where
// something else may be: the system puts what it maps at another place each
// time. But it goes downwards from the stacks, or, with `ulimit -s unlimited`,
// upwards from a third of all there is, and programs and their heaps are above
// or far below:
//
//     0x2aaa........  upwards, with that limit
//     0x3000........  | here, at random, as all else is
//     0x5000........  |
//     0x5555........  programs, heaps
//     0x7fff........  downwards: libraries, mappings, stacks
//
// TSan has its shadow there, and some processors have no such addresses. They
// get the second range; who can have neither, what the system gives, and such a
// program is perhaps not started anew.
//
// Read next: workers/nursery_exec.c.

#include "base/brd_arena_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/resource.h>

#include "base/brd_error.h"
#include "base/brd_sys.h"

// TSan does not refuse: it dies.
#if defined __SANITIZE_THREAD__
#define S_LOW_ONLY
#elif defined __has_feature
#if __has_feature(thread_sanitizer)
#define S_LOW_ONLY
#endif
#endif

static const struct {
    uint64_t begin;
    uint64_t end;
} s_ranges[] = {
#ifndef S_LOW_ONLY
    { UINT64_C (0x300000000000), UINT64_C (0x500000000000) },
#endif
    { UINT64_C (0x001000000000), UINT64_C (0x007000000000) },
};

enum {
    PLACES = 3,          // Tried in each range
    PLACE_SHIFT = 30,    // They are so far apart
    FD_OUT_OF_WAY = 200  // Programs count on the lowest numbers
};

static void *
s_map_in (int fd, size_t size, uint64_t begin, uint64_t end)
{
    if (size >= end - begin)
        return NULL;
    const uint64_t places = ((end - begin - size) >> PLACE_SHIFT) + 1;
    for (int i = 0; i < PLACES; i++) {
        uint64_t number = (uint64_t) i;
        (void) brd_sys_random (&number, sizeof number);
        const uint64_t at = begin + (number % places << PLACE_SHIFT);
        void *memory =
            brd_sys_map_shared_at (fd, (void *) (uintptr_t) at, size);
        if (memory)
            return memory;
    }
    return NULL;
}

// Anywhere, if it must be: whoever forks can live with that.
static void *
s_map_somewhere (int fd, size_t size)
{
    for (size_t i = 0; i < sizeof s_ranges / sizeof *s_ranges; i++) {
        void *memory = s_map_in (fd, size, s_ranges[i].begin, s_ranges[i].end);
        if (memory)
            return memory;
    }
    return brd_sys_map_shared (fd, size);
}

void *
brd_arena_place (size_t size, int *ret_fd)
{
    // To write or truncate a file beyond this limit is SIGXFSZ, whose default
    // is death.
    struct rlimit limit;
    if (getrlimit (RLIMIT_FSIZE, &limit) == 0 && size > limit.rlim_cur) {
        brd_error_set (
            EFBIG, "%zu bytes of shared memory exceed RLIMIT_FSIZE", size);
        return NULL;
    }
    int fd = brd_sys_memfd ("brood-arena");
    if (fd < 0) {
        brd_error_system ("the arena's memfd");
        return NULL;
    }
    const int lifted = fcntl (fd, F_DUPFD_CLOEXEC, FD_OUT_OF_WAY);
    if (lifted >= 0) {
        brd_sys_close (&fd);
        fd = lifted;
    }
    void *memory = NULL;
    if (brd_sys_truncate (fd, (off_t) size) == 0)
        memory = s_map_somewhere (fd, size);
    if (!memory) {
        brd_error_system ("an arena of %zu bytes", size);
        brd_sys_close (&fd);
    }
    *ret_fd = fd;
    return memory;
}
