// brd_rlock.c - a lock its holder may take again
//
// SPDX-License-Identifier: MPL-2.0
//
//     acquire   mine? depth + 1 : take, depth 1
//     release   depth > 1? depth - 1 : let go
//
// What a dead holder left in depth is of no account: whoever takes the lock
// sets it.

#include "shared/brd_rlock.h"

#include <errno.h>

#include "base/brd_check.h"

int
brd_rlock_acquire (brd_lock_t *self, brd_shared_t *shared, brd_sleep_t *sleep)
{
    if (brd_lock_mine (self, shared)) {
        if (self->depth >= INT32_MAX)
            return brd_error_set (EAGAIN,
                                  "this thread holds the rlock %d times, "
                                  "which is as often as it can be",
                                  INT32_MAX);
        self->depth++;
        return 0;
    }
    const int rc = brd_lock_acquire (self, shared, sleep);
    if (rc >= 0)
        self->depth = 1;
    return rc;
}

int
brd_rlock_release (brd_lock_t *self, brd_shared_t *shared)
{
    if (brd_lock_mine (self, shared) && self->depth > 1) {
        self->depth--;
        return 0;
    }
    return brd_lock_release (self, shared);
}

uint32_t
brd_rlock_leave (brd_lock_t *self, brd_shared_t *shared)
{
    // Of another thread's lock not even a look: it may be writing there.
    const uint32_t depth = brd_lock_mine (self, shared) ? self->depth : 0;
    return brd_lock_release (self, shared) < 0 ? 0 : depth;
}

int
brd_rlock_return (brd_lock_t *self, brd_shared_t *shared, uint32_t depth)
{
    const int rc = brd_lock_enter (self, shared);
    brd_assert (rc >= 0);
    self->depth = depth;
    return rc;
}
