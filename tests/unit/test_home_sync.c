// test_home_sync.c - locks, semaphores, events, conditions, barriers of a home
//
// SPDX-License-Identifier: MPL-2.0

#include "t_home.h"

static void
s_test_lock (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN lock l", "a 1" },
        { "a LOCK_LOCKED 1", "a 0" },
        { "a LOCK_RELEASE 1", "a EPERM" },
        { "a LOCK_ACQUIRE 1", "a 0" },
        { "a LOCK_LOCKED 1", "a 1" },
        { "a LOCK_ACQUIRE 1", "a EDEADLK" },
        // The holder is a thread.
        { "a.1 LOCK_RELEASE 1", "a.1 EPERM" },
        { "a.1 LOCK_ACQUIRE 1 ~0", "a.1 ETIMEDOUT" },
        { "a.1 LOCK_ACQUIRE 1 ~10", "" },
        { "b LOCK_ACQUIRE 1", "" },
        { "c LOCK_ACQUIRE 1", "" },
        { "c.1 LOCK_ACQUIRE 1", "" },
        { "@10", "a.1 ETIMEDOUT" },
        { "c CANCEL", "c EINTR" },
        { "a LOCK_RELEASE 1", "b 0; a nil" },
        { "b LOCK_RELEASE 1", "c.1 0; b nil" },
        { "c CANCEL", "" },
        { "c.1 LOCK_RELEASE 1", "c.1 nil" },
        { "a LOCK_LOCKED 1", "a 0" },
    };
    T_HOME_STORY (story);
}

static void
s_test_lock_death (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN lock l", "a 1" },
        { "b LOCK_ACQUIRE 1", "b 0" },
        { "c LOCK_ACQUIRE 1", "" },
        { "d LOCK_ACQUIRE 1", "" },
        { "gone c", "" },
        { "gone b", "d 1" },
        { "d LOCK_RELEASE 1", "d nil" },
        { "a LOCK_ACQUIRE 1", "a 0" },
        { "gone a", "" },
        // Told once.
        { "d LOCK_ACQUIRE 1", "d 1" },
        { "d LOCK_RELEASE 1", "d nil" },
        { "d LOCK_ACQUIRE 1", "d 0" },
        // What is held lives.
        { "a OPEN lock", "a 2" },
        { "b LOCK_ACQUIRE 2", "b 0" },
        { "a DROP 2 1", "" },
        { "a LOCK_LOCKED 2", "a 1" },
        { "b LOCK_RELEASE 2", "b nil" },
        { "a LOCK_LOCKED 2", "a ENOENT" },
    };
    T_HOME_STORY (story);
}

static void
s_test_rlock (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN rlock l", "a 1" },       { "a LOCK_ACQUIRE 1", "a 0" },
        { "a LOCK_ACQUIRE 1", "a 0" },     { "b LOCK_ACQUIRE 1", "" },
        { "a LOCK_RELEASE 1", "a nil" },   { "a LOCK_RELEASE 1", "b 0; a nil" },
        { "a LOCK_RELEASE 1", "a EPERM" }, { "b LOCK_ACQUIRE 1", "b 0" },
        { "b LOCK_ACQUIRE 1", "b 0" },     { "gone b", "" },
        { "a LOCK_ACQUIRE 1", "a 1" },     { "a LOCK_RELEASE 1", "a nil" },
        { "a LOCK_LOCKED 1", "a 0" },
    };
    T_HOME_STORY (story);
}

static void
s_test_semaphore (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN semaphore s [2, 1]", "a 1" },
        { "b OPEN semaphore s [2, 0]", "b EEXIST" },
        { "b OPEN semaphore s [3, 1]", "b EEXIST" },
        { "b OPEN semaphore s [2, 1]", "b 1" },
        { "a SEMAPHORE_RELEASE 1", "a EOVERFLOW" },
        { "a SEMAPHORE_ACQUIRE 1", "a nil" },
        { "a SEMAPHORE_ACQUIRE 1", "a nil" },
        { "a SEMAPHORE_VALUE 1", "a 0" },
        { "b SEMAPHORE_ACQUIRE 1 ~0", "b ETIMEDOUT" },
        { "b SEMAPHORE_ACQUIRE 1 ~10", "" },
        { "b.1 SEMAPHORE_ACQUIRE 1", "" },
        { "@10", "b ETIMEDOUT" },
        { "a SEMAPHORE_RELEASE 1", "b.1 nil; a nil" },
        // Those of the dead come back.
        { "c SEMAPHORE_ACQUIRE 1", "" },
        { "gone a", "c nil" },
        { "gone c", "" },
        { "b SEMAPHORE_VALUE 1", "b 1" },
        { "gone b", "" },
        { "d SEMAPHORE_VALUE 1", "d 2" },
    };
    T_HOME_STORY (story);
}

