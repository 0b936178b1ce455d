// test_home_queue.c - queues of a home
//
// SPDX-License-Identifier: MPL-2.0
//
// Options: capacity, bytes, size, joinable, deliveries, dead, priorities.

#include "t_home.h"

static void
s_test_order (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN queue q [2, 0, 0, 0, 0, 0, 0]", "a 1" },
        { "b OPEN queue q [2, 0, 0, 0, 0, 0, 0]", "b 1" },
        { "b OPEN queue q [3, 0, 0, 0, 0, 0, 0]", "b EEXIST" },
        { "a QUEUE_GET 1 nil ~0", "a ETIMEDOUT" },
        { "a QUEUE_SIZE 1", "a [0, false]" },
        { "a QUEUE_PUT 1 1", "a nil" },
        { "a QUEUE_PUT 1 2", "a nil" },
        { "a QUEUE_SIZE 1", "a [2, true]" },
        { "a QUEUE_PUT 1 3 ~0", "a ETIMEDOUT" },
        { "a QUEUE_PUT 1 3", "" },
        { "a.1 QUEUE_PUT 1 4 ~100", "" },
        { "b QUEUE_GET 1 nil", "a nil; b 1" },
        { "@100", "a.1 ETIMEDOUT" },
        { "b QUEUE_GET 1 nil", "b 2" },
        { "b QUEUE_GET 1 nil", "b 3" },
        { "b QUEUE_GET 1 nil ~50", "" },
        { "c QUEUE_GET 1 nil", "" },
        { "@150", "b ETIMEDOUT" },
        { "a QUEUE_PUT 1 5", "c 5; a nil" },
        { "a QUEUE_SIZE 1", "a [0, false]" },
    };
    T_HOME_STORY (story);
}

static void
s_test_picture (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN queue nil [0, 0, 0, 0, 0, 0, 0]", "a 1" },
        { "a QUEUE_PUT 1 word", "a nil" },
        { "b QUEUE_GET 1 '%d'", "b EBADMSG" },
        { "b QUEUE_SIZE 1", "b [1, false]" },
        { "b QUEUE_GET 1 '%4s'", "b word" },
        { "b QUEUE_GET 1 '%d'", "" },
        { "c QUEUE_GET 1 '%9s'", "" },
        { "a QUEUE_PUT 1 next", "b EBADMSG; c next; a nil" },
    };
    T_HOME_STORY (story);
}

static void
s_test_close (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN queue nil [1, 0, 5, 0, 0, 0, 0]", "a 1" },
        { "a QUEUE_PUT 1 'too long'", "a EMSGSIZE" },
        { "a QUEUE_PUT 1 1", "a nil" },
        { "a.1 QUEUE_PUT 1 2", "" },
        { "b QUEUE_CLOSE 1", "a.1 EPIPE; b nil" },
        { "b QUEUE_CLOSE 1", "b nil" },
        { "a QUEUE_PUT 1 3", "a EPIPE" },
        { "b QUEUE_GET 1 nil", "b 1" },
        { "b QUEUE_GET 1 nil", "b EPIPE" },
        { "a OPEN queue nil [1, 0, 0, 0, 0, 0, 0]", "a 2" },
        { "b QUEUE_GET 2 nil", "" },
        { "a QUEUE_CLOSE 2", "b EPIPE; a nil" },
    };
    T_HOME_STORY (story);
}

// One that could not be kept goes back to the head, and was not delivered.
static void
s_test_refused (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN queue q [0, 0, 0, 0, 0, 0, 0]", "a 1" },
        { "a QUEUE_PUT 1 1", "a nil" },
        { "a QUEUE_PUT 1 2", "a nil" },
        { "b QUEUE_GET 1 nil", "b 1" },
        { "b QUEUE_REFUSE 1", "b nil" },
        { "b again", "b nil" },
        { "a QUEUE_SIZE 1", "a [2, false]" },
        { "b QUEUE_GET 1 nil", "b 1" },
        { "b ACK", "" },
        { "b QUEUE_REFUSE 1", "b nil" },
        { "b QUEUE_GET 1 nil", "b 2" },
        { "c QUEUE_GET 1 nil", "" },
        { "b QUEUE_REFUSE 1", "c 2; b nil" },
        // A refusal is no delivery, and leaves nothing to be done.
        { "a OPEN queue p [0, 0, 0, 1, 1, 0, 0]", "a 2" },
        { "a QUEUE_PUT 2 x", "a nil" },
        { "b QUEUE_GET 2 nil", "b x" },
        { "b QUEUE_REFUSE 2", "b nil" },
        { "b QUEUE_DONE 2", "b EPERM" },
        { "b QUEUE_GET 2 nil", "b x" },
        { "b QUEUE_DONE 2", "b nil" },
    };
    T_HOME_STORY (story);
}

