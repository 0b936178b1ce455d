// home_list.c - list: values by place
//
// SPDX-License-Identifier: MPL-2.0
//
//     items:  | free |  first ... first + count  | free |
//
// An array of blobs that may begin later than its memory, so that taking from
// either end costs the same.
//
// Read next: home_proxy.c.

#include "core/home_internal.h"

typedef struct {
    brd_home_object_t object;
    brd_home_blob_t **items;
    size_t first;
    size_t count;
    size_t room;
} s_list_t;

static s_list_t *
s_list (brd_home_object_t *object)
{
    return BRD_LIST_ITEM (object, s_list_t, object);
}

static brd_home_blob_t **
s_at (const s_list_t *self, size_t index)
{
    return &self->items[self->first + index];
}

// --- Places ----------------------------------------------------------------

// Of an item there is: 0, or -1 with ERANGE.
static int
s_index (const s_list_t *self, const brd_home_arg_t *arg, size_t *ret_index)
{
    int64_t index = arg->head.number.i;
    if (index < 0)
        index += (int64_t) self->count;
    if (index < 0 || index >= (int64_t) self->count) {
        brd_error_set (ERANGE,
                       "there is no item %lld in a list of %zu",
                       (long long) arg->head.number.i,
                       self->count);
        return -1;
    }
    *ret_index = (size_t) index;
    return 0;
}

// Of a place between items, as Python's slices do: what lies outside is the
// nearest end.
static size_t
s_place (const s_list_t *self, const brd_home_arg_t *arg)
{
    int64_t place = arg->head.number.i;
    if (place < 0)
        place += (int64_t) self->count;
    if (place < 0)
        return 0;
    return place > (int64_t) self->count ? self->count : (size_t) place;
}

// Room for so many more at the end.
static int
s_reserve (s_list_t *self, size_t more)
{
    if (self->first + self->count + more <= self->room)
        return 0;
    if (self->first >= self->count + more) {
        memmove (
            self->items, s_at (self, 0), self->count * sizeof *self->items);
        self->first = 0;
        return 0;
    }
    size_t room = self->room ? self->room : 8;
    while (room < self->first + self->count + more)
        room *= 2;
    brd_home_blob_t **items =
        brd_mem_resize (self->items, room * sizeof *items);
    if (!items)
        return -1;
    self->items = items;
    self->room = room;
    return 0;
}

static void
s_insert (s_list_t *self, size_t place, brd_home_blob_t *value)
{
    if (place == 0 && self->first > 0) {
        self->first--;
    }
    else {
        memmove (s_at (self, place + 1),
                 s_at (self, place),
                 (self->count - place) * sizeof *self->items);
    }
    *s_at (self, place) = value;
    self->count++;
}

static brd_home_blob_t *
s_take (s_list_t *self, size_t index)
{
    brd_home_blob_t *value = *s_at (self, index);
    self->count--;
    if (index == 0) {
        self->first = self->count == 0 ? 0 : self->first + 1;
        return value;
    }
    memmove (s_at (self, index),
             s_at (self, index + 1),
             (self->count - index) * sizeof *self->items);
    return value;
}

// --- One item --------------------------------------------------------------

static int
s_add (brd_home_call_t *call, size_t place, const brd_home_arg_t *value)
{
    s_list_t *self = s_list (call->object);
    if (brd_home_say_nil (call) < 0 || s_reserve (self, 1) < 0)
        return -1;
    brd_home_blob_t *blob =
        brd_home_blob_new (call->home, value->bytes, value->size);
    if (!blob)
        return -1;
    s_insert (self, place, blob);
    return 0;
}

int
brd_home_list_append (brd_home_call_t *call)
{
    return s_add (call, s_list (call->object)->count, &call->args[0]);
}

int
brd_home_list_insert (brd_home_call_t *call)
{
    return s_add (
        call, s_place (s_list (call->object), &call->args[0]), &call->args[1]);
}

