// joinable_queue.c - items that must be done, whoever dies of them
//
// SPDX-License-Identifier: MPL-2.0
//
// What is got from a joinable queue is only lent: until task_done the queue
// keeps it, and gives it to another when its consumer dies. An item that kills
// whoever touches it would go round for ever; after three deliveries it goes to
// the queue of dead letters instead, where somebody can look at it.
//
// Read next: retries.c, the same for tasks.

#include <brood.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum {
    ITEMS = 100,
    POISON = 13
};

static brood_queue_t *jobs, *dead;

static int
consume (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int job;
    (void) in;
    (void) out;
    while (brood_queue_get (jobs, BROOD_FOREVER, "%d", &job) == 0) {
        if (job == POISON)
            kill (getpid (), SIGKILL);
        if (brood_queue_task_done (jobs) < 0)
            return brood_task_fail (task, "task_done");
    }
    return errno == EPIPE ? 0 : brood_task_fail (task, "get");
}
BROOD_TASK (consume);

int
main (int argc, char **argv)
{
    int job;
    brood_init (&argc, &argv);
    dead = brood_queue_new (0);
    jobs = brood_queue_new_with (&(brood_queue_options_t){
        .joinable = 1, .deliveries_max = 3, .dead = dead });
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    // A consumer that dies is started again; it dies three times at most.
    const brood_task_options_t again = { .retries = 3 };
    BROOD_AUTO (future)
    one = brood_pool_submit_with (pool, consume, &again, "nil");
    BROOD_AUTO (future)
    other = brood_pool_submit_with (pool, consume, &again, "nil");

    for (int i = 0; i < ITEMS; i++) {
        if (brood_queue_put (jobs, BROOD_FOREVER, "%d", i) < 0)
            return brood_perror ("joinable_queue");
    }
    if (brood_queue_join (jobs, BROOD_FOREVER) < 0)
        return brood_perror ("joinable_queue");
    brood_queue_close (jobs);
    if (brood_future_get (one, BROOD_FOREVER, "*") < 0
        || brood_future_get (other, BROOD_FOREVER, "*") < 0)
        return brood_perror ("joinable_queue");

    printf ("%d jobs are done, but for %ld\n", ITEMS, brood_queue_qsize (dead));
    while (brood_queue_get (dead, 0, "%d", &job) == 0)
        printf ("job %d killed its consumer three times\n", job);
    brood_queue_destroy (&jobs);
    brood_queue_destroy (&dead);
    return 0;
}
