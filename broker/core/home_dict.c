// home_dict.c - dict and Namespace: values by key, in the order of the keys
//
// SPDX-License-Identifier: MPL-2.0
//
// A key is the bytes of its shortest encoding, so 1 is 1 however it came, and
// 1, 1.0, true and "1" are four. The table finds an entry, the list has them in
// the order in which they were first set.
//
//     key -> s_key -> table -> entry -- order -- entry -- order -- ...
//                                |
//                                +-> blob
//
// Read next: home_list.c.

#include <math.h>

#include "core/home_internal.h"

typedef struct {
    brd_home_node_t node;
    brd_list_t order;
    brd_home_blob_t *value;
    unsigned char key[];
} s_entry_t;

typedef struct {
    brd_home_object_t object;
    brd_home_table_t table;
    brd_list_t order;
    size_t count;
} s_dict_t;

typedef struct {
    const unsigned char *bytes;
    size_t size;
    uint64_t hash;
    unsigned char small[BRD_VALUE_HEAD_MAX];
} s_key_t;

static s_dict_t *
s_dict (brd_home_object_t *object)
{
    return BRD_LIST_ITEM (object, s_dict_t, object);
}

static int
s_open (brd_home_call_t *call,
        brd_home_object_t *object,
        const brd_home_arg_t *options)
{
    (void) call;
    (void) options;
    s_dict_t *self = s_dict (object);
    brd_map_init (&self->table.map);
    brd_list_init (&self->order);
    return 0;
}

// --- Keys ------------------------------------------------------------------

static int
s_key_number (const brd_value_t *head, brd_buf_t *out)
{
    switch (head->type) {
    case BROOD_NIL:
        return brd_value_put_nil (out);
    case BROOD_BOOL:
        return brd_value_put_bool (out, head->number.i != 0);
    case BROOD_INTEGER:
        return head->negative ? brd_value_put_int (out, head->number.i)
                              : brd_value_put_uint (out, head->number.u);
    default:
        // One zero and one NaN.
        return brd_value_put_float (out,
                                    isnan (head->number.f) ? (double) NAN
                                    : head->number.f == 0  ? 0.0
                                                           : head->number.f);
    }
}

// Longer heads than need be are refused, as no packer writes them.
static int
s_key_bytes (const brd_home_arg_t *arg, s_key_t *ret)
{
    const size_t size = arg->head.size;
    size_t head = size > UINT16_MAX ? 5 : size > UINT8_MAX ? 3 : 2;
    if (arg->head.type == BROOD_TEXT && size < 32)
        head = 1;
    if (arg->size - size != head)
        return brd_error_set (EINVAL, "a key that is not packed as it should");
    ret->bytes = arg->bytes;
    ret->size = arg->size;
    return 0;
}

static int
s_key (const brd_home_t *home, const brd_home_arg_t *arg, s_key_t *ret)
{
    if (arg->head.type == BROOD_TEXT || arg->head.type == BROOD_BYTES) {
        if (s_key_bytes (arg, ret) < 0)
            return -1;
    }
    else {
        brd_buf_t out = brd_value_fixed (ret->small, sizeof ret->small);
        if (s_key_number (&arg->head, &out) < 0)
            return -1;
        ret->bytes = ret->small;
        ret->size = out.size;
    }
    ret->hash = brd_home_hash (home, ret->bytes, ret->size);
    return 0;
}

static s_entry_t *
s_find (const s_dict_t *self, const s_key_t *key)
{
    brd_home_node_t *node =
        brd_home_find (&self->table, key->hash, key->bytes, key->size);
    return node ? BRD_LIST_ITEM (node, s_entry_t, node) : NULL;
}

// The entry of the call's key, or NULL with ENOENT, or with the key's fault.
static s_entry_t *
s_need (brd_home_call_t *call)
{
    s_key_t key;
    if (s_key (call->home, &call->args[0], &key) < 0)
        return NULL;
    s_entry_t *entry = s_find (s_dict (call->object), &key);
    if (!entry)
        brd_error_set (ENOENT, "there is no such key");
    return entry;
}

// --- Entries ---------------------------------------------------------------

static size_t
s_cost (const s_entry_t *entry)
{
    return sizeof *entry + entry->node.size + BRD_HOME_COST;
}

