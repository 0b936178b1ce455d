// brood_shmlist.h - a list of fixed slots, in shared memory with a name
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BROOD_SHMLIST_H
#define BROOD_SHMLIST_H

#include "brood/brood_msg.h"

#ifdef __cplusplus
extern "C" {
#endif

// What multiprocessing.shared_memory.ShareableList is to Python: items that are
// read and changed in place, without asking anybody. A list that grows, and
// that is at a manager, is brood_list.h.
//
//     brood_shmlist_t *l = brood_shmlist_new ("state", "[%d, %f, %s]",
//                                             0, 1.5, "starting");
//     brood_shmlist_t *l = brood_shmlist_open ("state");    // another program
//     brood_shmlist_set (l, 2, "%s", "running");
//     brood_shmlist_get (l, -1, "%31s", text);
//
// Items are values of any type, as pictures make them. Indices count from the
// end when negative. A loop goes to brood_shmlist_len ().
//
// Slots. As many as there were items at first, and each keeps its size: it has
// room for any number, true, false and nil, and for what it held at first,
// rounded up to the next multiple of 8 bytes. So the type of an item may
// change, and text of 20 bytes may become another of 20, but not of 50
// (brood_shmlist_room ()). For more room, begin with longer text.
//
// Half of a write is never seen: a get has an item as somebody has set it. A
// process killed in the middle of a set leaves the old value or the new one,
// and holds up nobody. There is no order between the items: who changes two
// may be seen to have changed one.
//
// Name, where it lives, how long, refs, and errors of new, open, from and
// unlink: as brood_shm.h; both have the same names.
//
// Threads and fork. Any thread; a child uses what it inherited.
//
// Errors
//     ERANGE        there is no such index
//     EBADMSG       the value does not look like the picture
//     ETIMEDOUT     a process has been stopped (SIGSTOP) in the middle of a set
//     EPROTO        another program has spoilt the memory

// The items are an array: "[%d, %s]", or "@%p" with the ref of a message that
// is one. A NULL name is made up.
//     EINVAL        they are something else
//     EEXIST        there is one
BROOD_EXPORT BROOD_MUST_USE brood_shmlist_t *
brood_shmlist_new (const char *name, const char *picture, ...)
    BROOD_PRINTF (2, 3);

//     ENOENT        there is none
//     EINVAL        it is plain memory (brood_shm.h)
BROOD_EXPORT BROOD_MUST_USE brood_shmlist_t *
brood_shmlist_open (const char *name);

// A handle on the one whose ref came in a message.
BROOD_EXPORT BROOD_MUST_USE brood_shmlist_t *
brood_shmlist_from (void *ref);

BROOD_EXPORT void
brood_shmlist_destroy (brood_shmlist_t **self_p);

// Takes the name away; who has it open keeps it. Idempotent.
BROOD_EXPORT int
brood_shmlist_unlink (brood_shmlist_t *self);

BROOD_EXPORT const char *
brood_shmlist_name (const brood_shmlist_t *self);

// l[i] = value.
//     EMSGSIZE      the slot has no room for that; the old value stays
BROOD_EXPORT int
brood_shmlist_set (brood_shmlist_t *self, long index, const char *picture, ...)
    BROOD_PRINTF (3, 4);

// l[i]. Bytes and refs are on loan until this thread's next get of that kind.
BROOD_EXPORT int
brood_shmlist_get (brood_shmlist_t *self, long index, const char *picture, ...)
    BROOD_SCANF (3, 4);

// l[i] as a message of yours.
BROOD_EXPORT BROOD_MUST_USE brood_msg_t *
brood_shmlist_get_msg (brood_shmlist_t *self, long index);

// All items, at one moment, as an array of yours: while nobody sets any.
BROOD_EXPORT BROOD_MUST_USE brood_msg_t *
brood_shmlist_copy (brood_shmlist_t *self);

// Where the first item is that equals the value, -1 and ENOENT; and how many
// are.
BROOD_EXPORT long
brood_shmlist_index (brood_shmlist_t *self, const char *picture, ...)
    BROOD_PRINTF (2, 3);
BROOD_EXPORT long
brood_shmlist_count (brood_shmlist_t *self, const char *picture, ...)
    BROOD_PRINTF (2, 3);

BROOD_EXPORT long
brood_shmlist_len (const brood_shmlist_t *self);

// The longest text, in bytes, that the slot has room for.
BROOD_EXPORT long
brood_shmlist_room (const brood_shmlist_t *self, long index);

#ifdef __cplusplus
}
#endif

#endif  // BROOD_SHMLIST_H
