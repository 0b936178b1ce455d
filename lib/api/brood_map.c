// brood_map.c - a map: laid out, handed out, put together
//
// SPDX-License-Identifier: MPL-2.0
//
//     brood_pool_map
//       a job in the arena                       (wire/brd_job.h)
//       a leg for each worker, or, with options for each item, one for each
//       wait; meanwhile the caller drives and shows progress
//     a leg ends (s_leg_ended, under the lock)
//       well:    nothing to do, the job has counted
//       a death: the page says which item: that one has failed, what was
//                claimed behind it is handed out again
//     no leg is left
//       the marks show what was claimed and never begun: handed out again
//       nothing missing: the outcome
//
// Arrays in the arena are worked on where they lie. Others are read and written
// by the workers in the owner's memory, or, where the system forbids that,
// copied into the arena and back.
//
// Read next: workers/worker_map.c, the other side; brood_map_msg.c, maps over
// messages.

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "api/brd_job_run.h"
#include "api/brd_runtime.h"
#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "base/brd_mem.h"
#include "brood/brood_pool.h"

// --- Arguments -------------------------------------------------------------

static int
s_check_sizes (
    const void *in, size_t in_size, const void *out, size_t out_size, size_t n)
{
    size_t bytes;
    BRD_REQUIRE (in != NULL || n == 0, -1);
    BRD_REQUIRE (in_size > 0, -1);
    BRD_REQUIRE (out == NULL || out_size > 0, -1);
    BRD_REQUIRE (!__builtin_mul_overflow (in_size, n, &bytes)
                     && bytes <= PTRDIFF_MAX,
                 -1);
    BRD_REQUIRE (!__builtin_mul_overflow (out_size, n, &bytes)
                     && bytes <= PTRDIFF_MAX,
                 -1);
    return 0;
}

// A registered mapper says how large its elements are.
static int
s_check_mapper (uint64_t fn, size_t in_size, const void *out, size_t out_size)
{
    const brd_tasks_entry_t *entry = brd_tasks_of (fn);
    if (!entry || !entry->mapper)
        return 0;
    if (entry->in_size == in_size
        && (entry->out_size == 0 || (out && entry->out_size == out_size)))
        return 0;
    return brd_error_set (EINVAL,
                          "%s maps elements of %zu bytes to %zu, not %zu to "
                          "%zu",
                          entry->name,
                          entry->in_size,
                          entry->out_size,
                          in_size,
                          out ? out_size : 0);
}

int
brd_map_check_options (const brood_map_options_t *options)
{
    if (!options)
        return 0;
    BRD_REQUIRE_ZERO (options->reserved_, -1);
    BRD_REQUIRE (options->timeout_ms >= 0, -1);
    BRD_REQUIRE (options->arg_size_bytes == 0 || options->arg != NULL, -1);
    brd_core_task_options_t core;
    return options->task ? brd_pool_task_options (options->task, &core) : 0;
}

int
brd_map_refuse (const brood_map_options_t *options, size_t n)
{
    for (size_t i = 0; options && options->ret_errors && i < n; i++)
        options->ret_errors[i] = errno;
    return -1;
}

// --- Inline ----------------------------------------------------------------

static int
s_map_inline (brood_pool_t *pool,
              brood_mapper_fn *fn,
              const brd_map_arrays_t *arrays,
              const brood_map_options_t *options)
{
    static const brood_map_options_t none;
    brd_inline_t call;
    brd_core_task_options_t core;
    brood_error_info_t first;
    int failed = 0;
    const brood_map_options_t *o = options ? options : &none;
    if (o->task && brd_pool_task_options (o->task, &core) < 0)
        return -1;
    brd_inline_init (&call, o->task ? &core : NULL, NULL);
    const uint64_t address = brd_pool_address (&fn);
    const char *in = arrays->in;
    char *out = arrays->out;
    for (size_t i = 0; i < arrays->n; i++) {
        const int stopped = failed && o->stop_at_error;
        int status = 0;
        if (!stopped)
            status = brd_inline_map (&call,
                                     pool,
                                     fn,
                                     in + i * arrays->in_size,
                                     out ? out + i * arrays->out_size : NULL,
                                     (void *) (uintptr_t) o->arg);
        if (o->ret_errors)
            o->ret_errors[i] = stopped ? ECANCELED : status != 0 ? EIO : 0;
        if (status != 0 && !failed) {
            brd_map_story (&first,
                           brd_pool_task_name (address),
                           i,
                           call.attempt,
                           call.text);
            failed = 1;
        }
        if (o->progress)
            o->progress ((long) i + 1, (long) arrays->n, o->progress_arg);
    }
    return failed ? brd_error_take (&first) : 0;
}

