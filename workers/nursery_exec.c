// nursery_exec.c - a nursery that is the program anew, not a copy of the owner
//
// SPDX-License-Identifier: MPL-2.0
//
//     owner (nursery.c)   brd_nursery_exec_prepare
//       fork, fork          argv and environment; nobody may allocate later
//         brd_nursery_exec_run
//           BORN; signals, descriptors, session: as of a program just started
//           HELLO into our own end of the pair, for ourselves
//           a timer that kills who does not come to brood_init ()
//           exec /proc/self/exe, or the executable that was asked for
//             main, brood_init (): brd_nursery_exec_found
//               the variable names a socket; is HELLO in it? then it is ours
//             brd_nursery_exec_become -> nursery_loop.c, for ever
//
// /proc/self/exe is the very file the owner runs, though it may have been
// replaced or deleted since. Between the forks and exec nothing is called that
// takes a lock, and no fork handler runs: what other threads of the owner hold
// does not matter.
//
// The variable alone captures nobody: the number in it must be that of a socket
// of ours, made by the process HELLO names, with the variable's token in it.
// Then whatever is wrong is an error, and main is not gone on with: a second
// copy of a program that runs all of main would do its work twice, and start
// nurseries of its own.

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "base/brd_mem.h"
#include "base/brd_process.h"
#include "base/brd_sys.h"
#include "workers/nursery_internal.h"

enum {
    S_EXIT_REFUSED = 70,  // EX_SOFTWARE of sysexits
    S_REHEARSE_MS = 5000,
    S_LATER_MS = 2000  // The owner is first to lose patience
};

struct brd_nursery_image {
    char *args;  // All of them, one behind the other
    char *path;  // NULL: the file that runs here
    char **argv;
    char **env;
    brd_nursery_hello_t hello;
    char variable[sizeof BRD_NURSERY_VARIABLE + 16 + 2 * BRD_NURSERY_TOKEN];
};

// --- The owner -------------------------------------------------------------

static int
s_set_argv (brd_nursery_image_t *image, const char *executable)
{
    size_t size, count = 1, n = 0;
    image->args = brd_process_command_line (&size);
    if (!image->args)
        return -1;
    for (size_t i = 0; i < size; i++)
        count += image->args[i] == '\0';
    image->argv = brd_mem_array (count + 1, sizeof *image->argv);
    if (!image->argv)
        return -1;
    for (size_t at = 0; at < size; at += strlen (image->args + at) + 1)
        image->argv[n++] = image->args + at;
    image->argv[n] = NULL;
    if (!executable)
        return 0;
    image->path = image->argv[0] = brd_mem_strdup (executable);
    return image->path ? 0 : -1;
}

// Ours first, so that it is the one that is found; the program's own of that
// name, if it has one, stays behind it.
static int
s_set_env (brd_nursery_image_t *image)
{
    size_t count = 0;
    while (environ && environ[count])
        count++;
    image->env = brd_mem_array (count + 2, sizeof *image->env);
    if (!image->env)
        return -1;
    image->env[0] = image->variable;
    if (count > 0)
        memcpy (image->env + 1, environ, count * sizeof *environ);
    image->env[count + 1] = NULL;
    return 0;
}

static void
s_set_variable (brd_nursery_image_t *image, int fd)
{
    int n = snprintf (image->variable,
                      sizeof image->variable,
                      BRD_NURSERY_VARIABLE "=%d.",
                      fd);
    for (int i = 0; i < BRD_NURSERY_TOKEN; i++)
        n += snprintf (image->variable + n,
                       sizeof image->variable - (size_t) n,
                       "%02x",
                       image->hello.token[i]);
}

void
brd_nursery_exec_forget (brd_nursery_seed_t *seed)
{
    brd_nursery_image_t *image = seed->image;
    seed->image = NULL;
    if (!image)
        return;
    const int saved_errno = errno;
    brd_mem_free (image->args);
    brd_mem_free (image->path);
    brd_mem_free (image->argv);
    brd_mem_free (image->env);
    brd_mem_free (image);
    errno = saved_errno;
}

