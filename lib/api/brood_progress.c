// brood_progress.c - a bar for people
//
// SPDX-License-Identifier: MPL-2.0
//
//     tiles  [##########----------]  51%  261/512  820/s  0:00
//
// Drawn on stderr, only on a terminal, at most ten times a second, over itself;
// its last state stays on a line of its own.

#include "brood/brood_progress.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_handle.h"
#include "base/brd_mem.h"

enum {
    S_DRAW_NS = 100000000,
    S_BAR_MAX = 40,
    S_TEXT_MAX = 60  // Of a line that is not the bar
};

static const double s_rate_after = 0.2;  // Seconds
static const char s_spinner[] = "|/-\\";

struct brood_progress {
    brd_handle_t handle;
    pthread_mutex_t lock;
    char label[BROOD_NAME_SIZE];
    long total;
    long done;
    int64_t started;
    int64_t draw_at;
    unsigned spin;
    int shown;    // 1: there is a line to end
    int visible;  // 1: stderr is a terminal and nobody minds
};

static int
s_visible (void)
{
    const char *bar = getenv ("BROOD_BAR");
    const char *no_color = getenv ("NO_COLOR");
    return isatty (STDERR_FILENO) && !(bar && strcmp (bar, "0") == 0)
           && !(no_color && no_color[0] != '\0');
}

static int
s_columns (void)
{
    struct winsize size;
    if (ioctl (STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return 80;
    return size.ws_col;
}

// "0:07", "12:03"; "-:--" when it cannot be told.
static void
s_time (char *buf, size_t size, double seconds)
{
    if (seconds < 0 || seconds > 359999)
        snprintf (buf, size, "-:--");
    else
        snprintf (
            buf, size, "%ld:%02ld", (long) seconds / 60, (long) seconds % 60);
}

static void
s_bar (char *buf, size_t width, double share)
{
    const size_t full = (size_t) (share * (double) width);
    for (size_t i = 0; i < width; i++)
        buf[i] = i < full ? '#' : '-';
    buf[width] = '\0';
}

static void
s_draw_known (const brood_progress_t *self, double seconds, double rate)
{
    char bar[S_BAR_MAX + 1], left[32];
    const double share = self->done >= self->total
                             ? 1
                             : (double) self->done / (double) self->total;
    int width = s_columns () - S_TEXT_MAX;
    width = width > S_BAR_MAX ? S_BAR_MAX : width < 10 ? 10 : width;
    s_bar (bar, (size_t) width, share);
    s_time (left,
            sizeof left,
            share >= 1 ? seconds
            : rate > 0 ? (double) (self->total - self->done) / rate
                       : -1);
    fprintf (stderr,
             "\r\033[K%s%s[%s] %3d%%  %ld/%ld  %.*f/s  %s",
             self->label,
             self->label[0] ? "  " : "",
             bar,
             (int) (share * 100),
             self->done,
             self->total,
             rate < 10 ? 1 : 0,
             rate,
             left);
}

static void
s_draw (brood_progress_t *self, int64_t now)
{
    // The first moments say nothing about the rest.
    const double seconds = (double) (now - self->started) / 1e9;
    const double rate =
        seconds > s_rate_after ? (double) self->done / seconds : 0;
    if (self->total > 0)
        s_draw_known (self, seconds, rate);
    else
        fprintf (stderr,
                 "\r\033[K%s%s%c  %ld  %.*f/s",
                 self->label,
                 self->label[0] ? "  " : "",
                 s_spinner[self->spin++ % 4],
                 self->done,
                 rate < 10 ? 1 : 0,
                 rate);
    fflush (stderr);
    self->shown = 1;
    self->draw_at = now + S_DRAW_NS;
}

static void
s_update (brood_progress_t *self, long done)
{
    if (!self->visible)
        return;
    const int64_t now = brd_clock_now ();
    self->done = done;
    if (now >= self->draw_at)
        s_draw (self, now);
}

static void
s_finish (brood_progress_t *self)
{
    if (!self->visible || self->done == 0)
        return;
    s_draw (self, brd_clock_now ());
    fputc ('\n', stderr);
}

static void
s_init (brood_progress_t *self, const char *label, long total)
{
    memset (self, 0, sizeof *self);
    brd_handle_init (&self->handle, BRD_KIND_PROGRESS);
    pthread_mutex_init (&self->lock, NULL);
    snprintf (self->label, sizeof self->label, "%s", label ? label : "");
    self->total = total;
    self->started = brd_clock_now ();
    self->visible = s_visible ();
}

brood_progress_t *
brood_progress_new (const char *label, long total)
{
    BRD_REQUIRE (total >= 0, NULL);
    brood_progress_t *self = brd_mem_alloc (sizeof *self);
    if (self)
        s_init (self, label, total);
    return self;
}

int
brood_progress_update (brood_progress_t *self, long done)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_PROGRESS, -1);
    BRD_REQUIRE (done >= 0, -1);
    pthread_mutex_lock (&self->lock);
    s_update (self, done);
    pthread_mutex_unlock (&self->lock);
    return 0;
}

void
brood_progress_destroy (brood_progress_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    const int saved_errno = errno;
    s_finish (*self_p);
    pthread_mutex_destroy (&(*self_p)->lock);
    brd_handle_fini (&(*self_p)->handle);
    brd_mem_free (*self_p);
    *self_p = NULL;
    errno = saved_errno;
}

// A map's bar has no object to live in: it is the calling thread's, begun with
// the first call and ended with the one in which all is done.
void
brood_progress_bar (long done, long total, void *arg)
{
    static _Thread_local brood_progress_t bar;
    static _Thread_local int begun;
    if (!begun || bar.total != total) {
        s_init (&bar, arg, total);
        begun = 1;
    }
    s_update (&bar, done);
    if (done >= total) {
        bar.done = done;
        s_finish (&bar);
        begun = 0;
    }
}
