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
    BRD_SESSION_SLOT_ABANDONED  // Its thread has given up; an answer may come
} brd_session_slot_state_t;

typedef struct {
    brd_session_slot_state_t state;
    uint32_t index;
    uint64_t seq;
    _Atomic uint32_t word;  // Changes when its thread is to look
    brd_session_call_t *call;
    int error;  // DONE without an answer
} brd_session_slot_t;

typedef enum {
    BRD_SESSION_CLOSED,  // Not connected yet
    BRD_SESSION_OPEN,
    BRD_SESSION_DEAD  // The manager is gone, for good
} brd_session_state_t;

struct brd_session {
    struct brd_session *next;  // Of all there are, newest first
    char *address;
    void *key;
    size_t key_size;
    _Atomic uint64_t manager;  // 0: not known yet
    _Atomic uint32_t birth;    // Of the process that the rest is of

    pthread_mutex_t lock;
    brd_session_state_t state;
    brd_stream_t *stream;
    uint64_t number;  // The manager's for it
    int leading;      // 1: a thread reads for all
    brd_session_slot_t **slots;
    uint32_t slots_count;
    uint32_t slots_room;
    brd_buf_t note;  // A frame that has no answer
};

// --- brd_session_link.c: under the lock -------------------------------------

// Connects until deadline. -1 with errno as brd_stream_open (), ETIMEDOUT.
int
brd_session_link_open (brd_session_t *self, int64_t deadline);

// The connection broke: comes back to the same session and sends again what is
// not answered, over tcp; else, or in vain, all who wait are told and the
// session is dead. 0 if it goes on.
int
brd_session_link_lost (brd_session_t *self);

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

// Takes what has come, to whom it is for.
void
brd_session_link_read (brd_session_t *self);

// Ends the slot's wait.
void
brd_session_link_wake (brd_session_slot_t *slot);

#endif  // BRD_SESSION_PRIVATE_H
