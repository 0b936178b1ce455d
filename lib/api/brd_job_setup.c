// brd_job_setup.c - laying a map out in the arena, and picking it up again
//
// SPDX-License-Identifier: MPL-2.0
//
//     one block:   job | marks | arg | errors
//     arrays:      in the arena already, or the owner's, or staged
//     messages:    bytes | starts, and a result record for each
//
// Read next: brd_job_run.c, what happens in between.

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "api/brd_job_private.h"
#include "api/brd_runtime.h"
#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_mem.h"

static uint64_t
s_address (const void *memory)
{
    return (uint64_t) (uintptr_t) memory;
}

// --- Laying out ------------------------------------------------------------

static uint64_t
s_grain (size_t n, size_t chunk)
{
    return chunk > 0 ? chunk
                     : (n + BRD_JOB_GRAINS_MAX - 1) / BRD_JOB_GRAINS_MAX;
}

static size_t
s_padded (size_t size)
{
    return (size + 63) & ~(size_t) 63;
}

// The block with the job, its marks, the arg and the errors.
static int
s_layout (brd_job_run_t *self, uint64_t fn, size_t n)
{
    static const brood_map_options_t none;
    const brood_map_options_t *options = self->options ? self->options : &none;
    const size_t chunk = options->chunk < n ? options->chunk : n;
    const uint64_t grain = s_grain (n, chunk);
    const size_t marks = (size_t) ((n / grain + 1 + 63) / 64) * 8;
    const size_t arg_at = s_padded (sizeof *self->job + marks);
    const size_t errors_at = arg_at + s_padded (options->arg_size_bytes);
    const size_t size =
        errors_at + (options->ret_errors ? n * sizeof (int32_t) : 0);
    if (options->arg_size_bytes > SIZE_MAX / 4)
        return brd_error_set (ENOSPC, "the argument of the map is too large");
    if (self->remote && options->arg && options->arg_size_bytes == 0)
        return brd_error_set (EINVAL,
                              "arg: workers on other hosts do not have this "
                              "memory; arg_size_bytes has it copied");
    if (options->arg && options->arg_size_bytes == 0 && self->pool->code
        && self->pool->code->moved
        && !brd_arena_holds (self->arena, options->arg, 1))
        return brd_error_set (EINVAL,
                              "arg: workers started by exec do not have this "
                              "memory; arg_size_bytes has it copied");
    self->job = brd_arena_alloc (self->arena, size, (uint32_t) getpid (), 1);
    if (!self->job)
        return -1;
    char *block = (char *) self->job;
    self->plan.owner = getpid ();
    self->plan.n = n;
    self->plan.grain = grain;
    self->plan.chunk = chunk;
    self->plan.fn = self->remote ? fn : brd_pool_there (self->pool, fn);
    self->plan.stop_at_error = options->stop_at_error;
    const uint64_t workers = (uint64_t) self->pool->workers;
    self->plan.legs = workers < n ? workers : n;
    if (options->arg) {
        self->plan.arg = s_address (options->arg);
        if (options->arg_size_bytes > 0) {
            memcpy (block + arg_at, options->arg, options->arg_size_bytes);
            self->plan.arg = s_address (block + arg_at);
        }
    }
    if (options->ret_errors)
        self->plan.errors = s_address (block + errors_at);
    return 0;
}

brd_job_run_t *
brd_job_run_new (brood_pool_t *pool,
                 uint64_t fn,
                 size_t n,
                 const brood_map_options_t *options)
{
    brd_job_run_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    brd_pool_ref (pool);
    self->pool = pool;
    self->host = pool->host;
    self->arena = brd_runtime_arena ();
    self->options = options;
    self->name = brd_pool_task_name (fn);
    self->ret_errors = options ? options->ret_errors : NULL;
    brd_list_init (&self->legs);
    brd_list_init (&self->todo);
    self->remote = brd_host_pool_is_remote (pool->pool);
    if (options && options->task) {
        self->single = 1;
        self->task_options.given = 1;
        self->task_options.priority = (uint8_t) options->task->priority;
        if (brd_pool_task_options (options->task, &self->task_options.core) < 0)
            goto error;
    }
    if ((self->remote && brd_job_chunk_init (self, fn) < 0)
        || s_layout (self, fn, n) < 0)
        goto error;
    return self;

error:
    brd_job_run_destroy (&self);
    return NULL;
}

