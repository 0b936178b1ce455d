// 002_g_producer_consumer.c - seed 002-G: a producer, a queue and a consumer
//
// SPDX-License-Identifier: MPL-2.0
//
// The seed's consumer stops when it finds the queue empty, which is at once if
// it starts before the first item. Here the producer closes the queue when it
// has no more, and get tells: EPIPE once it is closed and drained.
//
// Read next: 002_h_joinable_queue.c.

#include <brood.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ITEMS = 10,
    SECOND_US = 10000  // 1000000 is the seed's pace
};

typedef struct {
    brood_queue_t *queue;
} producer;

typedef struct {
    brood_queue_t *queue;
} consumer;

BROOD_PROCESS (producer, self)
{
    const char *name = brood_process_name (brood_process_current ());
    for (int i = 0; i < ITEMS; i++) {
        const int item = (int) (random () % 257);
        if (brood_queue_put (self->queue, -1, "%d", item) < 0)
            return brood_perror ("put");
        printf (
            "Process Producer : item %d appended to queue %s\n", item, name);
        usleep (SECOND_US);
        printf ("The size of queue is %ld\n", brood_queue_qsize (self->queue));
    }
    return brood_queue_close (self->queue) < 0;
}

BROOD_PROCESS (consumer, self)
{
    const char *name = brood_process_name (brood_process_current ());
    int item;
    while (brood_queue_get (self->queue, -1, "%d", &item) == 0) {
        usleep (2 * SECOND_US);
        printf (
            "Process Consumer : item %d popped from by %s \n\n", item, name);
        usleep (SECOND_US);
    }
    if (errno != EPIPE || brood_queue_empty (self->queue) != 1)
        return brood_perror ("get");
    puts ("the queue is empty");
    return 0;
}

int
main (void)
{
    BROOD_AUTO (queue) queue = brood_queue_new (0);
    BROOD_AUTO (process) process_producer =
        brood_process_new_of (producer, &(producer){ queue });
    BROOD_AUTO (process) process_consumer =
        brood_process_new_of (consumer, &(consumer){ queue });
    brood_process_start (process_producer);
    brood_process_start (process_consumer);
    if (brood_process_join (process_producer, -1) < 0
        || brood_process_join (process_consumer, -1) < 0)
        return brood_perror ("join");
    return brood_process_exitcode (process_producer)
           + brood_process_exitcode (process_consumer);
}
