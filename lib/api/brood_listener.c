// brood_listener.c - waiting for programs that connect
//
// SPDX-License-Identifier: MPL-2.0
//
// The waiting around lib/transport/brd_listener.c, where strangers are told
// from friends. Those who accept take turns.

#include "brood/brood_listener.h"

#include <errno.h>
#include <string.h>

#include "api/brd_conn.h"
#include "api/brd_runtime.h"
#include "api/brd_waitable.h"
#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_handle.h"
#include "base/brd_mem.h"
#include "base/brd_sleep.h"
#include "shared/brd_lock.h"
#include "transport/brd_listener.h"

struct brood_listener {
    brd_handle_t handle;
    brd_listener_t *listener;
    brd_lock_t accepting;
    brd_stream_t *next;  // Whom brood_wait_any () has found; under the lock
};

brood_listener_t *
brood_listener_new (const char *address)
{
    BRD_REQUIRE (address != NULL, NULL);
    if (brd_runtime_need () < 0)
        return NULL;
    brood_listener_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    brd_authkey_t key;
    brd_runtime_authkey (&key);
    brd_handle_init (&self->handle, BRD_KIND_LISTENER);
    self->listener = brd_listener_new (address, key.bytes, key.size);
    explicit_bzero (&key, sizeof key);
    if (!self->listener)
        brood_listener_destroy (&self);
    return self;
}

void
brood_listener_destroy (brood_listener_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    const int saved_errno = errno;
    brood_listener_t *self = *self_p;
    *self_p = NULL;
    // In a child the descriptors are others', and the file is the parent's.
    if (self->listener && brd_handle_is_mine (&self->handle)) {
        brd_listener_destroy (&self->listener);
        brd_stream_destroy (&self->next);
    }
    brd_handle_fini (&self->handle);
    brd_mem_free (self);
    errno = saved_errno;
}

static brd_stream_t *
s_accept (brd_listener_t *listener, brd_sleep_t *sleep)
{
    brd_stream_t *stream;
    while (!(stream = brd_listener_accept (listener)) && errno == EAGAIN) {
        struct pollfd fds[2] = {
            { .fd = brd_listener_fd (listener), .events = POLLIN },
        };
        // A stranger's time may be up before ours.
        brd_sleep_t until = *sleep;
        if (until.deadline > brd_listener_deadline (listener))
            until.deadline = brd_listener_deadline (listener);
        if (brd_sleep_poll (&until, fds, 1) < 0 && brd_sleep_check (sleep) < 0)
            break;
    }
    return stream;
}

brood_conn_t *
brood_listener_accept (brood_listener_t *self, int timeout_ms)
{
    BRD_REQUIRE_MINE (self, BRD_KIND_LISTENER, NULL);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, NULL);
    brd_shared_t *shared = brd_runtime_shared ();
    brd_sleep_t sleep;
    brd_sleep_begin (&sleep, brd_clock_deadline (timeout_ms));
    if (brd_lock_acquire (&self->accepting, shared, &sleep) < 0)
        return NULL;
    brd_stream_t *stream = self->next;
    self->next = NULL;
    if (!stream)
        stream = s_accept (self->listener, &sleep);
    (void) brd_lock_release (&self->accepting, shared);
    brood_conn_t *conn = stream ? brd_conn_new (&stream) : NULL;
    brd_stream_destroy (&stream);
    return conn;
}

const char *
brood_listener_address (const brood_listener_t *self)
{
    BRD_REQUIRE_MINE (self, BRD_KIND_LISTENER, NULL);
    return brd_listener_address (self->listener);
}

// --- For brood_wait_any () -------------------------------------------------

// Whoever is found is kept for the next accept. Those sent away are nobody to
// wait for.
static int
s_ready (void *handle)
{
    brood_listener_t *self = handle;
    brd_shared_t *shared = brd_runtime_shared ();
    if (brd_lock_try (&self->accepting, shared) < 0)
        return errno == ETIMEDOUT ? 0 : -1;
    while (!self->next && !(self->next = brd_listener_accept (self->listener))
           && errno == EACCES)
        continue;
    const int ready = self->next ? 1 : errno == EAGAIN ? 0 : -1;
    (void) brd_lock_release (&self->accepting, shared);
    return ready;
}

static int
s_prepare (void *handle)
{
    const brood_listener_t *self = handle;
    return brd_handle_check_mine (
        &self->handle, BRD_KIND_LISTENER, "brood_wait_any");
}

static int
s_fd (void *handle)
{
    const brood_listener_t *self = handle;
    return brd_listener_fd (self->listener);
}

const brd_waitable_t brd_listener_waitable = {
    .prepare = s_prepare,
    .ready = s_ready,
    .fd = s_fd,
};
