// brd_msg.c - where a message's value lives, and how it is replaced
//
// SPDX-License-Identifier: MPL-2.0
//
//                      fits in small
//     picture -> small -----------------> the value
//                  | does not
//                  +-> buf -------------> the value
//
// Most messages are a number or a few, so the first try is into memory that is
// there anyway. The old value stays until the new one is whole: the picture's
// arguments may point into it, and a picture that cannot be read must not cost
// the message its value.
//
// Read next: lib/wire/brd_picture_pack.c; lib/api/brood_msg.c.

#include "client/brd_msg.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/brd_check.h"
#include "base/brd_mem.h"
#include "wire/brd_limits.h"
#include "wire/brd_picture.h"
#include "wire/brd_value.h"

static_assert (offsetof (brood_msg_t, bytes)
                       == offsetof (brd_picture_part_t, bytes)
                   && offsetof (brood_msg_t, size)
                          == offsetof (brd_picture_part_t, size),
               "a message is embedded by its bytes");

static const unsigned char s_nil[] = { 0xc0 };

// --- Its places ------------------------------------------------------------

// Ends all that depended on the old value but the refs, which live as long as
// the message. bytes are the new one.
static void
s_set (brood_msg_t *self, const void *bytes, size_t size)
{
    self->bytes = bytes;
    self->size = size;
    self->changes++;
    atomic_store_explicit (&self->packing, BRD_MSG_READY, memory_order_relaxed);
    brd_msg_extra_t *tree =
        atomic_load_explicit (&self->tree, memory_order_relaxed);
    if (tree) {
        atomic_store_explicit (&self->tree, NULL, memory_order_relaxed);
        tree->free (tree);
    }
    brd_msg_extra_t *lender = self->lender;
    self->lender = NULL;
    if (lender)
        lender->free (lender);
}

// The value is elsewhere: buf is for the next one.
static void
s_empty_buf (brood_msg_t *self)
{
    self->buf.size = 0;
    if (self->buf.room > BRD_MSG_KEEP)
        brd_buf_fini (&self->buf);
}

void
brd_msg_changed (brood_msg_t *self)
{
    s_set (self, self->buf.bytes, self->buf.size);
}

brd_buf_t *
brd_msg_own (brood_msg_t *self, size_t extra)
{
    if (self->bytes == self->buf.bytes)
        return brd_buf_reserve (&self->buf, extra) ? &self->buf : NULL;
    self->buf.size = 0;
    if (extra > SIZE_MAX - self->size
        || !brd_buf_reserve (&self->buf, self->size + extra))
        return NULL;
    memcpy (self->buf.bytes, self->bytes, self->size);
    self->buf.size = self->size;
    return &self->buf;
}

// --- Birth -----------------------------------------------------------------

brood_msg_t *
brd_msg_new_empty (void)
{
    brood_msg_t *self = brd_mem_alloc (sizeof *self);
    if (!self)
        return NULL;
    brd_handle_init (&self->handle, BRD_KIND_MSG);
    self->bytes = s_nil;
    self->size = sizeof s_nil;
    brd_buf_init (&self->buf, BROOD_MSG_SIZE_MAX);
    atomic_init (&self->refs, NULL);
    atomic_init (&self->tree, NULL);
    self->packer = NULL;
    self->lender = NULL;
    atomic_init (&self->packing, BRD_MSG_READY);
    self->changes = 0;
    return self;
}

brood_msg_t *
brd_msg_new_view (const void *bytes, size_t size)
{
    brood_msg_t *self = brd_msg_new_empty ();
    if (self)
        (void) brd_msg_reset_view (self, bytes, size);
    return self;
}

brood_msg_t *
brd_msg_new_take (void *bytes, size_t size)
{
    brood_msg_t *self = brd_msg_new_empty ();
    if (!self)
        return NULL;
    brd_msg_reset_take (self, bytes, size);
    return self;
}

void
brd_msg_reset_take (brood_msg_t *self, void *bytes, size_t size)
{
    brd_buf_fini (&self->buf);
    self->buf.bytes = bytes;
    self->buf.size = self->buf.room = size;
    brd_msg_changed (self);
}