// In, at the end of the order; the value becomes its own. -1 with errno, and
// nothing is.
static int
s_add (brd_home_t *home,
       s_dict_t *self,
       const s_key_t *key,
       brd_home_blob_t *value)
{
    s_entry_t *entry = brd_mem_zalloc (sizeof *entry + key->size);
    if (!entry)
        return -1;
    memcpy (entry->key, key->bytes, key->size);
    entry->node.key = entry->key;
    entry->node.size = key->size;
    entry->node.hash = key->hash;
    entry->value = value;
    if (brd_home_charge (home, s_cost (entry)) < 0) {
        brd_mem_free (entry);
        return -1;
    }
    if (brd_home_insert (&self->table, &entry->node) < 0) {
        brd_home_refund (home, s_cost (entry));
        brd_mem_free (entry);
        return -1;
    }
    brd_list_append (&self->order, &entry->order);
    self->count++;
    return 0;
}

// Out; the value is the caller's.
static brd_home_blob_t *
s_take (brd_home_t *home, s_dict_t *self, s_entry_t *entry)
{
    brd_home_blob_t *value = entry->value;
    brd_home_remove (&self->table, &entry->node);
    brd_list_remove (&entry->order);
    self->count--;
    brd_home_refund (home, s_cost (entry));
    brd_mem_free (entry);
    return value;
}

static int
s_put (brd_home_t *home,
       s_dict_t *self,
       const s_key_t *key,
       const brd_home_arg_t *arg)
{
    brd_home_blob_t *value = brd_home_blob_new (home, arg->bytes, arg->size);
    if (!value)
        return -1;
    s_entry_t *entry = s_find (self, key);
    if (entry) {
        brd_home_blob_free (home, entry->value);
        entry->value = value;
        return 0;
    }
    if (s_add (home, self, key, value) == 0)
        return 0;
    brd_home_blob_free (home, value);
    return -1;
}

// --- One key ---------------------------------------------------------------

int
brd_home_dict_set (brd_home_call_t *call)
{
    s_key_t key;
    if (s_key (call->home, &call->args[0], &key) < 0
        || brd_home_say_nil (call) < 0)
        return -1;
    return s_put (call->home, s_dict (call->object), &key, &call->args[1]);
}

int
brd_home_dict_get (brd_home_call_t *call)
{
    const s_entry_t *entry = s_need (call);
    return entry ? brd_home_say_value (call, entry->value) : -1;
}

int
brd_home_dict_del (brd_home_call_t *call)
{
    s_entry_t *entry = s_need (call);
    if (!entry || brd_home_say_nil (call) < 0)
        return -1;
    brd_home_blob_free (call->home,
                        s_take (call->home, s_dict (call->object), entry));
    return 0;
}

int
brd_home_dict_contains (brd_home_call_t *call)
{
    s_key_t key;
    if (s_key (call->home, &call->args[0], &key) < 0)
        return -1;
    return brd_home_say_int (call,
                             s_find (s_dict (call->object), &key) != NULL);
}

// The value goes with the answer, which keeps it.
int
brd_home_dict_pop (brd_home_call_t *call)
{
    s_entry_t *entry = s_need (call);
    if (!entry || brd_home_fits (&call->args[1], entry->value) < 0
        || brd_home_lend (
               call->home, call->slot, entry->value->bytes, entry->value->size)
               < 0)
        return -1;
    call->slot->blob = s_take (call->home, s_dict (call->object), entry);
    return 0;
}

// [key, value] of the one that was set last.
int
brd_home_dict_popitem (brd_home_call_t *call)
{
    s_dict_t *self = s_dict (call->object);
    brd_buf_t *out = &call->slot->out;
    if (self->count == 0)
        return brd_error_set (ENOENT, "the dict is empty");
    s_entry_t *entry = BRD_LIST_ITEM (self->order.prev, s_entry_t, order);
    const brd_home_blob_t *value = entry->value;
    if (brd_value_put_list (out, 2) < 0
        || brd_buf_add (out, entry->key, entry->node.size) < 0
        || brd_buf_add (out, value->bytes, value->size) < 0
        || brd_home_lend (call->home, call->slot, out->bytes, out->size) < 0)
        return -1;
    brd_home_blob_free (call->home, s_take (call->home, self, entry));
    return 0;
}

int
brd_home_dict_setdefault (brd_home_call_t *call)
{
    s_dict_t *self = s_dict (call->object);
    s_key_t key;
    if (s_key (call->home, &call->args[0], &key) < 0)
        return -1;
    const int is_new = s_find (self, &key) == NULL;
    if (brd_home_say_int (call, is_new) < 0)
        return -1;
    return is_new ? s_put (call->home, self, &key, &call->args[1]) : 0;
}

static int
s_number (const brd_home_blob_t *value, int64_t *ret_number)
{
    brd_value_cursor_t at = { value->bytes, value->bytes + value->size };
    brd_value_t head;
    (void) brd_value_read (&at, &head);
    if (head.type != BROOD_INTEGER)
        return brd_error_set (
            EBADMSG, "expected int, found %s", brd_value_type_text (head.type));
    if (!head.negative && head.number.u > INT64_MAX)
        return brd_error_set (ERANGE, "the sum does not fit 64 bits");
    *ret_number = head.number.i;
    return 0;
}

