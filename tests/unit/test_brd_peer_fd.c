// test_brd_peer_fd.c - messages through a pair, and what is none
//
// SPDX-License-Identifier: MPL-2.0

#include "t.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/brd_buf.h"
#include "base/brd_clock.h"
#include "transport/brd_peer_fd.h"

enum {
    S_MAX = 1 << 20
};

// A peer at one end, the bare socket at the other.
static brd_peer_t *
s_peer (int *ret_fd)
{
    int fds[2];
    assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
                      0);
    brd_peer_t *peer = brd_peer_fd_new (fds[0], S_MAX);
    assert_non_null (peer);
    *ret_fd = fds[1];
    return peer;
}

static void
s_pair (brd_peer_t *ret_peers[2])
{
    int fd;
    ret_peers[0] = s_peer (&fd);
    ret_peers[1] = brd_peer_fd_new (fd, S_MAX);
    assert_non_null (ret_peers[1]);
}

static int
s_readable (const brd_peer_t *peer)
{
    struct pollfd one = { .fd = peer->fd, .events = POLLIN };
    return poll (&one, 1, 0) == 1;
}

static int
s_say (brd_peer_t *peer, const void *bytes, size_t size)
{
    brd_buf_t out;
    brd_buf_init (&out, 2 * (size_t) S_MAX);
    assert_int_equal (brd_buf_add (&out, bytes, size), 0);
    const int rc = peer->send (peer, &out);
    const int error = errno;
    if (rc == 0)
        assert_int_equal (out.size, 0);
    else
        assert_int_equal (out.size, size);
    brd_buf_fini (&out);
    errno = error;
    return rc;
}

static void
s_hears (brd_peer_t *peer, const void *bytes, size_t size)
{
    const void *came;
    size_t came_size;
    assert_int_equal (peer->recv (peer, &came, &came_size), 0);
    assert_int_equal (came_size, size);
    assert_memory_equal (came, bytes, size);
    peer->done (peer);
}

static void
s_hears_no (brd_peer_t *peer, int error)
{
    const void *came;
    size_t came_size;
    // And the same when asked again.
    for (int i = 0; i < 2; i++) {
        errno = 0;
        assert_int_equal (peer->recv (peer, &came, &came_size), -1);
        assert_int_equal (errno, error);
    }
}

static void
s_test_back_and_forth (void **state)
{
    (void) state;
    brd_peer_t *peers[2];
    s_pair (peers);
    assert_false (s_readable (peers[0]));
    assert_int_equal (s_say (peers[0], "one", 3), 0);
    assert_int_equal (s_say (peers[0], "", 0), 0);
    assert_int_equal (s_say (peers[0], "three", 5), 0);
    assert_true (s_readable (peers[1]));
    s_hears (peers[1], "one", 3);
    s_hears (peers[1], "", 0);
    s_hears (peers[1], "three", 5);
    s_hears_no (peers[1], EAGAIN);
    assert_false (s_readable (peers[1]));
    assert_int_equal (s_say (peers[1], "back", 4), 0);
    s_hears (peers[0], "back", 4);
    // Too large is nobody's end.
    char *large = calloc (1, S_MAX + 1);
    assert_non_null (large);
    assert_int_equal (s_say (peers[0], large, S_MAX + 1), -1);
    assert_int_equal (errno, EMSGSIZE);
    free (large);
    assert_int_equal (s_say (peers[0], "on", 2), 0);
    s_hears (peers[1], "on", 2);
    peers[0]->destroy (peers[0]);
    s_hears_no (peers[1], EPIPE);
    assert_int_equal (s_say (peers[1], "no", 2), -1);
    assert_int_equal (errno, EPIPE);
    peers[1]->destroy (peers[1]);
}

// Two messages, cut in two at each place and one after another.
static void
s_test_every_split (void **state)
{
    (void) state;
    static const char two[] = "\5\0\0\0\0\0\0\0hello"
                              "\2\0\0\0\0\0\0\0ya";
    const size_t size = sizeof two - 1;
    for (size_t cut = 0; cut <= size; cut++) {
        int fd;
        brd_peer_t *peer = s_peer (&fd);
        const int firsts = (cut >= 13) + (cut >= size);
        assert_int_equal (write (fd, two, cut), cut);
        if (firsts >= 1)
            s_hears (peer, "hello", 5);
        if (firsts == 2)
            s_hears (peer, "ya", 2);
        s_hears_no (peer, EAGAIN);
        assert_int_equal (write (fd, two + cut, size - cut), size - cut);
        if (firsts < 1)
            s_hears (peer, "hello", 5);
        if (firsts < 2)
            s_hears (peer, "ya", 2);
        s_hears_no (peer, EAGAIN);
        peer->destroy (peer);
        close (fd);
    }
}

// The other side ends at each place: what was whole is heard, then it is gone.
static void
s_test_end_in_the_middle (void **state)
{
    (void) state;
    static const char two[] = "\5\0\0\0\0\0\0\0hello"
                              "\2\0\0\0\0\0\0\0ya";
    const size_t size = sizeof two - 1;
    for (size_t cut = 0; cut <= size; cut++) {
        int fd;
        brd_peer_t *peer = s_peer (&fd);
        assert_int_equal (write (fd, two, cut), cut);
        close (fd);
        // That it cannot be talked to does not lose what it has said.
        assert_int_equal (s_say (peer, "x", 1), -1);
        assert_int_equal (errno, EPIPE);
        peer->turn (peer, brd_clock_now ());
        if (cut >= 13)
            s_hears (peer, "hello", 5);
        if (cut == size)
            s_hears (peer, "ya", 2);
        s_hears_no (peer, EPIPE);
        assert_true (s_readable (peer));
        peer->destroy (peer);
    }
}

