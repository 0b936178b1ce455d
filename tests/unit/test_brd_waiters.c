// test_brd_waiters.c - who is woken, and whose turn it is
//
// SPDX-License-Identifier: MPL-2.0
//
// Without anybody asleep: what is counted, by one thread that plays all parts.

#include "t_shared.h"

#include <errno.h>
#include <pthread.h>

#include "shared/brd_seat.h"
#include "shared/brd_waiters.h"

static brd_waiters_t s_line;

static int
s_reset (void **state)
{
    (void) state;
    s_line = (brd_waiters_t){ .turn = 0 };
    return 0;
}

static void
s_test_one_by_one (void **state)
{
    (void) state;
    brd_wait_t a = { .timeout_ms = -1 }, b = a;
    assert_int_equal (brd_waiters_due (&s_line, 5), 0);
    brd_waiters_enter (&s_line, &a);
    brd_waiters_enter (&s_line, &b);
    assert_int_equal (brd_waiters_due (&s_line, 0), 0);
    assert_int_equal (brd_waiters_due (&s_line, 5), 1);
    assert_int_not_equal (atomic_load (&s_line.word), a.seen);
    // Nobody for the second change, until the first one was there.
    assert_int_equal (brd_waiters_due (&s_line, 5), 0);
    brd_waiters_leave (&s_line, &a, 1);
    assert_int_equal (brd_waiters_due (&s_line, 4), 1);
    brd_waiters_leave (&s_line, &b, 2);
    assert_int_equal (brd_waiters_due (&s_line, 4), 0);
    assert_int_equal (atomic_load (&s_line.asleep), 0);
}

static void
s_test_all (void **state)
{
    (void) state;
    brd_wait_t a = { .timeout_ms = -1 }, b = a, c = a;
    brd_waiters_enter (&s_line, &a);
    brd_waiters_enter (&s_line, &b);
    brd_waiters_enter (&s_line, &c);
    assert_int_equal (brd_waiters_due (&s_line, 1), 1);
    assert_int_equal (brd_waiters_due (&s_line, BRD_WAITERS_ALL), 2);
    // A death: nobody is known to be on its way.
    brd_waiters_reap (&s_line);
    assert_int_equal (brd_waiters_due (&s_line, BRD_WAITERS_ALL), 3);
}

// Woken often enough and always too late, it is the next one.
static void
s_test_turn (void **state)
{
    (void) state;
    const uint64_t mine = brd_seat_tag (t_shared);
    const uint64_t others = mine + 1;
    brd_wait_t starving = { .timeout_ms = -1 }, other = starving;
    assert_true (mine != 0);
    int rounds = 0;
    while (brd_waiters_may (&s_line, t_shared, &other, others, 1)) {
        brd_waiters_enter (&s_line, &starving);
        assert_int_equal (brd_waiters_due (&s_line, 1), 1);
        brd_waiters_leave (&s_line, &starving, mine);
        assert_true (++rounds < 100);
    }
    assert_true (rounds > 1);
    assert_true (brd_waiters_may (&s_line, t_shared, &starving, mine, 1));
    // There is enough for both; or the other has no time left.
    assert_true (brd_waiters_may (&s_line, t_shared, &other, others, 2));
    other.over = ETIMEDOUT;
    assert_true (brd_waiters_may (&s_line, t_shared, &other, others, 1));
    other.over = 0;
    // Whose turn it is is woken, since all are.
    brd_waiters_enter (&s_line, &starving);
    brd_waiters_enter (&s_line, &other);
    assert_int_equal (brd_waiters_due (&s_line, 1), 2);
    brd_waiters_leave (&s_line, &starving, mine);
    assert_int_equal (brd_waiters_done (&s_line, others, 1), 0);
    assert_false (brd_waiters_may (&s_line, t_shared, &other, others, 1));
    (void) brd_waiters_done (&s_line, mine, 1);
    assert_true (brd_waiters_may (&s_line, t_shared, &other, others, 1));
}

static void *
s_tag (void *arg)
{
    *(uint64_t *) arg = brd_seat_tag (t_shared);
    return NULL;
}

// A turn ends with its thread.
static void
s_test_turn_of_dead (void **state)
{
    (void) state;
    pthread_t thread;
    brd_wait_t wait = { .timeout_ms = -1 };
    assert_int_equal (pthread_create (&thread, NULL, s_tag, &s_line.turn), 0);
    assert_int_equal (pthread_join (thread, NULL), 0);
    assert_true (s_line.turn != 0);
    assert_true (brd_waiters_may (&s_line, t_shared, &wait, 1, 1));
    assert_int_equal (s_line.turn, 0);
}

static void
s_test_sleep (void **state)
{
    (void) state;
    brd_wait_t wait = { .timeout_ms = 10 };
    brd_waiters_enter (&s_line, &wait);
    while (!wait.over)
        brd_waiters_sleep (&s_line, &wait);
    assert_int_equal (wait.over, ETIMEDOUT);
    wait = (brd_wait_t){ .timeout_ms = -1 };
    brd_waiters_enter (&s_line, &wait);
    // Between the look and the sleep: it is not slept through.
    assert_int_equal (brd_waiters_due (&s_line, 1), 1);
    brd_waiters_sleep (&s_line, &wait);
    assert_int_equal (wait.over, 0);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup (s_test_one_by_one, s_reset),
        cmocka_unit_test_setup (s_test_all, s_reset),
        cmocka_unit_test_setup (s_test_turn, s_reset),
        cmocka_unit_test_setup (s_test_turn_of_dead, s_reset),
        cmocka_unit_test_setup (s_test_sleep, s_reset),
    };
    t_watchdog (30);
    return cmocka_run_group_tests (tests, t_shared_setup, t_shared_teardown);
}
