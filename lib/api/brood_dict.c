// brood_dict.c - a dictionary that processes share
//
// SPDX-License-Identifier: MPL-2.0
//
//     picture --pack--> call --> manager: broker/core/home_dict.c
//     outputs <--unpack-- answer <--+
//
// One call each. What a picture must look like goes along, so that the manager
// leaves what does not.
//
// Read next: brd_managed.c.

#include "brood/brood_dict.h"

#include <string.h>

#include "api/brd_managed.h"
#include "base/brd_check.h"
#include "client/brd_msg.h"

struct brood_dict {
    union {
        brd_handle_t handle;
        brd_remote_t remote;
    };
};

brood_dict_t *
brood_dict_new (brood_manager_t *manager)
{
    return brd_managed_open (
        manager, BRD_KIND_DICT, NULL, NULL, sizeof (brood_dict_t));
}

brood_dict_t *
brood_dict_open (brood_manager_t *manager, const char *name)
{
    BRD_REQUIRE (name, NULL);
    return brd_managed_open (
        manager, BRD_KIND_DICT, name, NULL, sizeof (brood_dict_t));
}

brood_dict_t *
brood_dict_from (void *ref)
{
    return brd_managed_from (ref, BRD_KIND_DICT, sizeof (brood_dict_t));
}

void
brood_dict_destroy (brood_dict_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    brd_managed_destroy (&(*self_p)->remote);
    *self_p = NULL;
}

// --- Keys ------------------------------------------------------------------

static int
s_put_key (brd_buf_t *out, brood_key_t key)
{
    switch (key.type) {
    case BROOD_NIL:
        return brd_value_put_nil (out);
    case BROOD_BOOL:
        return brd_value_put_bool (out, key.integer != 0);
    case BROOD_INTEGER:
        return brd_value_put_int (out, key.integer);
    case BROOD_FLOAT:
        return brd_value_put_float (out, key.number);
    case BROOD_TEXT:
        BRD_REQUIRE (key.text, -1);
        return brd_value_put_text (out, key.text, strlen (key.text));
    default:
        return brd_error_set (EINVAL, "a key of type %d", key.type);
    }
}

// A call with the key in it.
static int
s_begin (brood_dict_t *self,
         brd_session_call_t *call,
         brd_request_op_t op,
         brood_key_t key)
{
    const int rc = brd_remote_begin (&self->remote, call, op);
    return rc == 0 ? s_put_key (&call->out, key) : rc;
}

// --- One key ---------------------------------------------------------------

// SET or SETDEFAULT.
static int
s_set (brood_dict_t *self,
       brd_request_op_t op,
       brood_key_t key,
       int64_t *ret_answer,
       const char *picture,
       va_list *args)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_DICT, -1);
    BRD_REQUIRE (picture, -1);
    brd_session_call_t call;
    int rc = s_begin (self, &call, op, key);
    if (rc == 0)
        rc = brd_remote_put_picture (&call, picture, args);
    return brd_managed_finish_int (&self->remote, &call, rc, ret_answer);
}

int
brood_dict_set (brood_dict_t *self, const char *key, const char *picture, ...)
{
    va_list args;
    va_start (args, picture);
    const int rc = s_set (
        self, BRD_REQUEST_DICT_SET, brood_key_text (key), NULL, picture, &args);
    va_end (args);
    return rc;
}

int
brood_dict_set_at (brood_dict_t *self,
                   brood_key_t key,
                   const char *picture,
                   ...)
{
    va_list args;
    va_start (args, picture);
    const int rc =
        s_set (self, BRD_REQUEST_DICT_SET, key, NULL, picture, &args);
    va_end (args);
    return rc;
}

int
brood_dict_setdefault (brood_dict_t *self,
                       const char *key,
                       const char *picture,
                       ...)
{
    int64_t is_new = 0;
    va_list args;
    va_start (args, picture);
    const int rc = s_set (self,
                          BRD_REQUEST_DICT_SETDEFAULT,
                          brood_key_text (key),
                          &is_new,
                          picture,
                          &args);
    va_end (args);
    return rc < 0 ? -1 : (int) is_new;
}

static int
s_get (brood_dict_t *self, brood_key_t key, const char *picture, va_list *args)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_DICT, -1);
    BRD_REQUIRE (picture, -1);
    brd_session_call_t call;
    const int rc = s_begin (self, &call, BRD_REQUEST_DICT_GET, key);
    return brd_managed_finish_unpack (&self->remote, &call, rc, picture, args);
}

int
brood_dict_get (brood_dict_t *self, const char *key, const char *picture, ...)
{
    va_list args;
    va_start (args, picture);
    const int rc = s_get (self, brood_key_text (key), picture, &args);
    va_end (args);
    return rc;
}

int
brood_dict_get_at (brood_dict_t *self,
                   brood_key_t key,
                   const char *picture,
                   ...)
{
    va_list args;
    va_start (args, picture);
    const int rc = s_get (self, key, picture, &args);
    va_end (args);
    return rc;
}

brood_msg_t *
brood_dict_get_msg (brood_dict_t *self, const char *key)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_DICT, NULL);
    brd_session_call_t call;
    const int rc =
        s_begin (self, &call, BRD_REQUEST_DICT_GET, brood_key_text (key));
    return brd_managed_finish_msg (&self->remote, &call, rc);
}

