// brood_dict.h - a dictionary that processes share
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BROOD_DICT_H
#define BROOD_DICT_H

#include "brood/brood_msg.h"

#ifdef __cplusplus
extern "C" {
#endif

// What manager.dict () is to Python.
//
//     BROOD_AUTO (dict) ages = brood_dict_new (m);
//     brood_dict_set (ages, "tom", "%d", 42);
//     brood_dict_get (ages, "tom", "%d", &age);
//     brood_dict_set_at (ages, brood_key_double (0.25), "nil");  // any keys
//     brood_dict_update (ages, "{%d: %s, ann: 39}", 1, "1");     // many
//
// Keys. Mostly text. The functions with a brood_key_t take any scalar:
// brood_key_int (1), brood_key_double (0.25), brood_key_nil (). Keys of
// different types differ: 1, 1.0, true and "1" are four. They keep the order in
// which they were first set.
//
// Values. Any picture. "@%p" with the ref of another object of this manager
// stores the object itself, not a copy: a dict in a list is one dict for all,
// and lives while it is in there. Bytes and refs that a picture unpacks are on
// loan until this thread's next call that unpacks some.
//
// Walking. brood_dict_copy () is all of it at one moment:
//
//     BROOD_AUTO (msg) all = brood_dict_copy (ages);
//     brood_iter_t it = brood_msg_iter (all, NULL);
//     while (brood_iter_next (&it, "%31s: %d", name, &age) > 0)
//         ...
//
// Threads and fork. Any thread, any process. Each call is atomic.
//
// Errors. ENOENT: there is no such key. EBADMSG: the value does not look like
// the picture, and is still there.

typedef struct brood_key {
    int type;         // brood_type_t
    int64_t integer;  // Also of true and false
    double number;
    const char *text;
} brood_key_t;

static inline brood_key_t
brood_key_text (const char *text)
{
    const brood_key_t key = { BROOD_TEXT, 0, 0, text };
    return key;
}
static inline brood_key_t
brood_key_int (int64_t integer)
{
    const brood_key_t key = { BROOD_INTEGER, integer, 0, NULL };
    return key;
}
static inline brood_key_t
brood_key_double (double number)
{
    const brood_key_t key = { BROOD_FLOAT, 0, number, NULL };
    return key;
}
static inline brood_key_t
brood_key_bool (int truth)
{
    const brood_key_t key = { BROOD_BOOL, truth != 0, 0, NULL };
    return key;
}
static inline brood_key_t
brood_key_nil (void)
{
    const brood_key_t key = { BROOD_NIL, 0, 0, NULL };
    return key;
}

BROOD_EXPORT BROOD_MUST_USE brood_dict_t *
brood_dict_new (brood_manager_t *manager);

// The one called name, made if there is none.
BROOD_EXPORT BROOD_MUST_USE brood_dict_t *
brood_dict_open (brood_manager_t *manager, const char *name);

BROOD_EXPORT BROOD_MUST_USE brood_dict_t *
brood_dict_from (void *ref);

BROOD_EXPORT void
brood_dict_destroy (brood_dict_t **self_p);

// d[key] = value; d[key]; del d[key]; key in d (1 or 0).
BROOD_EXPORT int
brood_dict_set (brood_dict_t *self, const char *key, const char *picture, ...)
    BROOD_PRINTF (3, 4);
BROOD_EXPORT int
brood_dict_get (brood_dict_t *self, const char *key, const char *picture, ...)
    BROOD_SCANF (3, 4);
BROOD_EXPORT int
brood_dict_del (brood_dict_t *self, const char *key);
BROOD_EXPORT int
brood_dict_contains (brood_dict_t *self, const char *key);

// get and del in one.
BROOD_EXPORT int
brood_dict_pop (brood_dict_t *self, const char *key, const char *picture, ...)
    BROOD_SCANF (3, 4);

// The same with the item that was set last: the picture is of [key, value].
//     ENOENT        the dict is empty
BROOD_EXPORT int
brood_dict_popitem (brood_dict_t *self, const char *picture, ...)
    BROOD_SCANF (2, 3);

// Sets it only if it is not there: 1 if it did, 0 if there was one.
BROOD_EXPORT int
brood_dict_setdefault (brood_dict_t *self,
                       const char *key,
                       const char *picture,
                       ...) BROOD_PRINTF (3, 4);

// d[key] += by, from 0 if it is not there; the sum goes to *ret_sum.
//     EBADMSG       what is there is no integer
//     ERANGE        the sum does not fit
BROOD_EXPORT int
brood_dict_add (brood_dict_t *self,
                const char *key,
                int64_t by,
                int64_t *ret_sum);

// Sets it only if it is now what expected says, or is not there if expected is
// NULL: 1 if it did, 0 if it is something else. Compare-and-set:
//     do {
//         brood_msg_destroy (&old);
//         old = brood_dict_get_msg (d, "best");
//     } while (better (old)
//              && brood_dict_swap_if (d, "best", old, "%d", mine) == 0);
BROOD_EXPORT int
brood_dict_swap_if (brood_dict_t *self,
                    const char *key,
                    const brood_msg_t *expected,
                    const char *picture,
                    ...) BROOD_PRINTF (4, 5);

// d[key] as a message of yours; NULL and ENOENT.
BROOD_EXPORT BROOD_MUST_USE brood_msg_t *
brood_dict_get_msg (brood_dict_t *self, const char *key);

// The same with any key.
BROOD_EXPORT int
brood_dict_set_at (brood_dict_t *self,
                   brood_key_t key,
                   const char *picture,
                   ...) BROOD_PRINTF (3, 4);
BROOD_EXPORT int
brood_dict_get_at (brood_dict_t *self,
                   brood_key_t key,
                   const char *picture,
                   ...) BROOD_SCANF (3, 4);
BROOD_EXPORT int
brood_dict_del_at (brood_dict_t *self, brood_key_t key);
BROOD_EXPORT int
brood_dict_contains_at (brood_dict_t *self, brood_key_t key);

// Sets all the keys of a map, or none.
BROOD_EXPORT int
brood_dict_update (brood_dict_t *self, const char *picture, ...)
    BROOD_PRINTF (2, 3);

BROOD_EXPORT long
brood_dict_len (brood_dict_t *self);
BROOD_EXPORT int
brood_dict_clear (brood_dict_t *self);

// All of it at one moment, as a map of yours: to print, or to walk with
// brood_msg_iter () and pictures of pairs. keys, values: arrays, in the same
// order.
BROOD_EXPORT BROOD_MUST_USE brood_msg_t *
brood_dict_copy (brood_dict_t *self);
BROOD_EXPORT BROOD_MUST_USE brood_msg_t *
brood_dict_keys (brood_dict_t *self);
BROOD_EXPORT BROOD_MUST_USE brood_msg_t *
brood_dict_values (brood_dict_t *self);

#ifdef __cplusplus
}
#endif

#endif  // BROOD_DICT_H