// Copies of arrays that workers can reach in no other way. out is copied too,
// because items that fail leave theirs as it was.
static int
s_stage (brd_job_run_t *self, const brd_map_arrays_t *arrays)
{
    const size_t in_size = arrays->n * arrays->in_size;
    const size_t out_size = arrays->n * arrays->out_size;
    const uint32_t slot = (uint32_t) getpid ();
    self->staged_in = brd_arena_alloc (self->arena, in_size, slot, 0);
    if (!self->staged_in)
        return -1;
    memcpy (self->staged_in, arrays->in, in_size);
    self->plan.in = s_address (self->staged_in);
    if (!arrays->out)
        return 0;
    self->staged_out = brd_arena_alloc (self->arena, out_size, slot, 0);
    if (!self->staged_out)
        return -1;
    memcpy (self->staged_out, arrays->out, out_size);
    self->user_out = arrays->out;
    self->plan.out = s_address (self->staged_out);
    return 0;
}

int
brd_job_run_set_arrays (brd_job_run_t *self, const brd_map_arrays_t *arrays)
{
    self->plan.in = s_address (arrays->in);
    self->plan.out = s_address (arrays->out);
    self->plan.in_size = arrays->in_size;
    self->plan.out_size = arrays->out ? arrays->out_size : 0;
    const int in_arena =
        brd_arena_holds (self->arena, arrays->in, arrays->n * arrays->in_size);
    const int out_arena = !arrays->out
                          || brd_arena_holds (self->arena,
                                              arrays->out,
                                              arrays->n * arrays->out_size);
    const brd_host_reach_t reach = brd_host_pool_reach (self->pool->pool);
    self->plan.kind = BRD_JOB_ARRAYS;
    // Far workers may be at them still when this process has died and its
    // arrays are gone; copies are there until nobody uses them.
    if ((in_arena && out_arena && !self->pool->far)
        || reach == BRD_HOST_REACH_ALL || self->remote)
        return 0;
    if (reach == BRD_HOST_REACH_NONE)
        return s_stage (self, arrays);
    self->plan.kind = BRD_JOB_PEEK;
    return 0;
}

int
brd_job_run_set_messages (brd_job_run_t *self, const brd_map_items_t *items)
{
    const uint32_t slot = (uint32_t) getpid ();
    const size_t starts_at = s_padded (items->size);
    const size_t starts_size = (self->plan.n + 1) * sizeof (uint64_t);
    char *bytes =
        brd_arena_alloc (self->arena, starts_at + starts_size, slot, 0);
    self->bytes = bytes;
    self->results = brd_arena_alloc (
        self->arena, self->plan.n * sizeof (brd_job_result_t), slot, 1);
    if (!self->bytes || !self->results)
        return -1;
    memcpy (bytes, items->bytes, items->size);
    memcpy (bytes + starts_at, items->starts, starts_size);
    self->plan.kind = BRD_JOB_MESSAGES;
    self->plan.in = s_address (bytes);
    self->plan.starts = s_address (bytes + starts_at);
    self->plan.out = s_address (self->results);
    return 0;
}

int
brd_job_run_start (brd_job_run_t *self, brood_future_t *future)
{
    // The host's part of the future: released when it has ended.
    brd_host_lock (self->host);
    brd_future_ref (future);
    self->future = future;
    future->run = self;
    brd_host_unlock (self->host);
    if (brd_job_run_begin (self) == 0)
        return 0;
    const int error = errno;
    brd_host_lock (self->host);
    future->run = NULL;
    brd_future_unref (future);
    self->future = NULL;
    brd_host_unlock (self->host);
    errno = error;
    return -1;
}

// --- Picking up ------------------------------------------------------------

// Items nobody came to: beyond the counter, or never handed out. errno for
// them.
static int
s_unfinished (const brd_job_run_t *self)
{
    if (self->error != 0)
        return self->error;
    if (self->interrupted)
        return EINTR;
    return self->timed_out ? ETIMEDOUT : ECANCELED;
}

