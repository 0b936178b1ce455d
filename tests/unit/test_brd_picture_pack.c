// test_brd_picture_pack.c - pictures and arguments become bytes
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/unit/t_picture.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "base/brd_fault.h"
#include "wire/brd_limits.h"

// --- Packing ---------------------------------------------------------------

static void
s_test_pack (void **state)
{
    brd_buf_t *out = *state;
    assert_int_equal (t_pack (out, "{id: %d, size: [%f, %f]}", 7, 2., 3.), 0);
    t_picture_is (out, "{\"id\": 7, \"size\": [2.0, 3.0]}");
    assert_int_equal (out->bytes[0], 0x82);
    assert_int_equal (
        t_pack (out, " [ %s , %.*s, %.3s ] ", "ab", 2, "xyz", "longer"), 0);
    t_picture_is (out, "[\"ab\", \"xy\", \"lon\"]");
    assert_int_equal (t_pack (out,
                              "[true, false, nil, \"a \\\"b\\\" %%\", 12, "
                              "-3, 1.5, -0.25, 1e3, 0]"),
                      0);
    t_picture_is (
        out,
        "[true, false, null, \"a \\\"b\\\" %\", 12, -3, 1.5, -0.25, 1000.0, "
        "0]");
    assert_int_equal (
        t_pack (out, "{\"two words\": 1, %s: 2, %d: 3, a-b_9: 4}", "key", -5),
        0);
    t_picture_is (out,
                  "{\"two words\": 1, \"key\": 2, \"-5\": 3, \"a-b_9\": 4}");
    assert_int_equal (t_pack (out, "[{}, [], [[%d]], {a: {b: {}}}]", 1), 0);
    t_picture_is (out, "[{}, [], [[1]], {\"a\": {\"b\": {}}}]");
    assert_int_equal (t_pack (out, "< %zu %p >", (size_t) 3, "\0\1\2"), 0);
    assert_memory_equal (out->bytes, "\xc4\x03\0\1\2", 5);
    assert_int_equal (t_pack (out, "<%zu %p>", (size_t) 0, NULL), 0);
    assert_memory_equal (out->bytes, "\xc4\x00", 2);
}

