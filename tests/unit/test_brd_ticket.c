// test_brd_ticket.c - join strings in files, and what is wrong with them
//
// SPDX-License-Identifier: MPL-2.0

#include "t.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/brd_error.h"
#include "base/brd_secret.h"
#include "client/brd_ticket.h"

static char s_file[64];

// A file with one for that role.
static void
s_make (brd_join_role_t role)
{
    brd_join_t join = { .role = role, .n_addresses = 2 };
    char text[BRD_JOIN_TEXT_MAX];
    memset (join.token, 7, sizeof join.token);
    strcpy (join.addresses[0], "tcp://one:1");
    strcpy (join.addresses[1], "tcp://two:2");
    assert_int_equal (brd_join_print (&join, text), 0);
    snprintf (s_file, sizeof s_file, "/tmp/test_brd_ticket.%d", getpid ());
    (void) unlink (s_file);
    assert_int_equal (brd_secret_write_file (s_file, text), 0);
}

static void
s_refused (int rc, int error, const char *words)
{
    assert_int_equal (rc, -1);
    if (errno != error || !strstr (brd_error_get ()->text, words))
        fail_msg ("%d: %s", errno, brd_error_get ()->text);
}

static int
s_of (const char *text, brd_join_t *ret_join)
{
    brd_place_t place;
    assert_int_equal (brd_place_read (text, &place), 0);
    return brd_ticket_of_place (&place, BRD_JOIN_ABOVE, ret_join);
}

// The address of the place wins; the file of the place, too.
static void
s_test_place (void **state)
{
    (void) state;
    char text[128];
    brd_join_t join;
    assert_int_equal (unsetenv ("BROOD_JOIN"), 0);
    s_make (BRD_JOIN_ABOVE);
    s_refused (s_of ("tcp://h:5", &join), EINVAL, "tcp://h:5?join=FILE or");
    assert_int_equal (setenv ("BROOD_JOIN", "", 1), 0);
    s_refused (s_of ("tcp://h:5", &join), EINVAL, "BROOD_JOIN=FILE");
    assert_int_equal (setenv ("BROOD_JOIN", s_file, 1), 0);
    assert_int_equal (s_of ("tcp://h:5", &join), 0);
    assert_int_equal (join.n_addresses, 1);
    assert_string_equal (join.addresses[0], "tcp://h:5");
    assert_int_equal (join.token[31], 7);
    assert_int_equal (setenv ("BROOD_JOIN", "/nonexistent", 1), 0);
    s_refused (s_of ("tcp://h:5", &join), ENOENT, "/nonexistent");
    snprintf (text, sizeof text, "tcp://h:6?join=%s", s_file);
    assert_int_equal (s_of (text, &join), 0);
    assert_string_equal (join.addresses[0], "tcp://h:6");
    assert_int_equal (unlink (s_file), 0);
}

static void
s_test_role (void **state)
{
    (void) state;
    brd_join_t join;
    s_make (BRD_JOIN_ADMIN);
    assert_int_equal (brd_ticket_read (s_file, BRD_JOIN_ADMIN, NULL, &join), 0);
    assert_int_equal (join.n_addresses, 2);
    s_refused (brd_ticket_read (s_file, BRD_JOIN_BELOW, NULL, &join),
               EINVAL,
               "and not to do work");
    assert_non_null (strstr (brd_error_get ()->text, s_file));
    assert_int_equal (unlink (s_file), 0);
}

static void
s_test_files (void **state)
{
    (void) state;
    brd_join_t join;
    s_make (BRD_JOIN_BELOW);
    assert_int_equal (chmod (s_file, 0640), 0);
    s_refused (
        brd_ticket_read (s_file, BRD_JOIN_BELOW, NULL, &join), EACCES, "0640");
    assert_int_equal (chmod (s_file, 0600), 0);
    assert_int_equal (truncate (s_file, 40), 0);
    s_refused (brd_ticket_read (s_file, BRD_JOIN_BELOW, NULL, &join),
               EINVAL,
               "incomplete");
    assert_int_equal (truncate (s_file, 0), 0);
    s_refused (
        brd_ticket_read (s_file, BRD_JOIN_BELOW, NULL, &join), EINVAL, s_file);
    assert_int_equal (unlink (s_file), 0);
}

static void
s_test_address (void **state)
{
    (void) state;
    char text[BRD_JOIN_ADDRESS_MAX + 64] = "tcp://";
    brd_join_t join;
    s_make (BRD_JOIN_BELOW);
    memset (text + 6, 'h', BRD_JOIN_ADDRESS_MAX - 8);
    strcpy (text + BRD_JOIN_ADDRESS_MAX - 2, ":5");
    assert_int_equal (brd_ticket_read (s_file, BRD_JOIN_BELOW, text, &join), 0);
    assert_string_equal (join.addresses[0], text);
    strcat (text, "5");
    s_refused (brd_ticket_read (s_file, BRD_JOIN_BELOW, text, &join),
               EINVAL,
               "that long");
    assert_int_equal (unlink (s_file), 0);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_place),
        cmocka_unit_test (s_test_role),
        cmocka_unit_test (s_test_files),
        cmocka_unit_test (s_test_address),
    };
    t_watchdog (30);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
