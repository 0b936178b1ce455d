// brd_job_run.h - a map while it runs, whatever its items are
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_JOB_RUN_H
#define BRD_JOB_RUN_H

#include "api/brd_pool.h"
#include "wire/brd_job.h"

typedef struct brd_job_run brd_job_run_t;

typedef struct {
    const void *in;
    size_t in_size;
    void *out;  // NULL: no results
    size_t out_size;
    size_t n;
} brd_map_arrays_t;

// The messages of a map over messages: bytes in the arena, each item's start.
typedef struct {
    const void *bytes;
    size_t size;
    const uint64_t *starts;  // n + 1, into bytes
} brd_map_items_t;

// n items for fn, not started. options may be NULL and must stay until the end;
// their arg is copied. NULL with ENOMEM, ENOSPC or EINVAL.
brd_job_run_t *
brd_job_run_new (brood_pool_t *pool,
                 uint64_t fn,
                 size_t n,
                 const brood_map_options_t *options);

// Before the start: what the items are. -1 with ENOSPC.
int
brd_job_run_set_arrays (brd_job_run_t *self, const brd_map_arrays_t *arrays);
int
brd_job_run_set_messages (brd_job_run_t *self, const brd_map_items_t *items);

// Starts it and waits for its end, showing progress. 0, or -1 with the first
// failure by index.
int
brd_job_run_wait (brd_job_run_t *self);

// Starts it; future ends with it and the run frees itself. -1: nothing has
// started, and both are still the caller's.
int
brd_job_run_start (brd_job_run_t *self, brood_future_t *future);

// Locked. No more items start, those that run are told, and after grace_ns, if
// that is not negative, ended.
void
brd_job_run_stop (brd_job_run_t *self, int64_t grace_ns);

// After wait: what a message item came to; NULL if it failed.
const void *
brd_job_run_result (const brd_job_run_t *self, size_t item, size_t *ret_size);

// Only when it does not run.
void
brd_job_run_destroy (brd_job_run_t **self_p);

// -1 with EINVAL.
int
brd_map_check_options (const brood_map_options_t *options);

// A map that could not begin: errno is every item's error too. -1.
int
brd_map_refuse (const brood_map_options_t *options, size_t n);

// The story of an item that returned non-zero.
void
brd_map_story (brood_error_info_t *ret_info,
               const char *task,
               size_t item,
               int attempt,
               const char *text);

#endif  // BRD_JOB_RUN_H
