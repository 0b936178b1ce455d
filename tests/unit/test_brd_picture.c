// test_brd_picture.c - pictures, both ways
//
// SPDX-License-Identifier: MPL-2.0
//
// The helpers have no format attribute, so that pictures no compiler would let
// pass can be tried.

#include "tests/t.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_error.h"
#include "base/brd_fault.h"
#include "wire/brd_json.h"
#include "wire/brd_limits.h"
#include "wire/brd_picture.h"
#include "wire/brd_value.h"

// --- Helpers ---------------------------------------------------------------

static int
s_pack (brd_buf_t *out, const char *picture, ...)
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
static void *
s_ref (void *arg, const unsigned char *bytes, size_t size)
{
    *(size_t *) arg = size;
    return (void *) bytes;
}

static size_t s_ref_size;

static int
s_unpack (const brd_buf_t *in, const char *picture, ...)
{
    const brd_picture_source_t source = {
        .bytes = in->bytes, .size = in->size, .ref = s_ref, .arg = &s_ref_size
    };
    va_list args;
    va_start (args, picture);
    const int answer = brd_picture_unpack (&source, picture, &args);
    va_end (args);
    return answer;
}

static int
s_unpack_pair (const brd_buf_t *in, const char *picture, ...)
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

static void
s_is (const brd_buf_t *buf, const char *json)
{
    brd_buf_t text;
    brd_buf_init (&text, 100000);
    assert_int_equal (brd_json_write (&text, buf->bytes, buf->size), 0);
    assert_int_equal (brd_buf_add (&text, "", 1), 0);
    assert_string_equal ((char *) text.bytes, json);
    brd_buf_fini (&text);
}

static void
s_error_is (int error, const char *text)
{
    assert_int_equal (errno, error);
    assert_string_equal (brd_error_get ()->text, text);
}

static int
s_setup (void **state)
{
    static brd_buf_t buf;
    brd_buf_init (&buf, 1000000);
    *state = &buf;
    return 0;
}

static int
s_teardown (void **state)
{
    brd_buf_fini (*state);
    return 0;
}

// --- Packing ---------------------------------------------------------------

static void
s_test_pack (void **state)
{
    brd_buf_t *out = *state;
    assert_int_equal (s_pack (out, "{id: %d, size: [%f, %f]}", 7, 2., 3.), 0);
    s_is (out, "{\"id\": 7, \"size\": [2.0, 3.0]}");
    assert_int_equal (out->bytes[0], 0x82);
    assert_int_equal (
        s_pack (out, " [ %s , %.*s, %.3s ] ", "ab", 2, "xyz", "longer"), 0);
    s_is (out, "[\"ab\", \"xy\", \"lon\"]");
    assert_int_equal (s_pack (out,
                              "[true, false, nil, \"a \\\"b\\\" %%\", 12, "
                              "-3, 1.5, -0.25, 1e3, 0]"),
                      0);
    s_is (out,
          "[true, false, null, \"a \\\"b\\\" %\", 12, -3, 1.5, -0.25, 1000.0, "
          "0]");
    assert_int_equal (
        s_pack (out, "{\"two words\": 1, %s: 2, %d: 3, a-b_9: 4}", "key", -5),
        0);
    s_is (out, "{\"two words\": 1, \"key\": 2, \"-5\": 3, \"a-b_9\": 4}");
    assert_int_equal (s_pack (out, "[{}, [], [[%d]], {a: {b: {}}}]", 1), 0);
    s_is (out, "[{}, [], [[1]], {\"a\": {\"b\": {}}}]");
    assert_int_equal (s_pack (out, "< %zu %p >", (size_t) 3, "\0\1\2"), 0);
    assert_memory_equal (out->bytes, "\xc4\x03\0\1\2", 5);
    assert_int_equal (s_pack (out, "<%zu %p>", (size_t) 0, NULL), 0);
    assert_memory_equal (out->bytes, "\xc4\x00", 2);
}

