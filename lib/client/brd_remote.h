// brd_remote.h - a handle of an object at a manager
//
// SPDX-License-Identifier: MPL-2.0
//
// What dict, list, namespace and proxy are made of, and the managed half of
// queue, lock, rlock, semaphore, event, condition and barrier. Each method of
// theirs is one function here.
//
//     struct brood_dict { brd_remote_t remote; };
//
// Its head is the class's brd_handle_t, whose ref leads to the object: brood is
// the manager's number, object the object's, offset 0.
//
// Threads and fork. Any thread; a child uses what it inherited, and holds the
// object for itself from its first call on.

#ifndef BRD_REMOTE_H
#define BRD_REMOTE_H

#include <stdarg.h>
#include <stdatomic.h>

#include "base/brd_handle.h"
#include "brood/brood_msg.h"
#include "client/brd_session.h"

typedef struct {
    brd_handle_t handle;
    brd_session_t *session;
    _Atomic uint32_t birth;  // Of the process that holds it
} brd_remote_t;

// 1 if the ref leads to a manager rather than into the arena.
static inline int
brd_remote_is (const brd_ref_t *ref)
{
    return ref->object != 0 && ref->offset == 0;
}

// --- Life ------------------------------------------------------------------

// The object called name, made if there is none, or a new one if name is NULL.
// options is the list of docs/rfc/2-manager.md. -1 with ENOENT, EEXIST, ...
int
brd_remote_open (brd_remote_t *self,
                 brd_session_t *session,
                 brd_kind_t kind,
                 const char *name,
                 const brd_buf_t *options);

// One whose ref came from somewhere. -1 with EINVAL, ENOENT.
int
brd_remote_from (brd_remote_t *self, void *ref, brd_kind_t kind);

// The same by a ref that was resolved.
int
brd_remote_from_ref (brd_remote_t *self, const brd_ref_t *ref);

void
brd_remote_fini (brd_remote_t *self);

// --- Calls -----------------------------------------------------------------

// Begins a call on the object, in this process; brd_session_end () follows in
// any case.
int
brd_remote_begin (brd_remote_t *self,
                  brd_session_call_t *call,
                  brd_request_op_t op);
int
brd_remote_do (brd_remote_t *self, brd_session_call_t *call, int timeout_ms);

// A call without arguments whose answer does not matter, or is an integer.
int
brd_remote_tell (brd_remote_t *self, brd_request_op_t op, int timeout_ms);
int
brd_remote_ask (brd_remote_t *self,
                brd_request_op_t op,
                int timeout_ms,
                int64_t *ret_answer);

// Reads the answer. -1 with EPROTO.
int
brd_remote_int (const brd_session_call_t *call, int64_t *ret_answer);

// Before a call whose answer becomes a message, or is unpacked by a picture
// that lends: what was taken must not be lost for lack of memory. -1 with
// ENOMEM.
int
brd_remote_reserve (brd_session_call_t *call);
int
brd_remote_reserve_for (brd_session_call_t *call, const char *picture);

// As a message of the caller's, with the call's frame; handles in it live as
// long as its value. NULL with ENOMEM.
brood_msg_t *
brd_remote_msg (const brd_remote_t *self, brd_session_call_t *call);

// Into the outputs of a picture; what that lends is kept by the thread.
int
brd_remote_unpack (const brd_remote_t *self,
                   brd_session_call_t *call,
                   const char *picture,
                   va_list *args);

// Appends a picture's value, or a key, to a call.
int
brd_remote_put_picture (brd_session_call_t *call,
                        const char *picture,
                        va_list *args);
int
brd_remote_put_text (brd_session_call_t *call, const char *text);  // Or nil

#endif  // BRD_REMOTE_H
