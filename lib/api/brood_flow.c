// brood_flow.c - producers, a bounded buffer and consumers, in one call
//
// SPDX-License-Identifier: MPL-2.0
//
//     producer-1 --+                   +--> consumer-1
//                  +-> joinable queue -+
//     producer-2 --+                   +--> consumer-2
//          |                                    |
//          +---- ended? ---- caller ---- died? -+
//
// The caller waits for the end of one of its processes, and acts on it:
//
//     the last producer     the queue is closed
//     a consumer            another in its place, unless all is drained
//
// A consumer that finds the queue closed and drained has seen the end for all
// of them, since get waits for what others have and might give back: it says so
// in the shared counts. One that ends without having seen it has died, whatever
// its exit code is; it is replaced unless others have.
//
// Items that killed too many come out of the queue's dead letters, and are
// counted here.
//
// Read next: brood_queue.c, brood_process.c.

#include "brood/brood_flow.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_mem.h"
#include "brood/brood_init.h"
#include "brood/brood_log.h"
#include "brood/brood_process.h"
#include "brood/brood_value.h"
#include "brood/brood_wait.h"

enum {
    S_NAME_MAX = 40,        // Leaves room for "-producer-1024"
    S_CAPACITY = 4,         // Items per consumer
    S_DELIVERIES = 3,       // Of one item
    S_DEATHS_IN_A_ROW = 5,  // At least
    S_GRACE_MS = 1000,      // From SIGTERM to SIGKILL
    S_STATUS = 255          // The low bits, which an exit code keeps
};

// What the processes tell, in the shared memory.
typedef struct {
    _Atomic long consumed;  // consume has returned
    _Atomic long failed;    // With something else than 0
    _Atomic int status;     // The first of these
    _Atomic int drained;    // There is and will be nothing to get
    _Atomic int left[];     // By place: its consumer has seen that
} s_counts_t;

typedef struct s_flow s_flow_t;

// A place, and the process that is in it now.
typedef struct {
    s_flow_t *flow;
    brood_process_t *process;  // NULL: it has ended
    int index;
} s_worker_t;

struct s_flow {
    brood_producer_fn *produce;
    brood_consumer_fn *consume;
    void *arg;
    brood_flow_options_t options;  // Without defaults
    brood_queue_t *queue;
    brood_queue_t *dead;
    brood_value_t *value;
    s_counts_t *counts;
    s_worker_t *workers;  // Producers, then consumers
    brood_wait_t *waits;  // One for each
    size_t n;
    int producing;  // Producers that have not ended
    int consuming;
    long consumed_at_death;  // counts->consumed, when the last consumer died
    int deaths_in_a_row;
    brood_flow_result_t result;
    brood_error_info_t story;  // Of the worst a producer did; error 0: none
};

// --- In the processes ------------------------------------------------------

static int
s_produce (void *arg)
{
    const s_worker_t *worker = arg;
    const s_flow_t *flow = worker->flow;
    const int rc = flow->produce (flow->queue, worker->index, flow->arg);
    return rc != 0 && (rc & S_STATUS) == 0 ? S_STATUS : rc & S_STATUS;
}

static void
s_count (s_counts_t *counts, int status)
{
    int none = 0;
    if (status != 0) {
        atomic_compare_exchange_strong (&counts->status, &none, status);
        atomic_fetch_add (&counts->failed, 1);
    }
    atomic_fetch_add (&counts->consumed, 1);
}

static int
s_consume (void *arg)
{
    const s_worker_t *worker = arg;
    const s_flow_t *flow = worker->flow;
    brood_msg_t *item;
    while ((item = brood_queue_get_msg (flow->queue, BROOD_FOREVER))) {
        const int status = flow->consume (item, worker->index, flow->arg);
        brood_msg_destroy (&item);
        // Before task_done: counted twice is what it then was, consumed twice.
        s_count (flow->counts, status);
        if (brood_queue_task_done (flow->queue) < 0)
            break;
    }
    if (!item && errno == EPIPE) {
        atomic_store (&flow->counts->drained, 1);
        atomic_store (&flow->counts->left[worker - flow->workers], 1);
        return 0;
    }
    brood_log (BROOD_LOG_ERROR, "brood_flow: %s", brood_error ());
    return EX_SOFTWARE;
}

