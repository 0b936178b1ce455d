// brd_pool_remote.c - what cannot go to workers on other hosts
//
// SPDX-License-Identifier: MPL-2.0
//
// Functions go as numbers (client/brd_code.h), maps as chunks
// (brd_job_chunk.c), messages as they are: but what is in this host's memory
// stays there, and what only leads to it is refused.

#include <errno.h>

#include "api/brd_pool.h"
#include "base/brd_error.h"
#include "wire/brd_value.h"

int
brd_pool_is_remote (const brood_pool_t *self)
{
    return self->pool && brd_host_pool_is_remote (self->pool);
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
        return brd_error_set (ENOTSUP,
                              "the message has a ref of a %s, and the pool's "
                              "workers are on other hosts, where it leads "
                              "nowhere: send what is in it, or a manager's "
                              "address",
                              brd_kind_text ((brd_kind_t) ref.kind));
    }
    return 0;
}
