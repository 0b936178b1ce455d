// brood_msgpack.c - brood's messages as msgpack-c's objects
//
// SPDX-License-Identifier: MPL-2.0
//
// The packer writes into the message's buffer, and the message checks what it
// got when somebody looks. The tree is made from bytes that were checked, so
// msgpack-c, which allocates what a head claims, can claim no more than is
// there; it stays with the message until the value changes.
//
// Read next: lib/client/brd_msg.h.

#include "brood/brood_msgpack.h"

#include <errno.h>
#include <stdlib.h>

#include "base/brd_check.h"
#include "base/brd_mem.h"
#include "client/brd_msg.h"
#include "wire/brd_limits.h"
#include "wire/brd_value.h"

// A tree takes 24 bytes a value and more: so many are 400 MB.
#define S_TREE_NODES_MAX ((size_t) 1 << 24)

// --- The packer ------------------------------------------------------------

typedef struct {
    brd_msg_extra_t extra;
    msgpack_packer packer;
} s_packer_t;

static void
s_packer_free (brd_msg_extra_t *extra)
{
    brd_mem_free (extra);
}

// Writes nothing once another call has used the message: its buffer may now be
// the value.
static int
s_packer_write (void *data, const char *bytes, size_t size)
{
    brood_msg_t *self = data;
    if (atomic_load (&self->packing) != BRD_MSG_PACKING)
        return brd_error_set (EINVAL, "the packer's message was used since");
    if (brd_buf_add (&self->buf, bytes, size) < 0) {
        atomic_store (&self->packing, errno);
        return -1;
    }
    self->bytes = self->buf.bytes;
    self->size = self->buf.size;
    return 0;
}

msgpack_packer *
brood_msg_packer (brood_msg_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_MSG, NULL);
    s_packer_t *packer = (s_packer_t *) self->packer;
    if (!packer) {
        packer = brd_mem_alloc (sizeof *packer);
        if (!packer)
            return NULL;
        packer->extra.free = s_packer_free;
        msgpack_packer_init (&packer->packer, self, s_packer_write);
        self->packer = &packer->extra;
    }
    // Where the value is elsewhere, buf is empty.
    if (!brd_buf_reserve (&self->buf, BRD_MSG_SMALL))
        return NULL;
    self->buf.size = 0;
    brd_msg_changed (self);
    atomic_store (&self->packing, BRD_MSG_PACKING);
    return &packer->packer;
}

// --- The tree --------------------------------------------------------------

typedef struct {
    brd_msg_extra_t extra;
    msgpack_unpacked unpacked;
} s_tree_t;

static void
s_tree_free (brd_msg_extra_t *extra)
{
    s_tree_t *self = (s_tree_t *) extra;
    msgpack_unpacked_destroy (&self->unpacked);
    brd_mem_free (self);
}

static s_tree_t *
s_tree_new (const void *bytes, size_t size)
{
    size_t nodes;
    if (brd_value_check (bytes, size, BRD_WIRE_DEPTH_MAX, &nodes) < 0)
        return NULL;
    if (nodes > S_TREE_NODES_MAX) {
        (void) brd_error_set (EMSGSIZE,
                              "%zu values are too many for a tree (%zu)",
                              nodes,
                              S_TREE_NODES_MAX);
        return NULL;
    }
    s_tree_t *self = brd_mem_alloc (sizeof *self);
    if (!self)
        return NULL;
    self->extra.free = s_tree_free;
    msgpack_unpacked_init (&self->unpacked);
    size_t offset = 0;
    if (msgpack_unpack_next (&self->unpacked, bytes, size, &offset)
        == MSGPACK_UNPACK_SUCCESS)
        return self;
    // It was checked, so this can only be memory.
    s_tree_free (&self->extra);
    (void) brd_error_set (ENOMEM, "out of memory for a tree");
    return NULL;
}

int
brood_msg_object (const brood_msg_t *self, msgpack_object *ret_root)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_MSG, -1);
    size_t size;
    const void *bytes = brd_msg_data (self, &size);
    if (!bytes)
        return -1;
    brd_msg_extra_t *tree = atomic_load (&self->tree);
    if (!tree) {
        s_tree_t *made = s_tree_new (bytes, size);
        if (!made)
            return -1;
        // Another thread may have made one meanwhile: the first one stays.
        if (atomic_compare_exchange_strong (
                &((brood_msg_t *) self)->tree, &tree, &made->extra))
            tree = &made->extra;
        else
            s_tree_free (&made->extra);
    }
    if (ret_root)
        *ret_root = ((s_tree_t *) tree)->unpacked.data;
    return 0;
}

// --- From a tree -----------------------------------------------------------

// 1 if it nests no deeper than this; msgpack-c would follow it down to the end
// of the stack.
static int
s_is_flat (const msgpack_object *object, int depth)
{
    if (object->type == MSGPACK_OBJECT_ARRAY) {
        for (uint32_t i = 0; i < object->via.array.size; i++) {
            if (depth == 0 || !s_is_flat (&object->via.array.ptr[i], depth - 1))
                return 0;
        }
        return depth > 0;
    }
    if (object->type == MSGPACK_OBJECT_MAP) {
        for (uint32_t i = 0; i < object->via.map.size; i++) {
            const msgpack_object_kv *pair = &object->via.map.ptr[i];
            if (depth == 0 || !s_is_flat (&pair->key, depth - 1)
                || !s_is_flat (&pair->val, depth - 1))
                return 0;
        }
        return depth > 0;
    }
    return 1;
}

brood_msg_t *
brood_msg_new_object (const msgpack_object *root)
{
    BRD_REQUIRE (root != NULL, NULL);
    if (!s_is_flat (root, BRD_WIRE_DEPTH_MAX)) {
        (void) brd_error_set (EINVAL,
                              "more than %d containers within each other",
                              BRD_WIRE_DEPTH_MAX);
        return NULL;
    }
    brood_msg_t *self = brd_msg_new_empty ();
    if (!self)
        return NULL;
    msgpack_packer *packer = brood_msg_packer (self);
    if (packer) {
        (void) msgpack_pack_object (packer, *root);
        if (brd_msg_settle (self) == 0)
            return self;
    }
    brood_msg_destroy (&self);
    return NULL;
}
