// brood_wait.c - waiting for several different things at once
//
// SPDX-License-Identifier: MPL-2.0
//
//     look at all; some are ready?           -> their number
//     a set of descriptors (epoll):  the caller's own
//                                    processes, listeners, sockets: theirs
//                                    queues, pipes, events: this thread's bell
//     until some are ready:
//         a future or a stream among them?   -> wait in the host, which drives
//                                               (brd_host_wait_also)
//         else                               -> sleep on the set
//
// The set is made once a call, and only if nothing is ready at once. Objects
// are watched from before the second look until the end.
//
// Read next: brd_waitable.h; lib/shared/brd_bell.h; broker/host/host_drive.c.

#include "brood/brood_wait.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>

#include "api/brd_runtime.h"
#include "api/brd_waitable.h"
#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_mem.h"
#include "base/brd_sleep.h"
#include "base/brd_sys.h"
#include "shared/brd_bell.h"

typedef struct {
    brood_wait_t *entries;
    size_t n;
    int on_host;     // 1: futures or streams among them
    int set;         // epoll, -1
    int ringing;     // 1: the bell is listened to
    size_t watched;  // Entries, from the first on, whose objects are watched
    int failed;      // errno of a ready () that failed
} s_wait_t;

static const brd_waitable_t *
s_waitable (const void *handle)
{
    switch (((const brd_handle_t *) handle)->ref.kind) {
    case BRD_KIND_EVENT:
        return &brd_event_waitable;
    case BRD_KIND_FUTURE:
        return &brd_future_waitable;
    case BRD_KIND_PROCESS:
        return &brd_process_waitable;
    case BRD_KIND_QUEUE:
        return &brd_queue_waitable;
    case BRD_KIND_STREAM:
        return &brd_stream_waitable;
    case BRD_KIND_CONN:
        return &brd_conn_waitable;
    case BRD_KIND_LISTENER:
        return &brd_listener_waitable;
    default:
        return NULL;
    }
}

static void *
s_handle (const brood_wait_t *entry)
{
    return (void *) entry->handle;  // Const for the caller's sake
}

// --- Looking ---------------------------------------------------------------

static int
s_check (s_wait_t *self)
{
    size_t given = 0;
    for (size_t i = 0; i < self->n; i++) {
        const brood_wait_t *entry = &self->entries[i];
        BRD_REQUIRE_ZERO (entry->reserved_, -1);
        BRD_REQUIRE (!entry->handle || !entry->fd, -1);
        given += entry->handle || entry->fd;
        if (!entry->handle)
            continue;
        const brd_handle_t *handle = entry->handle;
        if (brd_handle_check (handle, (brd_kind_t) handle->ref.kind, __func__)
            < 0)
            return -1;
        const brd_waitable_t *class = s_waitable (handle);
        if (!class)
            return brd_error_set (
                EINVAL,
                "brood_wait_any: entry %zu, a %s, cannot be waited for",
                i,
                brd_kind_text ((brd_kind_t) handle->ref.kind));
        if (class->on_host
            && brd_handle_check_mine (
                   handle, (brd_kind_t) handle->ref.kind, "brood_wait_any")
                   < 0)
            return -1;
        self->on_host |= class->on_host;
    }
    if (given == 0)
        return brd_error_set (ENOENT, "brood_wait_any: nothing to wait for");
    return 0;
}

static int
s_fd_ready (int fd)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };
    return poll (&one, 1, 0) == 1;
}

// How many are ready; which of them on_host is looked at with its lock held.
static long
s_look (s_wait_t *self, int on_host)
{
    long count = 0;
    for (size_t i = 0; i < self->n; i++) {
        brood_wait_t *entry = &self->entries[i];
        const brd_waitable_t *class =
            entry->handle ? s_waitable (entry->handle) : NULL;
        if ((class && class->on_host) != on_host)
            continue;
        int ready = 0;
        if (class)
            ready = class->ready (s_handle (entry));
        else if (entry->fd)
            ready = s_fd_ready (*entry->fd);
        if (ready < 0)
            self->failed = errno;
        entry->ready = ready > 0;
        count += entry->ready;
    }
    return count;
}

static int
s_host_ready (void *arg)
{
    s_wait_t *self = arg;
    return s_look (self, 1) > 0;
}

