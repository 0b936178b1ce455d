// test_brd_listener.c - who is let in, and who holds up nobody
//
// SPDX-License-Identifier: MPL-2.0

#include "t_stream.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include "base/brd_clock.h"

static char s_abstract[64];

// The listener is driven until it says something else than "not now".
static brd_stream_t *
s_accept (brd_listener_t *listener)
{
    brd_stream_t *stream;
    while (!(stream = brd_listener_accept (listener)) && errno == EAGAIN)
        t_wait (brd_listener_fd (listener), -1);
    return stream;
}

static void
s_end_pair (brd_stream_t **near_p, brd_stream_t **far_p)
{
    brd_stream_destroy (near_p);
    brd_stream_destroy (far_p);
}

static void
s_test_addresses (void **state)
{
    (void) state;
    static const struct {
        const char *at, *begins;
    } good[] = {
        { "tcp://127.0.0.1:0", "tcp://127.0.0.1:" },
        { "tcp://[::1]:0", "tcp://[::1]:" },
        { "tcp://*:0", "tcp://0.0.0.0:" },
        { "tcp://localhost:0", "tcp://" },
        { "ipc://@brood-test/a", "ipc://@brood-test/a" },
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        brd_stream_t *near, *far;
        brd_listener_t *listener = t_listen (good[i].at);
        const char *address = brd_listener_address (listener);
        assert_true (strncmp (address, good[i].begins, strlen (good[i].begins))
                     == 0);
        assert_null (strstr (address, ":0\0"));
        t_pair (listener, &near, &far);
        // Somebody is there already.
        assert_null (brd_listener_new (address, T_KEY, T_KEY_SIZE));
        assert_int_equal (errno, EADDRINUSE);
        s_end_pair (&near, &far);
        // The port can be had again at once, though connections to it linger.
        char again[BRD_ENDPOINT_TEXT_MAX];
        strcpy (again, address);
        brd_listener_destroy (&listener);
        listener = t_listen (again);
        assert_string_equal (brd_listener_address (listener), again);
        brd_listener_destroy (&listener);
        // Nobody is there any more.
        brd_stream_t *stream = brd_stream_connect (again, "k", 1);
        if (stream) {
            while (brd_stream_open (stream) < 0 && errno == EAGAIN)
                t_wait (brd_stream_fd (stream), -1);
            brd_stream_destroy (&stream);
        }
        assert_int_equal (errno, ECONNREFUSED);
    }
}

static void
s_test_bad_addresses (void **state)
{
    (void) state;
    static const char *const bad[] = {
        "",
        "tcp",
        "http://a:1",
        "tcp://",
        "tcp://a",
        "tcp://a:",
        "tcp://:1",
        "tcp://a:x",
        "tcp://::",
        "tcp://a:65536",
        "tcp://127.0.0.1:1x",
        "tcp://::1:5",
        "ipc://",
        "ipc://x",
        "ipc://@",
        "ipc:///",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_null (brd_stream_connect (bad[i], "k", 1));
        assert_int_equal (errno, EINVAL);
        if (strcmp (bad[i], "ipc:///") == 0)
            continue;
        assert_null (brd_listener_new (bad[i], "k", 1));
        assert_int_equal (errno, EINVAL);
    }
    char longest[200] = "ipc:///";
    memset (longest + 7, 'x', 150);
    assert_null (brd_listener_new (longest, "k", 1));
    assert_int_equal (errno, EINVAL);
    assert_null (brd_stream_connect ("tcp://*:5", "k", 1));
    assert_int_equal (errno, EINVAL);
    assert_null (brd_stream_connect ("tcp://127.0.0.1:0", "k", 1));
    assert_int_equal (errno, EINVAL);
    assert_null (brd_stream_connect ("ipc:///nowhere/brood", "k", 1));
    assert_int_equal (errno, ECONNREFUSED);
    assert_null (brd_listener_new ("ipc:///nowhere/brood", "k", 1));
    assert_int_equal (errno, ENOENT);
}

