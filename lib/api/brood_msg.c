// brood_msg.c - messages: made, packed, unpacked, built, shown
//
// SPDX-License-Identifier: MPL-2.0
//
// The public face of lib/client/brd_msg.c. Building works in the message's
// buffer: what is to be added is first packed aside, since it may fail, and its
// arguments may point into the message itself.
//
//     append, set:  picture -> s_aside_t -> room in buf -> copied, count + 1
//
// Read next: brood_msg_walk.c; lib/wire/brd_picture_unpack.c.

#include "brood/brood_msg.h"

#include <errno.h>
#include <string.h>

#include "base/brd_check.h"
#include "base/brd_mem.h"
#include "client/brd_msg.h"
#include "wire/brd_json.h"
#include "wire/brd_limits.h"
#include "wire/brd_picture.h"
#include "wire/brd_value.h"

// --- Birth and death -------------------------------------------------------

brood_msg_t *
brood_msg_new (const char *picture, ...)
{
    BRD_REQUIRE (picture != NULL, NULL);
    brood_msg_t *self = brd_msg_new_empty ();
    if (!self)
        return NULL;
    va_list args;
    va_start (args, picture);
    const int answer = brood_msg_vpack (self, picture, args);
    va_end (args);
    if (answer < 0)
        brood_msg_destroy (&self);
    return self;
}

void
brood_msg_destroy (brood_msg_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    brood_msg_t *self = *self_p;
    *self_p = NULL;
    const int saved_errno = errno;
    brd_msg_reset (self);
    brd_buf_fini (&self->buf);
    if (self->packer)
        self->packer->free (self->packer);
    brd_handle_fini (&self->handle);
    brd_mem_free (self);
    errno = saved_errno;
}

// A message with a copy of bytes that were checked.
static brood_msg_t *
s_new_copy (const void *bytes, size_t size)
{
    brood_msg_t *self = brd_msg_new_empty ();
    if (self
        && (brd_handle_check (&self->handle, BRD_KIND_MSG, "brood_msg") < 0
            || brd_msg_copy (self, bytes, size) < 0))
        brood_msg_destroy (&self);
    return self;
}

brood_msg_t *
brood_msg_dup (const brood_msg_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_MSG, NULL);
    size_t size;
    const void *bytes = brd_msg_data (self, &size);
    return bytes ? s_new_copy (bytes, size) : NULL;
}

brood_msg_t *
brood_msg_from (void *ref)
{
    const brd_picture_part_t *part = ref;
    if (!part || part->handle.ref.kind != BRD_KIND_REF)
        return brood_msg_dup (ref);
    if (brd_handle_check (&part->handle, BRD_KIND_REF, __func__) < 0)
        return NULL;
    return s_new_copy (part->bytes, part->size);
}

// --- Pictures --------------------------------------------------------------

int
brood_msg_pack (brood_msg_t *self, const char *picture, ...)
{
    va_list args;
    va_start (args, picture);
    const int answer = brood_msg_vpack (self, picture, args);
    va_end (args);
    return answer;
}

int
brood_msg_vpack (brood_msg_t *self, const char *picture, va_list args)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_MSG, -1);
    BRD_REQUIRE (picture != NULL, -1);
    // A va_list may be an array, whose address a parameter does not give.
    va_list copy;
    va_copy (copy, args);
    const int answer = brd_msg_pack (self, picture, &copy);
    va_end (copy);
    return answer;
}

int
brood_msg_unpack (const brood_msg_t *self, const char *picture, ...)
{
    va_list args;
    va_start (args, picture);
    const int answer = brood_msg_vunpack (self, picture, args);
    va_end (args);
    return answer;
}

int
brood_msg_vunpack (const brood_msg_t *self, const char *picture, va_list args)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_MSG, -1);
    BRD_REQUIRE (picture != NULL, -1);
    va_list copy;
    va_copy (copy, args);
    const int answer = brd_msg_unpack (self, picture, &copy);
    va_end (copy);
    return answer;
}

// --- Building --------------------------------------------------------------

typedef struct {
    unsigned char memory[256];
    brd_buf_t fixed;
    brd_buf_t heap;
    const brd_buf_t *made;  // The one of both that has it
    size_t key_size;        // Of its first bytes
} s_aside_t;

