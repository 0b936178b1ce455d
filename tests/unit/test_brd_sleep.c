// test_brd_sleep.c - waits end: by their cause, their deadline, an interrupt
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "base/brd_clock.h"
#include "base/brd_futex.h"
#include "base/brd_sleep.h"
#include "base/brd_sys.h"

enum {
    SLEEPERS = 4,
    ROUNDS = 200
};

static void
s_test_deadline (void **state)
{
    (void) state;
    _Atomic uint32_t word = 1;
    int pipe_fds[2];
    assert_int_equal (brd_sys_pipe (pipe_fds), 0);
    for (int i = 0; i < 2; i++) {
        brd_sleep_t sleep;
        int rc;
        const int64_t deadline = brd_clock_deadline (30);
        brd_sleep_begin (&sleep, deadline);
        do {
            struct pollfd fds[2] = { { .fd = pipe_fds[0], .events = POLLIN } };
            rc = i == 0 ? brd_sleep_on (&sleep, &word, 1, 1)
                        : brd_sleep_poll (&sleep, fds, 1);
        } while (rc == 0);
        assert_int_equal (rc, -1);
        assert_int_equal (errno, ETIMEDOUT);
        assert_true (brd_clock_now () >= deadline);
    }
    brd_sys_close (&pipe_fds[0]);
    brd_sys_close (&pipe_fds[1]);
}

static void
s_test_cause (void **state)
{
    (void) state;
    _Atomic uint32_t word = 1;
    brd_sleep_t sleep;
    brd_sleep_begin (&sleep, BRD_NEVER);
    assert_int_equal (brd_sleep_on (&sleep, &word, 0, 0), 0);  // It differs
    int pipe_fds[2];
    assert_int_equal (brd_sys_pipe (pipe_fds), 0);
    assert_int_equal (brd_sys_write (pipe_fds[1], "x", 1), 1);
    struct pollfd fds[2] = { { .fd = pipe_fds[0], .events = POLLIN } };
    assert_int_equal (brd_sleep_poll (&sleep, fds, 1), 1);
    assert_true (fds[0].revents & POLLIN);
    brd_sys_close (&pipe_fds[0]);
    brd_sys_close (&pipe_fds[1]);
}

// An interrupt that comes when nobody waits is for the next, and for it alone.
static void
s_test_before (void **state)
{
    (void) state;
    brd_sleep_t sleep;
    brd_sleep_interrupt ();
    brd_sleep_interrupt ();
    brd_sleep_begin (&sleep, BRD_NEVER);
    assert_int_equal (brd_sleep_check (&sleep), -1);
    assert_int_equal (errno, EINTR);
    brd_sleep_begin (&sleep, BRD_NEVER);
    assert_int_equal (brd_sleep_check (&sleep), 0);
}

static struct {
    _Atomic uint32_t word;
    int pipe_fds[2];
    _Atomic int asleep;
    _Atomic int rounds[SLEEPERS];
    _Atomic int quit;
} s_crowd;

// Half of them sleep on the word, half on the pipe.
static void *
s_sleeper (void *arg)
{
    const int me = (int) (intptr_t) arg;
    while (!atomic_load (&s_crowd.quit)) {
        brd_sleep_t sleep;
        int rc;
        brd_sleep_begin (&sleep, BRD_NEVER);
        atomic_fetch_add (&s_crowd.asleep, 1);
        do {
            struct pollfd fds[2] = { { .fd = s_crowd.pipe_fds[0] } };
            rc = me % 2 == 0 ? brd_sleep_on (&sleep, &s_crowd.word, 0, 1)
                             : brd_sleep_poll (&sleep, fds, 1);
        } while (rc == 0);
        if (errno != EINTR)
            return arg;
        atomic_fetch_add (&s_crowd.rounds[me], 1);
    }
    return NULL;
}

static int
s_all_in (void *arg)
{
    const int rounds = *(const int *) arg;
    return atomic_load (&s_crowd.asleep) >= rounds * SLEEPERS;
}

static int
s_all_out (void *arg)
{
    const int rounds = *(const int *) arg;
    for (int i = 0; i < SLEEPERS; i++) {
        if (atomic_load (&s_crowd.rounds[i]) < rounds)
            return 0;
    }
    return 1;
}

// Every wait that has begun ends, each time, whatever it sleeps on.
static void
s_test_all (void **state)
{
    (void) state;
    pthread_t threads[SLEEPERS];
    assert_int_equal (brd_sys_pipe (s_crowd.pipe_fds), 0);
    for (int i = 0; i < SLEEPERS; i++)
        assert_int_equal (
            pthread_create (
                &threads[i], NULL, s_sleeper, (void *) (intptr_t) i),
            0);
    for (int round = 1; round <= ROUNDS; round++) {
        assert_true (t_eventually (s_all_in, &round, 20));
        if (round == ROUNDS)
            atomic_store (&s_crowd.quit, 1);
        brd_sleep_interrupt ();
        assert_true (t_eventually (s_all_out, &round, 20));
    }
    for (int i = 0; i < SLEEPERS; i++) {
        void *failed;
        assert_int_equal (pthread_join (threads[i], &failed), 0);
        assert_null (failed);
    }
    brd_sys_close (&s_crowd.pipe_fds[0]);
    brd_sys_close (&s_crowd.pipe_fds[1]);
}

static void
s_on_alarm (int number)
{
    (void) number;
    brd_sleep_interrupt ();
}

// From a handler of the very thread, at any moment of its wait.
static void
s_test_handler (void **state)
{
    (void) state;
    struct sigaction action = { .sa_handler = s_on_alarm,
                                .sa_flags = SA_RESTART };
    struct sigaction before;
    _Atomic uint32_t word = 0;
    assert_int_equal (sigaction (SIGUSR1, &action, &before), 0);
    for (int i = 0; i < ROUNDS; i++) {
        const struct itimerspec soon = { .it_value = { 0, 1000 + i * 500 } };
        struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
                                  .sigev_signo = SIGUSR1 };
        timer_t timer;
        brd_sleep_t sleep;
        assert_int_equal (timer_create (CLOCK_MONOTONIC, &event, &timer), 0);
        assert_int_equal (timer_settime (timer, 0, &soon, NULL), 0);
        brd_sleep_begin (&sleep, BRD_NEVER);
        while (brd_sleep_on (&sleep, &word, 0, 1) == 0)
            continue;
        assert_int_equal (errno, EINTR);
        timer_delete (timer);
    }
    assert_int_equal (sigaction (SIGUSR1, &before, NULL), 0);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_deadline), cmocka_unit_test (s_test_cause),
        cmocka_unit_test (s_test_before),   cmocka_unit_test (s_test_all),
        cmocka_unit_test (s_test_handler),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
