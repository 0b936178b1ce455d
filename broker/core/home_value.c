// home_value.c - the values a home keeps, and how things are found by bytes
//
// SPDX-License-Identifier: MPL-2.0
//
//     bytes of a call -> blob --+--> bytes that the home's limit counts
//                               +--> contained of each object in it
//
// A blob is a copy, so a call's frame can go when the call is done. It holds
// the objects whose handles stand in it: that is what makes a list in a dict
// the same list for everybody, however deep it lies.
//
// Read next: home_object.c.

#include "core/home_internal.h"
#include "wire/brd_picture.h"

// --- The limit -------------------------------------------------------------

int
brd_home_charge (brd_home_t *self, size_t size)
{
    const size_t max = self->options.bytes_max;
    if (max > 0 && (size > max || self->bytes > max - size))
        return brd_error_set (ENOSPC,
                              "the manager may hold %zu bytes and has %zu",
                              max,
                              self->bytes);
    self->bytes += size;
    return 0;
}

void
brd_home_refund (brd_home_t *self, size_t size)
{
    brd_assert (size <= self->bytes);
    self->bytes -= size;
}

// --- Blobs -----------------------------------------------------------------

// Handles are written 0xc7, and may come as 0xc8 and 0xc9: where none of these
// is, nothing needs to be read.
static int
s_may_have_refs (const void *bytes, size_t size)
{
    return memchr (bytes, 0xc7, size) || memchr (bytes, 0xc8, size)
           || memchr (bytes, 0xc9, size);
}

// The objects in the bytes gain, or lose, so many. -1 with ENOENT when one is
// not there, and nothing has changed.
static int
s_count_refs (brd_home_t *self, const void *bytes, size_t size, size_t *ret)
{
    *ret = 0;
    if (!s_may_have_refs (bytes, size))
        return 0;
    const unsigned char *start = bytes;
    brd_value_cursor_t at = { start, start + size };
    brd_ref_t ref;
    while (brd_request_next_ref (&at, self->options.brood, &ref) == 1) {
        if (!brd_home_object (self, ref.object))
            return brd_error_set (ENOENT,
                                  "the %s in the value is gone",
                                  brd_kind_text ((brd_kind_t) ref.kind));
        ++*ret;
    }
    return 0;
}

static void
s_contain (brd_home_t *self, const brd_home_blob_t *blob, int more)
{
    brd_value_cursor_t at = { blob->bytes, blob->bytes + blob->size };
    brd_ref_t ref;
    while (blob->refs > 0
           && brd_request_next_ref (&at, self->options.brood, &ref) == 1) {
        brd_home_object_t *object = brd_home_object (self, ref.object);
        brd_assert (object && (more || object->contained > 0));
        if (more) {
            object->contained++;
            continue;
        }
        object->contained--;
        brd_home_settle (self, object);
    }
}

brd_home_blob_t *
brd_home_blob_new (brd_home_t *self, const void *bytes, size_t size)
{
    size_t refs;
    if (s_count_refs (self, bytes, size, &refs) < 0
        || brd_home_charge (self, size + BRD_HOME_COST) < 0)
        return NULL;
    brd_home_blob_t *blob = brd_mem_alloc (sizeof *blob + size);
    if (!blob) {
        brd_home_refund (self, size + BRD_HOME_COST);
        return NULL;
    }
    blob->size = size;
    blob->refs = refs;
    memcpy (blob->bytes, bytes, size);
    s_contain (self, blob, 1);
    return blob;
}

void
brd_home_blob_free (brd_home_t *self, brd_home_blob_t *blob)
{
    if (!blob)
        return;
    s_contain (self, blob, 0);
    brd_home_refund (self, blob->size + BRD_HOME_COST);
    brd_mem_free (blob);
}

// A picture that only asks makes no refs.
static void *
s_no_ref (void *arg, const unsigned char *bytes, size_t size)
{
    (void) arg;
    (void) bytes;
    (void) size;
    return NULL;
}