static int
s_try_aside (s_aside_t *self,
             brd_buf_t *out,
             const char *key,
             const char *picture,
             va_list args)
{
    self->made = out;
    if (key && brd_value_put_text (out, key, strlen (key)) < 0)
        return errno == EMSGSIZE ? 1 : -1;
    self->key_size = out->size;
    va_list copy;
    va_copy (copy, args);
    const int answer = brd_picture_try (out, 1, picture, &copy);
    va_end (copy);
    return answer;
}

// key and the picture's value, key may be NULL. s_aside_fini () in any case.
static int
s_aside_init (s_aside_t *self,
              const char *key,
              const char *picture,
              va_list args)
{
    self->fixed = brd_value_fixed (self->memory, sizeof self->memory);
    brd_buf_init (&self->heap, BROOD_MSG_SIZE_MAX);
    int answer = s_try_aside (self, &self->fixed, key, picture, args);
    if (answer > 0)
        answer = s_try_aside (self, &self->heap, key, picture, args);
    if (answer > 0)
        return brd_error_set (
            EMSGSIZE, "a message larger than %d bytes", BROOD_MSG_SIZE_MAX);
    return answer;
}

static void
s_aside_fini (s_aside_t *self)
{
    brd_buf_fini (&self->heap);
}

// The whole value's head, which must be of this type or nil.
static int
s_container (const brood_msg_t *self,
             brood_type_t type,
             brd_value_cursor_t *ret_at,
             brd_value_t *ret_head)
{
    if (brd_msg_settle (self) < 0)
        return -1;
    *ret_at = (brd_value_cursor_t){ self->bytes, self->bytes + self->size };
    (void) brd_value_read (ret_at, ret_head);
    if (ret_head->type == BROOD_NIL) {
        ret_head->size = 0;
        return 0;
    }
    if (ret_head->type == type)
        return 0;
    return brd_error_set (EBADMSG,
                          "expected %s, found %s",
                          brd_value_type_text (type),
                          brd_value_type_text (ret_head->type));
}

// Puts bytes behind the last of a list or map that has count items.
static int
s_add (brood_msg_t *self,
       const brd_value_t *head,
       const void *bytes,
       size_t size,
       brood_type_t type)
{
    // With room for the longest head, so that nothing can fail half way.
    brd_buf_t *buf = brd_msg_own (self, size + BRD_VALUE_HEAD_MAX);
    if (!buf)
        return -1;
    if (head->type == BROOD_NIL)
        buf->bytes[0] = type == BROOD_LIST ? 0x90 : 0x80;
    (void) brd_value_put_raw (buf, bytes, size);
    const int answer = brd_value_set_count (buf, 0, head->size + 1);
    brd_assert (answer == 0);
    brd_msg_changed (self);
    return 0;
}

static int
s_append (brood_msg_t *self, const char *picture, va_list args)
{
    brd_value_cursor_t at;
    brd_value_t head;
    if (s_container (self, BROOD_LIST, &at, &head) < 0)
        return -1;
    s_aside_t item;
    int answer = s_aside_init (&item, NULL, picture, args);
    if (answer == 0)
        answer =
            s_add (self, &head, item.made->bytes, item.made->size, BROOD_LIST);
    s_aside_fini (&item);
    return answer;
}

int
brood_msg_append (brood_msg_t *self, const char *picture, ...)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_MSG, -1);
    BRD_REQUIRE (picture != NULL, -1);
    va_list args;
    va_start (args, picture);
    const int answer = s_append (self, picture, args);
    va_end (args);
    return answer;
}

// The value at [start, start + old) becomes other bytes.
static int
s_replace (
    brood_msg_t *self, size_t start, size_t old, const void *bytes, size_t size)
{
    brd_buf_t *buf = brd_msg_own (self, size);
    if (!buf)
        return -1;
    unsigned char *at = buf->bytes + start;
    memmove (at + size, at + old, buf->size - start - old);
    memcpy (at, bytes, size);
    buf->size = buf->size - old + size;
    brd_msg_changed (self);
    return 0;
}

