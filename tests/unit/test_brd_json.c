// test_brd_json.c - messages as JSON, and back
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_error.h"
#include "base/brd_fault.h"
#include "brood/brood_msg.h"
#include "wire/brd_json.h"
#include "wire/brd_value.h"

// Takes the message.
static void
s_json_is (brood_msg_t *msg, const char *json)
{
    assert_non_null (msg);
    char *text = brood_msg_json (msg);
    assert_non_null (text);
    assert_string_equal (text, json);
    free (text);
    brood_msg_destroy (&msg);
}

static brood_msg_t *
s_text (const char *text, size_t size)
{
    brd_buf_t buf;
    brd_buf_init (&buf, 1000);
    assert_int_equal (brd_value_put_text (&buf, text, size), 0);
    brood_msg_t *msg = brood_msg_new_bytes (buf.bytes, buf.size);
    brd_buf_fini (&buf);
    return msg;
}

// The tests with JSON in need jansson; without, the call says so.
static int
s_can_read (void)
{
    brood_msg_t *msg = brood_msg_new_json ("null");
    const int can = msg != NULL;
    if (!can)
        assert_int_equal (errno, ENOTSUP);
    brood_msg_destroy (&msg);
    return can;
}

// --- Out -------------------------------------------------------------------

static void
s_test_out (void **state)
{
    (void) state;
    s_json_is (brood_msg_new ("{a: [nil, true, false, -3, 1.5, \"t\"], b: {}}"),
               "{\"a\": [null, true, false, -3, 1.5, \"t\"], \"b\": {}}");
    s_json_is (brood_msg_new ("[]"), "[]");
    s_json_is (brood_msg_new ("%lu", UINT64_MAX), "18446744073709551615");
    s_json_is (brood_msg_new ("%ld", INT64_MIN), "-9223372036854775808");
}

static void
s_test_floats (void **state)
{
    (void) state;
    s_json_is (brood_msg_new ("%f", 0.1), "0.1");
    s_json_is (brood_msg_new ("%f", 2.0), "2.0");
    s_json_is (brood_msg_new ("%f", -0.0), "-0.0");
    s_json_is (brood_msg_new ("%f", 1e300), "1e+300");
    s_json_is (brood_msg_new ("%f", 0.1 + 0.2), "0.30000000000000004");
    s_json_is (brood_msg_new ("%f", (double) NAN), "null");
    s_json_is (brood_msg_new ("%f", (double) -INFINITY), "null");
}

// A comma for a point, where such a locale is installed.
static void
s_test_locale (void **state)
{
    (void) state;
    static const char *const names[] = {
        "de_DE.UTF-8", "fr_FR.UTF-8", "pt_BR.UTF-8", "ru_RU.UTF-8"
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!setlocale (LC_NUMERIC, names[i]))
            continue;
        s_json_is (brood_msg_new ("[%f, 2.5]", 1.5), "[1.5, 2.5]");
    }
    (void) setlocale (LC_NUMERIC, "C");
}

