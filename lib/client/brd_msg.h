// brd_msg.h - the inside of a brood_msg_t
//
// SPDX-License-Identifier: MPL-2.0
//
// For those who carry messages: the pool, the workers, and brood_msg*.c itself.
// A message is one msgpack value in one of four places:
//
//     nil        a constant; also the value of a new message
//     small      in the message itself, so that most need one allocation
//     buf        in a buffer of its own, kept for reuse when the value goes
//     elsewhere  a view: the bytes are somebody else's, who sees to it that
//                they stay
//
// Threads: as brood_msg.h; what const functions add (refs, a tree) they add
// without a lock.

#ifndef BRD_MSG_H
#define BRD_MSG_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/brd_buf.h"
#include "base/brd_handle.h"
#include "brood/brood_msg.h"

enum {
    BRD_MSG_SMALL = 104,    // Bytes in the message itself
    BRD_MSG_KEEP = 1 << 20  // A larger buffer is not kept for reuse
};

// Something another file keeps with a message.
typedef struct brd_msg_extra {
    void (*free) (struct brd_msg_extra *self);
} brd_msg_extra_t;

// What unpacking "@%p" made: a copy of the part, since the message may change
// before brood_x_from () is called.
typedef struct brd_ref_made {
    brd_handle_t handle;         // As brd_picture_part_t: BRD_KIND_REF
    const unsigned char *bytes;  // copy
    size_t size;
    struct brd_ref_made *next;
    size_t offset;  // Where in the message it stood
    unsigned char copy[];
} brd_ref_made_t;

struct brood_msg {
    brd_handle_t handle;         // As brd_picture_part_t: BRD_KIND_MSG
    const unsigned char *bytes;  // The value, in one of the places above
    size_t size;
    brd_buf_t buf;
    _Atomic (brd_ref_made_t *) refs;
    _Atomic (brd_msg_extra_t *) tree;  // Of brood_msg_object (); of this value
    brd_msg_extra_t *packer;           // Of brood_msg_packer ()
    brd_msg_extra_t *lender;           // Whose the bytes are; of this value
    _Atomic int packing;               // BRD_MSG_READY and so on, or an errno
    uint32_t changes;                  // So that iterators notice
    unsigned char small[BRD_MSG_SMALL];
};

enum {
    BRD_MSG_READY = 0,
    BRD_MSG_PACKING = -1  // What a packer made is in buf, not checked yet
    // > 0: the errno the packer failed with
};

// --- Messages --------------------------------------------------------------

// nil. NULL with ENOMEM, as all that make one.
brood_msg_t *
brd_msg_new_empty (void);

// A view of bytes that were checked and stay as they are until the message is
// destroyed or reset. size 0 is nil.
brood_msg_t *
brd_msg_new_view (const void *bytes, size_t size);

// Takes bytes from brd_mem_alloc () that were checked; on failure they stay
// the caller's.
brood_msg_t *
brd_msg_new_take (void *bytes, size_t size);

// Points a message at other bytes, as brd_msg_new_view (), and frees what was
// unpacked from the old. Allocates nothing and returns 0.
int
brd_msg_reset_view (brood_msg_t *self, const void *bytes, size_t size);

// The value is in bytes from brd_mem_alloc () that were checked; they are the
// message's from now on.
void
brd_msg_reset_take (brood_msg_t *self, void *bytes, size_t size);

// The value is in bytes that were checked and stay until lender is freed, which
// is when the value changes or the message goes.
void
brd_msg_reset_lent (brood_msg_t *self,
                    const void *bytes,
                    size_t size,
                    brd_msg_extra_t *lender);

// Back to nil, the same way; a buffer of its own is kept for the next value.
void
brd_msg_reset (brood_msg_t *self);

// The value, on loan until the message changes. NULL with EBADMSG (or ENOMEM,
// EMSGSIZE) only if a task used brood_msg_packer () and left no value.
const void *
brd_msg_data (const brood_msg_t *self, size_t *ret_size);

// --- For brood_msg*.c ------------------------------------------------------

// Replaces the value: 0, or -1 and it is as it was.
int
brd_msg_pack (brood_msg_t *self, const char *picture, va_list *args);

// The value into what the picture names, as brood_msg_unpack ().
int
brd_msg_unpack (const brood_msg_t *self, const char *picture, va_list *args);

// Replaces the value by a copy of bytes that were checked.
int
brd_msg_copy (brood_msg_t *self, const void *bytes, size_t size);

// Before anything reads the value: what a packer made is checked first.
int
brd_msg_settle (const brood_msg_t *self);

// Moves the value into buf, for whoever will change it there, with room for
// extra bytes more. brd_msg_changed () must follow.
brd_buf_t *
brd_msg_own (brood_msg_t *self, size_t extra);

// The value is now what is in buf.
void
brd_msg_changed (brood_msg_t *self);

// --- Refs ------------------------------------------------------------------

// For brd_picture_source_t.ref; arg is the message. Any number of threads.
void *
brd_ref_add (void *arg, const unsigned char *bytes, size_t size);

void
brd_ref_free_all (brood_msg_t *msg);

// What brood_<kind>_from () begins with: ref is a live handle of the kind or
// was unpacked. 0, or -1 with EINVAL: NULL, another class, not a handle.
int
brd_ref_resolve (const void *ref, brd_kind_t kind, brd_ref_t *ret_ref);

#endif  // BRD_MSG_H
