// brd_remote_sync.c - queues, locks and so on at a manager
//
// SPDX-License-Identifier: MPL-2.0
//
// One call each; the manager waits, and knows who holds what when a client
// dies (broker/core/home_lock.c and its neighbours).
//
// Read next: brd_remote.c.

#include "client/brd_remote_sync.h"

#include <errno.h>

#include "base/brd_check.h"
#include "base/brd_mem.h"
#include "wire/brd_limits.h"

// --- Opening ---------------------------------------------------------------

// Options that are a list of numbers.
static int
s_open (brd_remote_t *self,
        brd_session_t *session,
        brd_kind_t kind,
        const char *name,
        const uint64_t *numbers,
        size_t count)
{
    unsigned char bytes[8 * BRD_VALUE_HEAD_MAX];
    brd_buf_t options = brd_value_fixed (bytes, sizeof bytes);
    int rc = brd_value_put_list (&options, count);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = brd_value_put_uint (&options, numbers[i]);
    brd_assert (rc == 0);
    return brd_remote_open (self, session, kind, name, &options);
}

// The number of an object that must be at this manager, 0 for none.
static int
s_neighbour (const brd_session_t *session,
             const brd_remote_t *other,
             uint64_t *ret_number)
{
    *ret_number = 0;
    if (!other)
        return 0;
    if (!brd_remote_is (&other->handle.ref)
        || other->handle.ref.brood != brd_session_manager (session))
        return brd_error_set (
            EINVAL,
            "the %s is not at this manager",
            brd_kind_text ((brd_kind_t) other->handle.ref.kind));
    *ret_number = other->handle.ref.object;
    return 0;
}

int
brd_remote_sync_open_queue (brd_remote_t *self,
                            brd_session_t *session,
                            const char *name,
                            const brd_remote_queue_options_t *options)
{
    uint64_t dead;
    if (s_neighbour (session, options->dead, &dead) < 0)
        return -1;
    const uint64_t numbers[] = { options->capacity,
                                 options->capacity_bytes,
                                 options->size_max,
                                 options->joinable != 0,
                                 (uint64_t) options->deliveries_max,
                                 dead,
                                 options->priorities != 0 };
    return s_open (self, session, BRD_KIND_QUEUE, name, numbers, 7);
}

int
brd_remote_sync_open (brd_remote_t *self,
                      brd_session_t *session,
                      brd_kind_t kind,
                      const char *name)
{
    return s_open (self, session, kind, name, NULL, 0);
}

int
brd_remote_sync_open_semaphore (brd_remote_t *self,
                                brd_session_t *session,
                                const char *name,
                                int value,
                                int bounded)
{
    const uint64_t numbers[] = { (uint64_t) value, bounded != 0 };
    return s_open (self, session, BRD_KIND_SEMAPHORE, name, numbers, 2);
}

int
brd_remote_sync_open_condition (brd_remote_t *self,
                                brd_session_t *session,
                                const char *name,
                                const brd_remote_t *rlock)
{
    uint64_t lock;
    if (s_neighbour (session, rlock, &lock) < 0)
        return -1;
    return s_open (self, session, BRD_KIND_CONDITION, name, &lock, 1);
}

int
brd_remote_sync_open_barrier (brd_remote_t *self,
                              brd_session_t *session,
                              const char *name,
                              int parties)
{
    const uint64_t numbers[] = { (uint64_t) parties };
    return s_open (self, session, BRD_KIND_BARRIER, name, numbers, 1);
}

// --- Locks and the like ----------------------------------------------------

// A small number that answers.
static int
s_ask (brd_remote_t *self, brd_request_op_t op, int timeout_ms)
{
    int64_t answer = 0;
    return brd_remote_ask (self, op, timeout_ms, &answer) < 0 ? -1
                                                              : (int) answer;
}

int
brd_remote_sync_acquire (brd_remote_t *self, int timeout_ms)
{
    return s_ask (self, BRD_REQUEST_LOCK_ACQUIRE, timeout_ms);
}

