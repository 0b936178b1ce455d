// brood_ref.c - handles as values of a picture
//
// SPDX-License-Identifier: MPL-2.0
//
// A ref is the handle itself, seen as what it begins with. So it lives as long
// as the handle, costs nothing, and what "@%p" makes of it is decided when it
// is packed.
//
// Read next: lib/client/brd_ref.c, the other side.

#include "brood/brood_msg.h"
#include "client/brd_msg.h"
#include "wire/brd_picture.h"

void *
brood_ref (const void *handle)
{
    if (brd_picture_may_travel (handle, __func__) < 0)
        return NULL;
    // A message that a packer made must be a value before it becomes a part.
    const brd_handle_t *head = handle;
    if (head->ref.kind == BRD_KIND_MSG && brd_msg_settle (handle) < 0)
        return NULL;
    // Const for the caller's sake; "@%p" wants a void pointer.
    return (void *) handle;
}
