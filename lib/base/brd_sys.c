// brd_sys.c - the system calls that can fail on a good day, in one place
//
// SPDX-License-Identifier: MPL-2.0
//
// Every one asks brd_fault first and leaves errno alone to speak: the story is
// told by the caller, who knows what for (brd_error_system).

#include "base/brd_sys.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_fault.h"
#include "base/brd_futex.h"

// Newer than Debian 12's headers, and refused by older kernels.
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

// What carries one descriptor, aligned as the kernel wants it.
typedef union {
    struct cmsghdr align;
    char room[CMSG_SPACE (sizeof (int))];
} s_control_t;

int
brd_sys_memfd (const char *name)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    // Hardened systems (vm.memfd_noexec=2) take no other.
    const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    const int fd = memfd_create (name, flags | MFD_NOEXEC_SEAL);
    if (fd >= 0 || errno != EINVAL)
        return fd;
    return memfd_create (name, flags);
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

int
brd_sys_allocate (int fd, off_t from, off_t size)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    return fallocate (fd, 0, from, size);
}

int
brd_sys_seal (int fd, int seals)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    return fcntl (fd, F_ADD_SEALS, seals);
}

static void *
s_map (void *at, int fd, size_t size, int flags)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return NULL;
    void *memory = mmap (at, size, PROT_READ | PROT_WRITE, flags, fd, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void *
brd_sys_map_shared (int fd, size_t size)
{
    return s_map (NULL, fd, size, MAP_SHARED | MAP_NORESERVE);
}

void *
brd_sys_map_shared_at (int fd, void *at, size_t size)
{
    const int flags = MAP_SHARED | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
    void *memory = s_map (at, fd, size, flags);
    if (!memory || memory == at)
        return memory;
    // Older kernels take the address for a hint.
    brd_sys_unmap (memory, size);
    errno = EEXIST;
    return NULL;
}

void *
brd_sys_map_private (size_t size)
{
    return s_map (NULL, -1, size, MAP_PRIVATE | MAP_ANONYMOUS);
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
brd_sys_dup (int fd)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    return fcntl (fd, F_DUPFD_CLOEXEC, 0);
}

int
brd_sys_open (const char *path, int flags, mode_t mode)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    int fd;
    do
        fd = open (path, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
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
brd_sys_stream_pair (int ret_fds[2])
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    return socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_fds);
}

int
brd_sys_socket (int family)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    return socket (family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

// Not again after EINTR: it goes on by itself, and a second call says so.
int
brd_sys_connect (int fd, const struct sockaddr *to, socklen_t size)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    return connect (fd, to, size);
}

int
brd_sys_bind (int fd, const struct sockaddr *at, socklen_t size)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    return bind (fd, at, size);
}

int
brd_sys_listen (int fd)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    return listen (fd, SOMAXCONN);
}

int
brd_sys_accept (int fd)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    int peer;
    do
        peer = accept4 (fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    while (peer < 0 && errno == EINTR);
    return peer;
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

// TSan must be told of a fork, or its own locks stay as other threads had them.
#if defined __SANITIZE_THREAD__
#define S_TOLD_OF_FORKS
#elif defined __has_feature
#if __has_feature(thread_sanitizer)
#define S_TOLD_OF_FORKS
#endif
#endif

pid_t
brd_sys_fork_to_exec (void)
{
#ifdef S_TOLD_OF_FORKS
    return brd_sys_fork ();
#else
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    return _Fork ();
#endif
}

// What the child does before it executes.
static int
s_set_spawn (posix_spawn_file_actions_t *actions,
             posix_spawnattr_t *attributes,
             const int stdio[3])
{
    sigset_t set;
    int error = 0;
    for (int i = 0; i < 3 && error == 0; i++) {
        brd_assert (stdio[i] > 2);  // One may take another's place
        error = posix_spawn_file_actions_adddup2 (actions, stdio[i], i);
    }
    // Libraries of the program's may have some that are not close-on-exec.
    if (error == 0)
        error = posix_spawn_file_actions_addclosefrom_np (actions, 3);
    (void) sigemptyset (&set);
    (void) posix_spawnattr_setsigmask (attributes, &set);
    (void) sigfillset (&set);
    (void) posix_spawnattr_setsigdefault (attributes, &set);
    (void) posix_spawnattr_setflags (
        attributes,
        POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    return error;
}

pid_t
brd_sys_spawn (char *const *argv, char *const *env, const int stdio[3])
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    pid_t pid = -1;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    (void) posix_spawnattr_init (&attributes);
    (void) posix_spawn_file_actions_init (&actions);
    int error = s_set_spawn (&actions, &attributes, stdio);
    if (error == 0)
        error = posix_spawnp (&pid, argv[0], &actions, &attributes, argv, env);
    (void) posix_spawn_file_actions_destroy (&actions);
    (void) posix_spawnattr_destroy (&attributes);
    if (error == 0)
        return pid;
    errno = error;
    return -1;
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
brd_sys_send_fd (int fd, const void *bytes, size_t size, int passed)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    s_control_t control = { .room = { 0 } };
    struct iovec iov = { .iov_base = (void *) bytes, .iov_len = size };
    struct msghdr msg = { .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = &control,
                          .msg_controllen = CMSG_LEN (sizeof passed) };
    struct cmsghdr *head = CMSG_FIRSTHDR (&msg);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN (sizeof passed);
    memcpy (CMSG_DATA (head), &passed, sizeof passed);
    ssize_t n;
    do
        n = sendmsg (fd, &msg, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n;
}

ssize_t
brd_sys_recv_fd (int fd, void *bytes, size_t size, int *ret_passed)
{
    if (brd_fault_hit (BRD_FAULT_SYSTEM))
        return -1;
    s_control_t control;
    struct iovec iov = { .iov_base = bytes, .iov_len = size };
    // Room for one and no more: the kernel closes what does not fit.
    struct msghdr msg = { .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = &control,
                          .msg_controllen = CMSG_LEN (sizeof (int)) };
    ssize_t n;
    do
        n = recvmsg (fd, &msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -1;
    const struct cmsghdr *head = CMSG_FIRSTHDR (&msg);
    *ret_passed = msg.msg_flags & MSG_CTRUNC ? BRD_SYS_LOST_FD : BRD_SYS_NO_FD;
    if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS)
        memcpy (ret_passed, CMSG_DATA (head), sizeof *ret_passed);
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