// An item whose arrival was not confirmed comes back to the head.
static void
s_test_unseen (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN queue q [0, 0, 0, 0, 0, 0, 0]", "a 1" },
        { "a QUEUE_PUT 1 1", "a nil" },
        { "a QUEUE_PUT 1 2", "a nil" },
        { "a QUEUE_PUT 1 3", "a nil" },
        { "b QUEUE_GET 1 nil", "b 1" },
        { "b again", "b 1" },
        { "b ACK", "" },
        { "b again", "" },
        { "b QUEUE_GET 1 nil", "b 2" },
        { "b.1 QUEUE_GET 1 nil", "b.1 3" },
        { "a QUEUE_SIZE 1", "a [0, false]" },
        { "gone b", "" },
        { "a QUEUE_GET 1 nil", "a 2" },
        { "a QUEUE_GET 1 nil", "a 3" },
        { "c QUEUE_GET 1 nil", "" },
        { "gone a", "c 3" },
    };
    T_HOME_STORY (story);
}

static void
s_test_joinable (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN queue q [0, 0, 0, 1, 0, 0, 0]", "a 1" },
        { "a QUEUE_JOIN 1", "a nil" },
        { "a QUEUE_DONE 1", "a EPERM" },
        { "a QUEUE_PUT 1 1", "a nil" },
        { "a QUEUE_PUT 1 2", "a nil" },
        { "a.1 QUEUE_JOIN 1", "" },
        { "a.2 QUEUE_JOIN 1 ~10", "" },
        { "@10", "a.2 ETIMEDOUT" },
        { "b QUEUE_GET 1 nil", "b 1" },
        { "b ACK", "" },
        { "b QUEUE_GET 1 nil", "b 2" },
        { "b.1 QUEUE_DONE 1", "b.1 EPERM" },
        // It got 1 first.
        { "b QUEUE_DONE 1", "b nil" },
        { "gone b", "" },
        { "c QUEUE_GET 1 nil", "c 2" },
        { "c QUEUE_FAILED 1", "c nil" },
        { "c QUEUE_GET 1 nil", "c 2" },
        { "c QUEUE_DONE 1", "a.1 nil; c nil" },
        { "c QUEUE_DONE 1", "c EPERM" },
        { "a OPEN queue nil [0, 0, 0, 0, 0, 0, 0]", "a 2" },
        { "a QUEUE_DONE 2", "a EINVAL" },
        { "a QUEUE_FAILED 2", "a EINVAL" },
        { "a QUEUE_JOIN 2", "a EINVAL" },
    };
    T_HOME_STORY (story);
}

// Items that were under way come back in the order they had.
static void
s_test_back_in_order (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN queue q [0, 0, 0, 1, 0, 0, 0]", "a 1" },
        { "a QUEUE_PUT 1 1", "a nil" },
        { "a QUEUE_PUT 1 2", "a nil" },
        { "a QUEUE_PUT 1 3", "a nil" },
        { "b QUEUE_GET 1 nil", "b 1" },
        { "b QUEUE_GET 1 nil", "b 2" },
        { "gone b", "" },
        { "a QUEUE_GET 1 nil", "a 1" },
        { "a QUEUE_GET 1 nil", "a 2" },
        { "a QUEUE_GET 1 nil", "a 3" },
    };
    T_HOME_STORY (story);
}

