// brd_job_private.h - what the files of a running map share
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_JOB_PRIVATE_H
#define BRD_JOB_PRIVATE_H

#include "api/brd_job_run.h"
#include "base/brd_buf.h"
#include "base/brd_list.h"

// One leg: a call of the host, its body, its run.
typedef struct {
    brd_call_t call;
    brd_list_t link;  // In run.legs
    brd_job_leg_t order;
    brd_job_run_t *run;
    brd_buf_t message;  // A chunk's order
} brd_job_leg_call_t;

struct brd_job_run {
    brood_pool_t *pool;  // A reference
    brd_host_t *host;
    brd_arena_t *arena;
    brd_job_t *job;
    brd_job_plan_t plan;                 // What the job's is a copy of
    const brood_map_options_t *options;  // Or NULL
    const char *name;
    int *ret_errors;
    int remote;  // 1: legs are chunks, see brd_job_chunk.c
    int single;  // 1: an item each, with task_options
    struct {
        int given;
        uint8_t priority;
        brd_core_task_options_t core;
    } task_options;

    void *staged_in;  // Copies in the arena, where workers may not peek
    void *staged_out;
    void *user_out;  // Where staged_out goes
    void *results;   // Messages: brd_job_result_t each
    void *bytes;     // Messages: the items

    brd_list_t legs;
    size_t under_way;
    uint64_t begun;  // Legs the core has taken at the start
    int starting;    // 1: more legs will be submitted
    int finished;
    int timed_out;
    int interrupted;
    int error;            // Why it could not go on, 0
    uint64_t story_item;  // + 1; story is of this item
    brood_error_info_t story;
    brood_future_t *future;  // Of an asynchronous map

    // Remote only
    uint64_t number;         // The function's
    brd_list_t todo;         // Legs with items that have come back undone
    int handing_out;         // 1: somebody further up does it
    int64_t item_ns;         // What an item takes, smoothed; 0: not known yet
    int64_t chunk_ns;        // And a chunk
    brd_job_block_t *block;  // Where results of messages go
};

// Submits the legs. -1: nothing runs.
int
brd_job_run_begin (brd_job_run_t *self);

// A new leg, not submitted; NULL with ENOMEM. Locked, or not started yet.
brd_job_leg_call_t *
brd_job_run_leg (brd_job_run_t *self, uint64_t first, uint64_t end);
void
brd_job_run_leg_free (brd_job_leg_call_t *leg);

// Locked. The item has failed, or the run as a whole.
void
brd_job_run_item_failed (brd_job_run_t *self,
                         uint64_t item,
                         const brd_call_end_t *end);
void
brd_job_run_broken (brd_job_run_t *self, const brd_call_end_t *end);

// Locked. All there was has ended: wakes who waits. May be the end of self.
void
brd_job_run_end (brd_job_run_t *self);

// 1 for errors that are the end of a worker or a call, not of the pool.
int
brd_job_run_is_death (int error);

// After the end: results to where they belong, then the verdict.
int
brd_job_run_finish (brd_job_run_t *self);

// Locked. The same for an asynchronous map; ends its future, frees the run.
void
brd_job_run_finish_async (brd_job_run_t *self);

// --- brd_job_chunk.c -------------------------------------------------------

// Before the start. -1 with EINVAL: the function has no number.
int
brd_job_chunk_init (brd_job_run_t *self, uint64_t fn);

// Submits the first chunks. -1 when one was refused; begun says how many were
// not.
int
brd_job_chunk_begin (brd_job_run_t *self);

// Locked. Hands out what is left, as far as there is room, or ends the run.
void
brd_job_chunk_go_on (brd_job_run_t *self);

// After the end: what was not done is cancelled.
void
brd_job_chunk_settle (brd_job_run_t *self);

#endif  // BRD_JOB_PRIVATE_H
