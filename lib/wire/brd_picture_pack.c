// brd_picture_pack.c - a picture and its arguments become bytes
//
// SPDX-License-Identifier: MPL-2.0
//
//     s_value -+- { s_map [ s_list      -> s_value for each item
//              +- % s_conv              -> an argument
//              +- < s_bytes  @ s_handle -> arguments
//              +- " 0-9 - word          -> a constant
//
// One pass: a list or map gets a head for few items, which is put right when
// its end is found. The recursion is as deep as a message may be.
//
// Read next: brd_picture_unpack.c, the way back.

#include "wire/brd_picture.h"

#include <errno.h>
#include <string.h>

#include "base/brd_error.h"
#include "wire/brd_scan.h"
#include "wire/brd_value.h"

typedef struct {
    brd_scan_t scan;
    va_list *args;
    brd_buf_t *out;
    int depth_max;
    brd_scan_path_t path;
} s_pack_t;

static int
s_fail (const s_pack_t *self, const char *what)
{
    char path[BRD_SCAN_PATH_SIZE];
    return brd_error_set (
        EINVAL, "%s%s", what, brd_scan_path (&self->path, path));
}

// --- Arguments -------------------------------------------------------------

static int64_t
s_signed_argument (va_list *args, char length)
{
    switch (length) {
    case 'H':
        return (signed char) va_arg (*args, int);
    case 'h':
        return (short) va_arg (*args, int);
    case 'l':
        return va_arg (*args, long);
    case 'q':
        return va_arg (*args, long long);
    case 'j':
        return va_arg (*args, intmax_t);
    case 'z':
    case 't':
        return va_arg (*args, ptrdiff_t);
    default:
        return va_arg (*args, int);
    }
}

static uint64_t
s_unsigned_argument (va_list *args, char length)
{
    switch (length) {
    case 'H':
        return (unsigned char) va_arg (*args, unsigned);
    case 'h':
        return (unsigned short) va_arg (*args, unsigned);
    case 'l':
        return va_arg (*args, unsigned long);
    case 'q':
        return va_arg (*args, unsigned long long);
    case 'j':
        return va_arg (*args, uintmax_t);
    case 'z':
    case 't':
        return va_arg (*args, size_t);
    default:
        return va_arg (*args, unsigned);
    }
}

// The text of %s, its size after the precision as printf has it.
static int
s_text_argument (s_pack_t *self,
                 const brd_scan_conv_t *conv,
                 const char **ret_text,
                 size_t *ret_size)
{
    int precision = conv->precision;
    if (precision == BRD_SCAN_STAR)
        precision = va_arg (*self->args, int);
    const char *text = va_arg (*self->args, const char *);
    if (!text)
        return s_fail (self, "NULL for %s");
    *ret_size =
        precision < 0 ? strlen (text) : strnlen (text, (size_t) precision);
    *ret_text = text;
    return 0;
}

static int
s_conv (s_pack_t *self)
{
    const brd_scan_t start = self->scan;
    brd_scan_conv_t conv;
    if (brd_scan_conv (&self->scan, &conv) < 0)
        return -1;
    if (conv.width != BRD_SCAN_NONE)
        return brd_scan_fail (&start, "a width means nothing here");
    if (conv.letter == 's') {
        const char *text = NULL;
        size_t size = 0;
        if (s_text_argument (self, &conv, &text, &size) < 0)
            return -1;
        return brd_value_put_text (self->out, text, size);
    }
    if (conv.precision != BRD_SCAN_NONE)
        return brd_scan_fail (&start, "a precision means nothing here");
    switch (conv.letter) {
    case 'd':
        return brd_value_put_int (self->out,
                                  s_signed_argument (self->args, conv.length));
    case 'u':
        return brd_value_put_uint (
            self->out, s_unsigned_argument (self->args, conv.length));
    case 'f':
        return brd_value_put_float (self->out, va_arg (*self->args, double));
    default:
        return brd_scan_fail (&start, "<%zu %p> are bytes, @%p is a handle");
    }
}

// <%zu %p>
static int
s_bytes (s_pack_t *self)
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
    const size_t size = va_arg (*self->args, size_t);
    const void *bytes = va_arg (*self->args, const void *);
    if (!bytes && size > 0)
        return s_fail (self, "NULL for <%zu %p>");
    return brd_value_put_bytes (self->out, bytes, size);
}

