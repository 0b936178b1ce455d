// brood_list.c - a list that processes share
//
// SPDX-License-Identifier: MPL-2.0
//
// One call each, to broker/core/home_list.c. Read next: brd_managed.c.

#include "brood/brood_list.h"

#include <limits.h>

#include "api/brd_managed.h"
#include "base/brd_check.h"

struct brood_list {
    union {
        brd_handle_t handle;
        brd_remote_t remote;
    };
};

brood_list_t *
brood_list_new (brood_manager_t *manager)
{
    return brd_managed_open (
        manager, BRD_KIND_LIST, NULL, NULL, sizeof (brood_list_t));
}

brood_list_t *
brood_list_open (brood_manager_t *manager, const char *name)
{
    BRD_REQUIRE (name, NULL);
    return brd_managed_open (
        manager, BRD_KIND_LIST, name, NULL, sizeof (brood_list_t));
}

brood_list_t *
brood_list_from (void *ref)
{
    return brd_managed_from (ref, BRD_KIND_LIST, sizeof (brood_list_t));
}

void
brood_list_destroy (brood_list_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    brd_managed_destroy (&(*self_p)->remote);
    *self_p = NULL;
}

// --- By place --------------------------------------------------------------

static int
s_begin_at (brood_list_t *self,
            brd_session_call_t *call,
            brd_request_op_t op,
            long index)
{
    const int rc = brd_remote_begin (&self->remote, call, op);
    return rc == 0 ? brd_value_put_int (&call->out, index) : rc;
}

// SET or INSERT.
static int
s_put_at (brood_list_t *self,
          brd_request_op_t op,
          long index,
          const char *picture,
          va_list *args)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_LIST, -1);
    BRD_REQUIRE (picture, -1);
    brd_session_call_t call;
    int rc = s_begin_at (self, &call, op, index);
    if (rc == 0)
        rc = brd_remote_put_picture (&call, picture, args);
    return brd_managed_finish (&self->remote, &call, rc);
}

int
brood_list_set (brood_list_t *self, long index, const char *picture, ...)
{
    va_list args;
    va_start (args, picture);
    const int rc = s_put_at (self, BRD_REQUEST_LIST_SET, index, picture, &args);
    va_end (args);
    return rc;
}

int
brood_list_insert (brood_list_t *self, long index, const char *picture, ...)
{
    va_list args;
    va_start (args, picture);
    const int rc =
        s_put_at (self, BRD_REQUEST_LIST_INSERT, index, picture, &args);
    va_end (args);
    return rc;
}

int
brood_list_get (brood_list_t *self, long index, const char *picture, ...)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_LIST, -1);
    BRD_REQUIRE (picture, -1);
    brd_session_call_t call;
    va_list args;
    int rc = s_begin_at (self, &call, BRD_REQUEST_LIST_GET, index);
    va_start (args, picture);
    rc = brd_managed_finish_unpack (&self->remote, &call, rc, picture, &args);
    va_end (args);
    return rc;
}

brood_msg_t *
brood_list_get_msg (brood_list_t *self, long index)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_LIST, NULL);
    brd_session_call_t call;
    const int rc = s_begin_at (self, &call, BRD_REQUEST_LIST_GET, index);
    return brd_managed_finish_msg (&self->remote, &call, rc);
}

int
brood_list_pop (brood_list_t *self, long index, const char *picture, ...)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_LIST, -1);
    BRD_REQUIRE (picture, -1);
    brd_session_call_t call;
    va_list args;
    int rc = s_begin_at (self, &call, BRD_REQUEST_LIST_POP, index);
    if (rc == 0)
        rc = brd_remote_put_text (&call, picture);
    va_start (args, picture);
    rc = brd_managed_finish_unpack (&self->remote, &call, rc, picture, &args);
    va_end (args);
    return rc;
}

int
brood_list_del (brood_list_t *self, long index)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_LIST, -1);
    brd_session_call_t call;
    const int rc = s_begin_at (self, &call, BRD_REQUEST_LIST_DEL, index);
    return brd_managed_finish (&self->remote, &call, rc);
}

// --- By value --------------------------------------------------------------

// A call with one value, answered by a number or nothing.
static int
s_with_value (brood_list_t *self,
              brd_request_op_t op,
              int64_t *ret_answer,
              const char *picture,
              va_list *args)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_LIST, -1);
    BRD_REQUIRE (picture, -1);
    brd_session_call_t call;
    int rc = brd_remote_begin (&self->remote, &call, op);
    if (rc == 0)
        rc = brd_remote_put_picture (&call, picture, args);
    return brd_managed_finish_int (&self->remote, &call, rc, ret_answer);
}

int
brood_list_append (brood_list_t *self, const char *picture, ...)
{
    va_list args;
    va_start (args, picture);
    const int rc =
        s_with_value (self, BRD_REQUEST_LIST_APPEND, NULL, picture, &args);
    va_end (args);
    return rc;
}

int
brood_list_extend (brood_list_t *self, const char *picture, ...)
{
    va_list args;
    va_start (args, picture);
    const int rc =
        s_with_value (self, BRD_REQUEST_LIST_EXTEND, NULL, picture, &args);
    va_end (args);
    return rc;
}

int
brood_list_remove (brood_list_t *self, const char *picture, ...)
{
    va_list args;
    va_start (args, picture);
    const int rc =
        s_with_value (self, BRD_REQUEST_LIST_REMOVE, NULL, picture, &args);
    va_end (args);
    return rc;
}

long
brood_list_index (brood_list_t *self, const char *picture, ...)
{
    int64_t index = 0;
    va_list args;
    va_start (args, picture);
    const int rc =
        s_with_value (self, BRD_REQUEST_LIST_INDEX, &index, picture, &args);
    va_end (args);
    return rc < 0 ? -1 : (long) index;
}

long
brood_list_count (brood_list_t *self, const char *picture, ...)
{
    int64_t count = 0;
    va_list args;
    va_start (args, picture);
    const int rc =
        s_with_value (self, BRD_REQUEST_LIST_COUNT, &count, picture, &args);
    va_end (args);
    return rc < 0 ? -1 : (long) count;
}

// --- All of it -------------------------------------------------------------

static int
s_tell (brood_list_t *self, brd_request_op_t op)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_LIST, -1);
    return brd_remote_tell (&self->remote, op, 0);
}

int
brood_list_sort (brood_list_t *self)
{
    return s_tell (self, BRD_REQUEST_LIST_SORT);
}

int
brood_list_reverse (brood_list_t *self)
{
    return s_tell (self, BRD_REQUEST_LIST_REVERSE);
}

int
brood_list_clear (brood_list_t *self)
{
    return s_tell (self, BRD_REQUEST_LIST_CLEAR);
}

long
brood_list_len (brood_list_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_LIST, -1);
    int64_t count = 0;
    return brd_remote_ask (&self->remote, BRD_REQUEST_LIST_LEN, 0, &count) < 0
               ? -1
               : (long) count;
}

brood_msg_t *
brood_list_slice (brood_list_t *self, long first, long last)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_LIST, NULL);
    brd_session_call_t call;
    int rc = s_begin_at (self, &call, BRD_REQUEST_LIST_SLICE, first);
    if (rc == 0)
        rc = brd_value_put_int (&call.out, last);
    return brd_managed_finish_msg (&self->remote, &call, rc);
}

brood_msg_t *
brood_list_copy (brood_list_t *self)
{
    return brood_list_slice (self, 0, LONG_MAX);
}
