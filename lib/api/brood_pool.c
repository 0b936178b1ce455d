// brood_pool.c - workers that run functions
//
// SPDX-License-Identifier: MPL-2.0
//
// The first of the five rooms a call passes:
//
//     1 class   here: picture -> body, a future, which function
//     2 client  lib/client/brd_tasks.c: is the function in the snapshot?
//     3 host    broker/host/host.c: lock, step the core, send what it offers
//     4 core    broker/core/core_task.c: which worker, now or later
//     5 worker  workers/worker_loop.c: claim, call, hand over
//     3 host    host_turn.c: result -> event DONE
//     4 core    feeds the worker, ends the task
//     1 class   brood_future.c, s_ended: the future is done
//
// Maps are in brood_map.c, streams in brood_stream.c, inline pools in
// brd_inline.c.

#include "brood/brood_pool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "api/brd_children.h"
#include "api/brd_exec.h"
#include "api/brd_pool.h"
#include "api/brd_runtime.h"
#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_hash.h"
#include "base/brd_log.h"
#include "base/brd_mem.h"
#include "client/brd_msg.h"
#include "wire/brd_picture.h"
#include "wire/brd_value.h"

// Descriptors left to the program when a pool is made.
enum {
    S_DESCRIPTORS_SPARE = 64,
    S_DESCRIPTORS_OF_THREAD = 6  // To wake it, to listen, its link's, both ends
};

// --- Making ----------------------------------------------------------------

static int
s_check_options (const brood_pool_options_t *options)
{
    BRD_REQUIRE_ZERO (options->reserved_, -1);
    BRD_REQUIRE (options->workers >= 0
                     && options->workers <= BROOD_POOL_WORKERS_MAX,
                 -1);
    BRD_REQUIRE (options->max_tasks >= 0 && options->max_seconds >= 0, -1);
    BRD_REQUIRE (options->restarts_max >= 0, -1);
    BRD_REQUIRE (!options->name || strlen (options->name) < BROOD_NAME_SIZE,
                 -1);
    return brd_exec_check (options->start_exec, options->executable);
}