// --- Handles ---------------------------------------------------------------

int
brd_picture_may_travel (const brd_handle_t *handle, const char *function)
{
    // Alive, whatever it is: then its kind is the one it says.
    const brd_kind_t kind =
        handle ? (brd_kind_t) handle->ref.kind : BRD_KIND_REF;
    if (brd_handle_check (handle, kind, function) < 0)
        return -1;
    if (kind == BRD_KIND_MSG || kind == BRD_KIND_REF)
        return 0;
    if (handle->ref.brood != 0)
        return 0;
    return brd_error_set (EINVAL,
                          "%s: a %s cannot travel in a message",
                          function,
                          brd_kind_text (kind));
}

static int
s_embed (s_pack_t *self, const brd_picture_part_t *part)
{
    const int depth = self->depth_max - self->path.depth;
    char path[BRD_SCAN_PATH_SIZE];
    if (brd_value_check (part->bytes, part->size, depth, NULL) < 0)
        return brd_error_prefix ("@%%p%s", brd_scan_path (&self->path, path));
    return brd_value_put_raw (self->out, part->bytes, part->size);
}

// @%p
static int
s_handle (s_pack_t *self)
{
    const brd_scan_t start = self->scan;
    brd_scan_conv_t conv;
    self->scan.at++;
    if (brd_scan_conv (&self->scan, &conv) < 0 || conv.letter != 'p')
        return brd_scan_fail (&start, "a handle is @%p");
    const brd_handle_t *handle = va_arg (*self->args, const void *);
    char path[BRD_SCAN_PATH_SIZE];
    if (brd_picture_may_travel (handle, "@%p") < 0)
        return brd_error_prefix ("cannot pack%s",
                                 brd_scan_path (&self->path, path));
    if (handle->ref.kind == BRD_KIND_MSG || handle->ref.kind == BRD_KIND_REF)
        return s_embed (self, (const brd_picture_part_t *) handle);
    return brd_value_put_ref (self->out, &handle->ref);
}

// --- Constants -------------------------------------------------------------

static int
s_put_text (brd_buf_t *out, const brd_scan_text_t *text)
{
    if (text->size == text->raw_size)
        return brd_value_put_text (out, text->raw, text->size);
    // Escapes only shrink: put it as it is written, then write over it.
    if (brd_value_put_text (out, text->raw, text->size) < 0)
        return -1;
    brd_scan_copy (text, (char *) out->bytes + out->size - text->size);
    return 0;
}

static int
s_constant (s_pack_t *self)
{
    brd_value_t value;
    if (brd_scan_word (&self->scan, &value) < 0)
        return -1;
    if (value.type == BROOD_NIL)
        return brd_value_put_nil (self->out);
    return brd_value_put_bool (self->out, value.number.i != 0);
}

static int
s_number (s_pack_t *self)
{
    brd_value_t value;
    if (brd_scan_number (&self->scan, &value) < 0)
        return -1;
    if (value.type == BROOD_FLOAT)
        return brd_value_put_float (self->out, value.number.f);
    return value.negative ? brd_value_put_int (self->out, value.number.i)
                          : brd_value_put_uint (self->out, value.number.u);
}

// --- Lists and maps --------------------------------------------------------

static int
s_value (s_pack_t *self);

// Into the container whose head was just put; its step in the path.
static brd_scan_step_t *
s_enter (s_pack_t *self)
{
    if (self->path.depth == self->depth_max) {
        (void) brd_scan_fail (&self->scan, "too many containers");
        return NULL;
    }
    self->scan.at++;
    brd_scan_step_t *step = &self->path.steps[self->path.depth++];
    step->key = NULL;
    step->number = 0;
    return step;
}

static int
s_leave (s_pack_t *self, size_t head, size_t count)
{
    self->path.depth--;
    if (count < 16) {
        self->out->bytes[head] |= (unsigned char) count;
        return 0;
    }
    return brd_value_set_count (self->out, head, count);
}

