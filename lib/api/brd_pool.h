// brd_pool.h - the inside of a pool
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_POOL_H
#define BRD_POOL_H

#include <stdatomic.h>

#include "api/brd_future.h"
#include "base/brd_list.h"
#include "brood/brood_pool.h"
#include "client/brd_code.h"
#include "client/brd_tasks.h"
#include "relay/relay.h"

struct brood_pool {
    brd_handle_t handle;
    brd_host_t *host;
    brd_host_pool_t *pool;  // NULL: inline
    int threads;            // 1: its workers are threads
    _Atomic uint32_t refs;  // The user's handle, streams, maps
    _Atomic int workers;
    brd_list_t link;     // In the list of brd_pool_ref.c
    brood_pool_t *of;    // Another handle of this one, a reference; else NULL
    int far;             // 1: the pool is the owner's, its workers are not ours
    _Atomic int closed;  // No more work
    _Atomic int ended;   // Terminated or destroyed
    brd_code_t *code;    // What its workers have
    int relayed;         // 1: they are on other hosts, through
    brd_relay_t relay;
    char name[BROOD_NAME_SIZE];
    // Inline only
    long done;
    long failed;
    void *data;
    void (*data_free) (void *data);
};

// --- brd_spec.c ------------------------------------------------------------

typedef struct {
    int inline_calls;
    int threads;
    int workers;            // 0: as many as CPUs
    const char *elsewhere;  // The place, if it is other hosts; on loan
    char *named;            // What a name stood for, NULL
} brd_spec_t;

// Reads a spec, NULL meaning $BROOD_POOL or "local". -1 with EINVAL and a text
// that points at where, or as brd_config_place ().
int
brd_spec_read (const char *spec, brd_spec_t *ret_spec);
void
brd_spec_fini (brd_spec_t *self);

// --- brood_pool.c ----------------------------------------------------------

void
brd_pool_ref (brood_pool_t *self);
void
brd_pool_unref (brood_pool_t *self);

// 0 if work can be given to it from here, or -1: EINVAL, ENOTSUP in a worker
// (the pool is its owner's), EPIPE, or EINVAL for a function the workers do
// not have.
int
brd_pool_check (brood_pool_t *self, const void *fn_p, const char *function);

// The name a function is registered under, or "task".
const char *
brd_pool_task_name (uint64_t fn);

uint64_t
brd_pool_address (const void *fn_p);

// Where its workers have a function that was checked, or its number.
uint64_t
brd_pool_there (const brood_pool_t *self, uint64_t fn);

// A number for a text, as keys need; 0 for NULL.
uint64_t
brd_pool_text_id (const char *text);

// The core's view of the user's options. -1 with EINVAL.
int
brd_pool_task_options (const brood_task_options_t *options,
                       brd_core_task_options_t *ret_core);

// --- brd_pool_ref.c --------------------------------------------------------

// From its making to its end a pool can be found by its ref.
void
brd_pool_enter (brood_pool_t *self);
void
brd_pool_leave (brood_pool_t *self);

// In a child, after any fork: it has none of its parent's.
void
brd_pool_forget (void);

// --- brd_pool_remote.c -----------------------------------------------------

// 1: see brd_host_pool_is_remote ().
int
brd_pool_is_remote (const brood_pool_t *self);

// 0 if a message with this value can go to its workers, or -1 with ENOTSUP: it
// has a ref, which leads nowhere on another host.
int
brd_pool_check_body (const brood_pool_t *self, const void *bytes, size_t size);

// --- brd_inline.c ----------------------------------------------------------

// A task in the calling thread. It is tried again as its options say, at once:
// its delays are for workers that need a rest.
typedef struct {
    int tries;                 // At most
    int attempt;               // The last one's number
    brood_future_t *future;    // Gets the notes; NULL: nobody
    char text[BRD_PAGE_TEXT];  // Why the last one failed
} brd_inline_t;

// options NULL: one try.
void
brd_inline_init (brd_inline_t *self,
                 const brd_core_task_options_t *options,
                 brood_future_t *future);

// Runs a message task and returns its status; out as brd_worker_run ().
int
brd_inline_run (brd_inline_t *self,
                brood_pool_t *pool,
                brood_task_fn *fn,
                const brood_msg_t *in,
                brood_msg_t *out);

// The same as the end of a call, which borrows from out and from self.
void
brd_inline_call (brd_inline_t *self,
                 brood_pool_t *pool,
                 brood_task_fn *fn,
                 const brood_msg_t *in,
                 brood_msg_t *out,
                 brd_call_end_t *ret_end);

// Runs one element of a typed map.
int
brd_inline_map (brd_inline_t *self,
                brood_pool_t *pool,
                brood_mapper_fn *fn,
                const void *in,
                void *out,
                void *arg);

// --- brd_pool_exec.c -------------------------------------------------------

// Workers by exec, of executable or, if that is NULL, of this program: as
// brd_host_pool_open (), with what the workers have in self->code.
brd_host_pool_t *
brd_pool_exec_open (brood_pool_t *self,
                    brd_host_pool_options_t *options,
                    const char *executable);

// --- brd_pool_far.c --------------------------------------------------------

// -1 with EINVAL if there is an option that only workers next door can have.
int
brd_pool_far_check (const brood_pool_options_t *options);

// Workers on other hosts: as brd_host_pool_open (), and self->workers is how
// many the hosts have that are there. Also ENOENT (no brood command),
// EHOSTUNREACH (no host can be had), and of tcp:// what brd_ticket_of_place ()
// says.
brd_host_pool_t *
brd_pool_far_open (brood_pool_t *self,
                   brd_host_pool_options_t *options,
                   const char *spec);

// When its pool has ended. Of any pool.
void
brd_pool_far_end (brood_pool_t *self);

#endif  // BRD_POOL_H
