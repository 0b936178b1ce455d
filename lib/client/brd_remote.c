// brd_remote.c - a handle of an object at a manager
//
// SPDX-License-Identifier: MPL-2.0
//
//     handle --OPEN, HOLD--> the manager counts it for this process's session
//        |  call
//        +--DROP------------> when it is given up
//
// A handle that came along through a fork counts for the parent. The child's
// first use takes a handle of its own, so that the object lives for it, too.
//
// Read next: brd_session.c; lib/api/brood_dict.c, a user.

#include "client/brd_remote.h"

#include <errno.h>
#include <string.h>

#include "base/brd_check.h"
#include "base/brd_mem.h"
#include "base/brd_process.h"
#include "client/brd_kept.h"
#include "client/brd_msg.h"
#include "wire/brd_limits.h"
#include "wire/brd_picture.h"

// --- Life ------------------------------------------------------------------

static void
s_init (brd_remote_t *self,
        brd_session_t *session,
        brd_kind_t kind,
        uint64_t object)
{
    brd_handle_init (&self->handle, kind);
    self->handle.ref.brood = brd_session_manager (session);
    self->handle.ref.object = object;
    self->session = session;
    atomic_init (&self->birth, brd_process_birth ());
}

int
brd_remote_open (brd_remote_t *self,
                 brd_session_t *session,
                 brd_kind_t kind,
                 const char *name,
                 const brd_buf_t *options)
{
    brd_session_call_t call;
    int64_t object;
    int rc = brd_session_begin (&call, BRD_REQUEST_OPEN, 0);
    if (rc == 0)
        rc = brd_value_put_int (&call.out, kind);
    if (rc == 0)
        rc = brd_remote_put_text (&call, name);
    if (rc == 0)
        rc = options
                 ? brd_value_put_raw (&call.out, options->bytes, options->size)
                 : brd_value_put_list (&call.out, 0);
    if (rc == 0)
        rc = brd_session_do (session, &call, kind == BRD_KIND_PROXY ? -1 : 0);
    if (rc == 0)
        rc = brd_remote_int (&call, &object);
    if (rc == 0)
        s_init (self, session, kind, (uint64_t) object);
    brd_session_end (&call);
    return rc;
}

static int
s_hold (brd_session_t *session, const brd_ref_t *ref)
{
    brd_session_call_t call;
    int rc = brd_session_begin (&call, BRD_REQUEST_HOLD, ref->object);
    if (rc == 0)
        rc = brd_value_put_int (&call.out, ref->kind);
    if (rc == 0)
        rc = brd_session_do (session, &call, 0);
    brd_session_end (&call);
    return rc;
}

int
brd_remote_from_ref (brd_remote_t *self, const brd_ref_t *ref)
{
    if (!brd_remote_is (ref))
        return brd_error_set (ENOENT,
                              "the %s is not at a manager",
                              brd_kind_text ((brd_kind_t) ref->kind));
    brd_session_t *session = brd_session_of (ref->brood);
    if (!session || s_hold (session, ref) < 0)
        return -1;
    s_init (self, session, (brd_kind_t) ref->kind, ref->object);
    return 0;
}

int
brd_remote_from (brd_remote_t *self, void *ref, brd_kind_t kind)
{
    brd_ref_t found;
    if (brd_ref_resolve (ref, kind, &found) < 0)
        return -1;
    return brd_remote_from_ref (self, &found);
}

void
brd_remote_fini (brd_remote_t *self)
{
    if (atomic_load (&self->birth) == brd_process_birth ())
        brd_session_drop (self->session, self->handle.ref.object, 1);
    brd_handle_fini (&self->handle);
}

// Several threads of a child may come here at once: who is second gives its
// handle back.
static int
s_hold_here (brd_remote_t *self, uint32_t birth)
{
    uint32_t before = atomic_load (&self->birth);
    if (s_hold (self->session, &self->handle.ref) < 0)
        return -1;
    if (!atomic_compare_exchange_strong (&self->birth, &before, birth))
        brd_session_drop (self->session, self->handle.ref.object, 1);
    return 0;
}

// --- Calls -----------------------------------------------------------------

int
brd_remote_begin (brd_remote_t *self,
                  brd_session_call_t *call,
                  brd_request_op_t op)
{
    return brd_session_begin (call, op, self->handle.ref.object);
}

int
brd_remote_do (brd_remote_t *self, brd_session_call_t *call, int timeout_ms)
{
    const uint32_t birth = brd_process_birth ();
    if (atomic_load (&self->birth) != birth && s_hold_here (self, birth) < 0)
        return -1;
    return brd_session_do (self->session, call, timeout_ms);
}