static void
s_test_deliveries (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN queue dead [1, 0, 0, 1, 0, 0, 0]", "a 1" },
        { "a OPEN queue q [0, 0, 0, 1, 2, 1, 0]", "a 2" },
        { "a OPEN queue r [0, 0, 0, 1, 1, 0, 0]", "a 3" },
        { "a QUEUE_PUT 2 x", "a nil" },
        { "a QUEUE_PUT 2 y", "a nil" },
        { "b QUEUE_GET 2 nil", "b x" },
        { "gone b", "" },
        { "b QUEUE_GET 2 nil", "b x" },
        { "b.1 QUEUE_GET 2 nil", "b.1 y" },
        { "b.1 QUEUE_DONE 2", "b.1 nil" },
        { "c QUEUE_JOIN 2", "" },
        { "gone b", "c nil" },
        { "c QUEUE_GET 1 nil", "c x" },
        { "c QUEUE_DONE 1", "c nil" },
        { "c QUEUE_JOIN 1", "c nil" },
        { "a QUEUE_PUT 3 z", "a nil" },
        { "c QUEUE_GET 3 nil", "c z" },
        { "c QUEUE_FAILED 3", "dropped 3; c nil" },
        { "c QUEUE_JOIN 3", "c nil" },
        { "a OPEN queue nil [0, 0, 0, 1, 1, 99, 0]", "a ENOENT" },
    };
    T_HOME_STORY (story);
}

static void
s_test_priorities (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN queue q [0, 0, 0, 1, 0, 0, 1]", "a 1" },
        { "a QUEUE_PUT 1 x", "a EINVAL" },
        { "a QUEUE_PUT 1 [-1, x]", "a EINVAL" },
        { "a QUEUE_PUT 1 [x, 1]", "a EINVAL" },
        { "a QUEUE_PUT 1 [5, low]", "a nil" },
        { "a QUEUE_PUT 1 [0, high]", "a nil" },
        { "a QUEUE_PUT 1 [5, low2]", "a nil" },
        { "a QUEUE_PUT 1 [3, mid]", "a nil" },
        { "b QUEUE_GET 1 nil", "b [0, high]" },
        { "b QUEUE_GET 1 nil", "b [3, mid]" },
        { "b.1 QUEUE_GET 1 nil", "b.1 [5, low]" },
        { "gone b", "" },
        { "a QUEUE_GET 1 nil", "a [0, high]" },
        { "a QUEUE_GET 1 nil", "a [3, mid]" },
        { "a QUEUE_GET 1 nil", "a [5, low]" },
        { "a QUEUE_GET 1 nil", "a [5, low2]" },
    };
    T_HOME_STORY (story);
}

// At the end of a closed queue a getter waits for what others have under way.
static void
s_test_end_of_closed (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN queue q [0, 0, 0, 1, 0, 0, 0]", "a 1" },
        { "a QUEUE_PUT 1 1", "a nil" },
        { "a QUEUE_CLOSE 1", "a nil" },
        { "b QUEUE_GET 1 nil", "b 1" },
        { "c QUEUE_GET 1 nil", "" },
        { "gone b", "c 1" },
        { "d QUEUE_GET 1 nil", "" },
        { "c QUEUE_DONE 1", "d EPIPE; c nil" },
    };
    T_HOME_STORY (story);
}

static void
s_test_bytes (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN queue q [0, 10, 100, 0, 0, 0, 0]", "a 1" },
        { "a QUEUE_PUT 1 'sixteen bytes...'", "a nil" },
        { "a QUEUE_PUT 1 x", "" },
        { "b QUEUE_GET 1 nil", "a nil; b sixteen bytes..." },
        { "b QUEUE_GET 1 nil", "b x" },
        { "a QUEUE_PUT 1 'seven b'", "a nil" },
        { "a QUEUE_PUT 1 'long one'", "" },
        { "a.1 QUEUE_PUT 1 y", "" },
        // The order of putters stands, also where the second would fit.
        { "a CANCEL", "a EINTR; a.1 nil" },
    };
    T_HOME_STORY (story);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_order),
        cmocka_unit_test (s_test_picture),
        cmocka_unit_test (s_test_close),
        cmocka_unit_test (s_test_unseen),
        cmocka_unit_test (s_test_refused),
        cmocka_unit_test (s_test_joinable),
        cmocka_unit_test (s_test_back_in_order),
        cmocka_unit_test (s_test_deliveries),
        cmocka_unit_test (s_test_priorities),
        cmocka_unit_test (s_test_end_of_closed),
        cmocka_unit_test (s_test_bytes),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
