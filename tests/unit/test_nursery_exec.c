// test_nursery_exec.c - whose call it is
//
// SPDX-License-Identifier: MPL-2.0
//
// A call is found only if everything about it is right; of one that is not,
// nothing has been touched.

#include "tests/t.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "workers/nursery_internal.h"

#define S_TOKEN_TEXT "00112233445566778899aabbccddeeff"

typedef struct {
    int pair[2];
    brd_nursery_hello_t hello;
    char value[64];
} s_call_t;

// One that is right.
static void
s_make (s_call_t *call, int type)
{
    memset (call, 0, sizeof *call);
    assert_int_equal (socketpair (AF_UNIX, type, 0, call->pair), 0);
    memcpy (call->hello.magic, BRD_NURSERY_MAGIC, sizeof call->hello.magic);
    for (int i = 0; i < BRD_NURSERY_TOKEN; i++)
        call->hello.token[i] = (unsigned char) (i * 0x11);
    call->hello.pid = call->hello.owner = getpid ();
    call->hello.owner_fd = STDIN_FILENO;
    call->hello.exec.arena_fd = STDIN_FILENO;
    call->hello.exec.story = 42;
    snprintf (
        call->value, sizeof call->value, "%d." S_TOKEN_TEXT, call->pair[1]);
}

static int
s_find (s_call_t *call, brd_nursery_call_t *ret_found)
{
    const size_t size = sizeof call->hello;
    assert_true (send (call->pair[0], &call->hello, size, 0) == (ssize_t) size);
    setenv (BRD_NURSERY_VARIABLE, call->value, 1);
    return brd_nursery_exec_found (ret_found);
}

static void
s_end (s_call_t *call)
{
    close (call->pair[0]);
    close (call->pair[1]);
    unsetenv (BRD_NURSERY_VARIABLE);
}

static void
s_test_found (void **state)
{
    s_call_t call;
    brd_nursery_call_t found;
    char rest[8];
    (void) state;
    const int flags = fcntl (STDIN_FILENO, F_GETFD);
    s_make (&call, SOCK_SEQPACKET);
    assert_int_equal (s_find (&call, &found), 1);
    assert_int_equal (found.pair_fd, call.pair[1]);
    assert_int_equal (found.owner, getpid ());
    assert_int_equal (found.exec.story, 42);
    // The call is answered once, and not by programs it executes.
    assert_null (getenv (BRD_NURSERY_VARIABLE));
    assert_int_equal (fcntl (call.pair[1], F_GETFD), FD_CLOEXEC);
    assert_int_equal (fcntl (STDIN_FILENO, F_GETFD), FD_CLOEXEC);
    assert_int_equal (recv (call.pair[1], rest, sizeof rest, MSG_DONTWAIT), -1);
    assert_int_equal (brd_nursery_exec_found (&found), 0);
    (void) fcntl (STDIN_FILENO, F_SETFD, flags);
    s_end (&call);
}

typedef enum {
    S_TOKEN,
    S_MAGIC,
    S_MAKER,
    S_STREAM,
    S_CLOSED,
    S_FILE,
    S_SHORT,
    S_LONG,
    S_NO_NUMBER,
    S_WAYS
} s_wrong_t;

static void
s_spoil (s_call_t *call, s_wrong_t wrong)
{
    s_make (call, wrong == S_STREAM ? SOCK_STREAM : SOCK_SEQPACKET);
    const int fd = call->pair[1];
    const size_t size = sizeof call->value;
    if (wrong == S_TOKEN)
        call->hello.token[BRD_NURSERY_TOKEN - 1]++;
    if (wrong == S_MAGIC)
        call->hello.magic[6]++;
    if (wrong == S_MAKER)
        call->hello.owner = getppid ();
    if (wrong == S_CLOSED)
        snprintf (call->value, size, "%d." S_TOKEN_TEXT, 1000);
    if (wrong == S_FILE)
        snprintf (call->value, size, "%d." S_TOKEN_TEXT, STDIN_FILENO);
    if (wrong == S_SHORT)
        snprintf (call->value, size, "%d.0011", fd);
    if (wrong == S_LONG)
        snprintf (call->value, size, "%d." S_TOKEN_TEXT "0", fd);
    if (wrong == S_NO_NUMBER)
        snprintf (call->value, size, "x." S_TOKEN_TEXT);
}

static void
s_test_not_ours (void **state)
{
    s_call_t call;
    brd_nursery_call_t found;
    brd_nursery_hello_t got;
    (void) state;
    assert_int_equal (brd_nursery_exec_found (&found), 0);
    for (int wrong = 0; wrong < S_WAYS; wrong++) {
        s_spoil (&call, (s_wrong_t) wrong);
        assert_int_equal (s_find (&call, &found), 0);
        assert_string_equal (getenv (BRD_NURSERY_VARIABLE), call.value);
        assert_int_equal (fcntl (call.pair[1], F_GETFD), 0);
        assert_int_equal (recv (call.pair[1], &got, sizeof got, MSG_DONTWAIT),
                          sizeof got);
        s_end (&call);
    }
}

// A program that forks before it looks: neither goes on.
static void
s_find_in_child (void *arg)
{
    brd_nursery_call_t found;
    (void) arg;
    brd_assert (brd_nursery_exec_found (&found) == 0);
}

static void
s_test_not_for_this_process (void **state)
{
    s_call_t call;
    int status;
    brd_nursery_report_t report = { .type = 0 };
    (void) state;
    s_make (&call, SOCK_SEQPACKET);
    assert_true (send (call.pair[0], &call.hello, sizeof call.hello, 0) > 0);
    setenv (BRD_NURSERY_VARIABLE, call.value, 1);
    char *said = t_run_child (s_find_in_child, &call, 10, &status);
    assert_string_equal (said, "");
    assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 70);
    assert_int_equal (recv (call.pair[0], &report, sizeof report, 0),
                      sizeof report);
    assert_int_equal (report.type, BRD_NURSERY_FAILED);
    assert_int_equal (report.error, ECHILD);
    free (said);
    s_end (&call);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_found),
        cmocka_unit_test (s_test_not_ours),
        cmocka_unit_test (s_test_not_for_this_process),
    };
    t_watchdog (30);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
