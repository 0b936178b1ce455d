// test_brd_names.c - the keeper of names, and what it is asked
//
// SPDX-License-Identifier: MPL-2.0
//
// A keeper of a brood that does not exist, with this program for its owner:
// what is said to it, in order and out of order.

#include "t.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/brd_error.h"
#include "base/brd_segment.h"
#include "base/brd_sys.h"
#include "client/brd_names.h"
#include "names/names.h"
#include "transport/brd_endpoint.h"

static uint64_t s_brood;
static brd_names_keeper_t s_keeper;

static int
s_setup (void **state)
{
    (void) state;
    if (brd_sys_random (&s_brood, sizeof s_brood) < 0)
        return -1;
    return brd_names_keeper_start (&s_keeper, s_brood, getpid ());
}

static int
s_teardown (void **state)
{
    (void) state;
    brd_names_keeper_end (&s_keeper);
    return 0;
}

static brd_names_request_t
s_request (brd_names_op_t op, uint64_t number, const char *name)
{
    brd_names_request_t request = {
        .magic = BRD_NAMES_MAGIC, .op = op, .number = number, .kind = 7
    };
    // Unlike those of other runs of this test.
    if (name)
        snprintf (request.name,
                  sizeof request.name,
                  "%s-%llx",
                  name,
                  (unsigned long long) s_brood);
    return request;
}

static int
s_put (uint64_t number, const char *name, int fd)
{
    const brd_names_request_t request = s_request (BRD_NAMES_PUT, number, name);
    brd_names_answer_t answer;
    return brd_names_ask (s_brood, &request, fd, &answer, NULL);
}

static int
s_get (uint64_t number, brd_names_answer_t *answer, int *fd)
{
    const brd_names_request_t request = s_request (BRD_NAMES_GET, number, NULL);
    return brd_names_ask (s_brood, &request, -1, answer, fd);
}

static int
s_drop (uint64_t number)
{
    const brd_names_request_t request =
        s_request (BRD_NAMES_DROP, number, NULL);
    brd_names_answer_t answer;
    return brd_names_ask (s_brood, &request, -1, &answer, NULL);
}

static void
s_must_hold (int fd, size_t size)
{
    struct stat file;
    assert_int_equal (fstat (fd, &file), 0);
    assert_int_equal (file.st_size, size);
    assert_int_equal (close (fd), 0);
}

static void
s_test_life (void **state)
{
    (void) state;
    brd_names_answer_t answer;
    const brd_names_request_t named = s_request (BRD_NAMES_PUT, 1, "life");
    int fd = -1, memory = brd_segment_new (4321);
    assert_int_equal (s_put (1, "life", memory), 0);
    // An answer was lost, and it is asked again.
    assert_int_equal (s_put (1, "life", memory), 0);
    // Another one.
    assert_int_equal (s_put (2, "life", memory), -1);
    assert_int_equal (errno, EEXIST);
    assert_int_equal (brd_names_open (named.name, &answer, &fd), 0);
    assert_int_equal (answer.brood, s_brood);
    assert_int_equal (answer.number, 1);
    assert_int_equal (answer.kind, 7);
    assert_string_equal (answer.name, named.name);
    s_must_hold (fd, 4321);
    assert_int_equal (s_get (1, &answer, &fd), 0);
    assert_string_equal (answer.name, named.name);
    s_must_hold (fd, 4321);
    assert_int_equal (s_get (2, &answer, &fd), -1);
    assert_int_equal (errno, ENOENT);
    assert_int_equal (s_drop (1), 0);
    assert_int_equal (s_drop (1), 0);
    assert_int_equal (brd_names_open (named.name, &answer, &fd), -1);
    assert_int_equal (errno, ENOENT);
    assert_int_equal (s_get (1, &answer, &fd), -1);
    assert_int_equal (errno, ENOENT);
    assert_int_equal (s_put (3, "life", memory), 0);
    assert_int_equal (s_drop (3), 0);
    brd_sys_close (&memory);
}

#define S_LONGEST \
    "012345678901234567890123456789012345678901234567890123456789012"

static void
s_test_names (void **state)
{
    static const char longest[] = S_LONGEST;
    static const char too_long[] = S_LONGEST "3";
    static const char *const bad[] = { "",   "/",    "a/b",   "/a",    "a\nb",
                                       "\t", "\177", "a\001", too_long };
    static const char *const good[] = { "a",   ".",        "..",
                                        "a b", "\303\244", longest };
    (void) state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal (brd_names_check (bad[i]), -1);
        assert_int_equal (errno, EINVAL);
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal (brd_names_check (good[i]), 0);
}

