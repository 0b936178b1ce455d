// host_report.c - how all pools are, as a value
//
// SPDX-License-Identifier: MPL-2.0
//
//     host.pools      a map each: its tasks by the core, and
//       fars, workers   those below
//       host.guests     those above
//
// What is in advance in a worker does not run, so what is counted as running is
// at most one task for each slot: the core knows no more either.
//
// Read next: docs/decisions/0030-asking-a-broker.md.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_error.h"
#include "base/brd_mem.h"
#include "host/host_guest.h"
#include "wire/brd_value.h"

enum {
    S_POOL_KEYS = 13,
    S_WORKER_KEYS = 7,
    S_GUEST_KEYS = 3
};

// A map being written: the first thing that fails is what has failed.
typedef struct {
    brd_host_t *host;
    brd_buf_t *out;
    size_t size_max;  // Of out: no more workers from there on
    int rc;
} s_report_t;

// What is known of one below.
typedef struct {
    const char *name;
    uint32_t pid;
    uint32_t slots;
    uint32_t held;
    const char *state;
    int64_t since;  // 0: not known
} s_below_t;

// --- Writing ---------------------------------------------------------------

static void
s_text (s_report_t *self, const char *text)
{
    if (self->rc == 0)
        self->rc = brd_value_put_text (self->out, text, strlen (text));
}

static void
s_say_text (s_report_t *self, const char *key, const char *text)
{
    s_text (self, key);
    s_text (self, text);
}

static void
s_say (s_report_t *self, const char *key, int64_t number)
{
    s_text (self, key);
    if (self->rc == 0)
        self->rc = brd_value_put_int (self->out, number);
}

static void
s_say_nil (s_report_t *self, const char *key)
{
    s_text (self, key);
    if (self->rc == 0)
        self->rc = brd_value_put_nil (self->out);
}

static void
s_say_pid (s_report_t *self, uint32_t pid)
{
    if (pid > 0)
        s_say (self, "pid", pid);
    else
        s_say_nil (self, "pid");
}

static void
s_map (s_report_t *self, size_t count)
{
    if (self->rc == 0)
        self->rc = brd_value_put_map (self->out, count);
}

// A list of so many that are still to be counted: where it is.
static size_t
s_list (s_report_t *self)
{
    const size_t head = self->out->size;
    if (self->rc == 0)
        self->rc = brd_value_put_list (self->out, 0);
    return head;
}

static void
s_count (s_report_t *self, size_t head, size_t count)
{
    if (self->rc == 0)
        self->rc = brd_value_set_count (self->out, head, count);
}

// --- Below -----------------------------------------------------------------

// 1, or 0 if there is no room.
static int
s_below (s_report_t *self, const s_below_t *one)
{
    const uint32_t running = one->held < one->slots ? one->held : one->slots;
    if (self->rc < 0 || self->out->size >= self->size_max)
        return 0;
    s_map (self, S_WORKER_KEYS);
    s_say_text (self, "name", one->name);
    s_say_pid (self, one->pid);
    s_say (self, "slots", one->slots);
    s_say (self, "waiting", one->held - running);
    s_say (self, "running", running);
    s_say_text (self, "state", one->state);
    if (one->since > 0)
        s_say (self, "for_ms", (self->host->now - one->since) / 1000000);
    else
        s_say_nil (self, "for_ms");
    return 1;
}

static const char *
s_far_state (const brd_host_far_t *far)
{
    return far->stopped || far->left ? "leaving"
           : far->draining           ? "draining"
           : !far->worker            ? "joining"
           : far->silent             ? "suspect"
                                     : "up";
}

static size_t
s_fars (s_report_t *self, const brd_host_pool_t *pool, size_t *ret_left_out)
{
    size_t count = 0;
    for (brd_list_t *i = pool->fars.next; i != &pool->fars; i = i->next) {
        const brd_host_far_t *far = BRD_LIST_ITEM (i, brd_host_far_t, link);
        const s_below_t one = {
            .name = far->name,
            .pid = far->pid,
            .slots = far->slots,
            .held = far->worker ? far->worker->held : 0,
            .state = s_far_state (far),
            .since = far->since,
        };
        const int fits = s_below (self, &one);
        count += (size_t) fits;
        *ret_left_out += !fits;
    }
    return count;
}

static int
s_by_place (const void *left, const void *right)
{
    const brd_host_worker_t *a = *(brd_host_worker_t *const *) left;
    const brd_host_worker_t *b = *(brd_host_worker_t *const *) right;
    return a->place < b->place ? -1 : a->place > b->place;
}

// The pool's, in the order of their places; NULL with ENOMEM.
static brd_host_worker_t **
s_workers_of (brd_host_t *host, const brd_host_pool_t *pool, size_t *ret_count)
{
    size_t place = 0, count = 0;
    uint64_t number;
    brd_host_worker_t *worker;
    brd_host_worker_t **all =
        brd_mem_array ((size_t) pool->live + 1, sizeof (brd_host_worker_t *));
    if (!all)
        return NULL;
    while ((worker = brd_map_next (&host->workers, &place, &number)) != NULL) {
        if (worker->pool == pool && count < (size_t) pool->live)
            all[count++] = worker;
    }
    qsort (all, count, sizeof (brd_host_worker_t *), s_by_place);
    *ret_count = count;
    return all;
}

