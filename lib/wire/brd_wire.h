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
    X (STOP, 8, OWNER, "nothing more will come: leave") \
    X (INVITE, 9, WORKER, "a task wants to give work itself: call there") \
    X (SLOTS, 10, WORKER, "runs so many tasks at a time") \
    X (RECLAIM, 11, OWNER, "tasks to be given back if unstarted") \
    X (RECLAIMED, 12, WORKER, "they are back") \
    X (KEPT, 13, WORKER, "they are not: they have started") \
    X (CANCEL, 14, OWNER, "tasks to end if unstarted, else to be told") \
    X (KILL, 15, OWNER, "the same, and what runs them dies") \
    X (OPEN, 16, OWNER, "a pool to make: the first thing said") \
    X (DUCT_OPEN, 17, WORKER, "somebody wants to talk to a manager above") \
    X (DUCT_BYTES, 18, EITHER, "what is said through a duct") \
    X (DUCT_CREDIT, 19, EITHER, "so many more bytes may come") \
    X (DUCT_END, 20, EITHER, "nothing more comes through it, or may") \
    X (QUERY, 21, ASKER, "a question to a broker") \
    X (REPORT, 22, BROKER, "the answer")

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
    BRD_TASK_TIMED = 1,  // The worker notes when it started
    BRD_TASK_IN_ARENA =
        2,              // The body is a place (brd_frame_place) of the bytes
    BRD_TASK_WHOLE = 4  // To a host: occupies one of its workers for long
};

// One entry of TASKS. body points into the message.
typedef struct {
    uint64_t seq;        // Of this delivery; never used twice by one host
    uint64_t fn;         // Address in the snapshot; between programs a number
    int64_t timeout_ns;  // Of the attempt, 0: none
    uint32_t size;       // Of the body
    uint16_t slot;       // Of the worker's page
    uint16_t attempt;
    uint8_t kind;  // brd_task_kind_t
    uint8_t flags;
    uint8_t priority;   // To a host
    uint32_t grace_ms;  // To a host: from a timeout's flag to the kill
    const void *body;
} brd_wire_task_t;

enum {
    BRD_RESULT_IN_PAGE = 1,   // size and bytes lie in the slot of the page
    BRD_RESULT_IN_ARENA = 2,  // They are a place, of a block that is given away
    BRD_RESULT_STORY = 4      // From a host: a brd_wire_story_t and a text
};

// What a host says of a task that did not come to a result.
typedef struct {
    int32_t error;   // errno, as of brd_core_outcome_t
    int32_t status;  // What it returned, or the exit code of its worker
    int32_t signal;  // That ended the worker, 0
    int32_t pid;     // Of the worker, 0: none had it
    uint32_t bits;   // BRD_STORY_...
    uint64_t item;   // Leg of a map: index + 1 of the item it was in, 0: none
    uint64_t claim_first;  // What it had claimed then
    uint64_t claim_end;
    uint32_t size;  // Of the text
    const char *text;
    uint32_t report_size;  // Chunk of a map: of what had been done of it, 0
    const void *report;    // brd_chunk.h
} brd_wire_story_t;

enum {
    BRD_STORY_LOST = 1,     // It had finished, the result is gone
    BRD_STORY_STOPPED = 2,  // The worker was stopped by a signal
    BRD_STORY_CLOSED = 4,   // The worker had closed its descriptors
    BRD_STORY_MAYBE = 8     // Its host is gone, it may have run
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

enum {
    BRD_WIRE_FAMILY = 32
};

// The entry of OPEN: what each of the pool's workers is to be. What points into
// the message may be the sender's own when it is written.
typedef struct {
    uint64_t initializer;  // A function's number, 0: none
    int64_t max_age_ns;    // 0: any
    uint64_t max_memory;   // In bytes, 0: any
    uint32_t max_tasks;    // 0: any
    int32_t nice;
    uint32_t name_size;
    uint32_t initargs_size;
    const char *name;      // Not terminated
    const void *initargs;  // A msgpack value, or nothing
    // The secret of the brood above (client/brd_session.h), by which its
    // managers know who is of it; zeros: none
    unsigned char family[BRD_WIRE_FAMILY];
} brd_wire_open_t;

// The only entry of DUCT_OPEN, DUCT_BYTES, DUCT_CREDIT and DUCT_END.
typedef struct {
    uint64_t duct;     // Chosen below, each higher than those before; not 0
    uint64_t manager;  // DUCT_OPEN: its number; else 0
    uint32_t count;    // DUCT_CREDIT: bytes; DUCT_END: errno, 0 for a good end
    uint32_t size;     // DUCT_BYTES: of the body; else 0
    const void *body;
} brd_wire_duct_t;

// Both ends of a duct may send so many bytes before any credit has come.
enum {
    BRD_WIRE_DUCT_WINDOW = 262144
};

// All others but RETIRE, STOP and the DUCT_s have notes; PROGRESS, EMIT,
// CREDIT, LOG, INVITE, SLOTS, QUERY and REPORT one each.
typedef struct {
    uint64_t seq;    // Of the task; LOG: nanoseconds since the epoch; INVITE:
                     // the pool's number; SLOTS of 0: errno, if it is for good;
                     // else how far they are: ns there and back, on average;
                     // QUERY: the asker's, REPORT: that of the question
    double done;     // PROGRESS
    double total;    // PROGRESS
    uint32_t count;  // CREDIT, SLOTS; LOG: level; KILL: grace in ms; REPORT:
                     // errno, 0: the body is the answer, else it says why
    uint32_t size;   // EMIT, LOG; INVITE: a socket's name; SLOTS of 0: why;
                     // QUERY: a text
    uint16_t slot;
    const void *body;
} brd_wire_note_t;

#endif  // BRD_WIRE_H
