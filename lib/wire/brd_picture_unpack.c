// brd_picture_unpack.c - bytes fill a picture's outputs
//
// SPDX-License-Identifier: MPL-2.0
//
//     picture, bytes -> s_value -> stores[0 .. 63] -> all of it fits?
//                                                     s_write: the outputs
//
// Nothing is written before everything is known to fit; so what is to be
// written is first collected. A key is looked for in the pair that comes next,
// which is where it is when both sides wrote it in the same order, and only
// then from the map's start; the first of equal keys counts either way, since
// all pairs passed were taken for other keys.
//
// Where an optional key is absent, its part of the picture is still read, with
// no value (at is NULL), so that its arguments are passed.
//
// Read next: lib/api/brood_msg.c.

#include "wire/brd_picture.h"

#include <errno.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/brd_error.h"
#include "wire/brd_scan.h"
#include "wire/brd_value.h"

typedef enum {
    S_STORE_INTEGER,  // size bytes of number.u
    S_STORE_FLOAT,    // number.f, size says which
    S_STORE_TEXT,     // size bytes and a '\0'
    S_STORE_PLACE,    // bytes itself
    S_STORE_REF       // What source->ref makes of size bytes
} s_how_t;

typedef struct {
    void *to;
    s_how_t how;
    size_t size;
    union {
        uint64_t u;
        double f;
    } number;
    const unsigned char *bytes;
} s_store_t;

typedef struct {
    brd_scan_t scan;
    va_list *args;  // NULL: there are no outputs, only whether it fits
    const brd_picture_source_t *source;
    brd_scan_path_t path;
    int outputs;  // Arguments taken, absent ones too
    int count;    // Of stores
    s_store_t stores[BRD_PICTURE_OUTPUTS_MAX];
} s_unpack_t;

// --- What does not fit -----------------------------------------------------

static int
s_mismatch (const s_unpack_t *self, const char *wanted, const char *found)
{
    char path[BRD_SCAN_PATH_SIZE];
    return brd_error_set (EBADMSG,
                          "expected %s%s, found %s",
                          wanted,
                          brd_scan_path (&self->path, path),
                          found);
}

static int
s_read (const s_unpack_t *self,
        brd_value_cursor_t *at,
        const char *wanted,
        brd_value_t *ret_value)
{
    if (brd_value_read (at, ret_value) == 0)
        return 0;
    return s_mismatch (self, wanted, "bytes that are no value");
}

static int
s_pass (const s_unpack_t *self, brd_value_cursor_t *at)
{
    if (brd_value_skip (at) == 0)
        return 0;
    return s_mismatch (self, "a value", "bytes that are no value");
}

// What stands in the place of a constant. A peer's text may be shown to people:
// no control characters in it.
static const char *
s_found (const brd_value_t *value, char *buf, size_t size)
{
    switch (value->type) {
    case BROOD_BOOL:
        return value->number.i ? "true" : "false";
    case BROOD_INTEGER:
        (void) snprintf (buf,
                         size,
                         value->negative ? "-%llu" : "%llu",
                         (unsigned long long) (value->negative
                                                   ? -value->number.u
                                                   : value->number.u));
        return buf;
    case BROOD_FLOAT:
        (void) snprintf (buf, size, "%g", value->number.f);
        return buf;
    case BROOD_TEXT:
        (void) snprintf (buf,
                         size,
                         "\"%.*s\"",
                         value->size < 40 ? (int) value->size : 40,
                         (const char *) value->bytes);
        for (char *c = buf; *c != '\0'; c++) {
            if ((unsigned char) *c < ' ')
                *c = '?';
        }
        return buf;
    default:
        return brd_value_type_text (value->type);
    }
}

// --- Outputs ---------------------------------------------------------------

// The next argument, which is a pointer whatever the conversion. 0, or -1 when
// the picture has too many.
static int
s_output (s_unpack_t *self, void **ret_to)
{
    if (self->outputs == BRD_PICTURE_OUTPUTS_MAX)
        return brd_error_set (EINVAL,
                              "a picture with more than %d outputs",
                              BRD_PICTURE_OUTPUTS_MAX);
    self->outputs++;
    *ret_to = self->args ? va_arg (*self->args, void *) : NULL;
    return 0;
}

