// brd_json.c - values as JSON, and JSON as values
//
// SPDX-License-Identifier: MPL-2.0
//
//     bytes -> s_write  -> JSON     ours: total, any text becomes valid UTF-8
//     JSON  -> jansson -> s_read -> bytes
//
// Both recursions are as deep as a message may be; jansson has a limit of its
// own.
//
// Read next: brd_value.h.

#include "wire/brd_json.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_error.h"
#include "wire/brd_limits.h"
#include "wire/brd_value.h"

#ifdef BROOD_HAVE_JANSSON
#include <jansson.h>
#endif

// --- Texts -----------------------------------------------------------------

static int
s_put (brd_buf_t *out, const char *text)
{
    return brd_buf_add (out, text, strlen (text));
}

// How many bytes the character at text has, 0 if it is not one of UTF-8: cut
// off, too long a form, a surrogate, beyond the last.
static size_t
s_utf8 (const unsigned char *text, size_t size)
{
    static const struct {
        unsigned char mask;
        unsigned char lead;
        uint32_t least;
    } forms[] = { { 0x80, 0x00, 0 },
                  { 0xe0, 0xc0, 0x80 },
                  { 0xf0, 0xe0, 0x800 },
                  { 0xf8, 0xf0, 0x10000 } };
    for (size_t more = 0; more < 4; more++) {
        if ((text[0] & forms[more].mask) != forms[more].lead)
            continue;
        if (more >= size)
            return 0;
        uint32_t point = text[0] & (unsigned char) ~forms[more].mask;
        for (size_t i = 1; i <= more; i++) {
            if ((text[i] & 0xc0) != 0x80)
                return 0;
            point = point << 6 | (text[i] & 0x3f);
        }
        if (point < forms[more].least || point > 0x10ffff
            || (point >= 0xd800 && point < 0xe000))
            return 0;
        return more + 1;
    }
    return 0;
}

// One character as it is written; returns how many bytes of text it took.
static size_t
s_escape (const unsigned char *text, size_t size, char *ret, size_t room)
{
    static const char plain[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";
    const size_t width = s_utf8 (text, size);
    const char *found = text[0] != '\0' ? strchr (plain, (char) text[0]) : NULL;
    if (found)
        (void) snprintf (ret, room, "\\%c", letters[found - plain]);
    else if (width == 0)
        (void) snprintf (ret, room, "\\ufffd");
    else if (text[0] < ' ' || text[0] == 0x7f)
        (void) snprintf (ret, room, "\\u%04x", (unsigned) text[0]);
    else
        (void) snprintf (ret, room, "%.*s", (int) width, (const char *) text);
    return width > 0 ? width : 1;
}

// Of text, as much as needs no escape.
static size_t
s_plain (const unsigned char *text, size_t size)
{
    size_t i = 0;
    while (i < size && text[i] >= ' ' && text[i] < 0x7f && text[i] != '"'
           && text[i] != '\\')
        i++;
    return i;
}

static int
s_put_text (brd_buf_t *out, const unsigned char *text, size_t size)
{
    if (s_put (out, "\"") < 0)
        return -1;
    while (size > 0) {
        size_t taken = s_plain (text, size);
        if (brd_buf_add (out, text, taken) < 0)
            return -1;
        if (taken < size) {
            char escape[8];
            const size_t width =
                s_escape (text + taken, size - taken, escape, sizeof escape);
            if (s_put (out, escape) < 0)
                return -1;
            taken += width;
        }
        text += taken;
        size -= taken;
    }
    return s_put (out, "\"");
}

static int
s_put_base64 (brd_buf_t *out, const unsigned char *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";
    if (s_put (out, "\"") < 0)
        return -1;
    for (size_t i = 0; i < size; i += 3) {
        const size_t left = size - i < 3 ? size - i : 3;
        uint32_t bits = 0;
        for (size_t j = 0; j < 3; j++)
            bits = bits << 8 | (j < left ? bytes[i + j] : 0);
        char four[4] = { '=', '=', '=', '=' };
        for (size_t j = 0; j <= left; j++)
            four[j] = digits[bits >> (18 - 6 * j) & 0x3f];
        if (brd_buf_add (out, four, sizeof four) < 0)
            return -1;
    }
    return s_put (out, "\"");
}

// --- Values ----------------------------------------------------------------

// The shortest form that reads back as the same number; a float keeps a point.
static int
s_put_float (brd_buf_t *out, double number)
{
    if (!isfinite (number))
        return s_put (out, "null");
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        (void) snprintf (text, sizeof text, "%.*g", digits, number);
        if (strtod (text, NULL) == number)
            break;
    }
    int is_float = 0;
    for (char *c = text; *c != '\0'; c++) {
        if (*c == 'e')
            is_float = 1;
        else if (*c != '-' && *c != '+' && (*c < '0' || *c > '9')) {
            *c = '.';  // The locale's point
            is_float = 1;
        }
    }
    if (s_put (out, text) < 0)
        return -1;
    return is_float ? 0 : s_put (out, ".0");
}

