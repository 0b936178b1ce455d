// brood_map_msg.c - a map over the items of a message
//
// SPDX-License-Identifier: MPL-2.0
//
// The items are copied into the arena once; workers read them there and leave
// their results there. Read brd_job_run.c next.

#include <errno.h>
#include <string.h>

#include "api/brd_job_run.h"
#include "base/brd_check.h"
#include "base/brd_mem.h"
#include "client/brd_msg.h"
#include "wire/brd_value.h"

static const unsigned char s_nil = 0xc0;

// Where each item starts, and one past the last; brd_mem_free.
static uint64_t *
s_starts (const brood_msg_t *items, size_t *ret_n, const void **ret_bytes)
{
    size_t size;
    brd_value_t list;
    const unsigned char *bytes = brd_msg_data (items, &size);
    if (!bytes)
        return NULL;
    brd_value_cursor_t at = { bytes, bytes + size };
    if (brd_value_read (&at, &list) < 0 || list.type != BROOD_LIST) {
        brd_error_set (EBADMSG, "a map needs an array message");
        return NULL;
    }
    uint64_t *starts = brd_mem_array (list.size + 1, sizeof *starts);
    const unsigned char *base = at.at;
    for (size_t i = 0; starts && i < list.size; i++) {
        (void) brd_value_skip (&at);  // The whole was checked when it was made
        starts[i + 1] = (uint64_t) (at.at - base);
    }
    *ret_n = list.size;
    *ret_bytes = base;
    return starts;
}

// One item's result, or nil; -1 with ENOMEM or EMSGSIZE.
static int
s_add (brd_buf_t *out, const void *bytes, size_t size)
{
    return bytes ? brd_value_put_raw (out, bytes, size)
                 : brd_value_put_raw (out, &s_nil, 1);
}

// Takes what is in out.
static brood_msg_t *
s_message (brd_buf_t *out)
{
    size_t size;
    void *bytes = brd_buf_steal (out, &size);
    brood_msg_t *msg = brd_msg_new_take (bytes, size);
    if (!msg)
        brd_mem_free (bytes);
    return msg;
}

static brood_msg_t *
s_gather (const brd_job_run_t *run, size_t n)
{
    brd_buf_t out;
    brd_buf_init (&out, BROOD_MSG_SIZE_MAX);
    int rc = brd_value_put_list (&out, n);
    for (size_t i = 0; i < n && rc == 0; i++) {
        size_t size;
        const void *bytes = brd_job_run_result (run, i, &size);
        rc = s_add (&out, bytes, size);
    }
    brood_msg_t *all = rc == 0 ? s_message (&out) : NULL;
    brd_buf_fini (&out);
    return all;
}

static brood_msg_t *
s_run (brood_pool_t *self,
       uint64_t fn,
       size_t n,
       const brd_map_items_t *items,
       const brood_map_options_t *options)
{
    brood_msg_t *all = NULL;
    brd_job_run_t *run = brd_job_run_new (self, fn, n, options);
    if (run && brd_job_run_set_messages (run, items) == 0) {
        const int rc = brd_job_run_wait (run);
        if (rc == 0 || (options && options->ret_errors))
            all = s_gather (run, n);
    }
    const int saved_errno = errno;
    brd_job_run_destroy (&run);
    errno = saved_errno;
    return all;
}

typedef struct {
    brood_msg_t *in;
    brood_msg_t *out;
    brd_buf_t all;
    brd_inline_t call;
    int failed;
    brood_error_info_t first;
} s_inline_t;

static int
s_run_inline_item (brood_pool_t *self,
                   brood_task_fn *fn,
                   s_inline_t *state,
                   size_t item,
                   const brood_map_options_t *options)
{
    size_t size = 0;
    const int stopped = state->failed && options->stop_at_error;
    const int status =
        stopped
            ? -1
            : brd_inline_run (&state->call, self, fn, state->in, state->out);
    const void *bytes = status == 0 ? brd_msg_data (state->out, &size) : NULL;
    if (options->ret_errors)
        options->ret_errors[item] = stopped ? ECANCELED : status != 0 ? EIO : 0;
    if (status != 0 && !state->failed) {
        brd_map_story (&state->first,
                       brd_pool_task_name (brd_pool_address (&fn)),
                       item,
                       state->call.attempt,
                       state->call.text);
        state->failed = 1;
    }
    return s_add (&state->all, bytes, size);
}

static int
s_run_inline_items (brood_pool_t *self,
                    brood_task_fn *fn,
                    size_t n,
                    const brd_map_items_t *items,
                    const brood_map_options_t *options,
                    s_inline_t *state)
{
    const uint64_t *starts = items->starts;
    for (size_t i = 0; i < n; i++) {
        brd_msg_reset_view (state->in,
                            (const char *) items->bytes + starts[i],
                            (size_t) (starts[i + 1] - starts[i]));
        if (s_run_inline_item (self, fn, state, i, options) < 0)
            return -1;
        if (options->progress)
            options->progress ((long) i + 1, (long) n, options->progress_arg);
    }
    return 0;
}

static brood_msg_t *
s_run_inline (brood_pool_t *self,
              brood_task_fn *fn,
              size_t n,
              const brd_map_items_t *items,
              const brood_map_options_t *options)
{
    static const brood_map_options_t none;
    const brood_map_options_t *o = options ? options : &none;
    brd_core_task_options_t core;
    s_inline_t state = { 0 };
    brood_msg_t *all = NULL;
    if (o->task && brd_pool_task_options (o->task, &core) < 0)
        return NULL;
    brd_inline_init (&state.call, o->task ? &core : NULL, NULL);
    brd_buf_init (&state.all, BROOD_MSG_SIZE_MAX);
    state.in = brd_msg_new_empty ();
    state.out = brd_msg_new_empty ();
    int rc = state.in && state.out ? brd_value_put_list (&state.all, n) : -1;
    if (rc == 0)
        rc = s_run_inline_items (self, fn, n, items, o, &state);
    if (rc == 0 && (!state.failed || o->ret_errors))
        all = s_message (&state.all);
    if (rc == 0 && state.failed)
        brd_error_take (&state.first);
    brood_msg_destroy (&state.in);
    brood_msg_destroy (&state.out);
    brd_buf_fini (&state.all);
    return all;
}

brood_msg_t *
brood_pool_map_msg (brood_pool_t *self,
                    brood_task_fn *fn,
                    const brood_msg_t *items,
                    const brood_map_options_t *options)
{
    size_t n = 0;
    const void *bytes = NULL;
    if (brd_pool_check (self, &fn, __func__) < 0
        || brd_map_check_options (options) < 0)
        return NULL;
    BRD_REQUIRE_HANDLE (items, BRD_KIND_MSG, NULL);
    uint64_t *starts = s_starts (items, &n, &bytes);
    if (starts && brd_pool_check_body (self, bytes, (size_t) starts[n]) < 0) {
        brd_mem_free (starts);
        return NULL;
    }
    if (!starts)
        return NULL;
    const brd_map_items_t map = { .bytes = bytes,
                                  .size = (size_t) starts[n],
                                  .starts = starts };
    brood_msg_t *all =
        n == 0       ? brood_msg_new ("[]")
        : self->pool ? s_run (self, brd_pool_address (&fn), n, &map, options)
                     : s_run_inline (self, fn, n, &map, options);
    const int saved_errno = errno;
    brd_mem_free (starts);
    errno = saved_errno;
    return all;
}