// Where to note what is to be written; to may be NULL, then it is not.
static s_store_t *
s_store (s_unpack_t *self, void *to, s_how_t how)
{
    s_store_t *store = &self->stores[self->count];
    self->count += to != NULL;
    store->to = to;
    store->how = how;
    return store;
}

static void
s_write_integer (const s_store_t *store)
{
    const uint8_t u8 = (uint8_t) store->number.u;
    const uint16_t u16 = (uint16_t) store->number.u;
    const uint32_t u32 = (uint32_t) store->number.u;
    switch (store->size) {
    case 1:
        memcpy (store->to, &u8, 1);
        break;
    case 2:
        memcpy (store->to, &u16, 2);
        break;
    case 4:
        memcpy (store->to, &u32, 4);
        break;
    default:
        memcpy (store->to, &store->number.u, 8);
        break;
    }
}

static void
s_write (const s_store_t *store)
{
    switch (store->how) {
    case S_STORE_INTEGER:
        s_write_integer (store);
        break;
    case S_STORE_FLOAT:
        if (store->size == sizeof (float))
            *(float *) store->to = (float) store->number.f;
        else
            *(double *) store->to = store->number.f;
        break;
    case S_STORE_TEXT:
        memcpy (store->to, store->bytes, store->size);
        ((char *) store->to)[store->size] = '\0';
        break;
    case S_STORE_PLACE:
    case S_STORE_REF:
        // Its type is the caller's: any pointer's bytes.
        memcpy (store->to, &store->bytes, sizeof store->bytes);
        break;
    }
}

// Making a ref can fail, so all are made before anything is written.
static int
s_write_all (s_unpack_t *self)
{
    const brd_picture_source_t *source = self->source;
    for (int i = 0; i < self->count; i++) {
        s_store_t *store = &self->stores[i];
        if (store->how != S_STORE_REF)
            continue;
        store->bytes = source->ref (source->arg, store->bytes, store->size);
        if (!store->bytes)
            return -1;
    }
    for (int i = 0; i < self->count; i++)
        s_write (&self->stores[i]);
    return 0;
}

// --- Numbers ---------------------------------------------------------------

typedef struct {
    char length;
    char letter;
    uint8_t size;
    const char *name;
} s_int_t;

static const s_int_t *
s_int (const brd_scan_conv_t *conv)
{
    static const s_int_t ints[] = {
        { 0, 'd', sizeof (int), "int" },
        { 0, 'u', sizeof (unsigned), "unsigned int" },
        { 'l', 'd', sizeof (long), "long" },
        { 'l', 'u', sizeof (unsigned long), "unsigned long" },
        { 'z', 'u', sizeof (size_t), "size_t" },
        { 'z', 'd', sizeof (size_t), "ssize_t" },
        { 'q', 'd', sizeof (long long), "long long" },
        { 'q', 'u', sizeof (long long), "unsigned long long" },
        { 'H', 'd', sizeof (char), "signed char" },
        { 'H', 'u', sizeof (char), "unsigned char" },
        { 'h', 'd', sizeof (short), "short" },
        { 'h', 'u', sizeof (short), "unsigned short" },
        { 'j', 'd', sizeof (intmax_t), "intmax_t" },
        { 'j', 'u', sizeof (uintmax_t), "uintmax_t" },
        { 't', 'd', sizeof (ptrdiff_t), "ptrdiff_t" },
        { 't', 'u', sizeof (ptrdiff_t), "unsigned ptrdiff_t" },
    };
    const s_int_t *it = ints;
    while (it->length != conv->length || it->letter != conv->letter)
        it++;
    return it;
}

static int
s_int_fits (const s_int_t *to, const brd_value_t *value)
{
    const unsigned bits = 8U * to->size;
    if (value->negative)
        return to->letter == 'd' && value->number.i >= INT64_MIN >> (64 - bits);
    return value->number.u <= UINT64_MAX
           >> (64 - bits + (to->letter == 'd' ? 1 : 0));
}

