// tool_run_each.c - brood run --each: any program, on each host of a place
//
// SPDX-License-Identifier: MPL-2.0
//
//     launch.h starts    sh -c S_SCRIPT PROGRAM ARG...   on each host
//       "node1: ..."     what it prints, by lines
//       ends             "brood run: node1: exit code 3"
//
// Its standard input is empty. The launcher's, whose end says that all is to
// end, is read by the script, which then ends the program. SIGINT and SIGTERM
// here have that done.
//
// Read next: launch.h.

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/brd_buf.h"
#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "base/brd_mem.h"
#include "client/brd_scale.h"
#include "tools/launch.h"
#include "tools/tool.h"
#include "tools/tool_run.h"

#define S_SCRIPT \
    "exec 3<&0 </dev/null\n" \
    "\"$0\" \"$@\" 3<&- &\n" \
    "program=$!\n" \
    "{ read -r line <&3; kill $program; } >/dev/null 2>&1 3<&3 &\n" \
    "watch=$!\n" \
    "exec 3<&-\n" \
    "wait $program\n" \
    "code=$?\n" \
    "kill $watch 2>/dev/null\n" \
    "exit $code\n"

enum {
    S_LINE_MAX = 65536,  // A longer one is cut in two
    S_SIGNALLED = 128
};

typedef struct {
    brd_buf_t lines[2];  // Of 1 and 2: what no newline has followed yet
    int has_started;
    int is_over;
} s_host_t;

typedef struct {
    brd_launch_t *launch;
    s_host_t *hosts;
    size_t count;   // Of them
    int failed;     // 1: one has
    int is_broken;  // 1: no memory, or nobody reads what is printed
} s_each_t;

static volatile sig_atomic_t s_signal, s_signals;

static void
s_caught (int signal_no)
{
    s_signal = signal_no;
    s_signals = s_signals + 1;
}

// --- What they say ---------------------------------------------------------

static const char *
s_name (const s_each_t *self, size_t host)
{
    return brd_launch_hosts (self->launch)->entries[host].name;
}

// Those that there are by now: of an allocation they come later.
static s_host_t *
s_find (s_each_t *self, size_t host)
{
    const size_t count = brd_launch_hosts (self->launch)->count;
    if (self->count < count) {
        s_host_t *hosts = brd_mem_resize (self->hosts, count * sizeof *hosts);
        if (!hosts) {
            self->is_broken = 1;
            return NULL;
        }
        self->hosts = hosts;
        for (; self->count < count; self->count++) {
            s_host_t *one = &hosts[self->count];
            *one = (s_host_t){ .has_started = 0 };
            brd_buf_init (&one->lines[0], SIZE_MAX / 2);
            brd_buf_init (&one->lines[1], SIZE_MAX / 2);
        }
    }
    return &self->hosts[host];
}

static void
s_print (s_each_t *self, size_t host, FILE *out, const void *line, size_t size)
{
    fprintf (out, "%s: ", s_name (self, host));
    (void) fwrite (line, 1, size, out);
    fputc ('\n', out);
    self->is_broken |= ferror (out) != 0;
}

// All whole lines, and the rest too if it is the end or long.
static void
s_print_lines (s_each_t *self, size_t host, int stream, int is_end)
{
    brd_buf_t *lines = &self->hosts[host].lines[stream - 1];
    FILE *out = stream == 1 ? stdout : stderr;
    size_t at = 0;
    while (at < lines->size) {
        const unsigned char *from = lines->bytes + at;
        const unsigned char *end = memchr (from, '\n', lines->size - at);
        if (!end && !is_end && lines->size - at < S_LINE_MAX)
            break;
        const size_t size = end ? (size_t) (end - from) : lines->size - at;
        s_print (self, host, out, from, size);
        at += size + (end != NULL);
    }
    if (at > 0 && at < lines->size)
        memmove (lines->bytes, lines->bytes + at, lines->size - at);
    lines->size -= at;
    (void) fflush (out);
}

static void
s_said (void *arg, size_t host, int stream, const char *bytes, size_t size)
{
    s_each_t *self = arg;
    s_host_t *one = host == BRD_LAUNCH_ALL ? NULL : s_find (self, host);
    if (!one)
        return;
    if (brd_buf_add (&one->lines[stream - 1], bytes, size) < 0)
        self->is_broken = 1;
    s_print_lines (self, host, stream, 0);
}

// --- How they end ----------------------------------------------------------

static void
s_tell (const brd_launch_event_t *event)
{
    const char *text = event->text;
    fprintf (stderr, "brood run: %s: ", event->name);
    if (event->error != 0)
        fprintf (stderr, "%s\n", *text ? text : strerror (event->error));
    else if (event->signal > 0)
        fprintf (stderr, "killed by signal %d\n", event->signal);
    else
        fprintf (stderr, "exit code %d\n", event->status);
}