// A signal is not made by a death.
static void
s_test_semaphore_as_signal (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN semaphore s [0, 0]", "a 1" },
        { "b SEMAPHORE_ACQUIRE 1", "" },
        { "a SEMAPHORE_RELEASE 1", "b nil; a nil" },
        { "gone b", "" },
        { "a SEMAPHORE_VALUE 1", "a 0" },
        { "a OPEN semaphore t [1, 0]", "a 2" },
        { "c SEMAPHORE_ACQUIRE 2", "c nil" },
        { "a SEMAPHORE_RELEASE 2", "a nil" },
        { "gone c", "" },
        { "a SEMAPHORE_VALUE 2", "a 1" },
    };
    T_HOME_STORY (story);
}

static void
s_test_event (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN event e", "a 1" },
        { "a EVENT_IS_SET 1", "a 0" },
        { "a EVENT_WAIT 1 ~0", "a ETIMEDOUT" },
        { "a EVENT_WAIT 1 ~5", "" },
        { "b EVENT_WAIT 1", "" },
        { "c EVENT_WAIT 1", "" },
        { "gone c", "" },
        { "@5", "a ETIMEDOUT" },
        { "a EVENT_WAIT 1", "" },
        { "d EVENT_SET 1", "b nil; a nil; d nil" },
        { "d EVENT_SET 1", "d nil" },
        { "a EVENT_WAIT 1 ~0", "a nil" },
        { "d EVENT_CLEAR 1", "d nil" },
        { "a EVENT_IS_SET 1", "a 0" },
    };
    T_HOME_STORY (story);
}

static void
s_test_condition (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN condition c [0]", "a 1" },
        { "a CONDITION_WAIT 1", "a EPERM" },
        { "a CONDITION_NOTIFY 1 1", "a EPERM" },
        { "a LOCK_ACQUIRE 1", "a 0" },
        { "a LOCK_ACQUIRE 1", "a 0" },
        { "a CONDITION_NOTIFY 1 -1", "a nil" },
        { "a CONDITION_WAIT 1", "" },
        { "b LOCK_ACQUIRE 1", "b 0" },
        { "b CONDITION_WAIT 1", "" },
        { "c LOCK_ACQUIRE 1", "c 0" },
        { "c CONDITION_NOTIFY 1 1", "c nil" },
        { "c LOCK_RELEASE 1", "a 0; c nil" },
        // As deep as it was.
        { "a LOCK_RELEASE 1", "a nil" },
        { "a CONDITION_NOTIFY 1 -1", "a nil" },
        { "a LOCK_RELEASE 1", "b 0; a nil" },
        { "b CONDITION_WAIT 1 ~0", "b ETIMEDOUT" },
        { "b LOCK_RELEASE 1", "b nil" },
        { "b LOCK_LOCKED 1", "b 0" },
    };
    T_HOME_STORY (story);
}

// In any case it holds the lock again, when others let go.
static void
s_test_condition_time (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN condition c [0]", "a 1" },
        { "a LOCK_ACQUIRE 1", "a 0" },
        { "a CONDITION_WAIT 1 ~10", "" },
        { "b LOCK_ACQUIRE 1", "b 0" },
        { "@10", "" },
        { "a CANCEL", "" },
        { "b CONDITION_NOTIFY 1 1", "b nil" },
        { "b LOCK_RELEASE 1", "a ETIMEDOUT; b nil" },
        { "a CONDITION_WAIT 1", "" },
        { "b LOCK_ACQUIRE 1", "b 0" },
        { "a CANCEL", "" },
        { "b LOCK_RELEASE 1", "a EINTR; b nil" },
        { "a LOCK_RELEASE 1", "a nil" },
    };
    T_HOME_STORY (story);
}

