// brd_ref.c - what "@%p" unpacks to, and what it leads to
//
// SPDX-License-Identifier: MPL-2.0
//
//     "@%p" -> brd_ref_add (): an object in the message's list, with a copy
//              of the part -> the user -> brood_x_from () -> brd_ref_resolve ()
//
// A message that is only read may be unpacked by several threads, so the list
// grows at its head by one exchange and loses nothing before the message ends.
//
// Read next: lib/api/brood_ref.c.

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/brd_check.h"
#include "base/brd_mem.h"
#include "client/brd_msg.h"
#include "wire/brd_picture.h"
#include "wire/brd_value.h"

enum {
    S_LOOK_BACK = 16  // Refs looked through for one that is there already
};

static_assert (offsetof (brd_ref_made_t, bytes)
                       == offsetof (brd_picture_part_t, bytes)
                   && offsetof (brd_ref_made_t, size)
                          == offsetof (brd_picture_part_t, size),
               "a ref is embedded by its bytes");

// A loop that unpacks the same message should not make it grow for ever.
static brd_ref_made_t *
s_same (brd_ref_made_t *newest,
        size_t offset,
        const unsigned char *bytes,
        size_t size)
{
    brd_ref_made_t *made = newest;
    for (int i = 0; i < S_LOOK_BACK && made; i++) {
        if (made->offset == offset && made->size == size
            && memcmp (made->copy, bytes, size) == 0)
            return made;
        made = made->next;
    }
    return NULL;
}

void *
brd_ref_add (void *arg, const unsigned char *bytes, size_t size)
{
    brood_msg_t *msg = arg;
    const size_t offset = (size_t) (bytes - msg->bytes);
    brd_ref_made_t *newest =
        atomic_load_explicit (&msg->refs, memory_order_acquire);
    brd_ref_made_t *self = s_same (newest, offset, bytes, size);
    if (self)
        return self;
    self = brd_mem_alloc (sizeof *self + size);
    if (!self)
        return NULL;
    brd_handle_init (&self->handle, BRD_KIND_REF);
    memcpy (self->copy, bytes, size);
    self->bytes = self->copy;
    self->size = size;
    self->offset = offset;
    do
        self->next = newest;
    while (!atomic_compare_exchange_weak_explicit (
        &msg->refs, &newest, self, memory_order_acq_rel, memory_order_acquire));
    return self;
}

void
brd_ref_free_all (brood_msg_t *msg)
{
    brd_ref_made_t *made =
        atomic_load_explicit (&msg->refs, memory_order_relaxed);
    if (!made)
        return;
    atomic_store_explicit (&msg->refs, NULL, memory_order_relaxed);
    while (made) {
        brd_ref_made_t *next = made->next;
        brd_handle_fini (&made->handle);
        brd_mem_free (made);
        made = next;
    }
}

static int
s_resolve_made (const brd_ref_made_t *made, brd_kind_t kind, brd_ref_t *ret_ref)
{
    if (brd_handle_check (&made->handle, BRD_KIND_REF, "a ref") < 0)
        return -1;
    brd_value_cursor_t at = { made->bytes, made->bytes + made->size };
    brd_value_t value;
    if (brd_value_read (&at, &value) < 0 || value.type != BROOD_HANDLE)
        return brd_error_set (
            EINVAL,
            "the ref is not of a %s: the message has %s there",
            brd_kind_text (kind),
            brd_value_type_text (value.type));
    brd_ref_t ref;
    brd_value_ref (&value, &ref);
    if (ref.kind != (uint32_t) kind || ref.brood == 0)
        return brd_error_set (EINVAL,
                              "the ref is of a %s, not of a %s",
                              brd_kind_text ((brd_kind_t) ref.kind),
                              brd_kind_text (kind));
    *ret_ref = ref;
    return 0;
}

int
brd_ref_resolve (const void *ref, brd_kind_t kind, brd_ref_t *ret_ref)
{
    const brd_handle_t *handle = ref;
    if (handle && handle->ref.kind == BRD_KIND_REF)
        return s_resolve_made (ref, kind, ret_ref);
    if (brd_handle_check (handle, kind, "a ref") < 0
        || brd_picture_may_travel (handle, "a ref") < 0)
        return -1;
    *ret_ref = handle->ref;
    return 0;
}
