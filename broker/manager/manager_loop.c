// manager_loop.c - the manager process: drain, step, flush
//
// SPDX-License-Identifier: MPL-2.0
//
//     epoll --+-- door     strangers come in            manager_client.c
//             +-- client   its calls --> home.step --> answers, methods
//             +-- bell     methods have returned        manager_methods.c
//             +-- time     waits that are over
//
// One thread does all of it but the user's own methods. Each call is stepped as
// it is read and its answer written at once; what a socket does not take stays
// in its stream and waits for room.
//
// Read next: manager_client.c.

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/brd_clock.h"
#include "base/brd_log.h"
#include "base/brd_sys.h"
#include "client/brd_session.h"
#include "manager/manager_internal.h"

enum {
    S_EVENTS = 64,
    S_STARVED_MS = 5,   // Between two tries to get memory
    S_EXIT_BROKEN = 70  // sysexits' EX_SOFTWARE
};

// --- Steps -----------------------------------------------------------------

typedef struct {
    uint64_t object;
    int error;
} s_failure_t;

// Methods that could not begin are told the home after its effects are done.
static void
s_fetch (brd_manager_t *self, s_failure_t *failures, size_t *count, size_t max)
{
    brd_home_effect_t effect;
    while (brd_home_effect (self->home, &effect) == 1) {
        int error;
        switch (effect.type) {
        case BRD_HOME_DO_ANSWER:
            brd_manager_client_answer (self, effect.session, &effect.answer);
            break;
        case BRD_HOME_DO_INVOKE:
            error = brd_manager_methods_invoke (self->methods, &effect);
            if (error != 0) {
                // A step begins one method at most, for each failure told.
                brd_assert (*count < max);
                failures[(*count)++] = (s_failure_t){ effect.object, error };
            }
            break;
        case BRD_HOME_DO_DESTROY:
            brd_manager_methods_destroy (self->methods, &effect);
            break;
        case BRD_HOME_DO_DROPPED:
            brd_log (BROOD_LOG_WARNING,
                     "an item of queue %llu was delivered too often",
                     (unsigned long long) effect.object);
            break;
        case BRD_HOME_DO_END:
            self->ending = 1;
            break;
        }
    }
}

static const char *
s_why (int error)
{
    if (error == ESRCH)
        return "there is no such class or method";
    return error == ENOMEM ? "out of memory in the manager"
                           : "the method could not begin";
}

int
brd_manager_step (brd_manager_t *self, const brd_home_event_t *event)
{
    s_failure_t failures[4];
    size_t count = 0;
    const int rc = brd_home_step (self->home, brd_clock_now (), event);
    const int saved_errno = errno;
    s_fetch (self, failures, &count, 4);
    while (count > 0) {
        const s_failure_t failure = failures[--count];
        const brd_home_event_t returned = { .type = BRD_HOME_RETURNED,
                                            .object = failure.object,
                                            .error = failure.error,
                                            .text = s_why (failure.error) };
        (void) brd_home_step (self->home, brd_clock_now (), &returned);
        s_fetch (self, failures, &count, 4);
    }
    errno = saved_errno;
    return rc;
}

// --- The loop --------------------------------------------------------------

static int64_t
s_earliest (brd_manager_t *self)
{
    int64_t due = brd_home_deadline (self->home);
    const int64_t now = brd_clock_now ();
    const int64_t linger = brd_manager_client_expire (self, now);
    if (linger < due)
        due = linger;
    for (int i = 0; i < BRD_MANAGER_LISTENERS; i++) {
        if (!self->doors[i].listener)
            continue;
        const int64_t door = brd_listener_deadline (self->doors[i].listener);
        const int64_t open =
            brd_manager_client_unlock (self, &self->doors[i], now);
        if (door < due)
            due = door;
        if (open < due)
            due = open;
    }
    return due;
}

static void
s_turn (brd_manager_t *self, const struct epoll_event *event)
{
    brd_manager_source_t *source = event->data.ptr;
    brd_manager_client_t *client;
    switch (*source) {
    case BRD_MANAGER_LISTENER:
        brd_manager_client_admit (self, event->data.ptr);
        return;
    case BRD_MANAGER_BELL:
        brd_manager_methods_collect (self->methods, self);
        return;
    case BRD_MANAGER_CLIENT:
        client = event->data.ptr;
        // Read later: an event may end another client, and this one's memory.
        // One that has hung up goes first: whoever knows of its death and calls
        // then must find what it held let go of.
        brd_list_remove (&client->ready);
        if (event->events & (EPOLLHUP | EPOLLERR))
            brd_list_prepend (&self->ready, &client->ready);
        else
            brd_list_append (&self->ready, &client->ready);
        return;
    }
}

// Each who may have frames gets a turn; who has more comes again.
static void
s_serve_ready (brd_manager_t *self)
{
    brd_list_t turn;
    brd_list_init (&turn);
    brd_list_t *link;
    while ((link = brd_list_pop (&self->ready)))
        brd_list_append (&turn, link);
    while ((link = brd_list_pop (&turn)))
        brd_manager_client_read (
            self, BRD_LIST_ITEM (link, brd_manager_client_t, ready));
}

