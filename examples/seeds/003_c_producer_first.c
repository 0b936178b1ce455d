// 003_c_producer_first.c - seed 003-C: the items outlive their producer
//
// SPDX-License-Identifier: MPL-2.0
//
//     $ 003_c_producer_first [ITEMS]
//
// The items outlive their producer, and empty () is exact: it says 0 as long
// as a get will succeed. In Python it may say True of a queue that is not
// empty, and the seed would leave items behind.
//
// Read next: 003_d_value.c.

#include <brood.h>
#include <stdio.h>
#include <stdlib.h>

static int n_items = 5;

static int
producer (void *queue)
{
    for (int item = 0; item < n_items; item++) {
        if (brood_queue_put (queue, -1, "%d", item) < 0)
            return brood_perror ("put");
        printf ("Produced %d\n", item);
    }
    return 0;
}

static int
consumer (void *queue)
{
    int item;
    while (brood_queue_empty (queue) == 0) {
        if (brood_queue_get (queue, 0, "%d", &item) < 0)
            return brood_perror ("get");
        printf ("Consumed %d\n", item);
    }
    return 0;
}

int
main (int argc, char **argv)
{
    if (argc > 1)
        n_items = atoi (argv[1]);
    BROOD_AUTO (queue) queue = brood_queue_new (0);
    BROOD_AUTO (process) producer_process = brood_process_new (producer, queue);
    BROOD_AUTO (process) consumer_process = brood_process_new (consumer, queue);

    brood_process_start (producer_process);
    if (brood_process_join (producer_process, -1) < 0)
        return brood_perror ("producer");

    brood_process_start (consumer_process);
    if (brood_process_join (consumer_process, -1) < 0)
        return brood_perror ("consumer");
    return brood_process_exitcode (producer_process)
           + brood_process_exitcode (consumer_process);
}
