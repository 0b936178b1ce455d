// brd_job_private.h - what the two files of a running map share
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_JOB_PRIVATE_H
#define BRD_JOB_PRIVATE_H

#include "api/brd_job_run.h"
#include "base/brd_list.h"

// One leg: a call of the host, its body, its run.
typedef struct {
    brd_call_t call;
    brd_list_t link;  // In run.legs
    brd_job_leg_t order;
    brd_job_run_t *run;
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
};

// Submits the legs. -1: nothing runs.
int
brd_job_run_begin (brd_job_run_t *self);

// After the end: results to where they belong, then the verdict.
int
brd_job_run_finish (brd_job_run_t *self);

// Locked. The same for an asynchronous map; ends its future, frees the run.
void
brd_job_run_finish_async (brd_job_run_t *self);

#endif  // BRD_JOB_PRIVATE_H
