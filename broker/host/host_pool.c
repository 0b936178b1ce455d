// host_pool.c - a pool's nursery, from its fork to its end
//
// SPDX-License-Identifier: MPL-2.0
//
//     open    fork the nursery            (no lock held: other pools go on)
//             POOL_OPEN -> DO_START each  -> command START
//             wait for STARTED each       -> WORKER_UP
//     life    reports -> events
//     end     TERMINATE: calls get EPIPE; the pair is closed, the nursery kills
//             everybody and is waited for; LOST for each worker
//
// Read next: workers/nursery.h.

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_log.h"
#include "base/brd_mem.h"
#include "base/brd_sys.h"
#include "host/host_internal.h"

enum {
    S_OPEN_MS = 30000,   // For all workers to be forked
    S_END_MS = 1500,     // For all processes to be gone
    S_COMMAND_MS = 1000  // For the nursery to read a command
};

// --- Commands and reports --------------------------------------------------

// A full pair, or a system short of memory for a moment.
static int
s_is_passing (int error)
{
    return error == EAGAIN || error == ENOBUFS || error == ENOMEM;
}

// The nursery reads at once, always; a full pair means that it is behind with
// forking, not stuck.
static int
s_send (brd_host_pool_t *self, const brd_nursery_command_t *command)
{
    const int64_t deadline = brd_clock_deadline (S_COMMAND_MS);
    for (;;) {
        if (brd_sys_send (self->fd, command, sizeof *command, MSG_NOSIGNAL)
            >= 0)
            return 0;
        if (!s_is_passing (errno) || brd_clock_now () > deadline)
            break;
        struct pollfd fd = { .fd = self->fd, .events = POLLOUT };
        (void) poll (&fd, 1, 10);
    }
    // A nursery that cannot be told to kill is of no use: it hangs up, and so
    // ends what it has.
    brd_error_system ("the nursery does not listen");
    (void) shutdown (self->fd, SHUT_RDWR);
    return -1;
}

int
brd_host_pool_command (brd_host_pool_t *self,
                       brd_nursery_command_type_t type,
                       const brd_host_worker_t *worker)
{
    const brd_nursery_command_t command = {
        .type = type,
        .worker = worker->number,
        .place = worker->place,
        .page = brd_arena_offset (self->host->arena, worker->page),
    };
    if (self->fd < 0)
        return brd_error_set (ESRCH, "the nursery of the pool is gone");
    return s_send (self, &command);
}

static void
s_event (brd_host_t *host, brd_core_event_type_t type, uint32_t worker)
{
    const brd_core_event_t event = { .type = type, .worker = worker };
    (void) brd_host_step (host, &event);
}

static void
s_started (brd_host_worker_t *worker, const brd_nursery_report_t *report)
{
    worker->pid = report->pid;
    memcpy (worker->name, report->name, sizeof worker->name);
    worker->name[sizeof worker->name - 1] = '\0';
    worker->pool->up++;
    s_event (worker->pool->host, BRD_CORE_WORKER_UP, worker->number);
}

// Before the core hears of a death it must know whether it is the
// initializer's fault, because then there is no point in going on.
static void
s_ended (brd_host_worker_t *worker, int status, int closed)
{
    brd_host_pool_t *pool = worker->pool;
    brd_page_t *page = worker->page;
    if (atomic_load (&page->init_bad)) {
        page->text[BRD_PAGE_TEXT - 1] = '\0';
        snprintf (pool->reason,
                  sizeof pool->reason,
                  "the initializer failed: %.*s",
                  (int) sizeof pool->reason - 32,
                  page->text);
        s_event (pool->host, BRD_CORE_WORKER_BAD, worker->number);
    }
    brd_host_worker_ended (worker, status, closed);
}