int
brd_remote_sync_release (brd_remote_t *self)
{
    return brd_remote_tell (self, BRD_REQUEST_LOCK_RELEASE, 0);
}

int
brd_remote_sync_locked (brd_remote_t *self)
{
    return s_ask (self, BRD_REQUEST_LOCK_LOCKED, 0);
}

int
brd_remote_sync_take (brd_remote_t *self, int timeout_ms)
{
    return brd_remote_tell (self, BRD_REQUEST_SEMAPHORE_ACQUIRE, timeout_ms);
}

int
brd_remote_sync_give (brd_remote_t *self)
{
    return brd_remote_tell (self, BRD_REQUEST_SEMAPHORE_RELEASE, 0);
}

long
brd_remote_sync_value (brd_remote_t *self)
{
    return s_ask (self, BRD_REQUEST_SEMAPHORE_VALUE, 0);
}

int
brd_remote_sync_set (brd_remote_t *self)
{
    return brd_remote_tell (self, BRD_REQUEST_EVENT_SET, 0);
}

int
brd_remote_sync_clear (brd_remote_t *self)
{
    return brd_remote_tell (self, BRD_REQUEST_EVENT_CLEAR, 0);
}

int
brd_remote_sync_is_set (brd_remote_t *self)
{
    return s_ask (self, BRD_REQUEST_EVENT_IS_SET, 0);
}

int
brd_remote_sync_wait_set (brd_remote_t *self, int timeout_ms)
{
    return brd_remote_tell (self, BRD_REQUEST_EVENT_WAIT, timeout_ms);
}

int
brd_remote_sync_wait_notified (brd_remote_t *self, int timeout_ms)
{
    return s_ask (self, BRD_REQUEST_CONDITION_WAIT, timeout_ms);
}

int
brd_remote_sync_notify (brd_remote_t *self, int n)
{
    brd_session_call_t call;
    int rc = brd_remote_begin (self, &call, BRD_REQUEST_CONDITION_NOTIFY);
    if (rc == 0)
        rc = brd_value_put_int (&call.out, n);
    if (rc == 0)
        rc = brd_remote_do (self, &call, 0);
    brd_session_end (&call);
    return rc;
}

// --- Barrier ---------------------------------------------------------------

int
brd_remote_sync_wait_others (brd_remote_t *self, int timeout_ms)
{
    return s_ask (self, BRD_REQUEST_BARRIER_WAIT, timeout_ms);
}

int
brd_remote_sync_reset (brd_remote_t *self)
{
    return brd_remote_tell (self, BRD_REQUEST_BARRIER_RESET, 0);
}

int
brd_remote_sync_abort (brd_remote_t *self)
{
    return brd_remote_tell (self, BRD_REQUEST_BARRIER_ABORT, 0);
}

static int
s_read_list (const brd_request_answer_t *answer,
             int64_t *ret_numbers,
             size_t count)
{
    brd_value_cursor_t at = { answer->body, answer->body + answer->size };
    brd_value_t value;
    if (brd_value_read (&at, &value) < 0 || value.type != BROOD_LIST
        || value.size != count)
        return brd_error_set (EPROTO, "a manager answers what it should not");
    for (size_t i = 0; i < count; i++) {
        if (brd_value_read (&at, &value) < 0)
            return brd_error_set (EPROTO, "a manager answers too little");
        ret_numbers[i] = value.number.i;
    }
    return 0;
}

// A call that is answered by a list of numbers.
static int
s_ask_list (brd_remote_t *self,
            brd_request_op_t op,
            int64_t *ret_numbers,
            size_t count)
{
    brd_session_call_t call;
    int rc = brd_remote_begin (self, &call, op);
    if (rc == 0)
        rc = brd_remote_do (self, &call, 0);
    if (rc == 0)
        rc = s_read_list (&call.answer, ret_numbers, count);
    brd_session_end (&call);
    return rc;
}