// --- Making ----------------------------------------------------------------

static int
s_is_producer (const s_worker_t *worker)
{
    return worker - worker->flow->workers < worker->flow->options.producers;
}

static int
s_start (s_worker_t *worker)
{
    const s_flow_t *flow = worker->flow;
    const int producer = s_is_producer (worker);
    const char *prefix = flow->options.name;
    char name[BROOD_NAME_SIZE];
    snprintf (name,
              sizeof name,
              "%s%s%s-%d",
              prefix ? prefix : "",
              prefix ? "-" : "",
              producer ? "producer" : "consumer",
              worker->index + 1);
    const brood_process_options_t options = { .name = name, .daemon = 1 };
    worker->process = brood_process_new_with (
        producer ? s_produce : s_consume, worker, &options);
    if (worker->process && brood_process_start (worker->process) == 0)
        return 0;
    brood_process_destroy (&worker->process);
    return brd_error_prefix ("brood_flow: %s", name);
}

static int
s_make (s_flow_t *self)
{
    const brood_flow_options_t *options = &self->options;
    self->dead = brood_queue_new (0);
    if (!self->dead)
        return -1;
    self->queue = brood_queue_new_with (&(brood_queue_options_t){
        .capacity = options->capacity,
        .joinable = 1,
        .deliveries_max = options->deliveries_max,
        .dead = self->dead,
    });
    self->n = (size_t) options->producers + (size_t) options->consumers;
    if (self->queue)
        self->value = brood_value_new_sized (
            sizeof *self->counts + self->n * sizeof self->counts->left[0]);
    if (!self->value)
        return -1;
    self->counts = brood_value_ptr (self->value);
    self->workers = brd_mem_array (self->n, sizeof *self->workers);
    self->waits = brd_mem_array (self->n, sizeof *self->waits);
    if (!self->workers || !self->waits)
        return -1;
    for (size_t i = 0; i < self->n; i++) {
        s_worker_t *worker = &self->workers[i];
        worker->flow = self;
        worker->index = (int) i;
        if (!s_is_producer (worker))
            worker->index -= options->producers;
    }
    return 0;
}

static int
s_start_all (s_flow_t *self)
{
    for (size_t i = 0; i < self->n; i++) {
        if (s_start (&self->workers[i]) < 0)
            return -1;
        if (s_is_producer (&self->workers[i]))
            self->producing++;
        else
            self->consuming++;
    }
    return 0;
}

// --- Ends ------------------------------------------------------------------

// The story of a process that did not end well.
static void
s_tell (brood_error_info_t *ret_story, int error, const s_worker_t *worker)
{
    char signal[32];
    const int code = brood_process_exitcode (worker->process);
    *ret_story = (brood_error_info_t){
        .kind = brd_error_kind (error),
        .error = error,
        .status = code < 0 ? 0 : code,
        .signal = code < 0 ? -code : 0,
        .pid = brood_process_pid (worker->process),
        .item = -1,
    };
    const char *name = brood_process_name (worker->process);
    if (code < 0)
        snprintf (ret_story->text,
                  sizeof ret_story->text,
                  "brood_flow: %s was killed by %s",
                  name,
                  brd_error_signal_name (-code, signal, sizeof signal));
    else
        snprintf (ret_story->text,
                  sizeof ret_story->text,
                  "brood_flow: %s ended with %d",
                  name,
                  code);
}