static void
s_test_pack_numbers (void **state)
{
    brd_buf_t *out = *state;
    assert_int_equal (s_pack (out,
                              "[%hhd, %hhu, %hd, %hu, %d, %u, %i, %ld, %lu]",
                              -1,
                              255,
                              -2,
                              65535,
                              INT_MIN,
                              UINT_MAX,
                              4,
                              LONG_MIN,
                              ULONG_MAX),
                      0);
    s_is (out,
          "[-1, 255, -2, 65535, -2147483648, 4294967295, 4, "
          "-9223372036854775808, 18446744073709551615]");
    assert_int_equal (s_pack (out,
                              "[%lld, %llu, %zd, %zu, %jd, %ju, %td, %" PRId64
                              ", %" PRIu64 ", %lf]",
                              LLONG_MAX,
                              ULLONG_MAX,
                              (ssize_t) -5,
                              SIZE_MAX,
                              INTMAX_MIN,
                              UINTMAX_MAX,
                              (ptrdiff_t) 6,
                              INT64_C (-7),
                              UINT64_C (8),
                              0.5),
                      0);
    s_is (out,
          "[9223372036854775807, 18446744073709551615, -5, "
          "18446744073709551615, -9223372036854775808, 18446744073709551615, "
          "6, -7, 8, 0.5]");
    // A char that was promoted is cut as printf cuts it.
    assert_int_equal (s_pack (out, "[%hhu, %hhd]", 511, 511), 0);
    s_is (out, "[255, -1]");
}

static void
s_test_pack_many (void **state)
{
    brd_buf_t *out = *state;
    char picture[200] = "[";
    for (int i = 0; i < 20; i++)
        strcat (picture, i == 0 ? "[1]" : ", 2");
    strcat (picture, "]");
    assert_int_equal (s_pack (out, picture), 0);
    assert_memory_equal (out->bytes, "\xdc\x00\x14\x91\x01\x02", 6);
    assert_int_equal (out->size, 24);
}

// Appends: what is in the buffer stays, also when it fails.
static void
s_test_pack_appends (void **state)
{
    brd_buf_t *out = *state;
    va_list args;
    memset (&args, 0, sizeof args);
    out->size = 0;
    assert_int_equal (brd_picture_pack (out, "1", &args), 0);
    assert_int_equal (brd_picture_pack (out, "[2, 3]", &args), 0);
    assert_int_equal (brd_picture_pack (out, "[4, 5", &args), -1);
    assert_int_equal (brd_picture_pack (out, "[4] 5", &args), -1);
    assert_int_equal (out->size, 4);
    assert_memory_equal (out->bytes, "\x01\x92\x02\x03", 4);
}

static void
s_test_pack_bad (void **state)
{
    brd_buf_t *out = *state;
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "{a}",
        "{a:}",
        "{a: 1",
        "{a: 1,}",
        "{1: 2}",
        "{a 1}",
        "{: 1}",
        "}",
        "]",
        ",",
        "nul",
        "truee",
        "maybe",
        "\"a",
        "\"a\\",
        "\"\\q\"",
        "\"100%\"",
        "--1",
        "-",
        "1.2.3",
        "1e",
        ".",
        "1 2",
        "[1]]",
        "*",
        "{a?: 1}",
        "%",
        "%%",
        "%y",
        "%c",
        "%x",
        "%n",
        "%5d",
        "%.2d",
        "%.2f",
        "%-5s",
        "%10s",
        "%.s",
        "%ls",
        "%Lf",
        "%hhf",
        "%p",
        "@",
        "@%d",
        "@ %p",
        "<",
        "<>",
        "<%zu>",
        "<%zu %p",
        "<%d %p>",
        "<%zu %d>",
        "<%zd %p>",
        "18446744073709551616",
        "-9223372036854775809",
        "1e400",
        "0.1234567890123456789",
        "{%f: 1}",
        "{%10s: 1}",
        "{%u: 1}",
        "\x01",
        "{a: 1}}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        errno = 0;
        assert_int_equal (s_pack (out, bad[i], 1, 2, 3), -1);
        assert_int_equal (errno, EINVAL);
    }
    assert_int_equal (s_pack (out, "{a: %y}"), -1);
    s_error_is (EINVAL, "picture \"{a: %y}\": cannot read at 4");
    assert_int_equal (s_pack (out, "[%n]"), -1);
    s_error_is (EINVAL, "picture \"[%n]\": cannot read at 1 (%n is refused)");
}

