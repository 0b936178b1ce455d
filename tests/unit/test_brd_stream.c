// test_brd_stream.c - frames there and back, whatever comes between
//
// SPDX-License-Identifier: MPL-2.0
//
// Each test runs over ipc and over tcp, whose bytes are sealed.

#include "t_stream.h"
#include "t_vectors.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "base/brd_fault.h"
#include "base/brd_mem.h"
#include "wire/brd_limits.h"

static const char s_tcp[] = "tcp://127.0.0.1:0";
static const char s_ipc[] = "ipc://@brood-test-stream";

typedef struct {
    brd_listener_t *listener;
    brd_stream_t *near;
    brd_stream_t *far;
    int is_tcp;
} s_world_t;

static int
s_begin (void **state, const char *address)
{
    s_world_t *self = calloc (1, sizeof *self);
    self->is_tcp = strncmp (address, "tcp", 3) == 0;
    self->listener = t_listen (address);
    t_pair (self->listener, &self->near, &self->far);
    *state = self;
    return 0;
}

static int
s_begin_tcp (void **state)
{
    return s_begin (state, s_tcp);
}

static int
s_begin_ipc (void **state)
{
    char address[64];
    snprintf (address, sizeof address, "%s-%d", s_ipc, (int) getpid ());
    return s_begin (state, address);
}

static int
s_finish (void **state)
{
    s_world_t *self = *state;
    brd_stream_destroy (&self->near);
    brd_stream_destroy (&self->far);
    brd_listener_destroy (&self->listener);
    free (self);
    return 0;
}

// Bytes that differ at each place of 64 KiB records.
static unsigned char *
s_bytes (size_t size)
{
    unsigned char *bytes = malloc (size > 0 ? size : 1);
    assert_non_null (bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char) (i * 31 + i / 65521);
    return bytes;
}

static void
s_test_sizes (void **state)
{
    s_world_t *self = *state;
    static const size_t sizes[] = { 0,     1,     2,      4095,    65535,
                                    65536, 65537, 131072, 1000003, 0 };
    assert_int_equal (brd_stream_is_tcp (self->near), self->is_tcp);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        unsigned char *bytes = s_bytes (sizes[i]);
        const void *got;
        size_t size;
        assert_int_equal (brd_stream_send (self->near, bytes, sizes[i]), 0);
        t_recv (self->far, self->near, &got, &size);
        assert_int_equal (size, sizes[i]);
        assert_true ((got == NULL) == (size == 0));
        if (size > 0)
            assert_memory_equal (got, bytes, size);
        // It stays the next until it is done with.
        const void *again;
        assert_int_equal (brd_stream_recv (self->far, &again, &size), 0);
        assert_ptr_equal (again, got);
        brd_stream_done (self->far);
        free (bytes);
    }
    const void *none;
    size_t size;
    assert_int_equal (brd_stream_recv (self->far, &none, &size), -1);
    assert_int_equal (errno, EAGAIN);
    assert_int_equal (brd_stream_wants_write (self->near), 0);
}

// Many small ones, both ways at once, in order.
static void
s_test_many (void **state)
{
    s_world_t *self = *state;
    brd_stream_t *ends[2] = { self->near, self->far };
    enum {
        N = 5000
    };
    uint32_t sent[2] = { 0 }, got[2] = { 0 };
    while (got[0] < N || got[1] < N) {
        for (int i = 0; i < 2; i++) {
            for (int burst = 0; burst < 50 && sent[i] < N; burst++) {
                unsigned char bytes[300] = { 0 };
                memcpy (bytes, &sent[i], sizeof sent[i]);
                assert_int_equal (
                    brd_stream_send (ends[i], bytes, 4 + sent[i]++ % 290), 0);
            }
            (void) brd_stream_flush (ends[i]);
        }
        for (int i = 0; i < 2; i++) {
            const void *bytes;
            size_t size;
            while (brd_stream_recv (ends[i], &bytes, &size) == 0) {
                assert_int_equal (size, 4 + got[i] % 290);
                assert_memory_equal (bytes, &got[i], 4);
                got[i]++;
                brd_stream_done (ends[i]);
            }
            assert_int_equal (errno, EAGAIN);
        }
    }
}

