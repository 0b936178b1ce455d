// launch_run.c - one program that runs beside us
//
// SPDX-License-Identifier: MPL-2.0
//
//     pipe  <- the line, before anybody can read: it fits, and there is no
//     spawn    reader yet that could be gone
//     pidfd -> it has ended
//     pipes -> what it says, until it has ended; its own children may keep
//              them open for longer, as ssh's masters do
//
// Whoever is killed without a chance to end this leaves a pipe that is closed,
// which its program is to take for the end: nothing else reaches through ssh.

#include "tools/launch_run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "base/brd_secret.h"
#include "base/brd_sys.h"

enum {
    S_CHUNK = 4096,
    S_CHUNKS = 16  // A turn's share, and all that a pipe holds
};

void
brd_launch_run_init (brd_launch_run_t *self)
{
    *self = (brd_launch_run_t){ .process = -1, .in = -1, .out = -1, .err = -1 };
}

// --- Starting --------------------------------------------------------------

static int
s_watch (brd_launch_run_t *self, int epoll, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = self };
    return epoll_ctl (epoll, EPOLL_CTL_ADD, fd, &event);
}

// ours: the end that stays here.
static int
s_pipe (int *ret_read, int *ret_write, int ours_is_read)
{
    int fds[2];
    if (brd_sys_pipe (fds) < 0)
        return -1;
    *ret_read = fds[0];
    *ret_write = fds[1];
    return fcntl (fds[ours_is_read ? 0 : 1], F_SETFL, O_NONBLOCK);
}

static int
s_put_line (int fd, const char *line)
{
    char text[BRD_LAUNCH_RUN_LINE_MAX];
    const size_t size = line ? strlen (line) + 1 : 0;
    if (size == 0)
        return 0;
    if (size > sizeof text) {
        errno = EMSGSIZE;
        return -1;
    }
    memcpy (text, line, size - 1);
    text[size - 1] = '\n';
    const ssize_t n = brd_sys_write (fd, text, size);
    brd_secret_wipe (text, size);
    if (n < 0 || (size_t) n == size)
        return n < 0 ? -1 : 0;
    errno = EMSGSIZE;
    return -1;
}

int
brd_launch_run_start (brd_launch_run_t *self,
                      int epoll,
                      char *const *argv,
                      char *const *env,
                      const char *line)
{
    int theirs[3] = { -1, -1, -1 };
    brd_launch_run_init (self);
    if (s_pipe (&theirs[0], &self->in, 0) < 0
        || s_pipe (&self->out, &theirs[1], 1) < 0
        || s_pipe (&self->err, &theirs[2], 1) < 0
        || s_put_line (self->in, line) < 0)
        goto error;
    const pid_t pid = brd_sys_spawn (argv, env, theirs);
    if (pid < 0)
        goto error;
    self->pid = pid;
    self->process = brd_sys_pidfd (pid);
    if (self->process < 0 || s_watch (self, epoll, self->process) < 0
        || s_watch (self, epoll, self->out) < 0
        || s_watch (self, epoll, self->err) < 0)
        goto error;
    for (int i = 0; i < 3; i++)
        brd_sys_close (&theirs[i]);
    return 0;

error:
    for (int i = 0; i < 3; i++)
        brd_sys_close (&theirs[i]);
    brd_launch_run_fini (self);
    return -1;
}

// --- What it says ----------------------------------------------------------

static void
s_keep (brd_launch_run_t *self, const char *bytes, size_t size)
{
    // A zero behind is text's.
    const size_t room = sizeof self->tail - 1;
    if (size >= room) {
        memcpy (self->tail, bytes + size - room, room);
        self->tail_size = room;
        return;
    }
    if (self->tail_size + size > room) {
        const size_t over = self->tail_size + size - room;
        memmove (self->tail, self->tail + over, self->tail_size - over);
        self->tail_size -= over;
    }
    memcpy (self->tail + self->tail_size, bytes, size);
    self->tail_size += size;
}

static void
s_drain (brd_launch_run_t *self,
         int stream,
         brd_launch_run_said_fn *said,
         void *arg)
{
    int *fd = stream == 1 ? &self->out : &self->err;
    char bytes[S_CHUNK];
    for (int i = 0; i < S_CHUNKS && *fd >= 0; i++) {
        const ssize_t n = brd_sys_read (*fd, bytes, sizeof bytes);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            brd_sys_close (fd);
            return;
        }
        if (stream == 2)
            s_keep (self, bytes, (size_t) n);
        said (arg, stream, bytes, (size_t) n);
    }
}

void
brd_launch_run_note (brd_launch_run_t *self, const char *text)
{
    s_keep (self, text, strlen (text));
    s_keep (self, "\n", 1);
}

const char *
brd_launch_run_text (brd_launch_run_t *self)
{
    size_t size = self->tail_size;
    while (size > 0 && strchr (" \t\r\n", self->tail[size - 1]))
        size--;
    self->tail[size] = '\0';
    return self->tail;
}

// --- Its end ---------------------------------------------------------------

static void
s_close (brd_launch_run_t *self)
{
    self->pid = 0;
    brd_sys_close (&self->process);
    brd_sys_close (&self->in);
    brd_sys_close (&self->out);
    brd_sys_close (&self->err);
}

int
brd_launch_run_turn (brd_launch_run_t *self,
                     brd_launch_run_said_fn *said,
                     void *arg)
{
    siginfo_t info = { .si_pid = 0 };
    if (self->pid == 0)
        return 0;
    // Asked first: what it said before its end is in the pipes by then.
    const int rc = waitid (P_PID, (id_t) self->pid, &info, WEXITED | WNOHANG);
    s_drain (self, 1, said, arg);
    s_drain (self, 2, said, arg);
    if (rc == 0 && info.si_pid == 0)
        return 0;
    // rc < 0: somebody has reaped it, and knows what it ended with.
    self->status = rc == 0 && info.si_code == CLD_EXITED ? info.si_status : -1;
    self->signal = rc == 0 && info.si_code != CLD_EXITED ? info.si_status : 0;
    s_close (self);
    return 1;
}

void
brd_launch_run_close_in (brd_launch_run_t *self)
{
    brd_sys_close (&self->in);
}

void
brd_launch_run_kill (brd_launch_run_t *self, int signal)
{
    if (self->pid != 0)
        (void) pidfd_send_signal (self->process, signal, NULL, 0);
}

void
brd_launch_run_fini (brd_launch_run_t *self)
{
    if (self->pid != 0) {
        // By number: it may have no pidfd yet, and is not reaped.
        (void) kill (self->pid, SIGKILL);
        while (waitpid (self->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    s_close (self);
}