int
brd_remote_sync_barrier (brd_remote_t *self, brd_remote_barrier_t *ret_state)
{
    int64_t numbers[3] = { 0 };
    if (s_ask_list (self, BRD_REQUEST_BARRIER_STATE, numbers, 3) < 0)
        return -1;
    *ret_state = (brd_remote_barrier_t){ .parties = (int) numbers[0],
                                         .waiting = (int) numbers[1],
                                         .broken = (int) numbers[2] };
    return 0;
}

// --- Queue -----------------------------------------------------------------

static int
s_finish (brd_remote_t *self, brd_session_call_t *call, int rc, int timeout_ms)
{
    if (rc == 0)
        rc = brd_remote_do (self, call, timeout_ms);
    brd_session_end (call);
    return rc;
}

int
brd_remote_sync_put (brd_remote_t *self,
                     int timeout_ms,
                     const void *bytes,
                     size_t size)
{
    brd_session_call_t call;
    int rc = brd_remote_begin (self, &call, BRD_REQUEST_QUEUE_PUT);
    if (rc == 0)
        rc = brd_buf_add (&call.out, bytes, size);
    return s_finish (self, &call, rc, timeout_ms);
}

int
brd_remote_sync_put_picture (brd_remote_t *self,
                             int timeout_ms,
                             const char *picture,
                             va_list *args)
{
    brd_session_call_t call;
    int rc = brd_remote_begin (self, &call, BRD_REQUEST_QUEUE_PUT);
    if (rc == 0)
        rc = brd_remote_put_picture (&call, picture, args);
    return s_finish (self, &call, rc, timeout_ms);
}

// The item is here, and gone there; or it goes back.
static void
s_settle (const brd_remote_t *self, brd_session_call_t *call, int arrived)
{
    if (arrived)
        brd_session_keep (self->session, call);
    else
        brd_session_refuse (self->session, call);
}

int
brd_remote_sync_get (brd_remote_t *self,
                     int timeout_ms,
                     const char *picture,
                     va_list *args)
{
    brd_session_call_t call;
    int rc = brd_remote_begin (self, &call, BRD_REQUEST_QUEUE_GET);
    if (rc == 0)
        rc = brd_remote_put_text (&call, picture);
    if (rc == 0)
        rc = brd_remote_do (self, &call, timeout_ms);
    if (rc == 0) {
        rc = brd_remote_unpack (self, &call, picture, args);
        s_settle (self, &call, rc == 0);
    }
    brd_session_end (&call);
    return rc;
}

brood_msg_t *
brd_remote_sync_get_msg (brd_remote_t *self, int timeout_ms)
{
    brd_session_call_t call;
    brood_msg_t *msg = NULL;
    int rc = brd_remote_begin (self, &call, BRD_REQUEST_QUEUE_GET);
    if (rc == 0)
        rc = brd_remote_put_text (&call, NULL);
    if (rc == 0)
        rc = brd_remote_do (self, &call, timeout_ms);
    if (rc == 0) {
        msg = brd_remote_msg (self, &call);
        s_settle (self, &call, msg != NULL);
    }
    brd_session_end (&call);
    return msg;
}

int
brd_remote_sync_close (brd_remote_t *self)
{
    return brd_remote_tell (self, BRD_REQUEST_QUEUE_CLOSE, 0);
}

long
brd_remote_sync_size (brd_remote_t *self, int *ret_full)
{
    int64_t numbers[2] = { 0 };
    if (s_ask_list (self, BRD_REQUEST_QUEUE_SIZE, numbers, 2) < 0)
        return -1;
    if (ret_full)
        *ret_full = (int) numbers[1];
    return (long) numbers[0];
}

int
brd_remote_sync_done (brd_remote_t *self)
{
    return brd_remote_tell (self, BRD_REQUEST_QUEUE_DONE, 0);
}

int
brd_remote_sync_failed (brd_remote_t *self)
{
    return brd_remote_tell (self, BRD_REQUEST_QUEUE_FAILED, 0);
}

int
brd_remote_sync_join (brd_remote_t *self, int timeout_ms)
{
    return brd_remote_tell (self, BRD_REQUEST_QUEUE_JOIN, timeout_ms);
}
