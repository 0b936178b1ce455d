// host_hosts.c - a pool whose workers are hosts
//
// SPDX-License-Identifier: MPL-2.0
//
//     open    none at first: its tasks wait
//     add     a peer, told what to open       its SLOTS: it joins
//     life    each by itself                  host_far.c
//     lost    that one; the pool goes on, unless it was to have only that one
//     end     STOP to each, RETIRE from each
//
// Read next: host_far.c; docs/decisions/0024-relays.md.

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_mem.h"
#include "client/brd_session.h"
#include "host/host_internal.h"
#include "wire/brd_limits.h"

enum {
    S_END_MS = 30000,        // What is to be ended may be in our memory
    S_END_REMOTE_MS = 1500,  // It is not
};

// --- What each is to open --------------------------------------------------

int
brd_host_pool_describe (const brd_host_pool_options_t *options,
                        brd_wire_open_t *ret_open)
{
    const brd_worker_setup_t *setup = &options->setup;
    uint64_t initializer = 0;
    if (setup->initializer) {
        initializer =
            brd_code_number ((uint64_t) (uintptr_t) setup->initializer);
        if (initializer == 0)
            return brd_error_prefix ("the initializer");
    }
    if (setup->initargs_size > UINT32_MAX)
        return brd_error_set (EMSGSIZE, "the initializer's argument");
    *ret_open = (brd_wire_open_t){
        .initializer = initializer,
        .max_age_ns = setup->max_age_ns,
        .max_memory = setup->max_memory,
        .max_tasks = options->core.max_tasks,
        .nice = options->nice,
        .name = options->name,
        .name_size = (uint32_t) strnlen (options->name, BROOD_NAME_SIZE - 1),
        .initargs = setup->initargs,
        .initargs_size = (uint32_t) setup->initargs_size,
    };
    memcpy (ret_open->family, brd_session_secret (), BRD_WIRE_FAMILY);
    return 0;
}

int
brd_host_pool_undescribe (const brd_wire_open_t *open,
                          char ret_name[BROOD_NAME_SIZE],
                          brd_host_pool_options_t *ret_options)
{
    uint64_t initializer = 0;
    if (open->initializer != 0) {
        initializer = brd_code_find (open->initializer);
        if (initializer == 0)
            return brd_error_prefix ("the initializer");
    }
    void *initargs = brd_mem_alloc (open->initargs_size + (size_t) 1);
    if (!initargs)
        return -1;
    if (open->initargs_size > 0)
        memcpy (initargs, open->initargs, open->initargs_size);
    snprintf (
        ret_name, BROOD_NAME_SIZE, "%.*s", (int) open->name_size, open->name);
    *ret_options = (brd_host_pool_options_t){
        .core = { .max_tasks = open->max_tasks },
        .setup = {
            .initializer = (brood_task_fn *) (uintptr_t) initializer,
            .initargs = initargs,
            .initargs_size = open->initargs_size,
            .max_age_ns = open->max_age_ns,
            .max_memory = open->max_memory,
        },
        .name = ret_name,
        .nice = open->nice,
    };
    return 0;
}

static int
s_write_opening (brd_buf_t *out, const brd_wire_open_t *open)
{
    if (brd_frame_begin (out, BRD_OP_OPEN) < 0
        || brd_frame_add_open (out, open) < 0)
        return -1;
    brd_frame_close (out, 1);
    return 0;
}

// --- Opening ---------------------------------------------------------------

brd_host_pool_t *
brd_host_pool_open_hosts (brd_host_t *host,
                          const brd_host_hosts_options_t *options)
{
    const brd_core_pool_options_t core = { .hosts = 1, .joined = 1 };
    brd_host_pool_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    self->host = host;
    self->fd = self->snapshot = -1;
    self->hosts = 1;
    self->only = options->only;
    self->remote = options->remote;
    brd_list_init (&self->link);
    brd_list_init (&self->fars);
    brd_buf_init (&self->opening, BRD_WIRE_SIZE_MAX);
    const brd_wire_open_t *open = options->open;
    if (options->name)
        snprintf (self->name, sizeof self->name, "%s", options->name);
    else
        snprintf (self->name,
                  sizeof self->name,
                  "%.*s",
                  (int) open->name_size,
                  open->name);
    if (open)
        memcpy (self->family, open->family, sizeof self->family);
    if ((open && s_write_opening (&self->opening, open) < 0)
        || brd_host_pool_register (self, &core) < 0) {
        brd_host_pool_free (&self);
        return NULL;
    }
    brd_host_lock (host);
    host->pools_of_hosts++;
    brd_host_unlock (host);
    return self;
}