static void
s_test_take (void **state)
{
    s_world_t *self = *state;
    const void *bytes;
    size_t size;
    assert_int_equal (brd_stream_send (self->near, "first", 5), 0);
    assert_int_equal (brd_stream_send (self->near, "", 0), 0);
    assert_int_equal (brd_stream_send (self->near, "last", 4), 0);
    t_recv (self->far, self->near, &bytes, &size);
    char *mine = brd_stream_take (self->far, &size);
    assert_int_equal (size, 5);
    t_recv (self->far, self->near, &bytes, &size);
    assert_null (brd_stream_take (self->far, &size));
    assert_int_equal (size, 0);
    t_recv (self->far, self->near, &bytes, &size);
    assert_memory_equal (bytes, "last", 4);
    assert_memory_equal (mine, "first", 5);
    brd_mem_free (mine);
}

// What was sent comes before the end does, and the end is told again.
static void
s_test_end (void **state)
{
    s_world_t *self = *state;
    const void *bytes;
    size_t size;
    assert_int_equal (brd_stream_send (self->near, "one", 3), 0);
    assert_int_equal (brd_stream_send (self->near, "two", 3), 0);
    brd_stream_destroy (&self->near);
    for (int i = 0; i < 2; i++) {
        while (brd_stream_recv (self->far, &bytes, &size) < 0) {
            assert_int_equal (errno, EAGAIN);
            t_wait (brd_stream_fd (self->far), -1);
        }
        assert_memory_equal (bytes, i == 0 ? "one" : "two", 3);
        brd_stream_done (self->far);
    }
    for (int i = 0; i < 2; i++) {
        int rc;
        while ((rc = brd_stream_recv (self->far, &bytes, &size)) < 0
               && errno == EAGAIN)
            t_wait (brd_stream_fd (self->far), -1);
        assert_int_equal (rc, -1);
        assert_int_equal (errno, EPIPE);
        assert_non_null (strstr (brood_error (), "gone"));
    }
    // A socket tells the writer when it tries.
    int rc = 0;
    for (int i = 0; rc == 0 && i < 1000; i++)
        rc = brd_stream_send (self->far, "x", 1);
    assert_int_equal (rc, -1);
    assert_int_equal (errno, EPIPE);
}

static void
s_test_too_long (void **state)
{
    s_world_t *self = *state;
    size_t done = 0;
    const size_t size = BRD_WIRE_SIZE_MAX + 1;
    void *bytes = mmap (NULL,
                        size,
                        PROT_READ,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                        -1,
                        0);
    assert_true (bytes != MAP_FAILED);
    assert_int_equal (brd_stream_send (self->near, bytes, size), -1);
    assert_int_equal (errno, EMSGSIZE);
    assert_int_equal (brd_stream_send_part (self->near, bytes, size, &done),
                      -1);
    assert_int_equal (errno, EMSGSIZE);
    munmap (bytes, size);
    const void *got;
    assert_int_equal (brd_stream_send (self->near, "short", 5), 0);
    t_recv (self->far, self->near, &got, &done);
    assert_int_equal (done, 5);
}

// A reader that does not read: what it costs is counted, and nothing waits.
static void
s_test_stalled (void **state)
{
    s_world_t *self = *state;
    unsigned char *bytes = s_bytes (1 << 20);
    size_t queued = 0;
    for (int i = 0; i < 20; i++) {
        bytes[0] = (unsigned char) i;
        assert_int_equal (brd_stream_send (self->near, bytes, 1 << 20), 0);
        assert_true (brd_stream_queued (self->near) >= queued);
        queued = brd_stream_queued (self->near);
    }
    assert_true (queued > 0 && brd_stream_wants_write (self->near));
    for (int i = 0; i < 20; i++) {
        const void *got;
        size_t size;
        t_recv (self->far, self->near, &got, &size);
        assert_int_equal (size, 1 << 20);
        bytes[0] = (unsigned char) i;
        assert_memory_equal (got, bytes, size);
        brd_stream_done (self->far);
    }
    assert_int_equal (brd_stream_queued (self->near), 0);
    free (bytes);
}