int
brd_home_dict_add (brd_home_call_t *call)
{
    s_dict_t *self = s_dict (call->object);
    s_key_t key;
    int64_t sum = 0;
    if (s_key (call->home, &call->args[0], &key) < 0)
        return -1;
    const s_entry_t *entry = s_find (self, &key);
    if (entry && s_number (entry->value, &sum) < 0)
        return -1;
    if (__builtin_add_overflow (sum, call->args[1].head.number.i, &sum))
        return brd_error_set (ERANGE, "the sum does not fit 64 bits");
    unsigned char bytes[BRD_VALUE_HEAD_MAX];
    brd_buf_t out = brd_value_fixed (bytes, sizeof bytes);
    (void) brd_value_put_int (&out, sum);
    const brd_home_arg_t value = { .bytes = bytes, .size = out.size };
    if (brd_home_say_int (call, sum) < 0)
        return -1;
    return s_put (call->home, self, &key, &value);
}

// key, [what it must be now] or [] for nothing, what it is to be.
int
brd_home_dict_swap (brd_home_call_t *call)
{
    s_dict_t *self = s_dict (call->object);
    const brd_home_arg_t *expected = &call->args[1];
    s_key_t key;
    if (expected->head.size > 1)
        return brd_error_set (EINVAL, "one value is expected, or none");
    if (s_key (call->home, &call->args[0], &key) < 0)
        return -1;
    const s_entry_t *entry = s_find (self, &key);
    brd_value_cursor_t at = brd_home_items (expected);
    const int same = expected->head.size == 0
                         ? !entry
                         : entry
                               && brd_value_equal (at.at,
                                                   (size_t) (at.end - at.at),
                                                   entry->value->bytes,
                                                   entry->value->size);
    if (brd_home_say_int (call, same) < 0)
        return -1;
    return same ? s_put (call->home, self, &key, &call->args[2]) : 0;
}

// --- All of it -------------------------------------------------------------

// All values are made before the first is put; what cannot be put then is taken
// back out, so that either all keys are set or none.
typedef struct {
    s_key_t key;
    brd_home_blob_t *value;
} s_update_t;

static void
s_update_free (brd_home_t *home, s_update_t *updates, size_t count)
{
    for (size_t i = 0; i < count; i++)
        brd_home_blob_free (home, updates[i].value);
    brd_mem_free (updates);
}

static int
s_update_make (brd_home_call_t *call, s_update_t *updates, size_t count)
{
    brd_value_cursor_t at = brd_home_items (&call->args[0]);
    size_t left = 2 * count;
    for (size_t i = 0; i < count; i++) {
        brd_home_arg_t key;
        brd_home_arg_t value;
        (void) brd_home_next (&at, &left, &key);
        (void) brd_home_next (&at, &left, &value);
        if (key.head.type == BROOD_LIST || key.head.type == BROOD_MAP
            || key.head.type == BROOD_EXTENSION
            || key.head.type == BROOD_HANDLE)
            return brd_error_set (EINVAL,
                                  "a %s cannot be a key",
                                  brd_value_type_text (key.head.type));
        if (s_key (call->home, &key, &updates[i].key) < 0)
            return -1;
        updates[i].value =
            brd_home_blob_new (call->home, value.bytes, value.size);
        if (!updates[i].value)
            return -1;
    }
    return 0;
}

// Adds an entry for each key that is not there, which is all that can fail.
// The new ones are at the end of the order, with a value yet to come.
static int
s_update_enter (brd_home_call_t *call, s_update_t *updates, size_t count)
{
    s_dict_t *self = s_dict (call->object);
    const size_t before = self->count;
    for (size_t i = 0; i < count; i++) {
        if (s_find (self, &updates[i].key)
            || s_add (call->home, self, &updates[i].key, NULL) == 0)
            continue;
        while (self->count > before)
            (void) s_take (call->home,
                           self,
                           BRD_LIST_ITEM (self->order.prev, s_entry_t, order));
        return -1;
    }
    return 0;
}

int
brd_home_dict_update (brd_home_call_t *call)
{
    s_dict_t *self = s_dict (call->object);
    const size_t count = call->args[0].head.size;
    if (brd_home_say_nil (call) < 0)
        return -1;
    if (count == 0)
        return 0;
    s_update_t *updates = brd_mem_array (count, sizeof *updates);
    if (!updates)
        return -1;
    int rc = s_update_make (call, updates, count);
    if (rc == 0)
        rc = s_update_enter (call, updates, count);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        s_entry_t *entry = s_find (self, &updates[i].key);
        brd_home_blob_t *old = entry->value;
        entry->value = updates[i].value;
        updates[i].value = old;
    }
    s_update_free (call->home, updates, count);
    return rc;
}

