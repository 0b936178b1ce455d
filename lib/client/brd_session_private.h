// brd_session_private.h - the inside of a session, for its files
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_SESSION_PRIVATE_H
#define BRD_SESSION_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/brd_sleep.h"
#include "client/brd_session.h"
#include "transport/brd_stream.h"

typedef enum {
    BRD_SESSION_SLOT_FREE,
    BRD_SESSION_SLOT_SENT,      // Its thread waits
    BRD_SESSION_SLOT_DONE,      // Its thread has been told
    BRD_SESSION_SLOT_ITEM,      // And has not said yet whether it keeps it
    BRD_SESSION_SLOT_ABANDONED  // Its thread has given up; an answer may come
} brd_session_slot_state_t;

typedef struct {
    brd_session_slot_state_t state;
    uint32_t index;
    uint64_t seq;
    _Atomic uint32_t word;  // Changes when its thread is to look
    brd_session_call_t *call;
    brd_request_op_t op;
    uint64_t object;
    int cancelled;  // The manager is to end its wait: said again with the call
    int error;      // DONE without an answer
} brd_session_slot_t;

typedef enum {
    BRD_SESSION_CLOSED,  // Not connected yet
    BRD_SESSION_OPEN,
    BRD_SESSION_LOST,  // The connection broke; who leads makes it again
    BRD_SESSION_DEAD   // The manager is gone, for good
} brd_session_state_t;

struct brd_session {
    struct brd_session *next;  // Of all there are, newest first
    char *address;
    void *key;
    size_t key_size;
    int is_family;             // 1: found by its number, in whatever way
    _Atomic uint64_t manager;  // 0: not known yet
    _Atomic uint32_t birth;    // Of the process that the rest is of

    pthread_mutex_t lock;
    brd_session_state_t state;
    brd_stream_t *stream;
    uint64_t number;        // The manager's for it
    int64_t resume_due;     // LOST: until then
    int leading;            // 1: a thread reads, or connects, for all
    _Atomic uint32_t turn;  // Changes when those without a slot are to look
    int waiting;            // So many of them
    brd_session_slot_t **slots;
    uint32_t slots_count;
    uint32_t slots_room;
    brd_buf_t note;  // A frame that has no answer
};

// --- brd_session_link.c: under the lock -------------------------------------

// What a thread that waits may wait for: sleep, if not NULL, ends with its
// deadline or an interrupt, else only the deadline counts.
typedef struct {
    int64_t deadline;
    brd_sleep_t *sleep;
} brd_session_limit_t;

// Both are for who leads, and let go of the lock while they wait.
//
// open: connects. -1 with errno as brd_stream_open (), ETIMEDOUT, EINTR.
//
// resume: from LOST comes back to the same session, and sends again what is not
// answered. -1 with ETIMEDOUT, EINTR: not yet, somebody else may go on; else
// the session is dead and all who wait have been told.
int
brd_session_link_open (brd_session_t *self, const brd_session_limit_t *limit);
int
brd_session_link_resume (brd_session_t *self, const brd_session_limit_t *limit);

// The connection broke. Over tcp it may be made again: LOST, and 0; else all
// who wait are told and the session is dead, -1.
int
brd_session_link_lost (brd_session_t *self);

// The manager has ended.
void
brd_session_link_end (brd_session_t *self);

// For who leads, when it has the lock again: a stream that broke meanwhile is
// not to be polled any more.
void
brd_session_link_tidy (brd_session_t *self);

// One frame: 0; 1 when it was not sent, for the link is lost; -1 with ENOMEM,
// EMSGSIZE.
int
brd_session_link_send (brd_session_t *self, const void *bytes, size_t size);

// A call that has no answer; that it fails shows elsewhere.
void
brd_session_link_note (brd_session_t *self,
                       brd_request_op_t op,
                       uint32_t slot,
                       uint64_t seq);

// So many handles of an object go back.
void
brd_session_link_drop (brd_session_t *self, uint64_t object, uint64_t count);

// Asks the manager to end a call's wait: now, or when the line is there again.
void
brd_session_link_cancel (brd_session_t *self, brd_session_slot_t *slot);

// Takes what has come, to whom it is for. -1 with ENOMEM: there may be more,
// which no poll will tell.
int
brd_session_link_read (brd_session_t *self);

// The state or the lead has changed: those without a slot look again.
void
brd_session_link_ring (brd_session_t *self);

// Ends the slot's wait.
void
brd_session_link_wake (brd_session_slot_t *slot);

#endif  // BRD_SESSION_PRIVATE_H
