// test_brd_picture_unpack.c - bytes fill a picture's outputs
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/unit/t_picture.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>

// --- Unpacking -------------------------------------------------------------

static void
s_test_unpack (void **state)
{
    brd_buf_t *in = *state;
    assert_int_equal (t_pack (in,
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
        t_unpack (
            in, "{name: %3s, size: [%lf, %f], id: %d}", name, &w, &h, &id),
        0);
    assert_int_equal (id, 7);
    assert_true (w == 2.5 && h == 3);
    assert_string_equal (name, "Ann");
    const unsigned char *bytes = NULL;
    size_t size = 0;
    assert_int_equal (t_unpack (in, "{name: <%zu %p>, id: *}", &size, &bytes),
                      0);
    assert_int_equal (size, 3);
    assert_memory_equal (bytes, "Ann", 3);
    assert_int_equal (t_unpack (in, "{}"), 0);
    assert_int_equal (t_unpack (in, "*"), 0);
    // Outputs not wanted
    assert_int_equal (t_unpack (in, "{id: %d, name: %3s}", NULL, NULL), 0);
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
        assert_int_equal (t_pack (in, "%" PRId64, rows[i].value), 0);
        const int answer = t_unpack (in, rows[i].picture, guard);
        assert_int_equal (answer, rows[i].error ? -1 : 0);
        if (rows[i].error) {
            t_error_is (EBADMSG, rows[i].error);
            assert_true (guard[0] == 0x5555555555555555);
        }
        else if (strchr (rows[i].picture, 'h') == NULL
                 && rows[i].picture[1] != 'd' && rows[i].picture[1] != 'u')
            assert_int_equal ((int64_t) guard[0], rows[i].value);
        assert_true (guard[1] == 0x5555555555555555);
    }
    // No output is wider than its type.
    uint64_t word = 0;
    assert_int_equal (t_pack (in, "-1"), 0);
    assert_int_equal (t_unpack (in, "%hhd", &word), 0);
    assert_true (word == 0xff);
    word = 0;
    assert_int_equal (t_unpack (in, "%hd", &word), 0);
    assert_true (word == 0xffff);
    word = 0;
    assert_int_equal (t_unpack (in, "%d", &word), 0);
    assert_true (word == 0xffffffff);
    assert_int_equal (t_pack (in, "%" PRIu64, UINT64_MAX), 0);
    assert_int_equal (t_unpack (in, "%" PRIu64, &word), 0);
    assert_true (word == UINT64_MAX);
    assert_int_equal (t_unpack (in, "%" PRId64, &word), -1);
    t_error_is (EBADMSG, "18446744073709551615 does not fit long");
}

static void
s_test_unpack_floats (void **state)
{
    brd_buf_t *in = *state;
    double d = 0;
    float f = 0;
    assert_int_equal (t_pack (in, "%f", 0.1), 0);
    assert_int_equal (t_unpack (in, "%lf", &d), 0);
    assert_true (d == 0.1);
    assert_int_equal (t_unpack (in, "%f", &f), 0);
    assert_true (f == 0.1F);
    assert_int_equal (t_pack (in, "%f", 1e300), 0);
    assert_int_equal (t_unpack (in, "%f", &f), -1);
    t_error_is (EBADMSG, "1e+300 does not fit float");
    assert_int_equal (t_pack (in, "%f", (double) -INFINITY), 0);
    assert_int_equal (t_unpack (in, "%f", &f), 0);
    assert_true (isinf (f) && f < 0);
    assert_int_equal (t_pack (in, "%f", (double) NAN), 0);
    assert_int_equal (t_unpack (in, "%f", &f), 0);
    assert_true (isnan (f));
    // Integers, where exact
    assert_int_equal (t_pack (in, "%" PRIu64, UINT64_C (1) << 63), 0);
    assert_int_equal (t_unpack (in, "%f", &f), 0);
    assert_true (f == 9223372036854775808.0F);
    assert_int_equal (t_pack (in, "%" PRId64, INT64_MIN), 0);
    assert_int_equal (t_unpack (in, "%lf", &d), 0);
    assert_true (d == -9223372036854775808.0);
    assert_int_equal (t_pack (in, "%" PRId64, (INT64_C (1) << 53) + 1), 0);
    assert_int_equal (t_unpack (in, "%lf", &d), -1);
    t_error_is (EBADMSG, "9007199254740993 does not fit double");
    assert_int_equal (t_pack (in, "%d", (1 << 24) + 1), 0);
    assert_int_equal (t_unpack (in, "%f", &f), -1);
    assert_int_equal (t_unpack (in, "%lf", &d), 0);
    assert_int_equal (t_pack (in, "true"), 0);
    assert_int_equal (t_unpack (in, "%lf", &d), -1);
    t_error_is (EBADMSG, "expected float, found bool");
    // And not back
    int i;
    assert_int_equal (t_pack (in, "2.0"), 0);
    assert_int_equal (t_unpack (in, "%d", &i), -1);
    t_error_is (EBADMSG, "expected int, found float");
}

