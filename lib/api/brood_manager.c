// brood_manager.c - a home for objects that processes share
//
// SPDX-License-Identifier: MPL-2.0
//
//     new, serve --> broker/manager: a process --+
//     connect -----> somebody else's ------------+-- session -- calls
//     from --------> another process's ----------+
//
// Read next: brood_dict.c; broker/manager/manager.h; lib/client/brd_session.h.

#include "brood/brood_manager.h"

#include <errno.h>
#include <string.h>

#include "api/brd_manager_handle.h"
#include "api/brd_runtime.h"
#include "base/brd_check.h"
#include "base/brd_mem.h"
#include "base/brd_sys.h"
#include "client/brd_msg.h"
#include "client/brd_remote.h"

static brood_manager_t *
s_new (void)
{
    brood_manager_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    brd_handle_init (&self->handle, BRD_KIND_MANAGER);
    self->process.fd = -1;
    return self;
}

// 0: objects are numbered from 1, and the manager itself is none of them.
static void
s_set_session (brood_manager_t *self, brd_session_t *session)
{
    self->session = session;
    if (session)
        self->handle.ref.brood = brd_session_manager (session);
}

static int
s_start (brood_manager_t *self, const char *address, const brd_authkey_t *key)
{
    brd_manager_options_t options = { .address = address,
                                      .key = key->bytes,
                                      .key_size = key->size,
                                      .shared = brd_runtime_shared () };
    if (brd_sys_random (&options.id, sizeof options.id) < 0)
        return brd_error_system ("random bytes");
    options.id |= 1;  // 0 leads nowhere
    s_set_session (self, brd_session_of (options.id));
    if (!self->session || brd_manager_start (&self->process, &options) < 0)
        return -1;
    self->is_maker = 1;
    return brd_session_need (self->session);
}

static brood_manager_t *
s_make (const char *address)
{
    if (brd_runtime_need () < 0)
        return NULL;
    brood_manager_t *self = s_new ();
    if (!self)
        return NULL;
    brd_authkey_t key;
    brd_runtime_authkey (&key);
    const int rc = s_start (self, address, &key);
    explicit_bzero (&key, sizeof key);
    if (rc < 0)
        brood_manager_destroy (&self);
    return self;
}

brood_manager_t *
brood_manager_new (void)
{
    return s_make (NULL);
}

brood_manager_t *
brood_manager_serve (const char *address)
{
    BRD_REQUIRE (address, NULL);
    return s_make (address);
}

brood_manager_t *
brood_manager_connect (const char *address, int timeout_ms)
{
    BRD_REQUIRE (address, NULL);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, NULL);
    if (brd_runtime_need () < 0)
        return NULL;
    brood_manager_t *self = s_new ();
    if (!self)
        return NULL;
    brd_authkey_t key;
    brd_runtime_authkey (&key);
    s_set_session (
        self, brd_session_connect (address, key.bytes, key.size, timeout_ms));
    explicit_bzero (&key, sizeof key);
    if (!self->session)
        brood_manager_destroy (&self);
    return self;
}

brood_manager_t *
brood_manager_from (void *ref)
{
    brd_ref_t found;
    if (brd_runtime_need () < 0
        || brd_ref_resolve (ref, BRD_KIND_MANAGER, &found) < 0)
        return NULL;
    brood_manager_t *self = s_new ();
    if (!self)
        return NULL;
    s_set_session (self, brd_session_of (found.brood));
    if (!self->session || brd_session_need (self->session) < 0)
        brood_manager_destroy (&self);
    return self;
}

static int
s_shutdown (brood_manager_t *self)
{
    brd_session_call_t call;
    int rc = brd_session_begin (&call, BRD_REQUEST_SHUTDOWN, 0);
    if (rc == 0)
        rc = brd_session_do (self->session, &call, 0);
    brd_session_end (&call);
    return rc;
}

void
brood_manager_destroy (brood_manager_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    const int saved_errno = errno;
    brood_manager_t *self = *self_p;
    *self_p = NULL;
    if (self->is_maker && brd_handle_is_mine (&self->handle)) {
        // So that objects of the user's own classes are destroyed as well.
        (void) s_shutdown (self);
        brd_manager_end (&self->process);
        if (self->session)
            brd_session_close (brd_session_manager (self->session));
    }
    brd_handle_fini (&self->handle);
    brd_mem_free (self);
    errno = saved_errno;
}

int
brood_manager_shutdown (brood_manager_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_MANAGER, -1);
    return s_shutdown (self);
}

const char *
brood_manager_address (const brood_manager_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_MANAGER, NULL);
    return self->process.address;
}

long
brood_manager_number_of_objects (brood_manager_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_MANAGER, -1);
    brd_session_call_t call;
    int64_t count = -1;
    int rc = brd_session_begin (&call, BRD_REQUEST_OBJECTS, 0);
    if (rc == 0)
        rc = brd_session_do (self->session, &call, 0);
    if (rc == 0)
        rc = brd_remote_int (&call, &count);
    brd_session_end (&call);
    return rc < 0 ? -1 : (long) count;
}

// --- Classes of one's own --------------------------------------------------

static int
s_put_name (brd_buf_t *out, const char *name)
{
    const size_t size = name ? strlen (name) : 0;
    if (size == 0 || size >= BROOD_NAME_SIZE)
        return brd_error_set (EINVAL,
                              "names of classes and methods have 1 to %d bytes",
                              BROOD_NAME_SIZE - 1);
    return brd_value_put_text (out, name, size);
}

// As the other end, a copy of this process, understands it.
static int
s_put_code (brd_buf_t *out, uintptr_t address)
{
    return brd_value_put_int (out, (int64_t) address);
}

static int
s_put_class (brd_buf_t *out, const brood_class_t *type)
{
    size_t count = 0;
    while (type->methods && type->methods[count].name)
        count++;
    if (s_put_name (out, type->name) < 0
        || s_put_code (out, (uintptr_t) type->new_fn) < 0
        || s_put_code (out, (uintptr_t) type->destroy_fn) < 0
        || brd_value_put_list (out, count) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const brood_method_t *method = &type->methods[i];
        BRD_REQUIRE (method->fn, -1);
        if (brd_value_put_list (out, 2) < 0
            || s_put_name (out, method->name) < 0
            || s_put_code (out, (uintptr_t) method->fn) < 0)
            return -1;
    }
    return 0;
}

int
brood_manager_register (brood_manager_t *self, const brood_class_t *type)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_MANAGER, -1);
    BRD_REQUIRE (type && type->new_fn, -1);
    BRD_REQUIRE_ZERO (type->reserved_, -1);
    brd_session_call_t call;
    int rc = brd_session_begin (&call, BRD_REQUEST_REGISTER, 0);
    if (rc == 0)
        rc = s_put_class (&call.out, type);
    if (rc == 0)
        rc = brd_session_do (self->session, &call, 0);
    brd_session_end (&call);
    return rc;
}