// Sends until the socket takes no more; how much of the frame was taken.
static size_t
s_send_some (brd_stream_t *stream, const void *bytes, size_t size)
{
    size_t done = 0;
    int rc;
    for (int i = 0; i < 5; i++) {
        rc = brd_stream_send_part (stream, bytes, size, &done);
        assert_true (rc < 0 && errno == EAGAIN);
        // Over tcp the other side's kernel takes more a moment later.
        struct pollfd one = { .fd = brd_stream_fd (stream), .events = POLLOUT };
        (void) poll (&one, 1, 20);
    }
    return done;
}

// A frame that was given up when half of it had left is never seen, and what
// comes after it is.
static void
s_test_abandon (void **state)
{
    s_world_t *self = *state;
    const size_t size = (size_t) 64 << 20;
    unsigned char *bytes = s_bytes (size);
    const void *got;
    size_t got_size;
    for (int i = 0; i < 3; i++) {
        const size_t done = s_send_some (self->near, bytes, size);
        assert_true (done > 0 && done < size);
        assert_int_equal (brd_stream_abandon (self->near, size, done), 0);
        assert_int_equal (brd_stream_send (self->near, "after", 5), 0);
        t_recv (self->far, self->near, &got, &got_size);
        assert_int_equal (got_size, 5);
        assert_memory_equal (got, "after", 5);
        brd_stream_done (self->far);
    }
    // None of it has left: nothing is to be taken back, and nothing lost.
    size_t done = 0, small = 0;
    while (done <= size
           && (brd_stream_send_part (self->near, bytes, 60000, &done) == 0))
        done = 0;
    assert_int_equal (errno, EAGAIN);
    if (brd_stream_abandon (self->near, 60000, done) < 0)
        assert_int_equal (errno, EALREADY);
    while (brd_stream_send_part (self->near, "end", 3, &small) < 0) {
        assert_int_equal (errno, EAGAIN);
        t_recv (self->far, self->near, &got, &got_size);
        assert_int_equal (got_size, 60000);
        assert_memory_equal (got, bytes, got_size);
        brd_stream_done (self->far);
    }
    do {
        t_recv (self->far, self->near, &got, &got_size);
        assert_true (got_size == 60000 || got_size == 3);
        brd_stream_done (self->far);
    } while (got_size != 3);
    free (bytes);
}

// The bytes of docs/rfc/3-stream.md are these frames, and these frames are
// those bytes.
static void
s_test_vectors (void **state)
{
    s_world_t *self = *state;
    static const char *const frames[] = { "hi", "", "ab" };
    t_vector_t vector;
    t_vector_read ("frames", &vector);
    assert_int_equal (
        send (brd_stream_fd (self->near), vector.bytes, vector.size, 0),
        vector.size);
    for (int i = 0; i < 3; i++) {
        const void *got;
        size_t size;
        t_recv (self->far, self->near, &got, &size);
        assert_int_equal (size, strlen (frames[i]));
        if (size > 0)
            assert_memory_equal (got, frames[i], size);
        brd_stream_done (self->far);
    }
    unsigned char bytes[16];
    assert_int_equal (brd_stream_send (self->far, "hi", 2), 0);
    assert_int_equal (brd_stream_send (self->far, "", 0), 0);
    assert_int_equal (recv (brd_stream_fd (self->near), bytes, 10, MSG_WAITALL),
                      10);
    assert_memory_equal (bytes, vector.bytes, 10);
}

// A record of which nothing has left is as if it had not been made; over tcp
// its seal, too.
static void
s_test_undo (void **state)
{
    s_world_t *self = *state;
    const void *got;
    size_t size, done = 0;
    brd_fault_arm (BRD_FAULT_SYSTEM, 1, EAGAIN);
    assert_int_equal (brd_stream_send_part (self->near, "wrong", 5, &done), -1);
    brd_fault_arm (BRD_FAULT_SYSTEM, 0, 0);
    assert_int_equal (errno, EAGAIN);
    assert_int_equal (brd_stream_abandon (self->near, 5, done), 0);
    assert_int_equal (brd_stream_wants_write (self->near), 0);
    assert_int_equal (brd_stream_send (self->near, "right", 5), 0);
    t_recv (self->far, self->near, &got, &size);
    assert_int_equal (size, 5);
    assert_memory_equal (got, "right", 5);
    brd_stream_done (self->far);
}