static void
s_test_texts (void **state)
{
    (void) state;
    static const struct {
        const char *text;
        const char *json;
    } rows[] = {
        { "", "\"\"" },
        { "a \"b\" \\", "\"a \\\"b\\\" \\\\\"" },
        { "\b\f\n\r\t\x01\x7f", "\"\\b\\f\\n\\r\\t\\u0001\\u007f\"" },
        { "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x9d",
          "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x9d\"" },
        // Not UTF-8: alone, cut off, too long a form, surrogate, too high
        { "a\xff", "\"a\\ufffd\"" },
        { "\x80", "\"\\ufffd\"" },
        { "\xc3", "\"\\ufffd\"" },
        { "\xe2\x82", "\"\\ufffd\\ufffd\"" },
        { "\xc0\xaf", "\"\\ufffd\\ufffd\"" },
        { "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"" },
        { "\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        s_json_is (s_text (rows[i].text, strlen (rows[i].text)), rows[i].json);
    s_json_is (s_text ("a\0b", 3), "\"a\\u0000b\"");
}

static void
s_test_bytes (void **state)
{
    (void) state;
    static const char *const rows[] = { "\"\"",         "\"Zg==\"",
                                        "\"Zm8=\"",     "\"Zm9v\"",
                                        "\"Zm9vYg==\"", "\"Zm9vYmE=\"",
                                        "\"Zm9vYmFy\"" };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        s_json_is (brood_msg_new ("<%zu %p>", i, (const void *) "foobar"),
                   rows[i]);
    s_json_is (brood_msg_new_bytes ("\xd5\xfb\x01\x02", 4),
               "{\"$ext\": -5, \"data\": \"AQI=\"}");
}

static void
s_test_keys (void **state)
{
    (void) state;
    s_json_is (brood_msg_new ("{%d: 1, %s: 2}", -7, "a\"b"),
               "{\"-7\": 1, \"a\\\"b\": 2}");
    s_json_is (brood_msg_new_bytes ("\x85\xc0\x01\xc3\x02\x91\x05\x03\xc4\x01"
                                    "f\x04\xd4\x01\x00\x05",
                                    16),
               "{\"null\": 1, \"true\": 2, \"array\": 3, \"Zg==\": 4, "
               "\"ext\": 5}");
}

static void
s_test_not_a_value (void **state)
{
    (void) state;
    brd_buf_t out;
    brd_buf_init (&out, 1000);
    assert_int_equal (brd_buf_add (&out, "x", 1), 0);
    assert_int_equal (brd_json_write (&out, "\x92\x01", 2), -1);
    assert_int_equal (errno, EBADMSG);
    assert_int_equal (out.size, 1);
    assert_int_equal (brd_json_write (&out, "\x81\x91", 2), -1);
    assert_int_equal (brd_json_write (&out, "", 0), -1);
    char deep[40];
    memset (deep, '\x91', sizeof deep);
    assert_int_equal (brd_json_write (&out, deep, sizeof deep), -1);
    assert_int_equal (out.size, 1);
    brd_buf_fini (&out);
}

// --- In --------------------------------------------------------------------

static void
s_test_in (void **state)
{
    (void) state;
    if (!s_can_read ())
        return;
    static const char *const same[] = {
        "null",
        "true",
        "-3",
        "1.5",
        "2.0",
        "\"x\"",
        "[]",
        "{}",
        "[1, [2, {\"a\": null}]]",
        "\"\xe2\x82\xac \\u0000\"",
        "9223372036854775807",
        "-9223372036854775808",
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        s_json_is (brood_msg_new_json (same[i]), same[i]);
    s_json_is (brood_msg_new_json (" [ 1e2 , \"\\u00e9\\/\" ]\n"),
               "[100.0, \"\xc3\xa9/\"]");
    brood_msg_t *msg = brood_msg_new_json ("{\"b\": 1, \"a\": [2.5]}");
    brood_msg_t *other = brood_msg_new ("{a: [%f], b: %d}", 2.5, 1);
    assert_int_equal (brood_msg_equal (msg, other), 1);
    brood_msg_destroy (&msg);
    brood_msg_destroy (&other);
}

static void
s_test_in_bad (void **state)
{
    (void) state;
    if (!s_can_read ())
        return;
    static const char *const bad[] = {
        "",
        "[",
        "[1,]",
        "{a: 1}",
        "{\"a\": 1, \"a\": 2}",
        "1 2",
        "\"\xff\"",
        "18446744073709551616",
        "nil",
        "'x'",
        "1e999",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_null (brood_msg_new_json (bad[i]));
        assert_int_equal (errno, EBADMSG);
    }
    assert_null (brood_msg_new_json ("[1,\n x]"));
    assert_non_null (strstr (brood_error (), "line 2"));
}

static void
s_test_in_depth (void **state)
{
    (void) state;
    if (!s_can_read ())
        return;
    char json[70] = "";
    memset (json, '[', 31);
    memset (json + 31, ']', 31);
    s_json_is (brood_msg_new_json (json), json);
    memset (json, '[', 32);
    memset (json + 32, ']', 32);
    assert_null (brood_msg_new_json (json));
    assert_int_equal (errno, EBADMSG);
}

static void
s_test_memory (void **state)
{
    (void) state;
    brood_msg_t *msg = brood_msg_new ("[1, \"abc\"]");
    brd_fault_arm (BRD_FAULT_MEMORY, 1, ENOMEM);
    assert_null (brood_msg_json (msg));
    assert_int_equal (errno, ENOMEM);
    brood_msg_destroy (&msg);
    for (long n = 1; n <= 2 && s_can_read (); n++) {
        brd_fault_arm (BRD_FAULT_MEMORY, n, ENOMEM);
        assert_null (brood_msg_new_json ("[1, 2]"));
        assert_int_equal (errno, ENOMEM);
    }
    brd_fault_arm (BRD_FAULT_MEMORY, 0, 0);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_out),
        cmocka_unit_test (s_test_floats),
        cmocka_unit_test (s_test_locale),
        cmocka_unit_test (s_test_texts),
        cmocka_unit_test (s_test_bytes),
        cmocka_unit_test (s_test_keys),
        cmocka_unit_test (s_test_not_a_value),
        cmocka_unit_test (s_test_in),
        cmocka_unit_test (s_test_in_bad),
        cmocka_unit_test (s_test_in_depth),
        cmocka_unit_test (s_test_memory),
    };
    t_watchdog (30);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