// Each worker costs a descriptor here and one in the nursery, a thread all of
// its own. Better a clear no than workers that cannot be talked to.
static int
s_check_descriptors (const brood_pool_t *self, int workers)
{
    struct rlimit limit;
    const int need = workers * (self->threads ? S_DESCRIPTORS_OF_THREAD : 1)
                     + S_DESCRIPTORS_SPARE;
    if (getrlimit (RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY
        || (rlim_t) need <= limit.rlim_cur)
        return 0;
    return brd_error_set (EMFILE,
                          "%d workers need %d descriptors, the limit is %llu "
                          "(ulimit -n)",
                          workers,
                          need,
                          (unsigned long long) limit.rlim_cur);
}

// What only a process can have.
static int
s_check_threads (const brood_pool_t *self, const brood_pool_options_t *options)
{
    if (self->threads && (options->max_memory_bytes > 0 || options->start_exec))
        return brd_error_set (
            EINVAL,
            "max_memory_bytes and start_exec are for processes, not threads");
    return 0;
}

static void *
s_copy_msg (const brood_msg_t *msg, size_t *ret_size)
{
    static const unsigned char nil[] = { 0xc0 };
    const void *bytes = nil;
    *ret_size = sizeof nil;
    if (msg)
        bytes = brd_msg_data (msg, ret_size);
    void *copy = bytes ? brd_mem_alloc (*ret_size) : NULL;
    if (copy)
        memcpy (copy, bytes, *ret_size);
    return copy;
}

// elsewhere: the place of other hosts, NULL.
static int
s_open (brood_pool_t *self,
        const brood_pool_options_t *options,
        const char *elsewhere)
{
    brd_host_pool_options_t host = {
        .core = {
            .workers = (uint32_t) self->workers,
            .max_tasks = (uint32_t) options->max_tasks,
            .restarts_max = (uint32_t) options->restarts_max,
            .on_demand = options->on_demand != 0,
        },
        .setup = {
            .initializer = options->initializer,
            .max_age_ns = (int64_t) options->max_seconds * 1000000000,
            .max_memory = options->max_memory_bytes,
            .leaving = brd_runtime_leave,
        },
        .name = self->name,
        .nice = options->nice,
        .pin = options->pin,
        .threads = self->threads,
    };
    if (elsewhere ? brd_pool_far_check (options) < 0
                  : s_check_descriptors (self, self->workers) < 0)
        return -1;
    self->code = brd_mem_alloc (sizeof *self->code);
    host.setup.initargs =
        s_copy_msg (options->initargs, &host.setup.initargs_size);
    if (!self->code || !host.setup.initargs)
        goto error;
    brd_code_look (self->code);
    host.code = self->threads ? NULL : self->code;
    (void) brd_children_current ();  // Its workers' parent
    if (elsewhere)
        self->pool = brd_pool_far_open (self, &host, elsewhere);
    else if (options->start_exec)
        self->pool = brd_pool_exec_open (self, &host, options->executable);
    else
        self->pool = brd_host_pool_open (self->host, &host);
    if (self->pool && elsewhere)
        brd_mem_free (host.setup.initargs);  // It was sent
    if (self->pool)
        return 0;

error:
    brd_mem_free (host.setup.initargs);
    return -1;
}

// An inline pool has one worker: the caller, whose initializer runs now.
static int
s_open_inline (brood_pool_t *self, const brood_pool_options_t *options)
{
    brd_inline_t call;
    self->workers = 1;
    if (!options->initializer)
        return 0;
    brood_msg_t *in = brd_msg_new_empty (), *out = brd_msg_new_empty ();
    int rc = in && out ? 0 : -1;
    brd_inline_init (&call, NULL, NULL);
    if (rc == 0
        && brd_inline_run (&call,
                           self,
                           options->initializer,
                           options->initargs ? options->initargs : in,
                           out)
               != 0)
        rc = brd_error_set (ENOEXEC, "the initializer failed: %s", call.text);
    self->done = 0;
    brood_msg_destroy (&in);
    brood_msg_destroy (&out);
    return rc;
}

static brood_pool_t *
s_new (const brood_pool_options_t *options,
       const brd_spec_t *spec,
       brd_host_t *host)
{
    brood_pool_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    brd_handle_init (&self->handle, BRD_KIND_POOL);
    brd_list_init (&self->link);
    self->host = host;
    self->threads = spec->threads;
    atomic_store (&self->refs, 1);
    self->workers = options->workers > 0 ? options->workers : spec->workers;
    const char *name = options->name ? options->name : "brood-pool";
    snprintf (self->name, sizeof self->name, "%s", name);
    int rc = s_check_threads (self, options);
    if (rc == 0)
        rc = spec->inline_calls ? s_open_inline (self, options)
                                : s_open (self, options, spec->elsewhere);
    if (rc < 0)
        brood_pool_destroy (&self);
    else
        brd_pool_enter (self);
    return self;
}

brood_pool_t *
brood_pool_new_with (const brood_pool_options_t *options)
{
    brd_spec_t spec;
    BRD_REQUIRE (options != NULL, NULL);
    if (s_check_options (options) < 0)
        return NULL;
    brd_host_t *host = brd_runtime_host ();
    if (!host || brd_spec_read (options->spec, &spec) < 0)
        return NULL;
    brood_pool_t *self = s_new (options, &spec, host);
    brd_spec_fini (&spec);
    return self;
}

brood_pool_t *
brood_pool_new (const char *spec)
{
    const brood_pool_options_t options = { .spec = spec };
    return brood_pool_new_with (&options);
}

void
brd_pool_ref (brood_pool_t *self)
{
    atomic_fetch_add (&self->refs, 1);
}

void
brd_pool_unref (brood_pool_t *self)
{
    if (atomic_fetch_sub (&self->refs, 1) > 1)
        return;
    if (self->data && self->data_free)
        self->data_free (self->data);
    if (self->of)
        brd_pool_unref (self->of);
    else
        brd_mem_free (self->code);
    brd_mem_free (self);
}

static int
s_by_own_task (const brood_pool_t *self)
{
    return self->pool && brd_host_pool_is_mine (self->pool);
}

static void
s_destroy (brood_pool_t *self)
{
    self->ended = 1;
    brd_pool_leave (self);
    if (self->pool && !self->of) {
        brd_host_pool_end (self->pool);
        brd_host_pool_free (&self->pool);
        brd_pool_far_end (self);
    }
    brd_handle_fini (&self->handle);
    brd_pool_unref (self);
}

void
brood_pool_destroy (brood_pool_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    const int saved_errno = errno;
    brood_pool_t *self = *self_p;
    *self_p = NULL;
    const int mine =
        brd_handle_check (&self->handle, BRD_KIND_POOL, __func__) == 0
        && brd_handle_is_mine (&self->handle);
    if (mine && !self->of && s_by_own_task (self))
        brd_log (BROOD_LOG_ERROR,
                 "%s: a task destroys the pool it runs in, which stays",
                 self->name);
    else if (mine)
        s_destroy (self);
    errno = saved_errno;
}

// --- Giving work -----------------------------------------------------------

uint64_t
brd_pool_address (const void *fn_p)
{
    uint64_t address = 0;
    memcpy (&address, fn_p, sizeof (void (*) (void)));
    return address;
}

uint64_t
brd_pool_there (const brood_pool_t *self, uint64_t fn)
{
    if (brd_pool_is_remote (self))
        return brd_code_number (fn);
    return self->pool && !self->threads && self->code
               ? brd_code_there (self->code, fn)
               : fn;
}

const char *
brd_pool_task_name (uint64_t fn)
{
    const brd_tasks_entry_t *entry = brd_tasks_of (fn);
    return entry ? entry->name : "task";
}

// What every use of a pool needs: alive, this process's own.
static int
s_check (const brood_pool_t *self, const char *function)
{
    if (brd_handle_check (self ? &self->handle : NULL, BRD_KIND_POOL, function)
        < 0)
        return -1;
    if (!brd_handle_is_mine (&self->handle))
        return brd_error_set (ENOTSUP,
                              "%s: the pool is the parent's; a task gets at it "
                              "with brood_pool_from ()",
                              function);
    if (self->of && self->of->ended)
        return brd_error_set (EPIPE, "%s: the pool has ended", function);
    return 0;
}

// The same, of what is about the pool itself: not for a second handle.
static int
s_check_control (const brood_pool_t *self, const char *function)
{
    if (s_check (self, function) < 0)
        return -1;
    if (self->of)
        return brd_error_set (ENOTSUP,
                              "%s: only through the handle the pool was made "
                              "with",
                              function);
    return 0;
}

// The same, of what waits until no task is left: a task cannot, in a thread.
static int
s_check_wait (const brood_pool_t *self, const char *function)
{
    if (s_check (self, function) < 0)
        return -1;
    if (s_by_own_task (self))
        return brd_error_set (
            EDEADLK, "%s: a task would wait for itself", function);
    return 0;
}

int
brd_pool_check (brood_pool_t *self, const void *fn_p, const char *function)
{
    if (s_check (self, function) < 0)
        return -1;
    const uint64_t fn = brd_pool_address (fn_p);
    if (fn == 0)
        return brd_error_set (EINVAL, "%s: no function", function);
    if (self->closed || self->ended || (self->of && self->of->closed))
        return brd_error_set (EPIPE, "%s: the pool is closed", function);
    if (brd_pool_is_remote (self))
        return brd_code_number (fn) != 0 ? 0
                                         : brd_error_prefix ("%s", function);
    if (self->pool && !self->threads && self->code
        && brd_code_there (self->code, fn) == 0)
        return brd_error_set (
            EINVAL,
            "%s: the pool's workers do not have the function: it %s",
            function,
            !self->code->moved  ? "was loaded after the pool was made"
            : self->code->named ? "is not registered in both, nor of a "
                                  "library both have"
                                : "was loaded after the program had begun");
    return 0;
}

int
brd_pool_task_options (const brood_task_options_t *options,
                       brd_core_task_options_t *ret_core)
{
    BRD_REQUIRE_ZERO (options->reserved_, -1);
    BRD_REQUIRE (options->retries >= 0 && options->retries < 65535, -1);
    BRD_REQUIRE (options->retry_delay_ms >= 0 && options->timeout_ms >= 0, -1);
    BRD_REQUIRE (options->grace_ms >= 0 && options->queue_timeout_ms >= 0, -1);
    BRD_REQUIRE (
        options->priority >= 0 && options->priority < BRD_CORE_PRIORITIES, -1);
    *ret_core = (brd_core_task_options_t){
        .retries = options->retries,
        .only_deaths = options->only_deaths,
        .retry_delay_ns = (int64_t) options->retry_delay_ms * 1000000,
        .timeout_ns = (int64_t) options->timeout_ms * 1000000,
        .grace_ns = (int64_t) options->grace_ms * 1000000,
        .queue_timeout_ns = (int64_t) options->queue_timeout_ms * 1000000,
        .key = brd_pool_text_id (options->key),
        .once = brd_pool_text_id (options->once),
    };
    return 0;
}

uint64_t
brd_pool_text_id (const char *text)
{
    if (!text)
        return 0;
    const uint64_t hash = brd_hash_add (BRD_HASH_EMPTY, text, strlen (text));
    return hash != 0 ? hash : 1;
}

static int
s_run_inline (brood_pool_t *self, brood_task_fn *fn, brood_future_t *future)
{
    brd_inline_t call;
    brd_call_end_t end;
    brood_msg_t *in =
        brd_msg_new_view (future->call.body, future->call.core.size_bytes);
    brood_msg_t *out = brd_msg_new_empty ();
    int rc = in && out ? 0 : -1;
    if (rc == 0) {
        brd_inline_init (&call, future->options, future);
        brd_inline_call (&call, self, fn, in, out, &end);
        brd_host_lock (self->host);
        brd_future_end (future, &end);
        brd_host_unlock (self->host);
    }
    brood_msg_destroy (&in);
    brood_msg_destroy (&out);
    return rc;
}

// Gives a future whose body is set to the pool; destroys it on failure.
static brood_future_t *
s_give (brood_pool_t *self, brood_task_fn *fn, brood_future_t *future)
{
    const int rc = self->pool ? brd_future_submit (future)
                              : s_run_inline (self, fn, future);
    if (rc < 0 && self->pool && (errno == EPIPE || errno == ENOEXEC))
        (void) brd_host_pool_check (self->pool);
    if (rc < 0)
        brood_future_destroy (&future);
    return future;
}

// A future for fn with its options, ready for a body.
static brood_future_t *
s_future (brood_pool_t *self,
          brood_task_fn *fn,
          const brood_task_options_t *options)
{
    const uint64_t address = brd_pool_address (&fn);
    brood_future_t *future =
        brd_future_new (self->host, brd_pool_task_name (address));
    if (!future)
        return NULL;
    future->call.fn = brd_pool_there (self, address);
    future->call.core.pool = self->pool ? brd_host_pool_number (self->pool) : 0;
    if (!options)
        return future;
    future->options = brd_mem_alloc (sizeof *future->options);
    if (!future->options
        || brd_pool_task_options (options, future->options) < 0) {
        brood_future_destroy (&future);
        return NULL;
    }
    future->call.core.options = future->options;
    future->call.core.priority = (uint8_t) options->priority;
    return future;
}

// Packs where the bytes will stay if they are few, else through a buffer.
static int
s_pack (brood_future_t *future, const char *picture, va_list *args)
{
    size_t size;
    va_list again;
    va_copy (again, *args);
    brd_buf_t small =
        brd_value_fixed (future->outcome.small, sizeof future->outcome.small);
    int rc = brd_picture_try (&small, 0, picture, args);
    if (rc == 0) {
        future->call.body = future->outcome.small;
        future->call.core.size_bytes = (uint32_t) small.size;
    }
    else if (rc == 1) {
        brd_buf_t out;
        brd_buf_init (&out, BROOD_MSG_SIZE_MAX);
        rc = brd_picture_pack (&out, picture, &again);
        if (rc == 0 && out.size >= BRD_WIRE_ARENA_MIN)
            rc = brd_future_set_body (future, out.bytes, out.size);
        else if (rc == 0) {
            future->body_large = brd_buf_steal (&out, &size);
            future->call.body = future->body_large;
            future->call.core.size_bytes = (uint32_t) size;
        }
        brd_buf_fini (&out);
    }
    va_end (again);
    return rc;
}

static brood_future_t *
s_submit (brood_pool_t *self,
          brood_task_fn *fn,
          const brood_task_options_t *options,
          uint32_t pin,
          const char *picture,
          va_list *args)
{
    if (brd_pool_check (self, &fn, "brood_pool_submit") < 0)
        return NULL;
    BRD_REQUIRE (picture != NULL, NULL);
    brood_future_t *future = s_future (self, fn, options);
    if (!future)
        return NULL;
    future->call.core.pin = pin;
    if (s_pack (future, picture, args) < 0
        || brd_pool_check_body (
               self, future->call.body, future->call.core.size_bytes)
               < 0) {
        brood_future_destroy (&future);
        return NULL;
    }
    return s_give (self, fn, future);
}

brood_future_t *
brood_pool_submit (brood_pool_t *self,
                   brood_task_fn *fn,
                   const char *picture,
                   ...)
{
    va_list args;
    va_start (args, picture);
    brood_future_t *future = s_submit (self, fn, NULL, 0, picture, &args);
    va_end (args);
    return future;
}

brood_future_t *
brood_pool_submit_with (brood_pool_t *self,
                        brood_task_fn *fn,
                        const brood_task_options_t *options,
                        const char *picture,
                        ...)
{
    va_list args;
    va_start (args, picture);
    brood_future_t *future = s_submit (self, fn, options, 0, picture, &args);
    va_end (args);
    return future;
}

brood_future_t *
brood_pool_submit_msg (brood_pool_t *self,
                       brood_task_fn *fn,
                       const brood_task_options_t *options,
                       brood_msg_t **msg_p)
{
    if (brd_pool_check (self, &fn, __func__) < 0)
        return NULL;
    BRD_REQUIRE (msg_p != NULL && *msg_p != NULL, NULL);
    size_t size;
    const void *bytes = brd_msg_data (*msg_p, &size);
    if (bytes && brd_pool_check_body (self, bytes, size) < 0)
        return NULL;
    brood_future_t *future = bytes ? s_future (self, fn, options) : NULL;
    if (!future)
        return NULL;
    if (brd_future_set_body (future, bytes, size) < 0) {
        brood_future_destroy (&future);
        return NULL;
    }
    future = s_give (self, fn, future);
    if (future)
        brood_msg_destroy (msg_p);
    return future;
}

brood_msg_t *
brood_pool_apply (brood_pool_t *self,
                  brood_task_fn *fn,
                  const char *picture,
                  ...)
{
    va_list args;
    va_start (args, picture);
    brood_future_t *future = s_submit (self, fn, NULL, 0, picture, &args);
    va_end (args);
    if (!future)
        return NULL;
    const brood_msg_t *result = brood_future_result (future, BROOD_FOREVER);
    brood_msg_t *copy = result ? brood_msg_dup (result) : NULL;
    brood_future_destroy (&future);
    return copy;
}

// The results in the order of the futures; NULL with the first failure.
static brood_msg_t *
s_gather (brood_future_t **futures, int n)
{
    brood_msg_t *all = brood_msg_new ("[]");
    for (int i = 0; i < n && all; i++) {
        const brood_msg_t *one =
            brood_future_result (futures[i], BROOD_FOREVER);
        if (!one || brood_msg_append (all, "@%p", brood_ref (one)) < 0)
            brood_msg_destroy (&all);
    }
    return all;
}

brood_msg_t *
brood_pool_broadcast (brood_pool_t *self,
                      brood_task_fn *fn,
                      const char *picture,
                      ...)
{
    if (brd_pool_check (self, &fn, __func__) < 0)
        return NULL;
    if (self->far) {
        brd_error_set (
            ENOTSUP, "%s: only in the process of the pool's owner", __func__);
        return NULL;
    }
    const int n = brood_pool_workers (self);
    brood_future_t **futures = brd_mem_array ((size_t) n, sizeof *futures);
    if (!futures)
        return NULL;
    int given = 0;
    for (; given < n; given++) {
        va_list args;
        va_start (args, picture);
        futures[given] = s_submit (self,
                                   fn,
                                   NULL,
                                   self->pool ? (uint32_t) given + 1 : 0,
                                   picture,
                                   &args);
        va_end (args);
        if (!futures[given])
            break;
    }
    brood_msg_t *all = given == n ? s_gather (futures, n) : NULL;
    for (int i = 0; i < given; i++)
        brood_future_destroy (&futures[i]);
    brd_mem_free (futures);
    return all;
}

// --- The pool itself -------------------------------------------------------

int
brood_pool_close (brood_pool_t *self)
{
    if (s_check (self, __func__) < 0)
        return -1;
    if (!self->closed && self->pool && !self->ended && !self->of)
        (void) brd_host_pool_do (self->pool, BRD_CORE_POOL_CLOSE, 0);
    self->closed = 1;
    return 0;
}

static int
s_ended (void *arg)
{
    return brd_host_pool_ended (arg);
}

static int
s_idle (void *arg)
{
    return brd_host_pool_idle (arg);
}

int
brood_pool_join (brood_pool_t *self, int timeout_ms)
{
    if (s_check_wait (self, __func__) < 0)
        return -1;
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, -1);
    if (!self->closed && !self->ended)
        return brd_error_set (EBUSY, "the pool is not closed");
    // Another thread may be ending it: soon, whatever the timeout.
    if (self->pool && self->ended)
        brd_host_pool_end (self->pool);
    else if (self->pool
             && brd_host_wait (self->host,
                               self->of ? s_idle : s_ended,
                               self->pool,
                               brd_clock_deadline (timeout_ms))
                    < 0)
        return -1;
    return brd_host_callbacks_settle (self->host);
}

