// brood_queue.c - a first-in, first-out queue shared between processes
//
// SPDX-License-Identifier: MPL-2.0
//
// This file is the handle, and what the bytes mean:
//
//     put        picture -> bytes     |
//     put_msg    message -> bytes     |-> s_put () -> brd_queue_put ()
//     put_many   list -> many bytes   |
//
//     get        bytes -> picture     |
//     get_msg    bytes -> message     |<- s_get () <- brd_queue_get ()
//     get_many   many bytes -> list   |
//
// All that puts and gets passes through these two: that is the place for a
// breakpoint, and for a queue whose home is elsewhere.
//
// get looks before it takes: the bytes are unpacked where they are, and the
// item stays at the head when they do not fit, so that a getter with a wrong
// picture loses nothing.
//
// Read next: lib/shared/brd_queue.c.

#include "brood/brood_queue.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "api/brd_shared_handle.h"
#include "api/brd_waitable.h"
#include "base/brd_check.h"
#include "base/brd_mem.h"
#include "client/brd_msg.h"
#include "shared/brd_queue.h"
#include "wire/brd_picture.h"
#include "wire/brd_value.h"

struct brood_queue {
    brd_shared_handle_t base;
    _Atomic (brood_msg_t *) refs;  // What "@%p" of get unpacked
};

enum {
    S_SMALL = 512  // Bytes of an item packed on the stack
};

static const size_t s_capacity_bytes = (size_t) 64 << 20;

static brd_queue_t *
s_queue (const brood_queue_t *self)
{
    return (brd_queue_t *) (void *) self->base.hold.object;
}

// --- Life ------------------------------------------------------------------

brood_queue_t *
brood_queue_new (size_t capacity)
{
    const brood_queue_options_t options = { .capacity = capacity };
    return brood_queue_new_with (&options);
}

brood_queue_t *
brood_queue_new_joinable (size_t capacity)
{
    const brood_queue_options_t options = { .capacity = capacity,
                                            .joinable = 1 };
    return brood_queue_new_with (&options);
}

static int
s_check_options (const brood_queue_options_t *options)
{
    const size_t bytes =
        options->capacity_bytes ? options->capacity_bytes : s_capacity_bytes;
    BRD_REQUIRE (options->capacity <= BROOD_QUEUE_CAPACITY_MAX, -1);
    BRD_REQUIRE (options->size_max_bytes <= bytes, -1);
    BRD_REQUIRE (options->deliveries_max >= 0
                     && options->deliveries_max <= BROOD_QUEUE_DELIVERIES_MAX,
                 -1);
    BRD_REQUIRE (options->deliveries_max == 0 || options->joinable, -1);
    if (!options->dead)
        return 0;
    BRD_REQUIRE (options->deliveries_max > 0, -1);
    BRD_REQUIRE_SHARED (options->dead, BRD_KIND_QUEUE, -1);
    const brd_queue_t *dead = s_queue (options->dead);
    BRD_REQUIRE (dead->dead == NULL, -1);
    BRD_REQUIRE (dead->items.ordered == (options->priorities != 0), -1);
    return 0;
}

brood_queue_t *
brood_queue_new_with (const brood_queue_options_t *options)
{
    BRD_REQUIRE (options != NULL, NULL);
    BRD_REQUIRE_ZERO (options->reserved_, NULL);
    if (s_check_options (options) < 0)
        return NULL;
    brood_queue_t *self = brd_shared_handle_new (
        sizeof *self, BRD_KIND_QUEUE, sizeof (brd_queue_t), 0);
    if (!self)
        return NULL;
    brd_queue_t *queue = s_queue (self);
    queue->capacity = options->capacity;
    queue->capacity_bytes =
        options->capacity_bytes ? options->capacity_bytes : s_capacity_bytes;
    queue->size_max = options->size_max_bytes ? options->size_max_bytes
                                              : queue->capacity_bytes;
    queue->deliveries_max = options->deliveries_max;
    queue->joinable = options->joinable != 0;
    brd_queue_init (queue, options->priorities != 0);
    if (options->dead) {
        queue->dead = s_queue (options->dead);
        queue->dead_kept = brd_share_keep (&queue->dead->object);
        if (!queue->dead_kept) {
            brood_queue_destroy (&self);
            return NULL;
        }
    }
    brd_shared_handle_publish (&self->base);
    return self;
}

brood_queue_t *
brood_queue_from (void *ref)
{
    return brd_shared_handle_from (sizeof (brood_queue_t), BRD_KIND_QUEUE, ref);
}

void
brood_queue_destroy (brood_queue_t **self_p)
{
    if (self_p && *self_p) {
        brood_msg_t *refs = atomic_load (&(*self_p)->refs);
        brood_msg_destroy (&refs);
    }
    brd_shared_handle_destroy (self_p);
}

// --- Put -------------------------------------------------------------------