int
brood_dict_pop (brood_dict_t *self, const char *key, const char *picture, ...)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_DICT, -1);
    BRD_REQUIRE (picture, -1);
    brd_session_call_t call;
    va_list args;
    int rc = s_begin (self, &call, BRD_REQUEST_DICT_POP, brood_key_text (key));
    if (rc == 0)
        rc = brd_remote_put_text (&call, picture);
    va_start (args, picture);
    rc = brd_managed_finish_unpack (&self->remote, &call, rc, picture, &args);
    va_end (args);
    return rc;
}

int
brood_dict_popitem (brood_dict_t *self, const char *picture, ...)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_DICT, -1);
    BRD_REQUIRE (picture, -1);
    brd_session_call_t call;
    va_list args;
    int rc = brd_remote_begin (&self->remote, &call, BRD_REQUEST_DICT_POPITEM);
    if (rc == 0)
        rc = brd_remote_put_text (&call, picture);
    va_start (args, picture);
    rc = brd_managed_finish_unpack (&self->remote, &call, rc, picture, &args);
    va_end (args);
    return rc;
}

int
brood_dict_del_at (brood_dict_t *self, brood_key_t key)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_DICT, -1);
    brd_session_call_t call;
    const int rc = s_begin (self, &call, BRD_REQUEST_DICT_DEL, key);
    return brd_managed_finish (&self->remote, &call, rc);
}

int
brood_dict_del (brood_dict_t *self, const char *key)
{
    return brood_dict_del_at (self, brood_key_text (key));
}

int
brood_dict_contains_at (brood_dict_t *self, brood_key_t key)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_DICT, -1);
    brd_session_call_t call;
    int64_t answer = 0;
    const int rc = s_begin (self, &call, BRD_REQUEST_DICT_CONTAINS, key);
    return brd_managed_finish_int (&self->remote, &call, rc, &answer) < 0
               ? -1
               : (int) answer;
}

int
brood_dict_contains (brood_dict_t *self, const char *key)
{
    return brood_dict_contains_at (self, brood_key_text (key));
}

// --- Atomic ----------------------------------------------------------------

int
brood_dict_add (brood_dict_t *self,
                const char *key,
                int64_t by,
                int64_t *ret_sum)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_DICT, -1);
    brd_session_call_t call;
    int64_t sum = 0;
    int rc = s_begin (self, &call, BRD_REQUEST_DICT_ADD, brood_key_text (key));
    if (rc == 0)
        rc = brd_value_put_int (&call.out, by);
    rc = brd_managed_finish_int (&self->remote, &call, rc, &sum);
    if (rc == 0 && ret_sum)
        *ret_sum = sum;
    return rc;
}

static int
s_put_expected (brd_buf_t *out, const brood_msg_t *expected)
{
    if (!expected)
        return brd_value_put_list (out, 0);
    BRD_REQUIRE_HANDLE (expected, BRD_KIND_MSG, -1);
    size_t size;
    const void *bytes = brd_msg_data (expected, &size);
    if (!bytes || brd_value_put_list (out, 1) < 0)
        return -1;
    return brd_value_put_raw (out, bytes, size);
}

int
brood_dict_swap_if (brood_dict_t *self,
                    const char *key,
                    const brood_msg_t *expected,
                    const char *picture,
                    ...)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_DICT, -1);
    BRD_REQUIRE (picture, -1);
    brd_session_call_t call;
    int64_t swapped = 0;
    va_list args;
    int rc = s_begin (self, &call, BRD_REQUEST_DICT_SWAP, brood_key_text (key));
    if (rc == 0)
        rc = s_put_expected (&call.out, expected);
    va_start (args, picture);
    if (rc == 0)
        rc = brd_remote_put_picture (&call, picture, &args);
    va_end (args);
    return brd_managed_finish_int (&self->remote, &call, rc, &swapped) < 0
               ? -1
               : (int) swapped;
}

// --- All of it -------------------------------------------------------------

int
brood_dict_update (brood_dict_t *self, const char *picture, ...)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_DICT, -1);
    BRD_REQUIRE (picture, -1);
    brd_session_call_t call;
    va_list args;
    int rc = brd_remote_begin (&self->remote, &call, BRD_REQUEST_DICT_UPDATE);
    va_start (args, picture);
    if (rc == 0)
        rc = brd_remote_put_picture (&call, picture, &args);
    va_end (args);
    return brd_managed_finish (&self->remote, &call, rc);
}

long
brood_dict_len (brood_dict_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_DICT, -1);
    int64_t count = 0;
    return brd_remote_ask (&self->remote, BRD_REQUEST_DICT_LEN, 0, &count) < 0
               ? -1
               : (long) count;
}

int
brood_dict_clear (brood_dict_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_DICT, -1);
    return brd_remote_tell (&self->remote, BRD_REQUEST_DICT_CLEAR, 0);
}

static brood_msg_t *
s_all (brood_dict_t *self, brd_request_op_t op)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_DICT, NULL);
    brd_session_call_t call;
    const int rc = brd_remote_begin (&self->remote, &call, op);
    return brd_managed_finish_msg (&self->remote, &call, rc);
}

brood_msg_t *
brood_dict_copy (brood_dict_t *self)
{
    return s_all (self, BRD_REQUEST_DICT_COPY);
}

brood_msg_t *
brood_dict_keys (brood_dict_t *self)
{
    return s_all (self, BRD_REQUEST_DICT_KEYS);
}

brood_msg_t *
brood_dict_values (brood_dict_t *self)
{
    return s_all (self, BRD_REQUEST_DICT_VALUES);
}
