// brd_job.h - a map, laid out in the arena for its workers to share
//
// SPDX-License-Identifier: MPL-2.0
//
// The workers of a map do not get items by message. Each gets one leg ("work
// on this job") and then takes ranges of items from a shared counter until
// there are none, so the load balances itself and a map of a million tiny items
// costs two messages a worker.
//
// Nothing is lost with a worker: which item it was in, its page says; which
// items are accounted for, the marks say, one bit for each grain of items. The
// owner goes through both when all legs have ended and hands out what is
// missing.

#ifndef BRD_JOB_H
#define BRD_JOB_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/types.h>

// Marks a job has at most; a grain is n / this, rounded up.
#define BRD_JOB_GRAINS_MAX 65536

typedef enum {
    BRD_JOB_ARRAYS,   // in and out are arrays in the arena
    BRD_JOB_PEEK,     // in and out are in the owner's memory
    BRD_JOB_MESSAGES  // in: bytes, with starts; out: brd_job_result_t
} brd_job_kind_t;

// What a message item came to; bytes lie in a block of job->blocks.
typedef struct {
    uint64_t offset;  // In the arena
    uint32_t size;
    _Atomic int32_t done;  // 1: here it is; written last
} brd_job_result_t;

// What is to be done. The owner keeps a copy of its own and believes no other:
// a worker that writes where it should not must not lead the owner astray.
typedef struct {
    uint32_t kind;  // brd_job_kind_t
    int32_t owner;  // pid
    uint64_t n;
    uint64_t grain;    // Items per mark
    uint64_t chunk;    // Items per range, 0: from measured time
    uint64_t legs;     // How many share it, to be fair at the end
    uint64_t in;       // Address, valid in every process (PEEK: owner's)
    uint64_t out;      // 0: no results
    uint64_t in_size;  // Of an element
    uint64_t out_size;
    uint64_t starts;  // Messages: address of n + 1 offsets into in
    uint64_t arg;     // Address of the copy, 0
    uint64_t errors;  // Address of n int32_t, 0: not wanted
    uint64_t fn;
    int32_t stop_at_error;
} brd_job_plan_t;

typedef struct brd_job {
    brd_job_plan_t plan;    // Set by the owner before the first leg
    _Atomic uint32_t stop;  // 1: no more items; read for each, so it lies here

    // Shared
    _Alignas(64) _Atomic uint64_t next;  // First item not claimed
    _Alignas(64) _Atomic uint64_t done;  // Items that ended, well or not
    _Atomic uint64_t cancelled;          // Of them: stopped before they started
    _Atomic uint64_t first_failed;  // Lowest index + 1 of those that failed
    _Atomic uint64_t blocks;        // Chain of result blocks, arena offset
    _Atomic uint64_t marks[];       // A bit per grain: accounted for
} brd_job_t;

// The body of a BRD_TASK_MAP.
typedef struct {
    uint64_t job;    // Arena offset
    uint64_t first;  // A range of its own, first < end; or both 0: from next
    uint64_t end;
    uint64_t single;  // 1: one item with options of its own: its failure is
                      // the task's
} brd_job_leg_t;

// What a leg of many items says when it ends: its lowest failed item.
typedef struct {
    uint64_t failed_item;  // + 1; 0: none, and no text
    char text[512];        // As long as the result's size says
} brd_job_report_t;

// Head of a block of message results.
typedef struct {
    uint64_t next;  // Arena offset, 0: last
    uint64_t used;
    uint64_t size;  // With this head
} brd_job_block_t;

#endif  // BRD_JOB_H
