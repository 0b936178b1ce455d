// brd_scan.c - the words a picture is made of
//
// SPDX-License-Identifier: MPL-2.0
//
// A picture is read once, from left to right, while it is carried out, and
// never stored: most are a handful of characters, and a cache of parsed ones
// would need a lock and a life of its own. Nothing is read beyond the picture's
// '\0', and numbers are read without the C library, whose strtod takes a comma
// for a point in half the world's locales.
//
// Read next: brd_picture_pack.c.

#include "wire/brd_scan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/brd_error.h"

int
brd_scan_fail (const brd_scan_t *self, const char *why)
{
    return brd_error_set (EINVAL,
                          "picture \"%.200s\": cannot read at %td%s%s%s",
                          self->picture,
                          self->at - self->picture,
                          why ? " (" : "",
                          why ? why : "",
                          why ? ")" : "");
}

// Not isdigit and its kin: these do not depend on the locale.
static int
s_is_digit (char c)
{
    return c >= '0' && c <= '9';
}

static int
s_is_word (char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'
           || (unsigned char) c >= 0x80;
}

// --- Conversions -----------------------------------------------------------

// Digits up to a limit: -1 if there are none.
static int
s_digits (const char **at)
{
    if (!s_is_digit (**at))
        return BRD_SCAN_NONE;
    int number = 0;
    for (; s_is_digit (**at); (*at)++)
        number = number < 100000000 ? number * 10 + (**at - '0') : number;
    return number;
}

static char
s_length (const char **at)
{
    const char c = **at;
    if (c != 'l' && c != 'z' && c != 'h' && c != 'j' && c != 't')
        return 0;
    (*at)++;
    if ((c != 'h' && c != 'l') || **at != c)
        return c;
    (*at)++;
    return c == 'h' ? 'H' : 'q';
}

int
brd_scan_conv (brd_scan_t *self, brd_scan_conv_t *ret_conv)
{
    const char *at = self->at;
    if (*at++ != '%')
        return brd_scan_fail (self, NULL);
    ret_conv->width = s_digits (&at);
    ret_conv->precision = BRD_SCAN_NONE;
    if (*at == '.') {
        at++;
        ret_conv->precision = *at == '*' ? BRD_SCAN_STAR : s_digits (&at);
        if (ret_conv->precision == BRD_SCAN_NONE)
            return brd_scan_fail (self, "precision without a number");
        at += *at == '*';
    }
    ret_conv->length = s_length (&at);
    switch (*at) {
    case 'd':
    case 'i':
    case 'u':
        break;
    case 'f':
        if (ret_conv->length != 0 && ret_conv->length != 'l')
            return brd_scan_fail (self, "only %f and %lf");
        break;
    case 's':
    case 'p':
        if (ret_conv->length != 0)
            return brd_scan_fail (self, NULL);
        break;
    case 'n':
        return brd_scan_fail (self, "%n is refused");
    default:
        return brd_scan_fail (self, NULL);
    }
    ret_conv->letter = *at == 'i' ? 'd' : *at;
    self->at = at + 1;
    return 0;
}

// --- Texts -----------------------------------------------------------------