int
brd_nursery_exec_prepare (brd_nursery_seed_t *seed)
{
    brd_nursery_image_t *image = brd_mem_zalloc (sizeof *image);
    seed->image = image;
    if (!image || s_set_argv (image, seed->options->exec->executable) < 0
        || s_set_env (image) < 0
        || brd_sys_random (image->hello.token, BRD_NURSERY_TOKEN) < 0)
        return -1;
    memcpy (image->hello.magic, BRD_NURSERY_MAGIC, sizeof image->hello.magic);
    image->hello.owner = seed->owner;
    image->hello.owner_fd = seed->owner_fd;
    image->hello.exec = *seed->options->exec;
    image->hello.token_at = (uint64_t) (uintptr_t) seed->token_at;
    image->hello.peek_token = seed->token;
    s_set_variable (image, seed->pair[1]);
    return 0;
}

// --- Between fork and exec -------------------------------------------------

static _Noreturn void
s_fail (int fd, int error)
{
    const brd_nursery_report_t report = { .type = BRD_NURSERY_FAILED,
                                          .error = error };
    (void) brd_sys_send (fd, &report, sizeof report, MSG_DONTWAIT);
    _exit (S_EXIT_REFUSED);
}

// As a shell leaves them, for main and what comes before it.
static void
s_reset_signals (void)
{
    const struct sigaction action = { .sa_handler = SIG_DFL };
    sigset_t none;
    sigemptyset (&none);
    brd_nursery_clean_signals ();
    (void) sigaction (SIGPIPE, &action, NULL);
    (void) sigprocmask (SIG_SETMASK, &none, NULL);
}

static void
s_set_timer (int ms)
{
    const struct itimerval timer = { .it_value = { .tv_sec = ms / 1000 } };
    (void) setitimer (ITIMER_REAL, &timer, NULL);
}

void
brd_nursery_exec_run (const brd_nursery_seed_t *seed)
{
    brd_nursery_image_t *image = seed->image;
    int owner_end = seed->pair[0];
    const int fd = seed->pair[1];
    const brd_nursery_report_t born = { .type = BRD_NURSERY_BORN,
                                        .pid = getpid () };
    image->hello.pid = getpid ();
    if (brd_sys_send (fd, &born, sizeof born, MSG_DONTWAIT) < 0)
        _exit (S_EXIT_REFUSED);
    (void) setsid ();
    if (brd_nursery_clean_for_exec (seed) < 0
        || brd_sys_send (
               owner_end, &image->hello, sizeof image->hello, MSG_DONTWAIT)
               < 0)
        s_fail (fd, errno);
    brd_sys_close (&owner_end);
    // Whatever becomes of the owner: this ends, or comes to brood_init ().
    s_set_timer (BRD_NURSERY_MAIN_MS + S_LATER_MS);
    s_reset_signals ();
    (void) execve (
        image->path ? image->path : "/proc/self/exe", image->argv, image->env);
    // What is left unread when this end closes is an error at the other, which
    // comes before what was said last.
    const int error = errno;
    (void) recv (fd, &image->hello, sizeof image->hello, MSG_DONTWAIT);
    s_fail (fd, error);
}

// --- The program anew ------------------------------------------------------

// The descriptor in the variable, -1; *ret_token is on loan.
static int
s_read_variable (const char *text, unsigned char ret_token[BRD_NURSERY_TOKEN])
{
    int fd = -1, at = 0;
    if (!text || sscanf (text, "%d.%n", &fd, &at) != 1 || at == 0 || fd < 0
        || strlen (text + at) != 2 * BRD_NURSERY_TOKEN)
        return -1;
    for (int i = 0; i < BRD_NURSERY_TOKEN; i++) {
        unsigned byte;
        if (sscanf (text + at + 2 * i, "%2x", &byte) != 1)
            return -1;
        ret_token[i] = (unsigned char) byte;
    }
    return fd;
}

