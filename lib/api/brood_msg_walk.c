// brood_msg_walk.c - into a message, by path and by item
//
// SPDX-License-Identifier: MPL-2.0
//
//     path "size[1].x" -> s_step, s_step, s_step -> a cursor in the bytes
//
// There is no tree: a step skips what stands in front of what it wants, and an
// iterator remembers how far it has come.
//
// Read next: lib/wire/brd_value.h.

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/brd_check.h"
#include "brood/brood_msg.h"
#include "client/brd_msg.h"
#include "wire/brd_picture.h"
#include "wire/brd_value.h"

// --- Paths -----------------------------------------------------------------

typedef struct {
    const char *key;  // NULL: number
    size_t key_size;
    int64_t number;
} s_step_t;

static int
s_bad_path (const char *path)
{
    return brd_error_set (
        EINVAL, "path \"%.200s\" cannot be read: \"size[1].name\"", path);
}

static int
s_nothing (const char *path)
{
    return brd_error_set (ENOENT, "there is nothing at \"%.200s\"", path);
}

// "[12]", at is behind the bracket. 1, or 0 if it is none.
static int
s_index (const char **at, s_step_t *step)
{
    const int sign = **at == '-' ? -1 : 1;
    *at += **at == '-';
    int64_t number = 0;
    int digits = 0;
    for (; **at >= '0' && **at <= '9' && digits < 18; digits++)
        number = number * 10 + (*(*at)++ - '0');
    if (digits == 0 || **at != ']')
        return 0;
    (*at)++;
    *step = (s_step_t){ .number = sign * number };
    return 1;
}

// Reads a step of the path: 1, 0 at its end, -1 if it cannot be read.
static int
s_step (const char *path, const char **at, s_step_t *ret_step)
{
    if (**at == '\0')
        return 0;
    if (**at == '[') {
        (*at)++;
        return s_index (at, ret_step) ? 1 : s_bad_path (path);
    }
    // A point parts words; in front of the first, error texts have one.
    if (**at == '.')
        (*at)++;
    else if (*at != path)
        return s_bad_path (path);
    const size_t size = strcspn (*at, ".[");
    if (size == 0)
        return s_bad_path (path);
    *ret_step = (s_step_t){ .key = *at, .key_size = size };
    *at += size;
    return 1;
}

// From a value into it: 1, or 0 if there is no such part.
static int
s_go (brd_value_cursor_t *at, const s_step_t *step)
{
    brd_value_t head;
    if (brd_value_read (at, &head) < 0)
        return 0;
    if (head.type == BROOD_MAP && step->key)
        return brd_value_find_text (
                   at, head.size, step->key, step->key_size, at)
               == 1;
    if (head.type == BROOD_MAP) {
        const brd_value_t key = { .type = BROOD_INTEGER,
                                  .negative = step->number < 0,
                                  .number.i = step->number };
        return brd_value_find (at, head.size, &key, NULL, at) == 1;
    }
    if (head.type != BROOD_LIST || step->key || step->number < 0
        || (uint64_t) step->number >= head.size)
        return 0;
    for (int64_t i = 0; i < step->number; i++) {
        if (brd_value_skip (at) < 0)
            return 0;
    }
    return 1;
}

// The value at a path, and where it ends. NULL is the whole.
static int
s_at (const brood_msg_t *self, const char *path, brd_value_cursor_t *ret_at)
{
    if (brd_msg_settle (self) < 0)
        return -1;
    brd_value_cursor_t value = { self->bytes, self->bytes + self->size };
    const char *at = path ? path : "";
    s_step_t step = { .key = NULL };
    int more;
    while ((more = s_step (path, &at, &step)) > 0) {
        if (!s_go (&value, &step))
            return s_nothing (path);
    }
    if (more < 0)
        return -1;
    *ret_at = value;
    return 0;
}

// --- Questions -------------------------------------------------------------

static int
s_head (const brood_msg_t *self, const char *path, brd_value_t *ret_head)
{
    brd_value_cursor_t at;
    if (s_at (self, path, &at) < 0)
        return -1;
    return brd_value_read (&at, ret_head);
}