// The priority of "[priority, item]".
static int
s_read_priority (brd_item_new_t *item)
{
    const unsigned char *bytes = item->bytes;
    brd_value_cursor_t at = { bytes, bytes + item->size };
    brd_value_t list, priority;
    if (brd_value_read (&at, &list) < 0 || list.type != BROOD_LIST
        || list.size != 2 || brd_value_read (&at, &priority) < 0
        || priority.type != BROOD_INTEGER
        || (!priority.negative && priority.number.u > INT64_MAX))
        return brd_error_set (
            EINVAL,
            "an item of a queue with priorities is a list of two, a whole "
            "number and the item");
    item->priority = priority.number.i;
    return 0;
}

static long
s_put (brood_queue_t *self, int timeout_ms, brd_item_new_t *items, size_t n)
{
    brd_queue_t *queue = s_queue (self);
    for (size_t i = 0; queue->items.ordered && i < n; i++) {
        if (s_read_priority (&items[i]) < 0)
            return -1;
    }
    return brd_queue_put (queue, timeout_ms, items, n);
}

static int
s_put_bytes (brood_queue_t *self,
             int timeout_ms,
             const void *bytes,
             size_t size)
{
    brd_item_new_t item = { .bytes = bytes, .size = size };
    return s_put (self, timeout_ms, &item, 1) < 0 ? -1 : 0;
}

int
brood_queue_put (brood_queue_t *self, int timeout_ms, const char *picture, ...)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_QUEUE, -1);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER && picture != NULL, -1);
    unsigned char small[S_SMALL];
    brd_buf_t fixed = brd_value_fixed (small, sizeof small);
    brd_buf_t heap;
    va_list args;
    va_start (args, picture);
    int rc = brd_picture_try (&fixed, 0, picture, &args);
    va_end (args);
    if (rc < 0)
        return -1;
    if (rc == 0)
        return s_put_bytes (self, timeout_ms, fixed.bytes, fixed.size);
    brd_buf_init (&heap, BROOD_MSG_SIZE_MAX);
    va_start (args, picture);
    rc = brd_picture_pack (&heap, picture, &args);
    va_end (args);
    if (rc == 0)
        rc = s_put_bytes (self, timeout_ms, heap.bytes, heap.size);
    brd_buf_fini (&heap);
    return rc;
}

int
brood_queue_put_msg (brood_queue_t *self, int timeout_ms, brood_msg_t **msg_p)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_QUEUE, -1);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER && msg_p != NULL, -1);
    BRD_REQUIRE_HANDLE (*msg_p, BRD_KIND_MSG, -1);
    size_t size;
    const void *bytes = brd_msg_data (*msg_p, &size);
    if (!bytes || s_put_bytes (self, timeout_ms, bytes, size) < 0)
        return -1;
    brood_msg_destroy (msg_p);
    return 0;
}

// The items of a list; the caller frees them.
static brd_item_new_t *
s_items_of (const void *bytes, size_t size, size_t *ret_n)
{
    brd_value_cursor_t at = { bytes, (const unsigned char *) bytes + size };
    brd_value_t list;
    if (brd_value_read (&at, &list) < 0 || list.type != BROOD_LIST) {
        brd_error_set (EINVAL,
                       "brood_queue_put_many: the message is no list of items");
        return NULL;
    }
    // One more, or an empty list would be no memory.
    brd_item_new_t *items = brd_mem_array (list.size + 1, sizeof *items);
    if (!items)
        return NULL;
    for (size_t i = 0; i < list.size; i++) {
        items[i].bytes = at.at;
        const int rc = brd_value_skip (&at);
        brd_assert (rc == 0);
        items[i].size =
            (size_t) (at.at - (const unsigned char *) items[i].bytes);
    }
    *ret_n = list.size;
    return items;
}

long
brood_queue_put_many (brood_queue_t *self,
                      int timeout_ms,
                      const brood_msg_t *items)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_QUEUE, -1);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, -1);
    BRD_REQUIRE_HANDLE (items, BRD_KIND_MSG, -1);
    size_t size, n;
    const void *bytes = brd_msg_data (items, &size);
    brd_item_new_t *all = bytes ? s_items_of (bytes, size, &n) : NULL;
    if (!all)
        return -1;
    const long put = n == 0 ? 0 : s_put (self, timeout_ms, all, n);
    brd_mem_free (all);
    return put;
}

// --- Get -------------------------------------------------------------------

static long
s_get (brood_queue_t *self,
       int timeout_ms,
       size_t max,
       int (*take) (void *arg, const void *bytes, size_t size),
       void *arg)
{
    return brd_queue_get (s_queue (self), timeout_ms, max, take, arg);
}

typedef struct {
    brood_queue_t *queue;
    const char *picture;
    va_list *args;
} s_unpack_t;

// "@%p": what is unpacked belongs to a message, and here there is none.
static void *
s_ref (void *arg, const unsigned char *bytes, size_t size)
{
    brood_queue_t *self = arg;
    brood_msg_t *refs = atomic_load (&self->refs);
    if (!refs) {
        brood_msg_t *mine = brd_msg_new_empty ();
        if (!mine)
            return NULL;
        if (atomic_compare_exchange_strong (&self->refs, &refs, mine))
            refs = mine;
        else
            brood_msg_destroy (&mine);
    }
    return brd_ref_add (refs, bytes, size);
}

