// brd_handle.h - what every public handle begins with
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_HANDLE_H
#define BRD_HANDLE_H

#include <stdint.h>

#include "base/brd_process.h"

typedef enum {
    BRD_KIND_NONE,
    BRD_KIND_MSG,
    BRD_KIND_REF,  // Made by unpacking "@%p", lives in its message
    BRD_KIND_TASK,
    BRD_KIND_FUTURE,
    BRD_KIND_STREAM,
    BRD_KIND_POOL,
    BRD_KIND_PROGRESS,
    BRD_KIND_ARRAY,
    BRD_KIND_PROCESS,
    BRD_KIND_QUEUE,
    BRD_KIND_CONN,
    BRD_KIND_LISTENER,
    BRD_KIND_LOCK,
    BRD_KIND_RLOCK,
    BRD_KIND_SEMAPHORE,
    BRD_KIND_EVENT,
    BRD_KIND_CONDITION,
    BRD_KIND_BARRIER,
    BRD_KIND_VALUE,
    BRD_KIND_SHM,
    BRD_KIND_MANAGER,
    BRD_KIND_DICT,
    BRD_KIND_LIST,
    BRD_KIND_NAMESPACE,
    BRD_KIND_PROXY,
    BRD_KIND_SHMLIST,
    BRD_KIND_COUNT
} brd_kind_t;

// How an object is found again in another process of the brood.
typedef struct {
    uint64_t brood;   // Random, one per owner
    uint64_t object;  // The home's number for it
    uint64_t offset;  // In the arena, 0 if none
    uint32_t kind;
    uint32_t spare;
} brd_ref_t;

typedef struct {
    uint32_t magic;
    uint32_t birth;  // brd_process_birth () when it was made
    brd_ref_t ref;   // ref.kind is the class; the rest 0 if it cannot travel
} brd_handle_t;

void
brd_handle_init (brd_handle_t *self, brd_kind_t kind);

// Poisons it: use after destroy is EINVAL while the memory lasts.
void
brd_handle_fini (brd_handle_t *self);

// In the magic of a handle that is not destroyed.
#define BRD_HANDLE_ALIVE UINT32_C (0x62726f64)

// What is wrong with it: -1. For brd_handle_check ().
int
brd_handle_refuse (const brd_handle_t *self,
                   brd_kind_t kind,
                   const char *function);

// 0, or -1 with EINVAL (NULL: the text repeats the thread's last error, why
// the constructor failed; wrong class; destroyed) or ENOTSUP (stray fork).
static inline int
brd_handle_check (const brd_handle_t *self,
                  brd_kind_t kind,
                  const char *function)
{
    if (self && self->magic == BRD_HANDLE_ALIVE && self->ref.kind == kind
        && brd_process_role () != BRD_ROLE_STRAY)
        return 0;
    return brd_handle_refuse (self, kind, function);
}

// The same, and made in this process: -1 with ENOTSUP in a worker that has it
// from its owner's memory.
int
brd_handle_check_mine (const brd_handle_t *self,
                       brd_kind_t kind,
                       const char *function);

// 1 if it was made in this process; 0 if it came along through brood's fork.
int
brd_handle_is_mine (const brd_handle_t *self);

const char *
brd_kind_text (brd_kind_t kind);  // "pool"

#endif  // BRD_HANDLE_H
