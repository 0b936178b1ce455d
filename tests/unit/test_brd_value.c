// test_brd_value.c - msgpack bytes as values
//
// SPDX-License-Identifier: MPL-2.0
//
// Byte by byte: what each form reads as, what is written for each number, and
// what is refused.

#include "tests/t.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_error.h"
#include "wire/brd_limits.h"
#include "wire/brd_value.h"

// --- Helpers ---------------------------------------------------------------

// "82 a1 78 01" to bytes; returns how many.
static size_t
s_hex (const char *text, unsigned char *ret_bytes)
{
    size_t size = 0;
    for (; *text != '\0'; text++) {
        if (*text == ' ')
            continue;
        const char digits[3] = { text[0], text[1], '\0' };
        ret_bytes[size++] = (unsigned char) strtoul (digits, NULL, 16);
        text++;
    }
    return size;
}

// The bytes are in a block of exactly their size, so that ASan sees one more.
static int
s_check (const char *hex)
{
    unsigned char bytes[256];
    const size_t size = s_hex (hex, bytes);
    unsigned char *exact = malloc (size > 0 ? size : 1);
    assert_non_null (exact);
    memcpy (exact, bytes, size);
    errno = 0;
    const int answer = brd_value_check (exact, size, BRD_WIRE_DEPTH_MAX, NULL);
    const int error = errno;
    brd_value_cursor_t at = { exact, exact + size };
    if (answer == 0) {
        assert_int_equal (brd_value_skip (&at), 0);
        assert_ptr_equal (at.at, at.end);
    }
    else
        assert_int_equal (error, EBADMSG);
    free (exact);
    return answer;
}

static brd_value_t
s_read (const char *hex)
{
    static unsigned char bytes[256];
    brd_value_cursor_t at = { bytes, bytes + s_hex (hex, bytes) };
    brd_value_t value;
    memset (&value, 0, sizeof value);
    assert_int_equal (brd_value_read (&at, &value), 0);
    return value;
}

static int
s_equal (const char *left, const char *right)
{
    unsigned char l[256];
    unsigned char r[256];
    const size_t left_size = s_hex (left, l);
    const size_t right_size = s_hex (right, r);
    const int answer = brd_value_equal (l, left_size, r, right_size);
    assert_int_equal (brd_value_equal (r, right_size, l, left_size), answer);
    return answer;
}

// --- Reading ---------------------------------------------------------------