static int
s_set_pair (brood_msg_t *self,
            const char *key,
            const brd_value_cursor_t *pairs,
            const brd_value_t *head,
            const s_aside_t *pair)
{
    brd_value_cursor_t at;
    const unsigned char *bytes = pair->made->bytes;
    const size_t size = pair->made->size;
    if (brd_value_find_text (pairs, head->size, key, strlen (key), &at) != 1)
        return s_add (self, head, bytes, size, BROOD_MAP);
    const unsigned char *start = at.at;
    (void) brd_value_skip (&at);
    return s_replace (self,
                      (size_t) (start - self->bytes),
                      (size_t) (at.at - start),
                      bytes + pair->key_size,
                      size - pair->key_size);
}

static int
s_set (brood_msg_t *self, const char *key, const char *picture, va_list args)
{
    brd_value_cursor_t pairs;
    brd_value_t head;
    if (s_container (self, BROOD_MAP, &pairs, &head) < 0)
        return -1;
    s_aside_t pair;
    int answer = s_aside_init (&pair, key, picture, args);
    if (answer == 0)
        answer = s_set_pair (self, key, &pairs, &head, &pair);
    s_aside_fini (&pair);
    return answer;
}

int
brood_msg_set (brood_msg_t *self, const char *key, const char *picture, ...)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_MSG, -1);
    BRD_REQUIRE (key != NULL, -1);
    BRD_REQUIRE (picture != NULL, -1);
    va_list args;
    va_start (args, picture);
    const int answer = s_set (self, key, picture, args);
    va_end (args);
    return answer;
}

// --- Bytes -----------------------------------------------------------------

brood_msg_t *
brood_msg_new_bytes (const void *bytes, size_t size_bytes)
{
    BRD_REQUIRE (bytes != NULL, NULL);
    if (size_bytes > BROOD_MSG_SIZE_MAX) {
        (void) brd_error_set (
            EMSGSIZE, "a message larger than %d bytes", BROOD_MSG_SIZE_MAX);
        return NULL;
    }
    if (brd_value_check (bytes, size_bytes, BRD_WIRE_DEPTH_MAX, NULL) < 0)
        return NULL;
    return s_new_copy (bytes, size_bytes);
}

const void *
brood_msg_bytes (const brood_msg_t *self, size_t *ret_size_bytes)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_MSG, NULL);
    size_t size;
    const void *bytes = brd_msg_data (self, &size);
    if (bytes && ret_size_bytes)
        *ret_size_bytes = size;
    return bytes;
}

int
brood_msg_equal (const brood_msg_t *self, const brood_msg_t *other)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_MSG, -1);
    BRD_REQUIRE_HANDLE (other, BRD_KIND_MSG, -1);
    if (brd_msg_settle (self) < 0 || brd_msg_settle (other) < 0)
        return -1;
    return brd_value_equal (self->bytes, self->size, other->bytes, other->size);
}

// --- JSON ------------------------------------------------------------------

brood_msg_t *
brood_msg_new_json (const char *json)
{
    BRD_REQUIRE (json != NULL, NULL);
    brd_buf_t out;
    brd_buf_init (&out, BROOD_MSG_SIZE_MAX);
    brood_msg_t *self = NULL;
    if (brd_json_read (&out, json) == 0)
        self = s_new_copy (out.bytes, out.size);
    brd_buf_fini (&out);
    return self;
}

// JSON and an end to it.
static char *
s_json (const brood_msg_t *self, const char *end, size_t end_size)
{
    if (brd_msg_settle (self) < 0)
        return NULL;
    brd_buf_t out;
    brd_buf_init (&out, SIZE_MAX);
    if (brd_json_write (&out, self->bytes, self->size) < 0
        || brd_buf_add (&out, end, end_size) < 0) {
        brd_buf_fini (&out);
        return NULL;
    }
    size_t size;
    return brd_buf_steal (&out, &size);
}

char *
brood_msg_json (const brood_msg_t *self)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_MSG, NULL);
    return s_json (self, "", 1);
}

int
brood_msg_print (const brood_msg_t *self, FILE *file)
{
    BRD_REQUIRE_HANDLE (self, BRD_KIND_MSG, -1);
    BRD_REQUIRE (file != NULL, -1);
    char *json = s_json (self, "\n", 2);
    if (!json)
        return -1;
    const int answer =
        fputs (json, file) == EOF ? brd_error_system ("printing a message") : 0;
    brd_mem_free (json);
    return answer;
}