// The character at the start of raw, and how many characters it is written
// with; 0 if it cannot be one. A per cent sign is written twice, since a
// compiler takes the picture for a format.
static size_t
s_character (const char *raw, char *ret_c)
{
    static const char escapes[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    *ret_c = raw[0];
    if (raw[0] == '%')
        return raw[1] == '%' ? 2 : 0;
    if (raw[0] != '\\')
        return 1;
    const char *found = raw[1] != '\0' ? strchr (escapes, raw[1]) : NULL;
    if (!found)
        return 0;
    *ret_c = meanings[found - escapes];
    return 2;
}

int
brd_scan_text (brd_scan_t *self, brd_scan_text_t *ret_text)
{
    const brd_scan_t start = *self;
    if (!brd_scan_take (self, '"'))
        return brd_scan_fail (self, NULL);
    ret_text->raw = self->at;
    ret_text->size = 0;
    while (*self->at != '"') {
        if (*self->at == '\0')
            return brd_scan_fail (&start, "a text without an end");
        char c;
        const size_t width = s_character (self->at, &c);
        if (width == 0)
            return brd_scan_fail (self,
                                  *self->at == '%' ? "a text has %% for %"
                                                   : "unknown escape");
        self->at += width;
        ret_text->size++;
    }
    ret_text->raw_size = (size_t) (self->at - ret_text->raw);
    self->at++;
    return 0;
}

int
brd_scan_key (brd_scan_t *self, brd_scan_text_t *ret_text)
{
    if (brd_scan_peek (self) == '"')
        return brd_scan_text (self, ret_text);
    if (!s_is_word (*self->at))
        return brd_scan_fail (self, "a key is a word or \"text\"");
    ret_text->raw = self->at;
    while (s_is_word (*self->at) || s_is_digit (*self->at) || *self->at == '-')
        self->at++;
    ret_text->size = ret_text->raw_size = (size_t) (self->at - ret_text->raw);
    return 0;
}

void
brd_scan_copy (const brd_scan_text_t *self, char *ret_text)
{
    if (self->size == self->raw_size) {
        memcpy (ret_text, self->raw, self->size);
        return;
    }
    const char *raw = self->raw;
    for (size_t i = 0; i < self->size; i++)
        raw += s_character (raw, &ret_text[i]);
}

int
brd_scan_is (const brd_scan_text_t *self, const void *bytes, size_t size)
{
    if (size != self->size)
        return 0;
    if (size == self->raw_size)
        return memcmp (self->raw, bytes, size) == 0;
    const char *raw = self->raw;
    for (size_t i = 0; i < size; i++) {
        char c;
        raw += s_character (raw, &c);
        if (c != ((const char *) bytes)[i])
            return 0;
    }
    return 1;
}

int
brd_scan_word (brd_scan_t *self, brd_value_t *ret_value)
{
    brd_scan_t at = *self;
    brd_scan_text_t word;
    if (!s_is_word (brd_scan_peek (self)) || brd_scan_key (&at, &word) < 0)
        return brd_scan_fail (self, NULL);
    *ret_value = (brd_value_t){ .type = BROOD_BOOL };
    if (brd_scan_is (&word, "nil", 3))
        ret_value->type = BROOD_NIL;
    else if (brd_scan_is (&word, "true", 4))
        ret_value->number.i = 1;
    else if (!brd_scan_is (&word, "false", 5))
        return brd_scan_fail (self, "a text stands in quotes");
    self->at = at.at;
    return 0;
}

// --- Numbers ---------------------------------------------------------------

enum {
    S_MANTISSA_DIGITS = 15,  // So many are exact in a double, and so is
    S_EXPONENT_MAX = 22      // 10 to this, and then so is one operation on both
};

typedef struct {
    uint64_t digits;  // All of them, the point left out
    int count;        // Without leading zeros
    int exponent;
    int is_float;
} s_number_t;

// 1, or 0 if it is none or has more digits than fit.
static int
s_mantissa (const char **at, s_number_t *number)
{
    int any = 0;
    for (; s_is_digit (**at) || (**at == '.' && !number->is_float); (*at)++) {
        if (**at == '.') {
            number->is_float = 1;
            continue;
        }
        any = 1;
        const unsigned digit = (unsigned) (**at - '0');
        if (number->digits > (UINT64_MAX - digit) / 10)
            return 0;
        number->digits = number->digits * 10 + digit;
        number->count += number->digits > 0;
        number->exponent -= number->is_float;
    }
    return any;
}

static int
s_exponent (const char **at, s_number_t *number)
{
    if (**at != 'e' && **at != 'E')
        return 1;
    (*at)++;
    number->is_float = 1;
    const int sign = **at == '-' ? -1 : 1;
    *at += **at == '-' || **at == '+';
    const int exponent = s_digits (at);
    if (exponent < 0)
        return 0;
    number->exponent += sign * exponent;
    return 1;
}

// Exact, or not at all: the two operands and the result are the doubles they
// are written as.
static int
s_float (const s_number_t *number, double *ret)
{
    if (number->count > S_MANTISSA_DIGITS || number->exponent > S_EXPONENT_MAX
        || number->exponent < -S_EXPONENT_MAX)
        return 0;
    double power = 1;
    for (int i = 0; i < S_EXPONENT_MAX; i++) {
        if (i < number->exponent || i < -number->exponent)
            power *= 10;
    }
    const double digits = (double) number->digits;
    *ret = number->exponent < 0 ? digits / power : digits * power;
    return 1;
}

int
brd_scan_number (brd_scan_t *self, brd_value_t *ret_value)
{
    const char *at = self->at;
    s_number_t number = { 0 };
    const int negative = *at == '-';
    at += negative;
    if (!s_mantissa (&at, &number) || !s_exponent (&at, &number))
        return brd_scan_fail (self, "number");
    *ret_value = (brd_value_t){ .type = BROOD_INTEGER };
    if (number.is_float) {
        ret_value->type = BROOD_FLOAT;
        if (!s_float (&number, &ret_value->number.f))
            return brd_scan_fail (self, "more digits than are exact: use %f");
        if (negative)
            ret_value->number.f = -ret_value->number.f;
    }
    else if (negative && number.digits > (uint64_t) INT64_MAX + 1)
        return brd_scan_fail (self, "number");
    else {
        ret_value->number.u = negative ? -number.digits : number.digits;
        ret_value->negative = negative && number.digits > 0;
    }
    self->at = at;
    return 0;
}

// --- Places ----------------------------------------------------------------

// A key may be anything a peer sent: no control characters get into a log.
static size_t
s_put_key (char *buf, size_t used, size_t size, const brd_scan_step_t *step)
{
    if (used < size)
        buf[used++] = '.';
    for (size_t i = 0; i < step->key_size && used < size; i++) {
        const char c = step->key[i];
        buf[used++] = c;
        if ((unsigned char) c < ' ' || c == 0x7f)
            buf[used - 1] = '?';
    }
    return used;
}

const char *
brd_scan_path (const brd_scan_path_t *self, char *buf)
{
    const size_t size = BRD_SCAN_PATH_SIZE - 1;
    const char *start = self->start ? self->start : "";
    buf[0] = '\0';
    if (self->depth == 0 && start[0] == '\0')
        return buf;
    const int is_word = start[0] != '\0' && start[0] != '[' && start[0] != '.';
    size_t used = (size_t) snprintf (
        buf, size + 1, " at %s%.120s", is_word ? "." : "", start);
    for (int i = 0; i < self->depth && used < size; i++) {
        const brd_scan_step_t *step = &self->steps[i];
        if (step->key) {
            used = s_put_key (buf, used, size, step);
            continue;
        }
        used += (size_t) snprintf (
            buf + used, size + 1 - used, "[%lld]", (long long) step->number);
    }
    buf[used < size ? used : size] = '\0';
    return buf;
}