int
brd_home_list_set (brd_home_call_t *call)
{
    s_list_t *self = s_list (call->object);
    size_t index;
    if (s_index (self, &call->args[0], &index) < 0
        || brd_home_say_nil (call) < 0)
        return -1;
    brd_home_blob_t *blob =
        brd_home_blob_new (call->home, call->args[1].bytes, call->args[1].size);
    if (!blob)
        return -1;
    brd_home_blob_t **at = s_at (self, index);
    brd_home_blob_free (call->home, *at);
    *at = blob;
    return 0;
}

int
brd_home_list_get (brd_home_call_t *call)
{
    const s_list_t *self = s_list (call->object);
    size_t index;
    if (s_index (self, &call->args[0], &index) < 0)
        return -1;
    return brd_home_say_value (call, *s_at (self, index));
}

int
brd_home_list_del (brd_home_call_t *call)
{
    s_list_t *self = s_list (call->object);
    size_t index;
    if (s_index (self, &call->args[0], &index) < 0
        || brd_home_say_nil (call) < 0)
        return -1;
    brd_home_blob_free (call->home, s_take (self, index));
    return 0;
}

int
brd_home_list_pop (brd_home_call_t *call)
{
    s_list_t *self = s_list (call->object);
    size_t index;
    if (s_index (self, &call->args[0], &index) < 0)
        return -1;
    const brd_home_blob_t *value = *s_at (self, index);
    if (brd_home_fits (&call->args[1], value) < 0
        || brd_home_lend (call->home, call->slot, value->bytes, value->size)
               < 0)
        return -1;
    call->slot->blob = s_take (self, index);
    return 0;
}

// --- Many ------------------------------------------------------------------

int
brd_home_list_extend (brd_home_call_t *call)
{
    s_list_t *self = s_list (call->object);
    const size_t before = self->count;
    brd_value_cursor_t at = brd_home_items (&call->args[0]);
    size_t left = call->args[0].head.size;
    brd_home_arg_t item;
    if (brd_home_say_nil (call) < 0 || s_reserve (self, left) < 0)
        return -1;
    while (brd_home_next (&at, &left, &item)) {
        brd_home_blob_t *blob =
            brd_home_blob_new (call->home, item.bytes, item.size);
        if (!blob)
            break;
        s_insert (self, self->count, blob);
    }
    if (self->count == before + call->args[0].head.size)
        return 0;
    while (self->count > before)
        brd_home_blob_free (call->home, s_take (self, self->count - 1));
    return -1;
}

int
brd_home_list_len (brd_home_call_t *call)
{
    return brd_home_say_int (call, (int64_t) s_list (call->object)->count);
}

static void
s_empty (brd_home_t *home, brd_home_object_t *object)
{
    s_list_t *self = s_list (object);
    while (self->count > 0)
        brd_home_blob_free (home, s_take (self, self->count - 1));
    brd_mem_free (self->items);
    self->items = NULL;
    self->first = self->room = 0;
}

int
brd_home_list_clear (brd_home_call_t *call)
{
    if (brd_home_say_nil (call) < 0)
        return -1;
    s_empty (call->home, call->object);
    return 0;
}

int
brd_home_list_slice (brd_home_call_t *call)
{
    const s_list_t *self = s_list (call->object);
    brd_buf_t *out = &call->slot->out;
    const size_t first = s_place (self, &call->args[0]);
    size_t last = s_place (self, &call->args[1]);
    if (last < first)
        last = first;
    out->size = 0;
    if (brd_value_put_list (out, last - first) < 0)
        return -1;
    for (size_t i = first; i < last; i++) {
        const brd_home_blob_t *value = *s_at (self, i);
        if (brd_buf_add (out, value->bytes, value->size) < 0)
            return -1;
    }
    return brd_home_lend (call->home, call->slot, out->bytes, out->size);
}

// --- By value --------------------------------------------------------------

static int
s_equals (const s_list_t *self, size_t index, const brd_home_arg_t *value)
{
    const brd_home_blob_t *item = *s_at (self, index);
    return brd_value_equal (item->bytes, item->size, value->bytes, value->size);
}