int
brood_msg_type (const brood_msg_t *self, const char *path)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_MSG, -1);
    brd_value_t head;
    return s_head (self, path, &head) < 0 ? -1 : (int) head.type;
}

long
brood_msg_len (const brood_msg_t *self, const char *path)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_MSG, -1);
    brd_value_t head;
    if (s_head (self, path, &head) < 0)
        return -1;
    switch (head.type) {
    case BROOD_LIST:
    case BROOD_MAP:
    case BROOD_TEXT:
    case BROOD_BYTES:
        return (long) head.size;
    default:
        return 0;
    }
}

static int
s_get (const brood_msg_t *self,
       const char *path,
       const char *picture,
       va_list *args)
{
    brd_value_cursor_t at;
    if (s_at (self, path, &at) < 0)
        return -1;
    const brd_picture_source_t source = {
        .bytes = at.at,
        .size = (size_t) (at.end - at.at),
        .where = path,
        .ref = brd_ref_add,
        .arg = (void *) self,
    };
    return brd_picture_unpack (&source, picture, args);
}

int
brood_msg_get (const brood_msg_t *self,
               const char *path,
               const char *picture,
               ...)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_MSG, -1);
    BRD_REQUIRE (picture != NULL, -1);
    va_list args;
    va_start (args, picture);
    const int answer = s_get (self, path, picture, &args);
    va_end (args);
    return answer;
}

// --- Iterators -------------------------------------------------------------

// What private_ holds.
enum {
    S_OFFSET,  // Of the next item
    S_LEFT,    // Items to come
    S_NUMBER,  // Of the next item
    S_CHANGES  // The message's when the iterator was made, twice, and 1 if
               // the items are pairs
};

brood_iter_t
brood_msg_iter (const brood_msg_t *self, const char *path)
{
    brood_iter_t it = { .msg = self };
    BRD_REQUIRE_HANDLE (self, BRD_KIND_MSG, it);
    brd_value_cursor_t at;
    brd_value_t head;
    if (s_at (self, path, &at) < 0 || brd_value_read (&at, &head) < 0)
        return it;
    const int is_map = head.type == BROOD_MAP;
    if (is_map || head.type == BROOD_LIST)
        it.private_[S_LEFT] = head.size;
    it.private_[S_OFFSET] = (uint64_t) (at.at - self->bytes);
    it.private_[S_CHANGES] = (uint64_t) self->changes << 1 | (unsigned) is_map;
    return it;
}

static int
s_next (brood_iter_t *self, const char *picture, va_list *args)
{
    const brood_msg_t *msg = self->msg;
    uint64_t *state = self->private_;
    if (state[S_LEFT] == 0)
        return 0;
    if (state[S_CHANGES] >> 1 != msg->changes || state[S_OFFSET] >= msg->size)
        return brd_error_set (EINVAL, "the message changed under its iterator");
    const int is_map = state[S_CHANGES] & 1;
    brd_value_cursor_t at = { msg->bytes + state[S_OFFSET],
                              msg->bytes + msg->size };
    const unsigned char *start = at.at;
    if (brd_value_skip (&at) < 0 || (is_map && brd_value_skip (&at) < 0))
        return brd_error_set (EBADMSG, "not a value");
    const uint64_t number = state[S_NUMBER]++;
    state[S_OFFSET] = (uint64_t) (at.at - msg->bytes);
    state[S_LEFT]--;
    const brd_picture_source_t source = {
        .bytes = start,
        .size = (size_t) (at.at - start),
        .pair = is_map,
        .ref = brd_ref_add,
        .arg = (void *) msg,
    };
    if (brd_picture_unpack (&source, picture, args) == 0)
        return 1;
    return brd_error_prefix ("item %llu", (unsigned long long) number);
}

int
brood_iter_next (brood_iter_t *self, const char *picture, ...)
{
    BRD_REQUIRE (self != NULL, -1);
    BRD_REQUIRE (picture != NULL, -1);
    BRD_REQUIRE_HANDLE (self->msg, BRD_KIND_MSG, -1);
    va_list args;
    va_start (args, picture);
    const int answer = s_next (self, picture, &args);
    va_end (args);
    return answer;
}