static void
s_test_condition_death (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN condition c [0]", "a 1" },
        { "a LOCK_ACQUIRE 1", "a 0" },
        { "a CONDITION_WAIT 1", "" },
        { "b LOCK_ACQUIRE 1", "b 0" },
        { "b CONDITION_WAIT 1", "" },
        { "c LOCK_ACQUIRE 1", "c 0" },
        { "c CONDITION_NOTIFY 1 1", "c nil" },
        // The one that was notified dies: the other gets it.
        { "gone a", "" },
        { "c LOCK_RELEASE 1", "b 0; c nil" },
        { "b CONDITION_WAIT 1", "" },
        { "c LOCK_ACQUIRE 1", "c 0" },
        { "c CONDITION_NOTIFY 1 1", "c nil" },
        // A holder died meanwhile.
        { "gone c", "b 1" },
        { "b CONDITION_WAIT 1", "" },
        { "gone b", "" },
        { "d LOCK_ACQUIRE 1", "d 0" },
    };
    T_HOME_STORY (story);
}

// Two conditions of one rlock, which lives as long as they do.
static void
s_test_condition_on (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN rlock", "a 1" },
        { "a OPEN condition c [1]", "a 2" },
        { "a OPEN condition d [1]", "a 3" },
        { "a OPEN condition d [0]", "a EEXIST" },
        { "a LOCK_ACQUIRE 2", "a 0" },
        { "a CONDITION_WAIT 2", "" },
        { "b LOCK_ACQUIRE 3", "b 0" },
        { "b LOCK_LOCKED 1", "b 1" },
        { "b CONDITION_NOTIFY 3 -1", "b nil" },
        { "b LOCK_RELEASE 3", "b nil" },
        { "b LOCK_ACQUIRE 1", "b 0" },
        { "b CONDITION_NOTIFY 2 -1", "b nil" },
        { "b LOCK_RELEASE 2", "a 0; b nil" },
        { "a LOCK_RELEASE 1", "a nil" },
        { "a DROP 1 1", "" },
        { "a LOCK_LOCKED 1", "a 0" },
    };
    T_HOME_STORY (story);
}

// The condition lives while somebody waits in it, also on the way back.
static void
s_test_condition_dropped (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN condition nil [0]", "a 1" }, { "a LOCK_ACQUIRE 1", "a 0" },
        { "a CONDITION_WAIT 1", "" },          { "b LOCK_ACQUIRE 1", "b 0" },
        { "b CONDITION_NOTIFY 1 1", "b nil" }, { "a DROP 1 1", "" },
        { "b LOCK_RELEASE 1", "a 0; b nil" },  { "a LOCK_RELEASE 1", "a nil" },
        { "a LOCK_RELEASE 1", "a ENOENT" },    { "a OBJECTS", "a 0" },
    };
    T_HOME_STORY (story);
}

// So it does while somebody waits for its own lock, or holds it: it went, and
// who waited was left with memory that was freed.
static void
s_test_condition_lock_dropped (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN condition nil [0]", "a 1" },
        { "b LOCK_ACQUIRE 1", "b 0" },
        { "c LOCK_ACQUIRE 1", "" },
        { "a DROP 1 1", "" },
        { "a OBJECTS", "a 1" },
        { "b LOCK_RELEASE 1", "c 0; b nil" },
        { "c LOCK_RELEASE 1", "c nil" },
        { "a OBJECTS", "a 0" },
    };
    T_HOME_STORY (story);
}

static void
s_test_barrier (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN barrier b [2]", "a 1" },
        { "b OPEN barrier b [3]", "b EEXIST" },
        { "a BARRIER_WAIT 1", "" },
        { "b BARRIER_STATE 1", "b [2, 1, false]" },
        { "b BARRIER_WAIT 1", "a 0; b 1" },
        { "b BARRIER_WAIT 1 ~10", "" },
        { "@10", "b ETIMEDOUT" },
        { "a BARRIER_WAIT 1", "a EPIPE" },
        { "a BARRIER_STATE 1", "a [2, 0, true]" },
        { "a BARRIER_RESET 1", "a nil" },
        { "a BARRIER_WAIT 1", "" },
        { "b BARRIER_RESET 1", "a EPIPE; b nil" },
        { "a BARRIER_WAIT 1", "" },
        { "b BARRIER_ABORT 1", "a EPIPE; b nil" },
        { "b BARRIER_RESET 1", "b nil" },
        { "b BARRIER_WAIT 1 ~0", "b ETIMEDOUT" },
        { "b BARRIER_STATE 1", "b [2, 0, true]" },
        { "b BARRIER_RESET 1", "b nil" },
        { "a BARRIER_WAIT 1", "" },
        { "a CANCEL", "a EINTR" },
        { "b BARRIER_WAIT 1", "b EPIPE" },
    };
    T_HOME_STORY (story);
}

