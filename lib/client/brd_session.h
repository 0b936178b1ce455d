// brd_session.h - one process's line to a manager
//
// SPDX-License-Identifier: MPL-2.0
//
// One connection for each manager and process, made when first needed; the
// calls of all threads share it. A thread that waits for its answer reads the
// answers of all: there is no thread of brood's own.
//
//     brd_session_call_t call;
//     if (brd_session_begin (&call, BRD_REQUEST_DICT_GET, object) < 0
//         || brd_value_put_text (&call.out, key, size) < 0 ...)
//     if (brd_session_do (session, &call, -1) == 0)
//         ... call.answer ...
//     brd_session_end (&call);
//
// Threads and fork. Any thread. A child finds the sessions of its parent and
// connects for itself; what the parent has under way is not its own.

#ifndef BRD_SESSION_H
#define BRD_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "base/brd_buf.h"
#include "wire/brd_request.h"

enum {
    BRD_SESSION_SECRET_SIZE = 32,
    BRD_SESSION_ADDRESS_SIZE = 64,
    BRD_SESSION_MS = 10000,      // For an answer that waits for nobody
    BRD_SESSION_GRACE_MS = 2000  // Beyond a call's own time: then not known
};

typedef struct brd_session brd_session_t;

// --- The family ------------------------------------------------------------

// What processes of one brood know and others do not; made once, before the
// first fork. -1 with errno.
int
brd_session_make_secret (void);
const void *
brd_session_secret (void);
// BRD_SESSION_SECRET_SIZE bytes that another process of the brood has.
void
brd_session_set_secret (const void *secret);

// The gateway (brd_gateway.h) of the brood on this host, which is not that of
// its program: for processes forked later. 0: there is none.
void
brd_session_set_gateway (uint64_t gateway);
uint64_t
brd_session_gateway (void);

// Where a manager of the family listens that was made on this host: known by
// its number alone.
void
brd_session_address (uint64_t manager,
                     char ret_address[BRD_SESSION_ADDRESS_SIZE]);

// --- Sessions --------------------------------------------------------------

// The session with a manager: one this process or an ancestor has connected
// to, or one of the family. Does not connect yet. NULL with ENOMEM. Sessions
// last as long as the process.
brd_session_t *
brd_session_of (uint64_t manager);

// Connects to one elsewhere and learns its number. NULL with errno as
// brood_manager_connect ().
brd_session_t *
brd_session_connect (const char *address,
                     const void *key,
                     size_t key_size,
                     int timeout_ms);

uint64_t
brd_session_manager (const brd_session_t *self);

// 1 if this process reaches that manager by an address it was given, as another
// program's.
int
brd_session_is_foreign (uint64_t manager);

// Connects if it is not. -1 with EHOSTDOWN, EINTR, ...
int
brd_session_need (brd_session_t *self);

// The manager has ended: whoever waits is told, and connections are closed.
void
brd_session_close (uint64_t manager);

// --- Calls -----------------------------------------------------------------

typedef struct {
    brd_request_t call;
    brd_buf_t out;                // The frame: arguments are appended
    brd_request_answer_t answer;  // On success; points into frame
    void *frame;
    // What brd_remote.c made in advance, so that an answer is not lost for lack
    // of memory; brd_session_end () frees it with the call
    void *spare;
    void (*free_spare) (void *spare);
} brd_session_call_t;

// -1 with ENOMEM.
int
brd_session_begin (brd_session_call_t *call,
                   brd_request_op_t op,
                   uint64_t object);
void
brd_session_end (brd_session_call_t *call);

// Sends it and waits for the answer. timeout_ms is what the call may wait for
// somebody; the manager watches it. 0, or -1 with the errno and the text that
// the manager answered, or with
//     EHOSTDOWN     the manager is gone; nothing was done
//     ETIMEDOUT     the call's own, or the line could not be made again before
//                   its time was over (BRD_SESSION_GRACE_MS); nothing was done
//     ECONNRESET    it went, or is silent; not known
//     EINTR         brood_interrupt (), and the call was not done
int
brd_session_do (brd_session_t *self, brd_session_call_t *call, int timeout_ms);

// An item of a queue (QUEUE_GET) is the manager's until one of these is called,
// for it must not be lost if the client has no memory for it. keep: it has
// arrived, and is gone there. refuse: it goes back to the head, as if it had
// not been given; the error before stays what it was.
void
brd_session_keep (brd_session_t *self, brd_session_call_t *call);
void
brd_session_refuse (brd_session_t *self, brd_session_call_t *call);

// Gives handles back, without an answer.
void
brd_session_drop (brd_session_t *self, uint64_t object, uint64_t count);

// Those that came with an answer.
void
brd_session_drop_lent (brd_session_t *self, const void *bytes, size_t size);

#endif  // BRD_SESSION_H
