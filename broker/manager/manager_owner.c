// manager_owner.c - the owner's side of a manager: its start and its end
//
// SPDX-License-Identifier: MPL-2.0
//
//     start   a pipe; a nursery with the seed in its snapshot; one child
//             wait for the child's report: it listens, or why not
//     end     end the nursery, which takes the child along
//
// Read next: manager_loop.c.

#include "manager/manager.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/brd_clock.h"
#include "base/brd_sys.h"
#include "manager/manager_internal.h"

enum {
    S_START_MS = 10000,
    S_END_MS = 2000
};

// In the nursery: what the dead held in shared memory is let go of.
static void
s_ending (void *arg, pid_t pid)
{
    const brd_manager_seed_t *seed = arg;
    brd_shared_sweep (seed->options.shared, pid);
}

static int
s_start_nursery (brd_manager_process_t *self, brd_manager_seed_t *seed)
{
    const brd_nursery_options_t nursery = {
        .worker_main = brd_manager_main,
        .arg = seed,
        .ending = s_ending,
        .title = "brood-manager",
        .keep_fds = &seed->report_fd,
        .keep_count = 1,
    };
    const brd_nursery_command_t start = { .type = BRD_NURSERY_START,
                                          .worker = 1 };
    int peek;
    self->fd = brd_nursery_start (&nursery, &self->nursery, &peek);
    if (self->fd < 0)
        return -1;
    if (brd_sys_send (self->fd, &start, sizeof start, MSG_NOSIGNAL) < 0)
        return brd_error_system ("the nursery of a manager");
    return 0;
}

// What the nursery says: -1 when the child is not, or no more.
static int
s_hear_nursery (const brd_manager_process_t *self)
{
    brd_nursery_report_t report;
    const ssize_t size =
        brd_sys_recv (self->fd, &report, sizeof report, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN)
        return 0;
    if (size != (ssize_t) sizeof report)
        return brd_error_set (EAGAIN, "the nursery of a manager died");
    if (report.type == BRD_NURSERY_FAILED)
        return brd_error_set (report.error > 0 ? report.error : EAGAIN,
                              "a manager process cannot be forked");
    if (report.type == BRD_NURSERY_ENDED)
        return brd_error_set (EAGAIN, "the manager process died at birth");
    return 0;
}

static int
s_await (brd_manager_process_t *self, int fd)
{
    const int64_t deadline = brd_clock_deadline (S_START_MS);
    brd_manager_report_t report;
    for (;;) {
        struct pollfd fds[] = { { .fd = fd, .events = POLLIN },
                                { .fd = self->fd, .events = POLLIN } };
        const int n = poll (fds, 2, brd_clock_left_ms (deadline));
        if (n == 0)
            return brd_error_set (ETIMEDOUT, "the manager does not start");
        if (n < 0)
            continue;
        // Its end without a word is one, too.
        if (fds[0].revents)
            break;
        if (fds[1].revents && s_hear_nursery (self) < 0)
            return -1;
    }
    if (brd_sys_read (fd, &report, sizeof report) != (ssize_t) sizeof report)
        return brd_error_set (EAGAIN, "the manager process died at birth");
    if (report.error != 0)
        return brd_error_set (report.error, "%s", report.text);
    memcpy (self->address, report.address, sizeof self->address);
    return 0;
}

int
brd_manager_start (brd_manager_process_t *self,
                   const brd_manager_options_t *options)
{
    int fds[2];
    *self = (brd_manager_process_t){ .fd = -1 };
    if (brd_sys_pipe (fds) < 0)
        return brd_error_system ("a pipe");
    // In the snapshot, and not needed any more when this returns.
    brd_manager_seed_t seed = { .options = *options, .report_fd = fds[1] };
    int rc = s_start_nursery (self, &seed);
    brd_sys_close (&fds[1]);
    if (rc == 0)
        rc = s_await (self, fds[0]);
    brd_sys_close (&fds[0]);
    if (rc < 0)
        brd_manager_end (self);
    return rc;
}

void
brd_manager_end (brd_manager_process_t *self)
{
    brd_nursery_end (&self->fd, self->nursery, S_END_MS);
}