// All of them: the count, or -1.
static long
s_look_at_all (s_wait_t *self)
{
    for (size_t i = 0; i < self->n; i++) {
        const brood_wait_t *entry = &self->entries[i];
        const brd_waitable_t *class =
            entry->handle ? s_waitable (entry->handle) : NULL;
        if (class && class->prepare && class->prepare (s_handle (entry)) < 0)
            return -1;
    }
    long count = s_look (self, 0);
    if (self->on_host) {
        brd_host_t *host = brd_runtime_host ();
        brd_host_lock (host);
        count += s_look (self, 1);
        brd_host_unlock (host);
    }
    if (count == 0 && self->failed != 0)
        return brd_error_set (self->failed, "brood_wait_any: a look failed");
    return count;
}

// --- Sleeping --------------------------------------------------------------

static int
s_add (s_wait_t *self, int fd)
{
    struct epoll_event event = { .events = EPOLLIN };
    if (fd < 0 || epoll_ctl (self->set, EPOLL_CTL_ADD, fd, &event) == 0
        || errno == EEXIST)
        return 0;
    return brd_error_system ("descriptor %d cannot be waited for", fd);
}

static int
s_watch (s_wait_t *self, brd_hold_t *hold)
{
    if (!self->ringing) {
        const int bell = brd_bell_open (brd_runtime_shared ());
        if (bell < 0 || s_add (self, bell) < 0)
            return -1;
        brd_bell_listen (brd_runtime_shared ());
        self->ringing = 1;
    }
    return brd_bell_watch (hold);
}

static int
s_add_entry (s_wait_t *self, const brood_wait_t *entry)
{
    if (entry->fd)
        return s_add (self, *entry->fd);
    const brd_waitable_t *class =
        entry->handle ? s_waitable (entry->handle) : NULL;
    if (!class)
        return 0;
    brd_hold_t *hold = class->hold ? class->hold (s_handle (entry)) : NULL;
    if (hold && s_watch (self, hold) < 0)
        return -1;
    return class->fd ? s_add (self, class->fd (s_handle (entry))) : 0;
}

static int
s_prepare (s_wait_t *self)
{
    self->set = brd_sys_epoll ();
    if (self->set < 0)
        return brd_error_system ("a set of descriptors to wait for");
    for (; self->watched < self->n; self->watched++) {
        if (s_add_entry (self, &self->entries[self->watched]) < 0)
            return -1;
    }
    return 0;
}

static void
s_finish (s_wait_t *self)
{
    const int saved_errno = errno;
    for (size_t i = 0; i < self->watched; i++) {
        const brood_wait_t *entry = &self->entries[i];
        const brd_waitable_t *class =
            entry->handle ? s_waitable (entry->handle) : NULL;
        brd_hold_t *hold =
            class && class->hold ? class->hold (s_handle (entry)) : NULL;
        if (hold)
            brd_bell_unwatch (hold);
    }
    if (self->ringing)
        brd_bell_quiet (brd_runtime_shared ());
    brd_sys_close (&self->set);
    errno = saved_errno;
}

// What has rung so far is looked at after this, and not slept on again.
static void
s_silence (const s_wait_t *self)
{
    if (!self->ringing)
        return;
    brd_bell_quiet (brd_runtime_shared ());
    brd_bell_listen (brd_runtime_shared ());
}

static int
s_sleep (s_wait_t *self, brd_sleep_t *sleep)
{
    struct pollfd fds[2] = { { .fd = self->set, .events = POLLIN } };
    if (self->on_host)
        return brd_host_wait_also (brd_runtime_host (),
                                   s_host_ready,
                                   self,
                                   sleep->deadline,
                                   self->set);
    return brd_sleep_poll (sleep, fds, 1) < 0 ? -1 : 0;
}

static long
s_run (s_wait_t *self, int64_t deadline)
{
    brd_sleep_t sleep;
    brd_sleep_begin (&sleep, deadline);
    if (s_prepare (self) < 0)
        return -1;
    for (;;) {
        s_silence (self);
        const long count = s_look_at_all (self);
        if (count != 0)
            return count;
        if (s_sleep (self, &sleep) < 0)
            return -1;
    }
}

long
brood_wait_any (brood_wait_t *entries, size_t n, int timeout_ms)
{
    s_wait_t self = { .entries = entries, .n = n, .set = -1 };
    BRD_REQUIRE (entries != NULL && n > 0, -1);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, -1);
    const int64_t deadline = brd_clock_deadline (timeout_ms);
    if (brd_runtime_need () < 0 || s_check (&self) < 0)
        return -1;
    long count = s_look_at_all (&self);
    if (count == 0) {
        count = s_run (&self, deadline);
        s_finish (&self);
    }
    return count;
}