// --- The calls -------------------------------------------------------------

// A run ready to start; NULL with errno.
static brd_job_run_t *
s_prepare (brood_pool_t *self,
           brood_mapper_fn *fn,
           const brd_map_arrays_t *arrays,
           const brood_map_options_t *options)
{
    brd_job_run_t *run =
        brd_job_run_new (self, brd_pool_address (&fn), arrays->n, options);
    if (run && brd_job_run_set_arrays (run, arrays) < 0)
        brd_job_run_destroy (&run);
    return run;
}

static int
s_check (brood_pool_t *self,
         brood_mapper_fn *fn,
         const brd_map_arrays_t *arrays,
         const brood_map_options_t *options)
{
    if (brd_pool_check (self, &fn, "brood_pool_map") < 0
        || s_check_sizes (arrays->in,
                          arrays->in_size,
                          arrays->out,
                          arrays->out_size,
                          arrays->n)
               < 0
        || s_check_mapper (brd_pool_address (&fn),
                           arrays->in_size,
                           arrays->out,
                           arrays->out_size)
               < 0)
        return -1;
    return brd_map_check_options (options);
}

int
brood_pool_map_sized (brood_pool_t *self,
                      brood_mapper_fn *fn,
                      const void *in,
                      size_t in_size_bytes,
                      void *out,
                      size_t out_size_bytes,
                      size_t n,
                      const brood_map_options_t *options)
{
    const brd_map_arrays_t arrays = {
        in, in_size_bytes, out, out_size_bytes, n
    };
    if (s_check (self, fn, &arrays, options) < 0)
        return -1;
    if (n == 0)
        return 0;
    if (!self->pool)
        return s_map_inline (self, fn, &arrays, options);
    brd_job_run_t *run = s_prepare (self, fn, &arrays, options);
    if (!run)
        return brd_map_refuse (options, n);
    const int rc = brd_job_run_wait (run);
    const int saved_errno = errno;
    brd_job_run_destroy (&run);
    errno = saved_errno;
    return rc;
}

brood_future_t *
brood_pool_map_sized_async (brood_pool_t *self,
                            brood_mapper_fn *fn,
                            const void *in,
                            size_t in_size_bytes,
                            void *out,
                            size_t out_size_bytes,
                            size_t n,
                            const brood_map_options_t *options)
{
    const brd_map_arrays_t arrays = {
        in, in_size_bytes, out, out_size_bytes, n
    };
    if (s_check (self, fn, &arrays, options) < 0)
        return NULL;
    if (options && (options->timeout_ms > 0 || options->progress)) {
        brd_error_set (ENOTSUP,
                       "a map that nobody waits for has no timeout and no "
                       "progress");
        return NULL;
    }
    const char *name = brd_pool_task_name (brd_pool_address (&fn));
    brood_future_t *future = brd_future_new (self->host, name);
    if (!future)
        return NULL;
    if (n > 0 && self->pool) {
        brd_job_run_t *run = s_prepare (self, fn, &arrays, options);
        if (run && brd_job_run_start (run, future) == 0)
            return future;
        brd_job_run_destroy (&run);
        brood_future_destroy (&future);
        return NULL;
    }
    const int rc = n > 0 ? s_map_inline (self, fn, &arrays, options) : 0;
    brd_host_lock (self->host);
    if (rc < 0)
        brd_future_end_info (future, brd_error_get ());
    else
        brd_future_end (future, &(brd_call_end_t){ 0 });
    brd_host_unlock (self->host);
    return future;
}
