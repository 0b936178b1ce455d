// brd_wire.h - every operation between two processes of a brood
//
// SPDX-License-Identifier: MPL-2.0
//
// docs/rfc/1-wire.md is the specification, tests/vectors/ its bytes;
// brd_frame.c is the only code that knows the offsets.

#ifndef BRD_WIRE_H
#define BRD_WIRE_H

#include <stdint.h>

// The whole protocol. Names, who may send it, what its entries are.
#define BRD_WIRE_OPS(X) \
    X (TASKS, 1, OWNER, "tasks to run, in this order") \
    X (RESULTS, 2, WORKER, "what became of tasks") \
    X (PROGRESS, 3, WORKER, "how far a task is") \
    X (EMIT, 4, WORKER, "a partial result") \
    X (CREDIT, 5, OWNER, "so many more partial results may come") \
    X (LOG, 6, WORKER, "a line for the log") \
    X (RETIRE, 7, WORKER, "wants to be replaced") \
    X (STOP, 8, OWNER, "nothing more will come: leave")

typedef enum {
#define BRD_WIRE_OP_(name, number, sender, text) BRD_OP_##name = number,
    BRD_WIRE_OPS (BRD_WIRE_OP_)
#undef BRD_WIRE_OP_
} brd_op_t;

// How a task is run.
typedef enum {
    BRD_TASK_MESSAGE = 0,  // fn (task, in, out): the body is in
    BRD_TASK_MAP = 1       // A leg of a map: the body is a brd_job_leg_t
} brd_task_kind_t;

enum {
    BRD_TASK_TIMED = 1,    // The worker notes when it started
    BRD_TASK_IN_ARENA = 2  // The body is a place (brd_frame_place) of the bytes
};

// One entry of TASKS. body points into the message.
typedef struct {
    uint64_t seq;        // Of this delivery; never used twice by one host
    uint64_t fn;         // Address in the snapshot
    int64_t timeout_ns;  // Of the attempt, 0: none
    uint32_t size;       // Of the body
    uint16_t slot;       // Of the worker's page
    uint16_t attempt;
    uint8_t kind;  // brd_task_kind_t
    uint8_t flags;
    const void *body;
} brd_wire_task_t;

enum {
    BRD_RESULT_IN_PAGE = 1,  // size and bytes lie in the slot of the page
    BRD_RESULT_IN_ARENA = 2  // They are a place, of a block that is given away
};

// One entry of RESULTS.
typedef struct {
    uint64_t seq;
    int64_t time_ns;  // It took
    int32_t status;   // What the function returned; 0: body is its out,
                      // else a text
    uint32_t size;
    uint16_t slot;
    uint8_t flags;
    const void *body;
} brd_wire_result_t;

// PROGRESS, EMIT, CREDIT and LOG have one entry each.
typedef struct {
    uint64_t seq;    // Of the task; LOG: nanoseconds since the epoch
    double done;     // PROGRESS
    double total;    // PROGRESS
    uint32_t count;  // CREDIT; LOG: level
    uint32_t size;   // EMIT, LOG
    uint16_t slot;
    const void *body;
} brd_wire_note_t;

#endif  // BRD_WIRE_H
