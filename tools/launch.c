// launch.c - agents, started on hosts by the engines people have
//
// SPDX-License-Identifier: MPL-2.0
//
//     turn
//       what has happened    launch_run.c: said something, ended
//       what is due          start, give up waiting, kill
//     the engine             launch_ssh.c and the like: which hosts, and what
//                            to run for one
//
// An allocation is a host more: what holds it runs like any launcher, and what
// it prints is hosts. It goes when its hosts have gone, and they cannot stay
// without it.
//
// Read next: launch_engine.h for a host's states, then launch_ssh.c.

#include "tools/launch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_mem.h"
#include "base/brd_secret.h"
#include "base/brd_sys.h"
#include "tools/launch_engine.h"
#include "wire/brd_join.h"

enum {
    S_FIRST_PAUSE_MS = 1000,  // Doubles
    S_LAST_PAUSE_MS = 60000,
    S_PATIENCE_MS = 60000,  // To join, and to have held
    S_GRACE_MS = 5000,
    S_LAST_GRACE_MS = 2000,  // Not scaled: it is Slurm's
    S_AT_ONCE_MAX = 32,      // Hosts on their way up: each costs CPU here
    S_EVENTS = 64,
    S_LINE_MAX = 64 * 1024,
    S_NOT_EXECUTABLE = 126,  // As shells and env say it
    S_NOT_FOUND = 127
};

static int64_t
s_after (const brd_launch_t *self, int64_t now, int ms)
{
    return now + (int64_t) (ms * self->time_scale * 1e6);
}

// --- Hosts -----------------------------------------------------------------

static void
s_init_host (brd_launch_host_t *host, brd_launch_t *self, size_t index)
{
    *host = (brd_launch_host_t){ .launch = self, .index = index };
    brd_launch_run_init (&host->run);
}

// One for each that the engine has added.
static int
s_add_hosts (brd_launch_t *self)
{
    const size_t count = self->hosts.count;
    brd_launch_host_t **each =
        brd_mem_resize (self->each, (count + 1) * sizeof *each);
    if (!each)
        return -1;
    self->each = each;
    for (; self->n_each < count; self->n_each++) {
        brd_launch_host_t *host = brd_mem_alloc (sizeof *host);
        if (!host)
            return -1;
        s_init_host (host, self, self->n_each);
        if (!self->engine->command)
            host->state = BRD_LAUNCH_DONE;
        each[self->n_each] = host;
    }
    return 0;
}

static brd_launch_host_t *
s_host (brd_launch_t *self, size_t index)
{
    brd_assert (index < self->n_each);
    return self->each[index];
}

static void
s_tell (brd_launch_host_t *host,
        brd_launch_happened_t happened,
        int error,
        const char *text)
{
    const brd_launch_t *self = host->launch;
    const int is_end = happened != BRD_LAUNCH_STARTED && error == 0;
    const brd_launch_event_t event = {
        .happened = happened,
        .host = host->index,
        .name = host->index == BRD_LAUNCH_ALL
                    ? "the allocation"
                    : self->hosts.entries[host->index].name,
        .stopped = self->stopped,
        .late = host->late,
        .error = error,
        .status = is_end ? host->run.status : -1,
        .signal = is_end ? host->run.signal : 0,
        .tries = host->tries,
        .text = text,
    };
    self->options.event (self->options.arg, &event);
}

// --- Ends ------------------------------------------------------------------

static void
s_close (brd_launch_host_t *host, int64_t now)
{
    brd_launch_run_close_in (&host->run);
    host->state = BRD_LAUNCH_CLOSING;
    host->kills = 0;
    host->due = s_after (host->launch, now, S_GRACE_MS);
}

// Nothing that trying again would mend.
static int
s_is_final (const brd_launch_host_t *host, int error)
{
    const int status = host->run.status;
    if (host->launch->stopped || host->launch->is_gone
        || host->tries >= host->launch->tries_max)
        return 1;
    if (error != 0)
        return error == ENOENT || error == EACCES || error == ENOEXEC;
    // What we end ourselves may well end with 0.
    return (status == 0 && host->state != BRD_LAUNCH_CLOSING)
           || status == BRD_JOIN_REFUSED || status == S_NOT_EXECUTABLE
           || status == S_NOT_FOUND;
}

static int
s_pause_ms (int tries)
{
    int ms = S_FIRST_PAUSE_MS;
    while (--tries > 0 && ms < S_LAST_PAUSE_MS)
        ms *= 2;
    return ms < S_LAST_PAUSE_MS ? ms : S_LAST_PAUSE_MS;
}