// A death is worse than a failure, and the first of each is told.
static int
s_producer_ended (s_flow_t *self, const s_worker_t *worker)
{
    const int code = brood_process_exitcode (worker->process);
    const int error = code < 0 ? ECHILD : EIO;
    if (code != 0) {
        self->result.producers_failed++;
        if (self->story.error == 0 || (code < 0 && self->story.error == EIO))
            s_tell (&self->story, error, worker);
    }
    return --self->producing == 0 ? brood_queue_close (self->queue) : 0;
}

// Of any number of consumers each may have an item that kills.
static int
s_deaths_allowed (const s_flow_t *self)
{
    const int64_t all =
        (int64_t) self->options.consumers * self->options.deliveries_max;
    return all < S_DEATHS_IN_A_ROW ? S_DEATHS_IN_A_ROW : (int) all;
}

// What the queue has given up.
static void
s_bury (s_flow_t *self)
{
    brood_msg_t *item;
    while ((item = brood_queue_get_msg (self->dead, 0))) {
        self->result.failed++;
        self->result.items++;
        brood_msg_destroy (&item);
    }
}

// *ret_again: another one is to take its place.
static int
s_consumer_ended (s_flow_t *self, const s_worker_t *worker, int *ret_again)
{
    self->consuming--;
    *ret_again = 0;
    if (atomic_load (&self->counts->left[worker - self->workers]))
        return 0;
    self->result.consumers_died++;
    s_bury (self);
    if (atomic_load (&self->counts->drained))
        return 0;
    const long consumed = atomic_load (&self->counts->consumed);
    if (consumed != self->consumed_at_death)
        self->deaths_in_a_row = 0;
    self->consumed_at_death = consumed;
    if (++self->deaths_in_a_row > s_deaths_allowed (self)) {
        brood_error_info_t story;
        s_tell (&story, ECHILD, worker);
        const size_t used = strlen (story.text);
        snprintf (story.text + used,
                  sizeof story.text - used,
                  ", the last of %d consumers in a row that died",
                  self->deaths_in_a_row);
        return brd_error_take (&story);
    }
    *ret_again = 1;
    return 0;
}

static int
s_ended (s_flow_t *self, s_worker_t *worker)
{
    int again = 0;
    const int rc = s_is_producer (worker)
                       ? s_producer_ended (self, worker)
                       : s_consumer_ended (self, worker, &again);
    brood_process_destroy (&worker->process);
    if (rc < 0 || !again)
        return rc;
    if (s_start (worker) < 0)
        return -1;
    self->consuming++;
    return 0;
}

static int
s_run (s_flow_t *self)
{
    while (self->producing + self->consuming > 0) {
        for (size_t i = 0; i < self->n; i++)
            self->waits[i].handle = self->workers[i].process;
        if (brood_wait_any (self->waits, self->n, BROOD_FOREVER) < 0)
            return -1;
        for (size_t i = 0; i < self->n; i++) {
            if (self->waits[i].handle && self->waits[i].ready
                && s_ended (self, &self->workers[i]) < 0)
                return -1;
        }
    }
    return 0;
}

// Those that are left, when it cannot go on.
static void
s_stop (s_flow_t *self)
{
    const int64_t deadline = brd_clock_deadline (S_GRACE_MS);
    for (size_t i = 0; i < self->n; i++) {
        if (self->workers[i].process)
            (void) brood_process_terminate (self->workers[i].process);
    }
    for (size_t i = 0; i < self->n; i++) {
        s_worker_t *worker = &self->workers[i];
        if (!worker->process)
            continue;
        if (brood_process_join (worker->process, brd_clock_left_ms (deadline))
            < 0) {
            (void) brood_process_kill (worker->process);
            // Soon, and not before: nothing is left behind.
            while (brood_process_join (worker->process, BROOD_FOREVER) < 0
                   && errno == EINTR)
                ;
        }
        brood_process_destroy (&worker->process);
    }
}

// --- The whole -------------------------------------------------------------