static int
s_integer (s_unpack_t *self,
           const brd_scan_conv_t *conv,
           brd_value_cursor_t *at,
           void *to)
{
    if (!at)
        return 0;
    brd_value_t value;
    if (s_read (self, at, "int", &value) < 0)
        return -1;
    const s_int_t *kind = s_int (conv);
    if (value.type == BROOD_BOOL)
        value.negative = 0;
    else if (value.type != BROOD_INTEGER)
        return s_mismatch (self, "int", brd_value_type_text (value.type));
    else if (!s_int_fits (kind, &value)) {
        char path[BRD_SCAN_PATH_SIZE];
        char number[32];
        return brd_error_set (EBADMSG,
                              "%s does not fit %s%s",
                              s_found (&value, number, sizeof number),
                              kind->name,
                              brd_scan_path (&self->path, path));
    }
    s_store_t *store = s_store (self, to, S_STORE_INTEGER);
    store->size = kind->size;
    store->number.u = value.number.u;
    return 0;
}

// The integer as a number of so many mantissa bits, if it is one.
static int
s_exact (const brd_value_t *value, int bits, double *ret)
{
    const uint64_t size = value->negative ? -value->number.u : value->number.u;
    // Trailing zeros cost no mantissa.
    uint64_t odd = size;
    while (odd != 0 && (odd & 1) == 0)
        odd >>= 1;
    if (odd >> bits != 0)
        return 0;
    *ret = value->negative ? -(double) size : (double) size;
    return 1;
}

static int
s_float (s_unpack_t *self,
         const brd_scan_conv_t *conv,
         brd_value_cursor_t *at,
         void *to)
{
    if (!at)
        return 0;
    const int is_double = conv->length == 'l';
    brd_value_t value;
    if (s_read (self, at, "float", &value) < 0)
        return -1;
    if (value.type != BROOD_FLOAT && value.type != BROOD_INTEGER)
        return s_mismatch (self, "float", brd_value_type_text (value.type));
    double number = value.number.f;
    // The nearest float is what is wanted of a double, but not infinity.
    const int fits =
        value.type == BROOD_INTEGER
            ? s_exact (&value, is_double ? DBL_MANT_DIG : FLT_MANT_DIG, &number)
            : is_double || !isfinite (number)
                  || fabs (number) <= (double) FLT_MAX;
    if (!fits) {
        char path[BRD_SCAN_PATH_SIZE];
        char text[32];
        return brd_error_set (EBADMSG,
                              "%s does not fit %s%s",
                              s_found (&value, text, sizeof text),
                              is_double ? "double" : "float",
                              brd_scan_path (&self->path, path));
    }
    s_store_t *store = s_store (self, to, S_STORE_FLOAT);
    store->size = is_double ? sizeof (double) : sizeof (float);
    store->number.f = number;
    return 0;
}

// --- Texts, bytes, handles -------------------------------------------------

static int
s_text (s_unpack_t *self, int width, brd_value_cursor_t *at, void *to)
{
    if (!at)
        return 0;
    brd_value_t value;
    if (s_read (self, at, "str", &value) < 0)
        return -1;
    if (value.type != BROOD_TEXT)
        return s_mismatch (self, "str", brd_value_type_text (value.type));
    char path[BRD_SCAN_PATH_SIZE];
    if (value.size > (size_t) width)
        return brd_error_set (EBADMSG,
                              "str of %zu bytes does not fit %%%ds%s",
                              value.size,
                              width,
                              brd_scan_path (&self->path, path));
    // It would seem to end there.
    if (memchr (value.bytes, '\0', value.size))
        return brd_error_set (EBADMSG,
                              "str with a zero byte in it does not fit "
                              "%%%ds%s",
                              width,
                              brd_scan_path (&self->path, path));
    s_store_t *store = s_store (self, to, S_STORE_TEXT);
    store->bytes = value.bytes;
    store->size = value.size;
    return 0;
}