static int
s_put_ext (brd_buf_t *out, const brd_value_t *value)
{
    char text[64];
    if (value->type == BROOD_HANDLE) {
        brd_ref_t ref;
        brd_value_ref (value, &ref);
        (void) snprintf (text,
                         sizeof text,
                         "{\"$handle\": \"%s\"}",
                         brd_kind_text ((brd_kind_t) ref.kind));
        return s_put (out, text);
    }
    (void) snprintf (
        text, sizeof text, "{\"$ext\": %d, \"data\": ", value->ext);
    if (s_put (out, text) < 0
        || s_put_base64 (out, value->bytes, value->size) < 0)
        return -1;
    return s_put (out, "}");
}

static int
s_put_scalar (brd_buf_t *out, const brd_value_t *value)
{
    char text[32];
    switch (value->type) {
    case BROOD_BOOL:
        return s_put (out, value->number.i ? "true" : "false");
    case BROOD_INTEGER:
        (void) snprintf (text,
                         sizeof text,
                         value->negative ? "-%llu" : "%llu",
                         (unsigned long long) (value->negative
                                                   ? -value->number.u
                                                   : value->number.u));
        return s_put (out, text);
    case BROOD_FLOAT:
        return s_put_float (out, value->number.f);
    case BROOD_TEXT:
        return s_put_text (out, value->bytes, value->size);
    case BROOD_BYTES:
        return s_put_base64 (out, value->bytes, value->size);
    case BROOD_HANDLE:
    case BROOD_EXTENSION:
        return s_put_ext (out, value);
    default:
        return s_put (out, "null");
    }
}

static int
s_write (brd_buf_t *out, brd_value_cursor_t *at, int depth);

static int
s_write_list (brd_buf_t *out, brd_value_cursor_t *at, size_t count, int depth)
{
    if (s_put (out, "[") < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if ((i > 0 && s_put (out, ", ") < 0) || s_write (out, at, depth) < 0)
            return -1;
    }
    return s_put (out, "]");
}

// A list or map as a key is only named: written out, it would be a text in a
// text, and each level of that doubles the escapes.
static int
s_write_key (brd_buf_t *out, brd_value_cursor_t *at)
{
    const brd_value_cursor_t start = *at;
    brd_value_t key;
    if (brd_value_read (at, &key) < 0)
        return brd_error_set (EBADMSG, "not a value");
    const int is_text = key.type == BROOD_TEXT || key.type == BROOD_BYTES;
    if (is_text)
        return s_put_scalar (out, &key);
    *at = start;
    if (brd_value_skip (at) < 0)
        return brd_error_set (EBADMSG, "not a value");
    if (s_put (out, "\"") < 0)
        return -1;
    const int is_number = key.type == BROOD_NIL || key.type == BROOD_BOOL
                          || key.type == BROOD_INTEGER
                          || key.type == BROOD_FLOAT;
    if (is_number ? s_put_scalar (out, &key) < 0
                  : s_put (out, brd_value_type_text (key.type)) < 0)
        return -1;
    return s_put (out, "\"");
}

