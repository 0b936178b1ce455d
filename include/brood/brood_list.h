// brood_list.h - a list that processes share
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BROOD_LIST_H
#define BROOD_LIST_H

#include "brood/brood_msg.h"

#ifdef __cplusplus
extern "C" {
#endif

// What manager.list () is to Python.
//
//     BROOD_AUTO (list) l = brood_list_new (m);
//     brood_list_append (l, "%d", 666);
//     brood_list_get (l, -1, "%d", &last);
//
// Indices count from the end when negative. Values, threads and fork: as
// brood_dict.h.
//
// Errors. ERANGE: there is no such index. EBADMSG: the value does not look like
// the picture, and is still there.

BROOD_EXPORT BROOD_MUST_USE brood_list_t *
brood_list_new (brood_manager_t *manager);

// The one called name, made if there is none.
BROOD_EXPORT BROOD_MUST_USE brood_list_t *
brood_list_open (brood_manager_t *manager, const char *name);

BROOD_EXPORT BROOD_MUST_USE brood_list_t *
brood_list_from (void *ref);

BROOD_EXPORT void
brood_list_destroy (brood_list_t **self_p);

// l[i] = value; l[i]; del l[i]. Where insert and slice are given what lies
// outside, they take the nearest end.
BROOD_EXPORT int
brood_list_set (brood_list_t *self, long index, const char *picture, ...)
    BROOD_PRINTF (3, 4);
BROOD_EXPORT int
brood_list_get (brood_list_t *self, long index, const char *picture, ...)
    BROOD_SCANF (3, 4);
BROOD_EXPORT int
brood_list_del (brood_list_t *self, long index);

BROOD_EXPORT int
brood_list_append (brood_list_t *self, const char *picture, ...)
    BROOD_PRINTF (2, 3);
BROOD_EXPORT int
brood_list_insert (brood_list_t *self, long index, const char *picture, ...)
    BROOD_PRINTF (3, 4);

// Appends every item of an array.
BROOD_EXPORT int
brood_list_extend (brood_list_t *self, const char *picture, ...)
    BROOD_PRINTF (2, 3);

// get and del in one.
BROOD_EXPORT int
brood_list_pop (brood_list_t *self, long index, const char *picture, ...)
    BROOD_SCANF (3, 4);

// Takes the first item that equals the value.
//     ENOENT        there is none
BROOD_EXPORT int
brood_list_remove (brood_list_t *self, const char *picture, ...)
    BROOD_PRINTF (2, 3);

// Where the first item is that equals it, -1 and ENOENT; and how many are.
BROOD_EXPORT long
brood_list_index (brood_list_t *self, const char *picture, ...)
    BROOD_PRINTF (2, 3);
BROOD_EXPORT long
brood_list_count (brood_list_t *self, const char *picture, ...)
    BROOD_PRINTF (2, 3);

// In place. Values of all types have one order: nil, false, true, numbers (1
// and 1.5 and 2 as one would think, a NaN first), text by its bytes, bytes,
// lists item by item, maps, others. Items that are equal keep theirs.
BROOD_EXPORT int
brood_list_sort (brood_list_t *self);
BROOD_EXPORT int
brood_list_reverse (brood_list_t *self);

BROOD_EXPORT long
brood_list_len (brood_list_t *self);
BROOD_EXPORT int
brood_list_clear (brood_list_t *self);

// l[i] as a message of yours; NULL and ERANGE.
BROOD_EXPORT BROOD_MUST_USE brood_msg_t *
brood_list_get_msg (brood_list_t *self, long index);

// All of it, or the items first .. last - 1, at one moment, as an array of
// yours.
BROOD_EXPORT BROOD_MUST_USE brood_msg_t *
brood_list_copy (brood_list_t *self);
BROOD_EXPORT BROOD_MUST_USE brood_msg_t *
brood_list_slice (brood_list_t *self, long first, long last);

#ifdef __cplusplus
}
#endif

#endif  // BROOD_LIST_H
