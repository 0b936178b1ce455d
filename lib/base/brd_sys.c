// brd_sys.c - the system calls that can fail on a good day, in one place
//
// SPDX-License-Identifier: MPL-2.0
//
// Every one asks brd_fault first and leaves errno alone to speak: the story is
// told by the caller, who knows what for (brd_error_system).

#include "base/brd_sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/brd_clock.h"
#include "base/brd_fault.h"
#include "base/brd_futex.h"

// Newer than Debian 12's headers, and refused by older kernels.
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

int
brd_sys_memfd (const char *name)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    // Hardened systems (vm.memfd_noexec=2) take no other.
    const int fd = memfd_create (name, MFD_CLOEXEC | MFD_NOEXEC_SEAL);
    if (fd >= 0 || errno != EINVAL)
        return fd;
    return memfd_create (name, MFD_CLOEXEC);
}

int
brd_sys_truncate (int fd, off_t size)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    int rc;
    do
        rc = ftruncate (fd, size);
    while (rc < 0 && errno == EINTR);
    return rc;
}

static void *
s_map (int fd, size_t size, int flags)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return NULL;
    void *memory = mmap (NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void *
brd_sys_map_shared (int fd, size_t size)
{
    return s_map (fd, size, MAP_SHARED | MAP_NORESERVE);
}

void *
brd_sys_map_private (size_t size)
{
    return s_map (-1, size, MAP_PRIVATE | MAP_ANONYMOUS);
}

void
brd_sys_unmap (void *memory, size_t size)
{
    const int saved_errno = errno;
    (void) munmap (memory, size);
    errno = saved_errno;
}

int
brd_sys_eventfd (void)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    return eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
}

int
brd_sys_timerfd (void)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    return timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
}

int
brd_sys_epoll (void)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    return epoll_create1 (EPOLL_CLOEXEC);
}

int
brd_sys_pipe (int ret_fds[2])
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    return pipe2 (ret_fds, O_CLOEXEC);
}

int
brd_sys_seqpacket_pair (int ret_fds[2])
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    return socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_fds);
}

int
brd_sys_datagram (void)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    return socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

pid_t
brd_sys_fork (void)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    return fork ();
}

int
brd_sys_pidfd (pid_t pid)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    return pidfd_open (pid, 0);
}

int
brd_sys_random (void *bytes, size_t size)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    size_t done = 0;
    while (done < size) {
        const ssize_t n =
            getrandom ((unsigned char *) bytes + done, size - done, 0);
        if (n >= 0)
            done += (size_t) n;
        else if (errno != EINTR)
            return -1;
    }
    return 0;
}

ssize_t
brd_sys_send (int fd, const void *bytes, size_t size, int flags)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    ssize_t n;
    // A peer that is gone is an errno; SIGPIPE is the program's, not ours.
    do
        n = send (fd, bytes, size, flags | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n;
}

ssize_t
brd_sys_recv (int fd, void *bytes, size_t size, int flags)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    ssize_t n;
    do
        n = recv (fd, bytes, size, flags);
    while (n < 0 && errno == EINTR);
    return n;
}

ssize_t
brd_sys_read (int fd, void *bytes, size_t size)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    ssize_t n;
    do
        n = read (fd, bytes, size);
    while (n < 0 && errno == EINTR);
    return n;
}

ssize_t
brd_sys_write (int fd, const void *bytes, size_t size)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    ssize_t n;
    do
        n = write (fd, bytes, size);
    while (n < 0 && errno == EINTR);
    return n;
}

typedef struct {
    void *(*fn) (void *);
    void *arg;
    _Atomic uint32_t runs;
} s_birth_t;

static void *
s_thread (void *memory)
{
    s_birth_t *birth = memory;
    void *(*fn) (void *) = birth->fn;
    void *arg = birth->arg;
    // From here on birth may be gone; waking an address nobody waits on is
    // nothing.
    atomic_store (&birth->runs, 1);
    brd_futex_wake (&birth->runs, 1, 0);
    return fn (arg);
}

int
brd_sys_thread (pthread_t *ret_thread, void *(*fn) (void *), void *arg)
{
    s_birth_t birth = { .fn = fn, .arg = arg };
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    // Blocked here, before it exists: a thread that blocks them itself may
    // first run one of the program's handlers.
    sigset_t all;
    sigset_t before;
    sigfillset (&all);
    int error = pthread_sigmask (SIG_SETMASK, &all, &before);
    if (error == 0) {
        error = pthread_create (ret_thread, NULL, s_thread, &birth);
        (void) pthread_sigmask (SIG_SETMASK, &before, NULL);
    }
    // A thread that is being born holds locks of the C library's; the program
    // may fork next.
    while (error == 0 && atomic_load (&birth.runs) == 0)
        (void) brd_futex_wait (&birth.runs, 0, BRD_NEVER, 0);
    if (error == 0)
        return 0;
    errno = error;
    return -1;
}

void
brd_sys_close (int *fd_p)
{
    if (*fd_p < 0)
        return;
    const int saved_errno = errno;
    // Not again after EINTR: Linux has let go of it, and by now the number may
    // be another thread's.
    (void) close (*fd_p);
    *fd_p = -1;
    errno = saved_errno;
}
