// brd_process.c - which process is this, in brood's eyes
//
// SPDX-License-Identifier: MPL-2.0
//
//     become (OWNER)      page {OWNER, 1}
//       fork, ours        page {0, 0}       become (NURSERY): page {NURSERY, 2}
//       fork, theirs      page {0, 0}       and a page: a stray
//
// The pointer to the page is an ordinary variable and survives a fork; what it
// points to does not. The count of births is ordinary too, so that numbers in a
// child go on where the parent's stood.

#include "base/brd_process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/brd_cgroup.h"
#include "base/brd_error.h"
#include "base/brd_mem.h"
#include "base/brd_sleep.h"
#include "base/brd_sys.h"

// The state of this process, by nature one per process.
_Atomic (brd_process_page_t *) brd_process_page;
static _Atomic uint32_t s_births;

enum {
    S_CHUNK = 4096
};

static brd_process_page_t *
s_new_page (void)
{
    const size_t size = (size_t) sysconf (_SC_PAGESIZE);
    brd_process_page_t *page = brd_sys_map_private (size);
    if (!page) {
        brd_error_system ("the page that tells forks");
        return NULL;
    }
    if (madvise (page, size, MADV_WIPEONFORK) < 0) {
        brd_error_system ("MADV_WIPEONFORK");
        brd_sys_unmap (page, size);
        return NULL;
    }
    return page;
}

int
brd_process_become (brd_role_t role)
{
    brd_process_page_t *page = atomic_load (&brd_process_page);
    if (!page)
        page = s_new_page ();
    if (!page)
        return -1;
    if (role != BRD_ROLE_OWNER)
        brd_sleep_reset ();
    atomic_store (&page->birth, atomic_fetch_add (&s_births, 1) + 1);
    atomic_store (&page->role, role);
    // Last: to another thread an empty page would mean that this is a stray.
    atomic_store (&brd_process_page, page);
    return 0;
}

// "411 (name) R 1 411 411 0 -1 4194304 ...": the flags are the seventh behind
// the name, which may have spaces and parentheses in it.
int
brd_process_is_ending (pid_t pid)
{
    enum {
        EXITING = 4  // PF_EXITING of the kernel
    };
    char path[32] = "/proc/";
    char text[512];
    size_t size = strlen (path);
    char digits[12];
    size_t n = 0;
    for (unsigned left = (unsigned) pid; left > 0; left /= 10)
        digits[n++] = (char) ('0' + left % 10);
    while (n > 0)
        path[size++] = digits[--n];
    memcpy (path + size, "/stat", sizeof "/stat");
    int fd = open (path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    const ssize_t got = brd_sys_read (fd, text, sizeof text - 1);
    brd_sys_close (&fd);
    text[got > 0 ? got : 0] = '\0';
    const char *at = strrchr (text, ')');
    for (int field = 0; at && field < 7; field++)
        at = strchr (at + 1, ' ');
    return at && (strtoul (at, NULL, 10) & EXITING) != 0;
}

void
brd_process_show (const char *name)
{
    const int saved_errno = errno;
    // PR_SET_NAME names the calling thread; the process has the first one's.
    int fd = open ("/proc/self/comm", O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        (void) !write (fd, name, strlen (name));
    else
        (void) prctl (PR_SET_NAME, name);
    brd_sys_close (&fd);
    errno = saved_errno;
}

static int
s_affinity (void)
{
    // The kernel refuses a set that is too small for its own, which has grown
    // over the years. This one has room for 65536, eight times Linux's most.
    enum {
        SETS = 64
    };
    cpu_set_t sets[SETS];
    if (sched_getaffinity (0, sizeof sets, sets) == 0)
        return CPU_COUNT_S (sizeof sets, sets);
    const long online = sysconf (_SC_NPROCESSORS_ONLN);
    return online > 0 && online < INT_MAX ? (int) online : 1;
}

// INT_MAX if it is not set. A value that makes no sense is no cap: this has no
// way to complain, and the workers there then are can be seen.
static int
s_wanted (void)
{
    const char *text = getenv ("BROOD_CPUS");
    if (!text)
        return INT_MAX;
    char *end;
    errno = 0;
    const long n = strtol (text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || n < 1 || n > INT_MAX)
        return INT_MAX;
    return (int) n;
}

int
brd_process_cpus (void)
{
    const int saved_errno = errno;
    int cpus = s_affinity ();
    const int quota = brd_cgroup_cpus (NULL, NULL);
    const int wanted = s_wanted ();
    if (cpus > quota)
        cpus = quota;
    if (cpus > wanted)
        cpus = wanted;
    errno = saved_errno;
    return cpus > 0 ? cpus : 1;
}

char *
brd_process_command_line (size_t *ret_size)
{
    char *text = NULL;
    size_t size = 0;
    ssize_t n = -1;
    int fd = open ("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    while (fd >= 0) {
        char *larger = brd_mem_resize (text, size + S_CHUNK + 1);
        n = larger ? brd_sys_read (fd, larger + size, S_CHUNK) : -1;
        text = larger ? larger : text;
        if (n <= 0)
            break;
        size += (size_t) n;
    }
    brd_sys_close (&fd);
    if (n < 0 || size == 0) {
        errno = n < 0 ? errno : ENOENT;
        brd_mem_free (text);
        return NULL;
    }
    text[size] = '\0';
    *ret_size = size;
    return text;
}