static int
s_write_map (brd_buf_t *out, brd_value_cursor_t *at, size_t count, int depth)
{
    if (s_put (out, "{") < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if ((i > 0 && s_put (out, ", ") < 0) || s_write_key (out, at) < 0
            || s_put (out, ": ") < 0 || s_write (out, at, depth) < 0)
            return -1;
    }
    return s_put (out, "}");
}

static int
s_write (brd_buf_t *out, brd_value_cursor_t *at, int depth)
{
    brd_value_t value;
    if (brd_value_read (at, &value) < 0)
        return brd_error_set (EBADMSG, "not a value");
    if (value.type != BROOD_LIST && value.type != BROOD_MAP)
        return s_put_scalar (out, &value);
    if (depth == 0)
        return brd_error_set (EBADMSG, "not a value: too many containers");
    return value.type == BROOD_LIST
               ? s_write_list (out, at, value.size, depth - 1)
               : s_write_map (out, at, value.size, depth - 1);
}

int
brd_json_write (brd_buf_t *out, const void *bytes, size_t size)
{
    const size_t start = out->size;
    const unsigned char *first = bytes;
    brd_value_cursor_t at = { first, first + size };
    if (s_write (out, &at, BRD_WIRE_DEPTH_MAX) == 0)
        return 0;
    out->size = start;
    return -1;
}

// --- JSON in ---------------------------------------------------------------

#ifdef BROOD_HAVE_JANSSON

static int
s_read (brd_buf_t *out, json_t *json, int depth);

static int
s_read_list (brd_buf_t *out, json_t *json, int depth)
{
    const size_t count = json_array_size (json);
    if (brd_value_put_list (out, count) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (s_read (out, json_array_get (json, i), depth) < 0)
            return -1;
    }
    return 0;
}

static int
s_read_map (brd_buf_t *out, json_t *json, int depth)
{
    if (brd_value_put_map (out, json_object_size (json)) < 0)
        return -1;
    const char *key;
    json_t *value;
    json_object_foreach (json, key, value)
    {
        if (brd_value_put_text (out, key, strlen (key)) < 0
            || s_read (out, value, depth) < 0)
            return -1;
    }
    return 0;
}

static int
s_read (brd_buf_t *out, json_t *json, int depth)
{
    switch (json_typeof (json)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        if (depth == 0)
            return brd_error_set (EBADMSG,
                                  "JSON: more than %d containers within each "
                                  "other",
                                  BRD_WIRE_DEPTH_MAX);
        return json_is_array (json) ? s_read_list (out, json, depth - 1)
                                    : s_read_map (out, json, depth - 1);
    case JSON_STRING:
        return brd_value_put_text (
            out, json_string_value (json), json_string_length (json));
    case JSON_INTEGER:
        return brd_value_put_int (out, json_integer_value (json));
    case JSON_REAL:
        return brd_value_put_float (out, json_real_value (json));
    case JSON_NULL:
        return brd_value_put_nil (out);
    default:
        return brd_value_put_bool (out, json_is_true (json));
    }
}

int
brd_json_read (brd_buf_t *out, const char *json)
{
    json_error_t error;
    json_t *root =
        json_loads (json,
                    JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES,
                    &error);
    if (!root) {
        if (json_error_code (&error) == json_error_out_of_memory)
            return brd_error_set (ENOMEM, "out of memory for JSON");
        return brd_error_set (EBADMSG,
                              "JSON, line %d, column %d: %s",
                              error.line,
                              error.column,
                              error.text);
    }
    const size_t start = out->size;
    errno = 0;
    const int answer = s_read (out, root, BRD_WIRE_DEPTH_MAX);
    if (answer < 0) {
        if (errno == EMSGSIZE)
            (void) brd_error_set (
                EMSGSIZE, "a message larger than %zu bytes", out->size_max);
        out->size = start;
    }
    const int saved_errno = errno;
    json_decref (root);
    errno = saved_errno;
    return answer;
}

#else

int
brd_json_read (brd_buf_t *out, const char *json)
{
    (void) out;
    (void) json;
    return brd_error_set (ENOTSUP, "JSON in: built without jansson");
}

#endif