// Each byte in a segment of its own.
static void
s_test_trickle (void **state)
{
    s_world_t *self = *state;
    // The near side's own bytes, caught on their way.
    int pair[2];
    assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM, 0, pair), 0);
    const int raw = dup (brd_stream_fd (self->near));
    assert_int_equal (dup2 (pair[0], brd_stream_fd (self->near)),
                      brd_stream_fd (self->near));
    assert_int_equal (brd_stream_send (self->near, "hello, world", 12), 0);
    assert_int_equal (brd_stream_send (self->near, "", 0), 0);
    assert_int_equal (brd_stream_send (self->near, "bye", 3), 0);
    unsigned char bytes[256];
    const ssize_t n = recv (pair[1], bytes, sizeof bytes, 0);
    assert_true (n >= 3 * 4 + 15);
    static const char *const frames[] = { "hello, world", "", "bye" };
    int next = 0;
    for (ssize_t i = 0; i < n; i++) {
        const void *got;
        size_t size;
        assert_int_equal (send (raw, bytes + i, 1, 0), 1);
        int rc;
        do {
            t_wait (brd_stream_fd (self->far), -1);
            rc = brd_stream_recv (self->far, &got, &size);
            if (rc == 0) {
                assert_int_equal (size, strlen (frames[next]));
                if (size > 0)
                    assert_memory_equal (got, frames[next], size);
                next++;
                brd_stream_done (self->far);
            }
            else
                assert_int_equal (errno, EAGAIN);
        } while (rc == 0);
    }
    assert_int_equal (next, 3);
    close (raw);
    close (pair[0]);
    close (pair[1]);
}

typedef struct {
    const char *bytes;
    size_t size;
} s_garbage_t;

#define S_GARBAGE(text) \
    { \
        text, sizeof text - 1 \
    }

// What is not of the protocol ends the stream, at once, with EPROTO; it is
// never taken for a frame.
static void
s_test_garbage (void **state)
{
    s_world_t *self = *state;
    static const s_garbage_t garbage[] = {
        S_GARBAGE ("GET / HTTP/1.0\r\n\r\n"), S_GARBAGE ("\xff\xff\xff\xff"),
        S_GARBAGE ("\x00\x00\x00\x00"),  // A part without bytes
        S_GARBAGE ("\x12\x00\x01\x01"),  // More than a record has
        S_GARBAGE ("\x00\x00\x00\x04"),  // Of no kind there is
        S_GARBAGE ("\x12\x00\x00\x02"),  // Takes back, and has bytes
        S_GARBAGE ("\x00\x00\x00\x03"),  // A descriptor that is not there
    };
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        const void *got;
        size_t size;
        assert_int_equal (send (brd_stream_fd (self->near),
                                garbage[i].bytes,
                                garbage[i].size,
                                0),
                          garbage[i].size);
        int rc;
        while ((rc = brd_stream_recv (self->far, &got, &size)) < 0
               && errno == EAGAIN)
            t_wait (brd_stream_fd (self->far), -1);
        assert_int_equal (rc, -1);
        assert_int_equal (errno, EPROTO);
        assert_int_equal (brd_stream_recv (self->far, &got, &size), -1);
        assert_int_equal (errno, EPROTO);
        brd_stream_destroy (&self->near);
        brd_stream_destroy (&self->far);
        t_pair (self->listener, &self->near, &self->far);
    }
}

// Cut anywhere, a frame is not seen.
static void
s_test_cut (void **state)
{
    s_world_t *self = *state;
    for (size_t cut = 0;; cut++) {
        int pair[2];
        unsigned char bytes[64];
        assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM, 0, pair), 0);
        const int raw = dup (brd_stream_fd (self->near));
        assert_true (dup2 (pair[0], brd_stream_fd (self->near)) >= 0);
        assert_int_equal (brd_stream_send (self->near, "frame", 5), 0);
        const ssize_t n = recv (pair[1], bytes, sizeof bytes, 0);
        close (pair[0]);
        close (pair[1]);
        brd_stream_destroy (&self->near);
        assert_int_equal (send (raw, bytes, cut, 0), cut);
        close (raw);
        const void *got;
        size_t size;
        int rc;
        while ((rc = brd_stream_recv (self->far, &got, &size)) < 0
               && errno == EAGAIN)
            t_wait (brd_stream_fd (self->far), -1);
        const int error = errno;
        brd_stream_destroy (&self->far);
        t_pair (self->listener, &self->near, &self->far);
        if (cut == (size_t) n) {
            assert_int_equal (rc, 0);
            break;
        }
        assert_int_equal (rc, -1);
        assert_int_equal (error, EPIPE);
    }
}