int
brd_remote_ask (brd_remote_t *self,
                brd_request_op_t op,
                int timeout_ms,
                int64_t *ret_answer)
{
    brd_session_call_t call;
    int rc = brd_remote_begin (self, &call, op);
    if (rc == 0)
        rc = brd_remote_do (self, &call, timeout_ms);
    if (rc == 0 && ret_answer)
        rc = brd_remote_int (&call, ret_answer);
    brd_session_end (&call);
    return rc;
}

int
brd_remote_tell (brd_remote_t *self, brd_request_op_t op, int timeout_ms)
{
    return brd_remote_ask (self, op, timeout_ms, NULL);
}

// --- Answers ---------------------------------------------------------------

int
brd_remote_int (const brd_session_call_t *call, int64_t *ret_answer)
{
    const brd_request_answer_t *answer = &call->answer;
    brd_value_cursor_t at = { answer->body, answer->body + answer->size };
    brd_value_t value;
    if (brd_value_read (&at, &value) < 0
        || (value.type != BROOD_INTEGER && value.type != BROOD_BOOL))
        return brd_error_set (EPROTO, "a manager answers what it should not");
    *ret_answer = value.number.i;
    return 0;
}

// The frame goes with the message's value, and so do handles that it brought.
typedef struct {
    brd_msg_extra_t extra;
    brd_session_t *session;  // NULL: it brought none
    void *frame;
    const unsigned char *body;
    size_t size;
    brood_msg_t *msg;  // Until there is an answer
} s_lender_t;

static void
s_give_back (brd_msg_extra_t *extra)
{
    s_lender_t *self = (s_lender_t *) extra;
    if (self->session)
        brd_session_drop_lent (self->session, self->body, self->size);
    brd_mem_free (self->frame);
    brd_mem_free (self);
}

static void
s_free_spare (void *spare)
{
    s_lender_t *lender = spare;
    brood_msg_destroy (&lender->msg);
    brd_mem_free (lender);
}

int
brd_remote_reserve (brd_session_call_t *call)
{
    if (call->spare)
        return 0;
    s_lender_t *lender = brd_mem_zalloc (sizeof *lender);
    if (!lender)
        return -1;
    lender->msg = brd_msg_new_empty ();
    if (!lender->msg) {
        brd_mem_free (lender);
        return -1;
    }
    call->spare = lender;
    call->free_spare = s_free_spare;
    return 0;
}

int
brd_remote_reserve_for (brd_session_call_t *call, const char *picture)
{
    return brd_kept_lends (picture) ? brd_remote_reserve (call) : 0;
}

brood_msg_t *
brd_remote_msg (const brd_remote_t *self, brd_session_call_t *call)
{
    const brd_request_answer_t *answer = &call->answer;
    const int lent = (answer->flags & BRD_REQUEST_LENT) != 0;
    // From another process: it is looked at once, here.
    if (brd_value_check (answer->body, answer->size, BRD_WIRE_DEPTH_MAX, NULL)
        < 0)
        return NULL;
    if (brd_remote_reserve (call) < 0) {
        if (lent)
            brd_session_drop_lent (self->session, answer->body, answer->size);
        return NULL;
    }
    s_lender_t *lender = call->spare;
    brood_msg_t *msg = lender->msg;
    call->spare = NULL;
    *lender = (s_lender_t){ .extra.free = s_give_back,
                            .session = lent ? self->session : NULL,
                            .frame = call->frame,
                            .body = answer->body,
                            .size = answer->size };
    call->frame = NULL;
    brd_msg_reset_lent (msg, answer->body, answer->size, &lender->extra);
    return msg;
}

int
brd_remote_unpack (const brd_remote_t *self,
                   brd_session_call_t *call,
                   const char *picture,
                   va_list *args)
{
    const brd_request_answer_t *answer = &call->answer;
    if (!brd_kept_lends (picture) && !(answer->flags & BRD_REQUEST_LENT)) {
        const brd_picture_source_t source = { .bytes = answer->body,
                                              .size = answer->size };
        return brd_picture_unpack (&source, picture, args);
    }
    brood_msg_t *msg = brd_remote_msg (self, call);
    if (!msg)
        return -1;
    const int rc = brd_kept_unpack (&msg, picture, args);
    brood_msg_destroy (&msg);
    return rc;
}

int
brd_remote_put_picture (brd_session_call_t *call,
                        const char *picture,
                        va_list *args)
{
    return brd_picture_pack (&call->out, picture, args);
}

int
brd_remote_put_text (brd_session_call_t *call, const char *text)
{
    return text ? brd_value_put_text (&call->out, text, strlen (text))
                : brd_value_put_nil (&call->out);
}
