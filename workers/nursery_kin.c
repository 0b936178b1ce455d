// nursery_kin.c - whose descendant is this process?
//
// SPDX-License-Identifier: MPL-2.0
//
// An orphan of a worker's is adopted by the nursery, and its line of parents is
// lost with the one that died. Process group and session tell nothing once it
// has called setsid (). So each worker carries a mark that its descendants
// cannot help inheriting, through fork and exec: the soft limit RLIMIT_LOCKS,
// which no kernel has looked at since 2.4.25, is set to a magic number and the
// worker's pid.
//
// The mark is lost by those who set that limit themselves, and cannot be read
// of those who changed user. Of them nothing is known, and they may live until
// the nursery ends.
//
// What serves the whole brood, though a worker has started it (options->serve),
// has the mark with no pid. It is left alone, and goes from nursery to nursery
// as each of them ends.
//
// The other way, each worker its own subreaper, was not taken: the user's
// callback would meet strangers in wait (NULL), the nurseries of its own pools
// among them, and be the one who has to reap them.

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/brd_sys.h"
#include "workers/nursery_internal.h"

#define S_MAGIC UINT64_C (0x62726f64)  // "brod"

_Static_assert(sizeof (rlim_t) == 8, "a limit must hold the mark");

static int
s_mark_of (pid_t pid, rlim_t *ret_mark)
{
    struct rlimit locks;
    if (prlimit (pid, RLIMIT_LOCKS, NULL, &locks) < 0)
        return -1;
    *ret_mark = locks.rlim_cur;
    return locks.rlim_cur >> 32 == S_MAGIC ? 0 : -1;
}

void
brd_nursery_kin_mark (pid_t worker)
{
    struct rlimit locks;
    if (getrlimit (RLIMIT_LOCKS, &locks) < 0)
        return;
    const rlim_t mark = S_MAGIC << 32 | (uint32_t) worker;
    if (mark > locks.rlim_max)
        return;
    locks.rlim_cur = mark;
    (void) setrlimit (RLIMIT_LOCKS, &locks);
}

// No process has the number 0.
void
brd_nursery_kin_spare (void)
{
    brd_nursery_kin_mark (0);
}

pid_t
brd_nursery_kin_of (pid_t pid)
{
    rlim_t mark;
    return s_mark_of (pid, &mark) < 0 ? 0 : (pid_t) (uint32_t) mark;
}

int
brd_nursery_kin_is_spared (pid_t pid)
{
    rlim_t mark;
    return s_mark_of (pid, &mark) == 0 && (uint32_t) mark == 0;
}

int
brd_nursery_kin_children (int (*fn) (void *arg, pid_t pid), void *arg)
{
    int fd = open ("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    // "411 412 419 ", and a number may be cut in two by the end of a read.
    char text[4096];
    int sum = 0;
    pid_t pid = 0;
    ssize_t size;
    while ((size = read (fd, text, sizeof text)) > 0) {
        for (ssize_t i = 0; i < size; i++) {
            if (text[i] >= '0' && text[i] <= '9')
                pid = pid * 10 + (text[i] - '0');
            else if (pid > 0) {
                sum += fn (arg, pid);
                pid = 0;
            }
        }
    }
    if (pid > 0)
        sum += fn (arg, pid);
    brd_sys_close (&fd);
    return sum;
}