// Over tcp a bit changed on the way is noticed, wherever it is; so is a record
// that comes twice, or is left out.
static void
s_test_tampered (void **state)
{
    s_world_t *self = *state;
    enum {
        FLIP,
        TWICE,
        LEFT_OUT,
        WAYS
    };
    for (int way = 0; way < WAYS; way++) {
        for (size_t at = 0; at < (way == FLIP ? 26 : 1); at++) {
            int pair[2];
            unsigned char bytes[128], *from = bytes;
            assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM, 0, pair), 0);
            const int raw = dup (brd_stream_fd (self->near));
            assert_true (dup2 (pair[0], brd_stream_fd (self->near)) >= 0);
            assert_int_equal (brd_stream_send (self->near, "frame", 5), 0);
            assert_int_equal (brd_stream_send (self->near, "frame", 5), 0);
            assert_int_equal (recv (pair[1], bytes, 128, 0), 52);
            if (way == FLIP)
                bytes[at] ^= 4;
            else if (way == TWICE)
                memcpy (bytes + 26, bytes, 26);
            else
                from += 26;
            const size_t n = (size_t) (bytes + 52 - from);
            assert_int_equal (send (raw, from, n, 0), n);
            close (raw);
            close (pair[0]);
            close (pair[1]);
            brd_stream_destroy (&self->near);
            const void *got;
            size_t size;
            int frames = 0, rc;
            for (;;) {
                rc = brd_stream_recv (self->far, &got, &size);
                if (rc == 0) {
                    brd_stream_done (self->far);
                    frames++;
                }
                else if (errno == EAGAIN)
                    t_wait (brd_stream_fd (self->far), -1);
                else
                    break;
            }
            // A length that was changed may be waited for until the end.
            assert_true (errno == EPROTO || (errno == EPIPE && at < 3));
            assert_int_equal (frames, way == TWICE ? 1 : 0);
            brd_stream_destroy (&self->far);
            t_pair (self->listener, &self->near, &self->far);
        }
    }
}

