// brd_named.h - what shm and shmlist are: a handle on memory with a name
//
// SPDX-License-Identifier: MPL-2.0
//
// The memory is a segment (base/brd_segment.h) that this process has mapped, no
// more: no descriptor, and nothing in the arena. Who has the name is
// broker/names, which is asked to make, find and drop it.
//
// A ref is the brood whose keeper has it, and the number it has there, so that
// it leads there from any process of any brood of this user.
//
// Threads and fork. Any thread. A child inherits the mapping with the handle.

#ifndef BRD_NAMED_H
#define BRD_NAMED_H

#include <stddef.h>

#include "base/brd_handle.h"
#include "brood/brood_prelude.h"

// What the handles of these classes begin with.
typedef struct {
    brd_handle_t handle;  // First
    void *memory;
    size_t size;
    char name[BROOD_NAME_SIZE];
} brd_named_t;

// Writes into new memory, which is zeroed and which nobody else can see yet.
// -1 with errno: it is not to be.
typedef int
brd_named_fill_t (void *memory, size_t size, void *arg);

// A handle of handle_size bytes, zeros behind its base, on new memory of so
// many bytes. name NULL: one is made up. fill NULL: zeros. It has its name when
// this returns, complete. NULL with EINVAL (the name), EEXIST, EACCES (a
// process of another user has it), ENOSPC, ENOMEM, EMFILE, EAGAIN, ETIMEDOUT.
void *
brd_named_new (size_t handle_size,
               brd_kind_t kind,
               const char *name,
               size_t size,
               brd_named_fill_t *fill,
               void *arg);

// One more handle on what has that name. NULL with EINVAL (also: it is of the
// other class), ENOENT, EACCES, EPROTO, ETIMEDOUT, EMFILE, ENOMEM.
void *
brd_named_open (size_t handle_size, brd_kind_t kind, const char *name);

// On what the ref leads to; ENOENT when it has no name any more.
void *
brd_named_from (size_t handle_size, brd_kind_t kind, void *ref);

// self_p points to a pointer to a handle.
void
brd_named_destroy (void *self_p);

// Takes the name away. 0, also if it has none any more.
int
brd_named_unlink (const brd_named_t *self);

// --- For brd_runtime.c -----------------------------------------------------

// The brood ends: so does its keeper.
void
brd_named_end (void);

// In a child, after any fork.
void
brd_named_forget (void);

#endif  // BRD_NAMED_H