static int
s_conv (s_unpack_t *self, brd_value_cursor_t *at)
{
    const brd_scan_t start = self->scan;
    brd_scan_conv_t conv;
    if (brd_scan_conv (&self->scan, &conv) < 0)
        return -1;
    if (conv.letter == 'p')
        return brd_scan_fail (&start, "<%zu %p> are bytes, @%p is a handle");
    if (conv.precision != BRD_SCAN_NONE)
        return brd_scan_fail (&start, "a precision means nothing here");
    if (conv.letter == 's' && conv.width <= 0)
        return brd_scan_fail (&start, "%s needs a width: \"%31s\"");
    if (conv.letter != 's' && conv.width != BRD_SCAN_NONE)
        return brd_scan_fail (&start, "a width means nothing here");
    void *to = NULL;
    if (s_output (self, &to) < 0)
        return -1;
    if (conv.letter == 's')
        return s_text (self, conv.width, at, to);
    if (conv.letter == 'f')
        return s_float (self, &conv, at, to);
    return s_integer (self, &conv, at, to);
}

// <%zu %p>
static int
s_bytes (s_unpack_t *self, brd_value_cursor_t *at)
{
    const brd_scan_t start = self->scan;
    brd_scan_conv_t count;
    brd_scan_conv_t place;
    self->scan.at++;
    (void) brd_scan_peek (&self->scan);
    if (brd_scan_conv (&self->scan, &count) < 0)
        return brd_scan_fail (&start, "bytes are <%zu %p>");
    (void) brd_scan_peek (&self->scan);
    if (brd_scan_conv (&self->scan, &place) < 0
        || !brd_scan_take (&self->scan, '>') || count.length != 'z'
        || count.letter != 'u' || place.letter != 'p')
        return brd_scan_fail (&start, "bytes are <%zu %p>");
    void *to_size = NULL;
    void *to_place = NULL;
    if (s_output (self, &to_size) < 0 || s_output (self, &to_place) < 0)
        return -1;
    if (!at)
        return 0;
    brd_value_t value;
    if (s_read (self, at, "bin", &value) < 0)
        return -1;
    if (value.type != BROOD_BYTES && value.type != BROOD_TEXT)
        return s_mismatch (self, "bin", brd_value_type_text (value.type));
    s_store_t *store = s_store (self, to_size, S_STORE_INTEGER);
    store->size = sizeof (size_t);
    store->number.u = value.size;
    s_store (self, to_place, S_STORE_PLACE)->bytes = value.bytes;
    return 0;
}

// @%p
static int
s_handle (s_unpack_t *self, brd_value_cursor_t *at)
{
    const brd_scan_t start = self->scan;
    brd_scan_conv_t conv;
    self->scan.at++;
    if (brd_scan_conv (&self->scan, &conv) < 0 || conv.letter != 'p')
        return brd_scan_fail (&start, "a handle is @%p");
    if (!self->source->ref)
        return brd_scan_fail (&start, "no handles here");
    void *to = NULL;
    if (s_output (self, &to) < 0)
        return -1;
    if (!at)
        return 0;
    const unsigned char *bytes = at->at;
    if (s_pass (self, at) < 0)
        return -1;
    s_store_t *store = s_store (self, to, S_STORE_REF);
    store->bytes = bytes;
    store->size = (size_t) (at->at - bytes);
    return 0;
}

// --- Constants -------------------------------------------------------------

static int
s_is_number (const brd_value_t *wanted, const brd_value_t *value)
{
    // As %lf: a float may have been an integer where it was packed.
    double exact;
    if (wanted->type == BROOD_FLOAT && value->type == BROOD_INTEGER)
        return s_exact (value, DBL_MANT_DIG, &exact)
               && exact == wanted->number.f;
    return brd_value_same (wanted, value);
}

