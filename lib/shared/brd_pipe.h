// brd_pipe.h - messages between two ends, in the arena
//
// SPDX-License-Identifier: MPL-2.0
//
// One ring of bytes for each direction. A message up to BRD_PIPE_INLINE bytes
// lies in the ring; a longer one in a block of the arena of its own, and only
// its place in the ring. Either way it is there as a whole or not at all, so
// nobody's death can leave half of one.
//
//     end 0 --send--> ring 1 --receive--> end 1
//     end 1 --send--> ring 0 --receive--> end 0      (the only one, not duplex)
//
// Who holds an end. A handle that was never used holds nothing, but its process
// may come to. A process that uses an end holds it until it closes it or dies.
// An end is gone when it was held and nobody holds it any more, or when it was
// never held and nobody is left who could.
//
// Threads and processes. Any, at once; senders take turns, receivers too.

#ifndef BRD_PIPE_H
#define BRD_PIPE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/brd_handle.h"
#include "base/brd_sleep.h"
#include "shared/brd_object.h"

enum {
    BRD_PIPE_RING = 65536,   // Bytes of one direction
    BRD_PIPE_INLINE = 8192,  // A longer message has a block of its own
    // Memory of blocks that nobody has received; what is more goes alone
    BRD_PIPE_BLOCKS_MAX = 16 << 20
};

// In the class's handle: one end, as this process has it.
typedef struct {
    brd_hold_t hold;
    int end;  // 0 or 1
    _Atomic int closed;
} brd_pipe_end_t;

extern const brd_kind_class_t brd_pipe_class;

// Both ends. -1 with ENOSPC.
int
brd_pipe_new (brd_shared_t *shared, int duplex, brd_pipe_end_t ret_ends[2]);

// What brood_ref () gives away, and back: the process holds the end from then
// on. -1 with ENOENT, ENOSPC.
void
brd_pipe_ref (const brd_pipe_end_t *self, uint64_t brood, brd_ref_t *ret_ref);
int
brd_pipe_from (brd_shared_t *shared,
               uint64_t brood,
               const brd_ref_t *ref,
               brd_pipe_end_t *ret_end);

// This process does not use the end any more; calls under way return EBADF
// instead of waiting. -1 with ENOSPC, ENOENT.
int
brd_pipe_close (brd_pipe_end_t *self);

// Gives up the handle.
void
brd_pipe_drop (brd_pipe_end_t *self);

// --- Messages --------------------------------------------------------------

// Sends a copy. is_value: the bytes were checked to be a message's. -1 with
//     EPIPE         the other end is gone
//     EPERM         this end only receives
//     EBADF         closed
//     ENOSPC        no block for it
//     ETIMEDOUT, EINTR
int
brd_pipe_send (brd_pipe_end_t *self,
               brd_sleep_t *sleep,
               const void *bytes,
               size_t size,
               int is_value);

// The next message, where it lies.
typedef struct {
    const void *bytes;
    size_t size;
    int is_value;
    int is_fd;      // A descriptor: brd_pipe_recv_fd ()
    void *block;    // It lies in, NULL: in the ring
    uint64_t next;  // Where the one after it begins
} brd_pipe_view_t;

// Waits for one. On success nobody else receives until brd_pipe_take () or
// brd_pipe_leave (). -1 with EPIPE (none, and the other end is gone), EPERM,
// EBADF, ETIMEDOUT, EINTR, ENOSPC.
int
brd_pipe_peek (brd_pipe_end_t *self,
               brd_sleep_t *sleep,
               brd_pipe_view_t *ret_view);

// It was received. A block is freed; or, with keep_block, is this process's
// from now on (brd_arena_free).
void
brd_pipe_take (brd_pipe_end_t *self, brd_pipe_view_t *view, int keep_block);

// It stays the next.
void
brd_pipe_leave (brd_pipe_end_t *self);

// --- Descriptors -----------------------------------------------------------

// Returns when the other end has it. -1 as send, and EBADF for a bad fd,
// EMFILE.
int
brd_pipe_send_fd (brd_pipe_end_t *self, brd_sleep_t *sleep, int fd);

// The next message must be one. -1 as peek, and EBADMSG, EMFILE.
int
brd_pipe_recv_fd (brd_pipe_end_t *self, brd_sleep_t *sleep);

#endif  // BRD_PIPE_H
