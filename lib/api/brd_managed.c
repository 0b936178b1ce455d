// brd_managed.c - objects at a manager, for the classes that have such
//
// SPDX-License-Identifier: MPL-2.0
//
// What dict, list, namespace and proxy would each say again.
//
// Read next: brood_dict.c; lib/client/brd_remote.c.

#include "api/brd_managed.h"

#include <errno.h>
#include <string.h>

#include "api/brd_manager_handle.h"
#include "api/brd_runtime.h"
#include "base/brd_check.h"
#include "base/brd_mem.h"

void *
brd_managed_open (brood_manager_t *manager,
                  brd_kind_t kind,
                  const char *name,
                  const brd_buf_t *options,
                  size_t size)
{
    BRD_REQUIRE_HANDLE (manager, BRD_KIND_MANAGER, NULL);
    brd_remote_t *remote = brd_mem_zalloc (size);
    if (!remote)
        return NULL;
    if (brd_remote_open (remote, manager->session, kind, name, options) == 0)
        return remote;
    brd_mem_free (remote);
    return NULL;
}

void *
brd_managed_from (void *ref, brd_kind_t kind, size_t size)
{
    if (brd_runtime_need () < 0)
        return NULL;
    brd_remote_t *remote = brd_mem_zalloc (size);
    if (!remote)
        return NULL;
    if (brd_remote_from (remote, ref, kind) == 0)
        return remote;
    brd_mem_free (remote);
    return NULL;
}

void
brd_managed_destroy (brd_remote_t *remote)
{
    if (!remote)
        return;
    const int saved_errno = errno;
    brd_remote_fini (remote);
    brd_mem_free (remote);
    errno = saved_errno;
}

// --- Calls -----------------------------------------------------------------

int
brd_managed_finish (brd_remote_t *remote, brd_session_call_t *call, int rc)
{
    return brd_managed_finish_int (remote, call, rc, NULL);
}

int
brd_managed_finish_int (brd_remote_t *remote,
                        brd_session_call_t *call,
                        int rc,
                        int64_t *ret_answer)
{
    if (rc == 0)
        rc = brd_remote_do (remote, call, 0);
    if (rc == 0 && ret_answer)
        rc = brd_remote_int (call, ret_answer);
    brd_session_end (call);
    return rc;
}

int
brd_managed_finish_unpack (brd_remote_t *remote,
                           brd_session_call_t *call,
                           int rc,
                           const char *picture,
                           va_list *args)
{
    if (rc == 0)
        rc = brd_remote_reserve_for (call, picture);
    if (rc == 0)
        rc = brd_remote_do (remote, call, 0);
    if (rc == 0)
        rc = brd_remote_unpack (remote, call, picture, args);
    brd_session_end (call);
    return rc;
}

brood_msg_t *
brd_managed_finish_msg (brd_remote_t *remote, brd_session_call_t *call, int rc)
{
    brood_msg_t *msg = NULL;
    if (rc == 0)
        rc = brd_remote_reserve (call);
    if (rc == 0)
        rc = brd_remote_do (remote, call, 0);
    if (rc == 0)
        msg = brd_remote_msg (remote, call);
    brd_session_end (call);
    return msg;
}
