// test_brd_sys.c - each call works, is close-on-exec, and can be made to fail
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/brd_fault.h"
#include "base/brd_sys.h"

static void
s_assert_cloexec (int fd)
{
    assert_true (fd >= 0);
    assert_true ((fcntl (fd, F_GETFD) & FD_CLOEXEC) != 0);
}

static void
s_test_descriptors (void **state)
{
    (void) state;
    const int before = t_open_fds ();
    int fds[11];
    fds[0] = brd_sys_memfd ("test");
    fds[1] = brd_sys_eventfd ();
    fds[2] = brd_sys_timerfd ();
    fds[3] = brd_sys_epoll ();
    int pair[2];
    assert_int_equal (brd_sys_pipe (pair), 0);
    s_assert_cloexec (pair[1]);
    brd_sys_close (&pair[1]);
    fds[4] = pair[0];
    assert_int_equal (brd_sys_seqpacket_pair (pair), 0);
    fds[5] = pair[0];
    fds[6] = pair[1];
    fds[7] = brd_sys_socket (AF_UNIX);
    assert_true ((fcntl (fds[7], F_GETFL) & O_NONBLOCK) != 0);
    fds[8] = brd_sys_pidfd (getpid ());
    fds[9] = brd_sys_dup (fds[8]);
    assert_int_not_equal (fds[9], fds[8]);
    fds[10] = brd_sys_open ("/dev/null", O_RDONLY, 0);
    for (int i = 0; i < 11; i++)
        s_assert_cloexec (fds[i]);
    assert_true ((fcntl (fds[1], F_GETFL) & O_NONBLOCK) != 0);
    assert_true ((fcntl (fds[2], F_GETFL) & O_NONBLOCK) != 0);
    errno = EBUSY;
    for (int i = 0; i < 11; i++) {
        brd_sys_close (&fds[i]);
        assert_int_equal (fds[i], -1);
        brd_sys_close (&fds[i]);
    }
    assert_int_equal (errno, EBUSY);
    assert_int_equal (t_open_fds (), before);
}

static void
s_test_maps (void **state)
{
    (void) state;
    int fd = brd_sys_memfd ("test");
    assert_int_equal (brd_sys_truncate (fd, 8192), 0);
    char *shared = brd_sys_map_shared (fd, 8192);
    char *private = brd_sys_map_private (8192);
    assert_non_null (shared);
    assert_non_null (private);
    brd_sys_close (&fd);
    const pid_t pid = brd_sys_fork ();
    if (pid == 0) {
        shared[8191] = 'c';
        private[8191] = 'c';
        _exit (0);
    }
    assert_int_equal (waitpid (pid, NULL, 0), pid);
    assert_int_equal (shared[8191], 'c');
    assert_int_equal (private[8191], 0);
    errno = EBUSY;
    brd_sys_unmap (shared, 8192);
    brd_sys_unmap (private, 8192);
    assert_int_equal (errno, EBUSY);
}

static void
s_test_bytes (void **state)
{
    (void) state;
    int pipe_fds[2];
    int pair[2];
    char buf[16];
    assert_int_equal (brd_sys_pipe (pipe_fds), 0);
    assert_int_equal (brd_sys_seqpacket_pair (pair), 0);
    assert_int_equal (brd_sys_write (pipe_fds[1], "pipe", 4), 4);
    assert_int_equal (brd_sys_read (pipe_fds[0], buf, sizeof buf), 4);
    assert_memory_equal (buf, "pipe", 4);
    assert_int_equal (brd_sys_send (pair[0], "one", 3, 0), 3);
    assert_int_equal (brd_sys_send (pair[0], "two!", 4, 0), 4);
    assert_int_equal (brd_sys_recv (pair[1], buf, sizeof buf, 0), 3);
    assert_int_equal (brd_sys_recv (pair[1], buf, sizeof buf, 0), 4);
    assert_int_equal (brd_sys_recv (pair[1], buf, sizeof buf, MSG_DONTWAIT),
                      -1);
    assert_int_equal (errno, EAGAIN);
    brd_sys_close (&pair[0]);
    brd_sys_close (&pair[1]);
    brd_sys_close (&pipe_fds[0]);
    brd_sys_close (&pipe_fds[1]);
}