static void
s_collect_errors (brd_job_run_t *self)
{
    const brd_job_t *job = self->job;
    const int32_t *errors = (const int32_t *) (uintptr_t) self->plan.errors;
    const int unfinished = s_unfinished (self);
    const uint64_t next = atomic_load (&job->next);
    if (!self->ret_errors || !errors)
        return;
    for (uint64_t i = 0; i < self->plan.n; i++) {
        const int beyond = i >= (self->single ? self->begun : next);
        const int error = errors[i];
        self->ret_errors[i] = beyond || error == ECANCELED ? unfinished : error;
    }
}

static int
s_verdict (brd_job_run_t *self)
{
    const brd_job_t *job = self->job;
    const uint64_t first = atomic_load (&job->first_failed);
    const uint64_t reached =
        self->single ? atomic_load (&job->done) : atomic_load (&job->next);
    const uint64_t missing =
        atomic_load (&job->cancelled)
        + (reached < self->plan.n ? self->plan.n - reached : 0);
    if (first == 0 && missing == 0 && self->error == 0)
        return 0;
    if (first > 0 && self->story_item == first)
        return brd_error_take (&self->story);
    if (first > 0)
        return brd_error_set (EIO,
                              "%s item %llu: failed",
                              self->name,
                              (unsigned long long) first - 1);
    if (self->error != 0 && self->story.error == self->error)
        return brd_error_take (&self->story);
    const int error = s_unfinished (self);
    return brd_error_set (error,
                          "%s: %llu of %llu items were not done: %s",
                          self->name,
                          (unsigned long long) missing,
                          (unsigned long long) self->plan.n,
                          strerror (error));
}

int
brd_job_run_finish (brd_job_run_t *self)
{
    if (self->remote)
        brd_job_chunk_settle (self);
    if (self->staged_out)
        memcpy (self->user_out,
                self->staged_out,
                (size_t) (self->plan.n * self->plan.out_size));
    s_collect_errors (self);
    return s_verdict (self);
}

void
brd_job_run_finish_async (brd_job_run_t *self)
{
    brood_future_t *future = self->future;
    const brd_call_end_t done = { .attempt = 1 };
    future->run = NULL;
    if (brd_job_run_finish (self) < 0)
        brd_future_end_info (future, brd_error_get ());
    else
        brd_future_end (future, &done);
    self->future = NULL;
    brd_future_unref (future);
    brd_job_run_destroy (&self);
}

const void *
brd_job_run_result (const brd_job_run_t *self, size_t item, size_t *ret_size)
{
    const brd_job_result_t *result =
        (const brd_job_result_t *) self->results + item;
    // A worker wrote it: believed only as far as it stays in the arena.
    const void *bytes =
        result->done ? brd_arena_at (self->arena, result->offset) : NULL;
    *ret_size = result->size;
    return bytes && brd_arena_holds (self->arena, bytes, *ret_size) ? bytes
                                                                    : NULL;
}

// Workers have made the chain: it ends where it leads to what is no block, or
// back to one that has been freed.
static void
s_free_blocks (brd_job_run_t *self)
{
    uint64_t offset = atomic_load (&self->job->blocks);
    while (offset != 0) {
        brd_job_block_t *block = brd_arena_at (self->arena, offset);
        if (!block
            || (s_address (block) - s_address (self->job)) % BRD_ARENA_RUN != 0
            || !brd_arena_holds (self->arena, block, sizeof *block))
            return;
        offset = block->next;
        brd_arena_free (self->arena, block);
    }
}

void
brd_job_run_destroy (brd_job_run_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    const int saved_errno = errno;
    brd_job_run_t *self = *self_p;
    if (self->job && self->remote)
        brd_job_chunk_settle (self);
    if (self->job)
        s_free_blocks (self);
    brd_arena_free (self->arena, self->staged_in);
    brd_arena_free (self->arena, self->staged_out);
    brd_arena_free (self->arena, self->results);
    brd_arena_free (self->arena, self->bytes);
    brd_arena_free (self->arena, self->job);
    brd_pool_unref (self->pool);
    brd_mem_free (self);
    *self_p = NULL;
    errno = saved_errno;
}
