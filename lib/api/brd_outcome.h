// brd_outcome.h - what a call came to, kept for whoever asks later
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_OUTCOME_H
#define BRD_OUTCOME_H

#include "brood/brood_error.h"
#include "host/host.h"

// Results up to this size need no allocation.
enum {
    BRD_OUTCOME_SMALL = 64
};

// A result or a story. Until it is kept, small is free for its owner's use.
typedef struct {
    int error;                 // 0: a result
    brood_error_info_t *info;  // The story; NULL if there was no memory for it
    void *result;              // small, or as brd_large_alloc ()
    size_t size;
    unsigned char small[BRD_OUTCOME_SMALL];  // Last: need not be zeroed
} brd_outcome_t;

// Keeps a copy of the end: its result, unless nobody wants it, or its story
// under name and item (-1: none). A result there is no memory for is ENOMEM.
void
brd_outcome_keep (brd_outcome_t *self,
                  const brd_call_end_t *end,
                  const char *name,
                  long item,
                  int wanted);

// The same with a story that exists.
void
brd_outcome_keep_info (brd_outcome_t *self, const brood_error_info_t *info);

// Makes it the calling thread's error if it is one: -1, else 0.
int
brd_outcome_check (const brd_outcome_t *self, const char *name);

void
brd_outcome_fini (brd_outcome_t *self);

#endif  // BRD_OUTCOME_H
