// t_picture.h - carrying out pictures no compiler would let pass
//
// SPDX-License-Identifier: MPL-2.0
//
// The helpers have no format attribute. The state of a group of tests is an
// empty buffer.

#ifndef T_PICTURE_H
#define T_PICTURE_H

#include "tests/t.h"

#include <errno.h>
#include <string.h>

#include "base/brd_error.h"
#include "wire/brd_json.h"
#include "wire/brd_picture.h"
#include "wire/brd_value.h"

static inline int
t_pack (brd_buf_t *out, const char *picture, ...)
{
    va_list args;
    va_start (args, picture);
    out->size = 0;
    const int answer = brd_picture_pack (out, picture, &args);
    va_end (args);
    if (answer == 0)
        assert_int_equal (brd_value_check (out->bytes, out->size, 31, NULL), 0);
    else
        assert_int_equal (out->size, 0);
    return answer;
}

// A ref is the place of the part, to be seen by the test.
static inline void *
t_ref (void *arg, const unsigned char *bytes, size_t size)
{
    *(size_t *) arg = size;
    return (void *) bytes;
}

static size_t t_ref_size;

static inline int
t_unpack (const brd_buf_t *in, const char *picture, ...)
{
    const brd_picture_source_t source = {
        .bytes = in->bytes, .size = in->size, .ref = t_ref, .arg = &t_ref_size
    };
    va_list args;
    va_start (args, picture);
    const int answer = brd_picture_unpack (&source, picture, &args);
    va_end (args);
    return answer;
}

static inline int
t_unpack_pair (const brd_buf_t *in, const char *picture, ...)
{
    const brd_picture_source_t source = { .bytes = in->bytes,
                                          .size = in->size,
                                          .pair = 1 };
    va_list args;
    va_start (args, picture);
    const int answer = brd_picture_unpack (&source, picture, &args);
    va_end (args);
    return answer;
}

static inline void
t_picture_is (const brd_buf_t *buf, const char *json)
{
    brd_buf_t text;
    brd_buf_init (&text, 100000);
    assert_int_equal (brd_json_write (&text, buf->bytes, buf->size), 0);
    assert_int_equal (brd_buf_add (&text, "", 1), 0);
    assert_string_equal ((char *) text.bytes, json);
    brd_buf_fini (&text);
}

static inline void
t_error_is (int error, const char *text)
{
    assert_int_equal (errno, error);
    assert_string_equal (brd_error_get ()->text, text);
}

static inline int
t_picture_setup (void **state)
{
    static brd_buf_t buf;
    brd_buf_init (&buf, 1000000);
    *state = &buf;
    return 0;
}

static inline int
t_picture_teardown (void **state)
{
    brd_buf_fini (*state);
    return 0;
}

#endif  // T_PICTURE_H
