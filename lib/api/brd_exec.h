// brd_exec.h - the program started anew, and what it must know of this one
//
// SPDX-License-Identifier: MPL-2.0
//
//     owner    brd_exec_story      a message: what all of them must know
//              brood_msg_set       and what this one is to be
//              brd_exec_open       into shared memory, for brd_nursery_start ()
//              brd_exec_close      when that has returned
//
//     program  brood_init () -> brd_role_take () -> brd_exec_role ()
//                brd_pool_exec_become ()      brd_pool_exec.c
//                brd_process_exec_become ()   brd_process_exec.c
//
// Both are the same library, as brd_exec_role () has made sure before it reads
// the story.

#ifndef BRD_EXEC_H
#define BRD_EXEC_H

#include "brood/brood_msg.h"
#include "client/brd_code.h"
#include "workers/nursery.h"

typedef enum {
    BRD_EXEC_POOL = 1,
    BRD_EXEC_PROCESS
} brd_exec_kind_t;

// --- Here ------------------------------------------------------------------

typedef struct {
    brd_nursery_exec_t nursery;  // For the nursery's options
    void *block;
    uint64_t there[BRD_CODE_SEGMENTS_MAX];
} brd_exec_t;

// 0 if this program, or executable if that is not NULL, can be started as
// asked, or -1 and why not: EINVAL, EPERM, ENOENT, EACCES.
int
brd_exec_check (int start_exec, const char *executable);

// Yours to destroy. NULL with ENOMEM.
brood_msg_t *
brd_exec_story (brd_exec_kind_t kind);

// executable, which must stay until the end: another program than this, NULL.
// -1 with EBADF, ENOSPC.
int
brd_exec_open (brd_exec_t *self,
               const brood_msg_t *story,
               const char *executable);

// The nursery is ready, or will not be. In the first case *ret_code, if it is
// not NULL, is where its children have which function.
void
brd_exec_close (brd_exec_t *self, brd_code_t *ret_code);

// --- There -----------------------------------------------------------------

// What the program started anew was told.
typedef struct {
    brd_nursery_call_t nursery;
    const brood_msg_t *story;  // Stays for ever
    brd_code_t *code;
} brd_exec_call_t;

// As brd_role_take ().
void
brd_exec_role (int is_main);

// It cannot be what it should, and ends; errors of brd_nursery_exec_refuse ().
_Noreturn void
brd_exec_refuse (const brd_exec_call_t *call, int error);

// A function of the owner's, here. 0 for 0; ends if it is not here.
uint64_t
brd_exec_fn (const brd_exec_call_t *call, long long address);

// A copy of bytes of the story, aligned and followed by a zero; ends if there
// is no memory.
void *
brd_exec_copy (const brd_exec_call_t *call, const void *bytes, size_t size);

// --- brd_pool_exec.c, brd_process_exec.c ------------------------------------

_Noreturn void
brd_pool_exec_become (const brd_exec_call_t *call);
_Noreturn void
brd_process_exec_become (const brd_exec_call_t *call);

#endif  // BRD_EXEC_H