static void
s_event (void *arg, const brd_launch_event_t *event)
{
    s_each_t *self = arg;
    const int is_all = event->host == BRD_LAUNCH_ALL;
    s_host_t *one = is_all ? NULL : s_find (self, event->host);
    if (one && event->happened == BRD_LAUNCH_STARTED)
        one->has_started = 1;
    if (event->happened == BRD_LAUNCH_STARTED)
        return;
    if (one) {
        s_print_lines (self, event->host, 1, 1);
        s_print_lines (self, event->host, 2, 1);
        one->is_over = event->happened == BRD_LAUNCH_OVER;
    }
    // An allocation that was let go is no failure.
    if ((event->error == 0 && event->status == 0) || (is_all && event->stopped))
        return;
    self->failed = 1;
    s_tell (event);
    if (is_all && *event->text)
        fprintf (stderr, "%s\n", event->text);
}

// Nobody joins anything here: who has been started is where he should be.
static void
s_mark_started (s_each_t *self, int64_t now)
{
    for (size_t i = 0; i < self->count; i++) {
        if (self->hosts[i].has_started)
            brd_launch_joined (self->launch, i, now);
        self->hosts[i].has_started = 0;
    }
}

static int
s_no_secret (void *arg, size_t host, char ret_line[BRD_LAUNCH_SECRET_MAX])
{
    (void) arg;
    (void) host;
    ret_line[0] = '\0';
    return 0;
}

// --- Running them ----------------------------------------------------------

static int
s_all_are_over (const s_each_t *self)
{
    size_t over = 0;
    for (size_t i = 0; i < self->count; i++)
        over += (size_t) self->hosts[i].is_over;
    return over > 0 && over == brd_launch_hosts (self->launch)->count;
}

// A signal ends it gently, another one at once. An allocation stays until it is
// told that nothing more will come.
static void
s_drive (s_each_t *self, const sigset_t *mask)
{
    while (!brd_launch_is_over (self->launch) && s_signals < 2) {
        const int64_t now = brd_clock_now ();
        brd_launch_turn (self->launch, now);
        s_mark_started (self, now);
        if (s_signal != 0 || self->is_broken || s_all_are_over (self))
            brd_launch_stop (self->launch, now);
        if (brd_launch_is_over (self->launch))
            break;
        struct pollfd fd = { .fd = brd_launch_fd (self->launch),
                             .events = POLLIN };
        const int ms = brd_clock_left_ms (brd_launch_due (self->launch));
        const struct timespec left = { ms / 1000, ms % 1000 * 1000000L };
        (void) ppoll (&fd, 1, ms < 0 ? NULL : &left, mask);
    }
}

// They come while ppoll () sleeps, and at no other time.
static void
s_catch (sigset_t *ret_mask)
{
    const struct sigaction caught = { .sa_handler = s_caught };
    const struct sigaction ignored = { .sa_handler = SIG_IGN };
    sigset_t both;
    sigemptyset (&both);
    sigaddset (&both, SIGINT);
    sigaddset (&both, SIGTERM);
    (void) sigprocmask (SIG_BLOCK, &both, ret_mask);
    (void) sigaction (SIGINT, &caught, NULL);
    (void) sigaction (SIGTERM, &caught, NULL);
    (void) sigaction (SIGPIPE, &ignored, NULL);
}

// sh and its script in front of the program.
static const char *const *
s_words (char **words)
{
    static const char *const shell[] = { "/bin/sh", "-c", S_SCRIPT };
    const size_t before = sizeof shell / sizeof *shell;
    size_t count = 0;
    while (words[count])
        count++;
    const char **all = brd_mem_array (before + count + 1, sizeof *all);
    if (!all)
        return NULL;
    for (size_t i = 0; i < before; i++)
        all[i] = shell[i];
    for (size_t i = 0; i <= count; i++)
        all[before + i] = words[i];
    return all;
}

static int
s_code (const s_each_t *self)
{
    if (s_signal != 0)
        return S_SIGNALLED + s_signal;
    if (self->is_broken)
        return EX_IOERR;
    return self->failed ? TOOL_TASK_FAILED : TOOL_OK;
}

int
brd_tool_run_each (const brd_place_t *place, char **words)
{
    s_each_t self = { .launch = NULL };
    brd_launch_options_t options = {
        .place = place,
        .tries_max = 1,
        .secret = s_no_secret,
        .event = s_event,
        .said = s_said,
        .arg = &self,
    };
    sigset_t mask;
    if (place->kind != BRD_PLACE_LOCAL && place->kind != BRD_PLACE_SSH
        && place->kind != BRD_PLACE_SLURM)
        brd_error_set (EINVAL, "--each is for ssh, slurm and local");
    else if (brd_scale_read (&options.time_scale) == 0
             && (options.argv = s_words (words)) != NULL)
        self.launch = brd_launch_new (&options);
    if (!self.launch) {
        const int code = brd_tool_fail ("run");
        brd_mem_free ((void *) (size_t) options.argv);
        return code;
    }
    s_catch (&mask);
    s_drive (&self, &mask);
    brd_launch_destroy (&self.launch);
    brd_mem_free ((void *) (size_t) options.argv);
    for (size_t i = 0; i < self.count; i++) {
        brd_buf_fini (&self.hosts[i].lines[0]);
        brd_buf_fini (&self.hosts[i].lines[1]);
    }
    brd_mem_free (self.hosts);
    return s_code (&self);
}
