// brood_shmlist.c - a list of fixed slots, in shared memory with a name
//
// SPDX-License-Identifier: MPL-2.0
//
//     new   picture -> one msgpack array -> a slot for each item, filled
//     set   picture -> msgpack -> slot
//     get   slot -> a copy of the msgpack -> picture
//
// Read next: brd_named.c, where the memory comes from; lib/shared/brd_slots.c,
// why a reader never sees half of a write.

#include "brood/brood_shmlist.h"

#include <errno.h>
#include <string.h>

#include "api/brd_named.h"
#include "base/brd_buf.h"
#include "base/brd_check.h"
#include "base/brd_mem.h"
#include "client/brd_kept.h"
#include "client/brd_msg.h"
#include "shared/brd_slots.h"
#include "wire/brd_limits.h"
#include "wire/brd_picture.h"
#include "wire/brd_value.h"

enum {
    S_ROOM_LEAST = 16,  // Any number, and a word
    S_SMALL = 32        // Words on the stack: most items
};

struct brood_shmlist {
    union {
        brd_handle_t handle;
        brd_named_t named;
    };
    brd_slots_t slots;
};

// Of a handle that leads to memory, or NULL.
static brood_shmlist_t *
s_look (brood_shmlist_t *self)
{
    if (self
        && brd_slots_init (&self->slots, self->named.memory, self->named.size)
               < 0)
        brood_shmlist_destroy (&self);
    return self;
}

// --- New -------------------------------------------------------------------

typedef struct {
    const unsigned char *bytes;
    size_t size;
} s_item_t;

// What a new list is made of.
typedef struct {
    brd_buf_t value;
    size_t n;
    s_item_t *items;
    uint32_t *rooms;
} s_plan_t;

// Python's rule: up to the next multiple of 8, and never none.
static uint32_t
s_room (size_t size)
{
    const size_t room = (size / 8 + 1) * 8;
    return (uint32_t) (room < S_ROOM_LEAST ? S_ROOM_LEAST : room);
}

static int
s_plan_items (s_plan_t *self)
{
    brd_value_t head;
    brd_value_cursor_t at = { self->value.bytes,
                              self->value.bytes + self->value.size };
    if (brd_value_read (&at, &head) < 0 || head.type != BROOD_LIST)
        return brd_error_set (EINVAL,
                              "the items of a new list are an array, as in "
                              "\"[%%d, %%s]\"");
    self->n = head.size;
    // One more: an array of nothing is no allocation.
    self->items = brd_mem_array (self->n + 1, sizeof *self->items);
    self->rooms = brd_mem_array (self->n + 1, sizeof *self->rooms);
    if (!self->items || !self->rooms)
        return -1;
    for (size_t i = 0; i < self->n; i++) {
        self->items[i].bytes = at.at;
        if (brd_value_skip (&at) < 0)
            return brd_error_set (EBADMSG, "item %zu is no value", i);
        self->items[i].size = (size_t) (at.at - self->items[i].bytes);
        self->rooms[i] = s_room (self->items[i].size);
    }
    return 0;
}

static void
s_plan_fini (s_plan_t *self)
{
    brd_mem_free (self->items);
    brd_mem_free (self->rooms);
    brd_buf_fini (&self->value);
}

static int
s_fill (void *memory, size_t size, void *arg)
{
    const s_plan_t *plan = arg;
    brd_slots_t slots;
    if (brd_slots_make (memory, size, plan->rooms, plan->n) < 0
        || brd_slots_init (&slots, memory, size) < 0)
        return -1;
    for (size_t i = 0; i < plan->n; i++) {
        if (brd_slots_write (
                &slots, i, plan->items[i].bytes, plan->items[i].size)
            < 0)
            return -1;
    }
    return 0;
}

static brood_shmlist_t *
s_make (const char *name, s_plan_t *plan)
{
    if (s_plan_items (plan) < 0)
        return NULL;
    const size_t size = brd_slots_size (plan->rooms, plan->n);
    if (size == 0) {
        brd_error_set (ENOSPC, "more than any memory has");
        return NULL;
    }
    return s_look (brd_named_new (
        sizeof (brood_shmlist_t), BRD_KIND_SHMLIST, name, size, s_fill, plan));
}