static int
s_list (s_pack_t *self)
{
    const size_t head = self->out->size;
    brd_scan_step_t *step = s_enter (self);
    if (!step || brd_value_put_list (self->out, 0) < 0)
        return -1;
    if (brd_scan_take (&self->scan, ']'))
        return s_leave (self, head, 0);
    do {
        if (s_value (self) < 0)
            return -1;
        step->number++;
    } while (brd_scan_take (&self->scan, ','));
    if (!brd_scan_take (&self->scan, ']'))
        return brd_scan_fail (&self->scan, "wanted , or ]");
    return s_leave (self, head, (size_t) step->number);
}

static int
s_key_argument (s_pack_t *self, brd_scan_step_t *step)
{
    const brd_scan_t start = self->scan;
    brd_scan_conv_t conv;
    if (brd_scan_conv (&self->scan, &conv) < 0)
        return -1;
    if (conv.width != BRD_SCAN_NONE)
        return brd_scan_fail (&start, "a width means nothing here");
    if (conv.letter == 's') {
        if (s_text_argument (self, &conv, &step->key, &step->key_size) < 0)
            return -1;
        return brd_value_put_text (self->out, step->key, step->key_size);
    }
    if (conv.precision != BRD_SCAN_NONE || conv.letter != 'd')
        return brd_scan_fail (&start, "a key is a word, %s or %d");
    step->key = NULL;
    step->number = s_signed_argument (self->args, conv.length);
    return brd_value_put_int (self->out, step->number);
}

static int
s_key (s_pack_t *self, brd_scan_step_t *step)
{
    step->key = NULL;
    if (brd_scan_peek (&self->scan) == '%') {
        if (s_key_argument (self, step) < 0)
            return -1;
    }
    else {
        brd_scan_text_t key;
        if (brd_scan_key (&self->scan, &key) < 0
            || s_put_text (self->out, &key) < 0)
            return -1;
        step->key = key.raw;
        step->key_size = key.raw_size;
    }
    if (brd_scan_take (&self->scan, ':'))
        return 0;
    return brd_scan_fail (&self->scan,
                          *self->scan.at == '?' ? "key? is for unpacking"
                                                : "wanted :");
}

static int
s_map (s_pack_t *self)
{
    const size_t head = self->out->size;
    brd_scan_step_t *step = s_enter (self);
    if (!step || brd_value_put_map (self->out, 0) < 0)
        return -1;
    if (brd_scan_take (&self->scan, '}'))
        return s_leave (self, head, 0);
    size_t count = 0;
    do {
        if (s_key (self, step) < 0 || s_value (self) < 0)
            return -1;
        count++;
    } while (brd_scan_take (&self->scan, ','));
    if (!brd_scan_take (&self->scan, '}'))
        return brd_scan_fail (&self->scan, "wanted , or }");
    return s_leave (self, head, count);
}

static int
s_value (s_pack_t *self)
{
    const char c = brd_scan_peek (&self->scan);
    brd_scan_text_t text;
    switch (c) {
    case '%':
        return s_conv (self);
    case '{':
        return s_map (self);
    case '[':
        return s_list (self);
    case '<':
        return s_bytes (self);
    case '@':
        return s_handle (self);
    case '"':
        if (brd_scan_text (&self->scan, &text) < 0)
            return -1;
        return s_put_text (self->out, &text);
    case '*':
        return brd_scan_fail (&self->scan, "* is for unpacking");
    default:
        if (c == '-' || (c >= '0' && c <= '9'))
            return s_number (self);
        return s_constant (self);
    }
}

// --- Entries ---------------------------------------------------------------

int
brd_picture_try (brd_buf_t *out, int depth, const char *picture, va_list *args)
{
    s_pack_t self;
    self.scan = (brd_scan_t){ picture, picture };
    self.args = args;
    self.out = out;
    self.depth_max = BRD_WIRE_DEPTH_MAX - depth;
    self.path.start = NULL;
    self.path.depth = 0;
    const size_t size = out->size;
    if (s_value (&self) == 0) {
        if (brd_scan_peek (&self.scan) == '\0')
            return 0;
        (void) brd_scan_fail (&self.scan, "one value, then nothing");
    }
    out->size = size;
    return errno == EMSGSIZE ? 1 : -1;
}

int
brd_picture_pack (brd_buf_t *out, const char *picture, va_list *args)
{
    const int answer = brd_picture_try (out, 0, picture, args);
    if (answer <= 0)
        return answer;
    return brd_error_set (
        EMSGSIZE, "a message larger than %zu bytes", out->size_max);
}
