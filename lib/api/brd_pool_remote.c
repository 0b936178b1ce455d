// brd_pool_remote.c - what cannot go to workers on other hosts
//
// SPDX-License-Identifier: MPL-2.0
//
// Functions go as numbers (client/brd_code.h), maps as chunks
// (brd_job_chunk.c), messages as they are: but what is in this host's memory
// stays there, and what only leads to it is refused. What is at a manager of
// ours is reached from there, too (broker/host/host_duct.c).

#include <errno.h>

#include "api/brd_pool.h"
#include "base/brd_error.h"
#include "client/brd_session.h"
#include "wire/brd_value.h"

int
brd_pool_is_remote (const brood_pool_t *self)
{
    return self->pool && brd_host_pool_is_remote (self->pool);
}

// At another program's, they are strangers.
static int
s_refuse_foreign (const brd_ref_t *ref)
{
    return brd_error_set (ENOTSUP,
                          "the message has a ref of a %s at a manager of "
                          "another program, and the pool's workers are on "
                          "other hosts, where it leads nowhere: send its "
                          "address, and connect there",
                          brd_kind_text ((brd_kind_t) ref->kind));
}

// Memory by name has a number and no place, too.
static int
s_is_managed (const brd_ref_t *ref)
{
    return ref->offset == 0 && ref->kind != BRD_KIND_SHM
           && ref->kind != BRD_KIND_SHMLIST
           && (ref->object != 0 || ref->kind == BRD_KIND_MANAGER);
}

static int
s_check_ref (const brd_ref_t *ref)
{
    if (!s_is_managed (ref))
        return brd_error_set (ENOTSUP,
                              "the message has a ref of a %s, and the pool's "
                              "workers are on other hosts, where it leads "
                              "nowhere: send what is in it, or use one at a "
                              "manager",
                              brd_kind_text ((brd_kind_t) ref->kind));
    return brd_session_is_foreign (ref->brood) ? s_refuse_foreign (ref) : 0;
}

int
brd_pool_check_body (const brood_pool_t *self, const void *bytes, size_t size)
{
    brd_value_t value;
    brd_ref_t ref;
    brd_value_cursor_t at = { bytes, (const unsigned char *) bytes + size };
    if (!brd_pool_is_remote (self))
        return 0;
    while (at.at < at.end && brd_value_read (&at, &value) == 0) {
        if (value.type != BROOD_HANDLE)
            continue;
        brd_value_ref (&value, &ref);
        if (s_check_ref (&ref) < 0)
            return -1;
    }
    return 0;
}