static void
s_stop_host (brd_launch_host_t *host, int64_t now)
{
    if (host->state == BRD_LAUNCH_STARTING || host->state == BRD_LAUNCH_UP)
        s_close (host, now);
    else if (host->state == BRD_LAUNCH_WAITING) {
        host->state = BRD_LAUNCH_DONE;
        s_tell (host, BRD_LAUNCH_OVER, ECANCELED, "");
    }
}

// error: it could not even be started. text is on loan.
static void
s_ended (brd_launch_host_t *host, int64_t now, int error, const char *text)
{
    brd_launch_t *self = host->launch;
    if (host->since != 0 && now >= s_after (self, host->since, S_PATIENCE_MS))
        host->tries = 0;
    host->since = 0;
    self->is_gone |= host == &self->allocation;
    const int is_final = s_is_final (host, error);
    host->state = is_final ? BRD_LAUNCH_DONE : BRD_LAUNCH_WAITING;
    host->due = s_after (self, now, s_pause_ms (host->tries));
    s_tell (host, is_final ? BRD_LAUNCH_OVER : BRD_LAUNCH_ENDED, error, text);
    host->late = 0;
    // The steps of an allocation that is gone would only be refused.
    for (size_t i = 0; host == &self->allocation && i < self->n_each; i++)
        s_stop_host (self->each[i], now);
}

// --- Starts ----------------------------------------------------------------

// NAME=value of ours comes before, and instead of, what is there. The words in
// it are on loan.
static char **
s_env (const brd_launch_t *self)
{
    const char *const *ours = self->options.env;
    size_t n = 0, count = 0;
    while (ours && ours[count])
        count++;
    const size_t mine = count;
    for (size_t i = 0; environ && environ[i]; i++)
        count++;
    char **env = brd_mem_array (count + 1, sizeof *env);
    if (!env)
        return NULL;
    for (; n < mine; n++)
        env[n] = (char *) ours[n];
    for (size_t i = 0; environ && environ[i]; i++) {
        const size_t name = strcspn (environ[i], "=") + 1;
        size_t same = 0;
        while (same < mine && strncmp (ours[same], environ[i], name) != 0)
            same++;
        if (same == mine)
            env[n++] = environ[i];
    }
    env[n] = NULL;
    return env;
}

// The line is "" for none.
static int
s_run (brd_launch_host_t *host, const char *line)
{
    brd_launch_t *self = host->launch;
    const int is_host = host->index != BRD_LAUNCH_ALL;
    brd_launch_words_t words = { 0 };
    if (is_host)
        self->engine->command (self, &self->hosts.entries[host->index], &words);
    else
        self->engine->hold (self, &words);
    char *const *argv = brd_launch_words_get (&words);
    char **env = is_host && self->engine->passes_env ? s_env (self) : environ;
    int rc = -1;
    if (argv && env)
        rc = brd_launch_run_start (
            &host->run, self->epoll, argv, env, *line ? line : NULL);
    if (rc < 0)
        (void) brd_error_system ("%s", argv ? argv[0] : "command line");
    if (env != environ)
        brd_mem_free (env);
    brd_launch_words_fini (&words);
    return rc;
}

static void
s_start (brd_launch_host_t *host, int64_t now)
{
    brd_launch_t *self = host->launch;
    char line[BRD_LAUNCH_SECRET_MAX] = "";
    int rc = 0;
    host->tries++;
    if (host->index != BRD_LAUNCH_ALL)
        rc = self->options.secret (self->options.arg, host->index, line);
    if (rc == 0)
        rc = s_run (host, line);
    const int error = errno;
    brd_secret_wipe (line, sizeof line);
    if (rc < 0) {
        s_ended (host, now, error, brd_error_get ()->text);
        return;
    }
    host->state = BRD_LAUNCH_STARTING;
    // An allocation may be queued for days.
    host->due = host->index == BRD_LAUNCH_ALL
                    ? BRD_NEVER
                    : s_after (self, now, S_PATIENCE_MS);
    s_tell (host, BRD_LAUNCH_STARTED, 0, "");
}

// --- Turns -----------------------------------------------------------------