int
brd_home_fits (const brd_home_arg_t *picture, const brd_home_blob_t *blob)
{
    if (picture->head.type == BROOD_NIL)
        return 1;
    char text[1024];
    if (picture->head.size >= sizeof text)
        return brd_error_set (EINVAL, "a picture longer than any should be");
    memcpy (text, picture->head.bytes, picture->head.size);
    text[picture->head.size] = '\0';
    const brd_picture_source_t source = {
        .bytes = blob->bytes,
        .size = blob->size,
        .ref = s_no_ref,
    };
    return brd_picture_unpack (&source, text, NULL) < 0 ? -1 : 1;
}

// --- Tables ----------------------------------------------------------------

// Seeded, so that nobody can choose keys that meet; 0 is no hash.
uint64_t
brd_home_hash (const brd_home_t *self, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    uint64_t hash = self->options.seed ^ size * UINT64_C (0x9e3779b97f4a7c15);
    while (size > 0) {
        uint64_t word = 0;
        const size_t step = size < sizeof word ? size : sizeof word;
        memcpy (&word, at, step);
        at += step;
        size -= step;
        hash = (hash ^ word) * UINT64_C (0xff51afd7ed558ccd);
        hash ^= hash >> 32;
        hash = (hash ^ self->options.seed) * UINT64_C (0xc4ceb9fe1a85ec53);
        hash ^= hash >> 29;
    }
    return hash ? hash : 1;
}

brd_home_node_t *
brd_home_find (const brd_home_table_t *table,
               uint64_t hash,
               const void *key,
               size_t size)
{
    brd_home_node_t *node = brd_map_get (&table->map, hash);
    while (node && (node->size != size || memcmp (node->key, key, size) != 0))
        node = node->next;
    return node;
}

int
brd_home_insert (brd_home_table_t *table, brd_home_node_t *node)
{
    brd_home_node_t *first = brd_map_get (&table->map, node->hash);
    if (!first)
        return brd_map_set (&table->map, node->hash, node);
    node->next = first->next;
    first->next = node;
    return 0;
}

void
brd_home_remove (brd_home_table_t *table, brd_home_node_t *node)
{
    brd_home_node_t *first = brd_map_get (&table->map, node->hash);
    if (first != node) {
        while (first->next != node)
            first = first->next;
        first->next = node->next;
    }
    else if (node->next) {
        // The key is in the map: nothing is allocated.
        (void) brd_map_set (&table->map, node->hash, node->next);
    }
    else {
        (void) brd_map_remove (&table->map, node->hash);
    }
    node->next = NULL;
}

// --- Lists in arguments ----------------------------------------------------

brd_value_cursor_t
brd_home_items (const brd_home_arg_t *list)
{
    brd_value_cursor_t at = { list->bytes, list->bytes + list->size };
    brd_value_t head;
    (void) brd_value_read (&at, &head);
    return at;
}

int
brd_home_next (brd_value_cursor_t *items,
               size_t *left,
               brd_home_arg_t *ret_item)
{
    if (*left == 0)
        return 0;
    --*left;
    brd_value_cursor_t head = *items;
    ret_item->bytes = items->at;
    // Arguments were checked: neither can fail.
    (void) brd_value_read (&head, &ret_item->head);
    (void) brd_value_skip (items);
    ret_item->size = (size_t) (items->at - ret_item->bytes);
    return 1;
}

int
brd_home_option (brd_value_cursor_t *items,
                 size_t *left,
                 int64_t low,
                 int64_t high,
                 int64_t *ret_number)
{
    brd_home_arg_t item;
    if (!brd_home_next (items, left, &item)
        || (item.head.type != BROOD_INTEGER && item.head.type != BROOD_BOOL)
        || (item.head.type == BROOD_INTEGER && !item.head.negative
            && item.head.number.u > INT64_MAX)
        || item.head.number.i < low || item.head.number.i > high)
        return brd_error_set (EINVAL, "an option is missing or out of range");
    *ret_number = item.head.number.i;
    return 0;
}