static void
s_test_descriptors (void **state)
{
    s_world_t *self = *state;
    const int before = t_open_fds ();
    int fds[2];
    char byte = 0;
    const void *got;
    size_t size;
    assert_int_equal (pipe (fds), 0);
    assert_int_equal (brd_stream_send (self->near, "before", 6), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal (brd_stream_send_fd (self->near, fds[1]), 0);
    assert_int_equal (brd_stream_send (self->near, "after", 5), 0);
    assert_int_equal (brd_stream_send_fd (self->near, -1), -1);
    assert_int_equal (errno, EBADF);
    // In its place among the frames, and neither is taken for the other.
    t_recv (self->far, self->near, &got, &size);
    assert_int_equal (brd_stream_recv_fd (self->far), -1);
    assert_int_equal (errno, EBADMSG);
    brd_stream_done (self->far);
    for (int i = 0; i < 3; i++) {
        assert_int_equal (brd_stream_recv (self->far, &got, &size), -1);
        assert_int_equal (errno, EBADMSG);
        const int fd = brd_stream_recv_fd (self->far);
        assert_true (fd >= 0 && (fcntl (fd, F_GETFD) & FD_CLOEXEC));
        assert_int_equal (write (fd, "x", 1), 1);
        assert_int_equal (read (fds[0], &byte, 1), 1);
        close (fd);
    }
    t_recv (self->far, self->near, &got, &size);
    assert_int_equal (size, 5);
    brd_stream_done (self->far);
    // One that nobody asked for goes with the stream.
    assert_int_equal (brd_stream_send_fd (self->near, fds[1]), 0);
    assert_int_equal (brd_stream_recv (self->far, &got, &size), -1);
    assert_int_equal (errno, EBADMSG);
    close (fds[0]);
    close (fds[1]);
    brd_stream_destroy (&self->near);
    brd_stream_destroy (&self->far);
    assert_int_equal (t_open_fds (), before - 2);
    t_pair (self->listener, &self->near, &self->far);
}

static void
s_test_no_descriptors (void **state)
{
    s_world_t *self = *state;
    assert_int_equal (brd_stream_send_fd (self->near, 0), -1);
    assert_int_equal (errno, ENOTSUP);
}

// Descriptors sent without being announced are somebody's mistake or malice:
// they are closed, and at most that stream ends.
static void
s_test_unannounced (void **state)
{
    s_world_t *self = *state;
    const int before = t_open_fds ();
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE (3 * sizeof (int))];
    } control = { .room = { 0 } };
    struct iovec iov = { .iov_base = "\x01\0\0\x01x", .iov_len = 5 };
    struct msghdr msg = { .msg_iov = &iov,
                          .msg_iovlen = 1,
                          .msg_control = &control,
                          .msg_controllen = sizeof control };
    struct cmsghdr *at = CMSG_FIRSTHDR (&msg);
    at->cmsg_level = SOL_SOCKET;
    at->cmsg_type = SCM_RIGHTS;
    at->cmsg_len = CMSG_LEN (3 * sizeof (int));
    memset (CMSG_DATA (at), 0, 3 * sizeof (int));
    for (int i = 0; i < 20; i++) {
        const void *got;
        size_t size;
        assert_int_equal (sendmsg (brd_stream_fd (self->near), &msg, 0), 5);
        t_recv (self->far, self->near, &got, &size);
        assert_int_equal (size, 1);
        brd_stream_done (self->far);
    }
    assert_true (t_open_fds () <= before + 4);
}

// Nothing is lost when memory fails, or the kernel for a moment.
static void
s_test_faults (void **state)
{
    s_world_t *self = *state;
    unsigned char *bytes = s_bytes (200000);
    for (int n = 1; n < 12; n++) {
        const void *got;
        size_t size;
        brd_fault_arm (BRD_FAULT_MEMORY, n, ENOMEM);
        while (brd_stream_send (self->near, bytes, 200000) < 0)
            assert_int_equal (errno, ENOMEM);
        int rc;
        while ((rc = brd_stream_recv (self->far, &got, &size)) < 0) {
            assert_true (errno == EAGAIN || errno == ENOMEM);
            (void) brd_stream_flush (self->near);
        }
        brd_fault_arm (BRD_FAULT_MEMORY, 0, 0);
        assert_int_equal (size, 200000);
        assert_memory_equal (got, bytes, size);
        size_t mine_size;
        void *mine = brd_stream_take (self->far, &mine_size);
        brd_mem_free (mine);
    }
    free (bytes);
}

#define S_BOTH(test) \
    cmocka_unit_test_setup_teardown (test, s_begin_ipc, s_finish), \
        cmocka_unit_test_setup_teardown (test, s_begin_tcp, s_finish)

int
main (void)
{
    const struct CMUnitTest tests[] = {
        S_BOTH (s_test_sizes),
        S_BOTH (s_test_many),
        S_BOTH (s_test_take),
        S_BOTH (s_test_end),
        S_BOTH (s_test_too_long),
        S_BOTH (s_test_stalled),
        S_BOTH (s_test_abandon),
        S_BOTH (s_test_undo),
        S_BOTH (s_test_trickle),
        S_BOTH (s_test_garbage),
        S_BOTH (s_test_cut),
        S_BOTH (s_test_faults),
        cmocka_unit_test_setup_teardown (s_test_vectors, s_begin_ipc, s_finish),
        cmocka_unit_test_setup_teardown (
            s_test_tampered, s_begin_tcp, s_finish),
        cmocka_unit_test_setup_teardown (
            s_test_descriptors, s_begin_ipc, s_finish),
        cmocka_unit_test_setup_teardown (
            s_test_unannounced, s_begin_ipc, s_finish),
        cmocka_unit_test_setup_teardown (
            s_test_no_descriptors, s_begin_tcp, s_finish),
    };
    t_watchdog (110);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
