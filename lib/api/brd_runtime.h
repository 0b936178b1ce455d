// brd_runtime.h - what there is once in a process: arena, host, names
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_RUNTIME_H
#define BRD_RUNTIME_H

#include "base/brd_arena.h"
#include "brood/brood_init.h"
#include "host/host.h"
#include "shared/brd_shared.h"

// Starts brood if brood_init () was not called. -1 with its errno, or ENOTSUP
// in a child of the program's own fork ().
int
brd_runtime_need (void);

// As brood_init_with (), without the command line.
int
brd_runtime_start (const brood_options_t *options);

// 1 if brood_init () was what started brood, and not some other call.
int
brd_runtime_is_main (void);

// As brood_fini ().
void
brd_runtime_stop (void);

// This process ends as any does: as brood_fini (), if anything here is to be
// ended.
void
brd_runtime_leave (void);

// Sees to that, in this process, unless the program does it itself. -1 with
// ENOMEM, or ENOTSUP after brood_fini ().
int
brd_runtime_exit_here (void);

// The process's own host, made when first needed; NULL with errno. In a worker
// it is another one than its owner's.
brd_host_t *
brd_runtime_host (void);

// The same if there is one, else NULL.
brd_host_t *
brd_runtime_host_or_null (void);

// As brood_interrupt (): safe in signal handlers.
void
brd_runtime_interrupt (void);

brd_arena_t *
brd_runtime_arena (void);

// What processes share; NULL before brood was started.
brd_shared_t *
brd_runtime_shared (void);

// Random, the same in all processes of a brood.
uint64_t
brd_runtime_brood (void);

// --brood-pool=SPEC, else $BROOD_POOL, else NULL.
const char *
brd_runtime_pool_spec (void);
int
brd_runtime_set_pool_spec (const char *spec);

// The key of listeners and connections.
typedef struct {
    size_t size;
    unsigned char bytes[BROOD_AUTHKEY_SIZE_MAX];
} brd_authkey_t;

void
brd_runtime_authkey (brd_authkey_t *ret_key);
void
brd_runtime_set_authkey (const brd_authkey_t *key);

// What a program that is started anew must be given of this one's.
typedef struct {
    brd_arena_t *arena;
    brd_shared_t *shared;
    uint64_t brood;
    int keep_exit;
    const char *pool_spec;  // That of the command line, NULL
    brd_authkey_t authkey;
} brd_runtime_world_t;

void
brd_runtime_world (brd_runtime_world_t *ret_world);

// In that program, instead of starting brood. -1 with ENOMEM.
int
brd_runtime_enter (const brd_runtime_world_t *world);

// 1 if pools are inline whatever their spec says.
int
brd_runtime_inline (void);

#endif  // BRD_RUNTIME_H
