// brd_children.h - the processes this one has started, and what it is itself
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_CHILDREN_H
#define BRD_CHILDREN_H

#include "brood/brood_process.h"

// This process as a handle; ours for ever.
brood_process_t *
brd_children_current (void);

// Who started it, or NULL.
brood_process_t *
brd_children_parent (void);

// The first thing in a new process: from now on it is self.
void
brd_children_born (brood_process_t *self);

// The next object made here is "1", "2" or, in process 2, "2:1".
void
brd_children_number (char ret_identity[BROOD_NAME_SIZE]);

// One that has been started.
void
brd_children_add (brood_process_t *self);

// Its handle is given up. It is freed now, or when it has ended.
void
brd_children_give_up (brood_process_t *self);

// As brood_process_children ().
long
brd_children_alive (brood_process_t **ret_children, size_t n);

// This process ends: its children are ended or waited for.
void
brd_children_end (void);

// In a program started anew: who started it, for those that are born here.
void
brd_children_inherit (const char *name,
                      const char *type,
                      const char *identity,
                      int daemon);

// In a child, right after any fork: they are its parent's.
void
brd_children_forget (void);

#endif  // BRD_CHILDREN_H