static void
s_test_no_sigpipe (void **state)
{
    (void) state;
    int pair[2];
    assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM, 0, pair), 0);
    brd_sys_close (&pair[1]);
    const struct sigaction standard = { .sa_handler = SIG_DFL };
    struct sigaction before;
    sigaction (SIGPIPE, &standard, &before);
    assert_int_equal (brd_sys_send (pair[0], "x", 1, 0), -1);
    assert_int_equal (errno, EPIPE);
    sigaction (SIGPIPE, &before, NULL);
    brd_sys_close (&pair[0]);
}

static void
s_test_random (void **state)
{
    (void) state;
    unsigned char a[1000] = { 0 };
    unsigned char b[1000] = { 0 };
    assert_int_equal (brd_sys_random (a, sizeof a), 0);
    assert_int_equal (brd_sys_random (b, sizeof b), 0);
    assert_memory_not_equal (a, b, sizeof a);
    // To the last byte.
    const unsigned char zeros[16] = { 0 };
    assert_memory_not_equal (a + 984, zeros, 16);
}

// That nothing else gets through is told by the launchers' tests.
static void
s_test_spawn (void **state)
{
    (void) state;
    char *const env[] = { "T_WORD=word", NULL };
    char *const argv[] = {
        "sh", "-c", "read x; echo $x $T_WORD; exit 3", NULL
    };
    char *const missing[] = { "/nowhere", NULL };
    int in[2], out[2], status;
    char buf[32];
    assert_int_equal (brd_sys_pipe (in), 0);
    assert_int_equal (brd_sys_pipe (out), 0);
    const int stdio[3] = { in[0], out[1], out[1] };
    assert_int_equal (brd_sys_spawn (missing, env, stdio), -1);
    assert_int_equal (errno, ENOENT);
    assert_int_equal (brd_sys_write (in[1], "a\n", 2), 2);
    const pid_t pid = brd_sys_spawn (argv, env, stdio);
    assert_true (pid > 0);
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_int_equal (WEXITSTATUS (status), 3);
    assert_int_equal (brd_sys_read (out[0], buf, sizeof buf), 7);
    assert_memory_equal (buf, "a word\n", 7);
    for (int i = 0; i < 2; i++) {
        brd_sys_close (&in[i]);
        brd_sys_close (&out[i]);
    }
}

static void *
s_thread (void *arg)
{
    return pthread_sigmask (SIG_SETMASK, NULL, arg) == 0 ? arg : NULL;
}

static void
s_test_thread (void **state)
{
    (void) state;
    sigset_t before;
    sigset_t after;
    sigset_t inside;
    sigemptyset (&inside);
    pthread_sigmask (SIG_SETMASK, NULL, &before);
    pthread_t thread;
    assert_int_equal (brd_sys_thread (&thread, s_thread, &inside), 0);
    void *result;
    pthread_join (thread, &result);
    assert_ptr_equal (result, &inside);
    const int signals[] = { SIGINT, SIGTERM, SIGCHLD, SIGPIPE, SIGALRM };
    for (int i = 0; i < 5; i++)
        assert_true (sigismember (&inside, signals[i]));
    pthread_sigmask (SIG_SETMASK, NULL, &after);
    for (int i = 0; i < 5; i++)
        assert_int_equal (sigismember (&before, signals[i]),
                          sigismember (&after, signals[i]));
}

static _Atomic int s_signals;

static void
s_on_signal (int signal)
{
    (void) signal;
    atomic_fetch_add (&s_signals, 1);
}

typedef struct {
    pthread_t reader;
    int fd;
} s_noise_t;

