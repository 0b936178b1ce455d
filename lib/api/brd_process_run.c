// brd_process_run.c - start, watch, signal: the line to a process's nursery
//
// SPDX-License-Identifier: MPL-2.0
//
//     start    fork the nursery; its memory is the snapshot
//              START -> STARTED, or FAILED and what for
//     life     signals go through the nursery: it has not reaped the child, so
//              the number is the child's
//     end      ENDED waits in the pair; the nursery ends what is left of the
//              child's kin, and then itself: its pidfd is readable
//     look     the pidfd is readable -> peek at ENDED -> the exit code
//
// A nursery that was killed takes the child along and leaves no ENDED: then the
// code is that of SIGKILL. Where there are no pidfds the pair tells: it is
// readable from ENDED on, since nobody takes that out.
//
// Read next: workers/nursery_once.c and workers/child_main.c, the other side.

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "api/brd_children.h"
#include "api/brd_process_private.h"
#include "api/brd_runtime.h"
#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_mem.h"
#include "base/brd_sleep.h"
#include "base/brd_sys.h"

enum {
    S_START_MS = 10000,   // For the child to be born
    S_END_MS = 1500,      // For a nursery to be gone that is told to go
    S_COMMAND_MS = 1000,  // For it to read a command
    S_DYING_MS = 200      // For a child to be gone whose nursery was killed
};

static int
s_is_passing (int error)
{
    return error == EAGAIN || error == ENOBUFS || error == ENOMEM;
}

// 0, or -1 with errno.
static int
s_command (const brood_process_t *self, uint32_t type, int signal)
{
    const brd_nursery_command_t command = { .type = type,
                                            .worker = 1,
                                            .signal = (uint32_t) signal };
    const int64_t deadline = brd_clock_deadline (S_COMMAND_MS);
    while (brd_sys_send (self->fd, &command, sizeof command, 0) < 0) {
        if (!s_is_passing (errno) || brd_clock_now () > deadline)
            return -1;
        struct pollfd pair = { .fd = self->fd, .events = POLLOUT };
        (void) poll (&pair, 1, 10);
    }
    return 0;
}

// The next report. 1, 0 with errno if it cannot be had just now, -1 if there
// will be none. The error a nursery leaves that ended with a command unread
// comes once, before what it had said.
static int
s_report (const brood_process_t *self,
          int flags,
          brd_nursery_report_t *ret_report)
{
    for (int i = 0; i < 2; i++) {
        const ssize_t size = brd_sys_recv (
            self->fd, ret_report, sizeof *ret_report, flags | MSG_DONTWAIT);
        if (size == (ssize_t) sizeof *ret_report)
            return 1;
        if (size < 0 && s_is_passing (errno))
            return 0;
        if (size >= 0 || errno != ECONNRESET)
            break;
    }
    return -1;
}

// --- Start -----------------------------------------------------------------

static int
s_failed (const brood_process_t *self, const brd_nursery_report_t *report)
{
    const char *why = strerror (report->error);
    switch ((brd_nursery_wish_t) report->wish) {
    case BRD_NURSERY_WISH_CWD:
        return brd_error_set (
            report->error, "the folder %s: %s", self->wishes.cwd, why);
    case BRD_NURSERY_WISH_RLIMIT:
        return brd_error_set (report->error, "its rlimits: %s", why);
    case BRD_NURSERY_WISH_NICE:
        return brd_error_set (
            report->error, "niceness %+d: %s", self->wishes.nice, why);
    case BRD_NURSERY_WISH_CPU:
        return brd_error_set (
            report->error, "CPU %d: %s", self->wishes.cpu - 1, why);
    default:
        return brd_error_set (report->error == ENOMEM || report->error == EMFILE
                                  ? report->error
                                  : EAGAIN,
                              "it cannot be forked: %s",
                              why);
    }
}

static int
s_await_birth (brood_process_t *self)
{
    brd_nursery_report_t report;
    const int64_t deadline = brd_clock_deadline (S_START_MS);
    for (;;) {
        struct pollfd pair = { .fd = self->fd, .events = POLLIN };
        const int n = poll (&pair, 1, brd_clock_left_ms (deadline));
        if (n == 0)
            return brd_error_set (
                EAGAIN, "it is not born in %d ms", S_START_MS);
        const int said = n > 0 ? s_report (self, 0, &report) : 0;
        if (said < 0)
            return brd_error_set (EAGAIN, "its nursery died");
        if (said == 0)
            continue;
        if (report.type != BRD_NURSERY_STARTED)
            return s_failed (self, &report);
        atomic_store (&self->pid, report.pid);
        return 0;
    }
}

void
brd_process_run_nursery (brood_process_t *self,
                         brd_nursery_options_t *ret_nursery)
{
    self->setup = (brd_child_setup_t){
        .self = self,
        .run = self->run,
        .arg = self->arg,
        .born = brd_children_born,
        .name = self->name,
        .shared = brd_runtime_shared (),
    };
    *ret_nursery = (brd_nursery_options_t){
        .worker_main = brd_child_main,
        .arg = &self->setup,
        .ending = brd_child_ending,
        .title = "brood-process",
        .keep_fds = self->keep_fds,
        .keep_count = (int) self->n_keep_fds,
        .once = &self->wishes,
        .arena_fd = brd_arena_fd (brd_runtime_arena ()),
    };
}

static int
s_open_nursery (brood_process_t *self)
{
    int peek;
    brd_exec_t exec;
    brd_nursery_options_t options;
    brd_process_run_nursery (self, &options);
    exec.block = NULL;
    if (self->start_exec) {
        if (brd_process_exec_open (self, &exec) < 0)
            return -1;
        options.exec = &exec.nursery;
    }
    self->fd = brd_nursery_start (&options, &self->nursery, &peek);
    brd_exec_close (&exec, NULL);
    return self->fd < 0 ? -1 : 0;
}