// Text, number or word; it is in the picture between start and the scan.
static int
s_constant (s_unpack_t *self, brd_value_cursor_t *at, char first)
{
    const char *start = self->scan.at;
    brd_scan_text_t text;
    brd_value_t wanted;
    int bad;
    if (first == '"')
        bad = brd_scan_text (&self->scan, &text);
    else if (first == '-' || (first >= '0' && first <= '9'))
        bad = brd_scan_number (&self->scan, &wanted);
    else
        bad = brd_scan_word (&self->scan, &wanted);
    if (bad < 0 || !at)
        return bad;
    char expected[64];
    const ptrdiff_t length = self->scan.at - start;
    (void) snprintf (expected,
                     sizeof expected,
                     "%.*s",
                     length < 60 ? (int) length : 60,
                     start);
    brd_value_t value;
    if (s_read (self, at, expected, &value) < 0)
        return -1;
    const int same = first == '"'
                         ? value.type == BROOD_TEXT
                               && brd_scan_is (&text, value.bytes, value.size)
                         : s_is_number (&wanted, &value);
    char found[64];
    return same ? 0
                : s_mismatch (
                    self, expected, s_found (&value, found, sizeof found));
}

// --- Lists and maps --------------------------------------------------------

static int
s_value (s_unpack_t *self, brd_value_cursor_t *at);

// Reads the head of a list or map, if there is a value, and goes into it.
static brd_scan_step_t *
s_enter (s_unpack_t *self,
         brd_value_cursor_t *at,
         brood_type_t type,
         size_t *ret_count)
{
    brd_value_t value = { .type = type };
    const char *wanted = brd_value_type_text (type);
    if (at && s_read (self, at, wanted, &value) < 0)
        return NULL;
    if (value.type != type) {
        (void) s_mismatch (self, wanted, brd_value_type_text (value.type));
        return NULL;
    }
    if (self->path.depth == BRD_WIRE_DEPTH_MAX) {
        (void) brd_scan_fail (&self->scan, "too many containers");
        return NULL;
    }
    *ret_count = value.size;
    self->scan.at++;
    brd_scan_step_t *step = &self->path.steps[self->path.depth++];
    step->key = NULL;
    step->number = 0;
    return step;
}

static int
s_wrong_count (s_unpack_t *self, size_t wanted, size_t found)
{
    char expected[48];
    char got[48];
    self->path.depth--;
    (void) snprintf (expected, sizeof expected, "array of %zu", wanted);
    (void) snprintf (got, sizeof got, "%zu", found);
    return s_mismatch (self, expected, got);
}

static int
s_list (s_unpack_t *self, brd_value_cursor_t *at)
{
    size_t found = 0;
    brd_scan_step_t *step = s_enter (self, at, BROOD_LIST, &found);
    if (!step)
        return -1;
    size_t count = 0;
    if (!brd_scan_take (&self->scan, ']')) {
        do {
            // Once there are too few, only the picture's count is of interest.
            brd_value_cursor_t *item = count < found ? at : NULL;
            step->number = (int64_t) count++;
            if (s_value (self, item) < 0)
                return -1;
        } while (brd_scan_take (&self->scan, ','));
        if (!brd_scan_take (&self->scan, ']'))
            return brd_scan_fail (&self->scan, "wanted , or ]");
    }
    if (at && count != found)
        return s_wrong_count (self, count, found);
    self->path.depth--;
    return 0;
}

typedef struct {
    brd_value_cursor_t start;  // The first pair
    brd_value_cursor_t next;   // The first that was not taken for a key
    size_t count;
    size_t taken;
} s_map_t;

// 1 if the next pair has this key, and then the cursor is at its value.
static int
s_is_next (const s_map_t *map,
           const brd_scan_text_t *key,
           brd_value_cursor_t *at)
{
    brd_value_t value;
    *at = map->next;
    return map->taken < map->count && brd_value_read (at, &value) == 0
           && value.type == BROOD_TEXT
           && brd_scan_is (key, value.bytes, value.size);
}

// The first pair with this key: 1 and the place of its value, 0 or -1.
static int
s_search (const s_map_t *map,
          const brd_scan_text_t *key,
          brd_value_cursor_t *ret_value)
{
    brd_value_cursor_t at = map->start;
    for (size_t i = 0; i < map->count; i++) {
        const brd_value_cursor_t pair = at;
        brd_value_t value;
        if (brd_value_read (&at, &value) < 0)
            return -1;
        if (value.type == BROOD_TEXT
            && brd_scan_is (key, value.bytes, value.size)) {
            *ret_value = at;
            return 1;
        }
        at = pair;
        if (brd_value_skip (&at) < 0 || brd_value_skip (&at) < 0)
            return -1;
    }
    return 0;
}

