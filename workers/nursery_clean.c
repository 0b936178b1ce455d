// nursery_clean.c - what the nursery and its workers must not inherit
//
// SPDX-License-Identifier: MPL-2.0
//
// Done once, in the nursery, so that every worker is born with it and none has
// to pay: signal actions, descriptors, stdio.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/brd_sys.h"
#include "workers/nursery_internal.h"

void
brd_nursery_clean_signals (void)
{
    struct sigaction action = { .sa_handler = SIG_DFL };
    for (int signal_no = 1; signal_no <= SIGRTMAX; signal_no++)
        (void) sigaction (signal_no, &action, NULL);
    // A reader that is gone is EPIPE for a worker, not its death.
    action.sa_handler = SIG_IGN;
    (void) sigaction (SIGPIPE, &action, NULL);
}

// --- Descriptors -----------------------------------------------------------

void
brd_nursery_clean_limits (struct rlimit *ret_files)
{
    ret_files->rlim_cur = ret_files->rlim_max = RLIM_INFINITY;
    if (getrlimit (RLIMIT_NOFILE, ret_files) < 0)
        return;
    const struct rlimit all = { .rlim_cur = ret_files->rlim_max,
                                .rlim_max = ret_files->rlim_max };
    (void) setrlimit (RLIMIT_NOFILE, &all);
}

// Something that can be read from at no cost to anybody; without /dev, a thing
// that cannot be read at all.
static int
s_open_null (void)
{
    const int fd = open ("/dev/null", O_RDWR | O_CLOEXEC);
    return fd >= 0 ? fd : open ("/", O_PATH | O_CLOEXEC);
}

// 0 is /dev/null, unless it is kept; 1 and 2 too where the owner had closed
// them, or the next descriptor a worker opens would be somebody's stdout.
static int
s_fill_streams (int keep_stdin)
{
    int fd;
    while ((fd = s_open_null ()) >= 0 && fd <= STDERR_FILENO)
        (void) fcntl (fd, F_SETFD, 0);
    if (fd < 0)
        return -1;
    const int rc = keep_stdin ? 0 : dup2 (fd, STDIN_FILENO);
    brd_sys_close (&fd);
    return rc < 0 ? -1 : 0;
}

static int
s_is_kept (const brd_nursery_seed_t *seed, int fd)
{
    const brd_nursery_options_t *options = seed->options;
    for (int i = 0; i < options->keep_count; i++) {
        if (options->keep_fds[i] == fd)
            return 1;
    }
    return fd <= STDERR_FILENO || fd == seed->pair[1] || fd == seed->owner_fd
           || fd == options->arena_fd;
}

// What to do with one that is open; -1 as arg where it needs none.
typedef void
s_fd_fn (const brd_nursery_seed_t *seed, int fd, int arg);

// The number stays taken. Closed, it would be given to the next socket opened
// here, and whoever still holds it in a FILE * or a variable of the owner's
// would read and write that.
static void
s_replace (const brd_nursery_seed_t *seed, int fd, int root)
{
    if (s_is_kept (seed, fd) || fd == root)
        return;
    if (dup3 (root, fd, O_CLOEXEC) < 0)
        (void) close (fd);  // Above the limit: no new one can get the number
}

static void
s_set_inherited (const brd_nursery_seed_t *seed, int fd, int arg)
{
    (void) arg;
    (void) fcntl (fd, F_SETFD, s_is_kept (seed, fd) ? 0 : FD_CLOEXEC);
}

// Without /proc, or without a descriptor left to look into it.
static void
s_each_by_number (const brd_nursery_seed_t *seed, s_fd_fn *fn, int arg)
{
    struct rlimit files = { .rlim_cur = 1024 };
    (void) getrlimit (RLIMIT_NOFILE, &files);
    // Containers set it to 2^30; nobody has so many.
    const int end = files.rlim_cur < 1 << 20 ? (int) files.rlim_cur : 1 << 20;
    for (int fd = STDERR_FILENO + 1; fd < end; fd++) {
        if (fcntl (fd, F_GETFD) >= 0)
            fn (seed, fd, arg);
    }
}

static void
s_each (const brd_nursery_seed_t *seed, s_fd_fn *fn, int arg)
{
    int dir = open ("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        s_each_by_number (seed, fn, arg);
        return;
    }
    _Alignas(struct dirent64) char entries[4096];
    ssize_t size;
    while ((size = getdents64 (dir, entries, sizeof entries)) > 0) {
        for (ssize_t at = 0; at < size;) {
            const struct dirent64 *entry = (const void *) (entries + at);
            at += entry->d_reclen;
            const int fd = (int) strtol (entry->d_name, NULL, 10);
            if (fd != dir && entry->d_name[0] != '.')
                fn (seed, fd, arg);
        }
    }
    brd_sys_close (&dir);
}

int
brd_nursery_clean_descriptors (const brd_nursery_seed_t *seed)
{
    const brd_nursery_once_t *once = seed->options->once;
    if (s_fill_streams (once && once->keep_stdin) < 0)
        return -1;
    int root = open ("/", O_PATH | O_CLOEXEC);
    if (root < 0)
        return -1;
    s_each (seed, s_replace, root);
    brd_sys_close (&root);
    return 0;
}

int
brd_nursery_clean_for_exec (const brd_nursery_seed_t *seed)
{
    const brd_nursery_once_t *once = seed->options->once;
    if (s_fill_streams (once && once->keep_stdin) < 0)
        return -1;
    s_each (seed, s_set_inherited, -1);
    return 0;
}

// --- Stdio -----------------------------------------------------------------

// Registered last, so run first after what a worker's own code registers. The
// handlers below it are the owner's, and go with the owner.
static void
s_leave (int status, void *arg)
{
    (void) arg;
    (void) fflush (NULL);
    _exit (status);
}

void
brd_nursery_clean_streams (void)
{
    // Others need it not: what they write to is replaced.
    __fpurge (stdin);
    __fpurge (stdout);
    __fpurge (stderr);
}

void
brd_nursery_clean_output (void)
{
    static char line[BUFSIZ];
    // One that was made unbuffered is left so.
    if (__fbufsize (stdout) != 1)
        (void) setvbuf (stdout, line, _IOLBF, sizeof line);
}

int
brd_nursery_clean_exit (void)
{
    if (on_exit (s_leave, NULL) == 0)
        return 0;
    errno = ENOMEM;
    return -1;
}