static int
s_start_nursery (brood_process_t *self)
{
    if (s_open_nursery (self) < 0)
        return -1;
    self->watch = brd_nursery_watch (self->fd, self->nursery);
    if (self->watch < 0 && errno != 0)
        return brd_error_set (errno == EMFILE || errno == ENFILE ? EMFILE
                                                                 : EAGAIN,
                              "its nursery cannot be watched: %s",
                              strerror (errno));
    if (s_command (self, BRD_NURSERY_START, 0) < 0)
        return brd_error_set (
            EAGAIN, "its nursery cannot be told: %s", strerror (errno));
    return 0;
}

static int
s_start (brood_process_t *self)
{
    if (brd_runtime_exit_here () < 0)
        return -1;
    self->snapshot = brd_shared_snapshot_begin (brd_runtime_shared ());
    if (self->snapshot < 0)
        return -1;
    if (s_start_nursery (self) == 0 && s_await_birth (self) == 0)
        return 0;
    const brood_error_info_t story = *brd_error_get ();
    brd_nursery_end (&self->fd, self->nursery, S_END_MS);
    brd_sys_close (&self->watch);
    brd_shared_snapshot_end (brd_runtime_shared (), self->snapshot);
    self->snapshot = -1;
    brd_error_take (&story);
    return brd_error_prefix ("%s cannot be started", self->name);
}

int
brd_process_run_start (brood_process_t *self)
{
    int state = BRD_PROCESS_NEW;
    if (!atomic_compare_exchange_strong (
            &self->state, &state, BRD_PROCESS_STARTING))
        return brd_error_set (EBUSY, "%s was started before", self->name);
    const int rc = s_start (self);
    if (rc == 0)
        brd_children_add (self);
    atomic_store (&self->state,
                  rc == 0 ? BRD_PROCESS_RUNNING : BRD_PROCESS_NEW);
    return rc;
}

// --- The end ---------------------------------------------------------------

static int
s_code (int status)
{
    return WIFSIGNALED (status) ? -WTERMSIG (status) : WEXITSTATUS (status);
}

// The nursery could not sweep. The child is dying of its death, or was swept by
// another nursery that adopted it; once its number is nobody's, this is safe.
static void
s_sweep_orphan (const brood_process_t *self)
{
    const pid_t pid = atomic_load (&self->pid);
    const int64_t deadline = brd_clock_deadline (S_DYING_MS);
    while (kill (pid, 0) == 0 || errno != ESRCH) {
        if (brd_clock_now () > deadline)
            return;
        nanosleep (&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    brd_child_ending ((void *) (uintptr_t) &self->setup, pid);
}

static int
s_is_readable (int fd)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };
    return poll (&one, 1, 0) == 1 && (one.revents & POLLNVAL) == 0;
}

int
brd_process_run_look (brood_process_t *self)
{
    const int saved_errno = errno;
    brd_nursery_report_t report = { 0 };
    if (self->kin == BRD_PROCESS_IS_PARENT)
        return s_is_readable (self->watch);
    if (atomic_load (&self->state) != BRD_PROCESS_RUNNING)
        return atomic_load (&self->state) == BRD_PROCESS_ENDED;
    // Without a pair it was abandoned.
    if (self->fd >= 0 && !s_is_readable (brd_process_run_sentinel (self)))
        return 0;
    const int said = s_report (self, MSG_PEEK, &report);
    // None of a nursery that has gone is none for ever.
    if (said == 0 && (self->watch < 0 || errno != EAGAIN)) {
        errno = saved_errno;
        return 0;
    }
    const int told = said == 1 && report.type == BRD_NURSERY_ENDED;
    atomic_store (&self->exitcode, told ? s_code (report.status) : -SIGKILL);
    int state = BRD_PROCESS_RUNNING;
    // Several may have seen it; one tidies up.
    if (atomic_compare_exchange_strong (
            &self->state, &state, BRD_PROCESS_ENDED)) {
        if (!told)
            s_sweep_orphan (self);
        brd_nursery_reap (self->watch, self->nursery);
        brd_shared_snapshot_end (self->setup.shared, self->snapshot);
        self->snapshot = -1;
    }
    errno = saved_errno;
    return 1;
}

int
brd_process_run_wait (brood_process_t *self, int64_t deadline)
{
    brd_sleep_t sleep;
    brd_sleep_begin (&sleep, deadline);
    for (;;) {
        struct pollfd fds[2] = { { .fd = brd_process_run_sentinel (self),
                                   .events = POLLIN } };
        if (brd_process_run_look (self))
            return 0;
        if (brd_sleep_poll (&sleep, fds, 1) < 0)
            return -1;
        if (fds[0].revents & POLLNVAL)
            return brd_error_set (
                EBADF, "the program has closed %s's sentinel", self->name);
    }
}

int
brd_process_run_sentinel (const brood_process_t *self)
{
    return self->watch >= 0 ? self->watch : self->fd;
}

void
brd_process_run_close (brood_process_t *self)
{
    brd_sys_close (&self->watch);
    brd_sys_close (&self->fd);
}

// --- Signals ---------------------------------------------------------------

int
brd_process_run_signal (brood_process_t *self, int signal)
{
    if (brd_process_run_look (self)
        || s_command (self, BRD_NURSERY_SIGNAL, signal) == 0)
        return 0;
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
        return 0;  // Its nursery has gone, and it with it
    return brd_error_system ("%s cannot be signalled", self->name);
}

void
brd_process_run_abandon (brood_process_t *self)
{
    if (!brd_process_run_look (self))
        brd_nursery_end (&self->fd, self->nursery, 0);
    (void) brd_process_run_look (self);
}