void
brd_msg_reset_lent (brood_msg_t *self,
                    const void *bytes,
                    size_t size,
                    brd_msg_extra_t *lender)
{
    (void) brd_msg_reset_view (self, bytes, size);
    self->lender = lender;
}

int
brd_msg_reset_view (brood_msg_t *self, const void *bytes, size_t size)
{
    brd_ref_free_all (self);
    s_empty_buf (self);
    s_set (self, size > 0 ? bytes : s_nil, size > 0 ? size : sizeof s_nil);
    return 0;
}

void
brd_msg_reset (brood_msg_t *self)
{
    (void) brd_msg_reset_view (self, NULL, 0);
}

// --- Its value -------------------------------------------------------------

int
brd_msg_settle (const brood_msg_t *self)
{
    const int packing =
        atomic_load_explicit (&self->packing, memory_order_relaxed);
    if (packing == BRD_MSG_READY)
        return 0;
    if (packing > 0)
        return brd_error_set (packing, "the message's packer failed");
    if (brd_value_check (self->bytes, self->size, BRD_WIRE_DEPTH_MAX, NULL) < 0)
        return brd_error_prefix ("the message's packer");
    // Several threads may come here, and all come to the same.
    atomic_store_explicit (
        &((brood_msg_t *) self)->packing, BRD_MSG_READY, memory_order_relaxed);
    return 0;
}

const void *
brd_msg_data (const brood_msg_t *self, size_t *ret_size)
{
    if (brd_msg_settle (self) < 0)
        return NULL;
    *ret_size = self->size;
    return self->bytes;
}

static int
s_pack_small (brood_msg_t *self, const char *picture, va_list *args)
{
    // Aside, where small is the old value.
    unsigned char aside[BRD_MSG_SMALL];
    const int in_use = self->bytes == self->small;
    brd_buf_t out =
        brd_value_fixed (in_use ? aside : self->small, BRD_MSG_SMALL);
    const int answer = brd_picture_try (&out, 0, picture, args);
    if (answer != 0)
        return answer;
    if (in_use)
        memcpy (self->small, aside, out.size);
    s_empty_buf (self);
    s_set (self, self->small, out.size);
    return 0;
}

static int
s_pack_large (brood_msg_t *self, const char *picture, va_list *args)
{
    if (self->bytes != self->buf.bytes) {
        self->buf.size = 0;
        if (brd_picture_pack (&self->buf, picture, args) < 0)
            return -1;
        brd_msg_changed (self);
        return 0;
    }
    brd_buf_t out;
    brd_buf_init (&out, self->buf.size_max);
    if (brd_picture_pack (&out, picture, args) < 0) {
        brd_buf_fini (&out);
        return -1;
    }
    brd_buf_fini (&self->buf);
    self->buf = out;
    brd_msg_changed (self);
    return 0;
}

int
brd_msg_pack (brood_msg_t *self, const char *picture, va_list *args)
{
    va_list again;
    va_copy (again, *args);
    int answer = s_pack_small (self, picture, args);
    if (answer > 0)
        answer = s_pack_large (self, picture, &again);
    va_end (again);
    return answer;
}

int
brd_msg_copy (brood_msg_t *self, const void *bytes, size_t size)
{
    if (size <= BRD_MSG_SMALL) {
        memmove (self->small, bytes, size);
        s_empty_buf (self);
        s_set (self, self->small, size);
        return 0;
    }
    brd_buf_t out;
    brd_buf_init (&out, self->buf.size_max);
    if (brd_buf_add (&out, bytes, size) < 0)
        return -1;
    brd_buf_fini (&self->buf);
    self->buf = out;
    brd_msg_changed (self);
    return 0;
}

int
brd_msg_unpack (const brood_msg_t *self, const char *picture, va_list *args)
{
    if (brd_msg_settle (self) < 0)
        return -1;
    const brd_picture_source_t source = {
        .bytes = self->bytes,
        .size = self->size,
        .ref = brd_ref_add,
        .arg = (void *) self,
    };
    return brd_picture_unpack (&source, picture, args);
}
