// brood_wait.h - waiting for several different things at once
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BROOD_WAIT_H
#define BROOD_WAIT_H

#include "brood/brood_prelude.h"

#ifdef __cplusplus
extern "C" {
#endif

// What multiprocessing.connection.wait is to Python, in poll's manner.
//
//     brood_wait_t on[] = { { .handle = p }, { .handle = q }, { .fd = &in } };
//     if (brood_wait_any (on, 3, 1000) > 0 && on[1].ready)
//         brood_queue_get (q, 0, "%d", &n);
//
// Ready means: a process has ended, a queue or connection has something to get
// (or is at its end), a listener has somebody to accept, a future is done, an
// event is set, a stream has a result, a descriptor is readable. Nothing is
// taken. Another process may be faster: get with timeout 0.
//
// Threads and fork. Any thread.
//
// Errors. EINVAL also for a handle that cannot be waited for, and for a queue
// or an event at a manager, whose changes nobody is told; ENOENT when every
// entry is passed over.

// One of the two pointers is set; an entry with neither is passed over, so a
// handle whose constructor failed is not taken for descriptor 0.
typedef struct brood_wait {
    const void
        *handle;    // A process, queue, conn, listener, future, stream, event
    const int *fd;  // Or a descriptor
    int ready;      // Set by brood_wait_any ()
    BROOD_RESERVED (2);
} brood_wait_t;

// Sets ready in each of the n entries and returns how many are, at least 1.
//     ETIMEDOUT     none became ready
BROOD_EXPORT long
brood_wait_any (brood_wait_t *entries, size_t n, int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif  // BROOD_WAIT_H