static void
s_run (brd_manager_t *self)
{
    struct epoll_event events[S_EVENTS];
    while (!self->ending) {
        const int64_t due = s_earliest (self);
        int timeout = 0;
        if (brd_list_empty (&self->ready))
            timeout = brd_clock_left_ms (due);
        else if (self->starved)
            timeout = S_STARVED_MS;
        self->starved = 0;
        const int n = epoll_wait (self->epoll, events, S_EVENTS, timeout);
        for (int i = 0; i < n; i++)
            s_turn (self, &events[i]);
        s_serve_ready (self);
        const brd_home_event_t tick = { .type = BRD_HOME_TICK };
        if (brd_home_deadline (self->home) <= brd_clock_now ())
            (void) brd_manager_step (self, &tick);
        // A door is asked when its time comes, too: it sends strangers away.
        for (int i = 0; i < BRD_MANAGER_LISTENERS; i++) {
            brd_listener_t *listener = self->doors[i].listener;
            if (listener
                && brd_listener_deadline (listener) <= brd_clock_now ())
                brd_manager_client_admit (self, &self->doors[i]);
        }
    }
}

// --- Birth -----------------------------------------------------------------

static int
s_watch (brd_manager_t *self, int fd, void *source)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = source };
    if (epoll_ctl (self->epoll, EPOLL_CTL_ADD, fd, &event) == 0)
        return 0;
    return brd_error_system ("epoll_ctl");
}

static int
s_open_door (brd_manager_t *self,
             int i,
             const char *address,
             const void *key,
             size_t key_size)
{
    brd_manager_door_t *door = &self->doors[i];
    door->source = BRD_MANAGER_LISTENER;
    door->family = i == 0;
    door->listener = brd_listener_new (address, key, key_size);
    if (!door->listener)
        return -1;
    return s_watch (self, brd_listener_fd (door->listener), door);
}

static int
s_open_doors (brd_manager_t *self)
{
    const brd_manager_options_t *options = &self->options;
    char address[BRD_SESSION_ADDRESS_SIZE];
    brd_session_address (options->id, address);
    if (s_open_door (
            self, 0, address, brd_session_secret (), BRD_SESSION_SECRET_SIZE)
        < 0)
        return -1;
    return options->address ? s_open_door (
               self, 1, options->address, options->key, options->key_size)
                            : 0;
}

static size_t
s_bytes_max (void)
{
    const long pages = sysconf (_SC_PHYS_PAGES);
    const long size = sysconf (_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (size_t) pages / 2 * (size_t) size : 0;
}

static int
s_init (brd_manager_t *self)
{
    brd_home_options_t home = { .brood = self->options.id,
                                .bytes_max = s_bytes_max () };
    brd_list_init (&self->clients);
    brd_list_init (&self->lingering);
    brd_list_init (&self->ready);
    brd_map_init (&self->sessions);
    brd_buf_init (&self->out, BRD_WIRE_SIZE_MAX);
    self->bell = BRD_MANAGER_BELL;
    if (brd_sys_random (&home.seed, sizeof home.seed) < 0)
        return brd_error_system ("random bytes");
    self->epoll = brd_sys_epoll ();
    if (self->epoll < 0)
        return brd_error_system ("epoll");
    self->home = brd_home_new (&home);
    self->methods = brd_manager_methods_new ();
    if (!self->home || !self->methods)
        return -1;
    if (s_watch (self, brd_manager_methods_fd (self->methods), &self->bell) < 0)
        return -1;
    return s_open_doors (self);
}

// -1 if the owner cannot be told: it is gone, or must see us die.
static int
s_report (brd_manager_t *self, int *fd_p, int rc)
{
    brd_manager_report_t report = { .error = rc < 0 ? errno : 0 };
    if (rc < 0)
        (void) snprintf (
            report.text, sizeof report.text, "%.159s", brd_error_get ()->text);
    else if (self->doors[1].listener)
        (void) snprintf (report.address,
                         sizeof report.address,
                         "%s",
                         brd_listener_address (self->doors[1].listener));
    const ssize_t told = brd_sys_write (*fd_p, &report, sizeof report);
    brd_sys_close (fd_p);
    return told == (ssize_t) sizeof report ? rc : -1;
}

void
brd_manager_main (const brd_nursery_birth_t *birth)
{
    static brd_manager_t self;
    const brd_manager_seed_t *seed = birth->arg;
    int fd = seed->report_fd;
    int unused = birth->listen_fd;
    self.options = seed->options;
    brd_sys_close (&unused);
    if (s_report (&self, &fd, s_init (&self)) < 0)
        _exit (S_EXIT_BROKEN);
    s_run (&self);
    for (int i = 0; i < BRD_MANAGER_LISTENERS; i++)
        if (self.doors[i].listener)
            brd_listener_destroy (&self.doors[i].listener);
    brd_manager_client_flush_all (&self);
    brd_manager_methods_end (self.methods);
    _exit (0);
}