int
brd_home_dict_len (brd_home_call_t *call)
{
    return brd_home_say_int (call, (int64_t) s_dict (call->object)->count);
}

static void
s_empty (brd_home_t *home, brd_home_object_t *object)
{
    s_dict_t *self = s_dict (object);
    while (!brd_list_empty (&self->order))
        brd_home_blob_free (
            home,
            s_take (home,
                    self,
                    BRD_LIST_ITEM (self->order.next, s_entry_t, order)));
}

int
brd_home_dict_clear (brd_home_call_t *call)
{
    if (brd_home_say_nil (call) < 0)
        return -1;
    s_empty (call->home, call->object);
    return 0;
}

// A namespace's own: attributes that begin with '_'.
static int
s_is_hidden (const s_dict_t *self, const s_entry_t *entry)
{
    if (self->object.kind != BRD_KIND_NAMESPACE)
        return 0;
    brd_value_cursor_t at = { entry->key, entry->key + entry->node.size };
    brd_value_t head;
    return brd_value_read (&at, &head) == 0 && head.type == BROOD_TEXT
           && head.size > 0 && head.bytes[0] == '_';
}

enum {
    S_KEYS = 1,
    S_VALUES = 2
};

// A map of both, or a list of one.
static int
s_say_all (brd_home_call_t *call, int what)
{
    const s_dict_t *self = s_dict (call->object);
    brd_buf_t *out = &call->slot->out;
    size_t shown = 0;
    out->size = 0;
    if ((what == (S_KEYS | S_VALUES) ? brd_value_put_map (out, self->count)
                                     : brd_value_put_list (out, self->count))
        < 0)
        return -1;
    for (const brd_list_t *at = self->order.next; at != &self->order;
         at = at->next) {
        const s_entry_t *entry = BRD_LIST_ITEM (at, s_entry_t, order);
        const brd_home_blob_t *value = entry->value;
        if (s_is_hidden (self, entry))
            continue;
        if (((what & S_KEYS)
             && brd_buf_add (out, entry->key, entry->node.size) < 0)
            || ((what & S_VALUES)
                && brd_buf_add (out, value->bytes, value->size) < 0))
            return -1;
        shown++;
    }
    if (shown != self->count && brd_value_set_count (out, 0, shown) < 0)
        return -1;
    return brd_home_lend (call->home, call->slot, out->bytes, out->size);
}

int
brd_home_dict_copy (brd_home_call_t *call)
{
    return s_say_all (call, S_KEYS | S_VALUES);
}

int
brd_home_dict_keys (brd_home_call_t *call)
{
    return s_say_all (call, S_KEYS);
}

int
brd_home_dict_values (brd_home_call_t *call)
{
    return s_say_all (call, S_VALUES);
}

// --- Its class -------------------------------------------------------------

static void
s_walk (const brd_home_object_t *object,
        void (*visit) (const brd_home_blob_t *blob, void *arg),
        void *arg)
{
    const s_dict_t *self = (const s_dict_t *) object;
    for (const brd_list_t *at = self->order.next; at != &self->order;
         at = at->next)
        visit (BRD_LIST_ITEM (at, s_entry_t, order)->value, arg);
}

static void
s_fini (brd_home_t *home, brd_home_object_t *object)
{
    (void) home;
    brd_map_fini (&s_dict (object)->table.map);
}

static void
s_check (const brd_home_t *home, const brd_home_object_t *object)
{
    const s_dict_t *self = (const s_dict_t *) object;
    size_t count = 0;
    for (const brd_list_t *at = self->order.next; at != &self->order;
         at = at->next) {
        const s_entry_t *entry = BRD_LIST_ITEM (at, s_entry_t, order);
        brd_assert (entry->value);
        brd_assert (entry->node.hash
                    == brd_home_hash (home, entry->node.key, entry->node.size));
        brd_assert (brd_home_find (&self->table,
                                   entry->node.hash,
                                   entry->node.key,
                                   entry->node.size)
                    == &entry->node);
        count++;
    }
    brd_assert (count == self->count);
    brd_assert (self->table.map.count <= count);
}

const brd_home_class_t brd_home_dict_class = {
    .size = sizeof (s_dict_t),
    .open = s_open,
    .walk = s_walk,
    .empty = s_empty,
    .fini = s_fini,
    .check = s_check,
};