static size_t
s_workers (s_report_t *self, const brd_host_pool_t *pool, size_t *ret_left_out)
{
    char name[BROOD_NAME_SIZE + 16];
    size_t all_count, count = 0;
    brd_host_worker_t **all = s_workers_of (self->host, pool, &all_count);
    if (!all) {
        self->rc = -1;
        return 0;
    }
    for (size_t i = 0; i < all_count; i++) {
        const brd_host_worker_t *worker = all[i];
        snprintf (name,
                  sizeof name,
                  "%s-%u",
                  pool->name,
                  (unsigned) worker->place + 1);
        const s_below_t one = {
            .name = name,
            .pid = worker->pid > 0 ? (uint32_t) worker->pid : 0,
            .slots = 1,
            .held = worker->held,
            .state = worker->ended      ? "leaving"
                     : worker->stopped  ? "suspect"
                     : worker->pid == 0 ? "joining"
                                        : "up",
        };
        const int fits = s_below (self, &one);
        count += (size_t) fits;
        *ret_left_out += !fits;
    }
    brd_mem_free (all);
    return count;
}

// All that their slots run, as far as is known.
static int64_t
s_running (brd_host_t *host, const brd_host_pool_t *pool)
{
    size_t place = 0;
    uint64_t number;
    int64_t running = 0;
    const brd_host_worker_t *worker;
    while ((worker = brd_map_next (&host->workers, &place, &number)) != NULL) {
        const uint32_t slots = worker->far ? worker->far->slots : 1;
        if (worker->pool == pool)
            running += worker->held < slots ? worker->held : slots;
    }
    return running;
}

// --- Above -----------------------------------------------------------------

static size_t
s_length (const brd_list_t *head)
{
    size_t count = 0;
    for (const brd_list_t *i = head->next; i != head; i = i->next)
        count++;
    return count;
}

static size_t
s_guests (s_report_t *self, const brd_host_pool_t *pool)
{
    const brd_list_t *guests = &self->host->guests;
    size_t count = 0;
    for (brd_list_t *i = guests->next; i != guests; i = i->next) {
        const brd_host_guest_t *guest =
            BRD_LIST_ITEM (i, brd_host_guest_t, link);
        if (guest->pool != pool || self->out->size >= self->size_max)
            continue;
        s_map (self, S_GUEST_KEYS);
        s_say_text (self, "kind", guest->remote ? "program" : "task");
        s_say_pid (self, guest->remote ? 0 : guest->pid);
        s_say (self, "given", (int64_t) s_length (&guest->given));
        count++;
    }
    return count;
}

// --- Pools -----------------------------------------------------------------

static void
s_pool (s_report_t *self, brd_host_pool_t *pool)
{
    brd_core_pool_stats_t stats = { .workers = 0 };
    size_t left_out = 0;
    const int64_t running = s_running (self->host, pool);
    (void) brd_core_pool_stats (self->host->core, pool->number, &stats);
    s_map (self, S_POOL_KEYS);
    s_say_text (self, "name", pool->name);
    s_say_text (self,
                "kind",
                pool->hosts  ? "hosts"
                : pool->crew ? "threads"
                             : "processes");
    s_say (self, "slots", brd_host_pool_capacity (pool));
    s_say (self, "waiting", stats.pending + stats.running - running);
    s_say (self, "running", running);
    s_say (self, "done", stats.done);
    s_say (self, "failed", stats.failed);
    s_say (self, "retried", stats.retried + pool->retried);
    s_say (self, "restarts", stats.restarts);
    if (pool->broken)
        s_say_text (self, "broken", pool->reason);
    else
        s_say_nil (self, "broken");
    s_text (self, "guests");
    size_t head = s_list (self);
    s_count (self, head, s_guests (self, pool));
    s_text (self, "workers");
    head = s_list (self);
    s_count (self,
             head,
             pool->hosts ? s_fars (self, pool, &left_out)
                         : s_workers (self, pool, &left_out));
    s_say (self, "left_out", (int64_t) left_out);
}

int
brd_host_report (brd_host_t *host, brd_buf_t *out, size_t size_max)
{
    const size_t before = out->size;
    size_t count = 0;
    s_report_t self = { .host = host,
                        .out = out,
                        .size_max = before + size_max };
    const size_t head = s_list (&self);
    for (brd_list_t *i = host->pools.next; i != &host->pools; i = i->next) {
        s_pool (&self, BRD_LIST_ITEM (i, brd_host_pool_t, link));
        count++;
    }
    s_count (&self, head, count);
    if (self.rc < 0)
        out->size = before;
    return self.rc;
}