// Lines of the allocation's; what is no line of hosts ends it.
static void
s_hear_allocation (brd_launch_t *self, const char *bytes, size_t size)
{
    brd_launch_host_t *host = &self->allocation;
    if (brd_buf_add (&self->line, bytes, size) < 0)
        brd_launch_run_close_in (&host->run);
    char *end = self->line.size > 0
                    ? memchr (self->line.bytes, '\n', self->line.size)
                    : NULL;
    if (!end || host->state != BRD_LAUNCH_STARTING)
        return;
    *end = '\0';
    host->state = BRD_LAUNCH_UP;
    if (self->engine->held (self, (char *) self->line.bytes) < 0
        || s_add_hosts (self) < 0) {
        brd_launch_run_note (&host->run, brd_error_get ()->text);
        brd_launch_run_close_in (&host->run);
    }
}

static void
s_said (void *arg, int stream, const char *bytes, size_t size)
{
    brd_launch_host_t *host = arg;
    brd_launch_t *self = host->launch;
    if (host->index == BRD_LAUNCH_ALL && stream == 1)
        s_hear_allocation (self, bytes, size);
    else if (self->options.said)
        self->options.said (
            self->options.arg, host->index, stream, bytes, size);
}

static void
s_turn_host (brd_launch_host_t *host, int64_t now)
{
    if (brd_launch_run_turn (&host->run, s_said, host))
        s_ended (host, now, 0, brd_launch_run_text (&host->run));
}

// How many are on their way up.
static size_t
s_starting (const brd_launch_t *self)
{
    size_t n = 0;
    for (size_t i = 0; i < self->n_each; i++)
        n += self->each[i]->state == BRD_LAUNCH_STARTING;
    return n;
}

static void
s_due_host (brd_launch_host_t *host, int64_t now)
{
    switch (host->state) {
    case BRD_LAUNCH_WAITING:
        s_start (host, now);
        break;
    case BRD_LAUNCH_STARTING:
        host->late = 1;
        s_close (host, now);
        break;
    case BRD_LAUNCH_CLOSING:
        brd_launch_run_kill (&host->run, host->kills++ ? SIGKILL : SIGTERM);
        host->due = s_after (host->launch, now, S_GRACE_MS);
        break;
    case BRD_LAUNCH_UP:
    case BRD_LAUNCH_DONE:
        break;
    }
}

static int64_t
s_due_of (const brd_launch_host_t *host, int may_start)
{
    if (host->state == BRD_LAUNCH_UP || host->state == BRD_LAUNCH_DONE
        || (host->state == BRD_LAUNCH_WAITING && !may_start))
        return BRD_NEVER;
    return host->due;
}

static int
s_hosts_are_over (const brd_launch_t *self)
{
    for (size_t i = 0; i < self->n_each; i++)
        if (self->each[i]->state != BRD_LAUNCH_DONE)
            return 0;
    return 1;
}

void
brd_launch_turn (brd_launch_t *self, int64_t now)
{
    struct epoll_event events[S_EVENTS];
    // Those that are left over come first in the next turn.
    const int n = epoll_wait (self->epoll, events, S_EVENTS, 0);
    for (int i = 0; i < n; i++)
        s_turn_host (events[i].data.ptr, now);
    brd_launch_host_t *allocation = &self->allocation;
    if (s_due_of (allocation, 1) <= now)
        s_due_host (allocation, now);
    size_t starting = s_starting (self);
    for (size_t i = 0; i < self->n_each; i++) {
        brd_launch_host_t *host = self->each[i];
        if (s_due_of (host, starting < S_AT_ONCE_MAX) > now)
            continue;
        s_due_host (host, now);
        starting += host->state == BRD_LAUNCH_STARTING;
    }
    if (self->stopped && s_hosts_are_over (self))
        s_stop_host (allocation, now);
}

int64_t
brd_launch_due (const brd_launch_t *self)
{
    int64_t due = s_due_of (&self->allocation, 1);
    const int may_start = s_starting (self) < S_AT_ONCE_MAX;
    for (size_t i = 0; i < self->n_each; i++) {
        const int64_t one = s_due_of (self->each[i], may_start);
        due = one < due ? one : due;
    }
    return due;
}

int
brd_launch_fd (const brd_launch_t *self)
{
    return self->epoll;
}

const brd_hosts_t *
brd_launch_hosts (const brd_launch_t *self)
{
    return &self->hosts;
}

// --- What its owner knows --------------------------------------------------

static int
s_all_joined (const brd_launch_t *self)
{
    for (size_t i = 0; i < self->n_each; i++)
        if (self->each[i]->since == 0)
            return 0;
    return 1;
}

void
brd_launch_joined (brd_launch_t *self, size_t index, int64_t now)
{
    brd_launch_host_t *host = s_host (self, index);
    const int runs_already = !self->engine->command;
    if (host->state != BRD_LAUNCH_STARTING && !runs_already)
        return;
    host->since = now;
    if (!runs_already)
        host->state = BRD_LAUNCH_UP;
    else if (s_all_joined (self))
        self->engine->end (self);
}

