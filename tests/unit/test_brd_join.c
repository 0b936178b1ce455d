// test_brd_join.c - one text for a value, and an error for all other texts
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/brd_error.h"
#include "wire/brd_join.h"

static brd_join_t
s_join (int n_addresses, size_t length)
{
    brd_join_t join = {
        .role = BRD_JOIN_BELOW,
        .expires = 1800000000,
        .n_addresses = n_addresses,
    };
    for (int i = 0; i < BRD_JOIN_KEY; i++) {
        join.key[i] = (unsigned char) i;
        join.token[i] = (unsigned char) (255 - i);
    }
    for (int i = 0; i < n_addresses && i < BRD_JOIN_ADDRESSES; i++)
        memset (join.addresses[i], 'a' + i, length);
    return join;
}

// The document has this text, for these values.
static void
s_test_document (void **state)
{
    (void) state;
    brd_join_t join = s_join (1, 0), back;
    char text[BRD_JOIN_TEXT_MAX], line[BRD_JOIN_TEXT_MAX];
    int found = 0;
    strcpy (join.addresses[0], "tcp://head:5555");
    assert_int_equal (brd_join_print (&join, text), 0);
    FILE *document = fopen (T_RFC, "r");
    assert_non_null (document);
    while (fgets (line, sizeof line, document))
        if (strncmp (line, "brood1:", 7) == 0) {
            assert_int_equal (brd_join_parse (&back, line, strlen (line)), 0);
            assert_memory_equal (&join, &back, sizeof join);
            assert_memory_equal (line, text, strlen (text));
            found++;
        }
    fclose (document);
    assert_int_equal (found, 1);
}

static void
s_test_there_and_back (void **state)
{
    (void) state;
    char text[BRD_JOIN_TEXT_MAX], padded[BRD_JOIN_TEXT_MAX + 8];
    static const size_t lengths[] = { 1, 2, 3, 4, 5, 21, BRD_JOIN_ADDRESS_MAX };
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        for (int n = 1; n <= BRD_JOIN_ADDRESSES; n++) {
            brd_join_t join = s_join (n, lengths[i]), back;
            memset (&back, 0, sizeof back);
            assert_int_equal (brd_join_print (&join, text), 0);
            snprintf (padded, sizeof padded, " \t%s\r\n", text);
            assert_int_equal (brd_join_parse (&back, padded, strlen (padded)),
                              0);
            assert_memory_equal (&join, &back, sizeof join);
        }
}

static void
s_test_unprintable (void **state)
{
    (void) state;
    char text[BRD_JOIN_TEXT_MAX];
    brd_join_t join = s_join (0, 3);
    assert_int_equal (brd_join_print (&join, text), -1);
    assert_int_equal (errno, EINVAL);
    join = s_join (BRD_JOIN_ADDRESSES + 1, 3);
    assert_int_equal (brd_join_print (&join, text), -1);
    join = s_join (2, 0);
    assert_int_equal (brd_join_print (&join, text), -1);
    join = s_join (1, BRD_JOIN_ADDRESS_MAX + 1);
    assert_int_equal (brd_join_print (&join, text), -1);
    join = s_join (1, 3);
    join.addresses[0][1] = ' ';
    assert_int_equal (brd_join_print (&join, text), -1);
    join = s_join (1, 3);
    join.role = 0;
    assert_int_equal (brd_join_print (&join, text), -1);
    join.role = BRD_JOIN_BELOW;
    join.expires = -1;
    assert_int_equal (brd_join_print (&join, text), -1);
}

// Every prefix, every letter changed: an error that repeats none of it.
static void
s_test_mistyped (void **state)
{
    (void) state;
    brd_join_t join = s_join (2, 20), back;
    char text[BRD_JOIN_TEXT_MAX];
    assert_int_equal (brd_join_print (&join, text), 0);
    const size_t size = strlen (text);
    memset (&back, 7, sizeof back);
    const brd_join_t before = back;
    for (size_t i = 0; i < size; i++) {
        assert_int_equal (brd_join_parse (&back, text, i), -1);
        assert_int_equal (errno, EINVAL);
        const char was = text[i];
        text[i] = was == 'q' ? 'r' : 'q';
        assert_int_equal (brd_join_parse (&back, text, size), -1);
        assert_null (strstr (brd_error_get ()->text, text + 8));
        text[i] = '!';
        assert_int_equal (brd_join_parse (&back, text, size), -1);
        text[i] = was;
    }
    assert_memory_equal (&back, &before, sizeof back);
    text[5] = '2';
    assert_int_equal (brd_join_parse (&back, text, size), -1);
    assert_non_null (strstr (brd_error_get ()->text, "another version"));
}

// A value has one text: the bits that are left over are 0, and no letter is too
// many.
static void
s_test_left_over (void **state)
{
    (void) state;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    char text[BRD_JOIN_TEXT_MAX];
    for (size_t length = 1; length < 6; length++) {
        brd_join_t join = s_join (1, length), back;
        assert_int_equal (brd_join_print (&join, text), 0);
        const size_t size = strlen (text);
        char *last = &text[size - 1];
        const char was = *last;
        *last = letters[(size_t) (strchr (letters, was) - letters) ^ 1];
        assert_int_equal (brd_join_parse (&back, text, size), -1);
        *last = was;
        for (int i = 1; i < 8; i++) {
            text[size + (size_t) i - 1] = 'a';
            text[size + (size_t) i] = '\0';
            assert_int_equal (brd_join_parse (&back, text, size + (size_t) i),
                              -1);
        }
    }
}

static void
s_test_wipe (void **state)
{
    (void) state;
    brd_join_t join = s_join (1, 3);
    static const brd_join_t nothing;
    brd_join_wipe (&join);
    assert_memory_equal (&join, &nothing, sizeof join);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_document),
        cmocka_unit_test (s_test_there_and_back),
        cmocka_unit_test (s_test_unprintable),
        cmocka_unit_test (s_test_mistyped),
        cmocka_unit_test (s_test_left_over),
        cmocka_unit_test (s_test_wipe),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