static void
s_report (brd_host_pool_t *self, const brd_nursery_report_t *report)
{
    brd_host_t *host = self->host;
    brd_host_worker_t *worker = brd_host_worker_find (host, report->worker);
    host->changed = 1;
    if (!worker || worker->pool != self)
        return;
    switch (report->type) {
    case BRD_NURSERY_STARTED:
        s_started (worker, report);
        break;
    case BRD_NURSERY_FAILED:
        self->down++;
        self->down_error = report->error;
        s_event (host, BRD_CORE_WORKER_DOWN, report->worker);
        break;
    case BRD_NURSERY_STOPPED:
        worker->stopped = 1;
        break;
    case BRD_NURSERY_CONTINUED:
        worker->stopped = 0;
        break;
    case BRD_NURSERY_ENDED:
        s_ended (worker, report->status, report->closed);
        break;
    default:
        break;
    }
}

// Every worker of the pool has ended, with status if nothing else is known.
static void
s_all_ended (brd_host_pool_t *self, int status)
{
    brd_host_t *host = self->host;
    for (;;) {
        size_t place = 0;
        uint64_t number;
        brd_host_worker_t *worker;
        while ((worker = brd_map_next (&host->workers, &place, &number))
               != NULL) {
            if (worker->pool == self && !worker->ended)
                break;
        }
        if (!worker)
            return;
        if (worker->pid > 0) {
            // If the nursery was killed, nobody has yet.
            brd_shared_sweep (host->shared, worker->pid);
            s_ended (worker, status, 0);
        }
        else {
            self->down++;
            self->down_error = ESRCH;
            s_event (host, BRD_CORE_WORKER_DOWN, worker->number);
            // The core forgets it unless it was told of it in this step.
            worker = brd_host_worker_find (host, (uint32_t) number);
            if (worker && !worker->ended)
                worker->ended = 1;
        }
    }
}

// Its workers died with it (PDEATHSIG), and there will be no others.
static void
s_nursery_died (brd_host_pool_t *self)
{
    brd_log (BROOD_LOG_ERROR, "the nursery of %s died", self->name);
    brd_host_unwatch (self->host, self->fd);
    // If it lives all the same, and only cannot be heard, its workers are gone
    // when this returns.
    brd_nursery_end (&self->fd, self->nursery, S_END_MS);
    if (self->reason[0] == '\0')
        snprintf (self->reason,
                  sizeof self->reason,
                  "the pool is broken: its nursery died");
    s_all_ended (self, SIGKILL);
}

void
brd_host_pool_reports (brd_host_pool_t *self)
{
    brd_nursery_report_t report;
    while (self->fd >= 0 && !self->ending) {
        const ssize_t size =
            brd_sys_recv (self->fd, &report, sizeof report, MSG_DONTWAIT);
        if (size == (ssize_t) sizeof report)
            s_report (self, &report);
        else if (size < 0 && s_is_passing (errno))
            return;  // The descriptor stays ready: we come back
        else
            s_nursery_died (self);
    }
}

// --- Opening ---------------------------------------------------------------

static int
s_all_up (void *arg)
{
    const brd_host_pool_t *self = arg;
    return self->broken != 0 || self->down > 0 || self->ended
           || self->up >= self->workers_wanted;
}

// In the nursery: what the dead held in shared memory is let go of.
static void
s_ending (void *arg, pid_t pid)
{
    const brd_worker_setup_t *setup = arg;
    brd_shared_sweep (setup->shared, pid);
}

static int
s_start_nursery (brd_host_pool_t *self, const brd_host_pool_options_t *options)
{
    const brd_nursery_options_t nursery = {
        .worker_main = brd_worker_main,
        .arg = &self->setup,
        .ending = s_ending,
        .title = self->name,
        .nice = options->nice,
        .pin = options->pin,
    };
    self->fd = brd_nursery_start (&nursery, &self->nursery, &self->peek);
    return self->fd < 0 ? -1 : 0;
}