static void
s_test_nonsense (void **state)
{
    (void) state;
    static const char *const nonsense[] = {
        "GET / HTTP/1.1\r\n",
        "\1\0\x10\0\0\0\0\0",  // One more than the largest
        "\0\0\0\0\1\0\0\0",
        "\0\0\0\0\0\0\0\x80",
        "\xff\xff\xff\xff\xff\xff\xff\xff",
    };
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        int fd;
        brd_peer_t *peer = s_peer (&fd);
        assert_int_equal (write (fd, "\2\0\0\0\0\0\0\0ok", 10), 10);
        assert_int_equal (write (fd, nonsense[i], 8), 8);
        s_hears (peer, "ok", 2);
        s_hears_no (peer, EPROTO);
        // The other side is told, by its end.
        char byte;
        assert_int_equal (read (fd, &byte, 1), 0);
        assert_int_equal (s_say (peer, "x", 1), -1);
        assert_int_equal (errno, EPIPE);
        peer->destroy (peer);
        close (fd);
    }
}

// Nobody reads: all is kept, in order, and arrives when somebody does.
static void
s_test_slow_reader (void **state)
{
    (void) state;
    enum {
        MESSAGES = 100
    };
    brd_peer_t *peers[2];
    char *bytes = malloc (S_MAX);
    const int64_t now = brd_clock_now ();
    assert_non_null (bytes);
    s_pair (peers);
    for (int i = 0; i < MESSAGES; i++) {
        memset (bytes, i, S_MAX);
        assert_int_equal (s_say (peers[0], bytes, (size_t) S_MAX - (size_t) i),
                          0);
    }
    // It is asked to go easy, and its owner need not look before there is room.
    assert_true (peers[0]->silent (peers[0], now));
    assert_false (s_readable (peers[0]));
    for (int i = 0; i < MESSAGES;) {
        const void *came;
        size_t size;
        if (peers[1]->recv (peers[1], &came, &size) < 0) {
            assert_int_equal (errno, EAGAIN);
            assert_true (s_readable (peers[0]));
            peers[0]->turn (peers[0], now);
            continue;
        }
        memset (bytes, i, S_MAX);
        assert_int_equal (size, S_MAX - i);
        assert_memory_equal (came, bytes, size);
        peers[1]->done (peers[1]);
        i++;
    }
    assert_false (peers[0]->silent (peers[0], now));
    assert_false (s_readable (peers[0]));
    // What waits at the end has been sent, if it fits.
    assert_int_equal (s_say (peers[0], "bye", 3), 0);
    peers[0]->destroy (peers[0]);
    s_hears (peers[1], "bye", 3);
    s_hears_no (peers[1], EPIPE);
    peers[1]->destroy (peers[1]);
    free (bytes);
}

// Through a socket that takes a few bytes at a time.
static void
s_test_narrow (void **state)
{
    (void) state;
    int fds[2], least = 1;
    char bytes[20000];
    assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
                      0);
    assert_int_equal (
        setsockopt (fds[0], SOL_SOCKET, SO_SNDBUF, &least, sizeof least), 0);
    brd_peer_t *peers[2] = { brd_peer_fd_new (fds[0], S_MAX),
                             brd_peer_fd_new (fds[1], S_MAX) };
    assert_true (peers[0] && peers[1]);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char) (i * 7);
    const size_t step = 77;
    for (size_t size = 0; size < sizeof bytes; size += step)
        assert_int_equal (s_say (peers[0], bytes, size), 0);
    for (size_t size = 0; size < sizeof bytes;) {
        const void *came;
        size_t came_size;
        if (peers[1]->recv (peers[1], &came, &came_size) < 0) {
            assert_int_equal (errno, EAGAIN);
            peers[0]->turn (peers[0], brd_clock_now ());
            continue;
        }
        assert_int_equal (came_size, size);
        assert_memory_equal (came, bytes, size);
        peers[1]->done (peers[1]);
        size += step;
    }
    peers[0]->destroy (peers[0]);
    peers[1]->destroy (peers[1]);
}

// A child of its owner still has the descriptor: it has ended all the same, and
// what was said before arrives.
static void
s_test_copies (void **state)
{
    (void) state;
    int fds[2];
    assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
                      0);
    int copy = dup (fds[0]);
    brd_peer_t *peers[2] = { brd_peer_fd_new (fds[0], S_MAX),
                             brd_peer_fd_new (fds[1], S_MAX) };
    assert_true (copy >= 0 && peers[0] && peers[1]);
    assert_int_equal (s_say (peers[0], "bye", 3), 0);
    peers[0]->destroy (peers[0]);
    s_hears (peers[1], "bye", 3);
    s_hears_no (peers[1], EPIPE);
    peers[1]->destroy (peers[1]);
    close (copy);
}

static void
s_test_no_stream (void **state)
{
    (void) state;
    assert_null (brd_peer_fd_new (-1, S_MAX));
    assert_int_equal (errno, EINVAL);
    int fd = open ("/dev/null", O_RDWR | O_CLOEXEC);
    assert_null (brd_peer_fd_new (fd, S_MAX));
    assert_int_equal (errno, EINVAL);
    close (fd);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_back_and_forth),
        cmocka_unit_test (s_test_every_split),
        cmocka_unit_test (s_test_end_in_the_middle),
        cmocka_unit_test (s_test_nonsense),
        cmocka_unit_test (s_test_slow_reader),
        cmocka_unit_test (s_test_narrow),
        cmocka_unit_test (s_test_copies),
        cmocka_unit_test (s_test_no_stream),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