// Interrupts the reader a few times, then gives it its byte.
static void *
s_noise (void *arg)
{
    s_noise_t *noise = arg;
    while (atomic_load (&s_signals) < 20)
        pthread_kill (noise->reader, SIGUSR1);
    (void) brd_sys_write (noise->fd, "x", 1);
    return NULL;
}

static void
s_test_interrupted (void **state)
{
    (void) state;
    const struct sigaction action = { .sa_handler = s_on_signal };
    struct sigaction before;
    sigaction (SIGUSR1, &action, &before);
    int fds[2];
    assert_int_equal (brd_sys_pipe (fds), 0);
    s_noise_t noise = { .reader = pthread_self (), .fd = fds[1] };
    pthread_t thread;
    assert_int_equal (brd_sys_thread (&thread, s_noise, &noise), 0);
    char byte;
    assert_int_equal (brd_sys_read (fds[0], &byte, 1), 1);
    pthread_join (thread, NULL);
    sigaction (SIGUSR1, &before, NULL);
    brd_sys_close (&fds[0]);
    brd_sys_close (&fds[1]);
}

// What makes one call of each kind; -1 or NULL as -1.
static long
s_call (int which)
{
    int fds[3] = { 0 };
    char byte = 0;
    pthread_t thread;
    switch (which) {
    case 0:
        return brd_sys_memfd ("x");
    case 1:
        return brd_sys_truncate (-1, 0);
    case 2:
        return brd_sys_map_shared (-1, 4096) ? 0 : -1;
    case 3:
        return brd_sys_map_private (4096) ? 0 : -1;
    case 4:
        return brd_sys_eventfd ();
    case 5:
        return brd_sys_timerfd ();
    case 6:
        return brd_sys_epoll ();
    case 7:
        return brd_sys_pipe (fds);
    case 8:
        return brd_sys_seqpacket_pair (fds);
    case 9:
        return brd_sys_fork ();
    case 10:
        return brd_sys_random (&byte, 1);
    case 11:
        return brd_sys_send (-1, &byte, 1, 0);
    case 12:
        return brd_sys_recv (-1, &byte, 1, 0);
    case 13:
        return brd_sys_read (-1, &byte, 1);
    case 14:
        return brd_sys_write (-1, &byte, 1);
    case 15:
        return brd_sys_thread (&thread, s_thread, NULL);
    case 16:
        return brd_sys_socket (AF_UNIX);
    case 17:
        return brd_sys_connect (-1, NULL, 0);
    case 18:
        return brd_sys_bind (-1, NULL, 0);
    case 19:
        return brd_sys_listen (-1);
    case 20:
        return brd_sys_accept (-1);
    case 21:
        return brd_sys_send_fd (-1, &byte, 1, 0);
    case 22:
        return brd_sys_recv_fd (-1, &byte, 1, fds);
    case 23:
        return brd_sys_pidfd (getpid ());
    case 24:
        return brd_sys_dup (0);
    case 25:
        return brd_sys_open ("/dev/null", O_RDONLY, 0);
    case 26:
        return brd_sys_spawn (NULL, NULL, fds);
    default:
        return 0;
    }
}

static void
s_test_each_can_fail (void **state)
{
    (void) state;
    for (int which = 0; which < 27; which++) {
        brd_fault_arm (BRD_FAULT_SYSTEM, 1, ENFILE);
        errno = 0;
        assert_int_equal (s_call (which), -1);
        assert_int_equal (errno, ENFILE);
    }
    brd_fault_arm (BRD_FAULT_SYSTEM, 0, 0);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_descriptors),
        cmocka_unit_test (s_test_maps),
        cmocka_unit_test (s_test_bytes),
        cmocka_unit_test (s_test_no_sigpipe),
        cmocka_unit_test (s_test_random),
        cmocka_unit_test (s_test_spawn),
        cmocka_unit_test (s_test_thread),
        cmocka_unit_test (s_test_interrupted),
        cmocka_unit_test (s_test_each_can_fail),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