static int
s_register (brd_host_pool_t *self, const brd_host_pool_options_t *options)
{
    brd_host_t *host = self->host;
    brd_host_lock (host);
    if (host->pool_count == BRD_HOST_POOLS_MAX) {
        brd_host_unlock (host);
        return brd_error_set (
            ENOSPC, "no more than %d pools at a time", BRD_HOST_POOLS_MAX);
    }
    self->number = ++host->pools_made;
    host->pool_count++;
    self->workers_wanted = options->core.on_demand ? 0 : options->core.workers;
    brd_list_append (&host->pools, &self->link);
    const brd_core_event_t event = {
        .type = BRD_CORE_POOL_OPEN,
        .pool = self->number,
        .pool_options = &options->core,
    };
    host->now = brd_clock_now ();
    const int rc = brd_host_step (host, &event);
    if (rc < 0) {
        brd_list_remove (&self->link);
        host->pool_count--;
        self->number = 0;
    }
    else
        brd_host_watch (host, self->fd);
    brd_host_ring (host);  // The leader must look at the new descriptor
    brd_host_unlock (host);
    return rc;
}

// Why its workers do not run, as the thread's error.
static void
s_explain_failure (const brd_host_pool_t *self, uint32_t workers)
{
    if (self->broken == ENOEXEC) {
        brd_error_set (ENOEXEC, "%s", self->reason);
        return;
    }
    if (self->down == 0 && self->broken == 0)
        return;  // The wait itself has ended, and said why
    const int why = self->down_error > 0 ? self->down_error : EAGAIN;
    int error = EAGAIN;
    if (why == ENOMEM || why == ENOSPC)
        error = why;
    else if (why == EMFILE || why == ENFILE)
        error = EMFILE;
    brd_error_set (
        error, "%u workers cannot be started: %s", workers, strerror (why));
}

brd_host_pool_t *
brd_host_pool_open (brd_host_t *host, brd_host_pool_options_t *options)
{
    brd_host_pool_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    self->host = host;
    self->fd = -1;
    brd_list_init (&self->link);
    self->snapshot = brd_shared_snapshot_begin (host->shared);
    if (self->snapshot < 0) {
        brd_mem_free (self);
        return NULL;
    }
    self->setup = options->setup;
    self->setup.arena = host->arena;
    self->setup.shared = host->shared;
    memcpy (self->setup.owner, host->id, BRD_ZMQ_ID);
    snprintf (self->name, sizeof self->name, "%s", options->name);
    if (s_start_nursery (self, options) < 0)
        goto error;
    if (s_register (self, options) < 0) {
        brd_nursery_end (&self->fd, self->nursery, S_END_MS);
        goto error;
    }
    if (brd_host_wait (host, s_all_up, self, brd_clock_deadline (S_OPEN_MS)) < 0
        || self->down > 0 || self->broken != 0) {
        s_explain_failure (self, options->core.workers);
        const brood_error_info_t story = *brd_error_get ();
        brd_host_pool_end (self);
        brd_error_take (&story);
        goto error;
    }
    return self;

error:
    self->setup.initargs = NULL;  // Still the caller's
    brd_host_pool_free (&self);
    return NULL;
}

// --- Ending ----------------------------------------------------------------

static int
s_gone (void *arg)
{
    return ((const brd_host_pool_t *) arg)->gone;
}

void
brd_host_pool_end (brd_host_pool_t *self)
{
    brd_host_t *host = self->host;
    const brd_core_event_t event = { .type = BRD_CORE_POOL_TERMINATE,
                                     .pool = self->number };
    brd_host_lock (host);
    if (self->ending) {
        brd_host_unlock (host);
        (void) brd_host_wait (
            host, s_gone, self, brd_clock_deadline (2 * S_END_MS));
        return;
    }
    self->ending = 1;
    if (self->reason[0] == '\0')
        snprintf (self->reason, sizeof self->reason, "the pool was terminated");
    host->now = brd_clock_now ();
    (void) brd_host_step (host, &event);
    int fd = self->fd;
    self->fd = -1;
    brd_host_unwatch (host, fd);
    brd_host_ring (host);  // The leader must not sleep on it any more
    brd_host_unlock (host);

    if (fd >= 0)
        brd_nursery_end (&fd, self->nursery, S_END_MS);
    brd_shared_snapshot_end (host->shared, self->snapshot);
    self->snapshot = -1;

    brd_host_lock (host);
    host->now = brd_clock_now ();
    s_all_ended (self, SIGKILL);
    brd_host_turn (host, 0);
    self->gone = 1;
    host->changed = 1;
    brd_host_unlock (host);
}