static void
s_test_pack_numbers (void **state)
{
    brd_buf_t *out = *state;
    assert_int_equal (t_pack (out,
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
    t_picture_is (out,
                  "[-1, 255, -2, 65535, -2147483648, 4294967295, 4, "
                  "-9223372036854775808, 18446744073709551615]");
    assert_int_equal (t_pack (out,
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
    t_picture_is (
        out,
        "[9223372036854775807, 18446744073709551615, -5, "
        "18446744073709551615, -9223372036854775808, 18446744073709551615, "
        "6, -7, 8, 0.5]");
    // A char that was promoted is cut as printf cuts it.
    assert_int_equal (t_pack (out, "[%hhu, %hhd]", 511, 511), 0);
    t_picture_is (out, "[255, -1]");
}

static void
s_test_pack_many (void **state)
{
    brd_buf_t *out = *state;
    char picture[200] = "[";
    for (int i = 0; i < 20; i++)
        strcat (picture, i == 0 ? "[1]" : ", 2");
    strcat (picture, "]");
    assert_int_equal (t_pack (out, picture), 0);
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

// clang-format off
static const char *const s_bad[] = {
    "", " ", "{", "[", "[1", "[1,", "[1,]", "{a}", "{a:}", "{a: 1", "{a: 1,}",
    "{1: 2}", "{a 1}", "{: 1}", "}", "]", ",", "nul", "truee", "maybe", "\"a",
    "\"a\\", "\"\\q\"", "\"100%\"", "--1", "-", "1.2.3", "1e", ".", "1 2",
    "[1]]", "*", "{a?: 1}", "%", "%%", "%y", "%c", "%x", "%n", "%5d", "%.2d",
    "%.2f", "%-5s", "%10s", "%.s", "%ls", "%Lf", "%hhf", "%p", "@", "@%d",
    "@ %p", "<", "<>", "<%zu>", "<%zu %p", "<%d %p>", "<%zu %d>", "<%zd %p>",
    "18446744073709551616", "-9223372036854775809", "1e400",
    "0.1234567890123456789", "{%f: 1}", "{%10s: 1}", "{%u: 1}", "\x01",
    "{a: 1}}",
};
// clang-format on

static void
s_test_pack_bad (void **state)
{
    brd_buf_t *out = *state;
    for (size_t i = 0; i < sizeof s_bad / sizeof s_bad[0]; i++) {
        errno = 0;
        assert_int_equal (t_pack (out, s_bad[i], 1, 2, 3), -1);
        assert_int_equal (errno, EINVAL);
    }
    assert_int_equal (t_pack (out, "{a: %y}"), -1);
    t_error_is (EINVAL, "picture \"{a: %y}\": cannot read at 4");
    assert_int_equal (t_pack (out, "[%n]"), -1);
    t_error_is (EINVAL, "picture \"[%n]\": cannot read at 1 (%n is refused)");
}

static void
s_test_pack_arguments (void **state)
{
    brd_buf_t *out = *state;
    assert_int_equal (t_pack (out, "{a: [1, %s]}", NULL), -1);
    t_error_is (EINVAL, "NULL for %s at .a[1]");
    assert_int_equal (
        t_pack (out, "{%s: {x: <%zu %p>}}", "k\ney", (size_t) 1, NULL), -1);
    t_error_is (EINVAL, "NULL for <%zu %p> at .k?ey.x");
    assert_int_equal (
        t_pack (out, "<%zu %p>", (size_t) BROOD_MSG_SIZE_MAX, "x"), -1);
    assert_int_equal (errno, EMSGSIZE);
    assert_int_equal (t_pack (out, "<%zu %p>", SIZE_MAX - 3, "x"), -1);
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
    assert_int_equal (t_pack (out, picture, 5), 0);
    int got = 0;
    assert_int_equal (t_unpack (out, picture, &got), 0);
    assert_int_equal (got, 5);
    s_nested (picture, 32, "%d");
    assert_int_equal (t_pack (out, picture, 5), -1);
    assert_int_equal (errno, EINVAL);
    s_nested (picture, 32, "");
    assert_int_equal (t_pack (out, picture), -1);
}

static void
s_test_memory (void **state)
{
    (void) state;
    brd_buf_t out;
    brd_buf_init (&out, 1000);
    brd_fault_arm (BRD_FAULT_MEMORY, 1, ENOMEM);
    assert_int_equal (t_pack (&out, "%d", 1), -1);
    assert_int_equal (errno, ENOMEM);
    brd_fault_arm (BRD_FAULT_MEMORY, 0, 0);
    assert_int_equal (t_pack (&out, "%d", 1), 0);
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
    assert_int_equal (t_pack (out, "{p: @%p}", &pool), 0);
    t_picture_is (out, "{\"p\": {\"$handle\": \"pool\"}}");
    void *ref = NULL;
    assert_int_equal (t_unpack (out, "{p: @%p}", &ref), 0);
    assert_ptr_equal (ref, out->bytes + 3);
    assert_int_equal (t_ref_size, 35);
    brd_handle_t future;
    brd_handle_init (&future, BRD_KIND_FUTURE);
    assert_int_equal (t_pack (out, "[1, @%p]", &future), -1);
    assert_int_equal (errno, EINVAL);
    assert_non_null (strstr (brd_error_get ()->text, "future cannot travel"));
    assert_non_null (strstr (brd_error_get ()->text, "[1]"));
    assert_int_equal (t_pack (out, "@%p", NULL), -1);
    assert_int_equal (errno, EINVAL);
    brd_handle_fini (&pool);
    assert_int_equal (t_pack (out, "@%p", &pool), -1);
    assert_int_equal (errno, EINVAL);
}

static void
s_test_embed (void **state)
{
    brd_buf_t *out = *state;
    brd_picture_part_t part = { .bytes = (const unsigned char *) "\x91\x07",
                                .size = 2 };
    brd_handle_init (&part.handle, BRD_KIND_MSG);
    assert_int_equal (t_pack (out, "{m: @%p, n: 1}", &part), 0);
    t_picture_is (out, "{\"m\": [7], \"n\": 1}");
    // Together they may not nest too deep.
    char picture[200];
    s_nested (picture, 30, "@%p");
    assert_int_equal (t_pack (out, picture, &part), 0);
    s_nested (picture, 31, "@%p");
    assert_int_equal (t_pack (out, picture, &part), -1);
    assert_int_equal (errno, EBADMSG);
    part.size = 1;
    assert_int_equal (t_pack (out, "[@%p]", &part), -1);
    assert_int_equal (errno, EBADMSG);
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
    };
    t_watchdog (30);
    return cmocka_run_group_tests (tests, t_picture_setup, t_picture_teardown);
}