static void
s_test_barrier_death (void **state)
{
    (void) state;
    t_home_t *self = t_home_new (NULL);
    static const t_home_line_t story[] = {
        { "a OPEN barrier b [3]", "a 1" },
        { "a BARRIER_WAIT 1", "" },
        { "b BARRIER_WAIT 1", "" },
        { "gone b", "a EPIPE" },
    };
    t_home_tell_all (self, story, sizeof story / sizeof *story);
    // By name.
    const brd_home_event_t event = { .type = BRD_HOME_CALL,
                                     .session = 1,
                                     .call = &self->last[0][0] };
    brd_home_effect_t effect;
    assert_int_equal (brd_home_step (self->home, 0, &event), 0);
    assert_int_equal (brd_home_effect (self->home, &effect), 1);
    char text[256];
    snprintf (text,
              sizeof text,
              "%.*s",
              (int) effect.answer.size,
              (const char *) effect.answer.body);
    assert_string_equal (text, "the barrier is broken: client b died");
    t_home_destroy (self);
}

static void
s_test_proxy (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN proxy bank [Bank, 100]", "invoke 1 Bank.new 100" },
        { "b OPEN proxy bank [Bank, 5]", "" },
        { "b.1 OPEN proxy bank [Shop, 5]", "b.1 EEXIST" },
        { "return 1 nil", "a 1; b 1" },
        { "a PROXY_CALL 1 pay 5", "invoke 1 Bank.pay 5" },
        { "b PROXY_CALL 1 take [1]", "" },
        { "c PROXY_CALL 1 take 2", "" },
        { "a again", "" },
        { "return 1 95", "a 95; invoke 1 Bank.take [1]" },
        { "a again", "a 95" },
        // Its client dies: the method goes on, the next one waits.
        { "gone b", "" },
        { "return 1 1", "invoke 1 Bank.take 2" },
        { "c CANCEL", "c EINTR" },
        { "c PROXY_CALL 1 take 3", "" },
        { "return 1 1", "invoke 1 Bank.take 3" },
        { "return 1 ESRCH", "c ESRCH" },
        { "return 1 5", "" },
        { "return 7 5", "" },
        { "a OPEN proxy nil [Bank, 1]", "invoke 2 Bank.new 1" },
        { "return 2 nil", "a 2" },
        { "a DROP 2 1", "destroy 2" },
        { "a OPEN proxy nil [Bank]", "a EINVAL" },
        { "a OPEN proxy nil [Bank, 1]", "invoke 3 Bank.new 1" },
        { "a CANCEL", "a EINTR" },
        { "return 3 nil", "destroy 3" },
    };
    T_HOME_STORY (story);
}

// One that could not be made is nobody's, and its name is free.
static void
s_test_proxy_unborn (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN proxy bank [Bank, 100]", "invoke 1 Bank.new 100" },
        { "b OPEN proxy bank [Bank, 5]", "" },
        { "return 1 EIO", "a EIO; b EIO; destroy 1" },
        { "a OBJECTS", "a 0" },
        { "a OPEN proxy bank [Bank, 7]", "invoke 2 Bank.new 7" },
        { "gone a", "" },
        { "return 2 nil", "" },
        { "c OPEN proxy bank [Bank, 7]", "c 2" },
        { "c OPEN list", "c 3" },
        { "c PROXY_CALL 2 keep #3", "invoke 2 Bank.keep #3" },
        { "c.1 DROP 3 1", "" },
        { "return 2 #3", "c #3+" },
        { "c LIST_LEN 3", "c 0" },
    };
    T_HOME_STORY (story);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_lock),
        cmocka_unit_test (s_test_lock_death),
        cmocka_unit_test (s_test_rlock),
        cmocka_unit_test (s_test_semaphore),
        cmocka_unit_test (s_test_semaphore_as_signal),
        cmocka_unit_test (s_test_event),
        cmocka_unit_test (s_test_condition),
        cmocka_unit_test (s_test_condition_time),
        cmocka_unit_test (s_test_condition_death),
        cmocka_unit_test (s_test_condition_on),
        cmocka_unit_test (s_test_condition_dropped),
        cmocka_unit_test (s_test_condition_lock_dropped),
        cmocka_unit_test (s_test_barrier),
        cmocka_unit_test (s_test_barrier_death),
        cmocka_unit_test (s_test_proxy),
        cmocka_unit_test (s_test_proxy_unborn),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