void
brd_host_pool_free (brd_host_pool_t **pool_p)
{
    brd_host_pool_t *self = *pool_p;
    const int saved_errno = errno;
    brd_host_lock (self->host);
    if (self->number > 0) {
        const brd_core_event_t event = { .type = BRD_CORE_POOL_FORGET,
                                         .pool = self->number };
        brd_assert (self->live == 0);
        (void) brd_host_step (self->host, &event);
        self->host->pool_count--;
    }
    brd_list_remove (&self->link);
    brd_host_unlock (self->host);
    brd_shared_snapshot_end (self->host->shared, self->snapshot);
    brd_mem_free (self->setup.initargs);
    brd_mem_free (self);
    *pool_p = NULL;
    errno = saved_errno;
}

// --- Questions -------------------------------------------------------------

long
brd_host_pool_cancel (brd_host_pool_t *self)
{
    brd_host_t *host = self->host;
    const brd_core_event_t event = { .type = BRD_CORE_POOL_CANCEL,
                                     .pool = self->number };
    brd_host_lock (host);
    const long before = self->cancelled;
    host->now = brd_clock_now ();
    (void) brd_host_step (host, &event);
    const long count = self->cancelled - before;
    brd_host_turn (host, 0);
    host->changed = 1;
    brd_host_unlock (host);
    return count;
}

int
brd_host_pool_do (brd_host_pool_t *self,
                  brd_core_event_type_t type,
                  uint32_t count)
{
    brd_host_t *host = self->host;
    const brd_core_event_t event = { .type = type,
                                     .pool = self->number,
                                     .count = count };
    brd_host_lock (host);
    host->now = brd_clock_now ();
    const int rc = brd_host_step (host, &event);
    const int saved_errno = errno;
    brd_host_turn (host, 0);
    brd_host_keeper_call (host);
    host->changed = 1;
    brd_host_unlock (host);
    errno = saved_errno;
    return rc;
}

int
brd_host_pool_check (brd_host_pool_t *self)
{
    brd_host_lock (self->host);
    const int error = self->broken ? self->broken : self->ending ? EPIPE : 0;
    if (error)
        brd_error_set (error, "%s", self->reason);
    brd_host_unlock (self->host);
    return error ? -1 : 0;
}

uint32_t
brd_host_pool_number (const brd_host_pool_t *self)
{
    return self->number;
}

int
brd_host_pool_peek (const brd_host_pool_t *self)
{
    return self->peek;
}

int
brd_host_pool_ended (const brd_host_pool_t *self)
{
    return self->ended;
}

int
brd_host_pool_idle (const brd_host_pool_t *self)
{
    brd_core_pool_stats_t stats;
    return brd_core_pool_stats (self->host->core, self->number, &stats) < 0
           || stats.pending + stats.running == 0;
}

void
brd_host_pool_stats (brd_host_pool_t *self, brd_core_pool_stats_t *ret_stats)
{
    memset (ret_stats, 0, sizeof *ret_stats);
    brd_host_lock (self->host);
    // Whoever asks wants to know how it is, not how it was when somebody drove.
    if (!self->ending)
        brd_host_turn (self->host, 1);
    (void) brd_core_pool_stats (self->host->core, self->number, ret_stats);
    brd_host_unlock (self->host);
}