int
brood_pool_wait (brood_pool_t *self, int timeout_ms)
{
    if (s_check_wait (self, __func__) < 0)
        return -1;
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, -1);
    if (!self->pool || self->ended)
        return 0;
    return brd_host_wait (
        self->host, s_idle, self->pool, brd_clock_deadline (timeout_ms));
}

int
brood_pool_shutdown (brood_pool_t *self, int timeout_ms)
{
    return brood_pool_close (self) < 0 ? -1
                                       : brood_pool_join (self, timeout_ms);
}

int
brood_pool_terminate (brood_pool_t *self)
{
    if (s_check_wait (self, __func__) < 0
        || s_check_control (self, __func__) < 0)
        return -1;
    self->closed = self->ended = 1;
    if (self->pool)
        brd_host_pool_end (self->pool);
    return 0;
}

long
brood_pool_cancel (brood_pool_t *self)
{
    if (s_check_control (self, __func__) < 0)
        return -1;
    if (!self->pool || self->ended)
        return 0;
    return brd_host_pool_cancel (self->pool);
}

int
brood_pool_resize (brood_pool_t *self, int workers)
{
    if (s_check_control (self, __func__) < 0)
        return -1;
    if (self->far)
        return brd_error_set (
            ENOTSUP, "%s: only in the process of the pool's owner", __func__);
    BRD_REQUIRE (workers >= 1 && workers <= BROOD_POOL_WORKERS_MAX, -1);
    if (self->closed || self->ended)
        return brd_error_set (EPIPE, "the pool is closed");
    if (!self->pool)
        return 0;
    if (s_check_descriptors (self, workers) < 0
        || brd_host_pool_do (
               self->pool, BRD_CORE_POOL_RESIZE, (uint32_t) workers)
               < 0)
        return -1;
    self->workers = workers;
    return 0;
}

int
brood_pool_workers (const brood_pool_t *self)
{
    if (s_check (self, __func__) < 0)
        return -1;
    const uint32_t slots = self->far ? brd_host_pool_slots (self->pool) : 0;
    return slots > 0 ? (int) slots : (self->of ? self->of : self)->workers;
}

int
brood_pool_stats (const brood_pool_t *self, brood_pool_stats_t *ret_stats)
{
    brd_core_pool_stats_t core = { 0 };
    if (s_check (self, __func__) < 0)
        return -1;
    BRD_REQUIRE (ret_stats != NULL, -1);
    if (self->pool)
        brd_host_pool_stats (self->pool, &core);
    else {
        core.workers = core.idle = 1;
        core.done = (self->of ? self->of : self)->done;
        core.failed = (self->of ? self->of : self)->failed;
    }
    *ret_stats = (brood_pool_stats_t){
        .workers = core.workers,
        .idle = core.idle,
        .pending = core.pending,
        .running = core.running,
        .done = core.done,
        .failed = core.failed,
        .restarts = core.restarts,
    };
    return 0;
}