// The first that equals it: its place, or count.
static size_t
s_search (const s_list_t *self, const brd_home_arg_t *value)
{
    size_t index = 0;
    while (index < self->count && !s_equals (self, index, value))
        index++;
    return index;
}

static int
s_not_there (void)
{
    return brd_error_set (ENOENT, "the value is not in the list");
}

int
brd_home_list_remove (brd_home_call_t *call)
{
    s_list_t *self = s_list (call->object);
    const size_t index = s_search (self, &call->args[0]);
    if (index == self->count)
        return s_not_there ();
    if (brd_home_say_nil (call) < 0)
        return -1;
    brd_home_blob_free (call->home, s_take (self, index));
    return 0;
}

int
brd_home_list_index (brd_home_call_t *call)
{
    const s_list_t *self = s_list (call->object);
    const size_t index = s_search (self, &call->args[0]);
    if (index == self->count)
        return s_not_there ();
    return brd_home_say_int (call, (int64_t) index);
}

int
brd_home_list_count (brd_home_call_t *call)
{
    const s_list_t *self = s_list (call->object);
    int64_t count = 0;
    for (size_t i = 0; i < self->count; i++)
        count += s_equals (self, i, &call->args[0]);
    return brd_home_say_int (call, count);
}

int
brd_home_list_reverse (brd_home_call_t *call)
{
    s_list_t *self = s_list (call->object);
    if (brd_home_say_nil (call) < 0)
        return -1;
    for (size_t i = 0; i < self->count / 2; i++) {
        brd_home_blob_t *left = *s_at (self, i);
        *s_at (self, i) = *s_at (self, self->count - 1 - i);
        *s_at (self, self->count - 1 - i) = left;
    }
    return 0;
}

// Merges, so that equal items keep their order.
static void
s_merge (brd_home_blob_t **items,
         brd_home_blob_t **aside,
         size_t half,
         size_t count)
{
    size_t left = 0;
    size_t right = half;
    for (size_t i = 0; i < count; i++) {
        const int from_right = left == half
                               || (right < count
                                   && brd_value_order (items[right]->bytes,
                                                       items[right]->size,
                                                       items[left]->bytes,
                                                       items[left]->size)
                                          < 0);
        aside[i] = items[from_right ? right++ : left++];
    }
    memcpy (items, aside, count * sizeof *items);
}

// As deep as the logarithm of the list's length.
static void
s_sort (brd_home_blob_t **items, brd_home_blob_t **aside, size_t count)
{
    if (count < 2)
        return;
    const size_t half = count / 2;
    s_sort (items, aside, half);
    s_sort (items + half, aside, count - half);
    s_merge (items, aside, half, count);
}

int
brd_home_list_sort (brd_home_call_t *call)
{
    s_list_t *self = s_list (call->object);
    if (brd_home_say_nil (call) < 0)
        return -1;
    if (self->count < 2)
        return 0;
    brd_home_blob_t **aside = brd_mem_array (self->count, sizeof *aside);
    if (!aside)
        return -1;
    s_sort (s_at (self, 0), aside, self->count);
    brd_mem_free (aside);
    return 0;
}

// --- Its class -------------------------------------------------------------

static void
s_walk (const brd_home_object_t *object,
        void (*visit) (const brd_home_blob_t *blob, void *arg),
        void *arg)
{
    const s_list_t *self = (const s_list_t *) object;
    for (size_t i = 0; i < self->count; i++)
        visit (*s_at (self, i), arg);
}

static void
s_check (const brd_home_t *home, const brd_home_object_t *object)
{
    (void) home;
    const s_list_t *self = (const s_list_t *) object;
    brd_assert (self->first + self->count <= self->room);
    for (size_t i = 0; i < self->count; i++)
        brd_assert (*s_at (self, i) && (*s_at (self, i))->size > 0);
}

const brd_home_class_t brd_home_list_class = {
    .size = sizeof (s_list_t),
    .walk = s_walk,
    .empty = s_empty,
    .check = s_check,
};
