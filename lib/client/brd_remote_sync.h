// brd_remote_sync.h - queues, locks and so on at a manager
//
// SPDX-License-Identifier: MPL-2.0
//
// The managed half of the classes that also live in the arena: each method is
// one function here, with the results and errors of its public header. A class
// asks brd_remote_is (&self->handle.ref), and calls.

#ifndef BRD_REMOTE_SYNC_H
#define BRD_REMOTE_SYNC_H

#include "client/brd_remote.h"

// --- Opening: options are copied into the call -------------------------------

typedef struct {
    uint64_t capacity;
    uint64_t capacity_bytes;
    uint64_t size_max;
    int joinable;
    int deliveries_max;
    const brd_remote_t *dead;  // At the same manager; NULL: none
    int priorities;
} brd_remote_queue_options_t;

int
brd_remote_sync_open_queue (brd_remote_t *self,
                            brd_session_t *session,
                            const char *name,
                            const brd_remote_queue_options_t *options);

// LOCK, RLOCK or EVENT.
int
brd_remote_sync_open (brd_remote_t *self,
                      brd_session_t *session,
                      brd_kind_t kind,
                      const char *name);
int
brd_remote_sync_open_semaphore (brd_remote_t *self,
                                brd_session_t *session,
                                const char *name,
                                int value,
                                int bounded);

// rlock: of the same manager, or NULL for one of its own.
int
brd_remote_sync_open_condition (brd_remote_t *self,
                                brd_session_t *session,
                                const char *name,
                                const brd_remote_t *rlock);
int
brd_remote_sync_open_barrier (brd_remote_t *self,
                              brd_session_t *session,
                              const char *name,
                              int parties);

// --- Lock, RLock, and a condition's lock -----------------------------------

int
brd_remote_sync_acquire (brd_remote_t *self, int timeout_ms);  // 0, 1, -1
int
brd_remote_sync_release (brd_remote_t *self);
int
brd_remote_sync_locked (brd_remote_t *self);

// --- Semaphore -------------------------------------------------------------

int
brd_remote_sync_take (brd_remote_t *self, int timeout_ms);
int
brd_remote_sync_give (brd_remote_t *self);
long
brd_remote_sync_value (brd_remote_t *self);

// --- Event -----------------------------------------------------------------

int
brd_remote_sync_set (brd_remote_t *self);
int
brd_remote_sync_clear (brd_remote_t *self);
int
brd_remote_sync_is_set (brd_remote_t *self);
int
brd_remote_sync_wait_set (brd_remote_t *self, int timeout_ms);

// --- Condition -------------------------------------------------------------

int
brd_remote_sync_wait_notified (brd_remote_t *self, int timeout_ms);  // 0, 1, -1
int
brd_remote_sync_notify (brd_remote_t *self, int n);  // < 0: all

// --- Barrier ---------------------------------------------------------------

typedef struct {
    int parties;
    int waiting;
    int broken;
} brd_remote_barrier_t;

int
brd_remote_sync_wait_others (brd_remote_t *self, int timeout_ms);
int
brd_remote_sync_reset (brd_remote_t *self);
int
brd_remote_sync_abort (brd_remote_t *self);
int
brd_remote_sync_barrier (brd_remote_t *self, brd_remote_barrier_t *ret_state);

// --- Queue -----------------------------------------------------------------

// An item of bytes that are a value; or of a picture.
int
brd_remote_sync_put (brd_remote_t *self,
                     int timeout_ms,
                     const void *bytes,
                     size_t size);
int
brd_remote_sync_put_picture (brd_remote_t *self,
                             int timeout_ms,
                             const char *picture,
                             va_list *args);
int
brd_remote_sync_get (brd_remote_t *self,
                     int timeout_ms,
                     const char *picture,
                     va_list *args);
brood_msg_t *
brd_remote_sync_get_msg (brd_remote_t *self, int timeout_ms);
int
brd_remote_sync_close (brd_remote_t *self);

// ret_full may be NULL.
long
brd_remote_sync_size (brd_remote_t *self, int *ret_full);
int
brd_remote_sync_done (brd_remote_t *self);
int
brd_remote_sync_failed (brd_remote_t *self);
int
brd_remote_sync_join (brd_remote_t *self, int timeout_ms);

#endif  // BRD_REMOTE_SYNC_H