static void
s_test_unpack_bool (void **state)
{
    brd_buf_t *in = *state;
    int yes = 7;
    char no = 7;
    assert_int_equal (t_pack (in, "[true, false]"), 0);
    assert_int_equal (t_unpack (in, "[%d, %hhd]", &yes, &no), 0);
    assert_int_equal (yes, 1);
    assert_int_equal (no, 0);
}

static void
s_test_unpack_text (void **state)
{
    brd_buf_t *in = *state;
    char text[8] = "#######";
    assert_int_equal (t_pack (in, "{x: %s}", "12345"), 0);
    assert_int_equal (t_unpack (in, "{x: %4s}", text), -1);
    t_error_is (EBADMSG, "str of 5 bytes does not fit %4s at .x");
    assert_string_equal (text, "#######");
    assert_int_equal (t_unpack (in, "{x: %5s}", text), 0);
    assert_memory_equal (text, "12345\0#", 8);
    assert_int_equal (t_unpack (in, "{x: %s}", text), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (t_unpack (in, "{x: %0s}", text), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (t_unpack (in, "{x: %.5s}", text), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (t_pack (in, "[<%zu %p>]", (size_t) 1, "a"), 0);
    assert_int_equal (t_unpack (in, "[%5s]", text), -1);
    t_error_is (EBADMSG, "expected str at [0], found bin");
    in->size = 0;
    assert_int_equal (brd_value_put_text (in, "a\0b", 3), 0);
    assert_int_equal (t_unpack (in, "%5s", text), -1);
    assert_int_equal (errno, EBADMSG);
    assert_int_equal (t_pack (in, "\"\""), 0);
    assert_int_equal (t_unpack (in, "%1s", text), 0);
    assert_string_equal (text, "");
}

static void
s_test_unpack_constants (void **state)
{
    brd_buf_t *in = *state;
    int a = 0;
    assert_int_equal (t_pack (in,
                              "{op: \"add\", a: 1, b: nil, c: true, f: 2.0, "
                              "i: 2, n: -4, e: \"a\\\"b\"}"),
                      0);
    assert_int_equal (t_unpack (in,
                                "{op: \"add\", a: %d, b: nil, c: true, f: 2.0, "
                                "i: 2.0, n: -4, e: \"a\\\"b\"}",
                                &a),
                      0);
    assert_int_equal (a, 1);
    assert_int_equal (t_unpack (in, "{op: \"sub\", a: %d}", &a), -1);
    t_error_is (EBADMSG, "expected \"sub\" at .op, found \"add\"");
    assert_int_equal (t_unpack (in, "{a: 2}"), -1);
    t_error_is (EBADMSG, "expected 2 at .a, found 1");
    assert_int_equal (t_unpack (in, "{b: false}"), -1);
    t_error_is (EBADMSG, "expected false at .b, found nil");
    assert_int_equal (t_unpack (in, "{c: false}"), -1);
    t_error_is (EBADMSG, "expected false at .c, found true");
    assert_int_equal (t_unpack (in, "{f: 2}"), -1);
    t_error_is (EBADMSG, "expected 2 at .f, found 2");
    assert_int_equal (t_unpack (in, "{e: \"a\\\"c\"}"), -1);
    assert_int_equal (t_unpack (in, "{n: -5}"), -1);
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
    assert_int_equal (t_pack (in, "{a: 10, n: nil, z: {c: 30}, e: 50}"), 0);
    assert_int_equal (
        t_unpack (in,
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
    assert_int_equal (t_unpack (in, "{z?: %d}", &a), -1);
    t_error_is (EBADMSG, "expected int at .z, found map");
    // Out of order, and nil
    assert_int_equal (t_unpack (in, "{e: %d, n?: %d, a: %d}", &e, &b, &a), 0);
    assert_int_equal (b, 2);
}

static void
s_test_unpack_errors (void **state)
{
    brd_buf_t *in = *state;
    int x = 1;
    double w = 1;
    assert_int_equal (t_pack (in, "{size: [1, \"two\"], id: 7}"), 0);
    assert_int_equal (t_unpack (in, "{id: %d, size: [%lf, %d]}", &x, &w, &x),
                      -1);
    t_error_is (EBADMSG, "expected int at .size[1], found str");
    assert_int_equal (x, 1);  // Nothing was written
    assert_true (w == 1);
    assert_int_equal (t_unpack (in, "{no: %d}", &x), -1);
    t_error_is (EBADMSG, "expected a value at .no, found nothing");
    assert_int_equal (t_unpack (in, "{size: [*]}"), -1);
    t_error_is (EBADMSG, "expected array of 1 at .size, found 2");
    assert_int_equal (t_unpack (in, "{size: [*, *, %d]}", &x), -1);
    t_error_is (EBADMSG, "expected array of 3 at .size, found 2");
    assert_int_equal (t_unpack (in, "[%d]", &x), -1);
    t_error_is (EBADMSG, "expected array, found map");
    assert_int_equal (t_unpack (in, "{size: {}}"), -1);
    t_error_is (EBADMSG, "expected map at .size, found array");
    assert_int_equal (t_unpack (in, "{size: <%zu %p>}", &x, &w), -1);
    t_error_is (EBADMSG, "expected bin at .size, found array");
    assert_int_equal (t_unpack (in, "%d", &x), -1);
    t_error_is (EBADMSG, "expected int, found map");
    in->size = 0;
    assert_int_equal (t_unpack (in, "%d", &x), -1);
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
    assert_int_equal (t_pack (in, "{a: 1, b: 2, a: 3}"), 0);
    assert_int_equal (t_unpack (in, "{b: %d, a: %d}", &b, &a), 0);
    assert_int_equal (a, 1);
    assert_int_equal (b, 2);
    assert_int_equal (t_unpack (in, "{a: %d, b: %d, a: %d}", &a, &b, &again),
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
    assert_int_equal (t_pack (in, "[{a: 1, b: [2, {}], c: 3}, {x: 9}, 5]"), 0);
    assert_int_equal (t_unpack (in, "[{c: %d}, {}, %d]", &a, &b), 0);
    assert_int_equal (a, 3);
    assert_int_equal (b, 5);
    assert_int_equal (t_unpack (in, "[{a: %d}, *, %d]", &a, &b), 0);
    assert_int_equal (a, 1);
    assert_int_equal (t_unpack (in, "[{no?: %d}, {x: 9}, 5]", &a), 0);
}

static void
s_test_unpack_bad (void **state)
{
    brd_buf_t *in = *state;
    assert_int_equal (t_pack (in, "{a: 1}"), 0);
    static const char *const bad[] = {
        "",          "{",         "{a",        "{a:",         "{a: 1",
        "{a: 1,}",   "{a?}",      "{a? 1}",    "{%s: 1}",     "* *",
        "{a: 1} x",  "{a: %n}",   "{a: %y}",   "{a: %5d}",    "{b?: %s}",
        "{b?: %p}",  "{b?: [1}",  "{b?: @%d}", "{b?: <%zu>}", "{a: %*d}",
        "{a: %[a]}", "{b?: foo}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        errno = 0;
        assert_int_equal (t_unpack (in, bad[i], NULL, NULL), -1);
        assert_int_equal (errno, EINVAL);
    }
    assert_int_equal (t_unpack (in, "{a: %y}"), -1);
    t_error_is (EINVAL, "picture \"{a: %y}\": cannot read at 4");
}

#define S_EIGHT(p) (p), (p), (p), (p), (p), (p), (p), (p)
#define S_SIXTY_FOUR(p) \
    S_EIGHT (p), S_EIGHT (p), S_EIGHT (p), S_EIGHT (p), S_EIGHT (p), \
        S_EIGHT (p), S_EIGHT (p), S_EIGHT (p)

static void
s_test_unpack_limit (void **state)
{
    brd_buf_t *in = *state;
    char picture[600] = "[";
    for (int i = 0; i < 64; i++)
        strcat (picture, i == 0 ? "%d" : ", %d");
    strcat (picture, "]");
    assert_int_equal (t_pack (in, picture, S_SIXTY_FOUR (5)), 0);
    int n = 0;
    int *p = &n;
    assert_int_equal (t_unpack (in, picture, S_SIXTY_FOUR (p)), 0);
    assert_int_equal (n, 5);
    n = 0;
    strcpy (picture + strlen (picture) - 1, ", %d]");
    assert_int_equal (t_unpack (in, picture, S_SIXTY_FOUR (p), p), -1);
    t_error_is (EINVAL, "a picture with more than 64 outputs");
    assert_int_equal (n, 0);
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
    assert_int_equal (t_unpack_pair (in, "%7s: %ld", word, &count), 0);
    assert_string_equal (word, "ab");
    assert_int_equal (count, 9);
    assert_int_equal (t_unpack_pair (in, " * : %ld", &count), 0);
    assert_int_equal (t_unpack_pair (in, "\"ab\": %ld", &count), 0);
    assert_int_equal (t_unpack_pair (in, "\"cd\": %ld", &count), -1);
    assert_int_equal (errno, EBADMSG);
    assert_int_equal (t_unpack_pair (in, "%7s", word), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (t_unpack_pair (in, "%7s: @%p", word, &count), -1);
    assert_int_equal (errno, EINVAL);
}

// Without outputs: only whether it would fit.
static void
s_test_fits (void **state)
{
    (void) state;
    static const unsigned char bytes[] = "\x82\xa1x\x07\xa1y\xa5hello";
    const brd_picture_source_t source = { .bytes = bytes,
                                          .size = sizeof bytes - 1 };
    assert_int_equal (
        brd_picture_unpack (&source, "{x: %d, y: %5s, z?: %d}", NULL), 0);
    assert_int_equal (brd_picture_unpack (&source, "{y: <%zu %p>}", NULL), 0);
    assert_int_equal (brd_picture_unpack (&source, "{x: %d, y: %4s}", NULL),
                      -1);
    assert_int_equal (errno, EBADMSG);
    assert_int_equal (brd_picture_unpack (&source, "{x: %d", NULL), -1);
    assert_int_equal (errno, EINVAL);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
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
        cmocka_unit_test (s_test_fits),
    };
    t_watchdog (30);
    return cmocka_run_group_tests (tests, t_picture_setup, t_picture_teardown);
}