static int
s_take_picture (void *arg, const void *bytes, size_t size)
{
    const s_unpack_t *unpack = arg;
    const brd_picture_source_t source = {
        .bytes = bytes,
        .size = size,
        .ref = s_ref,
        .arg = unpack->queue,
    };
    return brd_picture_unpack (&source, unpack->picture, unpack->args);
}

int
brood_queue_get (brood_queue_t *self, int timeout_ms, const char *picture, ...)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_QUEUE, -1);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER && picture != NULL, -1);
    va_list args;
    va_start (args, picture);
    s_unpack_t unpack = { .queue = self, .picture = picture, .args = &args };
    const long n = s_get (self, timeout_ms, 1, s_take_picture, &unpack);
    va_end (args);
    return n < 0 ? -1 : 0;
}

static int
s_take_msg (void *arg, const void *bytes, size_t size)
{
    return brd_msg_copy (arg, bytes, size);
}

brood_msg_t *
brood_queue_get_msg (brood_queue_t *self, int timeout_ms)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_QUEUE, NULL);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, NULL);
    brood_msg_t *msg = brd_msg_new_empty ();
    if (msg && s_get (self, timeout_ms, 1, s_take_msg, msg) < 0)
        brood_msg_destroy (&msg);
    return msg;
}

typedef struct {
    brd_buf_t list;
    size_t n;
} s_list_t;

static int
s_take_into_list (void *arg, const void *bytes, size_t size)
{
    s_list_t *self = arg;
    if (brd_value_put_raw (&self->list, bytes, size) < 0
        || brd_value_set_count (&self->list, 0, self->n + 1) < 0)
        return -1;
    self->n++;
    return 0;
}

brood_msg_t *
brood_queue_get_many (brood_queue_t *self, int timeout_ms, size_t max)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_QUEUE, NULL);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER && max > 0, NULL);
    s_list_t list = { .n = 0 };
    brood_msg_t *msg = brd_msg_new_empty ();
    if (!msg)
        return NULL;
    brd_buf_init (&list.list, BROOD_MSG_SIZE_MAX);
    if (brd_value_put_list (&list.list, 0) == 0
        && s_get (self, timeout_ms, max, s_take_into_list, &list) > 0) {
        brd_buf_fini (&msg->buf);
        msg->buf = list.list;
        brd_msg_changed (msg);
        return msg;
    }
    brd_buf_fini (&list.list);
    brood_msg_destroy (&msg);
    return NULL;
}

// --- The whole -------------------------------------------------------------

int
brood_queue_close (brood_queue_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_QUEUE, -1);
    return brd_queue_close (s_queue (self));
}

long
brood_queue_qsize (brood_queue_t *self)
{
    brd_queue_state_t state;
    BRD_REQUIRE_SHARED (self, BRD_KIND_QUEUE, -1);
    return brd_queue_state (s_queue (self), &state) < 0 ? -1
                                                        : (long) state.ready;
}

int
brood_queue_empty (brood_queue_t *self)
{
    brd_queue_state_t state;
    BRD_REQUIRE_SHARED (self, BRD_KIND_QUEUE, -1);
    return brd_queue_state (s_queue (self), &state) < 0 ? -1 : state.ready == 0;
}

int
brood_queue_full (brood_queue_t *self)
{
    brd_queue_state_t state;
    BRD_REQUIRE_SHARED (self, BRD_KIND_QUEUE, -1);
    return brd_queue_state (s_queue (self), &state) < 0 ? -1 : state.full;
}

// --- Joinable queues -------------------------------------------------------

static int
s_require_joinable (const brood_queue_t *self)
{
    return s_queue (self)->joinable
               ? 0
               : brd_error_set (EINVAL, "the queue is not joinable");
}

int
brood_queue_task_done (brood_queue_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_QUEUE, -1);
    return s_require_joinable (self) < 0 ? -1
                                         : brd_queue_task_done (s_queue (self));
}

int
brood_queue_task_failed (brood_queue_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_QUEUE, -1);
    return s_require_joinable (self) < 0
               ? -1
               : brd_queue_task_failed (s_queue (self));
}

int
brood_queue_deliveries (brood_queue_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_QUEUE, -1);
    return s_require_joinable (self) < 0
               ? -1
               : brd_queue_deliveries (s_queue (self));
}

int
brood_queue_join (brood_queue_t *self, int timeout_ms)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_QUEUE, -1);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, -1);
    return s_require_joinable (self) < 0
               ? -1
               : brd_queue_join (s_queue (self), timeout_ms);
}

// --- For brood_wait_any () -------------------------------------------------

static int
s_ready (void *handle)
{
    brd_queue_state_t state;
    BRD_REQUIRE_SHARED ((brood_queue_t *) handle, BRD_KIND_QUEUE, -1);
    if (brd_queue_state (s_queue (handle), &state) < 0)
        return -1;
    return state.ready > 0 || state.ended;
}

static brd_hold_t *
s_hold (void *handle)
{
    return &((brood_queue_t *) handle)->base.hold;
}

const brd_waitable_t brd_queue_waitable = { .ready = s_ready, .hold = s_hold };