brood_shmlist_t *
brood_shmlist_new (const char *name, const char *picture, ...)
{
    BRD_REQUIRE (picture, NULL);
    s_plan_t plan = { .n = 0 };
    brood_shmlist_t *self = NULL;
    brd_buf_init (&plan.value, BRD_WIRE_SIZE_MAX);
    va_list args;
    va_start (args, picture);
    if (brd_picture_pack (&plan.value, picture, &args) == 0)
        self = s_make (name, &plan);
    va_end (args);
    s_plan_fini (&plan);
    return self;
}

// --- Open, from, destroy ---------------------------------------------------

brood_shmlist_t *
brood_shmlist_open (const char *name)
{
    BRD_REQUIRE (name, NULL);
    return s_look (
        brd_named_open (sizeof (brood_shmlist_t), BRD_KIND_SHMLIST, name));
}

brood_shmlist_t *
brood_shmlist_from (void *ref)
{
    return s_look (
        brd_named_from (sizeof (brood_shmlist_t), BRD_KIND_SHMLIST, ref));
}

void
brood_shmlist_destroy (brood_shmlist_t **self_p)
{
    brd_named_destroy (self_p);
}

int
brood_shmlist_unlink (brood_shmlist_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_SHMLIST, -1);
    return brd_named_unlink (&self->named);
}

const char *
brood_shmlist_name (const brood_shmlist_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_SHMLIST, NULL);
    return self->named.name;
}

// --- Slots -----------------------------------------------------------------

long
brood_shmlist_len (const brood_shmlist_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_SHMLIST, -1);
    return (long) self->slots.n;
}

// From the start, or -1 with ERANGE.
static long
s_place (const brood_shmlist_t *self, long index)
{
    const long n = (long) self->slots.n;
    if (index >= -n && index < n)
        return index < 0 ? index + n : index;
    brd_error_set (ERANGE, "there is no item %ld: the list has %ld", index, n);
    return -1;
}

long
brood_shmlist_room (const brood_shmlist_t *self, long index)
{
    static const size_t heads[][2] = {
        { 1, 31 }, { 2, UINT8_MAX }, { 3, UINT16_MAX }, { 5, UINT32_MAX }
    };
    size_t most = 0;
    BRD_REQUIRE_HANDLE (self, BRD_KIND_SHMLIST, -1);
    const long i = s_place (self, index);
    if (i < 0)
        return -1;
    const size_t room = brd_slots_room (&self->slots, (size_t) i);
    // Longer text has a longer head, too.
    for (size_t k = 0; k < sizeof heads / sizeof heads[0]; k++) {
        if (room < heads[k][0])
            break;
        const size_t text = room - heads[k][0];
        const size_t fits = text < heads[k][1] ? text : heads[k][1];
        if (fits > most)
            most = fits;
    }
    return (long) most;
}

int
brood_shmlist_set (brood_shmlist_t *self, long index, const char *picture, ...)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_SHMLIST, -1);
    BRD_REQUIRE (picture, -1);
    const long i = s_place (self, index);
    if (i < 0)
        return -1;
    brd_buf_t value;
    brd_buf_init (&value, BRD_WIRE_SIZE_MAX);
    va_list args;
    va_start (args, picture);
    int rc = brd_picture_pack (&value, picture, &args);
    va_end (args);
    if (rc == 0)
        rc =
            brd_slots_write (&self->slots, (size_t) i, value.bytes, value.size);
    brd_buf_fini (&value);
    return rc;
}

// A copy of one item: in place when it is small.
typedef struct {
    uint64_t small[S_SMALL];
    uint64_t *large;
    const unsigned char *bytes;
    size_t size;
} s_copy_t;

static int
s_copy_init (s_copy_t *self, const brood_shmlist_t *list, size_t i)
{
    const size_t room = brd_slots_room (&list->slots, i);
    self->large = NULL;
    if (room > sizeof self->small) {
        self->large = brd_mem_alloc ((room + 7) / 8 * 8);
        if (!self->large)
            return -1;
    }
    uint64_t *words = self->large ? self->large : self->small;
    self->bytes = (const unsigned char *) words;
    return brd_slots_read (&list->slots, i, words, &self->size);
}

static void
s_copy_fini (s_copy_t *self)
{
    brd_mem_free (self->large);
}

// As a message of the caller's; what strangers have written is checked.
static brood_msg_t *
s_copy_msg (const s_copy_t *self)
{
    return brood_msg_new_bytes (self->bytes, self->size);
}

static int
s_unpack (const s_copy_t *copy, const char *picture, va_list *args)
{
    if (!brd_kept_lends (picture)) {
        const brd_picture_source_t source = { .bytes = copy->bytes,
                                              .size = copy->size };
        return brd_picture_unpack (&source, picture, args);
    }
    brood_msg_t *msg = s_copy_msg (copy);
    if (!msg)
        return -1;
    const int rc = brd_kept_unpack (&msg, picture, args);
    brood_msg_destroy (&msg);
    return rc;
}

