// brd_future.h - the inside of a future
//
// SPDX-License-Identifier: MPL-2.0
//
// References: the user's handle, the call under way, and each callback that is
// still to run. Until done the fields are guarded by the host's lock; then they
// do not change, and only references and the lent message need care.

#ifndef BRD_FUTURE_H
#define BRD_FUTURE_H

#include <stdatomic.h>

#include "api/brd_outcome.h"
#include "base/brd_handle.h"
#include "brood/brood_error.h"
#include "brood/brood_future.h"
#include "host/host.h"

typedef struct brd_future_emit {
    struct brd_future_emit *next;
    size_t size;
    unsigned char bytes[];
} brd_future_emit_t;

typedef struct brd_future_then brd_future_then_t;

struct brood_future {
    brd_handle_t handle;
    brd_call_t call;
    brd_host_t *host;
    _Atomic uint32_t done;  // 1: ended; what is below does not change then
    _Atomic uint32_t refs;
    _Atomic int owned;                 // 1: by the user
    int under_way;                     // 1: the host has the call
    uint64_t order;                    // In which futures ended
    struct brd_job_run *run;           // Of a map that is under way, NULL
    const char *name;                  // Of the task; NULL: that of call.fn
    brd_core_task_options_t *options;  // Of the call, NULL
    brood_msg_t *msg;                  // A view of it, made when asked for
    brd_future_then_t *then;
    brd_future_then_t **then_end;
    brd_future_emit_t *emits;
    brd_future_emit_t **emits_end;
    uint32_t emit_count;
    brood_msg_t *emitted;  // The one next () looks at
    double progress_done;
    double progress_total;
    void *body_large;       // NULL: in outcome.small
    brd_outcome_t outcome;  // Last: its small is the body's place until done
};

// A future that is pending, with one reference: the user's. name is kept, not
// copied; NULL: its call's function will be set. NULL with ENOMEM.
brood_future_t *
brd_future_new (brd_host_t *host, const char *name);

// Its call's body: copied in, or taken if it came from brd_mem.
int
brd_future_set_body (brood_future_t *self, const void *bytes, size_t size);

// Submits its call to the pool. On failure the future is only to be destroyed.
int
brd_future_submit (brood_future_t *self);

// Locked. Ends one that has no call: a promise, a map, an inline task. Once.
// result is copied; a failed copy ends it with ENOMEM.
void
brd_future_end (brood_future_t *self, const brd_call_end_t *end);

// The same with a story of its own.
void
brd_future_end_info (brood_future_t *self, const brood_error_info_t *info);

// Locked. A partial result or progress, as a call's noted does.
void
brd_future_note (brood_future_t *self,
                 brd_op_t op,
                 const brd_wire_note_t *note);

void
brd_future_ref (brood_future_t *self);  // Locked
void
brd_future_unref (brood_future_t *self);

#endif  // BRD_FUTURE_H
