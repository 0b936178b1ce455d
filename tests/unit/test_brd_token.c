// test_brd_token.c - what a token is good for, how often and until when
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <errno.h>
#include <string.h>

#include "base/brd_error.h"
#include "base/brd_fault.h"
#include "wire/brd_token.h"

enum {
    NOW = 1000
};

static const unsigned char *
s_id (int n)
{
    static unsigned char id[BRD_JOIN_KEY];
    memset (id, 1, sizeof id);
    id[0] = (unsigned char) n;
    id[31] = (unsigned char) (n >> 8);
    return id;
}

static void
s_refused (brd_token_book_t *book,
           int n,
           brd_join_role_t role,
           int64_t now,
           const char *why)
{
    assert_int_equal (brd_token_use (book, s_id (n), role, now), -1);
    assert_int_equal (errno, EACCES);
    assert_non_null (strstr (brd_error_get ()->text, why));
    brd_error_forget ();
    assert_int_equal (brd_token_check (book, s_id (n), role, now), -1);
    assert_int_equal (errno, EACCES);
    assert_non_null (strstr (brd_error_get ()->text, why));
}

static void
s_test_uses (void **state)
{
    (void) state;
    brd_token_book_t *book = brd_token_new ();
    assert_int_equal (brd_token_add (book, s_id (1), BRD_JOIN_BELOW, 1, 0), 0);
    assert_int_equal (brd_token_add (book, s_id (2), BRD_JOIN_BELOW, 3, 0), 0);
    assert_int_equal (brd_token_is_good (book, s_id (1), NOW), 1);
    // To look uses nothing.
    for (int i = 0; i < 3; i++)
        assert_int_equal (brd_token_check (book, s_id (1), BRD_JOIN_BELOW, NOW),
                          0);
    assert_int_equal (brd_token_use (book, s_id (1), BRD_JOIN_BELOW, NOW), 0);
    assert_int_equal (brd_token_is_good (book, s_id (1), NOW), 0);
    s_refused (book, 1, BRD_JOIN_BELOW, NOW, "used up");
    for (int i = 0; i < 3; i++)
        assert_int_equal (brd_token_use (book, s_id (2), BRD_JOIN_BELOW, NOW),
                          0);
    s_refused (book, 2, BRD_JOIN_BELOW, NOW, "used up");
    s_refused (book, 3, BRD_JOIN_BELOW, NOW, "unknown");
    brd_token_destroy (&book);
    assert_null (book);
}

static void
s_test_expiry (void **state)
{
    (void) state;
    brd_token_book_t *book = brd_token_new ();
    assert_int_equal (brd_token_add (book, s_id (1), BRD_JOIN_BELOW, 9, NOW),
                      0);
    assert_int_equal (brd_token_is_good (book, s_id (1), NOW - 1), 1);
    assert_int_equal (brd_token_use (book, s_id (1), BRD_JOIN_BELOW, NOW - 1),
                      0);
    assert_int_equal (brd_token_is_good (book, s_id (1), NOW), 0);
    s_refused (book, 1, BRD_JOIN_BELOW, NOW, "expired");
    brd_token_destroy (&book);
}

// And the token is as good as before.
static void
s_test_role (void **state)
{
    (void) state;
    brd_token_book_t *book = brd_token_new ();
    assert_int_equal (brd_token_add (book, s_id (1), BRD_JOIN_ABOVE, 1, 0), 0);
    s_refused (book, 1, BRD_JOIN_BELOW, NOW, "role");
    assert_int_equal (brd_token_use (book, s_id (1), BRD_JOIN_ABOVE, NOW), 0);
    brd_token_destroy (&book);
}

static void
s_test_always (void **state)
{
    (void) state;
    brd_token_book_t *book = brd_token_new ();
    assert_int_equal (
        brd_token_add (book, s_id (1), BRD_JOIN_BELOW, BRD_TOKEN_ALWAYS, 0), 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal (brd_token_use (book, s_id (1), BRD_JOIN_BELOW, NOW),
                          0);
    assert_int_equal (
        brd_token_add (book, s_id (2), BRD_JOIN_ADMIN, BRD_TOKEN_ALWAYS, NOW),
        0);
    s_refused (book, 2, BRD_JOIN_ADMIN, NOW, "expired");
    assert_int_equal (brd_token_sweep (book, NOW), 1);
    brd_token_destroy (&book);
}

static void
s_test_book (void **state)
{
    (void) state;
    brd_token_book_t *book = brd_token_new ();
    for (int i = 0; i < BRD_TOKEN_MAX; i++)
        assert_int_equal (
            brd_token_add (book, s_id (i), BRD_JOIN_BELOW, 1, i % 2 ? NOW : 0),
            0);
    assert_int_equal (brd_token_add (book, s_id (5000), BRD_JOIN_BELOW, 1, 0),
                      -1);
    assert_int_equal (errno, ENOSPC);
    assert_int_equal (brd_token_add (book, s_id (7), BRD_JOIN_BELOW, 1, 0), -1);
    assert_int_equal (errno, EEXIST);
    assert_int_equal (brd_token_add (book, s_id (7), BRD_JOIN_BELOW, 0, 0), -1);
    assert_int_equal (errno, EINVAL);
    brd_token_revoke (book, s_id (7));
    brd_token_revoke (book, s_id (7));
    s_refused (book, 7, BRD_JOIN_BELOW, 0, "unknown");
    assert_int_equal (brd_token_use (book, s_id (8), BRD_JOIN_BELOW, NOW), 0);
    assert_int_equal (brd_token_sweep (book, NOW), BRD_TOKEN_MAX / 2 - 1);
    assert_int_equal (brd_token_is_good (book, s_id (10), NOW), 1);
    brd_token_destroy (&book);
}

// What cannot be written down leaves the book as it was.
static void
s_test_no_memory (void **state)
{
    (void) state;
    int n = 0;
    brd_fault_arm (BRD_FAULT_MEMORY, 1, ENOMEM);
    assert_null (brd_token_new ());
    assert_int_equal (errno, ENOMEM);
    brd_fault_arm (BRD_FAULT_MEMORY, 0, 0);
    brd_token_book_t *book = brd_token_new ();
    for (int failed = 0; failed < 3;) {
        brd_fault_arm (BRD_FAULT_MEMORY, 1, ENOMEM);
        const int rc = brd_token_add (book, s_id (n), BRD_JOIN_BELOW, 1, 0);
        brd_fault_arm (BRD_FAULT_MEMORY, 0, 0);
        if (rc == 0) {
            n++;
            continue;
        }
        assert_int_equal (errno, ENOMEM);
        assert_int_equal (brd_token_is_good (book, s_id (n), NOW), 0);
        assert_int_equal (brd_token_sweep (book, NOW), n);
        assert_int_equal (brd_token_add (book, s_id (n), BRD_JOIN_BELOW, 1, 0),
                          0);
        n++;
        failed++;
    }
    for (int i = 0; i < n; i++)
        assert_int_equal (brd_token_is_good (book, s_id (i), NOW), 1);
    brd_token_destroy (&book);
    brd_token_destroy (&book);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_uses), cmocka_unit_test (s_test_expiry),
        cmocka_unit_test (s_test_role), cmocka_unit_test (s_test_always),
        cmocka_unit_test (s_test_book), cmocka_unit_test (s_test_no_memory),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
