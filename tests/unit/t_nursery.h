// t_nursery.h - starting nurseries, and listening to them, in tests
//
// SPDX-License-Identifier: MPL-2.0

#ifndef T_NURSERY_H
#define T_NURSERY_H

#include "t.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/brd_clock.h"
#include "base/brd_fault.h"
#include "base/brd_process.h"
#include "base/brd_sys.h"
#include "workers/nursery.h"

// One nursery, and what its workers tell through shared memory.
typedef struct {
    int fd;
    pid_t pid;
    int peek;
    struct {
        _Atomic int count;  // Of what has been told
        _Atomic long told[1000];
    } * shared;
} t_nursery_t;

static inline void
t_nursery_tell (t_nursery_t *self, long what)
{
    const int i = atomic_fetch_add (&self->shared->count, 1);
    if (i < 1000)
        atomic_store (&self->shared->told[i], what);
}

static inline int
t_nursery_told_one (void *arg)
{
    _Atomic long *told = arg;
    return atomic_load (told) != 0;
}

// The i-th thing told, which is not 0.
static inline long
t_nursery_told (t_nursery_t *self, int i)
{
    _Atomic long *told = &self->shared->told[i];
    assert_true (t_eventually (t_nursery_told_one, told, 20));
    return atomic_load (told);
}

static inline void
t_nursery_share (t_nursery_t *self)
{
    self->fd = -1;
    self->shared = t_share (sizeof *self->shared);
}

typedef void
t_nursery_main_fn (const brd_nursery_birth_t *birth);

static inline void
t_nursery_start_with (t_nursery_t *self, brd_nursery_options_t *options)
{
    t_nursery_share (self);
    options->arg = self;
    self->fd = brd_nursery_start (options, &self->pid, &self->peek);
    assert_true (self->fd >= 0);
}

static inline void
t_nursery_start (t_nursery_t *self, t_nursery_main_fn *worker_main)
{
    brd_nursery_options_t options = { .worker_main = worker_main,
                                      .title = "brood-test" };
    t_nursery_start_with (self, &options);
}

static inline void
t_nursery_end (t_nursery_t *self)
{
    brd_nursery_end (&self->fd, self->pid, -1);
    assert_int_equal (self->fd, -1);
    munmap (self->shared, sizeof *self->shared);
}

static inline void
t_nursery_command (t_nursery_t *self, uint32_t type, uint32_t worker)
{
    const brd_nursery_command_t command = {
        .type = type,
        .worker = worker,
        .place = worker,
        .page = 65536 + worker,
    };
    while (send (self->fd, &command, sizeof command, MSG_NOSIGNAL) < 0) {
        assert_int_equal (errno, EAGAIN);
        struct pollfd pair = { .fd = self->fd, .events = POLLOUT };
        poll (&pair, 1, -1);
    }
}

// The next report. Its type is 0 at the end of the nursery.
static inline brd_nursery_report_t
t_nursery_next (t_nursery_t *self)
{
    brd_nursery_report_t report = { 0 };
    struct pollfd pair = { .fd = self->fd, .events = POLLIN };
    while (poll (&pair, 1, 20000) < 0)
        assert_int_equal (errno, EINTR);
    const ssize_t n = recv (self->fd, &report, sizeof report, 0);
    if (n == 0 || (n < 0 && errno == ECONNRESET))
        return (brd_nursery_report_t){ 0 };
    assert_int_equal (n, sizeof report);
    return report;
}

// The next report, which must be this one.
static inline brd_nursery_report_t
t_nursery_expect (t_nursery_t *self, uint32_t type, uint32_t worker)
{
    const brd_nursery_report_t report = t_nursery_next (self);
    assert_int_equal (report.type, type);
    assert_int_equal (report.worker, worker);
    return report;
}

// Returns the pid.
static inline pid_t
t_nursery_bear (t_nursery_t *self, uint32_t worker)
{
    t_nursery_command (self, BRD_NURSERY_START, worker);
    const brd_nursery_report_t report =
        t_nursery_expect (self, BRD_NURSERY_STARTED, worker);
    assert_true (report.pid > 0);
    return report.pid;
}

// The letter in /proc/PID/stat, 0 if there is none: gone, and reaped.
static inline char
t_nursery_state (pid_t pid)
{
    char path[64];
    char state = 0;
    snprintf (path, sizeof path, "/proc/%d/stat", (int) pid);
    FILE *file = fopen (path, "re");
    if (!file)
        return 0;
    if (fscanf (file, "%*d (%*[^)]) %c", &state) != 1)
        state = 0;
    fclose (file);
    return state;
}

static inline int
t_nursery_is_gone (void *arg)
{
    const char state = t_nursery_state (*(pid_t *) arg);
    return state == 0 || state == 'Z' || state == 'X';
}

// Not running any more. Whoever is pid 1 here may be slow to reap it.
static inline void
t_nursery_gone (pid_t pid)
{
    assert_true (t_eventually (t_nursery_is_gone, &pid, 20));
}

static inline void
t_nursery_alive (pid_t pid)
{
    assert_false (t_nursery_is_gone (&pid));
}

// Children of the nursery, zombies too.
static inline int
t_nursery_children (const t_nursery_t *self)
{
    char path[64];
    snprintf (path,
              sizeof path,
              "/proc/%d/task/%d/children",
              (int) self->pid,
              (int) self->pid);
    FILE *file = fopen (path, "re");
    assert_non_null (file);
    int n = 0;
    int pid;
    while (fscanf (file, "%d", &pid) == 1)
        n++;
    fclose (file);
    return n;
}

// This process has none at all.
static inline void
t_nursery_no_children (void)
{
    assert_int_equal (waitpid (-1, NULL, WNOHANG | __WALL), -1);
    assert_int_equal (errno, ECHILD);
}

#endif  // T_NURSERY_H
