// relay_owner.c - executes the broker
//
// SPDX-License-Identifier: MPL-2.0
//
//     find the command; its arguments, before anything is forked
//     a pair of sockets
//     nursery's forks (workers/nursery.c) -> s_serve: execve
//
// The program is named by its file, not by argv[0], and with the arguments it
// was started with: that is what an agent executes on its host.

#include "relay/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/brd_error.h"
#include "base/brd_mem.h"
#include "base/brd_process.h"
#include "base/brd_sys.h"
#include "client/brd_code.h"
#include "workers/nursery.h"

enum {
    S_END_MS = 2000,
    S_ARGS = 6  // Before the program's own
};

typedef struct {
    char path[PATH_MAX];
    char program[PATH_MAX];
    char fd_text[32];
    char build_text[16 + 2 * BRD_CODE_BUILD];
    char *args;  // The program's, one behind the other
    char **argv;
    int fd;
} s_seed_t;

// What agents must be built from.
static void
s_set_build (s_seed_t *self)
{
    unsigned char build[BRD_CODE_BUILD];
    brd_code_build (build);
    int n = snprintf (self->build_text, sizeof self->build_text, "--build=");
    for (int i = 0; i < BRD_CODE_BUILD; i++)
        n += snprintf (self->build_text + n,
                       sizeof self->build_text - (size_t) n,
                       "%02x",
                       build[i]);
}

static int
s_set_argv (s_seed_t *self, const char *spec)
{
    size_t size, count = 0, n = 0;
    const ssize_t length =
        readlink ("/proc/self/exe", self->program, sizeof self->program - 1);
    if (length < 0)
        return brd_error_system ("/proc/self/exe");
    self->program[length] = '\0';
    self->args = brd_process_command_line (&size);
    if (!self->args)
        return brd_error_system ("/proc/self/cmdline");
    for (size_t i = 0; i < size; i++)
        count += self->args[i] == '\0';
    self->argv = brd_mem_array (S_ARGS + count + 2, sizeof *self->argv);
    if (!self->argv)
        return -1;
    s_set_build (self);
    snprintf (self->fd_text, sizeof self->fd_text, "--fd=%d", self->fd);
    self->argv[n++] = self->path;
    self->argv[n++] = (char *) (size_t) "broker";
    self->argv[n++] = self->fd_text;
    self->argv[n++] = self->build_text;
    self->argv[n++] = (char *) (size_t) "--";
    self->argv[n++] = (char *) (size_t) spec;
    self->argv[n++] = self->program;
    // All but argv[0].
    for (size_t at = strlen (self->args) + 1; at < size;
         at += strlen (self->args + at) + 1)
        self->argv[n++] = self->args + at;
    self->argv[n] = NULL;
    return 0;
}

static void
s_free (s_seed_t *self)
{
    const int saved_errno = errno;
    brd_sys_close (&self->fd);
    brd_mem_free (self->args);
    brd_mem_free (self->argv);
    brd_mem_free (self);
    errno = saved_errno;
}

// In the child, where only async-signal-safe calls are made. If it cannot be
// executed our end of the socket closes, and the owner hears that.
static void
s_serve (void *arg, int pair_fd, int owner_fd)
{
    const s_seed_t *seed = arg;
    const struct sigaction action = { .sa_handler = SIG_DFL };
    sigset_t none;
    (void) pair_fd;
    (void) owner_fd;
    sigemptyset (&none);
    (void) sigaction (SIGPIPE, &action, NULL);
    (void) sigprocmask (SIG_SETMASK, &none, NULL);
    (void) fcntl (seed->fd, F_SETFD, 0);
    (void) execve (seed->path, seed->argv, environ);
}

static int
s_fork (brd_relay_t *self, s_seed_t *seed)
{
    const brd_nursery_options_t options = {
        .serve = s_serve,
        .arg = seed,
        .title = "brood-broker",
        .keep_fds = &seed->fd,
        .keep_count = 1,
    };
    int peek;
    self->fd = brd_nursery_start (&options, &self->pid, &peek);
    return self->fd < 0 ? -1 : 0;
}

int
brd_relay_start (brd_relay_t *self, const char *spec, int *ret_fd)
{
    int pair[2];
    s_seed_t *seed = brd_mem_zalloc (sizeof *seed);
    if (!seed)
        return -1;
    seed->fd = -1;
    if (brd_relay_find (seed->path) < 0 || brd_sys_stream_pair (pair) < 0) {
        s_free (seed);
        return -1;
    }
    seed->fd = pair[1];
    const int rc =
        s_set_argv (seed, spec) < 0 || s_fork (self, seed) < 0 ? -1 : 0;
    s_free (seed);
    if (rc < 0)
        brd_sys_close (&pair[0]);
    else
        *ret_fd = pair[0];
    return rc;
}

void
brd_relay_end (brd_relay_t *self)
{
    brd_nursery_end (&self->fd, self->pid, S_END_MS);
}
