// test_brd_pipe_fd.c - descriptors through a pipe, taken or withdrawn
//
// SPDX-License-Identifier: MPL-2.0

#include "t_pipe.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static brd_pipe_end_t s_ends[2];

static int
s_recv_fd (brd_pipe_end_t *end, int timeout_ms)
{
    brd_sleep_t sleep = t_pipe_for (timeout_ms);
    return brd_pipe_recv_fd (end, &sleep);
}

static int
s_send_fd (brd_pipe_end_t *end, int timeout_ms, int fd)
{
    brd_sleep_t sleep = t_pipe_for (timeout_ms);
    return brd_pipe_send_fd (end, &sleep, fd);
}

// A file that is known by its length.
static int
s_file (int number)
{
    const int fd = memfd_create ("test", MFD_CLOEXEC);
    return ftruncate (fd, 1000 + number) == 0 ? fd : -1;
}

static int
s_send_some_fds (void *arg)
{
    (void) arg;
    for (int i = 0; i < 20; i++) {
        const int fd = s_file (i);
        if (t_pipe_send (&s_ends[1], -1, &i, sizeof i) < 0
            || s_send_fd (&s_ends[1], -1, fd) < 0)
            return 1;
        close (fd);
    }
    return 0;
}

static void
s_test_descriptors (void **state)
{
    (void) state;
    char byte;
    t_pipe_new (1, s_ends);
    // Waiting on descriptors takes one that stays.
    assert_int_equal (s_send_fd (&s_ends[1], 1, 0), -1);
    t_pipe_drop (s_ends);
    const int before = t_open_fds ();
    t_pipe_new (1, s_ends);
    const pid_t pid = t_shared_fork (s_send_some_fds, NULL);
    for (int i = 0; i < 20; i++) {
        int number;
        struct stat at;
        // In its place, and neither is taken for the other.
        brd_pipe_view_t view;
        brd_sleep_t sleep = t_pipe_for (10000);
        assert_int_equal (brd_pipe_peek (&s_ends[0], &sleep, &view), 0);
        brd_pipe_leave (&s_ends[0]);
        assert_false (view.is_fd);
        assert_int_equal (s_recv_fd (&s_ends[0], 0), -1);
        assert_int_equal (errno, EBADMSG);
        assert_int_equal (t_pipe_recv (&s_ends[0], 0, &number, sizeof number),
                          4);
        assert_int_equal (number, i);
        const int fd = s_recv_fd (&s_ends[0], 10000);
        assert_true (fd >= 0);
        assert_true ((fcntl (fd, F_GETFD) & FD_CLOEXEC) != 0);
        assert_int_equal (fstat (fd, &at), 0);
        assert_int_equal (at.st_size, 1000 + i);
        close (fd);
    }
    assert_int_equal (t_shared_reap (pid), 0);
    assert_int_equal (t_pipe_recv (&s_ends[0], 0, &byte, 1), -1);
    assert_int_equal (errno, EPIPE);
    assert_int_equal (t_open_fds (), before);
    assert_int_equal (s_send_fd (&s_ends[0], 0, -1), -1);
    assert_int_equal (errno, EBADF);
    t_pipe_drop (s_ends);
}

static int
s_offer_for_ever (void *arg)
{
    (void) arg;
    (void) s_send_fd (&s_ends[1], -1, 0);
    return 0;
}

// Offers that nobody makes any more are passed over: given up in time, and of a
// sender that was killed.
static void
s_test_withdrawn (void **state)
{
    (void) state;
    char bytes[8];
    const int before = t_open_fds ();
    t_pipe_new (1, s_ends);
    assert_int_equal (s_send_fd (&s_ends[1], 10, 0), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (t_pipe_send (&s_ends[1], 0, "after", 5), 0);
    assert_int_equal (s_recv_fd (&s_ends[0], 0), -1);
    assert_int_equal (errno, EBADMSG);
    assert_int_equal (t_pipe_recv (&s_ends[0], 0, bytes, sizeof bytes), 5);
    const pid_t pid = t_shared_fork (s_offer_for_ever, NULL);
    brd_pipe_view_t view;
    brd_sleep_t sleep = t_pipe_for (10000);
    assert_int_equal (brd_pipe_peek (&s_ends[0], &sleep, &view), 0);
    assert_true (view.is_fd);
    brd_pipe_leave (&s_ends[0]);
    assert_int_equal (t_shared_kill (pid), -SIGKILL);
    assert_int_equal (t_pipe_send (&s_ends[1], 0, "later", 5), 0);
    assert_int_equal (t_pipe_recv (&s_ends[0], 0, bytes, sizeof bytes), 5);
    assert_memory_equal (bytes, "later", 5);
    assert_int_equal (t_open_fds (), before);
    t_pipe_drop (s_ends);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_descriptors),
        cmocka_unit_test (s_test_withdrawn),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, t_shared_setup, t_shared_teardown);
}
