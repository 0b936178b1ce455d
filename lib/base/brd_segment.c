// brd_segment.c - shared memory in a file without a name, to be handed on
//
// SPDX-License-Identifier: MPL-2.0
//
//     new   is there so much?   no: ENOSPC
//           memfd, fallocate    in steps, all of it
//           seal                no shrinking, no growing, no more seals
//     map   are the seals there, and the size?
//
// The kernel lets a sparse memfd be as large as one likes and kills whoever
// touches more of it than there is memory (SIGBUS). So its pages are had before
// anybody touches them. And since fallocate () itself would rather call for the
// OOM killer than say no, what is plainly too much is refused before.

#include "base/brd_segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/brd_cgroup.h"
#include "base/brd_error.h"
#include "base/brd_sys.h"

// A signal ends fallocate () and takes back the step. A program with a timer
// gets smaller and smaller ones.
#define S_STEP ((size_t) 16 << 20)
#define S_STEP_LEAST ((size_t) 64 << 10)

static const int s_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

// --- How much there is -----------------------------------------------------

// "MemAvailable:   1234 kB" in bytes; 0 if it does not say.
static uint64_t
s_line (const char *text, const char *name)
{
    const char *at = strstr (text, name);
    return at ? (uint64_t) strtoull (at + strlen (name), NULL, 10) << 10 : 0;
}

// What could be had now, memory and swap; UINT64_MAX if nobody says.
static uint64_t
s_available (void)
{
    char text[2048];
    int fd = open ("/proc/meminfo", O_RDONLY | O_CLOEXEC);
    const ssize_t size = fd < 0 ? -1 : brd_sys_read (fd, text, sizeof text - 1);
    brd_sys_close (&fd);
    text[size > 0 ? size : 0] = '\0';
    const uint64_t memory = s_line (text, "MemAvailable:");
    return memory > 0 ? memory + s_line (text, "SwapFree:") : UINT64_MAX;
}

static int
s_too_large (size_t size, uint64_t most, const char *what)
{
    return brd_error_set (ENOSPC,
                          "%zu bytes of shared memory: %s is %llu",
                          size,
                          what,
                          (unsigned long long) most);
}

static int
s_may_have (size_t size)
{
    struct rlimit files;
    const uint64_t available = s_available ();
    const uint64_t cgroup = brd_cgroup_memory (NULL, NULL);
    // Beyond that limit the kernel would end the program with SIGXFSZ.
    if (getrlimit (RLIMIT_FSIZE, &files) == 0 && size > files.rlim_cur)
        return s_too_large (size, files.rlim_cur, "the limit of files");
    if (size > PTRDIFF_MAX)
        return s_too_large (size, PTRDIFF_MAX, "the most there can be");
    if (size > available)
        return s_too_large (size, available, "what there is");
    if (size > cgroup)
        return s_too_large (size, cgroup, "the limit of the group");
    return 0;
}

// --- Making ----------------------------------------------------------------

static int
s_fill (int fd, size_t size)
{
    size_t step = S_STEP;
    for (size_t done = 0; done < size;) {
        const size_t left = size - done;
        const size_t n = left < step ? left : step;
        if (brd_sys_allocate (fd, (off_t) done, (off_t) n) == 0)
            done += n;
        else if (errno != EINTR)
            return -1;
        else if (step > S_STEP_LEAST)
            step /= 2;
    }
    return 0;
}

int
brd_segment_new (size_t size)
{
    if (s_may_have (size) < 0)
        return -1;
    int fd = brd_sys_memfd (BRD_SEGMENT_NAME);
    if (fd < 0)
        return brd_error_system ("shared memory");
    if (s_fill (fd, size) == 0 && brd_sys_seal (fd, s_seals) == 0)
        return fd;
    if (errno == EFBIG)
        errno = ENOSPC;
    brd_error_system ("%zu bytes of shared memory", size);
    brd_sys_close (&fd);
    return -1;
}

void *
brd_segment_map (int fd, size_t *ret_size)
{
    struct stat file;
    const int seals = fcntl (fd, F_GET_SEALS);
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || fstat (fd, &file) < 0
        || file.st_size <= 0) {
        brd_error_set (EPROTO, "what came is no sealed shared memory");
        return NULL;
    }
    void *memory = brd_sys_map_shared (fd, (size_t) file.st_size);
    if (!memory) {
        brd_error_system ("mapping %zu bytes", (size_t) file.st_size);
        return NULL;
    }
    *ret_size = (size_t) file.st_size;
    return memory;
}

// --- Unmapping -------------------------------------------------------------

// One line of /proc/self/maps: "7f12-7f34 rw-s 0 00:01 9 /memfd:brood-shm ...".
static void
s_unmap_line (const char *line)
{
    static const char name[] = "/memfd:" BRD_SEGMENT_NAME " ";
    char *end;
    if (!strstr (line, name))
        return;
    const uintptr_t from = (uintptr_t) strtoull (line, &end, 16);
    const uintptr_t to =
        *end == '-' ? (uintptr_t) strtoull (end + 1, NULL, 16) : from;
    if (to > from)
        brd_sys_unmap ((void *) from, to - from);
}

void
brd_segment_unmap_all (void)
{
    char text[4096];
    size_t have = 0;
    ssize_t size;
    int fd = open ("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    // The kernel gives whole lines, goes on by address, and does not mind what
    // is unmapped meanwhile. A line that does not fit has a long path, so it is
    // not ours.
    while (fd >= 0
           && (size = brd_sys_read (fd, text + have, sizeof text - 1 - have))
                  > 0) {
        char *line = text, *end;
        have += (size_t) size;
        text[have] = '\0';
        while ((end = strchr (line, '\n'))) {
            *end = '\0';
            s_unmap_line (line);
            line = end + 1;
        }
        have -= (size_t) (line - text);
        memmove (text, line, have);
        if (have == sizeof text - 1)
            have = 0;
    }
    brd_sys_close (&fd);
}