int
brood_shmlist_get (brood_shmlist_t *self, long index, const char *picture, ...)
{
    s_copy_t copy;
    BRD_REQUIRE_HANDLE (self, BRD_KIND_SHMLIST, -1);
    BRD_REQUIRE (picture, -1);
    const long i = s_place (self, index);
    if (i < 0)
        return -1;
    int rc = s_copy_init (&copy, self, (size_t) i);
    if (rc == 0) {
        va_list args;
        va_start (args, picture);
        rc = s_unpack (&copy, picture, &args);
        va_end (args);
    }
    s_copy_fini (&copy);
    return rc;
}

brood_msg_t *
brood_shmlist_get_msg (brood_shmlist_t *self, long index)
{
    s_copy_t copy;
    BRD_REQUIRE_HANDLE (self, BRD_KIND_SHMLIST, NULL);
    const long i = s_place (self, index);
    if (i < 0)
        return NULL;
    brood_msg_t *msg =
        s_copy_init (&copy, self, (size_t) i) < 0 ? NULL : s_copy_msg (&copy);
    s_copy_fini (&copy);
    return msg;
}

// --- All of them -----------------------------------------------------------

// From first on: the place of the next item that equals the value, the number
// of items if none does; -1 with errno.
static long
s_next (brood_shmlist_t *self, const brd_buf_t *value, long first)
{
    const long n = (long) self->slots.n;
    for (long i = first; i < n; i++) {
        s_copy_t copy;
        const int rc = s_copy_init (&copy, self, (size_t) i);
        const int same = rc == 0
                         && brd_value_equal (
                             copy.bytes, copy.size, value->bytes, value->size);
        s_copy_fini (&copy);
        if (rc < 0)
            return -1;
        if (same)
            return i;
    }
    return n;
}

// Places of those that equal the value: the first, and how many.
static int
s_search (brood_shmlist_t *self,
          const char *picture,
          va_list *args,
          long *ret_first,
          long *ret_count)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_SHMLIST, -1);
    BRD_REQUIRE (picture, -1);
    brd_buf_t value;
    brd_buf_init (&value, BRD_WIRE_SIZE_MAX);
    long i = brd_picture_pack (&value, picture, args) < 0
                 ? -1
                 : s_next (self, &value, 0);
    const long n = (long) self->slots.n;
    *ret_first = i;
    *ret_count = 0;
    while (i >= 0 && i < n && ++*ret_count)
        i = s_next (self, &value, i + 1);
    brd_buf_fini (&value);
    return i < 0 ? -1 : 0;
}

long
brood_shmlist_index (brood_shmlist_t *self, const char *picture, ...)
{
    long first, count;
    va_list args;
    va_start (args, picture);
    const int rc = s_search (self, picture, &args, &first, &count);
    va_end (args);
    if (rc < 0)
        return -1;
    return count > 0 ? first
                     : brd_error_set (ENOENT, "no item of the list is that");
}

long
brood_shmlist_count (brood_shmlist_t *self, const char *picture, ...)
{
    long first, count;
    va_list args;
    va_start (args, picture);
    const int rc = s_search (self, picture, &args, &first, &count);
    va_end (args);
    return rc < 0 ? -1 : count;
}

// While nobody writes.
static int
s_append_all (brood_shmlist_t *self, brd_buf_t *out)
{
    const size_t n = self->slots.n;
    int rc = brd_value_put_list (out, n);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        s_copy_t copy;
        rc = s_copy_init (&copy, self, i);
        if (rc == 0)
            rc = brd_value_put_raw (out, copy.bytes, copy.size);
        s_copy_fini (&copy);
    }
    return rc;
}

brood_msg_t *
brood_shmlist_copy (brood_shmlist_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_SHMLIST, NULL);
    brd_buf_t out;
    brood_msg_t *msg = NULL;
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    // Room first, so that the others wait as briefly as can be.
    if (brd_buf_reserve (&out, self->named.size / 2)
        && brd_slots_lock (&self->slots) == 0) {
        const int rc = s_append_all (self, &out);
        brd_slots_unlock (&self->slots);
        if (rc == 0)
            msg = brood_msg_new_bytes (out.bytes, out.size);
    }
    brd_buf_fini (&out);
    return msg;
}
