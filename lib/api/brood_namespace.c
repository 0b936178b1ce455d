// brood_namespace.c - named attributes that processes share
//
// SPDX-License-Identifier: MPL-2.0
//
// A dict by another name: broker/core/home_dict.c. Read next: brood_dict.c.

#include "brood/brood_namespace.h"

#include "api/brd_managed.h"
#include "base/brd_check.h"

struct brood_namespace {
    union {
        brd_handle_t handle;
        brd_remote_t remote;
    };
};

brood_namespace_t *
brood_namespace_new (brood_manager_t *manager)
{
    return brd_managed_open (
        manager, BRD_KIND_NAMESPACE, NULL, NULL, sizeof (brood_namespace_t));
}

brood_namespace_t *
brood_namespace_open (brood_manager_t *manager, const char *name)
{
    BRD_REQUIRE (name, NULL);
    return brd_managed_open (
        manager, BRD_KIND_NAMESPACE, name, NULL, sizeof (brood_namespace_t));
}

brood_namespace_t *
brood_namespace_from (void *ref)
{
    return brd_managed_from (
        ref, BRD_KIND_NAMESPACE, sizeof (brood_namespace_t));
}

void
brood_namespace_destroy (brood_namespace_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    brd_managed_destroy (&(*self_p)->remote);
    *self_p = NULL;
}

static int
s_begin (brood_namespace_t *self,
         brd_session_call_t *call,
         brd_request_op_t op,
         const char *attribute)
{
    const int rc = brd_remote_begin (&self->remote, call, op);
    return rc == 0 ? brd_remote_put_text (call, attribute) : rc;
}

int
brood_namespace_set (brood_namespace_t *self,
                     const char *attribute,
                     const char *picture,
                     ...)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_NAMESPACE, -1);
    BRD_REQUIRE (attribute && picture, -1);
    brd_session_call_t call;
    va_list args;
    int rc = s_begin (self, &call, BRD_REQUEST_DICT_SET, attribute);
    va_start (args, picture);
    if (rc == 0)
        rc = brd_remote_put_picture (&call, picture, &args);
    va_end (args);
    return brd_managed_finish (&self->remote, &call, rc);
}

int
brood_namespace_get (brood_namespace_t *self,
                     const char *attribute,
                     const char *picture,
                     ...)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_NAMESPACE, -1);
    BRD_REQUIRE (attribute && picture, -1);
    brd_session_call_t call;
    va_list args;
    int rc = s_begin (self, &call, BRD_REQUEST_DICT_GET, attribute);
    va_start (args, picture);
    rc = brd_managed_finish_unpack (&self->remote, &call, rc, picture, &args);
    va_end (args);
    return rc;
}

int
brood_namespace_del (brood_namespace_t *self, const char *attribute)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_NAMESPACE, -1);
    BRD_REQUIRE (attribute, -1);
    brd_session_call_t call;
    const int rc = s_begin (self, &call, BRD_REQUEST_DICT_DEL, attribute);
    return brd_managed_finish (&self->remote, &call, rc);
}

brood_msg_t *
brood_namespace_copy (brood_namespace_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_NAMESPACE, NULL);
    brd_session_call_t call;
    const int rc =
        brd_remote_begin (&self->remote, &call, BRD_REQUEST_DICT_COPY);
    return brd_managed_finish_msg (&self->remote, &call, rc);
}
