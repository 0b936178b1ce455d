// event.c - a starting shot
//
// SPDX-License-Identifier: MPL-2.0
//
// Runners in three workers wait until the event is set; one set () lets all of
// them go, whichever process they are in. Each tells by a value that it is at
// its mark, so that nobody is late.
//
// Read next: barrier.c, where they wait for each other.

#include <brood.h>
#include <stdio.h>

static int
run (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *shot_ref, *ready_ref, *place_ref;
    if (brood_msg_unpack (
            in, "[@%p, @%p, @%p]", &shot_ref, &ready_ref, &place_ref)
        < 0)
        return brood_task_fail (task, "wanted [shot, ready, place]");
    BROOD_AUTO (event) shot = brood_event_from (shot_ref);
    BROOD_AUTO (semaphore) ready = brood_semaphore_from (ready_ref);
    BROOD_AUTO (value) place = brood_value_from (place_ref);
    if (brood_semaphore_release (ready) < 0
        || brood_event_wait (shot, 10000) < 0)
        return -1;
    return brood_msg_pack (out, "%lld", (long long) brood_value_add (place, 1));
}
BROOD_TASK (run);

int
main (int argc, char **argv)
{
    enum {
        RUNNERS = 3
    };
    brood_future_t *runners[RUNNERS];
    long long place, sum = 0;
    brood_init (&argc, &argv);
    BROOD_AUTO (event) shot = brood_event_new ();
    BROOD_AUTO (semaphore) ready = brood_semaphore_new (0);
    BROOD_AUTO (value) places = brood_value_new (BROOD_INT);
    BROOD_AUTO (pool) pool = brood_pool_new ("3");
    for (int i = 0; i < RUNNERS; i++)
        runners[i] = brood_pool_submit (pool,
                                        run,
                                        "[@%p, @%p, @%p]",
                                        brood_ref (shot),
                                        brood_ref (ready),
                                        brood_ref (places));
    for (int i = 0; i < RUNNERS; i++) {
        if (brood_semaphore_acquire (ready, BROOD_FOREVER) < 0)
            return brood_perror ("ready");
    }
    printf ("all at their marks, and %lld have left\n",
            (long long) brood_value_get (places));
    brood_event_set (shot);
    for (int i = 0; i < RUNNERS; i++) {
        if (brood_future_get (runners[i], BROOD_FOREVER, "%lld", &place) < 0)
            return brood_perror ("run");
        sum += place;
        brood_future_destroy (&runners[i]);
    }
    printf ("1 + 2 + 3 = %lld\n", sum);
    printf ("is set: %d\n", brood_event_is_set (shot));
    brood_event_clear (shot);
    if (brood_event_wait (shot, 10) < 0)
        printf ("%s\n", brood_error ());
    return 0;
}