static void
s_test_pack_arguments (void **state)
{
    brd_buf_t *out = *state;
    assert_int_equal (s_pack (out, "{a: [1, %s]}", NULL), -1);
    s_error_is (EINVAL, "NULL for %s at .a[1]");
    assert_int_equal (
        s_pack (out, "{%s: {x: <%zu %p>}}", "k\ney", (size_t) 1, NULL), -1);
    s_error_is (EINVAL, "NULL for <%zu %p> at .k?ey.x");
    assert_int_equal (
        s_pack (out, "<%zu %p>", (size_t) BROOD_MSG_SIZE_MAX, "x"), -1);
    assert_int_equal (errno, EMSGSIZE);
    assert_int_equal (s_pack (out, "<%zu %p>", SIZE_MAX - 3, "x"), -1);
    assert_int_equal (errno, EMSGSIZE);
}

static void
s_nested (char *picture, int depth, const char *middle)
{
    memset (picture, '[', (size_t) depth);
    strcpy (picture + depth, middle);
    memset (picture + strlen (picture), ']', (size_t) depth + 1);
    picture[2 * (size_t) depth + strlen (middle)] = '\0';
}

static void
s_test_depth (void **state)
{
    brd_buf_t *out = *state;
    char picture[200];
    s_nested (picture, 31, "%d");
    assert_int_equal (s_pack (out, picture, 5), 0);
    int got = 0;
    assert_int_equal (s_unpack (out, picture, &got), 0);
    assert_int_equal (got, 5);
    s_nested (picture, 32, "%d");
    assert_int_equal (s_pack (out, picture, 5), -1);
    assert_int_equal (errno, EINVAL);
    s_nested (picture, 32, "");
    assert_int_equal (s_pack (out, picture), -1);
}

static void
s_test_memory (void **state)
{
    (void) state;
    brd_buf_t out;
    brd_buf_init (&out, 1000);
    brd_fault_arm (BRD_FAULT_MEMORY, 1, ENOMEM);
    assert_int_equal (s_pack (&out, "%d", 1), -1);
    assert_int_equal (errno, ENOMEM);
    brd_fault_arm (BRD_FAULT_MEMORY, 0, 0);
    assert_int_equal (s_pack (&out, "%d", 1), 0);
    brd_buf_fini (&out);
}

// --- Handles ---------------------------------------------------------------

static void
s_test_pack_handles (void **state)
{
    brd_buf_t *out = *state;
    brd_handle_t pool;
    brd_handle_init (&pool, BRD_KIND_POOL);
    pool.ref.brood = 77;
    pool.ref.object = 5;
    assert_int_equal (s_pack (out, "{p: @%p}", &pool), 0);
    s_is (out, "{\"p\": {\"$handle\": \"pool\"}}");
    void *ref = NULL;
    assert_int_equal (s_unpack (out, "{p: @%p}", &ref), 0);
    assert_ptr_equal (ref, out->bytes + 3);
    assert_int_equal (s_ref_size, 35);
    brd_handle_t future;
    brd_handle_init (&future, BRD_KIND_FUTURE);
    assert_int_equal (s_pack (out, "[1, @%p]", &future), -1);
    assert_int_equal (errno, EINVAL);
    assert_non_null (strstr (brd_error_get ()->text, "future cannot travel"));
    assert_non_null (strstr (brd_error_get ()->text, "[1]"));
    assert_int_equal (s_pack (out, "@%p", NULL), -1);
    assert_int_equal (errno, EINVAL);
    brd_handle_fini (&pool);
    assert_int_equal (s_pack (out, "@%p", &pool), -1);
    assert_int_equal (errno, EINVAL);
}

