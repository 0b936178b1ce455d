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
    int failed;
    brood_error_info_t first;
} s_inline_t;

static int
s_run_inline_item (brood_pool_t *self,
                   brood_task_fn *fn,
                   s_inline_t *state,
                   size_t item,
                   int *ret_error)
{
    char text[BRD_PAGE_TEXT];
    size_t size = 0;
    brd_msg_reset (state->out);
    const int status =
        brd_inline_run (self, fn, state->in, state->out, NULL, text);
    const void *bytes = status == 0 ? brd_msg_data (state->out, &size) : NULL;
    if (ret_error)
        *ret_error = status != 0 ? EIO : 0;
    if (status != 0 && !state->failed) {
        const uint64_t address = brd_pool_address (&fn);
        brd_map_story (&state->first, brd_pool_task_name (address), item, text);
        state->failed = 1;
    }
    return s_add (&state->all, bytes, size);
}

static brood_msg_t *
s_run_inline (brood_pool_t *self,
              brood_task_fn *fn,
              size_t n,
              const brd_map_items_t *items,
              const brood_map_options_t *options)
{
    s_inline_t state = { 0 };
    brood_msg_t *all = NULL;
    int *errors = options ? options->ret_errors : NULL;
    brd_buf_init (&state.all, BROOD_MSG_SIZE_MAX);
    state.in = brd_msg_new_empty ();
    state.out = brd_msg_new_empty ();
    int rc = state.in && state.out ? brd_value_put_list (&state.all, n) : -1;
    for (size_t i = 0; i < n && rc == 0; i++) {
        const uint64_t *starts = items->starts;
        brd_msg_reset_view (state.in,
                            (const char *) items->bytes + starts[i],
                            (size_t) (starts[i + 1] - starts[i]));
        rc =
            s_run_inline_item (self, fn, &state, i, errors ? &errors[i] : NULL);
    }
    if (rc == 0 && (!state.failed || errors))
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
