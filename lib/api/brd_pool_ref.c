// brd_pool_ref.c - a pool's ref, and the handle a task makes of it
//
// SPDX-License-Identifier: MPL-2.0
//
//     the process that made it     another handle of the same pool
//     a task in one of its         a pool of ours whose one worker is the
//     owner's workers              owner, as a host with so many slots
//
// Everything else a pool can do is what brood_pool.c does with any.
//
// Read next: broker/host/host_far.c and host_guest.c.

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/brd_pool.h"
#include "api/brd_runtime.h"
#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_mem.h"
#include "client/brd_msg.h"

enum {
    S_CALL_BACK_MS = 10000,  // For the owner, who may be busy
    S_ASK_MS = 500           // Then it is asked again: it may have no memory
};

// The pools of this process; docs/decisions/0003-globals.md.
static struct {
    pthread_mutex_t lock;
    uint64_t made;
    brd_list_t pools;
} s_all = { .lock = PTHREAD_MUTEX_INITIALIZER,
            .pools = { &s_all.pools, &s_all.pools } };

void
brd_pool_forget (void)
{
    (void) pthread_mutex_init (&s_all.lock, NULL);
    brd_list_init (&s_all.pools);
}

// A ref names the process and the pool's number in its host, or a number of
// its own kind for pools without a host.
void
brd_pool_enter (brood_pool_t *self)
{
    pthread_mutex_lock (&s_all.lock);
    self->handle.ref.brood = brd_runtime_brood ();
    self->handle.ref.object = ++s_all.made;
    self->handle.ref.offset = (uint64_t) getpid () << 32;
    if (self->pool)
        self->handle.ref.offset |= brd_host_pool_number (self->pool);
    brd_list_append (&s_all.pools, &self->link);
    pthread_mutex_unlock (&s_all.lock);
}

void
brd_pool_leave (brood_pool_t *self)
{
    pthread_mutex_lock (&s_all.lock);
    brd_list_remove (&self->link);
    pthread_mutex_unlock (&s_all.lock);
}

static brood_pool_t *
s_new (brd_host_t *host, const brd_ref_t *ref)
{
    brood_pool_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    brd_handle_init (&self->handle, BRD_KIND_POOL);
    brd_list_init (&self->link);
    self->handle.ref = *ref;
    self->host = host;
    atomic_store (&self->refs, 1);
    return self;
}

// --- In the process that made it -------------------------------------------

static brood_pool_t *
s_find (const brd_ref_t *ref)
{
    brood_pool_t *found = NULL;
    pthread_mutex_lock (&s_all.lock);
    for (brd_list_t *i = s_all.pools.next; i != &s_all.pools && !found;
         i = i->next) {
        brood_pool_t *pool = BRD_LIST_ITEM (i, brood_pool_t, link);
        if (pool->handle.ref.object == ref->object) {
            found = pool;
            brd_pool_ref (found);
        }
    }
    pthread_mutex_unlock (&s_all.lock);
    return found;
}

static brood_pool_t *
s_from_own (brd_host_t *host, const brd_ref_t *ref)
{
    brood_pool_t *of = s_find (ref);
    if (!of) {
        brd_error_set (EPIPE, "brood_pool_from: the pool has ended");
        return NULL;
    }
    brood_pool_t *self = s_new (host, ref);
    if (!self) {
        brd_pool_unref (of);
        return NULL;
    }
    self->of = of;
    self->pool = of->pool;
    self->threads = of->threads;
    self->code = of->code;
    self->workers = of->workers;
    memcpy (self->name, of->name, sizeof self->name);
    return self;
}

// --- In a task -------------------------------------------------------------

static int
s_has_come (void *arg)
{
    return brd_host_pool_has_host (arg);
}

// Tells the owner where to call. -1 with ENOTSUP where nobody can.
static int
s_invite (const brd_worker_t *worker, const brd_ref_t *ref, const char *name)
{
    const brd_wire_note_t note = {
        .seq = ref->offset & UINT32_MAX,
        .size = (uint32_t) strlen (name),
        .body = name,
    };
    return brd_worker_note ((brd_worker_t *) worker, BRD_OP_INVITE, &note);
}

static int
s_connect (brood_pool_t *self, const brd_worker_t *worker)
{
    char name[BRD_NURSERY_NAME_SIZE];
    brd_peer_t *line =
        brd_host_line_listen (worker->setup->owner, worker->birth->owner, name);
    if (!line)
        return -1;
    self->pool = brd_host_pool_open_far (self->host, self->name, line);
    if (!self->pool) {
        line->destroy (line);
        return -1;
    }
    int rc = -1;
    for (int left = S_CALL_BACK_MS; rc < 0 && left > 0; left -= S_ASK_MS) {
        if (s_invite (worker, &self->handle.ref, name) < 0)
            return -1;
        rc = brd_host_wait (
            self->host, s_has_come, self->pool, brd_clock_deadline (S_ASK_MS));
        if (rc < 0 && errno != ETIMEDOUT)
            return -1;
    }
    if (rc == 0 && brd_host_pool_is_refused (self->pool))
        return brd_error_set (ENOTSUP,
                              "brood_pool_from: not to, nor from, workers that "
                              "start by exec");
    return rc < 0 ? brd_error_set (ETIMEDOUT,
                                   "brood_pool_from: the pool's owner does not "
                                   "answer")
                  : brd_host_pool_check (self->pool);
}

static brood_pool_t *
s_from_owner (brd_host_t *host, const brd_ref_t *ref)
{
    const brood_task_t *task = brd_worker_current ();
    const brd_worker_t *worker = task ? task->worker : NULL;
    if ((ref->offset & UINT32_MAX) == 0) {
        brd_error_set (ENOTSUP,
                       "brood_pool_from: the pool is inline, it is nowhere but "
                       "in its owner");
        return NULL;
    }
    if (!worker || (uint64_t) worker->birth->owner != ref->offset >> 32) {
        brd_error_set (ENOTSUP,
                       "brood_pool_from: only a task of a worker of the pool's "
                       "owner can give work to it");
        return NULL;
    }
    brood_pool_t *self = s_new (host, ref);
    if (!self)
        return NULL;
    self->far = 1;
    snprintf (self->name, sizeof self->name, "owner-pool");
    if (s_connect (self, worker) < 0) {
        brood_pool_destroy (&self);
        return NULL;
    }
    self->workers = (int) brd_host_pool_slots (self->pool);
    return self;
}

brood_pool_t *
brood_pool_from (void *ref)
{
    brd_ref_t found;
    BRD_REQUIRE (ref != NULL, NULL);
    if (brd_ref_resolve (ref, BRD_KIND_POOL, &found) < 0)
        return NULL;
    brd_host_t *host = brd_runtime_host ();
    if (!host)
        return NULL;
    if (found.brood != brd_runtime_brood ()) {
        brd_error_set (EINVAL, "brood_pool_from: the pool is another brood's");
        return NULL;
    }
    return found.offset >> 32 == (uint64_t) getpid ()
               ? s_from_own (host, &found)
               : s_from_owner (host, &found);
}