static void
s_test_embed (void **state)
{
    brd_buf_t *out = *state;
    brd_picture_part_t part = { .bytes = (const unsigned char *) "\x91\x07",
                                .size = 2 };
    brd_handle_init (&part.handle, BRD_KIND_MSG);
    assert_int_equal (s_pack (out, "{m: @%p, n: 1}", &part), 0);
    s_is (out, "{\"m\": [7], \"n\": 1}");
    // Together they may not nest too deep.
    char picture[200];
    s_nested (picture, 30, "@%p");
    assert_int_equal (s_pack (out, picture, &part), 0);
    s_nested (picture, 31, "@%p");
    assert_int_equal (s_pack (out, picture, &part), -1);
    assert_int_equal (errno, EBADMSG);
    part.size = 1;
    assert_int_equal (s_pack (out, "[@%p]", &part), -1);
    assert_int_equal (errno, EBADMSG);
}

// --- Unpacking -------------------------------------------------------------

static void
s_test_unpack (void **state)
{
    brd_buf_t *in = *state;
    assert_int_equal (s_pack (in,
                              "{id: %d, size: [%f, %d], name: %s, more: 1}",
                              7,
                              2.5,
                              3,
                              "Ann"),
                      0);
    int id = 0;
    double w = 0;
    float h = 0;
    char name[4];
    assert_int_equal (
        s_unpack (
            in, "{name: %3s, size: [%lf, %f], id: %d}", name, &w, &h, &id),
        0);
    assert_int_equal (id, 7);
    assert_true (w == 2.5 && h == 3);
    assert_string_equal (name, "Ann");
    const unsigned char *bytes = NULL;
    size_t size = 0;
    assert_int_equal (s_unpack (in, "{name: <%zu %p>, id: *}", &size, &bytes),
                      0);
    assert_int_equal (size, 3);
    assert_memory_equal (bytes, "Ann", 3);
    assert_int_equal (s_unpack (in, "{}"), 0);
    assert_int_equal (s_unpack (in, "*"), 0);
    // Outputs not wanted
    assert_int_equal (s_unpack (in, "{id: %d, name: %3s}", NULL, NULL), 0);
}

