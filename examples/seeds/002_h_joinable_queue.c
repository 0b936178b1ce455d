// 002_h_joinable_queue.c - seed 002-H: waiting until all that was put is done
//
// SPDX-License-Identifier: MPL-2.0
//
// task_done says that what this process got is done with; join waits until
// that was said of every item. An item whose getter dies before it said so
// comes back to the queue, which Python's JoinableQueue does not do.
//
// Read next: 002_i_two_pipes.c.

#include <brood.h>
#include <stdio.h>

enum {
    ITEMS = 10
};

static int
consume (void *arg)
{
    brood_queue_t *queue = arg;
    int item;
    while (brood_queue_get (queue, -1, "%d", &item) == 0) {
        printf ("item %d is done\n", item);
        if (brood_queue_task_done (queue) < 0)
            return brood_perror ("task_done");
    }
    return 0;
}

int
main (void)
{
    // Line by line, also into a file: main's lines keep their place then.
    setvbuf (stdout, NULL, _IOLBF, BUFSIZ);
    BROOD_AUTO (queue) queue = brood_queue_new_joinable (0);
    BROOD_AUTO (process) p = brood_process_new (consume, queue);
    if (brood_process_start (p) < 0)
        return brood_perror ("start");
    for (int i = 0; i < ITEMS; i++)
        brood_queue_put (queue, -1, "%d", i);
    if (brood_queue_join (queue, -1) < 0)
        return brood_perror ("join");
    puts ("all items are done");

    brood_queue_close (queue);
    if (brood_process_join (p, -1) < 0)
        return brood_perror ("consume");
    return brood_process_exitcode (p);
}