// A copy: what is sent is emptied.
static int
s_tell_opening (const brd_host_pool_t *self, brd_peer_t *peer)
{
    brd_buf_t out;
    if (self->opening.size == 0)
        return 0;
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    int rc = brd_buf_add (&out, self->opening.bytes, self->opening.size);
    if (rc == 0)
        rc = peer->send (peer, &out);
    brd_buf_fini (&out);
    return rc;
}

int
brd_host_pool_add_peer (brd_host_pool_t *self, brd_peer_t *peer)
{
    return brd_host_pool_add_host (self, peer, "", 0);
}

int
brd_host_pool_add_host (brd_host_pool_t *self,
                        brd_peer_t *peer,
                        const char *name,
                        uint32_t pid)
{
    brd_host_t *host = self->host;
    if (brd_host_pool_is_broken (self))
        return brd_error_set (EPIPE, "the pool takes no hosts any more");
    brd_host_far_t *far = brd_mem_zalloc (sizeof *far);
    if (!far)
        return -1;
    far->pool = self;
    far->peer = peer;
    far->retry_at = BRD_NEVER;
    far->pid = pid;
    far->since = brd_clock_now ();
    snprintf (far->name, sizeof far->name, "%s", name);
    far->draining = brd_host_drain_is_on (host, name);
    brd_list_init (&far->link);
    if (brd_host_heed (host, peer->fd) < 0)
        goto error;
    if (s_tell_opening (self, peer) < 0) {
        brd_host_ignore (host, peer->fd);
        goto error;
    }
    brd_list_append (&self->fars, &far->link);
    host->remotes += self->remote ? 1 : 0;
    host->touched = 1;
    brd_host_keeper_call (host);
    return 0;

error:
    brd_mem_free (far);
    return -1;
}

brd_host_pool_t *
brd_host_pool_open_far (brd_host_t *host, const char *name, brd_peer_t *peer)
{
    const brd_host_hosts_options_t options = { .name = name, .only = 1 };
    brd_host_pool_t *self = brd_host_pool_open_hosts (host, &options);
    if (!self)
        return NULL;
    brd_host_lock (host);
    const int rc = brd_host_pool_add_peer (self, peer);
    brd_host_unlock (host);
    if (rc == 0)
        return self;
    const brood_error_info_t story = *brd_error_get ();
    brd_host_pool_end (self);
    brd_host_pool_free (&self);
    brd_error_take (&story);
    return NULL;
}

// --- Life ------------------------------------------------------------------

void
brd_host_hosts_count (brd_host_pool_t *self)
{
    uint32_t width = 0;
    double way = 0;
    for (const brd_list_t *i = self->fars.next; i != &self->fars; i = i->next) {
        const brd_host_far_t *far = BRD_LIST_ITEM (i, brd_host_far_t, link);
        if (far->worker && !far->silent && !far->draining) {
            width += far->slots;
            way += (double) far->slots * (double) far->rtt;
        }
    }
    const int64_t rtt = width > 0 ? (int64_t) (way / width) : 0;
    if (width == self->width && !brd_host_is_other_rtt (rtt, self->rtt))
        return;
    self->width = width;
    self->rtt = rtt;
    self->host->changed = 1;
    brd_host_guests_resized (self->host, self);
}

static int
s_drain_pool (brd_host_pool_t *self)
{
    int count = 0;
    for (brd_list_t *i = self->fars.next, *next; i != &self->fars; i = next) {
        next = i->next;
        count += brd_host_far_drain (BRD_LIST_ITEM (i, brd_host_far_t, link));
    }
    return count;
}

int
brd_host_hosts_drain (brd_host_t *host)
{
    int count = 0;
    if (host->pools_of_hosts == 0)
        return 0;
    for (brd_list_t *i = host->pools.next; i != &host->pools; i = i->next) {
        brd_host_pool_t *pool = BRD_LIST_ITEM (i, brd_host_pool_t, link);
        if (pool->hosts)
            count += s_drain_pool (pool);
    }
    return count;
}

