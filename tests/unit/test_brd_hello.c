// test_brd_hello.c - what is said before a session, as docs/rfc/5-security.md
//
// SPDX-License-Identifier: MPL-2.0

#include "t_vectors.h"

#include <errno.h>

#include "base/brd_error.h"
#include "wire/brd_hello.h"

static brd_hello_t
s_hello (void)
{
    brd_hello_t hello = {
        .type = BRD_HELLO_HELLO,
        .version = BRD_HELLO_VERSION,
        .who = { .role = BRD_JOIN_BELOW,
                 .slots = 1,
                 .pid = 4242,
                 .lease_ms = 30000,
                 .scale_millionths = 1000000,
                 .build_size = 3,
                 .build = { 0xab, 0xcd, 0xef },
                 .host = "node7" },
        .epoch = UINT64_C (0x0102030405060708),
    };
    for (int i = 0; i < BRD_HELLO_SESSION; i++)
        hello.session[i] = (unsigned char) i;
    return hello;
}

// Both ways.
static void
s_is_vector (const char *name, const brd_hello_t *hello)
{
    t_vector_t vector;
    unsigned char out[BRD_HELLO_SIZE_MAX];
    brd_hello_t back;
    memset (&back, 0, sizeof back);
    t_vector_read (name, &vector);
    assert_int_equal (brd_hello_put (out, hello), vector.size);
    assert_memory_equal (out, vector.bytes, vector.size);
    assert_int_equal (brd_hello_get (vector.bytes, vector.size, &back), 0);
    assert_memory_equal (&back, hello, sizeof back);
}

static void
s_test_vectors (void **state)
{
    (void) state;
    brd_hello_t hello, welcome, refused;
    memset (&welcome, 0, sizeof welcome);
    memset (&refused, 0, sizeof refused);
    hello = s_hello ();
    s_is_vector ("join", &hello);
    welcome.type = BRD_HELLO_WELCOME;
    welcome.version = refused.version = BRD_HELLO_VERSION;
    welcome.epoch = UINT64_C (0x1112131415161718);
    s_is_vector ("welcome", &welcome);
    refused.type = BRD_HELLO_REFUSED;
    refused.reason = BRD_HELLO_NO;
    strcpy (refused.text, "not admitted");
    s_is_vector ("refused", &refused);
}

// The largest of each, and the smallest.
static void
s_test_sizes (void **state)
{
    (void) state;
    unsigned char out[BRD_HELLO_SIZE_MAX];
    brd_hello_t hello = s_hello (), back;
    hello.peer = 7;
    hello.who.build_size = BRD_HELLO_BUILD_MAX;
    memset (hello.who.host, 'h', BRD_HELLO_HOST_MAX);
    size_t size = brd_hello_put (out, &hello);
    assert_true (size <= sizeof out);
    assert_int_equal (brd_hello_get (out, size, &back), 0);
    assert_memory_equal (&back, &hello, sizeof back);
    // What has no end is cut where it must end.
    memset (hello.who.host, 'h', sizeof hello.who.host);
    assert_int_equal (brd_hello_put (out, &hello), size);
    hello.who.build_size = 0;
    strcpy (hello.who.host, "h");
    size = brd_hello_put (out, &hello);
    assert_int_equal (brd_hello_get (out, size, &back), 0);
    assert_string_equal (back.who.host, "h");
    hello.type = BRD_HELLO_REFUSED;
    hello.reason = BRD_HELLO_OVER;
    memset (hello.text, 't', sizeof hello.text);
    size = brd_hello_put (out, &hello);
    assert_true (size <= sizeof out);
    assert_int_equal (brd_hello_get (out, size, &back), 0);
    assert_int_equal (strlen (back.text), BRD_HELLO_TEXT_MAX);
}

