// 002_j_primitives.c - seed 002-J: the six primitives, one use each
//
// SPDX-License-Identifier: MPL-2.0
//
// The text lists them and shows only the barrier. Each function below starts
// three processes that use one, and prints what came of it. The numbers are in
// shared memory; where they are not guarded by what is shown, their own
// functions are atomic.
//
// Read next: 002_k_barrier.c.

#include <brood.h>
#include <stdio.h>
#include <unistd.h>

enum {
    PROCESSES = 3,
    STEPS = 1000,
    NAP_US = 10000
};

// Everything there is; a process uses what its run is about.
typedef struct {
    brood_lock_t *lock;
    brood_event_t *event;
    brood_condition_t *condition;
    brood_semaphore_t *semaphore;
    brood_rlock_t *rlock;
    brood_barrier_t *barrier;
    brood_value_t *number;
    brood_value_t *most;
} shared;

// Starts run (s) in three processes, and in between does meanwhile (s).
static int
in_three (brood_process_fn *run, shared *s, void (*meanwhile) (shared *s))
{
    brood_process_t *processes[PROCESSES];
    int failed = 0;
    brood_value_set (s->number, 0);
    for (int i = 0; i < PROCESSES; i++) {
        processes[i] = brood_process_new (run, s);
        if (brood_process_start (processes[i]) < 0)
            return brood_perror ("start");
    }
    if (meanwhile)
        meanwhile (s);
    for (int i = 0; i < PROCESSES; i++) {
        if (brood_process_join (processes[i], -1) < 0)
            return brood_perror ("join");
        failed += brood_process_exitcode (processes[i]) != 0;
        brood_process_destroy (&processes[i]);
    }
    return failed;
}

// --- Lock: one at a time ---------------------------------------------------

static int
use_lock (void *arg)
{
    shared *s = arg;
    for (int i = 0; i < STEPS; i++)
        BROOD_WITH (lock, s->lock)
        {
            brood_value_set (s->number, brood_value_get (s->number) + 1);
        }
    return 0;
}

// --- RLock: its holder may take it again -----------------------------------

static int
use_rlock (void *arg)
{
    shared *s = arg;
    for (int i = 0; i < STEPS; i++)
        BROOD_WITH (rlock, s->rlock)
        {
            BROOD_WITH (rlock, s->rlock)
            {
                brood_value_set (s->number, brood_value_get (s->number) + 1);
            }
        }
    return 0;
}

// --- Event: wait until somebody says so ------------------------------------

static int
use_event (void *arg)
{
    shared *s = arg;
    if (brood_event_wait (s->event, -1) < 0)
        return brood_perror ("event");
    // Set before the event, so it is seen after.
    return brood_value_get (s->number) != 42;
}

static void
set_event (shared *s)
{
    brood_value_set (s->number, 42);
    brood_event_set (s->event);
}

// --- Condition: wait until a state is so -----------------------------------

static int
use_condition (void *arg)
{
    shared *s = arg;
    BROOD_WITH (condition, s->condition)
    {
        while (brood_value_get (s->number) == 0)
            if (brood_condition_wait (s->condition, -1) < 0)
                return brood_perror ("condition");
    }
    return 0;
}

static void
change_state (shared *s)
{
    BROOD_WITH (condition, s->condition)
    {
        brood_value_set (s->number, 1);
        brood_condition_notify_all (s->condition);
    }
}

// --- Semaphore: so many at a time ------------------------------------------

static int
use_semaphore (void *arg)
{
    shared *s = arg;
    for (int i = 0; i < 10; i++)
        BROOD_WITH (semaphore, s->semaphore)
        {
            brood_value_max (s->most, brood_value_add (s->number, 1));
            usleep (NAP_US / 10);
            brood_value_add (s->number, -1);
        }
    return 0;
}

// --- Barrier: nobody goes on before all are there --------------------------

static int
use_barrier (void *arg)
{
    shared *s = arg;
    for (int phase = 1; phase <= 10; phase++) {
        brood_value_add (s->number, 1);
        if (brood_barrier_wait (s->barrier, -1) < 0)
            return brood_perror ("barrier");
        if (brood_value_get (s->number) < phase * PROCESSES)
            return 1;
    }
    return 0;
}

int
main (void)
{
    BROOD_AUTO (lock) lock = brood_lock_new ();
    BROOD_AUTO (event) event = brood_event_new ();
    BROOD_AUTO (condition) condition = brood_condition_new ();
    BROOD_AUTO (semaphore) semaphore = brood_semaphore_new (2);
    BROOD_AUTO (rlock) rlock = brood_rlock_new ();
    BROOD_AUTO (barrier) barrier = brood_barrier_new (PROCESSES);
    BROOD_AUTO (value) number = brood_value_new (BROOD_LONG);
    BROOD_AUTO (value) most = brood_value_new (BROOD_LONG);
    shared s = {
        lock, event, condition, semaphore, rlock, barrier, number, most
    };

    if (in_three (use_lock, &s, NULL) != 0)
        return 1;
    printf ("lock: %lld steps\n", (long long) brood_value_get (number));
    if (in_three (use_event, &s, set_event) != 0)
        return 1;
    brood_event_clear (event);
    printf ("event: all have seen it, and now it is %d\n",
            brood_event_is_set (event));
    if (in_three (use_condition, &s, change_state) != 0)
        return 1;
    puts ("condition: all were notified");
    if (in_three (use_semaphore, &s, NULL) != 0)
        return 1;
    printf ("semaphore: %s at a time\n",
            brood_value_get (most) <= 2 ? "two" : "too many");
    if (in_three (use_rlock, &s, NULL) != 0)
        return 1;
    printf ("rlock: %lld steps\n", (long long) brood_value_get (number));
    if (in_three (use_barrier, &s, NULL) != 0)
        return 1;
    puts ("barrier: ten phases, together");
    return 0;
}
