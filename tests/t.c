// t.c - what every test program needs besides cmocka
//
// SPDX-License-Identifier: MPL-2.0
//
// Nothing here uses brood: these helpers judge it, and must work while it does
// not. They may abort; a test that cannot fork has no other story to tell.

#include "t.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define S_MARK "BROOD_T_MARK"

static void
s_must (int condition, const char *what)
{
    if (!condition) {
        perror (what);
        abort ();
    }
}

static int64_t
s_now_ms (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
t_watchdog (unsigned seconds)
{
    struct sigaction action = { .sa_handler = SIG_DFL };
    sigaction (SIGALRM, &action, NULL);
    sigset_t alarm_only;
    sigemptyset (&alarm_only);
    sigaddset (&alarm_only, SIGALRM);
    sigprocmask (SIG_UNBLOCK, &alarm_only, NULL);
    alarm (seconds);
}

void
t_default_signals (void)
{
    static const int signals[] = { SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
                                   SIGSYS,  SIGABRT, SIGTRAP };
    struct sigaction action = { .sa_handler = SIG_DFL };
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        sigaction (signals[i], &action, NULL);
}

// --- A child with a clock on it --------------------------------------------

typedef struct {
    char *text;
    size_t size;
} s_output_t;

static _Noreturn void
s_child (void (*fn) (void *arg), void *arg, int out)
{
    setpgid (0, 0);
    alarm (0);  // The parent's watchdog must not be mistaken for ours
    t_default_signals ();
    dup2 (out, STDOUT_FILENO);
    dup2 (out, STDERR_FILENO);
    close (out);
    fn (arg);
    fflush (NULL);
    _exit (0);
}

static void
s_append (s_output_t *output, const char *bytes, size_t size)
{
    output->text = realloc (output->text, output->size + size + 1);
    s_must (output->text != NULL, "realloc");
    memcpy (output->text + output->size, bytes, size);
    output->size += size;
    output->text[output->size] = '\0';
}

// Takes what is there. 0 at the end of the file.
static int
s_drain (s_output_t *output, int in)
{
    char bytes[4096];
    for (;;) {
        ssize_t n = read (in, bytes, sizeof bytes);
        if (n > 0)
            s_append (output, bytes, (size_t) n);
        else
            return n < 0 && (errno == EAGAIN || errno == EINTR);
    }
}

// Until the child has ended, not until the pipe has: a grandchild may keep that
// open. 0 when time ran out.
static int
s_follow (s_output_t *output, int in, int child, int64_t deadline_ms)
{
    struct pollfd fds[2] = { { .fd = child, .events = POLLIN },
                             { .fd = in, .events = POLLIN } };
    for (;;) {
        int64_t left = deadline_ms - s_now_ms ();
        if (left <= 0)
            return 0;
        poll (fds, 2, (int) left);
        if (fds[1].revents && !s_drain (output, in))
            fds[1].fd = -1;
        if (fds[0].revents) {
            s_drain (output, in);
            return 1;
        }
    }
}

char *
t_run_child (void (*fn) (void *arg), void *arg, int seconds, int *ret_status)
{
    static const char late[] = "\n[t_run_child: out of time, killed]\n";
    int fds[2];
    fflush (NULL);  // Or the child prints our half lines again
    s_must (pipe2 (fds, O_CLOEXEC) == 0, "pipe2");
    pid_t pid = fork ();
    s_must (pid >= 0, "fork");
    if (pid == 0)
        s_child (fn, arg, fds[1]);
    setpgid (pid, pid);  // Both sides do, so that neither has to wait
    close (fds[1]);
    fcntl (fds[0], F_SETFL, O_NONBLOCK);
    int child = pidfd_open (pid, 0);
    s_must (child >= 0, "pidfd_open");

    s_output_t output = { 0 };
    s_append (&output, "", 0);
    if (!s_follow (&output, fds[0], child, s_now_ms () + seconds * 1000L)) {
        kill (-pid, SIGKILL);
        s_append (&output, late, sizeof late - 1);
    }
    int status;
    while (waitpid (pid, &status, 0) < 0)
        s_must (errno == EINTR, "waitpid");
    close (child);
    close (fds[0]);
    if (ret_status)
        *ret_status = status;
    return output.text;
}

// --- Who is still there ----------------------------------------------------

void
t_mark (char **argv)
{
    char mark[32];
    snprintf (mark, sizeof mark, "%ld", (long) getpid ());
    const char *now = getenv (S_MARK);
    if (now && strcmp (now, mark) == 0)
        return;
    setenv (S_MARK, mark, 1);
    execv ("/proc/self/exe", argv);
    s_must (0, "execv");
}

// 1 if the environment the process was born with has the entry. That of a
// zombie is empty.
static int
s_carries (const char *pid, const char *entry)
{
    char path[300];
    snprintf (path, sizeof path, "/proc/%s/environ", pid);
    FILE *file = fopen (path, "re");
    if (!file)
        return 0;
    char *line = NULL;
    size_t size = 0;
    int found = 0;
    while (!found && getdelim (&line, &size, '\0', file) >= 0)
        found = strcmp (line, entry) == 0;
    free (line);
    fclose (file);
    return found;
}

int
t_marked (pid_t *ret_pids, int max)
{
    const char *mark = getenv (S_MARK);
    s_must (mark != NULL, "t_mark () was not called");
    char entry[64];
    snprintf (entry, sizeof entry, S_MARK "=%s", mark);
    DIR *dir = opendir ("/proc");
    s_must (dir != NULL, "/proc");
    int n = 0;
    struct dirent *one;
    while ((one = readdir (dir))) {
        pid_t pid = (pid_t) strtol (one->d_name, NULL, 10);
        if (pid <= 0 || pid == getpid () || !s_carries (one->d_name, entry))
            continue;
        if (ret_pids && n < max)
            ret_pids[n] = pid;
        n++;
    }
    closedir (dir);
    return n;
}

static int
s_at_most (void *n)
{
    return t_marked (NULL, 0) <= *(int *) n;
}

int
t_marked_wait (int n, int seconds)
{
    return t_eventually (s_at_most, &n, seconds) ? 0 : -1;
}

void *
t_share (size_t size)
{
    void *memory = mmap (
        NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        abort ();
    return memory;
}

int
t_open_fds (void)
{
    DIR *dir = opendir ("/proc/self/fd");
    s_must (dir != NULL, "/proc/self/fd");
    int n = -1;  // Not the directory's own
    struct dirent *one;
    while ((one = readdir (dir)))
        n += one->d_name[0] != '.';
    closedir (dir);
    return n;
}

int
t_eventually (int (*check) (void *arg), void *arg, int seconds)
{
    int64_t deadline_ms = s_now_ms () + seconds * 1000L;
    for (;;) {
        int result = check (arg);
        if (result || s_now_ms () >= deadline_ms)
            return result;
        nanosleep (&(struct timespec){ .tv_nsec = 3000000 }, NULL);
    }
}

static int
s_few_open (void *arg)
{
    return t_open_fds () <= *(const int *) arg;
}

int
t_open_fds_fall_to (int count)
{
    return t_eventually (s_few_open, &count, 10);
}
