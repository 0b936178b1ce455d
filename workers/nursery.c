// nursery.c - the owner's side of the fork server: its start and its end
//
// SPDX-License-Identifier: MPL-2.0
//
//     start   block all signals
//             fork -> intermediate: fork -> nursery (nursery_loop.c), _exit
//             reap the intermediate, take back its SIGCHLD
//             wait for READY; restore the signals
//     end     shut the pair down, wait for the nursery's death
//
// The user's program has one child of ours, for as long as a fork takes. Had
// the nursery stayed its child, wait (NULL) in the user's code would return its
// pid, and hang as long as it lives. Only where the program is itself the
// reaper of orphans (PR_SET_CHILD_SUBREAPER, or pid 1 of a container) does the
// nursery come back to it; the end then reaps it.
//
// Read next: nursery_loop.c.

#include "workers/nursery.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "base/brd_sys.h"
#include "workers/nursery_internal.h"

enum {
    S_READY_MS = BRD_NURSERY_MAIN_MS,
#ifdef BRD_NURSERY_SANITIZED
    S_REHEARSE_MS = 500,  // There is more to rehearse
    S_REHEARSALS = 6,
#else
    S_REHEARSE_MS = 10,  // Doubled with every sixth snapshot of no use
    S_REHEARSALS = 30,   // 2 s in all
#endif
    S_KILLED_MS = 1000  // For a killed nursery to be gone
};

// Where the kernel has none, or a filter forbids them, there are others to see
// a death by; out of descriptors is another matter. A failure is -1, and an
// errno other than 0.
static int
s_pidfd (pid_t pid)
{
    errno = 0;
    const int fd = brd_sys_pidfd (pid);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM || errno == EINVAL))
        errno = 0;
    return fd;
}

// --- SIGCHLD ---------------------------------------------------------------

static void
s_raise_again (siginfo_t *info)
{
    (void) syscall (SYS_rt_sigqueueinfo, getpid (), SIGCHLD, info);
}

// The intermediate's death left a SIGCHLD, for a handler or a signalfd that
// would find nothing to wait for. The signal does not queue: one of the
// program's own may have been swallowed by ours, or ours by it. What is taken
// is put back unless it was ours alone.
static void
s_take_sigchld (pid_t intermediate)
{
    const struct timespec at_once = { 0 };
    siginfo_t info = { 0 };
    sigset_t set;
    sigemptyset (&set);
    sigaddset (&set, SIGCHLD);
    if (sigtimedwait (&set, &info, &at_once) != SIGCHLD)
        return;
    if (info.si_pid != intermediate || info.si_code <= 0) {
        s_raise_again (&info);
        return;
    }
    memset (&info, 0, sizeof info);
    const int any = WEXITED | WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT;
    if (waitid (P_ALL, 0, &info, any) == 0 && info.si_pid != 0)
        s_raise_again (&info);
}

// --- Its process -----------------------------------------------------------

// Nobody but the nursery has the other end.
static int
s_hung_up (int fd)
{
    struct pollfd pair = { .fd = fd };
    return poll (&pair, 1, 0) == 1 && (pair.revents & POLLHUP) != 0;
}

int
brd_nursery_watch (int fd, pid_t pid)
{
    int watch = s_pidfd (pid);
    if (watch < 0 || !s_hung_up (fd))
        return watch;
    brd_sys_close (&watch);
    errno = ECONNRESET;
    return -1;
}

// 1 if fd shows events, or a hang-up, before the deadline.
static int
s_wait (int fd, short events, int64_t deadline)
{
    struct pollfd one = { .fd = fd, .events = events };
    for (;;) {
        const int n = poll (&one, 1, brd_clock_left_ms (deadline));
        if (n >= 0 || errno != EINTR)
            return n == 1;
    }
}

static void
s_kill (int pidfd, pid_t pid)
{
    if (pidfd >= 0)
        (void) pidfd_send_signal (pidfd, SIGKILL, NULL, 0);
    else
        (void) kill (pid, SIGKILL);  // Its end of the pair is open: it lives
}

// --- Start -----------------------------------------------------------------

