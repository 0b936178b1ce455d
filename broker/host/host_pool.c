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
// Workers that are threads have a crew instead of a nursery, which is told and
// reports the same, but cannot kill.
//
// Read next: workers/nursery.h, workers/crew.h.

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

#ifdef BRD_FAULTS
int brd_host_pool_pretends;
#endif

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
    return self->crew ? brd_crew_command (self->crew, &command)
                      : s_send (self, &command);
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
            if (self->nursery > 0)
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
    while (self->crew && brd_crew_report (self->crew, &report) == 1)
        s_report (self, &report);
    if (self->crew)
        return;
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

void
brd_host_pool_nursery (const brd_host_pool_options_t *options,
                       const brd_worker_setup_t *setup,
                       brd_nursery_options_t *ret_nursery)
{
    *ret_nursery = (brd_nursery_options_t){
        .worker_main = brd_worker_main,
        .arg = (void *) (uintptr_t) setup,
        .ending = s_ending,
        .title = options->name,
        .nice = options->nice,
        .pin = options->pin,
        .arena_fd = brd_arena_fd (setup->arena),
    };
}

static int
s_start_workers (brd_host_pool_t *self, const brd_host_pool_options_t *options)
{
    int peek;
    brd_nursery_options_t nursery;
    brd_host_pool_nursery (options, &self->setup, &nursery);
    nursery.title = self->name;
    nursery.exec = options->exec;
    if (options->threads) {
        self->crew = brd_crew_new (&self->setup, &nursery);
        self->fd = self->crew ? brd_crew_fd (self->crew) : -1;
        self->reach = BRD_HOST_REACH_ALL;
    }
    else {
        self->fd = brd_nursery_start (&nursery, &self->nursery, &peek);
        self->reach = peek ? BRD_HOST_REACH_PEEK : BRD_HOST_REACH_NONE;
    }
    if (self->remote)
        self->reach = BRD_HOST_REACH_NONE;
    return self->fd < 0 ? -1 : 0;
}

