// brd_sys.h - the system calls that can fail on a good day, in one place
//
// SPDX-License-Identifier: MPL-2.0
//
// Thin: same arguments, same results, EINTR retried where POSIX leaves it to
// the caller and no deadline is involved. All descriptors are close-on-exec
// from birth. The torture test fails each of them once (brd_fault.h). Safe
// between fork and exec except brd_sys_thread.

#ifndef BRD_SYS_H
#define BRD_SYS_H

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

enum {
    BRD_SYS_NO_FD = -1,
    BRD_SYS_LOST_FD = -2
};

int
brd_sys_memfd (const char *name);  // Can be sealed
int
brd_sys_truncate (int fd, off_t size);
// Memory for [from, from + size) of a file, which grows to hold it. EINTR is
// not retried: what was had is given back then.
int
brd_sys_allocate (int fd, off_t from, off_t size);
int
brd_sys_seal (int fd, int seals);
void *
brd_sys_map_shared (int fd, size_t size);  // NULL on failure, not MAP_FAILED
// There and nowhere else; EEXIST if something is there.
void *
brd_sys_map_shared_at (int fd, void *at, size_t size);
void *
brd_sys_map_private (size_t size);  // Anonymous, zeroed
void
brd_sys_unmap (void *memory, size_t size);
int
brd_sys_eventfd (void);  // Non-blocking
int
brd_sys_timerfd (void);  // CLOCK_MONOTONIC, non-blocking
int
brd_sys_epoll (void);
int
brd_sys_dup (int fd);
int
brd_sys_open (const char *path, int flags, mode_t mode);
int
brd_sys_pipe (int ret_fds[2]);
int
brd_sys_seqpacket_pair (int ret_fds[2]);
int
brd_sys_stream_pair (int ret_fds[2]);
int
brd_sys_socket (int family);  // A stream, non-blocking
int
brd_sys_connect (int fd, const struct sockaddr *to, socklen_t size);
int
brd_sys_bind (int fd, const struct sockaddr *at, socklen_t size);
int
brd_sys_listen (int fd);
int
brd_sys_accept (int fd);  // Non-blocking
int
brd_sys_datagram (void);  // Local, non-blocking
pid_t
brd_sys_fork (void);
// Runs no fork handlers and takes no lock, whatever other threads hold; for a
// child that forks so again, or executes.
pid_t
brd_sys_fork_to_exec (void);
// Executes argv[0], looked for in PATH if it has no slash, with stdio as its 0,
// 1 and 2 and no other descriptor, in a session of its own, signals as a shell
// leaves them. stdio are above 2. ENOENT and the like are told here.
pid_t
brd_sys_spawn (char *const *argv, char *const *env, const int stdio[3]);
int
brd_sys_pidfd (pid_t pid);
int
brd_sys_random (void *bytes, size_t size);  // All of them, or -1
ssize_t
brd_sys_send (int fd, const void *bytes, size_t size, int flags);
ssize_t
brd_sys_recv (int fd, void *bytes, size_t size, int flags);
// With a copy of the descriptor `passed` in its first byte.
ssize_t
brd_sys_send_fd (int fd, const void *bytes, size_t size, int passed);
// *ret_passed is the one that came with the bytes, BRD_SYS_NO_FD if none did,
// BRD_SYS_LOST_FD if this process had no number left for it.
ssize_t
brd_sys_recv_fd (int fd, void *bytes, size_t size, int *ret_passed);
ssize_t
brd_sys_read (int fd, void *bytes, size_t size);
ssize_t
brd_sys_write (int fd, const void *bytes, size_t size);
// A thread with every signal blocked, running when this returns; 0 or -1 with
// errno.
int
brd_sys_thread (pthread_t *ret_thread, void *(*fn) (void *), void *arg);
void
brd_sys_close (int *fd_p);  // Sets it to -1; takes -1; keeps errno

#endif  // BRD_SYS_H
