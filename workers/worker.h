// worker.h - a process that runs callbacks
//
// SPDX-License-Identifier: MPL-2.0
//
//     nursery  --fork-->  brd_worker_main ()        worker_main.c
//                           initializer, once
//                           sleeps until the host connects
//                           or a thread of a crew's does (crew.h)
//                         brd_worker_loop ()        worker_loop.c
//                           takes a message of tasks, for each:
//                             claims its slot        (brd_page.h)
//                             brd_worker_run ()      worker_task.c
//                             or a leg of a map      worker_map.c
//                           hands the results over
//
// A worker is one thread that runs user code, and, once the host has
// connected, the I/O thread of its ZeroMQ context. One that was never given
// work has no context and weighs what fork gives it.

#ifndef BRD_WORKER_H
#define BRD_WORKER_H

#include "base/brd_arena.h"
#include "base/brd_buf.h"
#include "base/brd_handle.h"
#include "brood/brood_task.h"
#include "shared/brd_shared.h"
#include "transport/brd_zmq.h"
#include "wire/brd_job.h"
#include "wire/brd_page.h"
#include "wire/brd_wire.h"
#include "workers/nursery.h"

// Partial results a task may be ahead of its reader.
#define BRD_WORKER_EMIT_WINDOW 16

// Exit codes of workers that cannot go on: sysexits' EX_SOFTWARE, EX_TEMPFAIL.
enum {
    BRD_WORKER_EXIT_BROKEN = 70,
    BRD_WORKER_EXIT_NO_MEMORY = 75
};

// What all workers of a pool are told, through the snapshot; the argument of
// the nursery.
typedef struct {
    brd_arena_t *arena;
    brd_shared_t *shared;             // Swept before a worker is reaped
    unsigned char owner[BRD_ZMQ_ID];  // Only who bears this is obeyed
    brood_task_fn *initializer;       // NULL: none
    void *initargs;                   // A msgpack value
    size_t initargs_size;
    int64_t max_age_ns;  // Asks to be replaced when so old; 0
    size_t max_memory;   // Or when its resident bytes are more; 0
    // Before a worker leaves that was told to: what its tasks have started
    void (*leaving) (void);
} brd_worker_setup_t;

typedef struct brd_worker brd_worker_t;

// What user code gets as its task. Also made by inline pools, worker NULL.
struct brood_task {
    brd_handle_t handle;
    brd_worker_t *worker;
    uint64_t seq;
    uint64_t fn;  // What it runs; its name is looked up when asked
    int place;
    int attempt;
    uint16_t slot;
    int64_t deadline;      // Of the attempt, BRD_NEVER
    int64_t progress_at;   // Next time one may be sent
    uint32_t emitted;      // Partial results not yet credited
    const brd_job_t *job;  // The map it works on, NULL
    void **data;           // Worker data and how to free it
    void (**data_free) (void *data);
    // Where progress and partial results go in an inline pool
    int (*notify) (brood_task_t *self,
                   brd_op_t op,
                   const brd_wire_note_t *note);
    void *notify_arg;
    char text[BRD_PAGE_TEXT];  // Of brood_task_fail ()
};

struct brd_worker {
    _Atomic int leave;  // 1: serves no more, set by anybody
    const brd_nursery_birth_t *birth;
    const brd_worker_setup_t *setup;
    brd_page_t *page;
    brd_zmq_t *link;
    uint32_t self;      // pid, or a thread's, as the arena knows it
    brd_buf_t results;  // A RESULTS message being filled
    uint32_t result_count;
    int64_t results_since;  // When its first entry was added
    int64_t now;            // The clock when the last task ended
    int64_t born_at;
    int64_t look_at;  // Next time its own memory is looked at
    int retiring;     // 1: has asked to be replaced
    int code;         // To leave with
    brood_task_t task;
    int precious;          // 1: its result must not be lost at our death
    brood_msg_t *in;       // A view, pointed at each task's body
    brood_msg_t *out;      // Used again for each task
    brd_zmq_msg_t orders;  // The message being worked through
    int ordered;           // 1: there is one
    brd_zmq_msg_t *stash;  // Messages taken while waiting for credit
    size_t stash_count;
    size_t stash_room;
    brd_job_report_t report;  // Of the last leg
    void *bounce;             // In the arena: items on their way through a map
    size_t bounce_size;
    void *data;  // brood_task_set_worker_data ()
    void (*data_free) (void *data);
};

// The nursery's worker_main; never returns.
void
brd_worker_main (const brd_nursery_birth_t *birth);

// Serves until told to stop, or to leave. The exit code.
int
brd_worker_loop (brd_worker_t *self);

// From the initializer to the end, in the calling thread; self is all zeros, or
// has leave set. The exit code.
int
brd_worker_serve (brd_worker_t *self, const brd_nursery_birth_t *birth);

// Worker data, the link and all memory; for a worker whose process goes on.
void
brd_worker_fini (brd_worker_t *self);

// Sends one note about the running task, at once. -1 when the link is gone.
int
brd_worker_note (brd_worker_t *self, brd_op_t op, const brd_wire_note_t *note);

// Waits for CREDIT until fewer than the window are on their way. -1 with
// ECANCELED.
int
brd_worker_wait_credit (brd_worker_t *self);

// Calls fn as task, with brood_task_current () set. What it returned; if not
// 0, task->text says why, as well as that is known.
int
brd_worker_run (brood_task_t *task,
                brood_task_fn *fn,
                const brood_msg_t *in,
                brood_msg_t *out);

// Fills task->text after a failure, as far as that is known: what the task
// said, else what brood told it last, else the number it returned.
void
brd_worker_explain (brood_task_t *task, int status);

// The same for code that is not a brood_task_fn: sets the current task and
// returns the one before.
brood_task_t *
brd_worker_enter (brood_task_t *task);

// The task the calling thread runs, or NULL.
brood_task_t *
brd_worker_current (void);

// Works on a job until its items are used up, or on the leg's own range.
// Returns 0, or what the item returned if the leg is a single one.
int
brd_worker_map (brd_worker_t *self, const brd_job_leg_t *leg);

// What that leg has to say, for its result; *ret_size 0: nothing.
const void *
brd_worker_map_report (brd_worker_t *self, size_t *ret_size);

// A task of brood's own: its message is a chunk of a map (wire/brd_chunk.h),
// its result the report. What is left is done elsewhere when the chunk's time
// is used up or the task is flagged. Only a single item's failure is the
// task's; else it fails if it cannot begin.
int
brd_worker_chunk (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out);

// Room for size bytes on their way through a map, kept for the next: in the
// arena, where they outlive this worker. -1 with ENOMEM, ENOSPC.
int
brd_worker_bounce (brd_worker_t *self, size_t size);

#endif  // BRD_WORKER_H
