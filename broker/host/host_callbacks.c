// host_callbacks.c - user code that is due: once, in order, with no lock held
//
// SPDX-License-Identifier: MPL-2.0
//
// Queued under the lock by whoever drives, run by one thread at a time: the
// foreign loop in its dispatch, if there is one, else the callbacks thread,
// made when the first is asked for. Callbacks may call anything but
// brood_fini ().

#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "base/brd_futex.h"
#include "base/brd_sys.h"
#include "host/host_internal.h"

void
brd_host_callback (brd_host_t *self, brd_callback_t *callback)
{
    callback->next = NULL;
    *self->callbacks_end = callback;
    self->callbacks_end = &callback->next;
    self->callbacks_queued++;
    self->changed = 1;
    if (self->foreign >= 0)
        brd_host_ring (self);
    else {
        atomic_fetch_add (&self->callbacks_word, 1);
        brd_futex_wake (&self->callbacks_word, 1, 0);
    }
}

void
brd_host_callback_from_anywhere (brd_host_t *self, brd_callback_t *callback)
{
    brd_callback_t *last = atomic_load (&self->callbacks_inbox);
    do
        callback->next = last;
    while (!atomic_compare_exchange_weak (
        &self->callbacks_inbox, &last, callback));
    atomic_fetch_add (&self->callbacks_word, 1);
    brd_futex_wake (&self->callbacks_word, 1, 0);
    brd_host_ring (self);
}

// Locked. What came from anywhere gets in line.
static void
s_open_inbox (brd_host_t *self)
{
    brd_callback_t *last = atomic_exchange (&self->callbacks_inbox, NULL);
    brd_callback_t *first = NULL;
    while (last) {
        brd_callback_t *next = last->next;
        last->next = first;
        first = last;
        last = next;
    }
    for (; first; self->callbacks_queued++) {
        brd_callback_t *next = first->next;
        first->next = NULL;
        *self->callbacks_end = first;
        self->callbacks_end = &first->next;
        first = next;
    }
}

static brd_callback_t *
s_pop (brd_host_t *self)
{
    s_open_inbox (self);
    brd_callback_t *callback = self->callbacks;
    if (callback) {
        self->callbacks = callback->next;
        if (!self->callbacks)
            self->callbacks_end = &self->callbacks;
    }
    return callback;
}

long
brd_host_callbacks_take (brd_host_t *self)
{
    long ran = 0;
    brd_callback_t *callback;
    brd_host_lock (self);
    if (self->callbacks_running) {
        brd_host_unlock (self);
        return 0;
    }
    self->callbacks_running = 1;
    self->callbacks_by = pthread_self ();
    while ((callback = s_pop (self)) != NULL) {
        brd_host_unlock (self);
        callback->call (callback);
        ran++;
        brd_host_lock (self);
        self->callbacks_run++;
        self->changed = 1;
    }
    self->callbacks_running = 0;
    self->changed = 1;
    brd_host_unlock (self);
    return ran;
}

static void *
s_main (void *arg)
{
    brd_host_t *self = arg;
    for (;;) {
        const uint32_t word = atomic_load (&self->callbacks_word);
        brd_host_lock (self);
        const int loop = self->foreign >= 0 && !self->callbacks_quit;
        brd_host_unlock (self);
        // A foreign loop that came later runs them all.
        if (!loop)
            (void) brd_host_callbacks_take (self);
        brd_host_lock (self);
        const int quit = self->callbacks_quit && !self->callbacks;
        brd_host_unlock (self);
        if (quit)
            return NULL;
        (void) brd_futex_wait (&self->callbacks_word, word, BRD_NEVER, 0);
    }
}

int
brd_host_callbacks_start (brd_host_t *self)
{
    int rc = 0;
    brd_host_lock (self);
    if (self->foreign < 0 && !self->callbacks_made) {
        rc = brd_sys_thread (&self->callbacks_thread, s_main, self);
        self->callbacks_made = rc == 0;
        if (rc < 0)
            brd_error_system ("the callbacks thread cannot be started");
    }
    brd_host_unlock (self);
    return rc;
}

void
brd_host_callbacks_stop (brd_host_t *self)
{
    brd_host_lock (self);
    const int made = self->callbacks_made;
    self->callbacks_quit = 1;
    brd_host_unlock (self);
    if (!made)
        return;
    atomic_fetch_add (&self->callbacks_word, 1);
    brd_futex_wake (&self->callbacks_word, 1, 0);
    pthread_join (self->callbacks_thread, NULL);
    self->callbacks_made = 0;
}

typedef struct {
    const brd_host_t *host;
    uint64_t until;
} s_settled_t;

static int
s_settled (void *arg)
{
    const s_settled_t *settled = arg;
    return settled->host->callbacks_run >= settled->until;
}

int
brd_host_callbacks_settle (brd_host_t *self)
{
    brd_host_lock (self);
    s_open_inbox (self);
    s_settled_t settled = { self, self->callbacks_queued };
    const int mine = self->callbacks_running
                     && pthread_equal (self->callbacks_by, pthread_self ());
    brd_host_unlock (self);
    if (mine)
        return 0;
    (void) brd_host_callbacks_take (self);
    return brd_host_wait (self, s_settled, &settled, BRD_NEVER);
}