static void
s_test_unpack_ranges (void **state)
{
    brd_buf_t *in = *state;
    static const struct {
        int64_t value;
        const char *picture;
        const char *error;
    } rows[] = {
        { 127, "%hhd", NULL },
        { 128, "%hhd", "128 does not fit signed char" },
        { -128, "%hhd", NULL },
        { -129, "%hhd", "-129 does not fit signed char" },
        { 255, "%hhu", NULL },
        { 300, "%hhu", "300 does not fit unsigned char" },
        { -1, "%hhu", "-1 does not fit unsigned char" },
        { 32767, "%hd", NULL },
        { 32768, "%hd", "32768 does not fit short" },
        { 65535, "%hu", NULL },
        { 65536, "%hu", "65536 does not fit unsigned short" },
        { INT_MAX, "%d", NULL },
        { INT_MIN, "%d", NULL },
        { INT_MAX + 1LL, "%i", "2147483648 does not fit int" },
        { INT_MIN - 1LL, "%d", "-2147483649 does not fit int" },
        { UINT_MAX, "%u", NULL },
        { UINT_MAX + 1LL, "%u", "4294967296 does not fit unsigned int" },
        { INT64_MIN, "%ld", NULL },
        { INT64_MAX, "%lld", NULL },
        { -1, "%lu", "-1 does not fit unsigned long" },
        { -1, "%llu", "-1 does not fit unsigned long long" },
        { -1, "%zu", "-1 does not fit size_t" },
        { -1, "%zd", NULL },
        { -1, "%jd", NULL },
        { -1, "%ju", "-1 does not fit uintmax_t" },
        { -1, "%td", NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t guard[2] = { 0x5555555555555555, 0x5555555555555555 };
        assert_int_equal (s_pack (in, "%" PRId64, rows[i].value), 0);
        const int answer = s_unpack (in, rows[i].picture, guard);
        assert_int_equal (answer, rows[i].error ? -1 : 0);
        if (rows[i].error) {
            s_error_is (EBADMSG, rows[i].error);
            assert_true (guard[0] == 0x5555555555555555);
        }
        else if (strchr (rows[i].picture, 'h') == NULL
                 && rows[i].picture[1] != 'd' && rows[i].picture[1] != 'u')
            assert_int_equal ((int64_t) guard[0], rows[i].value);
        assert_true (guard[1] == 0x5555555555555555);
    }
    // No output is wider than its type.
    uint64_t word = 0;
    assert_int_equal (s_pack (in, "-1"), 0);
    assert_int_equal (s_unpack (in, "%hhd", &word), 0);
    assert_true (word == 0xff);
    word = 0;
    assert_int_equal (s_unpack (in, "%hd", &word), 0);
    assert_true (word == 0xffff);
    word = 0;
    assert_int_equal (s_unpack (in, "%d", &word), 0);
    assert_true (word == 0xffffffff);
    assert_int_equal (s_pack (in, "%" PRIu64, UINT64_MAX), 0);
    assert_int_equal (s_unpack (in, "%" PRIu64, &word), 0);
    assert_true (word == UINT64_MAX);
    assert_int_equal (s_unpack (in, "%" PRId64, &word), -1);
    s_error_is (EBADMSG, "18446744073709551615 does not fit long");
}

static void
s_test_unpack_floats (void **state)
{
    brd_buf_t *in = *state;
    double d = 0;
    float f = 0;
    assert_int_equal (s_pack (in, "%f", 0.1), 0);
    assert_int_equal (s_unpack (in, "%lf", &d), 0);
    assert_true (d == 0.1);
    assert_int_equal (s_unpack (in, "%f", &f), 0);
    assert_true (f == 0.1F);
    assert_int_equal (s_pack (in, "%f", 1e300), 0);
    assert_int_equal (s_unpack (in, "%f", &f), -1);
    s_error_is (EBADMSG, "1e+300 does not fit float");
    assert_int_equal (s_pack (in, "%f", (double) -INFINITY), 0);
    assert_int_equal (s_unpack (in, "%f", &f), 0);
    assert_true (isinf (f) && f < 0);
    assert_int_equal (s_pack (in, "%f", (double) NAN), 0);
    assert_int_equal (s_unpack (in, "%f", &f), 0);
    assert_true (isnan (f));
    // Integers, where exact
    assert_int_equal (s_pack (in, "%" PRIu64, UINT64_C (1) << 63), 0);
    assert_int_equal (s_unpack (in, "%f", &f), 0);
    assert_true (f == 9223372036854775808.0F);
    assert_int_equal (s_pack (in, "%" PRId64, INT64_MIN), 0);
    assert_int_equal (s_unpack (in, "%lf", &d), 0);
    assert_true (d == -9223372036854775808.0);
    assert_int_equal (s_pack (in, "%" PRId64, (INT64_C (1) << 53) + 1), 0);
    assert_int_equal (s_unpack (in, "%lf", &d), -1);
    s_error_is (EBADMSG, "9007199254740993 does not fit double");
    assert_int_equal (s_pack (in, "%d", (1 << 24) + 1), 0);
    assert_int_equal (s_unpack (in, "%f", &f), -1);
    assert_int_equal (s_unpack (in, "%lf", &d), 0);
    assert_int_equal (s_pack (in, "true"), 0);
    assert_int_equal (s_unpack (in, "%lf", &d), -1);
    s_error_is (EBADMSG, "expected float, found bool");
    // And not back
    int i;
    assert_int_equal (s_pack (in, "2.0"), 0);
    assert_int_equal (s_unpack (in, "%d", &i), -1);
    s_error_is (EBADMSG, "expected int, found float");
}

static void
s_test_unpack_bool (void **state)
{
    brd_buf_t *in = *state;
    int yes = 7;
    char no = 7;
    assert_int_equal (s_pack (in, "[true, false]"), 0);
    assert_int_equal (s_unpack (in, "[%d, %hhd]", &yes, &no), 0);
    assert_int_equal (yes, 1);
    assert_int_equal (no, 0);
}

static void
s_test_unpack_text (void **state)
{
    brd_buf_t *in = *state;
    char text[8] = "#######";
    assert_int_equal (s_pack (in, "{x: %s}", "12345"), 0);
    assert_int_equal (s_unpack (in, "{x: %4s}", text), -1);
    s_error_is (EBADMSG, "str of 5 bytes does not fit %4s at .x");
    assert_string_equal (text, "#######");
    assert_int_equal (s_unpack (in, "{x: %5s}", text), 0);
    assert_memory_equal (text, "12345\0#", 8);
    assert_int_equal (s_unpack (in, "{x: %s}", text), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (s_unpack (in, "{x: %0s}", text), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (s_unpack (in, "{x: %.5s}", text), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (s_pack (in, "[<%zu %p>]", (size_t) 1, "a"), 0);
    assert_int_equal (s_unpack (in, "[%5s]", text), -1);
    s_error_is (EBADMSG, "expected str at [0], found bin");
    in->size = 0;
    assert_int_equal (brd_value_put_text (in, "a\0b", 3), 0);
    assert_int_equal (s_unpack (in, "%5s", text), -1);
    assert_int_equal (errno, EBADMSG);
    assert_int_equal (s_pack (in, "\"\""), 0);
    assert_int_equal (s_unpack (in, "%1s", text), 0);
    assert_string_equal (text, "");
}

static void
s_test_unpack_constants (void **state)
{
    brd_buf_t *in = *state;
    int a = 0;
    assert_int_equal (s_pack (in,
                              "{op: \"add\", a: 1, b: nil, c: true, f: 2.0, "
                              "i: 2, n: -4, e: \"a\\\"b\"}"),
                      0);
    assert_int_equal (s_unpack (in,
                                "{op: \"add\", a: %d, b: nil, c: true, f: 2.0, "
                                "i: 2.0, n: -4, e: \"a\\\"b\"}",
                                &a),
                      0);
    assert_int_equal (a, 1);
    assert_int_equal (s_unpack (in, "{op: \"sub\", a: %d}", &a), -1);
    s_error_is (EBADMSG, "expected \"sub\" at .op, found \"add\"");
    assert_int_equal (s_unpack (in, "{a: 2}"), -1);
    s_error_is (EBADMSG, "expected 2 at .a, found 1");
    assert_int_equal (s_unpack (in, "{b: false}"), -1);
    s_error_is (EBADMSG, "expected false at .b, found nil");
    assert_int_equal (s_unpack (in, "{c: false}"), -1);
    s_error_is (EBADMSG, "expected false at .c, found true");
    assert_int_equal (s_unpack (in, "{f: 2}"), -1);
    s_error_is (EBADMSG, "expected 2 at .f, found 2");
    assert_int_equal (s_unpack (in, "{e: \"a\\\"c\"}"), -1);
    assert_int_equal (s_unpack (in, "{n: -5}"), -1);
}

static void
s_test_unpack_optional (void **state)
{
    brd_buf_t *in = *state;
    int a = 1;
    int b = 2;
    int c = 3;
    int d = 4;
    int e = 5;
    size_t size = 6;
    void *bytes = &size;
    assert_int_equal (s_pack (in, "{a: 10, n: nil, z: {c: 30}, e: 50}"), 0);
    assert_int_equal (
        s_unpack (in,
                  "{a?: %d, n?: %d, z?: {c?: %d, q?: *}, \"no\"?: {d: [%d, "
                  "<%zu %p>, \"x\"]}, e: %d}",
                  &a,
                  &b,
                  &c,
                  &d,
                  &size,
                  &bytes,
                  &e),
        0);
    assert_int_equal (a, 10);
    assert_int_equal (b, 2);
    assert_int_equal (c, 30);
    assert_int_equal (d, 4);
    assert_int_equal (e, 50);
    assert_int_equal (size, 6);
    assert_ptr_equal (bytes, &size);
    // There, but something else
    assert_int_equal (s_unpack (in, "{z?: %d}", &a), -1);
    s_error_is (EBADMSG, "expected int at .z, found map");
    // Out of order, and nil
    assert_int_equal (s_unpack (in, "{e: %d, n?: %d, a: %d}", &e, &b, &a), 0);
    assert_int_equal (b, 2);
}

static void
s_test_unpack_errors (void **state)
{
    brd_buf_t *in = *state;
    int x = 1;
    double w = 1;
    assert_int_equal (s_pack (in, "{size: [1, \"two\"], id: 7}"), 0);
    assert_int_equal (s_unpack (in, "{id: %d, size: [%lf, %d]}", &x, &w, &x),
                      -1);
    s_error_is (EBADMSG, "expected int at .size[1], found str");
    assert_int_equal (x, 1);  // Nothing was written
    assert_true (w == 1);
    assert_int_equal (s_unpack (in, "{no: %d}", &x), -1);
    s_error_is (EBADMSG, "expected a value at .no, found nothing");
    assert_int_equal (s_unpack (in, "{size: [*]}"), -1);
    s_error_is (EBADMSG, "expected array of 1 at .size, found 2");
    assert_int_equal (s_unpack (in, "{size: [*, *, %d]}", &x), -1);
    s_error_is (EBADMSG, "expected array of 3 at .size, found 2");
    assert_int_equal (s_unpack (in, "[%d]", &x), -1);
    s_error_is (EBADMSG, "expected array, found map");
    assert_int_equal (s_unpack (in, "{size: {}}"), -1);
    s_error_is (EBADMSG, "expected map at .size, found array");
    assert_int_equal (s_unpack (in, "{size: <%zu %p>}", &x, &w), -1);
    s_error_is (EBADMSG, "expected bin at .size, found array");
    assert_int_equal (s_unpack (in, "%d", &x), -1);
    s_error_is (EBADMSG, "expected int, found map");
    in->size = 0;
    assert_int_equal (s_unpack (in, "%d", &x), -1);
    assert_int_equal (errno, EBADMSG);
}

// Keys that stand twice: the first, in whatever order they are asked for.
static void
s_test_unpack_twice (void **state)
{
    brd_buf_t *in = *state;
    int a = 0;
    int b = 0;
    int again = 0;
    assert_int_equal (s_pack (in, "{a: 1, b: 2, a: 3}"), 0);
    assert_int_equal (s_unpack (in, "{b: %d, a: %d}", &b, &a), 0);
    assert_int_equal (a, 1);
    assert_int_equal (b, 2);
    assert_int_equal (s_unpack (in, "{a: %d, b: %d, a: %d}", &a, &b, &again),
                      0);
    assert_int_equal (a, 1);
}

// What stands behind a map that was not read to its end.
static void
s_test_unpack_behind (void **state)
{
    brd_buf_t *in = *state;
    int a = 0;
    int b = 0;
    assert_int_equal (s_pack (in, "[{a: 1, b: [2, {}], c: 3}, {x: 9}, 5]"), 0);
    assert_int_equal (s_unpack (in, "[{c: %d}, {}, %d]", &a, &b), 0);
    assert_int_equal (a, 3);
    assert_int_equal (b, 5);
    assert_int_equal (s_unpack (in, "[{a: %d}, *, %d]", &a, &b), 0);
    assert_int_equal (a, 1);
    assert_int_equal (s_unpack (in, "[{no?: %d}, {x: 9}, 5]", &a), 0);
}

static void
s_test_unpack_bad (void **state)
{
    brd_buf_t *in = *state;
    assert_int_equal (s_pack (in, "{a: 1}"), 0);
    static const char *const bad[] = {
        "",          "{",         "{a",        "{a:",         "{a: 1",
        "{a: 1,}",   "{a?}",      "{a? 1}",    "{%s: 1}",     "* *",
        "{a: 1} x",  "{a: %n}",   "{a: %y}",   "{a: %5d}",    "{b?: %s}",
        "{b?: %p}",  "{b?: [1}",  "{b?: @%d}", "{b?: <%zu>}", "{a: %*d}",
        "{a: %[a]}", "{b?: foo}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        errno = 0;
        assert_int_equal (s_unpack (in, bad[i], NULL, NULL), -1);
        assert_int_equal (errno, EINVAL);
    }
    assert_int_equal (s_unpack (in, "{a: %y}"), -1);
    s_error_is (EINVAL, "picture \"{a: %y}\": cannot read at 4");
}

static void
s_test_unpack_limit (void **state)
{
    brd_buf_t *in = *state;
    char picture[600] = "[";
    for (int i = 0; i < 64; i++)
        strcat (picture, i == 0 ? "%d" : ", %d");
    strcat (picture, "]");
    assert_int_equal (s_pack (in,
                              picture,
                              1,
                              2,
                              3,
                              4,
                              5,
                              6,
                              7,
                              8,
                              9,
                              10,
                              11,
                              12,
                              13,
                              14,
                              15,
                              16,
                              17,
                              18,
                              19,
                              20,
                              21,
                              22,
                              23,
                              24,
                              25,
                              26,
                              27,
                              28,
                              29,
                              30,
                              31,
                              32,
                              33,
                              34,
                              35,
                              36,
                              37,
                              38,
                              39,
                              40,
                              41,
                              42,
                              43,
                              44,
                              45,
                              46,
                              47,
                              48,
                              49,
                              50,
                              51,
                              52,
                              53,
                              54,
                              55,
                              56,
                              57,
                              58,
                              59,
                              60,
                              61,
                              62,
                              63,
                              64),
                      0);
    int n = 0;
    int *p = &n;
    assert_int_equal (s_unpack (in,
                                picture,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p),
                      0);
    assert_int_equal (n, 64);  // The last written
    strcpy (picture + strlen (picture) - 1, ", %d]");
    assert_int_equal (s_unpack (in,
                                picture,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p,
                                p),
                      -1);
    s_error_is (EINVAL, "a picture with more than 64 outputs");
}

static void
s_test_pair (void **state)
{
    brd_buf_t *in = *state;
    char word[8];
    long count = 0;
    in->size = 0;
    assert_int_equal (brd_value_put_text (in, "ab", 2), 0);
    assert_int_equal (brd_value_put_int (in, 9), 0);
    assert_int_equal (s_unpack_pair (in, "%7s: %ld", word, &count), 0);
    assert_string_equal (word, "ab");
    assert_int_equal (count, 9);
    assert_int_equal (s_unpack_pair (in, " * : %ld", &count), 0);
    assert_int_equal (s_unpack_pair (in, "\"ab\": %ld", &count), 0);
    assert_int_equal (s_unpack_pair (in, "\"cd\": %ld", &count), -1);
    assert_int_equal (errno, EBADMSG);
    assert_int_equal (s_unpack_pair (in, "%7s", word), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (s_unpack_pair (in, "%7s: @%p", word, &count), -1);
    assert_int_equal (errno, EINVAL);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_pack),
        cmocka_unit_test (s_test_pack_numbers),
        cmocka_unit_test (s_test_pack_many),
        cmocka_unit_test (s_test_pack_appends),
        cmocka_unit_test (s_test_pack_bad),
        cmocka_unit_test (s_test_pack_arguments),
        cmocka_unit_test (s_test_depth),
        cmocka_unit_test (s_test_memory),
        cmocka_unit_test (s_test_pack_handles),
        cmocka_unit_test (s_test_embed),
        cmocka_unit_test (s_test_unpack),
        cmocka_unit_test (s_test_unpack_ranges),
        cmocka_unit_test (s_test_unpack_floats),
        cmocka_unit_test (s_test_unpack_bool),
        cmocka_unit_test (s_test_unpack_text),
        cmocka_unit_test (s_test_unpack_constants),
        cmocka_unit_test (s_test_unpack_optional),
        cmocka_unit_test (s_test_unpack_errors),
        cmocka_unit_test (s_test_unpack_twice),
        cmocka_unit_test (s_test_unpack_behind),
        cmocka_unit_test (s_test_unpack_bad),
        cmocka_unit_test (s_test_unpack_limit),
        cmocka_unit_test (s_test_pair),
    };
    t_watchdog (30);
    return cmocka_run_group_tests (tests, s_setup, s_teardown);
}