int
brd_host_pool_register (brd_host_pool_t *self,
                        const brd_core_pool_options_t *options)
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
    self->size = options->workers;
    self->workers_wanted = options->on_demand ? 0 : options->workers;
    brd_list_append (&host->pools, &self->link);
    const brd_core_event_t event = {
        .type = BRD_CORE_POOL_OPEN,
        .pool = self->number,
        .pool_options = options,
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
    brd_list_init (&self->fars);
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
#ifdef BRD_FAULTS
    self->remote = brd_host_pool_pretends;
#endif
    if (s_start_workers (self, options) < 0)
        goto error;
    self->code = self->remote ? NULL : options->code;  // Calls have numbers
    if (brd_host_pool_register (self, &options->core) < 0) {
        if (self->crew)
            brd_crew_destroy (&self->crew);
        else
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

// Not locked. Processes are killed, if not by the nursery then with it.
static void
s_end_processes (brd_host_pool_t *self)
{
    brd_host_t *host = self->host;
    brd_host_lock (host);
    int fd = self->fd;
    self->fd = -1;
    brd_host_unwatch (host, fd);
    brd_host_ring (host);  // The leader must not sleep on it any more
    brd_host_unlock (host);
    if (fd >= 0)
        brd_nursery_end (&fd, self->nursery, S_END_MS);
}

static int
s_crew_gone (void *arg)
{
    return brd_crew_empty (((const brd_host_pool_t *) arg)->crew);
}

// Not locked. Threads are asked to leave, and driven as ever until they have:
// one may be waiting for what another does. -1 if that took too long.
static int
s_end_threads (brd_host_pool_t *self, int64_t deadline)
{
    brd_host_t *host = self->host;
    int rc;
    brd_host_lock (host);
    brd_crew_leave (self->crew);
    brd_host_unlock (host);
    do {
        rc = brd_host_wait (host, s_crew_gone, self, deadline);
    } while (rc < 0 && errno == EINTR);
    if (rc < 0)
        return -1;
    brd_host_lock (host);
    brd_host_unwatch (host, self->fd);
    brd_host_ring (host);
    self->fd = -1;
    brd_crew_destroy (&self->crew);
    brd_host_unlock (host);
    return 0;
}

// 1 if it is ours to end; 0 if another thread is at it, or was.
static int
s_begin_end (brd_host_pool_t *self)
{
    brd_host_t *host = self->host;
    const brd_core_event_t event = { .type = BRD_CORE_POOL_TERMINATE,
                                     .pool = self->number };
    brd_host_lock (host);
    const int begins = !self->ending;
    if (begins) {
        self->ending = 1;
        if (self->reason[0] == '\0')
            snprintf (
                self->reason, sizeof self->reason, "the pool was terminated");
        host->now = brd_clock_now ();
        (void) brd_host_step (host, &event);
        brd_host_guests_turn_out (host, self);
    }
    brd_host_unlock (host);
    return begins;
}

static void
s_end (brd_host_pool_t *self, int64_t deadline)
{
    brd_host_t *host = self->host;
    if (!s_begin_end (self)) {
        (void) brd_host_wait (host,
                              s_gone,
                              self,
                              self->crew ? deadline
                                         : brd_clock_deadline (2 * S_END_MS));
        return;
    }
    if (self->hosts)
        brd_host_hosts_end (self, deadline);
    else if (!self->crew)
        s_end_processes (self);
    else if (s_end_threads (self, deadline) < 0) {
        self->left = 1;
        return;
    }
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
brd_host_pool_end (brd_host_pool_t *self)
{
    if (!self->left)
        s_end (self, BRD_NEVER);
}

void
brd_host_pool_stop (brd_host_pool_t *self)
{
    s_end (self, brd_clock_deadline (S_END_MS));
}

void
brd_host_pool_free (brd_host_pool_t **pool_p)
{
    brd_host_pool_t *self = *pool_p;
    const int saved_errno = errno;
    *pool_p = NULL;
    if (self->left)
        return;  // Its threads still know it
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
    if (self->opening.size > 0)
        explicit_bzero (self->opening.bytes, self->opening.size);
    brd_buf_fini (&self->opening);
    brd_mem_free (self);
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

static int
s_do (brd_host_pool_t *self, const brd_core_event_t *event)
{
    brd_core_event_t whole = *event;
    if (event->type == BRD_CORE_POOL_RESIZE)
        whole.count += self->lent;
    if (brd_host_step (self->host, &whole) < 0)
        return -1;
    if (event->type == BRD_CORE_POOL_RESIZE) {
        self->size = event->count;
        brd_host_guests_resized (self->host, self);
    }
    if (event->type == BRD_CORE_POOL_CLOSE)
        brd_host_guests_closed (self->host, self);
    return 0;
}

void
brd_host_pool_lend (brd_host_pool_t *self, int more)
{
    const brd_core_event_t event = {
        .type = BRD_CORE_POOL_RESIZE,
        .pool = self->number,
        .count = self->size + self->lent + (uint32_t) more,
    };
    // A pool that is full, or leaving, lends nobody.
    if (brd_host_step (self->host, &event) == 0 || more < 0)
        self->lent += (uint32_t) more;
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
    const int rc = s_do (self, &event);
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

brd_host_reach_t
brd_host_pool_reach (const brd_host_pool_t *self)
{
    return self->reach;
}

int
brd_host_pool_is_remote (const brd_host_pool_t *self)
{
    return self->remote;
}

long
brd_host_pool_parallel (const brd_host_pool_t *self)
{
    brd_core_pool_stats_t stats;
    if (self->hosts)
        return self->width > 0 ? (long) self->width : 1;
    return brd_core_pool_stats (self->host->core, self->number, &stats) < 0
                   || stats.workers < 1
               ? 1
               : stats.workers;
}

int
brd_host_pool_is_mine (const brd_host_pool_t *self)
{
    return self->crew != NULL && brd_crew_is_mine (self->crew);
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