// What there is to say when all has ended.
static int
s_judge (const s_flow_t *self)
{
    const brood_flow_result_t *result = &self->result;
    if (self->story.error != 0)
        return brd_error_take (&self->story);
    if (result->failed == 0)
        return 0;
    brood_error_info_t story = { .kind = brd_error_kind (EIO),
                                 .error = EIO,
                                 .status = atomic_load (&self->counts->status),
                                 .item = -1 };
    const long returned = atomic_load (&self->counts->failed);
    if (returned > 0)
        snprintf (story.text,
                  sizeof story.text,
                  "brood_flow: %ld of %ld items failed: a consumer returned %d",
                  result->failed,
                  result->items,
                  story.status);
    else
        snprintf (story.text,
                  sizeof story.text,
                  "brood_flow: %ld of %ld items failed: each killed %d "
                  "consumers",
                  result->failed,
                  result->items,
                  self->options.deliveries_max);
    return brd_error_take (&story);
}

static void
s_sum_up (s_flow_t *self)
{
    if (!self->counts)
        return;
    s_bury (self);
    self->result.items += atomic_load (&self->counts->consumed);
    self->result.failed += atomic_load (&self->counts->failed);
}

static int
s_flow (s_flow_t *self)
{
    int rc = s_make (self);
    if (rc == 0 && (s_start_all (self) < 0 || s_run (self) < 0)) {
        const brood_error_info_t story = *brd_error_get ();
        s_stop (self);
        s_sum_up (self);
        rc = brd_error_take (&story);
    }
    else if (rc == 0) {
        s_sum_up (self);
        rc = s_judge (self);
    }
    const int saved_errno = errno;
    brd_mem_free (self->waits);
    brd_mem_free (self->workers);
    brood_value_destroy (&self->value);
    brood_queue_destroy (&self->queue);
    brood_queue_destroy (&self->dead);
    errno = saved_errno;
    return rc;
}

static int
s_check_options (const brood_flow_options_t *options)
{
    BRD_REQUIRE_ZERO (options->reserved_, -1);
    BRD_REQUIRE (options->producers >= 0
                     && options->producers <= BROOD_FLOW_PROCESSES_MAX,
                 -1);
    BRD_REQUIRE (options->consumers >= 0
                     && options->consumers <= BROOD_FLOW_PROCESSES_MAX,
                 -1);
    BRD_REQUIRE (options->capacity <= BROOD_QUEUE_CAPACITY_MAX, -1);
    BRD_REQUIRE (options->deliveries_max >= 0
                     && options->deliveries_max <= BROOD_QUEUE_DELIVERIES_MAX,
                 -1);
    BRD_REQUIRE (!options->name || strlen (options->name) < S_NAME_MAX, -1);
    return 0;
}

int
brood_flow (brood_producer_fn *produce,
            brood_consumer_fn *consume,
            void *arg,
            const brood_flow_options_t *options,
            brood_flow_result_t *ret_result)
{
    s_flow_t self = { .produce = produce, .consume = consume, .arg = arg };
    if (ret_result)
        *ret_result = self.result;
    BRD_REQUIRE (produce != NULL && consume != NULL, -1);
    if (options) {
        if (s_check_options (options) < 0)
            return -1;
        self.options = *options;
    }
    brood_flow_options_t *given = &self.options;
    if (given->producers == 0)
        given->producers = 1;
    if (given->consumers == 0)
        given->consumers = brood_cpu_count ();
    if (given->consumers > BROOD_FLOW_PROCESSES_MAX)
        given->consumers = BROOD_FLOW_PROCESSES_MAX;
    if (given->capacity == 0)
        given->capacity = (size_t) given->consumers * S_CAPACITY;
    if (given->deliveries_max == 0)
        given->deliveries_max = S_DELIVERIES;
    const int rc = s_flow (&self);
    if (ret_result)
        *ret_result = self.result;
    return rc;
}
