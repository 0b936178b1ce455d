// torture_sync.c - locks and the like: each allocation and system call fails
//
// SPDX-License-Identifier: MPL-2.0
//
// What could not be made is not there, and what is there works: a use needs no
// memory of its own, but for the descriptors of a wait on several things.

#include "torture.h"

#include <errno.h>

// --- Life ------------------------------------------------------------------

// A second handle by ref, and the first one destroyed: the second still works.
#define S_LIFE(class_, made, use) \
    do { \
        brood_##class_##_t *first = (made); \
        if (!TORTURE_OK (first)) \
            break; \
        brood_##class_##_t *x = brood_##class_##_from (brood_ref (first)); \
        if (!TORTURE_OK (x)) { \
            x = first; \
            first = NULL; \
        } \
        brood_##class_##_destroy (&first); \
        TORTURE_MUST (use); \
        brood_##class_##_destroy (&x); \
        TORTURE_MUST (x == NULL); \
    } while (0)

static void
s_handles (void)
{
    S_LIFE (lock,
            brood_lock_new (),
            brood_lock_acquire (x, 0) == 0 && brood_lock_release (x) == 0);
    S_LIFE (rlock,
            brood_rlock_new (),
            brood_rlock_acquire (x, 0) == 0 && brood_rlock_release (x) == 0);
    S_LIFE (semaphore,
            brood_semaphore_new_bounded (1),
            brood_semaphore_acquire (x, 0) == 0
                && brood_semaphore_release (x) == 0);
    S_LIFE (event, brood_event_new (), brood_event_set (x) == 0);
    S_LIFE (condition,
            brood_condition_new (),
            brood_condition_acquire (x, 0) == 0
                && brood_condition_release (x) == 0);
    S_LIFE (barrier, brood_barrier_new (1), brood_barrier_wait (x, 0) == 0);
    S_LIFE (value,
            brood_value_new (BROOD_INT),
            brood_value_add (x, 3) == 3 && brood_value_lock (x) != NULL);
    S_LIFE (array,
            brood_array_new (BROOD_INT, 100000),
            brood_array_len (x) == 100000 && brood_array_lock (x) != NULL);
}

// --- Use -------------------------------------------------------------------

static int
s_never (void *arg)
{
    (void) arg;
    return 0;
}

static void
s_condition (void)
{
    BROOD_AUTO (rlock) rlock = brood_rlock_new ();
    if (!TORTURE_OK (rlock))
        return;
    BROOD_AUTO (condition) condition = brood_condition_new_on (rlock);
    if (!TORTURE_OK (condition))
        return;
    TORTURE_MUST (brood_rlock_acquire (rlock, 0) == 0);
    TORTURE_MUST (brood_condition_wait (condition, 0) == -1
                  && errno == ETIMEDOUT);
    TORTURE_MUST (brood_condition_wait_for (condition, 0, s_never, NULL) == -1
                  && errno == ETIMEDOUT);
    TORTURE_MUST (brood_condition_notify_all (condition) == 0);
    TORTURE_MUST (brood_condition_release (condition) == 0);
}

static void
s_act (void *arg)
{
    ++*(int *) arg;
}

static void
s_barrier (void)
{
    int calls = 0;
    BROOD_AUTO (barrier)
    barrier = brood_barrier_new_action (1, s_act, &calls);
    if (!TORTURE_OK (barrier))
        return;
    TORTURE_MUST (brood_barrier_wait (barrier, 0) == 0 && calls == 1);
    TORTURE_MUST (brood_barrier_abort (barrier) == 0);
    TORTURE_MUST (brood_barrier_wait (barrier, 0) == -1 && errno == EPIPE);
    TORTURE_MUST (brood_barrier_reset (barrier) == 0);
    TORTURE_MUST (brood_barrier_wait (barrier, 0) == 0 && calls == 2);
}

// A wait that could not be begun has changed nothing: the next one works.
static void
s_wait_any (void)
{
    BROOD_AUTO (event) one = brood_event_new ();
    BROOD_AUTO (event) other = brood_event_new ();
    if (!TORTURE_OK (one && other))
        return;
    brood_wait_t on[] = { { .handle = one }, { .handle = other } };
    const long ready = brood_wait_any (on, 2, 1);
    TORTURE_MUST (ready == -1);
    (void) TORTURE_OK (errno == ETIMEDOUT);
    TORTURE_MUST (brood_event_set (other) == 0);
    TORTURE_MUST (brood_wait_any (on, 2, TORTURE_MS) == 1);
    TORTURE_MUST (!on[0].ready && on[1].ready);
}

const torture_scenario_t torture_sync[] = {
    { "handles", s_handles }, { "condition", s_condition },
    { "barrier", s_barrier }, { "wait_any", s_wait_any },
    { NULL, NULL },
};
