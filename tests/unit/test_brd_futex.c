// test_brd_futex.c - sleeping until a word changes, in one process and in two
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/brd_clock.h"
#include "base/brd_futex.h"
#include "base/brd_sys.h"

static void
s_test_differs (void **state)
{
    (void) state;
    _Atomic uint32_t word = 5;
    assert_int_equal (brd_futex_wait (&word, 4, BRD_NEVER, 0), 0);
    assert_int_equal (brd_futex_wait (&word, 4, BRD_NEVER, 1), 0);
}

static void
s_test_timeout (void **state)
{
    (void) state;
    _Atomic uint32_t word = 5;
    const int64_t deadlines[] = {
        INT64_MIN, 0, brd_clock_now (), brd_clock_deadline (20)
    };
    for (int i = 0; i < 4; i++) {
        int rc;
        do
            rc = brd_futex_wait (&word, 5, deadlines[i], i % 2);
        while (rc == 0 || errno == EINTR);
        assert_int_equal (errno, ETIMEDOUT);
        assert_true (brd_clock_now () >= deadlines[i]);
    }
}

typedef struct {
    _Atomic uint32_t ball;
    int shared;
} s_game_t;

enum {
    ROUNDS = 2000
};

// Even: the one's turn, odd: the other's. A wake-up that is lost ends at the
// watchdog.
static void
s_play (s_game_t *game, uint32_t parity)
{
    for (;;) {
        const uint32_t ball = atomic_load (&game->ball);
        if (ball >= ROUNDS)
            return;
        if (ball % 2 != parity) {
            (void) brd_futex_wait (&game->ball, ball, BRD_NEVER, game->shared);
            continue;
        }
        atomic_store (&game->ball, ball + 1);
        brd_futex_wake (&game->ball, INT_MAX, game->shared);
    }
}

static void *
s_thread (void *arg)
{
    s_play (arg, 1);
    return NULL;
}

static void
s_test_threads (void **state)
{
    (void) state;
    s_game_t game = { .ball = 0 };
    pthread_t thread;
    assert_int_equal (brd_sys_thread (&thread, s_thread, &game), 0);
    s_play (&game, 0);
    assert_int_equal (pthread_join (thread, NULL), 0);
}

static void
s_test_processes (void **state)
{
    (void) state;
    int fd = brd_sys_memfd ("game");
    assert_int_equal (brd_sys_truncate (fd, 4096), 0);
    s_game_t *game = brd_sys_map_shared (fd, 4096);
    assert_non_null (game);
    brd_sys_close (&fd);
    game->shared = 1;
    const pid_t pid = fork ();
    if (pid == 0) {
        s_play (game, 1);
        _exit (0);
    }
    s_play (game, 0);
    int status;
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_int_equal (status, 0);
    brd_sys_unmap (game, 4096);
}

static void
s_on_signal (int signal)
{
    (void) signal;
}

typedef struct {
    pthread_t waiter;
    _Atomic int done;
} s_noise_t;

static void *
s_noise (void *arg)
{
    s_noise_t *noise = arg;
    while (!atomic_load (&noise->done))
        pthread_kill (noise->waiter, SIGUSR1);
    return NULL;
}

static void
s_test_interrupted (void **state)
{
    (void) state;
    const struct sigaction action = { .sa_handler = s_on_signal };
    struct sigaction before;
    sigaction (SIGUSR1, &action, &before);
    s_noise_t noise = { .waiter = pthread_self () };
    pthread_t thread;
    assert_int_equal (brd_sys_thread (&thread, s_noise, &noise), 0);
    _Atomic uint32_t word = 0;
    int rc;
    // Without a deadline Linux begins it again by itself for some handlers.
    do
        rc = brd_futex_wait (&word, 0, brd_clock_deadline (20000), 0);
    while (rc == 0);
    assert_int_equal (errno, EINTR);
    atomic_store (&noise.done, 1);
    pthread_join (thread, NULL);
    sigaction (SIGUSR1, &before, NULL);
}

static void
s_test_wake_keeps_errno (void **state)
{
    (void) state;
    _Atomic uint32_t word = 0;
    errno = EBUSY;
    brd_futex_wake (&word, 1, 0);
    assert_int_equal (errno, EBUSY);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_differs),
        cmocka_unit_test (s_test_timeout),
        cmocka_unit_test (s_test_threads),
        cmocka_unit_test (s_test_processes),
        cmocka_unit_test (s_test_interrupted),
        cmocka_unit_test (s_test_wake_keeps_errno),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