static int64_t
s_deadline (const brd_host_pool_t *self)
{
    int64_t due = BRD_NEVER;
    for (const brd_list_t *i = self->fars.next; i != &self->fars; i = i->next) {
        const int64_t one =
            brd_host_far_deadline (BRD_LIST_ITEM (i, brd_host_far_t, link));
        due = one < due ? one : due;
    }
    return due;
}

int64_t
brd_host_hosts_deadline (const brd_host_t *host)
{
    int64_t due = BRD_NEVER;
    if (host->pools_of_hosts == 0)
        return due;
    for (const brd_list_t *i = host->pools.next; i != &host->pools;
         i = i->next) {
        const brd_host_pool_t *pool = BRD_LIST_ITEM (i, brd_host_pool_t, link);
        const int64_t one = pool->hosts ? s_deadline (pool) : BRD_NEVER;
        due = one < due ? one : due;
    }
    return due;
}

// The one that has the least to finish.
int
brd_host_pool_spare (brd_host_pool_t *self)
{
    brd_host_far_t *found = NULL;
    int count = 0;
    for (brd_list_t *i = self->fars.next; i != &self->fars; i = i->next) {
        brd_host_far_t *far = BRD_LIST_ITEM (i, brd_host_far_t, link);
        if (!far->worker || far->silent || far->draining || far->stopped
            || far->left)
            continue;
        count++;
        if (!found || far->worker->held < found->worker->held)
            found = far;
    }
    if (count < 2)
        return -1;
    brd_host_far_part (found);
    return 0;
}

// --- Ending ----------------------------------------------------------------

static int
s_all_left (void *arg)
{
    return brd_list_empty (&((const brd_host_pool_t *) arg)->fars);
}

void
brd_host_hosts_end (brd_host_pool_t *self, int64_t deadline)
{
    brd_host_t *host = self->host;
    const int64_t patience =
        brd_clock_deadline (self->remote ? S_END_REMOTE_MS : S_END_MS);
    if (patience < deadline)
        deadline = patience;
    brd_host_lock (host);
    host->now = brd_clock_now ();
    for (brd_list_t *i = self->fars.next; i != &self->fars; i = i->next)
        brd_host_far_stop (BRD_LIST_ITEM (i, brd_host_far_t, link));
    brd_host_turn (host, 0);
    brd_host_unlock (host);
    while (brd_host_wait (host, s_all_left, self, deadline) < 0
           && errno == EINTR)
        continue;
    brd_host_lock (host);
    host->now = brd_clock_now ();
    while (!brd_list_empty (&self->fars))
        brd_host_far_lost (
            BRD_LIST_ITEM (self->fars.next, brd_host_far_t, link));
    host->pools_of_hosts--;
    brd_host_unlock (host);
}

void
brd_host_pool_break (brd_host_pool_t *self, int error, const char *why)
{
    brd_host_t *host = self->host;
    const brd_core_event_t event = { .type = BRD_CORE_POOL_TERMINATE,
                                     .pool = self->number };
    if (brd_host_pool_is_broken (self))
        return;
    self->broken = error;
    if (self->reason[0] == '\0')
        snprintf (self->reason, sizeof self->reason, "%s", why);
    host->now = brd_clock_now ();
    (void) brd_host_step (host, &event);
    // After the ends of what they gave.
    brd_host_guests_broken (host, self);
    host->changed = host->touched = 1;
    if (!host->turning)
        brd_host_turn (host, 0);
}

// --- Questions -------------------------------------------------------------

int
brd_host_pool_is_broken (const brd_host_pool_t *self)
{
    return self->broken != 0 || self->ending;
}

size_t
brd_host_pool_hosts (const brd_host_pool_t *self)
{
    size_t count = 0;
    for (const brd_list_t *i = self->fars.next; i != &self->fars; i = i->next)
        count++;
    return count;
}

int
brd_host_pool_has_host (const brd_host_pool_t *self)
{
    if (self->refused || self->broken != 0)
        return 1;
    for (const brd_list_t *i = self->fars.next; i != &self->fars; i = i->next) {
        if (BRD_LIST_ITEM (i, brd_host_far_t, link)->worker)
            return 1;
    }
    return 0;
}

int
brd_host_pool_is_refused (const brd_host_pool_t *self)
{
    return self->refused;
}

uint32_t
brd_host_pool_slots (brd_host_pool_t *self)
{
    brd_host_lock (self->host);
    const uint32_t slots = self->width;
    brd_host_unlock (self->host);
    return slots;
}