static void
s_is_refused (const unsigned char *bytes, size_t size, int error)
{
    // Of its size, so that a sanitizer sees the first byte too many.
    unsigned char *copy = malloc (size > 0 ? size : 1);
    brd_hello_t back;
    assert_non_null (copy);
    memcpy (copy, bytes, size);
    memset (&back, 0x5a, sizeof back);
    assert_int_equal (brd_hello_get (copy, size, &back), -1);
    assert_int_equal (errno, error);
    assert_int_equal (brd_error_get ()->error, error);
    if (error == EPROTO)
        assert_int_equal (back.version, 0x5a5a);
    free (copy);
}

// Any prefix, a byte more, and each byte that must be so and is not.
static void
s_test_garbage (void **state)
{
    (void) state;
    static const struct {
        const char *name;
        int at;
        unsigned char byte;
    } wrong[] = {
        { "join", 0, 'X' },    { "join", 4, 0 },     { "join", 4, 4 },
        { "join", 5, 1 },      { "join", 8, 0 },     { "join", 8, 5 },
        { "join", 9, 4 },      { "join", 9, 65 },    { "join", 10, 0 },
        { "join", 10, 6 },     { "join", 11, 1 },    { "join", 63, '\n' },
        { "join", 66, 0x80 },  { "welcome", 3, 0 },  { "refused", 8, 0 },
        { "refused", 8, 3 },   { "refused", 9, 11 }, { "refused", 9, 13 },
        { "refused", 10, 27 },
    };
    static const char *const names[] = { "join", "welcome", "refused" };
    t_vector_t vector;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        t_vector_read (names[i], &vector);
        for (size_t size = 0; size < vector.size; size++)
            s_is_refused (vector.bytes, size, EPROTO);
        vector.bytes[vector.size] = 'x';
        s_is_refused (vector.bytes, vector.size + 1, EPROTO);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        t_vector_read (wrong[i].name, &vector);
        vector.bytes[wrong[i].at] = wrong[i].byte;
        s_is_refused (vector.bytes, vector.size, EPROTO);
    }
}

// Numbers that may not be 0.
static void
s_test_nobody (void **state)
{
    (void) state;
    static const struct {
        size_t at;
        size_t size;
    } fields[] = { { 16, 4 }, { 24, 4 }, { 28, 16 }, { 44, 8 } };
    t_vector_t vector;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        t_vector_read ("join", &vector);
        memset (vector.bytes + fields[i].at, 0, fields[i].size);
        s_is_refused (vector.bytes, vector.size, EPROTO);
    }
    t_vector_read ("join", &vector);
    memcpy (vector.bytes + 52, vector.bytes + 44, 8);
    s_is_refused (vector.bytes, vector.size, EPROTO);
    t_vector_read ("welcome", &vector);
    memset (vector.bytes + 8, 0, 8);
    s_is_refused (vector.bytes, vector.size, EPROTO);
}

// Of another version the head is read, whatever follows; a reason is a reason.
static void
s_test_versions (void **state)
{
    (void) state;
    t_vector_t vector;
    brd_hello_t back;
    t_vector_read ("join", &vector);
    vector.bytes[6] = 2;
    s_is_refused (vector.bytes, vector.size, EPROTONOSUPPORT);
    s_is_refused (vector.bytes, 8, EPROTONOSUPPORT);
    assert_int_equal (brd_hello_get (vector.bytes, 20, &back), -1);
    assert_int_equal (back.version, 2);
    assert_int_equal (back.type, BRD_HELLO_HELLO);
    vector.bytes[4] = BRD_HELLO_WELCOME;
    s_is_refused (vector.bytes, vector.size, EPROTONOSUPPORT);
    t_vector_read ("refused", &vector);
    vector.bytes[6] = 9;
    assert_int_equal (brd_hello_get (vector.bytes, vector.size, &back), 0);
    assert_int_equal (back.version, 9);
    assert_string_equal (back.text, "not admitted");
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_vectors),  cmocka_unit_test (s_test_sizes),
        cmocka_unit_test (s_test_garbage),  cmocka_unit_test (s_test_nobody),
        cmocka_unit_test (s_test_versions),
    };
    t_watchdog (30);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