// A nil where a key is optional is as good as nothing.
static int
s_is_nil (const brd_value_cursor_t *at)
{
    return at->at < at->end && *at->at == 0xc0;
}

static int
s_pair (s_unpack_t *self, s_map_t *map, brd_scan_step_t *step)
{
    brd_scan_text_t key;
    if (brd_scan_key (&self->scan, &key) < 0)
        return -1;
    step->key = key.raw;
    step->key_size = key.raw_size;
    const int optional = *self->scan.at == '?';
    self->scan.at += optional;
    if (!brd_scan_take (&self->scan, ':'))
        return brd_scan_fail (&self->scan, "wanted :");
    if (!map)
        return s_value (self, NULL);
    brd_value_cursor_t at;
    if (s_is_next (map, &key, &at)) {
        // Behind the value also where it is only passed.
        const int is_nil = optional && s_is_nil (&at);
        at.at += is_nil;
        if (s_value (self, is_nil ? NULL : &at) < 0)
            return -1;
        map->next = at;
        map->taken++;
        return 0;
    }
    const int found = s_search (map, &key, &at);
    if (found < 0)
        return s_mismatch (self, "a value", "bytes that are no value");
    if (found && !(optional && s_is_nil (&at)))
        return s_value (self, &at);
    if (!found && !optional)
        return s_mismatch (self, "a value", "nothing");
    return s_value (self, NULL);
}

// To the end of the map, for whoever goes on behind it.
static int
s_pass_rest (s_unpack_t *self, s_map_t *map, brd_value_cursor_t *at)
{
    if (self->path.depth == 0 && !self->source->pair)
        return 0;
    for (; map->taken < map->count; map->taken++) {
        if (s_pass (self, &map->next) < 0 || s_pass (self, &map->next) < 0)
            return -1;
    }
    *at = map->next;
    return 0;
}

static int
s_map (s_unpack_t *self, brd_value_cursor_t *at)
{
    s_map_t map = { .taken = 0 };
    brd_scan_step_t *step = s_enter (self, at, BROOD_MAP, &map.count);
    if (!step)
        return -1;
    if (at)
        map.start = map.next = *at;
    if (!brd_scan_take (&self->scan, '}')) {
        do {
            if (s_pair (self, at ? &map : NULL, step) < 0)
                return -1;
        } while (brd_scan_take (&self->scan, ','));
        if (!brd_scan_take (&self->scan, '}'))
            return brd_scan_fail (&self->scan, "wanted , or }");
    }
    self->path.depth--;
    return at ? s_pass_rest (self, &map, at) : 0;
}

// Passes the value; at is NULL where there is none.
static int
s_value (s_unpack_t *self, brd_value_cursor_t *at)
{
    const char c = brd_scan_peek (&self->scan);
    switch (c) {
    case '%':
        return s_conv (self, at);
    case '{':
        return s_map (self, at);
    case '[':
        return s_list (self, at);
    case '<':
        return s_bytes (self, at);
    case '@':
        return s_handle (self, at);
    case '*':
        self->scan.at++;
        return at ? s_pass (self, at) : 0;
    default:
        return s_constant (self, at, c);
    }
}

// --- Entry -----------------------------------------------------------------

int
brd_picture_unpack (const brd_picture_source_t *source,
                    const char *picture,
                    va_list *args)
{
    s_unpack_t self;
    self.scan = (brd_scan_t){ picture, picture };
    self.args = args;
    self.source = source;
    self.path.start = source->where;
    self.path.depth = 0;
    self.outputs = 0;
    self.count = 0;
    brd_value_cursor_t at = { source->bytes, source->bytes + source->size };
    if (source->pair) {
        if (s_value (&self, &at) < 0)
            return -1;
        if (!brd_scan_take (&self.scan, ':'))
            return brd_scan_fail (&self.scan, "wanted : and the value");
    }
    if (s_value (&self, &at) < 0)
        return -1;
    if (brd_scan_peek (&self.scan) != '\0')
        return brd_scan_fail (&self.scan, "one value, then nothing");
    return s_write_all (&self);
}