// More names than its first table holds, each with its own memory.
static void
s_test_many (void **state)
{
    enum {
        MANY = 150
    };
    char name[32];
    brd_names_answer_t answer;
    (void) state;
    for (int i = 0; i < MANY; i++) {
        int fd = brd_segment_new ((size_t) i + 1);
        snprintf (name, sizeof name, "many-%d", i);
        assert_int_equal (s_put (1000 + (uint64_t) i, name, fd), 0);
        brd_sys_close (&fd);
    }
    for (int i = 0; i < MANY; i++) {
        int fd;
        assert_int_equal (s_get (1000 + (uint64_t) i, &answer, &fd), 0);
        s_must_hold (fd, (size_t) i + 1);
    }
    for (int i = 0; i < MANY; i++)
        assert_int_equal (s_drop (1000 + (uint64_t) i), 0);
}

static int
s_connect (void)
{
    char address[BRD_NAMES_ADDRESS_SIZE];
    brd_endpoint_t at;
    brd_names_keeper_address (s_brood, address);
    assert_int_equal (brd_endpoint_parse (&at, address, 0), 0);
    return brd_endpoint_connect (&at, 0);
}

// What has no place in the conversation does not end it for others.
static void
s_test_rude (void **state)
{
    enum {
        SILENT = 200
    };
    int silent[SILENT];
    char bytes[500] = "GET / HTTP/1.1\r\n\r\n";
    (void) state;
    int memory = brd_segment_new (10);
    for (int i = 0; i < SILENT; i++) {
        silent[i] = s_connect ();
        assert_true (silent[i] >= 0);
    }
    for (size_t size = 0; size < sizeof bytes; size += 13) {
        int fd = s_connect ();
        assert_true (fd >= 0);
        (void) !brd_sys_send (fd, bytes, size, 0);
        brd_sys_close (&fd);
    }
    assert_int_equal (s_put (5, "rude", memory), 0);
    for (int i = 0; i < SILENT; i++)
        brd_sys_close (&silent[i]);
    // No descriptor, no name, no such request.
    assert_int_equal (s_put (6, "none", -1), -1);
    assert_int_equal (errno, EPROTO);
    brd_names_request_t request = s_request (BRD_NAMES_PUT, 7, NULL);
    brd_names_answer_t answer;
    assert_int_equal (brd_names_ask (s_brood, &request, memory, &answer, NULL),
                      -1);
    assert_int_equal (errno, EINVAL);
    memset (request.name, 'a', sizeof request.name);
    assert_int_equal (brd_names_ask (s_brood, &request, memory, &answer, NULL),
                      -1);
    assert_int_equal (errno, EINVAL);
    request.op = 99;
    assert_int_equal (brd_names_ask (s_brood, &request, memory, &answer, NULL),
                      -1);
    assert_int_equal (errno, EPROTO);
    assert_int_equal (s_drop (5), 0);
    brd_sys_close (&memory);
}

static void
s_test_one_keeper (void **state)
{
    brd_names_keeper_t second;
    (void) state;
    assert_int_equal (brd_names_keeper_start (&second, s_brood, getpid ()), 0);
    // Somebody was faster, so there is nothing to end.
    assert_int_equal (second.pid, 0);
    assert_int_equal (second.fd, -1);
    brd_names_keeper_end (&second);
    assert_int_equal (s_drop (12345), 0);
}

static int
s_is_silent (void *arg)
{
    brd_names_answer_t answer;
    (void) arg;
    return s_get (1, &answer, NULL) < 0 && errno == ECONNREFUSED;
}

static void
s_test_end (void **state)
{
    brd_names_answer_t answer;
    (void) state;
    int fd = brd_segment_new (1);
    const brd_names_request_t named = s_request (BRD_NAMES_PUT, 9, "end");
    for (int i = 0; i < 3; i++) {
        assert_int_equal (s_put (9, "end", fd), 0);
        if (i == 0)
            brd_names_end (s_brood);
        else if (i == 1)
            brd_names_keeper_end (&s_keeper);
        else
            assert_int_equal (kill (s_keeper.pid, SIGKILL), 0);
        assert_true (t_eventually (s_is_silent, NULL, 20));
        assert_int_equal (brd_names_open (named.name, &answer, NULL), -1);
        assert_int_equal (errno, ENOENT);
        brd_names_end (s_brood);
        brd_names_keeper_end (&s_keeper);
        assert_int_equal (s_setup (NULL), 0);
    }
    brd_sys_close (&fd);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_life),       cmocka_unit_test (s_test_names),
        cmocka_unit_test (s_test_many),       cmocka_unit_test (s_test_rude),
        cmocka_unit_test (s_test_one_keeper), cmocka_unit_test (s_test_end),
    };
    t_watchdog (100);
    return cmocka_run_group_tests (tests, s_setup, s_teardown);
}