// Above 2, or a program that has closed its standard streams would get our
// pair as its stdout.
static int
s_lift (int *fd_p)
{
    if (*fd_p > STDERR_FILENO)
        return 0;
    const int fd = fcntl (*fd_p, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (fd < 0)
        return -1;
    brd_sys_close (fd_p);
    *fd_p = fd;
    return 0;
}

static int
s_open (brd_nursery_seed_t *seed)
{
    if (brd_sys_seqpacket_pair (seed->pair) < 0)
        return -1;
    seed->owner_fd = s_pidfd (seed->owner);
    if (seed->owner_fd < 0 && errno != 0)
        return -1;
    if (seed->owner_fd >= 0 && s_lift (&seed->owner_fd) < 0)
        return -1;
    if (s_lift (&seed->pair[0]) < 0 || s_lift (&seed->pair[1]) < 0)
        return -1;
    return fcntl (seed->pair[0], F_SETFL, O_NONBLOCK);
}

static pid_t
s_fork (const brd_nursery_seed_t *seed)
{
    return seed->image ? brd_sys_fork_to_exec () : brd_sys_fork ();
}

static _Noreturn void
s_intermediate (const brd_nursery_seed_t *seed)
{
    // Here already: under TSan _exit () flushes.
    brd_nursery_clean_streams ();
    const pid_t pid = s_fork (seed);
    if (pid == 0 && seed->image)
        brd_nursery_exec_run (seed);
    if (pid == 0)
        brd_nursery_loop_run (seed);
    if (pid < 0) {
        const brd_nursery_report_t report = { .type = BRD_NURSERY_FAILED,
                                              .error = errno };
        (void) brd_sys_send (
            seed->pair[1], &report, sizeof report, MSG_DONTWAIT);
    }
    _exit (0);
}

// 1 if it comes before READY. size: of what is behind the report.
static int
s_is_early (int fd,
            const brd_nursery_exec_t *exec,
            const brd_nursery_early_t *said,
            size_t size,
            int *watch)
{
    switch (said->report.type) {
    case BRD_NURSERY_BORN:
        if (exec && *watch < 0)
            *watch = brd_nursery_watch (fd, said->report.pid);
        return 1;
    case BRD_NURSERY_ANSWER:
        if (exec && exec->answer_size == size)
            memcpy (exec->answer, said->answer, size);
        return 1;
    default:
        return 0;
    }
}

// 0, or -1 with the nursery's own errno, ETIMEDOUT, or ECONNRESET when it died
// on the way; with its pid, if it has come so far, and in *watch, of one by
// exec, a pidfd of it.
static int
s_await_ready (int fd,
               const brd_nursery_exec_t *exec,
               brd_nursery_report_t *ret_report,
               int *watch)
{
    const int64_t deadline = brd_clock_deadline (S_READY_MS);
    struct pollfd pair = { .fd = fd, .events = POLLIN };
    for (;;) {
        brd_nursery_early_t said;
        const int n = poll (&pair, 1, brd_clock_left_ms (deadline));
        if (n == 0)
            errno = ETIMEDOUT;
        if (n == 0 || (n < 0 && errno != EINTR))
            return -1;
        const ssize_t size =
            brd_sys_recv (fd, &said, sizeof said, MSG_DONTWAIT);
        if (size < 0 && errno == EAGAIN)
            continue;
        if (size == 0)
            errno = ECONNRESET;
        if (size < (ssize_t) sizeof said.report)
            return -1;
        const pid_t pid = ret_report->pid;
        *ret_report = said.report;
        if (ret_report->pid == 0)
            ret_report->pid = pid;
        const size_t more = (size_t) size - sizeof said.report;
        if (s_is_early (fd, exec, &said, more, watch))
            continue;
        if (said.report.type == BRD_NURSERY_READY)
            return 0;
        errno = said.report.error;
        return -1;
    }
}

// Orphans come to this process.
static int
s_is_reaper (void)
{
    int reaper = 0;
    return getpid () == 1
           || (prctl (PR_GET_CHILD_SUBREAPER, &reaper) == 0 && reaper);
}

// A snapshot of no use, which dies of that. One that hangs is not waited for.
static void
s_bury (pid_t pid)
{
    const int saved_errno = errno;
    if (pid > 0 && s_is_reaper ())
        (void) waitpid (pid, NULL, saved_errno == ETIMEDOUT ? WNOHANG : 0);
    errno = saved_errno;
}

// A program that did not become a nursery and may be at anything now, with our
// end of the pair or without.
static void
s_stop (int fd, int watch, pid_t pid)
{
    const int saved_errno = errno;
    if (watch >= 0 || (pid > 0 && !s_hung_up (fd))) {
        s_kill (watch, pid);
        (void) s_wait (watch >= 0 ? watch : fd,
                       watch >= 0 ? POLLIN : 0,
                       brd_clock_deadline (S_KILLED_MS));
    }
    errno = saved_errno;
}

// One snapshot. Returns the owner's end, or -1 with errno.
static int
s_try (brd_nursery_seed_t *seed, brd_nursery_report_t *ret_report)
{
    const int exec = seed->options->exec != NULL;
    int watch = -1;
    seed->pair[0] = seed->pair[1] = seed->owner_fd = -1;
    pid_t pid = -1;
    int rc = s_open (seed);
    if (rc == 0 && exec)
        rc = brd_nursery_exec_prepare (seed);
    if (rc == 0) {
        pid = s_fork (seed);
        rc = pid < 0 ? -1 : 0;
    }
    if (pid == 0)
        s_intermediate (seed);

    brd_nursery_exec_forget (seed);
    brd_sys_close (&seed->pair[1]);
    brd_sys_close (&seed->owner_fd);
    if (pid > 0) {
        // ECHILD is as good: SIGCHLD is ignored here, or a thread of the
        // program's loops over wait (NULL).
        (void) waitpid (pid, NULL, 0);
        s_take_sigchld (pid);
    }
    memset (ret_report, 0, sizeof *ret_report);
    if (rc == 0)
        rc = s_await_ready (
            seed->pair[0], seed->options->exec, ret_report, &watch);
    if (rc < 0) {
        if (exec)
            s_stop (seed->pair[0], watch, ret_report->pid);
        brd_sys_close (&seed->pair[0]);
        s_bury (ret_report->pid);
    }
    brd_sys_close (&watch);
    return seed->pair[0];
}

static int
s_failed (int error)
{
    int told = EAGAIN;
    if (error == ENOMEM)
        told = ENOMEM;
    else if (error == EMFILE || error == ENFILE)
        told = EMFILE;
    return brd_error_set (told,
                          "the nursery cannot be forked: %s",
                          error == ECONNRESET
                              ? "other threads hold locks of libc's for long"
                              : strerror (error));
}

// Why the program, executed anew, did not become a nursery.
static int
s_failed_exec (const brd_nursery_exec_t *exec, int error)
{
    const char *before =
        exec->executable ? exec->executable : "the program started anew";
    switch (error) {
    case ENOMEM:
    case EAGAIN:
    case EMFILE:
    case ENFILE:
        return s_failed (error);
    case ENOSYS:
        return brd_error_set (
            EINVAL,
            "%s does not have the function: it %s",
            before,
            exec->executable ? "is not registered in both, nor of a library "
                               "both have"
                             : "was loaded later");
    case ECONNRESET:
        return brd_error_set (
            ENOEXEC,
            "%s ended before brood_init (), which must be main's first line",
            before);
    case ETIMEDOUT:
        return brd_error_set (ENOEXEC,
                              "%s has not come to brood_init () in %d ms: it "
                              "must be main's first line",
                              before,
                              BRD_NURSERY_MAIN_MS);
    case EALREADY:
    case ECHILD:
        return brd_error_set (
            ENOEXEC,
            "%s %s before brood_init (), which must be main's first line",
            before,
            error == ECHILD ? "forked" : "used brood");
    case EEXIST:
        return brd_error_set (
            ENOEXEC, "%s has something where shared memory must be", before);
    case ESTALE:
        return brd_error_set (ENOEXEC,
                              "%s has another libbrood%s",
                              before,
                              exec->executable ? ""
                                               : ": it was replaced meanwhile");
    default:
        return brd_error_set (
            ENOEXEC, "%s cannot be started: %s", before, strerror (error));
    }
}

int
brd_nursery_start (const brd_nursery_options_t *options,
                   pid_t *ret_pid,
                   int *ret_peek)
{
    brd_assert (options
                && (options->worker_main || options->serve || options->exec));
    brd_nursery_seed_t seed = {
        .options = options,
        .owner = options->owner != 0 ? options->owner : getpid (),
        .token_at = &seed.token,
        .token = (uint64_t) brd_clock_now (),
    };
    brd_nursery_report_t report = { 0 };
    sigset_t all;
    sigset_t before;
    sigfillset (&all);
    (void) pthread_sigmask (SIG_SETMASK, &all, &before);
    int fd = -1;
    for (int i = 0; i < S_REHEARSALS; i++) {
        seed.rehearse_ms = S_REHEARSE_MS << i / 6;
        fd = s_try (&seed, &report);
        if (fd >= 0 || errno != ECONNRESET || options->exec)
            break;
    }
    const int error = errno;
    (void) pthread_sigmask (SIG_SETMASK, &before, NULL);
    if (fd < 0)
        return options->exec ? s_failed_exec (options->exec, error)
                             : s_failed (error);
    *ret_pid = report.pid;
    *ret_peek = report.peek;
    return fd;
}

// --- End -------------------------------------------------------------------

// Its number can be another's by now only if it did not come to us, and then it
// is not for us to wait for.
void
brd_nursery_reap (int watch, pid_t pid)
{
    const int saved_errno = errno;
    siginfo_t info;
    if (watch >= 0)
        (void) waitid (P_PIDFD, (id_t) watch, &info, WEXITED | WNOHANG);
    else if (s_is_reaper ())
        (void) waitpid (pid, NULL, WNOHANG);
    errno = saved_errno;
}

void
brd_nursery_end (int *fd_p, pid_t pid, int timeout_ms)
{
    if (*fd_p < 0 || pid <= 0)
        return;
    const int saved_errno = errno;
    int pidfd = s_pidfd (pid);
    if (pidfd >= 0 && s_hung_up (*fd_p)) {
        // It died before, and the number may since be a stranger's.
        brd_sys_close (&pidfd);
    }
    // More than a close: also where a child of the program's own fork still
    // has a copy of this end.
    (void) shutdown (*fd_p, SHUT_WR);
    const int watched = pidfd >= 0 ? pidfd : *fd_p;
    const short events = pidfd >= 0 ? POLLIN : 0;
    if (!s_wait (watched, events, brd_clock_deadline (timeout_ms))) {
        s_kill (pidfd, pid);
        (void) s_wait (watched, events, brd_clock_deadline (S_KILLED_MS));
    }
    brd_nursery_reap (pidfd, pid);
    brd_sys_close (&pidfd);
    brd_sys_close (fd_p);
    errno = saved_errno;
}