// A look, without taking anything that may be somebody else's.
static int
s_is_ours (int fd,
           const unsigned char token[BRD_NURSERY_TOKEN],
           brd_nursery_hello_t *ret_hello)
{
    int type = 0;
    struct ucred maker = { 0 };
    socklen_t size = sizeof type;
    if (getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0
        || type != SOCK_SEQPACKET)
        return 0;
    size = sizeof maker;
    return recv (fd, ret_hello, sizeof *ret_hello, MSG_PEEK | MSG_DONTWAIT)
               == (ssize_t) sizeof *ret_hello
           && memcmp (
                  ret_hello->magic, BRD_NURSERY_MAGIC, sizeof ret_hello->magic)
                  == 0
           && memcmp (ret_hello->token, token, BRD_NURSERY_TOKEN) == 0
           && getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &maker, &size) == 0
           && maker.pid == ret_hello->owner;
}

// The first of that name, and no other.
static void
s_remove_variable (const char *value)
{
    char **at = environ;
    while (*at && *at + sizeof BRD_NURSERY_VARIABLE != value)
        at++;
    for (; *at; at++)
        at[0] = at[1];
}

int
brd_nursery_exec_found (brd_nursery_call_t *ret_call)
{
    brd_nursery_hello_t hello;
    unsigned char token[BRD_NURSERY_TOKEN];
    const char *value = getenv (BRD_NURSERY_VARIABLE);
    const int fd = s_read_variable (value, token);
    if (fd < 0 || !s_is_ours (fd, token, &hello))
        return 0;
    s_remove_variable (value);
    (void) recv (fd, &hello, sizeof hello, MSG_DONTWAIT);
    *ret_call = (brd_nursery_call_t){
        .exec = hello.exec,
        .pair_fd = fd,
        .owner_fd = hello.owner_fd,
        .owner = hello.owner,
        .token_at = hello.token_at,
        .token = hello.peek_token,
    };
    (void) fcntl (fd, F_SETFD, FD_CLOEXEC);
    (void) fcntl (hello.owner_fd, F_SETFD, FD_CLOEXEC);
    (void) fcntl (hello.exec.arena_fd, F_SETFD, FD_CLOEXEC);
    if (hello.pid != getpid ())
        brd_nursery_exec_refuse (ret_call, ECHILD);
    return 1;
}

void
brd_nursery_exec_refuse (const brd_nursery_call_t *call, int error)
{
    s_fail (call->pair_fd, error);
}

// An owner that cannot hear it hears nothing more.
void
brd_nursery_exec_answer (const brd_nursery_call_t *call,
                         const void *bytes,
                         size_t size)
{
    brd_nursery_early_t said = { .report = { .type = BRD_NURSERY_ANSWER } };
    brd_assert (size <= sizeof said.answer);
    memcpy (said.answer, bytes, size);
    if (brd_sys_send (
            call->pair_fd, &said, sizeof said.report + size, MSG_DONTWAIT)
        < 0)
        s_fail (call->pair_fd, errno);
}

void
brd_nursery_exec_become (const brd_nursery_call_t *call,
                         const brd_nursery_options_t *options)
{
    const brd_nursery_seed_t seed = {
        .options = options,
        .pair = { -1, call->pair_fd },
        .owner_fd = call->owner_fd,
        .owner = call->owner,
        .rehearse_ms = S_REHEARSE_MS,
        .token_at = (const uint64_t *) (uintptr_t) call->token_at,
        .token = call->token,
    };
    sigset_t all;
    sigfillset (&all);
    // What came before brood_init () has said once, not once in each child.
    (void) fflush (NULL);
    (void) sigprocmask (SIG_SETMASK, &all, NULL);
    s_set_timer (0);
    brd_nursery_loop_run (&seed);
}