void
brd_launch_lost (brd_launch_t *self, size_t index, int64_t now)
{
    brd_launch_host_t *host = s_host (self, index);
    if (host->state == BRD_LAUNCH_STARTING || host->state == BRD_LAUNCH_UP)
        s_close (host, now);
}

void
brd_launch_stop (brd_launch_t *self, int64_t now)
{
    if (self->stopped)
        return;
    self->stopped = 1;
    if (self->engine->end)
        self->engine->end (self);
    for (size_t i = 0; i < self->n_each; i++)
        s_stop_host (self->each[i], now);
    if (s_hosts_are_over (self))
        s_stop_host (&self->allocation, now);
}

int
brd_launch_is_over (const brd_launch_t *self)
{
    return self->allocation.state == BRD_LAUNCH_DONE && s_hosts_are_over (self)
           && (self->engine->command || self->stopped);
}

// --- Its life --------------------------------------------------------------

static const brd_launch_engine_t *
s_find_engine (brd_place_kind_t kind)
{
    static const brd_launch_engine_t *const engines[] = {
        &brd_launch_local, &brd_launch_ssh, &brd_launch_slurm, &brd_launch_mpi
    };
    for (size_t i = 0; i < sizeof engines / sizeof *engines; i++)
        if (engines[i]->kind == kind)
            return engines[i];
    return NULL;
}

static int
s_init (brd_launch_t *self)
{
    brd_buf_init (&self->line, S_LINE_MAX);
    s_init_host (&self->allocation, self, BRD_LAUNCH_ALL);
    self->allocation.state = BRD_LAUNCH_DONE;
    self->epoll = brd_sys_epoll ();
    if (self->epoll < 0)
        return brd_error_system ("epoll");
    if (self->engine->begin (self) < 0)
        return -1;
    if (self->engine->hold && self->hosts.count == 0)
        self->allocation.state = BRD_LAUNCH_WAITING;
    return s_add_hosts (self);
}

brd_launch_t *
brd_launch_new (const brd_launch_options_t *options)
{
    const brd_launch_engine_t *engine = s_find_engine (options->place->kind);
    if (!engine)
        return brd_error_set (ENOTSUP, "no agents are started there"), NULL;
    if (!options->argv[0] || options->argv[0][0] != '/')
        return brd_error_set (EINVAL, "an agent needs a whole path"), NULL;
    brd_launch_t *self = brd_mem_alloc (sizeof *self);
    if (!self)
        return NULL;
    const brd_launch_t fresh = {
        .options = *options,
        .engine = engine,
        .time_scale = options->time_scale > 0 ? options->time_scale : 1.0,
        .tries_max =
            options->tries_max > 0 ? options->tries_max : BRD_LAUNCH_TRIES,
        .epoll = -1,
    };
    memcpy (self, &fresh, sizeof fresh);
    if (s_init (self) < 0)
        brd_launch_destroy (&self);
    return self;
}

// An allocation whose holder is killed would stay until its time is up.
static void
s_end_allocation (brd_launch_t *self)
{
    brd_launch_run_t *run = &self->allocation.run;
    struct pollfd end = { .fd = run->process, .events = POLLIN };
    if (run->pid == 0)
        return;
    brd_launch_run_close_in (run);
    brd_launch_run_kill (run, SIGTERM);
    (void) poll (&end, 1, S_LAST_GRACE_MS);
}

void
brd_launch_pass_on (
    void *arg, size_t host, int stream, const char *bytes, size_t size)
{
    FILE *out = stream == 1 ? stdout : stderr;
    (void) arg;
    (void) host;
    (void) fwrite (bytes, 1, size, out);
    (void) fflush (out);
}

void
brd_launch_destroy (brd_launch_t **self_p)
{
    brd_launch_t *self = *self_p;
    if (!self)
        return;
    const int saved_errno = errno;
    *self_p = NULL;
    if (self->engine->end)
        self->engine->end (self);
    for (size_t i = 0; i < self->n_each; i++) {
        brd_launch_run_fini (&self->each[i]->run);
        brd_mem_free (self->each[i]);
    }
    s_end_allocation (self);
    brd_launch_run_fini (&self->allocation.run);
    brd_mem_free (self->each);
    brd_hosts_fini (&self->hosts);
    brd_buf_fini (&self->line);
    brd_sys_close (&self->epoll);
    errno = saved_errno;
    brd_mem_free (self);
}
