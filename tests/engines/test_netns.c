// test_netns.c - the wire between two hosts does what it is told
//
// SPDX-License-Identifier: MPL-2.0
//
// Host a echoes datagrams, host b sends some: each is this program again, in
// that host's namespace.
//
//     test_netns serve         prints "ready", then echoes, with a dot for each
//     test_netns ask TRIES     0 once one came back; prints after how many ms

#include "tests/t.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include "t_fixture.h"

enum {
    S_TRY_MS = 100,
    S_MANY = 300,
    S_FEW = 8
};

static int64_t
s_now_ms (void)
{
    struct timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct sockaddr_in
s_address (void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons (7000) };
    inet_pton (AF_INET, "10.77.0.1", &address.sin_addr);
    return address;
}

// Prints a dot for each that comes.
static int
s_serve (void)
{
    const struct sockaddr_in here = s_address ();
    const int fd = socket (AF_INET, SOCK_DGRAM, 0);
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    if (bind (fd, (const struct sockaddr *) &here, sizeof here) < 0)
        return 1;
    printf ("ready\n");
    fflush (stdout);
    for (;;) {
        char bytes[64];
        struct sockaddr_in from;
        socklen_t size = sizeof from;
        const ssize_t n = recvfrom (
            fd, bytes, sizeof bytes, 0, (struct sockaddr *) &from, &size);
        if (n <= 0 || write (STDOUT_FILENO, ".", 1) != 1)
            return 1;
        sendto (fd, bytes, (size_t) n, 0, (struct sockaddr *) &from, size);
    }
}

static int
s_ask (int tries)
{
    const struct sockaddr_in there = s_address ();
    const int fd = socket (AF_INET, SOCK_DGRAM, 0);
    struct pollfd answer = { fd, POLLIN, 0 };
    if (connect (fd, (const struct sockaddr *) &there, sizeof there) < 0)
        return 1;
    const int64_t begin = s_now_ms ();
    for (; tries > 0; tries--) {
        if (send (fd, "?", 1, 0) != 1)
            return 1;
        if (poll (&answer, 1, S_TRY_MS) > 0) {
            printf ("%d\n", (int) (s_now_ms () - begin));
            return 0;
        }
    }
    return 2;
}

// --- On this side ----------------------------------------------------------

static int s_heard = -1;  // What host a has to say

static int
s_server_ready (void *arg)
{
    char bytes[16] = "";
    (void) arg;
    return read (s_heard, bytes, sizeof bytes - 1) > 0
           && strstr (bytes, "ready");
}

// How many datagrams have come to a since this was last asked.
static int
s_count_heard (void)
{
    char bytes[256];
    int count = 0;
    struct pollfd fd = { s_heard, POLLIN, 0 };
    while (poll (&fd, 1, 0) > 0) {
        const ssize_t n = read (s_heard, bytes, sizeof bytes);
        if (n <= 0)
            break;
        count += (int) n;
    }
    return count;
}

static int
s_all_heard (void *count)
{
    *(int *) count += s_count_heard ();
    return *(int *) count == S_FEW;
}

typedef struct {
    const char *host;
    const char *verb;
    const char *tries;
} s_call_t;

static void
s_exec (void *arg)
{
    const s_call_t *call = arg;
    char self[256];
    const ssize_t n = readlink ("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    const char *path = t_fixture_path (call->host);
    execl (path, path, self, call->verb, call->tries, (char *) NULL);
    _exit (99);
}

static pid_t
s_start_server (void)
{
    int fds[2];
    s_call_t call = { "a", "serve", NULL };
    assert_int_equal (pipe (fds), 0);
    const pid_t pid = fork ();
    if (pid == 0) {
        dup2 (fds[1], STDOUT_FILENO);
        s_exec (&call);
    }
    close (fds[1]);
    s_heard = fds[0];
    return pid;
}

// Milliseconds until b was answered, -1 if it was not.
static int
s_ask_from_b (int tries)
{
    char text[16];
    int status;
    snprintf (text, sizeof text, "%d", tries);
    s_call_t call = { "b", "ask", text };
    char *said = t_run_child (s_exec, &call, 60, &status);
    const int ms = atoi (said);
    if (!WIFEXITED (status)
        || (WEXITSTATUS (status) != 0 && WEXITSTATUS (status) != 2))
        fail_msg ("%s", said);
    free (said);
    return WEXITSTATUS (status) == 0 ? ms : -1;
}

static void
s_test_wire (void **state)
{
    (void) state;
    const pid_t server = s_start_server ();
    assert_true (t_eventually (s_server_ready, NULL, 30));
    assert_true (s_ask_from_b (S_MANY) >= 0);
    assert_true (s_count_heard () >= 1);
    t_fixture_set ("0 0 0 both");
    assert_int_equal (s_ask_from_b (S_FEW), -1);
    assert_int_equal (s_count_heard (), 0);
    // a hears, and is not heard.
    t_fixture_set ("0 0 0 ab");
    assert_int_equal (s_ask_from_b (S_FEW), -1);
    int count = 0;
    assert_true (t_eventually (s_all_heard, &count, 30));
    t_fixture_set ("0 0 0 ba");
    assert_int_equal (s_ask_from_b (S_FEW), -1);
    assert_int_equal (s_count_heard (), 0);
    t_fixture_set ("0 0 1000 none");
    assert_int_equal (s_ask_from_b (S_FEW), -1);
    t_fixture_set ("0 0 500 none");
    assert_true (s_ask_from_b (S_MANY) >= 0);
    // There and back.
    t_fixture_set ("150 0 0 none");
    assert_true (s_ask_from_b (S_MANY) >= 299);
    t_fixture_set ("20 5 0 none");
    assert_true (s_ask_from_b (S_MANY) >= 29);
    kill (server, SIGKILL);
    waitpid (server, NULL, 0);
    close (s_heard);
}

int
main (int argc, char **argv)
{
    if (argc > 1 && strcmp (argv[1], "serve") == 0)
        return s_serve ();
    if (argc > 2 && strcmp (argv[1], "ask") == 0)
        return s_ask (atoi (argv[2]));
    t_mark (argv);
    const struct CMUnitTest tests[] = { cmocka_unit_test (s_test_wire) };
    t_watchdog (110);
    if (!t_fixture_start ("netns"))
        return T_FIXTURE_SKIP;
    const int rc = cmocka_run_group_tests (tests, NULL, NULL);
    t_fixture_stop ();
    return rc;
}
