// brood_proxy.c - an object of one's own class in a manager
//
// SPDX-License-Identifier: MPL-2.0
//
// The object lives in the manager's process (broker/manager/manager_methods.c);
// this is its handle. Read next: brd_managed.c.

#include "brood/brood_proxy.h"

#include <string.h>

#include "api/brd_managed.h"
#include "base/brd_check.h"
#include "wire/brd_limits.h"
#include "wire/brd_picture.h"

struct brood_proxy {
    union {
        brd_handle_t handle;
        brd_remote_t remote;
    };
};

// Its options are [class, arguments].
static brood_proxy_t *
s_open (brood_manager_t *manager,
        const char *name,
        const char *type,
        const char *picture,
        va_list *args)
{
    BRD_REQUIRE (type && picture, NULL);
    brood_proxy_t *self = NULL;
    brd_buf_t options;
    brd_buf_init (&options, BRD_WIRE_SIZE_MAX);
    if (brd_value_put_list (&options, 2) == 0
        && brd_value_put_text (&options, type, strlen (type)) == 0
        && brd_picture_pack (&options, picture, args) == 0)
        self = brd_managed_open (
            manager, BRD_KIND_PROXY, name, &options, sizeof *self);
    brd_buf_fini (&options);
    return self;
}

brood_proxy_t *
brood_proxy_new (brood_manager_t *manager,
                 const char *type,
                 const char *picture,
                 ...)
{
    va_list args;
    va_start (args, picture);
    brood_proxy_t *self = s_open (manager, NULL, type, picture, &args);
    va_end (args);
    return self;
}

brood_proxy_t *
brood_proxy_open (brood_manager_t *manager,
                  const char *name,
                  const char *type,
                  const char *picture,
                  ...)
{
    BRD_REQUIRE (name, NULL);
    va_list args;
    va_start (args, picture);
    brood_proxy_t *self = s_open (manager, name, type, picture, &args);
    va_end (args);
    return self;
}

brood_proxy_t *
brood_proxy_from (void *ref)
{
    return brd_managed_from (ref, BRD_KIND_PROXY, sizeof (brood_proxy_t));
}

void
brood_proxy_destroy (brood_proxy_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    brd_managed_destroy (&(*self_p)->remote);
    *self_p = NULL;
}

brood_msg_t *
brood_proxy_call (brood_proxy_t *self,
                  const char *method,
                  const char *picture,
                  ...)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_PROXY, NULL);
    BRD_REQUIRE (method && picture, NULL);
    brd_session_call_t call;
    va_list args;
    int rc = brd_remote_begin (&self->remote, &call, BRD_REQUEST_PROXY_CALL);
    if (rc == 0)
        rc = brd_remote_put_text (&call, method);
    va_start (args, picture);
    if (rc == 0)
        rc = brd_remote_put_picture (&call, picture, &args);
    va_end (args);
    // As long as the method takes.
    if (rc == 0)
        rc = brd_remote_do (&self->remote, &call, BROOD_FOREVER);
    brood_msg_t *answer =
        rc == 0 ? brd_remote_msg (&self->remote, &call) : NULL;
    brd_session_end (&call);
    return answer;
}