static void
s_test_integers (void **state)
{
    (void) state;
    static const struct {
        const char *hex;
        int64_t value;
    } rows[] = {
        { "00", 0 },
        { "7f", 127 },
        { "ff", -1 },
        { "e0", -32 },
        { "cc ff", 255 },
        { "cd 01 00", 256 },
        { "ce 80 00 00 00", 2147483648 },
        { "cf 00 00 00 01 00 00 00 00", 4294967296 },
        { "d0 80", -128 },
        { "d0 05", 5 },
        { "d1 80 00", -32768 },
        { "d2 80 00 00 00", -2147483648LL },
        { "d3 80 00 00 00 00 00 00 00", INT64_MIN },
        { "d3 00 00 00 00 00 00 00 07", 7 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const brd_value_t value = s_read (rows[i].hex);
        assert_int_equal (value.type, BROOD_INTEGER);
        assert_int_equal (value.number.i, rows[i].value);
        assert_int_equal (value.negative, rows[i].value < 0);
    }
    const brd_value_t largest = s_read ("cf ff ff ff ff ff ff ff ff");
    assert_true (largest.number.u == UINT64_MAX);
    assert_false (largest.negative);
}

static void
s_test_others (void **state)
{
    (void) state;
    assert_int_equal (s_read ("c0").type, BROOD_NIL);
    assert_int_equal (s_read ("c2").number.i, 0);
    assert_int_equal (s_read ("c3").number.i, 1);
    assert_true (s_read ("ca 3f c0 00 00").number.f == 1.5);
    assert_true (s_read ("cb c0 04 00 00 00 00 00 00").number.f == -2.5);
    const brd_value_t text = s_read ("d9 02 68 69");
    assert_int_equal (text.type, BROOD_TEXT);
    assert_int_equal (text.size, 2);
    assert_memory_equal (text.bytes, "hi", 2);
    assert_int_equal (s_read ("c4 01 ff").type, BROOD_BYTES);
    const brd_value_t ext = s_read ("d5 fe 01 02");
    assert_int_equal (ext.type, BROOD_EXTENSION);
    assert_int_equal (ext.ext, -2);
    assert_int_equal (ext.size, 2);
    assert_int_equal (s_read ("d4 42 01").type, BROOD_EXTENSION);
    assert_int_equal (s_read ("dc 00 03").size, 3);
    assert_int_equal (s_read ("df 00 00 00 04").size, 4);
    assert_int_equal (s_read ("8f").size, 15);
}

// --- Checking --------------------------------------------------------------

static void
s_test_check (void **state)
{
    (void) state;
    static const char *const good[] = {
        "c0",
        "90",
        "80",
        "93 01 02 03",
        "81 a1 61 c0",
        "a0",
        "c4 00",
        "c7 00 05",
        "dc 00 01 c0",
        "de 00 00",
        "d4 42 01",
        "81 90 c0",
        "82 01 02 c0 03",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal (s_check (good[i]), 0);
    static const char *const bad[] = {
        "",       // Nothing
        "c1",     // Not msgpack
        "91 c1",  //
        "c0 c0",  // Something behind it
        "a1",     // Cut off
        "d9",
        "d9 05 61",
        "91",
        "82 01 02 03",
        "cb 00 00",
        "c7 01",
        "c7 02 05 61",
        "d8 01 00",
        "dd ff ff ff ff c0",  // More items than bytes
        "df 80 00 00 00",
        "c6 ff ff ff ff 00",
        "92 dd 00 00 00 02 c0",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal (s_check (bad[i]), -1);
}

static void
s_test_check_text (void **state)
{
    (void) state;
    assert_int_equal (s_check ("92 01 c1"), -1);
    assert_string_equal (brd_error_get ()->text, "not a value: byte 2 is 0xc1");
    assert_int_equal (s_check ("92 01 d9 05"), -1);
    assert_string_equal (brd_error_get ()->text,
                         "not a value: byte 2 promises more than there is");
    // At the head, not where the bytes end: nothing is walked in vain.
    assert_int_equal (s_check ("91 dd ff ff ff ff 01 02"), -1);
    assert_string_equal (brd_error_get ()->text,
                         "not a value: byte 1 promises more than there is");
    assert_int_equal (s_check ("01 02 03"), -1);
    assert_string_equal (brd_error_get ()->text,
                         "not a value: 2 bytes too many behind it");
}

static void
s_test_depth (void **state)
{
    (void) state;
    unsigned char bytes[64];
    memset (bytes, 0x91, sizeof bytes);
    bytes[31] = 0xc0;
    size_t nodes = 0;
    assert_int_equal (brd_value_check (bytes, 32, 31, &nodes), 0);
    assert_int_equal (nodes, 32);
    assert_int_equal (brd_value_check (bytes, 32, 30, NULL), -1);
    bytes[31] = 0x91;
    bytes[32] = 0xc0;
    assert_int_equal (brd_value_check (bytes, 33, 31, NULL), -1);
    assert_non_null (strstr (brd_error_get ()->text, "31 containers"));
    // Skipping has no depth.
    brd_value_cursor_t at = { bytes, bytes + 33 };
    assert_int_equal (brd_value_skip (&at), 0);
    // An empty one is one as well.
    bytes[31] = 0x90;
    assert_int_equal (brd_value_check (bytes, 32, 31, NULL), -1);
}

// Every beginning of a valid value is refused, and so is each with a byte more.
static void
s_test_cut (void **state)
{
    (void) state;
    unsigned char bytes[256];
    const size_t size = s_hex ("85 a1 61 93 01 cb 40 00 00 00 00 00 00 00 c3"
                               "a1 62 c4 02 00 01 a1 63 d9 03 78 79 7a 04 c7 "
                               "01 05 ff d1 80 00 81 c0 c2",
                               bytes);
    assert_int_equal (brd_value_check (bytes, size, 31, NULL), 0);
    for (size_t cut = 0; cut < size; cut++) {
        unsigned char *exact = malloc (cut > 0 ? cut : 1);
        assert_non_null (exact);
        memcpy (exact, bytes, cut);
        assert_int_equal (brd_value_check (exact, cut, 31, NULL), -1);
        free (exact);
    }
    bytes[size] = 0;
    assert_int_equal (brd_value_check (bytes, size + 1, 31, NULL), -1);
}

// --- Keys and equality -----------------------------------------------------

static void
s_test_find (void **state)
{
    (void) state;
    // {"a": 1, 7: 2, [0]: 3, "b": 4, "a": 5}
    unsigned char bytes[64];
    const size_t size =
        s_hex ("a1 61 01 07 02 91 00 03 a1 62 04 a1 61 05", bytes);
    const brd_value_cursor_t pairs = { bytes, bytes + size };
    brd_value_cursor_t at;
    assert_int_equal (brd_value_find_text (&pairs, 5, "b", 1, &at), 1);
    assert_int_equal (*at.at, 4);
    assert_int_equal (brd_value_find_text (&pairs, 5, "a", 1, &at), 1);
    assert_int_equal (*at.at, 1);
    assert_int_equal (brd_value_find_text (&pairs, 3, "b", 1, &at), 0);
    assert_int_equal (brd_value_find_text (&pairs, 6, "z", 1, &at), -1);
    const brd_value_t seven = { .type = BROOD_INTEGER, .number.i = 7 };
    brd_value_cursor_t pair;
    assert_int_equal (brd_value_find (&pairs, 5, &seven, &pair, &at), 1);
    assert_int_equal (*at.at, 2);
    assert_ptr_equal (pair.at, bytes + 3);
}

static void
s_test_equal (void **state)
{
    (void) state;
    assert_true (s_equal ("01", "cc 01"));
    assert_true (s_equal ("ff", "d3 ff ff ff ff ff ff ff ff"));
    assert_true (s_equal ("ca 3f c0 00 00", "cb 3f f8 00 00 00 00 00 00"));
    assert_false (s_equal ("01", "cb 3f f0 00 00 00 00 00 00"));
    assert_false (s_equal ("a1 61", "c4 01 61"));
    assert_false (s_equal ("01", "c3"));
    assert_false (s_equal ("ff", "cf ff ff ff ff ff ff ff ff"));
    assert_true (s_equal ("cb 7f f8 00 00 00 00 00 00", "ca 7f c0 00 00"));
    assert_true (s_equal ("92 01 02", "dc 00 02 01 02"));
    assert_false (s_equal ("92 01 02", "92 02 01"));
    assert_false (s_equal ("92 01 02", "91 01"));
    // Maps in any order
    assert_true (s_equal ("82 a1 61 01 a1 62 02", "82 a1 62 02 a1 61 cc 01"));
    assert_false (s_equal ("82 a1 61 01 a1 62 02", "82 a1 62 01 a1 61 02"));
    assert_false (s_equal ("81 a1 61 01", "81 a1 62 01"));
    assert_true (s_equal ("83 a1 61 81 01 02 a1 62 02 a1 63 03",
                          "83 a1 63 03 a1 61 de 00 01 01 02 a1 62 02"));
    // Keys that stand twice
    assert_false (s_equal ("82 a1 61 01 a1 61 01", "82 a1 61 01 a1 62 01"));
    assert_true (s_equal ("82 a1 61 01 a1 61 02", "82 a1 61 01 a1 61 cc 02"));
    // Lists as keys, in place
    assert_true (s_equal ("82 91 01 01 a1 62 02", "82 91 01 cc 01 a1 62 02"));
    // Extensions
    assert_false (s_equal ("d4 01 00", "d4 02 00"));
    assert_true (s_equal ("d4 01 00", "c7 01 01 00"));
}

// --- Writing ---------------------------------------------------------------

static void
s_is (brd_buf_t *out, const char *hex)
{
    unsigned char bytes[256];
    assert_int_equal (out->size, s_hex (hex, bytes));
    assert_memory_equal (out->bytes, bytes, out->size);
    out->size = 0;
}

static void
s_test_put (void **state)
{
    (void) state;
    brd_buf_t out;
    brd_buf_init (&out, 4096);
    static const struct {
        int64_t value;
        const char *hex;
    } ints[] = {
        { 0, "00" },
        { 127, "7f" },
        { 128, "cc 80" },
        { 255, "cc ff" },
        { 256, "cd 01 00" },
        { 65536, "ce 00 01 00 00" },
        { 4294967296, "cf 00 00 00 01 00 00 00 00" },
        { -1, "ff" },
        { -32, "e0" },
        { -33, "d0 df" },
        { -128, "d0 80" },
        { -129, "d1 ff 7f" },
        { -32769, "d2 ff ff 7f ff" },
        { INT64_MIN, "d3 80 00 00 00 00 00 00 00" },
    };
    for (size_t i = 0; i < sizeof ints / sizeof ints[0]; i++) {
        assert_int_equal (brd_value_put_int (&out, ints[i].value), 0);
        s_is (&out, ints[i].hex);
    }
    assert_int_equal (brd_value_put_uint (&out, UINT64_MAX), 0);
    s_is (&out, "cf ff ff ff ff ff ff ff ff");
    assert_int_equal (brd_value_put_float (&out, 1.5), 0);
    s_is (&out, "cb 3f f8 00 00 00 00 00 00");
    assert_int_equal (brd_value_put_text (&out, "", 0), 0);
    s_is (&out, "a0");
    assert_int_equal (brd_value_put_bytes (&out, "\x01", 1), 0);
    s_is (&out, "c4 01 01");
    assert_int_equal (brd_value_put_list (&out, 16), 0);
    s_is (&out, "dc 00 10");
    assert_int_equal (brd_value_put_map (&out, 65536), 0);
    s_is (&out, "df 00 01 00 00");
    brd_buf_fini (&out);
}

static void
s_test_put_sizes (void **state)
{
    (void) state;
    static const size_t sizes[] = { 0, 31, 32, 255, 256, 65535, 65536 };
    char *text = calloc (1, 65536);
    assert_non_null (text);
    brd_buf_t out;
    brd_buf_init (&out, 100000);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (int is_text = 0; is_text < 2; is_text++) {
            out.size = 0;
            assert_int_equal (is_text
                                  ? brd_value_put_text (&out, text, sizes[i])
                                  : brd_value_put_bytes (&out, text, sizes[i]),
                              0);
            assert_int_equal (brd_value_check (out.bytes, out.size, 31, NULL),
                              0);
            brd_value_cursor_t at = { out.bytes, out.bytes + out.size };
            brd_value_t value;
            assert_int_equal (brd_value_read (&at, &value), 0);
            assert_int_equal (value.type, is_text ? BROOD_TEXT : BROOD_BYTES);
            assert_int_equal (value.size, sizes[i]);
        }
    }
    brd_buf_fini (&out);
    free (text);
}

static void
s_test_ref (void **state)
{
    (void) state;
    const brd_ref_t ref = { 0x0102030405060708, 9, 10, BRD_KIND_POOL, 11 };
    brd_buf_t out;
    brd_buf_init (&out, 4096);
    assert_int_equal (brd_value_put_ref (&out, &ref), 0);
    assert_int_equal (out.size, 35);
    assert_memory_equal (out.bytes, "\xc7\x20\x42\x08\x07\x06", 6);
    brd_value_cursor_t at = { out.bytes, out.bytes + out.size };
    brd_value_t value;
    assert_int_equal (brd_value_read (&at, &value), 0);
    assert_int_equal (value.type, BROOD_HANDLE);
    brd_ref_t back;
    brd_value_ref (&value, &back);
    assert_memory_equal (&back, &ref, sizeof ref);
    brd_buf_fini (&out);
}

// Each comes before the next, or with it.
static void
s_test_order (void **state)
{
    (void) state;
    static const struct {
        const char *hex;
        int same;  // As the one before
    } values[] = {
        { "c0", 0 },
        { "c2", 0 },
        { "c3", 0 },
        { "cb 7f f8 00 00 00 00 00 00", 0 },  // NaN
        { "ca 7f c0 00 00", 1 },
        { "cb ff f0 00 00 00 00 00 00", 0 },  // -inf
        { "d3 80 00 00 00 00 00 00 00", 0 },  // INT64_MIN
        { "cb c3 e0 00 00 00 00 00 00", 1 },
        { "cb bf f8 00 00 00 00 00 00", 0 },  // -1.5
        { "ff", 0 },
        { "cb bf e0 00 00 00 00 00 00", 0 },  // -0.5
        { "00", 0 },
        { "cb 80 00 00 00 00 00 00 00", 1 },  // -0.0
        { "01", 0 },
        { "cb 3f f0 00 00 00 00 00 00", 1 },
        { "cb 3f f8 00 00 00 00 00 00", 0 },  // 1.5
        { "cf 00 20 00 00 00 00 00 00", 0 },  // 2^53
        { "cb 43 40 00 00 00 00 00 00", 1 },
        { "cf 00 20 00 00 00 00 00 01", 0 },  // No double
        { "cf ff ff ff ff ff ff ff ff", 0 },
        { "cb 43 f0 00 00 00 00 00 00", 0 },  // 2^64
        { "cb 7f f0 00 00 00 00 00 00", 0 },  // inf
        { "a0", 0 },
        { "a1 61", 0 },
        { "d9 01 61", 1 },
        { "a2 61 61", 0 },
        { "a1 62", 0 },
        { "c4 00", 0 },
        { "c4 01 00", 0 },
        { "90", 0 },
        { "91 01", 0 },
        { "92 01 c0", 0 },
        { "91 02", 0 },
        { "91 a1 61", 0 },
        { "80", 0 },
        { "81 01 02", 0 },
        { "81 01 03", 0 },
        { "d4 01 00", 0 },
        { "d4 02 00", 0 },
    };
    const size_t count = sizeof values / sizeof *values;
    unsigned char left[16];
    unsigned char right[16];
    for (size_t i = 0; i + 1 < count; i++) {
        const size_t left_size = s_hex (values[i].hex, left);
        const size_t right_size = s_hex (values[i + 1].hex, right);
        const int order = values[i + 1].same ? 0 : -1;
        assert_int_equal (brd_value_order (left, left_size, right, right_size),
                          order);
        assert_int_equal (brd_value_order (right, right_size, left, left_size),
                          -order);
        assert_int_equal (brd_value_order (left, left_size, left, left_size),
                          0);
    }
}

static void
s_test_set_count (void **state)
{
    (void) state;
    brd_buf_t out;
    brd_buf_init (&out, 4096);
    assert_int_equal (brd_value_put_nil (&out), 0);
    assert_int_equal (brd_value_put_list (&out, 15), 0);
    assert_int_equal (brd_value_put_raw (&out, "\x01\x02\x03", 3), 0);
    assert_int_equal (brd_value_set_count (&out, 1, 16), 0);
    assert_int_equal (brd_value_set_count (&out, 1, 65536), 0);
    s_is (&out, "c0 dd 00 01 00 00 01 02 03");
    assert_int_equal (brd_value_put_raw (&out, "\xdf\x00\x01\x00\x00\x07", 6),
                      0);
    assert_int_equal (brd_value_set_count (&out, 0, 2), 0);
    s_is (&out, "df 00 00 00 02 07");
    brd_buf_fini (&out);
}

// A place of a fixed size: what fits, fits; what does not leaves it as it was.
static void
s_test_fixed (void **state)
{
    (void) state;
    unsigned char memory[4];
    brd_buf_t out = brd_value_fixed (memory, sizeof memory);
    assert_int_equal (brd_value_put_text (&out, "abc", 3), 0);
    (void) brd_error_set (EIO, "as it was");
    assert_int_equal (brd_value_put_nil (&out), -1);
    assert_int_equal (errno, EMSGSIZE);
    assert_int_equal (brd_value_put_text (&out, "x", SIZE_MAX), -1);
    assert_int_equal (brd_value_put_bytes (&out, "x", SIZE_MAX), -1);
    assert_int_equal (errno, EMSGSIZE);
    assert_string_equal (brd_error_get ()->text, "as it was");
    assert_ptr_equal (out.bytes, memory);
    assert_int_equal (out.size, 4);
    assert_memory_equal (memory,
                         "\xa3"
                         "abc",
                         4);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_integers),
        cmocka_unit_test (s_test_others),
        cmocka_unit_test (s_test_check),
        cmocka_unit_test (s_test_check_text),
        cmocka_unit_test (s_test_depth),
        cmocka_unit_test (s_test_cut),
        cmocka_unit_test (s_test_find),
        cmocka_unit_test (s_test_equal),
        cmocka_unit_test (s_test_order),
        cmocka_unit_test (s_test_put),
        cmocka_unit_test (s_test_put_sizes),
        cmocka_unit_test (s_test_ref),
        cmocka_unit_test (s_test_set_count),
        cmocka_unit_test (s_test_fixed),
    };
    t_watchdog (30);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