static void
s_test_files (void **state)
{
    (void) state;
    char folder[] = "/tmp/brood-test-XXXXXX";
    char path[64], address[80];
    struct stat at;
    brd_stream_t *near, *far;
    assert_non_null (mkdtemp (folder));
    snprintf (path, sizeof path, "%s/socket", folder);
    snprintf (address, sizeof address, "ipc://%s", path);
    brd_listener_t *listener = t_listen (address);
    assert_string_equal (brd_listener_address (listener), address);
    t_pair (listener, &near, &far);
    s_end_pair (&near, &far);
    assert_null (brd_listener_new (address, T_KEY, T_KEY_SIZE));
    assert_int_equal (errno, EADDRINUSE);
    brd_listener_destroy (&listener);
    assert_int_equal (stat (path, &at), -1);
    // What a killed program left behind is replaced.
    const int fd = socket (AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    strcpy (name.sun_path, path);
    assert_int_equal (bind (fd, (struct sockaddr *) &name, sizeof name), 0);
    close (fd);
    assert_int_equal (stat (path, &at), 0);
    listener = t_listen (address);
    t_pair (listener, &near, &far);
    s_end_pair (&near, &far);
    // A file of somebody else's that has taken the place stays.
    assert_int_equal (unlink (path), 0);
    FILE *file = fopen (path, "w");
    fclose (file);
    brd_listener_destroy (&listener);
    assert_int_equal (stat (path, &at), 0);
    // And is nothing to replace.
    assert_null (brd_listener_new (address, T_KEY, T_KEY_SIZE));
    assert_int_equal (errno, EADDRINUSE);
    assert_int_equal (unlink (path), 0);
    assert_int_equal (rmdir (folder), 0);
}

static void
s_test_wrong_key (void **state)
{
    (void) state;
    brd_listener_t *listener = t_listen (s_abstract);
    const int before = t_open_fds ();
    brd_stream_t *wrong = brd_stream_connect (s_abstract, "another key", 11);
    assert_non_null (wrong);
    int told[2] = { 0, 0 };
    while (!told[0] || !told[1]) {
        if (!told[0] && brd_stream_open (wrong) < 0 && errno != EAGAIN) {
            assert_int_equal (errno, EACCES);
            told[0] = 1;
        }
        if (!told[1]) {
            assert_null (brd_listener_accept (listener));
            assert_true (errno == EACCES || errno == EAGAIN);
            told[1] = errno == EACCES;
        }
        t_wait (brd_stream_fd (wrong), brd_listener_fd (listener));
    }
    assert_int_equal (brd_stream_open (wrong), -1);
    assert_int_equal (errno, EACCES);
    brd_stream_destroy (&wrong);
    assert_int_equal (t_open_fds (), before);
    brd_stream_t *near, *far;
    t_pair (listener, &near, &far);
    s_end_pair (&near, &far);
    brd_listener_destroy (&listener);
}

// Strangers who say nothing, a part of a hello, all of a hello, or nonsense:
// whoever comes after them is let in meanwhile.
static void
s_test_stalled (void **state)
{
    (void) state;
    static const char hello[] = "brood\0\1\0"
                                "0123456789abcdef0123456789abcdef";
    brd_listener_t *listener = t_listen (s_abstract);
    int strangers[40];
    for (int i = 0; i < 40; i++) {
        strangers[i] = t_stranger (listener);
        const ssize_t size = i % 8 < 4 ? i % 8 * 13 : 40;
        assert_int_equal (send (strangers[i], hello, (size_t) size, 0), size);
        if (i % 8 == 7)
            assert_int_equal (send (strangers[i], hello, 40, 0), 40);
    }
    assert_true (brd_listener_deadline (listener) == BRD_NEVER);
    int let_in = 0, refused = 0;
    brd_stream_t *near = t_connect (listener), *far = NULL;
    while (!let_in) {
        let_in = brd_stream_open (near) == 0;
        assert_true (let_in || errno == EAGAIN);
        brd_stream_t *one = brd_listener_accept (listener);
        if (one) {
            assert_null (far);
            far = one;
        }
        else
            assert_true (errno == EAGAIN || errno == EACCES);
        refused += !one && errno == EACCES;
    }
    assert_non_null (far);
    // Those with a wrong proof are told of, the others are nobody yet.
    assert_true (refused <= 5);
    // 35 are known to be slow; the next to go goes within five seconds.
    const int64_t left = brd_listener_deadline (listener) - brd_clock_now ();
    assert_true (left <= (int64_t) BRD_LISTENER_MS * 1000000);
    s_end_pair (&near, &far);
    for (int i = 0; i < 40; i++)
        close (strangers[i]);
    brd_listener_destroy (&listener);
}

// Time is up for who does not prove himself, though he keeps on sending.
static void
s_test_expiry (void **state)
{
    (void) state;
    brd_listener_t *listener = t_listen (s_abstract);
    const int stranger = t_stranger (listener);
    assert_int_equal (send (stranger, "b", 1, 0), 1);
    assert_null (brd_listener_accept (listener));
    assert_int_equal (errno, EAGAIN);
    const int64_t deadline = brd_listener_deadline (listener);
    assert_true (deadline != BRD_NEVER);
    while (brd_clock_now () < deadline) {
        (void) send (stranger, "r", 1, MSG_NOSIGNAL);
        assert_null (brd_listener_accept (listener));
        assert_int_equal (errno, EAGAIN);
        struct pollfd one = { .fd = brd_listener_fd (listener),
                              .events = POLLIN };
        (void) poll (&one, 1, brd_clock_left_ms (deadline));
        if (brd_listener_deadline (listener) == BRD_NEVER)
            break;
    }
    assert_null (brd_listener_accept (listener));
    assert_true (brd_listener_deadline (listener) == BRD_NEVER);
    close (stranger);
    brd_listener_destroy (&listener);
}

// More strangers than there is room for: the oldest make it, and nobody who
// comes later is kept out.
static void
s_test_crowd (void **state)
{
    (void) state;
    brd_listener_t *listener = t_listen (s_abstract);
    static int strangers[BRD_LISTENER_STRANGERS + 50];
    const int n = BRD_LISTENER_STRANGERS + 50;
    for (int i = 0; i < n; i++) {
        strangers[i] = t_stranger (listener);
        assert_null (brd_listener_accept (listener));
        assert_int_equal (errno, EAGAIN);
    }
    char byte;
    for (int i = 0; i < n; i++) {
        // Its hello waits for each; behind it, the end for the first fifty.
        char hello[40];
        assert_int_equal (recv (strangers[i], hello, 40, MSG_WAITALL) >= 0, 1);
        const ssize_t more = recv (strangers[i], &byte, 1, MSG_DONTWAIT);
        assert_int_equal (more, i < 50 ? 0 : -1);
    }
    brd_stream_t *near, *far;
    t_pair (listener, &near, &far);
    s_end_pair (&near, &far);
    for (int i = 0; i < n; i++)
        close (strangers[i]);
    brd_listener_destroy (&listener);
}

// Without a number for the next one, nobody is lost: he waits.
static void
s_test_no_descriptors (void **state)
{
    (void) state;
    struct rlimit before, none;
    brd_listener_t *listener = t_listen (s_abstract);
    brd_stream_t *near = t_connect (listener);
    (void) brd_stream_open (near);
    assert_int_equal (getrlimit (RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = (rlim_t) brd_stream_fd (near) + 1;
    assert_int_equal (setrlimit (RLIMIT_NOFILE, &none), 0);
    brd_stream_t *far = s_accept (listener);
    const int error = errno;
    assert_int_equal (setrlimit (RLIMIT_NOFILE, &before), 0);
    assert_null (far);
    assert_int_equal (error, EMFILE);
    while (!far) {
        (void) brd_stream_open (near);
        far = brd_listener_accept (listener);
        assert_true (far || errno == EAGAIN);
    }
    s_end_pair (&near, &far);
    brd_listener_destroy (&listener);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_addresses),
        cmocka_unit_test (s_test_bad_addresses),
        cmocka_unit_test (s_test_files),
        cmocka_unit_test (s_test_wrong_key),
        cmocka_unit_test (s_test_stalled),
        cmocka_unit_test (s_test_expiry),
        cmocka_unit_test (s_test_crowd),
        cmocka_unit_test (s_test_no_descriptors),
    };
    t_watchdog (60);
    snprintf (
        s_abstract, sizeof s_abstract, "ipc://@brood-test/%d", (int) getpid ());
    return cmocka_run_group_tests (tests, NULL, NULL);
}
