// semaphore.c - so many at a time
//
// SPDX-License-Identifier: MPL-2.0
//
// Eight tasks in four workers, and two seats. The semaphore reaches the workers
// as an argument, by ref, as any handle does. Permits of a worker that is
// killed come back by themselves, so a seat is never lost.
//
// Read next: event.c.

#include <brood.h>
#include <signal.h>
#include <stdio.h>

static brood_value_t *seated, *most;  // Made before the pool

static int
sit (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    int n;
    if (brood_msg_unpack (in, "{seats: @%p, guest: %d}", &ref, &n) < 0)
        return brood_task_fail (task, "wanted {seats, guest}");
    BROOD_AUTO (semaphore) seats = brood_semaphore_from (ref);
    BROOD_WITH (semaphore, seats)
    {
        (void) brood_value_max (most, brood_value_add (seated, 1));
        if (n == 3)
            raise (SIGKILL);
        (void) brood_value_add (seated, -1);
    }
    return brood_msg_pack (out, "%d", n);
}
BROOD_TASK (sit);

int
main (int argc, char **argv)
{
    enum {
        GUESTS = 8
    };
    brood_future_t *guests[GUESTS];
    brood_init (&argc, &argv);
    BROOD_AUTO (value) a = seated = brood_value_new (BROOD_INT);
    BROOD_AUTO (value) b = most = brood_value_new (BROOD_INT);
    BROOD_AUTO (semaphore) seats = brood_semaphore_new_bounded (2);
    BROOD_AUTO (pool) pool = brood_pool_new ("4");
    for (int i = 0; i < GUESTS; i++)
        guests[i] = brood_pool_submit (
            pool, sit, "{seats: @%p, guest: %d}", brood_ref (seats), i);
    for (int i = 0; i < GUESTS; i++) {
        if (brood_future_wait (guests[i], BROOD_FOREVER) < 0)
            return brood_perror ("guest");
        if (!brood_future_result (guests[i], 0))
            printf ("guest %d: %s\n", i, brood_error ());
        brood_future_destroy (&guests[i]);
    }
    // The one that died sat when it did, and is not seated any more.
    const long long at_once = brood_value_get (most) - 1;
    printf ("never more than two at a time: %s\n", at_once <= 2 ? "yes" : "no");
    printf ("%ld seats are free\n", brood_semaphore_value (seats));
    if (brood_semaphore_release (seats) < 0)
        printf ("%s\n", brood_error ());
    return 0;
}
